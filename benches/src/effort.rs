//! The number of rounds and events of a run.

/// The size of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Enough for meaningful numbers.
    Full,
    /// Checks within seconds that the bench works; the numbers mean nothing.
    Quick,
}

impl Effort {
    /// Returns the number of rounds: odd, so that one round is the median.
    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::Full => 7,
            Self::Quick => 1,
        }
    }

    /// Returns the first value for a full run, the second for a quick one.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}
