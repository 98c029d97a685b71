//! Tests of `show` and `tail` in memory, against directories that are written by hand.

mod context;
mod cursor;
mod following;
mod wanted;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Parser;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::*;
use crate::progress::ProgressLine;
use crate::reading::UnreadCounts;
use crate::screen::{Colour, Memory};
use localtel::read::raw::OrderedType;
use localtel::read::{Record, SegmentNumber};

#[derive(Debug, Parser)]
struct ShowLine {
    #[command(flatten)]
    args: ShowArgs,
}

fn args(words: &[&str]) -> ShowArgs {
    let line = std::iter::once("show").chain(words.iter().copied());
    ShowLine::try_parse_from(line).unwrap().args
}

fn record(seq: u64, level: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T08:{:02}:{:02}.000000Z","level":"{level}","source":"s","target":"app","event":"e","session":"01936f0e-0000-7000-8000-000000000000","seq":{seq},"properties":{{"n":{seq}}}}}"#,
        seq / 60 % 60,
        seq % 60
    ) + "\n"
}

fn home(segments: &[String]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (index, text) in segments.iter().enumerate() {
        append(home.path(), index as u64 + 1, text);
    }
    home
}

fn append(home: &Path, segment: u64, text: &str) {
    let path = home.join(SegmentNumber::new(segment).unwrap().file_name());
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn only(path: &Path) -> RecordInputs<'static> {
    RecordInputs::of(vec![NamedInput::of_directory(path)])
}

/// An output that fails once it has seen a text, like a pipe whose reader leaves.
#[derive(Debug, Clone, Default)]
struct ShownOutput {
    bytes: Arc<Mutex<Vec<u8>>>,
    breaks_after: Option<&'static str>,
}

impl ShownOutput {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }
}

