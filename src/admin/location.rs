//! The selected telemetry: the application and profile, or the directory, and its form in a command
//! line. The actions of an owner are in the other files of `admin`; `directory` determines the
//! paths.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::builder::Builder;
use crate::consent::{ApplicationProfile, KnownLocation, StoredConsent};
use crate::directory::{self, Platform};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::policy::Policy;
use crate::reader::{ByteProgress, Reader, Reverse};
use crate::store::disk::{Access, Directory};
use crate::store::open_error;

use super::finding::first_of;
use super::{Profile, Source};

/// A location: an application and one of its profiles, or a directory that may contain its owner.
#[derive(Debug, Clone)]
pub struct Location {
    application: KnownApplication,
    profile: Profile,
    /// The directory of the default profile.
    base: PathBuf,
    /// Whether `base` is instead the directory of the profile itself: a copy of only that.
    is_profile_alone: bool,
    /// The selection, to repeat it in command lines.
    selection: Selection,
    /// The application, if it runs this code itself. Other programs lack the facts that only it
    /// has.
    own_application: Option<OwnApplication>,
    environment: Environment,
    /// Where reading all records is counted.
    progress: Option<ByteProgress>,
}

/// The selection of a location. Absent parts follow from the environment and from the directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing else to say")]
pub struct Selection {
    /// The application.
    pub application: Option<Source>,
    /// The directory of the default profile.
    pub directory: Option<PathBuf>,
    /// The profile; the default one if absent.
    pub profile: Option<Profile>,
}

/// The application whose telemetry a location has, and whether it is certain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is known, likely or unknown")]
pub enum KnownApplication {
    /// It was named, or the directory names it.
    Certain(Source),
    /// The directory does not name it, and is in the usual place of this application: enough to
    /// read, and not to write.
    Likely(Source),
    /// It is not known.
    Unknown,
}

/// An application that opens its own location.
#[derive(Debug, Clone)]
struct OwnApplication {
    builder: Box<Builder>,
    /// The words that run the commands.
    command_name: String,
}

impl Location {
    /// Returns the location at which telemetry of this builder is recorded.
    ///
    /// # Errors
    ///
    /// Returns an error if a name is not valid, if no directory follows from the environment, or if
    /// the directory belongs to another application or profile.
    pub fn of(builder: &Builder) -> Result<Self> {
        Self::of_application(builder, &Environment::of_process())
    }

    /// Returns the same for an application that was started with this environment.
    ///
    /// # Errors
    ///
    /// As [`Location::of`].
    pub fn of_application(builder: &Builder, environment: &Environment) -> Result<Self> {
        let (source, profile, base) = builder.place(environment)?;
        let command_name = format!("{source} telemetry");
        let location = Self {
            application: KnownApplication::Certain(source),
            profile,
            base,
            is_profile_alone: false,
            selection: Selection::default(),
            own_application: Some(OwnApplication {
                builder: Box::new(builder.clone()),
                command_name,
            }),
            environment: environment.clone(),
            progress: None,
        };
        location.check()?;
        Ok(location)
    }

    /// Sets the words that run the commands of an application, by default its name and `telemetry`.
    /// They are used in messages with a next step.
    #[must_use]
    pub fn with_command_name(mut self, words: impl Into<String>) -> Self {
        if let Some(application) = &mut self.own_application {
            application.command_name = words.into();
        }
        self
    }

    /// Counts there what is read by the actions that read all records: that can take long, and
    /// somebody may be waiting.
    #[must_use]
    pub fn with_progress(mut self, progress: &ByteProgress) -> Self {
        self.progress = Some(progress.clone());
        self
    }

    /// Returns where reading is counted.
    pub fn progress(&self) -> Option<&ByteProgress> {
        self.progress.as_ref()
    }

    /// Opens the directory for reading forwards.
    pub(super) fn reader(&self) -> Result<Reader> {
        let reader = Reader::open(&self.path())?;
        Ok(match &self.progress {
            Some(progress) => reader.with_progress(progress),
            None => reader,
        })
    }

