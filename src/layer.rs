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
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::clock;
use crate::encode::{Line, Own, Site, SpanValues, Stamp};
use crate::outlet::{Outlet, TRIES};
use crate::policy::{Generation, InForce};
use crate::recorder::Stale;

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

/// Turns events into lines.
#[derive(Debug)]
pub(crate) struct RecordLayer {
    /// Tells this layer's call sites and spans from those of other layers in the same process.
    id: LayerId,
    outlet: Arc<Outlet>,
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
    metadata: &'static Metadata<'static>,
    /// Spans are rendered when they open or record, never when an event passes through them.
    state: RwLock<SpanState>,
}

#[derive(Debug)]
struct SpanState {
    site: Arc<Site>,
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
    pub(crate) fn new(outlet: Arc<Outlet>) -> Self {
        let sites = RwLock::default();
        Self {
            id: LayerId::new(),
            outlet,
            sites,
        }
    }

    /// Returns what is prepared for a call site under the policy in force, unless that cannot be learned.
    fn site(&self, metadata: &'static Metadata<'static>) -> Option<Arc<Site>> {
        let callsite = metadata.callsite();
        let generation = self.outlet.policy().generation();
        if let Ok(known) = self.sites.try_read()
            && let Some(site) = known.get(&callsite)
            && site.generation() == generation
        {
            return Some(Arc::clone(site));
        }
        let policy = self.outlet.policy().get()?;
        let site = Arc::new(if metadata.is_span() {
            Site::of_span(metadata, policy)
        } else {
            Site::of_event(metadata, self.outlet.source(), policy)
        });
        // Never waited for: in a forked child a thread that is no more may hold it. Who finds it taken
        // prepares the call site for itself.
        if let Ok(mut known) = self.sites.try_write() {
            known.insert(callsite, Arc::clone(&site));
        }
        Some(site)
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
        let mut line = Line::start(frame, self.outlet.limits(), timestamp, site);
        line.fields(site, |visit| event.record(visit));
        line.end_properties();
        if let Some(leaf) = context.event_span(event).and_then(|span| self.node(&span)) {
            leaf.render_chain(&mut line, self);
        }
        line.finish(Own::Application);
    }

    /// Encodes an event and offers it, anew if the policy changed meanwhile.
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
        } = scratch;
        let timestamp = stamp.text(micros);
        for _ in 0..TRIES {
            let Some(site) = sites.find(self, event.metadata()) else {
                break;
            };
            let is_admitted = site.is_admitted();
            if !is_admitted && !self.outlet.is_shown() {
                break;
            }
            self.encode(event, context, site, (&timestamp, frame));
            if !is_admitted {
                let _ = self.outlet.refuse_by_policy(frame);
                return;
            }
            let offer = self.outlet.offer(frame, micros, site.generation());
            frame.shrink_to(FRAME_KEPT_BYTES);
            if offer != Err(Stale) {
                return;
            }
        }
        let _ = self.outlet.refuse();
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
    fn render_chain(&self, line: &mut Line<'_>, layer: &RecordLayer) {
        let mut chain: [Option<&Self>; SPANS_MAX] = [None; SPANS_MAX];
        let mut node = Some(self);
        for place in chain.iter_mut().rev() {
            *place = node;
            node = node.and_then(|node| node.parent.as_deref());
        }
        for node in chain.into_iter().flatten() {
            node.render(line, layer);
        }
    }

    /// Adds this span, as the policy in force lets it stand; if that cannot be had, it is left out.
    fn render(&self, line: &mut Line<'_>, layer: &RecordLayer) {
        for _ in 0..TRIES {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if state.site.generation() == layer.outlet.policy().generation() {
                if state.site.is_admitted() {
                    line.span(&state.rendered);
                }
                return;
            }
            drop(state);
            self.narrow(layer);
        }
    }

    /// Renders the span anew, as far as the policy that is now in force lets its values stand.
    fn narrow(&self, layer: &RecordLayer) {
        let Some(site) = layer.site(self.metadata) else {
            return;
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.site.generation() < site.generation() {
            state.values = state.values.narrowed(&site);
            state.rendered = state.values.render(self.metadata.name());
            state.site = site;
        }
    }
}

impl KnownSites {
    /// Returns what was prepared for a call site under the policy in force. Its place follows from the
    /// address of its metadata, which never moves; two that share a place take turns.
    fn find(
        &mut self,
        layer: &RecordLayer,
        metadata: &'static Metadata<'static>,
    ) -> Option<&Arc<Site>> {
        if self.0.is_empty() {
            self.0.resize_with(KNOWN_SITES, || None);
        }
        let callsite = metadata.callsite();
        let generation = layer.outlet.policy().generation();
        // Metadata is aligned to 8 bytes.
        let place = (std::ptr::from_ref(metadata).addr() >> 3) % self.0.len();
        let (_, places) = self.0.split_at_mut(place);
        let [place, ..] = places else {
            unreachable!("a remainder is below its divisor")
        };
        if !matches!(place, Some(known) if known.is(layer.id, &callsite, generation)) {
            *place = Some(KnownSite {
                layer: layer.id,
                callsite,
                site: layer.site(metadata)?,
            });
        }
        place.as_ref().map(|known| &known.site)
    }
}

impl KnownSite {
    fn is(&self, layer: LayerId, callsite: &Identifier, generation: Generation) -> bool {
        self.layer == layer && self.callsite == *callsite && self.site.generation() == generation
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
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        if let Some(recorder) = self.outlet.recorder() {
            recorder.register(subscriber);
        }
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let _prepared = self.site(metadata);
        Interest::always()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let metadata = attributes.metadata();
        let Some(site) = self.site(metadata) else {
            return;
        };
        let parent = span.parent().and_then(|parent| self.node(&parent));
        let mut values = SpanValues::default();
        if let Some(_encoding) = Encoding::begin() {
            values.record(&site, self.outlet.limits(), |visit| {
                attributes.record(visit);
            });
        }
        let rendered = values.render(metadata.name());
        let state = RwLock::new(SpanState {
            site,
            values,
            rendered,
        });
        let node = Arc::new(SpanNode {
            parent,
            metadata,
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
        for _ in 0..TRIES {
            let Some(site) = self.site(node.metadata) else {
                return;
            };
            // Formatted before the lock is taken: a value may log, and that event reads this span.
            let mut newer = SpanValues::default();
            newer.record(&site, self.outlet.limits(), |visit| values.record(visit));
            let mut state = node.state.write().unwrap_or_else(PoisonError::into_inner);
            if state.site.generation() > site.generation() {
                // A newer policy was put in force meanwhile, and may want these values otherwise.
                continue;
            }
            if state.site.generation() < site.generation() {
                state.values = state.values.narrowed(&site);
                state.site = site;
            }
            state.values.merge(newer);
            state.rendered = state.values.render(node.metadata.name());
            return;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(_encoding) = Encoding::begin() else {
            let _ = self.outlet.refuse();
            return;
        };
        let micros = clock::micros_since_epoch();
        let in_scratch = SCRATCH.try_with(|scratch| {
            // Taken while a value of an outer event logs while it is being formatted.
            let Ok(mut scratch) = scratch.try_borrow_mut() else {
                return false;
            };
            self.record(event, &context, micros, &mut scratch);
            true
        });
        if in_scratch != Ok(true) {
            self.record(event, &context, micros, &mut Scratch::default());
        }
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
