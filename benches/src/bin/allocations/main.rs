//! Does an event allocate, and how much does telemetry?
//!
//! Counts with an allocator of its own, each subject in a process of its own, and prints a row for each count.
//! It fails if more is counted than is allowed.

mod allocator;
mod counting;
mod events;
mod memory;
mod opening;
mod row;

use std::error::Error;
use std::process::{Command, ExitCode, Stdio};

use crate::row::Row;

/// What counting that went wrong says.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Something that is counted.
type Count = fn() -> Result<Vec<Row>>;

/// What is counted, by the name that a process of its own is started with.
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
    Ok(code(rows.iter().all(Row::is_as_promised)))
}

/// Counts every subject in a process of its own, which prints its rows.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes from outside"
)]
fn count_all() -> Result<ExitCode> {
    println!("{}", Row::HEAD);
    let mut is_as_promised = true;
    for (name, _) in SUBJECTS {
        let status = Command::new(std::env::current_exe()?)
            .arg(name)
            .env_remove("DO_NOT_TRACK")
            .stdin(Stdio::null())
            .status()?;
        is_as_promised &= status.success();
    }
    Ok(code(is_as_promised))
}

fn code(is_as_promised: bool) -> ExitCode {
    if is_as_promised {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
