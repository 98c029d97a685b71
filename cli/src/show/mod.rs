//! `show` and `tail`: select records, order them and write them to the screen or a pager. `view`
//! formats a record, the library's filter matches records, and its reader finds them.

mod args;
mod shown;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests read and write the files directly"
)]
mod tests;
mod unread;

use std::io::{BufWriter, Write};
use std::path::Path;

use super::absent_names::{AbsentNames, NameKind};
use super::exit::Exit;
use super::pager::Pager;
use super::screen::{Colour, OutputKind, OutputStop, Screen};
use super::view::View;
use localtel::Result;
use localtel::admin::ShellWord;
use localtel::read::{Filter, Follower, Item, Position, Reader, Reverse};

pub(crate) use args::{LineLimit, ShowArgs, as_of_tail};
use shown::{DatedLines, LineFilter, ShownLines};

/// Shows records of the directory.
pub(crate) fn run(args: &ShowArgs, directory: &Path, screen: &mut Screen<'_>) -> Result<Exit> {
    args.check()?;
    let zone = args.zone.zone(screen)?;
    let filter = args.filter(zone, screen.now)?;
    // Opened before the pager, so that a missing directory is reported on the screen.
    let reader = open(directory, &filter)?;
    let lines = args.lines_or_default(screen.sink);
    let start = start_of(args, directory, &filter, lines)?;
    let is_cut = matches!(start, StartPoint::At(_));
    let mut pager = match screen.sink {
        OutputKind::Terminal if !args.no_pager && !args.follow => Pager::start(screen.variable),
        OutputKind::Terminal | OutputKind::Pipe => None,
    };
    let colour = match pager {
        Some(_) if !Pager::shows_colours(screen.variable) => Colour::Off,
        Some(_) | None => screen.colour,
    };
    let view = View::new(args.format(), zone, screen.sink, colour);
    let line_filter = LineFilter { view, filter };
    let mut show = Show {
        args,
        directory,
        lines,
        shown: ShownLines::new(&line_filter),
    };
    let result = {
        let stdout: &mut dyn Write = match &mut pager {
            Some(pager) => pager,
            None => &mut *screen.stdout,
        };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, stdout);
        let context = FollowContext {
            stderr: screen.stderr,
            is_reader_gone: screen.is_reader_gone,
        };
        let result = show
            .run((reader, start), &mut out, context)
            .and_then(|()| Ok(out.flush()?));
        // Do not try again to write a buffer that could not be written.
        drop(out.into_parts());
        result
    };
    if let Some(pager) = pager {
        pager.finish();
    }
    let is_reader_gone = matches!(result, Err(OutputStop::ReaderGone));
    OutputStop::settle(result, || ())?;
    let ShownLines {
        matched, unread, ..
    } = show.shown;
    unread.print(screen.stderr);
    let is_nothing = matched == 0 && !is_reader_gone;
    if is_nothing && !unread.is_denied() {
        print_absent_names(args, directory, &line_filter.filter, screen.stderr);
    }
    if let (None, false, LineLimit::Last(count)) = (args.lines, args.follow, lines)
        && (is_cut || matched >= count)
    {
        screen.print_message(format_args!(
            "only the last {count} records are shown; `-n all` shows all"
        ));
    }
    if is_nothing && screen.sink == OutputKind::Terminal {
        screen.print_message(format_args!("nothing matched"));
    }
    // Damage does not change the exit, but missing permission to read does.
    Ok(if unread.is_denied() {
        Exit::Failed
    } else if args.exit_status && is_nothing {
        Exit::NothingMatched
    } else {
        Exit::Done
    })
}

