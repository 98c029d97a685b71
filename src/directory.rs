//! The directory of a source's telemetry: the path that follows from the names of source and
//! profile and from the environment. Nothing here creates or changes anything; `store` defines the
//! contents.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(crate) use crate::application::{Profile, Source};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::store::elsewhere::{FileKind, facts_at, is_directory, names_in};
use crate::store::segment;

/// The conventions of a platform for the state of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    /// The XDG base directories: Linux, the BSDs and others.
    Xdg,
    /// The user's library: macOS.
    Library,
}

impl Platform {
    /// The platform that this was built for.
    pub(crate) const THIS: Self = if cfg!(target_os = "macos") {
        Self::Library
    } else {
        Self::Xdg
    };
}

/// Returns the directory that contains those of all sources.
///
/// # Errors
///
/// Returns an error if neither the state directory nor an existing home is known.
pub(crate) fn state_root(environment: &Environment, platform: Platform) -> Result<PathBuf> {
    if let Some(root) = environment.state_home() {
        return Ok(root);
    }
    let home = home(environment)?;
    Ok(match platform {
        Platform::Xdg => home.join(".local").join("state"),
        Platform::Library => home.join("Library").join("Application Support"),
    })
}

/// Returns the user's home. A value that does not name a directory is refused: a directory created
/// below it would not be found again.
fn home(environment: &Environment) -> Result<PathBuf> {
    if environment.is_elevated() {
        return Err(Error::invalid(
            "HOME",
            "environment variables are ignored, because this process runs as another user or group than the one that started it; such a program must set the directory itself",
        ));
    }
    let named = environment.home();
    let problem = match &named {
        None => "it is not set".to_owned(),
        Some(home) => {
            let shown = home.display().to_string();
            let shown = shown.escape_debug();
            if !home.is_absolute() {
                format!("`{shown}` is not an absolute path")
            } else if home.parent().is_none() {
                format!("`{shown}` is not the home of a user")
            } else if !is_directory(home) {
                format!("there is no directory `{shown}`")
            } else {
                return Ok(home.clone());
            }
        }
    };
    let reason = format!(
        "{problem}, so there is no directory for telemetry; set HOME, XDG_STATE_HOME or LOCALTEL_DIR, or `StateDirectory=` in a systemd service"
    );
    Err(Error::invalid("HOME", reason))
}

/// Returns the directory of a source's default profile: `LOCALTEL_DIR`, or the usual place.
///
/// # Errors
///
/// Returns an error if neither the state directory nor an existing home is known.
pub(crate) fn base(
    environment: &Environment,
    platform: Platform,
    source: &Source,
) -> Result<PathBuf> {
    if let Some(path) = environment.localtel_dir() {
        return Ok(path);
    }
    Ok(under(&state_root(environment, platform)?, source))
}

/// Returns the directory of a profile, given that of the default one.
pub(crate) fn of_profile(base: &Path, profile: &Profile) -> PathBuf {
    if profile.is_default() {
        base.to_owned()
    } else {
        base.join(PROFILES).join(profile.as_str())
    }
}

/// Returns the source whose usual place below that state directory is the path.
pub(crate) fn source_of(root: &Path, base: &Path) -> Option<Source> {
    let source: Source = base.parent()?.file_name()?.to_str()?.parse().ok()?;
    (under(root, &source) == base).then_some(source)
}

/// Returns the directory of the default profile and the profile, if the path is one that a profile
/// other than the default one would have.
pub(crate) fn enclosing(path: &Path) -> Option<(PathBuf, Profile)> {
    let path = std::path::absolute(path).ok()?;
    let profile: Profile = path.file_name()?.to_str()?.parse().ok()?;
    let profiles = path.parent()?;
    let is_one = profiles.file_name()? == PROFILES && !profile.is_default();
    is_one.then_some((profiles.parent()?.to_owned(), profile))
}

/// Finds the sources that have a directory of telemetry, in the order of their names.
///
/// # Errors
///
/// Returns an error if the state directory exists but cannot be read; a missing one contains no
/// sources.
pub(crate) fn sources(root: &Path) -> Result<Vec<Source>> {
    let listed = sorted(root, |source| is_directory(&under(root, source)));
    listed.map_err(Error::io("list the state directory", root))
}

/// Finds possible sources that cannot be entered, in the order of their names.
pub(crate) fn inaccessible_sources(root: &Path) -> Vec<Source> {
    let is_inaccessible = |source: &Source| is_denied(facts_at(&under(root, source)));
    sorted(root, is_inaccessible).unwrap_or_default()
}

