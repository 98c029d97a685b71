//! Questions about how records are shown: as a block, as JSON, as a table, in a pager, and on a
//! terminal of 80 columns.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::data::QuestionRecord;
use super::{CommandAnswer, QuestionHome};
use crate::terminal::output_at_terminal;

/// Returns the newest record for which `is_one` is true.
fn newest<'a>(
    home: &'a QuestionHome,
    name: &str,
    is_one: impl Fn(&QuestionRecord) -> bool,
) -> &'a QuestionRecord {
    let records = home.data.of(name);
    records.into_iter().rfind(|record| is_one(record)).unwrap()
}

/// 14: What exactly does this record say?
#[test]
fn one_record_as_a_block() {
    let home = QuestionHome::new();
    let answer = home.ask_at_terminal(
        80,
        "localtel --app billing-api show -l error -n 1 -o pretty",
    );
    let record = newest(&home, "billing-api", QuestionRecord::is_error);
    let lines = answer.lines();
    for (key, value) in [
        ("event", record.text("event").to_owned()),
        ("message", record.text("message").to_owned()),
        ("source", record.text("source").to_owned()),
        (
            "session",
            format!("{} #{}", record.text("session"), record.value["seq"]),
        ),
    ] {
        assert!(
            lines.contains(&format!("  {key:10} {value}").as_str()),
            "{answer:?}"
        );
    }
    let mut values: Vec<_> = record.value["properties"]
        .as_object()
        .unwrap()
        .iter()
        .collect();
    for span in record.value["spans"].as_array().unwrap() {
        let name = span["name"].as_str().unwrap();
        assert!(
            lines.contains(&format!("  span {name}").as_str()),
            "{answer:?}"
        );
        values.extend(span["properties"].as_object().unwrap());
    }
    for (key, value) in values {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        assert!(
            lines.contains(&format!("    {key} = {text}").as_str()),
            "{answer:?}"
        );
    }
    let starts = [
        record.text("timestamp"),
        record.text("level"),
        record.text("target"),
    ];
    assert_eq!(lines[0], starts.join(" "));
}

/// 14: A text of several lines stays below its key, and a long one is whole.
#[test]
fn a_block_has_whole_texts_and_marks_their_lines() {
    let home = QuestionHome::new();
    let typed = "localtel --app ingest-worker show --has row -o pretty";
    let answer = home.ask_at_terminal(80, typed);
    let record = newest(&home, "ingest-worker", |it| it.property("row").is_string());
    let lines = answer.lines();
    let (first, second) = record
        .property("error")
        .as_str()
        .unwrap()
        .split_once('\n')
        .unwrap();
    let error = lines
        .iter()
        .position(|line| *line == "    error =")
        .unwrap();
    assert_eq!(lines[error + 1], format!("      | {first}"));
    assert_eq!(lines[error + 2], format!("      | {second}"));
    let row = record.property("row").as_str().unwrap();
    assert!(answer.out.contains(&format!("    row = {row}\n")));
}

/// 15: Copy a record as it is stored.
#[test]
fn a_record_as_it_is_stored() {
    let home = QuestionHome::new();
    let record = newest(&home, "billing-api", QuestionRecord::is_error);
    let answer = home.ask("localtel --app billing-api show -l error -n 1 -o json");
    answer.assert_json(&[record]);
}

/// 16: All commands as a table for a spreadsheet, with one column a property.
#[test]
fn commands_as_csv_have_one_column_a_property() {
    let home = QuestionHome::new();
    let answer = home.ask("localtel --app cloudctl show -e command -o csv");
    let mut reader = csv::Reader::from_reader(answer.out.as_bytes());
    let headings = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let mut commands = home.data.of("cloudctl");
    commands.retain(|record| record.text("event") == "command");
    assert_eq!(rows.len(), commands.len());
    let cell = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_null() => String::new(),
        None => value.to_string(),
    };
    for (row, command) in rows.iter().zip(&commands) {
        let properties = command.value["properties"].as_object().unwrap();
        for (heading, shown) in headings.iter().zip(row) {
            let value = properties.get(heading).unwrap_or(&command.value[heading]);
            assert_eq!(shown, cell(value), "{heading}: {}", command.line());
        }
        let is_shown = |key: &String| headings.iter().any(|heading| heading == key);
        assert!(properties.keys().all(is_shown), "{headings:?}");
    }
}

