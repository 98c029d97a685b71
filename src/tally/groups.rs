//! Counts of records by a key: how many, how many of them are errors, when, and the distribution of
//! a number. The keys are bytes that the caller chose.

use rustc_hash::FxHashMap;

use super::Distribution;
use crate::reader::Position;
use crate::record::raw::RawRecord;
use crate::record::{LineTime, Timestamp};

/// Counts of records by a key.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    by_key: FxHashMap<Vec<u8>, Group>,
    /// The records whose keys exceed the limit.
    others: u64,
    /// Number of values that the distributions keep.
    kept: usize,
}

/// A record to count.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "it is created by callers")]
pub struct CountedRecord<'a> {
    /// The record.
    pub raw: &'a RawRecord<'a>,
    /// Its place.
    pub place: RecordPlace,
    /// Whether it counts as an error.
    pub is_error: bool,
    /// The number whose distribution is wanted, if the record has it.
    pub number: Option<f64>,
}

/// The place of a record: its input, and the position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is created by callers")]
pub struct RecordPlace {
    /// The number of the input among those that are read together.
    pub input: usize,
    /// The position in it.
    pub position: Position,
}

/// The records of one key.
#[derive(Debug, Clone)]
pub struct Group {
    records: u64,
    errors: u64,
    first: LineTime,
    last: LineTime,
    example: RecordPlace,
    numbers: Distribution,
}

impl Group {
    /// Returns the number of records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns the number of records that are errors.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// Returns the earliest time.
    pub fn first(&self) -> Timestamp {
        self.first.to_timestamp()
    }

    /// Returns the latest time.
    pub fn last(&self) -> Timestamp {
        self.last.to_timestamp()
    }

    /// Returns the place of the record with the greatest number or, without numbers, of the one
    /// with the latest time.
    pub fn example(&self) -> RecordPlace {
        self.example
    }

    /// Returns the distribution of the number.
    pub fn numbers(&self) -> &Distribution {
        &self.numbers
    }

    /// Returns the distribution of the number, for its quantiles.
    pub fn numbers_mut(&mut self) -> &mut Distribution {
        &mut self.numbers
    }

    fn of(record: CountedRecord<'_>) -> Self {
        let time = LineTime::of_raw(record.raw);
        let mut numbers = Distribution::default();
        if let Some(number) = record.number {
            numbers.add(number);
        }
        Self {
            records: 1,
            errors: u64::from(record.is_error),
            first: time,
            last: time,
            example: record.place,
            numbers,
        }
    }

    fn add(&mut self, record: CountedRecord<'_>) {
        let time = LineTime::of_raw(record.raw);
        self.records += 1;
        self.errors += u64::from(record.is_error);
        let number = record.number.filter(|number| number.is_finite());
        if is_example((self.numbers.greatest(), self.last), (number, time)) {
            self.example = record.place;
        }
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        if let Some(number) = number {
            self.numbers.add(number);
        }
    }

    fn merge(&mut self, mut later: Self) {
        self.records += later.records;
        self.errors += later.errors;
        let known = (self.numbers.greatest(), self.last);
        if is_example(known, (later.numbers.greatest(), later.last)) {
            self.example = later.example;
        }
        self.first = self.first.min(later.first);
        self.last = self.last.max(later.last);
        self.numbers.merge(&mut later.numbers);
    }
}

/// Returns `true` if a record that is read later is the example, with the greater number of both
/// or, without numbers, the later time: inputs may be read one after the other.
fn is_example(
    (greatest, last): (Option<f64>, LineTime),
    (number, time): (Option<f64>, LineTime),
) -> bool {
    match (greatest, number) {
        (None, None) => time >= last,
        (None, Some(_)) => true,
        (Some(_), None) => false,
        (Some(greatest), Some(number)) => number > greatest,
    }
}

impl Groups {
    /// The most keys that are counted separately: they take at most some 30 MiB.
    pub const KEYS_MAX: usize = 65_536;
    /// The most bytes of a key.
    pub const KEY_BYTES_MAX: usize = 1024;
    /// The most numbers that are kept for exact quantiles: 8 MiB.
    pub const NUMBERS_MAX: usize = 1 << 20;

    /// Adds a record.
    pub fn add(&mut self, key: &[u8], record: CountedRecord<'_>) {
        if let Some(group) = self.by_key.get_mut(key) {
            let before = group.numbers.kept();
            group.add(record);
            self.kept += group.numbers.kept() - before;
        } else if self.has_room(key) {
            let group = Group::of(record);
            self.kept += group.numbers.kept();
            self.by_key.insert(key.to_vec(), group);
        } else {
            self.others += 1;
        }
        self.limit();
    }

    /// Adds the records of other groups, which are empty then.
    pub fn merge(&mut self, later: &mut Self) {
        self.others += std::mem::take(&mut later.others);
        later.kept = 0;
        for (key, group) in later.by_key.drain() {
            if let Some(own) = self.by_key.get_mut(&key) {
                let before = own.numbers.kept();
                own.merge(group);
                self.kept = self.kept + own.numbers.kept() - before;
            } else if self.has_room(&key) {
                self.kept += group.numbers.kept();
                self.by_key.insert(key, group);
            } else {
                self.others += group.records;
            }
        }
        self.limit();
    }

    fn has_room(&self, key: &[u8]) -> bool {
        self.by_key.len() < Self::KEYS_MAX && key.len() <= Self::KEY_BYTES_MAX
    }

