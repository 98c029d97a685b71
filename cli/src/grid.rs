//! A table that is known as a whole: cells aligned by their width, and one column that takes the
//! room that the others leave. `table` aligns the cells of endless tables.

use super::cells::{Padded, cut, width};
use super::sanitize::Sanitized;

/// A table.
#[derive(Debug)]
pub(crate) struct Grid {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

/// The side to which a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Texts.
    Left,
    /// Texts that are cut if the table is too wide.
    LeftCut,
    /// Numbers.
    Right,
}

impl Grid {
    /// Returns a table with these columns, and a row of headings.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Side)>) -> Self {
        let (headings, sides) = columns
            .into_iter()
            .map(|(heading, side)| (Sanitized(heading).to_string(), side))
            .unzip();
        Self {
            sides,
            rows: vec![headings],
        }
    }

    /// Adds a row, whose values may be hostile.
    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| Sanitized(&cell).to_string());
        self.rows.push(cells.collect());
    }

    /// Adds a column without a heading, with a cell for each row.
    pub(crate) fn push_column(&mut self, cells: impl IntoIterator<Item = String>) {
        self.sides.push(Side::Left);
        for (row, cell) in self.rows.iter_mut().skip(1).zip(cells) {
            row.push(Sanitized(&cell).to_string());
        }
    }

    /// Returns how wide one more column may be so that nothing is cut.
    pub(crate) fn room_beside(&self, cells: usize) -> usize {
        cells.saturating_sub(total(&self.whole_widths()) + BETWEEN.len())
    }

    /// Returns the lines of the table; the first has the headings. Cut columns share the room that
    /// the others leave of `cells`, and have at least [`CUT_CELLS_MIN`].
    pub(crate) fn lines(&self, cells: usize) -> Vec<String> {
        let widths = self.widths(cells);
        let line = |row: &Vec<String>| {
            let mut line = String::new();
            for ((cell, side), wide) in row.iter().zip(&self.sides).zip(&widths) {
                let text = match side {
                    Side::Left | Side::Right => cell.into(),
                    Side::LeftCut => cut(cell, *wide),
                };
                match side {
                    Side::Left | Side::LeftCut => line += &Padded(&text, *wide).to_string(),
                    Side::Right => {
                        line.extend(std::iter::repeat_n(' ', wide.saturating_sub(width(&text))));
                        line += &text;
                    }
                }
                line += BETWEEN;
            }
            line.truncate(line.trim_end().len());
            line
        };
        self.rows.iter().map(line).collect()
    }

    /// Returns the widths of the columns if nothing is cut.
    fn whole_widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.sides.len()];
        for row in &self.rows {
            for (wide, cell) in widths.iter_mut().zip(row) {
                *wide = width(cell).max(*wide);
            }
        }
        widths
    }

    fn widths(&self, cells: usize) -> Vec<usize> {
        let mut widths = self.whole_widths();
        while total(&widths) > cells {
            let columns = widths.iter_mut().zip(&self.sides);
            let can_be_cut =
                columns.filter(|(wide, side)| **side == Side::LeftCut && **wide > CUT_CELLS_MIN);
            let Some((widest, _)) = can_be_cut.max_by_key(|(wide, _)| **wide) else {
                break;
            };
            *widest -= 1;
        }
        widths
    }
}

/// Returns the width of a line.
fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + BETWEEN.len() * widths.len().saturating_sub(1)
}

/// What is between two columns.
const BETWEEN: &str = "  ";

/// The least cells of a column that is cut.
const CUT_CELLS_MIN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let columns = [
            ("NAME", Side::LeftCut),
            ("N", Side::Right),
            ("LAST", Side::Left),
        ];
        let mut grid = Grid::new(columns);
        for row in [
            ["漢字", "7", "now"],
            ["a name that is long enough", "1200", "\x1b[2J"],
        ] {
            grid.push(row.map(str::to_owned));
        }
        grid
    }

    #[test]
    fn cells_are_aligned_by_width_and_sanitized() {
        let expected = [
            "NAME                           N  LAST",
            "漢字                           7  now",
            r"a name that is long enough  1200  \x1b[2J",
        ];
        assert_eq!(grid().lines(80), expected);
    }

    #[test]
    fn the_room_beside_a_table_is_what_fills_the_line() {
        let mut grid = grid();
        assert_eq!(grid.room_beside(20), 0);
        let room = grid.room_beside(60);
        grid.push_column([String::new(), "x".repeat(room)]);
        let lines = grid.lines(60);
        assert_eq!(width(&lines[2]), 60);
        assert!(lines[2].starts_with("a name that is long enough"));
    }

    #[test]
    fn a_table_that_is_too_wide_is_cut_in_one_column() {
        let expected = [
            "NAME                  N  LAST",
            "漢字                  7  now",
            r"a name that is l…  1200  \x1b[2J",
        ];
        assert_eq!(grid().lines(32), expected);
        // Not below what can be read.
        assert_eq!(grid().lines(3)[2], r"a name that…  1200  \x1b[2J");
    }
}
