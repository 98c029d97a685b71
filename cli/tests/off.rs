//! The commands of a build without telemetry (the feature `off`): they report that it was left out.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests access the disk directly, start processes, and fail by panicking"
)]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const LEFT_OUT: &str = "telemetry was left out when this was built";

#[test]
fn the_commands_report_that_telemetry_was_left_out() {
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
