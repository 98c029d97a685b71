//! Data that belongs to another user than the one who runs the command: the command line to run as
//! that user, and the findings of `doctor` after a change of user.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::finding::{Finding, FindingKind, first_of};
use super::{Location, ShellWord, Source};
use crate::store::disk::{Access, Directory, OpenError};
use crate::store::elsewhere;
use crate::store::segment::FileName;

impl Location {
    /// Returns the command line that runs a command as a user, given the words after the selection
    /// of the location.
    pub fn command_as(&self, user: u32, words: &str) -> String {
        let base = self.base().display().to_string();
        let base = ShellWord(&base);
        match self.command_name() {
            None => {
                let profile = if self.profile().is_default() {
                    String::new()
                } else {
                    format!(" --profile {}", self.profile())
                };
                format!("sudo -u '#{user}' localtel --dir {base}{profile} {words}")
            }
            Some(called) => format!("sudo -u '#{user}' env LOCALTEL_DIR={base} {called} {words}"),
        }
    }

    /// Returns the next step after a failure because the data belongs to another user, given the
    /// command line for its owner.
    pub fn step_for_owner(&self, owner: u32, command: &str) -> String {
        let doctor = self.command("doctor");
        let path = self.path();
        let user = elsewhere::effective_user();
        if elsewhere::nearest_visible(&path) == Some((&path, user)) {
            // Only a file in it belongs to another user.
            let path = path.display().to_string();
            return format!(
                "as root: `chown -R {user} {}`; `{doctor}` names the files of others in it",
                ShellWord(&path)
            );
        }
        let inside = inside_service(owner, &path, command);
        format!(
            "`{command}` does it as that user{inside}; if the application now runs as another user, `{doctor}` shows the next step"
        )
    }

    /// Returns the next step if something here belongs to another user than expected; nothing if
    /// nothing does.
    pub fn step_for_other_owner(&self) -> Option<String> {
        let path = self.path();
        let owned = match Directory::open(&path, Access::Read) {
            Ok(directory) => find(&directory, self).into_iter().next(),
            Err(error) => of_opening(&error, &path, self),
        };
        Some(owned?.next)
    }
}

/// Returns the owner of the obstacle on a path, if that is another user than the one who runs this.
pub fn other_owner_of(path: &Path) -> Option<u32> {
    let (_, owner) = elsewhere::nearest_visible(path)?;
    (owner != elsewhere::effective_user()).then_some(owner)
}

/// Returns how a command line for the owner reaches a directory that this user can enter only
/// inside a service: below `/var/lib/private` each service sees its own directory only.
fn inside_service(owner: u32, path: &Path, command: &str) -> String {
    let words = command.strip_prefix(&format!("sudo -u '#{owner}' "));
    match (elsewhere::closed_to(owner, path), words) {
        (Some(closed), Some(words)) => format!(
            " (that user cannot enter {}; inside a service with DynamicUser= it is `nsenter -t PID -m -S {owner} -G {owner} \
             {words}`)",
            closed.display()
        ),
        (None, _) | (_, None) => String::new(),
    }
}

/// Finds a directory or files in it that belong to another user than expected: the directory to the
/// one who runs this, the files to the owner of the directory.
pub(super) fn find(directory: &Directory, location: &Location) -> Vec<Finding> {
    let owner = directory.owner();
    let path = directory.path();
    let mut found = Vec::new();
    if owner != elsewhere::effective_user() {
        found.push(of_other(path, path, owner, location));
    }
    let mut files: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for name in directory.names().unwrap_or_default() {
        let Some((name, kind)) = name
            .to_str()
            .and_then(|name| Some((name, name.parse().ok()?)))
        else {
            continue;
        };
        let Ok(user) = directory.facts(name).map(|facts| facts.owner()) else {
            continue;
        };
        // An administrator may have written them for the owner.
        let is_of_people = matches!(kind, FileName::Policy | FileName::Release);
        if user != owner && !(is_of_people && user == ROOT) {
            files.entry(user).or_default().push(name.to_owned());
        }
    }
    found.extend(
        files
            .into_iter()
            .map(|(user, names)| of_files(path, owner, user, names)),
    );
    found
}

fn of_files(path: &Path, owner: u32, user: u32, mut names: Vec<String>) -> Finding {
    names.sort();
    let named = first_of(&names, "more file");
    let path = path.display().to_string();
    Finding::new(
        FindingKind::Owner,
        format!(
            "in {path}, which belongs to uid {owner}, other files belong to uid {user}: {named}"
        ),
        format!("as root: `chown -R {owner} {}`", ShellWord(&path)),
    )
}

/// Returns the finding for a directory that could not be opened because of its owner.
pub(super) fn of_opening(error: &OpenError, path: &Path, location: &Location) -> Option<Finding> {
    match error {
        OpenError::OtherUser { at, owner, .. } => Some(of_other(at, path, *owner, location)),
        OpenError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let (at, owner) = elsewhere::nearest_visible(path)?;
            (owner != elsewhere::effective_user()).then(|| of_other(at, path, owner, location))
        }
        OpenError::Io(_) | OpenError::Unfit(_) => None,
    }
}

/// Returns the finding for a path, on the way to a telemetry directory, that belongs to another
/// user.
fn of_other(at: &Path, path: &Path, owner: u32, location: &Location) -> Finding {
    let user = elsewhere::effective_user();
    let command = location.command_as(owner, "doctor");
    let at_shown = at.display().to_string();
    let is_ours = at == path
        || Some(at)
            == path
                .parent()
                .filter(|parent| is_named_after(parent, location));
    let mut next = format!(
        "`{command}` checks as that user{}",
        inside_service(owner, path, &command)
    );
    if is_ours {
        let give = format!(
            "; if the application now runs as uid {user}, as root: `chown -R {user} {}`",
            ShellWord(&at_shown)
        );
        next.push_str(&give);
    }
    Finding::new(
        FindingKind::Owner,
        format!("{at_shown} belongs to another user (uid {owner}), and this is uid {user}"),
        next,
    )
}

/// Returns `true` if a directory is the usual place of an application below a state directory.
fn is_named_after(directory: &Path, location: &Location) -> bool {
    let name = location.name().map(Source::as_str);
    directory
        .file_name()
        .is_some_and(|own| own.to_str() == name)
}

const ROOT: u32 = 0;
