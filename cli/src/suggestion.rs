//! What was probably meant by a name that is not valid: the nearest valid one or, for the usual words of other tools,
//! the command that does it here. `clear` is never suggested: a wrong word must not lead to removing data.
//!
//! Each suggestion is a command line that works, with the words that name the telemetry as they were typed.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error as ParseError, ErrorKind};
use clap::{Arg, ArgMatches, Command};

use super::failure::Failure;
use super::selection::SelectionArgs;
use super::usual_words::{COMMAND_WORDS, FLAG_WORDS, POLICY_WORDS, UsualWords};
use localtel::Level;
use localtel::admin::{Environment, Location, ShellWord, Source};
use localtel::read::{Filter, Levels, Term};

/// Returns the valid name that is nearest to one that is not, if one is near.
pub(crate) fn nearest<'v>(name: &str, valid: impl IntoIterator<Item = &'v str>) -> Option<&'v str> {
    nearest_by(name, valid, |valid| valid)
}

fn nearest_by<T>(
    name: &str,
    valid: impl IntoIterator<Item = T>,
    name_of: impl Fn(&T) -> &str,
) -> Option<T> {
    let near = valid
        .into_iter()
        .filter_map(|valid| Some((distance(name, name_of(&valid))?, valid)));
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, valid)| valid)
}

/// Returns how far a name is from a valid one, if it is another and they are near each other: a few letters differ, only
/// upper and lower case, or it is where the valid one begins.
pub(crate) fn distance(name: &str, valid: &str) -> Option<usize> {
    if name == valid || name.len().max(valid.len()) > NAME_BYTES_MAX {
        return None;
    }
    let (name, valid) = (name.to_lowercase(), valid.to_lowercase());
    let letters = name.chars().count();
    if letters >= PREFIX_LETTERS_MIN && valid.starts_with(&name) {
        return Some(usize::from(name != valid));
    }
    let of_valid = valid.chars().count();
    let longer = letters.max(of_valid);
    // Of two letters each is half of the name.
    let most = if longer < 3 { 0 } else { (longer + 1) / 3 };
    if letters.abs_diff(of_valid) > most {
        return None;
    }
    let distance = strsim::osa_distance(&name, &valid);
    (distance <= most).then_some(distance)
}

/// Parses a level as the library does; an error suggests the nearest one.
pub(crate) fn parse_level(text: &str) -> Result<Level, String> {
    text.parse::<Level>()
        .map_err(|error| or_rather(&error, nearest_level(text)))
}

/// Parses a range of levels as the library does; an error suggests the nearest one.
pub(crate) fn parse_levels(text: &str) -> Result<Levels, String> {
    text.parse::<Levels>().map_err(|error| {
        let near = |part: &str| nearest_level(part).unwrap_or(part.trim().to_owned());
        let near = match (text.trim().strip_prefix('='), text.split_once("..")) {
            (Some(only), _) => format!("={}", near(only)),
            (None, Some((least, most))) => format!("{}..{}", near(least), near(most)),
            (None, None) => near(text),
        };
        or_rather(&error, near.parse::<Levels>().is_ok().then_some(near))
    })
}

/// Parses a condition as the library does; an error suggests the nearest level, or where to look for a text.
pub(crate) fn parse_condition(text: &str) -> Result<Term, String> {
    text.parse::<Term>().map_err(|error| {
        let is_operator = |letter| "=!<>~".contains(letter);
        let near = text.split_once(is_operator).and_then(|(key, rest)| {
            let value = rest.trim_start_matches(is_operator);
            let operator = text.strip_prefix(key)?.strip_suffix(value)?;
            let near = format!("{key}{operator}{}", nearest_level(value)?);
            near.parse::<Term>().is_ok().then_some(near)
        });
        let is_word = !text.contains(is_operator) && is_expression(text);
        match near {
            None if is_word => {
                format!("{error}; `--grep {}` finds a text", ShellWord(text))
            }
            near => or_rather(&error, near),
        }
    })
}

/// Adds what was probably meant to an error.
fn or_rather(error: &localtel::Error, near: Option<String>) -> String {
    match near {
        Some(near) => format!("{error}; did you mean `{near}`?"),
        None => error.to_string(),
    }
}

