//! The state of syncs: which written lines survive a power cut. Frames have numbers, their tickets,
//! in the order in which they were staged; this module keeps only bounds on tickets, so that each
//! flush compares its own ticket with those that syncs covered. `lease` runs the syncs.
//!
//! Lines that a failed sync covered never become durable: the operating system may mark its pages
//! as clean after the failure. The failure therefore stays with these tickets, while later ones go
//! to a new segment and are synced there.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// The tickets that syncs covered, and the results.
#[derive(Debug, Default)]
pub(super) struct Synced {
    /// All tickets up to this one are covered by a sync that has finished, successful or not.
    up_to: u64,
    /// The failed syncs, those with the lowest tickets first.
    failures: Vec<FailedSync>,
    /// The highest ticket of the failures that a flush has returned.
    reported_up_to: ReportedFailures,
    /// The time of the first line that no sync has covered.
    unsynced_since: Option<Instant>,
}

/// A failed sync, with the tickets that it covered.
#[derive(Debug)]
struct FailedSync {
    /// The last ticket before those covered.
    after: u64,
    /// The last ticket covered.
    up_to: u64,
    error: Error,
}

/// The failures that a flush has returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReportedFailures(u64);

/// The possible result of a flush of everything up to a ticket.
#[derive(Debug)]
pub(super) enum SyncVerdict {
    /// All lines survive a power cut.
    Durable,
    /// Some lines may not.
    Lost(Error),
    /// A sync must begin, or finish, first.
    Pending,
}

impl Synced {
    /// Returns the failures that flushes have returned so far: a flush that begins now returns all
    /// later ones that concern it.
    pub(super) fn reported(&self) -> ReportedFailures {
        self.reported_up_to
    }

    /// Returns the result of a flush of everything up to `ticket` that began when the failures in
    /// `reported` had been returned.
    ///
    /// A failure concerns each flush whose ticket it covers, each flush that was under way, and, if
    /// none has returned it, the next flush.
    pub(super) fn verdict(&mut self, ticket: u64, reported: ReportedFailures) -> SyncVerdict {
        let concerns = |failure: &&FailedSync| {
            failure.after < ticket
                && (ticket <= failure.up_to || ReportedFailures(failure.up_to) > reported)
        };
        if let Some(failure) = self.failures.iter().rfind(concerns) {
            self.reported_up_to = self.reported_up_to.max(ReportedFailures(failure.up_to));
            return SyncVerdict::Lost(failure.error.clone());
        }
        if ticket <= self.up_to {
            SyncVerdict::Durable
        } else {
            SyncVerdict::Pending
        }
    }

    /// Records that lines were written that no sync covers yet.
    pub(super) fn note_written(&mut self, now: Instant) {
        self.unsynced_since.get_or_insert(now);
    }

    /// Records the result of a sync of everything up to `covered`.
    pub(super) fn finish(&mut self, covered: u64, result: Result<()>) {
        self.unsynced_since = None;
        if let Err(error) = result
            && covered > self.up_to
        {
            if self.failures.len() == FAILURES_MAX {
                // The two oldest failures become one, which also covers the tickets between them.
                let oldest = self.failures.remove(0);
                if let Some(next) = self.failures.first_mut() {
                    next.after = oldest.after;
                }
            }
            self.failures.push(FailedSync {
                after: self.up_to,
                up_to: covered,
                error,
            });
        }
        self.up_to = self.up_to.max(covered);
    }

    /// Returns `true` if a sync has covered everything that was written.
    pub(super) fn is_complete(&self) -> bool {
        self.unsynced_since.is_none()
    }

    /// Returns the time until a sync must begin so that each line is covered `interval` after it
    /// was written.
    pub(super) fn wait(&self, interval: Duration, now: Instant) -> Option<Duration> {
        let since = self.unsynced_since?;
        // An interval beyond the range of the clock never ends.
        let due = since.checked_add(interval);
        Some(due.map_or(Duration::MAX, |due| due.saturating_duration_since(now)))
    }
}

/// The maximal number of failures that are kept separately.
const FAILURES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Result<()> {
        Err(Error::invalid("sync", "failed"))
    }

    fn verdict_word(synced: &mut Synced, ticket: u64, reported: ReportedFailures) -> &'static str {
        match synced.verdict(ticket, reported) {
            SyncVerdict::Durable => "durable",
            SyncVerdict::Lost(_) => "lost",
            SyncVerdict::Pending => "pending",
        }
    }

    #[test]
    fn a_flush_is_durable_only_after_a_sync_that_covers_it() {
        let mut synced = Synced::default();
        let reported = synced.reported();
        assert_eq!(verdict_word(&mut synced, 0, reported), "durable");
        assert_eq!(verdict_word(&mut synced, 3, reported), "pending");
        synced.finish(2, Ok(()));
        assert_eq!(verdict_word(&mut synced, 2, reported), "durable");
        assert_eq!(verdict_word(&mut synced, 3, reported), "pending");
    }

    #[test]
    fn a_failure_stays_with_the_tickets_that_it_covered() {
        let mut synced = Synced::default();
        synced.finish(2, Ok(()));
        synced.finish(5, failed());
        for _ in 0..3 {
            let reported = synced.reported();
            assert_eq!(verdict_word(&mut synced, 5, reported), "lost");
            assert_eq!(verdict_word(&mut synced, 3, reported), "lost");
            assert_eq!(verdict_word(&mut synced, 2, reported), "durable");
        }
        synced.finish(6, Ok(()));
        let reported = synced.reported();
        assert_eq!(verdict_word(&mut synced, 6, reported), "durable");
        assert_eq!(verdict_word(&mut synced, 5, reported), "lost");
    }

    #[test]
    fn a_failure_that_no_flush_returned_is_returned_by_the_next() {
        let mut synced = Synced::default();
        synced.finish(5, failed());
        synced.finish(6, Ok(()));
        let (first, second) = (synced.reported(), synced.reported());
        assert_eq!(verdict_word(&mut synced, 6, first), "lost");
        assert_eq!(
            verdict_word(&mut synced, 6, second),
            "lost",
            "it was under way"
        );
        let third = synced.reported();
        assert_eq!(verdict_word(&mut synced, 6, third), "durable");
    }

    #[test]
    fn endless_failures_take_bounded_memory_and_are_returned() {
        let mut synced = Synced::default();
        let reported = synced.reported();
        for round in 0..100 {
            synced.finish(2 * round + 1, failed());
            synced.finish(2 * round + 2, Ok(()));
        }
        assert_eq!(synced.failures.len(), FAILURES_MAX);
        for ticket in 1..=200 {
            assert_eq!(verdict_word(&mut synced, ticket, reported), "lost");
        }
    }
}
