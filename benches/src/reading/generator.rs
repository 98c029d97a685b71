//! Directories to read: segments as localtel writes them, generated once and kept in cargo's target
//! directory.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench writes its data from outside"
)]

use std::fs::{self, File, Permissions};
use std::io::{BufWriter, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use localtel::consent::WhenUndecided;
use localtel::recording::Compression;
use localtel::{Event, Limits, Telemetry};

use super::lines::{Lines, Opening};
use crate::Result;

/// A directory to read, with facts about it.
#[derive(Debug)]
pub(super) struct Data {
    /// The telemetry directory.
    pub(super) directory: PathBuf,
    /// Its segments, oldest first.
    pub(super) segments: Vec<PathBuf>,
    /// The size of all segments.
    pub(super) bytes: u64,
    /// The number of records.
    pub(super) records: u64,
    /// The time five minutes before the latest record.
    pub(super) since: String,
    /// The number of records of that time or later.
    pub(super) recent: u64,
}

/// The size of a directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// The number of segments.
    pub(super) segments: usize,
    /// The size at which a segment is closed.
    pub(super) segment_bytes: usize,
}

/// Returns a directory of a size, from an earlier run if there is one. Its files are in the page
/// cache.
pub(super) fn data(home: &Path, size: Size) -> Result<Data> {
    let name = format!("{}x{}", size.segments, size.segment_bytes);
    let (place, marker) = (home.join(&name), home.join(format!("{name}.made")));
    let segments: Vec<PathBuf> = (1..=size.segments)
        .map(|number| place.join(format!("events.{number:06}.jsonl")))
        .collect();
    let facts = match fs::read_to_string(&marker) {
        Ok(facts) if facts.starts_with(VERSION) && segments.iter().all(|path| path.is_file()) => {
            facts
        }
        Ok(_) | Err(_) => {
            let facts = make(&place, &segments, size)?;
            fs::write(&marker, &facts)?;
            facts
        }
    };
    read(place, segments, &facts)
}

