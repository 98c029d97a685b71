//! Closed spans as records: their figures and fields, in any order of opening, entering and
//! closing, and with a policy and a consent that change while they are open.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use localtel::policy::Action;
use localtel::recording::{Delivery, Spans, Watching};
use localtel::{Builder, Consent, Level, Policy, Telemetry};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{Instrument, Span, info, info_span, instrument};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;

use crate::child;
use crate::policy::owner;
use crate::support::{TestPlace, dispatch, eventually, on_deep_stack, reset};

pub(crate) const ALL: Spans = Spans::Closed {
    at_least: Duration::ZERO,
};

/// Records every closed span while `work` runs, and returns the events.
fn closed(work: impl FnOnce()) -> Vec<Value> {
    closed_with(|builder| builder, work)
}

fn closed_with(settings: impl FnOnce(Builder) -> Builder, work: impl FnOnce()) -> Vec<Value> {
    let place = TestPlace::new();
    place.record_with(settings(place.builder().spans(ALL)), work);
    place.events()
}

fn names(events: &[Value]) -> Vec<&str> {
    let name = |event: &Value| event["message"].as_str().is_some();
    let named = events.iter().filter(|event| name(event));
    named
        .map(|event| event["message"].as_str().unwrap())
        .collect()
}

fn parents(event: &Value) -> Vec<&str> {
    let spans = event["spans"].as_array();
    let names = spans.into_iter().flatten();
    names.map(|span| span["name"].as_str().unwrap()).collect()
}

/// The figures of a closed span in microseconds: duration, busy, idle.
fn micros(event: &Value) -> (f64, f64, f64) {
    let figure = |name: &str| event["properties"][name].as_f64().unwrap();
    (
        figure("duration") * 1000.0,
        figure("busy_us"),
        figure("idle_us"),
    )
}

fn without_figures(event: &Value) -> Value {
    let mut properties = event["properties"].clone();
    for figure in ["duration", "busy_us", "idle_us"] {
        properties.as_object_mut().unwrap().remove(figure);
    }
    properties
}

fn pause() {
    std::thread::sleep(PAUSE);
}

const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MICROS: f64 = 20_000.0;

#[instrument(target = "app::db", level = "warn")]
fn query(table: &str, rows: usize) {
    info!("reading");
}

#[test]
fn a_closed_span_is_an_event_with_its_fields_and_times() {
    let events = closed(|| {
        let _request = info_span!("request", id = 7).entered();
        query("projects", 12);
    });
    assert_eq!(names(&events), ["reading", "query", "request"]);
    let query = &events[1];
    assert_eq!(query["event"], "span");
    assert_eq!(query["level"], "WARN");
    assert_eq!(query["target"], "app::db");
    assert_eq!(
        query["spans"],
        json!([{"name": "request", "properties": {"id": 7}}])
    );
    assert_eq!(
        without_figures(query),
        json!({"table": "projects", "rows": 12})
    );
    let keys: Vec<&String> = query["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5, "{keys:?}");
    assert_eq!(events[2]["spans"], Value::Null);
}

#[test]
fn by_default_spans_are_not_recorded() {
    let place = TestPlace::new();
    place.record(|| query("projects", 12));
    assert_eq!(names(&place.events()), ["reading"]);
}

#[test]
fn only_spans_that_took_long_enough_are_recorded() {
    let long_enough = Spans::Closed { at_least: PAUSE };
    let events = closed_with(
        |builder| builder.spans(long_enough),
        || {
            info_span!("slow").in_scope(pause);
            info_span!("fast").in_scope(|| ());
        },
    );
    assert_eq!(names(&events), ["slow"]);
    assert!(micros(&events[0]).0 >= PAUSE_MICROS);
}

#[test]
fn busy_and_idle_time_add_up_to_the_duration() {
    let events = closed(|| {
        let span = info_span!("span");
        pause();
        span.in_scope(pause);
        pause();
        span.in_scope(pause);
    });
    let (duration, busy, idle) = micros(&events[0]);
    assert!((busy + idle - duration).abs() < 0.001, "{:?}", events[0]);
    assert!(busy >= 2.0 * PAUSE_MICROS && idle >= 2.0 * PAUSE_MICROS);
}

#[test]
fn a_span_that_is_never_entered_was_idle() {
    let events = closed(|| drop(info_span!("span")));
    let (duration, busy, idle) = micros(&events[0]);
    assert!((duration - idle).abs() < 0.001 && busy == 0.0);
}

/// A future that is ready when it is polled for the second time.
#[derive(Default)]
struct AtSecondPoll {
    is_polled: bool,
}

impl Future for AtSecondPoll {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.is_polled, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Polls a future to its end, each time on another thread and after a pause.
fn run_to_end(telemetry: &Telemetry, future: impl Future<Output = ()> + Send) {
    let dispatch = dispatch(telemetry);
    let mut future = pin!(future);
    let mut is_ready = false;
    while !is_ready {
        pause();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                tracing::dispatcher::with_default(&dispatch, || {
                    let mut context = Context::from_waker(Waker::noop());
                    is_ready = future.as_mut().poll(&mut context).is_ready();
                });
            });
        });
    }
}

