//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::day::TimeBound;
use crate::promoted::Promoted;

/// Convert the telemetry of many machines, a tree that `localtel import` made.
#[derive(Debug, Parser)]
#[command(name = "localtel-fleet", version, max_term_width = 80)]
pub(crate) struct FleetArgs {
    #[command(subcommand)]
    pub(crate) command: FleetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    Parquet(ParquetArgs),
    Otlp(OtlpArgs),
}

/// Make a Parquet copy of a tree, or update it.
///
/// The copy has one file for each host and day: OUT/host=H/date=D/records.parquet. Running it again
/// writes only the files of days of which segments are new, changed or gone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    localtel-fleet parquet fleet fleet-parquet\n  \
    localtel-fleet parquet fleet fleet-parquet --column rows:integer --since 30d")]
pub(crate) struct ParquetArgs {
    /// The tree
    #[arg(value_name = "FLEET")]
    pub(crate) tree: PathBuf,

    /// The directory of the copy
    pub(crate) out: PathBuf,

    /// Give a property a column of its own
    ///
    /// TYPE is text, integer, number or boolean. A value of another type is missing in the column,
    /// and is in `properties` as always. The properties command, result and error (text) and
    /// duration (number) have columns anyway.
    #[arg(long = "column", value_name = "KEY:TYPE")]
    pub(crate) columns: Vec<Promoted>,

    /// Copy records from this time on: a time, a day of UTC, or an age such as 30d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<TimeBound>,

    /// Copy records before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<TimeBound>,
}

/// Write a tree, or one telemetry directory, as files of OTLP logs.
///
/// Each segment becomes a file of JSON lines that an OpenTelemetry Collector reads. Running it
/// again writes only what is new, into new files: the old ones can be removed once they are read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    localtel-fleet otlp fleet handover\n  \
    localtel-fleet otlp ~/.local/state/myapp/telemetry handover")]
pub(crate) struct OtlpArgs {
    /// The tree, or a telemetry directory
    #[arg(value_name = "FLEET|DIR")]
    pub(crate) from: PathBuf,

    /// The directory of the files
    pub(crate) out: PathBuf,
}
