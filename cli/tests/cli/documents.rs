//! The documents that run: the README, and the cases in `tests/cmd`, which show what people type and what
//! they see.

use std::path::Path;

use trycmd::TestCases;

use crate::program::program;

/// Runs documents in an environment where nothing of the machine matters.
fn cases(variable: &str, directory: &Path) -> TestCases {
    let cases = TestCases::new();
    cases.register_bin("words", program("embedded").as_path());
    cases
        .env(variable, directory.to_str().unwrap())
        .env("NO_COLOR", "1")
        .env("TZ", "UTC");
    cases
}

#[test]
fn every_case_shows_what_it_says() {
    // Each document has a directory of its own, in which this is a relative path.
    cases("LOCALTEL_DIR", Path::new("telemetry")).case("tests/cmd/*.md");
}

#[test]
fn everything_that_the_readme_shows_happens() {
    let home = tempfile::TempDir::new().unwrap();
    let directory = home.path().join("myapp/telemetry");
    std::fs::create_dir_all(&directory).unwrap();
    let fixture = "tests/cmd/selection.in/telemetry/events.000001.jsonl";
    std::fs::copy(fixture, directory.join("events.000001.jsonl")).unwrap();
    cases("XDG_STATE_HOME", home.path()).case("../README.md");
}
