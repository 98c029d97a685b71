//! The layer: receives events from `tracing`, finds their spans, and encodes them on the caller's
//! thread into a buffer of that thread. `encode` defines the form of a line, and `recorder` writes
//! it to the disk.

mod closing;
mod entered;
mod gate;
mod sites;
mod span;
mod timing;

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

pub(crate) use self::gate::LaterOutlet;
pub use self::gate::RecordFilter;
use self::sites::{KnownSites, Sites};
use self::span::{SpanNode, SpanNodes};
use self::timing::SpanClock;
use crate::clock;
use crate::encode::{Own, PendingLine, SecretFree, Site, SpanChain, SpanValues, Stamp};
use crate::outlet::{Outlet, RefusalReason, TRIES};
use crate::policy::Generation;
use crate::recorder::{Stale, note_query};

/// A layer that records events in their spans. It has no per-layer filter, and works with any
/// subscriber that keeps its spans as `tracing_subscriber`'s registry does. It is returned by
/// [`Telemetry::layer`](crate::Telemetry::layer), and by
/// [`LaterTelemetry::layer`](crate::recording::LaterTelemetry::layer), whose layer records nothing
/// before it is connected.
///
/// It returns no maximum level hint and disables no call site, so it does not affect other layers.
/// While nothing may be recorded, it adds a few nanoseconds to an event.
///
/// It does not depend on the type of the subscriber, so a program may store it, and its filter, and
/// install them later:
///
/// ```no_run
/// use localtel::{Layer, Telemetry};
/// use localtel::recording::RecordFilter;
/// use tracing_subscriber::prelude::*;
///
/// struct Observability {
///     layer: Option<Layer>,
///     filter: RecordFilter,
/// }
///
/// impl Observability {
///     fn of(telemetry: &Telemetry) -> Self {
///         Self { layer: telemetry.layer(), filter: telemetry.filter() }
///     }
///
///     fn install(self) {
///         tracing_subscriber::registry().with(self.layer.with_filter(self.filter)).init();
///     }
/// }
///
/// let telemetry = Telemetry::builder("myapp").open();
/// Observability::of(&telemetry).install();
/// ```
#[derive(Debug)]
pub struct Layer {
    /// Distinguishes this layer's call sites and spans from those of other layers in the same
    /// process.
    id: LayerId,
    outlet: LaterOutlet,
    sites: Sites,
}

/// A layer whose outlet is set.
#[derive(Debug, Clone, Copy)]
struct Connected<'l> {
    id: LayerId,
    outlet: &'l Outlet,
    sites: &'l Sites,
}

/// The number of a layer, unique in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct LayerId(u64);

impl LayerId {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The data that each thread keeps from one event to the next.
#[derive(Debug)]
struct Scratch {
    frame: Vec<u8>,
    stamp: Stamp,
    sites: KnownSites,
    /// The spans of an event with an explicit parent.
    chain: SpanChain,
    /// The target of a record that came through a bridge.
    target: String,
}

impl Scratch {
    const fn new() -> Self {
        Self {
            frame: Vec::new(),
            stamp: Stamp::new(),
            sites: KnownSites::new(),
            chain: SpanChain::new(),
            target: String::new(),
        }
    }

    /// Releases the memory of a frame that was far longer than usual.
    fn shrink(&mut self) {
        shrink(&mut self.frame);
    }
}

/// Releases the memory of a frame that was far longer than usual.
fn shrink(frame: &mut Vec<u8>) {
    if frame.capacity() > FRAME_KEPT_BYTES {
        frame.shrink_to(FRAME_KEPT_BYTES);
    }
}

/// Calls `work` with the buffers of this thread, or with new ones if the thread is ending or uses
/// them already, as it does if a value of an outer event logs while it is formatted.
fn with_scratch(work: impl Fn(&mut Scratch)) {
    let in_own = SCRATCH.try_with(|scratch| {
        let Ok(mut scratch) = scratch.try_borrow_mut() else {
            return false;
        };
        work(&mut scratch);
        true
    });
    if in_own != Ok(true) {
        work(&mut Scratch::new());
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::new()) };
    /// Number of events that this thread is encoding: one inside another if a value logs.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

impl Layer {
    /// Creates a layer that passes events to an outlet.
    pub(crate) fn new(outlet: Arc<Outlet>) -> Self {
        Self::later(Arc::new(OnceLock::from(outlet)))
    }

