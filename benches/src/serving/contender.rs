//! The contenders that record the requests of the server.

use std::path::Path;
use std::time::Duration;

use localtel::Telemetry;
use localtel::consent::WhenUndecided;
use tracing_subscriber::prelude::*;

use crate::Result;

/// A contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    /// No subscriber at all.
    NoLayer,
    /// `fmt().json()` over the worker of `tracing-appender`.
    FmtNonBlocking,
    /// localtel with its worker.
    Localtel,
}

impl Contender {
    pub(super) const ALL: [Self; 3] = [Self::NoLayer, Self::FmtNonBlocking, Self::Localtel];

    /// Returns its name in a table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::NoLayer => "no layer",
            Self::FmtNonBlocking => "fmt().json(), non_blocking",
            Self::Localtel => "localtel, background",
        }
    }

    /// Returns its name in the arguments of a child process.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NoLayer => "no-layer",
            Self::FmtNonBlocking => "fmt-non-blocking",
            Self::Localtel => "localtel",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("unknown contender `{word}`").into())
    }

    pub(super) fn is_recording(self) -> bool {
        self != Self::NoLayer
    }

    /// Installs it with its defaults, and returns the function that closes it.
    pub(super) fn install(self, directory: &Path) -> Result<Box<dyn FnOnce()>> {
        match self {
            Self::NoLayer => Ok(Box::new(|| {})),
            Self::FmtNonBlocking => {
                let file = tracing_appender::rolling::hourly(directory, "events.jsonl");
                let (writer, guard) = tracing_appender::non_blocking(file);
                let subscriber = tracing_subscriber::fmt().json().with_writer(writer);
                subscriber.finish().try_init()?;
                Ok(Box::new(|| drop(guard)))
            }
            Self::Localtel => {
                let telemetry = Telemetry::builder("bench")
                    .dir(directory.join("telemetry"))
                    .when_undecided(WhenUndecided::Record)
                    .try_open()?;
                let layer = telemetry.layer().with_filter(telemetry.filter());
                tracing_subscriber::registry().with(layer).try_init()?;
                Ok(Box::new(move || {
                    telemetry.close(Duration::from_mins(1));
                }))
            }
        }
    }
}
