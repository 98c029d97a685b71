//! Logs of OpenTelemetry as JSON (`resourceLogs`, `scopeLogs`, `logRecords`): one line is a batch
//! of records, which share a resource and a scope.

use super::json::{ForeignText, Json};
use super::level::{ForeignLevel, LevelScale};
use super::record::{ForeignProperty, ForeignRecord, ForeignValue};
use super::time;

/// Reads the records of a line.
pub(super) fn records(line: Json<'_>, each: &mut dyn FnMut(ForeignRecord<'_>)) {
    let batches = line
        .get("resourceLogs")
        .into_iter()
        .flat_map(Json::elements);
    for batch in batches.filter(|batch| batch.is_object()) {
        let mut shared = OtlpShared::default();
        shared.add_resource(batch.get("resource"));
        let of_resource = shared.properties.len();
        let scopes = batch.get("scopeLogs").into_iter().flat_map(Json::elements);
        for scope_logs in scopes.filter(|scope| scope.is_object()) {
            shared.properties.truncate(of_resource);
            shared.add_scope(scope_logs.get("scope"));
            let records = scope_logs
                .get("logRecords")
                .into_iter()
                .flat_map(Json::elements);
            for record in records.filter(|record| record.is_object()) {
                each(shared.record(record));
            }
        }
    }
}

/// What the records of a scope share.
#[derive(Default)]
struct OtlpShared<'a> {
    source: Option<ForeignText<'a>>,
    target: Option<ForeignText<'a>>,
    properties: Vec<ForeignProperty<'a>>,
}

impl<'a> OtlpShared<'a> {
    fn add_resource(&mut self, resource: Option<Json<'a>>) {
        self.add_members("resource.", &["attributes"], resource);
        for (key, value) in attributes_of(resource) {
            match value.get("stringValue").and_then(Json::text) {
                Some(name) if key == "service.name" => self.source = Some(name),
                // They tell which library recorded, and nothing about the application.
                Some(_) if key.starts_with("telemetry.sdk.") => {}
                Some(_) | None => self.push("resource.", key, ForeignValue::AnyValue(value)),
            }
        }
    }

    fn add_scope(&mut self, scope: Option<Json<'a>>) {
        self.target = scope.and_then(|scope| scope.get("name")?.text());
        self.add_members("scope.", &["attributes", "name"], scope);
        for (key, value) in attributes_of(scope) {
            self.push("scope.", key, ForeignValue::AnyValue(value));
        }
    }

    /// Adds the members of an object, except those that are read elsewhere.
    fn add_members(&mut self, prefix: &'static str, read: &[&str], object: Option<Json<'a>>) {
        for (key, value) in object.into_iter().flat_map(Json::members) {
            if !read.contains(&key) && !is_default(value) {
                self.push(prefix, key, ForeignValue::Json(value));
            }
        }
    }

    fn push(&mut self, prefix: &'static str, name: &'a str, value: ForeignValue<'a>) {
        self.properties.push(ForeignProperty {
            prefix,
            name,
            value,
        });
    }

    /// Reads a record.
    fn record(&self, json: Json<'a>) -> ForeignRecord<'a> {
        let mut record = ForeignRecord {
            source: self.source,
            target: self.target,
            ..ForeignRecord::default()
        };
        let mut number = None;
        let mut word = None;
        let mut observed = None;
        for (key, value) in json.members() {
            match (key, value.text()) {
                ("attributes", _) => {}
                (_, _) if is_default(value) => {}
                ("timeUnixNano", _) => record.time = time::of_nanoseconds(value),
                ("observedTimeUnixNano", _) => observed = time::of_nanoseconds(value),
                ("severityNumber", _) => number = Some(value),
                ("severityText", Some(_)) => word = Some(value),
                ("eventName", Some(name)) if !is_position(name) => record.event = Some(name),
                ("body", _) => match value.get("stringValue").and_then(Json::text) {
                    Some(message) => record.message = Some(message),
                    None => beside(key, ForeignValue::AnyValue(value), &mut record),
                },
                (_, _) => beside(key, ForeignValue::Json(value), &mut record),
            }
        }
        record.time = record.time.or(observed);
        add_severity(number, word, &mut record);
        let attributes = attributes_of(Some(json));
        let values = attributes.map(|(name, value)| (name, ForeignValue::AnyValue(value)));
        record.properties.extend(values);
        record.beside.extend_from_slice(&self.properties);
        record
    }
}

/// Adds the level: the number decides, and a word that says something else stays a property.
fn add_severity<'a>(
    number: Option<Json<'a>>,
    word: Option<Json<'a>>,
    record: &mut ForeignRecord<'a>,
) {
    let read = |json: Json<'a>| ForeignLevel::of_json(json, LevelScale::Otlp);
    let by_number = number.and_then(read);
    let by_word = word.and_then(read);
    record.level = by_number.or(by_word).map(ForeignLevel::level);
    let is_near = matches!(by_number, Some(ForeignLevel::Near(_)));
    let is_said = by_word.is_some_and(|word| word == ForeignLevel::Same(word.level()))
        && by_word.map(ForeignLevel::level) == record.level;
    for (name, value, is_kept) in [
        ("severityNumber", number, is_near),
        ("severityText", word, !is_said),
    ] {
        if let Some(value) = value.filter(|_| is_kept) {
            beside(name, ForeignValue::Json(value), record);
        }
    }
}

fn beside<'a>(name: &'a str, value: ForeignValue<'a>, record: &mut ForeignRecord<'a>) {
    record.beside.push(ForeignProperty {
        prefix: "",
        name,
        value,
    });
}

/// Returns the names and values of the attributes of an object.
fn attributes_of(object: Option<Json<'_>>) -> impl Iterator<Item = (&str, Json<'_>)> {
    let list = object.and_then(|object| object.get("attributes"));
    let pairs = list.into_iter().flat_map(Json::elements);
    pairs.filter_map(|pair| match pair.get("key")?.text()? {
        ForeignText::Escaped(key) => Some((key, pair.get("value").unwrap_or(pair))),
        ForeignText::Plain(_) => None,
    })
}

/// Returns `true` if the name of an event is the one that `tracing` gives to events without a name:
/// the position in the source.
fn is_position(name: ForeignText<'_>) -> bool {
    name.decoded().starts_with("event ") && name.decoded().contains(".rs:")
}

/// Returns `true` if a value is the same as none: some exporters write all fields.
fn is_default(value: Json<'_>) -> bool {
    matches!(value.as_str(), "0" | "\"\"" | "null" | "[]" | "{}")
}
