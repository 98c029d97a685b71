//! The deployment report: one value that describes an application, the machine it runs on and how
//! it has been used, for the owner of the machine. [`Reports`] sets when one is recorded.

// Creating one is a pure function of collected facts: this file writes, counts and waits for
// nothing, and `reporter` decides when a report is recorded.
//
// deployment ─┐
// metadata ───┤
// machine ────┼─► Parts ─► Report ─► shown as JSON, or the properties of a record
// volumes ────┤
// counters ───┘

mod counters;
mod deployment;
mod metadata;
mod reporter;
mod schedule;
mod text;
mod waiting;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::counters::Counter;
pub(crate) use self::counters::Family;
pub use self::deployment::Deployment;
pub use self::metadata::RESERVED_KEYS;
pub use self::reporter::Reports;
pub(crate) use self::reporter::{Reporter, newer_release};
use self::text::{NAME_BYTES_MAX, escaped, fact, fit};
pub(crate) use self::waiting::Waiting;
use crate::consent::{Recording, RecordingAnswer};
use crate::encode::{LineLimits, as_recorded};
use crate::policy::InForce;
pub use crate::policy::owner::Include;
use crate::policy::owner::OwnerMetadata;
pub(crate) use crate::probe::Machine;
use crate::probe::Volume;
use crate::record::own::{OWN_TARGET, OwnEvent};
use crate::record::{Level, Properties, format_timestamp};
pub use crate::release::Release;
use crate::text::cut;

/// The report of a deployment: the application, the machine, and how it has been used.
///
/// Its `Display` is indented JSON, safe to show on a terminal, with the keys always in the same
/// order. Unknown values are absent, and so are values that the policy drops: each value is as it
/// would be recorded. Creating a report records nothing: it is the next report as it would be now,
/// and `recorded` shows whether one may be recorded.
///
/// # Format
///
/// | key | value |
/// |---|---|
/// | `installation` | the installation's id |
/// | `installed`, `started` | when it was installed, and when this process started |
/// | `uptime` | number of seconds that the process has been running |
/// | `uuid`, `exported_uuid`, `install_timestamp` | the rows of metadata with [`RESERVED_KEYS`] |
/// | `application` | `name`, `version`, `commit`, `branch`, `dirty`, `debug`, `installer`, `build` |
/// | `os` | `family`, `distribution`, `name`, `version`, `release`, `pretty_name`, `kernel`, `arch`, `pointer_width` (bits) |
/// | `environment` | `container`, `virtual_machine` |
/// | `hardware` | `cpus`, `cores`, `sockets`, `model`, `mhz`, `memory_total_bytes`, `memory_available_bytes`, `load` of 1, 5 and 15 minutes |
/// | `machine_uptime` | number of seconds that the machine has been running |
/// | `data` | for each named path `bytes` and `files`, `cut_short` (`directories`, `entries` or `time`: the limit that ended the count), `problem` |
/// | `changed_settings` | the names of the settings that differ from their default |
/// | `components`, `extensions` | a version, or whether it is installed, for each name |
/// | `metadata` | the rows that are included |
/// | `counters`, `errors` | counts of this process since `counted_since` |
/// | `since` | time of the last report, of any process |
/// | `counted_since` | start of the counts in `counters` and `errors`, in this process: its start, or the time when it last recorded some; only if there are any |
/// | `omitted` | for each key, the number of entries that did not fit |
/// | `recorded` | `recording`, `because` and a `text`; not part of the record |
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    #[serde(flatten)]
    properties: Properties,
    recorded: Recorded,
}

/// Whether reports are recorded, as shown in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Recorded {
    recording: Recording,
    because: String,
    text: &'static str,
}

impl Recorded {
    /// Returns the value for reports that are recorded as other events are.
    pub(crate) fn of(answer: &RecordingAnswer) -> Self {
        Self {
            recording: answer.recording,
            because: fact(&answer.because),
            text: match answer.recording {
                Recording::Yes => {
                    "is recorded when the next report is due, or when the application asks for one"
                }
                Recording::No => "would be recorded if telemetry were on",
                Recording::Unknown => {
                    "is recorded if the application records while consent is undecided"
                }
            },
        }
    }

    /// Returns the value for reports that are not recorded, though other events may be.
    pub(crate) fn filtered_out() -> Self {
        Self {
            recording: Recording::No,
            because: "the policy drops the event `report`".to_owned(),
            text: "would be recorded if the policy kept it",
        }
    }

