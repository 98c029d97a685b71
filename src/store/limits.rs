//! Every limit on a line, a segment, the directory and the buffer in memory, with its default and
//! the arithmetic behind it. Pure values; they are enforced by `store` (segments, totals), `encode`
//! (values, lines) and `recorder` (the buffer).

use std::time::Duration;

use super::Listed;
use super::segment::SegmentNumber;
use crate::error::{Error, Result};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const DAY: Duration = Duration::from_hours(24);

/// Limits on memory and disk.
///
/// The owner of the machine can replace those of the directory (`total_bytes_max`, `age_max`,
/// `compression`) in the table `storage` of `policy.toml`, by smaller or by larger ones.
///
/// ```
/// use localtel::Limits;
///
/// let limits = Limits { total_bytes_max: 64 << 20, ..Limits::default() };
/// # let _ = limits;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a program sets some of them and takes the others from the default"
)]
pub struct Limits {
    /// The longest string value in bytes; a longer one is cut at a character boundary and ends in
    /// `…`. 16 KiB is enough for any stack trace that a person would read.
    pub string_bytes_max: usize,
    /// The longest line in bytes; a longer one is replaced by one that records the cut. 256 KiB =
    /// 16 strings of the longest kind. Never more than half a segment, nor than 1 MiB.
    pub line_bytes_max: usize,
    /// The size in bytes at which a segment is closed. 16 MiB is about 60,000 records: small enough
    /// to open in an editor and to remove as a unit, large enough that rotation costs nothing.
    pub segment_bytes_max: u64,
    /// The age at which a segment is closed. A day, so that removal by age is exact to a day.
    ///
    /// The first record of a segment has its start. A segment that starts more than an hour ahead
    /// of this clock is closed at once, and one that starts before the segment before it is as old
    /// as that one.
    pub segment_age_max: Duration,
    /// The size in bytes of all segments together; the oldest are removed first. 256 MiB = 16
    /// segments = about a million records, a negligible part of a disk.
    ///
    /// A segment that cannot be removed (because it is immutable or mounted, for example) is
    /// skipped and counts; the next ones are removed in its place. If such segments leave less room
    /// than two segments take, recording continues in two beside them, so the total is exceeded by
    /// at most two segments. If they alone are larger than the total, nothing is recorded until
    /// they can be removed. `localtel doctor` names them.
    pub total_bytes_max: u64,
    /// The age beyond which segments are removed: 90 days, a quarter of a year. A segment is
    /// removed when its newest record is older.
    ///
    /// The ages are checked when a process first writes to the directory, whenever a segment is
    /// closed, and once an hour (for a shorter age, as often as that age) while the process writes.
    /// The active segment is closed then, too, if all of it is older. While no process records,
    /// nothing is removed: use `localtel clear --before`.
    ///
    /// A clock that is wrong must not remove what others recorded: for removal, now is never later
    /// than the newest record of another session that this one has seen, plus a day, plus the time
    /// since then.
    pub age_max: Duration,
    /// The number of segments kept, if it has a limit of its own.
    pub segments_max: Option<u64>,
    /// The bytes that may wait in memory for the disk. 8 MiB is about 30,000 records: seconds of a
    /// burst, and acceptable in a small host.
    pub buffer_bytes_max: usize,
    /// Whether closed segments are compressed. Off by default: a program that follows the files
    /// itself may not read compressed ones.
    pub compression: Compression,
}

/// Whether closed segments are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "segments are either compressed or not"
)]
pub enum Compression {
    /// Segments stay as they were written.
    #[default]
    Off,
    /// The worker of a program that records compresses each segment a day after it was closed, or
    /// earlier when room is needed.
    On,
}

impl From<bool> for Compression {
    fn from(is_on: bool) -> Self {
        if is_on { Self::On } else { Self::Off }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            string_bytes_max: 16 * 1024,
            line_bytes_max: 256 * 1024,
            segment_bytes_max: 16 * MIB,
            segment_age_max: DAY,
            total_bytes_max: 256 * MIB,
            age_max: DAY * 90,
            segments_max: None,
            buffer_bytes_max: 8 * 1024 * 1024,
            compression: Compression::Off,
        }
    }
}

