//! A running command: starts it, passes signals on to it, stops with it and waits for its end. The
//! module above records it.
//!
//! All signals are blocked before the command starts and are read in a loop, so that none is lost
//! and none ends this process while the command runs. The command gets the signal mask that this
//! process inherited, and stays in its process group, and so in the foreground of the terminal.

use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};
use nix::unistd::{Pid, getpgid, getpgrp, getpid, getsid};
use rustix::process::{WaitId, WaitIdOptions, WaitOptions, WaitStatus, wait, waitid};

use super::signals::{GroupRelation, Listener, ProcessPair, ReceivedSignal, is_passed_on, send};
use crate::files;

/// The end of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProcessEnd {
    /// It exited with this code.
    Code(u8),
    /// It was ended by this signal.
    Signal(i32),
}

/// The reason why a command could not be started.
#[derive(Debug)]
pub(super) struct NotStarted(Errno);

impl NotStarted {
    /// Returns the exit code that shells use for it.
    pub(super) fn code(&self) -> u8 {
        if self.0 == Errno::ENOENT {
            NOT_FOUND
        } else {
            NOT_EXECUTABLE
        }
    }

    /// Returns the reason as a text for people, given the program.
    pub(super) fn reason(&self, program: &str) -> String {
        if self.0 != Errno::ENOENT {
            io::Error::from(self.0).to_string()
        } else if program.contains('/') && files::is_there(program) {
            "its interpreter does not exist".to_owned()
        } else {
            "command not found".to_owned()
        }
    }
}

impl From<Errno> for NotStarted {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

/// Returns `true` if this process cannot see the end of a command, because it was started with
/// SIGCHLD ignored: then children are reaped by the kernel.
pub(super) fn is_end_hidden() -> bool {
    let status = files::read_at_most(Path::new("/proc/self/status"), STATUS_BYTES_MAX);
    let status = status.ok().flatten().unwrap_or_default();
    let ignored = String::from_utf8_lossy(&status)
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (Signal::SIGCHLD as i32 - 1)) != 0)
}

