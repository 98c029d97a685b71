//! Follows a directory: returns the items of a reader, and then those that are added later, across
//! rotation, removal, clearing, and a directory that is deleted and created again. It never blocks:
//! `poll` returns at once, and the caller decides how long to pause.
//!
//! No record is missed and no record is returned twice: only whole lines are consumed, a segment is
//! read once more after its successor was found, and an open segment can be read after its removal.
//! A notice reports segments that were removed before they were reached.
//!
//! If a program other than localtel replaces the open segment, truncates it, or empties and refills
//! it, a notice reports that, and the file is read from its start. Lines of this segment that were
//! read before (`seen`) are skipped, so that every line of the new file is returned, and lines that
//! both files contain are returned once. A directory that replaces the old one is read from its
//! start, unless it contains the open segment with the same first line: then it is a copy, and
//! reading continues in that segment.
//!
//! These changes cannot be detected: data that was added and removed between two polls; changes to
//! a segment that was already left; and changes in the middle of the open segment that keep its
//! first line, its last line and its size. A directory that was emptied and started again is
//! detected by the segment below the open one, which then differs, or by the writer's segment
//! number, which is then lower.

use std::time::Duration;

use super::Item;
use super::damage::{Damage, Notice, Position};
use super::open_segment::{OpenSegment, OpenedSegment, open_segment};
use super::piece::Found;
use super::seen::SeenLines;
use super::walk::SegmentWalk;
use crate::error::Result;
use crate::record::Record;
use crate::store;
use crate::store::disk::{Access, Directory, Facts, FileId};
use crate::store::lock::Extent;
use crate::store::segment::SegmentNumber;

