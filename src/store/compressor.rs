//! Compresses closed segments, one after the other and in small steps, so that the thread that does
//! it can write lines in between. A segment becomes frames of 1 MiB that end with a line, and a
//! seek table (`seek_table`). Decoding is in `decompressor`.
//!
//! The compressed file is written under a temporary name, which stays locked, so that one process
//! at a time compresses. It is synced and renamed, the name is synced, and then the plain file is
//! removed. Until then the plain file is read, so a crash at any point leaves each record once; the
//! next process that compresses begins such a segment again. Both changes of names happen under the
//! directory's lock and only if neither file has changed, since a segment may be removed meanwhile.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ruzstd::decoding::FrameDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use time::OffsetDateTime;

use super::age::{Now, is_older};
use super::disk::{Access, Directory, check_interruption};
use super::facts::Facts;
use super::limits::{Compression, Limits};
use super::lock::{Extent, Locked, lock};
use super::read_at::ReadAt as _;
use super::seek_table::{FrameSizes, SeekTable};
use super::segment::{SegmentForm, SegmentNumber, partial_of};
use super::{is_lack_of_room, list, open_error, segment_files};
use crate::clock;
use crate::error::{Error, Result};

/// Compresses the closed segments of a directory.
#[derive(Debug)]
pub(crate) struct Compressor {
    path: PathBuf,
    /// The time of the next search for a segment to compress.
    search_at: Instant,
    /// The time of the next check whether there was a rotation, after which room may be needed.
    peek_at: Instant,
    /// The head at the last check.
    head: Option<SegmentNumber>,
    /// Whether segments were to be compressed at the last check: the owner can change that.
    compression: Compression,
    job: Option<Job>,
    /// Segments that could not be compressed, or would not become smaller.
    skipped: BTreeSet<SegmentNumber>,
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
}

/// Whether there is more to do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is to be done for a while.
    Idle,
    /// A segment is being compressed.
    Working,
}

/// A segment that is being compressed.
#[derive(Debug)]
struct Job {
    directory: Directory,
    number: SegmentNumber,
    plain: File,
    facts: Facts,
    partial: File,
    frames: Vec<FrameSizes>,
    /// Number of plain bytes in the frames.
    plain_bytes: u64,
    stored_bytes: u64,
}

/// The next step of a job.
enum JobStep {
    Next,
    Done,
    /// The segment is not worth it, or it changed meanwhile.
    Abandoned,
}

impl Compressor {
    pub(crate) fn new(path: &Path) -> Self {
        let search_at = clock::deadline(FIRST_SEARCH_AFTER);
        Self {
            path: path.to_owned(),
            search_at,
            peek_at: search_at,
            head: None,
            compression: Compression::Off,
            job: None,
            skipped: BTreeSet::new(),
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        }
    }

    /// Does a part of the work that takes some milliseconds. A failure leaves the segment as it is.
    /// The limits are requested where a segment is searched for.
    pub(crate) fn step(&mut self, limits: impl FnOnce() -> Limits, now: Now) -> Progress {
        // A panic of the compression must not end the thread.
        let found = match self.job.take() {
            None => catch_unwind(AssertUnwindSafe(|| self.search(limits, now))).unwrap_or_default(),
            job @ Some(_) => job,
        };
        let Some(mut job) = found else {
            return Progress::Idle;
        };
        let number = job.number;
        match catch_unwind(AssertUnwindSafe(|| job.step())) {
            Ok(Ok(JobStep::Next)) => {
                self.job = Some(job);
                return Progress::Working;
            }
            Ok(Ok(JobStep::Done)) => {}
            Ok(Err(error)) if is_lack_of_room(&error) => {
                job.discard();
                // It is tried again when there may be room.
                return Progress::Idle;
            }
            Ok(Ok(JobStep::Abandoned) | Err(_)) | Err(_) => {
                job.discard();
                self.skipped.insert(number);
            }
        }
        // The next segment may be due, too.
        self.search_at = now.steady;
        Progress::Working
    }

