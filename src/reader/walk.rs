//! Walks through the segments of a directory, from a position to the end of the highest one, while
//! other processes append, rotate and remove. It distinguishes lost segments from those that were
//! removed on purpose. `open_segment` reads one segment; the caller decides what happens at the
//! end: `Reader` stops, `Follower` polls again.

use std::collections::VecDeque;
use std::ops::Range;

use time::OffsetDateTime;

use super::damage::{Damage, Notice, Position, SegmentRange};
use super::open_segment::{OpenSegment, OpenedSegment, SegmentPhase, open_segment, unreadable};
use super::piece::Found;
use super::plain_bytes::count_newlines;
use super::since::{is_older, start_in};
use crate::error::Result;
use crate::store;
use crate::store::disk::Directory;
use crate::store::lock::Extent;
use crate::store::segment::SegmentNumber;
use crate::store::segment_file::SegmentFile;

/// What is left to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WalkRest {
    /// Everything, also segments below the first one that is known.
    Whole,
    /// Everything from a position on.
    From(Position),
    /// Items that were found and not returned yet, and everything after them.
    Unreturned,
}

/// A position in a directory that moves forward.
#[derive(Debug)]
pub(super) struct SegmentWalk {
    directory: Directory,
    open: Option<OpenSegment>,
    /// The last segment that was left.
    passed: Option<SegmentNumber>,
    /// The lowest segment that existed at the start, or else the next one to be created: segments
    /// that were removed before are not reported.
    began: Option<SegmentNumber>,
    /// The position at which to start, if its segment is opened next.
    resume: Option<Position>,
    /// The last segment to read; higher ones were created later.
    last: Option<SegmentNumber>,
    /// The earliest time of interest; data that provably is older is skipped.
    since: Option<OffsetDateTime>,
    /// The segments of the last listing, the lowest first.
    listed: Vec<SegmentNumber>,
    /// The directory that replaced this one, and the position at which to start in it, if not at
    /// its start.
    successor: Option<(Directory, Option<Position>)>,
    queue: VecDeque<Found>,
}

impl SegmentWalk {
    /// Starts before the first of the listed segments and ends with the segment `last`.
    pub(super) fn new(
        directory: Directory,
        listed: Vec<SegmentNumber>,
        last: SegmentNumber,
    ) -> Self {
        Self {
            began: Some(first_to_come(&directory, &listed)),
            directory,
            open: None,
            passed: None,
            resume: None,
            last: Some(last),
            since: None,
            listed,
            successor: None,
            queue: VecDeque::new(),
        }
    }

    /// Moves to the position of an earlier item.
    pub(super) fn seek(&mut self, position: Position) {
        self.open = None;
        self.queue.clear();
        self.passed = SegmentNumber::new(position.segment.get() - 1);
        self.resume = Some(position);
    }

    /// Returns the current position, or the start.
    pub(super) fn start(&self) -> Position {
        match (&self.open, self.resume) {
            (Some(open), _) => open.scanner().cursor(),
            (None, Some(resume)) => resume,
            (None, None) => Position::start_of(
                self.passed
                    .map_or(SegmentNumber::FIRST, SegmentNumber::next),
            ),
        }
    }

    /// Returns what another walk through the directory has to read.
    pub(super) fn rest(&self) -> WalkRest {
        let is_all_returned = self.queue.is_empty()
            && self.successor.is_none()
            && self.open.as_ref().is_none_or(OpenSegment::is_at_cursor);
        if !is_all_returned {
            WalkRest::Unreturned
        } else if self.open.is_some() || self.passed.is_some() || self.resume.is_some() {
            WalkRest::From(self.start())
        } else {
            WalkRest::Whole
        }
    }

    /// Returns the earliest time of interest.
    pub(super) fn since(&self) -> Option<OffsetDateTime> {
        self.since
    }

    /// Sets the last segment to read.
    pub(super) fn read_up_to(&mut self, last: SegmentNumber) {
        self.last = Some(last);
    }

    /// Skips data that provably is older.
    pub(super) fn pass_over_before(&mut self, since: OffsetDateTime) {
        self.since = Some(since);
    }

    /// Removes the bound, so that later segments are read as well.
    pub(super) fn unbound(&mut self) {
        self.last = None;
    }

    /// Returns the directory.
    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns the segments of the last listing, the lowest first.
    pub(super) fn listed(&self) -> &[SegmentNumber] {
        &self.listed
    }

    /// Returns the directory and its segments.
    pub(super) fn into_listed(self) -> (Directory, Vec<SegmentNumber>) {
        (self.directory, self.listed)
    }

    /// Returns the segment that is being read.
    pub(super) fn open(&self) -> Option<&OpenSegment> {
        self.open.as_ref()
    }

    /// Returns the segment that is being read, mutably.
    pub(super) fn open_mut(&mut self) -> Option<&mut OpenSegment> {
        self.open.as_mut()
    }

    /// Returns the highest segment that was reached.
    pub(super) fn reached(&self) -> Option<SegmentNumber> {
        match &self.open {
            Some(open) => Some(open.number()),
            None => self.passed,
        }
    }

