//! The size of a path that an application names: bytes and files, measured from outside and within
//! limits. No file is opened, no symbolic link followed and no other file system entered. `report`
//! selects the paths; `elsewhere` reads directories.
//!
//! The walk is written here because its limits must apply to any tree. `walkdir` opens each
//! directory by its path, through a link that was put there meanwhile, and if its open directories
//! are limited it keeps the rest of a directory in memory: 58 MB for one of 400,000 files, of which
//! 100,000 were requested.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::store::disk::FileId;
use crate::store::elsewhere::{FileKind, Folder, facts_at};

/// The size of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Volume {
    /// The counts.
    Measured(VolumeCount),
    /// The reason why nothing could be counted.
    Unknown(String),
}

/// The counts below a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct VolumeCount {
    /// The sizes of all files together; a file with several names counts once.
    pub(crate) bytes: u64,
    /// Number of regular files.
    pub(crate) files: u64,
    /// Number of directories that could not be read.
    pub(crate) unreadable: u64,
    /// The limit that ended the count early, so that the numbers are too low.
    pub(crate) cut_short: Option<CutShort>,
}

/// The limit that ended a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CutShort {
    /// More directories waited than are stored.
    Directories,
    /// There were more entries.
    Entries,
    /// It took longer.
    Time,
}

/// The limits of a count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VolumeLimits {
    /// Number of entries of directories.
    pub(crate) entries_max: u64,
    /// The longest duration.
    pub(crate) duration_max: Duration,
}

impl Default for VolumeLimits {
    fn default() -> Self {
        Self {
            entries_max: ENTRIES_MAX,
            duration_max: DURATION_MAX,
        }
    }
}

impl VolumeLimits {
    /// Returns the share of one of that many paths.
    pub(crate) fn share(self, paths: usize) -> Self {
        let paths = u32::try_from(paths).unwrap_or(u32::MAX).max(1);
        Self {
            entries_max: self.entries_max / u64::from(paths),
            duration_max: self.duration_max / paths,
        }
    }

    /// Returns the rest after a share was used in that time.
    pub(crate) fn without(self, share: Self, duration: Duration) -> Self {
        Self {
            entries_max: self.entries_max.saturating_sub(share.entries_max),
            duration_max: self.duration_max.saturating_sub(duration),
        }
    }
}

/// Measures each of the paths, all of them together within the limits.
pub(crate) fn volumes(
    paths: &BTreeMap<String, PathBuf>,
    limits: VolumeLimits,
) -> BTreeMap<String, Volume> {
    let mut left = limits;
    let mut volumes = BTreeMap::new();
    for (name, path) in paths {
        let started = Instant::now();
        let share = left.share(paths.len() - volumes.len());
        volumes.insert(name.clone(), volume(path, share));
        left = left.without(share, started.elapsed());
    }
    volumes
}

/// Measures a path; a file has its own size.
fn volume(path: &Path, limits: VolumeLimits) -> Volume {
    let stat = match facts_at(path) {
        Ok(stat) => stat,
        Err(error) => return Volume::Unknown(error.to_string()),
    };
    match stat.kind {
        FileKind::Directory => match DirectoryWalk::start(path, limits) {
            Ok(walk) => Volume::Measured(walk.finish()),
            Err(error) => Volume::Unknown(error.to_string()),
        },
        FileKind::File => Volume::Measured(VolumeCount {
            bytes: stat.bytes,
            files: 1,
            ..VolumeCount::default()
        }),
        FileKind::Other => Volume::Unknown("it is neither a file nor a directory".to_owned()),
        FileKind::Symlink => Volume::Unknown(
            "it is a symbolic link, which is not followed; use its target".to_owned(),
        ),
    }
}

/// A walk through the directories below one, with at most two of them open: the host needs its
/// descriptors.
#[derive(Debug)]
struct DirectoryWalk {
    root: Folder,
    root_id: FileId,
    /// Directories still to be read, from the root.
    waiting: Vec<PathBuf>,
    waiting_bytes: usize,
    /// Directories, which may appear again through bind mounts, and files with several names.
    seen: BTreeSet<FileId>,
    entries_left: u64,
    until: Option<Instant>,
    measured: VolumeCount,
}

impl DirectoryWalk {
    fn start(path: &Path, limits: VolumeLimits) -> io::Result<Self> {
        let root = Folder::open(path)?;
        let root_id = root.stat()?.id;
        Ok(Self {
            root,
            root_id,
            waiting: vec![PathBuf::from(".")],
            waiting_bytes: ".".len(),
            seen: BTreeSet::new(),
            entries_left: limits.entries_max,
            until: Instant::now().checked_add(limits.duration_max),
            measured: VolumeCount::default(),
        })
    }

