//! The reporter: what one handle reports, and when. It collects what the application says and counts, makes
//! reports of it, and records one when it is due; a thread of its own waits for that only where the
//! application asked for it. What stands in a report is the parent's business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::counters::{Counters, Snapshot};
use super::{Deployment, Machine, Parts, Recording, Report};
use crate::clock;
use crate::consent::Stored;
use crate::draft::Draft;
use crate::encode::Own;
use crate::environment::Environment;
use crate::history::{History, claim_report, give_back_report, note_version};
use crate::outlet::{Outlet, Sink};
use crate::policy::owner::OwnerFile;
use crate::record::{OWN_TARGET, Properties};
use crate::recorder::Offer;
use crate::release::Release;
use crate::store::disk::{Access, Directory};
use crate::store::volume::VolumeLimits;

/// When reports are recorded. When the last one was is remembered in the directory, so that many short-lived
/// processes record one between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Reports {
    /// Only when the application says so, with [`record_report`](crate::Telemetry::record_report).
    #[default]
    OnRequest,
    /// When telemetry is opened, if the last one is at least so long ago.
    AtStart(Duration),
    /// When telemetry is opened, if the last one is at least so long ago, and then again and again, so long
    /// after each other: a quiet thread waits for that.
    Every(Duration),
}

/// What one handle reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    outlet: Arc<Outlet>,
    /// Where it records, or would; unknown if telemetry could not even get that far.
    path: Option<PathBuf>,
    version: Option<String>,
    started: OffsetDateTime,
    deployment: Mutex<Deployment>,
    /// Made with the first count: most applications count nothing.
    counters: OnceLock<Counters>,
    /// How many withdrawals of consent the counters have obeyed.
    withdrawals: AtomicU64,
    /// Held while a report is recorded: counts are settled by one at a time.
    reporting: Mutex<()>,
}

/// The thread that waits for reports to be due. It ends with this.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// The process that has the thread; one forked from it has none.
    process: u32,
    /// Closed to end it.
    until: Option<SyncSender<()>>,
    /// Closed when it has ended.
    ended: Mutex<Receiver<()>>,
}

impl Reporter {
    /// Returns what reports on that outlet.
    pub(crate) fn new(
        outlet: Arc<Outlet>,
        path: Option<PathBuf>,
        version: Option<String>,
        deployment: Deployment,
    ) -> Self {
        Self {
            outlet,
            path,
            version,
            started: clock::now(),
            deployment: Mutex::new(deployment),
            counters: OnceLock::new(),
            withdrawals: AtomicU64::new(0),
            reporting: Mutex::new(()),
        }
    }

    /// Returns the application's version, if it told it.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns what the application says of its installation.
    pub(crate) fn deployment(&self) -> MutexGuard<'_, Deployment> {
        self.deployment
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what the application says of its installation.
    pub(crate) fn describe(&self, change: impl FnOnce(Deployment) -> Deployment) {
        // The application's code runs without the lock, in case it panics or asks for a report.
        let changed = change(self.deployment().clone());
        *self.deployment() = changed;
    }

    /// Adds to a counter, where anything is recorded.
    pub(crate) fn count(&self, count: impl FnOnce(&Counters)) {
        if self.outlet.is_open() {
            count(self.counters.get_or_init(Counters::new));
        }
    }

    /// Returns the report as it would be recorded now. Nothing changes by that.
    pub(crate) fn report(&self) -> Report {
        self.report_with(self.unreported().as_ref())
    }

    fn report_with(&self, counted: Option<&Snapshot>) -> Report {
        let stored = self.path.as_deref().map(Stored::read_at);
        let installation = stored.as_ref().and_then(Stored::installation);
        let (recorded_as, recording) = match self.outlet.sink() {
            Sink::Off(because) => (
                None,
                Recording::Off {
                    because: because.clone(),
                },
            ),
            Sink::Recorder(recorder) => {
                let (state, decision) = recorder.state();
                let recording = if state.is_recording {
                    Recording::On
                } else {
                    Recording::Off {
                        because: decision.reason(),
                    }
                };
                (state.installation, recording)
            }
        };
        let history = self.path.as_deref().map(History::read_at);
        let owner = self.path.as_deref().map(OwnerFile::read_at);
        let deployment = self.deployment().clone();
        let errors = counted.map(Snapshot::errors).unwrap_or_default();
        let errors: BTreeMap<String, u64> = serde_json::from_value(errors).unwrap_or_default();
        Report::new(Parts {
            installation: recorded_as.or(installation.map(|installation| installation.id)),
            installed: installation.and_then(|installation| installation.made),
            started: Some(self.started),
            source: self.outlet.source(),
            version: self.version(),
            deployment: &deployment,
            owner_metadata: &owner.map(OwnerFile::into_metadata).unwrap_or_default(),
            machine: &Machine::look(&Environment::of_process()),
            volumes: &deployment.volumes(VolumeLimits::default()),
            counters: counted.map(Snapshot::counters).unwrap_or_default(),
            errors: &errors,
            since: history.and_then(|history| history.reported),
            recording: &recording,
            line_bytes_max: self.outlet.limits().line_bytes_max(),
            now: clock::now(),
        })
    }

