//! Internals of the recorder: forks, faults of the disk, panics, and the writer lease.

use std::sync::atomic::AtomicBool;

use super::core::{FULL_WAIT, INLINE_WAIT};
use super::staging::Attention;
use super::*;
use crate::clock;
use crate::consent::{Consent, WhenUndecided};
use crate::encode::{Own, SyntheticRecord, encode_synthetic};
use crate::environment::Environment;
use crate::event::Event;
use crate::policy::Policy;
use crate::record::{Level, Record};
use crate::store::disk::{Access, Directory};
use crate::store::faults::Fault;
use crate::store::limits::Limits;
use crate::store::list;
use crate::watch::Watch;

pub(crate) fn settings(path: &std::path::Path, delivery: Delivery) -> Settings {
    let environment = Environment::for_test("testapp", &[]);
    let answers = (Consent::Undecided, WhenUndecided::Record);
    let location = crate::consent::ApplicationProfile::for_test("testapp");
    let (mut watch, found) = Watch::new(
        (path, path),
        &location,
        &environment,
        answers,
        Policy::new(),
    );
    let decision = watch.open(clock::now()).unwrap();
    let (installation, directory) = watch.installation_in(found).unwrap();
    let start = RecorderStart {
        decision,
        installation: Some(installation.id),
        directory: Some(Arc::new(directory)),
    };
    Settings {
        path: path.to_owned(),
        limits: Limits::default(),
        source: "testapp".to_owned(),
        version: None,
        update: None,
        delivery,
        form: SessionForm::Lines,
        overflow: Overflow::Drop,
        durability: Durability::Os,
        watch,
        start,
        is_gate_open: Arc::new(AtomicBool::new(true)),
        withdrawals: Arc::default(),
        periods: Arc::new(Periods::starting(true)),
    }
}

fn frame(event: &str) -> Vec<u8> {
    frame_at(Level::Info, event)
}

fn frame_at(level: Level, event: &str) -> Vec<u8> {
    let event = Event::new(event);
    let mut frame = Vec::new();
    let synthetic = SyntheticRecord {
        own: Own::Application,
        level,
        source: "testapp",
        target: "testapp",
        event: Some(&event.name),
        message: None,
        properties: &event.properties,
        policy: None,
    };
    let micros = clock::micros_since_epoch();
    encode_synthetic(&mut frame, (&Limits::default()).into(), micros, &synthetic);
    frame
}

fn offer(recorder: &Recorder, event: &str) -> Outcome {
    // A pause before it, as a fork causes one.
    std::thread::sleep(Duration::from_micros(FORK_MICROS_LEAST));
    offer_frame(recorder, &frame(event), clock::micros_since_epoch())
}

/// Offers a frame made at `micros` under the policy that is in force.
pub(crate) fn offer_frame(recorder: &Recorder, frame: &[u8], micros: i64) -> Outcome {
    let generation = recorder.root.shared.settings.watch.policy().generation();
    recorder.offer(frame, micros, generation).unwrap()
}

fn records(path: &std::path::Path) -> Vec<Record> {
    let directory = Directory::open(path, Access::Read).unwrap();
    let mut records = Vec::new();
    for segment in list(&directory).unwrap() {
        let bytes = directory
            .read_small(&segment.number.file_name(), 1 << 20)
            .unwrap();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        records.extend(lines.map(|line| Record::parse(line).unwrap()));
    }
    records
}

/// Makes the recorder behave as if its memory was copied into another process.
pub(crate) fn fork(recorder: &mut Recorder) {
    recorder.root.process = recorder.root.process.wrapping_add(1);
}

