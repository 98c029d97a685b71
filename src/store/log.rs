//! The id of the log: `log.json` contains the session with which the records of a directory began,
//! and stays when that session's records are removed. It tells copies of one log from copies of
//! another, wherever they are brought together. Nothing else depends on it, so what fails here is
//! tried again with the next segment.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disk::Directory;
use super::document::{parse_object, read_bytes};
use super::head::{FoundBy, LocatedHead};
use super::segment::{FileName, SegmentNumber};
use super::segment_file::SegmentFile;
use super::{Store, numbers_without_lock};
use crate::record::Record;

/// What `log.json` contains.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Written {
    log: Uuid,
}

/// The state of `log.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoredLog {
    /// There is none, or a power cut left it empty.
    Missing,
    Known(Uuid),
    /// It cannot be read, or somebody else wrote it. It is not replaced.
    Strange,
}

impl StoredLog {
    fn read(directory: &Directory) -> Self {
        match read_bytes(directory, FileName::Log, BYTES_MAX) {
            Ok(None) => Self::Missing,
            Ok(Some(bytes)) if bytes.is_empty() => Self::Missing,
            Ok(Some(bytes)) => match parse_object(&bytes) {
                Ok(Written { log }) => Self::Known(log),
                Err(_) => Self::Strange,
            },
            Err(_) => Self::Strange,
        }
    }
}

impl Store {
    /// Stores the id of the log before a segment is created, if it is not stored. A directory
    /// without any segment, and without the memory of one, begins a new log.
    pub(super) fn keep_log(&self, directory: &Directory, found: LocatedHead) {
        let id = match (StoredLog::read(directory), found.by) {
            (StoredLog::Missing | StoredLog::Known(_), FoundBy::Nothing) => self.session,
            (StoredLog::Missing, FoundBy::Cache(_) | FoundBy::Listing) => {
                first_session(directory).or(self.session)
            }
            (StoredLog::Strange, _)
            | (StoredLog::Known(_), FoundBy::Cache(_) | FoundBy::Listing) => None,
        };
        let bytes = id.and_then(|log| serde_json::to_vec(&Written { log }).ok());
        if let Some(mut bytes) = bytes {
            bytes.push(b'\n');
            // Without a sync, which would make the first record of a directory slower: if a power
            // cut takes the file, the segments that tell the id are still there.
            drop(directory.replace_unsynced(&FileName::Log.text(), &bytes));
        }
    }
}

/// Returns the id of the log in a directory, or else the first session that is still there; nothing
/// if there is no record.
pub(crate) fn log_in(directory: &Directory) -> Option<Uuid> {
    match StoredLog::read(directory) {
        StoredLog::Known(log) => Some(log),
        StoredLog::Missing | StoredLog::Strange => first_session(directory),
    }
}

/// Returns the session of the first record at the start of one of the lowest segments.
fn first_session(directory: &Directory) -> Option<Uuid> {
    let numbers = numbers_without_lock(directory).ok()?;
    let mut lowest = numbers.into_iter().take(SEGMENTS_MAX);
    lowest.find_map(|number| session_at_start(directory, number))
}

fn session_at_start(directory: &Directory, number: SegmentNumber) -> Option<Uuid> {
    let (file, _) = SegmentFile::open(directory, number).ok()?;
    let mut bytes = vec![0; START_BYTES];
    let read = directory.read_back_start(&file, &mut bytes).ok()?;
    let mut lines = bytes.get(..read)?.split(|byte| *byte == b'\n');
    lines.find_map(|line| Some(Record::parse(line).ok()?.session))
}

/// The size of a file up to which it is read.
const BYTES_MAX: u64 = 1024;

/// Number of bytes of a segment in which its first record is searched.
const START_BYTES: usize = 64 * 1024;

/// Number of segments in which a record is searched, if nothing can be read at the start of the
/// lowest ones.
const SEGMENTS_MAX: usize = 16;
