//! The owner's narrowing of what may be recorded: `policy.toml` in the telemetry directory, read into a
//! [`Policy`] and changes of the application's metadata. A file that cannot be understood lets nothing
//! pass: what it should have forbidden is not known. Changing the file is the command line's business.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;

use super::{ANY_DEPTH, InTexts, Policy, Unnamed};
use crate::error::Error;
use crate::record::Level;
use crate::store::disk::{Access, Directory};
use crate::store::document::{Flaw, Opened, read_bytes_in};
use crate::store::segment::FileName;

/// What `policy.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnerFile {
    /// There is none: what the application allows is recorded.
    Missing,
    /// It narrows what is recorded.
    Owner(Owner),
    /// It cannot be understood, so nothing is recorded until it can.
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// It could not be read this time: the operating system refused. What it says is not known.
    Unreadable {
        /// The operating system's reason, and what it was about.
        reason: String,
    },
}

/// What an owner wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// What may be recorded.
    pub policy: Policy,
    /// What is changed in the application's metadata, by key.
    pub(crate) metadata: BTreeMap<String, OwnerMetadata>,
}

/// Whether a row of metadata is included in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is included or it is not")]
pub enum Include {
    /// It is.
    Yes,
    /// It is not, until the owner of the machine includes it.
    No,
}

impl From<bool> for Include {
    fn from(is_included: bool) -> Self {
        if is_included { Self::Yes } else { Self::No }
    }
}

/// What the owner of the machine changes in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnerMetadata {
    /// Another value; without one the application's stays.
    pub value: Option<String>,
    /// Whether it is included; without that the application's choice stays, and a row that only the owner
    /// has is included: there is no other reason to write it.
    pub include: Option<Include>,
}

/// The file as it is written. A word that is not known is an error: a misspelt rule protects nobody.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenPolicy {
    level: Option<PolicyWord>,
    unnamed: Option<PolicyWord>,
    secrets: Option<PolicyWord>,
    targets: BTreeMap<String, PolicyWord>,
    events: BTreeMap<String, PolicyWord>,
    properties: BTreeMap<String, PolicyWord>,
    metadata: BTreeMap<String, WrittenMetadata>,
}

/// A word, and where it stands.
type PolicyWord = Spanned<String>;

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
        Self::read_in(&Directory::open(path, Access::Read))
    }

    /// Reads what stands in the directory that was opened, where there may be none at all.
    pub(crate) fn read_in(opened: &Opened) -> Self {
        match read_bytes_in(opened, FileName::Policy, BYTES_MAX) {
            Ok(None) => Self::Missing,
            Ok(Some(bytes)) => Self::parse(&bytes),
            Err(Flaw::Irregular(reason) | Flaw::TooLarge(reason)) => Self::Damaged { reason },
            Err(Flaw::Refused(reason)) => Self::Unreadable { reason },
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
            Self::Missing | Self::Damaged { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Returns `true` if there is a file in which nothing stands.
    pub(crate) fn says_nothing(&self) -> bool {
        match self {
            Self::Owner(owner) => *owner == Owner::default(),
            Self::Missing | Self::Damaged { .. } | Self::Unreadable { .. } => false,
        }
    }

    /// Returns what the owner changes in the application's metadata.
    ///
    /// # Errors
    ///
    /// The error says why that is not known.
    pub(crate) fn into_metadata(self) -> Result<BTreeMap<String, OwnerMetadata>, String> {
        match self {
            Self::Owner(owner) => Ok(owner.metadata),
            Self::Missing => Ok(BTreeMap::new()),
            Self::Damaged { reason } | Self::Unreadable { reason } => Err(reason),
        }
    }

    /// Returns why nothing may be recorded because of it, if so.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::Missing | Self::Owner(_) => None,
            Self::Damaged { reason } | Self::Unreadable { reason } => Some(reason),
        }
    }

    /// Returns why it could not be read, where the operating system refused.
    pub(crate) fn unreadable(&self) -> Option<&str> {
        match self {
            Self::Unreadable { reason } => Some(reason),
            Self::Missing | Self::Owner(_) | Self::Damaged { .. } => None,
        }
    }
}

