//! The store: a writer's view of a telemetry directory, and the on-disk contract (format 1).
//!
//! # The directory
//!
//! ```text
//! <directory>/            0700, of this user, no symlink
//!   consent.json          the decision and the installation id; replaced by rename
//!   consent.all.json      the decision for all profiles, only in that of the default profile
//!   policy.toml           the owner's rules and limits; written by people and by `localtel policy`
//!   history.json          the application's last version and its reports; replaced by rename
//!   release.json          the newest release, if the owner put it there; never written by localtel
//!   log.json              the session with which the log began; replaced by rename
//!   lock                  locked around every append, rotation and removal; caches head and floor
//!   events.000001.jsonl.zst  closed (0400) and compressed
//!   events.000002.jsonl   closed (0400)
//!   events.000003.jsonl   the active segment: the highest number, the head
//!   events.jsonl          relative symlink to the head; a convenience, never opened by localtel
//! ```
//!
//! Numbers are final: a segment is created under its number and keeps it. Numbers start at 1,
//! only grow and are never reused, not even after everything was cleared. A file whose name does
//! not parse as one of these does not belong to localtel and is never changed or removed.
//!
//! # The files of consent
//!
//! `consent.json` and `consent.all.json` contain one JSON object each. Every key except `format` is
//! optional:
//!
//! ```text
//! format                          1
//! source, profile                 the application and the profile that the directory belongs to
//! consent                         a word that enables or disables, or `undecided`
//! decided, by                     the time of the decision, and the command or caller that made it
//! first_seen, grace_seconds       first use of an application that waits to record; the wait
//! installation, salt, host, made  id, salt, keyed hash of the host, time of creation
//! ```
//!
//! Other keys belong to newer versions. They are ignored, and are kept when the file is rewritten,
//! unless it would then be longer than 16 KiB. Those whose name begins with `installation`, or
//! whose value contains the id, the salt or the host, are removed with the installation.
//! `history.json` (`format`, `version`, `reported`, `reports`, the number of reports so far, and
//! `jitter`, the random part of the wait for the next one from 0 to 65,535) is an object of the
//! same kind, of at most 64 KiB; `reset` and disabling remove it as a whole.
//!
//! Without the key `consent`, consent is undecided. An empty file means disabled, and so does every
//! file that exists and does not match this description: an empty or unknown word, a value of
//! another type, another case of `consent`, a time that in UTC is outside the years 0 to 9999.
//!
//! A directory belongs to one application and one profile, and others do not use it. `source` and
//! `profile` are written whenever one of the files is. Where neither file has them, as in
//! directories of older versions, the `source` of the newest records identifies the application;
//! and a directory in the `profiles` of another one belongs to that profile.
//!
//! Both are replaced by rename, under the lock. Only where that fails and consent is withdrawn,
//! `consent.json` is overwritten in place, and if that fails, truncated to nothing. Disabling and
//! `reset` remove the installation; the next process that records creates another one.
//!
//! # The id of the log
//!
//! `log.json` is an object with the key `log`: the session with which the records of the directory
//! began. It tells copies of one log from copies of another, and stays as it is when records are
//! removed by limits, by clearing or by `reset`. A writer that creates a segment writes it before,
//! under the lock. In a directory without a segment, where no number of one is remembered, a new
//! log begins: its id is the session of the writer, and replaces an older one. Elsewhere the file
//! is only written if it is missing or empty, as in directories of older versions: its id is then
//! the session of the first record that is still there, else that of the writer. Readers do the
//! same without writing. A file that contains something else is left alone. Nothing but this id
//! depends on the file: where it cannot be written, recording goes on, and the writer that creates
//! the next segment tries again. It is not synced; if a power cut empties it, the first segments
//! are still there.
//!
//! # Append
//!
//! A batch is whole lines, written by one `write` under the lock. Under the lock the writer reads
//! head and floor from the cache, moves on if a higher segment exists, checks that the file under
//! the head's name is the one it has open, and checks the last byte if another writer appended: a
//! torn line is ended by a newline before anything else is added. Where the cache is missing, or
//! contradicts the directory, the writer lists the names in it and rewrites the cache. After a
//! short write, the file is cut back to the last whole line; if that fails, the next append ends
//! the torn line.
//!
//! # Rotation and removal
//!
//! A segment that would grow beyond its limit, is older than its limit, is closed, or is in doubt
//! (an IO error, or another file under its name) is followed by the next number: room is made
//! within the limits, the file is created exclusively, the cache moves, the old segment loses its
//! write bit, the symlink follows. Removal moves the floor first and unlinks after that, lowest
//! number first, so that a crash leaves a declared removal, never an unexplained gap.
//!
//! The floor is the lowest number that was not declared removed. A segment that is missing below it
//! was removed on purpose; one that is missing above it is lost. A file below it could not be
//! removed, or its removal was interrupted by a crash: it can be read, it counts towards the total,
//! and it is removed as soon as that is possible. A segment that cannot be removed is skipped, and
//! the next ones are removed in its place. A writer tries all segments below the floor once, and
//! then a few of them at each rotation.
//!
//! # Ages and clocks
//!
//! A segment expires with its newest record. The time of that record is taken from the first line
//! of the next segment, or else is the start of that segment, unless it starts before an earlier
//! one. Writers check the ages when they first write to a directory, at rotations, and once an hour
//! in between; a head of which all records have expired by this clock is closed. Removal uses a
//! `now` that is the earlier of this clock and of the newest record of another session that this
//! session saw when it checked, plus a day, plus the time since then by the monotonic clock. Where
//! it saw none, this clock counts alone. After a long pause the first session therefore only closes
//! segments, and the next one removes them.
//!
//! A head that starts more than an hour in the future is followed by the next number, once for each
//! writer that finds it. The age of a segment that starts in the future counts from the start of
//! the segment before it, or from the time when a writer opened it; the age of one that starts
//! before the segment before it counts from that segment's start, too.
//!
//! Clearing everything creates a new head first, so that running writers move on to it. Where there
//! is no room for one (no free block or no free inode), the head is removed with the other
//! segments: they are truncated to nothing, the floor moves to the number above the head, and they
//! are unlinked. The cache still contains the head's number, and the next append creates the
//! segment above it.
//!
//! # Compression
//!
//! A closed segment may be stored as `events.NNNNNN.jsonl.zst` (Zstandard) or as
//! `events.NNNNNN.jsonl.gz` (gzip) instead, compressed by localtel or by another program. Each of
//! these names is that segment for numbers, limits and removal. Where several exist, the first that
//! exists of `.jsonl`, `.jsonl.zst` and `.jsonl.gz` is read, and all are removed together. Limits
//! count stored bytes; positions are those of the decompressed bytes.
//!
//! Where compression is on, the worker of a program compresses segments that were last written a
//! day ago, and younger ones, the lowest first, when the total has no room for two more segments.
//! It does so while no lines wait to be written, about 1 MiB at a time. The compressed file is
//! frames of at most 1 MiB of whole lines, with checksums; then a skippable frame (magic number
//! 0x184D2A5D) of the 8 bytes `localtel` and the number of newlines of each frame as a
//! little-endian `u32`; then the seek table of zstd's seekable format, in which the frame before it
//! counts with 0 decompressed bytes. Other programs skip both.
//!
//! It is written as `events.NNNNNN.jsonl.zst.partial`, on which the process that compresses holds
//! an exclusive `flock`, so there is one. The file is synced, and renamed under the lock of the
//! directory if the plain file has not changed; the directory is synced; the plain file is removed
//! under the lock if neither file has changed. A segment that still has both files is compressed
//! again by the next process that compresses, and by any worker if compression is off by then.
//!
//! # Power cuts
//!
//! A writer that must survive them syncs three things: the bytes of a segment, before it
//! acknowledges them or moves on to another segment; the directory, once for each segment that it
//! appends to, since the process that created that segment may have been killed before it did; and
//! once the directories above, as far up as they may have been created with it. The bytes of a
//! segment whose sync failed are never reported as safe afterwards: the next batch is written to a
//! new segment. The cache in `lock` and the symlink are not synced, since both can be rebuilt from
//! the directory.
//!
//! # Lines out of order
//!
//! Lines of several threads, processes and clocks are not strictly in the order of their times. So
//! that a reader of the newest records need not read all of them, a `session` record can contain
//! `latest`: no record before it has a later time. In the first line of a segment it refers to the
//! whole previous segment, in any other line to the same segment up to that line. It is written by
//! the writer that creates a segment, and by one that writes past another MiB of a segment, which
//! repeats its session record there. A writer knows the value for a segment to which it alone
//! appended; otherwise it reads back, under the lock, to the nearest record that contains it, and
//! no further than 16 MiB. A writer that appends only a little to an existing segment reads nothing
//! back. An unknown value is left out, and readers then read those lines.
//!
//! A session that records one event, and of which there is nothing else to record, can be one line:
//! its key `once` contains the keys of the `session` record, `latest` too, and there is no
//! `session.end`. `localtel record` writes this form. Readers that do not know the key see an event
//! whose session has no end.
//!
//! Neither a removal nor a clock that steps makes a `latest` wrong; changing lines by other means
//! than appending to the highest segment can.
//!
//! # More spans than a line holds
//!
//! A line contains at most 64 spans. Where an event is in more, these are the 32 outermost and the
//! 32 innermost, and the key `spans_left_out` after `spans` is the number of those between them.
//! Readers that do not know the key see the others.
//!
//! # What a crash leaves
//!
//! | crash after | the next writer |
//! |---|---|
//! | a part of a write | ends the torn line; a reader reports it with its position |
//! | creating head + 1, before the cache | finds it: each append checks for head + 1 |
//! | the cache, before the old segment lost its write bit | nothing to do: a lower number is closed |
//! | moving the floor, before the unlink | removes the segments below the floor at the next rotation |
//! | a removal that failed | continues with the next segment, and tries again later |
//! | a part of a compressed file | overwrites it when it compresses that segment; removes it with the segment |
//! | renaming a compressed file, before the unlink | compresses the segment again; until then the plain file is read |
//!
//! The store reads only the time and the session of a record. The contents of localtel's internal
//! records are defined in `record::own`; the `session` record at the start of a segment, and all
//! else in a line, comes from the recorder.

