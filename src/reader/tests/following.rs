//! Following: INVARIANT: a follower returns each record once and in order, or reports what it
//! missed, whatever writers and owners do meanwhile.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn a_follower_sees_a_line_only_when_it_is_whole() {
    let place = ReaderPlace::new();
    let (start, end) = (line(0)[..40].to_owned(), line(0)[40..].to_owned() + "\n");
    let mut follower = place.follow();
    assert_eq!(drain(&mut follower), [""; 0]);
    place.append(1, start);
    assert_eq!(drain(&mut follower), [""; 0]);
    place.append(1, end);
    assert_eq!(drain(&mut follower), ["1:1 0"]);
}

#[test]
fn a_line_that_its_writer_takes_back_is_not_mixed_with_the_next() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1));
    let whole = lines(0..1).len() as u64;
    let mut follower = place.follow();
    // No part of it must remain: its replacement may be longer at the next poll.
    place.append(1, "x".repeat(60));
    assert_eq!(drain(&mut follower), ["1:1 0"]);
    place.cut(1, whole);
    place.append(1, lines(1..2));
    assert_eq!(drain(&mut follower), ["1:2 1"]);
}

#[test]
fn a_follower_crosses_rotations_and_reads_late_lines() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1));
    let mut follower = place.follow();
    assert_eq!(drain(&mut follower), ["1:1 0"]);
    place.append(1, lines(1..2));
    place.write(2, lines(2..3));
    assert_eq!(drain(&mut follower), ["1:2 1", "2:1 2"]);
}

#[test]
fn a_follower_finishes_a_removed_open_segment() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1));
    let mut follower = place.follow();
    assert_eq!(drain(&mut follower), ["1:1 0"]);
    place.append(1, lines(1..2));
    place
        .write(2, lines(2..3))
        .write(3, lines(3..4))
        .extent(4, 4);
    for segment in 1..=3 {
        place.remove(segment);
    }
    place.write(4, lines(4..5));
    assert_eq!(drain(&mut follower), ["1:2 1", "removed 2..3", "4:1 4"]);
}

#[test]
fn a_follower_reports_a_cut_segment_and_continues() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..3));
    let mut follower = place.follow();
    assert_eq!(drain(&mut follower).len(), 3);
    let bytes = lines(0..1).len();
    place.cut(1, bytes as u64);
    let cut = format!("1 cut {} to {bytes}", lines(0..3).len());
    assert_eq!(drain(&mut follower), [cut]);
    place.append(1, lines(5..6));
    assert_eq!(drain(&mut follower), ["1:2 5"]);
}

/// A way in which another program replaces the bytes of a segment.
type Replacement = fn(&ReaderPlace, &[u8]);

const WAYS: [(&str, Replacement); 2] = [
    ("by another file", |place, bytes| place.replace(1, bytes)),
    ("in place", |place, bytes| {
        place.write(1, bytes);
    }),
];

/// Returns the items, without notices, of a follower of a three-line segment whose bytes were
/// replaced by these.
fn seen_after(
    change: Replacement,
    bytes: &[u8],
    begin: fn(&ReaderPlace) -> Follower,
) -> Vec<String> {
    let place = ReaderPlace::new();
    place.write(1, lines(0..3));
    let mut follower = begin(&place);
    drain(&mut follower);
    change(&place, bytes);
    let mut seen = drain(&mut follower);
    let notice = seen.remove(0);
    assert!(
        notice.contains("cut") || notice.contains("instead"),
        "{notice}"
    );
    place.append(1, lines(90..91));
    let last = drain(&mut follower);
    assert_eq!(last.len(), 1, "{last:?}");
    assert!(last[0].ends_with(" 90"), "{last:?}");
    seen
}

/// Follows from the end of the existing lines.
fn follow_from_the_end(place: &ReaderPlace) -> Follower {
    let mut reader = Reader::open(&place.path()).unwrap();
    while reader.next_item().unwrap().is_some() {}
    reader.follow()
}

/// Follows from the last line.
fn follow_from_the_last(place: &ReaderPlace) -> Follower {
    let mut reader = Reader::open(&place.path()).unwrap();
    let mut last = None;
    while let Some(Item::Line(line)) = reader.next_item().unwrap() {
        last = Some(line.position());
    }
    reader.seek(last.unwrap());
    reader.follow()
}

