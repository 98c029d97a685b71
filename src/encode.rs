//! From values to the bytes of a line, straight and once: the one place that writes lines. What is
//! constant for a call site is prepared in a [`Site`]; an event then only adds its time and its values.
//!
//! A line travels to the writer as a *frame*: a header, then the line without session and sequence
//! number, which the writer alone knows and inserts where the header says. Who writes frames to where is
//! `recorder`'s and `store`'s business; which event becomes a line is `layer`'s.

use std::any::Any;
use std::fmt::{self, Write as _};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use time::OffsetDateTime;
use tracing::Metadata;
use tracing::field::{Field, FieldSet, Visit};

use crate::record::{Level, OWN_TARGET, Properties};
use crate::store::limits::Limits;

/// The bounds that concern one line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineLimits {
    string_bytes_max: usize,
    line_bytes_max: usize,
}

impl From<&Limits> for LineLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            string_bytes_max: limits.string_bytes_max,
            line_bytes_max: limits.line_bytes_max,
        }
    }
}

/// What is constant for a call site: everything between the timestamp and the message, and the keys.
#[derive(Debug)]
pub(crate) struct Site {
    /// `","level":"INFO","source":"…","target":"…","event":"…"`.
    head: Box<[u8]>,
    keys: Box<[Key]>,
    repeats: Repeats,
}

/// How one field of a call site is written.
#[derive(Debug)]
enum Key {
    /// Lifted out of the properties.
    Message,
    /// `"name":`, escaped.
    Property(Box<[u8]>),
}

/// Whether names occur more than once at a call site.
#[derive(Debug)]
enum Repeats {
    None,
    /// For each field the first field of the same name.
    Some(Box<[usize]>),
}

impl Site {
    /// Prepares a call site of an application.
    pub(crate) fn new(metadata: &Metadata<'_>, source: &str) -> Self {
        let mut head = Vec::with_capacity(128);
        let name = given_name(metadata);
        push_head(
            &mut head,
            Level::from(*metadata.level()),
            source,
            application_target(metadata.target()),
            name,
        );
        let names: Vec<&str> = metadata
            .fields()
            .iter()
            .map(|field| plain_name(&field))
            .collect();
        Self {
            head: head.into(),
            keys: keys_of(&names),
            repeats: repeats_of(&names),
        }
    }

    /// Prepares the fields of a span.
    pub(crate) fn of_fields(fields: &FieldSet) -> Self {
        let names: Vec<&str> = fields.iter().map(|field| plain_name(&field)).collect();
        // A span has no message of its own: there the name is an ordinary one.
        let keys = names.iter().map(|name| property_key(name)).collect();
        Self {
            head: Box::default(),
            keys,
            repeats: repeats_of(&names),
        }
    }

    fn first_of_name(&self, index: usize) -> usize {
        match &self.repeats {
            Repeats::None => index,
            Repeats::Some(first) => first.get(index).copied().unwrap_or(index),
        }
    }
}

fn keys_of(names: &[&str]) -> Box<[Key]> {
    let key = |name: &&str| {
        if *name == "message" {
            Key::Message
        } else {
            property_key(name)
        }
    };
    names.iter().map(key).collect()
}

fn property_key(name: &str) -> Key {
    let mut key = Vec::with_capacity(name.len() + 3);
    push_string(&mut key, name, NAME_BYTES_MAX);
    key.push(b':');
    Key::Property(key.into())
}

fn repeats_of(names: &[&str]) -> Repeats {
    let first: Box<[usize]> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            names
                .iter()
                .position(|other| is_same_name(other, name))
                .unwrap_or(index)
        })
        .collect();
    let is_plain = first
        .iter()
        .enumerate()
        .all(|(index, first)| index == *first);
    if is_plain {
        Repeats::None
    } else {
        Repeats::Some(first)
    }
}