pub(crate) mod age;
#[cfg(all(unix, not(localtel_unsupported)))]
mod ancestors;
mod clear;
pub(crate) mod compressor;
pub(crate) mod decompressor;
#[cfg(all(unix, not(localtel_unsupported)))]
pub(crate) mod disk;
pub(crate) mod document;
#[cfg(all(unix, not(localtel_unsupported)))]
pub(crate) mod elsewhere;
mod facts;
#[cfg(test)]
pub(crate) mod faults;
mod head;
pub(crate) mod latest;
pub(crate) mod limits;
pub(crate) mod lock;
pub(crate) mod log;
#[cfg(all(unix, not(localtel_unsupported)))]
pub(crate) mod obstacle;
pub(crate) mod read_at;
#[cfg_attr(
    not(all(unix, not(localtel_unsupported))),
    expect(dead_code, reason = "nothing is found there")
)]
mod refusal;
mod retention;
mod seek_table;
pub(crate) mod segment;
pub(crate) mod segment_file;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests;
#[cfg(all(unix, not(localtel_unsupported)))]
mod transfer;
#[cfg(not(all(unix, not(localtel_unsupported))))]
mod unsupported;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use uuid::Uuid;

use self::age::{AgeStart, Now, Witness};
pub(crate) use self::clear::Clearing;
pub(crate) use self::clear::clear;
use self::disk::{Access, Directory, FileId, OpenError, check_interruption, read_at};
use self::facts::Facts;
use self::head::Held;
use self::latest::Latest;
use self::limits::Limits;
use self::lock::{LockFile, Locked, lock_opened};
use self::read_at::ReadAt;
use self::retention::StuckSegments;
use self::segment::{FileName, SegmentForm, SegmentNumber};
use self::segment_file::SegmentFile;
#[cfg(not(all(unix, not(localtel_unsupported))))]
pub(crate) use self::unsupported::disk;
#[cfg(not(all(unix, not(localtel_unsupported))))]
pub use self::unsupported::elsewhere;
use crate::error::{Error, Result};
use crate::record::{LineTime, OPENING, TIMESTAMP_BYTES, time_of, timestamp_of};

