//! The cost of telemetry in a short program, which opens telemetry inline, records one event and
//! ends. It is compared with one that appends the same bytes with `std::fs`, both above one that
//! does nothing.
//!
//! All of them are this program, so that loading costs them the same. The parent reads the
//! processor time from `/proc/<pid>/schedstat` after the child has ended and before it is waited
//! for: the scheduler's count in nanoseconds, from its start to its last instruction in the kernel.
//! It counts the main thread, and these programs have no other. The differences are small compared
//! with starting a process, so each process also counts its own time, without its start and end,
//! and the figure uses that count.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes and reads the disk from outside"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use localtel::recording::Delivery;
use localtel::{Event, Limits};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::time::{ClockId, clock_gettime};

use super::event;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// A short program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Empty,
    /// Appends the event's line.
    AppendLine,
    /// Appends, at once, all lines that localtel writes, with the records of the session.
    AppendLines,
    /// Opens telemetry and records nothing.
    Open,
    /// Records an event with `Telemetry::record`, without `tracing`.
    RecordedEvent,
    /// Records an event of `tracing` in an existing directory.
    TracingEvent,
    /// Records an event of `tracing` in a new directory.
    EventCold,
}

/// The processor times of one program in nanoseconds.
#[derive(Debug, Default)]
struct Times {
    /// From the process's start to its end, as the scheduler counted it.
    whole: Series,
    /// From the first instruction of the measurement to its last, as the process counted it.
    within: Series,
}

/// Number of bytes that localtel writes in such a program.
#[derive(Debug, Clone, Copy)]
struct Written {
    line_bytes: usize,
    lines_bytes: usize,
}

/// Runs the programs in turn, and compares them.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let home = tempfile::tempdir()?;
    let warm = home.path().join("warm");
    fs::write(home.path().join("appended.jsonl"), b"{}\n")?;
    processor_nanos(Program::TracingEvent, 0, &warm)?;
    let written = written(&warm)?;
    let times = take_turns(home.path(), written, effort.pick(600, 25))?;
    let [empty, _, lines, .., event, _] = &times;
    // Of the whole process, most of the time and its noise is starting it.
    let above = |times: &Times| times.within.median() - empty.within.median();
    let of_lines = |times: &Times| above(times) / above(lines);
    let figure = Figure {
        what: format!(
            "processor time of a program that records one event inline, against appending the same {} bytes \
             with `std::fs`, both above an empty program",
            written.lines_bytes,
        ),
        target: Bound::AtMost(1.5),
        measured: of_lines(event),
        unit: "×",
    };
    let row = |(program, times): (Program, &Times)| {
        let numbers = [
            times.whole.median() / 1e3,
            times.within.median() / 1e3,
            times.within.least() / 1e3,
            times.within.most() / 1e3,
            above(times) / 1e3,
            of_lines(times),
        ];
        let cells = numbers.map(number);
        [program.what(written)].into_iter().chain(cells).collect()
    };
    let columns = [
        "program",
        "µs, whole process",
        "µs, in `main`",
        "least",
        "most",
        "above the empty program",
        "× appending all lines",
    ];
    let table = Table {
        title: "Processor time of a short program".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: Program::ALL.into_iter().zip(&times).map(row).collect(),
    };
    Ok((vec![figure], table))
}

/// Runs each program `turns` times, in turn, and returns their processor times.
fn take_turns(home: &Path, written: Written, turns: usize) -> Result<[Times; COUNT]> {
    let mut times = Program::ALL.map(|_| Times::default());
    for turn in 0..turns {
        // A program is affected by the one that ran before it. The count is a prime, so that with
        // every stride each program has its turn, and over all strides each follows each other
        // equally often.
        let stride = 1 + turn % (COUNT - 1);
        let order = (0..COUNT).map(|at| at * stride % COUNT);
        for at in order {
            let (Some(program), Some(times)) = (Program::ALL.get(at), times.get_mut(at)) else {
                continue;
            };
            let cold = tempfile::tempdir_in(home)?;
            let (bytes, path) = match program {
                Program::Empty => (0, home.to_owned()),
                Program::AppendLine => (written.line_bytes, home.join("appended.jsonl")),
                Program::AppendLines => (written.lines_bytes, home.join("appended.jsonl")),
                Program::Open | Program::RecordedEvent | Program::TracingEvent => {
                    (0, home.join("warm"))
                }
                Program::EventCold => (0, cold.path().join("telemetry")),
            };
            let (whole, within) = processor_nanos(*program, bytes, &path)?;
            times.whole.push(whole);
            times.within.push(within);
        }
    }
    Ok(times)
}

