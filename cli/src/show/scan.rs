//! Showing with several threads: one cuts batches of lines and writes what comes of them in order, the others
//! filter and render. Where damage stands, and what is said of it, is as if one thread did it all.

use std::collections::VecDeque;
use std::io::Write;
use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::unread::UnreadCounts;
use super::{LineFilter, OutputStop};
use localtel::Result;
use localtel::read::raw::{PrefixCache, Run};
use localtel::read::{Damage, Item, Notice, Position, Reader};

/// Items on their way to be filtered, and then what came of them.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    items: Vec<OwnedItem>,
    shown: Vec<u8>,
    matched: u64,
    unread: UnreadCounts,
}

/// An item that outlives the reader's next step.
#[derive(Debug)]
enum OwnedItem {
    /// Lines, of which this range of the batch's bytes are the bytes.
    Run(Position, Range<usize>),
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
    line_filter: &LineFilter,
    out: &mut dyn Write,
    unread: &mut UnreadCounts,
) -> std::result::Result<u64, OutputStop> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let window = cores * BATCHES_PER_THREAD;
    let (tasks, queue) = sync_channel::<Task>(window);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        // Moved in, so that the others end when this does, however it ends.
        let tasks = tasks;
        let start = |_: &usize| {
            let helper = thread::Builder::new().name("localtel-show".to_owned());
            let started = helper.spawn_scoped(scope, || help(&queue, line_filter));
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
                task.batch.filter(line_filter, &mut PrefixCache::default());
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

fn help(queue: &Mutex<Receiver<Task>>, line_filter: &LineFilter) {
    let mut prefixes = PrefixCache::default();
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Task { mut batch, done }) = task else {
            return;
        };
        batch.filter(line_filter, &mut prefixes);
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
            if let Some(run) = reader.next_run() {
                let range = self.keep(&[run.bytes()]);
                self.items.push(OwnedItem::Run(run.position(), range));
                continue;
            }
            let Some(item) = reader.next_item()? else {
                return Ok(Filled::ToTheEnd);
            };
            let kept = match item {
                Item::Line(line) => {
                    let range = self.keep(&[line.bytes(), b"\n"]);
                    OwnedItem::Run(line.position(), range)
                }
                Item::Damage(damage) => OwnedItem::Damage(damage),
                Item::Notice(notice) => OwnedItem::Notice(notice),
            };
            self.items.push(kept);
        }
        Ok(Filled::Whole)
    }

    /// Keeps bytes, and returns where they are.
    fn keep(&mut self, parts: &[&[u8]]) -> Range<usize> {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        start..self.bytes.len()
    }

    /// Renders what passes.
    fn filter(&mut self, line_filter: &LineFilter, prefixes: &mut PrefixCache) {
        self.shown.clear();
        self.matched = 0;
        self.unread = UnreadCounts::default();
        let (shown, unread) = (&mut self.shown, &mut self.unread);
        for item in self.items.drain(..) {
            match item {
                OwnedItem::Run(position, range) => {
                    let bytes = self.bytes.get(range).unwrap_or_default();
                    for piece in Run::new(position, bytes).pieces() {
                        // Writing to memory does not fail.
                        self.matched += line_filter
                            .take_piece(piece, prefixes, shown, unread)
                            .unwrap_or(0);
                    }
                }
                OwnedItem::Damage(damage) => unread.add(damage),
                OwnedItem::Notice(notice) => unread.note(notice),
            }
        }
    }
}

/// The size of a batch: large enough that handing it over costs nothing, small enough to stay in a cache.
const BATCH_BYTES: usize = 512 * 1024;

/// Damage takes no bytes of a batch, but memory.
const BATCH_ITEMS_MAX: usize = 4096;

