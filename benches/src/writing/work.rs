//! The emitted values, the same for all contenders. `facade` has the macros that emit them.

use std::fmt;
use std::sync::LazyLock;

use crate::Result;

/// The contents of each event of one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A message, two short strings, an integer, a float and a boolean, in two spans with three
    /// fields.
    First,
    /// The same outside of spans.
    NoSpans,
    /// Twelve fields instead of five.
    TwelveFields,
    /// The same as the first, with 1 KiB of text that needs escaping.
    Escaped,
    /// The same as the first, with formatted values instead of strings.
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

    /// Returns its name in the arguments of a child process.
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
        found.ok_or_else(|| format!("unknown workload `{word}`").into())
    }

    /// Returns its name in a heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::First => "five fields in two spans",
            Self::NoSpans => "five fields, no spans",
            Self::TwelveFields => "12 fields in two spans",
            Self::Escaped => "five fields and 1 KiB of text to escape, in two spans",
            Self::Formatted => "`Debug` and `Display` values in two spans",
        }
    }

    /// Returns the approximate length of localtel's line; the floor copies as many bytes.
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

/// The message, which is in each line of an event and in no other line.
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

/// A value that is formatted with `Debug`.
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

/// A value that is formatted with `Display`.
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
