//! Counts over records, as values that are folded in parts and merged. A part is pure: what must be
//! asked of the system is asked once, when everything is counted. `reader` reads the records, and
//! `filter` selects those that count.

mod sessions;

pub use sessions::{
    Losses, RecordedSession, SessionEnding, SessionList, SessionTally, Sessions, VersionSessions,
    time_in_id,
};
