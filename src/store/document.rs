//! The small files of a telemetry directory that are read and replaced as a whole: `consent.json`,
//! `consent.all.json`, `history.json` and, only read here, `policy.toml`, `release.json` and
//! `log.json`.
//! Defines the reasons why a file may not be usable, and how one is replaced under the lock without
//! losing the keys of a newer version. The type that implements [`Content`] defines the contents of
//! a file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::disk::{Access, Directory, OpenError, ReadError};
use super::lock::lock;
use super::segment::FileName;
use crate::error::{Error, ErrorKind, Result};

/// The contents of one of these files.
pub(crate) trait Content: Clone + PartialEq {
    /// The keys and values of the file, without `format`.
    type Written: Serialize + DeserializeOwned;
    /// All keys of the file, including `format`.
    const KEYS: &'static [&'static str];
    /// The size of a file up to which it is read.
    const BYTES_MAX: u64;
    /// The consequence of an unusable file, appended to the description of the problem.
    const CONSEQUENCE: &'static str;

    /// Converts keys and values to the contents. The error is a reason.
    fn read(written: Self::Written, others: OtherKeys) -> std::result::Result<Self, String>;

    /// Returns the keys and values to write, and the keys that this version does not know.
    fn write(&self) -> (Self::Written, &OtherKeys);

    /// Returns the state of a name that belongs to something other than a regular file.
    fn irregular(reason: String) -> Document<Self>;

    /// Returns the contents that a change starts from; nothing if the file may not be replaced.
    fn changeable(document: Document<Self>) -> Option<Self>;
}

/// The state of a small file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document<T> {
    /// There is no file.
    Missing,
    /// It can be understood.
    Known(T),
    /// It is empty.
    Empty {
        /// The file.
        file: FileName,
    },
    /// It is invalid.
    Damaged {
        /// The file, and what is wrong with it.
        reason: String,
    },
    /// It could not be read this time: the operating system refused. Its contents are not known.
    Unreadable {
        /// The operating system's reason, and the path that it refers to.
        reason: String,
    },
    /// A newer version wrote it. It is never replaced.
    Newer {
        /// The file.
        file: FileName,
        /// Its format.
        format: u32,
    },
}

/// The reason why the bytes of a small file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The name belongs to something other than a regular file.
    Irregular(String),
    /// It is larger than any file that localtel writes.
    TooLarge(String),
    /// The operating system refused; the next try may succeed.
    Refused(String),
}

/// The result of opening a directory.
pub(crate) type Opened = std::result::Result<Directory, OpenError>;

/// Reads the bytes of a file in the opened directory; returns nothing if there is no file or no
/// directory.
pub(crate) fn read_bytes_in(
    opened: &Opened,
    file: FileName,
    bytes_max: u64,
) -> std::result::Result<Option<Vec<u8>>, Flaw> {
    let directory = match opened {
        Ok(directory) => directory,
        Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Flaw::Refused(error.to_string())),
    };
    read_bytes(directory, file, bytes_max)
}

/// Reads the bytes of a file in a directory; returns nothing if there is no file.
pub(crate) fn read_bytes(
    directory: &Directory,
    file: FileName,
    bytes_max: u64,
) -> std::result::Result<Option<Vec<u8>>, Flaw> {
    let reason = |why: String| format!("{file} cannot be read: {why}");
    match directory.read_small(&file.text(), bytes_max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::Missing) => Ok(None),
        Err(ReadError::TooLarge) => {
            let why = format!("it is larger than {} KiB", bytes_max / 1024);
            Err(Flaw::TooLarge(reason(why)))
        }
        Err(error @ ReadError::NotRegular) => Err(Flaw::Irregular(reason(error.to_string()))),
        Err(error @ ReadError::Io(_)) => Err(Flaw::Refused(reason(error.to_string()))),
    }
}

