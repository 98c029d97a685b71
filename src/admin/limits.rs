//! The limits in force at a location, who set each, and how many days they hold at the rate of the
//! last week. `policy::storage` combines the application's and the owner's limits.

use serde::Serialize;
use time::OffsetDateTime;

use super::Location;
use crate::error::Result;
use crate::policy::owner::OwnerFile;
use crate::policy::storage::Storage;
use crate::reader::Reader;
use crate::store::disk::Directory;
use crate::store::first_timestamp_of;
use crate::store::limits::{Compression, Limits};
use crate::store::segment::SegmentNumber;

/// The limits in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Bounds {
    /// The origin of the limits that the owner did not set: `application` if the application itself
    /// sets them, or `default`, which it may have changed.
    pub known_from: &'static str,
    /// The bytes of all segments together.
    pub total_bytes_max: u64,
    /// The age beyond which segments are removed.
    pub age_seconds_max: u64,
    /// The bytes at which a segment is closed.
    pub segment_bytes_max: u64,
    /// The longest line.
    pub line_bytes_max: usize,
    /// The longest text.
    pub string_bytes_max: usize,
    /// Whether closed segments are compressed.
    pub compress: bool,
    /// Who set each of the limits that an owner can set.
    pub set_by: LimitSources,
}

/// The size of the stored segments, and the limits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The bytes of all segments.
    pub bytes: u64,
    /// The limits in force.
    pub limits: Bounds,
}

impl Location {
    /// Returns how much is stored and the limits. It reads no records.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory does not exist or cannot be listed.
    pub fn usage(&self) -> Result<Usage> {
        let path = self.path();
        let sizes = Reader::open(&path)?.segment_sizes()?;
        Ok(Usage {
            bytes: sizes.iter().map(|(_, bytes)| bytes).sum(),
            limits: Bounds::of(self, &OwnerFile::read_at(&path).storage()),
        })
    }
}

/// Who set each of the limits that an owner can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LimitSources {
    /// The size of all segments together.
    pub total_bytes_max: LimitSource,
    /// The age beyond which segments are removed.
    pub age_max: LimitSource,
    /// Whether closed segments are compressed.
    pub compress: LimitSource,
}

/// The person or program that set a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "these are all the cases")]
pub enum LimitSource {
    /// The owner of the machine, in `policy.toml`.
    Owner,
    /// The application.
    Application,
    /// The default applies, unless the application set another limit, which is not known here.
    Default,
}

impl Bounds {
    pub(super) fn of(location: &Location, storage: &Storage) -> Self {
        let usual = Limits::default();
        let (known_from, source, application) = match location.builder() {
            Some(builder) => (
                "application",
                LimitSource::Application,
                builder.own_limits(),
            ),
            None => ("default", LimitSource::Default, &usual),
        };
        let limits = storage.in_force(application);
        let set_by = |is_owners: bool| {
            if is_owners {
                LimitSource::Owner
            } else {
                source
            }
        };
        Self {
            known_from,
            total_bytes_max: limits.total_bytes_max,
            age_seconds_max: limits.age_max.as_secs(),
            segment_bytes_max: limits.segment_bytes_max,
            line_bytes_max: limits.line_bytes_max,
            string_bytes_max: limits.string_bytes_max,
            compress: limits.compression == Compression::On,
            set_by: LimitSources {
                total_bytes_max: set_by(storage.total_bytes_max().is_some()),
                age_max: set_by(storage.age_max().is_some()),
                compress: set_by(storage.compression().is_some()),
            },
        }
    }
}

/// The rate at which the directory grew in the last week, and how long its limits hold at that
/// rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rate {
    /// Stored bytes of a day.
    pub bytes_per_day: u64,
    /// The whole days after which the total is full.
    pub total_days: u64,
    /// The whole days for which records are kept: until they exceed the total or the age.
    pub kept_days: u64,
}

impl Rate {
    /// Returns the rate of a directory, given the numbers and sizes of its segments. It reads the
    /// start of a few of them. Nothing if the records of too short a time are stored.
    pub(super) fn read(
        directory: &Directory,
        segments: &[(SegmentNumber, u64)],
        bounds: &Bounds,
        now: OffsetDateTime,
    ) -> Option<Self> {
        let sizes: Vec<u64> = segments.iter().map(|(_, bytes)| *bytes).collect();
        let start = |index: usize| first_timestamp_of(directory, segments.get(index)?.0);
        let is_compressed = |index: usize| {
            let number = segments.get(index).map(|(number, _)| *number);
            let plain = number.map(|number| directory.facts(&number.file_name()));
            bounds.compress && plain.is_some_and(|plain| plain.is_err())
        };
        let per_day = bytes_per_day(&sizes, start, is_compressed, bounds.total_bytes_max, now)?;
        Some(Self::new(per_day, bounds))
    }

