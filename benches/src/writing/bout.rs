//! Contenders that take turns at one setting, and their outcomes.

use super::NAME;
use super::contender::{Contender, Role};
use super::left::Left;
use super::pace::{BURST_EVENTS, Pace};
use super::sample::Sample;
use super::task::{Task, Timing};
use super::work::Work;
use crate::Result;
use crate::child;
use crate::effort::Effort;
use crate::series::Series;

/// The conditions of a measurement, the same for all contenders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) work: Work,
    pub(super) pace: Pace,
    pub(super) threads: u64,
}

/// The rounds of one contender at one setting.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) contender: Contender,
    pub(super) setting: Setting,
    pub(super) mean: Series,
    pub(super) p50: Series,
    pub(super) p99: Series,
    pub(super) cpu: Series,
    pub(super) rate: Series,
    /// Bytes of an event's line, or NaN if nothing is written.
    pub(super) bytes: f64,
    /// Number of events that are not in the files, in all rounds.
    pub(super) lost: u64,
}

/// Measures the contenders in turn, round by round.
pub(super) fn take_turns(
    setting: Setting,
    contenders: &[Contender],
    effort: Effort,
) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = contenders
        .iter()
        .map(|contender| Outcome::new(*contender, setting))
        .collect();
    for _ in 0..setting.rounds(effort) {
        for outcome in &mut outcomes {
            outcome.measure(effort)?;
        }
    }
    Ok(outcomes)
}

impl Setting {
    /// Returns the number of rounds: most for the settings with targets.
    fn rounds(self, effort: Effort) -> usize {
        match (self.work, self.threads) {
            (Work::First, 1) => effort.rounds(),
            (Work::First, _) => effort.pick(5, 1),
            (Work::NoSpans | Work::TwelveFields | Work::Escaped | Work::Formatted, _) => {
                effort.pick(3, 1)
            }
        }
    }

    /// Returns the number of events that each thread emits.
    fn events(self, contender: Contender, effort: Effort) -> u64 {
        match self.pace {
            Pace::Bursts => effort.pick(120, 5) * BURST_EVENTS,
            Pace::Steady => effort.pick(1000, 50),
            Pace::BackToBack => {
                let events = effort.pick(120_000, 4000) / self.threads;
                match contender.role() {
                    Role::Own | Role::Peer => events,
                    // More events are needed to time what takes a nanosecond.
                    Role::Reference => events * 10,
                }
            }
        }
    }
}

impl Outcome {
    fn new(contender: Contender, setting: Setting) -> Self {
        Self {
            contender,
            setting,
            mean: Series::default(),
            p50: Series::default(),
            p99: Series::default(),
            cpu: Series::default(),
            rate: Series::default(),
            bytes: f64::NAN,
            lost: 0,
        }
    }

    /// Measures one round: the loops in one process, and each event in another one. At the steady
    /// pace each event is a loop of its own.
    fn measure(&mut self, effort: Effort) -> Result<()> {
        let each = self.in_own_process(Timing::Events, effort)?;
        let all = match self.setting.pace {
            Pace::Bursts | Pace::BackToBack => self.in_own_process(Timing::Batches, effort)?,
            Pace::Steady => each,
        };
        self.mean.push(all.mean);
        self.cpu.push(all.cpu);
        self.rate.push(all.rate);
        self.p50.push(each.p50);
        self.p99.push(each.p99);
        Ok(())
    }

    fn in_own_process(&mut self, timing: Timing, effort: Effort) -> Result<Sample> {
        let Setting {
            work,
            pace,
            threads,
        } = self.setting;
        let task = Task {
            work,
            pace,
            timing,
            threads,
            events: self.setting.events(self.contender, effort),
        };
        let directory = tempfile::tempdir()?;
        let words = task.words();
        let path = directory.path().to_str().ok_or("the path is not UTF-8")?;
        let mut arguments = vec![self.contender.word()];
        arguments.extend(words.iter().map(String::as_str));
        arguments.push(path);
        let mut sample = Sample::of_output(&child::measure(NAME, &arguments)?)?;
        match self.contender.role() {
            Role::Own | Role::Peer => {
                let left = Left::in_directory(directory.path())?;
                self.bytes = left.bytes_per_line();
                self.lost += task.lines().saturating_sub(left.lines);
                sample.rate *= left.part_of(task.lines());
            }
            Role::Reference => {}
        }
        Ok(sample)
    }
}
