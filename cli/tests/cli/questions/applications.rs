//! Three applications, and what they record in the seven days up to `end`: a service with spans,
//! a program that runs for a moment, and a worker that is killed now and then. Each has failures
//! in the last hour.

use serde_json::{Value, json};

use super::data::ApplicationData;
use super::log::ApplicationLog;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Returns the time, or a later one if nothing is recorded then: nothing begins about an hour
/// before the end, so that `--since -1h` means the same records for some time after the end.
fn outside_of_gap(time: i64, end: i64) -> i64 {
    let gap = end - 61 * MINUTE..end - 57 * MINUTE;
    if gap.contains(&time) { gap.end } else { time }
}

fn is_in_last_hour(time: i64, end: i64) -> bool {
    time > end - HOUR
}

/// A service. Its process is restarted four times; the third one was killed, and the last one is
/// still running.
pub(super) fn billing_api(end: i64) -> ApplicationData {
    let mut log = ApplicationLog::new("billing-api", 1);
    let mut service = BillingService::default();
    let mut time = end - 7 * DAY;
    for (process, hours) in [41, 33, 28, 50, 16].into_iter().enumerate() {
        let version = if process < 2 { "3.3.0" } else { "3.3.1" };
        let until = time + hours * HOUR;
        log.begin(time, Some(version));
        log.record(
            time + 90_000,
            json!({ "level": "INFO", "target": "billing_api", "message": "configuration loaded" }),
        );
        time += log.random.between(2, 30) * SECOND;
        while time < until - 3 * MINUTE {
            service.request(&mut log, time, end);
            let pause = if is_in_last_hour(time, end) { 40 } else { 300 };
            time += log.random.between(pause / 4, 2 * pause) * SECOND + 137;
            time = outside_of_gap(time, end);
        }
        time = until;
        match process {
            0 | 1 | 3 => log.end(time - SECOND),
            2 | 4 => {}
            process => panic!("no process {process}"),
        }
        if process == 1 || process == 3 {
            log.rotate();
        }
    }
    log.finish()
}

#[derive(Default)]
struct BillingService {
    requests: u64,
}

/// The routes, with the usual milliseconds of a request.
const ROUTES: [(&str, &str, i64); 6] = [
    ("GET", "/v1/invoices", 12),
    ("GET", "/v1/customers", 18),
    ("POST", "/v1/payments", 94),
    ("POST", "/v1/refunds", 164),
    ("GET", "/v1/reports/monthly", 1434),
    ("POST", "/v1/webhooks", 31),
];

const TENANTS: [&str; 4] = ["acme", "globex", "initech", "株式会社東京"];

impl BillingService {
    /// Records a request: sometimes a wait for a connection, perhaps a failure, and its end.
    fn request(&mut self, log: &mut ApplicationLog, start: i64, end: i64) {
        self.requests += 1;
        // Multiplied by an odd number, so that no two are the same.
        let id = (self.requests * 0x9e_3779) & 0xff_ffff;
        let (method, route, usual) = log.random.pick(&ROUTES);
        let tenant = log.random.pick(&TENANTS);
        let spans = json!([{ "name": "request", "properties": {
            "request_id": format!("req-{id:06x}"), "method": method, "tenant": tenant } }]);
        let in_query = {
            let mut spans = spans.clone();
            let query = json!({ "name": "query", "properties": { "table": &route[4..] } });
            spans.as_array_mut().unwrap().push(query);
            spans
        };
        let mut time = start;
        let mut duration = log.random.milliseconds_near(usual).max(1);
        if log.random.has_chance(20) {
            let waited = log.random.between(1, 400);
            let in_use = log.random.between(3, 11);
            let level = if waited > 300 { "WARN" } else { "INFO" };
            log.record(
                time + 700,
                json!({ "level": level, "target": "billing_api::db", "event": "pool",
                    "message": "waited for a connection",
                    "properties": { "waited_ms": waited, "in_use": in_use },
                    "spans": in_query }),
            );
            time += waited * 1000;
        }
        let failures = if is_in_last_hour(start, end) { 20 } else { 3 };
        let mut status = if log.random.has_chance(5) { 404 } else { 200 };
        if log.random.has_chance(failures) {
            (status, duration) = fail(log, time + 2000, duration, (&spans, &in_query));
        }
        let level = if status == 404 { "WARN" } else { "INFO" };
        log.record(
            time + duration * 1000 + 2500,
            json!({ "level": level, "target": "billing_api::http", "event": "request",
                "message": format!("{method} {route}"),
                "properties": { "route": route, "status": status, "duration_ms": duration },
                "spans": spans }),
        );
    }
}

