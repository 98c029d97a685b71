//! The store: a writer's view of a telemetry directory, and the on-disk contract (format 1).
//!
//! # The directory
//!
//! ```text
//! <directory>/            0700, of this user, no symlink
//!   consent.json          the decision and the installation id; replaced by rename
//!   lock                  locked around every append, rotation and removal; caches head and floor
//!   events.000001.jsonl   closed (0400)
//!   events.000002.jsonl   the active segment: the highest number, the head
//!   events.jsonl          relative symlink to the head; only a convenience, never opened by us
//! ```
//!
//! Names are final: a segment is born with its number and never renamed. Numbers start at 1, only grow
//! and are never used twice, also after everything was cleared. A name that does not parse as one of
//! these is not ours and is never touched.
//!
//! # Append
//!
//! A batch is whole lines, written by one `write` under the lock. Under it the writer reads head and
//! floor from the cache, moves on if a higher segment exists, makes sure that the file under the head's
//! name is the one it holds open, and looks at its last byte if somebody else wrote: a torn line is ended
//! by a newline before anything else is added. What a short write leaves is cut back to the last whole
//! line; if that fails, the next append ends the torn line.
//!
//! # Rotation and removal
//!
//! A segment that would outgrow its bound, is older than its bound, is closed, or is in doubt (an IO
//! error, a stranger's file under its name) is followed by the next number: room is made within the
//! limits, the file is created exclusively, the cache moves, the old one loses its write bit, the symlink
//! follows. Removal moves the floor first and unlinks after that, lowest number first, so that a crash
//! leaves a declared removal, never an unexplained hole.
//!
//! # What a crash leaves
//!
//! | crash after | the next writer |
//! |---|---|
//! | a part of a write | ends the torn line; a reader reports it with its position |
//! | creating head + 1, before the cache | finds it: each append looks for head + 1 |
//! | the cache, before the old segment lost its write bit | nothing to do: a lower number is closed |
//! | moving the floor, before the unlink | removes what lies below the floor at the next rotation |
//!
//! The store knows nothing of records: who starts a segment with a session record, and what is in a line,
//! is the recorder's business.

pub(crate) mod disk;
#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod limits;
pub(crate) mod lock;
pub(crate) mod segment;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::disk::{Access, Directory, FileId, OpenError, read_at};
use self::limits::Limits;
use self::lock::{Extent, LockFile, Locked};
use self::segment::{FileName, SegmentNumber};
use crate::error::{Error, Result};

/// A directory opened to be written.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    limits: Limits,
    directory: Option<Arc<Directory>>,
    lock: Option<LockFile>,
    active: Option<Active>,
    /// The highest number this writer has seen: numbers grow even if the directory was deleted.
    highest_seen: Option<SegmentNumber>,
    leaving: Leaving,
    /// Why something that this writer moved on from may not survive a power cut.
    left_unsynced: Option<Error>,
    #[cfg(test)]
    pub(crate) faults: faults::Faults,
}

/// The segment that this writer holds open.
#[derive(Debug)]
struct Active {
    number: SegmentNumber,
    file: File,
    id: FileId,
    /// Its size after this writer's last append; anything else means that somebody wrote or cut.
    bytes: u64,
    started: OffsetDateTime,
    condition: Condition,
    /// How often somebody else cut it while this writer held it open.
    cuts: u64,
}

/// What happens to a segment's bytes when this writer moves on to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    /// The system writes them out when it thinks fit.
    AsIs,
    /// They are synced, because a later sync reaches only the newest segment.
    Synced,
}

/// Whether a segment may be appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Nothing is known against it.
    Sound,
    /// An operation on it failed in a way that leaves its contents uncertain.
    InDoubt,
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// With a newline, or it is empty.
    Whole,
    /// In the middle of a line that somebody did not finish.
    Torn,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Appended {
    /// All of it is in the segment.
    All,
    /// Only the first so many bytes, which are whole lines, are in the segment.
    Part {
        /// Whole lines, in bytes of the batch.
        bytes: usize,
        /// Why the rest is not.
        error: Error,
    },
}

/// What a removal took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// How many segments.
    pub(crate) segments: u64,
    /// How many bytes.
    pub(crate) bytes: u64,
}

