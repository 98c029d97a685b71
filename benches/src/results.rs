//! The results: sections of tables and figures, and the file that contains them.
#![expect(clippy::disallowed_methods, reason = "a bench writes its results")]

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use crate::{Result, machine};

/// The results of one part.
#[derive(Debug, Default)]
pub(crate) struct Section {
    /// The heading.
    pub(crate) title: &'static str,
    /// A description of the measurements, in Markdown.
    pub(crate) about: String,
    /// The targets, with the measured values.
    pub(crate) figures: Vec<Figure>,
    /// All measured values.
    pub(crate) tables: Vec<Table>,
}

/// A measured value and its target.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// A description of the value, with what it is relative to.
    pub(crate) what: String,
    pub(crate) target: Bound,
    pub(crate) measured: f64,
    /// The unit of both, such as `×`, `ns` or `KiB`.
    pub(crate) unit: &'static str,
}

/// The target of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn is_met_by(self, measured: f64) -> bool {
        match self {
            Self::AtMost(bound) => measured <= bound,
            Self::AtLeast(bound) => measured >= bound,
        }
    }
}

/// A table: the first column is text, the others are numbers.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n{}\n", self.title, self.about.trim())?;
        if !self.figures.is_empty() {
            writeln!(
                f,
                "| figure | target | measured | |\n| --- | ---: | ---: | --- |"
            )?;
            for figure in &self.figures {
                writeln!(f, "{figure}")?;
            }
        }
        for table in &self.tables {
            write!(f, "\n{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, bound) = match self.target {
            Bound::AtMost(bound) => ("at most", bound),
            Bound::AtLeast(bound) => ("at least", bound),
        };
        let (what, unit) = (&self.what, self.unit);
        // A negative value is noise.
        let (bound, measured) = (number(bound), number(self.measured.max(0.0)));
        let verdict = if self.target.is_met_by(self.measured) {
            "met"
        } else {
            "**missed**"
        };
        write!(
            f,
            "| {what} | {word} {bound} {unit} | {measured} {unit} | {verdict} |"
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n| {} |", self.title, self.columns.join(" | "))?;
        let rules = self.columns.iter().enumerate();
        let rules: Vec<&str> = rules
            .map(|(at, _)| if at == 0 { "---" } else { "---:" })
            .collect();
        writeln!(f, "| {} |", rules.join(" | "))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// Formats a number with three significant digits, down to ten thousandths.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 | 100.0.. => 0,
        10.0..100.0 => 1,
        1.0..10.0 => 2,
        0.1..1.0 => 3,
        _ => 4,
    };
    format!("{value:.digits$}")
}

/// Writes `RESULTS.md` beside the bench.
pub(crate) fn write(sections: &[Section]) -> Result<()> {
    let mut text = String::from("# Results\n\n");
    write!(text, "{}", machine::about()?)?;
    for section in sections {
        write!(text, "\n{section}")?;
    }
    write!(text, "\n{SHORTFALLS}")?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    Ok(fs::write(path, text)?)
}

/// The missed targets and their reasons, written by hand.
const SHORTFALLS: &str = include_str!("../SHORTFALLS.md");
