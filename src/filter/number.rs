//! Numbers as people and programs write them: sign, digits, a point, an exponent. They are compared
//! digit by digit, exactly as written: as floats, neighbouring large integers would be equal.

use std::cmp::Ordering;

/// A number that values are compared with.
#[derive(Debug, Clone)]
pub(super) struct NumberBound {
    text: String,
    /// The same number as an integer, if it is short.
    short: Option<i64>,
}

impl NumberBound {
    /// Parses a text; `None` if it is not a number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Decimal::parse(text.as_bytes())?;
        Some(Self {
            text: text.to_owned(),
            short: short_integer(text.as_bytes()),
        })
    }

    /// Compares a text with the number; `None` if the text is not a number.
    pub(super) fn compare(&self, text: &[u8]) -> Option<Ordering> {
        if let (Some(bound), Some(number)) = (self.short, short_integer(text)) {
            return Some(number.cmp(&bound));
        }
        let bound = Decimal::parse(self.text.as_bytes())?;
        Some(Decimal::parse(text)?.compare(bound))
    }
}

/// Returns a text as an integer, if it has so few digits that it certainly fits.
fn short_integer(text: &[u8]) -> Option<i64> {
    if text.len() > SHORT_INTEGER_BYTES {
        return None;
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |number: i64, digit: &u8| number * 10 + i64::from(digit.wrapping_sub(b'0'));
    let number = digits.iter().fold(0, digit);
    Some(if digits.len() < text.len() {
        -number
    } else {
        number
    })
}

/// A number by its digits: ±0.`digits` × 10^`point`.
#[derive(Debug, Clone, Copy)]
struct Decimal<'a> {
    sign: Sign,
    point: i64,
    /// The digits before and behind the point, without leading or trailing zeros of the number.
    digits: [&'a [u8]; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Negative,
    Zero,
    Positive,
}

impl<'a> Decimal<'a> {
    /// Parses a decimal number, with optional blanks around it as some programs print them.
    /// Hexadecimal digits, words such as `NaN`, and separators between digits are not accepted.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (is_negative, text) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (text.get(..at)?, exponent_of(text.get(at + 1..)?)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
            Some(at) => (mantissa.get(..at)?, mantissa.get(at + 1..)?),
            None => (mantissa, &[][..]),
        };
        let is_digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = without_leading_zeros(whole);
        let mut point = i64::try_from(whole.len()).ok()? + exponent;
        let mut digits = [whole, without_trailing_zeros(fraction)];
        if let [[], fraction] = digits {
            let significant = without_leading_zeros(fraction);
            point -= i64::try_from(fraction.len() - significant.len()).ok()?;
            digits = [&[], significant];
        } else if let [whole, []] = digits {
            digits = [without_trailing_zeros(whole), &[]];
        }
        let sign = match (digits, is_negative) {
            ([[], []], _) => Sign::Zero,
            (_, true) => Sign::Negative,
            (_, false) => Sign::Positive,
        };
        Some(Self {
            sign,
            point,
            digits,
        })
    }

    fn compare(self, other: Self) -> Ordering {
        let digits = |number: Self| number.digits.into_iter().flatten();
        let by_size = || {
            self.point
                .cmp(&other.point)
                .then_with(|| digits(self).cmp(digits(other)))
        };
        self.sign.cmp(&other.sign).then_with(|| match self.sign {
            Sign::Negative => by_size().reverse(),
            Sign::Zero => Ordering::Equal,
            Sign::Positive => by_size(),
        })
    }
}

fn exponent_of(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().map(|exponent: i32| exponent.into())
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let kept = digits.iter().rposition(|digit| *digit != b'0');
    kept.and_then(|at| digits.get(..=at)).unwrap_or_default()
}

/// The length of an integer that certainly fits into 64 bits: 18 digits.
const SHORT_INTEGER_BYTES: usize = 18;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(number: &str, bound: &str) -> Option<Ordering> {
        NumberBound::parse(bound)
            .unwrap()
            .compare(number.as_bytes())
    }

    #[test]
    fn numbers_are_compared_as_exactly_as_they_are_written() {
        // Each is less than the next.
        let rising = [
            "-340282366920938463463374607431768211456",
            "-9223372036854775809",
            "-9223372036854775808",
            "-9007199254740993",
            "-9007199254740992",
            "-2",
            "-1.5",
            "-1e-400",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "0.3",
            "0.30000000000000004",
            "1",
            "1.05",
            "1.1",
            "9",
            "10",
            "9007199254740992",
            "9007199254740992.5",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "340282366920938463463374607431768211455",
            "340282366920938463463374607431768211456",
            "99999999999999999999999999999999999999999999999998",
            "99999999999999999999999999999999999999999999999999",
            "1e400",
            "1.1e400",
        ];
        for (at, lesser) in rising.iter().enumerate() {
            assert_eq!(compare(lesser, lesser), Some(Ordering::Equal), "{lesser}");
            for greater in &rising[at + 1..] {
                let ordering = compare(lesser, greater);
                assert_eq!(ordering, Some(Ordering::Less), "{lesser} {greater}");
                let ordering = compare(greater, lesser);
                assert_eq!(ordering, Some(Ordering::Greater), "{greater} {lesser}");
            }
        }
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for same in [
            ["1.1", "1.10"],
            ["1.10", "+1.10"],
            ["100", "1e2"],
            ["100", "1E+2"],
            ["0.5", ".5"],
            ["5", "5."],
            ["7", "007"],
            ["0", "-0"],
            ["0", "-0.0e5"],
            ["0.00012", "12e-5"],
            ["120", "0.12e3"],
            ["1000000000000000000000", "1e21"],
            ["5", "    5"],
        ] {
            let [one, other] = same;
            assert_eq!(compare(one, other), Some(Ordering::Equal), "{same:?}");
            assert_eq!(compare(other, one), Some(Ordering::Equal), "{same:?}");
        }
    }

    #[test]
    fn text_that_resembles_a_number_is_not_one() {
        for text in [
            "",
            " ",
            "-",
            "+",
            ".",
            "e",
            "1e",
            "e5",
            "1e+",
            "1.2.3",
            "0x10",
            "1_000",
            "1,5",
            "NaN",
            "inf",
            "Infinity",
            "--1",
            "+-1",
            "1 2",
            "12h",
            "1e5.0",
            "1e99999999999",
            "½",
            "٣",
        ] {
            assert!(NumberBound::parse(text).is_none(), "{text:?}");
            assert_eq!(compare(text, "1"), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn integers_are_compared_as_integers(one in any::<i128>(), other in any::<i128>(), shift in 0..120_u32) {
            let (one, other) = (one >> shift, other >> shift);
            let ordering = compare(&one.to_string(), &other.to_string());
            prop_assert_eq!(ordering, Some(one.cmp(&other)));
        }

        #[test]
        fn floats_are_compared_as_floats(one in any::<f64>(), other in any::<f64>()) {
            prop_assume!(one.is_finite() && other.is_finite());
            let ordering = compare(&format!("{one:?}"), &format!("{other:e}"));
            prop_assert_eq!(ordering, one.partial_cmp(&other));
        }
    }
}
