//! Spans in any order: the spans of a line are those that the registry of `tracing-subscriber` says the event
//! is in, with the values that they have at that moment, whatever threads enter, exit, record and close.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use localtel::recording::Delivery;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tracing::field::{Empty, Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::support::{TestPlace, on_deep_stack};

/// One thing that a program does; numbers choose among the spans that there are.
#[derive(Debug, Clone)]
enum Deed {
    Open(Parent),
    Enter(usize),
    Exit(usize),
    Record(usize, u8),
    Close(usize),
    Log(Parent),
}

#[derive(Debug, Clone)]
enum Parent {
    Current,
    Root,
    Of(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let parent = prop_oneof![
        3 => Just(Parent::Current),
        1 => Just(Parent::Root),
        1 => any::<usize>().prop_map(Parent::Of)
    ];
    prop_oneof![
        2 => parent.clone().prop_map(Deed::Open),
        4 => any::<usize>().prop_map(Deed::Enter),
        3 => any::<usize>().prop_map(Deed::Exit),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(span, step)| Deed::Record(span, step)),
        1 => any::<usize>().prop_map(Deed::Close),
        6 => parent.prop_map(Deed::Log),
    ]
}

/// What the registry says of each event: its spans from the root to the leaf, by number and step.
#[derive(Clone, Default)]
struct SpanProbe {
    values: Arc<Mutex<HashMap<u64, Numbers>>>,
    scopes: Arc<Mutex<Vec<Value>>>,
}

/// The values of a span.
#[derive(Default)]
struct Numbers {
    number: Option<Value>,
    step: Option<Value>,
}

impl Visit for Numbers {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "number" => self.number = Some(json!(value)),
            _ => self.step = Some(json!(value)),
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanProbe {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _context: Context<'_, S>) {
        let mut numbers = Numbers::default();
        attributes.record(&mut numbers);
        self.values.lock().unwrap().insert(id.into_u64(), numbers);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _context: Context<'_, S>) {
        let mut numbers = Numbers::default();
        values.record(&mut numbers);
        if let Some(span) = self.values.lock().unwrap().get_mut(&id.into_u64()) {
            span.step = numbers.step;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let values = self.values.lock().unwrap();
        let scope = context.event_scope(event);
        let spans = scope.into_iter().flat_map(Scope::from_root);
        let spans = spans.map(|span| {
            let Numbers { number, step } = &values[&span.id().into_u64()];
            let mut properties = json!({ "number": number });
            if let Some(step) = step {
                properties["step"] = step.clone();
            }
            json!({ "name": "step", "properties": properties })
        });
        self.scopes.lock().unwrap().push(spans.collect());
    }
}

/// The spans that there are, and how often each thread is in each of them.
#[derive(Default)]
struct World {
    opened: u64,
    spans: Vec<(Span, [usize; THREADS])>,
}

impl World {
    fn id(&self, choice: usize) -> Option<Id> {
        let at = choice.checked_rem(self.spans.len())?;
        self.spans[at].0.id()
    }

    fn choose(&mut self, choice: usize) -> Option<&mut (Span, [usize; THREADS])> {
        let at = choice.checked_rem(self.spans.len())?;
        self.spans.get_mut(at)
    }

    fn open(&mut self, parent: &Parent) {
        self.opened += 1;
        let number = self.opened;
        let span = match parent {
            Parent::Current => tracing::info_span!("step", number, step = Empty),
            Parent::Root => tracing::info_span!(parent: None, "step", number, step = Empty),
            Parent::Of(choice) => {
                tracing::info_span!(parent: self.id(*choice), "step", number, step = Empty)
            }
        };
        self.spans.push((span, [0; THREADS]));
    }

    fn log(&self, parent: &Parent) {
        match parent {
            Parent::Current => tracing::info!("here"),
            Parent::Root => tracing::info!(parent: None, "here"),
            Parent::Of(choice) => tracing::info!(parent: self.id(*choice), "here"),
        }
    }

    fn act(&mut self, thread: usize, deed: &Deed) {
        match deed {
            Deed::Open(parent) => self.open(parent),
            Deed::Log(parent) => self.log(parent),
            Deed::Enter(choice) => {
                if let Some((span, depths)) = self.choose(*choice) {
                    span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
                    depths[thread] += 1;
                }
            }
            Deed::Exit(choice) => {
                if let Some((span, depths)) = self.choose(*choice)
                    && depths[thread] > 0
                {
                    span.with_subscriber(|(id, dispatch)| dispatch.exit(id));
                    depths[thread] -= 1;
                }
            }
            Deed::Record(choice, step) => {
                if let Some((span, _)) = self.choose(*choice) {
                    span.record("step", u64::from(*step));
                }
            }
            Deed::Close(choice) => {
                // Also while threads are in it, which no guard allows.
                if self.choose(*choice).is_some() {
                    self.spans.remove(choice % self.spans.len());
                }
            }
        }
    }
}

/// Runs deeds one after the other, each on its thread.
fn run(deeds: &[(usize, Deed)], dispatch: &Dispatch) {
    let world = Arc::new(Mutex::new(World::default()));
    std::thread::scope(|scope| {
        let threads: Vec<(Sender<Deed>, _)> = (0..THREADS)
            .map(|thread| {
                let (deeds, deeds_to_do) = channel::<Deed>();
                let (done, is_done) = channel();
                let (world, dispatch) = (Arc::clone(&world), dispatch.clone());
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for deed in deeds_to_do {
                            world.lock().unwrap().act(thread, &deed);
                            done.send(()).unwrap();
                        }
                    });
                });
                (deeds, is_done)
            })
            .collect();
        for (thread, deed) in deeds {
            let (deeds, is_done) = &threads[*thread];
            deeds.send(deed.clone()).unwrap();
            is_done.recv().unwrap();
        }
    });
}

