//! Finds a session by its place among the newest: `--session last` and `-1` are the one that
//! started last, `-2` is the one before. Directories are read from the end of their data, until no
//! other session can have started later.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::inputs::{OpenInput, RecordInputs};
use crate::quantity::count;
use localtel::read::raw::RawRecord;
use localtel::read::tally::time_in_id;
use localtel::read::{Damage, Filter, Fold, Line, Merged, Timestamp};
use localtel::uuid::Uuid;
use localtel::{Error, Result};

/// Returns the place that a value of `--session` names: 1 for the newest session.
pub(super) fn place_of(session: &str) -> Option<usize> {
    match session {
        "last" => Some(1),
        text => text.strip_prefix('-')?.parse().ok(),
    }
}

/// Returns the id of the session at that place.
///
/// # Errors
///
/// Returns an error if there are fewer sessions, or an input can be read only once.
pub(super) fn session_at(typed: &str, place: usize, inputs: &RecordInputs<'_>) -> Result<String> {
    let wrong = |reason: String| Error::invalid("--session", reason);
    if place == 0 {
        return Err(wrong("`-1` is the newest session".to_owned()));
    }
    if !inputs.are_rereadable() {
        let reason = "is found only in what can be read twice; give the start of its id instead";
        return Err(wrong(format!("`{typed}` {reason}")));
    }
    if inputs.hosts() > 1 {
        let reason = "names a session of one machine, and each has its own clock; \
                      select the machine with --host NAME";
        return Err(wrong(format!("`{typed}` {reason}")));
    }
    let newest = newest(place, inputs)?;
    match newest.get(place - 1) {
        Some(session) => Ok(session.id.to_string()),
        None if newest.is_empty() => {
            if let [only] = inputs.list.as_slice() {
                only.open(&Filter::new())?;
            }
            Err(wrong("there is no session yet".to_owned()))
        }
        None => {
            let there = count(newest.len() as u64, "session");
            Err(wrong(format!("there is no `{typed}`, but only {there}")))
        }
    }
}

