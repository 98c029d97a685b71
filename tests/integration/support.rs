//! Shared code of the tests: a directory of their own, a handle that records into it, and the
//! recorded lines, read back without the library's reader and checked against the schema of a line.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jsonschema::{Draft, Validator};
use localtel::admin::{Environment, Location, Selection};
use localtel::consent::WhenUndecided;
use localtel::read::{Properties, Record, Timestamp};
use localtel::{Builder, Telemetry};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tracing::{Dispatch, info};
use tracing_subscriber::prelude::*;

/// A telemetry directory of one test. On drop, the remaining lines are checked against the schema,
/// and their `latest` times against the times of the lines before them.
pub(crate) struct TestPlace {
    root: TempDir,
    damage: LineDamage,
}

/// Whether a test damages lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineDamage {
    None,
    Deliberate,
}

impl TestPlace {
    pub(crate) fn new() -> Self {
        Self {
            root: TempDir::new().unwrap(),
            damage: LineDamage::None,
        }
    }

    /// A place in which the test damages lines, kills their writers, or plants invalid lines: lines
    /// that are not records are not checked.
    pub(crate) fn with_damage() -> Self {
        let mut place = Self::new();
        place.damage = LineDamage::Deliberate;
        place
    }

    /// The telemetry directory, which does not exist before the first record.
    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("telemetry")
    }

    /// Returns a builder that records here while consent is undecided.
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
        let subscriber =
            tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
        tracing::subscriber::with_default(subscriber, work);
        drop(telemetry);
        self.records()
    }

    /// Returns the application's records, in file order.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.all_records()
            .into_iter()
            .filter(|record| !record.is_own())
            .collect()
    }

    /// Returns all records, in file order; panics if a line is not a record.
    pub(crate) fn all_records(&self) -> Vec<Record> {
        let parse = |line: &String| {
            Record::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        self.lines().iter().map(parse).collect()
    }

    /// Returns all lines as values, in file order.
    pub(crate) fn values(&self) -> Vec<Value> {
        self.lines()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        read_lines(&self.path(), self.damage)
    }

    /// Returns the text of the application's lines, in file order.
    pub(crate) fn raw(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| !is_own(&serde_json::from_str(line).unwrap()));
        lines
    }

    /// Returns the one line that the application recorded.
    pub(crate) fn only_line(&self) -> String {
        let mut raw = self.raw();
        assert_eq!(raw.len(), 1, "{raw:#?}");
        raw.remove(0)
    }

    /// Returns the properties of the one event that `work` records.
    pub(crate) fn properties(&self, work: impl FnOnce()) -> Value {
        self.record(work);
        let line: Value = serde_json::from_str(&self.only_line()).unwrap();
        line["properties"].clone()
    }

    /// Returns the application's lines as values, in file order.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut values = self.values();
        values.retain(|value| !is_own(value));
        values
    }

    /// Returns the internal records with an event name, in file order.
    pub(crate) fn own(&self, event: &str) -> Vec<Value> {
        let mut values = self.values();
        values.retain(|value| is_own(value) && value["event"] == event);
        values
    }
}

impl Drop for TestPlace {
    fn drop(&mut self) {
        // A failing test must not panic a second time.
        if !std::thread::panicking() {
            check_all_below(self.root.path(), self.damage);
        }
    }
}

/// The JSON Schema that `explain --schema` prints.
pub(crate) const LINE_SCHEMA: &str = include_str!("../../src/record/line.schema.json");

/// Returns the compiled schema of a line.
pub(crate) fn line_schema() -> &'static Validator {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
        let schema = serde_json::from_str(LINE_SCHEMA).unwrap();
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .build(&schema)
            .unwrap()
    });
    &SCHEMA
}

/// Returns the first error of a line of format 1: by the schema, or in the order of its keys. A
/// schema cannot require an order, but this one lists the keys in theirs.
pub(crate) fn line_error(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct SchemaOrder {
        properties: Properties,
    }
    static ORDER: LazyLock<Vec<String>> = LazyLock::new(|| {
        let schema: SchemaOrder = serde_json::from_str(LINE_SCHEMA).unwrap();
        let keys = schema.properties.iter();
        keys.map(|(key, _)| key.to_owned()).collect()
    });
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return Some(error.to_string()),
    };
    if let Err(error) = line_schema().validate(&value) {
        return Some(format!("{error} at {}", error.instance_path()));
    }
    // A duplicate key is an error of the record's parser.
    if let Err(error) = Record::parse(line.as_bytes()) {
        return Some(error.to_string());
    }
    let record: Properties = serde_json::from_str(line).unwrap();
    let positions: Vec<_> = record
        .iter()
        .map(|(key, _)| ORDER.iter().position(|known| known == key))
        .collect();
    (!positions.is_sorted()).then(|| "the keys are in another order".to_owned())
}

