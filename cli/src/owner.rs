//! What belongs to another user than the one who runs the command: the command line that does the same as that user,
//! and what `doctor` says after a change of user.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use super::facts::count;
use super::host::Host;
use super::place::Place;
use localtel::internal::directory::Source;
use localtel::internal::store::disk::{Access, Directory, OpenError};
use localtel::internal::store::elsewhere;
use localtel::internal::store::segment::FileName;

/// Something that belongs to another user, and what to do about it.
#[derive(Debug)]
pub(super) struct OwnedByOther {
    pub(super) what: String,
    pub(super) next: String,
}

/// Returns the command line that has the owner do something with a place, given the words behind those that name it.
pub(super) fn command_as(owner: u32, place: &Place, words: &str) -> String {
    let base = place.base.display().to_string();
    let base = ShellWord(&base);
    let called = place.host.called();
    match &place.host {
        Host::Localtel => {
            let profile = if place.profile.is_default() {
                String::new()
            } else {
                format!(" --profile {}", place.profile)
            };
            format!("sudo -u '#{owner}' {called} --dir {base}{profile} {words}")
        }
        Host::Application(_) => {
            format!("sudo -u '#{owner}' env LOCALTEL_DIR={base} {called} {words}")
        }
    }
}

/// Says what to do where a command failed because the data is another user's, given the command line for its owner.
pub(super) fn hint(owner: u32, place: &Place, command: &str) -> String {
    let doctor = place.command("doctor");
    let path = place.path();
    let user = elsewhere::effective_user();
    if elsewhere::nearest_visible(&path) == Some((&path, user)) {
        // Only a file in it is another user's.
        let path = path.display().to_string();
        return format!(
            "as root: `chown -R {user} {}`; `{doctor}` names the files of others in it",
            ShellWord(&path)
        );
    }
    let inside = inside_service(owner, &path, command);
    format!(
        "`{command}` does it as that user{inside}; if the application now runs as another user, `{doctor}` says what \
         to do"
    )
}

/// Says how a command line for the owner reaches a directory that this user can enter only inside a service: below
/// `/var/lib/private` each service sees its own directory only.
fn inside_service(owner: u32, path: &Path, command: &str) -> String {
    let words = command.strip_prefix(&format!("sudo -u '#{owner}' "));
    match (elsewhere::closed_to(owner, path), words) {
        (Some(closed), Some(words)) => format!(
            " (who cannot enter {}; inside a service with DynamicUser= it is `nsenter -t PID -m -S {owner} -G {owner} \
             {words}`)",
            closed.display()
        ),
        (None, _) | (_, None) => String::new(),
    }
}

/// Says what to do about a place in which something belongs to another user than expected.
pub(super) fn advice(place: &Place) -> Option<String> {
    let path = place.path();
    let owned = match Directory::open(&path, Access::Read) {
        Ok(directory) => look(&directory, place).into_iter().next(),
        Err(error) => of_opening(&error, &path, place),
    };
    Some(owned?.next)
}

/// Says whose a directory and the files in it are, where it or one of them belongs to another user than expected: the
/// directory to the one who runs this, the files to the owner of the directory.
pub(super) fn look(directory: &Directory, place: &Place) -> Vec<OwnedByOther> {
    let owner = directory.owner();
    let path = directory.path();
    let mut found = Vec::new();
    if owner != elsewhere::effective_user() {
        found.push(of_other(path, path, owner, place));
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

fn of_files(path: &Path, owner: u32, user: u32, mut names: Vec<String>) -> OwnedByOther {
    names.sort();
    let more = names.len().saturating_sub(FILES_NAMED_MAX);
    names.truncate(FILES_NAMED_MAX);
    let and_more = if more > 0 {
        format!(" and {}", count(more as u64, "more file"))
    } else {
        String::new()
    };
    let path = path.display().to_string();
    OwnedByOther {
        what: format!(
            "in {path}, which belongs to uid {owner}, other files belong to uid {user}: {}{and_more}",
            names.join(", ")
        ),
        next: format!("as root: `chown -R {owner} {}`", ShellWord(&path)),
    }
}

/// Says why a directory could not be opened, if that is because of its owner.
pub(super) fn of_opening(error: &OpenError, path: &Path, place: &Place) -> Option<OwnedByOther> {
    match error {
        OpenError::OtherUser { at, owner, .. } => Some(of_other(at, path, *owner, place)),
        OpenError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let (at, owner) = elsewhere::nearest_visible(path)?;
            (owner != elsewhere::effective_user()).then(|| of_other(at, path, owner, place))
        }
        OpenError::Io(_) | OpenError::Unfit(_) => None,
    }
}

/// Says what to do where what is at a path, on the way to a telemetry directory, belongs to another user.
fn of_other(at: &Path, path: &Path, owner: u32, place: &Place) -> OwnedByOther {
    let user = elsewhere::effective_user();
    let command = command_as(owner, place, "doctor");
    let at_shown = at.display().to_string();
    let is_ours =
        at == path || Some(at) == path.parent().filter(|parent| is_named_after(parent, place));
    let mut next = format!(
        "`{command}` looks as that user{}",
        inside_service(owner, path, &command)
    );
    if is_ours {
        let give = format!(
            "; if the application now runs as uid {user}, as root: `chown -R {user} {}`",
            ShellWord(&at_shown)
        );
        next.push_str(&give);
    }
    OwnedByOther {
        what: format!("{at_shown} belongs to another user (uid {owner}), and this is uid {user}"),
        next,
    }
}

/// Returns `true` if a directory is one that an application has below a state directory.
fn is_named_after(directory: &Path, place: &Place) -> bool {
    let name = place.name().map(Source::as_str);
    directory
        .file_name()
        .is_some_and(|own| own.to_str() == name)
}

/// A word as a shell reads it.
#[derive(Debug)]
pub(super) struct ShellWord<'w>(pub(super) &'w str);

impl fmt::Display for ShellWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
        if !self.0.is_empty() && self.0.bytes().all(is_plain) {
            return f.write_str(self.0);
        }
        write!(f, "'{}'", self.0.replace('\'', r"'\''"))
    }
}

const ROOT: u32 = 0;

/// How many files are named.
const FILES_NAMED_MAX: usize = 5;

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
