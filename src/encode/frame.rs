//! A frame: a line on its way from the caller to the writer, after a header with its length and the
//! position at which the writer inserts session and sequence number.

use crate::record::Level;

/// The header of a frame: the length of the line, the position for the number, its origin, and its
/// urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the line that follows, with its newline and without the number.
    pub(crate) line_bytes: usize,
    /// The position in the line at which session and sequence number are inserted.
    pub(crate) number_at: usize,
    /// Whether the record is an internal one of localtel.
    pub(crate) is_own: bool,
    /// Whether its level is ERROR: the worker then does not linger.
    pub(crate) is_error: bool,
}

impl FrameHeader {
    /// Two 32-bit numbers; the upper bits of the second are the flags.
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

    /// Returns `true` if the frame has level ERROR.
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
