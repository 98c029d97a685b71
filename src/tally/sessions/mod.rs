//! Counts sessions: their records, what they lost, and how they ended. `seen` is what the records
//! of one part say of a session, and `list` the result.
//!
//! A session without an end is kept until its end is found. Of those that ended, the newest are
//! kept one by one, and the others are only counted, so memory is bounded.

mod counts;
mod list;
mod seen;
#[cfg(test)]
mod tests;

use std::mem;

use rustc_hash::FxHashMap;
use uuid::Uuid;

pub use self::counts::{Losses, Sessions};
use self::list::VersionRows;
pub use self::list::{RecordedSession, SessionEnding, SessionList, VersionSessions};
use self::seen::SeenSession;
pub use self::seen::time_in_id;
use crate::reader::{Damage, Fold, Line};
use crate::record::own::{OfSession, SessionEnd};
use crate::record::raw::RawRecord;
use crate::store::elsewhere::Processes;

/// The sessions of some records. Tallies of parts are merged in the order of reading.
///
/// # Examples
///
/// ```no_run
/// use localtel::read::Reader;
/// use localtel::read::tally::SessionTally;
///
/// let mut reader = Reader::open("/home/me/.local/state/myapp/telemetry".as_ref())?;
/// let list = reader.fold_all::<SessionTally>()?.finish();
/// for session in list.sessions() {
///     println!("{} {} {}", session.start, session.records, session.ending);
/// }
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Debug)]
pub struct SessionTally {
    /// The most sessions with an end that are kept one by one.
    ended_max: usize,
    /// The session of the last record, and its id as it is in lines: most records follow one of the
    /// same session.
    current: Option<SeenSession>,
    current_text: Vec<u8>,
    /// The other sessions that have begun and not ended.
    open: FxHashMap<Uuid, SeenSession>,
    /// Sessions that ended. In a part, the start of some is in the parts before it.
    ended: Vec<SeenSession>,
    /// The sessions that are not kept one by one.
    others: OtherSessions,
    /// The input of the records that follow.
    input: usize,
    /// Whether there were more sessions without an end than are kept.
    is_full: bool,
}

/// Sessions that are only counted.
#[derive(Debug, Default)]
struct OtherSessions {
    ended: u64,
    losses: Losses,
    left_to_parents: u64,
    versions: VersionRows,
}

impl Default for SessionTally {
    /// Returns a tally that keeps the newest 65,536 sessions; twice as many take some 30 MiB.
    fn default() -> Self {
        Self::keeping(Self::COUNT_MAX)
    }
}

impl SessionTally {
    /// The number of sessions without an end that are kept, and of those with an end.
    const COUNT_MAX: usize = 1 << 16;

    /// The number of sessions that may be in one part, where nothing is left out: a part of 256 KiB
    /// has at most 1,500.
    const PART_MAX: usize = 1 << 13;

    /// Returns a tally of records that all count, whose result is only numbers.
    pub(crate) fn of_numbers() -> Self {
        Self::keeping(0)
    }

    fn keeping(ended_max: usize) -> Self {
        Self {
            ended_max,
            current: None,
            current_text: Vec::new(),
            open: FxHashMap::default(),
            ended: Vec::new(),
            others: OtherSessions::default(),
            input: 0,
            is_full: false,
        }
    }

    /// Adds a record.
    pub fn note(&mut self, raw: &RawRecord<'_>) {
        self.add(raw, 1);
    }

    /// Adds what a record says of its session, and does not count the record. Sessions without a
    /// record that counts are left out at the end.
    pub fn note_uncounted(&mut self, raw: &RawRecord<'_>) {
        self.add(raw, 0);
    }

    fn add(&mut self, raw: &RawRecord<'_>, counted: u64) {
        let of_session = OfSession::read(raw);
        if self.ended_max == 0 {
            match of_session {
                OfSession::Once(_) => {
                    self.others.ended += counted;
                    return;
                }
                OfSession::Nothing if self.is_known(raw) => return,
                OfSession::Nothing
                | OfSession::Start(_)
                | OfSession::Dropped(_)
                | OfSession::End(_) => {}
            }
        }
        let seen = self.session_of(raw);
        seen.add(raw, counted);
        match of_session {
            OfSession::Nothing => return,
            OfSession::Start(facts) => return seen.note_facts(facts),
            OfSession::Dropped(count) => return seen.note_dropped(count),
            OfSession::Once(facts) => {
                seen.note_facts(facts);
                seen.note_end(SessionEnd::default());
            }
            OfSession::End(end) => seen.note_end(end),
        }
        self.ended.extend(self.current.take());
        self.count_others();
    }

    /// Returns `true` if another record of the session was added: where only numbers are wanted,
    /// the others say nothing more.
    fn is_known(&self, raw: &RawRecord<'_>) -> bool {
        self.current.is_some() && self.current_text == raw.session.bytes()
            || self.open.contains_key(&id_of(raw))
    }

