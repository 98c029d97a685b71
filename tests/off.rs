//! Telemetry that a packager has compiled out with the feature `off`: a handle that does nothing.
//! This test has a process of its own, since all other tests record.
#![expect(clippy::disallowed_methods, reason = "tests access files directly")]

use localtel::consent::WhenUndecided;
use localtel::recording::Outcome;
use localtel::{Consent, Event, Telemetry};
use tempfile::TempDir;
use tracing_subscriber::prelude::*;

const LEFT_OUT: &str = "telemetry was left out when this was built";

#[test]
fn nothing_is_recorded_even_with_consent() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("telemetry");
    let telemetry = Telemetry::builder("myapp")
        .dir(&directory)
        .when_undecided(WhenUndecided::Record)
        .flag(Consent::Enabled)
        .try_open()
        .unwrap();

    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        assert!(!tracing::enabled!(tracing::Level::ERROR));
        tracing::info!(name: "command", result = "SUCCESS");
    });
    assert_eq!(telemetry.record(&Event::new("backup")), Outcome::Refused);
    telemetry.flush().unwrap();

    let status = telemetry.status();
    assert!(!status.is_recording);
    assert_eq!(status.off_because.as_deref(), Some(LEFT_OUT));
    assert_eq!(status.counts.recorded, 0);
    assert!(
        !threads().iter().any(|name| name.starts_with("localtel")),
        "{:?}",
        threads()
    );
    drop(telemetry);
    assert!(!directory.exists());
}

/// Returns the names of the threads of this process; empty where the system does not list them.
fn threads() -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).collect()
}
