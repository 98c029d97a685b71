//! A tree that is laid by hand, as imports leave it.

use std::fs;
use std::path::{Path, PathBuf};

use localtel_bundle::names::PartitionValue;
use serde_json::json;

/// A tree in a directory of its own.
pub(super) struct LaidTree(tempfile::TempDir);

/// A log of one machine.
pub(super) struct LaidLog {
    host: String,
    application: String,
    id: u32,
    segments: Vec<(u64, String)>,
    pub(super) floor: u64,
    pub(super) head: u64,
    /// The time of the export; the import is on 2026-11-22.
    pub(super) created: String,
    /// A segment of which another version came.
    pub(super) conflict: Option<u64>,
}

impl LaidLog {
    pub(super) fn new(host: &str, application: &str, id: u32) -> Self {
        Self {
            host: host.to_owned(),
            application: application.to_owned(),
            id,
            segments: Vec::new(),
            floor: 1,
            head: 0,
            created: "2026-11-21T12:00:00.000000Z".to_owned(),
            conflict: None,
        }
    }

    /// Adds a segment.
    pub(super) fn with(mut self, number: u64, lines: &str) -> Self {
        self.segments.push((number, lines.to_owned()));
        self.head = self.head.max(number);
        self
    }
}

impl LaidTree {
    pub(super) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("fleet.json"), "{\"fleet_version\":1}\n").unwrap();
        Self(place)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    fn host(&self, host: &str) -> PathBuf {
        self.path()
            .join(format!("host={}", PartitionValue::of(host)))
    }

    fn log(&self, host: &str, application: &str, id: u32) -> PathBuf {
        let application = PartitionValue::of(application);
        let log = format!("app={application}/profile=default/log={}", id_of(id));
        self.host(host).join(log)
    }

    /// Returns the path of a segment.
    pub(super) fn segment(&self, host: &str, application: &str, id: u32, number: u64) -> PathBuf {
        self.log(host, application, id)
            .join(format!("events.{number:06}.jsonl"))
    }

    /// Adds a log, with what imports say of it.
    pub(super) fn add(&self, log: &LaidLog) {
        let directory = self.log(&log.host, &log.application, log.id);
        fs::create_dir_all(&directory).unwrap();
        let mut segments = Vec::new();
        for (number, lines) in &log.segments {
            let path = self.segment(&log.host, &log.application, log.id, *number);
            fs::write(path, lines).unwrap();
            segments.push(json!({
                "number": number, "state": "closed", "plain_bytes": lines.len(),
                "plain_sha256": "0".repeat(64),
            }));
        }
        if let Some(number) = log.conflict {
            let name = format!("events.{number:06}.jsonl.conflict-0123456789abcdef");
            fs::write(directory.join(name), "{}\n").unwrap();
        }
        let sum = "1".repeat(64);
        let imported = json!({
            "imported_version": 1, "host": log.host, "application": log.application,
            "profile": "default", "log": id_of(log.id),
            "newest": {"created": log.created, "manifest": sum},
            "floor": log.floor, "head": log.head,
            "consent": {"decision": "enabled", "source": "the stored choice", "decided": null},
            "last": "2026-11-21T09:00:00.000000Z", "segments": segments,
        });
        fs::write(directory.join("imported.json"), imported.to_string()).unwrap();
        let host = json!({"host": log.host, "imports": [{
            "bundle": "localtel-bundle", "manifest": sum, "localtel": "0.1.0",
            "created": log.created, "imported": "2026-11-22T00:00:00.000000Z", "range": null,
        }]});
        fs::write(self.host(&log.host).join("fleet.json"), host.to_string()).unwrap();
    }
}

fn id_of(id: u32) -> String {
    format!("01936f0e-0000-7000-8000-{id:012}")
}

/// Returns the line of a record of that session.
pub(super) fn record(session: u32, seq: u32, time: &str, application: &str) -> String {
    line(
        session,
        seq,
        time,
        &format!(r#""source":"{application}","target":"{application}""#),
        "",
    )
}

/// Returns the line with which a process begins a session.
pub(super) fn session(session: u32, time: &str, pid: u32) -> String {
    let own = r#""source":"shop","target":"localtel","event":"session""#;
    let properties = format!(r#","properties":{{"format":1,"pid":{pid}}}"#);
    line(session, 0, time, own, &properties)
}

fn line(session: u32, seq: u32, time: &str, head: &str, properties: &str) -> String {
    let id = id_of(session);
    format!(
        r#"{{"timestamp":"{time}","level":"INFO",{head},"session":"{id}","seq":{seq}{properties}}}"#
    ) + "\n"
}
