//! Recorded values, made safe to display. Everything that could move the cursor, colour the screen,
//! hide or reorder text, or begin a line is escaped, and neither removed nor hidden, because an
//! auditor must see that it is there. No other file writes such values.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use localtel::read::is_unsafe_to_show;
use localtel::read::raw::{RawJson, RawText};

/// Shows a text with everything unsafe escaped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sanitized<'a>(pub(crate) &'a str);

/// Adds a text as [`Sanitized`] shows it.
pub(crate) fn push_sanitized(out: &mut Vec<u8>, text: RawText<'_>) {
    if is_plain_in_line(text) {
        out.extend_from_slice(text.bytes());
    } else {
        push(out, Sanitized(&text.decoded()));
    }
}

/// Adds a text as [`Quoted`] shows it.
pub(crate) fn push_quoted(out: &mut Vec<u8>, text: RawText<'_>) {
    let is_plain = |byte: &u8| {
        matches!(byte, b'!'..=b'~')
            && !matches!(
                byte,
                b'"' | b'\'' | b'\\' | b'=' | b',' | b'{' | b'}' | b'[' | b']'
            )
    };
    let bytes = text.bytes();
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        out.extend_from_slice(bytes);
    } else {
        push(out, Quoted(&text.decoded()));
    }
}

/// Adds a value that is not a string as [`SafeJson`] shows it.
pub(crate) fn push_json(out: &mut Vec<u8>, json: RawJson<'_>) {
    push(out, SafeJson(&json.value().to_text()));
}

/// Adds a value.
pub(crate) fn push(out: &mut Vec<u8>, shown: impl fmt::Display) {
    // Writing to memory does not fail.
    let _written = write!(out, "{shown}");
}

/// Returns `true` if every terminal shows the text as it is in its line, and nothing in it is
/// escaped.
pub(crate) fn is_plain_in_line(text: RawText<'_>) -> bool {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
    text.bytes().iter().all(is_plain)
}

/// Shows bytes that need not be text, escaped and cut to 200 characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Excerpt<'a>(pub(crate) &'a [u8]);

/// Shows a text as a value among others, in quotes if it would be ambiguous otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

/// Shows a line of JSON so that a terminal shows only text; it stays the same JSON value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SafeJson<'a>(pub(crate) &'a str);

fn write_escaped(f: &mut fmt::Formatter<'_>, letter: char) -> fmt::Result {
    match letter {
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\0'..='\x7f' => write!(f, "\\x{:02x}", u32::from(letter)),
        other => write!(f, "\\u{{{:x}}}", u32::from(other)),
    }
}

fn write_letter(f: &mut fmt::Formatter<'_>, letter: char) -> fmt::Result {
    if is_unsafe_to_show(letter) {
        write_escaped(f, letter)
    } else {
        f.write_char(letter)
    }
}

/// Returns `true` if every terminal shows the text as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

