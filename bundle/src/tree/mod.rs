//! A tree: what was recorded on many machines, as it was imported from their bundles. It is read by
//! the commands of localtel and, as it is, by engines that know Hive's directories. `import` writes
//! it; nothing else changes it.
//!
//! ```text
//! FLEET/fleet.json                                  {"fleet_version":1}: marks a tree
//! FLEET/.import/                                    an import that is under way, or was ended
//! FLEET/host=H/fleet.json                           facts about the host
//! FLEET/host=H/app=A/profile=P/log=L/               a log, read like a telemetry directory
//!     events.000001.jsonl                           a segment
//!     events.000002.jsonl.zst                       a compressed one
//!     events.000003.jsonl.conflict-0123456789abcdef a version that contradicts segment 3
//!     imported.json                                 facts about the log and its segments
//!     explain.json  policy.exported.toml            from the newest bundle
//! ```
//!
//! # Names
//!
//! `H`, `A` and `P` are the names of the host, the application and the profile as
//! [partition values](crate::names): `[A-Za-z0-9._-]+`, from which the name can be read back. `L`
//! is the id of the session that began the log. The segments of all hosts are
//! `FLEET/host=*/app=*/profile=*/log=*/events.*.jsonl`, and the same with `.zst`.
//!
//! # Segments
//!
//! A segment is identified by host, application, profile, log and number, and is in the tree once:
//! in one of its two forms, except for the moment in which an import replaces one form by the
//! other.
//! `imported.json` has its state:
//!
//! * `closed`: all of its bytes. They are those of the machine, in either form.
//! * `growing`: its beginning, up to the end of a line; a later bundle brings a longer one.
//! * `derived`: some of its lines, since bundles with a range of times had only these. Each line is
//!   there once. They are sorted by time, then by their number in the session, then by their
//!   SHA-256; lines that are not records come first. So the same lines are the same bytes, in
//!   whatever order bundles came.
//!
//! Which version of a segment stays is described in `import`. Of two versions that contradict each
//! other, the first stays; the other is kept beside it, as plain bytes, under a name that no
//! reader and no pattern takes for a segment. Each of these files is a finding until a person
//! removes it.
//!
//! # Documents
//!
//! * `fleet.json` of a host: its name, and its last 32 bundles, by the time of the export: name,
//!   SHA-256 of the manifest, version, time of the export by the clock of the host, time of the
//!   import by the clock here, and range.
//! * `imported.json`: the names of the log; from the newest bundle the floor, the head (0: no
//!   segment) and the decision on recording; the latest time of a record in any bundle; for each
//!   segment its state, and size and SHA-256 of its plain bytes.
//!
//! Nothing at the root grows with the number of hosts, and nothing of a host with the number of its
//! bundles. All files are for their owner only (0600, in directories of 0700).
//!
//! # While an import is under way
//!
//! `.import/lock` is locked while an import runs. Files of a bundle are written to `.import/new`,
//! and checked there. Renaming that to `.import/ready` takes the bundle into the tree: each file in
//! it is then moved to the same path in the tree. If an import ends before all were moved, the next
//! one moves the rest; until then [`Tree::is_unfinished`] returns `true`, and a reader finds some
//! segments of a bundle and not yet others, each of them whole.

mod facts;
pub(crate) mod paths;
mod walk;

use std::path::{Path, PathBuf};

use localtel::read::SegmentNumber;
use localtel::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::facts::{DOCUMENT_BYTES_MAX, FleetHost, TreeMark};
pub use self::facts::{HostImport, ImportedLog, ImportedSegment, NewestBundle};
use self::paths::{
    ConflictName, FLEET_FILE, IMPORT_FOLDER, IMPORTED_FILE, Partition, READY_FOLDER,
};
pub use self::walk::TreeLog;
use self::walk::{LogWalk, partitions};
use crate::folder::FleetFolder;
use crate::host::HostName;
use crate::manifest::LogKey;
use crate::names::PartitionValue;

/// A tree that is open for reading.
#[derive(Debug)]
pub struct Tree {
    path: PathBuf,
}

impl Tree {
    /// Opens the tree at a path; `None` if there is no directory, or none that is a tree.
    ///
    /// # Errors
    ///
    /// Returns an error if the mark of the tree cannot be read, or is of another version.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        // Whoever reads something else there reports why it cannot be opened.
        let Ok(root) = FleetFolder::open(path) else {
            return Ok(None);
        };
        Ok(is_tree(&root)?.then(|| Self {
            path: path.to_owned(),
        }))
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its logs, in order of their paths. A directory that cannot be read is an error among
    /// them, and so is one that no import made.
    ///
    /// # Errors
    ///
    /// Returns an error if the root cannot be listed.
    pub fn logs(&self) -> Result<impl Iterator<Item = Result<TreeLog>> + use<>> {
        LogWalk::of_tree(FleetFolder::open(&self.path)?)
    }

    /// Returns its hosts, in order of their paths. A directory that cannot be read is an error
    /// among them, and so is one that no import made.
    ///
    /// # Errors
    ///
    /// Returns an error if the root cannot be listed.
    pub fn hosts(&self) -> Result<impl Iterator<Item = Result<TreeHost>> + use<>> {
        let root = FleetFolder::open(&self.path)?;
        let values = partitions(&root, Partition::Host)?;
        Ok(values
            .into_iter()
            .map(move |value| TreeHost::read(&root, &value?)))
    }

