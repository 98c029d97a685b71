//! Splits the bytes of one segment into lines and damage. A scanner has one buffer that grows from
//! a block to the longest line and no further, whatever the segment contains. It opens no file and
//! does not access other segments.
//!
//! A NUL ends a line like a newline: no record contains one, and a crash of the machine can leave
//! holes anywhere. The bytes between two such ends are a *piece*, usually a line. A piece that
//! begins and ends like a record is returned unparsed; any other is searched by `piece`. `scan`
//! takes whole lines as they were read instead, and classifies them in other threads.

use std::io;
use std::num::NonZero;
use std::ops::Range;

use super::damage::{Damage, DamageKind, Position};
use super::piece::{Found, found_in, is_blank, resembles_one_record};
use super::plain_bytes::{BLOCK_BYTES, PlainBytes, fill_up};
use crate::store::limits::READ_LINE_BYTES_MAX;
use crate::store::segment::SegmentNumber;

/// The meaning of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Lines of localtel.
    Record,
    /// Lines of another format.
    Text,
}

/// The kind of the current piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScanState {
    /// A piece of at most the longest line.
    Piece,
    /// A piece that is too long to be a record; it is skipped and not stored.
    TooLong {
        /// The offset of its first byte.
        from: u64,
    },
    /// A run of NULs.
    Hole {
        /// The offset of its first byte.
        from: u64,
    },
}

/// A position in a segment, and a buffer of the bytes around it.
#[derive(Debug)]
pub(super) struct Scanner {
    segment: SegmentNumber,
    kind: LineKind,
    buffer: Vec<u8>,
    /// The offset of the buffer's first byte in the segment.
    base: u64,
    /// The start of the current piece in the buffer, and the end of the part that was searched for
    /// its end.
    start: usize,
    searched: usize,
    /// The number of the line at `start`, if it is known.
    line: Option<NonZero<u64>>,
    state: ScanState,
    /// The offset at which to stop, if not at the end of the file.
    byte_end: Option<u64>,
    /// Further items of the last piece, in reverse order.
    queued: Vec<Found>,
    /// The start of a piece that is too long.
    excerpt: Vec<u8>,
}

impl Scanner {
    /// Starts at that position, which must be the start of a piece.
    pub(super) fn new(position: Position) -> Self {
        Self {
            segment: position.segment,
            kind: LineKind::Record,
            buffer: Vec::new(),
            base: position.byte,
            start: 0,
            searched: 0,
            line: position.line,
            state: ScanState::Piece,
            byte_end: None,
            queued: Vec::new(),
            excerpt: Vec::new(),
        }
    }

    /// Starts at that position and stops at an offset, which must be the end of a piece.
    pub(super) fn until(position: Position, byte_end: u64) -> Self {
        Self {
            byte_end: Some(byte_end),
            ..Self::new(position)
        }
    }

    /// Continues at that position, which must be the start of a piece.
    pub(super) fn restart(&mut self, position: Position) {
        *self = Self {
            kind: self.kind,
            byte_end: self.byte_end,
            ..Self::new(position)
        };
    }

    /// Starts before the first line of a stream, which has no segments.
    pub(super) fn of_stream(kind: LineKind) -> Self {
        Self {
            kind,
            ..Self::new(Position::start_of(SegmentNumber::FIRST))
        }
    }

    /// Returns the bytes of a line that the last step found.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Returns how much memory the buffer takes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Returns the position of the first byte that is not consumed.
    pub(super) fn cursor(&self) -> Position {
        let byte = match self.state {
            ScanState::Piece => self.base + self.start as u64,
            ScanState::TooLong { from } | ScanState::Hole { from } => from,
        };
        self.at(byte)
    }