/// Tells whether two names are written alike: long ones are cut.
fn is_same_name(one: &str, other: &str) -> bool {
    let is_long = |name: &str| name.len() > NAME_BYTES_MAX;
    one == other
        || is_long(one)
            && is_long(other)
            && beginning(one, NAME_BYTES_MAX) == beginning(other, NAME_BYTES_MAX)
}

/// Tells whether one of the later names takes this one's place: the last of equal names wins.
fn is_named_again<'a>(name: &str, mut later: impl Iterator<Item = &'a str>) -> bool {
    name.len() > NAME_BYTES_MAX && later.any(|other| is_same_name(name, other))
}

/// Returns a field's name without the `r#` that Rust needs for its own words.
fn plain_name(field: &Field) -> &'static str {
    let name = field.name();
    name.strip_prefix("r#").unwrap_or(name)
}

/// Returns the `name:` given to the macro; the default one only repeats file and line.
fn given_name<'a>(metadata: &Metadata<'a>) -> Option<&'a str> {
    let name = metadata.name();
    let is_default = name.strip_prefix("event ").is_some_and(|place| {
        place.rsplit_once(':').is_some_and(|(file, line)| {
            metadata.file() == Some(file)
                && metadata.line().is_some_and(|own| line.parse() == Ok(own))
        })
    });
    (!is_default).then_some(name)
}

fn push_head(out: &mut Vec<u8>, level: Level, source: &str, target: &str, event: Option<&str>) {
    out.extend_from_slice(b"\",\"level\":\"");
    out.extend_from_slice(level.as_str().as_bytes());
    out.extend_from_slice(b"\",\"source\":");
    push_string(out, source, NAME_BYTES_MAX);
    out.extend_from_slice(b",\"target\":");
    push_string(out, target, NAME_BYTES_MAX);
    if let Some(event) = event {
        out.extend_from_slice(b",\"event\":");
        push_string(out, event, NAME_BYTES_MAX);
    }
}

/// A frame under construction in a buffer that is used again and again.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    out: &'a mut Vec<u8>,
    limits: LineLimits,
    head_end: usize,
    /// Where the message ends, and session and sequence number will be inserted.
    number_at: usize,
    properties: usize,
    spans: usize,
    is_overlong: bool,
}

/// The header of a frame: the length of the line as it stands, where the number goes, and who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the line that follows, newline included, number not.
    pub(crate) line_bytes: usize,
    /// Where in the line session and sequence number go.
    pub(crate) number_at: usize,
    /// Whether the record is localtel's own.
    pub(crate) is_own: bool,
}

impl FrameHeader {
    /// Two 32-bit numbers; the upper bit of the second says whose the record is.
    pub(crate) const BYTES: usize = 8;
    const OWN: u32 = 1 << 31;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let length = u32::try_from(self.line_bytes).unwrap_or(u32::MAX);
        let place =
            u32::try_from(self.number_at).unwrap_or(0) | if self.is_own { Self::OWN } else { 0 };
        let mut bytes = [0; Self::BYTES];
        for (byte, value) in bytes
            .iter_mut()
            .zip(length.to_le_bytes().into_iter().chain(place.to_le_bytes()))
        {
            *byte = value;
        }
        bytes
    }

    /// Splits the first frame off a run of frames.
    pub(crate) fn split_first(frames: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        let (length, rest) = frames.split_first_chunk::<4>()?;
        let (place, rest) = rest.split_first_chunk::<4>()?;
        let (length, place) = (u32::from_le_bytes(*length), u32::from_le_bytes(*place));
        let header = Self {
            line_bytes: length as usize,
            number_at: (place & !Self::OWN) as usize,
            is_own: place & Self::OWN != 0,
        };
        let (line, rest) = rest.split_at_checked(header.line_bytes)?;
        Some((header, line, rest))
    }
}

impl<'a> Line<'a> {
    /// Starts the line of an event at that call site; the timestamp is 27 characters.
    pub(crate) fn start(
        out: &'a mut Vec<u8>,
        limits: LineLimits,
        timestamp: &[u8; TIMESTAMP_BYTES],
        site: &Site,
    ) -> Self {
        Self::start_with(out, limits, timestamp, |out| {
            out.extend_from_slice(&site.head)
        })
    }

