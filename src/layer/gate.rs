//! The gate: decides which call sites are of interest. As a per-layer filter it reports this to
//! `tracing`, so that all others cost nothing extra; a layer without that filter queries the gate
//! for each event.

use std::sync::{Arc, OnceLock};

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, Filter};

use crate::encode::{Site, is_bridge, is_queried_by_bridge, is_record_admitted};
use crate::outlet::Outlet;
use crate::policy::InForce;
use crate::recorder::note_query;

/// The per-layer filter for a layer of localtel: with it, events and spans that would not be
/// recorded cost what they cost without localtel. [`Telemetry::filter`](crate::Telemetry::filter)
/// returns one.
///
/// It applies only to the layer that it is added to, and does not affect other layers. When consent
/// or the owner's policy changes, it makes `tracing` rebuild its interests.
#[derive(Debug, Clone)]
pub struct RecordFilter {
    outlet: LaterOutlet,
}

/// A cell for an outlet, which may be set later.
pub(crate) type LaterOutlet = Arc<OnceLock<Arc<Outlet>>>;

impl RecordFilter {
    /// Creates the filter of an outlet.
    pub(crate) fn new(outlet: Arc<Outlet>) -> Self {
        Self::later(Arc::new(OnceLock::from(outlet)))
    }

    /// Creates the filter of an outlet that may be set later; until then nothing passes.
    pub(crate) fn later(outlet: LaterOutlet) -> Self {
        Self { outlet }
    }

    /// Returns the outlet, if it accepts events or spans with that metadata.
    fn outlet_for(&self, metadata: &Metadata<'_>) -> Option<&Outlet> {
        let outlet = self.outlet.get()?;
        outlet.accepts(metadata).then_some(outlet)
    }
}

impl<S> Filter<S> for RecordFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        self.outlet_for(metadata).is_some_and(|outlet| {
            !is_queried_by_bridge(metadata)
                || lasting_policy(outlet).is_none_or(|policy| is_record_admitted(metadata, &policy))
        })
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let Some(outlet) = self.outlet_for(metadata) else {
            return Interest::never();
        };
        if is_bridge(metadata) {
            // One call site for many records, which differ in their targets.
            return Interest::sometimes();
        }
        if lasting_policy(outlet).is_none_or(|policy| is_admitted(metadata, &policy)) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    /// The hint depends neither on consent nor on the owner's policy, which may change: the `log`
    /// crate is given the maximum level once, when the subscriber is installed, and would drop
    /// records after a change.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        note_query();
        let outlet = self.outlet.get()?;
        Some(if outlet.is_listening() {
            LevelFilter::from_level(outlet.level.into())
        } else {
            LevelFilter::OFF
        })
    }
}

/// Returns the policy that filters out call sites permanently. Without a worker that would enable
/// them again, each of their events is refused instead.
fn lasting_policy(outlet: &Outlet) -> Option<Arc<InForce>> {
    let policy = outlet.policy.get();
    policy.filter(|_| outlet.rebuilds_interests() && !outlet.is_shown())
}

/// Returns `true` if a policy admits the events or spans of a call site.
fn is_admitted(metadata: &Metadata<'_>, policy: &Arc<InForce>) -> bool {
    let policy = Arc::clone(policy);
    if metadata.is_span() {
        Site::of_span(metadata, policy).is_admitted()
    } else {
        Site::of_event(metadata, metadata.target(), "", policy).is_admitted()
    }
}
