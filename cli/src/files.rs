//! Reads and replaces files that users or commands name, and reads files of the system. Telemetry
//! directories are only read and changed by the library.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Reads a whole file; returns `None` if it has more than `bytes_max` bytes. A pipe is read to its
/// end, and an endless device up to the limit.
#[expect(
    clippy::disallowed_methods,
    reason = "the file belongs to the user or the system"
)]
pub(crate) fn read_at_most(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= bytes_max).then_some(bytes))
}

/// What a path leads to, through symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathKind {
    Directory,
    /// Anything else that can be opened.
    File,
    Absent,
}

/// Returns what a path that a user typed leads to.
#[expect(
    clippy::disallowed_methods,
    reason = "the path belongs to the user, who may use symbolic links"
)]
pub(crate) fn kind_of(path: &Path) -> PathKind {
    if path.is_dir() {
        PathKind::Directory
    } else if path.exists() {
        PathKind::File
    } else {
        PathKind::Absent
    }
}

/// Returns `true` if a file has the same content when it is opened again: it is not a pipe or a
/// device.
#[expect(clippy::disallowed_methods, reason = "the file belongs to the user")]
pub(crate) fn is_regular(path: &Path) -> bool {
    path.is_file()
}

/// Opens a file for reading.
#[expect(clippy::disallowed_methods, reason = "the file belongs to the user")]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Returns the standard input, without the lock that the process holds for answers.
pub(crate) fn stdin() -> io::Result<File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Returns `true` if a file of that name exists and this user can see it.
#[expect(
    clippy::disallowed_methods,
    reason = "this searches for a command of that name"
)]
pub(crate) fn is_there(path: &str) -> bool {
    Path::new(path).exists()
}

/// Reads a regular file; returns `None` if it has more than `bytes_max` bytes.
#[expect(clippy::disallowed_methods, reason = "the file belongs to the user")]
pub(crate) fn read_regular(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    if path.metadata()?.is_file() {
        read_at_most(path, bytes_max)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// Replaces a file as a whole, or creates it for this user only: a reader finds the old contents
/// or the new ones.
#[expect(clippy::disallowed_methods, reason = "the file belongs to the user")]
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The file behind a symbolic link is replaced, and not the link.
    let path = canonical(path);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        std::fs::rename(&new, &path)
    };
    // A process with the same number may have been killed here.
    drop(std::fs::remove_file(&new));
    write().inspect_err(|_| drop(std::fs::remove_file(&new)))
}

/// Returns a path without symbolic links, if it exists.
#[expect(clippy::disallowed_methods, reason = "the path belongs to the user")]
pub(crate) fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
