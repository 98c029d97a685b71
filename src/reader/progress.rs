//! How far a long piece of work is, in bytes: counted by the code that reads or copies, and read
//! from another thread. Showing it is left to the caller. A reader counts the stored bytes of its
//! segments, once it reads the first one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::damage::Position;
use super::piece::Found;
use super::scan::ReadOrder;
use crate::store;
use crate::store::disk::Directory;
use crate::store::segment::SegmentNumber;

/// The number of bytes that are done, and of all that have to be done. Clones share one count.
///
/// # Examples
///
/// ```no_run
/// use localtel::read::{ByteProgress, Reader};
///
/// let progress = ByteProgress::default();
/// let path = "/home/me/.local/state/myapp/telemetry";
/// let mut reader = Reader::open(path.as_ref())?.with_progress(&progress);
/// for _record in reader.records() {
///     let counts = progress.counts(); // Or in another thread.
///     println!("{} of {} bytes", counts.done, counts.total);
/// }
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ByteProgress(Arc<Mutex<ByteCounts>>);

/// The bytes of a piece of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing else to count")]
pub struct ByteCounts {
    /// Number of bytes that are done.
    pub done: u64,
    /// Number of all bytes, as far as they are known.
    pub total: u64,
}

impl ByteProgress {
    /// Adds work that begins now. If all work before it is done, the count begins anew.
    pub fn expect(&self, bytes: u64) {
        let mut counts = self.lock();
        if counts.done >= counts.total {
            *counts = ByteCounts::default();
        }
        counts.total = counts.total.saturating_add(bytes);
    }

    /// Adds bytes that are done.
    pub fn add(&self, bytes: u64) {
        let mut counts = self.lock();
        counts.done = counts.done.saturating_add(bytes);
    }

    /// Returns the counts of this moment.
    pub fn counts(&self) -> ByteCounts {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, ByteCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a reader is in the segments of a directory.
#[derive(Debug)]
pub(super) struct SegmentProgress {
    progress: ByteProgress,
    order: ReadOrder,
    /// The segments, each with its size and that of all below it; known once one is read.
    ends: Option<Vec<(SegmentNumber, u64)>>,
    /// The last position that was counted.
    reached: Option<Position>,
    /// Number of bytes that were added as done.
    added: u64,
}

impl SegmentProgress {
    pub(super) fn new(progress: &ByteProgress, order: ReadOrder) -> Self {
        Self {
            progress: progress.clone(),
            order,
            ends: None,
            reached: None,
            added: 0,
        }
    }

    /// Adds the segments as work, unless they were added.
    pub(super) fn begin(&mut self, directory: &Directory) {
        if self.ends.is_none() {
            let ends = ends_in(directory);
            self.progress.expect(total(&ends));
            self.ends = Some(ends);
        }
    }

    /// Notes an item that is read next.
    pub(super) fn note(&mut self, directory: &Directory, found: &Found) {
        match found {
            Found::Line { position, .. } => self.reach(directory, *position),
            Found::Damage(damage) => self.reach(directory, damage.position),
            Found::Notice(_) => {}
        }
    }

    /// Notes that everything before this position, in the order of reading, is done. A position in
    /// a compressed segment counts as one in its stored bytes, of which there are fewer: it is
    /// exact at the ends of segments.
    pub(super) fn reach(&mut self, directory: &Directory, position: Position) {
        // Most items are a line, and a count for each of them is not needed.
        let is_near = |reached: Position| {
            reached.segment == position.segment && reached.byte.abs_diff(position.byte) < STEP_BYTES
        };
        if self.reached.is_some_and(is_near) {
            return;
        }
        self.reached = Some(position);
        self.begin(directory);
        let ends = self.ends.as_deref().unwrap_or_default();
        let below = bytes_below(ends, position);
        let done = match self.order {
            ReadOrder::Forward => below,
            ReadOrder::Backward => total(ends) - below,
        };
        self.progress.add(done.saturating_sub(self.added));
        self.added = done.max(self.added);
    }
}

/// What is not read any more is done.
impl Drop for SegmentProgress {
    fn drop(&mut self) {
        if let Some(ends) = &self.ends {
            self.progress.add(total(ends).saturating_sub(self.added));
        }
    }
}

/// Returns the segments that can be read now; none if the directory cannot be listed, which is
/// reported by reading it.
fn ends_in(directory: &Directory) -> Vec<(SegmentNumber, u64)> {
    let listed = store::list_where(directory, |facts| facts.is_regular).unwrap_or_default();
    let mut end: u64 = 0;
    let ends = listed.into_iter().map(|segment| {
        end = end.saturating_add(segment.bytes);
        (segment.number, end)
    });
    ends.collect()
}

fn total(ends: &[(SegmentNumber, u64)]) -> u64 {
    ends.last().map_or(0, |(_, end)| *end)
}

/// Returns the number of stored bytes before a position.
fn bytes_below(ends: &[(SegmentNumber, u64)], position: Position) -> u64 {
    let (below, from) =
        ends.split_at(ends.partition_point(|(number, _)| *number < position.segment));
    let start = total(below);
    match from.first() {
        Some((number, end)) if *number == position.segment => {
            start.saturating_add(position.byte).min(*end)
        }
        Some(_) | None => start,
    }
}

/// Number of bytes after which they are counted.
const STEP_BYTES: u64 = 64 * 1024;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]
mod tests {
    use super::*;
    use crate::error::Result;
    use crate::reader::{Damage, Fold, Line, Merged, Reader};
    use crate::record::raw::RawRecord;

