//! Counts of records over time, by level, in buckets of one length. The length grows with the range
//! of time, so that the number of buckets is bounded.

use std::collections::BTreeMap;

use crate::record::{Level, Timestamp};

/// Counts of records over time.
#[derive(Debug, Clone)]
pub struct Timeline {
    bucket_seconds: i64,
    /// By the start of the bucket, in seconds since 1970.
    buckets: BTreeMap<i64, LevelCounts>,
}

/// Number of records of each level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LevelCounts([u64; Level::ALL.len()]);

/// The records of a range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeBucket {
    /// The start, in seconds since 1970.
    pub start: i64,
    /// The counts.
    pub counts: LevelCounts,
}

impl LevelCounts {
    /// Adds a record.
    pub fn add(&mut self, level: Level) {
        if let Some(count) = self.0.get_mut(level as usize) {
            *count += 1;
        }
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own += other;
        }
    }

    /// Returns the number of records of a level.
    pub fn of(&self, level: Level) -> u64 {
        self.0.get(level as usize).copied().unwrap_or(0)
    }

    /// Returns the number of all records.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Starts with buckets of a second.
impl Default for Timeline {
    fn default() -> Self {
        Self {
            bucket_seconds: 1,
            buckets: BTreeMap::new(),
        }
    }
}

impl Timeline {
    /// Adds a record.
    pub fn add(&mut self, time: Timestamp, level: Level) {
        let seconds = time.unix_micros().div_euclid(MICROS_PER_SECOND);
        let counts = self.bucket(seconds);
        counts.add(level);
        self.limit();
    }

    /// Adds the counts of another timeline, which is empty then.
    pub fn merge(&mut self, later: &mut Self) {
        let later = std::mem::take(later);
        if later.bucket_seconds > self.bucket_seconds {
            self.widen(later.bucket_seconds);
        }
        for (start, counts) in later.buckets {
            self.bucket(start).merge(&counts);
        }
        self.limit();
    }

    /// Returns the length of the buckets.
    pub fn bucket_seconds(&self) -> i64 {
        self.bucket_seconds
    }

    /// Returns the buckets with records, the oldest first.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = TimeBucket> {
        let buckets = self.buckets.iter();
        buckets.map(|(start, counts)| TimeBucket {
            start: *start,
            counts: *counts,
        })
    }

    fn bucket(&mut self, seconds: i64) -> &mut LevelCounts {
        let start = seconds - seconds.rem_euclid(self.bucket_seconds);
        self.buckets.entry(start).or_default()
    }

    /// Makes the buckets longer while there are too many.
    fn limit(&mut self) {
        while self.buckets.len() > buckets_max(self.bucket_seconds) {
            self.widen(longer(self.bucket_seconds));
        }
    }

    fn widen(&mut self, bucket_seconds: i64) {
        self.bucket_seconds = bucket_seconds;
        for (start, counts) in std::mem::take(&mut self.buckets) {
            self.bucket(start).merge(&counts);
        }
    }
}

/// Returns the next length of buckets. Each is a multiple of the one before; all offsets of zones
/// are multiples of a quarter of an hour.
fn longer(bucket_seconds: i64) -> i64 {
    let next = LENGTHS.into_iter().find(|next| *next > bucket_seconds);
    next.unwrap_or(bucket_seconds * 2)
}

/// Returns the most buckets of that length. Those of a quarter of an hour last for two years, so
/// that they can be added up to days of any zone.
fn buckets_max(bucket_seconds: i64) -> usize {
    if bucket_seconds == QUARTER {
        65_536
    } else {
        4096
    }
}

const QUARTER: i64 = 15 * 60;

/// The lengths of buckets, in seconds.
const LENGTHS: [i64; 5] = [1, 10, 60, QUARTER, 24 * 60 * 60];

const MICROS_PER_SECOND: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * MICROS_PER_SECOND).unwrap()
    }

    #[test]
    fn buckets_get_longer_instead_of_too_many() {
        let mut timeline = Timeline::default();
        for (range, length) in [
            (4000, 1),
            (40_000, 10),
            (240_000, 60),
            (58_000_000, QUARTER),
        ] {
            for seconds in (0..range).step_by(usize::try_from(length).unwrap()) {
                timeline.add(at(seconds), Level::Info);
            }
            assert_eq!(timeline.bucket_seconds(), length);
        }
    }

    #[test]
    fn times_before_1970_and_far_away_have_buckets() {
        let mut timeline = Timeline::default();
        let far = [-62_167_219_200, -1, 0, 253_402_300_799];
        for seconds in far {
            timeline.add(at(seconds), Level::Error);
        }
        let starts: Vec<i64> = timeline.buckets().map(|bucket| bucket.start).collect();
        assert_eq!(starts, far);
    }

    proptest! {
        #[test]
        fn timelines_of_parts_add_up_to_that_of_the_whole(
            parts in proptest::collection::vec(
                proptest::collection::vec((-200_000..400_000_i64, 0..5_usize), 0..4000), 0..4,
            ),
        ) {
            let (mut whole, mut merged) = (Timeline::default(), Timeline::default());
            for part in parts {
                let mut later = Timeline::default();
                for (seconds, level) in part {
                    let level = Level::ALL[level];
                    whole.add(at(seconds), level);
                    later.add(at(seconds), level);
                }
                merged.merge(&mut later);
            }
            prop_assert_eq!(merged.bucket_seconds(), whole.bucket_seconds());
            let all = |timeline: &Timeline| timeline.buckets().collect::<Vec<_>>();
            prop_assert_eq!(all(&merged), all(&whole));
        }
    }
}
