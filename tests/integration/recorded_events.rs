//! Events recorded by hand, without `tracing`, and the target that is reserved for internal
//! records.

use localtel::Event;
use localtel::recording::{Delivery, Outcome};
use serde_json::json;
use tracing_subscriber::prelude::*;

use crate::support::{TestPlace, occurrences};

#[test]
fn an_event_recorded_by_hand_becomes_a_line() {
    let place = TestPlace::new();
    let telemetry = place.builder().delivery(Delivery::Inline).open();
    let event = Event::new("backup")
        .level(localtel::Level::Warn)
        .target("app::backup")
        .message("slow disk")
        .property("files", 1)
        .property("nested", json!({"a": [1, "b", null, {"c": 0.5}]}))
        .property("files", 12);
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    let line = place.only_line();
    assert_eq!(occurrences(&line, "files"), 1);
    let event = &place.events()[0];
    assert_eq!(event["event"], "backup");
    assert_eq!(event["target"], "app::backup");
    assert_eq!(
        event["properties"],
        json!({"files": 12, "nested": {"a": [1, "b", null, {"c": 0.5}]}})
    );
}

#[test]
fn only_localtel_writes_records_with_its_target() {
    let place = TestPlace::new();
    let telemetry = place.builder().delivery(Delivery::Inline).open();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(name: "session.end", target: "localtel", recorded = 0);
    });
    let forged = Event::new("dropped").target("localtel");
    assert_eq!(telemetry.record(&forged), Outcome::Recorded);
    drop(telemetry);
    assert_eq!(place.own("session.end").len(), 1);
    assert_eq!(place.own("dropped").len(), 0);
    assert_eq!(place.events().len(), 2);
}

#[test]
fn a_deeply_nested_event_is_still_a_valid_line() {
    let mut nested = json!("innermost");
    for _ in 0..200 {
        nested = json!([nested]);
    }
    let place = TestPlace::new();
    let telemetry = place.builder().delivery(Delivery::Inline).open();
    let event = Event::new("deep").property("nested", nested);
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    assert_eq!(place.records().len(), 1);
}

#[test]
fn a_hundred_thousand_properties_are_recorded_quickly() {
    let place = TestPlace::new();
    let telemetry = place.builder().delivery(Delivery::Inline).open();
    let started = std::time::Instant::now();
    let event = (0..100_000).fold(Event::new("many"), |event, number| {
        event.property(format!("name {number}"), number)
    });
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    // Comparing each name with all others takes minutes.
    assert!(started.elapsed() < std::time::Duration::from_secs(30));
    drop(telemetry);
    let cut = &place.events()[0]["properties"]["localtel.cut"];
    assert_eq!(cut["properties"], 100_000);
}

#[test]
fn long_names_that_are_equal_after_the_cut_appear_once() {
    let long = "n".repeat(300);
    let place = TestPlace::new();
    let telemetry = place.builder().delivery(Delivery::Inline).open();
    let event = Event::new("long")
        .property(format!("{long}1"), 1)
        .property(format!("{long}2"), 2);
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    let cut = format!("{}…", "n".repeat(256));
    assert_eq!(occurrences(&place.only_line(), &cut), 1);
    assert_eq!(place.events()[0]["properties"][cut], 2);
}