    /// Returns `true` if an import has not moved all of its files yet: it is running, or it was
    /// ended, and the next import completes it.
    ///
    /// # Errors
    ///
    /// Returns an error if that cannot be found out.
    pub fn is_unfinished(&self) -> Result<bool> {
        let root = FleetFolder::open(&self.path)?;
        let Some(imports) = root.below_if_any(IMPORT_FOLDER)? else {
            return Ok(false);
        };
        Ok(imports.facts(READY_FOLDER)?.is_some())
    }
}

/// A host in a tree.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TreeHost {
    /// Its name.
    pub host: HostName,
    /// Its directory.
    pub path: PathBuf,
    /// Its last bundles, in order of the times of their export. Nothing if these facts are lost.
    pub imports: Vec<HostImport>,
    /// The tree.
    root: PathBuf,
}

impl TreeHost {
    fn read(root: &FleetFolder, value: &PartitionValue) -> Result<Self> {
        let folder = root.below(&Partition::Host.folder(value.name()))?;
        let path = folder.path().to_owned();
        let host = value.name().parse();
        let host = host.map_err(|_| Error::format(&path, "its name is not that of a host"))?;
        let facts = read_document::<FleetHost>(&folder, FLEET_FILE)?;
        Ok(Self {
            host,
            path,
            imports: facts.map_or_else(Vec::new, |facts| facts.imports),
            root: root.path().to_owned(),
        })
    }

    /// Returns its logs, in order of their paths.
    ///
    /// # Errors
    ///
    /// Returns an error if the tree cannot be opened.
    pub fn logs(&self) -> Result<impl Iterator<Item = Result<TreeLog>> + use<>> {
        let value = PartitionValue::of(self.host.as_str());
        Ok(LogWalk::of_host(FleetFolder::open(&self.root)?, value))
    }

    /// Returns its findings: the versions of segments that contradict those in the tree.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory of a log cannot be read.
    pub fn findings(&self) -> Result<Vec<TreeFinding>> {
        let mut findings = Vec::new();
        for log in self.logs()? {
            findings.extend(log?.findings()?);
        }
        Ok(findings)
    }

    /// Returns the number of microseconds by which its clock was ahead at least, as the newest
    /// bundle shows that was exported later than it was imported; `None` if none shows that.
    pub fn clock_ahead_micros(&self) -> Option<u64> {
        let ahead = self.imports.iter().rev().map(|import| {
            let ahead = import.created.unix_micros() - import.imported.unix_micros();
            u64::try_from(ahead).unwrap_or(0)
        });
        ahead.into_iter().find(|ahead| *ahead > 0)
    }
}

impl TreeLog {
    /// Returns what distinguishes it from the other logs of its host.
    pub fn key(&self) -> LogKey {
        LogKey::new(self.application.clone(), self.profile.clone(), self.log)
    }

    /// Returns the facts about it; `None` if they are lost.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be read.
    pub fn imported(&self) -> Result<Option<ImportedLog>> {
        read_document(&FleetFolder::open(&self.path)?, IMPORTED_FILE)
    }

    /// Returns its findings: the versions of segments that contradict those in the tree.
    ///
    /// # Errors
    ///
    /// Returns an error if its directory cannot be listed.
    pub fn findings(&self) -> Result<Vec<TreeFinding>> {
        let names = FleetFolder::open(&self.path)?.names()?;
        let conflicts = names
            .iter()
            .filter_map(|name| name.parse::<ConflictName>().ok());
        Ok(conflicts
            .map(|name| TreeFinding {
                segment: name.number,
                file: self.path.join(name.to_string()),
            })
            .collect())
    }
}

/// A version of a segment that contradicts the one in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeFinding {
    /// The number of the segment.
    pub segment: SegmentNumber,
    /// The file with the plain bytes of that version, in the directory of the log.
    pub file: PathBuf,
}

/// Returns `true` if a directory has the mark of a tree.
pub(crate) fn is_tree(root: &FleetFolder) -> Result<bool> {
    let Some(mark) = read_document::<TreeMark>(root, FLEET_FILE)? else {
        return Ok(false);
    };
    let TreeMark { fleet_version } = mark;
    if fleet_version != TreeMark::CURRENT.fleet_version {
        let reason =
            format!("its version is {fleet_version}; a newer version of localtel reads it");
        return Err(Error::format(&root.path_of(FLEET_FILE), reason));
    }
    Ok(true)
}

/// Reads a document of a tree; `None` if it does not exist.
pub(crate) fn read_document<T: DeserializeOwned>(
    folder: &FleetFolder,
    name: &str,
) -> Result<Option<T>> {
    let Some(json) = folder.read_small(name, DOCUMENT_BYTES_MAX)? else {
        return Ok(None);
    };
    let document = serde_json::from_slice(&json);
    document
        .map(Some)
        .map_err(|error| Error::format(&folder.path_of(name), error.to_string()))
}

/// Returns a document of a tree as it is written.
pub(crate) fn document_bytes(document: &impl Serialize) -> Vec<u8> {
    // Values of these types can always be written.
    let mut json = serde_json::to_vec(document).unwrap_or_default();
    json.push(b'\n');
    json
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests;
