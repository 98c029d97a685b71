//! The recorder: encoded lines wait in one buffer, bounded in bytes, until somebody writes them out.
//! Usually that is the worker thread of `tracing-appender`, woken by a message only when it is parked; on
//! `flush`, at the end and in inline delivery it is the caller. What is in a line is `encode`'s business,
//! how bytes reach the disk is `store`'s.
//!
//! There is one `Writer`, and taking it out of the staging area is the turn to write: lines reach the
//! file in the order in which they were staged, whoever writes. It alone numbers them, so a line that is
//! dropped, or given up at the end, takes no number.
//!
//! Nothing here panics, prints or returns an error into the host. What cannot be kept is counted, and the
//! count is recorded as soon as there is room.

mod frames;
mod interest;
mod outcome;
mod settings;
mod staging;
mod synced;
mod turn;
mod worker;
mod writer;

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::WorkerGuard;

use self::frames::{CHUNK_BYTES, Frames};
pub(crate) use self::interest::{ask_again, note_asked};
pub use self::outcome::{Counts, Offer};
pub(crate) use self::outcome::{RecorderState, Stale};
pub use self::settings::{Delivery, Durability, Overflow};
pub(crate) use self::settings::{Form, Settings, Start};
use self::staging::{Attention, PATIENCE, Phase, Staging};
use self::synced::Synced;
use self::turn::Shared;
use self::worker::{Worker, start_worker};
use self::writer::Writer;
use crate::consent::Decision;
use crate::encode::FrameHeader;
use crate::error::Result;
use crate::policy::Generation;
use crate::record::Properties;
use crate::store::disk::{self, Directory};

/// The recorder of one handle and its layers, in this process and in those forked from it.
#[derive(Debug)]
pub(crate) struct Recorder {
    root: Core,
}

/// The recorder of one process. A forked child has a copy of its parent's memory but not its worker, so
/// it gets a core, a session and counters of its own, and never writes what its parent had staged.
#[derive(Debug)]
struct Core {
    process: u32,
    shared: Arc<Shared>,
    worker: Option<Worker>,
    guard: Mutex<Option<WorkerGuard>>,
    child: OnceLock<Box<Self>>,
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

    /// Tells whether events are let in at all.
    pub(crate) fn is_gate_open(&self) -> bool {
        self.root
            .shared
            .settings
            .is_gate_open
            .load(Ordering::Relaxed)
    }

    /// Tells how often what had been collected in memory lost its consent since the start: it was withdrawn,
    /// perhaps only for a while that nobody looked, or given to another installation, or this is a process
    /// forked from the one that collected it. It is not to be recorded any more.
    pub(crate) fn withdrawals(&self) -> u64 {
        self.root
            .shared
            .settings
            .withdrawals
            .load(Ordering::Acquire)
    }

    /// Tells whether it records in this very process: one forked from it begins with its first event.
    pub(crate) fn has_begun_here(&self) -> bool {
        self.latest().process == std::process::id()
    }

    /// Tells whether a worker writes, who also has `tracing` ask again when something changed.
    pub(crate) fn has_worker(&self) -> bool {
        self.root.worker.is_some()
    }

    /// Takes one frame, made at `micros` under the policy of that number, into the buffer.
    pub(crate) fn offer(
        &self,
        frame: &[u8],
        micros: i64,
        generation: Generation,
    ) -> std::result::Result<Offer, Stale> {
        self.core_at(micros).offer(frame, generation)
    }

    /// Counts an event that was not let in.
    pub(crate) fn refuse(&self) -> Offer {
        self.core().shared.refused.fetch_add(1, Ordering::Relaxed);
        Offer::Refused
    }

    /// Writes everything staged before the call, on this thread if nobody else does, and makes it survive a
    /// power cut where the durability asks for that.
    pub(crate) fn flush(&self, deadline: Instant) -> Result<()> {
        let shared = &self.core().shared;
        let (ticket, told) = {
            let staging = shared.lock();
            (staging.staged, staging.synced.told())
        };
        shared.write_until(ticket, deadline)?;
        match shared.settings.durability {
            Durability::Os => {}
            Durability::Interval(_) | Durability::EveryBatch => {
                shared.sync_until(ticket, told, deadline)?;
            }
        }
        // Where the owner's decision cannot be read, events since then were refused for no decision of the owner.
        let staging = shared.lock();
        if staging.phase == Phase::Withheld {
            return shared.look(staging).check_is_known();
        }
        Ok(())
    }

    /// Returns whether this process has a session that can be ended: it has not ended, and its lock is let go
    /// before the deadline.
    pub(crate) fn is_open_within(&self, deadline: Instant) -> bool {
        let latest = self.latest();
        latest.process == std::process::id()
            && lock_until(&latest.shared.staging, deadline).is_some_and(|it| it.is_open())
    }

