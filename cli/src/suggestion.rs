//! Suggestions for invalid names: the nearest valid name or, for the usual words of other tools,
//! the equivalent here. Each suggestion contains the text to type; for commands and flags it is
//! part of the parser's error. `clear` is never suggested: a wrong word must not lead to removing
//! data.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error as ParseError, ErrorKind};
use clap::{Arg, ArgMatches, Command};

use super::usual_words::{COMMAND_WORDS, FLAG_WORDS, POLICY_WORDS, PROGRAM_WORDS, UsualWords};
use localtel::Level;
use localtel::admin::{Environment, Location, ShellWord, Source};
use localtel::read::{Filter, Levels, Term};

/// Returns the valid name that is nearest to an invalid one, if one is near.
pub(crate) fn nearest<'v>(name: &str, valid: impl IntoIterator<Item = &'v str>) -> Option<&'v str> {
    let near = valid
        .into_iter()
        .filter_map(|valid| Some((distance(name, valid)?, valid)));
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, valid)| valid)
}

/// Returns the distance of a name from a valid one, if they differ and are near each other: in a
/// few letters, only in case, or because the name is a prefix of the valid one.
pub(crate) fn distance(name: &str, valid: &str) -> Option<usize> {
    if name == valid || name.len().max(valid.len()) > NAME_BYTES_MAX {
        return None;
    }
    let (name, valid) = (name.to_lowercase(), valid.to_lowercase());
    let letters = name.chars().count();
    if letters >= PREFIX_LETTERS_MIN && valid.starts_with(&name) {
        return Some(usize::from(name != valid));
    }
    let valid_letters = valid.chars().count();
    let longer = letters.max(valid_letters);
    // In names of two letters, one letter is half of the name.
    let most = if longer < 3 { 0 } else { (longer + 1) / 3 };
    // The distance is at least that of the lengths, and takes long to compute.
    if letters.abs_diff(valid_letters) > most {
        return None;
    }
    let distance = strsim::osa_distance(&name, &valid);
    (distance <= most).then_some(distance)
}

/// Parses a level as the library does; an error suggests the nearest one.
pub(crate) fn parse_level(text: &str) -> Result<Level, String> {
    text.parse::<Level>()
        .map_err(|error| with_nearest_level(&error, text))
}

/// Parses a range of levels as the library does; an error suggests the nearest level.
pub(crate) fn parse_levels(text: &str) -> Result<Levels, String> {
    text.parse::<Levels>()
        .map_err(|error| with_nearest_level(&error, text))
}

/// Parses a condition as the library does; an error suggests the nearest level.
pub(crate) fn parse_condition(text: &str) -> Result<Term, String> {
    text.parse::<Term>()
        .map_err(|error| match text.split_once(is_operator) {
            Some((key, levels)) if key.trim() == "level" => {
                let error = with_nearest_level(&error, levels);
                format!("{error}; `properties.level` is the property of that name")
            }
            Some((key, _)) if key.trim() == "timestamp" => {
                format!("{error}; `properties.timestamp` is the property of that name")
            }
            Some(_) | None => error.to_string(),
        })
}

/// Describes how records are selected by a word that is not a condition.
pub(crate) fn uses_of_word(word: &str) -> String {
    let mut uses = Vec::new();
    if Filter::new().grep(word).is_ok() {
        uses.push(format!("to search for the text: `-g {}`", ShellWord(word)));
    }
    if word.parse::<Level>().is_ok() {
        uses.push(format!("for the level: `-l {}`", ShellWord(word)));
    }
    if Term::has(word).is_ok() {
        uses.push(format!(
            "for a key: `{word}=…` or `--has {}`",
            ShellWord(word)
        ));
    }
    uses.join("; ")
}

/// Parses a key of a condition as the library does, and returns the condition that a record has it.
pub(crate) fn parse_present_key(text: &str) -> Result<Term, String> {
    Term::has(text).map_err(|error| error.to_string())
}

/// Parses a key of a condition as the library does, and returns the condition that a record lacks
/// it.
pub(crate) fn parse_absent_key(text: &str) -> Result<Term, String> {
    Term::lacks(text).map_err(|error| error.to_string())
}

