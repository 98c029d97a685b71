//! The latest time of lines: the key `latest` of a `session` record, how a writer that does not
//! know the value reads it back, and how a reader finds it. A value is an upper bound of every
//! record that a reader may find there; an unknown value is left out.
//!
//! In the first line of a segment it covers the whole segment before it, in any other line the
//! lines before it in its own segment. So no value outlives its lines: neither a clock that was
//! wrong nor a segment of which nothing is known has an effect beyond its segment.

use std::io;

use memchr::memmem::Finder;
use time::OffsetDateTime;
use uuid::Uuid;

use super::disk::Directory;
use super::limits::READ_LINE_BYTES_MAX;
use super::read_at::ReadAt;
use super::segment::SegmentNumber;
use super::segment_file::SegmentFile;
use crate::record::own::{LATEST_LINE_BYTES_MAX, LATEST_MARK, latest_in, may_precede_latest};
use crate::record::{LineTime, OPENING, Record};

/// The latest time of the lines of a segment, or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Latest {
    /// It is not known.
    Unknown,
    /// No line has a time.
    Nothing,
    /// No line has a later time.
    At(LineTime),
}

impl Latest {
    /// Returns the latest time of both together.
    pub(crate) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Nothing, known) | (known, Self::Nothing) => known,
            (Self::At(one), Self::At(other)) => Self::At(one.max(other)),
        }
    }

    /// Returns the time, if it is known.
    pub(crate) fn time(self) -> Option<LineTime> {
        match self {
            Self::At(time) => Some(time),
            Self::Unknown | Self::Nothing => None,
        }
    }
}

impl From<Option<LineTime>> for Latest {
    fn from(time: Option<LineTime>) -> Self {
        time.map_or(Self::Nothing, Self::At)
    }
}

/// The `latest` of a `session` record inside a segment: no line before it in the segment has a
/// later time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaxTimestamp {
    /// The position of the record in the segment.
    pub(crate) byte: u64,
    /// The time.
    pub(crate) latest: LineTime,
}

/// Reads back the latest time of the first bytes of a segment, from the nearest place that contains
/// it. Returns `Unknown` if that would take too long or cannot be read.
pub(super) fn read_back(directory: &Directory, file: &dyn ReadAt, bytes: u64) -> Latest {
    let reach = bytes.saturating_sub(READ_BACK_BYTES_MAX);
    let known = last_max_timestamp(directory, file, (reach, bytes), |_| true);
    let (from, latest) = match known {
        Ok(Some(max)) => (max.byte, Latest::At(max.latest)),
        Ok(None) if reach == 0 => (0, Latest::Nothing),
        Ok(None) | Err(_) => return Latest::Unknown,
    };
    latest_between(directory, file, (from, bytes), |_| true)
        .map_or(Latest::Unknown, |rest| latest.with(rest))
}

/// Finds the latest time of a whole segment, in the first line of the one after it.
pub(crate) fn latest_of_segment(directory: &Directory, number: SegmentNumber) -> Option<LineTime> {
    let (file, _) = SegmentFile::open(directory, number.next()).ok()?;
    let mut start = [0; LATEST_LINE_BYTES_MAX];
    let read = directory.read_back_start(&file, &mut start).ok()?;
    let start = start.get(..read)?;
    let end = memchr::memchr(b'\n', start)?;
    latest_in(start.get(..end)?)
}

/// Finds the last record between two bytes of a segment that contains a wanted `latest`.
pub(crate) fn last_max_timestamp(
    directory: &Directory,
    file: &dyn ReadAt,
    (from, to): (u64, u64),
    is_wanted: impl Fn(LineTime) -> bool,
) -> io::Result<Option<MaxTimestamp>> {
    let finder = Finder::new(LATEST_MARK);
    let mut bytes = Vec::new();
    let mut high = to;
    while high > from {
        let low = high.saturating_sub(BLOCK_BYTES).max(from);
        // A record that ends in the block is read whole, and one that ends after it was read
        // before.
        let base = low.saturating_sub(LATEST_LINE_BYTES_MAX as u64);
        bytes.resize(usize::try_from(high - base).unwrap_or_default(), 0);
        let read = directory.read_back(file, &mut bytes, base)?;
        bytes.truncate(read);
        let marks: Vec<usize> = finder.find_iter(&bytes).collect();
        for at in marks.into_iter().rev() {
            let found = max_timestamp_at(&bytes, base, at);
            if let Some(max) = found.filter(|max| max.byte > 0 && is_wanted(max.latest)) {
                return Ok(Some(max));
            }
        }
        high = low;
    }
    Ok(None)
}

/// Reads the record around a mark in bytes of a segment that start at `base`.
fn max_timestamp_at(bytes: &[u8], base: u64, mark: usize) -> Option<MaxTimestamp> {
    let (before, after) = bytes.split_at_checked(mark)?;
    if !may_precede_latest(before) {
        return None;
    }
    let start = match memchr::memrchr2(b'\n', b'\0', before) {
        Some(end) => end + 1,
        None if base == 0 => 0,
        None => return None,
    };
    let end = mark + memchr::memchr(b'\n', after)?;
    let latest = latest_in(bytes.get(start..end)?)?;
    let byte = base + start as u64;
    Some(MaxTimestamp { byte, latest })
}

