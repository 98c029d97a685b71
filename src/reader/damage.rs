//! Positions in the recorded data, and kinds of damage. These are values only: damage is found by
//! `scanner` (inside a segment) and `walk` (between segments).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZero;

use crate::error::Error;
use crate::store::segment::SegmentNumber;

/// A position in the recorded data: a byte of a segment. Positions are compared without the number
/// of the line, which is there for people.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Position {
    /// The segment of the position.
    pub segment: SegmentNumber,
    /// The byte offset in the segment, counted from 0.
    pub byte: u64,
    /// The line in the segment, counted from 1, if the lines before it were counted. A reader that
    /// starts elsewhere than at the first line counts them when it finds damage, and later where it
    /// reads much, so that the last lines are found without reading the others.
    pub line: Option<NonZero<u64>>,
}

impl Position {
    /// Creates the position of a line that was read before, of which the number is not known.
    pub const fn new(segment: SegmentNumber, byte: u64) -> Self {
        Self {
            segment,
            byte,
            line: None,
        }
    }

    /// Returns the position of the first byte of a segment.
    pub(crate) const fn start_of(segment: SegmentNumber) -> Self {
        Self {
            segment,
            byte: 0,
            line: Some(NonZero::<u64>::MIN),
        }
    }

    /// Returns the position behind that many bytes, which contain that many newlines.
    pub(crate) fn after(self, bytes: u64, newlines: u64) -> Self {
        Self {
            byte: self.byte + bytes,
            line: self.line.map(|line| line.saturating_add(newlines)),
            ..self
        }
    }

    fn place(&self) -> (SegmentNumber, u64) {
        (self.segment, self.byte)
    }
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Position {}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl Hash for Position {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place().hash(state);
    }
}

/// The file and the line, or the byte if the line is not known.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.segment.file_name();
        match self.line {
            Some(line) => write!(f, "{file}:{line}"),
            None => write!(f, "{file} at byte {}", self.byte),
        }
    }
}

/// A run of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentRange {
    /// The lowest segment of the run.
    pub first: SegmentNumber,
    /// The highest segment of the run.
    pub last: SegmentNumber,
}

impl fmt::Display for SegmentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            f.write_str(&self.first.file_name())
        } else {
            write!(f, "{} to {}", self.first.file_name(), self.last.file_name())
        }
    }
}

/// Data that should be a record or a segment and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The kind of damage.
    pub kind: DamageKind,
    /// The position of its first byte.
    pub position: Position,
    /// Number of unreadable bytes; 0 if unknown.
    pub bytes: u64,
    /// The first of these bytes. They can have any value, so escape them for display.
    pub excerpt: Vec<u8>,
}

/// The ways in which recorded data can be damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// A record that is cut off: its writer was stopped in the middle.
    Torn,
    /// A line that is not a record.
    NotARecord,
    /// Bytes that were never written: a crash of the machine can leave zeros.
    NulHole,
    /// Compressed bytes that cannot be decompressed. Of those of a segment that localtel
    /// compressed, the number when decompressed is known.
    #[non_exhaustive]
    Undecodable {
        /// The error message.
        reason: String,
    },
    /// A line that is longer than the reader's limit.
    TooLong,
    /// A line that is not UTF-8.
    InvalidUtf8,
    /// Segments that do not exist and were not removed on purpose.
    #[non_exhaustive]
    Missing {
        /// The missing segments.
        segments: SegmentRange,
    },
    /// Something other than a regular file has the name of a segment; it is not read.
    NotAFile,
    /// An IO error prevents reading further in this segment, or listing the segments after it.
    #[non_exhaustive]
    Unreadable {
        /// The error message.
        reason: String,
    },
}

impl Damage {
    /// An excerpt fills a few lines of a terminal at most: 200 characters of up to 4 bytes.
    const EXCERPT_BYTES_MAX: usize = 800;

    pub(super) fn in_line(kind: DamageKind, position: Position, bytes: &[u8]) -> Self {
        let shown = bytes.len().min(Self::EXCERPT_BYTES_MAX);
        Self {
            kind,
            position,
            bytes: bytes.len() as u64,
            excerpt: bytes.get(..shown).unwrap_or_default().to_vec(),
        }
    }

