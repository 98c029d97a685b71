//! The signals that this process gets while a command runs: receives them, decides which of them
//! the command must get too, and sends those. `running` starts the command and waits for it.

use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

/// A signal that this process received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReceivedSignal {
    /// The number of the signal, which may be a real-time signal.
    pub(super) number: i32,
    /// The sender.
    pub(super) sender: Sender,
}

/// The sender of a signal.
#[cfg_attr(
    not(any(test, target_os = "linux", target_os = "android")),
    expect(dead_code, reason = "other platforms do not report it")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// The kernel, for example because of Ctrl-C.
    Kernel,
    /// The process with this number; 0 if it is outside of this PID namespace.
    Process(i32),
    /// Not reported by this platform.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    Unknown,
}

/// The relation of this process and the command when the kernel signals a process group or a
/// session leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupRelation {
    /// Both are in one process group, and this process does not lead the session.
    OneGroup,
    /// Both are in one process group, and this process leads the session.
    OneGroupAndLeader,
    /// The command has moved to another process group.
    TwoGroups,
}

/// The two processes between which signals are passed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessPair {
    /// This process.
    pub(super) own: Pid,
    /// The command.
    pub(super) command: Pid,
}

/// Returns `true` if the command must get a signal that this process received: one that was sent to
/// this process alone, and is not about this process itself.
pub(super) fn is_passed_on(
    received: ReceivedSignal,
    ends: ProcessPair,
    relation: GroupRelation,
) -> bool {
    let is = |signal: Signal| received.number == signal as i32;
    if is(Signal::SIGCHLD) {
        return false;
    }
    match received.sender {
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        Sender::Unknown => true,
        // A process may signal itself, as the kernel does for a broken pipe. A command that signals
        // its own process group or its parent does not expect its own signal again.
        Sender::Process(process) => {
            process != ends.own.as_raw() && process != ends.command.as_raw()
        }
        // The kernel counts the CPU time of this process, not of the command.
        Sender::Kernel if is(Signal::SIGXCPU) => false,
        Sender::Kernel => match relation {
            GroupRelation::TwoGroups => true,
            GroupRelation::OneGroup => !OF_TERMINAL.into_iter().chain(OF_HANGUP).any(is),
            // A lost terminal is reported to the session leader only.
            GroupRelation::OneGroupAndLeader => !OF_TERMINAL.into_iter().any(is),
        },
    }
}

