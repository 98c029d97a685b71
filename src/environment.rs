//! The environment of the process: variables and the executable's file name. Only this module reads
//! them from the operating system; all other code receives an [`Environment`], so that tests can
//! create one. The values are interpreted elsewhere (`consent`, `directory`).

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use crate::application::Source;
use crate::store::elsewhere;

/// The environment variables and the executable's names, real or set by a test.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: Variables,
    executables: Vec<String>,
    origin: BuildOrigin,
}

/// The builder of the executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BuildOrigin {
    /// Cargo, to test or to measure a package.
    Test,
    /// Anything else.
    Other,
}

impl BuildOrigin {
    /// Cargo puts the executables of tests in a directory `deps` below one that it marks with
    /// `CACHEDIR.TAG`.
    fn of(executable: &Path) -> Self {
        let folder = executable.parent();
        let is_test = folder
            .filter(|folder| folder.ends_with("deps"))
            .is_some_and(|folder| {
                folder
                    .ancestors()
                    .skip(1)
                    .any(elsewhere::is_marked_as_cache)
            });
        if is_test { Self::Test } else { Self::Other }
    }
}

/// The source of variables.
#[derive(Debug, Clone)]
enum Variables {
    /// This process, at each read.
    Process,
    /// This process, which acts as another user than the one that started it: no variable is read
    /// that only that user may decide on, such as the place of files.
    Elevated,
    /// A list.
    Listed(Vec<(String, OsString)>),
}

/// A variable that is set: its name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The variable's name.
    pub(crate) name: String,
    /// The variable's value, with invalid UTF-8 replaced.
    pub(crate) value: String,
}

impl Environment {
    /// Returns the environment of this process.
    pub fn of_process() -> Self {
        // A link named `myapp-donottrack` has the same meaning as a binary of that name, so both
        // count.
        let called = std::env::args_os().next().map(PathBuf::from);
        let real = std::env::current_exe().ok();
        let origin = real.as_deref().map_or(BuildOrigin::Other, BuildOrigin::of);
        let executables = [called, real]
            .into_iter()
            .flatten()
            .filter_map(|path| file_name(&path))
            .collect();
        Self {
            variables: if elsewhere::is_elevated() {
                Variables::Elevated
            } else {
                Variables::Process
            },
            executables,
            origin,
        }
    }

