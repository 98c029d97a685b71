//! The policy in force: the application's and the owner's policies combined, with the rules for
//! secrets and the key of hashes that applying them needs, and the cell through which all threads
//! find the latest one.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, TryLockError, TryLockResult};

use super::owner::Owner;
use super::secrets::SecretRule;
use super::storage::Storage;
use super::{Action, InTexts, NamePath, Naming, Policy, Reading, Secrets};
use crate::consent::HashKey;
use crate::record::Level;

/// The application's and the owner's policies combined: the stricter of the two applies.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    application: Policy,
    owner: Option<Policy>,
    /// The owner's limits.
    storage: Storage,
    secrets: Arc<Secrets>,
    key: Option<HashKey>,
    /// Whether staged values may have been hashed with the same key under an earlier policy.
    had_hashes: bool,
    /// The number of this policy in its process; a later policy has a higher one.
    generation: Generation,
}

/// The treatment of the values of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The action for numbers and booleans, and for lists and objects as a whole.
    pub bare: Action,
    /// The action for texts; never milder than `bare`.
    pub text: Action,
    /// The mode in which texts are searched for secrets.
    pub(crate) reading: Reading,
}

impl Verdict {
    /// All values are kept.
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

/// The number of a policy in force. Data that was prepared under another number must be prepared
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(u64);

impl InForce {
    /// Combines two policies to query their decisions. There is no key, so that values to be hashed
    /// are masked.
    pub(crate) fn new(application: Policy, owner: Option<Policy>, secrets: Secrets) -> Self {
        Self {
            application,
            owner,
            storage: Storage::default(),
            secrets: Arc::new(secrets),
            key: None,
            had_hashes: false,
            generation: Generation(0),
        }
    }

    /// Sets the key of an installation, to query its hashes.
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

    /// Returns `true` if an event is recorded.
    pub(crate) fn admits_event(&self, level: Level, target: &str, event: Option<&str>) -> bool {
        self.policies()
            .all(|policy| policy.admits_event(level, target, event))
    }

    /// Returns `true` if a span is recorded with the events in it.
    pub(crate) fn admits_span(&self, level: Level, target: &str) -> bool {
        self.policies()
            .all(|policy| policy.admits_span(level, target))
    }

    /// Returns the verdict on the values of a property or of a message.
    pub(crate) fn verdict(&self, name: &str) -> Verdict {
        let action = self.strictest(|policy| policy.action(name));
        self.by_name(action, NamePath::of(name).naming(), name)
    }

    /// Returns `true` if a rule may name a member of that property.
    pub(crate) fn names_members_of(&self, name: &str) -> bool {
        self.policies().any(|policy| policy.names_members_of(name))
    }

    /// Returns the verdict on the member at `path` of the value at `parent`, or `None` if no rule
    /// names it: the verdict on its parent then applies.
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

    /// Returns the verdict that an action and the class of a name lead to.
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

    /// Returns the mildest action that is allowed for a text at a path of that class.
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
            // In prose, only `keep_secrets` keeps secrets.
            Naming::Prose | Naming::Arguments => self.error_action(),
            Naming::Secret => Action::Mask,
        }
    }

    /// Returns `true` if a number of that name is a secret where secrets are masked. For the name
    /// of a count it is not.
    fn is_secret(&self, name: &str) -> bool {
        let findings = self
            .secrets
            .findings_in(&format!("{name}: {SAMPLE}"), Reading::Prose);
        findings
            .iter()
            .any(|finding| finding.rule == SecretRule::Assignment && finding.range.end > name.len())
    }

    /// Returns the mildest action that is allowed for a value that is an error, whatever its name.
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

    /// Returns `true` if a text, plain or escaped, may contain a secret. This is a fast check
    /// without false negatives.
    pub(crate) fn may_hold_secret(&self, text: &[u8], reading: Reading) -> bool {
        self.secrets.may_find_in(text, reading)
    }

    /// Masks the secrets in a text and truncates it to a number of bytes. The limit applies to the
    /// original text and not to the masked one: masks shorten a text, and after them would follow
    /// the beginning of a secret that was cut too early to be detected.
    pub(crate) fn redact<'t>(
        &self,
        text: &'t str,
        bytes_max: usize,
        reading: Reading,
    ) -> Cow<'t, str> {
        self.secrets.mask_up_to(text, bytes_max, reading)
    }

    /// Returns the hash that replaces a value: equal for equal values of this installation, and
    /// useless without its salt. Without an installation there is no key, and the value is masked.
    pub(crate) fn hash(&self, value: &str) -> String {
        self.key
            .as_ref()
            .map_or_else(|| MASKED.to_owned(), |key| key.hash(value))
    }
}

