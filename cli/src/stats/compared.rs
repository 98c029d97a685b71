//! Two answers beside each other: what there is now and what there was, with the change.

use std::collections::BTreeMap;

use super::super::grid::{Grid, Side};
use super::breakdown::{Breakdown, FieldSummary};
use super::document::StatsAnswer;
use super::numbers::shown;
use super::overview::Overview;
use super::text::{TextStyle, missing, named, range_of, section};

/// The rows of a table with two counts, by their names.
#[derive(Default)]
struct JoinedRows(BTreeMap<Vec<String>, [ComparedFigures; 2]>);

/// What is compared of a row.
#[derive(Debug, Clone, Copy, Default)]
struct ComparedFigures {
    records: u64,
    p95: Option<f64>,
}

impl JoinedRows {
    fn add(&mut self, side: usize, name: Vec<String>, records: u64, p95: Option<f64>) {
        let figures = self.0.entry(name).or_default();
        if let Some(figures) = figures.get_mut(side) {
            *figures = ComparedFigures { records, p95 };
        }
    }

    /// Returns the table: the rows with the most records of both ranges come first.
    fn grid(self, headings: &[String], rows_max: usize, has_numbers: bool) -> Grid {
        let mut columns: Vec<(&str, Side)> = Vec::new();
        columns.extend(
            headings
                .iter()
                .map(|heading| (heading.as_str(), Side::LeftCut)),
        );
        columns.extend(["N", "BEFORE", "CHANGE"].map(|heading| (heading, Side::Right)));
        if has_numbers {
            columns.extend(["P95", "BEFORE", "CHANGE"].map(|heading| (heading, Side::Right)));
        }
        let mut grid = Grid::new(columns);
        let mut rows: Vec<_> = self.0.into_iter().collect();
        rows.sort_by_key(|(_, [now, before])| std::cmp::Reverse(now.records.max(before.records)));
        for (name, [now, before]) in rows.into_iter().take(rows_max) {
            let mut cells = name;
            cells.extend([
                now.records.to_string(),
                before.records.to_string(),
                change(float(now.records), float(before.records)),
            ]);
            if has_numbers {
                let changed = match (now.p95, before.p95) {
                    (Some(now), Some(before)) => change(now, before),
                    (Some(_) | None, _) => "-".to_owned(),
                };
                cells.extend([shown(now.p95), shown(before.p95), changed]);
            }
            grid.push(cells);
        }
        grid
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a change in per cent is not exact"
)]
fn float(number: u64) -> f64 {
    number as f64
}

/// Returns the change in per cent: `+8.3 %`; `new` and `gone` where there is no ratio.
fn change(now: f64, before: f64) -> String {
    if now.total_cmp(&before).is_eq() {
        "=".to_owned()
    } else if before == 0.0 {
        "new".to_owned()
    } else if now == 0.0 {
        "gone".to_owned()
    } else {
        format!("{:+.1} %", (now - before) / before.abs() * 100.0)
    }
}

/// Draws two answers to the same question.
pub(super) fn compared(
    answer: &StatsAnswer,
    other: &StatsAnswer,
    rows_max: usize,
    style: TextStyle,
) -> Vec<String> {
    match (answer, other) {
        (StatsAnswer::Overview(now), StatsAnswer::Overview(before)) => {
            overviews(now, before, rows_max, style)
        }
        (StatsAnswer::Breakdown(now), StatsAnswer::Breakdown(before)) => {
            breakdowns(now, before, rows_max, style)
        }
        (StatsAnswer::Field(now), StatsAnswer::Field(before)) => {
            fields(now, before, rows_max, style)
        }
        (StatsAnswer::Overview(_) | StatsAnswer::Breakdown(_) | StatsAnswer::Field(_), _) => {
            Vec::new()
        }
    }
}

fn overviews(now: &Overview, before: &Overview, rows_max: usize, style: TextStyle) -> Vec<String> {
    let mut lines = vec![
        format!("now:    {}", range_of(now, style)),
        format!("        {}", missing(now)),
        format!("before: {}", range_of(before, style)),
        format!("        {}", missing(before)),
    ];
    let both = [now, before];
    let has_several = both.iter().any(|overview| overview.applications.len() > 1);
    let mut figures = Grid::new([
        ("FIGURE", Side::Left),
        ("N", Side::Right),
        ("BEFORE", Side::Right),
        ("CHANGE", Side::Right),
    ]);
    let numbers = |overview: &Overview| {
        [
            ("records", overview.records),
            ("errors", overview.levels.error),
            ("warnings", overview.levels.warn),
            ("sessions", overview.sessions.count),
            ("without an end", overview.sessions.without_end),
            ("lost events", overview.missing.lost()),
        ]
    };
    for ((name, own), (_, other)) in numbers(now).into_iter().zip(numbers(before)) {
        let changed = change(float(own), float(other));
        figures.push([name.to_owned(), own.to_string(), other.to_string(), changed]);
    }
    section(&mut lines, &figures, style);
    let mut events = JoinedRows::default();
    let mut errors = JoinedRows::default();
    let mut durations = JoinedRows::default();
    for (side, overview) in both.into_iter().enumerate() {
        for row in &overview.events.rows {
            let name = named(&row.application, &row.name, has_several);
            events.add(side, vec![name], row.records, None);
        }
        for row in &overview.errors.rows {
            let name = named(&row.application, &row.message, has_several);
            errors.add(side, vec![name], row.records, None);
        }
        for row in &overview.durations.rows {
            let name = format!("{} {}", row.kind, row.name);
            let name = named(&row.application, &name, has_several);
            durations.add(side, vec![name], row.records, row.milliseconds.p95);
        }
    }
    for (rows, heading, has_numbers) in [
        (events, "EVENT", false),
        (errors, "ERRORS", false),
        (durations, "DURATION", true),
    ] {
        if !rows.0.is_empty() {
            let grid = rows.grid(&[heading.to_owned()], rows_max, has_numbers);
            section(&mut lines, &grid, style);
        }
    }
    lines
}

fn breakdowns(
    now: &Breakdown,
    before: &Breakdown,
    rows_max: usize,
    style: TextStyle,
) -> Vec<String> {
    let mut rows = JoinedRows::default();
    for (side, breakdown) in [now, before].into_iter().enumerate() {
        for row in &breakdown.rows {
            let p95 = row.numbers.and_then(|numbers| numbers.p95);
            rows.add(side, row.values.clone(), row.records, p95);
        }
    }
    rows.grid(&now.by, rows_max, now.of.is_some())
        .lines(style.cells)
}

fn fields(
    now: &FieldSummary,
    before: &FieldSummary,
    rows_max: usize,
    style: TextStyle,
) -> Vec<String> {
    let mut rows = JoinedRows::default();
    for (side, field) in [now, before].into_iter().enumerate() {
        for row in &field.rows {
            rows.add(side, row.values.clone(), row.records, None);
        }
    }
    rows.grid(std::slice::from_ref(&now.key), rows_max, false)
        .lines(style.cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_in_per_cent_of_what_was_before() {
        for (now, before, expected) in [
            (110.0, 100.0, "+10.0 %"),
            (50.0, 100.0, "-50.0 %"),
            (5.0, 5.0, "="),
            (5.0, 0.0, "new"),
            (0.0, 5.0, "gone"),
            (-1.0, -2.0, "+50.0 %"),
        ] {
            assert_eq!(change(now, before), expected);
        }
    }
}
