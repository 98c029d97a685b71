//! A frame: a line on its way from the caller to the writer, behind a header that says how long it is and
//! where the writer inserts what it alone knows.

use crate::record::Level;

/// The header of a frame: the length of the line as it stands, where the number goes, who wrote it, and how
/// urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the line that follows, newline included, number not.
    pub(crate) line_bytes: usize,
    /// Where in the line session and sequence number go.
    pub(crate) number_at: usize,
    /// Whether the record is localtel's own.
    pub(crate) is_own: bool,
    /// Whether its level is ERROR: then the worker does not linger.
    pub(crate) is_error: bool,
}

impl FrameHeader {
    /// Two 32-bit numbers; the upper bits of the second say whose the record is, and whether it is an error.
    pub(crate) const BYTES: usize = 8;
    const OWN: u32 = 1 << 31;
    const ERROR: u32 = 1 << 30;

    /// Returns the header of a line that has not begun, of which only the level is known.
    pub(super) fn blank(level: Level) -> [u8; Self::BYTES] {
        let header = Self {
            line_bytes: 0,
            number_at: 0,
            is_own: false,
            is_error: level == Level::Error,
        };
        header.to_bytes()
    }

    /// Returns whether the frame is of an error.
    pub(crate) fn is_error(frame: &[u8]) -> bool {
        let place = frame.get(4..).and_then(<[u8]>::first_chunk);
        place.is_some_and(|place| u32::from_le_bytes(*place) & Self::ERROR != 0)
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let length = u32::try_from(self.line_bytes).unwrap_or(u32::MAX);
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let place = u32::try_from(self.number_at).unwrap_or(0)
            | flag(self.is_own, Self::OWN)
            | flag(self.is_error, Self::ERROR);
        (u64::from(place) << u32::BITS | u64::from(length)).to_le_bytes()
    }

    /// Splits the first frame off a run of frames.
    pub(crate) fn split_first(frames: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        let (length, rest) = frames.split_first_chunk::<4>()?;
        let (place, rest) = rest.split_first_chunk::<4>()?;
        let (length, place) = (u32::from_le_bytes(*length), u32::from_le_bytes(*place));
        let header = Self {
            line_bytes: length as usize,
            number_at: (place & !(Self::OWN | Self::ERROR)) as usize,
            is_own: place & Self::OWN != 0,
            is_error: place & Self::ERROR != 0,
        };
        let (line, rest) = rest.split_at_checked(header.line_bytes)?;
        Some((header, line, rest))
    }
}