/// Returns `true` for a character of a comparison.
pub(crate) fn is_operator(letter: char) -> bool {
    "=!<>~".contains(letter)
}

/// Adds the level that is nearest to the first word of an invalid text to the error.
fn with_nearest_level(error: &localtel::Error, text: &str) -> String {
    let mut words = text
        .split(|letter| is_operator(letter) || letter == '.')
        .map(str::trim)
        .filter(|word| word.parse::<Level>().is_err());
    let near = words.find_map(|word| nearest(word, LEVEL_WORDS)?.parse::<Level>().ok());
    match near {
        Some(level) => {
            let level = level.as_str().to_ascii_lowercase();
            format!("{error}; did you mean `{level}`?")
        }
        None => error.to_string(),
    }
}

/// Returns a suggestion if the named application or profile has no telemetry and one with a similar
/// name has: the command for that one.
pub(crate) fn similar_name(
    location: &Location,
    environment: &Environment,
    command: &str,
) -> Option<String> {
    let near = near(location, environment)?;
    let reason = if near.name() == location.name() {
        format!("{location} had no profile `{}`", location.profile())
    } else {
        format!("there was no telemetry of `{location}`")
    };
    let command = near.command(command);
    Some(format!("{reason}; did you mean `{command}`?"))
}

/// Finds the telemetry nearest to a location that has none: of another profile of the application
/// or, if it has no profile at all, of another application.
pub(crate) fn near(location: &Location, environment: &Environment) -> Option<Location> {
    if location.command_name().is_some() {
        return None;
    }
    let profiles = location.profiles().ok()?;
    if !profiles.is_empty() {
        let names: Vec<&str> = profiles.iter().map(|one| one.profile().as_str()).collect();
        let name = location.profile().as_str();
        if names.contains(&name) {
            return None;
        }
        let near = nearest(name, names)?.parse().ok()?;
        return Some(location.with_profile(near));
    }
    // A directory given with `--dir` is not a mistyped name.
    let place = |one: &Location| {
        let (leaf, state) = (one.base().file_name()?, one.base().ancestors().nth(2)?);
        Some((leaf.to_owned(), state.to_owned()))
    };
    let mut beside = Location::all(environment).ok()?;
    beside.retain(|one| place(one) == place(location));
    let names = beside.iter().filter_map(Location::name).map(Source::as_str);
    let near = nearest(location.name()?.as_str(), names)?.to_owned();
    let mut beside = beside.into_iter();
    let near = beside.find(|one| one.name().is_some_and(|name| name.as_str() == near))?;
    Some(near.with_profile(location.profile().clone()))
}

/// Checks that each word in the position of a command is a command of `definition`.
///
/// # Errors
///
/// Returns the parser's error for the first other word, with a suggestion.
pub(crate) fn check_commands(matches: &ArgMatches, definition: &Command) -> Result<(), ParseError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(());
    };
    match definition.find_subcommand(name) {
        Some(command) => check_commands(matches, command),
        None => Err(unknown_command(name, definition)),
    }
}

/// Returns the parser's error for a word or a flag that `command` does not define.
pub(crate) fn unknown_flag(word: &str, command: &Command) -> ParseError {
    let flag = word.split_once('=').map_or(word, |(flag, _)| flag);
    let usage = command.clone().render_usage();
    let mut error = ParseError::new(ErrorKind::UnknownArgument).with_cmd(command);
    let flag = ContextValue::String(flag.to_owned());
    error.insert(ContextKind::InvalidArg, flag);
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    suggest_flag(&mut error, &[], command);
    error
}

