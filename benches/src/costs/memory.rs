//! The peak memory of telemetry: while nothing can be written, so that the buffer fills up, and
//! while a program records at full speed.
//!
//! This is resident memory that is not backed by a file: its peak, above the value before telemetry
//! was opened. The touched pages of code are listed separately; all processes of the program share
//! them.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the status of its process"
)]

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, Overflow};
use localtel::{Limits, Telemetry};

use super::event;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// The load of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    /// Records until events are dropped, because the directory's lock is held.
    Stuck,
    /// Records one event after the other, and waits if the buffer is full.
    BackToBack,
}

/// A load, and the limit of the buffer.
#[derive(Debug, Clone, Copy)]
struct Case {
    load: Load,
    buffer_kib: u32,
}

const CASES: [Case; 4] = [
    Case {
        load: Load::Stuck,
        buffer_kib: 1024,
    },
    Case {
        load: Load::Stuck,
        buffer_kib: 8 * 1024,
    },
    Case {
        load: Load::BackToBack,
        buffer_kib: 1024,
    },
    Case {
        load: Load::BackToBack,
        buffer_kib: 8 * 1024,
    },
];

/// Measures each load in processes of its own.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let events = effort.pick("2000000", "100000");
    let mut figures = Vec::new();
    let mut rows = Vec::new();
    for case in CASES {
        let mut peak = Series::default();
        let mut code = Series::default();
        for _ in 0..effort.pick(3, 1) {
            let home = tempfile::tempdir()?;
            let path = home.path().join("telemetry");
            let path = path
                .to_str()
                .ok_or("the temporary directory is not UTF-8")?;
            let (word, limit) = (case.load.word(), case.buffer_kib.to_string());
            let printed = child::measure("costs", &["memory", word, &limit, events, path])?;
            let mut numbers = printed.split_whitespace().map(str::parse::<f64>);
            let mut next = || numbers.next().ok_or("a number is missing");
            peak.push(next()??);
            code.push(next()??);
        }
        let limit = f64::from(case.buffer_kib);
        figures.push(Figure {
            what: format!(
                "resident memory {}, limit {} KiB",
                case.load.what(),
                case.buffer_kib
            ),
            target: Bound::AtMost(limit + BESIDE_KIB),
            measured: peak.most(),
            unit: "KiB",
        });
        let numbers = [limit, peak.most(), peak.most() - limit, code.most()].map(number);
        let name = case.load.what().to_owned();
        rows.push([name].into_iter().chain(numbers).collect());
    }
    let columns = [
        "load",
        "limit in KiB",
        "peak",
        "above the limit",
        "pages of code",
    ];
    let table = Table {
        title: "Resident memory of telemetry".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    };
    Ok((figures, table))
}

/// Prints the peak memory of telemetry without code, and the touched pages of code, in KiB.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
    let [word, buffer_kib, events, path] = arguments else {
        return Err("memory needs a load, a limit, a number of events and a path".into());
    };
    let load = Load::of_word(word)?;
    let path = Path::new(path);
    let (own_before, code_before) = (status_kib("RssAnon")?, status_kib("RssFile")?);
    let telemetry = Telemetry::builder("bench")
        .dir(path)
        .when_undecided(WhenUndecided::Record)
        .delivery(Delivery::Background)
        .overflow(load.overflow())
        .limits(Limits {
            buffer_bytes_max: buffer_kib.parse::<usize>()? * 1024,
            ..Limits::default()
        })
        .try_open()?;
    event::install(&telemetry);
    event::in_spans(|| {
        // All code has run after this, so that a later peak is one of buffers.
        event::emit(1000);
        telemetry.flush()?;
        reset_peak()?;
        match load {
            Load::Stuck => fill(&telemetry, path),
            Load::BackToBack => {
                event::emit(events.parse()?);
                event::check_complete(&telemetry)
            }
        }
    })?;
    let code = status_kib("RssFile")?;
    let own = status_kib("VmHWM")? - code;
    println!("{} {}", own - own_before, code - code_before);
    Ok(())
}

/// Records until the buffer is full, while the directory's lock is held.
fn fill(telemetry: &Telemetry, path: &Path) -> Result<()> {
    let lock = File::open(path.join("lock"))?;
    lock.lock()?;
    // The worker takes the waiting events at each attempt to write, so there may be room again.
    for _ in 0..FILLINGS {
        let dropped = telemetry.status().counts.dropped;
        while telemetry.status().counts.dropped == dropped {
            event::emit(100);
        }
        std::thread::sleep(TRY_WAIT);
    }
    Ok(())
}

/// Resets the peak of resident memory.
fn reset_peak() -> Result<()> {
    Ok(fs::write("/proc/self/clear_refs", "5")?)
}

/// Returns a value of this process's status, in KiB.
fn status_kib(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.split_whitespace().nth(1));
    Ok(value.ok_or("a line is missing in the status")?.parse()?)
}

impl Load {
    /// Returns its name in the arguments of a child process.
    fn word(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::BackToBack => "back-to-back",
        }
    }

    fn of_word(word: &str) -> Result<Self> {
        let mut all = [Self::Stuck, Self::BackToBack].into_iter();
        let found = all.find(|own| own.word() == word);
        found.ok_or_else(|| format!("unknown load `{word}`").into())
    }

    fn what(self) -> &'static str {
        match self {
            Self::Stuck => "while the lock is held and events are dropped",
            Self::BackToBack => "while events are recorded back to back",
        }
    }

    fn overflow(self) -> Overflow {
        match self {
            Self::Stuck => Overflow::Drop,
            Self::BackToBack => Overflow::Block,
        }
    }
}

/// Memory that telemetry may take above the limit of the buffer, in KiB.
const BESIDE_KIB: f64 = 1024.0;

/// Number of times that the buffer is filled, and the time between them: longer than the worker
/// takes from one attempt to the next, which is 100 ms of waiting for the lock and 100 ms of pause.
const FILLINGS: usize = 4;
const TRY_WAIT: Duration = Duration::from_millis(250);
