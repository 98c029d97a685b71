//! Programs that end without dropping their handle still write all records: `process::exit` from
//! anywhere, a handle in a `static`, a forgotten handle.

use std::fmt;
use std::process::Output;
use std::sync::{Arc, Barrier, OnceLock};
use std::time::{Duration, Instant};

use localtel::Telemetry;
use localtel::read::Summary;
use localtel::recording::{Delivery, Durability};
use localtel::report::Reports;
use tracing::info;
use tracing_subscriber::prelude::*;

use crate::child::{self, ChildTask};
use crate::recorder::Stall;
use crate::support::{TestPlace, eventually};

/// The exit code of the children: neither success nor that of a panic.
const CODE: i32 = 7;

/// The number of events that the children record.
const COUNT: u64 = 100;

/// Runs a child, and checks that it ends with [`CODE`], prints no error, and records `events` in
/// one session with an end.
fn ends_well(role: &str, events: u64) -> (TestPlace, Output) {
    let place = TestPlace::new();
    let output = child::command(role, &place.path()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), printed.as_str()), (Some(CODE), ""));
    check_end(&place, events);
    (place, output)
}

fn check_end(place: &TestPlace, events: u64) {
    assert_eq!(place.events().len() as u64, events);
    let ends = place.own("session.end");
    assert_eq!(ends.len(), 1, "the session ends once");
    let counts = &ends[0]["properties"];
    assert_eq!(counts["recorded"], events, "{counts}");
    assert_eq!(
        (&counts["dropped"], &counts["failed"]),
        (&0.into(), &0.into())
    );
}

#[expect(clippy::exit, reason = "these children test it")]
fn exit() -> ! {
    std::process::exit(CODE)
}

fn install(telemetry: &Telemetry) {
    tracing_subscriber::registry()
        .with(telemetry.layer())
        .init();
}

fn log_all() {
    for number in 0..COUNT {
        info!(number, "one of many");
    }
}

/// Runs the task of a child of this file.
pub(crate) fn end(how: &str, task: &ChildTask) {
    let builder = task.builder();
    let builder = match how {
        "inline" => builder.delivery(Delivery::Inline),
        "with every batch synced" => builder.durability(Durability::EveryBatch),
        "with a report" => builder.reports(Reports::Every(Duration::from_hours(1))),
        _ => builder,
    };
    let telemetry = builder.try_open().unwrap();
    install(&telemetry);
    match how {
        "in a static" => {
            static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();
            TELEMETRY.set(telemetry).unwrap();
            log_all();
        }
        "forgotten" => {
            #[expect(clippy::mem_forget, reason = "this child tests it")]
            std::mem::forget(telemetry);
            log_all();
        }
        "in another thread" => exit_in_another_thread(&telemetry),
        "in a value" => {
            log_all();
            info!(value = ?Exits, "never recorded");
        }
        "in a panic hook" => {
            std::panic::set_hook(Box::new(|_| exit()));
            log_all();
            panic!("ends the process");
        }
        "after the end" => {
            log_all();
            drop(telemetry);
            exit();
        }
        "with two handles" => {
            let other = task.builder().profile("other").try_open().unwrap();
            let _ = other.record(&localtel::Event::new("of another"));
            log_all();
            exit();
        }
        "with counts" => {
            log_all();
            telemetry.counter("queries", [("result", "ok")]).add(1);
            exit();
        }
        "with nothing recorded" => exit(),
        _ => {
            log_all();
            exit();
        }
    }
}

struct Exits;

impl fmt::Debug for Exits {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        exit()
    }
}

/// Ends the process from a third thread while two threads log for ever.
fn exit_in_another_thread(telemetry: &Telemetry) {
    log_all();
    telemetry.flush().unwrap();
    let logging = Arc::new(Barrier::new(3));
    for _ in 0..2 {
        let logging = Arc::clone(&logging);
        let log = move || -> ! {
            info!("while it ends");
            logging.wait();
            loop {
                info!("while it ends");
            }
        };
        std::thread::Builder::new().spawn(log).unwrap();
    }
    let end = move || {
        logging.wait();
        exit();
    };
    let ending = std::thread::Builder::new().spawn(end).unwrap();
    let _never = ending.join();
}