/// One segment as a listing of the directory shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its number.
    pub(crate) number: SegmentNumber,
    /// Its size.
    pub(crate) bytes: u64,
}

impl Store {
    /// Returns the store of the directory at that path. Nothing is touched before the first append.
    pub(crate) fn new(path: &Path, limits: Limits) -> Self {
        Self {
            path: path.to_owned(),
            limits,
            directory: None,
            lock: None,
            active: None,
            highest_seen: None,
            leaving: Leaving::AsIs,
            left_unsynced: None,
            #[cfg(test)]
            faults: faults::Faults::default(),
        }
    }

    /// Has a sync cover also the segments that this writer moved on from, and the names of new ones.
    pub(crate) fn syncing_all(mut self) -> Self {
        self.leaving = Leaving::Synced;
        self
    }

    /// Takes the lock and finds the segment that a batch of that size goes to.
    ///
    /// # Errors
    ///
    /// An error says why there is no such segment, or that the lock was held until the deadline.
    pub(crate) fn begin(
        &mut self,
        batch_bytes: usize,
        now: OffsetDateTime,
        deadline: Instant,
    ) -> Result<Turn<'_>> {
        let mut tries = 1;
        let (directory, locked, entered) = loop {
            match self.try_begin(batch_bytes as u64, now, deadline) {
                Ok(begun) => break begun,
                Err(error) if tries == BEGIN_TRIES || self.is_directory_current() => {
                    return Err(error);
                }
                // Somebody removed the directory under our hands: the next try makes it anew.
                Err(_) => {
                    tries += 1;
                    std::thread::sleep(BEGIN_PAUSE);
                }
            }
        };
        Ok(Turn {
            store: self,
            directory,
            locked: Some(locked),
            entered,
        })
    }

    fn try_begin(
        &mut self,
        batch_bytes: u64,
        now: OffsetDateTime,
        deadline: Instant,
    ) -> Result<(Arc<Directory>, Locked, Entered)> {
        let (directory, locked) = self.lock(deadline)?;
        match self.enter(&directory, &locked, batch_bytes, now) {
            Ok(entered) => Ok((directory, locked, entered)),
            Err(error) => {
                self.lock = Some(locked.unlock());
                Err(error)
            }
        }
    }

    fn is_directory_current(&self) -> bool {
        self.directory
            .as_ref()
            .is_some_and(|directory| directory.is_current())
    }

    /// Makes everything appended so far survive a power cut.
    ///
    /// # Errors
    ///
    /// An error says that it may not; the next append then goes to a new segment.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if let Some(error) = self.left_unsynced.take() {
            return Err(error);
        }
        let (Some(directory), Some(active)) = (&self.directory, &mut self.active) else {
            return Ok(());
        };
        directory.sync(&active.file).map_err(|error| {
            // The kernel marks the pages clean all the same: asking again would only lie.
            active.condition = Condition::InDoubt;
            Error::io("sync", &self.path.join(active.number.file_name()))(error)
        })
    }

    /// Opens what is not open and takes the lock.
    fn lock(&mut self, deadline: Instant) -> Result<(Arc<Directory>, Locked)> {
        let directory = self.current_directory()?;
        // The lock file can be deleted between opening and locking it; not many times in a row by accident.
        for _ in 0..LOCK_FILE_TRIES {
            let lock = self
                .lock
                .take()
                .map_or_else(|| LockFile::open(&directory), Ok)?;
            if let Some(locked) = lock.lock(&directory, deadline)? {
                return Ok((directory, locked));
            }
        }
        Err(Error::directory(
            &self.path,
            "its `lock` file is replaced again and again",
        ))
    }

    fn current_directory(&mut self) -> Result<Arc<Directory>> {
        if let Some(directory) = self
            .directory
            .as_ref()
            .filter(|directory| directory.is_current())
        {
            return Ok(Arc::clone(directory));
        }
        self.lock = None;
        self.active = None;
        let opened = Directory::open(&self.path, Access::Write);
        #[cfg(test)]
        let opened = opened.map(|mut directory| {
            directory.faults = self.faults.clone();
            directory
        });
        let directory = Arc::new(opened.map_err(|error| open_error(&self.path, error))?);
        self.directory = Some(Arc::clone(&directory));
        Ok(directory)
    }

    /// Finds the head, moves to it, and rotates if a batch of that size needs it.
    fn enter(
        &mut self,
        directory: &Directory,
        locked: &Locked,
        batch_bytes: u64,
        now: OffsetDateTime,
    ) -> Result<Entered> {
        let found = self.find(directory, locked)?;
        let mut size = match self.settle(directory, found.extent.head, now)? {
            Some(size) if !self.must_rotate(size, batch_bytes, now) => size,
            Some(_) | None => self.rotate(directory, locked, found, now)?,
        };
        let active = self.active_mut()?;
        if active.bytes != SIZE_UNKNOWN && size < active.bytes {
            active.cuts += 1;
        }
        let mut tail = Tail::Whole;
        if size != active.bytes && size > 0 {
            let mut last = [0];
            let read = read_at(&active.file, &mut last, size - 1);
            match read.map_err(Error::io(
                "read the end of",
                &directory.path().join(active.number.file_name()),
            ))? {
                1 if last == [b'\n'] => {}
                1 => tail = Tail::Torn,
                // It shrank in this very moment: somebody cuts it without the lock.
                _ => size = 0,
            }
        }
        Ok(Entered { size, tail })
    }

    /// Finds head and floor: in the cache where it agrees with the directory, else in the directory.
    fn find(&mut self, directory: &Directory, locked: &Locked) -> Result<Found> {
        let exists = |number: SegmentNumber| directory.facts(&number.file_name()).is_ok();
        let cached = locked.extent();
        // A directory that others made anew counts from 1; this writer's numbers go on all the same.
        if let Some(extent) = cached
            && self.highest_seen.is_none_or(|seen| seen <= extent.head)
            && exists(extent.head)
            && !exists(extent.head.next())
        {
            self.highest_seen = self.highest_seen.max(Some(extent.head));
            return Ok(Found {
                extent,
                next: extent.head.next(),
            });
        }
        let listed = list(directory)?;
        let lowest = listed.first().map(|segment| segment.number);
        let highest = listed.last().map(|segment| segment.number);
        let head = highest
            .max(cached.map(|extent| extent.head))
            .max(self.highest_seen);
        self.highest_seen = head;
        Ok(head.map_or(
            Found {
                extent: Extent {
                    head: SegmentNumber::FIRST,
                    floor: SegmentNumber::FIRST,
                },
                next: SegmentNumber::FIRST,
            },
            |head| {
                let floor = cached.map(|extent| extent.floor).or(lowest).unwrap_or(head);
                Found {
                    extent: Extent {
                        head,
                        floor: floor.min(head),
                    },
                    next: head.next(),
                }
            },
        ))
    }

    /// Makes the head this writer's active segment. Returns its size, or nothing if it may not be
    /// appended to: gone, closed, or not a plain file of ours.
    fn settle(
        &mut self,
        directory: &Directory,
        head: SegmentNumber,
        now: OffsetDateTime,
    ) -> Result<Option<u64>> {
        let name = head.file_name();
        let facts = match directory.facts(&name) {
            Ok(facts) if facts.is_ours && facts.is_writable => facts,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("look at", &self.path.join(name))(error)),
        };
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.id == facts.id)
        {
            return Ok(Some(facts.bytes));
        }
        if let Some(old) = self.active.take() {
            self.leave(directory, &old);
        }
        let file = match directory.open_append(&name) {
            Ok(file) => file,
            // Somebody put something else there since we looked.
            Err(error) if is_strange(&error) => return Ok(None),
            Err(error) => return Err(Error::io("open", &self.path.join(name))(error)),
        };
        let facts = directory
            .facts_of(&file)
            .map_err(Error::io("look at", &self.path.join(name)))?;
        if !facts.is_ours {
            return Ok(None);
        }
        let started = first_timestamp(&file).unwrap_or(now);
        self.active = Some(Active {
            number: head,
            file,
            id: facts.id,
            bytes: SIZE_UNKNOWN,
            started,
            condition: Condition::Sound,
            cuts: 0,
        });
        Ok(Some(facts.bytes))
    }

    fn must_rotate(&self, size: u64, batch_bytes: u64, now: OffsetDateTime) -> bool {
        let Some(active) = &self.active else {
            return true;
        };
        let is_full = size > 0 && size.saturating_add(batch_bytes) > self.limits.segment_bytes_max;
        let is_old = size > 0 && (now - active.started) > self.limits.segment_age_max;
        is_full || is_old || active.condition == Condition::InDoubt
    }

    /// Makes the next segment the head and returns its size.
    fn rotate(
        &mut self,
        directory: &Directory,
        locked: &Locked,
        found: Found,
        now: OffsetDateTime,
    ) -> Result<u64> {
        let floor = self.make_room(directory, locked, found.extent, now)?;
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
                // Something that is not ours has the name: numbers are plenty.
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
            self.leave(directory, &old);
            close_segment(directory, &old.file);
        }
        // Nothing depends on the symlink: it is for people, and the next rotation tries again.
        drop(directory.replace_symlink(
            &FileName::Latest.to_string(),
            &FileName::LatestPartial.to_string(),
            &number.file_name(),
        ));
        if self.leaving == Leaving::Synced
            && let Err(error) = directory.sync_names()
        {
            self.left_unsynced = Some(Error::io("sync the names in", &self.path)(error));
        }
        let started = first_timestamp(&file).unwrap_or(now);
        let bytes = if facts.bytes == 0 { 0 } else { SIZE_UNKNOWN };
        let condition = Condition::Sound;
        self.active = Some(Active {
            number,
            file,
            id: facts.id,
            bytes,
            started,
            condition,
            cuts: 0,
        });
        Ok(facts.bytes)
    }

    /// Makes what this writer appended to a segment survive a power cut, where that was asked for: no later
    /// sync comes back to it.
    fn leave(&mut self, directory: &Directory, old: &Active) {
        if self.leaving == Leaving::Synced
            && let Err(error) = directory.sync(&old.file)
        {
            let path = self.path.join(old.number.file_name());
            self.left_unsynced = Some(Error::io("sync", &path)(error));
        }
    }

    /// Creates the segment of that number, or takes over one whose creator died before the cache moved.
    /// Returns nothing if the name belongs to something that may not be appended to.
    fn create(
        &self,
        directory: &Directory,
        number: SegmentNumber,
    ) -> Result<Option<(File, disk::Facts)>> {
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
        let file = created.map_err(Error::io("create", &path))?;
        let facts = directory
            .facts_of(&file)
            .map_err(Error::io("look at", &path))?;
        Ok((facts.is_ours && facts.is_writable).then_some((file, facts)))
    }

    /// Removes the oldest closed segments until one more fits within the limits, and returns the floor.
    fn make_room(
        &self,
        directory: &Directory,
        locked: &Locked,
        extent: Extent,
        now: OffsetDateTime,
    ) -> Result<SegmentNumber> {
        let listed = list(directory)?;
        let mut keep_from = self.limits.keep_from(&listed).max(extent.floor);
        for pair in listed.windows(2) {
            let [older, newer] = pair else { break };
            // Lines are in time order but for the moment between encoding and writing, so the start of
            // the next segment bounds the newest record of this one.
            let is_expired = older.number < extent.head
                && first_timestamp_of(directory, newer.number)
                    .is_some_and(|started| now - started > self.limits.age_max);
            if !is_expired {
                break;
            }
            keep_from = keep_from.max(newer.number);
        }
        let (extent, removed, failure) =
            self.move_floor(directory, locked, extent, keep_from, &listed)?;
        let bytes: u64 = listed.iter().map(|segment| segment.bytes).sum();
        let left = bytes.saturating_sub(removed.bytes);
        match failure {
            Some(error)
                if left.saturating_add(self.limits.segment_bytes_max)
                    > self.limits.total_bytes_max =>
            {
                Err(error)
            }
            Some(_) | None => Ok(extent.floor),
        }
    }

    /// Declares everything below `keep_from` removed, then removes it, lowest number first. Returns also
    /// the first failure: one file that cannot be removed does not keep the others.
    ///
    /// This is the one place where segments end on purpose: what declares a removal belongs here.
    fn move_floor(
        &self,
        directory: &Directory,
        locked: &Locked,
        extent: Extent,
        keep_from: SegmentNumber,
        listed: &[Listed],
    ) -> Result<(Extent, Removed, Option<Error>)> {
        let moved = Extent {
            head: extent.head,
            floor: extent.floor.max(keep_from),
        };
        if moved != extent {
            locked.set_extent(directory, moved)?;
        }
        let mut removed = Removed::default();
        let mut failure = None;
        for segment in listed.iter().filter(|segment| segment.number < moved.floor) {
            let name = segment.number.file_name();
            match directory.remove(&name) {
                Ok(()) => {
                    removed.segments += 1;
                    removed.bytes += segment.bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    failure
                        .get_or_insert_with(|| Error::io("remove", &self.path.join(name))(error));
                }
            }
        }
        Ok((moved, removed, failure))
    }

    fn active_mut(&mut self) -> Result<&mut Active> {
        let path = &self.path;
        self.active
            .as_mut()
            .ok_or_else(|| Error::directory(path, "no segment could be made"))
    }
}

