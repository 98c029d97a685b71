//! The replacement of `disk` and `elsewhere` on platforms that localtel was not written for,
//! without `O_APPEND`, `O_NOFOLLOW` and advisory locks. With it the library compiles on every
//! platform; telemetry is off there before anything here is called. No directory can be opened, so
//! the functions that need an open one cannot be called.

use std::io;

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, super::UNSUPPORTED)
}

/// The replacement of `disk`.
pub(crate) mod disk {
    use std::convert::Infallible;
    use std::ffi::OsString;
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use super::unsupported;
    pub(crate) use crate::store::facts::{Facts, FileId};
    use crate::store::read_at::ReadAt;
    pub(crate) use crate::store::refusal::ReadError;
    pub(crate) use crate::store::refusal::{Access, OpenError};

    /// There is no directory.
    #[derive(Debug)]
    pub struct Directory(Infallible);

    impl Directory {
        pub(crate) fn open(_path: &Path, _access: Access) -> Result<Self, OpenError> {
            Err(OpenError::Io(unsupported()))
        }
    }

    /// Defines functions that cannot be called.
    macro_rules! never {
        ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
            impl Directory {$(
                pub(crate) fn $name(&self, $($argument: $type),*) -> $result {
                    $(let _ = $argument;)*
                    match self.0 {}
                }
            )*}
        };
    }

    never! {
        take_to_write() -> Result<(), OpenError>;
        path() -> &Path;
        is_current() -> bool;
        owner() -> u32;
        inode() -> u64;
        check_is_writable() -> io::Result<()>;
        names() -> io::Result<Vec<OsString>>;
        facts(name: &str) -> io::Result<Facts>;
        open_read(name: &str) -> io::Result<File>;
        open_append(name: &str) -> io::Result<(File, Facts)>;
        create_append(name: &str) -> io::Result<(File, Facts)>;
        open_or_create(name: &str) -> io::Result<(File, Facts)>;
        remove(name: &str) -> io::Result<()>;
        replace(name: &str, bytes: &[u8]) -> io::Result<()>;
        replace_unsynced(name: &str, bytes: &[u8]) -> io::Result<()>;
        rename(from: &str, to: &str) -> io::Result<()>;
        overwrite_whole(name: &str, bytes: &[u8]) -> io::Result<()>;
        empty(name: &str) -> io::Result<()>;
        replace_symlink(name: &str, target: &str) -> io::Result<()>;
        read_small(name: &str, bytes_max: u64) -> Result<Vec<u8>, ReadError>;
        facts_of(file: &File) -> io::Result<Facts>;
        read_back(file: &dyn ReadAt, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
        read_back_start(file: &dyn ReadAt, buffer: &mut [u8]) -> io::Result<usize>;
        append(file: &File, bytes: &[u8]) -> io::Result<usize>;
        overwrite(file: &File, bytes: &[u8]) -> io::Result<()>;
        cut(file: &File, bytes: u64) -> io::Result<()>;
        close(file: &File) -> io::Result<()>;
        sync(file: &File) -> io::Result<()>;
        sync_names() -> io::Result<()>;
        sync_way() -> io::Result<()>;
        try_lock(file: &File) -> io::Result<bool>;
    }

    impl ReadAt for File {
        fn read_at_least(&self, _: &mut [u8], _: u64, _: usize) -> io::Result<usize> {
            Err(unsupported())
        }
    }

    pub(crate) fn is_strange(_error: &io::Error) -> bool {
        false
    }

    pub(crate) fn check_interruption(
        error: io::Error,
        _interruptions: &mut usize,
    ) -> io::Result<()> {
        Err(error)
    }

    pub(crate) fn write_to_stderr(_bytes: &[u8]) -> io::Result<()> {
        Err(unsupported())
    }

    pub(crate) fn file_bytes_max() -> Option<u64> {
        None
    }

    pub(crate) fn read_at(_file: &File, _buffer: &mut [u8], _offset: u64) -> io::Result<usize> {
        Err(unsupported())
    }

    pub(crate) fn append_at(
        _file: &File,
        _buffer: &mut Vec<u8>,
        _bytes_max: usize,
        _offset: u64,
    ) -> io::Result<usize> {
        Err(unsupported())
    }

    pub(crate) fn read_at_least(
        _file: &File,
        _buffer: &mut [u8],
        _offset: u64,
        _wanted: usize,
    ) -> io::Result<usize> {
        Err(unsupported())
    }
}

/// The replacement of `elsewhere`.
pub mod elsewhere {
    use std::convert::Infallible;
    use std::ffi::OsString;
    use std::io;
    use std::path::Path;

    use time::OffsetDateTime;

    use super::unsupported;
    pub(crate) use crate::store::facts::{Facts, FileKind, effective_user};

    pub(crate) fn is_elevated() -> bool {
        false
    }

    /// Returns `false`: the file system is not accessed.
    pub(crate) fn is_marked_as_cache(_folder: &Path) -> bool {
        false
    }

    pub(crate) fn machine_id() -> Option<Vec<u8>> {
        None
    }

    pub(crate) fn read_of_system(_path: &str, _bytes_max: u64) -> Option<Vec<u8>> {
        None
    }

    pub(crate) fn exists(_path: &str) -> bool {
        false
    }

    /// Returns `false`: the file system is not accessed.
    pub fn is_directory(_path: &Path) -> bool {
        false
    }

    pub(crate) fn names_in(_path: &Path) -> io::Result<Vec<OsString>> {
        Err(unsupported())
    }

    /// There is no process to check.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Processes;

    impl Processes {
        pub(crate) fn read() -> Self {
            Self
        }

        pub(crate) fn is_running_since(self, _process: u32, _time: OffsetDateTime) -> bool {
            false
        }
    }

    pub(crate) fn facts_at(_path: &Path) -> io::Result<Facts> {
        Err(unsupported())
    }

    /// There is no directory to read.
    #[derive(Debug)]
    pub(crate) struct Folder(Infallible);

    impl Folder {
        pub(crate) fn open(_path: &Path) -> io::Result<Self> {
            Err(unsupported())
        }

        pub(crate) fn open_below(&self, _path: &Path) -> io::Result<Self> {
            match self.0 {}
        }

        pub(crate) fn stat(&self) -> io::Result<Facts> {
            match self.0 {}
        }

        pub(crate) fn entries(
            &self,
        ) -> io::Result<std::iter::Empty<io::Result<(OsString, io::Result<Facts>)>>> {
            match self.0 {}
        }
    }
}
