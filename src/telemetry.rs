//! The handle that an application holds. It hands out layers, takes drafts, flushes, tells how it is,
//! and ends the session when it is dropped. How it is opened is `builder`'s business.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::builder::Builder;
use crate::clock;
use crate::consent::{Consent, Decision, store_choice};
use crate::draft::Draft;
use crate::encode::{LineLimits, Loose, Own, encode_loose};
use crate::error::{ErrorKind, Result};
use crate::layer::{Gate, RecordLayer};
use crate::recorder::{Counts, Offer, Recorder};
use crate::store::limits::Limits;

/// Telemetry of one application: open it at the start, keep it until the end. Dropping it writes what is
/// still in memory.
///
/// ```no_run
/// use tracing_subscriber::prelude::*;
///
/// let telemetry = localtel::Telemetry::builder("myapp").version("1.2.0").open();
/// tracing_subscriber::registry().with(telemetry.layer()).init();
/// tracing::info!(name: "command", command = "project-list", duration = 871, result = "SUCCESS");
/// ```
#[derive(Debug)]
#[must_use = "what is recorded is written at the latest when the handle is dropped, and nothing after that"]
pub struct Telemetry {
    source: String,
    /// Where it records, or would, and who decided; unknown if it could not even get that far.
    place: Option<(PathBuf, Decision)>,
    state: State,
}

#[derive(Debug)]
enum State {
    On {
        recorder: Arc<Recorder>,
        limits: Limits,
        installation: Uuid,
    },
    Off {
        reason: String,
    },
}

/// What a builder opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) source: String,
    pub(crate) path: PathBuf,
    pub(crate) decision: Decision,
    pub(crate) installation: Uuid,
    pub(crate) limits: Limits,
    pub(crate) recorder: Arc<Recorder>,
}

/// How telemetry is: whether it records, why, where, and what became of the events so far.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// Whether events are recorded.
    pub is_recording: bool,
    /// Why they are not, if they are not.
    pub off_because: Option<String>,
    /// Why the last write failed, if it did. Events wait in memory then, as long as there is room.
    pub trouble: Option<String>,
    /// Where they are recorded, or would be.
    pub directory: Option<PathBuf>,
    /// The decision and who took it.
    pub decision: Option<Decision>,
    /// The installation id, while events are recorded.
    pub installation: Option<Uuid>,
    /// How many events ended in which way, since it was opened in this process.
    pub counts: Counts,
}

impl Telemetry {
    /// Starts to open telemetry for the application of that name: letters, digits, `.`, `_` and `-`.
    pub fn builder(source: impl Into<String>) -> Builder {
        Builder::new(source)
    }

    pub(crate) fn on(opened: Opened) -> Self {
        let Opened {
            source,
            path,
            decision,
            installation,
            limits,
            recorder,
        } = opened;
        let state = State::On {
            recorder,
            limits,
            installation,
        };
        Self {
            source,
            place: Some((path, decision)),
            state,
        }
    }

    pub(crate) fn off(
        source: impl Into<String>,
        place: Option<(PathBuf, Decision)>,
        reason: String,
    ) -> Self {
        Self {
            source: source.into(),
            place,
            state: State::Off { reason },
        }
    }