impl Write for ShownOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self
            .breaks_after
            .is_some_and(|last| self.text().contains(last))
        {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run_on(
    args: &ShowArgs,
    home: &Path,
    sink: OutputKind,
    mut stdout: ShownOutput,
) -> (Result<Exit>, String, String) {
    let mut stderr = Vec::new();
    let shown = stdout.clone();
    let no_pager = |name: &str| (name == "PAGER").then(|| OsString::from("cat"));
    let outcome = run(
        args,
        &only(home),
        &mut Screen {
            stdout: &mut stdout,
            stderr: &mut stderr,
            sink,
            colour: Colour::Off,
            now: OffsetDateTime::from_unix_timestamp(1_795_248_000).unwrap(),
            stdin: &mut io::empty(),
            is_interactive: false,
            is_reader_gone: &|| false,
            progress: &ProgressLine::default(),
            variable: &no_pager,
        },
    );
    (outcome, shown.text(), String::from_utf8(stderr).unwrap())
}

fn show(words: &[&str], home: &TempDir) -> (Exit, String, String) {
    let (outcome, stdout, stderr) = run_on(
        &args(words),
        home.path(),
        OutputKind::Pipe,
        ShownOutput::default(),
    );
    (outcome.unwrap(), stdout, stderr)
}

fn seqs(json: &str) -> Vec<u64> {
    json.lines()
        .map(|line| Record::parse(line.as_bytes()).unwrap().seq)
        .collect()
}

fn many(seqs: impl IntoIterator<Item = u64>) -> String {
    seqs.into_iter().map(|seq| record(seq, "INFO")).collect()
}

#[test]
fn a_pipe_gets_every_record() {
    let home = home(&[many(0..1500), many(1500..1700)]);
    let (outcome, stdout, stderr) = show(&["--json"], &home);
    assert_eq!(outcome, Exit::Done);
    assert_eq!(seqs(&stdout), (0..1700).collect::<Vec<_>>());
    assert_eq!(stdout, many(0..1700));
    assert_eq!(stderr, "");
}

#[test]
fn a_terminal_gets_the_last_thousand_with_a_note() {
    let home = home(&[many(0..1500), many(1500..1700)]);
    let on_terminal = |words: &[&str]| {
        let (outcome, stdout, stderr) = run_on(
            &args(words),
            home.path(),
            OutputKind::Terminal,
            ShownOutput::default(),
        );
        outcome.unwrap();
        (seqs(&stdout), stderr)
    };
    let (seen, stderr) = on_terminal(&["--json"]);
    assert_eq!(seen, (700..1700).collect::<Vec<_>>());
    assert!(
        stderr.contains("the last 1000 records are shown; `-n all`"),
        "{stderr}"
    );
    assert_eq!(on_terminal(&["--json", "-n", "all"]).0.len(), 1700);
    assert_eq!(
        on_terminal(&["--json", "-S", "yesterday"]),
        ((0..1700).collect(), String::new())
    );
}

#[test]
fn the_last_n_are_counted_after_the_filter() {
    let text: String = (0..100)
        .map(|seq| record(seq, if seq % 10 == 0 { "WARN" } else { "INFO" }))
        .collect();
    let home = home(&[text]);
    let last = |words: &[&str]| seqs(&show(words, &home).1);
    assert_eq!(last(&["--json", "-n3", "-l", "warn"]), [70, 80, 90]);
    assert_eq!(last(&["--json", "-n3", "-l", "warn", "-r"]), [90, 80, 70]);
    assert_eq!(last(&["--json", "-n0"]), [0; 0]);
    assert_eq!(last(&["--json", "n>96", "event=e"]), [97, 98, 99]);
    assert_eq!(last(&["--json", "-S", "08:01:38"]), [98, 99]);
    assert_eq!(last(&["--json", "-U", "2026-11-21 08:00:01"]), [0, 1]);
}

#[test]
fn sorting_puts_records_in_the_order_of_their_times() {
    let home = home(&[many([5, 1, 3]), many([4, 2])]);
    assert_eq!(seqs(&show(&["--json", "--sort"], &home).1), [1, 2, 3, 4, 5]);
    assert_eq!(seqs(&show(&["--json", "--sort", "-n2"], &home).1), [4, 5]);
    assert_eq!(seqs(&show(&["--json", "--sort", "-rn2"], &home).1), [5, 4]);
}

#[test]
fn the_last_records_have_damage_with_its_line() {
    let home = home(&[many(0..3000) + "no record\n" + &many(3000..3001)]);
    for words in [&["-n", "2"][..], &["-n", "2", "-r"], &["-n", "all"]] {
        let (_, _, stderr) = show(words, &home);
        assert!(
            stderr.contains("1 unreadable line (events.000001.jsonl:3001)"),
            "{words:?}: {stderr}"
        );
    }
}

#[test]
fn damage_is_reported_with_its_position_and_escaped() {
    let bad = "\x1b[2J not a record\n";
    let home = home(&[many(0..2) + bad + &many(2..3), String::new(), many(3..4)]);
    append(home.path(), 5, "{\"timest");
    for words in [&["--json"][..], &["--json", "-r"], &["--json", "--sort"]] {
        let (_, stdout, stderr) = show(words, &home);
        assert_eq!(seqs(&stdout).len(), 4);
        assert!(
            stderr.contains("1 unreadable line (events.000001.jsonl:3)"),
            "{stderr}"
        );
        assert!(stderr.contains(r"\x1b[2J not a record"), "{stderr}");
        assert!(stderr.contains("1 gap in the segments"), "{stderr}");
        assert!(stderr.contains("events.000004.jsonl lost"), "{stderr}");
        assert!(stderr.contains("the last line is unfinished"), "{stderr}");
        assert!(!stderr.contains('\x1b'));
    }
}

#[test]
fn a_line_that_resembles_a_record_is_reported() {
    let bad = "{\"timestamp\":\"2026\",\"level\":7}\n";
    let home = home(&[many(0..1) + bad]);
    let (_, stdout, stderr) = show(&["--json"], &home);
    assert_eq!(stdout, many(0..1));
    assert!(
        stderr.contains("1 unreadable line (events.000001.jsonl:2)"),
        "{stderr}"
    );
}

fn with_seconds(seconds: &[&str]) -> String {
    let lines = seconds.iter().zip(0..);
    lines
        .map(|(seconds, seq)| {
            record(seq, "INFO").replace("}}", &format!(",\"seconds\":{seconds}}}}}"))
        })
        .collect()
}

#[test]
fn values_of_another_type_are_counted_however_records_are_shown() {
    let text = with_seconds(&["1", "\"1.10\"", "0.5", "\"slow\"", "null", "\"2\"", "true"]);
    let home = home(&[text]);
    for words in [
        &[][..],
        &["-r"],
        &["--sort"],
        &["-n", "7"],
        &["-o", "short"],
    ] {
        let words = [&["--json", "seconds>=1"][..], words].concat();
        let words = words
            .strip_prefix(&["--json"])
            .filter(|_| words.contains(&"-o"))
            .unwrap_or(&words);
        let (outcome, stdout, stderr) = show(words, &home);
        assert_eq!(
            (outcome, stdout.lines().count()),
            (Exit::Done, 3),
            "{words:?}"
        );
        let expected = "skipped 3 records in which `seconds` is not a number\n";
        assert_eq!(stderr, expected, "{words:?}");
    }
}

#[test]
fn only_records_of_another_type_count_as_skipped() {
    let text = with_seconds(&["1", "\"slow\"", "\"slow\""]);
    let home = home(&[text + &many(3..5)]);
    for (words, expected) in [
        (&["seconds>0", "n=1"][..], 1),
        (&["seconds>0", "n=0"], 0),
        (&["n>1", "seconds>0", "level=warn"], 0),
        (&["seconds=1"], 0),
        (&["seconds!=1"], 0),
        (&["seconds~slow"], 0),
        (&["seconds>0", "-l", "warn"], 0),
        (&["seconds>0", "-g", "nowhere"], 0),
        (&["seconds>0", "-n0"], 0),
    ] {
        let err = show(words, &home).2;
        let skipped = "skipped 1 record in which `seconds` is not a number\n";
        assert_eq!(err.matches(skipped).count(), expected, "{words:?}: {err}");
        assert_eq!(err.matches("skipped").count(), expected, "{words:?}: {err}");
    }
}

#[test]
fn a_follower_reports_skipped_values_once() {
    let mut stderr = Vec::new();
    let mut unread = UnreadCounts::default();
    for _ in 0..3 {
        unread.add_other_type("seconds", OrderedType::Number);
        unread.print(&mut stderr);
        unread.clear();
    }
    unread.add_other_type("version\x1b", OrderedType::Version);
    unread.print(&mut stderr);
    assert_eq!(
        String::from_utf8(stderr).unwrap(),
        "skipped 1 record in which `seconds` is not a number\n\
         skipped 1 record in which `version\\x1b` is not a version\n"
    );
}

#[test]
fn a_grep_pattern_may_begin_with_a_hyphen() {
    let home = home(&[record(0, "INFO").replace("\"e\"", "\"--dry-run\"")]);
    for words in [
        ["-g", "--dry"],
        ["--grep", "-run"],
        ["-e", "--dry-run"],
        ["--event", "--dry-run"],
    ] {
        assert_eq!(show(&words, &home).1.lines().count(), 1, "{words:?}");
    }
    assert_eq!(show(&["-t", "-x"], &home).1, "");
    assert_eq!(
        show(&["--lacks", "x", "--has", "n"], &home)
            .1
            .lines()
            .count(),
        1
    );
}

#[test]
fn exit_status_reports_that_nothing_matched() {
    let home = home(&[many(0..3)]);
    assert_eq!(show(&["n>5"], &home).0, Exit::Done);
    assert_eq!(
        show(&["n>5", "--exit-status"], &home).0,
        Exit::NothingMatched
    );
    assert_eq!(show(&["n>1", "--exit-status"], &home).0, Exit::Done);
}

#[test]
fn reasons_are_given_however_records_are_shown() {
    let home = home(&[many(0..3)]);
    for words in [
        &[][..],
        &["-r"],
        &["--sort"],
        &["-n", "1"],
        &["-o", "json"],
        &["--exit-status"],
        &["--since", "2026-11-20"],
    ] {
        let words = [&["-e", "ee"][..], words].concat();
        for sink in [OutputKind::Pipe, OutputKind::Terminal] {
            let (exit, out, err) = run_on(&args(&words), home.path(), sink, ShownOutput::default());
            let expected = if words.contains(&"--exit-status") {
                Exit::NothingMatched
            } else {
                Exit::Done
            };
            assert_eq!((exit.unwrap(), out.as_str()), (expected, ""), "{words:?}");
            assert_eq!(
                err, "no record has the event `ee`; events: e\n",
                "{words:?}"
            );
        }
    }
    assert_eq!(show(&["-e", "ee", "-n0"], &home).2, "");
}

#[test]
fn the_nearest_names_are_found_among_many() {
    let names = (0..6000).map(|number| format!("event-of-kind-{number}"));
    let lines = |names: &mut dyn Iterator<Item = String>| -> String {
        let event = |name: String| format!("\"{name}\"");
        names
            .map(|name| record(0, "INFO").replace("\"e\"", &event(name)))
            .collect()
    };
    let mut names = names.chain(["command".to_owned()]);
    let home = home(&[lines(&mut names)]);
    let (_, _, err) = show(&["-e", "comand"], &home);
    assert!(err.ends_with("did you mean `-e command`?\n"), "{err}");
    let (_, _, err) = show(&["-e", "event-of-kind-"], &home);
    assert_eq!(err.matches("`-e event").count(), 3, "{err}");
}

#[test]
fn a_follower_reports_a_missing_event() {
    let home = home(&[many(0..3)]);
    let mut stderr = Vec::new();
    let mut screen = Screen {
        stdout: &mut io::sink(),
        stderr: &mut stderr,
        sink: OutputKind::Pipe,
        colour: Colour::Off,
        now: OffsetDateTime::from_unix_timestamp(1_795_248_000).unwrap(),
        stdin: &mut io::empty(),
        is_interactive: false,
        is_reader_gone: &|| true,
        progress: &ProgressLine::default(),
        variable: &|_| None,
    };
    run(
        &args(&["-f", "-e", "comand"]),
        &only(home.path()),
        &mut screen,
    )
    .unwrap();
    let err = String::from_utf8(stderr).unwrap();
    assert_eq!(err.matches("no record has the event").count(), 1, "{err}");
}

#[test]
fn a_missing_directory_and_an_invalid_time_are_errors() {
    let nowhere = PathBuf::from("/nowhere/telemetry");
    let (outcome, ..) = run_on(
        &args(&[]),
        &nowhere,
        OutputKind::Pipe,
        ShownOutput::default(),
    );
    assert!(outcome.unwrap_err().is_not_found());
    let home = home(&[]);
    let (outcome, ..) = run_on(
        &args(&["-S", "soon"]),
        home.path(),
        OutputKind::Pipe,
        ShownOutput::default(),
    );
    assert!(outcome.unwrap_err().to_string().contains("`2h ago`"));
}

#[test]
fn contradicting_flags_are_refused() {
    for words in [
        ["-f", "-r"],
        ["-f", "--sort"],
        ["--utc", "--local"],
        ["--json", "-ocsv"],
    ] {
        let line = std::iter::once("show").chain(words);
        assert!(ShowLine::try_parse_from(line).is_err(), "{words:?}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let home = home(&[many(0..3000)]);
    let output = ShownOutput {
        breaks_after: Some("\"seq\":0,"),
        ..ShownOutput::default()
    };
    let (outcome, _, stderr) = run_on(&args(&["--json"]), home.path(), OutputKind::Pipe, output);
    assert_eq!(outcome.unwrap(), Exit::Done);
    assert_eq!(stderr, "");
}

fn with_pager(pager: &str, home: &TempDir) -> (Exit, String) {
    let mut stdout = ShownOutput::default();
    let shown = stdout.clone();
    let variable = |name: &str| (name == "LOCALTEL_PAGER").then(|| OsString::from(pager));
    let outcome = run(
        &args(&["--json", "-n", "all"]),
        &only(home.path()),
        &mut Screen {
            stdout: &mut stdout,
            stderr: &mut Vec::new(),
            sink: OutputKind::Terminal,
            colour: Colour::Off,
            now: OffsetDateTime::UNIX_EPOCH,
            stdin: &mut io::empty(),
            is_interactive: false,
            is_reader_gone: &|| false,
            progress: &ProgressLine::default(),
            variable: &variable,
        },
    );
    (outcome.unwrap(), shown.text())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads what a pager got")]
fn a_missing_or_closed_pager_is_not_a_failure() {
    let home = home(&[many(0..3000)]);
    let page = home.path().join("page");
    let all = many(0..3000);
    assert_eq!(
        with_pager(&format!("cat > '{}'", page.display()), &home),
        (Exit::Done, String::new())
    );
    assert_eq!(std::fs::read_to_string(page).unwrap(), all);
    assert_eq!(with_pager("true", &home), (Exit::Done, String::new()));
    assert_eq!(with_pager("/nowhere/pager", &home), (Exit::Done, all));
}

#[test]
fn csv_has_one_header() {
    let home = home(&[many(0..2)]);
    let (_, stdout, _) = show(&["-o", "csv"], &home);
    assert_eq!(stdout.matches("timestamp,level").count(), 1);
    assert_eq!(stdout.lines().count(), 3);
}

#[test]
fn tail_shows_the_last_ten_and_then_new_records() {
    let home = home(&[many(0..30)]);
    let path = home.path().to_owned();
    let output = ShownOutput {
        breaks_after: Some("\"seq\":31,"),
        ..ShownOutput::default()
    };
    let shown = output.clone();
    let tail = std::thread::Builder::new()
        .spawn(move || {
            let args = args(&["--json"]).into_tail();
            let (outcome, ..) = run_on(&args, &path, OutputKind::Terminal, output);
            outcome.unwrap()
        })
        .unwrap();
    wait_for(&shown, "\"seq\":29,");
    assert_eq!(seqs(&shown.text()), (20..30).collect::<Vec<_>>());
    append(home.path(), 1, &many([30]));
    wait_for(&shown, "\"seq\":30,");
    append(home.path(), 2, &many([31]));
    wait_for(&shown, "\"seq\":31,");
    append(home.path(), 2, &many([32]));
    assert_eq!(tail.join().unwrap(), Exit::Done);
    assert_eq!(seqs(&shown.text()), (20..32).collect::<Vec<_>>());
}

#[test]
fn tail_from_the_end_shows_only_new_records() {
    let home = home(&[many(0..30)]);
    let path = home.path().to_owned();
    let output = ShownOutput {
        breaks_after: Some("\"seq\":30,"),
        ..ShownOutput::default()
    };
    let shown = output.clone();
    let tail = std::thread::Builder::new()
        .spawn(move || {
            let args = args(&["--json", "-f", "-n0"]);
            run_on(&args, &path, OutputKind::Pipe, output).0.unwrap()
        })
        .unwrap();
    // Following may begin before or after this line, so lines are added until one is shown.
    while !shown.text().contains("\"seq\":30,") {
        append(home.path(), 1, &many([30]));
        std::thread::sleep(Follower::PAUSE * 2);
    }
    append(home.path(), 1, &many([30]));
    assert_eq!(tail.join().unwrap(), Exit::Done);
    assert!(seqs(&shown.text()).iter().all(|seq| *seq == 30));
}

fn wait_for(output: &ShownOutput, text: &str) {
    for _ in 0..100 {
        if output.text().contains(text) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{text} never came: {}", output.text());
}

/// Records of localtel itself, and one of the application, of second `seq`.
fn with_own() -> TempDir {
    let own = |seq, event: &str| {
        record(seq, "INFO")
            .replace("\"app\"", "\"localtel\"")
            .replace("\"e\"", &format!("\"{event}\""))
    };
    let events = ["session", "command", "dropped", "consent", "session.end"];
    let lines = events.iter().zip(0..).map(|(event, seq)| own(seq, event));
    home(&[lines.collect::<String>() + &record(5, "INFO")])
}

/// Returns the numbers of the shown records and the messages.
fn own_shown(words: &[&str], sink: OutputKind, home: &TempDir) -> (Vec<u64>, String) {
    let words = [&["--json"][..], words].concat();
    let (outcome, stdout, stderr) =
        run_on(&args(&words), home.path(), sink, ShownOutput::default());
    outcome.unwrap();
    (seqs(&stdout), stderr)
}

#[test]
fn a_terminal_hides_records_of_localtel_and_counts_them() {
    let home = with_own();
    let hidden = "3 records of localtel itself are hidden; --own shows them\n";
    for words in [&[][..], &["--sort"], &["--no-own"], &["-n", "all"]] {
        let shown = own_shown(words, OutputKind::Terminal, &home);
        assert_eq!(shown, (vec![1, 2, 5], hidden.to_owned()), "{words:?}");
    }
    let reversed = own_shown(&["-r"], OutputKind::Terminal, &home);
    assert_eq!(reversed, (vec![5, 2, 1], hidden.to_owned()));
    let all = own_shown(&["--own"], OutputKind::Terminal, &home);
    assert_eq!(all, ((0..6).collect(), String::new()));
}

#[test]
fn a_pipe_hides_records_of_localtel_only_on_request() {
    let home = with_own();
    assert_eq!(
        own_shown(&[], OutputKind::Pipe, &home).0,
        (0..6).collect::<Vec<_>>()
    );
    assert_eq!(
        own_shown(&["--no-own"], OutputKind::Pipe, &home).0,
        [1, 2, 5]
    );
    let last = own_shown(&["--own", "--no-own"], OutputKind::Terminal, &home);
    assert_eq!(last.0, [1, 2, 5]);
}

#[test]
fn the_last_n_records_do_not_count_hidden_ones() {
    let home = with_own();
    for words in [&["-n2"][..], &["-n2", "--sort"]] {
        assert_eq!(own_shown(words, OutputKind::Terminal, &home).0, [2, 5]);
    }
}

#[test]
fn records_of_localtel_asked_for_by_name_are_shown() {
    let home = with_own();
    for (words, expected) in [
        (&["-e", "session"][..], vec![0]),
        (&["event=session.end"], vec![4]),
        (&["-t", "localtel"], vec![0, 1, 2, 3, 4]),
        (&["--session", "0193"], vec![0, 1, 2, 3, 4, 5]),
        (&["--session", "0193", "--no-own"], vec![1, 2, 5]),
    ] {
        assert_eq!(own_shown(words, OutputKind::Terminal, &home).0, expected);
    }
}

#[test]
fn if_only_hidden_records_match_that_is_said() {
    let (shown, stderr) = own_shown(&["n=0"], OutputKind::Terminal, &with_own());
    assert_eq!(shown, [0; 0]);
    assert_eq!(
        stderr,
        "1 record of localtel itself is hidden; --own shows it\nnothing else matched\n"
    );
}

/// Two records with different keys and a span, and one with the key of a part of each record.
fn with_columns() -> TempDir {
    let spans = r#","spans":[{"name":"request","properties":{"tenant":"acme"}}]}"#;
    let lines = [
        record(0, "INFO").replace("}}", &format!(",\"text\":\"a,b\"}}{spans}")),
        record(1, "INFO").replace("\"n\":1", "\"other\":{\"deep\":-2}"),
        record(2, "INFO").replace("\"n\":2", "\"level\":\"mine\""),
    ];
    home(&[lines.concat()])
}

fn refused(words: &[&str], home: &TempDir) -> String {
    let (outcome, ..) = run_on(
        &args(words),
        home.path(),
        OutputKind::Pipe,
        ShownOutput::default(),
    );
    outcome.unwrap_err().to_string()
}

#[test]
fn csv_has_a_column_for_each_key_that_occurs() {
    let (_, stdout, _) = show(&["-o", "csv"], &with_columns());
    let session = "01936f0e-0000-7000-8000-000000000000";
    let start = |seq| format!("2026-11-21T08:00:0{seq}.000000Z,INFO,s,app,e,,{session},{seq}");
    let expected = [
        "timestamp,level,source,target,event,message,session,seq,span,n,text,tenant,other,properties.level".to_owned(),
        start(0) + ",request,0,\"a,b\",acme,,",
        start(1) + ",,,,,\"{\"\"deep\"\":-2}\",",
        start(2) + ",,,,,,mine",
    ];
    assert_eq!(stdout.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn only_keys_of_shown_records_have_a_column() {
    let home = with_columns();
    for words in [
        &["-o", "tsv", "n=0", "--columns", "n,text"][..],
        &["-o", "tsv", "--columns", "n,text", "-r", "-n", "all", "n=0"],
    ] {
        assert_eq!(show(words, &home).1, "n\ttext\n0\ta,b\n", "{words:?}");
    }
    let one = "timestamp,level,source,target,event,message,session,seq,properties.level\r\n";
    for words in [&["-n", "1"][..], &["-r", "-n", "1"]] {
        let (_, stdout, _) = show(&[&["-o", "csv"], words].concat(), &home);
        assert!(stdout.starts_with(one), "{words:?}: {stdout}");
    }
    let cursor = tempfile::NamedTempFile::new().unwrap();
    let words = [
        "-o",
        "csv",
        "--cursor-file",
        cursor.path().to_str().unwrap(),
    ];
    show(&words, &home);
    append(
        home.path(),
        1,
        &record(3, "INFO").replace("\"n\":3", "\"level\":1"),
    );
    let (_, stdout, _) = show(&words, &home);
    assert!(stdout.starts_with(one), "{stdout}");
}

#[test]
fn fields_are_separated_by_tabs_without_a_heading() {
    let words = ["-o", "fields:seq,tenant,other.deep,text"];
    let (_, stdout, _) = show(&words, &with_columns());
    assert_eq!(stdout, "0\tacme\t\ta,b\n1\t\t-2\t\n2\t\t\t\n");
}

#[test]
fn times_of_columns_are_in_the_zone_that_is_shown() {
    let home = with_columns();
    let mut memory = Memory::default();
    memory.with(|screen| {
        screen.variable = &|name| (name == "LOCALTEL_ZONE").then(|| "+02:00".into());
        let words = ["-o", "csv", "--columns", "timestamp", "-n", "1"];
        run(&args(&words), &only(home.path()), screen).unwrap();
    });
    assert_eq!(
        memory.out(),
        "timestamp\r\n2026-11-21T10:00:02.000000+02:00\r\n"
    );
}

#[test]
fn columns_that_cannot_be_shown_are_refused() {
    let home = with_columns();
    for (words, expected) in [
        (
            &["--columns", "n"][..],
            "only csv, tsv and fields have columns",
        ),
        (&["--json", "--columns", "n"], "only csv, tsv and fields"),
        (&["-o", "fields"], "the columns have no names"),
        (&["-o", "fields:n", "--columns", "n"], "named twice"),
        (&["-o", "csv", "-f"], "name the columns"),
    ] {
        let message = refused(words, &home);
        assert!(message.contains(expected), "{words:?}: {message}");
    }
    for (words, expected) in [
        (["-o", "fields:"], "a column has no name"),
        (["-o", "fields:n,n"], "`n` is named twice"),
        (["-o", "cvs"], "did you mean `csv`?"),
        (["-o", "jsonl"], "did you mean `json`?"),
    ] {
        let line = std::iter::once("show").chain(words);
        let error = ShowLine::try_parse_from(line).unwrap_err().to_string();
        assert!(error.contains(expected), "{words:?}: {error}");
    }
}

#[test]
fn a_terminal_gets_a_line_for_each_day_whatever_the_order() {
    let day = |seq: u64| {
        record(seq, "INFO").replace("2026-11-21", &format!("2026-11-{}", 20 + seq / 3000))
    };
    let home = home(&[(0..9000).map(day).collect()]);
    let days = |words: &[&str]| {
        let words = [&["--utc", "-n", "all"][..], words].concat();
        let (outcome, stdout, _) = run_on(
            &args(&words),
            home.path(),
            OutputKind::Terminal,
            ShownOutput::default(),
        );
        outcome.unwrap();
        assert_eq!(stdout.lines().count(), 9003, "{words:?}");
        let lines = stdout.lines().filter(|line| line.ends_with(" UTC"));
        let day = |line: &str| line.get(8..10).unwrap().to_owned();
        lines.map(day).collect::<Vec<_>>()
    };
    assert_eq!(days(&[]), ["20", "21", "22"]);
    assert_eq!(days(&["--sort"]), ["20", "21", "22"]);
    assert_eq!(days(&["-r"]), ["22", "21", "20"]);
    assert_eq!(days(&["-r", "--sort"]), ["22", "21", "20"]);
}
