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

mod interest;
mod staging;
mod turn;
mod worker;
mod writer;

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::WorkerGuard;
use uuid::Uuid;

pub(crate) use self::interest::Interest;
use self::staging::{Attention, Phase, Staging, Unsynced};
use self::turn::Shared;
use self::worker::{Worker, start_worker};
use self::writer::Writer;
use crate::consent::Decision;
use crate::error::Result;
use crate::policy::Generation;
use crate::record::Properties;
use crate::store::disk;
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

/// How many events ended in which way. The sum is the number of events offered: those that reached this
/// recorder. Where telemetry is off they do not even get that far, and nothing is counted.
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

/// A frame was made under a policy that is not in force any more, and must be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stale;

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
    /// What happens when there is no room.
    pub(crate) overflow: Overflow,
    /// When lines survive a power cut.
    pub(crate) durability: Durability,
    /// Who is asked whether anything is recorded.
    pub(crate) watch: Watch,
    /// What the answer was at the start.
    pub(crate) start: Start,
    /// Whether events are let in at all. It is shut only where somebody will open it again: a worker.
    pub(crate) is_gate_open: Arc<AtomicBool>,
    /// Who is asked again when that changes.
    pub(crate) interest: Arc<Interest>,
    /// How often what had been collected lost its consent.
    pub(crate) withdrawals: Arc<AtomicU64>,
}

/// What was decided when a recorder starts.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// The decision.
    pub(crate) decision: Decision,
    /// The installation id, where events are recorded.
    pub(crate) installation: Option<Uuid>,
}

/// How a recorder is.
#[derive(Debug, Default)]
pub(crate) struct RecorderState {
    /// Whether events are recorded.
    pub(crate) is_recording: bool,
    /// How many ended in which way.
    pub(crate) counts: Counts,
    /// Why the last write failed, if it did.
    pub(crate) trouble: Option<String>,
    /// As which installation they are recorded.
    pub(crate) installation: Option<Uuid>,
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

    /// Tells whether events are let in at all.
    pub(crate) fn is_gate_open(&self) -> bool {
        self.root
            .shared
            .settings
            .is_gate_open
            .load(Ordering::Relaxed)
    }

