//! Bundles of made directories: what is copied, what is left out, and what is refused.

mod damaged;
mod ranges;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};

use localtel::admin::{Environment, Location, Profile, Selection};
use localtel::read::Timestamp;
use localtel::uuid::Uuid;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;

use super::*;
use crate::manifest::{
    BundleConsent, BundleLog, BundleRange, BundleSegment, ConsentDecision, SegmentState, Sha256Sum,
};

/// A machine with telemetry directories, and a medium.
struct MadeMachine {
    place: TempDir,
}

impl MadeMachine {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("medium")).unwrap();
        Self { place }
    }

    fn medium(&self) -> PathBuf {
        self.place.path().join("medium")
    }

    fn directory(&self, application: &str) -> PathBuf {
        self.place.path().join(application)
    }

    /// Writes a file of an application.
    fn write(&self, application: &str, name: &str, bytes: &[u8]) {
        let directory = self.directory(application);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(name), bytes).unwrap();
    }

    fn request(&self) -> ExportRequest {
        ExportRequest {
            target: self.medium(),
            host: "web 1".parse().unwrap(),
            range: None,
            copies: SegmentCopies::Plain,
            created: time(0),
            version: "0.1.0".to_owned(),
        }
    }

    fn export(&self, request: &ExportRequest) -> Result<Exported, ExportError> {
        self.export_of(request, &["shop"])
    }

    fn export_of(
        &self,
        request: &ExportRequest,
        applications: &[&str],
    ) -> Result<Exported, ExportError> {
        let source = |name: &&str| LogSource {
            directory: self.directory(name),
            application: name.parse().unwrap(),
            profile: Profile::default(),
            log: log_of(&self.directory(name)),
            consent: BundleConsent::new(ConsentDecision::Enabled, "a test".to_owned(), None),
            explain: b"{}\n".to_vec(),
            policy: None,
        };
        let sources: Vec<LogSource> = applications.iter().map(source).collect();
        let exported = export(request, &sources, &mut |_| {});
        let exported = exported.map_err(|failure| {
            assert_eq!(failure.left_behind, None, "{}", failure.error);
            failure.error
        })?;
        check_sums(&exported.path);
        let read = fs::read(exported.path.join(Manifest::FILE)).unwrap();
        assert_eq!(Manifest::parse(&read).unwrap(), exported.manifest);
        Ok(exported)
    }
}

/// Returns the id of the log in a directory.
fn log_of(directory: &Path) -> Option<Uuid> {
    let selection = Selection {
        directory: Some(directory.to_owned()),
        ..Selection::default()
    };
    let location = Location::find(&selection, &Environment::of_process());
    location.unwrap().unwrap().log()
}

/// Checks that each file but the sums has its sum in them.
fn check_sums(bundle: &Path) {
    let text = fs::read_to_string(bundle.join("SHA256SUMS")).unwrap();
    let mut files = 1;
    for line in text.lines() {
        let (sum, path) = line.split_once("  ").unwrap();
        let bytes = fs::read(bundle.join(path)).unwrap();
        assert_eq!(Sha256Sum::of_bytes(&bytes).to_string(), sum, "{path}");
        files += 1;
    }
    assert!(
        text.lines()
            .is_sorted_by_key(|line| line.split_once("  ").unwrap().1)
    );
    assert_eq!(files_below(bundle), files);
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}

/// Returns the time that many seconds after the first one.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_795_248_000_000_000 + seconds * 1_000_000).unwrap()
}

fn line(seconds: i64) -> String {
    format!(
        "{{\"timestamp\":\"{}\",\"level\":\"INFO\",\"source\":\"shop\",\"target\":\"shop\",\
         \"session\":\"01936f0e-0000-7000-8000-000000000000\",\"seq\":{seconds}}}\n",
        time(seconds)
    )
}

fn lines(seconds: std::ops::Range<i64>) -> String {
    seconds.map(line).collect()
}

