//! The zone in which times are shown and read, and how it is selected: `--utc` and `--local` first,
//! then `LOCALTEL_ZONE`, then the local zone on a terminal and UTC elsewhere. `TZ` decides what the
//! local zone is; the crate `time` has no table of zones, so no other zone can be named.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::super::screen::{OutputKind, Screen};
use super::timestamp;
use localtel::{Error, Result};

/// A zone in which times are shown and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// A constant offset.
    Fixed(UtcOffset),
    /// The local zone.
    Local,
}

/// The end of a range that a time is: it decides what a local time means that occurs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The start: the earlier of two moments.
    Since,
    /// The end: the later of two moments.
    Until,
}

/// Flags that select the zone.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct ZoneArgs {
    /// Show and read times in UTC [default unless on a terminal]
    #[arg(id = "localtel.utc", long = "utc", conflicts_with = "localtel.local")]
    utc: bool,
    /// Show and read times in the local zone [default on a terminal]
    #[arg(id = "localtel.local", long = "local")]
    local: bool,
}

impl ZoneArgs {
    /// Returns the zone for a screen.
    ///
    /// # Errors
    ///
    /// Returns an error if `LOCALTEL_ZONE` is needed and is not a zone.
    pub(crate) fn zone(self, screen: &Screen<'_>) -> Result<Zone> {
        self.select((screen.variable)(VARIABLE).as_deref(), screen.sink)
    }

    fn select(self, variable: Option<&OsStr>, sink: OutputKind) -> Result<Zone> {
        if self.utc {
            return Ok(Zone::UTC);
        }
        if self.local {
            return Ok(Zone::Local);
        }
        let set = variable.map(OsStr::to_string_lossy).unwrap_or_default();
        match (set.trim(), sink) {
            ("", OutputKind::Terminal) => Ok(Zone::Local),
            ("", OutputKind::Pipe) => Ok(Zone::UTC),
            (text, _) => text.parse(),
        }
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "local" => Ok(Self::Local),
            "utc" => Ok(Self::UTC),
            _ => parse_offset(text).map(Self::Fixed).ok_or_else(|| {
                let reason = format!(
                    "`{text}` is not `local`, `utc` or an offset such as `+02:00`; \
                     for the zone of a place, set TZ, which decides what is local"
                );
                Error::invalid(VARIABLE, reason)
            }),
        }
    }
}

/// Parses an offset: `+02:00`, `+0200`, `+02`.
pub(super) fn parse_offset(text: &str) -> Option<UtcOffset> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() <= 2 => (digits, "00"),
        None => digits.split_at_checked(2)?,
    };
    let hours = two_digits(hours).filter(|hours| *hours <= 23)?;
    let minutes = two_digits(minutes).filter(|minutes| *minutes <= 59)?;
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
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

    /// Returns the text of a time in the zone, with its offset: the form of stored lines.
    pub(crate) fn text(self, time: OffsetDateTime) -> impl fmt::Display {
        ShownTime(self.show(time))
    }

    /// Returns the moment that a local time of the zone means.
    pub(super) fn assume(self, local: PrimitiveDateTime, bound: Bound) -> OffsetDateTime {
        moment_of(local, bound, |time| self.offset_at(time))
    }

    fn offset_at(self, time: OffsetDateTime) -> UtcOffset {
        match self {
            Self::Fixed(offset) => offset,
            // Without a local offset from the system, UTC is used.
            Self::Local => UtcOffset::local_offset_at(time).unwrap_or(UtcOffset::UTC),
        }
    }
}

/// Returns the moment of a local time, given the offset at each moment. Of two moments, the bound
/// decides. A local time that the clocks skip is the moment at which they skip it.
fn moment_of(
    local: PrimitiveDateTime,
    bound: Bound,
    offset_at: impl Fn(OffsetDateTime) -> UtcOffset,
) -> OffsetDateTime {
    // No offset has a day, so the moment is within a day of the same time in UTC.
    let around = local.assume_utc();
    let before = around.checked_sub(Duration::DAY).unwrap_or(around);
    let after = around.checked_add(Duration::DAY).unwrap_or(around);
    let all = [before, around, after].map(|time| local.assume_offset(offset_at(time)));
    let is_meant = |time: &OffsetDateTime| offset_at(*time) == time.offset();
    let meant = all.into_iter().filter(is_meant);
    let found = match bound {
        Bound::Since => meant.min(),
        Bound::Until => meant.max(),
    };
    found.unwrap_or_else(|| {
        let [one, two, three] = all;
        first_after_change(one.min(two).min(three), one.max(two).max(three), offset_at)
    })
}

