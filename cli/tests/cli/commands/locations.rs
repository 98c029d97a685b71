//! A directory is for one application and profile, which its files name.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{err, out, snapshot};
use crate::support::lines_in;

/// A directory that is passed to commands by `--dir` or `LOCALTEL_DIR`.
struct Somewhere(tempfile::TempDir);

impl Somewhere {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data/telemetry")
    }

    /// Runs `localtel` with the arguments of a line, whose words `NAME=value` are variables.
    fn run(&self, line: &str) -> Output {
        let directory = self.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("XDG_STATE_HOME", self.0.path().join("state"));
        for word in line.split(' ') {
            let word = word.replace("DIRECTORY", directory.to_str().unwrap());
            match word.split_once('=') {
                Some((name, value)) if name.to_uppercase() == name => {
                    command.env(name, value);
                }
                Some(_) | None => {
                    command.arg(word);
                }
            }
        }
        command.output().unwrap()
    }

    fn done(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        out(&output)
    }

    /// Runs a line that must fail and change no file, and returns its stderr.
    fn refused(&self, line: &str) -> String {
        let before = self.seen();
        let output = self.run(line);
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "{line}: {output:?}"
        );
        assert_eq!(self.seen(), before, "{line}");
        err(&output)
    }

    fn seen(&self) -> Vec<String> {
        if self.path().exists() {
            snapshot(&self.path())
        } else {
            Vec::new()
        }
    }

    fn sources(&self) -> Vec<String> {
        sources_in(&self.path())
    }
}

fn sources_in(path: &Path) -> Vec<String> {
    let mut sources: Vec<String> = lines_in(path)
        .iter()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["source"].as_str().unwrap().to_owned()
        })
        .collect();
    sources.dedup();
    sources
}

#[test]
fn a_directory_of_one_application_is_refused_for_another() {
    let place = Somewhere::new();
    place.done("LOCALTEL_DIR=DIRECTORY --app one enable");
    place.done("LOCALTEL_DIR=DIRECTORY --app one record hello");
    for words in [
        "enable",
        "enable --all-profiles",
        "disable",
        "disable --clear --yes",
        "reset",
        "clear --yes",
        "record z",
        "policy level info",
        "policy",
        "status",
        "show",
        "explain",
        "doctor",
        "profiles",
        "report",
        "--profile work enable",
        "--profile work record z",
    ] {
        for line in [
            format!("LOCALTEL_DIR=DIRECTORY --app two {words}"),
            format!("--dir DIRECTORY --app two {words}"),
            format!("LOCALTEL_DIR=DIRECTORY TWO_TELEMETRY=on --app two {words}"),
        ] {
            let printed = place.refused(&line);
            assert!(printed.contains("`one`"), "{line}: {printed}");
            assert!(printed.contains("`two`"), "{line}: {printed}");
            assert!(printed.contains("\nhint: "), "{line}: {printed}");
        }
    }
    assert_eq!(place.sources(), ["one"]);
    assert!(!place.path().join("profiles").exists());
}

#[test]
fn a_choice_of_another_application_for_all_is_refused() {
    let place = Somewhere::new();
    place.done("--dir DIRECTORY --app one enable --all-profiles");
    std::fs::create_dir(place.0.path().join("two")).unwrap();
    let others = place.0.path().join("two/consent.all.json");
    std::fs::rename(place.path().join("consent.all.json"), &others).unwrap();
    place.done("--dir DIRECTORY --app two disable");
    std::fs::rename(&others, place.path().join("consent.all.json")).unwrap();
    for words in ["--app two status", "--app one status", "record x"] {
        let printed = place.refused(&format!("--dir DIRECTORY {words}"));
        assert!(printed.contains("belongs to `"), "{printed}");
    }
}

#[test]
fn run_in_a_foreign_directory_does_not_record() {
    let place = Somewhere::new();
    place.done("LOCALTEL_DIR=DIRECTORY --app one enable");
    let output = place.run("LOCALTEL_DIR=DIRECTORY TWO_TELEMETRY=on --app two run -- echo ran");
    assert_eq!(
        (output.status.code(), out(&output).as_str()),
        (Some(0), "ran\n")
    );
    assert!(err(&output).contains("`one`"), "{}", err(&output));
    let output = place.run("--dir DIRECTORY/elsewhere run -- echo ran");
    assert_eq!(
        (output.status.code(), out(&output).as_str()),
        (Some(0), "ran\n")
    );
    assert!(err(&output).contains("--app NAME"), "{}", err(&output));
    assert_eq!(place.sources(), [] as [&str; 0]);
    assert!(!place.path().join("elsewhere").exists());
}

#[test]
fn records_name_the_application_of_an_older_directory() {
    let place = Somewhere::new();
    place.done("--dir DIRECTORY --app one enable");
    place.done("--dir DIRECTORY record hello");
    let file = place.path().join("consent.json");
    for text in [r#"{"format":1,"consent":"enabled"}"#, ""] {
        std::fs::write(&file, text).unwrap();
        let printed = place.refused("--dir DIRECTORY --app two enable");
        assert!(printed.contains("`one`"), "{printed}");
    }
    std::fs::remove_file(&file).unwrap();
    let printed = place.refused("TWO_TELEMETRY=on --dir DIRECTORY --app two record x");
    assert!(printed.contains("`one`"), "{printed}");
    // Its own application still records, and stores its name in the directory again.
    place.done("ONE_TELEMETRY=on --dir DIRECTORY record x");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains(r#""source":"one","profile":"default""#),
        "{text}"
    );
}

