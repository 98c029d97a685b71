//! Clearing: removing segments at a user's request, while others may be writing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::age::Now;
use super::disk::{Access, Directory};
use super::head::Held;
use super::latest::{Latest, latest_between};
use super::limits::Limits;
use super::segment::{SegmentForm, SegmentNumber};
use super::segment_file::SegmentFile;
use super::{Removed, Store, is_lack_of_room, list, open_error};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};

/// The segments to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clearing {
    /// All of them.
    All,
    /// Those below that number, and never the head.
    Below(SegmentNumber),
    /// Those below that number, and also the one of that number if all of its records are older
    /// than the time.
    UpTo(SegmentNumber, OffsetDateTime),
}

/// Removes segments. Where the head is one of them, a new head is created first, so that running
/// writers move on and lose nothing. Where there is no room for a new head, none is created.
///
/// # Errors
///
/// Returns an error if something could not be removed; segments declared removed before that remain
/// so.
pub(crate) fn clear(path: &Path, clearing: Clearing, now: Now) -> Result<Removed> {
    let opened = Directory::open(path, Access::Write);
    let directory = opened.map_err(|error| open_error(path, error))?;
    clear_in(&Arc::new(directory), clearing, now)
}

/// The same in a directory that is open.
pub(super) fn clear_in(
    directory: &Arc<Directory>,
    clearing: Clearing,
    now: Now,
) -> Result<Removed> {
    // Only the named segments are removed: the limits are up to the recording application.
    let limits = Limits {
        total_bytes_max: u64::MAX,
        age_max: Duration::MAX,
        ..Limits::default()
    };
    let mut store = Store::new(directory.path(), limits).opened(Some(Arc::clone(directory)));
    let (directory, locked) = store.lock(clock::deadline(CLEAR_LOCK_WAIT))?;
    let held = Held {
        directory: &directory,
        locked: &locked,
    };
    let keep_from = match clearing {
        Clearing::All => None,
        Clearing::Below(number) => Some(number),
        Clearing::UpTo(number, time) if !is_all_before(&directory, number, time) => Some(number),
        Clearing::UpTo(number, _) => {
            let head = store.find(held)?.extent.head;
            // Another process may have closed it since it was read.
            (number < head).then_some(number.next())
        }
    };
    let removed = match keep_from {
        Some(number) => clear_below(&mut store, held, number),
        None => match clear_all(&mut store, held, now) {
            Err(error) if is_for_want_of_room(&error) => {
                clear_without_a_head(&mut store, held).map_err(|_| error)
            }
            cleared => cleared,
        },
    };
    drop(locked.unlock());
    removed
}

/// Removes the segments below that one, and never the head.
fn clear_below(store: &mut Store, held: Held<'_>, number: SegmentNumber) -> Result<Removed> {
    let found = store.find(held)?;
    let listed = list(held.directory)?;
    let keep_from = number.min(found.extent.head);
    store.move_floor(held, found.extent, keep_from, &listed)
}

/// Creates a new head, unless the current one is empty, and removes the segments below it.
fn clear_all(store: &mut Store, held: Held<'_>, now: Now) -> Result<Removed> {
    let found = store.find(held)?;
    if store.settle(held.directory, found, now)? != Some(0) {
        // The segment before is removed, too, so its latest time is not needed.
        store.rotate(held, found, Latest::Unknown, now)?;
    }
    let head = store.find(held)?.extent.head;
    clear_below(store, held, head)
}

/// Removes everything, including the head, which needs neither a free inode nor a free block. The
/// cache remembers its number, so that the next writer creates the one after it.
fn clear_without_a_head(store: &mut Store, held: Held<'_>) -> Result<Removed> {
    let directory = held.directory;
    let found = store.find(held)?;
    let listed = list(directory)?;
    for segment in &listed {
        // A process that has it open keeps it until its next append: its contents are removed now.
        // If it cannot be truncated, they are removed then.
        for form in SegmentForm::ALL {
            if let Ok((file, facts)) = directory.open_append(&form.name_of(segment.number))
                && facts.is_ours()
            {
                drop(directory.cut(&file, 0));
            }
        }
    }
    let above = found.extent.head.next();
    store.move_floor(held, found.extent, above, &listed)
}

/// Returns `true` if no record of a segment has that time or a later one: it was read before the
/// lock was taken, and records may have been added since.
fn is_all_before(directory: &Directory, number: SegmentNumber, time: OffsetDateTime) -> bool {
    let Ok((file, bytes)) = SegmentFile::open(directory, number) else {
        return false;
    };
    let latest = file
        .bytes_or(bytes, directory)
        .and_then(|bytes| latest_between(directory, &file, (0, bytes), |_| true));
    match latest {
        Ok(Latest::At(latest)) => latest.to_moment().is_some_and(|latest| latest < time),
        Ok(Latest::Nothing) => true,
        Ok(Latest::Unknown) | Err(_) => false,
    }
}

fn is_for_want_of_room(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io { source, .. } if is_lack_of_room(source))
}

/// The time for which `clear` waits for the lock: writers hold it for well under a millisecond, so
/// after ten seconds a stopped process holds it.
const CLEAR_LOCK_WAIT: Duration = Duration::from_secs(10);
