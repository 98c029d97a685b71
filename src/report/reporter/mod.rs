//! The reporter: creates and records the reports of one handle. It collects the application's
//! description and counts, creates reports from them, and records one when it is due; it has a
//! thread to wait for that only if the application requests it. The contents of a report are
//! defined in the parent module.
//!
//! Slow facts, on the machine and on paths, are collected before any lock is taken. Under the lock
//! the counts are read, recorded and settled, so that no count is in two reports. A forked child
//! may find locks held by threads that it does not have: it never waits long for one.

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

/// When reports are recorded. The time of the last one is stored in the directory, so that many
/// short-lived processes record one between them. Recording one takes as long as
/// [`report`](crate::Telemetry::report) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Reports {
    /// Only when the application calls [`report_now`](crate::Telemetry::report_now).
    #[default]
    OnRequest,
    /// When telemetry is opened, if the last one is at least that old; before opening returns.
    AtStart(Duration),
    /// Soon after telemetry is opened, if there is no report or the last one is at least that old,
    /// and then repeatedly, with that time in between, at most once a second. A background thread
    /// does that, if anything is recorded, or may be later because the process is
    /// [watching](crate::recording::Watching).
    Every(Duration),
    /// Often at first and rarely later, as `TimescaleDB` does: when telemetry is opened, before
    /// opening returns, and then from a thread as with `Every`. The first twelve reports of an
    /// installation are an hour apart, however they were requested, and all later ones a day; each
    /// wait is up to an eighth longer, at random, so that programs that were started together do
    /// not report together.
    HourlyThenDaily,
}

/// The reports of one handle.
#[derive(Debug)]
pub(crate) struct Reporter {
    outlet: Arc<Outlet>,
    /// The directory in which it records, or would; unknown if opening failed before it was known.
    path: Option<PathBuf>,
    version: Option<String>,
    started: OffsetDateTime,
    /// The process with the threads that may hold the locks; one forked from it has none of them.
    process: u32,
    deployment: Mutex<Deployment>,
    /// Held while the deployment is changed, so that changes are serialised.
    describing: Mutex<()>,
    /// The counters, if anything is recorded or may be later.
    counters: Option<Counters>,
    /// Held while a report is recorded, so that counts are settled by one thread at a time.
    reporting: Mutex<()>,
}

/// The facts of a report that are slow to collect.
#[derive(Debug)]
struct CollectedFacts {
    installation: Option<Installation>,
    /// The owner's changes to the metadata, or why they are not known: rows that the owner leaves
    /// out must not be recorded because a file could not be read.
    owner_metadata: Result<BTreeMap<String, OwnerMetadata>, String>,
    deployment: Deployment,
    machine: Machine,
    volumes: BTreeMap<String, Volume>,
}

impl Reporter {
    /// Returns the reporter of that outlet.
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

    /// Returns the application's version, if it has set one.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the commit that the application was built from, and its installer, for records of
    /// commands.
    pub(crate) fn built_and_installed(&self) -> (Option<String>, Option<String>) {
        self.lock(&self.deployment)
            .map(|deployment| deployment.built_and_installed())
            .unwrap_or_default()
    }

    /// Returns the application's description of its installation.
    fn deployment(&self) -> Deployment {
        self.lock(&self.deployment)
            .map(|deployment| deployment.clone())
            .unwrap_or_default()
    }

    /// Changes the application's description of its installation.
    pub(crate) fn update_deployment(&self, change: impl FnOnce(Deployment) -> Deployment) {
        // One change at a time, or one of two would be lost; a change within a change is made
        // nevertheless.
        let _one_at_a_time = lock_until(&self.describing, soon());
        // The application's code runs without the lock, in case it panics or requests a report.
        let changed = change(self.deployment());
        if let Some(mut deployment) = self.lock(&self.deployment) {
            *deployment = changed;
        }
    }

