//! The flags of `stats`, and the question that they ask.

use std::str::FromStr;

use super::super::columns::Columns;
use super::super::reading::{MatchArgs, RecordInputs};
use super::comparison::Comparison;
use super::period::{ClockPeriod, per_word};
use localtel::admin::ShellWord;
use localtel::{Error, Result};

/// Arguments of `stats`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct StatsArgs {
    /// Count by these keys, one row for each combination of values
    #[arg(id = "localtel.by", long = "by", value_name = "KEY,...")]
    by: Option<Columns>,
    /// Show the distribution of that number, such as `duration_ms`
    #[arg(id = "localtel.of", long = "of", value_name = "KEY")]
    of: Option<String>,
    /// Count by time: minute, hour, day, week, or a length such as 15m
    #[arg(id = "localtel.per", long = "per", value_name = "PERIOD")]
    per: Option<ClockPeriod>,
    /// Describe a key: how many records have it, its values and their number
    #[arg(
        id = "localtel.field",
        long = "field",
        value_name = "KEY",
        conflicts_with_all = ["localtel.by", "localtel.of", "localtel.per"]
    )]
    field: Option<Columns>,
    /// Compare with another range: yesterday, last-week (the same times then), before (as long
    /// before), or FROM..TO
    #[arg(
        id = "localtel.compare",
        long = "compare",
        value_name = "RANGE",
        allow_hyphen_values = true
    )]
    pub(super) compare: Option<Comparison>,
    /// Print at most N rows of a table, or `all` [default: 5; 20 with --by, --per and --field]
    #[arg(id = "localtel.top", long = "top", value_name = "N|all")]
    pub(super) top: Option<RowLimit>,
    /// text, json (a document), csv, or html (a page that opens offline)
    #[arg(
        id = "localtel.stats_output",
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    output: Option<StatsFormat>,
    /// The same as `--output json`
    #[arg(
        id = "localtel.json",
        long = "json",
        conflicts_with = "localtel.stats_output"
    )]
    pub(crate) json: bool,
    /// Draw charts with letters and digits [default unless the locale is UTF-8]
    #[arg(id = "localtel.ascii", long = "ascii")]
    pub(super) ascii: bool,
    /// Which records are counted.
    #[command(flatten)]
    pub(crate) records: MatchArgs,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum StatsFormat {
    Text,
    Json,
    Csv,
    Html,
}

/// The most rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowLimit {
    All,
    First(usize),
}

/// What is asked about the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StatsQuestion {
    /// The whole, on one screen.
    Overview,
    /// Counts by keys and time.
    Breakdown(BreakdownKeys),
    /// The values of one key.
    Field(Columns),
}

/// What records are counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BreakdownKeys {
    pub(super) by: Option<Columns>,
    pub(super) per: Option<ClockPeriod>,
    /// The key of a number.
    pub(super) of: Option<String>,
}

impl FromStr for RowLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        match text.trim() {
            "all" => Ok(Self::All),
            number => match number.parse() {
                Ok(rows @ 1..) => Ok(Self::First(rows)),
                Ok(0) | Err(_) => Err("expected a number of rows or `all`"),
            },
        }
    }
}

impl RowLimit {
    /// Returns the most rows.
    pub(super) fn most(self) -> usize {
        match self {
            Self::All => usize::MAX,
            Self::First(rows) => rows,
        }
    }
}

impl StatsArgs {
    /// Returns the arguments as they are for these inputs.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such session.
    pub(super) fn resolved(&self, inputs: &RecordInputs<'_>) -> Result<Self> {
        let mut resolved = self.clone();
        resolved.records = self.records.resolved(inputs)?;
        let host = inputs.host_key();
        let with_host = |columns: Columns| columns.where_host_is(host);
        resolved.by = resolved.by.map(with_host).transpose()?;
        resolved.field = resolved.field.map(with_host).transpose()?;
        Ok(resolved)
    }

    /// Returns the question.
    ///
    /// # Errors
    ///
    /// Returns an error if flags do not fit together.
    pub(super) fn question(&self) -> Result<StatsQuestion> {
        if let Some(key) = &self.field {
            if key.headings().count() != 1 {
                return Err(Error::invalid(
                    "--field",
                    "describes one key; count by several with --by",
                ));
            }
            return Ok(StatsQuestion::Field(key.clone()));
        }
        let keys = BreakdownKeys {
            by: self.by.clone(),
            per: self.per,
            of: self.of.clone(),
        };
        if keys.by.as_ref().is_some_and(Columns::has_time) {
            return Err(Error::invalid(
                "--by",
                "every record has another time; count by time with `--per hour` or `--per day`",
            ));
        }
        if self.compare.is_some() && keys.per.is_some() {
            return Err(Error::invalid(
                "--compare",
                "compares whole ranges, and cannot be combined with --per",
            ));
        }
        if self.compare.is_some() && self.format() == StatsFormat::Html {
            return Err(Error::invalid(
                "--compare",
                "has no page; write one for each range with `-o html`",
            ));
        }
        if keys.by.is_none() && keys.per.is_none() && keys.of.is_none() {
            return Ok(StatsQuestion::Overview);
        }
        Ok(StatsQuestion::Breakdown(keys))
    }

    /// Returns the question as words of a command line.
    pub(super) fn typed_question(&self) -> Vec<String> {
        let flag = |flag: &str, value: &str| format!("{flag} {}", ShellWord(value));
        let keys = |keys: &Columns| keys.headings().collect::<Vec<_>>().join(",");
        let by = self.by.iter().map(|by| flag("--by", &keys(by)));
        let of = self.of.iter().map(|of| flag("--of", of));
        let per = self
            .per
            .iter()
            .filter_map(|per| Some(flag("--per", &per_word(per.seconds())?)));
        let field = self.field.iter().map(|field| flag("--field", &keys(field)));
        let top = self.top.iter().map(|top| match top {
            RowLimit::All => "--top all".to_owned(),
            RowLimit::First(rows) => format!("--top {rows}"),
        });
        by.chain(of).chain(per).chain(field).chain(top).collect()
    }

    /// Returns the form of the output.
    pub(super) fn format(&self) -> StatsFormat {
        match (self.output, self.json) {
            (Some(format), _) => format,
            (None, true) => StatsFormat::Json,
            (None, false) => StatsFormat::Text,
        }
    }

    /// Returns the most rows of a table.
    pub(super) fn rows(&self, question: &StatsQuestion) -> RowLimit {
        let usual = match (question, self.format()) {
            // Programs take all of them, unless they ask for less.
            (_, StatsFormat::Json | StatsFormat::Csv) => RowLimit::All,
            (StatsQuestion::Overview, StatsFormat::Text) => RowLimit::First(5),
            (StatsQuestion::Breakdown(keys), _) if keys.per.is_some() => RowLimit::All,
            (_, StatsFormat::Text | StatsFormat::Html) => RowLimit::First(20),
        };
        self.top.unwrap_or(usual)
    }
}
