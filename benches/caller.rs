//! What does one event cost the caller?
//!
//! The same event is recorded in the same two spans by localtel in the background and by
//! `tracing_subscriber::fmt().json()` over a lossless `tracing_appender::non_blocking`, and by nobody, as the
//! floor. Only the loop that emits is timed. Each measurement is a process of its own that installs its
//! subscriber as a program does, for all threads and for good: callsites then know of one subscriber only. The
//! contenders take turns, so that a busy moment of the machine hits all of them, and the median counts.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes and counts lines on the disk from outside"
)]

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use localtel::{Consent, Delivery, Overflow, Telemetry, WhenUndecided};
use tracing_appender::non_blocking::NonBlockingBuilder;
use tracing_subscriber::prelude::*;

/// What records the events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Localtel,
    Peer,
    Nobody,
    Off,
}

impl Contender {
    const ALL: [Self; 4] = [Self::Localtel, Self::Peer, Self::Nobody, Self::Off];

    fn name(self) -> &'static str {
        match self {
            Self::Localtel => "localtel, background",
            Self::Peer => "fmt().json(), non_blocking",
            Self::Nobody => "no subscriber",
            Self::Off => "localtel, telemetry off",
        }
    }

    /// The word for it between this process and those that measure.
    fn word(self) -> &'static str {
        match self {
            Self::Localtel => "localtel",
            Self::Peer => "peer",
            Self::Nobody => "nobody",
            Self::Off => "off",
        }
    }

    fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("no contender is called `{word}`").into())
    }

    fn is_recording(self) -> bool {
        match self {
            Self::Localtel | Self::Peer => true,
            Self::Nobody | Self::Off => false,
        }
    }
}

/// How fast the events come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// A few at a time, so that the worker keeps up: what a program notices that has other work to do.
    Bursts,
    /// One after the other: the worker, the disk and the bound on memory show.
    BackToBack,
}

impl Pace {
    const ALL: [Self; 2] = [Self::Bursts, Self::BackToBack];

    fn of_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.name() == name);
        found.ok_or_else(|| format!("no pace is called `{name}`").into())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bursts => "in bursts",
            Self::BackToBack => "back to back",
        }
    }
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effort {
    /// Enough to be judged.
    Full,
    /// Shows within two seconds that the bench works; the numbers decide nothing.
    Quick,
}

impl Effort {
    fn rounds(self) -> usize {
        match self {
            Self::Full => 11,
            Self::Quick => 2,
        }
    }

    fn events(self, pace: Pace) -> usize {
        match (self, pace) {
            (Self::Full, Pace::Bursts) => 400 * BURST_EVENTS,
            (Self::Full, Pace::BackToBack) => 200_000,
            (Self::Quick, Pace::Bursts) => 10 * BURST_EVENTS,
            (Self::Quick, Pace::BackToBack) => 5_000,
        }
    }
}

/// What one process measured.
struct Sample {
    nanos_per_event: f64,
    lines_lost: usize,
}

