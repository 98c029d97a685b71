//! The result of counting sessions: the sessions one by one, and numbers of all.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::OtherSessions;
use super::counts::{Losses, Sessions};
use super::seen::{SeenEnd, SeenSession};
use crate::record::Timestamp;

/// One process recording, and what it recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordedSession {
    /// The session's id.
    pub id: Uuid,
    /// The input that it was read from, counted from 0.
    #[serde(skip)]
    pub input: usize,
    /// The application.
    pub application: String,
    /// The version of the application; absent if it has none, or if the record with it is gone.
    pub version: Option<String>,
    /// The process id; absent if the record with it is gone.
    pub pid: Option<u32>,
    /// The installation that recorded it.
    pub installation: Option<Uuid>,
    /// The start: the time in the id or, if it has none, that of the first record.
    pub start: Timestamp,
    /// The earliest time of a record.
    pub first: Timestamp,
    /// The latest time of a record.
    pub last: Timestamp,
    /// Number of records that count.
    pub records: u64,
    /// Number of records of level ERROR among them.
    pub errors: u64,
    /// Events that were offered and not kept, as far as the session recorded them.
    pub losses: Losses,
    /// How it ended.
    pub ending: SessionEnding,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "these are all the cases")]
pub enum SessionEnding {
    /// It recorded its end.
    Orderly,
    /// It has no end, and its process runs on this machine.
    Running,
    /// Consent was withdrawn or the installation reset, and after that no end is recorded.
    Withdrawn,
    /// It has no end, and its process is not found: it was killed, aborted, or ended by `_exit`, or
    /// it is not visible from here, as in a container or on another machine.
    WithoutEnd,
}

impl fmt::Display for SessionEnding {
    /// Writes the words for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Orderly => "orderly",
            Self::Running => "running",
            Self::Withdrawn => "withdrawn",
            Self::WithoutEnd => "no end",
        })
    }
}

/// The sessions of one version of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VersionSessions {
    /// The application.
    pub application: String,
    /// The version, if the sessions have one.
    pub version: Option<String>,
    /// Number of sessions.
    pub sessions: u64,
    /// Number of records that count.
    pub records: u64,
    /// Number of records of level ERROR among them.
    pub errors: u64,
    /// The start of the first session.
    pub first: Timestamp,
    /// The start of the last session.
    pub last: Timestamp,
}

/// The sessions of each version of each application. Sessions without a version have an empty one.
#[derive(Debug, Default)]
pub(super) struct VersionRows {
    rows: BTreeMap<String, BTreeMap<String, VersionSessions>>,
    count: usize,
}

impl VersionRows {
    /// More than a person reads.
    const COUNT_MAX: usize = 1000;

    /// Adds a session, unless there are too many versions already.
    pub(super) fn add(&mut self, seen: &SeenSession) {
        let start = seen.start();
        let name = (seen.application(), seen.version());
        if let Some(row) = self.row(name, start) {
            row.add((1, seen.records(), seen.errors()), (start, start));
        }
    }

    /// Returns the row of a version.
    fn row(
        &mut self,
        (application, version): (&str, Option<&str>),
        start: Timestamp,
    ) -> Option<&mut VersionSessions> {
        let key = version.unwrap_or_default();
        let is_known = |rows: &BTreeMap<String, VersionSessions>| rows.contains_key(key);
        if !self.rows.get(application).is_some_and(is_known) {
            if self.count == Self::COUNT_MAX {
                return None;
            }
            self.count += 1;
            let row = VersionSessions::new((application, version), start);
            let rows = self.rows.entry(application.to_owned()).or_default();
            rows.insert(key.to_owned(), row);
        }
        self.rows.get_mut(application)?.get_mut(key)
    }

    pub(super) fn merge(&mut self, later: Self) {
        for other in later.into_rows() {
            let name = (other.application.as_str(), other.version.as_deref());
            if let Some(row) = self.row(name, other.first) {
                let numbers = (other.sessions, other.records, other.errors);
                row.add(numbers, (other.first, other.last));
            }
        }
    }