impl Limits {
    /// Returns the length of the longest line that is written: no reader accepts more than 1 MiB
    /// for a record, and a segment has room for at least two lines.
    pub(crate) fn line_bytes_effective_max(&self) -> usize {
        let half_segment = usize::try_from(self.segment_bytes_max / 2).unwrap_or(usize::MAX);
        self.line_bytes_max
            .min(READ_LINE_BYTES_MAX)
            .min(half_segment)
    }

    /// Checks that the limits fit together.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first limit that is too small for the others.
    pub fn validate(&self) -> Result<()> {
        let wrong = |reason: String| Err(Error::invalid("limits", reason));
        if self.string_bytes_max < 16 {
            return wrong(format!(
                "strings of {} bytes are too short for values; use at least 16",
                self.string_bytes_max
            ));
        }
        if self.line_bytes_max < LINE_BYTES_LEAST {
            return wrong(format!(
                "lines of {} bytes are too short for records; use at least {LINE_BYTES_LEAST}",
                self.line_bytes_max
            ));
        }
        if self.segment_bytes_max < SEGMENT_BYTES_LEAST {
            return wrong(format!(
                "segments of {} bytes are too small; use at least {SEGMENT_BYTES_LEAST}",
                self.segment_bytes_max
            ));
        }
        if self.total_bytes_max < self.segment_bytes_max.saturating_mul(2) {
            return wrong(format!(
                "a total of {} bytes is too small for two segments of {} bytes",
                self.total_bytes_max, self.segment_bytes_max
            ));
        }
        if self.segments_max.is_some_and(|count| count < 2) {
            return wrong(
                "at least two segments must be kept: the active one and one closed".to_owned(),
            );
        }
        if self.buffer_bytes_max < self.line_bytes_max.saturating_mul(2) {
            return wrong(format!(
                "a buffer of {} bytes is too small for two lines of {} bytes",
                self.buffer_bytes_max, self.line_bytes_max
            ));
        }
        Ok(())
    }
}

impl Limits {
    /// Returns limits that remove nothing that either of the two keeps.
    pub(crate) fn milder(&self, other: &Self) -> Self {
        let segments = self.segments_max.zip(other.segments_max);
        Self {
            segment_bytes_max: self.segment_bytes_max.max(other.segment_bytes_max),
            segment_age_max: self.segment_age_max.max(other.segment_age_max),
            total_bytes_max: self.total_bytes_max.max(other.total_bytes_max),
            age_max: self.age_max.max(other.age_max),
            segments_max: segments.map(|(own, other)| own.max(other)),
            ..self.clone()
        }
    }

    /// Returns the lowest number to keep so that one more full segment fits: by size and by count.
    /// These are the bytes and the number of all existing segments, of which some may be lower than
    /// those listed. A segment that cannot be removed frees no room.
    pub(crate) fn keep_from(
        &self,
        listed: &[Listed],
        (mut bytes, mut count): (u64, u64),
        is_stuck: impl Fn(SegmentNumber) -> bool,
    ) -> SegmentNumber {
        let count_max = self.segments_max.unwrap_or(u64::MAX);
        let mut keep_from = SegmentNumber::FIRST;
        for pair in listed.windows(2) {
            let [oldest, next] = pair else { break };
            let fits = bytes.saturating_add(self.segment_bytes_max) <= self.total_bytes_max;
            if fits && count < count_max {
                break;
            }
            keep_from = next.number;
            if !is_stuck(oldest.number) {
                bytes -= oldest.bytes;
                count -= 1;
            }
        }
        keep_from
    }
}

/// A record whose line was cut has a target and a name of up to 256 bytes each, six times as many
/// if all of it is escaped, and some 500 bytes besides.
const LINE_BYTES_LEAST: usize = 4096;

/// The longest line that a reader accepts for a record: four times the default, and still
/// negligible in a reader's memory.
pub(crate) const READ_LINE_BYTES_MAX: usize = 1 << 20;

