//! The bytes that opening telemetry allocates, counted in all threads until the worker waits.

use std::path::Path;
use std::time::Duration;

use localtel::Telemetry;
use localtel::consent::WhenUndecided;
use localtel::recording::Delivery;

use crate::Result;
use crate::allocator::total_bytes;
use crate::row::{Allowed, Row, Unit, kib};

/// Opens telemetry in a new directory and then in the same one again, with each delivery.
pub(crate) fn measure() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (delivery, name) in [
        (Delivery::Inline, "inline"),
        (Delivery::Background, "in the background"),
    ] {
        let home = tempfile::tempdir()?;
        for place in ["a new directory", "an existing one"] {
            rows.push(Row {
                what: format!("allocated by `open`, {name}, {place}"),
                allowed: Allowed::AtMost(KIB_MAX),
                counted: kib(opened_bytes(&home.path().join("telemetry"), delivery)?),
                unit: Unit::Kibibytes,
            });
        }
    }
    Ok(rows)
}

fn opened_bytes(path: &Path, delivery: Delivery) -> Result<usize> {
    let before = total_bytes();
    let telemetry = Telemetry::builder("bench")
        .dir(path)
        .when_undecided(WhenUndecided::Record)
        .delivery(delivery)
        .try_open()?;
    std::thread::sleep(WORKER_WAIT);
    let opened = total_bytes() - before;
    drop(telemetry);
    Ok(opened)
}

/// Limit of what `open` may allocate, in KiB.
const KIB_MAX: f64 = 128.0;

/// Long enough for the worker to start.
const WORKER_WAIT: Duration = Duration::from_millis(20);