/// Returns the name of the level that a text probably means.
fn nearest_level(text: &str) -> Option<String> {
    let text = text.trim();
    let level = match text.parse::<Level>() {
        Ok(level) => level,
        Err(_) => nearest(text, LEVEL_WORDS)?.parse().ok()?,
    };
    Some(level.as_str().to_ascii_lowercase())
}

/// Returns what was probably meant by a command line, without the program's name, where the application or profile that it
/// names has no telemetry and one with a name near it has.
pub(crate) fn misnamed(
    words: &[OsString],
    selection: &SelectionArgs,
    location: &Location,
    environment: &Environment,
) -> Option<String> {
    let near = near(location, environment)?;
    if near.name() == location.name() {
        let name = location.profile().as_str();
        let line = with_value(words, "--profile", name, near.profile().as_str());
        return Some(format!(
            "{location} had no profile `{name}`; did you mean `{line}`?"
        ));
    }
    let name = selection.app.as_ref()?.as_str();
    let line = with_value(words, "--app", name, near.name()?.as_str());
    Some(format!(
        "there was no telemetry of `{name}`; did you mean `{line}`?"
    ))
}

/// Finds the telemetry that was probably meant where a location has none: the same application's of another profile or,
/// where there is no profile at all, another application's beside it.
pub(crate) fn near(location: &Location, environment: &Environment) -> Option<Location> {
    if location.commands_called().is_some() {
        return None;
    }
    let profiles = location.profiles().ok()?;
    if !profiles.is_empty() {
        let name = location.profile();
        let is_there = profiles.iter().any(|one| one.profile() == name);
        let near = nearest_by(name.as_str(), profiles, |one| one.profile().as_str());
        return near.filter(|_| !is_there);
    }
    // A directory of its own is no mistyped name.
    let lies = |one: &Location| {
        let (leaf, state) = (one.base().file_name()?, one.base().ancestors().nth(2)?);
        Some((leaf.to_owned(), state.to_owned()))
    };
    let mut beside = Location::all(environment).ok()?;
    beside.retain(|one| lies(one) == lies(location));
    let name = location.name()?.as_str();
    let near = nearest_by(name, beside, |one| one.name().map_or("", Source::as_str))?;
    Some(near.with_profile(location.profile().clone()))
}

/// Returns the command line that looks at the telemetry which another names, so that nothing is done to telemetry that
/// was not named.
pub(crate) fn look_first(words: &[OsString]) -> Vec<OsString> {
    let (place, _) = split_place(words);
    let status = std::iter::once("status".to_owned());
    place
        .into_iter()
        .chain(status)
        .map(OsString::from)
        .collect()
}

/// Returns a command line with another value of a flag.
fn with_value(words: &[OsString], flag: &str, value: &str, other: &str) -> String {
    let mut words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let joined = format!("{flag}={value}");
    // What follows the first belongs to a command to run.
    if let Some(at) = words
        .iter()
        .position(|word| word == flag || *word == joined)
    {
        let at_value = at + usize::from(words.get(at).is_some_and(|word| word == flag));
        if let Some(word) = words.get_mut(at_value) {
            *word = word.replace(value, other);
        }
    }
    let words: Vec<String> = words
        .iter()
        .map(|word| ShellWord(word).to_string())
        .collect();
    format!("localtel {}", words.join(" "))
}

/// Returns the complaint about a command line, without the program's name, that cannot be parsed, where the reason is a
/// command or a flag that is not there.
pub(crate) fn of_parser(
    error: &ParseError,
    words: &[OsString],
    definition: &Command,
) -> Option<Failure> {
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::InvalidSubcommand, _) => {
            let mut words = words.to_vec();
            if let Some(at) = words.iter().position(|word| word == "help") {
                words.remove(at);
                words.push(HELP.into());
            }
            Some(unknown_command(&words, definition))
        }
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) if flag.starts_with('-') => {
            Some(unknown_flag(flag, words, definition))
        }
        _ => None,
    }
}

/// Returns the complaint about a command line, without the program's name, in which a word stands for a command that
/// `definition` does not have.
pub(crate) fn unknown_command(words: &[OsString], definition: &Command) -> Failure {
    let (place, words) = split_place(words);
    let (command, mut line) = TypedLine::new(definition, &place, &words);
    let (unknown, rest) = line.rest.split_first().unzip();
    let unknown = unknown.map_or("", String::as_str);
    line.rest = rest.unwrap_or_default();
    let hint = line.instead_of_command(unknown, command);
    let shown = [line.known, &[unknown.to_owned()]].concat().join(" ");
    Failure::usage(format!("`{shown}` is not a command")).hint(hint)
}

