//! The failure of a command: message, next step and exit. Library errors become messages for users
//! here and nowhere else.

use std::fmt::Write as _;
use std::io;

use super::exit::Exit;
use super::sanitize::Sanitized;
use localtel::admin::{Location, Source, other_owner_of};
use localtel::{Error, ErrorKind};

/// The failure of a command. If the reader of the output went away, the exit is a success without a
/// message.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit of the command.
    exit: Exit,
    /// The message, a lower-case clause.
    message: String,
    /// Further lines of the message.
    details: Vec<String>,
    /// The next step.
    hint: Option<String>,
    /// The library error that caused it.
    error: Option<Error>,
}

impl Failure {
    /// Returns a failure for invalid usage.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Returns a failure for something that could not be done.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            details: Vec::new(),
            hint: None,
            error: None,
        }
    }

    /// Adds the next step.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds further lines of the message.
    pub(crate) fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    /// Adds the next step for this location; `as_owner` returns the command line for the owner of
    /// the data, if it belongs to another user. An existing hint is kept unless the owner is the
    /// cause.
    pub(crate) fn at(mut self, location: &Location, as_owner: impl FnOnce(u32) -> String) -> Self {
        let Some(error) = &self.error else {
            return self;
        };
        if let Some(owner) = owner_for(error) {
            self.hint = Some(location.step_for_owner(owner, &as_owner(owner)));
        } else if self.hint.is_none() {
            let is_of_choice = matches!(error.kind(), ErrorKind::Format { path, .. } if path.ends_with("consent.json"));
            self.hint = location
                .step_for_consent()
                .filter(|_| is_of_choice)
                .or_else(|| {
                    let variable = location.name().map(Source::variable);
                    hint_for(error, variable.as_deref(), |words| location.command(words))
                });
        }
        self
    }

    /// Returns the exit of the command.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the text that the program `called` prints; it may be empty.
    pub(crate) fn text(&self, called: &str) -> String {
        if self.exit == Exit::Done {
            return String::new();
        }
        // Paths, files and typed words can contain control characters.
        let lines = self.message.lines().map(|line| Sanitized(line).to_string());
        let lines: Vec<String> = lines.collect();
        let mut text = format!("{called}: {}\n", lines.join("\n    "));
        for line in &self.details {
            // Writing to a string cannot fail.
            let _ok = writeln!(text, "  {}", Sanitized(line));
        }
        if let Some(hint) = self.next_step(called) {
            let _ok = writeln!(text, "hint: {}", Sanitized(&hint));
        }
        text
    }

    /// Returns the next step, in general terms if the location is unknown.
    fn next_step(&self, called: &str) -> Option<String> {
        if self.hint.is_some() {
            return self.hint.clone();
        }
        let error = self.error.as_ref()?;
        match owner_for(error) {
            Some(owner) => Some(format!(
                "`sudo -u '#{owner}' {called} ...` does it as that user"
            )),
            None => hint_for(error, None, |words| format!("{called} {words}")),
        }
    }
}