const BEGINNINGS: [fn(&ReaderPlace) -> Follower; 3] = [
    ReaderPlace::follow,
    follow_from_the_end,
    follow_from_the_last,
];

#[test]
fn all_lines_of_a_replaced_or_refilled_segment_are_shown() {
    for (way, change) in WAYS {
        for begin in BEGINNINGS {
            // Shorter than the old content, as long as it, and longer.
            for count in [1, 2, 3, 4, 9] {
                let new = 4..4 + count;
                let seen = seen_after(change, &lines(new.clone()), begin);
                let expected: Vec<_> = (1..)
                    .zip(new)
                    .map(|(at, seq)| format!("1:{at} {seq}"))
                    .collect();
                assert_eq!(seen, expected, "{way}, {count} lines");
            }
        }
    }
}

#[test]
fn lines_in_both_the_old_and_the_new_segment_are_shown_once() {
    let cases: [(&[u64], &[&str]); 6] = [
        (&[0, 1, 2, 3, 4], &["1:4 3", "1:5 4"]),
        (&[0, 1], &[]),
        (&[0, 1, 7, 8], &["1:3 7", "1:4 8"]),
        (&[0, 2, 3], &["1:3 3"]),
        (&[1, 2, 3, 4], &["1:3 3", "1:4 4"]),
        (&[9, 0, 1, 2], &["1:1 9"]),
    ];
    for (way, change) in WAYS {
        for begin in BEGINNINGS {
            for (new, expected) in cases {
                // Lines that are only appended in place look like those of a writer.
                if way == "in place" && new.starts_with(&[0, 1, 2]) {
                    continue;
                }
                let seen = seen_after(change, &lines(new.iter().copied()), begin);
                assert_eq!(seen, expected, "{way}: {new:?}");
            }
        }
    }
}

#[test]
fn a_segment_that_was_empty_at_the_first_poll_may_be_replaced() {
    let place = ReaderPlace::new();
    place.write(1, "");
    let mut follower = place.follow();
    assert_eq!(drain(&mut follower), [""; 0]);
    place.replace(1, lines(0..2));
    assert_eq!(drain(&mut follower), ["1 instead", "1:1 0", "1:2 1"]);
    place.write(1, "");
    assert_eq!(drain(&mut follower).len(), 1);
    place.append(1, lines(2..4));
    assert_eq!(drain(&mut follower), ["1:1 2", "1:2 3"]);
}

#[test]
fn a_segment_refilled_piece_by_piece_shows_nothing_twice() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..3));
    let mut follower = place.follow();
    drain(&mut follower);
    place.write(1, "");
    assert_eq!(drain(&mut follower).len(), 1);
    for seq in 0..3 {
        place.append(1, lines([seq]));
        assert_eq!(drain(&mut follower), [""; 0]);
    }
    place.append(1, lines([3]));
    assert_eq!(drain(&mut follower), ["1:4 3"]);
}

#[test]
fn lines_that_the_old_file_got_before_it_was_replaced_are_shown() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1));
    let mut follower = place.follow();
    drain(&mut follower);
    place.append(1, lines(1..2));
    place.replace(1, lines([0, 2]));
    place.write(2, lines(3..4));
    assert_eq!(
        drain(&mut follower),
        ["1:2 1", "1 instead", "1:2 2", "2:1 3"]
    );
}

#[test]
fn a_copy_in_the_place_of_the_directory_shows_only_what_is_new() {
    for begin in [ReaderPlace::follow, follow_from_the_end] {
        let place = ReaderPlace::new();
        place.write(1, lines(0..2)).write(2, lines(2..4));
        let mut follower = begin(&place);
        drain(&mut follower);
        place.copy_itself();
        place.append(2, lines(4..5));
        place.write(3, lines(5..6));
        assert_eq!(drain(&mut follower), ["replaced", "2:3 4", "3:1 5"]);
    }
}

/// Creates a directory with two segments of one record each.
fn two_segments() -> ReaderPlace {
    let place = ReaderPlace::new();
    place
        .write(1, lines(0..1))
        .write(2, lines(1..2))
        .extent(2, 1);
    place
}

