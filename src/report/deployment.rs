//! An application's description of its installation, for its reports. Nothing is read here but the
//! volumes of the paths that it names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::metadata::MetadataRow;
use super::text::{NamedValues, VALUE_BYTES_MAX, fact};
use crate::policy::owner::Include;
use crate::probe::{Volume, VolumeLimits, volumes};
use crate::text::cut;

/// An application's description of its installation: its origin, its configuration and its parts.
/// All of it is optional; unset values are absent from the reports.
///
/// Names are cut after 256 bytes, values after 16 KiB, single facts (a commit, a branch, an
/// installer) after 256 bytes; a text that was cut ends in `…`. Of each kind up to 1000 names are
/// kept. A report contains as many of them as fit into a line, the largest left out first;
/// `omitted` is the number of those left out.
///
/// ```
/// use localtel::report::{Deployment, Include};
///
/// let deployment = Deployment::new()
///     .commit("0c4a5e5")
///     .branch("main")
///     .dirty(false)
///     .build("go.version", "1.25")
///     .installer("docker")
///     .data_path("tables", "/var/lib/myapp")
///     .changed_setting("cache-size")
///     .component("postgres", "17.2")
///     .extension("postgis", false)
///     .metadata("cloud", "ours", Include::Yes);
/// # let _ = deployment;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Deployment {
    pub(super) commit: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) is_dirty: Option<bool>,
    pub(super) is_debug: Option<bool>,
    pub(super) installer: Option<String>,
    pub(super) build: NamedValues<String>,
    pub(super) data_paths: NamedValues<PathBuf>,
    pub(super) changed_settings: NamedValues<()>,
    pub(super) components: NamedValues<String>,
    pub(super) extensions: NamedValues<bool>,
    pub(super) metadata: NamedValues<MetadataRow>,
}

impl Deployment {
    /// Returns a description without any values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the commit that it was built from.
    pub fn commit(mut self, commit: impl Into<String>) -> Self {
        self.commit = Some(fact(commit));
        self
    }

    /// Sets the branch that it was built from.
    pub fn branch(mut self, branch: impl Into<String>) -> Self {
        self.branch = Some(fact(branch));
        self
    }

    /// Sets whether it was built from a tree with uncommitted changes.
    pub fn dirty(mut self, is_dirty: bool) -> Self {
        self.is_dirty = Some(is_dirty);
        self
    }

    /// Sets whether it is a debug build.
    pub fn debug_build(mut self, is_debug: bool) -> Self {
        self.is_debug = Some(is_debug);
        self
    }

    /// Sets a fact of the build, such as the compiler's version or the system that it was built on.
    pub fn build(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.build.set(name, cut(value, VALUE_BYTES_MAX));
        self
    }

    /// Sets its installer: a package, an image, a script.
    pub fn installer(mut self, installer: impl Into<String>) -> Self {
        self.installer = Some(fact(installer));
        self
    }

    /// Names a file or directory whose volume, bytes and files, is reported under that name; the
    /// path itself is not. Symbolic links are not followed and other file systems are not entered.
    /// All paths together are read for a second at most, up to 100,000 entries, in fair shares.
    pub fn data_path(mut self, name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.data_paths.set(name, path.into());
        self
    }

    /// Names a setting that differs from its default; its value is not reported.
    pub fn changed_setting(mut self, name: impl Into<String>) -> Self {
        self.changed_settings.set(name, ());
        self
    }

    /// Sets the version of a component or dependency.
    pub fn component(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.components.set(name, cut(version, VALUE_BYTES_MAX));
        self
    }

    /// Sets whether an extension is installed.
    pub fn extension(mut self, name: impl Into<String>, is_installed: bool) -> Self {
        self.extensions.set(name, is_installed);
        self
    }

    /// Sets a row of metadata, and whether it is included in reports. The owner of the machine may
    /// change both. Rows of [`RESERVED_KEYS`](crate::report::RESERVED_KEYS) are at a report's top
    /// level.
    pub fn metadata(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
        include: Include,
    ) -> Self {
        self.metadata.set(key, MetadataRow::new(value, include));
        self
    }

    /// Returns the commit that it was built from, and its installer, for records of commands.
    pub(crate) fn built_and_installed(&self) -> (Option<String>, Option<String>) {
        (self.commit.clone(), self.installer.clone())
    }

    /// Measures the volumes of the named paths, all of them together within the limits.
    pub(crate) fn volumes(&self, limits: VolumeLimits) -> BTreeMap<String, Volume> {
        volumes(&self.data_paths.entries, limits)
    }
}
