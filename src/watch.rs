//! Watching the decision: who is asked whether anything is recorded, at opening and then again and again,
//! so that a running process obeys what its owner decides. What the answers mean is `consent`'s business,
//! what follows for events that wait or come is `recorder`'s.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::consent::{
    Consent, Decision, Inputs, Installation, Stored, WhenUndecided, decide, installation,
};
use crate::directory::Source;
use crate::environment::Environment;
use crate::error::Result;
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
    path: PathBuf,
    source: Source,
    environment: Environment,
    flag: Consent,
    when_undecided: WhenUndecided,
    stored: Stored,
    asked_at: Option<Instant>,
}

/// What holds now that a person has changed something while the process ran.
#[derive(Debug)]
pub(crate) enum Change {
    /// Nothing may be recorded any more.
    Disabled(Decision),
    /// Recording is allowed, as this installation.
    Enabled(Decision, Installation),
}

impl Watch {
    /// Returns the question for the telemetry in that directory.
    pub(crate) fn new(
        path: &Path,
        source: Source,
        environment: Environment,
        (flag, when_undecided): (Consent, WhenUndecided),
    ) -> Self {
        let stored = Stored::read_at(path);
        let path = path.to_owned();
        Self {
            path,
            source,
            environment,
            flag,
            when_undecided,
            stored,
            asked_at: Some(Instant::now()),
        }
    }

    /// Returns what is stored.
    pub(crate) fn stored(&self) -> &Stored {
        &self.stored
    }

    /// Decides by what was stored when it was last looked at.
    pub(crate) fn decide(&self) -> Decision {
        decide(&Inputs {
            executables: self.environment.executables(),
            do_not_track: self.environment.do_not_track().as_deref(),
            flag: self.flag,
            variable: self.environment.telemetry(&self.source).as_ref(),
            stored: &self.stored,
            stored_for_all: &Stored::Missing,
            when_undecided: self.when_undecided,
        })
    }

    /// Makes the directory where it is missing, and returns the installation in it.
    ///
    /// # Errors
    ///
    /// An error says why the directory cannot be used.
    pub(crate) fn installation(&mut self, deadline: Instant) -> Result<Installation> {
        let installation = installation_at(&self.path, deadline)?;
        self.stored = Stored::read_at(&self.path);
        Ok(installation)
    }

    /// Looks again, at most twice a second, and returns what changed.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Change> {
        if self
            .asked_at
            .is_some_and(|asked_at| now.saturating_duration_since(asked_at) < PAUSE)
        {
            return None;
        }
        self.asked_at = Some(now);
        let stored = Stored::read_at(&self.path);
        // Deleting files is no decision: what was decided stands until somebody decides otherwise.
        if stored == self.stored || stored == Stored::Missing {
            return None;
        }
        self.stored = stored;
        let decision = self.decide();
        if !decision.is_recording {
            return Some(Change::Disabled(decision));
        }
        let known = self.stored.installation().cloned();
        let installation = known.map_or_else(|| self.installation(now + INSTALLATION_WAIT), Ok);
        // Where the installation cannot be made nothing can be recorded either; the next look tries again.
        if let Ok(installation) = installation {
            return Some(Change::Enabled(decision, installation));
        }
        self.stored = Stored::Missing;
        Some(Change::Disabled(decision))
    }
}

fn installation_at(path: &Path, deadline: Instant) -> Result<Installation> {
    let mut tries = 1;
    loop {
        let directory =
            Directory::open(path, Access::Write).map_err(|error| open_error(path, error))?;
        match installation(&directory, deadline) {
            // Somebody removed the directory under our hands: the next try makes it anew.
            Err(_) if tries < OPEN_TRIES && !directory.is_current() => {
                tries += 1;
                std::thread::sleep(OPEN_PAUSE);
            }
            result => return result,
        }
    }
}

/// How often the stored choice is read: often enough that a change is obeyed within a second, and seldom
/// enough (three system calls for a small file) to cost nothing.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// How often the directory may be removed while it is being opened before that is an error, and how long
/// a removal under way is given to be over.
const OPEN_TRIES: usize = 10;
const OPEN_PAUSE: Duration = Duration::from_millis(1);

/// How long opening waits for the directory's lock where the installation id must still be made.
pub(crate) const INSTALLATION_WAIT: Duration = Duration::from_secs(1);
