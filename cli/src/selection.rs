//! Selects the locations that a command works on: its options on the command line, and the list of
//! applications if they name none. The library's `admin` defines locations.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use regex::Regex;

use localtel::admin::{Environment, Location, Profile, Selection, ShellWord, Source};
use localtel::{Error, ErrorKind};

use super::failure::Failure;
use super::quantity::size;
use super::time::{Zone, moment};

/// Options that select the location.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Location")]
pub(crate) struct SelectionArgs {
    /// Application; optional if only one has telemetry. Commands that read take several,
    /// also as a pattern such as `bill*`, and all if none is named
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) app: Vec<NamePattern>,
    /// Telemetry directory [default: the application's]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) dir: Option<PathBuf>,
    /// Profile, which has its own records and consent [default: default]
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<Profile>,
}

/// The name of an application, or a pattern of names.
#[derive(Debug, Clone)]
pub(crate) enum NamePattern {
    /// One name.
    Name(Source),
    /// The text and the expression of a pattern: `*` stands for any characters, `?` for one.
    Pattern(String, Regex),
}

impl FromStr for NamePattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if !text.contains(['*', '?']) {
            return text.parse().map(Self::Name);
        }
        let expression = regex::escape(text).replace(r"\*", ".*").replace(r"\?", ".");
        let expression = Regex::new(&format!("^{expression}$"));
        let expression =
            expression.map_err(|error| Error::invalid("pattern", error.to_string()))?;
        Ok(Self::Pattern(text.to_owned(), expression))
    }
}

impl NamePattern {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(source) => source.as_str() == name,
            Self::Pattern(_, expression) => expression.is_match(name),
        }
    }

    /// Returns the name or the pattern as it was typed.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Name(source) => source.as_str(),
            Self::Pattern(text, _) => text,
        }
    }
}

impl SelectionArgs {
    /// Returns the selection of one location.
    ///
    /// # Errors
    ///
    /// Returns an error if several applications may be named.
    fn of_one(&self) -> Result<Selection, Failure> {
        let application = match self.app.as_slice() {
            [] => None,
            [NamePattern::Name(source)] => Some(source.clone()),
            [NamePattern::Pattern(..)] | [_, _, ..] => {
                return Err(Failure::usage("this command works on one application")
                    .hint("name one with --app NAME; `localtel status` lists them"));
            }
        };
        Ok(Selection {
            application,
            directory: self.dir.clone(),
            profile: self.profile.clone(),
        })
    }

    /// Returns the selection of a directory instead of the one that is named.
    fn of_directory(&self, directory: PathBuf) -> Selection {
        Selection {
            application: None,
            directory: Some(directory),
            profile: self.profile.clone(),
        }
    }

    fn names(&self, location: &Location) -> bool {
        let name = location.name().map_or("", Source::as_str);
        self.app.is_empty() || self.app.iter().any(|pattern| pattern.matches(name))
    }
}

/// The locations that a command reads.
#[derive(Debug)]
pub(crate) enum Selected {
    /// One location, which was named.
    Named(Box<Location>),
    /// All locations that the options describe, where others may appear later.
    All(Vec<Location>),
}

/// Finds the locations that a command reads: the one that is named or, without a name, all.
///
/// # Errors
///
/// Returns an error if there are none, or if a directory belongs to another application or profile
/// than the options name.
pub(crate) fn find_all(
    args: &SelectionArgs,
    environment: &Environment,
) -> Result<Selected, Failure> {
    let is_one_name = matches!(args.app.as_slice(), [NamePattern::Name(_)]);
    let has_directory = args.dir.is_some() || environment.localtel_dir().is_some();
    if !has_directory && !is_one_name {
        return all_in_root(args, environment).map(Selected::All);
    }
    let selection = match args.of_one() {
        Ok(selection) => selection,
        Err(_) => Selection {
            directory: args.dir.clone(),
            ..Selection::default()
        },
    };
    let Some(location) = Location::find(&selection, environment)? else {
        return all_in_root(args, environment).map(Selected::All);
    };
    let below = location.telemetry_below();
    if below.is_empty() {
        return if args.app.len() > 1 {
            Err(args.of_one().err().unwrap_or_else(|| none_named(args)))
        } else {
            Ok(Selected::Named(Box::new(location)))
        };
    }
    let mut all = Vec::new();
    for path in below {
        if let Some(one) = Location::find(&args.of_directory(path), environment)? {
            all.extend(profiles_of(one, args));
        }
    }
    all.retain(|one| args.names(one));
    if all.is_empty() {
        return Err(none_named(args));
    }
    Ok(Selected::All(all))
}

