//! The command line of bash, which hands over the line and inserts an answer as it is: here the
//! line is split into words, and the rest of a word is quoted as the user began it.

/// A line of bash up to the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BashLine {
    /// The words before the last one.
    pub(super) words: Vec<String>,
    /// The word at the cursor, without quotes.
    pub(super) typed: String,
    /// The quotes in which the cursor is.
    pub(super) quotes: Quotes,
}

/// The quotes around a place of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    None,
    Single,
    Double,
}

impl BashLine {
    /// Splits a line. Returns `None` if the next letter is quoted by a backslash, or if the word is
    /// the file of a redirection.
    pub(super) fn split(line: &str) -> Option<Self> {
        let mut words = Vec::new();
        // A word that has begun can still be empty, as in quotes.
        let mut word: Option<String> = None;
        let mut quotes = Quotes::None;
        let mut letters = line.chars();
        let mut is_redirection = false;
        while let Some(letter) = letters.next() {
            match (quotes, letter) {
                (Quotes::None, '\'' | '"') => {
                    quotes = if letter == '"' {
                        Quotes::Double
                    } else {
                        Quotes::Single
                    };
                    word.get_or_insert_default();
                }
                (Quotes::Single, '\'') | (Quotes::Double, '"') => quotes = Quotes::None,
                (Quotes::None, '\\') => word.get_or_insert_default().push(letters.next()?),
                (Quotes::Double, '\\') => {
                    let quoted = letters.next()?;
                    let word = word.get_or_insert_default();
                    if !matches!(quoted, '"' | '\\' | '$' | '`') {
                        word.push(letter);
                    }
                    word.push(quoted);
                }
                (Quotes::None, '<' | '>') => {
                    words.extend(word.take());
                    is_redirection = true;
                }
                (Quotes::None, letter) if letter.is_ascii_whitespace() => {
                    if let Some(word) = word.take() {
                        words.extend((!is_redirection).then_some(word));
                        is_redirection = false;
                    }
                }
                (Quotes::None | Quotes::Single | Quotes::Double, letter) => {
                    word.get_or_insert_default().push(letter);
                }
            }
        }
        (!is_redirection).then(|| Self {
            words,
            typed: word.unwrap_or_default(),
            quotes,
        })
    }
}

impl Quotes {
    /// Returns a text so that bash reads it as it is; `None` if it cannot be written here.
    pub(super) fn quoted(self, text: &str) -> Option<String> {
        let is_plain = |letter: char| {
            !letter.is_ascii() || letter.is_ascii_alphanumeric() || "_-./:@%+,=".contains(letter)
        };
        match self {
            Self::None => {
                let mut quoted = String::new();
                for letter in text.chars() {
                    if !is_plain(letter) {
                        quoted.push('\\');
                    }
                    quoted.push(letter);
                }
                Some(quoted)
            }
            Self::Single => (!text.contains('\'')).then(|| text.to_owned()),
            Self::Double => (!text.contains(['"', '$', '`', '\\', '!'])).then(|| text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_bash_splits_it() {
        for (line, words, typed, quotes) in [
            ("localtel ", &["localtel"] as &[&str], "", Quotes::None),
            ("localtel  sh", &["localtel"], "sh", Quotes::None),
            ("a 'b c' d\\ e", &["a", "b c"], "d e", Quotes::None),
            (
                "a \"b\\\"\\x\" '' k=\"v w",
                &["a", "b\"\\x", ""],
                "k=v w",
                Quotes::Double,
            ),
            ("a 'k>1", &["a"], "k>1", Quotes::Single),
            ("a >log b", &["a"], "b", Quotes::None),
        ] {
            let split = BashLine::split(line).unwrap();
            assert_eq!(split.words, words, "{line}");
            assert_eq!(split.typed, typed, "{line}");
            assert_eq!(split.quotes, quotes, "{line}");
        }
        for line in ["a b\\", "a > ", "a 2>lo", "a <"] {
            assert_eq!(BashLine::split(line), None, "{line}");
        }
    }

    #[test]
    fn quoted_text_is_read_as_the_text() {
        for text in [
            "plain",
            "a b",
            "$(touch x)",
            "`x`",
            "a'b",
            "*",
            "~",
            "a!b",
            "ä\\",
            "a\"b;c|d",
        ] {
            let line = format!("a {}", Quotes::None.quoted(text).unwrap());
            assert_eq!(BashLine::split(&line).unwrap().typed, text);
        }
        assert_eq!(Quotes::Double.quoted("$x"), None);
        assert_eq!(Quotes::Single.quoted("a'b"), None);
        assert_eq!(Quotes::Single.quoted("$x").as_deref(), Some("$x"));
    }
}
