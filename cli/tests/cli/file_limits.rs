//! A limit on the size of files (`ulimit -f`): the kernel ends a process that writes beyond it by
//! SIGXFSZ, so no command may try.

use std::process::Command;

use crate::support::{TestPlace, printed, under_limit};

#[test]
fn no_command_is_ended_by_a_limit_on_file_sizes() {
    let commands: &[&[&str]] = &[
        &["enable"],
        &["enable", "--all-profiles"],
        &["policy", "set", "level", "info"],
        &["policy", "property", "x", "drop"],
        &["record", "hello"],
        &["record", "hello", "size=1"],
        &["run", "true"],
        &["report"],
        &["reset"],
        &["clear", "--yes"],
        &["disable", "--clear", "--yes"],
        &["status"],
        &["doctor"],
        &["show"],
    ];
    for is_new in [true, false] {
        for blocks in [0, 1] {
            for words in commands {
                let place = TestPlace::new();
                let localtel = |before: &[String], words: &[&str]| {
                    let mut command = match before.split_first() {
                        Some((program, rest)) => {
                            let mut command = Command::new(program);
                            command.args(rest).arg(env!("CARGO_BIN_EXE_localtel"));
                            command
                        }
                        None => Command::new(env!("CARGO_BIN_EXE_localtel")),
                    };
                    command
                        .args(["--app", "testapp"])
                        .args(words)
                        .env("LOCALTEL_DIR", place.path())
                        .env_remove("DO_NOT_TRACK");
                    let output = command.output().unwrap();
                    printed(&output, &format!("{words:?} under {blocks}"))
                };
                if !is_new {
                    localtel(&[], &["enable"]);
                    localtel(&[], &["record", "before"]);
                }
                let text = localtel(&under_limit(blocks), words);
                if blocks == 0 && is_new && words[0] == "enable" {
                    assert!(text.contains("File too large"), "{text}");
                }
                if blocks == 0 && words[0] == "disable" {
                    let status = localtel(&[], &["status"]);
                    assert!(status.contains("status: disabled"), "{text} {status}");
                }
                if !is_new && words[0] == "clear" {
                    assert_eq!(place.events().len(), 0, "{text}");
                }
            }
        }
    }
}