    /// Ends the session: writes what is staged and the counts, with what else is to be said at the end, and
    /// waits for the worker's end.
    pub(crate) fn close(&self, also: &Properties, deadline: Instant) {
        if let Some(core) = self.begun_here() {
            core.close(also, deadline);
            core.end_worker(deadline);
        }
    }

    /// Ends the session at the end of the process: writes what is staged and the counts, with what else is to be
    /// said at the end. The worker ends with the process: how `tracing-appender` ends it is not safe after the
    /// destructors of a thread's local storage.
    pub(crate) fn close_with_process(&self, also: &Properties, deadline: Instant) {
        if let Some(core) = self.begun_here() {
            core.close(also, deadline);
        }
    }

    /// Returns the core of this process, unless it was forked and has recorded nothing: then it has nothing to end.
    fn begun_here(&self) -> Option<&Core> {
        let latest = self.latest();
        (latest.process == std::process::id()).then_some(latest)
    }

    /// Returns how it is, after a look at what its owner decided, and that decision.
    pub(crate) fn state(&self) -> (RecorderState, Decision) {
        let shared = &self.core().shared;
        let staging = shared.look(shared.lock());
        let refused = shared.refused.load(Ordering::Relaxed);
        // While nothing may be recorded there is no installation: disabling removes it.
        let installation = match staging.phase {
            Phase::Suspended | Phase::Withheld => None,
            Phase::Open | Phase::Closed | Phase::GivenUp => staging.installation,
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
        let latest = self.latest();
        if latest.process == std::process::id() {
            latest
        } else {
            latest.child()
        }
    }

    /// Returns the core of this process for an event at `micros`. Asking for the process id is a system
    /// call, so it is asked only where a fork can have happened since this thread asked last.
    fn core_at(&self, micros: i64) -> &Core {
        thread_local! {
            /// The time of this thread's last event, and the process it was in.
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

impl Core {
    /// Starts the recorder of this process; `left_to_parent` is how many events waited in memory when it was
    /// forked.
    fn start(
        settings: Arc<Settings>,
        directory: Option<Arc<Directory>>,
        left_to_parent: u64,
    ) -> Self {
        let writer = Writer::new(Arc::clone(&settings), directory, left_to_parent);
        let staging = Staging {
            frames: Frames::default(),
            taken_bytes: 0,
            staged: 0,
            settled: 0,
            counts: Counts::default(),
            dropped_unreported: 0,
            writer: Some(Box::new(writer)),
            trouble: None,
            unreadable: None,
            synced: Synced::default(),
            given_up_after: None,
            full_since: None,
            attention: Attention::Absent,
            phase: match settings.start.installation {
                Some(_) => Phase::Open,
                None => Phase::Suspended,
            },
            decision: settings.start.decision.clone(),
            installation: settings.start.installation,
        };
        let delivery = settings.delivery;
        let shared = Arc::new(Shared {
            settings,
            staging: Mutex::new(staging),
            turn_ended: Condvar::new(),
            waiting: AtomicUsize::new(0),
            urgent: Condvar::new(),
            refused: AtomicU64::new(0),
        });
        let (worker, guard) = match delivery {
            Delivery::Inline => (None, None),
            Delivery::Background => start_worker(&shared).unzip(),
        };
        let (guard, child) = (Mutex::new(guard), OnceLock::new());
        let core = Self {
            process: std::process::id(),
            shared,
            worker,
            guard,
            child,
        };
        if core.worker.is_some() {
            let mut staging = core.shared.lock();
            staging.attention = Attention::Parked;
            let is_watching = core.shared.settings.watch.policy().may_shut_out();
            if staging.phase == Phase::Suspended || is_watching {
                core.call_worker(staging);
            }
        }
        core
    }

    /// Returns the core of a process that was forked from this one's.
    fn child(&self) -> &Self {
        self.child.get_or_init(|| {
            let settings = Arc::clone(&self.shared.settings);
            // What its parent collected is its parent's.
            settings.withdrawals.fetch_add(1, Ordering::Release);
            // What the parent staged is the parent's to write. It may not live to do so, so it is counted; where
            // a thread of the parent was staging something at that very moment, that cannot be known.
            let staged = lock_until(&self.shared.staging, Instant::now());
            let left_to_parent = staged.map_or(0, |staging| staging.waiting());
            Box::new(Self::start(settings, None, left_to_parent))
        })
    }

    fn offer(&self, frame: &[u8], generation: Generation) -> std::result::Result<Offer, Stale> {
        let shared = &*self.shared;
        let mut staging = shared.lock();
        if !staging.has_room(frame.len(), &shared.settings.limits) {
            staging = self.wait_for_room(staging, frame.len());
        }
        // Seen under the lock: what is forgotten because of a newer policy is forgotten under it, too.
        if generation != shared.settings.watch.policy().generation() {
            return Err(Stale);
        }
        let has_room = staging.has_room(frame.len(), &shared.settings.limits);
        match staging.phase {
            Phase::Open => {}
            Phase::Suspended | Phase::Withheld => {
                return self.offer_suspended(staging, frame, generation);
            }
            Phase::Closed | Phase::GivenUp => {
                staging.counts.dropped += 1;
                return Ok(Offer::Dropped);
            }
        }
        if !has_room {
            staging.counts.dropped += 1;
            staging.dropped_unreported += 1;
            return Ok(Offer::Dropped);
        }
        staging.frames.push(frame);
        staging.staged += 1;
        staging.counts.recorded += 1;
        match staging.attention {
            Attention::Parked => self.call_worker(staging),
            Attention::Dozing => {
                staging.attention = Attention::Awake;
                drop(staging);
                shared.urgent.notify_one();
            }
            Attention::Awake
                if staging.frames.bytes() >= URGENT_BYTES || FrameHeader::is_error(frame) =>
            {
                staging.attention = Attention::Called;
                drop(staging);
                shared.urgent.notify_one();
            }
            Attention::Awake | Attention::Called => {}
            Attention::Absent => {
                let ticket = staging.staged;
                let is_due = staging.is_due();
                drop(staging);
                if is_due {
                    // What fails stays in memory, and the reason is kept for `status`.
                    drop(shared.write_until(ticket, Instant::now() + INLINE_WAIT));
                    shared.sync_if_due();
                }
            }
        }
        Ok(Offer::Recorded)
    }

    /// Makes room where nobody else does, and waits for it where the application asked for that and the
    /// disk still takes lines.
    fn wait_for_room<'a>(
        &'a self,
        mut staging: MutexGuard<'a, Staging>,
        frame_bytes: usize,
    ) -> MutexGuard<'a, Staging> {
        let shared = &*self.shared;
        if staging.attention == Attention::Absent
            && staging.phase == Phase::Open
            && staging.is_due()
        {
            // Without a worker nobody but the next caller tries again.
            let ticket = staging.staged;
            drop(staging);
            drop(shared.write_until(ticket, Instant::now() + INLINE_WAIT));
            staging = shared.lock();
        }
        match shared.settings.overflow {
            Overflow::Drop => return self.wait_for_worker(staging, frame_bytes),
            Overflow::Block => {}
        }
        let mut progress = (staging.settled, Instant::now());
        while staging.phase == Phase::Open
            && staging.is_worth_waiting()
            && !staging.has_room(frame_bytes, &shared.settings.limits)
        {
            // A disk that neither takes a line nor refuses it, such as one behind a network, is not waited for.
            if staging.settled != progress.0 {
                progress = (staging.settled, Instant::now());
            } else if progress.1.elapsed() > PATIENCE {
                break;
            }
            match staging.attention {
                Attention::Absent => {
                    let ticket = staging.staged;
                    drop(staging);
                    drop(shared.write_until(ticket, Instant::now() + INLINE_WAIT));
                    staging = shared.lock();
                    continue;
                }
                Attention::Awake | Attention::Dozing => {
                    staging.attention = Attention::Called;
                    shared.urgent.notify_one();
                }
                Attention::Parked | Attention::Called => {}
            }
            staging = shared.wait_for_turn(staging, ROOM_WAIT);
        }
        staging
    }

    /// Waits for room while the buffer has been full for a moment only: on busy cores a worker that is ready to write
    /// may have to wait for its turn on one. The moment is the same for all callers, and the next one does not begin
    /// before half of the buffer is free, so that a slow disk is not waited for.
    fn wait_for_worker<'a>(
        &'a self,
        mut staging: MutexGuard<'a, Staging>,
        frame_bytes: usize,
    ) -> MutexGuard<'a, Staging> {
        let shared = &*self.shared;
        while staging.has_writing_worker()
            && !staging.has_room(frame_bytes, &shared.settings.limits)
        {
            let since = *staging.full_since.get_or_insert_with(Instant::now);
            let left = FULL_WAIT.saturating_sub(since.elapsed());
            if left.is_zero() {
                break;
            }
            match staging.attention {
                Attention::Awake | Attention::Dozing => {
                    staging.attention = Attention::Called;
                    shared.urgent.notify_one();
                }
                Attention::Absent | Attention::Parked | Attention::Called => {}
            }
            staging = shared.wait_for_turn(staging, left);
        }
        staging
    }

