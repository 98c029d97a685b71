//! The values of a record as a condition reads them, and the operand that each is compared with.
//! Values are located elsewhere.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;
use time::OffsetDateTime;

use super::number::NumberBound;
use super::version::VersionBound;
use crate::record::Level;
use crate::record::raw::{RawSpans, RawText, RawValue};

/// The operand of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Text { text: String, rank: Rank },
    Level(Level),
    Time(OffsetDateTime),
}

/// What the text of an operand is in the order of the values of its key.
#[derive(Debug, Clone)]
pub(super) enum Rank {
    Number(NumberBound),
    Version(VersionBound),
    /// A text that has no order.
    Text,
}

/// What a key has in a record.
#[derive(Debug)]
pub(super) enum TermValue<'a> {
    Value(FoundValue<'a>),
    /// The names of the spans, of which there is at least one.
    SpanNames(RawSpans<'a>),
}

/// A value of a record, by the type as which it is compared.
#[derive(Debug)]
pub(super) enum FoundValue<'a> {
    Json(RawValue<'a>),
    Level(Level),
    Time(OffsetDateTime),
}

impl<'a> TermValue<'a> {
    /// Returns `true` if the value passes a test or, of a list, one of its elements.
    pub(super) fn any(&self, mut passes: impl FnMut(&FoundValue<'_>) -> bool) -> bool {
        match self {
            Self::Value(value) => passes(value) || value.elements().iter().any(passes),
            Self::SpanNames(spans) => {
                let mut names = spans.iter();
                names.any(|(name, _)| passes(&FoundValue::of_text(name)))
            }
        }
    }

    /// Returns the value or, of a list, its elements.
    pub(super) fn into_values(self) -> Vec<RawValue<'a>> {
        let to_json = |value| match value {
            FoundValue::Json(value) => value,
            FoundValue::Level(_) | FoundValue::Time(_) => {
                RawValue::Text(value.to_text().into_owned().into())
            }
        };
        let values = match self {
            Self::Value(value) => match value.elements() {
                elements if elements.is_empty() => vec![value],
                elements => elements,
            },
            Self::SpanNames(spans) => {
                let names = spans.iter().map(|(name, _)| FoundValue::of_text(name));
                names.collect()
            }
        };
        values.into_iter().map(to_json).collect()
    }
}

impl<'a> FoundValue<'a> {
    pub(super) fn of_text(text: RawText<'a>) -> Self {
        Self::Json(RawValue::Text(text.decoded()))
    }

    /// Returns the elements, if the value is a list.
    fn elements(&self) -> Vec<FoundValue<'static>> {
        match self {
            Self::Json(RawValue::Compound(json)) if json.starts_with('[') => {
                let elements: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
                let elements = elements.into_iter().map(RawValue::of_value);
                elements.map(FoundValue::Json).collect()
            }
            Self::Json(_) | Self::Level(_) | Self::Time(_) => Vec::new(),
        }
    }

    pub(super) fn equals(&self, wanted: &Operand) -> bool {
        let is_same_text = match (self, wanted) {
            (
                Self::Json(RawValue::Text(text) | RawValue::Word(text)),
                Operand::Text { text: wanted, .. },
            ) => text == wanted,
            (Self::Json(value @ RawValue::Compound(_)), Operand::Text { text: wanted, .. }) => {
                wanted.starts_with(['[', '{']) && value.to_text() == *wanted
            }
            (_, _) => false,
        };
        is_same_text || self.compare(wanted) == Some(Ordering::Equal)
    }

    /// Compares the value with an operand; `None` if their types have no order.
    pub(super) fn compare(&self, bound: &Operand) -> Option<Ordering> {
        match (self, bound) {
            (Self::Level(level), Operand::Level(bound)) => Some(level.cmp(bound)),
            (Self::Time(time), Operand::Time(bound)) => Some(time.cmp(bound)),
            (Self::Json(value), Operand::Text { rank, .. }) => match (rank, value) {
                (Rank::Number(bound), RawValue::Text(text)) => bound.compare(text.as_bytes()),
                (Rank::Number(bound), RawValue::Number(json)) if is_kept_by_floats(json) => {
                    bound.compare(json.as_bytes())
                }
                (Rank::Number(bound), RawValue::Number(_)) => {
                    bound.compare(value.to_text().as_bytes())
                }
                (Rank::Version(bound), RawValue::Text(text) | RawValue::Number(text)) => {
                    bound.compare(text)
                }
                (Rank::Number(_) | Rank::Version(_), RawValue::Word(_) | RawValue::Compound(_))
                | (Rank::Text, _) => None,
            },
            (_, _) => None,
        }
    }

    pub(super) fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Json(value) => value.to_text(),
            Self::Level(level) => Cow::Borrowed(level.as_str()),
            Self::Time(time) => crate::record::format_timestamp(*time).into(),
        }
    }
}

/// Returns `true` if a float certainly keeps the digits of a number.
fn is_kept_by_floats(json: &str) -> bool {
    json.len() <= EXACT_NUMBER_BYTES && !json.contains(['e', 'E'])
}

/// The length of a number whose digits a float certainly keeps: 15 digits and a point.
const EXACT_NUMBER_BYTES: usize = 16;
