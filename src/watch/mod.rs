//! Watches the decision: reads at opening and then repeatedly whether anything is recorded, so that
//! a running process applies its owner's decisions. `consent` makes the decision; `recorder`
//! handles the consequences for events.

mod snapshot;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use uuid::Uuid;

use self::snapshot::{OwnerSnapshot, Polled};
use crate::clock;
use crate::consent::{
    ApplicationProfile, Consent, Decision, Inputs, Installation, KnownLocation, StoredConsent,
    WhenUndecided, decide, installation, remember_first_use,
};
use crate::environment::{Environment, Variable};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::owner::OwnerFile;
use crate::policy::{Current, Policy, Secrets, Unlinked};
use crate::store::disk::{Access, Directory};
use crate::store::limits::Limits;
use crate::store::open_error;

/// Whether a process that does not record polls for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Watching {
    /// Only a process that has recorded polls. One that started without consent starts no thread,
    /// and records from its next start.
    #[default]
    WhileRecording,
    /// A background thread polls from the start, also without consent: for long-running programs.
    Always,
}

/// The inputs of the decision that do not change while a process runs, and the last answer.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// The directory of the profile.
    path: PathBuf,
    /// The directory of the default profile, which contains the choice for all profiles.
    base: PathBuf,
    /// The application and profile.
    location: ApplicationProfile,
    /// The owner of the directory, if that is now another application or profile.
    foreign: Option<String>,
    /// The values of the environment, read once: they decide one run, and reading them again from
    /// another thread could coincide with a change by the host.
    executables: Vec<String>,
    do_not_track: Option<String>,
    variable: Option<Variable>,
    flag: Consent,
    when_undecided: WhenUndecided,
    stored: Polled<StoredConsent>,
    stored_for_all: Polled<StoredConsent>,
    owner: Polled<OwnerFile>,
    /// The owner's policy at the last poll, if it is not in force yet.
    polled_owner: Option<OwnerFile>,
    /// Receives the policy in force.
    policy: Arc<Current>,
    /// The installation whose key is used for hashes.
    keyed: Option<Uuid>,
    state: WatchState,
    polled_at: Instant,
    /// Fails the reading of files, for tests.
    #[cfg(test)]
    pub(crate) faults: crate::store::faults::Faults,
}

/// The result of the last poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WatchState {
    /// Events are recorded.
    Recording,
    /// Events are not recorded.
    Off,
    /// They would be recorded by the last successful read, which was too long ago.
    Unknown,
}

/// The new state after a person changed something, or a grace ended, while the process ran.
#[derive(Debug)]
pub(crate) enum WatchChange {
    /// Nothing may be recorded any more.
    Disabled(Decision),
    /// Whether anything may be recorded is no longer known. Events accepted before wait until it
    /// is.
    Unknown(Decision, Meanwhile),
    /// Recording is allowed, with this installation.
    Enabled(Decision, Unlinked, Installation, Meanwhile),
}

/// Whether a decision on consent was made since the last poll. Then consent may have been withdrawn
/// for a while between two polls, which are rare in a process that records no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// A decision was made.
    Decided,
    /// No decision was made.
    Nothing,
}

/// The files of people that differ from the last poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OwnerChanges {
    consent: Meanwhile,
    is_policy_other: bool,
}

impl Watch {
    /// Returns the watch of a profile's telemetry, and its directory, if it exists.
    pub(crate) fn new(
        (path, base): (&Path, &Path),
        location: &ApplicationProfile,
        environment: &Environment,
        (flag, when_undecided): (Consent, WhenUndecided),
        policy: Policy,
    ) -> (Self, Option<Directory>) {
        let OwnerSnapshot {
            directory,
            stored,
            stored_for_all,
            owner,
        } = OwnerSnapshot::of(path, base);
        let watch = Self {
            path: path.to_owned(),
            base: base.to_owned(),
            location: location.clone(),
            foreign: None,
            executables: environment.executables().to_vec(),
            do_not_track: environment.do_not_track(),
            variable: environment.telemetry(&location.source),
            flag,
            when_undecided,
            stored: Polled::new(stored),
            stored_for_all: Polled::new(stored_for_all),
            policy: Arc::new(Current::new(
                policy,
                owner.owner().cloned(),
                secrets_of(environment),
            )),
            owner: Polled::new(owner),
            polled_owner: None,
            keyed: None,
            state: WatchState::Off,
            polled_at: Instant::now(),
            #[cfg(test)]
            faults: crate::store::faults::Faults::default(),
        };
        (watch, directory)
    }

