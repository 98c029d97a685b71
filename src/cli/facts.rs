//! What is known of each segment without parsing its records: how many there are and the times between
//! which they lie. For deciding what to clear and for naming sources; everything else is the reader's.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::{Error, Result};
use crate::store;
use crate::store::disk::{Access, Directory};
use crate::store::segment::{FileName, SegmentNumber};

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
    /// The latest time in it.
    pub(crate) last: Option<OffsetDateTime>,
}

/// Reads what is known of all segments of a directory, in the order of their numbers.
///
/// # Errors
///
/// Fails if the directory or one of its segments is there and cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<SegmentFacts>> {
    let directory =
        Directory::open(path, Access::Read).map_err(|error| store::open_error(path, error))?;
    let names = directory.names().map_err(Error::io("list", path))?;
    let mut numbers: Vec<SegmentNumber> = names
        .iter()
        .filter_map(|name| match name.to_str()?.parse() {
            Ok(FileName::Segment(number)) => Some(number),
            Ok(_) | Err(_) => None,
        })
        .collect();
    numbers.sort();
    let mut all = Vec::new();
    for number in numbers {
        let name = number.file_name();
        match directory
            .open_read(&name)
            .and_then(|file| scan(number, file))
        {
            Ok(facts) => all.push(facts),
            // Retention or somebody else took it between the list and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", &path.join(&name))(error)),
        }
    }
    Ok(all)
}

fn scan(number: SegmentNumber, file: File) -> io::Result<SegmentFacts> {
    let mut facts = SegmentFacts {
        number,
        bytes: 0,
        records: 0,
        first: None,
        last: None,
    };
    let mut input = BufReader::with_capacity(CHUNK_BYTES, file);
    // Only the start of a line is kept, so that a foreign file without newlines needs no memory.
    let mut start = Vec::with_capacity(START_BYTES);
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(facts);
        }
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let room = START_BYTES.saturating_sub(start.len());
            start.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") {
                facts.count(&start);
                start.clear();
            }
        }
        let read = chunk.len();
        facts.bytes = facts.bytes.saturating_add(read as u64);
        input.consume(read);
    }
}

impl SegmentFacts {
    fn count(&mut self, start: &[u8]) {
        let Some(time) = time_of(start) else {
            return;
        };
        self.records += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

/// Reads the time that every line of ours starts with.
fn time_of(start: &[u8]) -> Option<OffsetDateTime> {
    let rest = start.strip_prefix(br#"{"timestamp":""#)?;
    let text = rest.split(|byte| *byte == b'"').next()?;
    OffsetDateTime::parse(std::str::from_utf8(text).ok()?, &Rfc3339).ok()
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

/// Large enough that the calls cost nothing, small enough to stay in the processor's cache.
const CHUNK_BYTES: usize = 64 * 1024;
/// The key and the 27 characters of a time, with room for times of another make.
const START_BYTES: usize = 64;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files themselves")]
mod tests {
    use super::*;

    fn line(second: u8) -> String {
        format!("{{\"timestamp\":\"2026-11-21T08:15:{second:02}.000000Z\",\"level\":\"INFO\"}}\n")
    }

    #[test]
    fn the_times_of_a_segment_are_its_earliest_and_its_latest_wherever_they_stand() {
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
    fn damaged_torn_and_endless_lines_are_no_records() {
        let home = tempfile::tempdir().unwrap();
        let endless = "x".repeat(3 * CHUNK_BYTES);
        let text = format!("{}junk\n\0\0\0\n{endless}\n{}{{\"timest", line(1), line(2));
        std::fs::write(home.path().join("events.000001.jsonl"), text).unwrap();
        assert_eq!(read(home.path()).unwrap()[0].records, 2);
    }

    #[test]
    fn segments_come_in_the_order_of_their_numbers_and_nothing_else_counts() {
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
