//! Questions about records that are not where the application wrote them: copies, compressed
//! files, the standard input, and the logs of other programs.

use std::path::Path;
use std::process::Stdio;

use super::data::QuestionRecord;
use super::{CommandAnswer, QuestionHome};

/// Returns the records of `billing-api` that one of its segments has.
fn segment(home: &QuestionHome, index: usize) -> Vec<&QuestionRecord> {
    home.data.applications[0].segments[index].iter().collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn errors_of(mut records: Vec<&QuestionRecord>) -> Vec<&QuestionRecord> {
    records.retain(|record| record.is_error());
    records
}

/// 21: What is in this directory that somebody copied, and in this file of it?
#[test]
fn a_copied_directory_and_a_file_of_it() {
    let home = QuestionHome::new();
    copy(&home.telemetry("billing-api"), &home.path("copy"));
    let errors = errors_of(home.data.of("billing-api"));
    home.ask("localtel show copy -l error --json")
        .assert_json(&errors);
    home.ask("localtel --dir copy show -l error --json")
        .assert_json(&errors);
    let answer = home.ask("localtel show copy/events.000002.jsonl -l error --json");
    answer.assert_json(&errors_of(segment(&home, 1)));
    let mut all = home.data.all();
    all.retain(|record| record.is_error());
    home.ask("localtel show state -l error --json")
        .assert_json(&all);
}

/// 22: What is in these compressed files, and in a directory with some?
#[test]
fn compressed_files_are_read_as_plain_ones() {
    let home = QuestionHome::new();
    let directory = home.path("copy");
    copy(&home.telemetry("billing-api"), &directory);
    for (name, ending) in [
        ("events.000001.jsonl", "zst"),
        ("events.000002.jsonl", "gz"),
    ] {
        let path = directory.join(name);
        let bytes = std::fs::read(&path).unwrap();
        let compressed = if ending == "zst" {
            zstd(&bytes)
        } else {
            gzip(&bytes)
        };
        std::fs::write(directory.join(format!("{name}.{ending}")), compressed).unwrap();
        std::fs::remove_file(&path).unwrap();
    }
    let errors = errors_of(home.data.of("billing-api"));
    home.ask("localtel show copy -l error --json")
        .assert_json(&errors);
    for (index, name) in ["events.000001.jsonl.zst", "events.000002.jsonl.gz"]
        .iter()
        .enumerate()
    {
        let answer = home.ask(&format!("localtel show copy/{name} -l error --json"));
        answer.assert_json(&errors_of(segment(&home, index)));
    }
}

/// 23: What is in the output of this program?
#[test]
fn the_standard_input_is_read() {
    let home = QuestionHome::new();
    let path = home.telemetry("billing-api").join("events.000003.jsonl");
    let mut command = home.command("localtel show - -l error --json");
    command.stdin(Stdio::from(std::fs::File::open(path).unwrap()));
    let answer = CommandAnswer::of(&command.output().unwrap());
    answer.assert_json(&errors_of(segment(&home, 2)));
}

/// 24: What went wrong in the logs of other programs?
#[test]
fn errors_in_the_logs_of_other_loggers() {
    let home = QuestionHome::new();
    let names = ["bunyan.jsonl", "pino.jsonl", "tracing.jsonl"];
    let mut expected = Vec::new();
    for name in names {
        let text = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/foreign")
                .join(name),
        )
        .unwrap();
        std::fs::write(home.path(name), &text).unwrap();
        // As a text, since not every line can be parsed: one has half of a surrogate pair.
        let is_error = |line: &&str| {
            let levels = ["\"ERROR\"", "50,", "60,", "70,"];
            levels
                .iter()
                .any(|level| line.contains(&format!("\"level\":{level}")))
        };
        let errors = text.lines().filter(is_error);
        expected.extend(errors.map(str::to_owned));
    }
    let answer = home.ask("localtel show -l error --json bunyan.jsonl pino.jsonl tracing.jsonl");
    let mut lines = answer.lines();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert!(lines.len() >= 6);
    // At a terminal each has its level as a word, and its message.
    let rows = home.ask_at_terminal(80, "localtel show bunyan.jsonl -l error");
    for row in rows.rows() {
        assert!(row[13..].starts_with("ERROR "), "{row}");
    }
    assert!(rows.rows()[0].contains("no such project"), "{rows:?}");
}

/// Returns a Zstandard frame of blocks that are not compressed.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    // The magic number, and a header that says that the size follows, in eight bytes.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    frame.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    let mut blocks = bytes.chunks(64 * 1024).peekable();
    while let Some(block) = blocks.next() {
        let is_last = u32::from(blocks.peek().is_none());
        let header = u32::try_from(block.len()).unwrap() << 3 | is_last;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame
}

/// Returns a member of gzip with blocks that are not compressed.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = bytes.chunks(32 * 1024).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        member.push(u8::from(blocks.peek().is_none()));
        member.extend_from_slice(&length.to_le_bytes());
        member.extend_from_slice(&(!length).to_le_bytes());
        member.extend_from_slice(block);
    }
    let mut checksum = !0_u32;
    for byte in bytes {
        checksum ^= u32::from(*byte);
        for _ in 0..8 {
            let is_odd = checksum & 1 == 1;
            checksum = checksum >> 1 ^ if is_odd { 0xedb8_8320 } else { 0 };
        }
    }
    member.extend_from_slice(&(!checksum).to_le_bytes());
    member.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
    member
}
