//! Bundles: they are checked by other programs, complete or not there at all, and exact while
//! processes write, compress and remove.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use localtel::consent::WhenUndecided;
use localtel::read::Reader;
use localtel::recording::{Compression, Overflow};
use localtel::{Consent, Event, Limits, Telemetry};
use serde_json::Value;
use tempfile::TempDir;

use crate::child;
use crate::disk::Disk;
use crate::support::{TestPlace, printed, scale, segments_in, under_limit};

/// A machine with telemetry of applications, and a medium.
struct ExportHome {
    home: TempDir,
}

impl ExportHome {
    /// Records some events of two applications.
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("medium")).unwrap();
        let machine = Self { home };
        machine.record("shop", 300, 1 << 14);
        machine.record("till", 3, 1 << 24);
        machine
    }

    fn record(&self, application: &str, count: usize, segment_bytes: u64) {
        let limits = Limits {
            segment_bytes_max: segment_bytes,
            ..Limits::default()
        };
        let builder = Telemetry::builder(application).dir(self.directory(application));
        let builder = builder.limits(limits).overflow(Overflow::Block);
        // It records from its next start.
        let undecided = builder.clone().try_open().unwrap();
        undecided.set_consent(Consent::Enabled).unwrap();
        drop(undecided);
        let telemetry = builder.try_open().unwrap();
        for number in 0..count {
            telemetry.record(&Event::new("tick").property("number", number));
        }
    }

    fn directory(&self, application: &str) -> PathBuf {
        self.home
            .path()
            .join("state")
            .join(application)
            .join("telemetry")
    }

    fn medium(&self) -> PathBuf {
        self.home.path().join("medium")
    }

    fn export(&self, words: &[&str]) -> Output {
        localtel(self.home.path(), &self.medium(), words)
            .output()
            .unwrap()
    }
}

/// Returns the command that exports from a home to a medium.
fn localtel(home: &Path, medium: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
    command
        .env_clear()
        .env("XDG_STATE_HOME", home.join("state"))
        .env("HOME", home)
        .arg("export")
        .arg(medium)
        .args(words)
        .stdin(Stdio::null());
    command
}

