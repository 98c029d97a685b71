//! Bridges: crates that hand the records of another logging crate to `tracing`, all of a level through one call site.
//! What a record really comes from then stands in its fields.

use std::fmt::{self, Write as _};

use tracing::Metadata;
use tracing::field::{Field, Visit};

use super::{Own, target_as};
use crate::policy::InForce;
use crate::record::Level;

/// A call site that stands for those of another logging crate, through `tracing-log` or `tracing-slog`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bridge {
    /// The name of the other crate, with which the names of the fields begin.
    crate_name: &'static str,
    /// The index of the field that holds a record's target.
    target_at: usize,
}

impl Bridge {
    /// Returns the bridge that a call site belongs to, if it is one's: its target is the name of the other crate,
    /// and its fields say where a record comes from.
    pub(super) fn of(metadata: &Metadata<'_>) -> Option<Self> {
        let crate_name = name_of(metadata, "event")?;
        let target = (metadata.target() == crate_name).then(|| target_of(metadata, crate_name))?;
        Some(Self {
            crate_name,
            target_at: target?.index(),
        })
    }

    /// Returns `true` if a field says where a record comes from: its target, which is lifted out, and its place in
    /// the source, whose path is that of the machine that built it.
    pub(super) fn is_origin(self, name: &str) -> bool {
        rest_of(name, self.crate_name).is_some_and(|rest| ORIGINS.contains(&rest))
    }

    /// Reads the target of a record into an emptied buffer. Returns `false` if it has none.
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

/// Returns `true` if metadata is that of a record of another logging crate, which a bridge asks about before it hands
/// the record over.
pub(crate) fn is_asked_by_bridge(metadata: &Metadata<'_>) -> bool {
    name_of(metadata, "record").is_some_and(|name| target_of(metadata, name).is_some())
}

/// Returns `true` if a policy lets in such a record.
pub(crate) fn is_record_admitted(metadata: &Metadata<'_>, policy: &InForce) -> bool {
    let level = Level::from(*metadata.level());
    let target = target_as(Own::Application, metadata.target());
    policy.admits_event(level, target, None)
}

/// Returns `true` if a call site is a bridge's: what passes there is decided for each record.
pub(crate) fn is_bridge(metadata: &Metadata<'_>) -> bool {
    Bridge::of(metadata).is_some()
}

/// Returns the other crate's name if metadata is named as a bridge names it: `log event`, `log record`.
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

/// Finds the target among a record's fields.
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

/// The logging crates whose records come over a bridge.
const CRATES: [&str; 2] = ["log", "slog"];

/// What the fields are called, behind the name of the crate, that say where a record comes from.
const ORIGINS: [&str; 6] = ["target", "module", "module_path", "file", "line", "column"];
