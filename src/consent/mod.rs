//! Whether anything may be recorded: the words for consent and the decision between everyone who has a
//! say in it, as a function of values.
//!
//! What was stored is `stored`'s, how it is changed `keeper`'s; what an
//! installation is, is `identity`'s; whose a directory is, is `location`'s; where the values come from is `environment`'s and the caller's.

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

/// What a person has decided about recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is no fourth answer to a question"
)]
pub enum Consent {
    /// Nothing yet.
    #[default]
    Undecided,
    /// That events may be recorded.
    Enabled,
    /// That nothing may be recorded.
    Disabled,
}

impl Consent {
    /// Returns the word for it, as it is stored and shown.
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

/// Reads a word as a flag or a variable gives it, in any case and with space around it. An empty one leaves it
/// open, as if it had not been given; in a stored choice an empty word is damage.
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
                    "`{word}` is no word for it; say one of {} to enable, one of {} to disable, \
                     or `undecided`",
                    ENABLED_WORDS.join(", "),
                    DISABLED_WORDS.join(", "),
                ),
            ))
        }
    }
}

/// What an application does while consent is undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum WhenUndecided {
    /// It records nothing and leaves no trace.
    #[default]
    Refuse,
    /// It records, on this machine only, until somebody disables it.
    Record,
    /// It records nothing for so long after its first use, which is remembered without recording
    /// anything, so that it can ask; after that it records, on this machine only, until somebody
    /// disables it. [`Decision::grace_left`] says how long remains.
    RecordAfter(Duration),
}

/// Who decided, or would have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecidedBy {
    /// Whoever built the program and left telemetry out, with the feature `off`.
    Build,
    /// The executable's file name, which contains `donottrack`.
    Executable(String),
    /// The variable `DO_NOT_TRACK` with this value.
    DoNotTrack(String),
    /// A flag of the program.
    Flag,
    /// The variable that is meant for this source alone.
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
    /// Nobody yet: the application does what it does when undecided.
    Nobody,
}

impl DecidedBy {
    /// Returns a word for machines.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Executable(_) => "executable",
            Self::DoNotTrack(_) => "do_not_track",
            Self::Flag => "flag",
            Self::Variable { .. } => "variable",
            Self::Choice => "choice",
            Self::ChoiceForAll => "choice_for_all",
            Self::Nobody => "nobody",
        }
    }
}

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build => write!(f, "the build: {LEFT_OUT}"),
            // Values come from outside; quoting them escapes what could move the cursor.
            Self::Executable(name) => write!(f, "the executable's name {name:?}"),
            Self::DoNotTrack(value) => write!(f, "DO_NOT_TRACK={}", value.escape_debug()),
            Self::Flag => f.write_str("the program's flag"),
            Self::Variable { name, value } => write!(f, "{name}={}", value.escape_debug()),
            Self::Choice => f.write_str("the stored choice"),
            Self::ChoiceForAll => f.write_str("the stored choice for all profiles"),
            Self::Nobody => f.write_str("nobody"),
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

/// Somebody who wanted something else and was overruled by a stronger one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Overruled {
    /// Who it was.
    #[serde(flatten)]
    pub by: DecidedBy,
    /// What they wanted.
    #[serde(rename = "consent")]
    pub wanted: Consent,
}

/// What holds, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// What was decided.
    pub state: Consent,
    /// Whether events are recorded: the state, or while it is undecided the application's own way.
    pub is_recording: bool,
    /// Who decided it.
    pub decided_by: DecidedBy,
    /// Whether nothing that is stored can change it for this run: the build, the executable's name, `DO_NOT_TRACK`, the
    /// flag or the variable decided.
    pub is_locked: bool,
    /// Who wanted something else, the strongest first.
    pub overruled: Vec<Overruled>,
    /// What could not be understood and therefore counted as disabled.
    pub problems: Vec<String>,
    /// How long nothing is recorded yet, while consent is undecided and the application waits for a grace
    /// to pass.
    pub grace_left: Option<Duration>,
    /// Why nothing is recorded although it was allowed: the owner's policy cannot be read or understood, no
    /// installation id can be made, or the directory has become another application's.
    pub obstacle: Option<String>,
}

impl Decision {
    /// Returns what somebody decided, if nobody else says anything.
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