    /// Returns a layer for a registry. Several layers of one handle, in one subscriber or in several,
    /// record each event once for each layer that sees it.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    {
        let (gate, limits, recorder) = match &self.state {
            State::On {
                recorder, limits, ..
            } => (Gate::Open, limits, Some(Arc::clone(recorder))),
            State::Off { .. } => (Gate::Shut, &Limits::default(), None),
        };
        let recording = RecordLayer::new(&self.source, LineLimits::from(limits), recorder);
        recording.with_filter(gate)
    }

    /// Records what does not come from `tracing`.
    pub fn record(&self, draft: &Draft) -> Offer {
        let State::On {
            recorder, limits, ..
        } = &self.state
        else {
            return Offer::Refused;
        };
        let micros = clock::micros_since_epoch();
        let mut frame = Vec::new();
        let loose = Loose {
            own: Own::Application,
            level: draft.level,
            source: &self.source,
            target: draft.target.as_deref().unwrap_or(&self.source),
            event: Some(&draft.event),
            message: draft.message.as_deref(),
            properties: &draft.properties,
        };
        encode_loose(&mut frame, LineLimits::from(limits), micros, &loose);
        recorder.offer(&frame, micros)
    }

    /// Writes everything recorded before the call and waits for it, at most five seconds.
    ///
    /// # Errors
    ///
    /// See [`flush_within`](Self::flush_within).
    pub fn flush(&self) -> Result<()> {
        self.flush_within(FLUSH_WAIT)
    }

    /// Writes everything recorded before the call and waits for it: after `Ok` it is in the file, and with
    /// a durability other than [`Os`](crate::Durability::Os) it survives a power cut. Where telemetry is off
    /// there is nothing to write.
    ///
    /// # Errors
    ///
    /// Fails if the disk refuses, or if it is not done in time. What could not be written stays in memory
    /// and is tried again.
    pub fn flush_within(&self, timeout: Duration) -> Result<()> {
        match &self.state {
            State::On { recorder, .. } => recorder.flush(Instant::now() + timeout),
            State::Off { .. } => Ok(()),
        }
    }

    /// Tells how it is.
    pub fn status(&self) -> Status {
        let (counts, trouble, off_because, installation) = match &self.state {
            State::On {
                recorder,
                installation,
                ..
            } => {
                let (counts, trouble) = recorder.state();
                (counts, trouble, None, Some(*installation))
            }
            State::Off { reason } => (Counts::default(), None, Some(reason.clone()), None),
        };
        Status {
            is_recording: off_because.is_none(),
            off_because,
            trouble,
            directory: self.directory().map(Path::to_owned),
            decision: self.place.as_ref().map(|(_, decision)| decision.clone()),
            installation,
            counts,
        }
    }

    /// Stores the answer of the person whom the application asked, for this profile and from now on.
    /// [`Undecided`](Consent::Undecided) takes an earlier answer back. Whoever is stronger stays stronger,
    /// and this handle goes on as it was opened; whether to ask at all is in [`Status::decision`].
    ///
    /// ```no_run
    /// use localtel::{Consent, Telemetry};
    ///
    /// let telemetry = Telemetry::builder("myapp").open();
    /// let decision = telemetry.status().decision;
    /// if decision.is_some_and(|decision| decision.state == Consent::Undecided) {
    ///     let answer = Consent::Enabled; // What the person said.
    ///     telemetry.store_choice(answer)?;
    /// }
    /// # Ok::<(), localtel::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the directory is not known or cannot be made or written, or if a newer version stored a
    /// choice there.
    pub fn store_choice(&self, choice: Consent) -> Result<()> {
        let Some(path) = self.directory() else {
            return self.require();
        };
        store_choice(
            path,
            choice,
            &format!("{} asked", self.source),
            clock::now(),
        )?;
        Ok(())
    }

    /// Returns where events are recorded, or would be.
    pub fn directory(&self) -> Option<&Path> {
        self.place.as_ref().map(|(path, _)| path.as_path())
    }

    /// Ends the session: writes what is still in memory, waits for it at most so long, and returns what
    /// became of all events. Dropping the handle does the same with five seconds.
    pub fn close(self, timeout: Duration) -> Counts {
        match &self.state {
            State::On { recorder, .. } => {
                recorder.close(Instant::now() + timeout);
                recorder.state().0
            }
            State::Off { .. } => Counts::default(),
        }
    }

    /// Fails where telemetry is off, with the reason, for those who want to know.
    ///
    /// # Errors
    ///
    /// Fails where telemetry is off.
    pub fn require(&self) -> Result<()> {
        match &self.state {
            State::On { .. } => Ok(()),
            State::Off { reason } => Err(ErrorKind::Off {
                reason: reason.clone(),
            }
            .into()),
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let State::On { recorder, .. } = &self.state {
            recorder.close(Instant::now() + FLUSH_WAIT);
        }
    }
}

/// How long a flush and the end wait: a disk that takes no line in five seconds takes none in ten, and
/// nobody waits longer for a program to end.
const FLUSH_WAIT: Duration = Duration::from_secs(5);
