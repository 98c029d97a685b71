//! Lines of the real libraries are rewritten as expected, and no line breaks the form of localtel.

use std::path::{Path, PathBuf};

use localtel::Level;
use localtel::read::Record;
use localtel::read::raw::RawRecord;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The files of other loggers, by the format that each has.
const FIXTURES: [(&str, ForeignFormat); 17] = [
    ("tracing.jsonl", ForeignFormat::Tracing),
    ("tracing-span-list.jsonl", ForeignFormat::Tracing),
    ("tracing-current-span.jsonl", ForeignFormat::Tracing),
    ("tracing-flattened.jsonl", ForeignFormat::Tracing),
    ("tracing-flattened-no-spans.jsonl", ForeignFormat::Tracing),
    ("tracing-text.log", ForeignFormat::Text),
    ("tracing-bunyan.jsonl", ForeignFormat::TracingBunyan),
    ("bunyan.jsonl", ForeignFormat::Bunyan),
    ("pino.jsonl", ForeignFormat::Pino),
    ("pino-labels.jsonl", ForeignFormat::Pino),
    ("otlp-js.jsonl", ForeignFormat::Otlp),
    ("otlp-rust.jsonl", ForeignFormat::Otlp),
    ("winston.jsonl", ForeignFormat::Json),
    ("structlog.jsonl", ForeignFormat::Json),
    ("python-json-logger.jsonl", ForeignFormat::Json),
    ("python.log", ForeignFormat::Text),
    ("env-logger.log", ForeignFormat::Text),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/foreign")
        .join(name)
}

fn bytes_of(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the lines of localtel for a file.
fn rewritten(format: ForeignFormat, bytes: &[u8]) -> Vec<String> {
    let mut rewriter = Rewriter::new(format, "file", Timestamp::UNIX_EPOCH);
    let mut lines = Vec::new();
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        let add = |line: &[u8]| lines.push(String::from_utf8(line.to_vec()).unwrap());
        rewriter.rewrite(line, number, add);
    }
    lines
}

/// Returns the records of one line.
fn records_of(format: ForeignFormat, line: &str) -> Vec<Record> {
    let lines = rewritten(format, line.as_bytes()).into_iter();
    lines
        .map(|line| Record::parse(line.as_bytes()).unwrap())
        .collect()
}

/// Returns the one record of a line.
fn record_of(format: ForeignFormat, line: &str) -> Record {
    let mut records = records_of(format, line);
    assert_eq!(records.len(), 1, "{line}");
    records.remove(0)
}

#[test]
fn each_fixture_is_recognised() {
    for (name, format) in FIXTURES {
        let bytes = bytes_of(&fixture(name));
        assert_eq!(recognise(&bytes), Recognised::Foreign(format), "{name}");
    }
}

#[test]
fn each_fixture_gives_the_expected_lines() {
    for (name, format) in FIXTURES {
        let path = fixture(name);
        let lines = rewritten(format, &bytes_of(&path));
        let expected = bytes_of(&path.with_extension("expected.jsonl"));
        let expected = String::from_utf8(expected).unwrap();
        assert_eq!(
            lines.iter().map(String::as_str).collect::<Vec<_>>(),
            expected.lines().collect::<Vec<_>>(),
            "{name}"
        );
    }
}

#[test]
fn every_file_of_the_folder_is_tested() {
    let folder = std::fs::read_dir(fixture("")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.contains(".expected.")).collect();
    names.retain(|name| name != "README.md");
    names.sort_unstable();
    let mut tested = FIXTURES.map(|(name, _)| name);
    tested.sort_unstable();
    assert_eq!(names, tested);
}

#[test]
fn lines_of_localtel_are_never_foreign() {
    let whole = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":0,"properties":{"fields":{},"v":0}}"#;
    let torn = whole.split_at(100).0;
    let text = "damage";
    for lines in [
        vec![whole],
        vec![torn],
        vec![text, whole],
        vec![torn, text, text, text],
        vec!["{\"level\":30,\"time\":1795248930123}", whole],
        vec!["", whole, torn],
    ] {
        let start = lines.join("\n");
        assert_eq!(recognise(start.as_bytes()), Recognised::LocalTel, "{start}");
    }
    let spaced = whole.replace("\":", "\": ");
    assert_eq!(recognise(spaced.as_bytes()), Recognised::LocalTel);
}