/// Returns the parser's error for a word that is not a command of `parent`.
fn unknown_command(word: &str, parent: &Command) -> ParseError {
    let tables: &[&[UsualWords]] = match parent.get_name() {
        "localtel" => &[&COMMAND_WORDS, &PROGRAM_WORDS],
        "policy" => &[&POLICY_WORDS],
        _ => &[&COMMAND_WORDS],
    };
    let usual: Vec<(&str, &'static str)> = tables
        .iter()
        .copied()
        .flatten()
        .flat_map(|(words, advice)| words.split(' ').map(|word| (word, *advice)))
        .collect();
    let commands = parent.get_subcommands().map(Command::get_name);
    let names: Vec<&str> = commands
        .filter(|name| *name != CLEAR)
        .chain(usual.iter().map(|(word, _)| *word))
        .collect();
    let lower = word.to_lowercase();
    let exact = names.iter().copied().find(|name| *name == lower);
    let nearest_name = exact.or_else(|| nearest(word, names));
    let advice = usual.iter().find(|(word, _)| Some(*word) == nearest_name);
    // Conditions belong to `show`.
    let is_condition = word.contains(is_operator) && parent.find_subcommand("show").is_some();
    let mut error = ParseError::new(ErrorKind::InvalidSubcommand).with_cmd(parent);
    let unknown = ContextValue::String(word.to_owned());
    error.insert(ContextKind::InvalidSubcommand, unknown);
    if let Some((_, advice)) = advice {
        insert_tip(&mut error, *advice);
    } else if let Some(command) = nearest_name {
        let command = ContextValue::String(command.to_owned());
        error.insert(ContextKind::SuggestedSubcommand, command);
    } else if is_condition {
        insert_tip(
            &mut error,
            format!("conditions follow `show`: `show {}`", ShellWord(word)),
        );
    }
    error
}

fn insert_tip(error: &mut ParseError, tip: impl Into<StyledStr>) {
    let tips = ContextValue::StyledStrs(vec![tip.into()]);
    error.insert(ContextKind::Suggested, tips);
}

/// Replaces the parser's suggestion for an unknown flag, since the parser also suggests distant
/// names.
pub(crate) fn suggest_flag(error: &mut ParseError, words: &[OsString], definition: &Command) {
    let flag = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => flag.clone(),
        (_, _) => return,
    };
    let name = flag.trim_start_matches('-');
    let command = words.iter().fold(definition, |command, word| {
        command.find_subcommand(word).unwrap_or(command)
    });
    let arguments = command.get_arguments().chain(definition.get_arguments());
    let flags: Vec<&str> = arguments
        .filter_map(Arg::get_long)
        .chain(["help", "version"])
        .filter(|long| *long != CLEAR)
        .collect();
    let usual = FLAG_WORDS
        .iter()
        .find(|(words, _)| words.split(' ').any(|word| word == name))
        .map(|(_, long)| *long)
        .filter(|long| flags.contains(long));
    for kind in [ContextKind::Suggested, ContextKind::Usage] {
        let has_clear = |value: &ContextValue| value.to_string().contains(CLEAR);
        if error.get(kind).is_some_and(has_clear) {
            error.remove(kind);
        }
    }
    error.remove(ContextKind::SuggestedArg);
    if let Some(long) = usual.or_else(|| nearest(name, flags)) {
        let long = ContextValue::String(format!("--{long}"));
        error.insert(ContextKind::SuggestedArg, long);
    } else if let Some(show) = definition.find_subcommand("show")
        && show.get_arguments().any(|arg| arg.get_long() == Some(name))
    {
        insert_tip(error, format!("`show` has this option: `show {flag}`"));
    }
}

/// The command and the flag that are never suggested.
const CLEAR: &str = "clear";

/// Words for levels, of which the nearest one is suggested.
const LEVEL_WORDS: [&str; 9] = [
    "trace", "debug", "info", "warn", "warning", "error", "fatal", "critical", "notice",
];

/// Shorter words are prefixes of too many names.
const PREFIX_LETTERS_MIN: usize = 3;

