//! Compressing closed segments. INVARIANT: each record can be read once after a failure or a kill
//! at any operation.

use super::*;
use crate::reader::Reader;
use crate::store::compressor::{Compressor, Progress, overdue};
use crate::store::limits::Compression;

/// Limits of a directory that is far from full.
fn roomy(compression: Compression) -> Limits {
    Limits {
        total_bytes_max: 1 << 20,
        compression,
        ..small()
    }
}

fn on() -> Limits {
    roomy(Compression::On)
}

fn off() -> Limits {
    roomy(Compression::Off)
}

/// Three segments of a few lines, of which two are closed.
fn three() -> (TempDir, PathBuf) {
    let (root, path) = place();
    let mut store = Store::new(&path, off());
    for batch in 0..13 {
        append_records(&mut store, batch * 3..batch * 3 + 3);
    }
    assert_eq!(segments(&path), [1, 2, 3, 4]);
    (root, path)
}

/// Appends records of which all keys are those of a line.
fn append_records(store: &mut Store, seqs: std::ops::Range<usize>) {
    let batch: String = seqs.map(record).collect();
    let turn = store.begin(batch.len(), now(0), soon()).unwrap();
    let (bytes, failure) = turn.append(batch.as_bytes(), Latest::Unknown);
    assert!(failure.is_none() && bytes == batch.len());
}

fn record(seq: usize) -> String {
    let timestamp = crate::record::format_timestamp(at(0));
    format!(
        r#"{{"timestamp":"{timestamp}","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":{seq}}}"#
    ) + "\n"
}

/// The sequence numbers that a reader returns.
fn seqs(path: &std::path::Path) -> Vec<u64> {
    let mut reader = Reader::open(path).unwrap();
    let seqs = reader.records().map(|record| record.unwrap().seq);
    seqs.collect()
}

fn files(path: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("events.0")).collect();
    names.sort();
    names
}

/// Both clocks, so many hours after the segments were written.
fn in_hours(hours: u64) -> Now {
    Now {
        clock: crate::clock::now() + Duration::from_hours(hours),
        steady: Instant::now() + Duration::from_hours(hours.max(1)),
    }
}

/// Compresses until there is nothing more to do, and returns the number of steps.
fn run(compressor: &mut Compressor, limits: &Limits, now: Now) -> usize {
    let mut steps = 0;
    while compressor.step(|| limits.clone(), now) == Progress::Working {
        steps += 1;
        assert!(steps < 1000, "it never ends");
    }
    steps
}

fn compress(path: &std::path::Path, limits: &Limits, hours: u64) {
    run(&mut Compressor::new(path), limits, in_hours(hours));
}

const COMPRESSED: [&str; 4] = [
    "events.000001.jsonl.zst",
    "events.000002.jsonl.zst",
    "events.000003.jsonl.zst",
    "events.000004.jsonl",
];

#[test]
fn closed_segments_are_compressed_after_a_day() {
    let (_root, path) = three();
    let before = (files(&path), seqs(&path));
    compress(&path, &on(), 23);
    assert_eq!(files(&path), before.0);
    compress(&path, &on(), 25);
    assert_eq!(
        (files(&path), seqs(&path)),
        (COMPRESSED.map(str::to_owned).to_vec(), before.1)
    );
    let mut store = Store::new(&path, off());
    append_records(&mut store, 39..40);
    assert_eq!(seqs(&path).len(), 40, "the head is the same");
}

#[test]
fn segments_are_compressed_early_where_room_is_needed() {
    let (_root, path) = three();
    let before = seqs(&path);
    let mut limits = on();
    limits.total_bytes_max = bytes(&path) + 2 * limits.segment_bytes_max - 1;
    compress(&path, &limits, 0);
    // The first makes enough room.
    assert_eq!(
        files(&path)[..2],
        ["events.000001.jsonl.zst", "events.000002.jsonl"]
    );
    assert_eq!(seqs(&path), before);
}

