//! The names of all files in a telemetry directory: the only place that writes and parses them. A
//! file whose name does not parse here does not belong to localtel and is never changed or removed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The number of a segment. Numbers start at 1, only grow, and are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNumber(u64);

impl SegmentNumber {
    /// The number of the first segment of a directory.
    pub const FIRST: Self = Self(1);

    /// The highest number: 16 digits, enough for a segment every microsecond for 300 years.
    pub(crate) const LAST: Self = Self(9_999_999_999_999_999);

    /// Returns the number, or nothing for 0, which is not a segment's number.
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

    /// Returns the name of the segment's file, as long as it is not compressed.
    pub fn file_name(self) -> String {
        // Six digits sort well in `ls` up to 999,999 segments; names grow beyond that.
        format!(
            "{SEGMENT_START}{:0width$}{SEGMENT_END}",
            self.0,
            width = Self::DIGITS_LEAST
        )
    }

    /// The smallest number of digits in a name.
    const DIGITS_LEAST: usize = 6;
}

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The form in which a segment is stored. Where a segment has several, the first one is read, and
/// all of them are removed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SegmentForm {
    /// Lines: `events.000001.jsonl`.
    Plain,
    /// Compressed by localtel or by `zstd`: `events.000001.jsonl.zst`.
    Zstd,
    /// Compressed by `gzip`: `events.000001.jsonl.gz`. localtel never writes it.
    Gzip,
}

impl SegmentForm {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Zstd, Self::Gzip];

    /// Returns the part of a name behind that of the plain form.
    const fn end(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }

    /// Returns the name of a segment's file in this form.
    pub(crate) fn name_of(self, number: SegmentNumber) -> String {
        FileName::Segment(number, self).to_string()
    }
}

/// A name that belongs to localtel in a telemetry directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FileName {
    /// A segment in one of its forms: `events.000001.jsonl`.
    Segment(SegmentNumber, SegmentForm),
    /// The relative symlink to the head, for people and `tail -F`: `events.jsonl`.
    Latest,
    /// The lock around every append and rotation, and the cache of head and floor.
    Lock,
    /// The stored decision and the installation id.
    Consent,
    /// The stored decision for all profiles, in the directory of the default one.
    ConsentForAll,
    /// The owner's rules.
    Policy,
    /// Facts for the next process: the last version, the last report.
    History,
    /// The newest release of the application, which the owner may put there.
    Release,
    /// The id of the log.
    Log,
}

impl FileName {
    /// Returns the number and the form, if it is a segment's name.
    pub(crate) fn segment(self) -> Option<(SegmentNumber, SegmentForm)> {
        if let Self::Segment(number, form) = self {
            Some((number, form))
        } else {
            None
        }
    }

    /// Returns the name.
    pub(crate) fn text(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Segment(number, form) => return Cow::Owned(number.file_name() + form.end()),
            Self::Latest => "events.jsonl",
            Self::Lock => "lock",
            Self::Consent => "consent.json",
            Self::ConsentForAll => "consent.all.json",
            Self::Policy => "policy.toml",
            Self::History => "history.json",
            Self::Release => "release.json",
            Self::Log => "log.json",
        })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A name that does not belong to localtel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOurs;

impl FromStr for FileName {
    type Err = NotOurs;

    fn from_str(name: &str) -> Result<Self, NotOurs> {
        let fixed = [
            Self::Latest,
            Self::Lock,
            Self::Consent,
            Self::ConsentForAll,
            Self::Policy,
            Self::History,
            Self::Release,
            Self::Log,
        ];
        let found = SegmentForm::ALL.into_iter().find_map(|form| {
            let plain = name.strip_suffix(form.end())?;
            let digits = plain
                .strip_prefix(SEGMENT_START)?
                .strip_suffix(SEGMENT_END)?;
            Some((digits, form))
        });
        let Some((digits, form)) = found else {
            let found = fixed.into_iter().find(|fixed| fixed.text() == name);
            return found.ok_or(NotOurs);
        };
        // One spelling for each number: `events.1.jsonl` and `events.0000001.jsonl` do not belong
        // to localtel. It is checked without writing the name again, as thousands may be listed.
        let is_least = digits.len() == SegmentNumber::DIGITS_LEAST;
        let is_grown = digits.len() > SegmentNumber::DIGITS_LEAST && !digits.starts_with('0');
        let is_spelled = (is_least || is_grown) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().and_then(SegmentNumber::new);
        number
            .filter(|number| is_spelled && *number <= SegmentNumber::LAST)
            .map(|number| Self::Segment(number, form))
            .ok_or(NotOurs)
    }
}

/// Returns `true` if a name belongs to localtel, or is the temporary name of such a file before its
/// rename.
pub(crate) fn is_ours(name: &str) -> bool {
    let file = name.strip_suffix(PARTIAL_END).unwrap_or(name);
    file.parse::<FileName>().is_ok()
}

/// Returns the temporary name of a file that replaces the one of that name.
pub(super) fn partial_of(name: &str) -> String {
    format!("{name}{PARTIAL_END}")
}

/// The part of a segment's name before the number.
const SEGMENT_START: &str = "events.";
/// The part of a segment's name after the number.
const SEGMENT_END: &str = ".jsonl";
/// The end of a temporary name.
const PARTIAL_END: &str = ".partial";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_are_almost_valid_do_not_parse() {
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
            "events.1.jsonl.zst",
            "events.000001.jsonl.gz.zst",
            "events.000001.jsonl.bz2",
            "events.000001.zst",
            "LOCK",
            "consent.json~",
            "consent.all.json.bak",
            "consent.work.json",
            "log.jsonl",
        ] {
            assert_eq!(name.parse::<FileName>(), Err(NotOurs), "{name}");
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn a_temporary_name_belongs_to_localtel() {
        use FileName::{Consent, ConsentForAll, History, Latest, Log, Policy};
        for file in [Consent, ConsentForAll, History, Latest, Log, Policy] {
            let partial = partial_of(&file.text());
            assert!(is_ours(&partial), "{partial}");
        }
    }

    proptest! {
        #[test]
        fn every_segment_name_parses_back_to_its_number(number in 1..=SegmentNumber::LAST.get()) {
            for (form, end) in [(SegmentForm::Plain, ""), (SegmentForm::Zstd, ".zst"), (SegmentForm::Gzip, ".gz")] {
                let name = FileName::Segment(SegmentNumber::new(number).unwrap(), form);
                prop_assert_eq!(name.to_string(), format!("events.{number:06}.jsonl{end}"));
                prop_assert_eq!(name.to_string().parse(), Ok(name));
            }
        }

        #[test]
        fn a_name_that_parses_has_the_spelling_that_is_written(name in "(events\\.)?[0-9a-z.]{0,12}(\\.jsonl)?(\\.zst|\\.gz)?") {
            if let Ok(parsed) = name.parse::<FileName>() {
                prop_assert_eq!(parsed.to_string(), name);
            }
        }
    }
}
