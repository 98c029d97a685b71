//! What the tests share: a directory of their own, a handle that records into it, and the lines that came
//! of it, read back without the library's reader and held against the schema of a line.

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

/// A telemetry directory of one test. When it goes, whatever lines are left in it are held against the schema,
/// and what they say of each other's times is held against these.
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

    /// A place in which the test damages lines, kills their writers, or plants what is no line: what cannot be
    /// a record is passed over there.
    pub(crate) fn with_damage() -> Self {
        let mut place = Self::new();
        place.damage = LineDamage::Deliberate;
        place
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
        let subscriber =
            tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
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
        read_lines(&self.path(), self.damage)
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

impl Drop for TestPlace {
    fn drop(&mut self) {
        // A test that fails already says enough.
        if !std::thread::panicking() {
            check_all_below(self.root.path(), self.damage);
        }
    }
}

/// The JSON Schema that `explain --schema` prints.
pub(crate) const LINE_SCHEMA: &str = include_str!("../../src/record/line.schema.json");

/// The compiled schema of a line.
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

/// Says what is wrong with a line of format 1, if anything is: by the schema, or in the order of its keys,
/// which no schema can fix but this one lists.
pub(crate) fn complaint_about(line: &str) -> Option<String> {
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
    // A key that stands twice is an error of the record's parser.
    if let Err(error) = Record::parse(line.as_bytes()) {
        return Some(error.to_string());
    }
    let record: Properties = serde_json::from_str(line).unwrap();
    let places: Vec<_> = record
        .iter()
        .map(|(key, _)| ORDER.iter().position(|known| known == key))
        .collect();
    (!places.is_sorted()).then(|| "the keys stand in another order".to_owned())
}

/// Holds lines against the schema. It takes some 20 µs each, so of more than 5,000 the first and the last
/// thousand are, and of those between as many as make it 5,000: lines in the midst of many are much alike.
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
        if let Some(complaint) = complaint_about(line) {
            panic!("{complaint}: {line}");
        }
    }
}

/// Holds the lines of all segments below a directory against the schema.
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

/// Checks that no record is later than what a session record behind it says. Returns how many say something.
pub(crate) fn check_latest(path: &Path) -> usize {
    let mut said = 0;
    // The segment before: its number, and the latest time in it.
    let mut before: Option<(u64, Option<Timestamp>)> = None;
    for (segment, number) in segments_in(path).into_iter().zip(numbers_in(path)) {
        let Ok(bytes) = std::fs::read(&segment) else {
            continue;
        };
        let mut latest = None;
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let says = says_latest(line);
            said += usize::from(says.is_some());
            let bound = match before {
                _ if index > 0 => latest,
                Some((below, latest)) if below + 1 == number => latest,
                Some(_) | None => None,
            };
            if let (Some(says), Some(bound)) = (says, bound) {
                let place = format!("{}:{}", segment.display(), index + 1);
                assert!(bound <= says, "{place}: {bound} is later than {says}");
            }
            latest = latest.max(time_of(line));
        }
        before = Some((number, latest));
    }
    said
}

/// What a line says as `latest`, if it is a session record of localtel.
fn says_latest(line: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(line).ok()?;
    let record = text.contains("\"latest\"").then(|| Record::parse(line))?;
    let record = record.ok()?;
    let is_session = record.is_own() && record.event.as_deref() == Some("session");
    let said = if is_session {
        &record.properties
    } else {
        record.once.as_ref()?
    };
    let latest = said.get("latest")?.as_str()?;
    Some(latest.parse().unwrap())
}

/// The time of a line, if it is a record. What is written as we write it is not taken apart: there are many.
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

/// The lines of all segments in that directory, in order; each must be one of format 1.
pub(crate) fn lines_in(path: &Path) -> Vec<String> {
    read_lines(path, LineDamage::None)
}

fn read_lines(path: &Path, damage: LineDamage) -> Vec<String> {
    let mut lines = Vec::new();
    for segment in segments_in(path) {
        let mut text = String::new();
        // A line that is being written, or cut back on a full disk, may be seen half.
        eventually("a segment ends with a whole line", || {
            text = std::fs::read_to_string(&segment).unwrap();
            text.is_empty() || text.ends_with('\n')
        });
        lines.extend(text.lines().map(str::to_owned));
    }
    check_lines(lines.iter().map(String::as_str), damage);
    lines
}

/// The segments in that directory, in order.
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

/// A subscriber with a layer of that handle.
pub(crate) fn dispatch(telemetry: &Telemetry) -> Dispatch {
    Dispatch::new(
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter())),
    )
}

/// Records so many events of some 600 bytes.
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

/// How often a key stands in a line.
pub(crate) fn occurrences(line: &str, key: &str) -> usize {
    line.matches(&format!("\"{key}\":")).count()
}

pub(crate) fn is_own(line: &Value) -> bool {
    line["target"] == "localtel"
}

/// Does something on a thread with a large stack: the registry closes nested spans by recursion, which takes more than
/// the stack of a test where it is not optimised.
pub(crate) fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap()
    })
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
                let said = if value["once"].is_null() {
                    assert_eq!(value["event"], "session", "{line}");
                    &value["properties"]
                } else {
                    &value["once"]
                };
                assert_eq!(said["resumed"], *seq > 0, "{line}");
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

/// Texts that are valid times of RFC 3339, or nearly are, and which no line can hold.
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

/// A line whose time is that text.
pub(crate) fn line_at(time: &str) -> String {
    format!(
        "{{\"timestamp\":\"{time}\",\"level\":\"INFO\",\"source\":\"testapp\",\"target\":\"t\",\"event\":\"e\",\
         \"session\":\"01936f0e-0000-7000-8000-000000000000\",\"seq\":0}}\n"
    )
}

/// Both ends of a terminal, where the system has them.
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

/// What a shell does to start a program under a limit of so many blocks.
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
