//! The recorded events: each with its properties, their counts, the types of their values and an
//! example. One pass of the reader in bounded memory; what exceeds the limits is only counted.
//! `explain` prints it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use localtel::Level;
use localtel::admin::{RecordPart, SecretNames};
use localtel::read::raw::{RawRecord, RawText, RawValue};
use localtel::read::{Damage, Fold, Line};
use serde::Serialize;

/// The contents of a directory, by event and property.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// The events, by target and name.
    pub(super) events: BTreeMap<EventKey, EventTally>,
    /// Number of readable records.
    pub(super) records: u64,
    /// Number of those records whose events exceed the limit.
    pub(super) records_of_others: u64,
    /// The names of secrets that occur.
    pub(super) secret_names: SecretNames,
    properties: usize,
}

/// The target and name of an event; a name is only meaningful within its target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventKey {
    /// The target.
    pub(super) target: String,
    /// The name, if the event has one.
    pub(super) event: Option<String>,
}

impl EventKey {
    fn is_short(&self) -> bool {
        let event = self.event.as_deref().unwrap_or_default();
        self.target.len() <= NAME_BYTES_MAX && event.len() <= NAME_BYTES_MAX
    }
}

/// The records of one event.
#[derive(Debug)]
pub(super) struct EventTally {
    /// Number of records.
    pub(super) records: u64,
    /// The highest level of them.
    pub(super) level: Level,
    /// The messages, if there are any.
    pub(super) message: Option<Values>,
    /// The properties of the event and of its spans, in the order of their first occurrence.
    pub(super) properties: Vec<(PropertyId, Values)>,
    /// Number of values whose properties exceed the limit.
    pub(super) values_of_others: u64,
}

/// The span and name of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PropertyId {
    /// The span of the property, or `None` for a property of the event.
    pub(super) in_span: Option<String>,
    /// The name.
    pub(super) name: String,
}

impl PropertyId {
    /// Returns the part of a record that contains the property.
    pub(super) fn part(&self) -> RecordPart<'_> {
        match &self.in_span {
            Some(span) => RecordPart::InSpan {
                span,
                property: &self.name,
            },
            None => RecordPart::Property(&self.name),
        }
    }
}

/// The values of one property.
#[derive(Debug)]
pub(super) struct Values {
    /// Number of records with a value.
    pub(super) records: u64,
    /// The types of the values.
    pub(super) kinds: BTreeSet<ValueType>,
    /// The latest value that is not null, cut to a recognisable length.
    pub(super) example: Example,
    /// The record that was counted last, since several spans of a record may have the same name.
    counted: u64,
}

/// A value as text.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Example {
    /// The type of the value.
    #[serde(skip)]
    pub(super) kind: ValueType,
    /// A string as it is, other values as JSON; a cut value ends in `…`.
    pub(super) text: String,
}

/// A type of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ValueType {
    /// A string.
    String,
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// An array.
    Array,
    /// An object.
    Object,
    /// Null.
    Null,
}

impl Example {
    fn of(value: &RawValue<'_>) -> Self {
        let mut example = Self {
            kind: ValueType::of(value),
            text: String::new(),
        };
        example.set_text(&value.to_text());
        example
    }

    /// Sets the text, cut to the length of an example.
    fn set_text(&mut self, text: &str) {
        self.text.clear();
        if text.len() <= EXAMPLE_LETTERS_MAX {
            self.text.push_str(text);
            return;
        }
        let end = text.char_indices().nth(EXAMPLE_LETTERS_MAX);
        match end.and_then(|(end, _)| text.get(..end)) {
            Some(beginning) => {
                self.text.push_str(beginning);
                self.text.push('…');
            }
            None => self.text.push_str(text),
        }
    }
}

impl ValueType {
    fn of(value: &RawValue<'_>) -> Self {
        match value {
            RawValue::Text(_) => Self::String,
            RawValue::Number(_) => Self::Number,
            RawValue::Word(word) if word == "null" => Self::Null,
            RawValue::Word(_) => Self::Boolean,
            RawValue::Compound(json) if json.starts_with('[') => Self::Array,
            RawValue::Compound(_) => Self::Object,
        }
    }
}

