//! A value of a record as a condition sees it, from a parsed record or where it stands in a line, and what it is
//! compared with. Both ways of finding a value compare alike. Where values are found is not known here.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};
use time::OffsetDateTime;

use super::number::{NumberBound, short_integer};
use super::text_of;
use crate::record::Level;
use crate::record::raw::RawText;

/// What a value is compared with.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Text {
        text: String,
        number: Option<NumberBound>,
    },
    Level(Level),
    Time(OffsetDateTime),
}

/// A value of a record, of the kind that it is compared as.
#[derive(Debug)]
pub(super) enum FoundValue<'a> {
    Text(Cow<'a, str>),
    /// A text where it stands in a line, in which nothing is escaped.
    Plain(&'a [u8]),
    /// The JSON of a number.
    Number(Cow<'a, str>),
    /// `true`, `false` or `null`.
    Word(&'static str),
    Level(Level),
    Time(OffsetDateTime),
    /// A list or an object, which equals nothing that fits on a command line.
    Compound(&'a Value),
}

impl<'a> From<&'a Value> for FoundValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Word("null"),
            Value::Bool(true) => Self::Word("true"),
            Value::Bool(false) => Self::Word("false"),
            Value::Number(number) => Self::Number(number.to_string().into()),
            Value::String(text) => Self::Text(text.into()),
            Value::Array(_) | Value::Object(_) => Self::Compound(value),
        }
    }
}

impl<'a> FoundValue<'a> {
    /// Reads a value from its JSON, unless it takes a parser to.
    pub(super) fn of_json(json: &'a [u8]) -> Option<Self> {
        if let Some(text) = RawText::quoted(json) {
            return text.plain_bytes().map(Self::Plain);
        }
        Some(match std::str::from_utf8(json).ok()? {
            "null" => Self::Word("null"),
            "true" => Self::Word("true"),
            "false" => Self::Word("false"),
            json if json.starts_with(['{', '[']) => return None,
            number => Self::Number(number.into()),
        })
    }
}

impl FoundValue<'_> {
    pub(super) fn equals(&self, wanted: &Operand) -> bool {
        let is_same_text = match (self, wanted) {
            (Self::Text(text), Operand::Text { text: wanted, .. }) => text == wanted,
            (Self::Plain(text), Operand::Text { text: wanted, .. }) => *text == wanted.as_bytes(),
            (Self::Word(word), Operand::Text { text: wanted, .. }) => word == wanted,
            (_, _) => false,
        };
        is_same_text || self.compare(wanted) == Some(Ordering::Equal)
    }

    /// Compares the value with another; `None` if one of them is of a type that has no order with the other.
    pub(super) fn compare(&self, bound: &Operand) -> Option<Ordering> {
        match (self, bound) {
            (Self::Level(level), Operand::Level(bound)) => Some(level.cmp(bound)),
            (Self::Time(time), Operand::Time(bound)) => Some(time.cmp(bound)),
            (_, Operand::Text { number, .. }) => {
                let bound = number.as_ref()?;
                match self {
                    Self::Text(text) => bound.compare(text.as_bytes()),
                    Self::Plain(text) => bound.compare(text),
                    Self::Number(json) if json.len() <= EXACT_NUMBER_BYTES => {
                        bound.compare(json.as_bytes())
                    }
                    Self::Number(json) => bound.compare(as_parsed(json).as_bytes()),
                    Self::Word(_) | Self::Level(_) | Self::Time(_) | Self::Compound(_) => None,
                }
            }
            (_, Operand::Level(_) | Operand::Time(_)) => None,
        }
    }

    pub(super) fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Plain(text) => String::from_utf8_lossy(text),
            Self::Number(json) => as_parsed(json),
            Self::Word(word) => Cow::Borrowed(word),
            Self::Level(level) => Cow::Borrowed(level.as_str()),
            Self::Time(time) => crate::record::format_timestamp(*time).into(),
            Self::Compound(value) => text_of(value),
        }
    }
}

/// Returns the JSON of a number as it is once the line was parsed: integers beyond 64 bits and fractions are floats
/// then, of which the shortest form is written.
fn as_parsed(json: &str) -> Cow<'_, str> {
    if short_integer(json.as_bytes()).is_some() && json != "-0" {
        return json.into();
    }
    let number = serde_json::from_str(json);
    number.map_or(json.into(), |number: Number| number.to_string().into())
}

/// How long a number may be whose digits a float surely keeps: 15 digits and a point.
const EXACT_NUMBER_BYTES: usize = 16;
