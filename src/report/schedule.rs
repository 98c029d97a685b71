//! The time of the next report: a pure function of the history and of the time. Requests for
//! reports, and claims of a due report, are handled elsewhere.

use std::time::Duration;

use time::OffsetDateTime;

use crate::history::History;

/// The intervals between reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// That interval.
    Every(Duration),
    /// An hour until there are [`HOURLY_REPORTS`], then a day; each up to an eighth longer, so that
    /// programs that were started together do not report together for ever.
    HourlyThenDaily,
}

impl Schedule {
    /// Returns the shortest time between two reports.
    pub(crate) const fn shortest(self) -> Duration {
        match self {
            Self::Every(every) => every,
            Self::HourlyThenDaily => HOUR,
        }
    }

    /// Returns the time from the last report to the next.
    fn interval(self, history: &History) -> Duration {
        match self {
            Self::Every(every) => every,
            Self::HourlyThenDaily => {
                let interval = if history.reports < HOURLY_REPORTS {
                    HOUR
                } else {
                    DAY
                };
                interval + interval / 8 * u32::from(history.jitter) / u32::from(u16::MAX)
            }
        }
    }

    /// Returns the time until a report is due: zero if no last one is known, or if it is at least
    /// as old as the interval. A last report in the future comes from a clock that jumped; it
    /// counts if it is no further ahead than the interval, so that the wait is never longer than
    /// twice that.
    pub(crate) fn due_in(self, history: &History, now: OffsetDateTime) -> Duration {
        let Some(reported) = history.reported else {
            return Duration::ZERO;
        };
        let interval = self.interval(history);
        let interval = time::Duration::try_from(interval).unwrap_or(time::Duration::MAX);
        let ago = now - reported;
        if ago >= interval || ago < -interval {
            return Duration::ZERO;
        }
        interval.saturating_sub(ago).try_into().unwrap_or_default()
    }
}

/// Number of hourly reports: as many as `TimescaleDB` sends.
const HOURLY_REPORTS: u64 = 12;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_795_000_000).unwrap()
    }

    /// The history after that many reports, the last of them just now.
    fn after(reports: u64, jitter: u16) -> History {
        History {
            reported: Some(now()),
            reports,
            jitter,
            ..History::default()
        }
    }

    #[test]
    fn a_clock_jump_delays_reports_by_one_interval_at_most() {
        let hours = time::Duration::hours;
        let table = [
            (hours(0), DAY, false),
            (hours(23), DAY, false),
            (hours(24), DAY, true),
            (hours(24 * 40_000), DAY, true),
            (hours(-1), DAY, false),
            (hours(-24), DAY, false),
            (hours(-25), DAY, true),
            (hours(-24 * 40_000), DAY, true),
            (hours(0), Duration::ZERO, true),
            (hours(-1), Duration::ZERO, true),
            (hours(24 * 40_000), Duration::MAX, false),
            (hours(-24 * 40_000), Duration::MAX, false),
        ];
        let history = after(1, u16::MAX);
        for (moved, every, is_due) in table {
            let schedule = Schedule::Every(every);
            let found = schedule.due_in(&history, now() + moved).is_zero();
            assert_eq!(found, is_due, "{moved}, every {every:?}");
        }
        assert!(
            Schedule::Every(Duration::MAX)
                .due_in(&History::default(), now())
                .is_zero()
        );
        let hour = now() + hours(1);
        assert_eq!(
            Schedule::Every(DAY).due_in(&history, hour),
            Duration::from_hours(23)
        );
    }

    #[test]
    fn the_first_twelve_reports_are_hourly_then_daily() {
        let hours = Duration::from_hours;
        let due_in = |history: &History| Schedule::HourlyThenDaily.due_in(history, now());
        assert_eq!(due_in(&History::default()), Duration::ZERO);
        for (reports, jitter, expected) in [
            // Written by an application with another schedule in an older version.
            (0, 0, hours(1)),
            (1, 0, hours(1)),
            (11, 0, hours(1)),
            (12, 0, hours(24)),
            (13, 0, hours(24)),
            (u64::MAX, 0, hours(24)),
            (1, u16::MAX, hours(1) + Duration::from_secs(450)),
            (12, u16::MAX, hours(27)),
        ] {
            let found = due_in(&after(reports, jitter));
            assert_eq!(found, expected, "{reports} reports, jitter {jitter}");
        }
        let random = due_in(&after(12, u16::MAX / 2));
        assert!((hours(25)..hours(26)).contains(&random), "{random:?}");
    }

    proptest! {
        #[test]
        fn reports_are_never_outside_their_interval(
            jitters in prop::collection::vec(any::<u16>(), 40),
            checks in prop::collection::vec(1_u64..7200, 40),
        ) {
            let mut history = History::default();
            let mut now = now();
            let mut waits = Vec::new();
            for (jitter, check) in jitters.into_iter().zip(checks) {
                // Other processes check in between; that changes nothing.
                let mut left = Schedule::HourlyThenDaily.due_in(&history, now);
                while !left.is_zero() {
                    now += left.min(Duration::from_secs(check));
                    let next = Schedule::HourlyThenDaily.due_in(&history, now);
                    prop_assert!(next < left);
                    left = next;
                }
                if let Some(before) = history.reported {
                    waits.push(Duration::try_from(now - before).unwrap());
                }
                history.reported = Some(now);
                history.reports += 1;
                history.jitter = jitter;
            }
            for (number, wait) in waits.into_iter().enumerate() {
                let interval = if number < 11 { HOUR } else { DAY };
                prop_assert!((interval..=interval + interval / 8).contains(&wait), "{number}: {wait:?}");
            }
        }

        #[test]
        fn no_clock_makes_the_wait_longer_than_twice_the_longest(
            reports: u64,
            jitter: u16,
            moved in -9_000_000_000_i64..9_000_000_000,
        ) {
            let now = now() + time::Duration::seconds(moved);
            let left = Schedule::HourlyThenDaily.due_in(&after(reports, jitter), now);
            prop_assert!(left <= Duration::from_hours(54), "{left:?}");
        }
    }
}
