//! How the output names the inputs that are read together: in messages, before rows, and in columns
//! of their own.

use std::sync::Arc;

use super::super::cells::{Padded, width};
use super::super::foreign::Rewriter;
use super::super::sanitize::{Sanitized, push};
use super::super::view::RowLabel;
use super::inputs::{NamedInput, OpenInput};
use super::streams::Rewriters;
use localtel::read::{Damage, Position};

/// How the output names the inputs that are merged, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputLabels(Arc<[InputLabel]>);

#[derive(Debug)]
struct InputLabel {
    name: String,
    host: Option<String>,
    recorder: String,
    /// The first columns of each row of the input.
    column: Vec<u8>,
    is_stream: bool,
    /// Rewrites the lines, if they are not localtel's.
    rewriter: Option<Rewriter>,
}

impl InputLabels {
    /// Returns the labels of directories; with `is_named` rows begin with the name.
    pub(crate) fn of_directories(inputs: &[&NamedInput], is_named: bool) -> Self {
        Self::new(inputs.iter().map(|input| (*input, None)), is_named)
    }

    /// Returns the labels of inputs.
    pub(crate) fn of_opened<'a>(inputs: &'a [OpenInput<'_>], is_named: bool) -> Self {
        let with_rewriter = |opened: &'a OpenInput<'_>| (opened.named, opened.rewriter.clone());
        Self::new(inputs.iter().map(with_rewriter), is_named)
    }

    fn new<'a>(
        inputs: impl Iterator<Item = (&'a NamedInput, Option<Rewriter>)> + Clone,
        is_named: bool,
    ) -> Self {
        let in_column = |cell: &String| end_of(&Sanitized(cell).to_string());
        let mut widths: Vec<usize> = Vec::new();
        for (input, _) in inputs.clone() {
            widths.resize(widths.len().max(input.columns.len()), 0);
            for (widest, cell) in widths.iter_mut().zip(&input.columns) {
                *widest = width(&in_column(cell)).max(*widest);
            }
        }
        let label = |(input, rewriter): (&NamedInput, Option<Rewriter>)| {
            let mut column = Vec::new();
            let cells = input.columns.iter().zip(&widths).filter(|_| is_named);
            for (cell, widest) in cells {
                push(
                    &mut column,
                    format_args!("{}  ", Padded(&in_column(cell), *widest)),
                );
            }
            InputLabel {
                name: Sanitized(&input.name).to_string(),
                host: input.host.clone(),
                recorder: Sanitized(&input.recorder).to_string(),
                column,
                is_stream: input.directory().is_none(),
                rewriter,
            }
        };
        Self(inputs.map(label).collect())
    }

    /// Returns what rewrites the lines of each input, to begin with.
    pub(crate) fn rewriters(&self) -> Rewriters {
        Rewriters::new(self.0.iter().map(|label| label.rewriter.clone()))
    }

    /// Returns the name of what recorded an input, which is safe to show.
    pub(crate) fn recorder(&self, input: usize) -> &str {
        self.0.get(input).map_or("", |label| &label.recorder)
    }

    /// Returns the machine that recorded an input, if it is in a tree. It may be hostile.
    pub(crate) fn host(&self, input: usize) -> Option<&str> {
        self.0.get(input)?.host.as_deref()
    }

    /// Returns what is shown of the input in its rows.
    pub(crate) fn row(&self, input: usize) -> RowLabel<'_> {
        let label = self.0.get(input);
        RowLabel {
            column: label.map_or(b"", |label| &label.column),
            host: self.host(input),
        }
    }

    /// Returns the prefix of messages about an input: nothing if it is the only one.
    pub(crate) fn prefix(&self, input: usize) -> String {
        match self.0.get(input) {
            Some(label) if self.0.len() > 1 => format!("{}: ", label.name),
            Some(_) | None => String::new(),
        }
    }

    /// Describes damage in an input.
    pub(crate) fn described(&self, input: usize, damage: &Damage) -> String {
        let label = self.0.get(input).filter(|label| label.is_stream);
        match (label, damage.bytes) {
            (None, _) => format!("{}{damage}", self.prefix(input)),
            (Some(_), 0) => format!("{}: {}", self.place(input, damage.position), damage.kind),
            (Some(_), bytes) => {
                let place = self.place(input, damage.position);
                format!("{place}: {} ({bytes} bytes)", damage.kind)
            }
        }
    }

    /// Returns a position in an input as text.
    pub(crate) fn place(&self, input: usize, position: Position) -> String {
        match self.0.get(input) {
            Some(label) if label.is_stream => match position.line {
                Some(line) => format!("{}:{line}", label.name),
                None => format!("{} at byte {}", label.name, position.byte),
            },
            Some(_) | None => format!("{}{position}", self.prefix(input)),
        }
    }
}

/// Returns a name that fits the first column: the end of a long path.
fn end_of(name: &str) -> String {
    if width(name) <= COLUMN_CELLS_MAX {
        return name.to_owned();
    }
    let starts = name.char_indices().map(|(start, _)| start);
    let mut ends = starts.filter_map(|start| name.get(start..));
    let end = ends.find(|end| width(end) < COLUMN_CELLS_MAX);
    format!("…{}", end.unwrap_or_default())
}

/// The width of the longest name in the first column.
const COLUMN_CELLS_MAX: usize = 24;