impl Values {
    /// Returns `true` if one of the values was a string.
    pub(super) fn has_texts(&self) -> bool {
        self.kinds.contains(&ValueType::String)
    }

    fn first(value: &RawValue<'_>, record: u64) -> Self {
        let example = Example::of(value);
        Self {
            records: 1,
            kinds: BTreeSet::from([example.kind]),
            example,
            counted: record,
        }
    }

    fn add(&mut self, value: &RawValue<'_>, record: u64) {
        if self.counted != record {
            self.records += 1;
            self.counted = record;
        }
        let kind = ValueType::of(value);
        self.kinds.insert(kind);
        if kind != ValueType::Null {
            self.example.kind = kind;
            self.example.set_text(&value.to_text());
        }
    }

    fn merge(&mut self, later: Self) {
        self.records += later.records;
        self.kinds.extend(later.kinds);
        if later.example.kind != ValueType::Null {
            self.example = later.example;
        }
    }
}

impl Inventory {
    /// Returns the event of that key, or `None` at the limit.
    fn event(&mut self, key: EventKey, level: Level) -> Option<&mut EventTally> {
        let has_room = self.events.len() < EVENTS_MAX && key.is_short();
        if !has_room && !self.events.contains_key(&key) {
            return None;
        }
        let event = self.events.entry(key);
        Some(event.or_insert_with(|| EventTally::new(level)))
    }
}

impl Fold for Inventory {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        self.add(raw);
    }

    // The summary counts damage.
    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        let later = std::mem::take(later);
        self.records += later.records;
        self.records_of_others += later.records_of_others;
        self.secret_names.merge(later.secret_names);
        for (key, tally) in later.events {
            let mut known = self.properties;
            match self.event(key, tally.level) {
                Some(event) => event.merge(tally, &mut known),
                None => self.records_of_others += tally.records,
            }
            self.properties = known;
        }
    }
}

impl Inventory {
    /// Counts a record.
    fn add(&mut self, raw: &RawRecord<'_>) {
        self.records += 1;
        let of_spans = raw.spans.iter();
        let of_spans = of_spans.map(|(name, object)| (Some(name.decoded()), object.members()));
        let parts: Vec<_> = std::iter::once((None, raw.properties.members()))
            .chain(of_spans)
            .collect();
        for (name, value) in parts.iter().flat_map(|(_, members)| members) {
            self.secret_names.add_property(name, value);
        }
        let key = EventKey {
            target: raw.target.decoded().into_owned(),
            event: raw.event.map(|event| event.decoded().into_owned()),
        };
        let (number, mut known) = (self.records, self.properties);
        let Some(event) = self.event(key, raw.level) else {
            self.records_of_others += 1;
            return;
        };
        event.records += 1;
        event.level = event.level.max(raw.level);
        if let Some(message) = raw.message.map(RawText::decoded) {
            event.add_message(&RawValue::Text(message), number);
        }
        for (in_span, members) in &parts {
            event.add(in_span.as_deref(), members, number, &mut known);
        }
        self.properties = known;
    }
}

impl EventTally {
    fn new(level: Level) -> Self {
        Self {
            records: 0,
            level,
            message: None,
            properties: Vec::new(),
            values_of_others: 0,
        }
    }

    fn add_message(&mut self, message: &RawValue<'_>, record: u64) {
        match &mut self.message {
            Some(values) => values.add(message, record),
            none => *none = Some(Values::first(message, record)),
        }
    }

    /// Adds the values of one record or span; `known` is the number of properties in all events.
    fn add(
        &mut self,
        in_span: Option<&str>,
        members: &[(Cow<'_, str>, RawValue<'_>)],
        record: u64,
        known: &mut usize,
    ) {
        for (name, value) in members {
            match self.values_of(in_span, name) {
                Some(values) => values.add(value, record),
                None => self.add_property(in_span, name, Values::first(value, record), known),
            }
        }
    }

