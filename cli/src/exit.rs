//! How a command ends: the one place that knows the exit codes, and the one way of ending by a signal.

use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal, raise};
use rustix::process::{Resource, Rlimit, setrlimit};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It did what was asked, also if whoever read its output went away.
    Done,
    /// It could not do what was asked.
    Failed,
    /// It was asked for something that makes no sense.
    Usage,
    /// It found something wrong with the data.
    Findings,
    /// Nothing matched, where that was to be told.
    NothingMatched,
    /// The command that it ran ended with this code.
    Code(u8),
    /// The command that it ran was ended by this signal.
    Signal(i32),
}

impl Exit {
    /// Returns the exit code; a signal's is the one that shells show for it.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Findings => 3,
            Self::NothingMatched => 4,
            Self::Code(code) => code,
            Self::Signal(signal) => u8::try_from(signal.saturating_add(128)).unwrap_or(u8::MAX),
        }
    }

    /// Ends as told: gives `main` the code to return, or dies by the signal so that whoever waits for
    /// this process sees what happened to the command it ran.
    pub fn end(self) -> ExitCode {
        match self {
            Self::Signal(signal) => die_by(signal),
            Self::Done
            | Self::Failed
            | Self::Usage
            | Self::Findings
            | Self::NothingMatched
            | Self::Code(_) => {}
        }
        // Also after a signal that did not end us, such as one that is ignored.
        ExitCode::from(self.code())
    }
}

impl From<Exit> for ExitCode {
    /// Returns the code for `main` to return, without ending anything.
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

fn die_by(number: i32) {
    let Ok(signal) = Signal::try_from(number) else {
        return;
    };
    // The command has left its own core dump; ours would only hide it.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if setrlimit(Resource::Core, none).is_err() {
        return;
    }
    let mut set = SigSet::empty();
    set.add(signal);
    // The runtime catches a first SIGSEGV to look for a stack overflow, and then gives up its handler.
    for _ in 0..2 {
        if set.thread_unblock().is_err() || raise(signal).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_code() {
        let table = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Findings, 3),
            (Exit::NothingMatched, 4),
            (Exit::Code(42), 42),
            (Exit::Signal(15), 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code);
        }
    }
}
