//! What the options of `less` say about colours. Its variable `LESS` and its command line have the
//! same syntax: letters, of which some take a number or a text, and names.

/// What `less` does with the escape sequences of colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LessEscapes {
    /// It shows them as text.
    #[default]
    AsText,
    /// It passes them on.
    Passed,
}

impl LessEscapes {
    /// Returns what `less` does after further options. The last option that decides it wins.
    pub(super) fn after(self, options: &str) -> Self {
        let mut found = self;
        let mut rest = options;
        // Whether the letters set their options back to the default.
        let mut is_reset = false;
        while let Some(letter) = rest.chars().next() {
            rest = rest.strip_prefix(letter).unwrap_or_default();
            match letter {
                ' ' | '\t' | END_OF_TEXT => {}
                '-' => {
                    if let Some(named) = rest.strip_prefix('-') {
                        (found, rest) = found.after_name(named);
                        continue;
                    }
                    is_reset = rest.starts_with('+');
                    rest = rest.strip_prefix('+').unwrap_or(rest);
                }
                'R' | 'r' if is_reset => found = Self::AsText,
                'R' | 'r' => found = Self::Passed,
                letter if is_reset && letter != '+' => {}
                letter if TAKE_NUMBER.contains(letter) => {
                    rest = rest.trim_start_matches(' ');
                    rest = rest.trim_start_matches(|next: char| {
                        next.is_ascii_digit() || matches!(next, '.' | ',' | '-')
                    });
                }
                letter if TAKE_TEXT.contains(letter) => rest = behind_text(rest),
                _ => {}
            }
        }
        found
    }

    /// Returns what `less` does after an option by name, and the options behind it.
    fn after_name(self, named: &str) -> (Self, &str) {
        let (is_reset, named) = match named.strip_prefix('+') {
            Some(named) => (true, named),
            None => (false, named),
        };
        let end = named.find([' ', '\t', '=', END_OF_TEXT]);
        let (name, rest) = named
            .split_at_checked(end.unwrap_or(named.len()))
            .unwrap_or_default();
        // A name may be cut short. In capitals it is the option of the capital letter.
        let is_same = |whole: &str| name.len() >= SHORTEST && whole.starts_with(name);
        let found = if !is_same("raw-control-chars") && !is_same("RAW-CONTROL-CHARS") {
            self
        } else if is_reset {
            Self::AsText
        } else {
            Self::Passed
        };
        let lower = name.to_ascii_lowercase();
        let takes_text = NAMES_WITH_TEXT.iter().any(|start| lower.starts_with(start));
        (found, if takes_text { behind_text(rest) } else { rest })
    }
}

/// Returns the options behind the text that an option takes.
fn behind_text(rest: &str) -> &str {
    rest.split_once(END_OF_TEXT).map_or("", |(_, rest)| rest)
}

/// The end of a text that an option takes, if other options follow.
const END_OF_TEXT: char = '$';

/// Options that take a number, or several.
const TAKE_NUMBER: &str = "bhjxyz#";

/// Options that take a text up to its end, spaces included.
const TAKE_TEXT: &str = "DkoOpPtT\"+";

/// The beginnings of names that take a text.
const NAMES_WITH_TEXT: [&str; 8] = [
    "prompt", "log-file", "pattern", "tag", "color", "lesskey", "quotes", "rscroll",
];

/// Number of letters of the shortest name that is the beginning of one option only.
const SHORTEST: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_options_for_escapes_pass_colours() {
        for (options, expected) in [
            ("", false),
            ("R", true),
            ("FRX", true),
            ("-FRSX", true),
            ("-r", true),
            ("-i -R", true),
            ("--RAW-CONTROL-CHARS", true),
            ("--raw-control-chars", true),
            ("-i --RAW", true),
            ("--ignore-case", false),
            ("-i --quit-if-one-screen", false),
            ("--quit-if-one-screen --no-init -R", true),
            ("-R -+R", false),
            ("-R --+RAW-CONTROL-CHARS", false),
            ("-+RX", false),
            ("-+i -R", true),
            // Options that take a text or a number.
            ("-PReader", false),
            ("-PReader$R", true),
            ("-iPm prompt with R$ -F", false),
            ("-x4R", true),
            ("-x 4,8 -R", true),
            ("-j.5R", true),
            ("-Dd+r$i", false),
            ("-o Record", false),
            ("--prompt=Reader", false),
            ("--prompt=Reader$-R", true),
            ("--tabs=4 -R", true),
            ("--LOG-FILE=Record", false),
            ("+/Result", false),
        ] {
            let passes = LessEscapes::default().after(options) == LessEscapes::Passed;
            assert_eq!(passes, expected, "{options:?}");
        }
    }
}
