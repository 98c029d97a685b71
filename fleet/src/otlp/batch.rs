//! Lines of OTLP JSON: each is a batch of records, by resource (a session) and scope (a target). A
//! line stays below 1 MiB, which is what collectors read by default.

use localtel::read::raw::{RawRecord, RawText, RawValue};
use localtel::read::{OWN_TARGET, Record};
use localtel::serde_json::Value;

use super::any_value::{push_comma, push_quoted, push_string};
use super::log_record::{ESCAPED_MAX, NAME_MAX, cut};

/// What a session says about all of its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OtlpSession {
    version: Option<String>,
    installation: Option<String>,
}

/// Names and values of attributes of each resource, beyond what records say.
pub(super) type OtlpOrigin = Vec<(&'static str, String)>;

/// The resource and the scope of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordOwner {
    pub(super) session: String,
    pub(super) source: String,
    pub(super) scope: String,
}

impl RecordOwner {
    pub(super) fn of(raw: &RawRecord<'_>) -> Self {
        Self {
            session: raw.session.decoded().into_owned(),
            source: name_of(raw.source),
            scope: name_of(raw.target),
        }
    }
}

impl OtlpSession {
    /// Returns the facts that a record has about its session, if it has any.
    pub(super) fn of(raw: &RawRecord<'_>, line: &[u8]) -> Option<Self> {
        let is_start =
            raw.target.is(OWN_TARGET) && raw.event.is_some_and(|name| name.is("session"));
        if is_start {
            let text = |wanted: &str| {
                let mut members = raw.properties.raw_members().into_iter();
                let (_, json) = members.find(|(name, _)| name.is(wanted))?;
                match json.value() {
                    RawValue::Text(text) => Some(cut(&text, NAME_MAX).to_owned()),
                    RawValue::Number(_) | RawValue::Word(_) | RawValue::Compound(_) => None,
                }
            };
            return Some(Self {
                version: text("version"),
                installation: text("installation"),
            });
        }
        // The only record of its session has the facts itself.
        let may_be_only = raw.seq == 0 && line.ends_with(b"}}");
        let once = may_be_only
            .then(|| Record::parse(line).ok()?.once)
            .flatten()?;
        let text = |name| once.get(name).and_then(Value::as_str);
        let owned = |text: &str| cut(text, NAME_MAX).to_owned();
        Some(Self {
            version: text("version").map(owned),
            installation: text("installation").map(owned),
        })
    }
}

/// Returns a name, cut if it is long.
fn name_of(text: RawText<'_>) -> String {
    cut(&text.decoded(), NAME_MAX).to_owned()
}

/// The records of one line.
#[derive(Debug)]
pub(super) struct OtlpBatch {
    origin: OtlpOrigin,
    sessions: Vec<SessionRecords>,
    records: usize,
    /// At least the bytes of the line.
    bytes: usize,
}

/// The records of a session.
#[derive(Debug)]
struct SessionRecords {
    session: String,
    source: String,
    facts: OtlpSession,
    scopes: Vec<ScopeRecords>,
}

/// The records of a scope, separated by commas.
#[derive(Debug)]
struct ScopeRecords {
    scope: String,
    records: Vec<u8>,
}

impl OtlpBatch {
    pub(super) fn new(origin: OtlpOrigin) -> Self {
        Self {
            origin,
            sessions: Vec::new(),
            records: 0,
            bytes: 0,
        }
    }

    /// Returns `true` if another record of that length must be in the next line.
    pub(super) fn is_full_for(&self, record: usize) -> bool {
        self.records > 0 && (self.records >= RECORDS_MAX || self.bytes + record > BATCH_MAX)
    }

    /// Adds a record. `facts` are those of its session.
    pub(super) fn add(&mut self, owner: RecordOwner, facts: Option<&OtlpSession>, record: &[u8]) {
        self.records += 1;
        self.bytes += record.len() + 1;
        let mut sessions = self.sessions.iter();
        let known = sessions
            .rposition(|known| known.session == owner.session && known.source == owner.source);
        let place = known.unwrap_or_else(|| {
            let facts = facts.cloned().unwrap_or_default();
            let texts = [&facts.version, &facts.installation].into_iter().flatten();
            let texts = texts.chain(self.origin.iter().map(|(_, value)| value));
            let texts: usize = texts.map(|text| text.len().min(NAME_MAX)).sum();
            self.bytes += RESOURCE_BYTES + ESCAPED_MAX * (texts + owner.source.len());
            self.sessions.push(SessionRecords {
                session: owner.session,
                source: owner.source,
                facts,
                scopes: Vec::new(),
            });
            self.sessions.len() - 1
        });
        let Some(session) = self.sessions.get_mut(place) else {
            return;
        };
        let mut scopes = session.scopes.iter_mut();
        if let Some(known) = scopes.rfind(|known| known.scope == owner.scope) {
            known.records.push(b',');
            known.records.extend_from_slice(record);
            return;
        }
        self.bytes += SCOPE_BYTES + ESCAPED_MAX * owner.scope.len();
        session.scopes.push(ScopeRecords {
            scope: owner.scope,
            records: record.to_vec(),
        });
    }

    /// Writes the line, and removes the records. Nothing is written without records.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        if self.records == 0 {
            return;
        }
        out.extend_from_slice(b"{\"resourceLogs\":[");
        for (place, session) in self.sessions.drain(..).enumerate() {
            push_comma(out, place > 0);
            out.extend_from_slice(b"{\"resource\":{\"attributes\":[");
            push_resource(out, &session, &self.origin);
            out.extend_from_slice(b"]},\"scopeLogs\":[");
            for (place, scope) in session.scopes.into_iter().enumerate() {
                push_comma(out, place > 0);
                out.extend_from_slice(b"{\"scope\":{\"name\":");
                push_quoted(out, &scope.scope);
                out.extend_from_slice(b"},\"logRecords\":[");
                out.extend_from_slice(&scope.records);
                out.extend_from_slice(b"]}");
            }
            out.extend_from_slice(b"]}");
        }
        out.extend_from_slice(b"]}\n");
        (self.records, self.bytes) = (0, 0);
    }
}

fn push_resource(out: &mut Vec<u8>, session: &SessionRecords, origin: &OtlpOrigin) {
    let own = [
        ("service.name", Some(session.source.as_str())),
        ("service.version", session.facts.version.as_deref()),
        ("service.instance.id", Some(session.session.as_str())),
        ("host.id", session.facts.installation.as_deref()),
    ];
    let own = own
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let others = origin.iter();
    let others = others.map(|(name, value)| (*name, cut(value, NAME_MAX)));
    for (place, (name, value)) in own.chain(others).enumerate() {
        push_comma(out, place > 0);
        out.extend_from_slice(b"{\"key\":");
        push_quoted(out, name);
        out.extend_from_slice(b",\"value\":");
        push_string(out, value);
        out.push(b'}');
    }
}

/// Number of records of a line, and about the bytes at which no other record is added. A record
/// may be larger than that alone.
const RECORDS_MAX: usize = 1000;
const BATCH_MAX: usize = 500_000;
/// About the bytes of a resource and a scope besides their values.
const RESOURCE_BYTES: usize = 1000;
const SCOPE_BYTES: usize = 50;
