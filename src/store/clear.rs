//! Clearing: removing segments because a person wants it, while others may be writing.

use std::path::Path;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::head::Held;
use super::latest::Latest;
use super::limits::Limits;
use super::segment::SegmentNumber;
use super::{Removed, Store, list};
use crate::error::Result;

/// Removes the segments below `keep_from`, or all of them if it is absent: then a new head is made first,
/// so that running writers move on and lose nothing.
///
/// # Errors
///
/// An error says what could not be removed; what was declared removed before that stays declared.
pub(crate) fn clear(
    path: &Path,
    keep_from: Option<SegmentNumber>,
    now: OffsetDateTime,
) -> Result<Removed> {
    // Only what is named goes: the limits are the recording application's business.
    let limits = Limits {
        total_bytes_max: u64::MAX,
        age_max: Duration::MAX,
        ..Limits::default()
    };
    let mut store = Store::new(path, limits);
    let (directory, locked) = store.lock(Instant::now() + CLEAR_LOCK_WAIT)?;
    let held = Held {
        directory: &directory,
        locked: &locked,
    };
    let mut found = store.find(held)?;
    let keep_from = if let Some(number) = keep_from {
        number.min(found.extent.head)
    } else {
        let size = store.settle(&directory, found, now)?;
        if size != Some(0) {
            // All that could be said of the segment before goes with it.
            store.rotate(held, found, Latest::Unknown, now)?;
            found = store.find(held)?;
        }
        found.extent.head
    };
    let listed = list(&directory)?;
    let (_, removed, failure) = store.move_floor(held, found.extent, keep_from, &listed)?;
    drop(locked.unlock());
    failure.map_or(Ok(removed), Err)
}

/// How long `clear` waits for the lock: writers hold it for well under a millisecond, so ten seconds mean
/// that a stopped process holds it.
const CLEAR_LOCK_WAIT: Duration = Duration::from_secs(10);