/// Returns the state directory if applications are searched for in it, and none has telemetry.
pub(crate) fn empty_root(args: &SelectionArgs, environment: &Environment) -> Option<PathBuf> {
    let has_directory = args.dir.is_some() || environment.localtel_dir().is_some();
    let is_empty = Location::all(environment).ok()?.is_empty()
        && Location::inaccessible(environment).ok()?.is_empty();
    let root = Location::root(environment).ok()?;
    (!has_directory && is_empty).then_some(root)
}

/// Finds the locations below the state directory that the options describe.
fn all_in_root(args: &SelectionArgs, environment: &Environment) -> Result<Vec<Location>, Failure> {
    let known = Location::all(environment)?;
    if known.is_empty() {
        return Err(none_in(&Location::root(environment)?, environment));
    }
    let named = known.into_iter().filter(|one| args.names(one));
    let all: Vec<Location> = named.flat_map(|one| profiles_of(one, args)).collect();
    let found: BTreeSet<&str> = all
        .iter()
        .filter_map(Location::name)
        .map(Source::as_str)
        .collect();
    let is_absent = |pattern: &&NamePattern| !found.iter().any(|name| pattern.matches(name));
    if let Some(absent) = args.app.iter().find(is_absent) {
        let message = format!(
            "no application with telemetry is named `{}`",
            absent.as_str()
        );
        return Err(Failure::usage(message).hint("`localtel status` lists the applications"));
    }
    Ok(all)
}

/// Returns the profiles of a location that the options describe: the one that is named, or all.
fn profiles_of(location: Location, args: &SelectionArgs) -> Vec<Location> {
    match &args.profile {
        Some(profile) => vec![location.with_profile(profile.clone())],
        None => match location.profiles() {
            Ok(profiles) if !profiles.is_empty() => profiles,
            Ok(_) | Err(_) => vec![location],
        },
    }
}

/// Returns the name of a location in lists: its application and, where it is not the default one,
/// its profile.
pub(crate) fn name_of(location: &Location) -> String {
    match location.name() {
        Some(name) if location.profile().is_default() => name.to_string(),
        Some(name) => format!("{name}/{}", location.profile()),
        None => location.path().display().to_string(),
    }
}

fn none_named(args: &SelectionArgs) -> Failure {
    let names: Vec<&str> = args.app.iter().map(NamePattern::as_str).collect();
    Failure::usage(format!(
        "nothing there is telemetry of `{}`",
        names.join("`, `")
    ))
}

/// Finds the selected location. Without a name or a directory it is the only application with
/// telemetry. Messages have times in that zone.
///
/// # Errors
///
/// Returns an error if the location is ambiguous, or if its directory belongs to another
/// application or profile than the options name.
pub(crate) fn find(
    args: &SelectionArgs,
    environment: &Environment,
    zone: Zone,
) -> Result<Location, Failure> {
    let selection = args.of_one()?;
    let Some(location) = Location::find(&selection, environment)? else {
        return find_only(args, environment, zone);
    };
    let below = location.telemetry_below();
    let Some(first) = below.first() else {
        return Ok(location);
    };
    let message = format!("{} is not a telemetry directory", location.base().display());
    let lines = below.iter().map(|path| path.display().to_string());
    let more = below.len().saturating_sub(BELOW_SHOWN_MAX);
    let more = (more > 0).then(|| format!("and {more} more"));
    Err(Failure::usage(format!("{message}; below it:"))
        .details(lines.take(BELOW_SHOWN_MAX).chain(more).collect())
        .hint(format!(
            "name it with --dir {}",
            ShellWord(&first.display().to_string())
        )))
}

/// Adds the next step if the application of a location is not certain.
pub(crate) fn unnamed(error: Error, location: &Location) -> Failure {
    let name = location.name().map_or("NAME", Source::as_str);
    if let ErrorKind::Invalid { reason, .. } = error.kind() {
        return Failure::usage(reason.clone()).hint(format!("name it with --app {name}"));
    }
    Failure::from(error)
}

