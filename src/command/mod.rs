//! One command of an application, measured from its start to its end, and recorded as `command`
//! with the properties that `ticloud` reports. `failure` describes errors, and `id` links the
//! commands of one process tree.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::Instant;

use serde_json::Value;
use uuid::Uuid;

use crate::encode::Own;
use crate::environment::Environment;
use crate::event::Event;
use crate::record::own::{OWN_TARGET, OwnEvent};
use crate::record::{Level, Properties};
use crate::report::Reporter;
use crate::telemetry::Telemetry;

mod failure;
pub mod id;

pub use failure::ErrorDescription;

impl Telemetry {
    /// Starts to measure a command, named by its path: `ticloud-project-list`. See [`Command`].
    pub fn command(&self, path: impl Into<String>) -> Command<'_> {
        let is_listening = self.outlet().is_listening();
        Command {
            telemetry: self,
            measured: is_listening.then(|| Box::new(Measurement::start(self, path.into()))),
        }
    }
}

/// One command of an application, measured from here to its end. When it is finished, it is
/// recorded as event `command`, at level INFO or, if it failed, at ERROR. If it is dropped before
/// that, or by a panic, it is recorded as failed; if the process ends without dropping it, as with
/// [`std::process::exit`], it is not recorded.
///
/// The properties have this order, and come before those that the application
/// [adds](Self::property); unknown ones are absent:
///
/// | property | value |
/// |---|---|
/// | `alias` | the alias by which the command was called: `ls` |
/// | `arch` | the processor that the application was built for: `aarch64` |
/// | `auth_method` | the method by which the user is authenticated to a service: `api_key` |
/// | `command` | the names of application, command and subcommands: `ticloud-project-list` |
/// | `duration` | milliseconds, by a clock that is never set |
/// | `error` | kind and message, if it failed: `NotFound: no such project` |
/// | `flags` | the names of the flags that were given: `["debug","output"]` |
/// | `git_commit` | the commit that the application was built from |
/// | `installer` | the installer of the application: `TiUP` |
/// | `interactive` | whether the user was asked for something |
/// | `os` | the operating system that the application was built for: `macos` |
/// | `project_id` | the project that it worked on |
/// | `result` | `SUCCESS` or `ERROR` |
/// | `terminal` | `tty` if standard output is a terminal |
/// | `version` | the application's version |
/// | `command.id` | a UUID, the same in the whole process tree |
///
/// Where telemetry is off nothing is measured, and no id is created.
///
/// ```
/// # let telemetry = localtel::Telemetry::builder("myapp").open();
/// # fn list() -> std::io::Result<()> { Ok(()) }
/// let mut command = telemetry.command("myapp-project-list");
/// command.auth_method("api_key").interactive(false);
/// let listed = list();
/// command.finish(&listed);
/// ```
#[derive(Debug)]
#[must_use = "it is measured until it is finished; dropped at once, it is recorded as unfinished"]
pub struct Command<'t> {
    telemetry: &'t Telemetry,
    /// The measurement; `None` where telemetry is off, and after it is recorded.
    measured: Option<Box<Measurement>>,
}

/// The properties of a command before its end.
#[derive(Debug)]
struct Measurement {
    started: Instant,
    /// The id; `None` if none was inherited and nothing was recorded when the command started.
    id: Option<Uuid>,
    /// The properties that every command may have, in their order.
    known: BTreeMap<&'static str, Value>,
    flags: BTreeSet<String>,
    others: Properties,
    describe: failure::Describe,
}

