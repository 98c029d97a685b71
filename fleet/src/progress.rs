//! How much of the work is done, drawn on a terminal after a second. It is drawn by a thread of its
//! own, so that those that work only add numbers.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::quantity::size;

/// The bytes that are done, of those that are to be read.
#[derive(Debug, Default)]
pub(crate) struct FleetProgress {
    total: AtomicU64,
    done: AtomicU64,
    is_over: AtomicBool,
}

impl FleetProgress {
    /// Adds bytes that are to be read.
    pub(crate) fn expect(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds bytes that are done.
    pub(crate) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns `true` if somebody can see it.
    pub(crate) fn is_shown() -> bool {
        io::stderr().is_terminal()
    }

    /// Runs the work, and draws how far it is meanwhile, if somebody can see it.
    pub(crate) fn drawn<T>(&self, work: impl FnOnce() -> T) -> T {
        if !Self::is_shown() {
            return work();
        }
        thread::scope(|scope| {
            let drawer = thread::Builder::new().name("progress".to_owned());
            let drawer = drawer.spawn_scoped(scope, || self.draw());
            let result = work();
            self.is_over.store(true, Ordering::Release);
            if let Ok(drawer) = drawer {
                drawer.thread().unpark();
            }
            result
        })
    }

    fn draw(&self) {
        let start = Instant::now();
        let mut is_drawn = false;
        while !self.is_over.load(Ordering::Acquire) {
            if start.elapsed() >= DRAWN_AFTER {
                is_drawn = true;
                write_now(&format!("\r\x1b[K{}", self.text()));
            }
            thread::park_timeout(DRAWN_EACH);
        }
        if is_drawn {
            write_now("\r\x1b[K");
        }
    }

    fn text(&self) -> String {
        let total = self.total.load(Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed).min(total);
        let percent = (u128::from(done) * 100)
            .checked_div(total.into())
            .unwrap_or(0);
        format!("{} of {} ({percent} %)", size(done), size(total))
    }
}

fn write_now(text: &str) {
    let mut terminal = io::stderr().lock();
    // A terminal that is gone is not worth a failure.
    drop(terminal.write_all(text.as_bytes()));
    drop(terminal.flush());
}

const DRAWN_AFTER: Duration = Duration::from_secs(1);
const DRAWN_EACH: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_the_share_of_the_bytes() {
        let progress = FleetProgress::default();
        assert_eq!(progress.text(), "0 B of 0 B (0 %)");
        progress.expect(200);
        progress.add(50);
        assert_eq!(progress.text(), "50 B of 200 B (25 %)");
        progress.add(500);
        assert_eq!(progress.text(), "200 B of 200 B (100 %)");
    }
}
