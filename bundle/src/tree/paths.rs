//! The names of everything in a tree: the only place that writes and parses them.

use std::fmt;
use std::str::FromStr;

use localtel::read::SegmentNumber;

use crate::host::HostName;
use crate::manifest::{LogKey, Sha256Sum};
use crate::names::PartitionValue;

/// The mark of a tree, and in the directory of a host the facts about it.
pub(crate) const FLEET_FILE: &str = "fleet.json";
/// The directory of an import that is under way.
pub(crate) const IMPORT_FOLDER: &str = ".import";
/// In [`IMPORT_FOLDER`]: files that are to be moved into the tree, in the directories that they
/// will have there.
pub(crate) const READY_FOLDER: &str = "ready";
/// The facts about a log.
pub(crate) const IMPORTED_FILE: &str = "imported.json";
/// What is recorded into a log, in words.
pub(crate) const EXPLAIN_FILE: &str = "explain.json";
/// The policy of the machine. It is not called `policy.toml`: the directory of a log must not look
/// as if recording into it were going on.
pub(crate) const POLICY_FILE: &str = "policy.exported.toml";

/// A level of the directories of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partition {
    Host,
    Application,
    Profile,
    Log,
}

impl Partition {
    /// All levels, from the root to the logs.
    pub(crate) const ALL: [Self; 4] = [Self::Host, Self::Application, Self::Profile, Self::Log];

    /// Returns the part of a directory's name before the value.
    pub(crate) const fn start(self) -> &'static str {
        match self {
            Self::Host => "host=",
            Self::Application => "app=",
            Self::Profile => "profile=",
            Self::Log => "log=",
        }
    }

    /// Returns the name of the directory for a value.
    pub(crate) fn folder(self, name: &str) -> String {
        format!("{}{}", self.start(), PartitionValue::of(name))
    }
}

/// Returns the names of the directories that lead to a log, from the root on.
pub(crate) fn folders_of(host: &HostName, key: &LogKey) -> [String; 4] {
    [
        Partition::Host.folder(host.as_str()),
        Partition::Application.folder(key.application.as_str()),
        Partition::Profile.folder(key.profile.as_str()),
        Partition::Log.folder(&key.log.to_string()),
    ]
}

/// The form in which a tree has a segment. Where it has both, the first of
/// [`TreeForm::ALL`] is the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TreeForm {
    /// Lines: `events.000001.jsonl`.
    Plain,
    /// Compressed with Zstandard: `events.000001.jsonl.zst`.
    Zstd,
}

impl TreeForm {
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Zstd];

    /// Returns the name of a segment's file in this form.
    pub(crate) fn name_of(self, number: SegmentNumber) -> String {
        match self {
            Self::Plain => number.file_name(),
            Self::Zstd => number.file_name() + ZSTD_END,
        }
    }
}

/// The name of a version of a segment that contradicts the one in the tree:
/// `events.000001.jsonl.conflict-0123456789abcdef`. Its file has plain bytes, and no reader and no
/// pattern for segments takes it for one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConflictName {
    pub(crate) number: SegmentNumber,
    digits: String,
}

impl ConflictName {
    /// Returns the name for a version with plain bytes of that sum.
    pub(crate) fn of(number: SegmentNumber, sum: Sha256Sum) -> Self {
        let digits = sum.to_string().chars().take(CONFLICT_DIGITS).collect();
        Self { number, digits }
    }
}

impl fmt::Display for ConflictName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{CONFLICT}{}", self.number.file_name(), self.digits)
    }
}

impl FromStr for ConflictName {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let (segment, digits) = name.split_once(CONFLICT).ok_or(())?;
        let number = segment_number(segment).ok_or(())?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != CONFLICT_DIGITS || !digits.bytes().all(is_digit) {
            return Err(());
        }
        Ok(Self {
            number,
            digits: digits.to_owned(),
        })
    }
}

/// Returns the number and the form of a segment's file; `None` if that is not its name.
#[cfg(test)]
fn segment_of(name: &str) -> Option<(SegmentNumber, TreeForm)> {
    let (plain, form) = match name.strip_suffix(ZSTD_END) {
        Some(plain) => (plain, TreeForm::Zstd),
        None => (name, TreeForm::Plain),
    };
    Some((segment_number(plain)?, form))
}

/// Returns the number of a segment from the name of its plain form.
fn segment_number(name: &str) -> Option<SegmentNumber> {
    let digits = name.strip_prefix("events.")?.strip_suffix(".jsonl")?;
    let number = digits.parse().ok().and_then(SegmentNumber::new)?;
    (digits.len() <= DIGITS_MAX && number.file_name() == name).then_some(number)
}

/// The end of the name of a compressed segment.
const ZSTD_END: &str = ".zst";
/// The part of a conflict's name behind that of the segment.
const CONFLICT: &str = ".conflict-";
/// Number of digits of the sum in a conflict's name.
const CONFLICT_DIGITS: usize = 16;
/// Number of digits of the highest number of a segment.
const DIGITS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u64) -> SegmentNumber {
        SegmentNumber::new(number).unwrap()
    }

    #[test]
    fn names_of_segments_parse_back() {
        for (name, expected) in [
            ("events.000001.jsonl", Some((number(1), TreeForm::Plain))),
            (
                "events.1234567.jsonl.zst",
                Some((number(1_234_567), TreeForm::Zstd)),
            ),
            ("events.1.jsonl", None),
            ("events.000000.jsonl", None),
            ("events.+00001.jsonl", None),
            ("events.000001.jsonl.gz", None),
            ("events.000001.jsonl.conflict-0123456789abcdef", None),
            ("events.12345678901234567.jsonl", None),
            ("events.jsonl", None),
        ] {
            assert_eq!(segment_of(name), expected, "{name}");
        }
    }

    #[test]
    fn names_of_conflicts_parse_back() {
        let name = ConflictName::of(number(7), Sha256Sum::new([0xab; 32]));
        assert_eq!(
            name.to_string(),
            "events.000007.jsonl.conflict-abababababababab"
        );
        assert_eq!(name.to_string().parse(), Ok(name));
        for name in [
            "events.000007.jsonl",
            "events.000007.jsonl.conflict-",
            "events.7.jsonl.conflict-abababababababab",
            "events.000007.jsonl.conflict-ABABABABABABABAB",
            "events.000007.jsonl.zst.conflict-abababababababab",
        ] {
            assert_eq!(name.parse::<ConflictName>(), Err(()), "{name}");
        }
    }

    #[test]
    fn the_way_to_a_log_has_four_directories() {
        let key = LogKey::new(
            "shop".parse().unwrap(),
            "default".parse().unwrap(),
            localtel::uuid::Uuid::nil(),
        );
        let folders = folders_of(&"rack 1/web".parse().unwrap(), &key);
        assert_eq!(
            folders.join("/"),
            "host=rack_x201_x2fweb/app=shop/profile=default/log=00000000-0000-0000-0000-000000000000"
        );
    }
}
