//! Questions about what happens next, and about what is new since the last time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use localtel::read::Timestamp;
use serde_json::{Value, json};

use super::{CommandAnswer, QuestionHome};

/// A record that is written while a command follows.
const REFUSED: (&str, &str, &str) = ("ERROR", "billing_api::db", "connection refused");
const SLOW: (&str, &str, &str) = ("WARN", "billing_api::db", "waited for a connection");
const FAILED: (&str, &str, &str) = ("ERROR", "billing_api::http", "no connection");

/// Writes a line as the running process of `billing-api` does.
fn record(home: &QuestionHome, (level, target, message): (&str, &str, &str)) {
    let path = home.telemetry("billing-api").join("events.jsonl");
    let lines = std::fs::read_to_string(&path).unwrap();
    let mut line: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    line["timestamp"] = json!(Timestamp::from(SystemTime::now()).to_string());
    line["level"] = json!(level);
    line["target"] = json!(target);
    line["message"] = json!(message);
    line["seq"] = json!(line["seq"].as_u64().unwrap() + 1);
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Starts a command, and writes these records again and again until `read` has read its output:
/// it is not known when a command has read what exists, and begins to follow.
fn follow<T>(
    home: &QuestionHome,
    typed: &str,
    records: &[(&str, &str, &str)],
    read: impl FnOnce(Child) -> T,
) -> T {
    let mut command = home.command(typed);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let is_read = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for values in records.iter().cycle() {
                if is_read.load(Ordering::Relaxed) {
                    return;
                }
                record(home, *values);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let result = read(child);
        is_read.store(true, Ordering::Relaxed);
        result
    })
}

/// 7: Follow only the errors of one module.
#[test]
fn errors_of_a_module_as_they_happen() {
    let home = QuestionHome::until_now();
    let typed = "localtel --app billing-api tail -n 0 -l error -t billing_api::db";
    let rows = follow(&home, typed, &[SLOW, REFUSED, FAILED], |mut child| {
        let rows = BufReader::new(child.stdout.take().unwrap()).lines();
        let rows: Vec<String> = rows.take(4).map(Result::unwrap).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        rows
    });
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert!(row.contains(" ERROR billing_api::db "), "{row}");
        assert!(row.contains(": connection refused"), "{row}");
    }
}

/// 25: Which errors are new since the last time?
#[test]
fn errors_since_the_last_run() {
    let home = QuestionHome::until_now();
    let typed = "localtel show -l error --cursor-file seen --json";
    let mut errors = home.data.all();
    errors.retain(|record| record.is_error());
    home.ask(typed).assert_json(&errors);
    assert_eq!(home.ask(typed).out, "");
    record(&home, FAILED);
    record(&home, SLOW);
    record(&home, REFUSED);
    let answer = home.ask(typed);
    let [first, second] = answer.lines()[..] else {
        panic!("{answer:?}");
    };
    assert!(first.contains("billing_api::http"), "{first}");
    assert!(second.contains("connection refused"), "{second}");
    assert_eq!(home.ask(typed).out, "");
}

/// 27: Wait for the next two failures, then end.
#[test]
fn waiting_ends_after_two_failures() {
    let home = QuestionHome::until_now();
    let typed = "localtel --app billing-api tail -n 0 -l error -m 2 -o json";
    let output = follow(&home, typed, &[FAILED, SLOW], |child| {
        child.wait_with_output()
    });
    let answer = CommandAnswer::of(&output.unwrap());
    let lines = answer.lines();
    assert_eq!(lines.len(), 2, "{answer:?}");
    assert!(
        lines.iter().all(|line| line.contains("billing_api::http")),
        "{answer:?}"
    );
}

/// 27: Wait for a failure for some time, and say whether there was one.
#[test]
fn waiting_ends_with_4_if_nothing_happens() {
    let home = QuestionHome::until_now();
    let answer = home.ask("localtel tail -n 0 -l error -U +1s --exit-status");
    assert_eq!((answer.code, answer.out.as_str()), (4, ""), "{answer:?}");
}
