//! Tests of reporting that need more than the handle: a claim without a report, and forked
//! children.

use super::*;
use crate::encode::LineLimits;
use crate::outlet::{DEFAULT_LEVEL, Echo};
use crate::recorder::Delivery;
use crate::recorder::tests::{fork, settings};
use crate::spans::Spans;
use crate::store::limits::Limits;
use crate::telemetry::Telemetry;

const DAY: Duration = Duration::from_hours(24);

fn later() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// Returns a reporter in a directory, after what a test does to its recorder.
fn reporter(path: &Path, change: impl FnOnce(&mut Recorder)) -> Reporter {
    reporter_of(None, path, change)
}

/// Returns the reporter of a version.
fn reporter_of(version: Option<&str>, path: &Path, change: impl FnOnce(&mut Recorder)) -> Reporter {
    let settings = settings(path, Delivery::Inline);
    let policy = Arc::clone(settings.watch.policy());
    let mut recorder = Recorder::start(settings);
    change(&mut recorder);
    let sink = Sink::Recorder(Arc::new(recorder));
    let limits = LineLimits::from(&Limits::default());
    let outlet = Outlet {
        source: "testapp".to_owned(),
        level: DEFAULT_LEVEL,
        spans: Spans::default(),
        limits,
        policy,
        sink,
        echo: Echo::Silent,
    };
    let path = Some(path.to_owned());
    let version = version.map(str::to_owned);
    Reporter::new(Arc::new(outlet), path, version, Deployment::new())
}

fn reported(path: &Path) -> Option<OffsetDateTime> {
    History::read_at(path).reported
}

#[test]
fn a_report_that_is_not_recorded_returns_its_claim() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("telemetry");
    let reporter = reporter(&path, |_| {});
    assert_eq!(reporter.record(), Outcome::Recorded);
    let before = reported(&path);
    assert!(before.is_some());
    let recorder = reporter.outlet.recorder().unwrap();
    recorder.close(&Properties::default(), later());
    assert_eq!(
        reporter.record_if_due(Schedule::Every(Duration::ZERO)),
        Duration::ZERO
    );
    assert_eq!(reported(&path), before);
    assert!(reporter.record_if_due(Schedule::Every(DAY)) <= CHECK_MOST);
    assert_eq!(reported(&path), before, "none was due");
}

#[test]
fn the_next_check_is_when_the_next_report_is_due() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("telemetry");
    let reporter = reporter(&path, |_| {});
    assert_eq!(reporter.record_if_due(Schedule::Every(DAY)), CHECK_MOST);
    let left = reporter.record_if_due(Schedule::Every(Duration::from_secs(100)));
    let range = Duration::from_secs(95)..=Duration::from_secs(100);
    assert!(range.contains(&left), "{left:?}");
}

#[test]
fn a_forked_child_reports_no_parent_counts() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("telemetry");
    let mut reporter = reporter(&path, fork);
    reporter.process = reporter.process.wrapping_add(1);
    reporter
        .counter(Family::Counter, "of_the_parent", &[])
        .add(1);
    assert!(reporter.ending(later()).is_empty());
    let recorder = reporter.outlet.recorder().unwrap();
    assert!(!recorder.has_begun_here(), "its end begins nothing");
    assert_eq!(reporter.record(), Outcome::Recorded);
    reporter
        .counter(Family::Counter, "of_the_child", &[])
        .add(1);
    let ending = reporter.ending(later());
    let counters = ending.get("counters").unwrap();
    assert_eq!(counters.as_object().unwrap().len(), 1);
    assert!(counters.get("of_the_child").is_some());
}

#[test]
fn a_forked_child_waits_for_no_parent_lock() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("telemetry");
    let mut reporter = reporter(&path, fork);
    reporter.process = reporter.process.wrapping_add(1);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let held = (
            reporter.reporting.lock().unwrap(),
            reporter.deployment.lock().unwrap(),
            reporter.describing.lock().unwrap(),
            reporter.counters.as_ref().unwrap().lock_registry(),
        );
        let child = scope.spawn(|| {
            reporter.counter(Family::Counter, "counted", &[]).add(1);
            reporter.update_deployment(|deployment| deployment.commit("0c4a5e5"));
            assert_eq!(reporter.built_and_installed(), (None, None));
            assert_eq!(reporter.record(), Outcome::Recorded);
            let _shown = reporter.report();
            let soon = Instant::now() + Duration::from_millis(50);
            assert!(reporter.ending(soon).is_empty());
        });
        child.join().unwrap();
        drop(held);
    });
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn counts_during_a_report_are_in_the_next() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("telemetry");
    let telemetry = Telemetry::builder("testapp")
        .dir(&path)
        .when_undecided(crate::consent::WhenUndecided::Record)
        .open();
    let reporter = telemetry.reporter();
    telemetry.counter("counted", []).add(1);
    let counted = reporter.unreported().unwrap();
    telemetry.counter("counted", []).add(1);
    counted.settle();
    let left = reporter.unreported().unwrap().counters();
    assert_eq!(left, serde_json::json!({"counted": [{"count": 1}]}));
}

#[test]
fn a_change_of_version_that_is_not_recorded_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("telemetry");
    reporter_of(Some("1.2.0"), &path, |_| {}).note_version();
    let newer = reporter_of(Some("1.3.0"), &path, |_| {});
    let recorder = newer.outlet.recorder().unwrap();
    recorder.close(&Properties::default(), later());
    newer.note_version();
    let version = History::read_at(&path).version;
    assert_eq!(version.as_deref(), Some("1.2.0"));
}
