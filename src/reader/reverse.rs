//! Reads backwards, from the last line to the first, in bounded memory: to return the newest
//! records first, and to find the start of the last N.
//!
//! A segment is split from its end into windows that begin and end between two pieces (see
//! `scanner`); each window is scanned forwards, and its items are returned in reverse order. So
//! both directions return the same items for the same bytes, and only `scanner` defines lines. A
//! fold takes windows of whole lines unscanned, as it does forwards.

use std::io;
use std::ops::Range;

use time::OffsetDateTime;

use super::damage::{Damage, Notice, Position};
use super::scan::{self, Fold, ItemSource, Origin, ReadOrder};
use super::scanner::{BLOCK_BYTES, Found, LINES_BYTES, Scanner, count_newlines, fill_up};
use super::since::{is_older, start_in};
use super::walk::{Gap, OpenedSegment, open_segment, unreadable};
use super::{Item, lost_above};
use crate::error::{Error, Result};
use crate::record::{Record, Timestamp};
use crate::store::disk::Directory;
use crate::store::lock::Extent;
use crate::store::read_at::ReadAt as _;
use crate::store::segment::SegmentNumber;
use crate::store::segment_file::SegmentFile;

/// The items of a directory from the last to the first.
#[derive(Debug)]
pub struct Reverse {
    directory: Directory,
    /// The segments that are not read yet, the lowest first.
    left: Vec<SegmentNumber>,
    /// The segment that was opened before this one.
    above: Option<SegmentNumber>,
    open: Option<OpenWindow>,
    window: Window,
    /// The earliest time of interest; data that provably is older is not read.
    since: Option<OffsetDateTime>,
    numbering: LineNumbering,
}

/// Whether the lines before a position are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineNumbering {
    Counted,
    Off,
}

/// The segment that is being read.
#[derive(Debug)]
struct OpenWindow {
    file: SegmentFile,
    /// Start of the requested part.
    byte_start: u64,
    segment: SegmentNumber,
    /// End of the part that is not read yet.
    byte_end: u64,
    /// The number of a line that would begin there, if it is known.
    line_end: Option<u64>,
    tail: WindowTail,
}

/// The treatment of bytes without a newline at the end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WindowTail {
    /// The segment is active: its writer may still be writing the line.
    Unfinished,
    /// The segment is closed, or this is not its end.
    Whole,
}

/// The items of one window, in order, and the bytes of their lines.
#[derive(Debug, Default)]
struct Window {
    bytes: Vec<u8>,
    stored: Vec<Found>,
}

impl Reverse {
    /// Starts above the listed segments, of which `last` should be the last one.
    pub(super) fn new(
        (directory, left): (Directory, Vec<SegmentNumber>),
        last: SegmentNumber,
    ) -> Self {
        let lost = lost_above(&directory, left.last().copied(), last);
        let stored = lost.map(Found::Damage).into_iter().collect();
        Self {
            directory,
            left,
            above: None,
            open: None,
            window: Window {
                stored,
                ..Window::default()
            },
            since: None,
            numbering: LineNumbering::Counted,
        }
    }

    /// Skips data that provably contains no record of that time or later, as [`Reader::since`]
    /// does.
    ///
    /// [`Reader::since`]: super::Reader::since
    #[must_use]
    pub fn since(mut self, since: impl Into<Timestamp>) -> Self {
        self.since = Some(since.into().to_moment());
        self
    }

    /// Leaves lines uncounted, so that a caller that stops early has read no more than the end of
    /// the data. The lines of positions mean nothing then.
    #[must_use]
    pub fn without_line_numbers(mut self) -> Self {
        self.numbering = LineNumbering::Off;
        self
    }

    /// Returns an iterator over the remaining records, the newest first, and the damage between
    /// them. Notices are left out.
    pub fn records(&mut self) -> impl Iterator<Item = Result<Record, Damage>> {
        std::iter::from_fn(move || {
            loop {
                if let Some(record) = self.next_item()?.into_record() {
                    return Some(record);
                }
            }
        })
    }

