//! The segments of a directory as they are stored, for copies with the same bytes, while other
//! processes append, rotate, compress and remove. Lines and damage are left to the caller, who
//! passes the plain bytes to a [`LineStream`](super::LineStream).

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::store;
use crate::store::disk::{Access, Directory};
use crate::store::lock::Extent;
use crate::store::segment::{SegmentForm, SegmentNumber};
use crate::store::segment_file::{SegmentOpenError, StoredFile};

/// The segments of a telemetry directory as files. All operations apply to the directory that was
/// opened, also if another one replaces it.
///
/// # Examples
///
/// ```no_run
/// use std::io::copy;
///
/// use localtel::read::StoredSegments;
///
/// let segments = StoredSegments::open("/home/me/.local/state/myapp/telemetry".as_ref())?;
/// for number in segments.numbers()? {
///     // One that is gone was removed meanwhile.
///     if let Some(segment) = segments.open_segment(number)? {
///         let mut file = std::fs::File::create(segment.number().file_name())?;
///         copy(&mut segment.plain(segment.stored(u64::MAX)), &mut file)?;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StoredSegments {
    directory: Directory,
}

/// An open segment. It keeps its bytes after another process compressed or removed it.
pub struct StoredSegment {
    number: SegmentNumber,
    file: StoredFile,
    path: PathBuf,
}

impl StoredSegments {
    /// Opens a telemetry directory.
    ///
    /// # Errors
    ///
    /// Returns an error if the path does not exist (see
    /// [`is_not_found`](crate::Error::is_not_found)), is not a directory, or cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let directory =
            Directory::open(path, Access::Read).map_err(|error| store::open_error(path, error))?;
        Ok(Self { directory })
    }

    /// Lists the segments that exist, the lowest first. Nothing is written any more to a segment
    /// that is not the last one of a list.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be listed.
    pub fn numbers(&self) -> Result<Vec<SegmentNumber>> {
        store::numbers_without_lock(&self.directory)
    }

    /// Returns the lowest number that was not removed on purpose, if that is known: a segment below
    /// it that does not exist was removed, one that is not below it is lost. It is raised before
    /// segments are removed.
    pub fn floor(&self) -> Option<SegmentNumber> {
        Extent::peek(&self.directory).map(|extent| extent.floor)
    }

    /// Opens a segment, in the form in which it is read; `None` if it does not exist. One that
    /// another process is compressing is found in its other form.
    ///
    /// # Errors
    ///
    /// Returns an error if it exists and cannot be read.
    pub fn open_segment(&self, number: SegmentNumber) -> Result<Option<StoredSegment>> {
        // Between the looks at its two names a segment can move from the second to the first, if a
        // person decompresses it.
        for _ in 0..LOOKS {
            let path = || self.directory.path().join(number.file_name());
            match StoredFile::open(&self.directory, number) {
                Ok(file) => {
                    let path = self.directory.path().join(file.form().name_of(number));
                    return Ok(Some(StoredSegment { number, file, path }));
                }
                Err(SegmentOpenError::Missing) => {}
                Err(SegmentOpenError::NotRegular) => {
                    return Err(Error::format(&path(), "it is not a regular file"));
                }
                Err(SegmentOpenError::Io(error)) => {
                    return Err(Error::io("open", &path())(error));
                }
            }
        }
        Ok(None)
    }
}

impl StoredSegment {
    /// Returns its number.
    pub fn number(&self) -> SegmentNumber {
        self.number
    }

    /// Returns the form in which it is stored.
    pub fn form(&self) -> SegmentForm {
        self.file.form()
    }

    /// Returns its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of bytes of its file when it was opened.
    pub fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// Returns the number of bytes that its file has now. Writers only append, and remove segments
    /// as a whole; but where the disk is full, clearing everything truncates them first.
    ///
    /// # Errors
    ///
    /// Returns an error if the system does not report it.
    pub fn bytes_now(&self) -> Result<u64> {
        let bytes = self.file.bytes_now();
        bytes.map_err(Error::io("read the metadata of", &self.path))
    }

    /// Returns the number of its plain bytes, if that is known without decompressing it.
    pub fn plain_bytes(&self) -> Option<u64> {
        self.file.plain_bytes()
    }

    /// Returns the number of bytes of its file, when it was opened, up to the end of the last line.
    /// A writer never takes these back. Of a compressed segment it has no meaning.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read.
    pub fn whole_lines_bytes(&self) -> Result<u64> {
        let end = self.file.end_of_last_line();
        end.map_err(Error::io("read", &self.path))
    }

    /// Returns the first bytes of its file, and at most those that it had when it was opened.
    pub fn stored(&self, bytes: u64) -> impl Read + Send + 'static + use<> {
        self.file.first(bytes)
    }

    /// Returns the plain bytes of its stored bytes, which may pass through the caller first. Where
    /// they cannot be decompressed, reading fails.
    pub fn plain(&self, stored: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        self.file.plain(stored)
    }
}

impl fmt::Debug for StoredSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSegment")
            .field("path", &self.path)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// How often a segment is looked for that does not exist.
const LOOKS: usize = 3;
