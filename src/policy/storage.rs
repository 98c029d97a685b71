//! The owner's limits of a directory: the table `storage` of `policy.toml`, its values as text, and
//! the limits in force. Unlike rules, which only restrict, these replace the application's limits
//! in both directions: the disk belongs to the owner. `owner` reads the file.

use std::time::Duration;

use toml::de::{DeInteger, DeValue};

use crate::store::limits::{Compression, Limits, READ_LINE_BYTES_MAX};

/// The owner's limits of a directory; a limit that is not set is the application's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Storage {
    /// The values of the limits that are not set one by one.
    pub(crate) preset: Option<Preset>,
    /// The age beyond which segments are removed.
    pub(crate) age_max: Option<Duration>,
    /// The size in bytes of all segments together.
    pub(crate) total_bytes_max: Option<u64>,
    /// Whether closed segments are compressed.
    pub(crate) compression: Option<Compression>,
}

/// Limits for a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Records are kept for more than a year.
    Audit,
}

impl Storage {
    /// Reads the value of a key of the table.
    ///
    /// # Errors
    ///
    /// Returns the reason, as a clause, if there is no such key or if the value is not valid.
    pub(super) fn read(&mut self, key: &str, value: &DeValue<'_>) -> Result<(), String> {
        let read = match key {
            "age_max" => text_of(value, AGE)
                .and_then(parse_age)
                .map(|age| self.age_max = Some(age)),
            "total_bytes_max" => match value.as_integer() {
                Some(number) => total_of(number),
                None => text_of(value, SIZE).and_then(parse_total),
            }
            .map(|total| self.total_bytes_max = Some(total)),
            "compress" => {
                let is_on = value.as_bool().ok_or("expected true or false".to_owned());
                is_on.map(|is_on| self.compression = Some(Compression::from(is_on)))
            }
            "preset" => text_of(value, "a string")
                .and_then(Preset::parse)
                .map(|preset| self.preset = Some(preset)),
            _ => return Err(format!("unknown field `{key}`, expected one of {KEYS}")),
        };
        read.map_err(|reason| format!("{key}: {reason}"))
    }

    /// Returns the owner's age, if it is set.
    pub(crate) fn age_max(&self) -> Option<Duration> {
        let preset = |preset| match preset {
            Preset::Audit => AUDIT_AGE_MAX,
        };
        self.age_max.or(self.preset.map(preset))
    }

    /// Returns the owner's total, if it is set.
    pub(crate) fn total_bytes_max(&self) -> Option<u64> {
        let preset = |preset| match preset {
            Preset::Audit => AUDIT_TOTAL_BYTES_MAX,
        };
        self.total_bytes_max.or(self.preset.map(preset))
    }

    /// Returns whether the owner has closed segments compressed, if that is set.
    pub(crate) fn compression(&self) -> Option<Compression> {
        let preset = |preset| match preset {
            Preset::Audit => Compression::On,
        };
        self.compression.or(self.preset.map(preset))
    }

    /// Returns the limits in force, given the application's. Segments become smaller if the total
    /// has no room for two, and are closed earlier if they would be older than the records in them
    /// may become. The owner's total also replaces a limit of the number of segments.
    pub(crate) fn in_force(&self, application: &Limits) -> Limits {
        let mut limits = application.clone();
        if let Some(total) = self.total_bytes_max() {
            limits.total_bytes_max = total;
            limits.segment_bytes_max = limits.segment_bytes_max.min(total / 2);
            limits.segments_max = None;
        }
        if let Some(age) = self.age_max() {
            limits.age_max = age;
            limits.segment_age_max = limits.segment_age_max.min(age);
        }
        if let Some(compression) = self.compression() {
            limits.compression = compression;
        }
        limits
    }
}

impl Preset {
    /// Parses the name of a preset.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        match word {
            "audit" => Ok(Self::Audit),
            _ => Err(format!("`{word}` is not a preset; there is `audit`")),
        }
    }
}

fn text_of<'v>(value: &'v DeValue<'_>, type_: &str) -> Result<&'v str, String> {
    let text = value.as_str();
    text.ok_or_else(|| format!("expected {type_}"))
}

/// Parses a total that is written as a number of the file format.
fn total_of(number: &DeInteger<'_>) -> Result<u64, String> {
    let bytes = i64::from_str_radix(number.as_str(), number.radix());
    match bytes.map(u64::try_from) {
        Ok(Ok(bytes)) => check_total(bytes, number),
        Ok(Err(_)) => Err(format!("`{number}` is negative")),
        Err(_) => Err(format!("`{number}` is too large")),
    }
}