/// Checks lines against the schema, at about 20 µs each. Of more than 5,000 lines it checks the
/// first and the last thousand and an even sample of some 3,000 between, since those lines are much
/// alike.
fn check_lines<'a>(lines: impl IntoIterator<Item = &'a str>, damage: LineDamage) {
    let lines: Vec<&str> = lines.into_iter().collect();
    let between = lines.len().saturating_sub(2000);
    let step = between.div_ceil(3000).max(1);
    for (index, line) in lines.iter().enumerate() {
        let is_between = index >= 1000 && index + 1000 < lines.len();
        if is_between && index % step != 0 {
            continue;
        }
        if damage == LineDamage::Deliberate && Record::parse(line.as_bytes()).is_err() {
            continue;
        }
        if let Some(error) = line_error(line) {
            panic!("{error}: {line}");
        }
    }
}

/// Checks the lines of all segments below a directory against the schema.
fn check_all_below(path: &Path, damage: LineDamage) {
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    check_latest(path);
    for path in entries.map(|entry| entry.unwrap().path()) {
        let Ok(kind) = path.symlink_metadata() else {
            continue;
        };
        if kind.is_dir() {
            check_all_below(&path, damage);
        } else if kind.is_file() && is_segment(&path) {
            let bytes = std::fs::read(&path).unwrap();
            check_lines(String::from_utf8_lossy(&bytes).lines(), damage);
        }
    }
}

/// Checks that no record is later than the `latest` time of a session record after it. Returns the
/// number of lines with a `latest` time.
pub(crate) fn check_latest(path: &Path) -> usize {
    let mut count = 0;
    // The number and the latest time of the previous segment.
    let mut before: Option<(u64, Option<Timestamp>)> = None;
    for (segment, number) in segments_in(path).into_iter().zip(numbers_in(path)) {
        let Ok(bytes) = std::fs::read(&segment) else {
            continue;
        };
        let mut latest = None;
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let stated = stated_latest(line);
            count += usize::from(stated.is_some());
            let bound = match before {
                _ if index > 0 => latest,
                Some((below, latest)) if below + 1 == number => latest,
                Some(_) | None => None,
            };
            if let (Some(stated), Some(bound)) = (stated, bound) {
                let place = format!("{}:{}", segment.display(), index + 1);
                assert!(bound <= stated, "{place}: {bound} is later than {stated}");
            }
            latest = latest.max(time_of(line));
        }
        before = Some((number, latest));
    }
    count
}

/// Returns the `latest` time of a line, if it is a session record of localtel.
fn stated_latest(line: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(line).ok()?;
    let record = text.contains("\"latest\"").then(|| Record::parse(line))?;
    let record = record.ok()?;
    let is_session = record.is_own() && record.event.as_deref() == Some("session");
    let properties = if is_session {
        &record.properties
    } else {
        record.once.as_ref()?
    };
    let latest = properties.get("latest")?.as_str()?;
    Some(latest.parse().unwrap())
}

/// Returns the time of a line, if it is a record. A line in the form that localtel writes is not
/// parsed as a whole, since there are many.
fn time_of(line: &[u8]) -> Option<Timestamp> {
    let text = line.strip_prefix(b"{\"timestamp\":\"".as_slice());
    let text = text.and_then(|rest| std::str::from_utf8(rest.get(..27)?).ok());
    let time = text.and_then(|text| text.parse().ok());
    time.or_else(|| Some(Record::parse(line).ok()?.timestamp))
}

/// Returns `true` if a path has the name of a segment.
pub(crate) fn is_segment(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let number = name
        .and_then(|name| name.strip_prefix("events."))
        .and_then(|name| name.strip_suffix(".jsonl"));
    number
        .is_some_and(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the lines of all segments in a directory, in order; panics if one is not a line of
/// format 1.
pub(crate) fn lines_in(path: &Path) -> Vec<String> {
    read_lines(path, LineDamage::None)
}

fn read_lines(path: &Path, damage: LineDamage) -> Vec<String> {
    let mut lines = Vec::new();
    for segment in segments_in(path) {
        let mut text = String::new();
        // A line may be incomplete while it is written, or cut back on a full disk.
        eventually("a segment ends with a whole line", || {
            text = std::fs::read_to_string(&segment).unwrap();
            text.is_empty() || text.ends_with('\n')
        });
        lines.extend(text.lines().map(str::to_owned));
    }
    check_lines(lines.iter().map(String::as_str), damage);
    lines
}

/// Returns the segments in a directory, in order.
pub(crate) fn segments_in(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut segments: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_segment(path))
        .collect();
    segments.sort();
    segments
}

/// Returns a subscriber with a layer of a handle.
pub(crate) fn dispatch(telemetry: &Telemetry) -> Dispatch {
    Dispatch::new(
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter())),
    )
}