    /// Returns the previous item, or `None` at the start.
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        let stored = loop {
            if let Some(stored) = self.window.stored.pop() {
                break stored;
            }
            match self.open.take() {
                Some(open) if !open.is_all_read() => self.read_window(open),
                Some(_) | None => match self.left.pop() {
                    Some(number) => self.open_segment(number),
                    None => break Found::Damage(self.lost_below()?),
                },
            }
        };
        Some(stored.item(|range| self.window.bytes.get(range).unwrap_or_default()))
    }

    fn open_segment(&mut self, number: SegmentNumber) {
        let directory = &self.directory;
        if self
            .since
            .is_some_and(|since| is_older(directory, number, since))
        {
            self.go_below(number);
            return;
        }
        let opened = match open_segment(directory, number) {
            OpenedSegment::Gone => return,
            OpenedSegment::Damage(damage) => Err(damage),
            OpenedSegment::File(file, bytes) => match file.bytes_or(bytes, directory) {
                Ok(byte_end) => Ok(OpenWindow {
                    byte_start: self
                        .since
                        .map_or(0, |since| start_in(directory, &file, since)),
                    segment: number,
                    byte_end,
                    line_end: match self.numbering {
                        LineNumbering::Counted => None,
                        LineNumbering::Off => Some(1),
                    },
                    tail: match self.above {
                        None if file.is_plain() => WindowTail::Unfinished,
                        None | Some(_) => WindowTail::Whole,
                    },
                    file,
                }),
                Err(error) => Err(unreadable(Position::start_of(number), &error)),
            },
        };
        match opened {
            Ok(open) => self.open = Some(open),
            Err(damage) => self.window.stored.push(Found::Damage(damage)),
        }
        self.go_below(number);
    }

    /// Stores the number of this segment, and reports lost segments above it.
    fn go_below(&mut self, number: SegmentNumber) {
        if let Some(above) = self.above.replace(number) {
            if number.next() == above {
                return;
            }
            // The gap is above this segment, so it is returned first.
            let lost = Gap::between(number.next(), above, self.floor()).lost;
            self.window
                .stored
                .extend(lost.map(|lost| Found::Damage(Damage::missing(lost))));
        }
    }

    fn floor(&self) -> Option<SegmentNumber> {
        Extent::peek(&self.directory).map(|extent| extent.floor)
    }

    /// Reports once, at the very end, the lost segments below the lowest one.
    fn lost_below(&mut self) -> Option<Damage> {
        let lowest = self.above.take()?;
        let floor = self.floor()?;
        let gap = Gap::between(SegmentNumber::FIRST, lowest, Some(floor));
        gap.lost.map(Damage::missing)
    }

    /// Scans the last window before the open segment's end.
    fn read_window(&mut self, mut open: OpenWindow) {
        self.window.bytes.clear();
        let end = open.end();
        if let Err(error) = open.read_window(&mut self.window) {
            // The bytes below cannot be read either; items above them are returned first.
            let damage = unreadable(end, &error);
            self.window.stored.insert(0, Found::Damage(damage));
            open.byte_end = open.byte_start;
        }
        self.open = Some(open);
    }
}

impl Reverse {
    /// Folds all remaining items, the last first, as [`Reader::fold`] does.
    ///
    /// [`Reader::fold`]: super::Reader::fold
    ///
    /// # Errors
    ///
    /// Returns the error of `after`.
    pub fn fold<F: Fold + Send, E: From<Error>>(
        &mut self,
        whole: &mut F,
        empty: impl Fn() -> F,
        after: impl FnMut(&mut F) -> Result<(), E>,
    ) -> Result<(), E> {
        scan::fold(self, whole, empty, after)
    }
}

impl ItemSource for Reverse {
    fn order(&self) -> ReadOrder {
        ReadOrder::Backward
    }

    fn origin(&self) -> Origin {
        Origin::DIRECTORY
    }

    fn lines(&mut self, into: &mut Vec<u8>) -> Result<Option<(Position, Range<usize>)>> {
        while self.window.stored.is_empty() {
            match &mut self.open {
                Some(open) if !open.is_all_read() => return Ok(open.lines(into)),
                Some(_) | None => match self.left.pop() {
                    Some(number) => self.open_segment(number),
                    None => break,
                },
            }
        }
        Ok(None)
    }

    fn item(&mut self) -> Result<Option<Item<'_>>> {
        Ok(self.next_item())
    }
}

impl OpenWindow {
    fn is_all_read(&self) -> bool {
        self.byte_end <= self.byte_start
    }

    /// Returns the position of the end, or the start of the segment if the line is not known.
    fn end(&self) -> Position {
        let start = Position::start_of(self.segment);
        self.line_end.map_or(start, |line| Position {
            byte: self.byte_end,
            line,
            ..start
        })
    }

    /// Appends the last whole lines, if there are any; none contains a NUL. On `None`, only
    /// [`read_window`](Self::read_window) makes progress, and an IO error occurs again there.
    fn lines(&mut self, into: &mut Vec<u8>) -> Option<(Position, Range<usize>)> {
        let start = into.len();
        let lines = self.take_lines(into);
        if lines.is_none() {
            into.truncate(start);
        }
        lines
    }

