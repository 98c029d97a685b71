//! A glance at a line: the parts of a record where they stand in the line's bytes, without copying, decoding
//! or keeping any. Most lines are looked at only to be passed over, so this is what reading costs.
//!
//! A glance knows lines as we write them: the keys of format 1 in their order, without spaces. Of such a line
//! it checks everything that parsing checks, so that whatever it takes is a record, and damage is found as if
//! each line were parsed. What is written in any other way, even if it is a record, it leaves to
//! [`Record::parse`](super::Record::parse).

#[cfg(feature = "cli")]
use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::heads::{Head, Heads};
use super::{Level, OPENING};

/// The parts of a record, as they stand in its line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance<'a> {
    /// 27 characters, which sort as the times do.
    pub(crate) timestamp: &'a [u8],
    /// How grave it is.
    pub(crate) level: Level,
    /// The application.
    pub(crate) source: Text<'a>,
    /// The part of it.
    pub(crate) target: Text<'a>,
    /// The event's name.
    pub(crate) event: Option<Text<'a>>,
    /// The message.
    pub(crate) message: Option<Text<'a>>,
    /// 36 characters, in lower case.
    pub(crate) session: &'a [u8],
    /// The number in the session.
    pub(crate) seq: u64,
    /// The properties.
    pub(crate) properties: Object<'a>,
    /// The spans, as a list without its brackets.
    pub(crate) spans: Spans<'a>,
}

/// The text of a JSON string between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'a>(&'a [u8]);

/// The members of a JSON object between its braces.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Object<'a>(Part<'a>);

/// The spans of a record between their brackets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spans<'a>(Part<'a>);

/// A part of a line, or all of it.
#[derive(Debug, Clone, Copy, Default)]
struct Part<'a> {
    bytes: &'a [u8],
    form: Form,
}

/// What is known of a part's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    /// ASCII without escapes and controls: a string ends with the next quote.
    Plain,
    /// UTF-8.
    #[default]
    Any,
}

impl<'a> Text<'a> {
    /// Takes the text of a JSON string, given with its quotes.
    pub(crate) fn quoted(json: &'a [u8]) -> Option<Self> {
        Some(Self(json.strip_prefix(b"\"")?.strip_suffix(b"\"")?))
    }

    /// Returns the text that it stands for.
    #[cfg(feature = "cli")]
    pub(crate) fn decoded(self) -> Option<Cow<'a, str>> {
        match self.plain() {
            Some(text) => Some(Cow::Borrowed(text)),
            None => serde_json::from_slice(&[b"\"", self.0, b"\""].concat())
                .ok()
                .map(Cow::Owned),
        }
    }

    /// Returns its bytes, where they are those of the text that it stands for; nothing where something is escaped.
    pub(crate) fn plain_bytes(self) -> Option<&'a [u8]> {
        (!self.0.contains(&b'\\')).then_some(self.0)
    }

    /// Returns what stands so far into a line's part.
    pub(super) fn at(part: &'a [u8], from: usize, bytes: usize) -> Option<Self> {
        part.get(from..from.checked_add(bytes)?).map(Self)
    }

    /// Returns its bytes as they stand in the line.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns how far into a part it stands, of which it is a part.
    pub(super) fn offset_in(self, part: &[u8]) -> usize {
        self.0.as_ptr().addr().wrapping_sub(part.as_ptr().addr())
    }

    /// Returns the text, where it stands in the line as it is; nothing where something is escaped.
    pub(crate) fn plain(self) -> Option<&'a str> {
        std::str::from_utf8(self.plain_bytes()?).ok()
    }
}

impl<'a> Object<'a> {
    /// Walks over names and values, each value as JSON.
    pub(crate) fn members(self) -> impl Iterator<Item = (Text<'a>, &'a [u8])> {
        let mut cursor = Cursor::new(self.0);
        std::iter::from_fn(move || {
            let name = cursor.quoted()?;
            cursor.byte(b':')?;
            let start = cursor.at;
            cursor.known_value()?;
            let json = cursor.since(start)?;
            let _comma = cursor.byte(b',');
            Some((name, json))
        })
    }

    /// Finds the last value of that name, as JSON.
    pub(crate) fn get(self, name: &str) -> Sought<'a> {
        let mut found = None;
        for (own, json) in self.members() {
            match own.plain_bytes() {
                Some(own) if own == name.as_bytes() => found = Some(json),
                Some(_) => {}
                None => return Sought::Unsure,
            }
        }
        found.map_or(Sought::Absent, Sought::Found)
    }
}

/// What came of looking for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought<'a> {
    /// It is there, and this is its value as JSON.
    Found(&'a [u8]),
    /// It is not there.
    Absent,
    /// A name is escaped, so that only parsing tells.
    Unsure,
}

