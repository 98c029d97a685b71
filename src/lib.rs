//! Telemetry that stays home.
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
mod consent;
mod directory;
mod environment;
mod error;
mod record;
mod store;
mod telemetry;
pub use consent::{Consent, DecidedBy, Decision, Overruled, WhenUndecided};
pub use directory::{Profile, Source};
pub use error::{Error, ErrorKind, Result};
pub use record::{Level, OWN_TARGET, Properties, Record, Span, format_timestamp};
pub use store::limits::Limits;
pub use store::segment::SegmentNumber;
pub use telemetry::{Builder, Delivery, Draft, Offer, Status, Telemetry};
