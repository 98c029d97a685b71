//! The end of a handle's session: when the handle is dropped, and otherwise when the process exits.
//! A handle in a `static`, one that was leaked, and all handles at `process::exit` are never
//! dropped; for them a hook, which the C library calls at the end of the process, does the same as
//! dropping them would. `recorder` and `report` write the last records.
//!
//! The hook runs on the thread that ends the process, after the destructors of that thread's local
//! storage and while all other threads continue, in any state: it takes no lock without a limit,
//! starts no thread, and neither panics nor prints. It does nothing in a forked child that recorded
//! nothing of its own, and nothing for a session that has ended. `abort`, `_exit` and signals do
//! not call it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::clock;
use crate::outlet::Outlet;
use crate::recorder::lock_until;
use crate::report::{Reporter, Waiting};

/// The actions at the end of a handle's session.
#[derive(Debug)]
pub(crate) struct Ending {
    outlet: Arc<Outlet>,
    reporter: Arc<Reporter>,
    /// The thread that waits for reports to be due, if there is one.
    waiting: Mutex<Option<Waiting>>,
}

/// The endings of the live handles of this process.
static ENDINGS: Mutex<Vec<Weak<Ending>>> = Mutex::new(Vec::new());

impl Ending {
    /// Creates the ending of a handle. If the handle is never dropped, the session ends with the
    /// process.
    pub(crate) fn new(
        outlet: Arc<Outlet>,
        reporter: Arc<Reporter>,
        waiting: Option<Waiting>,
    ) -> Arc<Self> {
        let is_recorder = outlet.recorder().is_some();
        let ending = Arc::new(Self {
            outlet,
            reporter,
            waiting: Mutex::new(waiting),
        });
        // In a forked child, the lock may be held by a thread that does not exist there.
        if is_recorder && let Some(mut endings) = lock_until(&ENDINGS, clock::deadline(LOCK_WAIT)) {
            endings.retain(|ending| ending.strong_count() > 0);
            endings.push(Arc::downgrade(&ending));
        }
        ending
    }

    /// Ends the session: writes everything that is still in memory, and waits for it until the
    /// deadline.
    pub(crate) fn end(&self, deadline: Instant) {
        self.end_waiting(deadline);
        if let Some(recorder) = self.outlet.recorder() {
            let also = self.reporter.ending(deadline);
            recorder.close(&also, deadline);
        }
    }

    /// Ends the session with the process. Nothing is done if a lock is held by a thread that does
    /// not release it, which may be this one.
    fn end_with_process(&self, deadline: Instant) {
        let Some(recorder) = self.outlet.recorder() else {
            return;
        };
        let soon = || deadline.min(clock::deadline(LOCK_WAIT));
        if !recorder.is_open_within(soon()) {
            return;
        }
        self.end_waiting(deadline);
        let also = self.reporter.ending(soon());
        recorder.close_with_process(&also, deadline);
    }

    fn end_waiting(&self, deadline: Instant) {
        let waiting = lock_until(&self.waiting, deadline).and_then(|mut waiting| waiting.take());
        if let Some(waiting) = waiting {
            waiting.end(deadline);
        }
    }
}

/// Ends the sessions of all handles that were not dropped.
#[expect(
    clippy::mem_forget,
    reason = "it ends with the process and needs no destructor, which would run after those of the thread"
)]
fn end_all() {
    let deadline = clock::deadline(EXIT_WAIT);
    let Some(mut endings) = lock_until(&ENDINGS, clock::deadline(LOCK_WAIT)) else {
        return;
    };
    let endings = std::mem::take(&mut *endings);
    for ending in &endings {
        if let Some(ending) = ending.upgrade() {
            ending.end_with_process(deadline);
            std::mem::forget(ending);
        }
    }
}

dtor::declarative::dtor! {
    #[dtor(unsafe)]
    fn end_with_process() {
        let _ended = catch_unwind(AssertUnwindSafe(end_all));
    }
}

/// The time that the end of the process waits for all sessions together: as long as dropping a
/// handle does.
const EXIT_WAIT: Duration = Duration::from_secs(5);

/// The time to wait for a lock that is usually held for well under a millisecond: on a busy
/// machine, the thread that holds it may not run for a while.
const LOCK_WAIT: Duration = Duration::from_secs(1);
