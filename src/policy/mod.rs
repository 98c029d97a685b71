//! Rules for what may be recorded. An application sets a [`Policy`] in code, and the owner of the
//! machine restricts it further in `policy.toml`.

// `owner` reads the owner's part, and `in_force` combines both into the policy in force; `storage`
// has the owner's limits. `names`
// classifies the names of properties, and `secrets` finds secrets in texts. `encode` applies the
// resulting verdicts to values.

pub(crate) mod in_force;
pub(crate) mod names;
pub(crate) mod owner;
pub(crate) mod secrets;
pub(crate) mod storage;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub(crate) use self::in_force::{Current, Generation, InForce, MASKED, Unlinked, Verdict};
pub(crate) use self::names::{NamePath, Naming};
pub(crate) use self::secrets::{Reading, Secrets};
use crate::error::{Error, Result};
use crate::record::Level;

/// The treatment of a value, ordered from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "code that displays a verdict must handle all of them"
)]
pub enum Action {
    /// The value is recorded unchanged, truncated to the limits.
    Keep,
    /// The value is recorded with the secrets in its text masked: passwords, tokens, addresses and
    /// the like.
    Redact,
    /// The value is replaced by a keyed hash: equal values have equal hashes, until `reset` creates
    /// a new key.
    Hash,
    /// The value is replaced by `[masked]`.
    Mask,
    /// Neither the value nor its name is recorded.
    Drop,
}

impl Action {
    /// All actions, from the mildest to the strictest.
    pub const ALL: [Self; 5] = [Self::Keep, Self::Redact, Self::Hash, Self::Mask, Self::Drop];

    /// Returns the name of the action, as it is written in `policy.toml`.
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
            // Older versions wrote `clean` and `pseudonym`.
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

/// Whether an event is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an event is either recorded or dropped"
)]
pub enum Admission {
    /// The event is recorded.
    Keep,
    /// The event is not recorded.
    Drop,
}

impl Admission {
    /// Returns the name of the value, as it is written in `policy.toml`.
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

/// The rules for what may be recorded: levels, targets and events, and an action for each property.
///
/// The name of a rule is exact, or ends in `*` and matches all names with that prefix.
/// `*.authorization` matches the name `authorization` at any depth: the property itself, a member
/// of that name in any other property, and the last part of a name with dots. An exact name wins,
/// then a name at any depth, then the longest matching prefix; matching ignores ASCII case. A rule
/// for a target also applies to the modules below it. Rules apply to the properties of spans as to
/// those of events, and the message is the property `message`. A member of a nested value is named
/// by its path, such as `http.url` or `os.kernel`; the items of a list have the path of the list. A
/// member is never treated more mildly than the value that contains it, and has the same action as
/// that value if no rule names it.
///
/// Three kinds of texts are protected by default:
///
/// * Secrets in messages and error texts are masked unless [`keep_secrets`](Self::keep_secrets) is
///   called.
/// * Texts of properties with the name of a secret are masked as a whole: `password`,
///   `access_token`, `apiKey`, `set-cookie`, `http.request.header.authorization`. Numbers and
///   booleans are kept, and so are the values of names that are only about a secret, such as
///   `token_count` or `password_changed_at`. [`Action::Keep`] for that name keeps the text; a rule
///   with `*` does so only if its prefix is itself the name of a secret, as in `token*`.
/// * Secrets in the arguments of commands, in `args`, `argv`, `cmd`, `command_line` and the like,
///   are masked unless a rule keeps that name or `keep_secrets` is called.
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
    /// The lowest level that is recorded, if one was set.
    level: Option<Level>,
    /// The default for events, and for properties, that no rule names.
    unnamed: Admission,
    targets: Vec<(String, Admission)>,
    events: Vec<(String, Admission)>,
    properties: Vec<(String, Action)>,
    in_texts: InTexts,
}

/// The treatment of secrets in messages and error texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InTexts {
    Kept,
    Masked,
}

