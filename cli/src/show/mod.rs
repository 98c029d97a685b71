//! `show` and `tail`: select records, order them and write them to the screen or a pager. `view`
//! formats a record, the library's filter matches records, and its reader finds them.

mod args;
mod context;
mod cursor;
mod end;
mod examples;
mod following;
mod kept;
mod shown;
mod start;
mod survey;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests read and write the files directly"
)]
mod tests;
mod wanted;

use std::io::{BufWriter, Write};

use super::exit::Exit;
use super::pager::Pager;
use super::reading::{EmptySelection, InputLabels, NamedInput, OpenInput, RecordInputs};
use super::screen::{Colour, OutputKind, OutputStop, Screen};
use super::table::TableWriter;
use super::time::{Zone, timestamp};
use super::view::View;
use localtel::Result;
use localtel::read::{Fold as _, Follower, Merged, Timestamp};
use time::OffsetDateTime;

pub(crate) use args::{LineLimit, ShowArgs, as_of_tail};
use context::{Context, ContextFold};
use cursor::{LastRecords, SavedCursor};
use end::{ShowEnd, print_own};
pub(crate) use examples::{SHOW_EXAMPLES, TAIL_EXAMPLES};
use following::Followers;
use kept::{KeptLines, KeptOrder};
use shown::{LineFilter, ShownLines};
use start::{StartPoint, followers, from, open, resume, start_of, start_of_shown};
use survey::columns;
use wanted::WantedLines;

/// Shows records of the inputs.
pub(crate) fn run(
    args: &ShowArgs,
    inputs: &RecordInputs<'_>,
    screen: &mut Screen<'_>,
) -> Result<Exit> {
    let args = &args.resolved(inputs)?;
    let zone = args.records.zone.zone(screen)?;
    let filter = args.filter(zone, inputs, screen)?;
    let lines = args.lines_or_default(screen.sink, inputs);
    // Opened before the pager, so that what cannot be opened is reported on the screen.
    let cursor_file = args.wanted.cursor_file();
    let cursor = cursor_file.map(SavedCursor::load).transpose()?;
    let (mut opened, awaited) = open(args, inputs, &filter, screen.stderr)?;
    resume(cursor.as_ref(), &mut opened, &filter, screen.stderr)?;
    let failures = inputs.list.len() - opened.len() - awaited.len();
    let start = start_of(args, &opened, &filter, lines)?;
    let columns = columns(args, inputs, &filter, cursor.as_ref(), || {
        start_of_shown(args, &opened, &filter, lines)
    })?;
    let is_cut = matches!(start, StartPoint::At(_));
    let mut pager = start_pager(args, inputs, screen);
    let view = view(args, zone, pager.as_ref(), screen).with_columns(columns);
    let line_filter = LineFilter {
        view,
        filter,
        wanted: args.wanted.wanted(),
    };
    let mut show = Show {
        context: Context::of(args.context, lines.kept()),
        args,
        zone,
        inputs,
        lines,
        shown: ShownLines::new(&line_filter, InputLabels::default()),
        cursor,
        read_inputs: Vec::new(),
    };
    let result = {
        let stdout: &mut dyn Write = match &mut pager {
            Some(pager) => pager,
            None => &mut *screen.stdout,
        };
        let mut table = TableWriter::new(stdout);
        let stdout = table.or_plain(line_filter.view.is_table());
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, stdout);
        let context = FollowContext {
            awaited,
            end: args.records.end(zone, screen.now)?.map(end_of_following),
            stderr: screen.stderr,
            is_reader_gone: screen.is_reader_gone,
        };
        let result = show
            .run((opened, start), &mut out, context)
            .and_then(|()| Ok(out.flush()?))
            .and_then(|()| Ok(show.save_cursor()?));
        // Do not try again to write a buffer that could not be written.
        drop(out.into_parts());
        result
    };
    if let Some(pager) = pager {
        pager.finish();
    }
    let is_reader_gone = matches!(result, Err(OutputStop::ReaderGone));
    OutputStop::settle(result, || ())?;
    let end = ShowEnd {
        lines,
        is_cut,
        is_reader_gone,
        failures,
        matched: show.shown.matched,
        own: show.shown.own,
    };
    let unread = show.shown.unread;
    unread.print(screen.stderr);
    let selection = EmptySelection::new(&args.records, zone, &line_filter.filter);
    Ok(end.report(args, (inputs, &selection), &unread, screen))
}

