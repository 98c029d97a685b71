//! The recorder: encoded lines wait in one buffer, bounded in bytes, until somebody writes them out.
//! Usually that is the worker thread of `tracing-appender`, woken by a message only when it is parked; on
//! `flush`, at the end and in inline delivery it is the caller. What is in a line is `encode`'s business,
//! how bytes reach the disk is `store`'s.
//!
//! There is one [`Writer`], and taking it out of the staging area is the turn to write: lines reach the
//! file in the order in which they were staged, whoever writes. It alone numbers them, so a line that is
//! dropped, or given up at the end, takes no number.
//!
//! Nothing here panics, prints or returns an error into the host. What cannot be kept is counted, and the
//! count is recorded as soon as there is room.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use uuid::Uuid;

use crate::clock;
use crate::encode::FrameHeader;
use crate::error::{Error, ErrorKind, Result};
use crate::store::disk;
use crate::store::limits::Limits;
use crate::writer::{Settled, Writer};

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
    /// It is dropped and counted, and the count is recorded.
    #[default]
    Drop,
    /// The caller waits until there is room, as long as the disk takes what is written. If the disk
    /// refuses, the event is dropped and counted all the same.
    Block,
}

/// When lines survive a power cut. They survive the end of the process as soon as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// When the operating system thinks fit, usually within half a minute.
    #[default]
    Os,
    /// At most this long after they were written, and on `flush`.
    Interval(Duration),
    /// After every batch.
    EveryBatch,
}

/// How many events ended in which way. The sum is the number of events offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Events that are in a segment, or wait in memory to get there.
    pub recorded: u64,
    /// Events that consent or policy did not let in, and those that a value logged while it was being
    /// formatted for an event that was itself logged by a value.
    pub refused: u64,
    /// Events for which there was no room, and those offered after the end.
    pub dropped: u64,
    /// Events given up at the end because of an IO error.
    pub failed: u64,
}

impl Counts {
    /// Returns the number of events offered.
    pub const fn offered(&self) -> u64 {
        self.recorded + self.refused + self.dropped + self.failed
    }
}

/// What became of an offered event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Offer {
    /// It is in a segment, or waits in memory to get there.
    Recorded,
    /// Consent or policy did not let it in.
    Refused,
    /// There was no room for it.
    Dropped,
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
    /// The installation id, where there is one.
    pub(crate) installation: Option<Uuid>,
    /// Who writes.
    pub(crate) delivery: Delivery,
    /// What happens when there is no room.
    pub(crate) overflow: Overflow,
    /// When lines survive a power cut.
    pub(crate) durability: Durability,
}

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

/// The way to wake the worker.
#[derive(Debug)]
struct Worker {
    bell: NonBlocking,
}

/// What callers and worker share.
#[derive(Debug)]
struct Shared {
    settings: Arc<Settings>,
    staging: Mutex<Staging>,
    /// Signalled when a turn to write has ended: there may be room, and lines may be settled.
    turn_ended: Condvar,
    /// Signalled when the lingering worker has something to do at once.
    urgent: Condvar,
    refused: AtomicU64,
}

/// What waits in memory.
#[derive(Debug)]
struct Staging {
    frames: Vec<u8>,
    /// Bytes that the writer took out and has not written yet.
    taken_bytes: usize,
    /// How many frames were ever staged, and how many of them are written or given up.
    staged: u64,
    settled: u64,
    counts: Counts,
    dropped_unreported: u64,
    /// Nothing while somebody has the turn to write.
    writer: Option<Box<Writer>>,
    trouble: Option<Trouble>,
    unsynced: Unsynced,
    attention: Attention,
    phase: Phase,
}

/// Why nothing could be written the last time.
#[derive(Debug)]
struct Trouble {
    cause: Cause,
    reason: String,
    since: Instant,
    retry_at: Instant,
    pause: Duration,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Somebody else holds the directory's lock; it should not take long.
    Busy,
    /// The disk or the directory refuses; it may take for ever.
    Refused,
}

/// Whether lines were written that may not survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unsynced {
    Nothing,
    Since(Instant),
}

/// What the worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attention {
    /// There is none, or it has ended.
    Absent,
    /// It waits for the bell.
    Parked,
    /// It writes, or lingers for what comes next.
    Awake,
    /// As awake, and it has been told to stop lingering.
    Called,
}

/// Whether events are still taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
    /// As closed, and what is not written by now never will be.
    GivenUp,
}