/// Parses a JSON object.
///
/// # Errors
///
/// Returns a reason, which may quote a value.
pub(crate) fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> std::result::Result<T, String> {
    // A list would be accepted as well, its items as the values of the keys in order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err("it is a list, not an object".to_owned());
    }
    serde_json::from_slice(bytes).map_err(|error| format!("it is not valid: {error}"))
}

/// Shortens a reason that may quote a value.
pub(crate) fn shorten(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    reason
}

impl<T: Content> Document<T> {
    /// Reads a file in the directory at that path, which may be missing.
    pub(crate) fn read_file_at(path: &Path, file: FileName) -> Self {
        Self::read_file_in(&Directory::open(path, Access::Read), file)
    }

    /// Reads a file in the opened directory.
    pub(crate) fn read_file_in(opened: &Opened, file: FileName) -> Self {
        Self::from_bytes(read_bytes_in(opened, file, T::BYTES_MAX), file)
    }

    /// Reads a file in a directory.
    pub(crate) fn read_file(directory: &Directory, file: FileName) -> Self {
        Self::from_bytes(read_bytes(directory, file, T::BYTES_MAX), file)
    }

    fn from_bytes(bytes: std::result::Result<Option<Vec<u8>>, Flaw>, file: FileName) -> Self {
        match bytes {
            Ok(Some(bytes)) => Self::parse(&bytes, file),
            Ok(None) => Self::Missing,
            Err(Flaw::Irregular(reason)) => T::irregular(reason),
            Err(Flaw::TooLarge(reason)) => Self::Damaged { reason },
            Err(Flaw::Refused(reason)) => Self::Unreadable { reason },
        }
    }

    /// Parses the bytes of a file.
    pub(crate) fn parse(bytes: &[u8], file: FileName) -> Self {
        if bytes.is_empty() {
            return Self::Empty { file };
        }
        Self::try_parse(bytes, file).unwrap_or_else(|reason| Self::Damaged {
            reason: shorten(format!("{file} is damaged: {reason}")),
        })
    }

    fn try_parse(bytes: &[u8], file: FileName) -> std::result::Result<Self, String> {
        /// The only key that is read before the format is known: other formats may use the same
        /// keys in another way.
        #[derive(Deserialize)]
        struct Probe {
            format: u32,
        }
        let Probe { format } = parse_object(bytes)?;
        if format > FORMAT {
            return Ok(Self::Newer { file, format });
        }
        if format != FORMAT {
            return Err(format!("unsupported format version {format}"));
        }
        let others =
            OtherKeys::of(bytes, T::KEYS).map_err(|error| format!("it is not valid: {error}"))?;
        Ok(Self::Known(T::read(parse_object(bytes)?, others)?))
    }

    /// Returns the bytes of a file with these contents. Keys that this version does not know are
    /// left out if the file would become too long with them.
    ///
    /// # Errors
    ///
    /// Returns an error if a value cannot be written as JSON.
    pub(crate) fn to_bytes(content: &T) -> io::Result<Vec<u8>> {
        let (written, others) = content.write();
        let mut bytes = others.write_behind(&written)?;
        if bytes.len() as u64 > T::BYTES_MAX {
            bytes = OtherKeys::none().write_behind(&written)?;
        }
        Ok(bytes)
    }

    /// Returns the problem with it, if there is one, and its consequence.
    pub(crate) fn problem(&self) -> Option<String> {
        let problem = match self {
            Self::Missing | Self::Known(_) => return None,
            Self::Empty { file } => format!("{file} is empty"),
            Self::Damaged { reason } | Self::Unreadable { reason } => reason.clone(),
            Self::Newer { file, format } => {
                format!("{file} has format {format}, which needs a newer localtel")
            }
        };
        Some(problem + T::CONSEQUENCE)
    }

    /// Returns the error of a change that may not replace the file.
    pub(crate) fn refuse_change(&self, directory: &Directory, file: FileName) -> Error {
        let path = directory.path().join(file.to_string());
        let reason = self.problem().unwrap_or_default();
        ErrorKind::Format { path, reason }.into()
    }
}