    /// Sets the file that replaces the open segment after that one is read to its end.
    pub(super) fn replace(&mut self, file: SegmentFile) {
        if let Some(open) = &mut self.open {
            open.successor = Some(file);
        }
    }

    /// Sets the directory that replaces this one after this one is read to its end, and the
    /// position at which to start in it, if not at its start.
    pub(super) fn succeed(&mut self, directory: Directory, start: Option<Position>) {
        self.successor = Some((directory, start));
    }

    /// Returns the bytes of a line that the last step found.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.open
            .as_ref()
            .map_or(&[], |open| open.scanner().bytes(range))
    }

    /// Finds the next item; `None` if there is no more data for now.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed. Any other failure is an item of damage.
    pub(super) fn step(&mut self) -> Result<Option<Found>> {
        loop {
            if let Some(found) = self.queue.pop_front() {
                return Ok(Some(found));
            }
            let Some(open) = &mut self.open else {
                if self.advance()? {
                    continue;
                }
                return Ok(None);
            };
            match open.step() {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {
                    if self.end_of_segment()? {
                        return Ok(None);
                    }
                }
                Err(error) => {
                    let damage = unreadable(open.scanner().cursor(), &error);
                    self.leave();
                    return Ok(Some(Found::Damage(damage)));
                }
            }
        }
    }

    /// Appends the next whole lines, unless another kind of item may come next.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed.
    pub(super) fn lines(
        &mut self,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<Option<(Position, Range<usize>)>> {
        while self.queue.is_empty() {
            match &mut self.open {
                None => {
                    if !self.advance()? {
                        break;
                    }
                }
                Some(open) if open.is_all_read() => self.leave(),
                Some(open) => return Ok(open.lines(into, bytes_max)),
            }
        }
        Ok(None)
    }

    /// Decides at the end of the open segment whether to wait, to read it once more, or to leave
    /// it. Returns `true` if the caller can only wait.
    fn end_of_segment(&mut self) -> Result<bool> {
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        let number = open.number();
        if let Some(file) = open.successor.take() {
            let start = Position::start_of(number);
            let phase = SegmentPhase::of(&file);
            self.open = Some(OpenSegment::new(file, start, phase));
            let replaced = Notice::SegmentReplaced { segment: number };
            self.queue.push_back(Found::Notice(replaced));
        } else if open.phase == SegmentPhase::Active {
            self.listed = store::numbers_without_lock(&self.directory)?;
            let is_highest = self.listed.last().is_none_or(|last| *last <= number);
            if is_highest && self.successor.is_none() {
                return Ok(true);
            }
            // Lines written before the successor appeared may have been added after our last read.
            open.phase = SegmentPhase::Closed;
        } else {
            let found = open.finish().unwrap_or_else(|error| {
                let damage = unreadable(open.scanner().cursor(), &error);
                Some(Found::Damage(damage))
            });
            match found {
                Some(found) => self.queue.push_back(found),
                None => self.leave(),
            }
        }
        Ok(false)
    }

    fn leave(&mut self) {
        if let Some(open) = self.open.take() {
            self.passed = Some(open.number());
        }
    }

    /// Moves to the next segment that exists. Returns `true` if there is new data to read.
    fn advance(&mut self) -> Result<bool> {
        let Some((first, next)) = self.next_segment()? else {
            if !self.queue.is_empty() {
                return Ok(true);
            }
            let Some((directory, start)) = self.successor.take() else {
                return Ok(false);
            };
            self.directory = directory;
            self.last = None;
            self.listed.clear();
            self.passed = start.and_then(|start| SegmentNumber::new(start.segment.get() - 1));
            self.began = None;
            self.resume = start;
            self.queue.push_back(Found::Notice(Notice::Replaced));
            return Ok(true);
        };
        let is_highest = self.listed.last().is_none_or(|last| *last <= next);
        let opened = match open_segment(&self.directory, next) {
            OpenedSegment::Gone => {
                // Others may be removed too: the next listing shows the remaining ones.
                self.listed.clear();
                return Ok(true);
            }
            opened @ (OpenedSegment::File(..) | OpenedSegment::Damage(_)) => opened,
        };
        // The floor is read after the names: it is raised before a segment is removed.
        self.report_gap(first, next);
        let start = match self.resume.take() {
            Some(position) if position.segment == next => Some(position),
            Some(_) | None => None,
        };
        match opened {
            OpenedSegment::File(file, bytes) => {
                let start = start.unwrap_or_else(|| self.start_in(&file, next));
                self.open = Some(if is_highest && file.is_plain() {
                    OpenSegment::new(file, start, SegmentPhase::Active)
                } else {
                    OpenSegment::closed(file, start, bytes)
                });
            }
            OpenedSegment::Damage(damage) => {
                self.passed = Some(next);
                self.queue.push_back(Found::Damage(damage));
            }
            OpenedSegment::Gone => {}
        }
        Ok(true)
    }

    /// Finds the next segment to open, and the lowest number that it could have had. The directory
    /// is listed only if the last listing has no further segment, and not for each segment: a
    /// directory may contain thousands.
    fn next_segment(&mut self) -> Result<Option<(SegmentNumber, SegmentNumber)>> {
        if let Some(found) = self.pass_older() {
            return Ok(Some(found));
        }
        let is_bound = |listed: &SegmentNumber| self.last.is_some_and(|last| *listed >= last);
        if self.listed.last().is_some_and(is_bound) {
            return Ok(None);
        }
        self.listed = store::numbers_without_lock(&self.directory)?;
        Ok(self.pass_older())
    }

    /// Finds the next listed segment. Segments that provably are older are skipped, at the cost of
    /// reading one line of each.
    fn pass_older(&mut self) -> Option<(SegmentNumber, SegmentNumber)> {
        loop {
            let first = self
                .passed
                .map_or(SegmentNumber::FIRST, SegmentNumber::next);
            let place = self.listed.partition_point(|number| *number < first);
            let next = self.listed.get(place).copied();
            let number = next.filter(|next| self.last.is_none_or(|last| *next <= last))?;
            let Some(since) = self.since else {
                return Some((first, number));
            };
            let is_resumed_at = self.resume.is_some_and(|start| start.segment == number);
            if is_resumed_at || !is_older(&self.directory, number, since) {
                return Some((first, number));
            }
            self.report_gap(first, number);
            self.passed = Some(number);
        }
    }

    /// Returns the start position in a segment.
    fn start_in(&self, file: &SegmentFile, number: SegmentNumber) -> Position {
        let start = Position::start_of(number);
        let byte = self
            .since
            .map_or(0, |since| start_in(&self.directory, file, since));
        match count_newlines(file, 0, byte) {
            Ok(newlines) => start.after(byte, newlines),
            Err(_) => start,
        }
    }

    /// Reports segments that should exist between two others and do not.
    fn report_gap(&mut self, first: SegmentNumber, next: SegmentNumber) {
        if first == next {
            return;
        }
        let floor = Extent::peek(&self.directory).map(|extent| extent.floor);
        let gap = Gap::between(first, next, floor);
        let removed = gap
            .removed
            .and_then(|segments| self.removed_during_walk(segments));
        if let Some(segments) = removed {
            self.queue
                .push_back(Found::Notice(Notice::Removed { segments }));
        }
        // Without a floor it is unknown whether the first segments were removed on purpose.
        if let Some(segments) = gap
            .lost
            .filter(|_| self.passed.is_some() || floor.is_some())
        {
            self.queue
                .push_back(Found::Damage(Damage::missing(segments)));
        }
    }

    /// Returns those of the removed segments that were not removed before the walk began.
    fn removed_during_walk(&self, removed: SegmentRange) -> Option<SegmentRange> {
        if self.passed.is_some() {
            return Some(removed);
        }
        let first = removed.first.max(self.began?);
        (first <= removed.last).then_some(SegmentRange { first, ..removed })
    }
}

