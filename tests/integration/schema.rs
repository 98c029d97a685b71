//! The JSON Schema of a line of format 1: it is a valid schema, accepts all valid lines, and
//! refuses invalid ones. `support` checks every line that the tests write against it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{is_segment, line_error, line_schema};

/// A line with all keys.
const FULL: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"myapp","target":"myapp::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":1,"properties":{"command":"project-list","duration":871},"spans":[{"name":"request","properties":{"id":7}},{"name":"bare"}]}"#;

/// Returns an internal record with these properties.
fn own(event: &str, level: &str, properties: &Value) -> Value {
    json!({
        "timestamp": "2026-11-21T08:15:30.123456Z", "level": level, "source": "myapp",
        "target": "localtel", "event": event,
        "session": "01936f0e-0000-7000-8000-000000000000", "seq": 0, "properties": properties,
    })
}

fn session() -> Value {
    own(
        "session",
        "INFO",
        &json!({
            "installation": "01936f0e-0000-4000-8000-000000000000", "format": 1, "version": "1.2.0",
            "localtel": "0.1.0", "pid": 4242, "os": "linux", "arch": "x86_64", "resumed": false,
        }),
    )
}

/// Changes the value at a JSON pointer; `None` removes it.
fn changed(line: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut line = line.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = line.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(key.to_owned(), value)),
        None => assert!(parent.remove(key).is_some(), "{pointer}"),
    }
    line
}

#[track_caller]
fn refuses(line: &Value, pointer: &str, value: Option<Value>) {
    let wrong = changed(line, pointer, value);
    let now = wrong.pointer(pointer);
    assert!(!line_schema().is_valid(&wrong), "{pointer} may be {now:?}");
}

#[track_caller]
fn takes(line: &Value, pointer: &str, value: Option<Value>) {
    let right = changed(line, pointer, value);
    if let Err(error) = line_schema().validate(&right) {
        panic!("{pointer} as {:?}: {error}", right.pointer(pointer));
    }
}

