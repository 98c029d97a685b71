//! How much is allocated at most, while nobody can write and the buffer fills up. Allocated is more than
//! resident: a buffer that grows doubles, and what it has not been filled with takes no memory.

use std::fs::File;
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::{Limits, Telemetry};
use tracing_subscriber::prelude::*;

use crate::Result;
use crate::allocator::{live_bytes, peak_bytes};
use crate::row::{Allowed, Row, Unit, kib};

/// Fills buffers up, the smaller one first: a peak stays.
pub(crate) fn measure() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for limit_kib in [1024, 8 * 1024] {
        let before = live_bytes();
        fill(limit_kib * 1024)?;
        rows.push(Row {
            what: format!(
                "allocated at most, lock held until events are dropped, limit {limit_kib} KiB"
            ),
            allowed: Allowed::Anything,
            counted: kib(peak_bytes() - before),
            unit: Unit::Kibibytes,
        });
    }
    Ok(rows)
}

#[expect(clippy::disallowed_methods, reason = "somebody else holds the lock")]
fn fill(buffer_bytes: usize) -> Result<()> {
    let home = tempfile::tempdir()?;
    let path = home.path().join("telemetry");
    let telemetry = Telemetry::builder("bench")
        .dir(&path)
        .when_undecided(WhenUndecided::Record)
        .limits(Limits::default().buffer_bytes(buffer_bytes))
        .try_open()?;
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(number = 871, text = "project-list", "listed projects");
        telemetry.flush()?;
        let lock = File::open(path.join("lock"))?;
        lock.lock()?;
        // The worker takes over what waits whenever it tries: then there may be room once more.
        for _ in 0..FILLINGS {
            let dropped = telemetry.status().counts.dropped;
            while telemetry.status().counts.dropped == dropped {
                for _ in 0..100 {
                    tracing::info!(number = 871, text = "project-list", "listed projects");
                }
            }
            std::thread::sleep(TRY_WAIT);
        }
        Ok(())
    })
}

/// How often the buffer is filled up, and how long between: longer than the worker takes from one try to the
/// next, 100 ms of trying and 100 ms of pause.
const FILLINGS: usize = 3;
const TRY_WAIT: Duration = Duration::from_millis(250);
