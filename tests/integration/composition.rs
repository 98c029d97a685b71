//! The layer together with others: which events each layer sees, which spans an event has, and
//! several handles and layers at once.

use std::sync::{Arc, Mutex};

use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, LaterTelemetry, Watching};
use localtel::{Builder, Consent, Level, Telemetry};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Event, Subscriber, info, info_span};
use tracing_subscriber::filter::{Targets, dynamic_filter_fn};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, fmt, registry, reload};

use crate::child::{self, ChildTask};
use crate::support::{TestPlace, eventually, on_deep_stack};
use crate::timed_spans;

/// A layer of another crate, which collects the levels of the events it sees.
#[derive(Clone, Default)]
struct LayerWitness(Arc<Mutex<Vec<String>>>);

impl LayerWitness {
    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl<S: Subscriber> Layer<S> for LayerWitness {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = event.metadata().level().to_string();
        self.0.lock().unwrap().push(level);
    }
}

fn at_all_levels(place: &TestPlace) -> Builder {
    place.builder().level(Level::Trace)
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

/// The name of a subscriber with our layer and a witness, the minimum levels at which the two see
/// events, and a function that composes it.
type Composition = (
    &'static str,
    (LevelFilter, LevelFilter),
    fn(&Telemetry, LayerWitness) -> Dispatch,
);

const ALL: LevelFilter = LevelFilter::TRACE;
const INFO: LevelFilter = LevelFilter::INFO;
const ERROR: LevelFilter = LevelFilter::ERROR;

fn filtered<S>(telemetry: &Telemetry) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    telemetry.layer().with_filter(telemetry.filter())
}

fn formatted(level: LevelFilter) -> impl Subscriber + for<'lookup> LookupSpan<'lookup> {
    let format = fmt().with_writer(std::io::sink);
    format.with_max_level(level).finish()
}

/// The subscribers that a layer of ours must work in.
const COMPOSITIONS: [Composition; 21] = [
    ("before another", (ALL, ALL), |telemetry, witness| {
        registry().with(telemetry.layer()).with(witness).into()
    }),
    ("after another", (ALL, ALL), |telemetry, witness| {
        registry().with(witness).with(telemetry.layer()).into()
    }),
    (
        "filtered, before another",
        (ALL, ALL),
        |telemetry, witness| registry().with(filtered(telemetry)).with(witness).into(),
    ),
    (
        "filtered, after another",
        (ALL, ALL),
        |telemetry, witness| registry().with(witness).with(filtered(telemetry)).into(),
    ),
    (
        "before a filtered layer",
        (ALL, ERROR),
        |telemetry, witness| {
            let witness = witness.with_filter(ERROR);
            registry().with(telemetry.layer()).with(witness).into()
        },
    ),
    (
        "after a filtered layer",
        (ALL, ERROR),
        |telemetry, witness| {
            let witness = witness.with_filter(ERROR);
            registry().with(witness).with(telemetry.layer()).into()
        },
    ),
    ("both filtered", (ALL, ERROR), |telemetry, witness| {
        let witness = witness.with_filter(ERROR);
        registry().with(witness).with(filtered(telemetry)).into()
    }),
    (
        "on a subscriber that formats",
        (ALL, ALL),
        |telemetry, witness| formatted(ALL).with(telemetry.layer()).with(witness).into(),
    ),
    (
        "on a subscriber that formats some levels",
        (INFO, INFO),
        |telemetry, witness| formatted(INFO).with(witness).with(telemetry.layer()).into(),
    ),
    (
        "beside a layer that formats",
        (ALL, ALL),
        |telemetry, witness| {
            let format = fmt::layer().with_writer(std::io::sink);
            registry()
                .with(format)
                .with(telemetry.layer())
                .with(witness)
                .into()
        },
    ),
    (
        "below a global filter",
        (INFO, INFO),
        |telemetry, witness| {
            registry()
                .with(telemetry.layer())
                .with(witness)
                .with(INFO)
                .into()
        },
    ),
    (
        "above a global filter",
        (INFO, INFO),
        |telemetry, witness| {
            let targets = Targets::new().with_default(INFO);
            registry()
                .with(targets)
                .with(telemetry.layer())
                .with(witness)
                .into()
        },
    ),
    ("in a vector", (ALL, ALL), |telemetry, witness| {
        registry()
            .with(vec![witness.boxed(), telemetry.layer().boxed()])
            .into()
    }),
    (
        "in a vector of filtered layers",
        (ALL, ERROR),
        |telemetry, witness| {
            let witness = witness.with_filter(ERROR).boxed();
            registry()
                .with(vec![filtered(telemetry).boxed(), witness])
                .into()
        },
    ),
    (
        "in a vector with a filtered layer",
        (ALL, ERROR),
        |telemetry, witness| {
            let witness = witness.with_filter(ERROR).boxed();
            registry()
                .with(vec![witness, telemetry.layer().boxed()])
                .into()
        },
    ),
    (
        "beside a dynamic filter",
        (ALL, INFO),
        |telemetry, witness| {
            let filter = dynamic_filter_fn(|metadata, _context| *metadata.level() <= INFO);
            let witness = witness.with_filter(filter);
            registry().with(witness).with(filtered(telemetry)).into()
        },
    ),
    ("composed first", (ALL, ALL), |telemetry, witness| {
        let both = Layer::<Registry>::and_then(telemetry.layer(), witness);
        registry().with(both).into()
    }),
    ("reloadable", (ALL, ALL), |telemetry, witness| {
        let (reloaded, _handle) = reload::Layer::new(telemetry.layer());
        registry().with(reloaded).with(witness).into()
    }),
    (
        "reloadable, in a box",
        (ALL, ERROR),
        |telemetry, witness| {
            let (reloaded, _handle) = reload::Layer::new(telemetry.layer().boxed());
            let witness = witness.with_filter(ERROR);
            registry().with(witness).with(reloaded).into()
        },
    ),
    (
        "reloadable, on a subscriber that formats",
        (INFO, INFO),
        |telemetry, witness| {
            let (reloaded, _handle) = reload::Layer::new(telemetry.layer());
            formatted(INFO).with(reloaded).with(witness).into()
        },
    ),
    (
        "below a reloadable filter",
        (ALL, ALL),
        |telemetry, witness| {
            let (filter, _handle) = reload::Layer::new(telemetry.filter());
            registry()
                .with(telemetry.layer().with_filter(filter))
                .with(witness)
                .into()
        },
    ),
];

