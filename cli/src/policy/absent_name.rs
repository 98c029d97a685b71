//! A name in a rule that no recent record has, and similar names that occur: a rule for a mistyped
//! name has no effect.

use std::io::Write;

use crate::near_names::NearNames;
use crate::sanitize::Sanitized;
use localtel::read::raw::{RawRecord, RawText};
use localtel::read::{Damage, Fold, Line, Reverse};

/// The kind of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    Event,
    Target,
    Property,
}

impl NameKind {
    /// Returns the word for the kind.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Target => "target",
            Self::Property => "property",
        }
    }
}

/// The name in a rule, and whether recent records have it.
#[derive(Debug, Clone)]
pub(super) struct AbsentName {
    kind: NameKind,
    names: NearNames,
    occurs: bool,
}

impl AbsentName {
    pub(super) fn new(kind: NameKind, name: &str) -> Self {
        Self {
            kind,
            names: NearNames::new(name),
            occurs: false,
        }
    }

    /// Reads the last records, which are enough to know the usual names.
    pub(super) fn read_last(&mut self, mut reverse: Reverse) {
        for _ in 0..LAST_MAX {
            match reverse.next_item() {
                Some(item) if !self.occurs => item.fold(self),
                Some(_) | None => break,
            }
        }
    }

    /// Prints the name if no record has it and similar names occur.
    pub(super) fn print(&self, suggest: impl Fn(&str) -> String, stderr: &mut dyn Write) {
        let near = self.names.iter();
        let near: Vec<String> = near
            .map(|name| format!("`{}`", Sanitized(&suggest(name))))
            .collect();
        if self.occurs || near.is_empty() {
            return;
        }
        // A closed stderr is not an error here.
        drop(writeln!(
            stderr,
            "no recent record has the {} `{}`; did you mean {}?",
            self.kind.as_str(),
            Sanitized(self.names.typed()),
            near.join(" or ")
        ));
    }

    /// Compares the name with one that occurs.
    pub(super) fn compare(&mut self, name: &str) {
        let typed = self.names.typed();
        let ends_before = |rest: Option<&str>, separator: &str| {
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
        };
        self.occurs |= match self.kind {
            NameKind::Event => typed == name,
            NameKind::Target => ends_before(name.strip_prefix(typed), "::"),
            // A dot separates the key of an object from a key in it.
            NameKind::Property => ends_before(typed.strip_prefix(name), "."),
        };
        match self.kind {
            NameKind::Target => self.names.compare_module(name),
            NameKind::Event | NameKind::Property => self.names.compare(name),
        }
    }
}

impl Fold for AbsentName {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        match self.kind {
            NameKind::Target => self.compare(&raw.target.decoded()),
            NameKind::Event => {
                if let Some(event) = raw.event.map(RawText::decoded) {
                    self.compare(&event);
                }
            }
            NameKind::Property => {
                let of_spans = raw.spans.iter().map(|(_, properties)| properties);
                for properties in std::iter::once(raw.properties).chain(of_spans) {
                    for (name, _) in properties.raw_members() {
                        self.compare(&name.decoded());
                    }
                }
            }
        }
    }

    // Damaged lines have no names.
    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        self.occurs |= later.occurs;
        self.names.merge(&mut later.names);
    }
}

/// Number of last records that are read.
const LAST_MAX: u64 = 10_000;