/// Starts the pager on a terminal, unless new records are awaited.
fn start_pager(args: &ShowArgs, inputs: &RecordInputs<'_>, screen: &Screen<'_>) -> Option<Pager> {
    let is_useless = !args.may_page() || inputs.has_stdin();
    match screen.sink {
        OutputKind::Terminal if !is_useless => {
            // The pager draws on the same terminal.
            screen.progress.end();
            Pager::start(screen.variable)
        }
        OutputKind::Terminal | OutputKind::Pipe => None,
    }
}

/// Returns the view for the screen or the pager.
fn view(args: &ShowArgs, zone: Zone, pager: Option<&Pager>, screen: &Screen<'_>) -> View {
    let colour = match pager {
        Some(_) if !Pager::shows_colours(screen.variable) => Colour::Off,
        Some(_) | None => screen.colour,
    };
    let view = View::new(args.format(), zone, screen.sink, colour);
    if args.wrap {
        view.wrapped_at(screen.cells())
    } else {
        view
    }
}

/// The parts that following needs besides the data and the output.
struct FollowContext<'a> {
    /// The directories that do not exist yet.
    awaited: Vec<&'a NamedInput>,
    /// When to end.
    end: Option<Timestamp>,
    stderr: &'a mut dyn Write,
    is_reader_gone: &'a dyn Fn() -> bool,
}

/// A run of showing records.
struct Show<'a> {
    args: &'a ShowArgs,
    zone: Zone,
    inputs: &'a RecordInputs<'a>,
    lines: LineLimit,
    shown: ShownLines<'a>,
    context: Option<Context>,
    cursor: Option<SavedCursor>,
    /// The inputs that are read, in the order of the numbers that folds get.
    read_inputs: Vec<NamedInput>,
}

impl<'a> Show<'a> {
    fn run(
        &mut self,
        (opened, start): (Vec<OpenInput<'_>>, StartPoint),
        out: &mut BufWriter<&mut dyn Write>,
        mut context: FollowContext<'_>,
    ) -> std::result::Result<(), OutputStop> {
        let wanted = self.shown.line_filter.wanted;
        if let WantedLines::All | WantedLines::First(_) = wanted {
            out.write_all(&self.shown.line_filter.view.header())?;
        }
        let result = if self.args.follow {
            let is_all_read = matches!(start, StartPoint::First);
            let mut followers = followers(opened, start)?;
            for named in std::mem::take(&mut context.awaited) {
                followers.wait_for(named.clone());
            }
            self.follow(followers, out, is_all_read, &mut context)
        } else {
            self.read((opened, start), out)
        };
        match result {
            Ok(()) | Err(OutputStop::Complete) => {}
            Err(stop @ (OutputStop::ReaderGone | OutputStop::Failed(_))) => return Err(stop),
        }
        if let WantedLines::Number(_) = wanted {
            writeln!(out, "{}", self.shown.matched)?;
        }
        Ok(())
    }

    /// Shows the records that exist.
    fn read(
        &mut self,
        (opened, start): (Vec<OpenInput<'_>>, StartPoint),
        out: &mut BufWriter<&mut dyn Write>,
    ) -> std::result::Result<(), OutputStop> {
        let opened = match start {
            StartPoint::First => opened,
            StartPoint::At(starts) => from(opened, starts),
            StartPoint::End => return Ok(()),
        };
        let labels = InputLabels::of_opened(&opened, self.inputs.is_named());
        self.shown = ShownLines::new(self.shown.line_filter, labels);
        self.shown.last = self.cursor.as_ref().map(|_| LastRecords::default());
        self.read_inputs = opened.iter().map(|one| one.named.clone()).collect();
        if self.context.is_some() {
            let merged = Merged::new(opened.into_iter().map(|opened| opened.input));
            return self.streamed(merged, out);
        }
        let keeps_order = matches!(self.lines, LineLimit::All) || !self.inputs.has_stream();
        if self.args.sort || (self.inputs.has_stream() && (self.args.reverse || !keeps_order)) {
            return self.kept(opened, out);
        }
        if self.args.reverse {
            return self.reversed(&opened, out);
        }
        let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input));
        // A part that was folded ahead would count as read.
        let is_exact = self.cursor.is_some() && self.args.wanted.has_end();
        if self.inputs.has_stdin() || is_exact {
            return self.streamed(merged, out);
        }
        let empty = self.empty();
        merged.fold(&mut self.shown, empty, |shown| shown.write(out))
    }