/// Sends a signal to the command, which has not been reaped yet. If the command runs as another
/// user, the system does not permit it.
pub(super) fn send(number: i32, command: Pid) {
    if let Ok(signal) = Signal::try_from(number) {
        let _sent = kill(command, signal);
        return;
    }
    // A real-time signal: the safe interfaces to the system call only support named signals.
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell can send signals without a name"
    )]
    let mut shell = Command::new("/bin/sh");
    let _sent = shell
        .args(["-c", &format!("kill -{number} {command}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Signals that the kernel sends to the foreground process group of a terminal.
const OF_TERMINAL: [Signal; 6] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGWINCH,
];
/// Signals that the kernel sends to a process group when its session ends.
const OF_HANGUP: [Signal; 2] = [Signal::SIGHUP, Signal::SIGCONT];

/// Receives the blocked signals, including SIGCHLD.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Debug)]
pub(super) struct Listener(nix::sys::signalfd::SignalFd);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Listener {
    /// Starts to receive these signals, which are blocked in every thread.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses, for example without a free file descriptor.
    pub(super) fn new(set: &SigSet) -> Result<Self, Errno> {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(set, flags).map(Self)
    }

    /// Does nothing here, since changes of children arrive as signals.
    #[expect(clippy::unused_self, reason = "other platforms need a thread for it")]
    pub(super) fn watch_children(&self) {}

    /// Waits for signals, and returns all pending ones: a caller that stops this process must find
    /// out whether it has been continued already. Children may have changed in any case.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses.
    pub(super) fn wait(&self) -> Result<Vec<ReceivedSignal>, Errno> {
        use rustix::event::{PollFd, PollFlags, poll};
        let mut received = Vec::new();
        while received.len() < RECEIVED_AT_ONCE_MAX {
            match self.0.read_signal() {
                Ok(Some(info)) => {
                    let process = i32::try_from(info.ssi_pid).map_err(|_| Errno::EINVAL)?;
                    received.push(ReceivedSignal {
                        number: i32::try_from(info.ssi_signo).map_err(|_| Errno::EINVAL)?,
                        sender: if info.ssi_code > 0 {
                            Sender::Kernel
                        } else {
                            Sender::Process(process)
                        },
                    });
                }
                Ok(None) if received.is_empty() => {
                    let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
                    match poll(&mut polled, None) {
                        Ok(_) | Err(rustix::io::Errno::INTR) => {}
                        Err(errno) => return Err(Errno::from_raw(errno.raw_os_error())),
                    }
                }
                Ok(None) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(received)
    }
}

/// Number of signals that are taken at once, so that a flood of them does not delay the children.
#[cfg(any(target_os = "linux", target_os = "android"))]
const RECEIVED_AT_ONCE_MAX: usize = 64;

/// Receives the blocked signals in one thread and changes of children in another.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Debug)]
pub(super) struct ThreadListener {
    receiver: std::sync::mpsc::Receiver<Option<ReceivedSignal>>,
    has_children: std::sync::mpsc::SyncSender<()>,
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use self::ThreadListener as Listener;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl ThreadListener {
    /// Starts to receive these signals, which are blocked in every thread.
    ///
    /// # Errors
    ///
    /// Returns an error if no thread can be started.
    pub(super) fn new(set: &SigSet) -> Result<Self, Errno> {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        // Without a buffer, so that a child is reported again only after the last report was taken.
        let (of_signals, receiver) = std::sync::mpsc::sync_channel(0);
        let (has_children, is_ready) = std::sync::mpsc::sync_channel(1);
        let of_children = of_signals.clone();
        let set = *set;
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(work).map(drop).map_err(|_| Errno::EAGAIN)
        };
        start(
            "localtel-signals",
            Box::new(move || {
                while let Ok(signal) = set.wait() {
                    let received = ReceivedSignal {
                        number: signal as i32,
                        sender: Sender::Unknown,
                    };
                    if of_signals.send(Some(received)).is_err() {
                        return;
                    }
                }
            }),
        )?;
        start(
            "localtel-children",
            Box::new(move || {
                let changed =
                    WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
                if is_ready.recv().is_err() {
                    return;
                }
                while let Ok(_) | Err(rustix::io::Errno::INTR) = waitid(WaitId::All, changed) {
                    if of_children.send(None).is_err() {
                        return;
                    }
                }
                // There is no child any more; the caller detects that.
                let _taken = of_children.send(None);
            }),
        )?;
        Ok(Self {
            receiver,
            has_children,
        })
    }

    /// Starts to report changes of children, now that there is one.
    pub(super) fn watch_children(&self) {
        let _started = self.has_children.send(());
    }

    /// Waits for a signal or a change of a child, and returns the signal. Children may have changed
    /// in any case.
    ///
    /// # Errors
    ///
    /// Returns an error if both threads have ended.
    pub(super) fn wait(&self) -> Result<Vec<ReceivedSignal>, Errno> {
        let receiver = self.receiver.recv().map_err(|_| Errno::ECHILD)?;
        Ok(receiver.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: ProcessPair = ProcessPair {
        own: Pid::from_raw(10),
        command: Pid::from_raw(11),
    };

    fn is_passed_on_from(sender: Sender, signal: Signal, relation: GroupRelation) -> bool {
        let number = signal as i32;
        is_passed_on(ReceivedSignal { number, sender }, ENDS, relation)
    }

    #[test]
    fn signals_of_other_processes_are_passed_on() {
        for signal in Signal::iterator() {
            for sender in [Sender::Process(0), Sender::Process(12)] {
                assert_eq!(
                    is_passed_on_from(sender, signal, GroupRelation::OneGroup),
                    signal != Signal::SIGCHLD,
                    "{signal} from {sender:?}"
                );
            }
        }
    }

    #[test]
    fn signals_of_either_process_are_not_passed_on() {
        for signal in Signal::iterator() {
            for process in [10, 11] {
                let sender = Sender::Process(process);
                assert!(!is_passed_on_from(sender, signal, GroupRelation::TwoGroups));
            }
        }
    }

    #[test]
    fn terminal_signals_are_passed_on_to_another_group_only() {
        for signal in OF_TERMINAL {
            for (relation, expected) in [
                (GroupRelation::OneGroup, false),
                (GroupRelation::OneGroupAndLeader, false),
                (GroupRelation::TwoGroups, true),
            ] {
                let is_passed_on = is_passed_on_from(Sender::Kernel, signal, relation);
                assert_eq!(is_passed_on, expected, "{signal} {relation:?}");
            }
        }
    }

    #[test]
    fn a_hangup_is_passed_on_by_the_session_leader_alone() {
        for signal in OF_HANGUP {
            for (relation, expected) in [
                (GroupRelation::OneGroup, false),
                (GroupRelation::OneGroupAndLeader, true),
                (GroupRelation::TwoGroups, true),
            ] {
                let is_passed_on = is_passed_on_from(Sender::Kernel, signal, relation);
                assert_eq!(is_passed_on, expected, "{signal} {relation:?}");
            }
        }
    }

    #[test]
    fn an_inherited_timer_reaches_the_command() {
        for (signal, expected) in [
            (Signal::SIGALRM, true),
            (Signal::SIGVTALRM, true),
            (Signal::SIGXCPU, false),
        ] {
            let is_passed_on = is_passed_on_from(Sender::Kernel, signal, GroupRelation::OneGroup);
            assert_eq!(is_passed_on, expected, "{signal}");
        }
    }
}
