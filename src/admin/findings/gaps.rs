//! Gaps in the numbers of a session: records that are missing although later ones are present.
//! Damage and missing segments between two records explain a gap, and are findings of their own.

use std::collections::HashMap;

use uuid::Uuid;

use crate::admin::finding::{Finding, FindingKind};
use crate::reader::Position;
use crate::record::raw::RawRecord;
use crate::store::segment::SegmentNumber;
use crate::text::count;

/// The gaps in some records.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// The first and the last record of each session.
    sessions: HashMap<Uuid, [Numbered; 2]>,
    /// Number of places where something else is missing or unreadable.
    pub(super) breaks: u64,
    /// The segment of the first record.
    first: Option<SegmentNumber>,
    /// The first gaps with the positions after them, and the number of all.
    found: Vec<(Position, String)>,
    count: u64,
}

/// A record of a session, and the number of breaks before it.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    seq: u64,
    position: Position,
    breaks: u64,
}

impl Gaps {
    /// The number of sessions of more than one record that are checked: they take some 40 MB.
    const SESSIONS_MAX: usize = 1 << 18;
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
        self.add(session, [record, record]);
    }

    /// Merges the gaps of the records that follow.
    pub(super) fn merge(&mut self, later: Self) {
        self.first = self.first.or(later.first);
        for (session, [mut first, mut last]) in later.sessions {
            first.breaks += self.breaks;
            last.breaks += self.breaks;
            let is_from_start = self.first == Some(SegmentNumber::FIRST)
                && first.breaks == 0
                && self.sessions.len() < Self::SESSIONS_MAX
                && !self.sessions.contains_key(&session);
            if is_from_start {
                self.check(session, None, first);
            }
            self.add(session, [first, last]);
        }
        self.breaks += later.breaks;
        self.count += later.count;
        self.found.extend(later.found);
        self.found.sort_by_key(|(before, _)| *before);
        self.found.truncate(Self::REPORTED_MAX);
    }

    /// Adds records of a session that follow the others.
    fn add(&mut self, session: Uuid, [first, last]: [Numbered; 2]) {
        if let Some([_, own]) = self.sessions.get_mut(&session) {
            let before = *own;
            // Lines that were copied have lower numbers.
            if last.seq > before.seq {
                *own = last;
            }
            if before.breaks == first.breaks {
                self.check(session, Some(before), first);
            }
        } else if self.sessions.len() < Self::SESSIONS_MAX {
            self.sessions.insert(session, [first, last]);
        }
    }

    /// Adds a gap if records are missing before one, after another or from the start.
    fn check(&mut self, session: Uuid, after: Option<Numbered>, before: Numbered) {
        let expected = after.map_or(0, |after| after.seq.saturating_add(1));
        let missing = before.seq.saturating_sub(expected);
        if missing == 0 {
            return;
        }
        let place = match after {
            None => format!("before {}", before.position),
            Some(after) => format!("between {} and {}", after.position, before.position),
        };
        let what = format!(
            "missing, and not removed by localtel: {} of session {session} {place}",
            count(missing, "record")
        );
        self.count += 1;
        self.found.push((before.position, what));
    }

    /// Returns a finding for each of the first gaps, and one for all others.
    pub(super) fn findings(self) -> Vec<Finding> {
        let more = self.count.saturating_sub(self.found.len() as u64);
        let gaps = count(more, "further gap");
        let more = (more > 0).then(|| format!("{gaps} in the numbers of sessions"));
        let found = self.found.into_iter().map(|(_, what)| what).chain(more);
        found
            .map(|what| Finding::new(FindingKind::Missing, what, RESTORE))
            .collect()
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
                ("-", _) => part.breaks += 1,
                ("/", _) => position = Position::start_of(position.segment.next()),
                (session, seq) => {
                    let line = format!(
                        r#"{{"timestamp":"2026-11-21T08:15:00.000000Z","level":"INFO","source":"s","target":"localtel","event":"e","session":"{session}1936f0e-0000-7000-8000-000000000000","seq":{seq}}}"#
                    );
                    part.note(position, &RawRecord::at(line.as_bytes()).unwrap());
                    position = position.after(line.len() as u64, 1);
                }
            }
            if index % part_len == part_len - 1 {
                whole.merge(std::mem::take(&mut part));
            }
        }
        whole.merge(part);
        let findings = whole.findings().into_iter();
        let short = |finding: Finding| {
            let text = finding
                .what
                .replace("1936f0e-0000-7000-8000-000000000000", "");
            let text = text.replace("missing, and not removed by localtel: ", "");
            let text = text.replace("events.00000", "").replace(".jsonl", "");
            text.replace("of session ", "")
        };
        findings.map(short).collect()
    }

    #[test]
    fn a_gap_is_found_wherever_the_records_are_divided() {
        for (items, expected) in [
            ("a0 a1 b0 a2 b1", [].as_slice()),
            (
                "a0 a4 b0 b2",
                &[
                    "3 records a between 1:1 and 1:2",
                    "1 record b between 1:3 and 1:4",
                ],
            ),
            ("a0 b0 / a2", &["1 record a between 1:1 and 2:1"]),
            ("a2 a3", &["2 records a before 1:1"]),
            ("/ a2 a3", &[]),
            ("a0 - a2 a4", &["1 record a between 1:2 and 1:3"]),
            ("a0 b0 - a2", &[]),
            ("- a2", &[]),
            ("a0 a1 a0 a1 a2", &[]),
        ] {
            for part_len in 1..6 {
                assert_eq!(found(items, part_len), expected, "{items} in {part_len}");
            }
        }
        let many: Vec<String> = (0..40).map(|seq| format!("a{}", seq * 2)).collect();
        for part_len in [1, 7, 50] {
            let found = found(&many.join(" "), part_len);
            assert_eq!(found.len(), Gaps::REPORTED_MAX + 1);
            assert!(found[0].ends_with("between 1:1 and 1:2"), "{found:?}");
            let further = "34 further gaps in the numbers of sessions";
            assert_eq!(found.last().unwrap(), further);
        }
    }
}
