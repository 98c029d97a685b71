//! An open segment, and its plain bytes, whichever form it is stored in. Everything that reads a
//! segment reads it through this type; `decompressor` has the compressed forms.

use std::fs::File;
use std::io;

use super::decompressor::{Compressed, Decompressor};
use super::disk::{self, Directory};
use super::facts::Facts;
use super::read_at::ReadAt;
use super::segment::{SegmentForm, SegmentNumber};

/// An open segment.
#[derive(Debug)]
pub(crate) enum SegmentFile {
    /// A file of lines.
    Plain(File),
    /// A compressed file.
    Compressed(Box<Decompressor>),
}

/// The reasons why a segment could not be opened.
#[derive(Debug)]
pub(crate) enum SegmentOpenError {
    /// It does not exist, or was removed meanwhile.
    Missing,
    /// Something else than a regular file has its name.
    NotRegular,
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for SegmentOpenError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            Self::Missing
        } else {
            Self::Io(error)
        }
    }
}

impl SegmentFile {
    /// Opens a segment in the first of its forms that exists, and returns the number of its plain
    /// bytes, if that is known without decompressing them.
    pub(crate) fn open(
        directory: &Directory,
        number: SegmentNumber,
    ) -> Result<(Self, Option<u64>), SegmentOpenError> {
        for form in SegmentForm::ALL {
            let opened = Self::open_form(directory, &form.name_of(number));
            let (file, facts) = match opened {
                Err(SegmentOpenError::Missing) => continue,
                opened => opened?,
            };
            let format = match form {
                SegmentForm::Plain => return Ok((Self::Plain(file), Some(facts.bytes))),
                SegmentForm::Zstd => Compressed::Zstd,
                SegmentForm::Gzip => Compressed::Gzip,
            };
            let decompressor = Decompressor::new(file, facts.bytes, format);
            let bytes = decompressor.plain_bytes_known();
            return Ok((Self::Compressed(Box::new(decompressor)), bytes));
        }
        Err(SegmentOpenError::Missing)
    }

    fn open_form(directory: &Directory, name: &str) -> Result<(File, Facts), SegmentOpenError> {
        // Opening a pipe or a device can have an effect, so its kind is checked before, and again
        // after.
        let check = |facts: Facts| {
            if facts.is_regular {
                Ok(facts)
            } else {
                Err(SegmentOpenError::NotRegular)
            }
        };
        check(directory.facts(name)?)?;
        let file = directory.open_read(name)?;
        let facts = check(directory.facts_of(&file)?)?;
        Ok((file, facts))
    }

    /// Returns the facts of the open file, with the number of plain bytes. Where that is not
    /// stored, the segment is decompressed.
    pub(crate) fn facts(&self, directory: &Directory) -> io::Result<Facts> {
        match self {
            Self::Plain(file) => directory.facts_of(file),
            Self::Compressed(compressed) => {
                let mut facts = directory.facts_of(compressed.file())?;
                facts.bytes = compressed.plain_bytes();
                Ok(facts)
            }
        }
    }

    /// Returns the number of plain bytes, given as far as it was known on opening.
    pub(crate) fn bytes_or(&self, known: Option<u64>, directory: &Directory) -> io::Result<u64> {
        match known {
            Some(bytes) => Ok(bytes),
            None => Ok(self.facts(directory)?.bytes),
        }
    }

    /// Returns `true` if lines can be added to it.
    pub(crate) fn is_plain(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Compressed(_) => false,
        }
    }

    /// Reads once at an offset, into the spare capacity of the buffer and at most that many bytes,
    /// and returns the number of bytes read: 0 at the end.
    pub(crate) fn append_at(
        &self,
        buffer: &mut Vec<u8>,
        bytes_max: usize,
        offset: u64,
    ) -> io::Result<usize> {
        match self {
            Self::Plain(file) => disk::append_at(file, buffer, bytes_max, offset),
            Self::Compressed(compressed) => Ok(compressed.append_at(buffer, bytes_max, offset)),
        }
    }

    /// Returns the highest known number of newlines before an offset that is not above `offset`,
    /// and that offset.
    pub(crate) fn newlines_before(&self, offset: u64) -> (u64, u64) {
        match self {
            Self::Plain(_) => (0, 0),
            Self::Compressed(compressed) => compressed.newlines_before(offset),
        }
    }

    /// Returns the number of bytes around an offset that could not be decompressed and are read as
    /// NULs, 0 if that is unknown, and the reason; `None` if they could.
    pub(crate) fn undecodable(&self, offset: u64) -> Option<(u64, String)> {
        match self {
            Self::Plain(_) => None,
            Self::Compressed(compressed) => compressed.undecodable(offset),
        }
    }
}

impl ReadAt for SegmentFile {
    fn read_at_least(&self, buffer: &mut [u8], offset: u64, wanted: usize) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read_at_least(buffer, offset, wanted),
            Self::Compressed(compressed) => Ok(compressed.read_at(buffer, offset)),
        }
    }

    fn read_start(&self, buffer: &mut [u8], wanted: usize) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read_start(buffer, wanted),
            Self::Compressed(compressed) => Ok(compressed.read_start(buffer)),
        }
    }
}
