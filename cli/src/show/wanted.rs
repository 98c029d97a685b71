//! How many of the matching records `show` and `tail` show: all, the first ones, or only their
//! number, or those that are newer than in a cursor file. `--lines`, which selects the last ones,
//! decides where reading starts, and not this.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::RangedU64ValueParser;

/// The flags for how many records are shown.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WantedArgs {
    /// Stop after N records, the first ones; -n selects the last ones
    #[arg(
        id = "localtel.max_count",
        short = 'm',
        long = "max-count",
        value_name = "N",
        value_parser = RangedU64ValueParser::<u64>::new().range(1..)
    )]
    max_count: Option<u64>,
    /// Print only the number of records, of all that is read
    #[arg(
        id = "localtel.count",
        long = "count",
        conflicts_with_all = ["localtel.follow", "localtel.output", "localtel.json"]
    )]
    pub(super) count: bool,
    /// Show what is new since the last run with this file, and save it
    #[arg(id = "localtel.cursor_file", long = "cursor-file", value_name = "FILE")]
    cursor_file: Option<PathBuf>,
}

impl WantedArgs {
    /// Returns what is wanted of the records that match.
    pub(super) fn wanted(&self) -> WantedLines {
        match (self.count, self.max_count) {
            (true, most) => WantedLines::Number(most.unwrap_or(u64::MAX)),
            (false, Some(most)) => WantedLines::First(most),
            (false, None) => WantedLines::All,
        }
    }

    /// Returns the path of the cursor file.
    pub(super) fn cursor_file(&self) -> Option<&Path> {
        self.cursor_file.as_deref()
    }

    /// Returns `true` if reading ends at a number of records.
    pub(super) fn has_end(&self) -> bool {
        self.max_count.is_some()
    }
}

/// What is wanted of the records that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantedLines {
    /// All of them.
    All,
    /// The first ones.
    First(u64),
    /// Only their number, and at most this one.
    Number(u64),
}

impl WantedLines {
    /// Returns the number after which no more are wanted.
    pub(super) fn most(self) -> u64 {
        match self {
            Self::All => u64::MAX,
            Self::First(most) | Self::Number(most) => most,
        }
    }
}