#[test]
fn a_forked_child_has_its_own_session_and_lines() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let mut recorder = Recorder::start(settings(&path, Delivery::Background));
    assert_eq!(offer(&recorder, "before"), Outcome::Recorded);
    recorder
        .flush(Instant::now() + Duration::from_secs(5))
        .unwrap();
    // Staged in the parent's memory, and not written when the fork happens.
    let staged = frame("what the parent will write itself");
    recorder.root.shared.lock().frames.push(&staged);
    fork(&mut recorder);
    assert_eq!(offer(&recorder, "after"), Outcome::Recorded);
    assert_eq!(
        recorder.state().0.counts.recorded,
        1,
        "the child counts its own"
    );
    let started = Instant::now();
    recorder.close(
        &Properties::default(),
        Instant::now() + Duration::from_secs(5),
    );
    drop(recorder);
    assert!(
        started.elapsed() < Duration::from_millis(900),
        "the child waited for its parent's worker"
    );
    let records = records(&path);
    let events: Vec<&str> = records
        .iter()
        .filter_map(|record| record.event.as_deref())
        .collect();
    assert_eq!(
        events,
        ["session", "before", "session", "after", "session.end"]
    );
    assert_ne!(records[1].session, records[3].session);
    assert_eq!(records[2].seq, 0);
    let left = |record: &Record| record.properties.get("left_to_parent").cloned();
    assert_eq!(left(&records[0]), None);
    assert_eq!(left(&records[2]), Some(1.into()), "it is counted");
}

#[test]
fn a_forked_child_continues_the_period_of_its_parent() {
    let place = tempfile::TempDir::new().unwrap();
    let mut recorder = Recorder::start(settings(&place.path().join("telemetry"), Delivery::Inline));
    // Of a span that is open at the fork, and of one that the child opens before its first event.
    let before = recorder.period();
    fork(&mut recorder);
    let opened = recorder.period();
    assert_eq!(offer(&recorder, "after"), Outcome::Recorded);
    assert!(before.is_some());
    assert_eq!((before, opened), (recorder.period(), recorder.period()));
}

#[test]
fn an_idle_worker_is_parked_and_wakes_for_the_next_event() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let recorder = Recorder::start(settings(&path, Delivery::Background));
    for event in ["first", "second"] {
        assert_eq!(offer(&recorder, event), Outcome::Recorded);
        let patience = Instant::now() + Duration::from_secs(5);
        while recorder.root.shared.lock().attention != Attention::Parked {
            assert!(Instant::now() < patience, "the worker never parks");
            std::thread::sleep(Duration::from_millis(1));
        }
        let staging = recorder.root.shared.lock();
        assert_eq!(
            staging.settled, staging.staged,
            "it parks only when all is written"
        );
    }
    assert_eq!(records(&path).len(), 3);
}

#[test]
fn only_an_error_keeps_the_worker_from_lingering() {
    let place = tempfile::TempDir::new().unwrap();
    let recorder = Recorder::start(settings(
        &place.path().join("telemetry"),
        Delivery::Background,
    ));
    let blocked = faults(&recorder).block("write");
    assert_eq!(offer(&recorder, "wakes the worker"), Outcome::Recorded);
    blocked.wait_for(1);
    let offer_at = |level| {
        let frame = frame_at(level, "while it is awake");
        let outcome = offer_frame(&recorder, &frame, clock::micros_since_epoch());
        assert_eq!(outcome, Outcome::Recorded);
        recorder.root.shared.lock().attention
    };
    for level in [Level::Trace, Level::Debug, Level::Info, Level::Warn] {
        assert_eq!(offer_at(level), Attention::Awake, "{level:?}");
    }
    assert_eq!(offer_at(Level::Error), Attention::Called);
    drop(blocked);
    recorder.flush(soon()).unwrap();
}

/// A recorder with room for few events, whose worker is in the middle of a write.
fn full(path: &std::path::Path) -> (Recorder, crate::store::faults::Blocked) {
    let mut settings = settings(path, Delivery::Background);
    settings.limits.buffer_bytes_max = 1000;
    let recorder = Recorder::start(settings);
    let blocked = faults(&recorder).block("write");
    assert_eq!(offer(&recorder, "wakes the worker"), Outcome::Recorded);
    blocked.wait_for(1);
    let bytes = frame("fills the buffer").len();
    let limits = &recorder.root.shared.settings.limits;
    while recorder.root.shared.lock().has_room(bytes, limits) {
        assert_eq!(offer(&recorder, "fills the buffer"), Outcome::Recorded);
    }
    (recorder, blocked)
}

