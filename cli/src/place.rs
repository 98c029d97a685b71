//! Which telemetry a command works on: the source, the profile and the directory that follow from what
//! was typed and from the environment, or the list of sources to choose from.

use std::path::{Path, PathBuf};

use clap::Args;
use time::OffsetDateTime;

use super::facts;
use super::failure::Failure;
use super::host::Host;
use localtel::internal::consent::{
    ApplicationProfile, Decision, Inputs, KnownLocation, StoredConsent, WhenUndecided, decide,
};
use localtel::internal::directory::{self, Platform, Profile, Source};
use localtel::internal::environment::Environment;
use localtel::internal::policy::owner::OwnerFile;
use localtel::internal::record::format_timestamp;
use localtel::internal::store::disk::{Access, Directory};
use localtel::internal::store::open_error;

/// Which telemetry is meant.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which telemetry")]
pub(crate) struct PlaceArgs {
    /// The application whose telemetry it is; needless if only one has any
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) app: Option<Source>,
    /// The directory, wherever it lies [default: that of the application]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) dir: Option<PathBuf>,
    /// One of several sets of telemetry, each with its own consent [default: default]
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<Profile>,
}

/// The telemetry that a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose it is.
    pub(crate) whose: Whose,
    /// Which of the application's sets it is.
    pub(crate) profile: Profile,
    /// The directory of the default profile.
    pub(crate) base: PathBuf,
    /// How it was named.
    pub(crate) named: NamedBy,
    /// Who works on it.
    pub(crate) host: Host,
}

/// Whose telemetry it is, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It was named, or the directory says so.
    Known(Source),
    /// The directory does not say so, and lies where this application has it: enough to show, and not to write.
    Likely(Source),
    /// Nothing says so.
    Unknown,
}

/// How a place was named, and is to be named to another command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
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

    /// Returns whose telemetry it is, as far as that can be shown.
    pub(crate) fn name(&self) -> Option<&Source> {
        match &self.whose {
            Whose::Known(source) | Whose::Likely(source) => Some(source),
            Whose::Unknown => None,
        }
    }

    /// Returns the application's name as messages say it.
    pub(crate) fn called(&self) -> &str {
        self.name().map_or("an unknown application", Source::as_str)
    }

    /// Returns the application and profile, if it is certain which they are.
    pub(crate) fn known_location(&self) -> Option<ApplicationProfile> {
        match &self.whose {
            Whose::Known(source) => Some(ApplicationProfile {
                source: source.clone(),
                profile: self.profile.clone(),
            }),
            Whose::Likely(_) | Whose::Unknown => None,
        }
    }

    /// Returns the application and profile, for a command that writes under their names.
    ///
    /// # Errors
    ///
    /// Returns an error if neither the person nor the directory says which application it is.
    pub(crate) fn location(&self) -> Result<ApplicationProfile, Failure> {
        if let Some(location) = self.known_location() {
            return Ok(location);
        }
        let path = self.path();
        match Directory::open(&path, Access::Read) {
            // What cannot be opened says nothing, and that comes first.
            Err(error) if !error.is_not_found() => Err(open_error(&path, error).into()),
            Ok(_) | Err(_) => {
                let name = self.name().map_or("NAME", Source::as_str);
                let message = format!(
                    "{} does not say which application it belongs to",
                    path.display()
                );
                Err(Failure::usage(message).hint(format!("name it with --app {name}")))
            }
        }
    }

    /// Checks that the directories do not belong to another application or profile.
    ///
    /// # Errors
    ///
    /// Returns an error that names both.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let default = Profile::default();
        let claim = KnownLocation::at(&self.base);
        self.check_claim(&claim, &self.base, &default)?;
        // It decides for this application, too.
        let for_all = StoredConsent::read_for_all_at(&self.base).claim();
        self.check_claim(&for_all, &self.base, &default)?;
        if !self.profile.is_default() {
            let path = self.path();
            self.check_claim(&KnownLocation::at(&path), &path, &self.profile)?;
        }
        Ok(())
    }

    fn check_claim(
        &self,
        claim: &KnownLocation,
        path: &Path,
        profile: &Profile,
    ) -> Result<(), Failure> {
        let known = match &self.whose {
            Whose::Known(source) => Some(source),
            Whose::Likely(_) | Whose::Unknown => None,
        };
        if claim.admits(known, profile) {
            return Ok(());
        }
        let wanted = match known {
            Some(source) => format!("`{source}` (profile {profile})"),
            None => format!("the profile {profile}"),
        };
        let failure = Failure::from(claim.refusal(path, wanted));
        Err(
            match (&self.host, &claim.profile, directory::enclosing(path)) {
                (Host::Application(_), _, _) => {
                    failure.hint("set LOCALTEL_DIR to a directory of its own, or unset it")
                }
                (Host::Localtel, Some(own), Some((base, by_path))) if *own == by_path => {
                    let base = base.display();
                    failure.hint(format!("name it with --dir {base} --profile {own}"))
                }
                (Host::Localtel, Some(_) | None, _) => failure,
            },
        )
    }

    /// Decides as the application would. From outside of it its flag is unknown, and what it does when
    /// undecided is known only where it waits for a grace, which is then stored with its first use.
    pub(crate) fn decide(
        &self,
        environment: &Environment,
        stored: &StoredConsent,
        now: OffsetDateTime,
    ) -> Decision {
        let do_not_track = environment.do_not_track();
        let variable = self.name().and_then(|source| environment.telemetry(source));
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
            stored_for_all: &StoredConsent::read_for_all_at(&self.base),
            when_undecided: match &self.host {
                Host::Localtel => outside.unwrap_or_default(),
                Host::Application(_) => self.host.when_undecided(),
            },
            policy_problem: owner.problem(),
            // Such a place is not found.
            foreign: None,
        };
        decide(&inputs, now)
    }

    /// Returns the places of all profiles of this application that have a directory, the default one first. A
    /// directory among them that belongs to another application or profile is none.
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
        let places = profiles.into_iter().map(place);
        Ok(places.filter(|place| place.check().is_ok()).collect())
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
        let place = match (self.named, &self.whose) {
            (NamedBy::Application, Whose::Known(source)) => format!("--app {source}"),
            (NamedBy::Directory, _) | (NamedBy::Application, Whose::Likely(_) | Whose::Unknown) => {
                format!("--dir {}", self.base.display())
            }
        };
        if self.profile.is_default() {
            place
        } else {
            format!("{place} --profile {}", self.profile)
        }
    }
}

