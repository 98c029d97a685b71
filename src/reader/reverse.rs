//! Reads backwards, from the last line to the first, in bounded memory: to return the newest
//! records first, and to find the start of the last N.
//!
//! A segment is split from its end into windows that begin and end between two pieces (see
//! `scanner`); each window is scanned forwards, and its items are returned in reverse order. So
//! both directions return the same items for the same bytes, and only `scanner` defines lines. A
//! fold takes windows of whole lines unscanned, as it does forwards.
//!
//! The lines before a window are counted when the window contains damage, or when much of the
//! segment is taken as whole lines: the last lines are found without reading the others.

use std::io;
use std::num::NonZero;
use std::ops::Range;

use time::OffsetDateTime;

use super::damage::{Damage, Notice, Position};
use super::open_segment::{OpenedSegment, open_segment, unreadable};
use super::piece::Found;
use super::plain_bytes::{BLOCK_BYTES, LINES_BYTES, count_newlines, fill_up, line_at};
use super::progress::{ByteProgress, SegmentProgress};
use super::scan::{self, Fold, ItemSource, Origin, ReadOrder, are_records};
use super::scanner::Scanner;
use super::since::{is_older, start_in};
use super::walk::Gap;
use super::{Item, Line, lost_above};
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
    pub(super) directory: Directory,
    /// The segments that are not read yet, the lowest first.
    left: Vec<SegmentNumber>,
    /// The segment that was opened before this one.
    above: Option<SegmentNumber>,
    open: Option<OpenWindow>,
    window: Window,
    /// The earliest time of interest; data that provably is older is not read.
    since: Option<OffsetDateTime>,
    progress: Option<SegmentProgress>,
}

/// The segment that is being read.
#[derive(Debug)]
struct OpenWindow {
    file: SegmentFile,
    /// Start of the requested part.
    byte_start: u64,
    segment: SegmentNumber,
    /// The end of the part that is not read yet.
    byte_end: u64,
    /// The number of a line that would begin there, if it is known.
    line_end: Option<NonZero<u64>>,
    /// Number of bytes that were read.
    bytes_read: u64,
    tail: WindowTail,
}

/// Where a reverse reader goes on after it was opened again; by default at its end.
#[derive(Debug, Default)]
pub(super) struct ReverseRest {
    left: Vec<SegmentNumber>,
    above: Option<SegmentNumber>,
    window: Option<WindowRest>,
    since: Option<OffsetDateTime>,
    progress: Option<SegmentProgress>,
}

