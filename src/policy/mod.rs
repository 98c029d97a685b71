//! What may be recorded, as a value. An application states a [`Policy`] in code, and the owner of the machine narrows
//! it in `policy.toml`.
//!
//! The owner's part is `owner`'s; what both come to is the policy in force (`in_force`).
//! What the name of a property says of its texts is `names`', which texts hold a secret `secrets`'; who
//! applies a verdict to a value is `encode`.

pub(crate) mod in_force;
pub(crate) mod names;
pub(crate) mod owner;
pub(crate) mod secrets;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub(crate) use self::in_force::{Current, Generation, InForce, MASKED, Unlinked, Verdict};
pub(crate) use self::names::{NamePath, Naming};
pub(crate) use self::secrets::{Reading, Secrets};
use crate::error::{Error, Result};
use crate::record::Level;

/// What becomes of a value, from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever shows a verdict must know all of them"
)]
pub enum Action {
    /// It is recorded as it is, cut to the limits.
    Keep,
    /// It is recorded with the secrets in its text masked: passwords, tokens, addresses and the like.
    Redact,
    /// A keyed hash takes its place: equal values stay equal, until `reset` makes a new key.
    Hash,
    /// `[masked]` takes its place.
    Mask,
    /// Neither the value nor its name is recorded.
    Drop,
}

impl Action {
    /// Every action, from the mildest to the strictest.
    pub const ALL: [Self; 5] = [Self::Keep, Self::Redact, Self::Hash, Self::Mask, Self::Drop];

    /// Returns the word for it, as it stands in `policy.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Redact => "redact",
            Self::Hash => "hash",
            Self::Mask => "mask",
            Self::Drop => "drop",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Action {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "keep" => Ok(Self::Keep),
            // `clean` and `pseudonym` are what files of older versions say.
            "redact" | "clean" => Ok(Self::Redact),
            "hash" | "pseudonym" => Ok(Self::Hash),
            "mask" => Ok(Self::Mask),
            "drop" => Ok(Self::Drop),
            _ => {
                let reason = format!("`{word}` is not one of keep, redact, hash, mask, drop");
                Err(Error::invalid("action", reason))
            }
        }
    }
}

/// Whether an event is recorded at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is recorded or it is not")]
pub enum Admission {
    /// It is.
    Keep,
    /// It is not.
    Drop,
}

impl Admission {
    /// Returns the word for it, as it stands in `policy.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
        }
    }
}

impl FromStr for Admission {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "keep" => Ok(Self::Keep),
            "drop" => Ok(Self::Drop),
            _ => {
                let reason = format!("`{word}` is neither keep nor drop");
                Err(Error::invalid("admission", reason))
            }
        }
    }
}

/// What may be recorded: which levels, targets and events, and what becomes of each property.
///
/// A name is exact, or ends in `*` and stands for all names that begin so. `*.authorization` is the name
/// `authorization` at any depth: the property, what is called so in any other, and the last part of a name with dots.
/// The exact name holds, then the one at any depth, and else the longest that fits; ASCII case makes no
/// difference. A target also stands for the modules below it. Properties of spans count like those of events, and
/// the message is the property `message`. What is nested in a value is named by its path, such as `http.url`
/// or `os.kernel`, to which a list adds nothing; it is never treated more mildly than what it is nested in, and
/// goes with that where no rule names it.
///
/// Three kinds of texts are protected by default:
///
/// * Secrets in messages and error texts are masked unless [`keep_secrets`](Self::keep_secrets) says otherwise.
/// * Texts of properties whose names are those of secrets are masked as a whole: `password`, `access_token`, `apiKey`,
///   `set-cookie`, `http.request.header.authorization`. Numbers and booleans stay, and so do names that are only
///   about a secret, such as `token_count` or `password_changed_at`. [`Action::Keep`] for that name keeps the
///   text; a rule for many names does so only if its beginning is the name of a secret, as in `token*`.
/// * Secrets in the arguments of commands are masked, in `args`, `argv`, `cmd`, `command_line` and the like, unless a rule
///   keeps that name or `keep_secrets` says so.
///
/// ```
/// use localtel::{Level, Policy};
/// use localtel::policy::Action;
///
/// let policy = Policy::new()
///     .level(Level::Info)
///     .deny_target("myapp::sql")
///     .property("user", Action::Hash)
///     .property("http.*", Action::Drop)
///     .property("*.authorization", Action::Drop);
/// # let _ = policy;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Policy {
    /// The lowest level that is recorded, where it names one.
    level: Option<Level>,
    /// What becomes of what no rule names.
    unnamed: Admission,
    targets: Vec<(String, Admission)>,
    events: Vec<(String, Admission)>,
    properties: Vec<(String, Action)>,
    in_texts: InTexts,
}

/// What becomes of secrets in messages and error texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InTexts {
    Kept,
    Masked,
}

