//! Reading what was recorded: segments in order, cut into lines with positions, with damage as
//! items. Nothing is locked, made or changed, and memory stays bounded whatever the files hold: one
//! buffer that grows to the longest line. Files are read, never mapped, because others may cut them
//! meanwhile.
//!
//! What a line means is `record`'s, which lines to look at `filter`'s. In here: `scanner` knows
//! lines, `walk` segments, `scan` has several threads fold them, `follow` waits for more, `seen`
//! knows what it read, `reverse` goes backwards, `since` knows what may be passed over.
//!
//! What is damaged is decided as follows.
//! * A line that is no record, and each run of NULs, is one item of [`Damage`]. A blank line holds
//!   nothing and is passed over. A record that stands behind a torn one on the same line is found.
//! * What lacks its newline at the end of a closed segment is a record if it parses, and torn
//!   otherwise. At the end of the active segment its writer may be in the middle of it:
//!   [`Notice::Unfinished`].
//! * A segment that is not there is lost, unless its number is below the floor that the lock file
//!   notes: then it was removed on purpose.

mod damage;
mod follow;
mod reverse;
mod scan;
mod scanner;
mod seen;
mod since;
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

pub use damage::{Damage, DamageKind, Notice, Position, SegmentRange};
pub use follow::Follower;
pub use reverse::Reverse;
pub use scan::Fold;

use crate::error::Result;
use crate::record::raw::RawRecord;
use crate::record::{Record, Timestamp};
use crate::store;
use crate::store::disk::{Access, Directory};
use crate::store::lock::Extent;
use crate::store::segment::SegmentNumber;
use walk::{Gap, SegmentWalk};

/// One thing that a reader finds.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a reader that passes over a kind of item would lose it"
)]
pub enum Item<'a> {
    /// A line that looks like a record.
    Line(Line<'a>),
    /// Something unreadable.
    Damage(Damage),
    /// Something that is not damage and that the reader should be told.
    Notice(Notice),
}

impl Item<'_> {
    /// Has it folded.
    pub fn fold(self, fold: &mut impl Fold) {
        match self {
            Self::Line(line) => scan::fold_line(line, fold),
            Self::Damage(damage) => fold.damage(damage),
            Self::Notice(notice) => fold.notice(notice),
        }
    }

    /// Returns the record, or the damage, if it is either.
    fn into_record(self) -> Option<Result<Record, Damage>> {
        match self {
            Item::Line(line) => Some(line.record()),
            Item::Damage(damage) => Some(Err(damage)),
            Item::Notice(_) => None,
        }
    }
}

/// A line that begins and ends as a record does.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    position: Position,
    bytes: &'a [u8],
}

impl<'a> Line<'a> {
    /// Returns where it stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns its bytes as stored, without the newline.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Parses it.
    ///
    /// # Errors
    ///
    /// The line is damage if it is no record after all.
    pub fn record(&self) -> Result<Record, Damage> {
        Record::parse(self.bytes).map_err(|_| self.damage())
    }

    /// Reads the record where it stands in the line, which is quicker than parsing it. A record
    /// that is not written as localtel writes records is written so first.
    ///
    /// # Errors
    ///
    /// The line is damage if it is no record after all.
    pub fn look<T>(&self, look: impl FnOnce(&RawRecord<'_>) -> T) -> Result<T, Damage> {
        Record::read_raw(self.bytes, look).map_err(|_| self.damage())
    }

    fn damage(&self) -> Damage {
        scanner::damage_of_line(self.position, self.bytes)
    }
}

/// Reads a telemetry directory from its first line to its last.
///
/// What is added to the active segment meanwhile is read too; segments that come later are not, so
/// that reading ends however fast others write.
///
/// [`records`](Self::records) is an iterator over the records. [`next_item`](Self::next_item) gives
/// the lines with their positions and bytes, notices too, and leaves parsing to the caller, which
/// is quicker where few lines matter.
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    Reading,
    /// All lines are read; what the end itself says is not.
    AtEnd,
    Done,
}

