//! The sections of counts by keys and time, and of the values of one key.

use super::super::super::quantity::count;
use super::super::breakdown::{Breakdown, BreakdownRow, FieldSummary};
use super::super::numbers::{Quantiles, share, shown};
use super::super::text::{TextStyle, a, bar_value};
use super::section::{PageSection, draw_left_out, draw_row_commands};
use super::svg::{Bar, grouped};
use super::table::{CellKind, PageCell, PageTable};

/// Returns the heading of the page of a breakdown: `Records by route`.
pub(super) fn title(breakdown: &Breakdown) -> String {
    let what = match &breakdown.of {
        Some(of) => format!("Distribution of {of}"),
        None => "Records".to_owned(),
    };
    let per = breakdown.per.iter().map(|per| format!("in each {per}"));
    let by = (!breakdown.by.is_empty()).then(|| format!("by {}", breakdown.by.join(", ")));
    let parts = [what].into_iter().chain(by).chain(per);
    parts.collect::<Vec<_>>().join(" ")
}

/// Returns the section of a breakdown.
pub(super) fn section(breakdown: &Breakdown, style: TextStyle) -> PageSection<'_> {
    PageSection::new("rows", "Counts", move |markup| {
        table(breakdown, style).draw(markup);
        draw_left_out(breakdown.more_rows, breakdown.uncounted_records, markup);
        let without = [
            (breakdown.records_without_key, "without one of the keys"),
            (breakdown.records_without_number, "without the number"),
        ];
        for (number, what) in without.into_iter().filter(|(number, _)| *number > 0) {
            let text = format!("Not counted: {} {what}.", count(number, "record"));
            markup.leaf("p", &[("class", "note")], &text);
        }
        let names: Vec<String> = breakdown
            .rows
            .iter()
            .map(|row| name_of(breakdown, row, style))
            .collect();
        let rows = names.iter().zip(&breakdown.rows);
        let rows = rows.map(|(name, row)| (name, row.example.as_ref(), &row.show));
        let example = match breakdown.of {
            Some(_) => "the greatest is at",
            None => "the last one is at",
        };
        draw_row_commands(example, rows, markup);
    })
}

fn table(breakdown: &Breakdown, style: TextStyle) -> PageTable {
    let mut headings: Vec<(String, CellKind)> = Vec::new();
    headings.extend(
        breakdown
            .per
            .iter()
            .map(|_| ("From".to_owned(), CellKind::Name)),
    );
    let kind = |index| match (index, &breakdown.per) {
        (0, None) => CellKind::Name,
        _ => CellKind::Text,
    };
    let by = breakdown.by.iter().enumerate();
    headings.extend(by.map(|(index, key)| (key.clone(), kind(index))));
    if headings.is_empty() {
        headings.push((String::new(), CellKind::Name));
    }
    headings.extend(["N", "Errors"].map(|name| (name.to_owned(), CellKind::Number)));
    let exact = |row: &BreakdownRow| row.numbers.is_none_or(|numbers| numbers.error == 0.0);
    let is_exact = breakdown.rows.iter().all(exact);
    if breakdown.of.is_some() {
        let about = if is_exact { "" } else { "about " };
        for name in ["Min", "p50", "p95", "p99", "Max"] {
            let about = if name.starts_with('p') { about } else { "" };
            headings.push((format!("{about}{name}"), CellKind::Number));
        }
    }
    let bar_of = if breakdown.of.is_some() { "p95" } else { "" };
    headings.push((bar_of.to_owned(), CellKind::Bar));
    let columns = headings.iter().map(|(name, kind)| (name.as_str(), *kind));
    let mut table = PageTable::new(caption(breakdown), columns);
    let greatest = breakdown.rows.iter().map(bar_value).fold(0.0, f64::max);
    for row in &breakdown.rows {
        table.push(cells(breakdown, row, greatest, style));
    }
    table
}

fn caption(breakdown: &Breakdown) -> String {
    let title = title(breakdown);
    let highest = breakdown
        .rows
        .iter()
        .max_by(|one, other| bar_value(one).total_cmp(&bar_value(other)));
    match (highest, &breakdown.per) {
        (Some(row), None) if row.numbers.is_none() => {
            format!("{title}; the most in one row: {}", grouped(row.records))
        }
        (Some(row), Some(per)) if row.numbers.is_none() => {
            format!("{title}; the most in {}: {}", a(per), grouped(row.records))
        }
        (Some(_) | None, _) => title,
    }
}

