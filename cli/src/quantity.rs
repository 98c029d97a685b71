//! Formatting of sizes, counts and lengths of time for people.

use std::time::Duration;

use localtel::admin::Rate;

/// Formats a size in the unit in which it has one to four digits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, to avoid rounding of floats.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"KiB");
    while tenths >= 10_240 {
        let Some(larger) = units.next() else { break };
        unit = larger;
        tenths /= 1024;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Formats a size, without a fraction of zero.
pub(crate) fn round_size(bytes: u64) -> String {
    size(bytes).replace(".0 ", " ")
}

/// Formats an age in the largest unit of which it is a whole number.
pub(crate) fn age(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute")];
    let whole = UNITS.iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, noun) = whole.copied().unwrap_or((1, "second"));
    count(seconds / unit, noun)
}

/// Formats a length of time in its two largest units, or as milliseconds or tenths of a second.
pub(crate) fn length(length: Duration) -> String {
    let (seconds, millis) = (length.as_secs(), length.subsec_millis());
    let (minutes, hours) = (seconds / 60, seconds / (60 * 60));
    match (seconds, minutes, hours) {
        (0, ..) => format!("{millis}ms"),
        (_, 0, _) => format!("{seconds}.{}s", millis / 100),
        (_, _, 0) => format!("{minutes}m{:02}s", seconds % 60),
        (_, _, ..24) => format!("{hours}h{:02}m", minutes % 60),
        (..) => format!("{}d{:02}h", hours / 24, hours % 24),
    }
}

/// Formats the size of a total and how long it lasts at a rate. A low rate is not printed: it says
/// nothing about the next years.
pub(crate) fn lasting(total_bytes: u64, rate: &Rate) -> String {
    let (total, lasts) = (round_size(total_bytes), days(rate.total_days));
    if rate.total_days > MANY_DAYS {
        return format!("{total} last {lasts}");
    }
    let per_day = size(rate.bytes_per_day);
    format!("{total} last {lasts} at today's rate of {per_day} a day")
}

/// Formats an estimated number of days.
pub(crate) fn days(days: u64) -> String {
    match days {
        0 => "less than a day".to_owned(),
        days if days > MANY_DAYS => "more than 10 years".to_owned(),
        days => format!("about {}", count(days, "day")),
    }
}

/// Ten years: an estimate is not good for more.
const MANY_DAYS: u64 = 3652;

/// Formats a number with its noun, in the plural if needed.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_its_two_largest_units() {
        for (millis, expected) in [
            (0, "0ms"),
            (871, "871ms"),
            (59_999, "59.9s"),
            (60_000, "1m00s"),
            (3_599_000, "59m59s"),
            (3_660_000, "1h01m"),
            (86_399_000, "23h59m"),
            (90_000_000, "1d01h"),
        ] {
            assert_eq!(length(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn an_age_is_exact_in_its_largest_whole_unit() {
        let table = [
            (90 * 24 * 60 * 60, "90 days"),
            (36 * 60 * 60, "36 hours"),
            (90 * 60, "90 minutes"),
            (1, "1 second"),
        ];
        for (seconds, expected) in table {
            assert_eq!(age(seconds), expected);
        }
    }

    #[test]
    fn days_are_an_estimate() {
        for (number, expected) in [
            (0, "less than a day"),
            (1, "about 1 day"),
            (3652, "about 3652 days"),
            (3653, "more than 10 years"),
        ] {
            assert_eq!(days(number), expected);
        }
    }

    #[test]
    fn sizes_have_a_fitting_unit() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (16 << 20, "16.0 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, expected) in table {
            assert_eq!(size(bytes), expected);
        }
    }
}
