//! The distribution of numbers: all of them up to a number of values, and then a sketch, which has
//! a bounded size and a known error.

use sketches_ddsketch::{Config, DDSketch};

/// A distribution of numbers.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    values: KeptNumbers,
    count: u64,
    sum: f64,
    /// The least and the greatest value.
    ends: Option<(f64, f64)>,
}

/// The accuracy of quantiles.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Accuracy {
    /// Each is one of the values.
    Exact,
    /// Each differs from one of the values by at most this fraction of it.
    Within(f64),
}

#[derive(Clone)]
enum KeptNumbers {
    Exact(Vec<f64>),
    Sketch(Box<DDSketch>),
}

impl Default for KeptNumbers {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl std::fmt::Debug for KeptNumbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(values) => write!(f, "Exact({})", values.len()),
            Self::Sketch(_) => f.write_str("Sketch"),
        }
    }
}

impl Distribution {
    /// The relative error of quantiles of a sketch.
    pub const SKETCH_ERROR: f64 = 0.01;

    /// Adds a number. One that is not finite is left out.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1;
        self.sum += value;
        self.widen((value, value));
        match &mut self.values {
            KeptNumbers::Exact(values) => values.push(value),
            KeptNumbers::Sketch(sketch) => sketch.add(value),
        }
    }

    /// Adds the numbers of another distribution, which is empty then.
    pub fn merge(&mut self, later: &mut Self) {
        self.count += std::mem::take(&mut later.count);
        self.sum += std::mem::take(&mut later.sum);
        if let Some(ends) = later.ends.take() {
            self.widen(ends);
        }
        match (&mut self.values, &mut later.values) {
            (KeptNumbers::Exact(own), KeptNumbers::Exact(values)) => own.append(values),
            (KeptNumbers::Sketch(sketch), KeptNumbers::Exact(values)) => {
                for value in values.drain(..) {
                    sketch.add(value);
                }
            }
            (KeptNumbers::Exact(_), KeptNumbers::Sketch(_)) => {
                self.sketch();
                self.merge_values(later);
            }
            (KeptNumbers::Sketch(_), KeptNumbers::Sketch(_)) => self.merge_values(later),
        }
    }

    /// Merges the sketch of another distribution into that of this one.
    fn merge_values(&mut self, later: &mut Self) {
        let values = std::mem::take(&mut later.values);
        if let (KeptNumbers::Sketch(own), KeptNumbers::Sketch(sketch)) = (&mut self.values, values)
        {
            // All sketches have the same configuration.
            let _merged = own.merge(&sketch);
        }
    }

    fn widen(&mut self, (least, greatest): (f64, f64)) {
        let (own_least, own_greatest) = self.ends.unwrap_or((least, greatest));
        self.ends = Some((own_least.min(least), own_greatest.max(greatest)));
    }

    /// Replaces the values by a sketch of them.
    pub(super) fn sketch(&mut self) {
        if let KeptNumbers::Exact(values) = &mut self.values {
            let config = Config::new(Self::SKETCH_ERROR, SKETCH_BINS_MAX, SKETCH_LEAST);
            let mut sketch = DDSketch::new(config);
            for value in values.drain(..) {
                sketch.add(value);
            }
            self.values = KeptNumbers::Sketch(Box::new(sketch));
        }
    }

    /// Returns the number of values that are kept: none of a sketch.
    pub(super) fn kept(&self) -> usize {
        match &self.values {
            KeptNumbers::Exact(values) => values.len(),
            KeptNumbers::Sketch(_) => 0,
        }
    }

    /// Returns the number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum of the values.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Returns the least value.
    pub fn least(&self) -> Option<f64> {
        self.ends.map(|(least, _)| least)
    }

    /// Returns the greatest value.
    pub fn greatest(&self) -> Option<f64> {
        self.ends.map(|(_, greatest)| greatest)
    }

    /// Returns how exact the quantiles are.
    pub fn accuracy(&self) -> Accuracy {
        match self.values {
            KeptNumbers::Exact(_) => Accuracy::Exact,
            KeptNumbers::Sketch(_) => Accuracy::Within(Self::SKETCH_ERROR),
        }
    }

    /// Returns the quantiles of these fractions, which are in ascending order: each is the least
    /// value such that this fraction of all values is not above it, as `quantile_disc` of SQL has
    /// it. Without values each is `None`.
    pub fn quantiles<const N: usize>(&mut self, fractions: [f64; N]) -> [Option<f64>; N] {
        let ends = self.ends;
        match &mut self.values {
            KeptNumbers::Exact(values) => {
                let (mut rest, mut before) = (values.as_mut_slice(), 0);
                fractions.map(|fraction| {
                    let rank = rank(fraction, before + rest.len())?.max(before) - before;
                    let slice = std::mem::take(&mut rest);
                    // What is before the last quantile need not be ordered again.
                    let (_, value, _) = slice.select_nth_unstable_by(rank, f64::total_cmp);
                    let value = *value;
                    rest = slice.get_mut(rank..)?;
                    before += rank;
                    Some(value)
                })
            }
            KeptNumbers::Sketch(sketch) => fractions.map(|fraction| {
                let (least, greatest) = ends?;
                let value = sketch.quantile(fraction).ok().flatten()?;
                Some(value.clamp(least, greatest))
            }),
        }
    }
}