    fn start_with(
        out: &'a mut Vec<u8>,
        limits: LineLimits,
        timestamp: &[u8; TIMESTAMP_BYTES],
        push_head: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        out.clear();
        out.extend_from_slice(&[0; FrameHeader::BYTES]);
        out.extend_from_slice(b"{\"timestamp\":\"");
        out.extend_from_slice(timestamp);
        push_head(out);
        let head_end = out.len();
        Self {
            out,
            limits,
            head_end,
            number_at: head_end,
            properties: 0,
            spans: 0,
            is_overlong: false,
        }
    }

    /// Adds the values of an event or of a draft's fields, each name once: the last one wins.
    pub(crate) fn fields(&mut self, site: &Site, record: impl Fn(&mut dyn Visit)) {
        let winners = match &site.repeats {
            Repeats::None => None,
            Repeats::Some(_) => {
                let mut last = LastOfName {
                    site,
                    last: vec![None; site.keys.len()],
                };
                record(&mut last);
                Some(last.last)
            }
        };
        record(&mut EventFields {
            line: self,
            site,
            winners: winners.as_deref(),
        });
    }

    fn message(&mut self, write: impl FnOnce(&mut Vec<u8>, usize)) {
        let start = self.out.len();
        self.out.extend_from_slice(b",\"message\":");
        write(self.out, self.limits.string_bytes_max);
        let message_bytes = self.out.len() - start;
        // Properties that came first move behind it.
        if let Some(tail) = self.out.get_mut(self.number_at..) {
            tail.rotate_right(message_bytes);
        }
        self.number_at += message_bytes;
    }

    fn property(&mut self, key: &[u8], write: impl FnOnce(&mut Vec<u8>, usize)) {
        self.properties += 1;
        if self.is_overlong || self.out.len() > self.limits.line_bytes_max {
            // Nothing more is formatted: the line will be replaced.
            self.is_overlong = true;
            return;
        }
        let opening: &[u8] = if self.properties == 1 {
            b",\"properties\":{"
        } else {
            b","
        };
        self.out.extend_from_slice(opening);
        self.out.extend_from_slice(key);
        write(self.out, self.limits.string_bytes_max);
    }

    /// Closes the properties; spans follow.
    pub(crate) fn end_properties(&mut self) {
        if self.properties > 0 {
            self.out.push(b'}');
        }
    }

    /// Adds one rendered span; they come from the root to the leaf.
    pub(crate) fn span(&mut self, rendered: &[u8]) {
        self.spans += 1;
        if self.is_overlong || self.out.len() > self.limits.line_bytes_max {
            self.is_overlong = true;
            return;
        }
        let opening: &[u8] = if self.spans == 1 {
            b",\"spans\":["
        } else {
            b","
        };
        self.out.extend_from_slice(opening);
        self.out.extend_from_slice(rendered);
    }

    /// Ends the line and writes its header; a line over the limit is replaced by one that says so.
    pub(crate) fn finish(mut self, own: Own) {
        if self.spans > 0 {
            self.out.push(b']');
        }
        let bytes = self.out.len() + NUMBER_BYTES_MAX;
        if self.is_overlong || bytes > self.limits.line_bytes_max + FrameHeader::BYTES {
            self.replace_by_notice();
        }
        self.out.extend_from_slice(b"}\n");
        let header = FrameHeader {
            line_bytes: self.out.len() - FrameHeader::BYTES,
            number_at: self.number_at - FrameHeader::BYTES,
            is_own: own == Own::Localtel,
        };
        if let Some(place) = self.out.first_chunk_mut() {
            *place = header.to_bytes();
        }
    }