#[test]
fn a_caller_waits_for_room_that_the_worker_is_making() {
    let place = tempfile::TempDir::new().unwrap();
    let (recorder, blocked) = full(&place.path().join("telemetry"));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| offer(&recorder, "fills the buffer"));
        let patience = soon();
        while recorder.root.shared.waiting.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < patience, "it does not wait");
            std::thread::yield_now();
        }
        drop(blocked);
        assert_eq!(waiter.join().unwrap(), Outcome::Recorded);
    });
}

#[test]
fn a_buffer_that_stays_full_is_waited_for_once() {
    let place = tempfile::TempDir::new().unwrap();
    let (recorder, blocked) = full(&place.path().join("telemetry"));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(offer(&recorder, "fills the buffer"), Outcome::Dropped);
                }
            });
        }
    });
    assert!(
        started.elapsed() < FULL_WAIT * 2,
        "all callers wait for the same moment"
    );
    drop(blocked);
    recorder.flush(soon()).unwrap();
    assert_eq!(offer(&recorder, "there is room"), Outcome::Recorded);
}

#[test]
fn a_disk_that_makes_little_room_is_not_waited_for_again() {
    let limits = Limits {
        buffer_bytes_max: 1000,
        ..Limits::default()
    };
    let place = tempfile::TempDir::new().unwrap();
    let (recorder, _blocked) = full(&place.path().join("telemetry"));
    let mut staging = recorder.root.shared.lock();
    staging.full_since = Some(Instant::now());
    staging.taken_bytes = 501;
    staging.frames.clear();
    staging.note_drained(&limits);
    assert!(staging.full_since.is_some(), "less than half is free");
    staging.taken_bytes = 500;
    staging.note_drained(&limits);
    assert!(staging.full_since.is_none());
}

#[test]
fn inline_delivery_writes_before_returning_without_a_thread() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let recorder = Recorder::start(settings(&path, Delivery::Inline));
    assert!(recorder.root.worker.is_none());
    assert_eq!(offer(&recorder, "alone"), Outcome::Recorded);
    assert_eq!(
        records(&path).len(),
        2,
        "it is written when the call returns"
    );
}

fn faults(recorder: &Recorder) -> crate::store::faults::Faults {
    recorder
        .root
        .shared
        .lock()
        .writer
        .as_ref()
        .unwrap()
        .faults()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[test]
fn a_panic_while_writing_does_not_end_recording() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let recorder = Recorder::start(settings(&path, Delivery::Background));
    faults(&recorder).plan(3, Fault::Panic);
    assert_eq!(offer(&recorder, "kept"), Outcome::Recorded);
    let patience = soon();
    while recorder.flush(soon()).is_err() {
        assert!(Instant::now() < patience, "it never recovers");
    }
    assert_eq!(faults_reached(&recorder), 1, "the writer panicked");
    assert_eq!(offer(&recorder, "later"), Outcome::Recorded);
    recorder.close(&Properties::default(), soon());
    let records = records(&path);
    let events: Vec<&str> = records
        .iter()
        .filter_map(|record| record.event.as_deref())
        .collect();
    assert_eq!(events, ["session", "kept", "later", "session.end"]);
}

fn faults_reached(recorder: &Recorder) -> usize {
    faults(recorder).reached().len()
}

/// A recorder with a worker that writes to that directory.
fn durable(path: &std::path::Path, durability: Durability) -> Recorder {
    Recorder::start(Settings {
        durability,
        ..settings(path, Delivery::Background)
    })
}

const AT_ONCE: Durability = Durability::Interval(Duration::ZERO);
const NEVER: Durability = Durability::Interval(Duration::MAX);

#[test]
fn a_sync_that_failed_in_the_worker_is_returned_by_flushes() {
    for durability in [Durability::EveryBatch, AT_ONCE] {
        let place = tempfile::TempDir::new().unwrap();
        let recorder = durable(&place.path().join("telemetry"), durability);
        let faults = faults(&recorder);
        faults.plan(0, Fault::Named("sync", EIO));
        assert_eq!(offer(&recorder, "unsafe"), Outcome::Recorded);
        let patience = soon();
        while faults.reached().is_empty() {
            assert!(Instant::now() < patience, "the worker never syncs");
            std::thread::sleep(Duration::from_millis(1));
        }
        faults.lift();
        for caller in ["first", "second"] {
            let flushed = recorder.flush(soon());
            assert!(flushed.is_err(), "{durability:?}: {caller} caller");
        }
        assert_eq!(offer(&recorder, "safe"), Outcome::Recorded);
        let flushed = recorder.flush(soon());
        assert!(flushed.is_ok(), "{durability:?}: it is in a new segment");
    }
}

