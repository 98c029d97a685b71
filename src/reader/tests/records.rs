//! Iterators over records: they return the same as the items, and end.

use super::*;
use crate::store::faults::Fault;

/// Returns the sequence number of each record, and the line of each damage.
fn numbers(records: impl Iterator<Item = Result<Record, Damage>>) -> Vec<Result<u64, u64>> {
    let number = |record: Result<Record, Damage>| match record {
        Ok(record) => Ok(record.seq),
        Err(damage) => Err(damage.position.line.unwrap().get()),
    };
    records.map(number).collect()
}

/// Writes a directory with two records, a line between them that is not a record, and an unfinished
/// line.
fn damaged() -> ReaderPlace {
    let place = ReaderPlace::new();
    let (first, second) = (lines(0..1), lines(1..2));
    let whole = [first.as_slice(), b"no record\n", second.as_slice()].concat();
    place.write(1, [whole.as_slice(), b"{"].concat());
    place
}

#[test]
fn records_come_in_order_with_damage_between_them() {
    let place = damaged();
    let mut reader = Reader::open(&place.path()).unwrap();
    assert_eq!(numbers(reader.records()), [Ok(0), Err(2), Ok(1)]);
    assert_eq!(numbers(reader.records()), []);
    let mut reverse = Reader::reverse(&place.path()).unwrap();
    assert_eq!(numbers(reverse.records()), [Ok(1), Err(2), Ok(0)]);
}

#[test]
fn an_iterator_continues_where_the_one_before_stopped() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..3));
    let mut reader = Reader::open(&place.path()).unwrap();
    assert_eq!(numbers(reader.records().take(1)), [Ok(0)]);
    assert!(matches!(reader.next_item(), Ok(Some(Item::Line(_)))));
    assert_eq!(numbers(reader.records()), [Ok(2)]);
}

#[test]
fn a_follower_returns_records_that_come_later() {
    let place = damaged();
    let mut follower = place.follow();
    assert_eq!(numbers(follower.records()), [Ok(0), Err(2), Ok(1)]);
    assert_eq!(numbers(follower.records()), []);
    place.append(1, "\n");
    place.append(1, lines(2..4));
    assert_eq!(numbers(follower.records()), [Err(4), Ok(2), Ok(3)]);
}

#[test]
fn records_of_a_directory_that_cannot_be_listed_end_with_damage() {
    let place = ReaderPlace::new();
    place.write(1, lines(0..1));
    place.write(2, lines(1..2));
    let mut reader = Reader::open(&place.path()).unwrap();
    reader
        .walk
        .directory()
        .faults
        .plan(0, Fault::Named("list", EIO));
    let last = reader.records().last().unwrap().unwrap_err();
    assert!(last.to_string().contains("list the directory"), "{last}");
    assert_eq!(numbers(reader.records()), []);
    let mut follower = place.follow();
    follower
        .walk
        .directory()
        .faults
        .plan(0, Fault::Named("list", EIO));
    let last = follower.records().last().unwrap().unwrap_err();
    assert!(last.to_string().contains("list the directory"), "{last}");
    follower.walk.directory().faults.lift();
    place.append(2, lines(2..3));
    assert_eq!(numbers(follower.records()), [Ok(2)]);
}

const EIO: i32 = 5;
