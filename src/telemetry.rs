//! The handle that an application holds. It hands out layers, takes events, flushes, tells how it is,
//! and ends the session when it is dropped. How it is opened is `builder`'s business.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::clock;
use crate::consent::{
    ApplicationProfile, Consent, ConsentDirectory, Decision, InstallationOrigin, Scope,
    StoredConsent, set_consent_of,
};
use crate::encode::Own;
use crate::ending::Ending;
use crate::error::{ErrorKind, Result};
use crate::event::Event;
use crate::layer::{Layer, RecordFilter};
use crate::outlet::{Outlet, Sink};
use crate::record::Level;
use crate::recorder::{Counts, Outcome, RecorderState};
use crate::release::Release;
use crate::report::{Counter, Deployment, Family, Report, Reporter, Reports};

/// Telemetry of one application: open it at the start, keep it until the end. Dropping it writes what is
/// still in memory, and so does the end of the process where it is never dropped: see [`Builder::open`](crate::Builder::open).
///
/// ```no_run
/// use tracing_subscriber::prelude::*;
///
/// // Events and spans from INFO up are recorded; `.level(localtel::Level::Debug)` before `open` records more.
/// let telemetry = localtel::Telemetry::builder("myapp").version("1.2.0").open();
/// tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter())).init();
/// tracing::info!(name: "command", command = "project-list", duration = 871, result = "SUCCESS");
/// ```
#[derive(Debug)]
#[must_use = "the session ends when the handle is dropped, and nothing is recorded after that"]
pub struct Telemetry {
    outlet: Arc<Outlet>,
    /// Where it records, or would; unknown if it could not even get that far.
    path: Option<PathBuf>,
    /// Whose the directory is.
    location: Option<ApplicationProfile>,
    /// What was decided where there is no recorder that would know.
    decision: Option<Decision>,
    reporter: Arc<Reporter>,
    ending: Arc<Ending>,
}

/// How telemetry is: whether it records, why, where, and what became of the events so far.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordingStatus {
    /// Whether events are recorded.
    pub is_recording: bool,
    /// Why they are not, if they are not.
    pub off_because: Option<String>,
    /// Why the last write failed, or the last attempt to read what the owner decided, if one did. After a failed
    /// write events wait in memory, as long as there is room. Where the decision cannot be read, the last one
    /// stands for some five seconds; after that events are refused until it can be read.
    pub trouble: Option<String>,
    /// Where they are recorded, or would be.
    pub directory: Option<PathBuf>,
    /// The decision and who took it.
    pub decision: Option<Decision>,
    /// The installation id, while events are recorded.
    pub installation: Option<Uuid>,
    /// Whether the directory was made on another machine or by another user, as in a copied home, so that
    /// the installation id is one that others use too. `localtel reset` removes it, and a new one is made.
    pub is_copied: bool,
    /// How long nothing is recorded yet, where the application waits for a grace to pass: what was left
    /// when it was opened.
    pub grace_left: Option<Duration>,
    /// The lowest level of the events and spans of `tracing` that layers record; a policy may ask for a higher one.
    pub level: Level,
    /// How many events ended in which way, since it was opened in this process.
    pub counts: Counts,
}

impl Telemetry {
    /// Returns the handle of an outlet, given where it records and what was decided, as far as that is known.
    pub(crate) fn new(
        outlet: Outlet,
        (place, decision): (Option<(PathBuf, ApplicationProfile)>, Option<Decision>),
        (version, deployment): (Option<String>, Deployment),
        reports: Reports,
    ) -> Self {
        let outlet = Arc::new(outlet);
        let (path, location) = place.unzip();
        let reporter = Reporter::new(Arc::clone(&outlet), path.clone(), version, deployment);
        let reporter = Arc::new(reporter);
        reporter.note_version();
        let waiting = Reporter::begin(&reporter, reports);
        let ending = Ending::new(Arc::clone(&outlet), Arc::clone(&reporter), waiting);
        Self {
            outlet,
            path,
            location,
            decision,
            reporter,
            ending,
        }
    }