impl<'a> Spans<'a> {
    /// Walks over the spans' names and properties, from the root to the leaf.
    pub(crate) fn iter(self) -> impl Iterator<Item = (Text<'a>, Object<'a>)> {
        let mut cursor = Cursor::new(self.0);
        std::iter::from_fn(move || {
            let span = cursor.span()?;
            let _comma = cursor.byte(b',');
            Some(span)
        })
    }
}

impl<'a> Glance<'a> {
    /// Returns the time.
    pub(crate) fn time(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::parse(std::str::from_utf8(self.timestamp).ok()?, &Rfc3339).ok()
    }

    /// Takes a glance at a line without its newline; nothing if it is not written as we write lines.
    pub(crate) fn at(line: &'a [u8]) -> Option<Self> {
        Self::read(line, Cursor::head)
    }

    /// Does the same, remembering heads for the next line.
    pub(crate) fn with(line: &'a [u8], heads: &mut Heads) -> Option<Self> {
        Self::read(line, |cursor| heads.read(cursor))
    }

    fn read(
        line: &'a [u8],
        head: impl FnOnce(&mut Cursor<'a>) -> Option<Head<'a>>,
    ) -> Option<Self> {
        let mut cursor = Cursor::new(Part::line(line)?);
        cursor.literal(OPENING)?;
        let timestamp = cursor.timestamp()?;
        let Head {
            level,
            source,
            target,
            event,
        } = head(&mut cursor)?;
        let mut message = None;
        cursor.optional(",\"message\":", Cursor::quoted, &mut message)?;
        cursor.literal(",\"session\":\"")?;
        let session = cursor.uuid()?;
        cursor.literal("\",\"seq\":")?;
        let seq = cursor.seq()?;
        let (mut properties, mut spans) = (None, None);
        cursor.optional(
            ",\"properties\":",
            |cursor| cursor.object(0),
            &mut properties,
        )?;
        cursor.optional(",\"spans\":", Cursor::spans, &mut spans)?;
        cursor.byte(b'}')?;
        cursor.is_at_end().then_some(Self {
            timestamp,
            level,
            source,
            target,
            event,
            message,
            session,
            seq,
            properties: properties.unwrap_or_default(),
            spans: spans.unwrap_or_default(),
        })
    }
}

/// Tells whether a text is a time as we write it.
pub(super) fn is_timestamp(text: &str) -> bool {
    let mut cursor = Cursor::new(Part {
        bytes: text.as_bytes(),
        form: Form::Any,
    });
    cursor.timestamp().is_some() && cursor.is_at_end()
}

/// A place in a text that is read as JSON without spaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    part: Part<'a>,
    at: usize,
}

impl<'a> Part<'a> {
    /// Takes a line, unless it is no text.
    fn line(bytes: &'a [u8]) -> Option<Self> {
        let (mut all, mut is_plain) = (0, true);
        // Without an early end, this compiles to vector instructions.
        for byte in bytes {
            all |= byte;
            is_plain &= *byte >= 0x20;
            is_plain &= *byte != b'\\';
        }
        let is_ascii = all < 0x80;
        let form = if is_ascii && is_plain {
            Form::Plain
        } else {
            Form::Any
        };
        (is_ascii || std::str::from_utf8(bytes).is_ok()).then_some(Self { bytes, form })
    }
}

impl<'a> Cursor<'a> {
    fn new(part: Part<'a>) -> Self {
        Self { part, at: 0 }
    }