#[test]
fn uncompressed_segments_are_overdue_after_two_days() {
    let (_root, path) = three();
    let directory = Directory::open(&path, Access::Read).unwrap();
    let overdue = |hours| overdue(&directory, in_hours(hours).clock).unwrap();
    assert_eq!((overdue(47), overdue(49)), (0, 3));
    compress(&path, &on(), 25);
    assert_eq!(overdue(49), 0);
}

#[test]
fn nothing_is_compressed_where_it_is_off() {
    let (_root, path) = three();
    let before = files(&path);
    compress(&path, &off(), 1000);
    assert_eq!(files(&path), before);
}

#[test]
fn compression_begins_soon_after_it_is_switched_on() {
    let (_root, path) = three();
    let mut compressor = Compressor::new(&path);
    let mut later = in_hours(25);
    run(&mut compressor, &off(), later);
    for limits in [off(), on()] {
        later.steady += Duration::from_secs(2);
        run(&mut compressor, &limits, later);
    }
    assert_eq!(files(&path), COMPRESSED);
}

#[test]
fn a_process_compresses_nothing_in_its_first_second() {
    let (_root, path) = three();
    let before = files(&path);
    let mut compressor = Compressor::new(&path);
    let mut soon = in_hours(25);
    soon.steady = Instant::now();
    assert_eq!(run(&mut compressor, &on(), soon), 0);
    assert_eq!(files(&path), before);
}

#[test]
fn a_segment_that_would_not_become_smaller_is_left() {
    let (_root, path) = place();
    let mut store = Store::new(&path, off());
    append_records(&mut store, 0..1);
    // One line that is almost as long when it is compressed.
    std::fs::rename(
        path.join("events.000001.jsonl"),
        path.join("events.000002.jsonl"),
    )
    .unwrap();
    let text: String = (0..150_u32)
        .map(|n| char::from(b'!' + u8::try_from(n.wrapping_mul(2_654_435_761) >> 25 & 63).unwrap()))
        .collect();
    std::fs::write(path.join("events.000001.jsonl"), text + "\n").unwrap();
    std::fs::write(path.join("lock"), format!("{:016} {:016}\n", 2, 1)).unwrap();
    let mut compressor = Compressor::new(&path);
    run(&mut compressor, &on(), in_hours(25));
    assert_eq!(files(&path), ["events.000001.jsonl", "events.000002.jsonl"]);
    assert_eq!(
        run(&mut compressor, &on(), in_hours(50)),
        0,
        "it is not tried again"
    );
}

#[test]
fn a_segment_that_cannot_be_read_does_not_stop_the_others() {
    let (_root, path) = three();
    let segment = path.join("events.000001.jsonl");
    std::fs::remove_file(&segment).unwrap();
    std::os::unix::fs::symlink("elsewhere", &segment).unwrap();
    let mut compressor = Compressor::new(&path);
    for hours in [25, 26] {
        run(&mut compressor, &on(), in_hours(hours));
    }
    assert_eq!(files(&path)[0], "events.000001.jsonl");
    assert_eq!(files(&path)[1..], COMPRESSED[1..]);
}

#[test]
fn an_interrupted_compression_is_finished_where_it_is_off() {
    let (_root, path) = three();
    let before = seqs(&path);
    std::fs::write(path.join("events.000002.jsonl.zst"), "half").unwrap();
    assert_eq!(seqs(&path), before);
    compress(&path, &off(), 0);
    assert_eq!(files(&path)[1], "events.000002.jsonl.zst");
    assert_eq!((files(&path).len(), seqs(&path)), (4, before));
}

#[test]
fn two_processes_do_not_compress_at_once() {
    let (_root, path) = three();
    let mut first = Compressor::new(&path);
    let mut second = Compressor::new(&path);
    assert_eq!(first.step(on, in_hours(25)), Progress::Working);
    assert_eq!(run(&mut second, &on(), in_hours(25)), 0);
    drop(first);
    assert!(!path.join("events.000001.jsonl.zst.partial").exists());
    run(&mut second, &on(), in_hours(27));
    assert_eq!(files(&path), COMPRESSED);
}

