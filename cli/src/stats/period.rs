//! Periods of time: what `--per` counts by, and the columns of a histogram. A period begins where
//! the clock of the zone says so: a day at midnight, three hours at 00:00, 03:00 and so on.

use std::str::FromStr;

use time::{Date, Duration, OffsetDateTime, UtcOffset};

use super::super::time::Zone;

/// A length of time that fits into a day a whole number of times, or a number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockPeriod {
    /// Seconds, a divisor of a day.
    Seconds(i64),
    /// Days; those of a week begin on Monday.
    Days(i32),
}

/// The start of a period. They sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PeriodStart {
    /// Seconds since 1970.
    Moment(i64),
    /// A day of the zone, as a number of days.
    Day(i32),
}

impl FromStr for ClockPeriod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a period; write minute, hour, day or week, or a number of seconds, \
                 minutes or hours that divides a day: 30s, 15m, 6h"
            )
        };
        let seconds = match text {
            "second" => 1,
            "minute" => 60,
            "hour" => HOUR,
            "day" | "1d" | "24h" => return Ok(Self::DAY),
            "week" | "1w" | "7d" => return Ok(Self::WEEK),
            _ => {
                let number = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
                let unit = match text.strip_prefix(number).map(str::trim) {
                    Some("s" | "sec" | "seconds") => 1,
                    Some("m" | "min" | "minutes") => 60,
                    Some("h" | "hours") => HOUR,
                    Some(_) | None => return Err(wrong()),
                };
                let number: i64 = number.parse().map_err(|_| wrong())?;
                number.checked_mul(unit).ok_or_else(wrong)?
            }
        };
        match seconds {
            DAY => Ok(Self::DAY),
            1..DAY if DAY % seconds == 0 => Ok(Self::Seconds(seconds)),
            _ => Err(wrong()),
        }
    }
}

impl ClockPeriod {
    const DAY: Self = Self::Days(1);
    const WEEK: Self = Self::Days(7);
    /// The lengths for a histogram; the last is for all times that records may have.
    const NICE: [Self; 22] = [
        Self::Seconds(1),
        Self::Seconds(5),
        Self::Seconds(10),
        Self::Seconds(30),
        Self::Seconds(60),
        Self::Seconds(5 * 60),
        Self::Seconds(10 * 60),
        Self::Seconds(15 * 60),
        Self::Seconds(30 * 60),
        Self::Seconds(HOUR),
        Self::Seconds(2 * HOUR),
        Self::Seconds(3 * HOUR),
        Self::Seconds(6 * HOUR),
        Self::Seconds(12 * HOUR),
        Self::DAY,
        Self::WEEK,
        Self::Days(4 * 7),
        Self::Days(13 * 7),
        Self::Days(52 * 7),
        Self::Days(520 * 7),
        Self::Days(5200 * 7),
        Self::Days(52_000 * 7),
    ];

    /// Returns the shortest period that divides a range into at most that number, and is not
    /// shorter than what was counted.
    pub(super) fn for_range(seconds: i64, count_max: i64, counted_seconds: i64) -> Self {
        let fits = |period: &Self| {
            let length = period.seconds();
            // One more, for the range may begin within one.
            length >= counted_seconds && seconds / length < count_max
        };
        Self::NICE
            .into_iter()
            .find(fits)
            .unwrap_or(Self::Days(52_000 * 7))
    }

    /// Returns the usual length.
    pub(super) fn seconds(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Days(days) => i64::from(days) * DAY,
        }
    }

    /// Returns the name: `hour`, `15 minutes`.
    pub(super) fn name(self) -> String {
        let (number, unit) = match self {
            Self::Days(days) if days % 7 == 0 => (i64::from(days / 7), "week"),
            Self::Days(days) => (i64::from(days), "day"),
            Self::Seconds(seconds) if seconds % HOUR == 0 => (seconds / HOUR, "hour"),
            Self::Seconds(seconds) if seconds % 60 == 0 => (seconds / 60, "minute"),
            Self::Seconds(seconds) => (seconds, "second"),
        };
        if number == 1 {
            unit.to_owned()
        } else {
            format!("{number} {unit}s")
        }
    }

    /// Returns the start of the period of a time in seconds since 1970.
    pub(super) fn start_of(self, seconds: i64, zone: Zone) -> PeriodStart {
        let local = zone.show(moment(seconds));
        match self {
            Self::Seconds(length) => {
                let clock = local.time();
                let of_day = i64::from(clock.hour()) * HOUR
                    + i64::from(clock.minute()) * 60
                    + i64::from(clock.second());
                PeriodStart::Moment(seconds - of_day % length)
            }
            Self::Days(days) => {
                // Day 0 of Julian days was a Monday.
                let day = local.date().to_julian_day();
                PeriodStart::Day(day - day.rem_euclid(days))
            }
        }
    }

    /// Returns the start of the next period.
    pub(super) fn next(self, start: PeriodStart, zone: Zone) -> PeriodStart {
        match (self, start) {
            (Self::Days(days), PeriodStart::Day(day)) => PeriodStart::Day(day + days),
            (Self::Seconds(_), PeriodStart::Day(day)) => PeriodStart::Day(day + 1),
            (_, PeriodStart::Moment(seconds)) => {
                // Where the clock is put forward or back, the next one begins earlier or later.
                let next = self.start_of(seconds + self.seconds(), zone);
                if next > start {
                    next
                } else {
                    PeriodStart::Moment(seconds + self.seconds())
                }
            }
        }
    }
}

