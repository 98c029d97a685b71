//! Several threads record through one layer, in the background.
//!
//! ```sh
//! cargo run --bin threads -- [THREADS [EVENTS]]
//! ```
//!
//! Each thread processes a queue of jobs in a span of its own, which is recorded with its duration
//! when it closes. No thread waits for the disk. With `Overflow::Block` a thread waits while the
//! buffer is full, so that no event is dropped.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use localtel::Telemetry;
use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, Overflow, Spans};
use tracing_subscriber::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let threads: u64 = arguments.next().as_deref().unwrap_or("4").parse()?;
    let events: u64 = arguments.next().as_deref().unwrap_or("10000").parse()?;
    let place = tempfile::Builder::new()
        .prefix("localtel-threads-")
        .tempdir()?
        .keep();
    let directory = place.join("telemetry");

    let telemetry = Telemetry::builder("threads")
        .dir(&directory)
        .when_undecided(WhenUndecided::Record)
        .delivery(Delivery::Background)
        .overflow(Overflow::Block)
        .spans(Spans::Closed {
            at_least: Duration::ZERO,
        })
        .open();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();

    let start = Instant::now();
    thread::scope(|scope| {
        for number in 0..threads {
            let name = format!("worker-{number}");
            let work = move || process_jobs(number, events);
            thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, work)?;
        }
        Ok::<(), std::io::Error>(())
    })?;
    let elapsed = start.elapsed();

    let counts = telemetry.close(Duration::from_secs(30));
    println!(
        "{threads} threads offered {} events in {elapsed:.1?}:",
        counts.offered()
    );
    println!(
        "{} recorded, {} dropped, {} failed.",
        counts.recorded, counts.dropped, counts.failed
    );
    println!("They are stored in {}", directory.display());
    Ok(())
}

fn process_jobs(worker: u64, events: u64) {
    let _worker = tracing::info_span!("worker", number = worker).entered();
    for job in 0..events {
        if job % 1000 == 999 {
            tracing::warn!(name: "job.retried", job, attempts = 2_u64, "took two attempts");
        } else {
            tracing::info!(name: "job.done", job, result = "SUCCESS");
        }
    }
}
