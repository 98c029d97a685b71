//! Questions about which records there are: by time, level, application, value and text.

use super::data::QuestionRecord;
use super::{END, QuestionHome};

const HOUR: i64 = 3_600_000_000;

/// 1: What went wrong in the last hour, everywhere?
#[test]
fn errors_of_the_last_hour_everywhere() {
    let home = QuestionHome::until_now();
    let answer = home.ask_at_terminal(80, "localtel show -l error -S -1h");
    let mut errors = home.data.all();
    let now = localtel::read::Timestamp::from(std::time::SystemTime::now()).unix_micros();
    errors.retain(|record| record.is_error() && record.micros > now - HOUR);
    answer.assert_rows_of_all(&errors);
    for name in ["billing-api", "cloudctl", "ingest-worker"] {
        assert!(errors.iter().any(|record| record.text("source") == name));
    }
}

/// 2: What went wrong in the last hour, in one application?
#[test]
fn errors_of_the_last_hour_in_one_application() {
    let home = QuestionHome::until_now();
    let answer = home.ask_at_terminal(80, "localtel --app billing-api show -l error -S -1h");
    let mut errors = home.data.of("billing-api");
    let now = localtel::read::Timestamp::from(std::time::SystemTime::now()).unix_micros();
    errors.retain(|record| record.is_error() && record.micros > now - HOUR);
    answer.assert_rows(&errors);
    // Each row says which request it was.
    for (row, record) in answer.rows().iter().zip(errors) {
        let id = record.of_span("request_id").as_str().unwrap();
        assert!(row.contains(&format!("request{{request_id={id} ")), "{row}");
    }
}

/// 6: What did the last process do, or that of a number?
#[test]
fn the_records_of_the_last_process() {
    let home = QuestionHome::new();
    let mut records = home.data.of("ingest-worker");
    let is_start = |record: &&&QuestionRecord| record.text("event") == "session";
    let start = **records.iter().rfind(is_start).as_ref().unwrap();
    records.retain(|record| record.text("session") == start.text("session"));
    let pid = start.property("pid");
    for typed in [
        "localtel --app ingest-worker show --session last --json".to_owned(),
        "localtel --app ingest-worker show --session=-1 --json".to_owned(),
        format!("localtel --app ingest-worker show pid={pid} --json"),
    ] {
        home.ask(&typed).assert_json(&records);
    }
    // When did it run?
    let typed = format!("localtel --app ingest-worker sessions pid={pid}");
    let answer = home.ask_at_terminal(80, &typed);
    let [row] = answer.rows()[..] else {
        panic!("{answer:?}");
    };
    assert!(row.starts_with(&start.text("timestamp")[11..19]), "{row}");
    assert!(row.contains(&format!(" {pid} ")), "{row}");
}

/// 8: What happened around an error?
#[test]
fn two_records_around_each_error() {
    let home = QuestionHome::new();
    for name in ["billing-api", "cloudctl"] {
        let typed = format!("localtel --app {name} show -l error -C 2 -n all");
        let answer = home.ask_at_terminal(80, &typed);
        let mut records = home.data.of(name);
        // Those that are hidden are not shown around others, either.
        records.retain(|record| !record.is_about_recording());
        let errors = (0..records.len()).filter(|place| records[*place].is_error());
        let mut expected: Vec<&str> = Vec::new();
        let mut next = 0;
        for place in errors {
            let around = place.saturating_sub(2).max(next)..(place + 3).min(records.len());
            if around.start > next && !expected.is_empty() {
                expected.push("--");
            }
            let times = records[around.clone()].iter();
            expected.extend(times.map(|record| &record.text("timestamp")[11..23]));
            next = around.end;
        }
        let mut shown = answer.lines();
        shown.retain(|line| *line == "--" || line.get(2..3) == Some(":"));
        let starts: Vec<&str> = shown.iter().map(|line| first_word(line)).collect();
        assert_eq!(starts, expected);
        assert!(expected.iter().filter(|line| **line == "--").count() > 3);
    }
}

fn first_word(line: &str) -> &str {
    line.split(' ').next().unwrap()
}

/// 8: What else did the requests do in which it occurred?
#[test]
fn all_records_of_requests_with_a_refused_connection() {
    let home = QuestionHome::new();
    let answer = home.ask("localtel --app billing-api show -g 'to db-2' --same span --json");
    let mut records = home.data.of("billing-api");
    let is_refused = |record: &&&QuestionRecord| record.text("message").contains("refused");
    let ids: Vec<_> = records
        .iter()
        .filter(is_refused)
        .map(|it| it.of_span("request_id"))
        .collect();
    records.retain(|record| ids.contains(&record.of_span("request_id")));
    // The requests that end later are shown later.
    let mut lines = answer.lines();
    let mut expected: Vec<String> = records.iter().map(|record| record.line()).collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert!(
        lines.len() >= 3 * ids.len(),
        "each has a failure and an end, too"
    );
}