/// Returns the names of the levels that pass a filter, in the order in which they are logged.
fn passing(filter: LevelFilter) -> Vec<&'static str> {
    let all = [
        ("TRACE", LevelFilter::TRACE),
        ("DEBUG", LevelFilter::DEBUG),
        ("INFO", LevelFilter::INFO),
        ("WARN", LevelFilter::WARN),
        ("ERROR", LevelFilter::ERROR),
    ];
    let mut passing = all.to_vec();
    passing.retain(|(_, level)| *level <= filter);
    passing.into_iter().map(|(name, _)| name).collect()
}

/// Returns the levels of the application's events, without the first `from` of them.
fn recorded_levels(place: &TestPlace, from: usize) -> Vec<String> {
    let events = place.events();
    let new = events.iter().skip(from);
    new.map(|event| event["level"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_layer_works_in_any_subscriber() {
    for delivery in [Delivery::Inline, Delivery::Background] {
        let place = TestPlace::new();
        let telemetry = at_all_levels(&place).delivery(delivery).try_open().unwrap();
        for (name, (ours, theirs), compose) in COMPOSITIONS {
            let witness = LayerWitness::default();
            let before = place.events().len();
            tracing::dispatcher::with_default(&compose(&telemetry, witness.clone()), || {
                let _span = tracing::error_span!("span").entered();
                log_all_levels();
            });
            telemetry.flush().unwrap();
            assert_eq!(witness.seen(), passing(theirs), "{name}");
            assert_eq!(recorded_levels(&place, before), passing(ours), "{name}");
            for event in place.events().iter().skip(before) {
                assert_eq!(span_names(event), ["span"], "{name}");
            }
        }
    }
}

#[test]
fn closed_spans_are_recorded_once_in_any_subscriber() {
    let place = TestPlace::new();
    let builder = at_all_levels(&place).spans(timed_spans::ALL);
    let telemetry = builder.try_open().unwrap();
    for (name, _, compose) in COMPOSITIONS {
        let witness = LayerWitness::default();
        let before = place.events().len();
        tracing::dispatcher::with_default(&compose(&telemetry, witness.clone()), || {
            let _root = tracing::error_span!("root").entered();
            tracing::error_span!("leaf", id = 7).in_scope(|| ());
        });
        telemetry.flush().unwrap();
        let events = place.events();
        let new = &events[before..];
        let spans: Vec<Vec<&str>> = new.iter().map(span_names).collect();
        assert_eq!(spans, [&["root"][..], &[]], "{name}");
        assert_eq!(new[0]["properties"]["id"], 7, "{name}");
        assert_eq!(witness.seen(), [""; 0], "{name}");
    }
}

#[test]
fn a_filter_that_hides_a_span_hides_its_closing() {
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).spans(timed_spans::ALL).open();
    let subscriber = registry()
        .with(LayerWitness::default())
        .with(telemetry.layer().with_filter(LevelFilter::INFO));
    tracing::subscriber::with_default(subscriber, || {
        let _root = info_span!("root").entered();
        let _hidden = tracing::debug_span!("hidden").entered();
        let _leaf = info_span!("leaf").entered();
    });
    drop(telemetry);
    let events = place.events();
    let closed: Vec<&Value> = events.iter().map(|event| &event["message"]).collect();
    assert_eq!(closed, ["leaf", "root"]);
    assert_eq!(span_names(&events[0]), ["root"]);
}

#[test]
fn a_layer_put_in_later_records_spans_opened_after_it() {
    let place = TestPlace::new();
    let telemetry = place.builder().spans(timed_spans::ALL).open();
    let (reloaded, handle) = reload::Layer::<_, Registry>::new(None::<localtel::Layer>);
    tracing::subscriber::with_default(registry().with(reloaded), || {
        let old = info_span!("old").entered();
        handle.reload(telemetry.layer()).unwrap();
        let new = info_span!("new").entered();
        drop((old, new));
        let _removed = info_span!("removed").entered();
        handle.modify(|layer| *layer = None).unwrap();
    });
    drop(telemetry);
    let events = place.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["message"], "new");
}

#[test]
fn two_handles_record_closed_spans_as_each_is_set() {
    let (one, two) = (TestPlace::new(), TestPlace::new());
    let first = one.builder().spans(timed_spans::ALL).open();
    let second = two.builder().open();
    let subscriber = registry().with(first.layer()).with(second.layer());
    tracing::subscriber::with_default(subscriber, || {
        info_span!("span").in_scope(|| info!("inside"));
    });
    drop((first, second));
    assert_eq!((one.events().len(), two.events().len()), (2, 1));
}

#[test]
fn a_layer_that_may_not_record_does_not_affect_others() {
    let waiting = |place: &TestPlace, delivery| {
        let builder = Telemetry::builder("testapp").dir(place.path());
        let builder = builder.watching(Watching::Always).delivery(delivery);
        builder.try_open().unwrap()
    };
    let place = TestPlace::new();
    let handles = [
        off(),
        waiting(&place, Delivery::Inline),
        waiting(&place, Delivery::Background),
    ];
    assert_eq!(
        handles.each_ref().map(|handle| handle.layer().is_some()),
        [false, true, true]
    );
    for telemetry in &handles {
        for (name, (_, theirs), compose) in COMPOSITIONS {
            let witness = LayerWitness::default();
            let subscriber = compose(telemetry, witness.clone());
            tracing::dispatcher::with_default(&subscriber, log_all_levels);
            assert_eq!(witness.seen(), passing(theirs), "{name}");
        }
    }
    assert!(!place.path().exists());
}

#[test]
fn a_layer_can_be_put_into_a_running_subscriber() {
    let (place, witness) = (TestPlace::new(), LayerWitness::default());
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let (reloaded, handle) = reload::Layer::<_, Registry>::new(None::<localtel::Layer>);
    let subscriber = registry().with(reloaded).with(witness.clone());
    tracing::subscriber::with_default(subscriber, || {
        let _old = info_span!("old").entered();
        info!("before");
        handle.reload(telemetry.layer()).unwrap();
        info!("known from now on");
        let _new = info_span!("new").entered();
        tracing::trace!("in the new span");
        handle.modify(|layer| *layer = None).unwrap();
        info!("after");
    });
    drop(telemetry);
    assert_eq!(witness.seen(), ["INFO", "INFO", "TRACE", "INFO"]);
    let events = place.events();
    assert_eq!(events.len(), 2);
    assert_eq!(span_names(&events[0]), [""; 0]);
    assert_eq!(span_names(&events[1]), ["new"]);
}

#[test]
fn telemetry_can_be_opened_after_its_subscriber() {
    for is_filtered in [true, false] {
        let (place, witness) = (TestPlace::new(), LayerWitness::default());
        let later = LaterTelemetry::new();
        let subscriber: Dispatch = if is_filtered {
            let layer = later.layer().with_filter(later.filter());
            registry().with(layer).with(witness.clone()).into()
        } else {
            let format = fmt().with_writer(std::io::sink).finish();
            format.with(later.layer()).with(witness.clone()).into()
        };
        let telemetry = tracing::dispatcher::with_default(&subscriber, || {
            let old = info_span!("old").entered();
            log_once();
            let telemetry = at_all_levels(&place).try_open().unwrap();
            later.connect(&telemetry);
            log_once();
            let _new = info_span!("new").entered();
            drop(old);
            log_once();
            telemetry
        });
        drop(telemetry);
        assert_eq!(witness.seen(), ["INFO"; 3]);
        let events = place.events();
        assert_eq!(events.len(), 2, "filtered: {is_filtered}");
        assert_eq!(span_names(&events[0]), [""; 0]);
        assert_eq!(span_names(&events[1]), ["new"]);
    }
}

/// Logs from one call site: the interest that `tracing` caches for it must not outlast a change.
fn log_once() {
    info!("once more");
}

#[test]
fn telemetry_that_is_off_can_be_connected() {
    let (later, witness) = (LaterTelemetry::new(), LayerWitness::default());
    let subscriber = registry().with(later.layer()).with(witness.clone());
    tracing::subscriber::with_default(subscriber, || {
        later.connect(&off());
        log_all_levels();
    });
    assert_eq!(witness.seen().len(), 5);
}

#[test]
fn a_change_of_consent_reaches_a_scoped_subscriber() {
    child::run("follow consent in a scope", &TestPlace::new());
}

/// Runs in a process of its own, in which the worker has no subscriber.
pub(crate) fn follow_consent_in_a_scope(task: &ChildTask) {
    for is_boxed in [true, false] {
        let witness = LayerWitness::default();
        let builder = task.builder().when_undecided(WhenUndecided::Refuse);
        let telemetry = builder.watching(Watching::Always).try_open().unwrap();
        telemetry.set_consent(Consent::Disabled).unwrap();
        let subscriber: Dispatch = if is_boxed {
            registry()
                .with(vec![
                    telemetry.layer().with_filter(telemetry.filter()).boxed(),
                    witness.clone().boxed(),
                ])
                .into()
        } else {
            let layer = telemetry.layer().with_filter(telemetry.filter());
            registry().with(layer).with(witness.clone()).into()
        };
        tracing::dispatcher::with_default(&subscriber, || {
            eventually("events are refused", || {
                telemetry.record(&localtel::Event::new("probe"))
                    == localtel::recording::Outcome::Refused
            });
            log_once();
            assert_eq!(witness.seen().len(), 1);
            telemetry.set_consent(Consent::Enabled).unwrap();
            eventually("an event is recorded", || {
                let before = telemetry.status().counts.recorded;
                log_once();
                telemetry.status().counts.recorded > before
            });
            let seen = witness.seen().len();
            telemetry.set_consent(Consent::Disabled).unwrap();
            eventually("recording stops", || !telemetry.status().is_recording);
            for _ in 0..3 {
                log_once();
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            assert_eq!(
                witness.seen().len(),
                seen + 3,
                "other layers still see events"
            );
        });
    }
}

#[test]
fn the_layer_without_its_filter_applies_the_policy() {
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let subscriber = registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        info!(target: "app::sql", "before");
        let policy = "[targets]\n\"app::sql\" = \"drop\"\n";
        std::fs::write(place.path().join("policy.toml"), policy).unwrap();
        eventually("the policy applies", || {
            let before = telemetry.status().counts.recorded;
            info!(target: "app::sql", "dropped");
            telemetry.flush().unwrap();
            telemetry.status().counts.recorded == before
        });
        let _dropped = info_span!(target: "app::sql", "dropped").entered();
        info!(target: "app", "after");
    });
    drop(telemetry);
    let events = place.events();
    let last = events.last().unwrap();
    assert_eq!(last["message"], "after");
    assert_eq!(span_names(last), [""; 0]);
}

