//! Telemetry that stays home.
mod builder;
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
mod consent;
mod directory;
mod draft;
mod encode;
mod environment;
mod error;
mod layer;
mod record;
mod recorder;
mod store;
mod telemetry;

pub use builder::Builder;
pub use telemetry::{Status, Telemetry};

pub use recorder::{Counts, Delivery, Durability, Offer, Overflow};
pub use store::limits::Limits;

pub use consent::{Consent, DecidedBy, Decision, Overruled, WhenUndecided};
pub use directory::{Profile, Source};

pub use draft::Draft;
pub use record::{Level, OWN_TARGET, Properties, Record, Span, format_timestamp};
pub use store::segment::SegmentNumber;

pub use error::{Error, ErrorKind, Result};
