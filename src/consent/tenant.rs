//! Whose a telemetry directory is: that of one application and one of its profiles. Its files of consent say so, and
//! where they do not, as in directories of older versions or where they were cut, its records do. A path is never
//! proof, except that what lies in the `profiles` of another telemetry directory is a profile.

use std::fmt;
use std::path::Path;

use super::stored::{Scope, Stored};
use crate::directory::{Profile, Source, enclosing};
use crate::error::{Error, ErrorKind};
use crate::record::Record;
use crate::store::disk::{Access, Directory};
use crate::store::numbers;
use crate::store::segment::FileName;

/// An application and the profile of it that uses a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The application.
    pub source: Source,
    /// The profile.
    pub profile: Profile,
}

impl Tenant {
    /// Makes up the default profile of an application.
    #[cfg(test)]
    pub(crate) fn made_up(source: &str) -> Self {
        Self {
            source: source.parse().unwrap(),
            profile: Profile::default(),
        }
    }

    /// Returns the tenant of the directory in which the default profile lies.
    pub(crate) fn of_base(&self) -> Self {
        Self {
            source: self.source.clone(),
            profile: Profile::default(),
        }
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (profile {})", self.source, self.profile)
    }
}

/// Whose a directory is, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The application.
    pub source: Option<Source>,
    /// The profile.
    pub profile: Option<Profile>,
}

impl Claim {
    /// Learns whose the directory at that path is. One that is not there, or cannot be opened, says nothing.
    pub fn at(path: &Path) -> Self {
        match Directory::open(path, Access::Read) {
            Ok(directory) => Self::of(&directory),
            Err(_) => Self::default().or_by_place(path),
        }
    }

    /// Learns whose a directory is.
    pub(crate) fn of(directory: &Directory) -> Self {
        let own = Stored::read(directory).claim();
        let said = match own.source {
            Some(_) => own,
            None => own.or(Stored::read_file(directory, Scope::AllProfiles.file()).claim()),
        };
        let said = match said.source {
            Some(_) => said,
            None => said.or(Self {
                source: source_of_records(directory),
                profile: None,
            }),
        };
        said.or_by_place(directory.path())
    }

    /// Returns `true` if it says nothing else than that this application and profile may use the directory; an
    /// application that is not known is asked for its profile only.
    pub fn admits(&self, source: Option<&Source>, profile: &Profile) -> bool {
        let is_other_source = matches!(
            (&self.source, source),
            (Some(own), Some(wanted)) if own != wanted
        );
        let is_other_profile = self.profile.as_ref().is_some_and(|own| own != profile);
        !is_other_source && !is_other_profile
    }

    /// Returns `true` if it names this application and profile.
    pub(crate) fn is_of(&self, tenant: &Tenant) -> bool {
        self.source.as_ref() == Some(&tenant.source)
            && self.profile.as_ref() == Some(&tenant.profile)
    }

    /// Returns why the directory at that path is not for that tenant, where it belongs to another.
    pub(crate) fn check(&self, path: &Path, tenant: &Tenant) -> Result<(), Error> {
        if self.admits(Some(&tenant.source), &tenant.profile) {
            Ok(())
        } else {
            Err(self.refusal(path, tenant.to_string()))
        }
    }

    /// Returns the error that says to whom the directory at that path belongs instead.
    pub fn refusal(&self, path: &Path, wanted: String) -> Error {
        let kind = ErrorKind::Foreign {
            path: path.to_owned(),
            belongs_to: self.to_string(),
            wanted,
        };
        kind.into()
    }

    fn or(self, other: Self) -> Self {
        Self {
            source: self.source.or(other.source),
            profile: self.profile.or(other.profile),
        }
    }

    /// Adds what is known of the directory from where it lies: in the `profiles` of another one.
    fn or_by_place(self, path: &Path) -> Self {
        if self.profile.is_some() {
            return self;
        }
        let Some((base, profile)) = enclosing(path) else {
            return self;
        };
        let Ok(base) = Directory::open(&base, Access::Read) else {
            return self;
        };
        if base.facts(&FileName::Lock.text()).is_err() {
            return self;
        }
        let source = self.source.or_else(|| Stored::read(&base).claim().source);
        Self {
            source,
            profile: Some(profile),
        }
    }
}

