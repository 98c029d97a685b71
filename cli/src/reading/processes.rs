//! The sessions of the processes that conditions on `pid` select. They are found by reading all
//! records once more, before those that match are read: the id of a process is in the records with
//! which it begins, and perhaps nowhere else.

use super::inputs::{OpenInput, RecordInputs};
use localtel::read::{Filter, Merged};
use localtel::{Error, Result};

/// Returns the filter that also keeps the records of the processes that its conditions on `pid`
/// match. Inputs that can be read only once are left out.
///
/// # Errors
///
/// Returns an error if a directory cannot be listed.
pub(crate) fn of_processes(filter: Filter, inputs: &RecordInputs<'_>) -> Result<Filter> {
    let Some(mut search) = filter.process_search() else {
        return Ok(filter);
    };
    // All records: a process may have begun before the range of time.
    let everything = Filter::new();
    let rereadable = inputs.list.iter().filter(|input| input.is_rereadable());
    let number = inputs.list.len();
    // What cannot be opened is reported when the records are read.
    let opened = rereadable.filter_map(|input| input.open(&everything).ok());
    let opened = opened.map(|opened: OpenInput<'_>| opened.within_limit(number).input);
    let part = search.empty();
    let empty = || part.empty();
    let mut all = Merged::new(opened).in_turn();
    all.fold(&mut search, empty, |_| Ok::<(), Error>(()))?;
    Ok(filter.of_processes(search))
}
