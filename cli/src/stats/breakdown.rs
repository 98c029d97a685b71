//! Counts by keys and time as the rows of a table, and the values of one key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::super::columns::Columns;
use super::args::BreakdownKeys;
use super::counts::{BreakdownCounts, FieldCounts, ValueKind};
use super::group_key::{SEPARATOR, parts_of_values};
use super::numbers::Quantiles;
use super::overview::SummingUp;
use super::period::{ClockPeriod, PeriodStart};
use localtel::admin::ShellWord;
use localtel::read::Timestamp;
use localtel::read::tally::Group;

/// Counts by keys and time.
#[derive(Debug, Serialize)]
pub(super) struct Breakdown {
    pub(super) by: Vec<String>,
    pub(super) per: Option<String>,
    pub(super) of: Option<String>,
    pub(super) rows: Vec<BreakdownRow>,
    /// Number of rows that are left out.
    pub(super) more_rows: usize,
    /// Number of different keys; there are more if records are uncounted.
    pub(super) distinct: usize,
    /// Number of records with too many different keys to count each.
    pub(super) uncounted_records: u64,
    /// Number of records that lack one of the keys.
    pub(super) records_without_key: u64,
    /// Number of records that lack the number.
    pub(super) records_without_number: u64,
    /// The command that lists all of the records.
    pub(super) show: String,
}

/// The records of one combination of keys and time.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BreakdownRow {
    #[serde(skip)]
    pub(super) start: Option<PeriodStart>,
    /// The start of the period.
    #[serde(rename = "start", skip_serializing_if = "Option::is_none")]
    pub(super) stamp: Option<String>,
    pub(super) key: Map<String, Value>,
    #[serde(skip)]
    pub(super) values: Vec<String>,
    pub(super) records: u64,
    pub(super) errors: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) numbers: Option<Quantiles>,
    /// The place of the record with the greatest number, or of the last one.
    pub(super) example: Option<String>,
    /// The command that lists the records.
    pub(super) show: String,
}

impl Breakdown {
    /// Sums up the counts. Rows over time are in its order, others have the most records first or,
    /// of a number, the greatest 95th percentile.
    pub(super) fn new(
        counts: BreakdownCounts,
        keys: &BreakdownKeys,
        facts: &SummingUp<'_>,
    ) -> Self {
        let headings = keys.by.iter().flat_map(Columns::headings);
        let by: Vec<String> = headings.map(str::to_owned).collect();
        let (distinct, uncounted_records) = (counts.groups.len(), counts.groups.others());
        let groups = counts.groups.into_groups().into_iter();
        let mut rows: Vec<BreakdownRow> = groups
            .map(|(key, group)| row(&key, group, (&by, keys), facts))
            .collect();
        rows.sort_by(|one, other| {
            let p95 = |row: &BreakdownRow| row.numbers.and_then(|numbers| numbers.p95);
            one.start
                .cmp(&other.start)
                .then_with(|| {
                    p95(other)
                        .partial_cmp(&p95(one))
                        .unwrap_or(std::cmp::Ordering::Equal)
                })
                .then_with(|| other.records.cmp(&one.records))
                .then_with(|| one.values.cmp(&other.values))
        });
        if let (Some(period), true) = (keys.per, by.is_empty()) {
            rows = without_gaps(rows, period, facts);
        }
        let more_rows = rows.len().saturating_sub(facts.rows_max);
        rows.truncate(facts.rows_max);
        Self {
            by,
            per: keys.per.map(ClockPeriod::name),
            of: keys.of.clone(),
            rows,
            more_rows,
            distinct,
            uncounted_records,
            records_without_key: counts.without_key,
            records_without_number: counts.without_number,
            show: facts.commands.with([]),
        }
    }
}

fn row(
    key: &[u8],
    mut group: Group,
    (by, keys): (&[String], &BreakdownKeys),
    facts: &SummingUp<'_>,
) -> BreakdownRow {
    let (start, values) = parts_of_values(key, keys.per);
    let conditions = by
        .iter()
        .zip(&values)
        .map(|(key, value)| facts.commands.equality(key, value));
    let numbers = keys.of.as_ref().map(|_| Quantiles::of(group.numbers_mut()));
    let place = group.example();
    BreakdownRow {
        start,
        stamp: start.map(|start| start.stamp(facts.zone)),
        key: by
            .iter()
            .cloned()
            .zip(values.iter().map(|value| value.as_str().into()))
            .collect(),
        records: group.records(),
        errors: group.errors(),
        first: Some(group.first()),
        last: Some(group.last()),
        numbers,
        example: Some(facts.labels.place(place.input, place.position)),
        show: show(start, conditions, keys, facts),
        values,
    }
}