    /// Replaces the largest distributions by sketches while too many numbers are kept.
    fn limit(&mut self) {
        while self.kept > Self::NUMBERS_MAX {
            let kept = |group: &Group| group.numbers.kept();
            let most = self.by_key.values().map(kept).max().unwrap_or(0);
            for group in self.by_key.values_mut() {
                let numbers = kept(group);
                // Those of about the same size together, so that there are few rounds.
                if numbers > 0 && numbers >= most / 2 {
                    self.kept -= numbers;
                    group.numbers.sketch();
                }
            }
        }
    }

    /// Returns the number of keys; if records [exceed the limit](Self::others), there are more.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Returns `true` if no record has a key of its own.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Returns the number of records whose keys exceed the limit.
    pub fn others(&self) -> u64 {
        self.others
    }

    /// Returns the keys and their groups, in no order.
    pub fn into_groups(self) -> Vec<(Vec<u8>, Group)> {
        self.by_key.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::segment::SegmentNumber;
    use crate::tally::Accuracy;

    fn line(second: u32) -> String {
        format!(
            r#"{{"timestamp":"2026-11-21T08:15:{second:02}.000000Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":{second}}}"#
        )
    }

    /// Adds a record of that second.
    fn add(groups: &mut Groups, key: &str, second: u32, number: Option<f64>) {
        let line = line(second);
        let raw = RawRecord::at(line.as_bytes()).unwrap();
        let record = CountedRecord {
            raw: &raw,
            place: RecordPlace {
                input: 0,
                position: Position::new(SegmentNumber::FIRST, u64::from(second)),
            },
            is_error: second % 2 == 1,
            number,
        };
        groups.add(key.as_bytes(), record);
    }

    /// Returns the groups in the order of their keys.
    fn sorted(groups: Groups) -> Vec<(String, Group)> {
        let mut groups: Vec<_> = groups
            .into_groups()
            .into_iter()
            .map(|(key, group)| (String::from_utf8(key).unwrap(), group))
            .collect();
        groups.sort_by(|(one, _), (other, _)| one.cmp(other));
        groups
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let records = [
            ("a", 3, Some(9.0)),
            ("b", 4, None),
            ("a", 1, Some(7.0)),
            ("a", 6, Some(9.0)),
            ("b", 2, None),
            ("c", 5, Some(1.0)),
            ("a", 7, None),
        ];
        for cut in 0..records.len() {
            let (mut merged, mut later, mut whole) =
                (Groups::default(), Groups::default(), Groups::default());
            for (at, (key, second, number)) in records.into_iter().enumerate() {
                let part = if at < cut { &mut merged } else { &mut later };
                add(part, key, second, number);
                add(&mut whole, key, second, number);
            }
            merged.merge(&mut later);
            let shown = |groups| format!("{:?}", sorted(groups));
            assert_eq!(shown(merged), shown(whole), "{cut}");
        }
    }

    #[test]
    fn without_numbers_the_example_is_the_latest_record() {
        // As inputs are read one after the other.
        let (mut groups, mut later) = (Groups::default(), Groups::default());
        add(&mut groups, "a", 7, None);
        add(&mut groups, "a", 3, None);
        add(&mut later, "a", 5, None);
        groups.merge(&mut later);
        let [(_, group)] = sorted(groups).try_into().unwrap();
        assert_eq!(group.example().position.byte, 7);
    }

    #[test]
    fn a_group_has_counts_times_and_an_example() {
        let mut groups = Groups::default();
        for (second, number) in [(5, Some(1.0)), (3, Some(8.0)), (9, Some(2.0)), (4, None)] {
            add(&mut groups, "a", second, number);
        }
        let [(_, group)] = sorted(groups).try_into().unwrap();
        assert_eq!((group.records(), group.errors()), (4, 3));
        assert_eq!(group.first().to_string(), "2026-11-21T08:15:03.000000Z");
        assert_eq!(group.last().to_string(), "2026-11-21T08:15:09.000000Z");
        assert_eq!(group.example().position.byte, 3);
        assert_eq!(group.numbers().count(), 3);
    }

    #[test]
    fn keys_beyond_the_limit_are_counted_together() {
        let mut groups = Groups::default();
        for key in 0..Groups::KEYS_MAX + 3 {
            add(&mut groups, &key.to_string(), 1, None);
        }
        add(&mut groups, "0", 1, None);
        add(&mut groups, &"x".repeat(Groups::KEY_BYTES_MAX + 1), 1, None);
        assert_eq!((groups.len(), groups.others()), (Groups::KEYS_MAX, 4));
    }

    #[test]
    fn too_many_numbers_become_a_sketch_of_the_largest_group() {
        let mut groups = Groups::default();
        let line = line(1);
        let raw = RawRecord::at(line.as_bytes()).unwrap();
        for number in 0..=Groups::NUMBERS_MAX {
            let key = if number % 1000 == 0 { "few" } else { "many" };
            let place = RecordPlace {
                input: 0,
                position: Position::new(SegmentNumber::FIRST, 0),
            };
            #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
            let number = Some(number as f64);
            let record = CountedRecord {
                raw: &raw,
                place,
                is_error: false,
                number,
            };
            groups.add(key.as_bytes(), record);
        }
        assert!(groups.kept <= Groups::NUMBERS_MAX);
        let accuracies: Vec<_> = sorted(groups)
            .into_iter()
            .map(|(key, group)| (key, group.numbers().accuracy()))
            .collect();
        let sketch = Accuracy::Within(Distribution::SKETCH_ERROR);
        let expected = [
            ("few".to_owned(), Accuracy::Exact),
            ("many".to_owned(), sketch),
        ];
        assert_eq!(accuracies, expected);
    }
}
