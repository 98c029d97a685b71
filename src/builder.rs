//! Opens telemetry: the application's settings, the decision whether anything is recorded, and the
//! directory. `telemetry` is the resulting handle.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::clock;
use crate::consent::{ApplicationProfile, Consent, IS_LEFT_OUT, LEFT_OUT, WhenUndecided};
use crate::directory::{Platform, Profile, Source, base, of_profile};
use crate::encode::LineLimits;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::outlet::{DEFAULT_LEVEL, Echo, Off, Outlet, Sink};
use crate::policy::{Current, Policy};
use crate::random;
use crate::record::Level;
use crate::recorder::{
    Delivery, Durability, Overflow, Periods, Recorder, RecorderStart, SessionForm, Settings,
};
use crate::report::{Deployment, Reports, newer_release};
use crate::spans::Spans;
use crate::store::limits::Limits;
use crate::store::{IS_SUPPORTED, UNSUPPORTED};
use crate::telemetry::Telemetry;
use crate::watch::{Watch, Watching, secrets_of};

/// The settings of an application for its telemetry.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    source: String,
    base: Option<PathBuf>,
    profile: Option<String>,
    version: Option<String>,
    when_undecided: WhenUndecided,
    flag: Consent,
    limits: Limits,
    delivery: Delivery,
    form: SessionForm,
    overflow: Overflow,
    durability: Durability,
    watching: Watching,
    level: Option<Level>,
    spans: Spans,
    policy: Policy,
    deployment: Deployment,
    reports: Reports,
    debug_output: bool,
}

impl Telemetry {
    /// Creates the settings for the telemetry of the application of that name: letters, digits,
    /// `.`, `_` and `-`.
    pub fn builder(source: impl Into<String>) -> Builder {
        Builder::new(source)
    }
}

