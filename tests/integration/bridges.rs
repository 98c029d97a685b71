//! Records of the `log` crate that arrive through `tracing-log`: rules apply to their original
//! target.

use std::time::Duration;

use localtel::policy::Action;
use localtel::read::Filter;
use localtel::recording::Delivery;
use localtel::{Builder, Level, Policy};
use serde_json::{Value, json};
use tracing::info_span;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::with_default;
use tracing_log::LogTracer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;

use crate::policy::{holds, owner};
use crate::support::{TestPlace, eventually};

/// Sends the records of `log` through `tracing`, to the subscriber of the thread that logs.
fn bridge() {
    // Fails if another test has installed it already.
    let _is_first = LogTracer::init();
}

/// Runs `work` with each composition of the layer, then `check` on its directory.
fn record_each(open: impl Fn(&TestPlace) -> Builder, work: impl Fn(), check: impl Fn(&TestPlace)) {
    bridge();
    for (delivery, is_filtered) in [
        (Delivery::Background, true),
        (Delivery::Background, false),
        (Delivery::Inline, true),
    ] {
        let place = TestPlace::new();
        let telemetry = open(&place).delivery(delivery).try_open().unwrap();
        if is_filtered {
            let layer = telemetry.layer().with_filter(telemetry.filter());
            with_default(registry().with(layer), &work);
        } else {
            with_default(registry().with(telemetry.layer()), &work);
        }
        drop(telemetry);
        check(&place);
    }
}

fn texts<'v>(events: &'v [Value], name: &str) -> Vec<&'v str> {
    let text = |event: &'v Value| event[name].as_str().unwrap();
    events.iter().map(text).collect()
}

/// Logs a record of another crate, with a path of the machine that built it.
fn log_from_afar(target: &str) {
    log::logger().log(
        &log::Record::builder()
            .level(log::Level::Error)
            .target(target)
            .args(format_args!("from afar"))
            .module_path(Some("far::away"))
            .file(Some("/home/builder/registry/far/src/away.rs"))
            .line(Some(7))
            .build(),
    );
}

#[test]
fn a_log_record_has_its_own_target_and_nothing_else() {
    let work = || {
        let _span = info_span!("request", id = 7).entered();
        log::info!("by default");
        log::warn!(target: "myapp::sql", "named");
        log_from_afar("far");
        log_from_afar("log");
        log_from_afar("localtel");
        log_from_afar("");
    };
    record_each(TestPlace::builder, work, |place| {
        let events = place.events();
        assert_eq!(
            texts(&events, "target"),
            [
                "integration::bridges",
                "myapp::sql",
                "far",
                "log",
                "app::localtel",
                ""
            ]
        );
        for event in &events {
            assert_eq!(event.get("event"), None);
            assert_eq!(event.get("properties"), None);
            assert_eq!(
                event["spans"],
                json!([{"name": "request", "properties": {"id": 7}}])
            );
        }
        assert_eq!(events[0]["level"], "INFO");
        assert_eq!(events[1]["message"], "named");
        for hidden in ["log.file", "log event", "/home/builder", file!()] {
            assert!(!holds(&place.path(), hidden), "{hidden}");
        }
    });
}

#[test]
fn rules_apply_to_the_real_target_of_a_log_record() {
    let policy = || {
        Policy::new()
            .deny_target("myapp::sql")
            .deny_target("log")
            .deny_event("log event")
            .property("message", Action::Redact)
            .property("log.target", Action::Keep)
    };
    let work = || {
        log::error!(target: "myapp::sql", "kept out");
        log::error!(target: "myapp::sql::pool", "kept out");
        log::error!(target: "log", "kept out");
        log::error!(target: "logger", "kept");
        log::trace!(target: "myapp::sqlite", "kept");
    };
    let open = |place: &TestPlace| place.builder().policy(policy()).level(Level::Trace);
    record_each(open, work, |place| {
        let events = place.events();
        assert_eq!(texts(&events, "target"), ["logger", "myapp::sqlite"]);
        assert!(!holds(&place.path(), "kept out"));
    });
    let by_owner = |place: &TestPlace| {
        owner(
            place,
            "level = \"warn\"\n[targets]\n\"myapp\" = \"drop\"\nlog = \"drop\"\n",
        );
        place.builder()
    };
    let work = || {
        log::error!(target: "myapp::sql", "dropped");
        log::info!(target: "other", "dropped");
        log::warn!(target: "other", "kept");
    };
    record_each(by_owner, work, |place| {
        assert_eq!(texts(&place.events(), "target"), ["other"]);
    });
}