/// Records that a request fails, and returns its status and how long it took.
fn fail(
    log: &mut ApplicationLog,
    start: i64,
    duration: i64,
    (request, in_query): (&Value, &Value),
) -> (i64, i64) {
    let failed = |status: i64, message: &str| {
        json!({ "level": "ERROR", "target": "billing_api::http", "event": "request.failed",
            "message": message, "properties": { "status": status, "attempt": 1 },
            "spans": request })
    };
    match log.random.between(0, 3) {
        0 => {
            let message = "payment gateway timed out after 30s";
            log.record(start + 30 * SECOND, failed(502, message));
            (502, 30_001)
        }
        1 => {
            log.record(
                start,
                json!({ "level": "ERROR", "target": "billing_api::db", "event": "pool",
                    "message": "connection to db-2.internal:5432 refused",
                    "properties": { "host": "db-2.internal", "in_use": 10 },
                    "spans": in_query }),
            );
            log.record(start + 400, failed(500, "no connection to the database"));
            (500, duration)
        }
        _ => {
            let message = "could not serialize access due to concurrent update";
            log.record(start + duration * 1000, failed(500, message));
            (500, duration)
        }
    }
}

/// A program of many short sessions: each runs one command. Some machines still have the old
/// version after three days.
pub(super) fn cloudctl(end: i64) -> ApplicationData {
    let mut log = ApplicationLog::new("cloudctl", 2);
    let mut time = end - 7 * DAY + 9 * MINUTE;
    let mut has_new_version = false;
    let mut sessions = 0;
    loop {
        let minutes = if is_in_last_hour(time, end) { 4 } else { 60 };
        let pause = log.random.between(minutes * 20, minutes * 100) * SECOND;
        let is_before = !is_in_last_hour(time, end);
        time += pause;
        if is_before && is_in_last_hour(time, end) {
            // No pause skips the last hour.
            time = end - HOUR;
        }
        time = outside_of_gap(time, end);
        if time > end - 2 * MINUTE {
            return log.finish();
        }
        sessions += 1;
        let is_old = time < end - 4 * DAY || log.random.has_chance(10);
        let version = if is_old { "1.9.3" } else { "1.10.1" };
        log.begin(time, Some(version));
        if !is_old && !std::mem::replace(&mut has_new_version, true) {
            let properties = json!({ "from": "1.9.3", "to": "1.10.1" });
            log.record(
                time,
                json!({ "level": "INFO", "target": "localtel", "event": "version",
                    "properties": properties }),
            );
        }
        let duration = run_command(
            &mut log,
            time,
            version,
            sessions % 2 == 0 && is_in_last_hour(time, end),
        );
        // Now and then Ctrl-C ends it before it can write the end of the session.
        if !log.random.has_chance(4) {
            log.end(time + (duration + 1) * 1000);
        }
        if sessions == 90 {
            log.rotate();
        }
    }
}

/// The commands of `cloudctl`, with the usual milliseconds.
const COMMANDS: [(&str, i64); 5] = [
    ("cloudctl-project-list", 240),
    ("cloudctl-project-show", 110),
    ("cloudctl-cluster-create", 5200),
    ("cloudctl-cluster-delete", 2100),
    ("cloudctl-login", 900),
];

const COMMAND_ERRORS: [&str; 3] = [
    "permission denied",
    "not found: no such project",
    "unavailable: eu-west-3",
];

