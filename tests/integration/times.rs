//! Times and waits at the limits of their ranges, from files, users and applications: nothing
//! panics, and a time that no line can hold is an error.

use std::time::{Duration, SystemTime};

use localtel::consent::WhenUndecided;
use localtel::read::{Filter, Reader, Record, Term};
use localtel::recording::{Durability, Outcome};
use localtel::report::Reports;
use localtel::{Consent, Event, Limits, Telemetry};

use crate::support::{NOT_IN_UTC, TestPlace, line_at};

/// Returns times that only a caller can create, most of them outside the years of a line.
fn moments() -> Vec<SystemTime> {
    let epoch = SystemTime::UNIX_EPOCH;
    let distances = [
        0,
        62_167_219_201,
        253_402_300_799,
        253_402_300_800,
        u64::MAX / 4,
    ];
    let distances = distances.map(|seconds| Duration::new(seconds, 999_999_999));
    distances
        .into_iter()
        .flat_map(|distance| [epoch + distance, epoch - distance])
        .collect()
}

#[test]
fn a_time_out_of_range_in_utc_is_rejected() {
    for text in NOT_IN_UTC {
        for operator in [">", ">=", "<", "<=", "=", "!="] {
            let term = format!("timestamp{operator}{text}").parse::<Term>();
            assert!(term.is_err(), "{text}");
        }
        assert!(Record::parse(line_at(text).as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn any_system_time_can_be_written_and_compared() {
    let place = TestPlace::new();
    place.record(|| tracing::info!("now"));
    let mut record = place.records().remove(0);
    for moment in moments() {
        record.timestamp = moment.into();
        let line = serde_json::to_string(&record).unwrap();
        let read = Record::parse(line.as_bytes()).unwrap();
        assert_eq!(read.timestamp, record.timestamp);
        assert_eq!(read.timestamp.to_string().len(), 27);
        let is_past = moment < SystemTime::now();
        for (filter, keeps) in [
            (Filter::new().since(moment), is_past),
            (Filter::new().until(moment), !is_past),
        ] {
            assert_eq!(filter.matches(&place.records()[0]), keeps, "{moment:?}");
        }
        let mut reader = Reader::open(&place.path()).unwrap().since(moment);
        while reader.next_item().unwrap().is_some() {}
    }
}

#[test]
fn a_history_with_a_time_out_of_range_makes_a_report_due() {
    for text in NOT_IN_UTC {
        let place = TestPlace::new();
        drop(place.builder().open());
        let history = format!("{{\"format\":1,\"version\":\"1.0.0\",\"reported\":\"{text}\"}}");
        std::fs::write(place.path().join("history.json"), history).unwrap();
        let every = Reports::AtStart(Duration::from_hours(24));
        drop(place.builder().version("1.1.0").reports(every).open());
        assert_eq!(place.own("report").len(), 1, "{text}");
    }
}

#[test]
fn consent_with_a_time_out_of_range_can_be_withdrawn() {
    let ids = "\"installation\":\"8b6d2c3e-1f0a-4e57-9d3a-6a2f0c1b7e55\",\
         \"salt\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"";
    for text in NOT_IN_UTC {
        for key in ["decided", "made", "first_seen"] {
            let place = TestPlace::new();
            drop(place.builder().open());
            let path = place.path().join("consent.json");
            let grace = if key == "first_seen" {
                ",\"grace_seconds\":9"
            } else {
                ""
            };
            let consent = format!(
                "{{\"format\":1,\"consent\":\"enabled\",{ids},\"{key}\":\"{text}\"{grace}}}"
            );
            std::fs::write(&path, consent).unwrap();
            let telemetry = place.builder().open();
            assert_ne!(telemetry.record(&Event::new("e")), Outcome::Recorded);
            telemetry.set_consent(Consent::Disabled).unwrap();
            let stored = std::fs::read_to_string(&path).unwrap();
            assert!(stored.contains("\"consent\":\"disabled\""), "{stored}");
            assert!(!stored.contains("8b6d2c3e"), "{stored}");
        }
    }
}

#[test]
fn a_handle_accepts_the_longest_durations() {
    let place = TestPlace::new();
    let builder = || {
        place
            .builder()
            .reports(Reports::Every(Duration::MAX))
            .durability(Durability::Interval(Duration::MAX))
            .limits(Limits {
                age_max: Duration::MAX,
                segment_age_max: Duration::MAX,
                ..Limits::default()
            })
    };
    let telemetry = builder().open();
    assert_eq!(telemetry.record(&Event::new("one")), Outcome::Recorded);
    telemetry.flush_within(Duration::MAX).unwrap();
    let counts = telemetry.close(Duration::MAX);
    assert!(counts.recorded >= 1, "{counts:?}");
    let after = WhenUndecided::RecordAfter(Duration::MAX);
    let other = TestPlace::new();
    let telemetry = Telemetry::builder("testapp")
        .dir(other.path())
        .when_undecided(after);
    for telemetry in [telemetry.clone().open(), telemetry.open()] {
        assert!(!telemetry.status().is_recording);
        assert_eq!(telemetry.close(Duration::MAX).recorded, 0);
    }
    assert_eq!(place.events().len(), 1);
}
