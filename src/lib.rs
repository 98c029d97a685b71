//! Telemetry that stays home.
mod clock;
mod draft;
mod encode;
mod error;
mod layer;
mod record;
mod recorder;
mod store;
mod writer;
pub use error::{Error, ErrorKind, Result};
pub use record::{Level, OWN_TARGET, Properties, Record, Span, format_timestamp};
pub use store::limits::Limits;
pub use store::segment::SegmentNumber;
