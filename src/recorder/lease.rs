//! The writer lease: the writer is stored in the staging area, and the thread that takes it out
//! writes the next batch and puts it back. Lines therefore reach the file in the order in which
//! they were staged, whether they are written by the worker, or by a caller that flushes, ends, or
//! delivers inline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frames::of_application;
use super::staging::{Attention, RecorderPhase, Staging};
use super::synced::{ReportedFailures, SyncVerdict};
use super::writer::{Settled, Writer};
use super::{Durability, Settings};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Unlinked;
use crate::record::own::{OwnEvent, consent};
use crate::watch::{Meanwhile, WatchChange};

/// The state that callers and worker share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    pub(super) staging: Mutex<Staging>,
    /// Signalled when a writer lease has ended: there may be room, and lines may be settled.
    pub(super) lease_ended: Condvar,
    /// Number of threads that wait for it. It changes under the lock of `staging`; if it is zero,
    /// the system call for the signal is skipped.
    pub(super) waiting: AtomicUsize,
    /// Signalled when the lingering worker has something to do immediately.
    pub(super) urgent: Condvar,
    pub(super) refused: AtomicU64,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Staging> {
        // A poisoned lock is entered: it guards only counters and whole frames.
        self.staging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait_for_lease<'a>(
        &self,
        staging: MutexGuard<'a, Staging>,
        wait: Duration,
    ) -> MutexGuard<'a, Staging> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let (staging, _) = self
            .lease_ended
            .wait_timeout(staging, wait)
            .unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        staging
    }

    /// Wakes the threads that wait for the end of a lease, given the lock that they wait for.
    pub(super) fn end_lease(&self, _staging: &MutexGuard<'_, Staging>) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.lease_ended.notify_all();
        }
    }

    /// Writes until `ticket` frames are settled.
    ///
    /// # Errors
    ///
    /// Returns an error if some of them could not be written, or were given up.
    pub(super) fn write_until(&self, ticket: u64, deadline: Instant) -> Result<()> {
        let mut staging = self.lock();
        loop {
            if staging.given_up_after.is_some_and(|after| ticket > after) {
                return Err(staging.given_up());
            }
            if staging.settled >= ticket {
                return Ok(());
            }
            let Some(writer) = staging.writer.take() else {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    let bytes_waiting = staging.frames.bytes() + staging.taken_bytes;
                    return Err(ErrorKind::TimedOut { bytes_waiting }.into());
                }
                staging = self.wait_for_lease(staging, left);
                continue;
            };
            let (ended, failure) = self.take_lease(staging, writer, deadline);
            staging = ended;
            if let Some(error) = failure {
                return Err(error);
            }
        }
    }

    /// Writes until `ticket` frames are settled, or counts them as failed. A single refusal may be
    /// temporary, such as for a file that is being moved; several are not.
    pub(super) fn write_or_give_up(&self, ticket: u64, deadline: Instant) {
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
    pub(super) fn take_lease<'a>(
        &'a self,
        mut staging: MutexGuard<'a, Staging>,
        mut writer: Box<Writer>,
        deadline: Instant,
    ) -> (MutexGuard<'a, Staging>, Option<Error>) {
        staging = self.poll_with(staging, &mut writer);
        match staging.phase {
            RecorderPhase::Open | RecorderPhase::Closed => {}
            RecorderPhase::Suspended | RecorderPhase::Withheld | RecorderPhase::GivenUp => {
                staging.writer = Some(writer);
                self.end_lease(&staging);
                let failure = staging.check_is_known().err();
                return (staging, failure);
            }
        }
        if writer.frames_left().is_empty() {
            writer.take(&mut staging.frames);
            staging.taken_bytes = writer.frames_left().len();
            staging.report_dropped(&self.settings);
        }
        drop(staging);
        let settled = catch_unwind(AssertUnwindSafe(|| {
            writer.write_batch(clock::now(), deadline)
        }));
        let Settled {
            frames,
            failure,
            left_unsynced,
            synced,
        } = settled.unwrap_or_else(|_panic| Settled::nothing(panicked()));
        let mut staging = self.lock();
        if let Some(error) = left_unsynced {
            // The segment that was left contains everything written before this batch.
            let covered = staging.settled;
            staging.synced.finish(covered, Err(error));
        }
        staging.settled = (staging.settled + frames).min(staging.staged);
        if staging.phase == RecorderPhase::GivenUp {
            staging.count_failed(of_application(writer.frames_left()));
            writer.forget();
        }
        staging.taken_bytes = writer.frames_left().len();
        staging.writer = Some(writer);
        if staging.attention == Attention::Absent && staging.frames.bytes() == 0 {
            // There may be no other occasion when nothing is left to do.
            staging.frames.shrink();
        }
        staging.note_drained(&self.settings.limits);
        if frames > 0 && self.settings.durability != Durability::Os {
            staging.synced.note_written(Instant::now());
        }
        if let Some(synced) = synced {
            let covered = staging.settled;
            staging.synced.finish(covered, synced);
        }
        match &failure {
            None => staging.trouble = None,
            Some(error) => staging.note_trouble(error),
        }
        self.end_lease(&staging);
        (staging, failure)
    }

    /// Polls the owner's decision, unless another thread has the writer and will poll it.
    pub(super) fn poll_decision<'a>(
        &'a self,
        mut staging: MutexGuard<'a, Staging>,
    ) -> MutexGuard<'a, Staging> {
        let Some(mut writer) = staging.writer.take() else {
            return staging;
        };
        staging = self.poll_with(staging, &mut writer);
        staging.writer = Some(writer);
        self.end_lease(&staging);
        staging
    }

    /// Polls the owner's decision with the given writer, and applies it.
    fn poll_with<'a>(
        &'a self,
        staging: MutexGuard<'a, Staging>,
        writer: &mut Writer,
    ) -> MutexGuard<'a, Staging> {
        drop(staging);
        let change = writer.poll();
        let unreadable = writer.unreadable().map(str::to_owned);
        let mut staging = self.lock();
        staging.unreadable = unreadable;
        match (change, staging.phase) {
            (None, _) | (_, RecorderPhase::Closed | RecorderPhase::GivenUp) => {}
            (Some(WatchChange::Disabled(decision)), _) => {
                let refused = staging.forget(writer);
                self.refused.fetch_add(refused, Ordering::Relaxed);
                self.note_withdrawal();
                self.settings.periods.end();
                staging.dropped_unreported = 0;
                staging.trouble = None;
                staging.decision = decision;
                staging.phase = RecorderPhase::Suspended;
            }
            (Some(WatchChange::Unknown(decision, meanwhile)), _) => {
                if meanwhile == Meanwhile::Decided {
                    self.note_withdrawal();
                }
                staging.decision = decision;
                staging.phase = RecorderPhase::Withheld;
            }
            (Some(WatchChange::Enabled(decision, unlinked, installation, meanwhile)), phase) => {
                if unlinked == Unlinked::Hashes {
                    // They were encoded with the previous key, and would link the sessions.
                    let refused = staging.forget(writer);
                    self.refused.fetch_add(refused, Ordering::Relaxed);
                }
                // Data that was collected while nothing was to be recorded must not be recorded
                // later.
                if phase == RecorderPhase::Suspended || meanwhile == Meanwhile::Decided {
                    self.note_withdrawal();
                }
                if staging.installation != Some(installation.id) {
                    self.note_withdrawal();
                    writer.renew(installation.id);
                }
                staging.installation = Some(installation.id);
                if phase.is_waiting() {
                    let decided_by = decision.decided_by.kind();
                    let properties = consent(decided_by);
                    staging.stage_own(&self.settings, OwnEvent::Consent, &properties);
                }
                staging.decision = decision;
                staging.phase = RecorderPhase::Open;
            }
        }
        if staging.phase == RecorderPhase::GivenUp {
            // Given up while another thread had the writer.
            staging.count_failed(of_application(writer.frames_left()));
            staging.taken_bytes = 0;
            writer.forget();
        }
        staging
    }

    fn note_withdrawal(&self) {
        self.settings.withdrawals.fetch_add(1, Ordering::Release);
        self.settings.periods.begin();
    }

    /// Waits until a sync has finished that began after `ticket` frames were settled; begins one if
    /// none is under way. `reported` contains the failures that flushes had returned when this one
    /// began.
    ///
    /// # Errors
    ///
    /// Returns an error if some of these frames may not survive a power cut, or if that is not
    /// known before the deadline.
    pub(super) fn sync_until(
        &self,
        ticket: u64,
        reported: ReportedFailures,
        deadline: Instant,
    ) -> Result<()> {
        let mut staging = self.lock();
        loop {
            match staging.synced.verdict(ticket, reported) {
                SyncVerdict::Durable => return Ok(()),
                SyncVerdict::Lost(error) => return Err(error),
                SyncVerdict::Pending => {}
            }
            // The thread that has the writer may be syncing these frames.
            if let Some(writer) = staging.writer.take() {
                staging = self.sync_with(staging, writer);
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut { bytes_waiting: 0 }.into());
            }
            staging = self.wait_for_lease(staging, left);
        }
    }

    /// Syncs everything that is written, with the writer that the caller took out, and puts it
    /// back.
    fn sync_with<'a>(
        &'a self,
        staging: MutexGuard<'a, Staging>,
        mut writer: Box<Writer>,
    ) -> MutexGuard<'a, Staging> {
        let covered = staging.settled;
        drop(staging);
        let synced = catch_unwind(AssertUnwindSafe(|| writer.sync()));
        let mut staging = self.lock();
        staging
            .synced
            .finish(covered, synced.unwrap_or_else(|_panic| Err(panicked())));
        staging.writer = Some(writer);
        self.end_lease(&staging);
        staging
    }

    /// Syncs written lines if it is due. A failure is kept for the flushes that it concerns.
    pub(super) fn sync_if_due(&self) {
        let mut staging = self.lock();
        let is_due = staging
            .sync_wait(self.settings.durability)
            .is_some_and(|wait| wait.is_zero());
        if is_due && let Some(writer) = staging.writer.take() {
            drop(self.sync_with(staging, writer));
        }
    }

    /// Counts unwritten frames as failed and removes them; a thread that writes at this moment does
    /// the same with those that it could not write.
    pub(super) fn give_up(&self) {
        let mut staging = self.lock();
        let given_up = self.end_without_writing(&mut staging);
        staging.count_failed(given_up);
    }

    /// Counts waiting events as refused and removes them, because at the end it is unknown whether
    /// they may be written.
    pub(super) fn refuse_waiting(&self, staging: &mut MutexGuard<'_, Staging>) {
        let given_up = self.end_without_writing(staging);
        staging.counts.recorded = staging.counts.recorded.saturating_sub(given_up);
        self.refused.fetch_add(given_up, Ordering::Relaxed);
    }

    /// Removes the waiting frames, and returns the number of their events. They still count as
    /// recorded.
    fn end_without_writing(&self, staging: &mut MutexGuard<'_, Staging>) -> u64 {
        staging.phase = RecorderPhase::GivenUp;
        staging.given_up_after = Some(staging.settled);
        let mut given_up = staging.frames.of_application();
        if let Some(mut writer) = staging.writer.take() {
            given_up = staging.forget(&mut writer);
            staging.counts.recorded += given_up;
            staging.writer = Some(writer);
        }
        staging.frames.clear();
        staging.settled = staging.staged;
        self.end_lease(staging);
        given_up
    }
}

fn panicked() -> Error {
    Error::invalid("the writer", "panicked; this is a bug in localtel")
}

/// The pauses between the last tries to write; a disk that refuses does not delay the end of the
/// program for long.
const CLOSE_PAUSES: [Duration; 3] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(50),
];
