//! The names of events, targets and properties that a user typed and no record has, and similar
//! names that occur. This reads the records once more, in several threads, so it runs only if
//! nothing matched or a rule was added.

use std::collections::HashSet;
use std::io::Write;

use super::sanitize::Sanitized;
use super::suggestion::distance;
use localtel::read::raw::{RawRecord, RawText};
use localtel::read::{Damage, Fold, Line, Merged, Reverse};
use localtel::{Error, Result};

/// The kind of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameKind {
    Event,
    Target,
    Property,
}

impl NameKind {
    /// Returns the word for the kind.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Target => "target",
            Self::Property => "property",
        }
    }
}

/// A typed name that no record has so far.
#[derive(Debug, Clone)]
struct AbsentName {
    kind: NameKind,
    name: String,
    /// Similar names that occur, the most similar first.
    near: Vec<(usize, String)>,
    /// Names that were compared already.
    compared: HashSet<String>,
}

/// The typed names that no record has so far.
#[derive(Debug, Clone)]
pub(crate) struct AbsentNames {
    names: Vec<AbsentName>,
}

/// The reason to stop reading before the end.
enum ReadStop {
    /// Each name was found.
    NoneAbsent,
    Failed(Error),
}

impl From<Error> for ReadStop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Fold for AbsentNames {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        self.take(raw);
    }

    // Damaged lines have no names.
    fn damage(&mut self, _: Damage) {}

    /// Each name that was compared in a part was compared in the whole, so the part need not
    /// compare it again.
    fn merge(&mut self, later: &mut Self) {
        self.names.retain_mut(|absent| {
            let same = later.names.iter_mut().find(|other| absent.is_same(other));
            let is_absent = same.is_some();
            absent.add_near(
                same.map(|other| std::mem::take(&mut other.near))
                    .unwrap_or_default(),
            );
            is_absent
        });
    }
}

impl AbsentNames {
    /// Starts with the typed names.
    pub(crate) fn new<'a>(typed: impl IntoIterator<Item = (NameKind, &'a str)>) -> Self {
        let absent = |(kind, name): (NameKind, &str)| AbsentName {
            kind,
            name: name.to_owned(),
            near: Vec::new(),
            compared: HashSet::new(),
        };
        Self {
            names: typed.into_iter().map(absent).collect(),
        }
    }

    /// Reads all records until each name is found.
    ///
    /// # Errors
    ///
    /// Returns an error if the records cannot be read.
    pub(crate) fn read_all(&mut self, mut records: Merged) -> Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let typed = self.clone();
        let stop = records.fold(
            self,
            || typed.clone(),
            |absent| {
                if absent.names.is_empty() {
                    Err(ReadStop::NoneAbsent)
                } else {
                    Ok(())
                }
            },
        );
        match stop {
            Err(ReadStop::Failed(error)) => Err(error),
            Err(ReadStop::NoneAbsent) | Ok(()) => Ok(()),
        }
    }

    /// Reads the last records, which are enough to show the usual names.
    pub(crate) fn read_last(&mut self, mut reverse: Reverse) {
        for _ in 0..LAST_MAX {
            match reverse.next_item() {
                Some(item) if !self.names.is_empty() => item.fold(self),
                Some(_) | None => break,
            }
        }
    }

    /// Prints the names that no record has, with similar names that occur.
    pub(crate) fn print(
        &self,
        records: &str,
        suggest: impl Fn(NameKind, &str) -> String,
        stderr: &mut dyn Write,
    ) {
        for absent in self.names.iter().filter(|absent| !absent.near.is_empty()) {
            let near = absent.near.iter();
            let near: Vec<String> = near
                .map(|(_, name)| format!("`{}`", Sanitized(&suggest(absent.kind, name))))
                .collect();
            // A closed stderr is not an error here.
            drop(writeln!(
                stderr,
                "no {records} has the {} `{}`; did you mean {}?",
                absent.kind.as_str(),
                Sanitized(&absent.name),
                near.join(" or ")
            ));
        }
    }

    fn take(&mut self, raw: &RawRecord<'_>) {
        self.compare(NameKind::Target, &raw.target.decoded());
        if let Some(event) = raw.event.map(RawText::decoded) {
            self.compare(NameKind::Event, &event);
        }
        if !self
            .names
            .iter()
            .any(|name| name.kind == NameKind::Property)
        {
            return;
        }
        let of_spans = raw.spans.iter().map(|(_, properties)| properties);
        for properties in std::iter::once(raw.properties).chain(of_spans) {
            for (name, _) in properties.members() {
                self.compare(NameKind::Property, &name);
            }
        }
    }

    /// Removes the typed names that this name matches, and compares it with the others.
    pub(crate) fn compare(&mut self, kind: NameKind, name: &str) {
        self.names
            .retain(|absent| absent.kind != kind || !absent.is(name));
        for absent in self.names.iter_mut().filter(|absent| absent.kind == kind) {
            absent.compare(name);
        }
    }
}

