//! What is known of each segment: how many records there are and the times between which they lie. For
//! deciding what to clear and for naming sources; finding lines is the reader's.

use std::path::Path;

use time::OffsetDateTime;

use localtel::internal::error::Result;
use localtel::internal::reader::{Item, Reader};
use localtel::internal::record::time_of;
use localtel::internal::store::segment::SegmentNumber;

/// What is known of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentFacts {
    /// Its number.
    pub(crate) number: SegmentNumber,
    /// Its size.
    pub(crate) bytes: u64,
    /// How many lines start as records do.
    pub(crate) records: u64,
    /// The earliest time in it; lines of several processes may lie out of order.
    pub(crate) first: Option<OffsetDateTime>,
    /// The latest time in it, unknown if not all of it can be read.
    pub(crate) last: Option<OffsetDateTime>,
    /// How many places in it cannot be read.
    pub(crate) damage: u64,
}

/// Reads what is known of all segments of a directory, in the order of their numbers.
///
/// # Errors
///
/// Fails if the directory is there and cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<SegmentFacts>> {
    let mut reader = Reader::open(path)?;
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
                of(line.position().segment, &|facts| facts.count(time));
            }
            Item::Damage(damage) => of(damage.position.segment, &|facts| facts.damage += 1),
            Item::Notice(_) => {}
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

    fn count(&mut self, time: Option<OffsetDateTime>) {
        let Some(time) = time else {
            self.damage += 1;
            return;
        };
        self.records += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

/// Writes a size for people, in the unit in which it has one to four digits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, so that no rounding of floats is involved.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"KiB");
    while tenths >= 10_240 {
        let Some(larger) = units.next() else { break };
        unit = larger;
        tenths /= 1024;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Writes a number with its noun, in the plural where it takes one.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files themselves")]
mod tests {
    use super::*;

    fn line(second: u8) -> String {
        format!("{{\"timestamp\":\"2026-11-21T08:15:{second:02}.000000Z\",\"level\":\"INFO\"}}\n")
    }

    #[test]
    fn a_segments_times_are_its_earliest_and_latest_record() {
        let home = tempfile::tempdir().unwrap();
        let text = [line(7), line(3), line(9), line(5)].concat();
        std::fs::write(home.path().join("events.000002.jsonl"), &text).unwrap();
        let all = read(home.path()).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].number.get(), all[0].records), (2, 4));
        assert_eq!(all[0].bytes, text.len() as u64);
        assert_eq!(all[0].first.unwrap().second(), 3);
        assert_eq!(all[0].last.unwrap().second(), 9);
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
        let facts = &read(home.path()).unwrap()[0];
        assert_eq!((facts.records, facts.damage), (3, 0));
        assert_eq!(facts.last.unwrap().second(), 9);
    }

    #[test]
    fn damaged_torn_and_endless_lines_are_no_records() {
        let home = tempfile::tempdir().unwrap();
        let endless = "x".repeat(200_000);
        let text = format!("{}junk\n\0\0\0\n{endless}\n{}{{\"timest", line(1), line(2));
        std::fs::write(home.path().join("events.000001.jsonl"), text).unwrap();
        let facts = &read(home.path()).unwrap()[0];
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
        let all = read(home.path()).unwrap();
        assert_eq!(all.len(), 2, "a directory is no segment");
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
        let numbers: Vec<u64> = read(home.path())
            .unwrap()
            .iter()
            .map(|facts| facts.number.get())
            .collect();
        assert_eq!(numbers, [9, 10]);
    }

    #[test]
    fn sizes_have_the_unit_that_suits_them() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (16 << 20, "16.0 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, expected) in table {
            assert_eq!(size(bytes), expected);
        }
    }
}