impl<T> Document<T> {
    /// Returns the contents, if they are known.
    pub(crate) fn known(&self) -> Option<&T> {
        if let Self::Known(content) = self {
            Some(content)
        } else {
            None
        }
    }

    /// Returns the reason why it could not be read, if the operating system refused.
    pub(crate) fn unreadable(&self) -> Option<&str> {
        if let Self::Unreadable { reason } = self {
            Some(reason)
        } else {
            None
        }
    }
}

/// Reads a file in order to change and rewrite it.
///
/// INVARIANT: called only under the lock, so that no change is lost.
///
/// # Errors
///
/// Returns an error if the file may not be replaced.
pub(crate) fn read_to_change<T: Content>(directory: &Directory, file: FileName) -> Result<T> {
    let document = Document::read_file(directory, file);
    match T::changeable(document.clone()) {
        Some(content) => Ok(content),
        None => Err(document.refuse_change(directory, file)),
    }
}

/// Replaces a file as a whole.
///
/// INVARIANT: called only under the lock, so that no change is lost.
///
/// # Errors
///
/// Returns an error if it cannot be written; the file is then as it was.
pub(crate) fn write<T: Content>(directory: &Directory, file: FileName, content: &T) -> Result<()> {
    Document::to_bytes(content)
        .and_then(|bytes| directory.replace(&file.text(), &bytes))
        .map_err(|error| Error::io("write", &directory.path().join(file.to_string()))(error))
}

/// Changes a file under the lock; writes nothing if the change has no effect.
///
/// # Errors
///
/// Returns an error if the lock is not free before the deadline, or if the file may not be replaced
/// or cannot be written.
pub(crate) fn update<T: Content, R>(
    directory: &Directory,
    file: FileName,
    deadline: Instant,
    change: impl FnOnce(&mut T) -> R,
) -> Result<R> {
    let locked = lock(directory, deadline)?;
    let before: T = read_to_change(directory, file)?;
    let mut after = before.clone();
    let result = change(&mut after);
    if after != before {
        write(directory, file, &after)?;
    }
    drop(locked);
    Ok(result)
}

