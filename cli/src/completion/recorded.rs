//! What is recorded, as far as completion shows it: names and frequent values in the last records
//! of each directory. Reading changes nothing, and stops at a limit of bytes and at a deadline;
//! what cannot be read is left out.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::super::selection::{Selected, SelectionArgs, TreeLogs, find_all, find_tree};
use localtel::admin::{Environment, Location};
use localtel::read::raw::{Object, RawRecord, RawValue};
use localtel::read::{Item, Reader, Timestamp};

/// Telemetry of which names and values are completed.
#[derive(Debug)]
pub(super) struct RecordedNames<'e> {
    environment: &'e Environment,
    selections: Vec<SelectionArgs>,
    deadline: Instant,
}

/// What is collected from records.
#[derive(Debug, Clone, Copy)]
enum WantedNames<'k> {
    Events,
    Targets,
    Keys,
    Values(&'k str),
}

impl<'e> RecordedNames<'e> {
    /// Returns the telemetry of all of these selections.
    pub(super) fn new(
        environment: &'e Environment,
        selections: Vec<SelectionArgs>,
        deadline: Instant,
    ) -> Self {
        Self {
            environment,
            selections,
            deadline,
        }
    }

    /// Returns the names of all applications.
    pub(super) fn applications(&self) -> Vec<String> {
        let trees = self.selections.iter().filter_map(|selection| {
            let selection = SelectionArgs {
                app: Vec::new(),
                ..selection.clone()
            };
            tree(&selection, self.environment)
        });
        let names = trees.flat_map(|tree| tree.list);
        let names: BTreeSet<String> = names.map(|log| log.application.to_string()).collect();
        if !names.is_empty() {
            return names.into_iter().collect();
        }
        let all = Location::all(self.environment).unwrap_or_default();
        let names = all.iter().filter_map(Location::name);
        names.map(|name| name.as_str().to_owned()).collect()
    }

    /// Returns the machines of the trees that are selected.
    pub(super) fn hosts(&self) -> Vec<String> {
        let trees = self.selections.iter().filter_map(|selection| {
            let selection = SelectionArgs {
                host: Vec::new(),
                ..selection.clone()
            };
            tree(&selection, self.environment)
        });
        let hosts = trees.flat_map(|tree| tree.list);
        let hosts: BTreeSet<String> = hosts.map(|log| log.host.to_string()).collect();
        hosts.into_iter().collect()
    }

    /// Returns the names of the profiles of the selected applications.
    pub(super) fn profiles(&self) -> Vec<String> {
        let any_profile = |selection: &SelectionArgs| SelectionArgs {
            profile: None,
            ..selection.clone()
        };
        let selections = self.selections.iter().map(any_profile);
        let all = selections.flat_map(|selection| locations(&selection, self.environment));
        let profiles = all.flat_map(|location| location.profiles().unwrap_or_default());
        let of_trees = self.selections.iter().map(any_profile);
        let of_trees = of_trees.filter_map(|selection| tree(&selection, self.environment));
        let of_trees = of_trees.flat_map(|tree| tree.list);
        let mut names: Vec<String> = profiles
            .map(|location| location.profile().as_str().to_owned())
            .chain(of_trees.map(|log| log.profile.to_string()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the names of events, the most frequent first.
    pub(super) fn events(&self) -> Vec<String> {
        self.most_frequent(WantedNames::Events)
    }

    /// Returns targets and the modules above them, the most frequent first.
    pub(super) fn targets(&self) -> Vec<String> {
        self.most_frequent(WantedNames::Targets)
    }

    /// Returns the names of properties of events and spans, the most frequent first.
    pub(super) fn keys(&self) -> Vec<String> {
        self.most_frequent(WantedNames::Keys)
    }

    /// Returns the values of a key, the most frequent first.
    pub(super) fn values(&self, key: &str) -> Vec<String> {
        self.most_frequent(WantedNames::Values(key))
    }

    /// Returns the ids of sessions and the times of their last records, the latest first.
    pub(super) fn sessions(&self) -> Vec<(String, Timestamp)> {
        let mut last: HashMap<String, Timestamp> = HashMap::new();
        self.read(|raw| {
            let time = raw.time();
            let known = last
                .entry(raw.session.decoded().into_owned())
                .or_insert(time);
            *known = (*known).max(time);
        });
        let mut sessions: Vec<_> = last.into_iter().collect();
        sessions.sort_by(|(one, one_last), (other, other_last)| {
            other_last.cmp(one_last).then_with(|| one.cmp(other))
        });
        sessions
    }

    fn most_frequent(&self, wanted: WantedNames<'_>) -> Vec<String> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        self.read(|raw| {
            wanted.each_of(raw, |name| match counts.get_mut(name) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(name.to_owned(), 1);
                }
            });
        });
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|(one, one_count), (other, other_count)| {
            other_count.cmp(one_count).then_with(|| one.cmp(other))
        });
        counts.into_iter().map(|(name, _)| name).collect()
    }

    /// Passes on the last records of each selected directory.
    fn read(&self, mut each: impl FnMut(&RawRecord<'_>)) {
        for selection in &self.selections {
            for path in directories(selection, self.environment) {
                read_end(&path, self.deadline, &mut each);
            }
        }
    }
}