/// Returns the place of a quantile among that many values in their order.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "values are kept in memory, so there are far less than 2^53 of them"
)]
fn rank(fraction: f64, count: usize) -> Option<usize> {
    let last = count.checked_sub(1)?;
    // The complement is rounded down, as DuckDB does, so that 0.95 of 20 values are 19 of them.
    let above = (count as f64 - count as f64 * fraction).floor() as usize;
    Some(last.saturating_sub(above).min(last))
}

/// The most bins of a sketch: from a nanosecond to years at an error of 1 %.
const SKETCH_BINS_MAX: u32 = 2048;

/// The least number that a sketch tells from 0.
const SKETCH_LEAST: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Distribution {
        let mut distribution = Distribution::default();
        for value in values {
            distribution.add(*value);
        }
        distribution
    }

    const FRACTIONS: [f64; 5] = [0.0, 0.5, 0.95, 0.99, 1.0];

    /// Returns the quantiles by their definition.
    fn by_definition(values: &[f64], fractions: [f64; 5]) -> [Option<f64>; 5] {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        fractions.map(|fraction| {
            let enough = |value: &&f64| {
                let below = sorted.iter().filter(|other| *other <= *value).count();
                f64::from(u32::try_from(below).unwrap())
                    >= fraction * f64::from(u32::try_from(sorted.len()).unwrap()) - 1e-9
            };
            sorted.iter().find(enough).copied()
        })
    }

    #[test]
    fn without_values_there_is_no_quantile() {
        let mut empty = Distribution::default();
        assert_eq!(empty.quantiles(FRACTIONS), [None; 5]);
        assert_eq!((empty.least(), empty.greatest()), (None, None));
    }

    #[test]
    fn numbers_that_are_not_finite_are_left_out() {
        let mut distribution = of(&[1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!(distribution.count(), 1);
        assert_eq!(distribution.quantiles(FRACTIONS), [Some(1.0); 5]);
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_definition(
            parts in proptest::collection::vec(proptest::collection::vec(-1e6..1e6_f64, 0..40), 0..6),
        ) {
            let whole: Vec<f64> = parts.concat();
            let mut merged = Distribution::default();
            for part in &parts {
                merged.merge(&mut of(part));
            }
            prop_assert_eq!(merged.count(), whole.len() as u64);
            prop_assert_eq!(merged.accuracy(), Accuracy::Exact);
            prop_assert_eq!(merged.quantiles(FRACTIONS), by_definition(&whole, FRACTIONS));
        }

        #[test]
        fn a_sketch_is_within_its_error(
            values in proptest::collection::vec(0.001..1e9_f64, 1..300),
            cut in 0..300_usize,
        ) {
            let (one, other) = values.split_at(cut.min(values.len()));
            let (mut sketch, mut later) = (of(one), of(other));
            sketch.sketch();
            // Of an exact part or another sketch.
            if cut % 2 == 0 {
                later.sketch();
            }
            sketch.merge(&mut later);
            let exact = of(&values);
            prop_assert_eq!(sketch.greatest(), exact.greatest());
            prop_assert_eq!(sketch.count(), exact.count());
            let found = sketch.quantiles(FRACTIONS);
            // A sketch interpolates between neighbours.
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            for (fraction, found) in FRACTIONS.into_iter().zip(found) {
                let at = rank(fraction, sorted.len()).unwrap();
                let least = sorted[at.saturating_sub(1)] * (1.0 - 2.0 * Distribution::SKETCH_ERROR);
                let most = sorted[(at + 1).min(sorted.len() - 1)] * (1.0 + 2.0 * Distribution::SKETCH_ERROR);
                let found = found.unwrap();
                prop_assert!(least <= found && found <= most, "{fraction}: {found}");
            }
        }
    }
}
