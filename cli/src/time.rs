//! Times as users type and read them. A time without a zone is read in the zone that is shown.

use std::time::{Duration, SystemTime};

use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset, format_description};

use localtel::read::Timestamp;
use localtel::{Error, Result};

/// The time zone in which times are shown and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// A constant offset.
    Fixed(UtcOffset),
    /// The local time zone.
    Local,
}

impl Zone {
    /// Coordinated universal time.
    pub(crate) const UTC: Self = Self::Fixed(UtcOffset::UTC);

    /// Converts a time into the zone. A time whose year would not have four digits there is not
    /// converted.
    pub(crate) fn show(self, time: OffsetDateTime) -> OffsetDateTime {
        let moved = time.checked_to_offset(self.offset_at(time));
        let is_shown = |moved: &OffsetDateTime| (0..=9999).contains(&moved.year());
        moved.filter(is_shown).unwrap_or(time)
    }

    fn offset_at(self, time: OffsetDateTime) -> UtcOffset {
        match self {
            Self::Fixed(offset) => offset,
            // Without a local offset from the system, UTC is used.
            Self::Local => UtcOffset::local_offset_at(time).unwrap_or(UtcOffset::UTC),
        }
    }

    /// Interprets a local time in the zone.
    fn assume(self, time: PrimitiveDateTime) -> OffsetDateTime {
        // Around a change of the clocks the offset depends on the result; one more step settles it.
        let guess = time.assume_offset(self.offset_at(time.assume_utc()));
        time.assume_offset(self.offset_at(guess))
    }
}

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

/// Parses a time as users type it.
pub(crate) fn parse(text: &str, zone: Zone, now: OffsetDateTime) -> Result<OffsetDateTime> {
    let text = text.trim();
    let here = zone.show(now);
    let midnight = |date: Option<Date>| Some(zone.assume(date?.midnight()));
    let found = match text {
        "now" => Some(now),
        "today" => midnight(Some(here.date())),
        "yesterday" => midnight(here.date().previous_day()),
        "tomorrow" => midnight(here.date().next_day()),
        other => parse_unix(other)
            .or_else(|| other.parse().map(moment).ok())
            .or_else(|| parse_civil(other, here.date()).map(|civil| zone.assume(civil)))
            .or_else(|| now.checked_sub(parse_ago(other)?.try_into().ok()?)),
    };
    found
        .and_then(in_utc)
        .ok_or_else(|| Error::invalid("time", format!("`{text}` is not a valid time; {FORMS}")))
}

/// All forms, for error messages.
const FORMS: &str = "write `2026-11-21T08:00:00Z`, `2026-11-21 08:00`, `2026-11-21 08:00:15`, \
     `2026-11-21`, `08:00`, `now`, `today`, `yesterday`, `-2h`, `2h ago`, `1h30m` (before now) or \
     `@1795248000`, in the years 0 to 9999 of UTC";

