//! From line to disk within one process: the guarantees of flush, drop and close, the counts, and
//! that the host is never blocked.
//!
//! The thread and queue of `tracing-appender` lose lines in known ways. The tests that guard
//! against each, here or in the module named:
//!
//! * an I/O error that is ignored: `events_not_written_by_the_end_are_counted_as_failed`;
//! * a torn line that the next line is appended to: `store::tests`, a short write at every
//!   operation;
//! * a failed flush that loses the end, or spins:
//!   `lines_not_written_in_time_are_counted_as_failed`;
//! * a guard that gives up when the queue is full, after a second, or without a join:
//!   `dropping_the_handle_flushes_and_ends_the_session`,
//!   `host::failures_print_nothing_and_leave_no_thread`;
//! * a panic in the writer: `recorder::tests::a_panic_while_writing_does_not_end_recording`;
//! * drops that are not reported: `events_without_room_are_counted_and_the_count_recorded`;
//! * a queue bounded in lines: `waiting_for_room_loses_nothing` and its neighbours bound bytes;
//! * events sent after the end: `events_offered_during_close_are_written_or_counted`;
//! * a fork: `recorder::tests::a_forked_child_has_its_own_session_and_lines`;
//! * no flush under load: `events_reach_the_file_without_a_flush`;
//! * one write for each line: `host::failures_print_nothing_and_leave_no_thread`, which counts
//!   them;
//! * no way to flush: `after_a_flush_everything_recorded_before_is_in_the_file`.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, Durability, Outcome, Overflow};
use localtel::{Builder, Event, Limits};
use serde_json::{Value, json};

use crate::support::{
    TestPlace, check_latest, check_sessions, dispatch, eventually, log, numbers_in,
};

/// Holds a directory's lock as a stopped process would.
pub(crate) struct Stall(File);

impl Stall {
    pub(crate) fn new(directory: &Path) -> Self {
        let lock = File::options()
            .read(true)
            .write(true)
            .open(directory.join("lock"))
            .unwrap();
        lock.lock().unwrap();
        Self(lock)
    }

    pub(crate) fn end(self) {
        self.0.unlock().unwrap();
    }
}

/// Returns a builder with the smallest buffer, which holds some twenty lines of `log`.
pub(crate) fn small_buffer(place: &TestPlace) -> Builder {
    let limits = Limits {
        line_bytes_max: 4096,
        buffer_bytes_max: 8192,
        ..Limits::default()
    };
    place.builder().limits(limits)
}

fn sum_of_dropped(place: &TestPlace) -> u64 {
    let count = |record: &Value| record["properties"]["count"].as_u64().unwrap();
    place.own("dropped").iter().map(count).sum()
}

#[test]
fn after_a_flush_everything_recorded_before_is_in_the_file() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        for durability in [
            Durability::Os,
            Durability::Interval(Duration::from_hours(1)),
            Durability::EveryBatch,
        ] {
            let place = TestPlace::new();
            let builder = place.builder().delivery(delivery).durability(durability);
            let telemetry = builder.try_open().unwrap();
            let dispatch = dispatch(&telemetry);
            for round in 1..=20 {
                log(&dispatch, 10);
                telemetry.flush().unwrap();
                assert_eq!(place.events().len(), round * 10);
            }
        }
    }
}

#[test]
fn events_reach_the_file_without_a_flush() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    let head = place.path().join("events.000001.jsonl");
    eventually("lines of a busy program reach the file", || {
        log(&dispatch, 10);
        std::fs::metadata(&head).is_ok_and(|head| head.len() > 100_000)
    });
}

#[test]
fn dropping_the_handle_flushes_and_ends_the_session() {
    let place = TestPlace::new();
    let telemetry = place.builder().version("1.2.3").try_open().unwrap();
    log(&dispatch(&telemetry), 1000);
    drop(telemetry);
    assert_eq!(place.events().len(), 1000);
    let (first, last) = (&place.values()[0], &place.values()[1001]);
    assert_eq!(first["event"], "session");
    assert_eq!(first["properties"]["version"], "1.2.3");
    assert_eq!(first["properties"]["resumed"], false);
    assert_eq!(first["properties"]["pid"], std::process::id());
    assert_eq!(last["event"], "session.end");
    assert_eq!(
        last["properties"],
        json!({"recorded": 1000, "dropped": 0, "refused": 0, "failed": 0})
    );
}