#[test]
fn a_directory_that_is_emptied_and_restarted_is_followed() {
    let place = two_segments();
    let mut follower = place.follow();
    drain(&mut follower);
    place.remove(1);
    place.remove(2);
    assert_eq!(drain(&mut follower), [""; 0]);
    place.write(1, lines(7..9)).extent(1, 1);
    assert_eq!(drain(&mut follower), ["replaced", "1:1 7", "1:2 8"]);
}

#[test]
fn a_directory_that_is_refilled_between_two_polls_is_all_read() {
    let expected = ["replaced", "1:1 7", "2:1 8", "3:1 9", "4:1 10"];
    for is_in_place in [true, false] {
        for begin in [ReaderPlace::follow, follow_from_the_end] {
            let place = ReaderPlace::new();
            for segment in 1..=3 {
                place.write(segment, lines([segment]));
            }
            let mut follower = begin(&place);
            drain(&mut follower);
            for segment in 1..=4 {
                if is_in_place {
                    place.write(segment, lines([segment + 6]));
                } else {
                    place.replace(segment, lines([segment + 6]));
                }
            }
            assert_eq!(drain(&mut follower), expected, "in place: {is_in_place}");
        }
    }
}

#[test]
fn one_replaced_segment_shows_nothing_of_those_below_again() {
    for below in [lines([1]), Vec::new()] {
        let place = ReaderPlace::new();
        place
            .write(1, lines([0]))
            .write(2, &below)
            .write(3, lines([2]));
        let mut follower = place.follow();
        drain(&mut follower);
        place.replace(3, lines([7]));
        assert_eq!(drain(&mut follower), ["3 instead", "3:1 7"]);
        place.remove(2);
        place.replace(3, lines([8]));
        assert_eq!(drain(&mut follower), ["3 instead", "3:1 8"]);
    }
}

#[test]
fn the_removal_of_the_open_segment_shows_no_older_one_again() {
    let place = two_segments();
    let mut follower = place.follow();
    drain(&mut follower);
    place.remove(2);
    assert_eq!(drain(&mut follower), [""; 0]);
    place.write(3, lines(2..3)).extent(3, 1);
    assert_eq!(drain(&mut follower), ["3:1 2"]);
}

#[test]
fn a_follower_reports_segments_removed_before_its_first_read() {
    let place = ReaderPlace::new();
    let mut follower = place.follow();
    place.write(2, lines(1..2)).extent(2, 2);
    let seen = drain(&mut follower);
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0].contains("removed"), "{seen:?}");
    assert_eq!(seen[1], "2:1 1");
}

#[test]
fn segments_removed_before_a_follower_began_are_not_reported() {
    let place = ReaderPlace::new();
    place.write(2, lines(1..2)).extent(2, 2);
    let mut follower = place.follow();
    assert_eq!(drain(&mut follower), ["2:1 1"]);
}

#[test]
fn a_follower_continues_in_a_recreated_directory() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1)).write(2, lines(1..2));
    let mut follower = place.follow();
    assert_eq!(drain(&mut follower).len(), 2);
    place.remove_all();
    assert_eq!(drain(&mut follower), [""; 0]);
    place.make_again();
    place.write(1, lines(0..1));
    assert_eq!(drain(&mut follower), ["replaced", "1:1 0"]);
}

#[test]
fn a_follower_beside_a_writer_sees_each_record_once() {
    const RECORDS: u64 = 3000;
    let place = ReaderPlace::new();
    place.write(1, "");
    let mut follower = place.follow();
    let (mut seen, mut idle) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut segment = 1;
            for seq in 0..RECORDS {
                // A line in two writes: a reader may see it half done.
                let whole = line(seq) + "\n";
                let (start, end) = whole.split_at(whole.len() / 2);
                place.append(segment, start);
                place.append(segment, end);
                if seq % 40 == 39 {
                    segment += 1;
                    place.write(segment, "");
                }
            }
        });
        while (seen.len() as u64) < RECORDS && idle < 2000 {
            match follower.poll().unwrap() {
                Some(Item::Line(line)) => {
                    seen.push(line.record().unwrap().seq);
                    idle = 0;
                }
                Some(other) => panic!("{other:?}"),
                None => {
                    idle += 1;
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
        }
    });
    assert_eq!(seen, (0..RECORDS).collect::<Vec<_>>());
}

