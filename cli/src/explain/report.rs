//! What `explain` tells, for programs: one JSON object with keys that stay.

use serde::Serialize;

use super::inventory::{EventKey, EventTally, Inventory, RecordPart, ValueType, Values};
use super::verdict::{PolicyView, Subject};
use super::{Explanation, KnownLimits, Openness, RecordingStatus};
use crate::rules::OwnerReport;
use crate::secret_names::SecretName;
use localtel::internal::consent::Decision;
use localtel::internal::directory::Source;
use localtel::internal::record::Level;

/// All that is told.
#[derive(Debug, Serialize)]
pub(super) struct ExplainReport<'a> {
    /// Whether events are recorded; absent where only the application knows.
    recording: Option<bool>,
    /// `enabled`, `disabled` or `undecided`.
    status: String,
    /// Who decided.
    decided_by: ExplainDecidedBy,
    /// What could not be understood and counts as disabled.
    problems: &'a [String],
    /// The lowest level of what is recorded from `tracing`; absent where only the application knows.
    level: Option<Level>,
    /// What the owner's `policy.toml` amounts to.
    policy: OwnerReport,
    /// Whose telemetry it is; absent where nothing says so.
    source: Option<&'a str>,
    /// Which set of it.
    profile: &'a str,
    /// Where it lies.
    directory: String,
    /// Whether there is anything yet.
    directory_exists: bool,
    /// Whether other users may do anything with the directory; absent where that is unknown.
    is_open_to_others: Option<bool>,
    /// How much is kept and for how long.
    limits: Bounds,
    /// How much there is.
    storage: Option<Storage>,
    /// Why what is there cannot be read.
    storage_problem: Option<&'a str>,
    /// What was recorded so far.
    events: Vec<EventReport<'a>>,
    /// How many records are of events that are not listed.
    records_of_other_events: u64,
    /// The names that say that their texts are secrets, and how many of those are recorded in clear.
    secret_names: Vec<SecretName<'a>>,
}

/// Who decided.
#[derive(Debug, Serialize)]
struct ExplainDecidedBy {
    kind: &'static str,
    text: String,
}

/// How much is kept and for how long.
#[derive(Debug, Serialize)]
struct Bounds {
    /// `application` if it says so itself, or `default`, which it may have changed.
    known_from: &'static str,
    total_bytes_max: u64,
    age_seconds_max: u64,
    segment_bytes_max: u64,
    line_bytes_max: usize,
    string_bytes_max: usize,
}

/// How much there is.
#[derive(Debug, Serialize)]
struct Storage {
    segments: u64,
    bytes: u64,
    records: u64,
    first: Option<String>,
    last: Option<String>,
    damage: u64,
}

/// One event.
#[derive(Debug, Serialize)]
struct EventReport<'a> {
    /// Its name; absent where it has none.
    event: Option<&'a str>,
    /// The part of the application.
    target: &'a str,
    /// How many records there are.
    records: u64,
    /// Its messages; absent where it has none.
    message: Option<ValuesReport<'a>>,
    /// Its properties, in the order in which they came first.
    properties: Vec<PropertyReport<'a>>,
    /// How many values are of properties that are not listed.
    values_of_other_properties: u64,
}

/// One property.
#[derive(Debug, Serialize)]
struct PropertyReport<'a> {
    name: &'a str,
    /// The span that has it, if it is not the event's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_span: Option<&'a str>,
    #[serde(flatten)]
    values: ValuesReport<'a>,
}

/// The values of a property or message.
#[derive(Debug, Serialize)]
struct ValuesReport<'a> {
    /// How many records have one.
    records: u64,
    /// What they are, in the words of JSON.
    kinds: Vec<ValueType>,
    /// The latest, as text, cut to 60 characters.
    example: &'a str,
    /// What becomes of it when it is recorded.
    verdict: &'static str,
}

impl<'a> ExplainReport<'a> {
    /// Puts the facts under their keys.
    pub(super) fn new(facts: &'a Explanation<'_>) -> Self {
        let Decision {
            state,
            decided_by,
            problems,
            ..
        } = &facts.decision;
        let inventory = facts.inventory.as_ref();
        Self {
            recording: match facts.recording {
                RecordingStatus::On => Some(true),
                RecordingStatus::Off => Some(false),
                RecordingStatus::Unknown => None,
            },
            status: state.to_string(),
            decided_by: ExplainDecidedBy {
                kind: decided_by.kind(),
                text: decided_by.to_string(),
            },
            problems,
            level: facts.place.host.level(),
            policy: OwnerReport::of(&facts.owner),
            source: facts.place.name().map(Source::as_str),
            profile: facts.place.profile.as_str(),
            directory: facts.path.display().to_string(),
            directory_exists: localtel::internal::store::elsewhere::is_directory(&facts.path),
            is_open_to_others: match facts.openness {
                Openness::Private => Some(false),
                Openness::Open { .. } => Some(true),
                Openness::Missing | Openness::Unknown => None,
            },
            limits: Bounds::of(&facts.limits),
            storage: inventory.map(Storage::of),
            storage_problem: facts.problem.as_deref(),
            events: inventory
                .into_iter()
                .flat_map(|inventory| &inventory.events)
                .map(|(key, event)| EventReport::of(key, event, &facts.policies))
                .collect(),
            records_of_other_events: inventory.map_or(0, |inventory| inventory.records_of_others),
            secret_names: inventory
                .map(|inventory| inventory.secret_names.report())
                .unwrap_or_default(),
        }
    }
}

impl Bounds {
    fn of(known: &KnownLimits) -> Self {
        let limits = known.limits();
        Self {
            known_from: match known {
                KnownLimits::OfApplication(_) => "application",
                KnownLimits::Usual(_) => "default",
            },
            total_bytes_max: limits.total_bytes_max,
            age_seconds_max: limits.age_max.as_secs(),
            segment_bytes_max: limits.segment_bytes_max,
            line_bytes_max: limits.line_bytes_max,
            string_bytes_max: limits.string_bytes_max,
        }
    }
}

impl Storage {
    fn of(inventory: &Inventory) -> Self {
        Self {
            segments: inventory.segments,
            bytes: inventory.bytes,
            records: inventory.records,
            first: inventory.first.map(|first| first.to_string()),
            last: inventory.last.map(|last| last.to_string()),
            damage: inventory.damage,
        }
    }
}

impl<'a> EventReport<'a> {
    fn of(key: &'a EventKey, event: &'a EventTally, policies: &PolicyView) -> Self {
        let verdict = |part, has_texts| {
            policies.verdict(&Subject {
                event: key,
                level: event.level,
                part,
                has_texts,
            })
        };
        let report = |values: &'a Values, part| ValuesReport {
            records: values.records,
            kinds: values.kinds.iter().copied().collect(),
            example: &values.example.text,
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
