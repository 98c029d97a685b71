//! Gaps in the numbers of a session: records that are missing although later ones are present.
//! Damage and missing segments between two records explain a gap, and are findings of their own.

use std::collections::HashMap;

use uuid::Uuid;

use crate::admin::finding::{Finding, FindingKind};
use crate::reader::Position;
use crate::record::own::OwnEvent;
use crate::record::raw::RawRecord;
use crate::store::segment::SegmentNumber;
use crate::text::count;

/// The gaps in some records.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    sessions: HashMap<Uuid, SessionExtent>,
    /// Number of places where something else is missing or unreadable.
    breaks: u64,
    /// The segment of the first record.
    first: Option<SegmentNumber>,
    is_full: bool,
    /// The first gaps, and the number of all.
    found: Vec<SessionGap>,
    count: u64,
}

/// The first and the last record of a session in some records.
#[derive(Debug, Clone, Copy)]
struct SessionExtent {
    first: Numbered,
    last: Numbered,
    is_ended: bool,
}

/// A record of a session, and the number of breaks before it.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    seq: u64,
    position: Position,
    breaks: u64,
}

/// Records of a session that are missing before a record, and after another one if there is one.
#[derive(Debug)]
struct SessionGap {
    session: Uuid,
    missing: u64,
    after: Option<Position>,
    before: Position,
}

impl Gaps {
    /// The number of sessions without an end that are checked: they take 10 MiB.
    const SESSIONS_MAX: usize = 1 << 16;
    /// The number of gaps that are reported one by one.
    const REPORTED_MAX: usize = 5;

    /// Adds a record.
    pub(super) fn note(&mut self, position: Position, raw: &RawRecord<'_>) {
        self.first.get_or_insert(position.segment);
        if raw.once.is_some() {
            return;
        }
        // It was checked when the record was read.
        let session = Uuid::try_parse_ascii(raw.session.bytes()).unwrap_or_default();
        let record = Numbered {
            seq: raw.seq,
            position,
            breaks: self.breaks,
        };
        let is_ended = OwnEvent::of_raw(raw) == Some(OwnEvent::SessionEnd);
        let next = SessionExtent {
            first: record,
            last: record,
            is_ended,
        };
        self.add(session, next);
    }

    /// Adds a place where something is missing or unreadable.
    pub(super) fn note_break(&mut self) {
        self.breaks += 1;
    }

    /// Merges the gaps of the records that follow.
    pub(super) fn merge(&mut self, later: Self) {
        self.first = self.first.or(later.first);
        for (session, mut next) in later.sessions {
            next.first.breaks += self.breaks;
            next.last.breaks += self.breaks;
            let is_new = !self.sessions.contains_key(&session);
            let is_from_start = self.first == Some(SegmentNumber::FIRST) && !self.is_full;
            if is_new && is_from_start && next.first.breaks == 0 && next.first.seq > 0 {
                self.add_gap(session, next.first.seq, None, next.first.position);
            }
            self.add(session, next);
            if next.is_ended {
                self.sessions.remove(&session);
            }
        }
        self.breaks += later.breaks;
        self.is_full |= later.is_full;
        self.count += later.count;
        self.found.extend(later.found);
        self.found.sort_by_key(|gap| gap.before);
        self.found.truncate(Self::REPORTED_MAX);
    }

    /// Adds records of a session that follow the others.
    fn add(&mut self, session: Uuid, next: SessionExtent) {
        let Some(own) = self.sessions.get_mut(&session) else {
            if self.sessions.len() < Self::SESSIONS_MAX {
                self.sessions.insert(session, next);
            } else {
                self.is_full = true;
            }
            return;
        };
        let before = own.last;
        own.is_ended = next.is_ended;
        // Lines that were copied have lower numbers.
        if next.last.seq > before.seq {
            own.last = next.last;
        }
        let missing = next.first.seq.saturating_sub(before.seq.saturating_add(1));
        if missing > 0 && before.breaks == next.first.breaks {
            self.add_gap(session, missing, Some(before.position), next.first.position);
        }
    }

    fn add_gap(&mut self, session: Uuid, missing: u64, after: Option<Position>, before: Position) {
        self.count += 1;
        self.found.push(SessionGap {
            session,
            missing,
            after,
            before,
        });
    }

