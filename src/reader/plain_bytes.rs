//! Reads plain bytes of a segment or a stream: in blocks, in runs as long as those of whole lines,
//! and to count the newlines before an offset.

use std::io;
use std::num::NonZero;

use crate::store::read_at::ReadAt as _;
use crate::store::segment_file::SegmentFile;

/// The plain bytes that a scanner reads, from the first to the last.
pub(super) trait PlainBytes {
    /// Reads once at an offset, into the spare capacity of the buffer and at most that many bytes,
    /// and returns the number of bytes read: 0 if there are no more for now.
    fn append_at(&self, buffer: &mut Vec<u8>, bytes_max: usize, offset: u64) -> io::Result<usize>;

    /// Returns the number of bytes around an offset that could not be decompressed and are read as
    /// NULs, 0 if that is unknown, and the reason; `None` if they could.
    fn undecodable(&self, offset: u64) -> Option<(u64, String)>;
}

impl PlainBytes for SegmentFile {
    fn append_at(&self, buffer: &mut Vec<u8>, bytes_max: usize, offset: u64) -> io::Result<usize> {
        self.append_at(buffer, bytes_max, offset)
    }

    fn undecodable(&self, offset: u64) -> Option<(u64, String)> {
        self.undecodable(offset)
    }
}

/// Appends bytes of a file from an offset on, at most that many.
pub(super) fn fill_up(
    file: &dyn PlainBytes,
    into: &mut Vec<u8>,
    offset: u64,
    bytes_max: usize,
) -> io::Result<()> {
    into.reserve_exact(bytes_max);
    let (start, wanted) = (into.len(), bytes_max);
    let mut read = 0;
    while read < wanted {
        match file.append_at(into, wanted - read, offset + read as u64)? {
            0 => break,
            _ => read = into.len() - start,
        }
    }
    Ok(())
}

/// Counts the newlines between two offsets of a segment.
pub(super) fn count_newlines(file: &SegmentFile, from: u64, to: u64) -> io::Result<u64> {
    let mut buffer = Vec::new();
    let (mut offset, mut newlines) = match from {
        0 => file.newlines_before(to),
        _ => (from, 0),
    };
    while offset < to {
        let wanted = usize::try_from(to - offset).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
        buffer.resize(wanted, 0);
        let read = file.read_at(&mut buffer, offset)?;
        if read == 0 {
            break;
        }
        let block = buffer.get(..read).unwrap_or_default();
        newlines += memchr::memchr_iter(b'\n', block).count() as u64;
        offset += read as u64;
    }
    Ok(newlines)
}

/// Returns the number of the line at an offset of a segment.
pub(super) fn line_at(file: &SegmentFile, byte: u64) -> io::Result<NonZero<u64>> {
    let newlines = count_newlines(file, 0, byte)?;
    Ok(NonZero::<u64>::MIN.saturating_add(newlines))
}

/// The size of one read: a few hundred lines, and the size beyond which larger reads are not
/// faster.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;

/// Number of bytes of lines that are taken at once: enough that handing them over costs almost
/// nothing, and few enough to stay in a cache.
pub(super) const LINES_BYTES: usize = 4 * BLOCK_BYTES;
