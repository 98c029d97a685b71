//! The directories above a telemetry directory: finds those that exist, checks whether anything may
//! be created in the nearest of them, and creates the missing ones. A part of the file access of
//! `disk`.
//!
//! Each step starts from the descriptor of the previous one, so that nothing planted in between is
//! followed or changed.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::facts::is_own;
use super::refusal::OpenError;

/// Creates the directory at that path and the missing ones above it, each 0700, and returns it
/// opened.
///
/// Nothing is created below a directory of another user, so that a program that runs as root with
/// another user's `HOME` leaves no directory there that they cannot enter.
///
/// # Errors
///
/// Returns an error that names the directory at which it stopped.
pub(super) fn make(path: &Path) -> Result<OwnedFd, OpenError> {
    let mut tries = 1;
    loop {
        match try_make(path) {
            // Another process is removing a directory above.
            Err(OpenError::Io(error))
                if error.kind() == io::ErrorKind::NotFound && tries < TRIES =>
            {
                tries += 1;
            }
            made => return made,
        }
    }
}

/// Checks that the directory at that path, which is missing, could be created, and creates nothing.
///
/// # Errors
///
/// Returns an error that names the directory that cannot be created.
pub(super) fn check(path: &Path) -> Result<(), OpenError> {
    let (above, directory) = nearest(path)?;
    let below = below(path, above)?;
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    let first = below.components().next().map(|name| above.join(name));
    rustix::fs::accessat(&directory, ".", wanted, AtFlags::EACCESS)
        .map_err(|error| failed("created", first.as_deref().unwrap_or(path), error))
}

/// Returns the part of a path that is missing below the nearest directory that exists.
fn below<'p>(path: &'p Path, above: &Path) -> Result<&'p Path, OpenError> {
    let below = path.strip_prefix(above).unwrap_or(path);
    if below.components().any(|part| part == Component::ParentDir) {
        let reason = "its path contains `..` after a directory that does not exist";
        return Err(OpenError::Unfit(reason.to_owned()));
    }
    Ok(below)
}

fn try_make(path: &Path) -> Result<OwnedFd, OpenError> {
    let (above, mut directory) = nearest(path)?;
    let mut here = above.to_owned();
    for name in below(path, above)? {
        here.push(name);
        directory = make_in(&directory, Path::new(name), &here)?;
    }
    Ok(directory)
}

/// Finds the nearest existing directory above a path, and opens it to create another in it. A
/// symbolic link may lead there. The path itself is excluded, even if another process has just
/// created it: that one is also opened for reading, and through no link.
fn nearest(path: &Path) -> Result<(&Path, OwnedFd), OpenError> {
    for above in path.ancestors().skip(1) {
        let name = if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        };
        let flags = TO_MAKE_IN | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(name, flags, Mode::empty()) {
            Ok(directory) => {
                check_owner(&directory, name)?;
                return Ok((above, directory));
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(failed("opened", name, error)),
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound).into())
}

/// Creates a directory of that name, unless another process was faster, and opens it.
fn make_in(parent: &OwnedFd, name: &Path, path: &Path) -> Result<OwnedFd, OpenError> {
    match rustix::fs::mkdirat(parent, name, DIRECTORY_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(failed("created", path, error)),
    }
    let opened = match open_in(parent, name) {
        // A umask such as 777 removes the permissions that its owner needs to open it.
        Err(Errno::ACCESS) => give_to_owner(parent, name).and_then(|()| open_in(parent, name)),
        opened => opened,
    };
    let directory = opened.map_err(|error| describe(parent, name, path, error))?;
    let stat = check_owner(&directory, path)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    if is_own(stat.st_uid) && !mode.contains(DIRECTORY_MODE) {
        rustix::fs::fchmod(&directory, DIRECTORY_MODE)
            .map_err(|error| failed("given its permissions", path, error))?;
    }
    Ok(directory)
}

