//! The worker: the thread of `tracing-appender`, used for its life cycle, not for its queue. A
//! wakeup message wakes it when it is parked; it then writes the staged frames, lingers for a
//! moment, and parks again. Where compression is on, it compresses old segments in between.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::interest::rebuild_interests;
use super::lease::Shared;
use super::staging::{Attention, RecorderPhase, Staging};
use crate::clock;
use crate::store::age::Now;
use crate::store::compressor::{Compressor, Progress};
use crate::watch::PAUSE;

impl Shared {
    /// Runs the work of the worker, from a wakeup until there is nothing to do: writes, then
    /// lingers for a moment, so that a busy program pays for no wakeups.
    /// Closed segments are compressed where there is nothing to write.
    pub(super) fn work(&self, compressor: &mut Compressor) {
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
                // Frames that cannot be written stay in memory, and are tried again after a pause.
                drop(self.write_until(ticket, clock::deadline(LOCK_WAIT)));
                staging = self.lock();
            }
            drop(staging);
            self.sync_if_due();
            if self.settings.watch.policy().take_rebuild_due() {
                rebuild_interests();
            }
            let compression = self.compress_if_idle(compressor);
            staging = self.lock();
            let is_troubled = staging.trouble.is_some();
            let wait = match compression {
                Progress::Idle => staging.pause(self.settings.durability),
                Progress::Working => Duration::ZERO,
            };
            let (lingered, _timeout) = self
                .urgent
                .wait_timeout_while(staging, wait, |staging| {
                    staging.phase == RecorderPhase::Open
                        && (is_troubled || staging.attention != Attention::Called)
                })
                .unwrap_or_else(PoisonError::into_inner);
            staging = lingered;
            let is_idle = staging.settled == staging.staged && staging.dropped_unreported == 0;
            if is_idle && staging.synced.is_complete() && !compressor.is_working() {
                staging.frames.shrink();
                if !self.settings.watch.policy().may_filter_out() {
                    staging.attention = Attention::Parked;
                    return;
                }
                staging = self.wait_for_change(staging);
            }
        }
    }
}

impl Shared {
    /// Compresses a part of a closed segment, unless lines wait to be written.
    fn compress_if_idle(&self, compressor: &mut Compressor) -> Progress {
        let staging = self.lock();
        let has_lines = staging.settled < staging.staged;
        drop(staging);
        if has_lines {
            return Progress::Idle;
        }
        let now = Now {
            clock: clock::now(),
            steady: Instant::now(),
        };
        let application = &self.settings.limits;
        let limits = || match self.settings.watch.policy().storage() {
            Some(storage) => storage.in_force(application),
            None => application.clone(),
        };
        compressor.step(limits, now)
    }

    /// Closes the gate, so that events cost nothing in the meantime, and polls twice a second until
    /// something may be recorded again or the session ends; then opens it. While it is unknown
    /// whether events may be recorded, the gate stays open, so that each of them is counted as
    /// refused.
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
            staging = self.poll_decision(waited);
        }
        drop(staging);
        self.set_gate(true);
        self.lock()
    }

    /// Polls for a change by the owner, in half a second or when there is something to do.
    fn wait_for_change<'a>(
        &'a self,
        mut staging: MutexGuard<'a, Staging>,
    ) -> MutexGuard<'a, Staging> {
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
        self.poll_decision(waited)
    }

    /// Opens or closes the gate and makes `tracing` rebuild its interests, without holding the
    /// lock: the rebuild calls every layer of the process.
    fn set_gate(&self, is_open: bool) {
        if self.settings.is_gate_open.swap(is_open, Ordering::Relaxed) != is_open {
            rebuild_interests();
        }
    }
}

/// The writer that `tracing-appender` uses as its file: its messages are wakeups, and the work is
/// done in its `flush`, which is called whenever no message is left. It always returns success,
/// because that worker ignores errors, and spins or fails to stop after some of them.
#[derive(Debug)]
pub(super) struct WorkerSink {
    shared: Arc<Shared>,
    compressor: Compressor,
}

impl io::Write for WorkerSink {
    fn write(&mut self, wakeup: &[u8]) -> io::Result<usize> {
        Ok(wakeup.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.work(&mut self.compressor);
        Ok(())
    }
}

impl Drop for WorkerSink {
    /// Marks the worker as absent when its thread ends, as a join would report it.
    fn drop(&mut self) {
        self.shared.lock().attention = Attention::Absent;
        self.shared.lease_ended.notify_all();
    }
}

/// Starts the worker thread and returns the handle that wakes it, or `None` if the system cannot
/// start a thread: callers then write for themselves.
pub(super) fn start_worker(shared: &Arc<Shared>) -> Option<(NonBlocking, WorkerGuard)> {
    let sink = WorkerSink {
        shared: Arc::clone(shared),
        compressor: Compressor::new(&shared.settings.path),
    };
    // The crate panics if the thread cannot be started, so starting one is tried first.
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

/// The time for which the worker tries to take the directory's lock: other writers hold it for well
/// under a millisecond, so this long means that a stopped process holds it. Lines then wait in
/// memory.
pub(super) const LOCK_WAIT: Duration = Duration::from_millis(100);

/// The capacity of the channel: there are at most one wakeup and the end at a time.
pub(super) const BELLS_MAX: usize = 4;