    /// Opens the directory for reading backwards.
    pub(super) fn reverse(&self) -> Result<Reverse> {
        let reverse = Reader::reverse(&self.path())?;
        Ok(match &self.progress {
            Some(progress) => reverse.with_progress(progress),
            None => reverse,
        })
    }

    /// Finds the selected location. Returns nothing if neither a directory nor an application is
    /// named, by the selection or by `LOCALTEL_DIR`; then it is one of [`Location::all`].
    ///
    /// # Errors
    ///
    /// Returns an error if no directory follows from the environment, or if the directory belongs
    /// to another application or profile than is named.
    pub fn find(selection: &Selection, environment: &Environment) -> Result<Option<Self>> {
        let named = selection.directory.clone();
        let base = match (
            named.or_else(|| environment.localtel_dir()),
            &selection.application,
        ) {
            (Some(base), _) => base,
            (None, Some(source)) => directory::base(environment, Platform::THIS, source)?,
            (None, None) => return Ok(None),
        };
        let mut location = Self::at(base, selection, environment);
        if let Some(source) = &selection.application {
            location.application = KnownApplication::Certain(source.clone());
        }
        location.check()?;
        Ok(Some(location))
    }

    /// Returns the locations of all applications that have telemetry below the state directory, in
    /// the order of their names. A copy of another application's directory is that application's.
    ///
    /// # Errors
    ///
    /// Returns an error if the environment names no state directory, or if it cannot be listed.
    pub fn all(environment: &Environment) -> Result<Vec<Self>> {
        let root = Self::root(environment)?;
        let sources = directory::sources(&root)?;
        let location = |source: Source| {
            let base = directory::under(&root, &source);
            let own = KnownLocation::at(&base).source.filter(|own| *own != source);
            let selection = match &own {
                Some(_) => Selection {
                    directory: Some(base.clone()),
                    ..Selection::default()
                },
                None => Selection {
                    application: Some(source.clone()),
                    ..Selection::default()
                },
            };
            Self {
                application: KnownApplication::Certain(own.unwrap_or(source)),
                ..Self::at(base, &selection, environment)
            }
        };
        Ok(sources.into_iter().map(location).collect())
    }

    /// Returns the applications with telemetry below the state directory that this user cannot
    /// enter.
    ///
    /// # Errors
    ///
    /// Returns an error if the environment names no state directory.
    pub fn inaccessible(environment: &Environment) -> Result<Vec<Source>> {
        Ok(directory::inaccessible_sources(&Self::root(environment)?))
    }

    /// Returns the state directory, below which applications have their telemetry.
    ///
    /// # Errors
    ///
    /// Returns an error if the environment names none.
    pub fn root(environment: &Environment) -> Result<PathBuf> {
        directory::state_root(environment, Platform::THIS)
    }

    /// Returns the location in a directory that contains its owner or is in a usual place.
    fn at(base: PathBuf, selection: &Selection, environment: &Environment) -> Self {
        let mut location = Self {
            application: KnownApplication::Unknown,
            profile: selection.profile.clone().unwrap_or_default(),
            base,
            is_profile_alone: false,
            selection: selection.clone(),
            own_application: None,
            environment: environment.clone(),
            progress: None,
        };
        location.enter_profile();
        let known = [&location.base, &location.path()]
            .into_iter()
            .find_map(|path| KnownLocation::at(path).source);
        location.application = match known {
            Some(source) => KnownApplication::Certain(source),
            None => Self::root(environment)
                .ok()
                .and_then(|root| directory::source_of(&root, &location.base))
                .map_or(KnownApplication::Unknown, KnownApplication::Likely),
        };
        location
    }

