//! An application with one of its profiles, and the owner of a telemetry directory. `belonging`
//! determines the owner.

use std::fmt;
use std::path::Path;

use crate::application::{Profile, Source};
use crate::error::{Error, ErrorKind};

/// An application and the profile of it that uses a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApplicationProfile {
    /// The application.
    pub source: Source,
    /// The profile.
    pub profile: Profile,
}

impl ApplicationProfile {
    /// Creates the default profile of an application.
    #[cfg(test)]
    pub(crate) fn for_test(source: &str) -> Self {
        Self {
            source: source.parse().unwrap(),
            profile: Profile::default(),
        }
    }

    /// Returns the location of the directory that contains the default profile.
    pub(crate) fn of_base(&self) -> Self {
        Self {
            source: self.source.clone(),
            profile: Profile::default(),
        }
    }
}

impl fmt::Display for ApplicationProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (profile {})", self.source, self.profile)
    }
}

/// The owner of a directory, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KnownLocation {
    /// The application.
    pub source: Option<Source>,
    /// The profile.
    pub profile: Option<Profile>,
}

impl KnownLocation {
    /// Returns `true` if this application and profile may use the directory; of an unknown
    /// application only the profile is compared.
    pub(crate) fn admits(&self, source: Option<&Source>, profile: &Profile) -> bool {
        let is_other_source = matches!(
            (&self.source, source),
            (Some(own), Some(wanted)) if own != wanted
        );
        let is_other_profile = self.profile.as_ref().is_some_and(|own| own != profile);
        !is_other_source && !is_other_profile
    }

    /// Returns `true` if it names this application and profile.
    pub(crate) fn is_of(&self, location: &ApplicationProfile) -> bool {
        self.source.as_ref() == Some(&location.source)
            && self.profile.as_ref() == Some(&location.profile)
    }

    /// Returns the reason why the directory at that path is not for that location, if it belongs to
    /// another.
    pub(crate) fn check(&self, path: &Path, location: &ApplicationProfile) -> Result<(), Error> {
        if self.admits(Some(&location.source), &location.profile) {
            Ok(())
        } else {
            Err(self.refusal(path, location.to_string()))
        }
    }

    /// Returns the error for a directory that belongs to another location.
    pub(crate) fn refusal(&self, path: &Path, wanted: String) -> Error {
        let kind = ErrorKind::Foreign {
            path: path.to_owned(),
            belongs_to: self.to_string(),
            wanted,
        };
        kind.into()
    }
}

impl From<&ApplicationProfile> for KnownLocation {
    fn from(location: &ApplicationProfile) -> Self {
        Self {
            source: Some(location.source.clone()),
            profile: Some(location.profile.clone()),
        }
    }
}

impl fmt::Display for KnownLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, &self.profile) {
            (Some(source), Some(profile)) => write!(f, "`{source}` (profile {profile})"),
            (Some(source), None) => write!(f, "`{source}`"),
            (None, Some(profile)) => write!(f, "a profile {profile}"),
            (None, None) => f.write_str("no application"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(source: &str, profile: &str) -> KnownLocation {
        KnownLocation {
            source: source.parse().ok(),
            profile: profile.parse().ok(),
        }
    }

    #[test]
    fn a_directory_is_for_one_application_and_profile() {
        let table = [
            (claim("one", "default"), true),
            (claim("one", ""), true),
            (claim("", "default"), true),
            (claim("", ""), true),
            (claim("One", "default"), false),
            (claim("two", "default"), false),
            (claim("two", ""), false),
            (claim("one", "work"), false),
            (claim("", "work"), false),
        ];
        let location = ApplicationProfile {
            source: "one".parse().unwrap(),
            profile: Profile::default(),
        };
        for (claim, expected) in table {
            let admitted = claim.check(Path::new("/d"), &location);
            assert_eq!(admitted.is_ok(), expected, "{claim}");
            if let Err(error) = admitted {
                let text = error.to_string();
                assert!(text.contains(&claim.to_string()), "{text}");
                assert!(text.contains("`one` (profile default)"), "{text}");
            }
        }
    }
}
