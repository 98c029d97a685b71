//! The failures outside the recording path, as one type with the action, its object and the reason.
//! Damage in recorded data is not an error: it is an item that the reader yields.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A result with the library's error by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why an operation of the library failed. A clone is the same error for another caller.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error(Arc<ErrorKind>);

/// The ways in which an operation can fail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused an operation on a file or directory.
    #[non_exhaustive]
    #[error("could not {action} {}", .path.display())]
    Io {
        /// The action, as a phrase that follows "could not".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A directory is unfit to be a telemetry directory.
    #[non_exhaustive]
    #[error("{} cannot be a telemetry directory: {reason}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A telemetry directory or a file in it belongs to another user, or the directory above it
    /// does, in which it would be created.
    #[non_exhaustive]
    #[error(
        "{} cannot be a telemetry directory: {} belongs to another user (uid {owner}), and this is uid {user}",
        .path.display(), it_or_path(.at, .path)
    )]
    OtherUser {
        /// The telemetry directory.
        path: PathBuf,
        /// The path that belongs to another user.
        at: PathBuf,
        /// The number of its owner.
        owner: u32,
        /// The number of the user that this process acts as.
        user: u32,
    },
    /// A file of localtel contains something that this version cannot read.
    #[non_exhaustive]
    #[error("{}: {reason}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// A description of its contents.
        reason: String,
    },
    /// A directory belongs to another application or profile.
    #[non_exhaustive]
    #[error(
        "{} belongs to {belongs_to} and not to {wanted}; each application and profile needs a directory of its own",
        .path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// The application and profile that it belongs to, as far as they are known.
        belongs_to: String,
        /// The application and profile that the caller requested.
        wanted: String,
    },
    /// Another process held the directory's lock for longer than the deadline.
    #[non_exhaustive]
    #[error("timed out waiting for the lock {}, which another process holds", .path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// Not everything could be written before the deadline.
    #[non_exhaustive]
    #[error("{bytes_waiting} bytes could not be written before the deadline")]
    TimedOut {
        /// Number of bytes that are still waiting in memory.
        bytes_waiting: usize,
    },
    /// A value of the caller is not valid.
    #[non_exhaustive]
    #[error("{what}: {reason}")]
    Invalid {
        /// The name of the value.
        what: &'static str,
        /// The reason.
        reason: String,
    },
    /// Nothing is recorded here: because of consent, policy or a failure at opening.
    #[non_exhaustive]
    #[error("telemetry is off: {reason}")]
    Off {
        /// The reason.
        reason: String,
    },
}

impl Error {
    /// Returns the kind of failure.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// Returns `true` if the failure is that something does not exist.
    pub fn is_not_found(&self) -> bool {
        self.io_kind() == Some(io::ErrorKind::NotFound)
    }

    /// Returns `true` if the failure is a missing permission.
    pub fn is_permission_denied(&self) -> bool {
        self.io_kind() == Some(io::ErrorKind::PermissionDenied)
    }

    fn io_kind(&self) -> Option<io::ErrorKind> {
        if let ErrorKind::Io { source, .. } = self.kind() {
            Some(source.kind())
        } else {
            None
        }
    }

    /// Returns the failure and its cause, joined by `: `.
    pub fn chain(&self) -> String {
        match self.source() {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }

    /// Returns a function for `map_err` that names the action and the path of a failed operation.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            ErrorKind::Io {
                action,
                path: path.to_owned(),
                source,
            }
            .into()
        }
    }

    /// Returns the error for a file of localtel that cannot be read.
    pub fn format(path: &Path, reason: impl Into<String>) -> Self {
        ErrorKind::Format {
            path: path.to_owned(),
            reason: reason.into(),
        }
        .into()
    }

    /// Returns the error for a directory that cannot be used.
    pub fn directory(path: &Path, reason: impl Into<String>) -> Self {
        ErrorKind::Directory {
            path: path.to_owned(),
            reason: reason.into(),
        }
        .into()
    }

    pub(crate) fn other_user(path: &Path, at: PathBuf, owner: u32, user: u32) -> Self {
        ErrorKind::OtherUser {
            path: path.to_owned(),
            at,
            owner,
            user,
        }
        .into()
    }

    /// Returns the error for an invalid argument.
    pub fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        ErrorKind::Invalid {
            what,
            reason: reason.into(),
        }
        .into()
    }
}

/// Returns the form of a path after another one was named.
fn it_or_path(path: &Path, named: &Path) -> String {
    if path == named {
        "it".to_owned()
    } else {
        path.display().to_string()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Arc::new(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_action_and_path_and_its_source_the_reason() {
        let error = Error::io("open", Path::new("/x"))(io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(error.to_string(), "could not open /x");
        assert!(error.is_not_found());
        assert!(error.source().is_some());
    }
}
