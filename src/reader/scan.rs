//! Reads with several threads, in either direction: one splits the segments into batches of whole
//! lines, the others fold them, and the results are merged in the order of reading. Damage is
//! reported exactly as if one thread read every line.

use std::collections::VecDeque;
use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::damage::{Damage, Notice, Position};
use super::piece::{Found, found_in, is_blank, resembles_one_record};
use super::plain_bytes::LINES_BYTES;
use super::scanner::LineKind;
use super::{Item, Line, Reader};
use crate::error::{Error, Result};
use crate::record::Timestamp;
use crate::record::raw::RawRecord;

/// A computation over lines, in their order.
pub trait Fold {
    /// Notes which of several merged inputs the items that follow come from, counted from 0.
    fn input(&mut self, _: usize) {}

    /// Adds a record and its line.
    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>);

    /// Adds a line of text, which only a [`LineStream`](super::LineStream) of text has.
    fn text(&mut self, _: Line<'_>) {}

    /// Notes the last time in the input before the lines of text that follow, which may have none
    /// themselves. It is not noted before the first time.
    fn text_after(&mut self, _: Timestamp) {}

    /// Adds damage.
    fn damage(&mut self, damage: Damage);

    /// Adds a notice.
    fn notice(&mut self, _: Notice) {}

    /// Ends a part, in the thread that folded it, before the part is merged.
    fn finish(&mut self) {}

    /// Merges the results of the lines that follow, and leaves `later` empty.
    fn merge(&mut self, later: &mut Self);
}

/// Two folds of the same lines.
impl<A: Fold, B: Fold> Fold for (A, B) {
    fn input(&mut self, input: usize) {
        self.0.input(input);
        self.1.input(input);
    }

    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        self.0.line(line, raw);
        self.1.line(line, raw);
    }

    fn text(&mut self, line: Line<'_>) {
        self.0.text(line);
        self.1.text(line);
    }

    fn text_after(&mut self, time: Timestamp) {
        self.0.text_after(time);
        self.1.text_after(time);
    }

    fn damage(&mut self, damage: Damage) {
        self.0.damage(damage.clone());
        self.1.damage(damage);
    }

    fn notice(&mut self, notice: Notice) {
        self.0.notice(notice.clone());
        self.1.notice(notice);
    }

    fn finish(&mut self) {
        self.0.finish();
        self.1.finish();
    }

    fn merge(&mut self, later: &mut Self) {
        self.0.merge(&mut later.0);
        self.1.merge(&mut later.1);
    }
}

/// The order in which items are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOrder {
    /// From the first to the last.
    Forward,
    /// From the last to the first.
    Backward,
}

/// The origin of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The number of the input among those that are merged.
    pub(super) input: usize,
    pub(super) kind: LineKind,
    /// The last time in the input before these lines, if they are text.
    pub(super) after: Option<Timestamp>,
}

impl Origin {
    /// The origin of the records of a single directory.
    pub(super) const DIRECTORY: Self = Self {
        input: 0,
        kind: LineKind::Record,
        after: None,
    };
}

/// A reader whose items can be folded in parts.
pub(super) trait ItemSource {
    /// Returns the order of the items.
    fn order(&self) -> ReadOrder;

    /// Returns the origin of the lines or the item that were returned last.
    fn origin(&self) -> Origin;

    /// Appends the next whole lines, with their newlines and in the order of the file, and returns
    /// the position of the first one and the range of all. It reads as long as there are fewer than
    /// `bytes_max` bytes. Returns `None` if another kind of item may come next; then call
    /// [`item`](Self::item).
    fn lines(
        &mut self,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<Option<(Position, Range<usize>)>>;

    /// Returns the next item, or `None` if there is none.
    fn item(&mut self) -> Result<Option<Item<'_>>>;
}

impl Reader {
    /// Folds all remaining items of the reader. Several threads may fold parts, which start with
    /// the value of `empty` and are merged in order into one fold; `after` is called with it after
    /// each merge.
    ///
    /// # Errors
    ///
    /// Returns the error of `after`, or an error if the directory cannot be listed.
    pub fn fold<F: Fold + Send, E: From<Error>>(
        &mut self,
        whole: &mut F,
        empty: impl Fn() -> F,
        after: impl FnMut(&mut F) -> Result<(), E>,
    ) -> Result<(), E> {
        fold(self, whole, empty, after)
    }

