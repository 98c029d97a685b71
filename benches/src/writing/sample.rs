//! What one process measured, and its text on the way to the process that asked for it.

use std::fmt;

use crate::Result;

/// What one process measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// The caller's time for an event, in nanoseconds.
    pub(super) mean: f64,
    /// The median of the caller's times; not a number where only the loops were timed.
    pub(super) p50: f64,
    /// What 99 of 100 of the caller's times keep below; not a number where only the loops were timed.
    pub(super) p99: f64,
    /// Processor time of the whole process for an event, in nanoseconds, until everything was in the files.
    pub(super) cpu: f64,
    /// Events in a second, until everything was in the files. A process cannot tell which were lost.
    pub(super) rate: f64,
}

/// What the events of one measurement cost, in nanoseconds.
#[derive(Debug)]
pub(super) struct Spent {
    pub(super) events: u64,
    /// All callers together.
    pub(super) callers: u128,
    /// The process, until everything was in the files.
    pub(super) cpu: u128,
    /// On the wall, until everything was in the files.
    pub(super) wall: u128,
    /// Each event of the caller, if each was timed.
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

/// Returns what so many of 100 sorted times keep below; not a number if there is none.
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
    /// Finds the sample in what a process printed; its loggers may have printed more.
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

/// How the line of a sample starts.
const WORD: &str = "sample";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_reads_back_among_what_loggers_print() {
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
    fn a_quantile_is_the_time_that_so_many_keep_below() {
        let sorted: Vec<u32> = (0..200).collect();
        assert_eq!(quantile(&sorted, 50).to_bits(), 100_f64.to_bits());
        assert_eq!(quantile(&sorted, 99).to_bits(), 198_f64.to_bits());
        assert!(quantile(&[], 99).is_nan());
    }
}