    fn replace_by_notice(&mut self) {
        let bytes_max = self.limits.line_bytes_max;
        // A message that leaves room for the notice is kept; head and notice alone always fit.
        if self.number_at > bytes_max / 2 {
            self.number_at = self.head_end;
        }
        self.out.truncate(self.number_at);
        let (properties, spans) = (self.properties, self.spans);
        // Writing to a vector does not fail.
        drop(std::io::Write::write_fmt(
            self.out,
            format_args!(
                ",\"properties\":{{\"localtel.cut\":{{\"line_bytes_max\":{bytes_max},\
                 \"properties\":{properties},\"spans\":{spans}}}}}"
            ),
        ));
    }
}

/// Whose record a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// The application's.
    Application,
    /// One that localtel itself writes.
    Localtel,
}

/// The values of a record that does not come from `tracing`.
#[derive(Debug)]
pub(crate) struct Loose<'a> {
    /// How grave it is.
    pub(crate) level: Level,
    /// The application.
    pub(crate) source: &'a str,
    /// The part of it.
    pub(crate) target: &'a str,
    /// The event's name.
    pub(crate) event: Option<&'a str>,
    /// The event's message.
    pub(crate) message: Option<&'a str>,
    /// Names and values.
    pub(crate) properties: &'a Properties,
}

/// Writes the frame of a record that does not come from `tracing`.
pub(crate) fn encode_loose(
    out: &mut Vec<u8>,
    limits: LineLimits,
    now: OffsetDateTime,
    own: Own,
    loose: Loose<'_>,
) {
    let micros = i64::try_from(now.unix_timestamp_nanos() / 1000).unwrap_or(0);
    let timestamp = Stamp::default().text(micros);
    let target = match own {
        Own::Application => application_target(loose.target),
        Own::Localtel => OWN_TARGET,
    };
    let mut line = Line::start_with(out, limits, &timestamp, |out| {
        push_head(out, loose.level, loose.source, target, loose.event);
    });
    if let Some(message) = loose.message {
        line.message(|out, bytes_max| push_string(out, message, bytes_max));
    }
    let mut key = Vec::new();
    for (index, (name, value)) in loose.properties.iter().enumerate() {
        let later = loose.properties.iter().skip(index + 1);
        if is_named_again(name, later.map(|(name, _)| name)) {
            continue;
        }
        key.clear();
        push_string(&mut key, name, NAME_BYTES_MAX);
        key.push(b':');
        line.property(&key, |out, bytes_max| {
            push_json(out, value, bytes_max, JSON_DEPTH_MAX);
        });
    }
    line.end_properties();
    line.finish(own);
}

/// Only localtel writes records of its own target: what an application sends under that name would read
/// as a statement of ours.
fn application_target(target: &str) -> &str {
    if target == OWN_TARGET {
        "app::localtel"
    } else {
        target
    }
}

/// The values of a span, each name once, rendered anew whenever one is recorded.
#[derive(Debug, Default)]
pub(crate) struct SpanValues {
    /// For each recorded field its index among the call site's names and `"name":value`.
    values: Vec<(usize, Vec<u8>)>,
}

impl SpanValues {
    /// Takes over newly recorded values.
    pub(crate) fn record(
        &mut self,
        site: &Site,
        limits: LineLimits,
        record: impl FnOnce(&mut dyn Visit),
    ) {
        record(&mut SpanFields {
            values: self,
            site,
            limits,
        });
    }

    /// Takes over newer values: each name's last one wins.
    pub(crate) fn merge(&mut self, newer: Self) {
        for (index, value) in newer.values {
            match self.values.iter_mut().find(|(own, _)| *own == index) {
                Some((_, old)) => *old = value,
                None => self.values.push((index, value)),
            }
        }
    }

    /// Renders the span: `{"name":"…","properties":{…}}`.
    pub(crate) fn render(&self, name: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(b"{\"name\":");
        push_string(&mut out, name, NAME_BYTES_MAX);
        for (index, (_, value)) in self.values.iter().enumerate() {
            let opening: &[u8] = if index == 0 {
                b",\"properties\":{"
            } else {
                b","
            };
            out.extend_from_slice(opening);
            out.extend_from_slice(value);
        }
        if !self.values.is_empty() {
            out.push(b'}');
        }
        out.push(b'}');
        out
    }
}

