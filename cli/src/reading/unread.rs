//! The items that a command could not read or compare, counted and reported on stderr, so that
//! nothing is skipped silently.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::super::sanitize::{Excerpt, Sanitized};
use super::labels::InputLabels;
use localtel::read::raw::OrderedType;
use localtel::read::{Damage, DamageKind};

/// Items that could not be read or compared.
#[derive(Debug, Default)]
pub(crate) struct UnreadCounts {
    lines: u64,
    segments: u64,
    /// Number of parts of compressed segments that cannot be decompressed.
    undecodable: u64,
    denied: u64,
    examples: Vec<DamageExample>,
    notices: Vec<String>,
    /// Number of skipped records by key, because the value of the key is not of the type that is
    /// compared.
    other_types: BTreeMap<String, (OrderedType, u64)>,
    /// The keys that were reported.
    keys_reported: BTreeSet<String>,
}

/// Damage, with its place and its description in messages.
#[derive(Debug)]
struct DamageExample {
    place: String,
    described: String,
    damage: Damage,
}

impl UnreadCounts {
    /// Number of examples that are printed; the rest is counted.
    const EXAMPLES_MAX: usize = 5;

    /// Stores the first notices.
    pub(crate) fn note(&mut self, notice: String) {
        if self.notices.len() < Self::EXAMPLES_MAX {
            self.notices.push(notice);
        }
    }

    /// Counts damage of an input, and stores the first items as examples.
    pub(crate) fn add(&mut self, damage: Damage, labels: &InputLabels, input: usize) {
        match damage.kind {
            DamageKind::Missing { .. } | DamageKind::NotAFile => self.segments += 1,
            DamageKind::Unreadable { .. } => {
                self.segments += 1;
                self.denied += 1;
            }
            DamageKind::Undecodable { .. } => self.undecodable += 1,
            DamageKind::Torn
            | DamageKind::NotARecord
            | DamageKind::NulHole
            | DamageKind::TooLong
            | DamageKind::InvalidUtf8
            | _ => self.lines += 1,
        }
        if self.examples.len() < Self::EXAMPLES_MAX {
            self.examples.push(DamageExample {
                place: labels.place(input, damage.position),
                described: labels.described(input, &damage),
                damage,
            });
        }
    }

    /// Counts a record that was skipped because the value of that key is not of that type.
    pub(crate) fn add_other_type(&mut self, key: &str, expected: OrderedType) {
        match self.other_types.get_mut(key) {
            Some((_, count)) => *count += 1,
            None => drop(self.other_types.insert(key.to_owned(), (expected, 1))),
        }
    }

    /// Adds later items, and clears `later`.
    pub(crate) fn append(&mut self, later: &mut Self) {
        let later = std::mem::take(later);
        self.lines += later.lines;
        self.segments += later.segments;
        self.undecodable += later.undecodable;
        self.denied += later.denied;
        let room = |kept: usize| Self::EXAMPLES_MAX.saturating_sub(kept);
        let examples = later.examples.into_iter().take(room(self.examples.len()));
        self.examples.extend(examples);
        let notices = later.notices.into_iter().take(room(self.notices.len()));
        self.notices.extend(notices);
        for (key, (expected, count)) in later.other_types {
            self.other_types.entry(key).or_insert((expected, 0)).1 += count;
        }
    }

    /// Returns `true` if the system denied access to something that exists.
    pub(crate) fn is_denied(&self) -> bool {
        self.denied > 0
    }

    /// Prints the counts and examples on stderr. A closed stderr is not an error.
    pub(crate) fn print(&self, stderr: &mut dyn Write) {
        drop(self.write(stderr));
    }

    /// Clears everything, except the keys of other types that were reported: each is reported once.
    pub(crate) fn clear(&mut self) {
        let reported = std::mem::take(self);
        self.keys_reported = reported.keys_reported;
        self.keys_reported.extend(reported.other_types.into_keys());
    }

    fn write(&self, stderr: &mut dyn Write) -> std::io::Result<()> {
        for notice in &self.notices {
            writeln!(stderr, "{}", Sanitized(notice))?;
        }
        if self.lines > 0 {
            let plural = if self.lines == 1 { "" } else { "s" };
            let in_line: Vec<_> = self
                .examples
                .iter()
                .filter(|example| example.is_in_line())
                .map(|example| Sanitized(&example.place).to_string())
                .collect();
            let is_cut = (in_line.len() as u64) < self.lines;
            let more = if is_cut { ", …" } else { "" };
            writeln!(
                stderr,
                "{} unreadable line{plural} ({}{more})",
                self.lines,
                in_line.join(", ")
            )?;
        }
        if self.segments > 0 {
            let plural = if self.segments == 1 { "" } else { "s" };
            writeln!(stderr, "{} gap{plural} in the segments", self.segments)?;
        }
        if self.undecodable > 0 {
            let parts = if self.undecodable == 1 {
                "part"
            } else {
                "parts"
            };
            writeln!(
                stderr,
                "{} {parts} of compressed segments that cannot be decompressed",
                self.undecodable
            )?;
        }
        for example in &self.examples {
            // The error message of the operating system is escaped too.
            let described = Sanitized(&example.described);
            let excerpt = &example.damage.excerpt;
            if excerpt.is_empty() {
                writeln!(stderr, "  {described}")?;
            } else {
                writeln!(stderr, "  {described}: {}", Excerpt(excerpt))?;
            }
        }
        for (key, (expected, count)) in &self.other_types {
            if !self.keys_reported.contains(key) {
                let records = if *count == 1 { "record" } else { "records" };
                let key = Sanitized(key);
                writeln!(
                    stderr,
                    "skipped {count} {records} in which `{key}` is not a {expected}"
                )?;
            }
        }
        Ok(())
    }
}

impl DamageExample {
    fn is_in_line(&self) -> bool {
        let is_undecodable = matches!(self.damage.kind, DamageKind::Undecodable { .. });
        self.damage.bytes > 0 && !is_undecodable
    }
}