/// Whether this platform has the facilities that the store needs. A build for Linux with
/// `--cfg localtel_unsupported` takes the same path as another platform, so that it can be tested
/// there.
pub(crate) const IS_SUPPORTED: bool = cfg!(all(unix, not(localtel_unsupported)));
/// The reason why telemetry is off on another platform.
pub(crate) const UNSUPPORTED: &str = "this platform is not supported";

/// A directory opened for writing.
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
    /// The session whose lines this writer appends.
    session: Option<Uuid>,
    /// The records of other sessions that this one has seen.
    witness: Option<Witness>,
    /// Whether it has also checked segments that others closed.
    has_read_below: bool,
    /// The time when this writer last checked the ages of the segments.
    ages_checked: Option<Instant>,
    /// Whether the segments may exceed limits that have changed.
    is_room_check_due: bool,
    /// The segments that it could not remove.
    stuck: StuckSegments,
    /// The reason why something in a segment that this writer moved on from may not survive a power
    /// cut.
    left_unsynced: Option<Error>,
    /// Whether the names of the directory and of those above it survive a power cut.
    way: NameDurability,
    #[cfg(test)]
    pub(crate) faults: faults::Faults,
}

/// The segment that this writer holds open.
#[derive(Debug)]
struct Active {
    number: SegmentNumber,
    file: File,
    id: FileId,
    /// Its size after this writer's last append; any other size means that another process wrote or
    /// truncated it.
    bytes: u64,
    /// The end of the last bytes that others appended and that were not checked; 0 if there are
    /// none.
    others_bytes: u64,
    /// The time of its first record, or of its creation by this writer.
    first: Option<OffsetDateTime>,
    /// Its start, for the computation of its age.
    start: AgeStart,
    /// The time when this writer opened it.
    opened: Now,
    origin: WriteReason,
    condition: Soundness,
    /// Whether this writer knows that its name survives a power cut: its creator may have died
    /// before the sync.
    name: NameDurability,
    /// Number of times that another process truncated it while this writer had it open.
    cuts: u64,
    /// The latest time of its lines up to `bytes`.
    latest: Latest,
    /// The latest time of the lines of the segment before it, if this writer created it.
    latest_before: Latest,
}

