//! The gate: which call sites are of any interest. As a per-layer filter it tells `tracing`, so that all others
//! cost what they cost without localtel; a layer without that filter asks the gate about each event.

use std::sync::{Arc, OnceLock};

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, Filter};

use crate::encode::{Site, is_asked_by_bridge, is_bridge, is_record_admitted};
use crate::outlet::Outlet;
use crate::policy::InForce;
use crate::recorder::note_asked;

/// The per-layer filter that belongs to a layer of localtel: events and spans that would not be recorded cost what
/// they cost without it. [`Telemetry::filter`](crate::Telemetry::filter) returns one.
///
/// It answers for the layer that it is put on, and other layers see what they see without it. When consent or the
/// owner's policy changes, it has `tracing` ask again.
#[derive(Debug, Clone)]
pub struct RecordFilter {
    outlet: LaterOutlet,
}

/// An outlet, from the moment on at which it is there.
pub(crate) type LaterOutlet = Arc<OnceLock<Arc<Outlet>>>;

impl RecordFilter {
    /// Returns the filter of an outlet.
    pub(crate) fn new(outlet: Arc<Outlet>) -> Self {
        Self::later(Arc::new(OnceLock::from(outlet)))
    }

    /// Returns the filter of an outlet that may come later; until then nothing passes.
    pub(crate) fn later(outlet: LaterOutlet) -> Self {
        Self { outlet }
    }

    /// Returns the outlet, if it takes events or spans with that metadata.
    fn outlet_for(&self, metadata: &Metadata<'_>) -> Option<&Outlet> {
        let outlet = self.outlet.get()?;
        outlet.takes(metadata).then_some(outlet)
    }
}

impl<S> Filter<S> for RecordFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        self.outlet_for(metadata).is_some_and(|outlet| {
            !is_asked_by_bridge(metadata)
                || lasting_policy(outlet).is_none_or(|policy| is_record_admitted(metadata, &policy))
        })
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let Some(outlet) = self.outlet_for(metadata) else {
            return Interest::never();
        };
        if is_bridge(metadata) {
            // One call site for many, which differ in their targets.
            return Interest::sometimes();
        }
        if lasting_policy(outlet).is_none_or(|policy| is_admitted(metadata, &policy)) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    /// The hint depends neither on consent nor on the owner's policy, which may change: the `log` crate is given
    /// the maximum level once, when the subscriber is installed, and would keep records out after a change.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        note_asked();
        let outlet = self.outlet.get()?;
        Some(if outlet.is_listening() {
            LevelFilter::from_level(outlet.level.into())
        } else {
            LevelFilter::OFF
        })
    }
}

/// Returns the policy that shuts call sites out for good; where nobody would open them again, each of their events
/// is refused instead.
fn lasting_policy(outlet: &Outlet) -> Option<Arc<InForce>> {
    let policy = outlet.policy.get();
    policy.filter(|_| outlet.is_asked_again() && !outlet.is_shown())
}

/// Returns `true` if a policy lets in the events or spans of a call site.
fn is_admitted(metadata: &Metadata<'_>, policy: &Arc<InForce>) -> bool {
    let policy = Arc::clone(policy);
    if metadata.is_span() {
        Site::of_span(metadata, policy).is_admitted()
    } else {
        Site::of_event(metadata, metadata.target(), "", policy).is_admitted()
    }
}
