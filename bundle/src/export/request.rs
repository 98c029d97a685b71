//! What is exported, and where to.

use std::path::PathBuf;

use localtel::admin::{Profile, Source};
use localtel::read::{SegmentForm, StoredSegment, Timestamp};
use localtel::uuid::Uuid;

use super::copy::SegmentCopies;
use crate::host::HostName;
use crate::manifest::{BundleConsent, BundleRange};

/// What is to be exported, and where to.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing else to say")]
pub struct ExportRequest {
    /// The directory that takes the bundle.
    pub target: PathBuf,
    /// The name of the machine.
    pub host: HostName,
    /// The times of the records that are exported; `None` for all.
    pub range: Option<BundleRange>,
    /// The form of segments.
    pub copies: SegmentCopies,
    /// The current time.
    pub created: Timestamp,
    /// The version of the program.
    pub version: String,
}

impl ExportRequest {
    /// Returns the size of a segment in the bundle, as far as it is known.
    pub(super) fn bytes_of(&self, segment: &StoredSegment) -> u64 {
        if self.copies == SegmentCopies::AsStored && segment.form() == SegmentForm::Zstd {
            segment.bytes()
        } else {
            segment.plain_bytes().unwrap_or(segment.bytes())
        }
    }
}

/// A telemetry directory that is to be exported.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing else to say")]
pub struct LogSource {
    /// The directory.
    pub directory: PathBuf,
    /// The application that records there.
    pub application: Source,
    /// Its profile.
    pub profile: Profile,
    /// The id of its log, as `Location::log` returns it; `None` if nothing was recorded.
    pub log: Option<Uuid>,
    /// The decision on recording.
    pub consent: BundleConsent,
    /// What is recorded there, as JSON.
    pub explain: Vec<u8>,
    /// The owner's policy, if there is a file.
    pub policy: Option<Vec<u8>>,
}
