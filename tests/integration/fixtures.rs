//! Directories of format 1 as written by earlier versions, crashes and attackers, in
//! `tests/fixtures/format-1`. They are never regenerated: a change that reads one of them
//! differently breaks the promise that format 1 stays readable.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use localtel::read::{Damage, Item, Reader, Record, Summary};

use super::support::line_error;

const FIXTURES: [&str; 5] = ["healthy", "torn", "holed", "crash", "hostile"];

#[test]
fn each_fixture_is_read_as_listed() {
    for name in FIXTURES {
        let listed = std::fs::read_to_string(fixture(name).with_extension("txt")).unwrap();
        assert_eq!(items(&fixture(name)), listed, "{name}");
    }
}

#[test]
fn each_fixture_reads_the_same_backwards() {
    for name in FIXTURES {
        let forwards: Vec<_> = Reader::open(&fixture(name)).unwrap().records().collect();
        let mut backwards: Vec<_> = Reader::reverse(&fixture(name)).unwrap().records().collect();
        backwards.reverse();
        assert_eq!(records(forwards), records(backwards), "{name}");
    }
}

#[test]
fn each_fixture_has_the_summary_of_its_records() {
    for name in FIXTURES {
        let read: Vec<_> = Reader::open(&fixture(name)).unwrap().records().collect();
        let summary = Summary::read(&fixture(name)).unwrap();
        assert_eq!(summary.records, records(read).len() as u64, "{name}");
    }
}

#[test]
fn the_healthy_fixture_has_only_lines_of_the_schema() {
    for segment in ["events.000001.jsonl", "events.000002.jsonl"] {
        let text = std::fs::read_to_string(fixture("healthy").join(segment)).unwrap();
        for line in text.lines() {
            assert_eq!(line_error(line), None, "{line}");
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures/format-1").join(name)
}

fn records(read: Vec<Result<Record, Damage>>) -> Vec<Record> {
    read.into_iter().filter_map(Result::ok).collect()
}

/// Lists the items of a reader, one on each line.
fn items(path: &Path) -> String {
    let mut list = String::new();
    let mut reader = Reader::open(path).unwrap();
    while let Some(item) = reader.next_item().unwrap() {
        let shown = match item {
            Item::Line(line) => match line.record() {
                Ok(record) => {
                    let event = record.event.as_deref().unwrap_or("-");
                    format!("{}: {} {event}", line.position(), record.seq)
                }
                Err(damage) => damage.to_string(),
            },
            Item::Damage(damage) => damage.to_string(),
            Item::Text(line) => format!("{line:?}"),
            Item::Notice(notice) => notice.to_string(),
        };
        writeln!(list, "{shown}").unwrap();
    }
    list
}
