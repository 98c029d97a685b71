//! Tests of the answers to shells, against directories that are written by hand.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory as _;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::args::Arguments;

fn line(time: &str, event: &str, properties: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T{time}.000000Z","level":"INFO","source":"billing","target":"billing::db::pool","event":{event},"session":"01936f0e-0000-7000-8000-000000000000","seq":0,"properties":{properties},"spans":[{{"name":"request","properties":{{"tenant":"acme"}}}}]}}"#
    ) + "\n"
}

/// A state directory with telemetry of an application.
struct RecordedHome(TempDir);

impl RecordedHome {
    fn new(lines: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("billing/telemetry", lines);
        home
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test writes the files directly"
    )]
    fn write(&self, directory: &str, lines: &str) {
        let path = self.0.path().join(directory);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("lock"), "").unwrap();
        std::fs::write(path.join("events.000001.jsonl"), lines).unwrap();
    }

    /// Returns what zsh and fish get for a line, without descriptions.
    fn ask(&self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        self.ask_words(&words)
    }

    fn ask_words(&self, words: &[&str]) -> Vec<String> {
        let answer = self.answer(&[&["fish"], words].concat());
        let lines = answer.lines();
        lines
            .map(|line| {
                line.split_once('\t')
                    .map_or(line, |(text, _)| text)
                    .to_owned()
            })
            .collect()
    }

    fn answer(&self, words: &[&str]) -> String {
        let path = self.0.path().to_str().unwrap();
        let environment = Environment::for_test("localtel", &[("XDG_STATE_HOME", path)]);
        let called = ["localtel", "__complete"].iter().chain(words);
        let called: Vec<OsString> = called.map(OsString::from).collect();
        let question = Question::of(&called).unwrap();
        question.answer(Arguments::command(), &environment)
    }
}

fn usual() -> RecordedHome {
    let mut lines = String::new();
    for _ in 0..3 {
        lines += &line(
            "08:00:00",
            "\"request\"",
            r#"{"status":200,"route":"/v1/pay"}"#,
        );
    }
    lines += &line(
        "08:00:01",
        "\"request\"",
        r#"{"status":502,"route":"/v1/refund"}"#,
    );
    lines += &line(
        "08:00:02",
        "\"reload\"",
        r#"{"config":{"file":"a.toml"},"list":[1]}"#,
    );
    RecordedHome::new(&lines)
}

#[test]
fn behind_a_path_its_records_are_completed() {
    let home = usual();
    home.write("copy", &line("08:00:00", "\"copied\"", "{}"));
    let copy = home.0.path().join("copy");
    let ask = |path: &str| home.ask_words(&["localtel", "show", path, "-e", ""]);
    assert_eq!(ask(copy.to_str().unwrap()), ["copied"]);
    let file = copy.join("events.000001.jsonl");
    for unread in [file.to_str().unwrap(), "-"] {
        assert_eq!(ask(unread), [""; 0], "{unread}");
    }
    for other in ["no-such-file", "status=200"] {
        assert_eq!(ask(other), ["request", "reload"], "{other}");
    }
}

#[test]
fn recorded_names_are_offered_after_their_options() {
    let home = usual();
    home.write("cloudctl/telemetry", "");
    home.write("cloudctl/telemetry/profiles/work", "");
    for (line, expected) in [
        ("localtel --app ", &["billing", "cloudctl"] as &[&str]),
        ("localtel show --app=b", &["--app=billing"]),
        (
            "localtel --app cloudctl show --profile ",
            &["default", "work"],
        ),
        ("localtel show -e ", &["request", "reload"]),
        ("localtel show -l warn -e rel", &["reload"]),
        ("localtel show -ere", &["-erequest", "-ereload"]),
        ("localtel tail --event=rel", &["--event=reload"]),
        ("localtel --app cloudctl show -e ", &[]),
        (
            "localtel --app bill* --app cloudctl show -e rel",
            &["reload"],
        ),
        ("localtel --app x* show -e ", &[]),
        ("localtel --app billing show -e ", &["request", "reload"]),
        (
            "localtel show -t ",
            &["billing", "billing::db", "billing::db::pool"],
        ),
        (
            "localtel show --session 0193",
            &["01936f0e-0000-7000-8000-000000000000"],
        ),
        ("localtel show -l w", &["warn"]),
        ("localtel show -l =e", &["=error"]),
        ("localtel show -l debug..w", &["debug..warn"]),
        ("localtel show -o c", &["csv"]),
        ("localtel show -o f", &["fields:"]),
        ("localtel show --columns status,ro", &["status,route"]),
        (
            "localtel show -o fields:ti",
            &["fields:timestamp", "fields:time"],
        ),
        ("localtel show -o fields:time,st", &["fields:time,status"]),
        (
            "localtel show -o fields:time,ti",
            &["fields:time,timestamp"],
        ),
        ("localtel show -S y", &["yesterday"]),
        ("localtel completions z", &["zsh"]),
        ("localtel sh", &["show"]),
        ("localtel show --exit-", &["--exit-status"]),
        ("localtel policy un", &["unnamed", "unset"]),
        ("localtel man dis", &["disable"]),
        ("localtel policy event re", &["request", "reload"]),
        ("localtel policy property st", &["status"]),
        ("localtel policy event request d", &["drop"]),
    ] {
        assert_eq!(home.ask(line), expected, "{line}");
    }
}

