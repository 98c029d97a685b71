//! Reads several inputs as one: the lines of each stay in their order, and the inputs are merged by
//! the time of their next line. Memory is bounded: each input has one buffer of lines.
//!
//! Lines are taken in runs, up to the first one that is later than the next line of another input,
//! and are not parsed here: reading the time at the start of each line is enough. A line without a
//! readable time is taken with the line before it. An input that is the only one left is passed
//! through, so a single input costs nothing.
//!
//! Inputs may also be taken one after the other, for results that do not depend on their order. And
//! directories may be closed between two reads (see `closed`): then their number is limited neither
//! by that of open files nor, since each has a smaller buffer, by the memory.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::damage::Position;
use super::merge_input::MergeInput;
use super::piece::{Found, found_in, is_blank, resembles_one_record};
use super::plain_bytes::LINES_BYTES;
use super::scan::{self, Fold, ItemSource, Origin, ReadOrder, pieces};
use super::scanner::LineKind;
use super::{Item, Line};
use crate::error::{Error, Result};
use crate::record::{LineTime, Timestamp};

/// Several inputs, merged by time.
///
/// # Examples
///
/// ```no_run
/// use localtel::read::{Merged, Reader};
///
/// let paths = ["/home/me/.local/state/a/telemetry", "/home/me/.local/state/b/telemetry"];
/// let readers = paths.iter().map(|path| Reader::open(path.as_ref()));
/// let mut merged = Merged::new(readers.collect::<Result<Vec<_>, _>>()?);
/// while let Some((input, _item)) = merged.next_item()? {
///     println!("from {}", paths[input]);
/// }
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Debug)]
pub struct Merged {
    order: ReadOrder,
    turns: InputTurns,
    /// The most bytes of each buffer.
    pub(super) bytes_max: usize,
    inputs: Vec<BufferedInput>,
    /// The input that is due, if it is known.
    next: Option<DueLine>,
    /// The other inputs that are not at their end, except those in `taken`.
    due: BinaryHeap<DueLine>,
    /// The inputs of which the next line is to be found.
    taken: Vec<usize>,
    /// The input that is left when all others are at their end.
    only: Option<usize>,
    /// The input of the last lines or item.
    input: usize,
    /// The last time in it before them, or that of the first of them, if they are text.
    after: Option<Timestamp>,
}

/// How the inputs alternate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InputTurns {
    /// By the time of their next line.
    ByTime,
    /// One after the other.
    InTurn,
}

/// An input, and its next lines or item.
#[derive(Debug)]
struct BufferedInput {
    input: MergeInput,
    kind: LineKind,
    files: InputFiles,
    /// Whole lines with their newlines.
    bytes: Vec<u8>,
    /// The lines in `bytes` that are not taken yet, the next one last.
    lines: Vec<(Position, Range<usize>)>,
    /// The items in a line that is not one record, which precede the lines, the next one last.
    found: Vec<Found>,
    /// An item that is not a line, and follows the lines.
    item: Option<Found>,
    /// The time of the line that was next last.
    time: Option<LineTime>,
}

/// Whether the files of an input stay open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InputFiles {
    /// Until the end of the merge.
    Kept,
    /// Only while it is read.
    ClosedBetween,
}

/// The time of the next line of an input. The one that is due first is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DueLine {
    order: ReadOrder,
    time: Option<LineTime>,
    input: usize,
}

impl Ord for DueLine {
    fn cmp(&self, other: &Self) -> Ordering {
        let ordering = (self.time, self.input).cmp(&(other.time, other.input));
        match self.order {
            ReadOrder::Forward => ordering.reverse(),
            ReadOrder::Backward => ordering,
        }
    }
}

impl PartialOrd for DueLine {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Merged {
    /// Merges inputs that are read in the same direction. The first one decides the direction, and
    /// inputs of the other one are left out.
    pub fn new(inputs: impl IntoIterator<Item = impl Into<MergeInput>>) -> Self {
        let mut inputs: Vec<MergeInput> = inputs.into_iter().map(Into::into).collect();
        let order = inputs.first().map_or(ReadOrder::Forward, MergeInput::order);
        inputs.retain(|input| input.order() == order);
        let share = ALL_BYTES / inputs.len().max(1);
        Self {
            order,
            turns: InputTurns::ByTime,
            bytes_max: share.clamp(BYTES_LEAST, LINES_BYTES),
            taken: (0..inputs.len()).collect(),
            inputs: inputs.into_iter().map(BufferedInput::new).collect(),
            next: None,
            due: BinaryHeap::new(),
            only: None,
            input: 0,
            after: None,
        }
    }

    /// Takes the inputs one after the other instead, each to its end, for results that do not
    /// depend on the order of the inputs. Each is closed before the next one is read.
    #[must_use]
    pub fn in_turn(mut self) -> Self {
        if !self.inputs.is_empty() {
            self.turns = InputTurns::InTurn;
            self.only = Some(0);
        }
        for input in &mut self.inputs {
            input.input.begin_progress();
        }
        self
    }

