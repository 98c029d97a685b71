//! Where something stands in the recorded data, and what can be wrong there. Values only: who finds
//! damage is `scanner` (inside a segment) and `walk` (between segments).

use std::fmt;

use crate::error::Error;
use crate::store::segment::SegmentNumber;

/// A place in the recorded data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Position {
    /// The segment.
    pub segment: SegmentNumber,
    /// The byte in the segment, counted from 0.
    pub byte: u64,
    /// The line in the segment, counted from 1.
    pub line: u64,
}

impl Position {
    /// The place before the first byte of a segment.
    pub(super) const fn start_of(segment: SegmentNumber) -> Self {
        Self {
            segment,
            byte: 0,
            line: 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment.file_name(), self.line)
    }
}

/// A run of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentRange {
    /// The lowest of them.
    pub first: SegmentNumber,
    /// The highest of them.
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

/// Something that should be a record, or a segment, and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// Where it starts.
    pub position: Position,
    /// How many bytes are unreadable; 0 where that is unknown.
    pub bytes: u64,
    /// The first of these bytes, to be shown escaped: they may hold anything.
    pub excerpt: Vec<u8>,
}

/// The ways in which recorded data can be damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// A record that breaks off: its writer was stopped in the middle.
    Torn,
    /// A line that is no record.
    NotARecord,
    /// Bytes that were never written: a crash of the machine leaves them as zeros.
    NulHole,
    /// A line longer than the reader takes.
    TooLong,
    /// A line that is not UTF-8.
    InvalidUtf8,
    /// Segments that were not removed on purpose and are not there.
    #[non_exhaustive]
    Missing {
        /// Which ones.
        segments: SegmentRange,
    },
    /// Something other than a file bears the name of a segment; it is not followed.
    NotAFile,
    /// The operating system does not let us read on in this segment, or list what follows it.
    #[non_exhaustive]
    Unreadable {
        /// Its reason.
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

    /// Says at which position the directory could not be listed.
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
            Self::Torn => f.write_str("a record that breaks off"),
            Self::NotARecord => f.write_str("not a record"),
            Self::NulHole => f.write_str("a hole of zeros"),
            Self::TooLong => f.write_str("a line that is too long to be a record"),
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
            | DamageKind::TooLong
            | DamageKind::InvalidUtf8 => {
                write!(f, "{}: {} ({} bytes)", self.position, self.kind, self.bytes)
            }
        }
    }
}

impl std::error::Error for Damage {}

/// What a reader tells about the data beside the data: nothing is damaged, but something is not
/// shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Segments were removed on purpose (retention, clear) before they were read.
    #[non_exhaustive]
    Removed {
        /// Which ones.
        segments: SegmentRange,
    },
    /// Something other than localtel made the segment shorter while it was followed. Reading goes
    /// on with the lines in it that were not read before.
    #[non_exhaustive]
    Cut {
        /// Which one.
        segment: SegmentNumber,
        /// The size in bytes up to which it had been read.
        bytes_before: u64,
        /// The size in bytes that it has now.
        bytes: u64,
    },
    /// Something other than localtel put another file in the place of a segment while it was
    /// followed, or wrote it anew. Reading goes on with the lines in it that were not read before.
    #[non_exhaustive]
    SegmentReplaced {
        /// Which one.
        segment: SegmentNumber,
    },
    /// The directory was replaced by another one, or emptied and begun anew. Reading goes on at the
    /// start of the new one; in a copy, which holds the segment that was read last, with the lines
    /// in it that were not read before.
    Replaced,
    /// The last line of the active segment has no end yet: its writer is in the middle of it, or
    /// was stopped there and the next one will end it. It is not counted as damage before that.
    #[non_exhaustive]
    Unfinished {
        /// Where it starts.
        position: Position,
        /// How much of it is there.
        bytes: u64,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed { segments } => {
                write!(f, "{segments} removed on purpose before being read")
            }
            Self::Cut {
                segment,
                bytes_before,
                bytes,
            } => write!(
                f,
                "{} was cut from {bytes_before} to {bytes} bytes by something else; going on with what is new in it",
                segment.file_name()
            ),
            Self::SegmentReplaced { segment } => write!(
                f,
                "{} was replaced or rewritten by something else; going on with what is new in it",
                segment.file_name()
            ),
            Self::Replaced => f.write_str(
                "the directory was replaced or begun anew by something else; going on with what is new in it",
            ),
            Self::Unfinished { position, bytes } => {
                write!(f, "{position}: the last line is unfinished ({bytes} bytes)")
            }
        }
    }
}
