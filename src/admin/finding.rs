//! A finding: one problem at a location, and its remedy. `findings` finds them.

use serde::Serialize;

use crate::text::count;

/// A problem, and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of problem, for machines.
    pub kind: FindingKind,
    /// The problem, as a clause.
    pub what: String,
    /// The next step.
    pub next: String,
}

/// The kind of a problem, for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The directory is unfit, or cannot be read.
    Directory,
    /// The directory or a file in it belongs to another user.
    Owner,
    /// Others may read the directory, or read or write a file in it.
    Permission,
    /// Nothing can be written in the directory.
    ReadOnly,
    /// A stored choice or the application's variable is invalid.
    Consent,
    /// The owner's policy cannot be read or is invalid, so nothing is recorded.
    Policy,
    /// The first use, or a record, is in the future.
    Clock,
    /// The directory was created elsewhere.
    Copied,
    /// The lock is held, or is not a file.
    Lock,
    /// Lines cannot be read.
    Unreadable,
    /// Texts are recorded in clear although their name suggests a secret.
    Secret,
    /// Segments or records are missing that localtel did not remove.
    Missing,
    /// Sessions have no end, and their processes no longer run.
    Sessions,
    /// Events were dropped because there was no room for them.
    Dropped,
    /// Events were lost because they could not be written.
    Failed,
    /// A newer version recorded in a format that this one does not know.
    Newer,
    /// The file system has less room than recording may need at once.
    Room,
    /// The file system is fuller than the given percentage.
    Full,
    /// At today's rate, records exceed the total before they exceed their age.
    Limits,
    /// Nothing was ever recorded under the given name, but something was under a similar one.
    Name,
    /// Segments cannot be removed. Recording continues while there is room beside them.
    Unremovable,
    /// The history of earlier processes is invalid. Recording continues.
    History,
    /// The owner's file on the newest release is invalid. Recording continues.
    Release,
}

impl Finding {
    /// Returns a finding.
    pub fn new(kind: FindingKind, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            next: next.into(),
        }
    }
}

/// Names some of these files, and the number of the others.
pub(super) fn first_of(files: &[String], more_of: &str) -> String {
    let (named, more) = files.split_at(files.len().min(FILES_NAMED_MAX));
    let mut names = named.join(", ");
    if !more.is_empty() {
        names = format!("{names} and {}", count(more.len() as u64, more_of));
    }
    names
}

/// Number of files that are named.
pub(super) const FILES_NAMED_MAX: usize = 5;
