//! The seek table at the end of a segment that localtel compressed: the frames that can be
//! decompressed alone, and the number of lines in each. With it a reader of the last lines, or of
//! those since some time, decompresses only what it reads.
//!
//! The table is that of zstd's seekable format (`contrib/seekable_format` of zstd), in a skippable
//! frame that other programs skip. Another skippable frame before it has the number of newlines of
//! each frame; in the table it is a frame without plain bytes. A file without a valid table is
//! decompressed from its start.

use super::read_at::ReadAt;

/// The sizes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameSizes {
    /// Number of bytes in the file.
    pub(super) stored_bytes: u32,
    /// Number of bytes when decompressed.
    pub(super) plain_bytes: u32,
    /// Number of newlines among the plain bytes.
    pub(super) newlines: u32,
}

/// A frame that can be decompressed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeekFrame {
    /// The offset of its first byte in the file.
    pub(super) stored_start: u64,
    /// The offset of its first byte in the decompressed segment.
    pub(super) plain_start: u64,
    /// Number of newlines in the frames before it, if the file contains that.
    pub(super) newlines_before: Option<u64>,
    /// Number of newlines in it; 0 if the file does not contain that.
    pub(super) newlines: u64,
    stored_bytes: u64,
    plain_bytes: u64,
}

impl SeekFrame {
    /// Returns the offset behind its last byte in the file.
    pub(super) fn stored_end(&self) -> u64 {
        self.stored_start + self.stored_bytes
    }

    /// Returns the offset behind its last byte in the decompressed segment.
    pub(super) fn plain_end(&self) -> u64 {
        self.plain_start + self.plain_bytes
    }
}

/// The frames of a compressed segment, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SeekTable {
    frames: Vec<SeekFrame>,
}

impl SeekTable {
    /// Returns the bytes that follow the frames in the file.
    pub(super) fn encode(frames: &[FrameSizes]) -> Vec<u8> {
        let mut lines = LINES_MARK.to_vec();
        lines.extend(frames.iter().flat_map(|frame| frame.newlines.to_le_bytes()));
        let lines = skippable(LINES_MAGIC, &lines);
        let of_lines = (u32::try_from(lines.len()).unwrap_or(u32::MAX), 0);
        let sizes = frames
            .iter()
            .map(|frame| (frame.stored_bytes, frame.plain_bytes));
        let mut table = Vec::new();
        for (stored_bytes, plain_bytes) in sizes.chain([of_lines]) {
            table.extend(stored_bytes.to_le_bytes());
            table.extend(plain_bytes.to_le_bytes());
        }
        let count = u32::try_from(frames.len() + 1).unwrap_or(u32::MAX);
        table.extend(count.to_le_bytes());
        // No checksums: each frame has its own.
        table.push(0);
        table.extend(SEEKABLE_MAGIC.to_le_bytes());
        let mut encoded = lines;
        encoded.extend(skippable(TABLE_MAGIC, &table));
        encoded
    }

    /// Reads the table of a file of that size. Returns `None` if it has none, or one that does not
    /// describe exactly this file.
    pub(super) fn read(file: &impl ReadAt, file_bytes: u64) -> Option<Self> {
        let footer = read_exact(file, file_bytes.checked_sub(FOOTER_BYTES)?, FOOTER_BYTES)?;
        let (count, rest) = split_number(&footer)?;
        let (descriptor, magic) = rest.split_first()?;
        let entry_bytes = match descriptor & !UNUSED_BITS {
            0 => 8,
            WITH_CHECKSUMS => 12,
            _ => return None,
        };
        if magic != SEEKABLE_MAGIC.to_le_bytes() {
            return None;
        }
        let content_bytes = u64::from(count) * entry_bytes + FOOTER_BYTES;
        let start = file_bytes.checked_sub(content_bytes + HEADER_BYTES)?;
        if content_bytes > TABLE_BYTES_MAX {
            return None;
        }
        let content = read_skippable(file, start, content_bytes, TABLE_MAGIC)?;
        let entries = content.chunks_exact(usize::try_from(entry_bytes).ok()?);
        let sizes = entries.take(usize::try_from(count).ok()?).map(|entry| {
            let (stored_bytes, rest) = split_number(entry)?;
            let (plain_bytes, _) = split_number(rest)?;
            Some((u64::from(stored_bytes), u64::from(plain_bytes)))
        });
        Self::place(file, &sizes.collect::<Option<Vec<_>>>()?, start)
    }

