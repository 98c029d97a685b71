//! Counts the records in a segment while it is copied, and takes those in a range.

use localtel::read::raw::RawRecord;
use localtel::read::{Damage, Fold, Line, Timestamp};

use super::tee::SharedCopy;
use crate::manifest::{BundleRange, TimeSpan};

/// What becomes of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineUse {
    /// They are counted.
    Counted,
    /// Those in the range are also kept as bytes.
    Kept(RangeBounds),
}

/// The ends of a range, in the form of a line, which sorts as the times do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RangeBounds {
    since: Option<TimeBytes>,
    until: Option<TimeBytes>,
}

/// A time as in a line.
type TimeBytes = [u8; TIME_BYTES];

impl RangeBounds {
    pub(super) fn of(range: BundleRange) -> Self {
        let bytes = |time: Timestamp| time_bytes(time.to_string().as_bytes());
        Self {
            since: range.since().and_then(bytes),
            until: range.until().and_then(bytes),
        }
    }

    /// Returns `true` for a time in the range; both ends belong to it.
    fn contains(&self, time: &[u8]) -> bool {
        self.since.is_none_or(|since| time >= &since[..])
            && self.until.is_none_or(|until| time <= &until[..])
    }

    /// Returns `true` if both ends of a span are in the range.
    fn contains_both(&self, (first, last): (TimeBytes, TimeBytes)) -> bool {
        self.contains(&first) && self.contains(&last)
    }

    /// Returns `true` if a span is before the range or after it.
    fn is_beside(&self, (first, last): (TimeBytes, TimeBytes)) -> bool {
        self.since.is_some_and(|since| last < since)
            || self.until.is_some_and(|until| first > until)
    }

    /// Everything.
    pub(super) const EVERYTHING: Self = Self {
        since: None,
        until: None,
    };
}

/// The counts of a segment.
#[derive(Debug, Clone)]
pub(super) struct LineCounts {
    lines: LineUse,
    /// Number of records, of all times.
    pub(super) records: u64,
    /// Number of places that are not a record.
    pub(super) damaged: u64,
    /// Number of records that were kept.
    pub(super) kept: u64,
    /// The earliest and the latest time of the records that count.
    times: Option<(TimeBytes, TimeBytes)>,
    /// The lines that were kept and are not taken yet.
    kept_lines: Vec<u8>,
}

impl LineCounts {
    pub(super) fn new(lines: LineUse) -> Self {
        Self {
            lines,
            records: 0,
            damaged: 0,
            kept: 0,
            times: None,
            kept_lines: Vec::new(),
        }
    }

    /// Adds a record with its line.
    fn add(&mut self, line: &[u8], time: &[u8]) {
        self.records += 1;
        match self.lines {
            LineUse::Counted => self.note(time),
            LineUse::Kept(range) if range.contains(time) => {
                self.kept += 1;
                self.kept_lines.extend_from_slice(line);
                self.kept_lines.push(b'\n');
                self.note(time);
            }
            LineUse::Kept(_) => {}
        }
    }

    /// Returns the earliest and the latest time of the records that count.
    pub(super) fn times(&self) -> Option<TimeSpan> {
        let time = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse().ok();
        let (first, last) = self.times?;
        Some(TimeSpan::of(time(&first)?).with(TimeSpan::of(time(&last)?)))
    }

    /// Returns `true` if there are records and all of them are in a range.
    pub(super) fn are_all_in(&self, range: &RangeBounds) -> bool {
        self.times.is_some_and(|times| range.contains_both(times))
    }

    /// Returns `true` if certainly no record is in a range.
    pub(super) fn is_none_in(&self, range: &RangeBounds) -> bool {
        self.times.is_none_or(|times| range.is_beside(times))
    }

    /// Moves the lines that were kept into a copy.
    pub(super) fn take_kept(&mut self, copy: &SharedCopy) {
        copy.add(&self.kept_lines);
        self.kept_lines.clear();
    }

    /// Returns a value that counts the same and has counted nothing.
    pub(super) fn empty(&self) -> Self {
        Self::new(self.lines)
    }

    fn note(&mut self, time: &[u8]) {
        // Each record has a time of that length.
        if let Some(time) = time_bytes(time) {
            self.note_span((time, time));
        }
    }

    fn note_span(&mut self, (first, last): (TimeBytes, TimeBytes)) {
        self.times = Some(match self.times {
            Some((earlier, later)) => (first.min(earlier), last.max(later)),
            None => (first, last),
        });
    }
}

impl Fold for LineCounts {
    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        self.add(line.bytes(), raw.timestamp.bytes());
    }

    fn damage(&mut self, _: Damage) {
        self.damaged += 1;
    }

    fn merge(&mut self, later: &mut Self) {
        self.records += std::mem::take(&mut later.records);
        self.damaged += std::mem::take(&mut later.damaged);
        self.kept += std::mem::take(&mut later.kept);
        self.kept_lines.append(&mut later.kept_lines);
        if let Some(span) = later.times.take() {
            self.note_span(span);
        }
    }
}

fn time_bytes(time: &[u8]) -> Option<TimeBytes> {
    time.try_into().ok()
}

/// Number of bytes of a time in a line.
const TIME_BYTES: usize = 27;
