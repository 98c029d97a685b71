//! What the rounds of one contender came to.

/// One number for each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    /// Adds what a round came to.
    pub(crate) fn push(&mut self, value: f64) {
        let at = self.0.partition_point(|own| own.total_cmp(&value).is_lt());
        self.0.insert(at, value);
    }

    /// Returns the median; not a number if there was no round.
    pub(crate) fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Returns the least.
    pub(crate) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// Returns the most.
    pub(crate) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}
