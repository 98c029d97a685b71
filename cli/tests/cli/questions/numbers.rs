//! Questions about numbers: how many, how long, which values, over time and beside another day.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::data::QuestionRecord;
use super::{CommandAnswer, QuestionHome};

/// Returns the cells of each line of a text, without bars; cells are two spaces apart.
fn cells(answer: &CommandAnswer, columns: usize) -> Vec<Vec<String>> {
    let cells_of = |line: &&str| {
        let cells = line.split("  ").map(str::trim);
        let cells = cells.filter(|cell| !cell.is_empty()).take(columns);
        cells.map(str::to_owned).collect()
    };
    answer.lines().iter().map(cells_of).collect()
}

/// Returns the rows below the line of headings that begins with these cells.
#[track_caller]
fn rows_below(answer: &CommandAnswer, headings: &[&str], count: usize) -> Vec<Vec<String>> {
    let lines = cells(answer, headings.len());
    let place = lines.iter().position(|line| line == headings);
    let place = place.unwrap_or_else(|| panic!("no {headings:?} in {answer:?}"));
    lines.into_iter().skip(place + 1).take(count).collect()
}

/// Returns the document that the command prints.
fn document(home: &QuestionHome, typed: &str) -> Value {
    let answer = home.ask(typed);
    serde_json::from_str(&answer.lines().concat()).unwrap()
}

/// Returns the values at some paths in each row; null if there is none.
fn members(rows: &Value, paths: &[&str]) -> Vec<Vec<Value>> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| {
        let member = |path: &&str| row.pointer(path).cloned().unwrap_or_default();
        paths.iter().map(member).collect()
    })
    .collect()
}

/// Returns the number of records with each value; records without one are left out.
fn counts<'a>(
    records: &[&'a QuestionRecord],
    value: impl Fn(&'a QuestionRecord) -> Option<&'a str>,
) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    for value in records.iter().filter_map(|record| value(record)) {
        *counts.entry(value).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// Returns the least of some sorted numbers such that that many in a hundred are not above it.
fn percentile(sorted: &[i64], percent: usize) -> i64 {
    let is_enough = |number: &&i64| {
        let not_above = sorted.iter().filter(|other| other <= number).count();
        not_above * 100 >= percent * sorted.len()
    };
    *sorted.iter().find(is_enough).unwrap()
}

/// Returns the records that `stats` counts unless `--own` is given.
fn counted(mut records: Vec<&QuestionRecord>) -> Vec<&QuestionRecord> {
    records.retain(|record| !record.is_about_recording());
    records
}

/// Returns the records of a day.
fn of_day<'a>(records: &[&'a QuestionRecord], day: &str) -> Vec<&'a QuestionRecord> {
    let mut records = records.to_vec();
    records.retain(|record| record.text("timestamp").starts_with(day));
    records
}

/// 3: Which command is the slowest?
#[test]
fn the_distribution_of_durations_of_each_command() {
    let home = QuestionHome::new();
    let mut durations: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for record in home.data.of("cloudctl") {
        if let Some(command) = record.property("command").as_str() {
            let duration = record.property("duration").as_i64().unwrap();
            durations.entry(command).or_default().push(duration);
        }
    }
    let mut expected: Vec<(&str, [i64; 6])> = durations
        .into_iter()
        .map(|(command, mut sorted)| {
            sorted.sort_unstable();
            let [p50, p95, p99] = [50, 95, 99].map(|percent| percentile(&sorted, percent));
            let count = i64::try_from(sorted.len()).unwrap();
            let (least, greatest) = (sorted[0], sorted[sorted.len() - 1]);
            (command, [count, least, p50, p95, p99, greatest])
        })
        .collect();
    // The slowest is the first.
    expected.sort_by_key(|(_, [_, _, _, p95, ..])| std::cmp::Reverse(*p95));
    assert_eq!(expected.len(), 5);

    let answer = home.ask("localtel stats -e command --by command --of duration");
    let headings = ["command", "N", "ERRORS", "MIN", "P50", "P95", "P99", "MAX"];
    let mut rows = rows_below(&answer, &headings, expected.len());
    for (row, (command, figures)) in rows.iter_mut().zip(expected) {
        row.remove(2);
        assert_eq!(row[0], command);
        assert_eq!(row[1..], figures.map(|figure| figure.to_string()));
    }
}

