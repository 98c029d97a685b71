//! The layer: takes events from `tracing`, finds their spans, and has them encoded on the caller's
//! thread into a buffer of that thread. What a line looks like is `encode`'s business, where it goes is
//! `recorder`'s.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing::callsite::Identifier;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::clock;
use crate::encode::{Line, LineLimits, Own, Site, SpanValues, Stamp};
use crate::recorder::Recorder;

/// Whether events are let in. As a per-layer filter it answers for this layer alone: other layers of the
/// same subscriber see what they see without it.
#[derive(Debug)]
pub(crate) enum Gate {
    /// Every event.
    Open,
    /// None: each costs what a disabled one costs.
    Shut,
}

impl<S> Filter<S> for Gate {
    fn enabled(&self, _metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        match self {
            Self::Open => true,
            Self::Shut => false,
        }
    }

    fn callsite_enabled(&self, _metadata: &'static Metadata<'static>) -> Interest {
        match self {
            Self::Open => Interest::always(),
            Self::Shut => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self {
            Self::Open => LevelFilter::TRACE,
            Self::Shut => LevelFilter::OFF,
        })
    }
}

/// Turns events into lines.
#[derive(Debug)]
pub(crate) struct RecordLayer {
    /// Tells this layer's call sites and spans from those of other layers in the same process.
    id: LayerId,
    source: String,
    limits: LineLimits,
    /// Nothing where telemetry is off; the gate is shut then.
    recorder: Option<Arc<Recorder>>,
    sites: RwLock<HashMap<Identifier, Arc<Site>>>,
}

/// The number of a layer, never used twice in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LayerId(u64);

impl LayerId {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What this layer keeps with a span: its rendered form, and the way to the root.
#[derive(Debug)]
struct SpanNode {
    parent: Option<Arc<Self>>,
    name: &'static str,
    site: Arc<Site>,
    /// Spans are rendered when they open or record, never when an event passes through them.
    state: RwLock<SpanState>,
}

#[derive(Debug)]
struct SpanState {
    values: SpanValues,
    rendered: Vec<u8>,
}

/// The nodes that the layers of this type keep with one span.
#[derive(Debug, Default)]
struct SpanNodes(Vec<(LayerId, Arc<SpanNode>)>);

/// What each thread keeps from one event to the next.
#[derive(Debug, Default)]
struct Scratch {
    frame: Vec<u8>,
    stamp: Stamp,
    sites: KnownSites,
}

/// The call sites that this thread has met.
#[derive(Debug, Default)]
struct KnownSites(Vec<Option<KnownSite>>);

/// A call site that this thread has met.
#[derive(Debug)]
struct KnownSite {
    layer: LayerId,
    callsite: Identifier,
    site: Arc<Site>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    /// How many events are being encoded by this thread: one inside another where a value logs.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

impl RecordLayer {
    /// Returns a layer that has events recorded, or one that does nothing.
    pub(crate) fn new(source: &str, limits: LineLimits, recorder: Option<Arc<Recorder>>) -> Self {
        let sites = RwLock::default();
        Self {
            id: LayerId::new(),
            source: source.to_owned(),
            limits,
            recorder,
            sites,
        }
    }

    fn site(&self, metadata: &'static Metadata<'static>) -> Arc<Site> {
        let callsite = metadata.callsite();
        if let Ok(known) = self.sites.try_read()
            && let Some(site) = known.get(&callsite)
        {
            return Arc::clone(site);
        }
        let site = Arc::new(if metadata.is_span() {
            Site::of_fields(metadata.fields())
        } else {
            Site::new(metadata, &self.source)
        });
        // Never waited for: in a forked child a thread that is no more may hold it. Who finds it taken
        // prepares the call site for itself.
        match self.sites.try_write() {
            Ok(mut known) => Arc::clone(known.entry(callsite).or_insert(site)),
            Err(_) => site,
        }
    }

    /// Encodes an event into a frame.
    fn encode<S>(
        &self,
        event: &Event<'_>,
        context: &Context<'_, S>,
        site: &Site,
        (timestamp, frame): (&[u8; crate::record::TIMESTAMP_BYTES], &mut Vec<u8>),
    ) where
        S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    {
        let mut line = Line::start(frame, self.limits, timestamp, site);
        line.fields(site, |visit| event.record(visit));
        line.end_properties();
        if let Some(leaf) = context.event_span(event).and_then(|span| self.node(&span)) {
            leaf.render_chain(&mut line);
        }
        line.finish(Own::Application);
    }

    /// Returns the node of a span, if this layer has seen it opening.
    fn own_node<'a, S: LookupSpan<'a>>(&self, span: &SpanRef<'a, S>) -> Option<Arc<SpanNode>> {
        let extensions = span.extensions();
        let SpanNodes(nodes) = extensions.get::<SpanNodes>()?;
        nodes
            .iter()
            .find(|(layer, _)| *layer == self.id)
            .map(|(_, node)| Arc::clone(node))
    }