    /// Returns a finding for each of the first gaps, and one for all others.
    pub(super) fn findings(self) -> Vec<Finding> {
        let more = self.count.saturating_sub(self.found.len() as u64);
        let mut all: Vec<String> = self.found.iter().map(SessionGap::in_words).collect();
        if more > 0 {
            let gaps = count(more, "further gap");
            all.push(format!("{gaps} in the numbers of sessions"));
        }
        all.into_iter()
            .map(|what| Finding::new(FindingKind::Missing, what, RESTORE))
            .collect()
    }
}

impl SessionGap {
    fn in_words(&self) -> String {
        let records = count(self.missing, "record");
        let are = if self.missing == 1 { "is" } else { "are" };
        let before = self.before;
        let place = match self.after {
            None => format!("before {before}"),
            Some(after) if after.segment == before.segment => {
                format!("between {after} and :{}", before.line)
            }
            Some(after) => format!("between {after} and {before}"),
        };
        let session = self.session;
        format!("{records} of session {session} {are} missing {place}")
    }
}

/// The remedy for missing records.
const RESTORE: &str = "localtel removes whole segments only, so something else changed the file: restore it if you have a copy; the other records can still be read";

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the findings for lines of `session seq`, for `-` as a break and `/` as the next
    /// segment, merged in parts of that many lines.
    fn found(items: &str, part_len: usize) -> Vec<String> {
        let (mut whole, mut part) = (Gaps::default(), Gaps::default());
        let mut position = Position::start_of(SegmentNumber::FIRST);
        for (index, item) in items.split(' ').enumerate() {
            match item.split_at(1) {
                ("-", _) => part.note_break(),
                ("/", _) => position = Position::start_of(position.segment.next()),
                (session, seq) => {
                    let (seq, event) = match seq.strip_suffix('!') {
                        Some(seq) => (seq, "session.end"),
                        None => (seq, "e"),
                    };
                    let line = format!(
                        r#"{{"timestamp":"2026-11-21T08:15:00.000000Z","level":"INFO","source":"s","target":"localtel","event":"{event}","session":"{session}1936f0e-0000-7000-8000-000000000000","seq":{seq}}}"#
                    );
                    part.note(position, &RawRecord::at(line.as_bytes()).unwrap());
                    position.line += 1;
                }
            }
            if index % part_len == part_len - 1 {
                whole.merge(std::mem::take(&mut part));
            }
        }
        whole.merge(part);
        let findings = whole.findings().into_iter();
        findings
            .map(|finding| {
                finding
                    .what
                    .replace("1936f0e-0000-7000-8000-000000000000", "")
            })
            .collect()
    }

    #[test]
    fn a_gap_is_found_wherever_the_records_are_divided() {
        for (items, expected) in [
            ("a0 a1 b0 a2 b1", [].as_slice()),
            (
                "a0 a4 b0 b2",
                &[
                    "3 records of session a are missing between events.000001.jsonl:1 and :2",
                    "1 record of session b is missing between events.000001.jsonl:3 and :4",
                ],
            ),
            (
                "a0 b0 / a2",
                &[
                    "1 record of session a is missing between events.000001.jsonl:1 and events.000002.jsonl:1",
                ],
            ),
            (
                "a2 a3",
                &["2 records of session a are missing before events.000001.jsonl:1"],
            ),
            ("/ a2 a3", &[]),
            (
                "a0 - a2 a4",
                &["1 record of session a is missing between events.000001.jsonl:2 and :3"],
            ),
            ("a0 b0 - a2", &[]),
            ("- a2", &[]),
            ("a0 a1 a0 a1 a2", &[]),
            ("a0 a1! a0 a1!", &[]),
        ] {
            for part_len in 1..6 {
                assert_eq!(found(items, part_len), expected, "{items} in {part_len}");
            }
        }
        let many: Vec<String> = (0..40).map(|seq| format!("a{}", seq * 2)).collect();
        for part_len in [1, 7, 50] {
            let found = found(&many.join(" "), part_len);
            assert_eq!(found.len(), Gaps::REPORTED_MAX + 1);
            assert!(found[0].ends_with(":1 and :2"), "{found:?}");
            let further = "34 further gaps in the numbers of sessions";
            assert_eq!(found.last().unwrap(), further);
        }
    }
}
