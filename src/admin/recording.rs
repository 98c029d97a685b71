//! The one answer to the question whether anything is recorded at a location, and why. It is a function of what
//! [`decide`] is given, of who asks, and of `now`; the values are read here, as the library itself would read them at
//! opening, and nothing is made or changed.

use std::path::Path;

use time::OffsetDateTime;

use super::{Location, Recording, RecordingAnswer, other_owner_of};
use crate::clock;
use crate::consent::stored::Choice;
use crate::consent::{Consent, Decision, Inputs, Scope, StoredConsent, WhenUndecided, decide};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::owner::OwnerFile;
use crate::store::disk::Directory;
use crate::store::document::read_to_change;
use crate::store::lock::LockFile;
use crate::store::open_error;

/// Who records, and what that one's own say is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The application, which says so itself.
    Itself,
    /// The application, of which another program asks: what it does while consent is undecided is not known, unless it
    /// waits for a grace, which is then stored.
    FromOutside,
    /// This program, which records for the application, and nothing while consent is undecided.
    Commands,
}

/// What is stored at a location, read once.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) consent: StoredConsent,
    pub(crate) consent_for_all: StoredConsent,
    pub(crate) owner: OwnerFile,
    /// Whether this user could record in the directory, or why not.
    pub(crate) directory: Result<()>,
}

impl Stored {
    pub(crate) fn at(location: &Location) -> Self {
        let path = location.path();
        Self {
            consent: StoredConsent::read_at(&path),
            consent_for_all: StoredConsent::read_for_all_at(location.base()),
            owner: OwnerFile::read_at(&path),
            directory: check_to_record(&path),
        }
    }

    /// Returns why nothing can be recorded in the directory, if so. The application may run as another user, to whom it
    /// belongs.
    fn directory_problem(&self, asked: Asked) -> Option<String> {
        let error = self.directory.as_ref().err()?;
        let is_of_other_user = matches!(error.kind(), ErrorKind::OtherUser { .. });
        (asked != Asked::FromOutside || !is_of_other_user).then(|| error.chain())
    }

    /// Returns why this user cannot see what is stored, if it is another user's.
    fn hidden(&self, path: &Path) -> Option<String> {
        let error = self.directory.as_ref().err()?;
        let owner = other_owner_of(path).filter(|_| error.is_permission_denied())?;
        Some(format!(
            "{} belongs to another user (uid {owner}), and this one may not look into it",
            path.display()
        ))
    }
}

/// Checks that something could be recorded in a directory under its lock, and an installation id stored, or that it could
/// be made.
fn check_to_record(path: &Path) -> Result<()> {
    let looked = Directory::look_to_write(path).map_err(|error| open_error(path, error))?;
    let Some(directory) = looked else {
        return Ok(());
    };
    directory
        .check_is_writable()
        .map_err(Error::io("write to", path))?;
    LockFile::check(&directory)?;
    read_to_change::<Choice>(&directory, Scope::Profile.file()).map(|_| ())
}

/// Decides for the program that records, and returns what follows.
pub(super) fn answer(
    inputs: &Inputs<'_>,
    asked: Asked,
    now: OffsetDateTime,
) -> (Decision, RecordingAnswer) {
    let decision = decide(inputs, now);
    if asked == Asked::Itself
        || decision.state != Consent::Undecided
        || inputs.stored.first_use().is_some()
    {
        let answer = decision.answer();
        return (decision, answer);
    }
    // What stands in the way of recording does so whatever is decided.
    let if_it_records = decide(
        &Inputs {
            when_undecided: WhenUndecided::Record,
            ..inputs.clone()
        },
        now,
    );
    let answer = match (if_it_records.is_recording, asked) {
        (false, _) => if_it_records.answer(),
        (true, Asked::FromOutside) => RecordingAnswer {
            recording: Recording::Unknown,
            because: UP_TO_APPLICATION.to_owned(),
        },
        (true, Asked::Itself | Asked::Commands) => decision.answer(),
    };
    (decision, answer)
}

