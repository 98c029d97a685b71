//! Directories that are being read, without their open files: where each goes on, and how it is
//! opened again. `merged` closes them between two reads where there are more than files may be
//! open.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::progress::SegmentProgress;
use super::reverse::{Reverse, ReverseRest};
use super::scan::ReadOrder;
use super::walk::WalkRest;
use super::{Position, Reader, ReaderState};
use crate::error::Result;
use crate::store;
use crate::store::disk::{Access, Directory};
use crate::store::segment::SegmentNumber;

/// A directory of a merge that is opened for each read.
#[derive(Debug)]
pub struct ClosedInput {
    path: PathBuf,
    rest: InputRest,
}

/// An input that was opened again.
pub(super) enum OpenedInput {
    Forward(Box<Reader>),
    Backward(Box<Reverse>),
}

/// Where an input goes on.
#[derive(Debug)]
enum InputRest {
    Forward(ReaderRest),
    Backward(ReverseRest),
}

/// Where a reader goes on.
#[derive(Debug)]
struct ReaderRest {
    /// `None` at the start.
    position: Option<Position>,
    last: SegmentNumber,
    since: Option<OffsetDateTime>,
    state: ReaderState,
    progress: Option<SegmentProgress>,
}

impl ClosedInput {
    /// Returns a reader without its files; `None` while it has items that are not returned yet.
    pub(super) fn of_reader(reader: &mut Reader) -> Option<Self> {
        let position = match reader.walk.rest() {
            WalkRest::Unreturned => return None,
            WalkRest::Whole => None,
            WalkRest::From(position) => Some(position),
        };
        reader.begin_progress();
        let rest = ReaderRest {
            position,
            last: reader.last,
            since: reader.walk.since(),
            state: reader.state,
            progress: reader.progress.take(),
        };
        Some(Self {
            path: reader.walk.directory().path().to_owned(),
            rest: InputRest::Forward(rest),
        })
    }

    /// Returns a reverse reader without its files; `None` while it has items that are not returned
    /// yet.
    pub(super) fn of_reverse(reverse: &mut Reverse) -> Option<Self> {
        Some(Self {
            rest: InputRest::Backward(reverse.take_rest()?),
            path: reverse.directory.path().to_owned(),
        })
    }

    /// Returns the order of its items.
    pub(super) fn order(&self) -> ReadOrder {
        match self.rest {
            InputRest::Forward(_) => ReadOrder::Forward,
            InputRest::Backward(_) => ReadOrder::Backward,
        }
    }

    /// Opens it where it goes on.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be opened or listed.
    pub(super) fn open(&mut self) -> Result<OpenedInput> {
        Ok(match &mut self.rest {
            InputRest::Forward(rest) => OpenedInput::Forward(Box::new(rest.open(&self.path)?)),
            InputRest::Backward(rest) => {
                let directory = Directory::open(&self.path, Access::Read)
                    .map_err(|error| store::open_error(&self.path, error))?;
                let reverse = Reverse::resume(directory, std::mem::take(rest));
                OpenedInput::Backward(Box::new(reverse))
            }
        })
    }

    /// Moves to a position of an item, if it is read forwards.
    pub(super) fn seek(&mut self, position: Position) {
        match &mut self.rest {
            InputRest::Forward(rest) => {
                rest.last = rest.last.max(position.segment);
                rest.position = Some(position);
                rest.state = ReaderState::Reading;
            }
            InputRest::Backward(_) => {}
        }
    }
}

impl ReaderRest {
    fn open(&mut self, path: &Path) -> Result<Reader> {
        let mut reader = Reader::open(path)?;
        // Segments that were created meanwhile are not read.
        reader.last = self.last;
        reader.walk.read_up_to(self.last);
        if let Some(since) = self.since {
            reader.walk.pass_over_before(since);
        }
        if let Some(position) = self.position {
            reader.walk.seek(position);
        }
        reader.state = self.state;
        reader.progress = self.progress.take();
        Ok(reader)
    }
}
