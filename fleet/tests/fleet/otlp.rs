//! The files of OTLP logs: their form, values, and later runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use localtel::serde_json::{self, Value, json};

use crate::made_tree::{MadeSession, MadeTree, files_below};

/// Returns the files of OTLP logs, in order.
fn otlp_files(out: &Path) -> Vec<String> {
    let files = files_below(out).into_iter();
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    files.map(|path| path.display().to_string()).collect()
}

/// A record, and the attributes of its resource and its scope.
struct ReadRecord {
    resource: BTreeMap<String, Value>,
    scope: Value,
    record: Value,
    attributes: BTreeMap<String, Value>,
}

/// Reads all records, and checks each line.
fn read(out: &Path) -> Vec<ReadRecord> {
    let mut records = Vec::new();
    for file in otlp_files(out) {
        let text = fs::read_to_string(out.join(file)).unwrap();
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            assert!(line.len() < 1 << 20, "{}", line.len());
            let parsed: Value = serde_json::from_str(line).unwrap();
            check(&parsed);
            for resource in parsed["resourceLogs"].as_array().unwrap() {
                for scope in resource["scopeLogs"].as_array().unwrap() {
                    for record in scope["logRecords"].as_array().unwrap() {
                        records.push(ReadRecord {
                            resource: attributes(&resource["resource"]),
                            scope: scope["scope"]["name"].clone(),
                            record: record.clone(),
                            attributes: attributes(record),
                        });
                    }
                }
            }
        }
    }
    records
}

fn attributes(object: &Value) -> BTreeMap<String, Value> {
    let list = object["attributes"].as_array().unwrap();
    let pairs = list.iter().map(|pair| {
        (
            pair["key"].as_str().unwrap().to_owned(),
            pair["value"].clone(),
        )
    });
    let found: BTreeMap<String, Value> = pairs.collect();
    assert_eq!(found.len(), list.len(), "a name is there twice: {list:?}");
    found
}

/// Checks what strict readers demand: 64-bit integers are texts, each value has a kind.
fn check(value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    "intValue" | "timeUnixNano" => {
                        let text = value.as_str().unwrap();
                        assert!(text.parse::<i128>().is_ok(), "{text}");
                    }
                    "severityNumber" => assert!(value.is_u64()),
                    "doubleValue" => assert!(value.is_number()),
                    "value" => assert_eq!(value.as_object().unwrap().len(), 1, "{value}"),
                    "values" => {
                        let is_kind = |value: &Value| {
                            value
                                .as_object()
                                .unwrap()
                                .keys()
                                .all(|key| key.ends_with("Value"))
                        };
                        let is_pair = |value: &Value| value.get("key").is_some();
                        let mut values = value.as_array().unwrap().iter();
                        assert!(values.all(|value| is_pair(value) || is_kind(value)));
                    }
                    _ => assert!(!name.starts_with("trace") && !name.starts_with("span")),
                }
                check(value);
            }
        }
        Value::Array(list) => list.iter().for_each(check),
        other => assert!(!other.is_null()),
    }
}