/// Prints suggestions for names that no record has, if nothing matched.
fn print_absent_names(args: &ShowArgs, directory: &Path, filter: &Filter, stderr: &mut dyn Write) {
    let mut absent = AbsentNames::new(args.names());
    for key in OWN_KEYS {
        absent.compare(NameKind::Property, key);
    }
    let outcome = open(directory, filter).and_then(|reader| absent.read_all(reader));
    // An error here only costs the suggestions.
    if outcome.is_err() {
        return;
    }
    let records = match filter.earliest() {
        Some(_) => "record since then",
        None => "record",
    };
    let suggest = |kind, name: &str| match kind {
        NameKind::Event => format!("--event {}", ShellWord(name)),
        NameKind::Target => format!("--target {}", ShellWord(name)),
        NameKind::Property => ShellWord(name).to_string(),
    };
    absent.print(records, suggest, stderr);
}

/// The parts that following needs besides the data and the output.
struct FollowContext<'a> {
    stderr: &'a mut dyn Write,
    is_reader_gone: &'a dyn Fn() -> bool,
}

/// The position to start at.
#[derive(Debug)]
enum StartPoint {
    /// At the first line.
    First,
    /// At a line, which is shown.
    At(Position),
    /// After the last line.
    End,
}

/// Opens a directory; segments that are known to be older than the filter are skipped.
fn open(directory: &Path, filter: &Filter) -> Result<Reader> {
    let reader = Reader::open(directory)?;
    Ok(match filter.earliest() {
        Some(since) => reader.since(since),
        None => reader,
    })
}

/// Opens a directory for reading backwards, down to the filter's lower time bound.
fn reverse(directory: &Path, filter: &Filter) -> Result<Reverse> {
    let reverse = Reader::reverse(directory)?;
    Ok(match filter.earliest() {
        Some(since) => reverse.since(since),
        None => reverse,
    })
}

/// Finds where the last matching records begin, from the end of the data.
fn start_of(
    args: &ShowArgs,
    directory: &Path,
    filter: &Filter,
    lines: LineLimit,
) -> Result<StartPoint> {
    let LineLimit::Last(count) = lines else {
        return Ok(StartPoint::First);
    };
    // Sorted or reversed records are counted when they are shown.
    if count == 0 || args.reverse || args.sort {
        return Ok(if count == 0 {
            StartPoint::End
        } else {
            StartPoint::First
        });
    }
    let mut reverse = reverse(directory, filter)?;
    let mut left = count;
    while let Some(item) = reverse.next_item() {
        let Item::Line(line) = item else { continue };
        if filter.passes(&line).unwrap_or(false) {
            left -= 1;
            if left == 0 {
                return Ok(StartPoint::At(line.position()));
            }
        }
    }
    Ok(StartPoint::First)
}

/// Moves to the end of the data without reading all of it.
fn pass_all(reader: &mut Reader, directory: &Path) -> Result<()> {
    let mut reverse = Reader::reverse(directory)?;
    while let Some(item) = reverse.next_item() {
        if let Item::Line(line) = item {
            reader.seek(line.position());
            break;
        }
    }
    while reader.next_item()?.is_some() {}
    Ok(())
}

/// A run of showing records.
struct Show<'a> {
    args: &'a ShowArgs,
    directory: &'a Path,
    lines: LineLimit,
    shown: ShownLines<'a>,
}

