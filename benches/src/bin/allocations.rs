//! Does an event allocate?
//!
//! Counts the allocations of the thread that records, event by event in steady state, by what the policy does
//! with the values. It fails if an event allocates whose values are kept, dropped, or looked at for secrets
//! that are not there. Pseudonyms and masked secrets may: there a text is made.
#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::error::Error;
use std::process::ExitCode;

use localtel::{Admission, Policy, Telemetry, Treatment, WhenUndecided};
use tracing_subscriber::prelude::*;

/// The system's allocator, which counts for each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed on as it is; counting touches a cell that needs neither memory nor an end.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    let _is_alive = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

/// What is recorded, and whether it may allocate.
struct Case {
    name: &'static str,
    is_free: bool,
    event: fn(),
}

const CASES: [Case; 6] = [
    Case {
        name: "kept values",
        is_free: true,
        event: || tracing::info!(number = 871, text = "project-list", flag = true),
    },
    Case {
        name: "a message and an error without secrets",
        is_free: true,
        event: || {
            let error = "connection to db1 was lost: retrying";
            tracing::info!(error, tries = 3, "listed {} projects", 12);
        },
    },
    Case {
        name: "dropped and masked values",
        is_free: true,
        event: || tracing::info!(dropped = "x", masked = "y", "listed projects"),
    },
    Case {
        name: "an event that is shut out",
        is_free: true,
        event: || tracing::info!(target: "noisy", "listed projects"),
    },
    Case {
        name: "a message with a secret",
        is_free: false,
        event: || tracing::info!("login with password=hunter2"),
    },
    Case {
        name: "a pseudonym",
        is_free: false,
        event: || tracing::info!(user = "anna"),
    },
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let policy = Policy::new()
        .target("noisy", Admission::Drop)
        .property("dropped", Treatment::Drop)
        .property("masked", Treatment::Mask)
        .property("user", Treatment::Pseudonym);
    let telemetry = Telemetry::builder("bench")
        .dir(home.path().join("telemetry"))
        .when_undecided(WhenUndecided::Record)
        .policy(policy)
        .try_open()?;
    tracing_subscriber::registry()
        .with(telemetry.layer())
        .init();
    let _span = tracing::info_span!("request", id = 7, error = "none").entered();
    let mut is_as_promised = true;
    println!("| event | allocations per event |\n| --- | ---: |");
    for case in CASES {
        let per_event = measure(&telemetry, case.event)?;
        println!("| {} | {per_event:.3} |", case.name);
        is_as_promised &= !case.is_free || per_event < ALLOWED;
    }
    Ok(if is_as_promised {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns the allocations of an event once the thread and the buffers are warm.
fn measure(telemetry: &Telemetry, event: fn()) -> Result<f64, Box<dyn Error>> {
    let mut counted = 0;
    for round in 0..ROUNDS {
        let before = ALLOCATIONS.with(Cell::get);
        (0..BURST).for_each(|_| event());
        if round > 0 {
            counted += ALLOCATIONS.with(Cell::get) - before;
        }
        telemetry.flush()?;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(counted as f64 / f64::from((ROUNDS - 1) * BURST))
}

/// Each round is flushed, so that the buffers have their size after the first.
const ROUNDS: u32 = 20;
const BURST: u32 = 1000;

/// The buffer between threads grows now and then; one allocation in a hundred events is none per event.
const ALLOWED: f64 = 0.01;