/// Finds the only application that has telemetry below the state directory.
fn find_only(
    args: &SelectionArgs,
    environment: &Environment,
    zone: Zone,
) -> Result<Location, Failure> {
    let root = Location::root(environment)?;
    let profile = args.profile.clone().unwrap_or_default();
    let all = Location::all(environment)?;
    match all.as_slice() {
        [] => Err(none_in(&root, environment)),
        [only] => {
            let location = only.with_profile(profile);
            location.check()?;
            Ok(location)
        }
        [..] => Err(several_in(&root, &all, profile, zone)),
    }
}

fn none_in(root: &Path, environment: &Environment) -> Failure {
    let inaccessible = Location::inaccessible(environment).unwrap_or_default();
    let Some(first) = inaccessible.first() else {
        let message = format!("no application has telemetry below {} yet", root.display());
        return Failure::usage(message)
            .hint("name the application with --app NAME, or its directory with --dir DIR");
    };
    let message = format!(
        "no application has telemetry below {} that this user can see",
        root.display()
    );
    let lines = inaccessible
        .iter()
        .map(|source| format!("{source}  cannot be accessed"));
    Failure::usage(message)
        .details(lines.collect())
        .hint(format!("`localtel --app {first} doctor` shows its owner"))
}

fn several_in(root: &Path, all: &[Location], profile: Profile, zone: Zone) -> Failure {
    let names: Vec<String> = all.iter().map(Location::to_string).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let lines = names.iter().zip(all).map(|(name, location)| {
        let overview = overview(location, zone);
        format!("{name:width$}  {overview}")
    });
    let message = format!(
        "{} applications have telemetry below {}; select one",
        all.len(),
        root.display()
    );
    let failure = Failure::usage(message).details(lines.collect());
    match all.first() {
        Some(first) => failure.hint(first.with_profile(profile).command("...")),
        None => failure,
    }
}

/// Number of directories that are listed.
const BELOW_SHOWN_MAX: usize = 10;

