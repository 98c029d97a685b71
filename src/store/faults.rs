//! Failing and cutting short the n-th operation of a directory, for tests of the store.

use std::io;
use std::sync::{Arc, Mutex};

/// What happens at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails once with this error number.
    Once(i32),
    /// It and everything after it fails with this error number, as if the process had died there.
    Sticky(i32),
    /// If it is a write, half of its bytes get through; otherwise nothing happens.
    Short,
}

/// Counts operations and fails the chosen one. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    operations: usize,
    planned: Option<(usize, Fault)>,
    reached: Vec<&'static str>,
}

impl Faults {
    /// Plans a fault at the n-th operation from now, counted from 0.
    pub(crate) fn plan(&self, nth: usize, fault: Fault) {
        let mut plan = self.0.lock().unwrap();
        plan.operations = 0;
        plan.planned = Some((nth, fault));
    }

    /// Lifts the plan and returns how many operations there were since it was made.
    pub(crate) fn lift(&self) -> usize {
        let mut plan = self.0.lock().unwrap();
        plan.planned = None;
        std::mem::take(&mut plan.operations)
    }

    /// Returns the names of the operations that failed.
    pub(crate) fn reached(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().reached.clone()
    }

    pub(super) fn before(&self, operation: &'static str) -> io::Result<()> {
        match self.0.lock().unwrap().step(operation) {
            Some(Fault::Once(errno) | Fault::Sticky(errno)) => {
                Err(io::Error::from_raw_os_error(errno))
            }
            Some(Fault::Short) | None => Ok(()),
        }
    }

    pub(super) fn shorten<'a>(&self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        match self.0.lock().unwrap().step("write") {
            Some(Fault::Once(errno) | Fault::Sticky(errno)) => {
                Err(io::Error::from_raw_os_error(errno))
            }
            Some(Fault::Short) => Ok(&bytes[..bytes.len() / 2]),
            None => Ok(bytes),
        }
    }
}

impl Plan {
    fn step(&mut self, operation: &'static str) -> Option<Fault> {
        let here = self.operations;
        self.operations += 1;
        let (nth, fault) = self.planned?;
        let hit = match fault {
            Fault::Once(_) | Fault::Short => here == nth,
            Fault::Sticky(_) => here >= nth,
        };
        if hit {
            self.reached.push(operation);
        }
        hit.then_some(fault)
    }
}
