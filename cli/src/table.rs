//! A table on a terminal: the cells of each row, aligned by the width of their columns. The widths
//! are those of the rows that come first, and grow with the rows that follow, so that a table may
//! be endless. A column of numbers is aligned to the right. Other lines pass unchanged.

use std::io::{self, Write};

use super::cells::{coloured_width, cut};
use super::columns::Cell;
use super::palette::Styles;
use super::sanitize::{Sanitized, push};

/// Adds the row of headings, for [`TableWriter`].
pub(crate) fn push_headings<'a>(
    out: &mut Vec<u8>,
    headings: impl Iterator<Item = &'a str>,
    styles: &Styles,
) {
    for heading in headings {
        let heading = Sanitized(heading).to_string();
        styles
            .event
            .push(out, |out| push(out, cut(&heading, CELLS_MAX)));
        push(out, END_OF_CELL);
    }
    out.push(b'\n');
}

/// Adds a row, for [`TableWriter`].
pub(crate) fn push_cells(out: &mut Vec<u8>, cells: &[Cell<'_>]) {
    for cell in cells {
        let text = Sanitized(&cell.to_text()).to_string();
        push(out, cut(&text, CELLS_MAX));
        push(out, END_OF_CELL);
    }
    out.push(b'\n');
}

/// Aligns the cells of rows on their way to a terminal.
pub(crate) struct TableWriter<'a> {
    out: &'a mut dyn Write,
    waiting: Vec<u8>,
    columns: Vec<ColumnShape>,
}

/// The shape of a column.
#[derive(Debug, Clone, Copy, Default)]
struct ColumnShape {
    cells: usize,
    content: ColumnContent,
}

/// What the rows that came first have in a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ColumnContent {
    #[default]
    Nothing,
    Numbers,
    Texts,
}

impl ColumnContent {
    fn and(self, cell: &str) -> Self {
        match self {
            Self::Nothing | Self::Numbers if cell.is_empty() => self,
            Self::Nothing | Self::Numbers if cell.parse::<f64>().is_ok() => Self::Numbers,
            Self::Nothing | Self::Numbers | Self::Texts => Self::Texts,
        }
    }
}

impl<'a> TableWriter<'a> {
    /// Returns a writer to that output.
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            waiting: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Returns this writer, or the output itself if it gets no table.
    pub(crate) fn or_plain(&mut self, is_table: bool) -> &mut dyn Write {
        if is_table { self } else { &mut *self.out }
    }

    /// Writes the whole lines that wait. The headings wait for a row, which decides their widths.
    fn write_lines(&mut self) -> io::Result<()> {
        let waiting = self.waiting.split(|byte| *byte == b'\n');
        let rows = waiting.filter(|line| line.contains(&b'\x1f'));
        if self.columns.is_empty() && rows.take(2).count() < 2 {
            return Ok(());
        }
        let end = self.waiting.iter().rposition(|byte| *byte == b'\n');
        let rest = self.waiting.split_off(end.map_or(0, |end| end + 1));
        let lines = std::mem::replace(&mut self.waiting, rest);
        let lines = String::from_utf8_lossy(&lines);
        self.learn(&lines);
        let mut shown = String::with_capacity(lines.len());
        for line in lines.lines() {
            if line.contains(END_OF_CELL) {
                shown.push_str(&self.aligned(line));
            } else {
                shown.push_str(line);
            }
            shown.push('\n');
        }
        self.out.write_all(shown.as_bytes())
    }

    fn aligned(&self, row: &str) -> String {
        let mut shown = String::new();
        for (cell, column) in cells_of(row).zip(&self.columns) {
            let spaces = " ".repeat(column.cells.saturating_sub(coloured_width(cell)));
            let (before, after) = match column.content {
                ColumnContent::Numbers => (spaces.as_str(), ""),
                ColumnContent::Nothing | ColumnContent::Texts => ("", spaces.as_str()),
            };
            for part in [before, cell, after, BETWEEN] {
                shown.push_str(part);
            }
        }
        shown.truncate(shown.trim_end_matches(' ').len());
        shown
    }

    /// Widens the columns to fit some lines. The first lines decide which columns have numbers.
    fn learn(&mut self, lines: &str) {
        let is_first = self.columns.is_empty();
        let rows = lines.lines().filter(|line| line.contains(END_OF_CELL));
        for (index, row) in rows.enumerate() {
            let has_headings = is_first && index == 0;
            if has_headings {
                self.columns = cells_of(row).map(|_| ColumnShape::default()).collect();
            }
            for (cell, column) in cells_of(row).zip(&mut self.columns) {
                column.cells = column.cells.max(coloured_width(cell));
                if is_first && !has_headings {
                    column.content = column.content.and(cell);
                }
            }
        }
    }
}

impl Write for TableWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WAITING_BYTES {
            self.write_lines()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_lines()?;
        self.out.flush()
    }
}

/// Returns the cells of a row.
fn cells_of(row: &str) -> impl Iterator<Item = &str> {
    let cells = row.strip_suffix(END_OF_CELL).unwrap_or(row);
    cells.split(END_OF_CELL)
}

/// Ends a cell: the unit separator of ASCII, which no sanitized text contains.
const END_OF_CELL: char = '\x1f';

/// What is between two columns.
const BETWEEN: &str = "  ";

/// The most cells of a value.
const CELLS_MAX: usize = 60;

/// The bytes from which the first widths are learned.
const WAITING_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Colour;

    /// Writes rows of cells, in writes of several rows.
    fn table(colour: Colour, writes: &[&[&[&str]]]) -> String {
        let mut out = Vec::new();
        let mut writer = TableWriter::new(&mut out);
        for (index, rows) in writes.iter().enumerate() {
            for row in *rows {
                let mut line = Vec::new();
                if index == 0 && *row == rows[0] {
                    push_headings(&mut line, row.iter().copied(), &Styles::new(colour));
                } else if let [line_of_day] = row {
                    line.extend_from_slice(format!("{line_of_day}\n").as_bytes());
                } else {
                    for cell in *row {
                        push(&mut line, format_args!("{cell}{END_OF_CELL}"));
                    }
                    line.push(b'\n');
                }
                writer.write_all(&line).unwrap();
            }
            writer.flush().unwrap();
        }
        drop(writer);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_by_cells_and_numbers_to_the_right() {
        let rows: &[&[&str]] = &[
            &["name", "duration", "error"],
            &["漢字", "7", ""],
            &["2026-11-21"],
            &["long name", "1200", "gone"],
        ];
        let expected = "\
name       duration  error
漢字              7
2026-11-21
long name      1200  gone
";
        assert_eq!(table(Colour::Off, &[rows]), expected);
        let escape = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
        let coloured = table(Colour::On, &[rows]);
        assert!(coloured.contains('\x1b'));
        assert_eq!(escape.replace_all(&coloured, ""), expected);
    }

    #[test]
    fn headings_wait_for_a_row_to_be_aligned_with() {
        let rows: [&[&[&str]]; 2] = [&[&["a", "b"]], &[&["wide", "1"], &["x", "20"]]];
        let shown = table(Colour::Off, &rows);
        assert_eq!(shown, "a      b\nwide   1\nx     20\n");
        assert_eq!(table(Colour::Off, &rows[..1]), "");
    }

    #[test]
    fn columns_widen_with_the_rows_that_follow() {
        let shown = table(
            Colour::Off,
            &[
                &[&["a", "b"], &["x", "1"]],
                &[&["wide", "2"]],
                &[&["y", "z"]],
            ],
        );
        assert_eq!(shown, "a  b\nx  1\nwide  2\ny     z\n");
    }
}
