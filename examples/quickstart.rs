//! Counts files, lines and bytes per file type below a directory, and records the results.
//!
//! ```sh
//! cargo run --bin quickstart -- [DIRECTORY]
//! ```
//!
//! It records into a new temporary directory, so that it needs no stored consent, and keeps the
//! directory for inspection. Hidden files and caches are skipped.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the files that it counts; the lint is meant for the library"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use localtel::consent::WhenUndecided;
use localtel::{Level, Telemetry};
use tracing_subscriber::prelude::*;

/// The totals of one file type.
#[derive(Debug, Default, Clone, Copy)]
struct LineTally {
    files: u64,
    lines: u64,
    bytes: u64,
    failures: u64,
}

type Tallies = BTreeMap<String, LineTally>;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| ".".into()));
    let place = tempfile::Builder::new()
        .prefix("localtel-quickstart-")
        .tempdir()?
        .keep();
    let directory = place.join("telemetry");

    let telemetry = Telemetry::builder("quickstart")
        .version(env!("CARGO_PKG_VERSION"))
        .dir(&directory)
        .when_undecided(WhenUndecided::Record)
        .level(Level::Debug)
        .open();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();

    let tallies = scan(&root);
    print_table(&tallies);

    if let Some(reason) = telemetry.status().off_because {
        println!("\nNothing was recorded: {reason}.");
        return Ok(());
    }
    let counts = telemetry.close(Duration::from_secs(5));
    println!("\nOutput of `localtel show --level info`:\n");
    show(&directory);
    print_next_steps(&directory, counts.recorded);
    println!("and remove them with\n    rm -r {}", place.display());
    Ok(())
}

/// Counts everything below a directory.
fn scan(root: &Path) -> Tallies {
    let _scan = tracing::info_span!("scan", root = %root.display()).entered();
    tracing::info!(name: "scan.started", "counting lines");
    let start = Instant::now();
    let mut tallies = Tallies::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        match visible_entries(&directory) {
            Ok(paths) => {
                for path in paths {
                    if is_own_directory(&path) {
                        waiting.push(path);
                    } else {
                        count(&path, tallies.entry(type_of(&path)).or_default());
                    }
                }
            }
            Err(error) => tracing::warn!(
                name: "directory.failed",
                error = &error as &dyn Error,
                path = %directory.display(),
                "could not list a directory"
            ),
        }
    }
    for (kind, tally) in heaviest(&tallies) {
        let LineTally {
            files,
            lines,
            bytes,
            failures,
        } = tally;
        tracing::info!(name: "type.counted", kind, files, lines, bytes, failures);
    }
    let duration = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let failures: u64 = tallies.values().map(|tally| tally.failures).sum();
    let result = if failures == 0 { "SUCCESS" } else { "PARTIAL" };
    tracing::info!(name: "scan.finished", types = tallies.len(), failures, duration, result);
    tallies
}

/// Counts one file. An error is counted as a failure of that file and does not end the program.
fn count(path: &Path, tally: &mut LineTally) {
    let _file = tracing::info_span!("file", path = %path.display()).entered();
    match lines_and_bytes(path) {
        Ok((lines, bytes)) => {
            tracing::debug!(name: "file.counted", lines, bytes);
            tally.files += 1;
            tally.lines += lines;
            tally.bytes += bytes;
        }
        Err(error) => {
            let error: &dyn Error = &error;
            tracing::warn!(name: "file.failed", error, "could not count the lines of a file");
            tally.failures += 1;
        }
    }
}

/// Returns the number of lines and bytes of a text file.
fn lines_and_bytes(path: &Path) -> io::Result<(u64, u64)> {
    // Reading a pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(not_text("not a regular file".to_owned()));
    }
    let mut reader = BufReader::new(File::open(path)?);
    let (mut line, mut lines, mut bytes) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok((lines, bytes));
        }
        // No multi-byte character of UTF-8 contains a newline, so lines can be checked one by one.
        std::str::from_utf8(&line)
            .map_err(|error| not_text(format!("line {}: {error}", lines + 1)))?;
        lines += 1;
        bytes += length as u64;
    }
}

fn not_text(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Lists a directory without hidden entries. A directory with a `CACHEDIR.TAG` counts as empty.
fn visible_entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    if directory.join("CACHEDIR.TAG").exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns `true` if a path is a directory and not a link to one, which may lead to a cycle.
fn is_own_directory(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_dir())
}

fn type_of(path: &Path) -> String {
    path.extension().map_or_else(
        || "(none)".to_owned(),
        |extension| extension.to_string_lossy().to_lowercase(),
    )
}

/// Returns the types with the most lines.
fn heaviest(tallies: &Tallies) -> Vec<(&str, LineTally)> {
    let mut types: Vec<_> = tallies
        .iter()
        .map(|(kind, tally)| (kind.as_str(), *tally))
        .collect();
    types.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.lines));
    types.truncate(TYPES_SHOWN);
    types
}

fn print_table(tallies: &Tallies) {
    println!(
        "{:<12} {:>8} {:>10} {:>12} {:>8}",
        "type", "files", "lines", "bytes", "failures"
    );
    for (kind, tally) in heaviest(tallies) {
        println!(
            "{:<12} {:>8} {:>10} {:>12} {:>8}",
            kind.escape_debug().to_string(),
            tally.files,
            tally.lines,
            tally.bytes,
            tally.failures
        );
    }
}

/// Runs `localtel --dir DIRECTORY show --level info`.
fn show(directory: &Path) {
    let mut words = ["localtel", "--dir"].map(OsString::from).to_vec();
    words.push(directory.into());
    words.extend(["show", "--level", "info", "--no-pager"].map(OsString::from));
    localtel_cli::run(words);
}

fn print_next_steps(directory: &Path, recorded: u64) {
    let path = directory.display();
    println!("\n{recorded} events are recorded in {path}, and nowhere else. Show them with");
    println!("    cargo run -- --dir {path} show");
    println!("    jq . {path}/events.jsonl");
}

/// Number of types that fit on a screen with the rest of the output.
const TYPES_SHOWN: usize = 10;
