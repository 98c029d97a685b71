//! A raw record: the parts of a record as slices of its line, without copying, decoding or storing
//! any. Most lines are read and then skipped, so this determines the cost of reading.
//!
//! Lines are filtered, printed and counted in this form only. It is created from lines in
//! localtel's form: the keys of format 1 in their order, without spaces. All checks of the parser
//! are applied to such a line, so every raw record is a valid record, and the same damage is found
//! as by parsing each line. A record in any other form is parsed, written again in that form
//! ([`Record::to_line`](super::Record::to_line)), and then read.

mod cursor;
mod value;

use std::borrow::Cow;
use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;

pub(crate) use self::cursor::is_timestamp;
use self::cursor::{Cursor, RawPart};
pub use self::value::RawValue;
use super::{Level, NAMES_COMPARED_MAX, OPENING, Properties, Span, Timestamp};

/// The parts of a record, as slices of its line.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RawRecord<'a> {
    /// The time: 27 characters, which sort in the order of the times.
    pub timestamp: RawText<'a>,
    /// The log level.
    pub level: Level,
    /// The application.
    pub source: RawText<'a>,
    /// The part of the application.
    pub target: RawText<'a>,
    /// The event's name.
    pub event: Option<RawText<'a>>,
    /// The message.
    pub message: Option<RawText<'a>>,
    /// The session's id: 36 characters, in lower case.
    pub session: RawText<'a>,
    /// The number in the session.
    pub seq: u64,
    /// The properties.
    pub properties: Object<'a>,
    /// The spans, as a list without its brackets.
    pub spans: RawSpans<'a>,
    /// Number of spans left out.
    pub spans_left_out: u64,
    /// The values of a `session` record, where this is the only record of its session.
    pub once: Option<Object<'a>>,
    /// The whole line.
    pub(crate) line: &'a [u8],
    /// Whether all texts and values certainly are in the line as they are after parsing.
    pub(crate) is_verbatim: bool,
}

/// The text of a JSON string between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawText<'a>(&'a [u8]);

/// A JSON value as it is in the line.
#[derive(Debug, Clone, Copy)]
pub struct RawJson<'a>(&'a [u8]);

/// The members of a JSON object between its braces.
#[derive(Debug, Clone, Copy, Default)]
pub struct Object<'a>(RawPart<'a>);

/// The spans of a record between their brackets.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawSpans<'a>(RawPart<'a>);

impl<'a> RawText<'a> {
    /// Returns the unescaped text.
    pub fn decoded(self) -> Cow<'a, str> {
        if self.is_plain() {
            return text_of(self.0);
        }
        // It was checked when it was read, so it can be parsed.
        let parsed = serde_json::from_slice(&[b"\"", self.0, b"\""].concat());
        parsed.map_or_else(|_| text_of(self.0), Cow::Owned)
    }

    /// Returns the bytes of the unescaped text, without checking again that they are UTF-8.
    pub fn decoded_bytes(self) -> Cow<'a, [u8]> {
        if self.is_plain() {
            return Cow::Borrowed(self.0);
        }
        Cow::Owned(self.decoded().into_owned().into_bytes())
    }

    /// Returns `true` if the unescaped text equals this text.
    pub fn is(self, text: &str) -> bool {
        // An escaped text is longer than the text itself.
        match self.0.len().cmp(&text.len()) {
            Ordering::Less => false,
            Ordering::Equal => self.0 == text.as_bytes() && self.is_plain(),
            Ordering::Greater => !self.is_plain() && self.decoded() == text,
        }
    }

    /// Returns `true` if the unescaped texts are equal; `in_plain` is whether they are from a line
    /// in which nothing is escaped.
    fn equals(self, other: Self, in_plain: bool) -> bool {
        let has_escapes = || !(in_plain || self.is_plain() && other.is_plain());
        self.0 == other.0 || has_escapes() && self.decoded() == other.decoded()
    }

    /// Returns the bytes as they are in the line.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns `true` if nothing is escaped.
    pub fn is_plain(self) -> bool {
        !self.0.contains(&b'\\')
    }
}

impl<'a> RawJson<'a> {
    /// Returns the bytes as they are in the line.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the text, if the value is a string.
    pub fn text(self) -> Option<RawText<'a>> {
        let text = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(RawText(text))
    }

    /// Returns the value.
    pub fn value(self) -> RawValue<'a> {
        RawValue::of_json(self.0)
    }

    /// Returns `true` if the value certainly is in the line as it is after parsing.
    pub(crate) fn is_verbatim(self) -> bool {
        match (self.text(), self.0.first()) {
            (Some(text), _) => text.is_plain(),
            (None, Some(b't' | b'f' | b'n')) => true,
            (None, Some(b'{' | b'[')) => false,
            (None, _) => value::is_kept_by_parsing(self.0),
        }
    }
}

impl<'a> Object<'a> {
    /// Returns names and values, each name once with its last value, in the order of the first
    /// occurrence of each name.
    pub fn members(self) -> Vec<(Cow<'a, str>, RawValue<'a>)> {
        let members = self.raw_members().into_iter();
        members
            .map(|(name, json)| (name.decoded(), json.value()))
            .collect()
    }

