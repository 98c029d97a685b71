//! A file system for one test. It needs the right to mount; without it the tests that use it print
//! that they are skipped.

use std::path::PathBuf;
use std::process::Command;

use localtel::consent::WhenUndecided;
use localtel::{Builder, Telemetry};
use tempfile::TempDir;

/// A file system of its own, unmounted on drop.
pub(crate) struct Disk(pub(crate) TempDir);

impl Disk {
    /// Returns `None` and prints that the test is skipped if mounting is not allowed.
    pub(crate) fn mount(options: &str) -> Option<Self> {
        let place = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(place.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            Some(Self(place))
        } else {
            println!("skipped: this needs the right to mount a file system");
            None
        }
    }

    pub(crate) fn remount(&self, options: &str) {
        let status = Command::new("mount")
            .args(["-o", options])
            .arg(self.0.path())
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.0.path().join("telemetry")
    }

    pub(crate) fn builder(&self) -> Builder {
        Telemetry::builder("testapp")
            .dir(self.directory())
            .when_undecided(WhenUndecided::Record)
    }

    /// Fills the free space with one file, and returns its path.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.0.path().join("ballast");
        for bytes in [65_536, 1] {
            let mut file = std::fs::File::options()
                .create(true)
                .append(true)
                .open(&path)
                .unwrap();
            while std::io::Write::write_all(&mut file, &vec![b'.'; bytes]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(status.is_ok());
    }
}
