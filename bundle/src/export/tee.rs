//! Bytes that are hashed and written to a file while somebody else reads them.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::disk::NewFile;
use crate::manifest::Sha256Sum;

/// A reader that passes on what it reads, and copies it on the way.
pub(super) struct TeeReader<R> {
    source: R,
    copy: SharedCopy,
}

/// A copy of bytes, which a reader in another place fills.
#[derive(Clone)]
pub(super) struct SharedCopy(Arc<Mutex<CopyState>>);

struct CopyState {
    bytes: u64,
    sink: CopySink,
    failure: Option<CopyFailure>,
}

/// Where the bytes go.
enum CopySink {
    /// They are only counted.
    Count,
    /// They are counted and hashed.
    Hash(Sha256),
    /// They are counted, hashed and written.
    File(Sha256, NewFile),
}

/// The reason why reading or writing ended early.
#[derive(Debug)]
pub(super) enum CopyFailure {
    Read(io::Error),
    Write(io::Error),
}

/// A finished copy.
pub(super) struct FinishedCopy {
    pub(super) bytes: u64,
    pub(super) sha256: Sha256Sum,
    pub(super) file: Option<NewFile>,
}

impl SharedCopy {
    /// Returns a copy that only counts.
    pub(super) fn counted() -> Self {
        Self::new(CopySink::Count)
    }

    /// Returns a copy that only counts and hashes.
    pub(super) fn hashed() -> Self {
        Self::new(CopySink::Hash(Sha256::new()))
    }

    /// Returns a copy into a file.
    pub(super) fn into_file(file: NewFile) -> Self {
        Self::new(CopySink::File(Sha256::new(), file))
    }

    fn new(sink: CopySink) -> Self {
        Self(Arc::new(Mutex::new(CopyState {
            bytes: 0,
            sink,
            failure: None,
        })))
    }

    /// Returns a reader that copies what is read through it.
    pub(super) fn of<R>(&self, source: R) -> TeeReader<R> {
        TeeReader {
            source,
            copy: self.clone(),
        }
    }

    /// Adds bytes. After a failure nothing is added, and [`finish`](Self::finish) returns it.
    pub(super) fn add(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if state.failure.is_some() {
            return;
        }
        let written = match &mut state.sink {
            CopySink::Count => Ok(()),
            CopySink::Hash(hash) => {
                hash.update(bytes);
                Ok(())
            }
            CopySink::File(hash, file) => {
                hash.update(bytes);
                file.write(bytes)
            }
        };
        match written {
            Ok(()) => state.bytes += bytes.len() as u64,
            Err(error) => state.failure = Some(CopyFailure::Write(error)),
        }
    }

    /// Returns the number of bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Ends the copy.
    pub(super) fn finish(&self) -> Result<FinishedCopy, CopyFailure> {
        let mut state = self.lock();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        let (hash, file) = match std::mem::replace(&mut state.sink, CopySink::Count) {
            CopySink::Count => (Sha256::new(), None),
            CopySink::Hash(hash) => (hash, None),
            CopySink::File(hash, file) => (hash, Some(file)),
        };
        Ok(FinishedCopy {
            bytes: state.bytes,
            sha256: Sha256Sum::of(hash),
            file,
        })
    }

    fn has_failed(&self) -> bool {
        self.lock().failure.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, CopyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Read> Read for TeeReader<R> {
    /// After a failure this is the end, and [`SharedCopy::finish`] returns the failure.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.source.read(buffer) {
            Ok(read) => {
                self.copy.add(buffer.get(..read).unwrap_or_default());
                Ok(if self.copy.has_failed() { 0 } else { read })
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let failure = CopyFailure::Read(error);
                self.copy.lock().failure.get_or_insert(failure);
                Ok(0)
            }
        }
    }
}
