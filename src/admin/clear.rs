//! Clearing at a location: the facts of each segment, the plan of segments to remove and of reasons
//! to keep the others, and its execution. The plan is a function of the facts and of a time; the
//! store removes segments while others write.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::Location;
use crate::clock;
use crate::error::Result;
use crate::reader::{Item, Reader};
use crate::record::{Timestamp, time_of};
use crate::store::age::Now;
use crate::store::segment::SegmentNumber;
use crate::store::{self, Clearing};

/// The facts of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentFacts {
    /// Its number.
    pub number: SegmentNumber,
    /// Its size.
    pub bytes: u64,
    /// Number of lines that start as records do.
    pub records: u64,
    /// The earliest time in it; lines of several processes may be out of order.
    pub first: Option<Timestamp>,
    /// The latest time in it; unknown if not all of it can be read.
    pub last: Option<Timestamp>,
    /// Number of places in it that cannot be read.
    pub damage: u64,
}

/// The segments to remove and those to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClearPlan {
    /// The request to the store.
    clearing: Clearing,
    /// The segments that will be removed, the oldest first.
    pub to_remove: Vec<SegmentFacts>,
    /// The segments that are kept, with the reason.
    pub to_keep: Vec<(SegmentFacts, KeepReason)>,
    /// The time before which records are removed.
    pub before: Option<Timestamp>,
    path: PathBuf,
}

/// The reason why a segment is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepReason {
    /// A record in it is not older than requested: this is the latest.
    Newer(Timestamp),
    /// No time can be read in it, and the segment after it does not give one.
    Unknown,
    /// It could be removed, but an older one is kept, and segments are removed from the oldest on.
    Behind(SegmentNumber),
}

/// Decides which segments are removed: all of them, or from the oldest on those with only records
/// from before that time.
fn plan(path: &Path, mut segments: Vec<SegmentFacts>, before: Option<Timestamp>) -> ClearPlan {
    let mut plan = ClearPlan {
        clearing: Clearing::All,
        to_remove: Vec::new(),
        to_keep: Vec::new(),
        before,
        path: path.to_owned(),
    };
    // An earlier `clear` leaves an active segment without bytes.
    let empty = segments.pop_if(|active| active.bytes == 0);
    let Some(before) = before else {
        plan.to_remove = segments;
        return plan;
    };
    let next_firsts: Vec<Option<Timestamp>> = segments
        .iter()
        .skip(1)
        .map(|segment| segment.first)
        .collect();
    for (index, segment) in segments.into_iter().enumerate() {
        let next_first = next_firsts.get(index).copied().flatten();
        let behind = plan
            .to_keep
            .first()
            .map(|(older, _)| KeepReason::Behind(older.number));
        match keep_reason(&segment, next_first, before).or(behind) {
            None => plan.to_remove.push(segment),
            Some(reason) => plan.to_keep.push((segment, reason)),
        }
    }
    plan.clearing = match (plan.to_keep.first(), &empty, plan.to_remove.last()) {
        (Some((first, _)), _, _) => Clearing::Below(first.number),
        (None, Some(empty), _) => Clearing::Below(empty.number),
        (None, None, Some(active)) => Clearing::UpTo(active.number, before.to_moment()),
        (None, None, None) => Clearing::Below(SegmentNumber::FIRST),
    };
    plan
}

/// A segment in which no time can be read is as old as the one after it allows.
fn keep_reason(
    segment: &SegmentFacts,
    next_first: Option<Timestamp>,
    before: Timestamp,
) -> Option<KeepReason> {
    match (segment.last, next_first) {
        (Some(last), _) if last < before => None,
        (Some(last), _) => Some(KeepReason::Newer(last)),
        (None, Some(next)) if next <= before => None,
        (None, _) => Some(KeepReason::Unknown),
    }
}

/// The result of clearing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cleared {
    /// The number of segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The active segment, if it was to be removed and is kept because a newer record was written
    /// to it meanwhile.
    pub kept: Option<SegmentNumber>,
}

impl ClearPlan {
    /// Removes the segments of the plan, while others may be writing.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be written, or if the lock is not free within ten
    /// seconds.
    pub fn run(self) -> Result<Cleared> {
        let now = Now {
            clock: clock::now(),
            steady: Instant::now(),
        };
        let removed = store::clear(&self.path, self.clearing, now)?;
        let kept = match self.clearing {
            Clearing::UpTo(active, _) if removed.segments < self.to_remove.len() as u64 => {
                Some(active)
            }
            Clearing::UpTo(..) | Clearing::All | Clearing::Below(_) => None,
        };
        Ok(Cleared {
            segments: removed.segments,
            bytes: removed.bytes,
            kept,
        })
    }
}

impl Location {
    /// Decides which segments to remove: all of them, or from the oldest on those with only records
    /// from before a time. Nothing is removed until the plan is run.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory is missing or cannot be read.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use localtel::Telemetry;
    /// use localtel::admin::Location;
    ///
    /// let location = Location::of(&Telemetry::builder("myapp"))?;
    /// let plan = location.plan_clear(Some("2026-11-01T00:00:00Z".parse()?))?;
    /// println!("removes {} segments, keeps {}", plan.to_remove.len(), plan.to_keep.len());
    /// plan.run()?;
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn plan_clear(&self, before: Option<Timestamp>) -> Result<ClearPlan> {
        Ok(plan(&self.path(), self.segments()?, before))
    }