    fn finish(mut self) -> VolumeCount {
        let mut cut_short = None;
        while cut_short.is_none()
            && let Some(path) = self.waiting.pop()
        {
            self.waiting_bytes -= path.as_os_str().len();
            // Merely opening some directories takes long.
            if self.is_late() {
                cut_short = Some(CutShort::Time);
                break;
            }
            match self.root.open_below(&path) {
                Ok(folder) if self.is_new_here(&folder) => {
                    cut_short = self.read_folder(&folder, &path).err();
                }
                // Another directory took its place, or it was counted before.
                Ok(_) => {}
                Err(error) => self.miss(&error),
            }
        }
        self.measured.cut_short = cut_short;
        self.measured
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn is_new_here(&mut self, folder: &Folder) -> bool {
        folder
            .stat()
            .is_ok_and(|stat| stat.id.is_beside(self.root_id) && self.seen.insert(stat.id))
    }

    fn read_folder(&mut self, folder: &Folder, path: &Path) -> Result<(), CutShort> {
        let entries = match folder.entries() {
            Ok(entries) => entries,
            Err(error) => {
                self.miss(&error);
                return Ok(());
            }
        };
        for entry in entries {
            let (name, stat) = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.miss(&error);
                    return Ok(());
                }
            };
            self.entries_left = self.entries_left.checked_sub(1).ok_or(CutShort::Entries)?;
            if self.is_late() {
                return Err(CutShort::Time);
            }
            // An entry that was removed meanwhile is not counted.
            let Ok(stat) = stat else { continue };
            match stat.kind {
                FileKind::Directory if stat.id.is_beside(self.root_id) => {
                    self.wait(path.join(name))?;
                }
                FileKind::File if stat.has_one_name || self.seen.insert(stat.id) => {
                    self.measured.bytes = self.measured.bytes.saturating_add(stat.bytes);
                    self.measured.files += 1;
                }
                FileKind::Directory | FileKind::File | FileKind::Other | FileKind::Symlink => {}
            }
        }
        Ok(())
    }

    fn wait(&mut self, path: PathBuf) -> Result<(), CutShort> {
        self.waiting_bytes += path.as_os_str().len();
        if self.waiting_bytes > WAITING_BYTES_MAX {
            return Err(CutShort::Directories);
        }
        self.waiting.push(path);
        Ok(())
    }

    fn miss(&mut self, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.measured.unreadable += 1;
        }
    }
}

