//! All knowledge of what time it is. Everything below takes `now` as an argument; only the edges ask
//! here: the layer for each event, the recorder for each batch, the CLI once for each command.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// Returns the wall clock's time.
pub(crate) fn now() -> OffsetDateTime {
    let micros = i128::from(micros_since_epoch());
    // A clock beyond the years that lines can hold reads as the epoch rather than as a panic.
    OffsetDateTime::from_unix_timestamp_nanos(micros * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Returns the wall clock's time in microseconds since 1970, negative before.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub(crate) fn micros_since_epoch() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs())
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000_000))
            .map_or(i64::MAX, |micros| {
                micros.saturating_add(since.subsec_micros().into())
            }),
        Err(before) => {
            i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)
        }
    }
}