#[test]
fn a_failure_is_returned_though_more_was_recorded_since() {
    let place = tempfile::TempDir::new().unwrap();
    let recorder = durable(&place.path().join("telemetry"), AT_ONCE);
    let faults = faults(&recorder);
    faults.plan(0, Fault::Named("sync", EIO));
    assert_eq!(offer(&recorder, "unsafe"), Outcome::Recorded);
    let patience = soon();
    while faults.reached().is_empty() {
        assert!(Instant::now() < patience, "the worker never syncs");
        std::thread::sleep(Duration::from_millis(1));
    }
    faults.lift();
    assert_eq!(offer(&recorder, "safe"), Outcome::Recorded);
    assert!(recorder.flush(soon()).is_err(), "the first is not durable");
    assert!(recorder.flush(soon()).is_ok(), "returned once");
}

#[test]
fn a_flush_waits_for_the_sync_that_is_under_way() {
    for durability in [Durability::EveryBatch, AT_ONCE] {
        let place = tempfile::TempDir::new().unwrap();
        let recorder = durable(&place.path().join("telemetry"), durability);
        let blocked = faults(&recorder).block("sync");
        assert_eq!(offer(&recorder, "event"), Outcome::Recorded);
        blocked.wait_for(1);
        let flushed = recorder.flush(Instant::now() + Duration::from_millis(50));
        assert!(
            flushed.is_err(),
            "{durability:?}: the sync has not finished"
        );
        drop(blocked);
        assert!(recorder.flush(soon()).is_ok());
    }
}

#[test]
fn a_failed_sync_is_returned_to_each_flush_that_waits_for_it() {
    for durability in [Durability::EveryBatch, AT_ONCE, NEVER] {
        let place = tempfile::TempDir::new().unwrap();
        let recorder = durable(&place.path().join("telemetry"), durability);
        let faults = faults(&recorder);
        let blocked = faults.block("sync");
        faults.plan(0, Fault::Named("sync", EIO));
        assert_eq!(offer(&recorder, "event"), Outcome::Recorded);
        std::thread::scope(|scope| {
            let flush = || recorder.flush(soon()).is_err();
            let flushes: Vec<_> = (0..4).map(|_| scope.spawn(flush)).collect();
            blocked.wait_for(1);
            drop(blocked);
            let failed: Vec<bool> = flushes.into_iter().map(|it| it.join().unwrap()).collect();
            assert_eq!(failed, [true; 4], "{durability:?}");
        });
        assert_eq!(faults.count_of("sync"), 1, "they share one sync");
    }
}

#[test]
fn flushes_that_wait_together_share_one_sync() {
    let place = tempfile::TempDir::new().unwrap();
    let recorder = durable(&place.path().join("telemetry"), NEVER);
    let faults = faults(&recorder);
    let blocked = faults.block("sync");
    assert_eq!(offer(&recorder, "event"), Outcome::Recorded);
    std::thread::scope(|scope| {
        let flush = || recorder.flush(soon()).is_ok();
        let flushes: Vec<_> = (0..4).map(|_| scope.spawn(flush)).collect();
        blocked.wait_for(1);
        drop(blocked);
        assert!(flushes.into_iter().all(|it| it.join().unwrap()));
    });
    assert_eq!(faults.count_of("sync"), 1);
}

#[test]
fn a_segment_left_unsynced_fails_the_flush_of_what_is_in_it() {
    let place = tempfile::TempDir::new().unwrap();
    let mut settings = settings(&place.path().join("telemetry"), Delivery::Inline);
    settings.durability = NEVER;
    settings.limits.segment_bytes_max = 1500;
    let recorder = Recorder::start(settings);
    let faults = faults(&recorder);
    faults.plan(0, Fault::Named("sync", EIO));
    let patience = soon();
    while faults.reached().is_empty() {
        assert!(Instant::now() < patience, "it never rotates");
        assert_eq!(offer(&recorder, "fills the segment"), Outcome::Recorded);
    }
    faults.lift();
    assert!(
        recorder.flush(soon()).is_err(),
        "lines of the segment before"
    );
    assert!(recorder.flush(soon()).is_ok(), "returned once");
}

