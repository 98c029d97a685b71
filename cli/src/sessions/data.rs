//! The list of sessions for programs: as one JSON document, or as a table with all that is known of
//! each session.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::super::columns::Cell;
use super::super::document::document;
use super::super::screen::OutputKind;
use super::super::time::{Zone, moment};
use super::super::{csv, tsv};
use super::counting::{CountedSessions, Hosts};
use localtel::read::raw::RawValue;
use localtel::read::tally::{RecordedSession, SessionEnding};

/// Returns the list as one JSON document on a line.
pub(super) fn json(sessions: &[&RecordedSession], counted: &CountedSessions) -> Vec<u8> {
    let value = |session: &&RecordedSession| {
        let mut members = serde_json::Map::new();
        members.extend(
            counted
                .hosts
                .host(session)
                .map(|host| ("host".to_owned(), host.into())),
        );
        match session_value(session) {
            Value::Object(own) => members.extend(own),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {}
        }
        Value::Object(members)
    };
    let sessions: Vec<Value> = sessions.iter().map(value).collect();
    let list = &counted.list;
    // A value of JSON can be written.
    document(json!({ "sessions": sessions, "left_out": list.left_out() })).unwrap_or_default()
}

fn session_value(session: &RecordedSession) -> Value {
    json!({
        "id": session.id,
        "application": session.application,
        "version": session.version,
        "pid": session.pid,
        "installation": session.installation,
        "start": session.start,
        "last": session.last,
        "seconds": session.length().as_secs_f64(),
        "records": session.records,
        "errors": session.errors,
        "losses": session.losses,
        "ending": ending(session),
    })
}

/// Returns the list as comma-separated values.
pub(super) fn csv(
    sessions: &[&RecordedSession],
    hosts: &Hosts,
    zone: Zone,
    sink: OutputKind,
) -> Vec<u8> {
    let mut out = Vec::new();
    csv::push_headings(&mut out, headings(hosts), sink);
    for session in sessions {
        csv::push_cells(&mut out, &cells(session, hosts, zone), sink);
    }
    out
}

/// Returns the list as tab-separated values.
pub(super) fn tsv(
    sessions: &[&RecordedSession],
    hosts: &Hosts,
    zone: Zone,
    sink: OutputKind,
) -> Vec<u8> {
    let mut out = Vec::new();
    tsv::push_headings(&mut out, headings(hosts), sink);
    for session in sessions {
        tsv::push_cells(&mut out, &cells(session, hosts, zone), sink);
    }
    out
}

/// Returns the word for the ending, as in JSON.
fn ending(session: &RecordedSession) -> &'static str {
    match session.ending {
        SessionEnding::Orderly => "orderly",
        SessionEnding::Running => "running",
        SessionEnding::Withdrawn => "withdrawn",
        SessionEnding::WithoutEnd => "without_end",
    }
}

/// Returns the headings; the machine is the first one where it is known.
fn headings(hosts: &Hosts) -> impl Iterator<Item = &'static str> {
    let host = (hosts.number > 0).then_some("host");
    host.into_iter().chain(HEADINGS)
}

const HEADINGS: [&str; 13] = [
    "start",
    "last",
    "seconds",
    "application",
    "version",
    "pid",
    "records",
    "errors",
    "dropped",
    "refused",
    "failed",
    "ending",
    "id",
];

fn cells<'a>(session: &'a RecordedSession, hosts: &'a Hosts, zone: Zone) -> Vec<Cell<'a>> {
    let plain = |text: String| Cell::Plain(Cow::Owned(text.into_bytes()));
    let number = |number: u64| plain(number.to_string());
    let text = |text| Cell::Nested(RawValue::Text(Cow::Borrowed(text)));
    let time = |time| plain(zone.text(moment(time)).to_string());
    let losses = session.losses;
    let host = (hosts.number > 0).then(|| hosts.host(session).map_or(Cell::Empty, text));
    let cells: [Cell<'_>; HEADINGS.len()] = [
        time(session.start),
        time(session.last),
        plain(format!("{:.3}", session.length().as_secs_f64())),
        text(&session.application),
        session.version.as_deref().map_or(Cell::Empty, text),
        session.pid.map_or(Cell::Empty, |pid| number(pid.into())),
        number(session.records),
        number(session.errors),
        number(losses.dropped),
        number(losses.refused),
        number(losses.failed),
        plain(ending(session).to_owned()),
        plain(session.id.to_string()),
    ];
    host.into_iter().chain(cells).collect()
}
