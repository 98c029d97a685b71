//! Tests of the form of `manifest.json`.

use serde_json::{Value, json};

use super::*;

/// A manifest with one of each.
fn manifest() -> Value {
    let sum = "0".repeat(64);
    let other = "ab".repeat(32);
    let time = "2026-11-21T08:15:30.123456Z";
    let later = "2026-11-21T09:15:30.123456Z";
    json!({
        "bundle_version": 1,
        "localtel": "0.1.0",
        "created": later,
        "host": "web 1",
        "range": { "since": time, "until": null },
        "seals": null,
        "logs": [{
            "directory": "0001",
            "application": "shop",
            "profile": "default",
            "log": "01936f0e-0000-7000-8000-000000000001",
            "floor": 1,
            "head": 4,
            "consent": { "decision": "enabled", "source": "consent.json", "decided": time },
            "records": 5,
            "damaged": 1,
            "first": time,
            "last": later,
            "segments": [
                { "number": 1, "file": "events.000001.jsonl", "state": "derived", "bytes": 0,
                  "plain_bytes": 0, "sha256": sum, "plain_sha256": sum, "records": 0,
                  "damaged": 0, "first": null, "last": null, "seal": null },
                { "number": 2, "file": "events.000002.jsonl.zst", "state": "closed", "bytes": 90,
                  "plain_bytes": 700, "sha256": other, "plain_sha256": sum, "records": 4,
                  "damaged": 1, "first": time, "last": later, "seal": null },
                { "number": 4, "file": "events.000004.jsonl", "state": "growing", "bytes": 100,
                  "plain_bytes": 100, "sha256": sum, "plain_sha256": sum, "records": 1,
                  "damaged": 0, "first": later, "last": later, "seal": null },
            ],
        }],
    })
}

fn parse(manifest: &Value) -> Result<Manifest, serde_json::Error> {
    Manifest::parse(manifest.to_string().as_bytes())
}

#[test]
fn a_manifest_is_written_as_it_is_read() {
    let read = parse(&manifest()).unwrap();
    let written: Value = serde_json::from_slice(&read.to_json().unwrap()).unwrap();
    assert_eq!(written, manifest());
    let log = &read.logs[0];
    assert_eq!((log.records(), log.damaged(), log.bytes()), (5, 1, 190));
}

#[test]
fn a_manifest_with_unknown_keys_is_read() {
    let mut newer = manifest();
    newer["more"] = json!({ "a": 1 });
    newer["seals"] = json!(["x"]);
    newer["logs"][0]["segments"][0]["seal"] = json!("x");
    assert_eq!(parse(&newer).unwrap(), parse(&manifest()).unwrap());
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let changes: [(&str, Value); 26] = [
        ("/bundle_version", json!(2)),
        ("/host", json!("")),
        ("/host", json!("a\nb")),
        ("/created", json!("yesterday")),
        ("/range", json!(null)),
        ("/range/since", json!(null)),
        ("/range/until", json!("2020-01-01T00:00:00.000000Z")),
        ("/logs/0/directory", json!("1")),
        ("/logs/0/directory", json!("..")),
        ("/logs/0/application", json!("../x")),
        ("/logs/0/profile", json!("")),
        ("/logs/0/log", json!("x")),
        ("/logs/0/floor", json!(0)),
        ("/logs/0/head", json!(3)),
        ("/logs/0/head", json!(5)),
        ("/logs/0/consent/decision", json!("maybe")),
        ("/logs/0/records", json!(6)),
        ("/logs/0/damaged", json!(0)),
        ("/logs/0/last", json!(null)),
        ("/logs/0/segments/0/number", json!(0)),
        ("/logs/0/segments/0/number", json!(3)),
        ("/logs/0/segments/0/file", json!("../events.000001.jsonl")),
        ("/logs/0/segments/0/bytes", json!(1)),
        ("/logs/0/segments/0/sha256", json!("AB".repeat(32))),
        ("/logs/0/segments/1/state", json!("growing")),
        (
            "/logs/0/segments/1/first",
            json!("2026-11-21T10:15:30.123456Z"),
        ),
    ];
    for (pointer, value) in changes {
        let mut changed = manifest();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        let parsed = parse(&changed);
        assert!(parsed.is_err(), "{pointer} {value}: {parsed:#?}");
    }
}

#[test]
fn a_log_that_is_listed_twice_is_refused() {
    let mut twice = manifest();
    let mut again = twice["logs"][0].clone();
    let logs = twice["logs"].as_array_mut().unwrap();
    logs.push(again.clone());
    assert!(parse(&twice).is_err(), "the same directory and log");
    again["directory"] = json!("0002");
    twice["logs"][1] = again.clone();
    assert!(parse(&twice).is_err(), "the same log");
    again["profile"] = json!("other");
    twice["logs"][1] = again;
    assert!(parse(&twice).is_ok(), "another log in another directory");
}

#[test]
fn counts_that_no_number_holds_do_not_panic() {
    let mut huge = manifest();
    for at in 0..3 {
        huge["logs"][0]["segments"][at]["damaged"] = json!(u64::MAX);
    }
    assert!(parse(&huge).is_err());
}
