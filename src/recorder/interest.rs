//! Rebuilds the interests of `tracing` in all call sites, after the answers of our layers have
//! changed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, dispatcher};

thread_local! {
    /// Whether one of our layers or filters was queried on this thread since this was cleared.
    static WAS_QUERIED: Cell<bool> = const { Cell::new(false) };
}

/// Makes `tracing` query every layer and filter of the process again.
///
/// As long as `tracing` has only one subscriber, it queries the default one of the calling thread
/// instead (tracing-core 0.1.36, `Rebuilder::JustOne`). Without one, because the subscriber is the
/// scoped one of another thread, nothing would be of interest, which silences the process. A second
/// subscriber, however short-lived, makes `tracing` keep a list, and query all subscribers on it.
pub(crate) fn rebuild_interests() {
    let rebuild = || {
        let mut is_list_needed = dispatcher::get_default(Dispatch::is::<NoSubscriber>);
        for _ in 0..TRIES {
            let _is_alive = WAS_QUERIED.try_with(|was_queried| was_queried.set(false));
            if is_list_needed {
                drop(Dispatch::new(NoSubscriber::new()));
            }
            tracing::callsite::rebuild_interest_cache();
            if WAS_QUERIED.try_with(Cell::get).unwrap_or(true) {
                break;
            }
            // This also covers a subscriber of another thread that ended the list in between.
            is_list_needed = true;
        }
    };
    // Layers of others are queried, too, and a panic in one must not end our worker.
    let _result = catch_unwind(AssertUnwindSafe(rebuild));
}

/// Records that `tracing` queries one of our layers or filters on this thread.
pub(crate) fn note_query() {
    let _is_alive = WAS_QUERIED.try_with(|was_queried| was_queried.set(true));
}

/// The number of tries. If no subscriber contains a layer of ours, none is ever queried.
const TRIES: usize = 3;
