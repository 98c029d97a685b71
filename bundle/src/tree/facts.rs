//! The documents of a tree: its mark, the facts about a host, and those about a log.

use std::collections::BTreeMap;

use localtel::read::{SegmentNumber, Timestamp};
use serde::{Deserialize, Serialize};

use crate::host::HostName;
use crate::manifest::{
    BundleConsent, BundleLog, BundleRange, LogKey, Manifest, SegmentState, Sha256Sum, TimeSpan,
};

/// The mark of a tree.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct TreeMark {
    pub(crate) fleet_version: u64,
}

impl TreeMark {
    /// The mark of trees that this version writes, and the only one that it reads.
    pub(crate) const CURRENT: Self = Self { fleet_version: 1 };
}

/// The facts about a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FleetHost {
    pub(crate) host: HostName,
    pub(crate) imports: Vec<HostImport>,
}

impl FleetHost {
    /// Returns the facts about a host that nothing was imported from.
    pub(crate) fn new(host: HostName) -> Self {
        Self {
            host,
            imports: Vec::new(),
        }
    }

    /// Adds an import, unless that bundle is in the list, and leaves out the oldest bundles if
    /// there are too many. Which are in the list does not depend on the order in which they come.
    pub(crate) fn add(&mut self, import: HostImport) {
        if self
            .imports
            .iter()
            .any(|known| known.manifest == import.manifest)
        {
            return;
        }
        self.imports.push(import);
        self.imports
            .sort_by_key(|import| (import.created, import.manifest));
        let oldest = self.imports.len().saturating_sub(IMPORTS_MAX);
        self.imports.drain(..oldest);
    }
}

/// One import of a bundle of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostImport {
    /// The name of the bundle's directory.
    pub bundle: String,
    /// The SHA-256 of its manifest, which no other bundle has.
    pub manifest: Sha256Sum,
    /// The version of localtel that wrote it.
    pub localtel: String,
    /// The time of the export, by the clock of the host.
    pub created: Timestamp,
    /// The time of the first import of this bundle, by the clock of the machine with the tree. A
    /// bundle that is older than its import shows nothing; one that is newer shows that the clock
    /// of the host was ahead by at least that much.
    pub imported: Timestamp,
    /// The range of times that was exported; `None` for everything.
    pub range: Option<BundleRange>,
}

/// The facts about a log in a tree, as `imported.json` has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawImportedLog", into = "RawImportedLog")]
#[non_exhaustive]
pub struct ImportedLog {
    /// The newest bundle with this log, by the clock of its host: the facts below up to `consent`
    /// are from it.
    pub newest: NewestBundle,
    /// The lowest segment that was not removed on the host.
    pub floor: SegmentNumber,
    /// The highest segment; `None` if there was none.
    pub head: Option<SegmentNumber>,
    /// The decision on recording.
    pub consent: BundleConsent,
    /// The latest time of a record in any bundle.
    pub last: Option<Timestamp>,
    /// The segments that were imported.
    pub segments: BTreeMap<SegmentNumber, ImportedSegment>,
    /// The host, and what distinguishes the log from others of it: a repetition of the names of
    /// its directories, for people and engines.
    names: LogNames,
}

/// The bundle from which the facts about a log are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NewestBundle {
    /// The time of the export, by the clock of the host.
    pub created: Timestamp,
    /// The SHA-256 of its manifest.
    pub manifest: Sha256Sum,
}

impl NewestBundle {
    /// Returns `true` if this bundle is newer than another. Of two of the same time the same one is
    /// always the newer.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        (self.created, self.manifest) > (other.created, other.manifest)
    }
}

/// A segment in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImportedSegment {
    /// Whether it is complete.
    pub state: SegmentState,
    /// Number of its plain bytes.
    pub plain_bytes: u64,
    /// The SHA-256 of its plain bytes.
    pub plain_sha256: Sha256Sum,
}

/// The names of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LogNames {
    host: String,
    application: String,
    profile: String,
    log: String,
}

impl LogNames {
    fn new(host: &HostName, key: &LogKey) -> Self {
        Self {
            host: host.to_string(),
            application: key.application.to_string(),
            profile: key.profile.to_string(),
            log: key.log.to_string(),
        }
    }
}

impl ImportedLog {
    /// Returns the facts about a log with those of a bundle. What was known of it before is `None`
    /// for a new log.
    pub(crate) fn with(
        before: Option<Self>,
        manifest: &Manifest,
        sum: Sha256Sum,
        log: &BundleLog,
    ) -> Self {
        let newest = NewestBundle {
            created: manifest.created,
            manifest: sum,
        };
        let last = log.times().map(TimeSpan::last);
        match before {
            Some(before) if !newest.is_newer_than(&before.newest) => Self {
                last: before.last.max(last),
                ..before
            },
            before => Self {
                newest,
                floor: log.floor,
                head: log.head,
                consent: log.consent.clone(),
                last: before.as_ref().and_then(|before| before.last).max(last),
                segments: before.map_or_else(BTreeMap::new, |before| before.segments),
                names: LogNames::new(&manifest.host, &log.key),
            },
        }
    }

    /// Returns `true` if the facts are from that bundle.
    pub(crate) fn is_of(&self, sum: Sha256Sum) -> bool {
        self.newest.manifest == sum
    }
}

#[derive(Serialize, Deserialize)]
struct RawImportedLog {
    imported_version: u64,
    #[serde(flatten)]
    names: LogNames,
    newest: NewestBundle,
    floor: u64,
    head: u64,
    consent: BundleConsent,
    last: Option<Timestamp>,
    segments: Vec<RawImportedSegment>,
}

#[derive(Serialize, Deserialize)]
struct RawImportedSegment {
    number: u64,
    #[serde(flatten)]
    facts: ImportedSegment,
}

/// The reason why the facts about a log are not read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongFacts(&'static str);

impl TryFrom<RawImportedLog> for ImportedLog {
    type Error = WrongFacts;

    fn try_from(raw: RawImportedLog) -> Result<Self, WrongFacts> {
        if raw.imported_version != VERSION {
            return Err(WrongFacts(
                "its `imported_version` is not 1: a newer version of localtel reads it",
            ));
        }
        let number =
            |number| SegmentNumber::new(number).ok_or(WrongFacts("no segment has the number 0"));
        let segments = raw.segments.into_iter();
        let segments = segments.map(|one| Ok((number(one.number)?, one.facts)));
        Ok(Self {
            newest: raw.newest,
            floor: number(raw.floor)?,
            head: SegmentNumber::new(raw.head),
            consent: raw.consent,
            last: raw.last,
            segments: segments.collect::<Result<_, _>>()?,
            names: raw.names,
        })
    }
}

impl From<ImportedLog> for RawImportedLog {
    fn from(log: ImportedLog) -> Self {
        let segments = log
            .segments
            .into_iter()
            .map(|(number, facts)| RawImportedSegment {
                number: number.get(),
                facts,
            });
        Self {
            imported_version: VERSION,
            names: log.names,
            newest: log.newest,
            floor: log.floor.get(),
            head: log.head.map_or(0, SegmentNumber::get),
            consent: log.consent,
            last: log.last,
            segments: segments.collect(),
        }
    }
}

/// Number of imports of a host that are listed: more than half a year of weekly bundles.
const IMPORTS_MAX: usize = 32;
/// The version of `imported.json`.
const VERSION: u64 = 1;
/// No document of a tree has more bytes: a log of 250,000 segments.
pub(crate) const DOCUMENT_BYTES_MAX: u64 = 64 << 20;
