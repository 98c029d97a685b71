//! The actions of an owner on a telemetry directory, as used by the command `localtel`, by the
//! commands that an application embeds, and by a settings page.
//!
//! A [`Location`] selects the telemetry. It returns its [`Status`], and whether anything is
//! recorded there and why ([`Recording`]); it stores consent, removes the installation id, and
//! creates the same report as the application.
//!
//! ```no_run
//! use localtel::admin::Location;
//! use localtel::{Consent, Telemetry};
//!
//! let location = Location::of(&Telemetry::builder("myapp"))?;
//! let answer = location.recording();
//! println!("recording: {}, because {}", answer.recording, answer.because);
//! location.set_consent(Consent::Enabled, "the settings page")?;
//! # Ok::<(), localtel::Error>(())
//! ```
//!
//! Nothing here records, and reading creates and changes nothing.

mod clear;
mod consent;
mod finding;
mod findings;
mod limits;
mod location;
mod log;
mod owner;
mod policy;
mod recording;
mod report;
mod secret_names;
mod sessions;
mod status;
mod verdict;

pub use self::clear::{ClearPlan, Cleared, KeepReason, SegmentFacts};
pub use self::consent::ConsentChange;
pub use self::finding::{Finding, FindingKind};
pub use self::findings::Findings;
pub use self::limits::{Bounds, LimitSource, LimitSources, Rate, Usage};
pub use self::location::{KnownApplication, Location, Selection, ShellWord};
pub use self::owner::other_owner_of;
pub use self::policy::{
    FoundSecret, SecretsInText, check_age_max, check_rule_name, check_total_bytes_max,
    is_name_of_secret, parse_policy,
};
pub use self::secret_names::{SecretNames, Texts};
pub use self::sessions::note_withdrawn;
pub use self::status::{OwnerState, PolicyStatus, Status, StoredChoice, Update};
pub use self::verdict::{PolicyView, RecordPart, Subject, ValueVerdict};
pub use crate::application::{Profile, Source};
pub use crate::consent::{Recording, RecordingAnswer};
pub use crate::environment::Environment;

/// The remedies of an application that must not drop events.
pub const AGAINST_DROPS: &str = "in the application, `Overflow::Block` waits for room and `Limits::buffer_bytes_max` makes more";

/// The explanation of a copied directory.
pub(crate) const COPIED: &str =
    "this directory was created on another machine or by another user, and has its id";
