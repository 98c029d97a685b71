//! STAND-IN until the handle is merged: just enough for the commands that record to compile and to be
//! tried. To be replaced as a whole.
#![expect(missing_docs, reason = "to be replaced as a whole")]

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::consent::{Consent, Inputs, Stored, WhenUndecided, decide, installation};
use crate::directory::{Profile, Source, of_profile};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::record::{Level, Properties, Record};
use crate::store::disk::{Access, Directory};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    Inline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Offer {
    Recorded,
    Refused,
    Dropped,
}

#[derive(Debug)]
pub struct Draft {
    event: String,
    level: Level,
    message: Option<String>,
    properties: Properties,
}

impl Draft {
    pub fn new(event: impl Into<String>) -> Self {
        Self {
            event: event.into(),
            level: Level::Info,
            message: None,
            properties: Properties::default(),
        }
    }
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.set(name, value);
        self
    }
}

#[derive(Debug)]
pub struct Builder {
    source: String,
    dir: PathBuf,
    profile: String,
}

impl Builder {
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = dir.into();
        self
    }
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = profile.into();
        self
    }
    #[must_use]
    pub fn delivery(self, _: Delivery) -> Self {
        self
    }
    pub fn open(self) -> Telemetry {
        let source: Option<Source> = self.source.parse().ok();
        let profile: Option<Profile> = self.profile.parse().ok();
        let (Some(source), Some(profile)) = (source, profile) else {
            return Telemetry::off("the source or the profile is no name");
        };
        let path = of_profile(&self.dir, &profile);
        let environment = Environment::of_process();
        let stored = Stored::read_at(&path);
        let decision = decide(&Inputs {
            executables: environment.executables(),
            do_not_track: environment.do_not_track().as_deref(),
            flag: Consent::Undecided,
            variable: environment.telemetry(&source).as_ref(),
            stored: &stored,
            stored_for_all: &Stored::Missing,
            when_undecided: WhenUndecided::Refuse,
        });
        if !decision.is_recording {
            return Telemetry::off(decision.reason());
        }
        let deadline = Instant::now() + Duration::from_secs(1);
        match Directory::open(&path, Access::Write) {
            Ok(directory) if installation(&directory, deadline).is_ok() => Telemetry {
                source: self.source,
                directory: Some(directory),
                reason: decision.reason(),
            },
            Ok(_) => Telemetry::off("there is no installation id"),
            Err(error) => Telemetry::off(format!("{error:?}")),
        }
    }
}

#[derive(Debug)]
pub struct Telemetry {
    source: String,
    directory: Option<Directory>,
    reason: String,
}

impl Telemetry {
    pub fn builder(source: impl Into<String>) -> Builder {
        Builder {
            source: source.into(),
            dir: PathBuf::new(),
            profile: "default".to_owned(),
        }
    }
    fn off(reason: impl Into<String>) -> Self {
        Self {
            source: String::new(),
            directory: None,
            reason: reason.into(),
        }
    }
    pub fn record(&self, draft: Draft) -> Offer {
        let Some(directory) = &self.directory else {
            return Offer::Refused;
        };
        let record = Record {
            timestamp: crate::clock::now(),
            level: draft.level,
            source: self.source.clone(),
            target: "localtel".to_owned(),
            event: Some(draft.event),
            message: draft.message,
            session: uuid::Uuid::now_v7(),
            seq: 0,
            properties: draft.properties,
            spans: Vec::new(),
        };
        let name = "events.000001.jsonl";
        let file = directory
            .open_append(name)
            .or_else(|_| directory.create_append(name));
        let written = file.and_then(|mut file| {
            let mut line = serde_json::to_vec(&record)?;
            line.push(b'\n');
            file.write_all(&line)
        });
        written.map_or(Offer::Dropped, |()| Offer::Recorded)
    }
    pub fn flush(&self) -> Result<()> {
        let path = std::path::Path::new("");
        let written = std::io::Result::Ok(());
        written.map_err(Error::io("flush", path))
    }
    pub fn status(&self) -> Status<'_> {
        Status(&self.reason)
    }
}

#[derive(Debug)]
pub struct Status<'a>(&'a str);

impl Status<'_> {
    pub fn reason(&self) -> &str {
        self.0
    }
}
