//! The spans of an event, rendered and joined, ready to be copied into its line.

/// The rendered spans from the root to a leaf.
#[derive(Debug)]
pub(crate) struct SpanChain {
    /// `{…},{…}`.
    pub(super) rendered: Vec<u8>,
    pub(super) spans: u64,
    /// How many spans of the scope are not among them.
    pub(crate) left_out: u64,
    /// Whether there are more than a line may hold: then they are only counted.
    pub(super) is_overlong: bool,
}

impl SpanChain {
    /// Returns a chain without spans.
    pub(crate) const fn new() -> Self {
        Self {
            rendered: Vec::new(),
            spans: 0,
            left_out: 0,
            is_overlong: false,
        }
    }

    /// Forgets all spans, and keeps the buffer unless it is far larger than usual.
    pub(crate) fn clear(&mut self) {
        self.rendered.clear();
        self.rendered.shrink_to(KEPT_BYTES);
        self.spans = 0;
        self.left_out = 0;
        self.is_overlong = false;
    }

    /// Adds the next span on the way from the root to the leaf, to a line that may have so many bytes.
    pub(crate) fn push(&mut self, rendered: &[u8], line_bytes_max: usize) {
        self.is_overlong |= self.rendered.len() + rendered.len() > line_bytes_max;
        if self.is_overlong {
            self.spans += 1;
            return;
        }
        if self.spans > 0 {
            self.rendered.push(b',');
        }
        self.rendered.extend_from_slice(rendered);
        self.spans += 1;
    }
}

/// How much of a buffer is kept: far more than the spans of a usual event.
const KEPT_BYTES: usize = 4096;
