//! The owner's narrowing of what may be recorded: `policy.toml` in the telemetry directory, read into a
//! [`Policy`] and changes of the application's metadata. A file that cannot be understood lets nothing
//! pass: what it should have forbidden is not known. Changing the file is the command line's business.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ANY_DEPTH, Admission, InTexts, Policy};
use crate::error::Error;
use crate::record::Level;
use crate::store::disk::{Access, Directory, ReadError};
use crate::store::document::{Flaw, Opened, read_bytes_in};
use crate::store::segment::FileName;
use crate::text::count;

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
        *self == Self::Owner(Owner::default())
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
    let name = FileName::Policy.to_string();
    let error = match directory.read_small(&name, BYTES_MAX) {
        Ok(bytes) => return Ok(bytes),
        Err(ReadError::Missing) => return Ok(Vec::new()),
        Err(ReadError::Io(error)) => error,
        Err(error @ (ReadError::NotRegular | ReadError::TooLarge)) => {
            std::io::Error::other(error.to_string())
        }
    };
    Err(Error::io("read", &path.join(name))(error))
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
        use super::{Action, Rule};
        self.policy.rules().into_iter().any(|rule| match rule {
            Rule::Level(_) | Rule::UnnamedDropped | Rule::SecretsMasked => true,
            Rule::Target(_, admission) | Rule::Event(_, admission) => admission == Admission::Drop,
            Rule::Property(_, action) => action != Action::Keep,
        })
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with it, as a clause: each mistake once, in the order of the text.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| format!("it is no UTF-8: {error}"))?;
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            describe(text, at, error.message())
        })?;
        let mut reading = PolicyReading::default();
        reading.read(table.get_ref());
        let mut mistakes = reading.mistakes;
        mistakes.sort_by_key(|(at, _)| *at);
        let more = mistakes.len().saturating_sub(MISTAKES_NAMED_MAX);
        mistakes.truncate(MISTAKES_NAMED_MAX);
        let named = mistakes.iter();
        let mut named: Vec<String> = named
            .map(|(at, reason)| describe(text, Some(*at), reason))
            .collect();
        if more > 0 {
            named.push(format!("and {}", count(more as u64, "more mistake")));
        }
        if named.is_empty() {
            Ok(reading.owner)
        } else {
            Err(named.join("; "))
        }
    }
}

/// A key, or the name of a rule, and where it stands.
type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;

/// What stands there.
type Value<'i> = Spanned<DeValue<'i>>;

/// What was read of the file so far. A word that is not known is a mistake: a misspelt rule would protect nothing.
#[derive(Debug, Default)]
struct PolicyReading {
    owner: Owner,
    /// Where in the text something is wrong, in bytes, and what.
    mistakes: Vec<(usize, String)>,
}

