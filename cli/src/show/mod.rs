//! `show` and `tail`: select records, order them and write them to the screen or a pager. `view`
//! formats a record, the library's filter matches records, and its reader finds them.

mod args;
mod context;
mod cursor;
mod following;
mod inputs;
mod nothing;
mod operand;
mod shown;
mod streams;
mod survey;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests read and write the files directly"
)]
mod tests;
mod unread;
mod wanted;

use std::io::{BufWriter, Write};
use std::path::Path;

use super::columns::Columns;
use super::exit::Exit;
use super::pager::Pager;
use super::sanitize::Sanitized;
use super::screen::{Colour, OutputKind, OutputStop, Screen};
use super::table::TableWriter;
use super::time::{Zone, timestamp};
use super::view::View;
use localtel::read::{
    Filter, Fold as _, Follower, Item, MergeInput, Merged, Position, Reader, Timestamp,
};
use localtel::{Error, Result};
use time::OffsetDateTime;

use args::ColumnChoice;
pub(crate) use args::{LineLimit, ShowArgs, as_of_tail};
use context::{Context, ContextFold};
use cursor::{LastRecords, SavedCursor};
use following::Followers;
use inputs::{InputLabels, OpenInput, reverse_directory};
pub(crate) use inputs::{NamedInput, ShowInputs};
use nothing::EmptySelection;
use shown::{KeptLines, KeptOrder, LineFilter, ShownLines};
use streams::Rewritten;
use survey::KeySurvey;
use unread::UnreadCounts;
use wanted::WantedLines;

/// Shows records of the inputs.
pub(crate) fn run(
    args: &ShowArgs,
    inputs: &ShowInputs<'_>,
    screen: &mut Screen<'_>,
) -> Result<Exit> {
    args.check(inputs)?;
    let zone = args.zone.zone(screen)?;
    let filter = args.filter(zone, screen.sink, screen.now)?;
    let lines = args.lines_or_default(screen.sink, inputs);
    // Opened before the pager, so that what cannot be opened is reported on the screen.
    let cursor = args
        .wanted
        .cursor_file()
        .map(SavedCursor::load)
        .transpose()?;
    let (mut opened, awaited) = open(args, inputs, &filter, screen.stderr)?;
    resume(cursor.as_ref(), &mut opened, &filter, screen.stderr)?;
    let failures = inputs.list.len() - opened.len() - awaited.len();
    let start = start_of(args, &opened, &filter, lines)?;
    let columns = columns(args, inputs, &filter, &start)?;
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
            end: args.end(zone, screen.now)?.map(end_of_following),
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
    let selection = EmptySelection::new(args, zone, &line_filter.filter);
    Ok(end.report(args, (inputs, &selection), &unread, screen))
}

/// What is known when everything was shown.
struct ShowEnd {
    lines: LineLimit,
    /// Whether there are records before those that were shown.
    is_cut: bool,
    is_reader_gone: bool,
    /// Number of inputs that could not be opened.
    failures: usize,
    matched: u64,
    /// Number of records of localtel itself that match and are not shown.
    own: u64,
}