/// What all rounds of one contender at one pace came to.
struct Row {
    contender: Contender,
    pace: Pace,
    median_nanos: f64,
    least_nanos: f64,
    most_nanos: f64,
    lines_lost: usize,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => compare(Effort::Full),
        ["--quick"] => compare(Effort::Quick),
        [MEASURE, contender, pace, events, path] => {
            let (contender, pace) = (Contender::of_word(contender)?, Pace::of_name(pace)?);
            let nanos = measure(contender, pace, events.parse()?, Path::new(path));
            println!("{nanos}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("usage: caller [--quick]".into()),
    }
}

/// Lets the contenders take turns and prints what it came to.
fn compare(effort: Effort) -> Result<ExitCode> {
    let mut rows = Vec::new();
    for pace in Pace::ALL {
        let mut samples: [Vec<Sample>; Contender::ALL.len()] = Default::default();
        for _ in 0..effort.rounds() {
            for (index, contender) in Contender::ALL.into_iter().enumerate() {
                samples[index].push(in_own_process(contender, pace, effort.events(pace))?);
            }
        }
        for (contender, samples) in Contender::ALL.into_iter().zip(&samples) {
            rows.push(Row::new(contender, pace, samples));
        }
    }
    print!("{}", Table(&rows));
    println!(
        "\n{} rounds of {} events in bursts of {BURST_EVENTS} and {} back to back; median, least and most.",
        effort.rounds(),
        effort.events(Pace::Bursts),
        effort.events(Pace::BackToBack),
    );
    let ratio = Pace::ALL
        .map(|pace| ratio_to_peer(&rows, Contender::Localtel, pace))
        .into_iter()
        .fold(0.0, f64::max);
    let holds = ratio < RATIO_MAX;
    println!(
        "Recording in the background costs at most {ratio:.2} of the peer; a third is allowed: {}.",
        if holds { "holds" } else { "does not hold" }
    );
    Ok(match effort {
        Effort::Full if !holds => ExitCode::FAILURE,
        Effort::Full | Effort::Quick => ExitCode::SUCCESS,
    })
}

/// Measures one contender in a process of its own, then counts the lines it left.
fn in_own_process(contender: Contender, pace: Pace, events: usize) -> Result<Sample> {
    let directory = tempfile::tempdir()?;
    let output = Command::new(std::env::current_exe()?)
        .args([MEASURE, contender.word(), pace.name(), &events.to_string()])
        .arg(directory.path())
        .env_remove("DO_NOT_TRACK")
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let nanos: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    let wanted = if contender.is_recording() {
        warm_up_events(events) + events
    } else {
        0
    };
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
    let nanos_per_event = nanos / events as f64;
    Ok(Sample {
        nanos_per_event,
        lines_lost: wanted - lines_of_events(directory.path())?,
    })
}

/// Emits the events and returns how many nanoseconds the caller spent on them.
fn measure(contender: Contender, pace: Pace, events: usize, directory: &Path) -> u128 {
    match contender {
        Contender::Localtel => measure_localtel(Consent::Undecided, pace, events, directory),
        Contender::Off => measure_localtel(Consent::Disabled, pace, events, directory),
        Contender::Peer => {
            let file = tracing_appender::rolling::never(directory, "events.000001.jsonl");
            let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(file);
            tracing_subscriber::fmt().json().with_writer(writer).init();
            let nanos = emit_in_spans(pace, events);
            drop(guard);
            nanos
        }
        Contender::Nobody => emit_in_spans(pace, events),
    }
}

fn measure_localtel(flag: Consent, pace: Pace, events: usize, directory: &Path) -> u128 {
    let telemetry = Telemetry::builder("bench")
        .dir(directory.join("telemetry"))
        .when_undecided(WhenUndecided::Record)
        .flag(flag)
        .delivery(Delivery::Background)
        .overflow(Overflow::Block)
        .open();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    subscriber.init();
    let nanos = emit_in_spans(pace, events);
    telemetry.close(Duration::from_mins(1));
    nanos
}

fn emit_in_spans(pace: Pace, events: usize) -> u128 {
    let _request = tracing::info_span!("request", id = 7_u64, user = "eve").entered();
    let _query = tracing::info_span!("query", table = "projects").entered();
    emit(warm_up_events(events));
    std::thread::sleep(PAUSE * 20);
    match pace {
        Pace::Bursts => (0..events / BURST_EVENTS)
            .map(|_| {
                std::thread::sleep(PAUSE);
                emit(BURST_EVENTS)
            })
            .sum(),
        Pace::BackToBack => emit(events),
    }
}

/// Emits so many events one after the other.
fn emit(events: usize) -> u128 {
    let start = Instant::now();
    for duration in 0..events {
        tracing::info!(
            command = "project-list",
            result = "SUCCESS",
            duration,
            ratio = 0.25,
            cached = true,
            "listed projects"
        );
    }
    start.elapsed().as_nanos()
}

/// Counts the lines of events in the segments, leaving out those that localtel writes about itself.
fn lines_of_events(directory: &Path) -> Result<usize> {
    let mut count = 0;
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            } else if entry.file_type()?.is_file() {
                let text = fs::read_to_string(entry.path())?;
                count += text.lines().filter(|line| line.contains(MESSAGE)).count();
            }
        }
    }
    Ok(count)
}

fn warm_up_events(events: usize) -> usize {
    events / 10
}

impl Row {
    fn new(contender: Contender, pace: Pace, samples: &[Sample]) -> Self {
        let mut nanos: Vec<f64> = samples
            .iter()
            .map(|sample| sample.nanos_per_event)
            .collect();
        nanos.sort_by(f64::total_cmp);
        Self {
            contender,
            pace,
            median_nanos: nanos[nanos.len() / 2],
            least_nanos: nanos[0],
            most_nanos: nanos[nanos.len() - 1],
            lines_lost: samples.iter().map(|sample| sample.lines_lost).sum(),
        }
    }
}

/// Returns what a contender costs, as a part of what the peer costs at the same pace.
fn ratio_to_peer(rows: &[Row], contender: Contender, pace: Pace) -> f64 {
    let median = |contender| {
        rows.iter()
            .find(|row| row.contender == contender && row.pace == pace)
            .map_or(f64::NAN, |row| row.median_nanos)
    };
    median(contender) / median(Contender::Peer)
}

/// All rows as Markdown.
struct Table<'a>(&'a [Row]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| pace | recorded by | ns per event | least | most | of the peer | lines lost |"
        )?;
        writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: |")?;
        for row in self.0 {
            let (pace, name) = (row.pace.name(), row.contender.name());
            write!(f, "| {pace} | {name} | {:.1} ", row.median_nanos)?;
            write!(f, "| {:.1} | {:.1} ", row.least_nanos, row.most_nanos)?;
            let ratio = ratio_to_peer(self.0, row.contender, row.pace);
            writeln!(f, "| {ratio:.3} | {} |", row.lines_lost)?;
        }
        Ok(())
    }
}

/// The first argument of the process that measures.
const MEASURE: &str = "measure";

/// What every line of an event holds.
const MESSAGE: &str = "listed projects";

/// So many events come at once, as from one request; both workers empty that within the pause.
const BURST_EVENTS: usize = 64;

/// The pause between two bursts.
const PAUSE: Duration = Duration::from_millis(2);

/// What recording in the background may cost, as a part of what the peer costs.
const RATIO_MAX: f64 = 1.0 / 3.0;
