//! What clap understood of a command line: which command it was, under which alias it was called, and
//! which flags were given. Everything here is a name from the application's definition; what its users
//! choose, such as values and external subcommands, is looked at by clap alone.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use localtel::Telemetry;
use localtel::recording::ErrorDescription;

/// Starts to measure the command that clap parsed, with its path, alias and flags. The values of flags and arguments,
/// and the names of external subcommands, are never recorded; of an error of clap only the kind is.
///
/// The application is the very one that parsed, or one defined alike, with the derive or the builder of clap; where
/// parts of it are [deferred](Command::defer), only the one that parsed knows them. The alias is looked for in the
/// words that this process was started with; it is absent where something else was parsed.
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
        let names: Vec<&str> = levels
            .iter()
            .map(|level| level.command.get_name())
            .collect();
        let subcommands = names.get(1..).unwrap_or_default();
        Self {
            // A multicall application loses its name when it parses.
            path: names
                .iter()
                .filter(|name| !name.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join("-"),
            alias: alias(application, subcommands, words),
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
    let mut globals: Vec<&Arg> = Vec::new();
    for MatchedCommand { command, matches } in levels {
        let is_given = |arg: &Arg| {
            let id = arg.get_id();
            // Asking for what a command does not define panics in debug builds.
            matches.ids().any(|given| given == id)
                && matches.value_source(id.as_str()) == Some(ValueSource::CommandLine)
        };
        let own = command.get_arguments();
        let others = globals.iter().copied().filter(|global| {
            command
                .get_arguments()
                .all(|own| own.get_id() != global.get_id())
        });
        let given = own.chain(others).filter(|arg| is_given(arg));
        flags.extend(given.filter_map(name_of));
        globals.extend(command.get_arguments().filter(|arg| arg.is_global_set()));
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

/// Returns the alias by which the last of the subcommands was called. Clap forgets it, so the words are
/// parsed once more, by an application in which each of its aliases is a subcommand of its own.
fn alias(application: &Command, subcommands: &[&str], words: &[OsString]) -> Option<String> {
    let (last, before) = subcommands.split_last()?;
    let mut parent = application;
    for name in before {
        parent = subcommand(parent, name)?;
    }
    let mut aliases = subcommand(parent, last)?.get_all_aliases().peekable();
    aliases.peek()?;
    let matches = with_aliases_apart(application.clone(), subcommands)
        .try_get_matches_from(words)
        .ok()?;
    let mut matches = &matches;
    for name in before {
        let (called, below) = matches.subcommand()?;
        if called != *name {
            return None;
        }
        matches = below;
    }
    let called = matches.subcommand_name()?;
    aliases.find(|alias| *alias == called).map(str::to_owned)
}

/// Returns a command that takes words as the given one does, but keeps aliases of the last of those nested
/// subcommands apart. Values are not looked at: to parse them may have effects, such as opening a file, and must not
/// have them twice.
fn with_aliases_apart(command: Command, subcommands: &[&str]) -> Command {
    let command = command.mut_args(without_value);
    match subcommands {
        [] => command,
        [last] => {
            let apart: Vec<Command> = subcommand(&command, last)
                .into_iter()
                .flat_map(|last| last.get_all_aliases().map(|alias| named(alias, last)))
                .collect();
            command
                .mut_subcommand(last, |last| {
                    with_aliases_apart(last.alias(None::<&str>), &[])
                })
                .subcommands(apart)
        }
        [name, below @ ..] => {
            command.mut_subcommand(name, |inner| with_aliases_apart(inner, below))
        }
    }
}

/// Returns the command under that name alone; it is not called by its flags, as `pacman -S` is.
fn named(name: &str, command: &Command) -> Command {
    let named = command
        .clone()
        .name(name.to_owned())
        .alias(None::<&str>)
        .short_flag(None)
        .short_flag_alias(None)
        .long_flag_alias(None::<&str>)
        .mut_args(without_value);
    match command.get_long_flag() {
        // It cannot be taken away.
        Some(_) => named.long_flag(format!(" {name}")),
        None => named,
    }
}

/// Returns the argument with values that may be anything.
fn without_value(arg: Arg) -> Arg {
    let is_flag = arg
        .get_num_args()
        .is_some_and(|values| !values.takes_values());
    // Those that say nothing are found out by clap, which would not expect a parser in a flag.
    if is_flag || !arg.get_action().takes_values() {
        arg
    } else {
        arg.value_parser(ValueParser::os_string())
    }
}

#[cfg(test)]
mod tests;
