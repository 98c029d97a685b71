//! The workload: an event with a message, two short strings, an integer, a float and a boolean, in
//! two open spans with three fields, recorded one after the other or in bursts.

use std::path::Path;
use std::time::{Duration, Instant};

use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, Overflow};
use localtel::{Limits, Telemetry};
use tracing_subscriber::prelude::*;

use super::sites::Sites;
use crate::Result;
use crate::series::Series;

/// Opens telemetry that records all events; callers wait if the buffer is full.
pub(super) fn open(directory: &Path, delivery: Delivery, limits: Limits) -> Result<Telemetry> {
    let telemetry = Telemetry::builder("bench")
        .dir(directory)
        .when_undecided(WhenUndecided::Record)
        .delivery(delivery)
        .overflow(Overflow::Block)
        .limits(limits)
        .try_open()?;
    Ok(telemetry)
}

/// Installs the layer as the global subscriber.
pub(super) fn install(telemetry: &Telemetry) {
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
}

/// Runs a function in the two spans.
pub(super) fn in_spans<T>(body: impl FnOnce() -> T) -> T {
    let _request = tracing::info_span!("request", id = 7_u64, user = "eve").entered();
    let _query = tracing::info_span!("query", table = "projects").entered();
    body()
}

/// Records events one after the other.
pub(super) fn emit(events: u64) {
    for duration in 0..events {
        tracing::info!(
            command = "project-list",
            result = "SUCCESS",
            duration,
            ratio = 0.25,
            cached = true,
            "listed projects"
        );
    }
}

/// Records bursts of events with pauses, in which the worker empties the buffer, and returns the
/// nanoseconds per event in the median burst.
pub(super) fn bursts(sites: &mut Sites, count: usize) -> f64 {
    let mut nanos = Series::default();
    for _ in 0..count {
        std::thread::sleep(PAUSE);
        let start = Instant::now();
        for _ in 0..BURST_EVENTS {
            sites.emit();
        }
        nanos.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(BURST_EVENTS));
    }
    nanos.median()
}

/// Returns an error if an event was not recorded, since its time would mean nothing.
pub(super) fn check_complete(telemetry: &Telemetry) -> Result<()> {
    let counts = telemetry.status().counts;
    if counts.recorded == counts.offered() {
        Ok(())
    } else {
        Err(format!("not every event was recorded: {counts:?}").into())
    }
}

/// Number of events in a burst, as of one request. The worker writes them within the pause.
const BURST_EVENTS: u32 = 64;

/// The pause between two bursts.
const PAUSE: Duration = Duration::from_millis(2);
