//! Retention: decides which closed segments are removed so that the directory keeps its limits, and
//! handles those that cannot be removed. Everything here happens under the lock; the decisions are
//! in `limits` and `age`.

use std::collections::BTreeSet;
use std::io;

use time::OffsetDateTime;

use super::age::{AgeStart, Now, Witness, check_interval, is_older, newest_of_closed, removal_now};
use super::disk::Directory;
use super::head::{FoundBy, Held, LocatedHead};
use super::latest::{Latest, latest_of_segment, newest_of_others, newest_up_to};
use super::lock::Extent;
use super::segment::{SegmentForm, SegmentNumber, partial_of};
use super::segment_file::SegmentFile;
use super::{Listed, Removed, Store, first_timestamp_of, list};
use crate::error::{Error, Result};
use crate::record::LineTime;

/// The segments that this writer tried to remove and could not.
#[derive(Debug, Default)]
pub(super) struct StuckSegments {
    numbers: BTreeSet<SegmentNumber>,
    /// The last one that was retried.
    tried: Option<SegmentNumber>,
}

impl StuckSegments {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn contains(&self, number: SegmentNumber) -> bool {
        self.numbers.contains(&number)
    }

    /// Returns those to retry now: a few at a time, in turn, because there may be thousands.
    fn next_to_try(&mut self) -> Vec<SegmentNumber> {
        let after = |number: &&SegmentNumber| self.tried.is_none_or(|tried| **number > tried);
        let later = self.numbers.iter().filter(after);
        let earlier = self.numbers.iter().filter(|number| !after(number));
        let chosen: Vec<_> = later
            .chain(earlier)
            .take(TRIED_AGAIN_MAX)
            .copied()
            .collect();
        self.tried = chosen.last().copied();
        chosen
    }
}

/// A list of segments of which some are removed.
struct Removal<'a> {
    held: Held<'a>,
    extent: Extent,
    /// Those that were not processed yet, the oldest first.
    listed: &'a [Listed],
    removed: Removed,
    failure: Option<Error>,
}

impl<'a> Removal<'a> {
    fn of(held: Held<'a>, extent: Extent, listed: &'a [Listed]) -> Self {
        Self {
            held,
            extent,
            listed,
            removed: Removed::default(),
            failure: None,
        }
    }
}

impl Store {
    /// Removes the oldest closed segments until one more fits within the limits, and returns the
    /// floor. A segment that cannot be removed is skipped, and counts.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed, or if the segments that cannot be
    /// removed are alone larger than the total. Until then recording continues, if necessary in the
    /// two newest segments alone: so the directory exceeds its total by less than these two, and
    /// never grows without limit.
    pub(super) fn make_room(
        &mut self,
        held: Held<'_>,
        found: LocatedHead,
        now: Now,
    ) -> Result<SegmentNumber> {
        match found.by {
            FoundBy::Cache(_) | FoundBy::Listing => {}
            FoundBy::Nothing => return Ok(found.extent.floor),
        }
        let listed = self.list_and_try_again(held, found.extent.floor)?;
        let by_age = self.keep_by_age(held.directory, &listed, found.extent.head, now);
        let mut removal = Removal::of(held, found.extent, &listed);
        self.remove_for_room(&mut removal, size_of(&listed), by_age)?;
        let is_stuck = |segment: &&Listed| self.stuck.contains(segment.number);
        let stuck_bytes: u64 = listed
            .iter()
            .filter(is_stuck)
            .map(|segment| segment.bytes)
            .sum();
        if stuck_bytes > self.limits.total_bytes_max {
            let path = &self.path;
            let why = || {
                let reason = "its segments cannot be removed and exceed its total; `localtel doctor` names them";
                Error::directory(path, reason)
            };
            return Err(removal.failure.unwrap_or_else(why));
        }
        Ok(removal.extent.floor)
    }

    /// Removes the oldest of the listed segments until one more than those of that size and number
    /// fits, and at least those below `keep_from`.
    fn remove_for_room(
        &mut self,
        removal: &mut Removal<'_>,
        (mut bytes, mut count): (u64, u64),
        keep_from: SegmentNumber,
    ) -> Result<()> {
        loop {
            let is_stuck = |number| self.stuck.contains(number);
            let by_room = self
                .limits
                .keep_from(removal.listed, (bytes, count), is_stuck);
            let before = removal.removed;
            if !self.remove_below(removal, by_room.max(keep_from))? {
                return Ok(());
            }
            bytes -= removal.removed.bytes - before.bytes;
            count -= removal.removed.segments - before.segments;
        }
    }

