//! Writes a segment, or what is new in it, as a file of OTLP logs.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use localtel::read::raw::RawRecord;
use localtel::read::{Damage, Fold, Line, LineStream, Merged, decompressed};
use serde::{Deserialize, Serialize};

use super::batch::{OtlpBatch, OtlpOrigin, OtlpSession, RecordOwner};
use super::log_record::push_record;
use crate::chain::SegmentPlace;
use crate::disk::{self, PartialFile, ReadyFile, StoredFacts};
use crate::failure::FleetFailure;
use crate::index::{DamageList, LinesDigest};
use crate::tree::FleetSegment;

/// What was written of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HandedSegment {
    pub(super) stored: StoredFacts,
    /// The lines up to this offset, and their digest.
    to: u64,
    digest: LinesDigest,
    pub(super) damage: DamageList,
}

/// The result of writing a segment.
#[derive(Debug)]
pub(super) struct WrittenSegment {
    pub(super) handed: HandedSegment,
    /// Nothing, if there was no new record.
    pub(super) file: Option<ReadyFile>,
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Whether lines that were written before are not there any more.
    pub(super) has_changed: bool,
}

/// Writes what is new in a segment to a file in a directory.
pub(super) fn write_segment(
    segment: &FleetSegment,
    known: Option<&HandedSegment>,
    origin: &OtlpOrigin,
    directory: &Path,
) -> Result<WrittenSegment, FleetFailure> {
    let from = known.map_or(0, |known| known.to);
    let (written, before) = write_from(segment, from, origin, directory)?;
    if known.is_none_or(|known| known.digest == before) {
        return Ok(written);
    }
    let (written, _) = write_from(segment, 0, origin, directory)?;
    Ok(WrittenSegment {
        has_changed: true,
        ..written
    })
}

/// Writes the lines of a segment from an offset on, and returns the digest of those before it.
fn write_from(
    segment: &FleetSegment,
    from: u64,
    origin: &OtlpOrigin,
    directory: &Path,
) -> Result<(WrittenSegment, LinesDigest), FleetFailure> {
    let plain = segment.number.file_name();
    let name = plain.strip_suffix(".jsonl").unwrap_or(&plain);
    let mut file = OtlpFile {
        path: directory.join(format!("{name}.{from:012}.jsonl")),
        file: None,
        batch: OtlpBatch::new(origin.clone()),
        sessions: HashMap::new(),
        line: Vec::new(),
        records: 0,
        bytes: 0,
    };
    let read = || decompressed(disk::open(&segment.path)?);
    let lines = read().map_err(FleetFailure::io("read", &segment.path))?;
    let empty = || OtlpFold::new(segment, from);
    let mut whole = empty();
    let mut merged = Merged::new([LineStream::of_records(lines)]);
    merged.fold(&mut whole, empty, |whole| file.take(whole))?;
    file.write_batch()?;
    let ready = match file.file {
        Some(written) => Some(
            written
                .ready()
                .map_err(FleetFailure::io("write", &file.path))?,
        ),
        None => None,
    };
    let mut digest = whole.before;
    digest.add(whole.after);
    let written = WrittenSegment {
        handed: HandedSegment {
            stored: segment.stored,
            to: whole.to,
            digest,
            damage: whole.damage,
        },
        file: ready,
        records: file.records,
        bytes: file.bytes,
        has_changed: false,
    };
    Ok((written, whole.before))
}

/// A file that is created with its first line.
struct OtlpFile {
    path: PathBuf,
    file: Option<PartialFile>,
    batch: OtlpBatch,
    sessions: HashMap<String, OtlpSession>,
    line: Vec<u8>,
    records: u64,
    bytes: u64,
}

impl OtlpFile {
    /// Takes the records of a part.
    fn take(&mut self, part: &mut OtlpFold<'_>) -> Result<(), FleetFailure> {
        self.sessions.extend(part.sessions.drain(..));
        let mut start = 0;
        for (owner, end) in part.records.drain(..) {
            let record = part.bytes.get(start..end).unwrap_or_default();
            start = end;
            if self.batch.is_full_for(record.len()) {
                self.write_batch()?;
            }
            let facts = self.sessions.get(&owner.session);
            self.batch.add(owner, facts, record);
            self.records += 1;
        }
        part.bytes.clear();
        Ok(())
    }

    fn write_batch(&mut self) -> Result<(), FleetFailure> {
        self.line.clear();
        self.batch.write(&mut self.line);
        if self.line.is_empty() {
            return Ok(());
        }
        self.bytes += self.line.len() as u64;
        let path = &self.path;
        if self.file.is_none() {
            let file = PartialFile::create(path).map_err(FleetFailure::io("create", path))?;
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.write_all(&self.line)
            .map_err(FleetFailure::io("write", path))
    }
}

/// The records of a part of a segment.
struct OtlpFold<'a> {
    segment: &'a FleetSegment,
    from: u64,
    /// The end of the last line.
    to: u64,
    /// Digests of the lines before `from`, and of the others.
    before: LinesDigest,
    after: LinesDigest,
    /// The records, one after the other, and the end of each.
    bytes: Vec<u8>,
    records: Vec<(RecordOwner, usize)>,
    sessions: Vec<(String, OtlpSession)>,
    damage: DamageList,
}

impl<'a> OtlpFold<'a> {
    fn new(segment: &'a FleetSegment, from: u64) -> Self {
        Self {
            segment,
            from,
            to: 0,
            before: LinesDigest::default(),
            after: LinesDigest::default(),
            bytes: Vec::new(),
            records: Vec::new(),
            sessions: Vec::new(),
            damage: DamageList::default(),
        }
    }
}

impl Fold for OtlpFold<'_> {
    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        let offset = line.position().byte;
        self.to = offset + line.bytes().len() as u64;
        if let Some(facts) = OtlpSession::of(raw, line.bytes()) {
            self.sessions
                .push((raw.session.decoded().into_owned(), facts));
        }
        if offset < self.from {
            self.before.add_line(line);
            return;
        }
        self.after.add_line(line);
        let place = SegmentPlace {
            log: 0,
            number: self.segment.number,
            offset,
        };
        push_record(&mut self.bytes, raw, place);
        self.records.push((RecordOwner::of(raw), self.bytes.len()));
    }

    fn damage(&mut self, damage: Damage) {
        self.damage.add(&self.segment.number.file_name(), &damage);
    }

    fn merge(&mut self, later: &mut Self) {
        self.to = self.to.max(std::mem::take(&mut later.to));
        self.before.add(std::mem::take(&mut later.before));
        self.after.add(std::mem::take(&mut later.after));
        let before = self.bytes.len();
        self.bytes.append(&mut later.bytes);
        let records = later.records.drain(..);
        self.records
            .extend(records.map(|(owner, end)| (owner, before + end)));
        self.sessions.append(&mut later.sessions);
        self.damage.merge(&mut later.damage, DAMAGE_NAMED);
    }
}

/// Number of damaged places of a segment that are named.
const DAMAGE_NAMED: usize = 3;
