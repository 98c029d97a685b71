//! Takes bundles into a tree. A bundle is checked as if somebody had made it to do harm; it is in
//! the tree as a whole or not at all, also if the import is killed; and however often, in whatever
//! order and from however many overlapping bundles a segment comes, it is there once.
//!
//! # Which version of a segment stays
//!
//! Versions of a segment of the same host, application, profile, log and number are compared as
//! plain bytes, whatever their form.
//!
//! | in the tree | in the bundle | result |
//! | --- | --- | --- |
//! | none | any | it is taken |
//! | whole | the same | the one in the tree stays |
//! | whole | whole, one begins with the other | the longer one |
//! | whole | derived, with lines of it only | the one in the tree stays |
//! | derived | whole, with all of its lines | the one of the bundle |
//! | growing | derived, with other lines, too | all lines, as a derived one |
//! | derived | growing, without some of its lines | all lines, as a derived one |
//! | derived | derived | all lines, as a derived one |
//! | any | anything else | the one in the tree stays, the other is a conflict beside it |
//!
//! Whole is a closed or a growing segment. The lines that a growing segment lacks may have been
//! written after it was copied, so they are no contradiction; a closed segment gets no more lines.
//! Without contradictions the result does not depend on the order of the bundles.
//!
//! A version that contradicts the tree is kept once; one that begins with a kept one replaces it.
//!
//! # Parts
//!
//! `discovery` finds the bundles in a directory, `incoming` opens one, `intake` takes its logs, for
//! which `bytes` and `lines` compare contents, and `staging` moves everything into the tree.

mod bytes;
mod discovery;
mod incoming;
mod intake;
mod lines;
mod refusal;
mod staging;

use std::path::{Path, PathBuf};

use localtel::read::{SegmentNumber, Timestamp};
use localtel::{Error, Result};

pub use self::discovery::{FoundBundles, find_bundles};
use self::incoming::IncomingBundle;
use self::intake::{Ground, LogIntake};
pub use self::refusal::{BundleFailure, BundleRefusal, RefusalStep};
use self::staging::ImportStaging;
pub use self::staging::Leftover;
use crate::folder::FleetFolder;
use crate::host::HostName;
use crate::manifest::{BundleRange, LogKey};
use crate::tree::paths::{FLEET_FILE, IMPORT_FOLDER, Partition};
use crate::tree::{FleetHost, HostImport, TreeMark, document_bytes, is_tree, read_document};

/// A tree that bundles are imported into. No other process can import into it meanwhile.
#[derive(Debug)]
pub struct Importer {
    root: FleetFolder,
    staging: ImportStaging,
    leftover: Leftover,
    now: Timestamp,
}

/// The reason why nothing is imported into a tree.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "these are all cases")]
pub enum NoImport {
    /// Another process imports into it.
    #[error("another import into {} is running", .0.display())]
    Busy(PathBuf),
    /// The directory is not a tree, and contains something.
    #[error("{} is not a tree, and contains {entry}", .path.display())]
    NotATree {
        /// The directory.
        path: PathBuf,
        /// The name of one of its entries.
        entry: String,
    },
    /// The operating system refused an operation.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// A part of an import that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller that counts bytes needs all cases"
)]
pub enum ImportStep {
    /// A bundle was opened, whose segments have this number of bytes.
    Opened(u64),
    /// This number of bytes of its segments were read.
    Read(u64),
}

/// A bundle that is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundleImport {
    /// The host that it is from.
    pub host: HostName,
    /// The time of the export, by the clock of the host.
    pub created: Timestamp,
    /// The range of times that was exported; `None` for everything.
    pub range: Option<BundleRange>,
    /// Number of bytes of its segments.
    pub bytes: u64,
    /// Its logs.
    pub logs: Vec<LogImport>,
}

/// A log of a bundle that is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogImport {
    /// What distinguishes it from the other logs of the host.
    pub key: LogKey,
    /// What became of its segments.
    pub segments: SegmentChanges,
    /// The versions that contradict the tree.
    pub conflicts: Vec<SegmentConflict>,
}

/// Numbers of segments, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentChanges {
    /// The tree had none.
    pub new: u64,
    /// It took the place of a shorter one in the tree.
    pub longer: u64,
    /// Its lines were added to those in the tree.
    pub merged: u64,
    /// The tree had everything already.
    pub unchanged: u64,
    /// It contradicts the one in the tree.
    pub conflicting: u64,
}

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SegmentChange {
    New,
    Longer,
    Merged,
    Unchanged,
    Conflicting,
}

/// A version of a segment that contradicts the one in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentConflict {
    /// The number of the segment.
    pub segment: SegmentNumber,
    /// The file with its plain bytes, or with those of a version that begins with it.
    pub file: PathBuf,
}

impl LogImport {
    fn of(key: LogKey) -> Self {
        Self {
            key,
            segments: SegmentChanges::default(),
            conflicts: Vec::new(),
        }
    }

    fn count(&mut self, change: SegmentChange) {
        let changes = &mut self.segments;
        let count = match change {
            SegmentChange::New => &mut changes.new,
            SegmentChange::Longer => &mut changes.longer,
            SegmentChange::Merged => &mut changes.merged,
            SegmentChange::Unchanged => &mut changes.unchanged,
            SegmentChange::Conflicting => &mut changes.conflicting,
        };
        *count += 1;
    }

    fn conflict(&mut self, segment: SegmentNumber, file: PathBuf) {
        self.conflicts.push(SegmentConflict { segment, file });
    }
}

