//! Later runs of the Parquet copy: only what differs is written, and a run may be killed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use localtel::serde_json::Value;

use crate::made_tree::{MadeSession, MadeTree, files_below};
use crate::parquet_rows::{parquet_files, rows};

const DAYS: [&str; 3] = ["2026-11-21", "2026-11-22", "2026-11-23"];

/// Returns what changes when a file is replaced.
fn inodes(out: &Path) -> BTreeMap<PathBuf, u64> {
    let files = parquet_files(out).into_iter();
    files
        .map(|path| {
            let inode = fs::metadata(out.join(&path)).unwrap().ino();
            (path, inode)
        })
        .collect()
}

/// Returns the days of the files that differ.
fn changed_days(before: &BTreeMap<PathBuf, u64>, after: &BTreeMap<PathBuf, u64>) -> Vec<String> {
    let changed = after
        .iter()
        .filter(|(path, inode)| before.get(*path) != Some(inode));
    let day = |path: &PathBuf| path.parent().unwrap().file_name().unwrap().to_owned();
    changed
        .map(|(path, _)| day(path).into_string().unwrap())
        .collect()
}

/// A tree with three days in two segments, of which the second one can grow.
fn three_days() -> (MadeTree, MadeSession, String) {
    let made = MadeTree::new();
    let mut session = MadeSession::new(1);
    made.write(&made.segment("a", "shop", 1), session.lines(DAYS[0], 50));
    let second = session.lines(DAYS[1], 50) + &session.lines(DAYS[2], 50);
    made.write(&made.segment("a", "shop", 2), &second);
    (made, session, second)
}

#[test]
fn a_second_run_writes_nothing() {
    let (made, ..) = three_days();
    made.run("parquet", "out", &[]);
    let before = inodes(&made.path("out"));
    let printed = made.run("parquet", "out", &[]);
    assert!(printed.contains("wrote 0 files of 0 records"), "{printed}");
    assert!(
        printed.contains("up to date: 3 files of 150 records"),
        "{printed}"
    );
    assert_eq!(inodes(&made.path("out")), before);
}

#[test]
fn a_segment_that_grew_changes_its_last_day_only() {
    let (made, mut session, second) = three_days();
    made.run("parquet", "out", &[]);
    let before = inodes(&made.path("out"));
    let grown = second + &session.lines(DAYS[2], 7);
    made.write(&made.segment("a", "shop", 2), grown);
    made.run("parquet", "out", &[]);
    let after = inodes(&made.path("out"));
    assert_eq!(changed_days(&before, &after), ["date=2026-11-23"]);
    assert_eq!(rows(&made.path("out")).len(), 157);
}

#[test]
fn a_segment_in_another_form_changes_nothing() {
    let (made, _, second) = three_days();
    made.run("parquet", "out", &[]);
    let before = inodes(&made.path("out"));
    let path = made.segment("a", "shop", 2);
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zstd = ruzstd::encoding::compress_to_vec(second.as_bytes(), level);
    made.write(&path.with_extension("jsonl.zst"), zstd);
    fs::remove_file(path).unwrap();
    made.run("parquet", "out", &[]);
    assert_eq!(inodes(&made.path("out")), before);
}

#[test]
fn rows_of_a_removed_segment_go() {
    let (made, ..) = three_days();
    made.run("parquet", "out", &[]);
    fs::remove_file(made.segment("a", "shop", 1)).unwrap();
    let printed = made.run("parquet", "out", &[]);
    assert!(printed.contains("removed: 1 file\n"), "{printed}");
    let rows = rows(&made.path("out"));
    assert!(rows.len() == 100 && rows.iter().all(|row| row["segment"] == 2));
}

#[test]
fn rows_of_a_replaced_segment_are_replaced() {
    let (made, ..) = three_days();
    made.run("parquet", "out", &[]);
    let other = MadeSession::new(9).lines(DAYS[0], 50);
    made.write(&made.segment("a", "shop", 1), other);
    made.run("parquet", "out", &[]);
    let rows = rows(&made.path("out"));
    let of_first = rows.iter().filter(|row| row["segment"] == 1);
    let sessions: Vec<&Value> = of_first.map(|row| &row["session"]).collect();
    assert_eq!(sessions.len(), 50);
    assert!(
        sessions
            .iter()
            .all(|id| **id == MadeSession::new(9).id.as_str())
    );
}

#[test]
fn files_of_a_removed_host_go() {
    let (made, mut session, _) = three_days();
    made.write(&made.segment("b", "shop", 1), session.lines(DAYS[0], 5));
    made.run("parquet", "out", &[]);
    fs::remove_dir_all(made.tree().join("host=a")).unwrap();
    made.run("parquet", "out", &[]);
    let files: Vec<String> = files_below(&made.path("out"))
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let expected = [
        "_localtel-fleet/lock",
        "_localtel-fleet/parquet/b.json",
        "host=b/date=2026-11-21/records.parquet",
    ];
    assert_eq!(files, expected);
}

#[test]
fn a_file_that_somebody_removed_is_written_again() {
    let (made, ..) = three_days();
    made.run("parquet", "out", &[]);
    let file = made
        .path("out")
        .join("host=a/date=2026-11-22/records.parquet");
    fs::remove_file(&file).unwrap();
    made.run("parquet", "out", &[]);
    assert_eq!(rows(&made.path("out")).len(), 150);
}

#[test]
fn another_range_changes_its_days_only() {
    let (made, ..) = three_days();
    made.run("parquet", "out", &[]);
    let before = inodes(&made.path("out"));
    let range = ["--since", "2026-11-22T00:00:10Z", "--until", "2026-11-24"];
    made.run("parquet", "out", &range);
    let after = inodes(&made.path("out"));
    assert_eq!(changed_days(&before, &after), ["date=2026-11-22"]);
    assert_eq!(rows(&made.path("out")).len(), 40 + 50);
    made.run("parquet", "out", &[]);
    assert_eq!(rows(&made.path("out")).len(), 150);
}

#[test]
fn other_columns_change_all_files() {
    let (made, ..) = three_days();
    made.run("parquet", "out", &[]);
    made.run("parquet", "out", &["--column", "n:integer"]);
    let rows = rows(&made.path("out"));
    assert!(rows.iter().all(|row| row["n"].is_u64()));
}

/// A run is killed at any time, again and again. In between, each file is one that is whole; in
/// the end the copy is the same as one that was made in peace.
#[test]
fn a_copy_that_was_killed_goes_on() {
    let made = MadeTree::new();
    let mut delay = 0;
    for round in 0..3 {
        for host in ["a", "b", "c"] {
            let mut session = MadeSession::new(round);
            let lines = DAYS.map(|day| session.lines(day, 400)).concat();
            made.write(&made.segment(host, "shop", 1), lines);
        }
        for _ in 0..10 {
            let mut program = made.program("parquet", "killed");
            let mut child = program.stdout(Stdio::null()).spawn().unwrap();
            thread::sleep(Duration::from_millis(delay));
            delay = (delay + 7) % 60;
            child.kill().unwrap();
            child.wait().unwrap();
            let found = rows(&made.path("killed"));
            assert!(found.len().is_multiple_of(400), "{}", found.len());
        }
    }
    made.run("parquet", "killed", &[]);
    made.run("parquet", "peaceful", &[]);
    assert_eq!(rows(&made.path("killed")), rows(&made.path("peaceful")));
    assert_eq!(
        files_below(&made.path("killed")),
        files_below(&made.path("peaceful"))
    );
}
