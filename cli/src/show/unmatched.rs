//! Why nothing matched: the events, targets and keys that were asked for and that no record has, and the names near them
//! that occur. The records are read once more for this, and only where nothing matched.

use std::collections::HashSet;
use std::io::Write;

use super::super::sanitize::Sanitized;
use super::super::suggestion::distance;
use super::args::ShowArgs;
use localtel::Result;
use localtel::admin::ShellWord;
use localtel::read::raw::{RawRecord, RawText};
use localtel::read::{Item, Line, Reader};

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameKind {
    Event,
    Target,
    Key,
}

/// A name that was asked for, and of which no record was seen.
#[derive(Debug)]
struct AbsentName {
    kind: NameKind,
    name: String,
    /// Names near it that occur, the nearest first.
    near: Vec<(usize, String)>,
    /// The names that were compared with it.
    compared: HashSet<String>,
}

/// The names that were asked for and that no record has.
#[derive(Debug)]
pub(super) struct AbsentNames {
    names: Vec<AbsentName>,
}

impl AbsentNames {
    /// Takes the names that were asked for.
    pub(super) fn new(args: &ShowArgs) -> Self {
        let events = args.event.iter().map(|name| (NameKind::Event, name));
        let targets = args.target.iter().map(|name| (NameKind::Target, name));
        let in_terms = args.terms.iter().map(|condition| {
            match (condition.key.as_str(), &condition.equal_to) {
                ("event", Some(name)) => (NameKind::Event, name),
                ("target", Some(name)) => (NameKind::Target, name),
                (_, _) => (NameKind::Key, &condition.key),
            }
        });
        let asked = events.chain(targets).chain(in_terms);
        Self {
            names: asked
                .filter(|(kind, name)| *kind != NameKind::Key || !OWN_KEYS.contains(&name.as_str()))
                .map(|(kind, name)| AbsentName {
                    kind,
                    name: name.clone(),
                    near: Vec::new(),
                    compared: HashSet::new(),
                })
                .collect(),
        }
    }

    /// Looks for them in all records, until each is found.
    pub(super) fn look(&mut self, mut reader: Reader) -> Result<()> {
        for key in OWN_KEYS {
            self.compare(NameKind::Key, key);
        }
        while !self.names.is_empty()
            && let Some(item) = reader.next_item()?
        {
            if let Item::Line(line) = item {
                self.take(line);
            }
        }
        Ok(())
    }

    /// Says which of them no record has, where names near them occur.
    pub(super) fn tell(&self, has_start: bool, stderr: &mut dyn Write) {
        let record = if has_start {
            "record since then"
        } else {
            "record"
        };
        for absent in &self.names {
            let (what, flag) = match absent.kind {
                NameKind::Event => ("event", "--event "),
                NameKind::Target => ("target", "--target "),
                NameKind::Key => ("property", ""),
            };
            let near: Vec<String> = absent
                .near
                .iter()
                .map(|(_, name)| format!("`{flag}{}`", Sanitized(&ShellWord(name).to_string())))
                .collect();
            if !near.is_empty() {
                // That nobody listens there is no failure.
                drop(writeln!(
                    stderr,
                    "no {record} has the {what} `{}`; did you mean {}?",
                    Sanitized(&absent.name),
                    near.join(" or ")
                ));
            }
        }
    }

    fn take(&mut self, line: Line<'_>) {
        if let Some(raw) = RawRecord::at(line.bytes()) {
            self.compare(NameKind::Target, &raw.target.decoded().unwrap_or_default());
            if let Some(event) = raw.event.and_then(RawText::decoded) {
                self.compare(NameKind::Event, &event);
            }
            let in_spans = raw.spans.iter().flat_map(|(_, span)| span.members());
            for (name, _) in raw.properties.members().chain(in_spans) {
                self.compare(NameKind::Key, &name.decoded().unwrap_or_default());
            }
        } else if let Ok(record) = line.record() {
            self.compare(NameKind::Target, &record.target);
            if let Some(event) = &record.event {
                self.compare(NameKind::Event, event);
            }
            let in_spans = record.spans.iter().flat_map(|span| span.properties.iter());
            for (name, _) in record.properties.iter().chain(in_spans) {
                self.compare(NameKind::Key, name);
            }
        }
    }

    /// Compares a name that occurs with those that were asked for.
    fn compare(&mut self, kind: NameKind, name: &str) {
        self.names
            .retain(|absent| absent.kind != kind || !absent.is(name));
        for absent in self.names.iter_mut().filter(|absent| absent.kind == kind) {
            absent.compare(name);
        }
    }
}

impl AbsentName {
    /// Returns `true` if a name that occurs is what was asked for.
    fn is(&self, name: &str) -> bool {
        let (within, separator) = match self.kind {
            NameKind::Event => return self.name == name,
            NameKind::Target => (name.strip_prefix(&self.name), "::"),
            // A dot leads into an object.
            NameKind::Key => (self.name.strip_prefix(name), "."),
        };
        within.is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
    }

    /// Keeps a name that occurs, if it is among the nearest.
    fn compare(&mut self, name: &str) {
        if name.len() > NAME_BYTES_MAX || self.compared.contains(name) {
            return;
        }
        if self.compared.len() < COMPARED_MAX {
            self.compared.insert(name.to_owned());
        }
        // Of a target as much as was asked for.
        let parts = self.name.matches("::").count();
        let end = match self.kind {
            NameKind::Target => name.match_indices("::").nth(parts).map(|(end, _)| end),
            NameKind::Event | NameKind::Key => None,
        };
        let name = end.and_then(|end| name.get(..end)).unwrap_or(name);
        if let Some(distance) = distance(&self.name, name) {
            let near = (distance, name.to_owned());
            if !self.near.contains(&near) {
                self.near.push(near);
                self.near.sort();
                self.near.truncate(NEAR_MAX);
            }
        }
    }
}

/// The keys that each record has.
const OWN_KEYS: [&str; 8] = [
    "timestamp",
    "level",
    "source",
    "target",
    "event",
    "message",
    "session",
    "seq",
];

/// How many names are suggested.
const NEAR_MAX: usize = 3;

/// How many names are remembered; others are compared each time.
const COMPARED_MAX: usize = 4096;

/// Longer names are not compared.
const NAME_BYTES_MAX: usize = 128;
