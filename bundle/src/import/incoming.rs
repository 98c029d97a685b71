//! A bundle that is to be imported. Nothing in it is trusted: it is opened if its manifest, its
//! list of sums and its names are those of an export; whether the bytes of a file are those that
//! the list promises is checked when it is copied.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use localtel::{Error, Result};

use super::bytes::{PlainContent, pass};
use super::refusal::{BundleFailure, BundleRefusal, RefusalStep};
use crate::folder::FleetFolder;
use crate::manifest::{BundleLog, Manifest, Sha256Sum};

/// A bundle whose manifest and names are in order.
#[derive(Debug)]
pub(super) struct IncomingBundle {
    folder: FleetFolder,
    pub(super) manifest: Manifest,
    /// The SHA-256 of the manifest, which no other bundle has.
    pub(super) sum: Sha256Sum,
    /// The sums of its other files, by their paths in it.
    sums: BTreeMap<String, Sha256Sum>,
}

impl IncomingBundle {
    /// Opens the bundle at a path.
    pub(super) fn open(path: &Path) -> Result<Self, BundleFailure> {
        let folder = FleetFolder::open(path)?;
        let Some(json) = read_listed(&folder, "", Manifest::FILE, Manifest::BYTES_MAX)? else {
            return Err(not_a_bundle(path).into());
        };
        let content = pass(json.as_slice(), path, u64::MAX, |_| Ok(()))?;
        let Some(sums) = read_listed(&folder, "", SUMS_FILE, SUMS_BYTES_MAX)? else {
            let reason = format!("it has no {SUMS_FILE}, so its export did not finish");
            return Err(BundleRefusal::of_bundle(RefusalStep::CopyAgain, reason).into());
        };
        let mut sums = parse_sums(&sums)?;
        let listed = sums.remove(Manifest::FILE);
        if listed != Some(content.sum) {
            return Err(wrong_sum(Manifest::FILE).into());
        }
        let bundle = Self {
            folder,
            manifest: parse_manifest(&json)?,
            sum: content.sum,
            sums,
        };
        bundle.check_limits()?;
        bundle.check_listed()?;
        bundle.check_names()?;
        Ok(bundle)
    }

    /// Returns the number of bytes of the segments in it.
    pub(super) fn bytes(&self) -> u64 {
        let each = self.manifest.logs.iter().map(BundleLog::bytes);
        each.fold(0, u64::saturating_add)
    }

    /// Opens the directory of a log; `None` if it has none, since it has no files.
    pub(super) fn log_folder(&self, log: &BundleLog) -> Result<Option<FleetFolder>> {
        self.folder.below_if_any(&log.directory.to_string())
    }

    /// Checks the schema of lines, which trees do not have.
    pub(super) fn check_schema(&self) -> Result<(), BundleFailure> {
        self.read_document(&self.folder, "", SCHEMA_FILE)
            .map(|_| ())
    }

    /// Reads a small file of a log, and checks its sum; `None` if the log has no such file.
    pub(super) fn document_of(
        &self,
        log: &BundleLog,
        folder: Option<&FleetFolder>,
        name: &str,
    ) -> Result<Option<Vec<u8>>, BundleFailure> {
        match folder {
            Some(folder) => self.read_document(folder, &format!("{}/", log.directory), name),
            None => Ok(None),
        }
    }

