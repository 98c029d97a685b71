//! A directory with thousands of segments: the time to open it, compared with the time to list it.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench writes and lists a directory from outside"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use localtel::recording::{Delivery, Outcome};
use localtel::{Event, Limits, Telemetry};

use super::event;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// The timed steps; the child prints one number for each, in this order.
const STEPS: [&str; 7] = [
    "listing it: `read_dir`, counted",
    "listing it with sizes: `read_dir` and `metadata`",
    "`open`",
    "`open`, and an event written",
    "one more event written",
    "`open`, and an event written, without the cache in `lock`",
    "one more event written, without the cache",
];

/// Opens a filled directory repeatedly, each round in a process of its own.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let home = tempfile::tempdir()?;
    let path = home.path().join("telemetry");
    fill(&path)?;
    let path = path
        .to_str()
        .ok_or("the temporary directory is not UTF-8")?;
    let mut steps = STEPS.map(|_| Series::default());
    for _ in 0..effort.rounds() {
        let printed = child::measure("costs", &["directory", path])?;
        let nanos = printed.split_whitespace().map(str::parse);
        for (step, nanos) in steps.iter_mut().zip(nanos) {
            step.push(nanos.map(|nanos: f64| nanos / 1e6)?);
        }
    }
    let [listing, _, open, written, _, found, _] = &steps;
    let of_listing = |step: &Series| step.median() / listing.median();
    let figure = |what: &str, step| Figure {
        what: format!("{what}, against listing {SEGMENTS} segments"),
        // 20 ms where listing takes 5.
        target: Bound::AtMost(4.0),
        measured: of_listing(step),
        unit: "×",
    };
    let figures = vec![
        figure("`open`", open),
        figure("`open` and an event written", written),
        figure("the same without the cache in `lock`", found),
    ];
    let row = |(name, step): (&str, &Series)| {
        let numbers = [step.median(), step.least(), step.most()];
        let numbers = numbers
            .into_iter()
            .chain([step.median() / listing.median()]);
        let cells = numbers.map(number);
        [name.to_owned()].into_iter().chain(cells).collect()
    };
    let columns = ["step", "ms", "least", "most", "× listing"];
    let table = Table {
        title: format!("A directory with {SEGMENTS} segments"),
        columns: columns.map(str::to_owned).to_vec(),
        rows: STEPS.into_iter().zip(&steps).map(row).collect(),
    };
    Ok((figures, table))
}

/// Runs each step several times, and prints the median in nanoseconds.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
    let [path] = arguments else {
        return Err("directory needs a path".into());
    };
    let path = Path::new(path);
    let mut steps = STEPS.map(|_| Series::default());
    for _ in 0..PASSES {
        let [list, sizes, open, write, more, find, find_more] = &mut steps;
        timed(list, || Ok(fs::read_dir(path)?.count()))?;
        timed(sizes, || listed_bytes(path))?;
        // Listing so many files has evicted code and data from the caches.
        drop(open_inline(path)?);
        drop(timed(open, || open_inline(path))?);
        let telemetry = timed(write, || open_and_record(path))?;
        timed(more, || record(&telemetry))?;
        drop(telemetry);
        let cache = fs::read(path.join("lock"))?;
        fs::write(path.join("lock"), b"")?;
        let telemetry = timed(find, || open_and_record(path))?;
        timed(find_more, || record(&telemetry))?;
        drop(telemetry);
        fs::write(path.join("lock"), cache)?;
    }
    for step in steps {
        println!("{}", step.median());
    }
    Ok(())
}

/// Writes a directory with many segments of one record each. The lines are localtel's, and so is
/// the last rotation, so that the directory is in the same state as after any other.
pub(super) fn fill(path: &Path) -> Result<()> {
    drop(open_and_record(path)?);
    let text = fs::read_to_string(path.join(name(1)))?;
    let line = text.split_inclusive('\n').next().ok_or("no line")?;
    for number in 2..SEGMENTS {
        let mode = if number == SEGMENTS - 1 { 0o600 } else { 0o400 };
        let mut segment = fs::OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(mode)
            .open(path.join(name(number)))?;
        segment.write_all(line.as_bytes())?;
    }
    let limits = Limits {
        segment_age_max: Duration::ZERO,
        ..Limits::default()
    };
    let telemetry = event::open(path, Delivery::Inline, limits)?;
    record(&telemetry)
}

fn name(number: u64) -> String {
    format!("events.{number:06}.jsonl")
}

fn open_inline(path: &Path) -> Result<Telemetry> {
    event::open(path, Delivery::Inline, Limits::default())
}

fn open_and_record(path: &Path) -> Result<Telemetry> {
    let telemetry = open_inline(path)?;
    record(&telemetry)?;
    Ok(telemetry)
}

fn record(telemetry: &Telemetry) -> Result<()> {
    match telemetry.record(&Event::new("opened")) {
        Outcome::Recorded => Ok(()),
        outcome => Err(format!("the event was not recorded: {outcome:?}").into()),
    }
}

fn listed_bytes(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

/// Runs a step, and adds its nanoseconds.
fn timed<T>(nanos: &mut Series, step: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let value = step()?;
    nanos.push(start.elapsed().as_secs_f64() * 1e9);
    Ok(value)
}

/// Number of segments: a year of rotations every two hours.
pub(super) const SEGMENTS: u64 = 5000;

/// Number of times that a process runs each step.
const PASSES: usize = 5;
