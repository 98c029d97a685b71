//! The macros that emit events: a contender is measured with those that its users write.

mod emit;
mod log;
mod tracing;

use super::work::Work;

pub(super) use self::emit::Emit;
pub(super) use self::log::{LogInContext, LogOfKeys};
pub(super) use self::tracing::{TARGET, Tracing};

/// A set of macros.
pub(super) trait Facade: Copy + Send + Sync {
    /// Runs the body within the spans of the workload, or their nearest equivalent.
    fn in_spans<R>(self, work: Work, body: impl FnOnce() -> R) -> R;

    /// Emits one event.
    fn emit(self, work: Work, number: u64);
}
