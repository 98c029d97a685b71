//! Showing with several threads: one cuts batches of lines and writes what comes of them in order, the others
//! judge and render. Where damage stands, and what is said of it, is as if one thread did it all.

use std::collections::VecDeque;
use std::io::Write;
use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::unread::Unread;
use super::{Judge, Stop};
use crate::error::Result;
use crate::reader::{Damage, Item, Line, Notice, Position, Reader};

/// Items on their way to be judged, and then what came of them.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    items: Vec<Kept>,
    shown: Vec<u8>,
    matched: u64,
    unread: Unread,
}

/// An item that outlives the reader's next step.
#[derive(Debug)]
enum Kept {
    /// A line, of which this range of the batch's bytes are the bytes.
    Line(Position, Range<usize>),
    Damage(Damage),
    Notice(Notice),
}

/// A batch, and where to hand it back.
struct Task {
    batch: Batch,
    done: SyncSender<Batch>,
}

/// Shows every record that passes, from where the reader stands to its end; tells how many that were, and
/// adds what could not be read.
pub(super) fn show(
    reader: &mut Reader,
    judge: &Judge,
    out: &mut dyn Write,
    unread: &mut Unread,
) -> std::result::Result<u64, Stop> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let window = cores * BATCHES_PER_THREAD;
    let (tasks, queue) = sync_channel::<Task>(window);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        // Moved in, so that the others end when this does, however it ends.
        let tasks = tasks;
        let start = |_: &usize| {
            let helper = thread::Builder::new().name("localtel-show".to_owned());
            let started = helper.spawn_scoped(scope, || help(&queue, judge));
            started.is_ok()
        };
        let has_help = (0..cores).take_while(start).count() > 0;
        let mut under_way: VecDeque<Receiver<Batch>> = VecDeque::new();
        let mut spare: Vec<Batch> = Vec::new();
        let mut matched = 0;
        loop {
            let mut batch = spare.pop().unwrap_or_default();
            let is_last = batch.fill(reader)? == Filled::ToTheEnd;
            let (done, result) = sync_channel(1);
            let mut task = Task { batch, done };
            if !has_help {
                task.batch.judge(judge);
                let _handed_back = task.done.send(task.batch);
            } else if tasks.send(task).is_err() {
                // All of them panicked; the scope passes that on.
                return Ok(matched);
            }
            under_way.push_back(result);
            while is_last || under_way.len() >= window {
                let Some(result) = under_way.pop_front() else {
                    return Ok(matched);
                };
                let Ok(mut batch) = result.recv() else {
                    continue;
                };
                matched += batch.matched;
                unread.append(&mut batch.unread);
                out.write_all(&batch.shown)?;
                spare.push(batch);
            }
        }
    })
}

fn help(queue: &Mutex<Receiver<Task>>, judge: &Judge) {
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Task { mut batch, done }) = task else {
            return;
        };
        batch.judge(judge);
        let _handed_back = done.send(batch);
    }
}

/// How far a batch was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// There may be more to read.
    Whole,
    /// There is nothing more to read.
    ToTheEnd,
}

impl Batch {
    /// Takes the next items, some hundred lines of them.
    fn fill(&mut self, reader: &mut Reader) -> Result<Filled> {
        self.bytes.clear();
        self.items.clear();
        while self.bytes.len() < BATCH_BYTES && self.items.len() < BATCH_ITEMS_MAX {
            let Some(item) = reader.next_item()? else {
                return Ok(Filled::ToTheEnd);
            };
            self.items.push(match item {
                Item::Line(line) => {
                    let start = self.bytes.len();
                    self.bytes.extend_from_slice(line.bytes());
                    Kept::Line(line.position(), start..self.bytes.len())
                }
                Item::Damage(damage) => Kept::Damage(damage),
                Item::Notice(notice) => Kept::Notice(notice),
            });
        }
        Ok(Filled::Whole)
    }

    /// Renders what passes.
    fn judge(&mut self, judge: &Judge) {
        self.shown.clear();
        self.matched = 0;
        self.unread = Unread::default();
        for item in self.items.drain(..) {
            let item = match item {
                Kept::Line(position, range) => {
                    let bytes = self.bytes.get(range).unwrap_or_default();
                    Item::Line(Line::new(position, bytes))
                }
                Kept::Damage(damage) => Item::Damage(damage),
                Kept::Notice(notice) => Item::Notice(notice),
            };
            // Writing to memory does not fail.
            if judge
                .take(item, &mut self.shown, &mut self.unread)
                .unwrap_or(false)
            {
                self.matched += 1;
            }
        }
    }
}

/// The size of a batch: large enough that handing it over costs nothing, small enough to stay in a cache.
const BATCH_BYTES: usize = 256 * 1024;

/// Damage takes no bytes of a batch, but memory.
const BATCH_ITEMS_MAX: usize = 4096;

/// How many batches each thread may be ahead: one that it works on, one that waits, one that is written.
const BATCHES_PER_THREAD: usize = 3;
