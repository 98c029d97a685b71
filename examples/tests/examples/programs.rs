//! The examples do what their documentation describes: each runs as a new user would run it, in a
//! directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use localtel::Level;
use localtel::read::Record;
use tempfile::TempDir;

use crate::program::program;
use crate::support::{line_error, lines_in, segments_in};

#[test]
fn quickstart_counts_records_and_shows_what_it_recorded() {
    let place = ExamplePlace::new();
    place.write("a.txt", b"one\ntwo\n");
    place.write("b/c.txt", b"three");
    place.write("latin-1.md", b"gr\xfc\xdfe\n");
    std::os::unix::fs::symlink("nowhere", place.input().join("dangling.rs")).unwrap();

    let output = place.run("quickstart", &[place.input().to_str().unwrap()]);

    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    let shown = text(&output.stdout);
    assert!(has_row(&shown, &["txt", "2", "3", "13", "0"]), "{shown}");
    assert!(has_row(&shown, &["md", "0", "0", "0", "1"]), "{shown}");
    let directory = place.telemetry();
    assert!(
        shown.contains(&format!("--dir {} show", directory.display())),
        "{shown}"
    );
    let records = records_in(&directory);
    for record in records.iter().filter(|record| record.level >= Level::Info) {
        let event = record.event.as_deref().unwrap();
        assert!(shown.contains(event), "{event} is not in {shown}");
    }
    let failed = of_event(&records, "file.failed");
    assert_eq!(failed.len(), 2);
    for record in failed {
        assert_eq!(record.level, Level::Warn);
        assert!(record.properties.get("error").unwrap().is_string());
        let spans: Vec<&str> = record.spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(spans, ["scan", "file"]);
    }
    assert_eq!(of_event(&records, "file.counted").len(), 2);
    assert_eq!(of_event(&records, "session.end").len(), 1);
}

#[test]
fn quickstart_works_where_it_may_not_record() {
    let place = ExamplePlace::new();
    place.write("a.txt", b"one\n");
    let path = place.input();
    let mut command = place.command("quickstart", &[path.to_str().unwrap()]);
    let output = command.env("DO_NOT_TRACK", "1").output().unwrap();
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(has_row(&shown, &["txt", "1", "1", "4", "0"]), "{shown}");
    assert!(shown.contains("Nothing was recorded"), "{shown}");
    assert!(!place.telemetry().exists());
}