/// Replaces this process with the command. Returns only if that fails.
pub(super) fn become_command(
    words: &[OsString],
    variables: Vec<(OsString, OsString)>,
) -> NotStarted {
    let Some((program, arguments)) = words.split_first() else {
        return NotStarted(Errno::ENOENT);
    };
    #[expect(clippy::disallowed_methods, reason = "the user chooses the command")]
    let mut command = Command::new(program);
    let error = command.args(arguments).env_clear().envs(variables).exec();
    NotStarted(Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

/// A running command.
#[derive(Debug)]
pub(super) struct Running {
    pid: Pid,
    listener: Listener,
}

/// The state of a command.
enum CommandState {
    /// It runs, without a change.
    Runs,
    /// It was stopped by this signal.
    Stopped(i32),
    /// It ended and has been reaped.
    Ended(ProcessEnd),
}

impl Running {
    /// Starts a command with these environment variables.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such command or if the system refuses to run it.
    pub(super) fn start(
        words: &[OsString],
        variables: Vec<(OsString, OsString)>,
    ) -> Result<Self, NotStarted> {
        let all = SigSet::all();
        let mask = all.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let listener = Listener::new(&all)?;
        let pid = spawn(words, variables, &mask)?;
        listener.watch_children();
        Ok(Self { pid, listener })
    }

    /// Passes signals on until the command has ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the system does not report how it ended.
    pub(super) fn wait(&self) -> Result<ProcessEnd, Errno> {
        loop {
            for signal in self.listener.wait()? {
                self.pass_on(signal);
            }
            match self.poll()? {
                CommandState::Runs => {}
                CommandState::Stopped(signal) => stop_by(signal),
                CommandState::Ended(end) => return Ok(end),
            }
        }
    }

    fn pass_on(&self, signal: ReceivedSignal) {
        // A shell continues its whole job, so the command already got SIGCONT.
        if signal.number == Signal::SIGCONT as i32 && self.was_continued() {
            return;
        }
        let ends = ProcessPair {
            own: getpid(),
            command: self.pid,
        };
        if is_passed_on(signal, ends, self.group_relation()) {
            send(signal.number, self.pid);
        }
    }

    fn group_relation(&self) -> GroupRelation {
        if getpgid(Some(self.pid)).is_ok_and(|group| group != getpgrp()) {
            GroupRelation::TwoGroups
        } else if getsid(None).is_ok_and(|leader| leader == getpid()) {
            GroupRelation::OneGroupAndLeader
        } else {
            GroupRelation::OneGroup
        }
    }

    /// Returns `true` if the command was continued since the last check.
    fn was_continued(&self) -> bool {
        let Some(pid) = rustix::process::Pid::from_raw(self.pid.as_raw()) else {
            return false;
        };
        let continued = WaitIdOptions::CONTINUED | WaitIdOptions::NOHANG;
        waitid(WaitId::Pid(pid), continued).is_ok_and(|status| status.is_some())
    }

    /// Checks all children that changed: the command, and the orphans that process 1 of a container
    /// adopts.
    fn poll(&self) -> Result<CommandState, Errno> {
        let changed = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        let mut state = CommandState::Runs;
        loop {
            match wait(changed) {
                Ok(Some((pid, status))) if pid.as_raw_pid() == self.pid.as_raw() => {
                    state = CommandState::from(status);
                    if let CommandState::Ended(_) = state {
                        return Ok(state);
                    }
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return Ok(state),
                Err(errno) => return Err(Errno::from_raw(errno.raw_os_error())),
            }
        }
    }
}

impl From<WaitStatus> for CommandState {
    fn from(status: WaitStatus) -> Self {
        if let Some(signal) = status.terminating_signal() {
            Self::Ended(ProcessEnd::Signal(signal))
        } else if let Some(code) = status.exit_status() {
            Self::Ended(ProcessEnd::Code(u8::try_from(code).unwrap_or(u8::MAX)))
        } else if let Some(signal) = status.stopping_signal() {
            Self::Stopped(signal)
        } else {
            Self::Runs
        }
    }
}

/// Stops this process as the command was stopped, so that a shell sees its job stop, and returns
/// when it is continued. If no shell could continue it, the kernel does not stop it.
fn stop_by(number: i32) {
    let job_control = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];
    let signal = job_control
        .into_iter()
        .find(|signal| *signal as i32 == number);
    let signal = match signal {
        Some(signal) => signal,
        // SIGSTOP is usually sent to the command alone, by a process that will continue it alone,
        // which would leave this process stopped. Only the leader of a job must stop, so that the
        // shell takes the terminal back.
        None if getpgrp() == getpid() => Signal::SIGTSTP,
        None => return,
    };
    // Raised while it is blocked: if the terminal sent it too, SIGCONT removes both, so there is
    // only one stop.
    if raise(signal).is_ok() {
        let set = SigSet::from(signal);
        let _stopped = set.thread_unblock();
        let _blocked = set.thread_block();
    }
}

/// `std::process::Command` would pass on this process's mask, in which the signals are blocked;
/// this passes on the inherited mask.
fn spawn(
    words: &[OsString],
    variables: Vec<(OsString, OsString)>,
    mask: &SigSet,
) -> Result<Pid, NotStarted> {
    let words: Result<Vec<CString>, _> = words
        .iter()
        .map(|word| CString::new(word.clone().into_vec()))
        .collect();
    let words = words.map_err(|_| Errno::EINVAL)?;
    let variables: Vec<CString> = variables
        .into_iter()
        .filter_map(|(name, value)| {
            let mut variable = name.into_vec();
            variable.push(b'=');
            variable.extend(value.into_vec());
            CString::new(variable).ok()
        })
        .collect();
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_sigmask(mask)?;
    // The runtime ignores SIGPIPE in this process; programs expect that it ends them.
    attributes.set_sigdefault(&SigSet::from(Signal::SIGPIPE))?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
    )?;
    let files = PosixSpawnFileActions::init()?;
    let program = words.first().ok_or(Errno::ENOENT)?;
    Ok(posix_spawnp(
        program,
        &files,
        &attributes,
        &words,
        &variables,
    )?)
}

/// Exit code of shells for a command that they cannot find.
const NOT_FOUND: u8 = 127;
/// Exit code of shells for a command that they cannot execute.
const NOT_EXECUTABLE: u8 = 126;
/// More than the kernel reports about a process.
const STATUS_BYTES_MAX: u64 = 64 * 1024;
