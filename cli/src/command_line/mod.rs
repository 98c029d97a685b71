//! The names in a command line that clap parsed: the command, the alias under which it was called,
//! and the flags that were given. All names come from the definition of the application; values and
//! external subcommands are never read here.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Id};
use localtel::Telemetry;
use localtel::recording::ErrorDescription;

/// Starts to measure the command that clap parsed, with its path, alias and flags. Values of flags
/// and arguments and names of external subcommands are never recorded; of an error of clap only the
/// kind is recorded.
///
/// `application` is the command that parsed or an equal definition, made with the derive or the
/// builder of clap; [deferred](Command::defer) parts are only known to the one that parsed. The
/// alias is searched in the arguments of this process. It is absent if other words were parsed, if
/// the alias was abbreviated, or if the value of an argument is the same word.
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

/// Describes errors of clap by their kind, since their messages repeat what the user typed. Help
/// and version are answers, not errors.
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
    /// The alias by which the last subcommand was called: `ls`.
    pub(crate) alias: Option<String>,
    /// The flags and options given on the command line, each once, sorted.
    pub(crate) flags: Vec<String>,
}

impl CommandNames {
    /// Returns the names in the matches of these words. Names that are not in this definition, or
    /// matches of other words, are left out.
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

/// The application or a nested subcommand, with its matches.
#[derive(Debug, Clone, Copy)]
struct MatchedCommand<'a> {
    command: &'a Command,
    matches: &'a ArgMatches,
}

/// Returns the application and the called subcommands, up to the first that is not defined.
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

/// Returns the subcommand of that name; aliases do not count.
fn subcommand<'a>(command: &'a Command, name: &str) -> Option<&'a Command> {
    command
        .get_subcommands()
        .find(|subcommand| subcommand.get_name() == name)
}

fn flags(levels: &[MatchedCommand<'_>]) -> Vec<String> {
    let mut flags = BTreeSet::new();
    let mut defined: Vec<&Arg> = Vec::new();
    for MatchedCommand { command, matches } in levels {
        // Subcommands inherit global flags; of two with the same id, the nearer one wins.
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

/// Returns the alias by which the last subcommand was called. Clap does not keep it, so this takes
/// the first word that can name the subcommand, without words that are also a value of an argument.
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