    /// Folds all remaining items of the reader.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed.
    pub fn fold_all<F: Fold + Default + Send>(&mut self) -> Result<F> {
        let mut whole = F::default();
        self.fold(&mut whole, F::default, |_| Ok::<(), Error>(()))?;
        Ok(whole)
    }
}

/// Folds all remaining items of a source, as [`Reader::fold`] does.
pub(super) fn fold<F: Fold + Send, E: From<Error>>(
    source: &mut dyn ItemSource,
    whole: &mut F,
    empty: impl Fn() -> F,
    mut after: impl FnMut(&mut F) -> Result<(), E>,
) -> Result<(), E> {
    let mut merge = |part: &mut F| {
        whole.merge(part);
        after(whole)
    };
    let new_batch = |order| Batch::new(order, empty());
    let order = source.order();
    let mut batch = new_batch(order);
    for _ in 0..BATCHES_ALONE {
        let filled = batch.fill(source)?;
        batch.fold_items();
        merge(&mut batch.fold)?;
        if filled == Filled::ToTheEnd {
            return Ok(());
        }
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let ahead = cores * BATCHES_PER_THREAD;
    let (tasks, queue) = sync_channel::<Task<F>>(ahead);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        // Moved in, so that the others end when this does, however it ends.
        let tasks = tasks;
        let start_helper = |_: &usize| {
            let helper = thread::Builder::new().name("localtel-read".to_owned());
            helper.spawn_scoped(scope, || help(&queue)).is_ok()
        };
        let has_help = (0..cores).take_while(start_helper).count() > 0;
        let mut under_way: VecDeque<Receiver<Batch<F>>> = VecDeque::new();
        let mut spare = vec![batch];
        loop {
            let mut batch = spare.pop().unwrap_or_else(|| new_batch(order));
            let is_last = batch.fill(source)? == Filled::ToTheEnd;
            let (done, result) = sync_channel(1);
            let task = Task { batch, done };
            if !has_help {
                task.run();
            } else if tasks.send(task).is_err() {
                // All of them panicked; the scope passes that on.
                return Ok(());
            }
            under_way.push_back(result);
            while is_last || under_way.len() >= ahead {
                let Some(result) = under_way.pop_front() else {
                    return Ok(());
                };
                if let Ok(mut batch) = result.recv() {
                    merge(&mut batch.fold)?;
                    spare.push(batch);
                }
            }
        }
    })
}

/// A batch, and the channel that returns it.
struct Task<F> {
    batch: Batch<F>,
    done: SyncSender<Batch<F>>,
}

impl<F: Fold> Task<F> {
    fn run(mut self) {
        self.batch.fold_items();
        let _handed_back = self.done.send(self.batch);
    }
}

fn help<F: Fold>(queue: &Mutex<Receiver<Task<F>>>) {
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match task {
            Ok(task) => task.run(),
            Err(_) => return,
        }
    }
}

/// Items that are to be folded, and then their result.
struct Batch<F> {
    bytes: Vec<u8>,
    /// Whole lines with their newlines, each run of them as one item, and the items between them.
    items: Vec<(Origin, Found)>,
    order: ReadOrder,
    fold: F,
}

/// The state of a filled batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// There may be more to read.
    Whole,
    /// There is nothing more to read.
    ToTheEnd,
}

impl<F: Fold> Batch<F> {
    fn new(order: ReadOrder, fold: F) -> Self {
        Self {
            bytes: Vec::new(),
            items: Vec::new(),
            order,
            fold,
        }
    }

