//! Reads a telemetry directory: segments in order, split into lines with positions, and damage as
//! items. Reading takes no lock, and creates and changes no file. Memory is bounded whatever the
//! files contain: one buffer that grows to the longest line. Files are read and not mapped into
//! memory, because another process may truncate them meanwhile.
//!
//! `record` parses lines, and `filter` selects them. In this module, `plain_bytes` reads bytes,
//! `scanner` finds lines in them, `piece` finds damage in a line, `open_segment` reads one segment,
//! `walk` goes through segments, `scan` folds lines in several threads, `follow` polls for new
//! lines, `seen` records which lines were read, `reverse` reads backwards, `since` finds data that
//! can be skipped, `stored` opens segments as files, `stream` reads lines from other places than
//! directories, `merged` reads several inputs by time, `merge_input` is one of them, `closed` lets
//! there be more of them than files may be open, and `progress` counts how far a reader is.
//!
//! These rules define damage.
//! * A line that is not a record, and each run of NULs, is one item of [`Damage`]. A blank line is
//!   skipped. A record behind a torn one on the same line is found.
//! * Bytes without a newline at the end of a closed segment are a record if they parse, and torn
//!   otherwise. At the end of the active segment, a writer may still be writing them:
//!   [`Notice::Unfinished`].
//! * A segment that does not exist is lost, unless its number is below the floor in the lock file:
//!   then it was removed on purpose.

mod closed;
mod damage;
mod follow;
mod merge_input;
mod merged;
mod open_segment;
mod piece;
mod plain_bytes;
mod progress;
mod reverse;
mod scan;
mod scanner;
mod seen;
mod since;
mod stored;
mod stream;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "what a test does not expect fails it"
)]
mod tests;
mod walk;

use std::ops::Range;
use std::path::Path;

pub use closed::ClosedInput;
pub use damage::{Damage, DamageKind, Notice, Position, SegmentRange};
pub use follow::Follower;
pub use merge_input::MergeInput;
pub use merged::Merged;
pub use progress::{ByteCounts, ByteProgress};
pub use reverse::Reverse;
pub use scan::Fold;
pub use stored::{StoredSegment, StoredSegments};
pub use stream::LineStream;

use crate::error::Result;
use crate::record::raw::RawRecord;
use crate::record::{Record, Timestamp};
use crate::store;
use crate::store::disk::{Access, Directory};
use crate::store::lock::Extent;
use crate::store::segment::SegmentNumber;
use progress::SegmentProgress;
use scan::{ItemSource, Origin, ReadOrder};
use walk::{Gap, SegmentWalk};

/// An item found by a reader.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a reader that passes over a kind of item would lose it"
)]
pub enum Item<'a> {
    /// A line that looks like a record.
    Line(Line<'a>),
    /// A line of text, which only a [`LineStream`] of text has.
    Text(Line<'a>),
    /// Damage.
    Damage(Damage),
    /// A notice about data that is not damaged.
    Notice(Notice),
}

impl Item<'_> {
    /// Passes the item to a fold.
    pub fn fold(self, fold: &mut impl Fold) {
        match self {
            Self::Line(line) => scan::fold_line(line, fold),
            Self::Text(line) => fold.text(line),
            Self::Damage(damage) => fold.damage(damage),
            Self::Notice(notice) => fold.notice(notice),
        }
    }

    /// Returns the record or the damage; `None` for text and a notice.
    fn into_record(self) -> Option<Result<Record, Damage>> {
        match self {
            Item::Line(line) => Some(line.record()),
            Item::Damage(damage) => Some(Err(damage)),
            Item::Text(_) | Item::Notice(_) => None,
        }
    }
}

/// A line that begins and ends like a record.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    position: Position,
    bytes: &'a [u8],
}

impl<'a> Line<'a> {
    /// Creates a line that was read before, from its position and its bytes without the newline.
    pub fn new(position: Position, bytes: &'a [u8]) -> Self {
        Self { position, bytes }
    }

    /// Returns the position of the line.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the bytes of the line as stored, without the newline.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Parses the line.
    ///
    /// # Errors
    ///
    /// Returns the line as damage if it is not a valid record.
    pub fn record(&self) -> Result<Record, Damage> {
        Record::parse(self.bytes).map_err(|_| self.damage())
    }

