//! Bytes that can be read at any offset: those of an open file, and those of a segment, whichever
//! form it is stored in. The implementations are in `disk` and `segment_file`.

use std::io;

/// Bytes that can be read at any offset.
pub(crate) trait ReadAt {
    /// Reads at an offset until the buffer contains that many bytes or the end is reached, and
    /// returns the number of bytes read.
    fn read_at_least(&self, buffer: &mut [u8], offset: u64, wanted: usize) -> io::Result<usize>;

    /// Reads at an offset until the buffer is full or the end is reached, and returns the number of
    /// bytes read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = buffer.len();
        self.read_at_least(buffer, offset, wanted)
    }

    /// Reads the first bytes like [`read_at_least`](Self::read_at_least), and decompresses no more
    /// than these. They may be damaged.
    fn read_start(&self, buffer: &mut [u8], wanted: usize) -> io::Result<usize> {
        self.read_at_least(buffer, 0, wanted)
    }
}
