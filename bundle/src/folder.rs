//! An open directory of a tree, of its staging area, or of a bundle that is imported: the
//! operations of `disk`, whose errors name the action and the path. Tests make any of them fail.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use localtel::{Error, Result};

use crate::disk::{self, BundleFolder, EntryFacts, NewFile};
#[cfg(test)]
use crate::faults::ImportFaults;

/// An open directory.
#[derive(Debug)]
pub(crate) struct FleetFolder {
    opened: BundleFolder,
    #[cfg(test)]
    faults: ImportFaults,
}

/// Fails an operation where a test plans a fault; otherwise does nothing.
macro_rules! fault {
    ($place:expr, $operation:literal) => {
        #[cfg(test)]
        $place.faults.before($operation)?;
    };
}

impl FleetFolder {
    /// Opens the directory at a path that a user typed, also through a symbolic link.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let opened = BundleFolder::open(path).map_err(Error::io("open", path))?;
        Ok(Self::of(opened))
    }

    /// Opens the directory at a path that a user typed. If it is missing, it is created for this
    /// user only.
    pub(crate) fn make(path: &Path) -> Result<Self> {
        disk::make_folder(path).map_err(Error::io("create", path))?;
        Self::open(path)
    }

    fn of(opened: BundleFolder) -> Self {
        Self {
            opened,
            #[cfg(test)]
            faults: ImportFaults::default(),
        }
    }

    /// Makes operations in it, and in those opened below it, fail as planned.
    #[cfg(test)]
    pub(crate) fn with_faults(mut self, faults: &ImportFaults) -> Self {
        self.faults = faults.clone();
        self
    }

    /// Returns a directory in this one.
    #[cfg_attr(
        not(test),
        expect(
            clippy::unused_self,
            reason = "what tests plan applies to directories below, too"
        )
    )]
    fn child(&self, opened: BundleFolder) -> Self {
        Self {
            opened,
            #[cfg(test)]
            faults: self.faults.clone(),
        }
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
        let open = || -> io::Result<BundleFolder> {
            fault!(self, "open folder");
            self.opened.open_folder(name)
        };
        let opened = open().map_err(Error::io("open", &self.path_of(name)))?;
        Ok(self.child(opened))
    }

    /// Opens a directory in this one; `None` if there is none.
    pub(crate) fn below_if_any(&self, name: &str) -> Result<Option<Self>> {
        found(self.below(name))
    }

    /// Opens a directory in this one, and creates it first if it is missing.
    pub(crate) fn make_below(&self, name: &str) -> Result<Self> {
        let make = || -> io::Result<BundleFolder> {
            fault!(self, "make folder");
            self.opened.create_folder(name)
        };
        match make() {
            Ok(opened) => Ok(self.child(opened)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.below(name),
            Err(error) => Err(Error::io("create", &self.path_of(name))(error)),
        }
    }

    /// Iterates over the names in it, in no order. In a name that is not UTF-8 the wrong bytes are
    /// replaced.
    pub(crate) fn entries(&self) -> Result<impl Iterator<Item = Result<String>>> {
        let list = || -> io::Result<_> {
            fault!(self, "list");
            self.opened.entries()
        };
        let listed = list().map_err(Error::io("list", self.path()))?;
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
        let look = || -> io::Result<_> {
            fault!(self, "facts");
            self.opened.entry(name)
        };
        look().map_err(Error::io("look at", &self.path_of(name)))
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_file(&self, name: &str) -> Result<File> {
        let open = || -> io::Result<File> {
            fault!(self, "open");
            self.opened.open_file(name)
        };
        open().map_err(Error::io("open", &self.path_of(name)))
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

    /// Creates a file; fails if an entry of that name exists.
    pub(crate) fn create(&self, name: &str) -> Result<StagedFile> {
        let create = || -> io::Result<NewFile> {
            fault!(self, "create");
            NewFile::create(&self.opened, name)
        };
        let path = self.path_of(name);
        Ok(StagedFile {
            file: create().map_err(Error::io("create", &path))?,
            path,
            #[cfg(test)]
            faults: self.faults.clone(),
        })
    }

    /// Creates a file with these bytes, which are on the disk when this returns.
    pub(crate) fn create_with(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.create(name)?;
        file.push(bytes)?;
        file.finish()
    }

    /// Renames an entry to a name in this or another directory; a file of that name is replaced.
    pub(crate) fn rename(&self, name: &str, folder: &Self, new_name: &str) -> Result<()> {
        let rename = || -> io::Result<()> {
            fault!(self, "rename");
            self.opened.rename_over(name, &folder.opened, new_name)
        };
        rename().map_err(Error::io("create", &folder.path_of(new_name)))
    }

    /// Removes a file, if it exists.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let remove = || -> io::Result<()> {
            fault!(self, "remove");
            self.opened.remove_file(name)
        };
        self.removed(name, remove())
    }

    /// Removes an empty directory, if it exists.
    pub(crate) fn remove_folder(&self, name: &str) -> Result<()> {
        let remove = || -> io::Result<()> {
            fault!(self, "remove folder");
            self.opened.remove_folder(name)
        };
        self.removed(name, remove())
    }

    fn removed(&self, name: &str, result: io::Result<()>) -> Result<()> {
        match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.path_of(name))(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Waits until the names in it are on the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        let sync = || -> io::Result<()> {
            fault!(self, "sync folder");
            // Tests do not wait for the disk.
            if cfg!(test) {
                Ok(())
            } else {
                self.opened.sync()
            }
        };
        sync().map_err(Error::io("sync", self.path()))
    }

    /// Takes the lock on a file, which is created if it is missing; `None` if another process has
    /// it. It is held as long as the file is open.
    pub(crate) fn try_lock(&self, name: &str) -> Result<Option<File>> {
        let lock = || -> io::Result<Option<File>> {
            fault!(self, "lock");
            self.opened.try_lock(name)
        };
        lock().map_err(Error::io("lock", &self.path_of(name)))
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

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct StagedFile {
    file: NewFile,
    path: PathBuf,
    #[cfg(test)]
    faults: ImportFaults,
}

impl StagedFile {
    /// Writes all of these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes)
            .map_err(Error::io("write", &self.path))
    }

    /// Waits until its bytes are on the disk.
    pub(crate) fn finish(self) -> Result<()> {
        let sync = || -> io::Result<()> {
            fault!(self, "sync");
            // Tests do not wait for the disk.
            if cfg!(test) { Ok(()) } else { self.file.sync() }
        };
        sync().map_err(Error::io("sync", &self.path))
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(test)]
        let bytes = self.faults.shorten(bytes)?;
        self.file.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
