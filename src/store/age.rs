//! Ages: the clock that removal by age uses, and the times of segments that can be relied on. Pure
//! functions of values; the clocks of several writers of one directory may differ by years.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// One reading of both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// The wall clock, which may be wrong and may be set.
    pub clock: OffsetDateTime,
    /// The monotonic clock.
    pub steady: Instant,
}

/// The newest record of another session that a session has seen, and the time when it first saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Witness {
    pub(super) newest: OffsetDateTime,
    pub(super) seen: Instant,
}

impl Witness {
    /// Returns the witness after a record of that time was seen.
    pub(super) fn after(witness: Option<Self>, newest: OffsetDateTime, seen: Instant) -> Self {
        match witness {
            Some(known) if known.newest >= newest => known,
            Some(_) | None => Self { newest, seen },
        }
    }
}

/// Returns the time that removal by age takes for now: the earlier of this clock, and of the newest
/// record of another session plus a day plus the time since it was seen. So a clock that is ahead
/// by years removes nothing that others recorded in the last days. If no other session was seen,
/// this clock alone counts.
pub(super) fn removal_now(now: Now, witness: Option<Witness>) -> OffsetDateTime {
    let Some(Witness { newest, seen }) = witness else {
        return now.clock;
    };
    let since = time::Duration::try_from(now.steady.saturating_duration_since(seen));
    let bound = newest
        .saturating_add(CLOCKS_APART_MAX)
        .saturating_add(since.unwrap_or(time::Duration::MAX));
    now.clock.min(bound)
}

/// Returns `true` if that time is longer ago than that age.
pub(super) fn is_older(time: OffsetDateTime, now: OffsetDateTime, age_max: Duration) -> bool {
    now - time > age_max
}

/// Returns `true` if a segment that starts at that time was started by a clock that is ahead of
/// this one.
pub(crate) fn is_ahead(start: OffsetDateTime, clock: OffsetDateTime) -> bool {
    start - clock > AHEAD_MAX
}

/// The start of a segment, for the computation of its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AgeStart {
    /// At that time, which is not ahead of this clock.
    At(OffsetDateTime),
    /// The clock gives none, so the age counts from the time when this writer opened it.
    Unknown,
}

impl AgeStart {
    /// Returns the start of a segment, given the times of its first record and of that of the
    /// segment before it. Segments follow each other, so one that appears older than the one before
    /// it was started by a clock that is behind.
    pub(super) fn of(
        first: Option<OffsetDateTime>,
        before: Option<OffsetDateTime>,
        clock: OffsetDateTime,
    ) -> Self {
        let known = |time: Option<OffsetDateTime>| time.filter(|time| *time <= clock);
        match (known(first), known(before)) {
            (Some(first), before) => Self::At(before.map_or(first, |before| before.max(first))),
            // It was started after the one before it.
            (None, Some(before)) => Self::At(before),
            (None, None) => Self::Unknown,
        }
    }
}

