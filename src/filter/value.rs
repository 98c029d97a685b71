//! A value of a record as a condition reads it, and the operand that it is compared with. Values
//! are located elsewhere.

use std::borrow::Cow;
use std::cmp::Ordering;

use time::OffsetDateTime;

use super::number::NumberBound;
use crate::record::Level;
use crate::record::raw::RawValue;

/// The operand of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Text {
        text: String,
        number: Option<NumberBound>,
    },
    Level(Level),
    Time(OffsetDateTime),
}

/// A value of a record, by the type as which it is compared.
#[derive(Debug)]
pub(super) enum FoundValue<'a> {
    Json(RawValue<'a>),
    Level(Level),
    Time(OffsetDateTime),
}

impl FoundValue<'_> {
    pub(super) fn equals(&self, wanted: &Operand) -> bool {
        let is_same_text = match (self, wanted) {
            (
                Self::Json(RawValue::Text(text) | RawValue::Word(text)),
                Operand::Text { text: wanted, .. },
            ) => text == wanted,
            (_, _) => false,
        };
        is_same_text || self.compare(wanted) == Some(Ordering::Equal)
    }

    /// Compares the value with an operand; `None` if their types have no order.
    pub(super) fn compare(&self, bound: &Operand) -> Option<Ordering> {
        match (self, bound) {
            (Self::Level(level), Operand::Level(bound)) => Some(level.cmp(bound)),
            (Self::Time(time), Operand::Time(bound)) => Some(time.cmp(bound)),
            (Self::Json(value), Operand::Text { number, .. }) => {
                let bound = number.as_ref()?;
                match value {
                    RawValue::Text(text) => bound.compare(text.as_bytes()),
                    RawValue::Number(json) if is_kept_by_floats(json) => {
                        bound.compare(json.as_bytes())
                    }
                    RawValue::Number(_) => bound.compare(value.to_text().as_bytes()),
                    RawValue::Word(_) | RawValue::Compound(_) => None,
                }
            }
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