#[instrument]
async fn fetch(page: u32) {
    pause();
    AtSecondPoll::default().await;
    info!("between two waits");
    AtSecondPoll::default().await;
}

#[test]
fn time_at_an_await_is_idle() {
    let place = TestPlace::new();
    let telemetry = place.builder().spans(ALL).try_open().unwrap();
    run_to_end(
        &telemetry,
        async {
            fetch(1).await;
            fetch(2).await;
        }
        .instrument(Span::none()),
    );
    drop(telemetry);
    let events = place.events();
    let spans: Vec<&Value> = events.iter().filter(|it| it["event"] == "span").collect();
    assert_eq!(spans.len(), 2, "{events:#?}");
    for (span, page) in spans.into_iter().zip([1, 2]) {
        assert_eq!(without_figures(span), json!({ "page": page }));
        let (_, busy, idle) = micros(span);
        assert!(busy >= PAUSE_MICROS && idle >= 2.0 * PAUSE_MICROS);
    }
}

#[test]
fn time_of_two_threads_in_one_span_counts_once() {
    let place = TestPlace::new();
    let telemetry = place.builder().spans(ALL).try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    let both = std::sync::Barrier::new(2);
    let span = tracing::dispatcher::with_default(&dispatch, || info_span!("shared"));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let _entered = span.enter();
                both.wait();
                pause();
            });
        }
    });
    drop(span);
    drop(telemetry);
    let events = place.events();
    let (duration, busy, _) = micros(&events[0]);
    assert!(busy >= PAUSE_MICROS && busy <= duration, "{:?}", events[0]);
}

#[test]
fn a_span_entered_again_inside_itself_is_left_once() {
    let events = closed(|| {
        let span = info_span!("span");
        let outer = span.enter();
        let inner = span.enter();
        let innermost = span.enter();
        pause();
        drop(inner);
        drop(innermost);
        pause();
        drop(outer);
        pause();
    });
    let (_, busy, idle) = micros(&events[0]);
    assert!(busy >= 2.0 * PAUSE_MICROS && idle >= PAUSE_MICROS);
    assert!(idle < busy, "{busy} {idle}");
}

#[test]
fn spans_exited_and_closed_out_of_order_keep_their_times() {
    let events = closed(|| {
        let (one, two) = (info_span!("one"), info_span!("two"));
        let first = one.enter();
        let second = two.enter();
        pause();
        drop(first);
        drop(one.clone());
        pause();
        drop(second);
        drop(two);
        pause();
        drop(one);
    });
    assert_eq!(names(&events), ["two", "one"]);
    let (two, one) = (micros(&events[0]), micros(&events[1]));
    assert!(two.1 >= 2.0 * PAUSE_MICROS);
    assert!(one.1 >= PAUSE_MICROS && one.2 >= 2.0 * PAUSE_MICROS);
}

#[test]
fn a_span_dropped_while_it_is_entered_was_busy_until_then() {
    let events = closed(|| {
        let span = info_span!("span");
        let id = span.id().unwrap();
        tracing::dispatcher::get_default(|dispatch| dispatch.enter(&id));
        pause();
        drop(span);
        tracing::dispatcher::get_default(|dispatch| dispatch.exit(&id));
    });
    let (_, busy, _) = micros(&events[0]);
    assert!(busy >= PAUSE_MICROS, "{events:?}");
}

