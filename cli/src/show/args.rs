//! The flags of `show` and `tail`, and the values derived from them.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};

use super::super::columns::Columns;
use super::super::reading::{MatchArgs, RecordInputs, of_processes};
use super::super::screen::{OutputKind, Screen};
use super::super::suggestion;
use super::super::time::Zone;
use super::super::view::Format;
use super::context::ContextArgs;
use super::wanted::WantedArgs;
use localtel::read::Filter;
use localtel::{Error, Result};

/// Arguments of `show` and `tail`.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct ShowArgs {
    /// Show the last N records [default: all; 1000 on a terminal; 10 with -f]
    #[arg(
        id = "localtel.lines",
        short = 'n',
        long = "lines",
        value_name = "N|all"
    )]
    pub(crate) lines: Option<LineLimit>,
    /// Which records are shown.
    #[command(flatten)]
    pub(crate) records: MatchArgs,
    /// How many records are shown.
    #[command(flatten)]
    pub(crate) wanted: WantedArgs,
    /// The records around those that match.
    #[command(flatten)]
    pub(crate) context: ContextArgs,
    /// Keep running, and show new records as they are written
    #[arg(
        id = "localtel.follow",
        short = 'f',
        long = "follow",
        conflicts_with_all = ["localtel.reverse", "localtel.sort"]
    )]
    pub(crate) follow: bool,
    /// Show the newest records first
    #[arg(id = "localtel.reverse", short = 'r', long = "reverse")]
    pub(crate) reverse: bool,
    /// short, pretty (a block), json (as stored), csv, tsv or fields:time,message,KEY
    #[arg(
        id = "localtel.output",
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_parser = OutputParser,
        hide_possible_values = true
    )]
    pub(crate) output: Option<Output>,
    /// Columns of csv, tsv and fields: keys as in conditions [default: all]
    #[arg(id = "localtel.columns", long = "columns", value_name = "KEY,...")]
    pub(crate) columns: Option<Columns>,
    /// The same as `--output json`
    #[arg(
        id = "localtel.json",
        long = "json",
        conflicts_with = "localtel.output"
    )]
    pub(crate) json: bool,
    /// Wrap rows at the width of the terminal, and cut no value
    #[arg(id = "localtel.wrap", long = "wrap")]
    pub(crate) wrap: bool,
    /// Sort by timestamp across sessions (buffers the shown records in memory)
    #[arg(id = "localtel.sort", long = "sort")]
    pub(crate) sort: bool,
    /// Do not use a pager
    #[arg(id = "localtel.no_pager", long = "no-pager", hide_short_help = true)]
    pub(crate) no_pager: bool,
    /// Exit with code 4 if nothing matched
    #[arg(id = "localtel.exit_status", long = "exit-status")]
    pub(crate) exit_status: bool,
}

/// Hides the flags that `tail` rejects or implies, and shows its own default of `--lines`.
pub(crate) fn as_of_tail(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "localtel.follow" | "localtel.reverse" | "localtel.sort" | "localtel.count"
        | "localtel.no_pager" => arg.hide(true),
        "localtel.until" => arg.help("Show records up to this time, and end then"),
        "localtel.exit_status" => {
            arg.help("Exit with code 4 if nothing matched until -U or -m ended it")
        }
        "localtel.lines" => arg.help("Show the last N records first, or `all` [default: 10]"),
        _ => arg,
    }
}

/// The columns that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnChoice<'a> {
    /// The format has none.
    None,
    Named(&'a Columns),
    /// All that occur.
    Seen,
}

/// The value of `--output`: a format, with its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(super) format: Format,
    columns: Option<Columns>,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, columns) = match text.split_once(':') {
            Some((name @ "fields", columns)) => (name, Some(columns.parse()?)),
            Some(_) | None => (text, None),
        };
        let format = FORMATS.into_iter().find(|(known, _)| *known == name);
        let Some((_, format)) = format else {
            let near = suggestion::nearest(name, FORMATS.map(|(name, _)| name));
            let near = near.map(|near| format!("did you mean `{near}`? "));
            return Err(format!(
                "{}write short, pretty, json, csv, tsv or fields:time,message",
                near.unwrap_or_default()
            ));
        };
        Ok(Self { format, columns })
    }
}