/// Removes a file, whatever its contents and format.
///
/// INVARIANT: called only under the lock, so that no change is lost.
///
/// # Errors
///
/// Returns an error if the file exists and cannot be removed.
pub(crate) fn remove(directory: &Directory, file: FileName) -> Result<()> {
    match directory.remove(&file.text()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(
            "remove",
            &directory.path().join(file.to_string()),
        )(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Keys that this version does not know, with their values as text.
#[derive(Debug, Clone, Default)]
pub(crate) struct OtherKeys(BTreeMap<String, Box<RawValue>>);

impl OtherKeys {
    /// Returns no keys.
    pub(crate) const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Reads an object, and returns its keys other than these.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not an object.
    pub(crate) fn of(object: &[u8], known: &[&str]) -> serde_json::Result<Self> {
        let mut keys: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(object)?;
        keys.retain(|name, _| !known.contains(&name.as_str()));
        Ok(Self(keys))
    }

    /// Iterates over the names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Removes the keys for which the function returns `false`, given the name and the JSON text of
    /// the value. Returns `true` if it removed any.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&str, &str) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|name, value| is_kept(name, value.get()));
        self.0.len() < before
    }

    /// Writes an object with the format, the known keys and these, on one line.
    fn write_behind(&self, known: &impl Serialize) -> io::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Whole<'a, T> {
            format: u32,
            #[serde(flatten)]
            known: &'a T,
            #[serde(flatten)]
            others: &'a BTreeMap<String, Box<RawValue>>,
        }
        let mut bytes = serde_json::to_vec(&Whole {
            format: FORMAT,
            known,
            others: &self.0,
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn texts(&self) -> impl Iterator<Item = (&String, &str)> {
        self.0.iter().map(|(name, value)| (name, value.get()))
    }
}

impl PartialEq for OtherKeys {
    fn eq(&self, other: &Self) -> bool {
        self.texts().eq(other.texts())
    }
}

impl Eq for OtherKeys {}

/// The format of the files that this version writes.
const FORMAT: u32 = 1;
/// A few lines of a terminal.
const REASON_BYTES_MAX: usize = 400;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests {
    use super::*;
    use crate::store::faults::Fault;
    use std::fs;
    use std::time::Duration;

    /// A number, and what a newer version wrote.
    #[derive(Debug, Clone, Default, PartialEq)]
    struct Number {
        number: u32,
        others: OtherKeys,
    }

    #[derive(Serialize, Deserialize)]
    struct WrittenNumber {
        number: u32,
    }

    impl Content for Number {
        type Written = WrittenNumber;
        const KEYS: &'static [&'static str] = &["format", "number"];
        const BYTES_MAX: u64 = 64 * 1024;
        const CONSEQUENCE: &'static str = "";

        fn read(written: WrittenNumber, others: OtherKeys) -> std::result::Result<Self, String> {
            let number = written.number;
            Ok(Self { number, others })
        }

        fn write(&self) -> (WrittenNumber, &OtherKeys) {
            let number = self.number;
            (WrittenNumber { number }, &self.others)
        }

        fn irregular(reason: String) -> Document<Self> {
            Document::Unreadable { reason }
        }

        fn changeable(document: Document<Self>) -> Option<Self> {
            match document {
                Document::Known(number) => Some(number),
                Document::Missing | Document::Empty { .. } | Document::Damaged { .. } => {
                    Some(Self::default())
                }
                Document::Unreadable { .. } | Document::Newer { .. } => None,
            }
        }
    }

    const FILE: FileName = FileName::History;

    fn parsed(bytes: &[u8]) -> Document<Number> {
        Document::parse(bytes, FILE)
    }

    fn set(directory: &Directory, to: u32) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        update(directory, FILE, deadline, |number: &mut Number| {
            number.number = to;
        })
    }

    #[test]
    fn unexpected_contents_are_damaged_with_a_short_reason() {
        let deep = format!("{{\"format\":1,\"x\":{}", "[".repeat(20_000));
        let damaged: [&[u8]; 14] = [
            b" \n",
            b"null",
            b"{}",
            b"[1,7]",
            b"{\"format\":0}",
            b"{\"format\":\"1\"}",
            b"{\"format\":-1}",
            b"{\"format\":1}",
            b"{\"format\":1,\"number\":7",
            b"{\"format\":1,\"number\":\"7\"}",
            b"{\"format\":1,\"number\":7,\"number\":7}",
            b"{\"format\":1,\"format\":1,\"number\":7}",
            b"{\"format\":1,\"number\":7,\"x\":\"\xff\"}",
            deep.as_bytes(),
        ];
        for bytes in damaged {
            let shown = String::from_utf8_lossy(bytes.get(..40).unwrap_or(bytes)).into_owned();
            let document = parsed(bytes);
            assert!(matches!(document, Document::Damaged { .. }), "{shown}");
            let problem = document.problem().unwrap();
            assert!(
                problem.starts_with("history.json is damaged: "),
                "{problem}"
            );
        }
        let long = format!("{{\"format\":\"{}\"}}", "ä".repeat(20_000));
        let problem = parsed(long.as_bytes()).problem().unwrap();
        assert!(problem.len() <= REASON_BYTES_MAX, "{problem}");
        assert_eq!(parsed(b""), Document::Empty { file: FILE });
        let newer = Document::Newer {
            file: FILE,
            format: 2,
        };
        assert_eq!(parsed(b"{\"format\":2,\"number\":{}}"), newer);
    }

    #[test]
    fn a_missing_directory_has_no_file() {
        let home = tempfile::tempdir().unwrap();
        let read = |path: &Path| Document::<Number>::read_file_at(path, FILE);
        assert_eq!(read(&home.path().join("none")), Document::Missing);
        assert_eq!(read(home.path()), Document::Missing);
        let file = home.path().join("history.json");
        fs::write(&file, vec![b' '; 64 * 1024 + 1]).unwrap();
        let message = "history.json cannot be read: it is larger than 64 KiB";
        assert_eq!(read(home.path()).problem().as_deref(), Some(message));
        assert!(read(&file).unreadable().is_some());
    }

    #[test]
    fn a_change_without_effect_writes_nothing() {
        use std::os::unix::fs::MetadataExt as _;
        let home = tempfile::tempdir().unwrap();
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        let inode = || {
            fs::metadata(home.path().join("history.json"))
                .unwrap()
                .ino()
        };
        set(&directory, 7).unwrap();
        let before = inode();
        set(&directory, 7).unwrap();
        assert_eq!(inode(), before);
        set(&directory, 8).unwrap();
        assert_ne!(inode(), before);
    }

    #[test]
    fn a_file_that_may_not_be_replaced_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let directory = Directory::open(home.path(), Access::Write).unwrap();
        let file = home.path().join("history.json");
        fs::write(&file, "{\"format\":2}").unwrap();
        let error = set(&directory, 7).unwrap_err().to_string();
        assert!(error.contains("has format 2"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{\"format\":2}");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/nowhere", &file).unwrap();
        let error = set(&directory, 7).unwrap_err().to_string();
        assert!(error.contains("a symbolic link is not followed"), "{error}");
        assert!(file.is_symlink());
    }

    #[test]
    fn after_any_failure_the_file_is_the_old_or_the_new() {
        for nth in 0.. {
            let home = tempfile::tempdir().unwrap();
            let directory = Directory::open(home.path(), Access::Write).unwrap();
            set(&directory, 7).unwrap();
            directory.faults.plan(nth, Fault::Once(28));
            let result = set(&directory, 8);
            let operations = directory.faults.lift();
            let read = Document::<Number>::read_file(&directory, FILE);
            let number = read.known().unwrap().number;
            assert!(
                number == if result.is_ok() { 8 } else { 7 },
                "{nth}: {number}"
            );
            if operations <= nth {
                assert!(nth > 2, "{nth} operations are too few");
                break;
            }
        }
    }

    #[test]
    fn unknown_keys_are_rewritten_to_the_letter() {
        let object = br#" {"z": 123456789012345678901234567890, "format":1,"a":{"b":[1.50, "\u00e4"]},"e":1e400} "#;
        let keys = OtherKeys::of(object, &["format"]).unwrap();
        assert!(keys.names().eq(["a", "e", "z"]));
        let written = keys.write_behind(&WrittenNumber { number: 2 }).unwrap();
        let expected = "{\"format\":1,\"number\":2,\"a\":{\"b\":[1.50, \"\\u00e4\"]},\"e\":1e400,\
             \"z\":123456789012345678901234567890}\n";
        assert_eq!(String::from_utf8(written.clone()).unwrap(), expected);
        let known = ["format", "number"];
        assert_eq!(OtherKeys::of(&written, &known).unwrap(), keys);
        let fewer = OtherKeys::of(&written, &["format", "number", "z"]);
        assert_ne!(fewer.unwrap(), keys);
    }

    #[test]
    fn unknown_keys_that_do_not_fit_are_left_out() {
        let number = |extra: usize| Number {
            number: 1,
            others: {
                let object = format!("{{\"long\":\"{}\"}}", "x".repeat(extra));
                OtherKeys::of(object.as_bytes(), &[]).unwrap()
            },
        };
        let written = |extra| Document::to_bytes(&number(extra)).unwrap();
        let bytes_max = usize::try_from(Number::BYTES_MAX).unwrap();
        let room = bytes_max - written(0).len();
        assert_eq!(written(room).len(), bytes_max);
        assert_eq!(written(room + 1), b"{\"format\":1,\"number\":1}\n");
    }

    #[test]
    fn only_an_object_has_keys() {
        for wrong in ["", "[]", "1", "{\"a\":}", "{\"a\":1} 2"] {
            assert!(OtherKeys::of(wrong.as_bytes(), &[]).is_err(), "{wrong}");
        }
    }
}