impl Recorder {
    /// Starts a recorder. Nothing is written before the first line.
    pub(crate) fn start(mut settings: Settings) -> Self {
        if let Some(bytes_max) = disk::file_bytes_max() {
            let segment_bytes_max = &mut settings.limits.segment_bytes_max;
            *segment_bytes_max =
                (*segment_bytes_max).min(bytes_max.saturating_sub(SESSION_BYTES_MAX));
        }
        Self {
            root: Core::start(Arc::new(settings)),
        }
    }

    /// Takes one frame, made at `micros`, into the buffer.
    pub(crate) fn offer(&self, frame: &[u8], micros: i64) -> Offer {
        self.core_at(micros).offer(frame)
    }

    /// Counts an event that was not let in.
    pub(crate) fn refuse(&self) -> Offer {
        self.core().shared.refused.fetch_add(1, Ordering::Relaxed);
        Offer::Refused
    }

    /// Writes everything staged before the call, on this thread if nobody else does.
    pub(crate) fn flush(&self, deadline: Instant) -> Result<()> {
        let shared = &self.core().shared;
        let ticket = shared.lock().staged;
        shared.write_until(ticket, deadline)?;
        match shared.settings.durability {
            Durability::Os => Ok(()),
            Durability::Interval(_) | Durability::EveryBatch => shared.sync(deadline),
        }
    }

    /// Ends the session: writes what is staged and the counts, and waits for the worker's end.
    pub(crate) fn close(&self, deadline: Instant) {
        self.core().close(deadline);
    }

