//! Formatting layers of `tracing`, over the rolling file of `tracing-appender`, which rotates
//! hourly.

use std::path::Path;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_bunyan_formatter::{BunyanFormattingLayer, JsonStorageLayer};
use tracing_subscriber::prelude::*;

use crate::Result;
use crate::writing::facade::Tracing;
use crate::writing::sample::Sample;
use crate::writing::task::Task;

/// Records with `fmt().json()` over a worker.
pub(super) fn record_fmt(task: &Task, directory: &Path) -> Result<Sample> {
    let (writer, guard) = non_blocking(directory)?;
    let subscriber = tracing_subscriber::fmt().json().with_writer(writer);
    subscriber.finish().try_init()?;
    Ok(task.run(Tracing, || drop(guard)))
}

/// Records with `fmt().json()` directly to the file.
pub(super) fn record_fmt_directly(task: &Task, directory: &Path) -> Result<Sample> {
    let subscriber = tracing_subscriber::fmt().json();
    let subscriber = subscriber.with_writer(rolling_file(directory)?);
    subscriber.finish().try_init()?;
    Ok(task.run(Tracing, || {}))
}

/// Records with `json-subscriber` over a worker.
pub(super) fn record_json_subscriber(task: &Task, directory: &Path) -> Result<Sample> {
    let (writer, guard) = non_blocking(directory)?;
    let layer = json_subscriber::layer().with_writer(writer);
    tracing_subscriber::registry().with(layer).try_init()?;
    Ok(task.run(Tracing, || drop(guard)))
}

/// Records with `tracing-bunyan-formatter` over a worker.
pub(super) fn record_bunyan(task: &Task, directory: &Path) -> Result<Sample> {
    let (writer, guard) = non_blocking(directory)?;
    let layer = BunyanFormattingLayer::new("bench".to_owned(), writer);
    let registry = tracing_subscriber::registry().with(JsonStorageLayer);
    registry.with(layer).try_init()?;
    Ok(task.run(Tracing, || drop(guard)))
}

/// Returns a writer whose callers wait if its queue is full.
fn non_blocking(directory: &Path) -> Result<(NonBlocking, WorkerGuard)> {
    let file = rolling_file(directory)?;
    Ok(NonBlockingBuilder::default().lossy(false).finish(file))
}

fn rolling_file(directory: &Path) -> Result<RollingFileAppender> {
    let builder = RollingFileAppender::builder().rotation(Rotation::HOURLY);
    Ok(builder.filename_prefix("events").build(directory)?)
}
