//! Following: the same items as a reader gives, and then those that come later, across rotation,
//! removal, clearing and a directory that is deleted and made anew. It never waits by itself:
//! `poll` answers at once, and who calls it decides how long to pause.
//!
//! Nothing is missing and nothing comes twice: only whole lines are consumed, a segment is drained
//! once more after its successor was seen, and a segment that is open stays readable after its
//! removal. Segments that were removed before they were reached are told by a notice.
//!
//! Where something other than localtel replaces the open segment, cuts it, or empties and refills
//! it, a notice says so, and the file is read from its start. Lines that were read of this segment
//! before (`seen`) are passed over, so that all lines of the new file are shown, and those that it
//! has in common with the old one once. A directory that takes the place of the old one is read
//! from its start, unless it holds the open segment with the same first line: then it is a copy,
//! and reading goes on in that segment.
//!
//! What cannot be known: what came and went between two looks; what something changed in a segment
//! that was left behind; what it changed in the middle of the open one, without any other change of
//! its first line, its last one or its size. That all of a directory was emptied and begun anew
//! shows in the segment below the open one, which is another one then, or in the number that the
//! writer has reached, which is lower.

use std::time::Duration;

use super::Item;
use super::damage::{Damage, Notice, Position};
use super::scanner::Found;
use super::seen::SeenLines;
use super::walk::{OpenSegment, OpenedSegment, SegmentWalk, open_segment};
use crate::error::Result;
use crate::record::Record;
use crate::store;
use crate::store::disk::{Access, Directory, Facts, FileId};
use crate::store::lock::Extent;
use crate::store::segment::SegmentNumber;

/// A reader that goes on where the data ends for now.
#[derive(Debug)]
pub struct Follower {
    pub(super) walk: SegmentWalk,
    state: FollowState,
    /// How many looks in a row found nothing new.
    looks_idle: u32,
    /// The size of the open segment when it was last read to its end: an unfinished line is not
    /// read again and again.
    bytes_seen: u64,
    /// What was read of the open segment.
    seen: SeenLines,
    /// The file in the place of the open segment that could not be opened, which was told.
    refused: Option<FileId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FollowState {
    /// There may be more to read at once.
    Reading,
    /// The last look found the end.
    AtEnd,
}

/// What a look at the files says, without reading them.
#[derive(Debug)]
enum Look {
    Same,
    Changed,
    /// Something else cut or rewrote the open segment.
    Rewritten(Notice),
    /// The file in the place of the open segment cannot be read.
    Unreadable(Damage),
}

impl Follower {
    /// How long to pause between two polls that found nothing: a person sees no delay, and ten
    /// times three system calls in a second cost nothing.
    pub const PAUSE: Duration = Duration::from_millis(100);

    pub(super) fn new(mut walk: SegmentWalk) -> Self {
        walk.unbound();
        let seen = walk.open().map(|open| {
            let cursor = open.scanner().cursor();
            SeenLines::before(cursor, open.file(), walk.directory())
        });
        Self {
            walk,
            state: FollowState::Reading,
            looks_idle: 0,
            bytes_seen: 0,
            seen: seen.unwrap_or_default(),
            refused: None,
        }
    }

    /// Returns an iterator over the records that are new, and over what is damaged between them. It
    /// never waits: it ends when there is nothing new at the moment. If the directory cannot be
    /// listed, its last item is damage that says so. Notices are left out; [`poll`](Self::poll)
    /// returns them.
    ///
    /// ```no_run
    /// use localtel::read::{Follower, Reader};
    ///
    /// let reader = Reader::open("/home/me/.local/state/myapp/telemetry".as_ref())?;
    /// let mut follower = reader.follow();
    /// loop {
    ///     for record in follower.records().filter_map(Result::ok) {
    ///         println!("{} {}", record.timestamp, record.target);
    ///     }
    ///     std::thread::sleep(Follower::PAUSE);
    /// }
    /// # #[expect(unreachable_code)]
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn records(&mut self) -> impl Iterator<Item = Result<Record, Damage>> {
        let mut is_over = false;
        std::iter::from_fn(move || {
            while !is_over {
                match self.poll() {
                    Ok(Some(item)) => {
                        if let Some(record) = item.into_record() {
                            return Some(record);
                        }
                    }
                    Ok(None) => is_over = true,
                    Err(error) => {
                        is_over = true;
                        return Some(Err(Damage::unlistable(self.walk.start(), &error)));
                    }
                }
            }
            None
        })
    }

