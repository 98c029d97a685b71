//! What a copy knows about each host: the contents of the segments that it read, and from what each
//! file was written. One file for each host, which is replaced after the files that it describes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::day::UtcDay;
use crate::disk::{self, StoredFacts};
use crate::failure::FleetFailure;
use crate::index::SegmentIndex;

/// The directory of the states, which engines pass over for its name.
pub(crate) const STATE_DIRECTORY: &str = "_localtel-fleet";

/// What a copy knows about a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownHost {
    /// The segments by the key of their log and their number.
    pub(crate) logs: BTreeMap<String, BTreeMap<u64, KnownSegment>>,
    /// The files, and what each was written from. A file that is being replaced is not here.
    pub(crate) files: BTreeMap<UtcDay, KnownFile>,
}

/// A segment that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownSegment {
    pub(crate) stored: StoredFacts,
    #[serde(flatten)]
    pub(crate) index: SegmentIndex,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownFile {
    /// The digest of everything that decides the contents.
    pub(crate) recipe: String,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// The states below a directory.
#[derive(Debug, Clone)]
pub(crate) struct States {
    hosts: PathBuf,
}

impl States {
    /// Returns the states of a kind of files: `parquet` or `otlp`.
    pub(crate) fn of(out: &Path, kind: &str) -> Self {
        Self {
            hosts: out.join(STATE_DIRECTORY).join(kind),
        }
    }

    /// Returns the partition values of the hosts that have a state.
    pub(crate) fn values(&self) -> Result<Vec<String>, FleetFailure> {
        let names = disk::names(&self.hosts).map_err(FleetFailure::io("list", &self.hosts))?;
        let values = names.iter().filter_map(|name| name.strip_suffix(STATE_END));
        Ok(values.map(str::to_owned).collect())
    }

    /// Reads the state of a host. One that is missing or damaged is empty: everything is written
    /// again.
    pub(crate) fn load<T: Default + for<'de> Deserialize<'de>>(
        &self,
        value: &str,
    ) -> Result<T, FleetFailure> {
        let path = self.path(value);
        let bytes = disk::read(&path).map_err(FleetFailure::io("read", &path))?;
        let state = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(state.unwrap_or_default())
    }

    /// Replaces the state of a host.
    pub(crate) fn store<T: Serialize>(&self, value: &str, state: &T) -> Result<(), FleetFailure> {
        let path = self.path(value);
        let written = serde_json::to_vec(state).map_err(std::io::Error::from);
        let replaced = written.and_then(|bytes| disk::replace(&path, &bytes));
        replaced.map_err(FleetFailure::io("write", &path))
    }

    /// Removes the state of a host.
    pub(crate) fn remove(&self, value: &str) -> Result<(), FleetFailure> {
        let path = self.path(value);
        disk::remove(&path).map_err(FleetFailure::io("remove", &path))
    }

    fn path(&self, value: &str) -> PathBuf {
        self.hosts.join(format!("{value}{STATE_END}"))
    }
}

const STATE_END: &str = ".json";