    /// Takes an event while nothing may be recorded: perhaps that has just changed.
    fn offer_suspended(
        &self,
        staging: MutexGuard<'_, Staging>,
        frame: &[u8],
        generation: Generation,
    ) -> std::result::Result<Offer, Stale> {
        let staging = self.shared.look(staging);
        match (staging.phase, staging.attention) {
            (Phase::Open, _) => {
                drop(staging);
                return self.offer(frame, generation);
            }
            // It was parked when somebody else noticed; from now on it watches.
            (_, Attention::Parked) => self.call_worker(staging),
            (_, Attention::Absent | Attention::Dozing | Attention::Awake | Attention::Called) => {}
        }
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
        Ok(Offer::Refused)
    }

    /// Wakes the worker, which is parked.
    fn call_worker(&self, mut staging: MutexGuard<'_, Staging>) {
        staging.attention = Attention::Awake;
        drop(staging);
        if let Some(worker) = &self.worker {
            // At most one bell is on its way, so this never waits; without a worker the next `flush` writes.
            drop(io::Write::write(&mut worker.bell.clone(), b"\n"));
        }
    }

    fn close(&self, also: &Properties, deadline: Instant) {
        let shared = &*self.shared;
        let ticket = {
            let mut staging = shared.look(shared.lock());
            let is_recording = match staging.phase {
                Phase::Open => true,
                Phase::Suspended | Phase::Withheld => false,
                Phase::Closed | Phase::GivenUp => return,
            };
            if staging.phase == Phase::Withheld {
                shared.refuse_waiting(&mut staging);
            } else {
                staging.phase = Phase::Closed;
            }
            let is_worth_it =
                staging.staged > 0 || staging.dropped_unreported > 0 || !also.is_empty();
            if is_recording && is_worth_it && !staging.is_all_said(also) {
                let refused = shared.refused.load(Ordering::Relaxed);
                let counts = Counts {
                    refused,
                    ..staging.counts
                };
                staging.report_dropped(&shared.settings);
                if let Some(writer) = &mut staging.writer {
                    writer.expect_end();
                }
                staging.stage_own(|out| writer::encode_end(&shared.settings, counts, also, out));
            }
            shared.end_turn(&staging);
            (staging.phase == Phase::Closed).then_some(staging.staged)
        };
        if self.worker.is_some() {
            shared.urgent.notify_all();
        }
        if let Some(ticket) = ticket {
            shared.write_or_give_up(ticket, deadline);
            if shared.settings.durability != Durability::Os {
                let told = shared.lock().synced.told();
                // No caller is left to return a failure to.
                drop(shared.sync_until(ticket, told, deadline));
            }
        }
    }

