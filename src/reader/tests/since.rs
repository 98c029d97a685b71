//! Skipping older data: whatever writers, other programs and clocks did, no requested record is
//! missed, and the recorded latest times are true.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::*;
use crate::clock;
use crate::encode::{Own, SyntheticRecord, encode_synthetic};
use crate::record::{Level, Properties};
use crate::recorder::tests::{offer_frame, settings};
use crate::recorder::{Delivery, Outcome, Recorder};
use crate::store::limits::Limits;

/// The microseconds from which the times of these tests are counted: slightly ahead, so that
/// records of localtel with the real clock are earlier.
static START: LazyLock<i64> = LazyLock::new(|| clock::micros_since_epoch() + 60_000_000);

fn micros(millis: i64) -> i64 {
    *START + millis * 1000
}

fn moment(millis: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros(millis)).unwrap()
}

fn recorder(place: &ReaderPlace) -> Recorder {
    let mut settings = settings(&place.path(), Delivery::Inline);
    settings.limits = Limits {
        segment_bytes_max: 16 * 1024,
        ..Limits::default()
    };
    Recorder::start(settings)
}

/// Records an event of some 500 bytes with that time.
fn record(recorder: &Recorder, millis: i64) {
    let mut properties = Properties::default();
    properties.set("text", "x".repeat(300));
    let synthetic = SyntheticRecord {
        own: Own::Application,
        level: Level::Info,
        source: "testapp",
        target: "testapp",
        event: Some("e"),
        message: None,
        properties: &properties,
        policy: None,
    };
    let mut frame = Vec::new();
    let micros = micros(millis);
    encode_synthetic(&mut frame, (&Limits::default()).into(), micros, &synthetic);
    assert_eq!(offer_frame(recorder, &frame, micros), Outcome::Recorded);
}

/// The position of each record, with its time and line, and all other items.
type SinceResult = (Vec<(Position, Timestamp, Vec<u8>)>, Vec<String>);

fn sort(item: &Item<'_>, (records, reported): &mut SinceResult) {
    if let Item::Line(line) = item
        && let Ok(record) = line.record()
    {
        records.push((line.position(), record.timestamp, line.bytes().to_vec()));
    } else {
        reported.push(describe(item));
    }
}

fn forwards(place: &ReaderPlace, since: Option<Timestamp>) -> SinceResult {
    let mut reader = Reader::open(&place.path()).unwrap();
    if let Some(since) = since {
        reader = reader.since(since);
    }
    let mut seen = SinceResult::default();
    while let Some(item) = reader.next_item().unwrap() {
        sort(&item, &mut seen);
    }
    seen
}

fn backwards(place: &ReaderPlace, since: Timestamp) -> SinceResult {
    let mut reverse = Reader::reverse(&place.path()).unwrap().since(since);
    let mut seen = SinceResult::default();
    while let Some(item) = reverse.next_item() {
        sort(&item, &mut seen);
    }
    seen.0.reverse();
    seen.1.reverse();
    seen
}

/// Checks that every latest time in the records of a session is right.
fn check_latest_times(records: &[(Position, Timestamp, Vec<u8>)]) -> usize {
    let mut checked = 0;
    for (position, _, line) in records {
        let record = Record::parse(line).unwrap();
        let latest = record.properties.get("latest").filter(|_| record.is_own());
        let Some(latest) = latest else { continue };
        let latest = latest.as_str().unwrap().parse().unwrap();
        let is_covered = |at: &Position| match position.byte {
            0 => at.segment.next() == position.segment,
            byte => at.segment == position.segment && at.byte < byte,
        };
        for (at, timestamp, _) in records.iter().filter(|(at, ..)| is_covered(at)) {
            assert!(
                *timestamp <= latest,
                "{at} is later than the `latest` {latest} of {position}"
            );
        }
        checked += 1;
    }
    checked
}

#[test]
fn older_lines_are_skipped_up_to_the_last_known_time() {
    let place = ReaderPlace::new();
    let writer = recorder(&place);
    for millis in 0..200 {
        record(&writer, millis);
    }
    let (all, _) = forwards(&place, None);
    assert!(check_latest_times(&all) > 10);
    let (read, reported) = forwards(&place, Some(moment(195)));
    assert!(read.len() < 25, "{} of {} were read", read.len(), all.len());
    assert!(reported.is_empty());
    assert_eq!(
        read,
        all[all.len() - read.len()..],
        "line numbers are right"
    );
    let (back, _) = backwards(&place, moment(195));
    // Backwards reads blocks.
    assert!(back.len() < 50 && back.ends_with(&read));
    // A time in the middle starts in the middle, and a time after all records is still searched for
    // at the end.
    let (read, _) = forwards(&place, Some(moment(100)));
    assert!((100..125).contains(&read.len()));
    assert!(forwards(&place, Some(moment(500_000_000))).0.len() < 25);
}

