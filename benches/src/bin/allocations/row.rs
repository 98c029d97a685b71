//! A row of the printed table: a count and its limit.

use std::fmt;

/// A count and its limit.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) allowed: Allowed,
    pub(crate) counted: f64,
    pub(crate) unit: Unit,
}

/// The limit of a count.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Allowed {
    Anything,
    AtMost(f64),
}

/// The unit of a count.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    Allocations,
    Kibibytes,
}

impl Row {
    /// The head of the table.
    pub(crate) const HEAD: &str =
        "| what | at most | counted | unit |\n| --- | ---: | ---: | --- |";

    /// Returns `true` if the count is within its limit.
    pub(crate) fn is_within_limit(&self) -> bool {
        match self.allowed {
            Allowed::Anything => true,
            Allowed::AtMost(bound) => self.counted <= bound,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (counted, unit) = match self.unit {
            Unit::Allocations => (format!("{:.3}", self.counted), "allocations"),
            Unit::Kibibytes => (format!("{:.1}", self.counted), "KiB"),
        };
        let allowed = match self.allowed {
            Allowed::Anything => "–".to_owned(),
            Allowed::AtMost(bound) => bound.to_string(),
        };
        write!(f, "| {} | {allowed} | {counted} | {unit} |", self.what)
    }
}

/// Converts bytes to KiB.
pub(crate) fn kib(bytes: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let bytes = bytes as f64;
    bytes / 1024.0
}
