//! Child processes: this very binary, started again to do one thing in a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::recording::Overflow;
use localtel::{Limits, Telemetry};
use tracing_subscriber::prelude::*;

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
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(ARGUMENTS)
        .env(ROLE, role)
        .env(DIRECTORY, directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A child that writes so many events in each of four threads, in segments of so many bytes.
pub(crate) fn writer(directory: &Path, count: usize, segment_bytes: u64) -> Command {
    let mut command = command("write with threads", directory);
    command
        .env(COUNT, count.to_string())
        .env(SEGMENT, segment_bytes.to_string());
    command
}

/// Not a test: what a child does.
#[test]
#[ignore = "started by other tests"]
fn entry() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    match role.as_str() {
        "write with threads" => write_with_threads(),
        "measure what was parsed" => crate::command_line::measure_what_was_parsed(&open()),
        role => panic!("no child does {role:?}"),
    }
}

fn open() -> Telemetry {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let limits = Limits::default().total_bytes(1 << 30);
    let limits = match number(SEGMENT) {
        Some(bytes) => limits.segment_bytes(bytes),
        None => limits,
    };
    Telemetry::builder("testapp")
        .dir(std::env::var(DIRECTORY).unwrap())
        .when_undecided(WhenUndecided::Record)
        // What a busy machine has no time for is not what these tests are about.
        .overflow(Overflow::Block)
        .limits(limits)
        .try_open()
        .unwrap()
}

/// Four threads write, each its own numbers, and wait for room when there is none.
fn write_with_threads() {
    let count: u64 = std::env::var(COUNT).unwrap().parse().unwrap();
    let telemetry = open();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in 0..count {
                    tracing::info!(pid = std::process::id(), thread, number, "one of many");
                }
            });
        }
    });
    let counts = telemetry.close(Duration::from_mins(1));
    assert_eq!(counts.recorded, 4 * count, "{counts:?}");
}
