//! Watching the decision: who is asked whether anything is recorded, at opening and then again and again,
//! so that a running process obeys what its owner decides. What the answers mean is `consent`'s business,
//! what follows for events that wait or come is `recorder`'s.

mod snapshot;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the disk from outside"
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
use crate::store::open_error;

/// Whether a process that does not record notices when it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Watching {
    /// Only a process that has recorded watches on. One that started without consent starts no thread,
    /// and records from its next start.
    #[default]
    WhileRecording,
    /// A quiet thread watches from the start, also without consent: for programs that run for long.
    Always,
}

/// The question whether anything is recorded, with all that stays the same while a process runs, and the
/// last answer.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// The directory of the profile.
    path: PathBuf,
    /// The directory of the default profile, where the choice for all of them lies.
    base: PathBuf,
    /// Whose telemetry it is.
    location: ApplicationProfile,
    /// To whom the directory belongs, where that has become another application or profile.
    foreign: Option<String>,
    /// What the environment says, asked once: it decides one run, and reading it again from another
    /// thread could meet a host that changes it.
    executables: Vec<String>,
    do_not_track: Option<String>,
    variable: Option<Variable>,
    flag: Consent,
    when_undecided: WhenUndecided,
    stored: Polled<StoredConsent>,
    stored_for_all: Polled<StoredConsent>,
    owner: Polled<OwnerFile>,
    /// What the last look saw of the owner's policy, where that is not believed yet.
    polled_owner: Option<OwnerFile>,
    /// What the answers on policy are handed to.
    policy: Arc<Current>,
    /// The installation whose key hashes are made with.
    keyed: Option<Uuid>,
    standing: WatchState,
    looked_at: Instant,
    /// Fails the reading of files, for tests.
    #[cfg(test)]
    pub(crate) faults: crate::store::faults::Faults,
}

/// What follows from the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WatchState {
    /// Events are recorded.
    Recording,
    /// They are not.
    Off,
    /// They would be by what was read last, which was too long ago.
    Unknown,
}

/// What holds now that a person has changed something, or a grace is over, while the process ran.
#[derive(Debug)]
pub(crate) enum WatchChange {
    /// Nothing may be recorded any more.
    Disabled(Decision),
    /// Whether anything may be recorded is not known any more. What was let in before waits until it is.
    Unknown(Decision, Meanwhile),
    /// Recording is allowed, as this installation.
    Enabled(Decision, Unlinked, Installation, Meanwhile),
}

/// Whether somebody decided on consent since the last look. Then it may have been withdrawn for a while
/// between two looks, which a process that records no events takes seldom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// Somebody did.
    Decided,
    /// Nobody did.
    Nothing,
}

/// What of that which people change is other than at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct News {
    consent: Meanwhile,
    is_policy_other: bool,
}

