//! Segments that cannot be removed: recording continues, others are removed in their place, and the
//! limit on disk holds.

use std::path::Path;
use std::process::Command;

use super::*;

const EPERM: i32 = 1;
const EBUSY: i32 = 16;

fn bytes(path: &Path) -> u64 {
    let directory = Directory::open(path, Access::Read).unwrap();
    let listed = list(&directory).unwrap();
    listed.iter().map(|segment| segment.bytes).sum()
}

/// Appends five lines at a time and returns the largest size in bytes of the directory.
fn fill(store: &mut Store, path: &Path, batches: std::ops::Range<usize>) -> u64 {
    let mut most = 0;
    for batch in batches {
        let (_, is_done) = append(store, batch * 5..batch * 5 + 5, at(0));
        assert!(is_done, "batch {batch} was refused");
        most = most.max(bytes(path));
    }
    most
}

/// A directory with the segments 1 to 3 of 2,000 bytes at most, which the limits allow.
fn three() -> (TempDir, PathBuf, Store) {
    let (root, path) = place();
    let mut store = Store::new(&path, small());
    fill(&mut store, &path, 0..18);
    assert_eq!(segments(&path), [1, 2, 3]);
    (root, path, store)
}

#[test]
fn a_segment_that_cannot_be_removed_is_skipped_and_counts() {
    for errno in [EPERM, EBUSY, 13, 30] {
        let (_root, path, mut store) = three();
        store.faults.hold(|number| number == 1, errno);
        let most = fill(&mut store, &path, 22..100);
        let left = segments(&path);
        assert_eq!(left[0], 1, "errno {errno}");
        assert!(left[1] > 3, "those after it were removed: {left:?}");
        assert!(most <= small().total_bytes_max, "{most} bytes");
        assert_eq!(floor(&path), left[1], "what is above the floor is there");
        store.faults.lift();
        fill(&mut store, &path, 100..110);
        assert!(segments(&path)[0] > 1, "it is removed as soon as it can be");
    }
}

#[test]
fn the_limit_holds_if_every_other_segment_is_stuck() {
    let (_root, path) = place();
    let limits = Limits {
        segment_bytes_max: 500,
        total_bytes_max: 10_000,
        ..Limits::default()
    };
    let mut store = Store::new(&path, limits.clone());
    fill(&mut store, &path, 0..30);
    store.faults.hold(|number| number % 2 == 1, EPERM);
    // Eight of them stay below the total and leave room for two more.
    while segments(&path)
        .iter()
        .filter(|number| *number % 2 == 1)
        .count()
        < 8
        || floor(&path) < 20
    {
        let most = fill(&mut store, &path, 30..31);
        assert!(most <= limits.total_bytes_max, "{most} bytes");
    }
}

#[test]
fn stuck_segments_may_leave_room_for_two_and_not_less() {
    let (_root, path, mut store) = three();
    store.faults.hold(|number| number <= 2, EPERM);
    let most = fill(&mut store, &path, 22..100);
    let limits = small();
    assert!(most > limits.total_bytes_max);
    assert!(most <= limits.total_bytes_max + 2 * limits.segment_bytes_max);
    let left = segments(&path);
    assert_eq!((left.len(), &left[..2]), (4, [1, 2].as_slice()), "{left:?}");
}

#[test]
fn recording_stops_at_a_limit_if_nothing_can_be_removed() {
    let (_root, path, mut store) = three();
    store.faults.plan(0, Fault::Named("remove", EPERM));
    let mut refused = 0;
    for batch in 22..300 {
        refused += usize::from(!append(&mut store, batch * 5..batch * 5 + 5, at(0)).1);
    }
    let limits = small();
    assert!(refused > 200);
    assert!(bytes(&path) <= limits.total_bytes_max + 2 * limits.segment_bytes_max);
    store.faults.lift();
    let (_, is_done) = append(&mut store, 9000..9005, at(0));
    assert!(is_done, "it continues as soon as something can be removed");
}

#[test]
fn a_rotation_tries_few_of_the_stuck_segments_again() {
    let (_root, path) = place();
    let limits = Limits {
        segment_bytes_max: 500,
        total_bytes_max: 100_000,
        ..Limits::default()
    };
    let mut store = Store::new(&path, limits.clone());
    fill(&mut store, &path, 0..300);
    // All of these are due for removal, and cannot be removed.
    store.limits.total_bytes_max = 58_000;
    store.faults.hold(|number| number <= 100, EPERM);
    fill(&mut store, &path, 300..330);
    let (tried, first) = (store.faults.count_of("remove"), segments(&path));
    assert!(tried >= 100 && first.contains(&100));
    fill(&mut store, &path, 330..360);
    let rotations = segments(&path).last().unwrap() - first.last().unwrap();
    let tries = store.faults.count_of("remove") - tried;
    let removed = usize::try_from(rotations).unwrap() + 1;
    assert!(
        tries <= usize::try_from(rotations * 8).unwrap() + removed,
        "{tries} tries in {rotations} rotations"
    );
    // In the end each of them was retried.
    store.faults.lift();
    fill(&mut store, &path, 360..600);
    assert!(segments(&path)[0] > 100, "{:?}", segments(&path));
}

#[test]
fn a_stuck_segment_is_not_reported_as_a_loss() {
    let (_root, path, mut store) = three();
    store.faults.hold(|number| number == 1, EPERM);
    fill(&mut store, &path, 22..60);
    let mut reader = crate::reader::Reader::open(&path).unwrap();
    while let Some(item) = reader.next_item().unwrap() {
        if let crate::reader::Item::Damage(damage) = item {
            assert!(!damage.to_string().contains("missing"), "{damage}");
        }
    }
}

#[test]
fn an_immutable_segment_is_skipped_on_a_real_file_system() {
    let (_root, path, mut store) = three();
    let immutable = path.join("events.000001.jsonl");
    let chattr = |flag: &str| {
        let run = Command::new("chattr").arg(flag).arg(&immutable).output();
        run.is_ok_and(|output| output.status.success())
    };
    if !chattr("+i") {
        // This user, or this file system, cannot make a file immutable.
        return;
    }
    let most = fill(&mut store, &path, 22..80);
    let left = segments(&path);
    assert!(chattr("-i"));
    assert_eq!(left[0], 1);
    assert!(left[1] > 3 && most <= small().total_bytes_max, "{left:?}");
    fill(&mut store, &path, 80..90);
    assert!(segments(&path)[0] > 1, "it is removed as soon as it can be");
}
