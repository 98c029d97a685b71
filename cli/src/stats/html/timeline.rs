//! The records over time: a chart for each kind of level, and the table of their numbers.

use super::super::super::quantity::count;
use super::super::overview::{LevelRow, TimeRows};
use super::super::text::{TextStyle, a};
use super::escape::Markup;
use super::svg::{ColumnChart, first_upper, grouped};
use super::table::{CellKind, PageTable};

/// Draws a chart for errors, for warnings and for the others, each on its own scale, and the table
/// of their numbers.
pub(super) fn over_time(rows: &TimeRows, style: TextStyle, markup: &mut Markup) {
    let series: [(&str, &str, LevelFigure); 3] = [
        ("errors", "error", |levels| levels.error),
        ("warnings", "warning-chart", |levels| levels.warn),
        ("others", "other", |levels| levels.others()),
    ];
    let starts: Vec<String> = rows
        .buckets
        .iter()
        .map(|row| row.start.text(style.zone))
        .collect();
    for (noun, class, of) in series {
        let numbers = rows.buckets.iter().map(|row| of(&row.levels));
        let chart = ColumnChart {
            id: noun,
            noun: if noun == "others" {
                "other records"
            } else {
                noun
            },
            bucket: rows.bucket.clone(),
            columns: starts.iter().cloned().zip(numbers).collect(),
        };
        figure(&chart, class, markup);
    }
    let mut table = PageTable::new(
        format!("Records in each {}, by level", rows.bucket),
        [
            ("From", CellKind::Name),
            ("Errors", CellKind::Number),
            ("Warnings", CellKind::Number),
            ("Others", CellKind::Number),
        ],
    );
    for (start, row) in starts.iter().zip(&rows.buckets) {
        let levels = row.levels;
        table.push([
            start.clone().into(),
            grouped(levels.error).into(),
            grouped(levels.warn).into(),
            grouped(levels.others()).into(),
        ]);
    }
    markup.element("details", &[("class", "twin")], |markup| {
        let columns = count(rows.buckets.len() as u64, "column");
        markup.leaf("summary", &[], &format!("The numbers of the {columns}"));
        table.draw(markup);
    });
}

/// Draws a chart with its title, its greatest number, and the ends of its axis.
fn figure(chart: &ColumnChart, class: &str, markup: &mut Markup) {
    let total: u64 = chart.columns.iter().map(|(_, number)| number).sum();
    let title = first_upper(chart.noun);
    markup.element("figure", &[("class", class)], |markup| {
        markup.element("figcaption", &[], |markup| {
            markup.leaf("b", &[], &title);
            let most = match chart.most() {
                Some((start, most)) => format!(
                    " {}; most: {} in {}, from {start}",
                    grouped(total),
                    grouped(most),
                    a(&chart.bucket)
                ),
                None => " none".to_owned(),
            };
            markup.text(&most);
        });
        if chart.most().is_none() {
            return;
        }
        chart.draw(markup);
        let [first, middle, last] = chart.axis();
        markup.element(
            "div",
            &[("class", "axis"), ("aria-hidden", "true")],
            |markup| {
                markup.leaf("span", &[], first);
                markup.leaf("span", &[("class", "middle")], middle);
                markup.leaf("span", &[], last);
            },
        );
    });
}

/// Returns a number of records of a bucket.
type LevelFigure = fn(&LevelRow) -> u64;