/// Returns an upper bound of the times of the records in a closed segment, if one can be relied on.
/// `stated` is the `latest` in the segment after it, `next` the start of that one, and `earlier`
/// the latest start of this segment and those before it: one that starts before these was started
/// by a clock that is behind. A time ahead of `now` is not a bound.
pub(super) fn newest_of_closed(
    stated: Option<OffsetDateTime>,
    next: Option<OffsetDateTime>,
    earlier: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Option<OffsetDateTime> {
    let stated = stated.filter(|stated| *stated <= now);
    let next = next.filter(|next| *next <= now && earlier.is_none_or(|earlier| *next >= earlier));
    stated.or(next)
}

/// Returns the time between two checks of the ages by a writer.
pub(super) fn check_interval(age_max: Duration) -> Duration {
    age_max.clamp(Duration::from_secs(1), Duration::from_hours(1))
}

/// The largest difference between the clocks of working machines, including wrongly set time zones.
const CLOCKS_APART_MAX: time::Duration = time::Duration::DAY;

/// The time by which the start of a segment may be ahead before it is treated as a clock error.
const AHEAD_MAX: time::Duration = time::Duration::HOUR;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_795_000_000 + seconds).unwrap()
    }

    #[test]
    fn removal_follows_the_earlier_of_this_and_other_clocks() {
        let started = Instant::now();
        let year = 365 * DAY;
        // This clock, the newest record of another session, seconds since it was seen, and what
        // counts.
        let table = [
            (0, None, 0, 0),
            (5 * year, None, 0, 5 * year),
            (0, Some(-60), 0, 0),
            (5 * year, Some(-60), 0, DAY - 60),
            (5 * year, Some(-60), 7 * DAY, 8 * DAY - 60),
            (DAY - 60, Some(-60), 0, DAY - 60),
            (DAY - 59, Some(-60), 0, DAY - 60),
            (-year, Some(0), 0, -year),
            (0, Some(5 * year), 0, 0),
            (0, Some(-year), 0, DAY - year),
            (0, Some(-year), 2 * year, 0),
        ];
        for (clock, newest, since, expected) in table {
            let now = Now {
                clock: at(clock),
                steady: started + Duration::from_secs(u64::try_from(since).unwrap()),
            };
            let witness = newest.map(|newest| Witness {
                newest: at(newest),
                seen: started,
            });
            let counts = removal_now(now, witness);
            assert_eq!(counts, at(expected), "{clock} {newest:?} {since}");
        }
    }

    #[test]
    fn no_time_of_a_line_overflows() {
        let seen = Instant::now();
        let last = OffsetDateTime::from_unix_timestamp(253_402_300_799).unwrap();
        let witness = Some(Witness { newest: last, seen });
        let now = Now {
            clock: last,
            steady: seen + Duration::from_secs(1 << 40),
        };
        assert_eq!(removal_now(now, witness), last);
        assert!(!is_older(last, at(0), Duration::MAX));
        assert!(!is_older(at(0), last, Duration::MAX));
    }

    #[test]
    fn only_a_newer_record_replaces_the_witness() {
        let (first, later) = (Instant::now(), Instant::now() + Duration::from_secs(9));
        let seen = Witness::after(None, at(5), first);
        assert_eq!(Witness::after(Some(seen), at(5), later).seen, first);
        assert_eq!(Witness::after(Some(seen), at(4), later).newest, at(5));
        assert_eq!(Witness::after(Some(seen), at(6), later).seen, later);
    }

    #[test]
    fn a_segment_starts_no_earlier_than_the_one_before_it() {
        let table = [
            (Some(-9), None, AgeStart::At(at(-9))),
            (Some(-9), Some(-20), AgeStart::At(at(-9))),
            (Some(-9), Some(-3), AgeStart::At(at(-3))),
            (Some(-9), Some(3), AgeStart::At(at(-9))),
            (Some(9), Some(-3), AgeStart::At(at(-3))),
            (None, Some(-3), AgeStart::At(at(-3))),
            (Some(9), Some(3), AgeStart::Unknown),
            (Some(9), None, AgeStart::Unknown),
            (None, None, AgeStart::Unknown),
        ];
        for (first, before, expected) in table {
            let start = AgeStart::of(first.map(at), before.map(at), at(0));
            assert_eq!(start, expected, "{first:?} {before:?}");
        }
    }

    #[test]
    fn unreliable_times_do_not_bound_a_closed_segment() {
        let table = [
            (Some(-5), Some(-1), None, Some(-5)),
            (Some(5), Some(-1), Some(-9), Some(-1)),
            (None, Some(-1), Some(-9), Some(-1)),
            (None, Some(-1), Some(-1), Some(-1)),
            // The next segment was started by a clock that is behind.
            (None, Some(-10), Some(-9), None),
            (None, Some(1), Some(-9), None),
            (Some(5), Some(1), None, None),
            (None, None, None, None),
        ];
        for (stated, next, earlier, expected) in table {
            let bound = newest_of_closed(stated.map(at), next.map(at), earlier.map(at), at(0));
            assert_eq!(bound, expected.map(at), "{stated:?} {next:?} {earlier:?}");
        }
    }

    #[test]
    fn a_start_is_ahead_from_an_hour_on() {
        assert!(!is_ahead(at(3600), at(0)));
        assert!(is_ahead(at(3601), at(0)));
        assert!(!is_ahead(at(-DAY), at(0)));
    }
}
