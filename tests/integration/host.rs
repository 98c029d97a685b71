//! What the host never notices: events from destructors, panic hooks and after the end, nothing printed,
//! no thread left, whatever goes wrong.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use localtel::Telemetry;
use localtel::consent::WhenUndecided;
use localtel::recording::Delivery;
use serde_json::Value;
use tracing::info;
use tracing_subscriber::prelude::*;

use crate::child::{self, ChildTask};
use crate::recorder::{Stall, destroy, small_buffer};
use crate::support::{TestPlace, dispatch, eventually, log};

#[test]
fn events_from_destructors_hooks_and_after_the_end_are_safe() {
    let place = TestPlace::new();
    let output = child::run("record in odd places", &place);
    let events = place.events();
    let messages: Vec<&str> = events
        .iter()
        .map(|event| event["message"].as_str().unwrap())
        .collect();
    assert!(messages.contains(&"early destructor"), "{messages:?}");
    assert!(messages.contains(&"late destructor"), "{messages:?}");
    assert!(!messages.contains(&"after the end"), "{messages:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Logs when it is dropped.
struct AtEnd(&'static str);

impl Drop for AtEnd {
    fn drop(&mut self) {
        // No span: the registry itself cannot make one here.
        info!(text = "t".repeat(100), "{}", self.0);
    }
}

thread_local! {
    static EARLY: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// Runs in a process of its own.
pub(crate) fn record_in_odd_places(task: &ChildTask) {
    let telemetry = task.builder().try_open().unwrap();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    let body = || {
        // Destroyed in one order or the other: one of them when the storage of our own is gone.
        EARLY.with(|slot| *slot.borrow_mut() = Some(AtEnd("early destructor")));
        info!("in the thread");
        LATE.with(|slot| *slot.borrow_mut() = Some(AtEnd("late destructor")));
    };
    std::thread::Builder::new()
        .spawn(body)
        .unwrap()
        .join()
        .unwrap();
    drop(telemetry);
    info!("after the end");
    // This one is destroyed when the main thread ends.
    EARLY.with(|slot| *slot.borrow_mut() = Some(AtEnd("after the end")));
}

#[test]
fn events_from_a_panic_hook_are_recorded_and_flushed_there() {
    let place = TestPlace::new();
    child::run("record in a panic hook", &place);
    let events = place.events();
    let messages: Vec<&Value> = events.iter().map(|event| &event["message"]).collect();
    assert_eq!(
        messages,
        ["panicked: a thread", "panicked: a value", "with a value"]
    );
    assert_eq!(events[2]["properties"]["bomb"], "<formatting panicked>");
}

/// Runs in a process of its own: the hook belongs to the whole process.
pub(crate) fn record_in_a_panic_hook(task: &ChildTask) {
    struct FormattingBomb;
    impl std::fmt::Debug for FormattingBomb {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("a value")
        }
    }
    let telemetry = Arc::new(task.builder().try_open().unwrap());
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    let hooked = Arc::clone(&telemetry);
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("panicked: {}", panic.payload_as_str().unwrap());
        hooked.flush().unwrap();
    }));
    let body = || panic!("a thread");
    assert!(
        std::thread::Builder::new()
            .spawn(body)
            .unwrap()
            .join()
            .is_err()
    );
    info!(bomb = ?FormattingBomb, "with a value");
    telemetry.flush().unwrap();
    drop(std::panic::take_hook());
}

#[test]
fn nothing_is_printed_whatever_goes_wrong_and_no_thread_stays() {
    let place = TestPlace::new();
    let output = child::run("suffer in silence", &place);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let own: Vec<&str> = printed
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("running 1 test"))
        .collect();
    assert!(
        matches!(own.as_slice(), ["test child::entry ... ok", result] if result.starts_with("test result: ok")),
        "{printed}"
    );
}

/// The threads of this process that are ours.
fn threads() -> usize {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.unwrap().path().join("comm")).unwrap_or_default()
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .map(name)
        .filter(|name| name.trim() == "localtel")
        .count()
}

/// How many calls to `write` this process has made.
fn writes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("syscw: "));
    line.unwrap().parse().unwrap()
}

/// Runs in a process of its own: it looks at all threads and at what is printed.
pub(crate) fn suffer_in_silence(task: &ChildTask) {
    let place = TestPlace::new();
    let off = place.builder().when_undecided(WhenUndecided::Refuse).open();
    log(&dispatch(&off), 10);
    assert_eq!(threads(), 0, "telemetry that is off has no thread");

    let inline = place.builder().delivery(Delivery::Inline).open();
    log(&dispatch(&inline), 10);
    assert_eq!(threads(), 0, "inline delivery has no thread");
    drop(inline);

    let telemetry = task.builder().try_open().unwrap();
    let before = writes();
    log(&dispatch(&telemetry), 10_000);
    assert_eq!(threads(), 1);
    drop(telemetry);
    assert!(
        writes() - before < 1000,
        "lines go in batches: {}",
        writes() - before
    );
    eventually("the thread has ended", || threads() == 0);

    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let telemetry = small_buffer(&place).delivery(delivery).open();
        let dispatch = dispatch(&telemetry);
        destroy(&place);
        log(&dispatch, 100);
        assert!(telemetry.flush().is_err());
        drop(telemetry);
        log(&dispatch, 1);
    }
    let telemetry = place.builder().try_open().unwrap();
    let stall = Stall::new(&place.path());
    log(&dispatch(&telemetry), 100);
    let counts = telemetry.close(Duration::from_millis(300));
    assert_eq!(counts.failed, 100);
    stall.end();
    let nowhere = Telemetry::builder("testapp")
        .dir("/proc/nowhere")
        .when_undecided(WhenUndecided::Record)
        .open();
    log(&dispatch(&nowhere), 10);
    drop(nowhere);
    eventually("all threads have ended", || threads() == 0);
}

#[test]
fn a_test_of_an_application_records_only_where_it_is_told() {
    let place = TestPlace::new();
    let open_with = |variables: &[(&str, &str)]| {
        let mut command = child::command("open where variables say", &place.path());
        command
            .env_remove("LOCALTEL_DIR")
            .env_remove("XDG_STATE_HOME")
            .env_remove("STATE_DIRECTORY")
            .env("TMPDIR", place.path().parent().unwrap())
            .envs(variables.iter().copied());
        String::from_utf8(child::succeed(command).stdout).unwrap()
    };
    let home = place.path().with_file_name("home");
    std::fs::create_dir(&home).unwrap();
    let home = home.to_str().unwrap();
    let said = open_with(&[("HOME", home)]);
    assert!(said.contains("recording false"), "{said}");
    assert!(said.contains("this is a test executable"), "{said}");
    assert_eq!(std::fs::read_dir(home).unwrap().count(), 0);
    let state = format!("{home}/state");
    for variable in ["LOCALTEL_DIR", "XDG_STATE_HOME", "STATE_DIRECTORY"] {
        let said = open_with(&[(variable, &state)]);
        assert!(said.contains("recording true"), "{variable}: {said}");
        std::fs::remove_dir_all(&state).unwrap();
    }
}