/// The cell through which the threads of a process find the policy in force, and check whether
/// theirs is the latest.
pub(crate) struct Current {
    in_force: RwLock<Arc<InForce>>,
    generation: AtomicU64,
    /// The number of the policy under which `tracing` last built its interests in call sites.
    rebuilt_for: AtomicU64,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

/// Whether a change of the installation broke a link that staged values may still contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unlinked {
    /// Staged values may contain hashes made with the previous key.
    Hashes,
    /// They do not.
    Nothing,
}

impl Current {
    /// Puts a policy in force; values to be hashed are masked until a key is set.
    pub(crate) fn new(application: Policy, owner: Option<Owner>, secrets: Secrets) -> Self {
        let (owner, storage) = owner.map(|owner| (owner.policy, owner.storage)).unzip();
        let in_force = InForce {
            storage: storage.unwrap_or_default(),
            ..InForce::new(application, owner, secrets)
        };
        Self {
            in_force: RwLock::new(Arc::new(in_force)),
            generation: AtomicU64::new(0),
            rebuilt_for: AtomicU64::new(0),
        }
    }

    /// Returns the number of the policy in force.
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Returns `true`, once for each change, if the interests of call sites must be rebuilt.
    pub(crate) fn take_rebuild_due(&self) -> bool {
        let generation = self.generation.load(Ordering::Acquire);
        self.rebuilt_for.swap(generation, Ordering::Relaxed) != generation
    }

    /// Returns the policy in force. It does not wait: in a forked child, a thread that no longer
    /// exists may hold the lock. A caller that gets `None` must not record.
    pub(crate) fn get(&self) -> Option<Arc<InForce>> {
        let in_force = locked(|| self.in_force.try_read())?;
        Some(Arc::clone(&in_force))
    }

    /// Returns `true` if the owner's policy and limits in force are equal to those.
    pub(crate) fn is_owners(&self, owner: &Owner) -> bool {
        self.get().is_some_and(|in_force| {
            in_force.owner.as_ref() == Some(&owner.policy) && in_force.storage == owner.storage
        })
    }

    /// Returns the owner's limits in force, unless a thread that no longer exists holds the lock.
    pub(crate) fn storage(&self) -> Option<Storage> {
        self.get().map(|in_force| in_force.storage)
    }

    /// Returns `true` if the owner may have filtered out whole call sites, for which `tracing` then
    /// queries no layer.
    pub(crate) fn may_filter_out(&self) -> bool {
        self.get()
            .is_some_and(|in_force| in_force.owner.as_ref().is_some_and(Policy::may_filter_out))
    }

    /// Replaces the owner's policy and limits.
    pub(crate) fn set_owner(&self, owner: &Owner) {
        let _before = self.replace(|in_force| InForce {
            owner: Some(owner.policy.clone()),
            storage: owner.storage,
            had_hashes: in_force.has_hashes(),
            ..in_force.clone()
        });
    }

    /// Sets the key of another installation, and returns whether values hashed with the previous
    /// key may still be staged.
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

    /// Replaces the policy in force, and returns the previous one. It does not wait without limit:
    /// in a forked child the lock may have no holder, and then nothing can be recorded there
    /// anyway.
    fn replace(&self, renew: impl FnOnce(&InForce) -> InForce) -> Option<Arc<InForce>> {
        let mut place = locked(|| self.in_force.try_write())?;
        let mut newer = renew(&place);
        newer.generation = Generation(place.generation.0 + 1);
        self.generation.store(newer.generation.0, Ordering::Release);
        Some(std::mem::replace(&mut place, Arc::new(newer)))
    }
}

/// Takes a lock with a limited number of tries.
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

/// The text that replaces a masked value.
pub(crate) const MASKED: &str = "[masked]";

/// A sample value, used to check whether a name would mask it.
const SAMPLE: &str = "123456";

/// The number of tries to read the policy in force; the thread yields between them. Replacing it
/// takes well under a microsecond, so that this many failures mean a lock that was held at a fork.
const TRIES: usize = 1000;
