//! All access to the time. Most functions take `now` as an argument; only the edges read the clock
//! here: the layer for each event, the recorder for each batch, the CLI once for each command.
//! Deadlines are computed here as well, since adding to an `Instant` panics if the sum is more than
//! the clock can represent.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

use crate::record::{Timestamp, to_utc};

/// Returns the wall clock's time.
pub(crate) fn now() -> OffsetDateTime {
    let micros = i128::from(micros_since_epoch());
    let now = OffsetDateTime::from_unix_timestamp_nanos(micros * 1000);
    // A clock beyond the years that lines can represent reads as the epoch instead of causing a
    // panic.
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

/// Returns the end of a wait of that length that begins now.
pub(crate) fn deadline(wait: Duration) -> Instant {
    deadline_after(Instant::now(), wait)
}

/// Returns the end of a wait of that length that begins at another instant. A wait that is longer
/// than the clock can represent, such as `Duration::MAX`, is cut to a hundred years.
pub(crate) fn deadline_after(start: Instant, wait: Duration) -> Instant {
    start.checked_add(wait.min(WAIT_MAX)).unwrap_or(start)
}

/// The longest wait: a hundred years.
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
