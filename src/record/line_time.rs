//! A time as a line holds it: text that sorts as the times do, so that finding the latest of many lines
//! parses none of them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{OPENING, TIMESTAMP_BYTES, format_timestamp, glance, timestamp_of};

/// A time in UTC, to the microsecond, in the years 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LineTime([u8; TIMESTAMP_BYTES]);

impl LineTime {
    /// Reads a time that is written as lines hold it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        glance::is_timestamp(text)
            .then(|| text.as_bytes().first_chunk().copied().map(Self))
            .flatten()
    }

    /// Reads the time with which a line begins. One that is written otherwise is rounded up.
    pub(crate) fn of_line(line: &[u8]) -> Option<Self> {
        Self::of_own_line(line)
            .and_then(|Self(bytes)| Self::parse(std::str::from_utf8(&bytes).ok()?))
            .or_else(|| Self::not_before(timestamp_of(line)?))
    }

    /// Reads the time of a line that was just encoded, and trusts that it is one.
    pub(crate) fn of_own_line(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(OPENING.as_bytes())?;
        rest.first_chunk().copied().map(Self)
    }

    /// Returns the first of these times that is not before that moment; lines of others have finer times.
    pub(crate) fn not_before(moment: OffsetDateTime) -> Option<Self> {
        let nanos = moment.unix_timestamp_nanos();
        let up = (NANOS_PER_MICRO - nanos.rem_euclid(NANOS_PER_MICRO)) % NANOS_PER_MICRO;
        let rounded = OffsetDateTime::from_unix_timestamp_nanos(nanos + up).ok()?;
        Self::parse(&format_timestamp(rounded))
    }

    /// Returns the last of these times that is not after that moment.
    pub(crate) fn not_after(moment: OffsetDateTime) -> Option<Self> {
        Self::parse(&format_timestamp(moment))
    }

    /// Returns its text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the moment.
    pub(crate) fn to_moment(self) -> Option<OffsetDateTime> {
        OffsetDateTime::parse(self.as_str(), &Rfc3339).ok()
    }
}

const NANOS_PER_MICRO: i128 = 1000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    }

    #[test]
    fn a_time_is_taken_as_lines_hold_it_and_another_form_is_rounded_up() {
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
    fn finer_times_and_other_zones_are_rounded_up_to_what_a_line_holds() {
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
        assert_eq!(
            LineTime::not_before(moment("9999-12-31T23:59:59-01:00")),
            None
        );
        assert_eq!(
            LineTime::not_before(moment("0000-01-01T00:00:00+01:00")),
            None
        );
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
