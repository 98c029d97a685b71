//! Whether counting allocates: on a stored handle, and with telemetry off, which includes creating
//! the handle.

use localtel::Telemetry;
use localtel::consent::WhenUndecided;

use crate::Result;
use crate::allocator::allocations_here;
use crate::row::{Allowed, Row, Unit};

/// Counts with telemetry on and off.
pub(crate) fn measure() -> Result<Vec<Row>> {
    let home = tempfile::tempdir()?;
    let opened = |when_undecided| {
        Telemetry::builder("bench")
            .dir(home.path().join("telemetry"))
            .when_undecided(when_undecided)
            .open()
    };
    let off = opened(WhenUndecided::Refuse);
    let on = opened(WhenUndecided::Record);
    on.require()?;
    let kept = on.counter("queries", [("command", "find")]);
    Ok(vec![
        row("on a handle", || kept.add(1)),
        row("with telemetry off", || {
            off.counter("queries", [("command", "find")]).add(1);
        }),
    ])
}

fn row(what: &str, count: impl Fn()) -> Row {
    let before = allocations_here();
    (0..COUNTS).for_each(|_| count());
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let counted = (allocations_here() - before) as f64 / f64::from(COUNTS);
    Row {
        what: format!("counting allocates: {what}"),
        allowed: Allowed::AtMost(0.0),
        counted,
        unit: Unit::Allocations,
    }
}

const COUNTS: u32 = 1000;