impl AbsentName {
    /// Returns `true` if a name that occurs matches the typed one.
    fn is(&self, name: &str) -> bool {
        let (within, separator) = match self.kind {
            NameKind::Event => return self.name == name,
            NameKind::Target => (name.strip_prefix(&self.name), "::"),
            // A dot separates the key of an object from a key in it.
            NameKind::Property => (self.name.strip_prefix(name), "."),
        };
        within.is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
    }

    /// Stores a name that occurs if it is among the most similar.
    fn compare(&mut self, name: &str) {
        if name.len() > NAME_BYTES_MAX || self.compared.contains(name) {
            return;
        }
        if self.compared.len() < COMPARED_MAX {
            self.compared.insert(name.to_owned());
        }
        // Only as many parts of a target as were typed.
        let parts = self.name.matches("::").count();
        let end = match self.kind {
            NameKind::Target => name.match_indices("::").nth(parts).map(|(end, _)| end),
            NameKind::Event | NameKind::Property => None,
        };
        let name = end.and_then(|end| name.get(..end)).unwrap_or(name);
        if let Some(distance) = distance(&self.name, name) {
            self.add_near(vec![(distance, name.to_owned())]);
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.kind, &self.name) == (other.kind, &other.name)
    }

    /// Adds similar names, and keeps the most similar.
    fn add_near(&mut self, mut near: Vec<(usize, String)>) {
        self.near.append(&mut near);
        self.near.sort();
        self.near.dedup();
        self.near.truncate(NEAR_MAX);
    }
}

/// Number of last records that are read.
const LAST_MAX: u64 = 10_000;

/// Number of names that are suggested.
const NEAR_MAX: usize = 3;

/// Number of compared names that are remembered; others are compared each time.
const COMPARED_MAX: usize = 4096;

/// Longer names, in bytes, are not compared.
const NAME_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn add_event(absent: &mut AbsentNames, name: &str) {
        let line = format!(
            r#"{{"timestamp":"2026-11-21T08:15:30.000000Z","level":"INFO","source":"s","target":"t","event":"{name}","session":"01936f0e-0000-7000-8000-000000000000","seq":0}}"#
        );
        absent.take(&RawRecord::at(line.as_bytes()).unwrap());
    }

    fn printed(absent: &AbsentNames) -> String {
        let mut out = Vec::new();
        absent.print("record", |_, name| name.to_owned(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_absent_only_if_no_part_has_them() {
        let typed = [(NameKind::Event, "comand"), (NameKind::Event, "lookups")];
        let mut absent = AbsentNames::new(typed);
        let mut part = absent.clone();
        for names in [["command", "lookup"], ["comments", "command"]] {
            for name in names {
                add_event(&mut part, name);
            }
            absent.merge(&mut part);
        }
        let both = printed(&absent);
        assert!(both.contains("`comand`; did you mean `command`?"), "{both}");
        assert!(both.contains("`lookups`; did you mean `lookup`?"), "{both}");
        add_event(&mut part, "lookups");
        absent.merge(&mut part);
        let one = printed(&absent);
        assert!(
            one.contains("`comand`") && !one.contains("`lookups`"),
            "{one}"
        );
    }
}
