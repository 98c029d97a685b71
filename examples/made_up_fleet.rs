//! Writes the telemetry of three made-up machines, as it is on a Monday and on the Tuesday after
//! it, for trying out bundles and the programs that read many of them. Each run gives the same
//! files.
//!
//! ```sh
//! cargo run --bin made_up_fleet -- DIRECTORY
//! XDG_STATE_HOME=$PWD/DIRECTORY/monday/alpha cargo run --bin localtel -- stats
//! ```
//!
//! It has what readers stumble over: a key with values of many types that first occurs after
//! 20,480 records, numbers up to the largest `u64`, keys with dots beside objects of the same name,
//! texts that are markup or control a terminal, a torn line, NUL bytes, a lost segment, a clock
//! that is ahead, and a host whose name is a number. The segments of Monday that still exist on
//! Tuesday have the same bytes, and what was recorded since behind them.
#![expect(
    clippy::disallowed_methods,
    reason = "writes files; the lint is meant for the library"
)]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use localtel::read::Timestamp;
use serde_json::{Value, json};

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        eprintln!("usage: made_up_fleet DIRECTORY");
        return ExitCode::from(2);
    };
    match write_fleet(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("made_up_fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_fleet(directory: &Path) -> Result<(), Box<dyn Error>> {
    for machine in &MACHINES {
        let server = machine.server()?;
        let tool = machine.tool()?;
        for day in &DAYS {
            let state = directory.join(day.name).join(machine.name);
            server.write_until(day, &state)?;
            tool.write_until(day, &state)?;
        }
    }
    Ok(())
}

/// A day on which somebody exports.
struct MadeUpVisit {
    name: &'static str,
    /// The segments that still exist.
    floor: usize,
    /// The time of the visit, in microseconds since the start.
    visit: i64,
}

const DAYS: [MadeUpVisit; 2] = [
    MadeUpVisit {
        name: "monday",
        floor: 1,
        visit: 21 * HOUR,
    },
    MadeUpVisit {
        name: "tuesday",
        floor: 2,
        visit: 40 * HOUR,
    },
];

/// A machine.
struct MadeUpMachine {
    name: &'static str,
    /// A digit in its ids.
    id: i64,
    /// How far its clock is ahead, in microseconds.
    ahead: i64,
    /// Requests of the server in the first and in the second segment.
    requests: [i64; 2],
    /// How many times slower than others it is.
    slowness: i64,
}

const MACHINES: [MadeUpMachine; 3] = [
    MadeUpMachine {
        name: "0042",
        id: 1,
        ahead: 0,
        requests: [300, 150],
        slowness: 1,
    },
    MadeUpMachine {
        name: "alpha",
        id: 2,
        ahead: 0,
        requests: [20_600, 900],
        slowness: 1,
    },
    MadeUpMachine {
        name: "beta",
        id: 3,
        ahead: 3 * HOUR,
        requests: [700, 400],
        slowness: 3,
    },
];

impl MadeUpMachine {
    /// Returns what a server records: it is killed in its first segment, and replaced by a newer
    /// version in its second. The second segment begins on Monday and is full on Tuesday.
    fn server(&self) -> Result<MadeUpLog, Box<dyn Error>> {
        let mut log = MadeUpLog::new(self, "billing-api", 0);
        let [before, after] = self.requests;
        let mut session = log.begin(0, "3.3.0")?;
        for number in 0..before {
            // 20 hours, whatever their number is.
            self.request(&mut log, &mut session, number, 20 * HOUR * number / before)?;
            match number {
                100 => log.damage(b"{\"timestamp\":\"2026-11-23T0"),
                200 => log.damage(&[0; 512]),
                _ => {}
            }
        }
        log.next_segment();
        let mut session = log.begin(20 * HOUR + 60 * SECOND, "3.4.0")?;
        for number in before..before + after {
            let at = 20 * HOUR + 120 * SECOND + 15 * HOUR * (number - before) / after;
            self.request(&mut log, &mut session, number, at)?;
        }
        if self.id == 3 {
            let lost = json!({"count": 17, "reason": "the buffer was full"});
            log.own(&mut session, 36 * HOUR, "dropped", &lost)?;
        }
        log.next_segment();
        if self.id == 1 {
            self.request(&mut log, &mut session, before + after, 37 * HOUR)?;
            log.lose_segment();
            let mut facts = log.facts(&session, "3.4.0");
            if let Some(facts) = facts.as_object_mut() {
                facts.insert("resumed".into(), json!(true));
            }
            log.own(&mut session, 37 * HOUR + SECOND, "session", &facts)?;
        }
        let mut session = log.begin(38 * HOUR, "3.4.0")?;
        self.request(&mut log, &mut session, before + after, 38 * HOUR + SECOND)?;
        let recorded = json!({"recorded": 1, "dropped": 0, "refused": 0, "failed": 0});
        log.own(
            &mut session,
            38 * HOUR + 2 * SECOND,
            "session.end",
            &recorded,
        )?;
        Ok(log)
    }

    fn request(
        &self,
        log: &mut MadeUpLog,
        session: &mut MadeUpProcess,
        number: i64,
        at: i64,
    ) -> Result<(), Box<dyn Error>> {
        let fails = number % 61 == 7;
        let (level, event) = match (fails, number % 43) {
            (true, _) => ("ERROR", Some("request.failed")),
            (false, 5) => ("WARN", Some("request.slow")),
            (false, 6) => ("DEBUG", None),
            (false, _) => ("INFO", Some("request")),
        };
        let mut properties = json!({
            "route": pick(&ROUTES, number),
            "duration": self.duration(number),
            "http.url": "/v1?a=b&c",
            "http": {"url": pick(&TEXTS, number), "status": 200},
        });
        let is_newer = log.segments.len() == 2;
        if let (true, Some(properties)) = (fails, properties.as_object_mut()) {
            let error = if is_newer {
                "no route to db-2"
            } else {
                pick(&TEXTS, number / 61)
            };
            properties.insert("error".into(), error.into());
        }
        // No other key of these records is as late.
        if let (true, Some(properties)) = (is_newer, properties.as_object_mut()) {
            properties.insert("cloud.zone".into(), zone(number));
            properties.insert("cloud".into(), json!({"region": number % 3}));
        }
        let spans = match number % 5 {
            0 => json!([{"name": "server"}, {"name": "request", "properties": {"id": number}}]),
            _ => Value::Null,
        };
        let head = MadeUpHead {
            level,
            target: "billing_api::http",
            event,
            message: Some(if fails {
                "the request failed"
            } else {
                "handled"
            }),
        };
        log.push(
            session,
            at,
            &head,
            &MadeUpBody {
                properties,
                spans,
                once: Value::Null,
            },
        )
    }

    /// Returns the duration of a request: mostly a number.
    fn duration(&self, number: i64) -> Value {
        match number % 200 {
            11 => json!("12ms"),
            12 => json!("15"),
            13 => json!(true),
            14 => json!({"ms": 3}),
            15 => Value::Null,
            16 => json!([1, 2]),
            // Once on one machine.
            17 if number == 217 && self.id == 2 => json!(u64::MAX),
            rest if rest % 2 == 0 => json!(self.slowness * (10 + number * 7 % 90)),
            rest => {
                let tenths = i32::try_from(self.slowness * (rest % 100)).unwrap_or(0);
                json!(f64::from(tenths) + 0.5)
            }
        }
    }

    /// Returns what a program of short runs records: each run is a session of one record.
    fn tool(&self) -> Result<MadeUpLog, Box<dyn Error>> {
        let mut log = MadeUpLog::new(self, "cloudctl", 5);
        for run in 0..40 {
            let at = run * HOUR - HOUR / 2 * i64::from(run > 0);
            // One machine was not updated.
            let version = if run < 25 || self.id == 1 {
                "1.9.3"
            } else {
                "1.10.1"
            };
            let (command, duration) = match run % 3 {
                0 => ("cloudctl-project-list", 210 + run),
                1 => ("cloudctl-project-deploy", 8200 + 10 * run),
                _ => ("cloudctl-login", 640 - run),
            };
            let fails = run % 11 == self.id;
            let mut properties = json!({
                "command": command, "duration": duration,
                "result": if fails { "ERROR" } else { "SUCCESS" },
            });
            if let (true, Some(properties)) = (fails, properties.as_object_mut()) {
                properties.insert("error".into(), "the API key has expired".into());
            }
            let mut session = log.session(at);
            let head = MadeUpHead {
                level: if fails { "ERROR" } else { "INFO" },
                target: "cloudctl",
                event: Some("command"),
                message: None,
            };
            let once = log.facts(&session, version);
            log.push(
                &mut session,
                at,
                &head,
                &MadeUpBody {
                    properties,
                    spans: Value::Null,
                    once,
                },
            )?;
        }
        Ok(log)
    }
}

/// Returns a value of a key that has values of many types.
fn zone(number: i64) -> Value {
    match number % 9 {
        0 => json!("eu-1"),
        1 => json!(7),
        2 => json!(7.5),
        3 => json!(true),
        4 => json!(u64::MAX),
        5 => json!({"a": [1, "b"]}),
        6 => json!("7"),
        rest => json!(pick(&TEXTS, rest)),
    }
}

const ROUTES: [&str; 4] = ["/v1/invoices", "/v1/payments", "/v1/refunds", "/v1/reports"];
const TEXTS: [&str; 6] = [
    "</script><script>alert(1)</script>",
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "a\u{202e}b\u{200b}c\u{feff}",
    "\"quoted\" \\ \t\n it's",
    "資料 🦀 e\u{301}",
    "' OR 1=1; -- ,;|",
];

/// What an application recorded on a machine.
struct MadeUpLog {
    source: &'static str,
    id: i64,
    ahead: i64,
    sessions: i64,
    /// The first has number 1. One that was lost is `None`.
    segments: Vec<Option<Vec<MadeUpLine>>>,
}

/// A line, and its time since the start.
type MadeUpLine = (i64, Vec<u8>);

/// A process.
struct MadeUpProcess {
    id: String,
    next: u64,
    number: i64,
}

/// The first keys of a line.
struct MadeUpHead<'a> {
    level: &'a str,
    target: &'a str,
    event: Option<&'a str>,
    message: Option<&'a str>,
}