    /// Returns how many events ended in which way, and why the last write failed if it did.
    pub(crate) fn state(&self) -> (Counts, Option<String>) {
        let shared = &self.core().shared;
        let staging = shared.lock();
        let refused = shared.refused.load(Ordering::Relaxed);
        let trouble = staging
            .trouble
            .as_ref()
            .map(|trouble| trouble.reason.clone());
        (
            Counts {
                refused,
                ..staging.counts
            },
            trouble,
        )
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
    fn start(settings: Arc<Settings>) -> Self {
        let staging = Staging {
            frames: Vec::new(),
            taken_bytes: 0,
            staged: 0,
            settled: 0,
            counts: Counts::default(),
            dropped_unreported: 0,
            writer: Some(Box::new(Writer::new(Arc::clone(&settings)))),
            trouble: None,
            unsynced: Unsynced::Nothing,
            attention: Attention::Absent,
            phase: Phase::Open,
        };
        let delivery = settings.delivery;
        let shared = Arc::new(Shared {
            settings,
            staging: Mutex::new(staging),
            turn_ended: Condvar::new(),
            urgent: Condvar::new(),
            refused: AtomicU64::new(0),
        });
        let (worker, guard) = match delivery {
            Delivery::Inline => (None, None),
            Delivery::Background => start_worker(&shared).unzip(),
        };
        if worker.is_some() {
            shared.lock().attention = Attention::Parked;
        }
        let (guard, child) = (Mutex::new(guard), OnceLock::new());
        Self {
            process: std::process::id(),
            shared,
            worker,
            guard,
            child,
        }
    }

    /// Returns the core of a process that was forked from this one's.
    fn child(&self) -> &Self {
        self.child
            .get_or_init(|| Box::new(Self::start(Arc::clone(&self.shared.settings))))
    }

    fn offer(&self, frame: &[u8]) -> Offer {
        let shared = &*self.shared;
        let mut staging = shared.lock();
        if !staging.has_room(frame.len(), &shared.settings.limits) {
            staging = self.wait_for_room(staging, frame.len());
        }
        let has_room = staging.has_room(frame.len(), &shared.settings.limits);
        if staging.phase != Phase::Open {
            staging.counts.dropped += 1;
            return Offer::Dropped;
        }
        if !has_room {
            staging.counts.dropped += 1;
            staging.dropped_unreported += 1;
            return Offer::Dropped;
        }
        staging.frames.extend_from_slice(frame);
        staging.staged += 1;
        staging.counts.recorded += 1;
        match staging.attention {
            Attention::Parked => {
                staging.attention = Attention::Awake;
                drop(staging);
                self.ring();
            }
            Attention::Awake if staging.frames.len() >= URGENT_BYTES => {
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
                }
            }
        }
        Offer::Recorded
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
            Overflow::Drop => return staging,
            Overflow::Block => {}
        }
        while staging.phase == Phase::Open
            && staging.is_worth_waiting()
            && !staging.has_room(frame_bytes, &shared.settings.limits)
        {
            match staging.attention {
                Attention::Absent => {
                    let ticket = staging.staged;
                    drop(staging);
                    drop(shared.write_until(ticket, Instant::now() + INLINE_WAIT));
                    staging = shared.lock();
                    continue;
                }
                Attention::Awake => {
                    staging.attention = Attention::Called;
                    shared.urgent.notify_one();
                }
                Attention::Parked | Attention::Called => {}
            }
            staging = shared.wait_for_turn(staging, ROOM_WAIT);
        }
        staging
    }

    fn ring(&self) {
        if let Some(worker) = &self.worker {
            // At most one bell is on its way, so this never waits; without a worker the next `flush` writes.
            drop(io::Write::write(&mut worker.bell.clone(), b"\n"));
        }
    }

    fn close(&self, deadline: Instant) {
        let shared = &*self.shared;
        let ticket = {
            let mut staging = shared.lock();
            if staging.phase != Phase::Open {
                return;
            }
            staging.phase = Phase::Closed;
            if staging.staged > 0 || staging.dropped_unreported > 0 {
                let refused = shared.refused.load(Ordering::Relaxed);
                let counts = Counts {
                    refused,
                    ..staging.counts
                };
                staging.report_dropped(&shared.settings);
                staging.stage_own(|out| Writer::encode_end(&shared.settings, counts, out));
            }
            staging.staged
        };
        shared.urgent.notify_all();
        shared.turn_ended.notify_all();
        shared.write_or_give_up(ticket, deadline);
        if shared.settings.durability != Durability::Os {
            drop(shared.sync(deadline));
        }
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

impl Staging {
    fn has_room(&self, frame_bytes: usize, limits: &Limits) -> bool {
        self.frames.len() + self.taken_bytes + frame_bytes <= limits.buffer_bytes_max
    }

    /// Stages a record of our own; a few hundred bytes that the bound does not count.
    fn stage_own(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut frame = Vec::new();
        encode(&mut frame);
        self.frames.extend_from_slice(&frame);
        self.staged += 1;
    }

    fn report_dropped(&mut self, settings: &Settings) {
        let count = std::mem::take(&mut self.dropped_unreported);
        if count == 0 {
            return;
        }
        let reason = match &self.trouble {
            Some(trouble) => trouble.reason.clone(),
            None => "the buffer in memory was full".to_owned(),
        };
        self.stage_own(|out| Writer::encode_dropped(settings, count, &reason, out));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Staging> {
        // A poisoned lock is entered: what it guards is counters and whole frames.
        self.staging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_turn<'a>(
        &self,
        staging: MutexGuard<'a, Staging>,
        wait: Duration,
    ) -> MutexGuard<'a, Staging> {
        self.turn_ended
            .wait_timeout(staging, wait)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Writes until so many frames are settled.
    fn write_until(&self, ticket: u64, deadline: Instant) -> Result<()> {
        let mut staging = self.lock();
        loop {
            if staging.settled >= ticket {
                return Ok(());
            }
            let Some(writer) = staging.writer.take() else {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    let bytes_waiting = staging.frames.len() + staging.taken_bytes;
                    return Err(ErrorKind::TimedOut { bytes_waiting }.into());
                }
                staging = self.wait_for_turn(staging, left);
                continue;
            };
            let (ended, failure) = self.take_turn(staging, writer, deadline);
            staging = ended;
            if let Some(error) = failure {
                return Err(error);
            }
        }
    }

    /// Writes until so many frames are settled, or counts them as failed. One refusal may pass, such as of
    /// a file that somebody moves away at this moment; several do not.
    fn write_or_give_up(&self, ticket: u64, deadline: Instant) {
        for pause in CLOSE_PAUSES {
            if self.write_until(ticket, deadline).is_ok() {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            std::thread::sleep(pause.min(left));
        }
        if self.write_until(ticket, deadline).is_err() {
            self.give_up();
        }
    }

    /// Writes one batch with the writer that the caller took out, and puts it back.
    fn take_turn<'a>(
        &'a self,
        mut staging: MutexGuard<'a, Staging>,
        mut writer: Box<Writer>,
        deadline: Instant,
    ) -> (MutexGuard<'a, Staging>, Option<Error>) {
        if writer.is_empty() {
            writer.take(&mut staging.frames);
            staging.taken_bytes = writer.bytes_left();
            staging.report_dropped(&self.settings);
        }
        drop(staging);
        let settled = catch_unwind(AssertUnwindSafe(|| {
            writer.write_batch(clock::now(), deadline)
        }));
        let Settled { frames, failure } = settled.unwrap_or_else(|_panic| Settled {
            frames: 0,
            failure: Some(Error::invalid(
                "the writer",
                "panicked; this is a bug in localtel",
            )),
        });
        let mut staging = self.lock();
        staging.settled = (staging.settled + frames).min(staging.staged);
        if staging.phase == Phase::GivenUp {
            staging.count_failed(application_frames(writer.frames_left()));
            writer.forget();
        }
        staging.taken_bytes = writer.bytes_left();
        staging.writer = Some(writer);
        if frames > 0 && self.settings.durability != Durability::Os {
            staging.unsynced = match staging.unsynced {
                Unsynced::Nothing => Unsynced::Since(Instant::now()),
                since @ Unsynced::Since(_) => since,
            };
        }
        match &failure {
            None => staging.trouble = None,
            Some(error) => staging.note_trouble(error),
        }
        self.turn_ended.notify_all();
        (staging, failure)
    }

    /// Makes what is written survive a power cut.
    fn sync(&self, deadline: Instant) -> Result<()> {
        let mut staging = self.lock();
        loop {
            if staging.unsynced == Unsynced::Nothing {
                return Ok(());
            }
            if let Some(mut writer) = staging.writer.take() {
                staging.unsynced = Unsynced::Nothing;
                drop(staging);
                let synced = writer.sync();
                let mut staging = self.lock();
                staging.writer = Some(writer);
                self.turn_ended.notify_all();
                return synced;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut { bytes_waiting: 0 }.into());
            }
            staging = self.wait_for_turn(staging, left);
        }
    }

    /// Counts what could not be written as failed and forgets it; whoever writes at this moment does the
    /// same with what is left in the end.
    fn give_up(&self) {
        let mut staging = self.lock();
        staging.phase = Phase::GivenUp;
        let mut given_up = application_frames(&staging.frames);
        if let Some(writer) = &mut staging.writer {
            given_up += application_frames(writer.frames_left());
            writer.forget();
            staging.taken_bytes = 0;
        }
        staging.frames = Vec::new();
        staging.settled = staging.staged;
        staging.count_failed(given_up);
    }

    /// The worker's work, from a ring of the bell until there is nothing to do: writes, then lingers for
    /// a moment, so that a busy program pays for no wake-ups.
    fn work(&self) {
        let mut staging = self.lock();
        while staging.phase == Phase::Open {
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
                drop(self.write_until(ticket, Instant::now() + LOCK_WAIT));
                staging = self.lock();
            }
            if let Some(wait) = staging.sync_wait(self.settings.durability)
                && wait.is_zero()
            {
                drop(staging);
                drop(self.sync(Instant::now() + LOCK_WAIT));
                staging = self.lock();
            }
            let is_troubled = staging.trouble.is_some();
            let wait = staging.pause(self.settings.durability);
            let (lingered, _timeout) = self
                .urgent
                .wait_timeout_while(staging, wait, |staging| {
                    staging.phase == Phase::Open
                        && (is_troubled || staging.attention != Attention::Called)
                })
                .unwrap_or_else(PoisonError::into_inner);
            staging = lingered;
            let is_idle = staging.settled == staging.staged && staging.dropped_unreported == 0;
            if is_idle && staging.unsynced == Unsynced::Nothing {
                staging.attention = Attention::Parked;
                return;
            }
        }
    }
}

