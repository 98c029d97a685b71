//! The generated records are such as localtel writes, and the same each time.

use super::QuestionHome;
use super::applications::HOSTILE_FILE;
use crate::support::{check_latest, check_sessions, line_error};

#[test]
fn each_generated_line_is_one_that_localtel_writes() {
    let home = QuestionHome::new();
    let mut session_records = 0;
    for application in &home.data.applications {
        for record in application.records() {
            assert_eq!(line_error(&record.line()), None, "{}", record.line());
            session_records += usize::from(record.text("event") == "session");
        }
        let directory = home.telemetry(application.name);
        let sessions = check_sessions(&directory);
        let latest = check_latest(&directory);
        assert!(latest + 1 >= sessions, "{latest} {sessions}");
    }
    assert!(session_records > 150, "{session_records}");
}

#[test]
fn nothing_is_wrong_with_the_generated_directories() {
    let home = QuestionHome::new();
    let answer = home.ask("localtel doctor --all --full-at 100 --json");
    assert_eq!(answer.code, 3, "{answer:?}");
    // Only what the generator did on purpose is found.
    for line in answer.out.lines() {
        let report: serde_json::Value = serde_json::from_str(line).unwrap();
        for finding in report["findings"].as_array().unwrap() {
            assert!(
                finding["kind"] == "sessions" || finding["kind"] == "dropped",
                "{finding}"
            );
        }
    }
}

#[test]
fn the_same_end_gives_the_same_records() {
    let (first, second) = (QuestionHome::new(), QuestionHome::new());
    let lines = |home: &QuestionHome| -> Vec<String> {
        home.data.all().iter().map(|record| record.line()).collect()
    };
    assert_eq!(lines(&first), lines(&second));
    assert!((2500..6000).contains(&lines(&first).len()));
}

#[test]
fn the_generated_records_have_what_is_asked_for() {
    let home = QuestionHome::new();
    let all = home.data.all();
    let is_any = |is_one: &dyn Fn(&super::QuestionRecord) -> bool| all.iter().any(|it| is_one(it));
    assert!(is_any(&|it| it.text("event") == "dropped"));
    assert!(is_any(&|it| it.property("file") == HOSTILE_FILE));
    assert!(is_any(&|it| it.line().len() > 12_000));
    assert!(is_any(&|it| it.line().contains("資料")));
    let ends = all.iter().filter(|it| it.text("event") == "session.end");
    let sessions = all.iter().filter(|it| it.property("resumed") == false);
    assert!(ends.count() + 8 < sessions.count());
    // An hour before the end, nothing is recorded for some minutes.
    let end: localtel::read::Timestamp = super::END.parse().unwrap();
    let minutes = |it: &super::QuestionRecord| (end.unix_micros() - it.micros) / 60_000_000;
    assert!(!is_any(&|it| (58..60).contains(&minutes(it))));
    for application in &home.data.applications {
        let errors = application
            .records()
            .filter(|it| it.is_error() && minutes(it) < 58);
        assert!(errors.count() >= 2, "{}", application.name);
    }
}
