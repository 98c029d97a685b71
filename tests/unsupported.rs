//! Telemetry on an unsupported platform: a handle that does nothing and returns the reason. A build
//! with `--cfg localtel_unsupported` takes the same path.
#![cfg(any(not(unix), localtel_unsupported))]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use localtel::consent::WhenUndecided;
use localtel::read::Reader;
use localtel::recording::Outcome;
use localtel::{Consent, Event, Telemetry};
use tempfile::TempDir;
use tracing_subscriber::prelude::*;

#[test]
fn telemetry_is_off_with_the_reason() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("telemetry");
    let telemetry = Telemetry::builder("myapp")
        .dir(&directory)
        .when_undecided(WhenUndecided::Record)
        .flag(Consent::Enabled)
        .try_open()
        .unwrap();
    let layer = telemetry.layer().with_filter(telemetry.filter());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        assert!(!tracing::enabled!(tracing::Level::ERROR));
        tracing::info!(name: "command", result = "SUCCESS");
    });
    assert_eq!(telemetry.record(&Event::new("backup")), Outcome::Refused);
    telemetry.command("x").success();
    telemetry.flush().unwrap();
    let status = telemetry.status();
    assert!(!status.is_recording);
    assert_eq!(
        status.off_because.as_deref(),
        Some("this platform is not supported")
    );
    assert_eq!(status.counts.recorded, 0);
    drop(telemetry);
    assert!(!directory.exists());
}

#[test]
fn reading_fails_with_the_reason() {
    let home = TempDir::new().unwrap();
    let error = Reader::open(home.path()).unwrap_err();
    let mut message = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        message = format!("{message}: {error}");
        source = error.source();
    }
    assert!(
        message.contains("this platform is not supported"),
        "{message}"
    );
}
