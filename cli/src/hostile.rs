//! Tests that no command lets data, file names or typed words reach a terminal raw: every command
//! and format runs on a directory in which everything is hostile.
#![expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]

use std::ffi::OsString;
use std::fs;

use localtel::admin::Environment;

use super::execution::execute;
use super::sanitize::tests::{HOSTILE, is_safe};
use super::screen::{Memory, OutputKind};

/// A text with a control character of each kind, and one that reorders what follows.
const ATTACK: &str = "x\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{85}\u{200b}\u{e0041}";

/// A home whose only telemetry is in a directory with a hostile name.
struct HostileHome {
    home: tempfile::TempDir,
    directory: OsString,
}

impl HostileHome {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join(format!("d{ATTACK}"));
        fs::create_dir(&directory).unwrap();
        let lines: Vec<String> = HOSTILE.iter().map(|text| line(text)).collect();
        let damaged = format!("{{\"timestamp\":\"{ATTACK}\n{ATTACK}\n");
        fs::write(
            directory.join("events.000001.jsonl"),
            lines.concat() + &damaged,
        )
        .unwrap();
        let with_attack = |name: &str, value: serde_json::Value| {
            fs::write(directory.join(name), value.to_string()).unwrap();
        };
        with_attack(
            "release.json",
            serde_json::json!({ "version": ATTACK, "released": ATTACK, "url": ATTACK }),
        );
        with_attack("history.json", serde_json::json!({ "version": ATTACK }));
        with_attack(
            "consent.json",
            serde_json::json!({
                "consent": "enabled", "by": ATTACK, "decided": ATTACK, "source": ATTACK,
            }),
        );
        let directory = directory.into_os_string();
        Self { home, directory }
    }

    /// Runs a command on a terminal, and returns all that it prints.
    fn shown(&self, words: &[&str]) -> String {
        let state = self.home.path().join("state");
        let variables = [("XDG_STATE_HOME", state.to_str().unwrap())];
        let environment = Environment::for_test("localtel", &variables);
        let mut memory = Memory {
            input: format!("{{\"event\":\"{ATTACK}\"\n{ATTACK}\n"),
            ..Memory::default()
        };
        memory.with(|screen| {
            screen.sink = OutputKind::Terminal;
            screen.is_reader_gone = &|| true;
            screen.variable = &|name| (name == "PAGER").then(|| "cat".into());
            let start = ["localtel", "--dir"].map(OsString::from);
            let words = words.iter().map(OsString::from);
            let line = start
                .into_iter()
                .chain([self.directory.clone()])
                .chain(words);
            execute(line, &environment, screen);
        });
        memory.out() + &memory.err()
    }
}

fn line(text: &str) -> String {
    let record = serde_json::json!({
        "timestamp": "2026-11-21T08:15:30.123456Z", "level": "INFO", "source": text,
        "target": text, "event": text, "message": text,
        "session": "01936f0e-0000-7000-8000-000000000000", "seq": 1,
        "properties": { text: text, "password": text, "list": [text, { text: text }] },
        "spans": [{ "name": text, "properties": { text: text } }],
    });
    let report = serde_json::json!({
        "timestamp": "2026-11-21T08:15:31.000000Z", "level": "INFO", "source": text,
        "target": "localtel", "event": "report",
        "session": "01936f0e-0000-7000-8000-000000000000", "seq": 2,
        "properties": { text: text, "version": text },
    });
    format!("{record}\n{report}\n")
}

/// Fails if a terminal would do anything but show what a command prints.
fn check(home: &HostileHome, words: &[&str]) {
    let shown = home.shown(words);
    let is_tsv = words.contains(&"tsv") || words.contains(&"csv");
    // Between the cells of tab-separated values, and at the end of comma-separated lines.
    let shown = if is_tsv {
        shown.replace("\r\n", "\n").replace('\t', " ")
    } else {
        shown
    };
    assert!(!shown.is_empty() || words.contains(&"record"), "{words:?}");
    let lines = shown.matches('\n').count();
    assert!(is_safe(&shown, lines), "{words:?}: {shown:?}");
}

#[test]
fn records_are_safe_in_every_format_and_order() {
    let home = HostileHome::new();
    for format in ["short", "pretty", "json", "csv", "tsv"] {
        for order in [&["--own"][..], &["--sort"], &["-r"]] {
            check(&home, &[&["show", "-o", format][..], order].concat());
        }
        check(&home, &["tail", "--columns", ATTACK, "-o", format]);
    }
    let fields = format!("fields:time,message,{ATTACK}");
    check(&home, &["show", "-o", &fields]);
    check(&home, &["show", "--wrap"]);
}

#[test]
fn commands_and_their_documents_are_safe() {
    let home = HostileHome::new();
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["explain"],
        &["explain", "--json"],
        &["report"],
        &["report", "--json"],
        &["report", "--last"],
        &["report", "--last", "--json"],
        &["profiles"],
        &["profiles", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["policy"],
        &["clear", "--dry-run"],
        &["enable"],
        &["disable"],
        &["reset"],
        &["--help"],
        &["show", "--help"],
    ] {
        check(&home, words);
        check(&home, &[&["--profile", "work"][..], words].concat());
    }
    fs::write(
        std::path::Path::new(&home.directory).join("policy.toml"),
        format!("# {ATTACK}\n[properties]\n\"{ATTACK}\" = \"drop\"\n"),
    )
    .unwrap();
    for words in [&["policy"][..], &["status"], &["explain"], &["doctor"]] {
        check(&home, words);
    }
}

/// A directory above several is read as all of them.
#[test]
fn a_hostile_directory_among_several_is_safe() {
    let home = HostileHome::new();
    let second = home.home.path().join("d2");
    fs::create_dir(&second).unwrap();
    fs::write(second.join("events.000001.jsonl"), line("x")).unwrap();
    let above = HostileHome {
        directory: home.home.path().to_owned().into_os_string(),
        home: home.home,
    };
    for words in [
        &["show", "--own"][..],
        &["show", "--wrap"],
        &["show", "-o", "json"],
        &["status"],
        &["status", "--json"],
        &["profiles", "--all"],
        &["doctor", "--all"],
        &["explain", "--all"],
        &["report", "--all"],
        &["policy", "--all"],
        &["enable"],
        &["clear"],
    ] {
        check(&above, words);
    }
}

#[test]
fn typed_words_are_safe_in_every_message() {
    let home = HostileHome::new();
    let condition = format!("{ATTACK}={ATTACK}");
    for words in [
        &[ATTACK][..],
        &["--app", ATTACK, "status"],
        &["--profile", ATTACK, "status"],
        &["--color", ATTACK, "status"],
        &["show", ATTACK],
        &["show", &condition],
        &["show", "-e", ATTACK],
        &["show", "-t", ATTACK],
        &["show", "-S", ATTACK],
        &["show", "-l", ATTACK],
        &["show", "-g", ATTACK],
        &["show", "-o", ATTACK],
        &["show", "-n", ATTACK],
        &["show", "--session", ATTACK],
        &["policy", ATTACK],
        &["policy", "test", ATTACK],
        &["policy", "property", ATTACK, "drop"],
        &["policy", "unset", "property", ATTACK],
        &["policy", "metadata", ATTACK, ATTACK],
        &["policy", "storage", "age_max", ATTACK],
        &["clear", "--before", ATTACK],
        &["record", ATTACK, &condition],
        &["record", "-"],
        &["record", "e", "--file", &condition],
        &["completions", ATTACK],
    ] {
        check(&home, words);
    }
}