    /// Returns `true` if a segment is being compressed.
    pub(crate) fn is_working(&self) -> bool {
        self.job.is_some()
    }

    /// Finds the next segment to compress, if it is time to search for one.
    fn search(&mut self, limits: impl FnOnce() -> Limits, now: Now) -> Option<Job> {
        let is_due = now.steady >= self.search_at;
        if !is_due && now.steady < self.peek_at {
            return None;
        }
        self.peek_at = clock::deadline_after(now.steady, PEEK_INTERVAL);
        if is_due {
            self.search_at = clock::deadline_after(now.steady, SEARCH_INTERVAL);
        }
        let limits = limits();
        let before = std::mem::replace(&mut self.compression, limits.compression);
        let is_due = is_due || before != limits.compression;
        if !is_due && limits.compression == Compression::Off {
            return None;
        }
        let directory = self.directory().ok()?;
        let extent = Extent::peek(&directory)?;
        let head = self.head.replace(extent.head);
        if !is_due && head == Some(extent.head) {
            return None;
        }
        let number = self.choose(&directory, extent, &limits, now.clock)?;
        match Job::start(directory, number) {
            Ok(job) => job,
            Err(error) if is_lack_of_room(&error) => None,
            Err(_) => {
                self.skipped.insert(number);
                self.search_at = now.steady;
                None
            }
        }
    }

    fn directory(&self) -> Result<Directory> {
        let opened = Directory::open(&self.path, Access::Read);
        let directory = opened
            .and_then(|directory| directory.take_to_write().map(|()| directory))
            .map_err(|error| open_error(&self.path, error))?;
        #[cfg(test)]
        let directory = {
            let mut directory = directory;
            directory.faults = self.faults.clone();
            directory
        };
        Ok(directory)
    }

    /// Chooses the lowest segment that is due.
    fn choose(
        &self,
        directory: &Directory,
        Extent { head, floor }: Extent,
        limits: &Limits,
        clock: OffsetDateTime,
    ) -> Option<SegmentNumber> {
        let files = segment_files(directory).ok()?;
        let is_stored = |number, form| files.binary_search(&(number, form)).is_ok();
        let stored_bytes =
            || list(directory).map(|listed| listed.iter().map(|one| one.bytes).sum::<u64>());
        let room_wanted = limits.segment_bytes_max.saturating_mul(2);
        let is_room_needed = limits.compression == Compression::On
            && stored_bytes()
                .is_ok_and(|bytes| bytes.saturating_add(room_wanted) > limits.total_bytes_max);
        let is_due = |number: SegmentNumber| {
            let is_interrupted = is_stored(number, SegmentForm::Zstd);
            let is_old = || {
                let facts = directory.facts(&number.file_name());
                facts.is_ok_and(|facts| is_closed_since(&facts, clock, COMPRESS_AFTER))
            };
            is_interrupted
                || match limits.compression {
                    Compression::Off => false,
                    Compression::On => is_room_needed || is_old(),
                }
        };
        files
            .iter()
            .filter(|(number, form)| *form == SegmentForm::Plain && (floor..head).contains(number))
            .map(|(number, _)| *number)
            .filter(|number| !self.skipped.contains(number))
            .find(|number| is_due(*number))
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            job.discard();
        }
    }
}

impl Job {
    /// Opens the files. Returns `None` if another process is compressing, or the segment is not an
    /// own file.
    fn start(directory: Directory, number: SegmentNumber) -> io::Result<Option<Self>> {
        let plain = directory.open_read(&number.file_name())?;
        let facts = directory.facts_of(&plain)?;
        let name = partial_name(number);
        let (partial, of_partial) = directory.open_or_create(&name)?;
        if !facts.is_ours() || !of_partial.is_ours() || !directory.try_lock(&partial)? {
            return Ok(None);
        }
        // Another process may have renamed it before it was locked.
        if directory.facts(&name)?.id != of_partial.id {
            return Ok(None);
        }
        directory.cut(&partial, 0)?;
        Ok(Some(Self {
            directory,
            number,
            plain,
            facts,
            partial,
            frames: Vec::new(),
            plain_bytes: 0,
            stored_bytes: 0,
        }))
    }

