//! Starts the test binary again as a child process, and reads its task there. The tests of the
//! library and of the command share this; the tasks themselves are in `child`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::recording::Overflow;
use localtel::{Builder, Limits, Telemetry};
use tracing_subscriber::prelude::*;

const ROLE: &str = "LOCALTEL_TEST_CHILD";
const DIRECTORY: &str = "LOCALTEL_TEST_DIRECTORY";
const COUNT: &str = "LOCALTEL_TEST_COUNT";
const SEGMENT: &str = "LOCALTEL_TEST_SEGMENT";

/// The arguments that run this binary as a child.
const ARGUMENTS: [&str; 5] = [
    "--ignored",
    "--exact",
    "child::entry",
    "--nocapture",
    "--test-threads=1",
];

/// Returns the command of a child with a role, in a telemetry directory.
pub(crate) fn command(role: &str, directory: &Path) -> Command {
    command_in(role, directory, &[])
}

/// Returns the command of a child that another program such as `prlimit` starts.
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

/// Returns the command of a child that writes `count` events, in segments of `segment_bytes`.
pub(crate) fn writer(role: &str, directory: &Path, count: usize, segment_bytes: u64) -> Command {
    let mut command = command(role, directory);
    command
        .env(COUNT, count.to_string())
        .env(SEGMENT, segment_bytes.to_string());
    command
}

/// The task of a child process.
pub(crate) struct ChildTask {
    pub(crate) directory: String,
    pub(crate) count: usize,
    segment_bytes: u64,
}

impl ChildTask {
    /// Returns the role and the task of this process, or `None` if it is not a child.
    pub(crate) fn of_process() -> Option<(String, Self)> {
        let role = std::env::var(ROLE).ok()?;
        let directory = std::env::var(DIRECTORY).unwrap();
        let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
        let task = Self {
            directory,
            count: number(COUNT).map_or(1, |count: u64| usize::try_from(count).unwrap()),
            segment_bytes: number(SEGMENT).unwrap_or(Limits::default().segment_bytes_max),
        };
        Some((role, task))
    }

    /// Waits for the file `go` beside the directory, so that many processes start at once.
    pub(crate) fn wait_for_go(&self) {
        let go = Path::new(&self.directory).with_file_name("go");
        while !go.exists() {
            std::thread::yield_now();
        }
    }

    pub(crate) fn builder(&self) -> Builder {
        let limits = Limits {
            segment_bytes_max: self.segment_bytes,
            total_bytes_max: 1 << 30,
            ..Limits::default()
        };
        Telemetry::builder("testapp")
            .dir(&self.directory)
            .when_undecided(WhenUndecided::Record)
            // These tests are not about events that a busy machine drops.
            .overflow(Overflow::Block)
            .limits(limits)
    }
}

/// Writes with four threads, each with its own numbers, which wait for room in the buffer.
pub(crate) fn write_with_threads(task: &ChildTask) {
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