/// Returns the locations that `show` reads.
/// Returns the tree that is selected.
fn tree(selection: &SelectionArgs, environment: &Environment) -> Option<TreeLogs> {
    find_tree(selection, environment).ok().flatten()
}

/// Returns the telemetry directories that are selected.
fn directories(selection: &SelectionArgs, environment: &Environment) -> Vec<PathBuf> {
    if let Some(tree) = tree(selection, environment) {
        return tree.list.into_iter().map(|log| log.path).collect();
    }
    let all = locations(selection, environment).into_iter();
    all.map(|location| location.path()).collect()
}

fn locations(selection: &SelectionArgs, environment: &Environment) -> Vec<Location> {
    match find_all(selection, environment) {
        Ok(Selected::Named(location)) => vec![*location],
        Ok(Selected::All(all)) => all.list,
        Err(_) => Vec::new(),
    }
}

/// Passes on the records at the end of a directory.
fn read_end(directory: &Path, deadline: Instant, mut each: impl FnMut(&RawRecord<'_>)) {
    if Instant::now() >= deadline {
        return;
    }
    let Ok(mut reverse) = Reader::reverse(directory) else {
        return;
    };
    let mut left = END_BYTES;
    let mut items: u64 = 0;
    while let Some(item) = reverse.next_item() {
        let bytes = match item {
            Item::Line(line) | Item::Text(line) => {
                // A damaged line is left out.
                drop(line.read_raw(&mut each));
                line.bytes().len() as u64 + 1
            }
            Item::Damage(damage) => damage.bytes,
            Item::Notice(_) => 0,
        };
        left = left.saturating_sub(bytes);
        items += 1;
        // What is decompressed already costs almost nothing.
        let is_late = items.is_multiple_of(ITEMS_AT_ONCE) && Instant::now() >= deadline;
        if left == 0 || is_late {
            return;
        }
    }
}

impl WantedNames<'_> {
    fn each_of(self, raw: &RawRecord<'_>, mut each: impl FnMut(&str)) {
        match self {
            Self::Events => {
                if let Some(event) = raw.event {
                    each(&event.decoded());
                }
            }
            Self::Targets => {
                let target = raw.target.decoded();
                each(&target);
                for (end, _) in target.match_indices("::") {
                    each(target.get(..end).unwrap_or_default());
                }
            }
            Self::Keys => {
                let of_spans = raw.spans.iter().map(|(_, properties)| properties);
                for object in std::iter::once(raw.properties).chain(of_spans) {
                    for (name, _) in object.raw_members() {
                        each(&name.decoded());
                    }
                }
            }
            Self::Values("span") => raw.spans.iter().for_each(|(name, _)| each(&name.decoded())),
            Self::Values(key) => {
                if let Some(value) = value_of(raw, key).filter(|value| !value.is_empty()) {
                    each(&value);
                }
            }
        }
    }
}

/// Returns the value of a key where a condition would find it, if it is not a list or an object.
fn value_of(raw: &RawRecord<'_>, key: &str) -> Option<String> {
    let text = |text: localtel::read::raw::RawText<'_>| text.decoded().into_owned();
    match key {
        "level" => return Some(raw.level.as_str().to_ascii_lowercase()),
        "source" => return Some(text(raw.source)),
        "target" => return Some(text(raw.target)),
        "event" => return raw.event.map(text),
        "message" => return raw.message.map(text),
        "session" => return Some(text(raw.session)),
        "timestamp" | "seq" => return None,
        _ => {}
    }
    let key = key.strip_prefix("properties.").unwrap_or(key);
    let spans: Vec<Object<'_>> = raw.spans.iter().map(|(_, properties)| properties).collect();
    let mut objects = std::iter::once(raw.properties).chain(spans.into_iter().rev());
    objects.find_map(|object| value_in(object, key))
}

fn value_in(object: Object<'_>, key: &str) -> Option<String> {
    let members = object.raw_members();
    let value = |key: &str| {
        let mut named = members.iter();
        named
            .find(|(name, _)| name.is(key))
            .map(|(_, json)| json.value())
    };
    match value(key) {
        Some(RawValue::Compound(_)) => return None,
        Some(found) => return Some(found.to_text().into_owned()),
        None => {}
    }
    let (outer, path) = key.split_once('.')?;
    let RawValue::Compound(json) = value(outer)? else {
        return None;
    };
    let json: serde_json::Value = serde_json::from_str(&json).ok()?;
    let found = path
        .split('.')
        .try_fold(&json, |within, name| within.get(name))?;
    match found {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            Some(found.to_string())
        }
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}

/// The number of items that are read at least, as many as a block has.
const ITEMS_AT_ONCE: u64 = 256;

/// The number of bytes that are read at the end of each directory.
const END_BYTES: u64 = 1 << 20;