    fn read_document(
        &self,
        folder: &FleetFolder,
        place: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, BundleFailure> {
        let path = format!("{place}{name}");
        let Some(sum) = self.sums.get(&path) else {
            return Ok(None);
        };
        let bytes = read_listed(folder, place, name, DOCUMENT_BYTES_MAX)?;
        let bytes = bytes.ok_or_else(|| missing(&path))?;
        let content = pass(bytes.as_slice(), folder.path(), u64::MAX, |_| Ok(()))?;
        if content.sum == *sum {
            Ok(Some(bytes))
        } else {
            Err(wrong_sum(&path).into())
        }
    }

    fn check_limits(&self) -> Result<(), BundleRefusal> {
        let logs = &self.manifest.logs;
        if logs.len() > LOGS_MAX {
            let reason = format!(
                "it claims {} logs, and at most {LOGS_MAX} are taken",
                logs.len()
            );
            return Err(BundleRefusal::of_bundle(RefusalStep::FindOut, reason));
        }
        for log in logs {
            for segment in &log.segments {
                if segment.plain_bytes.max(segment.bytes()) > SEGMENT_BYTES_MAX {
                    let file = format!("{}/{}", log.directory, segment.file());
                    let reason = "it claims more than 1 GiB, which no segment has";
                    return Err(BundleRefusal::of_file(RefusalStep::FindOut, &file, reason));
                }
            }
        }
        Ok(())
    }

    /// Checks that the list of sums has each segment of the manifest, and no file that no bundle
    /// has.
    fn check_listed(&self) -> Result<(), BundleRefusal> {
        let mut expected = 0;
        let mut optional = vec![SCHEMA_FILE.to_owned()];
        for log in &self.manifest.logs {
            for segment in &log.segments {
                let file = format!("{}/{}", log.directory, segment.file());
                match self.sums.get(&file) {
                    Some(sum) if *sum == segment.sha256() => expected += 1,
                    Some(_) => {
                        let reason = format!("{SUMS_FILE} and the manifest have different sums");
                        return Err(BundleRefusal::of_file(
                            RefusalStep::CopyAgain,
                            &file,
                            reason,
                        ));
                    }
                    None => return Err(not_listed(&file)),
                }
            }
            optional.push(format!("{}/{EXPLAIN_FILE}", log.directory));
            optional.push(format!("{}/{POLICY_FILE}", log.directory));
        }
        expected += optional
            .iter()
            .filter(|file| self.sums.contains_key(*file))
            .count();
        if expected == self.sums.len() {
            return Ok(());
        }
        let segments = self.manifest.logs.iter().flat_map(|log| {
            let files = log.segments.iter();
            files.map(|segment| format!("{}/{}", log.directory, segment.file()))
        });
        let known: BTreeSet<String> = segments.chain(optional).collect();
        let strange = self.sums.keys().find(|file| !known.contains(*file));
        let reason = format!("{SUMS_FILE} lists a file that no bundle has");
        let strange = strange.map_or("", String::as_str);
        Err(BundleRefusal::of_file(
            RefusalStep::FindOut,
            strange,
            reason,
        ))
    }

    /// Checks that the bundle has no file that is not listed, without reading more names than it
    /// should have.
    fn check_names(&self) -> Result<(), BundleFailure> {
        let logs = self
            .manifest
            .logs
            .iter()
            .map(|log| log.directory.to_string());
        let folders: BTreeSet<String> = logs.collect();
        for name in self.folder.entries()? {
            let name = name?;
            let is_known = folders.contains(&name)
                || self.sums.contains_key(&name)
                || name == Manifest::FILE
                || name == SUMS_FILE;
            if !is_known {
                return Err(not_listed(&name).into());
            }
        }
        for folder in folders {
            let Some(opened) = self.folder.below_if_any(&folder).map_err(|error| {
                let reason = format!("it is not a directory ({})", error.chain());
                BundleRefusal::of_file(RefusalStep::FindOut, &folder, reason)
            })?
            else {
                continue;
            };
            for name in opened.entries()? {
                let file = format!("{folder}/{}", name?);
                if !self.sums.contains_key(&file) {
                    return Err(not_listed(&file).into());
                }
            }
        }
        Ok(())
    }
}

/// Opens a file of a bundle whose sum is known.
pub(super) fn open_listed(
    folder: Option<&FleetFolder>,
    file: &str,
    name: &str,
) -> Result<std::fs::File, BundleRefusal> {
    let folder = folder.ok_or_else(|| missing(file))?;
    folder.open_file(name).map_err(|error| {
        if error.is_not_found() {
            missing(file)
        } else {
            let reason = format!("it is not a file that can be read ({})", error.chain());
            BundleRefusal::of_file(RefusalStep::FindOut, file, reason)
        }
    })
}

/// Checks that bytes are those that the manifest promises.
pub(super) fn check_content(
    file: &str,
    found: PlainContent,
    promised: PlainContent,
) -> Result<(), BundleRefusal> {
    if found.bytes != promised.bytes {
        let promised = promised.bytes;
        let reason = if found.bytes > promised {
            format!("it has more than the {promised} bytes of the manifest")
        } else {
            format!(
                "it has {} bytes and not the {promised} of the manifest",
                found.bytes
            )
        };
        return Err(BundleRefusal::of_file(RefusalStep::CopyAgain, file, reason));
    }
    if found.sum == promised.sum {
        Ok(())
    } else {
        Err(wrong_sum(file))
    }
}

/// Reads a small file of a bundle, below a place in it; `None` if it does not exist.
fn read_listed(
    folder: &FleetFolder,
    place: &str,
    name: &str,
    bytes_max: u64,
) -> Result<Option<Vec<u8>>, BundleFailure> {
    let path = format!("{place}{name}");
    let file = match open_listed(Some(folder), &path, name) {
        Ok(file) => file,
        Err(_) if folder.facts(name)?.is_none() => return Ok(None),
        Err(refusal) => return Err(refusal.into()),
    };
    let mut bytes = Vec::new();
    let mut limited = file.take(bytes_max.saturating_add(1));
    let read = limited.read_to_end(&mut bytes);
    read.map_err(Error::io("read", &folder.path_of(name)))?;
    if bytes.len() as u64 > bytes_max {
        let reason = format!("it has more than {bytes_max} bytes, which no export writes");
        return Err(BundleRefusal::of_file(RefusalStep::FindOut, &path, reason).into());
    }
    Ok(Some(bytes))
}

fn parse_manifest(json: &[u8]) -> Result<Manifest, BundleRefusal> {
    /// The part of a manifest of any version.
    #[derive(serde::Deserialize)]
    struct AnyManifest {
        bundle_version: u64,
    }

    Manifest::parse(json).map_err(|error| {
        let any = serde_json::from_slice(json);
        let step = match any {
            Ok(AnyManifest { bundle_version }) if bundle_version > Manifest::VERSION => {
                RefusalStep::Update
            }
            Ok(_) | Err(_) => RefusalStep::FindOut,
        };
        BundleRefusal::of_file(step, Manifest::FILE, error.to_string())
    })
}

/// Reads the lines of `sha256sum`.
fn parse_sums(text: &[u8]) -> Result<BTreeMap<String, Sha256Sum>, BundleRefusal> {
    let wrong = |reason: &str| BundleRefusal::of_file(RefusalStep::CopyAgain, SUMS_FILE, reason);
    let text = std::str::from_utf8(text).map_err(|_| wrong("it is not text"))?;
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        let (sum, file) = line
            .split_once("  ")
            .and_then(|(sum, file)| Some((sum.parse().ok()?, file)))
            .ok_or_else(|| wrong("it has a line that is not of `sha256sum`"))?;
        if sums.insert(file.to_owned(), sum).is_some() {
            return Err(wrong("it lists a file twice"));
        }
    }
    Ok(sums)
}

