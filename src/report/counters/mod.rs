//! Counters: counts in memory, without a line for each event, until a report contains the
//! difference since the last one. Names and values are texts of the program, so that nothing chosen
//! by a remote client can become one. When a report is due, and how it is recorded, is decided in
//! the parent module.
//!
//! A [`Counter`] is a handle on one series, so counting needs no lock and no lookup. The registry
//! of all series is locked only while a handle is created or a report is created. If the lock is
//! held for long, as it may be for ever in a forked child, a handle on the series `other` is
//! returned, and a report has no counts.
//!
//! Counts from before a withdrawal of consent are never reported. The recorder numbers the
//! withdrawals, and each series compares that number with the last one that it has seen before it
//! adds or is read; if they differ, it first discards its count. A fork is such a withdrawal for
//! the child: its parent reports the parent's counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::clock;
use crate::recorder::lock_until;
use crate::text::cut;

/// A label's name and value.
type Label = (&'static str, &'static str);

/// A handle on one series of a counter: its count is in the next report, or in the record of the
/// session's end if no report contained it.
///
/// Create it once with [`Telemetry::counter`](crate::Telemetry::counter) and keep it: creating one
/// takes a lock and finds the series by its name and labels, while adding is an atomic addition.
/// All handles of a series, clones too, add to the same count. A counter counts nothing while
/// telemetry is off, and the default one never does.
///
/// ```
/// use localtel::{Counter, Telemetry};
///
/// struct Server {
///     queries: Counter,
/// }
///
/// let telemetry = Telemetry::builder("myapp").open();
/// let server = Server { queries: telemetry.counter("queries", [("command", "find")]) };
/// server.queries.add(1);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is counted before `add`"]
pub struct Counter(Option<Arc<Series>>);

impl Counter {
    /// Adds to the counter, which wraps at 2⁶⁴. Does not lock, wait or allocate. In a process that
    /// was forked from the one that opened telemetry, counts from before its first record may be
    /// lost.
    pub fn add(&self, by: u64) {
        if let Some(series) = &self.0 {
            series.add(by);
        }
    }
}

/// All series of one handle of telemetry.
///
/// A counter has a name and labels; each combination of their values is a series. The order of the
/// labels makes no difference, of two with the same name the last one is used, and those after the
/// first 16 in the order of their names are left out. At most 1,000 series, of counters and errors
/// together, are distinguished; for each of the two, further ones are added to one series named
/// `other`. Counts wrap at 2⁶⁴.
#[derive(Debug)]
pub(crate) struct Counters {
    series: Mutex<BTreeMap<SeriesKey, Arc<Series>>>,
    other_counts: Arc<Series>,
    other_errors: Arc<Series>,
    consent: Arc<CountingConsent>,
}

/// The kind of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// A counter with a name from the application.
    Counter,
    /// Errors, by their code.
    Error,
}

/// The identity of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesKey {
    family: Family,
    name: &'static str,
    /// In the order of their names, each once.
    labels: Vec<Label>,
}

impl SeriesKey {
    fn new(family: Family, name: &'static str, labels: &[Label]) -> Self {
        let by_name: BTreeMap<_, _> = labels.iter().copied().collect();
        let labels = by_name.into_iter().take(LABELS_MAX).collect();
        Self {
            family,
            name,
            labels,
        }
    }
}

/// The recorder's state of consent, and the start of the counts of all series that it covers.
#[derive(Debug)]
struct CountingConsent {
    /// Whether anything is counted at present.
    is_open: Arc<AtomicBool>,
    /// Number of times that consent for existing counts was lost.
    withdrawals: Arc<AtomicU64>,
    /// The last withdrawal that `counted_since` takes into account.
    noted: AtomicU64,
    /// The start of the counts that are not yet reported, in microseconds after 1970.
    counted_since: AtomicI64,
}

impl CountingConsent {
    /// Sets the start of the counts to now, if that was not done yet for this withdrawal.
    fn note(&self, withdrawals: u64) {
        let now = clock::micros_since_epoch();
        if self.noted.load(Ordering::Acquire) < withdrawals {
            self.counted_since.store(now, Ordering::Release);
            self.noted.fetch_max(withdrawals, Ordering::AcqRel);
        }
    }
}

/// One series, from its first handle to the end of the process.
#[derive(Debug)]
struct Series {
    key: SeriesKey,
    consent: Arc<CountingConsent>,
    /// The sum of all counts.
    total: AtomicU64,
    /// The part of it that was reported or discarded. It follows the total and never overtakes it.
    settled: AtomicU64,
    /// The last withdrawal of consent for which the count was discarded.
    withdrawals_applied: AtomicU64,
}