impl Command<'_> {
    /// Sets the path of names of the command: `ticloud-project-list`.
    pub fn path(&mut self, path: impl Into<String>) -> &mut Self {
        self.set_known("command", path.into())
    }

    /// Returns `true` if the command is measured: telemetry is on, or may be turned on before it
    /// ends.
    pub fn is_measured(&self) -> bool {
        self.measured.is_some()
    }

    /// Sets the alias by which it was called.
    pub fn alias(&mut self, alias: impl Into<String>) -> &mut Self {
        self.set_known("alias", alias.into())
    }

    /// Sets the method by which the user is authenticated to the service that the command calls:
    /// `api_key`.
    pub fn auth_method(&mut self, method: impl Into<String>) -> &mut Self {
        self.set_known("auth_method", method.into())
    }

    /// Adds names of flags that were given. Values are left out: `--output=x` is recorded as
    /// `output`.
    pub fn flags(&mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> &mut Self {
        self.set(|measured| {
            let names = names
                .into_iter()
                .filter_map(|name| flag_name(name.as_ref()).map(str::to_owned));
            measured.flags.extend(names);
        })
    }

    /// Sets whether the user was asked for something.
    pub fn interactive(&mut self, is_interactive: bool) -> &mut Self {
        self.set_known("interactive", is_interactive)
    }

    /// Sets the project that it worked on.
    pub fn project_id(&mut self, id: impl Into<String>) -> &mut Self {
        self.set_known("project_id", id.into())
    }

    /// Sets a property that only this application has. It replaces an earlier one of the same name,
    /// but not a measured one.
    pub fn property(&mut self, name: impl Into<String>, value: impl Into<Value>) -> &mut Self {
        self.set(|measured| measured.others.set(name, value))
    }

    /// Sets a function that describes errors of the application's own types, for
    /// [`failure`](Self::failure). It is called with the error and with each of its sources.
    ///
    /// ```
    /// use std::num::ParseIntError;
    ///
    /// use localtel::recording::ErrorDescription;
    /// use localtel::{Consent, Telemetry};
    ///
    /// let telemetry = Telemetry::builder("myapp").flag(Consent::Disabled).open();
    /// let mut command = telemetry.command("import");
    /// command.describe_errors(|error| {
    ///     error.downcast_ref::<ParseIntError>()?;
    ///     Some(ErrorDescription::of("InvalidNumber", "a column is not a number"))
    /// });
    /// command.finish(&"12a".parse::<u32>());
    /// ```
    pub fn describe_errors(
        &mut self,
        describe: fn(&(dyn Error + 'static)) -> Option<ErrorDescription>,
    ) -> &mut Self {
        self.set(|measured| measured.describe = describe)
    }

    /// Returns the id that links the records of one process tree: the one that this process was
    /// started with, or, if anything is recorded, a new one for this command.
    pub fn id(&self) -> Option<Uuid> {
        match &self.measured {
            Some(measured) => measured.id,
            None => id::inherited(&Environment::of_process()),
        }
    }

    /// Returns the variable that passes the id on to a child process, whose commands then have the
    /// same id: `LOCALTEL_COMMAND_ID` and a UUID. Returns `None` if there is no id.
    ///
    /// ```no_run
    /// # let telemetry = localtel::Telemetry::builder("myapp").open();
    /// let command = telemetry.command("myapp-build");
    /// let mut child = std::process::Command::new("myapp-compile");
    /// let built = child.envs(command.environment()).status();
    /// command.finish(&built);
    /// ```
    pub fn environment(&self) -> Option<(&'static str, String)> {
        self.id().map(id::variable)
    }

    /// Records that the command succeeded.
    pub fn success(mut self) {
        self.end(Ok(()));
    }

    /// Records that the command failed, with the reason: `<kind>: <message>`. The kind is that of
    /// an [`std::io::Error`], or else the name of the error's type; the message consists of the
    /// first lines of the messages of the error and of its sources, joined by `: `.
    ///
    /// A message that begins with `error: `, as clap's do, may repeat what the user typed, and is
    /// left out. A command created by `localtel_cli::command_of` records the kind of clap's error,
    /// and records nothing if that is help or a version instead of an error.
    pub fn failure<E: Error + 'static>(mut self, error: &E) {
        let Some(measured) = &self.measured else {
            return;
        };
        match failure::text(error, measured.describe) {
            Some(text) => self.end(Err(text)),
            None => self.measured = None,
        }
    }

    /// Records that the command failed, for a reason that is not an [`Error`]: `<kind>: <message>`,
    /// the first line of each.
    pub fn failure_of(mut self, kind: &str, message: &dyn Display) {
        if self.measured.is_some() {
            self.end(Err(failure::text_of(kind, message)));
        }
    }

    /// Records the result of the command, as [`success`](Self::success) or
    /// [`failure`](Self::failure).
    pub fn finish<T, E: Error + 'static>(self, result: &Result<T, E>) {
        match result {
            Ok(_) => self.success(),
            Err(error) => self.failure(error),
        }
    }

    fn set_known(&mut self, name: &'static str, value: impl Into<Value>) -> &mut Self {
        self.set(|measured| {
            measured.known.insert(name, value.into());
        })
    }

    fn set(&mut self, set: impl FnOnce(&mut Measurement)) -> &mut Self {
        if let Some(measured) = &mut self.measured {
            set(measured);
        }
        self
    }

    /// Records the command, with the description of its error if it failed.
    fn end(&mut self, end: Result<(), String>) {
        if let Some(measured) = self.measured.take() {
            // Its outcome is counted.
            let event = measured.event(end, self.telemetry.reporter());
            let _outcome = self.telemetry.outlet().record(&event, Own::OnBehalf);
        }
    }
}