#[test]
fn a_flush_reports_lines_that_the_end_gave_up() {
    let place = tempfile::TempDir::new().unwrap();
    let recorder = Recorder::start(settings(
        &place.path().join("telemetry"),
        Delivery::Background,
    ));
    faults(&recorder).plan(0, Fault::Sticky(EIO));
    assert_eq!(offer(&recorder, "never written"), Outcome::Recorded);
    recorder.close(&Properties::default(), soon());
    assert!(recorder.flush(soon()).is_err());
}

#[test]
fn a_panic_while_syncing_is_returned_and_ends_nothing() {
    let place = tempfile::TempDir::new().unwrap();
    let mut settings = settings(&place.path().join("telemetry"), Delivery::Inline);
    settings.durability = NEVER;
    let recorder = Recorder::start(settings);
    assert_eq!(offer(&recorder, "event"), Outcome::Recorded);
    faults(&recorder).plan(0, Fault::Panic);
    assert!(recorder.flush(soon()).is_err());
    assert_eq!(offer(&recorder, "later"), Outcome::Recorded);
    assert!(recorder.flush(soon()).is_ok());
}

/// Makes the owner's decision unreadable for so long that it is no longer known.
fn withhold(recorder: &Recorder) -> crate::store::faults::Faults {
    let faults = recorder.root.shared.settings.watch.faults.clone();
    faults.plan(0, Fault::Named("open directory", EMFILE));
    let patience = Instant::now() + Duration::from_secs(30);
    while recorder.root.shared.lock().phase != RecorderPhase::Withheld {
        assert!(Instant::now() < patience, "the decision stays known");
        let _state = recorder.state();
        std::thread::sleep(Duration::from_millis(5));
    }
    faults
}

#[test]
fn accepted_events_wait_while_the_decision_is_unreadable() {
    for is_readable_again in [true, false] {
        let place = tempfile::TempDir::new().unwrap();
        let path = place.path().join("telemetry");
        let recorder = Recorder::start(settings(&path, Delivery::Inline));
        assert_eq!(offer(&recorder, "first"), Outcome::Recorded);
        // The disk refuses, so the next event waits in memory.
        faults(&recorder).plan(0, Fault::Sticky(EIO));
        assert_eq!(offer(&recorder, "waiting"), Outcome::Recorded);
        let files = withhold(&recorder);
        faults(&recorder).lift();
        assert_eq!(offer(&recorder, "refused"), Outcome::Refused);
        for _ in 0..2 {
            let message = recorder.flush(soon()).unwrap_err().to_string();
            assert!(message.contains("os error 24"), "{message}");
        }
        if is_readable_again {
            files.lift();
            let patience = soon();
            while recorder.flush(soon()).is_err() {
                assert!(Instant::now() < patience, "it never recovers");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        recorder.close(&Properties::default(), soon());
        let counts = recorder.state().0.counts;
        let records = records(&path);
        let events: Vec<&str> = records
            .iter()
            .filter_map(|record| record.event.as_deref())
            .collect();
        if is_readable_again {
            let expected = ["session", "first", "waiting", "consent", "session.end"];
            assert_eq!(events, expected);
            assert_eq!((counts.recorded, counts.refused), (2, 1));
        } else {
            assert_eq!(events, ["session", "first"]);
            assert_eq!((counts.recorded, counts.refused), (1, 2));
        }
    }
}

#[test]
fn without_random_bytes_a_session_waits_without_a_panic() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let recorder = Recorder::start(settings(&path, Delivery::Inline));
    crate::random::tests::exhausted(|| {
        assert_eq!(offer(&recorder, "waiting"), Outcome::Recorded);
        let message = recorder.flush(soon()).unwrap_err().to_string();
        assert!(message.contains("random bytes"), "{message}");
        assert!(recorder.state().0.trouble.is_some());
    });
    recorder.flush(soon()).unwrap();
    assert_eq!(records(&path).len(), 2);
}

#[test]
fn a_blocked_caller_waits_at_most_five_seconds_for_a_disk() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let mut settings = settings(&path, Delivery::Background);
    settings.overflow = Overflow::Block;
    settings.limits.buffer_bytes_max = 100;
    let recorder = Recorder::start(settings);
    // A thread writes, and the disk does not answer.
    let writer = recorder.root.shared.lock().writer.take();
    assert!(writer.is_some());
    let started = Instant::now();
    assert_eq!(offer(&recorder, "too much"), Outcome::Dropped);
    assert!(started.elapsed() > Duration::from_secs(4));
    assert!(started.elapsed() < Duration::from_secs(20));
    recorder.root.shared.lock().writer = writer;
}

