//! A record of another format, as parts of its line, and how it becomes a line of localtel.

use std::collections::HashSet;
use std::io::Write as _;

use localtel::Level;
use localtel::read::{OWN_TARGET, Timestamp};

use super::any_value;
use super::json::{self, ForeignText, Json};
use super::time::TimeText;

/// A record of another format. What it does not have is added when it is written.
#[derive(Debug, Default)]
pub(super) struct ForeignRecord<'a> {
    pub(super) time: Option<Timestamp>,
    pub(super) level: Option<Level>,
    pub(super) source: Option<ForeignText<'a>>,
    pub(super) target: Option<ForeignText<'a>>,
    pub(super) event: Option<ForeignText<'a>>,
    pub(super) message: Option<ForeignText<'a>>,
    /// The values of the event by their names, which are escaped. Of equal names the last counts.
    pub(super) properties: Vec<(&'a str, ForeignValue<'a>)>,
    /// What the line says beside the values of the event. A name that the event has itself gets
    /// `log.` in front.
    pub(super) beside: Vec<ForeignProperty<'a>>,
    /// The spans, from the root to the leaf.
    pub(super) spans: Vec<ForeignSpan<'a>>,
}

/// A value with a name that may have something in front.
#[derive(Debug, Clone, Copy)]
pub(super) struct ForeignProperty<'a> {
    pub(super) prefix: &'static str,
    pub(super) name: &'a str,
    pub(super) value: ForeignValue<'a>,
}

/// A value of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ForeignValue<'a> {
    Json(Json<'a>),
    /// A value of OpenTelemetry: an object with its type and itself.
    AnyValue(Json<'a>),
    Text(ForeignText<'a>),
}

/// A span.
#[derive(Debug, Clone)]
pub(super) enum ForeignSpan<'a> {
    /// An object whose last `name` is the name of the span, and whose other members are its values.
    Object(Json<'a>),
    /// A name and values from elsewhere in the line.
    Named(ForeignText<'a>, Vec<(&'a str, ForeignValue<'a>)>),
}

/// What a line of localtel has and a record of another format may not have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults<'a> {
    pub(super) time: Timestamp,
    pub(super) source: ForeignText<'a>,
    /// The number of the line.
    pub(super) seq: u64,
}

impl ForeignRecord<'_> {
    /// Writes the record as a line of localtel, without a newline.
    pub(super) fn write(&self, defaults: Defaults<'_>, clock: &mut TimeText, out: &mut Vec<u8>) {
        let time = clock.of(self.time.unwrap_or(defaults.time));
        let level = self.level.unwrap_or(Level::Info);
        put(out, &["{\"timestamp\":\"", time, "\",\"level\":\""]);
        put(out, &[level.as_str(), "\",\"source\":"]);
        let source = self.source.filter(|source| !source.is_empty());
        let source = source.unwrap_or(defaults.source);
        source.write(out);
        put(out, &[",\"target\":"]);
        let target = self.target.filter(|target| !target.is_empty());
        write_target(target.unwrap_or(source), out);
        for (key, text) in [("event", self.event), ("message", self.message)] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                put(out, &[",\"", key, "\":"]);
                text.write(out);
            }
        }
        put(out, &[",\"session\":\"", NO_SESSION, "\",\"seq\":"]);
        // A number can always be written to memory.
        let _written = write!(out, "{}", defaults.seq);
        self.write_properties(out);
        let mut spans = List::new(",\"spans\":[", "]");
        for span in &self.spans {
            spans.next(out);
            span.write(out);
        }
        spans.end(out);
        put(out, &["}"]);
    }

    fn write_properties(&self, out: &mut Vec<u8>) {
        let mut properties = List::new(",\"properties\":{", "}");
        for (name, value) in &self.properties {
            properties.next(out);
            write_member("", name, *value, out);
        }
        let is_many = self.beside.len() > 1 && self.properties.len() > NAMES_COMPARED_MAX;
        let names = self.properties.iter().map(|(name, _)| *name);
        let table: HashSet<&str> = names.filter(|_| is_many).collect();
        for ForeignProperty {
            prefix,
            name,
            value,
        } in &self.beside
        {
            let is_taken = prefix.is_empty()
                && if is_many {
                    table.contains(name)
                } else {
                    self.properties.iter().any(|(taken, _)| taken == name)
                };
            properties.next(out);
            write_member(if is_taken { "log." } else { prefix }, name, *value, out);
        }
        properties.end(out);
    }
}

impl ForeignSpan<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Object(object) => {
                // A value of the span may be called `name`, too, and then comes first.
                let members = || object.members().enumerate();
                let names = members().filter(|(_, (key, _))| *key == "name");
                let named = names
                    .filter_map(|(at, (_, value))| Some((at, value.text()?)))
                    .last();
                let name = named.map_or(ForeignText::Plain(""), |(_, name)| name);
                let values =
                    members().filter(|(at, _)| named.is_none_or(|(named, _)| named != *at));
                let values = values.map(|(_, (key, value))| (key, ForeignValue::Json(value)));
                write_span(name, values, out);
            }
            Self::Named(name, values) => write_span(*name, values.iter().copied(), out),
        }
    }
}

fn write_span<'a>(
    name: ForeignText<'_>,
    values: impl Iterator<Item = (&'a str, ForeignValue<'a>)>,
    out: &mut Vec<u8>,
) {
    put(out, &["{\"name\":"]);
    name.write(out);
    let mut properties = List::new(",\"properties\":{", "}");
    for (key, value) in values {
        properties.next(out);
        write_member("", key, value, out);
    }
    properties.end(out);
    put(out, &["}"]);
}

impl ForeignValue<'_> {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => json.write(out),
            // Not entered, since each level takes a part of the stack.
            Self::AnyValue(json) if json.is_too_deep() => json.write(out),
            Self::AnyValue(json) => any_value::write(json, out),
            Self::Text(text) => text.write(out),
        }
    }
}

/// Writes a name that is escaped, with a prefix that needs no escapes, and its value.
fn write_member(prefix: &str, name: &str, value: ForeignValue<'_>, out: &mut Vec<u8>) {
    json::write_string(prefix, name, out);
    put(out, &[":"]);
    value.write(out);
}

/// Writes a target. Only records of localtel itself have its name as their target.
fn write_target(target: ForeignText<'_>, out: &mut Vec<u8>) {
    let is_own = target.decoded() == OWN_TARGET;
    let target = if is_own {
        ForeignText::Plain("app::localtel")
    } else {
        target
    };
    target.write(out);
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A list or an object that is left out if it is empty.
struct List {
    start: &'static str,
    end: &'static str,
    is_empty: bool,
}

impl List {
    fn new(start: &'static str, end: &'static str) -> Self {
        let is_empty = true;
        Self {
            start,
            end,
            is_empty,
        }
    }

    /// Begins the next element.
    fn next(&mut self, out: &mut Vec<u8>) {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        put(out, &[if is_first { self.start } else { "," }]);
    }

    fn end(&self, out: &mut Vec<u8>) {
        if !self.is_empty {
            put(out, &[self.end]);
        }
    }
}

/// The session of records that have none.
pub(crate) const NO_SESSION: &str = "00000000-0000-0000-0000-000000000000";

/// Number of names up to which comparing them is faster than a table.
const NAMES_COMPARED_MAX: usize = 32;
