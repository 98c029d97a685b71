//! What a command sees of the person in front of it: where output, complaints and answers go and come
//! from, what the terminal can do, and what time it is. Commands are given one and ask nobody else, so
//! that tests run them in memory.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::Path;

use time::OffsetDateTime;

use localtel::{Error, Result};

/// What stands behind the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// A person's terminal.
    Terminal,
    /// A pipe or a file.
    Pipe,
}

/// Whether colours are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// They are.
    On,
    /// No escape sequence is written.
    Off,
}

impl Colour {
    /// Decides on colour: only on a terminal that can show it, and never where `NO_COLOR` is set.
    pub(crate) fn of(sink: OutputKind, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let is_unwanted = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        match sink {
            OutputKind::Terminal if !is_unwanted && !is_dumb => Self::On,
            OutputKind::Terminal | OutputKind::Pipe => Self::Off,
        }
    }
}

/// The handles and facts that a command works with.
pub(crate) struct Screen<'a> {
    /// Where data goes.
    pub(crate) stdout: &'a mut dyn Write,
    /// Where everything else goes.
    pub(crate) stderr: &'a mut dyn Write,
    /// Where data and answers come from.
    pub(crate) stdin: &'a mut dyn BufRead,
    /// Whether a question would reach a person who can answer it.
    pub(crate) can_ask: bool,
    /// What stands behind `stdout`.
    pub(crate) sink: OutputKind,
    /// Whether `stdout` shows colours.
    pub(crate) colour: Colour,
    /// When the command started.
    pub(crate) now: OffsetDateTime,
    /// Looks up an environment variable.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Returns `true` if whoever read `stdout` went away, which a command that only waits would not notice.
    pub(crate) is_reader_gone: &'a dyn Fn() -> bool,
}

impl fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen")
            .field("sink", &self.sink)
            .field("colour", &self.colour)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Screen<'_> {
    /// Says something that is not data. That nobody listens on stderr is no failure.
    pub(crate) fn say(&mut self, message: fmt::Arguments<'_>) {
        drop(writeln!(self.stderr, "{message}"));
    }

    /// Asks a question that is answered yes only by a plain yes.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<bool> {
        self.stdout.flush()?;
        write!(self.stderr, "{question} [y/N] ")?;
        self.stderr.flush()?;
        let mut answer = String::new();
        self.stdin.read_line(&mut answer)?;
        Ok(matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }
}

/// Why writing the output ended.
#[derive(Debug)]
pub(crate) enum OutputStop {
    /// Whoever read the output has seen enough: `head`, or a pager that was left.
    ReaderGone,
    /// A failure.
    Failed(Error),
}

impl From<Error> for OutputStop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for OutputStop {
    /// Takes a failure to write the output.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::Failed(Error::io("write to", Path::new(STDOUT))(error))
        }
    }
}

impl OutputStop {
    /// Turns a reader that left into quiet success.
    pub(crate) fn settle<T>(
        result: std::result::Result<T, Self>,
        when_gone: impl FnOnce() -> T,
    ) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(Self::ReaderGone) => Ok(when_gone()),
            Err(Self::Failed(error)) => Err(error),
        }
    }
}

/// What the standard output is called where a path is named.
pub(crate) const STDOUT: &str = "the standard output";

/// A screen in memory.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// What was written as data.
    pub(crate) out: Vec<u8>,
    /// What was written beside it.
    pub(crate) err: Vec<u8>,
    /// What is there to be read.
    pub(crate) input: String,
    /// Whether a person sits in front of it.
    pub(crate) can_ask: bool,
}

#[cfg(test)]
impl Memory {
    /// Runs something with a screen, at a fixed time.
    pub(crate) fn with<T>(&mut self, body: impl FnOnce(&mut Screen<'_>) -> T) -> T {
        let mut input = io::Cursor::new(self.input.clone());
        body(&mut Screen {
            stdout: &mut self.out,
            stderr: &mut self.err,
            stdin: &mut input,
            can_ask: self.can_ask,
            sink: OutputKind::Pipe,
            colour: Colour::Off,
            now: OffsetDateTime::from_unix_timestamp(1_795_248_000).unwrap(),
            variable: &|_| None,
            is_reader_gone: &|| false,
        })
    }

    /// Returns what was written as data.
    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    /// Returns what was written beside it.
    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.err.clone()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_needs_a_terminal_and_no_objection() {
        let set = |name: &'static str, value: &'static str| {
            move |wanted: &str| (wanted == name).then(|| OsString::from(value))
        };
        let none = |_: &str| None;
        assert_eq!(Colour::of(OutputKind::Terminal, &none), Colour::On);
        assert_eq!(Colour::of(OutputKind::Pipe, &none), Colour::Off);
        for (name, value, expected) in [
            ("NO_COLOR", "1", Colour::Off),
            ("NO_COLOR", "", Colour::On),
            ("TERM", "dumb", Colour::Off),
            ("TERM", "xterm", Colour::On),
        ] {
            assert_eq!(
                Colour::of(OutputKind::Terminal, &set(name, value)),
                expected,
                "{name}={value}"
            );
        }
    }
}
