//! The door to the file system where there is none: on platforms without `O_APPEND`, `O_NOFOLLOW` and advisory
//! locks that localtel was not written for. It takes the place of `disk` and `elsewhere`, so that the library
//! compiles on every platform; telemetry is off there before anything comes here. No directory can be opened, and
//! what needs an open one can therefore not be called.

use std::io;

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, super::UNSUPPORTED)
}

/// In the place of the `disk` of supported platforms.
pub(crate) mod disk {
    use std::convert::Infallible;
    use std::ffi::OsString;
    use std::fmt;
    use std::fs::File;
    use std::io;
    use std::path::{Path, PathBuf};

    use super::unsupported;

    /// There is no file.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub(crate) enum FileId {}

    impl FileId {
        pub(crate) fn is_beside(self, _other: Self) -> bool {
            match self {}
        }
    }

    /// There is no file to know anything of.
    #[derive(Debug, Clone, Copy)]
    #[expect(
        clippy::struct_excessive_bools,
        reason = "each is an answer of the system"
    )]
    pub(crate) struct Facts {
        pub(crate) id: FileId,
        pub(crate) bytes: u64,
        pub(crate) is_writable: bool,
        pub is_regular: bool,
        pub is_private: bool,
    }

    impl Facts {
        pub(crate) fn is_ours(&self) -> bool {
            match self.id {}
        }

        pub(crate) fn other_owner(&self) -> Option<u32> {
            match self.id {}
        }
    }

    /// What a directory is opened for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Access {
        /// To look.
        Read,
        /// To write.
        Write,
    }

    /// Why a directory could not be opened.
    #[derive(Debug)]
    pub enum OpenError {
        /// The platform is not supported.
        Io(io::Error),
        /// It is there, but cannot serve.
        Unfit(String),
        /// It belongs to another user.
        OtherUser {
            /// What belongs to that user.
            at: PathBuf,
            /// The user that it belongs to.
            owner: u32,
            /// The user of this process.
            user: u32,
        },
    }

    impl fmt::Display for OpenError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(crate::store::UNSUPPORTED)
        }
    }

    impl From<io::Error> for OpenError {
        fn from(error: io::Error) -> Self {
            Self::Io(error)
        }
    }

    /// Why a small file could not be read.
    #[derive(Debug)]
    #[expect(dead_code, reason = "nothing is found here")]
    pub(crate) enum ReadError {
        /// There is no file of that name.
        Missing,
        /// Something else than a regular file has the name.
        NotRegular,
        /// It is larger than any file of ours.
        TooLarge,
        /// The operating system refused.
        Io(io::Error),
    }

    impl fmt::Display for ReadError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(crate::store::UNSUPPORTED)
        }
    }

    /// There is no directory.
    #[derive(Debug)]
    pub struct Directory(Infallible);

    impl Directory {
        pub(crate) fn open(_path: &Path, _access: Access) -> Result<Self, OpenError> {
            Err(OpenError::Io(unsupported()))
        }
    }

    /// Writes operations that cannot be called.
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
        overwrite_whole(name: &str, bytes: &[u8]) -> io::Result<()>;
        empty(name: &str) -> io::Result<()>;
        replace_symlink(name: &str, partial: &str, target: &str) -> io::Result<()>;
        read_small(name: &str, bytes_max: u64) -> Result<Vec<u8>, ReadError>;
        facts_of(file: &File) -> io::Result<Facts>;
        read_back(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
        append(file: &File, bytes: &[u8]) -> io::Result<usize>;
        overwrite(file: &File, bytes: &[u8]) -> io::Result<()>;
        cut(file: &File, bytes: u64) -> io::Result<()>;
        close(file: &File) -> io::Result<()>;
        sync(file: &File) -> io::Result<()>;
        sync_names() -> io::Result<()>;
        sync_way() -> io::Result<()>;
        try_lock(file: &File) -> io::Result<bool>;
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

    pub(crate) fn read_at_least(
        _file: &File,
        _buffer: &mut [u8],
        _offset: u64,
        _wanted: usize,
    ) -> io::Result<usize> {
        Err(unsupported())
    }
}

/// In the place of the `elsewhere` of supported platforms.
pub mod elsewhere {
    use std::convert::Infallible;
    use std::ffi::OsString;
    use std::io;
    use std::path::Path;

    use time::OffsetDateTime;

    use super::disk::FileId;
    use super::unsupported;

    pub(crate) fn effective_user() -> u32 {
        0
    }

    pub(crate) fn is_elevated() -> bool {
        false
    }

    /// Returns `false`: nothing is looked at.
    pub(crate) fn is_marked_as_cache(_folder: &Path) -> bool {
        false
    }

    pub(crate) fn machine_id() -> Option<Vec<u8>> {
        None
    }

    pub(crate) fn read_of_system(_path: &str, _bytes_max: u64) -> Option<Vec<u8>> {
        None
    }

    pub(crate) fn is_there(_path: &str) -> bool {
        false
    }

    /// Returns `false`: nothing is looked at.
    pub fn is_directory(_path: &Path) -> bool {
        false
    }

    pub(crate) fn names_in(_path: &Path) -> io::Result<Vec<OsString>> {
        Err(unsupported())
    }

    /// There is no process to look at.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Processes;

    impl Processes {
        pub(crate) fn look() -> Self {
            Self
        }

        pub(crate) fn is_running_since(self, _process: u32, _time: OffsetDateTime) -> bool {
            false
        }
    }

    /// What kind of thing a name stands for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[expect(dead_code, reason = "nothing is found here")]
    pub(crate) enum FileKind {
        /// A directory.
        Directory,
        /// A regular file.
        File,
        /// A pipe, a device or the like.
        Other,
        /// A symbolic link.
        Symlink,
    }

    /// There is nothing to see.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct FileStat {
        pub(crate) id: FileId,
        pub(crate) kind: FileKind,
        pub(crate) bytes: u64,
        pub(crate) has_other_names: bool,
    }

    impl FileStat {
        pub(crate) fn of(_path: &Path) -> io::Result<Self> {
            Err(unsupported())
        }
    }

    /// There is no directory to look at.
    #[derive(Debug)]
    pub(crate) struct Folder(Infallible);

    impl Folder {
        pub(crate) fn open(_path: &Path) -> io::Result<Self> {
            Err(unsupported())
        }

        pub(crate) fn open_below(&self, _path: &Path) -> io::Result<Self> {
            match self.0 {}
        }

        pub(crate) fn stat(&self) -> io::Result<FileStat> {
            match self.0 {}
        }

        pub(crate) fn entries(
            &self,
        ) -> io::Result<std::iter::Empty<io::Result<(OsString, io::Result<FileStat>)>>> {
            match self.0 {}
        }
    }
}
