//! Merged inputs. INVARIANTS: the lines of each input stay in their order, and the input whose next
//! line is the oldest comes first; single items and folds have the same order.

use std::io::Cursor;

use super::*;
use crate::reader::scan::Fold;

/// The number of the input and the bytes of each line.
type Order = Vec<(usize, String)>;

fn line_at(second: u32, seq: usize) -> String {
    let time = format!(
        "2026-11-21T08:{:02}:{:02}.000000Z",
        second / 60,
        second % 60
    );
    line(seq as u64).replace("2026-11-21T08:15:30.123456Z", &time)
}

/// The lines of an input: `None` is a line that has no time.
fn lines_at(seconds: &[Option<u32>]) -> Vec<String> {
    let line = |(seq, second): (usize, &Option<u32>)| match second {
        Some(second) => line_at(*second, seq),
        None => format!("line {seq} without a time"),
    };
    seconds.iter().enumerate().map(line).collect()
}

/// Returns the lines with their newlines.
fn text_at(seconds: &[Option<u32>]) -> String {
    let lines = lines_at(seconds).into_iter();
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

fn place_with(seconds: &[Option<u32>]) -> ReaderPlace {
    let place = ReaderPlace::new();
    let text = text_at(seconds);
    let half = text.find('\n').map_or(0, |end| end + 1);
    place.write(1, &text[..half]).write(2, &text[half..]);
    place
}

/// Merges by looking at the next line of each input.
fn merged_slowly(inputs: &[Vec<Option<u32>>]) -> Order {
    let lines: Vec<Vec<String>> = inputs.iter().map(|seconds| lines_at(seconds)).collect();
    let mut next = vec![0; inputs.len()];
    let mut time = vec![None; inputs.len()];
    let mut order = Vec::new();
    loop {
        for (input, seconds) in inputs.iter().enumerate() {
            if let Some(Some(second)) = seconds.get(next[input]) {
                time[input] = Some(*second);
            }
        }
        let left = (0..inputs.len()).filter(|input| next[*input] < lines[*input].len());
        let Some(first) = left.min_by_key(|input| (time[*input], *input)) else {
            return order;
        };
        order.push((first, lines[first][next[first]].clone()));
        next[first] += 1;
    }
}

fn text_of(item: &Item<'_>) -> String {
    let bytes = match item {
        Item::Line(line) | Item::Text(line) => line.bytes(),
        Item::Damage(damage) => &damage.excerpt,
        Item::Notice(notice) => panic!("{notice}"),
    };
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn items_of(mut merged: Merged) -> Order {
    let mut order = Vec::new();
    while let Some((input, item)) = merged.next_item().unwrap() {
        order.push((input, text_of(&item)));
    }
    order
}

#[derive(Debug, Default)]
struct OrderFold {
    input: usize,
    order: Order,
}

impl OrderFold {
    fn add(&mut self, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.order.push((self.input, text));
    }
}

impl Fold for OrderFold {
    fn input(&mut self, input: usize) {
        self.input = input;
    }

    fn line(&mut self, line: Line<'_>, _: &RawRecord<'_>) {
        self.add(line.bytes());
    }

    fn text(&mut self, line: Line<'_>) {
        self.add(line.bytes());
    }

    fn damage(&mut self, damage: Damage) {
        self.add(&damage.excerpt);
    }

    fn merge(&mut self, later: &mut Self) {
        self.order.append(&mut later.order);
    }
}

fn folded(mut merged: Merged) -> Order {
    let mut whole = OrderFold::default();
    let folded = merged.fold(&mut whole, OrderFold::default, |_| Ok::<(), Error>(()));
    folded.unwrap();
    whole.order
}

fn forward(places: &[ReaderPlace]) -> Merged {
    Merged::new(
        places
            .iter()
            .map(|place| Reader::open(&place.path()).unwrap()),
    )
}

fn backward(places: &[ReaderPlace]) -> Merged {
    Merged::new(
        places
            .iter()
            .map(|place| Reader::reverse(&place.path()).unwrap()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_input_with_the_oldest_next_line_comes_first(
        inputs in proptest::collection::vec(
            proptest::collection::vec(proptest::option::weighted(0.9, 0..40_u32), 0..30),
            0..5,
        ),
    ) {
        let places: Vec<ReaderPlace> = inputs.iter().map(|seconds| place_with(seconds)).collect();
        let expected = merged_slowly(&inputs);
        prop_assert_eq!(&items_of(forward(&places)), &expected);
        prop_assert_eq!(&folded(forward(&places)), &expected);
    }

    #[test]
    fn both_directions_merge_ordered_inputs_alike(
        mut inputs in proptest::collection::vec(
            proptest::collection::vec(0..40_u32, 0..30),
            1..5,
        ),
    ) {
        for seconds in &mut inputs {
            seconds.sort_unstable();
        }
        let with_time = |seconds: &Vec<u32>| place_with(&seconds.iter().copied().map(Some).collect::<Vec<_>>());
        let places: Vec<ReaderPlace> = inputs.iter().map(with_time).collect();
        let mut reversed = items_of(backward(&places));
        prop_assert_eq!(&folded(backward(&places)), &reversed);
        reversed.reverse();
        prop_assert_eq!(reversed, items_of(forward(&places)));
    }

    #[test]
    fn a_stream_is_merged_like_a_directory(
        inputs in proptest::collection::vec(
            proptest::collection::vec(proptest::option::weighted(0.9, 0..40_u32), 0..30),
            0..4,
        ),
        piece in 1..400_usize,
    ) {
        let streams = || inputs.iter().map(|seconds| {
            let text = text_at(seconds);
            LineStream::of_records(Pieces(Cursor::new(text), piece))
        });
        let expected = merged_slowly(&inputs);
        prop_assert_eq!(&items_of(Merged::new(streams())), &expected);
        prop_assert_eq!(&folded(Merged::new(streams())), &expected);
    }
}

/// Bytes of which each read returns only a few.
struct Pieces(Cursor<String>, usize);

impl std::io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let end = buffer.len().min(self.1);
        self.0.read(&mut buffer[..end])
    }
}

#[test]
fn many_lines_of_several_inputs_keep_their_order() {
    let seconds = |step: usize| (0..3600_u32).step_by(step).map(Some);
    let inputs: Vec<Vec<Option<u32>>> = [1, 2, 3, 7].map(|step| seconds(step).collect()).into();
    let places: Vec<ReaderPlace> = inputs.iter().map(|seconds| place_with(seconds)).collect();
    let expected = merged_slowly(&inputs);
    assert!(folded(forward(&places)) == expected);
    assert!(items_of(forward(&places)) == expected);
}

/// The input, the bytes and the time of each line of text: its own, or the last one before it.
#[derive(Debug, Default)]
struct TimedFold {
    input: usize,
    times: [Option<Timestamp>; 3],
    lines: Vec<(usize, String, Option<Timestamp>)>,
}

impl Fold for TimedFold {
    fn input(&mut self, input: usize) {
        self.input = input;
    }

    fn line(&mut self, _: Line<'_>, _: &RawRecord<'_>) {}

    fn text(&mut self, line: Line<'_>) {
        let time = &mut self.times[self.input];
        *time = second_of(line.bytes()).or(*time);
        let text = String::from_utf8(line.bytes().to_vec()).unwrap();
        self.lines.push((self.input, text, *time));
    }

    fn text_after(&mut self, time: Timestamp) {
        self.times[self.input] = Some(time);
    }

    fn damage(&mut self, damage: Damage) {
        panic!("{damage}");
    }

    fn merge(&mut self, later: &mut Self) {
        self.lines.append(&mut later.lines);
    }
}

/// Reads the seconds since 1970 before the first space of a line.
fn second_of(line: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(line).ok()?;
    let (second, _) = text.split_once(' ')?;
    Timestamp::from_unix_micros(second.parse::<i64>().ok()? * 1_000_000)
}

#[test]
fn a_line_of_text_without_a_time_follows_the_last_one() {
    for inputs in 1..=3 {
        // More than all batches of one thread, with a time on a few lines of each.
        let texts = (0..inputs).map(|input| {
            let lines = (0..3000).map(|seq| match (seq + input) % 500 {
                250 => format!("{seq} {input}"),
                _ => format!("no time {seq} {input} {}", "x".repeat(300)),
            });
            lines.collect::<Vec<_>>()
        });
        let texts: Vec<Vec<String>> = texts.collect();
        let streams = texts.iter().map(|lines| {
            let text = Cursor::new(lines.join("\n"));
            LineStream::of_text(text, second_of)
        });
        let mut whole = TimedFold::default();
        let folded =
            Merged::new(streams).fold(&mut whole, TimedFold::default, |_| Ok::<(), Error>(()));
        folded.unwrap();
        for (input, lines) in texts.iter().enumerate() {
            let mut time = None;
            let expected = lines.iter().map(|line| {
                time = second_of(line.as_bytes()).or(time);
                (line, time)
            });
            let of_input = whole.lines.iter().filter(|(from, ..)| *from == input);
            let found = of_input.map(|(_, line, time)| (line, *time));
            assert!(found.eq(expected), "{inputs} inputs, input {input}");
        }
    }
}

#[test]
fn a_line_of_a_stream_is_returned_before_the_next_is_read() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut merged = Merged::new([LineStream::of_text(reader, |_| None)]);
    for number in 0..3 {
        writeln!(writer, "line {number}").unwrap();
        assert!(!merged.is_next_read());
        let (_, item) = merged.next_item().unwrap().unwrap();
        assert_eq!(text_of(&item), format!("line {number}"));
    }
    write!(writer, "without an end").unwrap();
    drop(writer);
    let (_, item) = merged.next_item().unwrap().unwrap();
    assert_eq!(text_of(&item), "without an end");
    assert!(merged.next_item().unwrap().is_none());
}

#[test]
fn a_stream_that_fails_ends_with_damage() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("it is broken"))
        }
    }
    let text = Cursor::new(format!("{}\n{}", line(1), &line(2)[..20]));
    let stream = LineStream::of_records(std::io::Read::chain(text, Broken));
    let mut merged = Merged::new([stream]);
    let (_, item) = merged.next_item().unwrap().unwrap();
    assert_eq!(text_of(&item), line(1));
    let Some((_, Item::Damage(damage))) = merged.next_item().unwrap() else {
        panic!("no damage");
    };
    assert!(damage.kind.to_string().contains("it is broken"), "{damage}");
    assert_eq!(damage.position.line, NonZero::new(2));
    assert!(merged.next_item().unwrap().is_none());
}

