//! Spans in any order: the spans of a line are those that the registry of `tracing-subscriber`
//! reports for the event, with their values at that moment, in any sequence of enter, exit, record
//! and close. Closed spans are recorded with those that it reports as their parents.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use localtel::recording::{Delivery, Spans};
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
use crate::timed_spans;

/// One operation of a program. Numbers choose among the open spans.
#[derive(Debug, Clone)]
enum SpanOperation {
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

fn operation() -> impl Strategy<Value = SpanOperation> {
    let parent = prop_oneof![
        3 => Just(Parent::Current),
        1 => Just(Parent::Root),
        1 => any::<usize>().prop_map(Parent::Of)
    ];
    prop_oneof![
        2 => parent.clone().prop_map(SpanOperation::Open),
        4 => any::<usize>().prop_map(SpanOperation::Enter),
        3 => any::<usize>().prop_map(SpanOperation::Exit),
        2 => (any::<usize>(), any::<u8>())
            .prop_map(|(span, step)| SpanOperation::Record(span, step)),
        1 => any::<usize>().prop_map(SpanOperation::Close),
        6 => parent.prop_map(SpanOperation::Log),
    ]
}

/// The spans of each event, and each closed span with its parents, as the registry reports them:
/// from the root to the leaf, by number and step.
#[derive(Clone, Default)]
struct SpanProbe {
    values: Arc<Mutex<HashMap<u64, Numbers>>>,
    scopes: Arc<Mutex<Vec<Value>>>,
    closed: Arc<Mutex<Vec<Value>>>,
}

/// The values of a span.
#[derive(Default)]
struct Numbers {
    number: Option<Value>,
    step: Option<Value>,
}

impl Numbers {
    fn properties(&self) -> Value {
        let mut properties = json!({ "number": self.number });
        if let Some(step) = &self.step {
            properties["step"] = step.clone();
        }
        properties
    }
}

impl SpanProbe {
    /// Returns the spans of a scope, from the root to the leaf.
    fn reported<'a, S: LookupSpan<'a>>(&self, scope: Option<Scope<'a, S>>) -> Value {
        let values = self.values.lock().unwrap();
        let spans = scope.into_iter().flat_map(Scope::from_root);
        let spans = spans.map(|span| {
            let properties = values[&span.id().into_u64()].properties();
            json!({ "name": "step", "properties": properties })
        });
        spans.collect()
    }
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
        let spans = self.reported(context.event_scope(event));
        self.scopes.lock().unwrap().push(spans);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let spans = self.reported(span.parent().map(|parent| parent.scope()));
        let properties = self.values.lock().unwrap()[&id.into_u64()].properties();
        let closed = json!({ "properties": properties, "spans": spans });
        self.closed.lock().unwrap().push(closed);
    }
}

/// The open spans, and how often each thread has entered each of them.
#[derive(Default)]
struct OpenSpans {
    opened: u64,
    spans: Vec<(Span, [usize; THREADS])>,
}

impl OpenSpans {
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

    fn run(&mut self, thread: usize, operation: &SpanOperation) {
        match operation {
            SpanOperation::Open(parent) => self.open(parent),
            SpanOperation::Log(parent) => self.log(parent),
            SpanOperation::Enter(choice) => {
                if let Some((span, depths)) = self.choose(*choice) {
                    span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
                    depths[thread] += 1;
                }
            }
            SpanOperation::Exit(choice) => {
                if let Some((span, depths)) = self.choose(*choice)
                    && depths[thread] > 0
                {
                    span.with_subscriber(|(id, dispatch)| dispatch.exit(id));
                    depths[thread] -= 1;
                }
            }
            SpanOperation::Record(choice, step) => {
                if let Some((span, _)) = self.choose(*choice) {
                    span.record("step", u64::from(*step));
                }
            }
            SpanOperation::Close(choice) => {
                // Also while threads are in the span, which a guard would not allow.
                if self.choose(*choice).is_some() {
                    self.spans.remove(choice % self.spans.len());
                }
            }
        }
    }
}

