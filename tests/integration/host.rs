//! The library does not disturb its host: events from destructors, panic hooks and after the end
//! are safe, and failures print nothing and leave no thread.

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
    let output = child::run("record in destructors", &place);
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
        // No span: the registry cannot create one here.
        info!(text = "t".repeat(100), "{}", self.0);
    }
}

thread_local! {
    static EARLY: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// Runs in a process of its own.
pub(crate) fn record_in_destructors(task: &ChildTask) {
    let telemetry = task.builder().try_open().unwrap();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    let body = || {
        // The order of destruction is not specified: one of them runs after the library's own
        // thread storage is destroyed.
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
    // Destroyed when the main thread ends.
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
fn failures_print_nothing_and_leave_no_thread() {
    let place = TestPlace::new();
    let output = child::run("fail silently", &place);
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

/// Counts the threads of localtel in this process.
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

/// Counts the calls to `write` of this process.
fn writes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("syscw: "));
    line.unwrap().parse().unwrap()
}

/// Runs in a process of its own, since it checks all threads and all output.
pub(crate) fn fail_silently(task: &ChildTask) {
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
        "lines are written in batches: {}",
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
fn a_test_executable_records_only_in_a_given_directory() {
    let place = TestPlace::new();
    let open_with = |variables: &[(&str, &str)]| {
        let mut command = child::command("open by variables", &place.path());
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
    let printed = open_with(&[("HOME", home)]);
    assert!(printed.contains("recording false"), "{printed}");
    assert!(printed.contains("this is a test executable"), "{printed}");
    assert_eq!(std::fs::read_dir(home).unwrap().count(), 0);
    let state = format!("{home}/state");
    for variable in ["LOCALTEL_DIR", "XDG_STATE_HOME", "STATE_DIRECTORY"] {
        let printed = open_with(&[(variable, &state)]);
        assert!(printed.contains("recording true"), "{variable}: {printed}");
        std::fs::remove_dir_all(&state).unwrap();
    }
}
