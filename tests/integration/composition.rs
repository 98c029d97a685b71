//! The layer among others: what each layer sees, whose spans an event stands in, and several handles and
//! layers at once.

use std::sync::{Arc, Mutex};

use localtel::{Telemetry, WhenUndecided};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber, info, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;

use crate::child;
use crate::support::Place;

/// A layer of somebody else, which notes the levels it sees.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<String>>>);

impl Witness {
    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl<S: Subscriber> Layer<S> for Witness {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = event.metadata().level().to_string();
        self.0.lock().unwrap().push(level);
    }
}

fn off() -> Telemetry {
    Telemetry::builder("testapp")
        .dir("/nonexistent/of/localtel/tests")
        .when_undecided(WhenUndecided::Refuse)
        .open()
}

fn log_all_levels() {
    tracing::trace!("t");
    tracing::debug!("d");
    info!("i");
    tracing::warn!("w");
    tracing::error!("e");
}

fn span_names(event: &Value) -> Vec<&str> {
    event["spans"]
        .as_array()
        .map(|spans| {
            spans
                .iter()
                .map(|span| span["name"].as_str().unwrap())
                .collect()
        })
        .unwrap_or_default()
}

#[test]
fn other_layers_see_everything_also_where_telemetry_is_off() {
    for is_first in [true, false] {
        let (telemetry, witness) = (off(), Witness::default());
        if is_first {
            let subscriber = tracing_subscriber::registry()
                .with(telemetry.layer())
                .with(witness.clone());
            tracing::subscriber::with_default(subscriber, log_all_levels);
        } else {
            let subscriber = tracing_subscriber::registry()
                .with(witness.clone())
                .with(telemetry.layer());
            tracing::subscriber::with_default(subscriber, log_all_levels);
        }
        assert_eq!(witness.seen(), ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]);
    }
}

#[test]
fn where_telemetry_is_off_and_alone_no_event_is_even_made() {
    child::run("be off and alone", &Place::new());
}

/// In a process of its own: the subscribers of other tests have a say in whether an event is made.
pub(crate) fn be_off_and_alone() {
    let telemetry = off();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        assert!(!tracing::enabled!(tracing::Level::ERROR));
        tracing::error!(value = %{ panic!("formatted for nobody"); #[expect(unreachable_code, reason = "a value for the macro")] 1 });
    });
}

#[test]
fn filters_on_our_layer_are_ours_alone() {
    let (place, witness) = (Place::new(), Witness::default());
    let telemetry = place.builder().try_open().unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(LevelFilter::WARN))
        .with(witness.clone());
    tracing::subscriber::with_default(subscriber, log_all_levels);
    drop(telemetry);
    assert_eq!(witness.seen().len(), 5);
    let messages: Vec<Value> = place
        .events()
        .iter()
        .map(|e| e["message"].clone())
        .collect();
    assert_eq!(messages, ["w", "e"]);
}

#[test]
fn filters_on_others_are_theirs_alone() {
    for is_first in [true, false] {
        let (place, witness) = (Place::new(), Witness::default());
        let telemetry = place.builder().try_open().unwrap();
        if is_first {
            let subscriber = tracing_subscriber::registry()
                .with(telemetry.layer())
                .with(witness.clone().with_filter(LevelFilter::ERROR));
            tracing::subscriber::with_default(subscriber, log_all_levels);
        } else {
            let subscriber = tracing_subscriber::registry()
                .with(witness.clone().with_filter(LevelFilter::ERROR))
                .with(telemetry.layer());
            tracing::subscriber::with_default(subscriber, log_all_levels);
        }
        drop(telemetry);
        assert_eq!(witness.seen(), ["ERROR"]);
        assert_eq!(place.events().len(), 5);
    }
}

