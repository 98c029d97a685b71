//! The costs of a program beside the event itself: its start and end, memory, and growth.

mod compression;
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
mod spans;

use crate::Result;
use crate::effort::Effort;
use crate::results::Section;

/// Runs all measurements of this part.
pub(crate) fn run(effort: Effort) -> Result<Section> {
    let parts = [
        program::measure(effort)?,
        memory::measure(effort)?,
        counted::measure()?,
        errors::measure(effort)?,
        dependency::measure(effort)?,
        spans::measure(effort)?,
        growth::measure(effort)?,
        directory::measure(effort)?,
        redaction::measure(effort)?,
        compression::measure(effort)?,
    ];
    let (figures, tables): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    Ok(Section {
        title: "Other costs of a program",
        about: ABOUT.to_owned(),
        figures: figures.into_iter().flatten().collect(),
        tables,
    })
}

/// Runs one measurement, in a child process.
pub(crate) fn child(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["compression", rest @ ..] => compression::child(rest),
        ["program", rest @ ..] => program::child(rest),
        ["memory", rest @ ..] => memory::child(rest),
        ["dependency", rest @ ..] => dependency::child(rest),
        ["errors", rest @ ..] => errors::child(rest),
        ["growth", rest @ ..] => growth::child(rest),
        ["directory", rest @ ..] => directory::child(rest),
        ["spans", rest @ ..] => spans::child(rest),
        _ => Err("unknown measurement of `costs`".into()),
    }
}

const ABOUT: &str = "\
*A short program* opens telemetry inline, records one event and ends; others of the same binary append the same \
bytes with `std::fs`, or do nothing. They take turns. Each counts its own processor time in `main`; the figure and the \
comparisons are of these medians, less that of the empty program. The scheduler's count for the whole process \
(`/proc/<pid>/schedstat`), with its start and end, is beside it.

*Memory* is resident memory that is not backed by a file: its peak, above the value before telemetry was opened, the \
maximum of the rounds. It is measured while the directory's `lock` is held until events are dropped, and while the \
worker writes continuously. The pages of code that telemetry touches are listed separately; all processes share them.

*Allocations* are counted by a program of its own (`--bin allocations`), in steady state on the thread that records.

*Growth*: processes with different histories run at the same time and take turns in recording bursts of 64 events, \
which the worker writes before the next one. Each is compared with the fresh process in the same round, and the figure \
is the median of these ratios.

*An event at level ERROR* ends the lingering of the worker. Bursts of ERROR and of INFO take turns in one process, with \
pauses shorter than the worker lingers, and the medians are compared.

*A dependency's events and spans* at level TRACE are not recorded. They are emitted in a loop beside a layer that \
formats from INFO up: without localtel, with its layer and filter, and with its layer only, each in a process of its own.

*A span* with three fields is opened, entered, exited and closed, without an event in it, in bursts of 64 whose records \
the worker writes before the next one. localtel records it when it closes, or not (the default); the peer is \
`fmt().json()` with and without `FmtSpan::CLOSE`. Each process measures one of these, and they take turns.

*Redaction* is the additional time of an event under the default policy, compared with one that keeps secrets in \
messages, for messages of 40, 200 and 4,000 bytes, with and without a secret. Every message is searched.

*Compression*: two processes take turns in recording bursts of 64 events in a directory with segments that are two \
days old; the worker of one compresses them meanwhile, that of the other does not. Only bursts during the compression count.

*The directory* contains segments of one record each. A process opens it inline, and listing is timed in the same \
process.";
