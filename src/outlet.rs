//! The outlet: what the layers of one handle, and events recorded by hand, record into. It knows the policy in force, takes
//! frames made under it, hands them to the recorder if there is one, and shows them where the owner asked
//! for that. What a frame holds is `encode`'s business, what becomes of it `recorder`'s.

use std::sync::Arc;

use tracing::Metadata;

use crate::clock;
use crate::encode::{FrameHeader, LineLimits, Own, SyntheticRecord, encode_synthetic};
use crate::event::Event;
use crate::policy::{Current, Generation};
use crate::record::Level;
use crate::record::own::{OWN_TARGET, OwnEvent};
use crate::recorder::{Outcome, Recorder, Stale};
use crate::store::disk::write_to_stderr;

/// What the layers of one handle, and events recorded by hand, record into.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// The application's name.
    pub(crate) source: String,
    /// The lowest level of what comes from `tracing`.
    pub(crate) level: Level,
    /// The bounds on a line.
    pub(crate) limits: LineLimits,
    /// Where the policy in force is found.
    pub(crate) policy: Arc<Current>,
    /// Where frames go.
    pub(crate) sink: Sink,
    /// Whether each record is shown.
    pub(crate) echo: Echo,
}

/// Where frames go.
#[derive(Debug)]
pub(crate) enum Sink {
    /// To the disk.
    Recorder(Arc<Recorder>),
    /// Nowhere, for this reason.
    Off(String),
}

/// Whether each record is shown on the standard error as it is made, as the owner asks for with
/// `<SOURCE>_TELEMETRY_DEBUG`, and an application with [`Builder::debug_output`](crate::Builder::debug_output).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// It is, also where nothing is recorded.
    Shown,
    /// Nothing is shown.
    Silent,
}

impl Outlet {
    /// Returns `true` if events and spans with that metadata are looked at at present; the policy may refuse them then.
    pub(crate) fn takes(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::from(self.level) && self.is_open()
    }

    /// Returns the recorder, where there is one.
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        match &self.sink {
            Sink::Recorder(recorder) => Some(recorder),
            Sink::Off(_) => None,
        }
    }

    /// Returns `true` if anybody looks at what is offered, be it to refuse it. The gate is another question: it
    /// opens a moment after consent was given, and what is not asked of `tracing` need not wait for that.
    pub(crate) fn is_listening(&self) -> bool {
        self.is_shown() || self.recorder().is_some()
    }

    /// Returns `true` if there is any use in making frames of events.
    pub(crate) fn is_open(&self) -> bool {
        self.is_shown() || self.recorder().is_some_and(Recorder::is_gate_open)
    }

    /// Returns `true` if `tracing` is asked again when a policy changes, so that what it shuts out may cost
    /// nothing meanwhile.
    pub(crate) fn is_asked_again(&self) -> bool {
        self.recorder().is_some_and(Recorder::has_worker)
    }

    /// Returns `true` if the policy lets in what localtel records on the application's behalf at level INFO.
    pub(crate) fn admits_on_behalf(&self, event: OwnEvent) -> bool {
        let policy = self.policy.get();
        policy
            .is_some_and(|policy| policy.admits_event(Level::Info, OWN_TARGET, Some(event.name())))
    }

    /// Returns `true` if each record is shown, also those that the policy does not let in.
    pub(crate) fn is_shown(&self) -> bool {
        self.echo == Echo::Shown
    }

    /// Counts a record that the policy does not let in, and shows it where that was asked for.
    pub(crate) fn refuse_by_policy(&self, frame: &[u8]) -> Outcome {
        if self.is_shown() {
            self.show_as("refused: the policy does not let it in", frame);
        }
        self.refuse()
    }

    /// Counts an event that was not let in.
    pub(crate) fn refuse(&self) -> Outcome {
        self.recorder().map_or(Outcome::Refused, Recorder::refuse)
    }

    /// Takes one frame that was made at `micros`, under the policy of that number.
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
                return self.refuse_by_policy(&frame);
            }
            if let Ok(outcome) = self.offer(&frame, micros, policy.generation()) {
                return outcome;
            }
        }
        self.refuse()
    }

    /// Shows a record as it is made: without session and number, which it gets when it is written. The
    /// line is safe to show, for that is how lines are written; that nobody can be shown is no failure.
    fn show(&self, frame: &[u8], outcome: Outcome) {
        let became = match (outcome, &self.sink) {
            (Outcome::Recorded, _) => "recorded".to_owned(),
            (Outcome::Dropped, _) => "dropped: there was no room".to_owned(),
            (Outcome::Refused, Sink::Off(reason)) => format!("refused: {reason}"),
            (Outcome::Refused, Sink::Recorder(recorder)) => {
                format!("refused: {}", recorder.state().1.reason())
            }
        };
        self.show_as(&became, frame);
    }

    fn show_as(&self, became: &str, frame: &[u8]) {
        let mut text = format!("{} telemetry: {became}: ", self.source).into_bytes();
        text.extend_from_slice(frame.get(FrameHeader::BYTES..).unwrap_or_default());
        // One write, so that lines of several threads do not mix.
        let _shown = write_to_stderr(&text);
    }
}

/// How often a record is made anew because the policy changed meanwhile: it changes twice a second at most.
pub(crate) const TRIES: usize = 4;

/// The lowest level of what comes from `tracing`, where the application names none: what its operators are to know,
/// without the steps of each of its dependencies.
pub(crate) const DEFAULT_LEVEL: Level = Level::Info;