#[test]
fn a_closed_span_has_its_own_parents_and_not_the_current_ones() {
    let events = closed(|| {
        let root = info_span!("root", late = Empty);
        let middle = info_span!(parent: &root, "middle");
        let leaf = info_span!(parent: &middle, "leaf");
        let elsewhere = info_span!(parent: None, "elsewhere").entered();
        drop((root.clone(), middle));
        root.record("late", 1);
        drop(root);
        drop(leaf);
        drop(elsewhere);
    });
    assert_eq!(names(&events), ["leaf", "middle", "root", "elsewhere"]);
    let spans: Vec<Vec<&str>> = events.iter().map(parents).collect();
    assert_eq!(spans, [&["root", "middle"][..], &["root"], &[], &[]]);
    assert_eq!(events[0]["spans"][0]["properties"], json!({"late": 1}));
}

#[test]
fn values_recorded_later_are_fields_of_the_closed_span() {
    let events = closed(|| {
        let span = info_span!("span", status = Empty, user = "eve", never = Empty);
        span.record("status", 200);
        span.record("user", "bob");
        span.follows_from(info_span!("cause"));
    });
    assert_eq!(names(&events), ["cause", "span"]);
    assert_eq!(
        without_figures(&events[1]),
        json!({"status": 200, "user": "bob"})
    );
    assert_eq!(events[1]["spans"], Value::Null);
}

#[test]
fn a_field_with_the_name_of_a_figure_replaces_it() {
    let events = closed(|| {
        let _span = info_span!(
            "span",
            duration = "long",
            busy_us = Empty,
            message = "own",
            name = 1
        );
    });
    let span = &events[0];
    assert_eq!(span["message"], "span");
    let properties = &span["properties"];
    assert_eq!(properties["duration"], "long");
    assert_eq!(properties["message"], "own");
    assert_eq!(properties["name"], 1);
    // It was declared, and never recorded.
    assert_eq!(properties["busy_us"], 0);
    assert!(properties["idle_us"].is_number());
}

#[test]
fn spans_below_the_level_are_not_recorded() {
    let work = || {
        let _root = info_span!("root").entered();
        let _fine = tracing::debug_span!("fine").entered();
        let _leaf = info_span!("leaf").entered();
    };
    let events = closed(work);
    assert_eq!(names(&events), ["leaf", "root"]);
    assert_eq!(parents(&events[0]), ["root"]);
    let events = closed_with(|builder| builder.level(Level::Debug), work);
    assert_eq!(names(&events), ["leaf", "fine", "root"]);
    let place = TestPlace::new();
    let telemetry = place.builder().spans(ALL).try_open().unwrap();
    tracing::subscriber::with_default(registry().with(telemetry.layer()), work);
    let counts = telemetry.status().counts;
    assert_eq!((counts.recorded, counts.refused), (2, 0));
}

#[test]
fn the_policy_applies_to_fields_and_figures_of_a_closed_span() {
    let policy = Policy::new()
        .property("user", Action::Hash)
        .property("plan", Action::Drop)
        .property("host", Action::Mask)
        .property("busy_us", Action::Drop)
        .property("idle_us", Action::Mask)
        .property("message", Action::Drop);
    let events = closed_with(
        |builder| builder.policy(policy),
        || {
            let span = info_span!("span", user = "anna", plan = "free", host = "raven");
            span.in_scope(|| info!("dropped"));
        },
    );
    let span = &events[1];
    let mut properties = span["properties"].clone();
    let (duration, user) = (properties["duration"].take(), properties["user"].take());
    assert!(duration.is_number());
    assert!(user.as_str().unwrap().starts_with("p-"));
    assert_eq!(
        properties,
        json!({"duration": null, "idle_us": "[masked]", "user": null, "host": "[masked]"})
    );
    assert_eq!(events[0]["message"], Value::Null);
    assert_eq!(span["message"], "span", "a name is no value");
}

#[test]
fn a_policy_may_refuse_closed_spans() {
    let refused = |policy: Policy| {
        let place = TestPlace::new();
        let builder = place.builder().policy(policy).spans(ALL);
        let telemetry = builder.try_open().unwrap();
        tracing::subscriber::with_default(registry().with(telemetry.layer()), || {
            info_span!(target: "app::sql", "span", id = 7).in_scope(|| ());
        });
        let counts = telemetry.status().counts;
        assert_eq!(counts.offered(), 1);
        counts.refused == 1
    };
    assert!(!refused(Policy::new()));
    assert!(refused(Policy::new().deny_event("span")));
    assert!(refused(Policy::new().deny_target("app::sql")));
    assert!(refused(Policy::allow_list().allow_event("command")));
    assert!(!refused(Policy::allow_list().allow_event("span")));
}

