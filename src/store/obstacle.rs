//! Obstacles to the removal of a file that can be detected without trying. A part of the file
//! access of `disk`.

use std::io;

use rustix::fs::AtFlags;

use super::disk::Directory;

/// An obstacle to the removal of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Obstacle {
    /// It has the attribute `i` of `chattr`.
    Immutable,
    /// It has the attribute `a` of `chattr`.
    AppendOnly,
    /// Something is mounted on it.
    Mounted,
    /// It belongs to that user.
    OtherUser(u32),
    /// It is not a regular file.
    NotAFile,
}

impl Directory {
    /// Returns the obstacle to removing the file of that name that can be detected without trying,
    /// if any.
    pub(crate) fn obstacle(&self, name: &str) -> io::Result<Option<Obstacle>> {
        let facts = self.facts(name)?;
        if let Some(obstacle) = self.attribute(name)? {
            return Ok(Some(obstacle));
        }
        let of_other = facts.other_owner().map(Obstacle::OtherUser);
        Ok(of_other.or((!facts.is_regular).then_some(Obstacle::NotAFile)))
    }

    /// Returns the obstacle to removing every file in the directory, if the directory itself is
    /// one.
    pub(crate) fn own_obstacle(&self) -> Option<Obstacle> {
        match self.attribute(".").ok()?? {
            obstacle @ (Obstacle::Immutable | Obstacle::AppendOnly) => Some(obstacle),
            Obstacle::Mounted | Obstacle::OtherUser(_) | Obstacle::NotAFile => None,
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn attribute(&self, name: &str) -> io::Result<Option<Obstacle>> {
        use rustix::fs::{StatxAttributes, StatxFlags};
        let stat = match rustix::fs::statx(
            self.fd(),
            name,
            AtFlags::SYMLINK_NOFOLLOW,
            StatxFlags::BASIC_STATS,
        ) {
            // An old kernel, or a filter of system calls, does not report attributes.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => return Ok(None),
            stat => stat?,
        };
        let known = [
            (StatxAttributes::IMMUTABLE, Obstacle::Immutable),
            (StatxAttributes::APPEND, Obstacle::AppendOnly),
            (StatxAttributes::MOUNT_ROOT, Obstacle::Mounted),
        ];
        let found = known
            .into_iter()
            .find(|(attribute, _)| stat.stx_attributes.contains(*attribute));
        Ok(found.map(|(_, obstacle)| obstacle))
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    #[expect(
        clippy::unnecessary_wraps,
        reason = "as on platforms that report obstacles"
    )]
    fn attribute(&self, _name: &str) -> io::Result<Option<Obstacle>> {
        Ok(None)
    }
}
