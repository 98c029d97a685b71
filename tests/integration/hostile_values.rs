//! Values that fail while they are formatted: whatever a `Debug`, `Display` or `Error` does, the
//! event is one whole line, the host continues, and every lost event is counted.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};
use tracing_subscriber::prelude::*;

use crate::child;
use crate::support::TestPlace;

struct Shown<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Debug for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

#[test]
fn a_panicking_value_is_marked_and_affects_no_other_event() {
    let place = TestPlace::new();
    place.record(|| {
        let bomb = Shown(|f: &mut fmt::Formatter<'_>| {
            f.write_str("half")?;
            panic!("from a value")
        });
        let span = tracing::info_span!("span", ?bomb, after = 1).entered();
        tracing::info!(before = 1, ?bomb, after = 2, "message");
        tracing::info!("{bomb:?}");
        span.record("after", tracing::field::debug(&bomb));
        tracing::info!(parent: None, "untouched");
    });
    let events = place.events();
    let mark = "<formatting panicked>";
    assert_eq!(
        events[0]["properties"],
        json!({"before": 1, "bomb": mark, "after": 2})
    );
    assert_eq!(
        events[0]["spans"][0]["properties"],
        json!({"bomb": mark, "after": 1})
    );
    assert_eq!(events[1]["message"], mark);
    assert_eq!(events[2]["message"], "untouched");
}

#[test]
fn a_panic_payload_that_panics_on_drop_is_contained() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "from the drop of a payload");
        }
    }
    let place = TestPlace::new();
    let properties = place.properties(|| {
        let bomb = Shown(|_: &mut fmt::Formatter<'_>| std::panic::panic_any(Payload));
        tracing::info!(?bomb);
    });
    assert_eq!(properties["bomb"], "<formatting panicked>");
}

#[test]
fn a_value_that_fails_leaves_a_mark() {
    let place = TestPlace::new();
    let properties = place.properties(|| {
        let failing = Shown(|f: &mut fmt::Formatter<'_>| {
            f.write_str("half")?;
            Err(fmt::Error)
        });
        tracing::info!(?failing, after = 1);
    });
    assert_eq!(
        properties,
        json!({"failing": "half<formatting failed>", "after": 1})
    );
}

#[test]
fn a_value_that_never_ends_is_cut() {
    let place = TestPlace::new();
    place.record(|| {
        let endless = Shown(|f: &mut fmt::Formatter<'_>| {
            loop {
                f.write_str("again and ")?;
            }
        });
        let _span = tracing::info_span!("span", ?endless).entered();
        tracing::info!(?endless, "{endless:?}");
    });
    let event = &place.events()[0];
    for text in [
        &event["message"],
        &event["properties"]["endless"],
        &event["spans"][0]["properties"]["endless"],
    ] {
        let text = text.as_str().unwrap();
        assert!(
            text.ends_with('…') && text.len() < 17 * 1024,
            "{}",
            text.len()
        );
    }
}

#[test]
fn a_value_that_panics_when_it_is_cut_is_cut() {
    let place = TestPlace::new();
    let properties = place.properties(|| {
        let insistent = Shown(|f: &mut fmt::Formatter<'_>| {
            for _ in 0..usize::MAX {
                f.write_char('x').expect("writing never fails");
            }
            Ok(())
        });
        tracing::info!(?insistent);
    });
    assert!(properties["insistent"].as_str().unwrap().ends_with("x…"));
}

#[test]
fn an_event_logged_while_formatting_is_a_line_of_its_own() {
    let place = TestPlace::new();
    child::run("log inside a value", &place);
    let events = place.events();
    let messages: Vec<&Value> = events.iter().map(|event| &event["message"]).collect();
    assert_eq!(messages, ["from inside", "from inside", "outer"]);
    assert_eq!(
        events[2]["properties"],
        json!({"first": 1, "chatty": "shown", "last": 2})
    );
    let end = &place.own("session.end")[0]["properties"];
    assert_eq!((&end["recorded"], &end["refused"]), (&json!(3), &json!(0)));
}

/// Runs in a process of its own: with a subscriber for one thread only, `tracing` itself drops
/// events inside events.
pub(crate) fn log_inside_a_value() {
    let chatty = Shown(|f: &mut fmt::Formatter<'_>| {
        tracing::info!(inner = true, "from inside");
        f.write_str("shown")
    });
    let _span = tracing::info_span!("span", ?chatty).entered();
    tracing::info!(first = 1, ?chatty, last = 2, "outer");
}

#[test]
fn values_that_log_themselves_terminate_and_are_counted() {
    let place = TestPlace::new();
    child::run("log a value inside itself", &place);
    let events = place.events();
    let end = &place.own("session.end")[0]["properties"];
    assert_eq!(end["recorded"], events.len());
    // The event, the span and the span's later value each cause one nested event, and one refused
    // inside it.
    assert_eq!((events.len(), &end["refused"]), (4, &json!(3)));
    assert!(
        events
            .iter()
            .all(|event| event["properties"]["this"] == "recursive")
    );
}

/// Runs in a process of its own, for the same reason.
pub(crate) fn log_a_value_inside_itself() {
    struct Recursive;
    impl fmt::Debug for Recursive {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!(this = ?self, "again");
            f.write_str("recursive")
        }
    }
    tracing::info!(this = ?Recursive, "first");
    let span = tracing::info_span!("span", this = ?Recursive);
    span.record("this", tracing::field::debug(Recursive));
}

#[test]
fn a_span_that_records_into_itself_does_not_hang() {
    let place = TestPlace::new();
    place.record(|| {
        let span = tracing::info_span!("span", a = 0, b = 0);
        let meddler = Shown(|f: &mut fmt::Formatter<'_>| {
            span.record("a", 7);
            span.in_scope(|| tracing::info!("inside"));
            f.write_str("meddled")
        });
        span.record("b", tracing::field::debug(&meddler));
        span.in_scope(|| tracing::info!("after"));
    });
    let last = &place.events()[1];
    assert_eq!(
        last["spans"][0]["properties"],
        json!({"a": 7, "b": "meddled"})
    );
}

#[test]
fn a_cyclic_chain_of_errors_terminates() {
    #[derive(Debug)]
    struct Circle;
    impl fmt::Display for Circle {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("round")
        }
    }
    impl std::error::Error for Circle {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(self)
        }
    }
    let place = TestPlace::new();
    let properties = place.properties(|| {
        tracing::info!(error = &Circle as &(dyn std::error::Error + 'static));
    });
    let text = properties["error"].as_str().unwrap();
    assert!(text.starts_with("round: round: "), "{text}");
}

#[test]
fn a_value_that_flushes_while_it_is_formatted_does_not_hang() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let flusher = Shown(|f: &mut fmt::Formatter<'_>| {
            telemetry.flush().unwrap();
            f.write_str("flushed")
        });
        tracing::info!("before");
        tracing::info!(?flusher);
    });
    drop(telemetry);
    assert_eq!(place.events()[1]["properties"]["flusher"], "flushed");
}