#[test]
fn the_schema_of_a_line_is_a_json_schema() {
    let schema: Value = serde_json::from_str(crate::support::LINE_SCHEMA).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

#[test]
fn only_optional_keys_may_be_missing() {
    assert_eq!(line_error(FULL), None);
    let line: Value = serde_json::from_str(FULL).unwrap();
    for key in ["event", "message", "properties", "spans"] {
        takes(&line, &format!("/{key}"), None);
    }
    takes(&line, "/spans_left_out", Some(json!(36)));
    for wrong in [json!(0), json!(-1), json!("36"), json!([]), Value::Null] {
        refuses(&line, "/spans_left_out", Some(wrong));
    }
    for key in ["timestamp", "level", "source", "target", "session", "seq"] {
        refuses(&line, &format!("/{key}"), None);
    }
    for key in ["event", "message", "properties", "spans"] {
        refuses(&line, &format!("/{key}"), Some(Value::Null));
    }
}

#[test]
fn a_line_that_is_wrong_in_one_place_is_refused() {
    let line: Value = serde_json::from_str(FULL).unwrap();
    for (pointer, values) in [
        (
            "/timestamp",
            json!([
                1,
                "2026-11-21T08:15:30Z",
                "2026-11-21T08:15:30.123Z",
                "2026-11-21T08:15:30.1234567Z",
                "2026-11-21 08:15:30.123456Z",
                "2026-11-21T08:15:30.123456z",
                "2026-13-21T08:15:30.123456Z",
                "2026-11-32T08:15:30.123456Z",
                "2026-11-21T24:15:30.123456Z",
                "2026-11-21T08:15:60.123456Z",
                "2026-11-21T08:15:30.123456+00:00",
                "2026-11-21T08:15:30.123456Z\n"
            ]),
        ),
        ("/level", json!(["info", "FATAL", "", 3])),
        (
            "/source",
            json!(["", "a/b", ".hidden", "ä", "x".repeat(65), 1]),
        ),
        ("/target", json!([1, "x".repeat(258)])),
        ("/event", json!([1, true, "x".repeat(258)])),
        ("/message", json!([1, ["m"]])),
        (
            "/session",
            json!([
                "",
                "01936F0E-0000-7000-8000-000000000000",
                "01936f0e-0000-4000-8000-000000000000",
                "01936f0e-0000-7000-c000-000000000000",
                "01936f0e00007000800000000000000",
                7
            ]),
        ),
        ("/seq", json!([-1, 0.5, "1", 18_446_744_073_709_551_616.0])),
        ("/properties", json!([{}, [], "p"])),
        ("/properties", json!([{"x".repeat(258): 1}])),
        ("/spans", json!([[], {}, ["request"], [{}], [{"name": 1}]])),
        ("/spans", json!([[{"name": "s", "properties": {}}]])),
        ("/spans", json!([[{"name": "s", "id": 1}]])),
        ("/extra", json!([1, null])),
    ] {
        for value in values.as_array().unwrap() {
            refuses(&line, pointer, Some(value.clone()));
        }
    }
}

#[test]
fn a_property_may_have_any_value() {
    let line: Value = serde_json::from_str(FULL).unwrap();
    for value in [
        json!(null),
        json!(true),
        json!(-0.5),
        json!("…"),
        json!([{"a": [null]}]),
    ] {
        takes(&line, "/properties/command", Some(value.clone()));
        takes(&line, "/spans/0/properties/id", Some(value));
    }
    takes(&line, "/seq", Some(json!(u64::MAX)));
    takes(&line, "/event", Some(json!("session")));
    // The events of internal records are a closed list.
    let other = changed(&line, "/event", Some(json!("retry")));
    refuses(&other, "/target", Some(json!("localtel")));
}

#[test]
fn internal_records_have_their_properties_and_no_others() {
    let count = json!({"recorded": 1, "dropped": 0, "refused": 0, "failed": 0});
    let lost = json!({"count": 1, "reason": "no room"});
    let allowed = json!({"state": "enabled", "decided_by": "the stored choice"});
    let updated = changed(&session(), "/properties/update", Some(json!("1.3.0")));
    let time = json!("2026-11-21T08:15:30.123456Z");
    let timed = changed(&session(), "/properties/latest", Some(time));
    refuses(
        &timed,
        "/properties/latest",
        Some(json!("2026-11-21T08:15:30Z")),
    );
    let counted = json!({
        "recorded": 1, "dropped": 0, "refused": 0, "failed": 0,
        "counters": {"queries": [{"command": "find", "count": 12}]}, "errors": {"40001": 1},
        "omitted": {"counters": 3},
    });
    let all = [
        (session(), &["installation", "version"] as &[&str]),
        (updated, &["installation", "version", "update"]),
        (timed, &["installation", "version", "latest"]),
        (own("session.end", "INFO", &count), &[]),
        (
            own("session.end", "INFO", &counted),
            &["counters", "errors", "omitted"],
        ),
        (own("dropped", "WARN", &lost), &[]),
        (own("consent", "INFO", &allowed), &[]),
    ];
    for (line, optional) in all {
        line_schema().validate(&line).unwrap();
        for key in line["properties"].as_object().unwrap().keys() {
            let pointer = format!("/properties/{key}");
            if optional.contains(&key.as_str()) {
                takes(&line, &pointer, None);
            } else {
                refuses(&line, &pointer, None);
            }
            refuses(&line, &pointer, Some(json!([])));
        }
        refuses(&line, "/properties/extra", Some(json!(1)));
        refuses(&line, "/properties", None);
        refuses(&line, "/event", None);
        refuses(&line, "/event", Some(json!("unheard.of")));
        refuses(&line, "/level", Some(json!("ERROR")));
        refuses(&line, "/message", Some(json!("m")));
        refuses(&line, "/spans", Some(json!([{"name": "s"}])));
    }
    refuses(&session(), "/properties/format", Some(json!(2)));
    refuses(
        &own("dropped", "WARN", &lost),
        "/properties/count",
        Some(json!(0)),
    );
}

/// Returns a report with all properties.
fn report() -> Value {
    let time = "2026-11-21T08:15:30.123456Z";
    own(
        "report",
        "INFO",
        &json!({
            "installation": "01936f0e-0000-4000-8000-000000000000",
            "installed": time, "started": time, "uptime": 5,
            "uuid": "u", "exported_uuid": "u", "install_timestamp": "2026",
            "application": {
                "name": "myapp", "version": "1.2.0", "commit": "0c4a5e5", "branch": "main",
                "dirty": false, "debug": true, "installer": "docker", "build": {"go": "1.25"},
            },
            "os": {
                "family": "linux", "distribution": "debian", "name": "Debian", "version": "12",
                "release": "12", "pretty_name": "Debian 12", "kernel": "6.1", "arch": "x86_64",
                "pointer_width": 64,
            },
            "environment": {"container": "docker", "virtual_machine": "kvm"},
            "hardware": {
                "cpus": 8, "cores": 4, "sockets": 1, "model": "m", "mhz": 3600,
                "memory_total_bytes": 1, "memory_available_bytes": 1, "load": [0.5, 0.0, 1.0],
            },
            "machine_uptime": 7,
            "data": {"tables": {"bytes": 1, "files": 2, "cut_short": "time", "problem": "p"}},
            "changed_settings": ["cache"], "components": {"postgres": "17"},
            "extensions": {"postgis": true}, "metadata": {"cloud": "ours"},
            "counters": {"queries": [{"command": "find", "count": 12}]},
            "errors": {"40001": 1}, "since": time, "counted_since": time, "omitted": {"metadata": 1},
        }),
    )
}

fn command() -> Value {
    own(
        "command",
        "ERROR",
        &json!({
            "alias": "ls", "arch": "x86_64", "auth_method": "api_key", "command": "a-list",
            "duration": 871, "error": "E: no", "flags": ["debug"], "git_commit": "0c4a5e5",
            "installer": "TiUP", "interactive": true, "os": "linux", "project_id": "7",
            "result": "ERROR", "terminal": "tty", "version": "1.2.0",
            "command.id": "01936f0e-0000-7000-8000-000000000000",
        }),
    )
}

#[test]
fn the_policy_may_change_properties_of_some_internal_records() {
    let version = own("version", "INFO", &json!({"from": "1.2.0", "to": "1.3.0"}));
    for line in [report(), command(), version] {
        line_schema().validate(&line).unwrap();
        takes(&line, "/properties", None);
        for key in line["properties"].as_object().unwrap().keys() {
            let pointer = format!("/properties/{key}");
            takes(&line, &pointer, None);
            takes(&line, &pointer, Some(json!("[masked]")));
            takes(&line, &pointer, Some(json!("p-0123456789abcdef")));
            refuses(&line, &pointer, Some(json!(-1.5)));
            refuses(&line, &pointer, Some(json!([[]])));
            refuses(&line, &pointer, Some(json!({"deep": {"deep": []}})));
        }
        refuses(&line, "/level", Some(json!("WARN")));
        refuses(&line, "/message", Some(json!("m")));
        refuses(&line, "/spans", Some(json!([{"name": "s"}])));
        let cut = json!({"localtel.cut": {"line_bytes_max": 4096, "properties": 8, "spans": 0}});
        takes(&line, "/properties", Some(cut));
        let own = line["event"] != "command";
        if own {
            refuses(&line, "/properties/extra", Some(json!(1)));
        } else {
            takes(&line, "/properties/extra", Some(json!({"deep": [1]})));
        }
    }
    for (pointer, value) in [
        ("/properties/application/name", json!(1)),
        ("/properties/application/extra", json!("x")),
        ("/properties/os/pointer_width", json!("64")),
        ("/properties/hardware/load", json!([0.5, 0.5])),
        ("/properties/hardware/hostname", json!("h")),
        ("/properties/data/tables/path", json!("/var")),
        ("/properties/counters/queries", json!(12)),
        (
            "/properties/counters/queries",
            json!([{"command": "find", "count": -1}]),
        ),
        ("/properties/counted_since", json!("yesterday")),
        ("/properties/errors/40001", json!("1")),
        ("/properties/extensions/postgis", json!("yes")),
        ("/properties/since", json!("yesterday")),
        ("/properties/installation", json!("7")),
    ] {
        refuses(&report(), pointer, Some(value));
    }
    for pointer in [
        "/properties/os/pointer_width",
        "/properties/hardware/load",
        "/properties/data/tables",
        "/properties/data/tables/bytes",
        "/properties/counters/queries",
        "/properties/counters/queries/0/count",
        "/properties/application/dirty",
        "/properties/application/build",
        "/properties/errors/40001",
        "/properties/extensions/postgis",
    ] {
        takes(&report(), pointer, None);
        takes(&report(), pointer, Some(json!("[masked]")));
    }
    for (pointer, value) in [
        ("/properties/result", json!("MAYBE")),
        ("/properties/terminal", json!("pipe")),
        ("/properties/flags", json!([1])),
        ("/properties/command.id", json!("7")),
        ("/properties/duration", json!("long")),
    ] {
        refuses(&command(), pointer, Some(value));
    }
}

#[test]
fn a_record_of_localtel_may_be_cut_like_any_other() {
    let cut = json!({"localtel.cut": {"line_bytes_max": 4096, "properties": 8, "spans": 0}});
    let line = own("session", "INFO", &cut);
    line_schema().validate(&line).unwrap();
    refuses(&line, "/properties/localtel.cut/spans", None);
    refuses(&line, "/properties/pid", Some(json!(1)));
}

#[test]
fn keys_in_another_order_are_an_error() {
    let swapped = FULL.replacen(
        r#""level":"INFO","source":"myapp""#,
        r#""source":"myapp","level":"INFO""#,
        1,
    );
    assert_ne!(swapped, FULL);
    let error = line_error(&swapped).unwrap();
    assert!(error.contains("order"), "{error}");
    let twice = FULL.replacen(r#""seq":1"#, r#""seq":1,"seq":2"#, 1);
    assert!(line_error(&twice).is_some());
}

/// Returns all files below a directory.
fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_line_in_the_documents_and_fixtures_is_valid() {
    let mut seen = 0;
    for path in files_below(Path::new("cli/tests/cmd")) {
        let is_document = path.extension().is_some_and(|ending| ending == "md");
        if !is_document && !is_segment(&path) {
            continue;
        }
        // These fixtures are damaged on purpose.
        let is_damaged = ["damage", "failures", "explain"]
            .iter()
            .any(|name| path.starts_with(format!("cli/tests/cmd/{name}.in")));
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for line in text.lines() {
            let is_parsed = serde_json::from_str::<Value>(line).is_ok();
            let is_meant = if is_document {
                // A line with a placeholder for a varying part is not valid.
                is_parsed && line.starts_with("{\"timestamp\"") && !line.contains("[..]")
            } else {
                is_parsed || !is_damaged
            };
            if is_meant {
                assert_eq!(line_error(line), None, "{}: {line}", path.display());
                seen += 1;
            }
        }
    }
    for document in ["README.md", "docs/reading.md", "docs/format.md"] {
        let text = std::fs::read_to_string(document).unwrap();
        for line in text
            .lines()
            .filter(|line| line.starts_with("{\"timestamp\""))
        {
            assert_eq!(line_error(line), None, "{document}: {line}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