/// Returns the command that lists the records of a row.
fn show(
    start: Option<PeriodStart>,
    conditions: impl Iterator<Item = String>,
    keys: &BreakdownKeys,
    facts: &SummingUp<'_>,
) -> String {
    let has_number = keys
        .of
        .iter()
        .map(|key| format!("--has {}", ShellWord(key)));
    let words = conditions.chain(has_number);
    match (start, keys.per) {
        (Some(start), Some(period)) => {
            let next = period.next(start, facts.zone);
            facts
                .commands
                .within(&start.range_until(next, facts.zone), words)
        }
        (Some(_) | None, _) => facts.commands.with(words),
    }
}

/// Adds rows for the periods without records.
fn without_gaps(
    rows: Vec<BreakdownRow>,
    period: ClockPeriod,
    facts: &SummingUp<'_>,
) -> Vec<BreakdownRow> {
    let mut all: Vec<BreakdownRow> = Vec::with_capacity(rows.len());
    for row in rows {
        let last = all.last().and_then(|row| row.start);
        let mut next = last.map(|last| period.next(last, facts.zone));
        while let Some(empty) =
            next.filter(|next| Some(*next) < row.start && all.len() < PERIODS_MAX)
        {
            all.push(BreakdownRow {
                start: Some(empty),
                stamp: Some(empty.stamp(facts.zone)),
                key: Map::new(),
                values: Vec::new(),
                records: 0,
                errors: 0,
                first: None,
                last: None,
                numbers: None,
                example: None,
                show: facts.commands.within(
                    &empty.range_until(period.next(empty, facts.zone), facts.zone),
                    [],
                ),
            });
            next = Some(period.next(empty, facts.zone));
        }
        all.push(row);
    }
    all
}

/// The number of rows from which periods without records are left out: a wrong clock must not fill
/// the screen.
const PERIODS_MAX: usize = 100_000;

/// The values of one key.
#[derive(Debug, Serialize)]
pub(super) struct FieldSummary {
    pub(super) key: String,
    /// Number of records that have it, and of those that do not.
    pub(super) records: u64,
    pub(super) records_without: u64,
    pub(super) types: BTreeMap<ValueKind, u64>,
    /// Number of different values; there are more if records are uncounted.
    pub(super) distinct: usize,
    pub(super) uncounted_records: u64,
    /// The figures of the values that are numbers.
    pub(super) numbers: Option<Quantiles>,
    /// The most frequent values.
    pub(super) rows: Vec<BreakdownRow>,
    pub(super) more_rows: usize,
    /// The command that lists all of the records.
    pub(super) show: String,
}

impl FieldSummary {
    /// Sums up the counts.
    pub(super) fn new(mut counts: FieldCounts, key: &str, facts: &SummingUp<'_>) -> Self {
        let numbers = (counts.numbers.count() > 0).then(|| Quantiles::of(&mut counts.numbers));
        let types = counts.kinds;
        let (distinct, uncounted_records) = (counts.values.len(), counts.values.others());
        let keys = BreakdownKeys {
            by: None,
            per: None,
            of: None,
        };
        let by = [key.to_owned()];
        let groups = counts.values.into_groups().into_iter();
        let mut rows: Vec<BreakdownRow> = groups
            .map(|(mut value, group)| {
                value.insert(0, SEPARATOR);
                row(&value, group, (&by, &keys), facts)
            })
            .collect();
        rows.sort_by(|one, other| {
            let records = other.records.cmp(&one.records);
            records.then_with(|| one.values.cmp(&other.values))
        });
        let more_rows = rows.len().saturating_sub(facts.rows_max);
        rows.truncate(facts.rows_max);
        Self {
            key: key.to_owned(),
            records: types.values().sum(),
            records_without: counts.without_key,
            types,
            distinct,
            uncounted_records,
            numbers,
            rows,
            more_rows,
            show: facts.commands.with([format!("--has {}", ShellWord(key))]),
        }
    }
}
