//! Telemetry that stays home.
//!
//! An application adds one [`tracing`] layer; its structured events are written to a rotating directory of
//! JSON lines on the same machine, and never leave it. Nothing is written before the person whose machine
//! it is has agreed. The command `localtel` shows, follows, filters and clears what was recorded.
//!
//! # Recording
//!
//! ```no_run
//! use tracing_subscriber::prelude::*;
//!
//! // Events and spans from INFO up are recorded; `.level(localtel::Level::Debug)` before `open` records more.
//! let telemetry = localtel::Telemetry::builder("myapp").version("1.2.0").open();
//! tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter())).init();
//!
//! tracing::info!(name: "command", command = "project-list", duration = 871, result = "SUCCESS");
//!
//! telemetry.flush()?; // Dropping the handle does it too.
//! # Ok::<(), localtel::Error>(())
//! ```
//!
//! # Reading
//!
//! ```no_run
//! let mut reader = localtel::read::Reader::open("/home/me/.local/state/myapp/telemetry".as_ref())?;
//! for record in reader.records().filter_map(Result::ok) {
//!     println!("{} {:?}", record.timestamp, record.event);
//! }
//! # Ok::<(), localtel::Error>(())
//! ```
//!
//! # Where to find what
//!
//! The root has what nearly every application names: [`Telemetry`] and its [`Builder`], the [`Layer`], an [`Event`]
//! recorded by hand, a [`Command`], a [`Counter`]. The rest is in modules:
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`recording`] | how events are delivered, what became of them, and a layer for telemetry that is opened later |
//! | [`read`] | records, readers, followers, filters and a summary |
//! | [`consent`] | the decision on whether anything is recorded, and the default while there is none |
//! | [`policy`] | what becomes of a value: kept, redacted, hashed, masked or dropped |
//! | [`report`] | what an application says of itself and how it is used |
//! | `admin` | what an owner does with a telemetry directory: status, consent, policy, clearing (on supported platforms) |
//!
//! # What can be relied on
//!
//! * **Offline.** No code path opens a socket, and no dependency can.
//! * **Consent first.** Without consent there is no directory, no file, no id and no thread.
//! * **Never in the way.** Recording does not wait for the disk, panic, print, or return an error into the
//!   application. What could not be kept is counted, and the count is recorded. Where a value's `Debug` or `Display`
//!   panics, that is caught and the value marked, except in programs built with `panic = "abort"`, which it ends.
//! * **Bounded.** Memory, each line, each segment, the total on disk and the age of the data have [`Limits`].
//! * **Whole lines.** Any number of processes and threads may write one directory. After a kill or a full disk,
//!   at most one line is damaged, and a reader is told where.
//! * **Flushed means written.** After [`Telemetry::flush`] returned `Ok`, everything recorded before is in the file. Dropping
//!   the handle flushes, and so does the end of the process unless it is killed or aborts.
//! * **Ours only.** Files are 0600 in a 0700 directory, no symlink is followed, and only names that parse as ours are
//!   removed.
//!
//! # Features
//!
//! `off` is for packagers: it leaves telemetry out of what is built. Nothing is recorded, no thread is started and
//! no file of events is made, whatever anybody consents to, and [`Telemetry::status`] and the command `status` say so.
//! Features of all crates in a build add up, so one that asks for it silences all; libraries should not.
//!
//! # Platforms
//!
//! Recording and reading need a Unix. On other platforms the library compiles, telemetry is off with that as the
//! reason ([`recording::RecordingStatus::off_because`]), and an event costs nothing, so an application that is also built there needs no
//! `cfg` of its own.

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
// Crates whose types stand in signatures.
#[doc(no_inline)]
pub use {serde_json, uuid};

pub mod consent;
pub mod policy;
pub mod report;

/// How events are recorded, and what becomes of them.
pub mod recording {
    pub use crate::command::ErrorDescription;
    pub use crate::command::id as command_id;
    pub use crate::later::LaterTelemetry;
    pub use crate::layer::RecordFilter;
    pub use crate::recorder::{Counts, Delivery, Durability, Outcome, Overflow};
    pub use crate::telemetry::RecordingStatus;
    pub use crate::watch::Watching;
}

/// Reading what was recorded: readers and what they find, records and their values, filters, and a summary.
pub mod read {
    pub use crate::filter::{Filter, Levels, Term};
    pub use crate::reader::{
        Damage, DamageKind, Follower, Item, Line, Notice, Position, Reader, Reverse, SegmentRange,
    };
    pub use crate::record::{LINE_SCHEMA, OWN_TARGET, Properties, Record, Span, Timestamp};
    pub use crate::store::segment::SegmentNumber;
    pub use crate::summary::{Losses, SegmentSize, Sessions, Summary, Tally};
    pub use crate::text::is_unsafe_to_show;

    /// Lines looked at where they stand, without building a record: for programs that scan gigabytes. A raw record takes
    /// nothing that [`Record::parse`](crate::read::Record::parse) refuses.
    pub mod raw {
        pub use crate::filter::FilterVerdict;
        pub use crate::reader::{Piece, Run};
        pub use crate::record::raw::{Object, PrefixCache, RawRecord, RawText, Spans};
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

mod filter;
mod reader;
mod summary;

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
