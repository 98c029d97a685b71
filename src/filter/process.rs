//! The records of a process: a condition on `pid` matches all records of the sessions whose
//! `session` record it matches, besides the records that have such a property themselves. These
//! sessions are found before the records are filtered, or while they are followed.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use uuid::Uuid;

use super::term::{Answer, Term};
use crate::reader::{Damage, Fold, Line};
use crate::record::own::OfSession;
use crate::record::raw::RawRecord;

/// The conditions on `pid` of a filter, and the sessions that they select.
#[derive(Debug, Clone, Default)]
pub(super) struct ProcessTerms {
    terms: Vec<Term>,
    sessions: Arc<FxHashSet<Uuid>>,
}

impl ProcessTerms {
    pub(super) fn push(&mut self, term: Term) {
        self.terms.push(term);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Selects the records of these sessions.
    pub(super) fn select(&mut self, sessions: Arc<FxHashSet<Uuid>>) {
        self.sessions = sessions;
    }

    /// Returns the sessions that are selected.
    pub(super) fn sessions(&self) -> Arc<FxHashSet<Uuid>> {
        Arc::clone(&self.sessions)
    }

    /// Returns the result of the conditions for a record, and the first one that cannot compare its
    /// value.
    pub(super) fn answer(&self, raw: &RawRecord<'_>) -> (Answer, Option<&Term>) {
        let mut other_type = None;
        for term in &self.terms {
            match term.answer(raw) {
                Answer::Matches => {}
                Answer::OtherType => other_type = other_type.or(Some(term)),
                Answer::Fails if self.has_session(raw) => return (Answer::Matches, None),
                Answer::Fails => return (Answer::Fails, None),
            }
        }
        match other_type {
            Some(_) if self.has_session(raw) => (Answer::Matches, None),
            Some(term) => (Answer::OtherType, Some(term)),
            None => (Answer::Matches, None),
        }
    }

    /// Returns `true` if the record is of a session that is selected.
    fn has_session(&self, raw: &RawRecord<'_>) -> bool {
        let is_known = || self.sessions.contains(&id_of(raw));
        !self.sessions.is_empty() && is_known() || raw.once.is_some() && self.begins(raw)
    }

    /// Returns `true` if the record begins a session that the conditions match.
    fn begins(&self, raw: &RawRecord<'_>) -> bool {
        let facts = match OfSession::read(raw) {
            OfSession::Once(facts) | OfSession::Start(facts) => facts,
            OfSession::End(_) | OfSession::Dropped(_) | OfSession::Nothing => return false,
        };
        let pid = facts.pid();
        !self.terms.is_empty() && self.terms.iter().all(|term| term.matches_pid(pid))
    }

    /// Returns the session of a record, if it begins there and is to be selected.
    pub(super) fn newly_selected(&self, raw: &RawRecord<'_>) -> Option<Uuid> {
        let is_new = raw.once.is_none() && self.begins(raw);
        let session = is_new.then(|| id_of(raw))?;
        (!self.sessions.contains(&session)).then_some(session)
    }
}

fn id_of(raw: &RawRecord<'_>) -> Uuid {
    // It was checked when the record was read.
    Uuid::try_parse_ascii(raw.session.bytes()).unwrap_or_default()
}

/// Finds the sessions of the processes that a filter selects, as a fold over all records. See
/// [`Filter::process_search`](crate::read::Filter::process_search).
#[derive(Debug)]
pub struct ProcessSearch {
    terms: Arc<ProcessTerms>,
    found: FxHashSet<Uuid>,
}

impl ProcessSearch {
    pub(super) fn new(terms: &ProcessTerms) -> Self {
        Self {
            terms: Arc::new(terms.clone()),
            found: FxHashSet::default(),
        }
    }

    /// Returns the same search, to begin with a part.
    #[must_use]
    pub fn empty(&self) -> Self {
        Self {
            terms: Arc::clone(&self.terms),
            found: FxHashSet::default(),
        }
    }

    /// Returns the sessions that were found.
    pub(super) fn into_found(self) -> FxHashSet<Uuid> {
        self.found
    }
}

impl Fold for ProcessSearch {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        self.found.extend(self.terms.newly_selected(raw));
    }

