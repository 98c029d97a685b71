//! Facts of a file that are known without reading it: its identity, kind and owner. A part of the
//! file access of `disk`, on all platforms.

#[cfg(all(unix, not(localtel_unsupported)))]
pub(crate) use self::system::effective_user;
#[cfg(all(unix, not(localtel_unsupported)))]
pub(super) use self::system::explain_denial;

/// The identity of a file, independent of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    device: u64,
    pub(super) inode: u64,
}

impl FileId {
    /// Returns `true` if both are on one file system.
    pub(crate) fn is_beside(self, other: Self) -> bool {
        self.device == other.device
    }
}

/// Facts of a file that are known without reading it.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is reported by the system"
)]
pub(crate) struct Facts {
    /// Its identity.
    pub(crate) id: FileId,
    /// Its kind.
    pub(crate) kind: FileKind,
    /// Its size.
    pub(crate) bytes: u64,
    /// The time at which it was last written, in seconds since 1970.
    pub(crate) modified: i64,
    /// Whether its owner may write it; a closed segment is not writable.
    pub(crate) is_writable: bool,
    /// Whether it is a regular file, of any user.
    pub is_regular: bool,
    /// Whether no other user may read or write it.
    pub is_private: bool,
    /// Whether no other user may write it.
    pub is_guarded: bool,
    /// Whether it has no other name.
    pub(crate) has_one_name: bool,
    user: u32,
}

impl Facts {
    /// Returns its owner.
    pub(crate) fn owner(&self) -> u32 {
        self.user
    }

    /// Returns its owner, if that is another user than the one that this process acts as.
    pub(crate) fn other_owner(&self) -> Option<u32> {
        (!is_own(self.user)).then_some(self.user)
    }

    /// Returns `true` if it is a regular file of this user with one name. The user is read each
    /// time, since a process may change it.
    pub(crate) fn is_ours(&self) -> bool {
        self.is_regular && self.has_one_name && is_own(self.user)
    }
}

/// The kind of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A pipe, a device or similar.
    Other,
    /// A symbolic link, whatever its target.
    Symlink,
}

/// Returns `true` if that user is the one that this process acts as.
pub(super) fn is_own(user: u32) -> bool {
    user == effective_user()
}

/// Returns a user; there is no file to compare its owner with.
#[cfg(not(all(unix, not(localtel_unsupported))))]
pub(crate) fn effective_user() -> u32 {
    0
}

/// Conversions from the operating system's values.
#[cfg(all(unix, not(localtel_unsupported)))]
mod system {
    use std::io;
    use std::path::Path;

    use rustix::fs::{FileType, Mode, Stat};

    use super::{Facts, FileId, FileKind, is_own};

    /// Returns the user this process acts as.
    pub(crate) fn effective_user() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[expect(
        clippy::useless_conversion,
        reason = "the width of the time differs between platforms"
    )]
    impl From<&Stat> for Facts {
        fn from(stat: &Stat) -> Self {
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => FileKind::Directory,
                FileType::RegularFile => FileKind::File,
                FileType::Symlink => FileKind::Symlink,
                FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => FileKind::Other,
            };
            Self {
                id: FileId::from(stat),
                kind,
                bytes: u64::try_from(stat.st_size).unwrap_or(0),
                modified: i64::try_from(stat.st_mtime).unwrap_or(i64::MAX),
                is_private: !Mode::from_raw_mode(stat.st_mode).intersects(Mode::RWXG | Mode::RWXO),
                is_guarded: !Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH),
                is_writable: Mode::from_raw_mode(stat.st_mode).contains(Mode::WUSR),
                is_regular: kind == FileKind::File,
                has_one_name: stat.st_nlink <= 1,
                user: stat.st_uid,
            }
        }
    }

    #[expect(
        clippy::useless_conversion,
        reason = "the widths of these fields differ between platforms"
    )]
    impl From<&Stat> for FileId {
        fn from(stat: &Stat) -> Self {
            Self {
                device: u64::try_from(stat.st_dev).unwrap_or(0),
                inode: u64::from(stat.st_ino),
            }
        }
    }

    /// Adds the owner of the file or directory to a missing permission, if that explains it.
    pub(in crate::store) fn explain_denial(error: io::Error, what: &Path, owner: u32) -> io::Error {
        if error.kind() != io::ErrorKind::PermissionDenied || is_own(owner) {
            return error;
        }
        let reason = format!(
            "{error}; {} belongs to another user (uid {owner}), and this is uid {}",
            what.display(),
            effective_user()
        );
        io::Error::new(io::ErrorKind::PermissionDenied, reason)
    }
}
