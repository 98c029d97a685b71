//! A record as `LogRecord` of OTLP JSON. The mapping is that of the bridge of OpenTelemetry for
//! `tracing`, as far as it has the parts.
//!
//! | record | OTLP |
//! | --- | --- |
//! | `timestamp` | `timeUnixNano`, a decimal string; a time before 1970 or after 2554 is the attribute `localtel.timestamp` |
//! | `level` | `severityText`, and `severityNumber` 1, 5, 9, 13 or 17 |
//! | `target` | name of the scope |
//! | `event` | `eventName` |
//! | `message` | `body` |
//! | `properties` | attributes of the same names |
//! | `spans` | attribute `localtel.spans`: a list of `name` and `properties`, from the root to the leaf |
//! | `seq` | attribute `localtel.seq` |
//! | `source` | `service.name` of the resource |
//! | `session` | `service.instance.id` of the resource |
//! | version of the application | `service.version` of the resource |
//! | installation id | `host.id` of the resource |
//! | host of the tree | `host.name` of the resource |
//! | profile, log of the tree | `localtel.profile`, `localtel.log` of the resource |
//! | segment and offset | attributes `localtel.segment` and `localtel.offset` |
//!
//! No trace and no span has an id, since none was recorded. What would make a record longer than
//! 900,000 bytes is left out: the end of the body, and attributes, whose number is
//! `droppedAttributesCount`.

use std::io::Write as _;

use localtel::Level;
use localtel::read::raw::{Object, RawRecord, RawText};

use super::any_value::{push_comma, push_integer, push_quoted, push_string, push_text, push_value};
use crate::chain::SegmentPlace;

/// Writes a record.
pub(super) fn push_record(out: &mut Vec<u8>, raw: &RawRecord<'_>, place: SegmentPlace) {
    let start = out.len();
    out.push(b'{');
    let micros = raw.time().unix_micros();
    let nanos = u64::try_from(micros)
        .ok()
        .and_then(|micros| micros.checked_mul(1000));
    if let Some(nanos) = nanos {
        drop(write!(out, "\"timeUnixNano\":\"{nanos}\","));
    }
    let (text, number) = (raw.level.as_str(), severity(raw.level));
    drop(write!(
        out,
        "\"severityNumber\":{number},\"severityText\":\"{text}\""
    ));
    if let Some(event) = raw.event {
        out.extend_from_slice(b",\"eventName\":");
        push_name(out, event);
    }
    if let Some(message) = raw.message {
        out.extend_from_slice(b",\"body\":");
        if message.bytes().len() <= BODY_MAX {
            push_text(out, message);
        } else {
            push_string(out, cut(&message.decoded(), BODY_MAX / ESCAPED_MAX));
        }
    }
    let mut attributes = Attributes::begin(out, start);
    let number = i64::try_from(raw.seq);
    attributes.add("localtel.seq", |out| match number {
        Ok(number) => push_integer(out, number),
        Err(_) => push_string(out, &raw.seq.to_string()),
    });
    for (name, number) in [
        ("localtel.segment", place.number.get()),
        ("localtel.offset", place.offset),
    ] {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        attributes.add(name, |out| push_integer(out, number));
    }
    if nanos.is_none() {
        attributes.add("localtel.timestamp", |out| push_text(out, raw.timestamp));
    }
    if !raw.spans.is_empty() {
        attributes.add("localtel.spans", |out| push_spans(out, raw));
    }
    attributes.add_properties(raw.properties);
    attributes.end();
    out.push(b'}');
}

/// The attributes of a record, while they are written.
struct Attributes<'a> {
    out: &'a mut Vec<u8>,
    /// The length at which no more is added.
    end: usize,
    count: usize,
    dropped: usize,
}

impl<'a> Attributes<'a> {
    fn begin(out: &'a mut Vec<u8>, start: usize) -> Self {
        out.extend_from_slice(b",\"attributes\":[");
        Self {
            end: start + RECORD_MAX,
            out,
            count: 0,
            dropped: 0,
        }
    }

