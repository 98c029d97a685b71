//! The report at a location: as it would be recorded now, and the last one that was recorded.

use serde_json::Value;

use super::recording::Stored;
use super::{Location, Source};
use crate::clock;
use crate::encode::LineLimits;
use crate::error::Result;
use crate::history::History;
use crate::probe::{Machine, VolumeLimits};
use crate::record::Record;
use crate::record::own::OwnEvent;
use crate::report::{Deployment, Parts, Recorded, Report};
use crate::store::limits::Limits;
use crate::watch::secrets_of;

impl Location {
    /// Creates the report from the facts known here and now, and changes nothing. Facts that only
    /// the application has are in it only if the application runs this code itself.
    pub fn report(&self) -> Report {
        let stored = Stored::at(self);
        let (_, answer) = self.decide(&stored, clock::now());
        let history = History::read_at(&self.path());
        let builder = self.builder();
        let deployment = builder.map_or_else(Deployment::new, |own| own.own_deployment().clone());
        let limits = builder.map_or_else(Limits::default, |own| own.own_limits().clone());
        let limits = LineLimits::from(&limits);
        let version = match builder {
            Some(builder) => builder.own_version().map(str::to_owned),
            None => history.version,
        };
        let installation = stored.consent.installation();
        let policy = self.in_force(&stored.owner, secrets_of(self.environment()));
        let policy = match installation {
            Some(installation) => policy.with_key(installation.hash_key()),
            None => policy,
        };
        let recorded = Recorded::of(&answer).under(&policy);
        Report::new(Parts {
            installation: installation.map(|installation| installation.id),
            installed: installation.and_then(|installation| installation.made),
            started: None,
            source: self.name().map_or("unknown", Source::as_str),
            version: version.as_deref(),
            deployment: &deployment,
            // If it is not known, nothing is recorded, as the report shows.
            owner_metadata: &stored.owner.into_metadata().unwrap_or_default(),
            machine: &Machine::read(self.environment()),
            volumes: &deployment.volumes(VolumeLimits::default()),
            counters: Value::Null,
            errors: Value::Null,
            since: history.reported,
            counted_since: None,
            recorded,
            line_bytes_max: limits.line_bytes_max,
            now: clock::now(),
        })
        .under(&policy, limits)
    }

    /// Returns the last report that was recorded here, if there is one and it can be read.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be read.
    pub fn last_report(&self) -> Result<Option<Record>> {
        let mut reverse = match self.reverse() {
            Ok(reverse) => reverse,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut records = reverse.records().filter_map(Result::ok);
        Ok(records.find(|record| OwnEvent::of(record) == Some(OwnEvent::Report)))
    }
}