#[test]
fn the_variable_of_the_stored_application_applies() {
    let place = Somewhere::new();
    place.done("--dir DIRECTORY --app metadata-table enable");
    let printed = place.done("--dir DIRECTORY explain");
    assert!(
        printed.contains("`METADATA_TABLE_TELEMETRY=off`"),
        "{printed}"
    );
    let output = place.run("METADATA_TABLE_TELEMETRY=off --dir DIRECTORY record z");
    assert!(
        err(&output).contains("METADATA_TABLE_TELEMETRY=off"),
        "{output:?}"
    );
    assert_eq!(place.sources(), [] as [&str; 0]);
    place.done("DATA_TELEMETRY=off --dir DIRECTORY record z");
    assert_eq!(place.sources(), ["metadata-table"]);
}

#[test]
fn nothing_is_written_while_the_application_is_unknown() {
    let place = Somewhere::new();
    for words in [
        "enable",
        "disable",
        "record z",
        "policy level info",
        "reset",
    ] {
        for line in [
            format!("--dir DIRECTORY {words}"),
            format!("LOCALTEL_DIR=DIRECTORY {words}"),
            format!("DATA_TELEMETRY=on --dir DIRECTORY {words}"),
        ] {
            place.refused(&line);
            assert!(!place.path().exists(), "{line}");
        }
    }
    let printed = place.refused("--dir DIRECTORY record z");
    assert!(
        printed.contains("hint: name it with --app NAME"),
        "{printed}"
    );
    let printed = place.done("--dir DIRECTORY explain");
    assert!(
        printed.contains("is not known: `<APPLICATION>_TELEMETRY=off`"),
        "{printed}"
    );
    let printed = place.done("--dir DIRECTORY status --json");
    assert!(printed.contains(r#""source":null"#), "{printed}");
}

#[test]
fn consent_without_a_source_is_withdrawn_without_app() {
    let place = Somewhere::new();
    std::fs::create_dir_all(place.path()).unwrap();
    let file = place.path().join("consent.json");
    std::fs::write(&file, r#"{"format":1,"consent":"enabled"}"#).unwrap();
    place.done("--dir DIRECTORY disable");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("\"disabled\"") && !text.contains("source"),
        "{text}"
    );
    let printed = place.refused("--dir DIRECTORY enable");
    assert!(printed.contains("--app NAME"), "{printed}");
}

#[test]
fn the_directory_of_a_profile_selects_the_profile() {
    let place = Somewhere::new();
    place.done("--dir DIRECTORY --app one --profile work enable");
    place.done("--dir DIRECTORY --profile work record x");
    place.done("--dir DIRECTORY/profiles/work record y");
    let copy = place.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for name in ["consent.json", "events.000001.jsonl"] {
        let original = place.path().join("profiles/work").join(name);
        std::fs::copy(original, copy.join(name)).unwrap();
    }
    for at in ["profiles/work", "copy"] {
        for words in ["", " --profile work", " --app one --profile work"] {
            let line = format!("--dir DIRECTORY/{at}{words}");
            let shown = place.done(&format!("{line} show"));
            assert_eq!(shown.lines().count(), 2, "{line}: {shown}");
            let status = place.done(&format!("{line} status"));
            let expected = format!("/{at}\n");
            assert!(
                status.contains("\nsource: one\nprofile: work\n") && status.contains(&expected),
                "{line}: {status}"
            );
        }
        place.refused(&format!("--dir DIRECTORY/{at} --profile home show"));
    }
    // Nothing is recorded into a copy.
    place.refused("--dir DIRECTORY/copy record z");
}

#[test]
fn a_directory_is_for_one_profile() {
    let place = Somewhere::new();
    place.done("--dir DIRECTORY --app one enable");
    place.done("--dir DIRECTORY --profile work enable");
    place.done("--dir DIRECTORY --profile work record x");
    let work = place.path().join("profiles/work");
    for words in ["--app two enable", "--profile home record z"] {
        let printed = place.refused(&format!("--dir DIRECTORY/profiles/work {words}"));
        assert!(printed.contains("belongs to `one`"), "{words}: {printed}");
    }
    // A copy still belongs to the original profile.
    let copy = place.path().join("profiles/copy");
    std::fs::create_dir(&copy).unwrap();
    for name in ["consent.json", "events.000001.jsonl"] {
        std::fs::copy(work.join(name), copy.join(name)).unwrap();
    }
    let printed = place.refused("--dir DIRECTORY --profile copy record z");
    assert!(
        printed.contains("profile work") && printed.contains("profile copy"),
        "{printed}"
    );
    let printed = place.done("--dir DIRECTORY disable --all-profiles --clear --yes");
    assert!(!printed.contains("profile copy"), "{printed}");
    assert!(copy.join("events.000001.jsonl").exists());
    assert!(!work.join("events.000001.jsonl").exists());
}

#[test]
fn at_most_ten_directories_below_another_are_listed() {
    let place = Somewhere::new();
    let above = place.0.path().join("above");
    for (made, listed, more) in [(10, 10, None), (12, 10, Some("  and 2 more"))] {
        for number in 0..made {
            let directory = above.join(format!("{number:02}"));
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("consent.json"), "").unwrap();
        }
        let output = place.run(&format!("--dir {} explain", above.display()));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let printed = err(&output);
        let paths = printed.lines().filter(|line| line.starts_with("  /"));
        assert_eq!(paths.count(), listed, "{printed}");
        let last = printed.lines().find(|line| line.starts_with("  and "));
        assert_eq!(last, more, "{printed}");
    }
}
