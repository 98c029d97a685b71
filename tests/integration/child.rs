//! Child processes: this very binary, started again to do one thing in a process of its own, which can be
//! killed, stopped, limited, or have a subscriber for all its threads.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::policy::Action;
use localtel::recording::{Delivery, Durability, Overflow};
use localtel::{Builder, Event, Limits, Policy, Telemetry};
use tracing_subscriber::prelude::*;

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

const ROLE: &str = "LOCALTEL_TEST_CHILD";
const DIRECTORY: &str = "LOCALTEL_TEST_DIRECTORY";
const COUNT: &str = "LOCALTEL_TEST_COUNT";
const SEGMENT: &str = "LOCALTEL_TEST_SEGMENT";

/// The arguments that make this binary a child.
const ARGUMENTS: [&str; 5] = [
    "--ignored",
    "--exact",
    "child::entry",
    "--nocapture",
    "--test-threads=1",
];

/// A child that will do that, in that telemetry directory.
pub(crate) fn command(role: &str, directory: &Path) -> Command {
    command_in(role, directory, &[])
}

/// The same, started by another program such as `prlimit`.
pub(crate) fn command_in(role: &str, directory: &Path, before: &[&str]) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = match before.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
        None => Command::new(this),
    };
    command
        .args(ARGUMENTS)
        .env(ROLE, role)
        .env(DIRECTORY, directory)
        .env_remove("RUST_BACKTRACE")
        .env_remove("LOCALTEL_COMMAND_ID")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A child that writes so many events, in segments of so many bytes.
pub(crate) fn writer(role: &str, directory: &Path, count: usize, segment_bytes: u64) -> Command {
    let mut command = command(role, directory);
    command
        .env(COUNT, count.to_string())
        .env(SEGMENT, segment_bytes.to_string());
    command
}

/// Runs a child to its end, which must be a good one.
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

/// What the children are started with.
pub(crate) struct ChildTask {
    pub(crate) directory: String,
    pub(crate) count: usize,
    segment_bytes: u64,
}

impl ChildTask {
    fn of_process(role_directory: String) -> Self {
        let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
        Self {
            directory: role_directory,
            count: number(COUNT).map_or(1, |count: u64| usize::try_from(count).unwrap()),
            segment_bytes: number(SEGMENT).unwrap_or(Limits::default().segment_bytes_max),
        }
    }

    /// Waits for the directory's `go`, so that many do the next step at once.
    pub(crate) fn wait_for_go(&self) {
        let go = Path::new(&self.directory).with_file_name("go");
        while !go.exists() {
            std::thread::yield_now();
        }
    }

    pub(crate) fn builder(&self) -> Builder {
        let limits = Limits::default()
            .segment_bytes(self.segment_bytes)
            .total_bytes(1 << 30);
        Telemetry::builder("testapp")
            .dir(&self.directory)
            .when_undecided(WhenUndecided::Record)
            // What a busy machine has no time for is not what these tests are about.
            .overflow(Overflow::Block)
            .limits(limits)
    }
}

/// Not a test: what a child does.
#[test]
#[ignore = "started by other tests"]
fn entry() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let task = ChildTask::of_process(std::env::var(DIRECTORY).unwrap());
    match role.as_str() {
        "log inside a value" => with_global(&task, hostile_values::log_inside_a_value),
        "log a value inside itself" => {
            with_global(&task, hostile_values::log_a_value_inside_itself);
        }
        "record in odd places" => host::record_in_odd_places(&task),
        "record in a panic hook" => host::record_in_a_panic_hook(&task),
        "suffer in silence" => host::suffer_in_silence(&task),
        "write with threads" => write_with_threads(&task),
        "write and acknowledge" => write_and_acknowledge(&task),
        "write one inline" => write_inline(&task, Durability::Os),
        "write one durable" => write_inline(&task, Durability::Interval(Duration::from_hours(1))),
        "be off and alone" => composition::be_off_and_alone(),
        "be alone with a level" => levels::be_alone_with_a_level(&task),
        "follow consent in a scope" => composition::follow_consent_in_a_scope(&task),
        "record under a limit on file sizes" => file_limits::record_under_a_limit(&task),
        "record without file descriptors" => full_disk::record_without_file_descriptors(&task),
        "open and tell" => open_and_tell(&task),
        "open with debug output" => open_with_debug_output(&task),
        "open where variables say" => open_where_variables_say(),
        "open and tell the id" => open_and_tell_the_id(&task),
        "measure a command" => measured::measure_a_command(&task),
        "measure a command and a child's" => measured::measure_a_command_and_a_childs(&task),
        "measure a command that panics" => measured::measure_a_command_that_panics(&task),
        "measure a command across a choice" => measured::measure_a_command_across_a_choice(&task),
        "report at the start" => reports::report_at_the_start(&task),
        "report under do not track" => reports::report_under_do_not_track(&task),
        "report from a thread" => reports::report_from_a_thread(&task),
        "measure nothing" => measured::measure_nothing(),
        role => match role.strip_prefix("end ") {
            Some(how) => endings::end(how, &task),
            None => panic!("no child does {role:?}"),
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

/// Four threads write, each its own numbers, and wait for room when there is none.
fn write_with_threads(task: &ChildTask) {
    let telemetry = task.builder().overflow(Overflow::Block).try_open().unwrap();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in 0..task.count {
                    tracing::info!(pid = std::process::id(), thread, number, "one of many");
                }
            });
        }
    });
    let offered = 4 * task.count as u64;
    let status = telemetry.status();
    let counts = telemetry.close(Duration::from_mins(1));
    assert_eq!(
        (counts.recorded, counts.offered()),
        (offered, offered),
        "{counts:?} {:?}",
        status.trouble
    );
}

/// Writes for ever, and says on standard output up to which number everything is flushed.
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

/// Opens without demanding success, records, and prints what became of it.
fn open_and_tell(task: &ChildTask) {
    let telemetry = task.builder().open();
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..task.count {
            tracing::info!(number, text = "y".repeat(500), "told");
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

/// Opens without demanding success, asks for debug output, and records by hand.
fn open_with_debug_output(task: &ChildTask) {
    let telemetry = task
        .builder()
        .policy(Policy::new().property("host", Action::Mask))
        .debug_output(true)
        .open();
    let _outcome = telemetry.record(&Event::new("started").property("host", "raven"));
}

/// Opens in the directory that follows from the environment, and prints what became of it.
fn open_where_variables_say() {
    let telemetry = Telemetry::builder("testapp")
        .when_undecided(WhenUndecided::Record)
        .open();
    let status = telemetry.status();
    println!("recording {}", status.is_recording);
    println!("because {}", status.off_because.unwrap_or_default());
}

/// Prints the installation id.
fn open_and_tell_the_id(task: &ChildTask) {
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