/// The last keys of a line, each null if it is left out.
struct MadeUpBody {
    properties: Value,
    spans: Value,
    once: Value,
}

impl MadeUpLog {
    fn new(machine: &MadeUpMachine, source: &'static str, offset: i64) -> Self {
        Self {
            source,
            id: machine.id + offset,
            ahead: machine.ahead,
            sessions: 0,
            segments: vec![Some(Vec::new())],
        }
    }

    /// Returns a session that begins then.
    fn session(&mut self, at: i64) -> MadeUpProcess {
        self.sessions += 1;
        let millis = (START + self.ahead + at) / 1000;
        MadeUpProcess {
            id: format!(
                "{:08x}-{:04x}-7000-8000-{:04x}{:08x}",
                millis >> 16,
                millis & 0xffff,
                self.id,
                self.sessions
            ),
            next: 0,
            number: self.sessions,
        }
    }

    /// Begins a session with a record of its own.
    fn begin(&mut self, at: i64, version: &str) -> Result<MadeUpProcess, Box<dyn Error>> {
        let mut session = self.session(at);
        let facts = self.facts(&session, version);
        self.own(&mut session, at, "session", &facts)?;
        Ok(session)
    }

    /// Returns the properties of the first record of a session.
    fn facts(&self, session: &MadeUpProcess, version: &str) -> Value {
        let installation = format!("5b0e8f3a-6c1d-4f0e-9a57-{:012x}", self.id);
        // No system has so many processes, so none of them still runs.
        let pid = 5_000_000 + session.number;
        json!({
            "installation": installation, "format": 1, "version": version, "localtel": "0.1.0",
            "pid": pid, "os": "linux", "arch": "x86_64", "resumed": false,
        })
    }