#[test]
fn keys_and_frequent_values_are_offered_in_conditions() {
    let home = usual();
    for (line, expected) in [
        ("localtel show st", &["status="] as &[&str]),
        (
            "localtel show -l warn t",
            &["tenant=", "target=", "timestamp="],
        ),
        ("localtel show status=", &["status=200", "status=502"]),
        ("localtel show status!=5", &["status!=502"]),
        ("localtel show status=404,5", &["status=404,502"]),
        (
            "localtel show event=request route=",
            &["route=/v1/pay", "route=/v1/refund"],
        ),
        ("localtel show tenant=", &["tenant=acme"]),
        ("localtel show span=", &["span=request"]),
        ("localtel show --has stat", &["status"]),
        ("localtel show status=200 --lacks ro", &["route"]),
        ("localtel show level=", &["level=info"]),
        ("localtel show config.file=", &["config.file=a.toml"]),
        ("localtel show list=", &[]),
        ("localtel show unknown=", &[]),
        ("localtel show status>", &[]),
        ("localtel show -- stat", &["status="]),
    ] {
        assert_eq!(home.ask(line), expected, "{line}");
    }
}

#[test]
fn names_of_files_are_left_to_the_shell() {
    let home = usual();
    for (line, expected) in [
        ("localtel show ./", "\tfiles\n"),
        ("localtel show /tmp/x", "\tfiles\n"),
        ("localtel show no_such_key", "\tfiles\n"),
        ("localtel --dir ", "\tdirectories\n"),
        ("localtel show --dir=x", "\tdirectories\n"),
    ] {
        let words: Vec<&str> = std::iter::once("zsh").chain(line.split(' ')).collect();
        assert_eq!(home.answer(&words), expected, "{line}");
    }
}

#[test]
fn bash_gets_the_end_of_the_word_quoted() {
    let home = RecordedHome::new(&line(
        "08:00:00",
        r#""a b""#,
        r#"{"error":"it's $(touch x) `x` !1 \"q\" \\","plain":"a b"}"#,
    ));
    for (line, replaced, expected) in [
        ("localtel show -e a", "a", "a\\ b\n"),
        ("localtel show -e 'a", "a", "a b\n"),
        ("localtel show -e \"a", "a", "a b\n"),
        ("localtel show -e a\\ ", "a\\ ", "a\\ b\n"),
        ("localtel show plain=", "", "a\\ b\n"),
        ("localtel show plain=a", "a", "a\\ b\n"),
        (
            "localtel show error=",
            "",
            "it\\'s\\ \\$\\(touch\\ x\\)\\ \\`x\\`\\ \\!1\\ \\\"q\\\"\\ \\\\\n",
        ),
        ("localtel show 'error=", "error=", ""),
        ("localtel show \"error=", "error=", ""),
        ("localtel show billing::db", "db", "\tfiles\n"),
        ("localtel show -t billing::db:", ":", "::pool\n"),
        ("localtel show > e", "e", "\tfiles\n"),
    ] {
        assert_eq!(home.answer(&["bash", line, replaced]), expected, "{line}");
    }
}

