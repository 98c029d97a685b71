//! What clap understood of a command line: which command it was, under which alias it was called, and
//! which flags were given. Everything here is a name from the application's definition; what its users
//! choose, such as values and external subcommands, is looked at by clap alone.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
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
    let line = CommandLine::new(application, matches, &words);
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
pub(crate) struct CommandLine {
    /// The application and its nested subcommands, joined by dashes: `ticloud-project-list`.
    pub(crate) path: String,
    /// The alias by which the last of them was called: `ls`.
    pub(crate) alias: Option<String>,
    /// The flags and options that were really given, each once, sorted.
    pub(crate) flags: Vec<String>,
}

impl CommandLine {
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
/// parsed once more, by an application in which each alias is a subcommand of its own.
fn alias(application: &Command, subcommands: &[&str], words: &[OsString]) -> Option<String> {
    let (last, before) = subcommands.split_last()?;
    let mut parent = application;
    for name in before {
        parent = subcommand(parent, name)?;
    }
    let mut aliases = subcommand(parent, last)?.get_all_aliases().peekable();
    aliases.peek()?;
    let matches = dissected(application.clone(), subcommands, &[])
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

/// Returns a command whose parser takes words as the given one does, but keeps aliases of the last of those
/// nested subcommands apart. Values are not looked at: to parse them may have effects, such as opening a
/// file, and must not have them twice.
fn dissected(command: Command, subcommands: &[&str], globals: &[Arg]) -> Command {
    let Some((name, below)) = subcommands.split_first() else {
        return command;
    };
    let inherited: Vec<Arg> = globals
        .iter()
        .filter(|global| {
            command
                .get_arguments()
                .all(|own| own.get_id() != global.get_id())
        })
        .cloned()
        .collect();
    let command = command.args(inherited);
    let globals: Vec<Arg> = command
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .cloned()
        .collect();
    // Handed down here, and not by clap: stand-ins have nothing that a global argument could refer to.
    let command = command.mut_args(|arg| without_value(arg).global(false));
    if !below.is_empty() {
        return command.mut_subcommand(name, |inner| dissected(inner, below, &globals));
    }
    let aliases: Vec<String> = subcommand(&command, name)
        .map(|last| last.get_all_aliases().map(str::to_owned).collect())
        .unwrap_or_default();
    command
        .mut_subcommand(name, |last| stand_in_of(&last))
        .subcommands(aliases.into_iter().map(stand_in))
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

/// Returns a command that takes the place of another, and of its flags if it has some, as `pacman -S` has.
fn stand_in_of(command: &Command) -> Command {
    let long_flags = command.get_all_long_flag_aliases().map(str::to_owned);
    let mut stand_in = stand_in(command.get_name().to_owned())
        .long_flag_aliases(long_flags)
        .short_flag_aliases(command.get_all_short_flag_aliases());
    if let Some(flag) = command.get_long_flag() {
        stand_in = stand_in.long_flag(flag.to_owned());
    }
    if let Some(flag) = command.get_short_flag() {
        stand_in = stand_in.short_flag(flag);
    }
    stand_in
}

/// Returns a command of that name that takes all words that follow.
fn stand_in(name: String) -> Command {
    let rest = Arg::new("rest")
        .action(ArgAction::Append)
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .value_parser(ValueParser::os_string())
        // An application may demand of all its arguments that they have one.
        .help("Whatever follows");
    Command::new(name)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(rest)
}

#[cfg(test)]
mod tests;
