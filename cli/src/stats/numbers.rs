//! The figures of a distribution, and how numbers are written.

use serde::Serialize;

use localtel::read::tally::{Accuracy, Distribution};

/// The figures of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Quantiles {
    pub(super) count: u64,
    pub(super) min: Option<f64>,
    pub(super) mean: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) max: Option<f64>,
    /// The relative error of the quantiles; 0 if they are exact.
    pub(super) error: f64,
}

impl Quantiles {
    pub(super) fn of(numbers: &mut Distribution) -> Self {
        let [p50, p95, p99] = numbers.quantiles([0.5, 0.95, 0.99]);
        #[expect(clippy::cast_precision_loss, reason = "a mean is a float")]
        let mean = (numbers.count() > 0).then(|| numbers.sum() / numbers.count() as f64);
        Self {
            count: numbers.count(),
            min: numbers.least(),
            mean,
            p50,
            p95,
            p99,
            max: numbers.greatest(),
            error: match numbers.accuracy() {
                Accuracy::Exact => 0.0,
                Accuracy::Within(error) => error,
            },
        }
    }
}

/// Returns a number for people: at most four digits behind the point, and none that say nothing.
pub(super) fn shown(number: Option<f64>) -> String {
    let Some(number) = number else {
        return "-".to_owned();
    };
    let digits = match number.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 1.0 => 3,
        _ => 4,
    };
    if number.fract() == 0.0 {
        return format!("{number:.0}");
    }
    let text = format!("{number:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    text.to_owned()
}

/// Returns a number for programs: the shortest text that is read back as the same number.
pub(super) fn exact(number: Option<f64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// Returns the share of a whole in per cent: `0.3 %`.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let thousandths = u128::from(part) * 1000 / u128::from(whole);
    if thousandths == 0 && part > 0 {
        return "<0.1 %".to_owned();
    }
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people_have_few_digits() {
        for (number, expected) in [
            (0.0, "0"),
            (0.123_456, "0.1235"),
            (1.5, "1.5"),
            (12.345_6, "12.35"),
            (871.0, "871"),
            (1234.56, "1235"),
            (-3.25, "-3.25"),
        ] {
            assert_eq!(shown(Some(number)), expected);
        }
        assert_eq!(shown(None), "-");
    }

    #[test]
    fn a_share_is_never_rounded_to_nothing() {
        for (part, whole, expected) in [
            (0, 10, "0.0 %"),
            (1, 100_000, "<0.1 %"),
            (476, 161_222, "0.2 %"),
            (10, 10, "100.0 %"),
            (0, 0, "-"),
        ] {
            assert_eq!(share(part, whole), expected);
        }
    }
}
