//! Who runs the commands: the program `localtel`, or an application that embeds them. It decides what they
//! are called in all they say, and what is known of the application's own say on consent. Texts are
//! written once, as `localtel` says them, and put in the application's words here.

use std::borrow::Cow;

use localtel::internal::consent::{Consent, WhenUndecided};
use localtel::internal::environment::Environment;
use localtel::internal::policy::Policy;
use localtel::internal::record::Level;
use localtel::internal::report::Deployment;
use localtel::internal::store::limits::Limits;

/// Who runs the commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A program of its own, for the telemetry of all applications.
    Localtel,
    /// An application, for its own telemetry.
    Application(Box<EmbeddingApplication>),
}

/// An application that embeds the commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmbeddingApplication {
    /// What people type to reach the commands: `myapp telemetry`.
    pub(crate) called: String,
    /// What the application's flag says for this run.
    pub(crate) flag: Consent,
    /// What the application does while nobody has decided.
    pub(crate) when_undecided: WhenUndecided,
    /// The application's version, if it told it.
    pub(crate) version: Option<String>,
    /// How much it keeps.
    pub(crate) limits: Limits,
    /// What it says of its installation.
    pub(crate) deployment: Deployment,
    /// The lowest level of what it records from `tracing`.
    pub(crate) level: Level,
    /// What it lets be recorded.
    pub(crate) policy: Policy,
}

impl Host {
    /// Returns what people type to reach the commands.
    pub(crate) fn called(&self) -> &str {
        match self {
            Self::Localtel => LOCALTEL,
            Self::Application(application) => &application.called,
        }
    }

    /// Returns the executable's names where it is the application's: the name of `localtel` says nothing
    /// about other programs.
    pub(crate) fn executables<'e>(&self, environment: &'e Environment) -> &'e [String] {
        match self {
            Self::Localtel => &[],
            Self::Application(_) => environment.executables(),
        }
    }

    /// Returns what the application's flag says, as far as that is known.
    pub(crate) fn flag(&self) -> Consent {
        match self {
            Self::Localtel => Consent::Undecided,
            Self::Application(application) => application.flag,
        }
    }

    /// Returns what the application does while nobody has decided, as far as that is known.
    pub(crate) fn when_undecided(&self) -> WhenUndecided {
        match self {
            Self::Localtel => WhenUndecided::Refuse,
            Self::Application(application) => application.when_undecided,
        }
    }

    /// Returns the application's version, as far as that is known.
    pub(crate) fn version(&self) -> Option<&str> {
        match self {
            Self::Localtel => None,
            Self::Application(application) => application.version.as_deref(),
        }
    }

    /// Returns the lowest level of what the application records from `tracing`, as far as that is known.
    pub(crate) fn level(&self) -> Option<Level> {
        match self {
            Self::Localtel => None,
            Self::Application(application) => Some(application.level),
        }
    }

    /// Puts one of our texts in the words of whoever runs the commands.
    pub(crate) fn in_own_words<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self {
            Self::Localtel => Cow::Borrowed(text),
            Self::Application(application) => Cow::Owned(in_words_of(&application.called, text)),
        }
    }
}

/// Says of commands called that way what a text says of `localtel`: at the start of a complaint, of an
/// indented line, and of a quotation. Words that name a place are left out, for an application has one
/// place; so are lines that then say the same as the line before.
pub(crate) fn in_words_of(called: &str, text: &str) -> String {
    let mut said: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = line_in_words_of(called, line);
        if line.trim().is_empty() || said.last() != Some(&line) {
            said.push(line);
        }
    }
    said.join("\n")
}

fn line_in_words_of(called: &str, line: &str) -> String {
    if let Some(complaint) = line.strip_prefix("localtel: ") {
        return format!("{called}: {}", line_in_words_of(called, complaint));
    }
    let mut said = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("localtel ") {
        said.push_str(before);
        if before.ends_with(['`', ' ']) && is_command(before, &said) {
            said.push_str(called);
            said.push(' ');
            rest = without_place(after);
        } else {
            said.push_str("localtel ");
            rest = after;
        }
    }
    said.push_str(rest);
    said
}

/// Returns `true` if what follows is a command: it is quoted, or begins an indented line.
fn is_command(before: &str, line: &str) -> bool {
    before.ends_with('`') || line.trim().is_empty()
}

/// Leaves out the words that name a place.
fn without_place(mut words: &str) -> &str {
    while let Some((option, rest)) = words.split_once(' ') {
        if !matches!(option, "--app" | "--dir" | "--profile") {
            break;
        }
        let Some((_value, rest)) = rest.split_once(' ') else {
            break;
        };
        words = rest;
    }
    words
}

/// What the program of its own is called.
const LOCALTEL: &str = "localtel";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_says_of_itself_what_localtel_says_of_itself() {
        let table = [
            (
                "localtel: no such place\nhint: `localtel status` says which",
                "wc tel: no such place\nhint: `wc tel status` says which",
            ),
            (
                "Examples:\n  localtel --app myapp enable\n  localtel --app myapp --profile work enable",
                "Examples:\n  wc tel enable",
            ),
            (
                "  localtel --app myapp status --json | jq -r .status",
                "  wc tel status --json | jq -r .status",
            ),
            (
                "look at /x; a newer localtel may have written it",
                "look at /x; a newer localtel may have written it",
            ),
            ("one\n\n\ntwo", "one\n\n\ntwo"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(in_words_of("wc tel", text), expected);
            assert_eq!(Host::Localtel.in_own_words(text), text);
        }
    }
}
