//! Who runs the commands: the program `localtel`, or an application that embeds them. It decides what they are called in
//! all they print. Texts are written once, as `localtel` prints them, and put in the application's words here.

use std::borrow::Cow;

use localtel::admin::Location;

/// Who runs the commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A program of its own, for the telemetry of all applications.
    Localtel,
    /// An application, for its own telemetry; these words reach the commands.
    Application(String),
}

impl Host {
    /// Returns who looks at a location.
    pub(crate) fn of(location: &Location) -> Self {
        match location.commands_called() {
            Some(called) => Self::Application(called.to_owned()),
            None => Self::Localtel,
        }
    }

    /// Returns what people type to reach the commands.
    pub(crate) fn called(&self) -> &str {
        match self {
            Self::Localtel => LOCALTEL,
            Self::Application(called) => called,
        }
    }

    /// Puts one of our texts in the words of whoever runs the commands.
    pub(crate) fn in_own_words<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self {
            Self::Localtel => Cow::Borrowed(text),
            Self::Application(called) => Cow::Owned(in_words_of(called, text)),
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