    /// Returns a function that returns empty parts.
    fn empty(&self) -> impl Fn() -> ShownLines<'a> + use<'a> {
        let (line_filter, labels) = (self.shown.line_filter, self.shown.labels.clone());
        let has_cursor = self.cursor.is_some();
        move || {
            let mut part = ShownLines::new(line_filter, labels.clone());
            part.last = has_cursor.then(LastRecords::default);
            part
        }
    }

    /// Saves what was read, after it was written, if a cursor file is wanted.
    fn save_cursor(&mut self) -> Result<()> {
        if let (Some(cursor), Some(last)) = (&mut self.cursor, &mut self.shown.last)
            && last.take_new()
        {
            cursor.save(last, &self.read_inputs)?;
        }
        Ok(())
    }

    /// Sets the directories that are followed, in their order.
    fn set_inputs(&mut self, inputs: &[&NamedInput]) {
        self.shown.labels = InputLabels::of_directories(inputs, self.inputs.is_named());
        if self.shown.last.is_none() {
            self.shown.last = self.cursor.as_ref().map(|_| LastRecords::default());
        }
        self.read_inputs = inputs.iter().copied().cloned().collect();
    }

    /// Shows records as soon as they arrive.
    fn streamed(
        &mut self,
        mut merged: Merged,
        out: &mut dyn Write,
    ) -> std::result::Result<(), OutputStop> {
        self.shown.learn_processes();
        loop {
            if !merged.is_next_read() {
                out.flush()?;
            }
            let Some((input, item)) = merged.next_item()? else {
                return self.release(out);
            };
            self.shown.input(input);
            let Some(context) = &mut self.context else {
                item.fold(&mut self.shown);
                self.shown.write(out)?;
                continue;
            };
            let mut fold = ContextFold {
                context,
                shown: &mut self.shown,
            };
            item.fold(&mut fold);
            fold.write(out)?;
        }
    }

    /// Shows the last matches with their context, if they were kept until now.
    fn release(&mut self, out: &mut dyn Write) -> std::result::Result<(), OutputStop> {
        let Some(context) = &mut self.context else {
            return Ok(());
        };
        context.release(&mut self.shown);
        let mut fold = ContextFold {
            context,
            shown: &mut self.shown,
        };
        fold.write(out)
    }

    /// Shows what is new in directories that are followed. Returns whether there was anything.
    fn poll(
        &mut self,
        followers: &mut Followers,
        out: &mut dyn Write,
    ) -> std::result::Result<bool, OutputStop> {
        let Some(context) = &mut self.context else {
            return followers.poll(&mut self.shown, |shown| shown.write(out));
        };
        let mut fold = ContextFold {
            context,
            shown: &mut self.shown,
        };
        followers.poll(&mut fold, |fold| fold.write(out))
    }

