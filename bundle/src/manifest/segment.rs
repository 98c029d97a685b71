//! The description of one segment of a log in a bundle.

use localtel::read::{SegmentNumber, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Contradiction, Sha256Sum};

/// A segment in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSegment", into = "RawSegment")]
#[non_exhaustive]
pub struct BundleSegment {
    /// Its number.
    pub number: SegmentNumber,
    /// Whether it is complete.
    pub state: SegmentState,
    /// The form of its file.
    pub form: StoredForm,
    /// Number of its plain bytes.
    pub plain_bytes: u64,
    /// The SHA-256 of its plain bytes.
    pub plain_sha256: Sha256Sum,
    /// Number of records in it.
    pub records: u64,
    /// Number of places in the segment, as it was on the machine, that are not a record.
    pub damaged: u64,
    /// The earliest and the latest time of its records; `None` if and only if it has none.
    pub times: Option<TimeSpan>,
}

impl BundleSegment {
    /// Returns the name of its file.
    pub fn file(&self) -> String {
        self.form.file_name(self.number)
    }

    /// Returns the number of bytes of its file.
    pub fn bytes(&self) -> u64 {
        match self.form {
            StoredForm::Plain => self.plain_bytes,
            StoredForm::Zstd { bytes, .. } => bytes,
        }
    }

    /// Returns the SHA-256 of its file.
    pub fn sha256(&self) -> Sha256Sum {
        match self.form {
            StoredForm::Plain => self.plain_sha256,
            StoredForm::Zstd { sha256, .. } => sha256,
        }
    }
}

/// Whether a segment in a bundle is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    clippy::exhaustive_enums,
    reason = "another state is another version of the format"
)]
pub enum SegmentState {
    /// All bytes of a segment that will not change.
    Closed,
    /// The beginning of the segment that is being written, up to the end of a line.
    Growing,
    /// A segment of which lines were left out: those outside the range, or those that could not be
    /// decompressed. The others are whole lines of it.
    Derived,
}

/// The form in which a segment is stored in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "another form is another version of the format"
)]
pub enum StoredForm {
    /// Its plain bytes.
    Plain,
    /// Compressed with Zstandard, as it was on the machine.
    Zstd {
        /// Number of bytes of the file.
        bytes: u64,
        /// The SHA-256 of the file.
        sha256: Sha256Sum,
    },
}

impl StoredForm {
    /// Returns the name of the file of a segment in this form.
    pub fn file_name(self, number: SegmentNumber) -> String {
        match self {
            Self::Plain => number.file_name(),
            Self::Zstd { .. } => number.file_name() + ".zst",
        }
    }
}

/// The earliest and the latest time of some records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan {
    first: Timestamp,
    last: Timestamp,
}

impl TimeSpan {
    /// Returns the span of a single time.
    pub fn of(time: Timestamp) -> Self {
        Self {
            first: time,
            last: time,
        }
    }

    /// Returns the span that contains this one and another.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Returns the earliest time.
    pub fn first(self) -> Timestamp {
        self.first
    }

    /// Returns the latest time.
    pub fn last(self) -> Timestamp {
        self.last
    }

    /// Returns the span as two optional times, as in JSON.
    pub(super) fn split(span: Option<Self>) -> (Option<Timestamp>, Option<Timestamp>) {
        (span.map(Self::first), span.map(Self::last))
    }
}

#[derive(Serialize, Deserialize)]
struct RawSegment {
    number: u64,
    file: String,
    state: SegmentState,
    bytes: u64,
    plain_bytes: u64,
    sha256: Sha256Sum,
    plain_sha256: Sha256Sum,
    records: u64,
    damaged: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// A place for the seal of the segment.
    #[serde(default)]
    seal: Option<serde_json::Value>,
}

impl TryFrom<RawSegment> for BundleSegment {
    type Error = Contradiction;

    fn try_from(raw: RawSegment) -> Result<Self, Contradiction> {
        let number = SegmentNumber::new(raw.number)
            .filter(|number| number.get() <= NUMBER_MAX)
            .ok_or(Contradiction("a segment has a number that none has"))?;
        let zstd = StoredForm::Zstd {
            bytes: raw.bytes,
            sha256: raw.sha256,
        };
        let plain = StoredForm::Plain;
        let form = [plain, zstd]
            .into_iter()
            .find(|form| form.file_name(number) == raw.file)
            .ok_or(Contradiction("a segment's file has not the segment's name"))?;
        match form {
            StoredForm::Plain if (raw.bytes, raw.sha256) != (raw.plain_bytes, raw.plain_sha256) => {
                return Err(Contradiction("a plain segment has two sizes or two sums"));
            }
            StoredForm::Zstd { .. } if raw.state != SegmentState::Closed => {
                return Err(Contradiction("only closed segments are compressed"));
            }
            StoredForm::Plain | StoredForm::Zstd { .. } => {}
        }
        let times = match (raw.records, raw.first, raw.last) {
            (0, None, None) => None,
            (1.., Some(first), Some(last)) if first <= last => Some(TimeSpan { first, last }),
            _ => {
                return Err(Contradiction(
                    "the times of a segment do not fit its records",
                ));
            }
        };
        Ok(Self {
            number,
            state: raw.state,
            form,
            plain_bytes: raw.plain_bytes,
            plain_sha256: raw.plain_sha256,
            records: raw.records,
            damaged: raw.damaged,
            times,
        })
    }
}

impl From<BundleSegment> for RawSegment {
    fn from(segment: BundleSegment) -> Self {
        let (first, last) = TimeSpan::split(segment.times);
        Self {
            number: segment.number.get(),
            file: segment.file(),
            state: segment.state,
            bytes: segment.bytes(),
            plain_bytes: segment.plain_bytes,
            sha256: segment.sha256(),
            plain_sha256: segment.plain_sha256,
            records: segment.records,
            damaged: segment.damaged,
            first,
            last,
            seal: None,
        }
    }
}

/// The highest number of a segment: 16 digits.
const NUMBER_MAX: u64 = 9_999_999_999_999_999;