    fn merge(&mut self, later: Self, known: &mut usize) {
        self.records += later.records;
        self.level = self.level.max(later.level);
        self.values_of_others += later.values_of_others;
        match (&mut self.message, later.message) {
            (Some(values), Some(later)) => values.merge(later),
            (none @ None, later) => *none = later,
            (Some(_), None) => {}
        }
        for (id, later) in later.properties {
            match self.values_of(id.in_span.as_deref(), &id.name) {
                Some(values) => values.merge(later),
                None => self.add_property(id.in_span.as_deref(), &id.name, later, known),
            }
        }
    }

    fn values_of(&mut self, in_span: Option<&str>, name: &str) -> Option<&mut Values> {
        let mut properties = self.properties.iter_mut();
        let of_name =
            properties.find(|(id, _)| id.name == name && id.in_span.as_deref() == in_span);
        of_name.map(|(_, values)| values)
    }

    /// Adds a new property unless a limit is reached.
    fn add_property(
        &mut self,
        in_span: Option<&str>,
        name: &str,
        values: Values,
        known: &mut usize,
    ) {
        if self.properties.len() < PROPERTIES_MAX
            && *known < PROPERTIES_IN_ALL_MAX
            && name.len() <= NAME_BYTES_MAX
            && in_span.is_none_or(|span| span.len() <= NAME_BYTES_MAX)
        {
            *known += 1;
            let id = PropertyId {
                in_span: in_span.map(str::to_owned),
                name: name.to_owned(),
            };
            self.properties.push((id, values));
        } else {
            self.values_of_others += values.records;
        }
    }
}

