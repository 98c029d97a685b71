//! The progress of commands that read for more than a second: what a terminal shows meanwhile, and
//! what Ctrl-C leaves.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use localtel::read::{Reader, SegmentNumber};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::CommandHome;
use super::run_at_terminal::Terminal;

const LOCALTEL: &str = env!("CARGO_BIN_EXE_localtel");

/// Writes segments of that many lines each.
fn write_segments(directory: &Path, segments: u64, lines: usize) {
    let text = "x".repeat(60);
    for number in 1..=segments {
        let line = |seq: usize| {
            format!(
                r#"{{"timestamp":"2026-11-21T08:15:30.000000Z","level":"INFO","source":"myapp","target":"t","event":"e","session":"01936f0e-0000-7000-8000-{number:012}","seq":{seq},"properties":{{"text":"{text}"}}}}"#
            ) + "\n"
        };
        let lines: String = (0..lines).map(line).collect();
        let name = SegmentNumber::new(number).unwrap().file_name();
        std::fs::write(directory.join(name), lines).unwrap();
    }
}

/// A directory with a file of ten lines and a pipe without a writer: a command that reads
/// both waits, however fast it is.
struct SlowInputs(tempfile::TempDir);

impl SlowInputs {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_segments(directory.path(), 1, 10);
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        Self(directory)
    }

    fn paths(&self) -> [String; 2] {
        let file = SegmentNumber::FIRST.file_name();
        [file.as_str(), "pipe"].map(|name| self.0.path().join(name).to_str().unwrap().to_owned())
    }

    /// Returns the words that count the records in both.
    fn count(&self) -> [String; 5] {
        let [file, pipe] = self.paths();
        let words = [LOCALTEL, "show", "--count"].map(str::to_owned);
        let [program, show, count] = words;
        [program, show, count, file, pipe]
    }

    /// Counts the records in both at a terminal on which Ctrl-C ends programs.
    fn count_interruptibly(&self, home: &CommandHome) -> Terminal {
        let count = self.count();
        let words: Vec<&str> = count.iter().map(String::as_str).collect();
        Terminal::new(home, &[&INTERRUPTIBLY[..], &words].concat())
    }

    /// Ends the pipe.
    fn end(&self) {
        let [_, pipe] = self.paths();
        drop(std::fs::OpenOptions::new().write(true).open(pipe).unwrap());
    }
}

/// Starts a program that SIGINT ends. The tests themselves may ignore it, as what a shell starts in
/// the background does.
const INTERRUPTIBLY: [&str; 2] = ["env", "--default-signal=INT"];

/// Longer than the time in which nothing is drawn.
const LONG: Duration = Duration::from_millis(1500);

/// Returns the lines that a terminal shows after it got these bytes.
fn shown(bytes: &str) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    for character in bytes.chars() {
        let line = lines.last_mut().unwrap();
        match character {
            '\r' => column = 0,
            '\n' => lines.push(Vec::new()),
            _ => {
                if line.len() <= column {
                    line.resize(column + 1, ' ');
                }
                line[column] = character;
                column += 1;
            }
        }
    }
    let text = |line: Vec<char>| line.into_iter().collect::<String>().trim_end().to_owned();
    lines.into_iter().map(text).collect()
}

#[test]
fn progress_is_on_the_terminal_until_the_result_is() {
    let home = CommandHome::new();
    let inputs = SlowInputs::new();
    let mut terminal = Terminal::new(&home, &inputs.count().each_ref().map(String::as_str));
    let before = terminal.wait_for("\rreading ");
    inputs.end();
    let all = before + &terminal.read_to_the_end();
    assert!(all.contains(" KiB of "), "{all:?}");
    assert_eq!(shown(&all), ["10", ""], "{all:?}");
}

#[test]
fn a_short_command_draws_nothing_on_the_terminal() {
    let home = CommandHome::new();
    let directory = tempfile::tempdir().unwrap();
    write_segments(directory.path(), 1, 10);
    let path = directory.path().to_str().unwrap();
    let words = [LOCALTEL, "--dir", path, "show", "--count"];
    assert_eq!(Terminal::new(&home, &words).read_to_the_end(), "10\r\n");
}

#[test]
fn in_a_pipe_nothing_is_drawn() {
    let inputs = SlowInputs::new();
    let [program, words @ ..] = inputs.count();
    let mut command = Command::new(program);
    command
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(LONG);
    inputs.end();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"10\n");
    assert_eq!(output.stderr, b"");
}

#[test]
fn on_a_dumb_terminal_nothing_is_drawn() {
    let home = CommandHome::new();
    let inputs = SlowInputs::new();
    let words = ["env", "TERM=dumb"].map(str::to_owned);
    let words = [&words[..], &inputs.count()].concat();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut terminal = Terminal::new(&home, &words);
    std::thread::sleep(LONG);
    inputs.end();
    assert_eq!(terminal.read_to_the_end(), "10\r\n");
}

#[test]
fn ctrl_c_erases_the_line_and_ends_the_command() {
    let home = CommandHome::new();
    let inputs = SlowInputs::new();
    let mut terminal = inputs.count_interruptibly(&home);
    let before = terminal.wait_for("\rreading ");
    terminal.type_in("\u{3}");
    let all = before + &terminal.read_to_the_end();
    assert_eq!(shown(&all), [""], "{all:?}");
    assert_eq!(terminal.signal(), Some(Signal::SIGINT as i32));
}

#[test]
fn ctrl_c_before_the_line_ends_the_command_too() {
    let home = CommandHome::new();
    let inputs = SlowInputs::new();
    let mut terminal = inputs.count_interruptibly(&home);
    std::thread::sleep(LONG / 3);
    terminal.type_in("\u{3}");
    assert_eq!(shown(&terminal.read_to_the_end()), ["^C"]);
    assert_eq!(terminal.signal(), Some(Signal::SIGINT as i32));
}

#[test]
fn an_interrupted_clear_leaves_a_directory_that_is_whole() {
    const SEGMENTS: u64 = 400;
    let mut interrupted = 0;
    for round in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        write_segments(directory.path(), SEGMENTS, 1);
        let [env, default] = INTERRUPTIBLY;
        let mut clear = Command::new(env)
            .args([default, LOCALTEL, "--dir"])
            .arg(directory.path())
            .args(["clear", "--yes"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The first segments are removed a few milliseconds after the start.
        let first = directory.path().join(SegmentNumber::FIRST.file_name());
        while first.exists() && clear.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        std::thread::sleep(Duration::from_micros(round * 200));
        if clear.try_wait().unwrap().is_none() {
            let id = Pid::from_raw(clear.id().try_into().unwrap());
            kill(id, Signal::SIGINT).unwrap();
        }
        let status = clear.wait().unwrap();
        interrupted += usize::from(status.signal() == Some(Signal::SIGINT as i32));
        let mut reader = Reader::open(directory.path()).unwrap();
        let left: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert!(left.len() < SEGMENTS.try_into().unwrap());
        let again = Command::new(LOCALTEL)
            .arg("--dir")
            .arg(directory.path())
            .args(["clear", "--yes"])
            .output()
            .unwrap();
        assert!(again.status.success(), "{again:?}");
        let mut reader = Reader::open(directory.path()).unwrap();
        assert_eq!(reader.records().count(), 0);
    }
    assert!(interrupted > 0, "none was interrupted");
}