impl Builder {
    fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            base: None,
            profile: None,
            version: None,
            when_undecided: WhenUndecided::default(),
            flag: Consent::Undecided,
            limits: Limits::default(),
            delivery: Delivery::default(),
            form: SessionForm::default(),
            overflow: Overflow::default(),
            durability: Durability::default(),
            watching: Watching::default(),
            level: None,
            spans: Spans::default(),
            policy: Policy::default(),
            deployment: Deployment::default(),
            reports: Reports::default(),
            debug_output: false,
        }
    }

    /// Sets the directory, instead of `LOCALTEL_DIR` or the default. A directory belongs to one
    /// application and one of its profiles.
    ///
    /// The default is `<application>/telemetry` below `XDG_STATE_HOME`, else below the first path
    /// in `STATE_DIRECTORY`, which systemd sets for a service with `StateDirectory=`, else below
    /// the home of the user.
    ///
    /// A test of an application records only if the directory is set here, by `LOCALTEL_DIR`, or by
    /// an `XDG_STATE_HOME` or `STATE_DIRECTORY` below the temporary directory. A test is an
    /// executable in a folder `deps` below a directory that cargo has marked with `CACHEDIR.TAG`.
    pub fn dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.base = Some(path.into());
        self
    }

    /// Sets the profile; each has its own directory and its own consent.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Sets the application's version, for the session records.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the treatment of events while consent is undecided; by default nothing is recorded.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use localtel::Telemetry;
    /// use localtel::consent::WhenUndecided;
    ///
    /// // Recording begins an hour after the first use, unless the user decides before.
    /// let hour = Duration::from_hours(1);
    /// let settings = Telemetry::builder("myapp").when_undecided(WhenUndecided::RecordAfter(hour));
    /// # let _ = settings;
    /// ```
    pub fn when_undecided(mut self, when_undecided: WhenUndecided) -> Self {
        self.when_undecided = when_undecided;
        self
    }

    /// Sets the consent that a flag of the program gives for this run. [`Consent::Undecided`], to
    /// which an empty value is parsed, has no effect.
    pub fn flag(mut self, flag: Consent) -> Self {
        self.flag = flag;
        self
    }

    /// Sets the limits of the stored data. The owner of the machine can replace those of the
    /// directory.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the thread that writes lines to the disk.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Writes a session of one event as one line.
    pub fn in_one_line(mut self) -> Self {
        self.form = SessionForm::OneLine;
        self
    }

    /// Sets the treatment of an event for which there is no room in memory.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets when lines survive a power cut.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets whether a process that does not record polls whether it may.
    pub fn watching(mut self, watching: Watching) -> Self {
        self.watching = watching;
        self
    }

    /// Sets the lowest level of the events and spans of `tracing` that layers record: that of
    /// localtel or that of `tracing`. By default it is INFO.
    ///
    /// It applies to dependencies as well as to the application itself. A span below the level is
    /// not recorded with the events in it, as with a level on any other layer: with INFO, an event
    /// at INFO in a span at DEBUG is recorded without that span. Events below the level are not
    /// counted.
    ///
    /// For a level of its own for each target, set the lowest one here and put a filter on the
    /// layer, such as `tracing_subscriber`'s `Targets` or `EnvFilter`.
    ///
    /// It does not apply to records from the application's own calls: [events by
    /// hand](Telemetry::record), [commands](Telemetry::command), [reports](Telemetry::report_now).
    /// For these, use [`Policy::level`]. An application whose policy sets a level need not set it
    /// here; if both do, the higher one applies.
    ///
    /// ```
    /// let builder = localtel::Telemetry::builder("myapp").level(localtel::Level::Debug);
    /// # let _ = builder.level(tracing::Level::DEBUG);
    /// ```
    pub fn level(mut self, level: impl Into<Level>) -> Self {
        self.level = Some(level.into());
        self
    }

    /// Sets which spans of `tracing` have records of their own; by default none has.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use localtel::recording::Spans;
    ///
    /// // Also records each span that took at least 10 milliseconds.
    /// let slow = Spans::Closed { at_least: Duration::from_millis(10) };
    /// let builder = localtel::Telemetry::builder("myapp").spans(slow);
    /// # let _ = builder;
    /// ```
    pub fn spans(mut self, spans: Spans) -> Self {
        self.spans = spans;
        self
    }

    /// Sets the rules for what may be recorded. The owner of the machine can restrict them further,
    /// and never relax them.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the application's description of its installation, for reports and commands.
    pub fn deployment(mut self, deployment: Deployment) -> Self {
        self.deployment = deployment;
        self
    }

    /// Sets when deployment reports are recorded; by default only when the application calls
    /// [`report_now`](Telemetry::report_now).
    pub fn reports(mut self, reports: Reports) -> Self {
        self.reports = reports;
        self
    }

    /// Sets whether each record is shown on standard error as it is created, with its outcome. This
    /// also works where nothing is recorded, and where the directory cannot be used. It is meant
    /// for an option such as `--debug`.
    ///
    /// By default nothing is shown, unless the variable `<SOURCE>_TELEMETRY_DEBUG` requests it,
    /// such as `MYAPP_TELEMETRY_DEBUG=1`; `false` does not override the variable.
    pub fn debug_output(mut self, is_shown: bool) -> Self {
        self.debug_output = is_shown;
        self
    }

    /// Opens telemetry. This never fails: if it cannot record, nothing is recorded, and
    /// [`Telemetry::status`] returns the reason.
    ///
    /// # Ending a program
    ///
    /// Events that are still in memory are written when the handle is dropped. If it never is, in a
    /// `static`, after `mem::forget`, or because the program ends by `std::process::exit`, they are
    /// written when the process ends: a hook that the C library calls does the same as dropping the
    /// handle, and takes at most as long.
    ///
    /// With `abort`, `_exit`, `exec` and signals that the program does not handle, the process ends
    /// without that, and so it does after a panic with `panic = "abort"`. Call
    /// [`flush`](Telemetry::flush) before `_exit` and `exec` and in a panic hook, and return from
    /// `main` on SIGTERM. Events at level ERROR are written as soon as the worker runs, the others
    /// within some milliseconds.
    ///
    /// A forked child records in a session of its own, and leaves events that waited in memory to
    /// its parent. Call [`flush`](Telemetry::flush) before `daemon(3)`, whose parent ends by
    /// `_exit`, or open telemetry after it.
    pub fn open(self) -> Telemetry {
        let same = self.clone();
        self.try_open()
            .unwrap_or_else(|error| same.off(error.chain()))
    }

    /// Opens telemetry, and returns an error if it cannot record. Missing consent is not an error,
    /// and neither is a platform that is not supported: telemetry is then off, with that as the
    /// reason.
    ///
    /// # Errors
    ///
    /// Returns an error if the source or profile is not a valid name, if the limits contradict each
    /// other, or if the directory belongs to another application or profile, cannot be created, is
    /// accessible to other users, or cannot be written.
    pub fn try_open(self) -> Result<Telemetry> {
        if IS_LEFT_OUT {
            return Ok(self.off(LEFT_OUT));
        }
        if !IS_SUPPORTED {
            return Ok(self.off(UNSUPPORTED));
        }
        self.limits.validate()?;
        let environment = Environment::of_process();
        match self.place(&environment) {
            Ok((source, profile, base)) => {
                let location = ApplicationProfile { source, profile };
                self.open_in(&base, location, &environment)
            }
            Err(error) => {
                // A test without a directory to record in is not a failure of the application.
                if let ErrorKind::Off { reason } = error.kind() {
                    return Ok(self.off(reason));
                }
                Err(error)
            }
        }
    }

    /// Opens telemetry, given the directory of the default profile.
    fn open_in(
        self,
        base: &Path,
        location: ApplicationProfile,
        environment: &Environment,
    ) -> Result<Telemetry> {
        let echo = self.echo(environment);
        let level = self.own_level();
        let path = of_profile(base, &location.profile);
        let answers = (self.flag, self.when_undecided);
        let (mut watch, found) =
            Watch::new((&path, base), &location, environment, answers, self.policy);
        watch.admit(found.as_ref())?;
        let decision = watch.open(clock::now())?;
        let (installation, directory) = if decision.is_recording {
            let (installation, directory) = watch.installation_in(found)?;
            // The session needs an id as well, which is created when it writes.
            let _id = random::id()?;
            (Some(installation.id), Some(Arc::new(directory)))
        } else {
            (None, None)
        };
        let policy = Arc::clone(watch.policy());
        // No interests were built yet, so that the changes during opening need no rebuild.
        let _is_due = policy.take_rebuild_due();
        let limits = LineLimits::from(&self.limits);
        let is_gate_open = installation.is_some() || self.delivery == Delivery::Inline;
        let periods = Periods::starting(installation.is_some());
        let sink = if installation.is_none() && self.watching == Watching::WhileRecording {
            Sink::Off(Off::Decided(Box::new(watch)))
        } else {
            Sink::Recorder(Arc::new(Recorder::start(Settings {
                path: path.clone(),
                limits: self.limits,
                source: location.source.to_string(),
                update: self
                    .version
                    .as_deref()
                    .and_then(|version| newer_release(&path, version))
                    .map(|release| release.version),
                version: self.version.clone(),
                delivery: self.delivery,
                form: self.form,
                overflow: self.overflow,
                durability: self.durability,
                watch,
                start: RecorderStart {
                    decision,
                    installation,
                    directory,
                },
                is_gate_open: Arc::new(AtomicBool::new(is_gate_open)),
                withdrawals: Arc::default(),
                periods: Arc::new(periods),
            })))
        };
        let outlet = Outlet {
            source: location.source.to_string(),
            level,
            spans: self.spans,
            limits,
            policy,
            sink,
            echo,
        };
        let given = (self.version, self.deployment);
        Ok(Telemetry::new(
            outlet,
            Some((path, location)),
            given,
            self.reports,
        ))
    }

    /// Returns a handle that records nothing, for that reason. If requested, it shows each record
    /// as the application's own policy leaves it.
    fn off(self, reason: impl Into<String>) -> Telemetry {
        let environment = Environment::of_process();
        let echo = self.echo(&environment);
        let level = self.own_level();
        // The limits of the application may be the mistake.
        let limits = LineLimits::from(&Limits::default());
        let policy = Arc::new(Current::new(self.policy, None, secrets_of(&environment)));
        let sink = Sink::Off(Off::Obstacle(reason.into()));
        let outlet = Outlet {
            source: self.source,
            level,
            spans: self.spans,
            limits,
            policy,
            sink,
            echo,
        };
        let given = (self.version, self.deployment);
        Telemetry::new(outlet, None, given, Reports::OnRequest)
    }

    /// Returns the application, the profile, and the directory of the default profile.
    pub(crate) fn place(&self, environment: &Environment) -> Result<(Source, Profile, PathBuf)> {
        let source: Source = self.source.parse()?;
        let profile: Profile = self.profile.as_deref().unwrap_or("default").parse()?;
        let base = match &self.base {
            Some(path) => path.clone(),
            None => match environment.withheld_from_test() {
                Some(reason) => {
                    let reason = reason.to_owned();
                    return Err(ErrorKind::Off { reason }.into());
                }
                None => base(environment, Platform::THIS, &source)?,
            },
        };
        // The program may change its working directory later.
        let base = std::path::absolute(&base).map_err(Error::io("find", &base))?;
        Ok((source, profile, base))
    }

    /// Returns the lowest level of events from `tracing`, as far as the application sets one.
    pub(crate) fn own_level(&self) -> Level {
        let named = self.level.max(self.policy.named_level());
        named.unwrap_or(DEFAULT_LEVEL)
    }

    /// Returns the application's name, as it was given.
    pub fn application(&self) -> &str {
        &self.source
    }

    /// Returns the application's own sources of the decision: its flag, and its choice while
    /// consent is undecided.
    pub(crate) fn own_consent(&self) -> (Consent, WhenUndecided) {
        (self.flag, self.when_undecided)
    }

    /// Returns the application's version, if it was set.
    pub(crate) fn own_version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the application's description of its installation.
    pub(crate) fn own_deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Returns the application's limits.
    pub(crate) fn own_limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the application's policy.
    pub(crate) fn own_policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns whether the application or the owner requests that each record is shown as it is
    /// created.
    fn echo(&self, environment: &Environment) -> Echo {
        if IS_LEFT_OUT {
            return Echo::Silent;
        }
        let source = self.source.parse().ok();
        let word = source.and_then(|source| environment.debugging(&source));
        let is_requested = matches!(word.map(|word| word.parse()), Some(Ok(Consent::Enabled)));
        if is_requested || self.debug_output {
            Echo::Shown
        } else {
            Echo::Silent
        }
    }
}
