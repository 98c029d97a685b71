//! A place in a line that is read as JSON without spaces, checking everything on the way.

use super::{Head, Object, RawText, Spans};
use crate::record::{Level, TIMESTAMP_BYTES, parse_time};

/// A part of a line, or all of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RawPart<'a> {
    bytes: &'a [u8],
    form: RawEncoding,
}

/// What is known of a part's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum RawEncoding {
    /// ASCII without escapes and controls: a string ends with the next quote.
    Plain,
    /// UTF-8.
    #[default]
    Any,
}

/// Returns `true` if a text is a time as we write it.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let mut cursor = Cursor::new(RawPart {
        bytes: text.as_bytes(),
        form: RawEncoding::Any,
    });
    cursor.timestamp().is_some() && cursor.is_at_end()
}

/// A place in a text that is read as JSON without spaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    part: RawPart<'a>,
    at: usize,
}

impl<'a> RawPart<'a> {
    /// Returns its bytes.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Takes a line, unless it is no text.
    pub(super) fn line(bytes: &'a [u8]) -> Option<Self> {
        let (mut all, mut is_plain) = (0, true);
        // Without an early end, this compiles to vector instructions.
        for byte in bytes {
            all |= byte;
            is_plain &= *byte >= 0x20;
            is_plain &= *byte != b'\\';
        }
        let is_ascii = all < 0x80;
        let form = if is_ascii && is_plain {
            RawEncoding::Plain
        } else {
            RawEncoding::Any
        };
        (is_ascii || std::str::from_utf8(bytes).is_ok()).then_some(Self { bytes, form })
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(part: RawPart<'a>) -> Self {
        Self { part, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.part.bytes.len()
    }

    /// Returns what is still to be read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.part.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes so many bytes that are known.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Reads what stands between the time and the message.
    pub(super) fn head(&mut self) -> Option<Head<'a>> {
        self.literal("\",\"level\":\"")?;
        let level = self.level()?;
        self.literal(",\"source\":")?;
        let source = self.quoted()?;
        self.literal(",\"target\":")?;
        let target = self.quoted()?;
        let mut event = None;
        self.optional(",\"event\":", Cursor::quoted, &mut event)?;
        Some(Head {
            level,
            source,
            target,
            event,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.part.bytes.get(self.at).copied()
    }

    /// Returns what was passed since it stood there.
    fn since(&self, start: usize) -> Option<&'a [u8]> {
        self.part.bytes.get(start..self.at)
    }

    /// Returns the same as a part.
    fn part_since(&self, start: usize) -> Option<RawPart<'a>> {
        Some(RawPart {
            bytes: self.since(start)?,
            form: self.part.form,
        })
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    pub(super) fn literal(&mut self, text: &str) -> Option<()> {
        self.rest()
            .starts_with(text.as_bytes())
            .then(|| self.at += text.len())
    }

    /// Reads what follows a key, if the key stands here.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
        found: &mut Option<T>,
    ) -> Option<()> {
        if self.literal(key).is_some() {
            *found = Some(read(self)?);
        }
        Some(())
    }

    fn take<const BYTES: usize>(&mut self) -> Option<&'a [u8; BYTES]> {
        let taken = self.rest().first_chunk()?;
        self.at += BYTES;
        Some(taken)
    }

