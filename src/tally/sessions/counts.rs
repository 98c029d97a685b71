//! Numbers of sessions, and of the events that they lost.

use serde::Serialize;

/// Events that were offered and not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Losses {
    /// Events for which there was no room.
    pub dropped: u64,
    /// Events that consent or policy did not allow.
    pub refused: u64,
    /// Events that were lost through an IO error.
    pub failed: u64,
}

impl Losses {
    pub(super) fn add(&mut self, other: Self) {
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.refused = self.refused.saturating_add(other.refused);
        self.failed = self.failed.saturating_add(other.failed);
    }

    /// Returns the number of all lost events.
    pub fn total(self) -> u64 {
        let total = self.dropped.saturating_add(self.refused);
        total.saturating_add(self.failed)
    }
}

/// Numbers of sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sessions {
    /// Number of all sessions.
    pub count: u64,
    /// Number of sessions without a recorded end whose process runs on this machine.
    pub running: u64,
    /// Number of sessions without a recorded end whose process is not found: it was killed,
    /// aborted, or ended by `_exit`, or it is not visible from here, as in a container or on
    /// another machine.
    pub without_end: u64,
    /// Number of events that were in memory when processes were forked. Their parents record them
    /// unless they end before, without a flush.
    pub left_to_parents: u64,
    /// Whether there were more sessions than could be counted separately, so that the numbers are
    /// too low.
    pub is_cut_short: bool,
}
