//! The recorded events: each with its properties, their counts, the types of their values and an
//! example. One pass of the reader in bounded memory; what exceeds the limits is only counted.
//! `explain` prints it.

use std::collections::HashMap;

use localtel::Level;
use localtel::admin::{RecordPart, SecretNames};
use localtel::read::raw::{RawJson, RawRecord, RawText};
use localtel::read::{Damage, Fold, Line};
use serde::Serialize;
use serde_json::Value;

/// The contents of a directory, by event and property.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// The events, in the order of their first occurrence.
    events: Vec<EventTally>,
    /// The place of each event, by the bytes of its key.
    places: HashMap<Vec<u8>, usize>,
    /// The bytes of the last key that was searched for; their memory is used again.
    key: Vec<u8>,
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

/// The records of one event.
#[derive(Debug)]
pub(super) struct EventTally {
    /// The event.
    pub(super) key: EventKey,
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

    fn is_short(&self) -> bool {
        let span = self.in_span.as_deref().unwrap_or_default();
        self.name.len() <= NAME_BYTES_MAX && span.len() <= NAME_BYTES_MAX
    }
}

/// The span and name of a property, as they are in a line.
#[derive(Clone, Copy)]
struct RawId<'a> {
    in_span: Option<RawText<'a>>,
    name: RawText<'a>,
}

impl RawId<'_> {
    fn is(self, id: &PropertyId) -> bool {
        let is_span = || match (self.in_span, &id.in_span) {
            (Some(own), Some(span)) => own.is(span),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.name.is(&id.name) && is_span()
    }

    fn decoded(self) -> PropertyId {
        PropertyId {
            in_span: self.in_span.map(|span| span.decoded().into_owned()),
            name: self.name.decoded().into_owned(),
        }
    }
}

/// The values of one property.
#[derive(Debug)]
pub(super) struct Values {
    /// Number of records with a value.
    pub(super) records: u64,
    /// The types of the values.
    pub(super) kinds: ValueTypes,
    latest: LatestValue,
    /// The record that was counted last, since several spans of a record may have the same name.
    counted: u64,
}

/// A value of a line.
#[derive(Clone, Copy)]
struct LineValue<'a> {
    kind: ValueType,
    /// A string between its quotes, other values as JSON.
    bytes: &'a [u8],
}

/// The latest value that is not null. Its text is only created to be shown.
#[derive(Debug)]
struct LatestValue {
    kind: ValueType,
    /// The bytes as they are in the line, but for a long value those of its beginning.
    bytes: Vec<u8>,
}

/// A value as text, cut to a recognisable length.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Example {
    /// The type of the value.
    #[serde(skip)]
    pub(super) kind: ValueType,
    /// A string as it is, other values as JSON; a cut value ends in `…`.
    pub(crate) text: String,
}

/// A type of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ValueType {
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

