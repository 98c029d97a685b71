//! A layer for a subscriber that is installed before telemetry is opened.

use std::sync::{Arc, OnceLock};

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::gate::LaterOutlet;
use super::{RecordFilter, RecordLayer};
use crate::recorder::{ask_again, note_asked};
use crate::telemetry::Telemetry;

/// Layers for telemetry that is opened later: for programs that install their subscriber first, and know only after
/// they have parsed their arguments whether, where and how they record.
///
/// Nothing is kept until [`connect`](Self::connect): events before it are not recorded, and spans that were opened
/// before it are not known to the events in them.
///
/// ```no_run
/// use localtel::{LaterTelemetry, Telemetry};
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
    /// Returns a way to telemetry that is opened later.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a layer, for any subscriber, as [`Telemetry::layer`] does.
    pub fn layer(&self) -> LaterLayer {
        LaterLayer {
            outlet: Arc::clone(&self.outlet),
            layer: OnceLock::new(),
        }
    }

    /// Returns the per-layer filter for such a layer, as [`Telemetry::filter`] does.
    pub fn filter(&self) -> RecordFilter {
        RecordFilter::later(Arc::clone(&self.outlet))
    }

    /// Has the layers record what happens from now on with that handle, as its own layers would.
    pub fn connect(self, telemetry: &Telemetry) {
        if self.outlet.set(telemetry.shared_outlet()).is_ok() {
            ask_again();
        }
    }
}

/// A layer for telemetry that is opened later; see [`LaterTelemetry`].
#[derive(Debug)]
pub struct LaterLayer {
    outlet: LaterOutlet,
    /// Made from the outlet once that is there.
    layer: OnceLock<RecordLayer>,
}

impl LaterLayer {
    fn connected(&self) -> Option<&RecordLayer> {
        self.layer.get().or_else(|| {
            let outlet = self.outlet.get()?;
            Some(
                self.layer
                    .get_or_init(|| RecordLayer::new(Arc::clone(outlet))),
            )
        })
    }
}

impl<S> Layer<S> for LaterLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        note_asked();
        match self.connected() {
            Some(layer) => Layer::<S>::register_callsite(layer, metadata),
            None => Interest::always(),
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(layer) = self.connected() {
            layer.on_new_span(attributes, id, context);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(layer) = self.connected() {
            layer.on_record(id, values, context);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(layer) = self.connected() {
            layer.on_enter(id, context);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(layer) = self.connected() {
            layer.on_exit(id, context);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(layer) = self.connected() {
            layer.on_close(id, context);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if let Some(layer) = self.connected() {
            layer.on_event(event, context);
        }
    }
}
