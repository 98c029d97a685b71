//! Lossless JSON from the input: keys keep their order, and a number that fits neither 64 bits nor
//! a float becomes text with all of its digits, as such a field of a `tracing` event does.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, IgnoredAny};

/// Parses JSON.
///
/// # Errors
///
/// Returns an error if the text is not JSON, or not the JSON of a `T`.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    // Check the original text first: quoted numbers could hide an error.
    let _checked: IgnoredAny = serde_json::from_slice(json)?;
    serde_json::from_slice(&with_wide_numbers_quoted(json))
}

/// Returns valid JSON with each number in quotes that would change its value when it is parsed.
fn with_wide_numbers_quoted(json: &[u8]) -> Cow<'_, [u8]> {
    let mut quoted = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = json.get(at) {
        let rest = json.get(at..).unwrap_or_default();
        let bytes = match byte {
            b'"' => string_bytes(rest),
            b'-' | b'0'..=b'9' => number_bytes(rest),
            _ => 1,
        };
        let token = rest.get(..bytes).unwrap_or(rest);
        if *byte != b'"' && bytes > 1 && !is_held(token) {
            quoted.extend_from_slice(json.get(copied..at).unwrap_or_default());
            quoted.push(b'"');
            quoted.extend_from_slice(token);
            quoted.push(b'"');
            copied = at + token.len();
        }
        at += token.len();
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    quoted.extend_from_slice(json.get(copied..).unwrap_or_default());
    Cow::Owned(quoted)
}

/// Returns the length in bytes of the string at the start of a text, with its quotes.
fn string_bytes(text: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// Returns the length in bytes of the number at the start of a text.
fn number_bytes(text: &[u8]) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    text.iter().take_while(|byte| is_part(byte)).count()
}

/// Returns `true` if an integer fits into 64 bits, or a fraction into the range of floats.
fn is_held(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else {
        return true;
    };
    if !text.contains(['.', 'e', 'E']) {
        return text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = !mantissa.contains(|digit: char| matches!(digit, '1'..='9'));
    let float = text.parse::<f64>();
    float.is_ok_and(|float| float.is_finite() && (float.abs() > 0.0 || is_zero))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_number_out_of_range_is_text_with_all_its_digits() {
        for (number, expected) in [
            ("0", json!(0)),
            ("-7", json!(-7)),
            ("1.10", json!(1.1)),
            ("1e3", json!(1000.0)),
            ("0.0e-999", json!(0.0)),
            ("9223372036854775807", json!(i64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("18446744073709551615", json!(u64::MAX)),
            ("18446744073709551616", json!("18446744073709551616")),
            ("-9223372036854775809", json!("-9223372036854775809")),
            ("1e400", json!("1e400")),
            ("-1e-400", json!("-1e-400")),
        ] {
            assert_eq!(parse::<Value>(number.as_bytes()).unwrap(), expected);
            let nested =
                format!(r#" {{ "a\"5": [ {number},{{"b":{number} }}], "c": "{number}\\" }} "#);
            let value: Value = parse(nested.as_bytes()).unwrap();
            assert_eq!(
                value,
                json!({"a\"5": [expected, {"b": expected}], "c": format!("{number}\\")}),
                "{nested}"
            );
        }
    }

    #[test]
    fn nested_keys_keep_their_order() {
        let text = r#"{"z":1,"a":{"y":[{"x":2,"b":3}],"c":4}}"#;
        let value: Value = parse(text.as_bytes()).unwrap();
        assert_eq!(value.to_string(), text);
    }

    #[test]
    fn invalid_json_is_refused_whatever_its_numbers() {
        for text in [
            "",
            "01",
            "00000000000000000000000001",
            "{99999999999999999999:1}",
            "1-99999999999999999999",
            "[1 99999999999999999999]",
            "99999999999999999999 5",
            "\"open",
            "-",
        ] {
            assert!(parse::<Value>(text.as_bytes()).is_err(), "{text}");
        }
    }
}
