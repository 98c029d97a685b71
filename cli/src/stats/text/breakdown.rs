//! Counts by keys and time, and the values of one key, as text.

use super::super::super::grid::{Grid, Side};
use super::super::super::quantity::count;
use super::super::super::sanitize::Sanitized;
use super::super::breakdown::{Breakdown, BreakdownRow, FieldSummary};
use super::super::numbers::{share, shown};
use super::{TextStyle, left_out, list_them, section};

/// Draws counts by keys and time.
pub(in super::super) fn breakdown(breakdown: &Breakdown, style: TextStyle) -> Vec<String> {
    let mut lines = Vec::new();
    if !breakdown.rows.is_empty() {
        lines = table(breakdown, style).lines(style.cells);
        if let Some(of) = &breakdown.of {
            lines.insert(0, format!("distribution of {}", Sanitized(of)));
        }
    }
    left_out(&mut lines, breakdown.more_rows, breakdown.uncounted_records);
    lines.extend(without(
        "one of the keys",
        breakdown.records_without_key,
        &breakdown.by,
    ));
    lines.extend(without(
        "the number",
        breakdown.records_without_number,
        breakdown.of.as_slice(),
    ));
    if !breakdown.rows.is_empty() {
        lines.push(list_them(&breakdown.show));
    }
    lines
}

fn table(breakdown: &Breakdown, style: TextStyle) -> Grid {
    let columns = columns(breakdown);
    let mut grid = Grid::new(columns.iter().map(|(name, side)| (name.as_str(), *side)));
    for row in &breakdown.rows {
        let mut cells: Vec<String> = Vec::new();
        if breakdown.per.is_some() {
            let start = row.start.map(|start| start.text(style.zone));
            cells.push(start.unwrap_or_default());
        }
        cells.extend(row.values.iter().cloned());
        cells.extend([row.records.to_string(), row.errors.to_string()]);
        if breakdown.of.is_some() {
            let figures = row.numbers.map_or([None; 5], |numbers| {
                [
                    numbers.min,
                    numbers.p50,
                    numbers.p95,
                    numbers.p99,
                    numbers.max,
                ]
            });
            cells.extend(figures.map(shown));
        }
        grid.push(cells);
    }
    push_bars(&mut grid, &breakdown.rows, style);
    grid
}

/// Adds a bar to each row, as far as there is room without cutting a value.
fn push_bars(grid: &mut Grid, rows: &[BreakdownRow], style: TextStyle) {
    let cells = grid.room_beside(style.cells).min(BAR_CELLS);
    if cells < BAR_CELLS_MIN {
        return;
    }
    let greatest = rows.iter().map(bar_value).fold(0.0, f64::max);
    grid.push_column(rows.iter().map(|row| match bar_value(row) {
        value if value > 0.0 => style.letters.bar(value, greatest, cells),
        _ => String::new(),
    }));
}

fn columns(breakdown: &Breakdown) -> Vec<(String, Side)> {
    let mut columns: Vec<(String, Side)> = Vec::new();
    let period = breakdown
        .per
        .iter()
        .map(|per| format!("PER {}", per.to_uppercase()));
    columns.extend(period.map(|heading| (heading, Side::Left)));
    columns.extend(breakdown.by.iter().map(|key| (key.clone(), Side::LeftCut)));
    columns.push(("N".to_owned(), Side::Right));
    columns.push(("ERRORS".to_owned(), Side::Right));
    if breakdown.of.is_some() {
        let mut numbers = breakdown.rows.iter().filter_map(|row| row.numbers);
        let mark = if numbers.all(|it| it.error == 0.0) {
            ""
        } else {
            "~"
        };
        for (mark, name) in [
            ("", "MIN"),
            (mark, "P50"),
            (mark, "P95"),
            (mark, "P99"),
            ("", "MAX"),
        ] {
            columns.push((format!("{mark}{name}"), Side::Right));
        }
    }
    columns
}

/// The longest bar.
const BAR_CELLS: usize = 16;

/// The least length of the longest bar: a shorter one says nothing.
const BAR_CELLS_MIN: usize = 4;

/// Returns what the bar of a row shows: the 95th percentile of the number, or the records.
pub(in crate::stats) fn bar_value(row: &BreakdownRow) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a bar is not exact")]
    let records = row.records as f64;
    row.numbers
        .map_or(records, |numbers| numbers.p95.unwrap_or(0.0))
}

/// Says how many records are left out since they have no value.
fn without(what: &str, records: u64, keys: &[String]) -> Option<String> {
    let what = match keys {
        [key] => format!("`{}`", Sanitized(key)),
        _ => what.to_owned(),
    };
    let (records, verb) = match records {
        0 => return None,
        1 => ("1 record".to_owned(), "is"),
        records => (count(records, "record"), "are"),
    };
    Some(format!("{records} without {what} {verb} not counted"))
}

/// Draws the values of one key.
pub(in super::super) fn field(field: &FieldSummary, style: TextStyle) -> Vec<String> {
    let total = field.records + field.records_without;
    let mut lines = vec![format!(
        "{}: in {} of {} ({})",
        Sanitized(&field.key),
        field.records,
        count(total, "record"),
        share(field.records, total)
    )];
    if field.records == 0 {
        return lines;
    }
    let types: Vec<String> = field
        .types
        .iter()
        .map(|(kind, records)| format!("{kind} {records}"))
        .collect();
    let more = if field.uncounted_records > 0 {
        "at least "
    } else {
        ""
    };
    lines.push(format!(
        "types: {}; {more}{} different values",
        types.join(", "),
        field.distinct
    ));
    if let Some(numbers) = &field.numbers {
        let about = if numbers.error > 0.0 { "~" } else { "" };
        lines.push(format!(
            "numbers: min {}, {about}p50 {}, {about}p95 {}, {about}p99 {}, max {}",
            shown(numbers.min),
            shown(numbers.p50),
            shown(numbers.p95),
            shown(numbers.p99),
            shown(numbers.max)
        ));
    }
    let mut grid = Grid::new([
        ("VALUE", Side::LeftCut),
        ("N", Side::Right),
        ("SHARE", Side::Right),
        ("LAST", Side::Left),
    ]);
    for row in &field.rows {
        grid.push([
            row.values.concat(),
            row.records.to_string(),
            share(row.records, field.records),
            row.last.map(|last| style.short(last)).unwrap_or_default(),
        ]);
    }
    push_bars(&mut grid, &field.rows, style);
    section(&mut lines, &grid, style);
    left_out(&mut lines, field.more_rows, field.uncounted_records);
    lines.push(list_them(&field.show));
    lines
}