    /// Removes the oldest closed segments until the others fit within limits that have changed,
    /// beside a head that becomes full.
    pub(super) fn remove_excess(&mut self, held: Held<'_>) {
        let Some(extent) = held.locked.extent() else {
            return;
        };
        // A failure is retried at the next rotation, which reports why it cannot make room.
        let Ok(listed) = self.list_and_try_again(held, extent.floor) else {
            return;
        };
        let closed = listed.partition_point(|segment| segment.number < extent.head);
        let closed = size_of(listed.get(..closed).unwrap_or_default());
        let mut removal = Removal::of(held, extent, &listed);
        drop(self.remove_for_room(&mut removal, closed, extent.floor));
    }

    /// Lists the segments, after trying again to remove some of those that are stuck.
    fn list_and_try_again(&mut self, held: Held<'_>, floor: SegmentNumber) -> Result<Vec<Listed>> {
        for number in self.stuck.next_to_try() {
            let removed = (number < floor).then(|| remove(held.directory, number));
            if removed.is_none_or(|removed| removed.is_ok()) {
                self.stuck.numbers.remove(&number);
            }
        }
        list(held.directory)
    }

    /// Removes expired segments where no rotation does, at most once in a while and when a writer
    /// enters a directory. If none has expired, that costs a read of the start of the lowest
    /// segment.
    pub(super) fn remove_outdated(&mut self, held: Held<'_>, found: LocatedHead, now: Now) {
        let Extent { head, floor } = found.extent;
        if head <= floor || !self.may_be_outdated(held.directory, floor, now.clock) {
            return;
        }
        self.note_others(held.directory, now);
        // A failure is retried at the next rotation, which reports why it cannot make room.
        let Ok(listed) = self.list_and_try_again(held, floor) else {
            return;
        };
        let keep_from = self.keep_by_age(held.directory, &listed, head, now);
        let mut removal = Removal::of(held, found.extent, &listed);
        drop(self.remove_below(&mut removal, keep_from));
    }

    /// Removes the segment that was the head until now, if all of it has expired and no segment
    /// below it is left.
    pub(super) fn remove_outdated_head(
        &mut self,
        held: Held<'_>,
        (old_head, floor): (SegmentNumber, SegmentNumber),
        latest: Latest,
        now: Now,
    ) {
        let Some(head) = self.active.as_ref().map(|active| active.number) else {
            return;
        };
        if floor < old_head || !self.is_outdated(latest, self.removal_now(now)) {
            return;
        }
        // A failure is retried at the next rotation.
        if let Ok(listed) = list(held.directory) {
            let mut removal = Removal::of(held, Extent { head, floor }, &listed);
            drop(self.remove_below(&mut removal, head));
        }
    }

    /// Returns `true` if all of the lowest segment may have expired by this clock.
    fn may_be_outdated(
        &self,
        directory: &Directory,
        lowest: SegmentNumber,
        clock: OffsetDateTime,
    ) -> bool {
        let is_old = |time| is_older(time, clock, self.limits.age_max);
        let Some(start) = first_timestamp_of(directory, lowest).filter(|start| is_old(*start))
        else {
            return false;
        };
        let stated = latest_of_segment(directory, lowest).and_then(LineTime::to_moment);
        let next = first_timestamp_of(directory, lowest.next());
        newest_of_closed(stated, next, Some(start), clock).is_none_or(is_old)
    }

    /// Returns `true` if the ages of the segments are due to be checked.
    pub(super) fn is_age_check_due(&mut self, now: Now) -> bool {
        let every = check_interval(self.limits.age_max);
        let is_due = self
            .ages_checked
            .is_none_or(|ages_checked| now.steady.saturating_duration_since(ages_checked) >= every);
        if is_due {
            self.ages_checked = Some(now.steady);
        }
        is_due
    }

