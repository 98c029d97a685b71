//! An open segment that is read forwards: its file, and the scanner of its lines. `walk` decides
//! which segments are opened, and when one is left.
//!
//! Where reading starts behind lines that were not counted, it goes on without their number as long
//! as nothing needs it: damage is only returned with the number of its line.

use std::io;
use std::ops::Range;

use super::Line;
use super::damage::{Damage, DamageKind, Notice, Position};
use super::piece::Found;
use super::plain_bytes::{LINES_BYTES, line_at};
use super::scan::are_records;
use super::scanner::Scanner;
use crate::store::disk::Directory;
use crate::store::segment::SegmentNumber;
use crate::store::segment_file::{SegmentFile, SegmentOpenError};

/// Whether more may be written to the open segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentPhase {
    /// No higher segment was seen.
    Active,
    /// A higher segment was seen before the last read, so that read reached the final end.
    Closed,
}

impl SegmentPhase {
    /// Returns the phase of the highest segment.
    pub(super) fn of(file: &SegmentFile) -> Self {
        if file.is_plain() {
            Self::Active
        } else {
            Self::Closed
        }
    }
}

/// The segment that is being read.
#[derive(Debug)]
pub(super) struct OpenSegment {
    number: SegmentNumber,
    file: SegmentFile,
    scanner: Scanner,
    /// The offset at which reading started.
    byte_start: u64,
    pub(super) phase: SegmentPhase,
    /// The file that replaced this one.
    pub(super) successor: Option<SegmentFile>,
}

impl OpenSegment {
    /// Starts at that position, which must be the start of a piece.
    pub(super) fn new(file: SegmentFile, start: Position, phase: SegmentPhase) -> Self {
        Self {
            number: start.segment,
            file,
            scanner: Scanner::new(start),
            byte_start: start.byte,
            phase,
            successor: None,
        }
    }

    /// Opens a segment of that size, if it is known, to which nothing is written any more.
    pub(super) fn closed(file: SegmentFile, start: Position, bytes: Option<u64>) -> Self {
        let mut open = Self::new(file, start, SegmentPhase::Closed);
        // Some file systems report size 0 for every file.
        if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
            open.scanner = Scanner::until(start, bytes);
        }
        open
    }

    /// Returns `true` if it is closed and certainly has no further item.
    pub(super) fn is_all_read(&self) -> bool {
        self.phase == SegmentPhase::Closed && self.successor.is_none() && self.scanner.is_at_end()
    }

    /// Returns `true` if everything before the position of its scanner was returned, and nothing
    /// replaced it.
    pub(super) fn is_at_cursor(&self) -> bool {
        self.successor.is_none() && self.scanner.is_at_cursor()
    }

    /// Returns the number of the segment.
    pub(super) fn number(&self) -> SegmentNumber {
        self.number
    }

    /// Returns the file of the segment.
    pub(super) fn file(&self) -> &SegmentFile {
        &self.file
    }

    /// Returns the scanner of the segment.
    pub(super) fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Returns the scanner of the segment, mutably.
    pub(super) fn scanner_mut(&mut self) -> &mut Scanner {
        &mut self.scanner
    }

    /// Moves to a position in the segment.
    pub(super) fn rewind(&mut self, position: Position) {
        self.scanner = Scanner::new(position);
    }

    /// Finds the next item; `None` if there is no more data for now.
    pub(super) fn step(&mut self) -> io::Result<Option<Found>> {
        let found = self.scanner.step(&self.file)?;
        let Some(position) = found.as_ref().and_then(|found| self.lacks_number(found)) else {
            return Ok(found);
        };
        self.number_from(position)?;
        self.scanner.step(&self.file)
    }

    /// Takes the bytes at its end without a newline, after a step that found nothing.
    pub(super) fn finish(&mut self) -> io::Result<Option<Found>> {
        let found = self.scanner.finish(&self.file);
        let Some(position) = found.as_ref().and_then(|found| self.lacks_number(found)) else {
            return Ok(found);
        };
        self.number_from(position)?;
        let found = self.scanner.step(&self.file)?;
        Ok(found.or_else(|| self.scanner.finish(&self.file)))
    }

    /// Appends the next whole lines, as [`Scanner::lines`] does.
    pub(super) fn lines(
        &mut self,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Option<(Position, Range<usize>)> {
        let cursor = self.scanner.cursor();
        let is_far = cursor.byte - self.byte_start > LINES_BYTES as u64;
        if cursor.line.is_none() && is_far {
            // An error occurs again in `step`.
            self.number_from(cursor).ok()?;
        }
        let start = into.len();
        let (position, range) = self.scanner.lines(&self.file, into, bytes_max)?;
        let lines = into.get(range.clone()).unwrap_or_default();
        if position.line.is_some() || are_records(position, lines) {
            return Some((position, range));
        }
        into.truncate(start);
        // The damage, or the error, is found in `step`.
        self.scanner.restart(position);
        None
    }

    /// Returns the position of an item that must not be returned without the number of its line.
    fn lacks_number(&self, found: &Found) -> Option<Position> {
        match found {
            Found::Line { position, .. } if position.line.is_some() => None,
            Found::Line { position, range } => {
                let line = Line::new(*position, self.scanner.bytes(range.clone()));
                (!line.is_record()).then_some(*position)
            }
            Found::Damage(damage) => {
                Some(damage.position).filter(|position| position.line.is_none())
            }
            Found::Notice(_) => None,
        }
    }

    /// Returns to the start of a piece, after counting the lines before it.
    fn number_from(&mut self, position: Position) -> io::Result<()> {
        let line = Some(line_at(&self.file, position.byte)?);
        self.scanner.restart(Position { line, ..position });
        Ok(())
    }

    /// Returns a notice about the bytes at its end without a newline, where more may be added.
    pub(super) fn unfinished(&self) -> Option<Notice> {
        let bytes = self.scanner.bytes_pending();
        (self.phase == SegmentPhase::Active && bytes > 0).then(|| {
            let position = self.scanner.cursor();
            let line = position
                .line
                .or_else(|| line_at(&self.file, position.byte).ok());
            let position = Position { line, ..position };
            Notice::Unfinished { position, bytes }
        })
    }
}

/// The result of opening a segment.
#[derive(Debug)]
pub(super) enum OpenedSegment {
    /// The file, and the number of its plain bytes, if that is known.
    File(SegmentFile, Option<u64>),
    /// It exists and cannot be read.
    Damage(Damage),
    /// It was removed meanwhile.
    Gone,
}

/// Opens a segment if it is a regular file.
pub(super) fn open_segment(directory: &Directory, number: SegmentNumber) -> OpenedSegment {
    let position = Position::start_of(number);
    match SegmentFile::open(directory, number) {
        Ok((file, bytes)) => OpenedSegment::File(file, bytes),
        Err(SegmentOpenError::Missing) => OpenedSegment::Gone,
        Err(SegmentOpenError::NotRegular) => {
            OpenedSegment::Damage(Damage::of_segment(DamageKind::NotAFile, position))
        }
        Err(SegmentOpenError::Io(error)) => OpenedSegment::Damage(unreadable(position, &error)),
    }
}

pub(super) fn unreadable(position: Position, error: &io::Error) -> Damage {
    let reason = error.to_string();
    Damage::of_segment(DamageKind::Unreadable { reason }, position)
}
