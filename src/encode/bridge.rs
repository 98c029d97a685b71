//! Bridges: crates that pass the records of another logging crate to `tracing`, with one call site
//! for all records of a level. The fields of such a record contain its actual origin.

use std::fmt::{self, Write as _};

use tracing::Metadata;
use tracing::field::{Field, Visit};

use super::{Own, target_as};
use crate::policy::InForce;
use crate::record::Level;

/// A call site that is shared by the records of another logging crate, through `tracing-log` or
/// `tracing-slog`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bridge {
    /// The name of the other crate, which is the prefix of the names of the fields.
    crate_name: &'static str,
    /// The index of the field with a record's target.
    target_at: usize,
}

impl Bridge {
    /// Returns the bridge that a call site belongs to, if any: its target is the name of the other
    /// crate, and its fields contain the origin of a record.
    pub(super) fn of(metadata: &Metadata<'_>) -> Option<Self> {
        let crate_name = name_of(metadata, "event")?;
        let target = (metadata.target() == crate_name).then(|| target_of(metadata, crate_name))?;
        Some(Self {
            crate_name,
            target_at: target?.index(),
        })
    }

    /// Returns `true` if a field contains the origin of a record: its target, which is stored
    /// separately, or its source location, whose path is that of the machine that built it.
    pub(super) fn is_origin(self, name: &str) -> bool {
        rest_of(name, self.crate_name).is_some_and(|rest| ORIGINS.contains(&rest))
    }

    /// Reads the target of a record into a buffer, which is cleared first. Returns `false` if it
    /// has none.
    pub(crate) fn read_target(
        self,
        target: &mut String,
        record: impl FnOnce(&mut dyn Visit),
    ) -> bool {
        target.clear();
        let mut found = TargetField {
            at: self.target_at,
            target,
            is_found: false,
        };
        record(&mut found);
        found.is_found
    }
}

/// Returns `true` if metadata is that of a record of another logging crate, for which a bridge
/// queries the subscriber before it passes the record on.
pub(crate) fn is_queried_by_bridge(metadata: &Metadata<'_>) -> bool {
    name_of(metadata, "record").is_some_and(|name| target_of(metadata, name).is_some())
}

/// Returns `true` if a policy admits such a record.
pub(crate) fn is_record_admitted(metadata: &Metadata<'_>, policy: &InForce) -> bool {
    let level = Level::from(*metadata.level());
    let target = target_as(Own::Application, metadata.target());
    policy.admits_event(level, target, None)
}

/// Returns `true` if a call site belongs to a bridge: its records are decided on one by one.
pub(crate) fn is_bridge(metadata: &Metadata<'_>) -> bool {
    Bridge::of(metadata).is_some()
}

/// Returns the name of the other crate if the metadata has a name of a bridge: `log event`,
/// `log record`.
fn name_of(metadata: &Metadata<'_>, what: &str) -> Option<&'static str> {
    let name = metadata.name().strip_suffix(what)?.strip_suffix(' ')?;
    CRATES.into_iter().find(|crate_name| *crate_name == name)
}

fn target_of(metadata: &Metadata<'_>, crate_name: &str) -> Option<Field> {
    let mut fields = metadata.fields().iter();
    fields.find(|field| rest_of(field.name(), crate_name) == Some("target"))
}

fn rest_of<'n>(name: &'n str, crate_name: &str) -> Option<&'n str> {
    name.strip_prefix(crate_name)?.strip_prefix('.')
}

/// A visitor that finds the target among a record's fields.
struct TargetField<'t> {
    at: usize,
    target: &'t mut String,
    is_found: bool,
}

impl Visit for TargetField<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.index() == self.at {
            self.target.push_str(value);
            self.is_found = true;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.index() == self.at {
            // Writing to a string does not fail.
            self.is_found = write!(self.target, "{value:?}").is_ok();
        }
    }
}

/// The logging crates for which bridges exist.
const CRATES: [&str; 2] = ["log", "slog"];

/// The names, after the crate's name, of the fields that contain the origin of a record.
const ORIGINS: [&str; 6] = ["target", "module", "module_path", "file", "line", "column"];