#[test]
fn read_back_finds_the_one_failure() {
    let place = ExamplePlace::new();
    let output = place.run("read_back", &[]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(shown.starts_with("5 records in "), "{shown}");
    let found: Vec<&str> = shown.lines().skip(1).collect();
    assert_eq!(found, [r#"2: Some("command") Some("ran show")"#]);
}

#[test]
fn threads_keeps_every_event_of_every_thread() {
    let place = ExamplePlace::new();
    let output = place.run("threads", &["3", "2000"]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        shown.contains("6003 recorded, 0 dropped, 0 failed."),
        "{shown}"
    );
    let records = records_in(&place.telemetry());
    for worker in 0..3 {
        let of_worker = |record: &&Record| {
            let number = record
                .spans
                .first()
                .and_then(|span| span.properties.get("number"));
            number.and_then(serde_json::Value::as_u64) == Some(worker)
        };
        let jobs = records.iter().filter(of_worker);
        let jobs: Vec<u64> = jobs
            .map(|record| record.properties.get("job").unwrap().as_u64().unwrap())
            .collect();
        assert_eq!(jobs, (0..2000).collect::<Vec<u64>>(), "worker {worker}");
    }
    let is_worker = |record: &&Record| record.message.as_deref() == Some("worker");
    let workers: Vec<&Record> = records.iter().filter(is_worker).collect();
    assert_eq!(workers.len(), 3);
    for worker in workers {
        assert_eq!(worker.event.as_deref(), Some("span"));
        assert!(worker.properties.get("duration").unwrap().is_number());
    }
}

#[test]
fn short_lived_leaves_no_trace_without_consent() {
    let place = ExamplePlace::new();
    let output = place.run("short_lived", &["21.5"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "70.7 °F\n");
    assert!(!place.state().exists());
}

#[test]
fn short_lived_records_each_run_and_keeps_its_exit_code() {
    let place = ExamplePlace::new();
    let run = |argument: &str| {
        let mut command = place.command("short_lived", &[argument]);
        command.env("THERMOMETER_TELEMETRY", "on").output().unwrap()
    };
    assert_eq!(run("21.5").status.code(), Some(0));
    assert_eq!(run("warm").status.code(), Some(2));
    let records = records_in(&place.state().join("thermometer/telemetry"));
    let results: Vec<&str> = of_event(&records, "command")
        .iter()
        .map(|record| record.properties.get("result").unwrap().as_str().unwrap())
        .collect();
    assert_eq!(results, ["SUCCESS", "ERROR"]);
}

#[test]
fn exit_codes_records_its_failure_and_keeps_its_exit_code() {
    let place = ExamplePlace::new();
    let run = |argument: &str| {
        let mut command = place.command("exit_codes", &[argument]);
        command.env("DICE_TELEMETRY", "on").output().unwrap()
    };
    assert_eq!(run("6").status.code(), Some(0));
    assert_eq!(run("six").status.code(), Some(101));
    let records = records_in(&place.state().join("dice/telemetry"));
    let counts = ["created", "failed", "session.end"].map(|event| of_event(&records, event).len());
    assert_eq!(counts, [1, 1, 2]);
}

/// The directories of an example: for its input, its temporary files and its state.
pub(crate) struct ExamplePlace {
    root: TempDir,
}

impl ExamplePlace {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        std::fs::create_dir_all(root.path().join("input/b")).unwrap();
        std::fs::create_dir(root.path().join("temporary")).unwrap();
        Self { root }
    }

    fn input(&self) -> PathBuf {
        self.root.path().join("input")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.input().join(name), bytes).unwrap();
    }

    /// Returns the telemetry directory among the temporary files of the example.
    pub(crate) fn telemetry(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.root.path().join("temporary")).unwrap();
        let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(paths.len(), 1, "{paths:?}");
        paths[0].join("telemetry")
    }

    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(name));
        command
            .args(arguments)
            .current_dir(self.root.path())
            .env_clear()
            .env("TMPDIR", self.root.path().join("temporary"))
            .env("XDG_STATE_HOME", self.state());
        command
    }

    /// Returns a shell that finds the examples, with the environment of [`command`](Self::command).
    pub(crate) fn shell(&self, script: &str) -> Command {
        let programs = program("quickstart");
        let path = format!("{}:/usr/bin:/bin", programs.parent().unwrap().display());
        let command = self.command("quickstart", &[]);
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).env_clear().env("PATH", path);
        for (name, value) in command.get_envs() {
            shell.env(name, value.unwrap());
        }
        shell.current_dir(command.get_current_dir().unwrap());
        shell
    }

    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name, arguments).output().unwrap()
    }
}

pub(crate) fn records_in(directory: &Path) -> Vec<Record> {
    let lines = lines_in(directory);
    let parse = |line: &String| Record::parse(line.as_bytes()).unwrap();
    lines.iter().map(parse).collect()
}

pub(crate) fn of_event<'a>(records: &'a [Record], event: &str) -> Vec<&'a Record> {
    let is_of = |record: &&Record| record.event.as_deref() == Some(event);
    records.iter().filter(is_of).collect()
}

/// Returns `true` if a line consists of these words, with any space between them.
fn has_row(text: &str, words: &[&str]) -> bool {
    text.lines()
        .any(|line| line.split_whitespace().eq(words.iter().copied()))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_made_up_fleet_has_lines_of_format_1() {
    let place = ExamplePlace::new();
    let fleet = place.input().join("fleet");

    let output = place.run("made_up_fleet", &[fleet.to_str().unwrap()]);

    assert!(output.status.success(), "{output:?}");
    let mut lines = 0;
    let mut damaged = 0;
    for day in ["monday", "tuesday"] {
        for machine in ["0042", "alpha", "beta"] {
            for application in ["billing-api", "cloudctl"] {
                let directory = fleet.join(day).join(machine).join(application);
                for segment in segments_in(&directory.join("telemetry")) {
                    for line in std::fs::read_to_string(segment).unwrap().lines() {
                        lines += 1;
                        damaged += usize::from(line_error(line).is_some());
                    }
                }
            }
        }
    }
    assert!(lines > 20_000, "{lines}");
    // A torn line and one of NUL bytes in the first segment of each server, which only Monday has.
    assert_eq!(damaged, 6);
}

#[test]
fn a_made_up_fleet_of_tuesday_continues_that_of_monday() {
    let place = ExamplePlace::new();
    let fleet = place.input().join("fleet");

    place.run("made_up_fleet", &[fleet.to_str().unwrap()]);

    let read = |day: &str| {
        let path = format!("{day}/alpha/billing-api/telemetry/events.000002.jsonl");
        std::fs::read(fleet.join(path)).unwrap()
    };
    let (monday, tuesday) = (read("monday"), read("tuesday"));
    assert!(tuesday.starts_with(&monday) && tuesday.len() > monday.len());
}
