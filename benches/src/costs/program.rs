//! What telemetry adds to a program that does next to nothing: it opens telemetry inline, records one event and
//! ends. Beside it stands one that appends the same bytes with `std::fs`, and one that does nothing, which both
//! are measured above.
//!
//! All of them are this very program, so that loading costs them the same. The parent takes the processor time
//! from `/proc/<pid>/schedstat` when the child has ended and nobody has waited for it yet: the scheduler's count
//! in nanoseconds, from its start to its last instruction in the kernel. It counts the main thread, and none of
//! these programs has another.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes and looks at the disk from outside"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use localtel::{Delivery, Draft, Limits};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::event;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// What a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Empty,
    /// Appends the event's line.
    AppendLine,
    /// Appends, at once, all lines that localtel wrote: the session's beginning and its end stand around it.
    AppendLines,
    /// Opens telemetry and records nothing.
    Open,
    /// Records a draft, without `tracing`.
    Draft,
    /// Records an event; the directory is there.
    Event,
    /// Records an event; the directory is to be made.
    EventCold,
}

/// How many bytes localtel writes in such a program.
#[derive(Debug, Clone, Copy)]
struct Written {
    line_bytes: usize,
    lines_bytes: usize,
}

/// Lets the programs take turns.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let home = tempfile::tempdir()?;
    let warm = home.path().join("warm");
    fs::write(home.path().join("appended.jsonl"), b"{}\n")?;
    processor_nanos(Program::Event, 0, &warm)?;
    let written = written(&warm)?;
    let nanos = take_turns(home.path(), written, effort.pick(600, 25))?;
    let [empty, _, lines, .., event, _] = &nanos;
    let above = |nanos: &Series| nanos.median() - empty.median();
    let of_lines = |nanos: &Series| above(nanos) / above(lines);
    let figure = Figure {
        what: format!(
            "processor time of a program that records one event inline, against appending the same {} bytes \
             with `std::fs`, both above an empty program",
            written.lines_bytes,
        ),
        wanted: Bound::AtMost(1.5),
        measured: of_lines(event),
        unit: "×",
    };
    let row = |(program, nanos): (Program, &Series)| {
        let numbers = [nanos.median() / 1e3, above(nanos) / 1e3, of_lines(nanos)];
        let cells = numbers.map(number);
        [program.what(written)].into_iter().chain(cells).collect()
    };
    let columns = [
        "program",
        "µs",
        "above doing nothing",
        "of appending all lines",
    ];
    let table = Table {
        title: "Processor time of a short program".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: Program::ALL.into_iter().zip(&nanos).map(row).collect(),
    };
    Ok((vec![figure], table))
}

/// Runs each program that often, in turns, and returns their processor times in nanoseconds.
fn take_turns(home: &Path, written: Written, turns: usize) -> Result<[Series; Program::ALL.len()]> {
    let mut nanos = Program::ALL.map(|_| Series::default());
    let mut order: Vec<usize> = (0..Program::ALL.len()).collect();
    for _ in 0..turns {
        // What runs first finds the machine as the last one left it, so each is first in its turn.
        order.rotate_left(1);
        for at in &order {
            let (Some(program), Some(nanos)) = (Program::ALL.get(*at), nanos.get_mut(*at)) else {
                continue;
            };
            let cold = tempfile::tempdir_in(home)?;
            let (bytes, path) = match program {
                Program::Empty => (0, home.to_owned()),
                Program::AppendLine => (written.line_bytes, home.join("appended.jsonl")),
                Program::AppendLines => (written.lines_bytes, home.join("appended.jsonl")),
                Program::Open | Program::Draft | Program::Event => (0, home.join("warm")),
                Program::EventCold => (0, cold.path().join("telemetry")),
            };
            nanos.push(processor_nanos(*program, bytes, &path)?);
        }
    }
    Ok(nanos)
}

/// Runs a program and returns its processor time in nanoseconds.
fn processor_nanos(program: Program, bytes: usize, path: &Path) -> Result<f64> {
    let mut process = Command::new(std::env::current_exe()?)
        .args([child::WORD, "costs", "program", program.word()])
        .arg(bytes.to_string())
        .arg(path)
        .env_remove("DO_NOT_TRACK")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(&process)), ended)?;
    let schedstat = fs::read_to_string(format!("/proc/{}/schedstat", process.id()))?;
    if !process.wait()?.success() {
        return Err(format!("the program `{}` failed", program.word()).into());
    }
    let nanos = schedstat
        .split_whitespace()
        .next()
        .ok_or("no processor time")?;
    Ok(nanos.parse()?)
}

/// Counts what one more program that records an event adds to the directory.
fn written(warm: &Path) -> Result<Written> {
    let segment = warm.join("events.000001.jsonl");
    let before = fs::read_to_string(&segment)?;
    processor_nanos(Program::Event, 0, warm)?;
    let after = fs::read_to_string(&segment)?;
    let added = after.strip_prefix(&before).ok_or("lines have changed")?;
    let line = added.lines().find(|line| line.contains("listed projects"));
    Ok(Written {
        line_bytes: line.ok_or("the event is missing")?.len() + 1,
        lines_bytes: added.len(),
    })
}

/// Is the program.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
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
        Program::Draft => {
            let _offer = open()?.record(&Draft::new("listed").message("listed projects"));
        }
        Program::Event | Program::EventCold => {
            let telemetry = open()?;
            event::install(&telemetry);
            event::emit(1);
        }
    }
    Ok(())
}

impl Program {
    const ALL: [Self; 7] = [
        Self::Empty,
        Self::AppendLine,
        Self::AppendLines,
        Self::Open,
        Self::Draft,
        Self::Event,
        Self::EventCold,
    ];

    /// The word for it between this process and those that measure.
    fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::AppendLine => "append-line",
            Self::AppendLines => "append-lines",
            Self::Open => "open",
            Self::Draft => "draft",
            Self::Event => "event",
            Self::EventCold => "event-cold",
        }
    }

    fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("no program is called `{word}`").into())
    }

    fn what(self, written: Written) -> String {
        let Written {
            line_bytes,
            lines_bytes,
        } = written;
        match self {
            Self::Empty => "nothing".to_owned(),
            Self::AppendLine => format!("`std::fs`, the event's line: {line_bytes} bytes"),
            Self::AppendLines => {
                format!("`std::fs`, all lines of localtel's session: {lines_bytes} bytes")
            }
            Self::Open => "localtel opened, nothing recorded".to_owned(),
            Self::Draft => "localtel, a draft".to_owned(),
            Self::Event => "localtel, an event of `tracing`".to_owned(),
            Self::EventCold => "the same, and the directory is made".to_owned(),
        }
    }
}