#[test]
fn an_allow_list_admits_log_records_by_their_real_target() {
    let policy = || {
        Policy::allow_list()
            .allow_target("myapp")
            .property("message", Action::Keep)
    };
    let open = |place: &TestPlace| place.builder().policy(policy()).level(Level::Trace);
    let work = || {
        log::info!(target: "myapp::sql", "kept");
        log::info!(target: "log", "dropped");
    };
    record_each(open, work, |place| {
        assert_eq!(texts(&place.events(), "target"), ["myapp::sql"]);
        assert_eq!(texts(&place.events(), "message"), ["kept"]);
    });
}

#[test]
fn an_application_filter_sees_the_real_target() {
    bridge();
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let targets = Targets::new().with_target("myapp", LevelFilter::WARN);
    let subscriber = registry().with(telemetry.layer().with_filter(targets));
    with_default(subscriber, || {
        log::warn!(target: "myapp::sql", "in");
        log::info!(target: "myapp::sql", "out");
        log::warn!(target: "log", "out");
    });
    drop(telemetry);
    assert_eq!(texts(&place.events(), "message"), ["in"]);
    let sql = Filter::new().target("myapp::sql");
    assert!(place.records().iter().all(|record| sql.matches(record)));
}

#[test]
fn log_records_of_many_targets_are_all_handled_correctly() {
    let open = |place: &TestPlace| {
        let policy = Policy::new().deny_target("drop*");
        place.builder().policy(policy)
    };
    let long = "x".repeat(2000);
    let work = || {
        for round in 0..2 {
            for number in 0..700 {
                log::info!(target: &format!("keep{number}"), "{round}");
                log::info!(target: &format!("drop{number}"), "{round}");
            }
            log::info!(target: &long, "{round}");
        }
    };
    record_each(open, work, |place| {
        let events = place.events();
        assert_eq!(events.len(), 2 * 701);
        let targets = texts(&events, "target");
        assert_eq!(
            (targets[0], targets[699], targets[701]),
            ("keep0", "keep699", "keep0")
        );
        assert!(targets[700].starts_with("xxx") && targets[700].len() < 300);
    });
}

#[test]
fn a_change_of_policy_reaches_log_records() {
    bridge();
    for is_filtered in [true, false] {
        let place = TestPlace::new();
        owner(&place, "[targets]\nother = \"drop\"\n");
        let telemetry = place.builder().try_open().unwrap();
        let log_until = |what, is_recorded: bool| {
            eventually(what, || {
                let before = telemetry.status().counts.recorded;
                log::info!(target: "myapp::sql", "{what}");
                std::thread::sleep(Duration::from_millis(20));
                (telemetry.status().counts.recorded > before) == is_recorded
            });
        };
        let work = || {
            log_until("recorded at first", true);
            owner(&place, "[targets]\n\"myapp::sql\" = \"drop\"\n");
            log_until("dropped after a change", false);
            owner(&place, "[targets]\nother = \"drop\"\n");
            log_until("recorded after another", true);
        };
        if is_filtered {
            let layer = telemetry.layer().with_filter(telemetry.filter());
            with_default(registry().with(layer), work);
        } else {
            with_default(registry().with(telemetry.layer()), work);
        }
        drop(telemetry);
    }
}
