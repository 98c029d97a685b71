//! The store on a failing disk: every operation of a workload fails once, fails for ever (as if the
//! process had died there), or writes only a half. Afterwards a new writer must continue, nothing
//! that was acknowledged may be missing or doubled, and every line but a torn one must be whole.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::age::Now;
use super::clear::clear_in;
use super::faults::Fault;
use super::latest::Latest;
use super::limits::Limits;
use super::lock::Extent;
use super::log::log_in;
use super::segment::SegmentNumber;
use super::{Clearing, Store, clear, list};
use crate::store::disk::{Access, Directory};

mod ages;
mod changed_limits;
mod compression;
mod log;
mod stuck;

/// Room for about forty lines in a segment and a hundred in all, so that rotation and removal
/// happen soon.
fn small() -> Limits {
    Limits {
        segment_bytes_max: 2000,
        total_bytes_max: 6000,
        ..Limits::default()
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_000_000 + seconds).unwrap()
}

/// Both clocks at that second.
fn now(seconds: i64) -> Now {
    Now {
        clock: at(seconds),
        steady: Instant::now(),
    }
}

/// A line with that id.
fn line(id: usize) -> Vec<u8> {
    format!(
        "{{\"timestamp\":\"{}\",\"id\":{id}}}\n",
        crate::record::format_timestamp(at(0))
    )
    .into_bytes()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// Appends lines and returns the ids of those that were written, with the first failure.
fn append(
    store: &mut Store,
    ids: std::ops::Range<usize>,
    now: OffsetDateTime,
) -> (Vec<usize>, bool) {
    let batch: Vec<u8> = ids.clone().flat_map(line).collect();
    let now = Now {
        clock: now,
        steady: Instant::now(),
    };
    let Ok(turn) = store.begin(batch.len(), now, soon()) else {
        return (Vec::new(), false);
    };
    let (bytes, failure) = turn.append(&batch, Latest::Unknown);
    let whole = batch[..bytes]
        .split_inclusive(|byte| *byte == b'\n')
        .count();
    assert!(
        bytes == 0 || batch[bytes - 1] == b'\n',
        "only whole lines are acknowledged"
    );
    assert!(failure.is_some() || bytes == batch.len(), "all of it");
    (ids.take(whole).collect(), failure.is_none())
}

/// The ids in the directory in file order, and the number of damaged lines.
fn contents(path: &std::path::Path) -> (Vec<usize>, usize) {
    contents_from(path, 1)
}

/// The same for the segments from that number on.
fn contents_from(path: &std::path::Path, lowest: u64) -> (Vec<usize>, usize) {
    let directory = Directory::open(path, Access::Read).unwrap();
    let (mut ids, mut damaged) = (Vec::new(), 0);
    let mut listed = list(&directory).unwrap();
    listed.retain(|segment| segment.number.get() >= lowest);
    for segment in listed {
        let bytes = directory
            .read_small(&segment.number.file_name(), 1 << 20)
            .unwrap();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match serde_json::from_slice::<serde_json::Value>(line) {
                Ok(value) if line.ends_with(b"\n") => {
                    ids.push(usize::try_from(value["id"].as_u64().unwrap()).unwrap());
                }
                Ok(_) | Err(_) => damaged += 1,
            }
        }
    }
    (ids, damaged)
}

fn segments(path: &std::path::Path) -> Vec<u64> {
    let directory = Directory::open(path, Access::Read).unwrap();
    list(&directory)
        .unwrap()
        .iter()
        .map(|segment| segment.number.get())
        .collect()
}

/// The floor in the lock file, or the lowest segment.
fn floor(path: &std::path::Path) -> u64 {
    let directory = Directory::open(path, Access::Read).unwrap();
    let noted = Extent::peek(&directory).map(|extent| extent.floor.get());
    noted.or(segments(path).first().copied()).unwrap_or(1)
}

fn place() -> (TempDir, PathBuf) {
    let root = TempDir::new().unwrap();
    let path = root.path().join("telemetry");
    (root, path)
}

/// Thirty batches of five lines over several rotations; a failed batch is retried once, as the
/// recorder does.
fn workload(store: &mut Store) -> Vec<usize> {
    let mut acknowledged = Vec::new();
    for batch in 0..30 {
        let mut next = batch * 5;
        for _attempt in 0..2 {
            let (ids, is_done) = append(store, next..batch * 5 + 5, at(0));
            next += ids.len();
            acknowledged.extend(ids);
            if is_done {
                break;
            }
        }
    }
    acknowledged
}

