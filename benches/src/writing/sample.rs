//! The result of one process, and its text form, which the parent process parses.

use std::fmt;

use crate::Result;

/// The result of one process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// The caller's time for an event, in nanoseconds.
    pub(super) mean: f64,
    /// The median of the caller's times, or NaN if only the loops were timed.
    pub(super) p50: f64,
    /// The 99th percentile of the caller's times, or NaN if only the loops were timed.
    pub(super) p99: f64,
    /// Processor time of the whole process for an event, in nanoseconds, until everything was in
    /// the files.
    pub(super) cpu: f64,
    /// Events per second, until everything was in the files. It includes lost events.
    pub(super) rate: f64,
}

/// The times of one measurement, in nanoseconds.
#[derive(Debug)]
pub(super) struct Spent {
    pub(super) events: u64,
    /// Time of all callers together.
    pub(super) callers: u128,
    /// Processor time of the process, until everything was in the files.
    pub(super) cpu: u128,
    /// Wall time, until everything was in the files.
    pub(super) wall: u128,
    /// Time of each event of the caller, if each was timed.
    pub(super) each: Vec<u32>,
}

#[expect(clippy::cast_precision_loss, reason = "times far below 2^52 ns")]
impl From<Spent> for Sample {
    fn from(mut spent: Spent) -> Self {
        spent.each.sort_unstable();
        let events = spent.events as f64;
        Self {
            mean: spent.callers as f64 / events,
            p50: quantile(&spent.each, 50),
            p99: quantile(&spent.each, 99),
            cpu: spent.cpu as f64 / events,
            rate: events / (spent.wall as f64 / 1e9),
        }
    }
}

/// Returns a percentile of sorted times, or NaN if there are none.
fn quantile(sorted: &[u32], percent: usize) -> f64 {
    let found = sorted.get(sorted.len() * percent / 100);
    found.map_or(f64::NAN, |nanos| f64::from(*nanos))
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mean,
            p50,
            p99,
            cpu,
            rate,
        } = self;
        write!(f, "{WORD} {mean} {p50} {p99} {cpu} {rate}")
    }
}

impl Sample {
    /// Finds the sample in the output of a process; its loggers may have printed other lines.
    pub(super) fn of_output(output: &str) -> Result<Self> {
        let line = output.lines().find_map(|line| line.strip_prefix(WORD));
        let line = line.ok_or_else(|| format!("the process measured nothing: {output}"))?;
        let numbers: Vec<f64> = line
            .split_whitespace()
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()?;
        let [mean, p50, p99, cpu, rate] = numbers.as_slice() else {
            return Err(format!("a sample has five numbers: {line}").into());
        };
        Ok(Self {
            mean: *mean,
            p50: *p50,
            p99: *p99,
            cpu: *cpu,
            rate: *rate,
        })
    }
}

/// The first word of the line of a sample.
const WORD: &str = "sample";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_found_between_lines_of_loggers() {
        let sample = Sample {
            mean: 300.5,
            p50: 250.0,
            p99: 900.0,
            cpu: 700.25,
            rate: 1_000_000.0,
        };
        let output = format!("Sending shutdown signal failed\n{sample}\n");
        assert_eq!(Sample::of_output(&output).unwrap(), sample);
    }

    #[test]
    fn a_quantile_is_the_value_at_its_rank() {
        let sorted: Vec<u32> = (0..200).collect();
        assert_eq!(quantile(&sorted, 50).to_bits(), 100_f64.to_bits());
        assert_eq!(quantile(&sorted, 99).to_bits(), 198_f64.to_bits());
        assert!(quantile(&[], 99).is_nan());
    }
}