/// 12: What was recorded between two times of my zone?
#[test]
fn errors_between_two_times_of_the_local_zone() {
    let home = QuestionHome::new();
    let typed = "localtel show -l error -S '2026-11-28 9:00' -U '2026-11-28 17:00'";
    let mut command = home.command(typed);
    command.env("NO_COLOR", "1").env("TZ", "CET-1");
    let answer = super::CommandAnswer::of(&super::output_at_terminal(command, 80));
    let mut errors = home.data.all();
    errors.retain(|record| {
        let time = record.text("timestamp");
        record.is_error() && ("2026-11-28T08:00:00".."2026-11-28T16:00:00").contains(&time)
    });
    assert!(!errors.is_empty());
    assert_eq!(answer.lines()[0], "2026-11-28 Saturday UTC+01:00");
    let local = |record: &&QuestionRecord| {
        let time = record.text("timestamp");
        let hour: u32 = time[11..13].parse().unwrap();
        format!("{:02}{}", hour + 1, &time[13..23])
    };
    let expected: Vec<String> = errors.iter().map(local).collect();
    let shown: Vec<&str> = answer.rows().iter().map(|row| &row[..12]).collect();
    assert_eq!(shown, expected);
}

/// 13: What did one request do?
#[test]
fn everything_of_one_request() {
    let home = QuestionHome::new();
    let mut records = home.data.of("billing-api");
    let failed = records.iter().rfind(|record| record.is_error()).unwrap();
    let id = failed.of_span("request_id").as_str().unwrap().to_owned();
    let answer = home.ask(&format!(
        "localtel --app billing-api show request_id={id} --json"
    ));
    records.retain(|record| record.of_span("request_id") == id.as_str());
    answer.assert_json(&records);
    assert!(records.len() >= 2);
}

/// 18: Which rows have this text?
#[test]
fn a_text_is_found_as_a_row_shows_it() {
    let home = QuestionHome::new();
    for (pattern, is_one) in [
        (
            "status=502",
            &(|it: &QuestionRecord| it.property("status") == 502) as &dyn Fn(&QuestionRecord) -> _,
        ),
        ("5432 Refused", &|_| false),
        ("5432 refused", &|it| it.text("message").contains("refused")),
        ("tenant=株式会社", &|it| {
            it.of_span("tenant") == "株式会社東京"
        }),
        ("^billing_api::db$", &|it| {
            it.text("target") == "billing_api::db"
        }),
        ("^error$", &|it| it.is_error()),
    ] {
        let answer = home.ask(&format!("localtel show --json -g '{pattern}'"));
        let mut records = home.data.all();
        records.retain(|record| is_one(record));
        let expected: Vec<String> = records.iter().map(|record| record.line()).collect();
        assert_eq!(answer.lines(), expected, "{pattern}");
    }
}

/// 20: What did these applications do, by time?
#[test]
fn several_applications_are_merged_by_time() {
    let home = QuestionHome::new();
    let typed = "localtel --app billing-api --app 'cloud*' show --json -S 2026-11-28";
    let mut records = home.data.all();
    records.retain(|record| {
        record.text("source") != "ingest-worker" && record.text("timestamp") >= "2026-11-28"
    });
    home.ask(typed).assert_json(&records);
}

/// 20: Which applications are there, and how much did they record?
#[test]
fn a_table_of_all_applications() {
    let home = QuestionHome::new();
    let answer = home.ask_at_terminal(80, "localtel status");
    let lines = answer.lines();
    assert_eq!(lines.len(), 4, "{answer:?}");
    for (line, application) in lines[1..].iter().zip(&home.data.applications) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], application.name);
        assert_eq!(words[1], "yes");
        assert_eq!(words[2], application.records().count().to_string());
        let last = application.records().last().unwrap().text("timestamp");
        assert_eq!(words[5..7].join("T"), last[..19]);
        let is_worker = application.name == "ingest-worker";
        assert_eq!(words[7..], [if is_worker { "412" } else { "0" }, "0"]);
    }
    assert!(lines.iter().all(|line| line.len() <= 80), "{answer:?}");
    assert!(END.starts_with("2026-11-29"));
}
