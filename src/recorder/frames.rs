//! The frames that wait, in chunks: they take only the memory that they need, where one growing
//! buffer would take up to three times as much while it grows; and a busy program reuses the same
//! few chunks, which stay in the processor's cache. `staging` decides how many bytes may wait.

use std::collections::VecDeque;

use crate::encode::FrameHeader;

/// Whole frames, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The full chunks, the oldest first; each contains at least one frame.
    full: VecDeque<Vec<u8>>,
    /// The chunk that is being filled.
    open: Vec<u8>,
    /// Written chunks to be filled next; the last one is most likely still in a cache. There are
    /// never more of them than chunks that waited at once, and none when nothing is left to do.
    spare: Vec<Vec<u8>>,
    /// The size of the frames in all chunks.
    bytes: usize,
}

impl Frames {
    /// Returns the number of bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a whole frame.
    pub(super) fn push(&mut self, frame: &[u8]) {
        if self.open.len() + frame.len() > CHUNK_BYTES && !self.open.is_empty() {
            self.begin_chunk();
        }
        self.open.extend_from_slice(frame);
        self.bytes += frame.len();
    }

    #[cold]
    fn begin_chunk(&mut self) {
        let next = self.spare.pop();
        let next = next.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES));
        let mut full = std::mem::replace(&mut self.open, next);
        if full.capacity() - full.len() > UNUSED_BYTES_MAX {
            // A chunk contains few long lines, so it may have much unused space.
            full.shrink_to_fit();
        }
        self.full.push_back(full);
    }

    /// Takes the oldest chunk out, and keeps an emptied one for reuse.
    pub(super) fn take(&mut self, emptied: Vec<u8>) -> Vec<u8> {
        let taken = match self.full.pop_front() {
            Some(full) => {
                if emptied.capacity() >= CHUNK_BYTES {
                    self.spare.push(emptied);
                }
                full
            }
            None => std::mem::replace(&mut self.open, emptied),
        };
        self.bytes -= taken.len();
        taken
    }

    /// Releases the memory of chunks that a burst needed.
    pub(super) fn shrink(&mut self) {
        self.spare = Vec::new();
    }

    /// Removes all frames, and releases their memory.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the number of frames of the application.
    pub(super) fn of_application(&self) -> u64 {
        let chunks = self.full.iter().chain([&self.open]);
        chunks.map(|chunk| of_application(chunk)).sum()
    }
}

/// Returns the number of frames of the application in a chunk.
pub(super) fn of_application(mut frames: &[u8]) -> u64 {
    let mut count = 0;
    while let Some((header, _, rest)) = FrameHeader::split_first(frames) {
        count += u64::from(!header.is_own);
        frames = rest;
    }
    count
}

/// The number of bytes of a chunk, unless one frame alone is longer: some 300 usual lines, enough
/// for the cost of a writer lease; two chunks and the batch made from them fit into a second-level
/// cache of 512 KiB.
pub(super) const CHUNK_BYTES: usize = 128 * 1024;

/// The maximal unused space of a full chunk: 1/16 of the waiting bytes.
const UNUSED_BYTES_MAX: usize = CHUNK_BYTES / 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pending_lines_come_out_unchanged_in_little_memory(
            lengths in proptest::collection::vec(prop_oneof![1..600_usize, 1..CHUNK_BYTES * 2], 0..60),
            taken_after in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let mut frames = Frames::default();
            let (mut pushed, mut taken, mut emptied) = (Vec::new(), Vec::new(), Vec::new());
            for (number, (length, is_taken)) in lengths.iter().zip(taken_after).enumerate() {
                let frame = vec![u8::try_from(number).unwrap(); *length];
                frames.push(&frame);
                pushed.extend_from_slice(&frame);
                let held: usize = frames.full.iter().map(Vec::capacity).sum();
                let waiting: usize = frames.full.iter().map(Vec::len).sum();
                prop_assert!(held <= waiting + frames.full.len() * UNUSED_BYTES_MAX);
                if is_taken {
                    let mut chunk = frames.take(emptied);
                    taken.extend_from_slice(&chunk);
                    chunk.clear();
                    emptied = chunk;
                }
            }
            while frames.bytes() > 0 {
                taken.extend_from_slice(&frames.take(Vec::new()));
            }
            prop_assert!(taken == pushed);
        }
    }
}
