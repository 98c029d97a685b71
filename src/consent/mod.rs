//! Whether anything may be recorded: the words for consent, and the decision between all sources,
//! as a function of values.
//!
//! [`WhenUndecided`] is an application's default, and [`Decision`] the result with its source.

// `stored` defines the stored contents, and `keeper` changes them; `identity` defines an
// installation, and `location` the owner of a directory; the values come from `environment` and
// the caller.

mod answer;
mod belonging;
pub(crate) mod identity;
pub(crate) mod keeper;
pub(crate) mod location;
pub(crate) mod stored;
#[cfg(test)]
mod table;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use crate::environment::Variable;
use crate::error::{Error, Result};

pub use answer::{Recording, RecordingAnswer};
pub(crate) use identity::{HashKey, Installation, InstallationOrigin};
pub(crate) use keeper::{ConsentDirectory, installation, remember_first_use, set_consent_of};
pub(crate) use location::{ApplicationProfile, KnownLocation};
#[cfg(test)]
use stored::Choice;
pub(crate) use stored::{Scope, StoredConsent};

/// The decision of a user on recording.
///
/// ```
/// use localtel::Consent;
///
/// assert_eq!("off".parse::<Consent>()?, Consent::Disabled);
/// assert_eq!("".parse::<Consent>()?, Consent::Undecided);
/// assert!("maybe".parse::<Consent>().is_err());
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the states of consent are complete"
)]
pub enum Consent {
    /// No decision.
    #[default]
    Undecided,
    /// Events may be recorded.
    Enabled,
    /// Nothing may be recorded.
    Disabled,
}

impl Consent {
    /// Returns the name of the state, as it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Parses the word of a flag or a variable, in any case and with surrounding space. An empty one is
/// undecided, as if it had not been given; in a stored choice an empty word is damage.
impl FromStr for Consent {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let word = word.trim();
        let is_in = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        if is_in(ENABLED_WORDS) {
            Ok(Self::Enabled)
        } else if is_in(DISABLED_WORDS) {
            Ok(Self::Disabled)
        } else if is_in(UNDECIDED_WORDS) {
            Ok(Self::Undecided)
        } else {
            Err(Error::invalid(
                "consent",
                format!(
                    "`{word}` is not a valid choice; use one of {} to enable, one of {} to disable, \
                     or `undecided`",
                    ENABLED_WORDS.join(", "),
                    DISABLED_WORDS.join(", "),
                ),
            ))
        }
    }
}

/// The behaviour of an application while consent is undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum WhenUndecided {
    /// It records nothing and writes nothing.
    #[default]
    Refuse,
    /// It records, on this machine only, until recording is disabled.
    Record,
    /// It records nothing for that time after its first use, which is stored without recording
    /// anything, so that it can ask its user; after that it records, on this machine only, until
    /// recording is disabled. [`Decision::grace_left`] is the remaining time.
    RecordAfter(Duration),
}

/// The source that decided, or would have decided.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecidedBy {
    /// The build, which left telemetry out with the feature `off`.
    Build,
    /// The executable's file name, which contains `donottrack`.
    Executable(String),
    /// The variable `DO_NOT_TRACK` with this value.
    DoNotTrack(String),
    /// A flag of the program.
    Flag,
    /// The variable for this source alone.
    #[non_exhaustive]
    Variable {
        /// The variable's name.
        name: String,
        /// The variable's value.
        value: String,
    },
    /// The choice stored for the profile.
    Choice,
    /// The choice stored for all profiles.
    ChoiceForAll,
    /// No source has a decision, so the application's default applies.
    Default,
}

impl DecidedBy {
    /// Returns the name of the source, for machines.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Executable(_) => "executable",
            Self::DoNotTrack(_) => "do_not_track",
            Self::Flag => "flag",
            Self::Variable { .. } => "variable",
            Self::Choice => "choice",
            Self::ChoiceForAll => "choice_for_all",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build => write!(f, "the build: {LEFT_OUT}"),
            // Values come from outside; quoting escapes characters that could move the cursor.
            Self::Executable(name) => write!(f, "the executable's name {name:?}"),
            Self::DoNotTrack(value) => write!(f, "DO_NOT_TRACK={}", value.escape_debug()),
            Self::Flag => f.write_str("the program's flag"),
            Self::Variable { name, value } => write!(f, "{name}={}", value.escape_debug()),
            Self::Choice => f.write_str("the stored choice"),
            Self::ChoiceForAll => f.write_str("the stored choice for all profiles"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// Serialised with a `kind` for machines and a `text` for people.
impl Serialize for DecidedBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("kind", self.kind())?;
        map.serialize_entry("text", &self.to_string())?;
        map.end()
    }
}

/// A source that was overruled by a stronger one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Overruled {
    /// The source.
    #[serde(flatten)]
    pub by: DecidedBy,
    /// Its decision.
    #[serde(rename = "consent")]
    pub wanted: Consent,
}