/// Fails if it cannot be read.
pub(crate) fn text_at(path: &Path) -> crate::error::Result<String> {
    let directory = Directory::open(path, Access::Read)
        .map_err(|error| crate::store::open_error(path, error))?;
    let bytes = bytes_in(&directory, path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Changes the file of the directory at that path, which is made where it is missing: its text before, if
/// any, is given to `change`, and what that returns takes its place as a whole, under the lock.
///
/// # Errors
///
/// Fails if `change` does, if what it returns cannot be understood or is too long, or if the directory
/// cannot be written. Then nothing is changed.
pub(crate) fn edit(
    path: &Path,
    change: impl FnOnce(&str) -> crate::error::Result<String>,
) -> crate::error::Result<()> {
    let directory = Directory::open(path, Access::Write)
        .map_err(|error| crate::store::open_error(path, error))?;
    let locked = crate::store::lock::lock(&directory, crate::clock::deadline(PATIENCE))?;
    let name = FileName::Policy.to_string();
    let file = path.join(&name);
    let damaged = |reason: String| Error::format(&file, reason);
    let before = String::from_utf8(bytes_in(&directory, path)?)
        .map_err(|error| damaged(format!("it is no UTF-8: {error}")))?;
    let after = change(&before)?;
    if after.len() as u64 > BYTES_MAX {
        let reason = format!("the file would be longer than {BYTES_MAX} bytes");
        return Err(Error::invalid("policy", reason));
    }
    Owner::parse(after.as_bytes()).map_err(damaged)?;
    directory
        .replace(&name, after.as_bytes())
        .map_err(Error::io("write", &file))?;
    drop(locked);
    Ok(())
}

fn bytes_in(directory: &Directory, path: &Path) -> crate::error::Result<Vec<u8>> {
    use crate::store::disk::ReadError;
    let name = FileName::Policy.to_string();
    match directory.read_small(&name, BYTES_MAX) {
        Ok(bytes) => Ok(bytes),
        Err(ReadError::Missing) => Ok(Vec::new()),
        Err(ReadError::Io(error)) => Err(Error::io("read", &path.join(&name))(error)),
        Err(error @ (ReadError::NotRegular | ReadError::TooLarge)) => {
            let error = std::io::Error::other(error.to_string());
            Err(Error::io("read", &path.join(&name))(error))
        }
    }
}

impl Default for Owner {
    fn default() -> Self {
        Self {
            policy: Policy::new().keep_secrets(),
            metadata: BTreeMap::new(),
        }
    }
}

impl Owner {
    /// Returns `true` if it forbids anything that an application may allow.
    pub(crate) fn narrows(&self) -> bool {
        use super::{Action, Admission, Rule};
        self.policy.rules().into_iter().any(|rule| match rule {
            Rule::Level(_) | Rule::UnnamedDropped | Rule::SecretsMasked => true,
            Rule::Target(_, admission) | Rule::Event(_, admission) => admission == Admission::Drop,
            Rule::Property(_, action) => action != Action::Keep,
        })
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| format!("it is no UTF-8: {error}"))?;
        let said = |(at, reason): (Option<usize>, String)| describe(text, at, &reason);
        let written: WrittenPolicy = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            said((at, error.message().to_owned()))
        })?;
        Ok(Self {
            policy: written.policy().map_err(said)?,
            metadata: written
                .metadata
                .into_iter()
                .map(|(key, row)| (key, row.into()))
                .collect(),
        })
    }
}

/// Where in the text something is wrong, and what.
type Wrong = (Option<usize>, String);

impl WrittenPolicy {
    fn policy(&self) -> Result<Policy, Wrong> {
        let level = |word: &str| word.parse::<Level>().map_err(|error| error.to_string());
        let unnamed = |word: &str| match word {
            "keep" => Ok(Unnamed::Kept),
            "drop" => Ok(Unnamed::Dropped),
            _ => Err(format!("unnamed: `{word}` is neither keep nor drop")),
        };
        let in_texts = |word: &str| match word {
            "keep" => Ok(InTexts::Kept),
            "mask" => Ok(InTexts::Masked),
            _ => Err(format!("secrets: `{word}` is neither mask nor keep")),
        };
        Ok(Policy {
            level: single(self.level.as_ref(), level)?.filter(|level| *level > Level::Trace),
            unnamed: single(self.unnamed.as_ref(), unnamed)?.unwrap_or(Unnamed::Kept),
            in_texts: single(self.secrets.as_ref(), in_texts)?.unwrap_or(InTexts::Kept),
            targets: rules("targets", &self.targets)?,
            events: rules("events", &self.events)?,
            properties: rules("properties", &self.properties)?,
        })
    }
}

fn single<T>(
    word: Option<&PolicyWord>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Wrong> {
    let parse = |word: &PolicyWord| {
        parse(word.get_ref()).map_err(|reason| (Some(word.span().start), reason))
    };
    word.map(parse).transpose()
}

/// Names occur once in a table, so its rules are taken over as they are.
fn rules<T: FromStr<Err = Error>>(
    table: &str,
    words: &BTreeMap<String, PolicyWord>,
) -> Result<Vec<(String, T)>, Wrong> {
    let rule = |(name, word): (&String, &PolicyWord)| {
        let wrong = |reason| (Some(word.span().start), format!("{table}: {reason}"));
        check_name(name).map_err(wrong)?;
        let rule = word.get_ref().parse();
        let rule = rule.map_err(|error: Error| wrong(format!("{name}: {error}")))?;
        Ok((name.clone(), rule))
    };
    words.iter().map(rule).collect()
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

/// Tells what is wrong with the name of a rule: one without a name, or with a `*` in its middle, would not
/// do what its writer meant. A `*.` before it means any depth.
///
/// # Errors
///
/// The error is what is wrong with it.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let own = name.strip_prefix(ANY_DEPTH).unwrap_or(name);
    let beginning = own.strip_suffix('*').unwrap_or(own);
    if own.is_empty() {
        return Err("a rule has no name".to_owned());
    }
    if beginning.contains('*') {
        return Err(format!(
            "in `{name}` a `*` may only stand at the end, or as `{ANY_DEPTH}` at the beginning"
        ));
    }
    Ok(())
}

/// Says in which line it went wrong and why. What the reason quotes of the file is shortened, and what would
/// act on a terminal is escaped: applications show it, too.
fn describe(text: &str, at: Option<usize>, reason: &str) -> String {
    let mut said = match at.and_then(|at| text.get(..at)) {
        Some(before) => format!("line {}: ", before.matches('\n').count() + 1),
        None => String::new(),
    };
    let mut letters = reason.trim().chars();
    for letter in letters.by_ref().take(REASON_LETTERS_MAX) {
        match letter {
            '\n' => said.push(' '),
            '"' | '\'' | '\\' => said.push(letter),
            _ => said.extend(letter.escape_debug()),
        }
    }
    if letters.next().is_some() {
        said.push('…');
    }
    said
}

/// How long a change waits for the lock: writers hold it for well under a millisecond.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// How much of a reason is told: a name in it may be as long as the file.
const REASON_LETTERS_MAX: usize = 300;

/// The largest policy that is read: some thousand rules.
const BYTES_MAX: u64 = 256 * 1024;
