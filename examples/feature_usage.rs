//! A store of keys and values that counts which of its features are used, in windows, after `TiDB`.
//!
//! ```sh
//! cargo run --bin feature_usage                  # a demonstration in a temporary directory
//! FEATURE_USAGE_TELEMETRY=on cargo run --bin feature_usage -- SCRIPT
//! ```
//!
//! A script has a command on each line: `set KEY VALUE`, `get KEY`, `plus KEY NUMBER`, `upper KEY`, `begin`,
//! `savepoint`, `back`, `commit`, `enable async_commit`, and `window`, which ends a window: what was counted in it
//! becomes a report, and the next one begins at nothing. Besides, there is a report at the start, hourly at first and daily
//! later, as from `TimescaleDB`. Neither keys nor values are ever counted.
//!
//! The demonstration records into a fresh directory of its own, so that it needs nobody's consent but that
//! of the person who ran it, and leaves it there to be looked at.
#![expect(
    clippy::disallowed_methods,
    reason = "reads a script, as any program does; its functions are its own"
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
        // Opening makes the first report, so what it is to hold is said before.
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
        if let Err(complaint) = store.execute(line) {
            println!("{complaint}");
        }
    }
    // What is left is the last window.
    let _outcome = telemetry.report_now();
    match (telemetry.status().off_because, telemetry.directory()) {
        (Some(reason), _) => println!("nothing was recorded: {reason}"),
        (None, Some(directory)) => println!("recorded in {}", directory.display()),
        (None, None) => {}
    }
    Ok(())
}

type StoredValues = BTreeMap<String, String>;

/// What is set and not yet committed, and what was when it was marked.
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
    /// Says which features are in use.
    fn describe(self, deployment: Deployment) -> Deployment {
        deployment.extension("async_commit", self == Self::Async)
    }
}

/// The store, and where it counts what it is used for.
struct RowStore<'t> {
    telemetry: &'t Telemetry,
    values: StoredValues,
    transaction: Option<Transaction>,
    committing: Committing,
    /// The key that was read last: a cache of one.
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
            _ => return Err("that is no command"),
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
        value.cloned().ok_or("there is no such key")
    }

    fn plus(&mut self, key: &str, number: &str) -> Result<(), &'static str> {
        self.telemetry
            .counter("builtin_functions", [("name", "plus")])
            .add(1);
        let parse = |text: &str| text.parse::<i64>().map_err(|_| "that is no number");
        let (left, right) = (parse(&self.get(key)?)?, parse(number)?);
        self.set(key, &left.saturating_add(right).to_string());
        Ok(())
    }

    /// Takes changes over; how depends on how many there are.
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

const NO_TRANSACTION: &str = "there is no transaction";

/// Two windows.
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
