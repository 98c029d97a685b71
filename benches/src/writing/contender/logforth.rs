//! `logforth` with its async append over its rolling file, which rotates by size here.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use logforth::append::asynchronous::AsyncBuilder;
use logforth::append::file::FileBuilder;
use logforth::bridge::log::LogBridge;
use logforth::diagnostic::ThreadLocalDiagnostic;
use logforth::layout::JsonLayout;

use super::FILE_BYTES_MAX;
use crate::Result;
use crate::writing::facade::LogInContext;
use crate::writing::sample::Sample;
use crate::writing::task::Task;

/// Records in the background; callers wait if the queue is full.
pub(super) fn record(task: &Task, directory: &Path) -> Result<Sample> {
    let bytes_max = NonZeroUsize::try_from(usize::try_from(FILE_BYTES_MAX)?)?;
    let file = FileBuilder::new(directory, "events")
        .filename_suffix("jsonl")
        .rollover_size(bytes_max)
        .layout(JsonLayout::default())
        .build()?;
    let append = AsyncBuilder::new("logforth")
        .buffered_lines_limit(Some(WAITING_LINES_MAX))
        .overflow_block()
        .append(file)
        .build();
    let logger = logforth::core::builder()
        .dispatch(|dispatch| {
            let diagnostic = ThreadLocalDiagnostic::default();
            dispatch.diagnostic(diagnostic).append(append)
        })
        .build();
    let logger = Arc::new(logger);
    log::set_boxed_logger(Box::new(LogBridge::new(Arc::clone(&logger))))?;
    log::set_max_level(log::LevelFilter::Info);
    Ok(task.run(LogInContext, || logger.flush()))
}

/// The size of the queue of `tracing-appender`.
const WAITING_LINES_MAX: usize = 128_000;