    /// Reads a time as we write it.
    pub(super) fn timestamp(&mut self) -> Option<RawText<'a>> {
        let text = self.take::<{ TIMESTAMP_BYTES }>()?;
        let digits = text.iter().copied().zip(TIMESTAMP_FORM.bytes());
        let mut is_formed = true;
        for (byte, form) in digits {
            is_formed &= if form == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == form
            };
        }
        let number = |from: usize, to: usize| {
            let digits = text.get(from..to).unwrap_or_default();
            digits.iter().fold(0_u32, |number, digit| {
                number * 10 + u32::from(digit.wrapping_sub(b'0'))
            })
        };
        // Leap seconds are left to the parser.
        let is_time =
            is_formed && number(11, 13) < 24 && number(14, 16) < 60 && number(17, 19) < 60;
        let is_in_any_month = (1..=12).contains(&number(5, 7)) && (1..=28).contains(&number(8, 10));
        let is_date = || std::str::from_utf8(text).is_ok_and(|text| parse_time(text).is_ok());
        (is_time && (is_in_any_month || is_date())).then_some(RawText(text))
    }

    fn level(&mut self) -> Option<Level> {
        Level::ALL.into_iter().find(|level| {
            let name = level.as_str().as_bytes();
            let rest = self.rest();
            let is_it = rest.starts_with(name) && rest.get(name.len()) == Some(&b'"');
            if is_it {
                self.at += name.len() + 1;
            }
            is_it
        })
    }

    pub(super) fn uuid(&mut self) -> Option<RawText<'a>> {
        let text = self.take::<{ UUID_FORM.len() }>()?;
        let mut is_formed = true;
        for (byte, form) in text.iter().copied().zip(UUID_FORM.bytes()) {
            is_formed &= if form == b'0' {
                matches!(byte, b'0'..=b'9' | b'a'..=b'f')
            } else {
                byte == form
            };
        }
        is_formed.then_some(RawText(text))
    }

    pub(super) fn seq(&mut self) -> Option<u64> {
        let start = self.at;
        self.digits()?;
        let digits = self.since(start)?;
        if digits.len() > 1 && digits.starts_with(b"0") {
            return None;
        }
        digits.iter().try_fold(0_u64, |number, digit| {
            let digit = u64::from(digit.wrapping_sub(b'0'));
            number.checked_mul(10)?.checked_add(digit)
        })
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.rest();
        let count = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += count;
        (count > 0).then_some(())
    }

    /// Reads a string and returns what stands between its quotes.
    #[inline]
    pub(super) fn quoted(&mut self) -> Option<RawText<'a>> {
        self.byte(b'"')?;
        match self.part.form {
            RawEncoding::Plain => {
                let rest = self.rest();
                let end = quote_at(rest)?;
                self.at += end + 1;
                rest.get(..end).map(RawText)
            }
            RawEncoding::Any => self.quoted_in_any(),
        }
    }

    /// Reads the rest of a string in which something may be escaped.
    #[inline(never)]
    fn quoted_in_any(&mut self) -> Option<RawText<'a>> {
        let start = self.at;
        loop {
            self.at += run_bytes(self.rest())?;
            match self.peek()? {
                b'"' => {
                    let text = self.since(start)?;
                    self.at += 1;
                    return Some(RawText(text));
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let rest = self.rest();
        match rest.get(1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = rest.get(2..6)?;
                let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
                // Halves of pairs are left to the parser.
                let is_half = matches!(digits.first(), Some(b'd' | b'D'))
                    && !matches!(digits.get(1), Some(b'0'..=b'7'));
                if !is_hex || is_half {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }

    /// Passes a value, nested so deep already.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.quoted().map(|_| ()),
            b'{' => self.object(depth + 1).map(|_| ()),
            b'[' => self.list(depth + 1),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.number(),
        }
    }

    /// Reads a member whose value is known to be one, and returns its name and its value as JSON.
    pub(super) fn member(&mut self) -> Option<(RawText<'a>, &'a [u8])> {
        let name = self.quoted()?;
        self.byte(b':')?;
        let start = self.at;
        self.known_value()?;
        Some((name, self.since(start)?))
    }

    /// Passes a value that is known to be one, a member's.
    fn known_value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.quoted().map(|_| ()),
            b'{' | b'[' => self.value(0),
            // A number or a word ends with the member.
            _ => {
                let rest = self.rest();
                let end = rest.iter().position(|byte| *byte == b',');
                self.at += end.unwrap_or(rest.len());
                Some(())
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let _minus = self.byte(b'-');
        let whole = self.at;
        self.digits()?;
        if self.at - whole > 1 && self.part.bytes.get(whole) == Some(&b'0') {
            return None;
        }
        if self.byte(b'.').is_some() {
            self.digits()?;
        }
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            let _sign = self.byte(b'-').or_else(|| self.byte(b'+'));
            self.digits()?;
        }
        // Whatever is so long, or has an exponent, may be too large.
        if has_exponent || self.at - start > NUMBER_BYTES_MAX {
            serde_json::from_slice::<f64>(self.since(start)?).ok()?;
        }
        Some(())
    }

    pub(super) fn object(&mut self, depth: usize) -> Option<Object<'a>> {
        self.byte(b'{')?;
        let start = self.at;
        if depth > DEPTH_MAX {
            return None;
        }
        if self.byte(b'}').is_some() {
            return Some(Object::default());
        }
        loop {
            self.quoted()?;
            self.byte(b':')?;
            self.value(depth)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        let members = self.part_since(start)?;
        self.at += 1;
        Some(Object(members))
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.byte(b'[')?;
        if depth > DEPTH_MAX {
            return None;
        }
        if self.byte(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    pub(super) fn spans(&mut self) -> Option<Spans<'a>> {
        self.byte(b'[')?;
        let start = self.at;
        if self.byte(b']').is_some() {
            return Some(Spans::default());
        }
        loop {
            self.span()?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        let spans = self.part_since(start)?;
        self.at += 1;
        Some(Spans(spans))
    }

    pub(super) fn span(&mut self) -> Option<(RawText<'a>, Object<'a>)> {
        self.literal("{\"name\":")?;
        let name = self.quoted()?;
        let mut properties = None;
        self.optional(
            ",\"properties\":",
            |cursor| cursor.object(SPAN_PROPERTIES_DEPTH),
            &mut properties,
        )?;
        self.byte(b'}')?;
        Some((name, properties.unwrap_or_default()))
    }
}

/// Returns how many bytes come before the next quote.
fn quote_at(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let quotes = equal_bytes(u64::from_le_bytes(*block), b'"');
        if quotes != 0 {
            return Some(at + quotes.trailing_zeros() as usize / 8);
        }
        at += BLOCK_BYTES;
    }
    let rest = text.get(at..).unwrap_or_default();
    Some(at + rest.iter().position(|byte| *byte == b'"')?)
}

/// Returns how many bytes come before what a string cannot go past unseen: its end, an escape, or what may not
/// stand in one; nothing if there is none of these.
fn run_bytes(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    // By `get`, for a string seldom is longer than two blocks, and the line nearly always.
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let ends = run_ends(*block);
        if ends != 0 {
            // The lowest byte of a number is the first of its block.
            return Some(at + ends.trailing_zeros() as usize / 8);
        }
        at += BLOCK_BYTES;
    }
    let rest = text.get(at..).unwrap_or_default();
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    Some(at + rest.iter().position(ends)?)
}

