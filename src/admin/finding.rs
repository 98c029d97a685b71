//! A finding: one thing that is wrong at a location, and what to do about it. They are found in `findings`.

use serde::Serialize;

use crate::text::count;

/// Something that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong, for machines.
    pub kind: FindingKind,
    /// What is wrong, as a clause.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

/// What is wrong, for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The directory cannot serve, or cannot be looked into.
    Directory,
    /// The directory or a file in it belongs to another user.
    Owner,
    /// Others may look into the directory, or read or write a file in it.
    Permission,
    /// Nothing can be written in the directory.
    ReadOnly,
    /// A stored choice or the application's variable cannot be understood.
    Consent,
    /// The owner's policy cannot be read or understood, so nothing is recorded.
    Policy,
    /// The first use, or a record, lies in the future.
    Clock,
    /// The directory was made elsewhere.
    Copied,
    /// The lock is held, or is no file.
    Lock,
    /// Lines cannot be read.
    Unreadable,
    /// Texts are recorded in clear whose name says that they are secrets.
    Secret,
    /// Segments are missing that localtel did not remove.
    Missing,
    /// Sessions did not say that they ended, and do not run any more.
    Sessions,
    /// Events were dropped because there was no room for them.
    Dropped,
    /// Events were lost because they could not be written.
    Failed,
    /// A newer version recorded in a format that this one does not know.
    Newer,
    /// The file system has less room than recording may need at once.
    Room,
    /// Nothing was ever recorded under the name that was given, and something was under a name near it.
    Name,
    /// Segments cannot be removed. Recording goes on while there is room beside them.
    Unremovable,
    /// What is remembered of earlier processes cannot be understood. Recording goes on.
    History,
    /// What the owner said of the newest release cannot be understood. Recording goes on.
    Release,
}

impl Finding {
    /// Makes a finding.
    pub fn new(kind: FindingKind, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            next: next.into(),
        }
    }
}

/// Names some of these files, and says how many more there are.
pub(super) fn first_of(files: &[String], more_of: &str) -> String {
    let (named, more) = files.split_at(files.len().min(FILES_NAMED_MAX));
    let mut said = named.join(", ");
    if !more.is_empty() {
        said = format!("{said} and {}", count(more.len() as u64, more_of));
    }
    said
}

/// How many files are named.
pub(super) const FILES_NAMED_MAX: usize = 5;
