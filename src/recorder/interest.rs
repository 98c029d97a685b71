//! Whom `tracing` asks which call sites are of interest: the subscribers with layers of this recorder, and
//! how it is made to ask them again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use tracing::Dispatch;
use tracing::dispatcher::{WeakDispatch, with_default};

/// The subscribers that hold layers of a recorder, for as long as they live.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    subscribers: Mutex<Vec<WeakDispatch>>,
}

impl Interest {
    /// Remembers a subscriber.
    pub(crate) fn register(&self, subscriber: &Dispatch) {
        let mut subscribers = self
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|known| known.upgrade().is_some());
        subscribers.push(subscriber.downgrade());
    }

    /// Has `tracing` ask every layer of the process again. Where there is only one subscriber, `tracing` asks
    /// that of the calling thread (tracing-core 0.1.36, `Rebuilder::JustOne`); a worker has none, which would
    /// silence all that the process logs, so it borrows ours.
    pub(super) fn ask_again(&self) {
        let known = self
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find_map(WeakDispatch::upgrade);
        if let Some(subscriber) = known {
            // Layers of others are asked, too, and what they do must not end our worker.
            let ask = || with_default(&subscriber, tracing::callsite::rebuild_interest_cache);
            let _asked = catch_unwind(AssertUnwindSafe(ask));
        }
    }
}
