//! Reads the records of all inputs and counts their sessions: the records that match count, and all
//! records tell what is known of a session.

use std::io::Write;

use super::super::foreign::NO_SESSION;
use super::super::reading::{InputLabels, OpenInput, RecordInputs, Rewritten, UnreadCounts};
use super::super::sanitize::Sanitized;
use localtel::admin::note_withdrawn;
use localtel::read::raw::{FilterVerdict, RawRecord};
use localtel::read::tally::{SessionList, SessionTally};
use localtel::read::{Damage, Filter, Fold, Line, Merged, Notice};
use localtel::{Error, Result};

/// The sessions of the records that match, and what could not be read.
pub(super) struct CountedSessions {
    pub(super) list: SessionList,
    pub(super) unread: UnreadCounts,
    /// Number of inputs that could not be opened.
    pub(super) failures: usize,
    /// Number of records that match and have no session.
    pub(super) without_session: u64,
}

/// Counts the sessions of all inputs. An error of the only input is returned, and those of several
/// are printed.
pub(super) fn count(
    inputs: &RecordInputs<'_>,
    filter: &Filter,
    stderr: &mut dyn Write,
) -> Result<CountedSessions> {
    let mut opened: Vec<OpenInput<'_>> = Vec::new();
    // All records, since the first ones of a session say what it is.
    let everything = Filter::new();
    for named in &inputs.list {
        match named.open(&everything) {
            Ok(input) => opened.push(input),
            Err(error) if inputs.list.len() == 1 => return Err(error),
            // A closed stderr is not an error.
            Err(error) => drop(writeln!(stderr, "{}", Sanitized(&error.chain()))),
        }
    }
    let failures = inputs.list.len() - opened.len();
    let labels = InputLabels::of_opened(&opened, inputs.is_named());
    let directories: Vec<_> = opened.iter().map(|it| it.named.directory()).collect();
    let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input));
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
        list: counted.tally.finish(),
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
