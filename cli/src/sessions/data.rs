//! The list of sessions for programs: as one JSON document, or as a table with all that is known of
//! each session.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::super::columns::Cell;
use super::super::document::document;
use super::super::screen::OutputKind;
use super::super::time::{Zone, moment};
use super::super::{csv, tsv};
use localtel::read::raw::RawValue;
use localtel::read::tally::{RecordedSession, SessionEnding, SessionList};

/// Returns the list as one JSON document on a line.
pub(super) fn json(sessions: &[&RecordedSession], list: &SessionList) -> Vec<u8> {
    let sessions: Vec<Value> = sessions.iter().map(|it| session_value(it)).collect();
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
pub(super) fn csv(sessions: &[&RecordedSession], zone: Zone, sink: OutputKind) -> Vec<u8> {
    let mut out = Vec::new();
    csv::push_headings(&mut out, HEADINGS.into_iter(), sink);
    for session in sessions {
        csv::push_cells(&mut out, &cells(session, zone), sink);
    }
    out
}

/// Returns the list as tab-separated values.
pub(super) fn tsv(sessions: &[&RecordedSession], zone: Zone, sink: OutputKind) -> Vec<u8> {
    let mut out = Vec::new();
    tsv::push_headings(&mut out, HEADINGS.into_iter(), sink);
    for session in sessions {
        tsv::push_cells(&mut out, &cells(session, zone), sink);
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

fn cells(session: &RecordedSession, zone: Zone) -> [Cell<'_>; HEADINGS.len()] {
    let plain = |text: String| Cell::Plain(Cow::Owned(text.into_bytes()));
    let number = |number: u64| plain(number.to_string());
    let text = |text| Cell::Nested(RawValue::Text(Cow::Borrowed(text)));
    let time = |time| plain(zone.text(moment(time)).to_string());
    let losses = session.losses;
    [
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
    ]
}
