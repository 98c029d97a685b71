//! The reasons why no record matched: each part of the selection is tested alone, so that the part
//! which can never match is known, and what occurs instead. This reads the records once more, so it
//! runs only if nothing matched. `reason` words the results.

mod evidence;
mod parts;
mod reason;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]
mod tests;
mod values;

use std::io::Write;

use self::evidence::Evidence;
use self::parts::{SelectionPart, parts_of};
use super::args::MatchArgs;
use super::inputs::RecordInputs;
use super::labels::InputLabels;
use super::streams::Rewritten;
use crate::time::Zone;
use localtel::Error;
use localtel::read::raw::{FilterVerdict, RawRecord};
use localtel::read::{Damage, Filter, Fold, Line, Merged, Timestamp};

/// The parts of a selection that no record matched.
#[derive(Debug)]
pub(crate) struct EmptySelection {
    parts: Vec<SelectionPart>,
    /// The zone in which times are shown.
    zone: Zone,
}

impl EmptySelection {
    /// Splits a selection into its parts; `filter` is the whole of it.
    pub(crate) fn new(args: &MatchArgs, zone: Zone, filter: &Filter) -> Self {
        Self {
            parts: parts_of(args, filter),
            zone,
        }
    }

    /// Prints why nothing matched, and returns `true` if a reason was found.
    pub(crate) fn print_reasons(&self, inputs: &RecordInputs<'_>, stderr: &mut dyn Write) -> bool {
        if !inputs.are_rereadable() {
            return false;
        }
        // All records, to know what there is outside of the range.
        let everything = Filter::new();
        let opened = inputs.open_some(&everything);
        // An error here only costs the reasons.
        if opened.len() < inputs.list.len() {
            return false;
        }
        let labels = InputLabels::of_opened(&opened, false);
        let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input)).in_turn();
        let empty = || Rewritten::new(self.fold(), labels.rewriters());
        let mut reasons = empty();
        let read = merged.fold(&mut reasons, empty, |_| Ok::<(), Error>(()));
        read.is_ok() && reasons.fold.print(stderr)
    }

    /// Returns the fold that finds the reasons. It is for all records, also those before the range.
    fn fold(&self) -> NothingMatched<'_> {
        NothingMatched {
            selection: self,
            evidence: self.parts.iter().map(Evidence::new).collect(),
            records: 0,
            passing: 0,
            times: None,
        }
    }
}

/// The reasons why no record matched, as a fold of all records.
struct NothingMatched<'a> {
    selection: &'a EmptySelection,
    /// For each part.
    evidence: Vec<Evidence>,
    records: u64,
    /// Number of records that match all parts.
    passing: u64,
    /// The earliest and the latest time.
    times: Option<(Timestamp, Timestamp)>,
}

impl NothingMatched<'_> {
    /// Prints the reasons, the most useful first, and returns `true` if there are any.
    fn print(&self, stderr: &mut dyn Write) -> bool {
        let reasons = reason::reasons(self);
        for reason in &reasons {
            // A closed stderr is not an error here.
            drop(writeln!(stderr, "{reason}"));
        }
        !reasons.is_empty()
    }

    fn add_times(&mut self, (first, last): (Timestamp, Timestamp)) {
        self.times = Some(match self.times {
            Some((earliest, latest)) => (earliest.min(first), latest.max(last)),
            None => (first, last),
        });
    }
}

impl Fold for NothingMatched<'_> {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        self.records += 1;
        let time = raw.time();
        self.add_times((time, time));
        let mut failing = Vec::new();
        for (part, evidence) in self.selection.parts.iter().zip(&mut self.evidence) {
            let verdict = part.filter.verdict(raw);
            evidence.add(&part.kind, verdict, raw);
            if verdict != FilterVerdict::Passes {
                failing.push(evidence);
            }
        }
        match failing.as_mut_slice() {
            [] => self.passing += 1,
            [only] => only.failing_alone += 1,
            _ => {}
        }
    }

    // Damaged lines match nothing.
    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        self.records += std::mem::take(&mut later.records);
        self.passing += std::mem::take(&mut later.passing);
        if let Some(times) = later.times.take() {
            self.add_times(times);
        }
        for (own, later) in self.evidence.iter_mut().zip(&mut later.evidence) {
            own.merge(later);
        }
    }
}