fn check_after(path: &std::path::Path, acknowledged: &[usize], what: &str) {
    // A new writer continues, whatever was left behind.
    let mut store = Store::new(path, small());
    let (ids, is_done) = append(&mut store, 9000..9003, at(1));
    assert!(
        is_done && ids.len() == 3,
        "{what}: a new writer cannot append"
    );
    let (found, damaged) = contents(path);
    let distinct: HashSet<usize> = found.iter().copied().collect();
    assert_eq!(distinct.len(), found.len(), "{what}: a line is doubled");
    assert!(damaged <= 1, "{what}: {damaged} damaged lines");
    assert_eq!(found[found.len() - 3..], [9000, 9001, 9002], "{what}");
    // Retention removes whole segments, the oldest first, so the remaining ones have no gap. Only
    // segments that could not be removed are below the floor.
    let floor = floor(path);
    let (kept, _) = contents_from(path, floor);
    let lowest = kept[0];
    for id in acknowledged.iter().filter(|id| **id >= lowest) {
        assert!(
            distinct.contains(id),
            "{what}: acknowledged line {id} is missing"
        );
    }
    let mut numbers = segments(path);
    numbers.retain(|number| *number >= floor);
    assert!(
        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{what}: {numbers:?}"
    );
}

fn sweep(fault: Fault) {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    store.set_session(SESSION);
    store.faults.plan(usize::MAX, fault);
    workload(&mut store);
    let operations = store.faults.lift();
    assert!(operations > 200, "the workload is too small: {operations}");
    for nth in 0..operations {
        let (_root, path) = place();
        let mut store = Store::new(&path, small());
        store.set_session(SESSION);
        store.faults.plan(nth, fault);
        let acknowledged = workload(&mut store);
        store.faults.lift();
        let what = format!(
            "{fault:?} at operation {nth} ({:?})",
            store.faults.reached().first()
        );
        drop(store);
        let log = log_in(&Directory::open(&path, Access::Read).unwrap());
        assert!(log.is_none_or(|log| log == SESSION), "{what}: {log:?}");
        check_after(&path, &acknowledged, &what);
    }
}

/// The session of the writer, which begins the log.
const SESSION: uuid::Uuid = uuid::Uuid::from_u128(1);

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

#[test]
fn one_failure_anywhere_loses_nothing_that_was_acknowledged() {
    sweep(Fault::Once(EIO));
}

#[test]
fn a_full_disk_at_any_operation_loses_nothing_acknowledged() {
    sweep(Fault::Once(ENOSPC));
}

#[test]
fn a_disk_failure_at_any_operation_loses_nothing_acknowledged() {
    sweep(Fault::Sticky(EIO));
}

#[test]
fn a_kill_at_any_operation_leaves_at_most_one_torn_line() {
    sweep(Fault::Death);
}

#[test]
fn a_short_write_anywhere_leaves_whole_lines_only() {
    sweep(Fault::Short);
}

#[test]
fn a_disk_that_refuses_writes_gets_no_empty_segments() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    store.faults.plan(0, Fault::Named("write", EIO));
    for _ in 0..20 {
        assert!(!append(&mut store, 0..1, at(0)).1);
    }
    store.faults.lift();
    assert_eq!(segments(&path), [1]);
}

#[test]
fn a_torn_line_is_ended_before_anything_is_added() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..2, at(0));
    let segment = path.join(SegmentNumber::FIRST.file_name());
    let mut torn = std::fs::OpenOptions::new()
        .append(true)
        .open(&segment)
        .unwrap();
    std::io::Write::write_all(&mut torn, b"{\"timestamp\":\"20").unwrap();
    append(&mut store, 2..4, at(0));
    assert_eq!(contents(&path), (vec![0, 1, 2, 3], 1));
}

#[test]
fn a_directory_never_exceeds_its_total_by_more_than_a_batch() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    for batch in 0..200 {
        append(&mut store, batch * 5..batch * 5 + 5, at(0));
        let directory = Directory::open(&path, Access::Read).unwrap();
        let bytes: u64 = list(&directory)
            .unwrap()
            .iter()
            .map(|segment| segment.bytes)
            .sum();
        assert!(
            bytes <= small().total_bytes_max,
            "{bytes} bytes after batch {batch}"
        );
    }
    assert!(segments(&path)[0] > 1, "the oldest segments were removed");
}