/// The decision that applies, and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// The state of consent.
    pub state: Consent,
    /// Whether events are recorded: the state, or the application's own behaviour while it is
    /// undecided.
    pub is_recording: bool,
    /// The source that decided.
    pub decided_by: DecidedBy,
    /// Whether no stored choice can change it for this run: the build, the executable's name,
    /// `DO_NOT_TRACK`, the flag or the variable decided.
    pub is_locked: bool,
    /// The sources that were overruled, the strongest first.
    pub overruled: Vec<Overruled>,
    /// The values that are invalid and therefore counted as disabled.
    pub problems: Vec<String>,
    /// The remaining time until recording starts, while consent is undecided and the application
    /// waits for a grace to end.
    pub grace_left: Option<Duration>,
    /// The reason why nothing is recorded although it was allowed: the owner's policy cannot be
    /// read or is invalid, no installation id can be created, or the directory now belongs to
    /// another application.
    pub obstacle: Option<String>,
}

impl Decision {
    /// Returns the decision of one source alone.
    fn by(decided_by: DecidedBy, state: Consent) -> Self {
        Self {
            state,
            is_recording: state == Consent::Enabled,
            is_locked: matches!(
                decided_by,
                DecidedBy::Build
                    | DecidedBy::Executable(_)
                    | DecidedBy::DoNotTrack(_)
                    | DecidedBy::Flag
                    | DecidedBy::Variable { .. }
            ),
            decided_by,
            overruled: Vec::new(),
            problems: Vec::new(),
            grace_left: None,
            obstacle: None,
        }
    }

    /// Displays the reason, and the invalid values.
    pub fn reason(&self) -> String {
        if let Some(obstacle) = &self.obstacle {
            return obstacle.clone();
        }
        match self.state {
            Consent::Undecided if self.is_recording => {
                "consent is undecided, and the application records until it is disabled".to_owned()
            }
            Consent::Undecided => match self.grace_left {
                Some(left) => format!(
                    "consent is undecided, and nothing is recorded for another {}",
                    duration_text(left)
                ),
                None => {
                    "consent is undecided, and nothing is recorded until it is enabled".to_owned()
                }
            },
            Consent::Enabled | Consent::Disabled => {
                let mut reason = format!("{} by {}", self.state, self.decided_by);
                for problem in &self.problems {
                    reason.push_str("; ");
                    reason.push_str(problem);
                }
                reason
            }
        }
    }
}

/// Returns the seconds of a duration, rounded up, so that it is never over before that.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// Returns a duration in its largest unit, rounded up.
pub(crate) fn duration_text(duration: Duration) -> String {
    let seconds = whole_seconds(duration);
    let units = [(DAY_SECONDS, "d"), (HOUR_SECONDS, "h"), (60, "m")];
    let fitting = units.iter().find(|(size, _)| seconds >= 2 * size);
    let (size, unit) = fitting.copied().unwrap_or((1, "s"));
    format!("{}{unit}", seconds.div_ceil(size))
}

/// All sources of a decision, the strongest first.
#[derive(Debug, Clone)]
pub(crate) struct Inputs<'a> {
    /// The file names of the executable.
    pub executables: &'a [String],
    /// The value of `DO_NOT_TRACK`, if it is set.
    pub do_not_track: Option<&'a str>,
    /// The program's flag; undecided if there is none.
    pub flag: Consent,
    /// The variable for this source alone, if it is set.
    pub variable: Option<&'a Variable>,
    /// The choice stored for the profile.
    pub stored: &'a StoredConsent,
    /// The choice stored for all profiles.
    pub stored_for_all: &'a StoredConsent,
    /// The application's behaviour if no source decides.
    pub when_undecided: WhenUndecided,
    /// The reason why the owner's policy is not known, if so.
    pub policy_problem: Option<&'a str>,
    /// The reason why the directory cannot be used, if so: it belongs to another application or
    /// profile, or nothing can be written there, or not within the limits of the application.
    pub directory_problem: Option<&'a str>,
}

/// Decides whether events are recorded: the strongest source that has a decision applies, other
/// sources that differ are listed, and invalid values count as disabled. While no source decides, a
/// grace runs from the first use that is stored for the profile, or from now.
pub(crate) fn decide(inputs: &Inputs<'_>, now: OffsetDateTime) -> Decision {
    let mut decision = decide_on_consent(inputs, now);
    if decision.is_recording {
        let of_policy = |problem: &str| format!("{problem}; nothing is recorded until it is fixed");
        let of_directory = inputs.directory_problem.map(str::to_owned);
        decision.obstacle = of_directory.or_else(|| inputs.policy_problem.map(of_policy));
        decision.is_recording = decision.obstacle.is_none();
    }
    decision
}

