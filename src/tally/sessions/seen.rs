//! What the records of one part say of a session. Parts of a session are merged in any order, as
//! far as the part that a fact is in does not matter.

use uuid::Uuid;

use super::counts::Losses;
use crate::record::own::{SessionEnd, SessionFacts};
use crate::record::raw::RawRecord;
use crate::record::{Level, LineTime, Timestamp};

/// What some records say of their session.
#[derive(Debug)]
pub(super) struct SeenSession {
    pub(super) id: Uuid,
    /// The input that it was read from.
    pub(super) input: usize,
    application: Box<str>,
    version: Option<Box<str>>,
    pid: Option<u32>,
    installation: Option<Uuid>,
    /// The earliest and the latest time of a record.
    first: LineTime,
    last: LineTime,
    /// Number of records that count, and of errors among them.
    records: u64,
    errors: u64,
    /// Number of lost events that were recorded before the end, which has the total.
    dropped: u64,
    left_to_parent: u64,
    end: SeenEnd,
}

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenEnd {
    /// No record says that it ended.
    None,
    /// It ended with these losses.
    Recorded(Losses),
    /// The owner ended it: consent was withdrawn, or the installation reset.
    Withdrawn,
}

impl SeenSession {
    /// Returns a session with the source and the time of its first record, which is not added.
    pub(super) fn new(id: Uuid, input: usize, raw: &RawRecord<'_>) -> Self {
        let time = LineTime::of_raw(raw);
        Self {
            id,
            input,
            application: kept(&raw.source.decoded()),
            version: None,
            pid: None,
            installation: None,
            first: time,
            last: time,
            records: 0,
            errors: 0,
            dropped: 0,
            left_to_parent: 0,
            end: SeenEnd::None,
        }
    }

    pub(super) fn add(&mut self, raw: &RawRecord<'_>, counted: u64) {
        let time = LineTime::of_raw(raw);
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.records += counted;
        if raw.level == Level::Error {
            self.errors += counted;
        }
    }

    pub(super) fn note_facts(&mut self, facts: SessionFacts<'_>) {
        self.pid = self.pid.or_else(|| facts.pid());
        // The last one counts.
        self.installation = facts.installation().or(self.installation);
        if self.version.is_none() {
            self.version = facts.version().map(|version| kept(&version));
        }
        self.left_to_parent = self.left_to_parent.saturating_add(facts.left_to_parent());
    }

    pub(super) fn note_dropped(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
    }

    pub(super) fn note_end(&mut self, end: SessionEnd) {
        self.end = SeenEnd::Recorded(Losses {
            dropped: end.dropped,
            refused: end.refused,
            failed: end.failed,
        });
    }

    /// Notes that the owner ended it.
    pub(super) fn withdraw(&mut self) {
        self.end = SeenEnd::Withdrawn;
    }

    /// Adds what the records of a later part say of the same session.
    pub(super) fn absorb(&mut self, later: Self) {
        self.version = self.version.take().or(later.version);
        self.pid = self.pid.or(later.pid);
        self.installation = later.installation.or(self.installation);
        self.first = self.first.min(later.first);
        self.last = self.last.max(later.last);
        self.records += later.records;
        self.errors += later.errors;
        self.dropped = self.dropped.saturating_add(later.dropped);
        self.left_to_parent = self.left_to_parent.saturating_add(later.left_to_parent);
        self.end = match later.end {
            SeenEnd::None => self.end,
            SeenEnd::Recorded(_) | SeenEnd::Withdrawn => later.end,
        };
    }

    pub(super) fn application(&self) -> &str {
        &self.application
    }

    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    pub(super) fn installation(&self) -> Option<Uuid> {
        self.installation
    }

    pub(super) fn first(&self) -> Timestamp {
        self.first.to_timestamp()
    }

    pub(super) fn last(&self) -> Timestamp {
        self.last.to_timestamp()
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn errors(&self) -> u64 {
        self.errors
    }

    pub(super) fn left_to_parent(&self) -> u64 {
        self.left_to_parent
    }

    pub(super) fn end(&self) -> SeenEnd {
        self.end
    }

    /// Returns the losses: the total at its end or, without one, those that were recorded so far.
    pub(super) fn losses(&self) -> Losses {
        match self.end {
            SeenEnd::Recorded(losses) => losses,
            SeenEnd::None | SeenEnd::Withdrawn => Losses {
                dropped: self.dropped,
                ..Losses::default()
            },
        }
    }

    /// Returns the time in the id or, if it has none, that of the first record.
    pub(super) fn start(&self) -> Timestamp {
        time_in_id(self.id).unwrap_or_else(|| self.first())
    }

    /// Returns the key by which sessions are sorted: the oldest first.
    pub(super) fn order(&self) -> (Timestamp, Uuid) {
        (self.start(), self.id)
    }
}

/// Returns the time in the id of a session, which its writer created with its first lines; `None`
/// if the id is not of version 7.
pub fn time_in_id(session: Uuid) -> Option<Timestamp> {
    let millis = u64::try_from(session.as_u128() >> MILLIS_SHIFT).unwrap_or(0);
    let is_of_time = session.get_version_num() == 7;
    is_of_time.then(|| Timestamp::nearest(i128::from(millis) * 1000))
}

/// The number of bits behind the milliseconds in an id of version 7.
const MILLIS_SHIFT: u32 = 80;

/// Returns the start of a text that is kept for each session.
fn kept(text: &str) -> Box<str> {
    let (start, _) = text.split_at(text.floor_char_boundary(TEXT_BYTES_MAX));
    start.into()
}

/// The most bytes of a name or a version that are kept: more than any usual one has.
const TEXT_BYTES_MAX: usize = 128;
