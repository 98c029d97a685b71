//! How much memory telemetry takes at most: while nobody can write, so that the buffer fills up, and while a
//! program records at full speed.
//!
//! What is measured is what is resident and no page of a file: its peak, above what it was before telemetry was
//! opened. The pages of code that are touched on the way stand beside it; every process of the program shares them.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench looks at its process from outside"
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

/// What the program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    /// Records until events are dropped, because somebody else holds the directory's lock.
    Stuck,
    /// Records one event after the other, and waits for room.
    BackToBack,
}

/// A load, and how much may wait.
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
                .ok_or("the temporary directory has no plain name")?;
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
            wanted: Bound::AtMost(limit + BESIDE_KIB),
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
        "beyond the limit",
        "code beside it",
    ];
    let table = Table {
        title: "Resident memory of telemetry".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    };
    Ok((figures, table))
}

/// Prints how many KiB telemetry took at most beside code, and how many pages of code were touched.
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
        .limits(Limits::default().buffer_bytes(buffer_kib.parse::<usize>()? * 1024))
        .try_open()?;
    event::install(&telemetry);
    event::in_spans(|| {
        // All code has run by then, so that a peak after this is one of buffers.
        event::emit(1000);
        telemetry.flush()?;
        forget_peak()?;
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

/// Records until nothing more finds room, while the directory's lock is held.
fn fill(telemetry: &Telemetry, path: &Path) -> Result<()> {
    let lock = File::open(path.join("lock"))?;
    lock.lock()?;
    // The worker takes over what waits whenever it tries: then there may be room once more.
    for _ in 0..FILLINGS {
        let dropped = telemetry.status().counts.dropped;
        while telemetry.status().counts.dropped == dropped {
            event::emit(100);
        }
        std::thread::sleep(TRY_WAIT);
    }
    Ok(())
}

/// Has the peak of what is resident begin anew.
fn forget_peak() -> Result<()> {
    Ok(fs::write("/proc/self/clear_refs", "5")?)
}

/// Returns a line of this process's status, in KiB.
fn status_kib(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.split_whitespace().nth(1));
    Ok(value.ok_or("the status lacks a line")?.parse()?)
}

impl Load {
    /// The word for it between this process and those that measure.
    fn word(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::BackToBack => "back-to-back",
        }
    }

    fn of_word(word: &str) -> Result<Self> {
        let mut all = [Self::Stuck, Self::BackToBack].into_iter();
        let found = all.find(|own| own.word() == word);
        found.ok_or_else(|| format!("no load is called `{word}`").into())
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

/// What telemetry may take beside what waits.
const BESIDE_KIB: f64 = 1024.0;

/// How often the buffer is filled up, and how long between: longer than the worker takes from one try to the
/// next, 100 ms of trying and 100 ms of pause.
const FILLINGS: usize = 4;
const TRY_WAIT: Duration = Duration::from_millis(250);
