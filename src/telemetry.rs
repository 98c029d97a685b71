//! The handle of an application. It provides layers, records events, flushes, returns its status,
//! and ends the session when it is dropped. `builder` opens it.

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

/// Telemetry of one application: open it at the start, and keep it until the end. Dropping it
/// writes everything that is still in memory, and so does the end of the process if it is never
/// dropped: see [`Builder::open`](crate::Builder::open).
///
/// ```no_run
/// use tracing_subscriber::prelude::*;
///
/// // Events and spans from INFO up are recorded.
/// // `.level(localtel::Level::Debug)` before `open` records more.
/// let telemetry = localtel::Telemetry::builder("myapp").version("1.2.0").open();
/// tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter())).init();
/// tracing::info!(name: "command", command = "project-list", duration = 871, result = "SUCCESS");
/// ```
#[derive(Debug)]
#[must_use = "the session ends when the handle is dropped, and nothing is recorded after that"]
pub struct Telemetry {
    outlet: Arc<Outlet>,
    /// The directory of the records; `None` if it could not be determined.
    path: Option<PathBuf>,
    /// The application and profile of the directory.
    location: Option<ApplicationProfile>,
    reporter: Arc<Reporter>,
    ending: Arc<Ending>,
}

/// The status of a handle: whether it records, the reason, the directory, and the outcomes of the
/// events so far.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordingStatus {
    /// Whether events are recorded.
    pub is_recording: bool,
    /// The reason why they are not, if they are not. If recording was allowed after a process
    /// started that does not [watch](crate::recording::Watching), it describes that.
    pub off_because: Option<String>,
    /// The reason why the last write, or the last attempt to read the owner's decision, failed, if
    /// it did. After a failed write events wait in memory, as long as there is room. If the
    /// decision cannot be read, the last one applies for some five seconds; after that events are
    /// refused until it can be read.
    pub trouble: Option<String>,
    /// The directory where they are recorded, or would be.
    pub directory: Option<PathBuf>,
    /// The decision, and its origin. A process that started without consent does not apply a later
    /// decision, unless it is [watching](crate::recording::Watching).
    pub decision: Option<Decision>,
    /// The installation id, while events are recorded.
    pub installation: Option<Uuid>,
    /// Whether the directory was created on another machine or by another user, as in a copied
    /// home, so that others use the same installation id. `localtel reset` removes the id, and a
    /// new one is created.
    pub is_copied: bool,
    /// The remaining time in which nothing is recorded, if the application has a grace period.
    pub grace_left: Option<Duration>,
    /// The lowest level of the events and spans of `tracing` that layers record; a policy may set a
    /// higher one.
    pub level: Level,
    /// Numbers of events by outcome, since the handle was opened in this process.
    pub counts: Counts,
}