    /// Returns whether reports are recorded under a policy.
    pub(crate) fn under(self, policy: &InForce) -> Self {
        let report = OwnEvent::Report.name();
        if self.recording == Recording::No
            || policy.admits_event(Level::Info, OWN_TARGET, Some(report))
        {
            self
        } else {
            Self::filtered_out()
        }
    }
}

/// The parts of a report.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// The installation's id; there is none without consent.
    pub installation: Option<Uuid>,
    /// The time of installation.
    pub installed: Option<OffsetDateTime>,
    /// The start of this process.
    pub started: Option<OffsetDateTime>,
    /// The application's name.
    pub source: &'a str,
    /// The application's version.
    pub version: Option<&'a str>,
    /// The application's description of its installation.
    pub deployment: &'a Deployment,
    /// The changes of the machine's owner to the application's metadata.
    pub owner_metadata: &'a BTreeMap<String, OwnerMetadata>,
    /// The machine.
    pub machine: &'a Machine,
    /// The volumes of the paths that the application named: [`Deployment::volumes`].
    pub volumes: &'a BTreeMap<String, Volume>,
    /// The counts that were not yet reported: an object.
    pub counters: Value,
    /// The count of each error that was not yet reported: an object.
    pub errors: Value,
    /// The time of the last report, of any process.
    pub since: Option<OffsetDateTime>,
    /// The start of the counts, if there are any.
    pub counted_since: Option<OffsetDateTime>,
    /// Whether reports are recorded.
    pub recorded: Recorded,
    /// The maximal length of its line.
    pub line_bytes_max: usize,
    /// The time of its creation.
    pub now: OffsetDateTime,
}

impl Report {
    /// Creates a report, before any policy: the caller that records it applies that.
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let recorded = parts.recorded.clone();
        let known = |(name, value)| Some((name, without_unknown(value)?));
        Self {
            properties: facts_of(parts).into_iter().filter_map(known).collect(),
            recorded,
        }
    }

    /// Returns the report as it would be recorded under a policy.
    pub(crate) fn under(self, policy: &InForce, limits: LineLimits) -> Self {
        let treated = |(name, value)| Some((name, as_recorded(name, value, limits, policy)?));
        Self {
            properties: self.properties.iter().filter_map(treated).collect(),
            recorded: self.recorded,
        }
    }

    /// Returns the report as a JSON object.
    pub fn to_json(&self) -> Value {
        json(self)
    }

    /// Returns the properties of a record of the report: its top-level keys in order, without
    /// `recorded`.
    pub(crate) fn properties(&self) -> &Properties {
        &self.properties
    }
}

/// Returns the facts of a report, before any policy, in the order of its keys; unknown ones are
/// null or empty.
fn facts_of(parts: Parts<'_>) -> [(&'static str, Value); 22] {
    let deployment = parts.deployment;
    let machine = parts.machine;
    let mut room = Room::in_line(parts.line_bytes_max);
    let rows = &deployment.metadata.entries;
    let mut rows = metadata::included(rows, parts.owner_metadata);
    let [uuid, exported_uuid, install_timestamp] =
        RESERVED_KEYS.map(|key| json(rows.remove(key).map(fact)));
    room.count("build", deployment.build.omitted);
    room.count("metadata", deployment.metadata.omitted);
    room.count("data", deployment.data_paths.omitted);
    room.count("changed_settings", deployment.changed_settings.omitted);
    room.count("components", deployment.components.omitted);
    room.count("extensions", deployment.extensions.omitted);
    let volumes = parts.volumes.iter();
    let volumes = volumes.map(|(name, volume)| (cut(name, NAME_BYTES_MAX), data_of(volume)));
    let settings = deployment.changed_settings.entries.clone();
    let settings = room.fit("changed_settings", settings);
    let uptime = parts
        .started
        .map(|started| (parts.now - started).whole_seconds());
    [
        ("installation", json(parts.installation)),
        ("installed", json(parts.installed.map(format_timestamp))),
        ("started", json(parts.started.map(format_timestamp))),
        // A clock that was set back gives no uptime.
        ("uptime", json(uptime.filter(|seconds| *seconds >= 0))),
        ("uuid", uuid),
        ("exported_uuid", exported_uuid),
        ("install_timestamp", install_timestamp),
        ("application", application_of(&parts, &mut room)),
        ("os", json(&machine.os)),
        ("environment", json(&machine.surroundings)),
        ("hardware", json(&machine.hardware)),
        ("machine_uptime", json(machine.uptime_seconds)),
        ("data", json(room.fit("data", volumes))),
        ("changed_settings", settings.into_keys().collect()),
        (
            "components",
            json(room.fit("components", deployment.components.entries.clone())),
        ),
        (
            "extensions",
            json(room.fit("extensions", deployment.extensions.entries.clone())),
        ),
        ("metadata", json(room.fit("metadata", rows))),
        (
            "counters",
            room.fit_counts("counters", parts.counters, room.counters_bytes),
        ),
        (
            "errors",
            room.fit_counts("errors", parts.errors, room.named_bytes),
        ),
        ("since", json(parts.since.map(format_timestamp))),
        (
            "counted_since",
            json(parts.counted_since.map(format_timestamp)),
        ),
        ("omitted", json(room.omitted)),
    ]
}

