//! The head: finding the highest segment, moving on to the next, and making room for it. Everything
//! here happens under the lock. `store` itself appends to the head.

use std::fs::File;
use std::io;

use time::OffsetDateTime;

use super::age::{AgeStart, Now, is_ahead, is_older};
use super::disk::{self, Directory, Facts};
use super::latest::{Latest, read_back};
use super::lock::{Extent, Locked};
use super::segment::{FileName, SegmentNumber};
use super::segment_file::SegmentFile;
use super::{
    Active, Leaving, NameDurability, SIZE_UNKNOWN, Soundness, Store, WriteReason, first_timestamp,
    numbers, sync_segment,
};
use crate::error::{Error, Result};

/// Head and floor, and the number of the next segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocatedHead {
    pub(super) extent: Extent,
    /// One above the head, or the first number if there never was a segment.
    pub(super) next: SegmentNumber,
    pub(super) by: FoundBy,
}

/// The way in which head and floor were found.
#[derive(Debug, Clone, Copy)]
pub(super) enum FoundBy {
    /// By the cache, which agrees with the directory: this file has the head's name.
    Cache(Facts),
    /// By a listing of the directory, which the cache does not agree with.
    Listing,
    /// Not found: a listing contains no segment, and no number is remembered.
    Nothing,
}

/// A directory whose lock is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held<'a> {
    pub(super) directory: &'a Directory,
    pub(super) locked: &'a Locked,
}

impl Active {
    /// Returns the state of a segment that this writer has just opened.
    fn opened(
        number: SegmentNumber,
        (file, facts): (File, Facts),
        first: Option<OffsetDateTime>,
        start: AgeStart,
        now: Now,
    ) -> Self {
        Self {
            number,
            file,
            id: facts.id,
            bytes: SIZE_UNKNOWN,
            others_bytes: facts.bytes,
            first,
            start,
            opened: now,
            origin: WriteReason::Usual,
            condition: Soundness::Sound,
            name: NameDurability::Unsynced,
            cuts: 0,
            latest: Latest::Unknown,
            latest_before: Latest::Unknown,
        }
    }
}

impl Store {
    /// Finds head and floor: in the cache if it agrees with the directory, else in the directory.
    pub(super) fn find(&mut self, held: Held<'_>) -> Result<LocatedHead> {
        let Held { directory, locked } = held;
        let facts = |number: SegmentNumber| directory.facts(&number.file_name()).ok();
        let cached = locked.extent();
        // A directory that others recreated counts from 1; this writer's numbers continue
        // nevertheless.
        if let Some(extent) = cached
            && self.highest_seen.is_none_or(|seen| seen <= extent.head)
            && let Some(of_head) = facts(extent.head)
            && facts(extent.head.next()).is_none()
        {
            self.highest_seen = self.highest_seen.max(Some(extent.head));
            return Ok(LocatedHead {
                extent,
                next: extent.head.next(),
                by: FoundBy::Cache(of_head),
            });
        }
        // Names suffice: of all these segments only the head is opened.
        let listed = numbers(directory)?;
        let (lowest, highest) = (listed.first().copied(), listed.last().copied());
        let head = highest
            .max(cached.map(|extent| extent.head))
            .max(self.highest_seen);
        self.highest_seen = head;
        Ok(head.map_or(
            LocatedHead {
                extent: Extent {
                    head: SegmentNumber::FIRST,
                    floor: SegmentNumber::FIRST,
                },
                next: SegmentNumber::FIRST,
                by: FoundBy::Nothing,
            },
            |head| {
                let floor = cached.map(|extent| extent.floor).or(lowest).unwrap_or(head);
                LocatedHead {
                    extent: Extent {
                        head,
                        // One above the head if everything was cleared without room for a new one.
                        floor: floor.min(head.next()),
                    },
                    next: head.next(),
                    by: FoundBy::Listing,
                }
            },
        ))
    }

