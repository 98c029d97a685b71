//! `show` and `tail` of several applications, of files and of the standard input.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn start(words: &[&str], state: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_localtel"))
        .args(words)
        .env_remove("LOCALTEL_DIR")
        .env("XDG_STATE_HOME", state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Writes a record of an application into its directory below the state directory.
fn record(state: &Path, application: &str, second: u32, message: &str) {
    let directory = state.join(application).join("telemetry");
    std::fs::create_dir_all(&directory).unwrap();
    let line = format!(
        r#"{{"timestamp":"2026-11-21T08:15:{second:02}.000000Z","level":"INFO","source":"{application}","target":"t","message":"{message}","session":"01936f0e-0000-7000-8000-000000000000","seq":{second}}}"#
    );
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(directory.join("events.000001.jsonl"))
        .unwrap();
    writeln!(file, "{line}").unwrap();
}

#[test]
fn a_line_of_a_pipe_is_shown_before_the_next_is_written() {
    let state = tempfile::tempdir().unwrap();
    let mut shown = start(&["show", "-", "-l", "warn"], state.path());
    let mut input = shown.stdin.take().unwrap();
    let mut rows = BufReader::new(shown.stdout.take().unwrap()).lines();
    for number in 0..3 {
        writeln!(input, r#"{{"level":"info","msg":"left out"}}"#).unwrap();
        writeln!(input, r#"{{"level":"warn","msg":"number {number}"}}"#).unwrap();
        let row = rows.next().unwrap().unwrap();
        assert!(
            row.ends_with(&format!("WARN  stdin number {number}")),
            "{row}"
        );
    }
    drop(input);
    assert!(rows.next().is_none());
    assert!(shown.wait().unwrap().success());
}

#[test]
fn json_after_a_line_of_text_is_read_as_json() {
    let state = tempfile::tempdir().unwrap();
    let mut shown = start(&["show", "-", "-l", "warn"], state.path());
    let mut input = shown.stdin.take().unwrap();
    writeln!(input, "starting").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    writeln!(input, r#"{{"level":"warn","msg":"it is slow"}}"#).unwrap();
    drop(input);
    let output = shown.wait_with_output().unwrap();
    let rows = String::from_utf8(output.stdout).unwrap();
    assert!(rows.ends_with("WARN  stdin it is slow\n"), "{rows}");
}

#[test]
fn many_lines_of_a_pipe_are_all_shown() {
    let state = tempfile::tempdir().unwrap();
    let mut shown = start(&["show", "-", "-n", "3"], state.path());
    let mut input = shown.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for number in 0..50_000 {
            writeln!(input, r#"{{"level":"info","msg":"number {number}"}}"#).unwrap();
        }
    });
    let rows: Vec<String> = BufReader::new(shown.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    writer.join().unwrap();
    let ends = ["number 49997", "number 49998", "number 49999"];
    assert!(
        rows.iter().zip(ends).all(|(row, end)| row.ends_with(end)),
        "{rows:?}"
    );
    assert_eq!(rows.len(), 3);
    assert!(shown.wait().unwrap().success());
}

#[test]
fn tail_follows_applications_that_appear_later() {
    let state = tempfile::tempdir().unwrap();
    record(state.path(), "first", 1, "one");
    let mut shown = start(&["tail"], state.path());
    let mut rows = BufReader::new(shown.stdout.take().unwrap()).lines();
    let mut next = || rows.next().unwrap().unwrap();
    assert!(next().starts_with("first  2026-11-21T08:15:01"));
    record(state.path(), "second", 2, "two");
    assert!(next().starts_with("second  2026-11-21T08:15:02"));
    record(state.path(), "first", 3, "three");
    assert!(next().starts_with("first   2026-11-21T08:15:03"));
    shown.kill().unwrap();
    shown.wait().unwrap();
}

#[test]
fn tail_shows_what_two_applications_wrote_by_time() {
    let state = tempfile::tempdir().unwrap();
    for second in 0..10 {
        let application = ["even", "odd"][second as usize % 2];
        record(state.path(), application, second, "it");
    }
    let mut shown = start(&["tail", "-n", "5"], state.path());
    let mut rows = BufReader::new(shown.stdout.take().unwrap()).lines();
    for second in 5..10 {
        let row = rows.next().unwrap().unwrap();
        assert!(row.contains(&format!("08:15:{second:02}")), "{row}");
    }
    shown.kill().unwrap();
    shown.wait().unwrap();
}

#[test]
fn an_application_that_cannot_be_read_hides_no_other() {
    let state = tempfile::tempdir().unwrap();
    record(state.path(), "first", 1, "one");
    record(state.path(), "second", 2, "two");
    let segment = state.path().join("second/telemetry/events.000001.jsonl");
    std::fs::remove_file(&segment).unwrap();
    std::fs::create_dir(&segment).unwrap();
    let shown = start(&["show"], state.path()).wait_with_output().unwrap();
    let rows = String::from_utf8(shown.stdout).unwrap();
    assert!(rows.starts_with("first   2026-11-21T08:15:01"), "{rows}");
}
