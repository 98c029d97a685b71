//! The owner's narrowing of what may be recorded: `policy.toml` in the telemetry directory, read into a
//! [`Policy`] and changes of the application's metadata. A file that cannot be understood lets nothing
//! pass: what it should have forbidden is not known. Changing the file is the command line's business.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;

use super::{Admission, Policy, Treatment};
use crate::error::Error;
use crate::record::Level;
use crate::report::{Include, OwnerMetadata};
use crate::store::disk::{Access, Directory, OpenError};
use crate::store::segment::FileName;

/// What `policy.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnerFile {
    /// There is none: what the application allows is recorded.
    Missing,
    /// It narrows what is recorded.
    Owner(Owner),
    /// It cannot be read or understood, so nothing is recorded until it can.
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
}

/// What an owner wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// What may be recorded.
    pub(crate) policy: Policy,
    /// What is changed in the application's metadata, by key.
    pub(crate) metadata: BTreeMap<String, OwnerMetadata>,
}

/// The file as it is written. A word that is not known is an error: a misspelt rule protects nobody.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    level: Option<String>,
    unnamed: Option<String>,
    secrets: Option<String>,
    targets: BTreeMap<String, String>,
    events: BTreeMap<String, String>,
    properties: BTreeMap<String, String>,
    metadata: BTreeMap<String, WrittenMetadata>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "metadata is `key = \"value\"` or `key = { value = \"...\", include = true }`"
)]
enum WrittenMetadata {
    Value(String),
    Row(WrittenRow),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRow {
    value: Option<String>,
    include: Option<bool>,
}

impl OwnerFile {
    /// Reads what stands in the directory at that path, where there may be none at all.
    pub(crate) fn read_at(path: &Path) -> Self {
        match Directory::open(path, Access::Read) {
            Ok(directory) => Self::read(&directory),
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(OpenError::Io(error)) => Self::Damaged {
                reason: format!("the directory cannot be opened: {error}"),
            },
            Err(OpenError::Unfit(reason)) => Self::Damaged {
                reason: format!("the directory cannot serve: {reason}"),
            },
        }
    }

    fn read(directory: &Directory) -> Self {
        let name = FileName::Policy.to_string();
        // A pipe would read as an empty file, which narrows nothing.
        let bytes = directory.facts(&name).and_then(|facts| {
            if facts.is_regular {
                directory.read_small(&name, BYTES_MAX)
            } else {
                Err(io::Error::other("it is no plain file"))
            }
        });
        match bytes {
            Ok(bytes) => Self::parse(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Damaged {
                reason: format!("{name} cannot be read: {error}"),
            },
        }
    }

    /// Reads the text of the file.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Owner::parse(bytes).map_or_else(
            |reason| Self::Damaged {
                reason: format!("{} cannot be understood: {reason}", FileName::Policy),
            },
            Self::Owner,
        )
    }

    /// Returns the owner's policy, if there is one that can be understood.
    pub(crate) fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Owner(owner) => Some(&owner.policy),
            Self::Missing | Self::Damaged { .. } => None,
        }
    }

    /// Returns what the owner changes in the application's metadata.
    pub(crate) fn into_metadata(self) -> BTreeMap<String, OwnerMetadata> {
        match self {
            Self::Owner(owner) => owner.metadata,
            Self::Missing | Self::Damaged { .. } => BTreeMap::new(),
        }
    }

    /// Returns why nothing may be recorded because of it, if so.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::Missing | Self::Owner(_) => None,
            Self::Damaged { reason } => Some(reason),
        }
    }
}

