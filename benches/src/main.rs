//! Measures localtel and its alternatives in one run, and writes `RESULTS.md`.
//!
//! Each measurement is a child process of this program, so that it installs its subscriber as an
//! application does and does not affect the next one. The contenders take turns, so that a busy
//! moment of the machine affects all of them, and the result is the median of the rounds.

mod child;
mod costs;
mod effort;
mod machine;
mod reading;
mod results;
mod series;
mod serving;
mod writing;

use std::error::Error;
use std::process::ExitCode;

use crate::effort::Effort;
use crate::results::Section;

/// The result of a measurement.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A part of the results that can be selected on the command line.
struct Part {
    name: &'static str,
    /// Runs all measurements of the part.
    run: fn(Effort) -> Result<Section>,
    /// Runs one measurement, in a child process.
    child: fn(&[&str]) -> Result<()>,
}

const PARTS: [Part; 4] = [
    Part {
        name: "writing",
        run: writing::run,
        child: writing::child,
    },
    Part {
        name: "costs",
        run: costs::run,
        child: costs::child,
    },
    Part {
        name: "serving",
        run: serving::run,
        child: serving::child,
    },
    Part {
        name: "reading",
        run: reading::run,
        child: reading::child,
    },
];

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let [child::WORD, name, rest @ ..] = arguments.as_slice() {
        (part(name)?.child)(rest)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (effort, names) = match arguments.as_slice() {
        ["--quick", names @ ..] => (Effort::Quick, names),
        names => (Effort::Full, names),
    };
    let parts: Vec<&Part> = if names.is_empty() {
        PARTS.iter().collect()
    } else {
        names.iter().map(|name| part(name)).collect::<Result<_>>()?
    };
    let is_all = names.is_empty() && effort == Effort::Full;
    let mut sections = Vec::new();
    for part in parts {
        let section = (part.run)(effort)?;
        println!("{section}");
        sections.push(section);
    }
    if is_all {
        results::write(&sections)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn part(name: &str) -> Result<&'static Part> {
    let found = PARTS.iter().find(|part| part.name == name);
    found.ok_or_else(|| USAGE.into())
}

const USAGE: &str = "usage: localtel-bench [--quick] [writing|costs|serving|reading]...";
