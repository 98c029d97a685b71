//! Changes of `policy.toml`: a text in, a text out, with all that a change does not concern left as its writer
//! wrote it, comments too. Who may change the file when is the library's `policy::owner`.

use std::fmt;
use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::{RuleKind, taking};
use crate::absent_names::NameKind;
use crate::failure::Failure;
use localtel::admin::{Location, check_rule_name, is_name_of_secret, parse_policy};
use localtel::policy::Action;
use localtel::{Error, Result as LibraryResult};

/// A change of the file.
#[derive(Debug)]
pub(super) enum Change {
    /// A key of its own.
    Top(&'static str, RuleChange),
    /// A rule in a table, or a row of metadata that is taken away.
    Rule {
        table: &'static str,
        name: String,
        wanted: RuleChange,
    },
    /// A row of metadata.
    Metadata {
        key: String,
        value: Option<String>,
        include: Option<bool>,
    },
}

/// What becomes of a rule.
#[derive(Debug)]
pub(super) enum RuleChange {
    /// It says this word.
    Word(String),
    /// It is taken back.
    Nothing,
}

impl fmt::Display for RuleChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Nothing => f.write_str("taken back"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(key, wanted) => write!(f, "{key} {wanted}"),
            Self::Rule {
                table,
                name,
                wanted,
            } => write!(f, "{table}: {name} {wanted}"),
            Self::Metadata { key, .. } => write!(f, "{METADATA}: {key}"),
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
        let wanted = RuleChange::Word(word.into());
        Ok(Self::Rule {
            table,
            name,
            wanted,
        })
    }

    /// Sets a key of its own.
    pub(super) fn top(key: &'static str, word: String) -> Self {
        Self::Top(key, RuleChange::Word(word))
    }

    /// Takes something back.
    pub(super) fn unset(
        kind: RuleKind,
        name: Option<String>,
        location: &Location,
    ) -> Result<Self, Failure> {
        let top = |key| (Ok(Self::Top(key, RuleChange::Nothing)), None);
        let rule = |table, kind| (Err(kind), Some(table));
        let (change, table) = match kind {
            RuleKind::Level => top("level"),
            RuleKind::Unnamed => top("unnamed"),
            RuleKind::Secrets => top("secrets"),
            RuleKind::Property => rule(PROPERTIES, "property"),
            RuleKind::Event => rule(EVENTS, "event"),
            RuleKind::Target => rule(TARGETS, "target"),
            RuleKind::Metadata => rule(METADATA, "metadata"),
        };
        match (change, table, name) {
            (Ok(Self::Top(key, _)), _, Some(_)) => Err(Failure::usage(format!(
                "there is one {key} only, without a name"
            ))
            .hint(location.command(&format!("policy unset {key}")))),
            (Err(_), Some(table), Some(name)) => Ok(Self::Rule {
                table,
                name,
                wanted: RuleChange::Nothing,
            }),
            (Err(kind), _, _) => Err(Failure::usage(format!("which {kind} is meant?"))
                .hint(location.command(&format!("policy unset {kind} NAME")))),
            (Ok(change), _, _) => Ok(change),
        }
    }

    /// Returns the event, target or property that it sets a rule for, and the rule.
    pub(super) fn named(&self) -> Option<(NameKind, &str, &str)> {
        let Self::Rule {
            table,
            name,
            wanted: RuleChange::Word(word),
        } = self
        else {
            return None;
        };
        let kind = match *table {
            EVENTS => NameKind::Event,
            TARGETS => NameKind::Target,
            _ => NameKind::Property,
        };
        // What stands for many names is not misspelt.
        (!name.contains('*')).then_some((kind, name, word))
    }