/// Head and floor, and the number that the next segment takes.
#[derive(Debug, Clone, Copy)]
struct Found {
    extent: Extent,
    /// One above the head, or the first number where there never was a segment.
    next: SegmentNumber,
}

/// Where a batch will stand.
#[derive(Debug, Clone, Copy)]
struct Entered {
    size: u64,
    tail: Tail,
}

/// The lock, and the segment and the place in it for one batch.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    store: &'a mut Store,
    directory: Arc<Directory>,
    locked: Option<Locked>,
    entered: Entered,
}

/// What tells one segment from every other, also from one that takes its name later, and from itself
/// before somebody cut it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(SegmentNumber, FileId, u64);

impl Turn<'_> {
    /// Returns which segment the batch will stand in.
    pub(crate) fn place(&self) -> Option<Place> {
        self.store
            .active
            .as_ref()
            .map(|active| Place(active.number, active.id, active.cuts))
    }

    /// Appends whole lines and gives the lock back.
    pub(crate) fn append(self, lines: &[u8]) -> Appended {
        let mut ended = Vec::new();
        let (bytes, prefix_bytes) = match self.entered.tail {
            Tail::Whole => (lines, 0),
            Tail::Torn => {
                ended.reserve_exact(lines.len() + 1);
                ended.push(b'\n');
                ended.extend_from_slice(lines);
                (ended.as_slice(), 1)
            }
        };
        let path = self.store.path.clone();
        let Some(active) = &mut self.store.active else {
            return Appended::Part {
                bytes: 0,
                error: Error::directory(&path, "no segment"),
            };
        };
        let (written, failure) = write(&self.directory, active, bytes);
        let size = self.entered.size;
        let Some(error) = failure else {
            active.bytes = size.saturating_add(written as u64);
            return Appended::All;
        };
        let kept = bytes.get(..written).map_or(0, whole_lines_bytes);
        let end = size.saturating_add(kept as u64);
        // What lock-free eyes may have seen, whole lines, stays; a torn line is cut off.
        let is_clean = written == kept || self.directory.cut(&active.file, end).is_ok();
        active.bytes = if is_clean { end } else { SIZE_UNKNOWN };
        Appended::Part {
            bytes: kept.saturating_sub(prefix_bytes),
            error: Error::io("append to", &path.join(active.number.file_name()))(error),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.store.lock = self.locked.take().map(Locked::unlock);
    }
}

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
    let mut found = store.find(&directory, &locked)?;
    let keep_from = match keep_from {
        Some(number) => number.min(found.extent.head),
        None => {
            let size = store.settle(&directory, found.extent.head, now)?;
            if size != Some(0) {
                store.rotate(&directory, &locked, found, now)?;
                found = store.find(&directory, &locked)?;
            }
            found.extent.head
        }
    };
    let listed = list(&directory)?;
    let (_, removed, failure) =
        store.move_floor(&directory, &locked, found.extent, keep_from, &listed)?;
    drop(locked.unlock());
    failure.map_or(Ok(removed), Err)
}

