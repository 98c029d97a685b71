//! The input, output and terminal of a command, and the current time. Commands only use the screen
//! that they are given, so that tests run them in memory.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::Path;

use time::OffsetDateTime;

use localtel::{Error, Result};

/// The kind of the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// A terminal.
    Terminal,
    /// A pipe or a file.
    Pipe,
}

/// The use of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Colours are shown.
    On,
    /// No escape sequences are written.
    Off,
}

impl Colour {
    /// Returns the colour for an output: only on a terminal that supports it, and never if
    /// `NO_COLOR` is set.
    pub(crate) fn of(sink: OutputKind, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let is_off = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        match sink {
            OutputKind::Terminal if !is_off && !is_dumb => Self::On,
            OutputKind::Terminal | OutputKind::Pipe => Self::Off,
        }
    }
}

/// The handles and facts that a command uses.
pub(crate) struct Screen<'a> {
    /// The output for data.
    pub(crate) stdout: &'a mut dyn Write,
    /// The output for everything else.
    pub(crate) stderr: &'a mut dyn Write,
    /// The input for data and answers.
    pub(crate) stdin: &'a mut dyn BufRead,
    /// Whether a question would reach a user who can answer it.
    pub(crate) is_interactive: bool,
    /// The kind of `stdout`.
    pub(crate) sink: OutputKind,
    /// Whether `stdout` shows colours.
    pub(crate) colour: Colour,
    /// The time when the command started.
    pub(crate) now: OffsetDateTime,
    /// Returns an environment variable.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Returns `true` if the reader of `stdout` is gone, which a command that only waits would not
    /// notice.
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
    /// Prints a message that is not data. A closed stderr is not an error.
    pub(crate) fn print_message(&mut self, message: fmt::Arguments<'_>) {
        drop(writeln!(self.stderr, "{message}"));
    }

    /// Asks a question; only a plain yes is a yes.
    pub(crate) fn confirm(&mut self, question: &str) -> io::Result<bool> {
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

/// The reason why writing the output ended.
#[derive(Debug)]
pub(crate) enum OutputStop {
    /// The reader has gone, such as `head`, or a pager that the user left.
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
    /// Converts a failure to write the output.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::Failed(Error::io("write to", Path::new(STDOUT))(error))
        }
    }
}

impl OutputStop {
    /// Treats a reader that has gone as success.
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

/// The name of the standard output in place of a path.
pub(crate) const STDOUT: &str = "the standard output";

/// A screen in memory.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The written data.
    pub(crate) out: Vec<u8>,
    /// The written messages.
    pub(crate) err: Vec<u8>,
    /// The text to be read.
    pub(crate) input: String,
    /// Whether a user can answer questions.
    pub(crate) is_interactive: bool,
}

#[cfg(test)]
impl Memory {
    /// Runs a closure with a screen, at a fixed time.
    pub(crate) fn with<T>(&mut self, body: impl FnOnce(&mut Screen<'_>) -> T) -> T {
        let mut input = io::Cursor::new(self.input.clone());
        body(&mut Screen {
            stdout: &mut self.out,
            stderr: &mut self.err,
            stdin: &mut input,
            is_interactive: self.is_interactive,
            sink: OutputKind::Pipe,
            colour: Colour::Off,
            now: OffsetDateTime::from_unix_timestamp(1_795_248_000).unwrap(),
            variable: &|_| None,
            is_reader_gone: &|| false,
        })
    }

    /// Returns the written data.
    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    /// Returns the written messages.
    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.err.clone()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_needs_a_terminal_and_can_be_disabled() {
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
