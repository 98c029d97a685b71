//! A time series database with a table of metadata, modelled on `TimescaleDB`: it averages series,
//! counts the results of its jobs, prints the report with these counts, and then records it.
//!
//! ```sh
//! cargo run --bin metadata_table                 # a demonstration in a temporary directory
//! METADATA_TABLE_TELEMETRY=on cargo run --bin metadata_table -- DIRECTORY
//! ```
//!
//! In the directory each `*.csv` is a table with lines `time,value`; `metadata.csv` has lines
//! `key,value,include`, and `settings.conf` lines `name = value`. A row of metadata is reported if
//! its `include` is `true`, unless the owner of the machine decides otherwise in `policy.toml`. The
//! names of tables and the values of settings are never reported.
//!
//! The setting `telemetry_level`, or `timescaledb.telemetry_level`, is `off`, `no_functions` (the
//! report does not list the functions used) or `basic`. With `basic`, telemetry is recorded until
//! it is disabled; without the setting, nothing is recorded until it is enabled.
//!
//! The demonstration records into a new temporary directory, so that it needs no stored consent,
//! and keeps the directory for inspection.
#![expect(
    clippy::disallowed_methods,
    reason = "reads and writes files; the lint is meant for the library"
)]

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, Outcome};
use localtel::report::{Deployment, Report};
use localtel::{Consent, Telemetry};
use uuid::Uuid;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("metadata_table: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let builder = Telemetry::builder("metadata_table")
        .version(env!("CARGO_PKG_VERSION"))
        .delivery(Delivery::Inline);
    let (builder, place) = if let Some(place) = std::env::args_os().nth(1) {
        (builder, PathBuf::from(place))
    } else {
        let place = demonstration()?;
        let builder = builder
            .dir(place.join("telemetry"))
            .when_undecided(WhenUndecided::Record);
        (builder, place.join("tables"))
    };
    let level = level_in(&place)?;
    let builder = match level {
        None => builder,
        Some(TelemetryLevel::Off) => builder.flag(Consent::Disabled),
        Some(TelemetryLevel::NoFunctions | TelemetryLevel::Basic) => {
            builder.when_undecided(WhenUndecided::Record)
        }
    };
    let telemetry = builder.deployment(deployment(&place)?).open();

    run_jobs(&place, &telemetry, level)?;

    // The report as it would be recorded. Printing it changes nothing and needs no consent.
    let report = telemetry.report();
    println!("{report}");
    let counters = |report: &Report| report.to_json().get("counters").cloned();
    assert_eq!(counters(&telemetry.report()), counters(&report));
    println!("printed twice; that counted, reset and recorded nothing");

    match telemetry.report_now() {
        Outcome::Recorded => {
            let directory = telemetry.directory().unwrap_or(&place);
            println!("it was recorded in {}", directory.display());
            if counters(&telemetry.report()).is_none() {
                println!("the counts of the next report begin at zero");
            }
        }
        Outcome::Dropped => {
            println!("it was not recorded: it could not be written to the directory");
        }
        Outcome::Refused => {
            let reason = telemetry.status().off_because;
            let reason = reason.unwrap_or_else(|| "a policy forbids it".to_owned());
            println!("it was not recorded: {reason}");
        }
    }
    Ok(())
}

/// The level of reports, with the words of `TimescaleDB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TelemetryLevel {
    Off,
    NoFunctions,
    Basic,
}

/// Reads the level from the settings, of which the last one applies.
fn level_in(place: &Path) -> Result<Option<TelemetryLevel>, Box<dyn Error>> {
    let mut level = None;
    for (name, value) in settings_in(place)? {
        if !["telemetry_level", "timescaledb.telemetry_level"].contains(&name.as_str()) {
            continue;
        }
        level = Some(match value.to_ascii_lowercase().as_str() {
            "off" => TelemetryLevel::Off,
            "no_functions" => TelemetryLevel::NoFunctions,
            "basic" => TelemetryLevel::Basic,
            _ => {
                let levels = "off, no_functions, basic";
                let message = format!("invalid {name} `{value}`: expected one of {levels}");
                return Err(message.into());
            }
        });
    }
    Ok(level)
}

/// Returns the names and values of the settings, without quotes and comments.
fn settings_in(place: &Path) -> io::Result<Vec<(String, String)>> {
    let text = text_of(&place.join("settings.conf"))?;
    let lines = text.lines().filter_map(|line| {
        let line = line.split_once('#').map_or(line, |(line, _comment)| line);
        let (name, value) = line.split_once('=')?;
        let value = value.trim().trim_matches('\'');
        Some((name.trim().to_owned(), value.to_owned()))
    });
    Ok(lines.collect())
}

