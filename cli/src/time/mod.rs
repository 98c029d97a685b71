//! Times as users type and read them. A time without a zone is read in the zone that is shown.
//! This file reads moments and distances from now; `civil` reads dates and clock times, and `zone`
//! selects the zone.

mod civil;
mod problem;
mod zone;

use std::time::{Duration, SystemTime};

use time::{OffsetDateTime, UtcOffset};

use localtel::read::Timestamp;
use localtel::{Error, Result};
use problem::TypedTimeProblem;
pub(crate) use zone::{Bound, Zone, ZoneArgs};

/// Returns a time in UTC, if its year is in 0 to 9999, the range of records.
fn in_utc(moment: OffsetDateTime) -> Option<OffsetDateTime> {
    let utc = moment.checked_to_offset(UtcOffset::UTC)?;
    (0..=9999).contains(&utc.year()).then_some(utc)
}

/// Converts a time to a record's timestamp.
pub(crate) fn timestamp(moment: OffsetDateTime) -> Timestamp {
    Timestamp::from(SystemTime::from(moment))
}

/// Converts a record's timestamp to a time, which can be shown in any zone.
pub(crate) fn moment(time: Timestamp) -> OffsetDateTime {
    SystemTime::from(time).into()
}

/// Parses a time as users type it. A time without a zone is in `zone`, and `bound` decides what a
/// local time means that occurs twice.
///
/// # Errors
///
/// Returns an error that says what is wrong, and lists forms of times.
pub(crate) fn parse(
    text: &str,
    bound: Bound,
    zone: Zone,
    now: OffsetDateTime,
) -> Result<OffsetDateTime> {
    let trimmed = text.trim();
    find(trimmed, bound, zone, now).map_err(|problem| {
        let reason = if problem.names(trimmed) {
            problem.to_string()
        } else {
            format!("`{trimmed}`: {problem}")
        };
        Error::invalid("time", format!("{reason}; {FORMS}"))
    })
}

fn find(
    text: &str,
    bound: Bound,
    zone: Zone,
    now: OffsetDateTime,
) -> std::result::Result<OffsetDateTime, TypedTimeProblem> {
    if text.is_empty() {
        return Err(TypedTimeProblem::Empty);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TypedTimeProblem::NoUnit(text.to_owned()));
    }
    let found = if text == "now" {
        Some(now)
    } else if let Some(seconds) = text.strip_prefix('@') {
        Some(parse_unix(seconds).ok_or_else(|| TypedTimeProblem::Unknown(text.to_owned()))?)
    } else if let Some(distance) = Distance::parse(text) {
        distance.from(now)
    } else {
        let civil = civil::parse(text, bound, zone, now);
        // Such as a leap second of RFC 3339.
        Some(civil.or_else(|problem| text.parse().map(moment).map_err(|_| problem))?)
    };
    found.and_then(in_utc).ok_or(TypedTimeProblem::Range)
}

/// Forms of times, for error messages.
const FORMS: &str = "write `9:00`, `yesterday 14:00`, `monday`, `2026-11-21 08:00`, `-2h`, \
     `2h ago`, `+5m` or `@1795248000`";

fn parse_unix(text: &str) -> Option<OffsetDateTime> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9.9}").parse().ok()?;
    let time = OffsetDateTime::from_unix_timestamp(seconds.parse().ok()?).ok()?;
    let nanos = if seconds.starts_with('-') {
        -nanos
    } else {
        nanos
    };
    time.checked_add(time::Duration::nanoseconds(nanos))
}

/// A distance from now, `2h` or `1h30m`, and its direction.
#[derive(Debug, Clone, Copy)]
enum Distance {
    Before(Duration),
    After(Duration),
}

impl Distance {
    /// Parses `-2h`, `2h`, `2h ago` or `+5m`.
    fn parse(text: &str) -> Option<Self> {
        let (direction, text): (fn(Duration) -> Self, _) =
            if let Some(text) = text.strip_prefix('+') {
                (Self::After, text)
            } else {
                let text = text.strip_suffix("ago").map_or(text, str::trim_end);
                (Self::Before, text.strip_prefix('-').unwrap_or(text))
            };
        // humantime accepts a bare 0 as a duration; here it needs a unit like every other number.
        let has_unit = text.ends_with(|letter: char| letter.is_ascii_alphabetic());
        let duration = humantime::parse_duration(text).ok();
        duration.filter(|_| has_unit).map(direction)
    }

