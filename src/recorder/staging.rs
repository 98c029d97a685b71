//! The frames that wait in memory, and the state of writing them. All values are behind one lock,
//! which is held only to copy a line or to read the state; `lease` decides which thread takes the
//! lock and the writer lease.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::frames::{Frames, of_application};
use super::own::own_frame;
use super::synced::Synced;
use super::writer::Writer;
use super::{Counts, Durability, Settings};
use crate::clock;
use crate::consent::Decision;
use crate::error::{Error, ErrorKind, Result};
use crate::record::Properties;
use crate::record::own::{OwnEvent, dropped};
use crate::store::limits::Limits;

/// The staged frames, with the state of the session.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) frames: Frames,
    /// Bytes that the writer took and has not written yet.
    pub(super) taken_bytes: usize,
    /// Number of frames that were ever staged, and of those that are written or given up.
    pub(super) staged: u64,
    pub(super) settled: u64,
    pub(super) counts: Counts,
    pub(super) dropped_unreported: u64,
    /// The writer; `None` while a thread has the writer lease.
    pub(super) writer: Option<Box<Writer>>,
    pub(super) trouble: Option<Trouble>,
    /// The reason why the last poll could not read the owner's decision, if it could not.
    pub(super) unreadable: Option<String>,
    pub(super) synced: Synced,
    /// The last ticket before the frames that were given up, if any were.
    pub(super) given_up_after: Option<u64>,
    /// The time since when the buffer has been full, or nearly so: until half of it is free again.
    pub(super) full_since: Option<Instant>,
    pub(super) attention: Attention,
    pub(super) phase: RecorderPhase,
    /// The last decision that was read, and the installation as which events are recorded.
    pub(super) decision: Decision,
    pub(super) installation: Option<Uuid>,
}

/// The reason why nothing could be written the last time.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) cause: Cause,
    pub(super) reason: String,
    pub(super) since: Instant,
    pub(super) retry_at: Instant,
    pub(super) pause: Duration,
}

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Another process or thread holds the directory's lock, which should not take long.
    Busy,
    /// The disk or the directory refuses, possibly for ever.
    Refused,
}

/// The state of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attention {
    /// There is no worker, or it has ended.
    Absent,
    /// It waits for a wakeup.
    Parked,
    /// It has nothing to do, and checks twice a second whether the owner admits more than before:
    /// events that are filtered out send no wakeup.
    Dozing,
    /// It writes, or lingers for the next events.
    Awake,
    /// It is awake, and was requested to stop lingering.
    Called,
}

/// Whether events are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecorderPhase {
    Open,
    /// Not now: nothing may be recorded until the decision changes.
    Suspended,
    /// Not now: the owner's decision could not be read for too long. Frames that were staged before
    /// wait until it can be read.
    Withheld,
    Closed,
    /// Closed, and unwritten frames are never written.
    GivenUp,
}

impl RecorderPhase {
    /// Returns `true` if nothing is recorded until a poll of the owner's decision permits it.
    pub(super) fn is_waiting(self) -> bool {
        match self {
            Self::Suspended | Self::Withheld => true,
            Self::Open | Self::Closed | Self::GivenUp => false,
        }
    }
}

impl Staging {
    /// Returns an error if the owner's decision is no longer known, so that nothing may be written.
    pub(super) fn check_is_known(&self) -> Result<()> {
        if self.phase == RecorderPhase::Withheld {
            let reason = self.decision.reason();
            return Err(ErrorKind::Off { reason }.into());
        }
        Ok(())
    }

    pub(super) fn has_room(&self, frame_bytes: usize, limits: &Limits) -> bool {
        self.frames.bytes() + self.taken_bytes + frame_bytes <= limits.buffer_bytes_max
    }

