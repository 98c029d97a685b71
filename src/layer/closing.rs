//! The records of closed spans: decides whether a span that closes is recorded, and encodes it as
//! the policy in force at that time allows it.

use std::time::Instant;

use super::span::SpanNode;
use super::timing::SpanClock;
use super::{Connected, Scratch, with_scratch};
use crate::clock;
use crate::encode::{Own, PendingLine, Site, SpanTimes, SpanValues};
use crate::outlet::{RefusalReason, TRIES};
use crate::policy::Generation;
use crate::recorder::Stale;

/// A closed span that is to be recorded.
struct ClosedSpan<'n> {
    node: &'n SpanNode,
    times: SpanTimes,
    micros: i64,
    /// Whether it was open before the current period.
    refusal: Option<RefusalReason>,
}

impl Connected<'_> {
    /// Records a span that closes, if it was open for long enough.
    pub(super) fn record_closed(&self, node: &SpanNode, clock: &SpanClock) {
        let times = clock.times_at(Instant::now());
        if !self.outlet.spans.include(times.total) || !self.outlet.accepts(node.metadata) {
            return;
        }
        let is_same_period = clock.period.is_some() && clock.period == self.outlet.period();
        let span = ClosedSpan {
            node,
            times,
            micros: clock::micros_since_epoch(),
            refusal: (!is_same_period).then_some(RefusalReason::OtherPeriod),
        };
        with_scratch(|scratch| self.offer_closed(&span, scratch));
    }

    /// Encodes a closed span and offers it; encodes it again if the policy changed in between.
    fn offer_closed(&self, span: &ClosedSpan<'_>, scratch: &mut Scratch) {
        for _ in 0..TRIES {
            let Some((refusal, generation)) = self.encode_closed(span, scratch) else {
                break;
            };
            if let Some(refusal) = refusal {
                let _ = self.outlet.refuse_for(refusal, &scratch.frame);
                return;
            }
            let outcome = self.outlet.offer(&scratch.frame, span.micros, generation);
            scratch.shrink();
            if outcome != Err(Stale) {
                return;
            }
        }
        let _ = self.outlet.refuse();
    }

    /// Encodes a closed span into the frame. Returns why it is refused, if it is, and the policy
    /// that applied; `None` if that policy cannot be read, or if nobody would see the refused
    /// record.
    fn encode_closed(
        &self,
        span: &ClosedSpan<'_>,
        scratch: &mut Scratch,
    ) -> Option<(Option<RefusalReason>, Generation)> {
        let Scratch {
            frame,
            stamp,
            chain,
            ..
        } = scratch;
        let encode = |site: &Site, values: &SpanValues| {
            let by_policy = (!site.admits_closing()).then_some(RefusalReason::Policy);
            let refusal = by_policy.or(span.refusal);
            if refusal.is_some() && !self.outlet.is_shown() {
                return None;
            }
            let time = (stamp, span.micros);
            let mut line = PendingLine::start(frame, self.outlet.limits, time, site.start());
            line.closed_span(site, values, span.times);
            Some((line, refusal, site.generation()))
        };
        let (mut line, refusal, generation) = span.node.with_values(self, encode)??;
        if let Some(parent) = span.node.parent() {
            parent.render_chain(chain, self);
            line.spans(chain);
        }
        line.finish(Own::Application);
        Some((refusal, generation))
    }
}
