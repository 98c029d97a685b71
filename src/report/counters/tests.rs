//! Counters: what is counted is reported once, whoever counts and however often somebody looks.

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

#[test]
fn what_nobody_counted_is_not_there() {
    let counters = Counters::new();
    assert!(counters.unreported().is_empty());
    counters.add("queries", [], 0);
    let snapshot = counters.unreported();
    assert!(snapshot.is_empty());
    assert_eq!(
        (snapshot.counters(), snapshot.errors()),
        (json!({}), json!({}))
    );
}

#[test]
fn series_are_sorted_and_errors_are_apart() {
    let counters = Counters::new();
    counters.add("queries", [("command", "insert"), ("result", "ok")], 1);
    counters.add("queries", [("command", "find"), ("result", "ok")], 12);
    counters.add("queries", [("command", "find"), ("result", "error")], 3);
    counters.add("connections", [], 7);
    counters.add_error("40001");
    counters.add_error("40001");
    counters.add_error("queries");
    let snapshot = counters.unreported();
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
fn one_text_at_two_addresses_and_labels_in_any_order_are_one_series() {
    let counters = Counters::new();
    for _ in 0..3 {
        let (command, find, result, ok) =
            (leak("command"), leak("find"), leak("result"), leak("ok"));
        counters.add(leak("queries"), [(command, find), (result, ok)], 1);
        counters.add(leak("queries"), [(result, ok), (command, find)], 1);
        counters.add(
            "queries",
            [(command, "no"), (result, ok), (command, find)],
            1,
        );
    }
    assert_eq!(
        counters.unreported().counters(),
        json!({"queries": [{"command": "find", "result": "ok", "count": 9}]})
    );
    assert_eq!(counters.series_made.load(Ordering::Relaxed), 1);
}

#[test]
fn texts_that_share_an_address_are_told_apart_by_their_length() {
    let counters = Counters::new();
    let long = leak("queries");
    let (short, _) = long.split_at(5);
    counters.add(long, [], 1);
    counters.add(short, [], 2);
    counters.add(short, [(short, long)], 4);
    counters.add(short, [(long, short)], 8);
    assert_eq!(
        counters.unreported().counters(),
        json!({
            "queries": [{"count": 1}],
            "queri": [{"count": 2}, {"queri": "queries", "count": 4}, {"queries": "queri", "count": 8}],
        })
    );
}

#[test]
fn looking_changes_nothing_and_what_is_settled_is_not_reported_again() {
    let counters = Counters::new();
    counters.add("queries", [], 5);
    let first = counters.unreported();
    assert_eq!(counters.unreported().counters(), first.counters());
    counters.add("queries", [], 3);
    counters.settle(&first);
    assert_eq!(sum(&counters.unreported().counters()), 3);
    counters.settle(&first);
    assert_eq!(sum(&counters.unreported().counters()), 3);
    counters.settle(&counters.unreported());
    assert!(counters.unreported().is_empty());
}

#[test]
fn of_two_snapshots_at_once_the_later_one_holds_whichever_is_settled_first() {
    for later_first in [false, true] {
        let counters = Counters::new();
        counters.add("queries", [], 5);
        let one = counters.unreported();
        counters.add("queries", [], 3);
        let other = counters.unreported();
        counters.add("queries", [], 1);
        let order = if later_first {
            [&other, &one]
        } else {
            [&one, &other]
        };
        for snapshot in order {
            counters.settle(snapshot);
        }
        assert_eq!(sum(&counters.unreported().counters()), 1);
    }
}

#[test]
fn what_was_forgotten_is_not_reported_and_older_snapshots_bring_nothing_back() {
    let counters = Counters::new();
    counters.add("queries", [], 5);
    counters.add_error("40001");
    let before = counters.unreported();
    counters.add("queries", [], 5);
    counters.forget();
    assert!(counters.unreported().is_empty());
    counters.add("queries", [], 2);
    counters.settle(&before);
    assert_eq!(
        counters.unreported().counters(),
        json!({"queries": [{"count": 2}]})
    );
    assert_eq!(counters.unreported().errors(), json!({}));
}

#[test]
fn a_count_that_wraps_still_gives_the_right_difference() {
    let counters = Counters::new();
    counters.add("bytes", [], u64::MAX);
    let first = counters.unreported();
    assert_eq!(sum(&first.counters()), u64::MAX);
    counters.settle(&first);
    counters.add("bytes", [], 9);
    let second = counters.unreported();
    assert_eq!(sum(&second.counters()), 9);
    counters.settle(&first);
    assert_eq!(sum(&counters.unreported().counters()), 9);
    counters.settle(&second);
    counters.settle(&first);
    assert!(counters.unreported().is_empty());
}

#[test]
fn what_finds_no_place_adds_up_in_other_and_is_not_lost() {
    let counters = Counters::new();
    counters.add("known", [], 1);
    for number in 0..3_000 {
        let value = leak(&number.to_string());
        counters.add("queries", [("command", value)], 1);
        counters.add("queries", [("command", value)], 1);
        counters.add_error(value);
    }
    counters.add("known", [], 1);
    let snapshot = counters.unreported();
    let found = snapshot.counters();
    assert_eq!(sum(&found), 6_002);
    assert_eq!(sum(&snapshot.errors()), 3_000);
    assert_eq!(found["known"], json!([{"count": 2}]));
    let queries = found["queries"].as_array().unwrap().len();
    let errors = snapshot.errors().as_object().unwrap().len() - 1;
    assert_eq!(queries + errors + 1, SERIES_MAX);
    assert_eq!(sum(&found["other"]), 2 * (3_000 - queries as u64));
    counters.add("other", [], 1);
    assert_eq!(
        counters.unreported().counters()["other"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    counters.settle(&counters.unreported());
    assert!(counters.unreported().is_empty());
}

#[test]
fn two_handles_count_apart() {
    let (one, other) = (Counters::new(), Counters::new());
    one.add("queries", [("command", "find")], 1);
    other.add("queries", [("command", "find")], 2);
    one.settle(&other.unreported());
    assert_eq!(sum(&one.unreported().counters()), 1);
    assert_eq!(sum(&other.unreported().counters()), 2);
}

#[test]
fn texts_of_any_length_are_cut_and_labels_named_count_stay_beside_it() {
    let counters = Counters::new();
    let long = leak(&"ä".repeat(5_000_000));
    counters.add(long, [(long, long)], 1);
    counters.add("x", [("count", "7"), ("count_", "8"), ("counter", "9")], 1);
    counters.add_error(long);
    let snapshot = counters.unreported();
    let short = format!("{}…", "ä".repeat(62));
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
fn beyond_sixteen_labels_do_not_tell_series_apart() {
    let counters = Counters::new();
    let labels: [Label; 20] = std::array::from_fn(|at| (leak(&format!("l{at:02}")), "x"));
    counters.add("queries", labels, 1);
    let mut other = labels;
    other[19].1 = "y";
    counters.add("queries", other, 1);
    let found = counters.unreported().counters();
    assert_eq!(found["queries"].as_array().unwrap().len(), 1);
    assert_eq!(found["queries"][0].as_object().unwrap().len(), 16 + 1);
    assert_eq!(found["queries"][0]["count"], 2);
}

#[test]
fn more_series_than_a_thread_remembers_are_counted_as_well() {
    let counters = Counters::new();
    let names: Vec<&str> = (0..500).map(|at| leak(&format!("series {at}"))).collect();
    for _ in 0..20 {
        for name in &names {
            counters.add(name, [], 1);
        }
    }
    let found = counters.unreported().counters();
    assert!(
        names
            .iter()
            .all(|name| found[name] == json!([{"count": 20}]))
    );
}

#[test]
fn a_place_that_a_dead_thread_claimed_is_passed_over() {
    let counters = Counters::new();
    counters.places.iter().step_by(2).for_each(|place| {
        assert!(place.claim());
    });
    for at in 0..200 {
        let name = leak(&format!("series {at}"));
        counters.add(name, [], 1);
        counters.add(leak(name), [], 1);
    }
    let found = counters.unreported().counters();
    assert_eq!(found.as_object().unwrap().len(), 200);
    assert_eq!(sum(&found), 400);
    assert_eq!(counters.series_made.load(Ordering::Relaxed), 200);
}

#[test]
fn where_no_place_can_be_had_at_all_nothing_is_lost() {
    let counters = Counters::new();
    counters.places.iter().for_each(|place| {
        assert!(place.claim());
    });
    counters.add("queries", [], 1);
    counters.add_error("40001");
    let snapshot = counters.unreported();
    assert_eq!(snapshot.counters(), json!({"other": [{"count": 1}]}));
    assert_eq!(snapshot.errors(), json!({"other": 1}));
}

const THREADS: u64 = 8;
const ADDS: u64 = 100_000;

/// Counts in all threads at once: a few series that all share, and many that each meets now and then.
fn count_in_all_threads(counters: &Counters, meanwhile: impl FnOnce(&dyn Fn() -> bool)) {
    let values: Vec<&str> = (0..300).map(|at| leak(&format!("value {at}"))).collect();
    let one = || {
        for at in 0..ADDS {
            match at % 5 {
                0 => counters.add_error("40001"),
                1 => counters.add(
                    "rare",
                    [("at", values[usize::try_from(at / 5).unwrap() % 300])],
                    1,
                ),
                _ => counters.add("queries", [("command", "find"), ("result", "ok")], 1),
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
    let counters = Counters::new();
    let mut reported = 0;
    count_in_all_threads(&counters, |is_over| {
        while !is_over() {
            let snapshot = counters.unreported();
            reported += sum(&snapshot.counters()) + sum(&snapshot.errors());
            counters.settle(&snapshot);
        }
    });
    let last = counters.unreported();
    reported += sum(&last.counters()) + sum(&last.errors());
    assert_eq!(reported, THREADS * ADDS);
}

#[test]
fn snapshots_settled_by_several_at_once_never_go_back() {
    let counters = Counters::new();
    let settle = |is_over: &dyn Fn() -> bool| {
        while !is_over() {
            let (one, other) = (counters.unreported(), counters.unreported());
            counters.settle(&other);
            counters.settle(&one);
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
        count_in_all_threads(&counters, |is_over| settle(is_over));
        is_done.store(true, Ordering::Release);
    });
    counters.settle(&counters.unreported());
    assert!(counters.unreported().is_empty());
}

proptest! {
    #[test]
    fn any_sequence_of_counting_settling_and_forgetting_agrees_with_a_sum(
        steps in prop::collection::vec((0..4_u8, 0..5_usize, 0..1_000_u64), 0..60)
    ) {
        const NAMES: [&str; 5] = ["a", "b", "c", "a\0", ""];
        let counters = Counters::new();
        let mut unreported = [0_u64; 5];
        for (step, at, by) in steps {
            match step {
                0 | 1 => {
                    counters.add(NAMES[at], [("label", NAMES[at])], by);
                    unreported[at] += by;
                }
                2 => {
                    counters.settle(&counters.unreported());
                    unreported = [0; 5];
                }
                _ => {
                    counters.forget();
                    unreported = [0; 5];
                }
            }
            let found = counters.unreported().counters();
            for (name, expected) in NAMES.iter().zip(unreported) {
                let count = found.get(name).map_or(0, sum);
                prop_assert_eq!(count, expected);
            }
        }
    }
}