#[test]
fn targets_decide_what_our_layer_records() {
    let place = Place::new();
    let telemetry = place.builder().try_open().unwrap();
    let targets = Targets::new().with_target("app", LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry().with(telemetry.layer().with_filter(targets));
    tracing::subscriber::with_default(subscriber, || {
        info!(target: "app::db", "in");
        info!(target: "other", "out");
        tracing::debug!(target: "app", "out");
    });
    drop(telemetry);
    assert_eq!(place.events().len(), 1);
}

#[test]
fn two_handles_in_one_registry_keep_their_records_apart() {
    let (one, two) = (Place::new(), Place::new());
    let (first, second) = (
        one.builder().try_open().unwrap(),
        two.builder().try_open().unwrap(),
    );
    let subscriber = tracing_subscriber::registry()
        .with(first.layer().with_filter(LevelFilter::INFO))
        .with(second.layer());
    tracing::subscriber::with_default(subscriber, || {
        let root = info_span!("root", late = Empty).entered();
        let _fine = tracing::debug_span!("fine").entered();
        root.record("late", 1);
        info!("both");
        tracing::debug!("second only");
    });
    drop((first, second));
    assert_eq!(one.events().len(), 1);
    assert_eq!(two.events().len(), 2);
    assert_eq!(span_names(&one.events()[0]), ["root"]);
    assert_eq!(span_names(&two.events()[0]), ["root", "fine"]);
    for event in one.events().iter().chain(&two.events()) {
        assert_eq!(event["spans"][0]["properties"], json!({"late": 1}));
    }
}

#[test]
fn two_layers_of_one_handle_record_an_event_once_each() {
    let place = Place::new();
    let telemetry = place.builder().try_open().unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(telemetry.layer())
        .with(telemetry.layer().with_filter(LevelFilter::WARN));
    tracing::subscriber::with_default(subscriber, || {
        let _span = info_span!("span", a = 1).entered();
        info!("once");
        tracing::warn!("twice");
    });
    drop(telemetry);
    let events = place.events();
    let messages: Vec<&Value> = events.iter().map(|event| &event["message"]).collect();
    assert_eq!(messages, ["once", "twice", "twice"]);
}

#[test]
fn one_handle_serves_two_subscribers() {
    let place = Place::new();
    let telemetry = place.builder().try_open().unwrap();
    for name in ["a", "b"] {
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        tracing::subscriber::with_default(subscriber, || {
            let _span = info_span!("span", name).entered();
            info!("event");
        });
    }
    drop(telemetry);
    let events = place.events();
    assert_eq!(events[0]["spans"][0]["properties"]["name"], "a");
    assert_eq!(events[1]["spans"][0]["properties"]["name"], "b");
    assert_eq!(events[0]["session"], events[1]["session"]);
}

#[test]
fn an_explicit_parent_is_honoured() {
    let place = Place::new();
    place.record(|| {
        let elsewhere = info_span!("elsewhere");
        let child = info_span!(parent: &elsewhere, "child");
        let _here = info_span!("here").entered();
        info!(parent: &child, "elsewhere");
        info!(parent: None, "nowhere");
        info!("here");
        let rootless = info_span!(parent: None, "rootless").entered();
        info!("rootless");
        drop(rootless);
    });
    let events = place.events();
    let spans: Vec<Vec<&str>> = events.iter().map(span_names).collect();
    assert_eq!(
        spans,
        [
            vec!["elsewhere", "child"],
            vec![],
            vec!["here"],
            vec!["rootless"]
        ]
    );
}

#[test]
fn spans_that_follow_from_others_change_nothing() {
    let place = Place::new();
    place.record(|| {
        let cause = info_span!("cause");
        let effect = info_span!("effect");
        effect.follows_from(&cause);
        drop(cause);
        effect.in_scope(|| info!("effect"));
    });
    assert_eq!(span_names(&place.events()[0]), ["effect"]);
}

#[test]
fn spans_closed_out_of_order_stay_with_their_children() {
    let place = Place::new();
    place.record(|| {
        let root = info_span!("root", id = 1);
        let middle = info_span!(parent: &root, "middle");
        let leaf = info_span!(parent: &middle, "leaf");
        drop(root);
        drop(middle);
        leaf.in_scope(|| info!("late"));
        drop(leaf);
        // Their places in the registry are used again.
        info_span!("fresh").in_scope(|| info!("fresh"));
    });
    let events = place.events();
    assert_eq!(span_names(&events[0]), ["root", "middle", "leaf"]);
    assert_eq!(span_names(&events[1]), ["fresh"]);
    assert_eq!(events[1]["spans"], json!([{"name": "fresh"}]));
}

#[test]
fn spans_exited_out_of_order_leave_the_right_one_current() {
    let place = Place::new();
    place.record(|| {
        let (one, two) = (info_span!("one"), info_span!("two"));
        let first = one.enter();
        let second = two.enter();
        drop(first);
        info!("in two");
        drop(second);
        info!("in none");
    });
    let events = place.events();
    assert_eq!(span_names(&events[0]).last(), Some(&"two"));
    assert_eq!(span_names(&events[1]), [""; 0]);
}

#[test]
fn an_event_below_a_span_that_our_filter_hides_stands_in_what_remains() {
    let place = Place::new();
    let telemetry = place.builder().try_open().unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(Witness::default())
        .with(telemetry.layer().with_filter(LevelFilter::INFO));
    tracing::subscriber::with_default(subscriber, || {
        let _root = info_span!("root").entered();
        let hidden = tracing::debug_span!("hidden", a = 1).entered();
        hidden.record("a", 2);
        info!("in hidden");
        let _leaf = info_span!("leaf").entered();
        info!("in leaf");
    });
    drop(telemetry);
    let events = place.events();
    assert_eq!(span_names(&events[0]), ["root"]);
    assert_eq!(span_names(&events[1]), ["root", "leaf"]);
    assert_eq!(events[0]["spans"], json!([{"name": "root"}]));
}

#[test]
fn what_a_span_records_later_stands_in_later_events_only() {
    let place = Place::new();
    place.record(|| {
        let root = info_span!("root", status = Empty, user = "eve").entered();
        let _leaf = info_span!("leaf").entered();
        info!("before");
        root.record("status", 200);
        root.record("user", "bob");
        root.record("unknown", 1);
        info!("after");
    });
    let events = place.events();
    assert_eq!(events[0]["spans"][0]["properties"], json!({"user": "eve"}));
    assert_eq!(
        events[1]["spans"][0]["properties"],
        json!({"status": 200, "user": "bob"})
    );
}

#[test]
fn a_thousand_nested_spans_keep_their_innermost_part() {
    let place = Place::new();
    place.record(|| {
        let mut span = info_span!("depth", level = 0);
        for level in 1..1000 {
            span = info_span!(parent: &span, "depth", level);
        }
        span.in_scope(|| info!("deep"));
    });
    let event = &place.events()[0];
    let spans = event["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 64);
    assert_eq!(spans[63]["properties"]["level"], 999);
    assert_eq!(spans[0]["properties"]["level"], 936);
}

#[test]
fn a_span_goes_with_its_work_to_another_thread() {
    let place = Place::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(telemetry.layer()));
    tracing::dispatcher::with_default(&dispatch, || {
        let span = info_span!("request", id = 7);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (span, dispatch) = (span.clone(), dispatch.clone());
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        info!("outside");
                        let _entered = span.enter();
                        info!(thread, "inside");
                    });
                });
            }
        });
    });
    drop(telemetry);
    let events = place.events();
    assert_eq!(events.len(), 8);
    for event in &events {
        let expected: &[&str] = if event["message"] == "inside" {
            &["request"]
        } else {
            &[]
        };
        assert_eq!(span_names(event), expected);
    }
}

#[test]
fn spans_of_another_subscriber_are_not_ours() {
    let place = Place::new();
    let telemetry = place.builder().try_open().unwrap();
    let elsewhere = tracing::subscriber::with_default(
        tracing_subscriber::registry().with(Witness::default()),
        || info_span!("elsewhere"),
    );
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let _entered = elsewhere.enter();
        elsewhere.record("a", 1);
        info!("here");
    });
    drop(telemetry);
    assert_eq!(span_names(&place.events()[0]), [""; 0]);
}

#[test]
fn a_layer_outlives_its_handle_without_recording() {
    let place = Place::new();
    let telemetry = place.builder().try_open().unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!("span").entered();
        info!("before");
        drop(telemetry);
        info!("after");
        drop(span);
    });
    assert_eq!(place.events().len(), 1);
}
