//! What can go wrong outside the recording path, as one type that says what was being done, to what,
//! and why it failed. Damage in recorded data is not an error: it is an item that the reader yields.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A result whose error is the library's own, unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation of the library failed. A clone is the same error for another caller that it concerns.
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
        /// What was being done, as a phrase that follows "could not".
        action: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A directory cannot serve as a telemetry directory.
    #[non_exhaustive]
    #[error("{} cannot be a telemetry directory: {reason}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why it cannot serve.
        reason: String,
    },
    /// A telemetry directory or a file in it belongs to another user, or the directory above does in which it would
    /// be made.
    #[non_exhaustive]
    #[error(
        "{} cannot be a telemetry directory: {} belongs to another user (uid {owner}), and this is uid {user}",
        .path.display(), it_or_path(.at, .path)
    )]
    OtherUser {
        /// The telemetry directory.
        path: PathBuf,
        /// What belongs to another user.
        at: PathBuf,
        /// The number of the user whose it is.
        owner: u32,
        /// The number of the user that this process acts as.
        user: u32,
    },
    /// A file of ours holds something that this version cannot read.
    #[non_exhaustive]
    #[error("{}: {reason}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found instead.
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
        /// The application and profile that wanted to use it.
        wanted: String,
    },
    /// Another process held the directory's lock for longer than the deadline.
    #[non_exhaustive]
    #[error("another process holds {} and does not let go", .path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// Not everything could be written before the deadline.
    #[non_exhaustive]
    #[error("{bytes_waiting} bytes could not be written before the deadline")]
    TimedOut {
        /// How many bytes are still waiting in memory.
        bytes_waiting: usize,
    },
    /// A value that the caller gave is outside what is allowed.
    #[non_exhaustive]
    #[error("{what}: {reason}")]
    Invalid {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is recorded here: consent, policy or a fault at opening.
    #[non_exhaustive]
    #[error("telemetry is off: {reason}")]
    Off {
        /// Why nothing is recorded.
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

    /// Returns the failure and what caused it, joined by `: `.
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

    /// Returns an error that says what a file of ours holds that cannot be read.
    pub fn format(path: &Path, reason: impl Into<String>) -> Self {
        ErrorKind::Format {
            path: path.to_owned(),
            reason: reason.into(),
        }
        .into()
    }

    /// Returns an error that says why a directory cannot be used.
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

    /// Returns an error that says which argument is invalid, and why.
    pub fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        ErrorKind::Invalid {
            what,
            reason: reason.into(),
        }
        .into()
    }
}

/// Returns how to name a path after another one was named.
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