/// 4: How many errors were there on each day?
#[test]
fn the_number_of_errors_of_each_day() {
    let home = QuestionHome::new();
    let mut errors = home.data.all();
    errors.retain(|record| record.is_error());
    let mut expected = counts(&errors, |record| record.text("timestamp").get(..10));
    expected.sort_unstable();
    assert_eq!(expected.len(), 8);

    let answer = home.ask("localtel stats -l error --per day");
    let rows = rows_below(&answer, &["PER DAY", "N"], expected.len());
    for (row, (day, count)) in rows.iter().zip(expected) {
        // Behind the name of the day of the week.
        assert_eq!((&row[0][4..], row[1].as_str()), (day, &*count.to_string()));
    }
}

/// 5: Which versions are in use?
#[test]
fn the_versions_with_the_number_of_their_sessions() {
    let home = QuestionHome::new();
    let mut sessions: BTreeMap<String, u64> = BTreeMap::new();
    for record in home.data.all() {
        if record.text("event") == "session" && record.property("resumed") == false {
            let version = json!([record.text("source"), record.property("version")]);
            *sessions.entry(version.to_string()).or_default() += 1;
        }
    }
    // One application does not say its version.
    assert_eq!(sessions.len(), 5);

    let document = document(&home, "localtel stats --json");
    let versions = &document["overview"]["versions"];
    let names = members(versions, &["/application", "/version"]);
    let counts = members(versions, &["/sessions"]);
    let found: BTreeMap<String, u64> = names
        .into_iter()
        .zip(counts)
        .map(|(name, count)| (json!(name).to_string(), count[0].as_u64().unwrap()))
        .collect();
    assert_eq!(found, sessions);
}

/// 5: Which values does this key have?
#[test]
fn the_values_of_a_key_with_their_number() {
    let home = QuestionHome::new();
    for (typed, records) in [
        ("localtel stats --field version", counted(home.data.all())),
        ("localtel stats --field version --own", home.data.all()),
    ] {
        let expected = counts(&records, |record| record.property("version").as_str());
        let answer = home.ask(typed);
        let having: usize = expected.iter().map(|(_, count)| count).sum();
        let first = format!("version: in {having} of {} records", records.len());
        assert!(answer.lines()[0].starts_with(&first), "{answer:?}");
        let rows = rows_below(&answer, &["VALUE", "N"], expected.len());
        for (row, (version, count)) in rows.iter().zip(expected) {
            assert_eq!(row[..], [version.to_owned(), count.to_string()], "{typed}");
        }
    }
}

/// 9: Which are the ten most frequent messages?
#[test]
fn the_most_frequent_messages() {
    let home = QuestionHome::new();
    let records = counted(home.data.all());
    let mut expected = counts(&records, |record| record.value["message"].as_str());
    assert!(expected.len() > 10, "{expected:?}");
    let without = records.len() - expected.iter().map(|(_, count)| count).sum::<usize>();
    expected.truncate(10);

    let answer = home.ask("localtel stats --by message --top 10");
    let rows = rows_below(&answer, &["message", "N"], expected.len());
    for (row, (message, count)) in rows.iter().zip(expected) {
        assert_eq!(row[..], [message.to_owned(), count.to_string()]);
    }
    let note = format!("{without} records without `message` are not counted");
    assert!(answer.lines().contains(&note.as_str()), "{answer:?}");
}

/// 9: How many records are there of each value, which may be that of a span?
#[test]
fn the_number_of_records_of_each_value_of_a_span() {
    let home = QuestionHome::new();
    let records = counted(home.data.all());
    let expected = counts(&records, |record| record.of_span("tenant").as_str());
    assert_eq!(expected.len(), 4);

    let document = document(&home, "localtel stats --by tenant --json");
    let found = members(&document["breakdown"]["rows"], &["/key/tenant", "/records"]);
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(tenant, count)| vec![json!(tenant), json!(count)])
        .collect();
    assert_eq!(found, expected);
}

/// 10: When was it, by the hour?
#[test]
fn the_number_of_records_of_each_hour() {
    let home = QuestionHome::new();
    let records = counted(home.data.of("billing-api"));
    let mut expected: Vec<[usize; 2]> = vec![[0; 2]; 24 + 10];
    for record in records {
        let time = record.text("timestamp");
        let day = match &time[..10] {
            "2026-11-28" => 0,
            "2026-11-29" => 24,
            _ => continue,
        };
        let hour: usize = time[11..13].parse().unwrap();
        let [count, errors] = &mut expected[day + hour];
        *count += 1;
        *errors += usize::from(record.is_error());
    }

    let typed = "localtel --app billing-api stats --per hour -S 2026-11-28 --json";
    let document = document(&home, typed);
    let paths = ["/start", "/records", "/errors"];
    let found = members(&document["breakdown"]["rows"], &paths);
    let expected: Vec<_> = (0..)
        .zip(expected)
        .map(|(hour, [count, errors])| {
            let start = format!("2026-11-{}T{:02}:00:00Z", 28 + hour / 24, hour % 24);
            vec![json!(start), json!(count), json!(errors)]
        })
        .collect();
    assert_eq!(found, expected);
}

