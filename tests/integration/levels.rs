//! The minimum level of events and spans, and the records to which it does not apply.

use localtel::recording::{Delivery, Outcome, Watching};
use localtel::{Builder, Event, Level, Policy};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::with_default;
use tracing::{debug, debug_span, error, info, info_span, trace, trace_span, warn};
use tracing_log::LogTracer;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;

use crate::child::{self, ChildTask};
use crate::policy::owner;
use crate::support::TestPlace;

/// Logs at each level, in spans of all levels.
fn log_at_each_level() {
    let _info = info_span!("info").entered();
    let _trace = trace_span!(target: "h2", "trace").entered();
    let _debug = debug_span!("debug").entered();
    trace!(target: "h2", "TRACE");
    debug!(target: "hyper", "DEBUG");
    info!("INFO");
    warn!("WARN");
    error!("ERROR");
}

/// Returns the recorded messages with their spans, and checks that they are the same with each
/// delivery, with and without the filter.
fn recorded(open: impl Fn(&TestPlace) -> Builder) -> Vec<String> {
    let ways = [
        (Delivery::Background, true),
        (Delivery::Background, false),
        (Delivery::Inline, true),
        (Delivery::Inline, false),
    ];
    let recorded = ways.map(|(delivery, is_filtered)| {
        let place = TestPlace::new();
        let telemetry = open(&place).delivery(delivery).try_open().unwrap();
        if is_filtered {
            let layer = telemetry.layer().with_filter(telemetry.filter());
            with_default(registry().with(layer), log_at_each_level);
        } else {
            with_default(registry().with(telemetry.layer()), log_at_each_level);
        }
        drop(telemetry);
        place
            .events()
            .iter()
            .map(|event| {
                let spans = event["spans"].as_array().map(|spans| {
                    let names = spans.iter().map(|span| span["name"].as_str().unwrap());
                    names.collect::<Vec<_>>().join(" ")
                });
                format!(
                    "{} {}",
                    event["message"].as_str().unwrap(),
                    spans.unwrap_or_default()
                )
            })
            .collect::<Vec<_>>()
    });
    for other in &recorded[1..] {
        assert_eq!(&recorded[0], other);
    }
    recorded[0].clone()
}

#[test]
fn by_default_events_and_spans_below_info_are_not_recorded() {
    assert_eq!(
        recorded(TestPlace::builder),
        ["INFO info", "WARN info", "ERROR info"]
    );
}

#[test]
fn an_application_sets_its_minimum_level() {
    let at = |level: Level| recorded(|place| place.builder().level(level));
    assert_eq!(at(Level::Error), ["ERROR "]);
    assert_eq!(at(Level::Debug)[0], "DEBUG info debug");
    assert_eq!(at(Level::Trace)[0], "TRACE info trace debug");
    let as_in_tracing = recorded(|place| place.builder().level(tracing::Level::WARN));
    assert_eq!(as_in_tracing, ["WARN ", "ERROR "]);
}

#[test]
fn a_policy_may_set_the_level_and_the_higher_one_applies() {
    let named = |level| Policy::new().level(level);
    let lower = recorded(|place| place.builder().policy(named(Level::Debug)));
    assert_eq!(lower[0], "DEBUG info debug");
    let both = recorded(|place| {
        let builder = place.builder().level(Level::Warn);
        builder.policy(named(Level::Debug))
    });
    assert_eq!(both[0], "WARN ");
    let both = recorded(|place| {
        let builder = place.builder().level(Level::Debug);
        builder.policy(named(Level::Warn))
    });
    assert_eq!(both[0], "WARN ");
}

#[test]
fn an_owner_raises_the_level_and_never_lowers_it() {
    let owned = |text: &'static str| {
        recorded(move |place| {
            owner(place, text);
            place.builder()
        })
    };
    assert_eq!(owned("level = \"trace\"\n")[0], "INFO info");
    assert_eq!(owned("level = \"error\"\n"), ["ERROR "]);
}

#[test]
fn a_rule_that_keeps_a_target_does_not_lower_its_level() {
    let kept = Policy::new().allow_target("h2");
    let recorded = recorded(|place| place.builder().policy(kept.clone()));
    assert_eq!(recorded[0], "INFO info");
}

#[test]
fn events_below_the_level_are_not_counted() {
    for delivery in [Delivery::Inline, Delivery::Background] {
        let place = TestPlace::new();
        let telemetry = place.builder().delivery(delivery).try_open().unwrap();
        with_default(registry().with(telemetry.layer()), log_at_each_level);
        let status = telemetry.status();
        assert_eq!(status.level, Level::Info);
        assert_eq!((status.counts.recorded, status.counts.offered()), (3, 3));
    }
}

#[test]
fn the_level_does_not_apply_to_commands_or_events_by_hand() {
    let place = TestPlace::new();
    let telemetry = place.builder().level(Level::Error).try_open().unwrap();
    let event = Event::new("fine").level(Level::Debug);
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    telemetry.command("myapp-list").success();
    drop(telemetry);
    let events = place.values();
    for wanted in ["fine", "command"] {
        assert!(
            events.iter().any(|event| event["event"] == wanted),
            "{wanted}"
        );
    }
}

#[test]
fn log_records_below_the_level_are_not_recorded() {
    let _is_first = LogTracer::init();
    for is_filtered in [true, false] {
        let place = TestPlace::new();
        let telemetry = place.builder().try_open().unwrap();
        let work = || {
            log::debug!(target: "myapp::sql", "below");
            log::info!(target: "myapp::sql", "above");
        };
        if is_filtered {
            let layer = telemetry.layer().with_filter(telemetry.filter());
            with_default(registry().with(layer), work);
        } else {
            with_default(registry().with(telemetry.layer()), work);
        }
        drop(telemetry);
        let events = place.events();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["message"], "above");
    }
}

#[test]
fn with_the_filter_nothing_below_the_level_is_created() {
    child::run("log at one level only", &TestPlace::new());
}

/// Runs in a process of its own: subscribers of other tests influence whether an event is created.
pub(crate) fn log_at_one_level_only(task: &ChildTask) {
    let telemetry = task.builder().try_open().unwrap();
    let layer = telemetry.layer().with_filter(telemetry.filter());
    with_default(registry().with(layer), || {
        assert_eq!(LevelFilter::current(), LevelFilter::INFO);
        assert!(tracing::enabled!(tracing::Level::INFO));
        assert!(!tracing::enabled!(target: "h2", tracing::Level::DEBUG));
        assert!(trace_span!(target: "h2", "below").is_disabled());
    });
    drop(telemetry);
    // Telemetry that may be enabled later keeps its level, since `log` reads it only once.
    let waiting = localtel::Telemetry::builder("testapp")
        .dir(std::env::temp_dir().join("localtel-waits-for-consent"))
        .watching(Watching::Always)
        .open();
    let layer = waiting.layer().with_filter(waiting.filter());
    with_default(registry().with(layer), || {
        assert_eq!(LevelFilter::current(), LevelFilter::INFO);
        assert!(!tracing::enabled!(tracing::Level::ERROR));
    });
}
