//! The directories of a tree, in order of their paths. Only the names of the directories on the way
//! to the current one are in memory.

use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use localtel::admin::{Profile, Source};
use localtel::uuid::Uuid;
use localtel::{Error, Result};

use super::paths::Partition;
use crate::disk::EntryKind;
use crate::folder::FleetFolder;
use crate::host::HostName;
use crate::names::PartitionValue;

/// A log in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeLog {
    /// The host that recorded it.
    pub host: HostName,
    /// The application.
    pub application: Source,
    /// The profile of the application.
    pub profile: Profile,
    /// The id of the session that began it.
    pub log: Uuid,
    /// Its directory, which is read like a telemetry directory.
    pub path: PathBuf,
}

/// The logs of a tree, or of one host.
#[derive(Debug)]
pub(super) struct LogWalk {
    /// The open directories, each with the entries that are left in it.
    levels: Vec<OpenLevel>,
}

#[derive(Debug)]
struct OpenLevel {
    folder: FleetFolder,
    /// The value of the directory itself; nothing for the root.
    value: Option<PartitionValue>,
    left: IntoIter<Result<PartitionValue>>,
}

impl LogWalk {
    /// Returns the logs below the root of a tree.
    pub(super) fn of_tree(root: FleetFolder) -> Result<Self> {
        let left = partitions(&root, Partition::Host)?;
        let level = OpenLevel {
            folder: root,
            value: None,
            left: left.into_iter(),
        };
        Ok(Self {
            levels: vec![level],
        })
    }

    /// Returns the logs of one host.
    pub(super) fn of_host(root: FleetFolder, host: PartitionValue) -> Self {
        let level = OpenLevel {
            folder: root,
            value: None,
            left: vec![Ok(host)].into_iter(),
        };
        Self {
            levels: vec![level],
        }
    }

    /// Opens a directory in the last open one, and lists it.
    fn enter(&mut self, value: PartitionValue) -> Result<()> {
        let depth = self.levels.len();
        let (Some(level), Some(partition), Some(below)) = (
            self.levels.last(),
            Partition::ALL.get(depth - 1),
            Partition::ALL.get(depth),
        ) else {
            return Ok(());
        };
        let folder = level.folder.below(&partition.folder(value.name()))?;
        let left = partitions(&folder, *below)?;
        self.levels.push(OpenLevel {
            folder,
            value: Some(value),
            left: left.into_iter(),
        });
        Ok(())
    }

    /// Returns the log in a directory of the last open one.
    fn log(&self, value: &PartitionValue) -> Result<TreeLog> {
        let folder = self.levels.last().map(|level| &level.folder);
        let name = Partition::Log.folder(value.name());
        let path = folder.map_or_else(PathBuf::new, |folder| folder.path_of(&name));
        let is_folder = match folder
            .map(|folder| folder.facts(&name))
            .transpose()?
            .flatten()
        {
            Some(facts) => facts.kind == EntryKind::Folder,
            None => false,
        };
        let mut names = self.levels.iter().filter_map(|level| level.value.as_ref());
        let mut name = || names.next().map_or("", PartitionValue::name);
        let (host, application, profile) = (name(), name(), name());
        let log = TreeLog {
            host: host.parse().map_err(|_| not_of_tree(&path))?,
            application: application.parse().map_err(|_| not_of_tree(&path))?,
            profile: profile.parse().map_err(|_| not_of_tree(&path))?,
            log: log_id(value.name()).ok_or_else(|| not_of_tree(&path))?,
            path,
        };
        if is_folder {
            Ok(log)
        } else {
            Err(not_of_tree(&log.path))
        }
    }
}

impl Iterator for LogWalk {
    type Item = Result<TreeLog>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let depth = self.levels.len();
            let value = match self.levels.last_mut()?.left.next() {
                None => {
                    self.levels.pop();
                    continue;
                }
                Some(Ok(value)) => value,
                Some(Err(error)) => return Some(Err(error)),
            };
            if depth == Partition::ALL.len() {
                return Some(self.log(&value));
            }
            if let Err(error) = self.enter(value) {
                return Some(Err(error));
            }
        }
    }
}

/// Returns the values of the directories of a level, in order of their names. A name that begins
/// like one and has no value is an error among them; all others are passed over.
pub(super) fn partitions(
    folder: &FleetFolder,
    partition: Partition,
) -> Result<Vec<Result<PartitionValue>>> {
    let names = folder.names()?;
    let values = names.iter().filter_map(|name| {
        let value = name.strip_prefix(partition.start())?.parse();
        Some(value.map_err(|_| not_of_tree(&folder.path_of(name))))
    });
    Ok(values.collect())
}

/// Returns the id of a log, in the only form that a tree has.
fn log_id(text: &str) -> Option<Uuid> {
    let id = Uuid::parse_str(text).ok()?;
    (id.to_string() == text).then_some(id)
}

fn not_of_tree(path: &Path) -> Error {
    Error::format(
        path,
        "no import made this directory; move it out of the tree",
    )
}