impl Show<'_> {
    fn run(
        &mut self,
        (mut reader, start): (Reader, StartPoint),
        out: &mut dyn Write,
        mut context: FollowContext<'_>,
    ) -> std::result::Result<(), OutputStop> {
        out.write_all(self.shown.line_filter.view.header())?;
        if self.args.sort {
            return self.sorted(&mut reader, out);
        }
        if self.args.reverse {
            return self.reversed(out);
        }
        let is_all_read = matches!(start, StartPoint::First);
        match start {
            StartPoint::First => {}
            StartPoint::At(position) => reader.seek(position),
            StartPoint::End if self.args.follow => pass_all(&mut reader, self.directory)?,
            StartPoint::End => return Ok(()),
        }
        if self.args.follow {
            return self.follow(reader.follow(), out, is_all_read, &mut context);
        }
        let line_filter = self.shown.line_filter;
        let empty = || ShownLines::new(line_filter);
        reader.fold(&mut self.shown, empty, |shown| shown.write(out))
    }

    fn reversed(&mut self, out: &mut dyn Write) -> std::result::Result<(), OutputStop> {
        let mut reverse = reverse(self.directory, &self.shown.line_filter.filter)?;
        let LineLimit::Last(count) = self.lines else {
            let line_filter = self.shown.line_filter;
            let empty = || ShownLines::new(line_filter);
            return reverse.fold(&mut self.shown, empty, |shown| shown.write(out));
        };
        while self.shown.matched < count
            && let Some(item) = reverse.next_item()
        {
            item.fold(&mut self.shown);
            self.shown.write(out)?;
        }
        Ok(())
    }

    fn sorted(
        &mut self,
        reader: &mut Reader,
        out: &mut dyn Write,
    ) -> std::result::Result<(), OutputStop> {
        let line_filter = self.shown.line_filter;
        let count = match self.lines {
            LineLimit::All => usize::MAX,
            LineLimit::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let empty = || DatedLines::new(line_filter, count);
        let mut whole = empty();
        reader.fold::<_, OutputStop>(&mut whole, empty, |whole| {
            if whole.records.len() / 2 > count.max(SORTED_LEAST) {
                whole.keep_last();
            }
            Ok(())
        })?;
        whole.keep_last();
        if self.args.reverse {
            whole.records.reverse();
        }
        for (_, shown) in &whole.records {
            out.write_all(shown)?;
        }
        self.shown.unread = whole.shown.unread;
        self.shown.matched = whole.records.len() as u64;
        Ok(())
    }

    /// Shows the records that exist and then each new one, until the reader of the output is gone.
    fn follow(
        &mut self,
        mut follower: Follower,
        out: &mut dyn Write,
        mut is_all_read: bool,
        context: &mut FollowContext<'_>,
    ) -> std::result::Result<(), OutputStop> {
        loop {
            if let Some(item) = follower.poll()? {
                item.fold(&mut self.shown);
                self.shown.write(out)?;
                continue;
            }
            out.flush()?;
            // Following has no end, so unreadable data is reported at once.
            self.shown.unread.print(context.stderr);
            self.shown.unread.clear();
            // Only once: later records may have any name.
            if std::mem::take(&mut is_all_read) && self.shown.matched == 0 {
                let filter = &self.shown.line_filter.filter;
                print_absent_names(self.args, self.directory, filter, context.stderr);
            }
            if (context.is_reader_gone)() {
                return Err(OutputStop::ReaderGone);
            }
            std::thread::sleep(Follower::PAUSE);
        }
    }
}

/// Number of records that are buffered for sorting before all except the last ones are dropped.
const SORTED_LEAST: usize = 1000;

/// The keys that each record has.
const OWN_KEYS: [&str; 8] = [
    "timestamp",
    "level",
    "source",
    "target",
    "event",
    "message",
    "session",
    "seq",
];

/// Size of the output buffer: one write for a few hundred records.
const BUFFER_BYTES: usize = 64 * 1024;

/// Notes and examples for `show`.
pub(crate) const SHOW_EXAMPLES: &str = "\
Keys of conditions: timestamp level source target event message session seq, and any property.
A missing key never matches, not even with `!=`. With -S or -U, all records are shown unless -n is given.

Examples:
  localtel show                                the last 1000 records
  localtel show -l warn --since -2h            warnings and errors of the last two hours
  localtel show event=command 'duration>500'   commands of more than 500 ms
  localtel show -g timeout -o pretty           records that mention timeouts, as blocks
  localtel show --json | jq .properties        properties as JSON, for other programs";

/// Notes and examples for `tail`.
pub(crate) const TAIL_EXAMPLES: &str = "\
Keys of conditions: timestamp level source target event message session seq, and any property.
A missing key never matches, not even with `!=`.

Examples:
  localtel tail                    the last 10 records, then each new one
  localtel tail -n 0 -l error      only new errors
  localtel tail -t myapp::net      one module of the application";