#[test]
fn a_policy_that_changes_meanwhile_applies_at_the_end() {
    let place = TestPlace::new();
    let telemetry = place.builder().spans(ALL).try_open().unwrap();
    tracing::subscriber::with_default(registry().with(telemetry.layer()), || {
        let open = || info_span!(target: "app", "span", user = "anna", plan = "free", id = 7);
        let (before, refused) = (open(), info_span!(target: "app::sql", "refused"));
        owner(
            &place,
            "[properties]\nuser = \"hash\"\nplan = \"drop\"\n[targets]\n\"app::sql\" = \"drop\"\n",
        );
        eventually("the policy applies", || {
            drop(open());
            telemetry.flush().unwrap();
            let events = place.events();
            events.last().unwrap()["properties"].get("plan").is_none()
        });
        drop((before, refused));
    });
    drop(telemetry);
    let events = place.events();
    assert!(!names(&events).contains(&"refused"));
    let last = events.last().unwrap();
    assert_eq!(without_figures(last), json!({"user": "[masked]", "id": 7}));
}

/// Opens telemetry that follows changes of consent, and runs `work` with it and the events so far.
fn with_changing_consent(delivery: Delivery, work: impl FnOnce(&Telemetry, &TestPlace)) {
    let place = TestPlace::new();
    let builder = place.builder().watching(Watching::Always);
    let telemetry = builder.delivery(delivery).spans(ALL).try_open().unwrap();
    telemetry.set_consent(Consent::Enabled).unwrap();
    let subscriber = registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || work(&telemetry, &place));
}

/// Waits until telemetry records, or until it does not.
fn until_recording(telemetry: &Telemetry, is_recording: bool) {
    let probe = localtel::Event::new("probe");
    let expected = if is_recording {
        localtel::recording::Outcome::Recorded
    } else {
        localtel::recording::Outcome::Refused
    };
    eventually("consent applies", || telemetry.record(&probe) == expected);
}

fn recorded_spans(telemetry: &Telemetry, place: &TestPlace) -> Vec<String> {
    telemetry.flush().unwrap();
    let mut events = place.events();
    events.retain(|event| event["event"] == "span");
    names(&events).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_span_open_while_consent_was_withdrawn_is_not_recorded() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        with_changing_consent(delivery, |telemetry, place| {
            until_recording(telemetry, true);
            let (at_once, later) = (info_span!("at once"), info_span!("later"));
            drop(info_span!("before"));
            telemetry.set_consent(Consent::Disabled).unwrap();
            until_recording(telemetry, false);
            let meanwhile = info_span!("meanwhile");
            drop(at_once);
            telemetry.set_consent(Consent::Enabled).unwrap();
            until_recording(telemetry, true);
            drop((later, meanwhile));
            eventually("the gate is open again", || {
                drop(info_span!("after"));
                recorded_spans(telemetry, place).last().unwrap() == "after"
            });
            let mut spans = recorded_spans(telemetry, place);
            spans.dedup();
            assert_eq!(spans, ["before", "after"], "{delivery:?}");
        });
    }
}

#[test]
fn a_span_open_before_consent_is_given_is_not_recorded() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let builder = Telemetry::builder("testapp").dir(place.path());
        let builder = builder.watching(Watching::Always).delivery(delivery);
        let telemetry = builder.spans(ALL).try_open().unwrap();
        let subscriber = registry().with(telemetry.layer());
        tracing::subscriber::with_default(subscriber, || {
            let before = info_span!("before");
            telemetry.set_consent(Consent::Enabled).unwrap();
            drop(before);
            until_recording(&telemetry, true);
        });
        assert_eq!(recorded_spans(&telemetry, &place), [""; 0], "{delivery:?}");
    }
}

#[test]
fn a_span_open_before_a_reset_is_not_recorded_after_it() {
    let place = TestPlace::new();
    let telemetry = place.builder().spans(ALL).try_open().unwrap();
    let subscriber = registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let before = info_span!("before");
        drop(info_span!("first"));
        telemetry.flush().unwrap();
        let installation = telemetry.status().installation.unwrap();
        reset(&place);
        eventually("another installation", || {
            let _outcome = telemetry.record(&localtel::Event::new("probe"));
            let now = telemetry.status().installation;
            now.is_some_and(|now| now != installation)
        });
        drop(before);
        drop(info_span!("second"));
    });
    assert_eq!(recorded_spans(&telemetry, &place), ["first", "second"]);
}