    /// Returns the next item and the number of its input, counted from 0, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if a directory cannot be listed.
    pub fn next_item(&mut self) -> Result<Option<(usize, Item<'_>)>> {
        let Some((next, _)) = self.next_input()? else {
            return Ok(None);
        };
        let number = match self.only {
            Some(_) => self.fill_only()?,
            None => Some(next),
        };
        let Some((number, input)) = number.and_then(|it| Some((it, self.inputs.get_mut(it)?)))
        else {
            return Ok(None);
        };
        if self.only.is_some() {
            self.after = input.input.source()?.origin().after;
        } else {
            self.next = None;
            self.taken.push(number);
            self.after = input.time_before_text();
        }
        Ok(input.take_item().map(|item| (number, item)))
    }

    /// Reads the next items of the only input that is left, or else of the next one in turn, and
    /// returns its number. Its files stay open.
    fn fill_only(&mut self) -> Result<Option<usize>> {
        while let Some(number) = self.only
            && let Some(input) = self.inputs.get_mut(number)
        {
            input.files = InputFiles::Kept;
            if input.fill(LINES_BYTES)? {
                self.input = number;
                return Ok(Some(number));
            }
            match self.turns {
                InputTurns::ByTime => return Ok(None),
                InputTurns::InTurn => {
                    input.input.close();
                    self.only = Some(number + 1);
                }
            }
        }
        Ok(None)
    }

    /// Returns `true` if the next item is known without reading any input, which may take as long
    /// as the writer of a stream likes.
    pub fn is_next_read(&self) -> bool {
        let is_read = |number: usize| self.inputs.get(number).is_some_and(|it| !it.is_empty());
        match (self.only, self.next) {
            (Some(only), _) => is_read(only),
            (None, Some(_)) => true,
            (None, None) => self.taken.iter().all(|number| is_read(*number)),
        }
    }

    /// Folds all remaining items, as [`Reader::fold`](super::Reader::fold) does.
    ///
    /// # Errors
    ///
    /// Returns the error of `after`, or an error if a directory cannot be listed.
    pub fn fold<F: Fold + Send, E: From<Error>>(
        &mut self,
        whole: &mut F,
        empty: impl Fn() -> F,
        after: impl FnMut(&mut F) -> Result<(), E>,
    ) -> Result<(), E> {
        scan::fold(self, whole, empty, after)
    }

    /// Finds the input that is due, and the one that is due after it.
    fn next_input(&mut self) -> Result<Option<(usize, Option<DueLine>)>> {
        if let Some(only) = self.only {
            return Ok(Some((only, None)));
        }
        if self.next.is_none() {
            while let Some(number) = self.taken.pop() {
                let Some(input) = self.inputs.get_mut(number) else {
                    continue;
                };
                if input.fill(self.bytes_max)? {
                    self.due.push(DueLine {
                        order: self.order,
                        time: input.next_time(),
                        input: number,
                    });
                }
            }
            self.next = self.due.pop();
        }
        let second = self.due.peek().copied();
        Ok(self.next.map(|next| {
            self.input = next.input;
            if second.is_none() {
                self.only = Some(next.input);
            }
            (next.input, second)
        }))
    }
}

impl ItemSource for Merged {
    fn order(&self) -> ReadOrder {
        self.order
    }

    fn origin(&self) -> Origin {
        let input = self.inputs.get(self.input);
        Origin {
            input: self.input,
            kind: input.map_or(LineKind::Record, |input| input.kind),
            after: self.after,
        }
    }

    fn lines(
        &mut self,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<Option<(Position, Range<usize>)>> {
        let Some((input, second)) = self.next_input()? else {
            return Ok(None);
        };
        let Some(next) = self.inputs.get_mut(input) else {
            return Ok(None);
        };
        if next.is_empty() {
            next.files = InputFiles::Kept;
            let source = next.input.source()?;
            let lines = source.lines(into, bytes_max);
            self.input = input;
            self.after = source.origin().after;
            return lines;
        }
        self.after = next.time_before_text();
        let order = self.order;
        let due = |time| DueLine { order, time, input };
        let lines = next.take_lines(into, order, |time| {
            second.is_some_and(|second| second > due(time))
        });
        if lines.is_some() && self.only.is_none() {
            self.next = None;
            self.taken.push(input);
        }
        Ok(lines)
    }

    fn item(&mut self) -> Result<Option<Item<'_>>> {
        Ok(self.next_item()?.map(|(_, item)| item))
    }
}

impl BufferedInput {
    fn new(input: MergeInput) -> Self {
        Self {
            kind: input.kind(),
            files: match input {
                MergeInput::Closed(_) => InputFiles::ClosedBetween,
                MergeInput::Reader(_) | MergeInput::Reverse(_) | MergeInput::Stream(_) => {
                    InputFiles::Kept
                }
            },
            input,
            bytes: Vec::new(),
            lines: Vec::new(),
            found: Vec::new(),
            item: None,
            time: None,
        }
    }

    /// Returns `true` if nothing was read that is not taken.
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.found.is_empty() && self.item.is_none()
    }

