//! Reports, versions and commands with hostile files and values: each affects only its own record.

use std::path::Path;

use localtel::Event;
use localtel::recording::Outcome;
use localtel::report::{Deployment, Include, Reports};
use serde_json::Value;

use crate::reports::contents;
use crate::support::TestPlace;

/// The default limit of a line, plus its newline.
const LINE_BYTES_MAX: usize = 256 * 1024 + 1;

/// Creates something at the path of a file.
type Make = Box<dyn Fn(&Path)>;

/// Returns hostile contents and objects that may be at the path of a file, by name.
fn hostile_files() -> Vec<(&'static str, Make)> {
    fn bytes(bytes: Vec<u8>) -> Make {
        Box::new(move |path| std::fs::write(path, &bytes).unwrap())
    }
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    vec![
        ("10 MB", bytes(vec![b'x'; 10_000_000])),
        ("10 MB of a value", {
            let text = "9".repeat(10_000_000);
            bytes(format!("{{\"format\":1,\"version\":\"{text}\"}}").into_bytes())
        }),
        ("control characters", {
            bytes(b"{\"format\":1,\"version\":\"\x1b[2J9.9.9\r\n\x07\"}".to_vec())
        }),
        ("escaped control characters", {
            bytes(br#"{"format":1,"version":"\u001b[2J9\u0007","notes":"\u009b31m"}"#.to_vec())
        }),
        (
            "invalid UTF-8",
            bytes(b"{\"version\":\"\xff\xfe\"}".to_vec()),
        ),
        ("nothing", bytes(Vec::new())),
        ("depth", bytes(deep.into_bytes())),
        ("a pipe", {
            Box::new(|path| {
                let made = std::process::Command::new("mkfifo").arg(path).status();
                assert!(made.unwrap().success());
            })
        }),
        (
            "a directory",
            Box::new(|path| std::fs::create_dir(path).unwrap()),
        ),
        ("a symlink to itself", {
            Box::new(|path| std::os::unix::fs::symlink(path, path).unwrap())
        }),
        ("a symlink to a device", {
            Box::new(|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap())
        }),
    ]
}

#[test]
fn a_hostile_release_or_history_changes_nothing_else() {
    for name in ["release.json", "history.json"] {
        for (kind, make) in hostile_files() {
            let place = TestPlace::new();
            drop(place.builder().open());
            let path = place.path().join(name);
            make(&path);
            let kept = path.symlink_metadata().unwrap().file_type();
            let telemetry = place
                .builder()
                .version("1.2.0")
                .reports(Reports::AtStart(std::time::Duration::from_hours(24)))
                .try_open()
                .unwrap();
            assert_eq!(telemetry.release(), None, "{name}: {kind}");
            assert_eq!(telemetry.record(&Event::new("kept")), Outcome::Recorded);
            assert_eq!(telemetry.report_now(), Outcome::Recorded, "{name}: {kind}");
            let _shown = telemetry.report().to_string();
            drop(telemetry);
            assert_eq!(place.events().len(), 1, "{name}: {kind}");
            let session = &place.own("session")[0]["properties"];
            assert_eq!(session.get("update"), None, "{name}: {kind}");
            for report in place.own("report") {
                assert_eq!(report["properties"]["application"]["version"], "1.2.0");
            }
            for version in place.own("version") {
                let from = version["properties"]["from"].as_str().unwrap();
                assert!(from.len() <= 256, "{name}: {kind}");
            }
            let now = path.symlink_metadata().unwrap().file_type();
            if name == "release.json" || !kept.is_file() {
                assert_eq!(now, kept, "{name}: {kind} is left alone");
            }
        }
    }
}

#[test]
fn with_a_hostile_policy_nothing_is_recorded_or_changed() {
    for (kind, make) in hostile_files() {
        // An empty policy is valid.
        if kind == "nothing" {
            continue;
        }
        let place = TestPlace::new();
        drop(place.builder().open());
        make(&place.path().join("policy.toml"));
        let before = contents(&place.path());
        let telemetry = place
            .builder()
            .version("1.2.0")
            .reports(Reports::Every(std::time::Duration::from_secs(1)))
            .open();
        telemetry.counter("counted", []).add(1);
        telemetry.command("command").success();
        assert_eq!(telemetry.report_now(), Outcome::Refused, "{kind}");
        let report = telemetry.report().to_json();
        let because = report["recorded"]["because"].as_str().unwrap();
        assert!(because.contains("policy.toml"), "{kind}: {because}");
        drop(telemetry);
        assert_eq!(contents(&place.path()), before, "{kind}");
    }
}

fn hostile_values() -> Vec<String> {
    vec![
        "x".repeat(10_000_000),
        "\u{1b}".repeat(1_000_000),
        "\u{0}\u{7}\r\n\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\u{feff}\"\\".to_owned(),
        String::from_utf8_lossy(b"\xff\xfe\xc0\x80").into_owned(),
        "password=hunter2 Authorization: Bearer abcdefghijklmnop ghp_0123456789abcdefghijABCDEFGHIJ012345"
            .to_owned(),
        String::new(),
        "𝕏".repeat(100_000),
    ]
}

/// Returns a deployment with a value in every field that takes one, also as a name.
fn deployment(value: &str) -> Deployment {
    let mut deployment = Deployment::new()
        .commit(value)
        .branch(value)
        .installer(value);
    for name in [value, "name"] {
        deployment = deployment
            .build(name, value)
            .data_path(name, format!("/proc/{value}"))
            .changed_setting(name)
            .component(name, value)
            .extension(name, true)
            .metadata(name, value, Include::Yes);
    }
    for key in localtel::report::RESERVED_KEYS {
        deployment = deployment.metadata(key, value, Include::Yes);
    }
    deployment
}

#[test]
fn a_hostile_deployment_value_changes_only_its_record() {
    for value in hostile_values() {
        let place = TestPlace::new();
        let open = || place.builder().version(value.as_str());
        let telemetry = open().deployment(deployment(&value)).try_open().unwrap();
        assert_eq!(telemetry.record(&Event::new("before")), Outcome::Recorded);
        assert_eq!(telemetry.report_now(), Outcome::Recorded);
        telemetry
            .update_deployment(|deployment| deployment.metadata("later", &*value, Include::Yes));
        assert_eq!(telemetry.report_now(), Outcome::Recorded);
        let shown = telemetry.report().to_string();
        assert!(!shown.chars().any(|it| it.is_control() && it != '\n'));
        assert_eq!(telemetry.record(&Event::new("after")), Outcome::Recorded);
        drop(telemetry);
        drop(place.builder().version("other").open());
        check(&place, &value);
        assert_eq!(place.own("report").len(), 2);
        for report in place.own("report") {
            let report = &report["properties"];
            assert_eq!(report["application"]["name"], "testapp");
            assert!(report["hardware"]["cpus"].is_u64(), "{report}");
        }
    }
}

#[test]
fn a_hostile_command_value_changes_only_its_record() {
    for value in hostile_values() {
        let place = TestPlace::new();
        let telemetry = place.builder().try_open().unwrap();
        assert_eq!(telemetry.record(&Event::new("before")), Outcome::Recorded);
        let mut command = telemetry.command(value.as_str());
        command
            .alias(value.as_str())
            .auth_method(value.as_str())
            .flags([value.as_str(), "--output"])
            .interactive(true)
            .project_id(value.as_str())
            .property(value.as_str(), value.as_str())
            .property(
                "deep",
                serde_json::json!({ value.as_str(): [value.as_str()] }),
            );
        command.failure(&std::io::Error::other(value.clone()));
        telemetry.command("plain").failure_of(&value, &value);
        telemetry.command("plain").success();
        assert_eq!(telemetry.record(&Event::new("after")), Outcome::Recorded);
        drop(telemetry);
        check(&place, &value);
        let commands = place.own("command");
        assert_eq!(commands.len(), 3);
        assert_eq!(commands[2]["properties"]["result"], "SUCCESS");
    }
}

#[test]
fn a_hostile_owner_metadata_row_changes_only_the_report() {
    for value in hostile_values() {
        let place = TestPlace::new();
        drop(place.builder().open());
        let quoted = serde_json::to_string(&value).unwrap();
        let text = format!("[metadata]\n{quoted} = {quoted}\nfine = \"yes\"\n");
        std::fs::create_dir_all(place.path()).unwrap();
        std::fs::write(place.path().join("policy.toml"), text).unwrap();
        let telemetry = place.builder().open();
        let is_recording = telemetry.status().is_recording;
        let outcome = telemetry.report_now();
        assert_eq!(telemetry.record(&Event::new("before")), outcome);
        assert_eq!(telemetry.record(&Event::new("after")), outcome);
        drop(telemetry);
        if is_recording {
            check(&place, &value);
            let report = &place.own("report")[0]["properties"];
            assert_eq!(report["metadata"]["fine"], "yes");
        } else {
            // A file that is too large or not valid TOML is not a policy, so nothing is recorded.
            assert!(place.lines().is_empty());
        }
    }
}

/// Checks that all lines are whole, within their limit and safe to print, and that other events are
/// unchanged.
fn check(place: &TestPlace, value: &str) {
    let shown: String = value.chars().take(40).collect();
    for line in place.lines() {
        assert!(line.len() < LINE_BYTES_MAX, "{shown:?}: {}", line.len());
        assert!(!line.chars().any(char::is_control), "{shown:?}");
    }
    let events: Vec<Value> = place.events();
    let names: Vec<_> = events.iter().map(|event| &event["event"]).collect();
    assert_eq!(names, ["before", "after"], "{shown:?}");
    let ends = place.own("session.end");
    assert!(ends.iter().all(|end| end["properties"]["failed"] == 0));
}