    /// Returns `true` if no record of the head is younger than the greatest age, by this clock.
    pub(super) fn is_head_outdated(
        &self,
        directory: &Directory,
        found: LocatedHead,
        size: u64,
        now: Now,
    ) -> bool {
        let Some(active) = self.active.as_ref().filter(|_| size > 0) else {
            return false;
        };
        // Most heads start within that age, and then so do their other records. A head that was
        // started by a clock that is behind is as old as the segment before it.
        let may_be = match active.start {
            AgeStart::At(start) => is_older(start, now.clock, self.limits.age_max),
            AgeStart::Unknown => active.first.is_none(),
        };
        may_be && self.is_outdated(self.latest_of_head(directory, found, Some(size)), now.clock)
    }

    /// Returns `true` if all lines up to that latest time have expired.
    pub(super) fn is_outdated(&self, latest: Latest, now: OffsetDateTime) -> bool {
        let latest = latest.time().and_then(LineTime::to_moment);
        latest.is_some_and(|latest| is_older(latest, now, self.limits.age_max))
    }

    /// Returns the time that removal by age takes for now, from the records of others that this
    /// session has seen.
    pub(super) fn removal_now(&self, now: Now) -> OffsetDateTime {
        removal_now(now, self.witness)
    }

    /// Notes the newest of the records that others appended to the head since the last check.
    pub(super) fn note_others(&mut self, directory: &Directory, now: Now) {
        let (Some(active), Some(session)) = (&mut self.active, self.session) else {
            return;
        };
        let end = std::mem::take(&mut active.others_bytes);
        if let Some(newest) = newest_of_others(directory, &active.file, end, session) {
            self.witness = Some(Witness::after(self.witness, newest, now.steady));
        }
    }

    /// Returns the lowest segment with a record young enough to be kept.
    fn keep_by_age(
        &mut self,
        directory: &Directory,
        listed: &[Listed],
        head: SegmentNumber,
        now: Now,
    ) -> SegmentNumber {
        let listed = listed
            .split_at(listed.partition_point(|one| one.number <= head))
            .0;
        let by_clock = self.keep_by_age_from(directory, listed, now.clock, now.clock);
        if by_clock == SegmentNumber::FIRST {
            return by_clock;
        }
        if self.witness.is_none() || self.removal_now(now) < now.clock {
            self.note_others_below(directory, listed, now);
        }
        match self.removal_now(now) {
            counted_from if counted_from == now.clock => by_clock,
            counted_from => self.keep_by_age_from(directory, listed, counted_from, now.clock),
        }
    }

    /// Returns the lowest of these segments with a record young enough, where ages count from that
    /// time. Records between it and the clock are young; those ahead of the clock are not evidence.
    fn keep_by_age_from(
        &self,
        directory: &Directory,
        listed: &[Listed],
        counted_from: OffsetDateTime,
        clock: OffsetDateTime,
    ) -> SegmentNumber {
        let is_old = |time| is_older(time, counted_from, self.limits.age_max);
        let mut keep_from = SegmentNumber::FIRST;
        let mut earlier = None;
        let mut first = None;
        for pair in listed.windows(2) {
            let [older, newer] = pair else { break };
            first = first.or_else(|| first_timestamp_of(directory, older.number));
            let start = first.filter(|first| *first <= clock);
            if start.is_some_and(|start| !is_old(start)) {
                break;
            }
            earlier = start.max(earlier);
            let stated =
                match latest_of_segment(directory, older.number).and_then(LineTime::to_moment) {
                    // A clock that is ahead recorded in it, too; the records of others there still
                    // count.
                    Some(stated) if stated > clock => newest_up_to(directory, older.number, clock),
                    stated => stated,
                };
            let next = first_timestamp_of(directory, newer.number);
            match newest_of_closed(stated, next, earlier, clock) {
                Some(newest) if is_old(newest) => {
                    keep_from = newer.number;
                }
                Some(_) => break,
                // This one has no bound; a later one may have.
                None => {}
            }
            first = next;
        }
        keep_from
    }

    /// Reads, once in a session, the newest record of another session in the highest segments: the
    /// records seen so far may be from a clock that is behind.
    fn note_others_below(&mut self, directory: &Directory, listed: &[Listed], now: Now) {
        let Some(session) = self.session.filter(|_| !self.has_read_below) else {
            return;
        };
        self.has_read_below = true;
        let newest = listed
            .iter()
            .rev()
            .take(READ_BELOW_MAX)
            .filter_map(|segment| {
                let (file, bytes) = SegmentFile::open(directory, segment.number).ok()?;
                let bytes = file.bytes_or(bytes, directory).ok()?;
                newest_of_others(directory, &file, bytes, session)
            })
            .max();
        if let Some(newest) = newest {
            self.witness = Some(Witness::after(self.witness, newest, now.steady));
        }
    }

