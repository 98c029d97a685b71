//! Telemetry that stays home.
#[cfg(feature = "cli")]
mod cli;
mod clock;
mod error;
mod filter;
mod reader;
mod record;
mod store;
mod summary;
pub use error::{Error, ErrorKind, Result};
pub use filter::{Filter, Levels, Term};
pub use reader::{
    Damage, DamageKind, Follower, Item, Line, Notice, Position, Reader, Reverse, SegmentRange,
};
pub use record::{Level, OWN_TARGET, Properties, Record, Span, format_timestamp};
pub use store::limits::Limits;
pub use store::segment::SegmentNumber;
pub use summary::{Losses, SegmentSize, Sessions, Summary, Tally};