    /// The number of records, as a fold.
    #[derive(Default)]
    struct RecordCount(usize);

    impl Fold for RecordCount {
        fn line(&mut self, _: Line<'_>, _: &RawRecord<'_>) {
            self.0 += 1;
        }

        fn damage(&mut self, damage: Damage) {
            panic!("{damage}");
        }

        fn merge(&mut self, later: &mut Self) {
            self.0 += std::mem::take(&mut later.0);
        }
    }

    fn counted(fold: impl FnOnce(&mut RecordCount, fn() -> RecordCount) -> Result<()>) -> usize {
        let mut whole = RecordCount::default();
        fold(&mut whole, RecordCount::default).unwrap();
        whole.0
    }

    fn number(number: u64) -> SegmentNumber {
        SegmentNumber::new(number).unwrap()
    }

    #[test]
    fn bytes_below_a_position_are_those_of_lower_segments_too() {
        let ends = [(number(3), 100), (number(4), 150), (number(6), 160)];
        for (segment, byte, expected) in [
            (2, 9, 0),
            (3, 0, 0),
            (3, 40, 40),
            (3, 400, 100),
            (4, 10, 110),
            (5, 10, 150),
            (6, 99, 160),
            (7, 0, 160),
        ] {
            let position = Position::new(number(segment), byte);
            assert_eq!(bytes_below(&ends, position), expected, "{position}");
        }
    }

    #[test]
    fn work_after_all_is_done_begins_a_new_count() {
        let progress = ByteProgress::default();
        progress.expect(10);
        progress.expect(20);
        progress.add(25);
        let counts = |done, total| ByteCounts { done, total };
        assert_eq!(progress.counts(), counts(25, 30));
        progress.add(5);
        progress.expect(7);
        assert_eq!(progress.counts(), counts(0, 7));
    }

    /// A directory of three segments of 300 KiB.
    fn three() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let text = "x".repeat(900);
        let line = |seq: u32| {
            format!(
                "{{\"timestamp\":\"2026-11-21T08:15:30.000000Z\",\"level\":\"INFO\",\"source\":\"s\",\"target\":\"t\",\"message\":\"{text}\",\"session\":\"01936f0e-0000-7000-8000-000000000000\",\"seq\":{seq}}}\n"
            )
        };
        for segment in 1..=3 {
            let lines: String = (0..300).map(line).collect();
            std::fs::write(home.path().join(number(segment).file_name()), lines).unwrap();
        }
        home
    }

    fn stored(home: &tempfile::TempDir) -> u64 {
        let files = std::fs::read_dir(home.path()).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum()
    }

    #[test]
    fn each_way_of_reading_counts_up_to_all_stored_bytes() {
        let home = three();
        let reader =
            |progress: &ByteProgress| Reader::open(home.path()).unwrap().with_progress(progress);
        let reverse = |progress: &ByteProgress| {
            Reader::reverse(home.path())
                .unwrap()
                .with_progress(progress)
        };
        let lines = |progress: &ByteProgress| reader(progress).records().count();
        let lines_back = |progress: &ByteProgress| reverse(progress).records().count();
        let folded = |progress: &ByteProgress| {
            let mut merged = Merged::new([reader(progress)]);
            counted(|whole, empty| merged.fold(whole, empty, |_| Ok(())))
        };
        let folded_back = |progress: &ByteProgress| {
            let mut merged = Merged::new([reverse(progress)]);
            counted(|whole, empty| merged.fold(whole, empty, |_| Ok(())))
        };
        let ways: [&dyn Fn(&ByteProgress) -> usize; 4] =
            [&lines, &lines_back, &folded, &folded_back];
        for (number, way) in ways.into_iter().enumerate() {
            let progress = ByteProgress::default();
            assert_eq!(way(&progress), 900, "{number}");
            let total = stored(&home);
            let all = ByteCounts { done: total, total };
            assert_eq!(progress.counts(), all, "{number}");
        }
    }

    #[test]
    fn a_reader_counts_what_it_has_passed_once_it_reads() {
        let home = three();
        let progress = ByteProgress::default();
        let mut reader = Reader::open(home.path()).unwrap().with_progress(&progress);
        assert_eq!(progress.counts(), ByteCounts::default());
        assert_eq!(reader.records().take(450).count(), 450);
        let ByteCounts { done, total } = progress.counts();
        assert_eq!(total, stored(&home));
        assert!(
            done <= total / 2 && done >= total / 2 - 2 * STEP_BYTES,
            "{done}"
        );
        drop(reader);
        assert_eq!(progress.counts().done, total);
    }
}
