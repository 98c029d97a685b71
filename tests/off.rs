//! What is left of telemetry where a packager has left it out, with the feature `off`: a handle that does
//! nothing. It has one process for itself, since everything else would record.
#![expect(
    clippy::disallowed_methods,
    reason = "tests look at the disk from outside"
)]

use localtel::consent::WhenUndecided;
use localtel::recording::Outcome;
use localtel::{Consent, Event, Telemetry};
use tempfile::TempDir;
use tracing_subscriber::prelude::*;

const LEFT_OUT: &str = "telemetry was left out when this was built";

#[test]
fn nothing_is_recorded_whatever_anybody_consents_to() {
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

/// The names of the threads of this process, where the system tells them.
fn threads() -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).collect()
}