/// The treatment of a segment's bytes when this writer moves on to another segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    /// The system writes them out in its own time.
    AsIs,
    /// They are synced, because a later sync reaches only the newest segment.
    Synced,
}

/// Whether a name in a directory is known to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameDurability {
    Unsynced,
    Synced,
}

/// The reason why a writer writes to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteReason {
    /// It is, or became, the head.
    Usual,
    /// This writer created it because the head before it starts in the future.
    AfterAhead,
}

/// Whether a segment may be appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Soundness {
    /// No failure is known.
    Sound,
    /// An operation on it failed in a way that leaves its contents uncertain.
    InDoubt,
}

/// The end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SegmentTail {
    /// It ends with a newline, or it is empty.
    Whole,
    /// It ends in the middle of an unfinished line.
    Torn,
}

/// The extent of a removal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Number of segments.
    pub segments: u64,
    /// Number of bytes.
    pub bytes: u64,
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
    /// Returns the store of the directory at that path. The file system is not accessed before the
    /// first append.
    pub(crate) fn new(path: &Path, limits: Limits) -> Self {
        Self {
            path: path.to_owned(),
            limits,
            directory: None,
            lock: None,
            active: None,
            highest_seen: None,
            leaving: Leaving::AsIs,
            session: None,
            witness: None,
            has_read_below: false,
            ages_checked: None,
            is_room_check_due: false,
            stuck: StuckSegments::default(),
            left_unsynced: None,
            way: NameDurability::Unsynced,
            #[cfg(test)]
            faults: faults::Faults::default(),
        }
    }

    /// Uses a directory that was opened for writing, as long as the path leads to it.
    pub(crate) fn opened(self, directory: Option<Arc<Directory>>) -> Self {
        Self {
            #[cfg(test)]
            faults: directory
                .as_ref()
                .map_or(self.faults, |directory| directory.faults.clone()),
            directory,
            ..self
        }
    }

    /// Sets the session whose lines are appended from now on: the times of others limit what it
    /// removes by age.
    pub(crate) fn set_session(&mut self, session: Uuid) {
        self.session = Some(session);
        self.has_read_below = false;
    }

    /// Replaces the limits. The next append removes what exceeds them.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        if limits != self.limits {
            self.limits = limits;
            self.ages_checked = None;
            self.is_room_check_due = true;
        }
    }

    /// Has segments synced when this writer moves on from them.
    pub(crate) fn syncing_all(mut self) -> Self {
        self.leaving = Leaving::Synced;
        self
    }

    /// Takes the lock and finds the segment that a batch of that size goes to.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such segment, or if the lock was held until the deadline.
    pub(crate) fn begin(
        &mut self,
        batch_bytes: usize,
        now: Now,
        deadline: Instant,
    ) -> Result<Turn<'_>> {
        let mut tries = 1;
        let (directory, locked, entered) = loop {
            match self.try_begin(batch_bytes as u64, now, deadline) {
                Ok(begun) => break begun,
                Err(error) if tries == BEGIN_TRIES || self.is_directory_current() => {
                    return Err(error);
                }
                // Another process removed the directory: the next try creates it again.
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
        now: Now,
        deadline: Instant,
    ) -> Result<(Arc<Directory>, Locked, BatchPosition)> {
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

    /// Makes everything that was appended to the active segment survive a power cut: its bytes, its
    /// name, even if another process created it, and once the names of the directories on the way
    /// to it.
    ///
    /// # Errors
    ///
    /// Returns an error if it may not survive; the next append then goes to a new segment.
    pub(crate) fn sync(&mut self) -> Result<()> {
        let (Some(directory), Some(active)) = (&self.directory, &mut self.active) else {
            return Ok(());
        };
        let path = self.path.join(active.number.file_name());
        let synced = match active.condition {
            Soundness::Sound => sync_segment(directory, active, &mut self.way),
            // The kernel marks the pages clean after a failure: another sync would wrongly succeed.
            Soundness::InDoubt => Err(io::Error::other("an earlier operation on it failed")),
        };
        synced.map_err(|error| {
            active.condition = Soundness::InDoubt;
            Error::io("sync", &path)(error)
        })
    }

    /// Returns, once, the reason why something in the segments that this writer moved on from may
    /// not survive a power cut.
    pub(crate) fn take_left_unsynced(&mut self) -> Option<Error> {
        self.left_unsynced.take()
    }

    /// Opens what is not open and takes the lock.
    fn lock(&mut self, deadline: Instant) -> Result<(Arc<Directory>, Locked)> {
        let directory = self.current_directory()?;
        let locked = lock_opened(self.lock.take(), &directory, deadline)?;
        Ok((directory, locked))
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
        if let (Some(directory), Some(old)) = (self.directory.clone(), self.active.take()) {
            self.leave(&directory, old);
        }
        self.way = NameDurability::Unsynced;
        self.stuck.clear();
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
        now: Now,
    ) -> Result<BatchPosition> {
        let held = Held { directory, locked };
        let found = self.find(held)?;
        let is_age_check_due = self.is_age_check_due(now);
        let settled = self.settle(directory, found, now)?;
        if let (Some(size), Some(active)) = (settled, &mut self.active)
            && size != active.bytes
        {
            active.others_bytes = size;
        }
        let is_outdated = is_age_check_due
            && settled.is_some_and(|size| self.is_head_outdated(directory, found, size, now));
        let mut size = match settled {
            Some(size) if !is_outdated && !self.must_rotate(size, batch_bytes, now) => {
                Self::note_found(held, found);
                if is_age_check_due {
                    self.remove_outdated(held, found, now);
                }
                size
            }
            size => {
                let latest = self.latest_of_head(directory, found, size);
                self.rotate(held, found, latest, now)?
            }
        };
        if std::mem::take(&mut self.is_room_check_due) {
            self.remove_excess(held);
        }
        let active = self.active_mut()?;
        if active.bytes != SIZE_UNKNOWN && size < active.bytes {
            active.cuts += 1;
        }
        let mut tail = SegmentTail::Whole;
        let was_empty = size == 0;
        if size != active.bytes && size > 0 {
            let mut last = [0];
            let read = read_at(&active.file, &mut last, size - 1);
            match read.map_err(Error::io(
                "read the end of",
                &directory.path().join(active.number.file_name()),
            ))? {
                1 if last == [b'\n'] => {}
                1 => tail = SegmentTail::Torn,
                // It was truncated in this very moment, by a process without the lock.
                _ => size = 0,
            }
        }
        let latest = match size {
            0 if was_empty => Latest::Nothing,
            0 => Latest::Unknown,
            _ if size == active.bytes => active.latest,
            _ => Latest::Unknown,
        };
        Ok(BatchPosition { size, tail, latest })
    }

    fn active_mut(&mut self) -> Result<&mut Active> {
        let path = &self.path;
        self.active
            .as_mut()
            .ok_or_else(|| Error::directory(path, "no segment could be created"))
    }
}

/// The position of a batch.
#[derive(Debug, Clone, Copy)]
struct BatchPosition {
    size: u64,
    tail: SegmentTail,
    /// The latest time of the lines before it in the segment.
    latest: Latest,
}

/// The lock, and the segment and the place in it for one batch.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    store: &'a mut Store,
    directory: Arc<Directory>,
    locked: Option<Locked>,
    entered: BatchPosition,
}