impl From<&Tenant> for Claim {
    fn from(tenant: &Tenant) -> Self {
        Self {
            source: Some(tenant.source.clone()),
            profile: Some(tenant.profile.clone()),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, &self.profile) {
            (Some(source), Some(profile)) => write!(f, "`{source}` (profile {profile})"),
            (Some(source), None) => write!(f, "`{source}`"),
            (None, Some(profile)) => write!(f, "a profile {profile}"),
            (None, None) => f.write_str("nobody"),
        }
    }
}

/// Returns the source of the first record of the newest segment that has one.
fn source_of_records(directory: &Directory) -> Option<Source> {
    let numbers = numbers(directory).ok()?;
    numbers.iter().rev().take(SEGMENTS_MAX).find_map(|number| {
        let name = number.file_name();
        // Opening a pipe or a device can do something.
        directory
            .facts(&name)
            .ok()
            .filter(|facts| facts.is_regular)?;
        let file = directory.open_read(&name).ok()?;
        let mut start = vec![0; START_BYTES];
        let read = directory.read_back(&file, &mut start, 0).ok()?;
        let lines = start.get(..read)?.split(|byte| *byte == b'\n');
        lines
            .filter_map(|line| Record::parse(line).ok())
            .find_map(|record| record.source.parse().ok())
    })
}

/// How many segments are looked into: the newest may be empty, or hold nothing that can be read.
const SEGMENTS_MAX: usize = 8;
/// How much of a segment is looked at: it begins with a record that is much shorter.
const START_BYTES: usize = 64 * 1024;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests make directories as others leave them"
)]
mod tests {
    use super::*;
    use std::fs;

    fn claim(source: &str, profile: &str) -> Claim {
        Claim {
            source: source.parse().ok(),
            profile: profile.parse().ok(),
        }
    }

    fn line(source: &str, target: &str) -> String {
        format!(
            "{{\"timestamp\":\"2026-11-21T08:15:30.123456Z\",\"level\":\"INFO\",\"source\":\"{source}\",\
             \"target\":\"{target}\",\"session\":\"01936f0e-0000-7000-8000-000000000000\",\"seq\":0}}\n"
        )
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
        let tenant = Tenant {
            source: "one".parse().unwrap(),
            profile: Profile::default(),
        };
        for (claim, expected) in table {
            let admitted = claim.check(Path::new("/d"), &tenant);
            assert_eq!(admitted.is_ok(), expected, "{claim}");
            if let Err(error) = admitted {
                let text = error.to_string();
                assert!(text.contains(&claim.to_string()), "{text}");
                assert!(text.contains("`one` (profile default)"), "{text}");
            }
        }
    }

    #[test]
    fn what_the_files_do_not_say_the_newest_records_do() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("somewhere/telemetry");
        assert_eq!(Claim::at(&path), Claim::default());
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("events.000001.jsonl"), line("older", "t")).unwrap();
        let torn = format!("{{\"timest\n{}", line("newer", "two::localtel"));
        fs::write(path.join("events.000002.jsonl"), torn).unwrap();
        fs::write(path.join("events.000003.jsonl"), "").unwrap();
        for text in ["", "{\"format\":1}", "{\"form"] {
            fs::write(path.join("consent.json"), text).unwrap();
            assert_eq!(Claim::at(&path), claim("newer", ""), "{text}");
        }
        let for_all = r#"{"format":1,"source":"named","profile":"default"}"#;
        fs::write(path.join("consent.all.json"), for_all).unwrap();
        assert_eq!(Claim::at(&path), claim("named", "default"));
        let own = r#"{"format":1,"source":"own","profile":"default"}"#;
        fs::write(path.join("consent.json"), own).unwrap();
        assert_eq!(Claim::at(&path), claim("own", "default"));
    }

    #[test]
    fn what_lies_in_the_profiles_of_another_directory_is_a_profile() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("profiles/work");
        assert_eq!(Claim::at(&path), Claim::default());
        fs::write(home.path().join("lock"), "").unwrap();
        let own = r#"{"format":1,"source":"own","profile":"default"}"#;
        fs::write(home.path().join("consent.json"), own).unwrap();
        assert_eq!(Claim::at(&path), claim("own", "work"));
    }
}
