//! The owner's restrictions of what may be recorded, and the owner's limits: `policy.toml` in the
//! telemetry directory, parsed into a [`Policy`], a [`Storage`] and changes of the application's
//! metadata. If the file is invalid, nothing is recorded, since its restrictions are unknown. The
//! command line has the edits of the file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::storage::Storage;
use super::{ANY_DEPTH, Admission, InTexts, Policy};
use crate::error::Error;
use crate::record::Level;
use crate::store::disk::{Access, Directory, ReadError};
use crate::store::document::{Flaw, Opened, read_bytes_in};
use crate::store::segment::FileName;
use crate::text::count;

/// The result of reading `policy.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnerFile {
    /// The file does not exist: the application's policy applies alone.
    Missing,
    /// The file restricts what is recorded.
    Owner(Owner),
    /// The file is invalid, so nothing is recorded until it is fixed.
    Damaged {
        /// The reason why the file is invalid.
        reason: String,
    },
    /// The operating system refused to read the file, so its content is unknown.
    Unreadable {
        /// The operating system's reason, with the path that it applies to.
        reason: String,
    },
}

/// The content of a valid `policy.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The rules.
    pub policy: Policy,
    /// The limits of the directory.
    pub(crate) storage: Storage,
    /// The changes of the application's metadata, by key.
    pub(crate) metadata: BTreeMap<String, OwnerMetadata>,
}

/// Whether a row of metadata is included in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a row is either included or not")]
pub enum Include {
    /// The row is included.
    Yes,
    /// The row is left out until the owner of the machine includes it.
    No,
}

impl From<bool> for Include {
    fn from(is_included: bool) -> Self {
        if is_included { Self::Yes } else { Self::No }
    }
}

/// A change of a row of metadata by the owner of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnerMetadata {
    /// The new value; `None` keeps the application's value.
    pub value: Option<String>,
    /// Whether the row is included. `None` keeps the application's choice; a row that only the
    /// owner has is then included, since there is no other reason to write it.
    pub include: Option<Include>,
}

impl OwnerFile {
    /// Reads the file in the directory at that path. A missing directory counts as a missing file.
    pub(crate) fn read_at(path: &Path) -> Self {
        Self::read_in(&Directory::open(path, Access::Read))
    }

    /// Reads the file in an open directory. A missing directory counts as a missing file.
    pub(crate) fn read_in(opened: &Opened) -> Self {
        match read_bytes_in(opened, FileName::Policy, BYTES_MAX) {
            Ok(None) => Self::Missing,
            Ok(Some(bytes)) => Self::parse(&bytes),
            Err(Flaw::Irregular(reason) | Flaw::TooLarge(reason)) => Self::Damaged { reason },
            Err(Flaw::Refused(reason)) => Self::Unreadable { reason },
        }
    }

    /// Parses the text of the file.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Owner::parse(bytes).map_or_else(
            |reason| Self::Damaged {
                reason: format!("{} is invalid: {reason}", FileName::Policy),
            },
            Self::Owner,
        )
    }

    /// Returns the owner's policy, if the file exists and is valid.
    pub(crate) fn policy(&self) -> Option<&Policy> {
        self.owner().map(|owner| &owner.policy)
    }

    /// Returns the content of the file, if it exists and is valid.
    pub(crate) fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Owner(owner) => Some(owner),
            Self::Missing | Self::Damaged { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Returns the owner's limits; none if the file does not exist or is invalid.
    pub(crate) fn storage(&self) -> Storage {
        let owner = self.owner();
        owner.map(|owner| owner.storage).unwrap_or_default()
    }

    /// Returns `true` if the file exists and contains no rule.
    pub(crate) fn is_empty_file(&self) -> bool {
        *self == Self::Owner(Owner::default())
    }

    /// Returns the owner's changes of the application's metadata.
    ///
    /// # Errors
    ///
    /// Returns the reason if the file is invalid or could not be read.
    pub(crate) fn into_metadata(self) -> Result<BTreeMap<String, OwnerMetadata>, String> {
        match self {
            Self::Owner(owner) => Ok(owner.metadata),
            Self::Missing => Ok(BTreeMap::new()),
            Self::Damaged { reason } | Self::Unreadable { reason } => Err(reason),
        }
    }

    /// Returns the reason if nothing may be recorded because of the file.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::Missing | Self::Owner(_) => None,
            Self::Damaged { reason } | Self::Unreadable { reason } => Some(reason),
        }
    }

    /// Returns the reason if the operating system refused to read the file.
    pub(crate) fn unreadable(&self) -> Option<&str> {
        match self {
            Self::Unreadable { reason } => Some(reason),
            Self::Missing | Self::Owner(_) | Self::Damaged { .. } => None,
        }
    }
}

/// Returns the text of the file, or an error if it cannot be read.
pub(crate) fn text_at(path: &Path) -> crate::error::Result<String> {
    let directory = Directory::open(path, Access::Read)
        .map_err(|error| crate::store::open_error(path, error))?;
    let bytes = bytes_in(&directory, path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Changes the file in the directory at that path, and creates the directory if it is missing.
/// `change` is called with the current text (empty without a file), and the text that it returns
/// replaces the file, under the lock.
///
/// # Errors
///
/// Returns an error if `change` does, if the new text is invalid or too long, or if the directory
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
        .map_err(|error| damaged(format!("it is not valid UTF-8: {error}")))?;
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
            storage: Storage::default(),
            metadata: BTreeMap::new(),
        }
    }
}