/// A directory with that many segments, whose lock file has lost the cache.
fn without_cache(count: u64) -> (TempDir, PathBuf) {
    let (root, path) = place();
    append(&mut Store::new(&path, small()), 0..1, at(0));
    for number in 2..=count {
        let number = SegmentNumber::new(number).unwrap();
        std::fs::copy(
            path.join("events.000001.jsonl"),
            path.join(number.file_name()),
        )
        .unwrap();
    }
    std::fs::write(path.join("lock"), "").unwrap();
    (root, path)
}

#[test]
fn a_writer_that_listed_the_directory_writes_the_cache() {
    let (_root, path) = without_cache(3);
    append(&mut Store::new(&path, small()), 1..2, at(0));
    let mut store = Store::new(&path, small());
    store.faults.plan(0, Fault::Named("list", EIO));
    let (ids, is_done) = append(&mut store, 2..3, at(0));
    assert!(is_done && ids == [2], "it listed the directory again");
    assert_eq!(segments(&path), [1, 2, 3]);
}

#[test]
fn appending_continues_without_a_writable_cache() {
    let (_root, path) = without_cache(3);
    for id in 1..3 {
        let mut store = Store::new(&path, small());
        store.faults.plan(0, Fault::Named("overwrite", EIO));
        let (ids, is_done) = append(&mut store, id..id + 1, at(0));
        assert!(is_done && ids == [id]);
    }
    assert_eq!(segments(&path), [1, 2, 3]);
}

#[test]
fn finding_the_head_opens_only_the_last_segment() {
    let operations = |count: u64| {
        let (_root, path) = without_cache(count);
        let mut store = Store::new(&path, small());
        store.faults.plan(usize::MAX, Fault::Short);
        let (_, is_done) = append(&mut store, 1..2, at(0));
        assert!(is_done);
        store.faults.lift()
    };
    assert_eq!(operations(300), operations(3));
}

#[test]
fn a_segment_older_than_its_limit_is_followed_by_the_next() {
    let (_root, path) = place();
    let mut store = Store::new(&path, Limits::default());
    append(&mut store, 0..1, at(0));
    append(&mut store, 1..2, at(24 * 3600 - 10));
    assert_eq!(segments(&path), [1]);
    append(&mut store, 2..3, at(24 * 3600 + 10));
    assert_eq!(segments(&path), [1, 2]);
}

#[test]
fn a_clock_that_jumps_back_rotates_once_and_removes_nothing() {
    let (_root, path) = place();
    let mut store = Store::new(&path, Limits::default());
    append(&mut store, 0..1, at(0));
    // Less than an hour is not a clock error.
    append(&mut store, 1..2, at(-3600));
    assert_eq!(segments(&path), [1]);
    for id in 2..9 {
        append(&mut store, id..id + 1, at(-400 * 24 * 3600));
        assert_eq!(segments(&path), [1, 2]);
    }
    assert_eq!(contents(&path).0, (0..9).collect::<Vec<_>>());
}

#[test]
fn segments_with_only_old_records_are_removed_at_rotation() {
    let (_root, path) = place();
    let day = 24 * 3600;
    let mut store = Store::new(&path, Limits::default());
    for days in 0..3 {
        let stamp = crate::record::format_timestamp(at(days * day));
        let batch = format!("{{\"timestamp\":\"{stamp}\",\"id\":{days}}}\n").into_bytes();
        let turn = store
            .begin(batch.len(), now(days * day + 5 * days), soon())
            .unwrap();
        assert!(turn.append(&batch, Latest::Unknown).1.is_none());
    }
    assert_eq!(segments(&path), [1, 2, 3]);
    append(&mut store, 3..4, at(93 * day));
    assert_eq!(
        segments(&path),
        [4],
        "the last record of each is more than 90 days old"
    );
}