    /// Returns the node of a span, or of its nearest ancestor that this layer has seen opening.
    fn node<'a, S: LookupSpan<'a>>(&self, span: &SpanRef<'a, S>) -> Option<Arc<SpanNode>> {
        self.own_node(span).or_else(|| {
            span.scope()
                .skip(1)
                .find_map(|ancestor| self.own_node(&ancestor))
        })
    }
}

impl SpanNode {
    /// Adds the spans from the root to this one. Very deep ones lose those nearest to the root.
    fn render_chain(&self, line: &mut Line<'_>) {
        let mut chain: [Option<&Self>; SPANS_MAX] = [None; SPANS_MAX];
        let mut node = Some(self);
        for place in chain.iter_mut().rev() {
            *place = node;
            node = node.and_then(|node| node.parent.as_deref());
        }
        for node in chain.into_iter().flatten() {
            let state = node.state.read().unwrap_or_else(PoisonError::into_inner);
            line.span(&state.rendered);
        }
    }
}

impl KnownSites {
    /// Returns what was prepared for a call site. Its place follows from the address of its metadata,
    /// which never moves; two that share a place take turns.
    fn find(&mut self, layer: &RecordLayer, metadata: &'static Metadata<'static>) -> &Site {
        if self.0.is_empty() {
            self.0.resize_with(KNOWN_SITES, || None);
        }
        let callsite = metadata.callsite();
        // Metadata is aligned to 8 bytes.
        let place = (std::ptr::from_ref(metadata).addr() >> 3) % self.0.len();
        let (_, places) = self.0.split_at_mut(place);
        let [place, ..] = places else {
            unreachable!("a remainder is below its divisor")
        };
        if !matches!(place, Some(known) if known.layer == layer.id && known.callsite == callsite) {
            *place = None;
        }
        let known = place.get_or_insert_with(|| KnownSite {
            layer: layer.id,
            callsite,
            site: layer.site(metadata),
        });
        &known.site
    }
}

/// One event being encoded by this thread; ends also when a value's formatting unwinds.
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
        // In a thread whose storage is gone there is nothing to count down.
        let _is_alive = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

impl<S> Layer<S> for RecordLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.site(metadata);
        Interest::always()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let metadata = attributes.metadata();
        let site = self.site(metadata);
        let parent = span.parent().and_then(|parent| self.node(&parent));
        let mut values = SpanValues::default();
        if let Some(_encoding) = Encoding::begin() {
            values.record(&site, self.limits, |visit| attributes.record(visit));
        }
        let rendered = values.render(metadata.name());
        let state = RwLock::new(SpanState { values, rendered });
        let node = Arc::new(SpanNode {
            parent,
            name: metadata.name(),
            site,
            state,
        });
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<SpanNodes>() {
            Some(SpanNodes(nodes)) => nodes.push((self.id, node)),
            None => extensions.insert(SpanNodes(vec![(self.id, node)])),
        }
    }

    fn on_record(&self, id: &Id, values: &SpanRecord<'_>, context: Context<'_, S>) {
        let Some(node) = context.span(id).and_then(|span| self.own_node(&span)) else {
            return;
        };
        let Some(_encoding) = Encoding::begin() else {
            return;
        };
        // Formatted before the lock is taken: a value may log, and that event reads this span.
        let mut newer = SpanValues::default();
        newer.record(&node.site, self.limits, |visit| values.record(visit));
        let mut state = node.state.write().unwrap_or_else(PoisonError::into_inner);
        state.values.merge(newer);
        state.rendered = state.values.render(node.name);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        let Some(_encoding) = Encoding::begin() else {
            let _ = recorder.refuse();
            return;
        };
        let micros = clock::micros_since_epoch();
        let in_scratch = SCRATCH.try_with(|scratch| {
            // Taken while a value of an outer event logs while it is being formatted.
            let Ok(mut scratch) = scratch.try_borrow_mut() else {
                return false;
            };
            let Scratch {
                frame,
                stamp,
                sites,
            } = &mut *scratch;
            let timestamp = stamp.text(micros);
            let site = sites.find(self, event.metadata());
            self.encode(event, &context, site, (&timestamp, frame));
            let _ = recorder.offer(frame, micros);
            frame.shrink_to(FRAME_KEPT_BYTES);
            true
        });
        if in_scratch != Ok(true) {
            let site = self.site(event.metadata());
            let timestamp = Stamp::default().text(micros);
            let mut frame = Vec::new();
            self.encode(event, &context, &site, (&timestamp, &mut frame));
            let _ = recorder.offer(&frame, micros);
        }
    }
}

/// How many spans of a scope are recorded, counted from the leaf. Deeper nesting is recursion, whose
/// innermost part tells the story.
const SPANS_MAX: usize = 64;

/// How deep events may be nested: one that a value logs while it is formatted is recorded; one that is
/// logged while formatting that one is refused, since values that log themselves never end.
const NESTED_MAX: usize = 2;

/// How many call sites a thread remembers: 128 × 32 bytes = 4 KiB.
const KNOWN_SITES: usize = 128;

/// How much of a buffer a thread keeps: far more than a usual line.
const FRAME_KEPT_BYTES: usize = 64 * 1024;
