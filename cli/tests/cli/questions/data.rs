//! The data that the questions are about: what three applications recorded in seven days, as
//! values and as a state directory. The same end of the data gives the same bytes.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use localtel::read::Timestamp;
use serde_json::{Value, json};

use super::applications::{billing_api, cloudctl, ingest_worker};

/// One record.
pub(super) struct QuestionRecord {
    /// Its time, in microseconds since 1970.
    pub(super) micros: i64,
    /// Its line.
    pub(super) value: Value,
}

impl QuestionRecord {
    /// Returns the line as localtel writes it, without its newline.
    pub(super) fn line(&self) -> String {
        let json = self.value.to_string();
        let mut line = String::with_capacity(json.len());
        for letter in json.chars() {
            // What a terminal obeys, and marks of direction, are escaped.
            if matches!(letter, '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{202a}'..='\u{202e}') {
                write!(line, "\\u{:04x}", u32::from(letter)).unwrap();
            } else {
                line.push(letter);
            }
        }
        line
    }

    /// Returns a text of the record; it is empty if the record has none of that name.
    pub(super) fn text(&self, key: &str) -> &str {
        self.value[key].as_str().unwrap_or_default()
    }

    pub(super) fn property(&self, key: &str) -> &Value {
        &self.value["properties"][key]
    }

    /// Returns a value of the outermost span.
    pub(super) fn of_span(&self, key: &str) -> &Value {
        &self.value["spans"][0]["properties"][key]
    }

    pub(super) fn is_error(&self) -> bool {
        self.value["level"] == "ERROR"
    }

    /// Returns `true` if a terminal hides it.
    pub(super) fn is_about_recording(&self) -> bool {
        let is_one = matches!(
            self.text("event"),
            "session" | "session.end" | "consent" | "version"
        );
        self.text("target") == "localtel" && is_one
    }
}

/// Returns a time as a line has it.
pub(super) fn timestamp(micros: i64) -> String {
    Timestamp::from_unix_micros(micros).unwrap().to_string()
}

/// What one application recorded.
pub(super) struct ApplicationData {
    pub(super) name: &'static str,
    pub(super) installation: String,
    /// The records of each segment, in the order of their lines.
    pub(super) segments: Vec<Vec<QuestionRecord>>,
}

impl ApplicationData {
    /// Returns all records, in the order of their lines.
    pub(super) fn records(&self) -> impl Iterator<Item = &QuestionRecord> {
        self.segments.iter().flatten()
    }

    /// Writes the telemetry directory, as the application leaves it while it runs.
    fn write(&self, directory: &Path) {
        std::fs::create_dir_all(directory).unwrap();
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        mode(directory.parent().unwrap(), 0o700);
        mode(directory, 0o700);
        let head = self.segments.len();
        for (number, segment) in (1..).zip(&self.segments) {
            let path = directory.join(segment_name(number));
            let lines: String = segment.iter().map(|it| it.line() + "\n").collect();
            std::fs::write(&path, lines).unwrap();
            mode(&path, if number == head { 0o600 } else { 0o400 });
        }
        symlink(segment_name(head), directory.join("events.jsonl")).unwrap();
        let first = &self.segments[0][0];
        let consent = json!({
            "format": 1, "source": self.name, "profile": "default", "consent": "enabled",
            "decided": first.text("timestamp"), "by": "localtel enable",
            "installation": self.installation, "salt": "5a17".repeat(16),
            "made": first.text("timestamp"),
        });
        let lock = format!("{head:016} {:016}\n", 1);
        for (name, text) in [("lock", lock), ("consent.json", format!("{consent}\n"))] {
            std::fs::write(directory.join(name), text).unwrap();
            mode(&directory.join(name), 0o600);
        }
    }
}

fn segment_name(number: usize) -> String {
    format!("events.{number:06}.jsonl")
}

/// The records of `billing-api`, a service, `cloudctl`, a program that runs for a moment, and
/// `ingest-worker`, which is killed now and then.
pub(super) struct QuestionData {
    pub(super) applications: [ApplicationData; 3],
}

impl QuestionData {
    /// Generates what was recorded in the seven days up to a time.
    pub(super) fn until(end: Timestamp) -> Self {
        let end = end.unix_micros();
        Self {
            applications: [billing_api(end), cloudctl(end), ingest_worker(end)],
        }
    }

    /// Returns the records of an application, in the order of their lines.
    pub(super) fn of(&self, name: &str) -> Vec<&QuestionRecord> {
        let mut applications = self.applications.iter();
        let found = applications.find(|application| application.name == name);
        found.unwrap().records().collect()
    }

    /// Returns the records of all applications, by time.
    pub(super) fn all(&self) -> Vec<&QuestionRecord> {
        let records = self.applications.iter().flat_map(ApplicationData::records);
        let mut records: Vec<_> = records.collect();
        records.sort_by_key(|record| record.micros);
        records
    }

    /// Writes the directories of the applications into a state directory.
    pub(super) fn write(&self, state: &Path) {
        for application in &self.applications {
            application.write(&state.join(application.name).join("telemetry"));
        }
    }
}