fn open_in(parent: &OwnedFd, name: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

/// Gives the owner all permissions on a new directory that has none. A descriptor that was opened
/// without the right to read can be changed only by its name in `/proc`, which leads to this very
/// directory.
#[cfg(target_os = "linux")]
fn give_to_owner(parent: &OwnedFd, name: &Path) -> Result<(), Errno> {
    use std::os::fd::AsRawFd as _;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&directory)?;
    let is_bare = Mode::from_raw_mode(stat.st_mode).is_empty();
    if !is_bare || !is_own(stat.st_uid) {
        return Err(Errno::ACCESS);
    }
    let link = format!("/proc/self/fd/{}", directory.as_raw_fd());
    rustix::fs::chmod(link, DIRECTORY_MODE).map_err(|_| Errno::ACCESS)
}

/// Gives the owner all permissions on a new directory, and follows no link.
#[cfg(not(target_os = "linux"))]
fn give_to_owner(parent: &OwnedFd, name: &Path) -> Result<(), Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::chmodat(parent, name, DIRECTORY_MODE, flags)
}

/// Checks that something may be created in a directory: it belongs to this user or to root, and if
/// this user is root, to root.
fn check_owner(directory: &OwnedFd, path: &Path) -> Result<Stat, OpenError> {
    let stat = rustix::fs::fstat(directory).map_err(io::Error::from)?;
    if is_own(stat.st_uid) || stat.st_uid == ROOT {
        return Ok(stat);
    }
    Err(OpenError::of_other_user(path, stat.st_uid))
}

/// Returns the reason why the entry at a path could not be opened as a directory.
fn describe(parent: &OwnedFd, name: &Path, path: &Path, error: Errno) -> OpenError {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let stat = rustix::fs::statat(parent, name, flags);
    match stat.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Symlink) => OpenError::Unfit(format!(
            "{} is a symbolic link to a directory that does not exist",
            path.display()
        )),
        Ok(_) | Err(_) => failed("opened", path, error),
    }
}

fn failed(action: &str, path: &Path, error: Errno) -> OpenError {
    let error = io::Error::from(error);
    let reason = format!("{} cannot be {action}: {error}", path.display());
    io::Error::new(error.kind(), reason).into()
}

/// The flags to open a directory in which another is created: Linux needs no right to read it.
#[cfg(target_os = "linux")]
const TO_MAKE_IN: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const TO_MAKE_IN: OFlags = OFlags::RDONLY;

const ROOT: u32 = 0;

/// The mode of a telemetry directory and of those created above it: accessible to their owner only.
pub(super) const DIRECTORY_MODE: Mode = Mode::RWXU;
/// Number of times that a directory above may be removed while it is traversed.
const TRIES: usize = 3;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_planted_before_mkdir_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let victim = home.path().join("victim");
        std::fs::create_dir(&victim).unwrap();
        std::fs::set_permissions(&victim, std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink(&victim, home.path().join("telemetry")).unwrap();
        let path = home.path().join("telemetry");
        let (above, parent) = nearest(&path).unwrap();
        assert_eq!(above, home.path());
        assert!(make_in(&parent, Path::new("telemetry"), &path).is_err());
        assert!(matches!(
            make(&path),
            Err(OpenError::Unfit(_) | OpenError::Io(_))
        ));
        let mode = victim.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn a_directory_created_by_another_process_is_used() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("telemetry");
        for _ in 0..2 {
            let directory = make(&path).unwrap();
            rustix::fs::fsync(&directory).unwrap();
            assert_eq!(rustix::fs::Dir::read_from(&directory).unwrap().count(), 2);
        }
    }

    #[test]
    fn a_path_that_goes_back_up_is_refused_where_it_is_missing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("missing/../telemetry");
        assert!(matches!(make(&path), Err(OpenError::Unfit(_))));
        assert!(!home.path().join("missing").exists());
    }
}