    /// Returns the reason why nothing is recorded in the usual place if this is a test of an
    /// application: its records would be mixed with those of its developer's own use of the
    /// application. Returns nothing if a variable sets a directory for tests.
    pub(crate) fn withheld_from_test(&self) -> Option<&'static str> {
        let is_temporary = |path: PathBuf| {
            let temporary = self.path("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"));
            let has_plain_parts = !path.components().any(|part| part == Component::ParentDir);
            has_plain_parts && path.starts_with(&temporary) && path != temporary
        };
        match self.origin {
            BuildOrigin::Other => None,
            // Then no usual place is known either, and that is the reason to report.
            BuildOrigin::Test if self.is_elevated() => None,
            BuildOrigin::Test if self.localtel_dir().is_some() => None,
            BuildOrigin::Test if self.state_home().is_some_and(is_temporary) => None,
            BuildOrigin::Test => Some(
                "this is a test executable, which records only if `.dir()` or LOCALTEL_DIR is set, or if XDG_STATE_HOME or STATE_DIRECTORY is below the temporary directory",
            ),
        }
    }

    /// Returns `true` if variables are not read, because the process acts as another user or group
    /// than the one that started it. `DO_NOT_TRACK` is read nevertheless: it can only forbid.
    pub(crate) fn is_elevated(&self) -> bool {
        matches!(self.variables, Variables::Elevated)
    }

    /// Creates an environment, for tests.
    pub fn for_test(executable: &str, variables: &[(&str, &str)]) -> Self {
        let listed = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect();
        Self {
            variables: Variables::Listed(listed),
            executables: file_name(Path::new(executable)).into_iter().collect(),
            origin: BuildOrigin::of(Path::new(executable)),
        }
    }

    /// Returns the names under which the executable was called and is stored, without their
    /// directories.
    pub fn executables(&self) -> &[String] {
        &self.executables
    }

    /// Returns the value of `DO_NOT_TRACK`, if it is set.
    pub fn do_not_track(&self) -> Option<String> {
        let value = match &self.variables {
            Variables::Elevated => read_of_process("DO_NOT_TRACK"),
            Variables::Process | Variables::Listed(_) => self.value("DO_NOT_TRACK"),
        };
        Some(value?.to_string_lossy().into_owned())
    }

    /// Returns the variable that switches this source on or off, if it is set: `MYAPP_TELEMETRY`.
    pub(crate) fn telemetry(&self, source: &Source) -> Option<Variable> {
        let name = source.variable();
        let value = self.text(&name)?;
        Some(Variable { name, value })
    }

    /// Returns the variable that shows each record of this source as it is created, if it is set:
    /// `MYAPP_TELEMETRY_DEBUG`.
    pub(crate) fn debugging(&self, source: &Source) -> Option<String> {
        self.text(&format!("{}_DEBUG", source.variable()))
    }

    /// Returns the user's home, if `HOME` is set.
    pub fn home(&self) -> Option<PathBuf> {
        self.path("HOME")
    }

    /// Returns the user's name, if a variable or the home contains it. Reading it from the system
    /// would open sockets.
    pub fn user(&self) -> Option<String> {
        let named = ["USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| self.text(name));
        named
            .filter(|name| !name.is_empty())
            .or_else(|| file_name(&self.home()?))
    }

    /// Returns the state directory of this user or service, if a variable sets it:
    /// `XDG_STATE_HOME`, or else the first path in `STATE_DIRECTORY`, which systemd sets for a
    /// service with `StateDirectory=`. A relative path is ignored, as the XDG specification
    /// requires.
    pub(crate) fn state_home(&self) -> Option<PathBuf> {
        let of_user = self.path("XDG_STATE_HOME");
        let of_service = || {
            let paths = self.value("STATE_DIRECTORY")?;
            std::env::split_paths(&paths).next()
        };
        of_user
            .filter(|path| path.is_absolute())
            .or_else(|| of_service().filter(|path| path.is_absolute()))
    }

    /// Returns the directory in `LOCALTEL_DIR`, which replaces the default one.
    pub fn localtel_dir(&self) -> Option<PathBuf> {
        self.path("LOCALTEL_DIR")
    }

    /// Returns the value of `LOCALTEL_COMMAND_ID`, if it is set.
    pub(crate) fn command_id(&self) -> Option<OsString> {
        self.value(COMMAND_ID)
    }

    /// Returns `true` if Kubernetes started this process: it gives each container the address of
    /// its API.
    pub(crate) fn is_in_kubernetes(&self) -> bool {
        self.value("KUBERNETES_SERVICE_HOST")
            .is_some_and(|host| !host.is_empty())
    }

    /// Returns all variables, for a command that is to be run with them.
    pub fn all(&self) -> Vec<(OsString, OsString)> {
        match &self.variables {
            // They are passed on and not applied.
            Variables::Process | Variables::Elevated => std::env::vars_os().collect(),
            Variables::Listed(listed) => listed
                .iter()
                .map(|(name, value)| (name.into(), value.clone()))
                .collect(),
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.value(name).filter(|value| !value.is_empty())?;
        Some(PathBuf::from(value))
    }

    fn text(&self, name: &str) -> Option<String> {
        Some(self.value(name)?.to_string_lossy().into_owned())
    }

    /// Returns the value of a variable, if it is set.
    pub fn value(&self, name: &str) -> Option<OsString> {
        match &self.variables {
            Variables::Process => read_of_process(name),
            Variables::Elevated => None,
            Variables::Listed(listed) => listed
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value.clone()),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn read_of_process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The directories above are ignored: one of them may be named `donottrack`.
fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// The variable that passes the id of a command on to child processes.
pub(crate) const COMMAND_ID: &str = "LOCALTEL_COMMAND_ID";

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test makes the file by which cargo marks its folder"
)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_empty_names_no_path() {
        let environment =
            Environment::for_test("/bin/myapp", &[("HOME", ""), ("LOCALTEL_DIR", "")]);
        assert_eq!(environment.home(), None);
        assert_eq!(environment.localtel_dir(), None);
    }

    #[test]
    fn a_test_records_only_where_a_variable_allows_it() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("target");
        let deps = target.join("debug/deps");
        std::fs::create_dir_all(&deps).unwrap();
        let withheld = |folder: &Path, variables: &[(&str, &str)]| {
            let executable = folder.join("myapp-0123456789abcdef");
            let environment = Environment::for_test(executable.to_str().unwrap(), variables);
            environment.withheld_from_test().is_some()
        };
        assert!(!withheld(&deps, &[]), "the folder is not cargo's");
        std::fs::File::create(target.join("CACHEDIR.TAG")).unwrap();
        assert!(withheld(&deps, &[]));
        assert!(!withheld(&target.join("debug"), &[]), "an application");
        assert!(!withheld(&target.join("debug/examples"), &[]), "an example");
        for (variables, expected) in [
            (&[("LOCALTEL_DIR", "/d")][..], false),
            (&[("LOCALTEL_DIR", "")], true),
            (&[("HOME", "/tmp/home")], true),
            (&[("XDG_STATE_HOME", "/tmp/state")], false),
            (&[("XDG_STATE_HOME", "/tmp")], true),
            (&[("XDG_STATE_HOME", "/tmp/../home/anna")], true),
            (&[("XDG_STATE_HOME", "/home/anna/state")], true),
            (&[("XDG_STATE_HOME", "/t/s"), ("TMPDIR", "/t")], false),
            (&[("XDG_STATE_HOME", "/tmp/s"), ("TMPDIR", "/t")], true),
            (&[("STATE_DIRECTORY", "/tmp/s")], false),
            (&[("STATE_DIRECTORY", "/tmp/s:/var/lib/s")], false),
            (&[("STATE_DIRECTORY", "/var/lib/s:/tmp/s")], true),
            (&[("STATE_DIRECTORY", "/tmp")], true),
            (
                &[("STATE_DIRECTORY", "/tmp/s"), ("XDG_STATE_HOME", "/s")],
                true,
            ),
        ] {
            assert_eq!(withheld(&deps, variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_relative_state_home_is_none() {
        for variable in ["XDG_STATE_HOME", "STATE_DIRECTORY"] {
            let environment = Environment::for_test("myapp", &[(variable, "state")]);
            assert_eq!(environment.state_home(), None, "{variable}");
        }
    }

    #[test]
    fn a_service_keeps_state_in_its_first_state_directory() {
        let of = |service: &str, user: &str| {
            let variables = [("STATE_DIRECTORY", service), ("XDG_STATE_HOME", user)];
            Environment::for_test("myapp", &variables).state_home()
        };
        for (service, user, expected) in [
            ("/var/lib/a", "", Some("/var/lib/a")),
            ("/var/lib/a:/var/lib/b", "", Some("/var/lib/a")),
            ("/var/lib/a b:c", "", Some("/var/lib/a b")),
            ("/var/lib/a", "/s", Some("/s")),
            ("/var/lib/a", "relative", Some("/var/lib/a")),
            ("", "", None),
            (":/var/lib/b", "", None),
            ("a:/var/lib/b", "", None),
        ] {
            let found = of(service, user);
            assert_eq!(
                found.as_deref(),
                expected.map(Path::new),
                "{service} {user}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_set_to_nothing_is_still_set() {
        let environment = Environment::for_test("myapp", &[("DO_NOT_TRACK", "")]);
        assert_eq!(environment.do_not_track().as_deref(), Some(""));
    }

    #[test]
    fn only_the_file_name_of_the_executable_is_known() {
        let environment = Environment::for_test("/opt/donottrack/bin/myapp", &[]);
        assert_eq!(environment.executables(), ["myapp"]);
    }

    #[test]
    fn kubernetes_shows_in_its_variable_unless_that_is_empty() {
        let host = |host| Environment::for_test("myapp", &[("KUBERNETES_SERVICE_HOST", host)]);
        assert!(host("10.0.0.1").is_in_kubernetes());
        assert!(!host("").is_in_kubernetes());
        assert!(!Environment::for_test("myapp", &[]).is_in_kubernetes());
    }

    #[test]
    fn this_process_has_a_name_and_a_path() {
        let environment = Environment::of_process();
        assert!(!environment.executables().is_empty());
        assert!(environment.text("PATH").is_some());
    }
}
