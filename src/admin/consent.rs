//! An owner's decision at a location: stored for one profile or for all of them, and the
//! installation id removed. `consent` defines the files and their changes.

use super::{Location, ShellWord};
use crate::clock;
use crate::consent::{Consent, ConsentDirectory, Scope, StoredConsent, keeper, set_consent_of};
use crate::error::Result;

/// The result of storing a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsentChange {
    /// The choice before; absent if there was no valid one.
    pub before: Option<Consent>,
    /// Whether an installation was removed.
    pub removed_installation: bool,
    /// The problem with the previous file, if it was invalid. It is replaced.
    pub problem: Option<String>,
}

impl Location {
    /// Stores a choice for this profile. Disabling removes the installation: its id, its salt and
    /// the hash of its host. `by` is the command or program that made the decision, and is shown by
    /// `status`. A choice that is already stored is left unchanged.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not certain which application it is for, if the directory cannot
    /// be created or written, or if a newer version wrote the file. A stored choice can be
    /// withdrawn without a name.
    pub fn set_consent(&self, consent: Consent, by: &str) -> Result<ConsentChange> {
        let is_withdrawn = consent == Consent::Disabled
            && StoredConsent::read_at(&self.path()) != StoredConsent::Missing;
        if !is_withdrawn {
            self.certain_application()?;
        }
        self.store(Scope::Profile, consent, by)
    }

    /// Stores a choice for all profiles of the application that have no choice of their own.
    /// Disabling removes the installation of each of them.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Location::set_consent`] does.
    pub fn set_consent_for_all(&self, consent: Consent, by: &str) -> Result<ConsentChange> {
        self.certain_application()?;
        let default = self.with_profile(super::Profile::default());
        let change = default.store(Scope::AllProfiles, consent, by)?;
        if consent == Consent::Disabled {
            for location in self.profiles()? {
                let stored = StoredConsent::read_at(&location.path());
                if stored.consent() == Consent::Undecided && stored.installation().is_some() {
                    location.reset()?;
                }
            }
        }
        Ok(change)
    }

    fn store(&self, scope: Scope, consent: Consent, by: &str) -> Result<ConsentChange> {
        let (path, whose) = (self.path(), self.application_profile());
        let site = ConsentDirectory {
            path: &path,
            location: whose.as_ref(),
        };
        let before = set_consent_of(site, scope, consent, by, clock::now())?;
        Ok(ConsentChange {
            before: before.known().map(|choice| choice.consent),
            removed_installation: consent == Consent::Disabled && before.installation().is_some(),
            problem: before.problem(),
        })
    }

    /// Removes the installation id and the files that belong to it, so that later records cannot be
    /// linked with earlier ones. The choice is kept, and is returned; nothing if no choice is
    /// stored here.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be written, or if the file is invalid: then there
    /// is no choice to keep.
    pub fn reset(&self) -> Result<Option<Consent>> {
        let (path, whose) = (self.path(), self.application_profile());
        if StoredConsent::read_at(&path) == StoredConsent::Missing {
            return Ok(None);
        }
        let site = ConsentDirectory {
            path: &path,
            location: whose.as_ref(),
        };
        keeper::reset(site).map(Some)
    }

    /// Returns the next step if the stored choice is invalid; nothing if it is valid, if there is
    /// none, or if the directory itself cannot be read.
    pub fn step_for_consent(&self) -> Option<String> {
        self.check_readable().ok()?;
        self.step_for(&StoredConsent::read_at(&self.path()), "")
    }

    /// Returns the same for a file of consent, given the options of the commands that replace it.
    pub(super) fn step_for(&self, stored: &StoredConsent, options: &str) -> Option<String> {
        match stored {
            StoredConsent::Missing | StoredConsent::Known(_) => None,
            StoredConsent::Newer { .. } => Some("install the localtel that wrote it".to_owned()),
            StoredConsent::Unreadable { .. } => {
                let path = self.path().display().to_string();
                let path = ShellWord(&path);
                Some(format!("as its owner: chmod u+rw {path}/consent*.json"))
            }
            StoredConsent::Empty { .. } | StoredConsent::Damaged { .. } => {
                let command = |choice: &str| self.command(&format!("{choice}{options}"));
                let (enable, disable) = (command("enable"), command("disable"));
                Some(format!(
                    "decide again: `{enable}` or `{disable}`; if it is not a regular file, move it away first"
                ))
            }
        }
    }
}