    /// Returns what comes next, or nothing if there is nothing new at the moment.
    ///
    /// # Errors
    ///
    /// An error says that the directory cannot be listed.
    pub fn poll(&mut self) -> Result<Option<Item<'_>>> {
        if self.state == FollowState::AtEnd {
            match self.look()? {
                Look::Same => {
                    self.looks_idle += 1;
                    return Ok(None);
                }
                Look::Changed => {}
                Look::Rewritten(notice) => {
                    self.read_again();
                    return Ok(Some(Item::Notice(notice)));
                }
                Look::Unreadable(damage) => return Ok(Some(Item::Damage(damage))),
            }
        }
        let Some(found) = self.next_of_walk()? else {
            self.state = FollowState::AtEnd;
            self.looks_idle += 1;
            if let Some(open) = self.walk.open_mut() {
                self.bytes_seen = open.scanner().byte_read();
                open.scanner_mut().forget_pending();
            }
            return Ok(None);
        };
        self.looks_idle = 0;
        self.state = FollowState::Reading;
        if let Found::Notice(
            Notice::SegmentReplaced { .. } | Notice::Cut { .. } | Notice::Replaced,
        ) = &found
        {
            self.seen.rewritten();
        }
        Ok(Some(found.item(|range| self.walk.bytes(range))))
    }

    /// Finds the next item that was not there before the open segment was rewritten.
    fn next_of_walk(&mut self) -> Result<Option<Found>> {
        loop {
            let found = self.walk.step()?;
            let is_new = match &found {
                Some(Found::Line { position, range }) => {
                    let bytes = self.walk.bytes(range.clone());
                    self.seen.take(&self.walk, *position, bytes)
                }
                Some(Found::Damage(damage)) => {
                    self.seen.take(&self.walk, damage.position, &damage.excerpt)
                }
                Some(Found::Notice(_)) | None => true,
            };
            if is_new {
                return Ok(found);
            }
        }
    }

    /// Goes to the start of the open segment, for what is new in it.
    fn read_again(&mut self) {
        self.seen.rewritten();
        self.bytes_seen = 0;
        self.state = FollowState::Reading;
        if let Some(open) = self.walk.open_mut() {
            open.rewind(Position::start_of(open.number()));
        }
    }

    /// Returns where the follower is in the segment that it reads, if there is one.
    pub fn cursor(&self) -> Option<Position> {
        self.walk.open().map(|open| open.scanner().cursor())
    }

    /// Looks whether reading could find anything, with few system calls.
    fn look(&mut self) -> Result<Look> {
        if let Some(look) = self.look_at_segment() {
            return Ok(look);
        }
        if let Some(other) = self.other_directory() {
            // A copy holds what was read so far, and only what follows is new.
            let copied = self.walk.open().map(OpenSegment::number).filter(|number| {
                matches!(open_segment(&other, *number), OpenedSegment::File(file) if self.seen.begins(*number, &file))
            });
            self.walk.succeed(other, copied.map(Position::start_of));
            return Ok(Look::Changed);
        }
        // Where a segment is open, the one after it was looked for just now; only if that one was
        // removed at once does a listing find more.
        if self.walk.open().is_none() || self.looks_idle.is_multiple_of(LOOKS_PER_LIST) {
            let highest = store::numbers(self.walk.directory())?.last().copied();
            if highest > self.walk.reached() {
                return Ok(Look::Changed);
            }
            if self.begins_anew(highest) && self.begin_again() {
                return Ok(Look::Changed);
            }
        }
        Ok(Look::Same)
    }