    /// Takes a lock. In a forked child, a lock that a thread of the parent held is held for ever:
    /// it continues without it.
    fn lock<'m, T>(&self, mutex: &'m Mutex<T>) -> Option<MutexGuard<'m, T>> {
        if self.process == std::process::id() {
            // A poisoned lock is ignored: it guards a value that is replaced as a whole.
            return Some(mutex.lock().unwrap_or_else(PoisonError::into_inner));
        }
        lock_until(mutex, soon())
    }

    /// Returns a handle on a series, which counts nothing if nothing can be recorded.
    pub(crate) fn counter(
        &self,
        family: Family,
        name: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> Counter {
        let counters = self.counters.as_ref();
        counters.map_or_else(Counter::default, |it| it.counter(family, name, labels))
    }

    /// Returns the counts that were not yet reported, if there are any. In a forked child that has
    /// recorded nothing yet there are none: the parent reports its counts itself.
    fn unreported(&self) -> Option<Snapshot> {
        if !self.outlet.recorder()?.has_begun_here() {
            return None;
        }
        let snapshot = self.counters.as_ref()?.unreported()?;
        (!snapshot.is_empty()).then_some(snapshot)
    }

    /// Returns the report as it would be recorded now. Changes nothing.
    pub(crate) fn report(&self) -> Report {
        let facts = self.collect();
        let (recorded_as, mut answer) = self.state();
        if let Err(because) = &facts.owner_metadata
            && answer.recording == Recording::Yes
        {
            answer = RecordingAnswer::not_recorded(because);
        }
        let recorded = Recorded::of(&answer);
        let since = self.reported();
        let counted = self.unreported();
        let make = |recorded| self.make(&facts, since, (recorded_as, recorded), counted.as_ref());
        match self.outlet.policy.get() {
            Some(policy) => make(recorded.under(&policy)).under(&policy, self.outlet.limits),
            // If the changes are not known, nothing may be recorded.
            None => make(Recorded::filtered_out()),
        }
    }

    /// Returns the time of the last report, of any process.
    fn reported(&self) -> Option<OffsetDateTime> {
        self.path
            .as_deref()
            .and_then(|path| History::read_at(path).reported)
    }

    /// Collects the facts from the directory, the machine, and the paths that the application
    /// named.
    fn collect(&self) -> CollectedFacts {
        let path = self.path.as_deref();
        let stored = path.map(StoredConsent::read_at);
        let deployment = self.deployment();
        CollectedFacts {
            installation: stored
                .as_ref()
                .and_then(StoredConsent::installation)
                .cloned(),
            owner_metadata: path.map_or_else(
                || Ok(BTreeMap::new()),
                |path| OwnerFile::read_at(path).into_metadata(),
            ),
            machine: Machine::read(&Environment::of_process()),
            volumes: deployment.volumes(VolumeLimits::default()),
            deployment,
        }
    }

    /// Reads the owner's decision, and returns the installation that records belong to, and whether
    /// anything is recorded.
    fn state(&self) -> (Option<Uuid>, RecordingAnswer) {
        match &self.outlet.sink {
            Sink::Off(off) => (None, RecordingAnswer::not_recorded(off.state().1)),
            Sink::Recorder(recorder) => {
                let (state, decision) = recorder.state();
                let answer = RecordingAnswer::new(state.is_recording, decision.reason());
                (state.installation, answer)
            }
        }
    }

    fn make(
        &self,
        facts: &CollectedFacts,
        since: Option<OffsetDateTime>,
        (recorded_as, recorded): (Option<Uuid>, Recorded),
        counted: Option<&Snapshot>,
    ) -> Report {
        let installation = facts.installation.as_ref();
        let unknown = BTreeMap::new();
        let counted_since =
            counted.and_then(|counted| Timestamp::from_unix_micros(counted.since_micros()));
        Report::new(Parts {
            installation: recorded_as.or(installation.map(|installation| installation.id)),
            installed: installation.and_then(|installation| installation.made),
            started: Some(self.started),
            source: &self.outlet.source,
            version: self.version(),
            deployment: &facts.deployment,
            owner_metadata: facts.owner_metadata.as_ref().unwrap_or(&unknown),
            machine: &facts.machine,
            volumes: &facts.volumes,
            counters: counted.map(Snapshot::counters).unwrap_or_default(),
            errors: counted.map(Snapshot::errors).unwrap_or_default(),
            since,
            counted_since: counted_since.map(Timestamp::to_moment),
            recorded,
            line_bytes_max: self.outlet.limits.line_bytes_max,
            now: clock::now(),
        })
    }

    /// Records a report now, and stores its time.
    pub(crate) fn record(&self) -> Outcome {
        self.record_report(None)
    }

    /// Records a report, on a claim if there is one: then the previous report is the one before the
    /// claim.
    fn record_report(&self, claim: Option<&ReportClaim>) -> Outcome {
        if !self.outlet.is_listening() || !self.outlet.admits_on_behalf(OwnEvent::Report) {
            return self.outlet.refuse();
        }
        let facts = self.collect();
        if facts.owner_metadata.is_err() {
            return self.outlet.refuse();
        }
        let _one_at_a_time = self.lock(&self.reporting);
        // Read after all slow facts: counts whose consent was withdrawn meanwhile are not taken,
        // and of two reports at once the second one has the time of the first.
        let (recorded_as, answer) = self.state();
        let recorded = Recorded::of(&answer);
        let now = clock::now();
        let since = match (self.reported(), claim) {
            (reported, Some(claim)) if reported.is_none_or(|it| claim.is_at(it)) => claim.before,
            (reported, Some(_) | None) => reported,
        };
        let counted = self.unreported();
        let report = self.make(&facts, since, (recorded_as, recorded), counted.as_ref());
        let outcome = self.record_own(OwnEvent::Report, report.properties().clone());
        if outcome == Outcome::Recorded {
            if let Some(counted) = counted {
                counted.settle();
            }
            // The time of a claim is stored already.
            if let (None, Some(directory)) = (claim, self.directory()) {
                // If that cannot be written, the next report comes earlier than it could.
                let _noted = note_report(&directory, now, soon());
            }
        }
        outcome
    }

    /// Records an internal event on behalf of the application, under localtel's target.
    fn record_own(&self, event: OwnEvent, properties: Properties) -> Outcome {
        let mut event = Event::new(event.name()).target(OWN_TARGET);
        event.properties = properties;
        self.outlet.record(&event, Own::OnBehalf)
    }

    /// Records a report if one is due and no other process records it, and returns the time to wait
    /// until the next check.
    fn record_if_due(&self, schedule: Schedule) -> Duration {
        let check = schedule.shortest().min(CHECK_MOST);
        let retry = check.min(RETRY);
        // If the owner's policy admits no reports, none is claimed, and no facts are collected.
        if !self.outlet.admits_on_behalf(OwnEvent::Report) {
            return check;
        }
        let Some(directory) = self.directory() else {
            return check;
        };
        let due_in = |history: &_, now| schedule.due_in(history, now);
        let claim = match claim_report(&directory, due_in, clock::now(), soon()) {
            Ok(Due::Now(claim)) => claim,
            Ok(Due::In(left)) => return left.min(CHECK_MOST),
            Err(_) => return retry,
        };
        match self.record_report(Some(&claim)) {
            Outcome::Recorded => check,
            Outcome::Refused | Outcome::Dropped => {
                // If even that cannot be written, the next report comes after the usual time.
                let _given_back = give_back_report(&directory, &claim, soon());
                retry
            }
        }
    }

    /// Returns the directory, if anything is recorded at this moment.
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
        // If the owner's policy does not admit the event, it stays due until the policy does.
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
                    // If even that cannot be written, the change of version is not recorded.
                    let _given_back = give_back_version(&directory, version, before, soon());
                }
            }
        }
    }

    /// Returns the newer release that the owner announced, if there is one.
    pub(crate) fn release(&self) -> Option<Release> {
        newer_release(self.path.as_deref()?, self.version()?)
    }

    /// Returns the properties for the record of the end: the counts that were not reported, without
    /// those that the policy keeps out of reports. They are not reported again.
    pub(crate) fn ending(&self, deadline: Instant) -> Properties {
        let is_begun = |recorder: &&Recorder| recorder.has_begun_here();
        let Some(recorder) = self.outlet.recorder().filter(is_begun) else {
            return Properties::default();
        };
        // The thread that holds the lock is recording them, or no thread ever will.
        let Some(_one_at_a_time) = lock_until(&self.reporting, deadline) else {
            return Properties::default();
        };
        let _state = recorder.state();
        let (Some(counted), Some(policy)) = (self.unreported(), self.outlet.policy.get()) else {
            return Properties::default();
        };
        counted.settle();
        let is_reported = |name: &str| match policy.verdict(name).bare {
            Action::Keep | Action::Redact => self.outlet.admits_on_behalf(OwnEvent::Report),
            Action::Hash | Action::Mask | Action::Drop => false,
        };
        let mut properties = Properties::default();
        let mut omitted = Map::new();
        for (name, value) in [
            ("counters", counted.counters()),
            ("errors", counted.errors()),
        ] {
            let Value::Object(counts) = value else {
                continue;
            };
            // Small enough that the record of the end is never cut.
            let bytes_max = self.outlet.limits.line_bytes_max / 8;
            let (entries, left_out) = fit(counts, bytes_max);
            if is_reported(name) && !entries.is_empty() {
                let counts = Value::Object(entries.into_iter().collect());
                if let Some(counts) = as_recorded(name, &counts, self.outlet.limits, &policy) {
                    properties.set(name, counts);
                }
            }
            if is_reported(name) && left_out > 0 {
                omitted.insert(name.to_owned(), left_out.into());
            }
        }
        if !omitted.is_empty() {
            properties.set("omitted", omitted);
        }
        properties
    }

    /// Records a report if one is due, and starts a thread for the next ones if that was requested.
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

    /// Starts a thread that records a report whenever one is due. If the system cannot start a
    /// thread, one that is due now is recorded at once.
    fn wait(reporter: &Arc<Self>, schedule: Schedule) -> Option<Waiting> {
        reporter.outlet.recorder()?;
        let waiting = Arc::clone(reporter);
        Waiting::start(move || waiting.record_if_due(schedule)).or_else(|| {
            reporter.record_if_due(schedule);
            None
        })
    }
}

/// Returns the release that the owner of that directory announced, if it is newer than that
/// version.
pub(crate) fn newer_release(path: &Path, version: &str) -> Option<Release> {
    let release = Release::read_at(path).ok().flatten()?;
    release.is_newer_than(version).then_some(release)
}

fn soon() -> Instant {
    clock::deadline(LOCK_WAIT)
}

/// The longest time between two checks whether a report is due: the process may have been asleep,
/// or telemetry off. Two checks an hour cost nothing.
const CHECK_MOST: Duration = Duration::from_mins(30);

/// The shortest time between two reports: a second is too short in practice; tests and
/// demonstrations may use it.
const EVERY_LEAST: Duration = Duration::from_secs(1);

/// The time until a report that found no room, or a locked history, is retried.
const RETRY: Duration = Duration::from_mins(1);

/// The time to wait for a lock, the directory's or one of the process. Others hold them for well
/// under a millisecond.
const LOCK_WAIT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