impl Staging {
    fn note_trouble(&mut self, error: &Error) {
        let cause = match error.kind() {
            ErrorKind::Busy { .. } => Cause::Busy,
            ErrorKind::Io { .. }
            | ErrorKind::Directory { .. }
            | ErrorKind::Format { .. }
            | ErrorKind::TimedOut { .. }
            | ErrorKind::Invalid { .. }
            | ErrorKind::Off { .. } => Cause::Refused,
        };
        let reason = error.chain();
        let now = Instant::now();
        let (since, pause) = match &self.trouble {
            Some(before) if before.cause == cause => (before.since, before.pause * 2),
            Some(_) | None => (now, RETRY_LEAST),
        };
        let pause = pause.min(match cause {
            Cause::Busy => RETRY_LEAST,
            Cause::Refused => RETRY_MOST,
        });
        self.trouble = Some(Trouble {
            cause,
            reason,
            since,
            retry_at: now + pause,
            pause,
        });
    }

    /// Counts events that were to be recorded as failed.
    fn count_failed(&mut self, count: u64) {
        self.counts.recorded = self.counts.recorded.saturating_sub(count);
        self.counts.failed += count;
    }

    /// Tells whether it is time to write, or to try again.
    fn is_due(&self) -> bool {
        self.trouble
            .as_ref()
            .is_none_or(|trouble| trouble.retry_at <= Instant::now())
    }

