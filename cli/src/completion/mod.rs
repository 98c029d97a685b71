//! Completion in shells. The script of a shell calls `localtel __complete SHELL ...` with what is
//! typed, and gets the words that can follow: commands and options, and what is recorded. Asking
//! changes nothing, prints no error, and takes less than a tenth of a second.
//!
//! clap's own dynamic completion is not used: it is unstable, so that an update of it could break
//! applications that embed these commands, and its script for bash neither quotes what it inserts
//! nor completes `key=value`. `place` reads the command line, `recorded` the telemetry,
//! `candidates` decides what is offered, `bash` has the quotes of bash, and `script` the scripts.

mod bash;
mod candidates;
mod place;
mod recorded;
mod script;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use super::reading::{NamedInput, RecordOperand, parse_operand};
use super::selection::SelectionArgs;
use localtel::admin::Environment;

use bash::BashLine;
use candidates::{Candidate, CompletionAnswer, OPERANDS};
use place::Place;
use recorded::RecordedNames;
pub(crate) use script::script_of;

/// A shell that asks what can follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskingShell {
    Bash,
    Zsh,
    Fish,
}

/// What a shell asks.
#[derive(Debug)]
pub(crate) struct Question {
    shell: AskingShell,
    /// What the shell hands over.
    words: Vec<String>,
}

impl Question {
    /// Returns the question of a command line, if it is one.
    pub(crate) fn of(words: &[OsString]) -> Option<Self> {
        let [_, asked, shell, words @ ..] = words else {
            return None;
        };
        let shell = match shell.to_str() {
            _ if asked != WORD => return None,
            Some("bash") => AskingShell::Bash,
            Some("zsh") => AskingShell::Zsh,
            Some("fish") => AskingShell::Fish,
            Some(_) | None => return None,
        };
        let words = words.iter().map(|word| word.to_string_lossy().into_owned());
        Some(Self {
            shell,
            words: words.collect(),
        })
    }

    /// Returns the answer for the script of the shell.
    pub(crate) fn answer(self, command: clap::Command, environment: &Environment) -> String {
        let deadline = Instant::now() + TIME_MAX;
        let answer = |words: &[String], typed: &str| {
            let mut command = command;
            command.build();
            let place = Place::find(&command, words, typed);
            let recorded = RecordedNames::new(environment, selections_of(&place), deadline);
            candidates::answer(&place, &recorded)
        };
        match (self.shell, self.words.as_slice()) {
            (AskingShell::Bash, [line, replaced]) => match BashLine::split(line) {
                Some(line) => {
                    let answer = answer(&line.words, &line.typed);
                    text_of(answer, |candidate| of_bash(candidate, &line, replaced))
                }
                None => text_of(CompletionAnswer::Files, |_| None),
            },
            (AskingShell::Zsh | AskingShell::Fish, [words @ .., typed]) => {
                text_of(answer(words, typed), |candidate| Some(with_help(candidate)))
            }
            (AskingShell::Bash | AskingShell::Zsh | AskingShell::Fish, _) => String::new(),
        }
    }
}

/// Returns the selections of what is read: those of the directories that are named instead of an
/// application, or else the one of the options.
fn selections_of(place: &Place<'_>) -> Vec<SelectionArgs> {
    let takes_paths = |arg: &clap::Arg| arg.get_id() == OPERANDS;
    if !place.command.get_positionals().any(takes_paths) {
        return vec![selection_of(place)];
    }
    let inputs = place
        .values
        .iter()
        .filter_map(|word| match parse_operand(word) {
            Ok(RecordOperand::Path(path)) => NamedInput::of_path(&path),
            Ok(RecordOperand::Stdin) => Some(NamedInput::stdin()),
            Ok(RecordOperand::Condition(_)) | Err(_) => None,
        });
    let inputs: Vec<NamedInput> = inputs.collect();
    if inputs.is_empty() {
        return vec![selection_of(place)];
    }
    // Files are not read: they may be of any size and format.
    let directories = inputs.iter().filter_map(NamedInput::directory);
    let selection = |directory: &Path| SelectionArgs {
        dir: Some(directory.to_owned()),
        ..SelectionArgs::default()
    };
    directories.map(selection).collect()
}

/// Returns the options before the place that select what is read.
fn selection_of(place: &Place<'_>) -> SelectionArgs {
    let last = |id| place.values_of(id).last();
    SelectionArgs {
        app: place
            .values_of("app")
            .filter_map(|name| name.parse().ok())
            .collect(),
        dir: last("dir").map(Into::into),
        host: place
            .values_of("host")
            .filter_map(|name| name.parse().ok())
            .collect(),
        profile: last("profile").and_then(|name| name.parse().ok()),
    }
}

fn text_of(answer: CompletionAnswer, line_of: impl Fn(&Candidate) -> Option<String>) -> String {
    match answer {
        CompletionAnswer::Candidates(candidates) => {
            let lines = candidates.iter().filter_map(line_of);
            lines.map(|line| line + "\n").collect()
        }
        CompletionAnswer::Files => "\tfiles\n".to_owned(),
        CompletionAnswer::Directories => "\tdirectories\n".to_owned(),
    }
}

/// Returns what replaces the end of the word in bash, which inserts it as it is.
fn of_bash(candidate: &Candidate, line: &BashLine, replaced: &str) -> Option<String> {
    let rest = candidate.text.strip_prefix(&line.typed)?;
    Some(format!("{replaced}{}", line.quotes.quoted(rest)?))
}

/// Returns the candidate and its description; zsh and fish quote what they insert.
fn with_help(candidate: &Candidate) -> String {
    match &candidate.help {
        Some(help) => format!("{}\t{help}", candidate.text),
        None => candidate.text.clone(),
    }
}

/// The word that a script calls.
const WORD: &str = "__complete";

/// The longest time for reading what is recorded.
const TIME_MAX: Duration = Duration::from_millis(60);
