//! Writes a week of made-up records of a server and of a command-line tool, for trying out `stats`
//! and for the pictures in the README. The same end gives the same records.
//!
//! ```sh
//! cargo run --bin made_up_week -- DIRECTORY [END]      # END is now, or 2026-11-29T10:00:00Z
//! XDG_STATE_HOME=DIRECTORY cargo run --bin localtel -- stats
//! ```
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
    let mut words = std::env::args().skip(1);
    let (Some(directory), end) = (words.next(), words.next()) else {
        eprintln!("usage: made_up_week DIRECTORY [END]");
        return ExitCode::from(2);
    };
    match write(Path::new(&directory), end.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("made_up_week: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path, end: Option<&str>) -> Result<(), Box<dyn Error>> {
    let end: Timestamp = match end {
        Some(end) => end.parse()?,
        None => Timestamp::now(),
    };
    let mut week = Week {
        random: Random(2026),
        start: end.unix_micros() - WEEK_MICROS,
        lines: Vec::new(),
    };
    for (name, target) in [("billing-api", "billing_api"), ("cloudctl", "cloudctl")] {
        match name {
            "billing-api" => week.server(name, target)?,
            _ => week.tool(name, target)?,
        }
        week.lines.sort_by_key(|(micros, _)| *micros);
        let lines: String = week.lines.drain(..).map(|(_, line)| line + "\n").collect();
        let telemetry = directory.join(name).join("telemetry");
        fs::create_dir_all(&telemetry)?;
        fs::set_permissions(&telemetry, fs::Permissions::from_mode(0o700))?;
        let segment = telemetry.join("events.000001.jsonl");
        fs::write(&segment, lines)?;
        fs::set_permissions(&segment, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// The records of a week.
struct Week {
    random: Random,
    /// Microseconds since 1970.
    start: i64,
    lines: Vec<(i64, String)>,
}

/// A session of an application.
struct MadeUpSession {
    source: &'static str,
    target: &'static str,
    id: i64,
    /// The start, which is a part of the id: milliseconds since 1970.
    millis: i64,
    next: u64,
}

impl Week {
    /// Adds a server that was replaced by a newer version on the fifth day, and killed once.
    fn server(&mut self, source: &'static str, target: &'static str) -> Result<(), Box<dyn Error>> {
        let runs = [
            (0, 50, "3.3.0", true),
            (50, 97, "3.3.0", false),
            (97, 168, "3.4.0", true),
        ];
        for (id, (from, until, version, is_orderly)) in (1..).zip(runs) {
            let mut session = MadeUpSession {
                source,
                target,
                id,
                millis: 0,
                next: 0,
            };
            self.begin(&mut session, from * HOUR, version)?;
            for hour in from..until {
                let hour_of_day = hour % 24;
                let busy = if (7..19).contains(&hour_of_day) {
                    34
                } else {
                    9
                };
                for _ in 0..busy {
                    let at = hour * HOUR + self.random.below(HOUR);
                    self.request(&mut session, at, (118..122).contains(&hour))?;
                }
            }
            if is_orderly && until < 168 {
                self.end(&mut session, until * HOUR)?;
            }
        }
        Ok(())
    }

    /// Adds a request. During an outage many fail.
    fn request(
        &mut self,
        session: &mut MadeUpSession,
        at: i64,
        is_outage: bool,
    ) -> Result<(), Box<dyn Error>> {
        let (route, usual) = match self.random.below(100) {
            0..58 => ("/v1/invoices", 12.0),
            58..86 => ("/v1/payments", 94.0),
            86..97 => ("/v1/refunds", 164.0),
            _ => ("/v1/reports/monthly", 1434.0),
        };
        let duration = self.random.around(usual);
        let fails = self.random.below(1000) < if is_outage { 420 } else { 7 };
        let warns = self.random.below(1000) < 22;
        let (level, event, message) = match (fails, warns) {
            (true, _) => ("ERROR", "request.failed", self.random.failure(is_outage)),
            (false, true) => (
                "WARN",
                "request.slow",
                "the answer took longer than the limit",
            ),
            (false, false) => ("INFO", "request", "handled a request"),
        };
        let status = if fails { 502 } else { 200 };
        let properties = json!({"route": route, "duration": duration, "status": status});
        let place = format!("{}::http", session.target);
        self.push(
            session,
            at,
            (level, &place, Some(event), Some(message)),
            &properties,
        )
    }

    /// Adds a tool whose commands are sessions of their own.
    fn tool(&mut self, source: &'static str, target: &'static str) -> Result<(), Box<dyn Error>> {
        for id in 1000..1210 {
            let at = self.random.below(WEEK_MICROS - HOUR);
            let version = if at < 4 * DAY { "1.9.3" } else { "1.10.1" };
            let mut session = MadeUpSession {
                source,
                target,
                id,
                millis: 0,
                next: 0,
            };
            self.begin(&mut session, at, version)?;
            let (command, usual) = match self.random.below(10) {
                0..5 => ("project-list", 210.0),
                5..8 => ("project-deploy", 8200.0),
                _ => ("login", 640.0),
            };
            let is_killed = self.random.below(100) < 2;
            let duration = self.random.around(usual);
            let fails = self.random.below(100) < 6;
            let (level, result) = if fails {
                ("ERROR", "ERROR")
            } else {
                ("INFO", "SUCCESS")
            };
            let message = fails.then_some("the API key has expired");
            let properties = json!({"command": command, "duration": duration, "result": result});
            if !is_killed {
                let after = at + 1_000_000;
                let place = format!("{target}::cli");
                self.push(
                    &mut session,
                    after,
                    (level, &place, Some("command"), message),
                    &properties,
                )?;
                self.end(&mut session, after + 1000)?;
            }
        }
        Ok(())
    }

    fn begin(
        &mut self,
        session: &mut MadeUpSession,
        at: i64,
        version: &str,
    ) -> Result<(), Box<dyn Error>> {
        session.millis = (self.start + at) / 1000;
        // No system has so many processes, so none of them still runs.
        let pid = 5_000_000 + session.id;
        let properties = json!({
            "installation": "5b0e8f3a-6c1d-4f0e-9a57-1f2e3d4c5b6a", "format": 1,
            "version": version, "localtel": "0.1.0", "pid": pid, "os": "linux",
            "arch": "x86_64", "resumed": false,
        });
        self.push(
            session,
            at,
            ("INFO", "localtel", Some("session"), None),
            &properties,
        )
    }

    fn end(&mut self, session: &mut MadeUpSession, at: i64) -> Result<(), Box<dyn Error>> {
        let recorded = session.next - 1;
        let properties = json!({"recorded": recorded, "dropped": 0, "refused": 0, "failed": 0});
        self.push(
            session,
            at,
            ("INFO", "localtel", Some("session.end"), None),
            &properties,
        )
    }

    /// Adds a record at that time after the start.
    fn push(
        &mut self,
        session: &mut MadeUpSession,
        at: i64,
        (level, target, event, message): (&str, &str, Option<&str>, Option<&str>),
        properties: &Value,
    ) -> Result<(), Box<dyn Error>> {
        let micros = self.start + at;
        let time = Timestamp::from_unix_micros(micros).ok_or("the end is too early or too late")?;
        let mut line = format!(
            r#"{{"timestamp":"{time}","level":"{level}","source":"{}","target":"{target}""#,
            session.source
        );
        for (key, text) in [("event", event), ("message", message)] {
            if let Some(text) = text {
                write!(line, r#","{key}":{}"#, json!(text))?;
            }
        }
        write!(
            line,
            r#","session":"{:08x}-{:04x}-7000-8000-{:012x}","seq":{},"properties":{properties}}}"#,
            session.millis >> 16,
            session.millis & 0xffff,
            session.id,
            session.next
        )?;
        session.next += 1;
        self.lines.push((micros, line));
        Ok(())
    }
}

/// Numbers that only look random.
struct Random(u64);

impl Random {
    /// Returns a number from 0 up to the limit.
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let number = i128::from(self.0 >> 33) * i128::from(limit) / (1 << 31);
        i64::try_from(number).unwrap_or(0)
    }

    /// Returns a duration in milliseconds: mostly about the usual one, sometimes many times that.
    fn around(&mut self, usual: f64) -> f64 {
        let factor = match self.below(100) {
            0..70 => 60 + self.below(80),
            70..95 => 100 + self.below(300),
            95..99 => 400 + self.below(900),
            _ => 1500 + self.below(2500),
        };
        #[expect(clippy::cast_precision_loss, reason = "the factor is small")]
        let factor = factor as f64 / 100.0;
        (usual * factor * 10.0).round() / 10.0
    }

    fn failure(&mut self, is_outage: bool) -> &'static str {
        match self.below(10) {
            _ if is_outage => "connection to db-2.internal:5432 refused",
            0..5 => "payment gateway timed out after 30s",
            5..8 => "could not serialize access due to concurrent update",
            _ => "connection to db-2.internal:5432 refused",
        }
    }
}

const HOUR: i64 = 60 * 60 * 1_000_000;
const DAY: i64 = 24 * HOUR;
const WEEK_MICROS: i64 = 7 * DAY;