/// An action of a writer or an owner while the directory is followed.
#[derive(Debug, Clone)]
enum Act {
    Append(u8),
    AppendPart,
    Rotate,
    Retain,
    Clear,
    Poll(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..5_u8).prop_map(Act::Append),
        1 => Just(Act::AppendPart),
        3 => Just(Act::Rotate),
        1 => Just(Act::Retain),
        1 => Just(Act::Clear),
        4 => (1..8_u8).prop_map(Act::Poll),
    ]
}

/// A model of the store as a writer, with the lines that it wrote to each segment.
struct Model {
    place: ReaderPlace,
    head: u64,
    floor: u64,
    seq: u64,
    pending: Option<String>,
    written: Vec<(u64, u64)>,
}

impl Model {
    fn apply(&mut self, act: &Act) {
        match act {
            Act::Append(count) => {
                self.end_line();
                for _ in 0..*count {
                    self.place.append(self.head, lines([self.seq]));
                    self.note();
                }
            }
            Act::AppendPart => {
                self.end_line();
                let (start, end) = {
                    let whole = line(self.seq) + "\n";
                    let (start, end) = whole.split_at(70);
                    (start.to_owned(), end.to_owned())
                };
                self.place.append(self.head, start);
                self.pending = Some(end);
            }
            Act::Rotate => {
                self.end_line();
                self.head += 1;
                self.place.write(self.head, "");
                self.place.extent(self.head, self.floor);
            }
            Act::Retain => self.remove_below(self.head),
            Act::Clear => {
                self.end_line();
                self.head += 1;
                self.place.write(self.head, "");
                self.remove_below(self.head);
            }
            Act::Poll(_) => {}
        }
    }

    fn end_line(&mut self) {
        if let Some(end) = self.pending.take() {
            self.place.append(self.head, end);
            self.note();
        }
    }

    fn note(&mut self) {
        self.written.push((self.head, self.seq));
        self.seq += 1;
    }

    fn remove_below(&mut self, floor: u64) {
        self.place.extent(self.head, floor);
        for segment in self.floor..floor {
            self.place.remove(segment);
        }
        self.floor = floor;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_follower_sees_each_record_once_or_a_notice_of_the_loss(
        acts in prop::collection::vec(act(), 1..40),
    ) {
        let place = ReaderPlace::new();
        place.write(1, "").extent(1, 1);
        let mut follower = place.follow();
        let mut model = Model { place, head: 1, floor: 1, seq: 0, pending: None, written: Vec::new() };
        let mut seen = Vec::new();
        let mut missed = BTreeSet::new();
        let mut take = |item: &Item<'_>| match item {
            Item::Line(line) => seen.push(line.record().unwrap().seq),
            Item::Notice(Notice::Removed { segments }) => {
                missed.extend(segments.first.get()..=segments.last.get());
            }
            other => panic!("{other:?}"),
        };
        for act in &acts {
            model.apply(act);
            if let Act::Poll(polls) = act {
                for _ in 0..*polls {
                    if let Some(item) = follower.poll().unwrap() {
                        take(&item);
                    }
                }
            }
        }
        model.end_line();
        let mut idle = 0;
        while idle < 12 {
            match follower.poll().unwrap() {
                Some(item) => { take(&item); idle = 0; }
                None => idle += 1,
            }
        }
        let first = seen.first().copied();
        let expected: Vec<_> = model.written.iter()
            .filter(|(segment, seq)| {
                let begun = first.is_some_and(|first| *seq >= first);
                begun && !missed.contains(segment)
            })
            .map(|(_, seq)| *seq)
            .collect();
        prop_assert_eq!(&seen, &expected);
        // Lines that exist at the end were returned in any case.
        let left = model.written.iter().filter(|(segment, _)| *segment >= model.floor);
        for (_, seq) in left {
            prop_assert!(seen.contains(seq), "{} of {:?}", seq, seen);
        }
    }
}
