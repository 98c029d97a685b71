//! Whether `tail` keeps up with a program that records 100,000 events per second.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes and counts lines from outside"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use localtel::consent::WhenUndecided;
use localtel::recording::Overflow;
use localtel::{Limits, Telemetry};
use tracing_subscriber::prelude::*;

use super::process;
use super::task::float;
use super::tools::Tool;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::{Result, child};

/// The results of following a writer.
#[derive(Debug)]
pub(super) struct Followed {
    /// Number of lines in the directory.
    written: u64,
    /// Number of lines that `tail` printed.
    arrived: u64,
    /// Duration of writing.
    seconds: f64,
    /// Delay of the last line after the writer's end.
    late_ms: f64,
    /// Processor time of `tail`.
    processor_seconds: f64,
}

/// Follows a writer.
pub(super) fn follow(localtel: &Tool, effort: Effort) -> Result<Followed> {
    let events = effort.pick(5 * EVENTS_PER_SECOND, EVENTS_PER_SECOND / 2);
    let words = [MEASUREMENT, &localtel.program, &events.to_string()];
    let printed = child::measure("reading", &words)?;
    let words: Vec<&str> = printed.split_whitespace().collect();
    let [written, arrived, seconds, late_ms, processor_seconds] = words.as_slice() else {
        return Err(format!("unexpected output of a measurement: {printed}").into());
    };
    Ok(Followed {
        written: written.parse()?,
        arrived: arrived.parse()?,
        seconds: seconds.parse()?,
        late_ms: late_ms.parse()?,
        processor_seconds: processor_seconds.parse()?,
    })
}

impl Followed {
    /// Returns the targets with the measured values.
    pub(super) fn figures(&self) -> [Figure; 2] {
        [
            Figure {
                what: "`tail` of a writer at 100,000 records/s: lines missing or doubled"
                    .to_owned(),
                target: Bound::AtMost(0.0),
                measured: float(self.arrived.abs_diff(self.written)),
                unit: "lines",
            },
            Figure {
                what: "the same: delay of the last line after the writer's end".to_owned(),
                target: Bound::AtMost(1000.0),
                measured: self.late_ms,
                unit: "ms",
            },
        ]
    }

    /// Returns everything as a table.
    pub(super) fn table(&self) -> Table {
        let columns = [
            "program",
            "lines written",
            "lines/s",
            "lines received",
            "delay of the last, ms",
            "processor s per s",
        ];
        let row = [
            "`localtel tail -o json`".to_owned(),
            self.written.to_string(),
            number(float(self.written) / self.seconds),
            self.arrived.to_string(),
            number(self.late_ms),
            number(self.processor_seconds / self.seconds),
        ];
        Table {
            title: "Following a writer at 100,000 records/s".to_owned(),
            columns: columns.map(str::to_owned).into(),
            rows: vec![row.into()],
        }
    }
}

/// Records events at the pace while the program follows, and prints the line that [`follow`]
/// parses.
pub(super) fn measure(words: &[&str]) -> Result<()> {
    let [program, events] = words else {
        return Err("a program and a number of events are needed".into());
    };
    let events = events.parse()?;
    let home = tempfile::tempdir()?;
    let directory = home.path().join("telemetry");
    let telemetry = Telemetry::builder("bench")
        .dir(&directory)
        .when_undecided(WhenUndecided::Record)
        .overflow(Overflow::Block)
        .limits(Limits {
            total_bytes_max: TOTAL_BYTES_MAX,
            ..Limits::default()
        })
        .try_open()?;
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    // The directory must exist before it can be followed.
    event(0);
    telemetry.flush()?;
    let mut tail = Command::new(program)
        .args(["tail", "-n", "all", "-o", "json", "--dir"])
        .arg(&directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdout = tail.stdout.take().ok_or("tail has no output")?;
    let counted = AtomicU64::new(0);
    let (start, end, written) = thread::scope(|scope| -> Result<_> {
        let draining = scope.spawn(|| {
            let mut arrivals = Vec::new();
            let ended = process::drain(&mut stdout, |lines| {
                let total = counted.fetch_add(lines, Ordering::Relaxed) + lines;
                arrivals.push((Instant::now(), total));
            });
            ended.map(|()| arrivals)
        });
        // The start of `tail` is not measured.
        wait(|| counted.load(Ordering::Relaxed) > 0);
        let start = Instant::now();
        write(start, events);
        let flushed = telemetry.flush();
        let end = Instant::now();
        let written = lines_in(&directory);
        if let Ok(written) = &written {
            wait(|| counted.load(Ordering::Relaxed) >= *written);
        }
        // Otherwise neither the drain nor the scope would end.
        tail.kill()?;
        let arrivals = draining.join().map_err(|_| "the drain panicked")??;
        flushed?;
        let written = written?;
        let last = arrivals.iter().find(|(_, total)| *total >= written);
        let late = last.map_or(PATIENCE, |(at, _)| at.saturating_duration_since(end));
        Ok((start, end, (written, late)))
    })?;
    tail.wait()?;
    let ((written, late), seconds) = (written, (end - start).as_secs_f64());
    let (processor, _) = process::children()?;
    println!(
        "{written} {} {seconds} {} {}",
        counted.into_inner(),
        late.as_secs_f64() * 1e3,
        processor.as_secs_f64()
    );
    Ok(())
}

/// Records at an even pace: each millisecond the events that are due.
fn write(start: Instant, events: u64) {
    let mut written = 0;
    while written < events {
        let due = float(EVENTS_PER_SECOND) * start.elapsed().as_secs_f64();
        while float(written) < due && written < events {
            event(written);
            written += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn event(number: u64) {
    tracing::info!(
        name: "command",
        command = "ticloud-project-list",
        duration = number % 1000,
        result = "SUCCESS",
        items = number,
        "listed projects"
    );
}

/// Waits until a condition is true, at most for [`PATIENCE`].
fn wait(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Counts the lines of all segments.
fn lines_in(directory: &Path) -> Result<u64> {
    let mut lines = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_segment = entry.path().extension().is_some_and(|end| end == "jsonl");
        // The link to the newest segment is not a segment.
        if is_segment && entry.file_type()?.is_file() {
            lines += process::newlines(&fs::read(entry.path())?);
        }
    }
    Ok(lines)
}

/// The word for this measurement.
pub(super) const MEASUREMENT: &str = "follower";

const EVENTS_PER_SECOND: u64 = 100_000;

/// Enough for all events, so that no segment is removed before it was followed.
const TOTAL_BYTES_MAX: u64 = 4 << 30;

/// The longest wait for lines that should arrive at once.
const PATIENCE: Duration = Duration::from_secs(10);
