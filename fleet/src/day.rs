//! A day of UTC, as in the name of a partition, and the range of times that a user asked for.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use localtel::read::Timestamp;
use localtel::read::raw::RawText;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day: `2026-11-21`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UtcDay([u8; 10]);

impl UtcDay {
    /// Returns the day of a time as it is in a line.
    pub(crate) fn of(timestamp: RawText<'_>) -> Self {
        // A line has no shorter time.
        Self(*timestamp.bytes().first_chunk().unwrap_or(b"1970-01-01"))
    }

    fn of_time(time: Timestamp) -> Self {
        Self(
            *time
                .to_string()
                .as_bytes()
                .first_chunk()
                .unwrap_or(b"1970-01-01"),
        )
    }

    /// Returns the day as text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for UtcDay {
    type Err = localtel::Error;

    /// Accepts only what [`UtcDay::of`] returns, so that the text may be part of a path.
    fn from_str(text: &str) -> Result<Self, localtel::Error> {
        format!("{text}T00:00:00Z").parse().map(Self::of_time)
    }
}

impl Serialize for UtcDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for UtcDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The times of the records that are wanted: from `since` on, and before `until`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WantedTimes {
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

/// The part of a day that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayPart {
    /// Nothing.
    None,
    /// The records in a range, of which the bounds outside of the day are left out: a day in the
    /// middle of a range is the same whatever the range is.
    Range(WantedTimes),
}

impl WantedTimes {
    /// Returns the part of a day that is in the range.
    pub(crate) fn of_day(self, day: UtcDay) -> DayPart {
        let first = |time: Timestamp| UtcDay::of_time(time);
        let is_before = self.since.is_some_and(|since| day < first(since));
        let is_after = self.until.is_some_and(|until| day > first(until));
        let part = Self {
            since: self.since.filter(|since| first(*since) == day),
            until: self.until.filter(|until| first(*until) == day),
        };
        if is_before || is_after {
            DayPart::None
        } else {
            DayPart::Range(part)
        }
    }

    /// Returns `true` if a time is in the range.
    pub(crate) fn contains(self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

/// A bound as a user writes it: a time of RFC 3339, a day of UTC, or an age such as `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeBound {
    /// This time.
    At(Timestamp),
    /// So long before now.
    Ago(Duration),
}

impl TimeBound {
    /// Returns the time.
    pub(crate) fn time(self, now: SystemTime) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(age) => now
                .checked_sub(age)
                .unwrap_or(SystemTime::UNIX_EPOCH)
                .into(),
        }
    }
}

impl FromStr for TimeBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = || format!("{text}T00:00:00Z").parse();
        if let Ok(time) = text.parse().or_else(|_| day()) {
            return Ok(Self::At(time));
        }
        let age = humantime::parse_duration(text);
        age.map(Self::Ago).map_err(|_| {
            "give a time as `2026-11-21T08:00:00Z`, a day of UTC as `2026-11-21`, or an age as `7d`"
                .to_owned()
        })
    }
}
