//! The range that `--compare` compares with.

use std::str::FromStr;

use time::{Duration, OffsetDateTime};

use super::super::reading::TimeRange;
use super::super::time::{Bound, Zone, parse};
use localtel::{Error, Result};

/// The range to compare with, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The same times, that number of days before.
    DaysBefore(i64),
    /// As long, and just before.
    Before,
    /// From one time to another.
    Range(String, String),
}

impl FromStr for Comparison {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        match text.trim() {
            "yesterday" => Ok(Self::DaysBefore(1)),
            "last-week" | "last week" => Ok(Self::DaysBefore(7)),
            "before" => Ok(Self::Before),
            text => match text.split_once("..") {
                Some((from, to)) if !from.trim().is_empty() && !to.trim().is_empty() => {
                    Ok(Self::Range(from.to_owned(), to.to_owned()))
                }
                Some(_) | None => Err("expected yesterday, last-week, before, or a range such as \
                     2026-11-20..2026-11-21 or monday..tuesday"),
            },
        }
    }
}

impl Comparison {
    /// Returns the range that is selected and the one to compare it with. Without a start the
    /// selected one begins today or, compared with the last week, a week ago, and without an end it
    /// ends now.
    ///
    /// # Errors
    ///
    /// Returns an error if a time is invalid, or a range is needed and not selected.
    pub(super) fn ranges(
        &self,
        selected: TimeRange,
        zone: Zone,
        now: OffsetDateTime,
    ) -> Result<(TimeRange, TimeRange)> {
        let until = selected.until.unwrap_or(now);
        let since = match (selected.since, self) {
            (Some(since), _) => since,
            (None, Self::DaysBefore(7..)) => until - Duration::days(7),
            (None, Self::DaysBefore(_) | Self::Range(..)) => {
                parse("today", Bound::Since, zone, now)?
            }
            (None, Self::Before) => {
                return Err(Error::invalid(
                    "--compare",
                    "`before` needs the start of the range; add -S TIME",
                ));
            }
        };
        let (earlier, later) = match self {
            Self::DaysBefore(days) => (
                shifted(since, Duration::days(*days)),
                shifted(until, Duration::days(*days)),
            ),
            // Both ends of a range belong to it.
            Self::Before => (
                shifted(since, until - since),
                shifted(since, Duration::microseconds(1)),
            ),
            Self::Range(from, to) => (
                parse(from, Bound::Since, zone, now)?,
                parse(to, Bound::Until, zone, now)?,
            ),
        };
        if later < earlier {
            return Err(Error::invalid(
                "--compare",
                "the range ends before it begins",
            ));
        }
        let range = |since, until| TimeRange {
            since: Some(since),
            until: Some(until),
        };
        Ok((range(since, until), range(earlier, later)))
    }
}

/// Returns a time that is earlier by that much, as far as there are such times.
fn shifted(time: OffsetDateTime, by: Duration) -> OffsetDateTime {
    time.checked_sub(by).unwrap_or(time)
}