#[test]
fn spans_open_at_the_end_are_not_recorded() {
    let place = TestPlace::new();
    let telemetry = place.builder().spans(ALL).try_open().unwrap();
    let subscriber = registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let open = info_span!("open").entered();
        drop(info_span!("closed"));
        drop(telemetry);
        drop(open);
    });
    assert_eq!(names(&place.events()), ["closed"]);
}

#[test]
fn of_many_parents_the_outer_and_inner_ones_are_kept() {
    let events = on_deep_stack(|| {
        closed(|| {
            let mut spans: Vec<Span> = vec![info_span!("depth", level = 0)];
            for level in 1..100 {
                spans.push(info_span!(parent: spans.last().unwrap(), "depth", level));
            }
            while spans.pop().is_some() {}
        })
    });
    assert_eq!(events.len(), 100);
    assert_eq!(parents(&events[0]).len(), 64);
    assert_eq!(events[0]["spans_left_out"], 99 - 64);
    assert_eq!(events[0]["spans"][63]["properties"]["level"], 98);
    assert_eq!(parents(&events[98]), ["depth"]);
}

#[test]
fn a_span_with_too_long_values_is_recorded_with_its_name() {
    let events = closed(|| {
        let text = "x".repeat(16_000);
        let span = info_span!("long", a = 1, b = Empty, c = Empty, d = Empty);
        for name in ["a", "b", "c", "d"] {
            span.record(name, text.as_str());
        }
        let mut spans = vec![span];
        for _ in 0..20 {
            let span = info_span!(parent: spans.last().unwrap(), "long", a = text, b = text);
            spans.push(span);
        }
        while spans.pop().is_some() {}
    });
    let cut = &events[0];
    assert_eq!(
        (&cut["event"], &cut["message"]),
        (&json!("span"), &json!("long"))
    );
    assert_eq!(cut["properties"]["localtel.cut"]["properties"], 5);
    assert_eq!(cut["properties"]["localtel.cut"]["spans"], 20);
    assert_eq!(
        without_figures(&events[20])["d"].as_str().unwrap().len(),
        16_000
    );
}

#[test]
fn spans_closed_in_values_and_destructors_are_recorded() {
    let place = TestPlace::new();
    child::run("close spans in odd places", &place);
    let mut events = place.events();
    events.retain(|event| event["event"] == "span");
    assert_eq!(names(&events), ["in a value", "outer", "in a destructor"]);
}

/// A value in which a span opens and closes while it is formatted.
struct WithSpan;

impl std::fmt::Debug for WithSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        info_span!("in a value").in_scope(|| f.write_str("shown"))
    }
}

thread_local! {
    static OPEN: std::cell::RefCell<Option<Span>> = const { std::cell::RefCell::new(None) };
}

/// Runs in a process of its own: with a subscriber for one thread only, `tracing` itself drops
/// spans inside events.
pub(crate) fn close_spans_in_odd_places() {
    let outer = info_span!("outer");
    outer.in_scope(|| info!(value = ?WithSpan, "with a value"));
    drop(outer);
    let work = || OPEN.with(|slot| *slot.borrow_mut() = Some(info_span!("in a destructor")));
    let thread = std::thread::Builder::new().spawn(work).unwrap();
    thread.join().unwrap();
}

#[test]
fn each_closed_span_follows_one_policy_while_it_changes() {
    let place = TestPlace::new();
    let (without_a, without_b) = (
        "[properties]\na = \"drop\"\n",
        "[properties]\nb = \"drop\"\n",
    );
    owner(&place, without_a);
    let telemetry = place.builder().spans(ALL).try_open().unwrap();
    let mut count = 0;
    tracing::dispatcher::with_default(&dispatch(&telemetry), || {
        for policy in [without_b, without_a, without_b] {
            owner(&place, policy);
            for _ in 0..120 {
                let outer = info_span!("outer", a = 1, b = 2);
                outer.in_scope(|| drop(info_span!("inner", a = 1, b = 2)));
                count += 2;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    telemetry.flush().unwrap();
    assert_eq!(telemetry.status().counts.offered(), count);
    for event in place.events() {
        let parent = &event["spans"][0]["properties"];
        for (one, other) in [("a", "b"), ("b", "a")] {
            if event["properties"].get(one).is_some() {
                assert_eq!(event["properties"].get(other), None, "{event}");
                assert_eq!(parent.get(other), None, "{event}");
            }
        }
    }
}