impl Drop for Command<'_> {
    fn drop(&mut self) {
        let error = if std::thread::panicking() {
            PANICKED
        } else {
            UNFINISHED
        };
        if self.measured.is_some() {
            self.end(Err(error.to_owned()));
        }
    }
}

impl Measurement {
    fn start(telemetry: &Telemetry, path: String) -> Self {
        let environment = Environment::of_process();
        let recorder = telemetry.outlet().recorder();
        let id = if recorder.is_some_and(|recorder| recorder.state().0.is_recording) {
            id::inherited_or_new(&environment)
        } else {
            id::inherited(&environment)
        };
        Self {
            started: Instant::now(),
            id,
            known: BTreeMap::from([("command", path.into())]),
            flags: BTreeSet::new(),
            others: Properties::default(),
            describe: |_| None,
        }
    }

    fn event(mut self, end: Result<(), String>, reporter: &Reporter) -> Event {
        let (commit, installer) = reporter.built_and_installed();
        let (level, result) = match &end {
            Ok(()) => (Level::Info, "SUCCESS"),
            Err(_) => (Level::Error, "ERROR"),
        };
        let milliseconds = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let flags: Vec<String> = self.flags.into_iter().collect();
        let terminal = std::io::stdout().is_terminal().then_some("tty");
        let measured: [(&str, Option<Value>); 10] = [
            ("arch", Some(std::env::consts::ARCH.into())),
            ("duration", Some(milliseconds.into())),
            ("error", end.err().map(Value::from)),
            ("flags", (!flags.is_empty()).then(|| flags.into())),
            ("git_commit", commit.map(Value::from)),
            ("installer", installer.map(Value::from)),
            ("os", Some(std::env::consts::OS.into())),
            ("result", Some(result.into())),
            ("terminal", terminal.map(Value::from)),
            ("version", reporter.version().map(Value::from)),
        ];
        let measured = measured.into_iter();
        self.known
            .extend(measured.filter_map(|(name, value)| Some((name, value?))));
        let id = self.id.map(|id| (id::PROPERTY, id.to_string().into()));
        let mut event = Event::new(OwnEvent::Command.name())
            .target(OWN_TARGET)
            .level(level);
        for (name, value) in self.known.into_iter().chain(id) {
            event = event.property(name, value);
        }
        for (name, value) in self.others.iter() {
            if event.properties.get(name).is_none() {
                event = event.property(name, value.clone());
            }
        }
        event
    }
}

/// Returns the name of a flag as it was typed, or `None` if it is not one.
fn flag_name(flag: &str) -> Option<&str> {
    let name = flag.trim_start_matches('-').split('=').next()?;
    (!name.is_empty()).then_some(name)
}

/// The description of a command that was not finished.
const UNFINISHED: &str = "unfinished: dropped before it ended";

/// The description of a command that a panic ended. Its message is passed to the panic hook, which
/// belongs to the application.
const PANICKED: &str = "panic: the message is not known here";
