//! Tests of the read side with directories that are written by hand, as writers and crashes leave
//! them. INVARIANTS: damage never hides an intact line after it; both directions return the same
//! items.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::error::Error;
use crate::store::limits::READ_LINE_BYTES_MAX;

mod compressed;
mod following;
mod merged;
mod positions;
mod records;
mod since;
mod stored;

struct ReaderPlace {
    home: TempDir,
}

fn number(number: u64) -> SegmentNumber {
    SegmentNumber::new(number).unwrap()
}

fn line(seq: u64) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":{seq}}}"#
    )
}

fn lines(seqs: impl IntoIterator<Item = u64>) -> Vec<u8> {
    seqs.into_iter()
        .flat_map(|seq| (line(seq) + "\n").into_bytes())
        .collect()
}

fn long_line(seq: u64, length: usize) -> Vec<u8> {
    let message = format!("\"message\":\"{}\",\"session\"", "m".repeat(length));
    (line(seq).replace("\"session\"", &message) + "\n").into_bytes()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]
impl ReaderPlace {
    fn new() -> Self {
        let place = Self {
            home: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(place.path()).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("telemetry")
    }

    fn segment(&self, segment: u64) -> PathBuf {
        self.path().join(number(segment).file_name())
    }

    fn write(&self, segment: u64, bytes: impl AsRef<[u8]>) -> &Self {
        fs::write(self.segment(segment), bytes).unwrap();
        self
    }

    /// Replaces a segment by another file.
    fn replace(&self, segment: u64, bytes: impl AsRef<[u8]>) {
        let other = self.path().join("other");
        fs::write(&other, bytes).unwrap();
        fs::rename(other, self.segment(segment)).unwrap();
    }

    fn append(&self, segment: u64, bytes: impl AsRef<[u8]>) {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.segment(segment))
            .unwrap();
        file.write_all(bytes.as_ref()).unwrap();
    }

    fn bytes(&self, segment: u64) -> Vec<u8> {
        fs::read(self.segment(segment)).unwrap()
    }

    fn cut(&self, segment: u64, bytes: u64) {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(self.segment(segment))
            .unwrap();
        file.set_len(bytes).unwrap();
    }

    fn remove(&self, segment: u64) {
        fs::remove_file(self.segment(segment)).unwrap();
    }

    fn remove_all(&self) {
        fs::remove_dir_all(self.path()).unwrap();
    }

    /// Replaces the directory by a copy of itself.
    fn copy_itself(&self) {
        let old = self.home.path().join("old");
        fs::rename(self.path(), &old).unwrap();
        self.make_again();
        for entry in fs::read_dir(&old).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), self.path().join(entry.file_name())).unwrap();
        }
    }

    fn make_again(&self) {
        fs::create_dir(self.path()).unwrap();
    }

    fn extent(&self, head: u64, floor: u64) -> &Self {
        fs::write(
            self.path().join("lock"),
            format!("{head:016} {floor:016}\n"),
        )
        .unwrap();
        self
    }

    fn read(&self) -> Vec<String> {
        let mut reader = Reader::open(&self.path()).unwrap();
        let (mut seen, mut starts) = (Vec::new(), Vec::new());
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::Line(line) = &item {
                starts.push((line.position(), seen.len()));
            }
            seen.push(describe(&item));
        }
        let mut folded = Described::default();
        let mut reader = Reader::open(&self.path()).unwrap();
        let result = reader.fold(&mut folded, Described::default, |_| Ok::<(), Error>(()));
        result.unwrap();
        assert_eq!(folded.seen, seen, "folded");
        for (start, before) in starts.iter().rev().step_by(starts.len() / 2 + 1) {
            assert_eq!(self.read_from(*start), seen[*before..], "from {start}");
        }
        seen
    }

    /// Reads from a position of which the number of the line is not known.
    fn read_from(&self, position: Position) -> Vec<String> {
        let sought = || {
            let mut reader = Reader::open(&self.path()).unwrap();
            reader.seek(Position::new(position.segment, position.byte));
            reader
        };
        let lines = self.lines();
        let (mut reader, mut seen) = (sought(), Vec::new());
        while let Some(item) = reader.next_item().unwrap() {
            seen.push(describe(&with_line(item, &lines)));
        }
        let empty = || Described::with(&lines);
        let mut folded = empty();
        let result = sought().fold(&mut folded, empty, |_| Ok::<(), Error>(()));
        result.unwrap();
        assert_eq!(folded.seen, seen, "folded from {position}");
        seen
    }

    fn read_back(&self) -> Vec<String> {
        let lines = self.lines();
        let mut reverse = Reader::reverse(&self.path()).unwrap();
        let mut seen = Vec::new();
        while let Some(item) = reverse.next_item() {
            seen.push(describe(&with_line(item, &lines)));
        }
        let empty = || Described::with(&lines);
        let mut folded = empty();
        let mut reverse = Reader::reverse(&self.path()).unwrap();
        let result = reverse.fold(&mut folded, empty, |_| Ok::<(), Error>(()));
        result.unwrap();
        assert_eq!(folded.seen, seen, "folded backwards");
        seen.reverse();
        seen
    }

    /// Returns the positions of all lines, with their numbers.
    fn lines(&self) -> Arc<HashSet<Position>> {
        let mut reader = Reader::open(&self.path()).unwrap();
        let mut lines = HashSet::new();
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::Line(line) = item {
                lines.insert(line.position());
            }
        }
        Arc::new(lines)
    }

    fn follow(&self) -> Follower {
        Reader::open(&self.path()).unwrap().follow()
    }
}

