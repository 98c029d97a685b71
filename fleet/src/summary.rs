//! What a run did, in numbers and words.

use std::fmt;

use crate::failure::{FleetFailure, SafeText};
use crate::index::DamageList;
use crate::quantity::{count, size};

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct RunSummary {
    pub(crate) hosts: u64,
    pub(crate) written: FileCount,
    pub(crate) kept: FileCount,
    pub(crate) removed: u64,
    /// Segments that were written before with other contents.
    pub(crate) again: u64,
    damage: DamageList,
    failures: Vec<FleetFailure>,
}

/// Files, and what is in them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileCount {
    files: u64,
    records: u64,
    bytes: u64,
}

impl FileCount {
    pub(crate) fn add(&mut self, records: u64, bytes: u64) {
        // A day without a wanted record has no file.
        self.files += u64::from(bytes > 0);
        self.records += records;
        self.bytes += bytes;
    }

    fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.records += other.records;
        self.bytes += other.bytes;
    }

    fn text(self) -> String {
        let (files, records) = (count(self.files, "file"), count(self.records, "record"));
        format!("{files} of {records}, {}", size(self.bytes))
    }
}

impl RunSummary {
    /// Returns the summary of one host.
    pub(crate) fn of_host() -> Self {
        Self {
            hosts: 1,
            ..Self::default()
        }
    }

    /// Adds what was done for a host.
    pub(crate) fn add(&mut self, host: &mut Self) {
        self.hosts += host.hosts;
        self.written.merge(host.written);
        self.kept.merge(host.kept);
        self.removed += host.removed;
        self.again += host.again;
        self.damage.merge(&mut host.damage, DAMAGE_SHOWN);
    }

    /// Adds the damage of a log.
    pub(crate) fn add_damage(&mut self, host: &str, application: &str, damage: &DamageList) {
        let owner = match (host, application) {
            ("", "") => String::new(),
            (host, application) => format!("{}, {}: ", SafeText(host), SafeText(application)),
        };
        let first = damage.first.iter().map(|place| format!("{owner}{place}"));
        let mut named = DamageList {
            count: damage.count,
            first: first.collect(),
        };
        self.damage.merge(&mut named, DAMAGE_SHOWN);
    }

    /// Adds a host that stayed as it was, and the reason.
    pub(crate) fn add_failure(&mut self, failure: FleetFailure) {
        self.failures.push(failure);
    }

    /// Returns the failures, which are removed.
    pub(crate) fn take_failures(&mut self) -> Vec<FleetFailure> {
        std::mem::take(&mut self.failures)
    }
}

impl fmt::Display for RunSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = count(self.hosts, "host");
        writeln!(f, "{hosts}: wrote {}", self.written.text())?;
        if self.kept.files > 0 {
            writeln!(f, "up to date: {}", self.kept.text())?;
        }
        if self.removed > 0 {
            writeln!(f, "removed: {}", count(self.removed, "file"))?;
        }
        if self.again > 0 {
            let segments = count(self.again, "segment");
            writeln!(f, "written again, since they changed: {segments}")?;
        }
        if self.damage.count > 0 {
            writeln!(f, "left out: {}", count(self.damage.count, "damaged place"))?;
            for place in &self.damage.first {
                writeln!(f, "  {place}")?;
            }
            let others = self.damage.count - self.damage.first.len() as u64;
            if others > 0 {
                writeln!(f, "  and {others} others; `localtel doctor` lists them")?;
            }
        }
        Ok(())
    }
}

/// Number of damaged places that are named.
const DAMAGE_SHOWN: usize = 10;