    /// Returns the facts of the segments here, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory is missing or cannot be read.
    pub fn segments(&self) -> Result<Vec<SegmentFacts>> {
        read(self.reader()?)
    }
}

/// Reads the facts of all segments of a directory, in the order of their numbers.
///
/// # Errors
///
/// Returns an error if the directory cannot be listed.
fn read(mut reader: Reader) -> Result<Vec<SegmentFacts>> {
    let sizes = reader.segment_sizes()?;
    let mut all: Vec<SegmentFacts> = sizes.into_iter().map(SegmentFacts::of_size).collect();
    let mut of = |number: SegmentNumber, note: &dyn Fn(&mut SegmentFacts)| {
        let place = all.binary_search_by_key(&number, |facts| facts.number);
        if let Some(facts) = place.ok().and_then(|place| all.get_mut(place)) {
            note(facts);
        }
    };
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Line(line) => {
                let time = time_of(line.bytes());
                of(line.position().segment, &|facts| {
                    facts.count(time.map(Timestamp::of));
                });
            }
            Item::Damage(damage) => of(damage.position.segment, &|facts| facts.damage += 1),
            Item::Text(_) | Item::Notice(_) => {}
        }
    }
    for facts in &mut all {
        if facts.damage > 0 {
            facts.last = None;
        }
    }
    Ok(all)
}

impl SegmentFacts {
    fn of_size((number, bytes): (SegmentNumber, u64)) -> Self {
        Self {
            number,
            bytes,
            records: 0,
            first: None,
            last: None,
            damage: 0,
        }
    }

