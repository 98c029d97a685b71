//! The peak of allocated bytes while nothing can be written and the buffer fills up. More is
//! allocated than resident: a buffer doubles when it grows, and its unused part takes no memory.

use std::fs::File;
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::{Limits, Telemetry};
use tracing_subscriber::prelude::*;

use crate::Result;
use crate::allocator::{live_bytes, peak_bytes};
use crate::row::{Allowed, Row, Unit, kib};

/// Fills buffers, the smaller one first, because the peak is never reset.
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

#[expect(
    clippy::disallowed_methods,
    reason = "holds the lock as another process does"
)]
fn fill(buffer_bytes: usize) -> Result<()> {
    let home = tempfile::tempdir()?;
    let path = home.path().join("telemetry");
    let telemetry = Telemetry::builder("bench")
        .dir(&path)
        .when_undecided(WhenUndecided::Record)
        .limits(Limits {
            buffer_bytes_max: buffer_bytes,
            ..Limits::default()
        })
        .try_open()?;
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(number = 871, text = "project-list", "listed projects");
        telemetry.flush()?;
        let lock = File::open(path.join("lock"))?;
        lock.lock()?;
        // The worker takes the waiting events at each attempt to write, so there may be room again.
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

/// Number of times that the buffer is filled, and the time between them: longer than the worker
/// takes from one attempt to the next, which is 100 ms of waiting for the lock and 100 ms of pause.
const FILLINGS: usize = 3;
const TRY_WAIT: Duration = Duration::from_millis(250);
