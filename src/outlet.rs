//! The outlet: the destination of the layers of one handle and of events recorded by hand. It has
//! the policy in force, takes frames encoded under it, passes them to the recorder if there is one,
//! and shows them if the owner requested that. `encode` defines the content of a frame, and
//! `recorder` its outcome.

use std::sync::Arc;

use tracing::Metadata;

use crate::clock;
use crate::consent::Decision;
use crate::encode::{FrameHeader, LineLimits, Own, SyntheticRecord, encode_synthetic};
use crate::event::Event;
use crate::policy::{Current, Generation};
use crate::record::Level;
use crate::record::own::{OWN_TARGET, OwnEvent};
use crate::recorder::{Outcome, Period, Recorder, Stale};
use crate::spans::Spans;
use crate::store::disk::write_to_stderr;
use crate::watch::Watch;

/// The destination of the layers of one handle, and of events recorded by hand.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// The application's name.
    pub(crate) source: String,
    /// The lowest level of events from `tracing`.
    pub(crate) level: Level,
    /// The spans that have records of their own.
    pub(crate) spans: Spans,
    /// The limits of a line.
    pub(crate) limits: LineLimits,
    /// The cell with the policy in force.
    pub(crate) policy: Arc<Current>,
    /// The destination of frames.
    pub(crate) sink: Sink,
    /// Whether each record is shown.
    pub(crate) echo: Echo,
}

/// The destination of frames.
#[derive(Debug)]
pub(crate) enum Sink {
    /// The disk.
    Recorder(Arc<Recorder>),
    /// None.
    Off(Off),
}

/// The reason why a process has no recorder.
#[derive(Debug)]
pub(crate) enum Off {
    /// The decision. A later one applies from the next start.
    Decided(Box<Watch>),
    /// An obstacle, which remains until the process ends.
    Obstacle(String),
}

impl Off {
    /// Reads the owner's files, and returns the decision, if there can be one, and the reason why
    /// nothing is recorded.
    pub(crate) fn state(&self) -> (Option<Decision>, String) {
        match self {
            Self::Obstacle(reason) => (None, reason.clone()),
            Self::Decided(watch) => {
                let decision = watch.decide_for_next_start(clock::now());
                let mut reason = decision.reason();
                if decision.is_recording {
                    reason.push_str(FROM_NEXT_START);
                }
                (Some(decision), reason)
            }
        }
    }
}

/// Whether each record is shown on standard error as it is created, as the owner requests with
/// `<SOURCE>_TELEMETRY_DEBUG`, and an application with
/// [`Builder::debug_output`](crate::Builder::debug_output).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// Records are shown, even if nothing is recorded.
    Shown,
    /// Nothing is shown.
    Silent,
}

/// The reason why an encoded record is not offered to the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalReason {
    /// The policy.
    Policy,
    /// The span of the record was open before.
    OtherPeriod,
}

impl RefusalReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "refused by the policy",
            Self::OtherPeriod => {
                "refused: the span was open before consent or the installation id was given"
            }
        }
    }
}

impl Outlet {
    /// Returns `true` if events and spans with that metadata are currently accepted; the policy
    /// may still refuse them.
    pub(crate) fn accepts(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::from(self.level) && self.is_open()
    }