/// Parses the value of `--output`, and lists the formats for completions.
#[derive(Debug, Clone)]
struct OutputParser;

impl TypedValueParser for OutputParser {
    type Value = Output;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> std::result::Result<Output, clap::Error> {
        let parse: fn(&str) -> std::result::Result<Output, String> = str::parse;
        parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = FORMATS
            .into_iter()
            .map(|(name, _)| PossibleValue::new(name));
        Some(Box::new(names))
    }
}

/// The names of the formats.
const FORMATS: [(&str, Format); 6] = [
    ("short", Format::Short),
    ("pretty", Format::Pretty),
    ("json", Format::Json),
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("fields", Format::Fields),
];

/// Number of records to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineLimit {
    /// All records.
    All,
    /// The last records.
    Last(u64),
}

impl LineLimit {
    /// Returns the number of records that are kept until all that exist were read.
    pub(super) fn kept(self) -> Option<u64> {
        match self {
            Self::All | Self::Last(0) => None,
            Self::Last(count) => Some(count),
        }
    }
}

impl FromStr for LineLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        match text.trim() {
            "all" => Ok(Self::All),
            number => number
                .parse()
                .map(Self::Last)
                .map_err(|_| "expected a number of records or `all`"),
        }
    }
}

impl ShowArgs {
    /// Builds the filter for a screen.
    ///
    /// # Errors
    ///
    /// Returns an error that names the invalid flag and the expected value, or an error if a
    /// directory cannot be listed.
    pub(super) fn filter(
        &self,
        zone: Zone,
        inputs: &RecordInputs<'_>,
        screen: &Screen<'_>,
    ) -> Result<Filter> {
        let filter = self.records.filter(zone, screen.sink, screen.now)?;
        of_processes(filter, inputs)
    }

    /// Checks the arguments, and returns them with the session that `--session last` names.
    ///
    /// # Errors
    ///
    /// Returns an error if flags or inputs cannot be combined, or if there is no such session.
    pub(super) fn resolved(&self, inputs: &RecordInputs<'_>) -> Result<Self> {
        self.check(inputs)?;
        let mut resolved = self.clone();
        resolved.records = self.records.resolved(inputs)?;
        Ok(resolved)
    }

    /// Returns the arguments of `tail`, which always follows.
    pub(crate) fn into_tail(mut self) -> Self {
        self.follow = true;
        self
    }

    /// Checks that no flag conflicts with following, which `tail` does without `--follow`.
    ///
    /// # Errors
    ///
    /// Returns an error that names a flag or an input which cannot be combined with `--follow`.
    pub(super) fn check(&self, inputs: &RecordInputs<'_>) -> Result<()> {
        if self.follow && inputs.has_stream() {
            return Err(Error::invalid(
                "--follow",
                "only directories are followed; for a file: `tail -F FILE | localtel show -`",
            ));
        }
        let without_context = [
            (self.reverse, "--reverse"),
            (self.sort, "--sort"),
            (self.wanted.count, "--count"),
        ];
        if let Some((_, flag)) = without_context
            .into_iter()
            .find(|(is_given, _)| self.context.size().is_some() && *is_given)
        {
            return Err(Error::invalid(
                flag,
                "cannot be combined with -A, -B, -C and --same, which show records as they were \
                 written",
            ));
        }
        let ends = [
            (self.reverse, "--reverse"),
            (self.sort, "--sort"),
            (self.wanted.count, "--count"),
        ];
        if self.wanted.cursor_file().is_some() {
            self.check_cursor(inputs)?;
        }
        let has_end = self.records.until.is_some() || self.wanted.has_end();
        if self.follow && self.exit_status && !has_end {
            return Err(Error::invalid(
                "--exit-status",
                "following has no end without -U TIME or -m N; give one of them, or use `show`",
            ));
        }
        match ends
            .into_iter()
            .find(|(is_given, _)| self.follow && *is_given)
        {
            Some((_, flag)) => Err(Error::invalid(
                flag,
                "cannot be combined with --follow; use `show`",
            )),
            None => Ok(()),
        }
    }

