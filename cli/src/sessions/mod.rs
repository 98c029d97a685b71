//! `sessions`: lists the processes that recorded, one line each, with what they recorded and how
//! they ended. It changes nothing. `counting` reads the records, the library's `read::tally` counts
//! the sessions, and `table` and `data` show them.

mod args;
mod counting;
mod data;
mod table;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]
mod tests;

use std::io::Write;

use super::exit::Exit;
use super::pager::Pager;
use super::palette::Styles;
use super::quantity::count;
use super::reading::{EmptySelection, OwnMatches, RecordInputs, of_processes};
use super::screen::{Colour, OutputKind, OutputStop, Screen};
use super::show::LineLimit;
use super::time::Zone;
use args::SessionFormat;
pub(crate) use args::{SessionsArgs, as_of_sessions};
use counting::CountedSessions;
use localtel::Result;
use localtel::read::Filter;
use localtel::read::tally::RecordedSession;
use table::TableStyle;

/// Lists the sessions of the inputs.
pub(crate) fn run(
    args: &SessionsArgs,
    inputs: &RecordInputs<'_>,
    screen: &mut Screen<'_>,
) -> Result<Exit> {
    let args = &args.resolved(inputs)?;
    let zone = args.records.zone.zone(screen)?;
    let own = if args.records.no_own {
        OwnMatches::LeftOut
    } else {
        OwnMatches::Included
    };
    let range = args.records.range(zone, screen.now)?;
    let filter = of_processes(args.records.filter_in(range, own)?, inputs)?;
    let counted = counting::count(inputs, &filter, screen.stderr)?;
    let all = counted.list.sessions();
    let lines = args.lines_or_default(screen.sink);
    let most = match lines {
        LineLimit::All => usize::MAX,
        LineLimit::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
    };
    let before = all.len().saturating_sub(most);
    let mut listed: Vec<&RecordedSession> = all.iter().skip(before).collect();
    if args.reverse {
        listed.reverse();
    }
    let is_reader_gone = write(args, zone, &counted, &listed, screen)?;
    if let (None, LineLimit::Last(count)) = (args.lines, lines)
        && before > 0
    {
        screen.print_message(format_args!(
            "only the last {count} sessions are listed; `-n all` lists all"
        ));
    }
    print_uncounted(&counted, screen);
    counted.unread.print(screen.stderr);
    let is_nothing = all.is_empty() && !is_reader_gone;
    let is_denied = counted.unread.is_denied() || counted.failures > 0;
    if is_nothing && !is_denied {
        print_reasons(args, (zone, &filter), inputs, screen);
    }
    Ok(if is_denied {
        Exit::Failed
    } else if args.exit_status && is_nothing {
        Exit::NothingMatched
    } else {
        Exit::Done
    })
}

/// Writes the list to the screen or the pager. Returns `true` if its reader is gone.
fn write(
    args: &SessionsArgs,
    zone: Zone,
    counted: &CountedSessions,
    listed: &[&RecordedSession],
    screen: &mut Screen<'_>,
) -> Result<bool> {
    let mut pager = match screen.sink {
        OutputKind::Terminal if !args.no_pager => {
            // The pager draws on the same terminal.
            screen.progress.end();
            Pager::start(screen.variable)
        }
        OutputKind::Terminal | OutputKind::Pipe => None,
    };
    let colour = match pager {
        Some(_) if !Pager::shows_colours(screen.variable) => Colour::Off,
        Some(_) | None => screen.colour,
    };
    let bytes = match args.format() {
        SessionFormat::Table if listed.is_empty() => Vec::new(),
        SessionFormat::Table => table::table(
            listed,
            &counted.hosts,
            &TableStyle {
                zone,
                sink: screen.sink,
                styles: Styles::new(colour),
                cells: screen.cells(),
            },
        ),
        SessionFormat::Csv => data::csv(listed, &counted.hosts, zone, screen.sink),
        SessionFormat::Tsv => data::tsv(listed, &counted.hosts, zone, screen.sink),
        SessionFormat::Json => data::json(listed, counted),
    };
    let stdout: &mut dyn Write = match &mut pager {
        Some(pager) => pager,
        None => &mut *screen.stdout,
    };
    let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
    if let Some(pager) = pager {
        pager.finish();
    }
    let written = written.map(|()| false).map_err(OutputStop::from);
    OutputStop::settle(written, || true)
}

/// Prints what is not in the list.
fn print_uncounted(counted: &CountedSessions, screen: &mut Screen<'_>) {
    let left_out = counted.list.left_out();
    if left_out > 0 {
        let sessions = count(left_out, "older session");
        screen.print_message(format_args!(
            "{sessions} left out: the newest are listed, as many as fit into memory"
        ));
    }
    if counted.list.counts().is_cut_short {
        screen.print_message(format_args!(
            "more sessions have no end than fit into memory; some of them are left out"
        ));
    }
    if counted.without_session > 0 {
        let records = count(counted.without_session, "record");
        screen.print_message(format_args!(
            "{records} of other loggers left out, which have no session"
        ));
    }
}

/// Prints why there is no session.
fn print_reasons(
    args: &SessionsArgs,
    (zone, filter): (Zone, &Filter),
    inputs: &RecordInputs<'_>,
    screen: &mut Screen<'_>,
) {
    let selection = EmptySelection::new(&args.records, zone, filter);
    let is_explained = selection.print_reasons(inputs, screen.stderr);
    if !is_explained && screen.sink == OutputKind::Terminal {
        screen.print_message(format_args!("nothing matched"));
    }
}

/// Notes and examples for `sessions`.
pub(crate) const EXAMPLES: &str = "\
One line for each process that recorded: start, time to the last record, process id, and number of \
records, errors and lost events. END is `orderly`, `running`, `withdrawn` (consent was withdrawn) or \
`no end`: killed, aborted, or on another machine. Only records that match are counted, and sessions \
without one are left out.

Examples:
  localtel sessions                      the processes that recorded
  localtel sessions -n 5 -r              the last five, the newest first
  localtel sessions -l error -S -1d      those with errors of a day
  localtel sessions pid=4711             one process
  localtel sessions --json | jq '.sessions[] | select(.ending == \"without_end\")'";
