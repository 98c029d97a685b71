//! Makes the n-th operation of an import fail, or ends everything there, for tests.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// The fault at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportFault {
    /// It fails once with this error number.
    Once(i32),
    /// It and everything after it fails with this error number.
    Sticky(i32),
    /// As if the process had been killed there: a write writes half of its bytes, and no operation
    /// after it has an effect.
    Death,
}

/// Counts operations and fails the chosen one. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportFaults(Arc<Mutex<ImportFaultPlan>>);

#[derive(Debug, Default)]
struct ImportFaultPlan {
    operations: usize,
    planned: Option<(usize, ImportFault)>,
}

/// The result of one operation.
enum FaultOutcome {
    Whole,
    Half,
    Fails(i32),
}

impl ImportFaults {
    /// Plans a fault at the n-th operation from now, counted from 0.
    pub(crate) fn at(nth: usize, fault: ImportFault) -> Self {
        let faults = Self::default();
        faults.plan().planned = Some((nth, fault));
        faults
    }

    /// Returns the number of operations so far.
    pub(crate) fn operations(&self) -> usize {
        self.plan().operations
    }

    /// Fails an operation where that is planned.
    pub(crate) fn before(&self, _operation: &'static str) -> io::Result<()> {
        match self.plan().step(DeathTrace::Nothing) {
            FaultOutcome::Whole | FaultOutcome::Half => Ok(()),
            FaultOutcome::Fails(errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Returns the bytes that a write writes.
    pub(crate) fn shorten<'a>(&self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        match self.plan().step(DeathTrace::Written) {
            FaultOutcome::Whole => Ok(bytes),
            FaultOutcome::Half => Ok(&bytes[..bytes.len().div_ceil(2)]),
            FaultOutcome::Fails(errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    fn plan(&self) -> MutexGuard<'_, ImportFaultPlan> {
        self.0.lock().unwrap()
    }
}

/// What a death in an operation leaves.
enum DeathTrace {
    Nothing,
    Written,
}

impl ImportFaultPlan {
    fn step(&mut self, half: DeathTrace) -> FaultOutcome {
        let here = self.operations;
        self.operations += 1;
        let Some((nth, fault)) = self.planned else {
            return FaultOutcome::Whole;
        };
        match (fault, half) {
            _ if here < nth => FaultOutcome::Whole,
            (ImportFault::Once(_), _) if here > nth => FaultOutcome::Whole,
            (ImportFault::Once(errno) | ImportFault::Sticky(errno), _) => {
                FaultOutcome::Fails(errno)
            }
            (ImportFault::Death, DeathTrace::Written) if here == nth => FaultOutcome::Half,
            (ImportFault::Death, DeathTrace::Nothing | DeathTrace::Written) => {
                FaultOutcome::Fails(EIO)
            }
        }
    }
}

const EIO: i32 = 5;
