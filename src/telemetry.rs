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
use crate::consent::{Consent, Decision, Origin, Scope, Stored, store_choice_of};
use crate::draft::Draft;
use crate::encode::{LineLimits, Own};
use crate::error::{ErrorKind, Result};
use crate::layer::{Gate, RecordLayer};
use crate::outlet::{Echo, Outlet, Sink};
use crate::policy::{Current, Policy, Secrets};
use crate::record::Properties;
use crate::recorder::{Counts, Offer, RecorderState};
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
    outlet: Arc<Outlet>,
    /// Where it records, or would; unknown if it could not even get that far.
    path: Option<PathBuf>,
    /// What was decided where there is no recorder that would know.
    decision: Option<Decision>,
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
    /// Whether the directory was made on another machine or by another user, as in a copied home, so that
    /// the installation id is one that others use too. `localtel reset` makes a new one.
    pub is_copied: bool,
    /// How long nothing is recorded yet, where the application waits for a grace to pass: what was left
    /// when it was opened.
    pub grace_left: Option<Duration>,
    /// How many events ended in which way, since it was opened in this process.
    pub counts: Counts,
}

impl Telemetry {
    /// Starts to open telemetry for the application of that name: letters, digits, `.`, `_` and `-`.
    pub fn builder(source: impl Into<String>) -> Builder {
        Builder::new(source)
    }

    /// Returns the handle of an outlet, given where it records and what was decided, as far as that is known.
    pub(crate) fn new(outlet: Outlet, path: Option<PathBuf>, decision: Option<Decision>) -> Self {
        let outlet = Arc::new(outlet);
        Self {
            outlet,
            path,
            decision,
        }
    }

    /// Returns a handle that records nothing and does not even know what it would.
    pub(crate) fn off(source: impl Into<String>, reason: String) -> Self {
        let limits = LineLimits::from(&Limits::default());
        let policy = Arc::new(Current::new(Policy::new(), None, Secrets::new(None, None)));
        let outlet = Outlet::new(source, limits, policy, Sink::Off(reason), Echo::Silent);
        Self::new(outlet, None, None)
    }

    /// Returns a layer for a registry. Several layers of one handle, in one subscriber or in several,
    /// record each event once for each layer that sees it.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    {
        RecordLayer::new(Arc::clone(&self.outlet)).with_filter(Gate::new(Arc::clone(&self.outlet)))
    }

    /// Records what does not come from `tracing`.
    pub fn record(&self, draft: &Draft) -> Offer {
        self.outlet.record(draft, Own::Application)
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
        match self.outlet.recorder() {
            Some(recorder) => recorder.flush(Instant::now() + timeout),
            None => Ok(()),
        }
    }

    /// Tells how it is.
    pub fn status(&self) -> Status {
        let (state, decision, off_because) = match self.outlet.sink() {
            Sink::Recorder(recorder) => {
                let (state, decision) = recorder.state();
                let off_because = (!state.is_recording).then(|| decision.reason());
                (state, Some(decision), off_because)
            }
            Sink::Off(reason) => (
                RecorderState::default(),
                self.decision.clone(),
                Some(reason.clone()),
            ),
        };
        let is_copied = state.is_recording
            && self
                .path
                .as_ref()
                .is_some_and(|path| Stored::read_at(path).origin_at(path) == Origin::Elsewhere);
        Status {
            is_recording: state.is_recording,
            off_because,
            trouble: state.trouble,
            directory: self.path.clone(),
            grace_left: decision.as_ref().and_then(|decision| decision.grace_left),
            decision,
            installation: state.installation,
            is_copied,
            counts: state.counts,
        }
    }

    /// Stores the answer of the person whom the application asked, for this profile and from now on.
    /// [`Undecided`](Consent::Undecided) takes an earlier answer back. Whoever is stronger stays stronger.
    /// A handle that records obeys within a second; one that was opened without consent goes on without
    /// unless it is [watching](crate::Watching). Whether to ask at all is in [`Status::decision`].
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
        let by = format!("{} asked", self.outlet.source());
        store_choice_of(path, Scope::Profile, choice, &by, clock::now())?;
        Ok(())
    }

    /// Returns where events are recorded, or would be.
    pub fn directory(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the recorder and the application's version, where something is recorded or may come to be.
    pub(crate) fn recording(&self) -> Option<(&Recorder, Option<&str>)> {
        match &self.state {
            State::On {
                recorder, version, ..
            } => Some((recorder, version.as_deref())),
            State::Off { .. } => None,
        }
    }

    /// Ends the session: writes what is still in memory, waits for it at most so long, and returns what
    /// became of all events. Dropping the handle does the same with five seconds.
    pub fn close(self, timeout: Duration) -> Counts {
        self.outlet
            .recorder()
            .map_or_else(Counts::default, |recorder| {
                recorder.close(&Properties::default(), Instant::now() + timeout);
                recorder.state().0.counts
            })
    }

    /// Fails where telemetry is off, with the reason, for those who want to know.
    ///
    /// # Errors
    ///
    /// Fails where telemetry is off.
    pub fn require(&self) -> Result<()> {
        match self.status().off_because {
            None => Ok(()),
            Some(reason) => Err(ErrorKind::Off { reason }.into()),
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(recorder) = self.outlet.recorder() {
            recorder.close(&Properties::default(), Instant::now() + FLUSH_WAIT);
        }
    }
}

/// How long a flush and the end wait: a disk that takes no line in five seconds takes none in ten, and
/// nobody waits longer for a program to end.
const FLUSH_WAIT: Duration = Duration::from_secs(5);