/// Finds the latest time of those records of a closed segment that are not later than that.
pub(super) fn newest_up_to(
    directory: &Directory,
    number: SegmentNumber,
    now: OffsetDateTime,
) -> Option<OffsetDateTime> {
    let (file, bytes) = SegmentFile::open(directory, number).ok()?;
    let bytes = file.bytes_or(bytes, directory).ok()?;
    let now = LineTime::not_after(now)?;
    let is_past = |time: LineTime| time <= now;
    (bytes <= READ_BACK_BYTES_MAX)
        .then(|| latest_between(directory, &file, (0, bytes), is_past).ok())
        .flatten()?
        .time()?
        .to_moment()
}

/// Finds the latest time of those records between two bytes of a segment that count; both are ends
/// of lines.
pub(super) fn latest_between(
    directory: &Directory,
    file: &dyn ReadAt,
    (from, to): (u64, u64),
    counts: impl Fn(LineTime) -> bool,
) -> io::Result<Latest> {
    let latest_of = |line: &[u8], finder: &Finder<'_>| match latest_of(line, finder) {
        Latest::At(time) if !counts(time) => Latest::Nothing,
        latest @ (Latest::Unknown | Latest::Nothing | Latest::At(_)) => latest,
    };
    let finder = Finder::new(OPENING);
    let mut latest = Latest::Nothing;
    let mut bytes = Vec::new();
    let mut read_to = from;
    loop {
        let kept = bytes.len();
        let wanted = to.saturating_sub(read_to).min(BLOCK_BYTES);
        bytes.resize(kept + usize::try_from(wanted).unwrap_or_default(), 0);
        let block = bytes.get_mut(kept..).unwrap_or_default();
        let read = directory.read_back(file, block, read_to)?;
        bytes.truncate(kept + read);
        read_to += read as u64;
        let mut rest = bytes.as_slice();
        // A reader ends a line at these two characters.
        while let Some((line, after)) =
            memchr::memchr2(b'\n', b'\0', rest).and_then(|end| rest.split_at_checked(end))
        {
            latest = latest.with(latest_of(line, &finder));
            rest = after.get(1..).unwrap_or_default();
        }
        if read == 0 {
            return Ok(latest.with(latest_of(rest, &finder)));
        }
        if latest == Latest::Unknown || rest.len() > READ_LINE_BYTES_MAX {
            return Ok(Latest::Unknown);
        }
        let done = bytes.len() - rest.len();
        bytes.drain(..done);
    }
}

/// Finds the latest time of the records that a reader may find in the bytes between two ends of
/// lines: usually one, and in a damaged line those after the damage.
fn latest_of(line: &[u8], finder: &Finder<'_>) -> Latest {
    let inside = line.get(1..).unwrap_or_default();
    let is_plain = finder.find(inside).is_none();
    if is_plain && let Some(time) = LineTime::of_line(line) {
        return Latest::At(time);
    }
    if let Ok(record) = Record::parse(line) {
        let time = record.timestamp.to_moment();
        return LineTime::not_before(time).map_or(Latest::Unknown, Latest::At);
    }
    if is_plain {
        return Latest::Nothing;
    }
    let is_json = matches!(line.trim_ascii_start().first(), Some(b'{' | b'['));
    if is_json && !line.starts_with(OPENING.as_bytes()) {
        // The bytes before the first place could be a record that is written in another form.
        return Latest::Unknown;
    }
    finder.find_iter(line).fold(Latest::Nothing, |latest, at| {
        let record = line.get(at..).unwrap_or_default();
        latest.with(LineTime::of_line(record).map_or(Latest::Unknown, Latest::At))
    })
}

/// Finds the newest record of another session among the last lines before a byte of a segment.
pub(super) fn newest_of_others(
    directory: &Directory,
    file: &dyn ReadAt,
    end: u64,
    session: Uuid,
) -> Option<OffsetDateTime> {
    // The second try is for lines that are longer than the first one reaches.
    [BLOCK_BYTES, 2 * READ_LINE_BYTES_MAX as u64]
        .into_iter()
        .find_map(|reach| {
            let start = end.saturating_sub(reach);
            let mut bytes = vec![0; usize::try_from(end - start).ok()?];
            let read = directory.read_back(file, &mut bytes, start).ok()?;
            let lines = bytes
                .get(..read)?
                .split(|byte| matches!(byte, b'\n' | b'\0'));
            let whole = lines.skip(usize::from(start > 0));
            whole
                .filter_map(|line| Record::parse(line).ok())
                .filter(|record| record.session != session)
                .map(|record| record.timestamp.to_moment())
                .max()
        })
}

/// The size of one read: a few hundred lines.
const BLOCK_BYTES: u64 = 64 * 1024;

/// The number of bytes that a writer reads back: a whole segment of the default size takes some 10
/// ms, in which others wait. It is reached only where no earlier writer wrote `latest`.
const READ_BACK_BYTES_MAX: u64 = 16 << 20;