    /// Returns the cell with the policy in force.
    pub(crate) fn policy(&self) -> &Arc<Current> {
        &self.policy
    }

    /// Returns the limits in force, given the application's; nothing if they are not known. Until
    /// two polls agree on the owner's limits, nothing is removed that the last poll would keep: a
    /// process that recorded nothing for long would apply old limits with its next record.
    pub(crate) fn limits(&self, application: &Limits) -> Option<Limits> {
        let in_force = self.policy.storage()?.in_force(application);
        let polled = self.polled_owner.as_ref().and_then(OwnerFile::owner);
        Some(match polled {
            Some(polled) => in_force.milder(&polled.storage.in_force(application)),
            None => in_force,
        })
    }

    /// Checks the owner of the directory, given the opened directory, and the owner of that of the
    /// default profile.
    ///
    /// # Errors
    ///
    /// Returns an error that names the other application or profile if one of them belongs to it.
    pub(crate) fn admit(&self, found: Option<&Directory>) -> Result<()> {
        let claim = self.stored.read.claim();
        if !claim.is_of(&self.location) {
            let claim = found.map_or_else(|| KnownLocation::at(&self.path), KnownLocation::of);
            claim.check(&self.path, &self.location)?;
        }
        let for_all = self.stored_for_all.read.claim();
        for_all.check(&self.base, &self.location.of_base())?;
        if self.path != self.base {
            KnownLocation::at(&self.base).check(&self.base, &self.location.of_base())?;
        }
        Ok(())
    }

    /// Decides at opening, and stores the first use if a grace starts with it.
    ///
    /// # Errors
    ///
    /// Returns an error if the first use could not be stored.
    pub(crate) fn open(&mut self, now: OffsetDateTime) -> Result<Decision> {
        let mut decision = self.decide(now);
        let first_use = self.stored.read.first_use();
        if let WhenUndecided::RecordAfter(grace) = self.when_undecided
            && decision.state == Consent::Undecided
            && first_use.is_none_or(|first_use| !first_use.is_of(grace))
        {
            let (stored, _) = in_directory(&self.path, |directory, deadline| {
                remember_first_use(directory, &self.location, grace, now, deadline)
            })?;
            self.stored = Polled::new(stored);
            decision = self.decide(now);
        }
        self.state = if decision.is_recording {
            WatchState::Recording
        } else {
            WatchState::Off
        };
        Ok(decision)
    }

    /// Returns the installation at opening, given the directory that was just read, and the
    /// directory to record in. Usually both exist, and it only checks that the directory can be
    /// written.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be used.
    pub(crate) fn installation_in(
        &mut self,
        found: Option<Directory>,
    ) -> Result<(Installation, Directory)> {
        if let (Some(directory), Some(known)) = (found, self.stored.read.installation().cloned())
            && self.stored.read.claim().is_of(&self.location)
            && directory.take_to_write().is_ok()
            && directory.check_is_writable().is_ok()
        {
            self.set_key_of(&known);
            return Ok((known, directory));
        }
        let (installation, directory) = self.make_installation()?;
        self.set_key_of(&installation);
        Ok((installation, directory))
    }

    /// Creates the directory if it is missing, and returns the installation in it. A directory that
    /// cannot be written is an error now rather than a loss later.
    fn make_installation(&mut self) -> Result<(Installation, Directory)> {
        let seen = self.stored.read.consent();
        let (installation, directory) = in_directory(&self.path, |directory, deadline| {
            directory
                .check_is_writable()
                .map_err(Error::io("write to", &self.path))?;
            installation(directory, &self.location, seen, deadline)
        })?;
        let stored = StoredConsent::read(&directory);
        if stored.unreadable().is_none() {
            self.stored = Polled::new(stored);
        }
        Ok((installation, directory))
    }

    /// Uses this installation's key for hashes from now on.
    fn set_key_of(&mut self, installation: &Installation) -> Unlinked {
        if self.keyed.replace(installation.id) == Some(installation.id) {
            return Unlinked::Nothing;
        }
        self.policy.set_key(installation.hash_key())
    }

