//! The recorder: encoded lines wait in one buffer, bounded in bytes, until they are written. This
//! is usually done by the worker thread of `tracing-appender`, which is woken by a message only
//! when it is parked, and by the caller on `flush`, at the end and in inline delivery. `encode`
//! creates lines, and `store` writes bytes to the disk.
//!
//! There is one `Writer`, and taking it out of the staging area is the writer lease: lines reach
//! the file in the order in which they were staged, whichever thread writes them. The writer alone
//! numbers them, so a line that is dropped, or given up at the end, takes no number.
//!
//! Nothing here panics, prints or returns an error into the host. Events that cannot be kept are
//! counted, and the count is recorded as soon as there is room.

mod core;
mod frames;
mod interest;
mod lease;
mod outcome;
mod own;
mod period;
mod settings;
mod staging;
mod synced;
mod worker;
mod writer;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use self::core::Core;
pub(crate) use self::interest::{note_query, rebuild_interests};
pub use self::outcome::{Counts, Outcome};
pub(crate) use self::outcome::{RecorderState, Stale};
pub(crate) use self::period::{Period, Periods};
pub use self::settings::{Delivery, Durability, Overflow};
pub(crate) use self::settings::{RecorderStart, SessionForm, Settings};
use self::staging::RecorderPhase;
use crate::consent::Decision;
use crate::error::Result;
use crate::policy::Generation;
use crate::record::Properties;
use crate::store::disk;

/// The recorder of one handle and its layers, in this process and in those forked from it.
#[derive(Debug)]
pub(crate) struct Recorder {
    root: Core,
}

impl Recorder {
    /// Starts a recorder. Nothing is written before the first line.
    pub(crate) fn start(mut settings: Settings) -> Self {
        if let Some(bytes_max) = disk::file_bytes_max() {
            let segment_bytes_max = &mut settings.limits.segment_bytes_max;
            let room = bytes_max
                .saturating_sub(SESSION_BYTES_MAX)
                .max(bytes_max / 2);
            *segment_bytes_max = (*segment_bytes_max).min(room);
        }
        let directory = settings.start.directory.take();
        Self {
            root: Core::start(Arc::new(settings), directory, 0),
        }
    }

    /// Returns `true` if any events are admitted.
    pub(crate) fn is_gate_open(&self) -> bool {
        self.root
            .shared
            .settings
            .is_gate_open
            .load(Ordering::Relaxed)
    }

