//! Counts the allocations of events, and the bytes that telemetry allocates.
//!
//! Each subject is counted in a process of its own, with a counting allocator, and printed as rows.
//! The program fails if a count is above its limit.

mod allocator;
mod counting;
mod events;
mod memory;
mod opening;
mod row;

use std::error::Error;
use std::process::{Command, ExitCode, Stdio};

use crate::row::Row;

/// The result of counting.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A function that counts one subject.
type Count = fn() -> Result<Vec<Row>>;

/// The subjects, by the argument of their process.
const SUBJECTS: [(&str, Count); 4] = [
    ("events", events::measure),
    ("counting", counting::measure),
    ("opening", opening::measure),
    ("memory", memory::measure),
];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(word) = arguments.first() else {
        return count_all();
    };
    let found = SUBJECTS.into_iter().find(|(name, _)| name == word);
    let (_, measure) = found.ok_or("usage: allocations [events|counting|opening|memory]")?;
    let rows = measure()?;
    for row in &rows {
        println!("{row}");
    }
    Ok(code(rows.iter().all(Row::is_within_limit)))
}

/// Counts every subject in a process of its own, which prints its rows.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes from outside"
)]
fn count_all() -> Result<ExitCode> {
    println!("{}", Row::HEAD);
    let mut is_within_limit = true;
    for (name, _) in SUBJECTS {
        let status = Command::new(std::env::current_exe()?)
            .arg(name)
            .env_remove("DO_NOT_TRACK")
            .stdin(Stdio::null())
            .status()?;
        is_within_limit &= status.success();
    }
    Ok(code(is_within_limit))
}

fn code(is_within_limit: bool) -> ExitCode {
    if is_within_limit {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
