//! The lines that a session writes of itself. What stands in them is `record::own`'s; who numbers and writes them is
//! `writer`'s business.

use super::Settings;
use crate::clock;
use crate::encode::{FrameHeader, LineLimits, Own, SyntheticRecord, encode_synthetic};
use crate::record::own::{OWN_TARGET, OwnEvent, SessionStart};
use crate::record::{Level, Properties};
use crate::store::limits::SEGMENT_BYTES_LEAST;

/// Encodes a record of now.
pub(super) fn encode_own(
    settings: &Settings,
    event: OwnEvent,
    properties: &Properties,
    out: &mut Vec<u8>,
) {
    encode_own_at(
        settings,
        event,
        properties,
        clock::micros_since_epoch(),
        out,
    );
}

/// Encodes the record with which a session begins its lines in a segment, and which it repeats there now and
/// then.
pub(super) fn encode_session(
    settings: &Settings,
    start: SessionStart<'_>,
    micros: i64,
    out: &mut Vec<u8>,
) {
    encode_own_at(
        settings,
        OwnEvent::Session,
        &start.properties(),
        micros,
        out,
    );
}

/// Encodes what a `session` record would say, for the only line of a session.
pub(super) fn session_facts(settings: &Settings, start: SessionStart<'_>) -> Option<Vec<u8>> {
    let mut frame = Vec::new();
    encode_session(settings, start, 0, &mut frame);
    let (header, line, _) = FrameHeader::split_first(&frame)?;
    let facts = line
        .get(header.number_at..)?
        .strip_prefix(b",\"properties\":")?
        .strip_suffix(LINE_END)?;
    // Where it was cut, it says nothing.
    (!facts.starts_with(b"{\"localtel.cut\"")).then(|| facts.to_vec())
}

fn encode_own_at(
    settings: &Settings,
    event: OwnEvent,
    properties: &Properties,
    micros: i64,
    out: &mut Vec<u8>,
) {
    let level = if event == OwnEvent::Dropped {
        Level::Warn
    } else {
        Level::Info
    };
    let synthetic = SyntheticRecord {
        own: Own::Localtel,
        level,
        source: &settings.source,
        target: OWN_TARGET,
        event: Some(event.name()),
        message: None,
        properties,
        policy: None,
    };
    // An id that is cut is none.
    let string_bytes_max = settings.limits.string_bytes_max.max(ID_BYTES);
    // Where the system limits the size of files, segments are shorter than lines may be, but ours are short.
    let segment_bytes_max = settings.limits.segment_bytes_max.max(SEGMENT_BYTES_LEAST);
    let limits = settings.limits.clone().string_bytes(string_bytes_max);
    let limits = limits.segment_bytes(segment_bytes_max);
    encode_synthetic(out, LineLimits::from(&limits), micros, &synthetic);
}

/// How every line ends.
pub(super) const LINE_END: &[u8] = b"}\n";

/// The length of a UUID as text: 32 digits and 4 hyphens.
const ID_BYTES: usize = 36;
