//! Which telemetry a command works on: the source, the profile and the directory that follow from what
//! was typed and from the environment, or the list of sources to choose from.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::args::PlaceArgs;
use super::facts;
use super::failure::Failure;
use super::host::Host;
use crate::consent::{Decision, Inputs, Stored, WhenUndecided, decide};
use crate::directory::{self, Platform, Profile, Source};
use crate::environment::Environment;
use crate::policy::owner::OwnerFile;
use crate::record::format_timestamp;

/// The telemetry that a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose it is.
    pub(crate) source: Source,
    /// Which of the source's sets it is.
    pub(crate) profile: Profile,
    /// The directory of the default profile.
    pub(crate) base: PathBuf,
    /// How it was named.
    pub(crate) named: Named,
    /// Who works on it.
    pub(crate) host: Host,
}

/// How a place was named, and is to be named to another command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// By the application, or by being the only one.
    Application,
    /// By the directory.
    Directory,
}

impl Place {
    /// Returns the directory.
    pub(crate) fn path(&self) -> PathBuf {
        directory::of_profile(&self.base, &self.profile)
    }

    /// Returns whose telemetry it is, unless only its directory is known.
    pub(crate) fn name(&self) -> Option<&Source> {
        Some(&self.source).filter(|source| source.as_str() != UNNAMED)
    }

    /// Decides as the application would. From outside of it its flag is unknown, and what it does when
    /// undecided is known only where it waits for a grace, which is then stored with its first use.
    pub(crate) fn decide(
        &self,
        environment: &Environment,
        stored: &Stored,
        now: OffsetDateTime,
    ) -> Decision {
        let do_not_track = environment.do_not_track();
        let variable = environment.telemetry(&self.source);
        let outside = stored
            .first_use()
            .map(|first_use| WhenUndecided::RecordAfter(first_use.grace));
        let owner = OwnerFile::read_at(&self.path());
        let inputs = Inputs {
            executables: self.host.executables(environment),
            do_not_track: do_not_track.as_deref(),
            flag: self.host.flag(),
            variable: variable.as_ref(),
            stored,
            stored_for_all: &Stored::read_for_all_at(&self.base),
            when_undecided: match &self.host {
                Host::Localtel => outside.unwrap_or_default(),
                Host::Application(_) => self.host.when_undecided(),
            },
            policy_problem: owner.problem(),
        };
        decide(&inputs, now)
    }

    /// Returns the places of all profiles of this source that have a directory, the default one first.
    ///
    /// # Errors
    ///
    /// Fails if the profiles are there but cannot be listed.
    pub(crate) fn profiles(&self) -> Result<Vec<Self>, Failure> {
        let profiles = directory::profiles(&self.base)?;
        let place = |profile| Self {
            profile,
            ..self.clone()
        };
        Ok(profiles.into_iter().map(place).collect())
    }

    /// Returns a command line of `localtel` that does something with this place, or the application's own.
    pub(crate) fn command(&self, command: &str) -> String {
        let called = self.host.called();
        match &self.host {
            Host::Localtel => format!("{called} {} {command}", self.words()),
            Host::Application(_) => format!("{called} {command}"),
        }
    }

    /// Returns the words that name this place to another command.
    pub(crate) fn words(&self) -> String {
        let place = match self.named {
            Named::Application => format!("--app {}", self.source),
            Named::Directory => format!("--dir {}", self.base.display()),
        };
        if self.profile.is_default() {
            place
        } else {
            format!("{place} --profile {}", self.profile)
        }
    }
}

/// Finds the place that is meant. Without a name or a directory it is the only source there is.
pub(crate) fn find(args: &PlaceArgs, environment: &Environment) -> Result<Place, Failure> {
    let profile = args.profile.clone().unwrap_or_default();
    if let Some(base) = args.dir.clone().or_else(|| environment.localtel_dir()) {
        let source = match args.app.clone().or_else(|| directory::source_of(&base)) {
            Some(source) => source,
            None => UNNAMED.parse()?,
        };
        return Ok(Place {
            source,
            profile,
            base,
            named: match args.dir {
                Some(_) => Named::Directory,
                None => Named::Application,
            },
            host: Host::Localtel,
        });
    }
    if let Some(source) = args.app.clone() {
        let base = directory::base(environment, Platform::THIS, &source)?;
        return Ok(Place {
            source,
            profile,
            base,
            named: Named::Application,
            host: Host::Localtel,
        });
    }
    let root = directory::state_root(environment, Platform::THIS)?;
    let mut sources = directory::sources(&root)?;
    match (sources.pop(), sources.is_empty()) {
        (None, _) => Err(none_in(&root)),
        (Some(source), true) => Ok(Place {
            base: directory::under(&root, &source),
            source,
            profile,
            named: Named::Application,
            host: Host::Localtel,
        }),
        (Some(last), false) => {
            sources.push(last);
            Err(several_in(&root, &sources))
        }
    }
}

