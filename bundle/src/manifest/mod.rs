//! The format of a bundle, and its description, `manifest.json`, as parsed values: what contradicts
//! itself does not parse. Whether the files of a bundle are what it describes is left to `import`.
//!
//! # A bundle (version 1)
//!
//! A bundle is a directory that `localtel export TARGET` creates in `TARGET`:
//!
//! ```text
//! localtel-<host>-<YYYYMMDDTHHMMSSZ>/    time in UTC; `-2` follows if the name was taken
//!   manifest.json                        what is in it (below)
//!   SHA256SUMS                           sums of all other files, for `sha256sum -c SHA256SUMS`
//!   line.schema.json                     the schema of a line, as `localtel explain --schema`
//!   0001/  0002/  ...                    one directory for each log
//!     events.NNNNNN.jsonl                a segment: whole lines, or
//!     events.NNNNNN.jsonl.zst            the segment compressed, as it was (with `--compressed`)
//!     explain.json                       what was recorded, as `localtel explain --json`
//!     policy.toml                        the owner's policy, if there is a file
//! ```
//!
//! `<host>` is the beginning of the name of the machine as a [value of a
//! partition](crate::names), of at most 64 characters; the whole name is in `manifest.json`. All
//! names consist of letters, digits, `.`, `_` and `-`, so every file system keeps them.
//!
//! While it is written, its name ends in `.partial`. It gets its name when all of its files are on
//! the disk and were read back from there, so a directory without that end is a whole bundle. The
//! stored choice (`consent.json`), the salt, the hash of the host, and the machine id are in no
//! file of a bundle; the installation id is in `explain.json` and in records.
//!
//! A **log** is what one application recorded under one profile into one directory, from its first
//! segment on. Its id is that of the session that began it: it stays through retention and `clear`.
//! So a segment is identified by host, application, profile, log and number.
//!
//! # `manifest.json`
//!
//! One JSON object. A time is a text of 27 characters, `2026-11-21T08:15:30.123456Z`; a sum is a
//! SHA-256 of 64 hexadecimal digits in lower case. Readers ignore other keys, and refuse another
//! `bundle_version`.
//!
//! | key | value |
//! | --- | --- |
//! | `bundle_version` | 1 |
//! | `localtel` | the version that wrote it |
//! | `created` | the time at which the export began, by the clock of the machine |
//! | `host` | the name of the machine: of `--host`, or a [hash of its machine id](crate::host) |
//! | `range` | null, or `since` and `until`: the times of the records that were asked for, both inclusive, one of them may be null |
//! | `seals` | null; a place for signatures |
//! | `logs` | a list of logs |
//!
//! A log:
//!
//! | key | value |
//! | --- | --- |
//! | `directory` | `0001` |
//! | `application`, `profile` | their names |
//! | `log` | the id of the log, a UUID |
//! | `floor` | the lowest segment that was not removed on purpose, when its last segment was copied |
//! | `head` | the highest segment, when the export began |
//! | `consent` | the stored choice: `decision` (`enabled`, `disabled`, `undecided`), `source` in words, and `decided`, its time or null |
//! | `records`, `damaged`, `first`, `last` | those of its segments together |
//! | `segments` | a list of segments, by number |
//!
//! Without a range, a number from `floor` to `head` that is not in the list is of a segment that
//! was lost. One below `floor` that is in the list was copied before it was removed.
//!
//! A segment:
//!
//! | key | value |
//! | --- | --- |
//! | `number` | its number, from 1 |
//! | `file` | `events.NNNNNN.jsonl`, or that with `.zst` |
//! | `state` | `closed`: all bytes of a segment to which nothing is added any more. `growing`: the beginning of the highest segment, up to its last whole line. `derived`: whole lines of a segment, of which others were left out, because they are outside the range or cannot be decompressed |
//! | `bytes`, `sha256` | of the file |
//! | `plain_bytes`, `plain_sha256` | of the plain lines; the same for a plain file |
//! | `records` | number of records in the file |
//! | `damaged` | number of places in the segment on the machine that are not a record |
//! | `first`, `last` | the earliest and the latest time of its records; null if there are none |
//! | `seal` | null; a place for the seal of the segment |

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
            let is_whole =
                |one: &BundleSegment| one.state != SegmentState::Derived || one.damaged > 0;
            if self.range.is_none() && !segments.all(is_whole) {
                return Err(Contradiction(
                    "a segment is derived, and nothing was left out",
                ));
            }
        }
        Ok(())
    }
}

/// A range of times of records. At least one end is given, and both belong to it.
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

    /// Returns the time of the earliest records that were asked for.
    pub fn since(self) -> Option<Timestamp> {
        self.since
    }

    /// Returns the time of the latest records that were asked for.
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
