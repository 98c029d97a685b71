//! What clap understood of a command line: which command it was, under which alias it was called, and
//! which flags were given. Everything here is a name from the application's definition; what its users
//! choose, such as values and external subcommands, is looked at by clap alone.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Id};
use localtel::Telemetry;
use localtel::recording::ErrorDescription;

/// Starts to measure the command that clap parsed, with its path, alias and flags. The values of flags and arguments,
/// and the names of external subcommands, are never recorded; of an error of clap only the kind is.
///
/// The application is the very one that parsed, or one defined alike, with the derive or the builder of clap; where
/// parts of it are [deferred](Command::defer), only the one that parsed knows them. The alias is looked for in the
/// words that this process was started with; it is absent where something else was parsed, where it was abbreviated, and
/// where the value of an argument is the same word.
///
/// ```no_run
/// # let telemetry = localtel::Telemetry::builder("myapp").open();
/// let mut application = clap::Command::new("myapp")
///     .arg(clap::arg!(--debug).global(true))
///     .subcommand(clap::Command::new("list").visible_alias("ls"));
/// let matches = application.get_matches_mut();
/// // After `myapp ls --debug` it is `myapp-list`, with the alias `ls` and the flag `debug`.
/// let command = localtel_cli::command_of(&telemetry, &application, &matches);
/// command.success();
/// ```
pub fn command_of<'t>(
    telemetry: &'t Telemetry,
    application: &Command,
    matches: &ArgMatches,
) -> localtel::Command<'t> {
    let mut command = telemetry.command("");
    if !command.is_measured() {
        return command;
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    let line = CommandNames::new(application, matches, &words);
    command.path(line.path).flags(line.flags);
    if let Some(alias) = line.alias {
        command.alias(alias);
    }
    command.describe_errors(describe);
    command
}

/// Describes errors of clap by their kind: their messages repeat what the user typed, and help and version are answers.
fn describe(error: &(dyn Error + 'static)) -> Option<ErrorDescription> {
    let error = error.downcast_ref::<clap::Error>()?;
    if !error.use_stderr() {
        return Some(ErrorDescription::Answer);
    }
    let kind = error.kind();
    Some(ErrorDescription::of(format!("{kind:?}"), kind.to_string()))
}

/// The names in one command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandNames {
    /// The application and its nested subcommands, joined by dashes: `ticloud-project-list`.
    pub(crate) path: String,
    /// The alias by which the last of them was called: `ls`.
    pub(crate) alias: Option<String>,
    /// The flags and options that were really given, each once, sorted.
    pub(crate) flags: Vec<String>,
}

impl CommandNames {
    /// Takes the names out of what clap made of those words. If it made it of other words, or has another
    /// application's definition, then what does not fit is left out.
    pub(crate) fn new(application: &Command, matches: &ArgMatches, words: &[OsString]) -> Self {
        let levels = levels(application, matches);
        let names = levels.iter().map(|level| level.command.get_name());
        // A multicall application loses its name when it parses.
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        Self {
            path: names.join("-"),
            alias: alias(&levels, words),
            flags: flags(&levels),
        }
    }
}

/// The application or one of the nested subcommands, with what was given to it.
#[derive(Debug, Clone, Copy)]
struct MatchedCommand<'a> {
    command: &'a Command,
    matches: &'a ArgMatches,
}

/// Returns the application and the subcommands that were called, up to one that it does not define.
fn levels<'a>(application: &'a Command, matches: &'a ArgMatches) -> Vec<MatchedCommand<'a>> {
    let mut level = MatchedCommand {
        command: application,
        matches,
    };
    let mut levels = vec![level];
    while let Some((name, matches)) = level.matches.subcommand()
        && let Some(command) = subcommand(level.command, name)
    {
        level = MatchedCommand { command, matches };
        levels.push(level);
    }
    levels
}

/// Returns the subcommand of that name; an alias is none.
fn subcommand<'a>(command: &'a Command, name: &str) -> Option<&'a Command> {
    command
        .get_subcommands()
        .find(|subcommand| subcommand.get_name() == name)
}

fn flags(levels: &[MatchedCommand<'_>]) -> Vec<String> {
    let mut flags = BTreeSet::new();
    let mut defined: Vec<&Arg> = Vec::new();
    for MatchedCommand { command, matches } in levels {
        // Global flags are given to the commands below, too; of two with one id the nearer one counts.
        defined.splice(0..0, command.get_arguments());
        let is_given =
            |id: &&Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        let given = matches.ids().filter(is_given);
        let given = given.filter_map(|id| defined.iter().find(|arg| arg.get_id() == id));
        flags.extend(given.filter_map(|arg| name_of(arg)));
    }
    flags.into_iter().collect()
}

/// Returns the name of a flag or an option; positional arguments have none.
fn name_of(arg: &Arg) -> Option<String> {
    match (arg.get_long(), arg.get_short()) {
        (Some(long), _) => Some(long.to_owned()),
        (None, Some(short)) => Some(short.to_string()),
        (None, None) => None,
    }
}

/// Returns the alias by which the last of the subcommands was called. Clap forgets it, so it is the first word that
/// can stand for that subcommand. A word that is also a value of an argument is passed over.
fn alias(levels: &[MatchedCommand<'_>], words: &[OsString]) -> Option<String> {
    let (application, subcommands) = levels.split_first()?;
    let values: Vec<&OsStr> = levels
        .iter()
        .flat_map(|level| values(level.matches))
        .collect();
    // A multicall application is called by the name of a subcommand.
    let program = words.first().and_then(|path| Path::new(path).file_name());
    let mut words = program
        .filter(|_| application.command.is_multicall_set())
        .into_iter()
        .chain(words.iter().skip(1).map(OsString::as_os_str))
        .filter(|word| !values.contains(word));
    let mut alias = None;
    for MatchedCommand { command, .. } in subcommands {
        let names = std::iter::once(command.get_name()).chain(command.get_all_aliases());
        let names: Vec<&str> = names.collect();
        let called = words.find_map(|word| names.iter().find(|name| **name == word).copied())?;
        alias = (called != command.get_name()).then(|| called.to_owned());
    }
    alias
}

/// Returns the values of all arguments as they were typed.
fn values(matches: &ArgMatches) -> impl Iterator<Item = &OsStr> {
    let ids = matches.ids().map(Id::as_str);
    ids.filter_map(|id| matches.get_raw(id)).flatten()
}

#[cfg(test)]
mod tests;