#[test]
fn damaged_lines_do_not_change_the_format() {
    let pino = "{\"level\":30,\"time\":1795248930123,\"msg\":\"a\"}";
    let start =
        format!("el\":30,\"msg\":\"a\"}}\nthread panicked\n{{\"a\":1}}\n{pino}\n{pino}\n{{\"lev");
    let format = ForeignFormat::Pino;
    assert_eq!(recognise(start.as_bytes()), Recognised::Foreign(format));
    let records = records_of(format, &start);
    assert_eq!(records.len(), 6);
    assert_eq!(records[1].message.as_deref(), Some("thread panicked"));
    assert_eq!(records[5].message.as_deref(), Some("{\"lev"));
}

#[test]
fn no_lines_or_blank_ones_are_text_without_records() {
    for start in ["", "\n\n", " \r\n\t"] {
        let format = ForeignFormat::Text;
        assert_eq!(recognise(start.as_bytes()), Recognised::Foreign(format));
        assert!(rewritten(format, start.as_bytes()).is_empty());
        assert!(rewritten(ForeignFormat::Otlp, start.as_bytes()).is_empty());
    }
}

#[test]
fn a_line_without_a_time_has_that_of_the_line_before() {
    let lines = "at the start\n2026-11-21T08:15:30Z ERROR failed\n  at show\n";
    let records = records_of(ForeignFormat::Text, lines);
    let times: Vec<_> = records
        .iter()
        .map(|record| record.timestamp.to_string())
        .collect();
    let time = "2026-11-21T08:15:30.000000Z";
    assert_eq!(times, ["1970-01-01T00:00:00.000000Z", time, time]);
}

#[test]
fn a_part_of_a_file_follows_the_time_before_it() {
    let mut rewriter = Rewriter::new(ForeignFormat::Text, "file", Timestamp::UNIX_EPOCH);
    let time = "2026-11-21T08:15:30.000000Z";
    rewriter.follow(time.parse().unwrap());
    rewriter.rewrite(b"  at show", 7, |line| {
        assert_eq!(Record::parse(line).unwrap().timestamp.to_string(), time);
    });
}

#[test]
fn records_are_numbered_as_their_lines() {
    let one = r#"{"body":{"stringValue":"a"}}"#;
    let line = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{one},{one}]}}]}}]}}"#);
    let records = records_of(ForeignFormat::Otlp, &format!("{line}\n\n{line}"));
    let numbers: Vec<_> = records.iter().map(|record| record.seq).collect();
    assert_eq!(numbers, [1, 1, 3, 3]);
}

#[test]
fn no_record_of_others_is_one_of_localtel() {
    for line in [
        r#"{"level":"info","target":"localtel","event":"session.end","msg":"a"}"#,
        r#"{"level":"info","target":"\u006cocaltel","msg":"a"}"#,
        r#"{"level":"info","service":"localtel","msg":"a"}"#,
    ] {
        let record = record_of(ForeignFormat::Json, line);
        assert!(!record.is_own(), "{line}");
        assert_eq!(record.target, "app::localtel");
    }
}

#[test]
fn a_batch_that_holds_no_record_is_shown_as_text() {
    for line in [
        "{\"resourceLogs\":[]}",
        "{\"resourceSpans\":[{\"scopeSpans\":[]}]}",
        "{\"resourceLogs\":[1,{\"scopeLogs\":[{\"logRecords\":[2]}]}]}",
    ] {
        let record = record_of(ForeignFormat::Otlp, line);
        assert_eq!(record.message.as_deref(), Some(line));
    }
}

