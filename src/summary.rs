//! Summarises a directory: sizes, counts, sessions, losses, damage. It is one pass of the reader in
//! bounded memory; items beyond a bound are counted together, and the result contains a flag for
//! that. `tally` counts the sessions.

use std::collections::BTreeMap;
use std::path::Path;

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::error::Result;
use crate::reader::{Damage, Fold, Line, Notice, Reader};
use crate::record::raw::{RawRecord, RawText};
use crate::record::{Level, LineTime, Timestamp};
use crate::store::segment::SegmentNumber;
use crate::tally::{Losses, SessionTally, Sessions};

/// The contents of a telemetry directory.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The segments, the lowest first.
    pub segments: Vec<SegmentSize>,
    /// The size of all segments in bytes.
    pub bytes: u64,
    /// Number of readable records.
    pub records: u64,
    /// The earliest time of a record.
    pub first: Option<Timestamp>,
    /// The latest time of a record.
    pub last: Option<Timestamp>,
    /// The sessions that recorded.
    pub sessions: Sessions,
    /// Events that were offered and not kept, as far as the sessions recorded them.
    pub losses: Losses,
    /// Number of unreadable or missing items, and of runs of missing segments.
    pub damage: u64,
    /// Whether the last line has no newline: its writer is still writing it, or was stopped there.
    pub is_last_line_unfinished: bool,
    /// Number of records of each level.
    pub levels: BTreeMap<Level, u64>,
    /// Number of records of each event; records without an event name are not included.
    pub events: Tally,
    /// Number of records of each target.
    pub targets: Tally,
    /// Number of records of each source.
    pub sources: Tally,
}

/// The number and size of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentSize {
    /// The segment's number.
    pub number: u64,
    /// The segment's size in bytes.
    pub bytes: u64,
}

/// Number of occurrences of each name, up to a number of names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// The counts of the names that occurred first.
    pub counts: BTreeMap<String, u64>,
    /// The count of all others together.
    pub others: u64,
}

impl Tally {
    /// A thousand names are more than a person reads, and take at most 256 KiB.
    const NAMES_MAX: usize = 1000;
    const NAME_BYTES_MAX: usize = 256;

    fn add(&mut self, name: &str, times: u64) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += times;
        } else if self.counts.len() < Self::NAMES_MAX && name.len() <= Self::NAME_BYTES_MAX {
            self.counts.insert(name.to_owned(), times);
        } else {
            self.others += times;
        }
    }

    fn merge(&mut self, later: Self) {
        for (name, times) in later.counts {
            self.add(&name, times);
        }
        self.others += later.others;
    }
}

/// Number of occurrences of each name in one part: the same few names are in most records.
#[derive(Debug, Default)]
struct NameCounts(FxHashMap<Vec<u8>, u64>);

impl NameCounts {
    fn add(&mut self, name: RawText<'_>) {
        let name = name.decoded_bytes();
        match self.0.get_mut(&*name) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(name.into_owned(), 1);
            }
        }
    }

    fn move_to(&mut self, tally: &mut Tally) {
        for (name, times) in self.0.drain() {
            tally.add(&String::from_utf8_lossy(&name), times);
        }
    }
}

impl Summary {
    /// Reads a telemetry directory and returns its summary.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory does not exist (see [`crate::Error::is_not_found`]) or
    /// cannot be listed.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use localtel::read::Summary;
    ///
    /// let summary = Summary::read("/home/me/.local/state/myapp/telemetry".as_ref())?;
    /// println!("{} records in {} bytes", summary.records, summary.bytes);
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn read(path: &Path) -> Result<Self> {
        Self::of(Reader::open(path)?)
    }

    /// Returns the summary of what a reader reads.
    pub(crate) fn of(mut reader: Reader) -> Result<Self> {
        let sizes = reader.segment_sizes()?;
        Ok(reader.fold_all::<Contents>()?.sum_up(sizes))
    }

    /// Returns the summary, and the result of another fold over the same items.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Summary::read`].
    pub fn read_with<F: Fold + Default + Send>(path: &Path) -> Result<(Self, F)> {
        Self::of_with(Reader::open(path)?)
    }

    pub(crate) fn of_with<F: Fold + Default + Send>(mut reader: Reader) -> Result<(Self, F)> {
        let sizes = reader.segment_sizes()?;
        let (contents, other): (Contents, F) = reader.fold_all()?;
        Ok((contents.sum_up(sizes), other))
    }
}