/// Returns the first second between two moments at which the offset differs from that of the first.
fn first_after_change(
    before: OffsetDateTime,
    after: OffsetDateTime,
    offset_at: impl Fn(OffsetDateTime) -> UtcOffset,
) -> OffsetDateTime {
    let old = offset_at(before);
    let (mut before, mut after) = (before.unix_timestamp(), after.unix_timestamp());
    let at = |second| OffsetDateTime::from_unix_timestamp(second);
    while before + 1 < after {
        let middle = before.midpoint(after);
        match at(middle) {
            Ok(time) if offset_at(time) == old => before = middle,
            Ok(_) | Err(_) => after = middle,
        }
    }
    at(after).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A time in its zone, in the form of stored lines.
struct ShownTime(OffsetDateTime);

impl fmt::Display for ShownTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.0.offset();
        if offset == UtcOffset::UTC {
            return write!(f, "{}", timestamp(self.0));
        }
        // The local time, written as if it were UTC, and then its offset.
        let clock = timestamp(self.0.replace_offset(UtcOffset::UTC)).to_string();
        let (hours, minutes, _) = offset.as_hms();
        let sign = if offset.is_negative() { '-' } else { '+' };
        let clock = clock.trim_end_matches('Z');
        let (hours, minutes) = (hours.unsigned_abs(), minutes.unsigned_abs());
        write!(f, "{clock}{sign}{hours:02}:{minutes:02}")
    }
}

