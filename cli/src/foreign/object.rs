//! Records that are one JSON object each: those of `tracing`, bunyan, pino and most others. The
//! keys of the format become the parts of the record, and all others properties.
//!
//! A value that does not fit the part (a time that cannot be read, a message that is a number)
//! stays a property under its own name. Where a key is repeated, or several are the same part, the
//! first time and the first level count, and the last message, target and source; the others stay
//! properties.

use std::collections::HashSet;

use super::ForeignFormat;
use super::json::{ForeignText, Json};
use super::keys::{KeyRole, role_of};
use super::level::{ForeignLevel, LevelScale};
use super::record::{ForeignProperty, ForeignRecord, ForeignSpan, ForeignValue};
use super::time;

/// Reads the record in an object.
pub(super) fn record(format: ForeignFormat, object: Json<'_>) -> ForeignRecord<'_> {
    let mut parts = ObjectParts::default();
    parts.others.reserve(MEMBERS_USUAL);
    for (key, value) in object.members() {
        let taken = role_of(format, key).and_then(|role| parts.take(role, key, value));
        if taken.is_none() {
            parts.others.push((key, ForeignValue::Json(value)));
        }
    }
    parts.into_record(format)
}

/// A text and the key that it has.
type Keyed<'a> = (&'a str, Json<'a>, ForeignText<'a>);

/// The parts of a record, as they are found.
#[derive(Default)]
struct ObjectParts<'a> {
    record: ForeignRecord<'a>,
    message: Option<Keyed<'a>>,
    other_message: Option<Keyed<'a>>,
    event: Option<Keyed<'a>>,
    source: Option<Keyed<'a>>,
    target: Option<Keyed<'a>>,
    python_name: Option<Keyed<'a>>,
    is_python: bool,
    fields: Option<Json<'a>>,
    span: Option<Json<'a>>,
    spans: Option<Json<'a>>,
    /// All other keys and values.
    others: Vec<(&'a str, ForeignValue<'a>)>,
    /// How many of them are before the target.
    before_target: usize,
}

impl<'a> ObjectParts<'a> {
    /// Takes a value as a part of the record; `None` if it does not fit.
    fn take(&mut self, role: KeyRole, key: &'a str, value: Json<'a>) -> Option<()> {
        let text = match role {
            KeyRole::Time => return self.take_time(value),
            KeyRole::Level(scale) => return self.take_level(scale, key, value),
            KeyRole::Message => &mut self.message,
            KeyRole::OtherMessage => &mut self.other_message,
            KeyRole::EventOrMessage => &mut self.event,
            KeyRole::Source => &mut self.source,
            KeyRole::FirstTarget if self.target.is_some() => return None,
            KeyRole::Target | KeyRole::FirstTarget => &mut self.target,
            KeyRole::PythonName => &mut self.python_name,
            KeyRole::Fields if self.fields.is_none() && value.is_object() => {
                self.fields = Some(value);
                return Some(());
            }
            KeyRole::Span if self.span.is_none() && value.is_object() => {
                self.span = Some(value);
                return Some(());
            }
            KeyRole::Spans if self.spans.is_none() && value.is_list() => {
                self.spans = Some(value);
                return Some(());
            }
            KeyRole::Fields | KeyRole::Span | KeyRole::Spans => return None,
            KeyRole::Version => return matches!(value.as_str(), "0" | "1" | "\"1\"").then_some(()),
        };
        let earlier = text.replace((key, value, value.text()?));
        self.keep(earlier);
        if role == KeyRole::Target {
            self.before_target = self.others.len();
        }
        Some(())
    }

    /// Keeps a text that is not a part of the record.
    fn keep(&mut self, text: Option<Keyed<'a>>) {
        let property = text.map(|(key, value, _)| (key, ForeignValue::Json(value)));
        self.others.extend(property);
    }

    fn take_time(&mut self, value: Json<'a>) -> Option<()> {
        if self.record.time.is_some() {
            return None;
        }
        self.record.time = Some(time::of_json(value)?);
        Some(())
    }

    fn take_level(&mut self, scale: LevelScale, key: &'a str, value: Json<'a>) -> Option<()> {
        if self.record.level.is_some() {
            return None;
        }
        let level = ForeignLevel::of_json(value, scale)?;
        self.record.level = Some(level.level());
        self.is_python = key == "levelname";
        match level {
            ForeignLevel::Same(_) => Some(()),
            ForeignLevel::Near(_) => None,
        }
    }

