//! The cursor file of `show` and `tail`: the last record that was read of each directory, so that
//! the next run shows only what is newer. A position is kept together with the session and the
//! number of its record: if another record is there, the directory was emptied or replaced, and is
//! read from its start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::files;
use super::super::reading::{NamedInput, open_directory};
use localtel::read::raw::RawRecord;
use localtel::read::{
    Damage, DamageKind, Filter, Item, Line, Notice, Position, Reader, SegmentNumber,
};
use localtel::{Error, Result};

/// What was read of each directory.
#[derive(Debug)]
pub(super) struct SavedCursor {
    path: PathBuf,
    file: CursorFile,
}

/// The contents of the file.
#[derive(Debug, Serialize, Deserialize)]
struct CursorFile {
    format: u32,
    /// By the path of the directory.
    directories: BTreeMap<String, LastRecord>,
}

/// The last record that was read of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LastRecord {
    segment: u64,
    byte: u64,
    session: String,
    seq: u64,
    /// Where to continue, if damage behind the record was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    behind_damage: Option<SavedPosition>,
}

/// A position in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct SavedPosition {
    segment: u64,
    byte: u64,
}

/// What was read last of an input.
#[derive(Debug, Clone, Default)]
struct LastRead {
    /// The position, the session and the number of the last record.
    record: Option<(Position, Vec<u8>, u64)>,
    /// The position behind the damage that was read after it.
    behind_damage: Option<Position>,
}

/// The last record that was read of each input.
#[derive(Debug, Default)]
pub(super) struct LastRecords {
    inputs: Vec<LastRead>,
    /// Whether there are any that were not saved.
    is_new: bool,
}

/// What happened to a directory since the last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectoryChange {
    /// These and the segments between them were removed before they were read to their end.
    Removed(SegmentNumber, SegmentNumber),
    /// It was emptied or replaced, and is read from its start.
    Begun,
}

impl LastRecords {
    /// Notes a record that was read.
    pub(super) fn note(&mut self, input: usize, line: Line<'_>, raw: &RawRecord<'_>) {
        let Some(last) = self.last_mut(input) else {
            return;
        };
        let record = &mut last.record;
        let (position, session, seq) =
            record.get_or_insert_with(|| (line.position(), Vec::new(), 0));
        *position = line.position();
        session.clear();
        session.extend_from_slice(raw.session.bytes());
        *seq = raw.seq;
        last.behind_damage = None;
    }

    /// Notes damage that was read, unless it may be readable later.
    pub(super) fn note_damage(&mut self, input: usize, damage: &Damage) {
        let position = damage.position;
        let behind = if let DamageKind::Missing { segments, .. } = &damage.kind {
            Position::new(segments.last.next(), 0)
        } else if is_unknown(&damage.kind) {
            return;
        } else {
            Position::new(position.segment, position.byte + damage.bytes)
        };
        if let Some(last) = self.last_mut(input) {
            last.behind_damage = Some(behind);
        }
    }

    fn last_mut(&mut self, input: usize) -> Option<&mut LastRead> {
        self.is_new = true;
        if self.inputs.len() <= input {
            self.inputs.resize(input + 1, LastRead::default());
        }
        self.inputs.get_mut(input)
    }

    /// Adds the records that were read later, and leaves `later` empty.
    pub(super) fn merge(&mut self, later: &mut Self) {
        self.is_new |= std::mem::take(&mut later.is_new);
        if self.inputs.len() < later.inputs.len() {
            self.inputs.resize(later.inputs.len(), LastRead::default());
        }
        for (last, later) in self.inputs.iter_mut().zip(later.inputs.drain(..)) {
            if later.record.is_some() {
                *last = later;
            } else if later.behind_damage.is_some() {
                last.behind_damage = later.behind_damage;
            }
        }
    }

    /// Returns `true` if there are any that were not saved, and notes that they are saved now.
    pub(super) fn take_new(&mut self) -> bool {
        std::mem::take(&mut self.is_new)
    }

    /// Returns what was read last of an input, given what an earlier run read.
    fn after(&self, input: usize, earlier: Option<&LastRecord>) -> Option<LastRecord> {
        let last = self.inputs.get(input)?;
        let behind_damage = last.behind_damage.map(|behind| SavedPosition {
            segment: behind.segment.get(),
            byte: behind.byte,
        });
        match &last.record {
            Some((position, session, seq)) => Some(LastRecord {
                segment: position.segment.get(),
                byte: position.byte,
                session: String::from_utf8_lossy(session).into_owned(),
                seq: *seq,
                behind_damage,
            }),
            None => Some(LastRecord {
                behind_damage: Some(behind_damage?),
                ..earlier?.clone()
            }),
        }
    }
}

