//! What `localtel-cli` uses of the library that is not public yet. Nothing here is stable.
#![allow(missing_docs, reason = "modules that only hand on")]

pub mod builder {
    pub use crate::builder::Builder;
}
pub mod clock {
    pub use crate::clock::*;
}
pub mod command {
    pub use crate::command::{ErrorDescription, ID_PROPERTY, id};
}
pub mod consent {
    pub use crate::consent::identity::{Installation, InstallationOrigin};
    pub use crate::consent::keeper::{ConsentDirectory, reset, set_consent_of};
    pub use crate::consent::location::{ApplicationProfile, KnownLocation};
    pub use crate::consent::stored::{Scope, StoredConsent};
    pub use crate::consent::{Consent, DecidedBy, Decision, Inputs, WhenUndecided, decide, rough};
}
pub mod directory {
    pub use crate::directory::*;
}
pub mod encode {
    pub use crate::encode::LineLimits;
    pub use crate::text::is_unsafe_to_show;
}
pub mod environment {
    pub use crate::environment::*;
}
pub mod error {
    pub use crate::error::{Error, ErrorKind, Result};
}
pub mod filter {
    pub use crate::filter::{Filter, FilterVerdict, Levels, Term};
}
pub mod history {
    pub use crate::history::{History, StoredHistory};
}
pub mod outlet {
    pub use crate::outlet::DEFAULT_LEVEL;
}
pub mod policy {
    pub use crate::policy::in_force::{InForce, MASKED};
    pub use crate::policy::names::{NamePath, Naming};
    pub use crate::policy::secrets::Secrets;
    pub use crate::policy::{Action, Admission, Policy, Rule};
    pub mod owner {
        pub use crate::policy::owner::*;
    }
}
pub mod reader {
    pub use crate::reader::{
        Damage, DamageKind, Follower, Item, Line, Notice, Piece, Position, Reader, Reverse, Run,
    };
}
pub mod record {
    pub use crate::record::{
        LINE_SCHEMA, Level, OWN_TARGET, Properties, Record, format_timestamp, parse_time, time_of,
        to_utc,
    };
    pub mod raw {
        pub use crate::record::raw::{Object, PrefixCache, RawRecord, RawText};
    }
}
pub mod release {
    pub use crate::release::Release;
}
pub mod report {
    pub use crate::probe::Machine;
    pub use crate::report::{Deployment, Parts, Report, ReportRecording};
}
pub mod store {
    pub use crate::store::{Clearing, clear, elsewhere, numbers, open_error};
    pub mod age {
        pub use crate::store::age::{Now, is_ahead};
    }
    pub mod disk {
        pub use crate::store::disk::{Access, Directory, OpenError};
        #[cfg(all(unix, not(localtel_unsupported)))]
        pub use crate::store::obstacle::Obstacle;
    }
    pub mod limits {
        pub use crate::store::limits::Limits;
    }
    pub mod lock {
        pub use crate::store::lock::{Extent, is_stuck};
    }
    pub mod segment {
        pub use crate::store::segment::{FileName, SegmentNumber};
    }
    pub mod volume {
        pub use crate::probe::VolumeLimits;
    }
}
pub mod summary {
    pub use crate::summary::{SessionTally, Summary};
}
