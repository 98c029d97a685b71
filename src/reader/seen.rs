//! Records what a follower has read of the open segment: enough to detect that another program
//! rewrote the file, and then to skip the lines that were read before. `follow` decides where
//! reading continues.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::damage::Position;
use super::open_segment::{OpenSegment, OpenedSegment, open_segment};
use super::piece::Found;
use super::scanner::Scanner;
use super::walk::SegmentWalk;
use crate::store::disk::Directory;
use crate::store::read_at::ReadAt as _;
use crate::store::segment::SegmentNumber;
use crate::store::segment_file::SegmentFile;

/// The lines that were read of one segment.
#[derive(Debug, Default)]
pub(super) struct SeenLines {
    segment: Option<SegmentNumber>,
    /// A hash of each line.
    lines: HashSet<u64>,
    /// The first and the last line, as they were in the file.
    first: Mark,
    last: Mark,
    /// The start of the segment below; empty if there was none.
    below: Vec<u8>,
    repeats: Repetition,
}

/// The treatment of a line that was read before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Repetition {
    /// It is returned: its writer wrote it twice.
    #[default]
    Shown,
    /// It is skipped: the file was rewritten, and this part of it is the same.
    Skipped,
}

/// The start of a line, and its position; without bytes if there is no line.
#[derive(Debug, Default)]
struct Mark {
    byte: u64,
    bytes: Vec<u8>,
}

impl Mark {
    fn set(&mut self, byte: u64, line: &[u8]) {
        let marked = line.len().min(MARK_BYTES_MAX);
        self.byte = byte;
        self.bytes.clear();
        self.bytes
            .extend_from_slice(line.get(..marked).unwrap_or_default());
    }

    /// Returns `true` if the file contains the line at its position. A read error does not indicate
    /// another file.
    fn is_in(&self, file: &SegmentFile) -> bool {
        let mut bytes = vec![0; self.bytes.len()];
        match file.read_at(&mut bytes, self.byte) {
            Ok(read) => read == bytes.len() && bytes == self.bytes,
            Err(_) => true,
        }
    }
}

impl SeenLines {
    /// Starts in an open segment. The lines before the position count as read.
    pub(super) fn before(position: Position, file: &SegmentFile, directory: &Directory) -> Self {
        let mut seen = Self {
            segment: Some(position.segment),
            ..Self::default()
        };
        seen.below = start_below(directory, position.segment).unwrap_or_default();
        let start = Position::start_of(position.segment);
        let mut scanner = Scanner::until(start, position.byte);
        loop {
            match scanner.step(file) {
                Ok(Some(Found::Line { position, range })) => {
                    seen.note(position, scanner.bytes(range))
                }
                Ok(Some(Found::Damage(damage))) => seen.note(damage.position, &damage.excerpt),
                Ok(Some(Found::Notice(_)) | None) | Err(_) => return seen,
            };
        }
    }

    /// Takes the next line of the open segment, or the start of its damage. Returns `true` if it is
    /// to be returned to the caller.
    pub(super) fn take(&mut self, walk: &SegmentWalk, position: Position, bytes: &[u8]) -> bool {
        let is_in_it = |open: &&OpenSegment| open.number() == position.segment;
        let Some(open) = walk.open().filter(is_in_it) else {
            return true;
        };
        if self.segment != Some(position.segment) {
            *self = Self::before(position, open.file(), walk.directory());
        }
        self.note(position, bytes) || self.repeats == Repetition::Shown
    }

    /// Adds a line. Returns `true` if it is new.
    fn note(&mut self, position: Position, bytes: &[u8]) -> bool {
        // A hole has no bytes that identify it.
        if bytes.is_empty() {
            return true;
        }
        if self.first.bytes.is_empty() {
            self.first.set(position.byte, bytes);
        }
        self.last.set(position.byte, bytes);
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = hasher.finish();
        if self.lines.len() < LINES_MAX {
            self.lines.insert(hash)
        } else {
            !self.lines.contains(&hash)
        }
    }

    /// Returns `true` if the open segment still contains what was read of it, judged by its first
    /// and last line.
    pub(super) fn is_in(&self, open: &OpenSegment) -> bool {
        let is_other = self.segment != Some(open.number());
        is_other || self.first.is_in(open.file()) && self.last.is_in(open.file())
    }

    /// Returns `true` if the file is a segment of that number and begins with the first line that
    /// was read.
    pub(super) fn begins(&self, number: SegmentNumber, file: &SegmentFile) -> bool {
        let is_marked = self.segment == Some(number) && !self.first.bytes.is_empty();
        is_marked && self.first.is_in(file)
    }

    /// Returns `true` if the segment below the one that was read is another one now: then not only
    /// this one was rewritten.
    pub(super) fn is_moved(&self, number: SegmentNumber, directory: &Directory) -> bool {
        self.segment == Some(number)
            && start_below(directory, number)
                .is_some_and(|start| !start.starts_with(&self.below) || self.below.is_empty())
    }

    /// Continues with a file that was rewritten: lines that were read before are skipped from now
    /// on.
    pub(super) fn rewritten(&mut self) {
        self.first = Mark::default();
        self.last = Mark::default();
        self.repeats = Repetition::Skipped;
    }
}

/// Reads the start of the segment below, if there is one and it is not empty.
fn start_below(directory: &Directory, number: SegmentNumber) -> Option<Vec<u8>> {
    let below = SegmentNumber::new(number.get() - 1)?;
    let OpenedSegment::File(file, _) = open_segment(directory, below) else {
        return None;
    };
    let mut start = vec![0; MARK_BYTES_MAX];
    let read = file.read_start(&mut start, MARK_BYTES_MAX).ok()?;
    start.truncate(read);
    (read > 0).then_some(start)
}

/// More than the time, the session and the number of any usual record, which is enough to
/// distinguish two lines.
const MARK_BYTES_MAX: usize = 4096;

/// Number of lines of a segment that are recognised: nine times the number in a segment of the
/// usual size. It limits their memory to some 20 MB.
const LINES_MAX: usize = 1 << 20;
