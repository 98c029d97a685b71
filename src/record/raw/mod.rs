//! A raw record: the parts of a record where they stand in the line's bytes, without copying, decoding
//! or keeping any. Most lines are looked at only to be passed over, so this is what reading costs.
//!
//! A raw record is taken of lines as we write them: the keys of format 1 in their order, without spaces. Of such a line
//! it checks everything that parsing checks, so that whatever it takes is a record, and damage is found as if
//! each line were parsed. What is written in any other way, even if it is a record, it leaves to
//! [`Record::parse`](super::Record::parse).

mod cursor;
mod prefix_cache;

use std::borrow::Cow;

use time::OffsetDateTime;

pub(crate) use self::cursor::is_timestamp;
use self::cursor::{Cursor, RawPart};
pub use self::prefix_cache::PrefixCache;
use super::{Level, OPENING, parse_time};

/// The parts of a record, as they stand in its line.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// 27 characters, which sort as the times do.
    pub timestamp: &'a [u8],
    /// The log level.
    pub level: Level,
    /// The application.
    pub(crate) source: RawText<'a>,
    /// The part of it.
    pub target: RawText<'a>,
    /// The event's name.
    pub event: Option<RawText<'a>>,
    /// The message.
    pub message: Option<RawText<'a>>,
    /// 36 characters, in lower case.
    pub(crate) session: &'a [u8],
    /// The number in the session.
    pub(crate) seq: u64,
    /// The properties.
    pub properties: Object<'a>,
    /// The spans, as a list without its brackets.
    pub spans: Spans<'a>,
    /// How many spans were left out.
    pub spans_left_out: u64,
}

/// What stands between the time and the message of a line.
#[derive(Debug, Clone, Copy)]
struct Head<'a> {
    level: Level,
    source: RawText<'a>,
    target: RawText<'a>,
    event: Option<RawText<'a>>,
}

/// The text of a JSON string between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawText<'a>(&'a [u8]);

/// The members of a JSON object between its braces.
#[derive(Debug, Clone, Copy, Default)]
pub struct Object<'a>(RawPart<'a>);

/// The spans of a record between their brackets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spans<'a>(RawPart<'a>);

impl<'a> RawText<'a> {
    /// Takes the text of a JSON string, given with its quotes.
    pub fn quoted(json: &'a [u8]) -> Option<Self> {
        Some(Self(json.strip_prefix(b"\"")?.strip_suffix(b"\"")?))
    }

    /// Returns the text that it stands for.
    pub fn decoded(self) -> Option<Cow<'a, str>> {
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
    fn at(part: &'a [u8], from: usize, bytes: usize) -> Option<Self> {
        part.get(from..from.checked_add(bytes)?).map(Self)
    }

    /// Returns its bytes as they stand in the line.
    fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns how far into a part it stands, of which it is a part.
    fn offset_in(self, part: &[u8]) -> usize {
        self.0.as_ptr().addr().wrapping_sub(part.as_ptr().addr())
    }

    /// Returns the text, where it stands in the line as it is; nothing where something is escaped.
    pub(crate) fn plain(self) -> Option<&'a str> {
        std::str::from_utf8(self.plain_bytes()?).ok()
    }
}

impl<'a> Object<'a> {
    /// Walks over names and values, each value as JSON.
    pub fn members(self) -> impl Iterator<Item = (RawText<'a>, &'a [u8])> {
        let mut cursor = Cursor::new(self.0);
        std::iter::from_fn(move || {
            let member = cursor.member()?;
            let _comma = cursor.byte(b',');
            Some(member)
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
    pub fn iter(self) -> impl Iterator<Item = (RawText<'a>, Object<'a>)> {
        let mut cursor = Cursor::new(self.0);
        std::iter::from_fn(move || {
            let span = cursor.span()?;
            let _comma = cursor.byte(b',');
            Some(span)
        })
    }
}

impl<'a> RawRecord<'a> {
    /// Returns the time.
    pub fn time(&self) -> Option<OffsetDateTime> {
        parse_time(std::str::from_utf8(self.timestamp).ok()?).ok()
    }

    /// Takes the raw record of a line without its newline; nothing if it is not written as we write lines.
    pub fn at(line: &'a [u8]) -> Option<Self> {
        Self::read(line, Cursor::head)
    }

    /// Does the same, remembering prefixes for the next line.
    pub fn with(line: &'a [u8], prefixes: &mut PrefixCache) -> Option<Self> {
        Self::read(line, |cursor| prefixes.read(cursor))
    }

    fn read(
        line: &'a [u8],
        head: impl FnOnce(&mut Cursor<'a>) -> Option<Head<'a>>,
    ) -> Option<Self> {
        let mut cursor = Cursor::new(RawPart::line(line)?);
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
        let mut left_out = None;
        cursor.optional(",\"spans_left_out\":", Cursor::seq, &mut left_out)?;
        let mut once = None;
        cursor.optional(",\"once\":", |cursor| cursor.object(0), &mut once)?;
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
            spans_left_out: left_out.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;