impl SavedCursor {
    /// Reads a cursor file. One that does not exist, or is empty, says that nothing was read.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be read, or is not a cursor file.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let failed = |error| Error::io("read", path)(error);
        let bytes = match files::read_regular(path, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let file = match bytes {
            Some(bytes) if bytes.is_empty() => Some(CursorFile {
                format: FORMAT,
                directories: BTreeMap::new(),
            }),
            Some(bytes) => serde_json::from_slice(&bytes).ok(),
            None => None,
        };
        let file = file.filter(|file: &CursorFile| file.format == FORMAT);
        let file = file.ok_or_else(|| {
            let path = path.display();
            Error::invalid(
                "--cursor-file",
                format!(
                    "{path} is not a cursor file of this version; remove it to show all records, \
                     or name another file"
                ),
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Moves a reader of a directory behind what was read, and returns what happened to the
    /// directory if there may be more to say than that.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be read.
    pub(super) fn resume(
        &self,
        reader: &mut Reader,
        path: &Path,
        filter: &Filter,
    ) -> Result<Option<DirectoryChange>> {
        let Some(last) = self.file.directories.get(&key_of(path)) else {
            return Ok(None);
        };
        let Some(position) = last.position() else {
            return Ok(Some(DirectoryChange::Begun));
        };
        let mut probe = open_directory(path, filter)?;
        probe.seek(position);
        let change = match probe.next_item()? {
            Some(Item::Line(line)) if line.position() == position => {
                if !last.is_in(line) {
                    return Ok(Some(DirectoryChange::Begun));
                }
                let behind = last.behind_damage.and_then(SavedPosition::position);
                if let Some(behind) = behind {
                    probe.seek(behind);
                }
                None
            }
            Some(Item::Line(line)) if line.position().segment > position.segment => {
                // All of them are below the first one, so the reader does not report them.
                let start = line.position();
                probe.seek(start);
                SegmentNumber::new(start.segment.get() - 1)
                    .map(|last| DirectoryChange::Removed(position.segment, last))
            }
            Some(Item::Notice(Notice::Removed { segments, .. })) => {
                Some(DirectoryChange::Removed(segments.first, segments.last))
            }
            Some(Item::Damage(damage)) if is_unknown(&damage.kind) => {
                probe.seek(position);
                None
            }
            Some(Item::Line(_) | Item::Text(_) | Item::Damage(_) | Item::Notice(_)) | None => {
                match last_position(path)? {
                    Some(end) if end < position => return Ok(Some(DirectoryChange::Begun)),
                    Some(end) if end.segment == position.segment => {
                        return Ok(Some(DirectoryChange::Begun));
                    }
                    // Segments were lost, which the reader reports, or there is none any more.
                    Some(_) | None => probe.seek(position),
                }
                None
            }
        };
        *reader = probe;
        Ok(change)
    }

    /// Saves what was read of the inputs.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written.
    pub(super) fn save(&mut self, last: &LastRecords, inputs: &[NamedInput]) -> Result<()> {
        for (number, input) in inputs.iter().enumerate() {
            let Some(key) = input.directory().map(key_of) else {
                continue;
            };
            if let Some(last) = last.after(number, self.file.directories.get(&key)) {
                self.file.directories.insert(key, last);
            }
        }
        let failed = |error| Error::io("write", &self.path)(error);
        let mut bytes = serde_json::to_vec_pretty(&self.file)
            .map_err(|error| failed(std::io::Error::other(error)))?;
        bytes.push(b'\n');
        files::replace(&self.path, &bytes).map_err(failed)
    }
}

impl SavedPosition {
    fn position(self) -> Option<Position> {
        Some(Position::new(SegmentNumber::new(self.segment)?, self.byte))
    }
}

impl LastRecord {
    fn position(&self) -> Option<Position> {
        Some(Position::new(SegmentNumber::new(self.segment)?, self.byte))
    }

    /// Returns `true` if it is the record of a line.
    fn is_in(&self, line: Line<'_>) -> bool {
        let is_same = |raw: &RawRecord<'_>| raw.seq == self.seq && raw.session.is(&self.session);
        line.read_raw(is_same).unwrap_or(false)
    }
}

impl DirectoryChange {
    /// Returns the message for users.
    pub(super) fn text(self) -> String {
        match self {
            Self::Removed(first, last) if first == last => format!(
                "1 segment was removed since the last run: records in {} that were not shown are \
                 missing",
                first.file_name()
            ),
            Self::Removed(first, last) => format!(
                "{} segments were removed since the last run: records in {} to {} that were not \
                 shown are missing",
                last.get() - first.get() + 1,
                first.file_name(),
                last.file_name()
            ),
            Self::Begun => "the directory was emptied or replaced since the last run; all of its \
                            records are shown"
                .to_owned(),
        }
    }
}

/// Returns `true` if what is at the position could not be read.
fn is_unknown(kind: &DamageKind) -> bool {
    matches!(
        kind,
        DamageKind::Unreadable { .. } | DamageKind::Undecodable { .. } | DamageKind::NotAFile
    )
}

/// Returns the position of the last line of a directory.
fn last_position(path: &Path) -> Result<Option<Position>> {
    let mut reverse = Reader::reverse(path)?;
    while let Some(item) = reverse.next_item() {
        if let Item::Line(line) = item {
            return Ok(Some(line.position()));
        }
    }
    Ok(None)
}

/// Returns the name of a directory in the file.
fn key_of(path: &Path) -> String {
    files::canonical(path).to_string_lossy().into_owned()
}

const FORMAT: u32 = 1;

/// The size of the largest cursor file: for thousands of directories.
const BYTES_MAX: u64 = 1 << 20;
