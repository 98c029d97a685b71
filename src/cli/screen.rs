//! What a command sees of the person in front of it: where output, complaints and answers go and come
//! from, what the terminal can do, and what time it is. Commands are given one and ask nobody else, so
//! that tests run them in memory.

use std::io::{self, BufRead, Write};

use time::OffsetDateTime;

use crate::environment::Environment;

/// What stands behind the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sink {
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
    pub(crate) fn of(sink: Sink, environment: &Environment) -> Self {
        let is_dumb = environment.term().is_some_and(|term| term == "dumb");
        match sink {
            Sink::Terminal if !environment.is_no_color() && !is_dumb => Self::On,
            Sink::Terminal | Sink::Pipe => Self::Off,
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
    pub(crate) sink: Sink,
    /// Whether `stdout` shows colours.
    pub(crate) colour: Colour,
    /// When the command started.
    pub(crate) now: OffsetDateTime,
}

impl Screen<'_> {
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
            sink: Sink::Pipe,
            colour: Colour::Off,
            now: OffsetDateTime::from_unix_timestamp(1_795_248_000).unwrap(),
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