/// The part of the open segment that is not read yet.
#[derive(Debug)]
struct WindowRest {
    segment: SegmentNumber,
    bytes: Range<u64>,
    line_end: Option<NonZero<u64>>,
    bytes_read: u64,
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
            progress: None,
        }
    }

    /// Counts what is read there, as [`Reader::with_progress`] does.
    ///
    /// [`Reader::with_progress`]: super::Reader::with_progress
    #[must_use]
    pub fn with_progress(mut self, progress: &ByteProgress) -> Self {
        self.progress = Some(SegmentProgress::new(progress, ReadOrder::Backward));
        self
    }

    /// Returns where it goes on, and leaves it at its end; `None` while it has items that are not
    /// returned yet.
    pub(super) fn take_rest(&mut self) -> Option<ReverseRest> {
        if !self.window.stored.is_empty() {
            return None;
        }
        if let Some(progress) = &mut self.progress {
            progress.begin(&self.directory);
        }
        let window = self.open.take().map(|open| WindowRest {
            segment: open.segment,
            bytes: open.byte_start..open.byte_end,
            line_end: open.line_end,
            bytes_read: open.bytes_read,
            tail: open.tail,
        });
        Some(ReverseRest {
            left: std::mem::take(&mut self.left),
            above: self.above,
            window,
            since: self.since,
            progress: self.progress.take(),
        })
    }

    /// Goes on in a directory that was opened again.
    pub(super) fn resume(directory: Directory, rest: ReverseRest) -> Self {
        let mut reverse = Self {
            directory,
            left: rest.left,
            above: rest.above,
            open: None,
            window: Window::default(),
            since: rest.since,
            progress: rest.progress,
        };
        if let Some(window) = rest.window.filter(|window| !window.bytes.is_empty()) {
            match open_segment(&reverse.directory, window.segment) {
                // It was removed meanwhile.
                OpenedSegment::Gone => {}
                OpenedSegment::Damage(damage) => {
                    reverse.window.stored.push(Found::Damage(damage));
                }
                OpenedSegment::File(file, _) => {
                    reverse.open = Some(OpenWindow {
                        file,
                        byte_start: window.bytes.start,
                        segment: window.segment,
                        byte_end: window.bytes.end,
                        line_end: window.line_end,
                        bytes_read: window.bytes_read,
                        tail: window.tail,
                    });
                }
            }
        }
        reverse
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
        if let Some(progress) = &mut self.progress {
            progress.note(&self.directory, &stored);
        }
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
                    line_end: None,
                    bytes_read: 0,
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
        self.window.clear();
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

    fn lines(
        &mut self,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<Option<(Position, Range<usize>)>> {
        while self.window.stored.is_empty() {
            match &mut self.open {
                Some(open) if !open.is_all_read() => {
                    let lines = open.lines(into, bytes_max);
                    if let (Some(progress), Some((position, _))) = (&mut self.progress, &lines) {
                        progress.reach(&self.directory, *position);
                    }
                    return Ok(lines);
                }
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

    /// Returns the position of the end.
    fn end(&self) -> Position {
        Position {
            line: self.line_end,
            ..Position::new(self.segment, self.byte_end)
        }
    }

    /// Appends the last whole lines, if there are any; none contains a NUL. On `None`, only
    /// [`read_window`](Self::read_window) makes progress, and an IO error occurs again there.
    fn lines(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> Option<(Position, Range<usize>)> {
        let start = into.len();
        let lines = self.take_lines(into, bytes_max);
        if lines.is_none() {
            into.truncate(start);
        }
        lines
    }

    fn take_lines(
        &mut self,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Option<(Position, Range<usize>)> {
        let start = into.len();
        let room = bytes_max.saturating_sub(start).min(self.run_bytes_max()) as u64;
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
        let mut position = self.before(from + before as u64, newlines);
        let is_much = self.bytes_read >= LINES_BYTES as u64;
        if position.line.is_none() && (is_much || !are_records(position, lines)) {
            position.line = Some(line_at(&self.file, position.byte).ok()?);
        }
        self.end_at(position);
        Some((position, start + before..into.len()))
    }

    /// Returns the most bytes to take at once: few at first, since the last lines may be enough.
    fn run_bytes_max(&self) -> usize {
        let read = usize::try_from(self.bytes_read).unwrap_or(LINES_BYTES);
        read.clamp(FIRST_BYTES, LINES_BYTES)
    }

    /// Returns the position at an offset, with that many newlines between it and the end.
    fn before(&self, byte: u64, newlines: u64) -> Position {
        // A segment that is truncated meanwhile has fewer lines than were counted.
        let line = self.line_end.map(|line| {
            let line = line.get().saturating_sub(newlines);
            NonZero::new(line).unwrap_or(NonZero::<u64>::MIN)
        });
        Position {
            line,
            ..Position::new(self.segment, byte)
        }
    }

    /// Moves the end to a position before it.
    fn end_at(&mut self, position: Position) {
        self.bytes_read += self.byte_end - position.byte;
        self.byte_end = position.byte;
        self.line_end = position.line;
        self.tail = WindowTail::Whole;
    }

    /// Scans the last window before the end.
    fn read_window(&mut self, window: &mut Window) -> io::Result<()> {
        let byte_start = window_start(&self.file, self.byte_end)?;
        let newlines = count_newlines(&self.file, byte_start, self.byte_end)?;
        let mut start = self.before(byte_start, newlines);
        self.scan_from(start, window)?;
        if start.line.is_none() && !window.are_records() {
            start.line = Some(line_at(&self.file, byte_start)?);
            window.clear();
            self.scan_from(start, window)?;
        }
        self.end_at(start);
        Ok(())
    }

    /// Stores the items between a position and the end.
    fn scan_from(&self, start: Position, window: &mut Window) -> io::Result<()> {
        let mut scanner = Scanner::until(start, self.byte_end);
        while let Some(found) = scanner.step(&self.file)? {
            window.keep(found, &scanner);
        }
        match self.tail {
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
    fn clear(&mut self) {
        self.bytes.clear();
        self.stored.clear();
    }

    /// Returns `true` if all items are valid records.
    fn are_records(&self) -> bool {
        self.stored.iter().all(|found| match found {
            Found::Line { position, range } => {
                let bytes = self.bytes.get(range.clone()).unwrap_or_default();
                Line::new(*position, bytes).is_record()
            }
            Found::Damage(_) | Found::Notice(_) => false,
        })
    }

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

/// Number of bytes of a segment that are taken first: some dozens of lines.
const FIRST_BYTES: usize = LINES_BYTES / 16;
