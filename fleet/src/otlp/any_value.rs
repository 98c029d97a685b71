//! Values of records as `AnyValue` of OTLP JSON, in the form that strict readers take: integers as
//! decimal strings, no value without a kind.
//!
//! | value | OTLP |
//! | --- | --- |
//! | string | `stringValue` |
//! | integer of 64 bits with a sign | `intValue`, a decimal string |
//! | other integer | `stringValue` with its digits |
//! | fraction | `doubleValue` |
//! | `true`, `false` | `boolValue` |
//! | `null` | left out; in a list `stringValue` `null`, so that places stay |
//! | list, object | `arrayValue`, `kvlistValue`; deeper than 8 levels, or longer than 64 KiB, `stringValue` with the JSON |

use std::io::Write as _;

use localtel::read::raw::{RawJson, RawText, RawValue};
use localtel::serde_json::{self, Value};

/// Writes a value. Returns `false`, and writes nothing, for `null`.
pub(super) fn push_value(out: &mut Vec<u8>, json: RawJson<'_>) -> bool {
    if let Some(text) = json.text() {
        push_text(out, text);
        return true;
    }
    match json.value() {
        RawValue::Text(text) => push_string(out, &text),
        RawValue::Number(number) => push_number(out, &number),
        RawValue::Word(word) if word == "null" => return false,
        RawValue::Word(word) => push_parts(out, &["{\"boolValue\":", &word, "}"]),
        RawValue::Compound(text) if text.len() > COMPOUND_MAX => push_string(out, &text),
        RawValue::Compound(text) => match serde_json::from_str::<Value>(&text) {
            Ok(value) => push_parsed(out, &value, DEPTH_MAX),
            // It was checked when it was read.
            Err(_) => push_string(out, &text),
        },
    }
    true
}

/// Writes a text of a line as a value.
pub(super) fn push_text(out: &mut Vec<u8>, text: RawText<'_>) {
    out.extend_from_slice(b"{\"stringValue\":\"");
    out.extend_from_slice(text.bytes());
    out.extend_from_slice(b"\"}");
}

/// Writes a string as a value.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"{\"stringValue\":");
    push_quoted(out, text);
    out.push(b'}');
}

/// Writes an integer as a value.
pub(super) fn push_integer(out: &mut Vec<u8>, number: i64) {
    push_parts(out, &["{\"intValue\":\"", &number.to_string(), "\"}"]);
}

/// Writes a string with its quotes.
pub(super) fn push_quoted(out: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail.
    drop(serde_json::to_writer(&mut *out, text));
}

fn push_number(out: &mut Vec<u8>, number: &str) {
    let is_integer = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    match number.parse::<i64>() {
        Ok(integer) => push_integer(out, integer),
        Err(_) if is_integer => push_string(out, number),
        Err(_) => push_parts(out, &["{\"doubleValue\":", number, "}"]),
    }
}

fn push_parsed(out: &mut Vec<u8>, value: &Value, depth_left: usize) {
    match value {
        Value::Null => push_string(out, "null"),
        Value::Bool(word) => drop(write!(out, "{{\"boolValue\":{word}}}")),
        Value::Number(number) => push_number(out, &number.to_string()),
        Value::String(text) => push_string(out, text),
        Value::Array(_) | Value::Object(_) if depth_left == 0 => {
            push_string(out, &value.to_string());
        }
        Value::Array(list) => {
            out.extend_from_slice(b"{\"arrayValue\":{\"values\":[");
            for (place, value) in list.iter().enumerate() {
                push_comma(out, place > 0);
                push_parsed(out, value, depth_left - 1);
            }
            out.extend_from_slice(b"]}}");
        }
        Value::Object(members) => {
            out.extend_from_slice(b"{\"kvlistValue\":{\"values\":[");
            let members = members.iter().filter(|(_, value)| !value.is_null());
            for (place, (key, value)) in members.enumerate() {
                push_comma(out, place > 0);
                out.extend_from_slice(b"{\"key\":");
                push_quoted(out, key);
                out.extend_from_slice(b",\"value\":");
                push_parsed(out, value, depth_left - 1);
                out.push(b'}');
            }
            out.extend_from_slice(b"]}}");
        }
    }
}

pub(super) fn push_comma(out: &mut Vec<u8>, is_needed: bool) {
    if is_needed {
        out.push(b',');
    }
}

fn push_parts(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Levels of lists and objects; each takes four levels of JSON, of which parsers take a hundred.
const DEPTH_MAX: usize = 8;
/// The longest list or object that is not written as a text: parts may take eight times as much.
const COMPOUND_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        let line = format!(
            r#"{{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":0,"properties":{{"a":{json}}}}}"#
        );
        let raw = localtel::read::raw::RawRecord::at(line.as_bytes());
        let (_, value) = raw.unwrap().properties.walk().next().unwrap();
        let mut out = Vec::new();
        let is_written = push_value(&mut out, value);
        assert_eq!(is_written, !out.is_empty());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_kind_of_value_has_its_form() {
        for (json, expected) in [
            (r#""a\n\"b""#, r#"{"stringValue":"a\n\"b"}"#),
            ("871", r#"{"intValue":"871"}"#),
            (
                "-9223372036854775808",
                r#"{"intValue":"-9223372036854775808"}"#,
            ),
            (
                "18446744073709551615",
                r#"{"stringValue":"18446744073709551615"}"#,
            ),
            ("1.5", r#"{"doubleValue":1.5}"#),
            ("1e30", r#"{"doubleValue":1e30}"#),
            ("true", r#"{"boolValue":true}"#),
            ("null", ""),
            ("[]", r#"{"arrayValue":{"values":[]}}"#),
            (
                "[1,null]",
                r#"{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"null"}]}}"#,
            ),
            (
                r#"{"a":1,"b":null}"#,
                r#"{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}}]}}"#,
            ),
        ] {
            assert_eq!(written(json), expected, "{json}");
        }
    }

    #[test]
    fn what_is_nested_deeply_is_a_text() {
        let json = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        let written = written(&json);
        assert_eq!(written.matches("arrayValue").count(), DEPTH_MAX);
        assert!(written.contains(&format!("\"{}1", "[".repeat(60 - DEPTH_MAX))));
    }
}
