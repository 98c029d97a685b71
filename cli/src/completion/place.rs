//! The place of a command line at which a user types: the command, the options before it, and what
//! the next word can be. It follows clap's definition of the commands, as the parser does, and
//! accepts lines that the parser would refuse, for they are not complete.

use clap::{Arg, Command};

/// A place in a command line.
#[derive(Debug)]
pub(super) struct Place<'c> {
    /// The whole program.
    pub(super) root: &'c Command,
    /// The command.
    pub(super) command: &'c Command,
    /// The values of options that were typed, by the ids of the options.
    pub(super) options: Vec<(&'c str, String)>,
    /// The values without an option that were typed.
    pub(super) values: Vec<String>,
    /// What is typed there.
    pub(super) word: Word<'c>,
}

/// A word that is being typed.
#[derive(Debug)]
pub(super) enum Word<'c> {
    /// The name of a command below this one, or a value of the positional argument.
    Free {
        /// The positional argument, if there is one.
        arg: Option<&'c Arg>,
        typed: String,
    },
    /// The name of an option.
    Option { typed: String },
    /// A value of an option.
    Value {
        arg: &'c Arg,
        /// The part of the word before the value, such as `--level=`.
        before: String,
        typed: String,
    },
}

/// What words mean after those that were read.
#[derive(Debug, Clone, Copy)]
enum State<'c> {
    /// Options, commands and values.
    Any,
    /// The value of an option.
    ValueOf(&'c Arg),
    /// Only values, after `--`.
    Values,
}

impl<'c> Place<'c> {
    /// Finds the place after whole words, of which the first is the program; `root` must be built.
    pub(super) fn find(root: &'c Command, words: &[String], typed: &str) -> Self {
        let mut command = root;
        let mut options = Vec::new();
        let mut state = State::Any;
        let mut values: Vec<String> = Vec::new();
        for word in words.iter().skip(1) {
            match (state, option_in(command, word)) {
                (State::ValueOf(arg), _) => {
                    options.push((arg.get_id().as_str(), word.clone()));
                    state = State::Any;
                }
                (State::Any, _) if word == "--" => state = State::Values,
                (State::Any, Some((arg, "", _))) if !word.contains('=') => {
                    state = State::ValueOf(arg);
                }
                (State::Any, Some((arg, value, _))) => {
                    options.push((arg.get_id().as_str(), value.to_owned()));
                }
                (State::Any, None) if word.starts_with('-') && word.len() > 1 => {}
                (State::Any, None) => match command.find_subcommand(word) {
                    Some(below) if values.is_empty() => command = below,
                    Some(_) | None => values.push(word.clone()),
                },
                (State::Values, _) => values.push(word.clone()),
            }
        }
        let word = Word::of(command, state, values.len(), typed);
        Self {
            root,
            command,
            options,
            values,
            word,
        }
    }

    /// Returns the values of an option.
    pub(super) fn values_of(&self, id: &str) -> impl Iterator<Item = &str> {
        let typed = self.options.iter().filter(move |(own, _)| *own == id);
        typed.map(|(_, value)| value.as_str())
    }
}

impl<'c> Word<'c> {
    fn of(command: &'c Command, state: State<'c>, values: usize, typed: &str) -> Self {
        let typed = typed.to_owned();
        match (state, option_in(command, &typed)) {
            (State::ValueOf(arg), _) => Self::Value {
                arg,
                before: String::new(),
                typed,
            },
            (State::Any, Some((arg, value, before)))
                if before.ends_with('=') || !value.is_empty() =>
            {
                Self::Value {
                    arg,
                    before: before.to_owned(),
                    typed: value.to_owned(),
                }
            }
            (State::Any, _) if typed.starts_with('-') => Self::Option { typed },
            (State::Any | State::Values, _) => {
                let all: Vec<&Arg> = command.get_positionals().collect();
                let last = all.last().filter(|last| is_repeated(last));
                Self::Free {
                    arg: all.get(values).or(last).copied(),
                    typed,
                }
            }
        }
    }
}

fn is_repeated(arg: &Arg) -> bool {
    arg.get_num_args()
        .is_some_and(|count| count.max_values() > 1)
        || matches!(arg.get_action(), clap::ArgAction::Append)
}

/// Returns the option with a value that a word holds, its value if that is in the word too, and the
/// part of the word before the value.
fn option_in<'c, 'w>(command: &'c Command, word: &'w str) -> Option<(&'c Arg, &'w str, &'w str)> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').unwrap_or((long, ""));
        let arg = with_long(command, name).filter(|arg| arg.get_action().takes_values())?;
        let before = word.strip_suffix(value)?;
        return Some((arg, value, before));
    }
    let flags = word.strip_prefix('-')?;
    for (at, flag) in flags.char_indices() {
        let arg = command.get_arguments().find(|arg| has_short(arg, flag))?;
        if arg.get_action().takes_values() {
            let (before, value) = word.split_at_checked(1 + at + flag.len_utf8())?;
            return Some((arg, value, before));
        }
    }
    None
}

fn with_long<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    command.get_arguments().find(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(name) || aliases.contains(&name)
    })
}

fn has_short(arg: &Arg, flag: char) -> bool {
    let aliases = arg.get_all_short_aliases().unwrap_or_default();
    arg.get_short() == Some(flag) || aliases.contains(&flag)
}
