//! Values as JSON text: strings that are escaped and cut, numbers, bytes, and the output of
//! formatting functions of the application. The only module that decides which characters a line
//! may contain unescaped.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::NAME_BYTES_MAX;
use crate::text::is_unsafe_to_show;

/// Writes a number or a boolean; numbers that JSON cannot express become null.
pub(crate) fn push_number(out: &mut Vec<u8>, value: impl serde::Serialize) {
    // Neither writing to a vector nor serialising these types can fail.
    drop(serde_json::to_writer(out, &value));
}

pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8], bytes_max: usize) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or(b'?');
    out.push(b'"');
    let kept = bytes.len().min(bytes_max / 2);
    for byte in bytes.iter().take(kept) {
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    if kept < bytes.len() {
        out.extend_from_slice(CUT.as_bytes());
    }
    out.push(b'"');
}

/// Writes the output of a formatting function of the application. The function may panic, log or
/// never end: a panic is replaced by a mark, and the limit ends endless output.
pub(super) fn push_formatted(
    out: &mut Vec<u8>,
    bytes_max: usize,
    format: impl FnOnce(&mut Escaped<'_>) -> fmt::Result,
) {
    let start = out.len();
    out.push(b'"');
    let mut text = Escaped {
        out,
        bytes_left: bytes_max,
        is_cut: false,
    };
    let formatted = catch_unwind(AssertUnwindSafe(|| format(&mut text)));
    let is_cut = text.is_cut;
    match formatted {
        Ok(_) if is_cut => out.extend_from_slice(CUT.as_bytes()),
        // Some implementations panic when the limit makes their writer fail.
        Err(payload) if is_cut => {
            out.extend_from_slice(CUT.as_bytes());
            discard(payload);
        }
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => out.extend_from_slice(b"<formatting failed>"),
        Err(payload) => {
            out.truncate(start + 1);
            out.extend_from_slice(b"<formatting panicked>");
            discard(payload);
        }
    }
    out.push(b'"');
}

/// Drops the payload of a panic. It belongs to the application, and dropping it may panic, too; the
/// payload of that panic is leaked, since there would be no end otherwise.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        let _kept = ManuallyDrop::new(again);
    }
}

/// A writer that escapes text for a line, up to a limit.
pub(super) struct Escaped<'a> {
    out: &'a mut Vec<u8>,
    bytes_left: usize,
    is_cut: bool,
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        if text.len() <= self.bytes_left {
            self.bytes_left -= text.len();
            push_escaped(self.out, text);
            return Ok(());
        }
        self.is_cut = true;
        push_escaped(self.out, beginning(text, self.bytes_left));
        Err(fmt::Error)
    }
}

/// Writes a JSON value, with its strings and its depth within the limits.
pub(super) fn push_json(
    out: &mut Vec<u8>,
    value: &Value,
    string_bytes_max: usize,
    depth_max: usize,
) {
    let Some(depth_left) = depth_max.checked_sub(1) else {
        return push_string(out, CUT, string_bytes_max);
    };
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => push_number(out, value),
        Value::Number(value) => push_number(out, value),
        Value::String(value) => push_string(out, value, string_bytes_max),
        Value::Array(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_json(out, value, string_bytes_max, depth_left);
            }
            out.push(b']');
        }
        Value::Object(values) => {
            out.push(b'{');
            let mut is_first = true;
            let shadowed = Shadowed::among(values.keys().map(String::as_str));
            for (index, (name, value)) in values.iter().enumerate() {
                if shadowed.contains(index) {
                    continue;
                }
                if !std::mem::take(&mut is_first) {
                    out.push(b',');
                }
                push_string(out, name, NAME_BYTES_MAX);
                out.push(b':');
                push_json(out, value, string_bytes_max, depth_left);
            }
            out.push(b'}');
        }
    }
}

/// Writes a string with its quotes, cut at a character boundary.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    out.push(b'"');
    if text.len() <= bytes_max {
        push_escaped(out, text);
    } else {
        push_escaped(out, beginning(text, bytes_max));
        out.extend_from_slice(CUT.as_bytes());
    }
    out.push(b'"');
}

