//! The files of a bundle that is being written: under a name that says so, until all of them are on
//! the disk and were read back.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::PathBuf;

use localtel::read::Timestamp;
use sha2::{Digest as _, Sha256};

use super::error::ExportError;
use super::progress::Meter;
use super::target::BundleName;
use crate::disk::{self, BundleFolder, EntryFacts, EntryKind, NewFile};
use crate::host::HostName;
use crate::manifest::{LogDirectory, Sha256Sum};

/// A bundle that is being written.
#[derive(Debug)]
pub(super) struct BundleWriter {
    target: BundleFolder,
    name: BundleName,
    /// Its name at present.
    name_now: String,
    folder: BundleFolder,
    /// The directories of logs.
    folders: BTreeMap<String, BundleFolder>,
    files: Vec<WrittenFile>,
}

/// A file that was written into a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WrittenFile {
    /// The directory of a log, or none.
    folder: Option<String>,
    name: String,
    bytes: u64,
    sha256: Sha256Sum,
}

impl WrittenFile {
    /// Returns a file in the directory of a log.
    pub(super) fn of_log(
        directory: LogDirectory,
        name: String,
        bytes: u64,
        sha256: Sha256Sum,
    ) -> Self {
        Self {
            folder: Some(directory.to_string()),
            name,
            bytes,
            sha256,
        }
    }

