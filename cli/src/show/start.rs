//! Where reading starts: opens the inputs, continues behind what a cursor file says, and finds the
//! last matching records from the end of the data.

use std::io::Write;
use std::path::Path;

use super::super::reading::{
    InputLabels, NamedInput, OpenInput, RecordInputs, open_directory, within_limit,
};
use super::super::sanitize::Sanitized;
use super::args::{LineLimit, ShowArgs};
use super::cursor::SavedCursor;
use super::following::Followers;
use localtel::Result;
use localtel::read::{Filter, Item, MergeInput, Merged, Position, Reader};

/// Opens the inputs, and returns those that do not exist yet, if they are followed. An error of the
/// only input is returned, and those of several are printed.
pub(super) fn open<'a>(
    args: &ShowArgs,
    inputs: &'a RecordInputs<'_>,
    filter: &Filter,
    stderr: &mut dyn Write,
) -> Result<(Vec<OpenInput<'a>>, Vec<&'a NamedInput>)> {
    let (mut opened, mut awaited) = (Vec::new(), Vec::new());
    for named in &inputs.list {
        match named.open(filter) {
            // What is followed stays open.
            Ok(input) if args.follow => opened.push(input),
            Ok(input) => opened.push(input.within_limit(inputs.list.len())),
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
pub(super) fn resume(
    cursor: Option<&SavedCursor>,
    opened: &mut [OpenInput<'_>],
    filter: &Filter,
    stderr: &mut dyn Write,
) -> Result<()> {
    let Some(cursor) = cursor else { return Ok(()) };
    let names: Vec<&NamedInput> = opened.iter().map(|one| one.named).collect();
    let labels = InputLabels::of_directories(&names, false);
    let inputs = opened.len();
    for (number, one) in opened.iter_mut().enumerate() {
        let Some(path) = one.named.directory() else {
            continue;
        };
        let mut reader = open_directory(path, filter)?;
        if let Some(change) = cursor.resume(&mut reader, path, filter)? {
            let text = format!("{}{}", labels.prefix(number), change.text());
            // A closed stderr is not an error.
            drop(writeln!(stderr, "{}", Sanitized(&text)));
        }
        one.input = within_limit(reader, inputs);
    }
    Ok(())
}

/// The position to start at.
#[derive(Debug)]
pub(super) enum StartPoint {
    /// At the first line.
    First,
    /// In each input at the first line that is shown; `None` if none is.
    At(Vec<Option<Position>>),
    /// After the last line.
    End,
}

/// Finds where reading forwards begins; records in reverse order are counted when they are shown.
pub(super) fn start_of(
    args: &ShowArgs,
    opened: &[OpenInput<'_>],
    filter: &Filter,
    lines: LineLimit,
) -> Result<StartPoint> {
    match lines {
        LineLimit::Last(1..) if args.reverse => Ok(StartPoint::First),
        LineLimit::Last(_) | LineLimit::All => start_of_shown(args, opened, filter, lines),
    }
}

/// Finds where the records that are shown begin, whatever their order, from the end of the data.
pub(super) fn start_of_shown(
    args: &ShowArgs,
    opened: &[OpenInput<'_>],
    filter: &Filter,
    lines: LineLimit,
) -> Result<StartPoint> {
    let LineLimit::Last(count) = lines else {
        return Ok(StartPoint::First);
    };
    if count == 0 {
        return Ok(StartPoint::End);
    }
    // Sorted records, and those with context, are counted when they are shown.
    if args.sort || args.context.size().is_some() {
        return Ok(StartPoint::First);
    }
    let reversed = opened
        .iter()
        .map(|it| it.named.open_reverse(filter, opened.len()));
    let Some(reversed) = reversed.collect::<Option<Vec<_>>>() else {
        return Ok(StartPoint::First);
    };
    let reversed = reversed.into_iter();
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
pub(super) fn pass_all(reader: &mut Reader, directory: &Path) -> Result<()> {
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

/// Returns the inputs from their positions on, without those that have none.
pub(super) fn from(
    opened: Vec<OpenInput<'_>>,
    starts: Vec<Option<Position>>,
) -> Vec<OpenInput<'_>> {
    let with_start = opened.into_iter().zip(starts);
    let from_start = with_start.filter_map(|(mut opened, start)| {
        opened.input.seek(start?);
        Some(opened)
    });
    from_start.collect()
}

/// Follows the directories among the inputs from their positions on.
pub(super) fn followers(opened: Vec<OpenInput<'_>>, start: StartPoint) -> Result<Followers> {
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