#[test]
fn a_segment_cleared_meanwhile_does_not_come_back() {
    let (_root, path) = three();
    let mut compressor = Compressor::new(&path);
    assert_eq!(compressor.step(on, in_hours(25)), Progress::Working);
    clear(&path, Clearing::All, now(0)).unwrap();
    assert_eq!(files(&path), ["events.000005.jsonl"]);
    run(&mut compressor, &on(), in_hours(25));
    assert_eq!(files(&path), ["events.000005.jsonl"]);
}

#[test]
fn a_segment_changed_meanwhile_stays_as_it_is() {
    let (_root, path) = three();
    let mut compressor = Compressor::new(&path);
    assert_eq!(compressor.step(on, in_hours(25)), Progress::Working);
    let segment = path.join("events.000001.jsonl");
    let changed = record(7777);
    std::fs::remove_file(&segment).unwrap();
    std::fs::write(&segment, &changed).unwrap();
    run(&mut compressor, &on(), in_hours(25));
    assert_eq!(files(&path)[0], "events.000001.jsonl");
    assert_eq!(seqs(&path)[0], 7777);
}

#[test]
fn removal_and_limits_count_compressed_segments() {
    let (_root, path) = three();
    compress(&path, &on(), 25);
    let on_disk: u64 = std::fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().starts_with("events.0"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(bytes(&path), on_disk);
    clear(
        &path,
        Clearing::Below(SegmentNumber::new(3).unwrap()),
        now(0),
    )
    .unwrap();
    assert_eq!(files(&path), COMPRESSED[2..]);
}

fn bytes(path: &std::path::Path) -> u64 {
    let directory = Directory::open(path, Access::Read).unwrap();
    list(&directory)
        .unwrap()
        .iter()
        .map(|listed| listed.bytes)
        .sum()
}

/// Each operation fails once, and the next process finishes the work.
fn sweep_compression(fault: Fault) {
    let (_root, path) = three();
    let mut whole = Compressor::new(&path);
    whole.faults.plan(usize::MAX, fault);
    run(&mut whole, &on(), in_hours(25));
    let operations = whole.faults.lift();
    assert!(operations > 60, "the work is too small: {operations}");
    assert_eq!(files(&path), COMPRESSED);
    for nth in 0..operations {
        let (_root, path) = three();
        let before = seqs(&path);
        let mut compressor = Compressor::new(&path);
        compressor.faults.plan(nth, fault);
        run(&mut compressor, &on(), in_hours(25));
        let what = format!(
            "{fault:?} at operation {nth} ({:?})",
            compressor.faults.reached().first()
        );
        assert_eq!(seqs(&path), before, "{what}");
        // As if it had been killed: what it leaves is not removed.
        compressor.faults.plan(0, Fault::Sticky(EIO));
        drop(compressor);
        assert_eq!(seqs(&path), before, "{what}");
        let mut store = Store::new(&path, off());
        append_records(&mut store, 39..40);
        compress(&path, &on(), 25);
        assert_eq!(files(&path), COMPRESSED, "{what}");
        assert_eq!(seqs(&path).len(), before.len() + 1, "{what}");
    }
}

#[test]
fn a_failed_compression_leaves_every_record_once() {
    sweep_compression(Fault::Once(EIO));
}

#[test]
fn a_full_disk_while_compressing_leaves_every_record_once() {
    sweep_compression(Fault::Once(ENOSPC));
}

#[test]
fn a_disk_failure_while_compressing_leaves_every_record_once() {
    sweep_compression(Fault::Sticky(EIO));
}

#[test]
fn a_kill_while_compressing_leaves_every_record_once() {
    sweep_compression(Fault::Death);
}

#[test]
fn a_panic_while_compressing_leaves_every_record_once() {
    sweep_compression(Fault::Panic);
}

#[test]
fn a_short_write_while_compressing_leaves_every_record_once() {
    sweep_compression(Fault::Short);
}