    /// Tells whether waiting for room makes sense: while the disk takes lines, and for a while after
    /// somebody else took the lock.
    fn is_worth_waiting(&self) -> bool {
        match &self.trouble {
            None => true,
            Some(trouble) => trouble.cause == Cause::Busy && trouble.since.elapsed() < PATIENCE,
        }
    }

    /// Returns how long it may still take until lines must survive a power cut.
    fn sync_wait(&self, durability: Durability) -> Option<Duration> {
        match (self.unsynced, durability) {
            (Unsynced::Nothing, _) | (_, Durability::Os) => None,
            (Unsynced::Since(_), Durability::EveryBatch) => Some(Duration::ZERO),
            (Unsynced::Since(since), Durability::Interval(interval)) => {
                Some((since + interval).saturating_duration_since(Instant::now()))
            }
        }
    }

    /// Returns how long the worker waits before it looks again.
    fn pause(&self, durability: Durability) -> Duration {
        if let Some(trouble) = &self.trouble {
            return trouble.retry_at.saturating_duration_since(Instant::now());
        }
        let is_idle = self.settled == self.staged;
        match self.sync_wait(durability) {
            // Nothing but a sync is left to do; events that come meanwhile are looked for as ever.
            Some(wait) if is_idle => wait.min(SYNC_LOOK),
            Some(_) | None => LINGER,
        }
    }
}

/// What `tracing-appender` takes for the file: its messages are bells, and its `flush`, which it calls
/// whenever no message is left, is the turn to work. It always reports success, because that worker
/// swallows errors, and spins or forgets to stop after some of them.
#[derive(Debug)]
struct Sink {
    shared: Arc<Shared>,
}

impl io::Write for Sink {
    fn write(&mut self, bell: &[u8]) -> io::Result<usize> {
        Ok(bell.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.work();
        Ok(())
    }
}

impl Drop for Sink {
    /// The thread ends: this is what a join would tell.
    fn drop(&mut self) {
        self.shared.lock().attention = Attention::Absent;
        self.shared.turn_ended.notify_all();
    }
}

/// Starts the worker thread, or returns nothing where the system has no thread to give: then callers
/// write for themselves.
fn start_worker(shared: &Arc<Shared>) -> Option<(Worker, WorkerGuard)> {
    let sink = Sink {
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
    let (bell, guard) = catch_unwind(AssertUnwindSafe(start)).ok()?;
    Some((Worker { bell }, guard))
}

fn application_frames(mut frames: &[u8]) -> u64 {
    let mut count = 0;
    while let Some((header, _, rest)) = FrameHeader::split_first(frames) {
        count += u64::from(!header.is_own);
        frames = rest;
    }
    count
}

/// How long the worker waits for more before it parks. Above 200 events a second no caller pays for a
/// wake-up, which costs some microseconds; below that, an idle program has no timer running.
const LINGER: Duration = Duration::from_millis(5);

/// How many bytes end the worker's lingering: at 1 GB/s the default buffer of 8 MiB would be full after
/// 8 ms, and a timer may be late by as much.
const URGENT_BYTES: usize = 256 * 1024;

/// How often the worker looks for events while only a sync is left to do.
const SYNC_LOOK: Duration = Duration::from_millis(100);

/// How long the worker tries to get the directory's lock: other writers hold it for well under a
/// millisecond, so this long means that a stopped process holds it. Then lines wait in memory.
const LOCK_WAIT: Duration = Duration::from_millis(100);

/// How long a caller that writes for itself waits for the directory's lock.
const INLINE_WAIT: Duration = Duration::from_millis(20);

/// How long a caller sleeps at a time while it waits for room or for the worker's end.
const ROOM_WAIT: Duration = Duration::from_millis(50);

/// How long a caller that asked for it waits for room while somebody else holds the directory's lock: far
/// longer than any healthy process holds it, and bearable for a host.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first and the longest pause after a failed write.
const RETRY_LEAST: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// A session record is added to a batch when it is clear which segment takes it: where the system limits
/// the size of files, so much of it stays free.
const SESSION_BYTES_MAX: u64 = 4096;

/// The pauses between the last tries to write: no program's end is held up by a disk that refuses.
const CLOSE_PAUSES: [Duration; 3] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(50),
];

/// At most one bell and the end are on their way at a time.
const BELLS_MAX: usize = 4;

/// A fork copies the page tables of the process, which takes longer than this even for the smallest one;
/// the first event of a child therefore comes at least this long after the last of its parent's thread.
const FORK_MICROS_LEAST: u64 = 20;
