//! The outcomes of one setting as a table.

use super::bout::{Outcome, Setting};
use super::contender::{Contender, Role};
use crate::results::{Table, number};
use crate::series::Series;

/// Returns the table of a setting, with a row for each contender.
pub(super) fn of(setting: Setting, outcomes: &[Outcome]) -> Table {
    let own = outcomes
        .iter()
        .find(|outcome| outcome.contender == Contender::Localtel);
    let own_mean = own.map_or(f64::NAN, |outcome| outcome.mean.median());
    let threads = match setting.threads {
        1 => "1 thread".to_owned(),
        several => format!("{several} threads"),
    };
    let (work, pace) = (setting.work.title(), setting.pace.title());
    Table {
        title: format!("Writing {work}, {pace}, {threads}"),
        columns: COLUMNS.map(str::to_owned).to_vec(),
        rows: outcomes
            .iter()
            .map(|outcome| row(outcome, own_mean))
            .collect(),
    }
}

fn row(outcome: &Outcome, own_mean: f64) -> Vec<String> {
    let mut row = vec![
        outcome.contender.title().to_owned(),
        median(&outcome.mean),
        format!(
            "{} to {}",
            number(outcome.mean.least()),
            number(outcome.mean.most())
        ),
        median(&outcome.p50),
        median(&outcome.p99),
        median(&outcome.cpu),
    ];
    match outcome.contender.role() {
        Role::Own | Role::Peer => row.extend([
            number(outcome.rate.median() / 1000.0),
            number(outcome.bytes),
            outcome.lost.to_string(),
        ]),
        Role::Reference => row.extend([(); 3].map(|()| String::new())),
    }
    row.push(number(outcome.mean.median() / own_mean));
    row
}

fn median(series: &Series) -> String {
    number(series.median())
}

/// Times are of one event.
const COLUMNS: [&str; 10] = [
    "recorded by",
    "mean, ns",
    "least to most",
    "p50, ns",
    "p99, ns",
    "processor, ns",
    "1,000 events/s",
    "bytes",
    "lost",
    "× localtel's mean",
];