/// Returns the words from the command on, if one of them stands for a command that `definition` does not have.
pub(crate) fn unknown_in(matches: &ArgMatches, definition: &Command) -> Option<Vec<OsString>> {
    let (name, matches) = matches.subcommand()?;
    let behind = if let Some(command) = definition.find_subcommand(name) {
        unknown_in(matches, command)?
    } else {
        // An external subcommand has the words behind it under an empty id.
        let words = matches.get_many::<OsString>("");
        words.into_iter().flatten().cloned().collect()
    };
    Some([vec![name.into()], behind].concat())
}

/// Returns the complaint about a command line with a flag that its command does not have.
pub(crate) fn unknown_flag(flag: &str, words: &[OsString], definition: &Command) -> Failure {
    let flag = flag.split('=').next().unwrap_or(flag);
    let (place, words) = split_place(words);
    let (command, line) = TypedLine::new(definition, &place, &words);
    let hint = line.instead_of_flag(flag, command);
    let command = [&["localtel".to_owned()], line.known].concat().join(" ");
    Failure::usage(format!("`{command}` has no flag `{flag}`")).hint(hint)
}

/// Splits a command line into the words that name the telemetry and all others.
fn split_place(words: &[OsString]) -> (Vec<String>, Vec<String>) {
    let (mut place, mut others) = (Vec::new(), Vec::new());
    let mut words = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == "--" {
            others.push(word.into_owned());
            others.extend(words.map(Cow::into_owned));
            break;
        }
        let name = word.split_once('=').map_or(&*word, |(name, _)| name);
        if !PLACE_FLAGS.contains(&name) {
            others.push(word.into_owned());
            continue;
        }
        if name != word {
            place.push(word.into_owned());
        } else if let Some(value) = words.next() {
            place.extend([word.into_owned(), value.into_owned()]);
        }
    }
    (place, others)
}

/// A command line that cannot be parsed.
struct TypedLine<'a> {
    definition: &'a Command,
    /// The words that name the telemetry.
    place: &'a [String],
    /// The commands that there are.
    known: &'a [String],
    /// What follows them, or the word that is not one.
    rest: &'a [String],
}

impl<'a> TypedLine<'a> {
    /// Returns the command that a line calls, and the line split behind the words that name it.
    fn new<'d: 'a>(
        definition: &'d Command,
        place: &'a [String],
        words: &'a [String],
    ) -> (&'d Command, Self) {
        let mut command = definition;
        let mut known = 0;
        while let Some(below) = words
            .get(known)
            .and_then(|word| command.find_subcommand(word))
        {
            command = below;
            known += 1;
        }
        let (known, rest) = words.split_at(known);
        let line = Self {
            definition,
            place,
            known,
            rest,
        };
        (command, line)
    }

    /// Returns what to do instead, where a word stands for a command below `command`.
    fn instead_of_command(&self, unknown: &str, command: &Command) -> String {
        let usual: &[UsualWords] = match self.known {
            [] => &COMMAND_WORDS,
            [policy] if policy == "policy" => &POLICY_WORDS,
            [..] => &[],
        };
        let commands = command
            .get_subcommands()
            .map(Command::get_name)
            .filter(|name| *name != "clear");
        let usual_words = usual.iter().flat_map(|(words, _)| words.split(' '));
        let lower = unknown.to_lowercase();
        let meant = usual_words
            .clone()
            .find(|word| *word == lower)
            .or_else(|| nearest(unknown, commands.chain(usual_words)));
        let advice = meant.and_then(|meant| {
            let usual = usual
                .iter()
                .find(|(words, _)| words.split(' ').any(|word| word == meant));
            match usual {
                Some((_, advice)) => self.filled_in(advice),
                None => self
                    .corrected(meant)
                    .map(|line| format!("did you mean `{line}`?")),
            }
        });
        // Conditions are what `show` takes.
        let conditions = [&[unknown.to_owned()], self.rest].concat();
        let shown = || Some(format!("did you mean `{}`?", self.of_show(&conditions)?));
        advice
            .or_else(shown)
            .unwrap_or_else(|| format!("`{}` lists the commands", self.line(&[HELP.to_owned()])))
    }