/// Finds the newest sessions of the inputs, the newest first.
fn newest(most: usize, inputs: &RecordInputs<'_>) -> Result<Vec<StartedSession>> {
    let everything = Filter::new();
    let number = inputs.list.len();
    let reversed = inputs.list.iter();
    let reversed = reversed.map(|it| it.open_reverse(&everything, number));
    let reversed: Option<Vec<_>> = reversed.collect();
    let is_reversed = reversed.is_some();
    // What cannot be opened is reported when the records are read.
    let mut merged = if let Some(reversed) = reversed {
        Merged::new(reversed.into_iter().filter_map(Result::ok))
    } else {
        let opened = inputs.open_some(&everything).into_iter();
        Merged::new(opened.map(|opened: OpenInput<'_>| opened.input))
    };
    let mut newest = NewestSessions::new(most);
    let empty = || NewestSessions::new(most);
    let read = merged.fold(&mut newest, empty, |newest| {
        if is_reversed && newest.is_complete() {
            return Err(SearchStop::Complete);
        }
        Ok(())
    });
    match read {
        Ok(()) | Err(SearchStop::Complete) => Ok(newest.finish()),
        Err(SearchStop::Failed(error)) => Err(error),
    }
}

/// The reason why reading ended before the start of the data.
enum SearchStop {
    /// The sessions are found.
    Complete,
    Failed(Error),
}

impl From<Error> for SearchStop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A session and its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct StartedSession {
    start: Timestamp,
    id: Uuid,
}

/// The newest sessions, as a fold of records in either direction.
#[derive(Debug)]
struct NewestSessions {
    most: usize,
    /// The sessions whose ids have a time, the oldest first.
    found: BTreeSet<StartedSession>,
    /// The other sessions. Their start is only known when all their records were read.
    without_time: HashMap<Uuid, Timestamp>,
    /// The session of the last record, and the latest time of a record in the last part.
    last: Vec<u8>,
    latest: Vec<u8>,
}

impl NewestSessions {
    fn new(most: usize) -> Self {
        Self {
            most,
            found: BTreeSet::new(),
            without_time: HashMap::new(),
            last: Vec::new(),
            latest: Vec::new(),
        }
    }

    /// Returns `true` if no session of the records before can be newer.
    fn is_complete(&self) -> bool {
        let Some(oldest) = self.found.first() else {
            return false;
        };
        let latest = std::str::from_utf8(&self.latest).ok();
        let latest: Option<Timestamp> = latest.and_then(|latest| latest.parse().ok());
        let is_older = |latest: Timestamp| {
            let ahead = oldest.start.unix_micros() - latest.unix_micros();
            u64::try_from(ahead).is_ok_and(|ahead| Duration::from_micros(ahead) > MARGIN)
        };
        self.found.len() == self.most
            && self.without_time.is_empty()
            && latest.is_some_and(is_older)
    }

    fn add(&mut self, session: StartedSession) {
        self.found.insert(session);
        if self.found.len() > self.most {
            self.found.pop_first();
        }
    }

    /// Notes the time of a record of a session whose id has no time.
    fn begin(&mut self, id: Uuid, time: Timestamp) {
        let start = self.without_time.entry(id).or_insert(time);
        *start = time.min(*start);
    }

    /// Returns the sessions, the newest first.
    fn finish(mut self) -> Vec<StartedSession> {
        for (id, start) in std::mem::take(&mut self.without_time) {
            self.add(StartedSession { start, id });
        }
        self.found.into_iter().rev().collect()
    }
}

impl Fold for NewestSessions {
    fn line(&mut self, _: Line<'_>, raw: &RawRecord<'_>) {
        let time = raw.timestamp.bytes();
        if time > self.latest.as_slice() {
            self.latest.clear();
            self.latest.extend_from_slice(time);
        }
        let text = raw.session.bytes();
        if self.last == text {
            return;
        }
        let id = match Uuid::try_parse_ascii(text) {
            Ok(id) if !id.is_nil() => id,
            Ok(_) | Err(_) => return,
        };
        match time_in_id(id) {
            Some(start) => {
                self.last.clear();
                self.last.extend_from_slice(text);
                self.add(StartedSession { start, id });
            }
            None => self.begin(id, raw.time()),
        }
    }

    // It is reported when the records are read.
    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        let later = std::mem::replace(later, Self::new(later.most));
        for session in later.found {
            self.add(session);
        }
        for (id, time) in later.without_time {
            self.begin(id, time);
        }
        self.last = later.last;
        self.latest = later.latest;
    }
}

/// The most by which the first record of a session may be dated before its start, or clocks differ.
const MARGIN: Duration = Duration::from_mins(1);

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directories by hand"
)]
mod tests {
    use super::*;
    use crate::reading::NamedInput;
    use localtel::read::Reader;

    /// Sessions of version 7, whose ids begin with a time, and how many times they have a record.
    fn lines(sessions: &[(&str, &str)]) -> String {
        let line = |(time, session): &(&str, &str)| {
            format!(
                r#"{{"timestamp":"{time}","level":"INFO","source":"s","target":"t","session":"{session}","seq":0}}"#
            ) + "\n"
        };
        sessions.iter().map(line).collect()
    }

