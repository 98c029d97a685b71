//! Ages: expired segments are removed also where no rotation is due, and no wrong clock removes the
//! records of others. INVARIANT: the names of these tests.

use uuid::Uuid;

use super::*;
use crate::record::LineTime;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A writer of a session, whose clock is ahead of the true time by that many seconds.
struct AgedWriter {
    store: Store,
    session: Uuid,
    ahead: i64,
}

impl AgedWriter {
    fn new(path: &std::path::Path, ahead: i64) -> Self {
        Self::with(path, ahead, Limits::default())
    }

    fn with(path: &std::path::Path, ahead: i64, limits: Limits) -> Self {
        let session = crate::random::id_of_now().unwrap();
        let mut store = Store::new(path, limits);
        store.set_session(session);
        Self {
            store,
            session,
            ahead,
        }
    }

    /// Records one event at that true time.
    fn record(&mut self, origin: Instant, time: i64, id: usize) {
        let stamp = crate::record::format_timestamp(at(time + self.ahead));
        let session = self.session;
        // Like the recorder, it writes at the start of a segment the latest time of the one before
        // it.
        let line = |latest: Option<LineTime>| {
            let property = latest.map_or_else(String::new, |latest| {
                format!(",\"latest\":\"{}\"", latest.as_str())
            });
            format!(
                "{{\"timestamp\":\"{stamp}\",\"level\":\"INFO\",\"source\":\"s\",\"target\":\"localtel\",\"event\":\"session\",\"session\":\"{session}\",\"seq\":{id},\"properties\":{{\"resumed\":true{property}}},\"id\":{id}}}\n"
            )
        };
        let now = Now {
            clock: at(time + self.ahead),
            steady: origin + Duration::from_secs(u64::try_from(time).unwrap()),
        };
        let bytes = line(None).len();
        let mut turn = self.store.begin(bytes, now, soon()).unwrap();
        let line = line(turn.latest_due(bytes));
        let latest = LineTime::of_line(line.as_bytes());
        let (_, failure) = turn.append(line.as_bytes(), Latest::from(latest));
        assert!(failure.is_none());
    }
}

#[test]
fn a_clock_ahead_by_years_removes_nothing_that_others_recorded() {
    let (_root, path) = place();
    let origin = Instant::now();
    let mut right = AgedWriter::new(&path, 0);
    for day in 0..5 {
        right.record(origin, day * DAY + day, usize::try_from(day).unwrap());
    }
    let mut ahead = AgedWriter::new(&path, 5 * YEAR);
    for hour in 0..50 {
        let id = 100 + usize::try_from(hour).unwrap();
        ahead.record(origin, 4 * DAY + hour * HOUR, id);
    }
    let (ids, _) = contents(&path);
    assert_eq!(ids[..5], [0, 1, 2, 3, 4]);
    // The one that is right continues, and each made the other start a new segment at most once a
    // day.
    for hour in 50..100 {
        right.record(
            origin,
            4 * DAY + hour * HOUR,
            usize::try_from(hour).unwrap(),
        );
        ahead.record(origin, 4 * DAY + hour * HOUR + 9, 1000);
    }
    let segments = segments(&path);
    assert!(segments.len() < 16, "{segments:?}");
    assert_eq!(contents(&path).0[..5], [0, 1, 2, 3, 4]);
}

