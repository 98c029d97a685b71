//! A call site: what is the same for every event or span that it makes, prepared once.

use std::sync::Arc;

use tracing::Metadata;
use tracing::field::Field;

use super::text::{is_same_name, push_string};
use super::{NAME_BYTES_MAX, Own, START_BYTES, push_start, target_as};
use crate::policy::{Admission, Generation, InForce, Treatment};
use crate::record::Level;

/// What is constant for a call site: everything between the timestamp and the message, the keys, and what
/// the policy in force says of each of them.
#[derive(Debug)]
pub(crate) struct Site {
    pub(super) policy: Arc<InForce>,
    admission: Admission,
    /// A frame up to its message, the header and the timestamp being blank; of a span nothing.
    pub(super) start: Box<[u8]>,
    pub(super) keys: Box<[Key]>,
    pub(super) repeats: Repeats,
}

/// How one field of a call site is written.
#[derive(Debug)]
pub(super) enum Key {
    /// Lifted out of the properties.
    Message(Treatment),
    /// Among the properties.
    Property(PropertyKey, Treatment),
    /// The policy drops it.
    Dropped,
}

/// A property's name as it is written.
#[derive(Debug)]
pub(super) struct PropertyKey {
    /// `,"name":`, escaped.
    written: Box<[u8]>,
}

impl PropertyKey {
    /// Writes a name.
    pub(super) fn new(name: &str) -> Self {
        let mut written = Vec::with_capacity(name.len() + ",\"\":".len());
        written.push(b',');
        push_string(&mut written, name, NAME_BYTES_MAX);
        written.push(b':');
        let written = written.into();
        Self { written }
    }

    /// Returns it as it stands first: `"name":`.
    pub(super) fn first(&self) -> &[u8] {
        self.written.get(1..).unwrap_or_default()
    }

    /// Returns it as it stands behind another one: `,"name":`.
    pub(super) fn next(&self) -> &[u8] {
        &self.written
    }
}

/// Whether names occur more than once at a call site.
#[derive(Debug)]
pub(super) enum Repeats {
    None,
    /// For each field the first field of the same name.
    Some(Box<[usize]>),
}

impl Site {
    /// Prepares the events of a call site of an application.
    pub(crate) fn of_event(metadata: &Metadata<'_>, source: &str, policy: Arc<InForce>) -> Self {
        let mut start = Vec::with_capacity(START_BYTES);
        let name = given_name(metadata);
        let level = Level::from(*metadata.level());
        let target = target_as(Own::Application, metadata.target());
        push_start(&mut start, level, source, target, name);
        let admission = admission(policy.admits_event(level, target, name));
        let names = names_of(metadata);
        let key = |name: &&str| match *name {
            "message" => match policy.treatment(name) {
                Treatment::Drop => Key::Dropped,
                treatment @ (Treatment::Keep
                | Treatment::Clean
                | Treatment::Pseudonym
                | Treatment::Mask) => Key::Message(treatment),
            },
            name => property_key(name, &policy),
        };
        Self {
            start: start.into(),
            keys: names.iter().map(key).collect(),
            repeats: repeats_of(&names),
            admission,
            policy,
        }
    }

    /// Prepares the spans of a call site.
    pub(crate) fn of_span(metadata: &Metadata<'_>, policy: Arc<InForce>) -> Self {
        let level = Level::from(*metadata.level());
        let target = target_as(Own::Application, metadata.target());
        let names = names_of(metadata);
        // A span has no message of its own: there the name is an ordinary one.
        let keys = names.iter().map(|name| property_key(name, &policy));
        Self {
            start: Box::default(),
            keys: keys.collect(),
            repeats: repeats_of(&names),
            admission: admission(policy.admits_span(level, target)),
            policy,
        }
    }

    /// Tells whether the policy lets in what comes from here.
    pub(crate) fn is_admitted(&self) -> bool {
        self.admission == Admission::Keep
    }

    /// Returns the number of the policy it was prepared under.
    pub(crate) fn generation(&self) -> Generation {
        self.policy.generation()
    }

    pub(super) fn first_of_name(&self, index: usize) -> usize {
        match &self.repeats {
            Repeats::None => index,
            Repeats::Some(first) => first.get(index).copied().unwrap_or(index),
        }
    }
}

fn admission(is_admitted: bool) -> Admission {
    if is_admitted {
        Admission::Keep
    } else {
        Admission::Drop
    }
}

fn names_of(metadata: &Metadata<'_>) -> Vec<&'static str> {
    metadata
        .fields()
        .iter()
        .map(|field| plain_name(&field))
        .collect()
}

fn property_key(name: &str, policy: &InForce) -> Key {
    let treatment = policy.treatment(name);
    if treatment == Treatment::Drop {
        return Key::Dropped;
    }
    Key::Property(PropertyKey::new(name), treatment)
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