/// Each segment starts with a session record of about 500 bytes for every process that writes to
/// it.
pub(crate) const SEGMENT_BYTES_LEAST: u64 = 16 * KIB;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_together() {
        assert!(Limits::default().validate().is_ok());
    }

    #[test]
    fn the_milder_of_two_limits_keeps_what_either_keeps() {
        let short = Limits {
            age_max: DAY,
            segment_age_max: DAY / 2,
            total_bytes_max: 1024 * MIB,
            ..Limits::default()
        };
        let few = Limits {
            segments_max: Some(3),
            segment_bytes_max: MIB,
            ..Limits::default()
        };
        for milder in [short.milder(&few), few.milder(&short)] {
            let expected = Limits {
                total_bytes_max: 1024 * MIB,
                ..Limits::default()
            };
            assert_eq!(milder, expected);
        }
        assert_eq!(few.milder(&few), few);
    }

    #[test]
    fn the_oldest_are_removed_until_one_more_segment_fits() {
        let listed: Vec<Listed> = (3..=8)
            .map(|number| Listed {
                number: SegmentNumber::new(number).unwrap(),
                bytes: 10 * MIB,
            })
            .collect();
        let all = (60 * MIB, 6);
        let keep_from = |limits: Limits| limits.keep_from(&listed, all, |_| false).get();
        assert_eq!(keep_from(Limits::default()), 1, "60 + 16 of 256 MiB fit");
        assert_eq!(
            keep_from(Limits {
                total_bytes_max: 60 * MIB,
                ..Limits::default()
            }),
            5,
            "40 + 16 of 60 MiB fit"
        );
        assert_eq!(
            keep_from(Limits {
                segments_max: Some(3),
                ..Limits::default()
            }),
            7,
            "two and the next are three"
        );
        assert_eq!(
            keep_from(Limits {
                total_bytes_max: MIB,
                ..Limits::default()
            }),
            8,
            "the head is never removed"
        );
    }

    #[test]
    fn a_segment_that_cannot_be_removed_counts() {
        let listed: Vec<Listed> = (3..=8)
            .map(|number| Listed {
                number: SegmentNumber::new(number).unwrap(),
                bytes: 10 * MIB,
            })
            .collect();
        let keep_from = |limits: Limits, stuck: &[u64]| {
            let is_stuck = |number: SegmentNumber| stuck.contains(&number.get());
            limits.keep_from(&listed, (60 * MIB, 6), is_stuck).get()
        };
        let bytes = || Limits {
            total_bytes_max: 60 * MIB,
            ..Limits::default()
        };
        assert_eq!(keep_from(bytes(), &[]), 5);
        assert_eq!(keep_from(bytes(), &[3]), 6);
        assert_eq!(keep_from(bytes(), &[3, 4]), 7);
        assert_eq!(keep_from(bytes(), &[6]), 5, "not reached");
        assert_eq!(keep_from(bytes(), &[3, 4, 5, 6, 7]), 8);
        assert_eq!(
            keep_from(
                Limits {
                    segments_max: Some(4),
                    ..Limits::default()
                },
                &[3]
            ),
            7
        );
    }

    #[test]
    fn no_line_is_longer_than_half_a_segment_or_than_a_reader_takes() {
        let effective = |limits: Limits| limits.line_bytes_effective_max();
        assert_eq!(effective(Limits::default()), 256 * 1024);
        assert_eq!(
            effective(Limits {
                segment_bytes_max: 16 * KIB,
                ..Limits::default()
            }),
            8 * 1024
        );
        assert_eq!(
            effective(Limits {
                line_bytes_max: 3 << 20,
                ..Limits::default()
            }),
            READ_LINE_BYTES_MAX
        );
    }

    #[test]
    fn a_bound_that_is_too_small_is_named() {
        let cases = [
            (
                Limits {
                    string_bytes_max: 3,
                    ..Limits::default()
                },
                "strings of 3 bytes",
            ),
            (
                Limits {
                    line_bytes_max: 100,
                    ..Limits::default()
                },
                "lines of 100 bytes",
            ),
            (
                Limits {
                    segment_bytes_max: 100,
                    ..Limits::default()
                },
                "segments of 100 bytes",
            ),
            (
                Limits {
                    total_bytes_max: 17 * MIB,
                    ..Limits::default()
                },
                "is too small for two segments",
            ),
            (
                Limits {
                    segments_max: Some(1),
                    ..Limits::default()
                },
                "at least two segments",
            ),
            (
                Limits {
                    buffer_bytes_max: 4096,
                    ..Limits::default()
                },
                "is too small for two lines",
            ),
        ];
        for (limits, expected) in cases {
            let message = limits.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
