//! Makes the n-th operation of a directory fail or stop short, for tests of the store.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use super::segment::FileName;

/// The fault at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails once with this error number.
    Once(i32),
    /// It and everything after it fails with this error number.
    Sticky(i32),
    /// From it on, operations of that name fail with this error number, and all others work.
    Named(&'static str, i32),
    /// It panics, once.
    Panic,
    /// If it is a write, half of its bytes are written; otherwise nothing happens.
    Short,
    /// Every write omits its last byte, then fails, and nothing can be truncated.
    ShortByOneAndNoCut,
    /// As if the process had been killed there: a write writes half of its bytes, and no operation
    /// after it has an effect.
    Death,
}

/// Counts operations and fails the chosen one. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<(Mutex<FaultPlan>, Condvar)>);

/// The numbers of the segments that cannot be removed, and the error number.
type HeldBack = (fn(u64) -> bool, i32);

#[derive(Debug, Default)]
struct FaultPlan {
    operations: usize,
    planned: Option<(usize, Fault)>,
    reached: Vec<&'static str>,
    done: HashMap<&'static str, usize>,
    /// The operation that does not return until this is lifted, and the number of threads in it.
    blocked: Option<&'static str>,
    blocking: usize,
    held: Option<HeldBack>,
}

/// Blocks operations of a name until it is dropped.
#[derive(Debug)]
pub(crate) struct Blocked(Faults);

impl Blocked {
    /// Waits until so many operations are blocked.
    pub(crate) fn wait_for(&self, count: usize) {
        let (plan, changed) = &*self.0.0;
        let plan = plan.lock().unwrap();
        let patience = std::time::Duration::from_secs(20);
        let (_plan, waited) = changed
            .wait_timeout_while(plan, patience, |plan| plan.blocking < count)
            .unwrap();
        assert!(!waited.timed_out(), "the operation never comes");
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let (plan, changed) = &*self.0.0;
        plan.lock().unwrap().blocked = None;
        changed.notify_all();
    }
}

impl Faults {
    /// Blocks operations of that name from now on.
    pub(crate) fn block(&self, operation: &'static str) -> Blocked {
        self.plan_now().blocked = Some(operation);
        Blocked(self.clone())
    }

    fn plan_now(&self) -> std::sync::MutexGuard<'_, FaultPlan> {
        self.0.0.lock().unwrap()
    }

    /// Plans a fault at the n-th operation from now, counted from 0.
    pub(crate) fn plan(&self, nth: usize, fault: Fault) {
        let mut plan = self.plan_now();
        plan.operations = 0;
        plan.planned = Some((nth, fault));
    }

    /// Makes the removal of the segments with these numbers fail with this error number.
    pub(crate) fn hold(&self, is_held: fn(u64) -> bool, errno: i32) {
        self.plan_now().held = Some((is_held, errno));
    }

    pub(super) fn before_removal(&self, name: &str) -> io::Result<()> {
        self.before("remove")?;
        let number = name.parse().ok().and_then(FileName::segment);
        match (self.plan_now().held, number) {
            (Some((is_held, errno)), Some((number, _))) if is_held(number.get()) => {
                Err(io::Error::from_raw_os_error(errno))
            }
            (None | Some(_), _) => Ok(()),
        }
    }

    /// Lifts the plan and returns the number of operations since it was set.
    pub(crate) fn lift(&self) -> usize {
        let mut plan = self.plan_now();
        plan.planned = None;
        plan.held = None;
        std::mem::take(&mut plan.operations)
    }

    /// Returns the names of the operations that failed.
    pub(crate) fn reached(&self) -> Vec<&'static str> {
        self.plan_now().reached.clone()
    }

    /// Returns the number of operations of that name since the directory was opened.
    pub(crate) fn count_of(&self, operation: &'static str) -> usize {
        let plan = self.plan_now();
        plan.done.get(operation).copied().unwrap_or_default()
    }

    /// Fails an operation outside of a directory where a test plans it.
    pub(crate) fn fail(&self, operation: &'static str) -> io::Result<()> {
        self.before(operation)
    }

    pub(super) fn before(&self, operation: &'static str) -> io::Result<()> {
        match self.step(operation) {
            FaultStep::Whole | FaultStep::Half | FaultStep::AllButOne => Ok(()),
            FaultStep::Fails(errno) => Err(io::Error::from_raw_os_error(errno)),
            FaultStep::Panics => panic!("planned at {operation}"),
        }
    }

    pub(super) fn shorten<'a>(&self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        match self.step("write") {
            FaultStep::Whole => Ok(bytes),
            FaultStep::Half => Ok(&bytes[..bytes.len() / 2]),
            FaultStep::AllButOne if bytes.len() > 1 => Ok(&bytes[..bytes.len() - 1]),
            FaultStep::AllButOne => Err(io::Error::from_raw_os_error(ENOSPC)),
            FaultStep::Fails(errno) => Err(io::Error::from_raw_os_error(errno)),
            FaultStep::Panics => panic!("planned at a write"),
        }
    }

    /// Takes a step and releases the plan's lock first: a panic must not poison it.
    fn step(&self, operation: &'static str) -> FaultStep {
        let (plan, changed) = &*self.0;
        let mut plan = plan.lock().unwrap();
        if plan.blocked == Some(operation) {
            plan.blocking += 1;
            changed.notify_all();
            plan = changed
                .wait_while(plan, |plan| plan.blocked == Some(operation))
                .unwrap();
            plan.blocking -= 1;
        }
        plan.step(operation)
    }
}

/// The result of one operation.
enum FaultStep {
    Whole,
    Half,
    AllButOne,
    Fails(i32),
    Panics,
}

impl FaultPlan {
    fn step(&mut self, operation: &'static str) -> FaultStep {
        let here = self.operations;
        self.operations += 1;
        *self.done.entry(operation).or_default() += 1;
        let Some((nth, fault)) = self.planned else {
            return FaultStep::Whole;
        };
        let is_write = operation == "write";
        let step = match (fault, here.cmp(&nth)) {
            (_, Ordering::Less) | (Fault::Once(_) | Fault::Short, Ordering::Greater) => {
                return FaultStep::Whole;
            }
            (Fault::Once(errno) | Fault::Sticky(errno), _) => FaultStep::Fails(errno),
            (Fault::Named(name, errno), _) if name == operation => FaultStep::Fails(errno),
            (Fault::Panic, Ordering::Equal) => FaultStep::Panics,
            (Fault::ShortByOneAndNoCut, _) if is_write => FaultStep::AllButOne,
            (Fault::ShortByOneAndNoCut, _) if operation == "cut" => FaultStep::Fails(EIO),
            (Fault::Named(..) | Fault::ShortByOneAndNoCut | Fault::Panic, _) => {
                return FaultStep::Whole;
            }
            (Fault::Short, Ordering::Equal) => FaultStep::Half,
            (Fault::Death, Ordering::Equal) if is_write => FaultStep::Half,
            (Fault::Death, Ordering::Equal | Ordering::Greater) => FaultStep::Fails(EIO),
        };
        self.reached.push(operation);
        step
    }
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
