//! Watching the decision: who is asked whether anything is recorded, at opening and then again and again,
//! so that a running process obeys what its owner decides. What the answers mean is `consent`'s business,
//! what follows for events that wait or come is `recorder`'s.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::clock;
use crate::consent::{
    Consent, Decision, Inputs, Installation, Scope, Stored, WhenUndecided, decide, installation,
    remember_first_use,
};
use crate::directory::Source;
use crate::environment::{Environment, Variable};
use crate::error::{Error, Result};
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
    /// What the environment says, asked once: it decides one run, and reading it again from another
    /// thread could meet a host that changes it.
    executables: Vec<String>,
    do_not_track: Option<String>,
    variable: Option<Variable>,
    flag: Consent,
    when_undecided: WhenUndecided,
    stored: Stored,
    stored_for_all: Stored,
    owner: OwnerFile,
    /// What the last look saw of the owner's policy, where that is not believed yet.
    glimpsed: Option<OwnerFile>,
    /// What the answers on policy are handed to.
    policy: Arc<Current>,
    /// The installation whose key pseudonyms are made with.
    keyed: Option<Uuid>,
    is_recording: bool,
    looked_at: Instant,
}

/// What stands in the directories at one moment: all that people change, read from a directory that is opened
/// once.
#[derive(Debug)]
struct Sight {
    /// The directory of the profile, if there is one that could be opened.
    directory: Option<Directory>,
    stored: Stored,
    stored_for_all: Stored,
    owner: OwnerFile,
}

impl Sight {
    /// Looks into the directory of a profile, and into that of the default one where it is another.
    fn of(path: &Path, base: &Path) -> Self {
        let opened = Directory::open(path, Access::Read);
        Self {
            owner: OwnerFile::read_in(&opened),
            stored: Stored::read_in(&opened, Scope::Profile),
            stored_for_all: if path == base {
                Stored::read_in(&opened, Scope::AllProfiles)
            } else {
                Stored::read_for_all_at(base)
            },
            directory: opened.ok(),
        }
    }
}

