//! The command `localtel`, and its parts for applications: [`TelemetryCommand`] for their own
//! telemetry, [`TelemetryFlag`] for one run, and [`command_of`] to measure a command that clap
//! parsed.
//!
//! [`main`] and [`run()`] are the whole command.

// There is one function per command, which takes a location and a screen; `execution` calls it.
// `args` parses the command line, `exit` and `failure` define how a command ends, and the library
// records and reads.

#![deny(clippy::print_stdout, clippy::print_stderr)]
// The code of the pages must compile without a warning, as readers paste it.
#![doc(test(attr(deny(warnings), allow(dead_code, unused_variables))))]

/// Pages whose code is tested.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct ReadmePage;
    #[doc = include_str!("../../docs/getting-started.md")]
    struct GettingStartedPage;
    #[doc = include_str!("../../docs/reading.md")]
    struct ReadingPage;
    #[doc = include_str!("../../docs/consent.md")]
    struct ConsentPage;
    #[doc = include_str!("../../docs/policy.md")]
    struct PolicyPage;
    #[doc = include_str!("../../docs/reports.md")]
    struct ReportsPage;
}

#[cfg(not(unix))]
compile_error!("the commands of localtel need a Unix; the library compiles here, and is off");

mod args;
mod cells;
mod clear;
mod columns;
mod command_line;
mod completion;
mod consent;
mod csv;
mod days;
mod doctor;
mod document;
mod embedded;
mod execution;
mod exit;
mod explain;
mod export;
mod failure;
mod files;
mod fleet;
mod foreign;
mod grid;
mod host;
mod import;
mod manual;
mod near_names;
mod pager;
mod palette;
mod policy;
mod profiles;
mod progress;
mod quantity;
mod reading;
mod record;
mod report;
mod row;
mod rules;
mod run;
mod sanitize;
mod screen;
mod selection;
mod sessions;
mod show;
mod stats;
mod status;
mod suggestion;
mod table;
mod time;
mod tsv;
mod usual_words;
mod view;

use std::ffi::OsString;

pub use self::command_line::command_of;
pub use self::embedded::{TelemetryCommand, TelemetryFlag};
pub use self::exit::Exit;

/// Runs the command line of this process, and returns how it ended.
pub fn main() -> Exit {
    run(std::env::args_os())
}

/// Runs a command line, whose first word is the name of the program, with the input and output of
/// this process, and returns how it ended.
pub fn run(words: impl IntoIterator<Item = OsString>) -> Exit {
    execution::in_process(|environment, screen| execution::execute(words, environment, screen))
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
