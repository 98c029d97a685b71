//! The status of a location: whether anything is recorded there and why, what is stored, how much may be kept and how
//! much there is. `status`, `explain` and `profiles` show this one value, each a part of it.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::recording::Stored;
use super::{Location, RecordingAnswer};
use crate::builder::Builder;
use crate::clock;
use crate::consent::{
    Consent, DecidedBy, InstallationOrigin, Overruled, StoredConsent, rough, whole_seconds,
};
use crate::error::Result;
use crate::history::History;
use crate::policy::owner::OwnerFile;
use crate::read::{Fold, Summary};
use crate::record::{Level, format_timestamp};
use crate::release::Release;
use crate::store::disk::{Access, Directory};
use crate::store::elsewhere::is_directory;
use crate::store::limits::Limits;

/// What holds at a location and what is there, with keys that stay when it is serialised.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// What was decided: `enabled`, `disabled` or `undecided`.
    pub status: Consent,
    /// Whether events are recorded, and why.
    #[serde(flatten)]
    pub answer: RecordingAnswer,
    /// What holds instead for the commands `record` and `run`, where that differs: they record as the program that runs
    /// them.
    pub record_and_run: Option<RecordingAnswer>,
    /// The installation id, once there is one.
    pub uuid: Option<Uuid>,
    /// Who decided.
    pub decided_by: DecidedBy,
    /// Whether nothing stored can change it for this run.
    pub locked: bool,
    /// Who wanted something else.
    pub overruled: Vec<Overruled>,
    /// What could not be understood and counts as disabled.
    pub problems: Vec<String>,
    /// The lowest level of what is recorded from `tracing`; absent where only the application knows.
    pub level: Option<Level>,
    /// What the owner's `policy.toml` amounts to; where it is damaged nothing is recorded.
    pub policy: PolicyStatus,
    /// The stored choice, whether or not it decided.
    pub stored: Option<StoredChoice>,
    /// The choice stored for all profiles, whether or not it decided.
    pub stored_for_all: Option<StoredChoice>,
    /// When an application that waits for a grace was first used, while consent is undecided.
    pub first_seen: Option<String>,
    /// How much of the grace remains; nothing is recorded in it.
    pub grace_left_seconds: Option<u64>,
    /// Whether the directory was made on another machine or by another user, if it says so.
    pub copied: Option<bool>,
    /// The application; absent where nothing names it.
    pub source: Option<String>,
    /// The profile.
    pub profile: String,
    /// The directory.
    pub directory: String,
    /// Whether the directory is there yet.
    pub directory_exists: bool,
    /// Whether other users may do anything with the directory; absent where that is unknown.
    pub is_open_to_others: Option<bool>,
    /// How much is kept and for how long.
    pub limits: Bounds,
    /// What is there.
    pub storage: Option<Summary>,
    /// Why what is there cannot be read.
    pub storage_problem: Option<String>,
    /// The release that the owner announced, if it is newer than what is in use.
    pub update: Option<Update>,
    /// Why what the owner announced cannot be understood.
    pub update_problem: Option<String>,
}

/// What the owner's `policy.toml` amounts to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PolicyStatus {
    /// In a word.
    pub owner: OwnerState,
    /// What is wrong with it, so that nothing is recorded.
    pub problem: Option<String>,
}

/// What the owner's `policy.toml` amounts to, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "these are all the cases")]
pub enum OwnerState {
    /// There is none.
    Missing,
    /// It forbids nothing.
    Open,
    /// It narrows what is recorded.
    Narrows,
    /// It cannot be read or understood.
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
    /// What was chosen.
    pub consent: Consent,
    /// When, as a line holds a time.
    pub decided: Option<String>,
    /// By what.
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

/// How much is kept and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Bounds {
    /// `application` if it says so itself, or `default`, which it may have changed.
    pub known_from: &'static str,
    /// The bytes of all segments together.
    pub total_bytes_max: u64,
    /// The age beyond which segments are removed.
    pub age_seconds_max: u64,
    /// The bytes at which a segment is closed.
    pub segment_bytes_max: u64,
    /// The longest line.
    pub line_bytes_max: usize,
    /// The longest text.
    pub string_bytes_max: usize,
}

impl Bounds {
    pub(super) fn of(location: &Location) -> Self {
        let usual = Limits::default();
        let (known_from, limits) = match location.builder() {
            Some(builder) => ("application", builder.own_limits()),
            None => ("default", &usual),
        };
        Self {
            known_from,
            total_bytes_max: limits.total_bytes_max,
            age_seconds_max: limits.age_max.as_secs(),
            segment_bytes_max: limits.segment_bytes_max,
            line_bytes_max: limits.line_bytes_max,
            string_bytes_max: limits.string_bytes_max,
        }
    }
}

/// A release that is newer than what is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Update {
    /// Its version.
    pub version: String,
    /// When it was released, as the owner wrote it.
    pub released: Option<String>,
    /// What the owner wrote of it.
    pub notes: Option<String>,
    /// What is in use: the version of the application that asks, or that recorded last.
    pub current: String,
}

impl Update {
    /// Returns nothing if it is no newer, or if it is not known what is in use.
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
    /// Reads what holds here and what is there, and makes and changes nothing.
    pub fn status(&self) -> Status {
        self.status_of(Summary::read(&self.path()))
    }

    /// Returns the same, and another fold of the records, which are read once.
    pub fn status_with<F: Fold + Default + Send>(&self) -> (Status, F) {
        match Summary::read_with(&self.path()) {
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
            // That nothing was ever recorded is no problem.
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
            limits: Bounds::of(self),
            storage,
            storage_problem,
            update,
            update_problem,
        }
    }
}

impl Status {
    /// Returns how much of the grace remains, in its largest unit: `3d`.
    pub fn grace(&self) -> Option<String> {
        let seconds = self.grace_left_seconds?;
        Some(rough(Duration::from_secs(seconds)))
    }

    /// Returns the stored choice that decided; nothing if something else did.
    pub fn choice(&self) -> Option<&StoredChoice> {
        match self.decided_by {
            DecidedBy::Choice => self.stored.as_ref(),
            DecidedBy::ChoiceForAll => self.stored_for_all.as_ref(),
            DecidedBy::Build
            | DecidedBy::Executable(_)
            | DecidedBy::DoNotTrack(_)
            | DecidedBy::Flag
            | DecidedBy::Variable { .. }
            | DecidedBy::Nobody => None,
        }
    }
}

fn is_open_to_others(path: &Path) -> Option<bool> {
    let directory = Directory::open(path, Access::Read).ok()?;
    Some(directory.mode_for_others().ok()? != 0)
}
