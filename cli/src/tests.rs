//! Whole command lines, run in memory: their output, their files and their exits.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read and write the files directly"
)]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use localtel::admin::Environment;

use super::args::Arguments;
use super::execution::execute;
use super::exit::Exit;
use super::progress::ProgressLine;
use super::sanitize::tests::is_safe;
use super::screen::{Colour, Memory, OutputKind, Screen};

/// A home directory, with an environment that only names it.
struct Home {
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().to_str().unwrap().to_owned();
        let variables = vec![("XDG_STATE_HOME".to_owned(), state)];
        Self { dir, variables }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn telemetry(&self) -> std::path::PathBuf {
        self.dir.path().join("myapp/telemetry")
    }

    /// Creates segments; each has one record at each of these minutes.
    fn with_segments(self, segments: &[&[u8]]) -> Self {
        fs::create_dir_all(self.telemetry()).unwrap();
        for (index, minutes) in segments.iter().enumerate() {
            let line = |minute: &u8| {
                format!("{{\"timestamp\":\"2026-11-21T08:{minute:02}:00.000000Z\"}}\n")
            };
            let lines: Vec<String> = minutes.iter().map(line).collect();
            let name = format!("events.{:06}.jsonl", index + 1);
            fs::write(self.telemetry().join(name), lines.concat()).unwrap();
        }
        self
    }

    fn run_on(&self, memory: &mut Memory, line: &str) -> Exit {
        let variables: Vec<(&str, &str)> = self
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let environment = Environment::for_test("localtel", &variables);
        memory.with(|screen| execute(words(line), &environment, screen))
    }

    fn run(&self, line: &str) -> (Exit, String, String) {
        let mut memory = Memory::default();
        let exit = self.run_on(&mut memory, line);
        (exit, memory.out(), memory.err())
    }
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn help_goes_to_stdout_and_mistakes_are_usage_errors() {
    let home = Home::new();
    let (exit, out, err) = home.run("--version");
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    assert_eq!(out, format!("localtel {}\n", env!("CARGO_PKG_VERSION")));
    let (exit, out, _) = home.run("clear --help");
    assert_eq!(exit, Exit::Done);
    assert!(out.contains("Examples:"), "{out}");
    let (exit, out, err) = home.run("claer");
    assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
    assert!(
        err.starts_with("localtel: unrecognized subcommand 'claer'\n\n  tip: `explain` "),
        "{err}"
    );
    let (exit, _, err) = home.run("--app a/b status");
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("may contain only letters"), "{err}");
}

#[test]
fn typed_words_are_escaped_in_the_parsers_errors() {
    let home = Home::new();
    for line in ["\u{1b}[2Jx\u{7}", "show --\u{7}x", "show -l \u{7}\u{202e}"] {
        let (exit, _, err) = home.run(line);
        assert_eq!(exit, Exit::Usage, "{err:?}");
        assert!(is_safe(&err, err.matches('\n').count()), "{err:?}");
    }
}

#[test]
fn the_schema_is_printed_without_an_application() {
    let (exit, out, err) = Home::new().run("explain --schema");
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(schema["properties"]["timestamp"]["maxLength"], 27);
}

#[test]
fn policy_test_needs_no_application() {
    let home = Home::new();
    let expected = (Exit::Done, "password=[secret]\n".to_owned());
    let (exit, out, _) = home.run("policy test password=hunter2");
    assert_eq!((exit, out), expected);
    for source in ["one", "two"] {
        fs::create_dir_all(home.dir.path().join(source).join("telemetry")).unwrap();
    }
    let (exit, out, _) = home.run("policy test password=hunter2");
    assert_eq!((exit, out), expected);
}