#[test]
fn an_unreadable_or_future_first_line_keeps_no_old_segments() {
    let (_root, path) = place();
    let day = 24 * 3600;
    let mut store = Store::new(&path, Limits::default());
    for days in 0..5 {
        let stamp = match days {
            1 => "garbage".to_owned(),
            2 => crate::record::format_timestamp(at(10_000 * day)),
            _ => crate::record::format_timestamp(at(days * day)),
        };
        let batch = format!("{{\"timestamp\":\"{stamp}\",\"id\":{days}}}\n").into_bytes();
        let turn = store
            .begin(batch.len(), now(days * day + 5 * days), soon())
            .unwrap();
        assert!(turn.append(&batch, Latest::Unknown).1.is_none());
    }
    assert_eq!(segments(&path), [1, 2, 3, 4, 5]);
    append(&mut store, 5..6, at(95 * day));
    assert_eq!(
        segments(&path),
        [6],
        "the last record of 5, and all below it, is more than 90 days old"
    );
}

#[test]
fn a_line_without_newline_is_not_written_twice() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..1, at(0));
    store.faults.plan(0, Fault::ShortByOneAndNoCut);
    let (ids, is_done) = append(&mut store, 1..2, at(0));
    assert!(!is_done && ids == [1], "the next append adds the newline");
    store.faults.lift();
    append(&mut store, 2..3, at(0));
    assert_eq!(contents(&path), (vec![0, 1, 2], 0));
}

#[test]
fn a_failed_sync_is_never_reported_as_a_success_afterwards() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..1, at(0));
    store.faults.plan(0, Fault::Once(EIO));
    assert!(store.sync().is_err());
    store.faults.lift();
    assert!(store.sync().is_err(), "the pages count as clean now");
    append(&mut store, 1..2, at(0));
    assert!(store.sync().is_ok(), "in a new segment");
    assert_eq!(segments(&path), [1, 2]);
}

#[test]
fn continuing_a_segment_syncs_its_name_and_the_path_to_it() {
    for name in ["sync names", "sync way"] {
        let (_root, path) = place();
        // Its creator is killed before it syncs anything.
        let mut creator = Store::new(&path, small()).syncing_all();
        append(&mut creator, 0..1, at(0));
        drop(creator);
        let mut store = Store::new(&path, small()).syncing_all();
        append(&mut store, 1..2, at(0));
        store.faults.plan(0, Fault::Named(name, EIO));
        assert!(store.sync().is_err(), "{name}");
        store.faults.lift();
        assert!(store.sync().is_err(), "{name}: another sync proves nothing");
        append(&mut store, 2..3, at(0));
        assert!(store.sync().is_ok(), "in a new segment");
    }
}

#[test]
fn names_are_synced_once_and_no_rotation_forgets_them() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small()).syncing_all();
    for id in 0..3 {
        append(&mut store, id..id + 1, at(0));
        store.sync().unwrap();
    }
    assert_eq!(store.faults.count_of("sync names"), 1);
    assert_eq!(store.faults.count_of("sync way"), 1);
    let before = segments(&path).len();
    let mut id = 3;
    while segments(&path).len() < before + 2 {
        append(&mut store, id..id + 1, at(0));
        id += 1;
    }
    assert_eq!(store.faults.count_of("sync names"), 2, "of the one left");
    store.sync().unwrap();
    assert_eq!(store.faults.count_of("sync names"), 3, "of the new one");
    assert_eq!(store.faults.count_of("sync way"), 1);
}

#[test]
fn a_directory_that_was_moved_away_is_synced_there() {
    let (root, path) = place();
    let mut store = Store::new(&path, small()).syncing_all();
    append(&mut store, 0..1, at(0));
    std::fs::rename(&path, root.path().join("elsewhere")).unwrap();
    store.faults.plan(0, Fault::Named("sync", EIO));
    append(&mut store, 1..2, at(0));
    store.faults.lift();
    assert!(store.take_left_unsynced().is_some());
    assert!(store.sync().is_ok());
}

#[test]
fn numbers_are_not_reused_after_clear_or_deletion() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..2, at(0));
    let removed = clear(&path, Clearing::All, now(0)).unwrap();
    assert_eq!(removed.segments, 1);
    assert_eq!(segments(&path), [2]);
    append(&mut store, 2..4, at(0));
    assert_eq!(contents(&path).0, [2, 3]);
    std::fs::remove_dir_all(&path).unwrap();
    append(&mut store, 4..6, at(0));
    assert_eq!(segments(&path), [3]);
}