    /// Adds a record of localtel itself.
    fn own(
        &mut self,
        session: &mut MadeUpProcess,
        at: i64,
        event: &str,
        properties: &Value,
    ) -> Result<(), Box<dyn Error>> {
        let head = MadeUpHead {
            level: if event == "dropped" { "WARN" } else { "INFO" },
            target: "localtel",
            event: Some(event),
            message: None,
        };
        let body = MadeUpBody {
            properties: properties.clone(),
            spans: Value::Null,
            once: Value::Null,
        };
        self.push(session, at, &head, &body)
    }

    /// Adds a record at that time after the start.
    fn push(
        &mut self,
        session: &mut MadeUpProcess,
        at: i64,
        head: &MadeUpHead<'_>,
        body: &MadeUpBody,
    ) -> Result<(), Box<dyn Error>> {
        let micros = START + self.ahead + at;
        let time = Timestamp::from_unix_micros(micros).ok_or("no such time")?;
        let mut line = format!(
            r#"{{"timestamp":"{time}","level":"{}","source":"{}","target":"{}""#,
            head.level, self.source, head.target
        );
        for (key, text) in [("event", head.event), ("message", head.message)] {
            if let Some(text) = text {
                write!(line, r#","{key}":{}"#, json!(text))?;
            }
        }
        write!(
            line,
            r#","session":"{}","seq":{}"#,
            session.id, session.next
        )?;
        let values = [
            ("properties", &body.properties),
            ("spans", &body.spans),
            ("once", &body.once),
        ];
        for (key, value) in values {
            if !value.is_null() {
                write!(line, r#","{key}":{value}"#)?;
            }
        }
        line.push('}');
        session.next += 1;
        self.add(at, line.into_bytes());
        Ok(())
    }

    /// Adds a line that is no record.
    fn damage(&mut self, line: &[u8]) {
        let last = self.segments.iter().flatten().flatten().last();
        let at = last.map_or(0, |(at, _)| *at);
        self.add(at, line.to_vec());
    }

    fn add(&mut self, at: i64, line: Vec<u8>) {
        if let Some(Some(segment)) = self.segments.last_mut() {
            segment.push((at, line));
        }
    }

    fn next_segment(&mut self) {
        self.segments.push(Some(Vec::new()));
    }

    /// Begins a segment in place of one that somebody removed.
    fn lose_segment(&mut self) {
        self.segments.pop();
        self.segments.extend([None, Some(Vec::new())]);
    }

    /// Writes what exists on a day: segments from the floor on, and of them the lines until then.
    fn write_until(&self, day: &MadeUpVisit, state: &Path) -> Result<(), Box<dyn Error>> {
        let directory = state.join(self.source).join("telemetry");
        fs::create_dir_all(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        let id = format!("01a0{:04x}-0000-7000-8000-000000000000", self.id);
        write_file(
            &directory.join("log.json"),
            format!("{{\"log\":\"{id}\"}}").as_bytes(),
        )?;
        // A log that has one segment keeps it.
        let floor = day.floor.min(self.segments.len());
        for (number, segment) in (1..).zip(&self.segments) {
            let lines = segment.iter().flatten().filter(|(at, _)| *at <= day.visit);
            let lines: Vec<&[u8]> = lines.map(|(_, line)| &**line).collect();
            if number >= floor && !lines.is_empty() {
                let mut bytes = lines.join(&b'\n');
                bytes.push(b'\n');
                write_file(&directory.join(format!("events.{number:06}.jsonl")), &bytes)?;
            }
        }
        Ok(())
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

/// Returns one text of a list after the other.
fn pick(texts: &[&'static str], number: i64) -> &'static str {
    let number = usize::try_from(number).unwrap_or(0) % texts.len();
    texts.get(number).copied().unwrap_or_default()
}

/// 2026-11-23T00:00:00Z, a Monday, in microseconds after 1970.
const START: i64 = 1_795_392_000_000_000;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 60 * 60 * SECOND;