    fn step(&mut self) -> io::Result<JobStep> {
        if self.plain_bytes < self.facts.bytes {
            return self.add_frame().map(|()| JobStep::Next);
        }
        self.write(&SeekTable::encode(&self.frames))?;
        let is_worth_it = self.stored_bytes < self.facts.bytes / 10 * 9;
        let table = SeekTable::read(&self.partial, self.stored_bytes);
        if !is_worth_it || table.is_none_or(|table| table.plain_bytes() != self.facts.bytes) {
            return Ok(JobStep::Abandoned);
        }
        self.directory.sync(&self.partial)?;
        if !self.rename()? {
            return Ok(JobStep::Abandoned);
        }
        // Before the rename it would prevent that another process continues with the file.
        self.directory.close(&self.partial)?;
        self.directory.sync_names()?;
        self.remove_plain()?;
        Ok(JobStep::Done)
    }

    /// Compresses the next lines, and checks that they can be decompressed.
    fn add_frame(&mut self) -> io::Result<()> {
        let mut lines = vec![0; FRAME_BYTES];
        let read = self.plain.read_at(&mut lines, self.plain_bytes)?;
        lines.truncate(read);
        lines.truncate(frame_bytes(&lines));
        if lines.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let frame = compress_to_vec(lines.as_slice(), CompressionLevel::Fastest);
        let mut decoded = vec![0; lines.len()];
        let is_whole = FrameDecoder::new()
            .decode_all(&frame, &mut decoded)
            .is_ok_and(|bytes| bytes == lines.len());
        if !is_whole || decoded != lines {
            return Err(io::Error::other("the compressed lines differ"));
        }
        self.write(&frame)?;
        self.frames.push(sizes_of(&frame, &lines));
        self.plain_bytes += lines.len() as u64;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        let mut interruptions = 0;
        while !rest.is_empty() {
            match self.directory.append(&self.partial, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) => check_interruption(error, &mut interruptions)?,
            }
        }
        self.stored_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Gives the compressed file its name. Returns `false` if the segment changed meanwhile.
    fn rename(&self) -> io::Result<bool> {
        let _locked = self.lock()?;
        let name = SegmentForm::Zstd.name_of(self.number);
        let is_free = match self.directory.facts(&name) {
            Ok(facts) => facts.is_ours(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !is_free || !self.is_unchanged() {
            return Ok(false);
        }
        self.directory.rename(&partial_name(self.number), &name)?;
        Ok(true)
    }

    /// Removes the plain file, if both files are still those of this job.
    fn remove_plain(&self) -> io::Result<()> {
        let _locked = self.lock()?;
        let name = SegmentForm::Zstd.name_of(self.number);
        let id = self.directory.facts_of(&self.partial)?.id;
        if self.directory.facts(&name)?.id == id && self.is_unchanged() {
            self.directory.remove(&self.number.file_name())?;
        }
        Ok(())
    }

    /// Returns `true` if the plain file is the one that was compressed and was not written since.
    fn is_unchanged(&self) -> bool {
        let facts = self.directory.facts(&self.number.file_name());
        facts.is_ok_and(|now| {
            let before = self.facts;
            (now.id, now.bytes, now.modified) == (before.id, before.bytes, before.modified)
        })
    }

    fn lock(&self) -> io::Result<Locked> {
        lock(&self.directory, clock::deadline(LOCK_WAIT))
            .map_err(|error: Error| io::Error::other(error))
    }

    /// Removes the temporary file, unless it has another name by now.
    fn discard(self) {
        let name = partial_name(self.number);
        let of_name = self.directory.facts(&name).map(|facts| facts.id);
        let own = self.directory.facts_of(&self.partial).map(|facts| facts.id);
        if let (Ok(of_name), Ok(own)) = (of_name, own)
            && of_name == own
        {
            // If it remains, the next process that compresses uses it.
            drop(self.directory.remove(&name));
        }
    }
}

/// Returns the size of a frame that begins with these bytes: up to the last newline in them, so
/// that damage of a frame is damage of whole lines.
fn frame_bytes(lines: &[u8]) -> usize {
    memchr::memrchr(b'\n', lines).map_or(lines.len(), |end| end + 1)
}

fn sizes_of(frame: &[u8], lines: &[u8]) -> FrameSizes {
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    FrameSizes {
        stored_bytes: size(frame.len()),
        plain_bytes: size(lines.len()),
        newlines: size(memchr::memchr_iter(b'\n', lines).count()),
    }
}

/// Returns a compressed segment with frames of that size, and where each of them ends.
#[cfg(test)]
pub(crate) fn compressed(mut lines: &[u8], frame_bytes_max: usize) -> (Vec<u8>, Vec<usize>) {
    let (mut file, mut sizes, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    while !lines.is_empty() {
        let most = lines.len().min(frame_bytes_max);
        let (of_frame, rest) = lines.split_at(frame_bytes(&lines[..most]));
        let frame = compress_to_vec(of_frame, CompressionLevel::Fastest);
        sizes.push(sizes_of(&frame, of_frame));
        file.extend(frame);
        ends.push(file.len());
        lines = rest;
    }
    file.extend(SeekTable::encode(&sizes));
    (file, ends)
}

fn partial_name(number: SegmentNumber) -> String {
    partial_of(&SegmentForm::Zstd.name_of(number))
}

/// Returns `true` if a segment was last written longer ago than that.
fn is_closed_since(facts: &Facts, clock: OffsetDateTime, age: Duration) -> bool {
    let modified = OffsetDateTime::from_unix_timestamp(facts.modified);
    modified.is_ok_and(|modified| is_older(modified, clock, age))
}

/// Returns the number of closed segments that should have been compressed at least a day ago.
///
/// # Errors
///
/// Returns an error if the directory could not be listed.
pub(crate) fn overdue(directory: &Directory, clock: OffsetDateTime) -> Result<u64> {
    let files = segment_files(directory)?;
    let head = files.last().map(|(number, _)| *number);
    let is_overdue = |number: SegmentNumber| {
        let facts = directory.facts(&number.file_name());
        facts.is_ok_and(|facts| is_closed_since(&facts, clock, COMPRESS_AFTER * 2))
    };
    let plain = files.iter().filter(|(number, form)| {
        *form == SegmentForm::Plain && Some(*number) < head && is_overdue(*number)
    });
    Ok(plain.count() as u64)
}

/// Number of bytes of lines in a frame. Compressing them takes some 10 ms, in which the buffer of
/// the recorder has room for the lines of a fast program; reading one line decompresses them.
const FRAME_BYTES: usize = 1 << 20;

/// The age of a segment at which it is compressed: those of the last day are read most, and often
/// by programs that follow plain files.
const COMPRESS_AFTER: Duration = Duration::from_hours(24);

/// The time after the start of a process before which it compresses nothing: a short one has
/// something else to do.
const FIRST_SEARCH_AFTER: Duration = Duration::from_secs(1);

/// The time between two searches for a segment that is old enough.
const SEARCH_INTERVAL: Duration = Duration::from_hours(1);

/// The time between two checks for a rotation, after which room may be needed: one read of the
/// cache of the head.
const PEEK_INTERVAL: Duration = Duration::from_secs(1);

/// The time to wait for the directory's lock.
const LOCK_WAIT: Duration = Duration::from_millis(100);
