//! The tables of an overview that rank: errors, durations and events, the greatest first.

use super::super::numbers::{Quantiles, share};
use super::super::overview::{DurationRow, ErrorRow, EventRow, Overview, RowsOf};
use super::super::text::TextStyle;
use super::escape::Markup;
use super::section::{draw_left_out, draw_row_commands};
use super::svg::{Bar, grouped, milliseconds};
use super::table::{CellKind, PageCell, PageTable};

/// The column of the applications, where there are several.
fn application_column(has_several: bool) -> Option<(&'static str, CellKind)> {
    has_several.then_some(("Application", CellKind::Text))
}

/// Draws the errors by their messages.
pub(super) fn errors(
    rows: &RowsOf<ErrorRow>,
    has_several: bool,
    style: TextStyle,
    markup: &mut Markup,
) {
    let columns = [("Message", CellKind::Name)].into_iter();
    let columns = columns.chain(application_column(has_several)).chain([
        ("N", CellKind::Number),
        ("", CellKind::Bar),
        ("First", CellKind::Short),
        ("Last", CellKind::Short),
    ]);
    let mut table = PageTable::new(
        "The most frequent messages of records of level ERROR",
        columns,
    );
    let greatest = rows.rows.iter().map(|row| row.records).max().unwrap_or(0);
    for row in &rows.rows {
        let name: [PageCell; 1] = [row.message.clone().into()];
        let application = has_several.then(|| row.application.clone().into());
        table.push(name.into_iter().chain(application).chain([
            grouped(row.records).into(),
            PageCell::counts(row.records, greatest),
            style.minute(Some(row.first)).into(),
            style.minute(Some(row.last)).into(),
        ]));
    }
    table.draw(markup);
    draw_left_out(rows.more_rows, rows.uncounted_records, markup);
    let commands = rows.rows.iter();
    let commands = commands.map(|row| (&row.message, Some(&row.example), &row.show));
    draw_row_commands("the last one is at", commands, markup);
}

/// Draws the events by their numbers.
pub(super) fn events(
    overview: &Overview,
    has_several: bool,
    style: TextStyle,
    markup: &mut Markup,
) {
    let rows = &overview.events;
    let columns = [("Event", CellKind::Name)].into_iter();
    let columns = columns.chain(application_column(has_several)).chain([
        ("N", CellKind::Number),
        ("Share", CellKind::Number),
        ("", CellKind::Bar),
        ("Errors", CellKind::Number),
        ("Last", CellKind::Short),
    ]);
    let mut table = PageTable::new("The most frequent events", columns);
    let greatest = rows.rows.iter().map(|row| row.records).max().unwrap_or(0);
    for row in &rows.rows {
        let name: [PageCell; 1] = [event_name(row).into()];
        let application = has_several.then(|| row.application.clone().into());
        table.push(name.into_iter().chain(application).chain([
            grouped(row.records).into(),
            share(row.records, overview.records).into(),
            PageCell::counts(row.records, greatest),
            grouped(row.errors).into(),
            style.minute(Some(row.last)).into(),
        ]));
    }
    table.draw(markup);
    draw_left_out(rows.more_rows, rows.uncounted_records, markup);
    let commands = rows.rows.iter().map(|row| (&row.name, None, &row.show));
    draw_row_commands("", commands, markup);
}

fn event_name(row: &EventRow) -> String {
    match row.kind {
        "target" => format!("{} (no event)", row.name),
        _ => row.name.clone(),
    }
}

/// Draws the durations by their 95th percentiles.
pub(super) fn durations(rows: &RowsOf<DurationRow>, has_several: bool, markup: &mut Markup) {
    let is_exact = rows.rows.iter().all(|row| row.milliseconds.error == 0.0);
    let about = if is_exact { "" } else { "about " };
    let [p50, p95, p99] = ["p50", "p95", "p99"].map(|name| format!("{about}{name}"));
    let columns = [("Name", CellKind::Name)].into_iter();
    let columns = columns.chain(application_column(has_several)).chain([
        ("N", CellKind::Number),
        ("Failed", CellKind::Number),
        (&p50, CellKind::Number),
        (&p95, CellKind::Number),
        (&p99, CellKind::Number),
        ("Max", CellKind::Number),
        ("p50 to p95 to max", CellKind::Bar),
    ]);
    let caption = "The durations of commands, spans and events, the slowest first by the 95th \
                   percentile; durations of different names are never pooled";
    let mut table = PageTable::new(caption, columns);
    let scale = scale(&rows.rows);
    for row in &rows.rows {
        let Quantiles {
            p50, p95, p99, max, ..
        } = row.milliseconds;
        let name: [PageCell; 1] = [format!("{} {}", row.kind, row.name).into()];
        let application = has_several.then(|| row.application.clone().into());
        let spread = p50.zip(p95).zip(max).zip(scale);
        let bar = spread.map(|(((p50, p95), max), scale)| Bar::Spread {
            numbers: [p50, p95, max],
            scale,
        });
        table.push(name.into_iter().chain(application).chain([
            grouped(row.records).into(),
            share(row.errors, row.records).into(),
            milliseconds(p50).into(),
            milliseconds(p95).into(),
            milliseconds(p99).into(),
            milliseconds(max).into(),
            PageCell::Bar(bar),
        ]));
    }
    table.draw(markup);
    if let Some((least, greatest)) = scale {
        let text = format!(
            "The thick part of a bar is from the median to the 95th percentile, the thin one to the \
             maximum, on a logarithmic scale from {} to {}. Percentiles are {}.",
            milliseconds(Some(least)),
            milliseconds(Some(greatest)),
            if is_exact {
                "exact"
            } else {
                "within 1 % of the exact values"
            }
        );
        markup.leaf("p", &[("class", "note")], &text);
    }
    draw_left_out(rows.more_rows, rows.uncounted_records, markup);
    let commands = rows.rows.iter();
    let commands = commands.map(|row| (&row.name, Some(&row.example), &row.show));
    draw_row_commands("the slowest is at", commands, markup);
}

/// Returns the least median and the greatest maximum.
fn scale(rows: &[DurationRow]) -> Option<(f64, f64)> {
    let least = rows.iter().filter_map(|row| row.milliseconds.p50);
    let greatest = rows.iter().filter_map(|row| row.milliseconds.max);
    least.reduce(f64::min).zip(greatest.reduce(f64::max))
}