impl PolicyReading {
    fn read(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "level" => {
                    let level = self.word(key, value, str::parse::<Level>);
                    self.owner.policy.level = level.filter(|level| *level > Level::Trace);
                }
                "unnamed" => {
                    let words = [("keep", Admission::Keep), ("drop", Admission::Drop)];
                    let unnamed = self.one_of(key, value, words);
                    self.owner.policy.unnamed = unnamed.unwrap_or(Admission::Keep);
                }
                "secrets" => {
                    let words = [("mask", InTexts::Masked), ("keep", InTexts::Kept)];
                    let in_texts = self.one_of(key, value, words);
                    self.owner.policy.in_texts = in_texts.unwrap_or(InTexts::Kept);
                }
                "targets" => self.owner.policy.targets = self.rules(key, value),
                "events" => self.owner.policy.events = self.rules(key, value),
                "properties" => self.owner.policy.properties = self.rules(key, value),
                "metadata" => {
                    for (key, row) in self.table(key, value) {
                        let row = self.row(key, row.get_ref());
                        self.owner.metadata.insert(key.get_ref().to_string(), row);
                    }
                }
                _ => self.unknown(key, "", KEYS),
            }
        }
    }

    fn wrong(&mut self, at: &Key<'_>, reason: impl fmt::Display) {
        self.mistakes.push((at.span().start, reason.to_string()));
    }

    fn unknown(&mut self, key: &Key<'_>, of: &str, known: &str) {
        let name = key.get_ref();
        self.wrong(
            key,
            format!("{of}unknown field `{name}`, expected one of {known}"),
        );
    }

    /// Notes a value that is missing because it is of another type.
    fn expect<T>(&mut self, key: &Key<'_>, of: &str, value: Option<T>, type_: &str) -> Option<T> {
        if value.is_none() {
            self.wrong(key, format!("{of}{}: expected {type_}", key.get_ref()));
        }
        value
    }

    /// Reads a word by itself.
    fn word<T, E: fmt::Display>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let word = self.expect(key, "", value.get_ref().as_str(), "a string")?;
        parse(word).map_err(|error| self.wrong(key, error)).ok()
    }

    fn one_of<T>(&mut self, key: &Key<'_>, value: &Value<'_>, words: [(&str, T); 2]) -> Option<T> {
        let wrong = format!("neither {} nor {}", words[0].0, words[1].0);
        self.word(key, value, |word| {
            let found = words.into_iter().find(|(known, _)| *known == word);
            let wrong = || format!("{}: `{word}` is {wrong}", key.get_ref());
            found.map(|(_, meaning)| meaning).ok_or_else(wrong)
        })
    }

    fn table<'v, 'i>(
        &mut self,
        key: &Key<'_>,
        value: &'v Value<'i>,
    ) -> impl Iterator<Item = (&'v Key<'i>, &'v Value<'i>)> + use<'v, 'i> {
        let table = self.expect(key, "", value.get_ref().as_table(), "a table");
        table.into_iter().flatten()
    }

    /// Names occur once in a table, so its rules are taken over as they are.
    fn rules<T: FromStr<Err = Error>>(
        &mut self,
        table: &Key<'_>,
        words: &Value<'_>,
    ) -> Vec<(String, T)> {
        let mut rules = Vec::new();
        for (key, value) in self.table(table, words) {
            let (of, name) = (format!("{}: ", table.get_ref()), key.get_ref());
            if let Err(reason) = check_name(name) {
                self.wrong(key, format!("{of}{reason}"));
            }
            let word = self.expect(key, &of, value.get_ref().as_str(), "a string");
            match word.map(str::parse) {
                Some(Ok(rule)) => rules.push((name.to_string(), rule)),
                Some(Err(error)) => self.wrong(key, format!("{of}{name}: {error}")),
                None => {}
            }
        }
        rules
    }

    fn row(&mut self, name: &Key<'_>, row: &DeValue<'_>) -> OwnerMetadata {
        let mut read = OwnerMetadata::default();
        let Some(table) = row.as_table() else {
            read.value = self
                .expect(name, "metadata: ", row.as_str(), ROW)
                .map(str::to_owned);
            return read;
        };
        let of = format!("metadata: {}: ", name.get_ref());
        for (key, value) in table {
            let value = value.get_ref();
            match key.get_ref().as_ref() {
                "value" => {
                    let value = self.expect(key, &of, value.as_str(), "a string");
                    read.value = value.map(str::to_owned);
                }
                "include" => {
                    let is_included = self.expect(key, &of, value.as_bool(), "true or false");
                    read.include = is_included.map(Include::from);
                }
                _ => self.unknown(key, &of, "`value`, `include`"),
            }
        }
        read
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

/// The keys of the file.
const KEYS: &str = "`level`, `unnamed`, `secrets`, `targets`, `events`, `properties`, `metadata`";

/// A row of metadata.
const ROW: &str = "`key = \"value\"` or `key = { value = \"...\", include = true }`";

/// How many mistakes are described.
const MISTAKES_NAMED_MAX: usize = 10;

/// How much of a reason is told: a name in it may be as long as the file.
const REASON_LETTERS_MAX: usize = 300;

/// The largest policy that is read: some thousand rules.
const BYTES_MAX: u64 = 256 * 1024;
