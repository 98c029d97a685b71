//! Counters: what adds up in memory, without a line for each event, until a report takes what was added
//! since the last one. Names and values are texts of the program, so that nothing a remote client chose can
//! become one. When a report is due, and how it is recorded, is the parent's business.
//!
//! Nothing here takes a lock or waits. A thread finds a series that it has met before in a cache of its own,
//! by the addresses of its texts, and adds to it atomically; otherwise it finds it by content in a table whose
//! places are each filled once, by whoever claims it first. A thread that is gone, as all others are in a
//! forked child, can leave a place claimed and empty; it is passed over.
//!
//! A forked child has a copy of what its parent has counted and not yet reported. It has to
//! [forget](Counters::forget) that, or both would report it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

/// A name of what is counted apart, and its value.
type Label = (&'static str, &'static str);

/// What the handle of an application counts.
///
/// A counter has a name and labels; each combination of their values is a series. The order of the labels
/// makes no difference, of two with the same name the last one counts, and beyond 16 in the order of their
/// names they are left out. At most 1,000 series, of counters and errors together, are told apart; what is
/// beyond adds up in one series named `other`, for each of the two. Counts wrap at 2⁶⁴.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Tells these counters' series from those of other handles in a thread's cache.
    id: CountersId,
    /// A table of open addressing; a series stays at its place for good.
    places: Box<[Place]>,
    /// How many series were made, to keep the table half empty.
    series_made: AtomicUsize,
    other_counts: Arc<Series>,
    other_errors: Arc<Series>,
}

/// The number of a handle's counters, never used twice in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CountersId(u64);

impl CountersId {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// Whatever the application names.
    Counter,
    /// Errors, by their code.
    Error,
}

/// What tells a series from others, whatever the addresses of its texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    kind: Kind,
    name: &'static str,
    /// In the order of their names, each once.
    labels: Vec<Label>,
}

impl Key {
    fn new(kind: Kind, name: &'static str, labels: &[Label]) -> Self {
        let by_name: BTreeMap<_, _> = labels.iter().copied().collect();
        let labels = by_name.into_iter().take(LABELS_MAX).collect();
        Self { kind, name, labels }
    }
}

/// One series, from its first count to the end of the process.
#[derive(Debug)]
struct Series {
    key: Key,
    /// All that was ever counted.
    total: AtomicU64,
    /// How much of it was reported or forgotten. It follows the total and never overtakes it.
    settled: AtomicU64,
}

impl Series {
    fn new(key: Key) -> Arc<Self> {
        Arc::new(Self {
            key,
            total: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        })
    }

    fn add(&self, by: u64) {
        self.total.fetch_add(by, Ordering::Relaxed);
    }

    /// Returns the total and how much of it is not yet settled.
    fn unreported(&self) -> (u64, u64) {
        // Settled first: a total that is read after it is no smaller.
        let settled = self.settled.load(Ordering::Acquire);
        let total = self.total.load(Ordering::Relaxed);
        (total, total.wrapping_sub(settled))
    }

    /// Moves what is settled up to the total of a snapshot, and never back: a snapshot from before one that
    /// was settled already, or from before everything was forgotten, lies behind.
    fn settle(&self, total: u64) {
        let moved = |settled: u64| {
            let unreported = self.total.load(Ordering::Relaxed).wrapping_sub(settled);
            // Behind, the difference wraps and is greater than anything that was counted.
            (total.wrapping_sub(settled) <= unreported).then_some(total)
        };
        let _is_behind = self
            .settled
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
    }

    fn forget(&self) {
        let moved = |_| Some(self.total.load(Ordering::Relaxed));
        let _is_always_moved =
            self.settled
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
    }
}

/// A place for one series, which is filled by whoever claims it, and for which nobody waits.
#[derive(Debug, Default)]
struct Place {
    is_claimed: AtomicBool,
    /// INVARIANT: set only by the thread that claimed the place, so that setting it never waits.
    series: OnceLock<Arc<Series>>,
}

impl Place {
    /// Returns what is there, which is for all that can be known nothing while somebody is filling it.
    fn series(&self) -> Option<&Arc<Series>> {
        let mut looks_left = LOOKS_MAX;
        loop {
            let series = self.series.get();
            let is_being_filled = series.is_none() && self.is_claimed.load(Ordering::Acquire);
            if !is_being_filled || looks_left == 0 {
                return series;
            }
            looks_left -= 1;
            std::hint::spin_loop();
        }
    }

    /// Claims it, and tells whether nobody had.
    fn claim(&self) -> bool {
        !self.is_claimed.swap(true, Ordering::AcqRel)
    }
}

impl Counters {
    /// Returns counters of which none has counted anything.
    pub(crate) fn new() -> Self {
        let other = |kind| Series::new(Key::new(kind, OTHER, &[]));
        Self {
            id: CountersId::new(),
            places: (0..PLACES).map(|_| Place::default()).collect(),
            series_made: AtomicUsize::new(0),
            other_counts: other(Kind::Counter),
            other_errors: other(Kind::Error),
        }
    }