fn parse_unix(text: &str) -> Option<OffsetDateTime> {
    let (seconds, fraction) = match text.strip_prefix('@')?.split_once('.') {
        Some((seconds, fraction)) => (seconds, fraction),
        None => (text.strip_prefix('@')?, ""),
    };
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

/// Parses a date, a time of today, or both.
fn parse_civil(text: &str, today: Date) -> Option<PrimitiveDateTime> {
    match text.split_once([' ', 'T']) {
        Some((date, clock)) => Some(parse_date(date)?.with_time(parse_clock(clock.trim())?)),
        None => parse_date(text)
            .map(Date::midnight)
            .or_else(|| Some(today.with_time(parse_clock(text)?))),
    }
}

fn parse_date(text: &str) -> Option<Date> {
    let form = format_description::parse_borrowed::<2>("[year]-[month]-[day]").ok()?;
    Date::parse(text, &form).ok()
}

fn parse_clock(text: &str) -> Option<Time> {
    let forms = ["[hour]:[minute]:[second]", "[hour]:[minute]"];
    forms.into_iter().find_map(|form| {
        let form = format_description::parse_borrowed::<2>(form).ok()?;
        Time::parse(text, &form).ok()
    })
}

/// Parses a duration before now: `-2h`, `2h`, `2h ago`.
fn parse_ago(text: &str) -> Option<Duration> {
    let text = text.strip_suffix("ago").map_or(text, str::trim_end);
    let text = text.strip_prefix('-').unwrap_or(text);
    // humantime accepts a bare 0 as a duration; here it needs a unit like every other number.
    let has_unit = text.ends_with(|letter: char| letter.is_ascii_alphabetic());
    humantime::parse_duration(text).ok().filter(|_| has_unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T08:15:30Z";

    fn time(text: &str) -> OffsetDateTime {
        moment(text.parse().unwrap())
    }

    #[test]
    fn every_form_is_read_in_the_shown_zone() {
        for (text, utc, east) in [
            ("now", NOW, NOW),
            ("today", "2026-11-21T00:00:00Z", "2026-11-20T22:00:00Z"),
            ("yesterday", "2026-11-20T00:00:00Z", "2026-11-19T22:00:00Z"),
            ("tomorrow", "2026-11-22T00:00:00Z", "2026-11-21T22:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z", "2026-11-19T22:00:00Z"),
            (
                "2026-11-20 08:00",
                "2026-11-20T08:00:00Z",
                "2026-11-20T06:00:00Z",
            ),
            (
                "2026-11-20T08:00:15",
                "2026-11-20T08:00:15Z",
                "2026-11-20T06:00:15Z",
            ),
            ("08:00", "2026-11-21T08:00:00Z", "2026-11-21T06:00:00Z"),
            (" 08:00:15 ", "2026-11-21T08:00:15Z", "2026-11-21T06:00:15Z"),
            (
                "2026-11-20T08:00:00.5+01:00",
                "2026-11-20T07:00:00.5Z",
                "2026-11-20T07:00:00.5Z",
            ),
            ("-2h", "2026-11-21T06:15:30Z", "2026-11-21T06:15:30Z"),
            ("2h", "2026-11-21T06:15:30Z", "2026-11-21T06:15:30Z"),
            ("2h ago", "2026-11-21T06:15:30Z", "2026-11-21T06:15:30Z"),
            ("1h30m", "2026-11-21T06:45:30Z", "2026-11-21T06:45:30Z"),
            ("2 days ago", "2026-11-19T08:15:30Z", "2026-11-19T08:15:30Z"),
            ("@0", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            (
                "@1.25",
                "1970-01-01T00:00:01.25Z",
                "1970-01-01T00:00:01.25Z",
            ),
        ] {
            let zone = |hours| Zone::Fixed(UtcOffset::from_hms(hours, 0, 0).unwrap());
            let read = |hours| parse(text, zone(hours), time(NOW)).unwrap();
            assert_eq!(read(0), time(utc), "{text}");
            assert_eq!(read(2), time(east), "{text} two hours east");
        }
    }

    #[test]
    fn an_invalid_time_is_refused_with_all_forms() {
        for text in [
            "",
            "soon",
            "5",
            "0",
            "2026-13-01",
            "2026-02-30",
            "25:00",
            "8:00",
            "08:00:61",
            "2026-11-20 ",
            "2026-11-20 25:00",
            "@",
            "@x",
            "@1.x",
            "+1h",
            "ago",
            "-",
            "1h tomorrow",
            "-99999999999y",
            "2026-11-20-01",
            "08:00:00:00",
        ] {
            if text == "2026-11-20 " {
                // White space around a time is ignored.
                assert!(parse(text, Zone::UTC, time(NOW)).is_ok());
                continue;
            }
            let message = parse(text, Zone::UTC, time(NOW)).unwrap_err().to_string();
            assert!(message.contains("`2h ago`"), "{text}: {message}");
        }
    }
}