/// Lists the segments of a directory, lowest number first.
///
/// # Errors
///
/// An error says that the directory could not be listed.
pub(crate) fn list(directory: &Directory) -> Result<Vec<Listed>> {
    let names = directory
        .names()
        .map_err(Error::io("list the directory", directory.path()))?;
    let mut listed: Vec<Listed> = names
        .iter()
        .filter_map(|name| match name.to_str()?.parse() {
            Ok(FileName::Segment(number)) => Some(number),
            Ok(
                FileName::Latest
                | FileName::LatestPartial
                | FileName::Lock
                | FileName::Consent
                | FileName::ConsentPartial,
            )
            | Err(segment::NotOurs) => None,
        })
        .filter_map(|number| {
            let facts = directory.facts(&number.file_name()).ok()?;
            Some(Listed {
                number,
                bytes: facts.bytes,
            })
        })
        .collect();
    listed.sort_unstable_by_key(|segment| segment.number);
    Ok(listed)
}

/// Turns a failure to open a directory into the library's error.
pub(crate) fn open_error(path: &Path, error: OpenError) -> Error {
    match error {
        OpenError::Io(error) => Error::io("open the directory", path)(error),
        OpenError::Unfit(reason) => Error::directory(path, reason),
    }
}

/// Returns when the first record of a segment was made, if its first line still says so.
pub(crate) fn first_timestamp_of(
    directory: &Directory,
    number: SegmentNumber,
) -> Option<OffsetDateTime> {
    first_timestamp(&directory.open_read(&number.file_name()).ok()?)
}