/// The items of a fold, in order.
#[derive(Default)]
struct Described {
    seen: Vec<String>,
    /// The positions of lines, with their numbers.
    lines: Arc<HashSet<Position>>,
}

impl Described {
    fn with(lines: &Arc<HashSet<Position>>) -> Self {
        Self {
            seen: Vec::new(),
            lines: Arc::clone(lines),
        }
    }

    fn add(&mut self, item: Item<'_>) {
        self.seen.push(describe(&with_line(item, &self.lines)));
    }
}

impl Fold for Described {
    fn line(&mut self, line: Line<'_>, _: &RawRecord<'_>) {
        self.add(Item::Line(line));
    }

    fn damage(&mut self, damage: Damage) {
        self.add(Item::Damage(damage));
    }

    fn notice(&mut self, notice: Notice) {
        self.add(Item::Notice(notice));
    }

    fn merge(&mut self, later: &mut Self) {
        self.seen.append(&mut later.seen);
    }
}

/// Adds the number of its line to a record, if it is known. Damage must have its own.
fn with_line<'a>(item: Item<'a>, lines: &HashSet<Position>) -> Item<'a> {
    match item {
        Item::Line(line) => match lines.get(&line.position()) {
            Some(position) => Item::Line(Line::new(*position, line.bytes())),
            None => Item::Line(line),
        },
        other => other,
    }
}

/// `1:2 7` is line 2 of segment 1, with seq 7.
fn describe(item: &Item<'_>) -> String {
    let place = |at: Position| match at.line {
        Some(line) => format!("{}:{line}", at.segment),
        None => format!("{}:?", at.segment),
    };
    match item {
        Item::Line(line) => match line.record() {
            Ok(record) => format!("{} {}", place(line.position()), record.seq),
            Err(damage) => describe(&Item::Damage(damage)),
        },
        Item::Text(line) => format!("{} text", place(line.position())),
        Item::Damage(damage) => match &damage.kind {
            DamageKind::Missing { segments } => {
                format!("missing {}..{}", segments.first, segments.last)
            }
            kind => format!("{} {kind:?} {}", place(damage.position), damage.bytes),
        },
        Item::Notice(notice) => match notice {
            Notice::Removed { segments } => {
                format!("removed {}..{}", segments.first, segments.last)
            }
            Notice::Truncated {
                segment,
                bytes_before,
                bytes,
            } => format!("{segment} cut {bytes_before} to {bytes}"),
            Notice::SegmentReplaced { segment } => format!("{segment} instead"),
            Notice::Replaced => "replaced".to_owned(),
            Notice::Unfinished { position, bytes } => {
                format!("{} unfinished {bytes}", place(*position))
            }
        },
    }
}