#[test]
fn a_line_has_the_spans_that_the_registry_reports() {
    let strategy = proptest::collection::vec((0..THREADS, deed()), 1..120);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        cases: 48,
        max_shrink_iters: 4096,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&strategy, |deeds| {
        let place = TestPlace::new();
        let telemetry = place.builder().delivery(Delivery::Inline).open();
        let probe = SpanProbe::default();
        let subscriber = tracing_subscriber::registry()
            .with(telemetry.layer())
            .with(probe.clone());
        run(&deeds, &Dispatch::new(subscriber));
        drop(telemetry);
        let told = probe.scopes.lock().unwrap().clone();
        let events = place.events();
        let recorded = events
            .iter()
            .map(|event| event.get("spans").cloned().unwrap_or(json!([])));
        prop_assert_eq!(recorded.collect::<Vec<_>>(), told);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Logs in so many spans, each in the one before, and returns the spans that the line has and how many it leaves out.
fn logged_at(depth: usize, work: impl FnOnce(&[Span])) -> (Vec<Value>, Value) {
    let place = TestPlace::new();
    place.record(|| {
        let mut spans: Vec<Span> = Vec::new();
        for number in 0..depth {
            let parent = spans.last().and_then(Span::id);
            spans.push(tracing::info_span!(parent: parent, "step", number, late = Empty));
        }
        work(&spans);
        let leaf = spans.last().unwrap();
        tracing::info!(parent: leaf, "by its parent");
        let _entered: Vec<_> = spans.iter().map(Span::enter).collect();
        tracing::info!("in its context");
    });
    let mut events = place.events();
    let event = events.remove(0);
    for key in ["spans", "spans_left_out"] {
        assert_eq!(event[key], events[0][key], "the two ways to find spans");
    }
    (
        event["spans"].as_array().unwrap().clone(),
        event["spans_left_out"].clone(),
    )
}

#[test]
fn of_many_nested_spans_the_outermost_and_the_innermost_stay() {
    for depth in [1, 31, 32, 33, 63, 64, 65, 66, 96, 97, 1000] {
        let (spans, left_out) = on_deep_stack(|| logged_at(depth, |_| ()));
        let numbers: Vec<_> = spans
            .iter()
            .map(|span| span["properties"]["number"].as_u64().unwrap())
            .collect();
        let depth = depth as u64;
        if depth <= 64 {
            assert_eq!(numbers, (0..depth).collect::<Vec<_>>());
            assert_eq!(left_out, Value::Null, "{depth}");
        } else {
            assert_eq!(
                numbers,
                (0..32).chain(depth - 32..depth).collect::<Vec<_>>()
            );
            assert_eq!(left_out, depth - 64);
        }
    }
}

#[test]
fn what_a_far_outer_span_records_later_is_in_the_line() {
    let (spans, left_out) = logged_at(200, |spans| {
        for span in spans {
            span.record("late", 1);
        }
    });
    assert_eq!((spans.len(), left_out), (64, json!(136)));
    assert!(
        spans.iter().all(|span| span["properties"]["late"] == 1),
        "{spans:?}"
    );
}

#[test]
fn spans_that_the_policy_refuses_are_not_counted_as_left_out() {
    let place = TestPlace::new();
    let policy = localtel::Policy::new().deny_target("hidden");
    place.record_with(place.builder().policy(policy), || {
        let mut entered = Vec::new();
        for number in 0..200 {
            let span = if number % 2 == 0 {
                tracing::info_span!("shown", number)
            } else {
                tracing::info_span!(target: "hidden", "hidden", number)
            };
            entered.push(span.entered());
        }
        tracing::info!("here");
        while entered.pop().is_some() {}
    });
    let event = &place.events()[0];
    let spans = event["spans"].as_array().unwrap();
    assert!(
        spans.iter().all(|span| span["name"] == "shown"),
        "{spans:?}"
    );
    assert_eq!(
        spans.len() as u64 + event["spans_left_out"].as_u64().unwrap(),
        100
    );
}

/// How many threads do things.
const THREADS: usize = 2;
