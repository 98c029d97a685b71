//! The reporter: what one handle reports, and when. It collects what the application says and counts, makes
//! reports of it, and records one when it is due; a thread of its own waits for that only where the
//! application asked for it. What stands in a report is the parent's business.
//!
//! What takes time, a look at the machine and at paths, is learnt before any lock is taken. Under the lock
//! the counts are taken, recorded and settled, so that none stands in two reports. A forked child finds locks
//! held by threads that it has not got: there nobody waits for one for long.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::counters::{Counter, Counters, Family, Snapshot};
use super::schedule::Schedule;
use super::text::fit;
use super::waiting::Waiting;
use super::{Deployment, Machine, Parts, Recorded, Report};
use crate::clock;
use crate::consent::{Installation, Recording, RecordingAnswer, StoredConsent};
use crate::encode::{Own, as_recorded};
use crate::environment::Environment;
use crate::event::Event;
use crate::history::{
    Due, History, ReportClaim, claim_report, give_back_report, give_back_version, note_report,
    note_version,
};
use crate::outlet::{Outlet, Sink};
use crate::policy::Action;
use crate::policy::owner::{OwnerFile, OwnerMetadata};
use crate::probe::{Volume, VolumeLimits};
use crate::record::own::{OWN_TARGET, OwnEvent};
use crate::record::{Properties, Timestamp};
use crate::recorder::{Outcome, Recorder, lock_until};
use crate::release::Release;
use crate::store::disk::{Access, Directory};

/// When reports are recorded. When the last one was is remembered in the directory, so that many short-lived
/// processes record one between them. One takes as long as [`report`](crate::Telemetry::report) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Reports {
    /// Only when the application says so, with [`report_now`](crate::Telemetry::report_now).
    #[default]
    OnRequest,
    /// When telemetry is opened, if the last one is at least so long ago; before opening returns.
    AtStart(Duration),
    /// When telemetry is opened, if the last one is at least so long ago, and then again and again, so long
    /// after each other, at most one a second. A quiet thread does that, where anything is recorded, or may
    /// come to be because the process is [watching](crate::recording::Watching).
    Every(Duration),
    /// Often at first and rarely later, as `TimescaleDB` does: when telemetry is opened, before opening returns, and then
    /// from a thread as with `Every`. The first twelve reports of an installation are an hour apart, whatever asked for
    /// them, and all later ones a day; each wait is up to an eighth longer, by chance, so that programs that were started
    /// together do not report together.
    HourlyThenDaily,
}

/// What one handle reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    outlet: Arc<Outlet>,
    /// Where it records, or would; unknown if telemetry could not even get that far.
    path: Option<PathBuf>,
    version: Option<String>,
    started: OffsetDateTime,
    /// The process that has the threads which may hold the locks; one forked from it has none of them.
    process: u32,
    deployment: Mutex<Deployment>,
    /// Held while the deployment is changed: changes come one after the other.
    describing: Mutex<()>,
    /// What is counted, where anything is recorded or may come to be.
    counters: Option<Counters>,
    /// Held while a report is recorded: counts are settled by one at a time.
    reporting: Mutex<()>,
}

/// What a report needs and takes time to learn.
#[derive(Debug)]
struct Learnt {
    installation: Option<Installation>,
    /// What the owner changes in the metadata, or why that is not known: what the owner leaves out must not be
    /// recorded because a file could not be read.
    owner_metadata: Result<BTreeMap<String, OwnerMetadata>, String>,
    deployment: Deployment,
    machine: Machine,
    volumes: BTreeMap<String, Volume>,
}

impl Reporter {
    /// Returns what reports on that outlet.
    pub(crate) fn new(
        outlet: Arc<Outlet>,
        path: Option<PathBuf>,
        version: Option<String>,
        deployment: Deployment,
    ) -> Self {
        let started = clock::now();
        let since = Timestamp::of(started).unix_micros();
        let counters = outlet
            .recorder()
            .map(|recorder| Counters::new(recorder.gate(), recorder.withdrawals(), since));
        Self {
            outlet,
            path,
            version,
            started,
            process: std::process::id(),
            deployment: Mutex::new(deployment),
            describing: Mutex::default(),
            counters,
            reporting: Mutex::default(),
        }
    }