/// What holds now that a person has changed something, or a grace is over, while the process ran.
#[derive(Debug)]
pub(crate) enum Change {
    /// Nothing may be recorded any more.
    Disabled(Decision),
    /// Recording is allowed, as this installation.
    Enabled(Decision, Installation, Unlinked, Meanwhile),
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
        source: &Source,
        environment: &Environment,
        (flag, when_undecided): (Consent, WhenUndecided),
        policy: Policy,
    ) -> (Self, Option<Directory>) {
        let Sight {
            directory,
            stored,
            stored_for_all,
            owner,
        } = Sight::of(path, base);
        let secrets = Secrets::new(
            environment.home().as_deref().and_then(Path::to_str),
            environment.user().as_deref(),
        );
        let watch = Self {
            path: path.to_owned(),
            base: base.to_owned(),
            executables: environment.executables().to_vec(),
            do_not_track: environment.do_not_track(),
            variable: environment.telemetry(source),
            flag,
            when_undecided,
            stored,
            stored_for_all,
            policy: Arc::new(Current::new(policy, owner.policy().cloned(), secrets)),
            owner,
            glimpsed: None,
            keyed: None,
            is_recording: false,
            looked_at: Instant::now(),
        };
        (watch, directory)
    }

    /// Returns where the policy in force is found.
    pub(crate) fn policy(&self) -> &Arc<Current> {
        &self.policy
    }

    /// Decides at opening, and remembers the first use where a grace starts to run with it.
    ///
    /// # Errors
    ///
    /// An error says why the first use could not be remembered.
    pub(crate) fn open(&mut self, now: OffsetDateTime) -> Result<Decision> {
        let decision = self.decide(now);
        let decision = match self.when_undecided {
            WhenUndecided::RecordAfter(grace)
                if decision.state == Consent::Undecided
                    && self
                        .stored
                        .first_use()
                        .is_none_or(|first_use| !first_use.is_of(grace)) =>
            {
                let (stored, _) = in_directory(&self.path, |directory, deadline| {
                    remember_first_use(directory, grace, now, deadline)
                })?;
                self.stored = stored;
                self.decide(now)
            }
            WhenUndecided::Refuse | WhenUndecided::Record | WhenUndecided::RecordAfter(_) => {
                decision
            }
        };
        self.is_recording = decision.is_recording;
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
        if let (Some(directory), Some(known)) = (found, self.stored.installation().cloned())
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
        let seen = self.stored.consent();
        let (installation, directory) = in_directory(&self.path, |directory, deadline| {
            directory
                .check_is_writable()
                .map_err(Error::io("write to", &self.path))?;
            installation(directory, seen, deadline)
        })?;
        self.stored = Stored::read(&directory);
        Ok((installation, directory))
    }

    /// Has pseudonyms made with this installation's key from now on.
    fn set_key_of(&mut self, installation: &Installation) -> Unlinked {
        if self.keyed.replace(installation.id) == Some(installation.id) {
            return Unlinked::Nothing;
        }
        self.policy.set_key(installation.pseudonym_key())
    }

    /// Looks again, at most twice a second, and returns what changed.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Change> {
        if now.saturating_duration_since(self.looked_at) < PAUSE {
            return None;
        }
        self.looked_at = now;
        let was_recording = self.is_recording;
        let news = self.read_again();
        let is_same = news.consent == Meanwhile::Nothing && !news.is_policy_other;
        let decision = self.decide(clock::now());
        self.is_recording = decision.is_recording;
        if is_same && decision.is_recording == was_recording {
            return None;
        }
        if !decision.is_recording {
            return Some(Change::Disabled(decision));
        }
        let known = self.stored.installation().cloned();
        let make = || Ok(self.make_installation()?.0);
        let Ok(installation) = known.map_or_else(make, Ok::<_, Error>) else {
            // Where it cannot be made nothing can be recorded either; the next look tries again.
            self.is_recording = false;
            return Some(Change::Disabled(decision));
        };
        let unlinked = self.set_key_of(&installation);
        Some(Change::Enabled(
            decision,
            installation,
            unlinked,
            news.consent,
        ))
    }

    /// Reads what is stored, and tells whether it is something else. Deleting files is no decision: what
    /// was decided stands until somebody decides otherwise.
    fn read_again(&mut self) -> News {
        let mut news = News {
            consent: Meanwhile::Nothing,
            is_policy_other: false,
        };
        let sight = Sight::of(&self.path, &self.base);
        let (stored, stored_for_all) = (sight.stored, sight.stored_for_all);
        if stored != self.stored && stored != Stored::Missing {
            self.stored = stored;
            news.consent = Meanwhile::Decided;
        }
        if stored_for_all != self.stored_for_all && stored_for_all != Stored::Missing {
            self.stored_for_all = stored_for_all;
            news.consent = Meanwhile::Decided;
        }
        news.is_policy_other = self.take_owner(sight.owner);
        news
    }

    /// Puts the owner's policy in force if it is another, and tells whether it did. Editors write in
    /// pieces, and the first piece may be a policy that lets more pass than the whole: what is not surely
    /// stricter than before is believed when two looks agree on it.
    fn take_owner(&mut self, owner: OwnerFile) -> bool {
        // In a forked child another policy may be in force than this watch remembers.
        let is_in_force = owner
            .policy()
            .is_none_or(|policy| self.policy.is_owners(policy));
        if owner == OwnerFile::Missing || (owner == self.owner && is_in_force) {
            self.glimpsed = None;
            return false;
        }
        let is_surely_stricter = self.owner.says_nothing() || owner.problem().is_some();
        if !is_surely_stricter && self.glimpsed.as_ref() != Some(&owner) {
            self.glimpsed = Some(owner);
            return false;
        }
        if let Some(policy) = owner.policy() {
            self.policy.set_owner(policy.clone());
        }
        self.glimpsed = None;
        self.owner = owner;
        true
    }

    fn decide(&self, now: OffsetDateTime) -> Decision {
        let inputs = Inputs {
            executables: &self.executables,
            do_not_track: self.do_not_track.as_deref(),
            flag: self.flag,
            variable: self.variable.as_ref(),
            stored: &self.stored,
            stored_for_all: &self.stored_for_all,
            when_undecided: self.when_undecided,
            policy_problem: self.owner.problem(),
        };
        decide(&inputs, now)
    }
}

/// Does something in the directory at that path, which is made where it is missing, and returns it as well.
fn in_directory<T>(
    path: &Path,
    work: impl Fn(&Directory, Instant) -> Result<T>,
) -> Result<(T, Directory)> {
    let deadline = Instant::now() + CONSENT_WAIT;
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
