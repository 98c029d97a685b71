//! The directory that a command writes: its own, and one command at a time.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::disk;
use crate::failure::{FleetFailure, SafeText};
use crate::state::{STATE_DIRECTORY, States};

/// A directory that is locked.
#[derive(Debug)]
pub(crate) struct Out {
    path: PathBuf,
    _lock: File,
}

impl Out {
    /// Opens the directory, and creates it if it is missing. One with files of others is refused.
    pub(crate) fn open(path: &Path) -> Result<Self, FleetFailure> {
        let names = disk::names(path).map_err(FleetFailure::io("list", path))?;
        let shown = path.display().to_string();
        if !names.is_empty() && !names.iter().any(|name| name == STATE_DIRECTORY) {
            let shown = SafeText(&shown);
            return Err(FleetFailure(format!(
                "{shown} contains files of others; give a directory that is new or empty"
            )));
        }
        let own = path.join(STATE_DIRECTORY);
        disk::make_directories(&own).map_err(FleetFailure::io("create", &own))?;
        let lock = own.join("lock");
        let locked = disk::lock(&lock).map_err(FleetFailure::io("lock", &lock))?;
        let Some(lock) = locked else {
            let shown = SafeText(&shown);
            return Err(FleetFailure(format!(
                "another process is writing {shown}; wait for it"
            )));
        };
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the states of a kind of files.
    pub(crate) fn states(&self, kind: &str) -> States {
        States::of(&self.path, kind)
    }
}
