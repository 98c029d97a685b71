//! Tests of importing: bundles that are made here, byte by byte, and the tree that comes of them.

mod any_order;
mod hostile;
mod killed;
mod rules;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use localtel::uuid::Uuid;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;
use crate::manifest::{
    BundleConsent, BundleLog, BundleSegment, ConsentDecision, LogDirectory, Manifest, SegmentState,
    Sha256Sum, StoredForm, TimeSpan,
};
use crate::tree::Tree;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A bundle that is to be written.
#[derive(Debug, Clone)]
struct MadeBundle {
    host: &'static str,
    /// In seconds after 1970.
    created: i64,
    range: Option<BundleRange>,
    logs: Vec<MadeLog>,
}

#[derive(Debug, Clone)]
struct MadeLog {
    /// The last digits of its id.
    log: u128,
    segments: Vec<MadeSegment>,
    policy: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct MadeSegment {
    number: u64,
    state: SegmentState,
    plain: Vec<u8>,
    is_compressed: bool,
}

impl MadeSegment {
    fn new(number: u64, state: SegmentState, plain: impl Into<Vec<u8>>) -> Self {
        Self {
            number,
            state,
            plain: plain.into(),
            is_compressed: false,
        }
    }

    fn compressed(mut self) -> Self {
        self.is_compressed = true;
        self
    }

    fn stored(&self) -> Vec<u8> {
        if self.is_compressed {
            compress_to_vec(self.plain.as_slice(), CompressionLevel::Fastest)
        } else {
            self.plain.clone()
        }
    }

    fn described(&self) -> BundleSegment {
        let stored = self.stored();
        let form = if self.is_compressed {
            StoredForm::Zstd {
                bytes: stored.len() as u64,
                sha256: sum_of(&stored),
            }
        } else {
            StoredForm::Plain
        };
        BundleSegment {
            number: SegmentNumber::new(self.number).unwrap(),
            state: self.state,
            form,
            plain_bytes: self.plain.len() as u64,
            plain_sha256: sum_of(&self.plain),
            records: 1,
            damaged: 0,
            times: Some(TimeSpan::of(NOW)),
        }
    }
}

/// Returns the bundle of one log with these segments.
fn bundle_of(created: i64, segments: impl Into<Vec<MadeSegment>>) -> MadeBundle {
    let segments = segments.into();
    let is_derived = |segment: &MadeSegment| segment.state == SegmentState::Derived;
    let range = segments
        .iter()
        .any(is_derived)
        .then(|| BundleRange::new(Some(NOW), None));
    MadeBundle {
        host: "web 1",
        created,
        range: range.flatten(),
        logs: vec![MadeLog {
            log: 1,
            segments,
            policy: None,
        }],
    }
}

impl MadeBundle {
    fn manifest(&self) -> Manifest {
        let logs = self.logs.iter().zip(0..).map(|(log, place)| {
            let segments: Vec<BundleSegment> =
                log.segments.iter().map(MadeSegment::described).collect();
            BundleLog {
                directory: LogDirectory::at(place),
                key: key_of(log.log),
                floor: SegmentNumber::FIRST,
                head: segments.last().map(|segment| segment.number),
                consent: BundleConsent::new(ConsentDecision::Enabled, "test".to_owned(), None),
                segments,
            }
        });
        Manifest {
            localtel: "0.1.0".to_owned(),
            created: Timestamp::from_unix_micros(self.created * 1_000_000).unwrap(),
            host: self.host.parse().unwrap(),
            range: self.range,
            logs: logs.collect(),
        }
    }

    /// Writes the bundle into a directory, and returns its path.
    fn write(&self, place: &Path) -> PathBuf {
        self.write_with(place, &self.manifest().to_json().unwrap())
    }