/// 10: Which hours had no error?
#[test]
fn an_hour_without_errors_has_a_row() {
    let home = QuestionHome::new();
    let mut errors = home.data.of("billing-api");
    errors.retain(|record| record.is_error());
    let hour_of = |record: &QuestionRecord| record.micros.div_euclid(3_600_000_000);
    let (first, last) = (hour_of(errors[0]), hour_of(errors[errors.len() - 1]));
    let expected: Vec<usize> = (first..=last)
        .map(|hour| errors.iter().filter(|it| hour_of(it) == hour).count())
        .collect();
    assert!(expected.contains(&0), "{expected:?}");

    let typed = "localtel --app billing-api stats -l error --per hour";
    let answer = home.ask(typed);
    let rows = rows_below(&answer, &["PER HOUR", "N"], expected.len());
    let found: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    let expected: Vec<String> = expected.iter().map(usize::to_string).collect();
    assert_eq!(found, expected);
}

/// 11: What is different from the day before?
#[test]
fn two_days_beside_each_other() {
    let home = QuestionHome::new();
    let all = home.data.all();
    let figures = ["2026-11-28", "2026-11-27"].map(|day| {
        let records = counted(of_day(&all, day));
        let of_level = |level| {
            counts(&records, |it| it.text("level").into())
                .into_iter()
                .find(|(name, _)| *name == level)
                .map_or(0, |(_, count)| count)
        };
        [records.len(), of_level("ERROR"), of_level("WARN")].map(|count| count.to_string())
    });

    let answer = home.ask("localtel stats -S 2026-11-28 -U 2026-11-29 --compare yesterday");
    let rows = rows_below(&answer, &["FIGURE", "N", "BEFORE"], 3);
    let [now, before] = figures;
    for (place, name) in ["records", "errors", "warnings"].into_iter().enumerate() {
        assert_eq!(rows[place], [name, &now[place], &before[place]]);
    }
}

/// 11: Which events are more frequent than on the day before?
#[test]
fn the_events_of_two_days() {
    let home = QuestionHome::new();
    let all = counted(home.data.all());
    let [now, before] = ["2026-11-28", "2026-11-27"].map(|day| {
        let counts = counts(&of_day(&all, day), |record| record.value["event"].as_str());
        counts.into_iter().collect::<BTreeMap<_, _>>()
    });
    let events: BTreeSet<&str> = now.keys().chain(before.keys()).copied().collect();
    let expected: BTreeSet<Vec<String>> = events
        .into_iter()
        .map(|event| {
            let [now, before] = [&now, &before].map(|of_day| of_day.get(event).unwrap_or(&0));
            vec![event.to_owned(), now.to_string(), before.to_string()]
        })
        .collect();
    assert!(expected.len() > 5, "{expected:?}");

    let typed = "localtel stats --by event -S 2026-11-28 -U 2026-11-29 --compare yesterday";
    let answer = home.ask(typed);
    let rows = rows_below(&answer, &["event", "N", "BEFORE"], expected.len());
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// 3, 4, 5, 9, 10, 11: Does the answer fit on a terminal?
#[test]
fn answers_with_numbers_fit_80_columns() {
    let home = QuestionHome::new();
    for typed in [
        "localtel stats",
        "localtel stats -e command --by command --of duration",
        "localtel stats -l error --per day",
        "localtel stats --field version --own",
        "localtel stats --by message --top 10",
        "localtel stats --by tenant",
        "localtel --app billing-api stats --per hour -S 2026-11-28",
        "localtel stats -S 2026-11-28 -U 2026-11-29 --compare yesterday",
    ] {
        let answer = home.ask_at_terminal(80, typed);
        let lines = answer.lines();
        assert!(lines.len() > 3, "{typed}: {answer:?}");
        for line in lines {
            let line = line.trim_end_matches('\r');
            assert!(
                line.width() <= 80 || line.starts_with("list them: "),
                "{typed}: {line}"
            );
        }
    }
}
