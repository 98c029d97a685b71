//! The worker: the thread of `tracing-appender`, used for its life cycle, not for its queue. A wakeup message wakes it
//! when it is parked; then it writes what is staged, lingers for a moment, and parks again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::interest::ask_again;
use super::lease::Shared;
use super::staging::{Attention, RecorderPhase, Staging};
use crate::clock;
use crate::watch::PAUSE;

impl Shared {
    /// The worker's work, from a wakeup until there is nothing to do: writes, then lingers for
    /// a moment, so that a busy program pays for no wake-ups.
    pub(super) fn work(&self) {
        let mut staging = self.lock();
        loop {
            match staging.phase {
                RecorderPhase::Open => {}
                RecorderPhase::Suspended | RecorderPhase::Withheld => {
                    staging = self.wait_for_consent(staging);
                    continue;
                }
                RecorderPhase::Closed | RecorderPhase::GivenUp => return,
            }
            if staging.attention == Attention::Called {
                staging.attention = Attention::Awake;
            }
            if staging.settled == staging.staged {
                staging.report_dropped(&self.settings);
            }
            let ticket = staging.staged;
            if staging.settled < ticket && staging.is_due() {
                drop(staging);
                // What fails stays in memory and is tried again after a pause.
                drop(self.write_until(ticket, clock::deadline(LOCK_WAIT)));
                staging = self.lock();
            }
            drop(staging);
            self.sync_if_due();
            if self.settings.watch.policy().is_news() {
                ask_again();
            }
            staging = self.lock();
            let is_troubled = staging.trouble.is_some();
            let wait = staging.pause(self.settings.durability);
            let (lingered, _timeout) = self
                .urgent
                .wait_timeout_while(staging, wait, |staging| {
                    staging.phase == RecorderPhase::Open
                        && (is_troubled || staging.attention != Attention::Called)
                })
                .unwrap_or_else(PoisonError::into_inner);
            staging = lingered;
            let is_idle = staging.settled == staging.staged && staging.dropped_unreported == 0;
            if is_idle && staging.synced.is_complete() {
                staging.frames.shrink();
                if !self.settings.watch.policy().may_shut_out() {
                    staging.attention = Attention::Parked;
                    return;
                }
                staging = self.doze(staging);
            }
        }
    }
}

impl Shared {
    /// Shuts the gate, so that events cost nothing meanwhile, and looks twice a second until something may
    /// be recorded again or it is all over; then opens it. Where it is only not known whether events may be
    /// recorded, the gate stays open, so that each of them is counted as refused.
    fn wait_for_consent<'a>(
        &'a self,
        mut staging: MutexGuard<'a, Staging>,
    ) -> MutexGuard<'a, Staging> {
        while staging.phase.is_waiting() {
            let is_open = staging.phase == RecorderPhase::Withheld;
            drop(staging);
            self.set_gate(is_open);
            let (waited, _timeout) = self
                .urgent
                .wait_timeout_while(self.lock(), PAUSE, |staging| staging.phase.is_waiting())
                .unwrap_or_else(PoisonError::into_inner);
            staging = self.look(waited);
        }
        drop(staging);
        self.set_gate(true);
        self.lock()
    }

    /// Looks whether the owner changed something, half a second from now or when there is something to do.
    fn doze<'a>(&'a self, mut staging: MutexGuard<'a, Staging>) -> MutexGuard<'a, Staging> {
        staging.attention = Attention::Dozing;
        let (mut waited, _timeout) = self
            .urgent
            .wait_timeout_while(staging, PAUSE, |staging| {
                staging.phase == RecorderPhase::Open && staging.attention == Attention::Dozing
            })
            .unwrap_or_else(PoisonError::into_inner);
        if waited.attention == Attention::Dozing {
            waited.attention = Attention::Awake;
        }
        self.look(waited)
    }

    /// Opens or shuts the gate and has `tracing` ask again, without holding the lock: the answer runs
    /// through every layer of the process.
    fn set_gate(&self, is_open: bool) {
        if self.settings.is_gate_open.swap(is_open, Ordering::Relaxed) != is_open {
            ask_again();
        }
    }
}

/// What `tracing-appender` takes for the file: its messages are wakeups, and its `flush`, which it calls
/// whenever no message is left, is the turn to work. It always reports success, because that worker
/// swallows errors, and spins or forgets to stop after some of them.
#[derive(Debug)]
pub(super) struct WorkerSink {
    shared: Arc<Shared>,
}

impl io::Write for WorkerSink {
    fn write(&mut self, wakeup: &[u8]) -> io::Result<usize> {
        Ok(wakeup.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.work();
        Ok(())
    }
}

impl Drop for WorkerSink {
    /// The thread ends: this is what a join would tell.
    fn drop(&mut self) {
        self.shared.lock().attention = Attention::Absent;
        self.shared.lease_ended.notify_all();
    }
}

/// Starts the worker thread and returns the way to wake it, or returns nothing where the system has no thread to give: then callers
/// write for themselves.
pub(super) fn start_worker(shared: &Arc<Shared>) -> Option<(NonBlocking, WorkerGuard)> {
    let sink = WorkerSink {
        shared: Arc::clone(shared),
    };
    // Where there is none, the crate panics aloud: asked first, the system says so quietly.
    let probe = std::thread::Builder::new().name("localtel".to_owned());
    probe.spawn(|| {}).ok()?.join().ok()?;
    let start = || {
        NonBlockingBuilder::default()
            .lossy(false)
            .buffered_lines_limit(BELLS_MAX)
            .thread_name("localtel")
            .finish(sink)
    };
    catch_unwind(AssertUnwindSafe(start)).ok()
}

/// How long the worker tries to get the directory's lock: other writers hold it for well under a
/// millisecond, so this long means that a stopped process holds it. Then lines wait in memory.
pub(super) const LOCK_WAIT: Duration = Duration::from_millis(100);

/// At most one wakeup and the end are on their way at a time.
pub(super) const BELLS_MAX: usize = 4;
