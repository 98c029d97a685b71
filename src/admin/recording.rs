//! The answer on whether anything is recorded at a location, and why. It is a function of the
//! inputs of [`decide`], of the program that records, and of `now`; the values are read here, as
//! the library itself would read them at opening, and nothing is created or changed.

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

/// The program that records, and its part in the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordingProgram {
    /// The application itself.
    Application,
    /// The application, seen from another program: its behaviour while consent is undecided is not
    /// known, unless it waits for a grace, which is then stored.
    ApplicationFromOutside,
    /// This program, which records for the application, and nothing while consent is undecided.
    Commands,
}

/// The files of a location, read once.
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

    /// Returns the reason why nothing can be recorded in the directory, if so. The application may
    /// run as another user, who owns it.
    fn directory_problem(&self, program: RecordingProgram) -> Option<String> {
        let error = self.directory.as_ref().err()?;
        let is_of_other_user = matches!(error.kind(), ErrorKind::OtherUser { .. });
        (program != RecordingProgram::ApplicationFromOutside || !is_of_other_user)
            .then(|| error.chain())
    }

    /// Returns the reason why this user cannot read the files, if they belong to another user.
    fn hidden(&self, path: &Path) -> Option<String> {
        let error = self.directory.as_ref().err()?;
        let owner = other_owner_of(path).filter(|_| error.is_permission_denied())?;
        Some(format!(
            "{} belongs to another user (uid {owner}), and this user may not read it",
            path.display()
        ))
    }
}

/// Checks that something could be recorded in a directory under its lock, and an installation id
/// stored, or that it could be created.
fn check_to_record(path: &Path) -> Result<()> {
    let opened = Directory::check_to_write(path).map_err(|error| open_error(path, error))?;
    let Some(directory) = opened else {
        return Ok(());
    };
    directory
        .check_is_writable()
        .map_err(Error::io("write to", path))?;
    LockFile::check(&directory)?;
    read_to_change::<Choice>(&directory, Scope::Profile.file()).map(|_| ())
}

/// Decides for the program that records, and returns the answer.
pub(super) fn answer(
    inputs: &Inputs<'_>,
    program: RecordingProgram,
    now: OffsetDateTime,
) -> (Decision, RecordingAnswer) {
    let decision = decide(inputs, now);
    if program == RecordingProgram::Application
        || decision.state != Consent::Undecided
        || inputs.stored.first_use().is_some()
    {
        let answer = decision.answer();
        return (decision, answer);
    }
    // An obstacle to recording is one whatever the decision.
    let if_it_records = decide(
        &Inputs {
            when_undecided: WhenUndecided::Record,
            ..inputs.clone()
        },
        now,
    );
    let answer = match (if_it_records.is_recording, program) {
        (false, _) => if_it_records.answer(),
        (true, RecordingProgram::ApplicationFromOutside) => RecordingAnswer {
            recording: Recording::Unknown,
            because: UP_TO_APPLICATION.to_owned(),
        },
        (true, RecordingProgram::Application | RecordingProgram::Commands) => decision.answer(),
    };
    (decision, answer)
}

impl Location {
    /// Returns whether events are recorded here, and why, as the application would find when it
    /// opens its telemetry. To another program, its flag and its behaviour while consent is
    /// undecided are not known.
    pub fn recording(&self) -> RecordingAnswer {
        self.decide(&Stored::at(self), clock::now()).1
    }

    /// Returns the same for the commands `record` and `run`, which record as this program: its
    /// executable's name counts, and while consent is undecided they record nothing, unless the
    /// application's grace is over.
    pub fn recording_by_commands(&self) -> RecordingAnswer {
        self.decide_by_commands(&Stored::at(self), clock::now())
    }

    /// Returns the decision and answer for the commands `record` and `run`.
    pub(super) fn decide_by_commands(
        &self,
        stored: &Stored,
        now: OffsetDateTime,
    ) -> RecordingAnswer {
        let executables = self.environment().executables();
        self.decide_for(stored, executables, RecordingProgram::Commands, now)
            .1
    }

