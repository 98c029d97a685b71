//! A tree that a test writes, and the program that reads it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A directory with a tree, and room for what is made from it.
pub(crate) struct MadeTree {
    place: TempDir,
}

/// A session, and the number of its next record.
pub(crate) struct MadeSession {
    pub(crate) id: String,
    seq: u64,
}

impl MadeSession {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            id: format!("01936f0e-0000-7000-8000-{number:012}"),
            seq: 0,
        }
    }

    /// Returns a line of a record at a time, with these further keys, as they are in a line.
    pub(crate) fn line(&mut self, time: &str, rest: &str) -> String {
        let (id, seq) = (&self.id, self.seq);
        self.seq += 1;
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!(",{rest}")
        };
        format!(
            r#"{{"timestamp":"{time}","level":"INFO","source":"shop","target":"shop::cart","event":"sale","message":"sold","session":"{id}","seq":{seq}{rest}}}"#
        )
    }

    /// Returns lines of that many records, one second after the other.
    pub(crate) fn lines(&mut self, day: &str, count: u32) -> String {
        let lines = (0..count).map(|second| {
            let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
            let time = format!("{day}T{hour:02}:{minute:02}:{:02}.000000Z", second % 60);
            self.line(&time, &format!(r#""properties":{{"n":{second}}}"#)) + "\n"
        });
        lines.collect()
    }
}

impl MadeTree {
    pub(crate) fn new() -> Self {
        let made = Self {
            place: TempDir::new().unwrap(),
        };
        fs::create_dir(made.tree()).unwrap();
        fs::write(made.tree().join("fleet.json"), "{\"fleet_version\":1}\n").unwrap();
        made
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.place.path().join("fleet")
    }

    /// Returns a path that nothing else uses.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Returns the path of a segment; its directory exists then.
    pub(crate) fn segment(&self, host: &str, application: &str, number: u32) -> PathBuf {
        let log = self.tree().join(format!(
            "host={host}/app={application}/profile=default/log=01936f0e-0000-7000-8000-000000000000"
        ));
        fs::create_dir_all(&log).unwrap();
        log.join(format!("events.{number:06}.jsonl"))
    }

    /// Writes a segment, as an import does: under another name first.
    pub(crate) fn write(&self, path: &Path, bytes: impl AsRef<[u8]>) {
        let partial = self.path("partial");
        fs::write(&partial, bytes).unwrap();
        fs::rename(partial, path).unwrap();
    }

    /// Runs the program, which must succeed, and returns what it printed.
    pub(crate) fn run(&self, command: &str, out: &str, more: &[&str]) -> String {
        let output = self.output(command, out, more);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        assert_eq!(errors, "");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program.
    pub(crate) fn output(&self, command: &str, out: &str, more: &[&str]) -> Output {
        self.program(command, out).args(more).output().unwrap()
    }

    /// Returns the program with the tree and a directory to write to.
    pub(crate) fn program(&self, command: &str, out: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_localtel-fleet"));
        program.arg(command).arg(self.tree()).arg(self.path(out));
        program
    }
}

/// Returns the files below a directory, as paths relative to it, in order.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut waiting = vec![directory.to_owned()];
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            files.push(path.strip_prefix(directory).unwrap().to_owned());
        }
    }
    files.sort();
    files
}