/// The identity of a segment: differs from that of any other, also of one that takes its name
/// later, and from its own before another process truncated it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WritePosition(SegmentNumber, FileId, u64);

impl Turn<'_> {
    /// Returns the segment that will contain the batch.
    pub(crate) fn place(&self) -> Option<WritePosition> {
        self.store
            .active
            .as_ref()
            .map(|active| WritePosition(active.number, active.id, active.cuts))
    }

    /// Returns the `latest` for a session record before the batch, if one is due here: at the start
    /// of a segment, and where the batch passes another MiB of it. Only there, an unknown value is
    /// read back.
    pub(crate) fn latest_due(&mut self, batch_bytes: usize) -> Option<LineTime> {
        let active = self.store.active.as_ref()?;
        let size = self.entered.size;
        match (size, self.entered.latest) {
            (0, Latest::Nothing) => return active.latest_before.time(),
            // Another process is truncating it: the position of this batch is not known.
            (0, Latest::Unknown | Latest::At(_)) => return None,
            (_, Latest::Nothing | Latest::Unknown | Latest::At(_)) => {}
        }
        let end = size.saturating_add(batch_bytes as u64);
        if size / LATEST_INTERVAL_BYTES == end / LATEST_INTERVAL_BYTES {
            return None;
        }
        if self.entered.latest == Latest::Unknown {
            self.entered.latest = latest::read_back(&self.directory, &active.file, size);
        }
        self.entered.latest.time()
    }

    /// Returns how long the batch may become before the segment is longer than its bound.
    pub(crate) fn room_bytes(&self) -> u64 {
        let bytes_max = self.store.limits.segment_bytes_max;
        bytes_max.saturating_sub(self.entered.size)
    }

    /// Appends whole lines, of which no time is later than `latest`, and releases the lock. Returns
    /// the number of these bytes that are in the segment, which are whole lines too, and the reason
    /// why the others are not.
    pub(crate) fn append(self, lines: &[u8], latest: Latest) -> (usize, Option<Error>) {
        let mut ended = Vec::new();
        let (bytes, prefix_bytes) = match self.entered.tail {
            SegmentTail::Whole => (lines, 0),
            SegmentTail::Torn => {
                ended.reserve_exact(lines.len() + 1);
                ended.push(b'\n');
                ended.extend_from_slice(lines);
                (ended.as_slice(), 1)
            }
        };
        let path = self.store.path.clone();
        let Some(active) = &mut self.store.active else {
            return (0, Some(Error::directory(&path, "no segment")));
        };
        active.latest = self.entered.latest.with(latest);
        let (written, failure) = write(&self.directory, active, bytes);
        let size = self.entered.size;
        let Some(error) = failure else {
            active.bytes = size.saturating_add(written as u64);
            return (lines.len(), None);
        };
        let mut kept = bytes.get(..written).map_or(0, whole_lines_bytes);
        let end = size.saturating_add(kept as u64);
        // Whole lines, which a reader without the lock may have seen, are kept; a torn line is cut
        // off.
        let is_clean = written == kept || self.directory.cut(&active.file, end).is_ok();
        active.bytes = if is_clean { end } else { SIZE_UNKNOWN };
        if !is_clean && bytes.get(written) == Some(&b'\n') {
            // Only the newline is missing, and the next writer adds it: writing the line again
            // would double it.
            kept = written + 1;
        }
        let error = Error::io("append to", &path.join(active.number.file_name()))(error);
        (kept.saturating_sub(prefix_bytes), Some(error))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.store.lock = self.locked.take().map(Locked::unlock);
    }
}

