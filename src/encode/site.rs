//! A call site: the constant data of its events or spans, prepared once.

use std::sync::Arc;

use tracing::Metadata;
use tracing::field::Field;

use super::bridge::Bridge;
use super::text::{is_same_name, push_string};
use super::{NAME_BYTES_MAX, Own, push_start, target_as};
use crate::policy::{Generation, InForce, Verdict};
use crate::record::{CLOSED_SPAN, Level};

/// The constant data of a call site: everything between the timestamp and the message, the keys,
/// and the verdicts of the policy in force on them. All texts are in one buffer, since an event
/// reads all of them.
#[derive(Debug)]
pub(crate) struct Site {
    pub(super) policy: Arc<InForce>,
    is_admitted: bool,
    /// The bridge for whose records this is only the entry point.
    bridge: Option<Bridge>,
    /// The start, then the keys.
    texts: Box<[u8]>,
    start: TextSpan,
    pub(super) keys: Box<[FieldKey]>,
    /// For each field the first field of the same name, if any name occurs more than once.
    pub(super) repeats: Option<Box<[usize]>>,
    /// The data for records of closed spans, if there are such records.
    pub(super) closing: Option<ClosingSite>,
}

/// The constant data of a call site of spans for the records of closed ones. They begin with the
/// start of the site, which contains their message.
#[derive(Debug)]
pub(super) struct ClosingSite {
    is_admitted: bool,
    pub(super) figures: [FigureKey; FIGURES.len()],
}

/// The encoding of a figure of a closed span.
#[derive(Debug)]
pub(super) struct FigureKey {
    pub(super) key: FieldKey,
    /// The index of the span's first field with that name.
    pub(super) field: Option<usize>,
}

/// The encoding of one field of a call site.
#[derive(Debug)]
pub(super) enum FieldKey {
    /// The message, which is not a property.
    Message(Verdict),
    /// A property.
    Property(TextSpan, Verdict),
    /// The policy drops it.
    Dropped,
}

/// The position of a text among the texts of a call site.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextSpan {
    from: u32,
    until: u32,
}

/// The encoded name of a property: `,"name":`, escaped.
#[derive(Debug, Clone, Copy)]
pub(super) struct PropertyKey<'a>(&'a [u8]);

impl<'a> PropertyKey<'a> {
    /// Appends a name to the buffer.
    pub(super) fn write(out: &'a mut Vec<u8>, name: &str) -> Self {
        let from = out.len();
        push_key(out, name);
        Self(out.get(from..).unwrap_or_default())
    }

    /// Returns the name for the first property: `"name":`.
    pub(super) fn first(self) -> &'a [u8] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Returns the name for any other property: `,"name":`.
    pub(super) fn next(self) -> &'a [u8] {
        self.0
    }
}

impl Site {
    /// Prepares the events of a call site of an application. The target is that of the call site,
    /// or of the records that come through a [bridge](Self::bridge).
    pub(crate) fn of_event(
        metadata: &Metadata<'_>,
        target: &str,
        source: &str,
        policy: Arc<InForce>,
    ) -> Self {
        let mut texts = Vec::with_capacity(TEXTS_BYTES);
        let bridge = Bridge::of(metadata);
        let name = given_name(metadata).filter(|_| bridge.is_none());
        let level = Level::from(*metadata.level());
        let target = target_as(Own::Application, target);
        push_start(&mut texts, level, source, target, name);
        let start = TextSpan::since(0, &texts);
        let is_admitted = policy.admits_event(level, target, name);
        let names = names_of(metadata);
        let key = |name: &&str| match *name {
            "message" => match policy.verdict(name) {
                verdict if verdict.is_drop() => FieldKey::Dropped,
                verdict => FieldKey::Message(verdict),
            },
            name if bridge.is_some_and(|bridge| bridge.is_origin(name)) => FieldKey::Dropped,
            name => property_key(&mut texts, name, &policy),
        };
        let keys = names.iter().map(key).collect();
        Self {
            start,
            keys,
            texts: texts.into(),
            repeats: repeats_of(&names),
            is_admitted,
            bridge,
            closing: None,
            policy,
        }
    }

    /// Prepares the spans of a call site.
    pub(crate) fn of_span(metadata: &Metadata<'_>, policy: Arc<InForce>) -> Self {
        let mut texts = Vec::new();
        let level = Level::from(*metadata.level());
        let target = target_as(Own::Application, metadata.target());
        let names = names_of(metadata);
        // A span has no message of its own: there `message` is an ordinary name.
        let keys = names
            .iter()
            .map(|name| property_key(&mut texts, name, &policy));
        Self {
            start: TextSpan::default(),
            keys: keys.collect(),
            texts: texts.into(),
            repeats: repeats_of(&names),
            is_admitted: policy.admits_span(level, target),
            bridge: None,
            closing: None,
            policy,
        }
    }

