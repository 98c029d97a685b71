//! The cost of an event at level ERROR for its caller, compared with one at level INFO: it ends the
//! lingering of the worker, which is a system call if the worker sleeps. Other levels do not.

use std::path::Path;
use std::time::{Duration, Instant};

use localtel::Limits;
use localtel::recording::Delivery;

use super::event;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// Numbers of events in a burst.
const BURSTS: [u32; 2] = [1, 64];

/// Measures both levels in one process, in turns.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let home = tempfile::tempdir()?;
    let path = home.path().join("telemetry");
    let path = path
        .to_str()
        .ok_or("the temporary directory is not UTF-8")?;
    let rounds = effort.pick("2000", "50");
    let printed = child::measure("costs", &["errors", rounds, path])?;
    let mut numbers = printed.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().ok_or("a number is missing");
    let mut figures = Vec::new();
    let mut rows = Vec::new();
    for burst in BURSTS {
        let (info, error) = (next()??, next()??);
        if burst > 1 {
            figures.push(Figure {
                what: format!("caller's time of an ERROR event, {burst} at once, against INFO"),
                target: Bound::AtMost(1.5),
                measured: error / info,
                unit: "×",
            });
        }
        let numbers = [info, error, error - info].map(number);
        let name = format!("{burst} at once, the worker lingers");
        rows.push([name].into_iter().chain(numbers).collect());
    }
    let columns = ["events", "INFO, ns", "ERROR, ns", "difference"];
    let table = Table {
        title: "An event at level ERROR".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    };
    Ok((figures, table))
}

/// Prints the nanoseconds per event at both levels, for each length of a burst.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
    let [rounds, path] = arguments else {
        return Err("`errors` takes rounds and a directory".into());
    };
    let rounds: usize = rounds.parse()?;
    let telemetry = event::open(Path::new(path), Delivery::Background, Limits::default())?;
    event::install(&telemetry);
    event::in_spans(|| {
        for burst in BURSTS {
            let (mut info, mut error) = (Series::default(), Series::default());
            for _ in 0..rounds {
                info.push(nanos(burst, emit_info));
                error.push(nanos(burst, emit_error));
            }
            println!("{} {}", info.median(), error.median());
        }
    });
    event::check_complete(&telemetry)
}

/// Emits a burst after a pause that is shorter than the worker lingers, and returns the nanoseconds
/// per event.
fn nanos(burst: u32, emit: impl Fn(u32)) -> f64 {
    std::thread::sleep(PAUSE);
    let start = Instant::now();
    for duration in 0..burst {
        emit(duration);
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(burst)
}

fn emit_info(duration: u32) {
    tracing::info!(
        command = "project-list",
        result = "SUCCESS",
        duration,
        ratio = 0.25,
        cached = true,
        "listed projects"
    );
}

fn emit_error(duration: u32) {
    tracing::error!(
        command = "project-list",
        result = "SUCCESS",
        duration,
        ratio = 0.25,
        cached = true,
        "listed projects"
    );
}

const PAUSE: Duration = Duration::from_millis(2);
