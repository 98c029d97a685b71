//! The periods in which events may be recorded: what began in one and ends in another, or between
//! two, is not recorded, since consent was withdrawn or the installation replaced in between.

use std::sync::atomic::{AtomicU64, Ordering};

/// The periods of a recorder, and of those of processes that were forked from its process.
#[derive(Debug)]
pub(crate) struct Periods {
    /// The number of the latest period, or of the pause after it: periods have even numbers, and
    /// pauses odd ones.
    latest: AtomicU64,
}

/// A period in which events may be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period(u64);

impl Period {
    /// The only period of a process without a recorder.
    pub(crate) const ONLY: Self = Self(0);
}

impl Periods {
    /// Begins with a period or, while nothing may be recorded, with a pause.
    pub(crate) fn starting(is_recording: bool) -> Self {
        Self {
            latest: AtomicU64::new(u64::from(!is_recording)),
        }
    }

    /// Returns the current period, if events may be recorded.
    pub(crate) fn current(&self) -> Option<Period> {
        let latest = self.latest.load(Ordering::Acquire);
        latest.is_multiple_of(2).then_some(Period(latest))
    }

    /// Begins another period.
    pub(super) fn begin(&self) {
        self.advance(|latest| (latest + 2) & !1);
    }

    /// Ends the current period: a pause follows.
    pub(super) fn end(&self) {
        self.advance(|latest| (latest + 1) | 1);
    }

    fn advance(&self, next: impl Fn(u64) -> u64) {
        let next = |latest| Some(next(latest));
        let _before = self
            .latest
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_never_that_before_a_change() {
        let periods = Periods::starting(true);
        let mut before = vec![periods.current()];
        for change in [Periods::begin, Periods::end, Periods::begin, Periods::begin] {
            change(&periods);
            let now = periods.current();
            assert!(!before.contains(&now), "{before:?} {now:?}");
            before.push(now);
        }
    }

    #[test]
    fn while_nothing_may_be_recorded_there_is_no_period() {
        let periods = Periods::starting(false);
        assert_eq!(periods.current(), None);
        periods.end();
        assert_eq!(periods.current(), None);
        periods.begin();
        assert!(periods.current().is_some());
    }
}