impl ValueType {
    const ALL: [Self; 6] = [
        Self::String,
        Self::Number,
        Self::Boolean,
        Self::Array,
        Self::Object,
        Self::Null,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of types.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ValueTypes(u8);

impl ValueTypes {
    /// Returns `true` if it contains the type.
    pub(super) fn contains(self, kind: ValueType) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Returns the types in it.
    pub(super) fn iter(self) -> impl Iterator<Item = ValueType> {
        let all = ValueType::ALL.into_iter();
        all.filter(move |kind| self.contains(*kind))
    }
}

impl<'a> LineValue<'a> {
    fn of(json: RawJson<'a>) -> Self {
        if let Some(text) = json.text() {
            return Self::of_text(text);
        }
        let bytes = json.bytes();
        let kind = match bytes.first() {
            Some(b'{') => ValueType::Object,
            Some(b'[') => ValueType::Array,
            Some(b't' | b'f') => ValueType::Boolean,
            Some(b'n') => ValueType::Null,
            Some(_) | None => ValueType::Number,
        };
        Self { kind, bytes }
    }

    fn of_text(text: RawText<'a>) -> Self {
        Self {
            kind: ValueType::String,
            bytes: text.bytes(),
        }
    }

    /// Returns the text as in an example.
    fn text(self) -> String {
        let parsed = match self.kind {
            ValueType::String => serde_json::from_slice(&[b"\"", self.bytes, b"\""].concat()),
            ValueType::Number
            | ValueType::Boolean
            | ValueType::Array
            | ValueType::Object
            | ValueType::Null => serde_json::from_slice(self.bytes),
        };
        let text = match parsed {
            Ok(Value::String(text)) => text,
            Ok(value) => value.to_string(),
            // The beginning of a long value.
            Err(_) => String::from_utf8_lossy(self.bytes).into_owned(),
        };
        match text.char_indices().nth(EXAMPLE_LETTERS_MAX) {
            Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
            None => text,
        }
    }
}

impl LatestValue {
    fn of(value: LineValue<'_>) -> Self {
        let mut latest = Self {
            kind: value.kind,
            bytes: Vec::new(),
        };
        latest.set(value);
        latest
    }

    fn set(&mut self, value: LineValue<'_>) {
        self.kind = value.kind;
        self.bytes.clear();
        if value.bytes.len() <= LATEST_BYTES_MAX {
            return self.bytes.extend_from_slice(value.bytes);
        }
        let text = value.text();
        if value.kind == ValueType::String {
            let quoted = serde_json::to_string(&text).unwrap_or_default();
            let end = quoted.len().saturating_sub(1);
            let within = quoted.get(1..end).unwrap_or_default();
            self.bytes.extend_from_slice(within.as_bytes());
        } else {
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }
}

impl Values {
    /// Returns `true` if one of the values was a string.
    pub(super) fn has_texts(&self) -> bool {
        self.kinds.contains(ValueType::String)
    }

    /// Returns the latest value that is not null.
    pub(super) fn example(&self) -> Example {
        let LatestValue { kind, bytes } = &self.latest;
        let text = LineValue { kind: *kind, bytes }.text();
        Example { kind: *kind, text }
    }

    fn first(value: LineValue<'_>, record: u64) -> Self {
        Self {
            records: 1,
            kinds: ValueTypes(value.kind.bit()),
            latest: LatestValue::of(value),
            counted: record,
        }
    }

    fn add(&mut self, value: LineValue<'_>, record: u64) {
        if self.counted != record {
            self.records += 1;
            self.counted = record;
        }
        self.kinds.0 |= value.kind.bit();
        if value.kind != ValueType::Null {
            self.latest.set(value);
        }
    }

    fn merge(&mut self, later: Self) {
        self.records += later.records;
        self.kinds.0 |= later.kinds.0;
        if later.latest.kind != ValueType::Null {
            self.latest = later.latest;
        }
    }
}

impl Fold for Inventory {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        self.add(raw);
    }

    // The summary counts damage.
    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        self.records += std::mem::take(&mut later.records);
        self.records_of_others += std::mem::take(&mut later.records_of_others);
        self.secret_names.merge(&mut later.secret_names);
        later.properties = 0;
        later.places.clear();
        for tally in later.events.drain(..) {
            let EventKey { target, event } = &tally.key;
            let event = event.as_ref().map(String::as_bytes);
            let place = self.place_of(target.as_bytes(), event, tally.level);
            match place.and_then(|place| self.events.get_mut(place)) {
                Some(event) => event.merge(tally, &mut self.properties),
                None => self.records_of_others += tally.records,
            }
        }
    }
}

impl Inventory {
    /// Returns the events, sorted by their keys.
    pub(super) fn events(&self) -> Vec<&EventTally> {
        let mut events: Vec<_> = self.events.iter().collect();
        events.sort_by_key(|event| &event.key);
        events
    }

    /// Returns the place of an event, which is added if there is room.
    fn place_of(&mut self, target: &[u8], event: Option<&[u8]>, level: Level) -> Option<usize> {
        self.key.clear();
        self.key.extend_from_slice(target);
        if let Some(event) = event {
            self.key.push(KEY_SEPARATOR);
            self.key.extend_from_slice(event);
        }
        if let Some(place) = self.places.get(&self.key) {
            return Some(*place);
        }
        let is_short = |name: &[u8]| name.len() <= NAME_BYTES_MAX;
        let place = self.events.len();
        if place >= EVENTS_MAX || !is_short(target) || !event.is_none_or(is_short) {
            return None;
        }
        self.places.insert(self.key.clone(), place);
        let decoded = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        self.events.push(EventTally {
            key: EventKey {
                target: decoded(target),
                event: event.map(decoded),
            },
            records: 0,
            level,
            message: None,
            properties: Vec::new(),
            values_of_others: 0,
        });
        Some(place)
    }

