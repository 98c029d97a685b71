//! The policy in force: the application's and the owner's taken together, with what applying them needs,
//! the rules for secrets and the key of hashes; and the place where all threads find the latest one.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, TryLockError, TryLockResult};

use super::secrets::SecretRule;
use super::{Action, InTexts, NamePath, Naming, Policy, Reading, Secrets};
use crate::consent::HashKey;
use crate::record::Level;

/// The application's policy and the owner's, taken together: the stricter of the two holds.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    application: Policy,
    owner: Option<Policy>,
    secrets: Arc<Secrets>,
    key: Option<HashKey>,
    /// Whether values may be waiting that a policy before this one hashed with the same key.
    had_hashes: bool,
    /// Which of the policies of this process it is; a later one is higher.
    generation: Generation,
}

/// What becomes of the values of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Of numbers and booleans, and of lists and objects as a whole.
    pub bare: Action,
    /// Of texts; never milder.
    pub text: Action,
    /// How secrets are looked for in them.
    pub(crate) reading: Reading,
}

impl Verdict {
    /// Nothing becomes of them.
    pub(crate) const KEEP: Self = Self {
        bare: Action::Keep,
        text: Action::Keep,
        reading: Reading::Prose,
    };

    /// Returns `true` if neither the name nor any value is recorded.
    pub(crate) fn is_drop(self) -> bool {
        self.bare == Action::Drop
    }
}

/// The number of a policy in force: what was prepared under another one must be prepared again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(u64);

impl InForce {
    /// Takes two policies together, for asking what they decide. There is no key: values that they want as
    /// hashes would be masked.
    pub(crate) fn new(application: Policy, owner: Option<Policy>, secrets: Secrets) -> Self {
        Self {
            application,
            owner,
            secrets: Arc::new(secrets),
            key: None,
            had_hashes: false,
            generation: Generation(0),
        }
    }

    /// Adds the key of an installation, for asking what its hashes are.
    pub(crate) fn with_key(self, key: HashKey) -> Self {
        let key = Some(key);
        Self { key, ..self }
    }

    /// Returns its number.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    fn policies(&self) -> impl Iterator<Item = &Policy> {
        std::iter::once(&self.application).chain(&self.owner)
    }

    /// Decides whether an event is recorded.
    pub(crate) fn admits_event(&self, level: Level, target: &str, event: Option<&str>) -> bool {
        self.policies()
            .all(|policy| policy.admits_event(level, target, event))
    }

    /// Decides whether a span is recorded with the events in it.
    pub(crate) fn admits_span(&self, level: Level, target: &str) -> bool {
        self.policies()
            .all(|policy| policy.admits_span(level, target))
    }

    /// Returns what becomes of the values of a property, or of a message.
    pub(crate) fn verdict(&self, name: &str) -> Verdict {
        let action = self.strictest(|policy| policy.action(name));
        self.by_name(action, NamePath::of(name).naming(), name)
    }

    /// Returns `true` if a rule may name what is nested in the property of that name.
    pub(crate) fn names_members_of(&self, name: &str) -> bool {
        self.policies().any(|policy| policy.names_members_of(name))
    }

    /// Returns what becomes of the member at a path, which is nested in the value at its parent's; nothing if
    /// no rule names it: then it goes with its parent.
    pub(crate) fn member_verdict(
        &self,
        parent: &str,
        (path, naming): (&str, Naming),
    ) -> Option<Verdict> {
        let named = self
            .policies()
            .filter_map(|policy| policy.member_action(parent, path));
        Some(self.by_name(named.max()?, naming, path))
    }

    /// Returns what becomes of values that are treated so, given what their name says of texts.
    fn by_name(&self, action: Action, naming: Naming, name: &str) -> Verdict {
        let mut verdict = Verdict {
            bare: action,
            text: action,
            reading: match naming {
                Naming::Arguments => Reading::Arguments,
                Naming::Plain | Naming::Prose | Naming::Secret => Reading::Prose,
            },
        };
        match naming {
            Naming::Plain | Naming::Prose => {}
            Naming::Secret if action == Action::Redact => {
                verdict.text = Action::Mask;
                if self.is_secret(name) {
                    verdict.bare = Action::Mask;
                }
            }
            Naming::Arguments | Naming::Secret => {
                verdict.text = action.max(self.least_of_text(naming, name));
            }
        }
        verdict
    }

    /// Returns what becomes at least of a text at a path that is named so.
    pub(crate) fn least_of_text(&self, naming: Naming, path: &str) -> Action {
        let is_named = |policy: &Policy| policy.has_rule_for(naming, path);
        let is_masked_by_owner =
            |owner: &Policy| owner.in_texts == InTexts::Masked && !is_named(owner);
        let is_kept = || {
            self.policies().any(is_named) && !self.owner.as_ref().is_some_and(is_masked_by_owner)
        };
        match naming {
            Naming::Plain => Action::Keep,
            Naming::Arguments | Naming::Secret if is_kept() => Action::Keep,
            // In prose only `keep_secrets` leaves secrets.
            Naming::Prose | Naming::Arguments => self.error_action(),
            Naming::Secret => Action::Mask,
        }
    }

    /// Returns `true` if a number of that name is a secret where secrets are to be masked: behind that of a count it
    /// is not.
    fn is_secret(&self, name: &str) -> bool {
        let findings = self
            .secrets
            .findings_in(&format!("{name}: {SAMPLE}"), Reading::Prose);
        findings
            .iter()
            .any(|finding| finding.rule == SecretRule::Assignment && finding.range.end > name.len())
    }

    /// Returns what becomes at least of a value that is an error, whatever its name.
    pub(crate) fn error_action(&self) -> Action {
        self.strictest(Policy::error_action)
    }

    fn strictest(&self, action: impl Fn(&Policy) -> Action) -> Action {
        self.policies().map(action).max().unwrap_or(Action::Keep)
    }

    /// Returns `true` if hashes may have been recorded.
    fn has_hashes(&self) -> bool {
        self.had_hashes || self.policies().any(Policy::has_hashes)
    }

    /// Quickly tells whether a text, plain or escaped, may hold a secret.
    pub(crate) fn may_hold_secret(&self, text: &[u8], reading: Reading) -> bool {
        self.secrets.may_find_in(text, reading)
    }

    /// Masks the secrets in a text of which at most so many bytes are kept. It is cut where that many bytes
    /// of it end, not of what is left of it: masks shorten a text, and behind them would stand the beginning
    /// of a secret of which not enough was seen to know it.
    pub(crate) fn redact<'t>(
        &self,
        text: &'t str,
        bytes_max: usize,
        reading: Reading,
    ) -> Cow<'t, str> {
        self.secrets.mask_up_to(text, bytes_max, reading)
    }

    /// Returns what takes a value's place: equal for equal values of this installation, and worthless
    /// without its salt. Where there is no installation there is no key, and the value is masked.
    pub(crate) fn hash(&self, value: &str) -> String {
        self.key
            .as_ref()
            .map_or_else(|| MASKED.to_owned(), |key| key.hash(value))
    }
}