/// The inputs of a merge, closed between two reads.
fn closed(inputs: impl Iterator<Item = impl Into<MergeInput>>) -> Merged {
    let mut merged = Merged::new(inputs.map(|input| input.into().closed()));
    // Many reads of each.
    merged.bytes_max = 2000;
    merged
}

/// Lines of several reads, with damage and a lost segment.
fn place_with_damage(input: u32) -> ReaderPlace {
    let text = |from: u32| {
        let seconds: Vec<_> = (from..from + 400).map(|at| Some(2 * at + input)).collect();
        text_at(&seconds)
    };
    let place = ReaderPlace::new();
    let first = text(0) + "torn" + "\0\0\0" + &text(400);
    place
        .write(1, first)
        .write(2, text(800))
        .write(4, text(1200));
    place
}

#[test]
fn closed_inputs_are_read_like_open_ones() {
    let places: Vec<ReaderPlace> = (0..3).map(place_with_damage).collect();
    let readers = || places.iter().map(|it| Reader::open(&it.path()).unwrap());
    let reverses = || places.iter().map(|it| Reader::reverse(&it.path()).unwrap());
    let expected = items_of(forward(&places));
    assert!(items_of(closed(readers())) == expected);
    assert!(folded(closed(readers())) == expected);
    let expected = items_of(backward(&places));
    assert!(items_of(closed(reverses())) == expected);
    assert!(folded(closed(reverses())) == expected);
}

