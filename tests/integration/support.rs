//! What the tests share: a directory of their own, a handle that records into it, and the lines that came
//! of it, read back without the library's reader.

use std::path::{Path, PathBuf};
use std::process::Command;

use localtel::{Builder, Record, Telemetry, WhenUndecided};
use tempfile::TempDir;
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

    pub(crate) fn lines(&self) -> Vec<String> {
        lines_in(&self.path())
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
        name.strip_prefix("events.")
            .is_some_and(|rest| rest.strip_suffix(".jsonl").is_some())
    };
    let mut segments: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(is_segment)
        .collect();
    segments.sort();
    segments
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