/// Returns `true` if two names are equal when written: long ones are cut.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    let is_long = |name: &str| name.len() > NAME_BYTES_MAX;
    one == other
        || is_long(one)
            && is_long(other)
            && beginning(one, NAME_BYTES_MAX) == beginning(other, NAME_BYTES_MAX)
}

/// The indexes of names that are cut to the same text as a later one: the last one wins.
#[derive(Debug, Default)]
pub(super) struct Shadowed(BTreeSet<usize>);

impl Shadowed {
    /// Finds them in a list of names; short names, of which nearly all objects consist, cost one
    /// comparison each.
    pub(super) fn among<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        let mut shadowed = BTreeSet::new();
        for (index, name) in names.enumerate() {
            if name.len() > NAME_BYTES_MAX {
                shadowed.extend(last.insert(beginning(name, NAME_BYTES_MAX), index));
            }
        }
        Self(shadowed)
    }

    /// Returns `true` if the name with that index is one of them.
    pub(super) fn contains(&self, index: usize) -> bool {
        !self.0.is_empty() && self.0.contains(&index)
    }
}

/// Returns the beginning of a text that fits.
fn beginning(text: &str, bytes_max: usize) -> &str {
    text.split_at_checked(text.floor_char_boundary(bytes_max))
        .map_or("", |(kept, _)| kept)
}

/// Escapes the characters that JSON requires, and also those that could move a cursor, colour a
/// screen or reorder text: a line is safe to display even if a tool prints it raw.
fn push_escaped(out: &mut Vec<u8>, mut text: &str) {
    while let Some(at) = escape_at(text.as_bytes()) {
        // The byte at `at` starts a character, so both splits are at boundaries.
        let (plain, rest) = text.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = rest.chars();
        if let Some(character) = characters.next() {
            push_character(out, character);
        }
        text = characters.as_str();
    }
    out.extend_from_slice(text.as_bytes());
}

/// Returns the position of the first character that may need an escape.
fn escape_at(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let ascii = plain_bytes(rest);
        let rest = rest.get(ascii..)?;
        if may_need_escape(*rest.first()?) {
            return Some(at + ascii);
        }
        // Characters beyond ASCII come in runs, and most of them need no escape.
        let is_harmless = |byte: &&u8| !byte.is_ascii() && !may_need_escape(**byte);
        at += ascii + rest.iter().take_while(is_harmless).count();
    }
}

/// Returns the number of ASCII bytes without an escape at the beginning of a text, reading it in
/// blocks.
fn plain_bytes(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let found = suspects(*block);
        if found != 0 {
            // The lowest byte of a number is the first of its block.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += BLOCK_BYTES;
    }
    // The rest is read together with the bytes before it, or as a block filled up with blanks: most
    // texts are short.
    if let Some(block) = text.last_chunk()
        && suspects(*block) == 0
    {
        return text.len();
    }
    let rest = text.get(at..).unwrap_or_default();
    let mut block = [b' '; BLOCK_BYTES];
    for (place, byte) in block.iter_mut().zip(rest) {
        *place = *byte;
    }
    match suspects(block) {
        0 => text.len(),
        found => at + found.trailing_zeros() as usize / 8,
    }
}

/// Marks the bytes of a block that are beyond ASCII or need an escape, all at once: the highest bit
/// of a byte is set if it is beyond ASCII, and the additions and subtractions set it for 0x7f, for
/// bytes below a blank, and for a quote or a backslash. Carries affect only bytes after the first
/// of these, which may be marked wrongly.
const fn suspects(block: [u8; BLOCK_BYTES]) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; BLOCK_BYTES]);
    const TOPS: u64 = ONES * 0x80;
    let bytes = u64::from_le_bytes(block);
    let quotes = bytes ^ (ONES * b'"' as u64);
    let backslashes = bytes ^ (ONES * b'\\' as u64);
    let found = bytes
        | bytes.wrapping_add(ONES)
        | bytes.wrapping_sub(ONES * 0x20)
        | quotes.wrapping_sub(ONES)
        | backslashes.wrapping_sub(ONES);
    found & TOPS
}

