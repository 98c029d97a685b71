//! A piece between two ends of lines, usually one line: whether it looks like one record, and
//! otherwise the records in it and the damage before them. `scanner` finds pieces.
//!
//! The fixed prefix of a record never occurs inside a JSON string, so records behind a torn one are
//! found, and damage never hides an intact record after it.

use std::ops::Range;

use super::damage::{Damage, DamageKind, Notice, Position};
use super::{Item, Line};
use crate::record::{OPENING, Record};

/// An item whose bytes are in a buffer.
#[derive(Debug)]
pub(super) enum Found {
    /// A line that looks like a record; `range` is its place in the buffer, until the next step.
    Line {
        /// The position of the line.
        position: Position,
        /// The range of its bytes.
        range: Range<usize>,
    },
    /// Damage.
    Damage(Damage),
    /// A notice.
    Notice(Notice),
}

impl Found {
    /// Returns the item; `bytes` returns a range of the buffer.
    pub(super) fn item<'a>(self, bytes: impl FnOnce(Range<usize>) -> &'a [u8]) -> Item<'a> {
        match self {
            Self::Line { position, range } => Item::Line(Line {
                position,
                bytes: bytes(range),
            }),
            Self::Damage(damage) => Item::Damage(damage),
            Self::Notice(notice) => Item::Notice(notice),
        }
    }
}

/// Returns `true` if a piece begins and ends like one record.
pub(super) fn resembles_one_record(piece: &[u8]) -> bool {
    std::str::from_utf8(piece).is_ok_and(|text| {
        text.ends_with('}')
            && text
                .strip_prefix(OPENING)
                .is_some_and(|rest| !rest.contains(OPENING))
    })
}

/// Returns `true` if a piece contains no data that could be lost.
pub(super) fn is_blank(piece: &[u8]) -> bool {
    piece.trim_ascii().is_empty()
}

/// Searches a piece for records from its end to its start, and returns them and the bytes before
/// them, the last first. Ranges are relative to the piece.
pub(super) fn found_in(position: Position, piece: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut end = piece.len();
    let mut tries_left = RESYNC_TRIES_MAX;
    while end > 0 {
        let bytes = piece.get(..end).unwrap_or_default();
        let Some(at) = last_record(bytes, &mut tries_left) else {
            let damage = Damage::in_line(kind_of(bytes), position, bytes);
            found.push(Found::Damage(damage));
            return found;
        };
        let position = position.after(at as u64, 0);
        let range = at..end;
        found.push(Found::Line { position, range });
        end = at;
    }
    found
}

/// Finds the start of the record at the end of these bytes. There is at most one such place: the
/// record's last brace closes it, so an object inside it ends earlier.
fn last_record(bytes: &[u8], tries_left: &mut u32) -> Option<usize> {
    if Record::parse(bytes).is_ok() {
        return Some(0);
    }
    let mut end = bytes.len();
    while *tries_left > 0 {
        let head = bytes.get(..end)?;
        let at = head
            .windows(OPENING.len())
            .rposition(|window| window == OPENING.as_bytes())?;
        *tries_left -= 1;
        if at > 0 && Record::parse(bytes.get(at..)?).is_ok() {
            return Some(at);
        }
        end = at;
    }
    None
}

/// Returns the kind of damage of bytes that are not a record.
fn kind_of(bytes: &[u8]) -> DamageKind {
    match serde_json::from_slice::<Record>(bytes) {
        Err(error) if error.is_eof() => DamageKind::Torn,
        _ if std::str::from_utf8(bytes).is_err() => DamageKind::InvalidUtf8,
        // A torn record followed by the start of another.
        _ if bytes.starts_with(OPENING.as_bytes()) && !bytes.ends_with(b"}") => DamageKind::Torn,
        _ => DamageKind::NotARecord,
    }
}

/// Returns the damage of a line that looked like a record and is not one.
pub(super) fn damage_of_line(position: Position, bytes: &[u8]) -> Damage {
    Damage::in_line(kind_of(bytes), position, bytes)
}

/// Number of places in one damaged line that are tried as the start of a record: more than a crash
/// can leave, and few enough that no line costs more than parsing it 64 times.
const RESYNC_TRIES_MAX: u32 = 64;
