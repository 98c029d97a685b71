//! Telemetry that stays home.
mod clock;
mod error;
mod reader;
mod record;
mod store;
pub use error::{Error, ErrorKind, Result};
pub use reader::{
    Damage, DamageKind, Follower, Item, Line, Notice, Position, Reader, Reverse, SegmentRange,
};
pub use record::{Level, OWN_TARGET, Properties, Record, Span, format_timestamp};
pub use store::limits::Limits;
pub use store::segment::SegmentNumber;
