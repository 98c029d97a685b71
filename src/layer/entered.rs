//! The current spans of a thread, as the registry of `tracing-subscriber` keeps them, together with
//! the data that the layer needs: an event finds the rendered spans of its scope without a lookup
//! in the registry.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use tracing::span::Id;

use super::span::{Edition, SpanNode};
use super::{Connected, LayerId};
use crate::encode::SpanChain;
use crate::policy::Generation;

/// The current spans of a thread, for all layers of this type; the innermost is the last.
#[derive(Debug, Default)]
struct Entered {
    /// Spans beyond `depth` were exited, and keep their buffers for the next ones.
    spans: Vec<EnteredSpan>,
    depth: usize,
}

/// A current span of a thread.
#[derive(Debug)]
struct EnteredSpan {
    layer: LayerId,
    id: Id,
    /// Whether the thread had entered the span before: its position then stays the same.
    is_again: bool,
    /// Whether the time in it counts; `node` is then its own.
    is_timed: bool,
    /// The node of the span, or of an outer one if the layer was not notified of it; set by the
    /// first event if it is not set before.
    node: Option<Arc<SpanNode>>,
    /// The rendered spans from the root to this one, with their state at that time.
    chain: SpanChain,
    rendered: Option<(Edition, Generation)>,
}

thread_local! {
    static ENTERED: RefCell<Entered> = const { RefCell::new(Entered { spans: Vec::new(), depth: 0 }) };
}

/// Records that this thread enters a span of a layer; `timed` is the node of the span if its time
/// counts.
pub(super) fn enter(layer: LayerId, id: &Id, timed: Option<Arc<SpanNode>>) {
    let _is_alive = with_entered(|entered| entered.enter(layer, id, timed));
}

/// Records that this thread exits a span of a layer. Returns the node of the span if the time in it
/// counted until now.
pub(super) fn exit(layer: LayerId, id: &Id) -> Option<Arc<SpanNode>> {
    with_entered(|entered| entered.exit(layer, id)).flatten()
}

/// Calls `work` with the rendered spans of this thread, from the root to the innermost; `node`
/// returns the data that the layer keeps for a span. Returns `None` if the thread is ending, or is
/// in this function already.
pub(super) fn with_chain<T>(
    layer: &Connected<'_>,
    node: impl FnOnce(&Id) -> Option<Arc<SpanNode>>,
    take: impl FnOnce(&SpanChain) -> T,
) -> Option<T> {
    with_entered(|entered| {
        let Some(span) = entered.innermost(layer.id) else {
            return take(&SpanChain::new());
        };
        span.refresh(layer, node);
        take(&span.chain)
    })
}

/// Calls `work` with the current spans of this thread. Returns `None` if the thread is ending, or
/// is in this function already.
fn with_entered<T>(work: impl FnOnce(&mut Entered) -> T) -> Option<T> {
    let done = ENTERED.try_with(|entered| Some(work(&mut *entered.try_borrow_mut().ok()?)));
    done.ok().flatten()
}

impl Entered {
    fn enter(&mut self, layer: LayerId, id: &Id, timed: Option<Arc<SpanNode>>) {
        let mut inside = self.spans.iter().take(self.depth);
        let is_again = inside.any(|span| span.is(layer, id));
        let node = timed.filter(|_| !is_again);
        let clock = node.as_ref().and_then(|node| node.clock.as_ref());
        let is_timed = clock.is_some();
        if let Some(clock) = clock {
            clock.enter(Instant::now());
        }
        match self.spans.get_mut(self.depth) {
            Some(span) => {
                span.layer = layer;
                span.id = id.clone();
                span.is_again = is_again;
                span.is_timed = is_timed;
                span.node = node;
            }
            None => self.spans.push(EnteredSpan {
                layer,
                id: id.clone(),
                is_again,
                is_timed,
                node,
                chain: SpanChain::new(),
                rendered: None,
            }),
        }
        self.depth += 1;
    }

    /// Spans may be exited in any order.
    fn exit(&mut self, layer: LayerId, id: &Id) -> Option<Arc<SpanNode>> {
        let (inside, _) = self.spans.split_at_mut(self.depth);
        let at = inside.iter().rposition(|span| span.is(layer, id))?;
        if let Some(from) = inside.get_mut(at..) {
            from.rotate_left(1);
        }
        let left = inside.last_mut()?;
        let node = left.node.take().filter(|_| left.is_timed);
        left.rendered = None;
        left.chain.clear();
        self.depth -= 1;
        if self.depth >= KEPT_SPANS {
            self.spans.truncate(self.depth);
        }
        node
    }

    fn innermost(&mut self, layer: LayerId) -> Option<&mut EnteredSpan> {
        let (inside, _) = self.spans.split_at_mut(self.depth);
        let mut spans = inside.iter_mut().rev();
        spans.find(|span| span.layer == layer && !span.is_again)
    }
}

impl EnteredSpan {
    fn is(&self, layer: LayerId, id: &Id) -> bool {
        self.layer == layer && self.id == *id
    }

    /// Renders the spans again if one of them, or the policy, changed since this thread rendered
    /// them.
    fn refresh(&mut self, layer: &Connected<'_>, node: impl FnOnce(&Id) -> Option<Arc<SpanNode>>) {
        if self.node.is_none() {
            self.node = node(&self.id);
        }
        let Some(node) = &self.node else { return };
        if node.is_closed() {
            // As in the registry: a thread that did not exit a span that was closed is in no span.
            self.chain.clear();
            self.rendered = None;
            return;
        }
        let generation = layer.generation();
        let now = (node.edition(), generation);
        if self.rendered != Some(now) {
            // Read before rendering, so that a change in between is noticed the next time.
            node.render_chain(&mut self.chain, layer);
            self.rendered = Some(now);
        }
    }
}

/// The number of spans for which a thread keeps buffers: deeper nesting is recursion, which ends.
const KEPT_SPANS: usize = 64;