    /// Declares everything below `keep_from` removed, then removes it, lowest number first.
    ///
    /// # Errors
    ///
    /// Returns the first failure: one file that cannot be removed does not prevent the removal of
    /// others.
    pub(super) fn move_floor(
        &mut self,
        held: Held<'_>,
        extent: Extent,
        keep_from: SegmentNumber,
        listed: &[Listed],
    ) -> Result<Removed> {
        let mut removal = Removal::of(held, extent, listed);
        self.remove_below(&mut removal, keep_from)?;
        removal.failure.map_or(Ok(removal.removed), Err)
    }

    /// Declares everything below `keep_from` removed, then removes it, lowest number first. Returns
    /// `true` if there was anything below it.
    ///
    /// This is the only place where segments are removed on purpose: the declaration of a removal
    /// belongs here.
    fn remove_below(
        &mut self,
        removal: &mut Removal<'_>,
        keep_from: SegmentNumber,
    ) -> Result<bool> {
        let Held { directory, locked } = removal.held;
        let floor = removal.extent.floor.max(keep_from);
        if floor > removal.extent.floor {
            removal.extent.floor = floor;
            locked.set_extent(directory, removal.extent)?;
        }
        let below = removal
            .listed
            .partition_point(|segment| segment.number < floor);
        let (below, rest) = removal.listed.split_at(below);
        removal.listed = rest;
        for segment in below {
            if self.stuck.contains(segment.number) {
                continue;
            }
            match remove(directory, segment.number) {
                Ok(SegmentRemoval::Removed) => {
                    removal.removed.segments += 1;
                    removal.removed.bytes += segment.bytes;
                }
                Ok(SegmentRemoval::Missing) => {}
                Err((name, error)) => {
                    self.stuck.numbers.insert(segment.number);
                    let path = self.path.join(name);
                    removal
                        .failure
                        .get_or_insert_with(|| Error::io("remove", &path)(error));
                }
            }
        }
        Ok(!below.is_empty())
    }

    /// Returns the start of a segment, for the computation of its age. The one before it is read
    /// only if the segment would be too old to be appended to, or has no time.
    pub(super) fn start_of(
        &self,
        directory: &Directory,
        number: SegmentNumber,
        first: Option<OffsetDateTime>,
        now: Now,
    ) -> AgeStart {
        let is_young = first.is_some_and(|first| {
            let age_max = self.limits.segment_age_max.min(self.limits.age_max);
            first <= now.clock && !is_older(first, now.clock, age_max)
        });
        let before = SegmentNumber::new(number.get() - 1)
            .filter(|_| !is_young)
            .and_then(|before| first_timestamp_of(directory, before));
        AgeStart::of(first, before, now.clock)
    }
}

/// Returns the bytes and the number of these segments.
fn size_of(listed: &[Listed]) -> (u64, u64) {
    let bytes = listed.iter().map(|segment| segment.bytes);
    (bytes.sum(), listed.len() as u64)
}

/// The result of removing a segment.
enum SegmentRemoval {
    Removed,
    Missing,
}

/// Removes a segment in all of its forms, and what a process has compressed of it. Returns the name
/// of the first file that could not be removed.
fn remove(
    directory: &Directory,
    number: SegmentNumber,
) -> Result<SegmentRemoval, (String, io::Error)> {
    let forms = SegmentForm::ALL.map(|form| form.name_of(number));
    let partial = partial_of(&SegmentForm::Zstd.name_of(number));
    let mut removal = SegmentRemoval::Missing;
    for name in [partial].into_iter().chain(forms.into_iter().rev()) {
        let removed = directory.facts(&name).and_then(|_| directory.remove(&name));
        match removed {
            Ok(()) => removal = SegmentRemoval::Removed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err((name, error)),
        }
    }
    Ok(removal)
}

/// Number of the segments that could not be removed that are retried at a rotation.
const TRIED_AGAIN_MAX: usize = 8;

/// Number of segments that are searched for records of other sessions, once in a session: some 10
/// ms.
const READ_BELOW_MAX: usize = 16;