impl fmt::Display for Sanitized<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            return f.write_str(self.0);
        }
        self.0
            .chars()
            .try_for_each(|letter| write_letter(f, letter))
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = !self.0.is_empty()
            && !self.0.chars().any(|letter| {
                letter.is_whitespace()
                    || is_unsafe_to_show(letter)
                    || "\"'\\=,{}[]".contains(letter)
            });
        if is_plain {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        for letter in self.0.chars() {
            if matches!(letter, '"' | '\\') {
                f.write_char('\\')?;
            }
            write_letter(f, letter)?;
        }
        f.write_char('"')
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = Self::LETTERS_MAX;
        for chunk in self.0.utf8_chunks() {
            for letter in chunk.valid().chars() {
                if left == 0 {
                    return f.write_str("…");
                }
                left -= 1;
                write_letter(f, letter)?;
            }
            for byte in chunk.invalid() {
                if left == 0 {
                    return f.write_str("…");
                }
                left -= 1;
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl Excerpt<'_> {
    /// Two or three lines of a terminal: enough to recognise a line.
    const LETTERS_MAX: usize = 200;
}

impl fmt::Display for SafeJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            return f.write_str(self.0);
        }
        for letter in self.0.chars() {
            match letter {
                // JSON allows unescaped control characters only as white space between values.
                '\t' | '\r' | '\n' => f.write_char(' ')?,
                letter if is_unsafe_to_show(letter) => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        write!(f, "\\u{unit:04x}")?;
                    }
                }
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Texts that attack a terminal, and pieces of them.
    pub(crate) const HOSTILE: [&str; 22] = [
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
        "\x1b]52;c;aGk=\x07",
        "\x1b[2J\x1b[1;1H",
        "\x1b[31mred",
        "\x1bP0;0|17/ab\x1b\\",
        "\u{9b}31m",
        "\u{9d}0;t\u{9c}",
        "\u{85}next",
        "\x7f\x08\x08",
        "a\rb",
        "a\nERROR forged: line",
        "a\r\nb",
        "\0",
        "\x0b\x0c",
        "\u{202e}evil\u{202c}",
        "\u{2066}x\u{2069}\u{200f}\u{61c}",
        "zero\u{200b}width\u{2060}\u{feff}",
        "line\u{2028}paragraph\u{2029}",
        "tag\u{e0041}\u{e007f}",
        "=cmd|' /C calc'!A0",
        "\" quoted=\"x",
    ];

    /// Returns `true` if a terminal shows exactly these letters, on that number of lines.
    pub(crate) fn is_safe(shown: &str, lines: usize) -> bool {
        shown.matches('\n').count() == lines
            && shown
                .chars()
                .all(|letter| letter == '\n' || !is_unsafe_to_show(letter))
    }

    #[test]
    fn nothing_hostile_is_shown_as_itself() {
        for text in HOSTILE {
            for shown in [
                Sanitized(text).to_string(),
                Quoted(text).to_string(),
                Excerpt(text.as_bytes()).to_string(),
            ] {
                assert!(is_safe(&shown, 0), "{shown:?}");
            }
        }
    }

    #[test]
    fn escaped_text_is_still_visible() {
        let text = "a\x1b[1m\n\u{9b}\u{202e}\u{e0041}";
        let shown = r"a\x1b[1m\n\u{9b}\u{202e}\u{e0041}";
        assert_eq!(Sanitized(text).to_string(), shown);
        assert_eq!(Excerpt(b"\xff\x1b\xc3").to_string(), r"\xff\x1b\xc3");
    }

    #[test]
    fn harmless_text_of_any_script_is_shown_as_it_is() {
        for text in [
            "plain",
            "größe €",
            "日本語",
            "עברית",
            "👩\u{200d}🔧",
            r"C:\x1b",
        ] {
            assert_eq!(Sanitized(text).to_string(), text);
        }
    }

    #[test]
    fn ambiguous_values_are_quoted() {
        for (text, shown) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=b", "\"a=b\""),
            ("say \"hi\"", r#""say \"hi\"""#),
            ("a\nb", r#""a\nb""#),
        ] {
            assert_eq!(Quoted(text).to_string(), shown);
        }
    }

    #[test]
    fn an_excerpt_is_cut_to_200_letters() {
        let shown = Excerpt("é".repeat(300).as_bytes()).to_string();
        assert_eq!(shown.chars().count(), 201);
        assert_eq!(Excerpt(&[0xff; 300]).to_string().len(), 200 * 4 + "…".len());
    }

    #[test]
    fn json_for_a_terminal_is_safe_and_the_same_value() {
        for text in HOSTILE {
            let json = serde_json::json!({ text: [text] }).to_string();
            let shown = SafeJson(&json).to_string();
            assert!(is_safe(&shown, 0), "{shown:?}");
            let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(value, serde_json::json!({ text: [text] }));
        }
        assert_eq!(SafeJson("{\t\"a\":1}\r").to_string(), "{ \"a\":1} ");
    }
}
