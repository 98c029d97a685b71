//! How `tracing` is made to ask every layer and filter of the process again, after what they want has changed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, dispatcher};

thread_local! {
    /// Whether a layer or filter of ours was asked on this thread since this was cleared.
    static WAS_ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Has `tracing` ask every layer and filter of the process again.
///
/// As long as `tracing` knows one subscriber only, it asks the default one of the calling thread instead
/// (tracing-core 0.1.36, `Rebuilder::JustOne`). Where there is none, because the subscriber is the scoped one of
/// another thread, the answer would be that nothing is of interest, which silences the process. A second
/// subscriber, however short it lives, makes `tracing` keep a list, and ask all that are on it.
pub(crate) fn ask_again() {
    let ask = || {
        let mut is_list_needed = dispatcher::get_default(Dispatch::is::<NoSubscriber>);
        for _ in 0..TRIES {
            let _is_alive = WAS_ASKED.try_with(|was_asked| was_asked.set(false));
            if is_list_needed {
                drop(Dispatch::new(NoSubscriber::new()));
            }
            tracing::callsite::rebuild_interest_cache();
            if WAS_ASKED.try_with(Cell::get).unwrap_or(true) {
                break;
            }
            // Also where a subscriber that another thread made in between ended the list.
            is_list_needed = true;
        }
    };
    // Layers of others are asked, too, and what they do must not end our worker.
    let _asked = catch_unwind(AssertUnwindSafe(ask));
}

/// Notes that `tracing` asks a layer or filter of ours on this thread.
pub(crate) fn note_asked() {
    let _is_alive = WAS_ASKED.try_with(|was_asked| was_asked.set(true));
}

/// How often it is tried. Where no subscriber holds a layer of ours, nothing of ours is ever asked.
const TRIES: usize = 3;
