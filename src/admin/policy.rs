//! An owner's policy at a location: `policy.toml` read, checked and replaced under the lock, and
//! the rules for secrets applied to a text. `policy` defines the file; edits that keep comments are
//! made by the command.

use std::path::PathBuf;

use super::{Environment, Location};
use crate::error::Result;
use crate::policy::Policy;
use crate::policy::names::{NamePath, Naming};
use crate::policy::owner::{self, Owner, OwnerFile};
use crate::policy::secrets::Secrets;
use crate::policy::storage;
use crate::store::disk::{Access, Directory};
use crate::store::open_error;
use crate::store::segment::FileName;

impl Location {
    /// Returns the path of the file with the owner's policy, whether or not it exists.
    pub fn policy_file(&self) -> PathBuf {
        self.path().join(FileName::Policy.to_string())
    }

    /// Returns the owner's policy; nothing if there is no file.
    ///
    /// # Errors
    ///
    /// Returns the reason, as a clause, if the file cannot be read or is invalid: then nothing is
    /// recorded.
    pub fn owner_policy(&self) -> Result<Option<Policy>, String> {
        match OwnerFile::read_at(&self.path()) {
            OwnerFile::Missing => Ok(None),
            OwnerFile::Owner(owner) => Ok(Some(owner.policy)),
            OwnerFile::Damaged { reason } | OwnerFile::Unreadable { reason } => Err(reason),
        }
    }

    /// Returns the text of the owner's policy; empty if there is no file.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory or the file cannot be read.
    pub fn policy_text(&self) -> Result<String> {
        owner::text_at(&self.path())
    }

    /// Changes the text of the owner's policy, under the lock, unless the result is invalid.
    /// Running programs apply it within a second.
    ///
    /// # Errors
    ///
    /// Returns an error if the change does, if the resulting text is invalid, or if the file cannot
    /// be written; it is then unchanged.
    pub fn edit_policy(&self, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
        self.certain_application()?;
        owner::edit(&self.path(), change)
    }

    /// Returns `true` if the name of the owner's policy belongs to something other than a regular
    /// file.
    pub fn is_policy_not_a_file(&self) -> bool {
        let directory = Directory::open(&self.path(), Access::Read).ok();
        let facts =
            directory.and_then(|directory| directory.facts(&FileName::Policy.to_string()).ok());
        facts.is_some_and(|facts| !facts.is_regular)
    }

    /// Checks that the directory can be opened for reading.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be opened.
    pub fn check_readable(&self) -> Result<()> {
        let path = self.path();
        Directory::open(&path, Access::Read).map_err(|error| open_error(&path, error))?;
        Ok(())
    }
}

/// The secrets that the rules find in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretsInText {
    /// The text with the secrets masked.
    pub masked: String,
    /// The secrets, in the order of the text.
    pub found: Vec<FoundSecret>,
}

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundSecret {
    /// The name of the rule.
    pub rule: &'static str,
    /// The description of the rule.
    pub about: &'static str,
    /// The bytes of the text that are masked.
    pub range: std::ops::Range<usize>,
}

impl SecretsInText {
    /// Applies the rules to a text, with the home directory and the user's name of an environment.
    ///
    /// ```
    /// use localtel::admin::{Environment, SecretsInText};
    ///
    /// let environment = Environment::of_process();
    /// let secrets = SecretsInText::find("login with password=hunter2 failed", &environment);
    /// assert_eq!(secrets.masked, "login with password=[secret] failed");
    /// assert_eq!(secrets.found.len(), 1);
    /// ```
    pub fn find(text: &str, environment: &Environment) -> Self {
        let home = environment.home();
        let home = home.as_deref().and_then(std::path::Path::to_str);
        let secrets = Secrets::new(home, environment.user().as_deref());
        let findings = secrets.findings(text);
        Self {
            masked: secrets.mask(text).into_owned(),
            found: findings
                .into_iter()
                .map(|finding| FoundSecret {
                    rule: finding.rule.name(),
                    about: finding.rule.about(),
                    range: finding.range,
                })
                .collect(),
        }
    }
}

/// Parses a text as an owner's policy.
///
/// # Errors
///
/// Returns the problem, as a clause.
///
/// # Examples
///
/// ```
/// use localtel::admin::parse_policy;
///
/// assert!(parse_policy("level = \"warn\"").is_ok());
/// let problem = parse_policy("level = \"loud\"").unwrap_err();
/// assert!(problem.contains("line 1: level: `loud` is not one of"));
/// ```
pub fn parse_policy(text: &str) -> Result<Policy, String> {
    Owner::parse(text.as_bytes()).map(|owner| owner.policy)
}

/// Checks the name in a rule: a `*` is allowed only at its end, or as `*.` at its beginning.
///
/// # Errors
///
/// Returns the problem, as a clause.
pub fn check_rule_name(name: &str) -> Result<(), String> {
    owner::check_name(name)
}

/// Checks an age as it is written in the owner's limits, such as `400 days`.
///
/// # Errors
///
/// Returns the problem, as a clause.
pub fn check_age_max(text: &str) -> Result<(), String> {
    storage::parse_age(text).map(|_| ())
}

/// Checks a size as it is written in the owner's limits, such as `2 GiB`.
///
/// # Errors
///
/// Returns the problem, as a clause.
pub fn check_total_bytes_max(text: &str) -> Result<(), String> {
    storage::parse_total(text).map(|_| ())
}

/// Returns `true` if the name of a property suggests a secret, so that its texts are masked by
/// default.
pub fn is_name_of_secret(name: &str) -> bool {
    NamePath::of(name).naming() == Naming::Secret
}