    /// Returns the same as [`members`](Self::members), as it is in the line.
    pub fn raw_members(self) -> Vec<(RawText<'a>, RawJson<'a>)> {
        let mut members: Vec<(RawText<'a>, RawJson<'a>)> = Vec::with_capacity(MEMBERS_USUAL);
        let mut places: FxHashMap<Cow<'a, str>, usize> = FxHashMap::default();
        let in_plain = self.0.is_plain();
        let mut marks = 0;
        for (name, json) in self.walk() {
            if members.len() == NAMES_COMPARED_MAX && places.is_empty() {
                let names = members.iter().map(|(name, _)| name.decoded());
                places.extend(names.zip(0..));
            }
            let mark = mark_of(name.0);
            let known = if !places.is_empty() {
                places.get(&name.decoded()).copied()
            } else if in_plain && marks & mark == 0 {
                None
            } else {
                let mut known = members.iter();
                known.position(|(known, _)| known.equals(name, in_plain))
            };
            marks |= mark;
            if let Some((_, earlier)) = known.and_then(|place| members.get_mut(place)) {
                *earlier = json;
                continue;
            }
            if !places.is_empty() {
                places.insert(name.decoded(), members.len());
            }
            members.push((name, json));
        }
        members
    }

    /// Returns the last value of that name, as JSON.
    pub(crate) fn get(self, name: &str) -> Option<&'a [u8]> {
        let named = self.walk().filter(|(own, _)| own.is(name));
        named.map(|(_, json)| json.0).last()
    }

    /// Returns the last value of that name, if it is a non-negative integer.
    pub(crate) fn get_u64(self, name: &str) -> Option<u64> {
        serde_json::from_slice(self.get(name)?).ok()
    }

    /// Returns `true` if there are no members.
    pub fn is_empty(self) -> bool {
        self.0.bytes().is_empty()
    }

    /// Parses names and values.
    pub fn to_properties(self) -> Properties {
        parsed([b"{", self.0.bytes(), b"}"])
    }

    /// Returns an iterator over all names and values as they are in the line. Of equal names the
    /// last one counts.
    pub fn walk(self) -> impl Iterator<Item = (RawText<'a>, RawJson<'a>)> {
        let mut cursor = Cursor::new(self.0);
        std::iter::from_fn(move || {
            let (name, json) = cursor.member()?;
            let _comma = cursor.byte(b',');
            Some((name, RawJson(json)))
        })
    }
}

impl<'a> RawSpans<'a> {
    /// Returns an iterator over the spans' names and properties, from the root to the leaf.
    pub fn iter(self) -> impl Iterator<Item = (RawText<'a>, Object<'a>)> {
        let mut cursor = Cursor::new(self.0);
        std::iter::from_fn(move || {
            let span = cursor.span()?;
            let _comma = cursor.byte(b',');
            Some(span)
        })
    }

    /// Returns `true` if there are no spans.
    pub fn is_empty(self) -> bool {
        self.0.bytes().is_empty()
    }

    /// Parses the spans.
    pub fn to_spans(self) -> Vec<Span> {
        parsed([b"[", self.0.bytes(), b"]"])
    }
}

/// Returns one bit for a name, which usually differs from that of other names: names of one object
/// are only compared if their bits are equal.
fn mark_of(name: &[u8]) -> u64 {
    let end = |byte: Option<&u8>| byte.copied().map_or(0, usize::from);
    let (first, last) = (end(name.first()), end(name.last()));
    1 << ((name.len() ^ (first << 1) ^ (last << 3) ^ (last >> 3)) % 64)
}

/// Returns the text of bytes that were checked when they were read.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Parses bytes that were checked when they were read.
fn parsed<T: DeserializeOwned + Default>(parts: [&[u8]; 3]) -> T {
    serde_json::from_slice(&parts.concat()).unwrap_or_default()
}

impl<'a> RawRecord<'a> {
    /// Returns the time.
    pub fn time(&self) -> Timestamp {
        // It was checked when it was read.
        let parsed = self.timestamp.decoded().parse();
        parsed.unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Returns the properties of the record, and then those of the spans from the root to the leaf.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Object<'a>> {
        let of_spans = self.spans.iter().map(|(_, properties)| properties);
        std::iter::once(self.properties).chain(of_spans)
    }

    /// Returns the raw record of a line without its newline; `None` if the line is not in
    /// localtel's form.
    pub fn at(line: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(RawPart::line(line)?);
        cursor.literal(OPENING)?;
        let timestamp = cursor.timestamp()?;
        cursor.literal("\",\"level\":")?;
        let level = cursor.level()?;
        cursor.literal(",\"source\":")?;
        let source = cursor.quoted()?;
        cursor.literal(",\"target\":")?;
        let target = cursor.quoted()?;
        let event = cursor.optional(",\"event\":", |cursor| cursor.quoted().map(Some))?;
        let message = cursor.optional(",\"message\":", |cursor| cursor.quoted().map(Some))?;
        cursor.literal(",\"session\":\"")?;
        let session = cursor.uuid()?;
        cursor.literal("\",\"seq\":")?;
        let seq = cursor.seq()?;
        let object = |cursor: &mut Cursor<'a>| cursor.object(PROPERTIES_DEPTH);
        let properties = cursor.optional(",\"properties\":", object)?;
        let spans = cursor.optional(",\"spans\":", Cursor::spans)?;
        let spans_left_out = cursor.optional(",\"spans_left_out\":", Cursor::seq)?;
        let once = cursor.optional(",\"once\":", |cursor| object(cursor).map(Some))?;
        cursor.byte(b'}')?;
        if !cursor.is_at_end() {
            return None;
        }
        Some(Self {
            timestamp,
            level,
            source,
            target,
            event,
            message,
            session,
            seq,
            properties,
            spans,
            spans_left_out,
            once,
            line,
            is_verbatim: cursor.is_verbatim(),
        })
    }
}

/// Number of members of most objects.
const MEMBERS_USUAL: usize = 8;

/// The nesting depth of a record's properties in its line: they are inside the object of the line.
const PROPERTIES_DEPTH: usize = 2;

#[cfg(test)]
mod tests;