    /// Polls again, at most twice a second, and returns the changes.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<WatchChange> {
        if now.saturating_duration_since(self.polled_at) < PAUSE {
            return None;
        }
        self.polled_at = now;
        let before = self.state;
        let changes = self.read_again();
        let is_same = changes.consent == Meanwhile::Nothing && !changes.is_policy_other;
        let now = clock::now();
        let decision = self.decide(now);
        self.state = if decision.is_recording {
            WatchState::Recording
        } else if self.decide_by_last_read(now).is_recording {
            WatchState::Unknown
        } else {
            WatchState::Off
        };
        if is_same && self.state == before {
            return None;
        }
        match self.state {
            WatchState::Recording => {}
            WatchState::Off => return Some(WatchChange::Disabled(decision)),
            WatchState::Unknown => return Some(WatchChange::Unknown(decision, changes.consent)),
        }
        let installation = match self.stored.read.installation().cloned() {
            Some(installation) => Ok(installation),
            None => self
                .make_installation()
                .map(|(installation, _)| installation),
        };
        match installation {
            Ok(installation) => Some(WatchChange::Enabled(
                decision,
                self.set_key_of(&installation),
                installation,
                changes.consent,
            )),
            Err(error) => Some(self.without_installation(decision, &error, changes.consent)),
        }
    }

    /// Returns the consequence if recording is allowed but no installation can be created.
    fn without_installation(
        &mut self,
        decision: Decision,
        error: &Error,
        meanwhile: Meanwhile,
    ) -> WatchChange {
        let decision = Decision {
            is_recording: false,
            obstacle: Some(format!(
                "no installation id can be created: {}",
                error.chain()
            )),
            ..decision
        };
        if matches!(
            error.kind(),
            ErrorKind::Off { .. } | ErrorKind::Foreign { .. }
        ) {
            // The next poll reads the decision to disable.
            self.state = WatchState::Off;
            WatchChange::Disabled(decision)
        } else {
            // If it cannot be created, nothing can be recorded either; the next poll tries again.
            self.state = WatchState::Unknown;
            WatchChange::Unknown(decision, meanwhile)
        }
    }

    /// Returns the reason why the last poll could not read the owner's decision, if it could not.
    pub(crate) fn unreadable(&self) -> Option<&str> {
        let stored = [&self.stored, &self.stored_for_all];
        let mut stored = stored
            .into_iter()
            .filter_map(|seen| seen.unread()?.unreadable());
        stored.next().or_else(|| self.owner.unread()?.unreadable())
    }

    /// Reads the stored choice, and returns whether it changed. Deleting files is not a decision:
    /// the last one applies until there is another.
    fn read_again(&mut self) -> OwnerChanges {
        let mut changes = OwnerChanges {
            consent: Meanwhile::Nothing,
            is_policy_other: false,
        };
        #[cfg(not(test))]
        let snapshot = OwnerSnapshot::of(&self.path, &self.base);
        #[cfg(test)]
        let snapshot = OwnerSnapshot::under(&self.faults, (&self.path, &self.base));
        self.note_location(&snapshot);
        for (seen, found) in [
            (&mut self.stored, snapshot.stored),
            (&mut self.stored_for_all, snapshot.stored_for_all),
        ] {
            if take_stored(seen, found) == Meanwhile::Decided {
                changes.consent = Meanwhile::Decided;
            }
        }
        if snapshot.owner.unreadable().is_some() {
            self.owner.fail(snapshot.owner);
        } else {
            self.owner.succeed();
            changes.is_policy_other = self.take_owner(snapshot.owner);
        }
        changes
    }

    /// Notes whether the directory of another application or profile has replaced this one.
    fn note_location(&mut self, snapshot: &OwnerSnapshot) {
        let files = [&snapshot.stored, &snapshot.stored_for_all];
        if files.iter().any(|file| file.unreadable().is_some()) {
            return;
        }
        let own = snapshot.stored.claim().check(&self.path, &self.location);
        let refused = own.and_then(|()| {
            let base = snapshot.stored_for_all.claim();
            base.check(&self.base, &self.location.of_base())
        });
        self.foreign = refused.err().map(|error| error.to_string());
    }

    /// Puts the owner's policy in force if it has changed, and returns whether it did. Editors
    /// write in pieces, and the first piece may be a policy that admits more than the whole: a
    /// policy that is not surely stricter takes effect only after two polls that agree on it.
    ///
    /// Deleting the file is not a decision, so the last valid contents stay in force. A file that
    /// was invalid or could not be read has no effect once it is deleted, and the process continues
    /// with the policy from before.
    fn take_owner(&mut self, owner: OwnerFile) -> bool {
        // In a forked child another policy may be in force than the one in this watch.
        let is_in_force = owner
            .owner()
            .is_none_or(|owner| self.policy.is_owners(owner));
        let was_bad = self.owner.read.problem().is_some();
        let is_no_decision = owner == OwnerFile::Missing && !was_bad;
        if is_no_decision || (owner == self.owner.read && is_in_force) {
            self.polled_owner = None;
            return false;
        }
        // Other limits may remove records, which no later piece brings back.
        let is_same_storage = owner.storage() == self.owner.read.storage();
        let is_surely_stricter =
            (self.owner.read.is_empty_file() && is_same_storage) || owner.problem().is_some();
        if !is_surely_stricter && self.polled_owner.as_ref() != Some(&owner) {
            self.polled_owner = Some(owner);
            return false;
        }
        if let Some(owner) = owner.owner() {
            self.policy.set_owner(owner);
        }
        self.polled_owner = None;
        self.owner = Polled::new(owner);
        true
    }

    /// Reads the owner's files, and decides as the next start of this program would. It changes
    /// nothing.
    pub(crate) fn decide_for_next_start(&self, now: OffsetDateTime) -> Decision {
        let OwnerSnapshot {
            directory: _,
            stored,
            stored_for_all,
            owner,
        } = OwnerSnapshot::of(&self.path, &self.base);
        self.decide_by((&stored, &stored_for_all), &owner, now)
    }

    /// Decides by the state that applies.
    fn decide(&self, now: OffsetDateTime) -> Decision {
        self.decide_by(
            (self.stored.effective(), self.stored_for_all.effective()),
            self.owner.effective(),
            now,
        )
    }

    /// Decides by the last successful read, whatever its age.
    fn decide_by_last_read(&self, now: OffsetDateTime) -> Decision {
        let stored = (&self.stored.read, &self.stored_for_all.read);
        self.decide_by(stored, &self.owner.read, now)
    }

    fn decide_by(
        &self,
        (stored, stored_for_all): (&StoredConsent, &StoredConsent),
        owner: &OwnerFile,
        now: OffsetDateTime,
    ) -> Decision {
        let inputs = Inputs {
            executables: &self.executables,
            do_not_track: self.do_not_track.as_deref(),
            flag: self.flag,
            variable: self.variable.as_ref(),
            stored,
            stored_for_all,
            when_undecided: self.when_undecided,
            policy_problem: owner.problem(),
            directory_problem: self.foreign.as_deref(),
        };
        decide(&inputs, now)
    }
}