/// Lists the files of the segments of a directory, the lowest number first, and of each segment
/// the form that is read.
///
/// # Errors
///
/// Returns an error if the directory could not be listed.
pub(crate) fn segment_files(directory: &Directory) -> Result<Vec<(SegmentNumber, SegmentForm)>> {
    let names = match directory.names() {
        Ok(names) => names,
        // A directory that was removed has none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("list the directory", directory.path())(error)),
    };
    let names = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    let mut files: Vec<_> = names.filter_map(FileName::segment).collect();
    files.sort_unstable();
    Ok(files)
}

/// Lists the numbers of the segments of a directory, the lowest first.
///
/// # Errors
///
/// Returns an error if the directory could not be listed.
pub(crate) fn numbers(directory: &Directory) -> Result<Vec<SegmentNumber>> {
    let files = segment_files(directory)?;
    let mut numbers: Vec<SegmentNumber> = files.into_iter().map(|(number, _)| number).collect();
    // Some segments have several forms.
    numbers.dedup();
    Ok(numbers)
}

/// Lists the numbers of the segments of a directory, the lowest first, without its lock. While a
/// directory is listed, a segment that is created can be missing though a higher one that is
/// created later is in the list. A list with a gap is therefore read once more, and segments
/// created since the first list are left to the next.
///
/// # Errors
///
/// Returns an error if the directory could not be listed.
pub(crate) fn numbers_without_lock(directory: &Directory) -> Result<Vec<SegmentNumber>> {
    let listed = numbers(directory)?;
    let has_hole = listed
        .windows(2)
        .any(|pair| matches!(pair, [lower, higher] if *higher != lower.next()));
    if has_hole {
        Ok(completed(listed, numbers(directory)?))
    } else {
        Ok(listed)
    }
}