    fn take_lines(&mut self, into: &mut Vec<u8>) -> Option<(Position, Range<usize>)> {
        let start = into.len();
        let room = LINES_BYTES.saturating_sub(start) as u64;
        let from = self.byte_end.saturating_sub(room).max(self.byte_start);
        let wanted = usize::try_from(self.byte_end - from).ok()?;
        fill_up(&self.file, into, from, wanted).ok()?;
        let bytes = into.get(start..).filter(|bytes| bytes.len() == wanted)?;
        // The line after a NUL, and one of which the start is not known, are left to the scanner.
        let before = match memchr::memrchr(b'\0', bytes) {
            Some(nul) => nul + memchr::memchr(b'\n', bytes.get(nul..)?)? + 1,
            None if from == self.byte_start => 0,
            None => memchr::memchr(b'\n', bytes)? + 1,
        };
        let lines = bytes.get(before..).filter(|lines| lines.ends_with(b"\n"))?;
        let newlines = memchr::memchr_iter(b'\n', lines).count() as u64;
        let position = self.pass(from + before as u64, newlines).ok()?;
        Some((position, start + before..into.len()))
    }

    /// Moves the end to an offset, with that many newlines between the two.
    fn pass(&mut self, byte: u64, newlines: u64) -> io::Result<Position> {
        let line = match self.line_end {
            // A segment that is truncated meanwhile has fewer lines than were counted.
            Some(line) => line.saturating_sub(newlines).max(1),
            None => count_newlines(&self.file, 0, byte)? + 1,
        };
        self.line_end = Some(line);
        self.byte_end = byte;
        self.tail = WindowTail::Whole;
        Ok(self.end())
    }

    fn read_window(&mut self, window: &mut Window) -> io::Result<()> {
        let (byte_end, tail) = (self.byte_end, self.tail);
        let byte_start = window_start(&self.file, byte_end)?;
        let newlines = count_newlines(&self.file, byte_start, byte_end)?;
        let start = self.pass(byte_start, newlines)?;
        let mut scanner = Scanner::until(start, byte_end);
        while let Some(found) = scanner.step(&self.file)? {
            window.keep(found, &scanner);
        }
        match tail {
            WindowTail::Whole => {
                let mut rest = scanner.finish(&self.file);
                while let Some(found) = rest {
                    window.keep(found, &scanner);
                    rest = scanner.step(&self.file)?;
                }
            }
            WindowTail::Unfinished => {
                let (position, bytes) = (scanner.cursor(), scanner.bytes_pending());
                let unfinished = (bytes > 0).then_some(Notice::Unfinished { position, bytes });
                window.stored.extend(unfinished.map(Found::Notice));
            }
        }
        Ok(())
    }
}

impl Window {
    /// Stores an item of the scanner, and its bytes.
    fn keep(&mut self, mut found: Found, scanner: &Scanner) {
        if let Found::Line { range, .. } = &mut found {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(scanner.bytes(range.clone()));
            *range = start..self.bytes.len();
        }
        self.stored.push(found);
    }
}

/// Finds the start of the last window of a segment that ends at `end`: the start of the first piece
/// in the block before `end` or, if no piece starts there, of the piece that reaches into the
/// block.
fn window_start(file: &SegmentFile, end: u64) -> io::Result<u64> {
    let block = BLOCK_BYTES as u64;
    let mut low = end.saturating_sub(block);
    let mut bytes = vec![0; BLOCK_BYTES + 1];
    // The first block is searched from its start, those before it from their end.
    let mut high = end;
    while low > 0 {
        // One byte more than the block: the byte before decides whether a piece starts at a byte.
        let wanted = usize::try_from(high - low + 1).unwrap_or(bytes.len());
        let buffer = bytes.get_mut(..wanted).unwrap_or_default();
        let read = file.read_at(buffer, low - 1)?;
        let mut pairs = buffer.get(..read).unwrap_or_default().windows(2);
        let found = if high == end {
            pairs.position(starts_piece)
        } else {
            pairs.rposition(starts_piece)
        };
        if let Some(at) = found {
            return Ok(low + at as u64);
        }
        high = low;
        low = low.saturating_sub(block);
    }
    Ok(0)
}

/// Returns `true` if a scanner that reads forwards would start a piece at the second of two bytes.
fn starts_piece(pair: &[u8]) -> bool {
    match pair {
        [b'\n', _] => true,
        // The newline behind a hole belongs to the hole.
        [0, next] => !matches!(next, 0 | b'\n'),
        _ => false,
    }
}
