//! `show` and `tail`: which records, in which order, to where. What a record looks like is `view`'s,
//! which ones fit is the filter's, where they lie is the reader's.

mod args;
mod scan;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the disk from outside"
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
use localtel::read::Timestamp;
use localtel::read::raw::{FilterVerdict, Piece, PrefixCache, RawRecord};
use localtel::read::{Filter, Follower, Item, Line, Position, Reader, Reverse};

pub(crate) use args::{LineLimit, ShowArgs};
use unread::UnreadCounts;

/// Shows records of the directory.
pub(crate) fn run(args: &ShowArgs, directory: &Path, screen: &mut Screen<'_>) -> Result<Exit> {
    args.check()?;
    let filter = args.filter(screen.now)?;
    // Opened before the pager is, so that a directory that is not there is said on the screen.
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
    let mut show = Show {
        line_filter: LineFilter {
            view: View::new(args.format(), args.zone(), screen.sink, colour),
            filter,
        },
        matched: 0,
        unread: UnreadCounts::default(),
    };
    let result = {
        let stdout: &mut dyn Write = match &mut pager {
            Some(pager) => pager,
            None => &mut *screen.stdout,
        };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, stdout);
        let source = RecordSource {
            reader,
            directory,
            start,
            lines,
        };
        let result = show
            .run(
                args,
                source,
                &mut out,
                Beside {
                    stderr: screen.stderr,
                    is_reader_gone: screen.is_reader_gone,
                },
            )
            .and_then(|()| Ok(out.flush()?));
        // A buffer that could not be written is not tried again.
        drop(out.into_parts());
        result
    };
    if let Some(pager) = pager {
        pager.finish();
    }
    let is_reader_gone = matches!(result, Err(OutputStop::ReaderGone));
    OutputStop::settle(result, || ())?;
    show.unread.tell(screen.stderr);
    if show.matched == 0 && !is_reader_gone && !show.unread.is_denied() {
        tell_absent(args, directory, &show.line_filter.filter, screen.stderr);
    }
    if let (None, false, LineLimit::Last(count)) = (args.lines, args.follow, lines)
        && (is_cut || show.matched >= count)
    {
        screen.say(format_args!(
            "these were the last {count} records; `-n all` shows every one"
        ));
    }
    Ok(show.exit(args, is_reader_gone, screen))
}

/// Says which names that were asked for no record has, where nothing matched.
fn tell_absent(args: &ShowArgs, directory: &Path, filter: &Filter, stderr: &mut dyn Write) {
    let mut absent = AbsentNames::new(args.names());
    for key in OWN_KEYS {
        absent.compare(NameKind::Property, key);
    }
    let looked = open(directory, filter).and_then(|reader| absent.look(reader));
    // Why nothing matched is not worth a failure.
    if looked.is_err() {
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
    absent.tell(records, suggest, stderr);
}

/// Where the records come from.
struct RecordSource<'a> {
    reader: Reader,
    directory: &'a Path,
    start: StartPoint,
    lines: LineLimit,
}

/// What following needs beside the data and its way out.
struct Beside<'a> {
    stderr: &'a mut dyn Write,
    is_reader_gone: &'a dyn Fn() -> bool,
}

/// Where to start.
#[derive(Debug)]
enum StartPoint {
    /// At the first line.
    First,
    /// At a line, which is shown.
    At(Position),
    /// Behind what is there.
    End,
}

/// Opens a directory; what is known to be older than the filter takes is passed over.
fn open(directory: &Path, filter: &Filter) -> Result<Reader> {
    let reader = Reader::open(directory)?;
    Ok(match filter.earliest() {
        Some(since) => reader.since(since),
        None => reader,
    })
}

/// Opens a directory to be read backwards, as far as the filter takes it.
fn reverse(directory: &Path, filter: &Filter) -> Result<Reverse> {
    let reverse = Reader::reverse(directory)?;
    Ok(match filter.earliest() {
        Some(since) => reverse.since(since),
        None => reverse,
    })
}