/// Polls until that many consecutive polls return nothing.
fn drain(follower: &mut Follower) -> Vec<String> {
    let mut seen = Vec::new();
    let mut idle = 0;
    while idle < 12 {
        match follower.poll().unwrap() {
            Some(item) => {
                seen.push(describe(&item));
                idle = 0;
            }
            None => idle += 1,
        }
    }
    seen
}

fn assert_both_ways(place: &ReaderPlace, expected: &[&str]) {
    assert_eq!(place.read(), expected, "forwards");
    assert_eq!(place.read_back(), expected, "backwards");
}

#[test]
fn reading_thousands_of_segments_lists_the_directory_once() {
    let place = ReaderPlace::new();
    for segment in 1..=2000 {
        place.write(segment, lines([segment]));
    }
    let mut reader = Reader::open(&place.path()).unwrap();
    let mut records = 0;
    while let Some(item) = reader.next_item().unwrap() {
        assert!(matches!(item, Item::Line(_)));
        records += 1;
    }
    assert_eq!(records, 2000);
    // For opening it, at the start, and at the end.
    let listings = reader.walk.directory().faults.count_of("list");
    assert!(listings <= 3, "{listings} listings");
}

#[test]
fn segments_removed_after_the_listing_are_listed_with_the_hole() {
    let place = ReaderPlace::new();
    for segment in 1..=200 {
        place.write(segment, lines([segment]));
    }
    let mut reader = Reader::open(&place.path()).unwrap();
    assert_eq!(describe(&reader.next_item().unwrap().unwrap()), "1:1 1");
    place.extent(200, 151);
    (2..=150).for_each(|segment| place.remove(segment));
    let before = reader.walk.directory().faults.count_of("list");
    let next = describe(&reader.next_item().unwrap().unwrap());
    assert_eq!(next, "removed 2..150");
    let next = describe(&reader.next_item().unwrap().unwrap());
    assert_eq!(next, "151:1 151");
    // One more because of the hole.
    let listings = reader.walk.directory().faults.count_of("list") - before;
    assert_eq!(listings, 2);
}

#[test]
fn a_follower_that_catches_up_does_not_list_for_each_segment() {
    let place = ReaderPlace::new();
    for segment in 1..=500 {
        place.write(segment, lines([segment]));
    }
    let mut follower = place.follow();
    while follower.poll().unwrap().is_some() {}
    let listings = follower.walk.directory().faults.count_of("list");
    assert!(listings <= 3, "{listings} listings");
    place.write(501, lines([501]));
    assert_eq!(drain(&mut follower), ["501:1 501"]);
}

#[test]
fn a_directory_that_does_not_exist_is_not_found_and_is_not_made() {
    let place = ReaderPlace::new();
    let path = place.path().join("none");
    assert!(Reader::open(&path).unwrap_err().is_not_found());
    assert!(!path.exists());
}

#[test]
fn an_empty_directory_has_no_items() {
    assert_both_ways(&ReaderPlace::new(), &[]);
}

#[test]
fn lines_come_in_order_with_their_positions() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..2)).write(2, lines(2..3));
    assert_both_ways(&place, &["1:1 0", "1:2 1", "2:1 2"]);
    let mut reader = Reader::open(&place.path()).unwrap();
    reader.next_item().unwrap();
    let Some(Item::Line(second)) = reader.next_item().unwrap() else {
        panic!("a second line")
    };
    assert_eq!(second.position().byte, lines(0..1).len() as u64);
    assert_eq!(second.bytes(), line(1).as_bytes());
}

#[test]
fn a_torn_last_line_of_a_closed_segment_is_one_damage_item() {
    let place = ReaderPlace::new();
    let torn = [lines(0..1), line(1).into_bytes()[..50].to_vec()].concat();
    place.write(1, torn).write(2, lines(2..3));
    assert_both_ways(&place, &["1:1 0", "1:2 Torn 50", "2:1 2"]);
}

#[test]
fn a_torn_line_in_the_active_segment_is_not_damage() {
    let place = ReaderPlace::new();
    place.write(1, [lines(0..1), b"{\"timest".to_vec()].concat());
    assert_both_ways(&place, &["1:1 0", "1:2 unfinished 8"]);
}

