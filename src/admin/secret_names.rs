//! The names of recorded properties that suggest secrets, and the number of their texts that are
//! recorded in clear. `policy` defines those names; `doctor` and `explain` show them.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Location, ShellWord};
use crate::policy::owner::OwnerFile;
use crate::policy::{Action, MASKED, NamePath, Naming, Secrets};
use crate::record::raw::{Object, RawJson, RawRecord, RawText};

/// The names that were found, as many as are kept.
#[derive(Debug, Default)]
pub struct SecretNames {
    names: BTreeMap<String, Texts>,
    /// The names without escapes that were read: the same few occur in most records, and reading
    /// each of them every time takes a third of the time of `doctor`.
    paths: FxHashMap<Vec<u8>, NamePath>,
}

/// Number of recorded texts of one name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Texts {
    /// In clear.
    pub clear: u64,
    /// Replaced by something else.
    pub masked: u64,
}

/// Serialised as a list of the names, each with its texts.
impl Serialize for SecretNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct SecretName<'a> {
            name: &'a str,
            #[serde(flatten)]
            texts: Texts,
        }
        serializer.collect_seq(self.iter().map(|(name, texts)| SecretName { name, texts }))
    }
}

impl SecretNames {
    /// Adds the properties of a record and of the spans around it.
    pub fn add(&mut self, raw: &RawRecord<'_>) {
        for (name, json) in raw.objects().flat_map(Object::raw_members) {
            self.add_property(name, json);
        }
    }

    /// Adds a property of a record or of a span.
    pub fn add_property(&mut self, name: RawText<'_>, json: RawJson<'_>) {
        match json.bytes().first() {
            Some(b'"') => {
                if self.path_of(name).naming() == Naming::Secret {
                    let text = json.text().map(RawText::decoded).unwrap_or_default();
                    self.count(&name.decoded(), &text);
                }
            }
            Some(b'{' | b'[') => {
                if let Ok(value) = serde_json::from_slice(json.bytes()) {
                    let path = self.path_of(name);
                    self.add_value(&mut name.decoded().into_owned(), path, &value);
                }
            }
            Some(_) | None => {}
        }
    }

    fn path_of(&mut self, name: RawText<'_>) -> NamePath {
        if let Some(known) = self.paths.get(name.bytes()) {
            return *known;
        }
        let decoded = name.decoded();
        let path = NamePath::of(&decoded);
        if name.is_plain() && self.paths.len() < PATHS_MAX && decoded.len() <= NAME_BYTES_MAX {
            self.paths.insert(name.bytes().to_vec(), path);
        }
        path
    }

    /// Adds the names of later records, and leaves `later` empty.
    pub fn merge(&mut self, later: &mut Self) {
        for (path, texts) in std::mem::take(&mut later.names) {
            self.add_texts(&path, texts);
        }
    }

    fn add_value(&mut self, path: &mut String, naming: NamePath, value: &Value) {
        match value {
            Value::String(text) if naming.naming() == Naming::Secret => self.count(path, text),
            Value::Array(values) => {
                for value in values {
                    self.add_value(path, naming, value);
                }
            }
            Value::Object(values) => {
                let bytes = path.len();
                for (name, value) in values {
                    path.push('.');
                    path.push_str(name);
                    self.add_value(path, naming.member(name), value);
                    path.truncate(bytes);
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn count(&mut self, path: &str, text: &str) {
        if NOTHING.contains(&text) {
            return;
        }
        let masked = u64::from(is_masked(text));
        let clear = 1 - masked;
        self.add_texts(path, Texts { clear, masked });
    }

    fn add_texts(&mut self, path: &str, added: Texts) {
        let has_room = self.names.len() < NAMES_MAX && path.len() <= NAME_BYTES_MAX;
        if has_room || self.names.contains_key(path) {
            let texts = self.names.entry(path.to_owned()).or_default();
            texts.clear += added.clear;
            texts.masked += added.masked;
        }
    }

    /// Returns the names with their texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Texts)> {
        self.names
            .iter()
            .map(|(name, texts)| (name.as_str(), *texts))
    }

    /// Returns the names whose texts are masked, as a list; nothing if there are none.
    pub fn masked(&self) -> Option<String> {
        let masked = self.iter().filter(|(_, texts)| texts.clear == 0);
        let masked: Vec<String> = masked
            .map(|(name, _)| ShellWord(name).to_string())
            .collect();
        (!masked.is_empty()).then(|| masked.join(", "))
    }

    /// Returns those with texts in clear that no known rule keeps.
    pub(crate) fn in_clear(
        &self,
        location: &Location,
        owner: &OwnerFile,
    ) -> impl Iterator<Item = (&str, Texts)> {
        let policy = location.in_force(owner, Secrets::new(None, None));
        let is_kept = move |name: &str| policy.verdict(name).text == Action::Keep;
        self.iter()
            .filter(move |(name, texts)| texts.clear > 0 && !is_kept(name))
    }
}

impl Location {
    /// Returns the command that sets the action for a property.
    pub fn rule_command(&self, property: &str, action: &str) -> String {
        self.command(&format!("policy property {} {action}", ShellWord(property)))
    }
}

/// Returns `true` if a text replaces a secret.
fn is_masked(text: &str) -> bool {
    let is_hash = text.strip_prefix("p-").is_some_and(|hash| {
        hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    text == MASKED || is_hash || MARKS.contains(&text)
}

/// The replacements of secrets in texts.
const MARKS: [&str; 3] = ["[secret]", "[token]", "[key]"];

/// The hexadecimal digits of a hash.
const HASH_DIGITS: usize = 16;

/// Texts without a secret.
const NOTHING: [&str; 4] = ["", "None", "true", "false"];

/// More names than a person reads.
const NAMES_MAX: usize = 100;

/// More names than usual applications have.
const PATHS_MAX: usize = 1000;

/// The maximal length of a name in a line.
const NAME_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::Record;

    fn seen(properties: &Value) -> Value {
        let line = json!({
            "timestamp": "2026-11-21T08:15:30.123456Z", "level": "INFO", "source": "a", "target": "a",
            "session": "01936f0e-0000-7000-8000-000000000000", "seq": 1,
            "properties": properties,
            "spans": [{"name": "s", "properties": {"token": "t"}}],
        });
        let mut names = SecretNames::default();
        let record = Record::parse(line.to_string().as_bytes()).unwrap();
        names.add(&RawRecord::at(&record.to_line()).unwrap());
        serde_json::to_value(&names).unwrap()
    }

    #[test]
    fn names_that_look_like_secrets_are_listed_with_their_texts() {
        let properties = json!({
            "token": "[masked]", "user": "anna", "password": "p-0123456789abcdef", "secret": 5,
            "login": {"password": "x", "tokens": ["[secret]", "a", "b"]}, "token_count": "5",
        });
        let expected = json!([
            {"name": "login.password", "clear": 1, "masked": 0},
            {"name": "login.tokens", "clear": 2, "masked": 1},
            {"name": "password", "clear": 0, "masked": 1},
            {"name": "token", "clear": 1, "masked": 1},
        ]);
        assert_eq!(seen(&properties), expected);
    }

    #[test]
    fn no_more_names_are_kept_than_one_reads() {
        let many = (0..1000).map(|number| (format!("token.{number}"), json!("x")));
        let names = seen(&Value::Object(many.collect()));
        assert_eq!(names.as_array().unwrap().len(), NAMES_MAX);
        assert_eq!(
            seen(&json!({"t".repeat(300) + ".token": "x"}))
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
}
