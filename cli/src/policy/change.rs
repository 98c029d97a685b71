//! Changes of `policy.toml`: text in, text out. Everything that a change does not concern is left
//! as written, including comments. The library's `policy::owner` controls access to the file.

use std::fmt;
use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::absent_name::NameKind;
use super::{RuleKind, StorageLimit, removal};
use crate::failure::Failure;
use localtel::admin::{
    Location, check_age_max, check_rule_name, check_total_bytes_max, is_name_of_secret,
    parse_policy,
};
use localtel::policy::Action;
use localtel::{Error, Result as LibraryResult};

/// A change of the file.
#[derive(Debug)]
pub(super) struct Change {
    /// The table, or `None` for a top-level key.
    table: Option<&'static str>,
    /// The key in the table.
    name: String,
    wanted: Wanted,
}

/// The new value of a key.
#[derive(Debug)]
enum Wanted {
    /// A word.
    Word(String),
    /// A value of a limit.
    Limit(Value),
    /// A row of metadata.
    Row {
        value: Option<String>,
        include: Option<bool>,
    },
    /// No value: the key is removed.
    Nothing,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = self.table {
            write!(f, "{table}: ")?;
        }
        f.write_str(&self.name)?;
        match &self.wanted {
            Wanted::Word(word) => write!(f, " {word}"),
            Wanted::Limit(value) => match value.as_str() {
                Some(text) => write!(f, " {text}"),
                None => write!(f, " {value}"),
            },
            Wanted::Row { .. } => Ok(()),
            Wanted::Nothing => f.write_str(" removed"),
        }
    }
}

impl Change {
    /// Sets a rule.
    pub(super) fn set(
        table: &'static str,
        name: String,
        word: impl Into<String>,
    ) -> Result<Self, Failure> {
        check_rule_name(&name)
            .map_err(|reason| Failure::usage(format!("{table}: {reason}")).hint(NAME_HINT))?;
        Ok(Self {
            table: Some(table),
            name,
            wanted: Wanted::Word(word.into()),
        })
    }

    /// Sets a top-level key.
    pub(super) fn top(key: &str, word: String) -> Self {
        Self {
            table: None,
            name: key.to_owned(),
            wanted: Wanted::Word(word),
        }
    }

    /// Sets a row of metadata.
    pub(super) fn row(key: String, value: Option<String>, include: Option<bool>) -> Self {
        Self {
            table: Some(METADATA),
            name: key,
            wanted: Wanted::Row { value, include },
        }
    }

    /// Sets a limit of the directory.
    pub(super) fn limit(
        limit: StorageLimit,
        value: &str,
        location: &Location,
    ) -> Result<Self, Failure> {
        let text = || Value::from(value);
        let (name, wanted) = match limit {
            StorageLimit::AgeMax => ("age_max", check_age_max(value).map(|()| text())),
            StorageLimit::TotalBytesMax => (
                "total_bytes_max",
                check_total_bytes_max(value).map(|()| text()),
            ),
            StorageLimit::Compress => {
                let wanted = match value {
                    "true" | "yes" | "on" => Ok(Value::from(true)),
                    "false" | "no" | "off" => Ok(Value::from(false)),
                    _ => Err(format!("`{value}` is neither true nor false")),
                };
                (COMPRESS, wanted)
            }
            StorageLimit::Preset => {
                let wanted = match value {
                    "audit" => Ok(text()),
                    _ => Err(format!("`{value}` is not a preset; there is `audit`")),
                };
                ("preset", wanted)
            }
        };
        let wanted = wanted.map_err(|reason| {
            let hint = location.command("policy storage --help");
            Failure::usage(format!("{STORAGE}: {name}: {reason}")).hint(hint)
        })?;
        Ok(Self {
            table: Some(STORAGE),
            name: name.to_owned(),
            wanted: Wanted::Limit(wanted),
        })
    }

