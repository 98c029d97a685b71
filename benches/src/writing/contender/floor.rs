//! The least that a recording layer does: it visits the fields, and copies the bytes of a line.

use std::cell::RefCell;
use std::fmt;
use std::hint::black_box;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

use crate::writing::facade::Tracing;
use crate::writing::sample::Sample;
use crate::writing::task::Task;

/// Visits and copies, and ignores spans.
pub(super) fn record(task: &Task) -> Sample {
    let line = vec![b'x'; task.work.line_bytes()];
    let registry = tracing_subscriber::registry();
    registry.with(Floor { line }).init();
    task.run(Tracing, || {})
}

struct Floor {
    line: Vec<u8>,
}

impl<S: Subscriber> Layer<S> for Floor {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        event.record(&mut Visitor);
        LINE.with_borrow_mut(|line| {
            line.clear();
            line.extend_from_slice(black_box(&self.line));
            black_box(line);
        });
    }
}

/// Visits values without formatting them.
struct Visitor;

impl Visit for Visitor {
    fn record_f64(&mut self, field: &Field, value: f64) {
        black_box((field, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        black_box((field, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        black_box((field, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        black_box((field, value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        black_box((field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        black_box((field, value));
    }
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
