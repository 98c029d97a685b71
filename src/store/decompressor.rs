//! Decompresses segments, so that they can be read at any offset in bounded memory. Of a file with
//! a seek table the last two frames that were read are kept, decompressed. Any other file is
//! decompressed from its start; what was read last is kept, enough that reading a segment of the
//! default size backwards decompresses it once.
//!
//! Bytes that cannot be decompressed are read as NULs, which readers report as one damage: a
//! damaged frame as those and the newlines that it should have, since the next frame can be read;
//! in a file without a seek table one, since nothing after it can be read. `segment_file` opens the
//! files.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::read_at::ReadAt as _;
use super::seek_table::{SeekFrame, SeekTable};

/// A format of compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compressed {
    /// Zstandard.
    Zstd,
    /// gzip.
    Gzip,
}

/// A compressed file that is read at offsets of its plain bytes.
#[derive(Debug)]
pub(crate) struct Decompressor {
    file: Arc<File>,
    file_bytes: u64,
    form: Compressed,
    table: Option<SeekTable>,
    decoded: Mutex<Decoded>,
}

/// The parts that are decompressed.
#[derive(Debug, Default)]
struct Decoded {
    /// The part that was read last.
    recent: PlainWindow,
    /// The part that was read before it; only with a seek table.
    before: PlainWindow,
    /// The continuation of `recent`; only without a seek table.
    stream: Option<Stream>,
    /// Number of plain bytes, if it is known.
    plain_bytes: Option<u64>,
    /// The bytes that cannot be decompressed, and the reason.
    undecodable: Vec<(Range<u64>, String)>,
}

/// Plain bytes, and the offset of the first.
#[derive(Debug, Default)]
struct PlainWindow {
    start: u64,
    bytes: Vec<u8>,
}

impl PlainWindow {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Returns the bytes from an offset on; nothing if they are not here.
    fn from(&self, offset: u64) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..).filter(|rest| !rest.is_empty())
    }

    /// Removes bytes from its start.
    fn shorten_to(&mut self, bytes: usize) {
        let removed = self.bytes.len().saturating_sub(bytes);
        self.bytes.drain(..removed);
        self.start += removed as u64;
    }
}

impl Decompressor {
    pub(super) fn new(file: File, file_bytes: u64, form: Compressed) -> Self {
        let table = match form {
            Compressed::Zstd => SeekTable::read(&file, file_bytes),
            Compressed::Gzip => None,
        };
        let plain_bytes = table.as_ref().map(SeekTable::plain_bytes);
        Self {
            file: Arc::new(file),
            file_bytes,
            form,
            table,
            decoded: Mutex::new(Decoded {
                plain_bytes,
                ..Decoded::default()
            }),
        }
    }

    /// Returns the compressed file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Returns the number of plain bytes, if it is known.
    pub(super) fn plain_bytes_known(&self) -> Option<u64> {
        self.lock().plain_bytes
    }

    /// Returns the number of plain bytes. Where it is not stored, everything is decompressed.
    pub(super) fn plain_bytes(&self) -> u64 {
        let mut decoded = self.lock();
        loop {
            if let Some(bytes) = decoded.plain_bytes {
                return bytes;
            }
            self.load(&mut decoded, u64::MAX);
        }
    }

