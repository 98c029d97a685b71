//! What is left of telemetry where a packager has left it out, with the feature `off`: a handle that does
//! nothing, and commands that say so. It has one process for itself, since everything else would record.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests look at the disk from outside, start processes, and fail by panicking"
)]

use std::path::Path;
use std::process::{Command, Output};

use localtel::{Consent, Event, Outcome, Telemetry, WhenUndecided};
use tempfile::TempDir;
use tracing_subscriber::prelude::*;

const LEFT_OUT: &str = "telemetry was left out when this was built";

#[test]
fn nothing_is_recorded_whatever_anybody_consents_to() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("telemetry");
    let telemetry = Telemetry::builder("myapp")
        .dir(&directory)
        .when_undecided(WhenUndecided::Record)
        .flag(Consent::Enabled)
        .try_open()
        .unwrap();

    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        assert!(!tracing::enabled!(tracing::Level::ERROR));
        tracing::info!(name: "command", result = "SUCCESS");
    });
    assert_eq!(telemetry.record(&Event::new("backup")), Outcome::Refused);
    telemetry.flush().unwrap();

    let status = telemetry.status();
    assert!(!status.is_recording);
    assert_eq!(status.off_because.as_deref(), Some(LEFT_OUT));
    assert_eq!(status.counts.recorded, 0);
    assert!(
        !threads().iter().any(|name| name.starts_with("localtel")),
        "{:?}",
        threads()
    );
    drop(telemetry);
    assert!(!directory.exists());
}

#[test]
fn the_commands_say_that_it_was_left_out() {
    let home = TempDir::new().unwrap();
    let localtel = |words: &[&str]| run(env!("CARGO_BIN_EXE_localtel"), home.path(), words);

    let shown = text(&localtel(&["--app", "myapp", "status"]).stdout);
    assert!(
        shown.starts_with("status: disabled\nuuid: none\n"),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("decided by: the build: {LEFT_OUT}\n")),
        "{shown}"
    );
    assert!(shown.contains("locked: yes\n"), "{shown}");

    let output = localtel(&["--app", "myapp", "enable"]);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).contains(LEFT_OUT), "{output:?}");

    let output = localtel(&["--app", "myapp", "record", "hello"]);
    assert!(text(&output.stderr).contains(LEFT_OUT), "{output:?}");
    let names: Vec<_> = std::fs::read_dir(home.path().join("myapp/telemetry"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("events"))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}

/// The names of the threads of this process, where the system tells them.
fn threads() -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).collect()
}

fn run(program: &str, home: &Path, words: &[&str]) -> Output {
    Command::new(program)
        .args(words)
        .env_clear()
        .env("XDG_STATE_HOME", home)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
