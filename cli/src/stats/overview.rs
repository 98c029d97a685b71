//! The overview of the records: what is missing, when there were how many, what occurred most, what
//! failed, and how long it took. It is summed up from counts, and drawn elsewhere.

use serde::Serialize;

use super::super::reading::InputLabels;
use super::super::time::Zone;
use super::commands::{ShowCommands, equality};
use super::counts::{InputCounts, OverviewCounts};
use super::group_key::{KeyKind, parts_of_key};
use super::numbers::Quantiles;
use super::period::{ClockPeriod, PeriodStart};
use super::recorders::{ApplicationRow, HostRow, applications, hosts};
use localtel::Level;
use localtel::read::tally::{
    Distribution, Group, Groups, LevelCounts, SessionEnding, SessionList, Timeline, VersionSessions,
};
use localtel::read::{Losses, Timestamp};

/// The overview.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    pub(super) records: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) levels: LevelRow,
    pub(super) missing: Missing,
    pub(super) applications: Vec<ApplicationRow>,
    /// The machines that recorded, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hosts: Option<RowsOf<HostRow>>,
    pub(super) over_time: Option<TimeRows>,
    pub(super) events: RowsOf<EventRow>,
    pub(super) errors: RowsOf<ErrorRow>,
    pub(super) durations: RowsOf<DurationRow>,
    pub(super) sessions: SessionRow,
    pub(super) versions: Vec<VersionSessions>,
    pub(super) storage: Vec<StorageRow>,
    /// The command that lists all of the records.
    pub(super) show: String,
}

/// What the numbers do not contain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Missing {
    /// Events for which there was no room.
    pub(super) dropped: u64,
    /// Events that consent or policy did not allow.
    pub(super) refused: u64,
    /// Events that were lost through an error.
    pub(super) failed: u64,
    /// Lines that cannot be read.
    pub(super) unreadable: u64,
    /// Segments, or runs of them, that are missing or cannot be read.
    pub(super) gaps: u64,
}

/// The sessions, by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct SessionRow {
    pub(super) count: u64,
    pub(super) orderly: u64,
    pub(super) running: u64,
    pub(super) withdrawn: u64,
    pub(super) without_end: u64,
    /// The median length of those that are over.
    pub(super) median_seconds: Option<f64>,
    /// Whether there are more than were counted.
    pub(super) is_cut_short: bool,
}

/// How much an application stores, and its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct StorageRow {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) total_bytes_max: u64,
    pub(super) age_seconds_max: u64,
}

/// Number of records of each level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct LevelRow {
    pub(super) error: u64,
    pub(super) warn: u64,
    pub(super) info: u64,
    pub(super) debug: u64,
    pub(super) trace: u64,
}

impl LevelRow {
    fn of(counts: &LevelCounts) -> Self {
        Self {
            error: counts.of(Level::Error),
            warn: counts.of(Level::Warn),
            info: counts.of(Level::Info),
            debug: counts.of(Level::Debug),
            trace: counts.of(Level::Trace),
        }
    }

    /// Returns the number of all records.
    pub(super) fn total(self) -> u64 {
        self.error + self.warn + self.others()
    }

    /// Returns the number of records that are neither errors nor warnings.
    pub(super) fn others(self) -> u64 {
        self.info + self.debug + self.trace
    }
}

/// The first rows of a table.
#[derive(Debug, Serialize)]
pub(super) struct RowsOf<T> {
    pub(super) rows: Vec<T>,
    /// Number of rows that are left out.
    pub(super) more_rows: usize,
    /// Number of records with too many different names to count each.
    pub(super) uncounted_records: u64,
}

/// The records of an event or, without one, of a target.
#[derive(Debug, Serialize)]
pub(super) struct EventRow {
    pub(super) application: String,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) records: u64,
    pub(super) errors: u64,
    pub(super) last: Timestamp,
    /// The command that lists them.
    pub(super) show: String,
}

/// The errors with one message.
#[derive(Debug, Serialize)]
pub(super) struct ErrorRow {
    pub(super) application: String,
    pub(super) message: String,
    pub(super) records: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// The place of the last one.
    pub(super) example: String,
    pub(super) show: String,
}

/// The durations of a command, a span or an event.
#[derive(Debug, Serialize)]
pub(super) struct DurationRow {
    pub(super) application: String,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) records: u64,
    pub(super) errors: u64,
    pub(super) milliseconds: Quantiles,
    /// The place of the longest one.
    pub(super) example: String,
    pub(super) show: String,
}

/// The numbers of records over time, without gaps between the buckets.
#[derive(Debug, Serialize)]
pub(super) struct TimeRows {
    /// The length of a bucket: `hour`, `15 minutes`.
    pub(super) bucket: String,
    pub(super) bucket_seconds: i64,
    pub(super) buckets: Vec<TimeRow>,
}