#[test]
fn a_session_without_events_leaves_no_line() {
    let place = TestPlace::new();
    drop(place.builder().try_open().unwrap());
    assert_eq!(place.lines(), [""; 0]);
}

#[test]
fn without_consent_there_is_no_directory() {
    let place = TestPlace::new();
    let builder = place.builder().when_undecided(WhenUndecided::Refuse);
    let telemetry = builder.try_open().unwrap();
    log(&dispatch(&telemetry), 10);
    assert!(telemetry.flush().is_ok());
    assert!(!telemetry.status().is_recording);
    drop(telemetry);
    assert!(!place.path().exists());
}

#[test]
fn eight_threads_get_gap_free_numbers_across_rotations() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let limits = Limits {
            segment_bytes_max: 64 * 1024,
            ..Limits::default()
        };
        let builder = place
            .builder()
            .limits(limits)
            .delivery(delivery)
            .overflow(Overflow::Block);
        let telemetry = builder.try_open().unwrap();
        let dispatch = dispatch(&telemetry);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| log(&dispatch, 200));
            }
        });
        let counts = telemetry.close(Duration::from_secs(20));
        assert_eq!((counts.recorded, counts.offered()), (1600, 1600));
        assert_eq!(place.events().len(), 1600);
        assert_eq!(check_sessions(&place.path()), 1);
        let numbers = numbers_in(&place.path());
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert!(numbers.len() > 5, "{numbers:?}");
        assert_eq!(numbers, expected);
    }
}

#[test]
fn events_without_room_are_counted_and_the_count_recorded() {
    let place = TestPlace::new();
    let telemetry = small_buffer(&place).try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    let stall = Stall::new(&place.path());
    let started = Instant::now();
    log(&dispatch, 1000);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "recording blocked the host"
    );
    let counts = telemetry.status().counts;
    assert_eq!(counts.offered(), 1000);
    assert!(counts.recorded < 30 && counts.dropped > 970, "{counts:?}");
    stall.end();
    eventually("`dropped` records follow, without a further event", || {
        sum_of_dropped(&place) == counts.dropped
    });
    log(&dispatch, 1);
    let counts = telemetry.close(Duration::from_secs(5));
    assert_eq!(place.events().len() as u64, counts.recorded);
    assert_eq!(sum_of_dropped(&place), counts.dropped);
    assert_eq!(check_sessions(&place.path()), 1);
}

#[test]
fn inline_delivery_continues_after_a_full_buffer() {
    let place = TestPlace::new();
    let builder = small_buffer(&place).delivery(Delivery::Inline);
    let telemetry = builder.try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    let stall = Stall::new(&place.path());
    log(&dispatch, 100);
    let before = telemetry.status().counts;
    assert!(before.dropped > 0);
    stall.end();
    std::thread::sleep(Duration::from_millis(250));
    log(&dispatch, 10);
    let after = telemetry.status().counts;
    assert!(after.recorded > before.recorded, "{before:?} {after:?}");
    let counts = telemetry.close(Duration::from_secs(5));
    assert_eq!(counts.offered(), 110);
    assert_eq!(place.events().len() as u64, counts.recorded);
    assert_eq!(sum_of_dropped(&place), counts.dropped);
}

#[test]
fn waiting_for_room_loses_nothing() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let builder = small_buffer(&place)
            .delivery(delivery)
            .overflow(Overflow::Block);
        let telemetry = builder.try_open().unwrap();
        let dispatch = dispatch(&telemetry);
        let stall = Stall::new(&place.path());
        std::thread::scope(|scope| {
            scope.spawn(|| log(&dispatch, 200));
            scope.spawn(|| log(&dispatch, 200));
            std::thread::sleep(Duration::from_millis(500));
            stall.end();
        });
        let counts = telemetry.close(Duration::from_secs(5));
        assert_eq!((counts.recorded, counts.offered()), (400, 400));
        assert_eq!(place.events().len(), 400);
    }
}

