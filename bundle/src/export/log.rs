//! Copies one telemetry directory into a bundle: all segments that existed when the export began,
//! up to the last whole line of the highest one. Retention, compression and `clear` may run
//! meanwhile.

use localtel::read::{SegmentNumber, StoredSegments};

use super::copy::SegmentCopier;
use super::counting::RangeBounds;
use super::error::ExportError;
use super::progress::Meter;
use super::request::{ExportRequest, LogSource};
use super::writer::{BundleWriter, WrittenFile};
use crate::manifest::{BundleLog, LogDirectory, LogKey};

/// A telemetry directory that is to be copied.
pub(super) struct OpenLog<'a> {
    pub(super) source: &'a LogSource,
    pub(super) key: LogKey,
    segments: StoredSegments,
    /// The segments that existed when the export began.
    numbers: Vec<SegmentNumber>,
}

/// What was copied of a telemetry directory, and what was not.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExportedLog {
    /// Its description.
    pub facts: BundleLog,
    /// Number of records outside the range.
    pub records_left_out: u64,
    /// Number of segments that were removed on purpose while the export ran.
    pub removed_meanwhile: u64,
    /// The first and the last number of each run of segments that should exist and do not.
    pub lost: Vec<(SegmentNumber, SegmentNumber)>,
    /// The segments that could not be decompressed, of which only intact records were copied.
    pub undecodable: Vec<SegmentNumber>,
    /// Number of bytes of a line that was still being written.
    pub unfinished_bytes: u64,
}

/// The sizes of a log, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LogSizes {
    /// As stored.
    pub(super) stored: u64,
    /// In whole blocks of the target, as far as it is known before segments are decompressed.
    pub(super) needed: u64,
}

impl<'a> OpenLog<'a> {
    /// Opens a telemetry directory; returns `None` if nothing was recorded there.
    pub(super) fn open(source: &'a LogSource) -> Result<Option<Self>, ExportError> {
        let segments = match StoredSegments::open(&source.directory) {
            Ok(segments) => segments,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let numbers = segments.numbers()?;
        let Some(log) = source.log else {
            return Ok(None);
        };
        Ok(Some(Self {
            source,
            key: LogKey::new(source.application.clone(), source.profile.clone(), log),
            segments,
            numbers,
        }))
    }

    /// Returns its sizes, with blocks of that size.
    pub(super) fn sizes(
        &self,
        request: &ExportRequest,
        block_bytes: u64,
    ) -> Result<LogSizes, ExportError> {
        let mut sizes = LogSizes::default();
        for number in &self.numbers {
            let Some(segment) = self.segments.open_segment(*number)? else {
                continue;
            };
            let written = request.bytes_of(&segment);
            sizes.stored = sizes.stored.saturating_add(segment.bytes());
            let blocks = written.div_ceil(block_bytes).saturating_mul(block_bytes);
            sizes.needed = sizes.needed.saturating_add(blocks);
        }
        Ok(sizes)
    }

    /// Copies it into a directory of the bundle.
    pub(super) fn copy(
        &self,
        directory: LogDirectory,
        request: &ExportRequest,
        writer: &mut BundleWriter,
        meter: &mut Meter<'_>,
    ) -> Result<ExportedLog, ExportError> {
        writer.begin_log(directory)?;
        writer.write(Some(directory), "explain.json", &self.source.explain)?;
        if let Some(policy) = &self.source.policy {
            writer.write(Some(directory), "policy.toml", policy)?;
        }
        let mut exported = self.nothing_yet(directory);
        let mut found = Vec::with_capacity(self.numbers.len());
        let mut gone = Vec::new();
        for number in self.numbers.iter().copied() {
            let copier = SegmentCopier {
                source: &self.source.directory,
                segments: &self.segments,
                folder: writer.folder_of(directory),
                copies: request.copies,
                range: request.range.map(RangeBounds::of),
            };
            let is_last = self.numbers.last() == Some(&number);
            let Some(copy) = copier.copy(number, is_last, meter)? else {
                gone.push(number);
                continue;
            };
            found.push(number);
            exported.records_left_out += copy.records_left_out;
            exported.unfinished_bytes += copy.unfinished_bytes;
            exported
                .undecodable
                .extend(copy.is_undecodable.then_some(number));
            if let Some(segment) = copy.segment {
                writer.add(WrittenFile::of_log(
                    directory,
                    segment.file(),
                    segment.bytes(),
                    segment.sha256(),
                ));
                exported.facts.segments.push(segment);
            }
        }
        // The floor is read last: it is raised before a segment is removed.
        let floor = self.segments.floor();
        exported.facts.floor = floor
            .or(self.numbers.first().copied())
            .unwrap_or(SegmentNumber::FIRST);
        let is_removed = |number: &&SegmentNumber| floor.is_some_and(|floor| **number < floor);
        exported.removed_meanwhile = gone.iter().filter(is_removed).count() as u64;
        exported.lost = holes(exported.facts.floor, exported.facts.head, &found);
        Ok(exported)
    }

    fn nothing_yet(&self, directory: LogDirectory) -> ExportedLog {
        ExportedLog {
            facts: BundleLog {
                directory,
                key: self.key.clone(),
                floor: SegmentNumber::FIRST,
                head: self.numbers.last().copied(),
                consent: self.source.consent.clone(),
                segments: Vec::with_capacity(self.numbers.len()),
            },
            records_left_out: 0,
            removed_meanwhile: 0,
            lost: Vec::new(),
            undecodable: Vec::new(),
            unfinished_bytes: 0,
        }
    }
}

/// Returns the runs of numbers from the lowest to the highest that were not found.
fn holes(
    lowest: SegmentNumber,
    highest: Option<SegmentNumber>,
    found: &[SegmentNumber],
) -> Vec<(SegmentNumber, SegmentNumber)> {
    let mut holes = Vec::new();
    let mut next = lowest;
    let ends = found
        .iter()
        .copied()
        .chain(highest.map(SegmentNumber::next));
    for number in ends {
        let before = SegmentNumber::new(number.get() - 1);
        holes.extend(
            before
                .filter(|before| next <= *before)
                .map(|before| (next, before)),
        );
        next = next.max(number.next());
    }
    holes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_were_not_found_are_runs() {
        let number = |number| SegmentNumber::new(number).unwrap();
        for (lowest, highest, found, expected) in [
            (1, 3, &[1, 2, 3][..], &[][..]),
            (1, 3, &[2], &[(1, 1), (3, 3)]),
            (4, 9, &[1, 2, 6, 7], &[(4, 5), (8, 9)]),
            (4, 9, &[], &[(4, 9)]),
            // Everything was cleared meanwhile.
            (10, 9, &[1], &[]),
        ] {
            let found: Vec<SegmentNumber> = found.iter().copied().map(number).collect();
            let runs = holes(number(lowest), Some(number(highest)), &found);
            let runs: Vec<(u64, u64)> = runs
                .iter()
                .map(|(first, last)| (first.get(), last.get()))
                .collect();
            assert_eq!(runs, expected, "{lowest} {highest} {found:?}");
        }
        assert!(holes(number(1), None, &[]).is_empty());
    }
}
