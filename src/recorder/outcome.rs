//! The outcomes of events, one by one and counted.

use uuid::Uuid;

/// Numbers of events by outcome. Their sum is the number of events offered to this recorder. Events
/// are not offered, and not counted, while telemetry is off, or if a policy filters out their call
/// site in `tracing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Events that are in a segment, or wait in memory to be written.
    pub recorded: u64,
    /// Events refused by consent or policy, and events logged by a value that was formatted for an
    /// event that was itself logged by a value.
    pub refused: u64,
    /// Events for which there was no room, and those offered after the end.
    pub dropped: u64,
    /// Events given up at the end because of an IO error.
    pub failed: u64,
}

impl Counts {
    /// Returns the number of events offered.
    pub const fn offered(&self) -> u64 {
        self.recorded + self.refused + self.dropped + self.failed
    }
}

/// The outcome of an offered event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "code that matches an outcome must handle all of them"
)]
pub enum Outcome {
    /// The event is in a segment, or waits in memory to be written.
    Recorded,
    /// Consent or policy refused the event.
    Refused,
    /// There was no room for the event.
    Dropped,
}

/// An error: the frame was encoded under a policy that is no longer in force, and must be encoded
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stale;

/// The state of a recorder.
#[derive(Debug, Default)]
pub(crate) struct RecorderState {
    /// Whether events are recorded.
    pub(crate) is_recording: bool,
    /// Numbers of events by outcome.
    pub(crate) counts: Counts,
    /// The reason why the last write, or the last attempt to read the owner's decision, failed, if
    /// it did.
    pub(crate) trouble: Option<String>,
    /// The installation as which events are recorded.
    pub(crate) installation: Option<Uuid>,
}
