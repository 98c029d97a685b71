//! A value of a record as a part of its line, by its JSON type.

use std::borrow::Cow;

use serde_json::Value;

use super::{RawText, text_of};

/// A value of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "JSON has no other values")]
pub enum RawValue<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number, as written in the line.
    Number(Cow<'a, str>),
    /// `true`, `false` or `null`.
    Word(Cow<'a, str>),
    /// A list or an object, as written in the line.
    Compound(Cow<'a, str>),
}

impl<'a> RawValue<'a> {
    /// Reads a value from its JSON.
    pub(crate) fn of_json(json: &'a [u8]) -> Self {
        if let Some(text) = RawText::quoted(json) {
            return Self::Text(text.decoded());
        }
        let text = text_of(json);
        match json.first() {
            Some(b'{' | b'[') => Self::Compound(text),
            Some(b't' | b'f' | b'n') => Self::Word(text),
            Some(_) | None => Self::Number(text),
        }
    }

    /// Converts a parsed value.
    pub(crate) fn of_value(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.into()),
            Value::Number(number) => Self::Number(number.to_string().into()),
            Value::Null | Value::Bool(_) => Self::Word(value.to_string().into()),
            Value::Array(_) | Value::Object(_) => Self::Compound(value.to_string().into()),
        }
    }

    /// Returns the value as it is after parsing: a string without quotes, anything else as JSON.
    /// Integers beyond 64 bits and fractions are floats then, and are written in their shortest
    /// form.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) | Self::Word(text) => Cow::Borrowed(text),
            Self::Number(json) if is_short_integer(json) => Cow::Borrowed(json),
            Self::Number(json) | Self::Compound(json) => {
                match serde_json::from_str::<Value>(json) {
                    Ok(value) => Cow::Owned(value.to_string()),
                    Err(_) => Cow::Borrowed(json),
                }
            }
        }
    }
}

/// Returns `true` if parsing certainly does not change a number.
fn is_short_integer(json: &str) -> bool {
    let is_in_integer = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    json.len() <= INTEGER_BYTES && json != "-0" && json.bytes().all(is_in_integer)
}

/// Integers with a sign and 17 digits, or with 18 digits, fit into 64 bits.
const INTEGER_BYTES: usize = 18;
