//! The owner's decisions, as the files of a telemetry directory contain them at one moment, and the
//! last ones that were read. A file that cannot be read decides nothing; this module determines the
//! value that applies then, and `watch` its consequences.

use std::path::Path;

use crate::consent::{Scope, StoredConsent};
use crate::policy::owner::OwnerFile;
use crate::store::disk::{Access, Directory};
use crate::store::document::Opened;

/// The files that people change at one moment, read from a directory that is opened once.
#[derive(Debug)]
pub(super) struct OwnerSnapshot {
    /// The directory of the profile, if there is one that could be opened.
    pub(super) directory: Option<Directory>,
    /// The choice stored for the profile.
    pub(super) stored: StoredConsent,
    /// The choice stored for all profiles.
    pub(super) stored_for_all: StoredConsent,
    /// The owner's policy.
    pub(super) owner: OwnerFile,
}

impl OwnerSnapshot {
    /// Reads the directory of a profile, and that of the default one if it is another.
    pub(super) fn of(path: &Path, base: &Path) -> Self {
        let opened = Directory::open(path, Access::Read);
        if path == base {
            Self::in_opened(opened, None)
        } else {
            let base = Directory::open(base, Access::Read);
            Self::in_opened(opened, Some(&base))
        }
    }

    /// Reads like [`of`](Self::of), under the faults that a test plans.
    #[cfg(test)]
    pub(super) fn under(
        faults: &crate::store::faults::Faults,
        (path, base): (&Path, &Path),
    ) -> Self {
        let open = |path| {
            faults.fail("open directory")?;
            let mut directory = Directory::open(path, Access::Read)?;
            directory.faults = faults.clone();
            Ok(directory)
        };
        if path == base {
            Self::in_opened(open(path), None)
        } else {
            Self::in_opened(open(path), Some(&open(base)))
        }
    }

    /// Reads the directory of a profile, and that of the default one if it is another.
    fn in_opened(opened: Opened, base: Option<&Opened>) -> Self {
        Self {
            owner: OwnerFile::read_in(&opened),
            stored: StoredConsent::read_file_in(&opened, Scope::Profile.file()),
            stored_for_all: StoredConsent::read_file_in(
                base.unwrap_or(&opened),
                Scope::AllProfiles.file(),
            ),
            directory: opened.ok(),
        }
    }
}

/// A value that the owner changes: the last one read, and the failures to read it since.
#[derive(Debug, Clone)]
pub(super) struct Polled<T> {
    /// The last value read.
    pub(super) read: T,
    unread: Option<FailedRead<T>>,
}

/// The result of a poll that failed to read.
#[derive(Debug, Clone)]
struct FailedRead<T> {
    found: T,
    /// Number of failed polls in a row.
    failed_polls: u32,
}

impl<T> Polled<T> {
    /// Returns a value that was just read.
    pub(super) fn new(read: T) -> Self {
        Self { read, unread: None }
    }

    /// Notes that a poll failed to read it.
    pub(super) fn fail(&mut self, found: T) {
        let failed_polls = self.unread.as_ref().map_or(0, |unread| unread.failed_polls);
        self.unread = Some(FailedRead {
            found,
            failed_polls: failed_polls.saturating_add(1),
        });
    }

    /// Returns the result of the last poll, if it failed to read.
    pub(super) fn unread(&self) -> Option<&T> {
        self.unread.as_ref().map(|unread| &unread.found)
    }

    /// Notes that a poll succeeded in reading it.
    pub(super) fn succeed(&mut self) {
        self.unread = None;
    }

    /// Returns the value that applies: the last one read, unless reading has failed for too long.
    pub(super) fn effective(&self) -> &T {
        match &self.unread {
            Some(unread) if unread.failed_polls > FAILED_POLLS_MAX => &unread.found,
            Some(_) | None => &self.read,
        }
    }
}

/// Number of polls in a row that may fail to read the owner's decision before recording stops. They
/// are at least half a second apart: for five seconds the last answer applies, which is longer than
/// a process usually lacks file descriptors or memory, and short enough not to miss a withdrawal of
/// consent for long.
pub(super) const FAILED_POLLS_MAX: u32 = 10;