#[test]
fn what_does_not_fit_a_part_stays_a_property() {
    let line = r#"{"time":5,"level":"mine","msg":{"a":1},"target":7,"ts":"2026-11-21T08:15:30Z","severity":"notice","event":"login","message":"b"}"#;
    let record = record_of(ForeignFormat::Json, line);
    let properties: Vec<_> = record.properties.iter().collect();
    assert_eq!(
        properties,
        [
            ("time", &json!(5)),
            ("level", &json!("mine")),
            ("msg", &json!({"a": 1})),
            ("target", &json!(7)),
            ("severity", &json!("notice")),
        ]
    );
    assert_eq!(record.timestamp.to_string(), "2026-11-21T08:15:30.000000Z");
    assert_eq!(record.event.as_deref(), Some("login"));
    assert_eq!(record.message.as_deref(), Some("b"));
}

#[test]
fn a_key_beside_the_fields_never_replaces_one() {
    let line = r#"{"timestamp":"2026-11-21T08:15:30Z","level":"INFO","fields":{"message":"a","filename":"b"},"target":"t","filename":"src/main.rs","line_number":7}"#;
    let record = record_of(ForeignFormat::Tracing, line);
    let properties: Vec<_> = record.properties.iter().collect();
    assert_eq!(
        properties,
        [
            ("filename", &json!("b")),
            ("log.filename", &json!("src/main.rs")),
            ("line_number", &json!(7)),
        ]
    );
}

#[test]
fn the_lines_of_other_known_loggers_are_read() {
    for (line, level, target, message) in [
        // `slog` of Go, zap, logrus, hclog, Serilog, journald and Docker.
        (
            r#"{"time":"2026-11-21T08:15:30.000000000Z","level":"WARN+1","msg":"a"}"#,
            Level::Warn,
            "file",
            "a",
        ),
        (
            r#"{"level":"dpanic","ts":1795248930.000000,"logger":"net","caller":"a.go:1","msg":"a"}"#,
            Level::Error,
            "net",
            "a",
        ),
        (
            r#"{"level":"warning","msg":"a","time":"2026-11-21T08:15:30Z"}"#,
            Level::Warn,
            "file",
            "a",
        ),
        (
            r#"{"@level":"debug","@message":"a","@module":"core","@timestamp":"2026-11-21T08:15:30.000000Z"}"#,
            Level::Debug,
            "core",
            "a",
        ),
        (
            r#"{"@t":"2026-11-21T08:15:30.0000000Z","@mt":"a {b}","@m":"a 1","@l":"Fatal","SourceContext":"X.Y"}"#,
            Level::Error,
            "X.Y",
            "a 1",
        ),
        (
            r#"{"__REALTIME_TIMESTAMP":"1795248930000000","PRIORITY":"4","MESSAGE":"a","SYSLOG_IDENTIFIER":"cron"}"#,
            Level::Warn,
            "cron",
            "a",
        ),
        (
            r#"{"log":"a\n","stream":"stdout","time":"2026-11-21T08:15:30.000000000Z"}"#,
            Level::Info,
            "file",
            "a",
        ),
    ] {
        assert_eq!(
            recognise(line.as_bytes()),
            Recognised::Foreign(ForeignFormat::Json)
        );
        let record = record_of(ForeignFormat::Json, line);
        let time = record.timestamp.to_string();
        assert_eq!(time, "2026-11-21T08:15:30.000000Z", "{line}");
        assert_eq!((record.level, &*record.target), (level, target), "{line}");
        assert_eq!(record.message.as_deref(), Some(message), "{line}");
    }
}

#[test]
fn pairs_are_read_like_objects() {
    let line = r#"ts=2026-11-21T08:15:30Z level=warn logger=net msg="a b" n=1"#;
    let start = format!("starting\n{line}\n");
    let format = ForeignFormat::Logfmt;
    assert_eq!(recognise(start.as_bytes()), Recognised::Foreign(format));
    let record = record_of(format, line);
    assert_eq!((record.level, &*record.target), (Level::Warn, "net"));
    assert_eq!(record.message.as_deref(), Some("a b"));
    assert_eq!(record.properties.get("n"), Some(&json!(1)));
}

