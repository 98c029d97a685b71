//! The status of a location: whether anything is recorded there and why, the stored consent, the
//! limits in force and the contents. `status`, `explain` and `profiles` show parts of this value.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::limits::{Bounds, Rate};
use super::recording::Stored;
use super::{Location, RecordingAnswer};
use crate::builder::Builder;
use crate::clock;
use crate::consent::{
    Consent, DecidedBy, InstallationOrigin, Overruled, StoredConsent, duration_text, whole_seconds,
};
use crate::error::Result;
use crate::history::History;
use crate::policy::owner::OwnerFile;
use crate::read::{Fold, Summary};
use crate::record::{Level, format_timestamp};
use crate::release::Release;
use crate::store::compressor::overdue;
use crate::store::disk::{Access, Directory};
use crate::store::elsewhere::is_directory;
use crate::store::segment::SegmentNumber;

/// The state and contents of a location, with stable keys when serialised.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The decision: `enabled`, `disabled` or `undecided`.
    pub status: Consent,
    /// Whether events are recorded, and why.
    #[serde(flatten)]
    pub answer: RecordingAnswer,
    /// The answer for the commands `record` and `run`, if it differs: they record as the program
    /// that runs them.
    pub record_and_run: Option<RecordingAnswer>,
    /// The installation id, once there is one.
    pub uuid: Option<Uuid>,
    /// The source that decided.
    pub decided_by: DecidedBy,
    /// Whether no stored choice can change it for this run.
    pub locked: bool,
    /// The sources that were overruled.
    pub overruled: Vec<Overruled>,
    /// The values that are invalid and count as disabled.
    pub problems: Vec<String>,
    /// The lowest level that is recorded from `tracing`; absent if only the application has it.
    pub level: Option<Level>,
    /// The effect of the owner's `policy.toml`; if it is damaged, nothing is recorded.
    pub policy: PolicyStatus,
    /// The stored choice, whether or not it decided.
    pub stored: Option<StoredChoice>,
    /// The choice stored for all profiles, whether or not it decided.
    pub stored_for_all: Option<StoredChoice>,
    /// The first use of an application that waits for a grace, while consent is undecided.
    pub first_seen: Option<String>,
    /// The rest of the grace; nothing is recorded in it.
    pub grace_left_seconds: Option<u64>,
    /// Whether the directory was created on another machine or by another user, if that is known.
    pub copied: Option<bool>,
    /// The application; absent if it is not known.
    pub source: Option<String>,
    /// The profile.
    pub profile: String,
    /// The directory.
    pub directory: String,
    /// Whether the directory exists.
    pub directory_exists: bool,
    /// Whether other users have any permission on the directory; absent if that is not known.
    pub is_open_to_others: Option<bool>,
    /// The limits in force, and who set them.
    pub limits: Bounds,
    /// The number of closed segments that should be compressed by now; absent where compression
    /// is off.
    pub overdue_compression: Option<u64>,
    /// The rate of the last week, and how long the limits hold at that rate; absent if the
    /// directory is too young.
    pub rate: Option<Rate>,
    /// The contents.
    pub storage: Option<Summary>,
    /// The reason why the contents cannot be read.
    pub storage_problem: Option<String>,
    /// The release that the owner announced, if it is newer than the version in use.
    pub update: Option<Update>,
    /// The problem with the owner's announcement.
    pub update_problem: Option<String>,
}

/// The effect of the owner's `policy.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PolicyStatus {
    /// The state of the file.
    pub owner: OwnerState,
    /// The problem because of which nothing is recorded.
    pub problem: Option<String>,
}

/// The state of the owner's `policy.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "these are all the cases")]
pub enum OwnerState {
    /// There is no file.
    Missing,
    /// It forbids nothing.
    Open,
    /// It narrows what is recorded.
    Narrows,
    /// It cannot be read or is invalid.
    Damaged,
}

impl PolicyStatus {
    pub(crate) fn of(file: &OwnerFile) -> Self {
        let owner = match file {
            OwnerFile::Missing => OwnerState::Missing,
            OwnerFile::Owner(owner) if owner.narrows() => OwnerState::Narrows,
            OwnerFile::Owner(_) => OwnerState::Open,
            OwnerFile::Damaged { .. } | OwnerFile::Unreadable { .. } => OwnerState::Damaged,
        };
        let problem = file.problem().map(str::to_owned);
        Self { owner, problem }
    }
}

/// A stored choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoredChoice {
    /// The choice.
    pub consent: Consent,
    /// The time of the decision, in the format of a line.
    pub decided: Option<String>,
    /// The command or program that made it.
    pub by: Option<String>,
}

impl StoredChoice {
    fn of(stored: &StoredConsent) -> Option<Self> {
        stored.known().map(|choice| Self {
            consent: choice.consent,
            decided: choice.decided.clone(),
            by: choice.by.clone(),
        })
    }
}

/// A release that is newer than the version in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Update {
    /// Its version.
    pub version: String,
    /// The time of the release, as the owner wrote it.
    pub released: Option<String>,
    /// The owner's notes.
    pub notes: Option<String>,
    /// The version in use: that of the application that runs this code, or the one that recorded
    /// last.
    pub current: String,
}