impl Telemetry {
    /// Creates the handle of an outlet, with its location, if known.
    pub(crate) fn new(
        outlet: Outlet,
        place: Option<(PathBuf, ApplicationProfile)>,
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
            reporter,
            ending,
        }
    }

    /// Returns a layer for any subscriber of `tracing_subscriber`: `registry()`, `fmt()`, boxed or
    /// in `reload::Layer`, before and after other layers. It is `None` if nothing can be recorded
    /// in this process; a handle that is [watching](crate::recording::Watching) has one even before
    /// there is consent. If one handle has several layers, in one subscriber or in several, each
    /// event is recorded once for each layer that receives it.
    ///
    /// Without a filter, the layer makes `tracing` create each event and span of each dependency,
    /// even those that it then ignores. In a `registry()`, add [`filter`](Self::filter), and events
    /// that are not recorded cost what they cost without localtel:
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
    /// Per-layer filters work neither on `fmt()` nor in `reload::Layer`; use the layer without a
    /// filter there:
    ///
    /// ```no_run
    /// use tracing_subscriber::prelude::*;
    ///
    /// let telemetry = localtel::Telemetry::builder("myapp").open();
    /// tracing_subscriber::fmt().finish().with(telemetry.layer()).init();
    /// ```
    ///
    /// The level and the filter of `fmt()` then apply to this layer, too. Add the layer by `with`,
    /// or first in an `and_then`: in tracing-subscriber 0.3, `and_then` uses the maximum level of
    /// its second layer for both, and this one may be `None`. For a subscriber that is installed
    /// before telemetry is opened, use [`LaterTelemetry`](crate::recording::LaterTelemetry).
    pub fn layer(&self) -> Option<Layer> {
        let layer = || Layer::new(Arc::clone(&self.outlet));
        self.outlet.is_listening().then(layer)
    }

    /// Returns the per-layer filter for [`layer`](Self::layer): with it, events that would not be
    /// recorded cost nothing.
    pub fn filter(&self) -> RecordFilter {
        RecordFilter::new(Arc::clone(&self.outlet))
    }

    /// Records an event that does not come from `tracing`.
    pub fn record(&self, event: &Event) -> Outcome {
        self.outlet.record(event, Own::Application)
    }

    /// Returns a handle on a counter. Its value is not a line of its own: it is part of the next
    /// report, and counts that no report contains are part of the record at the session's end.
    /// Create it once and keep it: counting is then one atomic addition, without a lock or a
    /// search. Where telemetry is off nothing is counted.
    ///
    /// Each combination of labels is a series of the counter. All counters together have at most
    /// 1,000 series; further ones are added up under the name `other`. Every name and every value
    /// is a string constant of the program:
    ///
    /// ```
    /// # let telemetry = localtel::Telemetry::builder("myapp").open();
    /// let queries = telemetry.counter("queries", [("command", "find"), ("result", "ok")]);
    /// queries.add(1);
    /// ```
    ///
    /// so that text from a remote client cannot become one:
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

    /// Returns a handle on the counter of errors with that code. As any [`counter`](Self::counter),
    /// it is part of the next report; no line is recorded for it.
    ///
    /// ```
    /// # let telemetry = localtel::Telemetry::builder("myapp").open();
    /// telemetry.error_counter("22P02").add(1);
    /// ```
    pub fn error_counter(&self, code: &'static str) -> Counter {
        self.reporter.counter(Family::Error, code, &[])
    }

    /// Changes the application's description of its installation: facts that become known later, or
    /// change while it runs.
    ///
    /// ```
    /// # let telemetry = localtel::Telemetry::builder("myapp").open();
    /// telemetry.update_deployment(|deployment| deployment.extension("postgis", true));
    /// ```
    pub fn update_deployment(&self, change: impl FnOnce(Deployment) -> Deployment) {
        self.reporter.update_deployment(change);
    }

    /// Returns the deployment report as it would be recorded now. Nothing is recorded, counted or
    /// created by this call. It also works where telemetry is off, and then contains the reason. It
    /// examines the machine, and the paths that the application set, for at most a second.
    pub fn report(&self) -> Report {
        self.reporter.report()
    }

    /// Records the deployment report now, whenever the last one was recorded.
    /// [`Builder::reports`](crate::Builder::reports) sets when reports are recorded automatically.
    pub fn report_now(&self) -> Outcome {
        self.reporter.record()
    }

    /// Returns the application's newer release, if the owner of the machine announced one, so that
    /// a program may mention it when it starts. It reads a file, and never uses a network.
    pub fn release(&self) -> Option<Release> {
        self.reporter.release()
    }

    /// Writes everything recorded before the call and waits for it, for at most five seconds.
    ///
    /// # Errors
    ///
    /// See [`flush_within`](Self::flush_within).
    pub fn flush(&self) -> Result<()> {
        self.flush_within(FLUSH_WAIT)
    }

    /// Writes everything recorded before the call and waits for it: after `Ok` it is in the file.
    /// With a durability other than [`Os`](crate::recording::Durability::Os) it also survives a
    /// power cut: a sync that began after it was written has finished. Calls of several threads
    /// share a sync. Where telemetry is off there is nothing to write.
    ///
    /// # Errors
    ///
    /// Returns an error if the disk refuses, if writing does not finish in time, or if the session
    /// ended before everything was written. Lines that could not be written stay in memory and are
    /// tried again.
    ///
    /// Also returns an error if a sync failed, even one in the background. The failure is returned
    /// by each call that covers nothing beyond that sync, by each call that was under way, and, if
    /// there was none, by the next call. Lines that a failed sync covered are in the file but may
    /// not survive a power cut, and no later sync can change that. Later lines go to a new segment,
    /// and a call that covers only those returns `Ok` once a call has returned the failure.
    ///
    /// Returns [`ErrorKind::Off`] while events are refused because the owner's decision can no
    /// longer be read, as in a process that has run out of file descriptors.
    pub fn flush_within(&self, timeout: Duration) -> Result<()> {
        match self.outlet.recorder() {
            Some(recorder) => recorder.flush(clock::deadline(timeout)),
            None => Ok(()),
        }
    }

    /// Returns the status of the handle.
    ///
    /// ```
    /// use localtel::{Consent, Telemetry};
    ///
    /// let telemetry = Telemetry::builder("myapp").flag(Consent::Disabled).open();
    /// let status = telemetry.status();
    /// assert!(!status.is_recording);
    /// if let Some(reason) = status.off_because {
    ///     println!("telemetry is off: {reason}");
    /// }
    /// ```
    pub fn status(&self) -> RecordingStatus {
        let (state, decision, off_because) = match &self.outlet.sink {
            Sink::Recorder(recorder) => {
                let (state, decision) = recorder.state();
                let off_because = (!state.is_recording).then(|| decision.reason());
                (state, Some(decision), off_because)
            }
            Sink::Off(off) => {
                let (decision, reason) = off.state();
                (RecorderState::default(), decision, Some(reason))
            }
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

    /// Returns `true` if events are recorded now, as [`RecordingStatus::is_recording`] does,
    /// without determining the rest of the status.
    pub fn is_recording(&self) -> bool {
        self.outlet
            .recorder()
            .is_some_and(|it| it.state().0.is_recording)
    }

    /// Stores the answer of the user whom the application asked, for this profile and from now on.
    /// [`Undecided`](Consent::Undecided) removes an earlier answer. Stronger sources of the
    /// decision keep their precedence. A handle that records applies the answer within a second;
    /// one that was opened without consent stays off unless it is
    /// [watching](crate::recording::Watching). [`RecordingStatus::decision`] shows whether to ask
    /// at all.
    ///
    /// ```no_run
    /// use localtel::{Consent, Telemetry};
    ///
    /// let telemetry = Telemetry::builder("myapp").open();
    /// let decision = telemetry.status().decision;
    /// if decision.is_some_and(|decision| decision.state == Consent::Undecided) {
    ///     let answer = Consent::Enabled; // The user's answer.
    ///     telemetry.set_consent(answer)?;
    /// }
    /// # Ok::<(), localtel::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the directory is not known, as in a build with the feature `off`, if it
    /// cannot be created or written, or if a newer version stored a choice there.
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

    /// Returns the directory where events are recorded, or would be.
    pub fn directory(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the reporter of this handle.
    pub(crate) fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Returns the outlet of this handle.
    pub(crate) fn outlet(&self) -> &Arc<Outlet> {
        &self.outlet
    }

    /// Ends the session: writes everything that is still in memory, waits for it for at most
    /// `timeout`, and returns the outcomes of all events. Dropping the handle does the same with
    /// five seconds.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use localtel::{Consent, Telemetry};
    ///
    /// let telemetry = Telemetry::builder("myapp").flag(Consent::Disabled).open();
    /// let counts = telemetry.close(Duration::from_secs(1));
    /// let lost = counts.dropped + counts.failed;
    /// println!("{lost} of {} events were lost", counts.offered());
    /// ```
    pub fn close(self, timeout: Duration) -> Counts {
        self.ending.end(clock::deadline(timeout));
        let recorder = self.outlet.recorder();
        recorder.map_or_else(Counts::default, |recorder| recorder.state().0.counts)
    }

    /// Checks that telemetry is on.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if telemetry is off.
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

/// The time that a flush and the end wait: a disk that takes no line in five seconds takes none in
/// ten, and the end of a program must not take longer.
const FLUSH_WAIT: Duration = Duration::from_secs(5);