    /// Creates a layer that passes events to an outlet once it is set.
    pub(crate) fn later(outlet: LaterOutlet) -> Self {
        Self {
            id: LayerId::new(),
            outlet,
            sites: Sites::default(),
        }
    }

    fn connected(&self) -> Option<Connected<'_>> {
        Some(Connected {
            id: self.id,
            outlet: self.outlet.get()?,
            sites: &self.sites,
        })
    }

    /// Returns the connected layer, if its outlet is set and accepts events or spans of a call
    /// site; the policy may still refuse them.
    fn accepting(&self, metadata: &Metadata<'_>) -> Option<Connected<'_>> {
        self.connected()
            .filter(|connected| connected.outlet.accepts(metadata))
    }
}

impl Connected<'_> {
    /// Returns the number of the policy in force.
    fn generation(&self) -> Generation {
        self.outlet.policy.generation()
    }

    /// Returns the site of a call site under the policy in force, or `None` if that policy cannot
    /// be read.
    fn site(&self, metadata: &'static Metadata<'static>) -> Option<Arc<Site>> {
        self.sites.get(metadata, metadata.target(), self.outlet)
    }

    /// Encodes an event into a frame.
    fn encode<S>(
        &self,
        event: &Event<'_>,
        context: &Context<'_, S>,
        mut line: PendingLine<'_>,
        (site, message, chain): (&Site, &mut SecretFree, &mut SpanChain),
    ) where
        S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    {
        line.fields(site, message, |visit| event.record(visit));
        line.end_properties();
        let known = if event.is_contextual() {
            let node = |id: &Id| self.node(&context.span(id)?);
            entered::with_chain(self, node, |chain| line.spans(chain))
        } else {
            None
        };
        if known.is_none()
            && let Some(leaf) = context.event_span(event).and_then(|span| self.node(&span))
        {
            leaf.render_chain(chain, self);
            line.spans(chain);
        }
        line.finish(Own::Application);
    }

    /// Encodes an event and offers it; encodes it again if the policy changed in between.
    fn record<S>(
        &self,
        event: &Event<'_>,
        context: &Context<'_, S>,
        micros: i64,
        scratch: &mut Scratch,
    ) where
        S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    {
        let Scratch {
            frame,
            stamp,
            sites,
            chain,
            target,
        } = scratch;
        for _ in 0..TRIES {
            let Some((site, message)) = sites.find(self, event.metadata()) else {
                break;
            };
            let mut none_before = SecretFree::new();
            let bridged;
            let (site, message) = match site.bridge() {
                Some(bridge) if bridge.read_target(target, |visit| event.record(visit)) => {
                    let metadata = event.metadata();
                    match self.sites.get(metadata, target, self.outlet) {
                        Some(site) => bridged = site,
                        None => break,
                    }
                    (&bridged, &mut none_before)
                }
                Some(_) | None => (site, message),
            };
            let is_admitted = site.is_admitted();
            if !is_admitted && !self.outlet.is_shown() {
                break;
            }
            let line = PendingLine::start(frame, self.outlet.limits, (stamp, micros), site.start());
            self.encode(event, context, line, (site, message, chain));
            if !is_admitted {
                let _ = self.outlet.refuse_for(RefusalReason::Policy, frame);
                return;
            }
            let outcome = self.outlet.offer(frame, micros, site.generation());
            shrink(frame);
            if outcome != Err(Stale) {
                return;
            }
        }
        let _ = self.outlet.refuse();
    }

    /// Returns the node of a span, if this layer was notified of its creation.
    fn own_node<'a, S: LookupSpan<'a>>(&self, span: &SpanRef<'a, S>) -> Option<Arc<SpanNode>> {
        span.extensions().get::<SpanNodes>()?.of(self.id)
    }

    /// Returns the node of a span, or of its nearest ancestor of whose creation this layer was
    /// notified.
    fn node<'a, S: LookupSpan<'a>>(&self, span: &SpanRef<'a, S>) -> Option<Arc<SpanNode>> {
        self.own_node(span).or_else(|| {
            span.scope()
                .skip(1)
                .find_map(|ancestor| self.own_node(&ancestor))
        })
    }
}

