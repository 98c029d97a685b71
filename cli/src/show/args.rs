//! The flags of `show` and `tail`, and the values derived from them.

use std::str::FromStr;
use std::time::SystemTime;

use clap::Arg;
use time::OffsetDateTime;

use super::super::absent_names::NameKind;
use super::super::screen::OutputKind;
use super::super::suggestion;
use super::super::time::{Bound, Zone, ZoneArgs, parse};
use super::super::view::Format;
use super::inputs::{NamedInput, ShowInputs};
use super::operand::{ShowOperand, absent_path, parse_operand};
use localtel::read::{Filter, Levels, Term};
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
    /// Show records from this time on: 9:00, yesterday 14:00, monday, 2026-11-21, -2h
    #[arg(
        id = "localtel.since",
        short = 'S',
        long = "since",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub(crate) since: Option<String>,
    /// Show records up to this time
    #[arg(
        id = "localtel.until",
        short = 'U',
        long = "until",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub(crate) until: Option<String>,
    /// Keep running, and show new records as they are written
    #[arg(
        id = "localtel.follow",
        short = 'f',
        long = "follow",
        conflicts_with_all = ["localtel.reverse", "localtel.sort", "localtel.exit_status"]
    )]
    pub(crate) follow: bool,
    /// Show the newest records first
    #[arg(id = "localtel.reverse", short = 'r', long = "reverse")]
    pub(crate) reverse: bool,
    /// Search the message, event, target and each value; not keys, levels, ids or `key=value`.
    /// A pattern in lower case ignores case
    #[arg(
        id = "localtel.grep",
        short = 'g',
        long = "grep",
        value_name = "REGEX",
        allow_hyphen_values = true
    )]
    pub(crate) grep: Option<String>,
    /// Show that level and above; `=info` only that level, `debug..warn` a range
    #[arg(
        id = "localtel.level",
        short = 'l',
        long = "level",
        value_name = "LEVEL",
        value_parser = suggestion::parse_levels
    )]
    pub(crate) level: Option<Levels>,
    /// Show records of that target and the modules below it
    #[arg(
        id = "localtel.target",
        short = 't',
        long = "target",
        value_name = "TARGET",
        allow_hyphen_values = true
    )]
    pub(crate) target: Vec<String>,
    /// Show records of that event
    #[arg(
        id = "localtel.event",
        short = 'e',
        long = "event",
        value_name = "EVENT",
        allow_hyphen_values = true
    )]
    pub(crate) event: Vec<String>,
    /// Show records of sessions whose id starts with ID
    #[arg(id = "localtel.session", long = "session", value_name = "ID")]
    pub(crate) session: Option<String>,
    /// short (one line, the default), pretty (a block), json (as stored) or csv
    #[arg(
        id = "localtel.output",
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    pub(crate) output: Option<Format>,
    /// The same as `--output json`
    #[arg(
        id = "localtel.json",
        long = "json",
        conflicts_with = "localtel.output"
    )]
    pub(crate) json: bool,
    /// The zone of times.
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
    /// Sort by timestamp across sessions (buffers the shown records in memory)
    #[arg(id = "localtel.sort", long = "sort")]
    pub(crate) sort: bool,
    /// Do not use a pager
    #[arg(id = "localtel.no_pager", long = "no-pager")]
    pub(crate) no_pager: bool,
    /// Exit with code 4 if nothing matched
    #[arg(id = "localtel.exit_status", long = "exit-status")]
    pub(crate) exit_status: bool,
    /// All conditions must match: key=value, key!=value, key>10, key~regex, key!~regex. Files and
    /// directories, or - for the standard input, are read instead of the application's records
    #[arg(
        id = "localtel.operands",
        value_name = "CONDITION|PATH",
        value_parser = parse_operand
    )]
    pub(crate) operands: Vec<ShowOperand>,
}

/// Hides the flags that `tail` rejects or implies, and shows its own default of `--lines`.
pub(crate) fn as_of_tail(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "localtel.follow"
        | "localtel.reverse"
        | "localtel.sort"
        | "localtel.exit_status"
        | "localtel.no_pager" => arg.hide(true),
        "localtel.lines" => arg.help("Show the last N records first, or `all` [default: 10]"),
        _ => arg,
    }
}