    /// Returns a layer for any subscriber of `tracing_subscriber`: `registry()`, `fmt()`, boxed or in
    /// `reload::Layer`, before and after other layers. It is `None` where nothing can be recorded in this process;
    /// a handle that is [watching](crate::recording::Watching) has one also before there is consent. Several layers of one
    /// handle, in one subscriber or in several, record each event once for each layer that sees it.
    ///
    /// On its own the layer makes `tracing` create each event and span of each dependency, which it then ignores
    /// where it is not to be recorded. In a `registry()`, add [`filter`](Self::filter), and these cost what they
    /// cost without localtel:
    ///
    /// ```no_run
    /// use tracing_subscriber::prelude::*;
    ///
    /// let telemetry = localtel::Telemetry::builder("myapp").open();
    /// tracing_subscriber::registry()
    ///     .with(tracing_subscriber::fmt::layer())
    ///     .with(telemetry.layer().with_filter(telemetry.filter()))
    ///     .init();
    /// ```
    ///
    /// Per-layer filters work neither on `fmt()` nor in `reload::Layer`; there the layer stands alone:
    ///
    /// ```no_run
    /// use tracing_subscriber::prelude::*;
    ///
    /// let telemetry = localtel::Telemetry::builder("myapp").open();
    /// tracing_subscriber::fmt().finish().with(telemetry.layer()).init();
    /// ```
    ///
    /// The level and the filter of `fmt()` then hold for this layer, too. Add the layer by `with`, or first in an
    /// `and_then`: that of tracing-subscriber 0.3 takes the maximum level of its second layer for both, and this one
    /// may be `None`. For a subscriber that is installed before
    /// telemetry is opened there is [`LaterTelemetry`](crate::recording::LaterTelemetry).
    pub fn layer(&self) -> Option<Layer> {
        let layer = || Layer::new(Arc::clone(&self.outlet));
        self.outlet.is_listening().then(layer)
    }

    /// Returns the per-layer filter for [`layer`](Self::layer): what would not be recorded costs nothing with it.
    pub fn filter(&self) -> RecordFilter {
        RecordFilter::new(Arc::clone(&self.outlet))
    }

    /// Records what does not come from `tracing`.
    pub fn record(&self, event: &Event) -> Outcome {
        self.outlet.record(event, Own::Application)
    }

    /// Returns a handle on a counter: what is added to it is no line of its own, but goes into the next report, and
    /// what no report took into the record of the session's end. Make it once and keep it: then counting is one atomic
    /// addition, with neither a lock nor a search. Where telemetry is off nothing is counted.
    ///
    /// The labels tell series of the counter apart; at most 1,000 series of all counters, what is beyond adds up
    /// under the name `other`. Every name and every value is a text of the program:
    ///
    /// ```
    /// # let telemetry = localtel::Telemetry::builder("myapp").open();
    /// let queries = telemetry.counter("queries", [("command", "find"), ("result", "ok")]);
    /// queries.add(1);
    /// ```
    ///
    /// so that what a remote client sent cannot become one:
    ///
    /// ```compile_fail
    /// # let telemetry = localtel::Telemetry::builder("myapp").open();
    /// let sent = String::from("whatever a client likes");
    /// telemetry.counter("queries", [("command", sent.as_str()), ("result", "ok")]);
    /// ```
    pub fn counter<const N: usize>(
        &self,
        name: &'static str,
        labels: [(&'static str, &'static str); N],
    ) -> Counter {
        self.reporter.counter(Family::Counter, name, &labels)
    }

    /// Returns a handle on the counter of errors with that code. As any [`counter`](Self::counter), it adds to the next
    /// report; no line is recorded for it.
    ///
    /// ```
    /// # let telemetry = localtel::Telemetry::builder("myapp").open();
    /// telemetry.error_counter("22P02").add(1);
    /// ```
    pub fn error_counter(&self, code: &'static str) -> Counter {
        self.reporter.counter(Family::Error, code, &[])
    }

    /// Changes what the application says of its installation: what becomes known only later, or changes
    /// while it runs.
    ///
    /// ```
    /// # let telemetry = localtel::Telemetry::builder("myapp").open();
    /// telemetry.update_deployment(|deployment| deployment.extension("postgis", true));
    /// ```
    pub fn update_deployment(&self, change: impl FnOnce(Deployment) -> Deployment) {
        self.reporter.update_deployment(change);
    }

    /// Returns the deployment report as it would be recorded now. Nothing is recorded, counted or made by
    /// that, and it works where telemetry is off, too: then it says why. It looks at the machine and at the
    /// paths that the application named, for at most a second.
    pub fn report(&self) -> Report {
        self.reporter.report()
    }