    /// Remembers a subscriber that holds a layer of this recorder.
    pub(crate) fn register(&self, subscriber: &tracing::Dispatch) {
        self.root.shared.settings.interest.register(subscriber);
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

    /// Ends the session: writes what is staged and the counts, with what else is to be said at the end, and
    /// waits for the worker's end.
    pub(crate) fn close(&self, also: &Properties, deadline: Instant) {
        // A forked child that recorded nothing has nothing to end.
        let latest = self.latest();
        if latest.process == std::process::id() {
            latest.close(also, deadline);
        }
    }

    /// Returns how it is, after a look at what its owner decided, and that decision.
    pub(crate) fn state(&self) -> (RecorderState, Decision) {
        let shared = &self.core().shared;
        let staging = shared.look(shared.lock());
        let refused = shared.refused.load(Ordering::Relaxed);
        let recording = RecorderState {
            is_recording: staging.installation.is_some() && staging.phase != Phase::Suspended,
            counts: Counts {
                refused,
                ..staging.counts
            },
            trouble: staging
                .trouble
                .as_ref()
                .map(|trouble| trouble.reason.clone()),
            installation: staging.installation,
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
            sync_failure: None,
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
            if staging.phase == Phase::Suspended {
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
            Box::new(Self::start(settings))
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
            Phase::Suspended => return self.offer_suspended(staging, frame, generation),
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
        staging.frames.extend_from_slice(frame);
        staging.staged += 1;
        staging.counts.recorded += 1;
        match staging.attention {
            Attention::Parked => self.call_worker(staging),
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
            (_, Attention::Absent | Attention::Awake | Attention::Called) => {}
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
                Phase::Suspended => false,
                Phase::Closed | Phase::GivenUp => return,
            };
            staging.phase = Phase::Closed;
            let is_worth_it =
                staging.staged > 0 || staging.dropped_unreported > 0 || !also.is_empty();
            if is_recording && is_worth_it {
                let refused = shared.refused.load(Ordering::Relaxed);
                let counts = Counts {
                    refused,
                    ..staging.counts
                };
                staging.report_dropped(&shared.settings);
                staging.stage_own(|out| writer::encode_end(&shared.settings, counts, also, out));
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

/// How many bytes end the worker's lingering: at 1 GB/s the default buffer of 8 MiB would be full after
/// 8 ms, and a timer may be late by as much.
const URGENT_BYTES: usize = 256 * 1024;

/// How long a caller that writes for itself waits for the directory's lock.
const INLINE_WAIT: Duration = Duration::from_millis(20);

/// How long a caller sleeps at a time while it waits for room or for the worker's end.
const ROOM_WAIT: Duration = Duration::from_millis(50);

/// A session record is added to a batch when it is clear which segment takes it: where the system limits
/// the size of files, so much of it stays free.
const SESSION_BYTES_MAX: u64 = 4096;

/// A fork copies the page tables of the process, which takes longer than this even for the smallest one;
/// the first event of a child therefore comes at least this long after the last of its parent's thread.
const FORK_MICROS_LEAST: u64 = 20;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::clock;
    use crate::consent::{Consent, WhenUndecided};
    use crate::draft::Draft;
    use crate::encode::{Loose, Own, encode_loose};
    use crate::environment::Environment;
    use crate::policy::Policy;
    use crate::record::Record;
    use crate::store::disk::{Access, Directory};
    use crate::store::faults::Fault;
    use crate::store::list;

    pub(crate) fn settings(path: &std::path::Path, delivery: Delivery) -> Settings {
        let environment = Environment::made_up("testapp", &[]);
        let answers = (Consent::Undecided, WhenUndecided::Record);
        let source = "testapp".parse().unwrap();
        let mut watch = Watch::new((path, path), &source, &environment, answers, Policy::new());
        let decision = watch.open(clock::now()).unwrap();
        let installation = Some(watch.installation().unwrap().id);
        let start = Start {
            decision,
            installation,
        };
        Settings {
            path: path.to_owned(),
            limits: Limits::default(),
            source: "testapp".to_owned(),
            version: None,
            update: None,
            delivery,
            overflow: Overflow::Drop,
            durability: Durability::Os,
            watch,
            start,
            is_gate_open: Arc::new(AtomicBool::new(true)),
            interest: Arc::default(),
            withdrawals: Arc::default(),
        }
    }

    fn offer(recorder: &Recorder, event: &str) -> Offer {
        let draft = Draft::new(event);
        let mut frame = Vec::new();
        let loose = Loose {
            own: Own::Application,
            level: draft.level,
            source: "testapp",
            target: "testapp",
            event: Some(event),
            message: None,
            properties: &draft.properties,
            policy: None,
        };
        let micros = clock::micros_since_epoch();
        encode_loose(&mut frame, (&Limits::default()).into(), micros, &loose);
        // A pause before it, as a fork makes one.
        std::thread::sleep(Duration::from_micros(FORK_MICROS_LEAST));
        let generation = recorder.root.shared.settings.watch.policy().generation();
        recorder
            .offer(&frame, clock::micros_since_epoch(), generation)
            .unwrap()
    }

    fn records(path: &std::path::Path) -> Vec<Record> {
        let directory = Directory::open(path, Access::Read).unwrap();
        let mut records = Vec::new();
        for segment in list(&directory).unwrap() {
            let bytes = directory
                .read_small(&segment.number.file_name(), 1 << 20)
                .unwrap();
            let lines = bytes.split_inclusive(|byte| *byte == b'\n');
            records.extend(lines.map(|line| Record::parse(line).unwrap()));
        }
        records
    }

    /// Makes the recorder believe that its memory was copied into another process.
    pub(crate) fn fork(recorder: &mut Recorder) {
        recorder.root.process = recorder.root.process.wrapping_add(1);
    }

    #[test]
    fn a_forked_child_records_in_a_session_of_its_own_and_leaves_its_parents_lines_alone() {
        let place = tempfile::TempDir::new().unwrap();
        let path = place.path().join("telemetry");
        let mut recorder = Recorder::start(settings(&path, Delivery::Background));
        assert_eq!(offer(&recorder, "before"), Offer::Recorded);
        recorder
            .flush(Instant::now() + Duration::from_secs(5))
            .unwrap();
        // Staged in the parent's memory, and not written when the fork happens.
        recorder
            .root
            .shared
            .lock()
            .frames
            .extend_from_slice(b"what the parent will write itself");
        fork(&mut recorder);
        assert_eq!(offer(&recorder, "after"), Offer::Recorded);
        assert_eq!(
            recorder.state().0.counts.recorded,
            1,
            "the child counts its own"
        );
        let started = Instant::now();
        recorder.close(
            &Properties::default(),
            Instant::now() + Duration::from_secs(5),
        );
        drop(recorder);
        assert!(
            started.elapsed() < Duration::from_millis(900),
            "it waited for its parent's worker"
        );
        let records = records(&path);
        let events: Vec<&str> = records
            .iter()
            .filter_map(|record| record.event.as_deref())
            .collect();
        assert_eq!(
            events,
            ["session", "before", "session", "after", "session.end"]
        );
        assert_ne!(records[1].session, records[3].session);
        assert_eq!(records[2].seq, 0);
    }

    #[test]
    fn an_idle_worker_is_parked_and_wakes_for_the_next_event() {
        let place = tempfile::TempDir::new().unwrap();
        let path = place.path().join("telemetry");
        let recorder = Recorder::start(settings(&path, Delivery::Background));
        for event in ["first", "second"] {
            assert_eq!(offer(&recorder, event), Offer::Recorded);
            let patience = Instant::now() + Duration::from_secs(5);
            while recorder.root.shared.lock().attention != Attention::Parked {
                assert!(Instant::now() < patience, "the worker never parks");
                std::thread::sleep(Duration::from_millis(1));
            }
            let staging = recorder.root.shared.lock();
            assert_eq!(
                staging.settled, staging.staged,
                "it parks only when all is written"
            );
        }
        assert_eq!(records(&path).len(), 3);
    }

    #[test]
    fn inline_delivery_starts_no_thread_and_writes_before_the_call_returns() {
        let place = tempfile::TempDir::new().unwrap();
        let path = place.path().join("telemetry");
        let recorder = Recorder::start(settings(&path, Delivery::Inline));
        assert!(recorder.root.worker.is_none());
        assert_eq!(offer(&recorder, "alone"), Offer::Recorded);
        assert_eq!(
            records(&path).len(),
            2,
            "it is written when the call returns"
        );
    }

    fn faults(recorder: &Recorder) -> crate::store::faults::Faults {
        recorder
            .root
            .shared
            .lock()
            .writer
            .as_ref()
            .unwrap()
            .faults()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn a_panic_while_writing_ends_neither_the_host_nor_the_recording() {
        let place = tempfile::TempDir::new().unwrap();
        let path = place.path().join("telemetry");
        let recorder = Recorder::start(settings(&path, Delivery::Background));
        faults(&recorder).plan(3, Fault::Panic);
        assert_eq!(offer(&recorder, "kept"), Offer::Recorded);
        let patience = soon();
        while recorder.flush(soon()).is_err() {
            assert!(Instant::now() < patience, "it never recovers");
        }
        assert_eq!(faults_reached(&recorder), 1, "it did panic");
        assert_eq!(offer(&recorder, "later"), Offer::Recorded);
        recorder.close(&Properties::default(), soon());
        let records = records(&path);
        let events: Vec<&str> = records
            .iter()
            .filter_map(|record| record.event.as_deref())
            .collect();
        assert_eq!(events, ["session", "kept", "later", "session.end"]);
    }

    fn faults_reached(recorder: &Recorder) -> usize {
        faults(recorder).reached().len()
    }

    #[test]
    fn a_sync_that_failed_in_the_worker_is_told_by_the_next_flush() {
        for durability in [Durability::EveryBatch, Durability::Interval(Duration::ZERO)] {
            let place = tempfile::TempDir::new().unwrap();
            let path = place.path().join("telemetry");
            let settings = Settings {
                durability,
                ..settings(&path, Delivery::Background)
            };
            let recorder = Recorder::start(settings);
            let faults = faults(&recorder);
            faults.plan(0, Fault::Named("sync", 5));
            assert_eq!(offer(&recorder, "unsafe"), Offer::Recorded);
            let patience = soon();
            while faults.reached().is_empty() {
                assert!(Instant::now() < patience, "the worker never syncs");
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(20));
            faults.lift();
            assert!(
                recorder.flush(soon()).is_err(),
                "{durability:?}: said to be safe"
            );
            assert_eq!(offer(&recorder, "safe"), Offer::Recorded);
            assert!(recorder.flush(soon()).is_ok(), "{durability:?}: told twice");
        }
    }
}