/// One rule of a policy, for display: see [`Policy::rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "code that displays a policy must display all of it"
)]
pub enum Rule<'p> {
    /// The lowest level that is recorded.
    Level(Level),
    /// Events and properties that no rule names are dropped.
    UnnamedDropped,
    /// Secrets in messages and error texts are masked.
    SecretsMasked,
    /// Whether events and spans of a target are recorded.
    Target(&'p str, Admission),
    /// Whether events of a name are recorded.
    Event(&'p str, Admission),
    /// The action for a property.
    Property(&'p str, Action),
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy {
    /// Creates a policy that records everything except the secrets in messages and error texts.
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

    /// Creates an allow-list. It records only events whose name or target is allowed by a rule, and
    /// only those of their properties that a rule names; the message must be named, too.
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

    /// Sets the lowest level that is recorded. It applies to events and spans, and also to records
    /// from the application's own calls, such as events recorded by hand and commands, most of
    /// which have level INFO.
    ///
    /// The level of detail for events of `tracing` is usually set by
    /// [`Builder::level`](crate::Builder::level). If that is not called, the level set here applies
    /// instead.
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Returns the level that was set, if any.
    pub fn named_level(&self) -> Option<Level> {
        self.level
    }

    /// Returns `true` if a level is high enough to be recorded.
    fn admits_level(&self, level: Level) -> bool {
        self.level.is_none_or(|lowest| level >= lowest)
    }

    /// Records events and spans of a target and of the modules below it.
    pub fn allow_target(mut self, name: impl Into<String>) -> Self {
        set(&mut self.targets, name.into(), Admission::Keep);
        self
    }

    /// Drops events and spans of a target and of the modules below it.
    pub fn deny_target(mut self, name: impl Into<String>) -> Self {
        set(&mut self.targets, name.into(), Admission::Drop);
        self
    }

    /// Records events of that name.
    pub fn allow_event(mut self, name: impl Into<String>) -> Self {
        set(&mut self.events, name.into(), Admission::Keep);
        self
    }

    /// Drops events of that name.
    pub fn deny_event(mut self, name: impl Into<String>) -> Self {
        set(&mut self.events, name.into(), Admission::Drop);
        self
    }

    /// Sets the action for the property of that name, in events and in spans.
    pub fn property(mut self, name: impl Into<String>, action: Action) -> Self {
        set(&mut self.properties, name.into(), action);
        self
    }

    /// Keeps secrets in messages, error texts and arguments, for applications whose messages
    /// contain many addresses that are not sensitive. An owner can still have them masked.
    /// Properties with the name of a secret stay masked.
    pub fn keep_secrets(mut self) -> Self {
        self.in_texts = InTexts::Kept;
        self
    }

    /// Returns `true` if an event is recorded.
    fn admits_event(&self, level: Level, target: &str, event: Option<&str>) -> bool {
        let by_target = longest(&self.targets, target, is_target_of);
        let by_event = event.and_then(|event| longest(&self.events, event, is_name_of));
        // The stricter of the two rules applies.
        let admission = by_target.max(by_event).unwrap_or(self.unnamed);
        self.admits_level(level) && admission == Admission::Keep
    }

    /// Returns `true` if a span is recorded. A span is not an event: an allow-list applies to its
    /// properties, not to its name.
    fn admits_span(&self, level: Level, target: &str) -> bool {
        let by_target = longest(&self.targets, target, is_target_of);
        self.admits_level(level) && by_target != Some(Admission::Drop)
    }

    /// Returns the action for a property or for the message.
    fn action(&self, name: &str) -> Action {
        let unnamed = match self.unnamed {
            Admission::Keep => Action::Keep,
            Admission::Drop => Action::Drop,
        };
        let named = longest(&self.properties, name, is_name_of);
        self.with_text(name, named.unwrap_or(unnamed))
    }

    /// Returns `true` if a rule names a secret, or arguments, of that name or path. A rule with `*`
    /// counts only if its prefix is such a name, too, as in `token*`: `*` and `http.*` do not name
    /// a secret. A rule for a value also applies to its members.
    fn has_rule_for(&self, naming: Naming, path: &str) -> bool {
        self.properties.iter().any(|(pattern, _)| {
            let beginning = pattern.strip_suffix('*').unwrap_or(pattern);
            let is_path = pattern.eq_ignore_ascii_case(path);
            (is_name_of(pattern, path) || is_beneath(pattern, path))
                && (is_path || NamePath::of(beginning).mentions(naming))
        })
    }

    /// Returns `true` if a rule may name a member of that property: its name begins with the path
    /// of the property, or matches at any depth.
    fn names_members_of(&self, name: &str) -> bool {
        let mut names = self.properties.iter().map(|(pattern, _)| pattern);
        names.any(|pattern| at_any_depth(pattern).is_some() || is_beneath(name, pattern))
    }

    /// Returns the action for a member of a value, if a rule names it: one that begins with the
    /// path of the value, or one that matches at any depth.
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

    /// Returns the action for a value that is an error, whatever its name.
    fn error_action(&self) -> Action {
        match self.in_texts {
            InTexts::Kept => Action::Keep,
            InTexts::Masked => Action::Redact,
        }
    }

    /// Lists the rules that restrict what is recorded, in the order of the tables in `policy.toml`.
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

    /// Returns `true` if there are events that the policy drops.
    fn may_filter_out(&self) -> bool {
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

/// Adds a rule; it replaces an earlier rule of the same name.
fn set<T>(rules: &mut Vec<(String, T)>, name: String, rule: T) {
    match rules
        .iter_mut()
        .find(|(own, _)| own.eq_ignore_ascii_case(&name))
    {
        Some((_, old)) => *old = rule,
        None => rules.push((name, rule)),
    }
}

/// Returns the most specific rule that matches: the exact name, then a name at any depth, then the
/// longest; a name without `*` counts as longer than the same name with it. Of two names that
/// differ only in case, as a file may contain them, the stricter rule applies.
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

/// Returns `true` if a rule of that name applies to another name. Case is ignored, so that a
/// different spelling does not bypass a rule.
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

/// Returns the name after `*.`, which matches at any depth.
fn at_any_depth(pattern: &str) -> Option<&str> {
    pattern.strip_prefix(ANY_DEPTH)
}

/// Returns `true` if a name has that prefix, ignoring ASCII case.
fn begins_with(name: &str, beginning: &str) -> bool {
    let start = name.as_bytes().get(..beginning.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
}

/// Returns `true` if a path leads into the value at another path.
fn is_beneath(parent: &str, path: &str) -> bool {
    begins_with(path, parent) && path.as_bytes().get(parent.len()) == Some(&b'.')
}

/// Returns `true` if a rule applies to a target: a target matches itself and the modules below it.
fn is_target_of(pattern: &str, target: &str) -> bool {
    let below = target.get(pattern.len()..).unwrap_or_default();
    is_name_of(pattern, target) || begins_with(target, pattern) && below.starts_with("::")
}

/// The prefix of a rule that matches at any depth.
pub(crate) const ANY_DEPTH: &str = "*.";