fn first_timestamp(file: &File) -> Option<OffsetDateTime> {
    const OPENING: &[u8] = b"{\"timestamp\":\"";
    const TIMESTAMP_BYTES: usize = 27;
    let mut start = [0; OPENING.len() + TIMESTAMP_BYTES];
    let read = read_at(file, &mut start, 0).ok()?;
    let text = start.get(..read)?.strip_prefix(OPENING)?;
    OffsetDateTime::parse(std::str::from_utf8(text).ok()?, &Rfc3339).ok()
}

/// Takes the write bit off a segment that is complete.
///
/// This is the one place where segments are closed: what seals them belongs here.
fn close_segment(directory: &Directory, file: &File) {
    // A lower number counts as closed whatever its mode: the bit is a hint, and may fail to change.
    drop(directory.close(file));
}

/// Writes until all is written or the system refuses.
fn write(directory: &Directory, active: &mut Active, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    let mut interruptions = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match directory.append(&active.file, rest) {
            Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error)
                if error.kind() == io::ErrorKind::Interrupted
                    && interruptions < INTERRUPTIONS_MAX =>
            {
                interruptions += 1;
            }
            Err(error) => {
                // After a lack of room the file is as sound as before; after anything else it is not.
                if !is_lack_of_room(&error) {
                    active.condition = Condition::InDoubt;
                }
                return (written, Some(error));
            }
        }
    }
    (written, None)
}

