//! An open segment, and its plain bytes, whichever form it is stored in. Everything that reads a
//! segment reads it through this type; `decompressor` has the compressed forms.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use super::decompressor::{Compressed, Decompressor, StoredRange, decoder};
use super::disk::{self, Directory};
use super::facts::Facts;
use super::read_at::ReadAt;
use super::seek_table::SeekTable;
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
        let (form, file, facts) = open_stored(directory, number)?;
        let format = match form {
            SegmentForm::Plain => return Ok((Self::Plain(file), Some(facts.bytes))),
            SegmentForm::Zstd => Compressed::Zstd,
            SegmentForm::Gzip => Compressed::Gzip,
        };
        let decompressor = Decompressor::new(file, facts.bytes, format);
        let bytes = decompressor.plain_bytes_known();
        Ok((Self::Compressed(Box::new(decompressor)), bytes))
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

/// Opens a segment in the first of its forms that exists.
fn open_stored(
    directory: &Directory,
    number: SegmentNumber,
) -> Result<(SegmentForm, File, Facts), SegmentOpenError> {
    for form in SegmentForm::ALL {
        match open_form(directory, &form.name_of(number)) {
            Err(SegmentOpenError::Missing) => {}
            opened => {
                let (file, facts) = opened?;
                return Ok((form, file, facts));
            }
        }
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

/// The file of a segment as it is stored, whichever form that is.
pub(crate) struct StoredFile {
    form: SegmentForm,
    file: Arc<File>,
    bytes: u64,
}

impl StoredFile {
    /// Opens a segment in the first of its forms that exists.
    pub(crate) fn open(
        directory: &Directory,
        number: SegmentNumber,
    ) -> Result<Self, SegmentOpenError> {
        let (form, file, facts) = open_stored(directory, number)?;
        Ok(Self {
            form,
            file: Arc::new(file),
            bytes: facts.bytes,
        })
    }

    /// Returns its form.
    pub(crate) fn form(&self) -> SegmentForm {
        self.form
    }

    /// Returns its size when it was opened.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns its size now.
    pub(crate) fn bytes_now(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Returns the number of its plain bytes, if that is known without decompressing them.
    pub(crate) fn plain_bytes(&self) -> Option<u64> {
        match self.form {
            SegmentForm::Plain => Some(self.bytes),
            SegmentForm::Zstd => {
                SeekTable::read(&*self.file, self.bytes).map(|table| table.plain_bytes())
            }
            SegmentForm::Gzip => None,
        }
    }

    /// Returns the number of bytes up to the last newline that it had when it was opened.
    pub(crate) fn end_of_last_line(&self) -> io::Result<u64> {
        let mut block = vec![0; BLOCK_BYTES];
        let mut end = self.bytes;
        while end > 0 {
            let start = end.saturating_sub(BLOCK_BYTES as u64);
            let wanted = usize::try_from(end - start).unwrap_or(BLOCK_BYTES);
            let block = block.get_mut(..wanted).unwrap_or_default();
            let read = self.file.read_at(block, start)?;
            let found = memchr::memrchr(b'\n', block.get(..read).unwrap_or_default());
            if let Some(at) = found {
                return Ok(start + at as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }

    /// Returns its first bytes, and at most those that it had when it was opened.
    pub(crate) fn first(&self, bytes: u64) -> StoredRange {
        StoredRange::new(Arc::clone(&self.file), 0..bytes.min(self.bytes))
    }

    /// Returns the plain bytes of such bytes.
    pub(crate) fn plain(&self, stored: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        match self.form {
            SegmentForm::Plain => Box::new(stored),
            SegmentForm::Zstd => decoder(BufReader::new(stored), Compressed::Zstd),
            SegmentForm::Gzip => decoder(BufReader::new(stored), Compressed::Gzip),
        }
    }
}

/// Number of bytes that are searched for the end of a line at once.
const BLOCK_BYTES: usize = 64 * 1024;

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