impl PeriodStart {
    /// Returns the date and the time of the start, as short as it is unique.
    pub(super) fn text(self, zone: Zone) -> String {
        match self {
            Self::Day(day) => Date::from_julian_day(day).map_or_else(
                |_| day.to_string(),
                |date| format!("{} {date}", weekday(date)),
            ),
            Self::Moment(seconds) => {
                let local = zone.show(moment(seconds));
                let (date, clock) = (local.date(), local.time());
                let (hour, minute, second) = clock.as_hms();
                let seconds = if second == 0 {
                    String::new()
                } else {
                    format!(":{second:02}")
                };
                format!("{} {date} {hour:02}:{minute:02}{seconds}", weekday(date))
            }
        }
    }

    /// Returns the date, with the offset and the time unless it is a day: for programs.
    pub(super) fn stamp(self, zone: Zone) -> String {
        match self {
            Self::Day(day) => {
                Date::from_julian_day(day).map_or_else(|_| day.to_string(), |date| date.to_string())
            }
            Self::Moment(seconds) => {
                let local = zone.show(moment(seconds));
                let (date, (hour, minute, second)) = (local.date(), local.time().as_hms());
                let offset = local.offset();
                if offset == UtcOffset::UTC {
                    return format!("{date}T{hour:02}:{minute:02}:{second:02}Z");
                }
                let (hours, minutes, _) = offset.as_hms();
                let sign = if offset.is_negative() { '-' } else { '+' };
                let (hours, minutes) = (hours.unsigned_abs(), minutes.unsigned_abs());
                format!("{date}T{hour:02}:{minute:02}:{second:02}{sign}{hours:02}:{minutes:02}")
            }
        }
    }

    /// Returns the words that select the times from this start to the next one.
    pub(super) fn range_until(self, next: Self, zone: Zone) -> Vec<String> {
        let last = match next {
            Self::Day(day) => format!("'{} 23:59:59.999999'", Self::Day(day - 1).stamp(zone)),
            Self::Moment(seconds) => {
                let last = Self::Moment(seconds - 1).stamp(zone);
                let (second, offset) = last.split_at(SECOND_BYTES.min(last.len()));
                format!("{second}.999999{offset}")
            }
        };
        vec![format!("-S {}", self.stamp(zone)), format!("-U {last}")]
    }

    /// Returns bytes that sort as the starts do.
    pub(super) fn to_key(self) -> [u8; 8] {
        let number = match self {
            Self::Moment(seconds) => seconds,
            Self::Day(day) => i64::from(day),
        };
        (number.cast_unsigned() ^ SIGN).to_be_bytes()
    }

    /// Returns the start of a period from its bytes.
    pub(super) fn from_key(key: [u8; 8], period: ClockPeriod) -> Self {
        let number = (u64::from_be_bytes(key) ^ SIGN).cast_signed();
        match period {
            ClockPeriod::Seconds(_) => Self::Moment(number),
            ClockPeriod::Days(_) => Self::Day(i32::try_from(number).unwrap_or(i32::MAX)),
        }
    }
}

/// Returns the word that `--per` takes for a length of time.
pub(super) fn per_word(seconds: i64) -> Option<String> {
    match seconds {
        604_800 => Some("week".to_owned()),
        86_400 => Some("day".to_owned()),
        3600 => Some("hour".to_owned()),
        60 => Some("minute".to_owned()),
        1 => Some("second".to_owned()),
        seconds if seconds > 86_400 => None,
        seconds if seconds % 3600 == 0 => Some(format!("{}h", seconds / 3600)),
        seconds if seconds % 60 == 0 => Some(format!("{}m", seconds / 60)),
        seconds => Some(format!("{seconds}s")),
    }
}