    /// Returns the session of a record.
    fn session_of(&mut self, raw: &RawRecord<'_>) -> &mut SeenSession {
        let text = raw.session.bytes();
        if self.current_text != text {
            self.stop();
            self.current_text.clear();
            self.current_text.extend_from_slice(text);
        }
        let (open, input) = (&mut self.open, self.input);
        self.current.get_or_insert_with(|| {
            let id = id_of(raw);
            let known = open.remove(&id);
            known.unwrap_or_else(|| SeenSession::new(id, input, raw))
        })
    }

    /// Adds a part of a session without an end.
    fn keep_open(&mut self, later: SeenSession) {
        if let Some(open) = self.open.get_mut(&later.id) {
            open.absorb(later);
        } else if self.open.len() < Self::COUNT_MAX {
            self.open.insert(later.id, later);
        } else {
            self.is_full = true;
            self.others.add_numbers(&later);
        }
    }

    /// Counts the oldest sessions that ended, if there are many more than are kept.
    fn count_others(&mut self) {
        if self.ended.len() > (2 * self.ended_max).max(Self::PART_MAX) {
            self.count_oldest();
        }
    }

    /// Keeps the newest sessions that ended, and counts the others.
    fn count_oldest(&mut self) {
        let more = self.ended.len().saturating_sub(self.ended_max);
        if more > 0 && more < self.ended.len() {
            self.ended
                .select_nth_unstable_by_key(more, SeenSession::order);
        }
        for seen in self.ended.drain(..more) {
            if seen.records() == 0 {
                continue;
            }
            self.others.ended += 1;
            self.others.add_numbers(&seen);
            if self.ended_max > 0 {
                self.others.versions.add(&seen);
            }
        }
    }

    /// Counts the sessions of an input that belong to another installation than this one as ended
    /// by the owner: consent was withdrawn or the id reset after they began, and after that no end
    /// is recorded.
    pub(crate) fn withdraw_others(&mut self, input: usize, installation: Option<Uuid>) {
        self.stop();
        let is_other = |seen: &SeenSession| {
            seen.input == input
                && seen
                    .installation()
                    .is_some_and(|own| Some(own) != installation)
        };
        let others = self.open.extract_if(|_, seen| is_other(seen));
        self.ended.extend(others.map(|(_, mut seen)| {
            seen.withdraw();
            seen
        }));
    }

    /// Moves the session of the last record to the others.
    fn stop(&mut self) {
        if let Some(last) = self.current.take() {
            self.keep_open(last);
        }
    }

    /// Checks which of the sessions without an end are running, and returns all sessions.
    pub fn finish(self) -> SessionList {
        let processes = Processes::read();
        self.finish_with(|seen| {
            let since = seen.first().to_moment();
            let is_running = |pid| processes.is_running_since(pid, since);
            seen.pid().is_some_and(is_running)
        })
    }

    /// Returns all sessions of records of other machines, on which the ids of processes are those
    /// of other processes: none counts as running.
    pub fn finish_elsewhere(self) -> SessionList {
        self.finish_with(|_| false)
    }

    fn finish_with(mut self, is_running: impl Fn(&SeenSession) -> bool) -> SessionList {
        self.stop();
        self.count_oldest();
        let mut kept = self.ended;
        kept.extend(self.open.into_values());
        // A record behind the end of its session is one of that session.
        kept.sort_by_key(|seen| seen.id);
        let mut whole: Vec<SeenSession> = Vec::with_capacity(kept.len());
        for seen in kept {
            match whole.last_mut() {
                Some(last) if last.id == seen.id => last.absorb(seen),
                Some(_) | None => whole.push(seen),
            }
        }
        whole.retain(|seen| seen.records() > 0);
        whole.sort_by_key(SeenSession::order);
        SessionList::new(whole, self.others, self.is_full, is_running)
    }
}

/// Returns the id of a record's session.
fn id_of(raw: &RawRecord<'_>) -> Uuid {
    // It was checked when the record was read.
    Uuid::try_parse_ascii(raw.session.bytes()).unwrap_or_default()
}

impl OtherSessions {
    fn add_numbers(&mut self, seen: &SeenSession) {
        self.losses.add(seen.losses());
        self.left_to_parents = self.left_to_parents.saturating_add(seen.left_to_parent());
    }

    fn merge(&mut self, later: Self) {
        self.ended += later.ended;
        self.losses.add(later.losses);
        self.left_to_parents = self.left_to_parents.saturating_add(later.left_to_parents);
        self.versions.merge(later.versions);
    }
}

impl Fold for SessionTally {
    fn input(&mut self, input: usize) {
        self.input = input;
    }

    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        self.note(raw);
    }

    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        let mut later = mem::replace(later, Self::keeping(later.ended_max));
        later.stop();
        self.stop();
        for seen in later.ended {
            let ended = match self.open.remove(&seen.id) {
                Some(mut open) => {
                    open.absorb(seen);
                    open
                }
                None => seen,
            };
            self.ended.push(ended);
        }
        for (_, seen) in later.open {
            self.keep_open(seen);
        }
        self.others.merge(later.others);
        self.is_full |= later.is_full;
        self.count_others();
    }
}
