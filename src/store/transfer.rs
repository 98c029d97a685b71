//! Bytes in and out of open files: reads and writes that continue after an interruption, and never
//! make a file larger than this process may. A part of the file access of `disk`, which opens the
//! files.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use rustix::buffer::spare_capacity;
use rustix::fs::FileType;

/// Returns the largest size of a file that this process may write, if that is limited.
pub(crate) fn file_bytes_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}

/// Returns an error if a file would become larger than this process may make it. The kernel would
/// also send SIGXFSZ, which ends a host that does not expect it; so each write to a regular file
/// checks first.
pub(super) fn check_file_size(bytes: u64, bytes_max: u64) -> io::Result<()> {
    if bytes > bytes_max {
        return Err(io::Error::from(rustix::io::Errno::FBIG));
    }
    Ok(())
}

/// Returns the size of an open file in bytes.
pub(super) fn size_of(file: &File) -> io::Result<u64> {
    Ok(u64::try_from(rustix::fs::fstat(file)?.st_size).unwrap_or(u64::MAX))
}

/// Writes all of it at the start of a regular file.
pub(super) fn write_at_start(file: &File, bytes: &[u8]) -> io::Result<()> {
    if let Some(bytes_max) = file_bytes_max() {
        check_file_size(bytes.len() as u64, bytes_max)?;
    }
    let mut written = 0;
    let mut interruptions = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, written as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) => check_interruption(error, &mut interruptions)?,
        }
    }
    Ok(())
}

/// Counts an interruption by a signal, after which the operation is retried. Signals come in
/// bursts, not for ever, so that many in a row are an error.
pub(crate) fn check_interruption(error: io::Error, interruptions: &mut usize) -> io::Result<()> {
    if error.kind() != io::ErrorKind::Interrupted || *interruptions == INTERRUPTIONS_MAX {
        return Err(error);
    }
    *interruptions += 1;
    Ok(())
}

/// Writes to the standard error, unless that is a file that the process may not make longer.
pub(crate) fn write_to_stderr(bytes: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    let stat = rustix::fs::fstat(&stderr)?;
    if FileType::from_raw_mode(stat.st_mode).is_file()
        && let Some(bytes_max) = file_bytes_max()
    {
        // It is written at the end or at the position, as decided when the file was opened.
        let end = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        let at = rustix::fs::tell(&stderr)?.max(end);
        check_file_size(at.saturating_add(bytes.len() as u64), bytes_max)?;
    }
    stderr.write_all(bytes)
}

/// Reads at a position until the buffer is full or the file ends, and returns the number of bytes
/// read.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let wanted = buffer.len();
    read_at_least(file, buffer, offset, wanted)
}

/// Reads at a position until the buffer contains that many bytes or the file ends, and returns the
/// number of bytes read. Does not read once more at a known end of the file.
pub(crate) fn read_at_least(
    file: &File,
    buffer: &mut [u8],
    offset: u64,
    wanted: usize,
) -> io::Result<usize> {
    let mut filled = 0;
    let mut interruptions = 0;
    while filled < wanted
        && let Some(rest) = buffer.get_mut(filled..)
    {
        match file.read_at(rest, offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) => check_interruption(error, &mut interruptions)?,
        }
    }
    Ok(filled)
}

/// Reads once at a position, into the spare capacity of the buffer and at most that many bytes, and
/// returns the number of bytes read: 0 at the end of the file.
pub(crate) fn append_at(
    file: &File,
    buffer: &mut Vec<u8>,
    bytes_max: usize,
    offset: u64,
) -> io::Result<usize> {
    if bytes_max == 0 || buffer.capacity() == buffer.len() {
        return Ok(0);
    }
    let filled = buffer.len();
    let mut interruptions = 0;
    while let Err(error) = rustix::io::pread(file, spare_capacity(buffer), offset) {
        check_interruption(error.into(), &mut interruptions)?;
    }
    buffer.truncate(filled.saturating_add(bytes_max));
    Ok(buffer.len() - filled)
}

/// Number of times in a row that one read or write may be interrupted.
const INTERRUPTIONS_MAX: usize = 100;
