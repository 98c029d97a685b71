//! An open directory of a tree: the operations of `disk`, whose errors name the action and the path.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use localtel::{Error, Result};

use crate::disk::{BundleFolder, EntryFacts};

/// An open directory.
#[derive(Debug)]
pub(crate) struct Folder {
    opened: BundleFolder,
}

impl Folder {
    /// Opens the directory at a path that a user typed, also through a symbolic link.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let opened = BundleFolder::open(path).map_err(Error::io("open", path))?;
        Ok(Self { opened })
    }

    /// Returns the path it was opened at.
    pub(crate) fn path(&self) -> &Path {
        self.opened.path()
    }

    /// Returns the path of an entry, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Opens a directory in this one; fails for a symbolic link.
    pub(crate) fn below(&self, name: &str) -> Result<Self> {
        let opened = self.opened.open_folder(name);
        let opened = opened.map_err(Error::io("open", &self.path_of(name)))?;
        Ok(Self { opened })
    }

    /// Opens a directory in this one; `None` if there is none.
    pub(crate) fn below_if_any(&self, name: &str) -> Result<Option<Self>> {
        found(self.below(name))
    }

    /// Iterates over the names in it, in no order. In a name that is not UTF-8 the wrong bytes are
    /// replaced.
    pub(crate) fn entries(&self) -> Result<impl Iterator<Item = Result<String>>> {
        let listed = self
            .opened
            .entries()
            .map_err(Error::io("list", self.path()))?;
        Ok(listed.map(|name| match name {
            Ok(name) => Ok(name.to_string_lossy().into_owned()),
            Err(error) => Err(Error::io("list", self.path())(error)),
        }))
    }

    /// Returns the names in it, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = self.entries()?.collect::<Result<_>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// Returns what an entry is, the link itself if it is one; `None` if it does not exist.
    pub(crate) fn facts(&self, name: &str) -> Result<Option<EntryFacts>> {
        self.opened
            .entry(name)
            .map_err(Error::io("look at", &self.path_of(name)))
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_file(&self, name: &str) -> Result<File> {
        self.opened
            .open_file(name)
            .map_err(Error::io("open", &self.path_of(name)))
    }

    /// Reads a small file as a whole; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if it is no regular file, has more bytes than that, or cannot be read.
    pub(crate) fn read_small(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        let Some(file) = found(self.open_file(name))? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let mut limited = file.take(bytes_max.saturating_add(1));
        let read = limited.read_to_end(&mut bytes);
        read.map_err(Error::io("read", &self.path_of(name)))?;
        if bytes.len() as u64 > bytes_max {
            let reason = format!("it has more than {bytes_max} bytes");
            return Err(Error::format(&self.path_of(name), reason));
        }
        Ok(Some(bytes))
    }
}

/// Returns `None` for a thing that does not exist.
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(thing) => Ok(Some(thing)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