fn not_a_bundle(path: &Path) -> BundleRefusal {
    let is_partial = path.extension().is_some_and(|end| end == PARTIAL);
    let (step, reason) = if is_partial {
        (RefusalStep::CopyAgain, "its export did not finish")
    } else {
        (
            RefusalStep::NameBundle,
            "it is not a bundle: it has no manifest.json",
        )
    };
    BundleRefusal::of_bundle(step, reason)
}

fn not_listed(file: &str) -> BundleRefusal {
    let reason = format!("it is not in {SUMS_FILE}");
    BundleRefusal::of_file(RefusalStep::FindOut, file, reason)
}

fn missing(file: &str) -> BundleRefusal {
    BundleRefusal::of_file(RefusalStep::CopyAgain, file, "it is missing")
}

fn wrong_sum(file: &str) -> BundleRefusal {
    let reason = format!("its SHA-256 is not the one in {SUMS_FILE}");
    BundleRefusal::of_file(RefusalStep::CopyAgain, file, reason)
}

/// The file with the sums of all others.
const SUMS_FILE: &str = "SHA256SUMS";
/// The schema of lines.
const SCHEMA_FILE: &str = "line.schema.json";
/// The end of the name of a bundle that is being written.
pub(super) const PARTIAL: &str = "partial";
/// What is recorded into a log, in words.
pub(super) const EXPLAIN_FILE: &str = "explain.json";
/// The policy of the machine for a log.
pub(super) const POLICY_FILE: &str = "policy.toml";
/// As many bytes as a manifest: each file has a line here, and an object there.
const SUMS_BYTES_MAX: u64 = Manifest::BYTES_MAX;
/// No small file of an export has more bytes.
const DOCUMENT_BYTES_MAX: u64 = 16 << 20;
/// No segment has more bytes.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// No machine has more logs.
const LOGS_MAX: usize = 10_000;
