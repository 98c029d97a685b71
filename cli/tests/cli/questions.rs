//! Questions of operators, each answered by one command without a pipe, on the records of three
//! applications in seven days. The answers are computed from the generated records, and not with
//! localtel. The number before a question is its number in the list of questions; nothing answers
//! 19, a live dashboard.

#[path = "questions/applications.rs"]
mod applications;
#[path = "questions/data.rs"]
mod data;
#[path = "questions/finding.rs"]
mod finding;
#[path = "questions/following.rs"]
mod following;
#[path = "questions/generated.rs"]
mod generated;
#[path = "questions/inputs.rs"]
mod inputs;
#[path = "questions/log.rs"]
mod log;
#[path = "questions/names.rs"]
mod names;
#[path = "questions/numbers.rs"]
mod numbers;
#[path = "questions/showing.rs"]
mod showing;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use localtel::read::Timestamp;
use serde_json::Value;

use crate::terminal::output_at_terminal;
use data::{QuestionData, QuestionRecord};

/// The end of data whose times stand in a command.
const END: &str = "2026-11-29T09:42:00Z";

/// Writes the state directory that the page of questions is run on.
pub(crate) fn write_state(state: &Path) {
    QuestionData::until(END.parse().unwrap()).write(state);
}

/// A state directory, and the records in it.
struct QuestionHome {
    home: tempfile::TempDir,
    data: QuestionData,
}

impl QuestionHome {
    /// Returns a home with data up to a fixed time.
    fn new() -> Self {
        Self::until(END.parse().unwrap())
    }

    /// Returns a home with data up to now, for questions like "in the last hour".
    fn until_now() -> Self {
        Self::until(SystemTime::now().into())
    }

    fn until(end: Timestamp) -> Self {
        let home = tempfile::tempdir().unwrap();
        let data = QuestionData::until(end);
        data.write(&home.path().join("state"));
        Self { home, data }
    }

    /// Returns the path of a file of this home.
    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn telemetry(&self, application: &str) -> PathBuf {
        self.path("state").join(application).join("telemetry")
    }

    /// Returns the command that a user types, in an environment of only this home, which is also
    /// the working directory.
    fn command(&self, typed: &str) -> Command {
        assert!(typed.len() <= 78, "it does not fit after a prompt: {typed}");
        assert!(!typed.contains('|'), "{typed}");
        let words = words_of(typed);
        assert_eq!(words[0], "localtel", "{typed}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("XDG_STATE_HOME", self.path("state"))
            .env("TZ", "UTC")
            .env("TERM", "xterm-256color")
            .env("LOCALTEL_PAGER", "")
            .current_dir(self.home.path());
        command
    }

    /// Returns the answer in a pipe.
    fn ask(&self, typed: &str) -> CommandAnswer {
        CommandAnswer::of(&self.command(typed).output().unwrap())
    }

    /// Returns the answer at a terminal without colours.
    fn ask_at_terminal(&self, columns: u16, typed: &str) -> CommandAnswer {
        let mut command = self.command(typed);
        command.env("NO_COLOR", "1");
        CommandAnswer::of(&output_at_terminal(command, columns))
    }
}

/// What a command printed.
#[derive(Debug)]
struct CommandAnswer {
    code: i32,
    out: String,
    err: String,
}

impl CommandAnswer {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Returns the lines of the output; panics unless the command succeeded.
    fn lines(&self) -> Vec<&str> {
        assert_eq!(self.code, 0, "{self:?}");
        self.out.lines().collect()
    }

    /// Returns the rows at a terminal, without the lines of days.
    fn rows(&self) -> Vec<&str> {
        let mut rows = self.lines();
        rows.retain(|row| row.get(2..3) == Some(":"));
        rows
    }

    /// Checks that the output is these records as JSON, byte for byte.
    #[track_caller]
    fn assert_json(&self, expected: &[&QuestionRecord]) {
        assert!(!expected.is_empty());
        let expected: Vec<String> = expected.iter().map(|record| record.line()).collect();
        assert_eq!(self.lines(), expected);
    }

    /// Checks that the rows at a terminal are of these records, each with its application.
    #[track_caller]
    fn assert_rows_of_all(&self, expected: &[&QuestionRecord]) {
        self.assert_each(expected, |record| {
            let start = start_of(record);
            [
                vec![start, record.text("source").to_owned()],
                end_of(record),
            ]
            .concat()
        });
    }

    /// Checks that the rows at a terminal are of these records of one application.
    #[track_caller]
    fn assert_rows(&self, expected: &[&QuestionRecord]) {
        self.assert_each(expected, |record| {
            [vec![start_of(record)], end_of(record)].concat()
        });
    }

    /// Checks that each row begins with the first of the parts of its record, and has the others
    /// in their order.
    #[track_caller]
    fn assert_each(
        &self,
        expected: &[&QuestionRecord],
        parts: impl Fn(&QuestionRecord) -> Vec<String>,
    ) {
        assert!(!expected.is_empty());
        let rows = self.rows();
        assert_eq!(rows.len(), expected.len(), "{self:?}");
        for (row, record) in rows.into_iter().zip(expected) {
            let parts = parts(record);
            assert!(row.starts_with(&parts[0]), "{row}\n{parts:?}");
            let mut rest = row;
            for part in parts {
                let found = rest.split_once(&part);
                let Some((_, after)) = found else {
                    panic!("no {part:?} in {row}");
                };
                rest = after;
            }
        }
    }
}

/// Returns the time of the day and the level of a record, as a row begins with them.
fn start_of(record: &QuestionRecord) -> String {
    format!(
        "{} {:5} ",
        &record.text("timestamp")[11..23],
        record.text("level")
    )
}

/// Returns parts of a row behind the level, without what a terminal cuts.
fn end_of(record: &QuestionRecord) -> Vec<String> {
    let mut parts: Vec<String> = ["target", "event", "message"]
        .map(|key| record.text(key).to_owned())
        .into();
    let mut add = |properties: &Value| {
        for (key, value) in properties.as_object().into_iter().flatten() {
            let number = value.as_number().map(ToString::to_string);
            parts.push(format!("{key}={}", number.unwrap_or_default()));
        }
    };
    add(&record.value["properties"]);
    for span in record.value["spans"].as_array().into_iter().flatten() {
        add(&span["properties"]);
    }
    parts
}

/// Splits a command line as a shell does, as far as these need it: single and double quotes.
fn words_of(typed: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in typed.chars().chain([' ']) {
        match (quote, letter) {
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            (_, letter) => word.push(letter),
        }
    }
    assert_eq!(quote, None, "{typed}");
    words
}
