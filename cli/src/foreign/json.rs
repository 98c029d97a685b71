//! JSON of others: checked once, and then read in place, without copies. What is written is in the
//! form of localtel's lines: no spaces, no halves of surrogate pairs, and no number that a reader
//! would change.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// The values of a line, in their order, so that no part of the line is searched twice. It is used
/// again for the next line.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonTape {
    nodes: Vec<JsonNode>,
    /// The objects and lists that are open at a position.
    open: Vec<usize>,
    style: JsonStyle,
}

/// A name or a value of a line.
#[derive(Debug, Clone, Copy)]
struct JsonNode {
    start: usize,
    end: usize,
    /// The number of nodes that the value consists of: itself and all inside it.
    nodes: usize,
}

/// How the values of a line are written.
#[derive(Debug, Clone, Copy)]
struct JsonStyle {
    /// No string has half of a surrogate pair.
    is_without_surrogates: bool,
    /// There is nothing else that a line of localtel does not contain.
    is_compact: bool,
}

/// A valid JSON value, as it is written in its line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json<'a> {
    line: &'a str,
    /// The node of the value, and those inside it.
    nodes: &'a [JsonNode],
    style: JsonStyle,
}

/// A text, from JSON or from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ForeignText<'a> {
    /// What is between the quotes of a JSON string.
    Escaped(&'a str),
    /// The text itself.
    Plain(&'a str),
}

impl Default for JsonStyle {
    fn default() -> Self {
        Self {
            is_without_surrogates: true,
            is_compact: true,
        }
    }
}

impl JsonTape {
    /// Reads a line; `None` if it is not one JSON object.
    pub(super) fn object<'a>(&'a mut self, line: &'a str) -> Option<Json<'a>> {
        let is_object = line.trim_ascii_start().starts_with('{');
        if !is_object || serde_json::from_str::<IgnoredAny>(line).is_err() {
            return None;
        }
        self.fill(line);
        Some(Json {
            line,
            nodes: &self.nodes,
            style: self.style,
        })
    }

    /// Finds the values of a line that was checked.
    fn fill(&mut self, line: &str) {
        let line = line.as_bytes();
        self.nodes.clear();
        self.open.clear();
        self.style = JsonStyle::default();
        let mut at = 0;
        while let Some(byte) = line.get(at) {
            let rest = line.get(at..).unwrap_or_default();
            match byte {
                b'"' => {
                    let bytes = string_bytes(rest);
                    let text = rest.get(..bytes).unwrap_or_default();
                    self.style.is_without_surrogates &= !has_surrogates(text);
                    self.push(at, at + bytes);
                    at += bytes;
                    continue;
                }
                b'{' | b'[' => {
                    self.open.push(self.nodes.len());
                    self.style.is_compact &= self.open.len() <= DEPTH_MAX;
                    self.push(at, at);
                }
                b'}' | b']' => self.close(at + 1),
                b',' | b':' => {}
                b' ' | b'\t' | b'\n' | b'\r' => self.style.is_compact = false,
                _ => {
                    let bytes = scalar_bytes(rest);
                    let scalar = rest.get(..bytes).unwrap_or_default();
                    self.style.is_compact &= byte.is_ascii_alphabetic() || is_kept(scalar);
                    self.push(at, at + bytes);
                    at += bytes;
                    continue;
                }
            }
            at += 1;
        }
    }

    fn push(&mut self, start: usize, end: usize) {
        let nodes = 1;
        self.nodes.push(JsonNode { start, end, nodes });
    }

    /// Ends the innermost open object or list.
    fn close(&mut self, end: usize) {
        let all = self.nodes.len();
        let Some(at) = self.open.pop() else { return };
        if let Some(node) = self.nodes.get_mut(at) {
            node.end = end;
            node.nodes = all - at;
        }
    }
}

impl<'a> Json<'a> {
    /// Returns the value as it is written.
    pub(super) fn as_str(self) -> &'a str {
        let node = self.nodes.first();
        let text = node.and_then(|node| self.line.get(node.start..node.end));
        text.unwrap_or_default()
    }

    /// Returns `true` if the value is an object.
    pub(super) fn is_object(self) -> bool {
        self.as_str().starts_with('{')
    }

    /// Returns `true` if the value is a list.
    pub(super) fn is_list(self) -> bool {
        self.as_str().starts_with('[')
    }

    /// Returns the text of a string.
    pub(super) fn text(self) -> Option<ForeignText<'a>> {
        unquoted(self.as_str()).map(ForeignText::Escaped)
    }

    /// Returns the digits of a number.
    pub(super) fn number(self) -> Option<&'a str> {
        let is_number = |byte: char| byte == '-' || byte.is_ascii_digit();
        Some(self.as_str()).filter(|text| text.starts_with(is_number))
    }

    /// Returns the names, as they are escaped, and the values of an object.
    pub(super) fn members(self) -> impl Iterator<Item = (&'a str, Self)> {
        let mut inside = self.inside('{');
        std::iter::from_fn(move || {
            let name = inside.next()?;
            let value = inside.next()?;
            Some((unquoted(name.as_str())?, value))
        })
    }

    /// Returns the last value of that name in an object.
    pub(super) fn get(self, name: &str) -> Option<Self> {
        let named = self.members().filter(|(own, _)| *own == name);
        named.map(|(_, value)| value).last()
    }

    /// Returns the elements of a list.
    pub(super) fn elements(self) -> impl Iterator<Item = Self> {
        self.inside('[')
    }

    /// Returns all names and values in an object or a list that begins with that bracket.
    fn inside(self, open: char) -> impl Iterator<Item = Self> {
        let is_this = self.as_str().starts_with(open);
        let mut rest = self.nodes.get(1..).filter(|_| is_this).unwrap_or_default();
        std::iter::from_fn(move || {
            let (nodes, after) = rest.split_at_checked(rest.first()?.nodes)?;
            rest = after;
            Some(Self { nodes, ..self })
        })
    }

    /// Writes the value. One that is nested too deep for a line becomes a text with its JSON.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let text = self.as_str();
        let is_verbatim = match text.bytes().next() {
            Some(b'"') => self.style.is_without_surrogates,
            Some(b'{' | b'[') => self.style.is_compact && self.style.is_without_surrogates,
            Some(_) | None => self.style.is_compact,
        };
        if is_verbatim {
            out.extend_from_slice(text.as_bytes());
        } else if self.is_too_deep() {
            ForeignText::Plain(text).write(out);
        } else {
            write_value(text, out);
        }
    }

    /// Returns `true` if the value is nested too deep for a line.
    pub(super) fn is_too_deep(self) -> bool {
        if self.style.is_compact {
            return false;
        }
        let is_compound =
            |node: &&JsonNode| matches!(self.line.as_bytes().get(node.start), Some(b'{' | b'['));
        let mut open: Vec<usize> = Vec::new();
        self.nodes.iter().filter(is_compound).any(|node| {
            while open.last().is_some_and(|end| *end <= node.start) {
                open.pop();
            }
            open.push(node.end);
            open.len() > DEPTH_MAX
        })
    }
}