impl Location {
    /// Returns whether events are recorded here, and why, as the application would find when it opens its telemetry. Seen
    /// from outside, its flag and what it does while consent is undecided are not known.
    pub fn recording(&self) -> RecordingAnswer {
        self.decide(&Stored::at(self), clock::now()).1
    }

    /// Returns the same for the commands `record` and `run`, which record as this program: its executable's name counts,
    /// and where consent is undecided they record nothing, unless the application's grace is over.
    pub fn recording_by_commands(&self) -> RecordingAnswer {
        self.decide_by_commands(&Stored::at(self), clock::now())
    }

    /// Returns what holds for the commands `record` and `run`.
    pub(super) fn decide_by_commands(
        &self,
        stored: &Stored,
        now: OffsetDateTime,
    ) -> RecordingAnswer {
        let executables = self.environment().executables();
        self.decide_for(stored, executables, Asked::Commands, now).1
    }

    /// Checks that records could be written here, whatever is decided.
    ///
    /// # Errors
    ///
    /// Returns an error that says why the directory cannot be used or made.
    pub fn check_recordable(&self) -> Result<()> {
        check_to_record(&self.path())
    }

    /// Returns what holds for the application, and what it means.
    pub(super) fn decide(
        &self,
        stored: &Stored,
        now: OffsetDateTime,
    ) -> (Decision, RecordingAnswer) {
        if self.builder().is_some() {
            let executables = self.environment().executables();
            return self.decide_for(stored, executables, Asked::Itself, now);
        }
        // The name of this executable says nothing of other programs.
        let (decision, answer) = self.decide_for(stored, &[], Asked::FromOutside, now);
        let hidden = stored.hidden(&self.path()).filter(|_| !decision.is_locked);
        let answer = match hidden {
            Some(because) => RecordingAnswer {
                recording: Recording::Unknown,
                because,
            },
            None => answer,
        };
        (decision, answer)
    }

    fn decide_for(
        &self,
        stored: &Stored,
        executables: &[String],
        asked: Asked,
        now: OffsetDateTime,
    ) -> (Decision, RecordingAnswer) {
        let environment = self.environment();
        let do_not_track = environment.do_not_track();
        let variable = self.name().and_then(|name| environment.telemetry(name));
        let (flag, when_undecided) = match self.builder() {
            Some(builder) => builder.own_say(),
            None => (Consent::Undecided, Self::when_undecided_outside(stored)),
        };
        let limits = self
            .builder()
            .map(|builder| builder.own_limits().validate());
        let directory_problem = match limits {
            Some(Err(error)) => Some(error.chain()),
            Some(Ok(())) | None => stored.directory_problem(asked),
        };
        let inputs = Inputs {
            executables,
            do_not_track: do_not_track.as_deref(),
            flag,
            variable: variable.as_ref(),
            stored: &stored.consent,
            stored_for_all: &stored.consent_for_all,
            when_undecided,
            policy_problem: stored.owner.problem(),
            directory_problem: directory_problem.as_deref(),
        };
        answer(&inputs, asked, now)
    }

    /// Returns what an application does while consent is undecided, as far as its directory tells.
    fn when_undecided_outside(stored: &Stored) -> WhenUndecided {
        let first_use = stored.consent.first_use();
        first_use.map_or(WhenUndecided::Refuse, |first_use| {
            WhenUndecided::RecordAfter(first_use.grace)
        })
    }

    /// Returns what happens here while consent is undecided: what the application says, if it is the one that looks; else
    /// recording begins once the application's grace is over, and not at all where the application waits for none.
    pub fn when_undecided(&self) -> WhenUndecided {
        match self.builder() {
            Some(builder) => builder.own_say().1,
            None => Self::when_undecided_outside(&Stored::at(self)),
        }
    }
}

/// Why it is not known.
const UP_TO_APPLICATION: &str =
    "consent is undecided, and only the application knows whether it records then";
