//! The recorder of one process: adds frames to the buffer, has them written, and ends the session.
//! The parent module gives a forked child a core of its own.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};

use super::frames::{CHUNK_BYTES, Frames};
use super::lease::Shared;
use super::staging::{Attention, PATIENCE, RecorderPhase, Staging};
use super::synced::Synced;
use super::worker::start_worker;
use super::writer::Writer;
use super::{Counts, Delivery, Durability, Outcome, Overflow, Settings, Stale, lock_until};
use crate::clock;
use crate::encode::FrameHeader;
use crate::policy::Generation;
use crate::record::Properties;
use crate::record::own::{OwnEvent, SessionEnd};
use crate::store::disk::Directory;

/// The recorder of one process. A forked child has a copy of its parent's memory but not its
/// worker, so it gets a core, a session and counters of its own, and never writes the frames that
/// its parent had staged.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) process: u32,
    pub(super) shared: Arc<Shared>,
    /// The handle that wakes the worker, if there is one.
    pub(super) worker: Option<NonBlocking>,
    guard: Mutex<Option<WorkerGuard>>,
    pub(super) child: OnceLock<Box<Self>>,
}

impl Core {
    /// Starts the recorder of this process; `left_to_parent` is the number of events that waited in
    /// memory when it was forked.
    pub(super) fn start(
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
                Some(_) => RecorderPhase::Open,
                None => RecorderPhase::Suspended,
            },
            decision: settings.start.decision.clone(),
            installation: settings.start.installation,
        };
        let delivery = settings.delivery;
        let shared = Arc::new(Shared {
            settings,
            staging: Mutex::new(staging),
            lease_ended: Condvar::new(),
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
            let is_watching = core.shared.settings.watch.policy().may_filter_out();
            if staging.phase == RecorderPhase::Suspended || is_watching {
                core.call_worker(staging);
            }
        }
        core
    }

    /// Returns the core of a process that was forked from this one's process.
    pub(super) fn child(&self) -> &Self {
        self.child.get_or_init(|| {
            let settings = Arc::clone(&self.shared.settings);
            // Counts that the parent collected belong to the parent.
            settings.withdrawals.fetch_add(1, Ordering::Release);
            // Frames that the parent staged are written by the parent. It may end before, so their
            // number is recorded; it is unknown if a thread of the parent was staging a frame at
            // that moment.
            let staged = lock_until(&self.shared.staging, Instant::now());
            let left_to_parent = staged.map_or(0, |staging| staging.waiting());
            Box::new(Self::start(settings, None, left_to_parent))
        })
    }

    pub(super) fn offer(&self, frame: &[u8], generation: Generation) -> Result<Outcome, Stale> {
        let shared = &*self.shared;
        let mut staging = shared.lock();
        if !staging.has_room(frame.len(), &shared.settings.limits) {
            staging = self.wait_for_room(staging, frame.len());
        }
        // Checked under the lock, since frames that a newer policy invalidates are removed under
        // it, too.
        if generation != shared.settings.watch.policy().generation() {
            return Err(Stale);
        }
        let has_room = staging.has_room(frame.len(), &shared.settings.limits);
        match staging.phase {
            RecorderPhase::Open => {}
            RecorderPhase::Suspended | RecorderPhase::Withheld => {
                return self.offer_suspended(staging, frame, generation);
            }
            RecorderPhase::Closed | RecorderPhase::GivenUp => {
                staging.counts.dropped += 1;
                return Ok(Outcome::Dropped);
            }
        }
        if !has_room {
            staging.counts.dropped += 1;
            staging.dropped_unreported += 1;
            return Ok(Outcome::Dropped);
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
                if staging.is_due() {
                    drop(shared.write_inline(staging));
                    shared.sync_if_due();
                }
            }
        }
        Ok(Outcome::Recorded)
    }

    /// Makes room where there is no worker, and waits for it if the application chose that and the
    /// disk still takes lines.
    fn wait_for_room<'a>(
        &'a self,
        mut staging: MutexGuard<'a, Staging>,
        frame_bytes: usize,
    ) -> MutexGuard<'a, Staging> {
        let shared = &*self.shared;
        if staging.attention == Attention::Absent
            && staging.phase == RecorderPhase::Open
            && staging.is_due()
        {
            // Without a worker, the next caller tries again.
            staging = shared.write_inline(staging);
        }
        if shared.settings.overflow == Overflow::Drop {
            return self.wait_for_worker(staging, frame_bytes);
        }
        let mut progress = (staging.settled, Instant::now());
        while staging.phase == RecorderPhase::Open
            && staging.is_worth_waiting()
            && !staging.has_room(frame_bytes, &shared.settings.limits)
        {
            // A disk that neither takes a line nor refuses it, such as a network drive, is not
            // waited for.
            if staging.settled != progress.0 {
                progress = (staging.settled, Instant::now());
            } else if progress.1.elapsed() > PATIENCE {
                break;
            }
            if staging.attention == Attention::Absent {
                staging = shared.write_inline(staging);
            } else {
                shared.end_linger(&mut staging);
                staging = shared.wait_for_lease(staging, ROOM_WAIT);
            }
        }
        staging
    }

    /// Waits for room if the buffer has been full only for a moment: on busy cores, a worker that
    /// is ready to write may have to wait for its turn. The moment is the same for all callers, and
    /// the next one does not begin before half of the buffer is free, so that a slow disk is not
    /// waited for.
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
            shared.end_linger(&mut staging);
            staging = shared.wait_for_lease(staging, left);
        }
        staging
    }

    /// Handles an event while nothing may be recorded, after a check whether that has changed.
    fn offer_suspended(
        &self,
        staging: MutexGuard<'_, Staging>,
        frame: &[u8],
        generation: Generation,
    ) -> Result<Outcome, Stale> {
        let staging = self.shared.poll_decision(staging);
        match (staging.phase, staging.attention) {
            (RecorderPhase::Open, _) => {
                drop(staging);
                return self.offer(frame, generation);
            }
            // The worker was parked when another thread noticed the change; it polls from now on.
            (_, Attention::Parked) => self.call_worker(staging),
            (_, Attention::Absent | Attention::Dozing | Attention::Awake | Attention::Called) => {}
        }
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome::Refused)
    }

    /// Wakes the worker, which is parked.
    fn call_worker(&self, mut staging: MutexGuard<'_, Staging>) {
        staging.attention = Attention::Awake;
        drop(staging);
        if let Some(worker) = &self.worker {
            // At most one wakeup is in the channel, so this never blocks; without a worker, the
            // next `flush` writes.
            drop(io::Write::write(&mut worker.clone(), b"\n"));
        }
    }

    pub(super) fn close(&self, also: &Properties, deadline: Instant) {
        let shared = &*self.shared;
        let ticket = {
            let mut staging = shared.poll_decision(shared.lock());
            let is_recording = match staging.phase {
                RecorderPhase::Open => true,
                RecorderPhase::Suspended | RecorderPhase::Withheld => false,
                RecorderPhase::Closed | RecorderPhase::GivenUp => return,
            };
            if staging.phase == RecorderPhase::Withheld {
                shared.refuse_waiting(&mut staging);
            } else {
                staging.phase = RecorderPhase::Closed;
            }
            let is_worth_it =
                staging.staged > 0 || staging.dropped_unreported > 0 || !also.is_empty();
            if is_recording && is_worth_it && !staging.is_one_line_session(also) {
                let refused = shared.refused.load(Ordering::Relaxed);
                let counts = Counts {
                    refused,
                    ..staging.counts
                };
                staging.report_dropped(&shared.settings);
                if let Some(writer) = &mut staging.writer {
                    writer.expect_end();
                }
                let end = SessionEnd {
                    recorded: counts.recorded,
                    dropped: counts.dropped,
                    refused: counts.refused,
                    failed: counts.failed,
                };
                let end = end.properties(also);
                staging.stage_own(&shared.settings, OwnEvent::SessionEnd, &end);
            }
            shared.end_lease(&staging);
            (staging.phase == RecorderPhase::Closed).then_some(staging.staged)
        };
        if self.worker.is_some() {
            shared.urgent.notify_all();
        }
        if let Some(ticket) = ticket {
            shared.write_or_give_up(ticket, deadline);
            if shared.settings.durability != Durability::Os {
                let reported = shared.lock().synced.reported();
                // There is no caller left to return a failure to.
                drop(shared.sync_until(ticket, reported, deadline));
            }
        }
    }

    /// Waits for the worker's end.
    pub(super) fn end_worker(&self, deadline: Instant) {
        let shared = &*self.shared;
        // The crate's own timeout is short, since the worker only has to notice the end.
        drop(
            self.guard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let mut staging = shared.lock();
        while staging.attention != Attention::Absent && Instant::now() < deadline {
            staging = shared.wait_for_lease(staging, ROOM_WAIT);
        }
    }
}

