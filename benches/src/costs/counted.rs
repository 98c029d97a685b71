//! Allocations and their bytes, which are counted and not timed. Counting needs an allocator, so
//! `allocations` is a program of its own, which this one starts through cargo.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes from outside"
)]

use std::ffi::OsString;
use std::process::Command;

use crate::Result;
use crate::results::{Bound, Figure, Table};

/// Runs `allocations`, and returns its counts.
pub(super) fn measure() -> Result<(Vec<Figure>, Table)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(["run", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .args(["--bin", "allocations"])
        .env_remove("DO_NOT_TRACK")
        .output()?;
    let printed = String::from_utf8(output.stdout)?;
    // Its exit code is ignored: a count above its limit is a missed target.
    let rows: Vec<[&str; 4]> = printed.lines().filter_map(row).collect();
    let is_counted = |subject: &str| rows.iter().any(|[what, ..]| what.contains(subject));
    if !SUBJECTS.into_iter().all(is_counted) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("counting allocations: {stderr}").into());
    }
    let mut figures = Vec::new();
    for [what, bound, measured, unit] in &rows {
        if let Ok(bound) = bound.parse() {
            figures.push(Figure {
                what: (*what).to_owned(),
                target: Bound::AtMost(bound),
                measured: measured.parse()?,
                unit: unit_of(unit)?,
            });
        }
    }
    let free = rows
        .iter()
        .filter(|[_, bound, ..]| bound.parse::<f64>().is_err());
    let table = Table {
        title: "Counted, without a target".to_owned(),
        columns: ["subject", "counted", "unit"].map(str::to_owned).to_vec(),
        rows: free
            .map(|[what, _, measured, unit]| [*what, *measured, *unit].map(str::to_owned).to_vec())
            .collect(),
    };
    Ok((figures, table))
}

/// Returns the cells of a row with a number.
fn row(line: &str) -> Option<[&str; 4]> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
    let cells: [&str; 4] = cells.collect::<Vec<_>>().try_into().ok()?;
    let [_, _, measured, _] = cells;
    measured.parse::<f64>().is_ok().then_some(cells)
}

fn unit_of(word: &str) -> Result<&'static str> {
    let found = ["allocations", "KiB"].into_iter().find(|own| *own == word);
    found.ok_or_else(|| format!("unknown unit `{word}`").into())
}

/// A text in the rows of each subject, so that a missing subject is an error.
const SUBJECTS: [&str; 4] = [
    "an event allocates",
    "counting allocates",
    "allocated by `open`",
    "allocated at most",
];