/// Describes the installation: facts of the build, and the contents of the directory.
fn deployment(place: &Path) -> io::Result<Deployment> {
    let mut deployment = Deployment::new()
        .installer("source")
        .build("os", std::env::consts::OS)
        .build("os_version", BUILD_OS_VERSION)
        .component("csv", "RFC 4180")
        .extension("gzip", false)
        .extension("metadata", place.join("metadata.csv").exists())
        .data_path("tables", place);
    for line in text_of(&place.join("metadata.csv"))?.lines() {
        if let [key, value, include] = *line.split(',').collect::<Vec<_>>() {
            deployment = deployment.metadata(key, value, (include == "true").into());
        }
    }
    for (name, value) in settings_in(place)? {
        let known = DEFAULTS.iter().find(|(known, _)| *known == name);
        if let Some((name, default)) = known
            && value != *default
        {
            deployment = deployment.changed_setting(*name);
        }
    }
    let tables = tables_in(place)?.len().to_string();
    Ok(deployment.metadata("num_hypertables", tables, true.into()))
}

/// Averages each table and counts the results.
fn run_jobs(place: &Path, telemetry: &Telemetry, level: Option<TelemetryLevel>) -> io::Result<()> {
    let start = Instant::now();
    for table in tables_in(place)? {
        let name = table.file_stem().unwrap_or_default().to_string_lossy();
        let result = match average(&fs::read_to_string(&table)?) {
            Ok(average) => {
                println!("{name}: {average:.2} on average");
                if level != Some(TelemetryLevel::NoFunctions) {
                    telemetry
                        .counter("functions_used", [("function", "avg(double precision)")])
                        .add(1);
                }
                "success"
            }
            Err(failure) => {
                println!("{name}: {}", failure.text());
                let code = failure.sqlstate();
                telemetry.error_counter(code).add(1);
                telemetry
                    .counter("job_errors", [("job_type", JOB), ("sqlerrcode", code)])
                    .add(1);
                "failure"
            }
        };
        telemetry
            .counter("jobs", [("job_type", JOB), ("result", result)])
            .add(1);
    }
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    telemetry
        .counter("job_milliseconds", [("job_type", JOB)])
        .add(milliseconds.max(1));
    Ok(())
}

/// The reason why a table has no average.
#[derive(Debug, Clone, Copy)]
enum SettingFailure {
    NotANumber,
    Empty,
}

impl SettingFailure {
    /// Returns the error code of `PostgreSQL`.
    const fn sqlstate(self) -> &'static str {
        match self {
            Self::NotANumber => "22P02",
            Self::Empty => "22012",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::NotANumber => "a value is not a number",
            Self::Empty => "the table is empty",
        }
    }
}

fn average(text: &str) -> Result<f64, SettingFailure> {
    let (mut sum, mut count) = (0.0, 0.0);
    for line in text.lines() {
        let (_time, value) = line.split_once(',').unwrap_or_default();
        let value: f64 = value
            .trim()
            .parse()
            .map_err(|_| SettingFailure::NotANumber)?;
        sum += value;
        count += 1.0;
    }
    if count == 0.0 {
        return Err(SettingFailure::Empty);
    }
    Ok(sum / count)
}

fn tables_in(place: &Path) -> io::Result<Vec<PathBuf>> {
    let mut tables = Vec::new();
    let entries = fs::read_dir(place)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", place.display())))?;
    for entry in entries {
        let path = entry?.path();
        let is_csv = path.extension().is_some_and(|extension| extension == "csv");
        let is_metadata = path.file_name().is_some_and(|name| name == "metadata.csv");
        if is_csv && !is_metadata {
            tables.push(path);
        }
    }
    tables.sort();
    Ok(tables)
}

/// Reads a file; one that does not exist counts as empty.
fn text_of(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

/// Creates a directory with three tables, one of them empty and one with an invalid value.
fn demonstration() -> io::Result<PathBuf> {
    let place = tempfile::Builder::new()
        .prefix("localtel-metadata-")
        .tempdir()?
        .keep();
    let tables = place.join("tables");
    fs::create_dir(&tables)?;
    // The instance has an id of its own; copies of the data share the exported id.
    let metadata = format!(
        "uuid,{},true\nexported_uuid,{},true\ninstall_timestamp,2026-11-21T08:15:30Z,true\n\
         edition,community,true\nlast_tuned_time,2026-11-21T09:00:00Z,true\n\
         last_tuned_version,1.0.0,true\ncloud,ours,true\nteam,night-shift,false\n",
        Uuid::new_v4(),
        Uuid::new_v4()
    );
    for (name, text) in [
        ("metadata.csv", metadata.as_str()),
        ("settings.conf", "work_mem = 64MB\nmax_workers = 8\n"),
        ("boiler.csv", "08:00,61.5\n08:10,62\n08:20,63.1\n"),
        ("garden.csv", "08:00,4.5\n08:10,frozen\n"),
        ("cellar.csv", ""),
    ] {
        fs::write(tables.join(name), text)?;
    }
    Ok(place)
}

/// The settings and their defaults.
const DEFAULTS: [(&str, &str); 2] = [("work_mem", "4MB"), ("max_workers", "8")];

/// The only kind of job.
const JOB: &str = "policy_refresh_continuous_aggregate";

/// Set by the build.
const BUILD_OS_VERSION: &str = match option_env!("METADATA_TABLE_BUILD_OS_VERSION") {
    Some(version) => version,
    None => "unknown",
};
