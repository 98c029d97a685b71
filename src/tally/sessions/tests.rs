use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::record::{Record, Timestamp};

/// The start of the sessions' ids, of version 7, and its time.
const STARTED: &str = "01936f0e-0000-7000-8000-0000000000";
const STARTED_AT: &str = "2024-11-27T19:16:48.768000Z";

fn id(session: u8) -> Uuid {
    format!("{STARTED}{session:02}").parse().unwrap()
}

/// A record of a session: its second after the start of an hour, and the rest of the line.
fn line_of(session: Uuid, second: u8, rest: &str) -> Vec<u8> {
    let line = format!(
        r#"{{"timestamp":"2024-11-27T20:00:{second:02}.000000Z","source":"s","session":"{session}","seq":{second},{rest}}}"#
    );
    Record::parse(line.as_bytes()).unwrap().to_line()
}

fn line(session: u8, second: u8, level: &str) -> Vec<u8> {
    let rest = format!(r#""level":"{level}","target":"t""#);
    line_of(id(session), second, &rest)
}

fn own(session: u8, second: u8, event: &str, properties: &str) -> Vec<u8> {
    let rest = format!(
        r#""level":"INFO","target":"localtel","event":"{event}","properties":{{{properties}}}"#
    );
    line_of(id(session), second, &rest)
}

const INSTALLATION: &str = "3f0c8f4e-2d0b-4b57-9b3c-8d0f5a1c7e11";

/// The first record of a session of a process that does not exist.
fn start(session: u8, second: u8) -> Vec<u8> {
    let pid = u32::MAX;
    let facts = format!(r#""installation":"{INSTALLATION}","version":"1.2.0","pid":{pid}"#);
    own(session, second, "session", &facts)
}

fn end(session: u8, second: u8) -> Vec<u8> {
    let counts = r#""recorded":1,"dropped":5,"refused":2,"failed":1"#;
    own(session, second, "session.end", counts)
}

fn dropped(session: u8, second: u8) -> Vec<u8> {
    own(session, second, "dropped", r#""count":3"#)
}

fn once(session: u8, second: u8) -> Vec<u8> {
    let facts = r#""level":"INFO","target":"t","once":{"version":"2.0.0","pid":7}"#;
    line_of(id(session), second, facts)
}

fn note(tally: &mut SessionTally, line: &[u8]) {
    tally.note(&RawRecord::at(line).unwrap());
}

fn listed(lines: &[Vec<u8>]) -> SessionList {
    let mut tally = SessionTally::default();
    for line in lines {
        note(&mut tally, line);
    }
    tally.finish()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_session_has_what_its_records_say() {
    let lines = [
        start(1, 3),
        line(2, 4, "INFO"),
        line(1, 5, "ERROR"),
        dropped(1, 6),
        end(1, 9),
    ];
    let list = listed(&lines);
    let [session, other] = list.sessions() else {
        panic!("{list:?}");
    };
    assert_eq!((session.id, session.application.as_str()), (id(1), "s"));
    assert_eq!(session.version.as_deref(), Some("1.2.0"));
    assert_eq!(session.pid, Some(u32::MAX));
    assert_eq!(session.installation, INSTALLATION.parse().ok());
    assert_eq!(session.start, time(STARTED_AT));
    assert_eq!(session.first, time("2024-11-27T20:00:03Z"));
    assert_eq!(session.last, time("2024-11-27T20:00:09Z"));
    assert_eq!((session.records, session.errors), (4, 1));
    let losses = session.losses;
    assert_eq!((losses.dropped, losses.refused, losses.failed), (5, 2, 1));
    assert_eq!(session.ending, SessionEnding::Orderly);
    assert_eq!((other.records, other.pid), (1, None));
    assert_eq!(other.ending, SessionEnding::WithoutEnd);
    assert_eq!((list.counts().count, list.counts().without_end), (2, 1));
    assert_eq!(list.losses(), losses);
}

#[test]
fn a_session_of_one_line_ended_in_order() {
    let list = listed(&[once(1, 3), once(2, 4)]);
    let [session, _] = list.sessions() else {
        panic!("{list:?}");
    };
    assert_eq!(
        (session.version.as_deref(), session.pid),
        (Some("2.0.0"), Some(7))
    );
    assert_eq!(session.ending, SessionEnding::Orderly);
    let [version] = list.versions() else {
        panic!("{list:?}");
    };
    assert_eq!((version.sessions, version.records), (2, 2));
    assert_eq!(list.lengths().count(), 2);
}

#[test]
fn a_session_starts_with_its_first_record_without_a_time() {
    let session = Uuid::from_u128(5);
    let rest = r#""level":"INFO","target":"t""#;
    let list = listed(&[line_of(session, 7, rest), line_of(session, 6, rest)]);
    let [session] = list.sessions() else {
        panic!("{list:?}");
    };
    assert_eq!(session.start, time("2024-11-27T20:00:06Z"));
    assert_eq!(session.length().as_secs(), 1);
}

#[test]
fn a_record_behind_the_end_is_one_of_the_session() {
    let list = listed(&[start(1, 1), end(1, 2), line(1, 3, "INFO")]);
    let [session] = list.sessions() else {
        panic!("{list:?}");
    };
    assert_eq!(
        (session.records, session.ending),
        (3, SessionEnding::Orderly)
    );
}

#[test]
fn a_session_without_a_record_that_counts_is_left_out() {
    let mut tally = SessionTally::default();
    for line in [start(1, 1), start(2, 2), end(1, 3), end(2, 3)] {
        tally.note_uncounted(&RawRecord::at(&line).unwrap());
    }
    note(&mut tally, &line(2, 4, "ERROR"));
    let list = tally.finish();
    let [session] = list.sessions() else {
        panic!("{list:?}");
    };
    assert_eq!((session.id, session.records, session.errors), (id(2), 1, 1));
    assert_eq!(session.version.as_deref(), Some("1.2.0"));
    assert_eq!(session.ending, SessionEnding::Orderly);
}

#[test]
fn a_session_of_another_installation_was_ended_by_the_owner() {
    let current = INSTALLATION.parse().ok();
    for (input, installation, expected) in [
        (0, current, SessionEnding::WithoutEnd),
        (0, None, SessionEnding::Withdrawn),
        (0, Some(Uuid::from_u128(1)), SessionEnding::Withdrawn),
        (1, None, SessionEnding::WithoutEnd),
    ] {
        let mut tally = SessionTally::default();
        note(&mut tally, &start(1, 1));
        tally.withdraw_others(input, installation);
        let list = tally.finish();
        assert_eq!(
            list.sessions()[0].ending,
            expected,
            "{input} {installation:?}"
        );
    }
}

#[test]
fn no_session_of_another_machine_is_running() {
    let pid = std::process::id();
    let facts = format!(r#""installation":"{INSTALLATION}","pid":{pid}"#);
    let line = String::from_utf8(own(1, 1, "session", &facts)).unwrap();
    // This process began before.
    let line = line.replace("2024-11-27T20", "2036-11-27T20");
    let tally = || {
        let mut tally = SessionTally::default();
        note(&mut tally, line.as_bytes());
        tally
    };
    let ending = |list: SessionList| list.sessions().first().map(|session| session.ending);
    assert_eq!(ending(tally().finish()), Some(SessionEnding::Running));
    let elsewhere = tally().finish_elsewhere();
    assert_eq!(ending(elsewhere), Some(SessionEnding::WithoutEnd));
}

#[test]
fn the_newest_sessions_are_kept_and_the_others_counted() {
    let mut tally = SessionTally::keeping(3);
    for session in [4, 0, 3, 1, 2] {
        for line in [start(session, 1), end(session, 2)] {
            note(&mut tally, &line);
        }
    }
    note(&mut tally, &start(9, 1));
    let list = tally.finish();
    let kept: Vec<Uuid> = list.sessions().iter().map(|session| session.id).collect();
    assert_eq!(kept, [2, 3, 4, 9].map(id));
    assert_eq!((list.counts().count, list.left_out()), (6, 2));
    assert_eq!(list.losses().dropped, 25);
    assert_eq!(list.versions()[0].sessions, 6);
    assert!(!list.counts().is_cut_short);
}

#[test]
fn a_long_name_is_cut() {
    let line = String::from_utf8(line(1, 1, "INFO")).unwrap();
    let line = line.replace(
        r#""source":"s""#,
        &format!(r#""source":"{}""#, "é".repeat(1000)),
    );
    let list = listed(&[line.into_bytes()]);
    assert_eq!(list.sessions()[0].application, "é".repeat(64));
}

proptest! {
    /// Lines are folded in parts, whose bounds are arbitrary.
    #[test]
    fn sessions_of_parts_add_up_to_those_of_the_whole(
        kept in prop_oneof![Just(0_usize), Just(2), Just(100)],
        records in proptest::collection::vec((0..5_u8, 0..7_usize, 0..8_u8), 0..60),
    ) {
        let empty = || SessionTally::keeping(kept);
        let (mut whole, mut merged, mut part) = (empty(), empty(), empty());
        for (session, kind, rest) in records {
            let line = match kind {
                0 => start(session, rest),
                1 => dropped(session, rest),
                2 => end(session, rest),
                3 => once(session + 50, rest),
                4 => line(session, rest, "ERROR"),
                _ => line(session, rest, "INFO"),
            };
            let raw = RawRecord::at(&line).unwrap();
            for tally in [&mut whole, &mut part] {
                if kind == 6 && kept > 0 {
                    tally.note_uncounted(&raw);
                } else {
                    tally.note(&raw);
                }
            }
            if rest == 0 {
                merged.merge(&mut part);
            }
        }
        merged.merge(&mut part);
        let [merged, whole] = [merged, whole].map(|tally| {
            let list = tally.finish();
            if kept > 0 {
                format!("{list:?}")
            } else {
                format!("{:?} {:?}", list.counts(), list.losses())
            }
        });
        prop_assert_eq!(merged, whole);
    }
}
