//! The locations that a command reads if it takes several: those below the state directory, or
//! below a directory that is named. One that cannot be read does not keep the others from being
//! read; it is left out and named.

use std::collections::BTreeSet;
use std::path::PathBuf;

use localtel::admin::{Environment, Location, Selection, Source};

use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::host::LOCALTEL;
use super::super::sanitize::Sanitized;
use super::super::screen::Screen;
use super::{NamePattern, SelectionArgs, none_in};

/// The locations that a command reads.
#[derive(Debug)]
pub(crate) enum Selected {
    /// One location, which was named.
    Named(Box<Location>),
    /// All locations that the options describe, where others may appear later.
    All(AllLocations),
}

impl Selected {
    /// Returns all of them, without the difference.
    pub(crate) fn into_all(self) -> AllLocations {
        match self {
            Self::Named(location) => AllLocations {
                list: vec![*location],
                left_out: LeftOut::default(),
            },
            Self::All(all) => all,
        }
    }
}

/// Several locations, and what is left out of them.
#[derive(Debug, Default)]
pub(crate) struct AllLocations {
    pub(crate) list: Vec<Location>,
    pub(crate) left_out: LeftOut,
}

/// What a command leaves out of all locations, since it cannot be read.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    /// The failures of locations that certainly have telemetry.
    refused: Vec<Failure>,
    /// The names of directories that this user cannot enter, which may have telemetry.
    closed: Vec<String>,
}

impl LeftOut {
    /// Adds what is left out of other locations.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.refused.append(&mut other.refused);
        self.closed.append(&mut other.closed);
    }

    /// Adds a location that cannot be read.
    pub(crate) fn refuse(&mut self, failure: Failure) {
        self.refused.push(failure);
    }

    /// Prints what is left out, once for each command.
    pub(crate) fn print(&self, screen: &mut Screen<'_>) {
        for failure in &self.refused {
            screen.print_message(format_args!("{}", failure.text(LOCALTEL).trim_end()));
        }
        if let Some(text) = self.closed_text() {
            screen.print_message(format_args!("{LOCALTEL}: {}", Sanitized(&text)));
        }
    }

    fn closed_text(&self) -> Option<String> {
        let shown: Vec<&str> = self.closed.iter().map(String::as_str).collect();
        let shown = shown.get(..CLOSED_SHOWN_MAX).unwrap_or(&shown);
        let them = match self.closed.len() {
            0 => return None,
            1 => "it",
            _ => "them",
        };
        let more = match self.closed.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = shown.join(", ");
        Some(format!(
            "left out: {names}{more}; this user cannot enter {them}"
        ))
    }

    /// Returns the exit of a command, given its exit for what it read. What may have no telemetry
    /// changes nothing.
    pub(crate) fn exit(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Done | Exit::NothingMatched if !self.refused.is_empty() => Exit::Failed,
            Exit::Done
            | Exit::NothingMatched
            | Exit::Failed
            | Exit::Usage
            | Exit::Findings
            | Exit::Code(_)
            | Exit::Signal(_) => exit,
        }
    }
}

/// Number of names that are printed.
const CLOSED_SHOWN_MAX: usize = 10;

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
    let mut all = AllLocations::default();
    for path in below {
        match Location::find(&args.of_directory(path), environment) {
            Ok(one) => all
                .list
                .extend(one.into_iter().flat_map(|one| profiles_of(one, args))),
            Err(error) => all.left_out.refuse(error.into()),
        }
    }
    let closed = location.inaccessible_below();
    let closed = closed.iter().map(|path| path.display().to_string());
    all.left_out.closed.extend(closed);
    all.list.retain(|one| args.names(one));
    if all.list.is_empty() {
        let refused = all.left_out.refused.into_iter().next();
        return Err(refused.unwrap_or_else(|| none_named(args)));
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
fn all_in_root(args: &SelectionArgs, environment: &Environment) -> Result<AllLocations, Failure> {
    let known = Location::all(environment)?;
    if known.is_empty() {
        return Err(none_in(&Location::root(environment)?, environment));
    }
    let named = known.into_iter().filter(|one| args.names(one));
    let list: Vec<Location> = named.flat_map(|one| profiles_of(one, args)).collect();
    let mut closed: BTreeSet<Source> = Location::inaccessible(environment)?.into_iter().collect();
    closed.retain(|name| args.names_application(name.as_str()));
    let found = list.iter().filter_map(Location::name);
    let found: BTreeSet<&Source> = found.chain(&closed).collect();
    let is_absent =
        |pattern: &&NamePattern| !found.iter().any(|name| pattern.matches(name.as_str()));
    if let Some(absent) = args.app.iter().find(is_absent) {
        let message = format!(
            "no application with telemetry is named `{}`",
            absent.as_str()
        );
        return Err(Failure::usage(message).hint("`localtel status` lists the applications"));
    }
    if list.is_empty() {
        return Err(none_in(&Location::root(environment)?, environment));
    }
    Ok(AllLocations {
        list,
        left_out: LeftOut {
            refused: Vec::new(),
            closed: closed.iter().map(Source::to_string).collect(),
        },
    })
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

fn none_named(args: &SelectionArgs) -> Failure {
    let names: Vec<&str> = args.app.iter().map(NamePattern::as_str).collect();
    Failure::usage(format!(
        "nothing there is telemetry of `{}`",
        names.join("`, `")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_cannot_be_entered_are_named_once() {
        let of = |closed: &[&str]| LeftOut {
            refused: Vec::new(),
            closed: closed.iter().copied().map(str::to_owned).collect(),
        };
        assert_eq!(of(&[]).closed_text(), None);
        let text = of(&["one"]).closed_text().unwrap();
        assert_eq!(text, "left out: one; this user cannot enter it");
        let text = of(&["a"; 12]).closed_text().unwrap();
        let ten = ["a"; 10].join(", ");
        assert_eq!(
            text,
            format!("left out: {ten} and 2 more; this user cannot enter them")
        );
        // They may have no telemetry.
        assert_eq!(of(&["one"]).exit(Exit::Done), Exit::Done);
    }
}
