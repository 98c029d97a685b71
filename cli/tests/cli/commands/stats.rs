//! `stats` in whole processes: its figures lead to the records that they count.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Runs `stats` on a directory, and returns its document.
fn document(directory: &Path, words: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_localtel"))
        .env_remove("LOCALTEL_DIR")
        .arg("--dir")
        .arg(directory)
        .arg("stats")
        .args(words)
        .args(["--json", "--utc"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a command as it was printed, and returns the number of records that it lists.
fn listed(command: &str) -> u64 {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_localtel"));
    let output: Output = Command::new("/bin/sh")
        .args(["-c", &format!("{command} --count --no-own")])
        .env("PATH", program.parent().unwrap())
        .env("LOCALTEL_ZONE", "utc")
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().parse().unwrap()
}

/// Checks each object in a document that has a command, and returns their number.
fn check(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(check).sum(),
        Value::Object(members) => {
            let inner: usize = members.values().map(check).sum();
            let (Some(show), Some(records)) = (members.get("show"), members.get("records")) else {
                return inner;
            };
            // Those of a whole key are not the records that have it.
            if members.contains_key("rows") {
                return inner;
            }
            let show = show.as_str().unwrap();
            assert_eq!(listed(show), records.as_u64().unwrap(), "{show}");
            inner + 1
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// A directory with values that a shell, a condition and a terminal read in their own way.
fn hostile() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let values = [
        json!("a,b"),
        json!("'quoted' \"twice\""),
        json!("$(touch x) `y` \\"),
        json!("k=v>1 ~ !"),
        json!(""),
        json!(" spaces "),
        json!("-l"),
        json!("500"),
        json!(500),
        json!(0.25),
        json!(-3),
        json!(true),
        json!("漢字"),
        json!("\"500\""),
    ];
    let mut text = String::new();
    for (seq, value) in values.iter().enumerate() {
        let name = value.as_str().filter(|name| !name.is_empty());
        let line = json!({
            "timestamp": format!("2026-11-21T08:15:{seq:02}.000000Z"),
            "level": if seq % 2 == 0 { "ERROR" } else { "INFO" },
            "source": "shop",
            "target": "shop::pay",
            "event": name.unwrap_or("other"),
            "message": name.unwrap_or("none"),
            "session": "01936f0e-0000-7000-8000-000000000000",
            "seq": seq,
            "properties": {"value": value, "a=b": value, "duration": seq, "level": "mine"},
        });
        text += &(line.to_string() + "\n");
    }
    std::fs::write(home.path().join("events.000001.jsonl"), text).unwrap();
    home
}

#[test]
fn each_row_has_the_command_that_lists_its_records() {
    let state = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd/stats.in/state");
    let mut rows = 0;
    for words in [
        &[] as &[&str],
        &["-l", "warn"],
        &["-e", "request", "-e", "command"],
        &["-S", "2026-11-21T09:30:00Z"],
        &["--by", "route,status"],
        &["--per", "hour"],
        &["--per", "day", "--by", "level", "--of", "duration"],
        &["--per", "5m", "-U", "2026-11-21T10:00:00Z"],
        &["--field", "tenant", "status=200"],
    ] {
        rows += check(&document(&state, words));
    }
    assert!(rows > 50, "{rows}");
}

#[test]
fn commands_of_rows_quote_whatever_was_recorded() {
    let home = hostile();
    for words in [
        &[] as &[&str],
        &["--by", "properties.level"],
        &["--by", "value"],
        &["--by", "a=b,level"],
        &["--field", "value"],
        &["--by", "message,level"],
        &["--field", "event"],
    ] {
        assert!(check(&document(home.path(), words)) > 0, "{words:?}");
    }
}

#[test]
fn durations_of_closed_spans_are_those_of_their_names() {
    let home = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for (seq, name) in ["load", "store", "load"].into_iter().enumerate() {
        let line = json!({
            "timestamp": "2026-11-21T08:15:30.000000Z",
            "level": "INFO",
            "source": "shop",
            "target": "shop::db",
            "event": "span",
            "message": name,
            "session": "01936f0e-0000-7000-8000-000000000000",
            "seq": seq,
            "properties": {"duration": seq, "span": "own"},
            "spans": [{"name": "load"}],
        });
        text += &(line.to_string() + "\n");
    }
    std::fs::write(home.path().join("events.000001.jsonl"), text).unwrap();
    let document = document(home.path(), &[]);
    let rows = &document["overview"]["durations"]["rows"];
    let rows = rows.as_array().unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| (&row["name"], &row["records"]))
        .collect();
    assert_eq!(
        names,
        [(&json!("load"), &json!(2)), (&json!("store"), &json!(1))]
    );
    assert!(check(&document) >= 2);
}

/// Checks that a value has all that is expected of it; objects may have more members.
#[track_caller]
fn check_has(found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Object(members), Value::Object(expected)) => {
            for (key, expected) in expected {
                check_has(&members[key], expected);
            }
        }
        (Value::Array(values), Value::Array(expected)) => {
            assert_eq!(values.len(), expected.len(), "{values:?}");
            for (value, expected) in values.iter().zip(expected) {
                check_has(value, expected);
            }
        }
        // As texts: 12 and 12.0 are different.
        (found, expected) => assert_eq!(found.to_string(), expected.to_string()),
    }
}

#[test]
fn numbers_are_those_of_duckdb_to_the_last_digit() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let directory = tests.join("cmd/stats.in/state/billing/telemetry");
    let lines = std::fs::read_to_string(tests.join("duckdb/stats.expected.jsonl")).unwrap();
    for line in lines.lines() {
        let expected: Value = serde_json::from_str(line).unwrap();
        let words = expected["stats"].as_array().unwrap().iter();
        let words: Vec<&str> = words.map(|word| word.as_str().unwrap()).collect();
        let found = document(&directory, &words);
        check_has(&found["breakdown"]["rows"], &expected["rows"]);
    }
}

#[test]
fn a_session_before_a_reset_is_not_without_an_end() {
    let home = super::CommandHome::enabled();
    let recorded = home.localtel().args(["record", "x"]).output().unwrap();
    assert!(recorded.status.success(), "{recorded:?}");
    let line = json!({
        "timestamp": "2026-11-21T08:15:30.000000Z",
        "level": "INFO",
        "source": "myapp",
        "target": "localtel",
        "event": "session",
        "session": "01936f0e-0000-7000-8000-000000000000",
        "seq": 0,
        "properties": {"installation": "01936f0e-0000-7000-8000-00000000000a", "pid": 4_194_303},
    });
    let segment = home.telemetry().join("events.000001.jsonl");
    let mut text = std::fs::read_to_string(&segment).unwrap();
    text.insert_str(0, &(line.to_string() + "\n"));
    std::fs::write(&segment, text).unwrap();
    let overview = &document(&home.telemetry(), &[])["overview"];
    let sessions = &overview["sessions"];
    assert_eq!(
        (&sessions["withdrawn"], &sessions["without_end"]),
        (&json!(1), &json!(0))
    );
}