/// Returns a directory with the lines of another one in one segment.
pub(super) fn joined(home: &Path, data: &Data) -> Result<Data> {
    let place = home.join(format!("joined-{}-{}", data.segments.len(), data.bytes));
    let segment = place.join("events.000001.jsonl");
    let is_made = segment.metadata().is_ok_and(|it| it.len() == data.bytes);
    if !is_made {
        start(&place)?;
        let mut file = File::create(&segment)?;
        for part in &data.segments {
            std::io::copy(&mut File::open(part)?, &mut file)?;
        }
        file.sync_all()?;
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    let (records, since, recent) = (data.records, &data.since, data.recent);
    let facts = format!("{VERSION} {records} {since} {recent}");
    read(place, vec![segment], &facts)
}

/// Returns a directory above several ones, which have the lines of another one in turn: so the
/// directories must be merged line by line.
pub(super) fn spread(home: &Path, data: &Data, count: usize) -> Result<Data> {
    let place = home.join(format!("spread-{count}-{}", data.bytes));
    let directories = (0..count).map(|number| place.join(format!("app{number:02}/telemetry")));
    let segments: Vec<PathBuf> = directories
        .map(|directory| directory.join("events.000001.jsonl"))
        .collect();
    let sizes = segments.iter().filter_map(|path| path.metadata().ok());
    if sizes.map(|facts| facts.len()).sum::<u64>() != data.bytes {
        start(&place)?;
        let mut files = Vec::new();
        for segment in &segments {
            start(segment.parent().ok_or("a segment has no directory")?)?;
            files.push(BufWriter::new(File::create(segment)?));
        }
        let mut turn = 0;
        for part in &data.segments {
            for line in fs::read(part)?.split_inclusive(|byte| *byte == b'\n') {
                let file = files.get_mut(turn % count).ok_or("there is no file")?;
                file.write_all(line)?;
                turn += 1;
            }
        }
        for file in files {
            let file = file.into_inner()?;
            file.sync_all()?;
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
    }
    let (records, since, recent) = (data.records, &data.since, data.recent);
    read(
        place,
        segments,
        &format!("{VERSION} {records} {since} {recent}"),
    )
}

/// Returns a directory with the lines of another one, whose closed segments localtel compressed.
/// Its bytes are the plain ones.
pub(super) fn compressed(home: &Path, data: &Data) -> Result<Data> {
    let place = home.join(format!("compressed-{}-{}", data.segments.len(), data.bytes));
    let mut segments = Vec::new();
    for (at, plain) in data.segments.iter().enumerate() {
        let mut name = plain.file_name().ok_or("a segment has no name")?.to_owned();
        if at + 1 < data.segments.len() {
            name.push(".zst");
        }
        segments.push(place.join(name));
    }
    if !segments.iter().all(|path| path.is_file()) {
        start(&place)?;
        for plain in &data.segments {
            let copy = place.join(plain.file_name().ok_or("a segment has no name")?);
            fs::copy(plain, &copy)?;
            File::open(&copy)?.set_modified(SystemTime::now() - OLD)?;
        }
        let limits = Limits {
            compression: Compression::On,
            ..Limits::default()
        };
        let telemetry = Telemetry::builder("ticloud")
            .dir(&place)
            .when_undecided(WhenUndecided::Record)
            .limits(limits)
            .try_open()?;
        let begin = Instant::now();
        while !segments.iter().all(|path| path.is_file()) {
            if begin.elapsed() > COMPRESSED_WITHIN {
                return Err(format!("{} is not compressed", place.display()).into());
            }
            // A worker compresses between records, and sleeps while there are none.
            telemetry.record(&Event::new("tick"));
            thread::sleep(Duration::from_millis(50));
        }
        drop(telemetry);
    }
    let (records, since, recent) = (data.records, &data.since, data.recent);
    let facts = format!("{VERSION} {records} {since} {recent}");
    Ok(Data {
        bytes: data.bytes,
        ..read(place, segments, &facts)?
    })
}

/// Reads a directory that was made, and the facts about it.
fn read(directory: PathBuf, segments: Vec<PathBuf>, facts: &str) -> Result<Data> {
    let words: Vec<&str> = facts.split_whitespace().collect();
    let [_, records, since, recent] = words.as_slice() else {
        return Err(format!("the facts about {} are invalid", directory.display()).into());
    };
    Ok(Data {
        bytes: warm(&segments)?,
        directory,
        segments,
        records: records.parse()?,
        since: (*since).to_owned(),
        recent: recent.parse()?,
    })
}

/// Makes an empty directory.
fn start(place: &Path) -> Result<()> {
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::create_dir_all(place)?;
    Ok(fs::set_permissions(place, Permissions::from_mode(0o700))?)
}

/// Writes the directory, and returns the facts about it.
fn make(place: &Path, segments: &[PathBuf], size: Size) -> Result<String> {
    start(place)?;
    let mut lines = Lines::new();
    let mut segment = Vec::with_capacity(size.segment_bytes);
    for (at, path) in segments.iter().enumerate() {
        fill(&mut segment, at, size.segment_bytes, &mut lines);
        let mut file = File::create(path)?;
        file.write_all(&segment)?;
        // The kernel has nothing left to write while others are measured.
        file.sync_all()?;
        // The head is writable, closed segments are not.
        let mode = if at + 1 == segments.len() {
            0o600
        } else {
            0o400
        };
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    let (records, recent) = (lines.records(), lines.recent(SINCE_SECONDS));
    let since = lines.seconds_before_latest(SINCE_SECONDS);
    Ok(format!("{VERSION} {records} {since} {recent}\n"))
}

/// Writes the lines of a segment.
fn fill(segment: &mut Vec<u8>, at: usize, bytes_max: usize, lines: &mut Lines) {
    segment.clear();
    let opening = if at.is_multiple_of(SEGMENTS_PER_SESSION) {
        Opening::Begun
    } else {
        Opening::Resumed
    };
    lines.session(opening, segment);
    let mut announced = segment.len();
    while segment.len() + LINE_BYTES_MAX <= bytes_max {
        if segment.len() - announced >= ANNOUNCED_BYTES {
            lines.session(Opening::Resumed, segment);
            announced = segment.len();
        } else {
            lines.event(segment);
        }
    }
}

/// Reads everything once, so that no contender waits for the disk, and returns its size.
fn warm(segments: &[PathBuf]) -> Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    for path in segments {
        let mut file = File::open(path)?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => bytes += read as u64,
            }
        }
    }
    Ok(bytes)
}

/// The first word of the marker. A change of it generates everything again.
const VERSION: &str = "generator-1";

/// The age of segments that are to be compressed.
const OLD: Duration = Duration::from_hours(48);

/// The time within which a directory is compressed: ten times as long as it takes on one core.
const COMPRESSED_WITHIN: Duration = Duration::from_mins(1);

/// The range of `--since`, in seconds before the end.
const SINCE_SECONDS: u64 = 5 * 60;

/// Number of segments that one process writes.
const SEGMENTS_PER_SESSION: usize = 3;

/// Number of bytes between two session records.
const ANNOUNCED_BYTES: usize = 1 << 20;

/// More bytes than any generated line has.
const LINE_BYTES_MAX: usize = 1024;
