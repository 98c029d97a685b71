//! The records of each application and, in a tree, of each machine: sums of the counts of the
//! inputs that it recorded.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::reading::InputLabels;
use super::counts::InputCounts;
use localtel::Level;
use localtel::read::Timestamp;
use localtel::read::tally::{SessionEnding, SessionList};

/// The records of one application and profile.
#[derive(Debug, Serialize)]
pub(super) struct ApplicationRow {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) sums: RecordSums,
}

/// Sums of the counts of inputs.
#[derive(Debug, Default, Serialize)]
pub(super) struct RecordSums {
    pub(super) records: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) errors: u64,
    pub(super) warnings: u64,
    pub(super) unreadable: u64,
    pub(super) gaps: u64,
    pub(super) sessions: u64,
    pub(super) without_end: u64,
    /// Events that were dropped, refused or lost.
    pub(super) lost: u64,
    pub(super) versions: Vec<String>,
}

/// The records of one machine.
#[derive(Debug, Serialize)]
pub(super) struct HostRow {
    pub(super) host: String,
    #[serde(flatten)]
    pub(super) sums: RecordSums,
    /// The command that lists them.
    pub(super) show: String,
}

impl RecordSums {
    fn add(&mut self, counts: &InputCounts) {
        self.records += counts.levels.total();
        self.errors += counts.levels.of(Level::Error);
        self.warnings += counts.levels.of(Level::Warn);
        self.unreadable += counts.unreadable;
        self.gaps += counts.gaps;
        if let Some((first, last)) = counts.times {
            self.first = Some(self.first.map_or(first, |own| own.min(first)));
            self.last = self.last.max(Some(last));
        }
    }
}

/// Returns a row for each application, in the order of its first input.
pub(super) fn applications(
    inputs: &[InputCounts],
    sessions: &SessionList,
    labels: &InputLabels,
) -> Vec<ApplicationRow> {
    let sums = sums_by(inputs, sessions, |input| Some(labels.recorder(input)));
    let rows = sums.into_iter().map(|(name, sums)| ApplicationRow {
        name: name.to_owned(),
        sums,
    });
    rows.collect()
}

/// Returns the sums of each machine, those with the most errors first; nothing if machines are not
/// known.
pub(super) fn hosts<'a>(
    inputs: &[InputCounts],
    sessions: &SessionList,
    labels: &'a InputLabels,
) -> Vec<(&'a str, RecordSums)> {
    let mut sums = sums_by(inputs, sessions, |input| labels.host(input));
    sums.sort_by(|(one, own), (other, others)| {
        let most = (others.errors, others.records).cmp(&(own.errors, own.records));
        most.then_with(|| one.cmp(other))
    });
    sums
}

/// Sums up the inputs that have the same name, in the order of their first one. An input without a
/// name is left out.
fn sums_by<'a>(
    inputs: &[InputCounts],
    sessions: &SessionList,
    name_of: impl Fn(usize) -> Option<&'a str>,
) -> Vec<(&'a str, RecordSums)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut sums: Vec<(&str, RecordSums)> = Vec::new();
    for (input, counts) in inputs.iter().enumerate() {
        let Some(name) = name_of(input) else { continue };
        let place = *places.entry(name).or_insert(sums.len());
        if place == sums.len() {
            sums.push((name, RecordSums::default()));
        }
        if let Some((_, sums)) = sums.get_mut(place) {
            sums.add(counts);
        }
    }
    for session in sessions.sessions() {
        let place = name_of(session.input).and_then(|name| places.get(name));
        let Some((_, sums)) = place.and_then(|place| sums.get_mut(*place)) else {
            continue;
        };
        sums.sessions += 1;
        sums.without_end += u64::from(session.ending == SessionEnding::WithoutEnd);
        sums.lost += session.losses.total();
        if let Some(version) = &session.version
            && !sums.versions.contains(version)
        {
            sums.versions.push(version.clone());
        }
    }
    sums
}