/// Finds, for names that occur more than once, which field is recorded last.
struct LastOfName<'a> {
    site: &'a Site,
    last: Vec<Option<usize>>,
}

impl Visit for LastOfName<'_> {
    fn record_debug(&mut self, field: &Field, _value: &dyn fmt::Debug) {
        let first = self.site.first_of_name(field.index());
        if let Some(last) = self.last.get_mut(first) {
            *last = Some(field.index());
        }
    }
}

/// Writes the fields of an event into its line.
struct EventFields<'a, 'b> {
    line: &'a mut Line<'b>,
    site: &'a Site,
    winners: Option<&'a [Option<usize>]>,
}

impl EventFields<'_, '_> {
    fn is_overridden(&self, field: &Field) -> bool {
        self.winners.is_some_and(|winners| {
            let winner = winners
                .get(self.site.first_of_name(field.index()))
                .copied()
                .flatten();
            winner != Some(field.index())
        })
    }
}

/// Writes the fields of a span into its values.
struct SpanFields<'a> {
    values: &'a mut SpanValues,
    site: &'a Site,
    limits: LineLimits,
}

/// Where a visited field goes; how its value is written is the same everywhere.
trait Place {
    /// Puts a value under the field's key; `text` says that the value is written as a string.
    fn put(&mut self, field: &Field, text: Text, write: impl FnOnce(&mut Vec<u8>, usize));
}

/// Whether a value is written with quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Quoted,
    Bare,
}

impl Place for EventFields<'_, '_> {
    fn put(&mut self, field: &Field, text: Text, write: impl FnOnce(&mut Vec<u8>, usize)) {
        if self.is_overridden(field) {
            return;
        }
        match self.site.keys.get(field.index()) {
            Some(Key::Property(key)) => self.line.property(key, write),
            // A message is a string, also if the application gave a number.
            Some(Key::Message) => self.line.message(|out, bytes_max| match text {
                Text::Quoted => write(out, bytes_max),
                Text::Bare => {
                    out.push(b'"');
                    write(out, bytes_max);
                    out.push(b'"');
                }
            }),
            None => {}
        }
    }
}

impl Place for SpanFields<'_> {
    fn put(&mut self, field: &Field, _text: Text, write: impl FnOnce(&mut Vec<u8>, usize)) {
        let Some(Key::Property(key)) = self.site.keys.get(field.index()) else {
            return;
        };
        let mut value = key.to_vec();
        write(&mut value, self.limits.string_bytes_max);
        let first = self.site.first_of_name(field.index());
        match self
            .values
            .values
            .iter_mut()
            .find(|(index, _)| *index == first)
        {
            Some((_, old)) => *old = value,
            None => self.values.values.push((first, value)),
        }
    }
}

/// Implements `tracing`'s visitor once for both places.
macro_rules! visit_into_place {
    ($($place:ty),*) => {$(
        impl Visit for $place {
            fn record_str(&mut self, field: &Field, value: &str) {
                self.put(field, Text::Quoted, |out, bytes_max| push_string(out, value, bytes_max));
            }

            fn record_i64(&mut self, field: &Field, value: i64) {
                self.put(field, Text::Bare, |out, _| push_number(out, value));
            }

            fn record_u64(&mut self, field: &Field, value: u64) {
                self.put(field, Text::Bare, |out, _| push_number(out, value));
            }

            fn record_bool(&mut self, field: &Field, value: bool) {
                self.put(field, Text::Bare, |out, _| push_number(out, value));
            }

            fn record_f64(&mut self, field: &Field, value: f64) {
                self.put(field, Text::Bare, |out, _| push_number(out, value));
            }

            fn record_i128(&mut self, field: &Field, value: i128) {
                match i64::try_from(value) {
                    Ok(value) => self.record_i64(field, value),
                    Err(_) => match u64::try_from(value) {
                        Ok(value) => self.record_u64(field, value),
                        Err(_) => self.record_debug(field, &value),
                    },
                }
            }

            fn record_u128(&mut self, field: &Field, value: u128) {
                match u64::try_from(value) {
                    Ok(value) => self.record_u64(field, value),
                    Err(_) => self.record_debug(field, &value),
                }
            }

            fn record_bytes(&mut self, field: &Field, value: &[u8]) {
                self.put(field, Text::Quoted, |out, bytes_max| push_hex(out, value, bytes_max));
            }

            fn record_error(
                &mut self,
                field: &Field,
                value: &(dyn std::error::Error + 'static),
            ) {
                self.put(field, Text::Quoted, |out, bytes_max| {
                    push_formatted(out, bytes_max, |text| write_error_chain(text, value));
                });
            }

            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.put(field, Text::Quoted, |out, bytes_max| {
                    push_formatted(out, bytes_max, |text| write!(text, "{value:?}"));
                });
            }
        }
    )*};
}

