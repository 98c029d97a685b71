//! The values that occur for a key, counted in bounded memory.

use std::collections::BTreeMap;

use crate::sanitize::{Quoted, Sanitized};

/// How often each value occurs.
#[derive(Debug, Clone, Default)]
pub(super) struct ValueCounts {
    counts: BTreeMap<String, u64>,
    /// Whether there are values that are not counted.
    is_cut: bool,
    /// Whether a value is not a number.
    has_text: bool,
    least: Option<(f64, String)>,
    most: Option<(f64, String)>,
}

/// The values that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueListing {
    /// Those that occur most often.
    MostFrequent,
    /// If they are numbers, the least and the greatest.
    Range,
}

impl ValueCounts {
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty() && !self.is_cut
    }

    /// Counts a value.
    pub(super) fn add(&mut self, value: &str) {
        self.add_times(value, 1);
        match value.parse::<f64>() {
            Ok(number) if number.is_finite() => self.widen((number, value)),
            Ok(_) | Err(_) => self.has_text = true,
        }
    }

    fn add_times(&mut self, value: &str, times: u64) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += times;
        } else if self.counts.len() < VALUES_MAX && value.len() <= VALUE_BYTES_MAX {
            self.counts.insert(value.to_owned(), times);
        } else {
            self.is_cut = true;
        }
    }

    fn widen(&mut self, (number, text): (f64, &str)) {
        if self.least.as_ref().is_none_or(|(least, _)| number < *least) {
            self.least = Some((number, text.to_owned()));
        }
        if self.most.as_ref().is_none_or(|(most, _)| number > *most) {
            self.most = Some((number, text.to_owned()));
        }
    }

    /// Adds the values of later records, and leaves `later` empty.
    pub(super) fn merge(&mut self, later: &mut Self) {
        let later = std::mem::take(later);
        self.is_cut |= later.is_cut;
        self.has_text |= later.has_text;
        for (value, count) in &later.counts {
            self.add_times(value, *count);
        }
        for (number, text) in [later.least, later.most].into_iter().flatten() {
            self.widen((number, &text));
        }
    }

    /// Lists the most frequent values, or the least and the greatest of numbers.
    pub(super) fn describe(&self, listing: ValueListing) -> String {
        let is_range = match listing {
            ValueListing::MostFrequent => self.counts.len() > NUMBERS_LISTED_MAX,
            ValueListing::Range => self.counts.len() > LISTED_MAX,
        };
        if let (Some((_, least)), Some((_, most)), false) = (&self.least, &self.most, self.has_text)
            && is_range
        {
            return format!("{} to {}", Sanitized(least), Sanitized(most));
        }
        let mut values: Vec<(&String, &u64)> = self.counts.iter().collect();
        values.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        // One value takes no more room than `and 1 more`.
        let listed = if values.len() == LISTED_MAX + 1 {
            values.len()
        } else {
            LISTED_MAX
        };
        let more = values.len().saturating_sub(listed);
        let names = values.iter().take(listed).map(|(value, _)| excerpt(value));
        let names = names.collect::<Vec<_>>().join(", ");
        match (more, self.is_cut) {
            (0, false) => names,
            (more, false) => format!("{names} and {more} more"),
            (_, true) => format!("{names} and others"),
        }
    }
}

/// Returns the first letters of a value as rows show it.
fn excerpt(value: &str) -> String {
    let end = value.char_indices().nth(EXCERPT_LETTERS);
    match end.and_then(|(end, _)| value.get(..end)) {
        Some(start) => format!("{}…", Quoted(start)),
        None => Quoted(value).to_string(),
    }
}

/// Number of values that are counted.
const VALUES_MAX: usize = 1000;

/// Longer values, in bytes, are not counted.
const VALUE_BYTES_MAX: usize = 256;

/// Number of values that are listed.
const LISTED_MAX: usize = 3;

/// If there are more numbers, the least and the greatest say more than the most frequent ones.
const NUMBERS_LISTED_MAX: usize = 10;

/// The number of letters that are shown of a value.
const EXCERPT_LETTERS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn described<'v>(parts: impl IntoIterator<Item = Vec<&'v str>>) -> String {
        let mut whole = ValueCounts::default();
        for values in parts {
            let mut part = ValueCounts::default();
            for value in values {
                part.add(value);
            }
            whole.merge(&mut part);
            assert!(part.is_empty());
        }
        whole.describe(ValueListing::MostFrequent)
    }

    #[test]
    fn the_most_frequent_values_are_listed() {
        for (values, expected) in [
            (vec!["a"], "a"),
            (vec!["a", "b", "b", "two words"], "b, a, \"two words\""),
            (vec!["1", "2", "3", "4"], "1, 2, 3, 4"),
            (vec!["1", "2", "3", "4", "5", "5"], "5, 1, 2 and 2 more"),
            (vec!["\u{1b}[m"], "\"\\x1b[m\""),
        ] {
            assert_eq!(described([values.clone()]), expected, "{values:?}");
        }
        assert_eq!(described([vec!["a", "b"], vec!["b", "c"]]), "b, a, c");
        let long = "x".repeat(50);
        assert_eq!(
            described([vec![long.as_str()]]),
            format!("{}…", "x".repeat(40))
        );
    }

    #[test]
    fn many_numbers_are_a_range() {
        let numbers: Vec<String> = (0..5000)
            .map(|number| (number * 7 % 5000).to_string())
            .collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let parts = numbers.chunks(600).map(<[&str]>::to_vec);
        assert_eq!(described(parts), "0 to 4999");
        let with_text = [vec!["none", "none"], numbers];
        let with_text = described(with_text);
        assert!(with_text.starts_with("none, 0, "), "{with_text}");
        assert!(with_text.ends_with(" and others"), "{with_text}");
    }
}