    /// Checks that a cursor file can say what was read.
    fn check_cursor(&self, inputs: &RecordInputs<'_>) -> Result<()> {
        let reason = if inputs.has_stream() {
            "only directories have a position that is kept; leave out files and `-`"
        } else if matches!(self.lines, Some(LineLimit::Last(_))) || self.reverse || self.sort {
            "cannot be combined with -n, -r and --sort: all new records are shown as they were \
             written; -m stops after the first ones"
        } else {
            return Ok(());
        };
        Err(Error::invalid("--cursor-file", reason))
    }

    /// Returns `true` if another program gets the records while they are read, and may show them on
    /// the same terminal.
    pub(crate) fn streams_to(&self, sink: OutputKind) -> bool {
        sink == OutputKind::Pipe && !self.wanted.count
    }

    /// Returns `true` if the output may go through a pager on a terminal.
    pub(super) fn may_page(&self) -> bool {
        !self.no_pager && !self.follow && !self.wanted.count
    }

    /// Returns how records are shown.
    pub(super) fn format(&self) -> Format {
        match &self.output {
            Some(output) => output.format,
            None if self.json => Format::Json,
            None => Format::Short,
        }
    }

    /// Returns the columns that are shown.
    ///
    /// # Errors
    ///
    /// Returns an error if they are named for a format without columns, or not named although they
    /// must be.
    pub(super) fn columns(&self) -> Result<ColumnChoice<'_>> {
        let wrong = |reason: &str| Err(Error::invalid("--columns", reason));
        let of_output = self.output.as_ref().and_then(|it| it.columns.as_ref());
        match (self.format(), of_output, &self.columns) {
            (Format::Fields, Some(_), Some(_)) => {
                wrong("the columns are named twice; leave out one of both")
            }
            (Format::Fields, Some(columns), None)
            | (Format::Fields | Format::Tsv | Format::Csv, _, Some(columns)) => {
                Ok(ColumnChoice::Named(columns))
            }
            (Format::Fields, None, None) => {
                wrong("the columns have no names; write `-o fields:time,message`")
            }
            (Format::Tsv | Format::Csv, _, None) if self.follow => wrong(
                "records to come may have any key, so name the columns: `--columns time,message`",
            ),
            (Format::Tsv | Format::Csv, _, None) => Ok(ColumnChoice::Seen),
            (Format::Short | Format::Pretty | Format::Json, _, Some(_)) => {
                wrong("only csv, tsv and fields have columns; add `-o csv`")
            }
            (Format::Short | Format::Pretty | Format::Json, _, None) => Ok(ColumnChoice::None),
        }
    }

    /// Returns how many records to show; `--lines` wins over the defaults.
    pub(super) fn lines_or_default(
        &self,
        sink: OutputKind,
        inputs: &RecordInputs<'_>,
    ) -> LineLimit {
        // A follower ends at that time, and need not show all that was before.
        let has_range =
            self.records.since.is_some() || (self.records.until.is_some() && !self.follow);
        match (self.lines, sink) {
            (Some(lines), _) => lines,
            (None, _) if has_range || inputs.has_stdin() => LineLimit::All,
            (None, _) if self.wanted.cursor_file().is_some() => LineLimit::All,
            (None, _) if self.follow => LineLimit::Last(LINES_BEFORE_FOLLOW),
            (None, _) if self.wanted.count || self.wanted.has_end() => LineLimit::All,
            (None, OutputKind::Terminal) => LineLimit::Last(LINES_ON_TERMINAL),
            (None, OutputKind::Pipe) => LineLimit::All,
        }
    }
}

/// Number of records on a terminal without `--lines`, as in `journalctl`.
const LINES_ON_TERMINAL: u64 = 1000;

/// Number of records before the new ones with `--follow`, as in `tail`.
const LINES_BEFORE_FOLLOW: u64 = 10;
