//! What can be merged: directories in either direction, streams, and directories that are open only
//! while they are read. `merged` decides which is read when.

use super::closed::{ClosedInput, OpenedInput};
use super::damage::Position;
use super::scan::{ItemSource, ReadOrder};
use super::scanner::LineKind;
use super::{LineStream, Reader, Reverse};
use crate::error::Result;
use crate::record::LineTime;

/// Something that can be merged with others.
#[derive(Debug)]
#[non_exhaustive]
pub enum MergeInput {
    /// A telemetry directory, from its first line to its last.
    Reader(Box<Reader>),
    /// A telemetry directory, from its last line to its first.
    Reverse(Reverse),
    /// Lines from another place.
    Stream(LineStream),
    /// A telemetry directory that is open only while it is read.
    Closed(Box<ClosedInput>),
}

impl From<Reader> for MergeInput {
    fn from(reader: Reader) -> Self {
        Self::Reader(Box::new(reader))
    }
}

impl From<Reverse> for MergeInput {
    fn from(reverse: Reverse) -> Self {
        Self::Reverse(reverse)
    }
}

impl From<LineStream> for MergeInput {
    fn from(stream: LineStream) -> Self {
        Self::Stream(stream)
    }
}

impl MergeInput {
    /// Closes the files of a directory, which are opened again for each read, so that more
    /// directories can be merged than files may be open. A stream stays as it is.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.close();
        self
    }

    /// Moves to the position of an item of a directory that is read forwards.
    pub fn seek(&mut self, position: Position) {
        match self {
            Self::Reader(reader) => reader.seek(position),
            Self::Closed(closed) => closed.seek(position),
            Self::Reverse(_) | Self::Stream(_) => {}
        }
    }

    /// Adds all of a directory that is read forwards as work now, if what is read is counted.
    pub(super) fn begin_progress(&mut self) {
        match self {
            Self::Reader(reader) => reader.begin_progress(),
            // Of a closed one this was done before.
            Self::Reverse(_) | Self::Stream(_) | Self::Closed(_) => {}
        }
    }

    /// Closes the files of a directory, unless it has items that are not returned yet.
    pub(super) fn close(&mut self) {
        let closed = match self {
            Self::Reader(reader) => ClosedInput::of_reader(reader),
            Self::Reverse(reverse) => ClosedInput::of_reverse(reverse),
            Self::Stream(_) | Self::Closed(_) => None,
        };
        if let Some(closed) = closed {
            *self = Self::Closed(Box::new(closed));
        }
    }

    pub(super) fn kind(&self) -> LineKind {
        match self {
            Self::Reader(_) | Self::Reverse(_) | Self::Closed(_) => LineKind::Record,
            Self::Stream(stream) => stream.kind(),
        }
    }

    /// Returns the source of its items, after opening it.
    pub(super) fn source(&mut self) -> Result<&mut dyn ItemSource> {
        match self {
            Self::Reader(reader) => Ok(&mut **reader),
            Self::Reverse(reverse) => Ok(reverse),
            Self::Stream(stream) => Ok(stream),
            Self::Closed(closed) => {
                *self = match closed.open()? {
                    OpenedInput::Forward(reader) => Self::Reader(reader),
                    OpenedInput::Backward(reverse) => Self::Reverse(*reverse),
                };
                self.source()
            }
        }
    }

    pub(super) fn order(&self) -> ReadOrder {
        match self {
            Self::Reader(_) | Self::Stream(_) => ReadOrder::Forward,
            Self::Reverse(_) => ReadOrder::Backward,
            Self::Closed(closed) => closed.order(),
        }
    }

    /// Returns the time of a line, if it can be read.
    pub(super) fn time_of(&self, line: &[u8]) -> Option<LineTime> {
        match self {
            Self::Reader(_) | Self::Reverse(_) | Self::Closed(_) => LineTime::of_line(line),
            Self::Stream(stream) => stream.time_of(line),
        }
    }
}
