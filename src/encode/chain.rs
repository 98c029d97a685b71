//! The spans of an event, rendered and joined, ready to be copied into its line.

/// The rendered spans from the root to a leaf.
#[derive(Debug)]
pub(crate) struct SpanChain {
    /// `{…},{…}`.
    pub(super) rendered: Vec<u8>,
    pub(super) spans: u64,
    /// Number of spans of the scope that are left out.
    pub(crate) left_out: u64,
    /// Whether the spans are longer than a line may be: they are then only counted.
    pub(super) is_overlong: bool,
}

impl SpanChain {
    /// Creates a chain without spans.
    pub(crate) const fn new() -> Self {
        Self {
            rendered: Vec::new(),
            spans: 0,
            left_out: 0,
            is_overlong: false,
        }
    }

    /// Removes all spans, and keeps the buffer unless it is far larger than usual.
    pub(crate) fn clear(&mut self) {
        self.rendered.clear();
        self.rendered.shrink_to(KEPT_BYTES);
        self.spans = 0;
        self.left_out = 0;
        self.is_overlong = false;
    }

    /// Adds the next span on the way from the root to the leaf, for a line of at most
    /// `line_bytes_max`.
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

/// Number of bytes of a buffer that are kept: far more than the spans of a usual event.
const KEPT_BYTES: usize = 4096;