    /// Selects the profile whose own directory was named instead of that of the default profile.
    fn enter_profile(&mut self) {
        let own = KnownLocation::at(&self.base).profile.unwrap_or_default();
        let named = self.selection.profile.as_ref();
        if own.is_default() || named.is_some_and(|named| *named != own) {
            return;
        }
        self.profile = own;
        match directory::enclosing(&self.base) {
            Some((base, by_path)) if by_path == self.profile => {
                self.selection.directory = Some(base.clone());
                self.base = base;
            }
            Some(_) | None => self.is_profile_alone = true,
        }
    }

    /// Returns the telemetry directories below that of the default profile, if that one is not one
    /// itself and contains no file of localtel: the directory named is a level or two too high. One
    /// in a usual place that this user cannot list is among them.
    pub fn telemetry_below(&self) -> Vec<PathBuf> {
        directory::telemetry_below(&self.base)
    }

    /// Returns the directories below that of the default profile that this user cannot enter, and
    /// that may have telemetry.
    pub fn inaccessible_below(&self) -> Vec<PathBuf> {
        directory::inaccessible_below(&self.base)
    }

    /// Returns the same application's profile of that name.
    #[must_use]
    pub fn with_profile(&self, profile: Profile) -> Self {
        Self {
            profile,
            is_profile_alone: false,
            ..self.clone()
        }
    }

    /// Returns the profiles of this application that have a directory, the default one first. A
    /// directory among them that belongs to another application or profile is left out.
    ///
    /// # Errors
    ///
    /// Returns an error if the profiles cannot be listed.
    pub fn profiles(&self) -> Result<Vec<Self>> {
        let profiles = directory::profiles(&self.base)?.into_iter();
        let locations = profiles.map(|profile| self.with_profile(profile));
        Ok(locations
            .filter(|location| location.check().is_ok())
            .collect())
    }

    /// Returns the names of some other profiles of the application that have a directory, and the
    /// command line that lists them; nothing if there are none.
    pub fn other_profiles(&self) -> Option<String> {
        let profiles = self.profiles().unwrap_or_default().into_iter();
        let others = profiles.filter(|other| other.profile != self.profile);
        let others: Vec<String> = others.map(|other| other.profile.to_string()).collect();
        others.first()?;
        let command = self.with_profile(Profile::default()).command("profiles");
        Some(format!("{}; see `{command}`", first_of(&others, "more")))
    }

    /// Returns the directory.
    pub fn path(&self) -> PathBuf {
        if self.is_profile_alone {
            return self.base.clone();
        }
        directory::of_profile(&self.base, &self.profile)
    }

    /// Returns the directory of the default profile.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Returns the profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Returns the application, and how it is known.
    pub fn application(&self) -> &KnownApplication {
        &self.application
    }

    /// Returns the name of the application, if it is certain or likely.
    pub fn name(&self) -> Option<&Source> {
        match &self.application {
            KnownApplication::Certain(source) | KnownApplication::Likely(source) => Some(source),
            KnownApplication::Unknown => None,
        }
    }

    fn certain(&self) -> Option<&Source> {
        match &self.application {
            KnownApplication::Certain(source) => Some(source),
            KnownApplication::Likely(_) | KnownApplication::Unknown => None,
        }
    }

    /// Returns the name of the application, if it is certain, for a command that writes under it.
    ///
    /// # Errors
    ///
    /// Returns an error if neither the selection nor the directory names the application, or if the
    /// directory cannot be opened.
    pub fn certain_application(&self) -> Result<&Source> {
        if let Some(source) = self.certain() {
            return Ok(source);
        }
        let path = self.path();
        match Directory::open(&path, Access::Read) {
            // A failure to open the directory explains why the name is missing, and is reported
            // first.
            Err(error) if !error.is_not_found() => Err(open_error(&path, error)),
            Ok(_) | Err(_) => {
                let reason = format!("{} does not name its application", path.display());
                Err(Error::invalid("application", reason))
            }
        }
    }

    /// Returns the application and profile, if they are certain.
    pub(crate) fn application_profile(&self) -> Option<ApplicationProfile> {
        let source = self.certain()?.clone();
        let profile = self.profile.clone();
        Some(ApplicationProfile { source, profile })
    }