impl Owner {
    /// Returns `true` if the policy restricts anything that an application may allow.
    pub(crate) fn narrows(&self) -> bool {
        use super::{Action, Rule};
        self.policy.rules().into_iter().any(|rule| match rule {
            Rule::Level(_) | Rule::UnnamedDropped | Rule::SecretsMasked => true,
            Rule::Target(_, admission) | Rule::Event(_, admission) => admission == Admission::Drop,
            Rule::Property(_, action) => action != Action::Keep,
        })
    }

    /// Parses the text of the file.
    ///
    /// # Errors
    ///
    /// Returns all mistakes as a clause, each once, in the order of the text.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| format!("it is not valid UTF-8: {error}"))?;
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

/// A key, or the name of a rule, with its position.
type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;

/// A value with its position.
type Value<'i> = Spanned<DeValue<'i>>;

/// The content that was parsed so far. An unknown word is a mistake: a misspelt rule would not
/// protect anything.
#[derive(Debug, Default)]
struct PolicyReading {
    owner: Owner,
    /// The mistakes, each with its position in bytes.
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
                "storage" => self.storage(key, value),
                _ => self.unknown(key, "", KEYS),
            }
        }
    }

    fn add_problem(&mut self, at: &Key<'_>, reason: impl fmt::Display) {
        self.mistakes.push((at.span().start, reason.to_string()));
    }

    fn unknown(&mut self, key: &Key<'_>, of: &str, known: &str) {
        let name = key.get_ref();
        self.add_problem(
            key,
            format!("{of}unknown field `{name}`, expected one of {known}"),
        );
    }

    /// Records a mistake for a value that has another type than expected.
    fn expect<T>(&mut self, key: &Key<'_>, of: &str, value: Option<T>, type_: &str) -> Option<T> {
        if value.is_none() {
            self.add_problem(key, format!("{of}{}: expected {type_}", key.get_ref()));
        }
        value
    }

    /// Parses a value that is one word.
    fn word<T, E: fmt::Display>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let word = self.expect(key, "", value.get_ref().as_str(), "a string")?;
        parse(word)
            .map_err(|error| self.add_problem(key, error))
            .ok()
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

    /// Names are unique within a table, so its rules are added unchanged.
    fn rules<T: FromStr<Err = Error>>(
        &mut self,
        table: &Key<'_>,
        words: &Value<'_>,
    ) -> Vec<(String, T)> {
        let mut rules = Vec::new();
        for (key, value) in self.table(table, words) {
            let (of, name) = (format!("{}: ", table.get_ref()), key.get_ref());
            if let Err(reason) = check_name(name) {
                self.add_problem(key, format!("{of}{reason}"));
            }
            let word = self.expect(key, &of, value.get_ref().as_str(), "a string");
            match word.map(str::parse) {
                Some(Ok(rule)) => rules.push((name.to_string(), rule)),
                Some(Err(error)) => self.add_problem(key, format!("{of}{name}: {error}")),
                None => {}
            }
        }
        rules
    }

    fn storage(&mut self, table: &Key<'_>, values: &Value<'_>) {
        for (key, value) in self.table(table, values) {
            let read = self.owner.storage.read(key.get_ref(), value.get_ref());
            if let Err(reason) = read {
                self.add_problem(key, format!("{}: {reason}", table.get_ref()));
            }
        }
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

/// Checks the name of a rule. An empty name, or one with a `*` in its middle, would not do what its
/// author meant. A `*.` at its beginning means any depth.
///
/// # Errors
///
/// Returns the reason if the name is not valid.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let own = name.strip_prefix(ANY_DEPTH).unwrap_or(name);
    let beginning = own.strip_suffix('*').unwrap_or(own);
    if own.is_empty() {
        return Err("a rule has no name".to_owned());
    }
    if beginning.contains('*') {
        return Err(format!(
            "in `{name}` a `*` is only allowed at the end, or as `{ANY_DEPTH}` at the beginning"
        ));
    }
    Ok(())
}

/// Describes a mistake with its line and reason. Text that the reason quotes from the file is
/// shortened, and control characters are escaped, since applications also display the description.
fn describe(text: &str, at: Option<usize>, reason: &str) -> String {
    let mut excerpt = match at.and_then(|at| text.get(..at)) {
        Some(before) => format!("line {}: ", before.matches('\n').count() + 1),
        None => String::new(),
    };
    let mut letters = reason.trim().chars();
    for letter in letters.by_ref().take(REASON_LETTERS_MAX) {
        match letter {
            '\n' => excerpt.push(' '),
            '"' | '\'' | '\\' => excerpt.push(letter),
            _ => excerpt.extend(letter.escape_debug()),
        }
    }
    if letters.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// The time that a change waits for the lock; writers hold it for well under a millisecond.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// The valid keys of the file.
const KEYS: &str = "`level`, `unnamed`, `secrets`, `targets`, `events`, `properties`, `metadata`, \
     `storage`";

/// The valid forms of a row of metadata.
const ROW: &str = "`key = \"value\"` or `key = { value = \"...\", include = true }`";

/// The number of mistakes that are described.
const MISTAKES_NAMED_MAX: usize = 10;

/// The length at which a reason is cut: a name in it may be as long as the file.
const REASON_LETTERS_MAX: usize = 300;

/// The largest policy that is read: several thousand rules.
const BYTES_MAX: u64 = 256 * 1024;
