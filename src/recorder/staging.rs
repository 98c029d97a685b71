//! What waits in memory, and what is known of writing it. Values behind one lock, which is held only to
//! copy a line or to look; who takes the lock and the writer lease is `lease`'s business.

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

/// What waits in memory.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) frames: Frames,
    /// Bytes that the writer took out and has not written yet.
    pub(super) taken_bytes: usize,
    /// How many frames were ever staged, and how many of them are written or given up.
    pub(super) staged: u64,
    pub(super) settled: u64,
    pub(super) counts: Counts,
    pub(super) dropped_unreported: u64,
    /// Nothing while somebody has the writer lease.
    pub(super) writer: Option<Box<Writer>>,
    pub(super) trouble: Option<Trouble>,
    /// Why the last look could not read what the owner decided, if it could not.
    pub(super) unreadable: Option<String>,
    pub(super) synced: Synced,
    /// The frames above this ticket were given up, if any were.
    pub(super) given_up_after: Option<u64>,
    /// Since when the buffer has been full, or nearly: until half of it is free again.
    pub(super) full_since: Option<Instant>,
    pub(super) attention: Attention,
    pub(super) phase: RecorderPhase,
    /// What was decided when it was last looked at, and as which installation events are recorded.
    pub(super) decision: Decision,
    pub(super) installation: Option<Uuid>,
}

/// Why nothing could be written the last time.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) cause: Cause,
    pub(super) reason: String,
    pub(super) since: Instant,
    pub(super) retry_at: Instant,
    pub(super) pause: Duration,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody else holds the directory's lock; it should not take long.
    Busy,
    /// The disk or the directory refuses; it may take for ever.
    Refused,
}

/// What the worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attention {
    /// There is none, or it has ended.
    Absent,
    /// It waits for a wakeup.
    Parked,
    /// Has nothing to do, and looks twice a second whether the owner lets in more than before: of what is shut
    /// out no wakeup is sent.
    Dozing,
    /// It writes, or lingers for what comes next.
    Awake,
    /// As awake, and it has been told to stop lingering.
    Called,
}

/// Whether events are still taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecorderPhase {
    Open,
    /// Not now: nothing may be recorded until somebody decides otherwise.
    Suspended,
    /// Not now: what the owner decided could not be read for too long. What was staged before waits until it can.
    Withheld,
    Closed,
    /// As closed, and what is not written by now never will be.
    GivenUp,
}

impl RecorderPhase {
    /// Returns `true` if nothing is recorded until a look at what the owner decided says otherwise.
    pub(super) fn is_waiting(self) -> bool {
        match self {
            Self::Suspended | Self::Withheld => true,
            Self::Open | Self::Closed | Self::GivenUp => false,
        }
    }
}

impl Staging {
    /// Returns an error if what the owner decided is not known any more, so that nothing may be written.
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

    /// Returns whether the session has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.phase == RecorderPhase::Open || self.phase.is_waiting()
    }

    /// Stages a record of our own; a few hundred bytes that the bound does not count.
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

    /// Returns how many events wait, at most.
    pub(super) fn waiting(&self) -> u64 {
        match &self.writer {
            Some(writer) => self.frames.of_application() + of_application(writer.frames_left()),
            // What somebody is writing at this moment may be in the file or not.
            None => self.staged - self.settled,
        }
    }

    /// Returns `true` if all that was offered is one event, in a line that says the rest of its session, too.
    pub(super) fn is_all_said(&self, also: &Properties) -> bool {
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

    /// Forgets what waits, and returns how many events that were.
    pub(super) fn forget(&mut self, writer: &mut Writer) -> u64 {
        let count = self.frames.of_application() + of_application(writer.frames_left());
        self.frames.clear();
        writer.forget();
        self.taken_bytes = 0;
        self.settled = self.staged;
        self.counts.recorded = self.counts.recorded.saturating_sub(count);
        count
    }

    /// Counts events that were to be recorded as failed.
    pub(super) fn count_failed(&mut self, count: u64) {
        self.counts.recorded = self.counts.recorded.saturating_sub(count);
        self.counts.failed += count;
    }

    /// Returns what to say of frames that were given up.
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

    /// Returns `true` if a worker is there that may make room, and nothing is known to keep it from that.
    pub(super) fn has_writing_worker(&self) -> bool {
        self.phase == RecorderPhase::Open
            && self.trouble.is_none()
            && self.attention != Attention::Absent
    }

    /// Notes that something was written.
    pub(super) fn note_drained(&mut self, limits: &Limits) {
        if self.frames.bytes() + self.taken_bytes <= limits.buffer_bytes_max / 2 {
            self.full_since = None;
        }
    }

    /// Returns `true` if waiting for room makes sense: while the disk takes lines, and for a while after
    /// somebody else took the lock.
    pub(super) fn is_worth_waiting(&self) -> bool {
        match &self.trouble {
            None => true,
            Some(trouble) => trouble.cause == Cause::Busy && trouble.since.elapsed() < PATIENCE,
        }
    }

    /// Returns how long it may still take until lines must survive a power cut.
    pub(super) fn sync_wait(&self, durability: Durability) -> Option<Duration> {
        match durability {
            Durability::Os | Durability::EveryBatch => None,
            Durability::Interval(interval) => self.synced.wait(interval, Instant::now()),
        }
    }

    /// Returns how long the worker waits before it looks again.
    pub(super) fn pause(&self, durability: Durability) -> Duration {
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

/// How long the worker waits for more before it parks. Above 200 events a second no caller pays for a
/// wake-up, which costs some microseconds; below that, an idle program has no timer running.
pub(super) const LINGER: Duration = Duration::from_millis(5);

/// How often the worker looks for events while only a sync is left to do.
pub(super) const SYNC_LOOK: Duration = Duration::from_millis(100);

/// How long a caller that asked for it waits for room while somebody else holds the directory's lock: far
/// longer than any healthy process holds it, and bearable for a host.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The first and the longest pause after a failed write.
pub(super) const RETRY_LEAST: Duration = Duration::from_millis(100);
pub(super) const RETRY_MOST: Duration = Duration::from_secs(5);