fn whole_lines_bytes(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1)
}

fn is_lack_of_room(error: &io::Error) -> bool {
    [
        io::ErrorKind::StorageFull,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::FileTooLarge,
    ]
    .contains(&error.kind())
}

/// Tells whether an open failed because something that is not a plain writable file has the name.
fn is_strange(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    errno == Some(rustix::io::Errno::LOOP)
        || errno == Some(rustix::io::Errno::NXIO)
        || [
            io::ErrorKind::IsADirectory,
            io::ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied,
        ]
        .contains(&error.kind())
}

/// A size that no file has: the next append looks at the last byte.
const SIZE_UNKNOWN: u64 = u64::MAX;

/// How often the directory may be removed under our hands before that is an error: each time somebody
/// must hit the moment between opening it and locking it.
const BEGIN_TRIES: usize = 10;

/// How long a removal is given to be over.
const BEGIN_PAUSE: Duration = Duration::from_millis(1);

/// How often the lock file may be replaced under our hands before that is an error.
const LOCK_FILE_TRIES: usize = 10;

/// How often in a row a write may be interrupted: signals come in bursts, not for ever.
const INTERRUPTIONS_MAX: usize = 100;

/// How long `clear` waits for the lock: writers hold it for well under a millisecond, so ten seconds mean
/// that a stopped process holds it.
const CLEAR_LOCK_WAIT: Duration = Duration::from_secs(10);