fn none_in(root: &Path) -> Failure {
    let message = format!("no application has telemetry below {} yet", root.display());
    Failure::usage(message)
        .hint("name the application with --app NAME, or its directory with --dir DIR")
}

fn several_in(root: &Path, sources: &[Source]) -> Failure {
    let width = sources
        .iter()
        .map(|source| source.as_str().len())
        .max()
        .unwrap_or(0);
    let lines = sources
        .iter()
        .map(|source| {
            let overview = overview(&directory::under(root, source));
            format!("{source:width$}  {overview}")
        })
        .collect();
    let message = format!(
        "{} applications have telemetry below {}; say which one is meant",
        sources.len(),
        root.display()
    );
    let first = sources.first().map_or("NAME", Source::as_str);
    Failure::usage(message)
        .details(lines)
        .hint(format!("localtel --app {first} ..."))
}

/// Says in a clause how much is there and how recent it is.
fn overview(path: &Path) -> String {
    match facts::read(path) {
        Err(error) => error.chain(),
        Ok(segments) => {
            let bytes = facts::size(segments.iter().map(|segment| segment.bytes).sum());
            let last = segments.iter().filter_map(|segment| segment.last).max();
            last.map_or_else(
                || format!("{bytes:>10}  no records"),
                |last| format!("{bytes:>10}  last record {}", format_timestamp(last)),
            )
        }
    }
}

/// The source of a directory that was named without saying whose it is.
const UNNAMED: &str = "unnamed";

#[cfg(test)]
mod tests {
    use super::*;

    fn named(app: Option<&str>, dir: Option<&str>, profile: Option<&str>) -> PlaceArgs {
        PlaceArgs {
            app: app.map(|name| name.parse().unwrap()),
            dir: dir.map(PathBuf::from),
            profile: profile.map(|name| name.parse().unwrap()),
        }
    }

    fn home() -> (tempfile::TempDir, Environment) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap();
        let environment = Environment::made_up("localtel", &[("XDG_STATE_HOME", path)]);
        (home, environment)
    }

    #[test]
    fn what_was_typed_beats_the_environment_and_the_environment_beats_the_usual_place() {
        let variables = [("HOME", "/usr"), ("LOCALTEL_DIR", "/elsewhere")];
        let environment = Environment::made_up("localtel", &variables);
        let typed = find(&named(None, Some("/typed"), None), &environment).unwrap();
        assert_eq!(typed.path(), Path::new("/typed"));
        assert_eq!(typed.words(), "--dir /typed");
        let set = find(&named(Some("myapp"), None, Some("work")), &environment).unwrap();
        assert_eq!(set.path(), Path::new("/elsewhere/profiles/work"));
        assert_eq!(set.source.as_str(), "myapp");
        assert_eq!(set.words(), "--app myapp --profile work");
    }

    #[test]
    fn a_directory_in_its_usual_place_tells_whose_it_is() {
        let environment = Environment::made_up("localtel", &[]);
        let usual = find(&named(None, Some("/s/myapp/telemetry"), None), &environment).unwrap();
        assert_eq!(usual.source.as_str(), "myapp");
        let other = find(&named(None, Some("/s/data"), None), &environment).unwrap();
        assert_eq!(other.source.as_str(), "unnamed");
    }

    #[test]
    fn the_only_source_is_taken() {
        let (home, environment) = home();
        std::fs::create_dir_all(home.path().join("only/telemetry")).unwrap();
        let place = find(&PlaceArgs::default(), &environment).unwrap();
        assert_eq!(place.source.as_str(), "only");
        assert_eq!(place.path(), home.path().join("only/telemetry"));
    }

    #[test]
    fn several_sources_are_listed_with_what_they_hold() {
        let (home, environment) = home();
        for source in ["one", "three"] {
            std::fs::create_dir_all(home.path().join(source).join("telemetry")).unwrap();
        }
        let failure = find(&PlaceArgs::default(), &environment).unwrap_err();
        assert_eq!(failure.exit(), crate::cli::Exit::Usage);
        let text = failure.text();
        assert!(text.contains("2 applications"), "{text}");
        assert!(
            text.contains("\n  one           0 B  no records\n"),
            "{text}"
        );
        assert!(
            text.contains("\n  three         0 B  no records\n"),
            "{text}"
        );
        assert!(text.contains("\nhint: localtel --app one"), "{text}");
    }

    #[test]
    fn where_there_is_no_source_the_next_step_is_said() {
        let (_home, environment) = home();
        let text = find(&PlaceArgs::default(), &environment)
            .unwrap_err()
            .text();
        assert!(text.contains("no application has telemetry"), "{text}");
        assert!(
            text.contains("hint: name the application with --app"),
            "{text}"
        );
    }
}
