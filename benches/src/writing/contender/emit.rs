//! `emit` with `emit_file`, which rotates by the hour and by size.
//!
//! Its channel cannot wait: with more than 10,000 events waiting it discards all of them.

use std::path::Path;
use std::time::Duration;

use super::FILE_BYTES_MAX;
use crate::Result;
use crate::writing::facade::Emit;
use crate::writing::sample::Sample;
use crate::writing::task::Task;

/// Records in the background.
pub(super) fn record(task: &Task, directory: &Path) -> Result<Sample> {
    let files = emit_file::set(directory.join("events.jsonl"))
        .max_file_size_bytes(usize::try_from(FILE_BYTES_MAX)?)
        .spawn();
    let runtime = emit::setup().emit_to(files).init();
    Ok(task.run(Emit, || {
        runtime.blocking_flush(Duration::from_mins(1));
    }))
}
