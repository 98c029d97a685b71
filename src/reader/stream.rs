//! Lines from another place than a telemetry directory: a file, or the output of a program. They
//! are read once, from the first to the last. Lines of localtel are treated as those of a segment;
//! of other formats a stream only finds the lines.
//!
//! A stream may be written while it is read: lines are returned as soon as they are read, and not
//! only when a buffer is full.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use super::Item;
use super::damage::Position;
use super::open_segment::unreadable;
use super::plain_bytes::PlainBytes;
use super::scan::{ItemSource, Origin, ReadOrder};
use super::scanner::{LineKind, Scanner};
use crate::error::Result;
use crate::record::{LineTime, Timestamp};

/// The lines of a stream, for a [`Merged`](super::Merged).
///
/// The segment in their positions has no meaning; lines and bytes are counted from the start of
/// the stream.
///
/// # Examples
///
/// ```no_run
/// use localtel::read::{Item, LineStream, Merged, decompressed};
///
/// let lines = decompressed(std::fs::File::open("copied.jsonl.zst")?)?;
/// let mut merged = Merged::new([LineStream::of_records(lines)]);
/// while let Some((_, item)) = merged.next_item()? {
///     if let Item::Line(line) = item {
///         println!("{:?}", line.record());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LineStream {
    bytes: StreamBytes,
    scanner: Scanner,
    lines: StreamLines,
    /// The last time before the last lines or item, and that in them or before, if they are text.
    times: [Option<Timestamp>; 2],
}

/// The meaning of the lines of a stream.
enum StreamLines {
    Record,
    /// Text, and the function that reads the time of a line.
    Text(Box<TimeOf>),
}

/// Reads the time of a line.
type TimeOf = dyn Fn(&[u8]) -> Option<Timestamp> + Send;

/// The plain bytes of a stream.
struct StreamBytes(RefCell<StreamSource>);

struct StreamSource {
    source: Box<dyn Read + Send>,
    state: StreamState,
}

/// What the last read of a stream returned.
#[derive(Debug)]
enum StreamState {
    /// Nothing was read yet, or the lines that it returned are taken.
    Ready,
    /// All bytes that there may be for now: lines in them are returned before the next read.
    Paused,
    /// A failure, which is returned after the lines before it.
    Failed(io::Error),
    /// The end.
    AtEnd,
}

impl LineStream {
    /// Reads lines of localtel.
    pub fn of_records(source: impl Read + Send + 'static) -> Self {
        Self::new(source, StreamLines::Record)
    }

    /// Reads lines of another format. `time_of` reads the time of a line, which is needed where
    /// several inputs are merged, and for lines that have none ([`Fold::text_after`]).
    ///
    /// [`Fold::text_after`]: super::Fold::text_after
    pub fn of_text(
        source: impl Read + Send + 'static,
        time_of: impl Fn(&[u8]) -> Option<Timestamp> + Send + 'static,
    ) -> Self {
        Self::new(source, StreamLines::Text(Box::new(time_of)))
    }

    fn new(source: impl Read + Send + 'static, lines: StreamLines) -> Self {
        let source = StreamSource {
            source: Box::new(source),
            state: StreamState::Ready,
        };
        Self {
            bytes: StreamBytes(RefCell::new(source)),
            scanner: Scanner::of_stream(lines.kind()),
            lines,
            times: [None; 2],
        }
    }

    /// Returns the meaning of the lines.
    pub(super) fn kind(&self) -> LineKind {
        self.lines.kind()
    }

    /// Returns the time of a line, if it can be read.
    pub(super) fn time_of(&self, line: &[u8]) -> Option<LineTime> {
        match &self.lines {
            StreamLines::Record => LineTime::of_line(line),
            StreamLines::Text(time_of) => time_of(line).map(LineTime::of),
        }
    }
}

impl StreamLines {
    fn kind(&self) -> LineKind {
        match self {
            Self::Record => LineKind::Record,
            Self::Text(_) => LineKind::Text,
        }
    }

    /// Returns the last time before these lines, and that in them or before, if they are text.
    fn times_after(
        &self,
        [_, latest]: [Option<Timestamp>; 2],
        lines: &[u8],
    ) -> [Option<Timestamp>; 2] {
        let time = match self {
            Self::Record => None,
            Self::Text(time_of) => {
                let mut lines = lines.rsplit(|byte| *byte == b'\n');
                lines.find_map(time_of)
            }
        };
        [latest, time.or(latest)]
    }
}

impl ItemSource for LineStream {
    fn order(&self) -> ReadOrder {
        ReadOrder::Forward
    }

    fn origin(&self) -> Origin {
        Origin {
            input: 0,
            kind: self.kind(),
            after: self.times[0],
        }
    }

    fn lines(
        &mut self,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<Option<(Position, Range<usize>)>> {
        let found = self.scanner.lines(&self.bytes, into, bytes_max);
        if let Some((_, range)) = &found {
            let lines = into.get(range.clone()).unwrap_or_default();
            self.times = self.lines.times_after(self.times, lines);
        }
        Ok(found)
    }

    fn item(&mut self) -> Result<Option<Item<'_>>> {
        let found = loop {
            match self.scanner.step(&self.bytes) {
                Ok(Some(found)) => break Some(found),
                Ok(None) if self.bytes.is_at_end() => break self.scanner.finish(&self.bytes),
                Ok(None) => {}
                Err(error) => {
                    self.scanner.forget_pending();
                    let damage = unreadable(self.scanner.cursor(), &error);
                    return Ok(Some(Item::Damage(damage)));
                }
            }
        };
        let scanner = &self.scanner;
        let item = found.map(|found| found.item(|range| scanner.bytes(range)));
        Ok(item.map(|item| match (item, &self.lines) {
            (Item::Line(line), lines @ StreamLines::Text(_)) => {
                self.times = lines.times_after(self.times, line.bytes);
                Item::Text(line)
            }
            (item, StreamLines::Text(_) | StreamLines::Record) => item,
        }))
    }
}

impl StreamBytes {
    fn is_at_end(&self) -> bool {
        matches!(self.0.borrow().state, StreamState::AtEnd)
    }
}

impl PlainBytes for StreamBytes {
    /// The offset is always behind the bytes that were read before.
    fn append_at(&self, buffer: &mut Vec<u8>, bytes_max: usize, _: u64) -> io::Result<usize> {
        let StreamSource { source, state } = &mut *self.0.borrow_mut();
        match std::mem::replace(state, StreamState::Ready) {
            StreamState::Ready => {}
            StreamState::Paused => return Ok(0),
            StreamState::Failed(error) => {
                *state = StreamState::AtEnd;
                return Err(error);
            }
            StreamState::AtEnd => {
                *state = StreamState::AtEnd;
                return Ok(0);
            }
        }
        let start = buffer.len();
        let wanted = bytes_max.min(buffer.capacity() - start);
        buffer.resize(start + wanted, 0);
        let read = loop {
            match source.read(buffer.get_mut(start..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        buffer.truncate(start + *read.as_ref().unwrap_or(&0));
        Ok(match read {
            Ok(0) => {
                *state = StreamState::AtEnd;
                0
            }
            Ok(read) => {
                if read < wanted {
                    *state = StreamState::Paused;
                }
                read
            }
            Err(error) => {
                *state = StreamState::Failed(error);
                0
            }
        })
    }

    /// A stream that cannot be decompressed ends with an error.
    fn undecodable(&self, _: u64) -> Option<(u64, String)> {
        None
    }
}

impl fmt::Debug for LineStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineStream")
            .field("scanner", &self.scanner)
            .finish_non_exhaustive()
    }
}