/// Finds the profiles of a source that have a directory, given that of the default one: the default
/// one first, also if its place is taken by something else, the others in the order of their names.
///
/// # Errors
///
/// Returns an error if the directory of profiles exists but cannot be read; a missing one contains
/// none.
pub(crate) fn profiles(base: &Path) -> Result<Vec<Profile>> {
    let below = base.join(PROFILES);
    let is_one =
        |profile: &Profile| !profile.is_default() && is_directory(&of_profile(base, profile));
    let mut profiles = match sorted(&below, is_one) {
        Ok(profiles) => profiles,
        // Then the default one is listed, with its problem.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory && !is_directory(base) => {
            Vec::new()
        }
        Err(error) => return Err(Error::io("list the profiles in", &below)(error)),
    };
    if facts_at(base).is_ok() {
        profiles.insert(0, Profile::default());
    }
    Ok(profiles)
}

/// Returns the valid names in a directory, in order; nothing if there is no directory.
fn sorted<T: FromStr + Ord>(path: &Path, is_one: impl Fn(&T) -> bool) -> io::Result<Vec<T>> {
    let names = match names_in(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names?,
    };
    let parsed = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    let mut found: Vec<T> = parsed.filter(is_one).collect();
    found.sort();
    Ok(found)
}

/// Returns the telemetry directories one or two levels below a directory that is not one itself,
/// and those in a usual place that this user cannot list.
pub(crate) fn telemetry_below(path: &Path) -> Vec<PathBuf> {
    if holds_telemetry(path) {
        return Vec::new();
    }
    let with_leaf = entries_in(path).flat_map(|child| [child.join(LEAF), child]);
    let is_telemetry = |path: &PathBuf| holds_telemetry(path) || is_closed_leaf(path);
    with_leaf.filter(is_telemetry).collect()
}

/// Returns the directories below one that this user cannot enter, and that may have telemetry.
pub(crate) fn inaccessible_below(path: &Path) -> Vec<PathBuf> {
    let is_closed = |child: &PathBuf| is_denied(facts_at(&child.join(LEAF)));
    entries_in(path).filter(is_closed).collect()
}

/// Returns what is in a directory that is not reached through a symbolic link, in order.
fn entries_in(path: &Path) -> impl Iterator<Item = PathBuf> {
    let mut names = own_names_in(path);
    names.sort();
    names.into_iter().map(|name| path.join(name))
}

/// Returns `true` if a directory has the name of one with telemetry and cannot be listed.
fn is_closed_leaf(path: &Path) -> bool {
    let is_leaf = path.file_name().is_some_and(|name| name == LEAF);
    is_leaf && is_directory(path) && is_denied(names_in(path))
}