#[test]
fn an_exit_loses_nothing_that_was_recorded() {
    ends_well("end by exit", COUNT);
}

#[test]
fn an_exit_loses_nothing_with_any_delivery_and_durability() {
    ends_well("end inline", COUNT);
    ends_well("end with every batch synced", COUNT);
}

#[test]
fn a_handle_in_a_static_loses_nothing_when_the_program_ends() {
    let place = TestPlace::new();
    child::run("end in a static", &place);
    check_end(&place, COUNT);
}

#[test]
fn a_handle_that_was_forgotten_loses_nothing() {
    let place = TestPlace::new();
    child::run("end forgotten", &place);
    check_end(&place, COUNT);
}

#[test]
fn an_exit_in_another_thread_ends_the_session_completely() {
    let place = TestPlace::new();
    let output = child::command("end in another thread", &place.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(CODE));
    let events = place.events().len();
    let ends = place.own("session.end");
    assert_eq!(ends.len(), 1);
    let counts = &ends[0]["properties"];
    assert!(events > 100, "{events}");
    assert_eq!(counts["recorded"], events, "{counts}");
    assert_eq!(
        place.values().last().unwrap()["event"],
        "session.end",
        "nothing follows the end"
    );
}

#[test]
fn an_exit_while_a_value_is_formatted_loses_no_other_event() {
    ends_well("end in a value", COUNT);
}

#[test]
fn an_exit_in_a_panic_hook_loses_nothing() {
    ends_well("end in a panic hook", COUNT);
}

#[test]
fn an_exit_after_the_end_changes_nothing() {
    ends_well("end after the end", COUNT);
}

#[test]
fn an_exit_before_the_first_event_leaves_no_segment() {
    let place = TestPlace::new();
    let output = child::command("end with nothing recorded", &place.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(CODE));
    assert_eq!(place.lines().len(), 0);
}

#[test]
fn an_exit_ends_the_sessions_of_all_handles() {
    let (place, _) = ends_well("end with two handles", COUNT);
    let other = place.path().join("profiles/other");
    let lines = crate::support::lines_in(&other);
    assert_eq!(lines.len(), 3, "session, event, session.end: {lines:?}");
}

#[test]
fn an_exit_records_the_counts_and_the_report_that_a_drop_would() {
    let (place, _) = ends_well("end with counts", COUNT);
    let end = &place.own("session.end")[0];
    assert_eq!(
        end["properties"]["counters"]["queries"][0]["count"], 1,
        "{end}"
    );
    let place = TestPlace::new();
    child::command("end with a report", &place.path())
        .output()
        .unwrap();
    assert_eq!(place.own("report").len(), 1);
    assert_eq!(place.own("session.end").len(), 1);
}

#[test]
fn a_session_is_without_an_end_only_if_its_process_has_ended() {
    let place = TestPlace::with_damage();
    let sessions = || Summary::read(&place.path()).unwrap_or_default().sessions;
    let mut child = child::command("write and acknowledge", &place.path())
        .spawn()
        .unwrap();
    eventually("the child records", || sessions().count == 1);
    assert_eq!((sessions().running, sessions().without_end), (1, 0));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((sessions().running, sessions().without_end), (0, 1));
}

#[test]
fn an_exit_waits_no_longer_than_a_drop_and_keeps_its_code() {
    let place = TestPlace::new();
    child::run("end in a static", &place);
    let stall = Stall::new(&place.path());
    let started = Instant::now();
    let mut child = child::command("end by exit", &place.path())
        .spawn()
        .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(CODE));
    assert!(started.elapsed() < Duration::from_secs(15));
    stall.end();
}