/// Returns the size and the age of the records in a clause.
fn overview(location: &Location, zone: Zone) -> String {
    match location.segments() {
        Err(error) => error.chain(),
        Ok(segments) => {
            let bytes = size(segments.iter().map(|segment| segment.bytes).sum());
            let last = segments.iter().filter_map(|segment| segment.last).max();
            last.map_or_else(
                || format!("{bytes:>10}  no records"),
                |last| format!("{bytes:>10}  last record {}", zone.text(moment(last))),
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
    use localtel::admin::KnownApplication;

    use super::*;

    /// Finds a location, with times in UTC.
    fn find(args: &SelectionArgs, environment: &Environment) -> Result<Location, Failure> {
        super::find(args, environment, Zone::UTC)
    }

    fn named(app: Option<&str>, dir: Option<&str>, profile: Option<&str>) -> SelectionArgs {
        SelectionArgs {
            app: app.map(|name| name.parse().unwrap()).into_iter().collect(),
            dir: dir.map(PathBuf::from),
            profile: profile.map(|name| name.parse().unwrap()),
        }
    }

    fn home() -> (tempfile::TempDir, Environment) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap();
        let environment = Environment::for_test("localtel", &[("XDG_STATE_HOME", path)]);
        (home, environment)
    }

    #[test]
    fn arguments_beat_the_environment_and_it_beats_defaults() {
        let variables = [("HOME", "/usr"), ("LOCALTEL_DIR", "/elsewhere")];
        let environment = Environment::for_test("localtel", &variables);
        let typed = find(&named(None, Some("/typed"), None), &environment).unwrap();
        assert_eq!(typed.path(), Path::new("/typed"));
        assert_eq!(typed.command("show"), "localtel --dir /typed show");
        let set = find(&named(Some("myapp"), None, Some("work")), &environment).unwrap();
        assert_eq!(set.path(), Path::new("/elsewhere/profiles/work"));
        assert_eq!(set.to_string(), "myapp");
        assert_eq!(
            set.command("show"),
            "localtel --app myapp --profile work show"
        );
    }

    #[test]
    fn a_usual_path_gives_an_application_name_for_display_only() {
        let environment = Environment::for_test("localtel", &[("XDG_STATE_HOME", "/s")]);
        let find = |dir| find(&named(None, Some(dir), None), &environment).unwrap();
        let usual = find("/s/myapp/telemetry");
        assert_eq!(
            usual.application(),
            &KnownApplication::Likely("myapp".parse().unwrap())
        );
        assert_eq!(usual.to_string(), "myapp");
        let refused = unnamed(usual.certain_application().unwrap_err(), &usual);
        assert_eq!(refused.exit(), crate::Exit::Usage);
        assert!(
            refused.text("localtel").contains("--app myapp"),
            "{}",
            refused.text("localtel")
        );
        for other in ["/s/data", "/elsewhere/myapp/telemetry"] {
            let location = find(other);
            assert_eq!(
                location.application(),
                &KnownApplication::Unknown,
                "{other}"
            );
            assert_eq!(location.name(), None, "{other}");
            let text =
                unnamed(location.certain_application().unwrap_err(), &location).text("localtel");
            assert!(text.contains("--app NAME"), "{text}");
        }
    }

    /// Creates a directory whose consent file names its owner.
    fn of(source: &str, profile: &str, path: &Path) {
        let text = format!(r#"{{"format":1,"source":"{source}","profile":"{profile}"}}"#);
        std::fs::create_dir_all(path).unwrap();
        std::fs::write(path.join("consent.json"), text).unwrap();
        std::fs::write(path.join("lock"), "").unwrap();
    }

    #[test]
    fn a_directory_of_another_application_is_refused() {
        let (home, environment) = home();
        let path = home.path().join("two/telemetry");
        let dir = path.to_str();
        of("one", "default", &path);
        let found = find(&named(None, dir, None), &environment).unwrap();
        assert_eq!(
            found.application(),
            &KnownApplication::Certain("one".parse().unwrap())
        );
        assert!(find(&named(Some("one"), dir, None), &environment).is_ok());
        let only = find(&named(None, None, None), &environment).unwrap();
        assert_eq!(only.to_string(), "one");
        assert!(
            only.command("show").contains("--dir "),
            "{}",
            only.command("show")
        );
        let refused: [(Option<&str>, Option<&str>, Option<&str>); 4] = [
            (Some("two"), dir, None),
            (Some("two"), None, None),
            (Some("One"), dir, None),
            (Some("two"), dir, Some("work")),
        ];
        for (app, dir, profile) in refused {
            let text = find(&named(app, dir, profile), &environment)
                .unwrap_err()
                .text("localtel");
            let wanted = format!("`{}`", app.unwrap());
            assert!(text.contains("`one`") && text.contains(&wanted), "{text}");
            assert!(text.contains("\nhint: "), "{text}");
        }
    }

    #[test]
    fn a_directory_of_a_profile_is_not_the_default_profile() {
        let (home, environment) = home();
        let base = home.path().join("data");
        let work = base.join("profiles/work");
        of("one", "default", &base);
        of("one", "work", &work);
        let new = base.join("profiles/new");
        for (path, profile) in [(&work, "work"), (&new, "new")] {
            for app in [None, Some("one")] {
                let found = find(&named(app, path.to_str(), None), &environment).unwrap();
                assert_eq!(found.profile().as_str(), profile);
                assert_eq!(&found.path(), path);
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
        let location = find(&SelectionArgs::default(), &environment).unwrap();
        assert_eq!(location.to_string(), "only");
        assert_eq!(location.path(), home.path().join("only/telemetry"));
    }

    #[test]
    fn several_sources_are_listed_with_their_records() {
        let (home, environment) = home();
        for source in ["one", "three"] {
            std::fs::create_dir_all(home.path().join(source).join("telemetry")).unwrap();
        }
        let failure = find(&SelectionArgs::default(), &environment).unwrap_err();
        assert_eq!(failure.exit(), crate::Exit::Usage);
        let text = failure.text("localtel");
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
    fn the_list_of_applications_has_times_in_the_zone() {
        let (home, environment) = home();
        let line = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":0}"#;
        for source in ["one", "two"] {
            let path = home.path().join(source).join("telemetry");
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("events.000001.jsonl"), format!("{line}\n")).unwrap();
        }
        let zone = "+02:00".parse().unwrap();
        let failure = super::find(&SelectionArgs::default(), &environment, zone).unwrap_err();
        let text = failure.text("localtel");
        let last = "last record 2026-11-21T10:15:30.123456+02:00";
        assert!(text.contains(last), "{text}");
    }

    #[test]
    fn without_a_source_there_is_a_next_step() {
        let (_home, environment) = home();
        let text = find(&SelectionArgs::default(), &environment)
            .unwrap_err()
            .text("localtel");
        assert!(text.contains("no application has telemetry"), "{text}");
        assert!(
            text.contains("hint: name the application with --app"),
            "{text}"
        );
    }
}
