//! The spans that a thread is in, as `tracing-subscriber`'s registry keeps them, but with what the layer
//! needs of them at hand: an event finds the rendered spans of its scope without asking anybody.

use std::cell::RefCell;
use std::sync::Arc;

use tracing::span::Id;

use super::span::{Edition, SpanNode};
use super::{Connected, LayerId};
use crate::encode::SpanChain;
use crate::policy::Generation;

/// The spans that a thread is in, of all layers of this type; the innermost is the last.
#[derive(Debug, Default)]
struct Entered {
    /// Those beyond `depth` are left, and keep their buffers for the next ones.
    spans: Vec<EnteredSpan>,
    depth: usize,
}

/// A span that a thread is in.
#[derive(Debug)]
struct EnteredSpan {
    layer: LayerId,
    id: Id,
    /// Whether the thread was in it already: then it is where it was.
    is_again: bool,
    /// Learned from the first event.
    node: Option<Arc<SpanNode>>,
    /// What the spans from the root to this one looked like, and when.
    chain: SpanChain,
    rendered: Option<(Edition, Generation)>,
}

thread_local! {
    static ENTERED: RefCell<Entered> = const { RefCell::new(Entered { spans: Vec::new(), depth: 0 }) };
}

/// Notes that this thread enters a span of that layer.
pub(super) fn enter(layer: LayerId, id: &Id) {
    let _is_alive = with_entered(|entered| entered.enter(layer, id));
}

/// Notes that this thread exits a span of that layer.
pub(super) fn exit(layer: LayerId, id: &Id) {
    let _is_alive = with_entered(|entered| entered.exit(layer, id));
}

/// Hands over the rendered spans that this thread is in, from the root to the innermost; `node` finds what
/// the layer keeps with a span. Returns nothing where this thread cannot know: it is ending, or in the middle
/// of this already.
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

/// Does something with the spans that this thread is in; nothing where it is ending, or in the middle of this already.
fn with_entered<T>(work: impl FnOnce(&mut Entered) -> T) -> Option<T> {
    let done = ENTERED.try_with(|entered| Some(work(&mut *entered.try_borrow_mut().ok()?)));
    done.ok().flatten()
}

impl Entered {
    fn enter(&mut self, layer: LayerId, id: &Id) {
        let mut inside = self.spans.iter().take(self.depth);
        let is_again = inside.any(|span| span.is(layer, id));
        match self.spans.get_mut(self.depth) {
            Some(span) => {
                span.layer = layer;
                span.id = id.clone();
                span.is_again = is_again;
            }
            None => self.spans.push(EnteredSpan {
                layer,
                id: id.clone(),
                is_again,
                node: None,
                chain: SpanChain::new(),
                rendered: None,
            }),
        }
        self.depth += 1;
    }

    /// Spans may be exited in any order.
    fn exit(&mut self, layer: LayerId, id: &Id) {
        let (inside, _) = self.spans.split_at_mut(self.depth);
        let Some(at) = inside.iter().rposition(|span| span.is(layer, id)) else {
            return;
        };
        if let Some(from) = inside.get_mut(at..) {
            from.rotate_left(1);
        }
        if let Some(left) = inside.last_mut() {
            left.node = None;
            left.rendered = None;
            left.chain.clear();
        }
        self.depth -= 1;
        if self.depth >= KEPT_SPANS {
            self.spans.truncate(self.depth);
        }
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

    /// Renders the spans anew if one of them, or the policy, changed since this thread looked.
    fn refresh(&mut self, layer: &Connected<'_>, node: impl FnOnce(&Id) -> Option<Arc<SpanNode>>) {
        if self.node.is_none() {
            self.node = node(&self.id);
        }
        let Some(node) = &self.node else { return };
        if node.is_closed() {
            // As the registry has it, who forgot to exit a span that is no more is in none.
            self.chain.clear();
            self.rendered = None;
            return;
        }
        let generation = layer.generation();
        let now = (node.edition(), generation);
        if self.rendered != Some(now) {
            // Taken before they are rendered: what changes meanwhile is seen the next time.
            node.render_chain(&mut self.chain, layer);
            self.rendered = Some(now);
        }
    }
}

/// How many spans' buffers a thread keeps: nested deeper is recursion, which ends.
const KEPT_SPANS: usize = 64;
