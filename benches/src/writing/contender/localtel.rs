//! localtel with its worker, in three states.

use std::path::Path;
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::recording::{Delivery, Overflow};
use localtel::{Consent, Policy, Telemetry};
use tracing_subscriber::prelude::*;

use crate::Result;
use crate::writing::facade::{TARGET, Tracing};
use crate::writing::sample::Sample;
use crate::writing::task::Task;

/// Records; callers wait if the buffer is full.
pub(super) fn record(task: &Task, directory: &Path) -> Result<Sample> {
    record_as(task, directory, Consent::Undecided, Policy::default())
}

/// Does not record: telemetry is off.
pub(super) fn record_off(task: &Task, directory: &Path) -> Result<Sample> {
    record_as(task, directory, Consent::Disabled, Policy::default())
}

/// Does not record: the policy drops these events.
pub(super) fn record_refused(task: &Task, directory: &Path) -> Result<Sample> {
    let policy = Policy::new().deny_target(TARGET);
    record_as(task, directory, Consent::Undecided, policy)
}

fn record_as(task: &Task, directory: &Path, flag: Consent, policy: Policy) -> Result<Sample> {
    let telemetry = Telemetry::builder("bench")
        .dir(directory.join("telemetry"))
        .when_undecided(WhenUndecided::Record)
        .flag(flag)
        .policy(policy)
        .delivery(Delivery::Background)
        .overflow(Overflow::Block)
        .try_open()?;
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    subscriber.try_init()?;
    Ok(task.run(Tracing, || {
        telemetry.close(Duration::from_mins(1));
    }))
}