/// The library's errors name their files; a bare error of the operating system only comes from
/// writing to the screen.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::new(Exit::Done, "")
        } else {
            Self::failed(format!("could not write the output: {error}"))
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::failed(format!("could not write JSON: {error}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // Invalid input is a usage error; everything else is a failure.
        let exit = if matches!(error.kind(), ErrorKind::Invalid { .. }) {
            Exit::Usage
        } else {
            Exit::Failed
        };
        Self {
            error: Some(error.clone()),
            ..Self::new(exit, error.chain())
        }
    }
}

/// Returns the owner of the data if the failure is that it belongs to another user.
fn owner_for(error: &Error) -> Option<u32> {
    if let ErrorKind::OtherUser { owner, .. } = error.kind() {
        return Some(*owner);
    }
    if let ErrorKind::Io { path, source, .. } = error.kind()
        && source.kind() == io::ErrorKind::PermissionDenied
    {
        return other_owner_of(path);
    }
    None
}

/// Returns the next step, given the application's variable, if that is known, and how a command is
/// typed for the location where it failed.
fn hint_for(
    error: &Error,
    variable: Option<&str>,
    command: impl FnOnce(&str) -> String,
) -> Option<String> {
    match error.kind() {
        ErrorKind::Io { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            Some(format!(
                "make it writable; until then DO_NOT_TRACK=1, or {} with `on` or `off`, decides for \
                 one run without writing",
                variable.unwrap_or("<APPLICATION>_TELEMETRY")
            ))
        }
        ErrorKind::Io { path, source, .. } => {
            hint_for_io(source.kind(), &path.display().to_string(), command)
        }
        ErrorKind::Directory { .. } => {
            Some("use another directory, or correct this one".to_owned())
        }
        ErrorKind::Foreign { .. } => Some(
            "name the application and profile that it belongs to, with --app and --profile, or another directory, \
             with --dir or LOCALTEL_DIR"
                .to_owned(),
        ),
        ErrorKind::Busy { .. } => Some(
            "a stopped process may hold it: `jobs` and `ps` show state T; resume or end it"
                .to_owned(),
        ),
        ErrorKind::Format { path, .. } => Some(format!(
            "check {}; a newer localtel may have written it",
            path.display()
        )),
        ErrorKind::OtherUser { .. }
        | ErrorKind::TimedOut { .. }
        | ErrorKind::Invalid { .. }
        | ErrorKind::Off { .. }
        | _ => None,
    }
}

fn hint_for_io(
    kind: io::ErrorKind,
    path: &str,
    command: impl FnOnce(&str) -> String,
) -> Option<String> {
    if path == super::screen::STDOUT {
        None
    } else if kind == io::ErrorKind::NotFound {
        Some(format!(
            "nothing was recorded there yet; `{}` shows where telemetry is stored and whether it is on",
            command("status")
        ))
    } else if kind == io::ErrorKind::PermissionDenied {
        Some(format!(
            "telemetry belongs to the user whose program recorded it; `ls -ld {path}` shows the owner"
        ))
    } else if kind == io::ErrorKind::NotADirectory {
        Some(format!("a part of {path} is a file; use another directory"))
    } else if kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded {
        Some(format!(
            "make room; `{}` removes old records",
            command("clear --before TIME")
        ))
    } else {
        Some(format!("`{}` shows the next step", command("doctor")))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use localtel::admin::{Environment, Selection};

    use super::*;

    fn text_of(kind: io::ErrorKind) -> String {
        let error = Error::io("open", Path::new("/x"))(io::Error::from(kind));
        Failure::from(error).text("localtel")
    }

    #[test]
    fn the_chain_of_an_error_is_one_line_and_the_next_step_another() {
        let text = text_of(io::ErrorKind::NotFound);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(
            lines[0].starts_with("localtel: could not open /x: "),
            "{text}"
        );
        assert!(lines[1].starts_with("hint: "), "{text}");
    }

    #[test]
    fn every_usual_directory_error_has_a_next_step() {
        for kind in [
            io::ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::NotADirectory,
            io::ErrorKind::StorageFull,
            io::ErrorKind::ReadOnlyFilesystem,
        ] {
            assert!(text_of(kind).contains("\nhint: "), "{kind:?}");
        }
        let unfit = Error::directory(Path::new("/x"), "a file stands there");
        assert!(Failure::from(unfit).text("localtel").contains("\nhint: "));
    }

    #[test]
    fn the_hint_for_a_read_only_disk_names_the_variable() {
        let environment = Environment::for_test("localtel", &[("XDG_STATE_HOME", "/s")]);
        let selection = Selection {
            application: Some("my-app".parse().unwrap()),
            ..Selection::default()
        };
        let location = Location::find(&selection, &environment).unwrap().unwrap();
        let kind = io::ErrorKind::ReadOnlyFilesystem;
        let error = Error::io("write", Path::new("/x"))(io::Error::from(kind));
        let failure = Failure::from(error).at(&location, |_| String::new());
        let text = failure.text("localtel");
        assert!(text.contains("or MY_APP_TELEMETRY with"), "{text}");
    }

    #[test]
    fn a_closed_pipe_is_success_without_a_message() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.exit(), Exit::Done);
        assert_eq!(failure.text("localtel"), "");
    }

    #[test]
    fn an_invalid_value_is_a_usage_error() {
        let failure = Failure::from(Error::invalid("level", "`loud` is not a level"));
        assert_eq!(failure.exit(), Exit::Usage);
    }
}