impl Shared {
    /// Writes the staged frames on the caller's thread. Frames that cannot be written stay in
    /// memory, and the reason is kept for `status`.
    fn write_inline<'a>(&'a self, staging: MutexGuard<'a, Staging>) -> MutexGuard<'a, Staging> {
        let ticket = staging.staged;
        drop(staging);
        drop(self.write_until(ticket, clock::deadline(INLINE_WAIT)));
        self.lock()
    }

    /// Ends the lingering of the worker, if it lingers.
    fn end_linger(&self, staging: &mut Staging) {
        match staging.attention {
            Attention::Awake | Attention::Dozing => {
                staging.attention = Attention::Called;
                self.urgent.notify_one();
            }
            Attention::Absent | Attention::Parked | Attention::Called => {}
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

/// The number of bytes that ends the worker's lingering: at 1 GB/s the default buffer of 8 MiB
/// would be full after 8 ms, and a timer may be late by as much.
const URGENT_BYTES: usize = 2 * CHUNK_BYTES;

/// The time for which a caller that writes for itself waits for the directory's lock.
pub(super) const INLINE_WAIT: Duration = Duration::from_millis(20);

/// The time for which the buffer may have been full before events are dropped: long enough for the
/// worker to get a core that others want as well, and acceptable to an application. Tests must be
/// able to notice that a caller waits.
pub(super) const FULL_WAIT: Duration = Duration::from_millis(if cfg!(test) { 2000 } else { 10 });

/// The time for which a caller sleeps between checks while it waits for room or for the worker's
/// end.
const ROOM_WAIT: Duration = Duration::from_millis(50);