fn zstd(text: &str) -> Vec<u8> {
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

/// Returns the file `lock` with that floor.
fn lock(head: u64, floor: u64) -> String {
    format!("{head:016} {floor:016}\n")
}

fn only(exported: &Exported) -> &BundleLog {
    assert_eq!(exported.manifest.logs.len(), 1);
    &exported.manifest.logs[0]
}

fn states(log: &BundleLog) -> Vec<(u64, SegmentState, u64)> {
    let facts = |one: &BundleSegment| (one.number.get(), one.state, one.records);
    log.segments.iter().map(facts).collect()
}

/// A directory with a plain, a compressed and an active segment, of which the last line is torn.
fn with_each_form() -> MadeMachine {
    let machine = MadeMachine::new();
    machine.write("shop", "events.000001.jsonl", lines(0..3).as_bytes());
    machine.write("shop", "events.000002.jsonl.zst", &zstd(&lines(3..7)));
    let head = lines(7..9) + "{\"timestamp\":";
    machine.write("shop", "events.000003.jsonl", head.as_bytes());
    machine
}

#[test]
fn segments_keep_their_bytes_up_to_the_last_line() {
    let machine = with_each_form();
    let exported = machine.export(&machine.request()).unwrap();
    let read = |name: &str| fs::read_to_string(exported.path.join("0001").join(name)).unwrap();
    assert_eq!(read("events.000001.jsonl"), lines(0..3));
    assert_eq!(read("events.000002.jsonl"), lines(3..7));
    assert_eq!(read("events.000003.jsonl"), lines(7..9));
    let log = only(&exported);
    assert_eq!(
        states(log),
        [
            (1, SegmentState::Closed, 3),
            (2, SegmentState::Closed, 4),
            (3, SegmentState::Growing, 2)
        ]
    );
    let times = log.times().unwrap();
    assert_eq!((times.first(), times.last()), (time(0), time(8)));
    assert_eq!(exported.logs[0].unfinished_bytes, 13);
    assert_eq!(log.head.unwrap().get(), 3);
}

#[test]
fn compressed_segments_can_stay_as_they_are() {
    let machine = with_each_form();
    let request = ExportRequest {
        copies: SegmentCopies::AsStored,
        ..machine.request()
    };
    let exported = machine.export(&request).unwrap();
    let stored = machine.directory("shop").join("events.000002.jsonl.zst");
    let copy = exported.path.join("0001/events.000002.jsonl.zst");
    assert_eq!(fs::read(copy).unwrap(), fs::read(stored).unwrap());
    let segment = &only(&exported).segments[1];
    let plain = lines(3..7);
    assert_eq!(segment.plain_bytes, plain.len() as u64);
    assert_eq!(segment.plain_sha256, Sha256Sum::of_bytes(plain.as_bytes()));
    assert_eq!(segment.records, 4);
}

#[test]
fn a_bundle_describes_each_application() {
    let machine = with_each_form();
    machine.write("till", "events.000004.jsonl", lines(0..1).as_bytes());
    let exported = machine
        .export_of(&machine.request(), &["shop", "till"])
        .unwrap();
    let names: Vec<String> = exported
        .manifest
        .logs
        .iter()
        .map(|log| format!("{} {}", log.directory, log.key.application))
        .collect();
    assert_eq!(names, ["0001 shop", "0002 till"]);
    for name in ["line.schema.json", "0001/explain.json", "0002/explain.json"] {
        assert!(exported.path.join(name).exists(), "{name}");
    }
    let name = exported.path.file_name().unwrap().to_str().unwrap();
    assert_eq!(name, "localtel-web_x201-20261121T080000Z");
    assert_eq!(exported.files, files_below(&exported.path) as u64);
}

#[test]
fn a_second_bundle_of_a_second_has_a_number() {
    let machine = with_each_form();
    let paths = [(); 3].map(|()| machine.export(&machine.request()).unwrap().path);
    let ends = paths.map(|path| {
        path.display()
            .to_string()
            .rsplit_once('Z')
            .unwrap()
            .1
            .to_owned()
    });
    assert_eq!(ends, ["", "-2", "-3"]);
}

#[test]
fn an_unfinished_bundle_is_named_and_left_alone() {
    let machine = with_each_form();
    let old = machine
        .medium()
        .join("localtel-web_x201-20261121T080000Z.partial");
    fs::create_dir(&old).unwrap();
    fs::write(old.join("manifest.json"), "x").unwrap();
    let exported = machine.export(&machine.request()).unwrap();
    assert_eq!(exported.unfinished, std::slice::from_ref(&old));
    assert!(
        exported
            .path
            .ends_with("localtel-web_x201-20261121T080000Z-2")
    );
    assert_eq!(fs::read(old.join("manifest.json")).unwrap(), b"x");
}

#[test]
fn progress_ends_with_all_bytes_in_each_phase() {
    let machine = with_each_form();
    let source = LogSource {
        directory: machine.directory("shop"),
        application: "shop".parse().unwrap(),
        profile: Profile::default(),
        log: log_of(&machine.directory("shop")),
        consent: BundleConsent::new(ConsentDecision::Undecided, String::new(), None),
        explain: Vec::new(),
        policy: Some(b"level = \"info\"\n".to_vec()),
    };
    let mut seen: Vec<ExportProgress> = Vec::new();
    let exported = export(&machine.request(), &[source], &mut |now| seen.push(now)).unwrap();
    for phase in [ExportPhase::Copying, ExportPhase::Checking] {
        let of_phase: Vec<_> = seen.iter().filter(|now| now.phase == phase).collect();
        assert!(of_phase.is_sorted_by_key(|now| now.bytes), "{of_phase:?}");
        let last = of_phase.last().unwrap();
        assert_eq!(last.bytes, last.bytes_total, "{phase:?}");
    }
    assert!(exported.path.join("0001/policy.toml").exists());
}

/// Parts of segments: records, blank lines, and what damages segments.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..1000_i64).prop_map(line),
        1 => (0..1000_i64).prop_map(|seconds| line(seconds)[..40].to_owned()),
        1 => Just("\n".to_owned()),
        1 => Just("\0\0\0".to_owned()),
        1 => "[ -~]{0,30}\n",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(part(), 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_segments_are_copied_and_counted_as_they_are_read(
        (closed, compressed, head) in (text(), text(), text()),
    ) {
        let machine = MadeMachine::new();
        let first = line(0) + &closed;
        machine.write("shop", "events.000001.jsonl", first.as_bytes());
        machine.write("shop", "events.000002.jsonl.zst", &zstd(&compressed));
        machine.write("shop", "events.000003.jsonl", head.as_bytes());
        let exported = machine.export(&machine.request()).unwrap();
        let read = |name: &str| fs::read_to_string(exported.path.join("0001").join(name)).unwrap();
        prop_assert_eq!(read("events.000001.jsonl"), first);
        prop_assert_eq!(read("events.000002.jsonl"), compressed);
        let whole = head.rfind('\n').map_or("", |end| &head[..=end]);
        prop_assert_eq!(read("events.000003.jsonl"), whole);
        // Readers of the copies find the same.
        let mut reader = localtel::read::Reader::open(&exported.path.join("0001")).unwrap();
        let found: Vec<_> = reader.records().collect();
        let records = found.iter().flatten();
        let log = only(&exported);
        prop_assert_eq!(log.records(), records.clone().count() as u64);
        prop_assert_eq!(log.damaged() + log.records(), found.len() as u64);
        let times = log.times().unwrap();
        prop_assert_eq!(Some(times.first()), records.clone().map(|one| one.timestamp).min());
        prop_assert_eq!(Some(times.last()), records.map(|one| one.timestamp).max());
    }
}
