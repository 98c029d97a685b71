//! Counts over records, as values that are folded in parts and merged: those of the parts of one
//! pass, and those of several directories. A part is pure: what must be asked of the system is
//! asked once, when everything is counted. `reader` reads the records, and `filter` selects those
//! that count. Each value is bounded in memory, and says what it left out.
//!
//! `sessions` counts sessions, `distribution` has the quantiles of numbers, `groups` counts by a
//! key, and `timeline` over time.

mod distribution;
mod groups;
mod sessions;
mod timeline;

pub use distribution::{Accuracy, Distribution};
pub use groups::{CountedRecord, Group, Groups, RecordPlace};
pub use sessions::{
    Losses, RecordedSession, SessionEnding, SessionList, SessionTally, Sessions, VersionSessions,
    time_in_id,
};
pub use timeline::{LevelCounts, TimeBucket, Timeline};
