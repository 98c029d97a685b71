//! What is emitted: the same values for everybody. How they are emitted is `facade`'s business.

use std::fmt;
use std::sync::LazyLock;

use crate::Result;

/// What every event of one measurement holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A message, two short strings, an integer, a float and a boolean, in two spans with three fields.
    First,
    /// The same outside of spans.
    NoSpans,
    /// Twelve fields instead of five.
    TwelveFields,
    /// The same as the first, with 1 KiB of text that needs escaping.
    Escaped,
    /// The same as the first, its strings given as values to be formatted.
    Formatted,
}

impl Work {
    pub(super) const ALL: [Self; 5] = [
        Self::First,
        Self::NoSpans,
        Self::TwelveFields,
        Self::Escaped,
        Self::Formatted,
    ];

    /// Returns the word for it between this process and those that measure.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::NoSpans => "no-spans",
            Self::TwelveFields => "12-fields",
            Self::Escaped => "escaped",
            Self::Formatted => "formatted",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("no work is called `{word}`").into())
    }

    /// Says it in a heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::First => "five fields in two spans",
            Self::NoSpans => "five fields, no spans",
            Self::TwelveFields => "12 fields in two spans",
            Self::Escaped => "five fields and 1 KiB of text to escape, in two spans",
            Self::Formatted => "`Debug` and `Display` values in two spans",
        }
    }

    /// Returns how long its line is, to a few bytes, as localtel writes it: the floor copies as many.
    pub(super) fn line_bytes(self) -> usize {
        match self {
            Self::First => 430,
            Self::NoSpans => 315,
            Self::TwelveFields => 540,
            Self::Escaped => 1655,
            Self::Formatted => 490,
        }
    }
}

/// What every line of an event holds, and no other line.
pub(super) const MESSAGE: &str = "listed projects";

pub(super) const COMMAND: &str = "project-list";
pub(super) const RESULT: &str = "SUCCESS";
pub(super) const REGION: &str = "eu-west-1";
pub(super) const HOST: &str = "db1.internal";
pub(super) const USER: &str = "eve";
pub(super) const TABLE: &str = "projects";
pub(super) const REQUEST: u64 = 7;

/// A text of 1 KiB, in which about every fifth byte needs escaping.
pub(super) static TEXT: LazyLock<String> =
    LazyLock::new(|| TEXT_PART.repeat(TEXT_BYTES / TEXT_PART.len()));

/// What a program formats with `Debug`.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "its fields are formatted")]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) page: u32,
    pub(super) sort: Option<&'static str>,
}

pub(super) const FORMATTED_COMMAND: Command = Command {
    name: COMMAND,
    page: 3,
    sort: Some("name"),
};

/// What a program formats with `Display`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    rows: u32,
    seconds: f32,
}

pub(super) const FORMATTED_OUTCOME: Outcome = Outcome {
    rows: 12,
    seconds: 0.5,
};

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows in {} s", self.rows, self.seconds)
    }
}

const TEXT_BYTES: usize = 1024;

/// 64 bytes, 12 of them quotes, backslashes, tabs and line ends.
const TEXT_PART: &str =
    "SELECT \"name\"\n\tFROM \"projects\"\n\tWHERE path = \"C:\\temp\" AND id<7\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_one_kib() {
        assert_eq!(TEXT.len(), TEXT_BYTES);
    }
}
