//! The names of everything in a telemetry directory: the one place that writes and parses them.
//! What does not parse here is not ours and is never touched.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The number of a segment. Numbers start at 1, only grow, and are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNumber(u64);

impl SegmentNumber {
    /// The number of the first segment of a directory.
    pub const FIRST: Self = Self(1);

    /// The highest number: 16 digits, which is a segment every microsecond for 300 years.
    pub(crate) const LAST: Self = Self(9_999_999_999_999_999);

    /// Returns the number, or nothing for 0, which names no segment.
    pub const fn new(number: u64) -> Option<Self> {
        if number == 0 {
            None
        } else {
            Some(Self(number))
        }
    }

    /// Returns the plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the name of the segment's file.
    pub fn file_name(self) -> String {
        // Six digits sort well in `ls` for 999,999 segments; beyond that names simply grow.
        let mut digits = [b'0'; Self::DIGITS_MAX];
        let mut rest = self.0;
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            if rest == 0 && used >= Self::DIGITS_LEAST {
                break;
            }
            // A remainder of ten is one digit.
            *digit += (rest % 10).to_le_bytes()[0];
            rest /= 10;
            used += 1;
        }
        let mut name = String::with_capacity(SEGMENT_START.len() + used + SEGMENT_END.len());
        name.push_str(SEGMENT_START);
        let digits = digits.iter().skip(Self::DIGITS_MAX - used);
        name.extend(digits.map(|digit| char::from(*digit)));
        name.push_str(SEGMENT_END);
        name
    }

    /// How many digits a name has at least.
    const DIGITS_LEAST: usize = 6;
    /// How many digits any number of 64 bits has at most.
    const DIGITS_MAX: usize = 20;
}

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A name that belongs to us in a telemetry directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FileName {
    /// A segment of lines: `events.000001.jsonl`.
    Segment(SegmentNumber),
    /// The relative symlink to the head, for people and `tail -F`: `events.jsonl`.
    Latest,
    /// The symlink before it takes its name by a rename.
    LatestPartial,
    /// The lock around every append and rotation, and the cache of head and floor.
    Lock,
    /// The stored decision and the installation id.
    Consent,
    /// The stored decision before it takes its name by a rename.
    ConsentPartial,
    /// The stored decision for all profiles, in the directory of the default one.
    ConsentForAll,
    /// The stored decision for all profiles before it takes its name by a rename.
    ConsentForAllPartial,
    /// What its owner lets be recorded.
    Policy,
    /// The owner's policy before it takes its name by a rename.
    PolicyPartial,
    /// What is remembered from one process to the next: the last version, the last report.
    History,
    /// The history before it takes its name by a rename.
    HistoryPartial,
    /// The newest release of the application, which the owner may put there.
    Release,
}

impl FileName {
    /// Returns the number, if it is a segment's name.
    pub(crate) fn number(self) -> Option<SegmentNumber> {
        match self {
            Self::Segment(number) => Some(number),
            Self::Latest
            | Self::LatestPartial
            | Self::Lock
            | Self::Consent
            | Self::ConsentPartial
            | Self::ConsentForAll
            | Self::ConsentForAllPartial
            | Self::Policy
            | Self::PolicyPartial
            | Self::History
            | Self::HistoryPartial
            | Self::Release => None,
        }
    }

    /// Returns the name.
    pub(crate) fn text(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Segment(number) => return Cow::Owned(number.file_name()),
            Self::Latest => "events.jsonl",
            Self::LatestPartial => "events.jsonl.partial",
            Self::Lock => "lock",
            Self::Consent => "consent.json",
            Self::ConsentPartial => "consent.json.partial",
            Self::ConsentForAll => "consent.all.json",
            Self::ConsentForAllPartial => "consent.all.json.partial",
            Self::Policy => "policy.toml",
            Self::PolicyPartial => "policy.toml.partial",
            Self::History => "history.json",
            Self::HistoryPartial => "history.json.partial",
            Self::Release => "release.json",
        })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A name that is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOurs;

impl FromStr for FileName {
    type Err = NotOurs;

    fn from_str(name: &str) -> Result<Self, NotOurs> {
        let fixed = [
            Self::Latest,
            Self::LatestPartial,
            Self::Lock,
            Self::Consent,
            Self::ConsentPartial,
            Self::ConsentForAll,
            Self::ConsentForAllPartial,
            Self::Policy,
            Self::PolicyPartial,
            Self::History,
            Self::HistoryPartial,
            Self::Release,
        ];
        let digits = name
            .strip_prefix(SEGMENT_START)
            .and_then(|rest| rest.strip_suffix(SEGMENT_END));
        let Some(digits) = digits else {
            let found = fixed.into_iter().find(|fixed| fixed.text() == name);
            return found.ok_or(NotOurs);
        };
        // One spelling for each number: `events.1.jsonl` and `events.0000001.jsonl` are not ours.
        let is_spelled = match digits.len().cmp(&SegmentNumber::DIGITS_LEAST) {
            Ordering::Less => false,
            Ordering::Equal => true,
            Ordering::Greater => !digits.starts_with('0'),
        };
        Some(digits)
            .filter(|digits| is_spelled && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .and_then(SegmentNumber::new)
            .filter(|number| *number <= SegmentNumber::LAST)
            .map(Self::Segment)
            .ok_or(NotOurs)
    }
}

/// Returns the name that a file has before it replaces the one of that name.
#[cfg_attr(
    any(not(unix), localtel_unsupported),
    expect(dead_code, reason = "no file is replaced there")
)]
pub(super) fn partial_of(name: &str) -> String {
    format!("{name}.partial")
}

/// What stands before the number in the name of a segment.
const SEGMENT_START: &str = "events.";
/// What stands behind the number in the name of a segment.
const SEGMENT_END: &str = ".jsonl";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_are_nearly_ours_are_not_ours() {
        for name in [
            "",
            "events",
            "events.jsonl.bak",
            "events.1.jsonl",
            "events.0000001.jsonl",
            "events.000000.jsonl",
            "events.000001.jsonl~",
            "events.+00001.jsonl",
            "events.00000x.jsonl",
            "events.000001.json",
            "Events.000001.jsonl",
            "events.10000000000000000.jsonl",
            "events.99999999999999999999999.jsonl",
            ".events.000001.jsonl.swp",
            "LOCK",
            "consent.json~",
            "consent.all.json.bak",
            "consent.work.json",
        ] {
            assert_eq!(name.parse::<FileName>(), Err(NotOurs), "{name}");
        }
    }

    #[test]
    fn what_replaces_a_file_has_a_name_that_is_ours() {
        use FileName::{Consent, ConsentForAll, History, Latest, Policy};
        for file in [Consent, ConsentForAll, History, Latest, Policy] {
            let partial = partial_of(&file.text());
            assert!(partial.parse::<FileName>().is_ok(), "{partial}");
        }
    }

    proptest! {
        #[test]
        fn every_segment_name_parses_back_to_its_number(number in 1..=SegmentNumber::LAST.get()) {
            let name = FileName::Segment(SegmentNumber::new(number).unwrap());
            prop_assert_eq!(name.to_string(), format!("events.{number:06}.jsonl"));
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }

        #[test]
        fn whatever_parses_is_spelled_as_we_spell_it(name in "(events\\.)?[0-9a-z.]{0,12}(\\.jsonl)?") {
            if let Ok(parsed) = name.parse::<FileName>() {
                prop_assert_eq!(parsed.to_string(), name);
            }
        }
    }
}