#[test]
fn status_of_an_empty_home_is_undecided_and_writes_nothing() {
    let home = Home::new();
    let (exit, out, err) = home.run("--app myapp status");
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "status: undecided",
            "uuid: none",
            "recording: unknown, because consent is undecided, and the application decides whether it records",
            "`localtel record` and `run`: no, because consent is undecided, and nothing is recorded until it is enabled",
            "decided by: the default",
        ]
    );
    assert!(
        lines[8].ends_with("/myapp/telemetry (does not exist yet)"),
        "{out}"
    );
    assert!(names(home.dir.path()).is_empty());
}

#[test]
fn disabling_in_a_new_home_creates_only_the_choice() {
    let home = Home::new();
    let (exit, out, err) = home.run("--app myapp disable");
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    assert_eq!(out, "disabled for myapp (profile default): saved\n");
    assert_eq!(names(&home.telemetry()), ["consent.json", "lock"]);
    let (_, out, _) = home.run("status");
    assert!(out.starts_with("status: disabled\nuuid: none\n"), "{out}");
    assert!(
        out.contains("decided by: the stored choice (localtel disable, 2026-"),
        "{out}"
    );
}

#[test]
fn enabling_under_do_not_track_is_saved_but_off() {
    let home = Home::new().set("DO_NOT_TRACK", "1");
    let (exit, out, _) = home.run("--app myapp enable");
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        out,
        "enabled for myapp (profile default): saved\nrecording: no, because disabled by DO_NOT_TRACK=1\n"
    );
    let (_, out, _) = home.run("status");
    assert!(out.starts_with("status: disabled\n"), "{out}");
    assert!(
        out.contains("overruled: the stored choice (enabled)\nlocked: yes\n"),
        "{out}"
    );
}

#[test]
fn disable_reports_that_a_variable_overrides_it() {
    let home = Home::new().set("MYAPP_TELEMETRY", "on");
    let (_, out, _) = home.run("--app myapp disable");
    assert!(
        out.ends_with("saved\nrecording: yes, because enabled by MYAPP_TELEMETRY=on\n"),
        "{out}"
    );
}

