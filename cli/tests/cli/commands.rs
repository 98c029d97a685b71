//! Tests that run whole processes of the CLI in a home of their own, with a file for each subject.

#[path = "commands/answers.rs"]
mod answers;
#[path = "commands/completion.rs"]
mod completion;
#[path = "commands/consent.rs"]
mod consent;
#[path = "commands/doctor.rs"]
mod doctor;
#[path = "commands/homes.rs"]
mod homes;
#[path = "commands/inputs.rs"]
mod inputs;
#[path = "commands/locations.rs"]
mod locations;
#[cfg(target_os = "linux")]
#[path = "commands/progress.rs"]
mod progress;
#[path = "commands/record.rs"]
mod record;
#[path = "commands/run.rs"]
mod run;
#[cfg(target_os = "linux")]
#[path = "commands/run_at_terminal.rs"]
mod run_at_terminal;
#[path = "commands/services.rs"]
mod services;
#[path = "commands/stats.rs"]
mod stats;
#[path = "commands/suggestions.rs"]
mod suggestions;
#[path = "commands/times.rs"]
mod times;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::lines_in;

/// The home directory for the processes of one test.
struct CommandHome(tempfile::TempDir);

impl CommandHome {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Returns the command `localtel --app myapp` with an environment of only `PATH` and this home.
    fn localtel(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
        command
            .env_clear()
            .envs(self.variables())
            .args(["--app", "myapp"]);
        command
    }

    /// Returns the variables of that environment.
    fn variables(&self) -> [(&str, &std::ffi::OsStr); 2] {
        [
            ("PATH", "/usr/bin:/bin".as_ref()),
            ("XDG_STATE_HOME", self.path().as_os_str()),
        ]
    }

    fn enabled() -> Self {
        let home = Self::new();
        let output = home.localtel().arg("enable").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn telemetry(&self) -> PathBuf {
        self.path().join("myapp/telemetry")
    }

    /// Returns the records of an event, in the order of their lines.
    fn records(&self, event: &str) -> Vec<localtel::read::Record> {
        let lines = lines_in(&self.telemetry());
        let parse = |line: &String| localtel::read::Record::parse(line.as_bytes()).unwrap();
        let mut records: Vec<_> = lines.iter().map(parse).collect();
        records.retain(|record| record.event.as_deref() == Some(event));
        records
    }
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Returns name, size, mode and times of change of each file in a directory.
fn snapshot(directory: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;
    let mut seen: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let facts = entry.path().symlink_metadata().unwrap();
            let times = (facts.mtime_nsec(), facts.ctime_nsec());
            format!(
                "{} {} {:o} {times:?}",
                entry.file_name().display(),
                facts.len(),
                facts.mode()
            )
        })
        .collect();
    seen.sort();
    seen
}

#[test]
fn reading_commands_change_nothing() {
    let home = CommandHome::enabled();
    let run = |words: &[&str]| {
        let output = home.localtel().args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    };
    run(&["record", "one", "n=1"]);
    let directory = home.telemetry();
    let before = snapshot(&directory);
    assert!(before.len() >= 4, "{before:?}");
    for words in [
        &["show"] as &[&str],
        &["show", "-r", "-n", "1", "-o", "csv"],
        &["status", "--json"],
        &["profiles"],
        &["doctor", "--full-at", "100"],
        &["explain"],
        &["explain", "--json"],
        &["report"],
        &["report", "--json"],
        &["clear", "--dry-run"],
    ] {
        run(words);
        assert_eq!(snapshot(&directory), before, "{words:?}");
    }
}
