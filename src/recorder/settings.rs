//! What a recorder is made with: the application's choices, the bounds, and what was decided at the start.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use uuid::Uuid;

use crate::consent::Decision;
use crate::store::disk::Directory;
use crate::store::limits::Limits;
use crate::watch::Watch;

/// Who carries lines from memory to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// A thread of its own: the caller only copies a line into memory.
    #[default]
    Background,
    /// The caller, at once: for short-lived programs. No thread is started.
    Inline,
}

/// What happens to an event for which there is no room in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// It is dropped and counted, and the count is recorded. While the buffer has been full for less than ten
    /// milliseconds, callers wait for room first: on busy cores the worker gets its turn then. That happens again only
    /// after half of the buffer has become free, so a slow disk costs a caller one such moment.
    #[default]
    Drop,
    /// The caller waits until there is room, as long as the disk takes what is written. If the disk
    /// refuses, the event is dropped and counted all the same.
    Block,
}

/// When lines survive a power cut. They survive the end of the process as soon as they are written.
///
/// Where they are to survive, a sync that failed is returned by each flush whose records it covered or that was
/// under way, and by the next flush if there was none: see [`flush_within`](crate::Telemetry::flush_within).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// When the operating system thinks fit, usually within half a minute.
    #[default]
    Os,
    /// At most this long after they were written, and when a `flush` returns.
    Interval(Duration),
    /// After every batch.
    EveryBatch,
}

/// How a session stands in its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SessionForm {
    /// Between a record that announces it and one that ends it.
    #[default]
    Lines,
    /// As one line, if it records one event and nothing else is to be said of it: the line says the rest, too.
    OneLine,
}

/// What a recorder is made with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The telemetry directory.
    pub(crate) path: PathBuf,
    /// The bounds.
    pub(crate) limits: Limits,
    /// The application's name.
    pub(crate) source: String,
    /// The application's version.
    pub(crate) version: Option<String>,
    /// The version that is out, where the owner said that a newer one is.
    pub(crate) update: Option<String>,
    /// Who writes.
    pub(crate) delivery: Delivery,
    /// How the session stands in its segments.
    pub(crate) form: SessionForm,
    /// What happens when there is no room.
    pub(crate) overflow: Overflow,
    /// When lines survive a power cut.
    pub(crate) durability: Durability,
    /// Who is asked whether anything is recorded.
    pub(crate) watch: Watch,
    /// What the answer was at the start.
    pub(crate) start: RecorderStart,
    /// Whether events are let in at all. It is shut only where somebody will open it again: a worker.
    pub(crate) is_gate_open: Arc<AtomicBool>,
    /// How often what had been collected in memory lost its consent since the start: it was withdrawn, perhaps only
    /// for a while that nobody looked, or given to another installation, or this is a process forked from the one
    /// that collected it. It is not to be recorded any more.
    pub(crate) withdrawals: Arc<AtomicU64>,
}

/// What was decided when a recorder starts.
#[derive(Debug, Clone)]
pub(crate) struct RecorderStart {
    /// The decision.
    pub(crate) decision: Decision,
    /// The installation id, where events are recorded.
    pub(crate) installation: Option<Uuid>,
    /// The directory, where it was opened to be written: for the first writer.
    pub(crate) directory: Option<Arc<Directory>>,
}