/// Finds the place that is meant. Without a name or a directory it is the only source there is.
///
/// # Errors
///
/// Returns an error if nothing says which place is meant, or if its directory belongs to another application or
/// profile than was named.
pub(crate) fn find(args: &PlaceArgs, environment: &Environment) -> Result<Place, Failure> {
    let (base, named) = match (&args.dir, environment.localtel_dir(), &args.app) {
        (Some(base), _, _) => (base.clone(), NamedBy::Directory),
        (None, Some(base), _) => (base, NamedBy::Application),
        (None, None, Some(source)) => {
            let base = directory::base(environment, Platform::THIS, source)?;
            (base, NamedBy::Application)
        }
        (None, None, None) => return find_only(args, environment),
    };
    let mut place = Place {
        whose: match &args.app {
            Some(source) => Whose::Known(source.clone()),
            None => Whose::Unknown,
        },
        profile: args.profile.clone().unwrap_or_default(),
        base,
        named,
        host: Host::Localtel,
    };
    if args.app.is_none() {
        place.whose = whose(&place, environment);
    }
    place.check()?;
    Ok(place)
}

/// Learns from the directory whose it is, or from where it lies.
fn whose(place: &Place, environment: &Environment) -> Whose {
    let said = [&place.base, &place.path()]
        .into_iter()
        .find_map(|path| KnownLocation::at(path).source);
    if let Some(source) = said {
        return Whose::Known(source);
    }
    let root = directory::state_root(environment, Platform::THIS).ok();
    let usual = root.and_then(|root| directory::source_of(&root, &place.base));
    usual.map_or(Whose::Unknown, Whose::Likely)
}

/// Finds the only application that has telemetry below the state directory.
fn find_only(args: &PlaceArgs, environment: &Environment) -> Result<Place, Failure> {
    let root = directory::state_root(environment, Platform::THIS)?;
    let mut sources = directory::sources(&root)?;
    let source = match (sources.pop(), sources.is_empty()) {
        (None, _) => return Err(none_in(&root)),
        (Some(source), true) => source,
        (Some(last), false) => {
            sources.push(last);
            return Err(several_in(&root, &sources));
        }
    };
    let base = directory::under(&root, &source);
    // A copy of another application's directory stays that application's.
    let (source, named) = match KnownLocation::at(&base).source {
        Some(own) if own != source => (own, NamedBy::Directory),
        Some(_) | None => (source, NamedBy::Application),
    };
    let place = Place {
        whose: Whose::Known(source),
        profile: args.profile.clone().unwrap_or_default(),
        base,
        named,
        host: Host::Localtel,
    };
    place.check()?;
    Ok(place)
}