/// Returns the text of the file in the directory at that path.
///
/// # Errors
///
/// Fails if it cannot be read.
#[cfg(feature = "cli")]
pub(crate) fn text_at(path: &Path) -> crate::error::Result<String> {
    let directory = Directory::open(path, Access::Read)
        .map_err(|error| crate::store::open_error(path, error))?;
    let name = FileName::Policy.to_string();
    let bytes = directory
        .read_small(&name, BYTES_MAX)
        .map_err(Error::io("read", &path.join(&name)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Changes the file of the directory at that path, which is made where it is missing: its text before, if
/// any, is given to `change`, and what that returns takes its place as a whole, under the lock.
///
/// # Errors
///
/// Fails if `change` does, if what it returns cannot be understood, or if the directory cannot be written.
#[cfg(feature = "cli")]
pub(crate) fn edit(
    path: &Path,
    change: impl FnOnce(&str) -> crate::error::Result<String>,
) -> crate::error::Result<()> {
    let directory = Directory::open(path, Access::Write)
        .map_err(|error| crate::store::open_error(path, error))?;
    let locked = crate::store::lock::lock(&directory, std::time::Instant::now() + PATIENCE)?;
    let name = FileName::Policy.to_string();
    let file = path.join(&name);
    let before = match directory.read_small(&name, BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("read", &file)(error)),
    };
    let before = String::from_utf8(before)
        .map_err(|_| Error::invalid("policy.toml", "is no UTF-8; mend it in an editor"))?;
    let after = change(&before)?;
    if let OwnerFile::Damaged { reason } = OwnerFile::parse(after.as_bytes()) {
        return Err(Error::invalid("policy", reason));
    }
    directory
        .replace(
            &name,
            &FileName::PolicyPartial.to_string(),
            after.as_bytes(),
        )
        .map_err(Error::io("write", &file))?;
    drop(locked);
    Ok(())
}

impl Owner {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| format!("it is no UTF-8: {error}"))?;
        let written: Written = toml::from_str(text).map_err(|error| describe(text, &error))?;
        Ok(Self {
            policy: written.policy()?,
            metadata: written
                .metadata
                .into_iter()
                .map(|(key, row)| (key, row.into()))
                .collect(),
        })
    }
}

impl Written {
    fn policy(&self) -> Result<Policy, String> {
        let mut policy = match self.unnamed.as_deref() {
            None | Some("keep") => Policy::open(),
            Some("drop") => Policy {
                unnamed: super::Unnamed::Dropped,
                ..Policy::open()
            },
            Some(other) => return Err(format!("unnamed: `{other}` is neither keep nor drop")),
        };
        policy = match self.secrets.as_deref() {
            None | Some("keep") => policy,
            Some("mask") => policy.mask_secrets(),
            Some(other) => return Err(format!("secrets: `{other}` is neither mask nor keep")),
        };
        if let Some(level) = &self.level {
            let level: Level = level.parse().map_err(|error: Error| error.to_string())?;
            policy = policy.level(level);
        }
        for (name, word) in &self.targets {
            policy = policy.target(checked("targets", name)?, admission("targets", name, word)?);
        }
        for (name, word) in &self.events {
            policy = policy.event(checked("events", name)?, admission("events", name, word)?);
        }
        for (name, word) in &self.properties {
            let treatment: Treatment = word
                .parse()
                .map_err(|error: Error| format!("properties, {name}: {error}"))?;
            policy = policy.property(checked("properties", name)?, treatment);
        }
        Ok(policy)
    }
}

impl From<WrittenMetadata> for OwnerMetadata {
    fn from(written: WrittenMetadata) -> Self {
        match written {
            WrittenMetadata::Value(value) => Self {
                value: Some(value),
                include: None,
            },
            WrittenMetadata::Row(WrittenRow { value, include }) => Self {
                value,
                include: include.map(Include::from),
            },
        }
    }
}

fn admission(table: &str, name: &str, word: &str) -> Result<Admission, String> {
    word.parse()
        .map_err(|error: Error| format!("{table}, {name}: {error}"))
}

/// A rule without a name, or with a `*` in its middle, would not do what its writer meant.
fn checked<'n>(table: &str, name: &'n str) -> Result<&'n str, String> {
    let beginning = name.strip_suffix('*').unwrap_or(name);
    if name.is_empty() {
        return Err(format!("{table}: a rule has no name"));
    }
    if beginning.contains('*') {
        return Err(format!(
            "{table}: in `{name}` a `*` may only stand at the end"
        ));
    }
    Ok(name)
}

/// Says where it went wrong and why, without the text of the file.
fn describe(text: &str, error: &toml::de::Error) -> String {
    let reason = error.message().trim();
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return reason.to_owned();
    };
    let line = before.matches('\n').count() + 1;
    format!("line {line}: {reason}")
}

/// How long a change waits for the lock: writers hold it for well under a millisecond.
#[cfg(feature = "cli")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// The largest policy that is read: some thousand rules.
const BYTES_MAX: u64 = 256 * 1024;
