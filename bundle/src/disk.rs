//! All access of this package to the file system. Telemetry directories are read through the
//! library; here are bundles, trees, and the machine id. Below a directory that the user named,
//! symbolic links are never followed, and only regular files are opened.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// An open directory of a bundle or a tree. Its operations apply to this very directory, also after
/// it was renamed.
#[derive(Debug)]
pub struct BundleFolder {
    fd: OwnedFd,
    path: PathBuf,
}

impl BundleFolder {
    /// Opens the directory that a user named, also through symbolic links.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a directory, or cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            fd: rustix::fs::open(path, flags, Mode::empty())?,
            path: path.to_owned(),
        })
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a directory but, for example, a symbolic link to one.
    pub fn open_folder(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = checked(name.as_ref())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            fd: rustix::fs::openat(&self.fd, name, flags, Mode::empty())?,
            path: self.path.join(name),
        })
    }

    /// Creates a directory in this one, for this user only, and opens it.
    ///
    /// # Errors
    ///
    /// Returns an error if anything of that name exists.
    pub fn create_folder(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = checked(name.as_ref())?;
        rustix::fs::mkdirat(&self.fd, name, Mode::RWXU)?;
        self.open_folder(name)
    }

    /// Creates a file for this user only, and opens it for writing.
    ///
    /// # Errors
    ///
    /// Returns an error if anything of that name exists.
    pub fn create_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = checked(name.as_ref())?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(rustix::fs::openat(&self.fd, name, flags, mode)?.into())
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// Returns an error if it is anything else, for example a symbolic link or a pipe.
    pub fn open_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = checked(name.as_ref())?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // Opening a device can have an effect, so its kind is checked before, and again after.
        let before = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        check_is_regular(before.st_mode)?;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        check_is_regular(rustix::fs::fstat(&fd)?.st_mode)?;
        Ok(fd.into())
    }

    /// Returns what an entry is; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be looked at.
    pub fn entry(&self, name: impl AsRef<OsStr>) -> io::Result<Option<EntryFacts>> {
        let name = checked(name.as_ref())?;
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(EntryFacts {
                kind: EntryKind::of(stat.st_mode),
                bytes: u64::try_from(stat.st_size).unwrap_or(0),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the names of all entries, in no order.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        self.entries()?.collect()
    }

    /// Iterates over the names of all entries, in no order and one at a time.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be read.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<OsString>>> {
        let entries = rustix::fs::Dir::read_from(&self.fd)?;
        Ok(entries.filter_map(|entry| match entry {
            Ok(entry) => {
                let name: &CStr = entry.file_name();
                let is_one = !matches!(name.to_bytes(), b"." | b"..");
                is_one.then(|| Ok(OsString::from_vec(name.to_bytes().to_vec())))
            }
            Err(error) => Some(Err(error.into())),
        }))
    }

    /// Takes the lock on a file, which is created if it is missing, and returns the file; `None` if
    /// another process has it. The lock is held as long as the file is open.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be opened or locked.
    pub fn try_lock(&self, name: impl AsRef<OsStr>) -> io::Result<Option<File>> {
        let name = checked(name.as_ref())?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = File::from(rustix::fs::openat(&self.fd, name, flags, mode)?);
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Renames an entry to a name in this or another directory of the same file system. Nothing is
    /// replaced.
    ///
    /// # Errors
    ///
    /// Returns an error if the new name exists.
    pub fn rename(
        &self,
        from: impl AsRef<OsStr>,
        into: &Self,
        to: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let (from, to) = (checked(from.as_ref())?, checked(to.as_ref())?);
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&self.fd, from, &into.fd, to, flags) {
            // This file system cannot do both at once.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                if into.entry(to)?.is_some() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                Ok(rustix::fs::renameat(&self.fd, from, &into.fd, to)?)
            }
            result => Ok(result?),
        }
    }

    /// Renames an entry to a name in this or another directory of the same file system, and
    /// replaces a file that has it.
    ///
    /// # Errors
    ///
    /// Returns an error if the new name is that of a directory.
    pub fn rename_over(
        &self,
        from: impl AsRef<OsStr>,
        into: &Self,
        to: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let (from, to) = (checked(from.as_ref())?, checked(to.as_ref())?);
        Ok(rustix::fs::renameat(&self.fd, from, &into.fd, to)?)
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// Returns an error if it is a directory, or cannot be removed.
    pub fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let name = checked(name.as_ref())?;
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not empty, or cannot be removed.
    pub fn remove_folder(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let name = checked(name.as_ref())?;
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// Waits until the names in this directory are on the disk.
    ///
    /// # Errors
    ///
    /// Returns an error if they may not be there.
    pub fn sync(&self) -> io::Result<()> {
        match rustix::fs::fsync(&self.fd) {
            // Some file systems of other systems have nothing to sync there.
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            result => Ok(result?),
        }
    }

    /// Returns the number of bytes that this user can still write to the file system; `None` if the
    /// file system does not report its size.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be asked.
    pub fn free_bytes(&self) -> io::Result<Option<u64>> {
        let room = rustix::fs::fstatvfs(&self.fd)?;
        let bytes = room.f_bavail.saturating_mul(room.f_frsize);
        Ok((room.f_blocks > 0).then_some(bytes))
    }

    /// Returns the number of bytes of a block, of which each file takes whole ones.
    ///
    /// # Errors
    ///
    /// Returns an error if the file system does not report it.
    pub fn block_bytes(&self) -> io::Result<u64> {
        Ok(rustix::fs::fstatvfs(&self.fd)?.f_frsize.max(1))
    }

    /// Returns the path at which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates the directory at that path for this user only, unless it exists.
///
/// # Errors
///
/// Returns an error if it could not be created, for example because the directory above it does not
/// exist.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryFacts {
    /// Its kind.
    pub kind: EntryKind,
    /// Its size.
    pub bytes: u64,
}

/// The kind of an entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are all kinds")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Folder,
    /// Anything else, as a symbolic link.
    Other,
}