/// The environment variable that replaces the default zone.
const VARIABLE: &str = "LOCALTEL_ZONE";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::moment;

    fn time(text: &str) -> OffsetDateTime {
        moment(text.parse().unwrap())
    }

    fn hours(hours: i8) -> UtcOffset {
        UtcOffset::from_hms(hours, 0, 0).unwrap()
    }

    fn local(text: &str) -> PrimitiveDateTime {
        let time = time(&format!("{text}Z"));
        PrimitiveDateTime::new(time.date(), time.time())
    }

    #[test]
    fn flags_beat_the_variable_and_it_beats_the_default() {
        let none = ZoneArgs::default();
        let utc = ZoneArgs { utc: true, ..none };
        let local = ZoneArgs {
            local: true,
            ..none
        };
        let (terminal, pipe) = (OutputKind::Terminal, OutputKind::Pipe);
        for (args, variable, sink, expected) in [
            (none, None, terminal, Zone::Local),
            (none, None, pipe, Zone::UTC),
            (none, Some(" "), pipe, Zone::UTC),
            (none, Some("utc"), terminal, Zone::UTC),
            (none, Some("Local"), pipe, Zone::Local),
            (none, Some("+02:00"), pipe, Zone::Fixed(hours(2))),
            (none, Some("-11"), terminal, Zone::Fixed(hours(-11))),
            (utc, Some("local"), terminal, Zone::UTC),
            (local, Some("utc"), pipe, Zone::Local),
            (utc, Some("nonsense"), terminal, Zone::UTC),
        ] {
            let selected = args.select(variable.map(OsStr::new), sink).unwrap();
            assert_eq!(selected, expected, "{args:?} {variable:?} {sink:?}");
        }
    }

    #[test]
    fn the_name_of_a_place_is_refused_naming_its_variable() {
        for text in [
            "Europe/Berlin",
            "CET",
            "2",
            "+2:00",
            "+24:00",
            "+02:60",
            "+020",
            "+0x",
        ] {
            let error = text.parse::<Zone>().unwrap_err().to_string();
            assert!(
                error.contains("LOCALTEL_ZONE") && error.contains("TZ"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_time_has_the_offset_of_its_zone() {
        let time = time("2026-11-21T08:15:30.123456Z");
        for (zone, expected) in [
            ("utc", "2026-11-21T08:15:30.123456Z"),
            ("-03:30", "2026-11-21T04:45:30.123456-03:30"),
            ("+1000", "2026-11-21T18:15:30.123456+10:00"),
        ] {
            let zone: Zone = zone.parse().unwrap();
            assert_eq!(zone.text(time).to_string(), expected);
        }
    }

    /// A zone whose clocks change once.
    fn changing(
        at: OffsetDateTime,
        old: i32,
        new: i32,
    ) -> impl Fn(OffsetDateTime) -> UtcOffset + Copy {
        move |time| {
            let seconds = if time < at { old } else { new };
            UtcOffset::from_whole_seconds(seconds).unwrap()
        }
    }

    #[test]
    fn an_hour_that_occurs_twice_is_read_by_its_bound() {
        let zone = changing(time("2026-10-25T01:00:00Z"), 7200, 3600);
        for (text, since, until) in [
            (
                "2026-10-25T01:59:59",
                "2026-10-24T23:59:59Z",
                "2026-10-24T23:59:59Z",
            ),
            (
                "2026-10-25T02:00:00",
                "2026-10-25T00:00:00Z",
                "2026-10-25T01:00:00Z",
            ),
            (
                "2026-10-25T02:59:59",
                "2026-10-25T00:59:59Z",
                "2026-10-25T01:59:59Z",
            ),
            (
                "2026-10-25T03:00:00",
                "2026-10-25T02:00:00Z",
                "2026-10-25T02:00:00Z",
            ),
        ] {
            assert_eq!(
                moment_of(local(text), Bound::Since, zone),
                time(since),
                "{text}"
            );
            assert_eq!(
                moment_of(local(text), Bound::Until, zone),
                time(until),
                "{text}"
            );
        }
    }

    #[test]
    fn a_skipped_time_is_the_moment_of_the_change() {
        let spring = time("2026-03-29T01:00:00Z");
        let zone = changing(spring, 3600, 7200);
        for bound in [Bound::Since, Bound::Until] {
            for text in ["2026-03-29T02:00:00", "2026-03-29T02:59:59.9"] {
                assert_eq!(moment_of(local(text), bound, zone), spring, "{text}");
            }
            let after = moment_of(local("2026-03-29T03:00:00"), bound, zone);
            assert_eq!(after, spring);
        }
        // A whole day, as in Apia.
        let jump = time("2011-12-30T10:00:00Z");
        let zone = changing(jump, -36_000, 50_400);
        assert_eq!(
            moment_of(local("2011-12-30T09:00:00"), Bound::Since, zone),
            jump
        );
        assert_eq!(
            moment_of(local("2011-12-31T00:00:00"), Bound::Since, zone),
            jump
        );
    }

    proptest! {
        #[test]
        fn a_shown_time_is_read_as_a_range_that_includes_it(
            second in 1_700_000_000..1_800_000_000_i64,
            before_change in -200_000..200_000_i64,
            old in -50_400..50_400_i32,
            new in -50_400..50_400_i32,
        ) {
            let at = |second| OffsetDateTime::from_unix_timestamp(second).unwrap();
            let zone = changing(at(second + before_change), old, new);
            let shown = at(second).checked_to_offset(zone(at(second))).unwrap();
            let local = PrimitiveDateTime::new(shown.date(), shown.time());
            let since = moment_of(local, Bound::Since, zone);
            let until = moment_of(local, Bound::Until, zone);
            prop_assert!(since <= at(second) && at(second) <= until);
            // Each is one of the two moments of that local time.
            for read in [since, until] {
                let again = read.checked_to_offset(zone(read)).unwrap();
                prop_assert_eq!(PrimitiveDateTime::new(again.date(), again.time()), local);
            }
        }

        #[test]
        fn a_range_of_local_times_is_never_reversed(
            change in 1_700_000_000..1_700_400_000_i64,
            start in 1_700_000_000..1_700_400_000_i64,
            length in 0..200_000_i64,
            old in -50_400..50_400_i32,
            new in -50_400..50_400_i32,
        ) {
            let at = |second| OffsetDateTime::from_unix_timestamp(second).unwrap();
            let zone = changing(at(change), old, new);
            let local = |second| PrimitiveDateTime::new(at(second).date(), at(second).time());
            let since = moment_of(local(start), Bound::Since, zone);
            let until = moment_of(local(start + length), Bound::Until, zone);
            prop_assert!(since <= until);
        }
    }
}