impl Reader {
    /// Opens a directory to be read from its start.
    ///
    /// # Errors
    ///
    /// The directory does not exist (then [`is_not_found`](crate::Error::is_not_found)), is
    /// something else, or does not let us read it.
    pub fn open(path: &Path) -> Result<Self> {
        let directory =
            Directory::open(path, Access::Read).map_err(|error| store::open_error(path, error))?;
        // The cache first: a segment exists before the cache says so.
        let head = Extent::peek(&directory).map(|extent| extent.head);
        let listed = store::numbers_without_lock(&directory)?;
        let last = head.max(listed.last().copied());
        let last = last.unwrap_or(SegmentNumber::FIRST);
        Ok(Self {
            walk: SegmentWalk::new(directory, listed, last),
            last,
            state: ReaderState::Reading,
        })
    }

    /// Passes over what is known to hold no record of that time or later, without reading it; what
    /// is opened already is read on.
    ///
    /// It is known from what the writers of the data say in it, and holds whatever clocks did: no
    /// record of that time or later is passed over. Others are not all passed over, so a
    /// [`Filter`](crate::read::Filter) is still needed. Damage inside what is passed over is not
    /// told; that segments are lost is.
    #[must_use]
    pub fn since(mut self, since: impl Into<Timestamp>) -> Self {
        self.walk.pass_over_before(since.into().to_moment());
        self
    }

    /// Returns an iterator over the records from here on, and over what is damaged between them. If
    /// the directory cannot be listed, the last item is damage that says so. Notices are left out.
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

    /// Returns the next item, or nothing at the end.
    ///
    /// # Errors
    ///
    /// An error says that the directory cannot be listed. Everything that is wrong inside it is an
    /// item.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>> {
        let found = match self.state {
            ReaderState::Done => return Ok(None),
            ReaderState::AtEnd => None,
            ReaderState::Reading => self.walk.step()?,
        };
        Ok(match found {
            Some(found) => Some(found.item(|range| self.walk.bytes(range))),
            None => self.end(),
        })
    }

    /// Adds the next whole lines, with their newlines, as they were read, and returns where they
    /// are; nothing if something else comes next, as far as is known:
    /// [`next_item`](Self::next_item) gets on then.
    fn next_lines(&mut self, into: &mut Vec<u8>) -> Option<(Position, Range<usize>)> {
        match self.state {
            ReaderState::Reading => self.walk.lines(into),
            ReaderState::AtEnd | ReaderState::Done => None,
        }
    }

    /// Returns the number and the size in bytes of each segment that exists, the lowest first.
    pub(crate) fn segment_sizes(&self) -> Vec<(SegmentNumber, u64)> {
        let directory = self.walk.directory();
        let sizes = self.walk.listed().iter().filter_map(|number| {
            // One that is removed meanwhile has no size.
            let facts = directory.facts(&number.file_name()).ok()?;
            facts.is_regular.then_some((*number, facts.bytes))
        });
        sizes.collect()
    }

    /// Goes to the position of an item that this directory gave.
    pub fn seek(&mut self, position: Position) {
        // The position may have been found in a later look, behind a rotation.
        self.last = self.last.max(position.segment);
        self.walk.read_up_to(self.last);
        self.walk.seek(position);
        self.state = ReaderState::Reading;
    }

    /// Reads on from here, and then what comes later.
    pub fn follow(self) -> Follower {
        Follower::new(self.walk)
    }

    /// Reads from the end to the start instead.
    ///
    /// # Errors
    ///
    /// An error says that the directory cannot be listed.
    pub fn reverse(path: &Path) -> Result<Reverse> {
        let reader = Self::open(path)?;
        Ok(Reverse::new(reader.walk.into_listed(), reader.last))
    }

    /// Says what there is to be said once every line is read.
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

    /// Finds segments that should stand behind the last one that exists.
    fn lost_at_end(&self) -> Option<Damage> {
        lost_above(self.walk.directory(), self.walk.reached(), self.last)
    }
}

/// Finds what is lost above the highest segment that exists.
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
