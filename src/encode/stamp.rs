//! The text of a timestamp, with which every line begins.

use time::OffsetDateTime;

use crate::record::{TIMESTAMP_BYTES, Timestamp, format_timestamp};

/// The text of a time; the part down to the second is kept from one event to the next.
#[derive(Debug)]
pub(crate) struct Stamp {
    /// The beginning of the second whose text is kept, in microseconds since 1970.
    second_micros: i64,
    /// Its text, with microseconds of 0.
    text: [u8; TIMESTAMP_BYTES],
}

impl Stamp {
    /// Creates a stamp that keeps the first second of 1970.
    pub(crate) const fn new() -> Self {
        Self {
            second_micros: 0,
            text: *b"1970-01-01T00:00:00.000000Z",
        }
    }

    /// Writes the text of a time in microseconds since 1970, clamped to the years 0 to 9999,
    /// directly to its destination: reading back what was just written in pieces would stall the
    /// processor.
    pub(crate) fn write(&mut self, micros: i64, place: &mut [u8; TIMESTAMP_BYTES]) {
        let rest = match self.rest(micros) {
            Some(rest) => rest,
            None => self.begin_second(Timestamp::nearest(micros.into()).unix_micros()),
        };
        *place = self.text;
        put_micros(rest, place);
    }

    /// Returns the microseconds within the second that is kept, if it contains the time.
    fn rest(&self, micros: i64) -> Option<u32> {
        let rest = u32::try_from(micros.checked_sub(self.second_micros)?).ok()?;
        (rest < SECOND_MICROS).then_some(rest)
    }

    /// Writes the text of another second, and returns the microseconds within it.
    fn begin_second(&mut self, micros: i64) -> u32 {
        let second = micros.div_euclid(i64::from(SECOND_MICROS));
        self.second_micros = second * i64::from(SECOND_MICROS);
        let at = OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        for (byte, value) in self.text.iter_mut().zip(format_timestamp(at).bytes()) {
            *byte = value;
        }
        self.rest(micros).unwrap_or(0)
    }
}

/// Writes the six digits before the `Z`, two at a time.
fn put_micros(rest: u32, place: &mut [u8; TIMESTAMP_BYTES]) {
    let pairs = [rest / 10_000, rest / 100 % 100, rest % 100];
    let (digits, _z) = place[MICROS_AT..].as_chunks_mut::<2>();
    for (digits, pair) in digits.iter_mut().zip(pairs) {
        // A number below a hundred is in its lowest byte.
        let [pair, ..] = pair.to_le_bytes();
        *digits = [b'0' + pair / 10, b'0' + pair % 10];
    }
}

const SECOND_MICROS: u32 = 1_000_000;

/// The position of the microseconds: six digits before the `Z`.
const MICROS_AT: usize = TIMESTAMP_BYTES - 7;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z in microseconds since 1970.
    const MICROS_LEAST: i64 = -62_167_219_200_000_000;
    const MICROS_MOST: i64 = 253_402_300_799_999_999;

    fn text(stamp: &mut Stamp, micros: i64) -> String {
        let mut place = [0; TIMESTAMP_BYTES];
        stamp.write(micros, &mut place);
        String::from_utf8(place.to_vec()).unwrap()
    }

    #[test]
    fn times_outside_the_years_0_to_9999_have_27_characters() {
        for micros in [i64::MIN, MICROS_LEAST, -1, 0, 1, MICROS_MOST, i64::MAX] {
            let text = text(&mut Stamp::new(), micros);
            let parsed = crate::record::parse_time(&text).unwrap();
            let clamped = micros.clamp(MICROS_LEAST, MICROS_MOST);
            assert_eq!(parsed.unix_timestamp_nanos(), i128::from(clamped) * 1000);
        }
    }

    proptest! {
        #[test]
        fn a_stamp_does_not_depend_on_its_previous_time(
            first in MICROS_LEAST..MICROS_MOST,
            second in MICROS_LEAST..MICROS_MOST,
        ) {
            let mut kept = Stamp::new();
            text(&mut kept, first);
            prop_assert_eq!(text(&mut kept, second), text(&mut Stamp::new(), second));
        }
    }
}
