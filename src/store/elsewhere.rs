//! Reads outside of telemetry directories: from the operating system, and at paths given by an
//! application or a user. Nothing there is ever changed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use time::OffsetDateTime;

pub(crate) use super::facts::effective_user;
pub(crate) use super::facts::{Facts, FileKind};

/// Returns `true` if this process acts as another user or group than the one that started it, as a
/// program with the setuid bit does. Does not detect rights from the capabilities of its file.
pub(crate) fn is_elevated() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    getuid() != geteuid() || getgid() != getegid()
}

/// Returns `true` if a directory is marked as one whose files can be recreated, as cargo marks its
/// target directory.
pub(crate) fn is_marked_as_cache(folder: &Path) -> bool {
    rustix::fs::stat(folder.join("CACHEDIR.TAG")).is_ok()
}

/// Returns the id that the system gave this machine at installation, if it has one.
pub(crate) fn machine_id() -> Option<Vec<u8>> {
    MACHINE_IDS.iter().find_map(|path| {
        let bytes = read_of_system(path, MACHINE_ID_BYTES_MAX)?;
        let id = bytes.trim_ascii();
        // An image that was never booted has `uninitialized`, like all such images.
        let is_one = id.len() >= MACHINE_ID_BYTES_MIN && id != b"uninitialized";
        is_one.then(|| id.to_vec())
    })
}

/// Reads the beginning of a file of the operating system, if it exists and may be read.
pub(crate) fn read_of_system(path: &str, bytes_max: u64) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The processes of this machine, as far as this process can see them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Processes {
    /// The start of the system, in seconds after 1970, if the system reports it.
    booted: Option<i64>,
}

impl Processes {
    /// Reads the time of the system's start.
    pub(crate) fn read() -> Self {
        let stat = read_of_system("/proc/stat", PROC_BYTES_MAX);
        let booted = stat.as_deref().and_then(|stat| {
            let mut lines = std::str::from_utf8(stat).ok()?.lines();
            lines.find_map(|line| line.strip_prefix("btime ")?.parse().ok())
        });
        Self { booted }
    }

    /// Returns `true` if a process of that number is running that may have been running at that
    /// time. Numbers are reused: one that started later is another process.
    pub(crate) fn is_running_since(self, process: u32, time: OffsetDateTime) -> bool {
        let Some(booted) = self.booted else {
            // Without `/proc` only the number can be checked.
            return i32::try_from(process)
                .ok()
                .and_then(Pid::from_raw)
                .is_some_and(|pid| !matches!(test_kill_process(pid), Err(Errno::SRCH)));
        };
        let stat = read_of_system(&format!("/proc/{process}/stat"), PROC_BYTES_MAX);
        let started = stat.as_deref().and_then(|stat| {
            // The name before the last parenthesis may contain anything.
            let at = stat.iter().rposition(|byte| *byte == b')')?;
            let text = std::str::from_utf8(stat.get(at + 1..)?).ok()?;
            let mut fields = text.split_ascii_whitespace();
            // A process that has ended is listed until its parent waits for it.
            let is_there = !matches!(fields.next()?, "Z" | "X" | "x");
            let ticks: i64 = fields.nth(18)?.parse().ok()?;
            is_there.then_some(booted + ticks / TICKS_PER_SECOND)
        });
        started.is_some_and(|started| started <= time.unix_timestamp() + START_SECONDS_LATE)
    }
}

/// Linux reports times of processes in hundredths of a second, whatever its internal unit.
const TICKS_PER_SECOND: i64 = 100;

/// The number of seconds by which a start may appear late: both numbers in the sum are rounded, and
/// clocks are set.
const START_SECONDS_LATE: i64 = 2;

/// More than the longest of these files on a machine with thousands of interrupts.
const PROC_BYTES_MAX: u64 = 1 << 20;

/// Returns `true` if anything of that name exists and is visible to this user.
pub(crate) fn exists(path: &str) -> bool {
    rustix::fs::stat(path).is_ok()
}

/// Returns the nearest part of a path, from its end, that this user can see, and its owner: of the
/// target of a link, or else of the link.
pub(crate) fn nearest_visible(path: &Path) -> Option<(&Path, u32)> {
    path.ancestors().find_map(|above| {
        let stat = rustix::fs::stat(above).or_else(|_| rustix::fs::lstat(above));
        Some((above, stat.ok()?.st_uid))
    })
}

/// Returns a directory above that path that a user cannot enter, as far as this user can see: it is
/// not that user's, and not open to all users or to a group.
#[expect(
    clippy::disallowed_methods,
    reason = "only the standard library resolves whole paths"
)]
pub(crate) fn closed_to(user: u32, path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    let is_closed = |above: &&Path| {
        rustix::fs::stat(*above).is_ok_and(|stat| {
            let mode = Mode::from_raw_mode(stat.st_mode);
            stat.st_uid != user && !mode.intersects(Mode::XGRP | Mode::XOTH)
        })
    };
    real.ancestors().skip(1).find(is_closed).map(Path::to_owned)
}

/// Returns `true` if there is a directory at that path, also through a symbolic link.
pub(crate) fn is_directory(path: &Path) -> bool {
    let stat = rustix::fs::stat(path);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Returns the facts of the entry at that path; of the link itself if it is one.
pub(crate) fn facts_at(path: &Path) -> io::Result<Facts> {
    Ok(Facts::from(&rustix::fs::lstat(path)?))
}

/// An open directory of any user, for reading only.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
}

impl Folder {
    /// Opens the directory at that path; fails for a symbolic link.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::open(path, Self::FLAGS, Mode::empty())?;
        Ok(Self { fd })
    }

    /// Opens a directory below this one; fails for a symbolic link.
    pub(crate) fn open_below(&self, path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::openat(&self.fd, path, Self::FLAGS, Mode::empty())?;
        Ok(Self { fd })
    }

    /// Returns the facts of the directory itself.
    pub(crate) fn stat(&self) -> io::Result<Facts> {
        Ok(Facts::from(&rustix::fs::fstat(&self.fd)?))
    }

    /// Iterates over its entries, one at a time; an entry that is removed meanwhile is a separate
    /// error.
    pub(crate) fn entries(
        &self,
    ) -> io::Result<impl Iterator<Item = io::Result<(OsString, io::Result<Facts>)>>> {
        let names = rustix::fs::Dir::read_from(&self.fd)?;
        let entries = names.filter_map(|entry| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error.into())),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                return None;
            }
            let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map(|stat| Facts::from(&stat)).map_err(io::Error::from);
            Some(Ok((OsString::from_vec(name.to_bytes().to_vec()), stat)))
        });
        Ok(entries)
    }

    const FLAGS: OFlags = OFlags::RDONLY
        .union(OFlags::DIRECTORY)
        .union(OFlags::NOFOLLOW)
        .union(OFlags::CLOEXEC);
}

/// Lists the names in any directory.
pub(crate) fn names_in(path: &Path) -> io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    names_of(&rustix::fs::open(path, flags, Mode::empty())?)
}

/// Lists the names in an open directory, in no order.
pub(super) fn names_of(directory: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

/// The files with the machine's id: Linux with systemd, Linux with D-Bus alone, FreeBSD.
const MACHINE_IDS: [&str; 3] = ["/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostid"];
/// Ids have 32 or 36 characters; anything longer is not an id.
const MACHINE_ID_BYTES_MAX: u64 = 128;
/// Anything shorter does not distinguish machines.
const MACHINE_ID_BYTES_MIN: usize = 16;