/// Parses an age with the words that `--since` accepts, from seconds up: `90d`, `12 months`,
/// `1 year 6 months`. An age in months or years is rounded up to whole days.
///
/// # Errors
///
/// Returns the reason, as a clause, if it is not an age, or if it is too short or too long.
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not an age; {AGE_FORMS}");
    let mut seconds = 0u64;
    let mut is_rounded = false;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, after) = split_at(rest, |letter| !letter.is_ascii_digit());
        let (unit, after) = split_at(after.trim_start(), |letter| !letter.is_ascii_alphabetic());
        rest = after.trim_start();
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let of_unit = seconds_of(unit).ok_or_else(wrong)?;
        is_rounded |= of_unit >= MONTH;
        let part = number.checked_mul(of_unit);
        let sum = part.and_then(|part| seconds.checked_add(part));
        seconds = sum
            .filter(|sum| *sum <= AGE_SECONDS_MOST)
            .ok_or_else(|| format!("`{text}` is longer than 1000 years"))?;
    }
    if seconds < AGE_SECONDS_LEAST {
        return Err(format!(
            "`{text}` is shorter than a minute; to record nothing, disable recording"
        ));
    }
    if is_rounded {
        seconds = seconds.next_multiple_of(DAY);
    }
    Ok(Duration::from_secs(seconds))
}

