//! What a program pays beside an event itself: for its start and end, in memory, and when much has happened.

mod counted;
mod dependency;
mod directory;
mod errors;
mod event;
mod growth;
mod memory;
mod program;
mod redaction;
mod sites;

use crate::Result;
use crate::effort::Effort;
use crate::results::Section;

/// Measures everything of this part.
pub(crate) fn run(effort: Effort) -> Result<Section> {
    let parts = [
        program::measure(effort)?,
        memory::measure(effort)?,
        counted::measure()?,
        errors::measure(effort)?,
        dependency::measure(effort)?,
        growth::measure(effort)?,
        directory::measure(effort)?,
        redaction::measure(effort)?,
    ];
    let (figures, tables): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    Ok(Section {
        title: "What a program pays besides",
        about: ABOUT.to_owned(),
        figures: figures.into_iter().flatten().collect(),
        tables,
    })
}

/// Does one measurement in a process of its own.
pub(crate) fn child(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["program", rest @ ..] => program::child(rest),
        ["memory", rest @ ..] => memory::child(rest),
        ["dependency", rest @ ..] => dependency::child(rest),
        ["errors", rest @ ..] => errors::child(rest),
        ["growth", rest @ ..] => growth::child(rest),
        ["directory", rest @ ..] => directory::child(rest),
        _ => Err("no measurement of `costs` is called so".into()),
    }
}

const ABOUT: &str = "\
*A short program* opens telemetry inline, records one event and ends; others of the same binary append the same \
bytes with `std::fs`, or do nothing. They take turns; what counts is the processor time that the scheduler counted \
for each process (`/proc/<pid>/schedstat`), from its start to its end: the median, and how much of it lies above that \
of the empty one. Beside it stands what the process counted for itself in `main`, without its start and end.

*Memory* is what is resident and no page of a file: its peak, above what it was before telemetry was opened, the most \
of the rounds. It is taken while the directory's `lock` is held by somebody else until events are dropped, and while \
the worker keeps writing. The pages of code that telemetry touches stand beside it; all processes share them.

*Allocations* are counted by a program of its own (`--bin allocations`), in steady state on the thread that records.

*Growth*: processes with different pasts live at the same time and take turns in recording bursts of 64 events \
that the worker empties before the next one; each is compared with the fresh process in the same round, and the \
median of these ratios counts.

*An event at level ERROR* keeps the worker from lingering; bursts of it and of INFO take turns in one process, with \
pauses shorter than the worker lingers, and medians stand beside each other.

*A dependency's events and spans* at level TRACE are not recorded; they are made in a row beside a layer that formats \
from INFO up: with nothing of localtel, with its layer and filter, and with its layer alone, each in a process of its own.

*Redaction* is what an event takes longer under the default policy than under one that keeps secrets in messages, for \
messages of 40, 200 and 4,000 bytes, without a secret and with one; it is looked at each time.

*The directory* holds segments of one record each; a process opens it inline, and listing is timed in the same \
process.";
