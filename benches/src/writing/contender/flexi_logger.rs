//! `flexi_logger` in its async mode, which rotates by size here.
//!
//! Its channel is unbounded: it loses nothing and never waits.

use std::path::Path;

use flexi_logger::{Cleanup, Criterion, FileSpec, Logger, Naming, WriteMode, json_format};

use super::FILE_BYTES_MAX;
use crate::Result;
use crate::writing::facade::LogOfKeys;
use crate::writing::sample::Sample;
use crate::writing::task::Task;

/// Records in the background.
pub(super) fn record(task: &Task, directory: &Path) -> Result<Sample> {
    let file = FileSpec::default()
        .directory(directory)
        .basename("events")
        .suffix("jsonl");
    let logger = Logger::try_with_str("info")?
        .log_to_file(file)
        .format_for_files(json_format)
        .use_utc()
        .rotate(
            Criterion::Size(FILE_BYTES_MAX.into()),
            Naming::Numbers,
            Cleanup::Never,
        )
        .write_mode(WriteMode::Async)
        .start()?;
    Ok(task.run(LogOfKeys, || {
        logger.flush();
        logger.shutdown();
    }))
}
