//! Works on hosts with several threads. The work on a host has stages, and each stage has tasks
//! that are independent of each other: all threads work on the tasks of the hosts that are begun,
//! and a thread without a task begins another host. So one large host keeps all threads busy, many
//! small ones need not wait for each other, and never more hosts are begun than there are threads.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The work on a host.
pub(crate) trait Staged: Send + Sized {
    /// A part of a stage.
    type Task: Send;
    /// The result of a task.
    type Done: Send;

    /// Ends a stage with the results of its tasks, in their order, and returns the next one: the
    /// work and its tasks; `None` at the end. The first stage has no results.
    fn next(self, done: Vec<Self::Done>) -> Option<(Self, Vec<Self::Task>)>;

    /// Works on a task.
    fn work(task: Self::Task) -> Self::Done;
}

/// Does all work, with as many threads as there are processors.
pub(crate) fn run<S: Staged>(hosts: impl Iterator<Item = S> + Send) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    run_with(threads, hosts);
}

fn run_with<S: Staged>(threads: usize, hosts: impl Iterator<Item = S> + Send) {
    let pool = Pool {
        state: Mutex::new(PoolState {
            hosts,
            tasks: VecDeque::new(),
            stages: Vec::new(),
            working: 0,
            is_broken: false,
        }),
        changed: Condvar::new(),
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            let helper = thread::Builder::new().name("localtel-fleet".to_owned());
            // With fewer threads it takes longer.
            drop(helper.spawn_scoped(scope, || pool.help()));
        }
        pool.help();
    });
}

struct Pool<S: Staged, I> {
    state: Mutex<PoolState<S, I>>,
    /// There is a task, or nothing more to do.
    changed: Condvar,
}

/// Tells the other threads when this one panics.
struct PanicAlarm<'a, S: Staged, I: Iterator<Item = S>> {
    pool: &'a Pool<S, I>,
    is_armed: bool,
}

impl<S: Staged, I: Iterator<Item = S>> Drop for PanicAlarm<'_, S, I> {
    fn drop(&mut self) {
        if self.is_armed {
            self.pool.lock().is_broken = true;
            self.pool.changed.notify_all();
        }
    }
}

struct PoolState<S: Staged, I> {
    /// The hosts that are not begun.
    hosts: I,
    /// The tasks that no thread works on, with the place of their stage and their place in it.
    tasks: VecDeque<(usize, usize, S::Task)>,
    /// The stages that wait for tasks. The place of one that ended is used again.
    stages: Vec<Option<OpenStage<S>>>,
    /// The number of threads that work, and may add tasks.
    working: usize,
    /// Whether a thread panicked: the others end, and the scope passes the panic on.
    is_broken: bool,
}

struct OpenStage<S: Staged> {
    work: S,
    done: Vec<Option<S::Done>>,
    left: usize,
}

impl<S: Staged, I: Iterator<Item = S>> Pool<S, I> {
    fn lock(&self) -> MutexGuard<'_, PoolState<S, I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until there is nothing more to do.
    fn help(&self) {
        let mut alarm = PanicAlarm {
            pool: self,
            is_armed: true,
        };
        let mut state = self.lock();
        loop {
            if state.is_broken {
                break;
            }
            if let Some((place, number, task)) = state.tasks.pop_front() {
                state.working += 1;
                drop(state);
                let done = S::work(task);
                state = self.lock();
                if let Some(stage) = state.finish(place, number, done) {
                    drop(state);
                    self.advance(stage.work, stage.done.into_iter().flatten().collect());
                    state = self.lock();
                }
            } else if let Some(work) = state.hosts.next() {
                state.working += 1;
                drop(state);
                self.advance(work, Vec::new());
                state = self.lock();
            } else if state.working > 0 {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            } else {
                break;
            }
            state.working -= 1;
            self.changed.notify_all();
        }
        alarm.is_armed = false;
    }

    /// Ends a stage, and those after it that have no tasks.
    fn advance(&self, mut work: S, mut done: Vec<S::Done>) {
        while let Some((next, tasks)) = work.next(std::mem::take(&mut done)) {
            if !tasks.is_empty() {
                self.lock().open(next, tasks);
                return;
            }
            work = next;
        }
    }
}

impl<S: Staged, I> PoolState<S, I> {
    /// Adds a stage with its tasks.
    fn open(&mut self, work: S, tasks: Vec<S::Task>) {
        let stage = OpenStage {
            work,
            done: tasks.iter().map(|_| None).collect(),
            left: tasks.len(),
        };
        let free = self.stages.iter().position(Option::is_none);
        let place = free.unwrap_or(self.stages.len());
        match self.stages.get_mut(place) {
            Some(free) => *free = Some(stage),
            None => self.stages.push(Some(stage)),
        }
        let tasks = tasks.into_iter().enumerate();
        self.tasks
            .extend(tasks.map(|(number, task)| (place, number, task)));
    }

    /// Notes the result of a task, and returns the stage if it was its last one.
    fn finish(&mut self, place: usize, number: usize, done: S::Done) -> Option<OpenStage<S>> {
        let slot = self.stages.get_mut(place)?;
        let stage = slot.as_mut()?;
        if let Some(result) = stage.done.get_mut(number) {
            *result = Some(done);
        }
        stage.left -= 1;
        if stage.left > 0 {
            return None;
        }
        slot.take()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Work of some stages, each with some tasks, that adds up the results.
    struct Sum<'a> {
        stages: usize,
        tasks: usize,
        total: &'a AtomicUsize,
    }

    impl Staged for Sum<'_> {
        type Task = usize;
        type Done = usize;

        fn next(self, done: Vec<usize>) -> Option<(Self, Vec<usize>)> {
            assert!(done.iter().copied().eq((0..done.len()).map(|n| n * 2)));
            self.total.fetch_add(done.iter().sum(), Ordering::Relaxed);
            let stages = self.stages.checked_sub(1)?;
            let tasks = (0..self.tasks).collect();
            Some((Self { stages, ..self }, tasks))
        }

        fn work(task: usize) -> usize {
            task * 2
        }
    }

    #[test]
    fn each_task_of_each_stage_is_done_once() {
        for threads in [1, 2, 5] {
            for (hosts, stages, tasks) in [(0, 1, 1), (1, 3, 10), (20, 2, 0), (50, 3, 4)] {
                let total = AtomicUsize::new(0);
                let work = (0..hosts).map(|_| Sum {
                    stages,
                    tasks,
                    total: &total,
                });
                run_with(threads, work);
                let expected = hosts * stages * (0..tasks).map(|task| task * 2).sum::<usize>();
                assert_eq!(total.into_inner(), expected);
            }
        }
    }
}