    /// Reads the next lines or item, if all that were read are taken. Returns `false` at the end.
    fn fill(&mut self, bytes_max: usize) -> Result<bool> {
        if !self.is_empty() {
            return Ok(true);
        }
        let is_filled = self.read(bytes_max)?;
        match self.files {
            InputFiles::Kept => {}
            InputFiles::ClosedBetween => self.input.close(),
        }
        if !is_filled {
            (self.bytes, self.lines) = (Vec::new(), Vec::new());
        }
        Ok(is_filled)
    }

    /// Reads the next lines or item. Returns `false` at the end.
    fn read(&mut self, bytes_max: usize) -> Result<bool> {
        self.bytes.clear();
        let order = self.input.order();
        let source = self.input.source()?;
        while let Some((position, range)) = source.lines(&mut self.bytes, bytes_max)? {
            let bytes = self.bytes.get(range.clone()).unwrap_or_default();
            let lines = pieces(position, bytes).filter(|line| !is_blank(line.bytes));
            let found = lines.map(|line| {
                let before = line.position.byte - position.byte;
                let start = range.start + usize::try_from(before).unwrap_or_default();
                (line.position, start..start + line.bytes.len())
            });
            self.lines.extend(found);
            if order == ReadOrder::Forward {
                self.lines.reverse();
            }
            if !self.lines.is_empty() {
                return Ok(true);
            }
            self.bytes.clear();
        }
        match source.item()? {
            Some(Item::Line(line) | Item::Text(line)) => {
                self.bytes.extend_from_slice(line.bytes);
                self.bytes.push(b'\n');
                self.lines.push((line.position, 0..line.bytes.len()));
            }
            Some(Item::Damage(damage)) => self.item = Some(Found::Damage(damage)),
            Some(Item::Notice(notice)) => self.item = Some(Found::Notice(notice)),
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Returns the time of the next line. What has no time is due as the line before it.
    fn next_time(&mut self) -> Option<LineTime> {
        if !self.found.is_empty() {
            return self.time;
        }
        let line = self
            .lines
            .last()
            .and_then(|(_, range)| self.bytes.get(range.clone()));
        if let Some(time) = line.and_then(|line| self.input.time_of(line)) {
            self.time = Some(time);
        }
        self.time
    }

    /// Returns the time of the next line or, if it has none, the last one before it, if it is text.
    fn time_before_text(&self) -> Option<Timestamp> {
        match self.kind {
            LineKind::Record => None,
            LineKind::Text => self.time.map(LineTime::to_timestamp),
        }
    }

    /// Takes the next line or item. Lines are read without a look into them, so one that is not a
    /// record may have records behind damage.
    fn take_item(&mut self) -> Option<Item<'_>> {
        if self.found.is_empty() {
            let Some((position, range)) = self.lines.pop() else {
                return Some(self.item.take()?.item(|_| &[]));
            };
            let bytes = self.bytes.get(range.clone()).unwrap_or_default();
            match self.kind {
                LineKind::Text => {
                    let bytes = self.bytes.get(range).unwrap_or_default();
                    return Some(Item::Text(Line { position, bytes }));
                }
                LineKind::Record if resembles_one_record(bytes) => {
                    self.found.push(Found::Line { position, range });
                }
                LineKind::Record => self.find_in(position, range),
            }
        }
        let bytes = |range| self.bytes.get(range).unwrap_or_default();
        self.found.pop().map(|found| found.item(bytes))
    }

    /// Finds the items in a line that is not one record.
    fn find_in(&mut self, position: Position, range: Range<usize>) {
        let start = range.start;
        self.found = found_in(position, self.bytes.get(range).unwrap_or_default());
        for found in &mut self.found {
            if let Found::Line { range, .. } = found {
                *range = range.start + start..range.end + start;
            }
        }
        if self.input.order() == ReadOrder::Backward {
            self.found.reverse();
        }
    }

    /// Appends the next lines, up to one of which the time is too late. The first one is in time.
    fn take_lines(
        &mut self,
        into: &mut Vec<u8>,
        order: ReadOrder,
        is_late: impl Fn(Option<LineTime>) -> bool,
    ) -> Option<(Position, Range<usize>)> {
        if !self.found.is_empty() {
            return None;
        }
        let (mut position, mut range) = self.lines.pop()?;
        while !is_late(self.next_time())
            && let Some((next, bytes)) = self.lines.pop()
        {
            match order {
                ReadOrder::Forward => range.end = bytes.end,
                ReadOrder::Backward => (position, range.start) = (next, bytes.start),
            }
        }
        let start = into.len();
        // The newline is behind the line.
        into.extend_from_slice(self.bytes.get(range.start..=range.end)?);
        Some((position, start..into.len()))
    }
}

/// The most bytes of all buffers, unless there are thousands of inputs.
const ALL_BYTES: usize = 64 << 20;

/// The most bytes of a buffer however many inputs there are: some dozens of lines.
const BYTES_LEAST: usize = LINES_BYTES / 16;
