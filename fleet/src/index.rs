//! What a segment contains, by day: the range of its lines, and a digest of them. A day of which
//! the digests are the same as before needs no new file, however its segments changed otherwise: a
//! segment that grew changes its last days only.

use std::collections::BTreeMap;

use localtel::read::raw::RawRecord;
use localtel::read::{Damage, Fold, Line, LineStream, Merged, decompressed};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::day::UtcDay;
use crate::disk;
use crate::failure::{FleetFailure, SafeText};
use crate::progress::FleetProgress;
use crate::tree::FleetSegment;

/// The lines of a segment by day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentIndex {
    pub(crate) days: BTreeMap<UtcDay, DayLines>,
    pub(crate) damage: DamageList,
}

/// The lines of a day in a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DayLines {
    /// The offsets of the first byte, and behind the last one, in the plain bytes. Lines of other
    /// days may be between them.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) records: u64,
    pub(crate) digest: LinesDigest,
}

/// A digest of lines with their offsets: the sum of the digests of each, so that threads can add
/// them up in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinesDigest([u64; 4]);

/// Damage, and the first few messages about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DamageList {
    pub(crate) count: u64,
    pub(crate) first: Vec<String>,
}

impl LinesDigest {
    /// Adds a line.
    pub(crate) fn add_line(&mut self, line: Line<'_>) {
        let mut sha = Sha256::new();
        sha.update(line.position().byte.to_le_bytes());
        sha.update(line.bytes());
        let digest = sha.finalize();
        let (words, _) = digest.as_chunks::<8>();
        let added = words.iter().map(|word| u64::from_le_bytes(*word));
        self.0
            .iter_mut()
            .zip(added)
            .for_each(|(sum, word)| *sum = sum.wrapping_add(word));
    }

    /// Adds other lines.
    pub(crate) fn add(&mut self, other: Self) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(sum, word)| *sum = sum.wrapping_add(word));
    }
}

impl DamageList {
    /// Adds damage of a segment. In a stream of lines a position has no segment.
    pub(crate) fn add(&mut self, file: &str, damage: &Damage) {
        self.count += 1;
        if self.first.len() < DAMAGE_NAMED {
            let place = match damage.position.line {
                Some(line) => format!("{file}:{line}"),
                None => format!("{file} at byte {}", damage.position.byte),
            };
            let kind = damage.kind.to_string();
            self.first.push(format!("{place}: {}", SafeText(&kind)));
        }
    }

    /// Adds the damage that follows, and keeps that many messages.
    pub(crate) fn merge(&mut self, later: &mut Self, messages_max: usize) {
        self.count += std::mem::take(&mut later.count);
        let room = messages_max.saturating_sub(self.first.len());
        self.first.extend(later.first.drain(..).take(room));
    }
}

/// Reads a segment and returns what it contains.
pub(crate) fn index_of(
    segment: &FleetSegment,
    progress: &FleetProgress,
) -> Result<SegmentIndex, FleetFailure> {
    let read = || decompressed(disk::open(&segment.path)?);
    let lines = read().map_err(FleetFailure::io("read", &segment.path))?;
    let file = segment.number.file_name();
    let empty = || SegmentFold {
        file: &file,
        ..SegmentFold::default()
    };
    let mut whole = empty();
    let mut merged = Merged::new([LineStream::of_records(lines)]);
    merged.fold(&mut whole, empty, |_| Ok::<(), FleetFailure>(()))?;
    progress.add(segment.stored.bytes);
    Ok(whole.index)
}

/// The fold of the lines of a segment.
#[derive(Debug, Default)]
struct SegmentFold<'a> {
    file: &'a str,
    index: SegmentIndex,
}

impl Fold for SegmentFold<'_> {
    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        let from = line.position().byte;
        let to = from + line.bytes().len() as u64;
        let day = self.index.days.entry(UtcDay::of(raw.timestamp));
        let lines = day.or_insert_with(|| DayLines {
            from,
            to,
            records: 0,
            digest: LinesDigest::default(),
        });
        lines.to = to;
        lines.records += 1;
        lines.digest.add_line(line);
    }

    fn damage(&mut self, damage: Damage) {
        self.index.damage.add(self.file, &damage);
    }

    fn merge(&mut self, later: &mut Self) {
        for (day, lines) in std::mem::take(&mut later.index.days) {
            let Some(own) = self.index.days.get_mut(&day) else {
                self.index.days.insert(day, lines);
                continue;
            };
            own.to = lines.to;
            own.records += lines.records;
            own.digest.add(lines.digest);
        }
        self.index
            .damage
            .merge(&mut later.index.damage, DAMAGE_NAMED);
    }
}

/// Number of damaged places of a segment that are named.
const DAMAGE_NAMED: usize = 3;
