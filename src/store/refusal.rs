//! The purpose of opening a directory, and the reasons why it or a small file could not be opened
//! or read. A part of the file access of `disk`, on all platforms.

use std::io;
use std::path::{Path, PathBuf};

use super::facts::effective_user;

/// The purpose of opening a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To read: it may belong to any user who permits that.
    Read,
    /// To write: only this user may write to it, and it is created if missing.
    Write,
}

/// The reason why a directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The operating system refused.
    #[error("the directory cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// It exists, but is unfit.
    #[error("the directory cannot be used: {0}")]
    Unfit(String),
    /// It belongs to another user, or the directory above it does, in which it would be created.
    #[error(
        "the directory cannot be used: {} belongs to another user (uid {owner}), and this is uid {user}",
        .at.display()
    )]
    OtherUser {
        /// The path that belongs to another user.
        at: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user that this process acts as.
        user: u32,
    },
}

impl OpenError {
    /// Returns the error for a path that belongs to another user than the one that this process
    /// acts as.
    pub(crate) fn of_other_user(at: &Path, owner: u32) -> Self {
        Self::OtherUser {
            at: at.to_owned(),
            owner,
            user: effective_user(),
        }
    }

    /// Returns `true` if there is nothing at that path.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// The reason why a small file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// There is no file of that name.
    #[error("it is missing")]
    Missing,
    /// The name belongs to something other than a regular file. A symbolic link is not followed.
    #[error("it is not a regular file; a symbolic link is not followed")]
    NotRegular,
    /// It is larger than any file that localtel writes.
    #[error("it is larger than any such file")]
    TooLarge,
    /// The operating system refused. The contents are not known, and the next try may succeed.
    #[error("{0}")]
    Io(io::Error),
}

#[cfg(all(unix, not(localtel_unsupported)))]
impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => Self::Missing,
            // A symbolic link, a socket.
            Some(Errno::LOOP | Errno::NXIO) => Self::NotRegular,
            Some(_) | None => Self::Io(error),
        }
    }
}