    fn count(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else {
            self.damage += 1;
            return;
        };
        self.records += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files themselves")]
mod tests {
    use super::*;

    fn plan(segments: Vec<SegmentFacts>, before: Option<Timestamp>) -> ClearPlan {
        super::plan(Path::new(""), segments, before)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_micros(second * 1_000_000).unwrap()
    }

    /// A segment with records between two seconds, or with none that can be read.
    fn segment(number: u64, span: Option<(i64, i64)>) -> SegmentFacts {
        SegmentFacts {
            number: SegmentNumber::new(number).unwrap(),
            bytes: 1024,
            records: if span.is_some() { 10 } else { 0 },
            first: span.map(|(first, _)| at(first)),
            last: span.map(|(_, last)| at(last)),
            damage: 0,
        }
    }

    fn numbers_to_remove(plan: &ClearPlan) -> Vec<u64> {
        plan.to_remove
            .iter()
            .map(|segment| segment.number.get())
            .collect()
    }

    fn reasons(plan: &ClearPlan) -> Vec<KeepReason> {
        plan.to_keep.iter().map(|(_, reason)| *reason).collect()
    }

    fn three() -> Vec<SegmentFacts> {
        vec![
            segment(4, Some((10, 20))),
            segment(5, Some((20, 30))),
            segment(6, Some((30, 40))),
        ]
    }

    #[test]
    fn without_a_time_everything_is_removed() {
        let plan = plan(three(), None);
        assert_eq!(
            (numbers_to_remove(&plan), plan.clearing),
            (vec![4, 5, 6], Clearing::All)
        );
    }

    #[test]
    fn an_empty_active_segment_is_nothing_to_remove() {
        let mut segments = three();
        segments[2].bytes = 0;
        assert_eq!(numbers_to_remove(&plan(segments.clone(), None)), [4, 5]);
        assert!(numbers_to_remove(&plan(segments.split_off(2), None)).is_empty());
    }

    #[test]
    fn a_segment_is_removed_only_if_all_its_records_are_older() {
        let below = |number| Clearing::Below(SegmentNumber::new(number).unwrap());
        let table: [(i64, Vec<u64>, Clearing); 6] = [
            (5, vec![], below(4)),
            (20, vec![], below(4)),
            (21, vec![4], below(5)),
            (30, vec![4], below(5)),
            (31, vec![4, 5], below(6)),
            (40, vec![4, 5], below(6)),
        ];
        for (before, removed, clearing) in table {
            let plan = plan(three(), Some(at(before)));
            assert_eq!(numbers_to_remove(&plan), removed, "{before}");
            assert_eq!(plan.clearing, clearing, "{before}");
        }
    }

    #[test]
    fn the_active_segment_is_removed_if_its_records_are_older() {
        let all = plan(three(), Some(at(41)));
        let active = SegmentNumber::new(6).unwrap();
        assert_eq!(numbers_to_remove(&all), [4, 5, 6]);
        assert_eq!(all.clearing, Clearing::UpTo(active, at(41).to_moment()));
        assert!(all.to_keep.is_empty());
    }

    #[test]
    fn an_empty_active_segment_is_not_in_the_plan() {
        let mut segments = three();
        segments[2] = segment(6, None);
        segments[2].bytes = 0;
        let closed = plan(segments.clone(), Some(at(99)));
        let active = SegmentNumber::new(6).unwrap();
        assert_eq!(numbers_to_remove(&closed), [4, 5]);
        assert_eq!(closed.clearing, Clearing::Below(active));
        let none = plan(segments.split_off(2), Some(at(99)));
        assert!(none.to_remove.is_empty() && none.to_keep.is_empty());
    }

    #[test]
    fn nothing_is_removed_behind_a_segment_that_is_kept() {
        let segments = vec![
            segment(1, Some((10, 90))),
            segment(2, Some((20, 30))),
            segment(3, Some((90, 91))),
        ];
        let plan = plan(segments, Some(at(50)));
        let first = SegmentNumber::FIRST;
        assert!(numbers_to_remove(&plan).is_empty());
        assert_eq!(
            reasons(&plan),
            [
                KeepReason::Newer(at(90)),
                KeepReason::Behind(first),
                KeepReason::Newer(at(91))
            ]
        );
    }

    #[test]
    fn a_segment_without_a_time_takes_its_age_from_the_next() {
        let segments = |next| vec![segment(1, None), segment(2, next), segment(3, None)];
        let known = plan(segments(Some((20, 30))), Some(at(40)));
        assert_eq!(numbers_to_remove(&known), [1, 2]);
        let later = plan(segments(Some((50, 60))), Some(at(40)));
        assert_eq!(reasons(&later)[0], KeepReason::Unknown);
        let unknown = plan(segments(None), Some(at(40)));
        assert!(numbers_to_remove(&unknown).is_empty());
    }

    fn read_in(home: &tempfile::TempDir) -> Result<Vec<SegmentFacts>> {
        read(Reader::open(home.path())?)
    }

    fn second_of(time: Option<Timestamp>) -> u8 {
        time.unwrap().to_moment().second()
    }

    fn line(second: u8) -> String {
        format!("{{\"timestamp\":\"2026-11-21T08:15:{second:02}.000000Z\",\"level\":\"INFO\"}}\n")
    }

    #[test]
    fn a_segments_times_are_its_earliest_and_latest_record() {
        let home = tempfile::tempdir().unwrap();
        let text = [line(7), line(3), line(9), line(5)].concat();
        std::fs::write(home.path().join("events.000002.jsonl"), &text).unwrap();
        let all = read_in(&home).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].number.get(), all[0].records), (2, 4));
        assert_eq!(all[0].bytes, text.len() as u64);
        assert_eq!(second_of(all[0].first), 3);
        assert_eq!(second_of(all[0].last), 9);
    }

    #[test]
    fn lines_of_other_json_writers_have_times_too() {
        let home = tempfile::tempdir().unwrap();
        let spaced = |second: u8| {
            format!(
                "{{\"timestamp\": \"2026-11-21T08:15:{second:02}+00:00\", \"level\": \"INFO\", \"source\": \"s\", \"target\": \"t\", \"session\": \"01936f0e-0000-7000-8000-000000000000\", \"seq\": 0}}\n"
            )
        };
        let text = [spaced(7), line(3), spaced(9)].concat();
        std::fs::write(home.path().join("events.000001.jsonl"), text).unwrap();
        let facts = &read_in(&home).unwrap()[0];
        assert_eq!((facts.records, facts.damage), (3, 0));
        assert_eq!(second_of(facts.last), 9);
    }

    #[test]
    fn damaged_torn_and_endless_lines_are_not_counted() {
        let home = tempfile::tempdir().unwrap();
        let endless = "x".repeat(200_000);
        let text = format!("{}junk\n\0\0\0\n{endless}\n{}{{\"timest", line(1), line(2));
        std::fs::write(home.path().join("events.000001.jsonl"), text).unwrap();
        let facts = &read_in(&home).unwrap()[0];
        assert_eq!((facts.records, facts.damage), (2, 3));
        assert_eq!(facts.last, None, "what cannot be read may be newer");
    }

    #[test]
    fn a_record_behind_a_hole_or_without_its_newline_counts() {
        let home = tempfile::tempdir().unwrap();
        let text = format!("{}\0\0\0{}{}", line(1), line(8), line(9).trim_end());
        std::fs::write(home.path().join("events.000001.jsonl"), text).unwrap();
        std::fs::write(home.path().join("events.000002.jsonl"), "").unwrap();
        std::fs::create_dir(home.path().join("events.000003.jsonl")).unwrap();
        let all = read_in(&home).unwrap();
        assert_eq!(all.len(), 2, "a directory is not a segment");
        assert_eq!((all[0].records, all[0].last), (2, None));
    }

    #[test]
    fn segments_come_in_order_and_other_files_do_not_count() {
        let home = tempfile::tempdir().unwrap();
        for name in [
            "events.000010.jsonl",
            "events.000009.jsonl",
            "events.1.jsonl",
            "lock",
        ] {
            std::fs::write(home.path().join(name), "").unwrap();
        }
        let numbers: Vec<u64> = read_in(&home)
            .unwrap()
            .iter()
            .map(|facts| facts.number.get())
            .collect();
        assert_eq!(numbers, [9, 10]);
    }
}