#[test]
fn values_that_a_terminal_does_not_show_are_left_out() {
    let mut lines = String::new();
    for value in [
        "a\\u001b[31m",
        "a\\nb",
        "a\\tb",
        "a\\u202eb",
        "a\\u009bb",
        "a\\u00a0b",
        "",
        "ok",
    ] {
        lines += &line(
            "08:00:00",
            "\"e\"",
            &format!(r#"{{"k":"{value}","{value}":1}}"#),
        );
    }
    let long = "x".repeat(200);
    lines += &line(
        "08:00:00",
        "\"-x\"",
        &format!(r#"{{"k":"{long}","a=b":1,"-k":1}}"#),
    );
    let home = RecordedHome::new(&lines);
    assert_eq!(home.ask("localtel show k="), ["k=ok"]);
    let own = home.ask("localtel show ");
    let expected = [
        "k=",
        "tenant=",
        "ok=",
        "level=",
        "event=",
        "target=",
        "source=",
        "message=",
        "session=",
        "span=",
        "seq=",
        "timestamp=",
    ];
    assert_eq!(own, expected);
}

#[test]
fn only_the_end_of_a_directory_is_read() {
    let old = line("08:00:00", "\"old\"", "{}");
    let new = line("08:00:01", "\"new\"", "{}");
    let count = (1 << 20) / new.len() + 10;
    let home = RecordedHome::new(&(old + &new.repeat(count)));
    assert_eq!(home.ask("localtel show -e "), ["new"]);
}

#[test]
fn a_question_that_cannot_be_answered_has_no_answer() {
    let home = usual();
    for words in [
        &["bash"] as &[&str],
        &["bash", "localtel show"],
        &["zsh"],
        &["fish", "localtel", "--app", "absent", "show", "-e", ""],
        &[
            "fish",
            "localtel",
            "--dir",
            "/no/such/place",
            "show",
            "-e",
            "",
        ],
        &["fish", "localtel", "nonsense", "--nonsense", "-e", ""],
        &["fish", ""],
    ] {
        let answer = home.answer(words);
        assert!(!answer.contains("request"), "{words:?}: {answer}");
    }
    for words in [
        &["localtel", "__complete"] as &[&str],
        &["localtel", "__complete", "csh", "localtel", ""],
        &["localtel", "show", "__complete", "fish"],
    ] {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        assert!(Question::of(&words).is_none(), "{words:?}");
    }
}

#[test]
fn each_argument_that_is_completed_exists() {
    let mut command = Arguments::command();
    command.build();
    let show = command.find_subcommand("show").unwrap();
    let has = |id: &str| show.get_arguments().any(|arg| arg.get_id() == id);
    for id in [
        "app",
        "dir",
        "profile",
        "localtel.level",
        "localtel.event",
        "localtel.target",
        "localtel.session",
        "localtel.since",
        "localtel.until",
        "localtel.operands",
    ] {
        assert!(has(id), "{id}");
    }
    let clear = command.find_subcommand("clear").unwrap();
    assert!(
        clear
            .get_arguments()
            .any(|arg| arg.get_id() == "localtel.before")
    );
    let man = command.find_subcommand("man").unwrap();
    assert!(man.get_arguments().any(|arg| arg.get_id() == "page"));
}

#[test]
fn reading_for_completion_changes_nothing() {
    let home = usual();
    let listed = || {
        let mut names: Vec<_> = walk(home.0.path());
        names.sort();
        names
    };
    let before = listed();
    for line in [
        "localtel show -e ",
        "localtel --app absent show -e ",
        "localtel --app ",
    ] {
        home.ask(line);
        assert_eq!(listed(), before, "{line}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test lists the files directly")]
fn walk(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let below = if path.is_dir() {
                walk(&path)
            } else {
                Vec::new()
            };
            std::iter::once(path.display().to_string()).chain(below)
        })
        .collect()
}

proptest! {
    // Each case defines all commands.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_line_has_an_answer_of_safe_lines(
        words in prop::collection::vec(prop_oneof![
            "(show|tail|policy|run|record|--|-e|-l|-S|--app|--dir=|-nr5|status=|x|-)",
            ".{0,5}",
        ], 0..6),
        value in ".{0,8}",
    ) {
        let json = serde_json::to_string(&value).unwrap();
        let home = RecordedHome::new(&line("08:00:00", &json, &format!(r#"{{"status":{json}}}"#)));
        let line = words.join(" ");
        let words: Vec<&str> = std::iter::once("localtel").chain(words.iter().map(|word| &**word)).collect();
        for asked in [[&["zsh"], &words[..]].concat(), vec!["bash", &line, ""]] {
            let answer = home.answer(&asked);
            let is_safe = |letter: char| {
                letter == '\n' || letter == '\t' || !localtel::read::is_unsafe_to_show(letter)
            };
            prop_assert!(answer.chars().all(is_safe), "{:?}", answer);
        }
    }

    #[test]
    fn what_bash_inserts_is_read_as_the_value(value in "[ -~ä]{1,12}") {
        let json = serde_json::to_string(&value).unwrap();
        let home = RecordedHome::new(&line("08:00:00", &json, "{}"));
        let start = "localtel show -e ";
        let answer = home.answer(&["bash", start, ""]);
        let inserted = answer.strip_suffix('\n').unwrap_or_default();
        let read = BashLine::split(&format!("{start}{inserted}")).unwrap();
        prop_assert_eq!(read.typed, value);
    }
}