    /// Checks that records could be written here, whatever the decision.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be used or created.
    pub fn check_recordable(&self) -> Result<()> {
        check_to_record(&self.path())
    }

    /// Returns the decision and answer for the application.
    pub(super) fn decide(
        &self,
        stored: &Stored,
        now: OffsetDateTime,
    ) -> (Decision, RecordingAnswer) {
        if self.builder().is_some() {
            let executables = self.environment().executables();
            return self.decide_for(stored, executables, RecordingProgram::Application, now);
        }
        // The name of this executable does not apply to other programs.
        let (decision, answer) =
            self.decide_for(stored, &[], RecordingProgram::ApplicationFromOutside, now);
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
        program: RecordingProgram,
        now: OffsetDateTime,
    ) -> (Decision, RecordingAnswer) {
        let environment = self.environment();
        let do_not_track = environment.do_not_track();
        let variable = self.name().and_then(|name| environment.telemetry(name));
        let (flag, when_undecided) = match self.builder() {
            Some(builder) => builder.own_consent(),
            None => (Consent::Undecided, Self::when_undecided_outside(stored)),
        };
        let limits = self
            .builder()
            .map(|builder| builder.own_limits().validate());
        let directory_problem = match limits {
            Some(Err(error)) => Some(error.chain()),
            Some(Ok(())) | None => stored.directory_problem(program),
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
        answer(&inputs, program, now)
    }

    /// Returns the behaviour of an application while consent is undecided, as far as its directory
    /// contains it.
    fn when_undecided_outside(stored: &Stored) -> WhenUndecided {
        let first_use = stored.consent.first_use();
        first_use.map_or(WhenUndecided::Refuse, |first_use| {
            WhenUndecided::RecordAfter(first_use.grace)
        })
    }

    /// Returns the behaviour here while consent is undecided: that of the application, if it runs
    /// this code itself; else recording begins once the application's grace is over, and not at all
    /// if it has none.
    pub fn when_undecided(&self) -> WhenUndecided {
        match self.builder() {
            Some(builder) => builder.own_consent().1,
            None => Self::when_undecided_outside(&Stored::at(self)),
        }
    }
}

/// The reason why it is not known.
const UP_TO_APPLICATION: &str =
    "consent is undecided, and the application decides whether it records";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Recording::{No, Unknown, Yes};
    use super::*;
    use crate::store::segment::FileName;

    /// The inputs of the answer, besides the program that records.
    #[derive(Debug, Clone, Copy)]
    struct AnswerCase {
        consent: &'static str,
        flag: Consent,
        when_undecided: WhenUndecided,
        policy_problem: Option<&'static str>,
        directory_problem: Option<&'static str>,
        now: i64,
    }

    const NOTHING: AnswerCase = AnswerCase {
        consent: r#"{"format":1}"#,
        flag: Consent::Undecided,
        when_undecided: WhenUndecided::Refuse,
        policy_problem: None,
        directory_problem: None,
        now: 1000,
    };

    /// A first use at the second 1000, by an application that then waited for an hour.
    const SEEN: &str =
        r#"{"format":1,"first_seen":"1970-01-01T00:16:40.000000Z","grace_seconds":3600}"#;
    const HOUR: WhenUndecided = WhenUndecided::RecordAfter(Duration::from_hours(1));

    impl AnswerCase {
        fn answer(&self, program: RecordingProgram) -> (Consent, RecordingAnswer) {
            let stored = StoredConsent::parse(self.consent.as_bytes(), FileName::Consent);
            let inputs = Inputs {
                executables: &[],
                do_not_track: None,
                flag: self.flag,
                variable: None,
                stored: &stored,
                stored_for_all: &StoredConsent::Missing,
                when_undecided: self.when_undecided,
                policy_problem: self.policy_problem,
                directory_problem: self.directory_problem,
            };
            let now = OffsetDateTime::from_unix_timestamp(self.now).unwrap();
            let (decision, answer) = answer(&inputs, program, now);
            (decision.state, answer)
        }
    }

