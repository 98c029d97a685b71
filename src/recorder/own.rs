//! The internal records of a session. `record::own` defines their content; `writer` numbers and
//! writes them.

use super::Settings;
use crate::encode::{FrameHeader, LineLimits, Own, SyntheticRecord, encode_synthetic};
use crate::record::own::{OWN_TARGET, OwnEvent, SessionStart};
use crate::record::{Level, Properties};
use crate::store::limits::SEGMENT_BYTES_LEAST;

/// Returns the record with which a session begins its lines in a segment, and which it repeats
/// there from time to time.
pub(super) fn session_frame(settings: &Settings, start: SessionStart<'_>, micros: i64) -> Vec<u8> {
    own_frame(settings, OwnEvent::Session, &start.properties(), micros)
}

/// Returns the facts of a `session` record, for the only line of a session.
pub(super) fn session_facts(settings: &Settings, start: SessionStart<'_>) -> Option<Vec<u8>> {
    let frame = session_frame(settings, start, 0);
    let (header, line, _) = FrameHeader::split_first(&frame)?;
    let facts = line
        .get(header.number_at..)?
        .strip_prefix(b",\"properties\":")?
        .strip_suffix(LINE_END)?;
    // A record that was cut has no facts.
    (!facts.starts_with(b"{\"localtel.cut\"")).then(|| facts.to_vec())
}

/// Returns the frame of an internal record with the time `micros`.
pub(super) fn own_frame(
    settings: &Settings,
    event: OwnEvent,
    properties: &Properties,
    micros: i64,
) -> Vec<u8> {
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
    let mut limits = settings.limits.clone();
    // An id must not be cut.
    limits.string_bytes_max = limits.string_bytes_max.max(ID_BYTES);
    // Where the system limits file sizes, segments are shorter than lines may be, but internal
    // records are short.
    limits.segment_bytes_max = limits.segment_bytes_max.max(SEGMENT_BYTES_LEAST);
    let mut frame = Vec::new();
    encode_synthetic(&mut frame, LineLimits::from(&limits), micros, &synthetic);
    frame
}

/// The end of every line.
pub(super) const LINE_END: &[u8] = b"}\n";

/// The length of a UUID as text: 32 digits and 4 hyphens.
const ID_BYTES: usize = 36;
