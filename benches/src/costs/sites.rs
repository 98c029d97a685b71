//! A thousand call sites that record the same event, each with its own `static`.

use std::iter::Cycle;
use std::slice::Iter;

/// Calls call sites in turn.
pub(super) struct Sites {
    turns: Cycle<Iter<'static, Site>>,
    duration: u64,
}

/// A function that records the event with a duration.
type Site = fn(u64);

impl Sites {
    /// Returns one call site, which is called repeatedly.
    pub(super) fn one() -> Self {
        Self::first(1)
    }

    /// Returns a thousand call sites.
    pub(super) fn thousand() -> Self {
        Self::first(SITES.as_flattened().as_flattened().len())
    }

    fn first(count: usize) -> Self {
        let all = SITES.as_flattened().as_flattened();
        Self {
            turns: all.get(..count).unwrap_or(all).iter().cycle(),
            duration: 0,
        }
    }

    /// Records one event at the next call site.
    pub(super) fn emit(&mut self) {
        self.duration += 1;
        if let Some(site) = self.turns.next() {
            site(self.duration);
        }
    }
}

macro_rules! site {
    () => {
        |duration| {
            tracing::info!(
                command = "project-list",
                result = "SUCCESS",
                duration,
                ratio = 0.25,
                cached = true,
                "listed projects"
            );
        }
    };
}

macro_rules! ten {
    ($($made:tt)*) => {
        [
            $($made)*, $($made)*, $($made)*, $($made)*, $($made)*,
            $($made)*, $($made)*, $($made)*, $($made)*, $($made)*,
        ]
    };
}

static SITES: [[[Site; 10]; 10]; 10] = ten!(ten!(ten!(site!())));