/// Records one command, and returns its duration in milliseconds.
fn run_command(log: &mut ApplicationLog, start: i64, version: &str, fails: bool) -> i64 {
    let (command, usual) = log.random.pick(&COMMANDS);
    let duration = log.random.milliseconds_near(usual);
    let is_failed = fails || log.random.has_chance(6);
    let mut properties = json!({ "arch": "x86_64", "command": command, "duration": duration });
    let mut set = |key: &str, value: Value| properties[key] = value;
    if is_failed {
        set("error", log.random.pick(&COMMAND_ERRORS).into());
    }
    if log.random.has_chance(30) {
        set(
            "flags",
            log.random
                .pick(&[&["json"][..], &["debug", "json"], &["yes"]])
                .into(),
        );
    }
    set("os", "linux".into());
    if command != "cloudctl-login" {
        // A text, although it has only digits.
        set(
            "project_id",
            (43_000 + log.random.between(0, 20)).to_string().into(),
        );
    }
    set("result", if is_failed { "ERROR" } else { "SUCCESS" }.into());
    set("version", version.into());
    set("command.id", log.random.uuid().into());
    let level = if is_failed { "ERROR" } else { "INFO" };
    log.record(
        start + duration * 1000,
        json!({ "level": level, "target": "localtel", "event": "command",
            "properties": properties }),
    );
    duration
}

/// A worker that starts every eight hours; one in four is killed, and the last one is running.
/// Its files have names and contents from elsewhere.
pub(super) fn ingest_worker(end: i64) -> ApplicationData {
    let mut log = ApplicationLog::new("ingest-worker", 3);
    let start = end - 7 * DAY;
    let mut batches = 0;
    for process in 0..21 {
        let from = start + process * 8 * HOUR + 4 * MINUTE;
        let until = start + (process + 1) * 8 * HOUR;
        log.begin(from, None);
        let mut time = from + SECOND;
        while time < until - 5 * MINUTE {
            batches += 1;
            ingest(&mut log, time, batches, is_in_last_hour(time, end));
            let pause = if is_in_last_hour(time, end) { 3 } else { 12 };
            time += log.random.between(pause * 30, pause * 90) * SECOND + 11;
            time = outside_of_gap(time, end);
        }
        if process == 14 {
            log.drop_events(until - MINUTE, 412);
        }
        if process % 4 != 1 && process < 20 {
            log.end(until - MINUTE + SECOND);
        }
    }
    log.finish()
}

/// Records a batch of rows from a file.
fn ingest(log: &mut ApplicationLog, time: i64, number: i64, often_fails: bool) {
    let file = match number {
        HOSTILE_BATCH => HOSTILE_FILE.to_owned(),
        number if number % 9 == 0 => format!("資料-{number:04}.csv"),
        number => format!("orders-{number:04}.csv"),
    };
    let flags: &[&str] = log
        .random
        .pick(&[&["gzip"][..], &["gzip", "debug"], &["plain"]]);
    let target = "ingest_worker::batch";
    if log.random.has_chance(15) {
        log.record(
            time,
            json!({ "level": "DEBUG", "target": target, "event": "batch.chunk",
                "properties": { "file": file, "chunk": 1 } }),
        );
    }
    if log.random.has_chance(6) {
        let attempt = log.random.between(1, 4);
        log.record(
            time + 40_000,
            json!({ "level": "WARN", "target": "ingest_worker::source", "event": "batch.retry",
                "message": "the source is slow",
                "properties": { "file": file, "attempt": attempt } }),
        );
    }
    let duration = log.random.milliseconds_near(2400);
    let rows = log.random.between(1000, 90_000);
    let is_failed = log.random.has_chance(if often_fails { 25 } else { 4 });
    let mut properties =
        json!({ "file": file, "rows": rows, "duration": duration, "flags": flags });
    let (level, event, message) = if is_failed || number == LONG_BATCH {
        let line = log.random.between(1, rows);
        properties["error"] = format!("line {line}: expected a number\nfound: \"n/a\"").into();
        ("ERROR", "batch.failed", "a file was rejected")
    } else {
        ("INFO", "batch", "ingested a file")
    };
    if number == LONG_BATCH {
        properties["row"] = "0123456789ab".repeat(1000).into();
    }
    log.record(
        time + duration * 1000,
        json!({ "level": level, "target": target, "event": event, "message": message,
            "properties": properties }),
    );
}

/// The batch of a file whose name tries to clear the screen, and to reverse what is behind it.
const HOSTILE_BATCH: i64 = 300;
pub(super) const HOSTILE_FILE: &str = "\u{1b}[2J\u{202e}gpj.\u{9b}31mexe";

/// The batch with a value of 12 kB.
const LONG_BATCH: i64 = 333;