    /// Returns the application's version, if it told it.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the commit that it was built from, and what installed it, for records of commands.
    pub(crate) fn built_and_installed(&self) -> (Option<String>, Option<String>) {
        self.lock(&self.deployment)
            .map(|deployment| deployment.built_and_installed())
            .unwrap_or_default()
    }

    /// Returns what the application says of its installation.
    fn deployment(&self) -> Deployment {
        self.lock(&self.deployment)
            .map(|deployment| deployment.clone())
            .unwrap_or_default()
    }

    /// Changes what the application says of its installation.
    pub(crate) fn update_deployment(&self, change: impl FnOnce(Deployment) -> Deployment) {
        // One change at a time, or one of two would be lost; a change within a change goes ahead all the same.
        let _one_at_a_time = lock_until(&self.describing, soon());
        // The application's code runs without the lock, in case it panics or asks for a report.
        let changed = change(self.deployment());
        if let Some(mut deployment) = self.lock(&self.deployment) {
            *deployment = changed;
        }
    }

    /// Takes a lock. In a forked child one that a thread of the parent held is held for ever: it goes without.
    fn lock<'m, T>(&self, mutex: &'m Mutex<T>) -> Option<MutexGuard<'m, T>> {
        if self.process == std::process::id() {
            // A poisoned lock is entered: what it guards is a value that is replaced as a whole.
            return Some(mutex.lock().unwrap_or_else(PoisonError::into_inner));
        }
        lock_until(mutex, soon())
    }

    /// Returns a handle on a series, which counts nothing where nothing can be recorded.
    pub(crate) fn counter(
        &self,
        family: Family,
        name: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> Counter {
        let counters = self.counters.as_ref();
        counters.map_or_else(Counter::default, |it| it.counter(family, name, labels))
    }

    /// Returns what was counted and not yet reported, if anything. In a forked child that has recorded nothing yet
    /// that is nothing: what its parent counted, the parent reports itself.
    fn unreported(&self) -> Option<Snapshot> {
        if !self.outlet.recorder()?.has_begun_here() {
            return None;
        }
        let snapshot = self.counters.as_ref()?.unreported()?;
        (!snapshot.is_empty()).then_some(snapshot)
    }

    /// Returns the report as it would be recorded now. Nothing changes by that.
    pub(crate) fn report(&self) -> Report {
        let learnt = self.learn();
        let (recorded_as, mut answer) = self.state();
        if let Err(because) = &learnt.owner_metadata
            && answer.recording == Recording::Yes
        {
            answer = RecordingAnswer::no(because);
        }
        let recorded = Recorded::of(&answer);
        let since = self.reported();
        let counted = self.unreported();
        let make = |recorded| self.make(&learnt, since, (recorded_as, recorded), counted.as_ref());
        match self.outlet.policy.get() {
            Some(policy) => make(recorded.under(&policy)).under(&policy, self.outlet.limits),
            // Who cannot learn it must not record.
            None => make(Recorded::shut_out()),
        }
    }

    /// Returns when the last report was recorded, by whichever process.
    fn reported(&self) -> Option<OffsetDateTime> {
        self.path
            .as_deref()
            .and_then(|path| History::read_at(path).reported)
    }

    /// Looks at what is stored, at the machine, and at the paths that the application named.
    fn learn(&self) -> Learnt {
        let path = self.path.as_deref();
        let stored = path.map(StoredConsent::read_at);
        let deployment = self.deployment();
        Learnt {
            installation: stored
                .as_ref()
                .and_then(StoredConsent::installation)
                .cloned(),
            owner_metadata: path.map_or_else(
                || Ok(BTreeMap::new()),
                |path| OwnerFile::read_at(path).into_metadata(),
            ),
            machine: Machine::look(&Environment::of_process()),
            volumes: deployment.volumes(VolumeLimits::default()),
            deployment,
        }
    }

    /// Returns as which installation anything is recorded, and whether it is, after a look at what the owner
    /// decided.
    fn state(&self) -> (Option<Uuid>, RecordingAnswer) {
        match &self.outlet.sink {
            Sink::Off(because) => (None, RecordingAnswer::no(because)),
            Sink::Recorder(recorder) => {
                let (state, decision) = recorder.state();
                let answer = RecordingAnswer::new(state.is_recording, decision.reason());
                (state.installation, answer)
            }
        }
    }

    fn make(
        &self,
        learnt: &Learnt,
        since: Option<OffsetDateTime>,
        (recorded_as, recorded): (Option<Uuid>, Recorded),
        counted: Option<&Snapshot>,
    ) -> Report {
        let installation = learnt.installation.as_ref();
        let unknown = BTreeMap::new();
        let counted_since =
            counted.and_then(|counted| Timestamp::from_unix_micros(counted.since_micros()));
        Report::new(Parts {
            installation: recorded_as.or(installation.map(|installation| installation.id)),
            installed: installation.and_then(|installation| installation.made),
            started: Some(self.started),
            source: &self.outlet.source,
            version: self.version(),
            deployment: &learnt.deployment,
            owner_metadata: learnt.owner_metadata.as_ref().unwrap_or(&unknown),
            machine: &learnt.machine,
            volumes: &learnt.volumes,
            counters: counted.map(Snapshot::counters).unwrap_or_default(),
            errors: counted.map(Snapshot::errors).unwrap_or_default(),
            since,
            counted_since: counted_since.map(Timestamp::to_moment),
            recorded,
            line_bytes_max: self.outlet.limits.line_bytes_max,
            now: clock::now(),
        })
    }

    /// Records a report now, and remembers when that was.
    pub(crate) fn record(&self) -> Outcome {
        self.record_report(None)
    }

    /// Records a report, on a claim where there is one: then the report before is the one before the claim.
    fn record_report(&self, claim: Option<&ReportClaim>) -> Outcome {
        if !self.outlet.is_listening() || !self.outlet.admits_on_behalf(OwnEvent::Report) {
            return self.outlet.refuse();
        }
        let learnt = self.learn();
        if learnt.owner_metadata.is_err() {
            return self.outlet.refuse();
        }
        let _one_at_a_time = self.lock(&self.reporting);
        // Looked at after all that took time: what was withdrawn meanwhile is not taken, and of two reports at
        // once the second one knows of the first.
        let (recorded_as, answer) = self.state();
        let recorded = Recorded::of(&answer);
        let now = clock::now();
        let since = match (self.reported(), claim) {
            (reported, Some(claim)) if reported.is_none_or(|it| claim.is_at(it)) => claim.before,
            (reported, Some(_) | None) => reported,
        };
        let counted = self.unreported();
        let report = self.make(&learnt, since, (recorded_as, recorded), counted.as_ref());
        let outcome = self.record_own(OwnEvent::Report, report.properties().clone());
        if outcome == Outcome::Recorded {
            if let Some(counted) = counted {
                counted.settle();
            }
            // A claim is noted already.
            if let (None, Some(directory)) = (claim, self.directory()) {
                // If that cannot be written, the next report comes earlier than it could.
                let _noted = note_report(&directory, now, soon());
            }
        }
        outcome
    }

    /// Records something on behalf of the application, under our own target.
    fn record_own(&self, event: OwnEvent, properties: Properties) -> Outcome {
        let mut event = Event::new(event.name()).target(OWN_TARGET);
        event.properties = properties;
        self.outlet.record(&event, Own::OnBehalf)
    }

    /// Records a report if one is due and nobody else records it, and returns how long to wait until the next
    /// look.
    fn record_if_due(&self, schedule: Schedule) -> Duration {
        let look = schedule.shortest().min(LOOK_MOST);
        let retry = look.min(RETRY);
        // Where the owner wants no reports none is claimed, and the machine is not looked at.
        if !self.outlet.admits_on_behalf(OwnEvent::Report) {
            return look;
        }
        let Some(directory) = self.directory() else {
            return look;
        };
        let due_in = |history: &_, now| schedule.due_in(history, now);
        let claim = match claim_report(&directory, due_in, clock::now(), soon()) {
            Ok(Due::Now(claim)) => claim,
            Ok(Due::In(left)) => return left.min(LOOK_MOST),
            Err(_) => return retry,
        };
        match self.record_report(Some(&claim)) {
            Outcome::Recorded => look,
            Outcome::Refused | Outcome::Dropped => {
                // If even that cannot be written, the next report comes after the usual time.
                let _given_back = give_back_report(&directory, &claim, soon());
                retry
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
        // Where the owner wants no such news, it stays news until the owner does.
        if !self.outlet.admits_on_behalf(OwnEvent::Version) {
            return;
        }
        let Some(directory) = self.directory() else {
            return;
        };
        if let Ok(Some(before)) = note_version(&directory, version, soon()) {
            let properties = [("from", before.as_str()), ("to", version)];
            match self.record_own(OwnEvent::Version, properties.into_iter().collect()) {
                Outcome::Recorded => {}
                Outcome::Refused | Outcome::Dropped => {
                    // If even that cannot be written, the news is lost.
                    let _given_back = give_back_version(&directory, version, before, soon());
                }
            }
        }
    }

    /// Returns the newer release that the owner announced, if there is one.
    pub(crate) fn release(&self) -> Option<Release> {
        newer_release(self.path.as_deref()?, self.version()?)
    }

    /// Returns what is to be said at the end of what was counted and not reported, and is nothing that the
    /// policy keeps out of reports. Nothing of it is reported afterwards.
    pub(crate) fn ending(&self, deadline: Instant) -> Properties {
        let is_begun = |recorder: &&Recorder| recorder.has_begun_here();
        let Some(recorder) = self.outlet.recorder().filter(is_begun) else {
            return Properties::default();
        };
        // Whoever still has it is recording all of it, or nobody ever will.
        let Some(_one_at_a_time) = lock_until(&self.reporting, deadline) else {
            return Properties::default();
        };
        let _looked = recorder.state();
        let (Some(counted), Some(policy)) = (self.unreported(), self.outlet.policy.get()) else {
            return Properties::default();
        };
        counted.settle();
        let is_said = |name: &str| match policy.verdict(name).bare {
            Action::Keep | Action::Redact => self.outlet.admits_on_behalf(OwnEvent::Report),
            Action::Hash | Action::Mask | Action::Drop => false,
        };
        let mut said = Properties::default();
        let mut omitted = Map::new();
        for (name, value) in [
            ("counters", counted.counters()),
            ("errors", counted.errors()),
        ] {
            let Value::Object(counts) = value else {
                continue;
            };
            // So little that the record of the end is never cut.
            let bytes_max = self.outlet.limits.line_bytes_max / 8;
            let (entries, left_out) = fit(counts, bytes_max);
            if is_said(name) && !entries.is_empty() {
                let counts = Value::Object(entries.into_iter().collect());
                if let Some(counts) = as_recorded(name, &counts, self.outlet.limits, &policy) {
                    said.set(name, counts);
                }
            }
            if is_said(name) && left_out > 0 {
                omitted.insert(name.to_owned(), left_out.into());
            }
        }
        if !omitted.is_empty() {
            said.set("omitted", omitted);
        }
        said
    }

    /// Records a report if one is due, and has a thread wait for the next ones where that was asked for.
    pub(crate) fn begin(reporter: &Arc<Self>, reports: Reports) -> Option<Waiting> {
        match reports {
            Reports::OnRequest => None,
            Reports::AtStart(every) => {
                reporter.record_if_due(Schedule::Every(every));
                None
            }
            Reports::Every(every) => Self::wait(reporter, Schedule::Every(every.max(EVERY_LEAST))),
            Reports::HourlyThenDaily => {
                reporter.record_if_due(Schedule::HourlyThenDaily);
                Self::wait(reporter, Schedule::HourlyThenDaily)
            }
        }
    }

    /// Has a thread record a report whenever one is due. Where the system has no thread to give, one that is due now is
    /// recorded at once.
    fn wait(reporter: &Arc<Self>, schedule: Schedule) -> Option<Waiting> {
        reporter.outlet.recorder()?;
        let waiting = Arc::clone(reporter);
        Waiting::start(move || waiting.record_if_due(schedule)).or_else(|| {
            reporter.record_if_due(schedule);
            None
        })
    }
}

/// Returns the release that the owner of that directory announced, if it is newer than that version.
pub(crate) fn newer_release(path: &Path, version: &str) -> Option<Release> {
    let release = Release::read_at(path).ok().flatten()?;
    release.is_newer_than(version).then_some(release)
}

fn soon() -> Instant {
    clock::deadline(LOCK_WAIT)
}

/// How often it is looked whether a report is due: a process may have been asleep, or telemetry off. Twice an
/// hour is nothing.
const LOOK_MOST: Duration = Duration::from_mins(30);

/// No report is of use a second after another one; tests and demonstrations may want it.
const EVERY_LEAST: Duration = Duration::from_secs(1);

/// After how long a report is tried again that found no room, or a history that was locked.
const RETRY: Duration = Duration::from_mins(1);

/// How long a lock is waited for, the directory's or one of the process. Others hold them for well under a
/// millisecond.
const LOCK_WAIT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