impl Series {
    fn new(key: SeriesKey, consent: &Arc<CountingConsent>) -> Arc<Self> {
        Arc::new(Self {
            key,
            consent: Arc::clone(consent),
            total: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            withdrawals_applied: AtomicU64::new(consent.withdrawals.load(Ordering::Acquire)),
        })
    }

    fn add(&self, by: u64) {
        if self.consent.is_open.load(Ordering::Relaxed) {
            self.discard_withdrawn();
            // Released, so that a reader of this total also sees which withdrawal was applied
            // before it.
            self.total.fetch_add(by, Ordering::Release);
        }
    }

    /// Discards counts from before consent was last withdrawn.
    fn discard_withdrawn(&self) {
        let withdrawals = self.consent.withdrawals.load(Ordering::Acquire);
        if self.withdrawals_applied.load(Ordering::Acquire) != withdrawals {
            self.forget(withdrawals);
        }
    }

    #[cold]
    fn forget(&self, withdrawals: u64) {
        // Read before checking whether another thread has discarded meanwhile: if none has, nothing
        // in this total was counted after the withdrawal.
        let total = self.total.load(Ordering::Acquire);
        if self.withdrawals_applied.load(Ordering::Acquire) < withdrawals {
            self.consent.note(withdrawals);
            self.settle(total);
            self.withdrawals_applied
                .fetch_max(withdrawals, Ordering::AcqRel);
        }
    }

    /// Returns the total and the part of it that is not yet settled.
    fn unreported(&self) -> (u64, u64) {
        self.discard_withdrawn();
        // The settled part first: a total that is read after it is no smaller.
        let settled = self.settled.load(Ordering::Acquire);
        let total = self.total.load(Ordering::Acquire);
        (total, total.wrapping_sub(settled))
    }

    /// Advances the settled part to the total of a snapshot, and never back: a snapshot from before
    /// one that was settled already, or from before counts were discarded, is behind.
    fn settle(&self, total: u64) {
        let moved = |settled: u64| {
            let unreported = self.total.load(Ordering::Acquire).wrapping_sub(settled);
            // If it is behind, the difference wraps and is greater than any count.
            (total.wrapping_sub(settled) <= unreported).then_some(total)
        };
        let _is_behind = self
            .settled
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
    }
}

impl Counters {
    /// Returns counters without counts. They count while `is_open` is set, from this time on, in
    /// microseconds after 1970, and discard their counts whenever the number of withdrawals grows.
    pub(crate) fn new(
        is_open: Arc<AtomicBool>,
        withdrawals: Arc<AtomicU64>,
        since_micros: i64,
    ) -> Self {
        let consent = Arc::new(CountingConsent {
            noted: AtomicU64::new(withdrawals.load(Ordering::Acquire)),
            is_open,
            withdrawals,
            counted_since: AtomicI64::new(since_micros),
        });
        let other = |family| Series::new(SeriesKey::new(family, OTHER, &[]), &consent);
        Self {
            series: Mutex::default(),
            other_counts: other(Family::Counter),
            other_errors: other(Family::Error),
            consent,
        }
    }

    /// Returns a handle on the series of that name and these labels.
    pub(crate) fn counter(&self, family: Family, name: &'static str, labels: &[Label]) -> Counter {
        let other = match family {
            Family::Counter => &self.other_counts,
            Family::Error => &self.other_errors,
        };
        let key = SeriesKey::new(family, name, labels);
        let series = lock_until(&self.series, clock::deadline(LOCK_WAIT));
        let series = series.and_then(|mut series| {
            if series.len() >= SERIES_MAX {
                return series.get(&key).map(Arc::clone);
            }
            let made = series
                .entry(key)
                .or_insert_with_key(|key| Series::new(key.clone(), &self.consent));
            Some(Arc::clone(made))
        });
        Counter(Some(series.unwrap_or_else(|| Arc::clone(other))))
    }