/// Parses a size: `2 GiB`, `1.5 TiB`, `500 MB`, or bytes without a unit. A unit of one letter means
/// powers of 1024, as elsewhere in systems that keep logs.
///
/// # Errors
///
/// Returns the reason, as a clause, if it is not a size, or if it is too small or too large.
pub(crate) fn parse_total(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; {SIZE_FORMS}");
    let is_of_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let (number, unit) = split_at(text.trim(), |letter| !is_of_number(letter));
    let of_unit = bytes_of(unit.trim_start()).ok_or_else(wrong)?;
    let (whole, fraction) = match number.split_once('.') {
        None => (number, ""),
        Some((_, "")) => return Err(wrong()),
        Some(parts) => parts,
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(fraction) || fraction.len() > FRACTION_DIGITS_MAX {
        return Err(wrong());
    }
    let parse = |digits: &str| digits.parse::<u128>().map_err(|_| wrong());
    let tenths = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let parts = match fraction {
        "" => parse(whole)?,
        _ => parse(whole)?
            .checked_mul(tenths)
            .and_then(|whole| whole.checked_add(parse(fraction).ok()?))
            .ok_or_else(wrong)?,
    };
    let bytes = parts.checked_mul(of_unit).map(|parts| parts / tenths);
    let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
    check_total(bytes.ok_or_else(|| format!("`{text}` is too large"))?, text)
}

/// Checks a total in bytes; `text` is the form in which it was written.
///
/// # Errors
///
/// Returns the reason, as a clause, if it is too small or too large.
fn check_total(bytes: u64, text: impl std::fmt::Display) -> Result<u64, String> {
    if bytes < TOTAL_BYTES_LEAST {
        return Err(format!(
            "`{text}` is too small; use at least 4 MiB, which is room for two segments"
        ));
    }
    if bytes > TOTAL_BYTES_MOST {
        return Err(format!("`{text}` is too large"));
    }
    Ok(bytes)
}

/// Splits a text at the first letter of that kind.
fn split_at(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

/// Returns the seconds of a unit of time: the words of the times that commands accept.
fn seconds_of(unit: &str) -> Option<u64> {
    match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(60 * 60),
        "d" | "day" | "days" => Some(DAY),
        "w" | "wk" | "wks" | "week" | "weeks" => Some(7 * DAY),
        "M" | "month" | "months" => Some(MONTH),
        "y" | "yr" | "yrs" | "year" | "years" => Some(YEAR),
        _ => None,
    }
}

/// Returns the bytes of a unit of size, in any case; bytes without a unit.
fn bytes_of(unit: &str) -> Option<u128> {
    let unit = unit.to_ascii_lowercase();
    let (letter, base) = match unit.as_str() {
        "" | "b" | "byte" | "bytes" => return Some(1),
        unit if unit.ends_with("ib") => (unit.strip_suffix("ib")?, 1024u128),
        unit if unit.ends_with('b') => (unit.strip_suffix('b')?, 1000),
        unit => (unit, 1024),
    };
    let power = match letter {
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    Some(base.pow(power))
}

const DAY: u64 = 24 * 60 * 60;
/// A year of the Gregorian calendar with its leap days, nearly, and a twelfth of it.
const YEAR: u64 = 365 * DAY + DAY / 4;
const MONTH: u64 = YEAR / 12;

/// Ages below a minute are smaller than the differences of clocks, and remove records before
/// someone can read them.
const AGE_SECONDS_LEAST: u64 = 60;
const AGE_SECONDS_MOST: u64 = 1000 * YEAR;

/// Two segments of two of the longest lines that any reader accepts. A line is never longer than
/// half a segment, so no owner's total changes the longest line of a program that runs.
pub(crate) const TOTAL_BYTES_LEAST: u64 = 4 * READ_LINE_BYTES_MAX as u64;
/// The largest number of the file format.
const TOTAL_BYTES_MOST: u64 = i64::MAX as u64;

/// Enough for any size that `status` prints.
const FRACTION_DIGITS_MAX: usize = 9;

/// The valid keys of the table.
const KEYS: &str = "`age_max`, `total_bytes_max`, `compress`, `preset`";

/// The types of an age and of a size in the file, for messages.
const AGE: &str = "a string such as \"90 days\"";
const SIZE: &str = "a number of bytes, or a string such as \"2 GiB\"";
/// The forms of an age, for messages.
const AGE_FORMS: &str = "write a number and a unit, such as `90 days`, `36h` or `12 months`";
/// The forms of a size, for messages.
const SIZE_FORMS: &str = "write a number and a unit, such as `2 GiB` or `500 MB`, or bytes";

/// Twelve months and a month more, so that a yearly audit finds all of the year before it.
const AUDIT_AGE_MAX: Duration = Duration::from_secs(400 * DAY);
/// 4 GiB hold 400 days at 10 MiB a day, which is some 40,000 records. The default total of 256 MiB
/// holds its 90 days at 2.8 MiB a day. Compressed segments take a fraction of that, so it is enough
/// for several times as many; it is a tenth of a small disk of 40 GB.
const AUDIT_TOTAL_BYTES_MAX: u64 = 4 << 30;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    #[test]
    fn ages_have_the_words_of_the_command_line() {
        let days = |days: u64| days * DAY;
        for (text, seconds) in [
            ("90d", days(90)),
            ("90 days", days(90)),
            (" 1 day ", days(1)),
            ("36h", days(1) + 12 * 3600),
            ("1h30m", 5400),
            ("1 hour 30 min", 5400),
            ("60s", 60),
            ("2 weeks", days(14)),
            ("1 month", days(31)),
            ("1M", days(31)),
            ("12 months", days(366)),
            ("1 year", days(366)),
            ("1 year 6 months", days(548)),
            ("2y", days(731)),
            ("1 year 1h", days(366)),
        ] {
            assert_eq!(parse_age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn an_invalid_age_has_a_reason() {
        for (text, reason) in [
            ("", "is not an age"),
            (" ", "is not an age"),
            ("90", "is not an age"),
            ("days", "is not an age"),
            ("-90d", "is not an age"),
            ("1.5 days", "is not an age"),
            ("90 Days", "is not an age"),
            ("90 d d", "is not an age"),
            ("90d ago", "is not an age"),
            ("forever", "is not an age"),
            ("٣d", "is not an age"),
            ("0 days", "shorter than a minute"),
            ("59s", "shorter than a minute"),
            ("1001 years", "longer than 1000 years"),
            ("99999999999999999 days", "longer than 1000 years"),
            ("99999999999999999999999999 days", "is not an age"),
        ] {
            let message = parse_age(text).unwrap_err();
            assert!(message.contains(reason), "{text}: {message}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes) in [
            ("2147483648", 2 * GIB),
            ("2 GiB", 2 * GIB),
            ("2gib", 2 * GIB),
            (" 2G ", 2 * GIB),
            ("1.5 GiB", GIB + GIB / 2),
            ("0.5g", GIB / 2),
            ("500 MB", 500_000_000),
            ("4 MiB", 4 * MIB),
            ("4194304 B", 4 * MIB),
            ("4.9 MiB", 5_138_022),
            ("1 TB", 1_000_000_000_000),
        ] {
            assert_eq!(parse_total(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn an_invalid_size_has_a_reason() {
        for (text, reason) in [
            ("", "is not a size"),
            ("GiB", "is not a size"),
            ("-1 GiB", "is not a size"),
            ("1 PiB", "is not a size"),
            ("1. GiB", "is not a size"),
            (".5 GiB", "is not a size"),
            ("1.2.3 GiB", "is not a size"),
            ("1,5 GiB", "is not a size"),
            ("2 GiB more", "is not a size"),
            ("2 ib", "is not a size"),
            ("unlimited", "is not a size"),
            ("0", "at least 4 MiB"),
            ("4194303", "at least 4 MiB"),
            ("16 KiB", "at least 4 MiB"),
            ("9223372036854775808", "is too large"),
            ("99999999999 TiB", "is too large"),
            ("999999999999999999999999999999999999 TiB", "is too large"),
        ] {
            let message = parse_total(text).unwrap_err();
            assert!(message.contains(reason), "{text}: {message}");
        }
    }

    #[test]
    fn explicit_limits_override_the_preset() {
        let application = Limits::default();
        let audit = Storage {
            preset: Some(Preset::Audit),
            ..Storage::default()
        };
        let limits = audit.in_force(&application);
        assert!(limits.age_max >= Duration::from_hours(24 * 366));
        assert_eq!(limits.compression, Compression::On);
        assert_eq!(limits.total_bytes_max, 4 * GIB);
        let own = Storage {
            compression: Some(Compression::Off),
            total_bytes_max: Some(GIB),
            ..audit
        };
        let limits = own.in_force(&application);
        assert_eq!(limits.age_max, AUDIT_AGE_MAX);
        assert_eq!(limits.compression, Compression::Off);
        assert_eq!(limits.total_bytes_max, GIB);
    }

    #[test]
    fn without_limits_of_the_owner_the_applications_apply() {
        let application = Limits {
            segments_max: Some(3),
            compression: Compression::On,
            ..Limits::default()
        };
        assert_eq!(Storage::default().in_force(&application), application);
    }

    #[test]
    fn a_smaller_total_or_age_has_smaller_segments() {
        let own = Storage {
            total_bytes_max: Some(8 * MIB),
            age_max: Some(Duration::from_hours(2)),
            ..Storage::default()
        };
        let limits = own.in_force(&Limits::default());
        assert_eq!(limits.segment_bytes_max, 4 * MIB);
        assert_eq!(limits.segment_age_max, Duration::from_hours(2));
    }

    #[test]
    fn a_total_of_the_owner_replaces_a_number_of_segments() {
        let application = Limits {
            segments_max: Some(2),
            ..Limits::default()
        };
        let own = Storage {
            total_bytes_max: Some(GIB),
            ..Storage::default()
        };
        assert_eq!(own.in_force(&application).segments_max, None);
        let own = Storage {
            age_max: Some(Duration::from_hours(2)),
            ..Storage::default()
        };
        assert_eq!(own.in_force(&application).segments_max, Some(2));
    }

    proptest! {
        #[test]
        fn any_text_is_a_limit_within_bounds_or_has_a_reason(
            text in "([0-9]{0,40}[.]?[0-9]{0,12} ?(PiB|TiB|G|mb|B|days?|years|M|é)? ?){0,4}|\\PC*",
        ) {
            match parse_total(&text) {
                Ok(total) => prop_assert!((TOTAL_BYTES_LEAST..=TOTAL_BYTES_MOST).contains(&total)),
                Err(reason) => prop_assert!(!reason.is_empty()),
            }
            match parse_age(&text) {
                Ok(age) => prop_assert!(age.as_secs() >= AGE_SECONDS_LEAST),
                Err(reason) => prop_assert!(!reason.is_empty()),
            }
        }

        /// Whatever the owner sets, valid limits of an application stay valid, and the longest line
        /// stays the same: programs that run have encoded lines already.
        #[test]
        fn limits_in_force_fit_together_and_keep_the_longest_line(
            total in proptest::option::of(TOTAL_BYTES_LEAST..=TOTAL_BYTES_MOST),
            age in proptest::option::of(AGE_SECONDS_LEAST..=AGE_SECONDS_MOST),
            segment_bytes_max in (16u64 << 10)..(64 << 20),
            segments in 2u64..100,
            line_bytes_max in 4096usize..(4 << 20),
        ) {
            let application = Limits {
                segment_bytes_max,
                total_bytes_max: segment_bytes_max * segments,
                line_bytes_max,
                ..Limits::default()
            };
            prop_assert_eq!(application.validate().is_ok(), true);
            let own = Storage {
                total_bytes_max: total,
                age_max: age.map(Duration::from_secs),
                ..Storage::default()
            };
            let limits = own.in_force(&application);
            prop_assert!(limits.validate().is_ok());
            prop_assert_eq!(
                limits.line_bytes_effective_max(),
                application.line_bytes_effective_max()
            );
        }
    }
}
