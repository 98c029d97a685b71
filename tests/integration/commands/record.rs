//! `record`: what scripts hand in is recorded, and what is not is said.

use std::io::Write as _;
use std::process::Stdio;

use localtel::Level;
use serde_json::json;

use super::{Home, err, out};

#[test]
fn a_record_from_a_script_has_the_values_that_were_typed() {
    let home = Home::enabled();
    let file = home.path().join("note.txt");
    std::fs::write(&file, "two\nlines").unwrap();
    let output = home
        .localtel()
        .args(["record", "deploy", "-l", "warn", "-m", "went out"])
        .args(["version=1.2.0", "duration=871", "ok=true", "hosts:=[\"a\"]"])
        .arg(format!("note=@{}", file.display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!((out(&output), err(&output)), (String::new(), String::new()));
    let records = home.records("deploy");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].level, Level::Warn);
    assert_eq!(records[0].message.as_deref(), Some("went out"));
    for (key, value) in [
        ("version", json!("1.2.0")),
        ("duration", json!(871)),
        ("ok", json!(true)),
        ("hosts", json!(["a"])),
        ("note", json!("two\nlines")),
    ] {
        assert_eq!(records[0].properties.get(key), Some(&value), "{key}");
    }
}

#[test]
fn one_event_from_a_script_is_one_line() {
    let home = Home::enabled();
    for number in 0..3 {
        let output = home
            .localtel()
            .args(["record", "deploy", &format!("number={number}")])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let lines = crate::support::lines_in(&home.telemetry());
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert_eq!(crate::support::check_sessions(&home.telemetry()), 3);
    for line in &lines {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["event"], &line["seq"]),
            (&json!("deploy"), &json!(0))
        );
        let said = &line["once"];
        assert_eq!(
            (&said["format"], &said["resumed"]),
            (&json!(1), &json!(false))
        );
        assert_eq!(said["installation"].as_str().unwrap().len(), 36);
        assert!(said["localtel"].is_string() && said["pid"].is_u64());
    }
    // Each is a session that ended.
    let status = home.localtel().args(["status", "--json"]).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let sessions = &status["storage"]["sessions"];
    let counts = (&sessions["count"], &sessions["without_end"]);
    assert_eq!(counts, (&json!(3), &json!(0)), "{status}");
    assert_eq!(
        home.localtel()
            .arg("doctor")
            .output()
            .unwrap()
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn events_from_the_input_stand_between_a_session_and_its_end() {
    let home = Home::enabled();
    let mut child = home
        .localtel()
        .args(["record", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"{\"event\":\"e\"}\n").unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    let lines = crate::support::lines_in(&home.telemetry());
    assert_eq!(lines.len(), 3, "{lines:#?}");
}

#[test]
fn a_bad_line_is_named_and_the_others_are_recorded() {
    let home = Home::enabled();
    let mut child = home
        .localtel()
        .args(["record", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"{\"event\":\"e\",\"n\":1}\nnonsense\n\n{\"event\":\"e\",\"n\":2}\n{\"n\":3}")
        .unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("line 2 was not recorded"),
        "{}",
        err(&output)
    );
    assert!(err(&output).contains("line 5 was not recorded: it has no `event`"));
    let numbers: Vec<_> = home
        .records("e")
        .iter()
        .map(|record| record.properties.get("n").cloned())
        .collect();
    assert_eq!(numbers, [Some(json!(1)), Some(json!(2))]);
}

#[test]
fn a_refused_record_is_said_and_is_a_failure_only_where_asked() {
    let home = Home::new();
    let output = home.localtel().args(["record", "e"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        err(&output).starts_with("localtel: not recorded: "),
        "{}",
        err(&output)
    );
    let strict = home
        .localtel()
        .args(["record", "e", "--strict"])
        .output()
        .unwrap();
    assert_eq!(strict.status.code(), Some(1));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_record_under_a_policy_that_cannot_be_understood_names_the_next_step() {
    let home = Home::enabled();
    std::fs::write(home.telemetry().join("policy.toml"), "level = 5").unwrap();
    let output = home.localtel().args(["record", "e"]).output().unwrap();
    let said = err(&output);
    let file = home.telemetry().join("policy.toml");
    let step = format!("\nhint: mend or remove {}; ", file.display());
    assert!(said.contains(&step), "{said}");
}

#[test]
fn a_word_that_is_no_property_records_nothing() {
    let home = Home::enabled();
    let output = home
        .localtel()
        .args(["record", "e", "nonsense"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("\nhint: "), "{}", err(&output));
    assert!(home.records("e").is_empty());
}