/// Clears everything while every operation of that name fails for lack of room, and a writer has
/// the head open.
fn clear_without_room(operation: &'static str) -> (TempDir, PathBuf, Store) {
    let (root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..20, at(0));
    let directory = Directory::open(&path, Access::Write).unwrap();
    directory.faults.plan(0, Fault::Named(operation, ENOSPC));
    clear_in(&Arc::new(directory), Clearing::All, now(0)).unwrap();
    (root, path, store)
}

#[test]
fn clear_needs_no_room_for_a_new_segment() {
    let (_root, path, mut store) = clear_without_room("create");
    assert_eq!(segments(&path), [] as [u64; 0]);
    append(&mut store, 20..22, at(0));
    assert_eq!(contents(&path).0, [20, 21]);
    let first = segments(&path)[0];
    assert!(first > 1, "{first}");
    let cached = Extent::peek(&Directory::open(&path, Access::Read).unwrap());
    assert_eq!(cached.unwrap().floor.get(), first);
    // A writer that starts now continues there, and a second clearing finds a head to leave.
    append(&mut Store::new(&path, small()), 22..23, at(0));
    assert_eq!(contents(&path).0, [20, 21, 22]);
    clear(&path, Clearing::All, now(0)).unwrap();
    assert_eq!(segments(&path), [first + 1]);
}

#[test]
fn an_interrupted_clear_leaves_no_writable_segment() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..2, at(0));
    // The state after a clearing without room that ended after it declared the head removed.
    std::fs::write(path.join("lock"), "0000000000000001 0000000000000002\n").unwrap();
    append(&mut store, 2..4, at(0));
    assert_eq!((segments(&path), contents(&path).0), (vec![2], vec![2, 3]));
    append(&mut Store::new(&path, small()), 4..5, at(0));
    assert_eq!(contents(&path).0, [2, 3, 4]);
}

#[test]
fn an_open_segment_cleared_without_room_takes_none() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..2, at(0));
    let open = std::fs::File::open(path.join("events.000001.jsonl")).unwrap();
    let directory = Directory::open(&path, Access::Write).unwrap();
    directory.faults.plan(0, Fault::Named("create", ENOSPC));
    clear_in(&Arc::new(directory), Clearing::All, now(0)).unwrap();
    assert_eq!(open.metadata().unwrap().len(), 0);
}

#[test]
fn clear_removes_only_segments_below_its_number() {
    let (_root, path) = place();
    let mut store = Store::new(
        &path,
        Limits {
            segment_bytes_max: 2000,
            ..Limits::default()
        },
    );
    workload(&mut store);
    let before = segments(&path);
    let keep_from = SegmentNumber::new(3).unwrap();
    clear(&path, Clearing::Below(keep_from), now(0)).unwrap();
    assert_eq!(segments(&path), before[2..]);
    let floor = Extent::peek(&Directory::open(&path, Access::Read).unwrap());
    assert_eq!(floor.unwrap().floor, keep_from);
}

#[test]
fn files_of_others_are_never_removed_or_written() {
    let (root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..2, at(0));
    let victim = root.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    // The next segments' names lead elsewhere: a symlink, a second name of a file, a directory.
    std::os::unix::fs::symlink(&victim, path.join("events.000002.jsonl")).unwrap();
    std::fs::hard_link(&victim, path.join("events.000003.jsonl")).unwrap();
    std::fs::create_dir(path.join("events.000004.jsonl")).unwrap();
    let (ids, is_done) = append(&mut store, 2..4, at(0));
    assert!(is_done && ids.len() == 2);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    clear(&path, Clearing::All, now(0)).ok();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(
        std::fs::read_to_string(path.join("notes.txt")).unwrap(),
        "mine"
    );
}

#[test]
fn a_stopped_holder_of_the_lock_costs_the_deadline_and_no_more() {
    let (_root, path) = place();
    let mut store = Store::new(&path, small());
    append(&mut store, 0..1, at(0));
    let holder = std::fs::File::open(path.join("lock")).unwrap();
    holder.lock().unwrap();
    let started = Instant::now();
    let refused = store.begin(10, now(0), started + Duration::from_millis(50));
    assert!(matches!(
        refused.unwrap_err().kind(),
        crate::ErrorKind::Busy { .. }
    ));
    assert!(started.elapsed() < Duration::from_secs(2));
    holder.unlock().unwrap();
    assert!(append(&mut store, 1..2, at(0)).1);
}

