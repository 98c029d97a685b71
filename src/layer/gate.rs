//! The gate: the per-layer filter that tells `tracing` which call sites are of any interest.

use std::sync::Arc;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, Filter};

use crate::encode::Site;
use crate::outlet::Outlet;
use crate::policy::InForce;

/// Whether events are let in. As a per-layer filter it answers for this layer alone: other layers of the
/// same subscriber see what they see without it. While it is shut each event costs what a disabled one
/// costs; who opens or shuts it has `tracing` ask again.
#[derive(Debug)]
pub(crate) struct Gate {
    outlet: Arc<Outlet>,
}

impl Gate {
    /// Returns the gate of that outlet.
    pub(crate) fn new(outlet: Arc<Outlet>) -> Self {
        Self { outlet }
    }

    /// Returns the policy that shuts call sites out for good; where nobody would open them again, each of
    /// their events is refused instead.
    fn policy(&self) -> Option<Arc<InForce>> {
        self.outlet
            .policy()
            .get()
            .filter(|_| self.outlet.is_asked_again() && !self.outlet.is_shown())
    }
}

impl<S> Filter<S> for Gate {
    fn enabled(&self, _metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        self.outlet.is_open()
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let is_admitted = || {
            self.policy()
                .is_none_or(|policy| is_admitted(metadata, &policy))
        };
        if self.outlet.is_open() && is_admitted() {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.outlet.is_open() {
            self.policy()
                .map_or(LevelFilter::TRACE, |policy| policy.level_hint())
        } else {
            LevelFilter::OFF
        })
    }
}

/// Tells whether a policy lets in the events or spans of a call site.
fn is_admitted(metadata: &Metadata<'_>, policy: &Arc<InForce>) -> bool {
    let policy = Arc::clone(policy);
    if metadata.is_span() {
        Site::of_span(metadata, policy).is_admitted()
    } else {
        Site::of_event(metadata, "", policy).is_admitted()
    }
}
