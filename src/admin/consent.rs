//! An owner's decision at a location: stored for one profile or for all of them, and the installation id removed. What
//! the files hold and how they are changed is `consent`'s.

use super::Location;
use crate::clock;
use crate::consent::{Consent, ConsentDirectory, Scope, StoredConsent, keeper, set_consent_of};
use crate::error::Result;

/// What became of a stored choice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsentChange {
    /// What was stored before; absent where there was no choice that could be understood.
    pub before: Option<Consent>,
    /// Whether an installation was removed.
    pub removed_installation: bool,
    /// Why what was stored before could not be understood. It is replaced.
    pub problem: Option<String>,
}

impl Location {
    /// Stores a choice for this profile. Disabling removes the installation: its id, its salt and the hash of its host.
    /// `by` says by what it was made, and is shown by `status`. A choice that stands there already is left as it is.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not certain which application it is for, if the directory cannot be made or written, or
    /// if a newer version wrote the file. A choice that is stored can be withdrawn without a name.
    pub fn set_consent(&self, consent: Consent, by: &str) -> Result<ConsentChange> {
        let is_withdrawn = consent == Consent::Disabled
            && StoredConsent::read_at(&self.path()) != StoredConsent::Missing;
        if !is_withdrawn {
            self.certain_application()?;
        }
        self.store(Scope::Profile, consent, by)
    }

    /// Stores a choice for all profiles of the application that have no choice of their own. Disabling removes the
    /// installation of each of them.
    ///
    /// # Errors
    ///
    /// As [`Location::set_consent`].
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

    /// Removes the installation id and what belongs to it, so that nothing recorded from now on can be linked with what
    /// was recorded before. The choice stays, and is returned; nothing if nothing is stored here.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be written, or if the file cannot be understood: then there is no choice
    /// that could be kept.
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

    /// Returns what to do where the stored choice cannot be understood; nothing if it can, if there is none, or if the
    /// directory is what cannot be read.
    pub fn step_for_consent(&self) -> Option<String> {
        self.check_readable().ok()?;
        self.step_for(&StoredConsent::read_at(&self.path()), "")
    }

    /// Returns the same for a file of consent, given what stands behind the commands that replace it.
    pub(super) fn step_for(&self, stored: &StoredConsent, options: &str) -> Option<String> {
        match stored {
            StoredConsent::Missing | StoredConsent::Known(_) => None,
            StoredConsent::Newer { .. } => Some("install the localtel that wrote it".to_owned()),
            StoredConsent::Unreadable { .. } => Some("let its owner read it".to_owned()),
            StoredConsent::Empty { .. } | StoredConsent::Damaged { .. } => {
                let command = |choice: &str| self.command(&format!("{choice}{options}"));
                let (enable, disable) = (command("enable"), command("disable"));
                Some(format!("decide anew: `{enable}` or `{disable}`"))
            }
        }
    }
}