    fn from(self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self {
            Self::Before(duration) => now.checked_sub(duration.try_into().ok()?),
            Self::After(duration) => now.checked_add(duration.try_into().ok()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A Saturday.
    const NOW: &str = "2026-11-21T08:15:30Z";

    fn time(text: &str) -> OffsetDateTime {
        moment(text.parse().unwrap())
    }

    fn nanoseconds(count: i64) -> time::Duration {
        time::Duration::nanoseconds(count)
    }

    fn zone(hours: i8) -> Zone {
        Zone::Fixed(UtcOffset::from_hms(hours, 0, 0).unwrap())
    }

    fn read(text: &str, zone: Zone) -> Result<OffsetDateTime> {
        parse(text, Bound::Since, zone, time(NOW))
    }

    #[track_caller]
    fn assert_read(text: &str, utc: &str) {
        assert_eq!(read(text, Zone::UTC).unwrap(), time(utc), "{text}");
    }

    #[test]
    fn every_form_is_read_in_the_shown_zone() {
        for (text, utc, east) in [
            ("now", NOW, NOW),
            ("today", "2026-11-21T00:00:00Z", "2026-11-20T22:00:00Z"),
            ("yesterday", "2026-11-20T00:00:00Z", "2026-11-19T22:00:00Z"),
            ("tomorrow", "2026-11-22T00:00:00Z", "2026-11-21T22:00:00Z"),
            ("today 9:00", "2026-11-21T09:00:00Z", "2026-11-21T07:00:00Z"),
            (
                "Yesterday 14:00",
                "2026-11-20T14:00:00Z",
                "2026-11-20T12:00:00Z",
            ),
            ("monday", "2026-11-16T00:00:00Z", "2026-11-15T22:00:00Z"),
            ("mon 8:30", "2026-11-16T08:30:00Z", "2026-11-16T06:30:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z", "2026-11-19T22:00:00Z"),
            (
                "2026-11-20 8:00",
                "2026-11-20T08:00:00Z",
                "2026-11-20T06:00:00Z",
            ),
            (
                "2026-11-20T08:00:15",
                "2026-11-20T08:00:15Z",
                "2026-11-20T06:00:15Z",
            ),
            ("08:00", "2026-11-21T08:00:00Z", "2026-11-21T06:00:00Z"),
            ("8:00", "2026-11-21T08:00:00Z", "2026-11-21T06:00:00Z"),
            (" 08:00:15 ", "2026-11-21T08:00:15Z", "2026-11-21T06:00:15Z"),
            (
                "08:00:00.5",
                "2026-11-21T08:00:00.5Z",
                "2026-11-21T06:00:00.5Z",
            ),
            (
                "08:00:00,25",
                "2026-11-21T08:00:00.25Z",
                "2026-11-21T06:00:00.25Z",
            ),
            ("9pm", "2026-11-21T21:00:00Z", "2026-11-21T19:00:00Z"),
            ("12:30 AM", "2026-11-21T00:30:00Z", "2026-11-20T22:30:00Z"),
            (
                "Nov 20 08:00:15",
                "2026-11-20T08:00:15Z",
                "2026-11-20T06:00:15Z",
            ),
            (
                "2026-11-20 UTC",
                "2026-11-20T00:00:00Z",
                "2026-11-20T00:00:00Z",
            ),
            ("9:00 +01", "2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z"),
            ("-2h", "2026-11-21T06:15:30Z", "2026-11-21T06:15:30Z"),
            ("2h", "2026-11-21T06:15:30Z", "2026-11-21T06:15:30Z"),
            ("2h ago", "2026-11-21T06:15:30Z", "2026-11-21T06:15:30Z"),
            ("1h30m", "2026-11-21T06:45:30Z", "2026-11-21T06:45:30Z"),
            ("2 days ago", "2026-11-19T08:15:30Z", "2026-11-19T08:15:30Z"),
            ("+5m", "2026-11-21T08:20:30Z", "2026-11-21T08:20:30Z"),
            ("@0", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            (
                "@1.25",
                "1970-01-01T00:00:01.25Z",
                "1970-01-01T00:00:01.25Z",
            ),
        ] {
            assert_eq!(read(text, zone(0)).unwrap(), time(utc), "{text}");
            let two_hours_east = read(text, zone(2)).unwrap();
            assert_eq!(two_hours_east, time(east), "{text} two hours east");
        }
    }

    #[test]
    fn the_output_of_other_programs_is_read() {
        let moment = "2026-11-21T08:15:30Z";
        for text in [
            // date; date -R; date --iso-8601=s; with other locales
            "Sat Nov 21 08:15:30 UTC 2026",
            "Sat Nov 21 09:15:30 CET 2026",
            "Sat 21 Nov 2026 08:15:30 AM UTC",
            "Sat Nov 21 03:15:30 AM EST 2026",
            "Sat, 21 Nov 2026 09:15:30 +0100",
            "2026-11-21T08:15:30+00:00",
            // journalctl: short, short-full, short-iso
            "Nov 21 08:15:30",
            "Sat 2026-11-21 08:15:30 UTC",
            "2026-11-21T08:15:30+0000",
            // last -F; git log; ls -l --full-time; nginx's and Go's logs
            "Sat Nov 21 08:15:30 2026",
            "Sat Nov 21 11:15:30 2026 +0300",
            "2026-11-21 08:15:30.000000000 +0000",
            "2026/11/21 08:15:30",
            "2026-11-21 08:15:30 Z",
            "2026-11-21 08:15:30Z",
            "2026-11-21 08:15:30 GMT",
            "2026-11-21t08:15:30z",
        ] {
            assert_read(text, moment);
        }
        let precise = "2026-11-21T08:15:30,123456789+00:00";
        let micros = time("2026-11-21T08:15:30.123456Z");
        for text in [precise, "2026-11-21T08:15:30.123456789Z"] {
            assert_eq!(read(text, Zone::UTC).unwrap(), micros + nanoseconds(789));
        }
        assert_read("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z");
        assert_read("2017-01-30 16:04:01 UTC", "2017-01-30T16:04:01Z");
    }

    #[test]
    fn a_weekday_is_the_last_one_and_today_counts() {
        for (text, day) in [
            ("saturday", "2026-11-21"),
            ("last saturday", "2026-11-14"),
            ("sunday", "2026-11-15"),
            ("last sunday", "2026-11-15"),
            ("Friday", "2026-11-20"),
            ("tue", "2026-11-17"),
        ] {
            assert_read(text, &format!("{day}T00:00:00Z"));
        }
        // The day is counted, and not the clock, as with `today 9:00`.
        assert_read("saturday 23:00", "2026-11-21T23:00:00Z");
    }

    #[test]
    fn a_day_without_a_year_is_the_last_one() {
        for (text, day) in [
            ("Nov 21", "2026-11-21"),
            ("22 November", "2025-11-22"),
            ("Dec 31", "2025-12-31"),
            ("Feb 29", "2024-02-29"),
            ("Feb 29 2020", "2020-02-29"),
        ] {
            assert_read(text, &format!("{day}T00:00:00Z"));
        }
    }

    #[test]
    fn an_invalid_time_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "it is empty"),
            ("soon", "`soon` is not understood"),
            ("yesterday soon", "`soon` is not understood"),
            ("5", "needs a unit, as in `5m`"),
            ("0", "needs a unit"),
            ("1795248000", "`@1795248000` is that second after 1970"),
            ("2026-13-01", "there is no 2026-13-01"),
            ("2026-02-30", "there is no 2026-02-30"),
            ("2026-02-30T08:00:00Z", "there is no 2026-02-30"),
            ("Feb 30", "there is no February 30"),
            ("Feb 29 2026", "there is no February 29"),
            ("25:00", "hours go to 23"),
            ("08:00:61", "seconds to 59"),
            ("2026-11-20 24:00", "hours go to 23"),
            ("13:00 PM", "hours go from 1 to 12"),
            ("0am", "hours go from 1 to 12"),
            ("Fri 2026-11-21", "2026-11-21 is a Saturday"),
            ("9:00 PST", "`PST` does not name one zone"),
            ("9:00 10:00", "given twice"),
            ("2026-11-21 today", "given twice"),
            ("2026-11-21 Nov 21", "given twice"),
            ("last 2026-11-21", "a part is missing"),
            ("Nov", "a part is missing"),
            ("21 9:00", "a part is missing"),
            ("am", "a part is missing"),
            ("+01", "a part is missing"),
            ("last", "a part is missing"),
            ("@", "`@` is not understood"),
            ("@x", "not understood"),
            ("@1.x", "not understood"),
            ("ago", "not understood"),
            ("-", "not understood"),
            (",", "not understood"),
            ("+2h ago", "not understood"),
            ("1h tomorrow", "`1h` is not understood"),
            ("8:0", "not understood"),
            ("8:00.5", "not understood"),
            ("08:00:", "not understood"),
            ("08:00:00.", "not understood"),
            ("08:00:00:00", "not understood"),
            ("2026-11-20-01", "not understood"),
            ("2026-11-20T", "not understood"),
            ("-99999999999y", "the years 0 to 9999"),
            ("9000y", "the years 0 to 9999"),
            ("9999-12-31T23:59:59-10:00", "the years 0 to 9999"),
        ] {
            let message = read(text, Zone::UTC).unwrap_err().to_string();
            assert!(message.contains(reason), "{text}: {message}");
            assert!(message.contains("`2h ago`"), "{text}: {message}");
            assert!(message.len() <= 200, "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic_and_each_time_has_a_year_of_records(
            words in prop::collection::vec(prop_oneof![
                "[0-9+:,.TZ/-]{1,12}",
                "(mon|Fri|last|today|AM|UTC|CEST|Nov|february|ago|m|21|2026)",
                ".{0,3}",
            ], 0..5),
            hours in -23..=23_i8,
        ) {
            if let Ok(time) = read(&words.join(" "), zone(hours)) {
                prop_assert!((0..=9999).contains(&time.year()));
                prop_assert!(time.offset().is_utc());
            }
        }

        #[test]
        fn a_time_is_read_back_from_each_form_that_is_printed(
            micros in -62_100_000_000_000_000..253_402_200_000_000_000_i64,
            hours in -23..=23_i8,
        ) {
            let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap();
            let shown = zone(hours).text(time).to_string();
            let (date, clock) = shown.split_at(10);
            let clock = clock.get(1..16).unwrap();
            let weekday = zone(hours).show(time).weekday();
            for text in [
                shown.clone(),
                format!("{date} {clock}"),
                format!("{weekday} {date} {}", clock.replace('.', ",")),
            ] {
                prop_assert_eq!(read(&text, zone(hours)).unwrap(), time, "{}", text);
            }
        }
    }
}