#[test]
fn the_json_of_status_has_stable_keys() {
    let home = Home::new()
        .set("DO_NOT_TRACK", "1")
        .set("MYAPP_TELEMETRY", "maybe");
    home.run("--app myapp enable");
    home.run("--app myapp reset");
    let (exit, out, _) = home.run("--app myapp status --json");
    assert_eq!(exit, Exit::Done);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let mut expected = [
        "document_version",
        "status",
        "uuid",
        "decided_by",
        "locked",
        "overruled",
        "problems",
        "level",
        "policy",
        "stored",
        "stored_for_all",
        "first_seen",
        "grace_left_seconds",
        "copied",
        "source",
        "profile",
        "directory",
        "directory_exists",
        "is_open_to_others",
        "limits",
        "overdue_compression",
        "rate",
        "recording",
        "because",
        "record_and_run",
        "storage",
        "storage_problem",
        "update",
        "update_problem",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(value["decided_by"]["kind"], "do_not_track");
    assert_eq!(value["overruled"][0]["kind"], "choice");
    assert_eq!(value["stored"]["consent"], "enabled");
    assert!(
        value["problems"][0].as_str().unwrap().contains("`maybe`"),
        "{out}"
    );
    assert!(value["uuid"].is_null(), "{out}");
}

#[test]
fn status_shows_a_release_newer_than_the_last_recorder() {
    let home = Home::new();
    let path = home.telemetry();
    fs::create_dir_all(&path).unwrap();
    let update = || {
        let (_, text, _) = home.run("--app myapp status");
        let (_, json, _) = home.run("--app myapp status --json");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let line = text.lines().find(|line| line.starts_with("update: "));
        (line.map(str::to_owned), value["update"].clone())
    };
    let release = r#"{"version":"1.10.0","released":"2026-11-01","notes":"a\u001b[2Jb"}"#;
    fs::write(path.join("release.json"), release).unwrap();
    assert_eq!(update(), (None, serde_json::Value::Null));
    let history = path.join("history.json");
    fs::write(&history, r#"{"format":1,"version":"1.9.0"}"#).unwrap();
    let (line, json) = update();
    let expected = "update: 1.10.0 is available (released 2026-11-01), 1.9.0 recorded last";
    assert_eq!(line.unwrap(), expected);
    let expected = serde_json::json!({
        "version": "1.10.0", "released": "2026-11-01", "notes": "a\u{fffd}[2Jb", "current": "1.9.0"
    });
    assert_eq!(json, expected);
    for version in ["1.10.0", "2.0.0", "dev\\u001b[2J"] {
        let text = format!(r#"{{"format":1,"version":"{version}"}}"#);
        fs::write(&history, text).unwrap();
        assert_eq!(update(), (None, serde_json::Value::Null), "{version}");
    }
}

#[test]
fn invalid_files_are_reported_and_escaped() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let path = home.telemetry();
    fs::create_dir_all(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(path.join("release.json"), "\"\u{1b}[2J\u{202e}\"").unwrap();
    let history = path.join("history.json");
    fs::write(&history, "{\"format\":\"\\u001b[2J\"}").unwrap();
    fs::set_permissions(&history, fs::Permissions::from_mode(0o600)).unwrap();
    let (_, status, _) = home.run("--app myapp status");
    assert!(
        status.contains("\nupdate: unknown: release.json: it is not valid: "),
        "{status}"
    );
    let (exit, doctor, _) = home.run("--app myapp doctor --full-at 100");
    assert_eq!(exit, Exit::Findings);
    assert_eq!(doctor.lines().count(), 3, "{doctor}");
    for shown in [status, doctor] {
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }
    let (_, json, _) = home.run("--app myapp doctor --full-at 100 --json");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["findings"][0]["kind"], "history");
    assert_eq!(value["findings"][1]["kind"], "release");
    fs::write(path.join("history.json"), "{\"format\":2}").unwrap();
    fs::write(path.join("release.json"), "{\"version\":\"latest\"}").unwrap();
    let (_, doctor, _) = home.run("--app myapp doctor");
    assert!(
        doctor.contains("format 2") && doctor.contains("`latest`"),
        "{doctor}"
    );
}

#[test]
fn a_reset_removes_the_id_and_keeps_the_choice() {
    let home = Home::new();
    home.run("--app myapp enable");
    let (exit, printed, _) = home.run("reset");
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        printed,
        "uuid: none\nid, salt and host are removed for myapp (profile default); new ones are created with \
         the next record; the choice is still enabled\n"
    );
    let (_, status, _) = home.run("status");
    assert!(
        status.starts_with("status: enabled\nuuid: none\n"),
        "{status}"
    );
}

#[test]
fn a_damaged_choice_is_reported_and_can_be_replaced() {
    let home = Home::new().with_segments(&[]);
    fs::write(home.telemetry().join("consent.json"), "{\"form").unwrap();
    let (exit, out, _) = home.run("status");
    assert_eq!(exit, Exit::Done);
    assert!(out.starts_with("status: disabled\n"), "{out}");
    assert!(out.contains("problem: consent.json is damaged"), "{out}");
    let (exit, _, err) = home.run("reset");
    assert_eq!(exit, Exit::Failed);
    assert!(
        err.contains("hint: decide again: `localtel --app myapp enable`"),
        "{err}"
    );
    let (exit, out, err) = home.run("enable");
    assert_eq!(exit, Exit::Done);
    assert!(
        out.contains("saved") && err.contains("replaced: consent.json"),
        "{out}{err}"
    );
}

#[test]
fn each_profile_has_its_own_choice() {
    let home = Home::new();
    home.run("--app myapp --profile work enable");
    let (_, out, _) = home.run("--app myapp --profile work status");
    assert!(out.starts_with("status: enabled"), "{out}");
    assert!(out.contains("/myapp/telemetry/profiles/work\n"), "{out}");
    let (_, out, _) = home.run("--app myapp status");
    assert!(out.starts_with("status: undecided"), "{out}");
}

#[test]
fn clear_without_a_terminal_needs_yes() {
    let home = Home::new().with_segments(&[&[1, 2], &[3]]);
    let (exit, out, err) = home.run("clear");
    assert_eq!(exit, Exit::Usage);
    assert!(
        out.starts_with("will remove 2 segments (1 to 2): 3 records, "),
        "{out}"
    );
    assert!(err.contains("hint: use --yes"), "{err}");
    assert_eq!(names(&home.telemetry()).len(), 2);
    let (exit, out, _) = home.run("clear --dry-run");
    assert_eq!(exit, Exit::Done);
    assert!(out.ends_with("dry run: nothing was removed\n"), "{out}");
    assert_eq!(names(&home.telemetry()).len(), 2);
}

#[test]
fn clear_asks_and_accepts_only_a_yes() {
    let home = Home::new().with_segments(&[&[1], &[2]]);
    for answer in ["", "\n", "n\n", "yep\n"] {
        let mut memory = Memory {
            is_interactive: true,
            input: answer.to_owned(),
            ..Memory::default()
        };
        assert_eq!(home.run_on(&mut memory, "clear"), Exit::Done);
        assert!(
            memory.err().contains("remove them? [y/N] "),
            "{}",
            memory.err()
        );
        assert_eq!(names(&home.telemetry()).len(), 2, "{answer:?}");
    }
    let mut memory = Memory {
        is_interactive: true,
        input: "Y\n".to_owned(),
        ..Memory::default()
    };
    assert_eq!(home.run_on(&mut memory, "clear"), Exit::Done);
    assert!(
        memory.out().contains("removed 2 segments"),
        "{}",
        memory.out()
    );
}

#[test]
fn clear_before_removes_whole_segments_and_lists_the_rest() {
    let home = Home::new().with_segments(&[&[1, 2], &[3, 9], &[10]]);
    let (exit, out, _) = home.run("clear --before 2026-11-21T08:05:00Z --yes");
    assert_eq!(exit, Exit::Done);
    assert!(out.contains("will keep segment 2: 2 records"), "{out}");
    assert!(out.contains("removed 1 segment, "), "{out}");
    let left = names(&home.telemetry());
    assert!(
        !left.contains(&"events.000001.jsonl".to_owned()),
        "{left:?}"
    );
    assert!(left.contains(&"events.000002.jsonl".to_owned()), "{left:?}");
}

#[test]
fn directory_errors_are_one_message_with_the_next_step() {
    let home = Home::new();
    let file = home.dir.path().join("file");
    fs::write(&file, "").unwrap();
    let missing = home.dir.path().join("missing");
    let below = file.join("below");
    for (path, expected) in [
        (&missing, "could not open"),
        (&file, "it is a file, not a directory"),
        (&below, "could not open"),
    ] {
        let (exit, out, err) = home.run(&format!("--dir {} clear", path.display()));
        assert_eq!((exit, out.as_str()), (Exit::Failed, ""), "{err}");
        assert!(
            err.starts_with("localtel: ") && err.contains(expected),
            "{err}"
        );
        assert!(err.contains("\nhint: "), "{err}");
        assert_eq!(err.lines().count(), 2, "{err}");
    }
    let (exit, out, _) = home.run(&format!("--dir {} status", file.display()));
    assert_eq!(exit, Exit::Done);
    assert!(out.starts_with("status: disabled\n"), "{out}");
    assert!(
        out.contains("problem: the directory cannot be used: it is a file"),
        "{out}"
    );
    assert!(!out.contains("does not exist yet"), "{out}");
    let (_, out, _) = home.run(&format!("--dir {} explain", file.display()));
    assert!(!out.contains("does not exist yet"), "{out}");
    let (exit, _, err) = home.run(&format!("--dir {} enable", file.display()));
    assert_eq!(exit, Exit::Failed);
    assert!(err.contains("\nhint: "), "{err}");
}

#[test]
fn an_invalid_time_is_a_usage_error() {
    let home = Home::new().with_segments(&[&[1]]);
    let (exit, _, err) = home.run("clear --before whenever --yes");
    assert_eq!(exit, Exit::Usage);
    assert!(
        err.contains("whenever") && err.contains("`2h ago`"),
        "{err}"
    );
    assert_eq!(names(&home.telemetry()).len(), 1);
}

#[test]
fn completions_and_pages_name_every_command() {
    let home = Home::new();
    let (exit, script, _) = home.run("completions elvish");
    assert_eq!(exit, Exit::Done);
    let (_, pages, _) = home.run("man all");
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        assert!(script.contains(name), "{name}");
        assert!(pages.contains(&format!(".TH localtel-{name} ")), "{name}");
    }
    let (_, first, _) = home.run("man");
    assert!(first.contains(".TH localtel 1"), "{first}");
    let (_, page, _) = home.run("man clear");
    assert!(page.contains(".TH localtel-clear 1"), "{page}");
    assert!(page.contains(r"[\-\-before <TIME>] [\-\-yes]"), "{page}");
    let (exit, _, err) = home.run("man claer");
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("hint: "), "{err}");
    assert!(names(home.dir.path()).is_empty());
}