    /// Writes the bundle with that manifest.
    fn write_with(&self, place: &Path, manifest: &[u8]) -> PathBuf {
        let number = fs::read_dir(place).unwrap().count();
        let path = place.join(format!("localtel-{number:04}"));
        let mut files = BTreeMap::from([
            ("manifest.json".to_owned(), manifest.to_vec()),
            ("line.schema.json".to_owned(), b"{}\n".to_vec()),
        ]);
        for (log, place) in self.logs.iter().zip(0..) {
            let directory = LogDirectory::at(place);
            for (segment, described) in log.segments.iter().map(|one| (one, one.described())) {
                files.insert(
                    format!("{directory}/{}", described.file()),
                    segment.stored(),
                );
            }
            let explain = format!("{{\"at\":{}}}\n", self.created);
            files.insert(format!("{directory}/explain.json"), explain.into_bytes());
            if let Some(policy) = log.policy {
                files.insert(format!("{directory}/policy.toml"), policy.into());
            }
        }
        for (file, bytes) in &files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
        write_sums(&path, &files);
        path
    }
}

fn write_sums(path: &Path, files: &BTreeMap<String, Vec<u8>>) {
    let lines = files
        .iter()
        .map(|(file, bytes)| format!("{}  {file}\n", sum_of(bytes)));
    fs::write(path.join("SHA256SUMS"), lines.collect::<String>()).unwrap();
}

/// Writes the sums of a bundle again, of the files that it has now.
fn sum_again(path: &Path) {
    let mut files = BTreeMap::new();
    for (file, bytes) in files_below(path) {
        if file != "SHA256SUMS" {
            files.insert(file, bytes);
        }
    }
    write_sums(path, &files);
}

fn sum_of(bytes: &[u8]) -> Sha256Sum {
    Sha256Sum::new(Sha256::digest(bytes).into())
}

fn key_of(log: u128) -> LogKey {
    let (application, profile) = ("shop".parse().unwrap(), "default".parse().unwrap());
    LogKey::new(application, profile, Uuid::from_u128(log))
}

/// Returns the directory of a log of the host of [`bundle_of`], below the tree.
fn log_path(log: u128) -> String {
    crate::tree::paths::folders_of(&"web 1".parse().unwrap(), &key_of(log)).join("/")
}

/// Returns the line of a record.
fn line(number: u64) -> String {
    // Times are not in the order of the lines: there are several processes.
    let micros = number * 1000 + (number * 7 % 5) * 1500;
    let time = Timestamp::from_unix_micros(i64::try_from(micros).unwrap()).unwrap();
    let session = Uuid::from_u128(u128::from(number % 3));
    format!(
        "{{\"timestamp\":\"{time}\",\"level\":\"INFO\",\"source\":\"shop\",\"target\":\"shop\",\"session\":\"{session}\",\"seq\":{number}}}\n"
    )
}

/// Returns lines of records.
fn lines(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().map(line).collect()
}

/// Creates a directory in memory, where there is such a file system: thousands of imports are not
/// to wait for a disk.
fn temporary() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::new_in(memory).unwrap()
    } else {
        TempDir::new().unwrap()
    }
}

/// A directory for bundles, and a path for a tree.
struct ImportPlace {
    home: TempDir,
    tree: PathBuf,
}

impl ImportPlace {
    fn new() -> Self {
        let home = temporary();
        fs::create_dir(home.path().join("stick")).unwrap();
        let tree = home.path().join("fleet");
        Self { home, tree }
    }

    fn stick(&self) -> PathBuf {
        self.home.path().join("stick")
    }

    fn write(&self, bundle: &MadeBundle) -> PathBuf {
        bundle.write(&self.stick())
    }

    fn importer(&self) -> Importer {
        Importer::open(&self.tree, NOW).unwrap()
    }

    /// Imports the bundle at a path.
    fn import_at(&self, path: &Path) -> Result<BundleImport, BundleFailure> {
        self.importer().import(path, &mut |_| ())
    }

    /// Imports a bundle, and returns what became of its segments.
    fn import(&self, bundle: &MadeBundle) -> SegmentChanges {
        self.import_at(&self.write(bundle)).unwrap().segments()
    }

    /// Returns the files of a log in the tree that belong to its segments.
    fn segments(&self, log: u128) -> Vec<(String, String)> {
        let files = files_below(&self.tree.join(log_path(log))).into_iter();
        files
            .filter(|(name, _)| name.starts_with("events."))
            .map(|(name, bytes)| {
                let bytes = plain(&name, bytes);
                (name, String::from_utf8(bytes).unwrap())
            })
            .collect()
    }

    /// Returns the facts about a log in the tree.
    fn facts(&self) -> crate::tree::ImportedLog {
        let tree = Tree::open(&self.tree).unwrap().unwrap();
        let log = tree.logs().unwrap().next().unwrap().unwrap();
        log.imported().unwrap().unwrap()
    }
}

/// Returns the plain bytes of a file.
fn plain(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    if name.strip_suffix(".zst").is_none() {
        return bytes;
    }
    let mut plain = Vec::new();
    let mut reader = localtel::read::decompressed(std::io::Cursor::new(bytes)).unwrap();
    std::io::Read::read_to_end(&mut reader, &mut plain).unwrap();
    plain
}

/// Returns the files below a directory, by their paths in it.
fn files_below(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let found = entry.unwrap().path();
            if found.is_dir() {
                folders.push(found);
            } else {
                let name = found.strip_prefix(path).unwrap();
                files.insert(name.to_str().unwrap().to_owned(), fs::read(&found).unwrap());
            }
        }
    }
    files
}

/// Returns the files of a tree, with segments as plain bytes.
fn tree_at(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = files_below(path).into_iter();
    files
        .filter(|(name, _)| !name.starts_with(".import/"))
        .map(|(name, bytes)| {
            let bytes = plain(&name, bytes);
            (name.trim_end_matches(".zst").to_owned(), bytes)
        })
        .collect()
}