/// A reader that continues when more data is added.
#[derive(Debug)]
pub struct Follower {
    pub(super) walk: SegmentWalk,
    state: FollowState,
    /// Number of consecutive polls that found nothing new.
    idle_polls: u32,
    /// The size of the open segment when it was last read to its end, so that an unfinished line is
    /// not read again at each poll.
    bytes_seen: u64,
    /// The lines that were read of the open segment.
    seen: SeenLines,
    /// The file in the place of the open segment that could not be opened; its damage was reported.
    refused: Option<FileId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FollowState {
    /// There may be more to read at once.
    Reading,
    /// The last poll reached the end.
    AtEnd,
}

/// The result of checking the files without reading them.
#[derive(Debug)]
enum SegmentCheck {
    Same,
    Changed,
    /// Another program truncated or rewrote the open segment.
    Rewritten(Notice),
    /// The file in the place of the open segment cannot be read.
    Unreadable(Damage),
}

impl Follower {
    /// The pause between two polls that found nothing: too short for a person to notice, and three
    /// system calls ten times a second cost almost nothing.
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
            idle_polls: 0,
            bytes_seen: 0,
            seen: seen.unwrap_or_default(),
            refused: None,
        }
    }

    /// Returns an iterator over the new records and the damage between them. It never blocks, and
    /// ends when there is no new data. If the directory cannot be listed, the last item is a damage
    /// with that error. Notices are left out; [`poll`](Self::poll) returns them.
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

    /// Returns the next item, or `None` if there is no new data.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed.
    pub fn poll(&mut self) -> Result<Option<Item<'_>>> {
        if self.state == FollowState::AtEnd {
            match self.check_files()? {
                SegmentCheck::Same => {
                    self.idle_polls += 1;
                    return Ok(None);
                }
                SegmentCheck::Changed => {}
                SegmentCheck::Rewritten(notice) => {
                    self.read_again();
                    return Ok(Some(Item::Notice(notice)));
                }
                SegmentCheck::Unreadable(damage) => return Ok(Some(Item::Damage(damage))),
            }
        }
        let Some(found) = self.next_of_walk()? else {
            self.state = FollowState::AtEnd;
            self.idle_polls += 1;
            if let Some(open) = self.walk.open_mut() {
                self.bytes_seen = open.scanner().byte_read();
                open.scanner_mut().forget_pending();
            }
            return Ok(None);
        };
        self.idle_polls = 0;
        self.state = FollowState::Reading;
        if let Found::Notice(
            Notice::SegmentReplaced { .. } | Notice::Truncated { .. } | Notice::Replaced,
        ) = &found
        {
            self.seen.rewritten();
        }
        Ok(Some(found.item(|range| self.walk.bytes(range))))
    }

    /// Finds the next item that was not in the open segment before it was rewritten.
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

    /// Returns to the start of the open segment, to find new lines in it.
    fn read_again(&mut self) {
        self.seen.rewritten();
        self.bytes_seen = 0;
        self.state = FollowState::Reading;
        if let Some(open) = self.walk.open_mut() {
            open.rewind(Position::start_of(open.number()));
        }
    }

    /// Returns the position in the segment that is being read, if there is one.
    pub fn cursor(&self) -> Option<Position> {
        self.walk.open().map(|open| open.scanner().cursor())
    }

    /// Checks with few system calls whether there may be data to read.
    fn check_files(&mut self) -> Result<SegmentCheck> {
        if let Some(check) = self.check_segment() {
            return Ok(check);
        }
        if let Some(other) = self.other_directory() {
            // A copy contains the lines that were read before, and only those after them are new.
            let copied = self.walk.open().map(OpenSegment::number).filter(|number| {
                matches!(open_segment(&other, *number), OpenedSegment::File(file, _) if self.seen.begins(*number, &file))
            });
            self.walk.succeed(other, copied.map(Position::start_of));
            return Ok(SegmentCheck::Changed);
        }
        // With an open segment, its successor was just checked for; a listing finds more only if
        // the successor was removed at once.
        if self.walk.open().is_none() || self.idle_polls.is_multiple_of(POLLS_PER_LIST) {
            let highest = store::numbers(self.walk.directory())?.last().copied();
            if highest > self.walk.reached() {
                return Ok(SegmentCheck::Changed);
            }
            if self.was_restarted(highest) && self.begin_again() {
                return Ok(SegmentCheck::Changed);
            }
        }
        Ok(SegmentCheck::Same)
    }

    /// Returns the directory that has replaced this one.
    fn other_directory(&self) -> Option<Directory> {
        let directory = self.walk.directory();
        if directory.is_current() {
            return None;
        }
        Directory::open(directory.path(), Access::Read).ok()
    }

    /// Continues after the open segment at the start of the directory that has the path now.
    /// Returns `false` if no directory exists there any more.
    fn begin_again(&mut self) -> bool {
        let same = Directory::open(self.walk.directory().path(), Access::Read);
        let (Ok(same), Some(reached)) = (same, self.walk.reached()) else {
            return false;
        };
        self.walk.read_up_to(reached);
        self.walk.succeed(same, None);
        true
    }

    /// Returns `true` if the directory was emptied and its writer began again: all segments are
    /// below the one that was reached, and none above them is expected.
    fn was_restarted(&self, highest: Option<SegmentNumber>) -> bool {
        let (Some(highest), Some(reached)) = (highest, self.walk.reached()) else {
            return false;
        };
        highest < reached
            && Extent::peek(self.walk.directory()).is_some_and(|extent| extent.head < reached)
    }

    /// Checks the open segment and its successor; `None` means that both are unchanged.
    fn check_segment(&mut self) -> Option<SegmentCheck> {
        let directory = self.walk.directory();
        let open = self.walk.open()?;
        let number = open.number();
        let facts = open.file().facts(directory);
        let named = directory.facts(&number.file_name()).ok();
        let has_next = directory.facts(&number.next().file_name()).is_ok();
        let is_as_read = self.seen.is_in(open);
        let Ok(facts) = facts else {
            // Reading returns the error.
            return Some(SegmentCheck::Changed);
        };
        if let Some(named) = named.filter(|named| named.is_regular && named.id != facts.id)
            && let Some(check) = self.check_other_file(named, number)
        {
            return Some(check);
        }
        let cursor = self.walk.open()?.scanner().cursor();
        let is_rewritten = facts.bytes < cursor.byte || !is_as_read;
        if is_rewritten && self.is_refilled(number) && self.begin_again() {
            return Some(SegmentCheck::Changed);
        }
        let open = self.walk.open_mut()?;
        let read = open.scanner().byte_read();
        if facts.bytes < cursor.byte {
            return Some(SegmentCheck::Rewritten(Notice::Truncated {
                segment: number,
                bytes_before: read,
                bytes: facts.bytes,
            }));
        }
        if !is_as_read {
            return Some(SegmentCheck::Rewritten(Notice::SegmentReplaced {
                segment: number,
            }));
        }
        if facts.bytes < read {
            // A writer removed the start of a line after a short write.
            open.rewind(cursor);
            return Some(SegmentCheck::Changed);
        }
        // The removed line may have been replaced by one of the same length.
        let may_differ = self.bytes_seen != read && self.idle_polls.is_multiple_of(POLLS_PER_LIST);
        (facts.bytes != self.bytes_seen || may_differ || has_next).then_some(SegmentCheck::Changed)
    }

    /// Returns `true` if the whole directory was rewritten, and not only the open segment.
    fn is_refilled(&self, number: SegmentNumber) -> bool {
        self.seen.is_moved(number, self.walk.directory())
    }

    /// Checks another file that has the name of the open segment. It is read after the open one.
    fn check_other_file(&mut self, named: Facts, number: SegmentNumber) -> Option<SegmentCheck> {
        match open_segment(self.walk.directory(), number) {
            OpenedSegment::File(file, _) => {
                self.refused = None;
                let is_other = !self.seen.begins(number, &file);
                if is_other && self.is_refilled(number) && self.begin_again() {
                    return Some(SegmentCheck::Changed);
                }
                self.walk.replace(file);
                Some(SegmentCheck::Changed)
            }
            OpenedSegment::Damage(damage) if self.refused != Some(named.id) => {
                self.refused = Some(named.id);
                Some(SegmentCheck::Unreadable(damage))
            }
            // It is tried again at each poll: its owner may make it readable.
            OpenedSegment::Damage(_) | OpenedSegment::Gone => None,
        }
    }
}

/// Number of polls between two listings of the directory while nothing indicates a change: one
/// listing a second.
const POLLS_PER_LIST: u32 = 10;
