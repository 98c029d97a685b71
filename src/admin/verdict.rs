//! The verdict of the policies on a recorded value: the action if it is recorded again. `policy`
//! defines the rules; this module determines which of localtel's internal events they apply to.

use super::Location;
use crate::policy::owner::OwnerFile;
use crate::policy::{Action, InForce, Secrets};
use crate::record::own::OwnEvent;
use crate::record::{Level, OWN_TARGET};

/// One of the values of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a record has no other values")]
pub enum RecordPart<'a> {
    /// The message.
    Message,
    /// The property of that name.
    Property(&'a str),
    /// A property of a span around the event.
    InSpan {
        /// The span's name.
        span: &'a str,
        /// The property's name.
        property: &'a str,
    },
}

/// A value that may be recorded, for which a verdict is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "nothing else decides")]
pub struct Subject<'a> {
    /// The target of the event that it belongs to.
    pub target: &'a str,
    /// The name of the event, if it has one.
    pub event: Option<&'a str>,
    /// The highest level at which the event was recorded.
    pub level: Level,
    /// The part of the record.
    pub part: RecordPart<'a>,
    /// Whether some of its values were texts.
    pub has_texts: bool,
}

/// The treatment of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is recorded or it is not")]
pub enum ValueVerdict {
    /// The event is filtered out.
    NotRecorded,
    /// The event is recorded, and the value under this action.
    Action(Action),
}

impl ValueVerdict {
    /// Returns the name of the verdict.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRecorded => "not recorded",
            Self::Action(action) => action.as_str(),
        }
    }
}

/// The policies in force at a location, as far as they are known: that of the application if it
/// runs this code itself, or the default one, and the owner's.
#[derive(Debug)]
pub struct PolicyView(Option<Box<InForce>>);

impl Location {
    /// Returns the policies in force here.
    pub fn policy_view(&self) -> PolicyView {
        let owner = OwnerFile::read_at(&self.path());
        PolicyView(match owner {
            // Nothing is recorded, since the owner's rules are not known.
            OwnerFile::Damaged { .. } | OwnerFile::Unreadable { .. } => None,
            OwnerFile::Missing | OwnerFile::Owner(_) => {
                Some(Box::new(self.in_force(&owner, Secrets::new(None, None))))
            }
        })
    }

    /// Combines the policy of the application, as far as it is known, and the owner's.
    pub(super) fn in_force(&self, owner: &OwnerFile, secrets: Secrets) -> InForce {
        let application = self.application_policy().cloned().unwrap_or_default();
        InForce::new(application, owner.policy().cloned(), secrets)
    }
}

impl PolicyView {
    /// Returns the verdict on a value.
    pub fn verdict(&self, subject: &Subject<'_>) -> ValueVerdict {
        let Some(policy) = &self.0 else {
            return ValueVerdict::NotRecorded;
        };
        let Subject { target, event, .. } = *subject;
        let own = event
            .filter(|_| target == OWN_TARGET)
            .and_then(OwnEvent::named);
        if own == Some(OwnEvent::SessionEnd) {
            return ValueVerdict::Action(at_the_end(policy, subject.part));
        }
        let is_on_behalf = own.is_some_and(OwnEvent::is_on_behalf);
        if target == OWN_TARGET && !is_on_behalf {
            // Numbers that account for other events are always recorded.
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

/// Returns the verdict on a value in the record of a session's end. Numbers that account for other
/// events are always recorded; counts that are in no report are contained in it as far as they may
/// be reported.
fn at_the_end(policy: &InForce, part: RecordPart<'_>) -> Action {
    let is_reported = policy.admits_event(Level::Info, OWN_TARGET, Some(OwnEvent::Report.name()));
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