/// Reading an entry takes about a microsecond if its directory is cached, so this many take a tenth
/// of a second; the ids of as many files with several names take 2 MiB.
const ENTRIES_MAX: u64 = 100_000;
/// Limits the load of a disk if directories are not cached.
const DURATION_MAX: Duration = Duration::from_secs(1);
/// 40,000 waiting directories of 100 bytes each.
const WAITING_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn measure(path: &Path) -> VolumeCount {
        measure_within(path, VolumeLimits::default())
    }

    fn measure_within(path: &Path, limits: VolumeLimits) -> VolumeCount {
        match volume(path, limits) {
            Volume::Measured(measured) => measured,
            Volume::Unknown(reason) => panic!("{reason}"),
        }
    }

    fn reason(path: &Path) -> String {
        match volume(path, VolumeLimits::default()) {
            Volume::Measured(measured) => panic!("{measured:?}"),
            Volume::Unknown(reason) => reason,
        }
    }

    fn tree() -> TempDir {
        let place = TempDir::new().unwrap();
        fs::create_dir_all(place.path().join("a/b/c")).unwrap();
        fs::write(place.path().join("one"), [0; 10]).unwrap();
        fs::write(place.path().join("a/two"), [0; 20]).unwrap();
        fs::write(place.path().join("a/b/c/three"), [0; 30]).unwrap();
        place
    }

    #[test]
    fn files_at_every_depth_are_counted() {
        let expected = VolumeCount {
            bytes: 60,
            files: 3,
            ..VolumeCount::default()
        };
        assert_eq!(measure(tree().path()), expected);
    }

    #[test]
    fn a_file_is_its_own_size() {
        let place = tree();
        let measured = measure(&place.path().join("a/two"));
        assert_eq!((measured.bytes, measured.files), (20, 1));
    }

    #[test]
    fn a_file_of_several_names_counts_once() {
        let place = tree();
        fs::hard_link(place.path().join("one"), place.path().join("a/again")).unwrap();
        fs::hard_link(place.path().join("one"), place.path().join("a/b/again")).unwrap();
        let measured = measure(place.path());
        assert_eq!((measured.bytes, measured.files), (60, 3));
    }

    #[test]
    fn symbolic_links_are_neither_followed_nor_counted() {
        let place = tree();
        symlink(place.path(), place.path().join("a/b/up")).unwrap();
        symlink("/", place.path().join("root")).unwrap();
        symlink("loop", place.path().join("loop")).unwrap();
        assert_eq!(measure(place.path()), measure(tree().path()));
    }

    #[test]
    fn a_path_that_is_a_symbolic_link_is_a_reason() {
        let place = tree();
        let link = place.path().join("link");
        symlink(place.path().join("a"), &link).unwrap();
        assert!(reason(&link).contains("symbolic link"));
    }

    #[test]
    fn a_missing_or_invalid_path_has_a_reason() {
        assert!(reason(Path::new("/no/such/place")).contains("No such file"));
        assert!(reason(Path::new("")).contains("No such file"));
        assert!(reason(Path::new("a\0b")).contains("nvalid"));
        assert!(reason(Path::new(&"x".repeat(10 << 20))).contains("too long"));
    }

    #[test]
    fn a_device_is_a_reason() {
        assert!(reason(Path::new("/dev/null")).contains("neither"));
    }

    #[test]
    fn a_count_ends_after_its_entries() {
        let limits = VolumeLimits {
            entries_max: 2,
            ..VolumeLimits::default()
        };
        let measured = measure_within(tree().path(), limits);
        assert_eq!(measured.cut_short, Some(CutShort::Entries));
    }

    #[test]
    fn a_count_of_exactly_its_entries_is_whole() {
        let limits = VolumeLimits {
            entries_max: 6,
            ..VolumeLimits::default()
        };
        assert_eq!(measure_within(tree().path(), limits).cut_short, None);
    }

    #[test]
    fn a_count_ends_after_its_time() {
        let limits = VolumeLimits {
            duration_max: Duration::ZERO,
            ..VolumeLimits::default()
        };
        let measured = measure_within(tree().path(), limits);
        assert_eq!(measured.cut_short, Some(CutShort::Time));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_files_of_processes_end_it_within_its_bounds() {
        let started = Instant::now();
        let measured = measure(Path::new("/proc"));
        assert!(measured.files > 100, "{measured:?}");
        assert!(started.elapsed() < 5 * DURATION_MAX);
    }

    #[test]
    fn a_deep_tree_is_counted_whole_or_reported_as_cut_short() {
        let place = TempDir::new().unwrap();
        let deep: PathBuf = (0..300).map(|_| "a234567").collect();
        fs::create_dir_all(place.path().join(&deep)).unwrap();
        fs::write(place.path().join(&deep).join("x"), [0; 7]).unwrap();
        assert_eq!(measure(place.path()).bytes, 7);
    }

    #[test]
    fn an_unreadable_directory_is_counted_as_such() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tree();
        let shut = place.path().join("a");
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
        let measured = measure(place.path());
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).unwrap();
        // Nothing is unreadable to root.
        let is_root = crate::store::elsewhere::effective_user() == 0;
        assert_eq!(measured.unreadable, u64::from(!is_root));
        assert_eq!(measured.files, if is_root { 3 } else { 1 });
    }

    #[test]
    fn all_shares_together_stay_within_the_limits() {
        let share = VolumeLimits::default().share(7);
        assert!(share.entries_max * 7 <= ENTRIES_MAX && share.duration_max * 7 <= DURATION_MAX);
        assert_eq!(VolumeLimits::default().share(0).entries_max, ENTRIES_MAX);
    }

    #[test]
    fn time_left_by_one_path_is_used_by_others() {
        let limits = VolumeLimits::default();
        let share = limits.share(2);
        let left = limits.without(share, Duration::from_millis(10));
        assert_eq!(left.entries_max, ENTRIES_MAX / 2);
        assert_eq!(left.share(1).duration_max, Duration::from_millis(990));
        assert_eq!(
            left.without(left, DURATION_MAX).duration_max,
            Duration::ZERO
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn all_paths_together_take_no_longer_than_one() {
        let path = |number: usize| (number.to_string(), PathBuf::from("/proc"));
        let limits = VolumeLimits {
            entries_max: 1_000_000,
            duration_max: Duration::from_millis(100),
        };
        let started = Instant::now();
        let volumes = volumes(&(0..500).map(path).collect(), limits);
        assert_eq!(volumes.len(), 500);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}