    /// Removes a rule, a row, a limit or a top-level key.
    pub(super) fn unset(
        kind: RuleKind,
        name: Option<String>,
        location: &Location,
    ) -> Result<Self, Failure> {
        let (word, table) = match kind {
            RuleKind::Level => ("level", None),
            RuleKind::Unnamed => ("unnamed", None),
            RuleKind::Secrets => ("secrets", None),
            RuleKind::Property => ("property", Some(PROPERTIES)),
            RuleKind::Event => ("event", Some(EVENTS)),
            RuleKind::Target => ("target", Some(TARGETS)),
            RuleKind::Metadata => ("metadata", Some(METADATA)),
            RuleKind::Storage => ("storage", Some(STORAGE)),
        };
        let name = match (table, name) {
            (None, None) => word.to_owned(),
            (Some(_), Some(name)) => name,
            (None, Some(_)) => {
                let message = format!("{word} takes no name");
                let hint = location.command(&format!("policy unset {word}"));
                return Err(Failure::usage(message).hint(hint));
            }
            (Some(_), None) => {
                let hint = location.command(&format!("policy unset {word} NAME"));
                let noun = if table == Some(STORAGE) {
                    "limit"
                } else {
                    word
                };
                return Err(Failure::usage(format!("the name of the {noun} is missing")).hint(hint));
            }
        };
        Ok(Self {
            table,
            name,
            wanted: Wanted::Nothing,
        })
    }

    /// Returns the name of the event, target or property, and the action that the change sets.
    pub(super) fn named(&self) -> Option<(NameKind, &str, &str)> {
        let (Some(table), Wanted::Word(word)) = (self.table, &self.wanted) else {
            return None;
        };
        let kind = match table {
            EVENTS => NameKind::Event,
            TARGETS => NameKind::Target,
            _ => NameKind::Property,
        };
        // A pattern is not a misspelled name.
        (!self.name.contains('*')).then_some((kind, &self.name, word))
    }

    /// Returns a note if the change may have less effect than expected, because the owner can only
    /// restrict, or if it removes records.
    pub(super) fn note(&self) -> Option<&'static str> {
        let word = match &self.wanted {
            Wanted::Word(word) => word,
            Wanted::Limit(Value::Boolean(_)) | Wanted::Row { .. } => return None,
            Wanted::Limit(_) => return Some(REMOVED),
            Wanted::Nothing => {
                return (self.table == Some(STORAGE) && self.name != COMPRESS).then_some(REMOVED);
            }
        };
        match (self.table, word.as_str()) {
            (Some(PROPERTIES), "keep") if is_name_of_secret(&self.name) => Some(CLEAR),
            (Some(_), "keep") => Some(KEPT),
            (None, "keep" | "trace") => Some(NOT_FORBIDDEN),
            (_, _) => None,
        }
    }

    /// Returns the error that there is nothing to remove.
    pub(super) fn no_such_rule(&self) -> Error {
        let name = &self.name;
        let reason = match self.table {
            None => format!("there is no rule for {name}"),
            Some(STORAGE) => format!("there is no limit `{name}` in {STORAGE}"),
            Some(table) => format!("there is no rule for `{name}` in {table}"),
        };
        Error::invalid("policy", reason)
    }

    /// Returns the text of the file with the change; the rest of it is unchanged.
    pub(super) fn apply(&self, text: &str, file: &Path) -> LibraryResult<String> {
        let damaged = |reason: String| Error::format(file, reason);
        let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            let reason = parse_policy(text).err();
            damaged(reason.unwrap_or_else(|| error.message().trim().to_owned()))
        })?;
        let lead = lead_of(&mut document, text);
        renew_actions(&mut document);
        let (table, name) = (self.table, &self.name);
        let own_name = table.map(|table| own_spelling(&document, table, name));
        let name = own_name.as_deref().unwrap_or(name);
        if let Wanted::Nothing = self.wanted {
            removal::remove_key(&mut document, table, name).ok_or_else(|| self.no_such_rule())?;
            return Ok(format!("{lead}{document}"));
        }
        let root = document.as_table_mut();
        let is_first_key = table.is_none() && !root.iter().any(|(_, item)| item.is_value());
        let rules = match table {
            None => root as &mut dyn TableLike,
            Some(table) => root
                .entry(table)
                .or_insert_with(|| Item::Table(Table::new()))
                .as_table_like_mut()
                .ok_or_else(|| damaged(format!("`{table}` is not a table")))?,
        };
        match &self.wanted {
            Wanted::Word(word) => put(rules, name, word.as_str().into()),
            Wanted::Limit(value) => put(rules, name, value.clone()),
            Wanted::Row { value, include } => put_row(rules, name, value.as_deref(), *include),
            Wanted::Nothing => {}
        }
        if is_first_key {
            keep_top(document.as_table_mut(), name);
        }
        Ok(format!("{lead}{document}"))
    }
}

