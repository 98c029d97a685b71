//! Whether an event allocates on the thread that records it, in steady state, by its shape and by
//! the actions of the policy. Hashes and masked secrets may: they create a text.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::policy::Action;
use localtel::recording::Spans;
use localtel::{Policy, Telemetry};
use tracing_subscriber::prelude::*;

use crate::Result;
use crate::allocator::allocations_here;
use crate::row::{Allowed, Row, Unit};

macro_rules! four {
    ($($text:tt)*) => { concat!($($text)*, $($text)*, $($text)*, $($text)*) };
}

/// 64 × 16 bytes, of which 4 each are escaped.
const ESCAPED: &str = four!(four!(four!("say \"hi\"\tto\\all ")));

/// An event, and the number of allocations that it may make.
struct Case {
    name: &'static str,
    allowed: Allowed,
    event: fn(),
}

const CASES: [Case; 10] = [
    Case {
        name: "an event with six values, in two spans",
        allowed: NOTHING,
        event: || {
            tracing::info!(
                command = "project-list",
                result = "SUCCESS",
                duration = 871,
                ratio = 0.25,
                cached = true,
                "listed projects"
            );
        },
    },
    Case {
        name: "spans that open and close with an event in them",
        // The registry stores the extensions of a span, with its rendered text.
        allowed: Allowed::Anything,
        event: || {
            let _request = tracing::info_span!("inner", id = 7, user_name = "eve").entered();
            tracing::info!("listed projects");
        },
    },
    Case {
        name: "12 fields",
        allowed: NOTHING,
        event: || {
            tracing::info!(
                command = "project-list",
                result = "SUCCESS",
                duration = 871,
                ratio = 0.25,
                cached = true,
                rows = 12,
                table = "projects",
                shard = 3,
                retries = 0,
                host = "db1",
                bytes = 65_536,
                "listed projects"
            );
        },
    },
    Case {
        name: "1 KiB of text that needs escaping",
        allowed: NOTHING,
        event: || tracing::info!(text = ESCAPED, "listed projects"),
    },
    Case {
        name: "`Debug` and `Display` values",
        allowed: NOTHING,
        event: || {
            let query = Query::EXAMPLE;
            tracing::info!(debug = ?query, display = %query, "listed projects");
        },
    },
    Case {
        name: "a message and an error without secrets",
        allowed: NOTHING,
        event: || {
            let error = "connection to db1 was lost: retrying";
            tracing::info!(error, tries = 3, "listed {} projects", 12);
        },
    },
    Case {
        name: "dropped and masked values",
        allowed: NOTHING,
        event: || tracing::info!(dropped = "x", masked = "y", "listed projects"),
    },
    Case {
        name: "an event that is filtered out",
        allowed: NOTHING,
        event: || tracing::info!(target: "noisy", "listed projects"),
    },
    Case {
        name: "a message with a secret",
        allowed: Allowed::Anything,
        event: || tracing::info!("login with password=hunter2"),
    },
    Case {
        name: "a hash",
        allowed: Allowed::Anything,
        event: || tracing::info!(user = "anna"),
    },
];

/// A value that is formatted while it is recorded.
#[derive(Debug)]
struct Query {
    #[expect(dead_code, reason = "shown by `Debug`")]
    table: &'static str,
    rows: [u32; 3],
}

impl Query {
    const EXAMPLE: Self = Self {
        table: "projects",
        rows: [1, 2, 3],
    };
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of \"projects\"", self.rows.len())
    }
}

/// Records each case in steady state.
pub(crate) fn measure() -> Result<Vec<Row>> {
    let home = tempfile::tempdir()?;
    let policy = Policy::new()
        .deny_target("noisy")
        .property("dropped", Action::Drop)
        .property("masked", Action::Mask)
        .property("user", Action::Hash);
    let telemetry = Telemetry::builder("bench")
        .dir(home.path().join("telemetry"))
        .when_undecided(WhenUndecided::Record)
        .policy(policy)
        .try_open()?;
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();
    let _request = tracing::info_span!("request", id = 7, error = "none").entered();
    let _query = tracing::info_span!("query", table = "projects").entered();
    let row = |case: Case| {
        Ok(Row {
            what: format!("an event allocates: {}", case.name),
            allowed: case.allowed,
            counted: per_event(&telemetry, case.event)?,
            unit: Unit::Allocations,
        })
    };
    let mut rows = CASES.into_iter().map(row).collect::<Result<Vec<Row>>>()?;
    rows.push(closed_span(home.path())?);
    Ok(rows)
}

/// Counts what a span that is recorded when it closes allocates beyond one that is not.
fn closed_span(home: &Path) -> Result<Row> {
    let per_span = |name: &str, spans: Spans| {
        let telemetry = Telemetry::builder("bench")
            .dir(home.join(name))
            .when_undecided(WhenUndecided::Record)
            .spans(spans)
            .try_open()?;
        let layer = telemetry.layer().with_filter(telemetry.filter());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let _request = tracing::info_span!("request", id = 7).entered();
            per_event(&telemetry, || {
                let _query = tracing::info_span!("query", table = "projects").entered();
            })
        })
    };
    let at_least = Duration::ZERO;
    let recorded = per_span("closed", Spans::Closed { at_least })?;
    Ok(Row {
        what: "an event allocates: a closed span, beyond one that is not recorded".to_owned(),
        allowed: NOTHING,
        counted: recorded - per_span("in-events", Spans::InEvents)?,
        unit: Unit::Allocations,
    })
}

/// Returns the number of allocations per event once the thread and the buffers are warm.
fn per_event(telemetry: &Telemetry, event: fn()) -> Result<f64> {
    let mut counted = 0;
    for round in 0..ROUNDS {
        let before = allocations_here();
        (0..BURST).for_each(|_| event());
        if round > 0 {
            counted += allocations_here() - before;
        }
        telemetry.flush()?;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(counted as f64 / f64::from((ROUNDS - 1) * BURST))
}

/// Each round is flushed, so that the buffers reach their size in the first.
const ROUNDS: u32 = 20;
const BURST: u32 = 1000;

/// The buffer between threads grows at times: one allocation in a hundred events counts as none.
const NOTHING: Allowed = Allowed::AtMost(0.01);
