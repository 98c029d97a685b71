//! A frame: a line on its way from the caller to the writer, behind a header that says how long it is and
//! where the writer inserts what it alone knows.

/// The header of a frame: the length of the line as it stands, where the number goes, and who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the line that follows, newline included, number not.
    pub(crate) line_bytes: usize,
    /// Where in the line session and sequence number go.
    pub(crate) number_at: usize,
    /// Whether the record is localtel's own.
    pub(crate) is_own: bool,
}

impl FrameHeader {
    /// Two 32-bit numbers; the upper bit of the second says whose the record is.
    pub(crate) const BYTES: usize = 8;
    const OWN: u32 = 1 << 31;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let length = u32::try_from(self.line_bytes).unwrap_or(u32::MAX);
        let place =
            u32::try_from(self.number_at).unwrap_or(0) | if self.is_own { Self::OWN } else { 0 };
        (u64::from(place) << u32::BITS | u64::from(length)).to_le_bytes()
    }

    /// Splits the first frame off a run of frames.
    pub(crate) fn split_first(frames: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        let (length, rest) = frames.split_first_chunk::<4>()?;
        let (place, rest) = rest.split_first_chunk::<4>()?;
        let (length, place) = (u32::from_le_bytes(*length), u32::from_le_bytes(*place));
        let header = Self {
            line_bytes: length as usize,
            number_at: (place & !Self::OWN) as usize,
            is_own: place & Self::OWN != 0,
        };
        let (line, rest) = rest.split_at_checked(header.line_bytes)?;
        Some((header, line, rest))
    }
}