/// An event in a directory between two appends.
#[derive(Debug, Clone)]
enum StoreStep {
    Append { writer: usize, lines: usize },
    Clear,
    DeleteHead,
    EmptyCache,
    Reopen { writer: usize },
    Tear,
}

fn steps() -> impl Strategy<Value = Vec<StoreStep>> {
    let step = prop_oneof![
        6 => (0..3usize, 1..12usize).prop_map(|(writer, lines)| StoreStep::Append { writer, lines }),
        1 => Just(StoreStep::Clear),
        1 => Just(StoreStep::DeleteHead),
        1 => Just(StoreStep::EmptyCache),
        1 => (0..3usize).prop_map(|writer| StoreStep::Reopen { writer }),
        1 => Just(StoreStep::Tear),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// After any events in any order, writers continue, lines are whole and in order, and only
    /// removed lines are missing.
    #[test]
    fn any_sequence_of_writers_and_accidents_leaves_an_unbroken_end(steps in steps()) {
        let (_root, path) = place();
        let limits = Limits { segment_bytes_max: 600, total_bytes_max: u64::MAX, ..Limits::default() };
        let mut stores: Vec<Store> = (0..3).map(|_| Store::new(&path, limits.clone())).collect();
        let mut kept: Vec<usize> = Vec::new();
        let (mut next, mut torn, mut highest, mut forgot) = (0, 0, 0, false);
        for step in steps {
            let is_append = matches!(step, StoreStep::Append { .. });
            match step {
                StoreStep::Append { writer, lines } => {
                    let (ids, is_done) = append(&mut stores[writer], next..next + lines, at(0));
                    prop_assert!(is_done);
                    next += lines;
                    kept.extend(ids);
                }
                StoreStep::Clear if path.exists() => {
                    clear(&path, Clearing::All, now(0)).unwrap();
                    kept.clear();
                    torn = 0;
                }
                StoreStep::DeleteHead if path.exists() => {
                    if let Some(head) = segments(&path).last() {
                        let head = path.join(SegmentNumber::new(*head).unwrap().file_name());
                        std::fs::remove_file(&head).unwrap();
                        let (found, damaged) = contents(&path);
                        kept = found;
                        torn = damaged;
                    }
                }
                StoreStep::EmptyCache if path.join("lock").exists() => {
                    std::fs::write(path.join("lock"), "").unwrap();
                    // A number whose file and whose cache are both gone is lost.
                    forgot = true;
                }
                StoreStep::Reopen { writer } => stores[writer] = Store::new(&path, limits.clone()),
                StoreStep::Tear if path.exists() => {
                    if let Some(head) = segments(&path).last() {
                        let head = path.join(SegmentNumber::new(*head).unwrap().file_name());
                        let mut file = std::fs::OpenOptions::new().append(true).open(head).unwrap();
                        std::io::Write::write_all(&mut file, b"{\"torn").unwrap();
                        torn += 1;
                    }
                }
                StoreStep::Clear | StoreStep::DeleteHead | StoreStep::EmptyCache | StoreStep::Tear => {}
            }
            if path.exists() {
                if is_append && !forgot {
                    let head = segments(&path).last().copied().unwrap_or(0);
                    prop_assert!(head >= highest, "a number was reused: {} after {}", head, highest);
                    highest = head;
                }
                let (found, damaged) = contents(&path);
                prop_assert_eq!(&found, &kept);
                prop_assert!(damaged <= torn);
            }
        }
    }
}

#[test]
fn a_list_that_missed_a_segment_is_completed_by_the_next() {
    let numbers = |numbers: &[u64]| -> Vec<SegmentNumber> {
        let number = |number: &u64| SegmentNumber::new(*number).unwrap();
        numbers.iter().map(number).collect()
    };
    for (listed, again, expected) in [
        (
            &[1, 2, 5][..],
            &[1, 2, 3, 4, 5, 7][..],
            &[1, 2, 3, 4, 5][..],
        ),
        (&[1, 4], &[1, 4, 5, 6], &[1, 4]),
        (&[1, 4], &[3, 4], &[3, 4]),
        (&[1, 4], &[7], &[1, 4]),
    ] {
        let completed = super::completed(numbers(listed), numbers(again));
        assert_eq!(completed, numbers(expected), "{listed:?} {again:?}");
    }
}