/// The state of a summary in progress.
#[derive(Debug)]
struct Contents {
    summary: Summary,
    sessions: SessionTally,
    /// The earliest and the latest time of a record.
    times: Option<(LineTime, LineTime)>,
    /// The names that are not in the summary yet.
    events: NameCounts,
    targets: NameCounts,
    sources: NameCounts,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            summary: Summary::default(),
            sessions: SessionTally::of_numbers(),
            times: None,
            events: NameCounts::default(),
            targets: NameCounts::default(),
            sources: NameCounts::default(),
        }
    }
}

impl Contents {
    fn add_times(&mut self, first: LineTime, last: LineTime) {
        let (earliest, latest) = self.times.unwrap_or((first, last));
        self.times = Some((earliest.min(first), latest.max(last)));
    }

    /// Moves the names to the summary.
    fn move_names(&mut self) {
        self.events.move_to(&mut self.summary.events);
        self.targets.move_to(&mut self.summary.targets);
        self.sources.move_to(&mut self.summary.sources);
    }

    fn sum_up(mut self, sizes: Vec<(SegmentNumber, u64)>) -> Summary {
        self.move_names();
        let sessions = self.sessions.finish();
        let segments: Vec<SegmentSize> = sizes
            .into_iter()
            .map(|(number, bytes)| SegmentSize {
                number: number.get(),
                bytes,
            })
            .collect();
        Summary {
            first: self.times.map(|(first, _)| first.to_timestamp()),
            last: self.times.map(|(_, last)| last.to_timestamp()),
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            segments,
            sessions: sessions.counts(),
            losses: sessions.losses(),
            ..self.summary
        }
    }

    fn add(&mut self, raw: &RawRecord<'_>) {
        self.sessions.note(raw);
        let time = LineTime::of_raw(raw);
        self.add_times(time, time);
        let summary = &mut self.summary;
        summary.records += 1;
        *summary.levels.entry(raw.level).or_default() += 1;
        if let Some(event) = raw.event {
            self.events.add(event);
        }
        self.targets.add(raw.target);
        self.sources.add(raw.source);
    }
}