/// Returns the lowest segment that exists, or else the next one to be created, if it is known.
fn first_to_come(directory: &Directory, listed: &[SegmentNumber]) -> SegmentNumber {
    let next = || {
        Extent::peek(directory).map_or(SegmentNumber::FIRST, |extent| {
            extent.floor.max(extent.head.next())
        })
    };
    listed.first().copied().unwrap_or_else(next)
}

/// Segments that should exist below another one and do not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Segments that were removed on purpose: below the floor.
    pub(super) removed: Option<SegmentRange>,
    /// Segments that are lost: not below the floor.
    pub(super) lost: Option<SegmentRange>,
}

impl Gap {
    /// Splits the numbers from `first` to before `next` at the floor.
    pub(super) fn between(
        first: SegmentNumber,
        next: SegmentNumber,
        floor: Option<SegmentNumber>,
    ) -> Self {
        let split = floor.map_or(first, |floor| floor.clamp(first, next.max(first)));
        let range = |from: SegmentNumber, to: SegmentNumber| {
            let last = SegmentNumber::new(to.get() - 1)?;
            (from <= last).then_some(SegmentRange { first: from, last })
        };
        Self {
            removed: range(first, split),
            lost: range(split, next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u64) -> SegmentNumber {
        SegmentNumber::new(number).unwrap()
    }

    #[test]
    fn a_gap_is_split_at_the_floor() {
        let range = |first, last| {
            Some(SegmentRange {
                first: number(first),
                last: number(last),
            })
        };
        let cases = [
            (3, 3, Some(1), None, None),
            (3, 6, Some(1), None, range(3, 5)),
            (3, 6, Some(5), range(3, 4), range(5, 5)),
            (3, 6, Some(9), range(3, 5), None),
            (3, 6, None, None, range(3, 5)),
        ];
        for (first, next, floor, removed, lost) in cases {
            let gap = Gap::between(number(first), number(next), floor.map(number));
            assert_eq!(gap, Gap { removed, lost }, "{first} {next} {floor:?}");
        }
    }
}