/// Returns the numbers of a later list up to the highest one of an earlier list: these all existed
/// when it was begun. If none of them is left, returns the earlier list; its user finds them
/// removed and lists again.
fn completed(listed: Vec<SegmentNumber>, mut again: Vec<SegmentNumber>) -> Vec<SegmentNumber> {
    let highest = listed.last().copied();
    again.retain(|number| Some(*number) <= highest);
    if again.is_empty() { listed } else { again }
}

/// Lists the segments of a directory with their sizes, the lowest number first.
///
/// # Errors
///
/// Returns an error if the directory could not be listed.
pub(crate) fn list(directory: &Directory) -> Result<Vec<Listed>> {
    list_where(directory, |_| true)
}

/// Lists the segments of a directory with the sizes of those of their files that count.
///
/// # Errors
///
/// Returns an error if the directory could not be listed.
pub(crate) fn list_where(
    directory: &Directory,
    counts: impl Fn(&Facts) -> bool,
) -> Result<Vec<Listed>> {
    let files = segment_files(directory)?;
    let mut listed: Vec<Listed> = Vec::with_capacity(files.len());
    for (number, form) in files {
        // A file that is removed meanwhile has no size.
        let facts = directory.facts(&form.name_of(number)).ok();
        let Some(Facts { bytes, .. }) = facts.filter(&counts) else {
            continue;
        };
        match listed.last_mut() {
            Some(last) if last.number == number => last.bytes += bytes,
            Some(_) | None => listed.push(Listed { number, bytes }),
        }
    }
    Ok(listed)
}

