//! The description of one log in a bundle: what one application recorded under one profile into one
//! directory, from the first segment on.

use std::fmt;
use std::str::FromStr;

use localtel::admin::{Profile, Source};
use localtel::read::{SegmentNumber, Timestamp};
use localtel::uuid::Uuid;
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::Contradiction;
use super::segment::{BundleSegment, SegmentState, TimeSpan};

/// A log in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawLog", into = "RawLog")]
#[non_exhaustive]
pub struct BundleLog {
    /// Its directory in the bundle.
    pub directory: LogDirectory,
    /// What distinguishes it from other logs of the machine.
    pub key: LogKey,
    /// The lowest segment that was not removed on the machine, when the export ended.
    pub floor: SegmentNumber,
    /// The highest segment, when the export began; `None` if there was none.
    pub head: Option<SegmentNumber>,
    /// The decision on recording.
    pub consent: BundleConsent,
    /// Its segments, in order of their numbers.
    pub segments: Vec<BundleSegment>,
}

impl BundleLog {
    /// Returns the number of records in it.
    pub fn records(&self) -> u64 {
        let each = self.segments.iter().map(|segment| segment.records);
        each.fold(0, u64::saturating_add)
    }

    /// Returns the number of places in it that are not a record.
    pub fn damaged(&self) -> u64 {
        let each = self.segments.iter().map(|segment| segment.damaged);
        each.fold(0, u64::saturating_add)
    }

    /// Returns the earliest and the latest time of its records.
    pub fn times(&self) -> Option<TimeSpan> {
        let each = self.segments.iter().filter_map(|segment| segment.times);
        each.reduce(TimeSpan::with)
    }

    /// Returns the number of bytes of its files.
    pub fn bytes(&self) -> u64 {
        let each = self.segments.iter().map(BundleSegment::bytes);
        each.fold(0, u64::saturating_add)
    }

    fn check(&self) -> Result<(), Contradiction> {
        if !self
            .segments
            .is_sorted_by(|one, next| one.number < next.number)
        {
            return Err(Contradiction("segments are not in order of their numbers"));
        }
        let last = self.segments.last().map(|segment| segment.number);
        if last > self.head {
            return Err(Contradiction("a segment has a number above the highest"));
        }
        let mut growing = self
            .segments
            .iter()
            .filter(|segment| segment.state == SegmentState::Growing);
        if growing.any(|segment| Some(segment.number) != self.head) {
            return Err(Contradiction("only the highest segment grows"));
        }
        Ok(())
    }
}

/// What distinguishes a log from the others of its machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct LogKey {
    /// The application that recorded it.
    pub application: Source,
    /// Its profile.
    pub profile: Profile,
    /// The id of the session that began it.
    pub log: Uuid,
}

impl LogKey {
    /// Returns the key of a log.
    pub fn new(application: Source, profile: Profile, log: Uuid) -> Self {
        Self {
            application,
            profile,
            log,
        }
    }
}

/// The directory of a log in a bundle: `0001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogDirectory(u32);

impl LogDirectory {
    /// Returns the directory of the log at that place in a bundle, from 0.
    pub const fn at(place: u32) -> Self {
        Self(place.saturating_add(1))
    }
}

impl fmt::Display for LogDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// The error for a text that is not the directory of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the directory of a log is its number, with four digits")]
#[non_exhaustive]
pub struct NoLogDirectory;

impl FromStr for LogDirectory {
    type Err = NoLogDirectory;

    fn from_str(text: &str) -> Result<Self, NoLogDirectory> {
        let number = text.parse().map_err(|_| NoLogDirectory)?;
        let directory = Self(number);
        let is_one = number > 0 && directory.to_string() == text;
        is_one.then_some(directory).ok_or(NoLogDirectory)
    }
}

impl Serialize for LogDirectory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogDirectory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

/// The decision on recording, when the export began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BundleConsent {
    /// The decision.
    pub decision: ConsentDecision,
    /// The origin of the decision, in words.
    pub source: String,
    /// The time of the decision, if it is stored.
    pub decided: Option<Timestamp>,
}

impl BundleConsent {
    /// Returns the decision with its origin and time.
    pub fn new(decision: ConsentDecision, source: String, decided: Option<Timestamp>) -> Self {
        Self {
            decision,
            source,
            decided,
        }
    }
}

/// A decision on recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "these are all decisions")]
pub enum ConsentDecision {
    /// Events may be recorded.
    Enabled,
    /// Events may not be recorded.
    Disabled,
    /// Nobody decided.
    Undecided,
}

#[derive(Serialize, Deserialize)]
struct RawLog {
    directory: LogDirectory,
    #[serde(serialize_with = "text", deserialize_with = "parsed")]
    application: Source,
    #[serde(serialize_with = "text", deserialize_with = "parsed")]
    profile: Profile,
    log: Uuid,
    floor: u64,
    /// 0 if there was no segment.
    head: u64,
    consent: BundleConsent,
    records: u64,
    damaged: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    segments: Vec<BundleSegment>,
}

impl TryFrom<RawLog> for BundleLog {
    type Error = Contradiction;

    fn try_from(raw: RawLog) -> Result<Self, Contradiction> {
        let log = Self {
            directory: raw.directory,
            key: LogKey::new(raw.application, raw.profile, raw.log),
            floor: SegmentNumber::new(raw.floor).ok_or(Contradiction("no floor is 0"))?,
            head: SegmentNumber::new(raw.head),
            consent: raw.consent,
            segments: raw.segments,
        };
        log.check()?;
        let counts = (log.records(), log.damaged());
        if counts != (raw.records, raw.damaged)
            || TimeSpan::split(log.times()) != (raw.first, raw.last)
        {
            return Err(Contradiction(
                "the counts of a log are not those of its segments",
            ));
        }
        Ok(log)
    }
}

impl From<BundleLog> for RawLog {
    fn from(log: BundleLog) -> Self {
        let (first, last) = TimeSpan::split(log.times());
        Self {
            directory: log.directory,
            floor: log.floor.get(),
            head: log.head.map_or(0, SegmentNumber::get),
            records: log.records(),
            damaged: log.damaged(),
            application: log.key.application,
            profile: log.key.profile,
            log: log.key.log,
            consent: log.consent,
            first,
            last,
            segments: log.segments,
        }
    }
}

fn text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn parsed<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}