/// One thing that a policy says, to be shown to a person: see [`Policy::rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "who shows a policy must show all of it"
)]
pub enum Rule<'p> {
    /// The lowest level that is recorded.
    Level(Level),
    /// What no rule names is dropped.
    UnnamedDropped,
    /// Secrets in messages and error texts are masked.
    SecretsMasked,
    /// Whether a target is recorded.
    Target(&'p str, Admission),
    /// Whether an event is.
    Event(&'p str, Admission),
    /// What becomes of a property.
    Property(&'p str, Action),
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy {
    /// Starts a policy that keeps everything but the secrets in messages and error texts.
    pub fn new() -> Self {
        Self {
            level: None,
            unnamed: Admission::Keep,
            targets: Vec::new(),
            events: Vec::new(),
            properties: Vec::new(),
            in_texts: InTexts::Masked,
        }
    }

    /// Starts an allow-list: only events are recorded whose name, or whose target, is kept by a rule, and
    /// of them only the properties that a rule names; the message, too, must be named.
    ///
    /// ```
    /// use localtel::Policy;
    /// use localtel::policy::Action;
    ///
    /// let policy = Policy::allow_list()
    ///     .allow_event("command")
    ///     .property("duration", Action::Keep)
    ///     .property("user", Action::Hash);
    /// # let _ = policy;
    /// ```
    pub fn allow_list() -> Self {
        Self {
            unnamed: Admission::Drop,
            ..Self::new()
        }
    }

    /// Sets the lowest level that is recorded: of events and spans, and also of what the application records by its
    /// own calls, such as events recorded by hand and commands, most of which have level INFO.
    ///
    /// How detailed the events of `tracing` are recorded is usually set by
    /// [`Builder::level`](crate::Builder::level). Where that is not called, the level named here takes its place.
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Returns the level that was set.
    pub fn named_level(&self) -> Option<Level> {
        self.level
    }

    /// Returns `true` if a level is not too low to be recorded.
    fn admits_level(&self, level: Level) -> bool {
        self.level.is_none_or(|lowest| level >= lowest)
    }

    /// Records events and spans of a target, and of the modules below it.
    pub fn allow_target(mut self, name: impl Into<String>) -> Self {
        set(&mut self.targets, name.into(), Admission::Keep);
        self
    }

    /// Records no events and spans of a target, and of the modules below it.
    pub fn deny_target(mut self, name: impl Into<String>) -> Self {
        set(&mut self.targets, name.into(), Admission::Drop);
        self
    }

    /// Records events of that name.
    pub fn allow_event(mut self, name: impl Into<String>) -> Self {
        set(&mut self.events, name.into(), Admission::Keep);
        self
    }

    /// Records no events of that name.
    pub fn deny_event(mut self, name: impl Into<String>) -> Self {
        set(&mut self.events, name.into(), Admission::Drop);
        self
    }

    /// Sets what becomes of the property of that name, in events and in spans.
    pub fn property(mut self, name: impl Into<String>, action: Action) -> Self {
        set(&mut self.properties, name.into(), action);
        self
    }

    /// Leaves secrets in messages, error texts and arguments, for applications whose messages are full of addresses
    /// that nobody minds. An owner can still have them masked. Properties named like a secret stay masked.
    pub fn keep_secrets(mut self) -> Self {
        self.in_texts = InTexts::Kept;
        self
    }

    /// Decides on an event.
    fn admits_event(&self, level: Level, target: &str, event: Option<&str>) -> bool {
        let by_target = longest(&self.targets, target, is_target_of);
        let by_event = event.and_then(|event| longest(&self.events, event, is_name_of));
        // Of two rules the stricter one holds.
        let admission = by_target.max(by_event).unwrap_or(self.unnamed);
        self.admits_level(level) && admission == Admission::Keep
    }

    /// Decides on a span. It is no event: an allow-list asks for its properties, not for its name.
    fn admits_span(&self, level: Level, target: &str) -> bool {
        let by_target = longest(&self.targets, target, is_target_of);
        self.admits_level(level) && by_target != Some(Admission::Drop)
    }

    /// Decides on a property; a message is one.
    fn action(&self, name: &str) -> Action {
        let unnamed = match self.unnamed {
            Admission::Keep => Action::Keep,
            Admission::Drop => Action::Drop,
        };
        let named = longest(&self.properties, name, is_name_of);
        self.with_text(name, named.unwrap_or(unnamed))
    }

    /// Returns `true` if a rule names a secret, or arguments, of that name or path. A rule for many names
    /// counts only if its beginning says the same, as in `token*`: `*` and `http.*` name no secret. What is nested goes
    /// with a rule for what it is nested in.
    fn has_rule_for(&self, naming: Naming, path: &str) -> bool {
        self.properties.iter().any(|(pattern, _)| {
            let beginning = pattern.strip_suffix('*').unwrap_or(pattern);
            let is_path = pattern.eq_ignore_ascii_case(path);
            (is_name_of(pattern, path) || is_beneath(pattern, path))
                && (is_path || NamePath::of(beginning).mentions(naming))
        })
    }

    /// Returns `true` if a rule may name what is nested in the property of that name: it begins with its path, or is
    /// meant at any depth.
    fn names_members_of(&self, name: &str) -> bool {
        let mut names = self.properties.iter().map(|(pattern, _)| pattern);
        names.any(|pattern| at_any_depth(pattern).is_some() || is_beneath(name, pattern))
    }

    /// Decides on what is nested in a value, if a rule names it: one that begins with the path of the value, or one
    /// for any depth.
    fn member_action(&self, parent: &str, path: &str) -> Option<Action> {
        let names = |pattern: &str, path: &str| {
            let is_member = at_any_depth(pattern).is_some() || is_beneath(parent, pattern);
            is_member && is_name_of(pattern, path)
        };
        let named = longest(&self.properties, path, names)?;
        Some(self.with_text(path, named))
    }

    fn with_text(&self, name: &str, action: Action) -> Action {
        if NamePath::of(name).mentions(Naming::Prose) {
            action.max(self.error_action())
        } else {
            action
        }
    }

    /// Decides on a value that is an error, whatever its name.
    fn error_action(&self) -> Action {
        match self.in_texts {
            InTexts::Kept => Action::Keep,
            InTexts::Masked => Action::Redact,
        }
    }

    /// Lists what it says beyond keeping everything, in the order of the file's tables.
    pub fn rules(&self) -> Vec<Rule<'_>> {
        let mut rules = Vec::new();
        if let Some(level) = self.level.filter(|level| *level > Level::Trace) {
            rules.push(Rule::Level(level));
        }
        if self.unnamed == Admission::Drop {
            rules.push(Rule::UnnamedDropped);
        }
        if self.in_texts == InTexts::Masked {
            rules.push(Rule::SecretsMasked);
        }
        let targets = self.targets.iter();
        rules.extend(targets.map(|(name, rule)| Rule::Target(name, *rule)));
        let events = self.events.iter();
        rules.extend(events.map(|(name, rule)| Rule::Event(name, *rule)));
        let properties = self.properties.iter();
        rules.extend(properties.map(|(name, rule)| Rule::Property(name, *rule)));
        rules
    }

    /// Returns `true` if there are events that it does not let in.
    fn may_shut_out(&self) -> bool {
        let mut rules = self.targets.iter().chain(&self.events);
        !self.admits_level(Level::Trace)
            || self.unnamed == Admission::Drop
            || rules.any(|(_, admission)| *admission == Admission::Drop)
    }

    fn has_hashes(&self) -> bool {
        self.properties
            .iter()
            .any(|(_, action)| *action == Action::Hash)
    }
}

/// A later rule takes the place of an earlier one of the same name.
fn set<T>(rules: &mut Vec<(String, T)>, name: String, rule: T) {
    match rules
        .iter_mut()
        .find(|(own, _)| own.eq_ignore_ascii_case(&name))
    {
        Some((_, old)) => *old = rule,
        None => rules.push((name, rule)),
    }
}

/// Returns what the most exact name that fits says: the whole name, then one of any depth, then the longest; one
/// without `*` counts as longer than the same with it. Of two that differ in case only, as a file may have them,
/// the stricter one holds.
fn longest<T: Copy + Ord>(
    rules: &[(String, T)],
    name: &str,
    fits: impl Fn(&str, &str) -> bool,
) -> Option<T> {
    let exactness = |pattern: &str| {
        let own = at_any_depth(pattern);
        let beginning = own.unwrap_or(pattern);
        let is_whole = !beginning.ends_with('*');
        let rank = match own {
            None if pattern.eq_ignore_ascii_case(name) => 2,
            Some(_) if is_whole => 1,
            Some(_) | None => 0,
        };
        (rank, beginning.trim_end_matches('*').len(), is_whole)
    };
    rules
        .iter()
        .filter(|(pattern, _)| fits(pattern, name))
        .max_by_key(|(pattern, rule)| (exactness(pattern), *rule))
        .map(|(_, rule)| *rule)
}

/// Returns `true` if a rule of that name is one for another name. Case makes no difference, so that no rule lets
/// something through for its spelling.
fn is_name_of(pattern: &str, name: &str) -> bool {
    let fits = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(beginning) => begins_with(name, beginning),
        None => pattern.eq_ignore_ascii_case(name),
    };
    let Some(own) = at_any_depth(pattern) else {
        return fits(pattern, name);
    };
    let dots = name.match_indices('.').map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(dots)
        .any(|start| name.get(start..).is_some_and(|end| fits(own, end)))
}

/// Returns the name behind `*.`, which is meant at any depth.
fn at_any_depth(pattern: &str) -> Option<&str> {
    pattern.strip_prefix(ANY_DEPTH)
}

/// Returns `true` if a name begins so, in letters of any case.
fn begins_with(name: &str, beginning: &str) -> bool {
    let start = name.as_bytes().get(..beginning.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
}

/// Returns `true` if a path leads into the value at another one.
fn is_beneath(parent: &str, path: &str) -> bool {
    begins_with(path, parent) && path.as_bytes().get(parent.len()) == Some(&b'.')
}

/// A target stands for itself and the modules below it.
fn is_target_of(pattern: &str, target: &str) -> bool {
    let below = target.get(pattern.len()..).unwrap_or_default();
    is_name_of(pattern, target) || begins_with(target, pattern) && below.starts_with("::")
}

/// What the name of a rule begins with that is meant at any depth.
pub(crate) const ANY_DEPTH: &str = "*.";
