//! All access to the file system. Every open, read, write, lock, rename and removal of the project
//! is done here, so that tests can make any of them fail, and so that the protection of the owner's
//! files (modes, no symlinks, no files of others) is decided once. Platform differences are only
//! here, and in `elsewhere`, which reads outside of telemetry directories.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

pub(crate) use super::facts::{Facts, FileId};
pub(crate) use super::refusal::ReadError;
pub(crate) use super::refusal::{Access, OpenError};
pub(crate) use super::transfer::{
    append_at, check_interruption, file_bytes_max, read_at, read_at_least, write_to_stderr,
};

use super::ancestors::{self, DIRECTORY_MODE};
use super::elsewhere;
use super::facts::{explain_denial, is_own};
use super::read_at::ReadAt;
use super::segment::{is_ours, partial_of};
use super::transfer::{check_file_size, size_of, write_at_start};

/// The mode of an active segment and of every other file: accessible to its owner only.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The mode of a closed segment: a hint for writers, and a guard against accidents.
const CLOSED_MODE: Mode = Mode::RUSR;

/// An open directory. Its operations apply to this very directory, also after another process has
/// renamed or replaced it.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
    id: FileId,
    /// Its owner when it was opened, and the permissions of other users.
    owned: Ownership,
    #[cfg(test)]
    pub(crate) faults: super::faults::Faults,
}

/// The room of a file system for this user, as far as the system reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSystemRoom {
    /// All bytes, free or not; 0 if it reports no such number.
    pub(crate) bytes: u64,
    /// Number of bytes in use.
    pub(crate) used_bytes: u64,
    /// Number of free bytes.
    pub(crate) free_bytes: u64,
    /// Number of free bytes for users other than root.
    pub(crate) available_bytes: u64,
    /// Number of free inodes, of which each file takes one; absent where they are not counted.
    pub(crate) free_inodes: Option<u64>,
}

/// The owner of a directory, and its permissions.
#[derive(Debug, Clone, Copy)]
struct Ownership {
    user: u32,
    /// The mode bits, including those that are not permissions.
    mode: Mode,
}

impl From<&Stat> for Ownership {
    fn from(stat: &Stat) -> Self {
        Self {
            user: stat.st_uid,
            mode: Mode::from_raw_mode(stat.st_mode),
        }
    }
}

/// Fails an operation where a test plans a fault; otherwise does nothing.
macro_rules! fault {
    ($directory:expr, $operation:literal) => {
        #[cfg(test)]
        $directory.faults.before($operation)?;
    };
}