#[test]
fn inputs_in_turn_are_read_to_their_ends() {
    let places: Vec<ReaderPlace> = (0..3).map(place_with_damage).collect();
    let readers = || places.iter().map(|it| Reader::open(&it.path()).unwrap());
    let mut expected: Order = Vec::new();
    for (number, reader) in readers().enumerate() {
        let items = items_of(Merged::new([reader]));
        expected.extend(items.into_iter().map(|(_, text)| (number, text)));
    }
    assert!(items_of(closed(readers()).in_turn()) == expected);
    assert!(folded(closed(readers()).in_turn()) == expected);
    assert!(folded(forward(&places).in_turn()) == expected);
}

#[test]
fn a_closed_input_starts_where_it_was_moved_to() {
    let place = place_with(&[Some(1), Some(2), Some(3)]);
    let mut reader = Reader::open(&place.path()).unwrap();
    let Some(Item::Line(_)) = reader.next_item().unwrap() else {
        panic!("no line");
    };
    let Some(Item::Line(line)) = reader.next_item().unwrap() else {
        panic!("no line");
    };
    let position = line.position();
    let mut input = MergeInput::from(Reader::open(&place.path()).unwrap()).closed();
    input.seek(position);
    assert_eq!(items_of(Merged::new([input])).len(), 2);
}

/// Two inputs, of which the first has a record behind a torn one, and a blank line.
fn with_a_record_behind_a_torn_one() -> [ReaderPlace; 2] {
    let (torn, behind, last) = (line_at(1, 0), line_at(2, 1), line_at(5, 2));
    let torn = &torn[..40];
    let place = ReaderPlace::new();
    place.write(1, format!("{torn}{behind}\n\n{last}\n"));
    [place, place_with(&[Some(3), Some(4)])]
}

#[test]
fn a_record_behind_a_torn_one_is_an_item_of_its_own() {
    let places = with_a_record_behind_a_torn_one();
    let torn = line_at(1, 0)[..40].to_owned();
    let forwards = [
        (0, torn.clone()),
        (0, line_at(2, 1)),
        (1, line_at(3, 0)),
        (1, line_at(4, 1)),
        (0, line_at(5, 2)),
    ];
    assert_eq!(items_of(forward(&places)), forwards);
    assert_eq!(items_of(forward(&places[..1]))[..2], forwards[..2]);
    // What has no time at its start follows the line before it, and backwards that is another one.
    let backwards = [
        (0, line_at(5, 2)),
        (0, line_at(2, 1)),
        (0, torn),
        (1, line_at(4, 1)),
        (1, line_at(3, 0)),
    ];
    assert_eq!(items_of(backward(&places)), backwards);
}

#[test]
fn a_fold_goes_on_between_the_items_of_a_line() {
    let places = with_a_record_behind_a_torn_one();
    let mut merged = forward(&places);
    assert!(matches!(
        merged.next_item().unwrap(),
        Some((0, Item::Damage(_)))
    ));
    let lines: Vec<String> = folded(merged).into_iter().map(|(_, line)| line).collect();
    let expected = [line_at(2, 1), line_at(3, 0), line_at(4, 1), line_at(5, 2)];
    assert_eq!(lines, expected);
}