/// An output whose reader has gone.
struct ClosedPipe;

impl io::Write for ClosedPipe {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_closed_pipe_is_success_without_output() {
    let environment = Environment::for_test("localtel", &[("XDG_STATE_HOME", "/nowhere")]);
    for line in ["--app x status", "--version", "man all", "completions zsh"] {
        let mut memory = Memory::default();
        let exit = memory.with(|screen| {
            let mut output = ClosedPipe;
            let mut screen = with_output(screen, &mut output);
            execute(words(line), &environment, &mut screen)
        });
        assert_eq!((exit, memory.err().as_str()), (Exit::Done, ""));
    }
}

/// An output onto a full disk.
struct FullDisk;

impl io::Write for FullDisk {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn a_failed_write_of_output_is_reported() {
    let environment = Environment::for_test("localtel", &[("XDG_STATE_HOME", "/nowhere")]);
    let mut memory = Memory::default();
    let exit = memory.with(|screen| {
        let mut output = FullDisk;
        let mut screen = with_output(screen, &mut output);
        execute(words("--app x status"), &environment, &mut screen)
    });
    assert_eq!(exit, Exit::Failed);
    assert!(
        memory
            .err()
            .starts_with("localtel: could not write the output: ")
    );
}

#[test]
fn each_command_that_reads_everything_counts_it_as_progress() {
    let home = Home::new().with_segments(&[&[1, 2], &[3]]);
    let file = home.telemetry().join("events.000001.jsonl");
    let lines = [
        "stats",
        "sessions",
        "show --count",
        "show -n 1",
        "show -r",
        "explain",
        "status",
        "doctor",
        "clear --dry-run",
        "report --last",
        "explain --all",
        "doctor --all",
    ];
    let of_file = format!("show --count {}", file.display());
    for line in lines.into_iter().chain([of_file.as_str()]) {
        let mut memory = Memory {
            progress: ProgressLine::on_terminal(),
            ..Memory::default()
        };
        let exit = home.run_on(&mut memory, line);
        assert_ne!(exit, Exit::Usage, "{line}");
        let counts = memory.progress.bytes().counts();
        assert!(
            counts.total > 0 && counts.done == counts.total,
            "{line}: {counts:?}"
        );
    }
}

#[test]
fn neither_a_reset_nor_clearing_changes_the_log() {
    let home = Home::new();
    home.run("--app myapp enable");
    home.run("--app myapp record first");
    let log = fs::read_to_string(home.telemetry().join("log.json")).unwrap();
    home.run("--app myapp reset");
    home.run("--app myapp clear --yes");
    home.run("--app myapp record second");
    let (_, shown, _) = home.run("--app myapp show --count --no-own");
    assert_eq!(shown, "1\n");
    let after = fs::read_to_string(home.telemetry().join("log.json")).unwrap();
    assert_eq!(after, log);
}

/// The same screen with another output.
fn with_output<'a>(screen: &'a mut Screen<'_>, stdout: &'a mut dyn io::Write) -> Screen<'a> {
    Screen {
        stdout,
        stderr: screen.stderr,
        stdin: screen.stdin,
        is_interactive: false,
        sink: OutputKind::Pipe,
        colour: Colour::Off,
        now: screen.now,
        variable: screen.variable,
        is_reader_gone: screen.is_reader_gone,
        progress: screen.progress,
    }
}