fn cells(
    breakdown: &Breakdown,
    row: &BreakdownRow,
    greatest: f64,
    style: TextStyle,
) -> Vec<PageCell> {
    let mut cells: Vec<PageCell> = Vec::new();
    if breakdown.per.is_some() {
        let start = row.start.map(|start| start.text(style.zone));
        cells.push(start.unwrap_or_default().into());
    }
    cells.extend(row.values.iter().cloned().map(PageCell::from));
    if cells.is_empty() {
        cells.push("all".to_owned().into());
    }
    cells.extend([row.records, row.errors].map(|number| grouped(number).into()));
    if breakdown.of.is_some() {
        let of = |figure: fn(Quantiles) -> Option<f64>| shown(row.numbers.and_then(figure)).into();
        cells.extend([of(|it| it.min), of(|it| it.p50), of(|it| it.p95)]);
        cells.extend([of(|it| it.p99), of(|it| it.max)]);
    }
    cells.push(PageCell::Bar(Some(Bar::Share {
        number: bar_value(row),
        greatest,
    })));
    cells
}

/// Returns what a row is about.
fn name_of(breakdown: &Breakdown, row: &BreakdownRow, style: TextStyle) -> String {
    let start = row.start.map(|start| start.text(style.zone));
    let values = breakdown.by.iter().zip(&row.values);
    let values = values.map(|(key, value)| format!("{key} {value}"));
    start
        .into_iter()
        .chain(values)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns the section of the values of a key.
pub(super) fn field_section(field: &FieldSummary, style: TextStyle) -> PageSection<'_> {
    PageSection::new("values", "Values", move |markup| {
        let total = field.records + field.records_without;
        let text = format!(
            "{} of {} have it ({}).",
            grouped(field.records),
            count(total, "record"),
            share(field.records, total)
        );
        markup.leaf("p", &[], &text);
        let kinds = field.types.iter();
        let kinds = kinds.map(|(kind, records)| format!("{kind} {}", grouped(*records)));
        let more = if field.uncounted_records > 0 {
            "at least "
        } else {
            ""
        };
        let text = format!(
            "Types: {}. Different values: {more}{}.",
            kinds.collect::<Vec<_>>().join(", "),
            grouped(field.distinct as u64)
        );
        markup.leaf("p", &[], &text);
        if let Some(numbers) = field.numbers {
            figures_of(numbers).draw(markup);
        }
        values(field, style).draw(markup);
        draw_left_out(field.more_rows, field.uncounted_records, markup);
        let names: Vec<String> = field.rows.iter().map(|row| row.values.concat()).collect();
        let rows = names.iter().zip(&field.rows);
        let rows = rows.map(|(name, row)| (name, row.example.as_ref(), &row.show));
        draw_row_commands("the last one is at", rows, markup);
    })
}

fn figures_of(numbers: Quantiles) -> PageTable {
    let mut table = PageTable::new(
        "The values that are numbers",
        [
            ("N", CellKind::Name),
            ("Min", CellKind::Number),
            ("p50", CellKind::Number),
            ("p95", CellKind::Number),
            ("p99", CellKind::Number),
            ("Max", CellKind::Number),
        ],
    );
    let Quantiles {
        min,
        p50,
        p95,
        p99,
        max,
        ..
    } = numbers;
    let figures = [min, p50, p95, p99, max].map(|figure| shown(figure).into());
    let count: [PageCell; 1] = [grouped(numbers.count).into()];
    table.push(count.into_iter().chain(figures));
    table
}

fn values(field: &FieldSummary, style: TextStyle) -> PageTable {
    let mut table = PageTable::new(
        "The most frequent values",
        [
            ("Value", CellKind::Name),
            ("N", CellKind::Number),
            ("Share", CellKind::Number),
            ("", CellKind::Bar),
            ("Last", CellKind::Short),
        ],
    );
    let greatest = field.rows.iter().map(bar_value).fold(0.0, f64::max);
    for row in &field.rows {
        table.push([
            row.values.concat().into(),
            grouped(row.records).into(),
            share(row.records, field.records).into(),
            PageCell::Bar(Some(Bar::Share {
                number: bar_value(row),
                greatest,
            })),
            style.minute(row.last).into(),
        ]);
    }
    table
}
