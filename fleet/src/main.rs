//! The command `localtel-fleet`: converts the telemetry of many machines, a tree that `localtel
//! import` made, to Parquet files for questions that come again, and to OTLP files for an
//! OpenTelemetry pipeline.
//!
//! Lines are read by the library `localtel`. `tree` finds hosts, logs and segments, and `chain` is
//! the way back from a line to its segment. `copy` makes the Parquet copy: `index` notes what
//! segments contain, `rows` are records as columns, `schema` and `row_group` write them. `otlp`
//! writes OTLP files. `disk` is the one door to the file system, `pool` has the threads, and `out`
//! and `state` the directory that is written and what is known about it.

#![forbid(unsafe_code)]

mod args;
mod chain;
mod copy;
mod day;
mod disk;
mod failure;
mod index;
mod otlp;
mod out;
mod pool;
mod progress;
mod promoted;
mod quantity;
mod row_group;
mod rows;
mod schema;
mod state;
mod summary;
mod tree;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser as _;

use crate::args::{FleetArgs, FleetCommand, OtlpArgs, ParquetArgs};
use crate::copy::{CopyOptions, copy};
use crate::day::WantedTimes;
use crate::failure::FleetFailure;
use crate::tree::TreeState;

fn main() -> ExitCode {
    let result = match FleetArgs::parse().command {
        FleetCommand::Parquet(args) => parquet(args),
        FleetCommand::Otlp(args) => otlp(&args),
    };
    match result {
        Ok((summary, failures)) => {
            // Without a reader of the summary the files are written all the same.
            drop(io::stdout().write_all(summary.as_bytes()));
            failures.iter().for_each(tell);
            ExitCode::from(u8::from(!failures.is_empty()))
        }
        Err(NothingDone::Failed(failure)) => {
            tell(&failure);
            ExitCode::from(1)
        }
        Err(NothingDone::Usage(failure)) => {
            tell(&failure);
            ExitCode::from(2)
        }
    }
}

/// The reason why nothing was done.
enum NothingDone {
    Failed(FleetFailure),
    Usage(FleetFailure),
}

impl From<FleetFailure> for NothingDone {
    fn from(failure: FleetFailure) -> Self {
        Self::Failed(failure)
    }
}

/// A summary, and what failed beside it.
type FleetOutcome = Result<(String, Vec<FleetFailure>), NothingDone>;

fn parquet(args: ParquetArgs) -> FleetOutcome {
    let now = now();
    let columns = promoted::columns(args.columns);
    let columns = columns.map_err(|problem| NothingDone::Usage(FleetFailure(problem)))?;
    let options = CopyOptions {
        columns,
        range: WantedTimes {
            since: args.since.map(|since| since.time(now)),
            until: args.until.map(|until| until.time(now)),
        },
    };
    let shown = args.tree.display().to_string();
    let shown = failure::SafeText(&shown);
    match tree::state_of(&args.tree)? {
        TreeState::None => {
            return Err(NothingDone::Usage(FleetFailure(format!(
                "{shown} is not a tree: `localtel import BUNDLE --into {shown}` makes one"
            ))));
        }
        TreeState::Whole => {}
        TreeState::Unfinished => warn_of_import(),
    }
    let mut summary = copy(&args.tree, &args.out, options)?;
    let failures = summary.take_failures();
    Ok((summary.to_string(), failures))
}

fn otlp(args: &OtlpArgs) -> FleetOutcome {
    let state = tree::state_of(&args.from)?;
    if state == TreeState::Unfinished {
        warn_of_import();
    }
    let mut summary = otlp::write(&args.from, state, &args.out)?;
    let failures = summary.take_failures();
    Ok((summary.to_string(), failures))
}

/// Every segment is whole, but those of one bundle may not all be there.
fn warn_of_import() {
    let text = "warning: an import did not finish; if none is running, run it again, then this";
    drop(writeln!(io::stderr(), "{text}"));
}

fn tell(failure: &FleetFailure) {
    drop(writeln!(io::stderr(), "error: {failure}"));
}

#[expect(clippy::disallowed_methods, reason = "the edge that reads the clock")]
fn now() -> SystemTime {
    SystemTime::now()
}