/// Finds where the last records that pass begin, from the end of the data.
fn start_of(
    args: &ShowArgs,
    directory: &Path,
    filter: &Filter,
    lines: LineLimit,
) -> Result<StartPoint> {
    let LineLimit::Last(count) = lines else {
        return Ok(StartPoint::First);
    };
    // Sorted or reversed, the last ones are counted as they are shown.
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

/// Goes behind everything that is there, without reading all of it.
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

/// Showing records, under way.
struct Show {
    line_filter: LineFilter,
    matched: u64,
    unread: UnreadCounts,
}

/// Which records are shown, and as what.
struct LineFilter {
    view: View,
    filter: Filter,
}

impl LineFilter {
    /// Shows an item if it is a record that passes. Returns `true` if it was one.
    fn take(
        &self,
        item: Item<'_>,
        out: &mut dyn Write,
        unread: &mut UnreadCounts,
    ) -> std::io::Result<bool> {
        let Some(line) = unread.take(item) else {
            return Ok(false);
        };
        match line.look(|raw| self.show(line, raw, out, unread)) {
            Ok(shown) => shown,
            Err(damage) => {
                unread.add(damage);
                Ok(false)
            }
        }
    }

    /// Shows the records in a line that the reader has not looked at. Returns the number of those that pass.
    fn take_piece(
        &self,
        piece: Piece<'_>,
        prefixes: &mut PrefixCache,
        out: &mut dyn Write,
        unread: &mut UnreadCounts,
    ) -> std::io::Result<u64> {
        let line = piece.line();
        if let Some(raw) = RawRecord::with(line.bytes(), prefixes) {
            return self.show(line, &raw, out, unread).map(u64::from);
        }
        let mut matched = 0;
        for item in piece.items() {
            matched += u64::from(self.take(item, out, unread)?);
        }
        Ok(matched)
    }

    /// Shows a record if it passes. Returns `true` if it does.
    fn show(
        &self,
        line: Line<'_>,
        raw: &RawRecord<'_>,
        out: &mut dyn Write,
        unread: &mut UnreadCounts,
    ) -> std::io::Result<bool> {
        match self.filter.verdict(raw) {
            FilterVerdict::Passes => self.view.write(out, line.bytes(), raw).map(|()| true),
            FilterVerdict::Fails => Ok(false),
            FilterVerdict::OtherType { key } => {
                unread.pass_over(key);
                Ok(false)
            }
        }
    }
}

impl Show {
    /// Says how it ended.
    fn exit(&self, args: &ShowArgs, is_reader_gone: bool, screen: &mut Screen<'_>) -> Exit {
        let is_nothing = self.matched == 0 && !is_reader_gone;
        if is_nothing && screen.sink == OutputKind::Terminal {
            screen.say(format_args!("nothing matched"));
        }
        // Damage is not judged here; that the system did not let us read is a failure of ours.
        if self.unread.is_denied() {
            Exit::Failed
        } else if args.exit_status && is_nothing {
            Exit::NothingMatched
        } else {
            Exit::Done
        }
    }

    fn run(
        &mut self,
        args: &ShowArgs,
        source: RecordSource<'_>,
        out: &mut dyn Write,
        mut beside: Beside<'_>,
    ) -> std::result::Result<(), OutputStop> {
        self.line_filter.view.write_header(out)?;
        if args.follow {
            self.follow(args, source, out, &mut beside)
        } else if args.sort {
            self.sorted(args, source, out)
        } else if args.reverse {
            self.reversed(&source, out)
        } else {
            self.forwards(source, out)
        }
    }

    fn forwards(
        &mut self,
        source: RecordSource<'_>,
        out: &mut dyn Write,
    ) -> std::result::Result<(), OutputStop> {
        let mut reader = source.reader;
        match source.start {
            StartPoint::First => {}
            StartPoint::At(position) => reader.seek(position),
            StartPoint::End => return Ok(()),
        }
        // Only a reader that has begun knows how much it passes over.
        match reader.next_item()? {
            Some(item) => self.take(item, out)?,
            None => return Ok(()),
        }
        if reader.bytes_left()? >= SHARED_BYTES_LEAST {
            self.matched += scan::show(&mut reader, &self.line_filter, out, &mut self.unread)?;
            return Ok(());
        }
        while let Some(item) = reader.next_item()? {
            self.take(item, out)?;
        }
        Ok(())
    }

    fn reversed(
        &mut self,
        source: &RecordSource<'_>,
        out: &mut dyn Write,
    ) -> std::result::Result<(), OutputStop> {
        let mut reverse = reverse(source.directory, &self.line_filter.filter)?;
        let is_enough = |matched: u64| match source.lines {
            LineLimit::All => false,
            LineLimit::Last(count) => matched >= count,
        };
        while !is_enough(self.matched) {
            let Some(item) = reverse.next_item() else {
                break;
            };
            self.take(item, out)?;
        }
        Ok(())
    }

    fn sorted(
        &mut self,
        args: &ShowArgs,
        source: RecordSource<'_>,
        out: &mut dyn Write,
    ) -> std::result::Result<(), OutputStop> {
        let mut reader = source.reader;
        let mut kept: Vec<(Timestamp, Box<[u8]>)> = Vec::new();
        let mut shown = Vec::new();
        while let Some(item) = reader.next_item()? {
            let Some(line) = self.unread.take(item) else {
                continue;
            };
            let looked = line.look(|raw| {
                let is_shown = self
                    .line_filter
                    .show(line, raw, &mut shown, &mut self.unread);
                // Writing to memory does not fail.
                is_shown.unwrap_or(false).then(|| raw.time())
            });
            match looked {
                Ok(Some(time)) => kept.push((time, shown.as_slice().into())),
                Ok(None) => {}
                Err(damage) => self.unread.add(damage),
            }
            shown.clear();
        }
        // Stable: records of one time keep the order in which they were written.
        kept.sort_by_key(|(timestamp, _)| *timestamp);
        let skipped = match source.lines {
            LineLimit::All => 0,
            LineLimit::Last(count) => kept
                .len()
                .saturating_sub(usize::try_from(count).unwrap_or(usize::MAX)),
        };
        kept.drain(..skipped);
        if args.reverse {
            kept.reverse();
        }
        for (_, shown) in &kept {
            out.write_all(shown)?;
            self.matched += 1;
        }
        Ok(())
    }

    /// Shows what is there and then what comes, until nobody reads it any more.
    fn follow(
        &mut self,
        args: &ShowArgs,
        source: RecordSource<'_>,
        out: &mut dyn Write,
        beside: &mut Beside<'_>,
    ) -> std::result::Result<(), OutputStop> {
        let mut reader = source.reader;
        let mut is_all_read = matches!(source.start, StartPoint::First);
        match source.start {
            StartPoint::First => {}
            StartPoint::At(position) => reader.seek(position),
            StartPoint::End => pass_all(&mut reader, source.directory)?,
        }
        let mut follower = reader.follow();
        loop {
            if let Some(item) = follower.poll()? {
                self.take(item, out)?;
                continue;
            }
            out.flush()?;
            // Nobody waits for the end here, so what could not be read is told as it comes.
            self.unread.tell(beside.stderr);
            self.unread.forget();
            // Once: what comes later may have any name.
            if std::mem::take(&mut is_all_read) && self.matched == 0 {
                let filter = &self.line_filter.filter;
                tell_absent(args, source.directory, filter, beside.stderr);
            }
            if (beside.is_reader_gone)() {
                return Err(OutputStop::ReaderGone);
            }
            std::thread::sleep(Follower::PAUSE);
        }
    }

    fn take(&mut self, item: Item<'_>, out: &mut dyn Write) -> std::result::Result<(), OutputStop> {
        if self.line_filter.take(item, out, &mut self.unread)? {
            self.matched += 1;
        }
        Ok(())
    }
}

/// From this size on several threads share the work: below it one is done in a few milliseconds.
const SHARED_BYTES_LEAST: u64 = 4 << 20;

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

/// One write for a few hundred records.
const BUFFER_BYTES: usize = 64 * 1024;

/// What `show --help` ends with.
pub(crate) const SHOW_EXAMPLES: &str = "\
Examples:
  localtel show                                the last 1000 records
  localtel show -l warn --since -2h            warnings and errors of the last two hours
  localtel show event=command 'duration>500'   slow commands
  localtel show -g timeout -o pretty           whatever mentions timeouts, a block each
  localtel show --json | jq .properties        for another program";

/// What `tail --help` ends with.
pub(crate) const TAIL_EXAMPLES: &str = "\
Examples:
  localtel tail                    the last ten records, and then each new one
  localtel tail -n 0 -l error      only what fails from now on
  localtel tail -t myapp::net      one part of the application";