#[test]
fn a_forked_child_applies_the_current_policy() {
    use crate::policy::Action;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("telemetry");
    drop(Directory::open(&path, Access::Write).unwrap());
    let put = |text: &str| {
        let directory = Directory::open(&path, Access::Write).unwrap();
        directory.replace("policy.toml", text.as_bytes()).unwrap();
    };
    let strict = "[properties]\nx = \"drop\"\n";
    put(strict);
    let mut recorder = Recorder::start(settings(&path, Delivery::Inline));
    let action = |recorder: &Recorder| {
        let policy = recorder.root.shared.settings.watch.policy().get().unwrap();
        policy.verdict("x").text
    };
    let becomes = |recorder: &Recorder, wanted: Action| {
        for _ in 0..30 {
            let _ = offer(recorder, "event");
            if action(recorder) == wanted {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    };
    assert_eq!(action(&recorder), Action::Drop);
    put("[properties]\ny = \"drop\"\n");
    assert!(becomes(&recorder, Action::Keep));
    put(strict);
    fork(&mut recorder);
    assert!(
        becomes(&recorder, Action::Drop),
        "the child keeps what its parent had"
    );
}

#[test]
fn recording_once_makes_no_disk_operation_twice() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let once = || {
        let recorder = Recorder::start(settings(&path, Delivery::Inline));
        faults(&recorder).plan(usize::MAX, Fault::Short);
        assert_eq!(offer(&recorder, "once"), Outcome::Recorded);
        let of_event = faults(&recorder).lift();
        recorder.close(&Properties::default(), soon());
        (of_event, faults(&recorder).lift())
    };
    once();
    // The lock: open it, take it, check its name. The head: check that it exists and is the last
    // one, open it, check its owner. Then the write. The end finds both open.
    assert_eq!(once(), (8, 5));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test moves the directory")]
fn records_follow_the_path_after_a_directory_move() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let recorder = Recorder::start(settings(&path, Delivery::Inline));
    let elsewhere = place.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    assert_eq!(offer(&recorder, "late"), Outcome::Recorded);
    assert_eq!(records(&path).len(), 2);
    assert!(records(&elsewhere).is_empty());
}

#[test]
fn a_program_that_records_once_reads_nothing_back() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let once = || {
        let recorder = Recorder::start(settings(&path, Delivery::Inline));
        // A failure would not keep the record from being written, but it would be counted.
        faults(&recorder).plan(0, Fault::Named("read back", EIO));
        assert_eq!(offer(&recorder, "once"), Outcome::Recorded);
        recorder.close(&Properties::default(), soon());
        faults_reached(&recorder)
    };
    assert_eq!([once(), once(), once()], [0, 0, 0]);
    // Of all processes that together write a MiB (less in tests), one reads back, which bounds how
    // much a reader reads.
    let reached: usize = (0..12).map(|_| once()).sum();
    assert!((1..=3).contains(&reached), "{reached}");
}

#[test]
fn a_failed_read_back_is_omitted_and_recording_continues() {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("telemetry");
    let start = || {
        let mut settings = settings(&path, Delivery::Inline);
        settings.limits.segment_bytes_max = 4000;
        Recorder::start(settings)
    };
    let first = start();
    for _ in 0..10 {
        assert_eq!(offer(&first, "first"), Outcome::Recorded);
    }
    drop(first);
    let second = start();
    faults(&second).plan(0, Fault::Named("read back", EIO));
    for _ in 0..40 {
        assert_eq!(offer(&second, "second"), Outcome::Recorded);
    }
    drop(second);
    let sessions = records(&path)
        .into_iter()
        .filter(|record| record.event.as_deref() == Some("session"));
    let resumed: Vec<bool> = sessions
        .map(|record| record.properties.get("latest").is_some())
        .collect();
    // The third session begins after a segment that others had begun, the fourth after its own.
    assert_eq!(resumed.get(..4), Some(&[false, false, false, true][..]));
}