    fn add(&mut self, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
        self.add_member(
            |out| push_quoted(out, name),
            |out| {
                value(out);
                true
            },
        );
    }

    fn add_properties(&mut self, properties: Object<'_>) {
        for (name, json) in properties.raw_members() {
            // Names of attributes are unique, and these are the facts.
            if OWN_NAMES.iter().any(|own| name.is(own)) {
                self.dropped += 1;
                continue;
            }
            let quoted = |out: &mut Vec<u8>| {
                out.push(b'"');
                out.extend_from_slice(name.bytes());
                out.push(b'"');
            };
            self.add_member(quoted, |out| push_value(out, json));
        }
    }

    /// Adds a member, unless it has no value or does not fit.
    fn add_member(
        &mut self,
        name: impl FnOnce(&mut Vec<u8>),
        value: impl FnOnce(&mut Vec<u8>) -> bool,
    ) {
        let before = self.out.len();
        push_comma(self.out, self.count > 0);
        self.out.extend_from_slice(b"{\"key\":");
        name(self.out);
        self.out.extend_from_slice(b",\"value\":");
        let has_value = value(self.out);
        self.out.push(b'}');
        if has_value && self.out.len() <= self.end {
            self.count += 1;
        } else {
            self.out.truncate(before);
            self.dropped += usize::from(has_value);
        }
    }

    fn end(self) {
        self.out.push(b']');
        if self.dropped > 0 {
            drop(write!(
                self.out,
                ",\"droppedAttributesCount\":{}",
                self.dropped
            ));
        }
    }
}

fn push_spans(out: &mut Vec<u8>, raw: &RawRecord<'_>) {
    out.extend_from_slice(b"{\"arrayValue\":{\"values\":[");
    for (place, (name, properties)) in raw.spans.iter().enumerate() {
        push_comma(out, place > 0);
        out.extend_from_slice(b"{\"kvlistValue\":{\"values\":[{\"key\":\"name\",\"value\":");
        push_text(out, name);
        out.push(b'}');
        if !properties.is_empty() {
            out.extend_from_slice(
                b",{\"key\":\"properties\",\"value\":{\"kvlistValue\":{\"values\":[",
            );
            let mut count = 0;
            for (name, json) in properties.raw_members() {
                let before = out.len();
                push_comma(out, count > 0);
                out.extend_from_slice(b"{\"key\":\"");
                out.extend_from_slice(name.bytes());
                out.extend_from_slice(b"\",\"value\":");
                if push_value(out, json) {
                    out.push(b'}');
                    count += 1;
                } else {
                    out.truncate(before);
                }
            }
            out.extend_from_slice(b"]}}}");
        }
        out.extend_from_slice(b"]}}");
    }
    out.extend_from_slice(b"]}}");
}

/// Writes a name with its quotes.
pub(super) fn push_name(out: &mut Vec<u8>, name: RawText<'_>) {
    push_quoted(out, cut(&name.decoded(), NAME_MAX));
}

/// Returns the start of a text, up to a character that ends before that many bytes.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Returns the number of a level in OpenTelemetry.
const fn severity(level: Level) -> u8 {
    match level {
        Level::Trace => 1,
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
    }
}

/// The attributes that are facts about the record.
const OWN_NAMES: [&str; 5] = [
    "localtel.seq",
    "localtel.segment",
    "localtel.offset",
    "localtel.timestamp",
    "localtel.spans",
];

/// About the longest record; a line with one record and its resource stays below 1 MiB.
const RECORD_MAX: usize = 900_000;
/// The longest body as it is in a line.
const BODY_MAX: usize = 400_000;
/// A byte takes at most so many as JSON: `\u0001`.
pub(super) const ESCAPED_MAX: usize = 6;
/// The longest name of an event, a scope or a resource.
pub(super) const NAME_MAX: usize = 1024;