#[cfg_attr(
    not(test),
    expect(
        clippy::unused_self,
        reason = "every operation goes through a directory, so that tests can make it fail"
    )
)]
impl Directory {
    /// Opens the directory at that path; with [`Access::Write`] creates it, 0700, if it is missing.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, OpenError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from);
        let fd = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && access == Access::Write => {
                ancestors::make(path)?
            }
            result => result.map_err(|error| describe_open_failure(path, error))?,
        };
        let stat = rustix::fs::fstat(&fd).map_err(io::Error::from)?;
        let directory = Self {
            fd,
            path: path.to_owned(),
            id: FileId::from(&stat),
            owned: Ownership::from(&stat),
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        };
        match access {
            Access::Read => {}
            Access::Write => directory.take_to_write()?,
        }
        Ok(directory)
    }

    /// Checks that the directory at that path could be opened for writing, and creates and changes
    /// nothing. Returns it opened for reading; nothing if it is missing and could be created.
    pub(crate) fn check_to_write(path: &Path) -> Result<Option<Self>, OpenError> {
        match Self::open(path, Access::Read) {
            Ok(directory) => {
                directory.owned.check_is_own(path)?;
                directory.check_can_be_private()?;
                Ok(Some(directory))
            }
            Err(error) if error.is_not_found() => ancestors::check(path).map(|()| None),
            Err(error) => Err(error),
        }
    }

    /// Checks that a directory that was opened for reading can be written, too: only this user may
    /// write to it.
    pub(crate) fn take_to_write(&self) -> Result<(), OpenError> {
        self.owned.check_is_own(&self.path)?;
        if self.owned.is_open_to_others() {
            self.check_can_be_private()?;
            rustix::fs::fchmod(&self.fd, DIRECTORY_MODE).map_err(io::Error::from)?;
        }
        Ok(())
    }

    /// Checks that others can be kept out: it contains nothing that they may be entitled to read.
    fn check_can_be_private(&self) -> Result<(), OpenError> {
        let is_known = |name: &OsString| name == "profiles" || name.to_str().is_some_and(is_ours);
        if !self.owned.is_open_to_others() || self.names()?.iter().all(is_known) {
            return Ok(());
        }
        let mode = self.owned.mode.as_raw_mode();
        Err(OpenError::Unfit(format!(
            "other users may read it (mode {mode:04o}), and it contains other files; use a separate directory, or `chmod 700` it"
        )))
    }

    /// Returns its descriptor.
    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Returns the path it was opened at.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns `true` if the path still leads to this directory.
    pub(crate) fn is_current(&self) -> bool {
        rustix::fs::lstat(&self.path).is_ok_and(|stat| FileId::from(&stat) == self.id)
    }

    /// Returns its owner when it was opened.
    pub(crate) fn owner(&self) -> u32 {
        self.owned.user
    }

    /// Returns its inode, which survives reboots, remounts and renames and differs in a copy.
    pub(crate) fn inode(&self) -> u64 {
        self.id.inode
    }

    /// Returns an error if it is unfit for writing: it belongs to another user, or others may write
    /// to it.
    pub(crate) fn check_is_private(&self) -> Result<(), OpenError> {
        let stat = rustix::fs::fstat(&self.fd).map_err(io::Error::from)?;
        Ownership::from(&stat).check_is_own(&self.path)
    }

    /// Returns the permissions of others than its owner, as `chmod` writes them; 0 if there are
    /// none.
    pub(crate) fn mode_for_others(&self) -> io::Result<u32> {
        let mode = Mode::from_raw_mode(rustix::fs::fstat(&self.fd)?.st_mode);
        Ok(mode.intersection(Mode::RWXG | Mode::RWXO).as_raw_mode())
    }

    /// Returns an error if this user may not write in it: missing permission, or a read-only file
    /// system.
    pub(crate) fn check_is_writable(&self) -> io::Result<()> {
        use rustix::fs::Access as May;
        let wanted = May::WRITE_OK | May::EXEC_OK;
        Ok(rustix::fs::accessat(
            &self.fd,
            ".",
            wanted,
            AtFlags::EACCESS,
        )?)
    }

    /// Returns the size of its file system and its free room.
    pub(crate) fn room(&self) -> io::Result<FileSystemRoom> {
        let room = rustix::fs::fstatvfs(&self.fd)?;
        // Blocks reserved for root are free for root.
        let (blocks, inodes) = match elsewhere::effective_user() {
            0 => (room.f_bfree, room.f_ffree),
            _ => (room.f_bavail, room.f_favail),
        };
        Ok(FileSystemRoom {
            bytes: room.f_blocks.saturating_mul(room.f_frsize),
            used_bytes: (room.f_blocks.saturating_sub(room.f_bfree)).saturating_mul(room.f_frsize),
            free_bytes: blocks.saturating_mul(room.f_frsize),
            available_bytes: room.f_bavail.saturating_mul(room.f_frsize),
            free_inodes: (room.f_files > 0).then_some(inodes),
        })
    }

    /// Lists the names in it, in no order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        fault!(self, "list");
        elsewhere::names_of(&self.fd)
    }

    /// Returns the facts of the file of that name; of the link itself if it is one.
    pub(crate) fn facts(&self, name: &str) -> io::Result<Facts> {
        fault!(self, "facts");
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Facts::from(&stat))
    }

    /// Opens a file of that name for reading.
    pub(crate) fn open_read(&self, name: &str) -> io::Result<File> {
        fault!(self, "open");
        self.open_at(name, OFlags::RDONLY, Mode::empty())
    }

    /// Opens a file of that name for appending and reading, and returns its facts.
    pub(crate) fn open_append(&self, name: &str) -> io::Result<(File, Facts)> {
        fault!(self, "open");
        let file = self.open_at(name, OFlags::RDWR | OFlags::APPEND, Mode::empty())?;
        let facts = self.facts_of(&file)?;
        Ok((file, facts))
    }

    /// Creates a file of that name, 0600, for appending, and returns its facts; fails if it exists.
    pub(crate) fn create_append(&self, name: &str) -> io::Result<(File, Facts)> {
        fault!(self, "create");
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        self.open_own(name, flags)
    }

    /// Opens the file of that name for locking, reading and overwriting, and returns its facts;
    /// creates it, 0600, if it is missing.
    pub(crate) fn open_or_create(&self, name: &str) -> io::Result<(File, Facts)> {
        fault!(self, "open lock");
        self.open_own(name, OFlags::RDWR | OFlags::CREATE)
    }

    fn open_own(&self, name: &str, flags: OFlags) -> io::Result<(File, Facts)> {
        let file = self.open_at(name, flags, FILE_MODE)?;
        let mut stat = rustix::fs::fstat(&file)?;
        // A umask such as 777 removes permissions that the owner needs.
        if flags.contains(OFlags::CREATE)
            && !Mode::from_raw_mode(stat.st_mode).contains(FILE_MODE)
            && is_own(stat.st_uid)
        {
            rustix::fs::fchmod(&file, FILE_MODE)?;
            stat = rustix::fs::fstat(&file)?;
        }
        Ok((file, Facts::from(&stat)))
    }

    /// Follows no symlink, waits for no pipe, and lets no child process inherit the file.
    fn open_at(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.fd, name, flags, mode) {
            Ok(file) => Ok(File::from(file)),
            Err(error @ rustix::io::Errno::ACCESS) => {
                let error = io::Error::from(error);
                match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => Err(explain_denial(error, Path::new(name), stat.st_uid)),
                    Err(_) => Err(error),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the file of that name, unless it belongs to another user.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        #[cfg(test)]
        self.faults.before_removal(name)?;
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if !is_own(stat.st_uid) {
            let reason = format!("it belongs to another user (uid {})", stat.st_uid);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Replaces the small file of that name, all or nothing: writes another file beside it, syncs
    /// it, and renames it.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write_and_rename(name, bytes, File::sync_all)?;
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// Replaces the small file of that name, all or nothing unless there is a power cut, which may
    /// leave it empty.
    pub(crate) fn replace_unsynced(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write_and_rename(name, bytes, |_| Ok(()))
    }

    /// Writes another file beside the one of that name, and renames it.
    fn write_and_rename(
        &self,
        name: &str,
        bytes: &[u8],
        sync: fn(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        fault!(self, "replace");
        let partial = &self.free_partial_of(name)?;
        let replaced = self
            .write_whole(partial, bytes, sync)
            .and_then(|()| Ok(rustix::fs::renameat(&self.fd, partial, &self.fd, name)?));
        if replaced.is_err() {
            // Half a file is useless; if it remains, that is not a further failure.
            let _stays = rustix::fs::unlinkat(&self.fd, partial, AtFlags::empty());
        }
        replaced
    }

    /// Renames a file, which replaces one that has the new name.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fault!(self, "rename");
        Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Returns the temporary name for a file that will be renamed to that name, after removing a
    /// file that an earlier process left under it.
    fn free_partial_of(&self, name: &str) -> io::Result<String> {
        let partial = partial_of(name);
        match rustix::fs::unlinkat(&self.fd, &partial, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(partial),
            Err(error) => Err(error.into()),
        }
    }

    fn write_whole(
        &self,
        name: &str,
        bytes: &[u8],
        sync: fn(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let (file, _) = self.open_own(name, flags)?;
        write_at_start(&file, bytes)?;
        sync(&file)
    }

    /// Overwrites the file of that name in place, which needs no free room if the new content is
    /// not longer. A crash may leave a mixture of both.
    pub(crate) fn overwrite_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.open_to_change(name)?;
        self.overwrite(&file, bytes)?;
        self.cut(&file, bytes.len() as u64)?;
        self.sync(&file)
    }

    /// Truncates the file of that name to nothing, and creates it if it is missing.
    pub(crate) fn empty(&self, name: &str) -> io::Result<()> {
        let file = match self.open_to_change(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create_append(name)?.0,
            opened => opened?,
        };
        self.cut(&file, 0)?;
        self.sync(&file)
    }

    /// Opens a file of this user to change it in place.
    fn open_to_change(&self, name: &str) -> io::Result<File> {
        fault!(self, "open");
        let file = self.open_at(name, OFlags::WRONLY, Mode::empty())?;
        if self.facts_of(&file)?.is_ours() {
            Ok(file)
        } else {
            Err(io::Error::other("it is not a regular file of this user"))
        }
    }

    /// Points the symlink of that name to `target`, by a rename, so that it is never missing.
    pub(crate) fn replace_symlink(&self, name: &str, target: &str) -> io::Result<()> {
        fault!(self, "link");
        // Anything but a symlink was put there by a person and is kept.
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {}
            Err(rustix::io::Errno::NOENT) => {}
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => return Err(error.into()),
        }
        let partial = &self.free_partial_of(name)?;
        rustix::fs::symlinkat(target, &self.fd, partial)?;
        Ok(rustix::fs::renameat(&self.fd, partial, &self.fd, name)?)
    }

    /// Reads a small file as a whole.
    ///
    /// # Errors
    ///
    /// Returns an error that distinguishes an unfit entry from a momentary refusal by the operating
    /// system.
    pub(crate) fn read_small(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
        fault!(self, "read");
        let file = self.open_at(name, OFlags::RDONLY, Mode::empty())?;
        let stat = rustix::fs::fstat(&file).map_err(io::Error::from)?;
        // A pipe would read as an empty file, and would hide that the contents are unknown.
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(ReadError::NotRegular);
        }
        let bytes_now = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        // One read is enough, with room to detect that it has grown; if so, there is a second one.
        for wanted in [bytes_now, bytes_max] {
            if wanted > bytes_max {
                break;
            }
            bytes.resize(wanted.saturating_add(1), 0);
            // Some file systems report size 0 for every file.
            let read = read_at_least(&file, &mut bytes, 0, wanted.max(1))?;
            if read <= wanted {
                bytes.truncate(read);
                return Ok(bytes);
            }
        }
        Err(ReadError::TooLarge)
    }

    /// Returns the facts of an open file.
    pub(crate) fn facts_of(&self, file: &File) -> io::Result<Facts> {
        fault!(self, "facts");
        Ok(Facts::from(&rustix::fs::fstat(file)?))
    }

    /// Reads recorded lines to find their times, as [`ReadAt::read_at`] does.
    pub(crate) fn read_back(
        &self,
        file: &dyn ReadAt,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        fault!(self, "read back");
        file.read_at(buffer, offset)
    }

    /// Reads the first lines to find their times, as [`ReadAt::read_start`] does.
    pub(crate) fn read_back_start(
        &self,
        file: &dyn ReadAt,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        fault!(self, "read back");
        let wanted = buffer.len();
        file.read_start(buffer, wanted)
    }

    /// Writes once at the end of the file and returns the number of bytes written.
    pub(crate) fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(test)]
        let bytes = self.faults.shorten(bytes)?;
        if let Some(bytes_max) = file_bytes_max() {
            let bytes_now = size_of(file)?;
            check_file_size(bytes_now.saturating_add(bytes.len() as u64), bytes_max)?;
        }
        file.write(bytes)
    }

    /// Overwrites the start of the file.
    pub(crate) fn overwrite(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        fault!(self, "overwrite");
        write_at_start(file, bytes)
    }

    /// Truncates the file to that size.
    pub(crate) fn cut(&self, file: &File, bytes: u64) -> io::Result<()> {
        fault!(self, "cut");
        // If the file has become shorter meanwhile, this makes it longer.
        if let Some(bytes_max) = file_bytes_max()
            && bytes > bytes_max
            && bytes > size_of(file)?
        {
            return check_file_size(bytes, bytes_max);
        }
        file.set_len(bytes)
    }

    /// Removes the write bit of the file.
    pub(crate) fn close(&self, file: &File) -> io::Result<()> {
        fault!(self, "close");
        Ok(rustix::fs::fchmod(file, CLOSED_MODE)?)
    }

    /// Makes the file's bytes survive a power cut.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        fault!(self, "sync");
        file.sync_data()
    }

    /// Makes the names in the directory survive a power cut.
    pub(crate) fn sync_names(&self) -> io::Result<()> {
        fault!(self, "sync names");
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// Makes the name of the directory, and the names of those above it, survive a power cut: they
    /// may have been created with it. Stops where a file system begins, and above the first
    /// directory of another user, in which localtel can have created nothing else.
    pub(crate) fn sync_way(&self) -> io::Result<()> {
        fault!(self, "sync way");
        for above in self.path.ancestors().skip(1) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            // A user who may not read it has created nothing in it.
            let Ok(above) = rustix::fs::open(above, flags, Mode::empty()) else {
                return Ok(());
            };
            let stat = rustix::fs::fstat(&above)?;
            if !FileId::from(&stat).is_beside(self.id) {
                return Ok(());
            }
            match rustix::fs::fsync(&above) {
                // Some file systems do not support this.
                Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOTSUP) => {}
                Err(error) => return Err(error.into()),
            }
            if !is_own(stat.st_uid) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes the exclusive lock if it is free, and returns `true` if it did.
    pub(crate) fn try_lock(&self, file: &File) -> io::Result<bool> {
        fault!(self, "lock");
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl ReadAt for File {
    fn read_at_least(&self, buffer: &mut [u8], offset: u64, wanted: usize) -> io::Result<usize> {
        read_at_least(self, buffer, offset, wanted)
    }
}

/// Returns `true` if an open failed because the name belongs to a symbolic link, or to a pipe or
/// socket without a peer.
pub(crate) fn is_strange(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NXIO))
}