    /// Computes the places of frames of these sizes, which must end at `end`.
    fn place(file: &impl ReadAt, sizes: &[(u64, u64)], end: u64) -> Option<Self> {
        let (of_lines, sizes) = match sizes.split_last() {
            Some(((stored_bytes, 0), frames)) => (Some(*stored_bytes), frames),
            Some(_) | None => (None, sizes),
        };
        let newlines = match of_lines {
            Some(bytes) => Some(read_lines(
                file,
                end.checked_sub(bytes)?,
                bytes,
                sizes.len(),
            )?),
            None => None,
        };
        let (mut stored_start, mut plain_start, mut newlines_before) = (0, 0, 0);
        let mut frames = Vec::with_capacity(sizes.len());
        for (index, (stored_bytes, plain_bytes)) in sizes.iter().copied().enumerate() {
            // A reader that trusts the table must not miss what another program finds, and
            // decompresses a whole frame into memory.
            if !(1..=FRAME_BYTES_MAX).contains(&plain_bytes) {
                return None;
            }
            let of_frame = newlines.as_ref().and_then(|newlines| newlines.get(index));
            let of_frame = of_frame.map_or(0, |newlines| u64::from(*newlines));
            frames.push(SeekFrame {
                stored_start,
                plain_start,
                newlines_before: newlines.is_some().then_some(newlines_before),
                newlines: of_frame,
                stored_bytes,
                plain_bytes,
            });
            stored_start += stored_bytes;
            plain_start += plain_bytes;
            newlines_before += of_frame;
        }
        (stored_start + of_lines.unwrap_or_default() == end).then_some(Self { frames })
    }

    /// Returns the frame that contains the plain byte at that offset; `None` behind the last one.
    pub(super) fn frame_at(&self, offset: u64) -> Option<&SeekFrame> {
        let place = self
            .frames
            .partition_point(|frame| frame.plain_end() <= offset);
        self.frames.get(place)
    }

    /// Returns the last frame.
    pub(super) fn last(&self) -> Option<&SeekFrame> {
        self.frames.last()
    }

    /// Returns the number of bytes of the decompressed segment.
    pub(super) fn plain_bytes(&self) -> u64 {
        self.frames.last().map_or(0, SeekFrame::plain_end)
    }
}

/// Reads the numbers of newlines of that many frames.
fn read_lines(file: &impl ReadAt, start: u64, bytes: u64, count: usize) -> Option<Vec<u32>> {
    let content_bytes = bytes.checked_sub(HEADER_BYTES)?;
    if content_bytes != (LINES_MARK.len() + 4 * count) as u64 {
        return None;
    }
    let content = read_skippable(file, start, content_bytes, LINES_MAGIC)?;
    let numbers = content.strip_prefix(LINES_MARK.as_slice())?;
    numbers
        .chunks(4)
        .map(|number| Some(split_number(number)?.0))
        .collect()
}

/// Returns a frame that decoders skip.
fn skippable(magic: u32, content: &[u8]) -> Vec<u8> {
    let bytes = u32::try_from(content.len()).unwrap_or(u32::MAX);
    [&magic.to_le_bytes(), &bytes.to_le_bytes(), content].concat()
}

/// Reads the content of a skippable frame of that size.
fn read_skippable(
    file: &impl ReadAt,
    start: u64,
    content_bytes: u64,
    magic: u32,
) -> Option<Vec<u8>> {
    let frame = read_exact(file, start, HEADER_BYTES + content_bytes)?;
    let (found, rest) = split_number(&frame)?;
    let (bytes, content) = split_number(rest)?;
    let is_expected = found == magic && u64::from(bytes) == content_bytes;
    is_expected.then(|| content.to_vec())
}

fn read_exact(file: &impl ReadAt, start: u64, bytes: u64) -> Option<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(bytes).ok()?];
    let read = file.read_at(&mut buffer, start).ok()?;
    (read == buffer.len()).then_some(buffer)
}

fn split_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// The magic number of the skippable frame with the table.
const TABLE_MAGIC: u32 = 0x184D_2A5E;
/// The magic number of the skippable frame with the numbers of newlines.
const LINES_MAGIC: u32 = 0x184D_2A5D;
/// The magic number at the end of the file.
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
/// The start of the numbers of newlines.
const LINES_MARK: [u8; 8] = *b"localtel";
/// Magic number and size of a skippable frame.
const HEADER_BYTES: u64 = 8;
/// The number of frames, the descriptor and the magic number at the end of the table.
const FOOTER_BYTES: u64 = 9;
/// The bit of the descriptor for entries with checksums, which are not used.
const WITH_CHECKSUMS: u8 = 0x80;
/// The bits of the descriptor that may have any value.
const UNUSED_BITS: u8 = 0x03;

/// The longest frame that is decompressed at once: as long as a segment of the default size.
const FRAME_BYTES_MAX: u64 = 16 << 20;

/// The longest table that is read: two million frames of 1 MiB, many more than a segment has.
const TABLE_BYTES_MAX: u64 = 16 << 20;
