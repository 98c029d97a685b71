//! Directories to read: segments as localtel writes them, generated once and kept in cargo's target
//! directory.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench writes its data from outside"
)]

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

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

/// The range of `--since`, in seconds before the end.
const SINCE_SECONDS: u64 = 5 * 60;

/// Number of segments that one process writes.
const SEGMENTS_PER_SESSION: usize = 3;

/// Number of bytes between two session records.
const ANNOUNCED_BYTES: usize = 1 << 20;

/// More bytes than any generated line has.
const LINE_BYTES_MAX: usize = 1024;
