//! The one door of this package to the file system. What is created is for this user only, and a
//! file is complete and on the disk before it has its name. Symbolic links are not followed, except
//! in a path that a user typed. What the files contain is left to the other modules.

#![expect(
    clippy::disallowed_methods,
    reason = "the one file of this package that accesses the file system"
)]

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What the system says about a file. Where it is the same as before, so are the contents: the
/// time of the last change is set by the system alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFacts {
    /// The size.
    pub(crate) bytes: u64,
    /// The time of the last change, in nanoseconds after 1970.
    pub(crate) changed: i64,
}

/// Returns the names in a directory, in order; none if there is no directory. Names that are not
/// UTF-8 are no names of localtel, and are left out.
pub(crate) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the facts about a regular file, or `None` if there is none at that path.
pub(crate) fn facts(path: &Path) -> io::Result<Option<StoredFacts>> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(StoredFacts {
            bytes: found.len(),
            changed: found
                .ctime()
                .saturating_mul(1_000_000_000)
                .saturating_add(found.ctime_nsec()),
        })),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns `true` if there is a directory at that path.
pub(crate) fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Reads a file; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a directory and those above it, for this user only.
pub(crate) fn make_directories(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Locks a file for as long as the result lives; `None` if another process has locked it.
pub(crate) fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A file that is written under a temporary name, which no engine reads.
#[derive(Debug)]
pub(crate) struct PartialFile {
    file: File,
    bytes: u64,
    place: PartialPlace,
}

/// A file that is complete and on the disk under its temporary name.
#[derive(Debug)]
pub(crate) struct ReadyFile(PartialPlace);

/// The temporary name and the final one. The file is removed unless it was put at its final name.
#[derive(Debug)]
struct PartialPlace {
    partial: PathBuf,
    path: PathBuf,
}

impl PartialFile {
    /// Creates the file, and the directory that it is in. What a killed run left is replaced.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            make_directories(directory)?;
        }
        let place = PartialPlace {
            partial: partial_of(path),
            path: path.to_owned(),
        };
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&place.partial)?;
        Ok(Self {
            file,
            bytes: 0,
            place,
        })
    }

    /// Returns the number of bytes that were written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Completes the file.
    pub(crate) fn ready(self) -> io::Result<ReadyFile> {
        self.file.sync_all()?;
        Ok(ReadyFile(self.place))
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ReadyFile {
    /// Gives the file its final name, and replaces the file that has it. The name is on the disk
    /// after [`sync_directory`].
    pub(crate) fn put(self) -> io::Result<()> {
        fs::rename(&self.0.partial, &self.0.path)
    }
}

impl Drop for PartialPlace {
    fn drop(&mut self) {
        // After the rename there is none.
        drop(fs::remove_file(&self.partial));
    }
}

fn partial_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// Writes a file as a whole, in place of the one at that path.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = PartialFile::create(path)?;
    file.write_all(bytes)?;
    file.ready()?.put()?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Waits until the names in a directory are on the disk.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a file, if there is one, and the directory that it was in, if that is empty then.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    if let Some(directory) = path.parent() {
        // A killed run may have left it.
        drop(fs::remove_file(partial_of(path)));
        remove_empty(directory);
    }
    Ok(())
}

/// Removes a directory, if it is empty.
pub(crate) fn remove_empty(directory: &Path) {
    drop(fs::remove_dir(directory));
}
