//! The times of lines, as a value and as text. This is the only code that parses RFC 3339. A time
//! that a line cannot contain is rejected when it is parsed, so the rest of the code converts and
//! formats times without checks.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::error::Error;

/// The time of a record: microseconds since 1970-01-01T00:00:00Z, in the years 0 to 9999 of UTC.
///
/// It is displayed in the form of a line, in 27 characters, and parsed from any time of RFC 3339.
/// Fractions of a microsecond are truncated.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use localtel::read::Timestamp;
///
/// let time: Timestamp = "2026-11-21T09:15:30.123456+01:00".parse()?;
/// assert_eq!(time.to_string(), "2026-11-21T08:15:30.123456Z");
/// assert_eq!(SystemTime::from(time), SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_248_930_123_456));
/// assert!(time < Timestamp::from(SystemTime::now() + Duration::from_hours(24 * 365 * 100)));
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// Returns the time that many microseconds after 1970-01-01T00:00:00Z, or before it if
    /// negative; `None` if it is not in the years 0 to 9999.
    pub const fn from_unix_micros(micros: i64) -> Option<Self> {
        if micros < MICROS_LEAST || micros > MICROS_MOST {
            return None;
        }
        Some(Self(micros))
    }

    /// Returns the microseconds since 1970-01-01T00:00:00Z, negative for earlier times.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Returns the time truncated to a microsecond, or the nearest time in the valid range.
    pub(crate) fn of(moment: OffsetDateTime) -> Self {
        Self::nearest(moment.unix_timestamp_nanos().div_euclid(1000))
    }

    pub(crate) fn to_moment(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Returns the time that many microseconds after 1970, or the nearest one in the years 0 to
    /// 9999.
    pub(crate) fn nearest(micros: i128) -> Self {
        let micros = micros.clamp(MICROS_LEAST.into(), MICROS_MOST.into());
        Self(i64::try_from(micros).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_timestamp(self.to_moment()))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let moment = parse_time(text).map_err(|problem| {
            Error::invalid("time", format!("`{}`: {problem}", text.escape_debug()))
        })?;
        Ok(Self::of(moment))
    }
}

/// A time before the year 0 or after the year 9999 becomes the first or the last time of these
/// years.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self::nearest(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i128::try_from(since.as_micros()).unwrap_or(i128::MAX),
            Err(before) => {
                let before = before.duration().as_nanos().div_ceil(1000);
                i128::try_from(before).map_or(i128::MIN, |before| -before)
            }
        })
    }
}

/// A time that the system's clock cannot represent, which is possible on systems other than Unix,
/// becomes 1970.
impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        let distance = Duration::from_micros(timestamp.0.unsigned_abs());
        let time = if timestamp.0 < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        time.unwrap_or(UNIX_EPOCH)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        parse_time(&text).map(Self::of).map_err(D::Error::custom)
    }
}

/// The reason why a text is not accepted as a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeProblem {
    /// The text is not a time of RFC 3339.
    Form,
    /// The time in UTC is before the year 0 or after the year 9999, which no line can contain.
    Range,
}

impl fmt::Display for TimeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "it is not in RFC 3339 format",
            Self::Range => "its year in UTC is not 0 to 9999",
        })
    }
}

/// Parses a time of RFC 3339, and returns it in UTC.
///
/// # Errors
///
/// Returns an error if the text is not such a time, or if its year in UTC is not 0 to 9999:
/// `9999-12-31T23:59:59-10:00` is valid and in the year 10000.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that parses times of RFC 3339"
)]
pub(crate) fn parse_time(text: &str) -> Result<OffsetDateTime, TimeProblem> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimeProblem::Form)?;
    to_utc(time).ok_or(TimeProblem::Range)
}

/// Returns a time in UTC, if it is in the years 0 to 9999 of UTC.
pub(crate) fn to_utc(time: OffsetDateTime) -> Option<OffsetDateTime> {
    let utc = time.checked_to_offset(UtcOffset::UTC)?;
    (0..=9999).contains(&utc.year()).then_some(utc)
}

/// Formats a time as in a line: UTC, microseconds, 27 characters. A time outside the years 0 to
/// 9999 becomes the first or the last microsecond of these.
pub(crate) fn format_timestamp(timestamp: OffsetDateTime) -> String {
    let utc = to_utc(timestamp).unwrap_or_else(|| Timestamp::of(timestamp).to_moment());
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

/// `0000-01-01T00:00:00Z` and `9999-12-31T23:59:59.999999Z`, in microseconds after 1970.
const MICROS_LEAST: i64 = -62_167_219_200_000_000;
const MICROS_MOST: i64 = 253_402_300_799_999_999;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Date, Month, Time};

    use super::*;

    /// Texts that are, or nearly are, times of RFC 3339, mostly near the limits.
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
    fn a_time_outside_the_years_of_lines_is_written_as_the_nearest() {
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

    #[test]
    fn a_timestamp_is_cut_to_a_microsecond_and_kept_in_its_years() {
        let epoch = SystemTime::UNIX_EPOCH;
        for (time, micros) in [
            (epoch + Duration::from_nanos(1_999), 1),
            (epoch - Duration::from_nanos(1), -1),
            (epoch - Duration::from_micros(2), -2),
            (epoch + Duration::from_secs(u64::MAX / 4), MICROS_MOST),
            (epoch - Duration::from_secs(u64::MAX / 4), MICROS_LEAST),
        ] {
            assert_eq!(Timestamp::from(time).unix_micros(), micros, "{time:?}");
        }
        assert_eq!(Timestamp::from_unix_micros(MICROS_LEAST - 1), None);
        assert_eq!(Timestamp::from_unix_micros(MICROS_MOST + 1), None);
    }

    #[test]
    fn an_invalid_timestamp_is_an_error_that_shows_it() {
        for text in ["", "yesterday", "9999-12-31T23:59:59-10:00", "2026\n"] {
            let error = text.parse::<Timestamp>().unwrap_err().to_string();
            assert!(error.contains(&*text.escape_debug().to_string()), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_timestamp_reads_back_from_all_its_forms(micros in MICROS_LEAST..=MICROS_MOST) {
            let time = Timestamp::from_unix_micros(micros).unwrap();
            prop_assert_eq!(time.unix_micros(), micros);
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
            prop_assert_eq!(Timestamp::from(SystemTime::from(time)), time);
            let json = serde_json::to_string(&time).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        }

        #[test]
        fn timestamps_sort_as_their_texts_do(
            one in MICROS_LEAST..=MICROS_MOST,
            other in MICROS_LEAST..=MICROS_MOST,
        ) {
            let time = |micros| Timestamp::from_unix_micros(micros).unwrap();
            let text = |micros| time(micros).to_string();
            prop_assert_eq!(time(one).cmp(&time(other)), text(one).cmp(&text(other)));
        }

        #[test]
        fn no_text_causes_a_panic_and_each_time_read_is_written(text in prop_oneof![text(), ".*"]) {
            if let Ok(time) = parse_time(&text) {
                let written = format_timestamp(time);
                prop_assert_eq!(written.len(), crate::record::TIMESTAMP_BYTES);
                let again = parse_time(&written).unwrap();
                prop_assert!((time - again).whole_microseconds() == 0, "{} for {}", written, text);
            }
        }

        #[test]
        fn no_time_causes_a_panic_and_each_has_27_characters(
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
