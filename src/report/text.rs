//! The texts of a report: limited on input, so that no value takes the room of another, and safe to
//! show on output. Their meaning is defined in `deployment` and `machine`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::text::{cut, is_unsafe_to_show};

/// Named values, as many as are kept; the number of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedValues<T> {
    /// Those that are kept.
    pub(super) entries: BTreeMap<String, T>,
    /// Number of values that were not kept.
    pub(super) omitted: u64,
}

impl<T> Default for NamedValues<T> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            omitted: 0,
        }
    }
}

impl<T> NamedValues<T> {
    /// Sets a value; replaces an earlier one of the same name.
    pub(super) fn set(&mut self, name: impl Into<String>, value: T) {
        let name = cut(name, NAME_BYTES_MAX);
        if self.entries.len() < ENTRIES_MAX || self.entries.contains_key(&name) {
            self.entries.insert(name, value);
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }
}

/// Keeps as many entries as fit into that many bytes of JSON, and returns the number of those that
/// do not. The largest are left out first: an entry that is too large never displaces another.
pub(super) fn fit<T: Serialize>(
    entries: impl IntoIterator<Item = (String, T)>,
    bytes_max: usize,
) -> (BTreeMap<String, T>, u64) {
    let mut sized: Vec<_> = entries
        .into_iter()
        .map(|(name, value)| {
            let bytes = json_bytes(&name).saturating_add(json_bytes(&value));
            // Including a colon and a comma.
            (bytes.saturating_add(2), name, value)
        })
        .collect();
    sized.sort_by(|(one, one_name, _), (other, other_name, _)| {
        (one, one_name).cmp(&(other, other_name))
    });
    let count = sized.len();
    let mut bytes_left = bytes_max;
    let fitting = sized.into_iter().take(ENTRIES_MAX);
    let entries: BTreeMap<_, _> = fitting
        .map_while(|(bytes, name, value)| {
            bytes_left = bytes_left.checked_sub(bytes)?;
            Some((name, value))
        })
        .collect();
    let omitted = (count - entries.len()) as u64;
    (entries, omitted)
}

/// Returns the bytes that a value takes in a line, with unsafe characters escaped. A value that has
/// no JSON form is left out there.
fn json_bytes(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |json| escaped(&json).len())
}

/// Escapes the characters that JSON leaves unescaped and that act on a terminal. Outside of
/// strings, JSON has no such characters but newlines, which are kept.
pub(super) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !is_unsafe_to_show(character) {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _infallible = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// Cuts a text to the length of a single fact.
pub(super) fn fact(text: impl Into<String>) -> String {
    cut(text, FACT_BYTES_MAX)
}

/// The longest name in bytes: as long as the names of properties.
pub(super) const NAME_BYTES_MAX: usize = 256;
/// The longest value in bytes: as long as the default limit of strings in a line.
pub(super) const VALUE_BYTES_MAX: usize = 16 * 1024;
/// The longest single fact in bytes. Versions, commits and models are far shorter.
pub(super) const FACT_BYTES_MAX: usize = 256;
/// More names than a person reads.
pub(super) const ENTRIES_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_shrunk() {
        assert_eq!(cut("aä", 2), "a…");
        assert_eq!(cut("aä", 3), "aä");
        assert!(cut("x".repeat(10 << 20), 10).capacity() < 100);
    }

    #[test]
    fn the_last_equal_name_wins_and_the_excess_is_counted() {
        let mut named = NamedValues::default();
        for number in 0..ENTRIES_MAX + 5 {
            named.set(format!("n{number}"), number);
        }
        named.set("n0", 7);
        assert_eq!(named.entries.len(), ENTRIES_MAX);
        assert_eq!(named.omitted, 5);
        assert_eq!(named.entries.get("n0"), Some(&7));
    }

    #[test]
    fn an_entry_that_is_too_large_displaces_no_other() {
        let entries = [("a", "x".repeat(100)), ("b", "y".to_owned())];
        let entries = entries.map(|(name, value)| (name.to_owned(), value));
        let (entries, omitted) = fit(entries, 50);
        assert_eq!(entries.keys().collect::<Vec<_>>(), [&"b".to_owned()]);
        assert_eq!(omitted, 1);
    }

    proptest! {
        #[test]
        fn entries_are_dropped_only_to_fit_and_are_counted(
            entries in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..20),
            bytes_max in 0_usize..400,
        ) {
            let count = entries.len() as u64;
            let (entries, omitted) = fit(entries, bytes_max);
            let json = escaped(&serde_json::to_string(&entries).unwrap());
            prop_assert!(json.len() <= bytes_max + 2);
            prop_assert_eq!(entries.len() as u64 + omitted, count);
        }

        #[test]
        fn escaped_json_is_safe_and_means_the_same(text in any::<String>()) {
            let json = escaped(&serde_json::to_string(&text).unwrap());
            prop_assert!(!json.chars().any(is_unsafe_to_show));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