    /// Returns the offset up to which the segment has been read.
    pub(super) fn byte_read(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    /// Returns the number of bytes of an unfinished piece that have been read.
    pub(super) fn bytes_pending(&self) -> u64 {
        self.byte_read() - self.cursor().byte
    }

    /// Discards the bytes of an unfinished line, so that it is read again: after a short write, a
    /// writer removes the line, and another line may then be written here.
    pub(super) fn forget_pending(&mut self) {
        if self.state == ScanState::Piece {
            self.buffer.truncate(self.start);
            self.searched = self.start;
        }
    }

    /// Finds the next item; if there is no more data for now, a later call reads again.
    pub(super) fn step(&mut self, file: &dyn PlainBytes) -> io::Result<Option<Found>> {
        if let Some(found) = self.queued.pop() {
            return Ok(Some(found));
        }
        loop {
            let found = match self.state {
                ScanState::Piece => self.step_in_piece(),
                ScanState::TooLong { from } => self.step_in_long(from),
                ScanState::Hole { from } => self.step_in_hole(from),
            };
            match found {
                ScanResult::Found(found) => return Ok(Some(explained(found, file))),
                ScanResult::Nothing => {}
                ScanResult::Empty => {
                    if !self.fill(file)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Takes the bytes at the end of a closed segment without a newline, after a step that found
    /// nothing.
    pub(super) fn finish(&mut self, file: &dyn PlainBytes) -> Option<Found> {
        let end = self.buffer.len();
        let (range, state) = (self.start..end, self.state);
        let position = self.cursor();
        self.pass(end);
        self.state = ScanState::Piece;
        let bytes = self.byte_read() - position.byte;
        let kind = match state {
            ScanState::Hole { .. } => DamageKind::NulHole,
            ScanState::TooLong { .. } => {
                return Some(Found::Damage(self.too_long(position, bytes)));
            }
            ScanState::Piece if range.is_empty() => return None,
            // Only parsing shows whether just the newline is missing.
            ScanState::Piece => return self.classify_suspect(position, range),
        };
        let hole = Found::Damage(Damage {
            bytes,
            ..Damage::of_segment(kind, position)
        });
        Some(explained(hole, file))
    }

    fn step_in_piece(&mut self) -> ScanResult {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some((at, terminator)) = find_end(unsearched) else {
            self.searched = self.buffer.len();
            if self.searched - self.start > READ_LINE_BYTES_MAX {
                let piece = self.buffer.get(self.start..).unwrap_or_default();
                self.excerpt = Damage::in_line(DamageKind::TooLong, self.cursor(), piece).excerpt;
                self.state = ScanState::TooLong {
                    from: self.cursor().byte,
                };
                return ScanResult::Nothing;
            }
            return ScanResult::Empty;
        };
        let range = self.start..self.searched + at;
        let position = self.cursor();
        self.end_piece(range.end, terminator);
        if is_blank(self.bytes(range.clone())) {
            return ScanResult::Nothing;
        }
        self.classify(position, range)
            .map_or(ScanResult::Nothing, ScanResult::Found)
    }

    fn step_in_long(&mut self, from: u64) -> ScanResult {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let Some((at, terminator)) = find_end(rest) else {
            self.pass(self.buffer.len());
            return ScanResult::Empty;
        };
        let end = self.start + at;
        let position = self.at(from);
        let bytes = self.base + end as u64 - from;
        self.state = ScanState::Piece;
        self.end_piece(end, terminator);
        ScanResult::Found(Found::Damage(self.too_long(position, bytes)))
    }

    fn step_in_hole(&mut self, from: u64) -> ScanResult {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let Some(at) = rest.iter().position(|byte| *byte != 0) else {
            self.pass(self.buffer.len());
            return ScanResult::Empty;
        };
        let end = self.start + at;
        let position = self.at(from);
        self.state = ScanState::Piece;
        self.pass(end);
        // The newline behind the hole is not an item of its own.
        if self.buffer.get(end) == Some(&b'\n') {
            self.end_piece(end, Terminator::Newline);
        }
        ScanResult::Found(Found::Damage(Damage {
            bytes: self.base + end as u64 - from,
            ..Damage::of_segment(DamageKind::NulHole, position)
        }))
    }

    fn end_piece(&mut self, end: usize, terminator: Terminator) {
        match terminator {
            Terminator::Newline => {
                self.pass(end + 1);
                self.pass_newlines(1);
            }
            Terminator::Nul => {
                self.pass(end);
                self.state = ScanState::Hole {
                    from: self.base + end as u64,
                };
            }
        }
    }

    fn pass_newlines(&mut self, count: u64) {
        self.line = self.line.map(|line| line.saturating_add(count));
    }

    fn pass(&mut self, to: usize) {
        self.start = to;
        self.searched = to;
    }

    fn at(&self, byte: u64) -> Position {
        Position {
            segment: self.segment,
            byte,
            line: self.line,
        }
    }

    fn too_long(&mut self, position: Position, bytes: u64) -> Damage {
        Damage {
            bytes,
            excerpt: std::mem::take(&mut self.excerpt),
            ..Damage::of_segment(DamageKind::TooLong, position)
        }
    }

    /// Reads another block or more behind the bytes in the buffer, and returns whether there was
    /// any data.
    fn fill(&mut self, file: &dyn PlainBytes) -> io::Result<bool> {
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.base += self.start as u64;
        self.searched -= self.start;
        self.start = 0;
        self.buffer.reserve_exact(BLOCK_BYTES);
        let offset = self.byte_read();
        let bytes_max = self.bytes_left(offset);
        Ok(file.append_at(&mut self.buffer, bytes_max, offset)? > 0)
    }

    /// Classifies a piece; this is cheap if it looks like one record.
    fn classify(&mut self, position: Position, range: Range<usize>) -> Option<Found> {
        if resembles_one_record(self.bytes(range.clone())) {
            return Some(Found::Line { position, range });
        }
        self.classify_suspect(position, range)
    }

    /// Finds the items in a piece; those after the first are returned later.
    fn classify_suspect(&mut self, position: Position, range: Range<usize>) -> Option<Found> {
        if self.kind == LineKind::Text {
            return Some(Found::Line { position, range });
        }
        let start = range.start;
        self.queued = found_in(position, self.bytes(range));
        for step in &mut self.queued {
            if let Found::Line { range, .. } = step {
                *range = range.start + start..range.end + start;
            }
        }
        self.queued.pop()
    }

    /// Returns `true` if everything before the [`cursor`](Self::cursor) was returned.
    pub(super) fn is_at_cursor(&self) -> bool {
        self.state == ScanState::Piece && self.queued.is_empty()
    }

    /// Returns `true` if the bytes up to the given end are read and all items returned.
    pub(super) fn is_at_end(&self) -> bool {
        self.state == ScanState::Piece
            && self.queued.is_empty()
            && self.start == self.buffer.len()
            && self.byte_end.is_some_and(|end| self.byte_read() >= end)
    }

    /// Appends the next whole lines without classifying them, if there are any; none contains a
    /// NUL. It reads as long as there are fewer than `bytes_max` bytes. On `None`, only
    /// [`step`](Self::step) makes progress, and an IO error occurs again there.
    pub(super) fn lines(
        &mut self,
        file: &dyn PlainBytes,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Option<(Position, Range<usize>)> {
        if self.state != ScanState::Piece || !self.queued.is_empty() {
            return None;
        }
        let (position, start) = (self.cursor(), into.len());
        let pending = self.buffer.get(self.start..)?;
        if let Some(nul) = memchr::memchr(b'\0', pending) {
            // Nothing more is read or copied for each of many runs of NULs.
            let lines = pending.get(..memchr::memrchr(b'\n', pending.get(..nul)?)? + 1)?;
            into.extend_from_slice(lines);
            self.pass(self.start + lines.len());
        } else {
            into.extend_from_slice(pending);
            let offset = self.byte_read();
            // An error occurs again in `step`.
            let room = bytes_max.saturating_sub(into.len());
            // All of it at once, so that a buffer that is used again does not grow in steps.
            into.reserve_exact(room);
            let wanted = room.min(self.bytes_left(offset));
            drop(fill_up(file, into, offset, wanted));
            self.take_rest(into, start, position.byte);
        }
        let lines = into.get(start..).filter(|lines| !lines.is_empty())?;
        self.pass_newlines(memchr::memchr_iter(b'\n', lines).count() as u64);
        Some((position, start..into.len()))
    }

    /// Moves the bytes behind the last whole line to the buffer; those from `start` on are at that
    /// offset of the segment.
    fn take_rest(&mut self, bytes: &mut Vec<u8>, start: usize, offset: u64) {
        let all = bytes.get(start..).unwrap_or_default();
        let nul = memchr::memchr(b'\0', all);
        let clean = all.get(..nul.unwrap_or(all.len())).unwrap_or_default();
        let end = memchr::memrchr(b'\n', clean).map_or(0, |end| end + 1);
        self.buffer.clear();
        self.buffer
            .extend_from_slice(all.get(end..).unwrap_or_default());
        self.base = offset + end as u64;
        self.start = 0;
        self.searched = match nul {
            Some(_) => 0,
            None => self.buffer.len(),
        };
        bytes.truncate(start + end);
    }

    /// Returns the number of bytes between an offset and the end, as far as it is known.
    fn bytes_left(&self, offset: u64) -> usize {
        let left = self
            .byte_end
            .map_or(u64::MAX, |end| end.saturating_sub(offset));
        usize::try_from(left).unwrap_or(usize::MAX)
    }
}

/// The result of one search of the buffer.
enum ScanResult {
    Found(Found),
    /// The state changed; search again.
    Nothing,
    /// The buffer is used up.
    Empty,
}

#[derive(Clone, Copy)]
enum Terminator {
    Newline,
    Nul,
}

fn find_end(bytes: &[u8]) -> Option<(usize, Terminator)> {
    let at = memchr::memchr2(b'\n', b'\0', bytes)?;
    let terminator = match bytes.get(at) {
        Some(b'\n') => Terminator::Newline,
        Some(_) | None => Terminator::Nul,
    };
    Some((at, terminator))
}

/// Returns the damage with the reason, if NULs are bytes that could not be decompressed.
fn explained(found: Found, file: &dyn PlainBytes) -> Found {
    match found {
        Found::Damage(damage) if damage.kind == DamageKind::NulHole => {
            let undecodable = file.undecodable(damage.position.byte);
            Found::Damage(match undecodable {
                Some((bytes, reason)) => Damage {
                    kind: DamageKind::Undecodable { reason },
                    bytes,
                    ..damage
                },
                None => damage,
            })
        }
        found @ (Found::Line { .. } | Found::Damage(_) | Found::Notice(_)) => found,
    }
}
