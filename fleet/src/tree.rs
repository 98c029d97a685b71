//! The hosts of a tree, their logs, and the segments of each: names and facts, no contents.

use std::path::{Path, PathBuf};

use localtel::read::SegmentNumber;
use localtel_bundle::names::PartitionValue;
use localtel_bundle::tree::Tree;

use crate::disk::{self, StoredFacts};
use crate::failure::FleetFailure;

/// A host of a tree.
#[derive(Debug, Clone)]
pub(crate) struct HostDirectory {
    pub(crate) value: PartitionValue,
    pub(crate) directory: PathBuf,
}

/// A log of a host: the records of an application and profile, as long as its directory existed.
#[derive(Debug, Clone)]
pub(crate) struct FleetLog {
    pub(crate) application: String,
    pub(crate) profile: String,
    pub(crate) log: String,
    /// The path below the directory of the host, which names the log in a state.
    pub(crate) key: String,
    /// The directory with the segments.
    pub(crate) directory: PathBuf,
}

/// A segment, and the file that is read of it.
#[derive(Debug, Clone)]
pub(crate) struct FleetSegment {
    pub(crate) number: SegmentNumber,
    pub(crate) path: PathBuf,
    pub(crate) stored: StoredFacts,
}

/// What a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TreeState {
    /// No tree.
    None,
    /// A tree of which all segments are in their places.
    Whole,
    /// A tree that an import is changing, or that one left half-way.
    Unfinished,
}

/// Returns what a directory is.
pub(crate) fn state_of(directory: &Path) -> Result<TreeState, FleetFailure> {
    let Some(tree) = Tree::open(directory)? else {
        return Ok(TreeState::None);
    };
    let is_unfinished = tree.is_unfinished()?;
    Ok(if is_unfinished {
        TreeState::Unfinished
    } else {
        TreeState::Whole
    })
}

/// Returns the hosts of a tree, in order.
pub(crate) fn hosts(tree: &Path) -> Result<Vec<HostDirectory>, FleetFailure> {
    let hosts = partitions(tree, "host=")?.into_iter();
    let hosts = hosts.map(|(value, directory)| HostDirectory { value, directory });
    Ok(hosts.collect())
}

/// Returns the logs of a host, in order.
pub(crate) fn logs(host: &HostDirectory) -> Result<Vec<FleetLog>, FleetFailure> {
    let mut logs = Vec::new();
    for (application, directory) in partitions(&host.directory, "app=")? {
        for (profile, directory) in partitions(&directory, "profile=")? {
            for (log, directory) in partitions(&directory, "log=")? {
                logs.push(FleetLog {
                    key: format!("app={application}/profile={profile}/log={log}"),
                    application: application.name().to_owned(),
                    profile: profile.name().to_owned(),
                    log: log.name().to_owned(),
                    directory,
                });
            }
        }
    }
    Ok(logs)
}

/// Returns the segments of a log, the lowest first. Of a segment that is stored in several forms,
/// the one is taken that `localtel` reads.
pub(crate) fn segments(log: &FleetLog) -> Result<Vec<FleetSegment>, FleetFailure> {
    let directory = &log.directory;
    let names = disk::names(directory).map_err(FleetFailure::io("list", directory))?;
    let mut found: Vec<FleetSegment> = Vec::new();
    // In order of names, a plain file is before its compressed forms.
    let mut forms: Vec<_> = names.iter().filter_map(|name| segment_of(name)).collect();
    forms.sort_by_key(|(number, form, _)| (*number, *form));
    for (number, _, name) in forms {
        if found.last().is_some_and(|last| last.number == number) {
            continue;
        }
        let path = directory.join(name);
        let stored = disk::facts(&path).map_err(FleetFailure::io("read", &path))?;
        found.extend(stored.map(|stored| FleetSegment {
            number,
            path,
            stored,
        }));
    }
    Ok(found)
}

/// Returns the number and the form of a segment's file, and its name.
fn segment_of(name: &str) -> Option<(SegmentNumber, usize, &str)> {
    let forms = ["", ".zst", ".gz"].into_iter().enumerate();
    let mut plain = forms.filter_map(|(form, end)| Some((form, name.strip_suffix(end)?)));
    plain.find_map(|(form, plain)| {
        let digits = plain.strip_prefix("events.")?.strip_suffix(".jsonl")?;
        let number = digits.parse().ok().and_then(SegmentNumber::new)?;
        (number.file_name() == plain).then_some((number, form, name))
    })
}

/// Returns the partitions of a directory with that key, in order of their names.
fn partitions(directory: &Path, key: &str) -> Result<Vec<(PartitionValue, PathBuf)>, FleetFailure> {
    let names = disk::names(directory).map_err(FleetFailure::io("list", directory))?;
    let found = names.iter().filter_map(|name| {
        let value = name.strip_prefix(key)?.parse().ok()?;
        let path = directory.join(name);
        disk::is_directory(&path).then_some((value, path))
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_segments_are_read() {
        let read = |name| segment_of(name).map(|(number, form, _)| (number.get(), form));
        assert_eq!(read("events.000012.jsonl"), Some((12, 0)));
        assert_eq!(read("events.000012.jsonl.zst"), Some((12, 1)));
        assert_eq!(read("events.1000000.jsonl.gz"), Some((1_000_000, 2)));
        for name in [
            "events.jsonl",
            "events.12.jsonl",
            "events.0000012.jsonl",
            "events.000012.jsonl.conflict-0123456789abcdef",
            "events.000012.jsonl.partial",
            "imported.json",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