/// Returns `true` if a byte begins a character that may need an escape.
const fn may_need_escape(byte: u8) -> bool {
    matches!(
        byte,
        0..0x20 | b'"' | b'\\' | 0x7f
            // These begin U+0080 to U+00BF, U+0600 to U+063F, U+1000 to U+2FFF, U+F000 to U+FFFF
            // and U+C0000 to U+FFFFF, which contain characters that are not visible.
            | 0xc2 | 0xd8 | 0xe1 | 0xe2 | 0xef | 0xf3
    )
}

fn push_character(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        _ if is_unsafe_to_show(character) => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                drop(std::io::Write::write_fmt(
                    out,
                    format_args!("\\u{unit:04x}"),
                ));
            }
        }
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Number of bytes that are read at once: the size of a register.
const BLOCK_BYTES: usize = size_of::<u64>();

/// The mark at the end of a value that was cut.
const CUT: &str = "…";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use proptest::prelude::*;

    fn string(text: &str, bytes_max: usize) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text, bytes_max);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn characters_that_affect_a_terminal_are_escaped() {
        for character in [
            '\0',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{2028}',
            '\u{202e}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let text = string(&character.to_string(), 16);
            assert!(text.is_ascii() && text.starts_with("\"\\u"), "{text}");
            assert_eq!(
                serde_json::from_str::<String>(&text).unwrap(),
                character.to_string()
            );
        }
    }

    #[test]
    fn a_long_string_is_cut_and_marked_at_a_boundary() {
        assert_eq!(string("aä", 2), "\"a…\"");
        assert_eq!(string("aä", 3), "\"aä\"");
        assert_eq!(string("ä", 1), "\"…\"");
    }

    #[test]
    fn the_last_of_equally_cut_names_is_kept() {
        let long = |name: &str, end: &str| name.to_owned() + &"x".repeat(NAME_BYTES_MAX) + end;
        let names = [
            long("a", "1"),
            "short".to_owned(),
            long("a", "2"),
            long("b", "1"),
            long("a", "3"),
            "x".repeat(NAME_BYTES_MAX),
        ];
        let shadowed = Shadowed::among(names.iter().map(String::as_str));
        let found = (0..names.len()).filter(|index| shadowed.contains(*index));
        assert!(found.eq([0, 2]));
        let started = std::time::Instant::now();
        let names: Vec<_> = (0..100_000)
            .map(|number| long(&number.to_string(), ""))
            .collect();
        let shadowed = Shadowed::among(names.iter().map(String::as_str));
        assert!((0..names.len()).all(|index| !shadowed.contains(index)));
        // Comparing each name with all others takes minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(20));
    }

    #[test]
    fn a_value_that_panics_is_replaced_by_a_mark() {
        let mut out = Vec::new();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        push_formatted(&mut out, 100, |text| {
            text.write_str("half")?;
            panic!("no more")
        });
        std::panic::set_hook(hook);
        assert_eq!(out, b"\"<formatting panicked>\"");
    }

    #[test]
    fn a_value_that_never_ends_is_cut() {
        let mut out = Vec::new();
        push_formatted(&mut out, 10, |text| {
            loop {
                text.write_str("endless")?;
            }
        });
        assert_eq!(out, "\"endlessend…\"".as_bytes());
    }

    #[test]
    fn bytes_are_lower_case_hex_within_the_limit() {
        let mut out = Vec::new();
        push_hex(&mut out, &[0, 0xab, 0xff], 4);
        assert_eq!(out, "\"00ab…\"".as_bytes());
    }

    proptest! {
        #[test]
        fn blocks_and_single_bytes_find_the_same_escapes(
            text in proptest::collection::vec(prop_oneof![0x1e..0x24_u8, 0x5a..0x5e_u8, 0x7d..0x82_u8, any::<u8>(), Just(b'a')], 0..40)
        ) {
            let slowly = text.iter().position(|byte| may_need_escape(*byte));
            prop_assert_eq!(escape_at(&text), slowly);
        }

        #[test]
        fn any_string_round_trips(text in any::<String>()) {
            let written = string(&text, usize::MAX);
            prop_assert!(!written.chars().any(is_unsafe_to_show));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