/// How many batches each thread may be ahead: while the system lets one thread wait for a few milliseconds,
/// the others have enough to do. Each takes 512 KiB, and as much again where everything is shown.
const BATCHES_PER_THREAD: usize = 4;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::screen::{Colour, OutputKind};
    use crate::time::Zone;
    use crate::view::{Format, View};
    use localtel::read::raw::RawRecord;
    use localtel::read::{Filter, Record, SegmentNumber};

    /// What is shown, how much of it, and what is said of the rest.
    type Shown = (String, u64, String);

    fn told(shown: &[u8], matched: u64, unread: &UnreadCounts) -> Shown {
        let mut said = Vec::new();
        unread.tell(&mut said);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(shown), matched, text(&said))
    }

    /// Every line is parsed and written again, one after the other, and read then.
    fn slowly(mut reader: Reader, line_filter: &LineFilter) -> Shown {
        let (mut shown, mut matched, mut unread) = (Vec::new(), 0, UnreadCounts::default());
        while let Some(item) = reader.next_item().unwrap() {
            let Some(line) = unread.take(item) else {
                continue;
            };
            match line.record() {
                Ok(record) => {
                    let anew = serde_json::to_vec(&record).unwrap();
                    let raw = RawRecord::at(&anew).unwrap();
                    let is_shown = line_filter.show(line, &raw, &mut shown, &mut unread);
                    matched += u64::from(is_shown.unwrap());
                }
                Err(damage) => unread.add(damage),
            }
        }
        told(&shown, matched, &unread)
    }

    fn quickly(mut reader: Reader, line_filter: &LineFilter) -> Shown {
        let (mut shown, mut unread) = (Vec::new(), UnreadCounts::default());
        let matched = show(&mut reader, line_filter, &mut shown, &mut unread).unwrap();
        told(&shown, matched, &unread)
    }

    fn line(seq: usize) -> String {
        let level = ["INFO", "WARN", "ERROR"]
            .into_iter()
            .cycle()
            .nth(seq)
            .unwrap();
        let size = ["7", "\"1.10\"", "\"large\"", "true", "2.50"];
        let size = size.into_iter().cycle().nth(seq).unwrap();
        format!(
            r#"{{"timestamp":"2026-11-21T08:15:30.{seq:06}Z","level":"{level}","source":"s","target":"app::net","event":"command","message":"say \"hi\" \u001b","session":"01936f0e-0000-7000-8000-000000000000","seq":{seq},"properties":{{"n":{seq},"ratio":0.5,"a.b":"x","size":{size},"nested":{{"deep":[{seq}]}},"text":"\u00e4"}},"spans":[{{"name":"root","properties":{{"id":{}}}}},{{"name":"leaf"}}]}}"#,
            seq % 7,
        ) + "\n"
    }

    fn filters() -> Vec<Filter> {
        let with = |term: &str| Filter::new().term(term.parse().unwrap());
        vec![
            Filter::new(),
            Filter::new().levels("error".parse().unwrap()),
            Filter::new().event("command").target("app"),
            Filter::new().grep("hi").unwrap(),
            with("n>20"),
            with("n!=3"),
            with("id=3"),
            with("a.b=x"),
            with("nested.deep.0=5"),
            with("ratio<1"),
            with("text=ä"),
            with("message~hi"),
            with("absent!=1"),
            with("timestamp>=2026-11-21T08:15:30.000010Z"),
            with("size>1"),
            with("size>1").levels("error".parse().unwrap()),
            with("size=1.1"),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Whatever happened to the files, looking quickly tells what looking slowly does.
        #[test]
        fn quick_and_slow_reading_tell_the_same_of_any_damage(
            counts in proptest::collection::vec(0..60_usize, 1..4),
            blows in proptest::collection::vec((0..30_000_usize, 0..6_u8, 0..200_usize), 0..12),
            which in 0..17_usize,
            format in prop::sample::select(vec![Format::Json, Format::Short, Format::Pretty, Format::Csv]),
        ) {
            let home = tempfile::tempdir().unwrap();
            for (index, count) in counts.iter().enumerate() {
                let mut bytes: Vec<u8> = (0..*count).flat_map(|seq| line(seq).into_bytes()).collect();
                for (at, kind, length) in &blows {
                    let at = at % bytes.len().max(1);
                    let end = (at + length).min(bytes.len());
                    match kind {
                        0 => drop(bytes.drain(at..end)),
                        1 => bytes[at..end].fill(0),
                        2 => bytes[at..end].fill(b'x'),
                        3 => bytes[at..end].fill(0xff),
                        4 => bytes[at..end].fill(b'\n'),
                        _ => bytes.truncate(end),
                    }
                }
                // A gap between the segments, now and then.
                let number = index as u64 * (1 + u64::from(blows.len() > 9)) + 1;
                let name = SegmentNumber::new(number).unwrap().file_name();
                std::fs::write(home.path().join(name), bytes).unwrap();
            }
            let line_filter = LineFilter {
                view: View::new(format, Zone::UTC, OutputKind::Pipe, Colour::Off),
                filter: filters().swap_remove(which),
            };
            let open = || Reader::open(home.path()).unwrap();
            prop_assert_eq!(quickly(open(), &line_filter), slowly(open(), &line_filter));
        }
    }

    #[test]
    fn the_lines_of_this_test_are_taken_as_raw_records() {
        let line = line(1);
        let line = line.trim_end().as_bytes();
        assert!(Record::parse(line).is_ok());
        assert!(RawRecord::at(line).is_some());
    }

    #[test]
    fn what_several_threads_pass_over_is_counted_once() {
        let home = tempfile::tempdir().unwrap();
        let text: String = (0..20_000).map(line).collect();
        let name = SegmentNumber::FIRST.file_name();
        std::fs::write(home.path().join(name), text).unwrap();
        let line_filter = LineFilter {
            view: View::new(Format::Json, Zone::UTC, OutputKind::Pipe, Colour::Off),
            filter: Filter::new().term("size>1".parse().unwrap()),
        };
        let (_, matched, said) = quickly(Reader::open(home.path()).unwrap(), &line_filter);
        assert_eq!(matched, 12_000);
        assert_eq!(
            said,
            "passed over 8000 records in which `size` is not a number\n"
        );
    }

    #[test]
    fn more_lines_than_all_batches_hold_come_in_their_order() {
        let home = tempfile::tempdir().unwrap();
        let text: String = (0..20_000).map(line).collect();
        let name = SegmentNumber::FIRST.file_name();
        std::fs::write(home.path().join(name), &text).unwrap();
        let line_filter = LineFilter {
            view: View::new(Format::Json, Zone::UTC, OutputKind::Pipe, Colour::Off),
            filter: Filter::new(),
        };
        let (shown, matched, said) = quickly(Reader::open(home.path()).unwrap(), &line_filter);
        assert_eq!((matched, said.as_str()), (20_000, ""));
        assert!(shown == text);
    }
}
