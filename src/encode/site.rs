//! A call site: what is the same for every event or span that it makes, prepared once.

use std::sync::Arc;

use tracing::Metadata;
use tracing::field::Field;

use super::bridge::Bridge;
use super::text::{is_same_name, push_string};
use super::{NAME_BYTES_MAX, Own, push_start, target_as};
use crate::policy::{Generation, InForce, Verdict};
use crate::record::Level;

/// What is constant for a call site: everything between the timestamp and the message, the keys, and what
/// the policy in force says of each of them. All texts lie together, for an event reads them all.
#[derive(Debug)]
pub(crate) struct Site {
    pub(super) policy: Arc<InForce>,
    is_admitted: bool,
    /// Of what it is only the way in here.
    bridge: Option<Bridge>,
    /// The start, then the keys.
    texts: Box<[u8]>,
    start: TextSpan,
    pub(super) keys: Box<[FieldKey]>,
    /// For each field the first one of the same name, if there are names that occur more than once.
    pub(super) repeats: Option<Box<[usize]>>,
}

/// How one field of a call site is written.
#[derive(Debug)]
pub(super) enum FieldKey {
    /// Lifted out of the properties.
    Message(Verdict),
    /// Among the properties.
    Property(TextSpan, Verdict),
    /// The policy drops it.
    Dropped,
}

/// Where among a call site's texts one stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextSpan {
    from: u32,
    until: u32,
}

/// A property's name as it is written: `,"name":`, escaped.
#[derive(Debug, Clone, Copy)]
pub(super) struct PropertyKey<'a>(&'a [u8]);

impl<'a> PropertyKey<'a> {
    /// Writes a name behind what is there.
    pub(super) fn write(out: &'a mut Vec<u8>, name: &str) -> Self {
        let from = out.len();
        push_key(out, name);
        Self(out.get(from..).unwrap_or_default())
    }

    /// Returns it as it stands first: `"name":`.
    pub(super) fn first(self) -> &'a [u8] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Returns it as it stands behind another one: `,"name":`.
    pub(super) fn next(self) -> &'a [u8] {
        self.0
    }
}

impl Site {
    /// Prepares the events of a call site of an application. The target is that of the call site, or of the records
    /// that come over a [bridge](Self::bridge).
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
            policy,
        }
    }

    /// Prepares the spans of a call site.
    pub(crate) fn of_span(metadata: &Metadata<'_>, policy: Arc<InForce>) -> Self {
        let mut texts = Vec::new();
        let level = Level::from(*metadata.level());
        let target = target_as(Own::Application, metadata.target());
        let names = names_of(metadata);
        // A span has no message of its own: there the name is an ordinary one.
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
            policy,
        }
    }

    /// Returns a frame up to its message, the header and the timestamp being blank; of a span nothing.
    pub(crate) fn start(&self) -> &[u8] {
        self.text(self.start)
    }

    /// Returns a property's name as it is written.
    pub(super) fn key(&self, place: TextSpan) -> PropertyKey<'_> {
        PropertyKey(self.text(place))
    }

    fn text(&self, place: TextSpan) -> &[u8] {
        self.texts
            .get(place.from as usize..place.until as usize)
            .unwrap_or_default()
    }

    /// Returns `true` if the policy lets in what comes from here.
    pub(crate) fn is_admitted(&self) -> bool {
        self.is_admitted
    }

    /// Returns the bridge that it belongs to, if it is one's: then each record has a target of its own, and what is
    /// prepared here is for those without.
    pub(crate) fn bridge(&self) -> Option<Bridge> {
        self.bridge
    }

    /// Returns the number of the policy it was prepared under.
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
    /// Returns the place of what was written since there were so many bytes.
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

/// Returns a field's name without the `r#` that Rust needs for its own words.
pub(super) fn plain_name(field: &Field) -> &'static str {
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

/// How many bytes the texts of a usual call site take: its start some 110, and 15 for each of its fields.
const TEXTS_BYTES: usize = 256;