/// Number of events that are listed.
const EVENTS_MAX: usize = 1000;
/// Number of properties of an event that are listed.
const PROPERTIES_MAX: usize = 100;
/// Number of properties in all events; with two names of the maximum length and an example each,
/// they take 8 MB at most.
const PROPERTIES_IN_ALL_MAX: usize = 10_000;
/// Longest name in bytes: localtel cuts names to 256 bytes and `…`; longer ones come from other
/// writers.
const NAME_BYTES_MAX: usize = 256 + '…'.len_utf8();
/// Length of an example: enough to recognise a value beside its name.
const EXAMPLE_LETTERS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(target: &str, rest: &str) -> String {
        let values = rest.find(",\"spans\"").or(rest.find(",\"properties\""));
        let (names, values) = rest.split_at(values.unwrap_or(rest.len()));
        format!(
            r#"{{"timestamp":"2026-11-21T08:15:30.000000Z","level":"INFO","source":"s","target":"{target}"{names},"session":"01936f0e-0000-7000-8000-000000000000","seq":0{values}}}"#
        )
    }

    fn inventory(records: impl IntoIterator<Item = String>) -> Inventory {
        let mut inventory = Inventory::default();
        for record in records {
            inventory.add(&RawRecord::at(record.as_bytes()).unwrap());
        }
        inventory
    }

    fn only_event(inventory: &Inventory) -> &EventTally {
        assert_eq!(inventory.events.len(), 1);
        inventory.events.values().next().unwrap()
    }

    #[test]
    fn events_are_counted_by_target_and_name() {
        let seen = inventory([
            record("a", r#","event":"x""#),
            record("b", r#","event":"x""#),
            record("a", r#","event":"x""#),
            record("a", ""),
        ]);
        let counts: Vec<_> = seen
            .events
            .iter()
            .map(|(key, event)| (key.target.as_str(), key.event.as_deref(), event.records))
            .collect();
        let expected = [("a", None, 1), ("a", Some("x"), 2), ("b", Some("x"), 1)];
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_property_has_a_count_types_and_the_latest_example() {
        let seen = inventory([
            record("a", r#","properties":{"p":"one","q":true}"#),
            record("a", r#","properties":{"p":2}"#),
            record("a", r#","properties":{"p":null}"#),
        ]);
        let event = only_event(&seen);
        let (key, values) = &event.properties[0];
        assert_eq!((key.name.as_str(), &key.in_span), ("p", &None));
        assert_eq!(values.records, 3);
        let kinds: Vec<_> = values.kinds.iter().copied().collect();
        assert_eq!(
            kinds,
            [ValueType::String, ValueType::Number, ValueType::Null]
        );
        assert_eq!(values.example.text, "2", "null is no example");
        assert_eq!(event.properties[1].1.records, 1);
    }

    #[test]
    fn inventories_of_parts_add_up() {
        let lines = [
            record(
                "a",
                r#","event":"x","message":"m","properties":{"p":1,"token":"t"}"#,
            ),
            record("b", r#","event":"x","properties":{"p":null}"#),
            record(
                "a",
                r#","event":"x","message":"n","properties":{"q":true,"p":"one"}"#,
            ),
            record(
                "a",
                r#","event":"x","spans":[{"name":"s","properties":{"id":[1]}}]"#,
            ),
        ];
        // The record that was counted last does not matter here.
        let counted = regex::Regex::new(r"counted: \d+").unwrap();
        let text = |inventory: &Inventory| {
            let secrets = serde_json::to_string(&inventory.secret_names).unwrap();
            let (records, of_others) = (inventory.records, inventory.records_of_others);
            let text = format!("{records} {of_others} {secrets} {:?}", inventory.events);
            counted.replace_all(&text, "").into_owned()
        };
        let whole = inventory(lines.clone());
        for cut in 0..=lines.len() {
            let (first, rest) = lines.split_at(cut);
            let mut merged = inventory(first.to_vec());
            merged.merge(&mut inventory(rest.to_vec()));
            assert_eq!(text(&merged), text(&whole), "{cut}");
        }
    }

    #[test]
    fn spans_of_one_name_count_once_for_a_record() {
        let nested =
            r#","spans":[{"name":"s","properties":{"id":1}},{"name":"s","properties":{"id":2}}]"#;
        let seen = inventory([record("a", nested)]);
        let (key, values) = &only_event(&seen).properties[0];
        assert_eq!(key.in_span.as_deref(), Some("s"));
        assert_eq!((values.records, values.example.text.as_str()), (1, "2"));
    }

    #[test]
    fn an_example_is_cut_at_a_letter() {
        let example = Example::of(&RawValue::Text("é".repeat(61).into()));
        assert_eq!(example.text, format!("{}…", "é".repeat(60)));
        let short = Example::of(&RawValue::Text("x".repeat(60).into()));
        assert_eq!(short.text, "x".repeat(60));
        let nested = serde_json::json!({"a": [1, "x".repeat(1000)]}).to_string();
        let nested = Example::of(&RawValue::Compound(nested.into()));
        assert_eq!(nested.kind, ValueType::Object);
        assert_eq!(nested.text.chars().count(), 61);
    }

    #[test]
    fn events_beyond_the_limit_are_counted() {
        let many = (0..EVENTS_MAX + 7).map(|n| record("a", &format!(r#","event":"e{n}""#)));
        let seen = inventory(many);
        assert_eq!((seen.events.len(), seen.records_of_others), (EVENTS_MAX, 7));
        let pairs: Vec<_> = (0..PROPERTIES_MAX + 3)
            .map(|n| format!("\"p{n}\":1"))
            .collect();
        let wide = format!(r#","properties":{{{}}}"#, pairs.join(","));
        let seen = inventory([record("a", &wide), record("a", &wide)]);
        let event = only_event(&seen);
        assert_eq!(event.properties.len(), PROPERTIES_MAX);
        assert_eq!(event.values_of_others, 6);
    }

    #[test]
    fn overlong_names_are_not_listed() {
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        let seen = inventory([
            record("a", &format!(r#","properties":{{"{long}":1}}"#)),
            record(&long, ""),
        ]);
        let event = only_event(&seen);
        assert_eq!((event.properties.len(), event.values_of_others), (0, 1));
        assert_eq!(seen.records_of_others, 1);
    }

    #[test]
    fn all_properties_together_are_bounded() {
        let wide = |n: usize| {
            let pairs: Vec<_> = (0..PROPERTIES_MAX).map(|n| format!("\"p{n}\":1")).collect();
            record(
                "a",
                &format!(r#","event":"e{n}","properties":{{{}}}"#, pairs.join(",")),
            )
        };
        let seen = inventory((0..=PROPERTIES_IN_ALL_MAX / PROPERTIES_MAX).map(wide));
        let kept: usize = seen
            .events
            .values()
            .map(|event| event.properties.len())
            .sum();
        assert_eq!(kept, PROPERTIES_IN_ALL_MAX);
    }
}