impl Fold for Contents {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        self.add(raw);
    }

    fn damage(&mut self, _: Damage) {
        self.summary.damage += 1;
    }

    fn notice(&mut self, notice: Notice) {
        // A segment that was removed meanwhile is not part of the directory any more.
        self.summary.is_last_line_unfinished |= matches!(notice, Notice::Unfinished { .. });
    }

    fn merge(&mut self, later: &mut Self) {
        let mut later = std::mem::take(later);
        later.move_names();
        self.sessions.merge(&mut later.sessions);
        if let Some((first, last)) = later.times {
            self.add_times(first, last);
        }
        let (whole, later) = (&mut self.summary, later.summary);
        whole.records += later.records;
        for (level, records) in later.levels {
            *whole.levels.entry(level).or_default() += records;
        }
        whole.events.merge(later.events);
        whole.targets.merge(later.targets);
        whole.sources.merge(later.sources);
        whole.damage += later.damage;
        whole.is_last_line_unfinished |= later.is_last_line_unfinished;
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Record;

    fn line(session: u8, seq: u64, rest: &str) -> String {
        format!(
            r#"{{"timestamp":"2026-11-21T08:15:{seq:02}.000000Z","level":"INFO","source":"s","target":"localtel",{rest},"session":"01936f0e-0000-7000-8000-0000000000{session:02}","seq":{seq}}}"#
        ) + "\n"
    }

    fn end(session: u8, seq: u64) -> String {
        let rest = r#""event":"session.end","properties":{"recorded":9,"dropped":5,"refused":2,"failed":1}"#;
        line(session, seq, rest)
    }

    fn dropped(session: u8, seq: u64, reason: &str) -> String {
        let rest = format!(r#""event":"dropped","properties":{{"count":3,"reason":"{reason}"}}"#);
        line(session, seq, &rest)
    }

    fn summary(segments: &[String]) -> Summary {
        let home = tempfile::tempdir().unwrap();
        for (index, text) in segments.iter().enumerate() {
            let number = SegmentNumber::new(index as u64 + 1).unwrap();
            std::fs::write(home.path().join(number.file_name()), text).unwrap();
        }
        Summary::read(home.path()).unwrap()
    }

    #[test]
    fn an_empty_directory_sums_up_to_nothing() {
        let summary = summary(&[]);
        assert_eq!((summary.records, summary.bytes, summary.damage), (0, 0, 0));
        assert_eq!((summary.first, summary.sessions.count), (None, 0));
    }

    #[test]
    fn records_sessions_times_and_sizes_are_counted() {
        let start = |session, seq| line(session, seq, r#""event":"session""#);
        let segments = [
            start(1, 3) + "garbage\n" + &start(2, 1) + &end(2, 2),
            start(1, 9) + "{\"timest",
        ];
        let summary = summary(&segments);
        assert_eq!(summary.records, 4);
        assert_eq!(summary.damage, 1);
        assert!(summary.is_last_line_unfinished);
        assert_eq!(
            (summary.sessions.count, summary.sessions.without_end),
            (2, 1)
        );
        assert_eq!(summary.bytes, segments.concat().len() as u64);
        assert_eq!(summary.segments.len(), 2);
        assert_eq!(summary.events.counts["session"], 3);
        assert_eq!(summary.levels[&Level::Info], 4);
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["first"], "2026-11-21T08:15:01.000000Z");
        assert_eq!(json["last"], "2026-11-21T08:15:09.000000Z");
        assert_eq!(json["levels"]["INFO"], 4);
    }

    /// Returns the first record of a session of that process, at that time.
    fn start_of(session: u8, process: u32, time: &str) -> String {
        let properties = format!(r#"{{"pid":{process},"left_to_parent":2}}"#);
        let rest = format!(r#""event":"session","properties":{properties}"#);
        line(session, 0, &rest).replace("2026-11-21T08:15:00.000000Z", time)
    }

    #[test]
    fn a_session_whose_process_runs_is_not_without_an_end() {
        let this = std::process::id();
        let now = Timestamp::of(crate::clock::now()).to_string();
        // The number of this process belonged to another process before, and no process has the
        // highest number.
        let before = start_of(2, this, "2001-11-21T08:15:00.000000Z");
        let segments = [start_of(1, this, &now) + &before + &start_of(3, u32::MAX, &now)];
        let sessions = summary(&segments).sessions;
        assert_eq!(
            (sessions.count, sessions.running, sessions.without_end),
            (3, 1, 2)
        );
        assert_eq!(sessions.left_to_parents, 6);
    }

    #[test]
    fn a_loss_is_counted_once_whether_the_session_ended_or_not() {
        let ended = dropped(1, 0, "full") + &dropped(1, 1, "failed") + &end(1, 2);
        let losses = |dropped, refused, failed| Losses {
            dropped,
            refused,
            failed,
        };
        assert_eq!(
            summary(std::slice::from_ref(&ended)).losses,
            losses(5, 2, 1)
        );
        let crashed = dropped(2, 0, "full") + &dropped(2, 1, "failed");
        assert_eq!(summary(&[ended, crashed]).losses, losses(11, 2, 1));
    }

    proptest! {
        /// Lines are folded in parts, whose bounds are arbitrary.
        #[test]
        fn summaries_of_parts_add_up_to_that_of_the_whole(
            records in proptest::collection::vec((0..4_u8, 0..5_usize, 0..8_u8), 0..40),
        ) {
            let mut whole = Contents::default();
            let (mut merged, mut part) = (Contents::default(), Contents::default());
            for (session, kind, rest) in records {
                let line = match kind {
                    0 => start_of(session, 1 + u32::from(rest), "2001-11-21T08:15:00.000000Z"),
                    1 => dropped(session, u64::from(rest), "full"),
                    2 => end(session, u64::from(rest)),
                    3 => line(session, u64::from(rest), r#""event":"once""#)
                        .replace("}\n", ",\"once\":{\"format\":1}}\n"),
                    _ => line(session, u64::from(rest), &format!(r#""event":"e{rest}""#)),
                };
                let line = Record::parse(line.trim_end().as_bytes()).unwrap().to_line();
                let raw = RawRecord::at(&line).unwrap();
                whole.add(&raw);
                part.add(&raw);
                if rest == 0 {
                    merged.merge(&mut part);
                }
            }
            merged.merge(&mut part);
            let json = |contents: Contents| {
                serde_json::to_value(contents.sum_up(Vec::new())).unwrap()
            };
            prop_assert_eq!(json(merged), json(whole));
        }
    }

    #[test]
    fn names_beyond_the_bound_are_counted_together() {
        let mut tally = Tally::default();
        for name in 0..Tally::NAMES_MAX + 5 {
            tally.add(&name.to_string(), 1);
            tally.add("0", 1);
        }
        tally.add(&"x".repeat(Tally::NAME_BYTES_MAX + 1), 1);
        assert_eq!(tally.counts.len(), Tally::NAMES_MAX);
        assert_eq!(tally.others, 6);
        assert_eq!(tally.counts["0"], Tally::NAMES_MAX as u64 + 6);
    }
}
