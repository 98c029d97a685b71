//! The text of a point in time, as every line begins with one.

use time::OffsetDateTime;

use crate::record::{TIMESTAMP_BYTES, format_timestamp};

/// The text of a time, with the part down to the second kept from one event to the next.
#[derive(Debug)]
pub(crate) struct Stamp {
    second: i64,
    text: [u8; TIMESTAMP_BYTES],
}

impl Default for Stamp {
    fn default() -> Self {
        Self {
            second: 0,
            text: *b"1970-01-01T00:00:00.000000Z",
        }
    }
}

impl Stamp {
    /// Returns the text of a time in microseconds since 1970, held within the years 0 to 9999.
    pub(crate) fn text(&mut self, micros: i64) -> [u8; TIMESTAMP_BYTES] {
        let micros = micros.clamp(MICROS_LEAST, MICROS_MOST);
        let second = micros.div_euclid(1_000_000);
        if second != self.second {
            self.second = second;
            let at =
                OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let text = format_timestamp(at);
            for (byte, value) in self.text.iter_mut().zip(text.bytes()) {
                *byte = value;
            }
        }
        let mut rest = micros.rem_euclid(1_000_000);
        // The six digits before the `Z`.
        for byte in self.text.iter_mut().rev().skip(1).take(6) {
            *byte = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        self.text
    }
}

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z in microseconds since 1970.
const MICROS_LEAST: i64 = -62_167_219_200_000_000;
const MICROS_MOST: i64 = 253_402_300_799_999_999;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    #[test]
    fn times_outside_the_years_0_to_9999_stay_27_characters() {
        for micros in [i64::MIN, MICROS_LEAST, -1, 0, 1, MICROS_MOST, i64::MAX] {
            let text = Stamp::default().text(micros);
            let text = std::str::from_utf8(&text).unwrap();
            let parsed = OffsetDateTime::parse(text, &Rfc3339).unwrap();
            let clamped = micros.clamp(MICROS_LEAST, MICROS_MOST);
            assert_eq!(parsed.unix_timestamp_nanos(), i128::from(clamped) * 1000);
        }
    }

    proptest! {
        #[test]
        fn a_stamp_depends_on_nothing_that_it_kept(
            first in MICROS_LEAST..MICROS_MOST,
            second in MICROS_LEAST..MICROS_MOST,
        ) {
            let mut kept = Stamp::default();
            kept.text(first);
            prop_assert_eq!(kept.text(second), Stamp::default().text(second));
        }
    }
}