impl Watch {
    /// Returns the question for the telemetry of a profile, and the directory as it was found, if it is there.
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
                owner.policy().cloned(),
                secrets_of(environment),
            )),
            owner: Polled::new(owner),
            polled_owner: None,
            keyed: None,
            standing: WatchState::Off,
            looked_at: Instant::now(),
            #[cfg(test)]
            faults: crate::store::faults::Faults::default(),
        };
        (watch, directory)
    }

    /// Returns where the policy in force is found.
    pub(crate) fn policy(&self) -> &Arc<Current> {
        &self.policy
    }

    /// Checks whose the directory is, given the directory as it was found, and whose that of the default profile is.
    ///
    /// # Errors
    ///
    /// An error says to which other application or profile one of them belongs.
    pub(crate) fn admit(&self, found: Option<&Directory>) -> Result<()> {
        let said = self.stored.read.claim();
        if !said.is_of(&self.location) {
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

    /// Decides at opening, and remembers the first use where a grace starts to run with it.
    ///
    /// # Errors
    ///
    /// An error says why the first use could not be remembered.
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
        self.standing = if decision.is_recording {
            WatchState::Recording
        } else {
            WatchState::Off
        };
        Ok(decision)
    }

    /// Returns the installation at opening, given the directory in which it was just looked for, and the
    /// directory in which it is to be recorded. Usually both are there, and all that is left to learn is whether
    /// the directory can be written.
    ///
    /// # Errors
    ///
    /// An error says why the directory cannot be used.
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

    /// Makes the directory where it is missing, and returns the installation in it. A directory in which
    /// nothing can be written is an error now rather than a loss later.
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

    /// Has hashes made with this installation's key from now on.
    fn set_key_of(&mut self, installation: &Installation) -> Unlinked {
        if self.keyed.replace(installation.id) == Some(installation.id) {
            return Unlinked::Nothing;
        }
        self.policy.set_key(installation.hash_key())
    }

    /// Looks again, at most twice a second, and returns what changed.
    pub(crate) fn look(&mut self, now: Instant) -> Option<WatchChange> {
        if now.saturating_duration_since(self.looked_at) < PAUSE {
            return None;
        }
        self.looked_at = now;
        let before = self.standing;
        let news = self.read_again();
        let is_same = news.consent == Meanwhile::Nothing && !news.is_policy_other;
        let now = clock::now();
        let decision = self.decide(now);
        self.standing = if decision.is_recording {
            WatchState::Recording
        } else if self.decide_by_last_read(now).is_recording {
            WatchState::Unknown
        } else {
            WatchState::Off
        };
        if is_same && self.standing == before {
            return None;
        }
        match self.standing {
            WatchState::Recording => {}
            WatchState::Off => return Some(WatchChange::Disabled(decision)),
            WatchState::Unknown => return Some(WatchChange::Unknown(decision, news.consent)),
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
                news.consent,
            )),
            Err(error) => Some(self.without_installation(decision, &error, news.consent)),
        }
    }

    /// Returns what follows where recording is allowed but there can be no installation to record as.
    fn without_installation(
        &mut self,
        decision: Decision,
        error: &Error,
        meanwhile: Meanwhile,
    ) -> WatchChange {
        let decision = Decision {
            is_recording: false,
            obstacle: Some(format!("no installation id can be made: {}", error.chain())),
            ..decision
        };
        if matches!(
            error.kind(),
            ErrorKind::Off { .. } | ErrorKind::Foreign { .. }
        ) {
            // Whoever disabled it is heard at the next look.
            self.standing = WatchState::Off;
            WatchChange::Disabled(decision)
        } else {
            // Where it cannot be made nothing can be recorded either; the next look tries again.
            self.standing = WatchState::Unknown;
            WatchChange::Unknown(decision, meanwhile)
        }
    }

    /// Returns why the last look could not read what the owner decided, if it could not.
    pub(crate) fn unreadable(&self) -> Option<&str> {
        let stored = [&self.stored, &self.stored_for_all];
        let mut stored = stored
            .into_iter()
            .filter_map(|seen| seen.unread()?.unreadable());
        stored.next().or_else(|| self.owner.unread()?.unreadable())
    }

    /// Reads what is stored, and tells whether it is something else. Deleting files is no decision: what
    /// was decided stands until somebody decides otherwise.
    fn read_again(&mut self) -> News {
        let mut news = News {
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
                news.consent = Meanwhile::Decided;
            }
        }
        if snapshot.owner.unreadable().is_some() {
            self.owner.fail(snapshot.owner);
        } else {
            self.owner.succeed();
            news.is_policy_other = self.take_owner(snapshot.owner);
        }
        news
    }

    /// Notes whether somebody put the directory of another application or profile in the place of this one.
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

    /// Puts the owner's policy in force if it is another, and tells whether it did. Editors write in
    /// pieces, and the first piece may be a policy that lets more pass than the whole: what is not surely
    /// stricter than before is believed when two looks agree on it.
    ///
    /// Deleting the file is no decision, so what was understood of it last stays in force. A file that could not
    /// be understood or read is gone when it is deleted, and the process goes on with what was in force before.
    fn take_owner(&mut self, owner: OwnerFile) -> bool {
        // In a forked child another policy may be in force than this watch remembers.
        let is_in_force = owner
            .policy()
            .is_none_or(|policy| self.policy.is_owners(policy));
        let was_bad = self.owner.read.problem().is_some();
        let is_no_decision = owner == OwnerFile::Missing && !was_bad;
        if is_no_decision || (owner == self.owner.read && is_in_force) {
            self.polled_owner = None;
            return false;
        }
        let is_surely_stricter = self.owner.read.says_nothing() || owner.problem().is_some();
        if !is_surely_stricter && self.polled_owner.as_ref() != Some(&owner) {
            self.polled_owner = Some(owner);
            return false;
        }
        if let Some(policy) = owner.policy() {
            self.policy.set_owner(policy.clone());
        }
        self.polled_owner = None;
        self.owner = Polled::new(owner);
        true
    }

    /// Decides by what holds.
    fn decide(&self, now: OffsetDateTime) -> Decision {
        self.decide_by(
            (self.stored.holds(), self.stored_for_all.holds()),
            self.owner.holds(),
            now,
        )
    }

    /// Decides by what was read last, however long ago that was.
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

/// Takes over what a look found of a stored choice, and returns whether somebody decided. That a file is gone
/// is no decision, unless it could not even be read before.
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

/// Does something in the directory at that path, which is made where it is missing, and returns it as well.
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
            // Somebody removed the directory under our hands: the next try makes it anew.
            Err(_) if tries < OPEN_TRIES && !directory.is_current() => {
                tries += 1;
                std::thread::sleep(OPEN_PAUSE);
            }
            result => return Ok((result?, directory)),
        }
    }
}

/// Returns the rules that find secrets, with the home and the name of the user who runs this.
pub(crate) fn secrets_of(environment: &Environment) -> Secrets {
    Secrets::new(
        environment.home().as_deref().and_then(Path::to_str),
        environment.user().as_deref(),
    )
}

/// How often the stored choice is read: often enough that a change is obeyed within a second, and seldom
/// enough (a few system calls for two small files) to cost nothing.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// How often the directory may be removed while it is being opened before that is an error, and how long
/// a removal under way is given to be over.
const OPEN_TRIES: usize = 10;
const OPEN_PAUSE: Duration = Duration::from_millis(1);

/// How long opening waits for the directory's lock where the installation id must still be made, or the
/// first use be remembered.
const CONSENT_WAIT: Duration = Duration::from_secs(1);