    /// Returns what to do instead, where a flag is none of `command`.
    fn instead_of_flag(&self, flag: &str, command: &Command) -> String {
        let near = flag_instead_of(flag, command);
        let corrected = near
            .and_then(|near| self.with_flag(flag, &near))
            .or_else(|| self.of_show(self.rest));
        match corrected {
            Some(line) => format!("did you mean `{line}`?"),
            None => format!("`{}` lists the flags", self.line(&[HELP.to_owned()])),
        }
    }

    /// Returns the command line with a flag in place of another, if that is valid.
    fn with_flag(&self, flag: &str, near: &str) -> Option<String> {
        let mut words = self.rest.to_vec();
        let typed = words
            .iter_mut()
            .find(|word| word.split('=').next() == Some(flag))?;
        *typed = typed.replacen(flag, near, 1);
        self.is_valid(&words).then(|| self.line(&words))
    }

    /// Returns the command line with `show` before these words, if no command was named and that is valid.
    fn of_show(&self, words: &[String]) -> Option<String> {
        if !self.known.is_empty() {
            return None;
        }
        let words = [&["show".to_owned()], words].concat();
        self.is_valid(&words).then(|| self.line(&words))
    }

    /// Returns the command line with the command that was meant: with all else as it was typed, if that is valid.
    fn corrected(&self, meant: &str) -> Option<String> {
        let meant = [meant.to_owned()];
        let help = [HELP.to_owned()];
        [self.rest, &[], &help]
            .into_iter()
            .map(|rest| [&meant, rest].concat())
            .find(|words| self.is_valid(words))
            .map(|words| self.line(&words))
    }

    /// Returns advice with the command lines in it complete, if this program has all of them.
    fn filled_in(&self, advice: &str) -> Option<String> {
        let text = self.text().filter(|text| is_expression(text));
        let mut filled_in = String::new();
        for (index, part) in advice.split('`').enumerate() {
            if index % 2 == 0 {
                filled_in.push_str(part);
                continue;
            }
            let words: Vec<String> = part
                .split(' ')
                .map(|word| match text {
                    Some(text) if word == "TEXT" => text.clone(),
                    Some(_) | None => word.to_owned(),
                })
                .collect();
            if !self.is_valid(&words) {
                return None;
            }
            filled_in.extend(["`", &self.line(&words), "`"]);
        }
        Some(filled_in)
    }

    /// Returns the first word that is neither a flag nor, as far as that can be told, the value of one.
    fn text(&self) -> Option<&String> {
        let mut before = "";
        self.rest.iter().find(|word| {
            let is_number = word.parse::<u64>().is_ok();
            let is_value = before.starts_with("--") || before.starts_with('-') && is_number;
            before = if word.contains('=') { "" } else { word };
            !word.starts_with('-') && !is_value
        })
    }

    /// Returns `true` if the program can parse a command line that ends in these words.
    fn is_valid(&self, words: &[String]) -> bool {
        let all = [self.place, self.known, words].concat();
        let program = std::iter::once("localtel".to_owned());
        let matches = match self
            .definition
            .clone()
            .try_get_matches_from(program.chain(all))
        {
            Ok(matches) => matches,
            // Help was asked for.
            Err(error) => return !error.use_stderr(),
        };
        unknown_in(&matches, self.definition).is_none()
    }

    /// Writes a command line that ends in these words.
    fn line(&self, words: &[String]) -> String {
        let all = [self.place, self.known, words].concat();
        let words: Vec<String> = all.iter().map(|word| ShellWord(word).to_string()).collect();
        format!("localtel {}", words.join(" "))
    }
}

/// Returns the flag of a command that was probably meant by one that it does not have.
fn flag_instead_of(flag: &str, command: &Command) -> Option<String> {
    let name = flag.trim_start_matches('-');
    let has_short = |short: &char| {
        command
            .get_arguments()
            .any(|arg| arg.get_short() == Some(*short))
    };
    let mut letters = name.chars();
    if let (Some(short), None) = (letters.next().filter(has_short), letters.next()) {
        return Some(format!("-{short}"));
    }
    let flags = ["app", "dir", "profile", "help", "version"];
    let own = command.get_arguments().filter_map(Arg::get_long);
    let flags: Vec<&str> = own.chain(flags).filter(|long| *long != "clear").collect();
    let usual = FLAG_WORDS
        .iter()
        .find(|(words, long)| words.split(' ').any(|word| word == name) && flags.contains(long));
    let near = usual
        .map(|(_, long)| *long)
        .or_else(|| nearest(name, flags))?;
    Some(format!("--{near}"))
}

