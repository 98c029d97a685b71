//! A position in a line that is read as JSON without spaces. Everything is checked on the way.

use super::value::is_kept_by_parsing;
use super::{Object, RawSpans, RawText};
use crate::record::{Level, TIMESTAMP_BYTES, parse_time};

/// A part of a line, or all of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RawPart<'a> {
    bytes: &'a [u8],
    form: RawEncoding,
}

/// Whether the bytes of a part may contain escapes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum RawEncoding {
    /// Nothing is escaped: a string ends with the next quote.
    Plain,
    /// Something may be escaped.
    #[default]
    Any,
}

/// Returns `true` if a text is a time in localtel's form.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let mut cursor = Cursor::new(RawPart {
        bytes: text.as_bytes(),
        form: RawEncoding::Any,
    });
    cursor.timestamp().is_some() && cursor.is_at_end()
}

/// A position in a text that is read as JSON without spaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    part: RawPart<'a>,
    at: usize,
    /// Whether a list, an object or a number was read that parsing may write differently.
    has_rewritten: bool,
}

impl<'a> RawPart<'a> {
    /// Returns the bytes of the part.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns `true` if nothing is escaped.
    pub(super) fn is_plain(self) -> bool {
        self.form == RawEncoding::Plain
    }

    /// Accepts a line, unless it is not UTF-8 or has control characters, which no line in
    /// localtel's form contains.
    pub(super) fn line(bytes: &'a [u8]) -> Option<Self> {
        let (mut all, mut has_controls, mut has_escapes) = (0, false, false);
        // Without an early end, this compiles to vector instructions.
        for byte in bytes {
            all |= byte;
            has_controls |= *byte < 0x20;
            has_escapes |= *byte == b'\\';
        }
        let is_ascii = all < 0x80;
        if has_controls || !(is_ascii || std::str::from_utf8(bytes).is_ok()) {
            return None;
        }
        let form = if has_escapes {
            RawEncoding::Any
        } else {
            RawEncoding::Plain
        };
        Some(Self { bytes, form })
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(part: RawPart<'a>) -> Self {
        Self {
            part,
            at: 0,
            has_rewritten: false,
        }
    }

    /// Returns `true` if everything that was read certainly is the same after parsing.
    pub(super) fn is_verbatim(&self) -> bool {
        self.part.form == RawEncoding::Plain && !self.has_rewritten
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.part.bytes.len()
    }

    /// Returns the bytes that are not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.part.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.part.bytes.get(self.at).copied()
    }

    /// Returns the bytes between an earlier position and this one.
    fn since(&self, start: usize) -> Option<&'a [u8]> {
        self.part.bytes.get(start..self.at)
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    #[inline]
    pub(super) fn literal(&mut self, text: &str) -> Option<()> {
        self.rest()
            .starts_with(text.as_bytes())
            .then(|| self.at += text.len())
    }