/// Number of records to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineLimit {
    /// All records.
    All,
    /// The last records.
    Last(u64),
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
    pub(super) fn check(&self, inputs: &ShowInputs<'_>) -> Result<()> {
        if self.follow && inputs.has_stream() {
            return Err(Error::invalid(
                "--follow",
                "only directories are followed; for a file: `tail -F FILE | localtel show -`",
            ));
        }
        let ends = [
            (self.reverse, "--reverse"),
            (self.sort, "--sort"),
            (self.exit_status, "--exit-status"),
        ];
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

    /// Returns how records are shown.
    pub(super) fn format(&self) -> Format {
        let default = if self.json {
            Format::Json
        } else {
            Format::Short
        };
        self.output.unwrap_or(default)
    }

    /// Builds the filter; times are in the zone in which they are shown.
    ///
    /// # Errors
    ///
    /// Returns an error that names the invalid flag and the expected value.
    pub(super) fn filter(&self, zone: Zone, now: OffsetDateTime) -> Result<Filter> {
        let mut filter = Filter::new();
        if let Some(levels) = self.level {
            filter = filter.levels(levels);
        }
        for target in &self.target {
            filter = filter.target(target);
        }
        for event in &self.event {
            filter = filter.event(event);
        }
        if let Some(session) = &self.session {
            filter = filter.session(session);
        }
        let time = |text: &Option<String>, bound| {
            let text = text.as_ref();
            text.map(|text| parse(text, bound, zone, now)).transpose()
        };
        let since = time(&self.since, Bound::Since)?;
        let until = time(&self.until, Bound::Until)?;
        if let (Some(since), Some(until)) = (since, until)
            && until < since
        {
            return Err(Error::invalid(
                "--until",
                format!(
                    "the range is empty: it ends at {} and begins at {}",
                    zone.text(until),
                    zone.text(since)
                ),
            ));
        }
        if let Some(since) = since {
            filter = filter.since(SystemTime::from(since));
        }
        if let Some(until) = until {
            filter = filter.until(SystemTime::from(until));
        }
        if let Some(pattern) = &self.grep {
            filter = filter.grep(pattern)?;
        }
        Ok(self.terms().cloned().fold(filter, Filter::term))
    }

    /// Returns the names of events, targets and properties that records are filtered by.
    pub(super) fn names(&self) -> impl Iterator<Item = (NameKind, &str)> {
        let events = self.event.iter().map(|name| (NameKind::Event, name));
        let targets = self.target.iter().map(|name| (NameKind::Target, name));
        let names = events.chain(targets);
        let in_terms = self
            .terms()
            .map(|term| match (term.key(), term.equal_to()) {
                ("event", Some(name)) => (NameKind::Event, name),
                ("target", Some(name)) => (NameKind::Target, name),
                (key, _) => (NameKind::Property, key),
            });
        names
            .map(|(kind, name)| (kind, name.as_str()))
            .chain(in_terms)
    }

    /// Returns the conditions.
    pub(super) fn terms(&self) -> impl Iterator<Item = &Term> {
        self.operands.iter().filter_map(|operand| match operand {
            ShowOperand::Condition(term) => Some(term),
            ShowOperand::Path(_) | ShowOperand::Stdin => None,
        })
    }

    /// Returns `true` if files, directories or the standard input are named.
    pub(crate) fn has_paths(&self) -> bool {
        self.operands.iter().any(|operand| match operand {
            ShowOperand::Condition(_) => false,
            ShowOperand::Path(_) | ShowOperand::Stdin => true,
        })
    }

    /// Returns the files, the directories and the standard input that are named.
    ///
    /// # Errors
    ///
    /// Returns an error if a word is neither a path that exists nor a condition.
    pub(crate) fn paths(&self) -> Result<Vec<NamedInput>> {
        let paths = self.operands.iter().filter_map(|operand| match operand {
            ShowOperand::Condition(_) => None,
            ShowOperand::Stdin => Some(Ok(NamedInput::stdin())),
            ShowOperand::Path(path) => {
                let input = NamedInput::of_path(path);
                Some(input.ok_or_else(|| absent_path(path)))
            }
        });
        paths.collect()
    }

    /// Returns how many records to show; `--lines` wins over the defaults.
    pub(super) fn lines_or_default(&self, sink: OutputKind, inputs: &ShowInputs<'_>) -> LineLimit {
        let has_range = self.since.is_some() || self.until.is_some();
        match (self.lines, sink) {
            (Some(lines), _) => lines,
            (None, _) if has_range || inputs.has_stdin() => LineLimit::All,
            (None, _) if self.follow => LineLimit::Last(LINES_BEFORE_FOLLOW),
            (None, OutputKind::Terminal) => LineLimit::Last(LINES_ON_TERMINAL),
            (None, OutputKind::Pipe) => LineLimit::All,
        }
    }
}

/// Number of records on a terminal without `--lines`, as in `journalctl`.
const LINES_ON_TERMINAL: u64 = 1000;

/// Number of records before the new ones with `--follow`, as in `tail`.
const LINES_BEFORE_FOLLOW: u64 = 10;