/// Runs operations one after the other, each on its thread.
fn run(operations: &[(usize, SpanOperation)], dispatch: &Dispatch) {
    let open_spans = Arc::new(Mutex::new(OpenSpans::default()));
    std::thread::scope(|scope| {
        let threads: Vec<(Sender<SpanOperation>, _)> = (0..THREADS)
            .map(|thread| {
                let (operations, operations_to_run) = channel::<SpanOperation>();
                let (done, is_done) = channel();
                let (open_spans, dispatch) = (Arc::clone(&open_spans), dispatch.clone());
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for operation in operations_to_run {
                            open_spans.lock().unwrap().run(thread, &operation);
                            done.send(()).unwrap();
                        }
                    });
                });
                (operations, is_done)
            })
            .collect();
        for (thread, operation) in operations {
            let (operations, is_done) = &threads[*thread];
            operations.send(operation.clone()).unwrap();
            is_done.recv().unwrap();
        }
    });
}

/// Runs any operations, and checks the recorded events against what the registry reported.
fn check_any_operations(
    spans: Spans,
    check: impl Fn(&[Value], &SpanProbe) -> Result<(), TestCaseError>,
) {
    let strategy = proptest::collection::vec((0..THREADS, operation()), 1..120);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        cases: 48,
        max_shrink_iters: 4096,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&strategy, |operations| {
        let place = TestPlace::new();
        let builder = place.builder().delivery(Delivery::Inline).spans(spans);
        let telemetry = builder.open();
        let probe = SpanProbe::default();
        let subscriber = tracing_subscriber::registry()
            .with(telemetry.layer())
            .with(probe.clone());
        run(&operations, &Dispatch::new(subscriber));
        drop(telemetry);
        check(&place.events(), &probe)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn spans_of(event: &Value) -> Value {
    event.get("spans").cloned().unwrap_or(json!([]))
}

#[test]
fn a_line_has_the_spans_that_the_registry_reports() {
    check_any_operations(Spans::InEvents, |events, probe| {
        let recorded: Vec<Value> = events.iter().map(spans_of).collect();
        prop_assert_eq!(&recorded, &*probe.scopes.lock().unwrap());
        Ok(())
    });
}

#[test]
fn each_closed_span_is_recorded_once_as_the_registry_reports() {
    check_any_operations(timed_spans::ALL, |events, probe| {
        let mut recorded = Vec::new();
        for event in events.iter().filter(|event| event["event"] == "span") {
            let mut properties = event["properties"].clone();
            let own = properties.as_object_mut().unwrap();
            let figures = ["duration", "busy_us", "idle_us"];
            let [duration, busy, idle] = figures.map(|name| own.remove(name).unwrap().as_f64());
            let rest = duration.unwrap() * 1000.0 - busy.unwrap() - idle.unwrap();
            prop_assert!(rest.abs() < 0.001, "{}", event);
            recorded.push(json!({ "properties": properties, "spans": spans_of(event) }));
        }
        prop_assert_eq!(&recorded, &*probe.closed.lock().unwrap());
        let events = events.len() - recorded.len();
        prop_assert_eq!(events, probe.scopes.lock().unwrap().len());
        Ok(())
    });
}

/// Logs in `depth` nested spans, and returns the spans of the line and the number of spans that it
/// leaves out.
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
        assert_eq!(
            event[key], events[0][key],
            "by the parent and by the context"
        );
    }
    (
        event["spans"].as_array().unwrap().clone(),
        event["spans_left_out"].clone(),
    )
}

#[test]
fn of_many_nested_spans_the_outer_and_inner_ones_are_kept() {
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
fn values_recorded_later_by_outer_spans_are_in_the_line() {
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

/// Number of threads.
const THREADS: usize = 2;