    pub(super) fn of_segment(kind: DamageKind, position: Position) -> Self {
        Self {
            kind,
            position,
            bytes: 0,
            excerpt: Vec::new(),
        }
    }

    /// Returns the damage for a directory that could not be listed at that position.
    pub(super) fn unlistable(position: Position, error: &Error) -> Self {
        let reason = error.to_string();
        Self::of_segment(DamageKind::Unreadable { reason }, position)
    }

    pub(super) fn missing(segments: SegmentRange) -> Self {
        let position = Position::start_of(segments.first);
        Self::of_segment(DamageKind::Missing { segments }, position)
    }
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn => f.write_str("an incomplete record"),
            Self::NotARecord => f.write_str("not a record"),
            Self::NulHole => f.write_str("a run of NUL bytes"),
            Self::Undecodable { reason } => write!(f, "cannot be decompressed: {reason}"),
            Self::TooLong => f.write_str("a line that is too long for a record"),
            Self::InvalidUtf8 => f.write_str("not UTF-8"),
            Self::Missing { segments } => write!(f, "{segments} lost"),
            Self::NotAFile => f.write_str("not a regular file, and not followed"),
            Self::Unreadable { reason } => write!(f, "unreadable: {reason}"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DamageKind::Missing { .. } => self.kind.fmt(f),
            DamageKind::NotAFile | DamageKind::Unreadable { .. } => {
                write!(f, "{}: {}", self.position.segment.file_name(), self.kind)
            }
            DamageKind::Torn
            | DamageKind::NotARecord
            | DamageKind::NulHole
            | DamageKind::Undecodable { .. }
            | DamageKind::TooLong
            | DamageKind::InvalidUtf8 => {
                write!(f, "{}: {} ({} bytes)", self.position, self.kind, self.bytes)
            }
        }
    }
}

impl std::error::Error for Damage {}

/// A message of a reader about data that is not damaged but is not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Segments were removed on purpose (retention, clear) before they were read.
    #[non_exhaustive]
    Removed {
        /// The removed segments.
        segments: SegmentRange,
    },
    /// Something other than localtel truncated the segment while it was followed. Reading continues
    /// with the lines in it that were not read before.
    #[non_exhaustive]
    Truncated {
        /// The truncated segment.
        segment: SegmentNumber,
        /// The size in bytes up to which it had been read.
        bytes_before: u64,
        /// Its present size in bytes.
        bytes: u64,
    },
    /// Something other than localtel replaced the file of a segment while it was followed, or
    /// rewrote it. Reading continues with the lines in it that were not read before.
    #[non_exhaustive]
    SegmentReplaced {
        /// The replaced segment.
        segment: SegmentNumber,
    },
    /// The directory was replaced by another one, or emptied and started again. Reading continues
    /// at the start of the new one; in a copy, which contains the segment that was read last, with
    /// the lines in it that were not read before.
    Replaced,
    /// The last line of the active segment has no newline yet: its writer is still writing it, or
    /// was stopped there and the next writer will end it. Until then it is not counted as damage.
    #[non_exhaustive]
    Unfinished {
        /// The position of its first byte.
        position: Position,
        /// Number of bytes that are written.
        bytes: u64,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed { segments } => {
                write!(f, "{segments} removed on purpose before being read")
            }
            Self::Truncated {
                segment,
                bytes_before,
                bytes,
            } => write!(
                f,
                "{} was truncated by another program from {bytes_before} to {bytes} bytes; continuing with the new lines in it",
                segment.file_name()
            ),
            Self::SegmentReplaced { segment } => write!(
                f,
                "{} was replaced or rewritten by another program; continuing with the new lines in it",
                segment.file_name()
            ),
            Self::Replaced => f.write_str(
                "the directory was replaced or emptied by another program; continuing with the new lines in it",
            ),
            Self::Unfinished { position, bytes } => {
                write!(f, "{position}: the last line is unfinished ({bytes} bytes)")
            }
        }
    }
}