/// Adopts a stored choice from a poll, and returns whether a decision was made. A missing file is
/// not a decision, unless it could not even be read before.
fn take_stored(seen: &mut Polled<StoredConsent>, found: StoredConsent) -> Meanwhile {
    if found.unreadable().is_some() {
        seen.fail(found);
        return Meanwhile::Nothing;
    }
    seen.succeed();
    let is_no_decision = found == StoredConsent::Missing && seen.read.unreadable().is_none();
    if is_no_decision || found == seen.read {
        return Meanwhile::Nothing;
    }
    seen.read = found;
    Meanwhile::Decided
}

/// Runs a function on the directory at that path, which is created if missing, and returns the
/// directory, too.
fn in_directory<T>(
    path: &Path,
    work: impl Fn(&Directory, Instant) -> Result<T>,
) -> Result<(T, Directory)> {
    let deadline = clock::deadline(CONSENT_WAIT);
    let mut tries = 1;
    loop {
        let directory =
            Directory::open(path, Access::Write).map_err(|error| open_error(path, error))?;
        match work(&directory, deadline) {
            // Another process removed the directory: the next try creates it again.
            Err(_) if tries < OPEN_TRIES && !directory.is_current() => {
                tries += 1;
                std::thread::sleep(OPEN_PAUSE);
            }
            result => return Ok((result?, directory)),
        }
    }
}

/// Returns the rules that find secrets, with the home and the name of the user of this process.
pub(crate) fn secrets_of(environment: &Environment) -> Secrets {
    Secrets::new(
        environment.home().as_deref().and_then(Path::to_str),
        environment.user().as_deref(),
    )
}

/// The interval of polls: short enough that a change is applied within a second, and long enough (a
/// few system calls for two small files) to cost nothing.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// Number of times that the directory may be removed while it is being opened before that is an
/// error, and the pause for a removal to finish.
const OPEN_TRIES: usize = 10;
const OPEN_PAUSE: Duration = Duration::from_millis(1);

/// The time that opening waits for the directory's lock if the installation id must be created, or
/// the first use stored.
const CONSENT_WAIT: Duration = Duration::from_secs(1);