/// The records of a bucket of time.
#[derive(Debug, Serialize)]
pub(super) struct TimeRow {
    #[serde(skip)]
    pub(super) start: PeriodStart,
    #[serde(rename = "start")]
    pub(super) stamp: String,
    #[serde(flatten)]
    pub(super) levels: LevelRow,
}

/// What summing up needs besides the counts.
pub(super) struct SummingUp<'a> {
    pub(super) labels: &'a InputLabels,
    pub(super) zone: Zone,
    pub(super) commands: &'a ShowCommands,
    /// The most rows of each table.
    pub(super) rows_max: usize,
    /// The most buckets of the histogram.
    pub(super) buckets_max: i64,
    pub(super) storage: &'a [StorageRow],
}

impl Overview {
    /// Sums up the counts.
    pub(super) fn new(
        counts: OverviewCounts,
        inputs: &[InputCounts],
        sessions: &SessionList,
        facts: &SummingUp<'_>,
    ) -> Self {
        let mut levels = LevelCounts::default();
        let mut times: Option<(Timestamp, Timestamp)> = None;
        for input in inputs {
            levels.merge(&input.levels);
            times = match (times, input.times) {
                (Some((first, last)), Some((earliest, latest))) => {
                    Some((first.min(earliest), last.max(latest)))
                }
                (known, found) => known.or(found),
            };
        }
        Self {
            records: levels.total(),
            first: times.map(|(first, _)| first),
            last: times.map(|(_, last)| last),
            levels: LevelRow::of(&levels),
            missing: Missing::of(inputs, sessions.losses()),
            applications: applications(inputs, sessions, facts.labels),
            hosts: host_rows(inputs, sessions, facts),
            over_time: times.map(|times| TimeRows::new(&counts.timeline, times, facts)),
            events: events(counts.events, facts),
            errors: errors(counts.errors, facts),
            durations: durations(counts.durations, facts),
            sessions: SessionRow::of(sessions),
            versions: sessions.versions().to_vec(),
            storage: facts.storage.to_vec(),
            show: facts.commands.with([]),
        }
    }
}

impl Overview {
    /// Returns the machines, if there are several.
    pub(super) fn several_hosts(&self) -> Option<&RowsOf<HostRow>> {
        let hosts = self.hosts.as_ref();
        hosts.filter(|hosts| hosts.rows.len() + hosts.more_rows > 1)
    }
}

impl Missing {
    fn of(inputs: &[InputCounts], losses: Losses) -> Self {
        Self {
            dropped: losses.dropped,
            refused: losses.refused,
            failed: losses.failed,
            unreadable: inputs.iter().map(|input| input.unreadable).sum(),
            gaps: inputs.iter().map(|input| input.gaps).sum(),
        }
    }
}

impl Missing {
    /// Returns the number of events that were not kept.
    pub(super) fn lost(self) -> u64 {
        self.dropped + self.refused + self.failed
    }
}

impl SessionRow {
    fn of(sessions: &SessionList) -> Self {
        let counts = sessions.counts();
        let all = sessions.sessions().iter();
        let withdrawn = all.filter(|session| session.ending == SessionEnding::Withdrawn);
        let withdrawn = withdrawn.count() as u64;
        let mut lengths = Distribution::default();
        for length in sessions.lengths() {
            lengths.add(length.as_secs_f64());
        }
        let [median_seconds] = lengths.quantiles([0.5]);
        Self {
            count: counts.count,
            orderly: counts.count - counts.running - counts.without_end - withdrawn,
            running: counts.running,
            withdrawn,
            without_end: counts.without_end,
            median_seconds,
            is_cut_short: counts.is_cut_short,
        }
    }
}

/// Returns the machines with the most errors, where machines are known.
fn host_rows(
    inputs: &[InputCounts],
    sessions: &SessionList,
    facts: &SummingUp<'_>,
) -> Option<RowsOf<HostRow>> {
    let mut sums = hosts(inputs, sessions, facts.labels);
    if sums.is_empty() {
        return None;
    }
    let more_rows = sums.len().saturating_sub(facts.rows_max);
    sums.truncate(facts.rows_max);
    let rows = sums.into_iter().map(|(host, sums)| HostRow {
        show: facts.commands.with([facts.commands.equality("host", host)]),
        host: host.to_owned(),
        sums,
    });
    Some(RowsOf {
        rows: rows.collect(),
        more_rows,
        uncounted_records: 0,
    })
}

/// Returns the first rows of groups in that order, the greatest first; equal ones by their name.
fn rows_of<T, O: PartialOrd>(
    groups: Groups,
    facts: &SummingUp<'_>,
    order: impl Fn(&mut Group) -> O,
    row: impl Fn((KeyKind, String, String), Group) -> T,
) -> RowsOf<T> {
    let uncounted_records = groups.others();
    let mut groups: Vec<_> = groups
        .into_groups()
        .into_iter()
        .map(|(key, mut group)| (order(&mut group), key, group))
        .collect();
    groups.sort_by(|(one, key, _), (other, other_key, _)| {
        let order = other.partial_cmp(one).unwrap_or(std::cmp::Ordering::Equal);
        order.then_with(|| key.cmp(other_key))
    });
    let more_rows = groups.len().saturating_sub(facts.rows_max);
    groups.truncate(facts.rows_max);
    let rows = groups
        .into_iter()
        .map(|(_, key, group)| row(parts_of_key(&key), group));
    RowsOf {
        rows: rows.collect(),
        more_rows,
        uncounted_records,
    }
}