/// A guard for one event that this thread encodes; it is also dropped when the formatting of a
/// value unwinds.
struct Encoding;

impl Encoding {
    /// Begins, unless events are nested too deep.
    fn begin() -> Option<Self> {
        let depth = DEPTH
            .try_with(|depth| depth.replace(depth.get() + 1))
            .unwrap_or(0);
        let encoding = Self;
        (depth < NESTED_MAX).then_some(encoding)
    }
}

impl Drop for Encoding {
    fn drop(&mut self) {
        // A thread whose storage is gone has no count to decrement.
        let _is_alive = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    /// Prepares the call site if it is of interest. It always returns the same interest: without a
    /// per-layer filter, another one would disable the call site for all layers of the subscriber.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        note_query();
        if let Some(layer) = self.accepting(metadata) {
            let _prepared = layer.site(metadata);
        }
        Interest::always()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        let Some(layer) = self.accepting(metadata) else {
            return;
        };
        let Some(span) = context.span(id) else { return };
        let Some(site) = layer.site(metadata) else {
            return;
        };
        let parent = span.parent().and_then(|parent| layer.node(&parent));
        let mut values = SpanValues::default();
        if let Some(_encoding) = Encoding::begin() {
            values.record(&site, layer.outlet.limits, |visit| {
                attributes.record(visit);
            });
        }
        let spans = layer.outlet.spans;
        let clock = || SpanClock::start(Instant::now(), layer.outlet.period());
        let clock = spans.are_timed().then(clock);
        let node = SpanNode::new(parent, metadata, (site, values), clock);
        let node = Arc::new(node);
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<SpanNodes>().is_none() {
            extensions.insert(SpanNodes::default());
        }
        if let Some(nodes) = extensions.get_mut::<SpanNodes>() {
            nodes.add(self.id, node);
        }
    }

    fn on_record(&self, id: &Id, values: &SpanRecord<'_>, context: Context<'_, S>) {
        let Some(layer) = self.connected() else {
            return;
        };
        let Some(node) = context.span(id).and_then(|span| layer.own_node(&span)) else {
            return;
        };
        let Some(_encoding) = Encoding::begin() else {
            return;
        };
        for _ in 0..TRIES {
            let Some(site) = layer.site(node.metadata) else {
                return;
            };
            // Formatted before the lock is taken: a value may log, and that event reads this span.
            let mut newer = SpanValues::default();
            newer.record(&site, layer.outlet.limits, |visit| values.record(visit));
            if node.merge(site, newer) {
                return;
            }
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(layer) = self.connected() {
            let is_timed = layer.outlet.spans.are_timed();
            let span = is_timed.then(|| context.span(id)).flatten();
            let timed = span.and_then(|span| layer.own_node(&span));
            entered::enter(self.id, id, timed);
        }
    }

    fn on_exit(&self, id: &Id, _context: Context<'_, S>) {
        if self.connected().is_some()
            && let Some(timed) = entered::exit(self.id, id)
            && let Some(clock) = &timed.clock
        {
            clock.exit(Instant::now());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        // No thread is in a closed span, even if one did not exit it.
        if let Some(layer) = self.connected()
            && let Some(node) = context.span(&id).and_then(|span| layer.own_node(&span))
        {
            node.close();
            if let Some(clock) = &node.clock {
                layer.record_closed(&node, clock);
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(layer) = self.accepting(event.metadata()) else {
            return;
        };
        let Some(_encoding) = Encoding::begin() else {
            let _ = layer.outlet.refuse();
            return;
        };
        let micros = clock::micros_since_epoch();
        with_scratch(|scratch| layer.record(event, &context, micros, scratch));
    }
}

/// The maximal nesting of events: an event that a value logs while it is formatted is recorded; one
/// that is logged while formatting that one is refused, since values that log themselves would
/// never end.
const NESTED_MAX: usize = 2;

/// Number of bytes of a buffer that a thread keeps: far more than a usual line.
const FRAME_KEPT_BYTES: usize = 64 * 1024;