    /// Adds to a counter. Whatever it costs the first time in a thread, after that it is a look into a cache
    /// of the thread and an atomic addition.
    pub(crate) fn add<const N: usize>(
        &self,
        name: &'static str,
        labels: [(&'static str, &'static str); N],
        by: u64,
    ) {
        self.add_to(Kind::Counter, name, &labels, by);
    }

    /// Counts an error of that code.
    pub(crate) fn add_error(&self, code: &'static str) {
        self.add_to(Kind::Error, code, &[], 1);
    }

    fn add_to(&self, kind: Kind, name: &'static str, labels: &[Label], by: u64) {
        let in_cache = KNOWN.try_with(|known| {
            // Taken while this thread counts already: an allocator may count.
            let Ok(mut known) = known.try_borrow_mut() else {
                return false;
            };
            known.add(self, (kind, name, labels), by);
            true
        });
        // In a thread whose storage is gone there is no cache.
        if in_cache != Ok(true) {
            self.series(&Key::new(kind, name, labels)).add(by);
        }
    }

    /// Finds a series by its content, and makes it if there is none and room for it. Two threads that make
    /// the same one at the same moment may make two, which add up in what is reported.
    fn series(&self, key: &Key) -> &Arc<Series> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let start = usize::try_from(hasher.finish() % PLACES as u64).unwrap_or(0);
        let (before, from) = self.places.split_at(start);
        for place in from.iter().chain(before) {
            if place.series().is_none() && self.make_room() {
                if place.claim() {
                    return place.series.get_or_init(|| Series::new(key.clone()));
                }
                self.series_made.fetch_sub(1, Ordering::Relaxed);
            }
            match place.series() {
                Some(series) if series.key == *key => return series,
                Some(_) => {}
                None if place.is_claimed.load(Ordering::Acquire) => {}
                None => break,
            }
        }
        match key.kind {
            Kind::Counter => &self.other_counts,
            Kind::Error => &self.other_errors,
        }
    }

    /// Counts one more series, if there may be one.
    fn make_room(&self) -> bool {
        let made = self.series_made.fetch_add(1, Ordering::Relaxed);
        if made >= SERIES_MAX {
            self.series_made.fetch_sub(1, Ordering::Relaxed);
        }
        made < SERIES_MAX
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Series>> {
        let made = self.places.iter().filter_map(|place| place.series.get());
        made.chain([&self.other_counts, &self.other_errors])
    }

    /// Returns what was counted since the last settled snapshot, and changes nothing.
    pub(crate) fn unreported(&self) -> Snapshot {
        let share = |series: &Arc<Series>| {
            let (total, count) = series.unreported();
            (count > 0).then(|| Share {
                series: Arc::clone(series),
                total,
                count,
            })
        };
        Snapshot {
            counters: self.id,
            shares: self.all().filter_map(share).collect(),
        }
    }

    /// Declares a snapshot recorded: later snapshots count from there. Settling one twice, or one that is
    /// older than one settled already, changes nothing. Who takes two snapshots, records both and settles
    /// both has recorded twice what is in both; whoever reports has to be one at a time. A snapshot of other
    /// counters is none of ours.
    pub(crate) fn settle(&self, snapshot: &Snapshot) {
        if snapshot.counters == self.id {
            for share in &snapshot.shares {
                share.series.settle(share.total);
            }
        }
    }

    /// Forgets what was counted and not yet reported: consent was withdrawn, or this process was forked
    /// from the one that counted it. Snapshots taken before can no longer be settled.
    pub(crate) fn forget(&self) {
        self.all().for_each(|series| series.forget());
    }
}

/// What was counted and not yet reported at some moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    counters: CountersId,
    shares: Vec<Share>,
}

/// The share of one series in a snapshot.
#[derive(Debug, Clone)]
struct Share {
    series: Arc<Series>,
    /// The series' total when the snapshot was taken.
    total: u64,
    /// What of it was not settled; never 0.
    count: u64,
}

impl Snapshot {
    /// Returns `true` if nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Returns the counters by name, each a list of its series with their labels and the `count`, in the order
    /// of their labels: `{"queries":[{"command":"find","result":"ok","count":12}]}`. What counted nothing is
    /// left out. Texts of more than 128 bytes are cut. A label named `count` is called `count_`, one named
    /// `count_` is called `count__`, and so on.
    pub(crate) fn counters(&self) -> Value {
        let mut sums: BTreeMap<String, BTreeMap<Vec<(String, String)>, u64>> = BTreeMap::new();
        for (key, count) in self.of(Kind::Counter) {
            let label = |(name, value): &Label| (label_name(name), cut(value));
            let labels = key.labels.iter().map(label).collect();
            let sum = sums.entry(cut(key.name)).or_default();
            add_up(sum.entry(labels).or_default(), count);
        }
        let object = |(labels, count): (Vec<(String, String)>, u64)| {
            let labels = labels.into_iter();
            let labels = labels.map(|(name, value)| (name, Value::from(value)));
            let count = (COUNT.to_owned(), Value::from(count));
            Value::Object(labels.chain([count]).collect())
        };
        let list = |sum: BTreeMap<_, _>| sum.into_iter().map(object).collect();
        let named = sums.into_iter().map(|(name, sum)| (name, list(sum)));
        Value::Object(named.collect())
    }