    /// Counts a record.
    fn add(&mut self, raw: &RawRecord<'_>) {
        self.records += 1;
        let event = raw.event.map(RawText::decoded_bytes);
        let place = self.place_of(&raw.target.decoded_bytes(), event.as_deref(), raw.level);
        let mut event = place.and_then(|place| self.events.get_mut(place));
        match &mut event {
            Some(event) => event.add_record(raw, self.records),
            None => self.records_of_others += 1,
        }
        let of_spans = raw.spans.iter().map(|(name, object)| (Some(name), object));
        let mut place = 0;
        for (in_span, object) in std::iter::once((None, raw.properties)).chain(of_spans) {
            for (name, json) in object.raw_members() {
                self.secret_names.add_property(name, json);
                let Some(event) = &mut event else { continue };
                let (id, value) = (RawId { in_span, name }, LineValue::of(json));
                if let Some(values) = event.values_of(|known| id.is(known), &mut place) {
                    values.add(value, self.records);
                } else {
                    let values = Values::first(value, self.records);
                    event.add_property(id.decoded(), values, &mut self.properties);
                }
            }
        }
    }
}

impl EventTally {
    /// Counts a record, without its properties.
    fn add_record(&mut self, raw: &RawRecord<'_>, number: u64) {
        self.records += 1;
        self.level = self.level.max(raw.level);
        let Some(message) = raw.message.map(LineValue::of_text) else {
            return;
        };
        match &mut self.message {
            Some(values) => values.add(message, number),
            none => *none = Some(Values::first(message, number)),
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
        let mut place = 0;
        for (id, later) in later.properties {
            match self.values_of(|known| *known == id, &mut place) {
                Some(values) => values.merge(later),
                None => self.add_property(id, later, known),
            }
        }
    }

    /// Finds the values of a property, first at that place and then everywhere, and moves the place
    /// behind them: the records of an event usually have the same properties in the same order.
    fn values_of(
        &mut self,
        is_wanted: impl Fn(&PropertyId) -> bool,
        place: &mut usize,
    ) -> Option<&mut Values> {
        let is_there = |(id, _): &(PropertyId, Values)| is_wanted(id);
        if !self.properties.get(*place).is_some_and(is_there) {
            *place = self.properties.iter().position(is_there)?;
        }
        let found = self.properties.get_mut(*place);
        *place += 1;
        found.map(|(_, values)| values)
    }

    /// Adds a new property unless a limit is reached; `known` is the number of properties in all
    /// events.
    fn add_property(&mut self, id: PropertyId, values: Values, known: &mut usize) {
        let has_room = self.properties.len() < PROPERTIES_MAX && *known < PROPERTIES_IN_ALL_MAX;
        if has_room && id.is_short() {
            *known += 1;
            self.properties.push((id, values));
        } else {
            self.values_of_others += values.records;
        }
    }
}

/// Separates target and name in the bytes of a key: no UTF-8 contains this byte.
const KEY_SEPARATOR: u8 = 0xff;
/// Number of events that are listed.
const EVENTS_MAX: usize = 1000;
/// Number of properties of an event that are listed.
const PROPERTIES_MAX: usize = 100;
/// Number of properties in all events; with two names of the maximum length and a value each, they
/// take 8 MB at most.
const PROPERTIES_IN_ALL_MAX: usize = 10_000;
/// Longest name in bytes: localtel cuts names to 256 bytes and `…`; longer ones come from other
/// writers.
const NAME_BYTES_MAX: usize = 256 + '…'.len_utf8();
/// Length of an example: enough to recognise a value beside its name.
const EXAMPLE_LETTERS_MAX: usize = 60;
/// Size of a value up to which it is stored as it is in the line.
const LATEST_BYTES_MAX: usize = 256;

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
        &inventory.events[0]
    }

    fn example(json: &str) -> Example {
        let line = record("a", &format!(r#","properties":{{"p":{json}}}"#));
        only_event(&inventory([line])).properties[0].1.example()
    }

    #[test]
    fn events_are_counted_by_target_and_name() {
        let seen = inventory([
            record("a", r#","event":"x""#),
            record("b", r#","event":"x""#),
            record("a", r#","event":"x""#),
            record("a", ""),
        ]);
        let events = seen.events().into_iter();
        let counts: Vec<_> = events
            .map(|event| {
                let key = &event.key;
                (key.target.as_str(), key.event.as_deref(), event.records)
            })
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
        let kinds: Vec<_> = values.kinds.iter().collect();
        assert_eq!(
            kinds,
            [ValueType::String, ValueType::Number, ValueType::Null]
        );
        assert_eq!(values.example().text, "2", "null is no example");
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
        assert_eq!((values.records, values.example().text.as_str()), (1, "2"));
    }

    #[test]
    fn an_example_is_cut_at_a_letter() {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        for letter in ["é", "\"", "\u{1}", "x"] {
            let whole = example(&quoted(&letter.repeat(60)));
            assert_eq!(whole.text, letter.repeat(60));
            for letters in [61, 1000] {
                let cut = example(&quoted(&letter.repeat(letters)));
                assert_eq!(cut.text, letter.repeat(60) + "…");
            }
        }
        for length in [100, 1000] {
            let list = format!("[1,{}]", quoted(&"x".repeat(length)));
            let cut = example(&list);
            assert_eq!(cut.kind, ValueType::Array);
            assert_eq!(cut.text, format!("{}…", list.get(..60).unwrap()));
        }
    }

    #[test]
    fn an_example_is_the_value_as_it_is_after_parsing() {
        for (json, text) in [
            ("1.50", "1.5"),
            ("-0", "-0.0"),
            ("true", "true"),
            (r#"{"a":1e2}"#, r#"{"a":100.0}"#),
            (r#""\u0061\/""#, "a/"),
            (r#""""#, ""),
            ("null", "null"),
        ] {
            assert_eq!(example(json).text, text);
        }
    }

    #[test]
    fn a_target_is_never_taken_for_a_target_with_a_name() {
        let seen = inventory([record("a", r#","event":"b""#), record("a\\u0000b", "")]);
        assert_eq!(seen.events.len(), 2);
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
        let kept: usize = seen.events.iter().map(|event| event.properties.len()).sum();
        assert_eq!(kept, PROPERTIES_IN_ALL_MAX);
    }
}