    /// Returns the recorder, if there is one.
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        match &self.sink {
            Sink::Recorder(recorder) => Some(recorder),
            Sink::Off(_) => None,
        }
    }

    /// Returns `true` if events are handled at all, even if they are refused. This does not depend
    /// on the gate, which opens a moment after consent was given: the interests of `tracing` need
    /// not wait for that.
    pub(crate) fn is_listening(&self) -> bool {
        self.is_shown() || self.recorder().is_some()
    }

    /// Returns `true` if encoding events has any effect.
    pub(crate) fn is_open(&self) -> bool {
        self.is_shown() || self.recorder().is_some_and(Recorder::is_gate_open)
    }

    /// Returns `true` if `tracing` rebuilds its interests when a policy changes, so that events
    /// that the policy filters out may cost nothing in the meantime.
    pub(crate) fn rebuilds_interests(&self) -> bool {
        self.recorder().is_some_and(Recorder::has_worker)
    }

    /// Returns `true` if the policy admits records that localtel writes on the application's behalf
    /// at level INFO.
    pub(crate) fn admits_on_behalf(&self, event: OwnEvent) -> bool {
        let policy = self.policy.get();
        policy
            .is_some_and(|policy| policy.admits_event(Level::Info, OWN_TARGET, Some(event.name())))
    }

    /// Returns `true` if each record is shown, including those that the policy refuses.
    pub(crate) fn is_shown(&self) -> bool {
        self.echo == Echo::Shown
    }

    /// Returns the current period, if events may be recorded. While there is no recorder, records
    /// are only shown, and one period lasts for ever.
    pub(crate) fn period(&self) -> Option<Period> {
        self.recorder().map_or(Some(Period::ONLY), Recorder::period)
    }

    /// Counts a record that is refused, and shows it if that was requested.
    pub(crate) fn refuse_for(&self, refusal: RefusalReason, frame: &[u8]) -> Outcome {
        if self.is_shown() {
            self.show_as(refusal.as_str(), frame);
        }
        self.refuse()
    }

    /// Counts an event as refused.
    pub(crate) fn refuse(&self) -> Outcome {
        self.recorder().map_or(Outcome::Refused, Recorder::refuse)
    }

    /// Takes a frame with the time `micros` and the number of the policy that it was encoded under.
    pub(crate) fn offer(
        &self,
        frame: &[u8],
        micros: i64,
        generation: Generation,
    ) -> Result<Outcome, Stale> {
        let outcome = match &self.sink {
            Sink::Recorder(recorder) => recorder.offer(frame, micros, generation)?,
            Sink::Off(_) => Outcome::Refused,
        };
        match self.echo {
            Echo::Silent => {}
            Echo::Shown => self.show(frame, outcome),
        }
        Ok(outcome)
    }

    /// Takes an event, as the application's own or as a record that localtel writes on its behalf.
    pub(crate) fn record(&self, event: &Event, own: Own) -> Outcome {
        if !self.is_listening() {
            return Outcome::Refused;
        }
        let micros = clock::micros_since_epoch();
        let mut frame = Vec::new();
        for _ in 0..TRIES {
            let Some(policy) = self.policy.get() else {
                break;
            };
            let synthetic = SyntheticRecord {
                own,
                level: event.level,
                source: &self.source,
                target: event.target.as_deref().unwrap_or(&self.source),
                event: Some(&event.name),
                message: event.message.as_deref(),
                properties: &event.properties,
                policy: Some(&policy),
            };
            if !synthetic.is_admitted() && !self.is_shown() {
                break;
            }
            encode_synthetic(&mut frame, self.limits, micros, &synthetic);
            if !synthetic.is_admitted() {
                return self.refuse_for(RefusalReason::Policy, &frame);
            }
            if let Ok(outcome) = self.offer(&frame, micros, policy.generation()) {
                return outcome;
            }
        }
        self.refuse()
    }

    /// Shows a record as it was created: without session and number, which it gets when it is
    /// written. The line is safe to show, since lines are encoded so; an error of standard error is
    /// ignored.
    fn show(&self, frame: &[u8], outcome: Outcome) {
        let became = match (outcome, &self.sink) {
            (Outcome::Recorded, _) => "recorded".to_owned(),
            (Outcome::Dropped, _) => "dropped: the buffer was full".to_owned(),
            (Outcome::Refused, Sink::Off(off)) => format!("refused: {}", off.state().1),
            (Outcome::Refused, Sink::Recorder(recorder)) => {
                format!("refused: {}", recorder.state().1.reason())
            }
        };
        self.show_as(&became, frame);
    }

    fn show_as(&self, became: &str, frame: &[u8]) {
        let mut text = format!("{} telemetry: {became}: ", self.source).into_bytes();
        text.extend_from_slice(frame.get(FrameHeader::BYTES..).unwrap_or_default());
        // A single write, so that lines of several threads do not mix.
        let _shown = write_to_stderr(&text);
    }
}

/// Added to a decision that would allow recording, if it had been made before the start.
const FROM_NEXT_START: &str = "; this process started before that, and records from its next start";

/// The number of tries to encode a record while the policy changes: it changes twice a second at
/// most.
pub(crate) const TRIES: usize = 4;

/// The lowest level of events from `tracing`, if the application does not set one: the events that
/// operators need, without the steps of each dependency.
pub(crate) const DEFAULT_LEVEL: Level = Level::Info;