    /// Reads the record from the bytes of the line, which is faster than parsing it. A record in
    /// another form than localtel's is first written again in that form.
    ///
    /// # Errors
    ///
    /// Returns the line as damage if it is not a valid record.
    pub fn read_raw<T>(&self, read: impl FnOnce(&RawRecord<'_>) -> T) -> Result<T, Damage> {
        Record::read_raw(self.bytes, read).map_err(|_| self.damage())
    }

    /// Returns `true` if it is a valid record.
    fn is_record(&self) -> bool {
        Record::read_raw(self.bytes, |_| ()).is_ok()
    }

    fn damage(&self) -> Damage {
        piece::damage_of_line(self.position, self.bytes)
    }
}

/// Reads a telemetry directory from its first line to its last.
///
/// Lines that are added to the active segment meanwhile are read too. Segments that are created
/// later are not, so reading ends however fast other processes write.
///
/// [`records`](Self::records) returns an iterator over the records. [`next_item`](Self::next_item)
/// returns lines with their positions and bytes, and notices, and leaves parsing to the caller,
/// which is faster where only a few lines are needed.
///
/// # Examples
///
/// ```no_run
/// use localtel::read::Reader;
///
/// let mut reader = Reader::open("/home/me/.local/state/myapp/telemetry".as_ref())?;
/// for record in reader.records().filter_map(Result::ok) {
///     println!("{} {}", record.timestamp, record.target);
/// }
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    walk: SegmentWalk,
    /// The highest segment that should exist, as it was when the reader was opened.
    last: SegmentNumber,
    state: ReaderState,
    progress: Option<SegmentProgress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    Reading,
    /// All lines are read; the items of the end itself are not returned yet.
    AtEnd,
    Done,
}

