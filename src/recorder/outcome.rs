//! What becomes of events, one by one and counted.

use uuid::Uuid;

/// How many events ended in which way. The sum is the number of events offered: those that reached this
/// recorder. Where telemetry is off, or a policy shuts a call site out for `tracing`, they do not even get that
/// far, and nothing is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Events that are in a segment, or wait in memory to get there.
    pub recorded: u64,
    /// Events that consent or policy did not let in, and those that a value logged while it was being
    /// formatted for an event that was itself logged by a value.
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

/// What became of an offered event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "who takes an outcome apart counts all of them"
)]
pub enum Outcome {
    /// It is in a segment, or waits in memory to get there.
    Recorded,
    /// Consent or policy did not let it in.
    Refused,
    /// There was no room for it.
    Dropped,
}

/// A frame was made under a policy that is not in force any more, and must be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stale;

/// How a recorder is.
#[derive(Debug, Default)]
pub(crate) struct RecorderState {
    /// Whether events are recorded.
    pub(crate) is_recording: bool,
    /// How many ended in which way.
    pub(crate) counts: Counts,
    /// Why the last write failed, or the last attempt to read what the owner decided, if one did.
    pub(crate) trouble: Option<String>,
    /// As which installation they are recorded.
    pub(crate) installation: Option<Uuid>,
}