impl SegmentChanges {
    /// Adds the numbers of another log.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            new: self.new + other.new,
            longer: self.longer + other.longer,
            merged: self.merged + other.merged,
            unchanged: self.unchanged + other.unchanged,
            conflicting: self.conflicting + other.conflicting,
        }
    }

    /// Returns the number of all segments.
    pub fn total(self) -> u64 {
        self.new + self.longer + self.merged + self.unchanged + self.conflicting
    }
}

impl BundleImport {
    /// Returns what became of the segments of all logs.
    pub fn segments(&self) -> SegmentChanges {
        let each = self.logs.iter().map(|log| log.segments);
        each.fold(SegmentChanges::default(), SegmentChanges::with)
    }

    /// Returns the versions of segments that contradict the tree.
    pub fn conflicts(&self) -> impl Iterator<Item = (&LogKey, &SegmentConflict)> {
        let each = self.logs.iter();
        each.flat_map(|log| log.conflicts.iter().map(|conflict| (&log.key, conflict)))
    }
}

impl Importer {
    /// Opens a tree for an import at that time. A directory that is missing or empty becomes a
    /// tree. What an earlier import left is completed or removed.
    ///
    /// # Errors
    ///
    /// Returns an error if another import is running, if the directory is something else, or if it
    /// cannot be written.
    pub fn open(tree: &Path, now: Timestamp) -> Result<Self, NoImport> {
        Self::of(FleetFolder::make(tree)?, now)
    }

    fn of(root: FleetFolder, now: Timestamp) -> Result<Self, NoImport> {
        let is_marked = is_tree(&root)?;
        if !is_marked {
            for entry in root.entries()? {
                let entry = entry?;
                // The first import may have been ended before it marked the tree.
                if entry != IMPORT_FOLDER && entry != LOST_AND_FOUND {
                    let path = root.path().to_owned();
                    return Err(NoImport::NotATree { path, entry });
                }
            }
        }
        let staging = ImportStaging::open(&root)?;
        let staging = staging.ok_or_else(|| NoImport::Busy(root.path().to_owned()))?;
        let leftover = staging.recover(&root)?;
        if !is_marked {
            let bytes = document_bytes(&TreeMark::CURRENT);
            staging.folder(&[])?.create_with(FLEET_FILE, &bytes)?;
            staging.commit(&root)?;
        }
        Ok(Self {
            root,
            staging,
            leftover,
            now,
        })
    }

    /// Returns what an earlier import left, when this one was opened.
    pub fn leftover(&self) -> Leftover {
        self.leftover
    }

    /// Takes the bundle at a path into the tree. When this returns, all of it is in the tree and on
    /// the disk.
    ///
    /// # Errors
    ///
    /// Returns an error if the bundle is not what an export wrote, or if it cannot be read or the
    /// tree not be written. In both cases other bundles can be imported afterwards.
    pub fn import(
        &mut self,
        bundle: &Path,
        progress: &mut dyn FnMut(ImportStep),
    ) -> Result<BundleImport, BundleFailure> {
        // After a failure in the last bundle.
        self.staging.recover(&self.root)?;
        let incoming = IncomingBundle::open(bundle)?;
        progress(ImportStep::Opened(incoming.bytes()));
        let taken = self.stage(&incoming, bundle, progress);
        if taken.is_err() {
            // If this fails, the next import does it.
            drop(self.staging.recover(&self.root));
        }
        let logs = taken?;
        self.staging.commit(&self.root)?;
        Ok(BundleImport {
            bytes: incoming.bytes(),
            host: incoming.manifest.host,
            created: incoming.manifest.created,
            range: incoming.manifest.range,
            logs,
        })
    }

    /// Puts what a bundle adds into the picture of the tree.
    fn stage(
        &self,
        bundle: &IncomingBundle,
        path: &Path,
        progress: &mut dyn FnMut(ImportStep),
    ) -> Result<Vec<LogImport>, BundleFailure> {
        let ground = Ground {
            root: &self.root,
            staging: &self.staging,
            bundle,
        };
        let mut logs = Vec::new();
        for log in &bundle.manifest.logs {
            logs.push(LogIntake::open(ground, log)?.take(progress)?);
        }
        bundle.check_schema()?;
        self.stage_host(bundle, path)?;
        Ok(logs)
    }

    /// Adds the bundle to the facts about its host.
    fn stage_host(&self, bundle: &IncomingBundle, path: &Path) -> Result<()> {
        let manifest = &bundle.manifest;
        let folder = Partition::Host.folder(manifest.host.as_str());
        let present = self.root.below_if_any(&folder)?;
        let before = match &present {
            Some(present) => read_document::<FleetHost>(present, FLEET_FILE)?,
            None => None,
        };
        if let Some(before) = &before
            && before.host != manifest.host
        {
            let reason = format!(
                "it is of the host {}: this file system does not distinguish the names",
                before.host
            );
            return Err(Error::format(&self.root.path_of(&folder), reason));
        }
        let mut facts = before
            .clone()
            .unwrap_or_else(|| FleetHost::new(manifest.host.clone()));
        facts.add(HostImport {
            bundle: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            manifest: bundle.sum,
            localtel: manifest.localtel.clone(),
            created: manifest.created,
            imported: self.now,
            range: manifest.range,
        });
        if before.as_ref() == Some(&facts) {
            return Ok(());
        }
        let picture = self.staging.folder(&[folder])?;
        picture.create_with(FLEET_FILE, &document_bytes(&facts))
    }
}

/// A directory that some file systems have at their root.
const LOST_AND_FOUND: &str = "lost+found";

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    clippy::string_slice,
    reason = "tests access the file system directly"
)]
mod tests;