/// Values are equal if they are written in the same way.
impl PartialEq for Json<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json<'_> {}

impl ForeignText<'_> {
    /// Returns the text itself.
    pub(super) fn decoded(&self) -> Cow<'_, str> {
        match *self {
            Self::Plain(text) => Cow::Borrowed(text),
            Self::Escaped(text) if !text.contains('\\') => Cow::Borrowed(text),
            Self::Escaped(text) => {
                let mut json = Vec::with_capacity(text.len() + 2);
                self.write(&mut json);
                serde_json::from_slice(&json).map_or(Cow::Borrowed(text), Cow::Owned)
            }
        }
    }

    /// Returns `true` if the text is empty.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Escaped(text) | Self::Plain(text) => text.is_empty(),
        }
    }

    /// Writes the text as a JSON string.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Escaped(text) => write_string("", text, out),
            Self::Plain(text) => {
                // A text can always be written to memory.
                let _written = serde_json::to_writer(out, text);
            }
        }
    }
}

/// Returns the length of the string at the start of a text, with its quotes.
pub(super) fn string_bytes(text: &[u8]) -> usize {
    let mut at = 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(next) = quote_or_escape_at(rest) else {
            return text.len();
        };
        if rest.get(next) == Some(&b'"') {
            return at + next + 1;
        }
        at += next + 2;
    }
}