    const ENABLED: &str = r#"{"format":1,"consent":"enabled"}"#;
    const DISABLED: &str = r#"{"format":1,"consent":"disabled"}"#;
    const REFUSED: &str = "consent is undecided, and nothing is recorded until it is enabled";
    const ODD: &str = "policy.toml is odd";
    const IN_THE_WAY: &str = "a file is in the way";

    /// Checks the answer, and a part of the reason, for the application itself, from outside, and
    /// for the commands.
    fn check(case: &AnswerCase, recordings: [Recording; 3], reasons: [&str; 3]) {
        let all = [
            RecordingProgram::Application,
            RecordingProgram::ApplicationFromOutside,
            RecordingProgram::Commands,
        ];
        for ((program, recording), because) in all.into_iter().zip(recordings).zip(reasons) {
            let (_, answer) = case.answer(program);
            assert_eq!(
                answer.recording, recording,
                "{case:?} {program:?}: {answer:?}"
            );
            let has_reason = answer.because.contains(because);
            assert!(has_reason, "{case:?} {program:?}: {answer:?}");
        }
    }

    #[test]
    fn a_stored_or_forced_decision_is_the_same_for_all() {
        let stored = |consent| AnswerCase { consent, ..NOTHING };
        let waiting = |now| AnswerCase {
            consent: SEEN,
            when_undecided: HOUR,
            now,
            ..NOTHING
        };
        let flag = AnswerCase {
            flag: Consent::Disabled,
            when_undecided: WhenUndecided::Record,
            ..NOTHING
        };
        for (case, recording, because) in [
            (stored(ENABLED), Yes, "enabled by the stored choice"),
            (stored(DISABLED), No, "disabled by the stored choice"),
            (stored("{"), No, "consent.json"),
            (flag, No, "disabled by the program's flag"),
            (waiting(1000), No, "undecided"),
            (waiting(1000 + 3599), No, "undecided"),
            (waiting(1000 + 3600), Yes, "undecided"),
        ] {
            check(&case, [recording; 3], [because; 3]);
        }
    }

    #[test]
    fn only_the_application_decides_on_recording_when_undecided() {
        let table = [
            (
                WhenUndecided::Refuse,
                [No, Unknown, No],
                [REFUSED, UP_TO_APPLICATION, REFUSED],
            ),
            (
                WhenUndecided::Record,
                [Yes, Unknown, Yes],
                ["undecided", UP_TO_APPLICATION, "undecided"],
            ),
            (
                HOUR,
                [No, Unknown, No],
                ["undecided", UP_TO_APPLICATION, "undecided"],
            ),
        ];
        for (when_undecided, recordings, reasons) in table {
            let case = AnswerCase {
                when_undecided,
                ..NOTHING
            };
            check(&case, recordings, reasons);
        }
    }

    #[test]
    fn an_obstacle_is_reported_unless_consent_forbids() {
        let policy = AnswerCase {
            policy_problem: Some(ODD),
            ..NOTHING
        };
        let both = AnswerCase {
            directory_problem: Some(IN_THE_WAY),
            ..policy
        };
        let with = |consent, case: AnswerCase| AnswerCase { consent, ..case };
        for (case, reasons) in [
            (with(ENABLED, policy), [ODD; 3]),
            (with(ENABLED, both), [IN_THE_WAY; 3]),
            (with(DISABLED, both), ["disabled by the stored choice"; 3]),
            (policy, [REFUSED, ODD, ODD]),
            (both, [REFUSED, IN_THE_WAY, IN_THE_WAY]),
        ] {
            check(&case, [No; 3], reasons);
        }
    }

    #[test]
    fn the_decision_does_not_depend_on_the_caller() {
        let case = AnswerCase {
            policy_problem: Some(ODD),
            ..NOTHING
        };
        for program in [
            RecordingProgram::Application,
            RecordingProgram::ApplicationFromOutside,
            RecordingProgram::Commands,
        ] {
            assert_eq!(case.answer(program).0, Consent::Undecided, "{program:?}");
        }
    }
}
