//! Compression of closed segments by a program that records.

use std::fs::File;
use std::time::{Duration, Instant, SystemTime};

use localtel::read::Reader;
use localtel::recording::{Compression, Outcome};
use localtel::{Event, Limits};

use crate::support::TestPlace;

fn limits(compression: Compression) -> Limits {
    Limits {
        segment_bytes_max: 32 * 1024,
        compression,
        ..Limits::default()
    }
}

/// The names of the segments, in order.
fn segments(place: &TestPlace) -> Vec<String> {
    let entries = std::fs::read_dir(place.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("events.0")).collect();
    names.sort();
    names
}

/// The session and the number of each record, in file order.
fn records(place: &TestPlace) -> Vec<(String, u64)> {
    let mut reader = Reader::open(&place.path()).unwrap();
    let records = reader.records().map(Result::unwrap);
    records
        .map(|record| (record.session.to_string(), record.seq))
        .collect()
}

/// Records until there are several segments, and makes the closed ones two days old.
fn with_old_segments() -> TestPlace {
    let place = TestPlace::new();
    let telemetry = place
        .builder()
        .limits(limits(Compression::Off))
        .try_open()
        .unwrap();
    for number in 0..1000_u32 {
        let event = Event::new("tick").property("number", number);
        assert_eq!(telemetry.record(&event), Outcome::Recorded);
    }
    drop(telemetry);
    let two_days_ago = SystemTime::now() - Duration::from_hours(48);
    for name in segments(&place) {
        let file = File::open(place.path().join(name)).unwrap();
        file.set_modified(two_days_ago).unwrap();
    }
    assert!(segments(&place).len() > 4);
    place
}

#[test]
fn a_program_that_keeps_recording_compresses_old_segments() {
    let place = with_old_segments();
    let before = records(&place);
    let closed = segments(&place).len() - 1;
    let builder = place.builder().limits(limits(Compression::On));
    let telemetry = builder.try_open().unwrap();
    let is_compressed = |name: &String| name.ends_with(".jsonl.zst");
    let start = Instant::now();
    while segments(&place)
        .iter()
        .filter(|name| is_compressed(name))
        .count()
        < closed
    {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{:?}",
            segments(&place)
        );
        assert_eq!(telemetry.record(&Event::new("tock")), Outcome::Recorded);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "not in the first second"
    );
    drop(telemetry);
    assert!(segments(&place)[..closed].iter().all(is_compressed));
    let after = records(&place);
    assert_eq!(after[..before.len()], before);
    assert!(after.len() > before.len());
}
