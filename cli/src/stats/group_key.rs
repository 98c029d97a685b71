//! The keys of groups as bytes: what a row of an overview or a breakdown is about. `counts` writes
//! them for each record, and the summaries read them once for each row.

use super::period::{ClockPeriod, PeriodStart};
use localtel::read::raw::RawText;

/// What a key of an overview names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyKind {
    Event,
    /// The target of records without an event.
    Target,
    Command,
    Span,
    /// The message of errors.
    Message,
    /// The event of errors without a message.
    ErrorEvent,
}

impl KeyKind {
    const ALL: [Self; 6] = [
        Self::Event,
        Self::Target,
        Self::Command,
        Self::Span,
        Self::Message,
        Self::ErrorEvent,
    ];

    const fn byte(self) -> u8 {
        self as u8
    }
}

/// Writes the key of an overview.
pub(super) fn set_key(key: &mut Vec<u8>, source: RawText<'_>, kind: KeyKind, name: RawText<'_>) {
    key.clear();
    key.push(kind.byte());
    key.extend_from_slice(&source.decoded_bytes());
    key.push(SEPARATOR);
    key.extend_from_slice(&name.decoded_bytes());
}

/// Reads the key of an overview: what it names, the application, and the name.
pub(super) fn parts_of_key(key: &[u8]) -> (KeyKind, String, String) {
    let kind = KeyKind::ALL
        .into_iter()
        .find(|kind| key.first() == Some(&kind.byte()));
    let rest = key.get(1..).unwrap_or_default();
    let mut parts = rest.splitn(2, |byte| *byte == SEPARATOR);
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    (kind.unwrap_or(KeyKind::Event), text(), text())
}

/// Reads the key of a breakdown: the start of the period, and the values.
pub(super) fn parts_of_values(
    key: &[u8],
    period: Option<ClockPeriod>,
) -> (Option<PeriodStart>, Vec<String>) {
    let (start, rest) = match (period, key.split_first_chunk()) {
        (Some(period), Some((start, rest))) => (Some(PeriodStart::from_key(*start, period)), rest),
        (Some(_) | None, _) => (None, key),
    };
    let mut values = rest.split(|byte| *byte == SEPARATOR);
    // What is before the first separator is empty.
    values.next();
    let values = values.map(|value| String::from_utf8_lossy(value).into_owned());
    (start, values.collect())
}

/// What no text in UTF-8 contains.
pub(super) const SEPARATOR: u8 = 0xff;