#[test]
fn one_newline_at_the_end_is_removed() {
    for (escaped, message) in [
        ("a\\n", "a"),
        ("a\\n\\n", "a\n"),
        ("a\\\\n", "a\\n"),
        ("a\\\\\\n", "a\\"),
        ("n", "n"),
    ] {
        let record = record_of(ForeignFormat::Json, &format!("{{\"log\":\"{escaped}\"}}"));
        assert_eq!(record.message.as_deref(), Some(message));
    }
}

#[test]
fn colours_are_removed_from_text() {
    let line = "\u{1b}[2m2026-11-21T08:15:30Z\u{1b}[0m \u{1b}[1;32m INFO\u{1b}[0m a \u{1b}[2K b";
    let record = record_of(ForeignFormat::Text, line);
    assert_eq!(record.message.as_deref(), Some("a \u{1b}[2K b"));
    assert_eq!(record.timestamp.to_string(), "2026-11-21T08:15:30.000000Z");
}

#[test]
fn the_first_time_of_a_line_is_found_alone() {
    let line = br#"{"level":30,"time":1795248930123,"msg":"a"}"#;
    let time = ForeignFormat::Pino.time_of(line).unwrap();
    assert_eq!(time.to_string(), "2026-11-21T08:15:30.123000Z");
    assert_eq!(ForeignFormat::Pino.time_of(b"text"), None);
}