    /// Returns what was counted and not yet reported, if anything. What was counted before consent was
    /// withdrawn is forgotten, and so is in a forked child what its parent counted: it reports that itself.
    fn unreported(&self) -> Option<Snapshot> {
        let counters = self.counters.get()?;
        let recorder = self.outlet.recorder()?;
        if !recorder.is_own_process() {
            return None;
        }
        let withdrawals = recorder.withdrawals();
        if self.withdrawals.swap(withdrawals, Ordering::Relaxed) != withdrawals {
            counters.forget();
        }
        Some(counters.unreported()).filter(|snapshot| !snapshot.is_empty())
    }

    /// Records a report now.
    pub(crate) fn record(&self) -> Offer {
        let _one_at_a_time = self
            .reporting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !self.outlet.is_open() {
            return self.outlet.refuse();
        }
        let counted = self.unreported();
        let properties = self.report_with(counted.as_ref()).properties();
        let offer = self.record_own("report", properties);
        if let (Some(counters), Some(counted)) = (self.counters.get(), counted)
            && offer == Offer::Recorded
        {
            counters.settle(&counted);
        }
        offer
    }

    /// Records something on behalf of the application, under our own target.
    pub(crate) fn record_own(&self, event: &str, properties: Properties) -> Offer {
        let mut draft = Draft::new(event).target(OWN_TARGET);
        draft.properties = properties;
        self.outlet.record(&draft, Own::OnBehalf)
    }

    /// Records a report if one is due and nobody else records it.
    fn record_if_due(&self, every: Duration) {
        let Some(directory) = self.directory() else {
            return;
        };
        let claimed = clock::now();
        if !matches!(claim_report(&directory, every, claimed, soon()), Ok(true)) {
            return;
        }
        match self.record() {
            Offer::Recorded => {}
            Offer::Refused | Offer::Dropped => {
                // If even that cannot be written, the next report comes after the usual time.
                let _given_back = give_back_report(&directory, claimed, soon());
            }
        }
    }

    /// Returns the directory, where something is recorded at this moment.
    fn directory(&self) -> Option<Directory> {
        let recorder = self.outlet.recorder()?;
        if !recorder.state().0.is_recording {
            return None;
        }
        Directory::open(self.path.as_deref()?, Access::Write).ok()
    }

    /// Records that another version of the application recorded before, if one did.
    pub(crate) fn note_version(&self) {
        let Some(version) = self.version() else {
            return;
        };
        let Some(directory) = self.directory() else {
            return;
        };
        if let Ok(Some(before)) = note_version(&directory, version, soon()) {
            let properties = [("from", before.as_str()), ("to", version)];
            let _offer = self.record_own("version", properties.into_iter().collect());
        }
    }

    /// Returns the newer release that the owner announced, if there is one.
    pub(crate) fn release(&self) -> Option<Release> {
        newer_release(self.path.as_deref()?, self.version()?)
    }

    /// Returns what is to be said at the end of what was counted and not reported.
    pub(crate) fn ending(&self) -> Properties {
        let Some(counted) = self.unreported() else {
            return Properties::default();
        };
        let said = [
            ("counters", counted.counters()),
            ("errors", counted.errors()),
        ];
        let said = said.into_iter();
        said.filter(|(_, value)| value.as_object().is_some_and(|value| !value.is_empty()))
            .collect()
    }

    /// Records a report if one is due, and has a thread wait for the next ones where that was asked for.
    /// Where the system has no thread to give, reports are recorded at the start only.
    pub(crate) fn begin(reporter: &Arc<Self>, reports: Reports) -> Option<Waiting> {
        match reports {
            Reports::OnRequest => None,
            Reports::AtStart(every) => {
                reporter.record_if_due(every);
                None
            }
            Reports::Every(every) => {
                reporter.outlet.recorder()?;
                Waiting::start(reporter, every).or_else(|| {
                    reporter.record_if_due(every);
                    None
                })
            }
        }
    }
}

/// Returns the release that the owner of that directory announced, if it is newer than that version.
pub(crate) fn newer_release(path: &Path, version: &str) -> Option<Release> {
    let release = Release::read_at(path).ok().flatten()?;
    release.is_newer_than(version).then_some(release)
}

impl Waiting {
    fn start(reporter: &Arc<Reporter>, every: Duration) -> Option<Self> {
        let reporter = Arc::clone(reporter);
        let (until, is_over) = sync_channel::<()>(0);
        let (ending, ended) = sync_channel::<()>(0);
        let pause = every.clamp(PAUSE_LEAST, PAUSE_MOST);
        let wait = move || {
            let _ending = ending;
            loop {
                reporter.record_if_due(every);
                if is_over.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("localtel-report".to_owned());
        thread.spawn(wait).ok()?;
        Some(Self {
            process: std::process::id(),
            until: Some(until),
            ended: Mutex::new(ended),
        })
    }
}

impl Drop for Waiting {
    /// Waits for the end of a report that is being made, though not for ever.
    fn drop(&mut self) {
        drop(self.until.take());
        if self.process != std::process::id() {
            return;
        }
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ended = ended.recv_timeout(END_WAIT);
    }
}

fn soon() -> Instant {
    Instant::now() + LOCK_WAIT
}

/// How often the thread looks whether a report is due: a process may have been asleep, or another one may
/// have recorded it. Twice an hour is nothing, and a second is the least for tests and demonstrations.
const PAUSE_MOST: Duration = Duration::from_mins(30);
const PAUSE_LEAST: Duration = Duration::from_secs(1);

/// How long the end of a handle waits for that thread: as long as volumes may take, and a bit.
const END_WAIT: Duration = Duration::from_secs(2);

/// How long the directory's lock is waited for. Other writers hold it for well under a millisecond.
const LOCK_WAIT: Duration = Duration::from_millis(100);
