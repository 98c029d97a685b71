//! A key-value store that counts the use of its features in windows, modelled on `TiDB`.
//!
//! ```sh
//! cargo run --bin feature_usage                  # a demonstration in a temporary directory
//! FEATURE_USAGE_TELEMETRY=on cargo run --bin feature_usage -- SCRIPT
//! ```
//!
//! A script has a command on each line: `set KEY VALUE`, `get KEY`, `plus KEY NUMBER`, `upper KEY`,
//! `begin`, `savepoint`, `back`, `commit`, `enable async_commit`, and `window`, which ends a
//! window: its counts become a report, and counting restarts at zero. A report is also recorded at
//! the start, hourly at first and daily later, as in `TimescaleDB`. Keys and values are never
//! recorded.
//!
//! The demonstration records into a new temporary directory, so that it needs no stored consent,
//! and keeps the directory for inspection.
#![expect(
    clippy::disallowed_methods,
    reason = "reads a script; the lint is meant for the library"
)]

use std::collections::BTreeMap;
use std::error::Error;

use localtel::Telemetry;
use localtel::consent::WhenUndecided;
use localtel::recording::Delivery;
use localtel::report::{Deployment, Reports};

fn main() -> Result<(), Box<dyn Error>> {
    let builder = Telemetry::builder("feature_usage")
        .version(env!("CARGO_PKG_VERSION"))
        .delivery(Delivery::Inline);
    let (builder, script) = if let Some(script) = std::env::args_os().nth(1) {
        (builder, std::fs::read_to_string(script)?)
    } else {
        let place = tempfile::Builder::new()
            .prefix("localtel-features-")
            .tempdir()?
            .keep();
        let builder = builder
            .dir(place.join("telemetry"))
            .when_undecided(WhenUndecided::Record);
        (builder, DEMONSTRATION.to_owned())
    };
    let committing = Committing::TwoPhases;
    let telemetry = builder
        // Opening records the first report, so its contents are set before.
        .deployment(committing.describe(Deployment::new()))
        .reports(Reports::HourlyThenDaily)
        .open();
    let mut store = RowStore {
        telemetry: &telemetry,
        values: BTreeMap::new(),
        transaction: None,
        committing,
        last_read: None,
    };
    for line in script.lines().filter(|line| !line.trim().is_empty()) {
        if let Err(message) = store.execute(line) {
            println!("{message}");
        }
    }
    // The remaining counts are the last window.
    let _outcome = telemetry.report_now();
    match (telemetry.status().off_because, telemetry.directory()) {
        (Some(reason), _) => println!("nothing was recorded: {reason}"),
        (None, Some(directory)) => println!("recorded in {}", directory.display()),
        (None, None) => {}
    }
    Ok(())
}

type StoredValues = BTreeMap<String, String>;

/// The uncommitted changes, and those at each savepoint.
#[derive(Debug, Default)]
struct Transaction {
    changes: StoredValues,
    savepoints: Vec<StoredValues>,
}

/// How transactions of several keys are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Committing {
    TwoPhases,
    Async,
}

impl Committing {
    /// Adds the features in use to a deployment.
    fn describe(self, deployment: Deployment) -> Deployment {
        deployment.extension("async_commit", self == Self::Async)
    }
}

/// The store, and the telemetry that counts its use.
struct RowStore<'t> {
    telemetry: &'t Telemetry,
    values: StoredValues,
    transaction: Option<Transaction>,
    committing: Committing,
    /// The key of the last read: a cache with one entry.
    last_read: Option<String>,
}

impl RowStore<'_> {
    fn execute(&mut self, line: &str) -> Result<(), &'static str> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words {
            ["window"] => {
                let _outcome = self.telemetry.report_now();
                return Ok(());
            }
            ["set", key, value] => self.set(key, value),
            ["get", key] => println!("{key} = {}", self.get(key)?),
            ["plus", key, number] => self.plus(key, number)?,
            ["upper", key] => {
                self.telemetry
                    .counter("builtin_functions", [("name", "upper")])
                    .add(1);
                let value = self.get(key)?.to_uppercase();
                self.set(key, &value);
            }
            ["begin"] => self.transaction = Some(Transaction::default()),
            ["savepoint"] => {
                let transaction = self.transaction.as_mut().ok_or(NO_TRANSACTION)?;
                transaction.savepoints.push(transaction.changes.clone());
                self.telemetry.counter("savepoints", []).add(1);
            }
            ["back"] => {
                let transaction = self.transaction.as_mut().ok_or(NO_TRANSACTION)?;
                transaction.changes = transaction.savepoints.pop().unwrap_or_default();
            }
            ["commit"] => {
                let transaction = self.transaction.take().ok_or(NO_TRANSACTION)?;
                self.commit(transaction.changes);
            }
            ["enable", "async_commit"] => {
                let committing = Committing::Async;
                self.committing = committing;
                self.telemetry
                    .update_deployment(|deployment| committing.describe(deployment));
            }
            _ => return Err("unknown command"),
        }
        self.telemetry.counter("executed", []).add(1);
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) {
        let (key, value) = (key.to_owned(), value.to_owned());
        match &mut self.transaction {
            Some(transaction) => drop(transaction.changes.insert(key, value)),
            None => self.commit(BTreeMap::from([(key, value)])),
        }
    }

    fn get(&mut self, key: &str) -> Result<String, &'static str> {
        let is_hit = self.last_read.as_deref() == Some(key);
        let cache = if is_hit { "hit" } else { "miss" };
        self.telemetry.counter("reads", [("cache", cache)]).add(1);
        self.last_read = Some(key.to_owned());
        let changed = self.transaction.as_ref();
        let changed = changed.and_then(|transaction| transaction.changes.get(key));
        let value = changed.or_else(|| self.values.get(key));
        value.cloned().ok_or("no such key")
    }

    fn plus(&mut self, key: &str, number: &str) -> Result<(), &'static str> {
        self.telemetry
            .counter("builtin_functions", [("name", "plus")])
            .add(1);
        let parse = |text: &str| text.parse::<i64>().map_err(|_| "not a number");
        let (left, right) = (parse(&self.get(key)?)?, parse(number)?);
        self.set(key, &left.saturating_add(right).to_string());
        Ok(())
    }

    /// Commits changes; the kind of commit depends on their number.
    fn commit(&mut self, changes: StoredValues) {
        let kind = match (changes.len(), self.committing) {
            (0 | 1, _) => "one_phase",
            (_, Committing::TwoPhases) => "two_phases",
            (_, Committing::Async) => "async",
        };
        self.telemetry.counter("commits", [("kind", kind)]).add(1);
        self.values.extend(changes);
    }
}

const NO_TRANSACTION: &str = "no transaction is open";

/// A script with two windows.
const DEMONSTRATION: &str = "
set apples 3
begin
set pears 4
savepoint
set plums 5
back
set cherries 6
commit
plus apples 4
get apples
window
enable async_commit
begin
set apples 1
set pears 2
commit
get pears
get pears
";