/// Runs a program, and returns its processor time in nanoseconds, as counted by the scheduler and
/// by itself.
fn processor_nanos(program: Program, bytes: usize, path: &Path) -> Result<(f64, f64)> {
    let mut process = Command::new(std::env::current_exe()?)
        .args([child::WORD, "costs", "program", program.word()])
        .arg(bytes.to_string())
        .arg(path)
        .env_remove("DO_NOT_TRACK")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(&process)), ended)?;
    let schedstat = fs::read_to_string(format!("/proc/{}/schedstat", process.id()))?;
    let whole = schedstat.split_whitespace().next();
    let whole = whole.ok_or("no processor time")?.parse()?;
    let mut within = String::new();
    if let Some(mut printed) = process.stdout.take() {
        printed.read_to_string(&mut within)?;
    }
    if !process.wait()?.success() {
        return Err(format!("the program `{}` failed", program.word()).into());
    }
    Ok((whole, within.trim().parse()?))
}

/// Measures the bytes that one more program that records an event adds to the directory.
fn written(warm: &Path) -> Result<Written> {
    let segment = warm.join("events.000001.jsonl");
    let before = fs::read_to_string(&segment)?;
    processor_nanos(Program::TracingEvent, 0, warm)?;
    let after = fs::read_to_string(&segment)?;
    let added = after.strip_prefix(&before).ok_or("lines have changed")?;
    let line = added.lines().find(|line| line.contains("listed projects"));
    Ok(Written {
        line_bytes: line.ok_or("the event is missing")?.len() + 1,
        lines_bytes: added.len(),
    })
}

/// Runs as the program, and prints its own count of processor time in nanoseconds.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
    let nanos = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let start = nanos();
    act(arguments)?;
    println!("{}", nanos() - start);
    Ok(())
}

fn act(arguments: &[&str]) -> Result<()> {
    let [word, bytes, path] = arguments else {
        return Err("program needs a word, a number of bytes and a path".into());
    };
    let path = Path::new(path);
    let open = || event::open(path, Delivery::Inline, Limits::default());
    match Program::of_word(word)? {
        Program::Empty => {}
        Program::AppendLine | Program::AppendLines => {
            let mut line = vec![b'x'; bytes.parse()?];
            if let Some(last) = line.last_mut() {
                *last = b'\n';
            }
            let mut options = fs::OpenOptions::new();
            options
                .create(true)
                .append(true)
                .open(path)?
                .write_all(&line)?;
        }
        Program::Open => drop(open()?),
        Program::RecordedEvent => {
            let _outcome = open()?.record(&Event::new("listed").message("listed projects"));
        }
        Program::TracingEvent | Program::EventCold => {
            let telemetry = open()?;
            event::install(&telemetry);
            event::emit(1);
        }
    }
    Ok(())
}

impl Program {
    const ALL: [Self; COUNT] = [
        Self::Empty,
        Self::AppendLine,
        Self::AppendLines,
        Self::Open,
        Self::RecordedEvent,
        Self::TracingEvent,
        Self::EventCold,
    ];

    /// Returns its name in the arguments of a child process.
    fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::AppendLine => "append-line",
            Self::AppendLines => "append-lines",
            Self::Open => "open",
            Self::RecordedEvent => "recorded-event",
            Self::TracingEvent => "event",
            Self::EventCold => "event-cold",
        }
    }

    fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("unknown program `{word}`").into())
    }

    fn what(self, written: Written) -> String {
        let Written {
            line_bytes,
            lines_bytes,
        } = written;
        match self {
            Self::Empty => "empty program".to_owned(),
            Self::AppendLine => format!("`std::fs`, the event's line: {line_bytes} bytes"),
            Self::AppendLines => {
                format!("`std::fs`, all lines of localtel's session: {lines_bytes} bytes")
            }
            Self::Open => "localtel opened, nothing recorded".to_owned(),
            Self::RecordedEvent => "localtel, an event of `Telemetry::record`".to_owned(),
            Self::TracingEvent => "localtel, an event of `tracing`".to_owned(),
            Self::EventCold => "the same, in a new directory".to_owned(),
        }
    }
}

/// Number of programs: a prime.
const COUNT: usize = 7;