    /// Returns how many errors there were of each code: `{"40001":3}`.
    pub(crate) fn errors(&self) -> Value {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for (key, count) in self.of(Kind::Error) {
            add_up(sums.entry(cut(key.name)).or_default(), count);
        }
        let sums = sums.into_iter();
        Value::Object(
            sums.map(|(code, count)| (code, Value::from(count)))
                .collect::<Map<_, _>>(),
        )
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = (&Key, u64)> {
        let shares = self.shares.iter();
        shares
            .map(|share| (&share.series.key, share.count))
            .filter(move |(key, _)| key.kind == kind)
    }
}

fn add_up(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

/// Cuts a text to its bound, at a character.
fn cut(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    short.truncate(text.floor_char_boundary(TEXT_BYTES_MAX - CUT.len()));
    short.push_str(CUT);
    short
}

/// Returns what a label is called beside the count.
fn label_name(name: &str) -> String {
    let mut name = cut(name);
    if name.trim_end_matches('_') == COUNT {
        name.push('_');
    }
    name
}

/// The series that a thread has met lately: sets of places, in each the newest first.
#[derive(Debug, Default)]
struct Known(Vec<Option<KnownSeries>>);

/// A series that a thread has met, and by which texts, at which addresses.
#[derive(Debug)]
struct KnownSeries {
    counters: CountersId,
    kind: Kind,
    name: &'static str,
    labels: Box<[Label]>,
    series: Arc<Series>,
}

impl KnownSeries {
    /// Returns `true` if it is the one of these very texts. They are never freed and never change, so the same
    /// address and length is the same text.
    fn is(&self, counters: CountersId, kind: Kind, name: &'static str, labels: &[Label]) -> bool {
        let is_same = |one: &Label, other: &Label| {
            std::ptr::eq(one.0, other.0) && std::ptr::eq(one.1, other.1)
        };
        self.counters == counters
            && self.kind == kind
            && std::ptr::eq(self.name, name)
            && self.labels.len() == labels.len()
            && self
                .labels
                .iter()
                .zip(labels)
                .all(|(one, other)| is_same(one, other))
    }
}

impl Known {
    fn add(
        &mut self,
        counters: &Counters,
        (kind, name, labels): (Kind, &'static str, &[Label]),
        by: u64,
    ) {
        if self.0.is_empty() {
            self.0.resize_with(KNOWN_SETS * KNOWN_IN_SET, || None);
        }
        let set = set_of(name, labels);
        let Some(set) = self.0.chunks_exact_mut(KNOWN_IN_SET).nth(set) else {
            unreachable!("a remainder is below its divisor")
        };
        let found = set
            .iter()
            .flatten()
            .find(|known| known.is(counters.id, kind, name, labels));
        if let Some(known) = found {
            known.series.add(by);
            return;
        }
        let series = counters.series(&Key::new(kind, name, labels));
        series.add(by);
        set.rotate_right(1);
        if let Some(newest) = set.first_mut() {
            *newest = Some(KnownSeries {
                counters: counters.id,
                kind,
                name,
                labels: labels.into(),
                series: Arc::clone(series),
            });
        }
    }
}

/// Returns the set for texts at these addresses.
fn set_of(name: &'static str, labels: &[Label]) -> usize {
    let mix = |hash: usize, text: &'static str| {
        (hash.rotate_left(5) ^ text.as_ptr().addr()).wrapping_mul(HASH_FACTOR)
    };
    let hash = labels.iter().fold(mix(0, name), |hash, (name, value)| {
        mix(mix(hash, name), value)
    });
    // A product's upper half is the better mixed one.
    (hash >> (usize::BITS / 2)) % KNOWN_SETS
}

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(Known(Vec::new())) };
}

/// How many series are told apart: ten times those of a server with a hundred commands, and as lines of 60
/// bytes still a quarter of the longest line.
const SERIES_MAX: usize = 1_000;
/// How many places there are for them: at most half are taken, so that a series is found within a few. Of 24
/// bytes each they take 48 KiB.
const PLACES: usize = 2_048;
/// How many labels tell series apart.
const LABELS_MAX: usize = 16;
/// How long a text of a series is shown.
const TEXT_BYTES_MAX: usize = 128;
/// How often a place that is being filled is looked at again: for well under a microsecond, and filling takes
/// some nanoseconds.
const LOOKS_MAX: usize = 100;
/// How many series a thread remembers: 32 × 4 × 56 bytes = 7 KiB, and 32 for the texts of each label.
const KNOWN_SETS: usize = 32;
/// How many of them share a set: of 30 series three in a thousand find their set full, of 60 three in a hundred.
const KNOWN_IN_SET: usize = 4;
/// The golden ratio in 32 bits, odd: it spreads neighbouring addresses, on any width.
const HASH_FACTOR: usize = 0x9e37_79b1;
/// Where what finds no place of its own adds up.
const OTHER: &str = "other";
/// The property with the count of a series.
const COUNT: &str = "count";
/// What ends a text that was cut.
const CUT: &str = "…";

#[cfg(test)]
mod tests;
