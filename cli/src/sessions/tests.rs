use std::fs;

use super::counting::Hosts;
use super::*;
use crate::cells::coloured_width;
use crate::reading::NamedInput;
use crate::screen::Memory;
use crate::time::Zone;
use clap::Parser;
use localtel::read::Reader;
use localtel::read::tally::SessionTally;

/// A command line with the flags of `sessions`.
#[derive(Debug, Parser)]
struct SessionsLine {
    #[command(flatten)]
    args: SessionsArgs,
}

/// The start of the ids of sessions, which began at 2024-11-27T19:16:48.768Z.
const STARTED: &str = "01936f0e-0000-7000-8000-0000000000";

fn line(session: u8, second: u8, rest: &str) -> String {
    format!(
        r#"{{"timestamp":"2024-11-27T19:17:{second:02}.000000Z",{rest},"session":"{STARTED}{session:02}","seq":{second}}}"#
    ) + "\n"
}

fn record(session: u8, second: u8, level: &str) -> String {
    let rest = format!(r#""level":"{level}","source":"shop","target":"shop""#);
    line(session, second, &rest)
}

fn own(session: u8, second: u8, event: &str, properties: &str) -> String {
    let head = line(
        session,
        second,
        r#""level":"INFO","source":"shop","target":"localtel""#,
    );
    let head = head.replace(
        r#""target":"localtel""#,
        &format!(r#""target":"localtel","event":"{event}""#),
    );
    head.replace("}\n", &format!(",\"properties\":{{{properties}}}}}\n"))
}

/// A process that ended in order, and another one, with an error, that did not.
fn two_sessions() -> String {
    [
        own(1, 1, "session", r#""version":"1.2.0","pid":4194301"#),
        own(2, 2, "session", r#""version":"1.10.0","pid":4194302"#),
        record(1, 3, "INFO"),
        record(2, 4, "ERROR"),
        own(
            1,
            5,
            "session.end",
            r#""recorded":1,"dropped":7,"refused":0,"failed":0"#,
        ),
    ]
    .concat()
}

fn directory(lines: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("events.000001.jsonl"), lines).unwrap();
    home
}

/// Runs the command on that directory, and returns the exit, the output and the messages.
fn listed(home: &tempfile::TempDir, flags: &[&str]) -> (Exit, String, String) {
    let args = SessionsLine::try_parse_from([&["sessions"], flags].concat());
    let args = args.unwrap().args;
    let inputs = RecordInputs::of(vec![NamedInput::of_directory(home.path())]);
    let mut memory = Memory::default();
    let exit = memory.with(|screen| run(&args, &inputs, screen).unwrap());
    (exit, memory.out(), memory.err())
}

#[test]
fn each_session_is_a_row_of_what_it_recorded() {
    let home = directory(&two_sessions());
    let (exit, out, err) = listed(&home, &[]);
    let expected = "\
START                LENGTH  VERSION      PID  RECORDS  ERRORS  LOST  END
2024-11-27 19:16:48   16.2s  1.2.0    4194301        3       0     7  orderly
2024-11-27 19:16:48   15.2s  1.10.0   4194302        2       1     0  no end
";
    assert_eq!(
        (exit, out.as_str(), err.as_str()),
        (Exit::Done, expected, "")
    );
}

#[test]
fn only_records_that_match_are_counted() {
    let home = directory(&two_sessions());
    let (_, out, _) = listed(&home, &["-l", "error", "-o", "tsv"]);
    let rows: Vec<Vec<&str>> = out.lines().map(|row| row.split('\t').collect()).collect();
    let [headings, row] = rows.as_slice() else {
        panic!("{out}");
    };
    let cell = |name| {
        row[headings
            .iter()
            .position(|heading| *heading == name)
            .unwrap()]
    };
    assert_eq!(
        (cell("pid"), cell("records"), cell("errors")),
        ("4194302", "1", "1")
    );
    assert_eq!((cell("version"), cell("ending")), ("1.10.0", "without_end"));
}

#[test]
fn the_last_sessions_are_listed_in_either_order() {
    let home = directory(&two_sessions());
    let pids = |flags: &[&str]| {
        let (_, out, _) = listed(&home, &[flags, &["-o", "csv"]].concat());
        let pids = out
            .lines()
            .skip(1)
            .map(|row| row.split(',').nth(5).unwrap().to_owned());
        pids.collect::<Vec<_>>()
    };
    assert_eq!(pids(&[]), ["4194301", "4194302"]);
    assert_eq!(pids(&["-r"]), ["4194302", "4194301"]);
    assert_eq!(pids(&["-n", "1"]), ["4194302"]);
}

#[test]
fn the_document_has_a_version_and_all_facts() {
    let home = directory(&two_sessions());
    let (_, out, _) = listed(&home, &["--json"]);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["document_version"], 1);
    let session = &document["sessions"][0];
    assert_eq!(session["id"], format!("{STARTED}01"));
    assert_eq!(session["application"], "shop");
    assert_eq!(session["start"], "2024-11-27T19:16:48.768000Z");
    assert_eq!(session["seconds"], 16.232);
    assert_eq!(session["losses"]["dropped"], 7);
    assert_eq!(session["ending"], "orderly");
}

#[test]
fn an_empty_list_says_why() {
    let home = directory(&two_sessions());
    let (exit, out, err) = listed(&home, &["-e", "absent", "--exit-status"]);
    assert_eq!((exit, out.as_str()), (Exit::NothingMatched, ""));
    assert!(err.contains("no record has the event `absent`"), "{err}");
}

#[test]
fn records_that_cannot_be_read_are_reported() {
    let home = directory(&(two_sessions() + "garbage\n"));
    let (exit, _, err) = listed(&home, &[]);
    assert_eq!(exit, Exit::Done);
    assert!(err.starts_with("1 unreadable line"), "{err}");
}

#[test]
fn records_without_a_session_are_not_listed() {
    let home = directory(&record(1, 1, "INFO").replace(
        &format!("{STARTED}01"),
        "00000000-0000-0000-0000-000000000000",
    ));
    let (_, out, err) = listed(&home, &[]);
    assert_eq!(out, "");
    assert!(err.contains("1 record of other loggers left out"), "{err}");
}

#[test]
fn a_table_on_a_terminal_has_its_width_and_its_days() {
    let long = two_sessions().replacen("\"shop\"", &format!("\"{}\"", "shop".repeat(20)), 1);
    let later = two_sessions().replace("01936f0e-0000", "0193740e-0000");
    let home = directory(&(long + &later));
    let mut reader = Reader::open(home.path()).unwrap();
    let list = reader.fold_all::<SessionTally>().unwrap().finish();
    let sessions: Vec<&RecordedSession> = list.sessions().iter().collect();
    let style = TableStyle {
        zone: Zone::UTC,
        sink: OutputKind::Terminal,
        styles: Styles::new(Colour::On),
        cells: 80,
    };
    let shown = String::from_utf8(table::table(&sessions, &Hosts::default(), &style)).unwrap();
    let widths = shown.lines().map(coloured_width);
    assert_eq!(widths.max(), Some(80), "{shown}");
    let days = shown.lines().filter(|line| line.contains("UTC"));
    assert_eq!(days.count(), 2, "{shown}");
    assert!(shown.contains("19:16:48"), "{shown}");
}