    /// Says why it is so, and what could not be understood.
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
                    rough(left)
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

/// Returns how many seconds a duration takes, rounded up: it is never over before that.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// Says how long something takes in its largest unit, rounded up.
pub(crate) fn rough(duration: Duration) -> String {
    let seconds = whole_seconds(duration);
    let units = [(DAY_SECONDS, "d"), (HOUR_SECONDS, "h"), (60, "m")];
    let fitting = units.iter().find(|(size, _)| seconds >= 2 * size);
    let (size, unit) = fitting.copied().unwrap_or((1, "s"));
    format!("{}{unit}", seconds.div_ceil(size))
}

/// Everyone who has a say, the strongest first.
#[derive(Debug, Clone)]
pub(crate) struct Inputs<'a> {
    /// The file names of the executable.
    pub executables: &'a [String],
    /// The value of `DO_NOT_TRACK`, if it is set.
    pub do_not_track: Option<&'a str>,
    /// What a flag of the program says; undecided where there is none.
    pub flag: Consent,
    /// The variable that is meant for this source alone, if it is set.
    pub variable: Option<&'a Variable>,
    /// What is stored for the profile.
    pub stored: &'a StoredConsent,
    /// What is stored for all profiles.
    pub stored_for_all: &'a StoredConsent,
    /// What the application does if none of these says anything.
    pub when_undecided: WhenUndecided,
    /// Why it is not known what the owner lets be recorded, if so.
    pub policy_problem: Option<&'a str>,
    /// Why the directory cannot be used, if so: it belongs to another application or profile, or nothing can be written
    /// there, or not in the limits that the application sets.
    pub directory_problem: Option<&'a str>,
}

/// Decides whether events are recorded: the strongest who says anything is obeyed, whoever wanted
/// something else is listed, and what cannot be understood counts as disabled. While nobody says
/// anything, a grace runs from the first use that is stored for the profile, or from now.
pub(crate) fn decide(inputs: &Inputs<'_>, now: OffsetDateTime) -> Decision {
    let mut decision = decide_on_consent(inputs, now);
    if decision.is_recording {
        let of_policy = |problem: &str| {
            format!(
                "{problem}; what it forbids is not known, so nothing is recorded until this is resolved"
            )
        };
        let of_directory = inputs.directory_problem.map(str::to_owned);
        decision.obstacle = of_directory.or_else(|| inputs.policy_problem.map(of_policy));
        decision.is_recording = decision.obstacle.is_none();
    }
    decision
}

fn decide_on_consent(inputs: &Inputs<'_>, now: OffsetDateTime) -> Decision {
    let mut opinions = opinions(inputs).into_iter();
    let Some(first) = opinions.next() else {
        return undecided(inputs, now);
    };
    let mut problems = Vec::new();
    problems.extend(first.problem);
    let mut overruled = Vec::new();
    for weaker in opinions {
        // A directory that cannot be opened is the same problem for all that is stored in it.
        problems.extend(weaker.problem.filter(|problem| !problems.contains(problem)));
        if weaker.wants != first.wants {
            overruled.push(Overruled {
                by: weaker.by,
                wanted: weaker.wants,
            });
        }
    }
    Decision {
        overruled,
        problems,
        ..Decision::by(first.by, first.wants)
    }
}

/// Decides where nobody says anything: the application does what it does when undecided.
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
        ..Decision::by(DecidedBy::Nobody, Consent::Undecided)
    }
}

/// What one of them wants, and why it had to be guessed if it had.
struct Opinion {
    by: DecidedBy,
    wants: Consent,
    problem: Option<String>,
}

/// Lists those who say anything at all, the strongest first.
fn opinions(inputs: &Inputs<'_>) -> Vec<Opinion> {
    let plain = |by, wants| Opinion {
        by,
        wants,
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
    let said = [
        build,
        executable,
        do_not_track,
        Some(plain(DecidedBy::Flag, inputs.flag)),
        inputs.variable.map(of_variable),
        Some(of_stored(DecidedBy::Choice, inputs.stored)),
        Some(of_stored(DecidedBy::ChoiceForAll, inputs.stored_for_all)),
    ];
    said.into_iter()
        .flatten()
        .filter(|opinion| opinion.wants != Consent::Undecided)
        .collect()
}

/// Other programs disagree on which values mean it; whoever sets anything but a plain "no" is believed
/// to mean it, so that nobody's wish is missed.
fn is_opt_out(value: &str) -> bool {
    let value = value.trim();
    !NOT_OPT_OUT_WORDS
        .iter()
        .any(|word| word.eq_ignore_ascii_case(value))
}

fn of_variable(variable: &Variable) -> Opinion {
    let Variable { name, value } = variable;
    let (wants, problem) = match value.parse() {
        Ok(wants) => (wants, None),
        Err(error) => (Consent::Disabled, Some(format!("{name}: {error}"))),
    };
    Opinion {
        by: DecidedBy::Variable {
            name: name.clone(),
            value: value.clone(),
        },
        wants,
        problem,
    }
}

fn of_stored(by: DecidedBy, stored: &StoredConsent) -> Opinion {
    Opinion {
        by,
        wants: stored.consent(),
        problem: stored.problem(),
    }
}

const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;
const HOUR_SECONDS: u64 = 60 * 60;
/// Whether telemetry was left out when this was built, so that nothing else matters. The unit tests test
/// what can be left out, and are built with it.
pub(crate) const IS_LEFT_OUT: bool = cfg!(all(feature = "off", not(test)));
/// What is said where it was.
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
/// The words that leave it open.
const UNDECIDED_WORDS: &[&str] = &["", "undecided"];
/// The values of `DO_NOT_TRACK` that do not mean it.
const NOT_OPT_OUT_WORDS: &[&str] = &["", "0", "f", "false", "n", "no", "off"];

#[cfg(test)]
mod tests;
