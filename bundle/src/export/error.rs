//! The reasons why a bundle could not be written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The reason why a bundle could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The target cannot take a bundle.
    #[non_exhaustive]
    #[error("{} {problem}", .path.display())]
    Target {
        /// The target.
        path: PathBuf,
        /// The reason.
        problem: TargetProblem,
    },
    /// The bundle does not fit.
    #[non_exhaustive]
    #[error(
        "the bundle needs {bytes_needed} bytes, and {} has {bytes_free} bytes free",
        .path.display()
    )]
    NoRoom {
        /// The target.
        path: PathBuf,
        /// Number of bytes of the bundle.
        bytes_needed: u64,
        /// Number of free bytes.
        bytes_free: u64,
    },
    /// The operating system refused an operation on the target.
    #[non_exhaustive]
    #[error("could not {action} {}", .path.display())]
    Io {
        /// The action, as a phrase that follows "could not".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason of the operating system.
        source: io::Error,
    },
    /// A file that was read back has other bytes than were written.
    #[non_exhaustive]
    #[error("{} was read back and is not what was written to it", .path.display())]
    ReadBack {
        /// The file or directory.
        path: PathBuf,
    },
    /// Two directories have the same log: one is a copy of the other.
    #[non_exhaustive]
    #[error("{} and {} have the same log: one is a copy of the other", .one.display(), .other.display())]
    SameLog {
        /// One of the directories.
        one: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// No directory has a record.
    #[error("there is nothing to export: no record was found")]
    Nothing,
    /// A segment was changed each time it was read.
    #[non_exhaustive]
    #[error("{} became shorter each time it was copied", .path.display())]
    Unsteady {
        /// The segment.
        path: PathBuf,
    },
    /// Telemetry could not be read.
    #[error(transparent)]
    Read(#[from] localtel::Error),
}

impl ExportError {
    /// Returns a function for `map_err` that names the action and the path.
    pub(super) fn io(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(super) fn target(path: &Path, problem: TargetProblem) -> Self {
        Self::Target {
            path: path.to_owned(),
            problem,
        }
    }
}

/// The reason why a directory cannot take a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetProblem {
    /// It does not exist.
    Missing,
    /// It is something else than a directory.
    NotADirectory,
    /// It is in a telemetry directory, or is one.
    InTelemetry(PathBuf),
    /// It is in a tree, or is one.
    InTree(PathBuf),
}

impl fmt::Display for TargetProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("does not exist"),
            Self::NotADirectory => f.write_str("is not a directory"),
            Self::InTelemetry(path) => {
                write!(f, "is in the telemetry directory {}", path.display())
            }
            Self::InTree(path) => write!(f, "is in the tree {}", path.display()),
        }
    }
}

/// A failed export.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct ExportFailure {
    /// The reason.
    #[source]
    pub error: ExportError,
    /// The unfinished bundle, if it could not be removed.
    pub left_behind: Option<PathBuf>,
}

impl From<ExportError> for ExportFailure {
    fn from(error: ExportError) -> Self {
        Self {
            error,
            left_behind: None,
        }
    }
}