    /// Locks the registry, for tests of what is done while it is locked.
    #[cfg(test)]
    pub(super) fn lock_registry(&self) -> impl Sized + use<'_> {
        self.series.lock()
    }

    /// Returns the counts since the last settled snapshot, and changes nothing. Returns nothing if
    /// the registry stays locked; all counts are then left to the next snapshot.
    pub(crate) fn unreported(&self) -> Option<Snapshot> {
        let registry = lock_until(&self.series, clock::deadline(LOCK_WAIT))?;
        let all = registry
            .values()
            .chain([&self.other_counts, &self.other_errors]);
        self.consent
            .note(self.consent.withdrawals.load(Ordering::Acquire));
        let since = self.consent.counted_since.load(Ordering::Acquire);
        // Earlier than the counts are read: counts between the two belong to the next period.
        let until = clock::micros_since_epoch();
        let share = |series: &Arc<Series>| {
            let (total, count) = series.unreported();
            (count > 0).then(|| SnapshotShare {
                series: Arc::clone(series),
                total,
                count,
            })
        };
        let shares = all.filter_map(share).collect();
        Some(Snapshot {
            shares,
            consent: Arc::clone(&self.consent),
            since,
            until,
        })
    }
}

/// The counts that were not yet reported at some moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    shares: Vec<SnapshotShare>,
    consent: Arc<CountingConsent>,
    /// The start of the counts, in microseconds after 1970.
    since: i64,
    /// The earliest end of the counts, likewise.
    until: i64,
}

/// The share of one series in a snapshot.
#[derive(Debug, Clone)]
struct SnapshotShare {
    series: Arc<Series>,
    /// The series' total when the snapshot was taken.
    total: u64,
    /// The part of it that was not settled; never 0.
    count: u64,
}

impl Snapshot {
    /// Returns `true` if there are no counts.
    pub(crate) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Returns the start of the counts, in microseconds after 1970.
    pub(crate) fn since_micros(&self) -> i64 {
        self.since
    }

    /// Marks it as recorded: later snapshots count from there. Settling one twice, or one that is
    /// older than one settled already, changes nothing. Two snapshots that are both recorded
    /// contain their common counts twice, so only one report may be created at a time.
    pub(crate) fn settle(&self) {
        for share in &self.shares {
            share.series.settle(share.total);
        }
        // If counts were discarded meanwhile, that was later.
        let _was_forgotten = self.consent.counted_since.compare_exchange(
            self.since,
            self.until,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }

    /// Returns the counters by name, each a list of its series with their labels and the `count`,
    /// in the order of their labels: `{"queries":[{"command":"find","result":"ok","count":12}]}`.
    /// Series without counts are left out. Texts of more than 128 bytes are cut. A label named
    /// `count` is renamed to `count_`, one named `count_` to `count__`, and so on.
    pub(crate) fn counters(&self) -> Value {
        let mut sums: BTreeMap<String, BTreeMap<Vec<(String, String)>, u64>> = BTreeMap::new();
        for (key, count) in self.of(Family::Counter) {
            let label = |(name, value): &Label| (label_name(name), short(value));
            let labels = key.labels.iter().map(label).collect();
            let sum = sums.entry(short(key.name)).or_default();
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

    /// Returns the number of errors of each code: `{"40001":3}`.
    pub(crate) fn errors(&self) -> Value {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for (key, count) in self.of(Family::Error) {
            add_up(sums.entry(short(key.name)).or_default(), count);
        }
        let counts = sums.into_iter().map(|(code, count)| (code, count.into()));
        Value::Object(counts.collect())
    }

    fn of(&self, family: Family) -> impl Iterator<Item = (&SeriesKey, u64)> {
        let shares = self.shares.iter();
        shares
            .map(|share| (&share.series.key, share.count))
            .filter(move |(key, _)| key.family == family)
    }
}

fn add_up(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

/// Returns a text as shown in a report.
fn short(text: &str) -> String {
    cut(text, TEXT_BYTES_MAX)
}

/// Returns the name of a label beside the count.
fn label_name(name: &str) -> String {
    let mut name = short(name);
    if name.trim_end_matches('_') == COUNT {
        name.push('_');
    }
    name
}

/// Number of series that are distinguished: ten times those of a server with a hundred commands,
/// and as lines of 60 bytes still a quarter of the longest line.
const SERIES_MAX: usize = 1_000;
/// Number of labels that distinguish series.
const LABELS_MAX: usize = 16;
/// The length to which a text of a series is cut.
const TEXT_BYTES_MAX: usize = 128;
/// The time to wait for the registry. It is locked for some microseconds at a time.
const LOCK_WAIT: Duration = Duration::from_millis(100);
/// The series for all others.
const OTHER: &str = "other";
/// The property with the count of a series.
const COUNT: &str = "count";

#[cfg(test)]
mod tests;
