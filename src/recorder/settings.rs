//! The settings of a recorder: the application's choices, the limits, and the decision at the
//! start.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use uuid::Uuid;

use super::period::Periods;
use crate::consent::Decision;
use crate::store::disk::Directory;
use crate::store::limits::Limits;
use crate::watch::Watch;

/// The thread that writes lines from memory to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// A thread of its own: the caller only copies a line into memory.
    #[default]
    Background,
    /// The caller, immediately: for short-lived programs. No thread is started.
    Inline,
}

/// The treatment of an event for which there is no room in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The event is dropped and counted, and the count is recorded. If the buffer has been full for
    /// less than ten milliseconds, callers first wait for room, so that the worker gets its turn on
    /// busy cores. This happens again only after half of the buffer has become free, so a slow disk
    /// delays a caller once.
    #[default]
    Drop,
    /// The caller waits until there is room, as long as the disk accepts writes. If the disk
    /// refuses, the event is dropped and counted, too.
    Block,
}

/// The time at which lines survive a power cut. They survive the end of the process as soon as they
/// are written.
///
/// Except with `Os`, a failed sync is returned by each flush whose records it covered or that was
/// under way, and by the next flush if there was none: see
/// [`flush_within`](crate::Telemetry::flush_within).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// When the operating system writes them, usually within half a minute.
    #[default]
    Os,
    /// At most this long after they were written, and when a `flush` returns.
    Interval(Duration),
    /// After every batch.
    EveryBatch,
}

/// The form of a session in its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SessionForm {
    /// Between a record that announces it and one that ends it.
    #[default]
    Lines,
    /// One line, if the session records one event and nothing else: the line contains the facts of
    /// the other records.
    OneLine,
}

/// The settings of a recorder.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The telemetry directory.
    pub(crate) path: PathBuf,
    /// The limits.
    pub(crate) limits: Limits,
    /// The application's name.
    pub(crate) source: String,
    /// The application's version.
    pub(crate) version: Option<String>,
    /// The latest version, if the owner announced a newer one.
    pub(crate) update: Option<String>,
    /// The thread that writes.
    pub(crate) delivery: Delivery,
    /// The form of the session in its segments.
    pub(crate) form: SessionForm,
    /// The treatment of events for which there is no room.
    pub(crate) overflow: Overflow,
    /// The time at which lines survive a power cut.
    pub(crate) durability: Durability,
    /// The watch that is polled for whether anything is recorded.
    pub(crate) watch: Watch,
    /// The decision at the start.
    pub(crate) start: RecorderStart,
    /// Whether any events are admitted. It is cleared only if there is a worker that will set it
    /// again.
    pub(crate) is_gate_open: Arc<AtomicBool>,
    /// The number of times that data collected in memory lost its consent since the start: consent
    /// was withdrawn, possibly between two polls, or the data was collected for another
    /// installation or by the process that this one was forked from. Such data must not be
    /// recorded.
    pub(crate) withdrawals: Arc<AtomicU64>,
    /// The periods in which events may be recorded.
    pub(crate) periods: Arc<Periods>,
}

/// The decision when a recorder starts.
#[derive(Debug, Clone)]
pub(crate) struct RecorderStart {
    /// The decision.
    pub(crate) decision: Decision,
    /// The installation id, if events are recorded.
    pub(crate) installation: Option<Uuid>,
    /// The directory, if it was opened for writing: for the first writer.
    pub(crate) directory: Option<Arc<Directory>>,
}
