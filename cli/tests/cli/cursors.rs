//! Cursor files of whole processes: across compression, clearing, and processes that are killed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use localtel::recording::Compression;
use localtel::{Event, Limits};

use crate::support::{TestPlace, eventually, segments_in};

/// A directory, and a cursor file outside of it.
struct CursorHome {
    place: TestPlace,
    home: tempfile::TempDir,
}

impl CursorHome {
    /// Records a thousand events in several old segments.
    fn new() -> Self {
        let place = TestPlace::new();
        record(&place, Compression::Off, 0..1000);
        let two_days_ago = SystemTime::now() - Duration::from_hours(48);
        for segment in segments_in(&place.path()) {
            let file = std::fs::File::open(segment).unwrap();
            file.set_modified(two_days_ago).unwrap();
        }
        Self {
            place,
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn localtel(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
        command.arg("--dir").arg(self.place.path()).args(words);
        command.env_remove("LOCALTEL_DIR").stdin(Stdio::null());
        command
    }

    /// Returns the numbers of the events that a run shows, and its messages.
    fn shown(&self, words: &[&str]) -> (Vec<u64>, String) {
        let mut command = self.localtel(&["show", "--json", "event=tick"]);
        command.arg("--cursor-file").arg(self.cursor()).args(words);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let numbers = lines.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["properties"]["number"].as_u64().unwrap()
        });
        (numbers.collect(), String::from_utf8(output.stderr).unwrap())
    }

    fn cursor(&self) -> std::path::PathBuf {
        self.home.path().join("cursor")
    }
}

fn record(place: &TestPlace, compression: Compression, numbers: std::ops::Range<u32>) {
    let limits = Limits {
        segment_bytes_max: 32 * 1024,
        compression,
        ..Limits::default()
    };
    let telemetry = place.builder().limits(limits).try_open().unwrap();
    for number in numbers {
        telemetry.record(&Event::new("tick").property("number", number));
    }
}

fn has_compressed(path: &Path) -> bool {
    let first = path.join("events.000001.jsonl.zst");
    first.try_exists().unwrap()
}

#[test]
fn a_position_is_valid_after_its_segment_is_compressed() {
    let place = CursorHome::new();
    assert_eq!(place.shown(&["-m", "7"]).0, (0..7).collect::<Vec<_>>());
    let limits = Limits {
        segment_bytes_max: 32 * 1024,
        compression: Compression::On,
        ..Limits::default()
    };
    let telemetry = place.place.builder().limits(limits).try_open().unwrap();
    eventually("the first segment is compressed", || {
        telemetry.record(&Event::new("tock"));
        has_compressed(&place.place.path())
    });
    drop(telemetry);
    let (seen, messages) = place.shown(&[]);
    assert_eq!(seen, (7..1000).collect::<Vec<_>>());
    assert_eq!(messages, "");
    assert_eq!(place.shown(&[]).0, [0; 0]);
}

#[test]
fn records_that_were_cleared_are_reported_and_later_ones_shown() {
    let place = CursorHome::new();
    place.shown(&["-m", "7"]);
    let cleared = place.localtel(&["clear", "--yes"]).output().unwrap();
    assert!(cleared.status.success(), "{cleared:?}");
    record(&place.place, Compression::Off, 1000..1003);
    let (seen, messages) = place.shown(&[]);
    assert_eq!(seen[seen.len() - 3..], [1000, 1001, 1002]);
    assert!(messages.contains("since the last run"), "{messages}");
    assert_eq!(place.shown(&[]), (Vec::new(), String::new()));
}

#[test]
fn a_run_that_was_killed_is_repeated() {
    let place = CursorHome::new();
    let mut command = place.localtel(&["show", "--json", "--cursor-file"]);
    // Nothing reads the pipe, so it cannot end.
    let child = command.arg(place.cursor()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.cursor().try_exists().unwrap());
    assert_eq!(place.shown(&[]).0.len(), 1000);
}

#[test]
fn tail_saves_its_position_when_it_waits() {
    let place = CursorHome::new();
    let mut command = place.localtel(&["tail", "--cursor-file"]);
    let child = command.arg(place.cursor()).stdout(Stdio::null()).spawn();
    let mut child = child.unwrap();
    eventually("the position is saved", || {
        place.cursor().try_exists().unwrap()
    });
    // It is saved again for later records.
    let saved = || std::fs::read_to_string(place.cursor()).unwrap();
    let before = saved();
    record(&place.place, Compression::Off, 1000..1003);
    eventually("the position is saved again", || saved() != before);
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(place.shown(&[]), (Vec::new(), String::new()));
}