    /// Reads the value of a key, if the key is next; otherwise returns the default.
    pub(super) fn optional<T: Default>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        match self.literal(key) {
            Some(()) => read(self),
            None => Some(T::default()),
        }
    }

    fn take<const BYTES: usize>(&mut self) -> Option<&'a [u8; BYTES]> {
        let taken = self.rest().first_chunk()?;
        self.at += BYTES;
        Some(taken)
    }

    /// Reads a time in localtel's form.
    pub(super) fn timestamp(&mut self) -> Option<RawText<'a>> {
        let text = self.take::<{ TIMESTAMP_BYTES }>()?;
        let is_formed = has_form(text, TIMESTAMP_FORM, |byte| byte.is_ascii_digit());
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

    pub(super) fn level(&mut self) -> Option<Level> {
        let name = self.quoted()?;
        let mut levels = Level::ALL.into_iter();
        levels.find(|level| level.as_str().as_bytes() == name.0)
    }

    pub(super) fn uuid(&mut self) -> Option<RawText<'a>> {
        let text = self.take::<{ UUID_FORM.len() }>()?;
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        has_form(text, UUID_FORM, is_digit).then_some(RawText(text))
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

    /// Reads a string and returns the bytes between its quotes.
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
            self.at += memchr::memchr2(b'"', b'\\', self.rest())?;
            if self.peek()? == b'"' {
                let text = self.since(start)?;
                self.at += 1;
                return Some(RawText(text));
            }
            self.escape()?;
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

    /// Skips a value at that nesting depth.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.quoted().map(|_| ()),
            b'{' => {
                self.has_rewritten = true;
                self.object(depth + 1).map(|_| ())
            }
            b'[' => {
                self.has_rewritten = true;
                self.list(depth + 1)
            }
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.number(),
        }
    }

    /// Reads a member whose value was checked, and returns its name and its value as JSON.
    pub(super) fn member(&mut self) -> Option<(RawText<'a>, &'a [u8])> {
        let name = self.quoted()?;
        self.byte(b':')?;
        let start = self.at;
        self.known_value()?;
        Some((name, self.since(start)?))
    }

    /// Skips a value of a member that was checked.
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
        // A number that is so long, or has an exponent, may be too large.
        if has_exponent || self.at - start > NUMBER_BYTES_MAX {
            serde_json::from_slice::<f64>(self.since(start)?).ok()?;
        }
        self.has_rewritten |= !is_kept_by_parsing(self.since(start)?);
        Some(())
    }

    pub(super) fn object(&mut self, depth: usize) -> Option<Object<'a>> {
        let members = self.enclosed(*b"{}", depth, |cursor| {
            cursor.quoted()?;
            cursor.byte(b':')?;
            cursor.value(depth)
        });
        members.map(Object)
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        let values = self.enclosed(*b"[]", depth, |cursor| cursor.value(depth));
        values.map(|_| ())
    }

    pub(super) fn spans(&mut self) -> Option<RawSpans<'a>> {
        let spans = self.enclosed(*b"[]", SPANS_DEPTH, |cursor| cursor.span().map(|_| ()));
        spans.map(RawSpans)
    }

    /// Reads members separated by commas, and returns the bytes between the brackets, which are at
    /// that nesting depth.
    fn enclosed(
        &mut self,
        [open, close]: [u8; 2],
        depth: usize,
        mut member: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<RawPart<'a>> {
        self.byte(open)?;
        let start = self.at;
        if depth > DEPTH_MAX {
            return None;
        }
        // One call of `member`, so that the compiler inlines it.
        let mut has_more = self.peek()? != close;
        while has_more {
            member(self)?;
            has_more = self.byte(b',').is_some();
        }
        let bytes = self.since(start)?;
        self.byte(close)?;
        let form = self.part.form;
        Some(RawPart { bytes, form })
    }

    pub(super) fn span(&mut self) -> Option<(RawText<'a>, Object<'a>)> {
        self.literal("{\"name\":")?;
        let name = self.quoted()?;
        let properties =
            self.optional(",\"properties\":", |cursor| cursor.object(SPANS_DEPTH + 2))?;
        self.byte(b'}')?;
        Some((name, properties))
    }
}

/// Returns the number of bytes before the next quote.
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

/// Marks the bytes of a block that are equal to `byte`, all at once: the subtraction sets the
/// highest bit of a byte that was smaller, and may wrongly set it in bytes after the first such
/// byte.
const fn equal_bytes(bytes: u64, byte: u8) -> u64 {
    let differences = bytes ^ (ONES * byte as u64);
    differences.wrapping_sub(ONES) & !differences & TOPS
}

/// Returns `true` if a text has a digit wherever its form has a `0`, and equals the form elsewhere.
fn has_form(text: &[u8], form: &str, is_digit: impl Fn(u8) -> bool) -> bool {
    let pairs = text.iter().copied().zip(form.bytes());
    // Without an early end, this compiles to vector instructions.
    pairs.fold(true, |is_so_far, (byte, form)| {
        is_so_far
            & if form == b'0' {
                is_digit(byte)
            } else {
                byte == form
            }
    })
}

/// The forms of a time and of a session's id, with a `0` for each digit.
const TIMESTAMP_FORM: &str = "0000-00-00T00:00:00.000000Z";
const UUID_FORM: &str = "00000000-0000-0000-0000-000000000000";

/// Number of bytes that are compared at once: those of a register.
const BLOCK_BYTES: usize = size_of::<u64>();

/// The lowest and the highest bit of each byte.
const ONES: u64 = u64::from_le_bytes([1; BLOCK_BYTES]);
const TOPS: u64 = ONES * 0x80;

/// The longest number that is certainly one of 64 bits, or a fraction.
const NUMBER_BYTES_MAX: usize = 40;

/// The limit of nesting in a line: that of the parser.
const DEPTH_MAX: usize = 127;

/// The nesting depth of the list of spans in its line, which is an object. The properties of a span
/// are inside the object of the span.
const SPANS_DEPTH: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn searching_blocks_finds_the_same_as_searching_bytes(
            text in proptest::collection::vec(
                prop_oneof![0x20..0x24_u8, 0xa0..0xa4_u8, any::<u8>(), Just(b'a')],
                0..40,
            )
        ) {
            let quote = text.iter().position(|byte| *byte == b'"');
            prop_assert_eq!(quote_at(&text), quote);
        }
    }
}
