//! A table of the page: a caption, headings, and rows with a name, figures and a bar. On a narrow
//! screen each row is a block in which the figures repeat their headings.

use super::escape::Markup;
use super::svg::Bar;

/// A table.
#[derive(Debug)]
pub(super) struct PageTable {
    caption: String,
    columns: Vec<(String, CellKind)>,
    rows: Vec<Vec<PageCell>>,
}

/// The kind of the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellKind {
    /// What a row is about: the heading of the row.
    Name,
    Text,
    Number,
    /// A time or another short text that is not broken.
    Short,
    Bar,
}

/// A cell.
#[derive(Debug, Clone)]
pub(super) enum PageCell {
    Text(String),
    Bar(Option<Bar>),
}

impl From<String> for PageCell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl PageCell {
    /// Returns a bar for a number of records.
    pub(super) fn counts(number: u64, greatest: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a bar is not exact")]
        let [number, greatest] = [number, greatest].map(|it| it as f64);
        Self::Bar(Some(Bar::Share { number, greatest }))
    }
}

impl CellKind {
    fn class(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Text => "text",
            Self::Number => "number",
            Self::Short => "short",
            Self::Bar => "chart",
        }
    }
}

impl PageTable {
    /// Returns a table without rows.
    pub(super) fn new<'a>(
        caption: impl Into<String>,
        columns: impl IntoIterator<Item = (&'a str, CellKind)>,
    ) -> Self {
        let columns = columns.into_iter();
        Self {
            caption: caption.into(),
            columns: columns
                .map(|(text, kind)| (text.to_owned(), kind))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, cells: impl IntoIterator<Item = PageCell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Draws the table.
    pub(super) fn draw(&self, markup: &mut Markup) {
        markup.element("table", &[], |markup| {
            markup.leaf("caption", &[], &self.caption);
            markup.element("thead", &[], |markup| {
                markup.element("tr", &[], |markup| {
                    for (heading, kind) in &self.columns {
                        let attributes = [("scope", "col"), ("class", kind.class())];
                        markup.leaf("th", &attributes, heading);
                    }
                });
            });
            markup.element("tbody", &[], |markup| {
                for row in &self.rows {
                    markup.element("tr", &[], |markup| self.draw_row(row, markup));
                }
            });
        });
    }

    fn draw_row(&self, row: &[PageCell], markup: &mut Markup) {
        for (cell, (heading, kind)) in row.iter().zip(&self.columns) {
            let label = ("data-label", heading.as_str());
            let (name, attributes): (_, &[_]) = match kind {
                CellKind::Name => ("th", &[("scope", "row"), ("class", "name")]),
                CellKind::Text | CellKind::Number | CellKind::Short | CellKind::Bar => {
                    ("td", &[("class", kind.class()), label])
                }
            };
            markup.element(name, attributes, |markup| match cell {
                PageCell::Text(text) => markup.text(&cut(text)),
                PageCell::Bar(Some(bar)) => bar.draw(markup),
                PageCell::Bar(None) => {}
            });
        }
    }
}

/// Returns a text that is short enough for a page.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LETTERS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text.to_owned(),
    }
}

/// The most letters of a value on the page.
const LETTERS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_letters() {
        assert_eq!(cut("short"), "short");
        let cut = cut(&"é".repeat(301));
        assert_eq!(cut.chars().count(), 301);
        assert!(cut.ends_with("é…"));
    }
}
