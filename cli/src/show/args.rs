//! The flags of `show` and `tail`, and what they mean together.

use std::str::FromStr;
use std::time::SystemTime;

use time::OffsetDateTime;

use super::super::absent_names::NameKind;
use super::super::screen::OutputKind;
use super::super::suggestion;
use super::super::time::{Zone, parse};
use super::super::view::Format;
use localtel::read::{Filter, Levels, Term};
use localtel::{Error, Result};

/// Which records to show, and how.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct ShowArgs {
    /// Show the last N records, or `all` [default: 1000 on a terminal, 10 with --follow, else all]
    #[arg(
        id = "localtel.lines",
        short = 'n',
        long = "lines",
        value_name = "N|all"
    )]
    pub(crate) lines: Option<LineLimit>,
    /// Show records of that time or later: 2026-11-21, 08:00, today, -2h; what is damaged before it, `doctor` finds
    #[arg(
        id = "localtel.since",
        short = 'S',
        long = "since",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub(crate) since: Option<String>,
    /// Show records of that time or earlier
    #[arg(
        id = "localtel.until",
        short = 'U',
        long = "until",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub(crate) until: Option<String>,
    /// Go on showing records as they come
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
    /// Show records that contain the regular expression; in lower case it matches any case
    #[arg(
        id = "localtel.grep",
        short = 'g',
        long = "grep",
        value_name = "REGEX",
        allow_hyphen_values = true
    )]
    pub(crate) grep: Option<String>,
    /// Show records of that level and above; `=info` only that one, `debug..warn` a range
    #[arg(
        id = "localtel.level",
        short = 'l',
        long = "level",
        value_name = "LEVEL",
        value_parser = suggestion::parse_levels
    )]
    pub(crate) level: Option<Levels>,
    /// Show records of that target and of the modules below it
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
    /// Show records of the session whose id starts like this
    #[arg(id = "localtel.session", long = "session", value_name = "ID")]
    pub(crate) session: Option<String>,
    /// How to show them
    #[arg(
        id = "localtel.output",
        short = 'o',
        long = "output",
        value_name = "FORMAT"
    )]
    pub(crate) output: Option<Format>,
    /// Show each line as it is stored: the same as `--output json`
    #[arg(
        id = "localtel.json",
        long = "json",
        conflicts_with = "localtel.output"
    )]
    pub(crate) json: bool,
    /// Show and read times in UTC: the default
    #[arg(id = "localtel.utc", long = "utc", conflicts_with = "localtel.local")]
    pub(crate) utc: bool,
    /// Show and read times in the zone of this machine
    #[arg(id = "localtel.local", long = "local")]
    pub(crate) local: bool,
    /// Put records of all sessions in the order of their times; needs memory for those that are shown
    #[arg(id = "localtel.sort", long = "sort")]
    pub(crate) sort: bool,
    /// Do not use a pager
    #[arg(id = "localtel.no_pager", long = "no-pager")]
    pub(crate) no_pager: bool,
    /// End with exit code 4 if nothing matched
    #[arg(id = "localtel.exit_status", long = "exit-status")]
    pub(crate) exit_status: bool,
    /// Conditions that must all hold: key=value, key!=value, key>10, key~regex
    #[arg(
        id = "localtel.terms",
        value_name = "CONDITION",
        value_parser = suggestion::parse_condition
    )]
    pub(crate) terms: Vec<Term>,
}

/// How many records to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineLimit {
    /// Every one.
    All,
    /// The last ones.
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
                .map_err(|_| "give a number of records, or `all`"),
        }
    }
}

impl ShowArgs {
    /// Makes `tail` of it: the last ten, and then what comes.
    pub(crate) fn into_tail(mut self) -> Self {
        self.follow = true;
        self
    }

    /// Checks what the definition of the flags cannot say, since `tail` follows without being told.
    ///
    /// # Errors
    ///
    /// An error names the flag that makes no sense here.
    pub(super) fn check(&self) -> Result<()> {
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
                "what is followed has no end from which this could be done; use `show`",
            )),
            None => Ok(()),
        }
    }

    /// Returns the zone in which times are shown and read.
    pub(super) fn zone(&self) -> Zone {
        if self.local { Zone::Local } else { Zone::UTC }
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

    /// Builds the filter.
    ///
    /// # Errors
    ///
    /// An error says which flag is wrong, and what would be right.
    pub(super) fn filter(&self, now: OffsetDateTime) -> Result<Filter> {
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
        if let Some(since) = &self.since {
            filter = filter.since(SystemTime::from(parse(since, self.zone(), now)?));
        }
        if let Some(until) = &self.until {
            filter = filter.until(SystemTime::from(parse(until, self.zone(), now)?));
        }
        if let Some(pattern) = &self.grep {
            filter = filter.grep(pattern)?;
        }
        Ok(self.terms.iter().cloned().fold(filter, Filter::term))
    }

    /// Returns the names that are asked for.
    pub(super) fn names(&self) -> impl Iterator<Item = (NameKind, &str)> {
        let events = self.event.iter().map(|name| (NameKind::Event, name));
        let targets = self.target.iter().map(|name| (NameKind::Target, name));
        let names = events.chain(targets);
        let in_terms = self
            .terms
            .iter()
            .map(|term| match (term.key(), term.equal_to()) {
                ("event", Some(name)) => (NameKind::Event, name),
                ("target", Some(name)) => (NameKind::Target, name),
                (key, _) => (NameKind::Property, key),
            });
        names
            .map(|(kind, name)| (kind, name.as_str()))
            .chain(in_terms)
    }

    /// Decides how many records to show where the person did not say.
    pub(super) fn lines_or_default(&self, sink: OutputKind) -> LineLimit {
        let has_range = self.since.is_some() || self.until.is_some();
        match (self.lines, sink) {
            (Some(lines), _) => lines,
            (None, _) if has_range => LineLimit::All,
            (None, _) if self.follow => LineLimit::Last(LINES_BEFORE_FOLLOW),
            (None, OutputKind::Terminal) => LineLimit::Last(LINES_ON_TERMINAL),
            (None, OutputKind::Pipe) => LineLimit::All,
        }
    }
}

/// As many records as `journalctl` takes to its pager: a few dozen screens.
const LINES_ON_TERMINAL: u64 = 1000;

/// As many as `tail` shows before it waits.
const LINES_BEFORE_FOLLOW: u64 = 10;
