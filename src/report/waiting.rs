//! The thread that waits for reports to be due, and its end. The reporter decides whether one is
//! due, and creates it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The thread that waits for reports to be due.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// The process that has the thread; one forked from it has none.
    process: u32,
    /// Closed to end it.
    until: SyncSender<()>,
    /// Closed when it has ended.
    ended: Mutex<Receiver<()>>,
}

impl Waiting {
    /// Starts the thread, or returns nothing if the system cannot. `report` records a report if one
    /// is due, and returns the time to wait until the next check.
    pub(super) fn start(report: impl Fn() -> Duration + Send + 'static) -> Option<Self> {
        let (until, is_over) = sync_channel::<()>(0);
        let (ending, ended) = sync_channel::<()>(0);
        let wait = move || {
            let _ending = ending;
            loop {
                // A report that is due is recorded even if the handle has ended by now.
                let pause = report().max(PAUSE_LEAST);
                if is_over.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("localtel-report".to_owned());
        thread.spawn(wait).ok()?;
        Some(Self {
            process: std::process::id(),
            until,
            ended: Mutex::new(ended),
        })
    }

    /// Ends the thread and waits, for a limited time, for a report in progress.
    pub(crate) fn end(self, deadline: Instant) {
        if self.process != std::process::id() {
            forget(self);
            return;
        }
        drop(self.until);
        let ended = self
            .ended
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let _ended = ended.recv_timeout(left.min(END_WAIT));
    }
}

#[expect(
    clippy::mem_forget,
    reason = "a forked child must not wait for a lock that its parent's thread holds"
)]
fn forget(waiting: Waiting) {
    std::mem::forget(waiting);
}

/// The shortest pause: clocks that disagree must not make it spin.
const PAUSE_LEAST: Duration = Duration::from_millis(10);

/// The time that the end of a handle waits for the thread: a little more than reading paths may
/// take.
const END_WAIT: Duration = Duration::from_secs(2);