#[test]
fn waiting_for_room_does_not_last_for_ever() {
    let place = TestPlace::new();
    let telemetry = small_buffer(&place)
        .overflow(Overflow::Block)
        .try_open()
        .unwrap();
    let stall = Stall::new(&place.path());
    let started = Instant::now();
    log(&dispatch(&telemetry), 300);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "recording blocked the host"
    );
    let counts = telemetry.status().counts;
    assert!(counts.dropped > 0 && counts.offered() == 300, "{counts:?}");
    stall.end();
}

/// Replaces the directory with a file.
pub(crate) fn destroy(place: &TestPlace) {
    std::fs::remove_dir_all(place.path()).unwrap();
    std::fs::write(place.path(), "").unwrap();
}

#[test]
fn events_not_written_by_the_end_are_counted_as_failed() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let telemetry = place.builder().delivery(delivery).try_open().unwrap();
        let dispatch = dispatch(&telemetry);
        destroy(&place);
        log(&dispatch, 100);
        let error = telemetry.flush().unwrap_err();
        assert!(format!("{error:?}").contains("it is a file"), "{error:?}");
        assert!(telemetry.status().trouble.is_some());
        let started = Instant::now();
        let counts = telemetry.close(Duration::from_secs(5));
        assert_eq!((counts.failed, counts.offered()), (100, 100));
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "closing took long"
        );
    }
}

#[test]
fn lines_not_written_in_time_are_counted_as_failed() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    let stall = Stall::new(&place.path());
    log(&dispatch, 5);
    // The worker has taken the lines and waits for the lock.
    std::thread::sleep(Duration::from_millis(30));
    log(&dispatch, 5);
    let counts = telemetry.close(Duration::from_millis(10));
    assert_eq!((counts.failed, counts.offered()), (10, 10), "{counts:?}");
    stall.end();
    assert_eq!(place.lines(), [""; 0]);
}

#[test]
fn events_offered_during_close_are_written_or_counted() {
    for _ in 0..10 {
        let place = TestPlace::new();
        let telemetry = place.builder().try_open().unwrap();
        let dispatch = dispatch(&telemetry);
        let is_over = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (dispatch, is_over) = (dispatch.clone(), Arc::clone(&is_over));
                let body = move || {
                    while !is_over.load(Ordering::Relaxed) {
                        log(&dispatch, 1);
                    }
                };
                std::thread::Builder::new().spawn(body).unwrap()
            })
            .collect();
        eventually("something is offered", || {
            telemetry.status().counts.recorded > 0
        });
        let counts = telemetry.close(Duration::from_secs(5));
        is_over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(place.events().len() as u64, counts.recorded);
        assert_eq!(place.own("session.end").len(), 1);
        assert_eq!(check_sessions(&place.path()), 1);
    }
}

#[test]
fn a_flush_that_times_out_is_an_error_and_loses_nothing() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let stall = Stall::new(&place.path());
    log(&dispatch(&telemetry), 10);
    let started = Instant::now();
    assert!(telemetry.flush_within(Duration::from_millis(300)).is_err());
    assert!(started.elapsed() < Duration::from_secs(1));
    stall.end();
    telemetry.flush().unwrap();
    assert_eq!(place.events().len(), 10);
}

#[test]
fn many_handles_one_after_the_other_are_many_sessions() {
    let place = TestPlace::new();
    for _ in 0..50 {
        let telemetry = place.builder().try_open().unwrap();
        log(&dispatch(&telemetry), 2);
    }
    assert_eq!(check_sessions(&place.path()), 50);
    assert_eq!(place.own("session.end").len(), 50);
}

#[test]
fn two_handles_on_one_directory_do_not_disturb_each_other() {
    let place = TestPlace::new();
    let limits = Limits {
        segment_bytes_max: 64 * 1024,
        ..Limits::default()
    };
    let open = || place.builder().limits(limits.clone()).try_open().unwrap();
    let (one, two) = (open(), open());
    std::thread::scope(|scope| {
        for telemetry in [&one, &two] {
            scope.spawn(|| log(&dispatch(telemetry), 1000));
        }
    });
    drop((one, two));
    assert_eq!(place.events().len(), 2000);
    assert_eq!(check_sessions(&place.path()), 2);
}