/// Records `count` events of some 600 bytes.
pub(crate) fn log(dispatch: &Dispatch, count: usize) {
    tracing::dispatcher::with_default(dispatch, || {
        for number in 0..count {
            info!(number, text = "x".repeat(400), "logged");
        }
    });
}

/// Removes the installation id of a place.
pub(crate) fn reset(place: &TestPlace) {
    let selection = Selection {
        directory: Some(place.path().clone()),
        ..Selection::default()
    };
    let location = Location::find(&selection, &Environment::of_process());
    location.unwrap().unwrap().reset().unwrap();
}

/// Counts how often a line has a key.
pub(crate) fn occurrences(line: &str, key: &str) -> usize {
    line.matches(&format!("\"{key}\":")).count()
}

pub(crate) fn is_own(line: &Value) -> bool {
    line["target"] == "localtel"
}

/// Runs `work` on a thread with a large stack: the registry closes nested spans by recursion, which
/// overflows the stack of a test in a build without optimisation.
pub(crate) fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

/// Waits until a condition is true, and fails the test if that takes too long.
pub(crate) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(20), "timed out: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Checks that the numbers of each session run from 0 without a gap, in file order, and that the
/// first line of a session in each segment is a session record. Returns the number of sessions.
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
                let properties = if value["once"].is_null() {
                    assert_eq!(value["event"], "session", "{line}");
                    &value["properties"]
                } else {
                    &value["once"]
                };
                assert_eq!(properties["resumed"], *seq > 0, "{line}");
            }
            *seq += 1;
        }
    }
    next.len()
}

/// Returns the numbers of the segments in a directory, in order.
pub(crate) fn numbers_in(path: &Path) -> Vec<u64> {
    let number = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.split('.').nth(1).unwrap().parse().unwrap()
    };
    segments_in(path).into_iter().map(number).collect()
}

/// Returns a number from the environment, for tests that can be run at full length.
pub(crate) fn scale(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Times that are valid in RFC 3339, or nearly, and outside the range of a line.
pub(crate) const NOT_IN_UTC: [&str; 8] = [
    "9999-12-31T23:59:59-10:00",
    "9999-12-31T23:59:59.999999999-23:59",
    "0000-01-01T00:00:00+00:01",
    "0000-01-01T00:00:00+23:59",
    "-9999-01-01T00:00:00Z",
    "+10000-01-01T00:00:00Z",
    "9999-12-31T24:00:00Z",
    "9999-12-31T23:59:60-00:01",
];

/// Returns a line with that text as its time.
pub(crate) fn line_at(time: &str) -> String {
    format!(
        "{{\"timestamp\":\"{time}\",\"level\":\"INFO\",\"source\":\"testapp\",\"target\":\"t\",\"event\":\"e\",\
         \"session\":\"01936f0e-0000-7000-8000-000000000000\",\"seq\":0}}\n"
    )
}

/// Opens both ends of a terminal, where the system has terminals.
pub(crate) fn terminal() -> Option<(rustix::fd::OwnedFd, Stdio)> {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).ok()?;
    grantpt(&ours).ok()?;
    unlockpt(&ours).ok()?;
    let name = ptsname(&ours, Vec::new()).ok()?;
    let theirs = std::fs::File::options()
        .write(true)
        .open(name.to_str().ok()?)
        .ok()?;
    Some((ours, theirs.into()))
}

/// Returns the start of a shell command that runs a program under a limit of `blocks` on file
/// sizes.
pub(crate) fn under_limit(blocks: u32) -> [String; 3] {
    let script = format!("ulimit -f {blocks} && exec \"$0\" \"$@\"");
    ["sh".to_owned(), "-c".to_owned(), script]
}

/// Checks that no signal ended a program, and returns what it printed.
pub(crate) fn printed(output: &std::process::Output, what: &str) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    let printed = format!("{out}{err}");
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
    assert_eq!(signal, None, "{what}: {printed}");
    printed
}
