//! The data that the layer keeps for a span: its values, its rendered form, and the path to the
//! root.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing::Metadata;

use super::timing::SpanClock;
use super::{Connected, LayerId};
use crate::encode::{Site, SpanChain, SpanValues};
use crate::outlet::TRIES;

/// The data of one layer for a span.
#[derive(Debug)]
pub(super) struct SpanNode {
    parent: Option<Arc<Self>>,
    /// The innermost of the outermost spans that a line contains, if this span is nested in it.
    outermost: Option<Arc<Self>>,
    /// Number of spans from the root to this one.
    depth: usize,
    /// Number of those spans that the policy admitted when they opened.
    admitted: u64,
    pub(super) metadata: &'static Metadata<'static>,
    /// Its time, if spans are timed.
    pub(super) clock: Option<SpanClock>,
    /// Spans are rendered when they open or record, never when an event occurs in them.
    state: RwLock<SpanState>,
    /// Number of times that it was rendered again.
    changes: AtomicU64,
    is_closed: AtomicBool,
}

#[derive(Debug)]
struct SpanState {
    site: Arc<Site>,
    values: SpanValues,
    rendered: Vec<u8>,
}

impl SpanState {
    /// Applies a newer policy to the values. Returns `true` if the policy is newer than the
    /// previous one.
    fn narrow(&mut self, site: Arc<Site>) -> bool {
        let is_newer = self.site.generation() < site.generation();
        if is_newer {
            self.values = self.values.narrowed(&site);
            self.site = site;
        }
        is_newer
    }
}

/// The nodes that the layers of this type keep for one span.
#[derive(Debug, Default)]
pub(super) struct SpanNodes(Vec<(LayerId, Arc<SpanNode>)>);

/// The state of a span and its ancestors: a different number means that one of them was rendered
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edition(u64);

impl SpanNode {
    /// Renders a new span.
    pub(super) fn new(
        parent: Option<Arc<Self>>,
        metadata: &'static Metadata<'static>,
        (site, values): (Arc<Site>, SpanValues),
        clock: Option<SpanClock>,
    ) -> Self {
        let rendered = values.render(metadata.name());
        let is_admitted = site.is_admitted();
        let state = RwLock::new(SpanState {
            site,
            values,
            rendered,
        });
        let (depth, admitted) = parent
            .as_ref()
            .map_or((0, 0), |parent| (parent.depth, parent.admitted));
        let outermost = match &parent {
            Some(parent) if parent.depth == OUTERMOST_MAX => Some(Arc::clone(parent)),
            Some(parent) => parent.outermost.clone(),
            None => None,
        };
        Self {
            parent,
            outermost,
            depth: depth + 1,
            admitted: admitted + u64::from(is_admitted),
            metadata,
            clock,
            state,
            changes: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Marks the span as closed: no thread is in it, even if one did not exit it.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    /// Returns `true` if the span is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Returns the span around it.
    pub(super) fn parent(&self) -> Option<&Self> {
        self.parent.as_deref()
    }

    /// Adds newly recorded values, unless a newer policy was put in force in between, which may
    /// treat them differently. Returns `true` if they were added.
    pub(super) fn merge(&self, site: Arc<Site>, newer: SpanValues) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.site.generation() > site.generation() {
            return false;
        }
        state.narrow(site);
        state.values.merge(newer);
        self.render_again(&mut state);
        true
    }

    fn render_again(&self, state: &mut SpanState) {
        state.rendered = state.values.render(self.metadata.name());
        self.changes.fetch_add(1, Ordering::Release);
    }

    fn to_root(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |node| node.parent.as_deref())
    }

    /// Returns the spans from this one to the root that a line contains. If there are too many,
    /// these are the innermost and the outermost ones.
    fn in_line(&self) -> impl Iterator<Item = &Self> {
        let (inner, outermost) = match &self.outermost {
            Some(outermost) if self.depth > SPANS_MAX => (INNERMOST_MAX, Some(&**outermost)),
            Some(_) | None => (SPANS_MAX, None),
        };
        let outer = outermost.into_iter().flat_map(Self::to_root);
        self.to_root().take(inner).chain(outer)
    }

    /// Returns the number of spans that are left out between those that a line contains.
    fn left_out(&self) -> u64 {
        let Some(outermost) = self.outermost.as_ref().filter(|_| self.depth > SPANS_MAX) else {
            return 0;
        };
        let last = self.to_root().nth(INNERMOST_MAX);
        last.map_or(0, |last| last.admitted.saturating_sub(outermost.admitted))
    }

    /// Returns the state of this span and its ancestors. The counts of changes only grow, so equal
    /// sums mean that none was rendered again.
    pub(super) fn edition(&self) -> Edition {
        let changes = self.in_line();
        Edition(
            changes
                .map(|node| node.changes.load(Ordering::Acquire))
                .sum(),
        )
    }

    /// Renders the spans from the root to this one.
    pub(super) fn render_chain(&self, chain: &mut SpanChain, layer: &Connected<'_>) {
        chain.clear();
        let mut nodes: [Option<&Self>; SPANS_MAX] = [None; SPANS_MAX];
        let mut depth = 0;
        for (place, node) in nodes.iter_mut().zip(self.in_line()) {
            *place = Some(node);
            depth += 1;
        }
        for node in nodes.iter().take(depth).rev().flatten() {
            node.render(chain, layer);
        }
        chain.left_out = self.left_out();
    }

    /// Adds this span, as the policy in force allows it; it is left out if that policy cannot be
    /// read.
    fn render(&self, chain: &mut SpanChain, layer: &Connected<'_>) {
        let _is_known = self.with_state(layer, |state| {
            if state.site.is_admitted() {
                chain.push(&state.rendered, layer.outlet.limits.line_bytes_max);
            }
        });
    }

    /// Calls `take` with the site and the values, as the policy in force allows them. Returns
    /// `None` if that policy cannot be read.
    pub(super) fn with_values<T>(
        &self,
        layer: &Connected<'_>,
        take: impl FnOnce(&Site, &SpanValues) -> T,
    ) -> Option<T> {
        self.with_state(layer, |state| take(&state.site, &state.values))
    }

    /// Calls `take` with the state under the policy in force.
    fn with_state<T>(
        &self,
        layer: &Connected<'_>,
        take: impl FnOnce(&SpanState) -> T,
    ) -> Option<T> {
        for _ in 0..TRIES {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if state.site.generation() == layer.generation() {
                return Some(take(&state));
            }
            drop(state);
            self.narrow(layer);
        }
        None
    }

    /// Renders the span again, with the policy in force applied to its values.
    fn narrow(&self, layer: &Connected<'_>) {
        let Some(site) = layer.site(self.metadata) else {
            return;
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.narrow(site) {
            self.render_again(&mut state);
        }
    }
}

impl SpanNodes {
    /// Adds the node of a layer.
    pub(super) fn add(&mut self, layer: LayerId, node: Arc<SpanNode>) {
        self.0.push((layer, node));
    }

    /// Returns the node of a layer.
    pub(super) fn of(&self, layer: LayerId) -> Option<Arc<SpanNode>> {
        let mut nodes = self.0.iter();
        let (_, node) = nodes.find(|(own, _)| *own == layer)?;
        Some(Arc::clone(node))
    }
}

/// The maximal number of recorded spans of a scope. Deeper nesting is recursion: its outermost
/// spans show the request, its innermost ones the current state, and those between are alike.
const SPANS_MAX: usize = 64;
const OUTERMOST_MAX: usize = SPANS_MAX / 2;
const INNERMOST_MAX: usize = SPANS_MAX - OUTERMOST_MAX;
