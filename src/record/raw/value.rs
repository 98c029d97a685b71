//! A value of a record as a part of its line, by its JSON type.

use std::borrow::Cow;

use serde_json::Value;

use super::{RawJson, text_of};

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
        if let Some(text) = RawJson(json).text() {
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
            Self::Number(json) if is_kept_by_parsing(json.as_bytes()) => Cow::Borrowed(json),
            Self::Number(json) | Self::Compound(json) => {
                match serde_json::from_str::<Value>(json) {
                    Ok(value) => Cow::Owned(value.to_string()),
                    Err(_) => Cow::Borrowed(json),
                }
            }
        }
    }
}

/// Returns `true` if a number certainly is written the same after parsing.
pub(super) fn is_kept_by_parsing(json: &[u8]) -> bool {
    let digits = json.strip_prefix(b"-").unwrap_or(json);
    match digits.iter().position(|byte| !byte.is_ascii_digit()) {
        None => digits.len() <= INTEGER_DIGITS && json != b"-0",
        Some(point) => {
            let (whole, rest) = digits.split_at(point);
            let Some((b'.', fraction)) = rest.split_first() else {
                return false;
            };
            // A float is written with an exponent if it is smaller.
            let is_large = whole != b"0" || !fraction.starts_with(b"00000");
            let has_last = fraction == b"0" || !fraction.ends_with(b"0");
            let is_short = digits.len() <= FRACTION_BYTES;
            is_short && is_large && has_last && fraction.iter().all(u8::is_ascii_digit)
        }
    }
}

/// Integers with so many digits fit into 64 bits.
const INTEGER_DIGITS: usize = 18;

/// A float keeps 15 digits; one byte is the point.
const FRACTION_BYTES: usize = 16;