impl ShowEnd {
    /// Prints what the user should know of the result, and returns the exit.
    fn report(
        &self,
        args: &ShowArgs,
        (inputs, selection): (&ShowInputs<'_>, &EmptySelection),
        unread: &UnreadCounts,
        screen: &mut Screen<'_>,
    ) -> Exit {
        print_own(self.own, screen.stderr);
        let is_denied = unread.is_denied() || self.failures > 0;
        let is_nothing = self.matched == 0 && !self.is_reader_gone;
        let is_explained = is_nothing
            && !is_denied
            && self.own == 0
            // A follower said so when it had read everything, and with a cursor it is usual.
            && !args.follow
            && args.wanted.cursor_file().is_none()
            && self.lines != LineLimit::Last(0)
            && print_reasons(selection, inputs, screen.stderr);
        if let (None, false, LineLimit::Last(count)) = (args.lines, args.follow, self.lines)
            && (self.is_cut || self.matched >= count)
        {
            screen.print_message(format_args!(
                "only the last {count} records are shown; `-n all` shows all"
            ));
        }
        let is_silent = is_nothing && !is_explained && !args.wanted.count;
        if is_silent && screen.sink == OutputKind::Terminal {
            let other = if self.own > 0 { " else" } else { "" };
            screen.print_message(format_args!("nothing{other} matched"));
        }
        // Damage does not change the exit, but missing permission to read does.
        if is_denied {
            Exit::Failed
        } else if args.exit_status && is_nothing {
            Exit::NothingMatched
        } else {
            Exit::Done
        }
    }
}

/// Starts the pager on a terminal, unless new records are awaited.
fn start_pager(args: &ShowArgs, inputs: &ShowInputs<'_>, screen: &Screen<'_>) -> Option<Pager> {
    let is_useless = !args.may_page() || inputs.has_stdin();
    match screen.sink {
        OutputKind::Terminal if !is_useless => Pager::start(screen.variable),
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

/// Returns the columns of the records to show.
fn columns(
    args: &ShowArgs,
    inputs: &ShowInputs<'_>,
    filter: &Filter,
    start: &StartPoint,
) -> Result<Columns> {
    match args.columns()? {
        ColumnChoice::None => Ok(Columns::default()),
        ColumnChoice::Named(columns) => Ok(columns.clone()),
        ColumnChoice::Seen if inputs.has_stdin() => Err(Error::invalid(
            "--columns",
            "the standard input is read once, so name the columns: `--columns time,message`",
        )),
        ColumnChoice::Seen => seen_columns(inputs, filter, start),
    }
}

/// Finds the columns of all records to show.
fn seen_columns(inputs: &ShowInputs<'_>, filter: &Filter, start: &StartPoint) -> Result<Columns> {
    // What cannot be opened was reported.
    let opened = inputs
        .list
        .iter()
        .filter_map(|named| named.open(filter).ok());
    let opened = opened.collect();
    let opened = match start {
        StartPoint::First => opened,
        StartPoint::At(starts) => from(opened, starts.clone()),
        StartPoint::End => return Ok(Columns::default()),
    };
    let labels = InputLabels::of_opened(&opened, false);
    let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input));
    let empty = || Rewritten::new(KeySurvey::new(filter), labels.rewriters());
    let mut survey = empty();
    merged.fold(&mut survey, empty, |_| Ok::<(), Error>(()))?;
    survey.fold.columns()
}

/// Prints how many records of localtel itself are not shown.
fn print_own(count: u64, stderr: &mut dyn Write) {
    let text = match count {
        0 => return,
        1 => "1 record of localtel itself is hidden; --own shows it".to_owned(),
        count => format!("{count} records of localtel itself are hidden; --own shows them"),
    };
    // A closed stderr is not an error here.
    drop(writeln!(stderr, "{text}"));
}

/// Prints why nothing matched, and returns `true` if a reason was found.
fn print_reasons(
    selection: &EmptySelection,
    inputs: &ShowInputs<'_>,
    stderr: &mut dyn Write,
) -> bool {
    if !inputs.are_rereadable() {
        return false;
    }
    // All records, to know what there is outside of the range.
    let everything = Filter::new();
    let opened = inputs.list.iter().map(|input| input.open(&everything));
    // An error here only costs the reasons.
    let Ok(opened) = opened.collect::<Result<Vec<OpenInput<'_>>>>() else {
        return false;
    };
    let labels = InputLabels::of_opened(&opened, false);
    let mut merged = Merged::new(opened.into_iter().map(|opened| opened.input));
    let empty = || Rewritten::new(selection.fold(), labels.rewriters());
    let mut reasons = empty();
    let read = merged.fold(&mut reasons, empty, |_| Ok::<(), Error>(()));
    read.is_ok() && reasons.fold.print(stderr)
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

/// Opens the inputs, and returns those that do not exist yet, if they are followed. An error of the
/// only input is returned, and those of several are printed.
fn open<'a>(
    args: &ShowArgs,
    inputs: &'a ShowInputs<'_>,
    filter: &Filter,
    stderr: &mut dyn Write,
) -> Result<(Vec<OpenInput<'a>>, Vec<&'a NamedInput>)> {
    let (mut opened, mut awaited) = (Vec::new(), Vec::new());
    for named in &inputs.list {
        match named.open(filter) {
            Ok(input) => opened.push(input),
            Err(error) if args.follow && error.is_not_found() => {
                if let Some(path) = named.directory() {
                    let text = format!("waiting for {}, which does not exist yet", path.display());
                    drop(writeln!(stderr, "{}", Sanitized(&text)));
                    awaited.push(named);
                }
            }
            Err(error) if inputs.list.len() == 1 => return Err(error),
            // A closed stderr is not an error.
            Err(error) => drop(writeln!(stderr, "{}", Sanitized(&error.chain()))),
        }
    }
    Ok((opened, awaited))
}