/// Where the threads of a process find the policy in force, and whether theirs still is.
pub(crate) struct Current {
    in_force: RwLock<Arc<InForce>>,
    generation: AtomicU64,
    /// The number of the policy under which `tracing` was asked which call sites are of interest.
    asked: AtomicU64,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

/// Whether a change of installation cut a link that staged values may still hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unlinked {
    /// Hashes made with the key before may be among them.
    Hashes,
    /// Nothing.
    Nothing,
}

impl Current {
    /// Puts a policy in force; values to be hashed are masked until there is a key.
    pub(crate) fn new(application: Policy, owner: Option<Policy>, secrets: Secrets) -> Self {
        let in_force = InForce::new(application, owner, secrets);
        Self {
            in_force: RwLock::new(Arc::new(in_force)),
            generation: AtomicU64::new(0),
            asked: AtomicU64::new(0),
        }
    }

    /// Returns the number of the policy in force.
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Tells, once for each change, whether call sites must be asked again.
    pub(crate) fn is_news(&self) -> bool {
        let generation = self.generation.load(Ordering::Acquire);
        self.asked.swap(generation, Ordering::Relaxed) != generation
    }

    /// Returns the policy in force. It is never waited for: in a forked child, a thread that is no more
    /// may have been putting another one in force. Who cannot learn it must not record.
    pub(crate) fn get(&self) -> Option<Arc<InForce>> {
        let in_force = locked(|| self.in_force.try_read())?;
        Some(Arc::clone(&in_force))
    }

    /// Returns `true` if that is the owner's policy in force.
    pub(crate) fn is_owners(&self, policy: &Policy) -> bool {
        self.get()
            .is_some_and(|in_force| in_force.owner.as_ref() == Some(policy))
    }

    /// Returns `true` if the owner may have shut out whole call sites, for which `tracing` then asks no layer.
    pub(crate) fn may_shut_out(&self) -> bool {
        self.get()
            .is_some_and(|in_force| in_force.owner.as_ref().is_some_and(Policy::may_shut_out))
    }

    /// Takes over what the owner says now.
    pub(crate) fn set_owner(&self, owner: Policy) {
        let _before = self.replace(|in_force| InForce {
            owner: Some(owner),
            had_hashes: in_force.has_hashes(),
            ..in_force.clone()
        });
    }

    /// Takes over the key of another installation, and says whether values under the one before may
    /// still be waiting.
    pub(crate) fn set_key(&self, key: HashKey) -> Unlinked {
        let before = self.replace(|in_force| InForce {
            key: Some(key),
            had_hashes: false,
            ..in_force.clone()
        });
        match before {
            Some(before) if before.has_hashes() => Unlinked::Hashes,
            Some(_) | None => Unlinked::Nothing,
        }
    }

    /// Puts another policy in force, and returns the one before. It is not waited for as long as it takes: in
    /// a forked child the lock may be held by nobody, and then nothing can be recorded there anyway.
    fn replace(&self, renew: impl FnOnce(&InForce) -> InForce) -> Option<Arc<InForce>> {
        let mut place = locked(|| self.in_force.try_write())?;
        let mut newer = renew(&place);
        newer.generation = Generation(place.generation.0 + 1);
        self.generation.store(newer.generation.0, Ordering::Release);
        Some(std::mem::replace(&mut place, Arc::new(newer)))
    }
}

/// Takes a lock, without waiting for it as long as it takes.
fn locked<G>(try_lock: impl Fn() -> TryLockResult<G>) -> Option<G> {
    for _ in 0..TRIES {
        match try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

/// What takes the place of a masked value.
pub(crate) const MASKED: &str = "[masked]";

/// A value that stands behind a name to see whether it would be masked there.
const SAMPLE: &str = "123456";

/// How often a thread tries to read the policy in force, giving way between tries. It is replaced in well
/// under a microsecond, so that this many mean a lock that a fork left behind.
const TRIES: usize = 1000;
