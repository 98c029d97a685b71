//! What a command sees of the person in front of it: where output, complaints and answers go and come
//! from, what the terminal can do, and what time it is. Commands are given one and ask nobody else, so
//! that tests run them in memory.

use std::io::{self, BufRead, Write};

use time::OffsetDateTime;

/// The handles and facts that a command works with.
pub(crate) struct Screen<'a> {
    /// Where data goes.
    pub(crate) out: &'a mut dyn Write,
    /// Where everything else goes.
    pub(crate) err: &'a mut dyn Write,
    /// Where data and answers come from.
    pub(crate) input: &'a mut dyn BufRead,
    /// Whether a question would reach a person who can answer it.
    pub(crate) can_ask: bool,
    /// Whether data goes to a terminal.
    pub(crate) is_terminal: bool,
    /// Whether data may be coloured.
    pub(crate) has_colour: bool,
    /// When the command started.
    pub(crate) now: OffsetDateTime,
}

impl Screen<'_> {
    /// Asks a question that is answered yes only by a plain yes.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<bool> {
        self.out.flush()?;
        write!(self.err, "{question} [y/N] ")?;
        self.err.flush()?;
        let mut answer = String::new();
        self.input.read_line(&mut answer)?;
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
            out: &mut self.out,
            err: &mut self.err,
            input: &mut input,
            can_ask: self.can_ask,
            is_terminal: false,
            has_colour: false,
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