/// Replaces names of actions from older versions with the current names.
fn renew_actions(document: &mut DocumentMut) {
    let properties = document.get_mut(PROPERTIES);
    let Some(properties) = properties.and_then(Item::as_table_like_mut) else {
        return;
    };
    for (_, item) in properties.iter_mut() {
        let action = item.as_str().and_then(|word| word.parse::<Action>().ok());
        if let (Some(action), Some(value)) = (action, item.as_value_mut())
            && value.as_str() != Some(action.as_str())
        {
            let decor = value.decor().clone();
            *value = action.as_str().into();
            *value.decor_mut() = decor;
        }
    }
}

/// Returns the name of a rule as spelled in the file: case-insensitive except for metadata.
fn own_spelling(document: &DocumentMut, table: &str, name: &str) -> String {
    let rules = document.get(table).and_then(Item::as_table_like);
    let names = rules.into_iter().flat_map(|rules| rules.iter());
    let names = names.map(|(own, _)| own);
    names
        .filter(|own| ![METADATA, STORAGE].contains(&table) && own.eq_ignore_ascii_case(name))
        .min_by_key(|own| *own != name)
        .unwrap_or(name)
        .to_owned()
}

/// Removes and returns the text of a file without rules, to be put before the first rule; a new
/// file gets a heading.
fn lead_of(document: &mut DocumentMut, text: &str) -> String {
    if text.is_empty() {
        return HEADING.to_owned();
    }
    if !document.is_empty() {
        return String::new();
    }
    document.set_trailing("");
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{newline}")
}

/// Keeps the text at the top of the file above the first top-level key.
fn keep_top(root: &mut Table, key: &str) {
    let table = root.iter_mut().find_map(|(_, item)| {
        let table = item.as_table_mut()?;
        Some(table.decor_mut())
    });
    let Some(decor) = table else { return };
    let prefix = decor.prefix().and_then(|prefix| prefix.as_str());
    let Some((top, own)) = prefix.and_then(|prefix| prefix.rsplit_once("\n\n")) else {
        return;
    };
    let (top, own) = (format!("{top}\n\n"), format!("\n{own}"));
    decor.set_prefix(own);
    if let Some(mut key) = root.key_mut(key) {
        key.leaf_decor_mut().set_prefix(top);
    }
}

/// Puts a value under a key; comments of the old value are kept.
fn put(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// Puts the given values into a row of metadata; the rest of it is unchanged.
fn put_row(table: &mut dyn TableLike, key: &str, text: Option<&str>, include: Option<bool>) {
    let has_row = table.get(key).is_some_and(Item::is_table_like);
    if !has_row {
        if let (Some(text), None) = (text, include) {
            return put(table, key, text.into());
        }
        let mut row = InlineTable::new();
        if let Some(before) = table.get(key).and_then(Item::as_str) {
            row.insert("value", before.into());
        }
        put(table, key, Value::InlineTable(row));
    }
    let Some(row) = table.get_mut(key).and_then(Item::as_table_like_mut) else {
        return;
    };
    if let Some(text) = text {
        put(row, "value", text.into());
    }
    if let Some(include) = include {
        put(row, "include", include.into());
    }
}

/// The table of properties.
pub(super) const PROPERTIES: &str = "properties";
/// The table of events.
pub(super) const EVENTS: &str = "events";
/// The table of targets.
pub(super) const TARGETS: &str = "targets";
/// The table of metadata.
const METADATA: &str = "metadata";
/// The table of limits.
const STORAGE: &str = "storage";
/// The limit that removes nothing.
const COMPRESS: &str = "compress";

const NAME_HINT: &str =
    "a name is exact, a prefix that ends in `*`, or `*.` and a name at any depth";

/// Note on `keep` for a name.
const KEPT: &str = "only wider rules of this file no longer apply to it; what the application forbids stays forbidden";
/// Note on `keep` for the name of a secret.
const CLEAR: &str = "its texts are recorded in clear from now on, although the name means a secret, \
     unless a rule of the application forbids it";
/// Note on `keep` for a top-level key.
const NOT_FORBIDDEN: &str =
    "so this file forbids nothing here; what the application forbids stays forbidden";

/// Note on a limit.
const REMOVED: &str = "programs apply it with their next record; what exceeds the limits is removed then, and cannot be restored";

/// Heading of a new file.
const HEADING: &str = "\
# What may be recorded here, and how much is kept. Rules can only restrict what the application allows
# of events; rows of metadata can also be added, and limits of storage replace the application's. If
# this file is invalid, nothing is recorded. The help of the command `policy` lists the words.

";
