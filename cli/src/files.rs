//! Reads files that users or commands name and files of the system. Telemetry directories are only
//! read and changed by the library.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::Path;

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
