//! The answer on whether anything is recorded, and why, as it is shown.

use std::fmt;

use serde::Serialize;

use super::Decision;

/// Whether events are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth answer")]
pub enum Recording {
    /// Events are recorded whenever the application runs.
    Yes,
    /// Events are not recorded.
    No,
    /// Only the application knows.
    Unknown,
}

impl Recording {
    /// Returns the name of the answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether events are recorded, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordingAnswer {
    /// Whether events are recorded.
    pub recording: Recording,
    /// The reason, as a clause.
    pub because: String,
}

impl RecordingAnswer {
    pub(crate) fn new(is_recording: bool, because: impl Into<String>) -> Self {
        Self {
            recording: if is_recording {
                Recording::Yes
            } else {
                Recording::No
            },
            because: because.into(),
        }
    }

    /// Returns the answer that nothing is recorded.
    pub(crate) fn not_recorded(because: impl Into<String>) -> Self {
        Self::new(false, because)
    }
}

impl Decision {
    /// Returns the consequence.
    pub fn answer(&self) -> RecordingAnswer {
        RecordingAnswer::new(self.is_recording, self.reason())
    }
}
