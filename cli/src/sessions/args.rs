//! The flags of `sessions`.

use clap::{Arg, ValueEnum};

use super::super::reading::{MatchArgs, RecordInputs};
use super::super::screen::OutputKind;
use super::super::show::LineLimit;
use localtel::Result;

/// Arguments of `sessions`.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct SessionsArgs {
    /// List the last N sessions [default: all; 1000 on a terminal]
    #[arg(
        id = "localtel.lines",
        short = 'n',
        long = "lines",
        value_name = "N|all"
    )]
    pub(super) lines: Option<LineLimit>,
    /// Which records are counted.
    #[command(flatten)]
    pub(crate) records: MatchArgs,
    /// List the newest session first
    #[arg(id = "localtel.reverse", short = 'r', long = "reverse")]
    pub(super) reverse: bool,
    /// table, csv, tsv or json (one document)
    #[arg(
        id = "localtel.output",
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    output: Option<SessionFormat>,
    /// The same as `--output json`
    #[arg(
        id = "localtel.json",
        long = "json",
        conflicts_with = "localtel.output"
    )]
    json: bool,
    /// Do not use a pager
    #[arg(id = "localtel.no_pager", long = "no-pager", hide_short_help = true)]
    pub(super) no_pager: bool,
    /// Exit with code 4 if nothing matched
    #[arg(id = "localtel.exit_status", long = "exit-status")]
    pub(super) exit_status: bool,
}

/// Words the flags that select records as flags of a list that counts them.
pub(crate) fn as_of_sessions(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        // They are counted in any case.
        "localtel.own" => arg.hide(true),
        "localtel.no_own" => arg.help("Do not count records about the recording itself"),
        _ => arg,
    }
}

/// The form of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SessionFormat {
    /// A table for people
    Table,
    /// Comma-separated values
    Csv,
    /// Tab-separated values
    Tsv,
    /// One JSON document
    Json,
}

impl SessionsArgs {
    /// Returns the arguments with the session that `--session last` names.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such session.
    pub(super) fn resolved(&self, inputs: &RecordInputs<'_>) -> Result<Self> {
        let mut resolved = self.clone();
        resolved.records = self.records.resolved(inputs)?;
        Ok(resolved)
    }

    /// Returns how sessions are listed.
    pub(super) fn format(&self) -> SessionFormat {
        match self.output {
            Some(format) => format,
            None if self.json => SessionFormat::Json,
            None => SessionFormat::Table,
        }
    }

    /// Returns how many sessions to list.
    pub(super) fn lines_or_default(&self, sink: OutputKind) -> LineLimit {
        let has_range = self.records.since.is_some() || self.records.until.is_some();
        match (self.lines, sink) {
            (Some(lines), _) => lines,
            (None, _) if has_range => LineLimit::All,
            (None, OutputKind::Terminal) => LineLimit::Last(LINES_ON_TERMINAL),
            (None, OutputKind::Pipe) => LineLimit::All,
        }
    }
}

/// Number of sessions on a terminal without `--lines`.
const LINES_ON_TERMINAL: u64 = 1000;