fn decide_on_consent(inputs: &Inputs<'_>, now: OffsetDateTime) -> Decision {
    let mut source_decisions = source_decisions(inputs).into_iter();
    let Some(first) = source_decisions.next() else {
        return undecided(inputs, now);
    };
    let mut problems = Vec::new();
    problems.extend(first.problem);
    let mut overruled = Vec::new();
    for weaker in source_decisions {
        // A directory that cannot be opened is the same problem for everything stored in it.
        problems.extend(weaker.problem.filter(|problem| !problems.contains(problem)));
        if weaker.consent != first.consent {
            overruled.push(Overruled {
                by: weaker.by,
                wanted: weaker.consent,
            });
        }
    }
    Decision {
        overruled,
        problems,
        ..Decision::by(first.by, first.consent)
    }
}

/// Decides if no source does: the application's behaviour while undecided applies.
fn undecided(inputs: &Inputs<'_>, now: OffsetDateTime) -> Decision {
    let (is_recording, grace_left) = match inputs.when_undecided {
        WhenUndecided::Refuse => (false, None),
        WhenUndecided::Record => (true, None),
        WhenUndecided::RecordAfter(grace) => {
            let first_use = inputs.stored.first_use();
            let left = first_use.map_or(grace, |first_use| first_use.left(grace, now));
            (left.is_zero(), Some(left).filter(|left| !left.is_zero()))
        }
    };
    Decision {
        is_recording,
        grace_left,
        ..Decision::by(DecidedBy::Default, Consent::Undecided)
    }
}

/// The decision of one source, and the problem if it had to be assumed.
struct SourceDecision {
    by: DecidedBy,
    consent: Consent,
    problem: Option<String>,
}

/// Lists the sources that have a decision, the strongest first.
fn source_decisions(inputs: &Inputs<'_>) -> Vec<SourceDecision> {
    let plain = |by, consent| SourceDecision {
        by,
        consent,
        problem: None,
    };
    let build = IS_LEFT_OUT.then(|| plain(DecidedBy::Build, Consent::Disabled));
    let executable = inputs
        .executables
        .iter()
        .find(|name| name.to_lowercase().contains("donottrack"))
        .map(|name| plain(DecidedBy::Executable(name.clone()), Consent::Disabled));
    let do_not_track = inputs
        .do_not_track
        .filter(|value| is_opt_out(value))
        .map(|value| plain(DecidedBy::DoNotTrack(value.to_owned()), Consent::Disabled));
    let sources = [
        build,
        executable,
        do_not_track,
        Some(plain(DecidedBy::Flag, inputs.flag)),
        inputs.variable.map(of_variable),
        Some(of_stored(DecidedBy::Choice, inputs.stored)),
        Some(of_stored(DecidedBy::ChoiceForAll, inputs.stored_for_all)),
    ];
    sources
        .into_iter()
        .flatten()
        .filter(|decision| decision.consent != Consent::Undecided)
        .collect()
}

/// Other programs disagree on which values opt out; every value but a plain "no" does here, so that
/// no wish is missed.
fn is_opt_out(value: &str) -> bool {
    let value = value.trim();
    !NOT_OPT_OUT_WORDS
        .iter()
        .any(|word| word.eq_ignore_ascii_case(value))
}

fn of_variable(variable: &Variable) -> SourceDecision {
    let Variable { name, value } = variable;
    let (consent, problem) = match value.parse() {
        Ok(consent) => (consent, None),
        Err(error) => (Consent::Disabled, Some(format!("{name}: {error}"))),
    };
    SourceDecision {
        by: DecidedBy::Variable {
            name: name.clone(),
            value: value.clone(),
        },
        consent,
        problem,
    }
}

fn of_stored(by: DecidedBy, stored: &StoredConsent) -> SourceDecision {
    SourceDecision {
        by,
        consent: stored.consent(),
        problem: stored.problem(),
    }
}

const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;
const HOUR_SECONDS: u64 = 60 * 60;
/// Whether telemetry was left out of this build, so that nothing else matters. The unit tests test
/// the code that would be left out, and are built with it.
pub(crate) const IS_LEFT_OUT: bool = cfg!(all(feature = "off", not(test)));
/// The message for such a build.
pub(crate) const LEFT_OUT: &str = "telemetry was left out when this was built";
/// The words that enable.
const ENABLED_WORDS: &[&str] = &[
    "1", "t", "true", "y", "yes", "on", "enable", "enabled", "optin", "opt-in", "allow", "local",
    "basic",
];
/// The words that disable.
const DISABLED_WORDS: &[&str] = &[
    "0", "f", "false", "n", "no", "off", "disable", "disabled", "optout", "opt-out", "disallow",
    "forbid",
];
/// The words for undecided.
const UNDECIDED_WORDS: &[&str] = &["", "undecided"];
/// The values of `DO_NOT_TRACK` that do not opt out.
const NOT_OPT_OUT_WORDS: &[&str] = &["", "0", "f", "false", "n", "no", "off"];

#[cfg(test)]
mod tests;
