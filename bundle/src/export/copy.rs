//! Copies one segment into a bundle while other processes append to it, compress it or remove it.
//! Its bytes stay the same; counts and sums are made while they are copied. With a range, a segment
//! that is partly outside of it is written as derived: only its lines in the range.

use std::path::Path;

use localtel::read::{
    Item, LineStream, Merged, Position, Reader, SegmentForm, SegmentNumber, StoredSegment,
    StoredSegments,
};

use super::counting::{LineCounts, LineUse, RangeBounds};
use super::error::ExportError;
use super::progress::Meter;
use super::tee::{CopyFailure, FinishedCopy, SharedCopy};
use crate::disk::{BundleFolder, NewFile};
use crate::manifest::{BundleSegment, SegmentState, StoredForm};

/// The form of segments in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "these are all forms of a bundle")]
pub enum SegmentCopies {
    /// The plain bytes of each segment.
    #[default]
    Plain,
    /// A segment that is compressed with Zstandard stays so.
    AsStored,
}

/// The copies of the segments of one directory.
pub(super) struct SegmentCopier<'a> {
    /// The directory.
    pub(super) source: &'a Path,
    pub(super) segments: &'a StoredSegments,
    /// The directory in the bundle.
    pub(super) folder: &'a BundleFolder,
    pub(super) copies: SegmentCopies,
    pub(super) range: Option<RangeBounds>,
}

/// What became of a segment.
#[derive(Debug, Default)]
pub(super) struct SegmentCopy {
    /// The copy; `None` if nothing of it is in the bundle.
    pub(super) segment: Option<BundleSegment>,
    /// Number of records outside the range.
    pub(super) records_left_out: u64,
    /// Number of bytes of a line at the end that is still being written.
    pub(super) unfinished_bytes: u64,
    /// Whether parts could not be decompressed, and were left out.
    pub(super) is_undecodable: bool,
}

/// The part of a segment that is copied.
#[derive(Clone, Copy)]
struct SegmentPart<'a> {
    stored: &'a StoredSegment,
    /// Number of its stored bytes.
    bytes: u64,
    state: SegmentState,
}

/// The result of reading a segment once.
enum ReadResult<T> {
    Done(T),
    /// It became shorter while it was read, as when everything is cleared on a full disk.
    Shortened,
    /// It cannot be decompressed.
    Undecodable,
}

