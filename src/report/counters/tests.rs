//! Counters: each count is reported once, whatever counts and however often it is read.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Returns a text of the program at an address of its own.
fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn sum(value: &Value) -> u64 {
    match value {
        Value::Array(list) => list
            .iter()
            .map(|series| series["count"].as_u64().unwrap())
            .sum(),
        Value::Object(map) => map.values().map(sum).sum(),
        Value::Number(number) => number.as_u64().unwrap(),
        Value::Null | Value::Bool(_) | Value::String(_) => panic!("{value}"),
    }
}

/// Returns counters that count.
fn counters() -> Counters {
    Counters::new(Arc::new(AtomicBool::new(true)), Arc::default(), 0)
}

fn count<const N: usize>(counters: &Counters, name: &'static str, labels: [Label; N], by: u64) {
    counters.counter(Family::Counter, name, &labels).add(by);
}

fn count_error(counters: &Counters, code: &'static str) {
    counters.counter(Family::Error, code, &[]).add(1);
}

/// On a busy machine the registry may be locked for longer than a report waits.
fn unreported(counters: &Counters) -> Snapshot {
    std::iter::repeat_with(|| counters.unreported())
        .take(100)
        .flatten()
        .next()
        .unwrap()
}

fn withdraw(counters: &Counters) {
    counters.consent.withdrawals.fetch_add(1, Ordering::Release);
}

#[test]
fn a_series_without_counts_is_absent() {
    let counters = counters();
    assert!(unreported(&counters).is_empty());
    count(&counters, "queries", [], 0);
    let snapshot = unreported(&counters);
    assert!(snapshot.is_empty());
    assert_eq!(
        (snapshot.counters(), snapshot.errors()),
        (json!({}), json!({}))
    );
}

#[test]
fn series_are_sorted_and_errors_are_apart() {
    let counters = counters();
    count(
        &counters,
        "queries",
        [("command", "insert"), ("result", "ok")],
        1,
    );
    count(
        &counters,
        "queries",
        [("command", "find"), ("result", "ok")],
        12,
    );
    count(
        &counters,
        "queries",
        [("command", "find"), ("result", "error")],
        3,
    );
    count(&counters, "connections", [], 7);
    count_error(&counters, "40001");
    count_error(&counters, "40001");
    count_error(&counters, "queries");
    let snapshot = unreported(&counters);
    assert_eq!(
        snapshot.counters(),
        json!({
            "connections": [{"count": 7}],
            "queries": [
                {"command": "find", "result": "error", "count": 3},
                {"command": "find", "result": "ok", "count": 12},
                {"command": "insert", "result": "ok", "count": 1},
            ],
        })
    );
    assert_eq!(snapshot.errors(), json!({"40001": 2, "queries": 1}));
}

#[test]
fn equal_labels_in_any_order_are_one_series() {
    let counters = counters();
    for _ in 0..3 {
        let (command, find, result, ok) =
            (leak("command"), leak("find"), leak("result"), leak("ok"));
        count(
            &counters,
            leak("queries"),
            [(command, find), (result, ok)],
            1,
        );
        count(
            &counters,
            leak("queries"),
            [(result, ok), (command, find)],
            1,
        );
        count(
            &counters,
            "queries",
            [(command, "no"), (result, ok), (command, find)],
            1,
        );
    }
    assert_eq!(
        unreported(&counters).counters(),
        json!({"queries": [{"command": "find", "result": "ok", "count": 9}]})
    );
    assert_eq!(counters.series.lock().unwrap().len(), 1);
}

#[test]
fn texts_at_one_address_are_distinguished_by_length() {
    let counters = counters();
    let long = leak("queries");
    let (short, _) = long.split_at(5);
    count(&counters, long, [], 1);
    count(&counters, short, [], 2);
    count(&counters, short, [(short, long)], 4);
    count(&counters, short, [(long, short)], 8);
    assert_eq!(
        unreported(&counters).counters(),
        json!({
            "queries": [{"count": 1}],
            "queri": [{"count": 2}, {"queri": "queries", "count": 4}, {"queries": "queri", "count": 8}],
        })
    );
}

#[test]
fn a_snapshot_changes_nothing_and_settles_once() {
    let counters = counters();
    count(&counters, "queries", [], 5);
    let first = unreported(&counters);
    assert_eq!(unreported(&counters).counters(), first.counters());
    count(&counters, "queries", [], 3);
    first.settle();
    assert_eq!(sum(&unreported(&counters).counters()), 3);
    first.settle();
    assert_eq!(sum(&unreported(&counters).counters()), 3);
    unreported(&counters).settle();
    assert!(unreported(&counters).is_empty());
}

#[test]
fn the_later_of_two_snapshots_holds_in_any_settling_order() {
    for later_first in [false, true] {
        let counters = counters();
        count(&counters, "queries", [], 5);
        let one = unreported(&counters);
        count(&counters, "queries", [], 3);
        let other = unreported(&counters);
        count(&counters, "queries", [], 1);
        let order = if later_first {
            [&other, &one]
        } else {
            [&one, &other]
        };
        for snapshot in order {
            snapshot.settle();
        }
        assert_eq!(sum(&unreported(&counters).counters()), 1);
    }
}