    /// Returns the flag for whether any events are admitted; it is updated.
    pub(crate) fn gate(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.root.shared.settings.is_gate_open)
    }

    /// Returns the number of times that data collected in memory lost its consent since the start;
    /// it is updated.
    pub(crate) fn withdrawals(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.root.shared.settings.withdrawals)
    }

    /// Returns the current period, if events may be recorded.
    pub(crate) fn period(&self) -> Option<Period> {
        self.root.shared.settings.periods.current()
    }

    /// Returns `true` if it records in this process: a process forked from it begins with its first
    /// event.
    pub(crate) fn has_begun_here(&self) -> bool {
        self.begun_here().is_some()
    }

    /// Returns `true` if there is a worker, which writes, and makes `tracing` rebuild its interests
    /// after changes.
    pub(crate) fn has_worker(&self) -> bool {
        self.root.worker.is_some()
    }

    /// Adds a frame to the buffer, with the time `micros` and the number of the policy that it was
    /// encoded under.
    pub(crate) fn offer(
        &self,
        frame: &[u8],
        micros: i64,
        generation: Generation,
    ) -> std::result::Result<Outcome, Stale> {
        self.core_at(micros).offer(frame, generation)
    }

    /// Counts an event as refused.
    pub(crate) fn refuse(&self) -> Outcome {
        self.core().shared.refused.fetch_add(1, Ordering::Relaxed);
        Outcome::Refused
    }

    /// Writes everything that was staged before the call, on this thread if no other does, and
    /// syncs it if the durability requires that.
    pub(crate) fn flush(&self, deadline: Instant) -> Result<()> {
        let shared = &self.core().shared;
        let (ticket, reported) = {
            let staging = shared.lock();
            (staging.staged, staging.synced.reported())
        };
        shared.write_until(ticket, deadline)?;
        match shared.settings.durability {
            Durability::Os => {}
            Durability::Interval(_) | Durability::EveryBatch => {
                shared.sync_until(ticket, reported, deadline)?;
            }
        }
        // While the owner's decision cannot be read, events are refused without a decision of the
        // owner.
        let staging = shared.lock();
        if staging.phase == RecorderPhase::Withheld {
            return shared.poll_decision(staging).check_is_known();
        }
        Ok(())
    }

    /// Returns `true` if this process has a session that can be ended: it has not ended, and its
    /// lock is released before the deadline.
    pub(crate) fn is_open_within(&self, deadline: Instant) -> bool {
        self.begun_here().is_some_and(|core| {
            lock_until(&core.shared.staging, deadline).is_some_and(|it| it.is_open())
        })
    }

    /// Ends the session: writes the staged frames and the counts, with the properties in `also`,
    /// and waits for the worker's end.
    pub(crate) fn close(&self, also: &Properties, deadline: Instant) {
        if let Some(core) = self.begun_here() {
            core.close(also, deadline);
            core.end_worker(deadline);
        }
    }

    /// Ends the session at the end of the process: writes the staged frames and the counts, with
    /// the properties in `also`. The worker ends with the process, since `tracing-appender` cannot
    /// end it safely after the destructors of a thread's local storage.
    pub(crate) fn close_with_process(&self, also: &Properties, deadline: Instant) {
        if let Some(core) = self.begun_here() {
            core.close(also, deadline);
        }
    }

    /// Returns the core of this process, unless it was forked and has not recorded anything: there
    /// is then nothing to end.
    fn begun_here(&self) -> Option<&Core> {
        let latest = self.latest();
        (latest.process == std::process::id()).then_some(latest)
    }

    /// Polls the owner's decision, and returns the state with that decision.
    pub(crate) fn state(&self) -> (RecorderState, Decision) {
        let shared = &self.core().shared;
        let staging = shared.poll_decision(shared.lock());
        let refused = shared.refused.load(Ordering::Relaxed);
        // While nothing may be recorded there is no installation: disabling removes it.
        let installation = match staging.phase {
            RecorderPhase::Suspended | RecorderPhase::Withheld => None,
            RecorderPhase::Open | RecorderPhase::Closed | RecorderPhase::GivenUp => {
                staging.installation
            }
        };
        let recording = RecorderState {
            is_recording: installation.is_some(),
            counts: Counts {
                refused,
                ..staging.counts
            },
            trouble: staging
                .trouble
                .as_ref()
                .map(|trouble| &trouble.reason)
                .or(staging.unreadable.as_ref())
                .cloned(),
            installation,
        };
        (recording, staging.decision.clone())
    }

    /// Returns the core of this process.
    fn core(&self) -> &Core {
        self.begun_here().unwrap_or_else(|| self.latest().child())
    }

    /// Returns the core of this process for an event at `micros`. Getting the process id is a
    /// system call, so it is made only if a fork may have happened since this thread's last event.
    fn core_at(&self, micros: i64) -> &Core {
        thread_local! {
            /// The time of this thread's last event, and its process at that time.
            static LAST: Cell<(i64, u32)> = const { Cell::new((i64::MIN, 0)) };
        }
        let process = LAST.try_with(|last| {
            let (at, process) = last.get();
            let is_fresh = micros.abs_diff(at) < FORK_MICROS_LEAST;
            let process = if is_fresh {
                process
            } else {
                std::process::id()
            };
            last.set((micros, process));
            process
        });
        let latest = self.latest();
        let process = process.unwrap_or_else(|_destroyed| std::process::id());
        if latest.process == process {
            latest
        } else {
            latest.child()
        }
    }

    fn latest(&self) -> &Core {
        let mut core = &self.root;
        while let Some(child) = core.child.get() {
            core = child;
        }
        core
    }
}

/// Takes a lock if it becomes free before the deadline. It does not block in the system, which
/// would wait for ever if the lock is held by this thread, or by a thread that does not exist in a
/// forked child.
pub(crate) fn lock_until<T>(mutex: &Mutex<T>, deadline: Instant) -> Option<MutexGuard<'_, T>> {
    let mut pause = LOCK_PAUSE_LEAST;
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(pause);
                pause = LOCK_PAUSE_MOST.min(2 * pause);
            }
        }
    }
}

/// The first and the longest sleep before another try to take a lock that may never be released.
const LOCK_PAUSE_LEAST: Duration = Duration::from_micros(10);
const LOCK_PAUSE_MOST: Duration = Duration::from_millis(1);

/// The session record is added to a batch when its segment is known: where the system limits file
/// sizes, this number of bytes stays free for it.
const SESSION_BYTES_MAX: u64 = 4096;

/// A fork copies the page tables of the process, which takes longer than this even for the smallest
/// one; the first event of a child therefore comes at least this long after the last of its
/// parent's thread.
const FORK_MICROS_LEAST: u64 = 20;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read the disk directly")]
pub(crate) mod tests;
