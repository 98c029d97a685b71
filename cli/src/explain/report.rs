//! The JSON of `explain`: one object with stable keys. The text uses the same events.

use serde::Serialize;

use localtel::admin::{PolicyView, RecordPart, SecretNames, Status, Subject};

use super::Explanation;
use super::inventory::{EventTally, Example, ValueType, Values};

/// The output of `explain --json`.
#[derive(Debug, Serialize)]
pub(super) struct ExplainReport<'a> {
    /// The fields of `status`.
    #[serde(flatten)]
    status: &'a Status,
    /// `application` if the verdicts include the rules of the application itself, or `default` if
    /// those are not known.
    verdicts_known_from: &'static str,
    /// The recorded events.
    pub(super) events: Vec<EventReport<'a>>,
    /// Number of records of events that are not listed.
    records_of_other_events: u64,
    /// The names of secrets, and how many of their texts are recorded in clear.
    secret_names: &'a SecretNames,
}

/// A recorded event.
#[derive(Debug, Serialize)]
pub(crate) struct EventReport<'a> {
    /// The name; absent if the event has none.
    pub(crate) event: Option<&'a str>,
    /// The target.
    pub(crate) target: &'a str,
    /// Number of records.
    pub(crate) records: u64,
    /// The messages; absent if there are none.
    pub(crate) message: Option<ValuesReport>,
    /// The properties in the order of their first occurrence.
    pub(crate) properties: Vec<PropertyReport<'a>>,
    /// Number of values of properties that are not listed.
    pub(crate) values_of_other_properties: u64,
}

/// A property of an event.
#[derive(Debug, Serialize)]
pub(crate) struct PropertyReport<'a> {
    pub(crate) name: &'a str,
    /// The span of the property; absent for a property of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_span: Option<&'a str>,
    #[serde(flatten)]
    pub(crate) values: ValuesReport,
}

/// The values of a property or of messages.
#[derive(Debug, Serialize)]
pub(crate) struct ValuesReport {
    /// Number of records with a value.
    pub(crate) records: u64,
    /// The JSON types of the values.
    kinds: Vec<ValueType>,
    /// The latest value as text, cut to 60 characters.
    pub(crate) example: Example,
    /// The action on the value under the current policy.
    pub(crate) verdict: &'static str,
}

impl<'a> ExplainReport<'a> {
    /// Builds the report.
    pub(super) fn new(facts: &'a Explanation<'_>) -> Self {
        let inventory = &facts.inventory;
        Self {
            status: &facts.status,
            verdicts_known_from: match facts.location.application_policy() {
                Some(_) => "application",
                None => "default",
            },
            events: inventory
                .events()
                .into_iter()
                .map(|event| EventReport::of(event, &facts.policies))
                .collect(),
            records_of_other_events: inventory.records_of_others,
            secret_names: &inventory.secret_names,
        }
    }
}

impl<'a> EventReport<'a> {
    fn of(event: &'a EventTally, policies: &PolicyView) -> Self {
        let key = &event.key;
        let verdict = |part, has_texts| {
            policies.verdict(&Subject {
                target: &key.target,
                event: key.event.as_deref(),
                level: event.level,
                part,
                has_texts,
            })
        };
        let report = |values: &Values, part| ValuesReport {
            records: values.records,
            kinds: values.kinds.iter().collect(),
            example: values.example(),
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
