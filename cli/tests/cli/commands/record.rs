//! `record` records the events that scripts pass to it, and reports those that it does not record.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Output, Stdio};

use localtel::Level;
use serde_json::json;

use super::{CommandHome, err, out};
use crate::support::eventually;

#[test]
fn a_record_from_a_script_has_the_values_that_were_typed() {
    let home = CommandHome::enabled();
    let file = home.path().join("note.txt");
    std::fs::write(&file, "two\nlines").unwrap();
    let output = home
        .localtel()
        .args(["record", "deploy", "-l", "warn", "-m", "went out"])
        .args(["version=1.2.0", "duration=871", "ok=true", "hosts:=[\"a\"]"])
        .args(["--file", &format!("note={}", file.display())])
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
    let home = CommandHome::enabled();
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
        let once = &line["once"];
        assert_eq!(
            (&once["format"], &once["resumed"]),
            (&json!(1), &json!(false))
        );
        assert_eq!(once["installation"].as_str().unwrap().len(), 36);
        assert!(once["localtel"].is_string() && once["pid"].is_u64());
    }
    // Each session counts as ended.
    let status = home.localtel().args(["status", "--json"]).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let sessions = &status["storage"]["sessions"];
    let counts = (&sessions["count"], &sessions["without_end"]);
    assert_eq!(counts, (&json!(3), &json!(0)), "{status}");
    assert_eq!(
        home.localtel()
            .args(["doctor", "--full-at", "100"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(0)
    );
}

/// Starts `record -`, and returns it with the pipe to its stdin.
fn record_from_pipe(home: &CommandHome) -> (Child, ChildStdin) {
    let mut child = home
        .localtel()
        .args(["record", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take().unwrap();
    (child, input)
}

#[test]
fn events_from_stdin_are_between_session_and_session_end() {
    let home = CommandHome::enabled();
    let (mut child, mut input) = record_from_pipe(&home);
    input.write_all(b"{\"event\":\"e\"}\n").unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    let lines = crate::support::lines_in(&home.telemetry());
    assert_eq!(lines.len(), 3, "{lines:#?}");
}

/// Runs `record -` with a stream as its stdin.
fn record_stream(home: &CommandHome, stream: &[u8]) -> Output {
    let mut child = home
        .localtel()
        .args(["record", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stream).unwrap();
    child.wait_with_output().unwrap()
}

fn numbers(home: &CommandHome) -> Vec<u64> {
    let records = home.records("e");
    let number = |record: &localtel::read::Record| record.properties.get("n")?.as_u64();
    records.iter().filter_map(number).collect()
}

#[test]
fn a_bad_line_is_named_and_the_others_are_recorded() {
    let home = CommandHome::enabled();
    let output = record_stream(
        &home,
        b"{\"event\":\"e\",\"n\":1}\nnonsense\n\n{\"event\":\"e\",\"n\":2}\n{\"n\":3}",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("line 2 was not recorded"),
        "{}",
        err(&output)
    );
    assert!(err(&output).contains("line 5 was not recorded: it has no `event`"));
    assert_eq!(numbers(&home), [1, 2]);
}

#[test]
fn json_is_recorded_in_any_layout() {
    for stream in [
        "{\n  \"event\": \"e\",\n  \"n\": 1\n}\n{\n  \"event\": \"e\",\n  \"n\": 2\n}\n",
        "{\"event\":\"e\",\"n\":1} {\"event\":\"e\",\"n\":2}",
        "[{\"event\":\"e\",\"n\":1},\r\n{\"event\":\"e\",\"n\":2}]\r\n",
        "\u{feff}{\"event\":\"e\",\"n\":1}\n{\"event\":\"e\",\"n\":2}",
    ] {
        let home = CommandHome::enabled();
        let output = record_stream(&home, stream.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{stream:?}: {output:?}");
        assert_eq!(err(&output), "", "{stream:?}");
        assert_eq!(numbers(&home), [1, 2], "{stream:?}");
    }
}

#[test]
fn an_object_is_recorded_while_the_pipe_stays_open() {
    let home = CommandHome::enabled();
    let (mut child, mut input) = record_from_pipe(&home);
    for number in 1..=3_u64 {
        write!(input, "{{\n\"event\":\"e\",\"n\":{number}}}").unwrap();
        eventually("the record", || {
            numbers(&home) == (1..=number).collect::<Vec<_>>()
        });
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn many_unreadable_lines_are_counted_but_not_all_reported() {
    let home = CommandHome::enabled();
    let stream = "garbage\n".repeat(5000) + "{\"event\":\"e\",\"n\":1}\n";
    let output = record_stream(&home, stream.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).lines().count() < 30, "{}", err(&output));
    assert!(err(&output).contains("4980 more were not recorded"));
    assert_eq!(numbers(&home), [1]);
}

#[test]
fn objects_are_recorded_with_stderr_closed() {
    let home = CommandHome::enabled();
    let mut child = home
        .localtel()
        .args(["record", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"bad\nbad\n{\"event\":\"e\",\"n\":1}\n")
        .unwrap();
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(numbers(&home), [1]);
}

#[test]
fn records_before_binary_input_are_kept() {
    let home = CommandHome::enabled();
    let mut stream = b"{\"event\":\"e\",\"n\":1}\n".to_vec();
    stream.resize(3 << 20, 0);
    let mut child = home
        .localtel()
        .args(["record", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The command ends before it has read all input.
    drop(child.stdin.take().unwrap().write_all(&stream));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(err(&output).contains("it is not text"), "{}", err(&output));
    assert_eq!(numbers(&home), [1]);
}

#[test]
fn keys_keep_their_order_and_numbers_their_digits() {
    let home = CommandHome::enabled();
    let properties =
        r#"{"z":{"y":1,"b":[{"x":1,"c":2}]},"n":18446744073709551616,"a":-9223372036854775809}"#;
    let stream = properties.replacen('{', "{\"event\":\"e\",", 1);
    assert!(record_stream(&home, stream.as_bytes()).status.success());
    let typed = ["record", "e", "z:={\"y\":1,\"b\":[{\"x\":1,\"c\":2}]}"];
    let numbers = ["n:=18446744073709551616", "a:=-9223372036854775809"];
    let output = home.localtel().args(typed).args(numbers).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let expected = properties
        .replace("18446744073709551616", "\"18446744073709551616\"")
        .replace("-9223372036854775809", "\"-9223372036854775809\"");
    let lines = crate::support::lines_in(&home.telemetry());
    let found = lines.iter().filter(|line| line.contains(&expected));
    assert_eq!(found.count(), 2, "{lines:#?}");
}

#[test]
fn no_value_is_read_as_the_name_of_a_file() {
    let home = CommandHome::enabled();
    let secret = home.path().join("secret");
    std::fs::write(&secret, "hunter2").unwrap();
    let name = format!("@{}", secret.display());
    let output = home
        .localtel()
        .args(["record", "e", &format!("user={name}"), "other=@anna"])
        .args(["--text", "like=5"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let records = home.records("e");
    let value = |key: &str| records[0].properties.get(key).cloned();
    assert_eq!(value("user"), Some(json!(name)));
    assert_eq!(value("other"), Some(json!("@anna")));
    assert_eq!(value("like"), Some(json!("5")));
}

#[test]
fn an_endless_device_is_read_up_to_a_limit() {
    let home = CommandHome::enabled();
    let output = home
        .localtel()
        .args(["record", "e", "--file", "big=/dev/zero"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = "/dev/zero is longer than 1048576 bytes";
    assert!(err(&output).contains(expected), "{}", err(&output));
    assert!(home.records("e").is_empty());
}

#[test]
fn a_text_may_begin_with_a_hyphen_and_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = CommandHome::enabled();
    let output = home
        .localtel()
        .args(["record", "e", "-m", "--text", "--text", "-k=-v"])
        .arg(std::ffi::OsStr::from_bytes(b"name=caf\xe9"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let records = home.records("e");
    assert_eq!(records[0].message.as_deref(), Some("--text"));
    assert_eq!(records[0].properties.get("-k"), Some(&json!("-v")));
    assert_eq!(
        records[0].properties.get("name"),
        Some(&json!("caf\u{fffd}"))
    );
}

#[test]
fn typed_numbers_are_shown_as_typed_and_compared_by_value() {
    let home = CommandHome::enabled();
    let typed = [
        "1.10",
        "0.10",
        "1e5",
        "+5",
        "0123",
        "0x10",
        "NaN",
        "1_000",
        "7",
        "2.5",
        "340282366920938463463374607431768211455",
    ];
    for seconds in typed {
        let word = format!("seconds={seconds}");
        let output = home
            .localtel()
            .args(["record", "perf", &word])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let show = |condition: &str| {
        let output = home.localtel().args(["show", condition]).output().unwrap();
        let shown: Vec<String> = out(&output)
            .lines()
            .filter_map(|line| Some(line.split_once("seconds=")?.1.to_owned()))
            .collect();
        (shown, err(&output))
    };
    let (shown, printed) = show("event=perf");
    assert_eq!(
        (shown, printed.as_str()),
        (typed.map(str::to_owned).to_vec(), "")
    );
    let (shown, printed) = show("seconds>=1");
    assert_eq!(shown, ["1.10", "1e5", "+5", "0123", "7", "2.5", typed[10]]);
    assert_eq!(
        printed,
        "skipped 3 records in which `seconds` is not a number\n"
    );
    assert_eq!(show("seconds=0.1").0, ["0.10"]);
    assert_eq!(
        show("seconds>340282366920938463463374607431768211454").0,
        [typed[10]]
    );
    assert_eq!(
        show("seconds!=340282366920938463463374607431768211456")
            .0
            .len(),
        11
    );
}

#[test]
fn levels_of_other_loggers_are_accepted() {
    let home = CommandHome::enabled();
    let stream =
        r#"{"event":"e","level":60}{"event":"e","level":"notice"}{"event":"e","level":"CRITICAL"}"#;
    let output = record_stream(&home, stream.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for level in ["fatal", "30", "emerg"] {
        let output = home
            .localtel()
            .args(["record", "e", "-l", level])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let levels: Vec<_> = home
        .records("e")
        .iter()
        .map(|record| record.level)
        .collect();
    let (info, error) = (Level::Info, Level::Error);
    assert_eq!(levels, [error, info, error, error, info, error]);
}

#[test]
fn a_refused_record_is_reported_and_fails_only_with_strict() {
    let home = CommandHome::new();
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
fn withdrawn_consent_is_reported_with_the_count_of_the_session() {
    let home = CommandHome::enabled();
    let (child, mut input) = record_from_pipe(&home);
    let mut offer = || {
        input.write_all(b"{\"event\":\"e\"}\n").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        home.records("e").len()
    };
    while offer() == 0 {}
    let choose = |choice| assert!(home.localtel().arg(choice).status().unwrap().success());
    choose("disable");
    // It applies within a second.
    let recorded = (0..30).map(|_| offer()).last().unwrap();
    choose("enable");
    while offer() == recorded {}
    drop(input);
    let output = child.wait_with_output().unwrap();
    let printed = err(&output);
    let end = home.records("session.end").pop().unwrap();
    let refused = end.properties.get("refused").unwrap();
    let expected = format!(
        "localtel: not recorded: {refused} events, because recording was not allowed for a time\n"
    );
    assert!(
        printed.starts_with(&expected) && !printed.contains("policy"),
        "{printed}"
    );
}

#[test]
fn record_under_a_damaged_policy_names_the_next_step() {
    let home = CommandHome::enabled();
    std::fs::write(home.telemetry().join("policy.toml"), "level = 5").unwrap();
    let output = home.localtel().args(["record", "e"]).output().unwrap();
    let printed = err(&output);
    let file = home.telemetry().join("policy.toml");
    let step = format!("\nhint: fix or remove {}; ", file.display());
    assert!(printed.contains(&step), "{printed}");
}

#[test]
fn an_argument_that_is_not_a_property_records_nothing() {
    let home = CommandHome::enabled();
    let output = home
        .localtel()
        .args(["record", "e", "nonsense"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("\nhint: "), "{}", err(&output));
    assert!(home.records("e").is_empty());
}