    /// Returns the rate of that many bytes of a day, and what it means for these limits.
    pub(super) fn new(bytes_per_day: u64, bounds: &Bounds) -> Self {
        let total_days = bounds.total_bytes_max / bytes_per_day.max(1);
        Self {
            bytes_per_day,
            total_days,
            kept_days: total_days.min(bounds.age_seconds_max / DAY_SECONDS),
        }
    }

    /// Returns `true` if records exceed the total before they exceed the age.
    pub(super) fn is_by_size(&self, bounds: &Bounds) -> bool {
        self.bytes_for(bounds.age_seconds_max) > u128::from(bounds.total_bytes_max)
    }

    /// Returns the bytes of that many seconds.
    pub(super) fn bytes_for(&self, seconds: u64) -> u128 {
        u128::from(self.bytes_per_day) * u128::from(seconds) / u128::from(DAY_SECONDS)
    }
}

/// Returns the bytes of a day, from the segments that were started in the last week, given the
/// sizes of all, the lowest number first, and the times of their first records. Nothing if the
/// directory is too young: a few minutes are not representative of a day, unless their records fill
/// half of the total. Where segments are compressed, those that wait for it do not count: they
/// become smaller.
fn bytes_per_day(
    sizes: &[u64],
    mut start: impl FnMut(usize) -> Option<OffsetDateTime>,
    is_compressed: impl Fn(usize) -> bool,
    total_bytes_max: u64,
    now: OffsetDateTime,
) -> Option<u64> {
    let week_ago = now.saturating_sub(WINDOW);
    // The starts are in the order of the numbers, unless a clock was wrong.
    let (mut begin, mut end) = (0, sizes.len());
    while begin < end {
        let middle = begin.midpoint(end);
        // One whose first line is damaged has no time; the next one that has a time counts.
        let known = (middle..end).find_map(|index| Some((index, start(index)?)));
        match known {
            Some((index, time)) if time <= week_ago => begin = index + 1,
            Some(_) | None => end = middle,
        }
    }
    // A segment that was started earlier may be the only one: then its rate counts.
    let begin = begin.min(sizes.len().checked_sub(1)?);
    let from = match start(begin) {
        Some(first) if begin == 0 || first <= week_ago => first,
        Some(_) | None if begin > 0 => week_ago,
        Some(_) | None => return None,
    };
    let compressed = (begin..sizes.len())
        .rev()
        .find(|index| is_compressed(*index));
    let until = compressed.and_then(|last| Some((last + 1, start(last + 1)?)));
    let until = until.filter(|(_, time)| *time - from >= SPAN_LEAST && *time <= now);
    let (end, until) = until.unwrap_or((sizes.len(), now));
    let span = until - from;
    let bytes: u64 = sizes.get(begin..end).unwrap_or_default().iter().sum();
    let least = if bytes >= total_bytes_max / 2 {
        SPAN_LEAST_IF_FULL
    } else {
        SPAN_LEAST
    };
    let seconds = u128::try_from(span.whole_seconds()).ok()?;
    if span < least {
        return None;
    }
    let per_day = u128::from(bytes) * u128::from(DAY_SECONDS) / seconds;
    u64::try_from(per_day).ok().filter(|bytes| *bytes > 0)
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// A week: weekdays differ, and last month may have been another use.
const WINDOW: time::Duration = time::Duration::WEEK;
/// A shorter time is not representative of a day.
const SPAN_LEAST: time::Duration = time::Duration::hours(6);
/// Where the total is nearly full, no longer time may ever be stored.
const SPAN_LEAST_IF_FULL: time::Duration = time::Duration::minutes(10);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Telemetry;
    use crate::policy::storage::Preset;

    const MIB: u64 = 1 << 20;
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_795_000_000 + seconds).unwrap()
    }

    /// The rate of segments with these starts, relative to now, and sizes in MiB.
    fn mib_per_day(segments: &[(Option<i64>, u64)]) -> Option<u64> {
        let sizes: Vec<u64> = segments.iter().map(|(_, mib)| mib * MIB).collect();
        let start = |index: usize| segments[index].0.map(at);
        bytes_per_day(&sizes, start, |_| false, 256 * MIB, at(0)).map(|bytes| bytes / MIB)
    }

    #[test]
    fn segments_that_wait_for_their_compression_do_not_count() {
        // Each day a segment of 30 MiB, of which 3 remain; the last two days are not compressed.
        let starts = |index: usize| Some(at(i64::try_from(index).unwrap() * DAY - 6 * DAY));
        let rate = |sizes: &[u64]| {
            let sizes: Vec<u64> = sizes.iter().map(|mib| mib * MIB).collect();
            let is_compressed = |index: usize| sizes[index] <= 3 * MIB;
            let rate = bytes_per_day(&sizes, starts, is_compressed, 256 * MIB, at(0));
            rate.map(|bytes| bytes / MIB)
        };
        assert_eq!(rate(&[3, 3, 3, 3, 30, 30]), Some(3));
        assert_eq!(
            rate(&[3, 30, 3, 3, 30, 30]),
            Some(9),
            "one cannot be compressed"
        );
        assert_eq!(rate(&[30, 30, 30, 30, 30, 30]), Some(30), "none is yet");
        assert_eq!(rate(&[3, 3, 3, 3, 3, 3]), Some(3));
    }

    #[test]
    fn the_rate_is_that_of_the_last_week() {
        assert_eq!(mib_per_day(&[]), None);
        assert_eq!(mib_per_day(&[(Some(-2 * DAY), 10)]), Some(5));
        assert_eq!(
            mib_per_day(&[(Some(-2 * DAY), 10), (Some(-DAY), 4)]),
            Some(7)
        );
        let weeks: Vec<(Option<i64>, u64)> = (1..=60)
            .rev()
            .map(|days| (Some(-days * DAY + HOUR), if days > 7 { 90 } else { 3 }))
            .collect();
        assert_eq!(
            mib_per_day(&weeks),
            Some(3),
            "the weeks before do not count"
        );
    }

    #[test]
    fn a_young_directory_has_no_rate_unless_it_is_half_full() {
        assert_eq!(mib_per_day(&[(Some(-5 * HOUR), 10)]), None);
        assert_eq!(mib_per_day(&[(Some(-6 * HOUR), 10)]), Some(40));
        assert_eq!(mib_per_day(&[(Some(-HOUR), 128)]), Some(3072));
        assert_eq!(mib_per_day(&[(Some(-HOUR), 127)]), None);
        assert_eq!(mib_per_day(&[(Some(-60), 250)]), None);
    }

    #[test]
    fn a_rate_needs_a_time_in_the_past() {
        assert_eq!(mib_per_day(&[(None, 10)]), None);
        assert_eq!(mib_per_day(&[(Some(DAY), 10)]), None);
        assert_eq!(mib_per_day(&[(Some(0), 200)]), None);
        assert_eq!(mib_per_day(&[(None, 4), (Some(-DAY), 10)]), None);
        assert_eq!(mib_per_day(&[(Some(-2 * DAY), 4), (None, 10)]), Some(7));
        assert_eq!(mib_per_day(&[(Some(-2 * DAY), 0)]), None);
    }

    #[test]
    fn a_segment_that_is_older_than_a_week_may_be_the_only_one() {
        assert_eq!(mib_per_day(&[(Some(-30 * DAY), 90)]), Some(3));
        assert_eq!(
            mib_per_day(&[(Some(-40 * DAY), 90), (Some(-30 * DAY), 90)]),
            Some(3)
        );
        assert_eq!(
            mib_per_day(&[(Some(-40 * DAY), 90), (Some(-DAY), 70)]),
            Some(10)
        );
    }

    fn bounds(storage: &Storage) -> Bounds {
        let location = Location::of(&Telemetry::builder("a").dir("/nonexistent/a"));
        Bounds::of(&location.unwrap(), storage)
    }

    #[test]
    fn the_days_are_those_of_the_limit_that_is_reached_first() {
        let days = |rate: u64, storage: &Storage| {
            let bounds = bounds(storage);
            let rate = Rate::new(rate, &bounds);
            (rate.total_days, rate.kept_days, rate.is_by_size(&bounds))
        };
        let usual = Storage::default();
        assert_eq!(days(MIB, &usual), (256, 90, false));
        assert_eq!(days(4 * MIB, &usual), (64, 64, true));
        assert_eq!(days(1 << 30, &usual), (0, 0, true));
        let forever = Storage {
            age_max: Some(Duration::MAX),
            ..usual
        };
        assert_eq!(days(MIB, &forever), (256, 256, true));
        let huge = Storage {
            total_bytes_max: Some(i64::MAX as u64),
            ..usual
        };
        assert_eq!(days(1, &huge), (i64::MAX as u64, 90, false));
    }

    #[test]
    fn each_limit_has_the_source_that_set_it() {
        use LimitSource::{Application, Owner};
        let sources = |storage: &Storage| {
            let LimitSources {
                total_bytes_max,
                age_max,
                compress,
            } = bounds(storage).set_by;
            [total_bytes_max, age_max, compress]
        };
        assert_eq!(sources(&Storage::default()), [Application; 3]);
        let own = Storage {
            age_max: Some(Duration::from_hours(48)),
            ..Storage::default()
        };
        assert_eq!(sources(&own), [Application, Owner, Application]);
        let audit = Storage {
            preset: Some(Preset::Audit),
            ..Storage::default()
        };
        assert_eq!(sources(&audit), [Owner; 3]);
        assert!(bounds(&audit).compress);
    }
}