#[test]
fn a_wrong_clock_costs_only_its_own_segment() {
    let place = ReaderPlace::new();
    let writer = recorder(&place);
    for millis in 0..200 {
        let wrong = if millis == 50 { 1_000_000_000_000 } else { 0 };
        record(&writer, millis + wrong);
    }
    let (read, _) = forwards(&place, Some(moment(195)));
    assert!(
        read.iter().any(|(_, time, _)| *time > moment(500)),
        "it is later, so it is wanted"
    );
    assert!(read.len() < 75, "{}", read.len());
}

#[test]
fn segments_without_a_known_time_are_read() {
    let place = ReaderPlace::new();
    let text = String::from_utf8(lines(0..40)).unwrap();
    let own = text.replace(r#""source":"s""#, r#""source":"testapp""#);
    place.write(1, own.into_bytes());
    let writer = recorder(&place);
    for millis in 0..200 {
        record(&writer, millis);
    }
    // Another program removes the latest time from the third segment.
    let text = String::from_utf8(place.bytes(4)).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let silent = first.replacen(",\"latest\":\"", ",\"later\":\"", 1);
    assert_ne!(silent, first);
    place.remove(4);
    place.write(4, format!("{silent}\n{rest}"));
    let (read, _) = forwards(&place, Some(moment(195)));
    let segments: Vec<u64> = read.iter().map(|(at, ..)| at.segment.get()).collect();
    assert!(
        segments.contains(&3) && !segments.contains(&1) && !segments.contains(&4),
        "{segments:?}"
    );
}

#[test]
fn a_line_resembling_a_session_record_proves_nothing() {
    let place = ReaderPlace::new();
    let since = Some("2026-12-01T00:00:00Z".parse().unwrap());
    let late = line(0).replace("2026", "2027");
    let mark =
        r#""properties":{"format":1,"resumed":true,"latest":"2026-11-30T00:00:00.000000Z"}}"#;
    let session = line(1).replace(
        r#""target":"t""#,
        r#""target":"localtel","event":"session""#,
    );
    let forged = [
        line(1).replace('}', &format!(",{mark}")),
        session.replace('}', &format!(",\"spans\":[{{\"name\":\"s\",{mark}]}}")),
        session.replace('}', &format!(",{}", mark.replace('Z', "+00:00"))),
        session.replace('}', &format!(",{mark} x")),
        session
            .replacen(r#""event":"session""#, r#""event":"session.end""#, 1)
            .replace('}', &format!(",{mark}")),
    ];
    // The same line, correct in all its parts.
    let real = session.replace('}', &format!(",{mark}"));
    for (line_before, is_valid) in forged
        .iter()
        .map(|line| (line, false))
        .chain([(&real, true)])
    {
        place.write(1, format!("{}\n{late}\n", line(0)));
        place.write(2, format!("{line_before}\n"));
        let (read, _) = forwards(&place, since);
        assert_eq!(
            read.iter().all(|(at, ..)| at.segment.get() == 2),
            is_valid,
            "{line_before}"
        );
        // The same inside a segment.
        place.write(1, format!("{}\n{late}\n{line_before}\n", line(0)));
        place.remove(2);
        let (read, _) = forwards(&place, since);
        assert_eq!(
            read.iter().all(|(at, ..)| at.line == NonZero::new(3)),
            is_valid,
            "{line_before}"
        );
    }
}

#[test]
fn lost_segments_are_reported_also_among_skipped_ones() {
    let place = ReaderPlace::new();
    let writer = recorder(&place);
    for millis in 0..200 {
        record(&writer, millis);
    }
    place.remove(3);
    let (read, reported) = forwards(&place, Some(moment(195)));
    assert_eq!(reported, ["missing 3..3"]);
    assert!(
        read.iter().any(|(at, ..)| at.segment.get() == 2),
        "it is not reported any more"
    );
    assert_eq!(backwards(&place, moment(195)).1, ["missing 3..3"]);
}

#[test]
fn a_follower_with_since_misses_nothing_new() {
    let place = ReaderPlace::new();
    let writer = recorder(&place);
    for millis in 0..200 {
        record(&writer, millis);
    }
    let reader = Reader::open(&place.path()).unwrap().since(moment(195));
    let mut follower = reader.follow();
    assert!(drain(&mut follower).len() < 25);
    for millis in 200..300 {
        record(&writer, millis);
    }
    assert!(drain(&mut follower).len() >= 100);
}

/// An action on a directory.
#[derive(Debug, Clone)]
enum SinceStep {
    Record {
        writer: usize,
        millis: i64,
        count: i64,
    },
    Reopen {
        writer: usize,
    },
    Append {
        bytes: Vec<u8>,
    },
    Cut {
        bytes: u64,
    },
    Clear,
}

/// Lines and bytes that are not lines, as other programs and crashes leave them.
fn strange() -> impl Strategy<Value = Vec<u8>> {
    let time = (0..5000_i64).prop_map(|millis| moment(millis).to_string());
    (time, 0..12_u8).prop_map(|(time, kind)| {
        let short = line(7).replace("2026-11-21T08:15:30.123456Z", &time);
        let finer = line(7).replace("2026-11-21T08:15:30.123456Z", &time.replace('Z', "789Z"));
        let zoned = line(7).replace("2026-11-21T08:15:30.123456Z", &time.replace('Z', "-02:00"));
        let turned = format!(
            "{{\"seq\":7,{}",
            finer.replace(",\"seq\":7", "").trim_start_matches('{')
        );
        match kind {
            0 => short + "\n",
            1 => finer + "\n",
            2 => zoned + "\n",
            3 => turned + "\n",
            // Without a newline: the next bytes are on the same line.
            4 => short,
            5 => turned,
            6 => format!("{{\"timestamp\":\"2026-{short}\n"),
            7 => format!("{turned}{short}\n"),
            8 => format!("{short}\0\0\0{zoned}\n"),
            9 => short.replace(
                '}',
                &format!(",\"properties\":{{\"deep\":{{\"timestamp\":\"{time}\"}}}}}}\n"),
            ),
            10 => "garbage\n{\"torn".to_owned(),
            _ => "\0\0".to_owned(),
        }
        .into_bytes()
    })
}

fn steps() -> impl Strategy<Value = Vec<SinceStep>> {
    let step = prop_oneof![
        8 => (0..3_usize, 0..5000_i64, 1..12_i64)
            .prop_map(|(writer, millis, count)| SinceStep::Record { writer, millis, count }),
        2 => (0..3_usize).prop_map(|writer| SinceStep::Reopen { writer }),
        3 => strange().prop_map(|bytes| SinceStep::Append { bytes }),
        1 => (1..3000_u64).prop_map(|bytes| SinceStep::Cut { bytes }),
        1 => Just(SinceStep::Clear),
    ];
    proptest::collection::vec(step, 1..40)
}

fn highest(place: &ReaderPlace) -> Option<u64> {
    let directory = Directory::open(&place.path(), Access::Read).unwrap();
    store::numbers(&directory)
        .unwrap()
        .last()
        .map(|number| number.get())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was written with whatever clock, and whatever happened to it, the recorded latest
    /// times are true, and no requested record is skipped.
    #[test]
    fn skipping_misses_no_matching_record(steps in steps(), since in 0..5200_i64) {
        let place = ReaderPlace::new();
        let mut writers: Vec<Recorder> = (0..3).map(|_| recorder(&place)).collect();
        for step in steps {
            match (step, highest(&place)) {
                (SinceStep::Record { writer, millis, count }, _) => {
                    for later in 0..count {
                        record(&writers[writer], millis + later);
                    }
                }
                (SinceStep::Reopen { writer }, _) => {
                    writers[writer].close(&Properties::default(), Instant::now() + Duration::from_secs(5));
                    writers[writer] = recorder(&place);
                }
                (SinceStep::Append { bytes }, Some(head)) => place.append(head, bytes),
                (SinceStep::Cut { bytes }, Some(head)) => {
                    let size = place.bytes(head).len() as u64;
                    place.cut(head, size.saturating_sub(bytes));
                }
                (SinceStep::Clear, Some(_)) => {
                    let now = store::age::Now {
                        clock: moment(0).to_moment(),
                        steady: Instant::now(),
                    };
                    store::clear(&place.path(), store::Clearing::All, now).unwrap();
                }
                (SinceStep::Append { .. } | SinceStep::Cut { .. } | SinceStep::Clear, None) => {}
            }
        }
        if !place.path().exists() {
            return Ok(());
        }
        let (all, reported) = forwards(&place, None);
        check_latest_times(&all);
        for since in [since, 0, 2500, 4999].map(moment) {
            let wanted = |records: Vec<(Position, Timestamp, Vec<u8>)>| -> Vec<_> {
                records.into_iter().filter(|(_, time, _)| *time >= since).collect()
            };
            let expected = wanted(all.clone());
            let (read, reported_since) = forwards(&place, Some(since));
            prop_assert_eq!(&wanted(read), &expected);
            prop_assert!(reported_since.iter().all(|item| reported.contains(item)), "{:?}", reported_since);
            let (back, reported_back) = backwards(&place, since);
            prop_assert_eq!(&wanted(back), &expected);
            prop_assert!(reported_back.iter().all(|item| reported.contains(item)), "{:?}", reported_back);
        }
    }
}