    /// Adds the next items, some hundred lines.
    fn fill(&mut self, source: &mut dyn ItemSource) -> Result<Filled> {
        self.bytes.clear();
        while self.bytes.len() < BATCH_BYTES && self.items.len() < BATCH_ITEMS_MAX {
            if let Some((position, range)) = source.lines(&mut self.bytes, LINES_BYTES)? {
                let lines = Found::Line { position, range };
                self.items.push((source.origin(), lines));
                continue;
            }
            let item = match source.item()? {
                Some(Item::Line(line) | Item::Text(line)) => {
                    let Line { position, bytes } = line;
                    let start = self.bytes.len();
                    self.bytes.extend_from_slice(bytes);
                    self.bytes.push(b'\n');
                    let range = start..self.bytes.len();
                    Found::Line { position, range }
                }
                Some(Item::Damage(damage)) => Found::Damage(damage),
                Some(Item::Notice(notice)) => Found::Notice(notice),
                None => return Ok(Filled::ToTheEnd),
            };
            self.items.push((source.origin(), item));
        }
        Ok(Filled::Whole)
    }

    fn fold_items(&mut self) {
        let (order, fold) = (self.order, &mut self.fold);
        let mut input = None;
        for (origin, item) in self.items.drain(..) {
            if input.replace(origin.input) != Some(origin.input) {
                fold.input(origin.input);
            }
            match item {
                Found::Line { position, range } => {
                    let bytes = self.bytes.get(range).unwrap_or_default();
                    if let Some(time) = origin.after {
                        fold.text_after(time);
                    }
                    in_order(order, pieces(position, bytes), |piece| match origin.kind {
                        LineKind::Record => fold_piece(piece, order, fold),
                        LineKind::Text if is_blank(piece.bytes) => {}
                        LineKind::Text => fold.text(piece),
                    });
                }
                Found::Damage(damage) => fold.damage(damage),
                Found::Notice(notice) => fold.notice(notice),
            }
        }
        self.fold.finish();
    }
}

/// Visits the items of an iterator in that order.
fn in_order<T>(order: ReadOrder, items: impl Iterator<Item = T>, visit: impl FnMut(T)) {
    match order {
        ReadOrder::Forward => items.for_each(visit),
        ReadOrder::Backward => items.collect::<Vec<_>>().into_iter().rev().for_each(visit),
    }
}

/// Splits whole lines into pieces without their newlines.
pub(super) fn pieces(start: Position, lines: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut from = 0;
    let ends = memchr::memchr_iter(b'\n', lines).zip(0..);
    ends.filter_map(move |(end, newlines)| {
        let position = start.after(from as u64, newlines);
        let bytes = lines.get(from..end)?;
        from = end + 1;
        Some(Line { position, bytes })
    })
}

/// Returns `true` if whole lines contain no damage.
pub(super) fn are_records(start: Position, lines: &[u8]) -> bool {
    pieces(start, lines).all(|piece| is_blank(piece.bytes) || piece.is_record())
}

/// Folds the items in a piece.
fn fold_piece(piece: Line<'_>, order: ReadOrder, fold: &mut impl Fold) {
    if let Some(raw) = RawRecord::at(piece.bytes) {
        fold.line(piece, &raw);
    } else if resembles_one_record(piece.bytes) {
        fold_line(piece, fold);
    } else if !is_blank(piece.bytes) {
        let found = found_in(piece.position, piece.bytes).into_iter().rev();
        in_order(order, found, |found| {
            let item = found.item(|range| piece.bytes.get(range).unwrap_or_default());
            item.fold(fold);
        });
    }
}

/// Folds the record of a line, or its damage.
pub(super) fn fold_line(line: Line<'_>, fold: &mut impl Fold) {
    if let Err(damage) = line.read_raw(|raw| fold.line(line, raw)) {
        fold.damage(damage);
    }
}

/// Number of bytes at which a batch is full: less than the lines that are taken at once, so that
/// a batch usually consists of one run of them, and little less, so that there are not many more
/// batches of small segments.
const BATCH_BYTES: usize = LINES_BYTES / 4 * 3;

/// Limits damage, which takes no bytes of a batch but memory.
const BATCH_ITEMS_MAX: usize = 4096;

/// Number of batches that one thread folds before it starts other threads, which takes less than a
/// millisecond: with less to read they are not worth it.
const BATCHES_ALONE: usize = 1;

/// Number of batches that each thread may be ahead: while the system suspends one thread for a few
/// milliseconds, the others have enough work. Each takes 256 KiB, and twice that where everything
/// is printed.
const BATCHES_PER_THREAD: usize = 4;