    /// Records the deployment report now, whenever the last one was. When reports are recorded by themselves
    /// is said with [`Builder::reports`](crate::Builder::reports).
    pub fn report_now(&self) -> Outcome {
        self.reporter.record()
    }

    /// Returns the application's newer release, if the owner of the machine announced one: then a program
    /// may say so when it starts. It looks for a file, and never for a network.
    pub fn release(&self) -> Option<Release> {
        self.reporter.release()
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
    /// a durability other than [`Os`](crate::recording::Durability::Os) it survives a power cut: a sync that began after it
    /// was written has finished. Calls of several threads share a sync. Where telemetry is off there is nothing
    /// to write.
    ///
    /// # Errors
    ///
    /// Returns an error if the disk refuses, if it is not done in time, or if the session ended before everything
    /// was written. What could not be written stays in memory and is tried again.
    ///
    /// Returns an error also if a sync failed, be it one that ran in the background: each call that adds nothing
    /// to what the sync covered, each call that was under way, and if there was none the next call. What a failed
    /// sync covered is in the file but may not survive a power cut, and no later sync can change that; what is
    /// recorded later goes to a new segment, and a call that covers only that returns `Ok` once a call has
    /// returned the failure.
    ///
    /// Returns [`ErrorKind::Off`] while events are refused because what the owner decided cannot
    /// be read any more, as in a process that has run out of file descriptors.
    pub fn flush_within(&self, timeout: Duration) -> Result<()> {
        match self.outlet.recorder() {
            Some(recorder) => recorder.flush(clock::deadline(timeout)),
            None => Ok(()),
        }
    }

    /// Tells how it is.
    pub fn status(&self) -> RecordingStatus {
        let (state, decision, off_because) = match &self.outlet.sink {
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
            && self.path.as_ref().is_some_and(|path| {
                StoredConsent::read_at(path).origin_at(path) == InstallationOrigin::Elsewhere
            });
        RecordingStatus {
            is_recording: state.is_recording,
            off_because,
            trouble: state.trouble,
            directory: self.path.clone(),
            grace_left: decision.as_ref().and_then(|decision| decision.grace_left),
            decision,
            installation: state.installation,
            is_copied,
            level: self.outlet.level,
            counts: state.counts,
        }
    }

    /// Stores the answer of the person whom the application asked, for this profile and from now on.
    /// [`Undecided`](Consent::Undecided) takes an earlier answer back. Whoever is stronger stays stronger.
    /// A handle that records obeys within a second; one that was opened without consent goes on without
    /// unless it is [watching](crate::recording::Watching). Whether to ask at all is in [`RecordingStatus::decision`].
    ///
    /// ```no_run
    /// use localtel::{Consent, Telemetry};
    ///
    /// let telemetry = Telemetry::builder("myapp").open();
    /// let decision = telemetry.status().decision;
    /// if decision.is_some_and(|decision| decision.state == Consent::Undecided) {
    ///     let answer = Consent::Enabled; // What the person said.
    ///     telemetry.set_consent(answer)?;
    /// }
    /// # Ok::<(), localtel::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the directory is not known or cannot be made or written, or if a newer version stored a
    /// choice there.
    pub fn set_consent(&self, choice: Consent) -> Result<()> {
        let Some(path) = self.directory() else {
            return self.require();
        };
        let by = format!("{} asked", self.outlet.source);
        let site = ConsentDirectory {
            path,
            location: self.location.as_ref(),
        };
        set_consent_of(site, Scope::Profile, choice, &by, clock::now())?;
        Ok(())
    }

    /// Returns where events are recorded, or would be.
    pub fn directory(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns what reports for this handle.
    pub(crate) fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Returns what records, where something is recorded or may come to be.
    pub(crate) fn outlet(&self) -> &Arc<Outlet> {
        &self.outlet
    }

    /// Ends the session: writes what is still in memory, waits for it at most so long, and returns what
    /// became of all events. Dropping the handle does the same with five seconds.
    pub fn close(self, timeout: Duration) -> Counts {
        self.ending.end(clock::deadline(timeout));
        let recorder = self.outlet.recorder();
        recorder.map_or_else(Counts::default, |recorder| recorder.state().0.counts)
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
        self.ending.end(clock::deadline(FLUSH_WAIT));
    }
}

/// How long a flush and the end wait: a disk that takes no line in five seconds takes none in ten, and
/// nobody waits longer for a program to end.
const FLUSH_WAIT: Duration = Duration::from_secs(5);
