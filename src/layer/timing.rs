//! The time of a span: how long it was open, and in how much of it a thread was inside of it. The
//! layer reads the clock.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::encode::SpanTimes;
use crate::recorder::Period;

/// The time of an open span. It takes no lock: in a forked child a thread that no longer exists may
/// hold it.
#[derive(Debug)]
pub(super) struct SpanClock {
    opened: Instant,
    /// The period in which it was opened, if events were recorded then.
    pub(super) period: Option<Period>,
    /// Number of threads that are in the span.
    threads: AtomicU32,
    /// The nanoseconds, since it was opened, at which the last of several threads left it, less
    /// those at which the first of them entered it, summed up: the order of the additions does not
    /// matter.
    busy_nanos: AtomicI64,
}

impl SpanClock {
    /// Begins when the span is opened.
    pub(super) fn start(opened: Instant, period: Option<Period>) -> Self {
        Self {
            opened,
            period,
            threads: AtomicU32::new(0),
            busy_nanos: AtomicI64::new(0),
        }
    }

    /// A thread enters the span, in which it was not before.
    pub(super) fn enter(&self, now: Instant) {
        if self.threads.fetch_add(1, Ordering::AcqRel) == 0 {
            self.busy_nanos
                .fetch_sub(self.nanos_until(now), Ordering::AcqRel);
        }
    }

    /// A thread leaves the span, in which it was.
    pub(super) fn exit(&self, now: Instant) {
        if self.threads.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.busy_nanos
                .fetch_add(self.nanos_until(now), Ordering::AcqRel);
        }
    }

    /// Returns the times of a span that is closed now. A thread that did not leave it was in it
    /// until now.
    pub(super) fn times_at(&self, now: Instant) -> SpanTimes {
        let total = self.nanos_until(now);
        let is_entered = self.threads.load(Ordering::Acquire) > 0;
        let entered_until_now = if is_entered { total } else { 0 };
        let busy = self.busy_nanos.load(Ordering::Acquire) + entered_until_now;
        let duration = |nanos: i64| Duration::from_nanos(nanos.unsigned_abs());
        SpanTimes {
            total: duration(total),
            busy: duration(busy.clamp(0, total)),
        }
    }

    /// Returns the nanoseconds since the span was opened: at most 292 years.
    fn nanos_until(&self, now: Instant) -> i64 {
        let nanos = now.saturating_duration_since(self.opened).as_nanos();
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&SpanClock, Instant);

    /// Runs changes at milliseconds since the span was opened, and returns its total and busy
    /// milliseconds.
    fn times(changes: &[(Change, u64)], closed: u64) -> (u128, u128) {
        let opened = Instant::now();
        let clock = SpanClock::start(opened, None);
        for (change, at) in changes {
            change(&clock, opened + Duration::from_millis(*at));
        }
        let times = clock.times_at(opened + Duration::from_millis(closed));
        (times.total.as_millis(), times.busy.as_millis())
    }

    const IN: Change = SpanClock::enter;
    const OUT: Change = SpanClock::exit;

    #[test]
    fn a_span_is_busy_while_a_thread_is_in_it() {
        assert_eq!(times(&[], 10), (10, 0));
        assert_eq!(times(&[(IN, 2), (OUT, 5)], 10), (10, 3));
        assert_eq!(times(&[(IN, 2), (OUT, 5), (IN, 6), (OUT, 9)], 10), (10, 6));
    }

    #[test]
    fn time_of_several_threads_at_once_counts_once() {
        let overlapping = [(IN, 1), (IN, 2), (OUT, 3), (OUT, 6)];
        assert_eq!(times(&overlapping, 10), (10, 5));
        let nested = [(IN, 1), (IN, 2), (IN, 3), (OUT, 4), (OUT, 5), (OUT, 9)];
        assert_eq!(times(&nested, 10), (10, 8));
    }

    #[test]
    fn a_span_that_closes_while_entered_was_busy_until_then() {
        assert_eq!(times(&[(IN, 4)], 10), (10, 6));
        assert_eq!(times(&[(IN, 1), (IN, 4), (OUT, 5)], 10), (10, 9));
    }

    #[test]
    fn instants_in_the_wrong_order_give_no_negative_time() {
        // Two threads may read the clock in one order, and take turns in the other.
        assert_eq!(times(&[(IN, 5), (OUT, 4)], 10), (10, 0));
        assert_eq!(times(&[(IN, 0), (OUT, 12)], 10), (10, 10));
    }
}
