//! Child processes: the test binary, started again to run one task in a process that can be killed,
//! stopped or limited, or that has a subscriber for all its threads.

use std::io::Write as _;
use std::process::{Command, Output};
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::policy::Action;
use localtel::recording::{Delivery, Durability, Overflow};
use localtel::{Event, Policy, Telemetry};
use tracing_subscriber::prelude::*;

use crate::child_process::write_with_threads;
pub(crate) use crate::child_process::{ChildTask, command, command_in, writer};
use crate::composition;
use crate::endings;
use crate::file_limits;
use crate::full_disk;
use crate::host;
use crate::hostile_values;
use crate::levels;
use crate::measured;
use crate::reports;
use crate::support::TestPlace;
use crate::timed_spans;

/// Runs a child to its end and checks that it succeeds.
pub(crate) fn run(role: &str, place: &TestPlace) -> Output {
    succeed(command(role, &place.path()))
}

pub(crate) fn succeed(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Not a test: runs the task of a child process.
#[test]
#[ignore = "started by other tests"]
fn entry() {
    let Some((role, task)) = ChildTask::of_process() else {
        return;
    };
    match role.as_str() {
        "log inside a value" => with_global(&task, hostile_values::log_inside_a_value),
        "log a value inside itself" => {
            with_global(&task, hostile_values::log_a_value_inside_itself);
        }
        "close spans in odd places" => {
            let telemetry = task.builder().spans(timed_spans::ALL).try_open().unwrap();
            let layer = telemetry.layer().with_filter(telemetry.filter());
            tracing_subscriber::registry().with(layer).init();
            timed_spans::close_spans_in_odd_places();
        }
        "record in destructors" => host::record_in_destructors(&task),
        "record in a panic hook" => host::record_in_a_panic_hook(&task),
        "fail silently" => host::fail_silently(&task),
        "write with threads" => write_with_threads(&task),
        "write and acknowledge" => write_and_acknowledge(&task),
        "write one inline" => write_inline(&task, Durability::Os),
        "write one durable" => write_inline(&task, Durability::Interval(Duration::from_hours(1))),
        "log without other layers" => composition::log_without_other_layers(),
        "log at one level only" => levels::log_at_one_level_only(&task),
        "follow consent in a scope" => composition::follow_consent_in_a_scope(&task),
        "record under a limit on file sizes" => file_limits::record_under_a_limit(&task),
        "record without file descriptors" => full_disk::record_without_file_descriptors(&task),
        "open and print" => open_and_print(&task),
        "open with debug output" => open_with_debug_output(&task),
        "open by variables" => open_by_variables(),
        "open and print the id" => open_and_print_the_id(&task),
        "measure a command" => measured::measure_a_command(&task),
        "measure a command and its child" => measured::measure_a_command_and_its_child(&task),
        "measure a command that panics" => measured::measure_a_command_that_panics(&task),
        "measure a command across a choice" => measured::measure_a_command_across_a_choice(&task),
        "report at the start" => reports::report_at_the_start(&task),
        "report under do not track" => reports::report_under_do_not_track(&task),
        "report from a thread" => reports::report_from_a_thread(&task),
        "measure nothing" => measured::measure_nothing(),
        role => match role.strip_prefix("end ") {
            Some(how) => endings::end(how, &task),
            None => panic!("unknown task {role:?}"),
        },
    }
}

/// Runs `work` with a subscriber for the whole process.
pub(crate) fn with_global(task: &ChildTask, work: impl FnOnce()) {
    let telemetry = task.builder().try_open().unwrap();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    work();
}

/// Writes for ever, and prints the number up to which everything is flushed.
fn write_and_acknowledge(task: &ChildTask) {
    let telemetry = task.builder().overflow(Overflow::Block).try_open().unwrap();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    let mut output = std::io::stdout();
    for batch in 0_u64.. {
        for number in batch * 50..(batch + 1) * 50 {
            tracing::info!(pid = std::process::id(), number, text = "x".repeat(300));
        }
        telemetry.flush().unwrap();
        writeln!(output, "flushed {}", (batch + 1) * 50).unwrap();
        output.flush().unwrap();
    }
}

fn write_inline(task: &ChildTask, durability: Durability) {
    let telemetry = task
        .builder()
        .delivery(Delivery::Inline)
        .durability(durability)
        .try_open()
        .unwrap();
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..task.count {
            tracing::info!(number, "inline");
        }
    });
    telemetry.flush().unwrap();
}

/// Opens without requiring success, records, and prints the status.
fn open_and_print(task: &ChildTask) {
    let telemetry = task.builder().open();
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..task.count {
            tracing::info!(number, text = "y".repeat(500), "from a child");
        }
    });
    let flushed = telemetry.flush();
    let status = telemetry.status();
    let counts = status.counts;
    println!("recording {}", status.is_recording);
    println!("because {}", status.off_because.unwrap_or_default());
    println!("trouble {}", status.trouble.unwrap_or_default());
    println!("flushed {}", flushed.is_ok());
    println!("offered {} recorded {}", counts.offered(), counts.recorded);
}

/// Opens without requiring success, with debug output, and records by hand.
fn open_with_debug_output(task: &ChildTask) {
    let telemetry = task
        .builder()
        .policy(Policy::new().property("host", Action::Mask))
        .debug_output(true)
        .open();
    let _outcome = telemetry.record(&Event::new("started").property("host", "raven"));
}

/// Opens in the directory that the environment sets, and prints the status.
fn open_by_variables() {
    let telemetry = Telemetry::builder("testapp")
        .when_undecided(WhenUndecided::Record)
        .open();
    let status = telemetry.status();
    println!("recording {}", status.is_recording);
    println!("because {}", status.off_because.unwrap_or_default());
}

/// Prints the installation id.
fn open_and_print_the_id(task: &ChildTask) {
    task.wait_for_go();
    let telemetry = task
        .builder()
        .delivery(Delivery::Inline)
        .try_open()
        .unwrap();
    let id = telemetry.status().installation.unwrap();
    telemetry.flush().unwrap();
    println!("\nid {id}");
}
