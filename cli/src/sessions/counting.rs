//! Reads the records of all inputs and counts their sessions: the records that match count, and all
//! records tell what is known of a session.

use std::io::Write;

use super::super::columns::HostKey;
use super::super::foreign::NO_SESSION;
use super::super::reading::{InputLabels, RecordInputs, Rewritten, UnreadCounts};
use localtel::admin::note_withdrawn;
use localtel::read::raw::{FilterVerdict, RawRecord};
use localtel::read::tally::{RecordedSession, SessionList, SessionTally};
use localtel::read::{Damage, Filter, Fold, Line, Merged, Notice};
use localtel::{Error, Result};

/// The sessions of the records that match, and what could not be read.
pub(super) struct CountedSessions {
    pub(super) list: SessionList,
    /// The machines that recorded them.
    pub(super) hosts: Hosts,
    pub(super) unread: UnreadCounts,
    /// Number of inputs that could not be opened.
    pub(super) failures: usize,
    /// Number of records that match and have no session.
    pub(super) without_session: u64,
}

/// The machines that recorded sessions, where they are known.
#[derive(Default)]
pub(super) struct Hosts {
    labels: InputLabels,
    /// Number of different ones.
    pub(super) number: usize,
}

impl Hosts {
    fn of(labels: &InputLabels, number: usize) -> Self {
        Self {
            labels: labels.clone(),
            number,
        }
    }

    /// Returns the machine of a session. Its name may be hostile.
    pub(super) fn host(&self, session: &RecordedSession) -> Option<&str> {
        self.labels.host(session.input)
    }
}

/// Counts the sessions of all inputs. An error of the only input is returned, and those of several
/// are printed.
pub(super) fn count(
    inputs: &RecordInputs<'_>,
    filter: &Filter,
    stderr: &mut dyn Write,
) -> Result<CountedSessions> {
    // All records, since the first ones of a session say what it is.
    let (opened, failures) = inputs.open(&Filter::new(), stderr)?;
    let labels = InputLabels::of_opened(&opened, inputs.is_named());
    let directories: Vec<_> = opened.iter().map(|it| it.named.directory()).collect();
    let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input)).in_turn();
    let empty = || {
        let part = MatchingSessions::new(filter, labels.clone());
        Rewritten::new(part, labels.rewriters())
    };
    let mut whole = empty();
    merged.fold(&mut whole, empty, |_| Ok::<(), Error>(()))?;
    let mut counted = whole.fold;
    for (input, directory) in directories.into_iter().enumerate() {
        if let Some(directory) = directory {
            note_withdrawn(directory, input, &mut counted.tally);
        }
    }
    Ok(CountedSessions {
        list: match inputs.host_key() {
            HostKey::Property => counted.tally.finish(),
            HostKey::Machine => counted.tally.finish_elsewhere(),
        },
        hosts: Hosts::of(&labels, inputs.hosts()),
        unread: counted.unread,
        failures,
        without_session: counted.without_session,
    })
}

/// The sessions of the records that a filter passes, as a fold of all records.
struct MatchingSessions<'a> {
    filter: &'a Filter,
    labels: InputLabels,
    input: usize,
    tally: SessionTally,
    unread: UnreadCounts,
    without_session: u64,
}

impl<'a> MatchingSessions<'a> {
    fn new(filter: &'a Filter, labels: InputLabels) -> Self {
        Self {
            filter,
            labels,
            input: 0,
            tally: SessionTally::default(),
            unread: UnreadCounts::default(),
            without_session: 0,
        }
    }
}

impl Fold for MatchingSessions<'_> {
    fn input(&mut self, input: usize) {
        self.input = input;
        self.tally.input(input);
    }

    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        let is_counted = match self.filter.verdict(raw) {
            FilterVerdict::Passes => true,
            FilterVerdict::Fails | FilterVerdict::Own => false,
            FilterVerdict::OtherType { key, expected } => {
                self.unread.add_other_type(key, expected);
                false
            }
        };
        if raw.session.is(NO_SESSION) {
            self.without_session += u64::from(is_counted);
        } else if is_counted {
            self.tally.note(raw);
        } else {
            self.tally.note_uncounted(raw);
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.unread.add(damage, &self.labels, self.input);
    }

    fn notice(&mut self, notice: Notice) {
        let prefix = self.labels.prefix(self.input);
        self.unread.note(format!("{prefix}{notice}"));
    }

    fn merge(&mut self, later: &mut Self) {
        self.tally.merge(&mut later.tally);
        self.unread.append(&mut later.unread);
        self.without_session += std::mem::take(&mut later.without_session);
    }
}
