//! The records that a session writes of itself: its beginning, its end, what was dropped, and that recording is
//! allowed again. Who numbers and writes them is `writer`'s business.

use uuid::Uuid;

use super::writer::LINE_END;
use super::{Counts, Settings};
use crate::clock;
use crate::encode::{FrameHeader, LineLimits, Loose, Own, encode_loose};
use crate::record::{Level, LineTime, OWN_TARGET, Properties};
use crate::store::limits::SEGMENT_BYTES_LEAST;

/// What a session says of itself when it begins its lines in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Introduction {
    /// As which installation it records.
    pub(super) installation: Option<Uuid>,
    /// How many events waited in memory when this process was forked: they are its parent's to write.
    pub(super) left_to_parent: u64,
    /// Whether it has begun lines in a segment before.
    pub(super) is_resumed: bool,
}

/// Encodes the record that ends a session.
pub(super) fn encode_end(
    settings: &Settings,
    counts: Counts,
    also: &Properties,
    out: &mut Vec<u8>,
) {
    let mut properties = Properties::default();
    properties.set("recorded", counts.recorded);
    properties.set("dropped", counts.dropped);
    properties.set("refused", counts.refused);
    properties.set("failed", counts.failed);
    for (name, value) in also.iter() {
        properties.set(name, value.clone());
    }
    encode_own(settings, Level::Info, "session.end", &properties, out);
}

/// Encodes the record that says that recording is allowed again, and by what.
pub(super) fn encode_consent(settings: &Settings, decided_by: &str, out: &mut Vec<u8>) {
    let mut properties = Properties::default();
    properties.set("state", "enabled");
    properties.set("decided_by", decided_by);
    encode_own(settings, Level::Info, "consent", &properties, out);
}

/// Encodes the record that says how many events were dropped.
pub(super) fn encode_dropped(settings: &Settings, count: u64, reason: &str, out: &mut Vec<u8>) {
    let mut properties = Properties::default();
    properties.set("count", count);
    properties.set("reason", reason);
    encode_own(settings, Level::Warn, "dropped", &properties, out);
}

/// Encodes the record with which a session begins its lines in a segment, and which it repeats there now and
/// then; `latest` is what it says of the lines before it.
pub(super) fn encode_session(
    settings: &Settings,
    introduction: Introduction,
    (micros, latest): (i64, Option<LineTime>),
    out: &mut Vec<u8>,
) {
    let mut properties = Properties::default();
    if let Some(installation) = introduction.installation {
        properties.set("installation", installation.to_string());
    }
    properties.set("format", FORMAT);
    if let Some(version) = &settings.version {
        properties.set("version", version.as_str());
    }
    if let Some(update) = &settings.update {
        properties.set("update", update.as_str());
    }
    properties.set("localtel", env!("CARGO_PKG_VERSION"));
    properties.set("pid", std::process::id());
    properties.set("os", std::env::consts::OS);
    properties.set("arch", std::env::consts::ARCH);
    properties.set("resumed", introduction.is_resumed);
    if introduction.left_to_parent > 0 && !introduction.is_resumed {
        properties.set("left_to_parent", introduction.left_to_parent);
    }
    // A reader looks for it at the end.
    if let Some(latest) = latest {
        properties.set("latest", latest.as_str());
    }
    encode_own_at(settings, (Level::Info, "session"), &properties, micros, out);
}

/// Encodes what a `session` record would say, for the only line of a session.
pub(super) fn session_facts(
    settings: &Settings,
    introduction: Introduction,
    latest: Option<LineTime>,
) -> Option<Vec<u8>> {
    let mut frame = Vec::new();
    encode_session(settings, introduction, (0, latest), &mut frame);
    let (header, line, _) = FrameHeader::split_first(&frame)?;
    let facts = line
        .get(header.number_at..)?
        .strip_prefix(b",\"properties\":")?
        .strip_suffix(LINE_END)?;
    // Where it was cut, it says nothing.
    (!facts.starts_with(b"{\"localtel.cut\"")).then(|| facts.to_vec())
}

fn encode_own(
    settings: &Settings,
    level: Level,
    event: &str,
    properties: &Properties,
    out: &mut Vec<u8>,
) {
    encode_own_at(
        settings,
        (level, event),
        properties,
        clock::micros_since_epoch(),
        out,
    );
}

fn encode_own_at(
    settings: &Settings,
    (level, event): (Level, &str),
    properties: &Properties,
    micros: i64,
    out: &mut Vec<u8>,
) {
    let loose = Loose {
        own: Own::Localtel,
        level,
        source: &settings.source,
        target: OWN_TARGET,
        event: Some(event),
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
    encode_loose(out, LineLimits::from(&limits), micros, &loose);
}

/// The number of the on-disk format that the store documents.
const FORMAT: u64 = 1;

/// The length of a UUID as text: 32 digits and 4 hyphens.
const ID_BYTES: usize = 36;
