//! The cost for its caller of a span that is opened, entered, exited and closed: recorded only with
//! the events in it, of which there are none, and recorded when it closes. The peer is
//! `fmt().json()` over a worker, without and with `FmtSpan::CLOSE`.

use std::path::Path;
use std::time::{Duration, Instant};

use localtel::Telemetry;
use localtel::consent::WhenUndecided;
use localtel::recording::{Overflow, Spans};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::format::FmtSpan;

use super::event;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// The setups, by their names in the arguments of a child process.
const SETUPS: [(&str, &str); 4] = [
    ("in-events", "localtel, spans in events only (the default)"),
    ("closed", "localtel, each closed span"),
    ("fmt", "`fmt().json()` + `non_blocking`"),
    (
        "fmt-close",
        "`fmt().json()` + `non_blocking`, `FmtSpan::CLOSE`",
    ),
];

/// Measures each setup in processes of its own, in turns.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let mut series: [Series; SETUPS.len()] = Default::default();
    let bursts = effort.pick("400", "10");
    for _ in 0..effort.rounds() {
        for ((setup, _), series) in SETUPS.iter().zip(&mut series) {
            let home = tempfile::tempdir()?;
            let path = home.path().join("telemetry");
            let path = path
                .to_str()
                .ok_or("the temporary directory is not UTF-8")?;
            let printed = child::measure("costs", &["spans", setup, bursts, path])?;
            series.push(printed.trim().parse()?);
        }
    }
    let medians = series.each_ref().map(Series::median);
    let [_, closed, _, fmt_close] = medians;
    let figure = Figure {
        what:
            "caller's time of a span that is recorded when it closes, against `fmt().json()` with \
               `FmtSpan::CLOSE`"
                .to_owned(),
        target: Bound::AtMost(0.5),
        measured: closed / fmt_close,
        unit: "×",
    };
    let rows = SETUPS.iter().zip(medians);
    let rows = rows.map(|((_, name), median)| [(*name).to_owned(), number(median)].to_vec());
    let columns = ["setup", "ns of a span"];
    let table = Table {
        title: "A span that is opened, entered, exited and closed".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    };
    Ok((vec![figure], table))
}

/// Prints the nanoseconds of a span in the median burst.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
    let [setup, bursts, path] = arguments else {
        return Err("`spans` takes a setup, bursts and a directory".into());
    };
    let (bursts, directory): (usize, &Path) = (bursts.parse()?, Path::new(path));
    match *setup {
        "in-events" => with_localtel(Spans::InEvents, bursts, directory),
        "closed" => {
            let at_least = Duration::ZERO;
            with_localtel(Spans::Closed { at_least }, bursts, directory)
        }
        "fmt" => with_fmt(FmtSpan::NONE, bursts, directory),
        "fmt-close" => with_fmt(FmtSpan::CLOSE, bursts, directory),
        _ => Err("unknown setup".into()),
    }
}

fn with_localtel(spans: Spans, bursts: usize, directory: &Path) -> Result<()> {
    let telemetry = Telemetry::builder("bench")
        .dir(directory)
        .when_undecided(WhenUndecided::Record)
        .overflow(Overflow::Block)
        .spans(spans)
        .try_open()?;
    event::install(&telemetry);
    println!("{}", median_nanos(bursts));
    event::check_complete(&telemetry)?;
    let expected = match spans {
        Spans::Closed { .. } => bursts as u64 * u64::from(BURST_SPANS),
        _ => 0,
    };
    if telemetry.status().counts.recorded == expected {
        Ok(())
    } else {
        Err("not every span was recorded".into())
    }
}

fn with_fmt(spans: FmtSpan, bursts: usize, directory: &Path) -> Result<()> {
    let (writer, _guard) = non_blocking(directory)?;
    tracing_subscriber::fmt()
        .json()
        .with_span_events(spans)
        .with_writer(writer)
        .init();
    println!("{}", median_nanos(bursts));
    Ok(())
}

/// Returns a writer to a rolling file whose callers wait if its queue is full.
fn non_blocking(directory: &Path) -> Result<(NonBlocking, WorkerGuard)> {
    let file = RollingFileAppender::builder().rotation(Rotation::HOURLY);
    let file = file.filename_prefix("events").build(directory)?;
    Ok(NonBlockingBuilder::default().lossy(false).finish(file))
}

/// Returns the nanoseconds of a span in the median burst. In the pause before each, the worker
/// writes the last one.
fn median_nanos(bursts: usize) -> f64 {
    let mut nanos = Series::default();
    for _ in 0..bursts {
        std::thread::sleep(PAUSE);
        let start = Instant::now();
        for id in 0..BURST_SPANS {
            let _query =
                tracing::info_span!("query", id, user = "eve", table = "projects").entered();
        }
        nanos.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(BURST_SPANS));
    }
    nanos.median()
}

const BURST_SPANS: u32 = 64;
const PAUSE: Duration = Duration::from_millis(2);