    /// Says what it does not do, where somebody could expect more of it: an owner only narrows.
    pub(super) fn note(&self) -> Option<&'static str> {
        match self {
            Self::Rule {
                table: PROPERTIES,
                name,
                wanted: RuleChange::Word(word),
            } if word == "keep" && is_name_of_secret(name) => Some(CLEAR),
            Self::Rule {
                wanted: RuleChange::Word(word),
                ..
            } if word == "keep" => Some(KEPT),
            Self::Top(_, RuleChange::Word(word)) if word == "keep" || word == "trace" => {
                Some(NOT_FORBIDDEN)
            }
            Self::Top(..) | Self::Rule { .. } | Self::Metadata { .. } => None,
        }
    }

    /// Says that there is nothing to take back.
    pub(super) fn nothing_there(&self) -> Error {
        let reason = match self {
            Self::Top(key, _) => format!("nothing is said of {key}"),
            Self::Rule { table, name, .. } => format!("nothing is said of `{name}` in {table}"),
            Self::Metadata { key, .. } => format!("nothing is said of `{key}` in {METADATA}"),
        };
        Error::invalid("policy", reason)
    }

    /// Returns the text of the file with the change in it; what it does not concern stays as it was written.
    pub(super) fn apply(&self, text: &str, file: &Path) -> LibraryResult<String> {
        let damaged = |reason: String| Error::format(file, reason);
        let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            let reason = parse_policy(text).err();
            damaged(reason.unwrap_or_else(|| error.message().trim().to_owned()))
        })?;
        let lead = lead_of(&mut document, text);
        renew_actions(&mut document);
        let not_there = || self.nothing_there();
        let no_table = |name: &str| damaged(format!("`{name}` is no table"));
        match self {
            Self::Top(key, RuleChange::Word(word)) => put_top(document.as_table_mut(), key, word),
            Self::Top(key, RuleChange::Nothing) => {
                taking::take(&mut document, key).ok_or_else(not_there)?;
            }
            Self::Rule {
                table,
                name,
                wanted: RuleChange::Word(word),
            } => {
                let name = &own_spelling(&document, table, name);
                let root = document.as_table_mut();
                let table = table_of(root, table).ok_or_else(|| no_table(table))?;
                put(table, name, word.as_str().into());
            }
            Self::Rule {
                table,
                name,
                wanted: RuleChange::Nothing,
            } => {
                let name = &own_spelling(&document, table, name);
                taking::take_rule(&mut document, table, name).ok_or_else(not_there)?;
            }
            Self::Metadata {
                key,
                value,
                include,
            } => {
                let root = document.as_table_mut();
                let table = table_of(root, METADATA).ok_or_else(|| no_table(METADATA))?;
                put_row(table, key, value.as_deref(), *include);
            }
        }
        Ok(format!("{lead}{document}"))
    }
}

/// Writes actions that are called as in older versions in the words of this one.
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

/// Returns the name of a rule as the file has it: case makes no difference, but for metadata.
fn own_spelling(document: &DocumentMut, table: &str, name: &str) -> String {
    let rules = document.get(table).and_then(Item::as_table_like);
    let has_name = rules.is_some_and(|rules| rules.contains_key(name));
    rules
        .filter(|_| table != METADATA && !has_name)
        .and_then(|rules| rules.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)))
        .map_or_else(|| name.to_owned(), |(own, _)| own.to_owned())
}

/// Takes what stands in a file without rules, which goes before the first one; a new file gets a heading.
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

/// Puts a key of the whole file. The first one stands before all tables, and what is written at the top of
/// the file stays there.
fn put_top(root: &mut Table, key: &'static str, word: &str) {
    let is_first = !root.iter().any(|(_, item)| item.is_value());
    put(root, key, word.into());
    if !is_first {
        return;
    }
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

/// Returns the table of that name, which is made where it is missing, unless something else stands there.
fn table_of<'t>(root: &'t mut Table, name: &str) -> Option<&'t mut dyn TableLike> {
    root.entry(name)
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_like_mut()
}

/// Puts a value under a key; comments beside the one that stood there stay.
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

/// Puts what was given into a row of metadata, and leaves the rest of it as it was.
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

const NAME_HINT: &str = "a name is exact, or ends in `*` and stands for all that begin so; `*.` before it means any depth";

/// What `keep` does for a name.
const KEPT: &str =
    "it is only spared from wider rules of this file; what the application forbids stays forbidden";
/// What it does for the name of a secret.
const CLEAR: &str = "its texts are recorded in clear from now on, although the name says that they are secrets, \
     unless a rule of the application forbids it";
/// What `keep` does for the whole file.
const NOT_FORBIDDEN: &str =
    "so this file forbids nothing here; what the application forbids stays forbidden";

/// What a new file begins with.
const HEADING: &str = "\
# What may be recorded here. Of events it can only take away from what the application allows; a row of
# metadata can be added, too. What cannot be understood lets nothing pass. The words are in the help of the
# command `policy`.

";