    /// Returns the application's own policy, if the application runs this code itself.
    pub fn application_policy(&self) -> Option<&Policy> {
        self.builder().map(Builder::own_policy)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Returns the application's own settings, if it runs this code itself.
    pub(crate) fn builder(&self) -> Option<&Builder> {
        Some(&self.own_application.as_ref()?.builder)
    }

    /// Returns the words that run the commands of the application; nothing in another program.
    pub fn command_name(&self) -> Option<&str> {
        Some(&self.own_application.as_ref()?.command_name)
    }

    /// Returns a command line for this location, quoted for a shell: `localtel --app myapp status`,
    /// or that of the application that runs this code.
    pub fn command(&self, words: &str) -> String {
        match self.command_name() {
            None => format!("localtel {} {words}", self.words()),
            Some(name) => format!("{name} {words}"),
        }
    }

    /// Returns the words that select this location in another command, as they were typed.
    pub(crate) fn words(&self) -> String {
        let Selection {
            application,
            directory,
            ..
        } = &self.selection;
        let (application, directory) = match (application, directory, &self.application) {
            // `LOCALTEL_DIR` or being the only one led here.
            (None, None, KnownApplication::Certain(application)) => (Some(application), None),
            (None, None, KnownApplication::Likely(_) | KnownApplication::Unknown) => {
                (None, Some(&self.base))
            }
            (application, directory, _) => (application.as_ref(), directory.as_ref()),
        };
        let mut words = Vec::new();
        if let Some(application) = application {
            words.push(format!("--app {application}"));
        }
        if let Some(directory) = directory {
            let directory = directory.display().to_string();
            words.push(format!("--dir {}", ShellWord(&directory)));
        }
        if !self.profile.is_default() {
            words.push(format!("--profile {}", self.profile));
        }
        words.join(" ")
    }

    /// Checks that the directories do not belong to another application or profile.
    ///
    /// # Errors
    ///
    /// Returns an error that names both.
    pub fn check(&self) -> Result<()> {
        if self.is_profile_alone {
            return self.check_claim(&KnownLocation::at(&self.base), &self.base, &self.profile);
        }
        let default = Profile::default();
        self.check_claim(&KnownLocation::at(&self.base), &self.base, &default)?;
        // It decides for this application, too.
        let for_all = StoredConsent::read_for_all_at(&self.base).claim();
        self.check_claim(&for_all, &self.base, &default)?;
        if !self.profile.is_default() {
            let path = self.path();
            self.check_claim(&KnownLocation::at(&path), &path, &self.profile)?;
        }
        Ok(())
    }

    fn check_claim(&self, claim: &KnownLocation, path: &Path, profile: &Profile) -> Result<()> {
        let known = self.certain();
        if claim.admits(known, profile) {
            return Ok(());
        }
        Err(claim.refusal(
            path,
            match known {
                Some(source) => format!("`{source}` (profile {profile})"),
                None => format!("the profile {profile}"),
            },
        ))
    }
}

/// The application's name as shown in messages.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name().map_or("an unknown application", Source::as_str))
    }
}

/// A word quoted for a shell.
///
/// ```
/// use localtel::admin::ShellWord;
///
/// assert_eq!(ShellWord("/var/log").to_string(), "/var/log");
/// assert_eq!(ShellWord("/my files").to_string(), "'/my files'");
/// ```
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is a word")]
pub struct ShellWord<'w>(pub &'w str);

impl fmt::Display for ShellWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
        if !self.0.is_empty() && self.0.bytes().all(is_plain) {
            return f.write_str(self.0);
        }
        write!(f, "'{}'", self.0.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_split_or_change_it() {
        for (word, expected) in [
            ("/var/lib/a", "/var/lib/a"),
            ("", "''"),
            ("/a b", "'/a b'"),
            ("it's", r"'it'\''s'"),
            ("a>1", "'a>1'"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(ShellWord(word).to_string(), expected);
        }
    }
}
