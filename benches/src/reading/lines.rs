//! The lines of a directory as an application writes them: canonical lines of format 1, the same in
//! every run. `generator` puts them into segments.

use std::collections::VecDeque;
use std::io::Write as _;

/// Writes lines, one after the other, as the processes of one application do.
#[derive(Debug)]
pub(super) struct Lines {
    random: Random,
    /// Number of events so far.
    events: u64,
    session: Session,
    /// The latest time of any line so far, in microseconds since the start of the month.
    latest: Option<u64>,
    /// The times of the last lines, to count those that are recent.
    recent: VecDeque<u64>,
    records: u64,
}

/// A process that records.
#[derive(Debug, Default)]
struct Session {
    number: u64,
    seq: u64,
}

/// The reason for a session record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// A process begins to record.
    Begun,
    /// A process continues in a new segment, or repeats its session record.
    Resumed,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            random: Random(SEED),
            events: 0,
            session: Session::default(),
            latest: None,
            recent: VecDeque::new(),
            records: 0,
        }
    }

    /// Returns the number of records so far.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Returns the latest time minus some seconds, in the form of a line.
    pub(super) fn seconds_before_latest(&self, seconds: u64) -> String {
        let micros = self.latest.unwrap_or(0);
        stamp(micros.saturating_sub(seconds * MICROS))
    }

    /// Returns the number of records that are at most `seconds` older than the latest.
    pub(super) fn recent(&self, seconds: u64) -> usize {
        let start = self.latest.unwrap_or(0).saturating_sub(seconds * MICROS);
        self.recent
            .iter()
            .filter(|micros| **micros >= start)
            .count()
    }

    /// Adds a `session` record.
    pub(super) fn session(&mut self, opening: Opening, out: &mut Vec<u8>) {
        if opening == Opening::Begun {
            self.session = Session {
                number: self.session.number + 1,
                seq: 0,
            };
        }
        let latest = self.latest.map(stamp);
        self.head(("INFO", "localtel", Some("session")), None, out);
        let is_resumed = opening == Opening::Resumed;
        let pid = 4000 + self.session.number;
        let _ = write!(
            out,
            r#","properties":{{"installation":"5b0c1f5e-8a44-4f0e-9d27-0d3c8f0b6f11","format":1,"version":"1.4.0","localtel":"0.1.0","pid":{pid},"os":"linux","arch":"x86_64","resumed":{is_resumed}"#
        );
        if let Some(latest) = latest {
            let _ = write!(out, r#","latest":"{latest}""#);
        }
        out.extend_from_slice(b"}}\n");
    }

    /// Adds an event.
    pub(super) fn event(&mut self, out: &mut Vec<u8>) {
        self.events += 1;
        match self.random.below(1000) {
            0..400 => self.command(out),
            400..650 => self.request(out),
            650..850 => self.lookup(out),
            850..930 => self.poll(out),
            930..990 => self.retry(out),
            _ => self.failure(out),
        }
    }

    /// Adds a command of a user: one in thirty fails.
    fn command(&mut self, out: &mut Vec<u8>) {
        let command = self.random.of(&COMMANDS);
        let (level, result) = match self.random.below(30) {
            0 => ("ERROR", "ERROR"),
            _ => ("INFO", "SUCCESS"),
        };
        let message =
            self.random
                .of(&["listed projects", "ran a command", "wrote \\\"out.json\\\""]);
        self.head(
            (level, "ticloud::command", Some("command")),
            Some(message),
            out,
        );
        let (duration, items) = (self.random.below(1001), self.random.below(400));
        let _ = write!(
            out,
            r#","properties":{{"command":"{command}","duration":{duration},"result":"{result}","items":{items},"interactive":{}}}"#,
            items % 3 == 0,
        );
        self.tail(out);
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        let method = self.random.of(&["GET", "GET", "POST", "DELETE"]);
        let path = self.random.of(&PATHS);
        let message = Some("request finished");
        self.head(("DEBUG", "ticloud::client::http", None), message, out);
        let (duration, bytes) = (self.random.below(1001), self.random.below(90_000));
        let status = self.random.of(&["200", "200", "201", "204", "304"]);
        let _ = write!(
            out,
            r#","properties":{{"method":"{method}","path":"{path}","status":{status},"duration":{duration},"bytes":{bytes}}}"#
        );
        self.tail(out);
    }

    fn lookup(&mut self, out: &mut Vec<u8>) {
        let message = format!("found {} entries", self.random.below(5000));
        self.head(
            ("INFO", "ticloud::cache", Some("lookup")),
            Some(&message),
            out,
        );
        let (age, share) = (self.random.below(86_400), 1 + self.random.below(9));
        let key = self.random.of(&COMMANDS);
        let _ = write!(
            out,
            r#","properties":{{"key":"{key}","age":{age},"hit":{},"fill":0.{share}}}"#,
            age % 4 != 0,
        );
        self.tail(out);
    }

    fn poll(&mut self, out: &mut Vec<u8>) {
        let message = Some("polled the queue");
        self.head(("TRACE", "ticloud::worker::queue", None), message, out);
        let (length, oldest) = (self.random.below(64), self.random.below(10_000));
        let _ = write!(
            out,
            r#","properties":{{"queue":"events","length":{length},"oldest_ms":{oldest},"workers":4}}"#
        );
        self.tail(out);
    }

    fn retry(&mut self, out: &mut Vec<u8>) {
        let message = Some("the server is busy, trying again later");
        self.head(
            ("WARN", "ticloud::client::retry", Some("retry")),
            message,
            out,
        );
        let (tries, path) = (1 + self.random.below(5), self.random.of(&PATHS));
        let _ = write!(
            out,
            r#","properties":{{"tries":{tries},"path":"{path}","wait_ms":{}}}"#,
            100 << tries
        );
        self.tail(out);
    }

    fn failure(&mut self, out: &mut Vec<u8>) {
        let message = Some("lost the connection");
        self.head(("ERROR", "ticloud::client", None), message, out);
        let host = self.random.below(9);
        let _ = write!(
            out,
            r#","properties":{{"error":"connection to db{host} was lost: reset by peer\nretrying","host":"db{host}"}}"#
        );
        self.tail(out);
    }

    /// Writes the part that all lines have.
    fn head(
        &mut self,
        (level, target, event): (&str, &str, Option<&str>),
        message: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let micros = self.next_micros();
        let time = stamp(micros);
        let _ = write!(
            out,
            r#"{{"timestamp":"{time}","level":"{level}","source":"ticloud","target":"{target}""#
        );
        if let Some(event) = event {
            let _ = write!(out, r#","event":"{event}""#);
        }
        if let Some(message) = message {
            let _ = write!(out, r#","message":"{message}""#);
        }
        let Session { number, seq } = &mut self.session;
        let _ = write!(
            out,
            r#","session":"0199a0c4-{number:04x}-7000-8000-0123456789ab","seq":{seq}"#
        );
        *seq += 1;
        self.records += 1;
        self.latest = self.latest.max(Some(micros));
        self.recent.push_back(micros);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Writes the spans, which half of the events have, and ends the line.
    fn tail(&mut self, out: &mut Vec<u8>) {
        let id = self.random.below(100_000);
        let _ = match id % 4 {
            0 => write!(
                out,
                r#","spans":[{{"name":"request","properties":{{"id":{id},"user":"u{}"}}}},{{"name":"load"}}]"#,
                id % 97
            ),
            1 => write!(
                out,
                r#","spans":[{{"name":"batch","properties":{{"id":{id},"size":{}}}}}]"#,
                id % 250
            ),
            _ => Ok(()),
        };
        out.extend_from_slice(b"}\n");
    }

    /// Returns the time of the next record: bursts of several threads, in which a line can be older
    /// than the one before it.
    fn next_micros(&mut self) -> u64 {
        let (burst, place) = (self.events / BURST, self.events % BURST);
        let start = burst * BURST * EVENT_MICROS + SKEW_MICROS_MAX;
        start + place * STEP_MICROS - self.random.below(SKEW_MICROS_MAX)
    }
}

/// Formats a time of October 2026, given in microseconds since the start of the month.
fn stamp(micros: u64) -> String {
    let seconds = micros / MICROS;
    format!(
        "2026-10-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        1 + seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        micros % MICROS
    )
}

/// `SplitMix64`: every run draws the same numbers.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn of<const N: usize>(&mut self, texts: &[&'static str; N]) -> &'static str {
        let at = usize::try_from(self.below(N as u64)).unwrap_or(0);
        texts.get(at).copied().unwrap_or("")
    }
}

const COMMANDS: [&str; 8] = [
    "ticloud-project-list",
    "ticloud-project-create",
    "ticloud-cluster-describe",
    "ticloud-cluster-connect",
    "ticloud-backup-create",
    "ticloud-backup-restore",
    "ticloud-import-start",
    "ticloud-user-list",
];

const PATHS: [&str; 5] = [
    "/api/v1/projects",
    "/api/v1/projects/8712/clusters",
    "/api/v1/clusters/40021/backups?limit=100&order=desc",
    "/api/v1/users/me",
    "/api/v1/imports/77/progress",
];

const SEED: u64 = 0x10ca_17e1;

const MICROS: u64 = 1_000_000;

/// 3 million records in four weeks; the last five minutes hold 375.
const EVENT_MICROS: u64 = 800_000;

/// Number of events in a burst, and their distance: 16 in 5 ms, then none for 13 s.
const BURST: u64 = 16;
const STEP_MICROS: u64 = 300;

/// A thread can be preempted between taking the time of an event and putting it into the buffer.
const SKEW_MICROS_MAX: u64 = 1000;

/// Well more than five minutes.
const RECENT_MAX: usize = 4096;
