//! The verdict of the policy on a value that was recorded: what becomes of it when it is recorded again.
//! Embedded in an application its own policy is known; from outside it is taken for the usual one. What
//! holds for both is the library's `policy`.

use super::inventory::{EventKey, RecordPart};
use crate::host::Host;
use localtel::internal::policy::owner::OwnerFile;
use localtel::internal::policy::{Action, InForce, Policy, Secrets};
use localtel::internal::record::{Level, OWN_TARGET};

/// A value that may be recorded, of which a verdict is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject<'a> {
    /// The event that it belongs to.
    pub(super) event: &'a EventKey,
    /// The highest level at which the event was recorded.
    pub(super) level: Level,
    /// Which of its values.
    pub(super) part: RecordPart<'a>,
    /// Whether some of them were texts.
    pub(super) has_texts: bool,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueVerdict {
    /// The event is shut out.
    NotRecorded,
    /// The event is recorded, and the value so.
    Action(Action),
}

impl ValueVerdict {
    /// Returns the word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NotRecorded => "not recorded",
            Self::Action(action) => action.as_str(),
        }
    }
}

/// What decides.
#[derive(Debug)]
pub(super) enum PolicyView {
    /// The policies that are known.
    Policy(Box<InForce>),
    /// Nothing is recorded, for what the owner forbids is not known.
    Nothing,
}

impl PolicyView {
    /// Returns what decides in a directory with that file of its owner.
    pub(super) fn new(host: &Host, owner: &OwnerFile) -> Self {
        let application = match host {
            Host::Localtel => Policy::new(),
            Host::Application(application) => application.policy.clone(),
        };
        match owner {
            OwnerFile::Damaged { .. } | OwnerFile::Unreadable { .. } => Self::Nothing,
            OwnerFile::Missing | OwnerFile::Owner(_) => Self::Policy(Box::new(InForce::new(
                application,
                owner.policy().cloned(),
                Secrets::new(None, None),
            ))),
        }
    }

    /// Returns what becomes of a value.
    pub(super) fn verdict(&self, subject: &Subject<'_>) -> ValueVerdict {
        let Self::Policy(policy) = self else {
            return ValueVerdict::NotRecorded;
        };
        let EventKey { target, event } = subject.event;
        let event = event.as_deref();
        if subject.event.is_own() && event == Some(SESSION_END) {
            return ValueVerdict::Action(at_the_end(policy, subject.part));
        }
        if subject.event.is_own() && !ON_BEHALF.map(Some).contains(&event) {
            // What accounts for the others is subject to nothing.
            return ValueVerdict::Action(Action::Keep);
        }
        if !policy.admits_event(subject.level, target, event) {
            return ValueVerdict::NotRecorded;
        }
        let verdict = policy.verdict(match subject.part {
            RecordPart::Message => "message",
            RecordPart::Property(name)
            | RecordPart::InSpan {
                span: _,
                property: name,
            } => name,
        });
        ValueVerdict::Action(if subject.has_texts {
            verdict.text
        } else {
            verdict.bare
        })
    }
}

/// Returns what becomes of a value in the record of a session's end. What accounts for others is subject to
/// nothing; counts that stand in no report are said there as far as they may be reported.
fn at_the_end(policy: &InForce, part: RecordPart<'_>) -> Action {
    let is_reported = policy.admits_event(Level::Info, OWN_TARGET, Some("report"));
    let action = match part {
        RecordPart::Property(name @ ("counters" | "errors")) => policy.verdict(name).bare,
        RecordPart::Property("omitted") => Action::Keep,
        RecordPart::Message | RecordPart::Property(_) | RecordPart::InSpan { .. } => {
            return Action::Keep;
        }
    };
    match action {
        Action::Keep | Action::Redact if is_reported => action,
        Action::Keep | Action::Redact | Action::Hash | Action::Mask | Action::Drop => Action::Drop,
    }
}

/// The event at the end of a session.
const SESSION_END: &str = "session.end";

/// The events of our own target that are recorded for the application, and are subject to its policy.
const ON_BEHALF: [&str; 3] = ["command", "report", "version"];
