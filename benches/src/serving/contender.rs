//! Who records what the server does.

use std::path::Path;
use std::time::Duration;

use localtel::Telemetry;
use localtel::consent::WhenUndecided;
use tracing_subscriber::prelude::*;

use crate::Result;

/// Who records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    /// No subscriber at all.
    Nobody,
    /// `fmt().json()` over the worker of `tracing-appender`.
    FmtNonBlocking,
    /// localtel with its worker.
    Localtel,
}

impl Contender {
    pub(super) const ALL: [Self; 3] = [Self::Nobody, Self::FmtNonBlocking, Self::Localtel];

    /// Says it in a table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Nobody => "no layer",
            Self::FmtNonBlocking => "fmt().json(), non_blocking",
            Self::Localtel => "localtel, background",
        }
    }

    /// Returns the word for it between this process and those that measure.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::FmtNonBlocking => "fmt-non-blocking",
            Self::Localtel => "localtel",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("no contender is called `{word}`").into())
    }

    pub(super) fn is_recording(self) -> bool {
        self != Self::Nobody
    }

    /// Installs it with its defaults, and returns what closes it.
    pub(super) fn install(self, directory: &Path) -> Result<Box<dyn FnOnce()>> {
        match self {
            Self::Nobody => Ok(Box::new(|| {})),
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
