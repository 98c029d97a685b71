//! Selects the location that a command works on: its options on the command line, and the list of
//! applications if they name none. `all` selects several locations, for commands that only read,
//! and `tree` what other machines recorded. The library's `admin` defines locations.

mod all;
mod name_pattern;
mod tree;

use std::path::{Path, PathBuf};

use clap::Args;

use localtel::admin::{Environment, Location, Profile, Selection, ShellWord, Source};
use localtel::{Error, ErrorKind};

use super::failure::Failure;
use super::quantity::size;
use super::time::{Zone, moment};
pub(crate) use all::{AllLocations, LeftOut, Selected, empty_root, find_all};
pub(crate) use name_pattern::{HostPattern, NamePattern};
pub(crate) use tree::{TreeLogs, find_tree, refuse_tree, tree_at};

/// Options that select the location.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Location")]
pub(crate) struct SelectionArgs {
    /// Application, also a pattern such as `bill*` [default: all, or the only one]
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) app: Vec<NamePattern>,
    /// Telemetry directory, or a tree [default: the application's]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) dir: Option<PathBuf>,
    /// Machine in a tree, also as a pattern; may be repeated
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) host: Vec<HostPattern>,
    /// Profile, which has its own records and consent [default: default]
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<Profile>,
}

impl SelectionArgs {
    /// Returns the flags as they were typed, each with a space before it.
    pub(crate) fn typed(&self) -> String {
        let flag = |flag: &str, value: &str| format!(" {flag} {}", ShellWord(value));
        let applications = self.app.iter().map(|name| flag("--app", name.as_str()));
        let directory = self.dir.iter();
        let directory = directory.map(|path| flag("--dir", &path.display().to_string()));
        let hosts = self.host.iter().map(|name| flag("--host", name.as_str()));
        let profile = self.profile.iter();
        let profile = profile.map(|name| flag("--profile", name.as_str()));
        let flags = applications.chain(directory).chain(hosts).chain(profile);
        flags.collect()
    }

    /// Returns an error if a machine is named where there is no tree.
    pub(crate) fn check_no_host(&self) -> Result<(), Failure> {
        match self.host.first() {
            None => Ok(()),
            Some(_) => Err(
                Failure::usage("only a tree has records of several machines")
                    .hint("name the tree with --dir FLEET, or leave out --host"),
            ),
        }
    }

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
        self.names_application(location.name().map_or("", Source::as_str))
    }

    fn names_application(&self, name: &str) -> bool {
        self.app.is_empty() || self.app.iter().any(|pattern| pattern.matches(name))
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
    refuse_tree(args, environment)?;
    args.check_no_host()?;
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
mod tests;