visit_into_place!(EventFields<'_, '_>, SpanFields<'_>);

/// Writes an error and its sources, joined by `: `.
fn write_error_chain(
    text: &mut Escaped<'_>,
    error: &(dyn std::error::Error + 'static),
) -> fmt::Result {
    write!(text, "{error}")?;
    let mut source = error.source();
    for _ in 0..ERROR_SOURCES_MAX {
        let Some(error) = source else { break };
        write!(text, ": {error}")?;
        source = error.source();
    }
    Ok(())
}

/// Writes a number, a boolean, or null for what JSON has no number for.
fn push_number(out: &mut Vec<u8>, value: impl serde::Serialize) {
    // Neither writing to a vector nor these types can fail.
    drop(serde_json::to_writer(out, &value));
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8], bytes_max: usize) {
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

/// Writes what a formatting function of the application yields. It may panic, log or never end: a
/// panic leaves a mark in place of the value, and the limit ends what does not end by itself.
fn push_formatted(
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

/// Drops what a panic carried. That is the application's too and may panic; what that panic carries is
/// kept for good, or there would be no end.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        let _kept = ManuallyDrop::new(again);
    }
}

/// Escapes text on its way into a line, up to a limit.
struct Escaped<'a> {
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

/// Writes a JSON value, its strings and its depth within the limits.
fn push_json(out: &mut Vec<u8>, value: &Value, string_bytes_max: usize, depth_max: usize) {
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
            for (index, (name, value)) in values.iter().enumerate() {
                if is_named_again(name, values.keys().skip(index + 1).map(String::as_str)) {
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
fn push_string(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    out.push(b'"');
    if text.len() <= bytes_max {
        push_escaped(out, text);
    } else {
        push_escaped(out, beginning(text, bytes_max));
        out.extend_from_slice(CUT.as_bytes());
    }
    out.push(b'"');
}

/// Returns the beginning of a text that fits.
fn beginning(text: &str, bytes_max: usize) -> &str {
    text.split_at_checked(text.floor_char_boundary(bytes_max))
        .map_or("", |(kept, _)| kept)
}

/// Escapes what JSON demands, and beyond it what could move a cursor, colour a screen or reorder text:
/// a line is safe to look at also where a tool prints it raw.
fn push_escaped(out: &mut Vec<u8>, mut text: &str) {
    while let Some(at) = text.bytes().position(may_need_escape) {
        // What may need an escape starts a character, so both splits are at boundaries.
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

/// Tells whether a byte begins a character that may need an escape.
fn may_need_escape(byte: u8) -> bool {
    const CANDIDATES: [bool; 256] = {
        let mut candidates = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            // The last five begin U+0080 to U+00BF, U+0600 to U+063F, U+2000 to U+2FFF, U+F000 to U+FFFF
            // and U+C0000 to U+FFFFF.
            candidates[byte] = matches!(
                byte,
                0..0x20 | 0x22 | 0x5c | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef | 0xf3
            );
            byte += 1;
        }
        candidates
    };
    CANDIDATES.get(usize::from(byte)).copied().unwrap_or(true)
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

/// Tells whether a character acts on a terminal or hides: control characters, line and paragraph
/// separators, bidirectional controls, zero-width characters (but the joiners that scripts need) and tags.
pub(crate) const fn is_unsafe_to_show(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The text of a time, with the part down to the second kept from one event to the next.
#[derive(Debug)]
pub(crate) struct Stamp {
    second: i64,
    text: [u8; TIMESTAMP_BYTES],
}

impl Default for Stamp {
    fn default() -> Self {
        Self {
            second: 0,
            text: *b"1970-01-01T00:00:00.000000Z",
        }
    }
}

impl Stamp {
    /// Returns the text of a time in microseconds since 1970, held within the years 0 to 9999.
    pub(crate) fn text(&mut self, micros: i64) -> [u8; TIMESTAMP_BYTES] {
        let micros = micros.clamp(MICROS_LEAST, MICROS_MOST);
        let second = micros.div_euclid(1_000_000);
        if second != self.second {
            self.second = second;
            let at =
                OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let text = crate::record::format_timestamp(at);
            for (byte, value) in self.text.iter_mut().zip(text.bytes()) {
                *byte = value;
            }
        }
        let mut rest = micros.rem_euclid(1_000_000);
        // The six digits before the `Z`.
        for byte in self.text.iter_mut().rev().skip(1).take(6) {
            *byte = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        self.text
    }
}

/// `2026-11-21T08:15:30.123456Z`.
pub(crate) const TIMESTAMP_BYTES: usize = 27;

/// What ends a value that was cut.
const CUT: &str = "…";

/// The longest name of a source, target, event, span or property in bytes. Names are written by
/// programmers; 256 bytes leave every line, however short its limit, room for its head.
const NAME_BYTES_MAX: usize = 256;

/// How deep a draft's value may be nested: common parsers follow 128 levels.
const JSON_DEPTH_MAX: usize = 64;

/// How many sources of an error are followed: a chain may be circular.
const ERROR_SOURCES_MAX: usize = 64;

/// `,"session":"` + 36 + `","seq":` + 20 digits, and `}` and a newline.
const NUMBER_BYTES_MAX: usize = 12 + 36 + 8 + 20 + 2;

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z in microseconds since 1970.
const MICROS_LEAST: i64 = -62_167_219_200_000_000;
const MICROS_MOST: i64 = 253_402_300_799_999_999;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(text: &str, bytes_max: usize) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text, bytes_max);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn characters_that_act_on_a_terminal_are_escaped() {
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
    fn a_long_string_is_cut_at_a_character_boundary_and_says_so() {
        assert_eq!(string("aä", 2), "\"a…\"");
        assert_eq!(string("aä", 3), "\"aä\"");
        assert_eq!(string("ä", 1), "\"…\"");
    }

    #[test]
    fn a_value_that_panics_leaves_a_mark_and_nothing_of_itself() {
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

    #[test]
    fn times_outside_the_years_0_to_9999_stay_27_characters() {
        for micros in [i64::MIN, MICROS_LEAST, -1, 0, 1, MICROS_MOST, i64::MAX] {
            let text = Stamp::default().text(micros);
            let parsed = OffsetDateTime::parse(
                std::str::from_utf8(&text).unwrap(),
                &time::format_description::well_known::Rfc3339,
            )
            .unwrap();
            let clamped = micros.clamp(MICROS_LEAST, MICROS_MOST);
            assert_eq!(parsed.unix_timestamp_nanos(), i128::from(clamped) * 1000);
        }
    }

    proptest! {
        #[test]
        fn any_string_reads_back_as_it_was(text in any::<String>()) {
            let written = string(&text, usize::MAX);
            prop_assert!(!written.chars().any(is_unsafe_to_show));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }

        #[test]
        fn a_stamp_depends_on_nothing_that_it_kept(first in MICROS_LEAST..MICROS_MOST, second in MICROS_LEAST..MICROS_MOST) {
            let mut kept = Stamp::default();
            kept.text(first);
            prop_assert_eq!(kept.text(second), Stamp::default().text(second));
        }
    }
}
