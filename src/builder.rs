//! How telemetry is opened: what the application says, the decision whether anything is recorded, and
//! the directory. What is then done with it is `telemetry`'s business.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::clock;
use crate::consent::{ApplicationProfile, Consent, IS_LEFT_OUT, LEFT_OUT, WhenUndecided};
use crate::directory::{Platform, Profile, Source, base, of_profile};
use crate::encode::LineLimits;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::outlet::{DEFAULT_LEVEL, Echo, Outlet, Sink};
use crate::policy::{Current, Policy};
use crate::random;
use crate::record::Level;
use crate::recorder::{
    Delivery, Durability, Overflow, Recorder, RecorderStart, SessionForm, Settings,
};
use crate::report::{Deployment, Reports, newer_release};
use crate::store::limits::Limits;
use crate::store::{IS_SUPPORTED, UNSUPPORTED};
use crate::telemetry::Telemetry;
use crate::watch::{Watch, Watching, secrets_of};

/// What an application says about its telemetry before it opens it.
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
    policy: Policy,
    deployment: Deployment,
    reports: Reports,
    debug_output: bool,
}

impl Telemetry {
    /// Starts to open telemetry for the application of that name: letters, digits, `.`, `_` and `-`.
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
            policy: Policy::default(),
            deployment: Deployment::default(),
            reports: Reports::default(),
            debug_output: false,
        }
    }

    /// Sets the directory, instead of `LOCALTEL_DIR` or the usual place. A directory is for one application and one of
    /// its profiles.
    ///
    /// The usual place is `<application>/telemetry` below `XDG_STATE_HOME`, else below the first path in
    /// `STATE_DIRECTORY`, which systemd sets for a service with `StateDirectory=`, else below the home of the user.
    ///
    /// A test of an application, which is an executable in a folder `deps` below one that cargo has marked with
    /// `CACHEDIR.TAG`, records only where this, `LOCALTEL_DIR`, or an `XDG_STATE_HOME` or `STATE_DIRECTORY` below the
    /// temporary directory says so.
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

    /// Sets what happens while consent is undecided; by default nothing is recorded.
    pub fn when_undecided(mut self, when_undecided: WhenUndecided) -> Self {
        self.when_undecided = when_undecided;
        self
    }

    /// Sets what a flag of the program says for this run; [`Consent::Undecided`], which an empty word is read as,
    /// says nothing.
    pub fn flag(mut self, flag: Consent) -> Self {
        self.flag = flag;
        self
    }

    /// Sets how much may be kept.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets who carries lines to the disk.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Has a session of one event stand in one line.
    pub fn in_one_line(mut self) -> Self {
        self.form = SessionForm::OneLine;
        self
    }

    /// Sets what happens to an event for which there is no room in memory.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets when lines survive a power cut.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets whether a process that does not record notices when it may.
    pub fn watching(mut self, watching: Watching) -> Self {
        self.watching = watching;
        self
    }

    /// Sets the lowest level of the events and spans of `tracing` that layers record: that of localtel or that of
    /// `tracing`. By default it is INFO.
    ///
    /// It holds for dependencies as for the application itself. A span below the level is not recorded with the
    /// events in it, as with a level on any other layer: with INFO, an event at INFO in a span at DEBUG stands
    /// outside of it. What is below the level is not counted.
    ///
    /// For a level of its own for each target, set the lowest one here and put a filter on the layer, such as
    /// `tracing_subscriber`'s `Targets` or `EnvFilter`.
    ///
    /// It does not concern what the application records by its own calls: [events by hand](Telemetry::record),
    /// [commands](Telemetry::command), [reports](Telemetry::report_now). For these there is
    /// [`Policy::level`]. An application whose policy names a level need not name it here, and where both do, the
    /// higher one holds.
    ///
    /// ```
    /// let builder = localtel::Telemetry::builder("myapp").level(localtel::Level::Debug);
    /// # let _ = builder.level(tracing::Level::DEBUG);
    /// ```
    pub fn level(mut self, level: impl Into<Level>) -> Self {
        self.level = Some(level.into());
        self
    }

    /// Sets what may be recorded. The owner of the machine can narrow it, and never widen it.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets what the application says of its installation, for reports and commands.
    pub fn deployment(mut self, deployment: Deployment) -> Self {
        self.deployment = deployment;
        self
    }

    /// Sets when deployment reports are recorded; by default only when the application says so.
    pub fn reports(mut self, reports: Reports) -> Self {
        self.reports = reports;
        self
    }

    /// Sets whether each record is shown on the standard error as it is made, with what became of it. This also works
    /// where nothing is recorded, and where the directory cannot be used. It is for an option such as `--debug`.
    ///
    /// By default nothing is shown, unless the variable `<SOURCE>_TELEMETRY_DEBUG` asks for it, such as
    /// `MYAPP_TELEMETRY_DEBUG=1`; `false` does not overrule the variable.
    pub fn debug_output(mut self, is_shown: bool) -> Self {
        self.debug_output = is_shown;
        self
    }

    /// Opens telemetry. This never fails: where it cannot record, nothing is recorded, and
    /// [`Telemetry::status`] says why.
    ///
    /// # Ending a program
    ///
    /// What is still in memory is written when the handle is dropped. Where it never is, in a `static`, after
    /// `mem::forget`, or because the program ends by `std::process::exit`, it is written when the process ends:
    /// a hook that the C library calls does what dropping the handle does, and takes at most as long.
    ///
    /// `abort`, `_exit`, `exec` and signals that the program does not handle end it without that, and so does a
    /// panic with `panic = "abort"`. Call [`flush`](Telemetry::flush) before `_exit` and `exec` and in a panic
    /// hook, and return from `main` on SIGTERM. Events at level ERROR are written as soon as the worker runs, the
    /// others within some milliseconds.
    ///
    /// A forked child records in a session of its own, and leaves what waited in memory to its parent. Call
    /// [`flush`](Telemetry::flush) before `daemon(3)`, whose parent ends by `_exit`, or open telemetry after it.
    pub fn open(self) -> Telemetry {
        let same = self.clone();
        self.try_open()
            .unwrap_or_else(|error| same.off(error.chain()))
    }

    /// Opens telemetry, and says why if it cannot record. That consent is missing is no error, and neither is a
    /// platform that is not supported: there telemetry is off, with that as the reason.
    ///
    /// # Errors
    ///
    /// Returns an error if the source or profile is no valid name, if the limits contradict each other, or if the
    /// directory belongs to another application or profile, cannot be made, is not this user's alone, or cannot be
    /// written.
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
                // That a test has no place to record is no failure of the application.
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
            // The session needs an id as well, which is made when it writes.
            let _id = random::id()?;
            (Some(installation.id), Some(Arc::new(directory)))
        } else {
            (None, None)
        };
        let policy = Arc::clone(watch.policy());
        // Nobody has been asked yet, so what opening changed is no news.
        let _is_news = policy.is_news();
        let limits = LineLimits::from(&self.limits);
        let is_gate_open = installation.is_some() || self.delivery == Delivery::Inline;
        let sink = if installation.is_none() && self.watching == Watching::WhileRecording {
            Sink::Off(decision.reason())
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
                    decision: decision.clone(),
                    installation,
                    directory,
                },
                is_gate_open: Arc::new(AtomicBool::new(is_gate_open)),
                withdrawals: Arc::default(),
            })))
        };
        let outlet = Outlet {
            source: location.source.to_string(),
            level,
            limits,
            policy,
            sink,
            echo,
        };
        let place = (Some((path, location)), Some(decision));
        let told = (self.version, self.deployment);
        Ok(Telemetry::new(outlet, place, told, self.reports))
    }

    /// Returns a handle that records nothing, for that reason. Where that was asked for, it shows each record as the
    /// application's own policy leaves it.
    fn off(self, reason: impl Into<String>) -> Telemetry {
        let environment = Environment::of_process();
        let echo = self.echo(&environment);
        let level = self.own_level();
        // Those of the application may be what is wrong.
        let limits = LineLimits::from(&Limits::default());
        let policy = Arc::new(Current::new(self.policy, None, secrets_of(&environment)));
        let sink = Sink::Off(reason.into());
        let outlet = Outlet {
            source: self.source,
            level,
            limits,
            policy,
            sink,
            echo,
        };
        let told = (self.version, self.deployment);
        Telemetry::new(outlet, (None, None), told, Reports::OnRequest)
    }

    /// Returns whose telemetry it is, which set of it, and the directory of the default profile.
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
        // A program may change its directory; where it records was decided now.
        let base = std::path::absolute(&base).map_err(Error::io("find", &base))?;
        Ok((source, profile, base))
    }

    /// Returns the lowest level of what is recorded from `tracing`, as far as the application says.
    pub(crate) fn own_level(&self) -> Level {
        let named = self.level.max(self.policy.named_level());
        named.unwrap_or(DEFAULT_LEVEL)
    }

    /// Returns the application's name, as it was given.
    pub fn application(&self) -> &str {
        &self.source
    }

    /// Returns the application's own say: its flag, and what it does while consent is undecided.
    pub(crate) fn own_say(&self) -> (Consent, WhenUndecided) {
        (self.flag, self.when_undecided)
    }

    /// Returns the application's version, if it told it.
    pub(crate) fn own_version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns what the application says of its installation.
    pub(crate) fn own_deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Returns how much the application keeps.
    pub(crate) fn own_limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns what the application lets be recorded.
    pub(crate) fn own_policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns whether the application or the owner asks for each record to be shown as it is made.
    fn echo(&self, environment: &Environment) -> Echo {
        if IS_LEFT_OUT {
            return Echo::Silent;
        }
        let source = self.source.parse().ok();
        let word = source.and_then(|source| environment.debugging(&source));
        let is_asked_for = matches!(word.map(|word| word.parse()), Some(Ok(Consent::Enabled)));
        if is_asked_for || self.debug_output {
            Echo::Shown
        } else {
            Echo::Silent
        }
    }
}
