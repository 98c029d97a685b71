//! Compression of closed segments: its price for the caller of events meanwhile, and for the
//! worker.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench prepares and lists a directory from outside"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use localtel::Limits;
use localtel::recording::{Compression, Delivery};

use super::event;
use super::sites::Sites;
use crate::effort::Effort;
use crate::results::{Bound, Figure, Table, number};
use crate::series::Series;
use crate::{Result, child};

/// Records events in a directory with old segments, with and without compression, in turn.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let home = tempfile::tempdir()?;
    let filled = home.path().join("filled");
    let events = effort.pick("250000", "60000");
    child::measure("costs", &["compression", "fill", text(&filled)?, events])?;
    let closed = closed_segments(&filled)?;
    let plain_bytes = bytes_of(&closed)?;
    let (mut off, mut on) = (Series::default(), Series::default());
    let (mut ratio, mut cost) = (Series::default(), Series::default());
    for _ in 0..effort.rounds() {
        for (word, nanos) in [("off", &mut off), ("on", &mut on)] {
            let path = home.path().join(word);
            copy(&filled, &path)?;
            let printed = child::measure("costs", &["compression", word, text(&path)?])?;
            let mut numbers = printed.split_whitespace().map(str::parse::<f64>);
            let mut next = || numbers.next().ok_or("a number is missing");
            nanos.push(next()??);
            if word == "on" {
                let (stored_bytes, milliseconds) = (next()??, next()??);
                ratio.push(plain_bytes / stored_bytes);
                cost.push(milliseconds / (plain_bytes / MIB));
            }
            fs::remove_dir_all(&path)?;
        }
    }
    let figures = vec![Figure {
        what: "caller's time of an event in bursts while the worker compresses, against while it does not"
            .to_owned(),
        target: Bound::AtMost(1.2),
        measured: on.median() / off.median(),
        unit: "×",
    }];
    let row = |name: &str, values: &Series| {
        let numbers = [values.median(), values.least(), values.most()].map(number);
        [name.to_owned()].into_iter().chain(numbers).collect()
    };
    let columns = ["", "median", "least", "most"];
    let table = Table {
        title: format!(
            "Compressing {:.0} MiB of closed segments",
            plain_bytes / MIB
        ),
        columns: columns.map(str::to_owned).to_vec(),
        rows: vec![
            row("an event while the worker compresses, ns", &on),
            row("an event while it does not, ns", &off),
            row("bytes before, against after", &ratio),
            row("the worker's time for 1 MiB of lines, ms", &cost),
        ],
    };
    Ok((figures, table))
}

/// Fills a directory, or records bursts in one with old segments, and prints the nanoseconds per
/// event; with compression also the compressed bytes and the milliseconds that it took.
pub(super) fn child(arguments: &[&str]) -> Result<()> {
    let (word, path) = match arguments {
        [word, path, ..] => (*word, Path::new(path)),
        _ => return Err("`compression` takes a word and a directory".into()),
    };
    let limits = Limits {
        segment_bytes_max: 4 << 20,
        compression: Compression::from(word == "on"),
        ..Limits::default()
    };
    let old = closed_segments(path).unwrap_or_default();
    let telemetry = event::open(path, Delivery::default(), limits)?;
    event::install(&telemetry);
    if let ["fill", _, events] = arguments {
        event::in_spans(|| event::emit(events.parse().unwrap_or(0)));
        drop(telemetry);
        for segment in closed_segments(path)? {
            File::open(segment)?.set_modified(SystemTime::now() - DAYS)?;
        }
        return Ok(());
    }
    let mut sites = Sites::one();
    // A process compresses nothing in its first second.
    std::thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    let mut done = None;
    let nanos = event::in_spans(|| {
        let mut bursts = Series::default();
        while bursts.median().is_nan() || start.elapsed() < BURSTS_LAST {
            // Only what is recorded while segments are being compressed counts.
            let burst = event::bursts(&mut sites, 10);
            if word == "off" || old.iter().any(|segment| segment.exists()) {
                bursts.push(burst);
            } else {
                done.get_or_insert_with(|| start.elapsed());
            }
        }
        bursts.median()
    });
    event::check_complete(&telemetry)?;
    print!("{nanos}");
    if word == "on" {
        let done = done.ok_or("it was not compressed in time")?;
        println!(" {} {}", compressed_bytes(path)?, done.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    Ok(path
        .to_str()
        .ok_or("the temporary directory is not UTF-8")?)
}

/// Returns the plain segments except the highest.
fn closed_segments(path: &Path) -> Result<Vec<PathBuf>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if name.starts_with("events.0") && !name.contains(".zst") {
            segments.push(entry.path());
        }
    }
    segments.sort();
    segments.pop();
    Ok(segments)
}

fn compressed_bytes(path: &Path) -> Result<f64> {
    let mut compressed = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "zst") {
            compressed.push(path);
        }
    }
    bytes_of(&compressed)
}

fn bytes_of(files: &[PathBuf]) -> Result<f64> {
    let mut bytes = 0.0;
    for file in files {
        bytes += float(fs::metadata(file)?.len());
    }
    Ok(bytes)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

/// Copies a directory with the times of its files.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            let copied = to.join(entry.file_name());
            fs::copy(entry.path(), &copied)?;
            File::open(copied)?.set_modified(metadata.modified()?)?;
        }
    }
    Ok(())
}

const MIB: f64 = 1024.0 * 1024.0;

/// Older than the age at which a closed segment is compressed.
const DAYS: Duration = Duration::from_hours(48);

/// The time for which bursts are recorded: more than compressing takes.
const BURSTS_LAST: Duration = Duration::from_secs(6);