/// Continues behind what a cursor file says was read, and prints where that is not possible.
fn resume(
    cursor: Option<&SavedCursor>,
    opened: &mut [OpenInput<'_>],
    filter: &Filter,
    stderr: &mut dyn Write,
) -> Result<()> {
    let Some(cursor) = cursor else { return Ok(()) };
    let names: Vec<&NamedInput> = opened.iter().map(|one| one.named).collect();
    let labels = InputLabels::of_directories(&names, false);
    for (number, one) in opened.iter_mut().enumerate() {
        let (MergeInput::Reader(reader), Some(path)) = (&mut one.input, one.named.directory())
        else {
            continue;
        };
        if let Some(change) = cursor.resume(reader, path, filter)? {
            let text = format!("{}{}", labels.prefix(number), change.text());
            // A closed stderr is not an error.
            drop(writeln!(stderr, "{}", Sanitized(&text)));
        }
    }
    Ok(())
}

/// The position to start at.
#[derive(Debug)]
enum StartPoint {
    /// At the first line.
    First,
    /// In each input at the first line that is shown; `None` if none is.
    At(Vec<Option<Position>>),
    /// After the last line.
    End,
}

/// Finds where the last matching records begin, from the end of the data.
fn start_of(
    args: &ShowArgs,
    opened: &[OpenInput<'_>],
    filter: &Filter,
    lines: LineLimit,
) -> Result<StartPoint> {
    let LineLimit::Last(count) = lines else {
        return Ok(StartPoint::First);
    };
    // Sorted or reversed records, and those with context, are counted when they are shown.
    if count == 0 {
        return Ok(StartPoint::End);
    }
    let directories: Option<Vec<&Path>> = opened
        .iter()
        .map(|opened| opened.named.directory())
        .collect();
    let is_counted_later = args.reverse || args.sort || args.context.size().is_some();
    let Some(directories) = directories.filter(|_| !is_counted_later) else {
        return Ok(StartPoint::First);
    };
    let reversed = directories
        .iter()
        .map(|path| reverse_directory(path, filter));
    let mut reversed = Merged::new(reversed.collect::<Result<Vec<_>>>()?);
    let mut starts = vec![None; opened.len()];
    let mut left = count;
    while let Some((input, item)) = reversed.next_item()? {
        let Item::Line(line) = item else { continue };
        if filter.passes(&line).unwrap_or(false) {
            left -= 1;
            if let Some(start) = starts.get_mut(input) {
                *start = Some(line.position());
            }
            if left == 0 {
                return Ok(StartPoint::At(starts));
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
    zone: Zone,
    inputs: &'a ShowInputs<'a>,
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
        let directories = opened.iter().filter_map(|opened| opened.named.directory());
        let reversed = directories.map(|path| reverse_directory(path, filter));
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
                self.shown.add(kept);
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
                let selection = EmptySelection::new(self.args, self.zone, filter);
                print_reasons(&selection, self.inputs, context.stderr);
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

/// Returns the inputs from their positions on, without those that have none.
fn from(opened: Vec<OpenInput<'_>>, starts: Vec<Option<Position>>) -> Vec<OpenInput<'_>> {
    let with_start = opened.into_iter().zip(starts);
    let from_start = with_start.filter_map(|(mut opened, start)| {
        let start = start?;
        if let MergeInput::Reader(reader) = &mut opened.input {
            reader.seek(start);
        }
        Some(opened)
    });
    from_start.collect()
}

/// Returns when to stop following records up to a time: their writers may need a moment.
fn end_of_following(until: OffsetDateTime) -> Timestamp {
    until
        .checked_add(WRITING_PAUSE)
        .map_or_else(|| timestamp(until), timestamp)
}

/// How long a writer may take until a record is in its file.
const WRITING_PAUSE: time::Duration = time::Duration::milliseconds(200);

/// Follows the directories among the inputs from their positions on.
fn followers(opened: Vec<OpenInput<'_>>, start: StartPoint) -> Result<Followers> {
    let starts = match start {
        StartPoint::First => None,
        StartPoint::At(starts) => Some(starts),
        StartPoint::End => Some(vec![None; opened.len()]),
    };
    let mut followers = Followers::default();
    for (index, OpenInput { named, input, .. }) in opened.into_iter().enumerate() {
        let (MergeInput::Reader(mut reader), Some(path)) = (input, named.directory()) else {
            continue;
        };
        if let Some(starts) = &starts {
            match starts.get(index).copied().flatten() {
                Some(start) => reader.seek(start),
                None => pass_all(&mut reader, path)?,
            }
        }
        followers.add(named.clone(), reader.follow());
    }
    Ok(followers)
}

/// Size of the output buffer: one write for a few hundred records.
const BUFFER_BYTES: usize = 64 * 1024;

/// Notes and examples for `show`.
pub(crate) const SHOW_EXAMPLES: &str = "\
Keys of conditions: timestamp level source target event message session seq span, and any property. \
A missing key never matches, not even with `!=`. With -S or -U, all records are shown unless -n is given.

Examples:
  localtel show                                the last 1000 records
  localtel show -l warn --since -2h            warnings and errors of two hours
  localtel show event=command 'duration>1.5s'  commands of more than 1.5 seconds
  localtel show -g timeout -o pretty           what mentions it, as blocks
  localtel show -o fields:time,event,duration  a table of these keys
  localtel show --json | jq .properties        as JSON, for other programs
  localtel show --count -l error -S -1d        the number of errors of a day";

/// Notes and examples for `tail`.
pub(crate) const TAIL_EXAMPLES: &str = "\
Keys of conditions: timestamp level source target event message session seq span, and any property. \
A missing key never matches, not even with `!=`.

Examples:
  localtel tail                    the last 10 records, then each new one
  localtel tail -n 0 -l error      only new errors
  localtel tail -t myapp::net      one module of the application
  localtel tail -n 0 -m 1          the next record
  localtel tail -U +5m             what is recorded in five minutes";