/// Returns the name of the file from which a segment is read, and its facts; `None` if the segment
/// does not exist.
pub(crate) fn file_of(directory: &Directory, number: SegmentNumber) -> Option<(String, Facts)> {
    SegmentForm::ALL.into_iter().find_map(|form| {
        let name = form.name_of(number);
        let facts = directory.facts(&name).ok()?;
        Some((name, facts))
    })
}

/// Converts a failure to open a directory into the library's error.
pub(crate) fn open_error(path: &Path, error: OpenError) -> Error {
    match error {
        OpenError::Io(error) => Error::io("open the directory", path)(error),
        OpenError::Unfit(reason) => Error::directory(path, reason),
        OpenError::OtherUser { at, owner, user } => Error::other_user(path, at, owner, user),
    }
}

/// Returns the time of the first record of a segment, if its first line still contains it.
pub(crate) fn first_timestamp_of(
    directory: &Directory,
    number: SegmentNumber,
) -> Option<OffsetDateTime> {
    first_timestamp(&SegmentFile::open(directory, number).ok()?.0)
}

/// Returns the time of the record with which a segment begins, if it still contains it.
pub(crate) fn first_timestamp(file: &dyn ReadAt) -> Option<OffsetDateTime> {
    let mut start = [0; FIRST_BYTES];
    let read = file
        .read_start(&mut start, OPENING.len() + TIMESTAMP_BYTES)
        .ok()?;
    let start = start.get(..read)?;
    timestamp_of(start).or_else(|| {
        // In lines of other writers the time may be anywhere.
        start.trim_ascii_start().strip_prefix(b"{")?;
        let mut line = vec![0; FIRST_LINE_BYTES_MAX];
        let read = file.read_start(&mut line, FIRST_LINE_BYTES_MAX).ok()?;
        let line = line.get(..read)?;
        time_of(line.get(..memchr::memchr(b'\n', line)?)?)
    })
}

/// Syncs the bytes of a segment, and those names on the way to it that this writer has not synced
/// yet.
fn sync_segment(
    directory: &Directory,
    active: &mut Active,
    way: &mut NameDurability,
) -> io::Result<()> {
    directory.sync(&active.file)?;
    if active.name == NameDurability::Unsynced {
        directory.sync_names()?;
        active.name = NameDurability::Synced;
    }
    if *way == NameDurability::Unsynced {
        directory.sync_way()?;
        *way = NameDurability::Synced;
    }
    Ok(())
}

/// Writes until all is written or the system refuses.
fn write(directory: &Directory, active: &mut Active, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    let mut interruptions = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match directory.append(&active.file, rest) {
            Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) => {
                let Err(error) = check_interruption(error, &mut interruptions) else {
                    continue;
                };
                // After a lack of room the file is as sound as before; after any other error it is
                // not.
                if !is_lack_of_room(&error) {
                    active.condition = Soundness::InDoubt;
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

/// Number of bytes of a segment that are read at once to find its first time: enough for a line
/// that another writer wrote with spaces.
const FIRST_BYTES: usize = 128;

/// The longest first line that is parsed for its time where it does not begin with it: longer than
/// any `session` record.
const FIRST_LINE_BYTES_MAX: usize = 16 * 1024;

/// A size that no file has: the next append looks at the last byte.
const SIZE_UNKNOWN: u64 = u64::MAX;

/// The number of bytes of a segment after which a session record repeats the latest time of the
/// lines before it: a reader that wants later ones reads at most so many without need, in less than
/// a millisecond, and the records take 0.04 % of the room. Smaller in tests.
const LATEST_INTERVAL_BYTES: u64 = if cfg!(test) { 1 << 12 } else { 1 << 20 };

/// Number of times that the directory may be removed by others before that is an error: each time,
/// the removal must happen between opening and locking it.
const BEGIN_TRIES: usize = 10;

/// The pause for a removal to finish.
const BEGIN_PAUSE: Duration = Duration::from_millis(1);