#[test]
fn single_events_with_skewed_clocks_do_not_rotate_each_time() {
    for ahead in [5 * YEAR, -5 * YEAR] {
        let (_root, path) = place();
        let origin = Instant::now();
        for minute in 0..100_i64 {
            let id = usize::try_from(minute).unwrap();
            AgedWriter::new(&path, 0).record(origin, minute * 60, 2 * id);
            AgedWriter::new(&path, ahead).record(origin, minute * 60 + 30, 2 * id + 1);
        }
        assert!(segments(&path).len() <= 3, "{ahead}: {:?}", segments(&path));
        if ahead < 0 {
            assert_eq!(contents(&path).0, (0..200).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_clock_behind_does_not_have_good_records_removed() {
    let (_root, path) = place();
    let origin = Instant::now();
    let mut right = AgedWriter::new(&path, 0);
    let mut behind = AgedWriter::new(&path, -5 * YEAR);
    for hour in 0..100 {
        let id = usize::try_from(hour).unwrap();
        right.record(origin, hour * HOUR, 2 * id);
        behind.record(origin, hour * HOUR + 60, 2 * id + 1);
    }
    assert_eq!(contents(&path).0, (0..200).collect::<Vec<_>>());
    assert!(segments(&path).len() < 16);
}

#[test]
fn a_segment_that_starts_in_the_future_is_left_once_and_ages() {
    let (_root, path) = place();
    let origin = Instant::now();
    AgedWriter::new(&path, YEAR).record(origin, 0, 0);
    let mut right = AgedWriter::new(&path, 0);
    for minute in 1..20_i64 {
        right.record(origin, minute * 60, usize::try_from(minute).unwrap());
    }
    assert_eq!(segments(&path), [1, 2]);
    // Less than an hour ahead: its age counts from the time when it was opened.
    let (_root, path) = place();
    AgedWriter::new(&path, HOUR - 60).record(origin, 0, 0);
    let mut right = AgedWriter::new(&path, 0);
    right.record(origin, 60, 1);
    assert_eq!(segments(&path), [1]);
    right.record(origin, DAY + 120, 2);
    assert_eq!(segments(&path), [1, 2]);
}

#[test]
fn a_record_dated_in_the_future_keeps_no_segment_for_ever() {
    let (_root, path) = place();
    let origin = Instant::now();
    let mut right = AgedWriter::new(&path, 0);
    let mut ahead = AgedWriter::new(&path, 5 * YEAR);
    for day in 0..200 {
        right.record(origin, day * (DAY + 1), 0);
        ahead.record(origin, day * (DAY + 1) + 1, 1);
    }
    let lowest = segments(&path)[0];
    assert!(lowest > 90, "{:?}", segments(&path));
}

#[test]
fn an_expired_active_segment_is_removed_by_the_next_writer() {
    let (_root, path) = place();
    let origin = Instant::now();
    let limits = Limits {
        segment_age_max: Duration::MAX,
        ..Limits::default()
    };
    AgedWriter::with(&path, 0, limits.clone()).record(origin, 0, 0);
    let mut later = AgedWriter::with(&path, 0, limits.clone());
    later.record(origin, 90 * DAY - 10, 1);
    assert_eq!(segments(&path), [1], "it is young enough");
    // A clock alone does not remove the records of others: the next session has seen this one's,
    // and removes them.
    AgedWriter::with(&path, 0, limits.clone()).record(origin, 181 * DAY, 2);
    assert_eq!(segments(&path), [1, 2]);
    AgedWriter::with(&path, 0, limits.clone()).record(origin, 181 * DAY + 1, 3);
    assert_eq!(segments(&path), [2]);
    assert_eq!(contents(&path).0, [2, 3]);
    // It would have grown for ever, and the directory has no gap.
    assert_eq!(floor(&path), 2);
}

#[test]
fn closed_segments_expire_without_a_rotation() {
    let (_root, path) = place();
    let origin = Instant::now();
    let limits = |segment_age_max| Limits {
        segment_age_max,
        ..Limits::default()
    };
    let mut daily = AgedWriter::with(&path, 0, limits(Duration::from_hours(24)));
    for day in 0..4 {
        daily.record(origin, day * (DAY + 1), usize::try_from(day).unwrap());
    }
    assert_eq!(segments(&path), [1, 2, 3, 4]);
    let mut quiet = AgedWriter::with(&path, 0, limits(Duration::MAX));
    let mut other = AgedWriter::with(&path, 0, limits(Duration::MAX));
    quiet.record(origin, 89 * DAY, 4);
    other.record(origin, 89 * DAY + 100, 5);
    assert_eq!(segments(&path), [1, 2, 3, 4]);
    // Once an hour a writer checks.
    quiet.record(origin, 90 * DAY + 300, 6);
    assert_eq!(segments(&path), [2, 3, 4]);
    quiet.record(origin, 91 * DAY + 300, 7);
    assert_eq!(segments(&path), [3, 4]);
    quiet.record(origin, 92 * DAY + 300, 8);
    assert_eq!(segments(&path), [4]);
    assert_eq!(contents(&path).0, [3, 4, 5, 6, 7, 8]);
}

#[test]
fn with_young_segments_a_writer_lists_and_reads_back_nothing() {
    let (_root, path) = place();
    let origin = Instant::now();
    for day in 0..4 {
        AgedWriter::new(&path, 0).record(origin, day * (DAY + 1), 0);
    }
    let mut writer = AgedWriter::new(&path, 0);
    writer.record(origin, 3 * DAY + HOUR, 1);
    assert_eq!(writer.store.faults.count_of("list"), 0);
    assert_eq!(writer.store.faults.count_of("read back"), 0);
}

/// Records for ten days by writers whose clocks are right, ahead and behind by these: hours after
/// the record before, the writer, and whether in a new session. Returns the remaining ids.
fn left_of(ahead: i64, behind: i64, schedule: &[(i64, usize, bool)]) -> Vec<usize> {
    let (_root, path) = place();
    let origin = Instant::now();
    let limits = Limits {
        age_max: Duration::from_hours(24 * 10),
        ..Limits::default()
    };
    let writer = |ahead| AgedWriter::with(&path, ahead, limits.clone());
    let mut writers = [writer(0), writer(ahead), writer(-behind)];
    let mut time = 0;
    for (id, (hours, by, is_new)) in schedule.iter().copied().enumerate() {
        time += hours * HOUR + 1;
        if is_new {
            writers[by] = writer(0);
        }
        writers[by].record(origin, time, id);
    }
    contents(&path).0
}

/// The session has seen no record of another one for so long that ages count from before its own
/// records: they are young nevertheless, and are not removed with those of the clock that is
/// behind.
#[test]
fn an_old_witness_removes_no_young_records() {
    let schedule = [
        (0, 0, true),
        (5, 0, true),
        (19, 0, true),
        (5, 0, true),
        (11, 0, true),
        (23, 0, true),
        (3, 0, true),
        (28, 2, false),
        (29, 2, false),
        (15, 2, false),
        (25, 2, false),
        (28, 2, false),
        (19, 2, false),
        (0, 0, true),
        (6, 0, false),
        (29, 0, false),
        (12, 2, false),
        (28, 2, false),
        (11, 2, false),
        (8, 1, false),
        (8, 2, false),
        (18, 0, false),
        (10, 2, false),
        (17, 0, false),
    ];
    let left = left_of(2 * HOUR, 30 * DAY, &schedule);
    assert!(left.contains(&13), "{left:?}");
}

/// The same, where the clock ahead counts from before the records of the right one.
#[test]
fn an_old_witness_of_a_clock_ahead_removes_no_young_records() {
    let schedule = [
        (0, 0, false),
        (11, 2, false),
        (27, 2, false),
        (24, 2, false),
        (23, 1, false),
        (8, 1, false),
        (14, 1, false),
        (29, 1, false),
        (28, 1, false),
        (28, 2, false),
        (20, 0, true),
        (28, 0, true),
        (0, 2, false),
        (0, 1, false),
    ];
    let left = left_of(30 * DAY, 30 * DAY, &schedule);
    assert!(left.contains(&10), "{left:?}");
}

#[test]
fn an_outdated_segment_behind_a_younger_one_is_kept() {
    let (_root, path) = place();
    let origin = Instant::now();
    AgedWriter::new(&path, 0).record(origin, 0, 0);
    // This one creates a segment of its own, in which nothing is younger than five years.
    AgedWriter::new(&path, -5 * YEAR).record(origin, 60, 1);
    AgedWriter::new(&path, 0).record(origin, 120, 2);
    assert_eq!(contents(&path).0, [0, 1, 2]);
}

/// An append by one of three writers after a while.
#[derive(Debug, Clone)]
struct TimedAppend {
    writer: usize,
    hours: i64,
    is_new_session: bool,
}

fn events() -> impl Strategy<Value = Vec<TimedAppend>> {
    let event = (0..3_usize, 0..30_i64, 0..10_u8).prop_map(|(writer, hours, chance)| TimedAppend {
        writer,
        hours,
        is_new_session: writer == 0 && chance == 0,
    });
    proptest::collection::vec(event, 1..160)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Three writers have clocks that are right, ahead and behind by years, and records are kept
    /// for ten days: records of a right clock from the last eight days are there, and those older
    /// than fourteen are removed as soon as the right one has checked. A clock that is behind takes
    /// right times for the future, and removes a segment when the records that it understands have
    /// expired; the others in it are at most two days younger. Removal relies on no clock alone, so
    /// it is late by the time in which no other clock of about this time recorded anything.
    #[test]
    fn with_any_clocks_good_records_stay_and_old_ones_expire(
        events in events(),
        ahead in prop_oneof![Just(2 * HOUR), Just(30 * DAY), Just(5 * YEAR)],
        behind in prop_oneof![Just(2 * HOUR), Just(30 * DAY), Just(5 * YEAR)],
    ) {
        let (_root, path) = place();
        let origin = Instant::now();
        let limits = Limits { age_max: Duration::from_hours(24 * 10), ..Limits::default() };
        let mut writers: Vec<AgedWriter> = [0, ahead, -behind]
            .map(|ahead| AgedWriter::with(&path, ahead, limits.clone()))
            .into();
        let mut time = 0;
        let (mut others, mut silence) = (0, 0);
        let mut recorded: Vec<(i64, usize)> = Vec::new();
        // The right one is first, so that there is a record to see.
        let first = [TimedAppend { writer: 0, hours: 0, is_new_session: false }];
        for (id, event) in first.iter().chain(&events).enumerate() {
            time += event.hours * HOUR + 1;
            silence = silence.max(time - others);
            if event.writer == 1 {
                others = time;
            }
            if event.is_new_session {
                writers[0] = AgedWriter::with(&path, 0, limits.clone());
            }
            let rotations = segments(&path_or(&path)).last().copied();
            writers[event.writer].record(origin, time, id);
            recorded.push((time, event.writer));
            let (found, _) = contents(&path);
            for (id, (at, by)) in recorded.iter().enumerate() {
                if *by == 0 && time - at < 8 * DAY {
                    prop_assert!(found.contains(&id), "{} of {} s is gone at {} s", id, at, time);
                }
            }
            if event.writer == 0 && rotations != segments(&path).last().copied() {
                let oldest = found.iter().find(|id| recorded[**id].1 == 0).copied().unwrap();
                // A segment is removed with its newest record, and contains a day of them, or two
                // where a clock is behind.
                let age = time - recorded[oldest].0;
                prop_assert!(age < 14 * DAY + silence, "{} is kept for {} s, {} s", oldest, age, silence);
            }
        }
    }
}

/// The directory, which does not exist before something is recorded.
fn path_or(path: &std::path::Path) -> PathBuf {
    if path.exists() {
        path.to_owned()
    } else {
        std::env::temp_dir()
    }
}