#[test]
fn a_truncated_segment_begins_with_a_session_record_again() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    log(&dispatch, 10);
    telemetry.flush().unwrap();
    let head = place.path().join("events.000001.jsonl");
    File::options()
        .write(true)
        .open(&head)
        .unwrap()
        .set_len(0)
        .unwrap();
    log(&dispatch, 10);
    drop(telemetry);
    let values = place.values();
    assert_eq!(values[0]["event"], "session");
    assert_eq!(values[0]["properties"]["resumed"], true);
    assert_eq!(place.own("session").len(), 1);
    assert_eq!(place.events().len(), 10);
}

#[test]
fn segments_state_the_latest_time_at_each_mib() {
    let place = TestPlace::new();
    let (one, two) = (place.builder(), place.builder().delivery(Delivery::Inline));
    let handles = [one, two].map(|builder| builder.try_open().unwrap());
    let dispatches = handles.each_ref().map(dispatch);
    std::thread::scope(|scope| {
        for dispatch in &dispatches {
            scope.spawn(|| log(dispatch, 3500));
        }
    });
    drop(handles);
    // One segment of some 4 MiB, from two handles that do not know each other's records.
    assert!(check_latest(&place.path()) >= 3);

    let place = TestPlace::new();
    let limits = Limits {
        segment_bytes_max: 64 * 1024,
        ..Limits::default()
    };
    let telemetry = place.builder().limits(limits).try_open().unwrap();
    log(&dispatch(&telemetry), 2000);
    drop(telemetry);
    let segments = crate::support::segments_in(&place.path()).len();
    assert!(segments > 5);
    assert_eq!(check_latest(&place.path()), segments - 1);
}

#[test]
fn the_total_is_never_exceeded_by_more_than_a_batch() {
    let place = TestPlace::new();
    let limits = Limits {
        segment_bytes_max: 32 * 1024,
        total_bytes_max: 128 * 1024,
        ..Limits::default()
    };
    let builder = place.builder().limits(limits).delivery(Delivery::Inline);
    let telemetry = builder.try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    for _ in 0..100 {
        log(&dispatch, 10);
        let segments = crate::support::segments_in(&place.path());
        let bytes: u64 = segments
            .iter()
            .map(|segment| segment.metadata().unwrap().len())
            .sum();
        assert!(bytes <= (128 + 16) * 1024, "{bytes} bytes");
    }
    let numbers = numbers_in(&place.path());
    assert!(numbers[0] > 1, "{numbers:?}");
    assert_eq!(
        numbers.len() as u64,
        numbers.last().unwrap() - numbers[0] + 1
    );
}

#[test]
fn events_during_the_flush_of_another_thread_are_written() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    log(&dispatch, 5);
                    telemetry.flush().unwrap();
                }
            });
        }
    });
    // Without a close: the flushed events are in the file.
    assert_eq!(place.events().len(), 400);
    assert_eq!(telemetry.status().counts.recorded, 400);
}

#[test]
fn events_recorded_by_hand_are_counted_alike() {
    let place = TestPlace::new();
    let telemetry = small_buffer(&place).try_open().unwrap();
    let stall = Stall::new(&place.path());
    let event = Event::new("event").property("text", "x".repeat(400));
    let outcomes: Vec<Outcome> = (0..100).map(|_| telemetry.record(&event)).collect();
    let of = |kind| outcomes.iter().filter(|outcome| **outcome == kind).count() as u64;
    let counts = telemetry.status().counts;
    assert_eq!(of(Outcome::Recorded), counts.recorded);
    assert_eq!(of(Outcome::Dropped), counts.dropped);
    assert!(counts.dropped > 0);
    stall.end();
    drop(telemetry);
    assert_eq!(place.events().len() as u64, counts.recorded);
    assert_eq!(sum_of_dropped(&place), counts.dropped);
}