#[test]
fn older_snapshots_do_not_restore_forgotten_counts() {
    let counters = counters();
    count(&counters, "queries", [], 5);
    count_error(&counters, "40001");
    let before = unreported(&counters);
    count(&counters, "queries", [], 5);
    withdraw(&counters);
    assert!(unreported(&counters).is_empty());
    count(&counters, "queries", [], 2);
    before.settle();
    assert_eq!(
        unreported(&counters).counters(),
        json!({"queries": [{"count": 2}]})
    );
    assert_eq!(unreported(&counters).errors(), json!({}));
}

#[test]
fn a_count_that_wraps_still_gives_the_right_difference() {
    let counters = counters();
    count(&counters, "bytes", [], u64::MAX);
    let first = unreported(&counters);
    assert_eq!(sum(&first.counters()), u64::MAX);
    first.settle();
    count(&counters, "bytes", [], 9);
    let second = unreported(&counters);
    assert_eq!(sum(&second.counters()), 9);
    first.settle();
    assert_eq!(sum(&unreported(&counters).counters()), 9);
    second.settle();
    first.settle();
    assert!(unreported(&counters).is_empty());
}

#[test]
fn series_beyond_the_limit_add_up_in_other() {
    let counters = counters();
    count(&counters, "known", [], 1);
    for number in 0..3_000 {
        let value = leak(&number.to_string());
        count(&counters, "queries", [("command", value)], 1);
        count(&counters, "queries", [("command", value)], 1);
        count_error(&counters, value);
    }
    count(&counters, "known", [], 1);
    let snapshot = unreported(&counters);
    let found = snapshot.counters();
    assert_eq!(sum(&found), 6_002);
    assert_eq!(sum(&snapshot.errors()), 3_000);
    assert_eq!(found["known"], json!([{"count": 2}]));
    let queries = found["queries"].as_array().unwrap().len();
    let errors = snapshot.errors().as_object().unwrap().len() - 1;
    assert_eq!(queries + errors + 1, SERIES_MAX);
    assert_eq!(sum(&found["other"]), 2 * (3_000 - queries as u64));
    count(&counters, "other", [], 1);
    assert_eq!(
        unreported(&counters).counters()["other"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    unreported(&counters).settle();
    assert!(unreported(&counters).is_empty());
}

#[test]
fn two_handles_count_apart() {
    let (one, other) = (counters(), counters());
    count(&one, "queries", [("command", "find")], 1);
    count(&other, "queries", [("command", "find")], 2);
    assert_eq!(sum(&unreported(&other).counters()), 2);
    unreported(&other).settle();
    assert_eq!(sum(&unreported(&one).counters()), 1);
}

#[test]
fn long_texts_are_cut_and_a_count_label_is_kept() {
    let counters = counters();
    let long = leak(&"ä".repeat(5_000_000));
    count(&counters, long, [(long, long)], 1);
    count(
        &counters,
        "x",
        [("count", "7"), ("count_", "8"), ("counter", "9")],
        1,
    );
    count_error(&counters, long);
    let snapshot = unreported(&counters);
    let short = format!("{}…", "ä".repeat(64));
    assert_eq!(
        snapshot.counters(),
        json!({
            &short: [{&short: &short, "count": 1}],
            "x": [{"count": 1, "count_": "7", "count__": "8", "counter": "9"}],
        })
    );
    assert_eq!(snapshot.errors(), json!({&short: 1}));
}

#[test]
fn labels_beyond_sixteen_do_not_distinguish_series() {
    let counters = counters();
    let labels: [Label; 20] = std::array::from_fn(|at| (leak(&format!("l{at:02}")), "x"));
    count(&counters, "queries", labels, 1);
    let mut other = labels;
    other[19].1 = "y";
    count(&counters, "queries", other, 1);
    let found = unreported(&counters).counters();
    assert_eq!(found["queries"].as_array().unwrap().len(), 1);
    assert_eq!(found["queries"][0].as_object().unwrap().len(), 16 + 1);
    assert_eq!(found["queries"][0]["count"], 2);
}

#[test]
fn clones_and_later_handles_add_to_one_series() {
    let counters = counters();
    let one = counters.counter(Family::Counter, "queries", &[]);
    let other = one.clone();
    count(&counters, "queries", [], 1);
    one.add(2);
    unreported(&counters).settle();
    other.add(4);
    drop(one);
    count(&counters, "queries", [], 8);
    assert_eq!(
        unreported(&counters).counters(),
        json!({"queries": [{"count": 12}]})
    );
}

#[test]
fn nothing_is_counted_while_the_gate_is_closed() {
    let counters = counters();
    let queries = counters.counter(Family::Counter, "queries", &[]);
    let set_open = |is_open| counters.consent.is_open.store(is_open, Ordering::Relaxed);
    set_open(false);
    queries.add(1);
    set_open(true);
    queries.add(2);
    assert_eq!(sum(&unreported(&counters).counters()), 2);
}

#[test]
fn counting_restarts_after_a_withdrawal() {
    let counters = counters();
    let queries = counters.counter(Family::Counter, "queries", &[]);
    let before = clock::micros_since_epoch();
    assert_eq!(unreported(&counters).since_micros(), 0);
    withdraw(&counters);
    queries.add(1);
    let noted = unreported(&counters).since_micros();
    assert!(noted >= before);
    assert_eq!(unreported(&counters).since_micros(), noted);
    let snapshot = unreported(&counters);
    snapshot.settle();
    assert_eq!(unreported(&counters).since_micros(), snapshot.until);
}

#[test]
fn counting_waits_for_no_lock_and_loses_nothing() {
    let counters = counters();
    let queries = counters.counter(Family::Counter, "queries", &[]);
    let held = counters.series.lock().unwrap();
    queries.add(1);
    withdraw(&counters);
    queries.add(2);
    count(&counters, "later", [], 4);
    assert!(counters.unreported().is_none());
    drop(held);
    assert_eq!(
        unreported(&counters).counters(),
        json!({"other": [{"count": 4}], "queries": [{"count": 2}]})
    );
}

#[test]
fn a_count_after_a_withdrawal_is_kept() {
    for _ in 0..200 {
        let counters = counters();
        let queries = counters.counter(Family::Counter, "queries", &[]);
        queries.add(1_000);
        withdraw(&counters);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| queries.add(1));
            }
            scope.spawn(|| counters.unreported());
        });
        assert_eq!(sum(&unreported(&counters).counters()), 4);
    }
}