fn none_in(root: &Path) -> Failure {
    let closed = directory::closed_sources(root);
    if let Some(first) = closed.first() {
        let message = format!(
            "no application has telemetry below {} that this user can see",
            root.display()
        );
        let details = closed
            .iter()
            .map(|source| format!("{source}  cannot be entered"))
            .collect();
        return Failure::usage(message)
            .details(details)
            .hint(format!("`localtel --app {first} doctor` says whose it is"));
    }
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

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests make directories as others leave them"
)]
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
    fn arguments_beat_the_environment_and_it_beats_defaults() {
        let variables = [("HOME", "/usr"), ("LOCALTEL_DIR", "/elsewhere")];
        let environment = Environment::made_up("localtel", &variables);
        let typed = find(&named(None, Some("/typed"), None), &environment).unwrap();
        assert_eq!(typed.path(), Path::new("/typed"));
        assert_eq!(typed.words(), "--dir /typed");
        let set = find(&named(Some("myapp"), None, Some("work")), &environment).unwrap();
        assert_eq!(set.path(), Path::new("/elsewhere/profiles/work"));
        assert_eq!(set.called(), "myapp");
        assert_eq!(set.words(), "--app myapp --profile work");
    }

    #[test]
    fn a_usual_path_gives_an_application_name_for_display_only() {
        let environment = Environment::made_up("localtel", &[("XDG_STATE_HOME", "/s")]);
        let find = |dir| find(&named(None, Some(dir), None), &environment).unwrap();
        let usual = find("/s/myapp/telemetry");
        assert_eq!(usual.whose, Whose::Likely("myapp".parse().unwrap()));
        assert_eq!(usual.called(), "myapp");
        let refused = usual.location().unwrap_err();
        assert_eq!(refused.exit(), crate::Exit::Usage);
        assert!(refused.text().contains("--app myapp"), "{}", refused.text());
        for other in ["/s/data", "/elsewhere/myapp/telemetry"] {
            let place = find(other);
            assert_eq!(place.whose, Whose::Unknown, "{other}");
            assert_eq!(place.name(), None, "{other}");
            let text = place.location().unwrap_err().text();
            assert!(text.contains("--app NAME"), "{text}");
        }
    }

    /// A directory whose files of consent say whose it is.
    fn of(source: &str, profile: &str, path: &Path) {
        let text = format!(r#"{{"format":1,"source":"{source}","profile":"{profile}"}}"#);
        std::fs::create_dir_all(path).unwrap();
        std::fs::write(path.join("consent.json"), text).unwrap();
        std::fs::write(path.join("lock"), "").unwrap();
    }

    #[test]
    fn the_directory_says_whose_it_is_and_is_refused_for_others() {
        let (home, environment) = home();
        let path = home.path().join("two/telemetry");
        let dir = path.to_str();
        of("one", "default", &path);
        let found = find(&named(None, dir, None), &environment).unwrap();
        assert_eq!(found.whose, Whose::Known("one".parse().unwrap()));
        assert!(find(&named(Some("one"), dir, None), &environment).is_ok());
        let only = find(&named(None, None, None), &environment).unwrap();
        assert_eq!((only.called(), only.named), ("one", NamedBy::Directory));
        let refused: [(Option<&str>, Option<&str>, Option<&str>); 4] = [
            (Some("two"), dir, None),
            (Some("two"), None, None),
            (Some("One"), dir, None),
            (Some("two"), dir, Some("work")),
        ];
        for (app, dir, profile) in refused {
            let text = find(&named(app, dir, profile), &environment)
                .unwrap_err()
                .text();
            let wanted = format!("`{}`", app.unwrap());
            assert!(text.contains("`one`") && text.contains(&wanted), "{text}");
            assert!(text.contains("\nhint: "), "{text}");
        }
    }

    #[test]
    fn a_profiles_directory_is_not_the_default_profiles() {
        let (home, environment) = home();
        let base = home.path().join("data");
        let work = base.join("profiles/work");
        of("one", "default", &base);
        of("one", "work", &work);
        let new = base.join("profiles/new");
        for path in [&work, &new] {
            for app in [None, Some("one")] {
                let text = find(&named(app, path.to_str(), None), &environment)
                    .unwrap_err()
                    .text();
                let hint = format!("--dir {} --profile ", base.display());
                assert!(text.contains(&hint), "{text}");
            }
        }
        let found = find(&named(None, base.to_str(), Some("work")), &environment);
        assert_eq!(found.unwrap().path(), work);
        let copy = base.join("profiles/copy");
        of("one", "work", &copy);
        assert!(find(&named(None, base.to_str(), Some("copy")), &environment).is_err());
    }

    #[test]
    fn the_only_source_is_taken() {
        let (home, environment) = home();
        std::fs::create_dir_all(home.path().join("only/telemetry")).unwrap();
        let place = find(&PlaceArgs::default(), &environment).unwrap();
        assert_eq!(place.called(), "only");
        assert_eq!(place.path(), home.path().join("only/telemetry"));
    }

    #[test]
    fn several_sources_are_listed_with_what_they_hold() {
        let (home, environment) = home();
        for source in ["one", "three"] {
            std::fs::create_dir_all(home.path().join(source).join("telemetry")).unwrap();
        }
        let failure = find(&PlaceArgs::default(), &environment).unwrap_err();
        assert_eq!(failure.exit(), crate::Exit::Usage);
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