#[test]
fn a_closed_segments_record_without_newline_is_a_record() {
    let place = ReaderPlace::new();
    place.write(1, line(0)).write(2, lines(1..2));
    assert_both_ways(&place, &["1:1 0", "2:1 1"]);
}

#[test]
fn a_record_behind_a_torn_one_is_found() {
    let place = ReaderPlace::new();
    for torn in [
        "{\"a\":{\"a\":1}",
        "{\"timestamp\":\"20",
        "x",
        "}",
        &line(7)[..100],
    ] {
        place.write(1, format!("{torn}{}\n", line(1)));
        let seen = place.read();
        assert_eq!(seen.len(), 2, "{torn}: {seen:?}");
        assert_eq!(seen[1], "1:1 1", "{torn}");
        assert_eq!(place.read_back(), seen);
    }
}

#[test]
fn records_glued_together_are_all_found() {
    let place = ReaderPlace::new();
    place.write(1, format!("{}{}{}\n", line(0), line(1), line(2)));
    assert_both_ways(&place, &["1:1 0", "1:1 1", "1:1 2"]);
}

#[test]
fn a_nested_object_that_looks_like_a_record_stays_where_it_is() {
    let place = ReaderPlace::new();
    let inner = line(9);
    let outer = line(1).replace('}', &format!(",\"properties\":{{\"a\":{inner}}}}}"));
    place.write(1, outer + "\n");
    assert_both_ways(&place, &["1:1 1"]);
}

#[test]
fn a_run_of_nuls_is_one_damage_item_however_long() {
    let place = ReaderPlace::new();
    let hole = vec![0; 3 * READ_LINE_BYTES_MAX];
    let torn = b"{\"timestamp\":\"2".to_vec();
    place.write(1, [lines(0..1), torn, hole.clone(), lines(1..2)].concat());
    place.write(
        2,
        [hole.clone(), b"\n".to_vec(), lines(2..3), hole].concat(),
    );
    place.write(3, lines(3..4));
    let nul = format!("NulHole {}", 3 * READ_LINE_BYTES_MAX);
    let expected = [
        "1:1 0",
        "1:2 Torn 15",
        &format!("1:2 {nul}"),
        "1:2 1",
        &format!("2:1 {nul}"),
        "2:2 2",
        &format!("2:3 {nul}"),
        "3:1 3",
    ];
    assert_both_ways(&place, &expected);
}

#[test]
fn a_line_that_is_too_long_is_skipped_in_constant_memory() {
    let place = ReaderPlace::new();
    let long = vec![b'x'; 5 * READ_LINE_BYTES_MAX];
    place.write(1, [long, b"\n".to_vec(), lines(0..1)].concat());
    let expected = format!("1:1 TooLong {}", 5 * READ_LINE_BYTES_MAX);
    assert_both_ways(&place, &[&expected, "1:2 0"]);
    let mut reader = Reader::open(&place.path()).unwrap();
    while reader.next_item().unwrap().is_some() {}
    let open = reader.walk.open().unwrap();
    assert!(open.scanner().capacity() <= 4 * READ_LINE_BYTES_MAX);
}

#[test]
fn invalid_lines_are_damage_and_blank_lines_are_skipped() {
    let place = ReaderPlace::new();
    let bytes = [b"\xff\xfe{\n\n[1]\n\r\n{}\n".to_vec(), lines(0..1)].concat();
    place.write(1, bytes);
    let expected = [
        "1:1 InvalidUtf8 3",
        "1:3 NotARecord 3",
        "1:5 NotARecord 2",
        "1:6 0",
    ];
    assert_both_ways(&place, &expected);
}

#[test]
fn a_missing_segment_is_lost_unless_it_is_below_the_floor() {
    let place = ReaderPlace::new();
    place.write(3, lines(0..1)).write(6, lines(1..2));
    assert_both_ways(&place, &["3:1 0", "missing 4..5", "6:1 1"]);
    place.extent(6, 3);
    assert_both_ways(&place, &["3:1 0", "missing 4..5", "6:1 1"]);
    place.extent(6, 2);
    assert_both_ways(&place, &["missing 2..2", "3:1 0", "missing 4..5", "6:1 1"]);
    place.extent(8, 6);
    assert_eq!(
        place.read(),
        ["3:1 0", "removed 4..5", "6:1 1", "missing 7..8"]
    );
    assert_eq!(place.read_back(), ["3:1 0", "6:1 1", "missing 7..8"]);
}

