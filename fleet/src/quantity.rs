//! Sizes and counts for people.

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

/// Formats a number with its noun in the singular or the plural.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = if number == 1 { "" } else { "s" };
    format!("{grouped} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(268_435_456), "256.0 MiB");
        assert_eq!(count(1, "host"), "1 host");
        assert_eq!(count(840_000, "record"), "840,000 records");
        assert_eq!(count(1_234_567, "file"), "1,234,567 files");
    }
}