/// Marks the bytes of a block that a string cannot go past unseen, all bytes at a time: what is subtracted
/// sets a byte's highest bit where the byte was smaller, and may wrongly do so in bytes after the first such.
const fn run_ends(block: [u8; BLOCK_BYTES]) -> u64 {
    let bytes = u64::from_le_bytes(block);
    let controls = bytes.wrapping_sub(ONES * 0x20) & !bytes & TOPS;
    controls | equal_bytes(bytes, b'"') | equal_bytes(bytes, b'\\')
}

/// Marks the bytes that are equal to one, in the same way.
const fn equal_bytes(bytes: u64, byte: u8) -> u64 {
    let differences = bytes ^ (ONES * byte as u64);
    differences.wrapping_sub(ONES) & !differences & TOPS
}

/// How a time and a session's id look, with a digit wherever a `0` stands.
const TIMESTAMP_FORM: &str = "0000-00-00T00:00:00.000000Z";
const UUID_FORM: &str = "00000000-0000-0000-0000-000000000000";

/// How many bytes are looked at at once: a register's.
const BLOCK_BYTES: usize = size_of::<u64>();

/// The lowest and the highest bit of each byte.
const ONES: u64 = u64::from_le_bytes([1; BLOCK_BYTES]);
const TOPS: u64 = ONES * 0x80;

/// The longest number that is surely one of 64 bits, or a fraction.
const NUMBER_BYTES_MAX: usize = 40;

/// How deep a value may be nested in a line: as deep as the parser follows it.
const DEPTH_MAX: usize = 127;

/// How deep the properties of a span are nested in its line: in the span, in the list of spans, in the line's object.
const SPAN_PROPERTIES_DEPTH: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn looking_at_blocks_finds_what_looking_at_bytes_does(
            text in proptest::collection::vec(
                prop_oneof![0x1e..0x24_u8, 0x5a..0x5e_u8, 0x7f..0x82_u8, any::<u8>(), Just(b'a')],
                0..40,
            )
        ) {
            let slowly = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(run_bytes(&text), slowly);
            let quote = text.iter().position(|byte| *byte == b'"');
            prop_assert_eq!(quote_at(&text), quote);
        }
    }
}
