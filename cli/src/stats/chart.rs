//! Charts of characters: a row of columns, and a bar. Each has a form in ASCII, for terminals and
//! fonts without the blocks of Unicode.

use std::ffi::OsString;

/// The characters of charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChartLetters {
    /// Blocks.
    Unicode,
    Ascii,
}

impl ChartLetters {
    /// Returns the characters that the locale can show: the first variable that is set decides.
    pub(super) fn of(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
        let locale = locale.map(|locale| locale.to_string_lossy().to_ascii_lowercase());
        match locale {
            Some(locale) if locale.contains("utf-8") || locale.contains("utf8") => Self::Unicode,
            Some(_) | None => Self::Ascii,
        }
    }

    /// Returns a row with a column for each value, relative to the greatest. A value of 0 is a dot,
    /// and each other one is seen.
    pub(super) fn columns(self, values: &[u64]) -> String {
        let greatest = values.iter().copied().max().unwrap_or(0);
        values
            .iter()
            .map(|value| self.column(*value, greatest))
            .collect()
    }

    fn column(self, value: u64, greatest: u64) -> char {
        let (none, steps): (char, &[char]) = match self {
            Self::Unicode => ('·', &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']),
            Self::Ascii => ('.', &['1', '2', '3', '4', '5', '6', '7', '8', '9']),
        };
        if value == 0 {
            return none;
        }
        // Rounded up, so that the greatest value has the last step, and 1 the first.
        let number = u128::from(value) * steps.len() as u128;
        let step = number.div_ceil(u128::from(greatest)).saturating_sub(1);
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        steps.get(step).copied().unwrap_or(none)
    }

    /// Returns a bar whose length is to `cells` as the value is to the greatest. It is never empty.
    pub(super) fn bar(self, value: f64, greatest: f64, cells: usize) -> String {
        let share = if greatest > 0.0 {
            (value / greatest).clamp(0.0, 1.0)
        } else {
            0.0
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a bar has few cells"
        )]
        let eighths = (share * (cells * 8) as f64).round() as usize;
        let eighths = eighths.max(1);
        match self {
            Self::Ascii => "#".repeat(eighths.div_ceil(8)),
            Self::Unicode => {
                let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
                let part = parts.get(eighths % 8).copied().unwrap_or_default();
                "█".repeat(eighths / 8) + part
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_relative_to_the_greatest_value() {
        let values = [0, 1, 2, 50, 99, 100];
        assert_eq!(ChartLetters::Unicode.columns(&values), "·▁▁▄██");
        assert_eq!(ChartLetters::Ascii.columns(&values), ".11599");
        assert_eq!(ChartLetters::Unicode.columns(&[3]), "█");
        assert_eq!(ChartLetters::Unicode.columns(&[0, 0]), "··");
        assert_eq!(ChartLetters::Unicode.columns(&[u64::MAX, 1]), "█▁");
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_empty() {
        for (value, unicode, ascii) in [
            (0.0, "▏", "#"),
            (1.0, "▏", "#"),
            (50.0, "██", "##"),
            (60.0, "██▍", "###"),
            (100.0, "████", "####"),
            (900.0, "████", "####"),
        ] {
            assert_eq!(
                ChartLetters::Unicode.bar(value, 100.0, 4),
                unicode,
                "{value}"
            );
            assert_eq!(ChartLetters::Ascii.bar(value, 100.0, 4), ascii, "{value}");
        }
    }

    #[test]
    fn the_locale_decides_the_characters() {
        for (set, expected) in [
            (&[] as &[(&str, &str)], ChartLetters::Ascii),
            (&[("LANG", "C.UTF-8")], ChartLetters::Unicode),
            (
                &[("LANG", "de_DE.utf8"), ("LC_ALL", "")],
                ChartLetters::Unicode,
            ),
            (
                &[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")],
                ChartLetters::Ascii,
            ),
        ] {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            assert_eq!(ChartLetters::of(&variable), expected, "{set:?}");
        }
    }
}