/// The error number of a failing disk.
const EIO: i32 = 5;
/// The error number of a process that has no file descriptor left.
const EMFILE: i32 = 24;

fn in_one_line(path: &std::path::Path) -> Recorder {
    let mut settings = settings(path, Delivery::Inline);
    settings.form = SessionForm::OneLine;
    settings.limits = Limits {
        segment_bytes_max: 16 * 1024,
        total_bytes_max: u64::MAX,
        ..Limits::default()
    };
    Recorder::start(settings)
}

fn lines_of(path: &std::path::Path) -> Vec<Record> {
    let mut reader = crate::reader::Reader::open(path).unwrap();
    reader.records().collect::<Result<_, _>>().unwrap()
}

#[test]
fn one_line_sessions_contain_the_time_of_the_last_segment() {
    let place = tempfile::tempdir().unwrap();
    for _ in 0..120 {
        let recorder = in_one_line(place.path());
        assert!(matches!(offer_one(&recorder, "e"), Outcome::Recorded));
        recorder.close(&Properties::default(), Instant::now() + INLINE_WAIT);
    }
    let records = lines_of(place.path());
    assert_eq!(records.len(), 120);
    let ids: std::collections::HashSet<_> = records.iter().map(|record| record.session).collect();
    assert_eq!(ids.len(), 120);
    let directory = Directory::open(place.path(), Access::Read).unwrap();
    let segments = list(&directory).unwrap();
    assert!(segments.len() > 2, "{segments:?}");
    for pair in segments.windows(2) {
        let latest = crate::store::latest::latest_of_segment(&directory, pair[0].number);
        assert!(latest.is_some(), "{pair:?}");
    }
    let inside = records.iter().filter(|record| {
        let once = record.once.as_ref().unwrap();
        once.get("latest").is_some()
    });
    assert!(inside.count() > segments.len(), "within segments, too");
}

#[test]
fn a_second_event_is_its_own_session_and_losses_are_counted() {
    let place = tempfile::tempdir().unwrap();
    let recorder = in_one_line(place.path());
    assert_eq!(offer_one(&recorder, "e"), Outcome::Recorded);
    assert_eq!(offer_one(&recorder, "f"), Outcome::Recorded);
    recorder.close(&Properties::default(), Instant::now() + INLINE_WAIT);
    let records = lines_of(place.path());
    // Two sessions of one line, and one whose end counts two events.
    let events: Vec<_> = records
        .iter()
        .filter_map(|record| record.event.as_deref())
        .collect();
    assert_eq!(events, ["e", "f", "session", "session.end"]);
    assert_ne!(records[0].session, records[1].session);
    let summary = crate::summary::Summary::read(place.path()).unwrap();
    assert_eq!(
        (summary.sessions.count, summary.sessions.without_end),
        (3, 0)
    );
}

#[test]
fn a_delayed_single_event_gets_a_session_start_and_end() {
    let place = tempfile::tempdir().unwrap();
    let recorder = in_one_line(place.path());
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(place.path().join("lock"))
        .unwrap();
    lock.lock().unwrap();
    assert_eq!(offer_one(&recorder, "e"), Outcome::Recorded);
    lock.unlock().unwrap();
    recorder.close(
        &Properties::default(),
        Instant::now() + Duration::from_secs(5),
    );
    let records = lines_of(place.path());
    let events: Vec<_> = records
        .iter()
        .filter_map(|record| record.event.as_deref())
        .collect();
    assert_eq!(events, ["session", "e", "session.end"]);
    let summary = crate::summary::Summary::read(place.path()).unwrap();
    assert_eq!(
        (summary.sessions.count, summary.sessions.without_end),
        (1, 0)
    );
}

fn offer_one(recorder: &Recorder, event: &str) -> Outcome {
    offer_frame(recorder, &frame(event), clock::micros_since_epoch())
}