    fn is_at_end(&self) -> bool {
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
    fn part_since(&self, start: usize) -> Option<Part<'a>> {
        Some(Part {
            bytes: self.since(start)?,
            form: self.part.form,
        })
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn literal(&mut self, text: &str) -> Option<()> {
        self.rest()
            .starts_with(text.as_bytes())
            .then(|| self.at += text.len())
    }

    /// Reads what follows a key, if the key stands here.
    fn optional<T>(
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
    fn timestamp(&mut self) -> Option<&'a [u8]> {
        let text = self.take::<{ super::TIMESTAMP_BYTES }>()?;
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
        // The last days of months, leap seconds and the year 0 are left to the parser.
        let is_plain = is_formed
            && number(0, 4) > 0
            && (1..=12).contains(&number(5, 7))
            && (1..=28).contains(&number(8, 10))
            && number(11, 13) < 24
            && number(14, 16) < 60
            && number(17, 19) < 60;
        let is_late = || {
            let text = text.get(..19).unwrap_or_default();
            number(8, 10) > 28 && is_date(text)
        };
        (is_plain || (is_formed && is_late())).then_some(text.as_slice())
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

    fn uuid(&mut self) -> Option<&'a [u8]> {
        let text = self.take::<{ UUID_FORM.len() }>()?;
        let mut is_formed = true;
        for (byte, form) in text.iter().copied().zip(UUID_FORM.bytes()) {
            is_formed &= if form == b'0' {
                matches!(byte, b'0'..=b'9' | b'a'..=b'f')
            } else {
                byte == form
            };
        }
        is_formed.then_some(text.as_slice())
    }

    fn seq(&mut self) -> Option<u64> {
        let start = self.at;
        self.digits()?;
        let digits = self.since(start)?;
        let is_plain = digits.len() < 20 && (digits.len() == 1 || !digits.starts_with(b"0"));
        // Fewer than 20 digits fit into 64 bits.
        let number = |number: u64, digit: &u8| number * 10 + u64::from(digit.wrapping_sub(b'0'));
        is_plain.then(|| digits.iter().fold(0, number))
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
    fn quoted(&mut self) -> Option<Text<'a>> {
        self.byte(b'"')?;
        match self.part.form {
            Form::Plain => {
                let rest = self.rest();
                let end = quote_at(rest)?;
                self.at += end + 1;
                rest.get(..end).map(Text)
            }
            Form::Any => self.quoted_in_any(),
        }
    }

    /// Reads the rest of a string in which something may be escaped.
    #[inline(never)]
    fn quoted_in_any(&mut self) -> Option<Text<'a>> {
        let start = self.at;
        loop {
            self.at += run_bytes(self.rest())?;
            match self.peek()? {
                b'"' => {
                    let text = self.since(start)?;
                    self.at += 1;
                    return Some(Text(text));
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
        let _minus = self.byte(b'-');
        let start = self.at;
        self.digits()?;
        let has_leading_zero = self.at - start > 1 && self.part.bytes.get(start) == Some(&b'0');
        if self.byte(b'.').is_some() {
            self.digits()?;
        }
        // Whatever is so long, or has an exponent, may be too large.
        let is_plain = self.at - start <= NUMBER_BYTES_MAX
            && !has_leading_zero
            && !matches!(self.peek(), Some(b'e' | b'E'));
        is_plain.then_some(())
    }

    fn object(&mut self, depth: usize) -> Option<Object<'a>> {
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

    fn spans(&mut self) -> Option<Spans<'a>> {
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

    fn span(&mut self) -> Option<(Text<'a>, Object<'a>)> {
        self.literal("{\"name\":")?;
        let name = self.quoted()?;
        let mut properties = None;
        self.optional(
            ",\"properties\":",
            |cursor| cursor.object(0),
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

/// Tells whether a date, with a time that is not looked at, exists.
fn is_date(text: &[u8]) -> bool {
    let text = [text, b"Z"].concat();
    std::str::from_utf8(&text).is_ok_and(|text| OffsetDateTime::parse(text, &Rfc3339).is_ok())
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

/// How deep a value may be nested; the parser follows 128 levels.
const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Record;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed \"all\"","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"ticloud-project-list","duration":871,"ratio":-0.5,"ok":true,"none":null,"list":[1,{"a":[]}],"text":"a\u0041\n"},"spans":[{"name":"request","properties":{"id":7}},{"name":"leaf"}]}"#;

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
        }
    }

    /// Fails unless a glance and the parser agree on a line.
    fn agree(line: &str) -> Result<(), TestCaseError> {
        let Some(glance) = Glance::at(line.as_bytes()) else {
            return Ok(());
        };
        let record = Record::parse(line.as_bytes());
        prop_assert!(record.is_ok(), "{line}: {record:?}");
        let record = record.unwrap();
        prop_assert_eq!(
            std::str::from_utf8(glance.timestamp).unwrap(),
            crate::record::format_timestamp(record.timestamp)
        );
        prop_assert_eq!(glance.level, record.level);
        prop_assert_eq!(glance.seq, record.seq);
        let session = std::str::from_utf8(glance.session).unwrap();
        prop_assert_eq!(session, record.session.to_string());
        let same = |text: Option<Text<'_>>, parsed: Option<&str>| match (text, parsed) {
            (Some(text), Some(parsed)) => text.plain().is_none_or(|text| text == parsed),
            (None, None) => true,
            _ => false,
        };
        prop_assert!(same(Some(glance.source), Some(&record.source)));
        prop_assert!(same(Some(glance.target), Some(&record.target)));
        prop_assert!(same(glance.event, record.event.as_deref()));
        prop_assert!(same(glance.message, record.message.as_deref()));
        for (name, value) in record.properties.iter() {
            match glance.properties.get(name) {
                Sought::Found(found) => {
                    let found: serde_json::Value = serde_json::from_slice(found).unwrap();
                    prop_assert_eq!(&found, value);
                }
                Sought::Absent => prop_assert!(false, "{name} is not found in {line}"),
                Sought::Unsure => {}
            }
        }
        prop_assert_eq!(glance.spans.iter().count(), record.spans.len());
        Ok(())
    }

    #[test]
    fn a_line_as_we_write_it_is_taken_with_all_its_parts() {
        let glance = Glance::at(LINE.as_bytes()).unwrap();
        assert_eq!(glance.event.unwrap().plain(), Some("command"));
        assert_eq!(glance.message.unwrap().plain(), None);
        assert_eq!(glance.properties.get("duration"), Sought::Found(b"871"));
        assert_eq!(glance.properties.get("id"), Sought::Absent);
        let spans: Vec<_> = glance
            .spans
            .iter()
            .map(|(_, span)| span.get("id"))
            .collect();
        assert_eq!(spans, [Sought::Found(b"7"), Sought::Absent]);
        agree(LINE).unwrap();
    }

    #[test]
    fn what_the_parser_takes_and_we_never_write_is_left_to_the_parser() {
        for (from, to) in [
            (",\"level\"", ", \"level\""),
            (
                "\"level\":\"INFO\",\"source\":\"ticloud\"",
                "\"source\":\"ticloud\",\"level\":\"INFO\"",
            ),
            ("\"seq\":12", "\"seq\":12,\"later\":1"),
            ("Z\"", "+00:00\""),
            ("871", "8.71e2"),
        ] {
            let line = LINE.replacen(from, to, 1);
            assert!(Glance::at(line.as_bytes()).is_none(), "{line}");
            assert!(Record::parse(line.as_bytes()).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_no_record_is_not_taken() {
        for (from, to) in [
            ("2026-11-21", "2026-02-30"),
            ("2026-11-21", "2026-13-21"),
            ("T08", "T24"),
            ("INFO", "LOUD"),
            ("INFO", "info"),
            ("\"seq\":12", "\"seq\":012"),
            ("\"seq\":12", "\"seq\":99999999999999999999"),
            ("871", "0871"),
            ("871", "1e999"),
            ("true", "tru"),
            ("\\u0041", "\\ud841"),
            ("\\u0041", "\\u00"),
            ("\\n", "\n"),
            ("{\"a\":[]}", "{\"a\":[}"),
            ("\"spans\":[", "\"spans\":[7,"),
            ("01936f0e", "01936g0e"),
            (",\"session\"", ""),
        ] {
            let line = LINE.replacen(from, to, 1);
            assert!(Record::parse(line.as_bytes()).is_err(), "{line}");
            assert!(Glance::at(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn days_at_the_end_of_months_exist_or_do_not() {
        for (day, exists) in [
            ("2024-02-29", true),
            ("2026-02-29", false),
            ("2026-04-30", true),
            ("2026-04-31", false),
            ("2026-12-31", true),
        ] {
            let line = LINE.replacen("2026-11-21", day, 1);
            assert_eq!(Glance::at(line.as_bytes()).is_some(), exists, "{day}");
            assert_eq!(Record::parse(line.as_bytes()).is_ok(), exists, "{day}");
        }
    }

    #[test]
    fn nesting_ends_before_the_stack_does() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        for depth in [1, 60, 64, 65, 127, 100_000] {
            agree(&LINE.replacen("871", &deep(depth), 1)).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever becomes of a line, what a glance takes is a record with the same values.
        #[test]
        fn a_glance_takes_nothing_that_the_parser_refuses(
            edits in proptest::collection::vec((0..LINE.len(), prop_oneof![
                Just(String::new()),
                "[\"\\\\{}\\[\\],:0-9a-fu.eE+-]",
                "[ -~]{0,3}",
                Just("\u{e9}".to_owned()),
                Just("\0".to_owned()),
            ], 0..3_usize), 1..4),
        ) {
            let mut line = LINE.to_owned();
            for (at, text, cut) in edits {
                let at = at.min(line.len());
                let end = (at + cut).min(line.len());
                if line.is_char_boundary(at) && line.is_char_boundary(end) {
                    line.replace_range(at..end, &text);
                }
            }
            agree(&line)?;
        }

        /// Every record that we write is taken.
        #[test]
        fn whatever_we_write_is_taken(text in "\\PC{0,40}", number: i64, float: f32, spans in 0..3_usize) {
            let mut record = Record::parse(LINE.as_bytes()).unwrap();
            record.message = Some(text.clone());
            record.properties.set("text", text.clone());
            record.properties.set("number", number);
            record.properties.set("deep", serde_json::json!({"a": [text, number]}));
            record.spans.truncate(spans);
            if float.is_finite() && !float.to_string().contains('e') {
                record.properties.set("float", f64::from(float));
            }
            let line = serde_json::to_string(&record).unwrap();
            prop_assert!(Glance::at(line.as_bytes()).is_some() || line.contains("e-") || line.contains("e+") || line.contains("\\ud"), "{}", line);
            agree(&line)?;
        }
    }
}
