//! A call site: what is the same for every event or span that it makes, prepared once.

use tracing::Metadata;
use tracing::field::{Field, FieldSet};

use super::text::{is_same_name, push_string};
use super::{NAME_BYTES_MAX, Own, push_head, target_as};
use crate::record::Level;

/// What is constant for a call site: everything between the timestamp and the message, and the keys.
#[derive(Debug)]
pub(crate) struct Site {
    /// `","level":"INFO","source":"…","target":"…","event":"…"`.
    pub(super) head: Box<[u8]>,
    pub(super) keys: Box<[Key]>,
    pub(super) repeats: Repeats,
}

/// How one field of a call site is written.
#[derive(Debug)]
pub(super) enum Key {
    /// Lifted out of the properties.
    Message,
    /// `"name":`, escaped.
    Property(Box<[u8]>),
}

/// Whether names occur more than once at a call site.
#[derive(Debug)]
pub(super) enum Repeats {
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
            target_as(Own::Application, metadata.target()),
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

    pub(super) fn first_of_name(&self, index: usize) -> usize {
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
