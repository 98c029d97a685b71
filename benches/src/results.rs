//! The results: sections of tables and figures, and the file that holds them.
#![expect(clippy::disallowed_methods, reason = "a bench writes its results")]

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use crate::{Result, machine};

/// What one part measured.
#[derive(Debug, Default)]
pub(crate) struct Section {
    /// Its heading.
    pub(crate) title: &'static str,
    /// What was done, in Markdown.
    pub(crate) about: String,
    /// What is demanded, beside what was measured.
    pub(crate) figures: Vec<Figure>,
    /// All that was measured.
    pub(crate) tables: Vec<Table>,
}

/// What is demanded, beside what was measured.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What was measured, and against what.
    pub(crate) what: String,
    pub(crate) wanted: Bound,
    pub(crate) measured: f64,
    /// The unit of both, such as `×`, `ns` or `KiB`.
    pub(crate) unit: &'static str,
}

/// What a figure must keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, measured: f64) -> bool {
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
                "| figure | wanted | measured | |\n| --- | ---: | ---: | --- |"
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
        let (word, bound) = match self.wanted {
            Bound::AtMost(bound) => ("at most", bound),
            Bound::AtLeast(bound) => ("at least", bound),
        };
        let (what, unit) = (&self.what, self.unit);
        // Less than nothing is noise.
        let (bound, measured) = (number(bound), number(self.measured.max(0.0)));
        let verdict = if self.wanted.holds(self.measured) {
            "holds"
        } else {
            "**short**"
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

/// Writes a number with three digits that tell, down to ten thousandths.
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

/// What is short of its figure, and why: written by hand, for no program knows.
const SHORTFALLS: &str = include_str!("../SHORTFALLS.md");
