//! `run`: runs a command, and records its start and its end. The command must not notice: it gets
//! this process's terminal, files and signals, and the parent of this process sees its end.
//! `running` and `signals` implement that.

mod running;
mod signals;

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use localtel::admin::{Environment, Location, Recording};
use localtel::recording::command_id;
use localtel::{Event, Level, Telemetry};
use uuid::Uuid;

use self::running::{NotStarted, ProcessEnd, Running, become_command, is_end_hidden};
use super::exit::Exit;
use super::failure::Failure;
use super::record::builder_of;
use super::screen::Screen;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Name of the command in the records [default: its file name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The command with its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command to its end, and records it if anything is recorded here. Recording changes
/// neither the command nor the exit code.
///
/// # Errors
///
/// Returns an error if the system does not report how the command ended.
pub(crate) fn run(
    location: Option<&Location>,
    args: &RunArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let id = id_of_commands(location, environment);
    let variables = variables(environment, id);
    let started = Instant::now();
    let record = CommandRecorder { location, id };
    if is_end_hidden() {
        if let Some(telemetry) = record.open() {
            record.start(&telemetry, args.called());
        }
        let refusal = become_command(&args.command, variables);
        return Ok(not_started(&record, args, &refusal, screen));
    }
    match Running::start(&args.command, variables) {
        Ok(running) => {
            // The session stays open while the command runs, so that a killed run leaves a session
            // without an end.
            let telemetry = record.open();
            if let Some(telemetry) = &telemetry {
                record.start(telemetry, args.called());
            }
            let end = running.wait().map_err(|errno| {
                Failure::failed(format!("could not wait for the command: {errno}"))
            })?;
            if let Some(telemetry) = &telemetry {
                record.end(telemetry, args.called(), started, end);
            }
            Ok(end.exit())
        }
        Err(refusal) => Ok(not_started(&record, args, &refusal, screen)),
    }
}

/// Reports and records that the command could not be started.
fn not_started(
    record: &CommandRecorder<'_>,
    args: &RunArgs,
    refusal: &NotStarted,
    screen: &mut Screen<'_>,
) -> Exit {
    let program = args.program();
    // A message that cannot be printed does not change the exit code.
    let _written = writeln!(
        screen.stderr,
        "localtel: could not run {program:?}: {}",
        refusal.reason(&program)
    );
    let end = ProcessEnd::Code(refusal.code());
    if let Some(telemetry) = record.open() {
        record.end(&telemetry, args.typed(), Instant::now(), end);
    }
    end.exit()
}

/// Returns the id that links the records of the command with the records of this process: the
/// inherited one, or a new one if anything is recorded here.
fn id_of_commands(location: Option<&Location>, environment: &Environment) -> Option<Uuid> {
    let is_recording = location
        .is_some_and(|location| location.recording_by_commands().recording == Recording::Yes);
    if is_recording {
        command_id::inherited_or_new(environment)
    } else {
        command_id::inherited(environment)
    }
}

/// Returns the variables of this process, with the id for the command.
fn variables(environment: &Environment, id: Option<Uuid>) -> Vec<(OsString, OsString)> {
    let mut variables = environment.all();
    if let Some((name, value)) = id.map(command_id::variable) {
        variables.retain(|(own, _)| own != name);
        variables.push((name.into(), value.into()));
    }
    variables
}

impl RunArgs {
    fn program(&self) -> Cow<'_, str> {
        let program = self.command.first();
        program.map_or_else(Cow::default, |word| word.to_string_lossy())
    }

    /// Returns the name of a started command in its records.
    fn called(&self) -> String {
        let name = self.name.clone();
        name.unwrap_or_else(|| file_name(&self.program()))
    }

    /// Returns the name of a command that could not be started in its record. The typed word may be
    /// a whole command line or a variable with a value, so the name ends at the first blank or `=`.
    fn typed(&self) -> String {
        let name = self.name.clone();
        name.unwrap_or_else(|| {
            let is_end = |character: char| character.is_whitespace() || character == '=';
            let program = self.program();
            let word = program.trim_start().split(is_end).next();
            file_name(word.unwrap_or_default())
        })
    }
}

fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

impl ProcessEnd {
    fn exit(self) -> Exit {
        match self {
            Self::Code(0) => Exit::Done,
            Self::Code(code) => Exit::Code(code),
            Self::Signal(signal) => Exit::Signal(signal),
        }
    }
}

/// The location of the records, and the id that links them.
struct CommandRecorder<'p> {
    location: Option<&'p Location>,
    id: Option<Uuid>,
}

impl CommandRecorder<'_> {
    /// Begins a session; returns `None` if the application is not certain.
    fn open(&self) -> Option<Telemetry> {
        Some(builder_of(self.location?).ok()?.open())
    }

    fn start(&self, telemetry: &Telemetry, name: String) {
        let _outcome = telemetry.record(&self.event("command.start", name));
    }

    fn end(&self, telemetry: &Telemetry, name: String, started: Instant, end: ProcessEnd) {
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = self
            .event("command", name)
            .property("duration", milliseconds);
        let event = match end {
            ProcessEnd::Code(0) => event.property("exit_code", 0).property("result", "SUCCESS"),
            ProcessEnd::Code(code) => event
                .level(Level::Error)
                .property("exit_code", code)
                .property("result", "ERROR"),
            ProcessEnd::Signal(signal) => event
                .level(Level::Error)
                .property("signal", signal)
                .property("result", "ERROR"),
        };
        let _outcome = telemetry.record(&event);
        let _flushed = telemetry.flush();
    }

    fn event(&self, event: &str, name: String) -> Event {
        let mut event = Event::new(event);
        if !name.is_empty() {
            event = event.property("command", name);
        }
        if let Some(id) = self.id {
            event = event.property(command_id::PROPERTY, id.to_string());
        }
        event
    }
}

/// Examples for `run`.
pub(crate) const EXAMPLES: &str = "\
The command keeps its terminal, input, output and exit code. If recording is off or fails, it only runs, without a message. \
All signals except SIGKILL, SIGSTOP and SIGCHLD are passed on, but a signal that the terminal sends to both only once. \
localtel stops and continues with the command, ends by the signal that ended the command, and reaps orphans as \
process 1 of a container. The exit code is 127 if the command is not found and 126 if it cannot be executed.

The events are `command.start` and, with the result, `command`. The arguments are not recorded. \
A run that was killed has no `command`, and `localtel status` counts its session as one without an end. \
Both have the property `command.id`. The command gets it in LOCALTEL_COMMAND_ID; \
records of `localtel record`, `localtel run` and `Telemetry::command` have the same id.

Examples:
  localtel --app myapp run -- make test
  localtel --app myapp run --name nightly -- ./backup.sh --all";
