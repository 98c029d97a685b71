//! Writes bundles. The directories are read as any reader reads them, while programs record: the
//! bundle contains each segment that existed when the export began, up to its last whole line, and
//! says what was removed meanwhile.
//!
//! A bundle is written under a name that ends in `.partial`. When all files are on the disk, they
//! are read back and compared; only then the bundle gets its name, and that is synced, too. So a
//! bundle without that end is complete, wherever the export was killed.
//!
//! `request` says what is exported, `target` checks the directory that takes the bundle, `writer`
//! writes files and reads them back, `log` goes through the segments of a directory, `copy` copies
//! one of them, and `tee` hashes and writes what `counting` reads.

mod copy;
mod counting;
mod error;
mod log;
mod progress;
mod request;
mod target;
mod tee;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;

use localtel::read::LINE_SCHEMA;

pub use self::copy::SegmentCopies;
pub use self::error::{ExportError, ExportFailure, TargetProblem};
pub use self::log::ExportedLog;
use self::log::{LogSizes, OpenLog};
use self::progress::Meter;
pub use self::progress::{ExportPhase, ExportProgress};
pub use self::request::{ExportRequest, LogSource};
use self::writer::BundleWriter;
use crate::disk::BundleFolder;
use crate::manifest::{LogDirectory, Manifest};

/// A bundle that was written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exported {
    /// Its path.
    pub path: PathBuf,
    /// Its description.
    pub manifest: Manifest,
    /// What was copied of each directory, in the order of the logs of the manifest.
    pub logs: Vec<ExportedLog>,
    /// The directories without a record, which are not in the bundle.
    pub empty: Vec<PathBuf>,
    /// Unfinished bundles beside it, of earlier exports.
    pub unfinished: Vec<PathBuf>,
    /// Number of its files. All of them were read back.
    pub files: u64,
    /// Number of bytes of its files.
    pub bytes: u64,
}

/// Writes a bundle of the directories. `watcher` is called often, from this thread.
///
/// # Errors
///
/// Returns an error if something cannot be read or written, or if it was not read back as it was
/// written. Then there is no bundle.
pub fn export(
    request: &ExportRequest,
    sources: &[LogSource],
    watcher: &mut dyn FnMut(ExportProgress),
) -> Result<Exported, ExportFailure> {
    let directories: Vec<PathBuf> = sources.iter().map(|one| one.directory.clone()).collect();
    let target = target::open(&request.target, &directories)?;
    let unfinished = unfinished_in(&target)?;
    let mut open = Vec::new();
    let mut empty = Vec::new();
    for source in sources {
        match OpenLog::open(source)? {
            Some(log) => open.push(log),
            None => empty.push(source.directory.clone()),
        }
    }
    if open.is_empty() {
        return Err(ExportError::Nothing.into());
    }
    check_distinct(&open)?;
    let stored_bytes = check_room(&target, request, &open)?;
    let mut writer = BundleWriter::begin(target, &request.host, request.created)?;
    let mut meter = Meter::new(ExportPhase::Copying, stored_bytes, watcher);
    let written = write(&mut writer, request, &open, &mut meter).and_then(|written| {
        let (_, bytes) = writer.size();
        writer.check(&mut Meter::new(ExportPhase::Checking, bytes, watcher))?;
        Ok((written, writer.publish()?))
    });
    let ((manifest, logs), path) = written.map_err(|error| ExportFailure {
        error,
        left_behind: writer.discard(),
    })?;
    let (files, bytes) = writer.size();
    Ok(Exported {
        path,
        manifest,
        logs,
        empty,
        unfinished,
        files,
        bytes,
    })
}

/// Writes all files of a bundle.
fn write(
    writer: &mut BundleWriter,
    request: &ExportRequest,
    open: &[OpenLog<'_>],
    meter: &mut Meter<'_>,
) -> Result<(Manifest, Vec<ExportedLog>), ExportError> {
    let mut logs = Vec::with_capacity(open.len());
    for (place, log) in (0..).zip(open) {
        logs.push(log.copy(LogDirectory::at(place), request, writer, meter)?);
    }
    let manifest = Manifest {
        localtel: request.version.clone(),
        created: request.created,
        host: request.host.clone(),
        range: request.range,
        logs: logs.iter().map(|log| log.facts.clone()).collect(),
    };
    writer.write(None, "line.schema.json", LINE_SCHEMA.as_bytes())?;
    let json = manifest.to_json().map_err(std::io::Error::from);
    let json = json.map_err(ExportError::io(
        "write",
        request.target.join(Manifest::FILE),
    ))?;
    writer.write(None, Manifest::FILE, &json)?;
    writer.write_sums()?;
    Ok((manifest, logs))
}

/// Returns the unfinished bundles in a directory.
fn unfinished_in(target: &BundleFolder) -> Result<Vec<PathBuf>, ExportError> {
    let names = target.names();
    let names = names.map_err(ExportError::io("read", target.path().to_owned()))?;
    let names = names.iter().filter_map(|name| name.to_str());
    let mut partial: Vec<&str> = names.filter(|name| target::is_partial(name)).collect();
    partial.sort_unstable();
    Ok(partial
        .iter()
        .map(|name| target.path().join(name))
        .collect())
}

/// Checks that no log is there twice: a directory and a copy of it.
fn check_distinct(open: &[OpenLog<'_>]) -> Result<(), ExportError> {
    let mut seen = BTreeMap::new();
    for log in open {
        if let Some(other) = seen.insert(&log.key, &log.source.directory) {
            return Err(ExportError::SameLog {
                one: other.clone(),
                other: log.source.directory.clone(),
            });
        }
    }
    Ok(())
}

/// Checks that the bundle fits, as far as its size is known. Returns the number of bytes that are
/// to be copied.
fn check_room(
    target: &BundleFolder,
    request: &ExportRequest,
    open: &[OpenLog<'_>],
) -> Result<u64, ExportError> {
    let failed = |error| ExportError::io("read the free room of", request.target.clone())(error);
    let block_bytes = target.block_bytes().map_err(failed)?;
    let mut all = LogSizes::default();
    for log in open {
        let sizes = log.sizes(request, block_bytes)?;
        all.stored = all.stored.saturating_add(sizes.stored);
        all.needed = all.needed.saturating_add(sizes.needed);
    }
    let bytes_free = target.free_bytes().map_err(failed)?;
    // How much of it a range leaves out is not known yet.
    if let Some(bytes_free) = bytes_free
        && request.range.is_none()
        && all.needed > bytes_free
    {
        return Err(ExportError::NoRoom {
            path: request.target.clone(),
            bytes_needed: all.needed,
            bytes_free,
        });
    }
    Ok(all.stored)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    clippy::string_slice,
    reason = "tests make directories and look at bundles"
)]
mod tests;
