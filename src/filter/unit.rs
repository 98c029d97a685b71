//! Durations with a unit, such as `1.5s`, and the keys whose unit is known.

use super::number::NumberBound;

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
}

impl TimeUnit {
    /// Returns the unit of the values of a key, if its name tells it: the last part of the name is
    /// `duration`, or ends in `_ms` or `_us`.
    pub(super) fn of_key(name: &str) -> Option<Self> {
        let last = name.rsplit('.').next().unwrap_or(name);
        if last == "duration" || last.ends_with("_ms") {
            Some(Self::Millisecond)
        } else if last.ends_with("_us") {
            Some(Self::Microsecond)
        } else {
            None
        }
    }

    /// Splits a text such as `1.5s` into its number and its unit.
    pub(super) fn split(text: &str) -> Option<(&str, Self)> {
        let is_of_number = |letter: char| letter.is_ascii_digit() || "+-.".contains(letter);
        let unit = text.trim_start_matches(is_of_number);
        let number = text.strip_suffix(unit)?;
        NumberBound::parse(number)?;
        let unit = match unit.trim_start() {
            "ns" => Self::Nanosecond,
            "us" | "µs" | "μs" => Self::Microsecond,
            "ms" => Self::Millisecond,
            "s" => Self::Second,
            "m" | "min" => Self::Minute,
            "h" => Self::Hour,
            _ => return None,
        };
        Some((number, unit))
    }

    /// Converts a text such as `1.5s` into a number of this unit, exactly.
    pub(super) fn convert(self, text: &str) -> Option<NumberBound> {
        let (number, unit) = Self::split(text)?;
        // The units of keys are powers of ten.
        let (_, own_power) = self.in_nanoseconds();
        let (factor, power) = unit.in_nanoseconds();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scaled = digits.checked_mul(factor)?;
        let exponent = power - own_power - i32::try_from(fraction.len()).ok()?;
        NumberBound::parse(&match u32::try_from(exponent) {
            Ok(exponent) => scaled
                .checked_mul(10_i128.checked_pow(exponent)?)?
                .to_string(),
            Err(_) => format!("{scaled}e{exponent}"),
        })
    }

    /// Returns how many nanoseconds it is: a factor and a power of ten.
    fn in_nanoseconds(self) -> (i128, i32) {
        match self {
            Self::Nanosecond => (1, 0),
            Self::Microsecond => (1, 3),
            Self::Millisecond => (1, 6),
            Self::Second => (1, 9),
            Self::Minute => (6, 10),
            Self::Hour => (36, 11),
        }
    }

    /// Returns the name of several.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Nanosecond => "nanoseconds",
            Self::Microsecond => "microseconds",
            Self::Millisecond => "milliseconds",
            Self::Second => "seconds",
            Self::Minute => "minutes",
            Self::Hour => "hours",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn the_last_part_of_a_key_tells_its_unit() {
        let (ms, us) = (Some(TimeUnit::Millisecond), Some(TimeUnit::Microsecond));
        for (name, unit) in [
            ("duration", ms),
            ("duration_ms", ms),
            ("wait_ms", ms),
            ("request.duration", ms),
            ("duration_us", us),
            ("a.b_us", us),
            ("duration.total", None),
            ("ms", None),
            ("size", None),
            ("durations", None),
        ] {
            assert_eq!(TimeUnit::of_key(name), unit, "{name}");
        }
    }

    #[test]
    fn durations_are_converted_exactly() {
        for (text, milliseconds) in [
            ("1.5s", "1500"),
            ("2s", "2000"),
            ("0.25ms", "0.25"),
            ("1us", "0.001"),
            ("3µs", "0.003"),
            ("3μs", "0.003"),
            ("5ns", "0.000005"),
            ("1m", "60000"),
            ("1.5min", "90000"),
            ("0.001h", "3600"),
            ("1 s", "1000"),
            ("-1s", "-1000"),
            ("+.5s", "500"),
            ("5.s", "5000"),
            ("0.000000000000000001h", "0.0000000000036"),
        ] {
            let bound = TimeUnit::Millisecond.convert(text).unwrap();
            let ordering = bound.compare(milliseconds.as_bytes());
            assert_eq!(ordering, Some(Ordering::Equal), "{text}");
        }
        let bound = TimeUnit::Microsecond.convert("1.5ms").unwrap();
        assert_eq!(bound.compare(b"1500"), Some(Ordering::Equal));
    }

    #[test]
    fn a_text_without_number_or_unit_is_no_duration() {
        for text in [
            "", "s", "1", "1.5", "1x", "s1", "1s2", "1e3s", "--1s", "1.2.3s", "1S",
        ] {
            assert!(TimeUnit::Millisecond.convert(text).is_none(), "{text}");
        }
    }
}
