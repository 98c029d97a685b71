//! Limits that change while a writer runs: what exceeds them is removed with its next append.

use super::*;

/// Appends lines one by one, and returns the store, its directory and the number of lines.
fn filled(limits: Limits, lines: usize) -> (Store, TempDir) {
    let home = TempDir::new().unwrap();
    let mut store = Store::new(home.path(), limits);
    for id in 0..lines {
        assert!(append(&mut store, id..id + 1, at(0)).1);
    }
    (store, home)
}

fn sizes(path: &std::path::Path) -> Vec<u64> {
    let directory = Directory::open(path, Access::Read).unwrap();
    let listed = list(&directory).unwrap();
    listed.iter().map(|segment| segment.bytes).collect()
}

#[test]
fn a_smaller_total_applies_with_the_next_append() {
    let (mut store, home) = filled(small(), 100);
    let before = sizes(home.path());
    assert!(before.iter().sum::<u64>() > 4000, "{before:?}");
    store.set_limits(Limits {
        total_bytes_max: 4000,
        ..small()
    });
    assert_eq!(sizes(home.path()), before, "not before the next append");
    assert!(append(&mut store, 100..101, at(0)).1);
    let after = sizes(home.path());
    assert!(after.iter().sum::<u64>() <= 4000, "{before:?} {after:?}");
    let (ids, damaged) = contents(home.path());
    assert_eq!((ids.last(), damaged), (Some(&100), 0));
    let kept = ids.len();
    assert_eq!(
        ids,
        (101 - kept..101).collect::<Vec<_>>(),
        "the oldest are removed"
    );
}

#[test]
fn a_head_that_is_larger_than_the_new_total_is_removed() {
    let large = Limits {
        segment_bytes_max: 100_000,
        total_bytes_max: 400_000,
        ..Limits::default()
    };
    let (mut store, home) = filled(large, 500);
    assert_eq!(sizes(home.path()).len(), 1);
    store.set_limits(small());
    assert!(append(&mut store, 500..501, at(0)).1);
    let after = sizes(home.path());
    assert!(after.iter().sum::<u64>() <= 6000, "{after:?}");
    assert_eq!(contents(home.path()), (vec![500], 0));
}

#[test]
fn a_smaller_age_applies_with_the_next_append() {
    const HOUR: i64 = 3600;
    let (mut store, home) = filled(small(), 100);
    assert!(append(&mut store, 100..101, at(2 * HOUR)).1);
    let before = sizes(home.path());
    assert!(before.len() > 1);
    store.set_limits(Limits {
        age_max: Duration::from_hours(1),
        ..small()
    });
    assert!(append(&mut store, 101..102, at(2 * HOUR)).1);
    let (ids, damaged) = contents(home.path());
    assert_eq!((ids, damaged), (vec![101], 0), "{before:?}");
}

#[test]
fn a_larger_total_applies_from_the_next_rotation() {
    let (mut store, home) = filled(small(), 100);
    store.set_limits(Limits {
        total_bytes_max: 1 << 20,
        ..small()
    });
    let before = contents(home.path()).0;
    for id in 100..400 {
        assert!(append(&mut store, id..id + 1, at(0)).1);
    }
    let first = *before.first().unwrap();
    assert_eq!(contents(home.path()).0, (first..400).collect::<Vec<_>>());
}

#[test]
fn a_failure_while_limits_are_applied_loses_no_line() {
    for step in 0..40 {
        let (mut store, home) = filled(small(), 100);
        store.set_limits(Limits {
            total_bytes_max: 4000,
            ..small()
        });
        store.faults.plan(step, Fault::Once(5));
        let (written, _) = append(&mut store, 100..101, at(0));
        store.faults.lift();
        assert!(append(&mut store, 101..102, at(0)).1, "{step}");
        let (ids, _) = contents(home.path());
        let expected: Vec<usize> = written.into_iter().chain([101]).collect();
        let newest: Vec<usize> = ids.into_iter().filter(|id| *id >= 100).collect();
        assert_eq!(newest, expected, "{step}");
    }
}
