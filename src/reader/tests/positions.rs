//! Positions: a reader can start at that of any item, and damage has the number of its line
//! wherever reading started.

use super::*;

#[test]
fn a_position_behind_a_rotation_can_be_sought() {
    let place = ReaderPlace::new();
    place.write(1, lines([0]));
    let mut reader = Reader::open(&place.path()).unwrap();
    place.write(2, lines([1]));
    reader.seek(Position::new(number(2), 0));
    assert!(matches!(reader.next_item().unwrap(), Some(Item::Line(_))));
}

#[test]
fn a_reader_can_return_to_a_position() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..2)).write(2, lines(2..4));
    let mut reverse = Reader::reverse(&place.path()).unwrap();
    let mut position = None;
    for _ in 0..3 {
        if let Some(Item::Line(line)) = reverse.next_item() {
            position = Some(line.position());
        }
    }
    let mut reader = Reader::open(&place.path()).unwrap();
    reader.seek(position.unwrap());
    let Some(Item::Line(found)) = reader.next_item().unwrap() else {
        panic!("a line")
    };
    assert_eq!(found.record().unwrap().seq, 1);
    assert_eq!(Some(found.position()), position);
}

#[test]
fn the_last_lines_are_found_without_counting_those_before() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..4000));
    let mut reverse = Reader::reverse(&place.path()).unwrap();
    let mut merged = Merged::new([Reader::reverse(&place.path()).unwrap()]);
    let Some(Item::Line(last)) = reverse.next_item() else {
        panic!("a line")
    };
    assert_eq!(last.position().line, None);
    let Some((_, Item::Line(merged))) = merged.next_item().unwrap() else {
        panic!("a line")
    };
    assert_eq!(merged.position().line, None);
    let mut reader = Reader::open(&place.path()).unwrap();
    reader.seek(last.position());
    let Some(Item::Line(found)) = reader.next_item().unwrap() else {
        panic!("a line")
    };
    assert_eq!(found.position().line, None);
}

#[test]
fn damage_behind_lines_that_were_not_counted_has_its_line() {
    let damaged = [
        b"no record\n".to_vec(),
        line(9).replace("INFO", "none").into_bytes(),
        vec![0; 9],
        b"{\"timestamp\":\"".to_vec(),
    ];
    for bytes in damaged {
        let place = ReaderPlace::new();
        place.write(1, [lines(0..4000), bytes, b"\n".to_vec()].concat());
        let seen = place.read();
        assert!(seen.last().unwrap().starts_with("1:4001 "), "{seen:?}");
        assert_eq!(place.read_back(), seen);
        place.append(1, lines(9..10));
        let mut follower = {
            let mut reader = Reader::open(&place.path()).unwrap();
            reader.seek(Position::new(number(1), lines(0..3999).len() as u64));
            reader.follow()
        };
        let followed = drain(&mut follower);
        assert_eq!(followed[..2], ["1:? 3999".to_owned(), seen[4000].clone()]);
    }
}
