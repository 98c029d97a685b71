//! The task of one process: a number of events of a workload, at a pace, by several threads.
//!
//! The threads warm up and wait for each other; the time is taken from then until everything is in
//! the files.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::facade::Facade;
use super::pace::Pace;
use super::sample::{Sample, Spent};
use super::work::Work;
use crate::Result;

/// The task of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) pace: Pace,
    pub(super) timing: Timing,
    pub(super) threads: u64,
    /// Number of events of each thread.
    pub(super) events: u64,
}

/// The unit that the caller times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    /// Whole batches: for the mean, without the cost of reading the clock.
    Batches,
    /// Each event: for the median and the tail. Reading the clock is in each of these times.
    Events,
}

impl Timing {
    const ALL: [Self; 2] = [Self::Batches, Self::Events];

    fn word(self) -> &'static str {
        match self {
            Self::Batches => "batches",
            Self::Events => "events",
        }
    }

    fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("unknown timing `{word}`").into())
    }
}

/// The times of one thread.
struct Caller {
    nanos: u128,
    each: Vec<u32>,
}

impl Task {
    /// Returns the task as arguments of a child process.
    pub(super) fn words(&self) -> [String; 5] {
        [
            self.work.word().to_owned(),
            self.pace.word().to_owned(),
            self.timing.word().to_owned(),
            self.threads.to_string(),
            self.events.to_string(),
        ]
    }

    /// Parses the arguments of a child process: the task, and the directory to write to.
    pub(super) fn of_words(words: &[&str]) -> Result<(Self, PathBuf)> {
        let [work, pace, timing, threads, events, directory] = words else {
            return Err(format!("a task has six words: {}", words.join(" ")).into());
        };
        let task = Self {
            work: Work::of_word(work)?,
            pace: Pace::of_word(pace)?,
            timing: Timing::of_word(timing)?,
            threads: threads.parse()?,
            events: events.parse()?,
        };
        Ok((task, Path::new(directory).to_owned()))
    }

    /// Returns the number of events that should be in the files.
    pub(super) fn lines(&self) -> u64 {
        self.threads * (self.warm_up_events() + self.events)
    }

    fn warm_up_events(&self) -> u64 {
        (self.events / 10).min(WARM_UP_EVENTS_MAX)
    }

    /// Emits the events; `close` returns once all of them are in the files.
    pub(super) fn run(&self, facade: impl Facade, close: impl FnOnce()) -> Sample {
        let barrier = Barrier::new(usize::try_from(self.threads).unwrap_or(usize::MAX) + 1);
        let (start, cpu, callers) = thread::scope(|scope| {
            let caller = || self.call(facade, &barrier);
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(caller)).collect();
            barrier.wait();
            thread::sleep(SETTLE);
            let (start, cpu) = (Instant::now(), process_nanos());
            barrier.wait();
            let callers: Vec<Caller> = threads
                .into_iter()
                .filter_map(|thread| thread.join().ok())
                .collect();
            (start, cpu, callers)
        });
        close();
        Sample::from(Spent {
            events: self.threads * self.events,
            wall: start.elapsed().as_nanos(),
            cpu: process_nanos() - cpu,
            callers: callers.iter().map(|caller| caller.nanos).sum(),
            each: callers.into_iter().flat_map(|caller| caller.each).collect(),
        })
    }

    /// Emits the events of one thread.
    fn call(&self, facade: impl Facade, barrier: &Barrier) -> Caller {
        facade.in_spans(self.work, || {
            for number in 0..self.warm_up_events() {
                facade.emit(self.work, number);
            }
            let mut caller = Caller {
                nanos: 0,
                each: Vec::with_capacity(match self.timing {
                    Timing::Batches => 0,
                    Timing::Events => usize::try_from(self.events).unwrap_or_default(),
                }),
            };
            // First until all threads are warm, then until their workers are idle again.
            barrier.wait();
            barrier.wait();
            let start = Instant::now();
            let batch = self.pace.batch_events(self.events);
            for first in (0..self.events).step_by(usize::try_from(batch).unwrap_or(usize::MAX)) {
                self.pace.wait(start);
                let numbers = first..self.events.min(first + batch);
                match self.timing {
                    Timing::Batches => caller.batch(facade, self.work, numbers),
                    Timing::Events => caller.one_by_one(facade, self.work, numbers),
                }
            }
            caller
        })
    }
}

impl Caller {
    fn batch(&mut self, facade: impl Facade, work: Work, numbers: Range<u64>) {
        let start = Instant::now();
        for number in numbers {
            facade.emit(work, number);
        }
        self.nanos += start.elapsed().as_nanos();
    }

    fn one_by_one(&mut self, facade: impl Facade, work: Work, numbers: Range<u64>) {
        for number in numbers {
            let start = Instant::now();
            facade.emit(work, number);
            let nanos = start.elapsed().as_nanos();
            self.nanos += nanos;
            self.each.push(u32::try_from(nanos).unwrap_or(u32::MAX));
        }
    }
}

/// Returns the processor time of this process in nanoseconds, with threads that ended.
fn process_nanos() -> u128 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default().as_nanos()
}

/// Enough for buffers to reach their size.
const WARM_UP_EVENTS_MAX: u64 = 4000;

/// Long enough for a worker to write the events of the warm-up.
const SETTLE: Duration = Duration::from_millis(40);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_reads_back() {
        let task = Task {
            work: Work::Escaped,
            pace: Pace::Steady,
            timing: Timing::Events,
            threads: 2,
            events: 1500,
        };
        let words = task.words();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.push("somewhere");
        let (read, directory) = Task::of_words(&words).unwrap();
        assert_eq!(read, task);
        assert_eq!(directory, Path::new("somewhere"));
    }
}