#[test]
fn other_layers_see_everything_while_telemetry_is_off() {
    for is_first in [true, false] {
        let (telemetry, witness) = (off(), LayerWitness::default());
        if is_first {
            let subscriber = registry().with(telemetry.layer()).with(witness.clone());
            tracing::subscriber::with_default(subscriber, log_all_levels);
        } else {
            let subscriber = registry().with(witness.clone()).with(telemetry.layer());
            tracing::subscriber::with_default(subscriber, log_all_levels);
        }
        assert_eq!(witness.seen(), ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]);
    }
}

#[test]
fn without_other_layers_disabled_telemetry_creates_no_event() {
    child::run("log without other layers", &TestPlace::new());
}

/// Runs in a process of its own: subscribers of other tests influence whether an event is created.
pub(crate) fn log_without_other_layers() {
    let telemetry = off();
    let subscriber = registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        assert!(!tracing::enabled!(tracing::Level::ERROR));
        tracing::error!(value = %{ panic!("formatted without need"); #[expect(unreachable_code, reason = "a value for the macro")] 1 });
    });
}

#[test]
fn a_filter_on_our_layer_affects_only_our_layer() {
    let (place, witness) = (TestPlace::new(), LayerWitness::default());
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let subscriber = registry()
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
fn a_filter_on_another_layer_affects_only_that_layer() {
    for is_first in [true, false] {
        let (place, witness) = (TestPlace::new(), LayerWitness::default());
        let telemetry = at_all_levels(&place).try_open().unwrap();
        if is_first {
            let subscriber = registry()
                .with(telemetry.layer())
                .with(witness.clone().with_filter(LevelFilter::ERROR));
            tracing::subscriber::with_default(subscriber, log_all_levels);
        } else {
            let subscriber = registry()
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
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let targets = Targets::new().with_target("app", LevelFilter::INFO);
    let subscriber = registry().with(telemetry.layer().with_filter(targets));
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
    let (one, two) = (TestPlace::new(), TestPlace::new());
    let (first, second) = (
        at_all_levels(&one).try_open().unwrap(),
        at_all_levels(&two).try_open().unwrap(),
    );
    let subscriber = registry()
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
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let subscriber = registry()
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
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).try_open().unwrap();
    for name in ["a", "b"] {
        let subscriber = registry().with(telemetry.layer());
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
    let place = TestPlace::new();
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
    let place = TestPlace::new();
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
    let place = TestPlace::new();
    place.record(|| {
        let root = info_span!("root", id = 1);
        let middle = info_span!(parent: &root, "middle");
        let leaf = info_span!(parent: &middle, "leaf");
        drop(root);
        drop(middle);
        leaf.in_scope(|| info!("late"));
        drop(leaf);
        // The registry reuses their slots.
        info_span!("fresh").in_scope(|| info!("fresh"));
    });
    let events = place.events();
    assert_eq!(span_names(&events[0]), ["root", "middle", "leaf"]);
    assert_eq!(span_names(&events[1]), ["fresh"]);
    assert_eq!(events[1]["spans"], json!([{"name": "fresh"}]));
}

#[test]
fn spans_exited_out_of_order_leave_the_right_one_current() {
    let place = TestPlace::new();
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
fn an_event_below_a_hidden_span_keeps_the_other_spans() {
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let subscriber = registry()
        .with(LayerWitness::default())
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
fn values_recorded_later_appear_in_later_events_only() {
    let place = TestPlace::new();
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
fn of_a_thousand_nested_spans_both_ends_are_kept() {
    let place = TestPlace::new();
    let nest = || {
        let mut span = info_span!("depth", level = 0);
        for level in 1..1000 {
            span = info_span!(parent: &span, "depth", level);
        }
        span.in_scope(|| info!("deep"));
    };
    on_deep_stack(|| drop(place.record(nest)));
    let event = &place.events()[0];
    let spans = event["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 64);
    assert_eq!(spans[63]["properties"]["level"], 999);
    assert_eq!(spans[32]["properties"]["level"], 968);
    assert_eq!(spans[31]["properties"]["level"], 31);
    assert_eq!(spans[0]["properties"]["level"], 0);
    assert_eq!(event["spans_left_out"], 936);
}

#[test]
fn a_span_follows_its_work_to_another_thread() {
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let dispatch = Dispatch::new(registry().with(telemetry.layer()));
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
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let elsewhere =
        tracing::subscriber::with_default(registry().with(LayerWitness::default()), || {
            info_span!("elsewhere")
        });
    let subscriber = registry().with(telemetry.layer());
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
    let place = TestPlace::new();
    let telemetry = at_all_levels(&place).try_open().unwrap();
    let subscriber = registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!("span").entered();
        info!("before");
        drop(telemetry);
        info!("after");
        drop(span);
    });
    assert_eq!(place.events().len(), 1);
}
