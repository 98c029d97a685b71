//! Whether anything is recorded, and why: the same answer in every command. Each test sets up a
//! state, runs all commands of `localtel` and of the application, and compares what they print with
//! what is then recorded.

use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::{Limits, Telemetry};
use serde_json::Value;

use super::{err, out};
use crate::program::{copy_program, program};
use crate::support::lines_in;

/// The program whose commands are run.
#[derive(Debug, Clone, Copy)]
enum TestedProgram {
    /// `localtel --app words`.
    Outside,
    /// `words telemetry`, an application that records nothing while consent is undecided.
    Application,
    /// The same commands of an application of that name with another setup, in a child process.
    Child(&'static str),
}

/// A home with the telemetry of the application `words`.
struct AnswerHome {
    home: tempfile::TempDir,
    localtel: PathBuf,
    words: PathBuf,
    variable: Option<(&'static str, &'static str)>,
    /// The user that the programs run as, if not the user of the test.
    user: Option<u32>,
}

impl AnswerHome {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            localtel: env!("CARGO_BIN_EXE_localtel").into(),
            words: program("embedded"),
            variable: None,
            user: None,
        }
    }

    fn enabled() -> Self {
        let home = Self::new();
        home.done(&["enable"]);
        home
    }

    /// Returns a home that contains these files with these texts.
    fn holding(files: &[(&str, &str)]) -> Self {
        let home = Self::new();
        std::fs::create_dir_all(home.telemetry()).unwrap();
        home.set_mode(0o700);
        for (name, text) in files {
            std::fs::write(home.telemetry().join(name), text).unwrap();
        }
        home
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.variable = Some((name, value));
        self
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn telemetry(&self) -> PathBuf {
        self.path().join("words/telemetry")
    }

    fn set_mode(&self, mode: u32) {
        set_mode(&self.telemetry(), mode);
    }

    /// Links the two programs under names with this prefix.
    fn name_programs(&mut self, start: &str) {
        for program in [&mut self.localtel, &mut self.words] {
            let name = program.file_name().unwrap().to_str().unwrap();
            let link = self.home.path().join(format!("{start}-{name}"));
            symlink(&*program, &link).unwrap();
            *program = link;
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = match self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={user}")]);
                command.arg("--clear-groups").arg(program);
                command
            }
        };
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("XDG_STATE_HOME", self.path())
            .envs(self.variable)
            .current_dir("/");
        command
    }

    fn run(&self, tested: TestedProgram, words: &[&str]) -> Output {
        let mut command = match tested {
            TestedProgram::Outside => {
                let mut command = self.command(&self.localtel);
                command.args(["--app", "words"]).args(words);
                command
            }
            TestedProgram::Application => {
                let mut command = self.command(&self.words);
                command.arg("telemetry").args(words);
                command
            }
            TestedProgram::Child(setup) => {
                let mut command = self.command(&std::env::current_exe().unwrap());
                command.args(["--ignored", "--exact", "--nocapture"]);
                command.arg("commands::answers::words_with_another_setup");
                command
                    .env(SETUP, setup)
                    .env(COMMAND_LINE, words.join(" "))
                    .env(DIRECTORY, self.telemetry());
                command
            }
        };
        command.output().unwrap()
    }

    fn done(&self, words: &[&str]) -> Output {
        let output = self.run(TestedProgram::Outside, words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        output
    }

    /// Returns the rest of the first line of a command's output that begins with `start`.
    fn line(&self, tested: TestedProgram, words: &[&str], start: &str) -> Option<String> {
        let printed = out(&self.run(tested, words));
        let mut lines = printed.lines().map(str::trim_start);
        lines.find_map(|line| Some(line.strip_prefix(start)?.to_owned()))
    }

    fn json(&self, tested: TestedProgram, words: &[&str]) -> Value {
        let output = self.run(tested, words);
        let printed = out(&output);
        let mut lines = printed.lines();
        let line = lines.find(|line| line.starts_with(['{', '[']));
        let line = line.unwrap_or_else(|| panic!("{tested:?} {words:?}: {output:?}"));
        serde_json::from_str(line).unwrap()
    }

    /// Returns the answer that all commands print (`yes, because ...`). Panics if they differ.
    fn answer(&self, tested: TestedProgram) -> String {
        let of_json = |value: &Value| {
            let part = |key: &str| value[key].as_str().unwrap_or("?").to_owned();
            format!("{}, because {}", part("recording"), part("because"))
        };
        let status = self.json(tested, &["status", "--json"]);
        let answer = of_json(&status);
        for command in ["explain", "doctor"] {
            let printed = of_json(&self.json(tested, &[command, "--json"]));
            assert_eq!(printed, answer, "{tested:?} {command} --json");
        }
        let report = self.json(tested, &["report", "--json"]);
        let of_report = of_json(&report["recorded"]);
        // A report is an event of its own, so the policy may drop it.
        let filtered = "no, because the policy drops the event `report`";
        if of_report != filtered {
            // Long texts are cut in a report.
            let start = of_report.trim_end_matches('…');
            assert!(answer.starts_with(start), "{tested:?} report: {of_report}");
            assert!(start.len() > 200 || of_report == answer, "{of_report}");
        }
        for command in ["status", "doctor"] {
            let printed = self.line(tested, &[command], "recording: ");
            assert_eq!(printed.as_ref(), Some(&answer), "{tested:?} {command}");
        }
        let printed = self.line(tested, &["explain"], "Recording now: ");
        assert_eq!(printed, Some(format!("{answer}.")), "{tested:?} explain");
        // Only existing directories are listed.
        let document = self.json(tested, &["profiles", "--json"]);
        let profiles = &document["profiles"];
        let is_there = self.telemetry().symlink_metadata().is_ok();
        assert_eq!(profiles.as_array().unwrap().len(), usize::from(is_there));
        if is_there {
            assert_eq!(of_json(&profiles[0]), answer, "{tested:?} profiles --json");
            assert_eq!(profiles[0]["status"], status["status"]);
            let listed = self.line(tested, &["profiles"], "default ").unwrap();
            let recording = listed.split_whitespace().nth(1);
            assert_eq!(recording, status["recording"].as_str(), "{listed}");
        }
        answer
    }

    /// Returns the answer of `status` for `record` and `run`, after checking that they act on it.
    fn answer_of_commands(&self) -> String {
        let differing = self.line(
            TestedProgram::Outside,
            &["status"],
            "`localtel record` and `run`: ",
        );
        let own = self.line(TestedProgram::Outside, &["status"], "recording: ");
        let printed = differing.or(own).unwrap();
        let before = self.events();
        let recorded = self.run(TestedProgram::Outside, &["record", "deploy"]);
        let after = self.events();
        let ran = self.run(TestedProgram::Outside, &["run", "--", "true"]);
        assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
        let (is_recorded, is_run_recorded) = (after > before, self.events() > after);
        assert_eq!(is_recorded, is_run_recorded, "{printed}: {recorded:?}");
        assert_eq!(is_recorded, printed.starts_with("yes, "), "{recorded:?}");
        if !is_recorded {
            let reason = printed.strip_prefix("no, because ").unwrap();
            let message = err(&recorded);
            let message = message.strip_prefix("localtel: ").unwrap();
            let message = message.strip_prefix("not recorded: ").unwrap_or(message);
            assert!(
                message.starts_with(&format!("{reason}\nhint: ")),
                "{printed}: {message}"
            );
        }
        printed
    }

    /// Returns the hint that `record` prints.
    fn hint_of_record(&self) -> String {
        let output = self.run(TestedProgram::Outside, &["record", "deploy"]);
        let printed = err(&output);
        let (_, hint) = printed.split_once("\nhint: ").unwrap();
        hint.trim_end().to_owned()
    }

    /// Returns `true` if the application records a command of its own.
    fn application_records(&self) -> bool {
        let before = self.events();
        let mut command = self.command(&self.words);
        let output = command.args(["count", "/etc/passwd"]).output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        self.events() > before
    }

    /// Checks the answers of both programs, and whether the application records accordingly.
    fn assert_answers(&self, outside: &str, application: &str) {
        assert_eq!(self.answer(TestedProgram::Outside), outside);
        assert_eq!(self.answer(TestedProgram::Application), application);
        let is_recording = application.starts_with("yes, ");
        assert_eq!(self.application_records(), is_recording, "{application}");
    }

    /// Returns the line on recording that `enable` or `disable` prints after its first line.
    fn after(&self, tested: TestedProgram, words: &[&str]) -> Option<String> {
        self.line(tested, words, "recording: ")
    }

    fn is_locked(&self, tested: TestedProgram) -> bool {
        let locked = self.line(tested, &["status"], "locked: ").unwrap();
        let is_locked = self.json(tested, &["status", "--json"])["locked"].as_bool();
        assert_eq!(is_locked, Some(locked == "yes"));
        locked == "yes"
    }

    /// Counts the records other than `session`.
    fn events(&self) -> usize {
        if !self.telemetry().is_dir() {
            return 0;
        }
        let lines = lines_in(&self.telemetry());
        lines
            .iter()
            .filter(|line| !line.contains(r#""event":"session"#))
            .count()
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Not a test: the commands of an application with another setup.
#[test]
#[ignore = "started by other tests"]
fn words_with_another_setup() {
    let variable = |name| std::env::var(name).ok();
    let (Some(setup), Some(line)) = (variable(SETUP), variable(COMMAND_LINE)) else {
        return;
    };
    let hour = Duration::from_hours(1);
    let builder = Telemetry::builder("words").dir(variable(DIRECTORY).unwrap());
    let builder = match setup.as_str() {
        "record" => builder.when_undecided(WhenUndecided::Record),
        "record after an hour" => builder.when_undecided(WhenUndecided::RecordAfter(hour)),
        "limits" => builder.limits(Limits {
            total_bytes_max: 1,
            ..Limits::default()
        }),
        setup => panic!("unknown setup {setup:?}"),
    };
    if line == "open" {
        let status = builder.open().status();
        println!(
            "\nrecording: {}, because {:?}",
            status.is_recording, status.off_because
        );
        return;
    }
    let command = <localtel_cli::TelemetryCommand as clap::Args>::augment_args(clap::Command::new(
        "telemetry",
    ));
    let words = std::iter::once("telemetry").chain(line.split(' '));
    let matches = command.get_matches_from(words);
    let command =
        <localtel_cli::TelemetryCommand as clap::FromArgMatches>::from_arg_matches(&matches)
            .unwrap();
    println!();
    let _exit = command.run(&builder);
}

const SETUP: &str = "LOCALTEL_TEST_SETUP";
const COMMAND_LINE: &str = "LOCALTEL_TEST_COMMAND_LINE";
const DIRECTORY: &str = "LOCALTEL_TEST_DIRECTORY";

const ENABLED: &str = "yes, because enabled by the stored choice";
const UNDECIDED: &str =
    "no, because consent is undecided, and nothing is recorded until it is enabled";
const UNKNOWN: &str =
    "unknown, because consent is undecided, and the application decides whether it records";
const GRACE_OVER: &str =
    r#"{"format":1,"first_seen":"2020-01-01T00:00:00.000000Z","grace_seconds":3600}"#;
const GRACE_RUNS: &str =
    r#"{"format":1,"first_seen":"2999-01-01T00:00:00.000000Z","grace_seconds":3600}"#;

#[test]
fn an_executable_named_donottrack_stops_only_itself() {
    let mut home = AnswerHome::enabled();
    home.assert_answers(ENABLED, ENABLED);
    home.name_programs("DoNotTrack");
    let by = |name| format!("no, because disabled by the executable's name \"DoNotTrack-{name}\"");
    home.assert_answers(ENABLED, &by("embedded"));
    assert_eq!(home.answer_of_commands(), by("localtel"));
    assert_eq!(
        home.hint_of_record(),
        "`localtel --app words status` shows which rule decided that"
    );
    assert_eq!(home.after(TestedProgram::Outside, &["enable"]), None);
    assert_eq!(
        home.after(TestedProgram::Application, &["enable"]),
        Some(by("embedded"))
    );
    assert_eq!(home.after(TestedProgram::Application, &["disable"]), None);
}

#[test]
fn a_damaged_policy_stops_all_recording() {
    for (text, problem) in [
        (
            "level = \"loud\"",
            "policy.toml is invalid: line 1: level: `loud` is not one of ",
        ),
        ("{", "policy.toml is invalid: "),
    ] {
        let home = AnswerHome::enabled();
        std::fs::write(home.telemetry().join("policy.toml"), text).unwrap();
        let answer = home.answer(TestedProgram::Outside);
        assert!(
            answer.starts_with(&format!("no, because {problem}")),
            "{answer}"
        );
        home.assert_answers(&answer, &answer);
        assert_eq!(home.answer_of_commands(), answer);
        assert!(
            home.hint_of_record()
                .contains("`localtel --app words policy` prints")
        );
        for tested in [TestedProgram::Outside, TestedProgram::Application] {
            assert_eq!(home.after(tested, &["enable"]).as_ref(), Some(&answer));
        }
        assert_eq!(home.after(TestedProgram::Outside, &["disable"]), None);
    }
}

#[test]
fn a_directory_is_used_if_it_can_be_made_private() {
    let home = AnswerHome::enabled();
    for mode in [0o755, 0o750, 0o711] {
        home.set_mode(mode);
        home.assert_answers(ENABLED, ENABLED);
        home.set_mode(mode);
        assert_eq!(home.answer_of_commands(), ENABLED);
    }
    for mode in [0o777, 0o770, 0o733] {
        home.set_mode(mode);
        let answer = format!(
            "no, because {} cannot be a telemetry directory: other users may write to it (mode {mode:04o}); `chmod \
             700` it",
            home.telemetry().display()
        );
        home.assert_answers(&answer, &answer);
        assert_eq!(home.answer_of_commands(), answer);
    }
    std::fs::write(home.telemetry().join("notes.txt"), "").unwrap();
    home.set_mode(0o755);
    let answer = home.answer(TestedProgram::Outside);
    assert!(answer.contains("and it contains other files"), "{answer}");
    home.assert_answers(&answer, &answer);
    assert_eq!(home.answer_of_commands(), answer);
}

#[test]
fn record_and_run_wait_for_the_grace_period() {
    let after = TestedProgram::Child("record after an hour");
    let home = AnswerHome::holding(&[("consent.json", GRACE_OVER)]);
    let over =
        "yes, because consent is undecided, and the application records until it is disabled";
    assert_eq!(home.answer(TestedProgram::Outside), over);
    assert_eq!(home.answer(after), over);
    assert_eq!(home.answer_of_commands(), over);
    // The application that is installed now has no grace period.
    assert_eq!(home.answer(TestedProgram::Application), UNDECIDED);
    let home = AnswerHome::holding(&[("consent.json", GRACE_RUNS)]);
    let runs = "no, because consent is undecided, and nothing is recorded for another 60m";
    assert_eq!(home.answer(TestedProgram::Outside), runs);
    assert_eq!(home.answer(after), runs);
    assert_eq!(home.answer_of_commands(), runs);
    let hint = home.hint_of_record();
    assert!(
        hint.ends_with("`localtel --app words enable` allows it"),
        "{hint}"
    );
}

#[test]
fn while_undecided_only_the_application_can_answer() {
    let home = AnswerHome::new();
    home.assert_answers(UNKNOWN, UNDECIDED);
    assert_eq!(home.answer_of_commands(), UNDECIDED);
    let records = TestedProgram::Child("record");
    let yes = "yes, because consent is undecided, and the application records until it is disabled";
    assert_eq!(home.answer(records), yes);
    let opened = home.line(records, &["open"], "recording: ").unwrap();
    assert_eq!(opened, "true, because None");
    assert_eq!(home.answer(TestedProgram::Outside), UNKNOWN);
    assert_eq!(home.answer_of_commands(), UNDECIDED);
}

#[test]
fn events_dropped_by_policy_are_not_reported_as_forbidden() {
    for rule in [
        &["unnamed", "drop"] as &[&str],
        &["level", "error"],
        &["event", "deploy", "drop"],
        &["event", "*", "drop"],
        &["target", "words", "drop"],
    ] {
        let home = AnswerHome::enabled();
        home.done(&[&["policy"], rule].concat());
        assert_eq!(home.answer(TestedProgram::Outside), ENABLED);
        assert_eq!(home.answer(TestedProgram::Application), ENABLED);
        let before = home.events();
        let printed = err(&home.run(TestedProgram::Outside, &["record", "deploy"]));
        assert_eq!(home.events(), before, "{rule:?}");
        assert!(
            printed.starts_with("localtel: not recorded: the policy drops 1 event"),
            "{rule:?}: {printed}"
        );
        assert!(
            printed.ends_with("\nhint: `localtel --app words policy` shows the policy\n"),
            "{printed}"
        );
        assert_eq!(home.after(TestedProgram::Outside, &["enable"]), None);
    }
}

#[test]
fn all_commands_report_a_file_or_link_at_the_directory_path() {
    for (kind, reason) in [
        ("file", "it is a file, not a directory"),
        (
            "link",
            "it is a symbolic link, which is not followed; use the directory itself",
        ),
        (
            "broken link",
            "it is a symbolic link, which is not followed; use the directory itself",
        ),
    ] {
        for variable in [("NOTHING", ""), ("WORDS_TELEMETRY", "on")] {
            let home = AnswerHome::new().with(variable.0, variable.1);
            let elsewhere = home.path().join("elsewhere");
            std::fs::create_dir_all(home.path().join("words")).unwrap();
            match kind {
                "file" => std::fs::write(home.telemetry(), "").unwrap(),
                "link" => {
                    std::fs::create_dir(&elsewhere).unwrap();
                    symlink(&elsewhere, home.telemetry()).unwrap();
                }
                _ => symlink(&elsewhere, home.telemetry()).unwrap(),
            }
            let answer = home.answer(TestedProgram::Outside);
            assert!(
                answer.starts_with("no, because ") && answer.contains(reason),
                "{answer}"
            );
            home.assert_answers(&answer, &answer);
            assert_eq!(home.answer_of_commands(), answer);
            assert_eq!(
                home.hint_of_record(),
                "`localtel --app words doctor` shows the next step"
            );
        }
    }
}

#[test]
fn the_four_strongest_rules_lock() {
    let off = AnswerHome::enabled().with("WORDS_TELEMETRY", "off");
    let by_variable = "no, because disabled by WORDS_TELEMETRY=off";
    let do_not_track = AnswerHome::enabled().with("DO_NOT_TRACK", "1");
    let by_do_not_track = "no, because disabled by DO_NOT_TRACK=1";
    for (home, answer) in [(off, by_variable), (do_not_track, by_do_not_track)] {
        home.assert_answers(answer, answer);
        assert_eq!(home.answer_of_commands(), answer);
        for tested in [TestedProgram::Outside, TestedProgram::Application] {
            assert!(home.is_locked(tested), "{answer}");
            assert_eq!(home.after(tested, &["enable"]).as_deref(), Some(answer));
        }
        let hint = home.hint_of_record();
        assert_eq!(
            hint,
            "`localtel --app words status` shows which rule decided that"
        );
    }
    let on = AnswerHome::new().with("WORDS_TELEMETRY", "on");
    let answer = "yes, because enabled by WORDS_TELEMETRY=on";
    on.assert_answers(answer, answer);
    assert_eq!(on.answer_of_commands(), answer);
    assert!(on.is_locked(TestedProgram::Outside) && on.is_locked(TestedProgram::Application));
    assert_eq!(
        on.after(TestedProgram::Outside, &["disable"]).as_deref(),
        Some(answer)
    );

    let mut home = AnswerHome::enabled();
    assert!(!home.is_locked(TestedProgram::Outside) && !home.is_locked(TestedProgram::Application));
    let flag = home.run(
        TestedProgram::Application,
        &["status", "--telemetry", "off"],
    );
    let printed = out(&flag);
    assert!(
        printed.contains("\nrecording: no, because disabled by the program's flag\n"),
        "{printed}"
    );
    assert!(printed.contains("\nlocked: yes\n"), "{printed}");
    home.name_programs("donottrack");
    assert!(home.is_locked(TestedProgram::Application) && !home.is_locked(TestedProgram::Outside));
}

#[test]
fn an_unreadable_consent_file_stops_recording() {
    let empty = AnswerHome::holding(&[("consent.json", "")]).with("WORDS_TELEMETRY", "on");
    let answer = empty.answer(TestedProgram::Outside);
    assert!(answer.starts_with("yes, "), "{answer}");
    empty.assert_answers(&answer, &answer);
    for text in [r#"{"format":9}"#, "{", r#"{"format":1,"consent":"si"}"#] {
        let home = AnswerHome::holding(&[("consent.json", text)]).with("WORDS_TELEMETRY", "on");
        let answer = home.answer(TestedProgram::Outside);
        let file = home.telemetry().join("consent.json");
        let reason = format!("no, because {}: consent.json ", file.display());
        assert!(answer.starts_with(&reason), "{answer}");
        home.assert_answers(&answer, &answer);
        assert_eq!(home.answer_of_commands(), answer);
        let hint = home.hint_of_record();
        let step = if text.contains('9') {
            "install the localtel that wrote it"
        } else {
            "decide again: `localtel --app words enable` or `localtel --app words disable`; if it is not a regular file, move it away first"
        };
        assert_eq!(hint, step);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn all_commands_report_a_lock_that_cannot_be_opened() {
    type Plant = fn(&Path);
    let plants: [(Plant, &str); 3] = [
        (|lock| std::fs::create_dir(lock).unwrap(), "Is a directory"),
        (|lock| symlink("elsewhere", lock).unwrap(), "symbolic link"),
        (
            |lock| std::fs::write(lock, "mine").unwrap(),
            "its file `lock` was not written by localtel",
        ),
    ];
    for (plant, reason) in plants {
        for variable in [("NOTHING", ""), ("WORDS_TELEMETRY", "on")] {
            let home = AnswerHome::enabled().with(variable.0, variable.1);
            let lock = home.telemetry().join("lock");
            std::fs::remove_file(&lock).unwrap();
            plant(&lock);
            let answer = home.answer(TestedProgram::Outside);
            assert!(answer.starts_with("no, because "), "{answer}");
            assert!(answer.contains(reason), "{answer}");
            home.assert_answers(&answer, &answer);
            assert_eq!(home.answer_of_commands(), answer);
            let hint = home.hint_of_record();
            assert!(
                hint.contains("doctor`") || hint.starts_with("use another "),
                "{hint}"
            );
            let found = out(&home.run(TestedProgram::Outside, &["doctor"]));
            assert!(
                found.contains("the file `lock` cannot be locked: "),
                "{found}"
            );
            assert!(lock.symlink_metadata().is_ok());
        }
    }
    let home = AnswerHome::enabled();
    std::fs::remove_file(home.telemetry().join("lock")).unwrap();
    assert_eq!(home.answer(TestedProgram::Outside), ENABLED);
    assert!(!home.telemetry().join("lock").exists());
}

#[test]
fn all_commands_report_contradictory_limits() {
    let home = AnswerHome::enabled();
    let tested = TestedProgram::Child("limits");
    let answer = home.answer(tested);
    let reason = answer.strip_prefix("no, because ").unwrap();
    let opened = home.line(tested, &["open"], "recording: ").unwrap();
    assert_eq!(opened, format!("false, because Some({reason:?})"));
}

#[test]
fn all_commands_report_a_directory_that_cannot_be_written() {
    const USER: u32 = 4321;
    let mut home = AnswerHome::enabled().with("WORDS_TELEMETRY", "on");
    // The other user cannot run them from the build directory.
    for program in [&mut home.localtel, &mut home.words] {
        let copy = home.home.path().join(program.file_name().unwrap());
        copy_program(program, &copy);
        *program = copy;
    }
    for path in [home.path(), &home.path().join("words"), &home.telemetry()] {
        if lchown(path, Some(USER), Some(USER)).is_err() {
            println!("skipped: this needs the right to give files away");
            return;
        }
    }
    for entry in std::fs::read_dir(home.telemetry()).unwrap() {
        lchown(entry.unwrap().path(), Some(USER), Some(USER)).unwrap();
    }
    home.user = Some(USER);
    if !home
        .run(TestedProgram::Outside, &["--version"])
        .status
        .success()
    {
        println!("skipped: this cannot run as another user");
        return;
    }
    home.set_mode(0o500);
    let answer = format!(
        "no, because could not write to {}: Permission denied (os error 13)",
        home.telemetry().display()
    );
    home.assert_answers(&answer, &answer);
    assert_eq!(home.answer_of_commands(), answer);

    std::fs::remove_dir_all(home.path().join("words")).unwrap();
    set_mode(home.path(), 0o555);
    let answer = home.answer(TestedProgram::Outside);
    assert!(
        answer.starts_with("no, because could not open the directory "),
        "{answer}"
    );
    home.assert_answers(&answer, &answer);
    assert_eq!(home.answer_of_commands(), answer);
    let doctor = home.run(TestedProgram::Outside, &["doctor"]);
    assert_eq!(doctor.status.code(), Some(3), "{doctor:?}");
    set_mode(home.path(), 0o755);
}

#[test]
fn a_newer_consent_file_gets_only_steps_that_help() {
    let home = AnswerHome::holding(&[("consent.json", r#"{"format":9}"#)]);
    for words in [
        &["reset"] as &[&str],
        &["enable"],
        &["disable"],
        &["record", "deploy"],
    ] {
        let printed = err(&home.run(TestedProgram::Outside, words));
        let (_, hint) = printed.split_once("\nhint: ").unwrap();
        assert!(
            !hint.contains("enable`") && !hint.contains("disable`"),
            "{words:?}: {printed}"
        );
        assert!(!hint.contains("reset`"), "{words:?}: {printed}");
    }
    let printed = err(&home.run(TestedProgram::Outside, &["reset"]));
    assert!(
        printed.ends_with("\nhint: install the localtel that wrote it\n"),
        "{printed}"
    );
    // The hint is that of the damaged file.
    let home = AnswerHome::holding(&[
        ("consent.json", "{"),
        ("consent.all.json", r#"{"format":9}"#),
    ]);
    let printed = err(&home.run(TestedProgram::Outside, &["enable", "--all-profiles"]));
    assert!(
        printed.contains("\nhint: check ")
            && printed.contains("consent.all.json; a newer localtel"),
        "{printed}"
    );
    let printed = err(&home.run(TestedProgram::Outside, &["reset"]));
    assert!(
        printed.contains("\nhint: decide again: `localtel --app words enable`"),
        "{printed}"
    );
}

#[test]
fn hints_repeat_the_flags_that_name_the_telemetry() {
    let home = AnswerHome::new();
    let missing = home.path().join("missing").display().to_string();
    let file = home.path().join("file").display().to_string();
    std::fs::write(&file, "").unwrap();
    let named: [&[&str]; 5] = [
        &["--app", "other"],
        &["--app", "words", "--profile", "work"],
        &["--dir", &missing],
        &["--app", "words", "--dir", &missing, "--profile", "work"],
        &["--app", "words", "--dir", &file],
    ];
    for name in named {
        for words in [
            &["show"] as &[&str],
            &["tail", "-U", "now"],
            &["clear", "--yes"],
            &["report"],
            &["report", "--last"],
            &["record", "deploy"],
            &["record", ""],
            &["policy", "event", "deploy", "si"],
            &["reset"],
        ] {
            let mut command = home.command(&home.localtel);
            let output = command.args(name).args(words).output().unwrap();
            let printed = err(&output);
            for typed in printed.split("`localtel ").skip(1) {
                let (typed, _) = typed.split_once('`').unwrap();
                for flag in name.chunks(2) {
                    assert!(
                        typed.contains(&flag.join(" ")),
                        "{name:?} {words:?}: {printed}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_parent_directory_is_read_as_all_below_it() {
    let home = AnswerHome::enabled();
    for high in [home.path().to_owned(), home.path().join("words")] {
        for words in ["show", "status"] {
            let mut command = home.command(&home.localtel);
            let output = command.arg("--dir").arg(&high).arg(words).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{words}: {output:?}");
        }
    }
}

#[test]
fn a_parent_directory_lists_the_telemetry_below_it() {
    let home = AnswerHome::enabled();
    let below = home.telemetry();
    for high in [home.path().to_owned(), home.path().join("words")] {
        let high = high.to_str().unwrap();
        for words in [
            &["explain"] as &[&str],
            &["report"],
            &["profiles"],
            &["enable", "--app", "words"],
            &["disable", "--app", "words"],
            &["record", "--app", "words", "deploy"],
            &["enable", "--app", "words", "--profile", "work"],
            &["reset"],
            &["clear", "--yes"],
            &["doctor"],
        ] {
            let mut command = home.command(&home.localtel);
            let output = command.args(["--dir", high]).args(words).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
            assert_eq!(
                err(&output),
                format!(
                    "localtel: {high} is not a telemetry directory; below it:\n  {0}\nhint: name it with --dir {0}\n",
                    below.display()
                )
            );
        }
        assert!(!Path::new(high).join("consent.json").exists());
    }
}
