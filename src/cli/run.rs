//! `run`: runs a command and records how it went. The command must not notice: it gets our terminal, our
//! files, our signals, and the signal mask that we were given; whoever waits for us sees its end.
//!
//! Signals are blocked before the command exists and read by a thread, so that none is lost and none
//! ends us while the command still runs.

use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::unistd::Pid;
use uuid::Uuid;

use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::screen::Screen;
use crate::command::{ID_PROPERTY, id};
use crate::consent::Stored;
use crate::environment::Environment;
use crate::{Delivery, Draft, Level, Telemetry, clock};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// What to call the command in the record [default: its file name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The command with its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<OsString>,
}

/// Runs the command to its end and records it, if anything is recorded here; if not, nothing is said.
pub(crate) fn run(
    place: Option<&Place>,
    args: &RunArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    screen.stdout.flush()?;
    let id = command_id(place, environment);
    let started = Instant::now();
    let (end, name) = match Running::start(&args.command, environment, id) {
        Ok(running) => (running.wait()?, Some(args.called())),
        Err(NotStarted { end, reason }) => {
            let program = args.command.first().map(|word| word.to_string_lossy());
            let program = program.unwrap_or_default();
            writeln!(
                screen.stderr,
                "localtel: could not run {program:?}: {reason}"
            )?;
            // What is no program may be anything that somebody typed, a password too.
            (end, args.name.clone())
        }
    };
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Some((place, tenant)) = place.and_then(|place| Some((place, place.known_tenant()?))) else {
        return Ok(end.exit());
    };
    let telemetry = Telemetry::builder(tenant.source.as_str())
        .dir(&place.base)
        .profile(tenant.profile.as_str())
        .delivery(Delivery::Inline)
        .open();
    // Whatever becomes of the record, the command has ended as it has.
    let _offer = telemetry.record(&draft(name, milliseconds, end, id));
    let _flushed = telemetry.flush();
    Ok(end.exit())
}

/// Returns the id that links the records of the command with ours: the one that we were started with, or,
/// if anything is recorded here, a new one.
fn command_id(place: Option<&Place>, environment: &Environment) -> Option<Uuid> {
    let is_recording = place.is_some_and(|place| {
        let stored = Stored::read_at(&place.path());
        place
            .decide(environment, &stored, clock::now())
            .is_recording
    });
    if is_recording {
        id::inherited_or_new(environment)
    } else {
        id::inherited(environment)
    }
}

impl RunArgs {
    fn called(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let program = self.command.first().map(Path::new);
        let name = program.and_then(Path::file_name).unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With this code.
    Code(u8),
    /// By this signal.
    Signal(i32),
}

impl End {
    fn exit(self) -> Exit {
        match self {
            Self::Code(0) => Exit::Done,
            Self::Code(code) => Exit::Code(code),
            Self::Signal(signal) => Exit::Signal(signal),
        }
    }
}

fn draft(name: Option<String>, milliseconds: u64, end: End, id: Option<Uuid>) -> Draft {
    let draft = Draft::new("command").property("duration", milliseconds);
    let draft = match name {
        Some(name) => draft.property("command", name),
        None => draft,
    };
    let draft = match end {
        End::Code(0) => draft.property("exit_code", 0).property("result", "SUCCESS"),
        End::Code(code) => draft
            .level(Level::Error)
            .property("exit_code", code)
            .property("result", "ERROR"),
        End::Signal(signal) => draft
            .level(Level::Error)
            .property("signal", signal)
            .property("result", "ERROR"),
    };
    match id {
        Some(id) => draft.property(ID_PROPERTY, id.to_string()),
        None => draft,
    }
}

/// Why a command could not be started, with the code that shells give for it.
struct NotStarted {
    end: End,
    reason: String,
}

impl From<Errno> for NotStarted {
    fn from(errno: Errno) -> Self {
        let is_missing = errno == Errno::ENOENT;
        Self {
            end: End::Code(if is_missing {
                NOT_FOUND
            } else {
                NOT_EXECUTABLE
            }),
            reason: if is_missing {
                "there is no such command".to_owned()
            } else {
                io::Error::from(errno).to_string()
            },
        }
    }
}

/// A command that runs, and the thread that passes signals on to it.
struct Running {
    pid: Pid,
    /// Empty once the command is about to be reaped: its number may then become somebody else's.
    target: Arc<Mutex<Option<Pid>>>,
}

impl Running {
    fn start(
        command: &[OsString],
        environment: &Environment,
        id: Option<Uuid>,
    ) -> Result<Self, NotStarted> {
        let mut set = SigSet::empty();
        set.extend(PASSED_ON);
        let mask = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let listener = Listener::new(&set)?;
        let pid = spawn(command, variables(environment, id), &mask)?;
        let target = Arc::new(Mutex::new(Some(pid)));
        let of_thread = Arc::clone(&target);
        let thread = std::thread::Builder::new()
            .name("localtel-signals".to_owned())
            .spawn(move || pass_on(&listener, &of_thread));
        if thread.is_err() {
            // Without a thread a signal had better end us than be lost.
            mask.thread_set_mask()?;
        }
        Ok(Self { pid, target })
    }

