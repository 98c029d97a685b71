//! A time in the form of a line: text that sorts in the order of the times, so that finding the
//! latest of many lines parses none of them.

use time::OffsetDateTime;

use super::{OPENING, TIMESTAMP_BYTES, Timestamp, parse_time, raw, timestamp_of, to_utc};

/// A time in UTC, to the microsecond, in the years 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LineTime([u8; TIMESTAMP_BYTES]);

impl LineTime {
    /// Reads a time in the form of a line.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        raw::is_timestamp(text)
            .then(|| text.as_bytes().first_chunk().copied().map(Self))
            .flatten()
    }

    /// Reads the time at the start of a line. A time in another form is rounded up.
    pub(crate) fn of_line(line: &[u8]) -> Option<Self> {
        Self::of_own_line(line)
            .and_then(|Self(bytes)| Self::parse(std::str::from_utf8(&bytes).ok()?))
            .or_else(|| Self::not_before(timestamp_of(line)?))
    }

    /// Returns the time of a raw record, which was checked when it was read.
    pub(crate) fn of_raw(raw: &raw::RawRecord<'_>) -> Self {
        let text = raw.timestamp.bytes();
        Self(text.first_chunk().copied().unwrap_or_default())
    }

    /// Returns the time of a line that was just encoded, without a check.
    pub(crate) fn of_own_line(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(OPENING.as_bytes())?;
        rest.first_chunk().copied().map(Self)
    }

    /// Returns the first of these times that is not before that moment; lines of other writers have
    /// finer times.
    pub(crate) fn not_before(moment: OffsetDateTime) -> Option<Self> {
        let nanos = moment.unix_timestamp_nanos();
        let up = (NANOS_PER_MICRO - nanos.rem_euclid(NANOS_PER_MICRO)) % NANOS_PER_MICRO;
        let rounded = OffsetDateTime::from_unix_timestamp_nanos(nanos + up).ok()?;
        Self::not_after(rounded)
    }

    /// Returns the last of these times that is not after that moment.
    pub(crate) fn not_after(moment: OffsetDateTime) -> Option<Self> {
        Self::parse(Self::of(Timestamp::of(to_utc(moment)?)).as_str())
    }

    /// Returns the text of a time, to compare lines with.
    pub(crate) fn of(time: Timestamp) -> Self {
        Self(
            time.to_string()
                .as_bytes()
                .first_chunk()
                .copied()
                .unwrap_or_default(),
        )
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the bytes of the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the time as a `Timestamp`.
    pub(crate) fn to_timestamp(self) -> Timestamp {
        self.as_str().parse().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Returns the time as an `OffsetDateTime`.
    pub(crate) fn to_moment(self) -> Option<OffsetDateTime> {
        parse_time(self.as_str()).ok()
    }
}

const NANOS_PER_MICRO: i128 = 1000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Date, Month, UtcOffset};

    use super::*;

    fn moment(text: &str) -> OffsetDateTime {
        parse_time(text).unwrap()
    }

    #[test]
    fn a_time_in_line_form_is_exact_and_others_round_up() {
        let line = |time: &str| format!("{{\"timestamp\":\"{time}\",\"level\":\"INFO\"}}");
        let time = "2026-11-21T08:15:30.123456Z";
        let read = LineTime::of_line(line(time).as_bytes()).unwrap();
        assert_eq!(read.as_str(), time);
        assert_eq!(read.to_moment(), Some(moment(time)));
        for (other, held) in [
            ("2026-11-21T08:15:30Z", "2026-11-21T08:15:30.000000Z"),
            (
                "2026-11-21T08:15:30.123456789Z",
                "2026-11-21T08:15:30.123457Z",
            ),
        ] {
            let read = LineTime::of_line(line(other).as_bytes()).unwrap();
            assert_eq!(read.as_str(), held);
            assert_eq!(LineTime::parse(other), None, "{other}");
        }
        for other in [
            "2026-11-21T08:15:30.123456+",
            "2026-11-21T08:15:60.000000Z",
            "2026-02-30T08:15:30.123456Z",
            "9O26-11-21T08:15:30.123456Z",
        ] {
            assert_eq!(LineTime::of_line(line(other).as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn finer_times_and_other_zones_round_up_to_line_precision() {
        for (finer, held) in [
            ("2026-11-21T08:15:30Z", "2026-11-21T08:15:30.000000Z"),
            (
                "2026-11-21T08:15:30.000000001Z",
                "2026-11-21T08:15:30.000001Z",
            ),
            (
                "2026-12-31T23:59:59.9999999Z",
                "2027-01-01T00:00:00.000000Z",
            ),
            ("2026-11-21T08:15:30+02:00", "2026-11-21T06:15:30.000000Z"),
        ] {
            assert_eq!(LineTime::not_before(moment(finer)).unwrap().as_str(), held);
        }
    }

    #[test]
    fn a_moment_outside_the_years_of_lines_is_rejected() {
        let at = |date: Date, hours| {
            let offset = UtcOffset::from_hms(hours, 0, 0).unwrap();
            date.with_time(time::Time::MAX).assume_offset(offset)
        };
        let last = Date::from_calendar_date(9999, Month::December, 31).unwrap();
        let before = Date::from_calendar_date(-1, Month::December, 31).unwrap();
        for moment in [at(last, -1), at(before, 0), at(before, 23)] {
            assert_eq!(LineTime::not_after(moment), None, "{moment}");
        }
        for moment in [at(last, -1), at(before, 23)] {
            assert_eq!(LineTime::not_before(moment), None, "{moment}");
        }
        let least = "0000-01-01T00:00:00.000000Z";
        assert_eq!(LineTime::not_before(at(before, 0)).unwrap().as_str(), least);
        assert_eq!(LineTime::not_before(at(last, 0)), None);
        let most = "9999-12-31T23:59:59.999999Z";
        assert_eq!(LineTime::not_after(at(last, 0)).unwrap().as_str(), most);
    }

    proptest! {
        #[test]
        fn they_sort_as_the_moments_do(
            one in -62_167_219_200_000_000..253_402_300_799_999_999_i64,
            other in -62_167_219_200_000_000..253_402_300_799_999_999_i64,
        ) {
            let moment = |micros: i64| {
                OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap()
            };
            let held = |micros: i64| LineTime::not_before(moment(micros));
            if let (Some(one_held), Some(other_held)) = (held(one), held(other)) {
                prop_assert_eq!(one_held.cmp(&other_held), one.cmp(&other));
                prop_assert_eq!(one_held.to_moment(), Some(moment(one)));
            }
        }
    }
}
