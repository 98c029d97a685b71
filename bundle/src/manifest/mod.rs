//! The description of a bundle, `manifest.json`, as parsed values: what contradicts itself does not
//! parse. Whether the files of a bundle are what it describes is left to `import`.

mod digest;
mod log;
mod segment;

use std::collections::BTreeSet;

use localtel::read::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::digest::{NoSha256Sum, Sha256Sum};
pub use self::log::{
    BundleConsent, BundleLog, ConsentDecision, LogDirectory, LogKey, NoLogDirectory,
};
pub use self::segment::{BundleSegment, SegmentState, StoredForm, TimeSpan};
use crate::host::HostName;

/// The contents of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawManifest", into = "RawManifest")]
#[non_exhaustive]
pub struct Manifest {
    /// The version of localtel that wrote it.
    pub localtel: String,
    /// The time at which the export began, by the clock of the machine.
    pub created: Timestamp,
    /// The name of the machine.
    pub host: HostName,
    /// The range of times that was asked for; `None` for everything.
    pub range: Option<BundleRange>,
    /// The logs in it, each with a directory of its own, in order of these directories.
    pub logs: Vec<BundleLog>,
}

impl Manifest {
    /// The name of its file in a bundle.
    pub const FILE: &str = "manifest.json";
    /// The version of the format that is written, and the only one that is read.
    pub const VERSION: u64 = 1;
    /// No manifest has more bytes.
    pub const BYTES_MAX: u64 = 64 << 20;

    /// Parses the contents of `manifest.json`.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not the JSON of a manifest, of another version, or contradicts
    /// itself.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Returns the contents of `manifest.json`.
    ///
    /// # Errors
    ///
    /// Does not return an error for any value of this type.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    fn check(&self) -> Result<(), Contradiction> {
        let mut directories = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for log in &self.logs {
            if !directories.insert(log.directory) {
                return Err(Contradiction("two logs have the same directory"));
            }
            if !keys.insert(&log.key) {
                return Err(Contradiction("a log is listed twice"));
            }
            let mut segments = log.segments.iter();
            if self.range.is_none() && segments.any(|one| one.state == SegmentState::Derived) {
                return Err(Contradiction("without a range no segment is derived"));
            }
        }
        Ok(())
    }
}

/// A range of times of records. At least one end is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawRange", into = "RawRange")]
pub struct BundleRange {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl BundleRange {
    /// Returns the range between these times; `None` if neither is given, or the range is empty.
    pub fn new(since: Option<Timestamp>, until: Option<Timestamp>) -> Option<Self> {
        let is_empty = matches!((since, until), (Some(since), Some(until)) if until < since);
        let is_one = !is_empty && (since.is_some() || until.is_some());
        is_one.then_some(Self { since, until })
    }

    /// Returns the time before which records were left out.
    pub fn since(self) -> Option<Timestamp> {
        self.since
    }

    /// Returns the time from which on records were left out.
    pub fn until(self) -> Option<Timestamp> {
        self.until
    }
}

/// The reason why a manifest is refused although it has the right form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Contradiction(&'static str);

#[derive(Serialize, Deserialize)]
struct RawManifest {
    bundle_version: u64,
    localtel: String,
    created: Timestamp,
    host: HostName,
    range: Option<BundleRange>,
    /// A place for signatures over the whole bundle.
    #[serde(default)]
    seals: Option<serde_json::Value>,
    logs: Vec<BundleLog>,
}

impl TryFrom<RawManifest> for Manifest {
    type Error = Contradiction;

    fn try_from(raw: RawManifest) -> Result<Self, Contradiction> {
        if raw.bundle_version != Self::VERSION {
            return Err(Contradiction(
                "its `bundle_version` is not 1: a newer version of localtel reads it",
            ));
        }
        let manifest = Self {
            localtel: raw.localtel,
            created: raw.created,
            host: raw.host,
            range: raw.range,
            logs: raw.logs,
        };
        manifest.check().map(|()| manifest)
    }
}

impl From<Manifest> for RawManifest {
    fn from(manifest: Manifest) -> Self {
        Self {
            bundle_version: Manifest::VERSION,
            localtel: manifest.localtel,
            created: manifest.created,
            host: manifest.host,
            range: manifest.range,
            seals: None,
            logs: manifest.logs,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct RawRange {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl TryFrom<RawRange> for BundleRange {
    type Error = Contradiction;

    fn try_from(raw: RawRange) -> Result<Self, Contradiction> {
        Self::new(raw.since, raw.until).ok_or(Contradiction("its range is empty"))
    }
}

impl From<BundleRange> for RawRange {
    fn from(range: BundleRange) -> Self {
        Self {
            since: range.since,
            until: range.until,
        }
    }
}

#[cfg(test)]
mod tests;
