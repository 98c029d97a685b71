//! Running processes apply a decision of their owner within a second and without a restart, and
//! have no thread without consent.

use std::time::{Duration, Instant};

use localtel::recording::{Delivery, Outcome, Watching};
use serde_json::Value;

use crate::support::{TestPlace, dispatch, eventually, log};

/// Runs `localtel` with these arguments.
fn localtel(place: &TestPlace, words: &[&str]) {
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_localtel"))
        .arg("--dir")
        .arg(place.path())
        .args(["--app", "testapp"])
        .args(words)
        .env_remove("DO_NOT_TRACK")
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

fn messages(place: &TestPlace) -> usize {
    place
        .events()
        .iter()
        .filter(|event| event["message"] == "logged")
        .count()
}

#[test]
fn disable_stops_a_busy_writer_within_a_second() {
    let place = TestPlace::new();
    localtel(&place, &["enable"]);
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    log(&dispatch, 10);
    telemetry.flush().unwrap();
    localtel(&place, &["disable"]);
    let started = Instant::now();
    eventually("it stops", || {
        log(&dispatch, 1);
        !telemetry.status().is_recording
    });
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    let before = place.lines().len();
    log(&dispatch, 100);
    telemetry.flush().unwrap();
    let status = telemetry.status();
    assert!(status.off_because.unwrap().contains("stored choice"));
    let counts = telemetry.close(Duration::from_secs(5));
    assert_eq!(place.lines().len(), before, "a `session.end` was written");
    assert!(counts.refused > 0);
    assert_eq!(counts.recorded, messages(&place) as u64);
}

#[test]
fn enable_reaches_a_disabled_process_and_is_recorded() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        localtel(&place, &["enable"]);
        let telemetry = place.builder().delivery(delivery).try_open().unwrap();
        let dispatch = dispatch(&telemetry);
        log(&dispatch, 1);
        telemetry.flush().unwrap();
        localtel(&place, &["disable"]);
        eventually("it stops", || {
            log(&dispatch, 1);
            !telemetry.status().is_recording
        });
        let before = messages(&place);
        localtel(&place, &["enable"]);
        let started = Instant::now();
        eventually("a new record", || {
            log(&dispatch, 1);
            telemetry.flush().unwrap();
            messages(&place) > before
        });
        assert!(
            started.elapsed() < Duration::from_millis(1500),
            "{:?}",
            started.elapsed()
        );
        drop(telemetry);
        let consent = place.own("consent");
        assert_eq!(consent.len(), 1);
        assert_eq!(consent[0]["properties"]["state"], "enabled");
    }
}

#[test]
fn a_reset_begins_a_session_not_linkable_to_the_last() {
    let place = TestPlace::new();
    localtel(&place, &["enable"]);
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    log(&dispatch, 1);
    telemetry.flush().unwrap();
    localtel(&place, &["reset"]);
    let id = |value: &Value| value["properties"]["installation"].clone();
    eventually("a new session", || {
        log(&dispatch, 1);
        telemetry.flush().unwrap();
        place.own("session").len() == 2
    });
    drop(telemetry);
    let sessions = place.own("session");
    assert_ne!(id(&sessions[0]), id(&sessions[1]));
    assert_ne!(sessions[0]["session"], sessions[1]["session"]);
    assert_eq!(sessions[1]["seq"], 0);
    assert_eq!(sessions[1]["properties"]["resumed"], false);
}

#[test]
fn without_consent_only_watching_always_notices_enable() {
    let place = TestPlace::new();
    let sleeping = localtel::Telemetry::builder("testapp")
        .dir(place.path())
        .open();
    let watching = localtel::Telemetry::builder("testapp")
        .dir(place.path())
        .watching(Watching::Always)
        .open();
    assert!(!place.path().exists(), "watching created the directory");
    let event = localtel::Event::new("early");
    assert_eq!(
        (sleeping.record(&event), watching.record(&event)),
        (Outcome::Refused, Outcome::Refused)
    );
    localtel(&place, &["enable"]);
    let started = Instant::now();
    eventually("a record", || {
        watching.record(&localtel::Event::new("late")) == Outcome::Recorded
    });
    assert!(
        started.elapsed() < Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(sleeping.record(&event), Outcome::Refused);
    drop((sleeping, watching));
    assert_eq!(place.events().len(), 1);
}

#[test]
fn deleting_the_stored_choice_is_not_a_decision() {
    let place = TestPlace::new();
    localtel(&place, &["enable"]);
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    log(&dispatch, 1);
    telemetry.flush().unwrap();
    std::fs::remove_dir_all(place.path()).unwrap();
    std::thread::sleep(Duration::from_millis(600));
    log(&dispatch, 1);
    telemetry.flush().unwrap();
    assert_eq!(messages(&place), 1);
}
