//! How fast the events come.

use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// How fast the events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// A few at a time, so that a worker keeps up: what a program notices that has other work to do.
    Bursts,
    /// One after the other: the worker, the disk and the bound on memory show.
    BackToBack,
    /// A thousand a second, one in each millisecond: who sleeps is to be woken up each time.
    Steady,
}

impl Pace {
    pub(super) const ALL: [Self; 3] = [Self::Bursts, Self::BackToBack, Self::Steady];

    /// Returns the word for it between this process and those that measure.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Bursts => "bursts",
            Self::BackToBack => "back-to-back",
            Self::Steady => "steady",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("no pace is called `{word}`").into())
    }

    /// Says it in a heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Bursts => "in bursts",
            Self::BackToBack => "back to back",
            Self::Steady => "1,000 events a second",
        }
    }

    /// Returns how many of these events come at once.
    pub(super) fn batch_events(self, events: u64) -> u64 {
        match self {
            Self::Bursts => BURST_EVENTS,
            Self::BackToBack => events.max(1),
            Self::Steady => 1,
        }
    }

    /// Waits for the next batch's time.
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

/// So many events come at once, as from one request; all workers empty that within the pause.
pub(super) const BURST_EVENTS: u64 = 64;

/// The pause between two bursts.
const PAUSE: Duration = Duration::from_millis(2);

/// A thousand events in a second.
const TICK: Duration = Duration::from_millis(1);