    /// Waits until the command has ended.
    fn wait(self) -> Result<End, Failure> {
        use rustix::process::{WaitId, WaitIdOptions, WaitOptions, waitid, waitpid};
        let lost = |error: rustix::io::Errno| {
            Failure::failed(format!("could not wait for the command: {error}"))
        };
        let pid = rustix::process::Pid::from_raw(self.pid.as_raw());
        let Some(pid) = pid else {
            return Err(lost(rustix::io::Errno::CHILD));
        };
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), ended)).map_err(lost)?;
        *enter(&self.target) = None;
        let status = rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()))
            .map_err(lost)?
            .map(|(_, status)| status);
        let signal = status.and_then(rustix::process::WaitStatus::terminating_signal);
        let code = status.and_then(rustix::process::WaitStatus::exit_status);
        Ok(match (signal, code) {
            (Some(signal), _) => End::Signal(signal),
            (None, Some(code)) => End::Code(u8::try_from(code).unwrap_or(u8::MAX)),
            (None, None) => return Err(lost(rustix::io::Errno::CHILD)),
        })
    }
}

/// Returns our variables, and the one that hands the id on.
fn variables(environment: &Environment, id: Option<Uuid>) -> Vec<(OsString, OsString)> {
    let mut variables = environment.all();
    if let Some((name, value)) = id.map(id::variable) {
        variables.retain(|(own, _)| own != name);
        variables.push((name.into(), value.into()));
    }
    variables
}

/// `std::process::Command` would give the command our mask, in which the signals are blocked; here it gets
/// the one that we were given ourselves.
fn spawn(
    command: &[OsString],
    variables: Vec<(OsString, OsString)>,
    mask: &SigSet,
) -> Result<Pid, NotStarted> {
    let words: Result<Vec<CString>, _> = command
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
    // The runtime ignores it in us; programs expect it to end them.
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

fn pass_on(listener: &Listener, target: &Mutex<Option<Pid>>) {
    while let Ok(heard) = listener.next() {
        let target = enter(target);
        let (Some(signal), Some(pid)) = (heard, *target) else {
            continue;
        };
        // It fails only for a command that runs as somebody else; that is between them.
        let _sent = kill(pid, signal);
    }
}

/// A thread that panicked left a number that is whole, so a poisoned lock is entered.
fn enter(target: &Mutex<Option<Pid>>) -> MutexGuard<'_, Option<Pid>> {
    target.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hears the blocked signals.
#[cfg(any(target_os = "linux", target_os = "android"))]
struct Listener(nix::sys::signalfd::SignalFd);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Listener {
    fn new(set: &SigSet) -> Result<Self, Errno> {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        SignalFd::with_flags(set, SfdFlags::SFD_CLOEXEC).map(Self)
    }

    /// Waits for the next one; one that the kernel sent is heard but not to be passed on: Ctrl-C on a
    /// terminal has already reached the command as well.
    fn next(&self) -> Result<Option<Signal>, Errno> {
        loop {
            match self.0.read_signal() {
                Ok(Some(info)) if info.ssi_code > 0 => return Ok(None),
                Ok(Some(info)) => {
                    let number = i32::try_from(info.ssi_signo).map_err(|_| Errno::EINVAL)?;
                    return Signal::try_from(number).map(Some);
                }
                Ok(None) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// Hears the blocked signals. Where the sender cannot be told, every signal is passed on.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
struct Listener(SigSet);

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Listener {
    fn new(set: &SigSet) -> Result<Self, Errno> {
        Ok(Self(*set))
    }

    fn next(&self) -> Result<Option<Signal>, Errno> {
        self.0.wait().map(Some)
    }
}

/// The signals that people and supervisors send to ask something of a command.
const PASSED_ON: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];
/// What shells return for a command that they cannot find.
const NOT_FOUND: u8 = 127;
/// What shells return for a command that they cannot execute.
const NOT_EXECUTABLE: u8 = 126;

/// Examples for `run`.
pub(crate) const EXAMPLES: &str = "\
The command keeps its input, output, signals and exit code; if recording is off it \
simply runs. A command that is not found ends with 127, one that cannot be executed with 126, as in a shell; what was \
typed in its place is not recorded, unless --name says it. \
What the command records is linked with the record of it by `command.id`, which it gets in LOCALTEL_COMMAND_ID.

Examples:
  localtel --app myapp run -- make test
  localtel --app myapp run --name nightly -- ./backup.sh --all";
