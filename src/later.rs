//! Layers for a subscriber that is installed before telemetry is opened.

use std::sync::Arc;

use crate::layer::{LaterOutlet, Layer, RecordFilter};
use crate::recorder::rebuild_interests;
use crate::telemetry::Telemetry;

/// Layers for telemetry that is opened later: for programs that install their subscriber first, and
/// decide only after they have parsed their arguments whether, where and how they record.
///
/// Nothing is stored before [`connect`](Self::connect): events before it are not recorded, and
/// spans that were opened before it are missing from the events in them.
///
/// ```no_run
/// use localtel::Telemetry;
/// use localtel::recording::LaterTelemetry;
/// use tracing_subscriber::prelude::*;
///
/// let later = LaterTelemetry::new();
/// tracing_subscriber::registry().with(later.layer().with_filter(later.filter())).init();
///
/// let profile = std::env::args().nth(1).unwrap_or_else(|| "default".to_owned());
/// let telemetry = Telemetry::builder("myapp").profile(profile).open();
/// later.connect(&telemetry);
/// ```
#[derive(Debug, Default)]
#[must_use = "layers of it record nothing before it is connected"]
pub struct LaterTelemetry {
    outlet: LaterOutlet,
}

impl LaterTelemetry {
    /// Creates layers for telemetry that is opened later.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a layer, for any subscriber, as [`Telemetry::layer`] does.
    pub fn layer(&self) -> Layer {
        Layer::later(Arc::clone(&self.outlet))
    }

    /// Returns the per-layer filter for such a layer, as [`Telemetry::filter`] does.
    pub fn filter(&self) -> RecordFilter {
        RecordFilter::later(Arc::clone(&self.outlet))
    }

    /// Connects the layers to a handle: they record all later events, as the handle's own layers
    /// would.
    pub fn connect(self, telemetry: &Telemetry) {
        if self.outlet.set(Arc::clone(telemetry.outlet())).is_ok() {
            rebuild_interests();
        }
    }
}