const THREADS: u64 = 8;
const ADDS: u64 = 100_000;

/// Counts in all threads at once: a few series that all share, and many that each uses now and
/// then.
fn count_in_all_threads(counters: &Counters, meanwhile: impl FnOnce(&dyn Fn() -> bool)) {
    let values: Vec<&str> = (0..300).map(|at| leak(&format!("value {at}"))).collect();
    let rare = |value: &&'static str| counters.counter(Family::Counter, "rare", &[("at", value)]);
    let one = || {
        let rare: Vec<Counter> = values.iter().map(rare).collect();
        let queries = counters.counter(Family::Counter, "queries", &[("command", "find")]);
        let errors = counters.counter(Family::Error, "40001", &[]);
        for at in 0..ADDS {
            match at % 5 {
                0 => errors.add(1),
                1 => rare[usize::try_from(at / 5).unwrap() % 300].add(1),
                _ => queries.add(1),
            }
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..THREADS).map(|_| scope.spawn(one)).collect();
        meanwhile(&|| all.iter().all(std::thread::ScopedJoinHandle::is_finished));
    });
}

#[test]
fn eight_threads_lose_nothing_while_snapshots_are_settled() {
    let counters = counters();
    let mut reported = 0;
    count_in_all_threads(&counters, |is_over| {
        while !is_over() {
            let snapshot = unreported(&counters);
            reported += sum(&snapshot.counters()) + sum(&snapshot.errors());
            snapshot.settle();
        }
    });
    let last = unreported(&counters);
    reported += sum(&last.counters()) + sum(&last.errors());
    assert_eq!(reported, THREADS * ADDS);
}

#[test]
fn snapshots_settled_by_several_at_once_never_go_back() {
    let counters = counters();
    let settle = |is_over: &dyn Fn() -> bool| {
        while !is_over() {
            let (one, other) = (unreported(&counters), unreported(&counters));
            other.settle();
            one.settle();
            let count = |snapshot: &Snapshot| sum(&snapshot.counters()) + sum(&snapshot.errors());
            assert!(count(&one) <= THREADS * ADDS);
            assert!(count(&other) <= THREADS * ADDS);
        }
    };
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| settle(&|| is_done.load(Ordering::Acquire)));
        }
        let count = || count_in_all_threads(&counters, |is_over| settle(is_over));
        // The other threads end also if this fails.
        let counted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(count));
        is_done.store(true, Ordering::Release);
        assert!(counted.is_ok());
    });
    unreported(&counters).settle();
    assert!(unreported(&counters).is_empty());
}

proptest! {
    #[test]
    fn counts_match_a_sum_in_any_sequence_of_operations(
        steps in prop::collection::vec((0..4_u8, 0..5_usize, 0..1_000_u64), 0..60)
    ) {
        const NAMES: [&str; 5] = ["a", "b", "c", "a\0", ""];
        let counters = counters();
        let mut expected = [0_u64; 5];
        for (step, at, by) in steps {
            match step {
                0 | 1 => {
                    count(&counters, NAMES[at], [("label", NAMES[at])], by);
                    expected[at] += by;
                }
                2 => {
                    unreported(&counters).settle();
                    expected = [0; 5];
                }
                _ => {
                    withdraw(&counters);
                    expected = [0; 5];
                }
            }
            let found = unreported(&counters).counters();
            for (name, expected) in NAMES.iter().zip(expected) {
                let count = found.get(name).map_or(0, sum);
                prop_assert_eq!(count, expected);
            }
        }
    }
}
