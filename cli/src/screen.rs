//! The input, output and terminal of a command, and the current time. Commands only use the screen
//! that they are given, so that tests run them in memory.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::Path;

use time::OffsetDateTime;

use super::progress::ProgressLine;
use super::sanitize::Sanitized;
use localtel::admin::Location;
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

/// When colours are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    /// Into pipes and files, too
    Always,
    /// Never
    Never,
}

impl ColourChoice {
    /// Adds the flag for it to a command and all commands below it.
    pub(crate) fn flag() -> clap::Arg {
        clap::Arg::new(COLOUR_ID)
            .long("color")
            .alias("colour")
            .value_name("WHEN")
            .help_heading(None)
            .global(true)
            .value_parser(clap::builder::EnumValueParser::<Self>::new())
            .hide_possible_values(true)
            .help("Show colours: auto (on a terminal), always or never [default: auto]")
    }

    /// Returns the choice on a command line, if it has one.
    pub(crate) fn of_matches(matches: &clap::ArgMatches) -> Self {
        let choice = matches.try_get_one(COLOUR_ID);
        choice.ok().flatten().copied().unwrap_or_default()
    }

    /// Returns the choice among the words of a command line that was not parsed to its end.
    pub(crate) fn of_words(words: &[OsString]) -> Self {
        let mut words = words.iter().filter_map(|word| word.to_str());
        let mut choice = Self::default();
        while let Some(word) = words.next() {
            let value = match word {
                "--" => break,
                "--color" | "--colour" => words.next(),
                word => {
                    let value = word.strip_prefix("--color=");
                    value.or_else(|| word.strip_prefix("--colour="))
                }
            };
            let named = value.and_then(|value| clap::ValueEnum::from_str(value, false).ok());
            choice = named.unwrap_or(choice);
        }
        choice
    }
}

impl Colour {
    /// Returns the colour for an output. The flag is above `NO_COLOR`, that above
    /// `CLICOLOR_FORCE`, and that above a dumb terminal and `CLICOLOR=0`.
    pub(crate) fn of(
        choice: ColourChoice,
        sink: OutputKind,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Self {
        let value = |name| variable(name).filter(|value| !value.is_empty());
        let is = |name, wanted: &str| value(name).is_some_and(|value| value == wanted);
        let is_shown = match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if value("NO_COLOR").is_some() => false,
            ColourChoice::Auto if value("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColourChoice::Auto => match sink {
                OutputKind::Terminal => !is("TERM", "dumb") && !is("CLICOLOR", "0"),
                OutputKind::Pipe => false,
            },
        };
        if is_shown { Self::On } else { Self::Off }
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
    /// The line that says how far a command is, as long as it prints nothing.
    pub(crate) progress: &'a ProgressLine,
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
    /// Shows colours as the command line asks for; without a flag they stay as they are.
    pub(crate) fn choose_colour(&mut self, choice: ColourChoice) {
        self.colour = match choice {
            ColourChoice::Auto => self.colour,
            ColourChoice::Always | ColourChoice::Never => {
                Colour::of(choice, self.sink, self.variable)
            }
        };
    }

    /// Returns the same location, of which reading is shown as progress.
    pub(crate) fn watched(&self, location: &Location) -> Location {
        let location = location.clone();
        if self.progress.is_shown() {
            location.with_progress(self.progress.bytes())
        } else {
            location
        }
    }

    /// Returns the same locations, of which reading is shown as progress.
    pub(crate) fn all_watched(&self, locations: &[Location]) -> Vec<Location> {
        let locations = locations.iter();
        locations.map(|location| self.watched(location)).collect()
    }

    /// Returns the width of the terminal: that of `COLUMNS`, or what the terminal says.
    pub(crate) fn cells(&self) -> usize {
        let set = (self.variable)("COLUMNS").and_then(|set| set.to_str()?.parse().ok());
        let told = || match self.sink {
            OutputKind::Terminal => rustix::termios::tcgetwinsize(io::stdout()).ok(),
            OutputKind::Pipe => None,
        };
        let cells = set.or_else(|| told().map(|size| usize::from(size.ws_col)));
        cells.filter(|cells| *cells > 0).unwrap_or(CELLS_DEFAULT)
    }

    /// Returns the width at which texts are wrapped: on a terminal its own, unless that is hard to
    /// read. For other programs a sentence is one line.
    pub(crate) fn text_cells(&self) -> usize {
        match self.sink {
            OutputKind::Terminal => self.cells().min(TEXT_CELLS_MAX),
            OutputKind::Pipe => usize::MAX,
        }
    }

    /// Prints a message that is not data. A closed stderr is not an error.
    pub(crate) fn print_message(&mut self, message: fmt::Arguments<'_>) {
        for line in message.to_string().lines() {
            // Paths and names can contain control characters.
            drop(writeln!(self.stderr, "{}", Sanitized(line)));
        }
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
    /// Everything that was asked for is written.
    Complete,
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
            Err(Self::ReaderGone | Self::Complete) => Ok(when_gone()),
            Err(Self::Failed(error)) => Err(error),
        }
    }
}

/// The id of the flag for colours. No other argument of this crate has it.
const COLOUR_ID: &str = "localtel.color";

/// The width of a terminal that does not say it.
const CELLS_DEFAULT: usize = 80;

/// The most cells of a line of text.
const TEXT_CELLS_MAX: usize = 100;

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
    /// Where progress is counted.
    pub(crate) progress: ProgressLine,
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
            progress: &self.progress,
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

    /// Returns whether colours are shown with that flag and these variables, on a terminal and in
    /// a pipe.
    fn shown(choice: ColourChoice, variables: &[(&str, &str)]) -> [bool; 2] {
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        };
        [OutputKind::Terminal, OutputKind::Pipe]
            .map(|sink| Colour::of(choice, sink, &variable) == Colour::On)
    }

    #[test]
    fn the_flag_is_above_variables_and_they_are_in_order() {
        use ColourChoice::{Always, Auto, Never};
        let (forced, none) = (("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1"));
        let dumb = ("TERM", "dumb");
        for (choice, variables, expected) in [
            (Auto, &[][..], [true, false]),
            (Auto, &[("TERM", "xterm")], [true, false]),
            (Auto, &[none], [false, false]),
            (Auto, &[("NO_COLOR", "")], [true, false]),
            (Auto, &[forced], [true, true]),
            (Auto, &[("CLICOLOR_FORCE", "0")], [true, false]),
            (Auto, &[("CLICOLOR_FORCE", "")], [true, false]),
            (Auto, &[forced, none], [false, false]),
            (Auto, &[dumb], [false, false]),
            (Auto, &[dumb, forced], [true, true]),
            (Auto, &[("CLICOLOR", "0")], [false, false]),
            (Auto, &[("CLICOLOR", "1")], [true, false]),
            (Auto, &[("CLICOLOR", "0"), forced], [true, true]),
            (Always, &[none, dumb], [true, true]),
            (Never, &[forced], [false, false]),
        ] {
            let found = shown(choice, variables);
            assert_eq!(found, expected, "{choice:?} {variables:?}");
        }
    }

    #[test]
    fn the_choice_is_found_in_words_that_were_not_parsed() {
        for (words, expected) in [
            ("localtel --color never --help", ColourChoice::Never),
            ("localtel show --color=always -h", ColourChoice::Always),
            ("localtel --color=x --help", ColourChoice::Auto),
            ("localtel run -- ls --color=always", ColourChoice::Auto),
            ("localtel --color", ColourChoice::Auto),
        ] {
            let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            assert_eq!(ColourChoice::of_words(&words), expected, "{words:?}");
        }
    }
}