    // It is reported when the records are read.
    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        self.found.extend(later.found.drain());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Filter, FilterVerdict};
    use super::*;
    use crate::reader::Position;
    use crate::record::Record;
    use crate::store::segment::SegmentNumber;

    /// Returns a line of a session with the rest of its members.
    fn line(session: u8, rest: &str) -> Vec<u8> {
        let line = format!(
            r#"{{"timestamp":"2026-11-21T08:15:30.000000Z","level":"INFO","source":"s","session":"01936f0e-0000-7000-8000-0000000000{session:02}","seq":0,{rest}}}"#
        );
        Record::parse(line.as_bytes()).unwrap().to_line()
    }

    fn start(session: u8, pid: u32) -> Vec<u8> {
        let rest = format!(r#""target":"localtel","event":"session","properties":{{"pid":{pid}}}"#);
        line(session, &rest)
    }

    /// Two processes with a record each, one record of another session with such a property, and
    /// a session of one line.
    fn lines() -> Vec<Vec<u8>> {
        vec![
            start(1, 7),
            line(1, r#""target":"one""#),
            start(2, 8),
            line(2, r#""target":"two""#),
            line(3, r#""target":"property","properties":{"pid":7}"#),
            line(4, r#""target":"once","once":{"pid":7}"#),
        ]
    }

    /// Returns the targets of the records that pass.
    fn targets(filter: &Filter, lines: &[Vec<u8>]) -> Vec<String> {
        let raws = lines.iter().map(|line| RawRecord::at(line).unwrap());
        let passing = raws.filter(|raw| filter.verdict(raw) == FilterVerdict::Passes);
        passing
            .map(|raw| raw.target.decoded().into_owned())
            .collect()
    }

    fn searched(terms: &[&str]) -> Filter {
        let filter = terms.iter().fold(Filter::new(), |filter, term| {
            filter.term(term.parse().unwrap())
        });
        let Some(mut search) = filter.process_search() else {
            return filter;
        };
        for line in lines() {
            let mut part = search.empty();
            let at = Position::start_of(SegmentNumber::FIRST);
            part.line(Line::new(at, &line), &RawRecord::at(&line).unwrap());
            search.merge(&mut part);
        }
        filter.of_processes(search)
    }

    #[test]
    fn a_condition_on_pid_selects_the_records_of_processes() {
        for (terms, expected) in [
            (&["pid=7"][..], &["localtel", "one", "property", "once"][..]),
            (&["pid=8"], &["localtel", "two"]),
            (&["pid>7"], &["localtel", "two"]),
            (&["pid!=7"], &["localtel", "two"]),
            (
                &["pid>6", "pid<8"],
                &["localtel", "one", "property", "once"],
            ),
            (&["pid=9"], &[]),
            (
                &["pid=7", "target~o"],
                &["localtel", "one", "property", "once"],
            ),
            (&["pid=7", "target=one"], &["one"]),
            (&["properties.pid=7"], &["localtel", "property"]),
        ] {
            assert_eq!(targets(&searched(terms), &lines()), expected, "{terms:?}");
        }
    }

    #[test]
    fn a_key_that_is_only_present_selects_no_process() {
        let filter = Filter::new().term(Term::has("pid").unwrap());
        assert!(filter.process_search().is_none());
        let expected = ["localtel", "localtel", "property"];
        assert_eq!(targets(&filter, &lines()), expected);
    }

    #[test]
    fn a_process_is_selected_from_its_first_record_on() {
        let mut filter = Filter::new().term("pid=7".parse().unwrap());
        let mut passing = Vec::new();
        for line in lines() {
            let raw = RawRecord::at(&line).unwrap();
            if let Some(more) = filter.with_session_of(&raw) {
                filter = more;
            }
            assert!(filter.with_session_of(&raw).is_none());
            passing.extend(targets(&filter, std::slice::from_ref(&line)));
        }
        assert_eq!(passing, ["localtel", "one", "property", "once"]);
    }

    #[test]
    fn another_filter_can_have_the_same_processes() {
        let whole = searched(&["pid=7", "target=absent"]);
        let part = Filter::new().term("pid=7".parse().unwrap());
        let part = part.of_processes_in(&whole);
        let expected = ["localtel", "one", "property", "once"];
        assert_eq!(targets(&part, &lines()), expected);
    }
}
