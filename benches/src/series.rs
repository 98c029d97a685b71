//! The values of one contender, one for each round.

/// A sorted list of values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    /// Adds the value of a round.
    pub(crate) fn push(&mut self, value: f64) {
        let at = self.0.partition_point(|own| own.total_cmp(&value).is_lt());
        self.0.insert(at, value);
    }

    /// Returns the median, or NaN if there was no round.
    pub(crate) fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Returns the minimum.
    pub(crate) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// Returns the maximum.
    pub(crate) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}