/// Returns the words that select the records of a name. They are conditions, which all must hold
/// beside those that were typed.
fn words_for(kind: KeyKind, name: &str) -> Vec<String> {
    match kind {
        KeyKind::Event => vec![equality("event", name)],
        KeyKind::Target => vec![equality("target", name), "--lacks event".to_owned()],
        KeyKind::Command => vec!["event=command".to_owned(), equality("command", name)],
        KeyKind::Span => vec!["event=span".to_owned(), equality("message", name)],
        KeyKind::Message => vec!["level=error".to_owned(), equality("message", name)],
        KeyKind::ErrorEvent => vec![
            "level=error".to_owned(),
            equality("event", name),
            "--lacks message".to_owned(),
        ],
    }
}

impl KeyKind {
    /// Returns the word for it in documents.
    fn word(self) -> &'static str {
        match self {
            Self::Event | Self::ErrorEvent => "event",
            Self::Target => "target",
            Self::Command => "command",
            Self::Span => "span",
            Self::Message => "message",
        }
    }
}

fn events(groups: Groups, facts: &SummingUp<'_>) -> RowsOf<EventRow> {
    rows_of(
        groups,
        facts,
        |group| group.records(),
        |(kind, application, name), group| EventRow {
            kind: kind.word(),
            records: group.records(),
            errors: group.errors(),
            last: group.last(),
            show: facts.commands.with(words_for(kind, &name)),
            application,
            name,
        },
    )
}

fn errors(groups: Groups, facts: &SummingUp<'_>) -> RowsOf<ErrorRow> {
    rows_of(
        groups,
        facts,
        |group| group.records(),
        |(kind, application, message), group| {
            let place = group.example();
            ErrorRow {
                records: group.records(),
                first: group.first(),
                last: group.last(),
                example: facts.labels.place(place.input, place.position),
                show: facts.commands.with(words_for(kind, &message)),
                application,
                message,
            }
        },
    )
}

fn durations(groups: Groups, facts: &SummingUp<'_>) -> RowsOf<DurationRow> {
    let slowest = |group: &mut Group| {
        let [p95] = group.numbers_mut().quantiles([0.95]);
        p95.unwrap_or(f64::NEG_INFINITY)
    };
    rows_of(
        groups,
        facts,
        slowest,
        |(kind, application, name), mut group| {
            let place = group.example();
            DurationRow {
                kind: kind.word(),
                records: group.records(),
                errors: group.errors(),
                milliseconds: Quantiles::of(group.numbers_mut()),
                example: facts.labels.place(place.input, place.position),
                show: facts.commands.with(
                    words_for(kind, &name)
                        .into_iter()
                        .chain(["--has duration".to_owned()]),
                ),
                application,
                name,
            }
        },
    )
}

impl TimeRows {
    fn new(
        timeline: &Timeline,
        (first, last): (Timestamp, Timestamp),
        facts: &SummingUp<'_>,
    ) -> Self {
        let seconds = |time: Timestamp| time.unix_micros().div_euclid(1_000_000);
        let (first, last) = (seconds(first), seconds(last));
        let counted = timeline.bucket_seconds();
        let period = ClockPeriod::for_range(last - first, facts.buckets_max, counted);
        let zone = facts.zone;
        let mut buckets: Vec<TimeRow> = Vec::new();
        let mut add = |start: PeriodStart, counts: Option<&LevelCounts>| {
            if buckets.last().is_none_or(|bucket| bucket.start < start) {
                buckets.push(TimeRow {
                    start,
                    stamp: start.stamp(zone),
                    levels: LevelRow::default(),
                });
            }
            if let (Some(counts), Some(bucket)) = (counts, buckets.last_mut()) {
                bucket.levels.add(&LevelRow::of(counts));
            }
        };
        let mut next: Option<PeriodStart> = None;
        for bucket in timeline.buckets() {
            let start = period.start_of(bucket.start, zone);
            // Periods without a record.
            while let Some(empty) = next.filter(|next| *next < start) {
                add(empty, None);
                next = Some(period.next(empty, zone));
            }
            add(start, Some(&bucket.counts));
            next = Some(period.next(start, zone));
        }
        Self {
            bucket: period.name(),
            bucket_seconds: period.seconds(),
            buckets,
        }
    }
}

impl LevelRow {
    fn add(&mut self, other: &Self) {
        self.error += other.error;
        self.warn += other.warn;
        self.info += other.info;
        self.debug += other.debug;
        self.trace += other.trace;
    }
}
