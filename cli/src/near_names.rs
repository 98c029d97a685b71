//! The names that occur in records and are similar to one that a user typed. The names are found
//! elsewhere; the memory is bounded, however many there are.

use std::collections::HashSet;

use super::suggestion::distance;

/// A typed name, and the most similar names that occur.
#[derive(Debug, Clone)]
pub(crate) struct NearNames {
    typed: String,
    /// The most similar names with their distances, the most similar first.
    near: Vec<(usize, String)>,
    /// Names that were compared already.
    compared: HashSet<String>,
}

impl NearNames {
    /// Starts without names that occur.
    pub(crate) fn new(typed: &str) -> Self {
        Self {
            typed: typed.to_owned(),
            near: Vec::new(),
            compared: HashSet::new(),
        }
    }

    /// Returns the typed name.
    pub(crate) fn typed(&self) -> &str {
        &self.typed
    }

    /// Returns the most similar names that occur, the most similar first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.near.iter().map(|(_, name)| name.as_str())
    }

    /// Adds a name that occurs, if it is among the most similar.
    pub(crate) fn compare(&mut self, name: &str) {
        if name.len() > NAME_BYTES_MAX || self.compared.contains(name) {
            return;
        }
        if self.compared.len() < COMPARED_MAX {
            self.compared.insert(name.to_owned());
        }
        if let Some(distance) = distance(&self.typed, name) {
            self.add([(distance, name.to_owned())]);
        }
    }

    /// Adds the name of a module that occurs, cut to as many parts as were typed.
    pub(crate) fn compare_module(&mut self, target: &str) {
        let parts = self.typed.matches("::").count();
        let end = target.match_indices("::").nth(parts).map(|(end, _)| end);
        let module = end.and_then(|end| target.get(..end));
        self.compare(module.unwrap_or(target));
    }

    /// Adds the names that occur in later records, and leaves `later` without those. It need not
    /// compare them again.
    pub(crate) fn merge(&mut self, later: &mut Self) {
        self.add(std::mem::take(&mut later.near));
    }

    fn add(&mut self, near: impl IntoIterator<Item = (usize, String)>) {
        self.near.extend(near);
        self.near.sort();
        self.near.dedup();
        self.near.truncate(NEAR_MAX);
    }
}

/// Number of names that are suggested.
const NEAR_MAX: usize = 3;

/// Number of compared names that are remembered; others are compared each time.
const COMPARED_MAX: usize = 4096;

/// Longer names, in bytes, are not compared.
const NAME_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_names_of_all_parts_are_kept() {
        let mut whole = NearNames::new("comand");
        for names in [["lookup", "commands"], ["command", "comments"]] {
            let mut part = NearNames::new("comand");
            for name in names {
                part.compare(name);
            }
            whole.merge(&mut part);
        }
        assert_eq!(whole.iter().collect::<Vec<_>>(), ["command", "commands"]);
    }

    #[test]
    fn a_module_is_compared_with_as_many_parts_as_typed() {
        for (typed, near) in [("biling", "billing"), ("biling::net", "billing::net")] {
            let mut names = NearNames::new(typed);
            names.compare_module("billing::net::http");
            assert_eq!(names.iter().collect::<Vec<_>>(), [near]);
        }
    }
}
