//! All knowledge of what time it is. Everything below takes `now` as an argument; only the edges ask
//! here: the layer for each event, the recorder for each batch, the CLI once for each command. Deadlines are
//! made here as well, since adding to an `Instant` panics where the sum is more than the clock can hold.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

use crate::record::{Timestamp, to_utc};

/// Returns the wall clock's time.
pub(crate) fn now() -> OffsetDateTime {
    let micros = i128::from(micros_since_epoch());
    let now = OffsetDateTime::from_unix_timestamp_nanos(micros * 1000);
    // A clock beyond the years that lines can hold reads as the epoch rather than as a panic.
    now.ok()
        .and_then(to_utc)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

impl Timestamp {
    /// Returns the wall clock's time.
    pub fn now() -> Self {
        Self::of(now())
    }
}

/// Returns the wall clock's time in microseconds since 1970, negative before.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub(crate) fn micros_since_epoch() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)
        }
    }
}

/// Returns the instant at which a wait of that length that begins now is over.
pub(crate) fn deadline(wait: Duration) -> Instant {
    deadline_after(Instant::now(), wait)
}

/// Returns the instant at which a wait of that length that begins at another one is over. A wait that is longer than
/// the clock can hold, such as `Duration::MAX`, is over so late that nothing is there to see it.
pub(crate) fn deadline_after(start: Instant, wait: Duration) -> Instant {
    start.checked_add(wait.min(WAIT_MAX)).unwrap_or(start)
}

/// The longest wait: a hundred years. A longer one is cut to it.
const WAIT_MAX: Duration = Duration::from_hours(100 * 365 * 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_there_for_any_wait() {
        let start = Instant::now();
        for seconds in [0, 1, 3600] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(deadline_after(start, wait) - start, wait);
        }
        for wait in [WAIT_MAX, Duration::from_secs(u64::MAX), Duration::MAX] {
            assert_eq!(deadline_after(start, wait) - start, WAIT_MAX);
            assert!(deadline(wait) > start);
        }
    }
}