    fn into_rows(self) -> impl Iterator<Item = VersionSessions> {
        self.rows.into_values().flat_map(BTreeMap::into_values)
    }
}

impl VersionSessions {
    fn new((application, version): (&str, Option<&str>), start: Timestamp) -> Self {
        Self {
            application: application.to_owned(),
            version: version.map(str::to_owned),
            sessions: 0,
            records: 0,
            errors: 0,
            first: start,
            last: start,
        }
    }

    fn add(
        &mut self,
        (sessions, records, errors): (u64, u64, u64),
        (first, last): (Timestamp, Timestamp),
    ) {
        self.sessions += sessions;
        self.records += records;
        self.errors += errors;
        self.first = self.first.min(first);
        self.last = self.last.max(last);
    }
}

/// Sessions, and numbers of all.
#[derive(Debug, Clone)]
pub struct SessionList {
    sessions: Vec<RecordedSession>,
    counts: Sessions,
    losses: Losses,
    versions: Vec<VersionSessions>,
}

impl SessionList {
    /// Returns the list of sessions, in their order, and of others that are only counted.
    pub(super) fn new(
        kept: Vec<SeenSession>,
        mut others: OtherSessions,
        is_cut_short: bool,
        is_running: impl Fn(&SeenSession) -> bool,
    ) -> Self {
        let mut counts = Sessions {
            count: others.ended + kept.len() as u64,
            is_cut_short,
            ..Sessions::default()
        };
        for seen in &kept {
            others.add_numbers(seen);
            others.versions.add(seen);
        }
        counts.left_to_parents = others.left_to_parents;
        let sessions = kept.into_iter().map(|seen| {
            let ending = match seen.end() {
                SeenEnd::Recorded(_) => SessionEnding::Orderly,
                SeenEnd::Withdrawn => SessionEnding::Withdrawn,
                SeenEnd::None if is_running(&seen) => SessionEnding::Running,
                SeenEnd::None => SessionEnding::WithoutEnd,
            };
            match ending {
                SessionEnding::Running => counts.running += 1,
                SessionEnding::WithoutEnd => counts.without_end += 1,
                SessionEnding::Orderly | SessionEnding::Withdrawn => {}
            }
            RecordedSession::new(&seen, ending)
        });
        Self {
            sessions: sessions.collect(),
            counts,
            losses: others.losses,
            versions: others.versions.into_rows().collect(),
        }
    }

    /// Returns the sessions, the oldest first: all without an end, and the newest 65,536 of those
    /// that ended.
    pub fn sessions(&self) -> &[RecordedSession] {
        &self.sessions
    }

    /// Returns the number of sessions that are counted and not in the list.
    pub fn left_out(&self) -> u64 {
        self.counts.count - self.sessions.len() as u64
    }

    /// Returns the number of sessions of each kind.
    pub fn counts(&self) -> Sessions {
        self.counts
    }

    /// Returns the lost events of all sessions.
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// Returns the sessions of each version, sorted by the names of the applications. Of sessions
    /// that are not in the list, at most 1,000 versions are counted.
    pub fn versions(&self) -> &[VersionSessions] {
        &self.versions
    }

    /// Returns the lengths of the sessions in the list that are not running, in their order.
    pub fn lengths(&self) -> impl Iterator<Item = Duration> {
        let is_over = |it: &&RecordedSession| it.ending != SessionEnding::Running;
        self.sessions
            .iter()
            .filter(is_over)
            .map(RecordedSession::length)
    }
}

impl RecordedSession {
    fn new(seen: &SeenSession, ending: SessionEnding) -> Self {
        Self {
            id: seen.id,
            input: seen.input,
            application: seen.application().to_owned(),
            version: seen.version().map(str::to_owned),
            pid: seen.pid(),
            installation: seen.installation(),
            start: seen.start(),
            first: seen.first(),
            last: seen.last(),
            records: seen.records(),
            errors: seen.errors(),
            losses: seen.losses(),
            ending,
        }
    }

    /// Returns the time from the start to the last record.
    pub fn length(&self) -> Duration {
        let micros = self.last.unix_micros() - self.start.unix_micros();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}