    fn reversed(
        &mut self,
        opened: &[OpenInput<'_>],
        out: &mut dyn Write,
    ) -> std::result::Result<(), OutputStop> {
        let filter = &self.shown.line_filter.filter;
        let inputs = opened.iter();
        let reversed = inputs.filter_map(|it| it.named.open_reverse(filter, opened.len()));
        let mut merged = Merged::new(reversed.collect::<Result<Vec<_>>>()?);
        let LineLimit::Last(count) = self.lines else {
            let empty = self.empty();
            return merged.fold(&mut self.shown, empty, |shown| shown.write(out));
        };
        while self.shown.matched < count
            && let Some((input, item)) = merged.next_item()?
        {
            self.shown.input(input);
            item.fold(&mut self.shown);
            self.shown.write(out)?;
        }
        Ok(())
    }

    /// Shows the last records, sorted by time or in the order of reading, after all were read.
    fn kept(
        &mut self,
        opened: Vec<OpenInput<'_>>,
        out: &mut dyn Write,
    ) -> std::result::Result<(), OutputStop> {
        let count = match self.lines {
            LineLimit::All => usize::MAX,
            LineLimit::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let order = if self.args.sort {
            KeptOrder::Time
        } else {
            KeptOrder::Reading
        };
        let part = self.empty();
        let empty = || KeptLines::new(part(), count, order);
        let mut whole = empty();
        let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input));
        merged.fold::<_, OutputStop>(&mut whole, empty, |whole| {
            whole.keep_fewer();
            Ok(())
        })?;
        whole.keep_last();
        if self.args.reverse {
            whole.records.reverse();
        }
        let wanted = self.shown.line_filter.wanted;
        let most = usize::try_from(wanted.most()).unwrap_or(usize::MAX);
        whole.records.truncate(most);
        if let WantedLines::All | WantedLines::First(_) = wanted {
            for kept in &whole.records {
                self.shown.add(kept.day, &kept.shown);
                self.shown.write(out)?;
            }
        }
        self.shown.unread = whole.shown.unread;
        self.shown.own = whole.shown.own;
        self.shown.matched = whole.records.len() as u64;
        Ok(())
    }

    /// Shows the records that exist and then each new one, until the reader of the output is gone.
    fn follow(
        &mut self,
        mut followers: Followers,
        out: &mut dyn Write,
        mut is_all_read: bool,
        context: &mut FollowContext<'_>,
    ) -> std::result::Result<(), OutputStop> {
        self.set_inputs(&followers.inputs());
        self.shown.learn_processes();
        let mut is_first = true;
        loop {
            let is_over = context.end.is_some_and(|end| end <= Timestamp::now());
            if self.poll(&mut followers, out)? {
                continue;
            }
            self.release(out)?;
            out.flush()?;
            self.save_cursor()?;
            // Following has no end, so unreadable data is reported at once.
            self.shown.unread.print(context.stderr);
            self.shown.unread.clear();
            let filter = &self.shown.line_filter.filter;
            // Of the first records only; later ones would be reported again and again.
            print_own(
                std::mem::take(&mut self.shown.own) * u64::from(is_first),
                context.stderr,
            );
            is_first = false;
            // Only once: later records may have any name.
            if std::mem::take(&mut is_all_read) && self.shown.matched == 0 {
                let selection = EmptySelection::new(&self.args.records, self.zone, filter);
                selection.print_reasons(self.inputs, context.stderr);
            }
            if is_over {
                return Ok(());
            }
            if (context.is_reader_gone)() {
                return Err(OutputStop::ReaderGone);
            }
            if followers.add_awaited(filter)? {
                self.set_inputs(&followers.inputs());
                continue;
            }
            if let Some(list_again) = self.inputs.list_again
                && followers.add_new(list_again, filter)
            {
                self.set_inputs(&followers.inputs());
                continue;
            }
            std::thread::sleep(Follower::PAUSE);
        }
    }
}

/// Returns when to stop following records up to a time: their writers may need a moment.
fn end_of_following(until: OffsetDateTime) -> Timestamp {
    until
        .checked_add(WRITING_PAUSE)
        .map_or_else(|| timestamp(until), timestamp)
}

/// How long a writer may take until a record is in its file.
const WRITING_PAUSE: time::Duration = time::Duration::milliseconds(200);

/// Size of the output buffer: one write for a few hundred records.
const BUFFER_BYTES: usize = 64 * 1024;