    /// Waits for the worker's end.
    fn end_worker(&self, deadline: Instant) {
        let shared = &*self.shared;
        // Its own wait is short because the worker only has to notice that it is over.
        drop(
            self.guard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let mut staging = shared.lock();
        while staging.attention != Attention::Absent && Instant::now() < deadline {
            staging = shared.wait_for_turn(staging, ROOM_WAIT);
        }
    }
}

impl Drop for Core {
    #[expect(
        clippy::mem_forget,
        reason = "a forked child must not wait for its parent's worker"
    )]
    fn drop(&mut self) {
        if self.process != std::process::id() {
            std::mem::forget(self.worker.take());
            std::mem::forget(
                self.guard
                    .get_mut()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(),
            );
        }
    }
}

/// Takes a lock if it is free before the deadline. It does not wait in the system, which would wait for ever where
/// this thread holds the lock, or a thread that a forked child has not got.
pub(crate) fn lock_until<T>(mutex: &Mutex<T>, deadline: Instant) -> Option<MutexGuard<'_, T>> {
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
        }
    }
}

/// How many bytes end the worker's lingering: at 1 GB/s the default buffer of 8 MiB would be full after
/// 8 ms, and a timer may be late by as much.
const URGENT_BYTES: usize = 2 * CHUNK_BYTES;

/// How long a caller that writes for itself waits for the directory's lock.
const INLINE_WAIT: Duration = Duration::from_millis(20);

/// How long the buffer may have been full before events are dropped: long enough for the worker to get a core that
/// others want as well, and no longer than a host bears. Tests have to notice that a caller waits.
const FULL_WAIT: Duration = Duration::from_millis(if cfg!(test) { 2000 } else { 10 });

/// How long a caller sleeps at a time while it waits for room or for the worker's end.
const ROOM_WAIT: Duration = Duration::from_millis(50);

/// How often a lock is tried for that may never be let go.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// A session record is added to a batch when it is clear which segment takes it: where the system limits
/// the size of files, so much of it stays free.
const SESSION_BYTES_MAX: u64 = 4096;

/// A fork copies the page tables of the process, which takes longer than this even for the smallest one;
/// the first event of a child therefore comes at least this long after the last of its parent's thread.
const FORK_MICROS_LEAST: u64 = 20;

#[cfg(test)]
pub(crate) mod tests;