    /// Reads at an offset until the buffer is full or the end is reached.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> usize {
        let mut decoded = self.lock();
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty())
            && let Some(bytes) = self.load(&mut decoded, offset.saturating_add(filled as u64))
        {
            filled += copy(bytes, rest);
        }
        filled
    }

    /// Reads once at an offset, into the spare capacity of the buffer and at most that many bytes.
    pub(super) fn append_at(&self, buffer: &mut Vec<u8>, bytes_max: usize, offset: u64) -> usize {
        let wanted = bytes_max.min(buffer.capacity() - buffer.len());
        let mut decoded = self.lock();
        let bytes = self.load(&mut decoded, offset).unwrap_or_default();
        let bytes = bytes.get(..wanted).unwrap_or(bytes);
        buffer.extend_from_slice(bytes);
        bytes.len()
    }

    /// Reads the first bytes, and decompresses little more. They may be damaged.
    pub(super) fn read_start(&self, buffer: &mut [u8]) -> usize {
        if let Some(bytes) = self.lock().recent.from(0) {
            return copy(bytes, buffer);
        }
        let mut stream = self.stream(0..self.file_bytes);
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && let Ok(read @ 1..) = stream.read(rest)
        {
            filled += read;
        }
        filled
    }

    /// Returns an offset that is not above `offset`, and the number of newlines before it.
    pub(super) fn newlines_before(&self, offset: u64) -> (u64, u64) {
        let table = self.table.as_ref();
        let frame = table.and_then(|table| table.frame_at(offset).or(table.last()));
        frame
            .and_then(|frame| Some((frame.plain_start, frame.newlines_before?)))
            .unwrap_or_default()
    }

    /// Returns the number of bytes around an offset that could not be decompressed, 0 if that is
    /// unknown, and the reason; `None` if they could.
    pub(super) fn undecodable(&self, offset: u64) -> Option<(u64, String)> {
        let decoded = self.lock();
        let mut found = decoded.undecodable.iter();
        let (range, reason) = found.find(|(range, _)| range.contains(&offset))?;
        let bytes = match self.table {
            Some(_) => range.end - range.start,
            None => 0,
        };
        Some((bytes, reason.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Decoded> {
        self.decoded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns bytes from an offset on, at least one; `None` at the end.
    fn load<'a>(&self, decoded: &'a mut Decoded, offset: u64) -> Option<&'a [u8]> {
        if decoded.plain_bytes.is_some_and(|bytes| offset >= bytes) {
            return None;
        }
        if decoded.recent.from(offset).is_none() {
            match &self.table {
                Some(table) => self.load_frame(decoded, table.frame_at(offset)?, offset),
                None => self.load_stream(decoded, offset),
            }
        }
        decoded.recent.from(offset)
    }

    /// Makes the frame that contains the offset the recent part.
    fn load_frame(&self, decoded: &mut Decoded, frame: &SeekFrame, offset: u64) {
        std::mem::swap(&mut decoded.recent, &mut decoded.before);
        if decoded.recent.from(offset).is_some() {
            return;
        }
        let PlainWindow { start, bytes } = &mut decoded.recent;
        let range = frame.plain_start..frame.plain_end();
        *start = range.start;
        bytes.clear();
        let plain_bytes = range.end - range.start;
        let stream = self.stream(frame.stored_start..frame.stored_end());
        let reason = match stream.take(plain_bytes + 1).read_to_end(bytes) {
            Ok(read) if read as u64 == plain_bytes => return,
            Ok(read) => format!("a frame has {read} bytes instead of {plain_bytes}"),
            Err(error) => error.to_string(),
        };
        let newlines = frame.newlines.min(plain_bytes - 1);
        bytes.clear();
        bytes.resize(
            usize::try_from(plain_bytes - newlines).unwrap_or_default(),
            0,
        );
        bytes.resize(usize::try_from(plain_bytes).unwrap_or_default(), b'\n');
        decoded.note_undecodable(range, reason);
    }

    /// Decompresses up to the offset, or to the end.
    fn load_stream(&self, decoded: &mut Decoded, offset: u64) {
        let mut stream = match decoded.stream.take() {
            Some(stream) if offset >= decoded.recent.start => stream,
            Some(_) | None => {
                decoded.recent = PlainWindow::default();
                self.stream(0..self.file_bytes)
            }
        };
        let window = &mut decoded.recent;
        while window.end() <= offset {
            if window.end() == offset {
                window.shorten_to(0);
            } else if window.bytes.len() >= 2 * KEPT_BYTES {
                window.shorten_to(KEPT_BYTES);
            }
            let kept = window.bytes.len();
            window.bytes.resize(kept + STEP_BYTES, 0);
            let read = stream.read(window.bytes.get_mut(kept..).unwrap_or_default());
            window.bytes.truncate(kept + *read.as_ref().unwrap_or(&0));
            let failure = match read {
                Ok(1..) => continue,
                Ok(0) => None,
                Err(error) => Some(error.to_string()),
            };
            let end = window.end();
            if let Some(reason) = failure {
                window.bytes.push(0);
                decoded.plain_bytes = Some(end + 1);
                decoded.note_undecodable(end..end + 1, reason);
            } else {
                decoded.plain_bytes = Some(end);
            }
            return;
        }
        decoded.stream = Some(stream);
    }

    /// Returns a decoder of a range of the file, which begins at the start of a frame.
    fn stream(&self, stored: Range<u64>) -> Stream {
        let source = BufReader::new(StoredRange {
            file: Arc::clone(&self.file),
            range: stored,
        });
        Stream(decoder(source, self.form))
    }
}

impl Decoded {
    fn note_undecodable(&mut self, range: Range<u64>, reason: String) {
        if self.undecodable.iter().all(|(noted, _)| *noted != range) {
            self.undecodable.push((range, reason));
        }
    }
}

fn copy(bytes: &[u8], into: &mut [u8]) -> usize {
    let count = bytes.len().min(into.len());
    if let (Some(from), Some(to)) = (bytes.get(..count), into.get_mut(..count)) {
        to.copy_from_slice(from);
    }
    count
}

/// A decoder.
struct Stream(Box<dyn Read + Send>);

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// A range of a file.
pub(crate) struct StoredRange {
    file: Arc<File>,
    range: Range<u64>,
}

impl StoredRange {
    pub(super) fn new(file: Arc<File>, range: Range<u64>) -> Self {
        Self { file, range }
    }
}

impl Read for StoredRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        let read = self.file.read_at(buffer, self.range.start)?;
        self.range.start += read as u64;
        Ok(read)
    }
}

