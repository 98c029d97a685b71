//! What a directory is opened for, and why it or a small file could not be opened or read. A part of the door to the
//! file system that `disk` is, on all platforms.

use std::io;
use std::path::{Path, PathBuf};

use super::facts::effective_user;

/// What a directory is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To look: it may belong to anybody who lets us.
    Read,
    /// To write: it must be ours alone to write, and is made where it is missing.
    Write,
}

/// Why a directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The operating system refused.
    #[error("the directory cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// It is there, but cannot serve.
    #[error("the directory cannot serve: {0}")]
    Unfit(String),
    /// It belongs to another user, or the directory above does in which it would be made.
    #[error(
        "the directory cannot serve: {} belongs to another user (uid {owner}), and this is uid {user}",
        .at.display()
    )]
    OtherUser {
        /// What belongs to another user.
        at: PathBuf,
        /// Whose it is.
        owner: u32,
        /// The user that this process acts as.
        user: u32,
    },
}

impl OpenError {
    /// Returns that what is at a path belongs to another user than the one that this process acts as.
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

/// Why a small file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// There is no file of that name.
    #[error("it is missing")]
    Missing,
    /// Something else than a regular file has the name. A symbolic link is not followed.
    #[error("it is not a regular file; a symbolic link is not followed")]
    NotRegular,
    /// It is larger than any file of ours.
    #[error("it is larger than any file of ours")]
    TooLarge,
    /// The operating system refused. What the file says is not known, and the next try may succeed.
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