impl SegmentCopier<'_> {
    /// Copies a segment; returns `None` if it does not exist any more. `is_last` is whether it was
    /// the last one when segments were listed.
    pub(super) fn copy(
        &self,
        number: SegmentNumber,
        is_last: bool,
        meter: &mut Meter<'_>,
    ) -> Result<Option<SegmentCopy>, ExportError> {
        for _ in 0..TRIES {
            // It is only certain to be complete if a higher one existed before it was opened.
            let numbers = if is_last {
                self.segments.numbers()?
            } else {
                Vec::new()
            };
            let grows = is_last && numbers.last().is_none_or(|last| *last <= number);
            let Some(stored) = self.segments.open_segment(number)? else {
                return Ok(None);
            };
            let part = SegmentPart::of(&stored, grows)?;
            let copied = match self.range {
                None => self.copy_whole(part, meter)?,
                Some(range) => self.copy_in_range(part, range, meter)?,
            };
            match copied {
                ReadResult::Done(mut copy) => {
                    copy.unfinished_bytes = stored.bytes() - part.bytes;
                    meter.advance(stored.bytes());
                    return Ok(Some(copy));
                }
                ReadResult::Undecodable => {
                    let copy = self.copy_intact_lines(number)?;
                    meter.advance(stored.bytes());
                    return Ok(Some(copy));
                }
                ReadResult::Shortened => {}
            }
        }
        Err(ExportError::Unsteady {
            path: self.source.join(number.file_name()),
        })
    }

    /// Copies all bytes of a part.
    fn copy_whole(
        &self,
        part: SegmentPart<'_>,
        meter: &mut Meter<'_>,
    ) -> Result<ReadResult<SegmentCopy>, ExportError> {
        let is_kept_compressed =
            self.copies == SegmentCopies::AsStored && part.stored.form() == SegmentForm::Zstd;
        let number = part.stored.number();
        let plain_name = number.file_name();
        let name = if is_kept_compressed {
            format!("{plain_name}.zst")
        } else {
            plain_name
        };
        let file = self.create(&name)?;
        let (stored, plain) = if is_kept_compressed {
            (SharedCopy::into_file(file), SharedCopy::hashed())
        } else {
            (SharedCopy::counted(), SharedCopy::into_file(file))
        };
        let mut counts = LineCounts::new(LineUse::Counted);
        part.fold(&plain, &stored, &mut counts, |_, bytes| meter.show(bytes))?;
        let (stored, plain) = match part.finished(self, &stored, &plain, &name)? {
            ReadResult::Done(both) => both,
            ReadResult::Shortened => return self.discarded(&name, ReadResult::Shortened),
            ReadResult::Undecodable => return self.discarded(&name, ReadResult::Undecodable),
        };
        let form = if is_kept_compressed {
            StoredForm::Zstd {
                bytes: stored.bytes,
                sha256: stored.sha256,
            }
        } else {
            StoredForm::Plain
        };
        let written = stored.file.or(plain.file);
        self.sync(&name, written)?;
        Ok(ReadResult::Done(SegmentCopy {
            segment: Some(BundleSegment {
                number,
                state: part.state,
                form,
                plain_bytes: plain.bytes,
                plain_sha256: plain.sha256,
                records: counts.records,
                damaged: counts.damaged,
                times: counts.times(),
            }),
            ..SegmentCopy::default()
        }))
    }

    /// Copies a part if all its records are in the range, and otherwise those that are.
    fn copy_in_range(
        &self,
        part: SegmentPart<'_>,
        range: RangeBounds,
        meter: &mut Meter<'_>,
    ) -> Result<ReadResult<SegmentCopy>, ExportError> {
        let (stored, plain) = (SharedCopy::counted(), SharedCopy::counted());
        let mut counts = LineCounts::new(LineUse::Counted);
        part.fold(&plain, &stored, &mut counts, |_, bytes| meter.show(bytes))?;
        match part.finished(self, &stored, &plain, "")? {
            ReadResult::Done(_) => {}
            ReadResult::Shortened => return Ok(ReadResult::Shortened),
            ReadResult::Undecodable => return Ok(ReadResult::Undecodable),
        }
        if counts.are_all_in(&range) {
            return self.copy_whole(part, meter);
        }
        if counts.is_none_in(&range) {
            return Ok(ReadResult::Done(SegmentCopy {
                records_left_out: counts.records,
                ..SegmentCopy::default()
            }));
        }
        let (stored, plain) = (SharedCopy::counted(), SharedCopy::counted());
        let name = part.stored.number().file_name();
        let kept = SharedCopy::into_file(self.create(&name)?);
        let mut counts = LineCounts::new(LineUse::Kept(range));
        part.fold(&plain, &stored, &mut counts, |counts, _| {
            counts.take_kept(&kept);
        })?;
        match part.finished(self, &stored, &plain, &name)? {
            ReadResult::Done(_) => {}
            ReadResult::Shortened => return self.discarded(&name, ReadResult::Shortened),
            ReadResult::Undecodable => return self.discarded(&name, ReadResult::Undecodable),
        }
        let copy = self.derived(part.stored.number(), &kept, &counts)?;
        Ok(ReadResult::Done(copy))
    }

    /// Copies the records that can be read of a segment that cannot be decompressed as a whole.
    fn copy_intact_lines(&self, number: SegmentNumber) -> Result<SegmentCopy, ExportError> {
        let name = number.file_name();
        let kept = SharedCopy::into_file(self.create(&name)?);
        let range = self.range.unwrap_or(RangeBounds::EVERYTHING);
        let mut counts = LineCounts::new(LineUse::Kept(range));
        let mut reader = Reader::open(self.source)?;
        reader.seek(Position::new(number, 0));
        while let Some(item) = reader.next_item()? {
            let segment = match &item {
                Item::Line(line) | Item::Text(line) => line.position().segment,
                Item::Damage(damage) => damage.position.segment,
                Item::Notice(_) => number,
            };
            if segment != number {
                break;
            }
            item.fold(&mut counts);
            counts.take_kept(&kept);
        }
        let mut copy = self.derived(number, &kept, &counts)?;
        copy.is_undecodable = true;
        Ok(copy)
    }

    /// Ends a copy of some lines of a segment.
    fn derived(
        &self,
        number: SegmentNumber,
        kept: &SharedCopy,
        counts: &LineCounts,
    ) -> Result<SegmentCopy, ExportError> {
        let name = number.file_name();
        let written = kept
            .finish()
            .map_err(|failure| self.failed(&name, failure))?;
        let copy = SegmentCopy {
            records_left_out: counts.records - counts.kept,
            ..SegmentCopy::default()
        };
        if counts.kept == 0 {
            drop(written);
            self.remove(&name)?;
            return Ok(copy);
        }
        let segment = BundleSegment {
            number,
            state: SegmentState::Derived,
            form: StoredForm::Plain,
            plain_bytes: written.bytes,
            plain_sha256: written.sha256,
            records: counts.kept,
            damaged: counts.damaged,
            times: counts.times(),
        };
        self.sync(&name, written.file)?;
        Ok(SegmentCopy {
            segment: Some(segment),
            ..copy
        })
    }

    fn create(&self, name: &str) -> Result<NewFile, ExportError> {
        let created = NewFile::create(self.folder, name);
        created.map_err(ExportError::io("create", self.folder.path().join(name)))
    }

    fn sync(&self, name: &str, file: Option<NewFile>) -> Result<(), ExportError> {
        let synced = file.map_or(Ok(()), NewFile::sync);
        synced.map_err(ExportError::io("write", self.folder.path().join(name)))
    }

    fn remove(&self, name: &str) -> Result<(), ExportError> {
        let removed = self.folder.remove_file(name);
        removed.map_err(ExportError::io("remove", self.folder.path().join(name)))
    }

    fn discarded<T>(
        &self,
        name: &str,
        result: ReadResult<T>,
    ) -> Result<ReadResult<T>, ExportError> {
        self.remove(name).map(|()| result)
    }

    fn failed(&self, name: &str, failure: CopyFailure) -> ExportError {
        match failure {
            CopyFailure::Write(error) => {
                ExportError::io("write", self.folder.path().join(name))(error)
            }
            CopyFailure::Read(error) => {
                localtel::Error::io("read", &self.source.join(name))(error).into()
            }
        }
    }
}

