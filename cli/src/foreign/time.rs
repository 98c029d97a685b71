//! The times of other loggers: RFC 3339 and texts near it, and numbers since 1970 in seconds,
//! milliseconds, microseconds or nanoseconds.

use localtel::read::Timestamp;

use super::json::Json;

/// Reads a time from a string or a number.
pub(super) fn of_json(json: Json<'_>) -> Option<Timestamp> {
    match json.number() {
        Some(number) => of_number(number),
        None => of_text(json.text()?.decoded().trim()),
    }
}

/// Reads a time from a whole text.
pub(super) fn of_text(text: &str) -> Option<Timestamp> {
    match leading(text) {
        Some((time, "")) => Some(time),
        Some(_) => None,
        None => of_number(text),
    }
}

/// Reads the nanoseconds since 1970 that OpenTelemetry writes, as a number or as a text; 0 means
/// that the time is unknown.
pub(super) fn of_nanoseconds(json: Json<'_>) -> Option<Timestamp> {
    let text = json.text();
    let text = text.as_ref().map(super::json::ForeignText::decoded);
    let digits = text.as_deref().or_else(|| json.number())?;
    let nanoseconds: u64 = digits.parse().ok().filter(|number| *number != 0)?;
    Timestamp::from_unix_micros(i64::try_from(nanoseconds / 1000).ok()?)
}

/// Reads the time at the start of a text, and returns what follows it. Between date and time there
/// may be a space, a comma may be the decimal point, and the date may have slashes. A time without
/// a zone is one of UTC.
pub(super) fn leading(text: &str) -> Option<(Timestamp, &str)> {
    let (moment, rest) = text.split_at_checked(MOMENT_FORM.len())?;
    let moment = moment.as_bytes();
    let is_formed = moment
        .iter()
        .zip(MOMENT_FORM)
        .all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            b'-' => matches!(byte, b'-' | b'/'),
            b'T' => matches!(byte, b'T' | b't' | b' ' | b'_'),
            _ => byte == form,
        });
    if !is_formed {
        return None;
    }
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    let (offset, rest) = offset(rest)?;
    // A longer word is no time.
    if rest.starts_with(|next: char| next.is_alphanumeric()) {
        return None;
    }
    if let Some(second) = usual_second(moment).filter(|_| offset == *UTC) {
        let micros = places_of(fraction, second.into(), 6)?;
        return Some((Timestamp::from_unix_micros(micros)?, rest));
    }
    let mut normal = NormalTime {
        bytes: [0; NORMAL_BYTES_MAX],
        length: 0,
    };
    normal.push(moment);
    for (at, byte) in [(4, b'-'), (7, b'-'), (10, b'T')] {
        *normal.bytes.get_mut(at)? = byte;
    }
    if !fraction.is_empty() {
        normal.push(b".");
        normal.push(
            fraction
                .get(..FRACTION_DIGITS)
                .unwrap_or(fraction)
                .as_bytes(),
        );
    }
    normal.push(&offset);
    let time = std::str::from_utf8(normal.bytes.get(..normal.length)?).ok()?;
    Some((time.parse().ok()?, rest))
}

