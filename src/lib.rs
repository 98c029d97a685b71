//! Local-only telemetry.
//!
//! An application adds one [`tracing`] layer; its structured events are written to a rotating
//! directory of JSON lines on the same machine, and never leave it. Nothing is recorded without
//! consent. The command `localtel`, in the package `localtel-cli`, shows, follows, filters,
//! explains and clears records: `localtel --app myapp show`.
//!
//! [`tracing`]: https://docs.rs/tracing
//!
//! # Recording
//!
//! ```toml
//! [dependencies]
//! localtel = { path = "../localtel" } # A copy of the repository.
//! tracing = "0.1"
//! tracing-subscriber = { version = "0.3", default-features = false, features = ["registry", "std"] }
//! ```
//!
//! ```no_run
//! use tracing_subscriber::prelude::*;
//!
//! // In `main`: dropping `telemetry` at its end writes the events that are still in memory.
//! let telemetry = localtel::Telemetry::builder("myapp").version("1.2.0").open();
//! tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter())).init();
//!
//! tracing::info!(name: "command", command = "project-list", duration = 871, result = "SUCCESS");
//! ```
//!
//! **Enable it.** By default nothing is recorded without consent, which is given with the variable
//! `MYAPP_TELEMETRY=on` for one run, with `localtel --app myapp enable`, or with
//! [`Telemetry::set_consent`] after the application asked. [`Builder::when_undecided`] sets another
//! default. A process that started without consent records from its next start, or within a second
//! if it is [watching](Builder::watching). [`Telemetry::status`] returns whether events are
//! recorded, where, and otherwise the reason.
//!
//! **Choose the level.** Events and spans from INFO up are recorded; [`Builder::level`] sets
//! another level.
//!
//! **End the program.** Keep the handle until the end of `main`: dropping it writes what is still
//! in memory. A hook does the same where the handle is not dropped, as after
//! [`std::process::exit`]. SIGKILL and [`std::process::abort`] lose the events of the last
//! milliseconds unless [`Telemetry::flush`] was called.
//!
//! # Reading
//!
//! ```no_run
//! fn main() -> localtel::Result<()> {
//!     let path = "/home/me/.local/state/myapp/telemetry";
//!     let mut reader = localtel::read::Reader::open(path.as_ref())?;
//!     for record in reader.records().filter_map(Result::ok) {
//!         println!("{} {:?}", record.timestamp, record.event);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Modules
//!
//! The root contains what nearly every application uses: [`Telemetry`] and its [`Builder`], the
//! [`Layer`], an [`Event`] recorded by hand, a [`Command`], a [`Counter`]. The rest is in modules:
//!
//! | module | content |
//! | --- | --- |
//! | [`recording`] | delivery, outcomes of events, a layer for telemetry that is opened later |
//! | [`read`] | records, readers, followers, filters and a summary |
//! | [`consent`] | the decision on recording, and the default while there is none |
//! | [`policy`] | what happens to a value: kept, redacted, hashed, masked or dropped |
//! | [`report`] | reports on the application and how it is used |
//! | `admin` | an owner's view: status, consent, policy, clearing (on supported platforms) |
//!
//! # Guarantees
//!
//! * **Offline.** No code path opens a socket, and no dependency can.
//! * **Consent first.** Without consent there is no directory, no file, no id and no thread, unless
//!   the application chose another [default](consent::WhenUndecided).
//! * **Never in the way.** Recording does not wait for the disk, panic, print, or return an error
//!   into the application. Events that could not be kept are counted, and the count is recorded. If
//!   a value's `Debug` or `Display` panics, the panic is caught and the value marked, except in
//!   programs built with `panic = "abort"`.
//! * **Bounded.** Memory, each line, each segment, the total on disk and the age of the data have
//!   [`Limits`].
//! * **Whole lines.** Any number of processes and threads may write one directory. After a kill or
//!   a full disk at most one line is damaged, and a reader reports where.
//! * **Flushed means written.** After [`Telemetry::flush`] returned `Ok`, everything recorded
//!   before is in the file. Dropping the handle flushes, and so does the end of the process unless
//!   it is killed or aborts.
//! * **Private files.** Files are 0600 in a 0700 directory, no symbolic link is followed, and only
//!   files with localtel's own names are removed.
//!
//! # Features
//!
//! `off` is for packagers and compiles telemetry out: nothing is recorded, no thread is started and
//! no event file is created, whatever the user consents to, and [`Telemetry::status`] and the
//! command `status` report it. Features of all crates in a build add up, so one crate that enables
//! it silences all; libraries should not.
//!
//! # Platforms
//!
//! Recording and reading need a Unix. On other platforms the library compiles, telemetry is off
//! with that as the reason ([`recording::RecordingStatus::off_because`]), and an event costs
//! nothing, so an application that is also built there needs no `cfg` of its own.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(
    not(all(unix, not(localtel_unsupported))),
    allow(
        dead_code,
        unnameable_types,
        unreachable_pub,
        unused_imports,
        reason = "`admin` is left out"
    )
)]

