//! A value of OpenTelemetry (`AnyValue` in JSON): an object whose one member names the type.

use super::json::{self, ForeignText, Json};

/// Writes the value itself. Bytes stay in base64, as they are written; what is no such value is
/// written as it is, and an empty one as null.
pub(super) fn write(value: Json<'_>, out: &mut Vec<u8>) {
    let mut members = value.members();
    let (Some((kind, inner)), None) = (members.next(), members.next()) else {
        return match value.as_str() {
            "{}" => out.extend_from_slice(b"null"),
            _ => value.write(out),
        };
    };
    match kind {
        "arrayValue" => write_list(inner, *b"[]", out, write),
        "kvlistValue" => write_list(inner, *b"{}", out, |pair, out| {
            let name = pair.get("key").and_then(Json::text);
            name.unwrap_or(ForeignText::Plain("")).write(out);
            out.push(b':');
            match pair.get("value") {
                Some(value) => write(value, out),
                None => out.extend_from_slice(b"null"),
            }
        }),
        "intValue" => match inner.text() {
            // Integers of 64 bits are texts.
            Some(ForeignText::Escaped(digits)) if is_integer(digits) => {
                json::write_number(digits, out);
            }
            Some(_) | None => inner.write(out),
        },
        "stringValue" | "boolValue" | "doubleValue" | "bytesValue" => inner.write(out),
        _ => value.write(out),
    }
}

/// Writes the elements of a list of OpenTelemetry, which is the member `values` of an object.
fn write_list(
    list: Json<'_>,
    [open, close]: [u8; 2],
    out: &mut Vec<u8>,
    element: impl Fn(Json<'_>, &mut Vec<u8>),
) {
    out.push(open);
    let values = list.get("values");
    for (at, value) in values.into_iter().flat_map(Json::elements).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        element(value, out);
    }
    out.push(close);
}

/// Returns `true` if a text is an integer of JSON.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_canonical = digits == "0" || !digits.starts_with('0') && !digits.is_empty();
    is_canonical && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::json::JsonTape;
    use super::*;

    #[test]
    fn values_of_opentelemetry_become_plain_json() {
        for (value, expected) in [
            (r#"{"stringValue":"a \"b\""}"#, r#""a \"b\"""#),
            (r#"{"boolValue":true}"#, "true"),
            (
                r#"{"intValue":"9223372036854775807"}"#,
                "9223372036854775807",
            ),
            (r#"{"intValue":"-12"}"#, "-12"),
            (r#"{"intValue":12}"#, "12"),
            (r#"{"intValue":"012"}"#, r#""012""#),
            (r#"{"doubleValue":0.5}"#, "0.5"),
            (r#"{"doubleValue":"NaN"}"#, r#""NaN""#),
            (r#"{"bytesValue":"AQL/"}"#, r#""AQL/""#),
            (
                r#"{"arrayValue":{"values":[{"intValue":1},{}]}}"#,
                "[1,null]",
            ),
            (r#"{"arrayValue":{}}"#, "[]"),
            (
                r#"{"kvlistValue":{"values":[{"key":"z","value":{"intValue":1}},{"key":"a"}]}}"#,
                r#"{"z":1,"a":null}"#,
            ),
            ("{}", "null"),
            (r#"{"newValue": 1}"#, r#"{"newValue":1}"#),
            (
                r#"{"intValue":1,"boolValue":true}"#,
                r#"{"intValue":1,"boolValue":true}"#,
            ),
            ("5", "5"),
        ] {
            let line = format!("{{\"value\":{value}}}");
            let mut tape = JsonTape::default();
            let value = tape.object(&line).unwrap().get("value").unwrap();
            let mut out = Vec::new();
            write(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
