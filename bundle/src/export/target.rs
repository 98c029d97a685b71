//! The directory that takes a bundle, and the name of the bundle in it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use localtel::read::Timestamp;

use super::error::{ExportError, TargetProblem};
use crate::disk::{self, BundleFolder};
use crate::host::HostName;
use crate::names::PartitionValue;

/// Opens the directory that takes a bundle.
pub(super) fn open(path: &Path, sources: &[PathBuf]) -> Result<BundleFolder, ExportError> {
    let refused = |problem| ExportError::target(path, problem);
    let folder = BundleFolder::open(path).map_err(|error| {
        let kind = error.kind();
        if kind == ErrorKind::NotFound {
            refused(TargetProblem::Missing)
        } else if kind == ErrorKind::NotADirectory {
            refused(TargetProblem::NotADirectory)
        } else {
            ExportError::io("open", path.to_owned())(error)
        }
    })?;
    let real = disk::real_path(path);
    for above in real.ancestors() {
        let is_source = sources
            .iter()
            .any(|source| disk::real_path(source) == above);
        if is_source
            || TELEMETRY_FILES
                .iter()
                .any(|name| disk::exists(&above.join(name)))
        {
            return Err(refused(TargetProblem::InTelemetry(above.to_owned())));
        }
        if disk::exists(&above.join(TREE_FILE)) {
            return Err(refused(TargetProblem::InTree(above.to_owned())));
        }
    }
    Ok(folder)
}

/// The name of a bundle: `localtel-HOST-20261130T194300Z`, and a number if that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BundleName {
    base: String,
    number: u32,
}

impl BundleName {
    /// Returns the first name of a bundle of that host and time.
    pub(super) fn new(host: &HostName, created: Timestamp) -> Self {
        let value = PartitionValue::of(host.as_str());
        // The host is in the manifest; here a part is enough, since names have at most 255 bytes.
        let host = value.as_str().get(..HOST_MAX).unwrap_or(value.as_str());
        let time = created.to_string();
        let digits = time.chars().take(SECONDS_CHARS);
        let time: String = digits.filter(|digit| !matches!(digit, '-' | ':')).collect();
        Self {
            base: format!("{START}{host}-{time}Z"),
            number: 1,
        }
    }

    /// Returns the next name, for a bundle of the same second.
    pub(super) fn next(&self) -> Self {
        Self {
            base: self.base.clone(),
            number: self.number.saturating_add(1),
        }
    }

    /// Returns the name of the bundle.
    pub(super) fn whole(&self) -> String {
        match self.number {
            1 => self.base.clone(),
            number => format!("{}-{number}", self.base),
        }
    }

    /// Returns the name of the bundle while it is being written.
    pub(super) fn partial(&self) -> String {
        self.whole() + PARTIAL_END
    }
}

/// Returns `true` for the name of a bundle that is being written, or that was never finished.
pub(super) fn is_partial(name: &str) -> bool {
    name.starts_with(START) && name.ends_with(PARTIAL_END)
}

const START: &str = "localtel-";
const PARTIAL_END: &str = ".partial";
/// Number of characters of the host in a name.
const HOST_MAX: usize = 64;
/// Number of characters of a time up to its seconds.
const SECONDS_CHARS: usize = 19;
/// Files that only telemetry directories have.
const TELEMETRY_FILES: [&str; 3] = ["consent.json", "consent.all.json", "events.jsonl"];
/// The file that marks a tree.
const TREE_FILE: &str = "fleet.json";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn created() -> Timestamp {
        "2026-11-30T19:43:00.123456Z".parse().unwrap()
    }

    #[test]
    fn a_bundle_is_named_by_host_and_time() {
        let name = BundleName::new(&"web 1".parse().unwrap(), created());
        assert_eq!(name.whole(), "localtel-web_x201-20261130T194300Z");
        assert_eq!(name.partial(), "localtel-web_x201-20261130T194300Z.partial");
        assert_eq!(name.next().whole(), "localtel-web_x201-20261130T194300Z-2");
        assert!(is_partial(&name.partial()) && is_partial(&name.next().partial()));
        assert!(!is_partial(&name.whole()));
    }

    proptest! {
        #[test]
        fn fat_keeps_the_name_of_a_bundle_of_any_host(host in "[^\\p{Cc}]{1,15}|[a-z]{60}|ä{30}") {
            let name = BundleName::new(&host.parse().unwrap(), created()).next().partial();
            let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            prop_assert!(name.bytes().all(is_kept), "{}", name);
            prop_assert!(name.len() <= 255 - 128, "{}", name);
            prop_assert!(!name.ends_with(['.', ' ']));
        }
    }
}