    fn directories(all: &[String]) -> (tempfile::TempDir, Vec<NamedInput>) {
        let home = tempfile::tempdir().unwrap();
        let inputs = all.iter().enumerate().map(|(number, lines)| {
            let path = home.path().join(number.to_string());
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("events.000001.jsonl"), lines).unwrap();
            NamedInput::of_directory(&path)
        });
        let inputs = inputs.collect();
        (home, inputs)
    }

    /// The sessions of two directories; the one that started last did not write last.
    fn two() -> (tempfile::TempDir, Vec<NamedInput>) {
        let (first, second, third) = ("01a1fd1e-8c64", "01a1fd5e-a434", "01a1fd70-f288");
        let [first, second, third] =
            [first, second, third].map(|time| format!("{time}-7000-8000-000000000000"));
        directories(&[
            lines(&[
                ("2026-11-21T08:00:00.100000Z", &first),
                ("2026-11-21T09:30:00.200000Z", &third),
                ("2026-11-21T10:00:00.000000Z", &first),
            ]),
            lines(&[("2026-11-21T09:10:00.500000Z", &second)]),
        ])
    }

    fn session(typed: &str, inputs: &[NamedInput]) -> Result<String> {
        let place = place_of(typed).unwrap();
        session_at(typed, place, &RecordInputs::of(inputs.to_vec()))
    }

    #[test]
    fn a_place_is_a_word_or_a_negative_number() {
        for (typed, place) in [
            ("last", Some(1)),
            ("-1", Some(1)),
            ("-12", Some(12)),
            ("01936f0e", None),
            ("-x", None),
            ("1", None),
        ] {
            assert_eq!(place_of(typed), place, "{typed}");
        }
    }

    #[test]
    fn sessions_of_all_inputs_are_in_the_order_of_their_start() {
        let (_home, inputs) = two();
        for (typed, start) in [
            ("last", "01a1fd70"),
            ("-1", "01a1fd70"),
            ("-2", "01a1fd5e"),
            ("-3", "01a1fd1e"),
        ] {
            let id = session(typed, &inputs).unwrap();
            assert!(id.starts_with(start), "{typed}: {id}");
        }
    }

    #[test]
    fn a_place_without_a_session_is_an_error() {
        let (_home, inputs) = two();
        for (typed, expected) in [("-4", "only 3 sessions"), ("-0", "`-1` is the newest")] {
            let error = session(typed, &inputs).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let (_home, empty) = directories(&[String::new()]);
        let error = session("last", &empty).unwrap_err().to_string();
        assert!(error.contains("no session yet"), "{error}");
        let error = session("last", &[NamedInput::stdin()]).unwrap_err();
        assert!(error.to_string().contains("read twice"), "{error}");
    }

    #[test]
    fn a_session_without_a_time_starts_with_its_first_record() {
        let old = "00000000-0000-4000-8000-000000000005";
        let (_home, inputs) = directories(&[lines(&[
            ("2026-11-21T09:30:00.000000Z", old),
            (
                "2026-11-21T09:30:00.200000Z",
                "01a1fd70-f288-7000-8000-000000000000",
            ),
            ("2026-11-21T10:00:00.000000Z", old),
        ])]);
        assert!(session("-1", &inputs).unwrap().starts_with("01a1fd70"));
        assert_eq!(session("-2", &inputs).unwrap(), old);
    }

    #[test]
    fn reading_ends_where_no_session_can_be_newer() {
        let mut newest = NewestSessions::new(1);
        let mut merge = |time: &str, session: &str| {
            let (_home, inputs) = directories(&[lines(&[(time, session)])]);
            let mut reader = Reader::open(inputs[0].directory().unwrap()).unwrap();
            let empty = || NewestSessions::new(1);
            let mut part = empty();
            let read = reader.fold(&mut part, empty, |_| Ok::<(), Error>(()));
            read.unwrap();
            newest.merge(&mut part);
            newest.is_complete()
        };
        let id = "01a1fd70-f288-7000-8000-000000000000";
        assert!(!merge("2026-11-21T09:40:00.000000Z", id));
        assert!(!merge(
            "2026-11-21T09:29:30.000000Z",
            "01a1fd5e-a434-7000-8000-000000000000"
        ));
        assert!(merge(
            "2026-11-21T09:28:59.000000Z",
            "01a1fd5e-a434-7000-8000-000000000000"
        ));
    }
}