#[test]
fn a_record_is_mapped_as_documented() {
    let made = MadeTree::new();
    let mut session = MadeSession::new(1);
    let start = r#"{"timestamp":"2026-11-21T08:00:00.000000Z","level":"INFO","source":"shop","target":"localtel","event":"session","session":"ID","seq":0,"properties":{"installation":"0196","format":1,"version":"1.2.0"}}"#;
    let start = start.replace("ID", &session.id);
    let _first = session.line("", "");
    let rest = r#""properties":{"a":1,"b":null,"c":{"d":[true,1.5]},"big":18446744073709551615},"spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]"#;
    let line = session.line("2026-11-21T08:15:30.123456Z", rest);
    made.write(
        &made.segment("web_x20one", "shop", 7),
        format!("{start}\n{line}\n"),
    );
    made.run("otlp", "out", &[]);
    let out = made.path("out");
    let expected = "host=web_x20one/app=shop/profile=default/log=01936f0e-0000-7000-8000-000000000000/events.000007.000000000000.jsonl";
    assert_eq!(otlp_files(&out), [expected]);
    let records = read(&out);
    assert_eq!(records.len(), 2);
    let found = records
        .iter()
        .find(|found| found.scope == "shop::cart")
        .unwrap();
    let text = |text: &str| json!({ "stringValue": text });
    for (name, value) in [
        ("service.name", "shop"),
        ("service.version", "1.2.0"),
        ("service.instance.id", session.id.as_str()),
        ("host.id", "0196"),
        ("host.name", "web one"),
        ("localtel.profile", "default"),
    ] {
        assert_eq!(found.resource[name], text(value), "{name}");
    }
    let mut record = found.record.clone();
    record.as_object_mut().unwrap().remove("attributes");
    let expected = json!({
        "timeUnixNano": "1795248930123456000",
        "severityNumber": 9,
        "severityText": "INFO",
        "eventName": "sale",
        "body": {"stringValue": "sold"},
    });
    assert_eq!(record, expected);
    let spans = r#"{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"name","value":{"stringValue":"request"}},{"key":"properties","value":{"kvlistValue":{"values":[{"key":"id","value":{"intValue":"7"}}]}}}]}},{"kvlistValue":{"values":[{"key":"name","value":{"stringValue":"inner"}}]}}]}}"#;
    let list = json!({"arrayValue": {"values": [{"boolValue": true}, {"doubleValue": 1.5}]}});
    let expected: BTreeMap<String, Value> = [
        ("a", json!({"intValue": "1"})),
        ("big", text("18446744073709551615")),
        (
            "c",
            json!({"kvlistValue": {"values": [{"key": "d", "value": list}]}}),
        ),
        (
            "localtel.offset",
            json!({"intValue": (start.len() + 1).to_string()}),
        ),
        ("localtel.segment", json!({"intValue": "7"})),
        ("localtel.seq", json!({"intValue": "1"})),
        ("localtel.spans", serde_json::from_str(spans).unwrap()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    assert_eq!(found.attributes, expected);
}

#[test]
fn the_only_record_of_a_session_has_its_facts() {
    let made = MadeTree::new();
    let line = MadeSession::new(1).line(
        "2026-11-21T08:15:30.123456Z",
        r#""once":{"installation":"0196","version":"3"}"#,
    );
    made.write(&made.segment("a", "shop", 1), line + "\n");
    made.run("otlp", "out", &[]);
    let found = read(&made.path("out"));
    assert_eq!(found[0].resource["host.id"], json!({"stringValue": "0196"}));
    assert_eq!(
        found[0].resource["service.version"],
        json!({"stringValue": "3"})
    );
}

#[test]
fn no_record_makes_a_line_of_a_megabyte() {
    let made = MadeTree::new();
    let mut session = MadeSession::new(1);
    let numbers = vec!["1"; 200_000].join(",");
    let controls = r"\u0001".repeat(160_000);
    let hostile = [
        format!(r#""properties":{{"n":[{numbers}],"after":1}}"#),
        format!(r#""properties":{{"a":"{controls}","b":1,"localtel.seq":7}}"#),
        format!(r#""spans":[{{"name":"{controls}"}}]"#),
        format!(
            r#""properties":{{{}}}"#,
            (0..60_000)
                .map(|n| format!(r#""k{n}":1"#))
                .collect::<Vec<_>>()
                .join(",")
        ),
        r#""properties":{"a":1}"#.to_owned(),
    ];
    let long = "x".repeat(700_000);
    let mut lines: Vec<String> = hostile
        .iter()
        .map(|rest| session.line("2026-11-21T08:15:30.123456Z", rest))
        .collect();
    for (part, with) in [
        ("sold", &long),
        ("shop::cart", &controls),
        ("sale", &controls),
    ] {
        lines.push(
            session
                .line("0001-11-21T08:15:30.123456Z", "")
                .replace(part, with),
        );
    }
    made.write(&made.segment("a", "shop", 1), lines.join("\n") + "\n");
    made.run("otlp", "out", &[]);
    let records = read(&made.path("out"));
    assert_eq!(records.len(), lines.len());
    let of = |seq: usize| {
        let wanted = json!({"intValue": seq.to_string()});
        records
            .iter()
            .find(|found| found.attributes["localtel.seq"] == wanted)
            .unwrap()
    };
    assert_eq!(of(0).attributes["after"], json!({"intValue": "1"}));
    assert_eq!(of(1).record["droppedAttributesCount"], 2);
    assert_eq!(of(1).attributes["b"], json!({"intValue": "1"}));
    assert!(!of(2).attributes.contains_key("localtel.spans"));
    assert!(of(3).record["droppedAttributesCount"].as_u64().unwrap() > 1000);
    let time = &of(5).attributes["localtel.timestamp"];
    assert_eq!(*time, json!({"stringValue": "0001-11-21T08:15:30.123456Z"}));
}

#[test]
fn only_what_is_new_is_written_and_into_new_files() {
    let made = MadeTree::new();
    let mut session = MadeSession::new(1);
    let path = made.segment("a", "shop", 1);
    let first = session.lines("2026-11-21", 40);
    made.write(&path, &first);
    made.run("otlp", "out", &[]);
    let out = made.path("out");
    assert_eq!(read(&out).len(), 40);
    // A collector has read them.
    for file in otlp_files(&out) {
        fs::remove_file(out.join(file)).unwrap();
    }
    let printed = made.run("otlp", "out", &[]);
    assert!(printed.contains("wrote 0 files of 0 records"), "{printed}");
    made.write(&path, first + &session.lines("2026-11-22", 2));
    made.run("otlp", "out", &[]);
    let found = read(&out);
    let seqs: Vec<&Value> = found
        .iter()
        .map(|found| &found.attributes["localtel.seq"])
        .collect();
    assert_eq!(
        seqs,
        [&json!({"intValue": "40"}), &json!({"intValue": "41"})]
    );
}

#[test]
fn a_segment_with_other_contents_is_written_again() {
    let made = MadeTree::new();
    let path = made.segment("a", "shop", 1);
    made.write(&path, MadeSession::new(1).lines("2026-11-21", 4));
    made.run("otlp", "out", &[]);
    made.write(&path, MadeSession::new(2).lines("2026-11-21", 6));
    let printed = made.run("otlp", "out", &[]);
    assert!(
        printed.contains("written again, since they changed: 1 segment\n"),
        "{printed}"
    );
    assert_eq!(read(&made.path("out")).len(), 6);
}

#[test]
fn a_single_directory_is_written_too() {
    let made = MadeTree::new();
    let path = made.segment("a", "shop", 1);
    made.write(&path, MadeSession::new(1).lines("2026-11-21", 4));
    let mut program = Command::new(env!("CARGO_BIN_EXE_localtel-fleet"));
    program.arg("otlp").arg(path.parent().unwrap());
    let output = program.arg(made.path("out")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let out = made.path("out");
    assert_eq!(otlp_files(&out), ["events.000001.000000000000.jsonl"]);
    let found = read(&out);
    assert_eq!(found.len(), 4);
    assert!(!found[0].resource.contains_key("host.name"));
}
