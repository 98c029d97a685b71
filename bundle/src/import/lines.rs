//! Segments of which only some lines are known: sets of lines. Of a line only its place and its key
//! are in memory, so the number of lines is limited.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;

use localtel::Result;
use localtel::read::raw::RawRecord;
use localtel::read::{Record, Timestamp};
use sha2::{Digest as _, Sha256};

use super::bytes::{Hasher, PlainContent};

/// The key of a line: the lines of a derived segment are in this order, each key once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct LineOrder {
    /// The time of the record, in microseconds; the least one for a line that is not a record.
    time: i64,
    /// The number of the record in its session.
    seq: u64,
    hash: LineHash,
}

/// The first half of the SHA-256 of a line.
type LineHash = [u8; 16];

/// A line in a source.
#[derive(Debug, Clone, Copy)]
struct LinePlace {
    order: LineOrder,
    source: usize,
    /// The offset of its first byte.
    offset: u64,
    /// Number of its bytes without the newline.
    bytes: u64,
}

/// The reason why sets of lines were not made.
#[derive(Debug)]
pub(super) enum LinesError {
    /// There are too many lines.
    TooMany,
    /// A source could not be read.
    Read(io::Error),
    /// The result could not be written.
    Write(localtel::Error),
}

impl From<io::Error> for LinesError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Passes the lines of some files to a sink, each line once and in order, and returns what they
/// are.
pub(super) fn union(
    sources: &[&File],
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<PlainContent, LinesError> {
    let mut places = Vec::new();
    for (source, file) in sources.iter().enumerate() {
        each_line(*file, |line| {
            places.push(LinePlace {
                order: line.order(),
                source,
                offset: line.offset,
                bytes: line.bytes,
            });
            if places.len() > LINES_MAX {
                return Err(LinesError::TooMany);
            }
            Ok(Step::On)
        })?;
    }
    places.sort_unstable_by_key(|place| (place.order, place.source, place.offset));
    places.dedup_by_key(|place| place.order);
    let mut hasher = Hasher::default();
    let mut buffer = Vec::new();
    let mut rest = places.as_slice();
    while let Some(run) = LineRun::first_of(&mut rest) {
        let Some(file) = sources.get(run.source) else {
            break;
        };
        run.copy(file, &mut buffer, &mut |bytes| {
            hasher.add(bytes);
            sink(bytes).map_err(LinesError::Write)
        })?;
    }
    Ok(hasher.content())
}

/// Lines that follow each other in their source and in the result.
struct LineRun {
    source: usize,
    start: u64,
    /// The offset behind the last line, without its newline, which may be missing in the source.
    end: u64,
}

impl LineRun {
    /// Takes the first run off a list.
    fn first_of(places: &mut &[LinePlace]) -> Option<Self> {
        let (first, rest) = places.split_first()?;
        let mut run = Self {
            source: first.source,
            start: first.offset,
            end: first.offset + first.bytes,
        };
        let mut rest = rest;
        while let Some((next, behind)) = rest.split_first()
            && next.source == run.source
            && next.offset == run.end + 1
        {
            run.end = next.offset + next.bytes;
            rest = behind;
        }
        *places = rest;
        Some(run)
    }

    /// Passes the lines to a sink.
    fn copy(
        &self,
        file: &File,
        buffer: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), LinesError>,
    ) -> Result<(), LinesError> {
        let mut at = self.start;
        while at < self.end {
            let bytes =
                usize::try_from(self.end - at).map_or(RUN_BYTES, |left| left.min(RUN_BYTES));
            buffer.resize(bytes, 0);
            file.read_exact_at(buffer, at)?;
            sink(buffer)?;
            at += bytes as u64;
        }
        sink(b"\n")
    }
}

/// Returns `true` if each line of the first text is a line of the second.
pub(super) fn are_in(lines: impl Read, whole: impl Read) -> Result<bool, LinesError> {
    let mut missing = HashSet::new();
    each_line(lines, |line| {
        missing.insert(line.hash);
        if missing.len() > LINES_MAX {
            return Err(LinesError::TooMany);
        }
        Ok(Step::On)
    })?;
    if missing.is_empty() {
        return Ok(true);
    }
    each_line(whole, |line| {
        missing.remove(&line.hash);
        Ok(if missing.is_empty() {
            Step::Stop
        } else {
            Step::On
        })
    })?;
    Ok(missing.is_empty())
}

/// A line that was read.
struct ReadLine<'a> {
    offset: u64,
    bytes: u64,
    hash: LineHash,
    /// The line, or its beginning if it is longer than any record.
    start: &'a [u8],
}

impl ReadLine<'_> {
    fn order(&self) -> LineOrder {
        let of_record = || {
            if self.bytes > self.start.len() as u64 {
                return None;
            }
            if let Some(raw) = RawRecord::at(self.start) {
                return Some((raw.time(), raw.seq));
            }
            let record = Record::parse(self.start).ok()?;
            Some((record.timestamp, record.seq))
        };
        let of_record = of_record();
        LineOrder {
            time: of_record.map_or(i64::MIN, |(time, _): (Timestamp, u64)| time.unix_micros()),
            seq: of_record.map_or(0, |(_, seq)| seq),
            hash: self.hash,
        }
    }
}

/// Whether reading goes on.
enum Step {
    On,
    Stop,
}

/// Passes each line to a function.
fn each_line(
    source: impl Read,
    mut each: impl FnMut(&ReadLine<'_>) -> Result<Step, LinesError>,
) -> Result<(), LinesError> {
    let mut source = BufReader::with_capacity(READ_BYTES, source);
    let mut start = Vec::new();
    let mut hash = Sha256::new();
    let (mut offset, mut bytes) = (0, 0);
    loop {
        let piece = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            piece => piece?,
        };
        let is_at_end = piece.is_empty();
        let newline = piece.iter().position(|byte| *byte == b'\n');
        let of_line = piece
            .get(..newline.unwrap_or(piece.len()))
            .unwrap_or_default();
        hash.update(of_line);
        let room = RECORD_BYTES_MAX - start.len();
        start.extend_from_slice(of_line.get(..room).unwrap_or(of_line));
        bytes += of_line.len() as u64;
        let consumed = of_line.len() + usize::from(newline.is_some());
        source.consume(consumed);
        if newline.is_none() && !is_at_end {
            continue;
        }
        // Behind the last newline there is no further line.
        if is_at_end && bytes == 0 {
            return Ok(());
        }
        let digest: [u8; 32] = hash.finalize_reset().into();
        let line = ReadLine {
            offset,
            bytes,
            hash: digest.first_chunk().copied().unwrap_or_default(),
            start: &start,
        };
        match each(&line)? {
            Step::Stop => return Ok(()),
            Step::On if is_at_end => return Ok(()),
            Step::On => {}
        }
        offset += bytes + 1;
        bytes = 0;
        start.clear();
    }
}

/// Number of lines in a set: 112 MB of memory. Tests reach it sooner.
pub(super) const LINES_MAX: usize = if cfg!(test) { 10_000 } else { 2_000_000 };
/// No record has more bytes.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Number of bytes that are read at once.
const READ_BYTES: usize = 256 << 10;
/// Number of bytes that are copied at once.
const RUN_BYTES: usize = 64 << 10;