impl<'a> SegmentPart<'a> {
    /// Returns all of a segment, or its whole lines if more may be appended to it.
    fn of(stored: &'a StoredSegment, grows: bool) -> Result<Self, ExportError> {
        let all = Self {
            stored,
            bytes: stored.bytes(),
            state: SegmentState::Closed,
        };
        if grows && stored.form() == SegmentForm::Plain {
            return Ok(Self {
                bytes: stored.whole_lines_bytes()?,
                state: SegmentState::Growing,
                ..all
            });
        }
        Ok(all)
    }

    /// Folds the lines of the part, which are copied on the way. After each batch of them the fold
    /// and the number of stored bytes that were read are passed on.
    fn fold(
        self,
        plain: &SharedCopy,
        stored: &SharedCopy,
        counts: &mut LineCounts,
        mut after: impl FnMut(&mut LineCounts, u64),
    ) -> Result<(), ExportError> {
        let bytes = stored.of(self.stored.stored(self.bytes));
        let lines = LineStream::of_records(plain.of(self.stored.plain(bytes)));
        let empty = counts.empty();
        let mut merged = Merged::new([lines]);
        merged.fold(
            counts,
            || empty.clone(),
            |counts| {
                after(counts, stored.bytes());
                Ok(())
            },
        )
    }

    /// Returns the two copies if the part was read as a whole.
    fn finished(
        self,
        copier: &SegmentCopier<'_>,
        stored: &SharedCopy,
        plain: &SharedCopy,
        name: &str,
    ) -> Result<ReadResult<(FinishedCopy, FinishedCopy)>, ExportError> {
        let stored = stored
            .finish()
            .map_err(|failure| copier.failed(name, failure))?;
        if stored.bytes < self.bytes && self.stored.bytes_now()? < self.bytes {
            return Ok(ReadResult::Shortened);
        }
        match plain.finish() {
            Ok(plain) if stored.bytes == self.bytes => Ok(ReadResult::Done((stored, plain))),
            Err(failure @ CopyFailure::Write(_)) => Err(copier.failed(name, failure)),
            Ok(_) | Err(CopyFailure::Read(_)) => Ok(ReadResult::Undecodable),
        }
    }
}

/// How often a segment is copied that becomes shorter while it is read.
const TRIES: usize = 3;
