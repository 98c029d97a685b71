//! How much is measured.

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Enough to be judged.
    Full,
    /// Shows within seconds that the bench works; the numbers decide nothing.
    Quick,
}

impl Effort {
    /// Returns how often the contenders take turns; odd, so that one round is the median.
    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::Full => 7,
            Self::Quick => 1,
        }
    }

    /// Returns the first for a full run, the second for a quick one.
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}
