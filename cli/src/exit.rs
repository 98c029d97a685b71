//! The exit of a command: exit codes, and ending by a signal.

use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal, raise};
use rustix::process::{Resource, Rlimit, setrlimit};

/// The exit of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It succeeded, also if the reader of its output went away.
    Done,
    /// It failed.
    Failed,
    /// The usage was invalid.
    Usage,
    /// It found problems in the data.
    Findings,
    /// Nothing matched, and `--exit-status` was given.
    NothingMatched,
    /// The command that it ran exited with this code.
    Code(u8),
    /// The command that it ran was ended by this signal.
    Signal(i32),
}

impl Exit {
    /// Returns the exit code; for a signal the one that shells use.
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

    /// Returns the code for `main` to return, or ends this process by the signal, so that its
    /// parent sees how the command ended.
    pub fn end(self) -> ExitCode {
        match self {
            Self::Signal(signal) => raise_default(signal),
            Self::Done
            | Self::Failed
            | Self::Usage
            | Self::Findings
            | Self::NothingMatched
            | Self::Code(_) => {}
        }
        // Also reached if the signal did not end this process, for example because it is ignored.
        ExitCode::from(self.code())
    }
}

impl From<Exit> for ExitCode {
    /// Returns the code for `main` to return; it does not end the process.
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

fn raise_default(number: i32) {
    let Ok(signal) = Signal::try_from(number) else {
        return;
    };
    // The command has left its own core dump; a second one would only hide it.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if setrlimit(Resource::Core, none).is_err() {
        return;
    }
    let mut set = SigSet::empty();
    set.add(signal);
    // The runtime handles a first SIGSEGV to detect stack overflows, and then removes its handler.
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
