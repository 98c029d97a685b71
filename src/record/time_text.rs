//! Times as text: the one place that parses RFC 3339, and how lines hold a time. A time that a line cannot hold is
//! refused when it is read, so that the rest of the code converts and writes times without looking.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::Serializer;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Why a text is not taken for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeProblem {
    /// It is not a time of RFC 3339.
    Form,
    /// In UTC it is before the year 0 or after the year 9999, which no line can hold.
    Range,
}

impl fmt::Display for TimeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "it is not a time of RFC 3339",
            Self::Range => "in UTC it is not in the years 0 to 9999",
        })
    }
}

/// Parses a time of RFC 3339, and returns it in UTC.
///
/// # Errors
///
/// Returns an error if the text is not such a time, or if in UTC it is not in the years 0 to 9999:
/// `9999-12-31T23:59:59-10:00` is valid and in the year 10000.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that parses times of RFC 3339"
)]
pub fn parse_time(text: &str) -> Result<OffsetDateTime, TimeProblem> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimeProblem::Form)?;
    to_utc(time).ok_or(TimeProblem::Range)
}

/// Returns a time in UTC, if it is in the years 0 to 9999 there.
pub fn to_utc(time: OffsetDateTime) -> Option<OffsetDateTime> {
    let utc = time.checked_to_offset(UtcOffset::UTC)?;
    (0..=9999).contains(&utc.year()).then_some(utc)
}

/// Writes a time as lines hold it: UTC, microseconds, 27 characters. A time outside the years 0 to 9999 is written as
/// the first or the last microsecond of these.
pub fn format_timestamp(timestamp: OffsetDateTime) -> String {
    let utc = to_utc(timestamp).unwrap_or_else(|| {
        let nearest = if timestamp.unix_timestamp() < 0 {
            NANOS_LEAST
        } else {
            NANOS_MOST
        };
        OffsetDateTime::from_unix_timestamp_nanos(nearest).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    });
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        utc.year(),
        u8::from(utc.month()),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second(),
        utc.microsecond()
    )
}

/// Writes the time of a record.
pub(super) fn serialize<S: Serializer>(
    timestamp: &OffsetDateTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_timestamp(*timestamp))
}

/// Reads the time of a record.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<OffsetDateTime, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse_time(&text).map_err(D::Error::custom)
}

/// `0000-01-01T00:00:00Z` and `9999-12-31T23:59:59.999999Z`, in nanoseconds after 1970.
const NANOS_LEAST: i128 = -62_167_219_200_000_000_000;
const NANOS_MOST: i128 = 253_402_300_799_999_999_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Date, Month, Time};

    use super::*;

    /// Texts that are, or nearly are, times of RFC 3339, mostly at the ends of what there is.
    fn text() -> impl Strategy<Value = String> {
        let year = prop_oneof![
            Just("0000".to_owned()),
            Just("9999".to_owned()),
            Just("-9999".to_owned()),
            Just("+10000".to_owned()),
            "[0-9]{4}",
        ];
        let day = prop_oneof![
            Just("01-01".to_owned()),
            Just("12-31".to_owned()),
            Just("06-30".to_owned()),
            "[0-1][0-9]-[0-3][0-9]",
        ];
        let clock = prop_oneof![
            Just("00:00:00".to_owned()),
            Just("23:59:59".to_owned()),
            Just("23:59:60".to_owned()),
            Just("24:00:00".to_owned()),
            Just("23:59:59.999999999999".to_owned()),
            "[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,12})?",
        ];
        let offset = prop_oneof![
            Just("Z".to_owned()),
            Just("+23:59".to_owned()),
            Just("-23:59".to_owned()),
            Just("+24:00".to_owned()),
            Just("-00:00".to_owned()),
            "[+-][0-2][0-9]:[0-6][0-9]",
            Just(String::new()),
        ];
        (year, day, "[Tt _]?", clock, offset).prop_map(|(year, day, between, clock, offset)| {
            format!("{year}-{day}{between}{clock}{offset}")
        })
    }

    #[test]
    fn a_time_that_is_not_in_four_digit_years_of_utc_is_refused() {
        for (text, read) in [
            ("9999-12-31T23:59:59-10:00", Err(TimeProblem::Range)),
            (
                "9999-12-31T23:59:59.999999999-00:01",
                Err(TimeProblem::Range),
            ),
            ("0000-01-01T00:00:00+00:01", Err(TimeProblem::Range)),
            ("10000-01-01T00:00:00Z", Err(TimeProblem::Form)),
            ("-0001-01-01T00:00:00Z", Err(TimeProblem::Form)),
            ("2026-11-21T24:00:00Z", Err(TimeProblem::Form)),
            ("", Err(TimeProblem::Form)),
            ("9999-12-31T23:59:59Z", Ok("9999-12-31T23:59:59.000000Z")),
            (
                "9999-12-31T23:59:59+23:59",
                Ok("9999-12-31T00:00:59.000000Z"),
            ),
            (
                "0000-01-01T00:00:00-23:59",
                Ok("0000-01-01T23:59:00.000000Z"),
            ),
            ("2016-12-31T23:59:60Z", Ok("2016-12-31T23:59:59.999999Z")),
        ] {
            let read_as = parse_time(text).map(format_timestamp);
            assert_eq!(read_as, read.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_time_that_no_line_can_hold_is_written_as_the_nearest() {
        let date = |year, month, day| Date::from_calendar_date(year, month, day).unwrap();
        let offset = |hours| UtcOffset::from_hms(hours, 0, 0).unwrap();
        let first = date(0, Month::January, 1).midnight();
        let last = date(9999, Month::December, 31).with_time(Time::MAX);
        let least = "0000-01-01T00:00:00.000000Z";
        let most = "9999-12-31T23:59:59.999999Z";
        for (time, written) in [
            (first.assume_offset(offset(10)), least),
            (first.assume_utc(), least),
            (
                date(-9999, Month::January, 1)
                    .midnight()
                    .assume_offset(offset(23)),
                least,
            ),
            (date(-1, Month::December, 31).midnight().assume_utc(), least),
            (last.assume_utc(), most),
            (last.assume_offset(offset(-10)), most),
        ] {
            assert_eq!(format_timestamp(time), written, "{time}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_panic_and_what_is_read_is_written(text in prop_oneof![text(), ".*"]) {
            if let Ok(time) = parse_time(&text) {
                let written = format_timestamp(time);
                prop_assert_eq!(written.len(), crate::record::TIMESTAMP_BYTES);
                let again = parse_time(&written).unwrap();
                prop_assert!((time - again).whole_microseconds() == 0, "{} for {}", written, text);
            }
        }

        #[test]
        fn no_time_makes_a_panic_and_each_is_written_in_27_characters(
            (day, second) in (-7_300_000..7_300_000_i64, 0..86_400_i64),
            offset in -86_399..86_400_i32,
        ) {
            let at = OffsetDateTime::from_unix_timestamp(day * 86_400 + second);
            if let Ok(at) = at
                && let Ok(offset) = UtcOffset::from_whole_seconds(offset)
            {
                let time = at.replace_offset(offset);
                prop_assert_eq!(format_timestamp(time).len(), crate::record::TIMESTAMP_BYTES);
            }
        }
    }
}
