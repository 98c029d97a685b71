//! The contenders: localtel, its alternatives, and the references for both.
//!
//! Each is set up as in its manual, to lose nothing if it has such an option, and to rotate by its
//! own means.

mod emit;
mod flexi_logger;
mod floor;
mod localtel;
mod logforth;
mod tracing;

use std::path::Path;

use super::facade::Tracing;
use super::sample::Sample;
use super::task::Task;
use crate::Result;

/// A program that records the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Localtel,
    FmtNonBlocking,
    FmtRolling,
    JsonSubscriber,
    Bunyan,
    Emit,
    Logforth,
    FlexiLogger,
    /// A layer that visits the fields and copies as many bytes as the line has.
    Floor,
    /// No subscriber at all.
    NoSubscriber,
    /// localtel with telemetry off.
    Off,
    /// localtel, whose policy drops the events.
    Refused,
}

/// The purpose of a contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// localtel itself.
    Own,
    /// Writes the same events to files.
    Peer,
    /// Writes nothing.
    Reference,
}

impl Contender {
    pub(super) const ALL: [Self; 12] = [
        Self::Localtel,
        Self::FmtNonBlocking,
        Self::FmtRolling,
        Self::JsonSubscriber,
        Self::Bunyan,
        Self::Emit,
        Self::Logforth,
        Self::FlexiLogger,
        Self::Floor,
        Self::NoSubscriber,
        Self::Off,
        Self::Refused,
    ];

    /// The contenders that record, and the floor.
    pub(super) const WITH_FLOOR: [Self; 9] = [
        Self::Localtel,
        Self::FmtNonBlocking,
        Self::FmtRolling,
        Self::JsonSubscriber,
        Self::Bunyan,
        Self::Emit,
        Self::Logforth,
        Self::FlexiLogger,
        Self::Floor,
    ];

    /// The same, and no subscriber, for the cost of the pace itself.
    pub(super) const WITH_NO_SUBSCRIBER: [Self; 10] = [
        Self::Localtel,
        Self::FmtNonBlocking,
        Self::FmtRolling,
        Self::JsonSubscriber,
        Self::Bunyan,
        Self::Emit,
        Self::Logforth,
        Self::FlexiLogger,
        Self::Floor,
        Self::NoSubscriber,
    ];

    /// Returns its name in a table.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Localtel => "localtel, background",
            Self::FmtNonBlocking => "fmt().json(), non_blocking",
            Self::FmtRolling => "fmt().json(), rolling file",
            Self::JsonSubscriber => "json-subscriber, non_blocking",
            Self::Bunyan => "tracing-bunyan-formatter, non_blocking",
            Self::Emit => "emit, emit_file",
            Self::Logforth => "logforth, async",
            Self::FlexiLogger => "flexi_logger, async",
            Self::Floor => "floor: visit and copy",
            Self::NoSubscriber => "no subscriber",
            Self::Off => "localtel, telemetry off",
            Self::Refused => "localtel, filtered out",
        }
    }

    /// Returns its name in the arguments of a child process.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Localtel => "localtel",
            Self::FmtNonBlocking => "fmt-non-blocking",
            Self::FmtRolling => "fmt-rolling",
            Self::JsonSubscriber => "json-subscriber",
            Self::Bunyan => "bunyan",
            Self::Emit => "emit",
            Self::Logforth => "logforth",
            Self::FlexiLogger => "flexi-logger",
            Self::Floor => "floor",
            Self::NoSubscriber => "no-subscriber",
            Self::Off => "off",
            Self::Refused => "refused",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|own| own.word() == word);
        found.ok_or_else(|| format!("unknown contender `{word}`").into())
    }

    pub(super) fn role(self) -> Role {
        match self {
            Self::Localtel => Role::Own,
            Self::FmtNonBlocking
            | Self::FmtRolling
            | Self::JsonSubscriber
            | Self::Bunyan
            | Self::Emit
            | Self::Logforth
            | Self::FlexiLogger => Role::Peer,
            Self::Floor | Self::NoSubscriber | Self::Off | Self::Refused => Role::Reference,
        }
    }

    /// Runs the task with this contender, which is opened before and closed at the end.
    pub(super) fn measure(self, task: &Task, directory: &Path) -> Result<Sample> {
        match self {
            Self::Localtel => localtel::record(task, directory),
            Self::Off => localtel::record_off(task, directory),
            Self::Refused => localtel::record_refused(task, directory),
            Self::FmtNonBlocking => tracing::record_fmt(task, directory),
            Self::FmtRolling => tracing::record_fmt_directly(task, directory),
            Self::JsonSubscriber => tracing::record_json_subscriber(task, directory),
            Self::Bunyan => tracing::record_bunyan(task, directory),
            Self::Emit => emit::record(task, directory),
            Self::Logforth => logforth::record(task, directory),
            Self::FlexiLogger => flexi_logger::record(task, directory),
            Self::Floor => Ok(floor::record(task)),
            Self::NoSubscriber => Ok(task.run(Tracing, || {})),
        }
    }
}

/// The size of a file in contenders that rotate by size: localtel's default.
const FILE_BYTES_MAX: u32 = 16 << 20;