/// Finds the next quote or escape. Most strings are short, and end before a search with vectors
/// would begin.
fn quote_or_escape_at(text: &[u8]) -> Option<usize> {
    let is_found = |byte: &u8| matches!(byte, b'"' | b'\\');
    let (near, far) = text.split_at_checked(NEAR_BYTES).unwrap_or((text, &[]));
    near.iter().position(is_found).or_else(|| {
        let at = memchr::memchr2(b'"', b'\\', far)?;
        Some(near.len() + at)
    })
}

/// Returns the length of the number or word at the start of a text.
fn scalar_bytes(text: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t'..=b'\r');
    text.iter().position(is_end).unwrap_or(text.len())
}

/// Returns `true` if a string may have escapes of surrogates: `\ud800` and above.
fn has_surrogates(text: &[u8]) -> bool {
    text.contains(&b'\\')
        && text
            .windows(3)
            .any(|part| matches!(part, b"\\ud" | b"\\uD"))
}

/// Returns what is between the quotes of a string.
pub(super) fn unquoted(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

/// Writes a value without spaces.
fn write_value(json: &str, out: &mut Vec<u8>) {
    let mut rest = json;
    while let Some(byte) = rest.bytes().next() {
        let bytes = match byte {
            b'"' => string_bytes(rest.as_bytes()),
            b'-' | b'0'..=b'9' => scalar_bytes(rest.as_bytes()),
            _ => 1,
        };
        let (token, after) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
        match byte {
            b'"' => write_string("", unquoted(token).unwrap_or_default(), out),
            b'-' | b'0'..=b'9' => write_number(token, out),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => out.push(byte),
        }
        rest = after;
    }
}

/// Writes a string that is escaped already, behind a prefix that needs no escapes. Pairs of
/// surrogates become their character, and halves of pairs the replacement character.
pub(super) fn write_string(prefix: &str, escaped: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    let mut rest = escaped;
    if !has_surrogates(escaped.as_bytes()) {
        out.extend_from_slice(escaped.as_bytes());
        rest = "";
    }
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes())
        && let Some((before, escape)) = rest.split_at_checked(at)
    {
        out.extend_from_slice(before.as_bytes());
        let (bytes, surrogate) = match code_unit(escape) {
            Some(high @ 0xd800..0xdc00) => {
                let low = escape.get(6..).and_then(code_unit);
                match char::decode_utf16([Some(high), low].into_iter().flatten()).next() {
                    Some(Ok(character)) => (12, Some(character)),
                    Some(Err(_)) | None => (6, Some(char::REPLACEMENT_CHARACTER)),
                }
            }
            Some(0xdc00..0xe000) => (6, Some(char::REPLACEMENT_CHARACTER)),
            Some(_) => (6, None),
            None => (2, None),
        };
        let (escape, after) = escape.split_at_checked(bytes).unwrap_or((escape, ""));
        match surrogate {
            Some(character) => {
                let mut buffer = [0; 4];
                out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            }
            None => out.extend_from_slice(escape.as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// Returns the number of an escape `\uXXXX` at the start of a text.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

/// Writes a number. One that a reader of JSON would change becomes a text, so that all its digits
/// are kept; a text that is a decimal number is compared as one.
pub(super) fn write_number(number: &str, out: &mut Vec<u8>) {
    let quote = if is_kept(number.as_bytes()) { "" } else { "\"" };
    for part in [quote, number, quote] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Returns `true` if a number has the same digits after it was parsed, or is written with an
/// exponent.
fn is_kept(number: &[u8]) -> bool {
    let is_digits = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
    if number.len() <= INTEGER_DIGITS && is_digits(number) {
        return true;
    }
    let Ok(number) = std::str::from_utf8(number) else {
        return false;
    };
    if is_digits(number.strip_prefix('-').unwrap_or(number).as_bytes()) {
        let is_integer = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
        return is_integer && number != "-0";
    }
    let float = number.parse().ok().filter(|float: &f64| float.is_finite());
    let written = float.and_then(|float| serde_json::to_string(&float).ok());
    written.is_some_and(|written| number.contains(['e', 'E']) || written == number)
}

/// Integers with so many digits fit into 64 bits.
const INTEGER_DIGITS: usize = 18;

/// How deep a value may be nested: the parser reads 127 levels, and a line adds up to four.
const DEPTH_MAX: usize = 100;

/// Number of bytes in which the end of a string is searched one by one.
const NEAR_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is written for a value of an object.
    fn written(value: &str) -> String {
        let line = format!("{{\"a\":{value}}}");
        let mut tape = JsonTape::default();
        let json = tape.object(&line).unwrap().get("a").unwrap();
        let mut out = Vec::new();
        json.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_keep_all_their_digits() {
        for (number, expected) in [
            ("0", "0"),
            ("-7", "-7"),
            ("-0", "\"-0\""),
            ("0.5", "0.5"),
            ("1.0", "1.0"),
            ("1.10", "\"1.10\""),
            ("1796041707.1234567", "1796041707.1234567"),
            ("0.12345678901234567890", "\"0.12345678901234567890\""),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "\"18446744073709551616\""),
            ("-9223372036854775809", "\"-9223372036854775809\""),
            ("1e3", "1e3"),
            ("1e400", "\"1e400\""),
        ] {
            assert_eq!(written(number), expected);
            assert_eq!(written(&format!("[ {number} ]")), format!("[{expected}]"));
        }
    }

    #[test]
    fn surrogates_become_characters() {
        for (escaped, expected) in [
            (r#""a\"b\\""#, r#""a\"b\\""#),
            (r#""\ud83d\ude00""#, "\"😀\""),
            (r#""x\ud83dy""#, "\"x\u{fffd}y\""),
            (r#""\ud83d\u0041""#, "\"\u{fffd}\\u0041\""),
            (r#""\ude00\n""#, "\"\u{fffd}\\n\""),
            (r#""\ud83d\"""#, "\"\u{fffd}\\\"\""),
            (r#""é\u00e9""#, r#""é\u00e9""#),
        ] {
            assert_eq!(written(escaped), expected);
        }
    }

    #[test]
    fn nested_values_lose_only_their_spaces() {
        let value = "{ \"z\" : [ 1 , { \"a ]\" : \" b } \" } ] ,\t\"y\":null , \"x\": true }";
        let expected = r#"{"z":[1,{"a ]":" b } "}],"y":null,"x":true}"#;
        assert_eq!(written(value), expected);
    }

    #[test]
    fn a_value_that_is_nested_too_deep_becomes_a_text() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(written(&nested(100)), nested(100));
        assert_eq!(written(&nested(101)), format!("\"{}\"", nested(101)));
        assert_eq!(written(&nested(100_000)).len(), 200_002);
    }

    #[test]
    fn members_are_found_whatever_the_layout() {
        let mut tape = JsonTape::default();
        let json = tape
            .object(" { \"a\" : \"}\\\"\" ,\"b\":[{}, [] ] , \"c\": -1 } ")
            .unwrap();
        let members: Vec<_> = json
            .members()
            .map(|(name, value)| (name, value.as_str()))
            .collect();
        assert_eq!(
            members,
            [("a", "\"}\\\"\""), ("b", "[{}, [] ]"), ("c", "-1")]
        );
        let elements = json.get("b").unwrap().elements();
        assert_eq!(elements.map(Json::as_str).collect::<Vec<_>>(), ["{}", "[]"]);
        for other in ["", "[]", "{", "{}x", "1", "\"{}\"", "{\"a\":\u{1}1}"] {
            assert_eq!(JsonTape::default().object(other), None, "{other}");
        }
    }
}