#[test]
fn a_cleared_directory_has_no_damage() {
    let place = ReaderPlace::new();
    place.extent(8, 9);
    assert_both_ways(&place, &[]);
}

#[test]
fn an_irregular_file_is_damage_and_not_followed() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1)).write(3, lines(1..2));
    std::os::unix::fs::symlink(place.segment(1), place.segment(2)).unwrap();
    assert_both_ways(&place, &["1:1 0", "2:1 NotAFile 0", "3:1 1"]);
}

#[test]
fn names_that_are_not_ours_are_ignored() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1));
    for name in ["events.000001.jsonl.swp", ".DS_Store", "events.1.jsonl"] {
        #[expect(clippy::disallowed_methods, reason = "a test plants a file")]
        fs::write(place.path().join(name), "x\n").unwrap();
    }
    assert_both_ways(&place, &["1:1 0"]);
}

#[test]
fn reading_ends_at_the_highest_segment_of_its_start() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1));
    let mut reader = Reader::open(&place.path()).unwrap();
    place.append(1, lines(1..2));
    place.write(2, lines(2..3));
    let mut seqs = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        seqs.push(describe(&item));
    }
    assert_eq!(seqs, ["1:1 0", "1:2 1"]);
    let mut follower = reader.follow();
    assert_eq!(drain(&mut follower), ["2:1 2"]);
}

#[test]
fn segments_cleared_during_reading_are_reported() {
    let place = ReaderPlace::new();
    place
        .write(1, lines(0..2))
        .write(2, lines(2..3))
        .extent(2, 1);
    let mut reader = Reader::open(&place.path()).unwrap();
    assert_eq!(describe(&reader.next_item().unwrap().unwrap()), "1:1 0");
    place.extent(2, 3);
    place.remove(1);
    place.remove(2);
    assert_eq!(describe(&reader.next_item().unwrap().unwrap()), "1:2 1");
    assert!(reader.next_item().unwrap().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damage_never_hides_an_intact_line_after_it(
        before in 0..4_u64,
        garbage in prop::collection::vec(
            prop_oneof![
                Just(b"\n".to_vec()),
                Just(b"\0\0\0".to_vec()),
                Just(b"{\"timestamp\":\"".to_vec()),
                Just(b"}".to_vec()),
                Just(b"\"".to_vec()),
                Just(line(99).into_bytes()),
                prop::collection::vec(any::<u8>(), 0..20),
            ],
            0..12,
        ),
        after in 1..4_u64,
    ) {
        let place = ReaderPlace::new();
        let garbage = garbage.concat();
        place.write(1, [lines(0..before), garbage, lines(before..before + after)].concat());
        place.write(2, lines(50..51));
        let seen = place.read();
        let records = |seen: &[String]| -> Vec<String> {
            seen.iter().filter_map(|item| item.split_once(' ')).map(|(_, what)| what.to_owned())
                .filter(|what| what.parse::<u64>().is_ok_and(|seq| seq != 99)).collect()
        };
        let expected: Vec<_> = (0..before + after).chain([50]).map(|seq| seq.to_string()).collect();
        prop_assert_eq!(records(&seen), expected);
        prop_assert_eq!(place.read_back(), seen);
    }

    #[test]
    fn both_directions_see_the_same_items_whatever_the_bytes(
        segments in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    (0..9_u64).prop_map(|seq| lines([seq])),
                    (0..9_u64, 0..90_000_usize).prop_map(|(seq, length)| long_line(seq, length)),
                    (1..200_000_usize).prop_map(|length| vec![0; length]),
                    (1..200_000_usize).prop_map(|length| vec![b'y'; length]),
                    Just(b"\n".to_vec()),
                    Just(b"{\"timestamp\":\"".to_vec()),
                ],
                0..12,
            ),
            1..4,
        ),
    ) {
        let place = ReaderPlace::new();
        for (segment, pieces) in (1..).zip(&segments) {
            place.write(segment, pieces.concat());
        }
        prop_assert_eq!(place.read_back(), place.read());
    }
}