impl Update {
    /// Returns nothing if it is not newer, or if the version in use is not known.
    fn new(release: Release, location: &Location, path: &Path) -> Option<Self> {
        let current = match location.builder().and_then(|builder| builder.own_version()) {
            Some(version) => version.to_owned(),
            None => History::read_at(path).version?,
        };
        release.is_newer_than(&current).then_some(Self {
            version: release.version,
            released: release.released,
            notes: release.notes,
            current,
        })
    }
}

impl Location {
    /// Reads the state and contents, and creates and changes nothing.
    pub fn status(&self) -> Status {
        self.status_of(self.reader().and_then(Summary::of))
    }

    /// Returns the same, and the result of another fold over the records, which are read once.
    pub fn status_with<F: Fold + Default + Send>(&self) -> (Status, F) {
        match self.reader().and_then(Summary::of_with) {
            Ok((summary, fold)) => (self.status_of(Ok(summary)), fold),
            Err(error) => (self.status_of(Err(error)), F::default()),
        }
    }

    fn status_of(&self, read: Result<Summary>) -> Status {
        let path = self.path();
        let stored = Stored::at(self);
        let (decision, answer) = self.decide(&stored, clock::now());
        let by_commands = match self.builder() {
            Some(_) => None,
            None => Some(self.decide_by_commands(&stored, clock::now())),
        };
        let (storage, storage_problem) = match read {
            Ok(summary) => (Some(summary), None),
            // It is not a problem that nothing was ever recorded.
            Err(error) if error.is_not_found() => (None, None),
            Err(error) => (None, Some(error.chain())),
        };
        let (update, update_problem) = match Release::read_at(&path) {
            Ok(release) => (
                release.and_then(|release| Update::new(release, self, &path)),
                None,
            ),
            Err(problem) => (None, Some(problem)),
        };
        let limits = Bounds::of(self, &stored.owner.storage());
        let rate = storage
            .as_ref()
            .and_then(|storage| rate_at(&path, storage, &limits));
        let overdue_compression = limits.compress.then(|| overdue_at(&path)).flatten();
        let first_use = stored.consent.first_use();
        let first_use = first_use.filter(|_| decision.state == Consent::Undecided);
        Status {
            status: decision.state,
            record_and_run: by_commands.filter(|own| own.recording != answer.recording),
            answer,
            uuid: stored.consent.installation().map(|own| own.id),
            decided_by: decision.decided_by,
            locked: decision.is_locked,
            overruled: decision.overruled,
            problems: decision.problems,
            level: self.builder().map(Builder::own_level),
            policy: PolicyStatus::of(&stored.owner),
            stored: StoredChoice::of(&stored.consent),
            stored_for_all: StoredChoice::of(&stored.consent_for_all),
            first_seen: first_use.map(|first_use| format_timestamp(first_use.seen)),
            grace_left_seconds: decision.grace_left.map(whole_seconds),
            copied: match stored.consent.origin_at(&path) {
                InstallationOrigin::Here => Some(false),
                InstallationOrigin::Elsewhere => Some(true),
                InstallationOrigin::Unknown => None,
            },
            source: self.name().map(ToString::to_string),
            profile: self.profile().to_string(),
            directory: path.display().to_string(),
            directory_exists: is_directory(&path),
            is_open_to_others: is_open_to_others(&path),
            limits,
            overdue_compression,
            rate,
            storage,
            storage_problem,
            update,
            update_problem,
        }
    }
}

impl Status {
    /// Returns the rest of the grace, in its largest unit: `3d`.
    pub fn grace(&self) -> Option<String> {
        let seconds = self.grace_left_seconds?;
        Some(duration_text(Duration::from_secs(seconds)))
    }

    /// Returns the stored choice that decided; nothing if another source did.
    pub fn choice(&self) -> Option<&StoredChoice> {
        match self.decided_by {
            DecidedBy::Choice => self.stored.as_ref(),
            DecidedBy::ChoiceForAll => self.stored_for_all.as_ref(),
            DecidedBy::Build
            | DecidedBy::Executable(_)
            | DecidedBy::DoNotTrack(_)
            | DecidedBy::Flag
            | DecidedBy::Variable { .. }
            | DecidedBy::Default => None,
        }
    }
}

/// Returns the rate at which the directory at that path, of those contents, grew in the last week.
fn rate_at(path: &Path, contents: &Summary, limits: &Bounds) -> Option<Rate> {
    let directory = Directory::open(path, Access::Read).ok()?;
    let segments = contents.segments.iter();
    let segments =
        segments.filter_map(|segment| Some((SegmentNumber::new(segment.number)?, segment.bytes)));
    let segments: Vec<(SegmentNumber, u64)> = segments.collect();
    Rate::read(&directory, &segments, limits, clock::now())
}

/// Returns the number of segments that should be compressed by now.
fn overdue_at(path: &Path) -> Option<u64> {
    let directory = Directory::open(path, Access::Read).ok()?;
    overdue(&directory, clock::now()).ok()
}

fn is_open_to_others(path: &Path) -> Option<bool> {
    let directory = Directory::open(path, Access::Read).ok()?;
    Some(directory.mode_for_others().ok()? != 0)
}