/// Returns the first letters of the name of a date's day.
fn weekday(date: Date) -> String {
    let mut name = date.weekday().to_string();
    name.truncate(3);
    name
}

fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH
        .checked_add(Duration::seconds(seconds))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The bit of the sign, inverted so that negative numbers sort first.
const SIGN: u64 = 1 << 63;

/// The bytes of a date and a time up to the second.
const SECOND_BYTES: usize = "2026-11-21T08:15:30".len();

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(text: &str) -> Zone {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_a_name_or_a_length_that_divides_a_day() {
        for (text, expected) in [
            ("hour", Some(ClockPeriod::Seconds(3600))),
            ("15m", Some(ClockPeriod::Seconds(900))),
            ("30s", Some(ClockPeriod::Seconds(30))),
            ("24h", Some(ClockPeriod::DAY)),
            ("1440m", Some(ClockPeriod::DAY)),
            ("week", Some(ClockPeriod::WEEK)),
            ("7m", None),
            ("0h", None),
            ("-1h", None),
            ("25h", None),
            ("h", None),
            ("9999999999999999999h", None),
        ] {
            assert_eq!(text.parse::<ClockPeriod>().ok(), expected, "{text}");
        }
    }

    #[test]
    fn the_word_of_a_period_is_parsed_as_that_period() {
        for text in [
            "second", "30s", "minute", "15m", "hour", "6h", "day", "week",
        ] {
            let seconds = text.parse::<ClockPeriod>().unwrap().seconds();
            assert_eq!(per_word(seconds).as_deref(), Some(text));
        }
        assert_eq!(per_word(28 * 86_400), None);
    }

    #[test]
    fn periods_begin_by_the_clock_of_the_zone() {
        // Saturday, 2026-11-21, 23:50 in UTC.
        let seconds = 1_795_305_000;
        for (period, offset, expected) in [
            (ClockPeriod::Seconds(3600), "utc", "Sat 2026-11-21 23:00"),
            (ClockPeriod::Seconds(3600), "+05:30", "Sun 2026-11-22 05:00"),
            (
                ClockPeriod::Seconds(6 * 3600),
                "+05:30",
                "Sun 2026-11-22 00:00",
            ),
            (ClockPeriod::DAY, "utc", "Sat 2026-11-21"),
            (ClockPeriod::DAY, "+05:30", "Sun 2026-11-22"),
            (ClockPeriod::WEEK, "+05:30", "Mon 2026-11-16"),
        ] {
            let zone = zone(offset);
            let start = period.start_of(seconds, zone);
            assert_eq!(start.text(zone), expected);
            assert_eq!(PeriodStart::from_key(start.to_key(), period), start);
            assert!(period.next(start, zone) > start);
        }
        let start = ClockPeriod::Seconds(3600).start_of(seconds, zone("+05:30"));
        assert_eq!(start.stamp(zone("+05:30")), "2026-11-22T05:00:00+05:30");
        assert_eq!(start.stamp(Zone::UTC), "2026-11-21T23:30:00Z");
        let next = ClockPeriod::Seconds(3600).next(start, Zone::UTC);
        let words = start.range_until(next, Zone::UTC).join(" ");
        assert_eq!(
            words,
            "-S 2026-11-21T23:30:00Z -U 2026-11-21T23:59:59.999999Z"
        );
        let day = ClockPeriod::DAY.start_of(seconds, Zone::UTC);
        let words = day
            .range_until(ClockPeriod::DAY.next(day, Zone::UTC), Zone::UTC)
            .join(" ");
        assert_eq!(words, "-S 2026-11-21 -U '2026-11-21 23:59:59.999999'");
    }

    #[test]
    fn a_range_is_divided_into_few_periods_of_a_usual_length() {
        for (seconds, expected) in [
            (0, ClockPeriod::Seconds(1)),
            (3600, ClockPeriod::Seconds(5 * 60)),
            (7 * DAY, ClockPeriod::Seconds(6 * HOUR)),
            (365 * DAY, ClockPeriod::Days(28)),
            (i64::MAX, ClockPeriod::Days(364_000)),
        ] {
            assert_eq!(
                ClockPeriod::for_range(seconds, 40, 1),
                expected,
                "{seconds}"
            );
        }
        assert_eq!(
            ClockPeriod::for_range(60, 40, 900),
            ClockPeriod::Seconds(900)
        );
    }
}