/// 17: Read it in a pager with colours, one row a record.
#[test]
fn a_pager_gets_colours_only_where_it_shows_them() {
    let home = QuestionHome::new();
    let pager = home.path("less");
    std::fs::write(&pager, "#!/bin/sh\nenv > options\ncat > paged\n").unwrap();
    std::fs::set_permissions(&pager, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut errors = home.data.all();
    errors.retain(|record| record.is_error());
    for (less, expected) in [(None, "FRSX"), (Some("--ignore-case"), "--ignore-case")] {
        let mut command = home.command("localtel show -l error");
        command
            .env("LOCALTEL_PAGER", &pager)
            .envs(less.map(|less| ("LESS", less)));
        let answer = CommandAnswer::of(&output_at_terminal(command, 80));
        assert_eq!((answer.code, answer.out.as_str()), (0, ""), "{answer:?}");
        let paged = std::fs::read_to_string(home.path("paged")).unwrap();
        assert_eq!(paged.contains('\u{1b}'), less.is_none(), "{paged}");
        let rows = paged.lines().filter(|line| line.contains("ERROR"));
        assert_eq!(rows.count(), errors.len());
        let options = std::fs::read_to_string(home.path("options")).unwrap();
        assert!(
            options
                .lines()
                .any(|line| line == format!("LESS={expected}"))
        );
    }
}

/// 28: Only these values of each command.
#[test]
fn chosen_values_are_columns() {
    let home = QuestionHome::new();
    let typed = "localtel show -e command -o fields:time,command,duration,error";
    let mut commands = home.data.of("cloudctl");
    commands.retain(|record| record.text("event") == "command");
    let values = |record: &QuestionRecord| {
        let text = |key| record.property(key).as_str().unwrap_or_default().to_owned();
        [
            text("command"),
            record.property("duration").to_string(),
            text("error"),
        ]
    };
    let of_pipe = home.ask(typed);
    let expected: Vec<String> = commands
        .iter()
        .map(|it| format!("{}\t{}", it.text("timestamp"), values(it).join("\t")))
        .collect();
    assert_eq!(of_pipe.lines(), expected);
    // At a terminal they are aligned, and fit.
    let at_terminal = home.ask_at_terminal(80, &format!("{typed} -n 20"));
    let rows = at_terminal.rows();
    assert_eq!(rows.len(), 20);
    assert!(
        at_terminal.lines()[0].starts_with("time "),
        "{at_terminal:?}"
    );
    for (row, record) in rows.into_iter().zip(&commands[commands.len() - 20..]) {
        assert!(row.width() <= 80, "{row}");
        let shown: Vec<&str> = row
            .split("  ")
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .collect();
        let time = record.text("timestamp")[11..23].to_owned();
        let mut expected = vec![time];
        expected.extend(values(record));
        expected.retain(|value| !value.is_empty());
        assert_eq!(shown, expected);
    }
}

/// 29: What did the application do, without the records about recording?
#[test]
fn records_about_the_recording_are_hidden_at_a_terminal() {
    let home = QuestionHome::new();
    let mut records = home.data.of("cloudctl");
    let all = records.len();
    records.retain(|record| !record.is_about_recording());
    let hidden = all - records.len();
    let answer = home.ask_at_terminal(80, "localtel --app cloudctl show -n all");
    answer.assert_rows(&records);
    assert!(answer.err.contains(&hidden.to_string()), "{}", answer.err);
    home.ask("localtel --app cloudctl show --no-own --json")
        .assert_json(&records);
    let with_own = home.ask_at_terminal(80, "localtel --app cloudctl show --own -n all");
    assert_eq!(with_own.rows().len(), all);
    // A record without an event is not hidden with them.
    let loaded = home.ask_at_terminal(
        80,
        "localtel --app billing-api show -g 'configuration loaded'",
    );
    assert_eq!(loaded.rows().len(), 5);
}

/// 30: Is it readable with 80 columns, with wide letters, and without colours?
#[test]
fn rows_wrap_at_80_columns_and_values_are_cut() {
    let home = QuestionHome::new();
    let wrapped = home.ask_at_terminal(80, "localtel show -l warn --wrap");
    let widest = wrapped
        .lines()
        .into_iter()
        .map(UnicodeWidthStr::width)
        .max();
    assert!(widest.unwrap() <= 80, "{widest:?}");
    // A value of 12 kB takes one row.
    let answer = home.ask_at_terminal(80, "localtel show --has row");
    let [row] = answer.rows()[..] else {
        panic!("{answer:?}");
    };
    assert!(row.len() < 400 && row.contains("row=0123456789ab"), "{row}");
    let wide = home.ask_at_terminal(80, "localtel show -e batch file~資料 -o fields:file,rows");
    let mut ends: Vec<usize> = wide
        .lines()
        .into_iter()
        .map(UnicodeWidthStr::width)
        .collect();
    ends.dedup();
    assert_eq!(ends.len(), 1, "the numbers end in one column: {wide:?}");
}

/// 30: Do texts and tables fit 80 columns?
#[test]
fn texts_and_tables_fit_80_columns() {
    let home = QuestionHome::new();
    for typed in [
        "localtel status",
        "localtel --app billing-api status",
        "localtel doctor --all --full-at 100",
        "localtel explain --all",
        "localtel profiles --all",
        "localtel sessions -n 20",
        "localtel show --help",
    ] {
        let answer = home.ask_at_terminal(80, typed);
        let too_wide = answer.out.lines().find(|line| {
            // Commands and paths stay whole.
            line.width() > 80 && !line.contains(['`', '/'])
        });
        assert_eq!(too_wide, None, "{typed}");
        assert!(!answer.out.is_empty(), "{typed}: {answer:?}");
    }
}

/// 30: Does nothing in a record reach the terminal as a command?
#[test]
fn a_hostile_name_is_shown_and_not_obeyed() {
    let home = QuestionHome::new();
    let hostile = super::applications::HOSTILE_FILE;
    let mut records = home.data.of("ingest-worker");
    records.retain(|record| record.property("file") == hostile);
    for options in [
        "",
        " -o pretty",
        " -o json",
        " -o csv",
        " -o fields:time,file",
        " --wrap",
    ] {
        let typed = format!("localtel show --app ingest-worker file~exe{options}");
        let answer = home.ask_at_terminal(80, &typed);
        assert_eq!(
            answer.out.matches("gpj.").count(),
            records.len(),
            "{answer:?}"
        );
        let is_obeyed = |letter| matches!(letter, '\u{1b}' | '\u{9b}' | '\u{202e}');
        assert!(!answer.out.contains(is_obeyed), "{answer:?}");
    }
}

/// 30: Are there colours only where they are wanted?
#[test]
fn colours_are_only_where_they_are_wanted() {
    let home = QuestionHome::new();
    for (variables, is_coloured) in [
        (&[][..], true),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
    ] {
        let mut command = home.command("localtel show -l error -n 3");
        command.envs(variables.iter().copied());
        let answer = CommandAnswer::of(&output_at_terminal(command, 80));
        assert_eq!(answer.out.contains('\u{1b}'), is_coloured, "{variables:?}");
    }
    let forced = home.ask("localtel --color always show -l error -n 3");
    assert!(forced.out.contains('\u{1b}'));
}

/// 31: Facts about all applications, for programs.
#[test]
fn facts_are_json_documents() {
    let home = QuestionHome::new();
    let status = home.ask("localtel status --json");
    for (line, application) in status.lines().into_iter().zip(&home.data.applications) {
        let status: Value = serde_json::from_str(line).unwrap();
        assert_eq!(status["source"], application.name);
        assert_eq!(status["uuid"], application.installation.as_str());
        assert_eq!(status["storage"]["records"], application.records().count());
    }
    assert_eq!(status.lines().len(), 3);
    for command in ["doctor --full-at 100", "explain", "profiles", "report"] {
        let answer = home.ask(&format!("localtel {command} --all --json"));
        let documents: Vec<&str> = answer.out.lines().collect();
        assert_eq!(documents.len(), 3, "{command}: {documents:?}");
        for document in documents {
            let parsed: Value = serde_json::from_str(document).unwrap();
            assert!(parsed.is_object() || parsed.is_array(), "{document}");
        }
    }
}
