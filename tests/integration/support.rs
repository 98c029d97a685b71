//! What the tests share: a directory of their own, a handle that records into it, and the lines that came
//! of it, read back without the library's reader.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use localtel::{Builder, Record, Telemetry, WhenUndecided};
use serde_json::Value;
use tempfile::TempDir;
use tracing::{Dispatch, info};
use tracing_subscriber::prelude::*;

/// A telemetry directory of one test.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            root: TempDir::new().unwrap(),
        }
    }

    /// The telemetry directory; it does not exist before something is recorded.
    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("telemetry")
    }

    /// Telemetry that records here without asking.
    pub(crate) fn builder(&self) -> Builder {
        Telemetry::builder("testapp")
            .dir(self.path())
            .when_undecided(WhenUndecided::Record)
    }

    /// Runs `work` under a subscriber with one layer, and returns the application's records.
    pub(crate) fn record(&self, work: impl FnOnce()) -> Vec<Record> {
        self.record_with(self.builder(), work)
    }

    pub(crate) fn record_with(&self, builder: Builder, work: impl FnOnce()) -> Vec<Record> {
        let telemetry = builder.try_open().unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        tracing::subscriber::with_default(subscriber, work);
        drop(telemetry);
        self.records()
    }

    /// The application's records, in file order.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.all_records()
            .into_iter()
            .filter(|record| !record.is_own())
            .collect()
    }

    /// All records, in file order; every line must be one.
    pub(crate) fn all_records(&self) -> Vec<Record> {
        let parse = |line: &String| {
            Record::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        self.lines().iter().map(parse).collect()
    }

    /// All lines as values, in file order.
    pub(crate) fn values(&self) -> Vec<Value> {
        self.lines()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        lines_in(&self.path())
    }

    /// The application's lines as they stand in the file, in file order.
    pub(crate) fn raw(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| !is_own(&serde_json::from_str(line).unwrap()));
        lines
    }

    /// The one line that the application recorded.
    pub(crate) fn only_line(&self) -> String {
        let mut raw = self.raw();
        assert_eq!(raw.len(), 1, "{raw:#?}");
        raw.remove(0)
    }

    /// The properties of the one record that `work` makes.
    pub(crate) fn properties(&self, work: impl FnOnce()) -> Value {
        self.record(work);
        let line: Value = serde_json::from_str(&self.only_line()).unwrap();
        line["properties"].clone()
    }

    /// The application's lines as values, in file order.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut values = self.values();
        values.retain(|value| !is_own(value));
        values
    }

    /// The records that localtel itself wrote under that name, in file order.
    pub(crate) fn own(&self, event: &str) -> Vec<Value> {
        let mut values = self.values();
        values.retain(|value| is_own(value) && value["event"] == event);
        values
    }
}

/// The lines of all segments in that directory, in order.
pub(crate) fn lines_in(path: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for segment in segments_in(path) {
        let text = std::fs::read_to_string(segment).unwrap();
        assert!(
            text.is_empty() || text.ends_with('\n'),
            "a segment ends with a whole line"
        );
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

/// The segments in that directory, in order.
pub(crate) fn segments_in(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let is_segment = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("events.")
            && path
                .extension()
                .is_some_and(|extension| extension == "jsonl")
            && name != "events.jsonl"
    };
    let mut segments: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(is_segment)
        .collect();
    segments.sort();
    segments
}

/// A subscriber with a layer of that handle.
pub(crate) fn dispatch(telemetry: &Telemetry) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(telemetry.layer()))
}

/// Records so many events of some 600 bytes.
pub(crate) fn log(dispatch: &Dispatch, count: usize) {
    tracing::dispatcher::with_default(dispatch, || {
        for number in 0..count {
            info!(number, text = "x".repeat(400), "logged");
        }
    });
}

/// How often a key stands in a line.
pub(crate) fn occurrences(line: &str, key: &str) -> usize {
    line.matches(&format!("\"{key}\":")).count()
}

pub(crate) fn is_own(line: &Value) -> bool {
    line["target"] == "localtel"
}

/// Waits until something holds, and fails the test if that takes too long.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Checks that in each session the numbers run from 0 without a gap, in file order, and that the session
/// begins its lines in each segment with a session record. Returns the number of sessions.
pub(crate) fn check_sessions(path: &Path) -> usize {
    let mut next: HashMap<String, u64> = HashMap::new();
    for segment in segments_in(path) {
        let mut announced = HashSet::new();
        for line in std::fs::read_to_string(&segment).unwrap().lines() {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let session = value["session"].as_str().unwrap().to_owned();
            let seq = next.entry(session.clone()).or_default();
            assert_eq!(value["seq"], *seq, "in {}: {line}", segment.display());
            if announced.insert(session) {
                assert_eq!(value["event"], "session", "{line}");
                assert_eq!(value["properties"]["resumed"], *seq > 0, "{line}");
            }
            *seq += 1;
        }
    }
    next.len()
}

/// The numbers of the segments in that directory, in order.
pub(crate) fn numbers_in(path: &Path) -> Vec<u64> {
    let number = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.split('.').nth(1).unwrap().parse().unwrap()
    };
    segments_in(path).into_iter().map(number).collect()
}

/// A number from the environment, for tests that can be run at full length.
pub(crate) fn scale(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// The cargo that runs the tests, in the package's directory.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

/// The binary of an example, beside this test's own. `cargo test` builds all of them; where only this
/// test was built, the example is built now.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().and_then(Path::parent).unwrap();
    let path = profile.join("examples").join(name);
    if !path.exists() {
        let mut cargo = cargo();
        cargo.args(["build", "--quiet", "--locked", "--example", name]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "{name} cannot be built");
    }
    path
}