    /// Returns its path in the bundle.
    fn path(&self) -> String {
        match &self.folder {
            Some(folder) => format!("{folder}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl BundleWriter {
    /// Creates the directory of a bundle.
    pub(super) fn begin(
        target: BundleFolder,
        host: &HostName,
        created: Timestamp,
    ) -> Result<Self, ExportError> {
        let mut name = BundleName::new(host, created);
        loop {
            let failed = |error| ExportError::io("write to", target.path().to_owned())(error);
            let is_taken = target.entry(name.whole()).map_err(failed)?.is_some();
            if !is_taken {
                match target.create_folder(name.partial()) {
                    Ok(folder) => {
                        return Ok(Self {
                            target,
                            name_now: name.partial(),
                            name,
                            folder,
                            folders: BTreeMap::new(),
                            files: Vec::new(),
                        });
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(failed(error)),
                }
            }
            name = name.next();
        }
    }

    /// Creates the directory of a log.
    pub(super) fn begin_log(&mut self, directory: LogDirectory) -> Result<(), ExportError> {
        let name = directory.to_string();
        let folder = self.folder.create_folder(&name);
        let folder = folder.map_err(ExportError::io("create", self.folder.path().join(&name)))?;
        self.folders.insert(name, folder);
        Ok(())
    }

    /// Returns the directory of a log.
    pub(super) fn folder_of(&self, directory: LogDirectory) -> &BundleFolder {
        self.folders
            .get(&directory.to_string())
            .unwrap_or(&self.folder)
    }

    /// Adds a file that was written and synced.
    pub(super) fn add(&mut self, file: WrittenFile) {
        self.files.push(file);
    }

    /// Writes a small file, into the directory of a log or beside these.
    pub(super) fn write(
        &mut self,
        directory: Option<LogDirectory>,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), ExportError> {
        let folder = directory.map_or(&self.folder, |directory| self.folder_of(directory));
        let write = || {
            let mut file = NewFile::create(folder, name)?;
            file.write(bytes)?;
            file.sync()
        };
        write().map_err(ExportError::io("write", folder.path().join(name)))?;
        self.files.push(WrittenFile {
            folder: directory.map(|directory| directory.to_string()),
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            sha256: Sha256Sum::of_bytes(bytes),
        });
        Ok(())
    }

    /// Writes the sums of all files, and waits until everything is on the disk.
    pub(super) fn write_sums(&mut self) -> Result<(), ExportError> {
        let mut lines: Vec<(String, Sha256Sum)> = Vec::with_capacity(self.files.len());
        lines.extend(self.files.iter().map(|file| (file.path(), file.sha256)));
        lines.sort();
        let lines = lines.iter().map(|(path, sum)| format!("{sum}  {path}\n"));
        let text: String = lines.collect();
        self.write(None, SUMS_FILE, text.as_bytes())?;
        for folder in self.folders.values().chain([&self.folder]) {
            folder
                .sync()
                .map_err(ExportError::io("write", folder.path().to_owned()))?;
        }
        Ok(())
    }

    /// Returns the number of files and of their bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        let bytes = self.files.iter().map(|file| file.bytes).sum();
        (self.files.len() as u64, bytes)
    }

    /// Reads everything back, and compares it with what was written.
    pub(super) fn check(&self, meter: &mut Meter<'_>) -> Result<(), ExportError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        for file in &self.files {
            let folder = self.folder_named(file.folder.as_deref());
            let path = || folder.path().join(&file.name);
            let read = sum_of(folder, &file.name, &mut buffer, meter);
            let read = read.map_err(|error| ExportError::io("read back", path())(error))?;
            if read != (file.bytes, file.sha256) {
                return Err(ExportError::ReadBack { path: path() });
            }
        }
        self.check_all_names()
    }

    /// Checks that each directory contains what was written, and nothing else.
    fn check_all_names(&self) -> Result<(), ExportError> {
        self.check_names(None)?;
        for folder in self.folders.keys() {
            self.check_names(Some(folder))?;
        }
        Ok(())
    }

    fn check_names(&self, folder: Option<&str>) -> Result<(), ExportError> {
        let files = self.files.iter();
        let files = files.filter(|file| file.folder.as_deref() == folder);
        let mut expected: BTreeSet<OsString> = files.map(|file| (&file.name).into()).collect();
        if folder.is_none() {
            expected.extend(self.folders.keys().map(OsString::from));
        }
        let folder = self.folder_named(folder);
        let names = folder.names();
        let names = names.map_err(ExportError::io("read back", folder.path().to_owned()))?;
        if names.into_iter().collect::<BTreeSet<_>>() == expected {
            Ok(())
        } else {
            let path = folder.path().to_owned();
            Err(ExportError::ReadBack { path })
        }
    }

    /// Gives the bundle its name, waits until that is on the disk, and checks that everything is
    /// there under that name. Returns its path.
    pub(super) fn publish(&mut self) -> Result<PathBuf, ExportError> {
        loop {
            let whole = self.name.whole();
            match self.target.rename(&self.name_now, &self.target, &whole) {
                Ok(()) => {
                    self.name_now = whole;
                    break;
                }
                // Another export of the same second was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.name = self.name.next();
                }
                Err(error) => {
                    let path = self.target.path().join(&self.name_now);
                    return Err(ExportError::io("rename", path)(error));
                }
            }
        }
        let path = self.target.path().join(&self.name_now);
        let synced = self.target.sync();
        synced.map_err(ExportError::io("write", self.target.path().to_owned()))?;
        self.reopen()
            .map_err(ExportError::io("read back", path.clone()))?;
        self.check_sizes()?;
        self.check_all_names()?;
        Ok(path)
    }

    /// Opens the directories of the bundle by their names.
    fn reopen(&mut self) -> io::Result<()> {
        self.folder = self.target.open_folder(&self.name_now)?;
        for (name, folder) in &mut self.folders {
            *folder = self.folder.open_folder(name)?;
        }
        Ok(())
    }

    /// Checks that each file has the size that was written.
    fn check_sizes(&self) -> Result<(), ExportError> {
        for file in &self.files {
            let folder = self.folder_named(file.folder.as_deref());
            let path = || folder.path().join(&file.name);
            let entry = folder.entry(&file.name);
            let entry = entry.map_err(|error| ExportError::io("read back", path())(error))?;
            let is_whole =
                |entry: EntryFacts| entry.kind == EntryKind::File && entry.bytes == file.bytes;
            if !entry.is_some_and(is_whole) {
                return Err(ExportError::ReadBack { path: path() });
            }
        }
        Ok(())
    }

    /// Removes what was written. Returns the path of the rest if something stays.
    pub(super) fn discard(&self) -> Option<PathBuf> {
        for (name, folder) in &self.folders {
            remove_files(folder);
            // What stays is found at the end.
            drop(self.folder.remove_folder(name));
        }
        remove_files(&self.folder);
        let removed = self.target.remove_folder(&self.name_now);
        let removed = removed.and_then(|()| self.target.sync());
        let path = || self.target.path().join(&self.name_now);
        removed.err().map(|_: io::Error| path())
    }

    fn folder_named(&self, name: Option<&str>) -> &BundleFolder {
        let folder = name.and_then(|name| self.folders.get(name));
        folder.unwrap_or(&self.folder)
    }
}

fn remove_files(folder: &BundleFolder) {
    for name in folder.names().unwrap_or_default() {
        drop(folder.remove_file(name));
    }
}

/// Returns the size and the sum of a file, as they are on the disk.
fn sum_of(
    folder: &BundleFolder,
    name: &str,
    buffer: &mut [u8],
    meter: &mut Meter<'_>,
) -> io::Result<(u64, Sha256Sum)> {
    let mut file = folder.open_file(name)?;
    disk::forget_cached(&file);
    let mut hash = Sha256::new();
    let mut bytes = 0;
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok((bytes, Sha256Sum::of(hash))),
            Ok(read) => {
                hash.update(buffer.get(..read).unwrap_or_default());
                bytes += read as u64;
                meter.advance(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The name of the file with the sums of all others.
const SUMS_FILE: &str = "SHA256SUMS";
/// Number of bytes that are read back at once.
const BUFFER_BYTES: usize = 256 * 1024;