/// Returns the plain bytes of a stream, which is decompressed if it begins as one that was
/// compressed with Zstandard or gzip. Gzip needs the feature `gzip`.
///
/// # Errors
///
/// Returns an error if its first bytes cannot be read.
pub fn decompressed(source: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut source = BufReader::new(source);
    let start = source.fill_buf()?;
    let forms = [
        (Compressed::Zstd, &ZSTD_MAGIC[..]),
        (Compressed::Gzip, &GZIP_MAGIC[..]),
    ];
    let form = forms
        .into_iter()
        .find(|(_, magic)| start.starts_with(magic));
    Ok(match form {
        Some((form, _)) => decoder(source, form),
        None => Box::new(source),
    })
}

/// Returns a decoder of a source that begins at the start of a frame.
pub(super) fn decoder(
    source: impl BufRead + Send + 'static,
    form: Compressed,
) -> Box<dyn Read + Send> {
    match form {
        Compressed::Zstd => Box::new(ZstdStream::new(source)),
        Compressed::Gzip => gzip(source),
    }
}

/// Returns a decoder of gzip.
#[cfg(feature = "gzip")]
fn gzip(source: impl BufRead + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(flate2::bufread::MultiGzDecoder::new(source))
}

/// Returns a decoder that returns the reason why there is none.
#[cfg(not(feature = "gzip"))]
fn gzip(_: impl BufRead + Send + 'static) -> Box<dyn Read + Send> {
    struct Refusal;

    impl Read for Refusal {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other(
                "this program does not read gzip; `localtel` does",
            ))
        }
    }

    Box::new(Refusal)
}

/// Decodes the frames of Zstandard one after the other, and compares their checksums.
struct ZstdStream<R> {
    source: R,
    decoder: FrameDecoder,
    place: FramePlace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FramePlace {
    Before,
    Inside,
}

impl<R: BufRead> ZstdStream<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        // The decoder limits the memory for a frame, but not for its first one.
        drop(decoder.init(SMALLEST_HEADER));
        Self {
            source,
            decoder,
            place: FramePlace::Before,
        }
    }

    /// Moves to the next frame with data. Returns `false` at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.place = FramePlace::Inside;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = &mut (&mut self.source).take(length.into());
                    if io::copy(skipped, &mut io::sink())? < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstdStream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            // No bytes are read then, which otherwise means the end of the frame.
            return Ok(0);
        }
        while self.place == FramePlace::Inside || self.next_frame()? {
            while self.decoder.can_collect() < buffer.len() && !self.decoder.is_finished() {
                let wanted = buffer.len() - self.decoder.can_collect();
                let wanted = BlockDecodingStrategy::UptoBytes(wanted);
                let decoded = self.decoder.decode_blocks(&mut self.source, wanted);
                decoded.map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let stored = self.decoder.get_checksum_from_data();
            if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                return Err(io::Error::other("a checksum is wrong"));
            }
            self.place = FramePlace::Before;
        }
        Ok(0)
    }
}

/// The header of a frame of Zstandard with the smallest window.
const SMALLEST_HEADER: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD, 0, 0];

/// The first bytes of a frame of Zstandard (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The first bytes of a file of gzip with the only method that there is (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 3] = [0x1F, 0x8B, 8];

/// Number of bytes that are decompressed at once.
const STEP_BYTES: usize = 256 * 1024;

/// Number of bytes that are kept before the offset that is read, and at most twice as many, where
/// there is no seek table: a segment of the default size.
const KEPT_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn plain(bytes: Vec<u8>) -> String {
        let mut text = String::new();
        let mut plain = decompressed(io::Cursor::new(bytes)).unwrap();
        plain.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_stream_is_decompressed_by_its_first_bytes() {
        let frame = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
        let frames = [frame(b"one\n"), frame(b"two\n")].concat();
        assert_eq!(plain(frames), "one\ntwo\n");
        assert_eq!(plain(b"plain\n".to_vec()), "plain\n");
        assert_eq!(plain(Vec::new()), "");
    }

    #[test]
    fn reading_no_bytes_does_not_end_a_frame() {
        let frame = compress_to_vec(&b"one\n"[..], CompressionLevel::Fastest);
        let mut plain = decompressed(io::Cursor::new(frame)).unwrap();
        assert_eq!(plain.read(&mut []).unwrap(), 0);
        let mut text = String::new();
        plain.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\n");
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn a_stream_of_gzip_is_decompressed() {
        use std::io::Write as _;

        let member = |text: &[u8]| {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let members = [member(b"one\n"), member(b"two\n")].concat();
        assert_eq!(plain(members), "one\ntwo\n");
    }
}