/// Returns the seconds from 1970 to a date and a time in UTC that certainly exist; all others are
/// left to the parser.
fn usual_second(moment: &[u8]) -> Option<u32> {
    let number = |from: usize, to: usize| {
        let digits = moment.get(from..to).unwrap_or_default();
        digits.iter().fold(0_u32, |number, digit| {
            number * 10 + u32::from(digit.wrapping_sub(b'0'))
        })
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let is_usual = (1970..2100).contains(&year)
        && (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && (hour < 24 && minute < 60 && second < 60);
    if !is_usual {
        return None;
    }
    // As if the year began in March, so that a leap day is its last.
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - DAYS_TO_1970;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Appends the first digits of a fraction to a whole number.
fn places_of(fraction: &str, whole: u128, places: usize) -> Option<i64> {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(places);
    let all = digits.fold(whole, |all, digit| {
        all * 10 + u128::from(digit.wrapping_sub(b'0'))
    });
    i64::try_from(all).ok()
}

/// Reads the offset at the start of a text, in the form of RFC 3339; a text without one is left.
fn offset(text: &str) -> Option<([u8; 6], &str)> {
    let trimmed = text.strip_prefix(' ').unwrap_or(text);
    for name in ["Z", "z", "UTC", "GMT"] {
        if let Some(rest) = trimmed.strip_prefix(name) {
            return Some((*UTC, rest));
        }
    }
    let unsigned = trimmed.strip_prefix(['+', '-']);
    let hours = unsigned
        .map(digits)
        .filter(|(hours, _)| matches!(hours.len(), 2 | 4));
    // `10:00:00 -2` and `10:00:00 - message` have no offset, and `10:00:00-2` is no time.
    let Some((hours, rest)) = hours else {
        return (unsigned.is_none() || trimmed.len() < text.len()).then_some((*UTC, text));
    };
    let (minutes, rest) = match rest.strip_prefix(':').map(digits) {
        Some((minutes, rest)) if hours.len() == 2 && minutes.len() == 2 => (minutes, rest),
        Some(_) | None => (
            hours
                .get(2..)
                .filter(|minutes| !minutes.is_empty())
                .unwrap_or("00"),
            rest,
        ),
    };
    let mut offset = *UTC;
    let parts = [trimmed.get(..1)?, hours.get(..2)?, ":", minutes];
    for (to, from) in offset
        .iter_mut()
        .zip(parts.iter().flat_map(|part| part.bytes()))
    {
        *to = from;
    }
    Some((offset, rest))
}

/// Splits a text after the digits at its start.
fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|next: char| !next.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Reads a number since 1970, whose unit follows from its magnitude. A number that would be a time
/// before 1973 is none: it is more likely a duration.
fn of_number(number: &str) -> Option<Timestamp> {
    let (whole, rest) = digits(number);
    let fraction = match rest.strip_prefix('.') {
        _ if rest.is_empty() => "",
        Some(fraction) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => fraction,
        // With an exponent or a sign.
        Some(_) | None => {
            let float: f64 = number.parse().ok()?;
            let is_time = (1e8..1e20).contains(&float) && rest.contains(['e', 'E']);
            return is_time.then(|| of_number(&format!("{float:.6}")))?;
        }
    };
    let whole: u128 = whole.parse().ok()?;
    // Digits of the fraction that make microseconds.
    let places = match whole {
        0..100_000_000 => return None,
        100_000_000..100_000_000_000 => 6,
        100_000_000_000..100_000_000_000_000 => 3,
        100_000_000_000_000..100_000_000_000_000_000 => 0,
        100_000_000_000_000_000.. => {
            return Timestamp::from_unix_micros(i64::try_from(whole / 1000).ok()?);
        }
    };
    Timestamp::from_unix_micros(places_of(fraction, whole, places)?)
}

/// Writes times as in a line of localtel. The text of the last second is kept, since many records
/// are of the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct TimeText {
    second: Option<i64>,
    text: String,
}

impl TimeText {
    /// Returns the text of a time.
    pub(super) fn of(&mut self, time: Timestamp) -> &str {
        let micros = time.unix_micros();
        let second = Some(micros.div_euclid(1_000_000));
        if self.second == second {
            self.text.truncate("2026-11-21T08:15:30.".len());
            let mut unit = 100_000;
            let mut rest = micros.rem_euclid(1_000_000);
            while unit > 0 {
                let digit = u8::try_from(rest / unit).unwrap_or_default();
                self.text.push(char::from(b'0' + digit));
                rest %= unit;
                unit /= 10;
            }
            self.text.push('Z');
        } else {
            self.second = second;
            self.text = time.to_string();
        }
        &self.text
    }
}

/// A time in the form of RFC 3339.
struct NormalTime {
    bytes: [u8; NORMAL_BYTES_MAX],
    length: usize,
}

impl NormalTime {
    fn push(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(part);
            self.length = end;
        }
    }
}

/// The form of a date and a time, with a `0` for each digit.
const MOMENT_FORM: &[u8] = b"0000-00-00T00:00:00";

/// The digits of a fraction that are read.
const FRACTION_DIGITS: usize = 9;

/// The days from the start of March of the year 0 to 1970.
const DAYS_TO_1970: u32 = 719_468;

/// The length of a time with nine digits of a fraction and an offset, and a little more.
const NORMAL_BYTES_MAX: usize = 40;

const UTC: &[u8; 6] = b"+00:00";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn usual_times_are_read_and_written_as_by_the_library(
            micros in 0..4_200_000_000_000_000_i64,
            next in 0..3_000_000_i64,
        ) {
            let mut text = TimeText::default();
            for micros in [micros, micros + next, micros] {
                let time = Timestamp::from_unix_micros(micros).unwrap();
                prop_assert_eq!(text.of(time), time.to_string());
                prop_assert_eq!(of_text(&time.to_string()), Some(time));
            }
        }
    }

    #[test]
    fn texts_near_rfc_3339_are_times() {
        for (text, expected) in [
            (
                "2026-11-21T08:15:30.123456Z",
                Some("2026-11-21T08:15:30.123456Z"),
            ),
            ("2026-11-21T08:15:30Z", Some("2026-11-21T08:15:30.000000Z")),
            (
                "2026-11-21T10:15:30.1+02:00",
                Some("2026-11-21T08:15:30.100000Z"),
            ),
            (
                "2026-11-21T03:15:30-0500",
                Some("2026-11-21T08:15:30.000000Z"),
            ),
            (
                "2026-11-21 09:15:30,123 +01",
                Some("2026-11-21T08:15:30.123000Z"),
            ),
            (
                "2026-11-21 08:15:30,123",
                Some("2026-11-21T08:15:30.123000Z"),
            ),
            ("2026/11/21 08:15:30", Some("2026-11-21T08:15:30.000000Z")),
            (
                "2026-11-21 08:15:30 UTC",
                Some("2026-11-21T08:15:30.000000Z"),
            ),
            (
                "2026-11-21t08:15:30.123456789123z",
                Some("2026-11-21T08:15:30.123456Z"),
            ),
            ("2026-02-30T08:15:30Z", None),
            ("2026-11-21T08:15:30ZZ", None),
            ("2026-11-21T08:15:30-5", None),
            ("2026-11-21T08:15", None),
            ("2026-11-21", None),
            ("yesterday", None),
            ("", None),
            ("2026-11-21T08:15:3é", None),
        ] {
            let read = of_text(text).map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_unit_of_a_number_follows_from_its_magnitude() {
        let time = Some("2026-11-21T08:15:30.123456Z");
        for (number, expected) in [
            ("1795248930.123456", time),
            ("1795248930.1234569", time),
            ("1795248930123.456", time),
            ("1795248930123456", time),
            ("1795248930123456.9", time),
            ("1795248930123456789", time),
            ("1.795248930123456e9", time),
            ("1795248930", Some("2026-11-21T08:15:30.000000Z")),
            ("1795248930123", Some("2026-11-21T08:15:30.123000Z")),
            ("5", None),
            ("-1795248930", None),
            ("0.25", None),
            ("1e300", None),
            ("99999999999999999999999999999999999999999", None),
            ("", None),
            (".5", None),
            ("1795248930.", Some("2026-11-21T08:15:30.000000Z")),
        ] {
            let read = of_number(number).map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{number}");
        }
    }

    #[test]
    fn a_leading_time_leaves_the_rest_of_the_line() {
        for (text, rest) in [
            ("2026-11-21T08:15:30Z  INFO a", Some("  INFO a")),
            ("2026-11-21 08:15:30 - root - a", Some(" - root - a")),
            ("2026-11-21 08:15:30 -2 degrees", Some(" -2 degrees")),
            ("2026-11-21 08:15:30,123] a", Some("] a")),
            ("2026-11-21T08:15:30x", None),
            ("2026-11-21T08:15:30Zulu", None),
        ] {
            assert_eq!(leading(text).map(|(_, rest)| rest), rest, "{text}");
        }
    }
}