/// `O_DIRECTORY | O_NOFOLLOW` returns the same error for a symlink and a file; users need to know
/// which it is.
fn describe_open_failure(path: &Path, error: io::Error) -> OpenError {
    if error.kind() == io::ErrorKind::NotFound {
        // The name does not exist, not even as a link.
        return OpenError::Io(error);
    }
    match rustix::fs::lstat(path).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Symlink) => OpenError::Unfit(
            "it is a symbolic link, which is not followed; use the directory itself".to_owned(),
        ),
        Ok(FileType::Directory) | Err(_) => OpenError::Io(match elsewhere::nearest_visible(path) {
            Some((at, owner)) => explain_denial(error, at, owner),
            None => error,
        }),
        Ok(_) => OpenError::Unfit("it is a file, not a directory".to_owned()),
    }
}

impl Ownership {
    fn is_open_to_others(self) -> bool {
        self.mode.intersects(Mode::RWXG | Mode::RWXO)
    }

    fn check_is_own(self, path: &Path) -> Result<(), OpenError> {
        let Self { user, mode } = self;
        if !is_own(user) {
            return Err(OpenError::of_other_user(path, user));
        }
        if mode.intersects(Mode::WGRP | Mode::WOTH) {
            return Err(OpenError::Unfit(format!(
                "other users may write to it (mode {:04o}); `chmod 700` it",
                mode.as_raw_mode()
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_is_read_whole_up_to_its_bound_and_not_beyond() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory::open(home.path(), Access::Read).unwrap();
        for bytes in 0..40_u8 {
            let written: Vec<u8> = (0..bytes).collect();
            std::fs::write(home.path().join("lock"), &written).unwrap();
            match directory.read_small("lock", 35) {
                Ok(read) => assert_eq!(read, written),
                Err(error) => {
                    assert!(bytes > 35, "{bytes}: {error}");
                    assert!(matches!(error, ReadError::TooLarge), "{error}");
                }
            }
        }
    }
}
