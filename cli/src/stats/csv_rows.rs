//! The answers of `stats` as comma-separated values: one table each. An overview is one table, too,
//! whose first column says what a row is.

use std::borrow::Cow;

use super::super::columns::Cell;
use super::super::csv::{push_cells, push_headings};
use super::super::screen::OutputKind;
use super::breakdown::{Breakdown, BreakdownRow, FieldSummary};
use super::document::StatsAnswer;
use super::numbers::{Quantiles, exact};
use super::overview::Overview;
use localtel::read::Timestamp;
use localtel::read::raw::RawValue;

/// Returns the answer as rows.
pub(super) fn csv(answer: &StatsAnswer, sink: OutputKind) -> Vec<u8> {
    let (headings, rows) = match answer {
        StatsAnswer::Overview(overview) => overview_rows(overview),
        StatsAnswer::Breakdown(breakdown) => breakdown_rows(breakdown),
        StatsAnswer::Field(field) => field_rows(field),
    };
    let mut out = Vec::new();
    push_headings(&mut out, headings.iter().map(String::as_str), sink);
    for row in rows {
        push_cells(&mut out, &row, sink);
    }
    out
}

type CsvTable = (Vec<String>, Vec<Vec<Cell<'static>>>);

/// Returns a cell with a text, which may be hostile to spreadsheets.
fn text(text: &str) -> Cell<'static> {
    Cell::Nested(RawValue::Text(Cow::Owned(text.to_owned())))
}

/// Returns a cell with a number or a time.
fn plain(shown: &impl ToString) -> Cell<'static> {
    Cell::Plain(Cow::Owned(shown.to_string().into_bytes()))
}

fn time(time: Option<Timestamp>) -> Cell<'static> {
    time.map_or(Cell::Empty, |time| plain(&time))
}

const FIGURES: [&str; 7] = ["min", "mean", "p50", "p95", "p99", "max", "relative_error"];

/// Returns the cells of a distribution.
fn figures(numbers: Option<&Quantiles>) -> Vec<Cell<'static>> {
    let Some(numbers) = numbers else {
        return vec![Cell::Empty; FIGURES.len()];
    };
    [
        numbers.min,
        numbers.mean,
        numbers.p50,
        numbers.p95,
        numbers.p99,
        numbers.max,
        Some(numbers.error),
    ]
    .map(|figure| plain(&exact(figure)))
    .to_vec()
}

fn breakdown_rows(breakdown: &Breakdown) -> CsvTable {
    let mut headings: Vec<String> = Vec::new();
    headings.extend(breakdown.per.iter().map(|_| "start".to_owned()));
    headings.extend(breakdown.by.iter().cloned());
    headings.extend(["records", "errors", "first", "last"].map(str::to_owned));
    if breakdown.of.is_some() {
        headings.extend(FIGURES.map(str::to_owned));
    }
    headings.push("show".to_owned());
    let row = |row: &BreakdownRow| {
        let mut cells: Vec<Cell<'static>> = Vec::new();
        cells.extend(row.stamp.iter().map(plain));
        cells.extend(row.values.iter().map(|value| text(value)));
        cells.extend([
            plain(&row.records),
            plain(&row.errors),
            time(row.first),
            time(row.last),
        ]);
        if breakdown.of.is_some() {
            cells.extend(figures(row.numbers.as_ref()));
        }
        cells.push(text(&row.show));
        cells
    };
    (headings, breakdown.rows.iter().map(row).collect())
}

fn field_rows(field: &FieldSummary) -> CsvTable {
    let headings = [
        field.key.as_str(),
        "records",
        "errors",
        "first",
        "last",
        "show",
    ];
    let row = |row: &BreakdownRow| {
        vec![
            text(&row.values.concat()),
            plain(&row.records),
            plain(&row.errors),
            time(row.first),
            time(row.last),
            text(&row.show),
        ]
    };
    (
        headings.map(str::to_owned).to_vec(),
        field.rows.iter().map(row).collect(),
    )
}

/// A row of an overview.
#[derive(Default)]
struct OverviewLine<'a> {
    row: String,
    application: &'a str,
    name: &'a str,
    records: u64,
    errors: u64,
    first: String,
    last: String,
    numbers: Option<&'a Quantiles>,
    show: &'a str,
}

impl OverviewLine<'_> {
    fn cells(&self) -> Vec<Cell<'static>> {
        let optional = |value: &str| match value {
            "" => Cell::Empty,
            value => text(value),
        };
        let mut cells = vec![
            plain(&self.row),
            optional(self.application),
            optional(self.name),
            plain(&self.records),
            plain(&self.errors),
            optional(&self.first),
            optional(&self.last),
        ];
        cells.extend(figures(self.numbers));
        cells.push(optional(self.show));
        cells
    }
}

/// Returns the lines of applications and machines.
fn recorders(overview: &Overview) -> impl Iterator<Item = OverviewLine<'_>> {
    let stamp = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let applications = overview.applications.iter().map(move |row| OverviewLine {
        row: "application".to_owned(),
        application: &row.name,
        records: row.sums.records,
        errors: row.sums.errors,
        first: stamp(row.sums.first),
        last: stamp(row.sums.last),
        ..OverviewLine::default()
    });
    let hosts = overview.hosts.iter().flat_map(|hosts| &hosts.rows);
    let hosts = hosts.map(move |row| OverviewLine {
        row: "host".to_owned(),
        name: &row.host,
        records: row.sums.records,
        errors: row.sums.errors,
        first: stamp(row.sums.first),
        last: stamp(row.sums.last),
        show: &row.show,
        ..OverviewLine::default()
    });
    applications.chain(hosts)
}

fn overview_rows(overview: &Overview) -> CsvTable {
    let mut headings: Vec<String> = [
        "row",
        "application",
        "name",
        "records",
        "errors",
        "first",
        "last",
    ]
    .map(str::to_owned)
    .to_vec();
    headings.extend(FIGURES.map(|name| format!("{name}_ms")));
    headings.push("show".to_owned());
    let buckets = overview.over_time.iter().flat_map(|rows| &rows.buckets);
    let buckets = buckets.map(|bucket| OverviewLine {
        row: "time".to_owned(),
        records: bucket.levels.total(),
        errors: bucket.levels.error,
        first: bucket.stamp.clone(),
        ..OverviewLine::default()
    });
    let events = overview.events.rows.iter().map(|row| OverviewLine {
        row: row.kind.to_owned(),
        application: &row.application,
        name: &row.name,
        records: row.records,
        errors: row.errors,
        last: row.last.to_string(),
        show: &row.show,
        ..OverviewLine::default()
    });
    let errors = overview.errors.rows.iter().map(|row| OverviewLine {
        row: "error".to_owned(),
        application: &row.application,
        name: &row.message,
        records: row.records,
        errors: row.records,
        first: row.first.to_string(),
        last: row.last.to_string(),
        show: &row.show,
        ..OverviewLine::default()
    });
    let durations = overview.durations.rows.iter().map(|row| OverviewLine {
        row: format!("duration of {}", row.kind),
        application: &row.application,
        name: &row.name,
        records: row.records,
        errors: row.errors,
        numbers: Some(&row.milliseconds),
        show: &row.show,
        ..OverviewLine::default()
    });
    let lines = recorders(overview)
        .chain(buckets)
        .chain(events)
        .chain(errors)
        .chain(durations);
    (headings, lines.map(|line| line.cells()).collect())
}