fn words(line: &str) -> impl Iterator<Item = OsString> {
    std::iter::once("localtel")
        .chain(line.split_whitespace())
        .map(OsString::from)
}

#[test]
fn the_policy_applies_to_recorded_input_lines() {
    let home = Home::new();
    home.run("--app myapp enable");
    home.run("--app myapp policy property user drop");
    let mut memory = Memory {
        input: "{\"event\":\"a\",\"message\":\"password=hunter2\",\"user\":\"alice\",\"error\":{\"deep\":[\"token=hunter2\"],\"password\":\"hunter2\"}}\n".to_owned(),
        ..Memory::default()
    };
    let exit = home.run_on(&mut memory, "--app myapp record -");
    assert_eq!((exit, memory.err()), (Exit::Done, String::new()));
    let (_, out, _) = home.run("--app myapp show event=a -o json");
    assert!(!out.contains("hunter2") && !out.contains("alice"), "{out}");
    assert!(
        out.contains(r#""message":"password=[secret]","#)
            && out.contains(r#"{"error":{"deep":["token=[secret]"],"password":"[secret]"}}"#),
        "{out}"
    );
}

#[test]
fn status_and_doctor_report_a_strict_or_damaged_policy() {
    let home = Home::new();
    home.run("--app myapp enable");
    home.run("--app myapp policy level info");
    let (_, out, _) = home.run("--app myapp status");
    assert!(
        out.contains("\npolicy: policy.toml restricts what is recorded\n"),
        "{out}"
    );
    let (exit, out, _) = home.run("--app myapp doctor --full-at 100");
    let expected = "no problems found\nrecording: yes, because enabled by the stored choice\n";
    assert_eq!((exit, out.as_str()), (Exit::Done, expected));
    home.run("--app myapp policy level trace");
    let (_, out, _) = home.run("--app myapp status --json");
    assert!(
        out.contains(r#""policy":{"owner":"open","problem":null}"#),
        "{out}"
    );
    fs::write(home.telemetry().join("policy.toml"), "x = 1").unwrap();
    let (_, out, _) = home.run("--app myapp status");
    let damaged = "policy.toml is invalid: line 1: unknown field `x`";
    assert!(out.contains(&format!("because {damaged}")), "{out}");
    assert!(out.contains("\npolicy: damaged, see above"), "{out}");
    assert_eq!(out.matches(damaged).count(), 1, "{out}");
    let (_, out, _) = home.run("--app myapp status --json");
    assert!(
        out.contains(r#""policy":{"owner":"damaged","problem":"policy.toml"#),
        "{out}"
    );
    let (exit, out, _) = home.run("--app myapp doctor --full-at 100");
    assert_eq!(exit, Exit::Findings);
    assert!(
        out.contains(&format!("\nrecording: no, because {damaged}"))
            && out.contains("; next: fix "),
        "{out}"
    );
    assert!(
        out.contains("`localtel --app myapp policy` prints the error"),
        "{out}"
    );
    let (_, _, err) = home.run("--app myapp record x");
    assert!(
        err.contains("nothing is recorded until it is fixed"),
        "{err}"
    );
}
