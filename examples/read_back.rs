//! Reads records through the library: with a filter, a summary, and damage.
//!
//! ```sh
//! cargo run --bin read_back -- [DIRECTORY]
//! ```
//!
//! Without a directory it first records some events into a new one.

use std::path::{Path, PathBuf};

use localtel::consent::WhenUndecided;
use localtel::read::{Filter, Reader, Summary};
use localtel::{Event, Level, Telemetry};

fn main() -> localtel::Result<()> {
    let place = tempfile::TempDir::new().ok();
    let directory = match (std::env::args_os().nth(1), &place) {
        (Some(directory), _) => PathBuf::from(directory),
        (None, Some(place)) => record_into(&place.path().join("telemetry"))?,
        (None, None) => PathBuf::from("telemetry"),
    };

    let summary = Summary::read(&directory)?;
    println!("{} records in {} bytes", summary.records, summary.bytes);

    let failures = Filter::new().term("result=ERROR".parse()?);
    let mut reader = Reader::open(&directory)?;
    for record in reader.records() {
        match record {
            Ok(record) if failures.matches(&record) => {
                println!("{}: {:?} {:?}", record.seq, record.event, record.message);
            }
            Ok(_) => {}
            Err(damage) => println!("{damage}"),
        }
    }
    Ok(())
}

fn record_into(directory: &Path) -> localtel::Result<PathBuf> {
    let telemetry = Telemetry::builder("read-back")
        .dir(directory)
        .when_undecided(WhenUndecided::Record)
        .try_open()?;
    for (name, result) in [("list", "SUCCESS"), ("show", "ERROR"), ("list", "SUCCESS")] {
        let level = if result == "ERROR" {
            Level::Error
        } else {
            Level::Info
        };
        let event = Event::new("command")
            .level(level)
            .message(format!("ran {name}"));
        let _outcome =
            telemetry.record(&event.property("command", name).property("result", result));
    }
    telemetry.flush()?;
    Ok(directory.to_owned())
}
