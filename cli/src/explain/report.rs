//! What `explain` tells of events, and all that it tells for programs: one JSON object with keys that stay.

use serde::Serialize;

use localtel::admin::{PolicyView, RecordPart, SecretNames, Status, Subject};

use super::Explanation;
use super::inventory::{EventKey, EventTally, Example, ValueType, Values};

/// All that is told.
#[derive(Debug, Serialize)]
pub(super) struct ExplainReport<'a> {
    /// What holds and what is there, as `status` shows it.
    #[serde(flatten)]
    status: &'a Status,
    /// What was recorded so far.
    pub(super) events: Vec<EventReport<'a>>,
    /// How many records are of events that are not listed.
    records_of_other_events: u64,
    /// The names that say that their texts are secrets, and how many of those are recorded in clear.
    secret_names: &'a SecretNames,
}

/// One event.
#[derive(Debug, Serialize)]
pub(super) struct EventReport<'a> {
    /// Its name; absent where it has none.
    pub(super) event: Option<&'a str>,
    /// The part of the application.
    pub(super) target: &'a str,
    /// How many records there are.
    pub(super) records: u64,
    /// Its messages; absent where it has none.
    pub(super) message: Option<ValuesReport<'a>>,
    /// Its properties, in the order in which they came first.
    pub(super) properties: Vec<PropertyReport<'a>>,
    /// How many values are of properties that are not listed.
    pub(super) values_of_other_properties: u64,
}

/// One property.
#[derive(Debug, Serialize)]
pub(super) struct PropertyReport<'a> {
    pub(super) name: &'a str,
    /// The span that has it, if it is not the event's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) in_span: Option<&'a str>,
    #[serde(flatten)]
    pub(super) values: ValuesReport<'a>,
}

/// The values of a property or message.
#[derive(Debug, Serialize)]
pub(super) struct ValuesReport<'a> {
    /// How many records have one.
    pub(super) records: u64,
    /// What they are, in the words of JSON.
    kinds: Vec<ValueType>,
    /// The latest, as text, cut to 60 characters.
    pub(super) example: &'a Example,
    /// What becomes of it when it is recorded.
    pub(super) verdict: &'static str,
}

impl<'a> ExplainReport<'a> {
    /// Puts the facts under their keys.
    pub(super) fn new(facts: &'a Explanation<'_>) -> Self {
        let inventory = &facts.inventory;
        Self {
            status: &facts.status,
            events: inventory
                .events
                .iter()
                .map(|(key, event)| EventReport::of(key, event, &facts.policies))
                .collect(),
            records_of_other_events: inventory.records_of_others,
            secret_names: &inventory.secret_names,
        }
    }
}

impl<'a> EventReport<'a> {
    fn of(key: &'a EventKey, event: &'a EventTally, policies: &PolicyView) -> Self {
        let verdict = |part, has_texts| {
            policies.verdict(&Subject {
                target: &key.target,
                event: key.event.as_deref(),
                level: event.level,
                part,
                has_texts,
            })
        };
        let report = |values: &'a Values, part| ValuesReport {
            records: values.records,
            kinds: values.kinds.iter().copied().collect(),
            example: &values.example,
            verdict: verdict(part, values.has_texts()).as_str(),
        };
        Self {
            event: key.event.as_deref(),
            target: &key.target,
            records: event.records,
            message: event
                .message
                .as_ref()
                .map(|values| report(values, RecordPart::Message)),
            properties: event
                .properties
                .iter()
                .map(|(property, values)| PropertyReport {
                    name: &property.name,
                    in_span: property.in_span.as_deref(),
                    values: report(values, property.part()),
                })
                .collect(),
            values_of_other_properties: event.values_of_others,
        }
    }
}
