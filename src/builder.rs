//! How telemetry is opened: what the application says, the decision whether anything is recorded, and
//! the directory. What is then done with it is `telemetry`'s business.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::consent::{
    Consent, Decision, IS_LEFT_OUT, Inputs, Installation, LEFT_OUT, Stored, WhenUndecided, decide,
    installation,
};
use crate::directory::{Platform, Profile, Source, base, of_profile};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::recorder::{Delivery, Durability, Overflow, Recorder, Settings};
use crate::store::disk::{Access, Directory};
use crate::store::limits::Limits;
use crate::store::open_error;
use crate::telemetry::{Opened, Telemetry};

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
    overflow: Overflow,
    durability: Durability,
}

impl Builder {
    pub(crate) fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            base: None,
            profile: None,
            version: None,
            when_undecided: WhenUndecided::default(),
            flag: Consent::Undecided,
            limits: Limits::default(),
            delivery: Delivery::default(),
            overflow: Overflow::default(),
            durability: Durability::default(),
        }
    }

    /// Sets the directory, instead of `LOCALTEL_DIR` or the platform's usual place.
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

    /// Sets what happens while nobody has decided; by default nothing is recorded.
    pub fn when_undecided(mut self, when_undecided: WhenUndecided) -> Self {
        self.when_undecided = when_undecided;
        self
    }

    /// Sets what a flag of the program says for this run.
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

    /// Opens telemetry. This never fails: where it cannot record, nothing is recorded, and
    /// [`Telemetry::status`] says why.
    pub fn open(self) -> Telemetry {
        let source = self.source.clone();
        self.try_open()
            .unwrap_or_else(|error| Telemetry::off(source, None, error.chain()))
    }

    /// Opens telemetry, and says why if it cannot record. That consent is missing is no error.
    ///
    /// # Errors
    ///
    /// Fails if the source or profile is no valid name, the limits contradict each other, or the directory
    /// cannot be made, is not this user's alone, or cannot be written.
    pub fn try_open(self) -> Result<Telemetry> {
        if IS_LEFT_OUT {
            return Ok(Telemetry::off(self.source, None, LEFT_OUT.to_owned()));
        }
        self.limits.validate()?;
        let environment = Environment::of_process();
        let (source, profile, base) = self.place(&environment)?;
        let path = of_profile(&base, &profile);
        let stored = Stored::read_at(&path);
        let decision = self.decide(&environment, &source, &stored);
        if !decision.is_recording {
            let reason = match stored.problem() {
                Some(problem) => format!("{}: {problem}", decision.reason()),
                None => decision.reason(),
            };
            return Ok(Telemetry::off(
                source.as_str(),
                Some((path, decision)),
                reason,
            ));
        }
        let installation = installation_at(&path, Instant::now() + INSTALLATION_WAIT)?;
        let recorder = Recorder::start(Settings {
            path: path.clone(),
            limits: self.limits.clone(),
            source: source.as_str().to_owned(),
            version: self.version,
            installation: Some(installation.id),
            delivery: self.delivery,
            overflow: self.overflow,
            durability: self.durability,
        });
        Ok(Telemetry::on(Opened {
            source: source.as_str().to_owned(),
            path,
            decision,
            installation: installation.id,
            limits: self.limits,
            recorder: Arc::new(recorder),
        }))
    }

    /// Returns whose telemetry it is, which set of it, and the directory of the default profile.
    pub(crate) fn place(&self, environment: &Environment) -> Result<(Source, Profile, PathBuf)> {
        let source: Source = self.source.parse()?;
        let profile: Profile = self.profile.as_deref().unwrap_or("default").parse()?;
        let base = match &self.base {
            Some(path) => path.clone(),
            None => base(environment, Platform::THIS, &source)?,
        };
        // A program may change its directory; where it records was decided now.
        let base = std::path::absolute(&base).map_err(Error::io("find", &base))?;
        Ok((source, profile, base))
    }

    /// Returns what the application itself says: its name, its flag, and what it does when undecided.
    #[cfg(feature = "cli")]
    pub(crate) fn own_say(&self) -> (&str, Consent, WhenUndecided) {
        (&self.source, self.flag, self.when_undecided)
    }

    fn decide(&self, environment: &Environment, source: &Source, stored: &Stored) -> Decision {
        decide(&Inputs {
            executables: environment.executables(),
            do_not_track: environment.do_not_track().as_deref(),
            flag: self.flag,
            variable: environment.telemetry(source).as_ref(),
            stored,
            stored_for_all: &Stored::Missing,
            when_undecided: self.when_undecided,
        })
    }
}

/// Makes the directory where it is missing, and returns the installation in it.
fn installation_at(path: &Path, deadline: Instant) -> Result<Installation> {
    let mut tries = 1;
    loop {
        let directory =
            Directory::open(path, Access::Write).map_err(|error| open_error(path, error))?;
        match installation(&directory, deadline) {
            // Somebody removed the directory under our hands: the next try makes it anew.
            Err(_) if tries < OPEN_TRIES && !directory.is_current() => {
                tries += 1;
                std::thread::sleep(OPEN_PAUSE);
            }
            result => return result,
        }
    }
}

/// How often the directory may be removed while it is being opened before that is an error.
const OPEN_TRIES: usize = 10;

/// How long a removal is given to be over.
const OPEN_PAUSE: Duration = Duration::from_millis(1);

/// How long opening waits for the directory's lock where the installation id must still be made.
const INSTALLATION_WAIT: Duration = Duration::from_secs(1);
