//! An application that embeds the commands: `words`, the example `embedded`, run as its user runs
//! it. The commands themselves are tested elsewhere.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use localtel::read::Record;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

use crate::program::{copy_program, program};
use crate::support::lines_in;

#[test]
fn status_prints_status_and_uuid_first_in_every_state() {
    let home = WordsHome::new();
    assert_eq!(home.status(), ["status: undecided", "uuid: none"]);
    home.done(&["telemetry", "enable"]);
    assert_eq!(home.status(), ["status: enabled", "uuid: none"]);
    home.done(&["count", "text"]);
    let [status, uuid] = home.status();
    assert_eq!(status, "status: enabled");
    let id = uuid.strip_prefix("uuid: ").unwrap();
    assert_eq!(
        uuid::Uuid::parse_str(id).unwrap().get_version_num(),
        4,
        "{id}"
    );
    home.done(&["telemetry", "disable"]);
    assert_eq!(home.status(), ["status: disabled", "uuid: none"]);
}

#[test]
fn reset_prints_a_new_uuid_and_keeps_the_choice() {
    let home = WordsHome::new();
    home.done(&["telemetry", "enable"]);
    home.done(&["count", "text"]);
    let [_, before] = home.status();
    let printed = home.done(&["telemetry", "reset"]);
    let [status, after] = home.status();
    assert_eq!(status, "status: enabled");
    assert_ne!(after, before);
    assert!(printed.lines().any(|line| line == after), "{printed}");
}

#[test]
fn enable_and_disable_decide_whether_the_application_records() {
    let home = WordsHome::new();
    home.done(&["count", "text"]);
    assert!(!home.telemetry().exists());
    home.done(&["telemetry", "enable"]);
    home.done(&["count", "text"]);
    assert_eq!(home.commands(), ["count SUCCESS"]);
    home.done(&["telemetry", "disable"]);
    home.done(&["count", "text"]);
    assert_eq!(home.commands(), ["count SUCCESS"]);
    home.done(&["telemetry", "enable"]);
    assert_eq!(home.run(&["top", "nowhere"]).status.code(), Some(1));
    assert_eq!(home.commands(), ["count SUCCESS", "top ERROR"]);
}

#[test]
fn the_flag_decides_one_run_and_is_never_stored() {
    let home = WordsHome::new();
    home.done(&["--telemetry", "on", "count", "text"]);
    assert_eq!(home.commands(), ["count SUCCESS"]);
    assert_eq!(home.status()[0], "status: undecided");
    home.done(&["telemetry", "enable"]);
    home.done(&["count", "text", "--telemetry", "off"]);
    assert_eq!(home.commands(), ["count SUCCESS"]);
    assert_eq!(home.status()[0], "status: enabled");
}

#[test]
fn status_considers_the_flag_and_the_name_of_the_executable() {
    let home = WordsHome::new();
    home.done(&["telemetry", "enable"]);
    let shown = home.done(&["telemetry", "status", "--telemetry", "off"]);
    assert!(shown.starts_with("status: disabled\n"), "{shown}");
    assert!(
        shown.contains("decided by: the program's flag\n"),
        "{shown}"
    );

    let renamed = home.path().join("words-DoNotTrack");
    copy_program(&program("embedded"), &renamed);
    let output = home
        .command_of(renamed, &["telemetry", "status"])
        .output()
        .unwrap();
    let shown = text(&output.stdout);
    assert!(shown.starts_with("status: disabled\n"), "{shown}");
    assert!(shown.contains("locked: yes\n"), "{shown}");
}

#[test]
fn help_version_and_completions_never_record() {
    let home = WordsHome::new();
    for words in [
        &["--help"][..],
        &["--version"],
        &["count", "--help"],
        &["help", "count"],
        &["completions", "bash"],
        &["telemetry", "--help"],
        &["telemetry", "status"],
    ] {
        let mut command = home.command(words);
        let output = command.env("WORDS_TELEMETRY", "on").output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        assert!(!output.stdout.is_empty(), "{words:?}");
        assert!(!home.state().exists(), "{words:?}");
    }
    for words in [&["cuont"][..], &["telemetry"], &["count"]] {
        let mut command = home.command(words);
        let output = command.env("WORDS_TELEMETRY", "on").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(!home.state().exists(), "{words:?}");
    }
}

#[test]
fn the_telemetry_commands_are_not_recorded() {
    let home = WordsHome::new();
    home.done(&["telemetry", "enable"]);
    home.done(&["count", "text"]);
    let before = home.commands();
    home.done(&["telemetry", "show"]);
    home.done(&["telemetry", "clear", "--dry-run"]);
    home.done(&["telemetry", "status"]);
    assert_eq!(home.commands(), before);
}