    /// Returns `true` if the session has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.phase == RecorderPhase::Open || self.phase.is_waiting()
    }

    /// Stages an internal record, of a few hundred bytes that the bound does not count.
    pub(super) fn stage_own(
        &mut self,
        settings: &Settings,
        event: OwnEvent,
        properties: &Properties,
    ) {
        let micros = clock::micros_since_epoch();
        self.frames
            .push(&own_frame(settings, event, properties, micros));
        self.staged += 1;
    }

    pub(super) fn report_dropped(&mut self, settings: &Settings) {
        let count = std::mem::take(&mut self.dropped_unreported);
        if count == 0 {
            return;
        }
        let reason = match &self.trouble {
            Some(trouble) => trouble.reason.clone(),
            None => "the buffer in memory was full".to_owned(),
        };
        self.stage_own(settings, OwnEvent::Dropped, &dropped(count, &reason));
    }

    pub(super) fn note_trouble(&mut self, error: &Error) {
        let cause = if matches!(error.kind(), ErrorKind::Busy { .. }) {
            Cause::Busy
        } else {
            Cause::Refused
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
            retry_at: clock::deadline_after(now, pause),
            pause,
        });
    }

    /// Returns the maximal number of events that wait.
    pub(super) fn waiting(&self) -> u64 {
        match &self.writer {
            Some(writer) => self.frames.of_application() + of_application(writer.frames_left()),
            // Lines that a thread is writing at this moment may or may not be in the file.
            None => self.staged - self.settled,
        }
    }

    /// Returns `true` if a single event was offered, whose line also contains the facts of its
    /// session.
    pub(super) fn is_one_line_session(&self, also: &Properties) -> bool {
        let one = Counts {
            recorded: 1,
            ..Counts::default()
        };
        self.counts == one
            && self.dropped_unreported == 0
            && also.is_empty()
            && self.settled == self.staged
            && self
                .writer
                .as_ref()
                .is_some_and(|writer| writer.has_ended())
    }

    /// Removes the waiting frames, and returns the number of their events.
    pub(super) fn forget(&mut self, writer: &mut Writer) -> u64 {
        let count = self.frames.of_application() + of_application(writer.frames_left());
        self.frames.clear();
        writer.forget();
        self.taken_bytes = 0;
        self.settled = self.staged;
        self.counts.recorded = self.counts.recorded.saturating_sub(count);
        count
    }

    /// Counts accepted events as failed.
    pub(super) fn count_failed(&mut self, count: u64) {
        self.counts.recorded = self.counts.recorded.saturating_sub(count);
        self.counts.failed += count;
    }

    /// Returns the error for frames that were given up.
    pub(super) fn given_up(&self) -> Error {
        let why = match &self.trouble {
            Some(trouble) => &trouble.reason,
            None => "there was no time left",
        };
        let reason = format!("the session ended before everything was written: {why}");
        ErrorKind::Off { reason }.into()
    }

    /// Returns `true` if it is time to write, or to try again.
    pub(super) fn is_due(&self) -> bool {
        self.trouble
            .as_ref()
            .is_none_or(|trouble| trouble.retry_at <= Instant::now())
    }

    /// Returns `true` if there is a worker that may make room, and no known failure prevents it.
    pub(super) fn has_writing_worker(&self) -> bool {
        self.phase == RecorderPhase::Open
            && self.trouble.is_none()
            && self.attention != Attention::Absent
    }

    /// Records that something was written.
    pub(super) fn note_drained(&mut self, limits: &Limits) {
        if self.frames.bytes() + self.taken_bytes <= limits.buffer_bytes_max / 2 {
            self.full_since = None;
        }
    }

    /// Returns `true` if it makes sense to wait for room: while the disk takes lines, and for a
    /// limited time after another process took the lock.
    pub(super) fn is_worth_waiting(&self) -> bool {
        match &self.trouble {
            None => true,
            Some(trouble) => trouble.cause == Cause::Busy && trouble.since.elapsed() < PATIENCE,
        }
    }

    /// Returns the time until lines must survive a power cut.
    pub(super) fn sync_wait(&self, durability: Durability) -> Option<Duration> {
        match durability {
            Durability::Os | Durability::EveryBatch => None,
            Durability::Interval(interval) => self.synced.wait(interval, Instant::now()),
        }
    }

    /// Returns the time that the worker waits before its next check.
    pub(super) fn pause(&self, durability: Durability) -> Duration {
        if let Some(trouble) = &self.trouble {
            return trouble.retry_at.saturating_duration_since(Instant::now());
        }
        let is_idle = self.settled == self.staged;
        match self.sync_wait(durability) {
            // Only a sync is left to do; events that arrive in between are still polled for.
            Some(wait) if is_idle => wait.min(SYNC_POLL),
            Some(_) | None => LINGER,
        }
    }
}

/// The time that the worker waits for more events before it parks. Above 200 events a second no
/// caller pays for a wakeup, which costs some microseconds; below that, an idle program has no
/// timer running.
pub(super) const LINGER: Duration = Duration::from_millis(5);

/// The interval at which the worker polls for events while only a sync is left to do.
pub(super) const SYNC_POLL: Duration = Duration::from_millis(100);

/// The time that a caller, if the application chose so, waits for room while another process holds
/// the directory's lock: far longer than any healthy process holds it, and acceptable to an
/// application.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The shortest and the longest pause after a failed write.
pub(super) const RETRY_LEAST: Duration = Duration::from_millis(100);
pub(super) const RETRY_MOST: Duration = Duration::from_secs(5);