/// Returns `true` if a text can be looked for as it is.
fn is_expression(text: &str) -> bool {
    Filter::new().grep(text).is_ok()
}

const HELP: &str = "--help";

/// The words that say how severe something is, of which the nearest is looked for.
const LEVEL_WORDS: [&str; 9] = [
    "trace", "debug", "info", "warn", "warning", "error", "fatal", "critical", "notice",
];

/// The flags that name the telemetry.
const PLACE_FLAGS: [&str; 3] = ["--app", "--dir", "--profile"];

/// Shorter words are where many names begin.
const PREFIX_LETTERS_MIN: usize = 3;

/// Longer names are not compared: that takes time, and they are not mistyped.
const NAME_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn hint_for(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        unknown_command(&words, &Arguments::command()).text()
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
    fn usual_words_are_not_commands_and_stand_once() {
        let mut arguments = Arguments::command();
        arguments.build();
        let policy = arguments.find_subcommand("policy").unwrap();
        for (table, command) in [
            (&COMMAND_WORDS as &[UsualWords], &arguments),
            (&POLICY_WORDS, policy),
        ] {
            let words: Vec<&str> = table
                .iter()
                .flat_map(|(words, _)| words.split(' '))
                .collect();
            for word in &words {
                let is_command = command.find_subcommand(word).is_some();
                assert!(*word == "clear" || !is_command, "{word}");
                let count = words.iter().filter(|other| *other == word).count();
                assert_eq!(count, 1, "{word}");
            }
        }
    }

    #[test]
    fn each_usual_word_has_advice_that_can_be_typed() {
        let tables: [(&str, &[UsualWords]); 2] = [("", &COMMAND_WORDS), ("policy ", &POLICY_WORDS)];
        for (path, table) in tables {
            for word in table.iter().flat_map(|(words, _)| words.split(' ')) {
                if path.is_empty() && word == "clear" {
                    continue;
                }
                let text = hint_for(&format!("--app shop {path}{word}"));
                assert!(!text.contains("lists the commands"), "{word}: {text}");
                let line = format!("`localtel --app shop {path}");
                assert!(text.contains(&line), "{word}: {text}");
            }
        }
    }

    #[test]
    fn nothing_that_is_mistyped_suggests_clear() {
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
            assert!(!text.contains("localtel clear"), "{word}: {text}");
            assert!(text.contains("\nhint: `localtel "), "{word}: {text}");
        }
    }

    #[test]
    fn a_word_behind_is_looked_for_as_a_shell_reads_it() {
        for (line, expected) in [
            ("grep -i timeout", "show --grep timeout`"),
            ("grep a>1", "show --grep 'a>1'`"),
            ("grep -A 5 --color always error x", "show --grep error`"),
            ("grep --count", "show --grep TEXT`"),
            ("grep error --app", "`localtel show --grep error`"),
            ("grep (", "show --grep TEXT`"),
            ("grep --app shop error", "--app shop show --grep error`"),
            ("grep error --dir=/tmp/a", "--dir=/tmp/a show --grep error`"),
        ] {
            let text = hint_for(line);
            assert!(text.contains(expected), "{line}: {text}");
        }
    }

    #[test]
    fn all_else_stays_as_it_was_typed_if_it_can_be_parsed() {
        for (line, expected) in [
            ("shwo -n 3 event=a", "`localtel show -n 3 event=a`"),
            ("shwo --nonsense", "`localtel show`"),
            ("recrod", "`localtel record --help`"),
            ("polcy set", "`localtel policy`"),
            (
                "level=warn duration>5",
                "`localtel show level=warn 'duration>5'`",
            ),
            ("foo bar", "`localtel --help`"),
            (
                "--profile work Status --json",
                "`localtel --profile work status --json`",
            ),
        ] {
            let text = hint_for(line);
            assert!(text.contains(expected), "{line}: {text}");
        }
    }
}