/// Returns the document that an export printed.
#[track_caller]
fn document(output: &Output) -> Value {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the bundle that an export wrote.
#[track_caller]
fn bundle(output: &Output) -> PathBuf {
    document(output)["path"].as_str().unwrap().into()
}

/// Returns the names in a directory.
fn names_in(path: &Path) -> Vec<String> {
    let names = std::fs::read_dir(path).unwrap();
    let text = |name: OsString| name.into_string().unwrap();
    let mut names: Vec<String> = names.map(|it| text(it.unwrap().file_name())).collect();
    names.sort();
    names
}

/// Checks a bundle with the program that every machine has.
#[track_caller]
fn check_sums(bundle: &Path) {
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(bundle)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Checks that a directory has the first records of each session, each once and in order, and that
/// its counts are those of the description. Returns the number of records.
#[track_caller]
fn check_log(bundle: &Path) -> u64 {
    let manifest = std::fs::read(bundle.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut next: HashMap<String, u64> = HashMap::new();
    let mut count = 0;
    for record in Reader::open(&bundle.join("0001")).unwrap().records() {
        let record = record.unwrap();
        let seq = next.entry(record.session.to_string()).or_insert(record.seq);
        assert_eq!(record.seq, *seq, "{}", record.session);
        *seq += 1;
        count += 1;
    }
    assert_eq!(manifest["logs"][0]["records"], count);
    assert_eq!(manifest["logs"][0]["damaged"], 0);
    count
}

#[test]
fn another_program_checks_a_bundle_of_two_applications() {
    let machine = ExportHome::new();
    let output = machine.export(&["--host", "web-1", "--json"]);
    let bundle = bundle(&output);
    check_sums(&bundle);
    assert_eq!(
        names_in(&bundle),
        [
            "0001",
            "0002",
            "SHA256SUMS",
            "line.schema.json",
            "manifest.json"
        ]
    );
    let logs = &document(&output)["logs"];
    for (directory, application) in [("0001", "shop"), ("0002", "till")] {
        let index = usize::from(application == "till");
        assert_eq!(logs[index]["application"], application);
        let segments = segments_in(&machine.directory(application));
        assert!(!segments.is_empty());
        for segment in segments {
            let copy = bundle.join(directory).join(segment.file_name().unwrap());
            assert_eq!(
                std::fs::read(copy).unwrap(),
                std::fs::read(segment).unwrap()
            );
        }
    }
    assert!(logs[0]["segments"].as_u64().unwrap() > 3, "{logs}");
}

#[test]
fn the_output_says_what_is_in_the_bundle_and_what_to_do() {
    let machine = ExportHome::new();
    let output = machine.export(&["--host", "web-1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("host    web-1\n"), "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("till  ")),
        "{text}"
    );
    let last = text.lines().last().unwrap();
    assert!(last.contains("It may be unmounted and removed."), "{text}");
    assert_eq!(output.stderr, b"");
}

#[test]
fn nothing_that_identifies_the_machine_is_in_a_bundle() {
    let machine = ExportHome::new();
    let bundle = bundle(&machine.export(&["--json"]));
    let consent = std::fs::read(machine.directory("shop").join("consent.json")).unwrap();
    let consent: Value = serde_json::from_slice(&consent).unwrap();
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let secrets = [&consent["salt"], &consent["host"]].map(|value| value.as_str().unwrap());
    let secrets: Vec<&str> = secrets.into_iter().chain([id.trim()]).collect();
    let mut files = 0;
    for folder in ["", "0001", "0002"] {
        for name in names_in(&bundle.join(folder)) {
            assert_ne!(name, "consent.json");
            let Ok(text) = std::fs::read_to_string(bundle.join(folder).join(&name)) else {
                continue;
            };
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                assert!(!text.contains(secret), "{name} has {secret}");
            }
            files += 1;
        }
    }
    assert!(files > 8, "{files}");
}

#[test]
fn the_names_of_a_bundle_are_plain_whatever_the_host_is() {
    let machine = ExportHome::new();
    let long = "ä".repeat(30);
    for host in ["../../etc", "a:b<>|\"\\", "..", "CON", " a ", &long] {
        let output = machine.export(&["--host", host, "--json"]);
        assert_eq!(document(&output)["host"], *host);
        let bundle = bundle(&output);
        assert_eq!(bundle.parent().unwrap(), machine.medium());
        for folder in ["", "0001"] {
            for name in names_in(&bundle.join(folder))
                .iter()
                .chain(&names_in(&machine.medium()))
            {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                assert!(name.bytes().all(is_plain) && name.len() < 128, "{name}");
                assert!(!name.ends_with('.'), "{name}");
            }
        }
    }
    for host in ["", "a\nb", "web*", &"a".repeat(61)] {
        let output = machine.export(&["--host", host]);
        assert_eq!(output.status.code(), Some(2), "{host:?}");
    }
}

#[test]
fn a_target_in_a_telemetry_directory_is_refused() {
    let machine = ExportHome::new();
    let target = machine.directory("till");
    let output = localtel(machine.home.path(), &target, &[])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("is in the telemetry directory"), "{text}");
    assert!(
        !names_in(&target)
            .iter()
            .any(|name| name.contains("localtel"))
    );
}

#[test]
fn all_profiles_of_a_named_application_are_exported() {
    let machine = ExportHome::new();
    let work = machine.directory("shop").join("profiles/work");
    let builder = Telemetry::builder("shop").profile("work");
    let builder = builder.dir(machine.directory("shop"));
    let telemetry = builder.when_undecided(WhenUndecided::Record);
    let telemetry = telemetry.try_open().unwrap();
    telemetry.record(&Event::new("tick"));
    drop(telemetry);
    assert!(work.exists());
    let profiles = |words: &[&str]| {
        let output = machine.export(&[&["--json", "--app", "shop"], words].concat());
        let logs = document(&output)["logs"].clone();
        let logs = logs.as_array().unwrap().iter();
        logs.map(|log| log["profile"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(profiles(&[]), ["default", "work"]);
    assert_eq!(profiles(&["--profile", "work"]), ["work"]);
}

#[test]
fn the_id_of_a_log_stays_when_its_first_session_is_cleared() {
    let machine = ExportHome::new();
    let log = || document(&machine.export(&["--json", "--app", "till"]))["logs"][0].clone();
    let before = log();
    let mut clear = Command::new(env!("CARGO_BIN_EXE_localtel"));
    clear.arg("--dir").arg(machine.directory("till"));
    assert!(clear.args(["clear", "--yes"]).status().unwrap().success());
    machine.record("till", 1, 1 << 24);
    let after = log();
    assert_eq!(after["log"], before["log"]);
    assert!(
        after["records"].as_u64() < before["records"].as_u64(),
        "{after}"
    );
}

fn start_writers(place: &TestPlace, count: usize) -> Vec<Child> {
    let start = |_| child::writer("write with threads", &place.path(), count, 64 << 10).spawn();
    (0..4).map(start).collect::<Result<_, _>>().unwrap()
}

/// Exports again and again while four processes write, and calls `interfere` between. Returns the
/// documents.
fn export_while(place: &TestPlace, words: &[&str], interfere: impl Fn(usize)) -> Vec<Value> {
    drop(place.builder().try_open().unwrap());
    let medium = tempfile::tempdir().unwrap();
    let count = scale("LOCALTEL_TEST_EVENTS", 3000);
    let mut writers = start_writers(place, count);
    let mut documents = Vec::new();
    let is_running = |writers: &mut Vec<Child>| {
        writers
            .iter_mut()
            .any(|it| it.try_wait().unwrap().is_none())
    };
    for round in 0.. {
        let is_last = !is_running(&mut writers);
        interfere(round);
        let mut command = localtel(medium.path(), medium.path(), words);
        let output = command
            .arg("--json")
            .arg("--dir")
            .arg(place.path())
            .output()
            .unwrap();
        let nothing = String::from_utf8_lossy(&output.stderr).contains("nothing to export");
        if !(nothing && round < 3) {
            let bundle = bundle(&output);
            check_sums(&bundle);
            check_log(&bundle);
            documents.push(document(&output));
            std::fs::remove_dir_all(bundle).unwrap();
        }
        if is_last {
            break;
        }
    }
    for writer in writers {
        assert!(writer.wait_with_output().unwrap().status.success());
    }
    documents
}

/// `LOCALTEL_TEST_EVENTS=25000` is the full length.
#[test]
fn while_processes_write_each_record_is_exported_once() {
    let place = TestPlace::new();
    let documents = export_while(&place, &[], |_| {});
    let last = &documents.last().unwrap()["logs"][0];
    assert_eq!(last["records"], place.lines().len());
    assert_eq!(last["lost"], Value::Array(Vec::new()));
}

/// `LOCALTEL_TEST_EVENTS=25000` is the full length.
#[test]
fn while_segments_are_compressed_each_record_is_exported_once() {
    for words in [&[][..], &["--compressed"]] {
        let place = TestPlace::new();
        let limits = Limits {
            compression: Compression::On,
            ..Limits::default()
        };
        let telemetry = place.builder().limits(limits).try_open().unwrap();
        let documents = export_while(&place, words, |_| {
            let old = SystemTime::now() - Duration::from_hours(48);
            let segments = segments_in(&place.path());
            for segment in segments.iter().rev().skip(2) {
                // One that is compressed meanwhile is gone.
                if let Ok(file) = std::fs::File::open(segment) {
                    file.set_modified(old).unwrap();
                }
            }
            telemetry.record(&Event::new("tock"));
        });
        drop(telemetry);
        let names = names_in(&place.path());
        assert!(names.iter().any(|name| name.contains(".zst")), "{names:?}");
        for document in documents {
            assert_eq!(document["logs"][0]["lost"], Value::Array(Vec::new()));
        }
    }
}

/// `LOCALTEL_TEST_EVENTS=25000` is the full length.
#[test]
fn while_segments_are_removed_the_rest_is_exported() {
    let place = TestPlace::with_damage();
    let documents = export_while(&place, &[], |round| {
        if round % 3 == 2 {
            let mut clear = Command::new(env!("CARGO_BIN_EXE_localtel"));
            clear
                .arg("--dir")
                .arg(place.path())
                .args(["clear", "--yes"]);
            let child = clear.stdout(Stdio::null()).spawn().unwrap();
            // It runs while the export does.
            std::thread::spawn(move || child.wait_with_output());
        }
    });
    assert!(documents.len() > 1);
    for document in documents {
        assert_eq!(document["logs"][0]["lost"], Value::Array(Vec::new()));
    }
}

#[test]
fn a_killed_export_leaves_no_bundle_that_looks_complete() {
    let machine = ExportHome::new();
    machine.record("shop", 20_000, 1 << 16);
    let kills = scale("LOCALTEL_TEST_KILLS", 10);
    let mut left = 0;
    for kill in 0..kills {
        let mut command = localtel(machine.home.path(), &machine.medium(), &["--host", "web"]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        while names_in(&machine.medium()).is_empty() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(7 * (kill as u64 % 32)));
        child.kill().unwrap();
        child.wait().unwrap();
        for name in names_in(&machine.medium()) {
            let path = machine.medium().join(&name);
            if name.ends_with(".partial") {
                left += 1;
            } else {
                check_sums(&path);
            }
            std::fs::remove_dir_all(path).unwrap();
        }
    }
    assert!(left > 0, "no export was killed while it wrote");
}

#[test]
fn what_a_killed_export_left_is_named_and_not_used() {
    let machine = ExportHome::new();
    let old = machine
        .medium()
        .join("localtel-web-20200101T000000Z.partial");
    std::fs::create_dir(&old).unwrap();
    std::fs::write(old.join("manifest.json"), "{}").unwrap();
    let output = machine.export(&["--host", "web"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("an earlier export did not finish"), "{text}");
    assert_eq!(names_in(&old), ["manifest.json"]);
}

#[test]
fn a_full_medium_has_no_bundle_on_it() {
    let machine = ExportHome::new();
    machine.record("shop", 20_000, 1 << 16);
    let Some(disk) = Disk::mount("size=1m") else {
        return;
    };
    let export = |words: &[&str]| {
        let output = localtel(machine.home.path(), disk.0.path(), words)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(names_in(disk.0.path()), [""; 0]);
        String::from_utf8(output.stderr).unwrap()
    };
    let text = export(&[]);
    assert!(
        text.contains("the bundle needs ") && text.contains(" free\nhint: make room"),
        "{text}"
    );
    // How much a range leaves out is not known before.
    let text = export(&["--since", "2000-01-01"]);
    assert!(
        text.contains("No space left") && text.contains("hint: make room"),
        "{text}"
    );
}

#[test]
fn a_limit_on_file_sizes_leaves_no_bundle() {
    let machine = ExportHome::new();
    let before = under_limit(1);
    let mut command = Command::new(&before[0]);
    let export = localtel(machine.home.path(), &machine.medium(), &[]);
    command
        .args(&before[1..])
        .arg(export.get_program())
        .args(export.get_args());
    command.env("XDG_STATE_HOME", machine.home.path().join("state"));
    let text = printed(&command.output().unwrap(), "export");
    assert!(text.contains("File too large"), "{text}");
    assert_eq!(names_in(&machine.medium()), [""; 0]);
}

#[test]
fn a_medium_that_is_mounted_read_only_is_refused() {
    let machine = ExportHome::new();
    let Some(disk) = Disk::mount("size=4m") else {
        return;
    };
    disk.remount("remount,ro");
    let output = localtel(machine.home.path(), disk.0.path(), &[])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("hint: mount the medium for writing"),
        "{text}"
    );
}
