//! Lines of `key=value` pairs (logfmt), as logrus, Prometheus and many programs in Go write them.
//! They become an object, which is then read like any other.

use serde::de::IgnoredAny;

use super::json::{self, ForeignText};

/// Returns the pairs of a line as a JSON object. `None` if something in the line is no pair, or if
/// there is neither a level nor a message, since other texts contain pairs, too.
pub(super) fn object_of(line: &str) -> Option<String> {
    let mut rest = line.trim();
    let mut object = Vec::with_capacity(line.len() + 64);
    let mut is_log = false;
    while !rest.is_empty() {
        let key;
        (key, rest) = rest.split_once('=')?;
        if key.is_empty() || !key.chars().all(is_of_key) {
            return None;
        }
        is_log |= ["level", "lvl", "msg", "message"].contains(&key);
        object.push(if object.is_empty() { b'{' } else { b',' });
        ForeignText::Plain(key).write(&mut object);
        object.push(b':');
        let bytes = if rest.starts_with('"') {
            json::string_bytes(rest.as_bytes())
        } else {
            rest.find(' ').unwrap_or(rest.len())
        };
        let value;
        (value, rest) = rest.split_at_checked(bytes)?;
        write_value(value, &mut object);
        let next = rest.trim_start();
        if next.len() == rest.len() && !rest.is_empty() {
            return None;
        }
        rest = next;
    }
    object.push(b'}');
    is_log.then(|| String::from_utf8(object).ok())?
}

fn is_of_key(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '@' | '/')
}

/// Writes a value: a number, a word of JSON and a string as they are, and anything else as a text.
fn write_value(value: &str, object: &mut Vec<u8>) {
    if serde_json::from_str::<IgnoredAny>(value).is_ok() && !value.starts_with(['{', '[']) {
        object.extend_from_slice(value.as_bytes());
        return;
    }
    let unquoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    ForeignText::Plain(unquoted.unwrap_or(value)).write(object);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_an_object() {
        for (line, expected) in [
            (
                r#"time="2026-11-21T08:15:30Z" level=info msg="a \"b\"" n=1 ok=true ratio=1.10"#,
                Some(
                    r#"{"time":"2026-11-21T08:15:30Z","level":"info","msg":"a \"b\"","n":1,"ok":true,"ratio":1.10}"#,
                ),
            ),
            ("ts=1795248930.1  lvl=warn err=  path=/a=b {}", None),
            (
                "lvl=warn err=  path=/a=b list=[1] word=007 nil=<nil>",
                Some(
                    r#"{"lvl":"warn","err":"","path":"/a=b","list":"[1]","word":"007","nil":"<nil>"}"#,
                ),
            ),
            (
                r#"level=info msg="bell \a""#,
                Some(r#"{"level":"info","msg":"bell \\a"}"#),
            ),
            (
                r#"level=info msg="open"#,
                Some(r#"{"level":"info","msg":"\"open"}"#),
            ),
            (r#"level=info msg="a"b"#, None),
            ("a=1 b=2", None),
            ("level=info and more", None),
            ("error: level=5", None),
            ("msg", None),
            ("", None),
        ] {
            assert_eq!(object_of(line).as_deref(), expected, "{line}");
        }
    }
}
