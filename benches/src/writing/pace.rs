//! The pace of the events.

use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// The pace of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// A few at a time, so that a worker keeps up, as in a program with other work to do.
    Bursts,
    /// One after the other: limited by the worker, the disk and the buffer.
    BackToBack,
    /// A thousand a second, one in each millisecond: a worker that sleeps must be woken each time.
    Steady,
}

impl Pace {
    pub(super) const ALL: [Self; 3] = [Self::Bursts, Self::BackToBack, Self::Steady];

    /// Returns its name in the arguments of a child process.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Bursts => "bursts",
            Self::BackToBack => "back-to-back",
            Self::Steady => "steady",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("unknown pace `{word}`").into())
    }

    /// Returns its name in a heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Bursts => "in bursts",
            Self::BackToBack => "back to back",
            Self::Steady => "1,000 events a second",
        }
    }

    /// Returns the number of events in a batch.
    pub(super) fn batch_events(self, events: u64) -> u64 {
        match self {
            Self::Bursts => BURST_EVENTS,
            Self::BackToBack => events.max(1),
            Self::Steady => 1,
        }
    }

    /// Waits until the next batch is due.
    pub(super) fn wait(self, start: Instant) {
        match self {
            Self::Bursts => thread::sleep(PAUSE),
            Self::BackToBack => {}
            Self::Steady => {
                let into = start.elapsed().subsec_nanos() % TICK.subsec_nanos();
                thread::sleep(TICK.saturating_sub(Duration::from_nanos(into.into())));
            }
        }
    }
}

/// Number of events in a burst, as of one request. All workers write them within the pause.
pub(super) const BURST_EVENTS: u64 = 64;

/// The pause between two bursts.
const PAUSE: Duration = Duration::from_millis(2);

/// A thousand events in a second.
const TICK: Duration = Duration::from_millis(1);