impl Reader {
    /// Opens a directory and starts at its first line.
    ///
    /// # Errors
    ///
    /// Returns an error if the path does not exist (see
    /// [`is_not_found`](crate::Error::is_not_found)), is not a directory, or cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let directory =
            Directory::open(path, Access::Read).map_err(|error| store::open_error(path, error))?;
        // The cache is read first: a segment is created before the cache contains its number.
        let head = Extent::peek(&directory).map(|extent| extent.head);
        let listed = store::numbers_without_lock(&directory)?;
        let last = head.max(listed.last().copied());
        let last = last.unwrap_or(SegmentNumber::FIRST);
        Ok(Self {
            walk: SegmentWalk::new(directory, listed, last),
            last,
            state: ReaderState::Reading,
            progress: None,
        })
    }

    /// Counts what is read there, in stored bytes: all segments when the first one is read, and
    /// what is left when the reader is dropped. Data that is skipped counts as read.
    #[must_use]
    pub fn with_progress(mut self, progress: &ByteProgress) -> Self {
        self.progress = Some(SegmentProgress::new(progress, ReadOrder::Forward));
        self
    }

    /// Adds all segments as work now, if what is read is counted.
    fn begin_progress(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.begin(self.walk.directory());
        }
    }

    /// Skips data that provably contains no record of that time or later. A segment that is already
    /// open is still read.
    ///
    /// The proof comes from data that writers store in segments, and does not depend on correct
    /// clocks: no record of that time or later is skipped. Some earlier records are still returned,
    /// so a [`Filter`](crate::read::Filter) is needed as well. Damage inside skipped data is not
    /// reported; lost segments are.
    #[must_use]
    pub fn since(mut self, since: impl Into<Timestamp>) -> Self {
        self.walk.pass_over_before(since.into().to_moment());
        self
    }

    /// Returns an iterator over the remaining records and the damage between them. If the directory
    /// cannot be listed, the last item is a damage with that error. Notices are left out.
    ///
    /// ```no_run
    /// use localtel::read::{Damage, Reader};
    ///
    /// let mut reader = Reader::open("/home/me/.local/state/myapp/telemetry".as_ref())?;
    /// let (records, damaged): (Vec<_>, Vec<_>) = reader.records().partition(Result::is_ok);
    /// println!("{} records, {} damaged", records.len(), damaged.len());
    ///
    /// let mut reader = Reader::open("/home/me/.local/state/myapp/telemetry".as_ref())?;
    /// for record in reader.records() {
    ///     println!("{:?}", record?.message); // Ends at the first damage.
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn records(&mut self) -> impl Iterator<Item = Result<Record, Damage>> {
        std::iter::from_fn(move || {
            loop {
                match self.next_item() {
                    Ok(Some(item)) => {
                        if let Some(record) = item.into_record() {
                            return Some(record);
                        }
                    }
                    Ok(None) => return None,
                    Err(error) => {
                        self.state = ReaderState::Done;
                        return Some(Err(Damage::unlistable(self.walk.start(), &error)));
                    }
                }
            }
        })
    }

    /// Returns the next item, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed. Any other failure is an item of damage.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>> {
        let found = match self.state {
            ReaderState::Done => return Ok(None),
            ReaderState::AtEnd => None,
            ReaderState::Reading => self.walk.step()?,
        };
        if let (Some(progress), Some(found)) = (&mut self.progress, &found) {
            progress.note(self.walk.directory(), found);
        }
        Ok(match found {
            Some(found) => Some(found.item(|range| self.walk.bytes(range))),
            None => self.end(),
        })
    }

    /// Returns the number and the size in bytes of each segment that exists, of all its forms
    /// together, the lowest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed.
    pub(crate) fn segment_sizes(&self) -> Result<Vec<(SegmentNumber, u64)>> {
        let last = self.walk.listed().last();
        // Listed once more, which is faster than asking for each form of each segment.
        let listed = store::list_where(self.walk.directory(), |facts| facts.is_regular)?;
        let known = listed.into_iter().filter(|one| Some(&one.number) <= last);
        Ok(known.map(|one| (one.number, one.bytes)).collect())
    }

    /// Moves to the position of an item of this directory.
    pub fn seek(&mut self, position: Position) {
        // The position may come from a later reader, after a rotation.
        self.last = self.last.max(position.segment);
        self.walk.read_up_to(self.last);
        self.walk.seek(position);
        self.state = ReaderState::Reading;
    }

    /// Returns a follower that continues from the current position.
    pub fn follow(self) -> Follower {
        Follower::new(self.walk)
    }

    /// Returns a reader of the same records from the last to the first.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use localtel::read::Reader;
    ///
    /// let mut reader = Reader::reverse("/home/me/.local/state/myapp/telemetry".as_ref())?;
    /// let last_ten: Vec<_> = reader.records().filter_map(Result::ok).take(10).collect();
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn reverse(path: &Path) -> Result<Reverse> {
        let reader = Self::open(path)?;
        Ok(Reverse::new(reader.walk.into_listed(), reader.last))
    }

    /// Returns the items that follow the last line.
    fn end(&mut self) -> Option<Item<'_>> {
        if self.state == ReaderState::Reading {
            self.state = ReaderState::AtEnd;
            if let Some(lost) = self.lost_at_end() {
                return Some(Item::Damage(lost));
            }
        }
        self.state = ReaderState::Done;
        self.walk.open()?.unfinished().map(Item::Notice)
    }

    /// Finds segments that should exist above the last one.
    fn lost_at_end(&self) -> Option<Damage> {
        lost_above(self.walk.directory(), self.walk.reached(), self.last)
    }
}

impl ItemSource for Reader {
    fn order(&self) -> ReadOrder {
        ReadOrder::Forward
    }

    fn origin(&self) -> Origin {
        Origin::DIRECTORY
    }

    fn lines(
        &mut self,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<Option<(Position, Range<usize>)>> {
        let lines = match self.state {
            ReaderState::Reading => self.walk.lines(into, bytes_max)?,
            ReaderState::AtEnd | ReaderState::Done => None,
        };
        if let (Some(progress), Some((position, _))) = (&mut self.progress, &lines) {
            progress.reach(self.walk.directory(), *position);
        }
        Ok(lines)
    }

    fn item(&mut self) -> Result<Option<Item<'_>>> {
        self.next_item()
    }
}

/// Finds lost segments above the highest existing one.
fn lost_above(
    directory: &Directory,
    here: Option<SegmentNumber>,
    last: SegmentNumber,
) -> Option<Damage> {
    let floor = Extent::peek(directory)?.floor;
    let first = here.map_or(SegmentNumber::FIRST, SegmentNumber::next);
    let gap = Gap::between(first, last.next(), Some(floor));
    gap.lost.map(Damage::missing)
}