    /// Prepares the records of closed spans of a call site as well.
    pub(crate) fn with_closing(mut self, metadata: &Metadata<'_>, source: &str) -> Self {
        let mut texts = std::mem::take(&mut self.texts).into_vec();
        let from = texts.len();
        let level = Level::from(*metadata.level());
        let target = target_as(Own::Application, metadata.target());
        push_start(&mut texts, level, source, target, Some(CLOSED_SPAN));
        // As wherever a span is recorded, its name is no value: no rule for `message` applies.
        texts.extend_from_slice(b",\"message\":");
        push_string(&mut texts, metadata.name(), NAME_BYTES_MAX);
        self.start = TextSpan::since(from, &texts);
        let names = names_of(metadata);
        let figures = FIGURES.map(|figure| FigureKey {
            key: property_key(&mut texts, figure, &self.policy),
            field: names.iter().position(|name| is_same_name(name, figure)),
        });
        let is_admitted = self.policy.admits_event(level, target, Some(CLOSED_SPAN));
        self.closing = Some(ClosingSite {
            is_admitted,
            figures,
        });
        self.texts = texts.into();
        self
    }

    /// Returns a frame up to its message, with a blank header and timestamp; for a closed span with
    /// its message, and empty for a span that is recorded only with events.
    pub(crate) fn start(&self) -> &[u8] {
        self.text(self.start)
    }

    /// Returns the encoded name of a property.
    pub(super) fn key(&self, place: TextSpan) -> PropertyKey<'_> {
        PropertyKey(self.text(place))
    }

    fn text(&self, place: TextSpan) -> &[u8] {
        self.texts
            .get(place.from as usize..place.until as usize)
            .unwrap_or_default()
    }

    /// Returns `true` if the policy admits the events or spans of this call site.
    pub(crate) fn is_admitted(&self) -> bool {
        self.is_admitted
    }

    /// Returns `true` if closed spans of this call site are recorded.
    pub(crate) fn admits_closing(&self) -> bool {
        let closing = self.closing.as_ref();
        closing.is_some_and(|closing| closing.is_admitted)
    }

    /// Returns the bridge that the call site belongs to, if any: each record then has a target of
    /// its own, and the data prepared here is for records without one.
    pub(crate) fn bridge(&self) -> Option<Bridge> {
        self.bridge
    }

    /// Returns the number of the policy that applied when it was prepared.
    pub(crate) fn generation(&self) -> Generation {
        self.policy.generation()
    }

    pub(super) fn first_of_name(&self, index: usize) -> usize {
        let first = self.repeats.as_ref().and_then(|first| first.get(index));
        first.copied().unwrap_or(index)
    }
}

fn names_of(metadata: &Metadata<'_>) -> Vec<&'static str> {
    metadata
        .fields()
        .iter()
        .map(|field| plain_name(&field))
        .collect()
}

impl TextSpan {
    /// Returns the span of the bytes that were appended since the length was `from`.
    fn since(from: usize, texts: &[u8]) -> Self {
        // Names have at most 256 bytes and call sites 32 fields: far below 4 GiB.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            from: place(from),
            until: place(texts.len()),
        }
    }
}

fn property_key(texts: &mut Vec<u8>, name: &str, policy: &InForce) -> FieldKey {
    let verdict = policy.verdict(name);
    if verdict.is_drop() {
        return FieldKey::Dropped;
    }
    let from = texts.len();
    push_key(texts, name);
    FieldKey::Property(TextSpan::since(from, texts), verdict)
}

fn push_key(out: &mut Vec<u8>, name: &str) {
    out.push(b',');
    push_string(out, name, NAME_BYTES_MAX);
    out.push(b':');
}

fn repeats_of(names: &[&str]) -> Option<Box<[usize]>> {
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
    let is_repeat = |(index, first): (usize, &usize)| index != *first;
    first.iter().enumerate().any(is_repeat).then_some(first)
}

/// Returns the name of a field without the `r#` of raw identifiers.
pub(super) fn plain_name(field: &Field) -> &'static str {
    let name = field.name();
    name.strip_prefix("r#").unwrap_or(name)
}

/// Returns the `name:` given to the macro; the default name only repeats file and line.
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

/// The names of the figures of a closed span.
const FIGURES: [&str; 3] = ["duration", "busy_us", "idle_us"];

/// The size of the texts of a usual call site: its start has some 110 bytes, and each of its
/// fields 15.
const TEXTS_BYTES: usize = 256;