/// Returns the description of an application, as shown in a report.
fn application_of(parts: &Parts<'_>, room: &mut Room) -> Value {
    let deployment = parts.deployment;
    Value::from_iter([
        ("name", json(fact(parts.source))),
        ("version", json(parts.version.map(fact))),
        ("commit", json(&deployment.commit)),
        ("branch", json(&deployment.branch)),
        ("dirty", json(deployment.is_dirty)),
        ("debug", json(deployment.is_debug)),
        ("installer", json(&deployment.installer)),
        (
            "build",
            json(room.fit("build", deployment.build.entries.clone())),
        ),
    ])
}

/// Returns a volume, as shown in a report.
fn data_of(volume: &Volume) -> Value {
    match volume {
        Volume::Unknown(reason) => Value::from_iter([("problem", fact(reason))]),
        Volume::Measured(count) => Value::from_iter([
            ("bytes", json(count.bytes)),
            ("files", json(count.files)),
            ("cut_short", json(count.cut_short)),
            (
                "problem",
                match count.unreadable {
                    0 => Value::Null,
                    1 => "a directory could not be read".into(),
                    count => format!("{count} directories could not be read").into(),
                },
            ),
        ]),
    }
}

/// Returns a value as JSON. Every key is a string, so this cannot fail.
fn json(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Indented JSON without characters that act on a terminal.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?;
        f.write_str(&escaped(&json))
    }
}

/// The room that a line has for the names of an application, and the number of those that did not
/// fit.
#[derive(Debug)]
struct Room {
    named_bytes: usize,
    counters_bytes: usize,
    omitted: BTreeMap<&'static str, u64>,
}

impl Room {
    /// Divides a line, so that no kind of names takes the room of another.
    fn in_line(line_bytes_max: usize) -> Self {
        let bytes = line_bytes_max.saturating_sub(FACTS_BYTES.min(line_bytes_max / 2));
        let counters_bytes = bytes / 4;
        Self {
            named_bytes: (bytes - counters_bytes) / NAMED_KINDS,
            counters_bytes,
            omitted: BTreeMap::new(),
        }
    }

    fn count(&mut self, kind: &'static str, omitted: u64) {
        if omitted > 0 {
            *self.omitted.entry(kind).or_default() += omitted;
        }
    }

    fn fit<T: Serialize>(
        &mut self,
        kind: &'static str,
        entries: impl IntoIterator<Item = (String, T)>,
    ) -> BTreeMap<String, T> {
        let (entries, omitted) = fit(entries, self.named_bytes);
        self.count(kind, omitted);
        entries
    }

    fn fit_counts(&mut self, kind: &'static str, counts: Value, bytes_max: usize) -> Value {
        let Value::Object(counts) = counts else {
            return Value::Null;
        };
        let (entries, omitted) = fit(counts, bytes_max);
        self.count(kind, omitted);
        entries.into_iter().collect()
    }
}

/// Returns a value without its unknown and empty parts; nothing if no part is left.
fn without_unknown(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(members) => {
            let known = |(name, value)| Some((name, without_unknown(value)?));
            let members: serde_json::Map<_, _> = members.into_iter().filter_map(known).collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value),
    }
}

/// The kinds of names of which each has the same room: data, build, changed settings, components,
/// extensions, metadata, errors.
const NAMED_KINDS: usize = 7;
/// The maximal size of all single facts. A character takes up to six bytes of JSON for each of its
/// own. Eight facts of 256 bytes (application, reserved metadata) are 12.5 KiB, seven of 128 bytes
/// (system, processor) 5.5 KiB, the three names at the start of the line 4.5 KiB, and keys, numbers
/// and times 3 KiB.
const FACTS_BYTES: usize = 26 * 1024;

#[cfg(test)]
mod tests;
