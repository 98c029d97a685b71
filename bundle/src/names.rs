//! The values of the partitions of a tree, as in `host=web-1`: a form of any name that every file
//! system and every engine takes as it is. Two names never share a value, and a value is decoded
//! without a table. Which names a tree has is left to `tree`.
//!
//! Each letter, digit, `.`, `-` and `_` stays. Every other byte becomes `_xHH`, with two
//! hexadecimal digits in lower case. So do a `_` before an `x`, and the first `.` of the names `.`
//! and `..`, which would be other directories. The empty name becomes `_x`.

use std::fmt;
use std::str::FromStr;

/// A name as the value of a partition: one or more of `[A-Za-z0-9._-]`, and neither `.` nor `..`.
///
/// ```
/// use localtel_bundle::names::PartitionValue;
///
/// let value = PartitionValue::of("web 1/b");
/// assert_eq!(value.as_str(), "web_x201_x2fb");
/// assert_eq!(value.name(), "web 1/b");
/// assert!("web 1".parse::<PartitionValue>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionValue {
    text: String,
    name: String,
}

impl PartitionValue {
    /// Returns the value for a name.
    pub fn of(name: &str) -> Self {
        Self {
            text: encode(name),
            name: name.to_owned(),
        }
    }

    /// Returns the value, as it is in a path.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the name that the value stands for.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for PartitionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The error for a text that is not the value of any name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not the value of a partition", .text.escape_debug())]
pub struct NoPartitionValue {
    text: String,
}

impl FromStr for PartitionValue {
    type Err = NoPartitionValue;

    fn from_str(text: &str) -> Result<Self, NoPartitionValue> {
        // A name has one value: `a` could otherwise be written as `_x61`, too.
        match decode(text).filter(|name| encode(name) == text) {
            Some(name) => Ok(Self {
                text: text.to_owned(),
                name,
            }),
            None => Err(NoPartitionValue {
                text: text.to_owned(),
            }),
        }
    }
}

fn encode(name: &str) -> String {
    if name.is_empty() {
        return ESCAPE.to_owned();
    }
    let mut text = String::with_capacity(name.len());
    let bytes = name.as_bytes();
    for (at, byte) in bytes.iter().copied().enumerate() {
        let stays = match byte {
            b'.' => at > 0 || !matches!(name, "." | ".."),
            b'_' => bytes.get(at + 1) != Some(&b'x'),
            b'-' => true,
            other => other.is_ascii_alphanumeric(),
        };
        if stays {
            text.push(char::from(byte));
        } else {
            text.push_str(ESCAPE);
            text.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from_digit(digit.into(), 16))
                    .into_iter()
                    .flatten(),
            );
        }
    }
    text
}

fn decode(text: &str) -> Option<String> {
    if text == ESCAPE {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        if let Some(escaped) = rest.strip_prefix(ESCAPE) {
            let digits = escaped.get(..2)?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = escaped.get(2..)?;
        } else {
            bytes.push(first);
            rest = rest.get(1..)?;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The beginning of an encoded byte.
const ESCAPE: &str = "_x";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_byte_has_its_form() {
        for (name, value) in [
            ("web-1.example", "web-1.example"),
            ("My_App", "My_App"),
            ("a_b", "a_b"),
            ("a_x", "a_x5fx"),
            ("_x61", "_x5fx61"),
            ("__x", "__x5fx"),
            ("a_", "a_"),
            ("_ ", "__x20"),
            (".", "_x2e"),
            ("..", "_x2e."),
            ("...", "..."),
            (".a", ".a"),
            ("", "_x"),
            ("a/b", "a_x2fb"),
            ("a:b", "a_x3ab"),
            ("ä", "_xc3_xa4"),
            ("a=b", "a_x3db"),
            ("%2F", "_x252F"),
            ("\u{1b}[31m", "_x1b_x5b31m"),
        ] {
            assert_eq!(PartitionValue::of(name).as_str(), value, "{name:?}");
            assert_eq!(value.parse::<PartitionValue>().unwrap().name(), name);
        }
    }

    #[test]
    fn a_text_that_no_name_has_is_refused() {
        for text in [
            "", ".", "..", "a b", "a/b", "_x61", "_x5f", "_x2", "_xC3_xA4", "_xff", "_x+1", "a_x",
            "_x2e.a", "_x2ea", "ä", "a\0", "_xäb",
        ] {
            assert!(text.parse::<PartitionValue>().is_err(), "{text:?}");
        }
    }

    /// Mostly names with the bytes that are special here.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[._x5fe2-]{0,8}", "[a-zA-Z._ /:=%ä]{0,12}", ".*"]
    }

    proptest! {
        #[test]
        fn a_value_is_plain_and_leads_back_to_its_name(name in name()) {
            let value = PartitionValue::of(&name);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            prop_assert!(!value.as_str().is_empty() && value.as_str().bytes().all(plain));
            prop_assert!(!matches!(value.as_str(), "." | ".."));
            let again: PartitionValue = value.as_str().parse().unwrap();
            prop_assert_eq!(again, value);
        }

        #[test]
        fn two_names_never_share_a_value(one in name(), other in name()) {
            let same = PartitionValue::of(&one).as_str() == PartitionValue::of(&other).as_str();
            prop_assert_eq!(same, one == other);
        }

        #[test]
        fn any_text_is_a_value_of_one_name_or_none(text in name()) {
            if let Ok(value) = text.parse::<PartitionValue>() {
                let again = PartitionValue::of(value.name());
                prop_assert_eq!(again.as_str(), text);
            }
        }
    }
}