    /// Combines the parts.
    fn into_record(mut self, format: ForeignFormat) -> ForeignRecord<'a> {
        if self.is_python && self.target.is_none() {
            self.target = self.python_name.take();
        }
        if self.message.is_none() {
            self.message = self.other_message.take().or_else(|| self.event.take());
        }
        let (other_message, python_name) = (self.other_message.take(), self.python_name.take());
        self.keep(other_message);
        self.keep(python_name);
        let text = |keyed: Option<Keyed<'a>>| keyed.map(|(.., text)| text);
        let mut record = self.record;
        record.message = text(self.message).map(without_newline);
        record.event = text(self.event);
        record.source = text(self.source);
        record.target = text(self.target);
        // `tracing` writes what it knows of the position and the thread beside the fields or, if
        // these are flattened, after the target.
        let beside = match self.fields {
            Some(_) => 0,
            None if format == ForeignFormat::Tracing && record.target.is_some() => {
                self.before_target
            }
            None => self.others.len(),
        };
        let beside = self.others.split_off(beside).into_iter();
        record
            .beside
            .extend(beside.map(|(name, value)| ForeignProperty {
                prefix: "",
                name,
                value,
            }));
        record.properties = self.others;
        if let Some(fields) = self.fields {
            add_fields(fields, &mut record);
        }
        let spans = self.spans.into_iter().flat_map(Json::elements);
        record.spans.extend(
            spans
                .filter(|span| span.is_object())
                .map(ForeignSpan::Object),
        );
        add_innermost(self.span, &mut record.spans);
        if format == ForeignFormat::TracingBunyan {
            read_span_context(&mut record);
        }
        record
    }
}

/// Removes the newline at the end of a message, which Docker keeps of each line.
fn without_newline(text: ForeignText<'_>) -> ForeignText<'_> {
    let ForeignText::Escaped(escaped) = text else {
        return text;
    };
    let line = escaped.strip_suffix("\\n").filter(|line| {
        let before = line.bytes().rev().take_while(|byte| *byte == b'\\');
        before.count() % 2 == 0
    });
    ForeignText::Escaped(line.unwrap_or(escaped))
}

/// Adds the fields of an event of `tracing`.
fn add_fields<'a>(fields: Json<'a>, record: &mut ForeignRecord<'a>) {
    for (name, value) in fields.members() {
        match value.text().filter(|_| name == "message") {
            Some(message) => record.message = Some(message),
            None => record.properties.push((name, ForeignValue::Json(value))),
        }
    }
}

/// Adds the innermost span, unless the list of all spans ends with it.
fn add_innermost<'a>(span: Option<Json<'a>>, spans: &mut Vec<ForeignSpan<'a>>) {
    let is_last = |span: Json<'a>| match spans.last() {
        Some(ForeignSpan::Object(last)) => *last == span,
        Some(ForeignSpan::Named(..)) | None => false,
    };
    let span = span.filter(|span| !is_last(*span));
    spans.extend(span.map(ForeignSpan::Object));
}

/// Reads the span that `tracing-bunyan-formatter` writes before a message: `[NAME - START]`,
/// `[NAME - END]` and `[NAME - EVENT] message`. Its values are written as those of the event, and
/// after them; only of a repeated name it is known that the second value is that of the span.
fn read_span_context(record: &mut ForeignRecord<'_>) {
    let Some(ForeignText::Escaped(message)) = record.message else {
        return;
    };
    // An event without a message has its target there.
    let message_of =
        |text| Some(ForeignText::Escaped(text)).filter(|text| Some(*text) != record.target);
    record.message = message_of(message);
    let inside = message
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let Some((name, kind, rest)) = inside.and_then(|(context, rest)| {
        let (name, kind) = context.rsplit_once(" - ")?;
        Some((name, kind, rest))
    }) else {
        return;
    };
    let (event, message) = match kind {
        "START" if rest.is_empty() => (Some("span.start"), None),
        "END" if rest.is_empty() => (Some("span.end"), None),
        "EVENT" => (None, message_of(rest.trim_start())),
        _ => return,
    };
    record.event = event.map(ForeignText::Plain);
    record.message = message;
    let mut names = HashSet::new();
    let properties = std::mem::take(&mut record.properties).into_iter();
    let (of_event, of_span) = properties.partition(|(name, _)| names.insert(*name));
    record.properties = of_event;
    let span = ForeignSpan::Named(ForeignText::Escaped(name), of_span);
    record.spans.push(span);
}

/// Number of members that most objects have at most.
const MEMBERS_USUAL: usize = 16;
