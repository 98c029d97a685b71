//! The keys of properties that occur in the records to show: the first of two passes for tables
//! that have a column for each.

use std::collections::HashSet;
use std::io;

use super::super::columns::{Columns, HostKey};
use super::super::reading::{InputLabels, OpenInput, RecordInputs, Rewritten};
use super::args::{ColumnChoice, ShowArgs};
use super::cursor::SavedCursor;
use super::start::{StartPoint, from, resume};
use localtel::read::raw::{FilterVerdict, Object, RawRecord};
use localtel::read::{Damage, Filter, Fold, Line, Merged};
use localtel::{Error, Result};

/// Returns the columns of the records to show. `start` finds where they begin.
pub(super) fn columns(
    args: &ShowArgs,
    inputs: &RecordInputs<'_>,
    filter: &Filter,
    cursor: Option<&SavedCursor>,
    start: impl FnOnce() -> Result<StartPoint>,
) -> Result<Columns> {
    match args.columns()? {
        ColumnChoice::None => Ok(Columns::default()),
        ColumnChoice::Named(columns) => columns.clone().where_host_is(inputs.host_key()),
        ColumnChoice::Seen if inputs.has_stdin() => Err(Error::invalid(
            "--columns",
            "the standard input is read once, so name the columns: `--columns time,message`",
        )),
        ColumnChoice::Seen => seen_columns(inputs, filter, cursor, start()?),
    }
}

/// Finds the columns of all records to show.
fn seen_columns(
    inputs: &RecordInputs<'_>,
    filter: &Filter,
    cursor: Option<&SavedCursor>,
    start: StartPoint,
) -> Result<Columns> {
    // What cannot be opened was reported.
    let mut opened: Vec<OpenInput<'_>> = inputs.open_some(filter);
    // Where that is not possible was printed, too.
    resume(cursor, &mut opened, filter, &mut io::sink())?;
    let opened = match start {
        StartPoint::First => opened,
        StartPoint::At(starts) => from(opened, starts),
        StartPoint::End => return Ok(Columns::default()),
    };
    let labels = InputLabels::of_opened(&opened, false);
    let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input));
    let empty = || Rewritten::new(KeySurvey::new(filter), labels.rewriters());
    let mut survey = empty();
    merged.fold(&mut survey, empty, |_| Ok::<(), Error>(()))?;
    survey.fold.columns(inputs.host_key())
}

/// The keys that occur, in the order of their first occurrence.
pub(super) struct KeySurvey<'a> {
    filter: &'a Filter,
    keys: Vec<String>,
    known: HashSet<Vec<u8>>,
    has_spans: bool,
    has_spans_left_out: bool,
}

impl<'a> KeySurvey<'a> {
    pub(super) fn new(filter: &'a Filter) -> Self {
        Self {
            filter,
            keys: Vec::new(),
            known: HashSet::new(),
            has_spans: false,
            has_spans_left_out: false,
        }
    }

    fn take(&mut self, properties: Object<'_>) {
        for (name, _) in properties.walk() {
            let name = name.decoded_bytes();
            if !self.known.contains(&*name) && self.keys.len() <= KEYS_MAX {
                self.keys.push(String::from_utf8_lossy(&name).into_owned());
                self.known.insert(name.into_owned());
            }
        }
    }

    /// Returns the columns of the records, and then those of the keys.
    ///
    /// # Errors
    ///
    /// Returns an error if there are too many keys for a table.
    pub(super) fn columns(&self, host: HostKey) -> Result<Columns> {
        if self.keys.len() > KEYS_MAX {
            let reason = format!(
                "the records have more than {KEYS_MAX} keys; name those to show: `--columns time,message`"
            );
            return Err(Error::invalid("--columns", reason));
        }
        let more = [
            (self.has_spans, "span"),
            (self.has_spans_left_out, "spans_left_out"),
        ];
        let more: Vec<&str> = more
            .into_iter()
            .filter_map(|(occurs, name)| occurs.then_some(name))
            .collect();
        Ok(Columns::with_keys(&self.keys, &more, host))
    }
}

impl Fold for KeySurvey<'_> {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        match self.filter.verdict(raw) {
            FilterVerdict::Passes => {}
            FilterVerdict::Fails | FilterVerdict::Own | FilterVerdict::OtherType { .. } => return,
        }
        self.take(raw.properties);
        for (_, properties) in raw.spans.iter() {
            self.take(properties);
            self.has_spans = true;
        }
        self.has_spans_left_out |= raw.spans_left_out > 0;
    }

    // The second pass reports it.
    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        for key in later.keys.drain(..) {
            if self.keys.len() <= KEYS_MAX && self.known.insert(key.clone().into_bytes()) {
                self.keys.push(key);
            }
        }
        later.known.clear();
        self.has_spans |= std::mem::take(&mut later.has_spans);
        self.has_spans_left_out |= std::mem::take(&mut later.has_spans_left_out);
    }
}

/// More columns than anybody looks at.
const KEYS_MAX: usize = 1000;
