//! The answers of `stats` as text that fits a screen. Lines are at most as wide as the terminal,
//! and 80 cells in pipes.

mod breakdown;
mod overview;

use super::super::cells::cut;
use super::super::grid::Grid;
use super::super::quantity::count;
use super::super::sanitize::Sanitized;
use super::super::time::{Zone, moment};
use super::chart::ChartLetters;
use localtel::read::Timestamp;

pub(super) use breakdown::{bar_value, breakdown, field};
pub(super) use overview::{a, histogram_columns, length, missing, overview, range_of};

/// How an answer is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextStyle {
    pub(super) zone: Zone,
    pub(super) letters: ChartLetters,
    /// The width of the screen.
    pub(super) cells: usize,
}

impl TextStyle {
    /// Returns a time up to the minute.
    pub(super) fn minute(&self, time: Option<Timestamp>) -> String {
        self.part(time, "YYYY-MM-DDTHH:MM".len()).replace('T', " ")
    }

    /// Returns a time up to the minute without its year.
    fn short(&self, time: Timestamp) -> String {
        let text = self.minute(Some(time));
        text.get("YYYY-".len()..).unwrap_or(&text).to_owned()
    }

    fn part(&self, time: Option<Timestamp>, bytes: usize) -> String {
        let Some(time) = time else {
            return "-".to_owned();
        };
        let text = self.zone.text(moment(time)).to_string();
        text.get(..bytes).unwrap_or(&text).to_owned()
    }
}

/// Adds a heading and a table below it.
pub(super) fn section(lines: &mut Vec<String>, grid: &Grid, style: TextStyle) {
    lines.push(String::new());
    lines.extend(grid.lines(style.cells));
}

/// Adds what a table leaves out.
fn left_out(lines: &mut Vec<String>, more_rows: usize, uncounted: u64) {
    if more_rows > 0 {
        lines.push(format!("  and {more_rows} more: --top all"));
    }
    if uncounted > 0 {
        let records = count(uncounted, "record");
        lines.push(format!(
            "  and {records} with other names, which are too many to count each"
        ));
    }
}

/// Returns the name of a row, with the application if there are several.
pub(super) fn named(application: &str, name: &str, has_applications: bool) -> String {
    if has_applications {
        format!("{application} {name}")
    } else {
        name.to_owned()
    }
}

/// Names the command that lists the records.
fn list_them(show: &str) -> String {
    format!("{LIST_THEM}{}", Sanitized(show))
}

const LIST_THEM: &str = "list them: ";

/// Cuts lines that no table could make narrow enough.
pub(super) fn fitted(lines: &[String], style: TextStyle) -> String {
    let lines = lines.iter().map(|line| {
        // A command is to be copied.
        let cells = if line.starts_with(LIST_THEM) {
            usize::MAX
        } else {
            style.cells.max(CELLS_MIN)
        };
        cut(line, cells).into_owned() + "\n"
    });
    lines.collect()
}

/// The least width of the output.
const CELLS_MIN: usize = 40;
