//! Whether an event costs more after growth: after millions of events, at a thousand call sites,
//! after many rotations, in a directory with thousands of segments.
//!
//! Each case is a process that prepares itself and then waits for requests for bursts. All of them
//! run at the same time and take turns, and each is compared with the fresh one in the same round.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes and reads the disk from outside"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use localtel::recording::Delivery;
use localtel::{Limits, Telemetry};
use tempfile::TempDir;

use super::sites::Sites;
use super::{directory, event};
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// The history of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// No events before: the reference for the others.
    Fresh,
    /// The same again, which shows the noise of the comparison.
    FreshAgain,
    Events,
    Sites,
    Rotations,
    Segments,
}

/// The process of a case.
struct Contender {
    case: Case,
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    nanos: Series,
    of_fresh: Series,
    _directory: TempDir,
}

/// Runs the cases in turn.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let events_before = effort.pick(10_000_000, 100_000);
    let start = |case| Contender::start(case, events_before);
    let mut contenders: Vec<Contender> = Case::ALL.into_iter().map(start).collect::<Result<_>>()?;
    // The first answers only show that all processes are prepared.
    for contender in &mut contenders {
        contender.measure()?;
    }
    for _ in 0..effort.pick(61, 3) {
        let mut fresh = f64::NAN;
        for contender in &mut contenders {
            let nanos = contender.measure()?;
            if contender.case == Case::Fresh {
                fresh = nanos;
            }
            contender.nanos.push(nanos);
            contender.of_fresh.push(nanos / fresh);
        }
    }
    let figures = contenders.iter().filter_map(|own| own.figure(effort));
    let figures = figures.collect();
    let columns = ["case", "ns per event", "least", "most", "× fresh"];
    let table = Table {
        title: "An event after growth".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: contenders.iter().map(|own| own.row(effort)).collect(),
    };
    for contender in contenders {
        contender.end()?;
    }
    Ok((figures, table))
}

/// Prepares the case, then records bursts on each request, and prints the nanoseconds per event.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
    let [word, events_before, path] = arguments else {
        return Err("growth needs a case, a number of events and a path".into());
    };
    let case = Case::of_word(word)?;
    let path = Path::new(path);
    if case == Case::Segments {
        directory::fill(path)?;
    }
    let telemetry = event::open(path, Delivery::Background, case.limits())?;
    event::install(&telemetry);
    event::in_spans(|| answer(case, events_before.parse()?, &telemetry, path))?;
    event::check_complete(&telemetry)?;
    Ok(())
}

fn answer(case: Case, events_before: u64, telemetry: &Telemetry, path: &Path) -> Result<()> {
    match case {
        Case::Fresh | Case::FreshAgain | Case::Sites | Case::Segments => {}
        Case::Events => event::emit(events_before),
        Case::Rotations => rotate(telemetry, path)?,
    }
    telemetry.flush()?;
    let mut sites = match case {
        Case::Sites => Sites::thousand(),
        Case::Fresh | Case::FreshAgain | Case::Events | Case::Rotations | Case::Segments => {
            Sites::one()
        }
    };
    for request in std::io::stdin().lines() {
        let bursts = request?.parse()?;
        println!("{}", event::bursts(&mut sites, bursts));
    }
    Ok(())
}

/// Records events until the segment was rotated [`ROTATIONS`] times.
fn rotate(telemetry: &Telemetry, path: &Path) -> Result<()> {
    let beyond = path.join(format!("events.{:06}.jsonl", ROTATIONS + 1));
    while !fs::exists(&beyond)? {
        event::emit(1000);
        telemetry.flush()?;
    }
    Ok(())
}

impl Case {
    const ALL: [Self; 6] = [
        Self::Fresh,
        Self::FreshAgain,
        Self::Events,
        Self::Sites,
        Self::Rotations,
        Self::Segments,
    ];

    /// Returns its name in the arguments of a child process.
    fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::FreshAgain => "fresh-again",
            Self::Events => "events",
            Self::Sites => "sites",
            Self::Rotations => "rotations",
            Self::Segments => "segments",
        }
    }

    fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("unknown case `{word}`").into())
    }

    fn what(self, effort: Effort) -> String {
        match self {
            Self::Fresh => "fresh".to_owned(),
            Self::FreshAgain => "fresh, repeated: the noise".to_owned(),
            Self::Events => format!("after {} events", effort.pick("10 million", "100,000")),
            Self::Sites => "at 1,000 call sites in turn".to_owned(),
            Self::Rotations => format!("after {ROTATIONS} rotations, during further ones"),
            Self::Segments => format!("in a directory with {} segments", directory::SEGMENTS),
        }
    }

    fn limits(self) -> Limits {
        match self {
            Self::Fresh | Self::FreshAgain | Self::Events | Self::Sites | Self::Segments => {
                Limits::default()
            }
            Self::Rotations => Limits {
                segment_bytes_max: ROTATED_SEGMENT_BYTES,
                ..Limits::default()
            },
        }
    }
}

impl Contender {
    fn start(case: Case, events_before: u64) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut process = Command::new(std::env::current_exe()?)
            .args([child::WORD, "costs", "growth", case.word()])
            .arg(events_before.to_string())
            .arg(directory.path().join("telemetry"))
            .env_remove("DO_NOT_TRACK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = process.stdin.take().ok_or("stdin is not a pipe")?;
        let answers = process.stdout.take().ok_or("stdout is not a pipe")?;
        Ok(Self {
            case,
            process,
            requests,
            answers: BufReader::new(answers),
            nanos: Series::default(),
            of_fresh: Series::default(),
            _directory: directory,
        })
    }

    /// Requests bursts, and returns the nanoseconds per event.
    fn measure(&mut self) -> Result<f64> {
        writeln!(self.requests, "{TURN_BURSTS}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let failed = |_| format!("the case `{}` ended early", self.case.word());
        Ok(answer.trim().parse().map_err(failed)?)
    }

    fn figure(&self, effort: Effort) -> Option<Figure> {
        match self.case {
            Case::Fresh | Case::FreshAgain => None,
            Case::Events | Case::Sites | Case::Rotations | Case::Segments => Some(Figure {
                what: format!("an event {}, against a fresh one", self.case.what(effort)),
                target: Bound::AtMost(1.1),
                measured: self.of_fresh.median(),
                unit: "×",
            }),
        }
    }

    fn row(&self, effort: Effort) -> Vec<String> {
        vec![
            self.case.what(effort),
            number(self.nanos.median()),
            number(self.nanos.least()),
            number(self.nanos.most()),
            number(self.of_fresh.median()),
        ]
    }

    /// Ends the process by closing its stdin.
    fn end(mut self) -> Result<()> {
        drop(self.requests);
        if self.process.wait()?.success() {
            Ok(())
        } else {
            Err(format!("the case `{}` failed", self.case.word()).into())
        }
    }
}

/// Number of bursts in a turn: 30 × (2 ms + some 30 µs) is a fifteenth of a second.
const TURN_BURSTS: usize = 30;

/// Number of rotations before the first burst.
const ROTATIONS: u64 = 100;

/// A segment of some 600 events: 100 rotations take a second, and each turn has several more.
const ROTATED_SEGMENT_BYTES: u64 = 256 * 1024;