fn is_denied<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Lists the names in a directory that is not reached through a symbolic link.
fn own_names_in(path: &Path) -> Vec<OsString> {
    if facts_at(path).is_ok_and(|facts| facts.kind == FileKind::Directory) {
        names_in(path).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// Returns `true` if a directory contains a file of localtel, or profiles.
fn holds_telemetry(path: &Path) -> bool {
    let is_ours = |name: &str| name == PROFILES || segment::is_ours(name);
    let names = own_names_in(path);
    names.iter().any(|name| name.to_str().is_some_and(is_ours))
}

/// Returns the usual place of a source below the state directory.
pub(crate) fn under(root: &Path, source: &Source) -> PathBuf {
    root.join(source.as_str()).join(LEAF)
}

/// The directory in that of the default profile that contains those of all others.
const PROFILES: &str = "profiles";
/// The last part of every source's usual place.
const LEAF: &str = "telemetry";

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests {
    use super::*;

    fn source() -> Source {
        "my-app".parse().unwrap()
    }

    fn base_with(platform: Platform, variables: &[(&str, &str)]) -> Result<PathBuf> {
        base(&Environment::for_test("x", variables), platform, &source())
    }

    #[test]
    fn the_directory_follows_from_environment_and_platform() {
        type PathCase = (
            Platform,
            &'static [(&'static str, &'static str)],
            &'static str,
        );
        let cases: [PathCase; 10] = [
            (
                Platform::Xdg,
                &[("HOME", "/usr")],
                "/usr/.local/state/my-app/telemetry",
            ),
            (
                Platform::Library,
                &[("HOME", "/usr")],
                "/usr/Library/Application Support/my-app/telemetry",
            ),
            (
                Platform::Xdg,
                &[("HOME", "/usr"), ("XDG_STATE_HOME", "/s")],
                "/s/my-app/telemetry",
            ),
            (
                Platform::Xdg,
                &[("XDG_STATE_HOME", "/s")],
                "/s/my-app/telemetry",
            ),
            (
                Platform::Xdg,
                &[("HOME", "/usr"), ("XDG_STATE_HOME", "relative")],
                "/usr/.local/state/my-app/telemetry",
            ),
            (
                Platform::Xdg,
                &[("XDG_STATE_HOME", "/s"), ("LOCALTEL_DIR", "/elsewhere")],
                "/elsewhere",
            ),
            (
                Platform::Xdg,
                &[("HOME", "/usr"), ("STATE_DIRECTORY", "/var/lib/a:/b")],
                "/var/lib/a/my-app/telemetry",
            ),
            (
                Platform::Xdg,
                &[("XDG_STATE_HOME", "/s"), ("STATE_DIRECTORY", "/var/lib/a")],
                "/s/my-app/telemetry",
            ),
            (
                Platform::Xdg,
                &[("LOCALTEL_DIR", "/l"), ("STATE_DIRECTORY", "/var/lib/a")],
                "/l",
            ),
            (
                Platform::Xdg,
                &[("HOME", "/usr"), ("STATE_DIRECTORY", ":/var/lib/a")],
                "/usr/.local/state/my-app/telemetry",
            ),
        ];
        for (platform, variables, expected) in cases {
            let path = base_with(platform, variables).unwrap();
            assert_eq!(path, Path::new(expected), "{variables:?}");
        }
    }

    #[test]
    fn without_a_home_the_error_names_variables_to_set() {
        let cases = [
            (&[][..], "it is not set"),
            (&[("HOME", "")], "it is not set"),
            (&[("XDG_STATE_HOME", "relative")], "it is not set"),
            (&[("STATE_DIRECTORY", "relative")], "it is not set"),
            (&[("HOME", "rel")], "`rel` is not an absolute path"),
            (&[("HOME", "/")], "`/` is not the home of a user"),
            (&[("HOME", "//")], "`//` is not the home of a user"),
            (
                &[("HOME", "/nonexistent/\u{1b}")],
                "there is no directory `/nonexistent/\\u{1b}`",
            ),
        ];
        for (variables, problem) in cases {
            let message = base_with(Platform::Xdg, variables).unwrap_err().to_string();
            assert!(message.contains(problem), "{message}");
            assert!(
                message.contains("set HOME, XDG_STATE_HOME or LOCALTEL_DIR"),
                "{message}"
            );
        }
    }

    #[test]
    fn profiles_are_below_the_default_one() {
        let base = Path::new("/s/my-app/telemetry");
        assert_eq!(of_profile(base, &Profile::default()), base);
        let work = of_profile(base, &"work".parse().unwrap());
        assert_eq!(work, base.join("profiles/work"));
    }

    #[test]
    fn profiles_are_listed_with_the_default_first() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("telemetry");
        assert!(profiles(&base).unwrap().is_empty());
        for name in ["work", "a", ".hidden", "default"] {
            std::fs::create_dir_all(base.join("profiles").join(name)).unwrap();
        }
        let names: Vec<String> = profiles(&base)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["default", "a", "work"]);
    }

    #[test]
    fn a_default_path_identifies_its_source() {
        let source_of = |path| source_of(Path::new("/state"), Path::new(path));
        assert_eq!(source_of("/state/my-app/telemetry"), Some(source()));
        assert_eq!(source_of("/elsewhere/my-app/telemetry"), None);
        assert_eq!(source_of("/state/deep/my-app/telemetry"), None);
        assert_eq!(source_of("/state/my-app"), None);
        assert_eq!(source_of("/telemetry"), None);
    }

    #[test]
    fn the_path_of_a_profile_identifies_it_and_the_base() {
        let work = "work".parse().unwrap();
        let found = enclosing(Path::new("/d/profiles/work"));
        assert_eq!(found, Some((PathBuf::from("/d"), work)));
        for path in [
            "/d/profiles",
            "/d/work",
            "/profiles/default",
            "/",
            "/d/profiles/.x",
        ] {
            assert_eq!(enclosing(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn only_directories_of_telemetry_are_sources() {
        let root = tempfile::tempdir().unwrap();
        for path in ["b/telemetry", "a/telemetry", "other/data", ".c/telemetry"] {
            std::fs::create_dir_all(root.path().join(path)).unwrap();
        }
        std::fs::create_dir(root.path().join("d")).unwrap();
        std::os::unix::fs::symlink("/nowhere", root.path().join("d/telemetry")).unwrap();
        let names: Vec<String> = sources(root.path())
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert!(sources(&root.path().join("missing")).unwrap().is_empty());
    }
}