    /// Returns the directory that has taken the place of this one.
    fn other_directory(&self) -> Option<Directory> {
        let directory = self.walk.directory();
        if directory.is_current() {
            return None;
        }
        Directory::open(directory.path(), Access::Read).ok()
    }

    /// Has the start of what is in the directory now follow the open segment. Returns `false` if
    /// the directory is not there any more.
    fn begin_again(&mut self) -> bool {
        let same = Directory::open(self.walk.directory().path(), Access::Read);
        let (Ok(same), Some(reached)) = (same, self.walk.reached()) else {
            return false;
        };
        self.walk.read_up_to(reached);
        self.walk.succeed(same, None);
        true
    }

    /// Returns `true` if the directory was emptied and its writer began again: there are only
    /// segments below the one that was reached, and none above them is expected.
    fn begins_anew(&self, highest: Option<SegmentNumber>) -> bool {
        let (Some(highest), Some(reached)) = (highest, self.walk.reached()) else {
            return false;
        };
        highest < reached
            && Extent::peek(self.walk.directory()).is_some_and(|extent| extent.head < reached)
    }

    /// Looks at the open segment and at the one after it; nothing means that both are as before.
    fn look_at_segment(&mut self) -> Option<Look> {
        let directory = self.walk.directory();
        let open = self.walk.open()?;
        let number = open.number();
        let facts = directory.facts_of(open.file());
        let named = directory.facts(&number.file_name()).ok();
        let has_next = directory.facts(&number.next().file_name()).is_ok();
        let is_as_read = self.seen.is_in(open);
        let Ok(facts) = facts else {
            // Reading will say what is wrong.
            return Some(Look::Changed);
        };
        if let Some(named) = named.filter(|named| named.is_regular && named.id != facts.id)
            && let Some(look) = self.look_at_other(named, number)
        {
            return Some(look);
        }
        let cursor = self.walk.open()?.scanner().cursor();
        let is_rewritten = facts.bytes < cursor.byte || !is_as_read;
        if is_rewritten && self.is_refilled(number) && self.begin_again() {
            return Some(Look::Changed);
        }
        let open = self.walk.open_mut()?;
        let read = open.scanner().byte_read();
        if facts.bytes < cursor.byte {
            return Some(Look::Rewritten(Notice::Cut {
                segment: number,
                bytes_before: read,
                bytes: facts.bytes,
            }));
        }
        if !is_as_read {
            return Some(Look::Rewritten(Notice::SegmentReplaced { segment: number }));
        }
        if facts.bytes < read {
            // A writer took back the start of a line that came out short.
            open.rewind(cursor);
            return Some(Look::Changed);
        }
        // A line that was taken back may have been replaced by one of the same length.
        let may_differ = self.bytes_seen != read && self.looks_idle.is_multiple_of(LOOKS_PER_LIST);
        (facts.bytes != self.bytes_seen || may_differ || has_next).then_some(Look::Changed)
    }

    /// Returns `true` if all of the directory was rewritten, and not only the open segment.
    fn is_refilled(&self, number: SegmentNumber) -> bool {
        self.seen.is_moved(number, self.walk.directory())
    }

    /// Looks at another file that has the name of the open segment. It is read once the open one is
    /// read to its end.
    fn look_at_other(&mut self, named: Facts, number: SegmentNumber) -> Option<Look> {
        match open_segment(self.walk.directory(), number) {
            OpenedSegment::File(file) => {
                self.refused = None;
                let is_other = !self.seen.begins(number, &file);
                if is_other && self.is_refilled(number) && self.begin_again() {
                    return Some(Look::Changed);
                }
                self.walk.replace(file);
                Some(Look::Changed)
            }
            OpenedSegment::Damage(damage) if self.refused != Some(named.id) => {
                self.refused = Some(named.id);
                Some(Look::Unreadable(damage))
            }
            // It is tried again at each look: its owner may let us read it.
            OpenedSegment::Damage(_) | OpenedSegment::Gone => None,
        }
    }
}

/// How many looks there are between two listings of the directory, while nothing else says that it
/// changed: once a second.
const LOOKS_PER_LIST: u32 = 10;