#[test]
fn values_of_any_depth_become_lines() {
    for (open, close) in [
        ("[", "]"),
        ("{\"a\":", "}"),
        ("{\"arrayValue\":{\"values\":[", "]}}"),
        (
            "{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":",
            "}]}}",
        ),
    ] {
        for depth in [10, 30, 98, 99, 100, 101, 126, 127, 128, 20_000] {
            let value = open.repeat(depth) + "1" + &close.repeat(depth);
            let attribute = format!("[{{\"key\":\"a\",\"value\":{value}}}]");
            for line in [
                format!("{{\"level\":\"INFO\",\"fields\":{{\"a\":{value}}},\"a\":{value}}}"),
                format!("{{\"level\":\"INFO\",\"spans\":[{{\"name\":\"a\",\"a\":{value}}}]}}"),
                format!(
                    "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{value},\"attributes\":{attribute}}}]}}]}}]}}"
                ),
            ] {
                for format in [ForeignFormat::Tracing, ForeignFormat::Otlp] {
                    is_in_our_form(format, line.as_bytes()).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_line_with_very_many_keys_is_read_in_time() {
    let many = |prefix: &str| {
        let members = (0..60_000).map(|number| format!("\"{prefix}{number}\":1"));
        members.collect::<Vec<_>>().join(",")
    };
    let line = format!(
        "{{\"level\":\"INFO\",\"fields\":{{{}}},{}}}",
        many("a"),
        many("a")
    );
    let started = std::time::Instant::now();
    let record = record_of(ForeignFormat::Tracing, &line);
    assert_eq!(record.properties.len(), 120_000);
    assert!(started.elapsed() < std::time::Duration::from_mins(1));
}

/// Any format.
fn format() -> impl Strategy<Value = ForeignFormat> {
    prop::sample::select(vec![
        ForeignFormat::Tracing,
        ForeignFormat::TracingBunyan,
        ForeignFormat::Bunyan,
        ForeignFormat::Pino,
        ForeignFormat::Otlp,
        ForeignFormat::Json,
        ForeignFormat::Logfmt,
        ForeignFormat::Text,
    ])
}

/// Any JSON value, mostly one of those that the formats know.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2026-11-21T08:15:30Z")),
        Just(json!("INFO")),
        Just(json!("[X - END]")),
        Just(json!(30)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..5).prop_map(Value::from_iter),
        ]
    })
}

/// Any key, mostly one of those that the formats know.
fn key() -> impl Strategy<Value = String> {
    let known = [
        "timestamp",
        "level",
        "fields",
        "message",
        "target",
        "span",
        "spans",
        "name",
        "v",
        "time",
        "msg",
        "levelname",
        "event",
        "@mt",
        "PRIORITY",
        "resourceLogs",
        "resource",
        "attributes",
        "scopeLogs",
        "scope",
        "logRecords",
        "key",
        "value",
        "values",
        "arrayValue",
        "kvlistValue",
        "stringValue",
        "intValue",
        "body",
        "timeUnixNano",
        "severityNumber",
        "severityText",
    ];
    let known = known.map(str::to_owned).to_vec();
    prop_oneof![4 => prop::sample::select(known), 1 => ".{0,8}"]
}

/// Fails unless each rewritten line is in localtel's form.
fn is_in_our_form(format: ForeignFormat, bytes: &[u8]) -> Result<usize, TestCaseError> {
    let lines = rewritten(format, bytes);
    for line in &lines {
        let record = Record::parse(line.as_bytes());
        prop_assert!(record.is_ok(), "{line}: {record:?}");
        prop_assert!(RawRecord::at(line.as_bytes()).is_some(), "{line}");
        prop_assert!(!record.unwrap().is_own());
    }
    Ok(lines.len())
}

proptest! {
    #[test]
    fn any_object_becomes_a_line_of_localtel(
        format in format(),
        members in prop::collection::vec((key(), value()), 0..8),
        space in "[ \\t]?",
    ) {
        // Not as a map: a key may be repeated.
        let members = members.iter().map(|(key, value)| format!("{space}{}{space}:{value}", json!(key)));
        let line = format!("{{{}{space}}}", members.collect::<Vec<_>>().join(","));
        prop_assert!(is_in_our_form(format, line.as_bytes())? > 0);
        let _recognised = recognise(line.as_bytes());
        let _time = format.time_of(line.as_bytes());
    }

    #[test]
    fn any_bytes_become_lines_of_localtel(
        format in format(),
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\":,\\ud8-1e.\n".to_vec())],
            0..60,
        ),
    ) {
        is_in_our_form(format, &bytes)?;
        is_in_our_form(format, &[b"{\"a\":", &bytes[..], b"}"].concat())?;
        let _recognised = recognise(&bytes);
    }

    /// Lines of the real libraries too, wherever they are cut.
    #[test]
    fn any_cut_of_a_fixture_becomes_lines_of_localtel(
        which in 0..FIXTURES.len(),
        cut in any::<prop::sample::Index>(),
        format in format(),
    ) {
        let bytes = bytes_of(&fixture(FIXTURES[which].0));
        let (start, end) = bytes.split_at(cut.index(bytes.len()));
        is_in_our_form(format, start)?;
        is_in_our_form(format, end)?;
    }

    #[test]
    fn a_hostile_text_stays_in_its_place(text in ".{0,20}|[\"\\\\{},:\u{0}-\u{1f}u0d]{0,20}") {
        let is_part = ["level", "time", "msg", "name", "target"].contains(&&*text);
        prop_assume!(!is_part);
        let line = json!({"level": 30, "time": 1_795_248_930_123_u64, "msg": text, "name": text, &text: text});
        let record = record_of(ForeignFormat::Pino, &line.to_string());
        let message = text.strip_suffix('\n').unwrap_or(&text);
        prop_assert_eq!(record.message.unwrap_or_default(), message);
        prop_assert_eq!(record.level, Level::Info);
        prop_assert_eq!(record.seq, 1);
        prop_assert_eq!(record.properties.get(&text), Some(&json!(text)));
        if !text.is_empty() {
            prop_assert_eq!(&record.source, &text);
        }
    }

    #[test]
    fn a_text_line_is_its_own_message(text in "[a-z\"\\\\{}\u{0}-\u{8}é][^\r\n\u{1b}]{0,30}[a-z}]") {
        let record = record_of(ForeignFormat::Text, &text);
        prop_assert_eq!(record.message.unwrap_or_default(), text);
    }
}
