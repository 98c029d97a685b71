//! What the owner of a telemetry directory decides, as it stands in files there at one moment, and what was read
//! of it last. A file that cannot be read at one moment says nothing; what then holds is decided here, what
//! follows from it in `watch`.

use std::path::Path;

use crate::consent::{Scope, StoredConsent};
use crate::policy::owner::OwnerFile;
use crate::store::disk::{Access, Directory};
use crate::store::document::Opened;

/// What stands in the directories at one moment: all that people change, read from a directory that is opened
/// once.
#[derive(Debug)]
pub(super) struct OwnerSnapshot {
    /// The directory of the profile, if there is one that could be opened.
    pub(super) directory: Option<Directory>,
    /// The choice stored for the profile.
    pub(super) stored: StoredConsent,
    /// The choice stored for all profiles.
    pub(super) stored_for_all: StoredConsent,
    /// What the owner lets be recorded.
    pub(super) owner: OwnerFile,
}

impl OwnerSnapshot {
    /// Looks into the directory of a profile, and into that of the default one where it is another.
    pub(super) fn of(path: &Path, base: &Path) -> Self {
        let opened = Directory::open(path, Access::Read);
        if path == base {
            Self::in_opened(opened, None)
        } else {
            let base = Directory::open(base, Access::Read);
            Self::in_opened(opened, Some(&base))
        }
    }

    /// Looks as [`of`](Self::of) does, under the faults that a test plans.
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

    /// Looks into the directory of a profile, and into that of the default one where it is another.
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

/// Something that the owner changes: what was read of it last, and what has kept it from being read since.
#[derive(Debug, Clone)]
pub(super) struct Polled<T> {
    /// What was read of it last.
    pub(super) read: T,
    unread: Option<FailedRead<T>>,
}

/// What a look found that could not read.
#[derive(Debug, Clone)]
struct FailedRead<T> {
    found: T,
    /// How many looks in a row could not.
    looks: u32,
}

impl<T> Polled<T> {
    /// Returns what was just read.
    pub(super) fn new(read: T) -> Self {
        Self { read, unread: None }
    }

    /// Notes that a look could not read it.
    pub(super) fn fail(&mut self, found: T) {
        let looks = self.unread.as_ref().map_or(0, |unread| unread.looks);
        self.unread = Some(FailedRead {
            found,
            looks: looks.saturating_add(1),
        });
    }

    /// Returns what the last look found, if it could not read it.
    pub(super) fn unread(&self) -> Option<&T> {
        self.unread.as_ref().map(|unread| &unread.found)
    }

    /// Notes that a look could read it.
    pub(super) fn succeed(&mut self) {
        self.unread = None;
    }

    /// Returns what holds: what was read last, unless it could not be read for too long.
    pub(super) fn holds(&self) -> &T {
        match &self.unread {
            Some(unread) if unread.looks > UNREADABLE_LOOKS_MAX => &unread.found,
            Some(_) | None => &self.read,
        }
    }
}

/// How many looks in a row may fail to read what the owner decided before nothing is recorded any more. They are
/// at least half a second apart: for five seconds the last answer stands, which is longer than a process usually
/// lacks file descriptors or memory, and short enough not to miss for long that consent was withdrawn.
pub(super) const UNREADABLE_LOOKS_MAX: u32 = 10;