impl EntryKind {
    fn of(mode: rustix::fs::RawMode) -> Self {
        match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Self::Other,
        }
    }
}

/// A new file that is being written.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    bytes: u64,
    /// The largest size of a file that this process may write.
    bytes_max: Option<u64>,
}

impl NewFile {
    /// Creates a file for this user only.
    ///
    /// # Errors
    ///
    /// Returns an error if anything of that name exists.
    pub fn create(folder: &BundleFolder, name: impl AsRef<OsStr>) -> io::Result<Self> {
        Ok(Self {
            file: folder.create_file(name)?,
            bytes: 0,
            bytes_max: getrlimit(Resource::Fsize).current,
        })
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if they cannot be written. Some of them may be in the file then.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        // The system would otherwise end this process with a signal.
        if self.bytes_max.is_some_and(|most| self.bytes > most) {
            return Err(Errno::FBIG.into());
        }
        self.file.write_all(bytes)
    }

    /// Waits until all of it is on the disk.
    ///
    /// # Errors
    ///
    /// Returns an error if it may not be there.
    pub fn sync(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Returns a path without symbolic links, if it exists.
#[expect(
    clippy::disallowed_methods,
    reason = "only the standard library resolves whole paths"
)]
pub(crate) fn real_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Returns `true` if anything has that path and this user can see it.
pub(crate) fn exists(path: &Path) -> bool {
    rustix::fs::lstat(path).is_ok()
}

/// Asks the system to forget what it has in memory of a file that is on the disk, so that it is
/// read from there.
pub fn forget_cached(file: &File) {
    // It is a wish: where it is not granted, the file is read from memory.
    let _ = rustix::fs::fadvise(file.as_fd(), 0, None, Advice::DontNeed);
}

/// Reads the beginning of a file of the operating system, if it exists and may be read.
pub(crate) fn read_of_system(path: &str, bytes_max: u64) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns a name if it is one: operations never leave their directory.
fn checked(name: &OsStr) -> io::Result<&OsStr> {
    let bytes = name.as_bytes();
    if matches!(bytes, b"" | b"." | b"..") || bytes.contains(&b'/') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not the name of an entry",
        ));
    }
    Ok(name)
}

fn check_is_regular(mode: rustix::fs::RawMode) -> io::Result<()> {
    match EntryKind::of(mode) {
        EntryKind::File => Ok(()),
        EntryKind::Folder | EntryKind::Other => Err(io::Error::other("not a regular file")),
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at what was created, and plant links"
)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use tempfile::TempDir;

    use super::*;

    fn folder() -> (TempDir, BundleFolder) {
        let place = tempfile::tempdir().unwrap();
        let folder = BundleFolder::open(place.path()).unwrap();
        (place, folder)
    }

    #[test]
    fn what_is_created_is_for_this_user_only() {
        let (place, folder) = folder();
        drop(folder.create_folder("d").unwrap());
        drop(folder.create_file("f").unwrap());
        let mode = |name: &str| {
            let facts = std::fs::metadata(place.path().join(name)).unwrap();
            facts.permissions().mode() & 0o777
        };
        assert_eq!((mode("d"), mode("f")), (0o700, 0o600));
    }

    #[test]
    fn nothing_that_exists_is_replaced() {
        let (_place, folder) = folder();
        let below = folder.create_folder("d").unwrap();
        folder.create_file("f").unwrap().write_all(b"f").unwrap();
        drop(below.create_file("f").unwrap());
        let exists = |error: io::Error| error.kind() == io::ErrorKind::AlreadyExists;
        assert!(exists(folder.create_file("f").unwrap_err()));
        assert!(exists(folder.create_folder("d").unwrap_err()));
        assert!(exists(folder.rename("f", &below, "f").unwrap_err()));
        folder.rename_over("f", &below, "f").unwrap();
        assert_eq!(below.entry("f").unwrap().unwrap().bytes, 1);
        assert_eq!(folder.entry("f").unwrap(), None);
    }

    #[test]
    fn links_below_a_directory_are_not_followed() {
        let (place, folder) = folder();
        drop(folder.create_folder("d").unwrap());
        drop(folder.create_file("f").unwrap());
        symlink("d", place.path().join("to_d")).unwrap();
        symlink("f", place.path().join("to_f")).unwrap();
        assert!(folder.open_folder("to_d").is_err());
        assert!(folder.open_file("to_f").is_err());
        assert!(folder.open_file("d").is_err());
        let kind = |name: &str| folder.entry(name).unwrap().unwrap().kind;
        assert_eq!(
            [kind("d"), kind("f"), kind("to_d")],
            [EntryKind::Folder, EntryKind::File, EntryKind::Other]
        );
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let (_place, folder) = folder();
        for name in ["", ".", "..", "a/b", "../a", "/a"] {
            assert!(folder.create_file(name).is_err(), "{name:?}");
            assert!(folder.create_folder(name).is_err(), "{name:?}");
            assert!(folder.entry(name).is_err(), "{name:?}");
        }
    }
}