    /// Rewrites the cache if the directory had to be listed, so that the next writer need not list
    /// it. The directory stays authoritative: if this fails, the next writer lists it again.
    pub(super) fn note_found(held: Held<'_>, found: LocatedHead) {
        match found.by {
            FoundBy::Cache(_) | FoundBy::Nothing => {}
            FoundBy::Listing => drop(held.locked.set_extent(held.directory, found.extent)),
        }
    }

    /// Makes the head this writer's active segment. Returns its size, or nothing if it may not be
    /// appended to: removed, closed, or not a regular file of this user.
    pub(super) fn settle(
        &mut self,
        directory: &Directory,
        found: LocatedHead,
        now: Now,
    ) -> Result<Option<u64>> {
        let head = found.extent.head;
        if head < found.extent.floor {
            // It was declared removed, by a process that ended before removing it.
            return Ok(None);
        }
        let name = head.file_name();
        let facts = match found.by {
            FoundBy::Cache(facts) => Ok(facts),
            FoundBy::Listing => directory.facts(&name),
            FoundBy::Nothing => return Ok(None),
        };
        let facts = match facts {
            Ok(facts) if facts.is_ours() && facts.is_writable && facts.is_private => facts,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Error::io("read the metadata of", &self.path.join(name))(
                    error,
                ));
            }
        };
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.id == facts.id)
        {
            return Ok(Some(facts.bytes));
        }
        if let Some(old) = self.active.take() {
            self.leave(directory, old);
        }
        let (file, facts) = match directory.open_append(&name) {
            Ok(opened) => opened,
            // Another file has taken the name since it was checked.
            Err(error) if is_strange(&error) => return Ok(None),
            Err(error) => return Err(Error::io("open", &self.path.join(name))(error)),
        };
        if !facts.is_ours() {
            return Ok(None);
        }
        let first = first_timestamp(&file);
        let start = self.start_of(directory, head, first, now);
        self.active = Some(Active::opened(head, (file, facts), first, start, now));
        Ok(Some(facts.bytes))
    }

    /// Returns `true` if a batch of that size does not fit into the head of that size.
    pub(super) fn must_rotate(&self, size: u64, batch_bytes: u64, now: Now) -> bool {
        let Some(active) = &self.active else {
            return true;
        };
        // A new segment is no better than an empty one; a failing disk must not be filled with
        // empty ones.
        let is_full = size.saturating_add(batch_bytes) > self.limits.segment_bytes_max;
        let age_max = self.limits.segment_age_max;
        let is_old = match active.start {
            AgeStart::At(start) => is_older(start, now.clock, age_max),
            AgeStart::Unknown => {
                let Now { clock, steady } = active.opened;
                is_older(clock, now.clock, age_max)
                    || now.steady.saturating_duration_since(steady) > age_max
            }
        };
        size > 0
            && (is_full
                || is_old
                || self.starts_ahead(now)
                || active.condition == Soundness::InDoubt)
    }

    /// Returns `true` if the head was started by a clock that is ahead of this one, unless this
    /// writer created it because the head before it was: another new one would not help.
    fn starts_ahead(&self, now: Now) -> bool {
        self.active.as_ref().is_some_and(|active| {
            active.origin == WriteReason::Usual
                && active.first.is_some_and(|first| is_ahead(first, now.clock))
        })
    }

    /// Makes the next segment the head and returns its size; `latest` is the latest time of the
    /// lines of the head before it.
    pub(super) fn rotate(
        &mut self,
        held: Held<'_>,
        found: LocatedHead,
        latest: Latest,
        now: Now,
    ) -> Result<u64> {
        let Held { directory, locked } = held;
        self.note_others(directory, now);
        // Before segments are removed, of which one may tell it.
        self.keep_log(directory, found);
        let floor = self.make_room(held, found, now)?;
        let origin = if self.starts_ahead(now) {
            WriteReason::AfterAhead
        } else {
            WriteReason::Usual
        };
        let old = self.active.take();
        let mut number = found.next;
        let (file, facts) = loop {
            if number > SegmentNumber::LAST {
                return Err(Error::directory(
                    &self.path,
                    "its segment numbers are used up; move the highest segment away",
                ));
            }
            match self.create(directory, number)? {
                Some(created) => break created,
                // The name belongs to a file of others: continue with the next number.
                None => number = number.next(),
            }
        };
        locked.set_extent(
            directory,
            Extent {
                head: number,
                floor,
            },
        )?;
        self.highest_seen = Some(number);
        if let Some(old) = old {
            let file = self.leave(directory, old);
            close_segment(directory, &file);
        }
        // Nothing depends on the symlink: it is for people, and the next rotation tries again.
        drop(directory.replace_symlink(&FileName::Latest.text(), &number.file_name()));
        let first = match facts.bytes {
            0 => Some(now.clock),
            _ => first_timestamp(&file),
        };
        let start = AgeStart::of(first, None, now.clock);
        let mut active = Active::opened(number, (file, facts), first, start, now);
        active.origin = origin;
        if facts.bytes == 0 {
            active.bytes = 0;
        }
        // It applies to the segment one number lower, which must be the one that was read.
        if number == found.extent.head.next() {
            active.latest_before = latest;
        }
        self.active = Some(active);
        self.remove_outdated_head(held, (found.extent.head, floor), latest, now);
        Ok(facts.bytes)
    }

    /// Finds the latest time of the lines of the head: known to this writer if no other wrote, else
    /// by reading back. `bytes` is the size of a head that it has open.
    pub(super) fn latest_of_head(
        &self,
        directory: &Directory,
        found: LocatedHead,
        bytes: Option<u64>,
    ) -> Latest {
        match found.by {
            FoundBy::Cache(_) | FoundBy::Listing => {}
            FoundBy::Nothing => return Latest::Unknown,
        }
        match (&self.active, bytes) {
            (Some(active), Some(bytes))
                if active.bytes == bytes && active.latest != Latest::Unknown =>
            {
                active.latest
            }
            (Some(active), Some(bytes)) => read_back(directory, &active.file, bytes),
            (None, _) | (_, None) => SegmentFile::open(directory, found.extent.head)
                .ok()
                .and_then(|(file, bytes)| {
                    let bytes = file.bytes_or(bytes, directory).ok()?;
                    Some(read_back(directory, &file, bytes))
                })
                .unwrap_or(Latest::Unknown),
        }
    }

    /// Makes what this writer appended to a segment survive a power cut, if that was requested: no
    /// later sync includes this segment.
    pub(super) fn leave(&mut self, directory: &Directory, mut old: Active) -> File {
        if self.leaving == Leaving::Synced
            && let Err(error) = sync_segment(directory, &mut old, &mut self.way)
        {
            let path = self.path.join(old.number.file_name());
            self.left_unsynced = Some(Error::io("sync", &path)(error));
        }
        old.file
    }

    /// Creates the segment of that number, or uses one whose creator died before the cache moved.
    /// Returns nothing if the name belongs to something that may not be appended to.
    fn create(
        &self,
        directory: &Directory,
        number: SegmentNumber,
    ) -> Result<Option<(File, Facts)>> {
        let name = number.file_name();
        let path = self.path.join(&name);
        let created = match directory.create_append(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match directory.open_append(&name) {
                    Err(error) if is_strange(&error) => return Ok(None),
                    opened => opened,
                }
            }
            created => created,
        };
        let (file, facts) = created.map_err(Error::io("create", &path))?;
        Ok((facts.is_ours() && facts.is_writable).then_some((file, facts)))
    }
}

/// Removes the write bit of a complete segment.
///
/// This is the only place where segments are closed: a seal, for example, belongs here.
fn close_segment(directory: &Directory, file: &File) {
    // A lower number counts as closed whatever its mode: the bit is a hint, and may fail to change.
    drop(directory.close(file));
}

/// Returns `true` if an open failed because the name belongs to something other than a writable
/// regular file.
fn is_strange(error: &io::Error) -> bool {
    disk::is_strange(error)
        || [
            io::ErrorKind::IsADirectory,
            io::ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied,
        ]
        .contains(&error.kind())
}
