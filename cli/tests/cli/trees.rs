//! Commands on a tree of what many machines recorded: which machine each row is of, that figures
//! lead to the records that they count, that more logs are read than files may be open, and that
//! nothing in a tree changes. The trees are laid by hand, as imports leave them.

#[path = "trees/laid.rs"]
mod laid;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use laid::{LaidLog, LaidTree, record, session};

/// Runs the command on a tree, and returns what it printed.
fn run(tree: &LaidTree, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_localtel"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("XDG_STATE_HOME", "/nonexistent")
        .env("LOCALTEL_ZONE", "utc")
        .arg("--dir")
        .arg(tree.path())
        .args(words)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs the command, which must succeed without a message, and returns its output.
fn out(tree: &LaidTree, words: &[&str]) -> String {
    let output = run(tree, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    assert_eq!(text(&output.stderr), "", "{words:?}");
    text(&output.stdout)
}

/// Two machines with one application each, one of them with two, and a name that is not a partition
/// value.
fn small() -> LaidTree {
    let tree = LaidTree::new();
    let at = |second: u32| format!("2026-11-21T09:00:{second:02}.000000Z");
    let web = [record(1, 0, &at(0), "shop"), record(1, 1, &at(3), "shop")];
    tree.add(&LaidLog::new("web 1", "shop", 1).with(1, &web.concat()));
    tree.add(&LaidLog::new("web 1", "ledger", 2).with(1, &record(2, 0, &at(1), "ledger")));
    tree.add(&LaidLog::new("db", "shop", 3).with(1, &record(3, 0, &at(2), "shop")));
    tree
}

#[test]
fn rows_name_the_machine_and_the_application() {
    let tree = small();
    let names = |words: &[&str]| {
        let out = out(&tree, words);
        let of_row = |row: &str| row.split("  2026").next().unwrap().to_owned();
        out.lines().map(of_row).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&["show"]),
        [
            "web 1  shop  ",
            "web 1  ledger",
            "db     shop  ",
            "web 1  shop  "
        ]
    );
    assert_eq!(
        names(&["--app", "shop", "show", "-n", "2"]),
        ["db   ", "web 1"]
    );
    assert_eq!(
        names(&["--host", "web*", "show", "-r"]),
        ["shop  ", "ledger", "shop  "]
    );
    assert!(names(&["--host", "db", "show"])[0].starts_with("2026-11-21"));
}

#[test]
fn stored_lines_of_machines_stay_as_they_are() {
    let tree = small();
    let lines = out(
        &tree,
        &["--host", "web 1", "--app", "shop", "show", "-o", "json"],
    );
    let stored = std::fs::read_to_string(tree.segment("web 1", "shop", 1, 1)).unwrap();
    assert_eq!(lines, stored);
}

#[test]
fn columns_counts_and_conditions_know_the_machine() {
    let tree = small();
    let rows = out(
        &tree,
        &["show", "-o", "tsv", "--columns", "host,source,seq"],
    );
    assert_eq!(
        rows,
        "host\tsource\tseq\nweb 1\tshop\t0\nweb 1\tledger\t0\ndb\tshop\t0\nweb 1\tshop\t1\n"
    );
    let document = out(&tree, &["stats", "--by", "host,source", "--json"]);
    let document: Value = serde_json::from_str(&document).unwrap();
    let rows = document["breakdown"]["rows"].as_array().unwrap();
    let counted: BTreeMap<String, u64> = rows
        .iter()
        .map(|row| (row["key"].to_string(), row["records"].as_u64().unwrap()))
        .collect();
    let expected = [
        (r#"{"host":"db","source":"shop"}"#, 1),
        (r#"{"host":"web 1","source":"ledger"}"#, 1),
        (r#"{"host":"web 1","source":"shop"}"#, 2),
    ];
    let expected = expected.map(|(key, records)| (key.to_owned(), records));
    assert_eq!(counted, BTreeMap::from(expected));
    assert_eq!(out(&tree, &["show", "--count", "host=db"]), "1\n");
    assert_eq!(out(&tree, &["show", "--count", "host!=db"]), "3\n");
    assert_eq!(out(&tree, &["show", "--count", "host~^web"]), "3\n");
}

/// Checks each object in a document that has a command, and returns their number.
fn check_commands(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(check_commands).sum(),
        Value::Object(members) => {
            let inner: usize = members.values().map(check_commands).sum();
            let (Some(show), Some(records)) = (members.get("show"), members.get("records")) else {
                return inner;
            };
            let show = show.as_str().unwrap();
            assert_eq!(listed(show), records.as_u64().unwrap(), "{show}");
            inner + 1
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Runs a command as it was printed, and returns the number of records that it lists.
fn listed(command: &str) -> u64 {
    let program = Path::new(env!("CARGO_BIN_EXE_localtel"));
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("{command} --count --no-own")])
        .env("PATH", program.parent().unwrap())
        .env("LOCALTEL_ZONE", "utc")
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    text(&output.stdout).trim().parse().unwrap()
}

#[test]
fn figures_lead_to_records_of_the_same_machines() {
    let tree = LaidTree::new();
    let at = |second: u32| format!("2026-11-21T09:00:{second:02}.000000Z");
    for (number, host) in ["1000", "1e3", "it's; $HOME *", "a\"b\\", "\u{202e}x"]
        .iter()
        .enumerate()
    {
        let id = u32::try_from(number).unwrap() + 1;
        let lines: String = (0..=id)
            .map(|seq| record(id, seq, &at(seq), "shop"))
            .collect();
        tree.add(&LaidLog::new(host, "shop", id).with(1, &lines));
    }
    for words in [
        &["stats"] as &[&str],
        &["stats", "--by", "host"],
        &["stats", "--by", "host,seq"],
        &["stats", "--field", "host"],
        &["--host", "1*", "stats", "--by", "host"],
        &["stats", "host=1000", "--by", "host"],
    ] {
        let document = out(&tree, &[words, &["--json"]].concat());
        let document: Value = serde_json::from_str(&document).unwrap();
        assert!(check_commands(&document) > 0, "{words:?}");
    }
}

#[test]
fn sessions_have_their_machine_and_none_is_running() {
    let tree = LaidTree::new();
    // The process of this test runs, and is not the one that recorded.
    let own = std::process::id();
    let pids = [own, 1];
    for (number, host) in ["a", "b"].iter().enumerate() {
        let id = u32::try_from(number).unwrap() + 1;
        let time = "2036-11-21T09:00:00.000000Z";
        tree.add(&LaidLog::new(host, "shop", id).with(1, &session(id, time, pids[number])));
    }
    let document = out(&tree, &["sessions", "--json"]);
    let document: Value = serde_json::from_str(&document).unwrap();
    let sessions = document["sessions"].as_array().unwrap();
    let mut found: Vec<_> = sessions
        .iter()
        .map(|session| {
            (
                session["host"].as_str().unwrap(),
                session["ending"].as_str().unwrap(),
            )
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("a", "without_end"), ("b", "without_end")]);
    let table = out(&tree, &["sessions", "-o", "csv"]);
    assert!(table.starts_with("host,start,"), "{table}");
    let rows = out(&tree, &["sessions", &format!("pid={own}"), "-o", "tsv"]);
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.lines().nth(1).unwrap().starts_with("a\t"), "{rows}");
    let refused = run(&tree, &["show", "--session", "last"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--host NAME"), "{refused:?}");
    assert_eq!(
        out(
            &tree,
            &["--host", "b", "show", "--count", "--session", "last"]
        ),
        "1\n"
    );
}

#[test]
fn status_is_of_machines_and_not_of_this_one() {
    let tree = small();
    let rows = out(&tree, &["status"]);
    assert!(rows.starts_with("2 machines, 2 applications, "), "{rows}");
    assert!(!rows.contains("recording"), "{rows}");
    let lines = out(&tree, &["status", "--json"]);
    let documents = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let documents: Vec<Value> = documents.collect();
    let hosts: Vec<_> = documents
        .iter()
        .map(|it| it["host"].as_str().unwrap())
        .collect();
    assert_eq!(hosts, ["db", "web 1"]);
    let consent = &documents[0]["logs"][0]["exported"]["consent"];
    assert_eq!(consent["decision"], "enabled");
}

#[test]
fn gaps_conflicts_and_wrong_clocks_are_findings() {
    let tree = small();
    assert!(out(&tree, &["doctor"]).contains("no problems found"));
    let time = "2026-11-21T09:00:00.000000Z";
    let mut log = LaidLog::new("old", "shop", 7)
        .with(2, &record(7, 0, time, "shop"))
        .with(6, &record(7, 9, time, "shop"));
    log.floor = 4;
    log.head = 7;
    log.created = "2026-11-30T00:00:00.000000Z".to_owned();
    log.conflict = Some(6);
    tree.add(&log);
    let found = run(&tree, &["doctor", "--json"]);
    assert_eq!(found.status.code(), Some(3), "{found:?}");
    let document: Value = serde_json::from_slice(&found.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let kinds = findings
        .iter()
        .map(|it| (it["host"].as_str(), it["kind"].as_str().unwrap()));
    let expected = ["missing", "missing", "missing", "conflict", "clock"];
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        expected.map(|kind| (Some("old"), kind))
    );
    let rows = out(&tree, &["status"]);
    let row = rows.lines().find(|row| row.starts_with("old ")).unwrap();
    assert!(row.contains("3 gaps, 1 conflict, clock +8d"), "{row}");
    assert!(
        rows.lines().all(|line| line.chars().count() <= 80),
        "{rows}"
    );
}

/// The files of a tree, with their contents and times.
fn files(path: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let facts = std::fs::symlink_metadata(&path).unwrap();
        let contents = if facts.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            waiting.extend(entries.map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            std::fs::read(&path).unwrap()
        };
        let name = path.display().to_string();
        found.insert(name, (contents, facts.modified().unwrap()));
    }
    found
}

#[test]
fn no_command_changes_a_tree() {
    let tree = small();
    let before = files(tree.path());
    let reading: &[&[&str]] = &[
        &["show"],
        &["stats"],
        &["stats", "-o", "html"],
        &["sessions"],
        &["status"],
        &["doctor"],
        &["explain"],
        &["explain", "--json"],
    ];
    for words in reading {
        assert!(run(&tree, words).status.success(), "{words:?}");
    }
    let refused: &[&[&str]] = &[
        &["tail"],
        &["show", "-f"],
        &["clear", "--yes"],
        &["enable"],
        &["enable", "--all-profiles"],
        &["disable", "--clear", "--yes"],
        &["reset"],
        &["policy"],
        &["policy", "property", "x", "drop"],
        &["profiles"],
        &["report"],
        &["record", "hello"],
        &["--app", "shop", "record", "hello"],
        &["export", "/nonexistent"],
    ];
    let log = tree.segment("web 1", "shop", 1, 1);
    let log = log.parent().unwrap();
    for words in refused {
        let output = run(&tree, words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        let inside = Command::new(env!("CARGO_BIN_EXE_localtel"))
            .env_clear()
            .env("XDG_STATE_HOME", "/nonexistent")
            .env("LOCALTEL_DIR", log)
            .args(*words)
            .output()
            .unwrap();
        assert_eq!(inside.status.code(), Some(2), "{words:?}: {inside:?}");
    }
    assert!(files(tree.path()) == before);
}

#[test]
fn a_command_runs_although_a_tree_is_selected() {
    let tree = small();
    let output = run(&tree, &["run", "--", "echo", "hello"]);
    assert_eq!(text(&output.stdout), "hello\n", "{output:?}");
    assert!(
        text(&output.stderr).contains("running without recording"),
        "{output:?}"
    );
}

#[test]
fn a_part_of_a_tree_is_read_like_the_whole() {
    let tree = small();
    let log = tree.segment("web 1", "shop", 1, 1);
    let log = log.parent().unwrap();
    for (path, expected) in [(log, 2), (log.ancestors().nth(3).unwrap(), 3)] {
        let output = Command::new(env!("CARGO_BIN_EXE_localtel"))
            .args(["show", "--count"])
            .arg(path)
            .output()
            .unwrap();
        assert_eq!(text(&output.stdout), format!("{expected}\n"), "{output:?}");
    }
}

#[test]
fn an_absent_machine_is_an_error_with_a_near_name() {
    let tree = small();
    for (words, expected) in [
        (&["--host", "web1", "show"] as &[&str], "--host web 1"),
        (
            &["--host", "x*", "show"],
            "no machine in the tree is named `x*`",
        ),
        (&["--app", "absent", "show"], "they recorded ledger, shop"),
        (
            &["show", "host=absent"],
            "none of 2 machines matches `host=absent`",
        ),
    ] {
        let output = run(&tree, words);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(expected), "{output:?}");
    }
}

/// More logs than files may be open.
const LOGS: u32 = 120;

#[test]
fn more_logs_are_read_than_files_may_be_open() {
    let tree = LaidTree::new();
    for number in 1..=LOGS {
        let at = |second: u32| {
            let second = second * LOGS + number;
            format!(
                "2026-11-21T{:02}:{:02}:{:02}.000000Z",
                second / 3600,
                second / 60 % 60,
                second % 60
            )
        };
        let lines = |from: u32| -> String {
            (from..from + 20)
                .map(|seq| record(number, seq, &at(seq), "shop"))
                .collect()
        };
        let host = format!("host-{number:03}");
        let log = LaidLog::new(&host, "shop", number)
            .with(1, &lines(0))
            .with(2, &lines(20));
        tree.add(&log);
    }
    let limited = |words: &[&str]| {
        let output = Command::new("sh")
            .args([
                "-c",
                "ulimit -n 64 && exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_localtel"),
            ])
            .arg("--dir")
            .arg(tree.path())
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output.stdout)
    };
    assert_eq!(limited(&["show", "--count"]), format!("{}\n", 40 * LOGS));
    let times = |out: &str| {
        let times = out
            .lines()
            .map(|row| row.split("  ").nth(1).unwrap()[..27].to_owned());
        times.collect::<Vec<_>>()
    };
    let all = times(&limited(&["show"]));
    assert_eq!(all.len(), 40 * LOGS as usize);
    assert!(all.is_sorted());
    let last = times(&limited(&["show", "-n", "150"]));
    assert_eq!(last, all[all.len() - 150..]);
    let reversed = times(&limited(&["show", "-r", "-n", "150"]));
    assert!(reversed.iter().eq(all.iter().rev().take(150)));
    let counted = limited(&["stats", "--by", "host", "--json"]);
    let counted: Value = serde_json::from_str(&counted).unwrap();
    assert_eq!(counted["breakdown"]["distinct"], LOGS);
    let sessions = limited(&["sessions", "-o", "tsv"]);
    assert_eq!(sessions.lines().count(), 1 + LOGS as usize);
    let rows = limited(&["status"]);
    assert!(rows.contains("and 80 more"), "{rows}");
}