#[test]
fn errors_and_hints_name_the_commands_of_the_application() {
    let home = WordsHome::new();
    let output = home.run(&["telemetry", "show"]);
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        printed.starts_with("words telemetry: could not open "),
        "{printed}"
    );
    assert!(printed.contains("`words telemetry status`"), "{printed}");

    std::fs::create_dir_all(home.telemetry()).unwrap();
    std::fs::write(home.telemetry().join("consent.json"), "junk").unwrap();
    let printed = text(&home.run(&["telemetry", "reset"]).stderr);
    assert!(printed.contains("`words telemetry enable`"), "{printed}");
    assert!(!printed.contains("localtel"), "{printed}");
}

#[test]
fn no_question_is_asked_without_a_terminal() {
    let home = WordsHome::new();
    let output = home.run(&["count", "text"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(home.status()[0], "status: undecided");
}

#[test]
fn a_user_at_a_terminal_is_asked_once() {
    for (typed, status, commands) in [
        ("y\n", "status: enabled", vec!["count SUCCESS"]),
        ("\n", "status: disabled", vec![]),
        ("what?\n", "status: disabled", vec![]),
    ] {
        let home = WordsHome::new();
        let shown = home.at_a_terminal(&["count", "text"], typed, &[]);
        assert!(shown.contains("Your answer? [y/N]"), "{shown}");
        assert_eq!(home.commands(), Vec::<String>::new(), "{typed:?}");
        assert_eq!(home.status()[0], status, "{typed:?}");
        let shown = home.at_a_terminal(&["count", "text"], "", &[]);
        assert!(!shown.contains("Your answer?"), "{shown}");
        assert_eq!(home.commands(), commands, "{typed:?}");
    }
}

#[test]
fn no_question_is_asked_where_something_else_decides() {
    for (name, value) in [
        ("DO_NOT_TRACK", "1"),
        ("WORDS_TELEMETRY", "off"),
        ("CI", "true"),
    ] {
        let home = WordsHome::new();
        let shown = home.at_a_terminal(&["count", "text"], "y\n", &[(name, value)]);
        assert!(!shown.contains("Your answer?"), "{name}: {shown}");
        assert_eq!(home.status()[0], "status: undecided", "{name}");
    }
}

/// The home of a user of `words`, with a text to count.
struct WordsHome(TempDir);

impl WordsHome {
    fn new() -> Self {
        let home = Self(TempDir::new().unwrap());
        std::fs::write(home.path().join("text"), "one two\nthree\n").unwrap();
        home
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    fn telemetry(&self) -> PathBuf {
        self.state().join("words/telemetry")
    }

    fn command(&self, words: &[&str]) -> Command {
        self.command_of(program("embedded"), words)
    }

    fn command_of(&self, program: PathBuf, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .env("XDG_STATE_HOME", self.state())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a command, checks that it succeeds, and returns its output.
    fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        text(&output.stdout)
    }

    /// Returns the first two lines of the status.
    fn status(&self) -> [String; 2] {
        let shown = self.done(&["telemetry", "status"]);
        let mut lines = shown.lines().map(str::to_owned);
        [(); 2].map(|()| lines.next().unwrap())
    }

    /// Returns the recorded commands with their results.
    fn commands(&self) -> Vec<String> {
        if !self.telemetry().exists() {
            return Vec::new();
        }
        let lines = lines_in(&self.telemetry());
        let records = lines
            .iter()
            .map(|line| Record::parse(line.as_bytes()).unwrap());
        let commands = records.filter(|record| record.event.as_deref() == Some("command"));
        commands
            .map(|record| {
                let word = |name| record.properties.get(name).unwrap().as_str().unwrap();
                format!("{} {}", word("command"), word("result"))
            })
            .collect()
    }

    /// Runs a command at a new terminal, types `typed`, and returns the output of the terminal.
    fn at_a_terminal(&self, words: &[&str], typed: &str, variables: &[(&str, &str)]) -> String {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let mut command = self.command(words);
        command
            .envs(variables.iter().copied())
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave);
        let mut child = command.spawn().unwrap();
        // Drops this process's handles of the slave, so that the terminal closes when the child
        // ends.
        drop(command);
        let mut master = File::from(master);
        master.write_all(typed.as_bytes()).unwrap();
        let mut shown = Vec::new();
        // On Linux, reading a terminal without open slaves is an error.
        let _ended = master.read_to_end(&mut shown);
        assert!(child.wait().unwrap().success());
        text(&shown)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