pub use builder::Builder;
pub use command::Command;
#[doc(inline)]
pub use consent::Consent;
pub use error::{Error, ErrorKind, Result};
pub use event::Event;
pub use layer::Layer;
#[doc(inline)]
pub use policy::Policy;
pub use record::Level;
#[doc(inline)]
pub use report::Counter;
pub use store::limits::Limits;
pub use telemetry::Telemetry;
// Crates with types in public signatures.
#[doc(no_inline)]
pub use {serde_json, uuid};

pub mod consent;
pub mod policy;
pub mod report;

/// The settings and the results of recording.
pub mod recording {
    pub use crate::command::ErrorDescription;
    pub use crate::command::id as command_id;
    pub use crate::later::LaterTelemetry;
    pub use crate::layer::RecordFilter;
    pub use crate::recorder::{Counts, Delivery, Durability, Outcome, Overflow};
    pub use crate::spans::Spans;
    pub use crate::store::limits::Compression;
    pub use crate::telemetry::RecordingStatus;
    pub use crate::watch::Watching;
}

/// Reading what was recorded: readers and what they find, records and their values, filters, and a
/// summary.
pub mod read {
    pub use crate::filter::{Filter, Levels, ProcessSearch, Term};
    pub use crate::reader::{
        ByteCounts, ByteProgress, ClosedInput, Damage, DamageKind, Fold, Follower, Item, Line,
        LineStream, MergeInput, Merged, Notice, Position, Reader, Reverse, SegmentRange,
        StoredSegment, StoredSegments,
    };
    pub use crate::record::{LINE_SCHEMA, OWN_TARGET, Properties, Record, Span, Timestamp};
    pub use crate::store::decompressor::decompressed;
    pub use crate::store::segment::{SegmentForm, SegmentNumber};
    pub use crate::summary::{SegmentSize, Summary, Tally};
    pub use crate::tally::{Losses, Sessions};
    pub use crate::text::is_unsafe_to_show;

    /// Records read in place from their lines ([`Line::read_raw`](crate::read::Line::read_raw)),
    /// without building values: for programs that scan gigabytes. A line that
    /// [`Record::parse`](crate::read::Record::parse) refuses gives no raw record.
    pub mod raw {
        pub use crate::filter::{FilterVerdict, OrderedType, find_property};
        pub use crate::record::raw::{Object, RawJson, RawRecord, RawSpans, RawText, RawValue};
    }

    /// Counts over records, as values that are folded in parts and merged
    /// ([`Fold`]).
    pub mod tally {
        pub use crate::tally::{
            Accuracy, CountedRecord, Distribution, Group, Groups, LevelCounts, RecordPlace,
            RecordedSession, SessionEnding, SessionList, SessionTally, TimeBucket, Timeline,
            VersionSessions, time_in_id,
        };
    }
}

#[cfg(all(unix, not(localtel_unsupported)))]
pub mod admin;
mod application;
mod builder;
mod ending;
mod telemetry;
mod text;

mod command;
mod encode;
mod event;
mod later;
mod layer;
mod outlet;
mod recorder;
mod spans;

mod filter;
mod reader;
mod summary;
mod tally;

mod store;

mod clock;
mod directory;
mod environment;
mod error;
mod history;
mod probe;
mod random;
mod record;
mod release;
mod watch;
