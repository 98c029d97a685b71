//! The answer to the question whether anything is recorded, and why, as it is shown.

use std::fmt;

use serde::Serialize;

use super::Decision;

/// Whether events are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth answer")]
pub enum Recording {
    /// They are, whenever the application runs.
    Yes,
    /// They are not.
    No,
    /// Only the application knows.
    Unknown,
}

impl Recording {
    /// Returns the word for it.
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
    /// Whether they are.
    pub recording: Recording,
    /// Why that is so, as a clause.
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

    /// Says that nothing is recorded.
    pub(crate) fn no(because: impl Into<String>) -> Self {
        Self::new(false, because)
    }
}

impl Decision {
    /// Returns what follows from it.
    pub fn answer(&self) -> RecordingAnswer {
        RecordingAnswer::new(self.is_recording, self.reason())
    }
}