/// Longer names are not compared: that takes time, and they are not mistyped.
const NAME_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Subcommand as _};

    use super::*;
    use crate::args::{AppCommand, Arguments};

    fn hint_for(line: &str) -> String {
        let definition = Arguments::command();
        let words = std::iter::once("localtel").chain(line.split(' '));
        let matches = definition.clone().try_get_matches_from(words).unwrap();
        let error = check_commands(&matches, &definition).unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_name_is_near_if_few_letters_differ() {
        for (name, valid, expected) in [
            ("bilng", "billing", Some(2)),
            ("comand", "command", Some(1)),
            ("wran", "warn", Some(1)),
            ("Billing", "billing", Some(0)),
            ("stat", "status", Some(1)),
            ("naïv", "naive", Some(2)),
            ("billing", "billing", None),
            ("on", "run", None),
            ("db", "web", None),
            ("grep", "report", None),
            ("", "a", None),
            ("", "abc", None),
            ("o", "on", None),
            ("lr", "ls", None),
        ] {
            assert_eq!(distance(name, valid), expected, "{name} {valid}");
        }
        let long = "x".repeat(1 << 20);
        assert_eq!(distance(&long, &format!("{long}x")), None);
    }

    #[test]
    fn the_nearest_of_several_names_is_taken() {
        let names = ["show", "shop", "status"];
        assert_eq!(nearest("shwo", names), Some("show"));
        assert_eq!(nearest("statsu", names), Some("status"));
        assert_eq!(nearest("xyzzy", names), None);
    }

    #[test]
    fn usual_words_are_unique_and_not_commands() {
        let mut arguments = Arguments::command();
        arguments.build();
        let policy = arguments.find_subcommand("policy").unwrap();
        let of_all = COMMAND_WORDS.iter().chain(&PROGRAM_WORDS);
        for (table, command) in [
            (of_all.collect::<Vec<_>>(), &arguments),
            (POLICY_WORDS.iter().collect(), policy),
        ] {
            let words = table.iter().flat_map(|(words, _)| words.split(' '));
            let words: Vec<&str> = words.collect();
            for word in &words {
                let is_command = command.find_subcommand(word).is_some();
                assert!(*word == "clear" || !is_command, "{word}");
                let count = words.iter().filter(|other| *other == word).count();
                assert_eq!(count, 1, "{word}");
            }
        }
    }

    #[test]
    fn suggestions_name_existing_commands() {
        let embedded = AppCommand::augment_subcommands(Command::new("telemetry"));
        let program = Arguments::command();
        let policy = embedded.find_subcommand("policy").unwrap();
        for (table, command) in [
            (&COMMAND_WORDS as &[UsualWords], &embedded),
            (&PROGRAM_WORDS, &program),
            (&POLICY_WORDS, policy),
        ] {
            for (words, advice) in table {
                for line in advice.split('`').skip(1).step_by(2) {
                    let name = line.split(' ').next().unwrap();
                    let is_there =
                        name.starts_with("--") || command.find_subcommand(name).is_some();
                    assert!(is_there && !line.contains("clear"), "{words}: {line}");
                }
            }
        }
    }

    #[test]
    fn no_mistyped_word_suggests_clear() {
        let letters: Vec<char> = "clear".chars().collect();
        let mut words: Vec<String> = ["CLEAR", "clear-all", "clears", "cle", "claer", "clean"]
            .map(str::to_owned)
            .into();
        for at in 0..letters.len() {
            let (before, behind) = letters.split_at(at);
            let typed = |parts: &[&[char]]| parts.concat().into_iter().collect::<String>();
            words.push(typed(&[before, &behind[1..]]));
            for letter in ['a', 'e', 'n', 's', 'x'] {
                words.push(typed(&[before, &[letter], behind]));
                words.push(typed(&[before, &[letter], &behind[1..]]));
            }
            if let [first, second, rest @ ..] = behind {
                words.push(typed(&[before, &[*second, *first], rest]));
            }
        }
        for word in words.iter().filter(|word| *word != "clear") {
            let text = hint_for(word);
            let (_typed, message) = text.split_once('\n').unwrap();
            assert!(!message.contains("clear"), "{word}: {text}");
        }
    }

    #[test]
    fn a_condition_without_a_command_leads_to_show() {
        for (line, expected) in [
            ("level=warn", "`show level=warn`"),
            ("duration>5", "`show 'duration>5'`"),
        ] {
            let text = hint_for(line);
            assert!(text.contains(expected), "{line}: {text}");
        }
    }
}
