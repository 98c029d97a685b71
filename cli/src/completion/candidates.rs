//! The words that can stand at a place of a command line. Recorded values are data of others:
//! only those are offered that a terminal shows as they are.

use clap::builder::PossibleValue;
use clap::{Arg, Command, ValueHint};

use super::super::time::{Zone, moment};
use super::place::{Place, Word};
use super::recorded::RecordedNames;
use localtel::read::is_unsafe_to_show;

/// The answer to what can stand at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CompletionAnswer {
    /// Words, in the order in which they are shown.
    Candidates(Vec<Candidate>),
    /// Names of files, which the shell knows.
    Files,
    /// Names of directories.
    Directories,
}

/// A word that can stand at the place, with the whole of what is typed already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) text: String,
    pub(super) help: Option<String>,
}

impl Candidate {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            help: None,
        }
    }
}

/// Returns what can stand at a place.
pub(super) fn answer(place: &Place<'_>, recorded: &RecordedNames<'_>) -> CompletionAnswer {
    match &place.word {
        Word::Option { typed } => CompletionAnswer::Candidates(options(place.command, typed)),
        Word::Value { arg, before, typed } => match values(arg, typed, place, recorded) {
            CompletionAnswer::Candidates(mut candidates) => {
                keep_offerable(&mut candidates, typed);
                for candidate in &mut candidates {
                    candidate.text.insert_str(0, before);
                }
                CompletionAnswer::Candidates(candidates)
            }
            paths @ (CompletionAnswer::Files | CompletionAnswer::Directories) => paths,
        },
        Word::Free { arg, typed } => {
            let mut candidates = commands(place.command);
            match arg.map(|arg| values(arg, typed, place, recorded)) {
                Some(CompletionAnswer::Candidates(values)) => candidates.extend(values),
                Some(paths @ (CompletionAnswer::Files | CompletionAnswer::Directories)) => {
                    return paths;
                }
                None => {}
            }
            // A value that begins with a hyphen would be an option.
            candidates.retain(|candidate| !candidate.text.starts_with('-'));
            keep_offerable(&mut candidates, typed);
            if candidates.is_empty() && arg.is_none() && typed.is_empty() {
                candidates = options(place.command, "--");
            }
            CompletionAnswer::Candidates(candidates)
        }
    }
}

/// Keeps candidates that continue what is typed, and that a terminal shows as they are.
fn keep_offerable(candidates: &mut Vec<Candidate>, typed: &str) {
    let is_unsafe =
        |letter: char| is_unsafe_to_show(letter) || (letter.is_whitespace() && letter != ' ');
    candidates.retain(|candidate| {
        let text = &candidate.text;
        let is_short = text.chars().count() <= LETTERS_MAX;
        !text.is_empty() && text.starts_with(typed) && is_short && !text.contains(is_unsafe)
    });
    candidates.truncate(CANDIDATES_MAX);
}

fn commands(command: &Command) -> Vec<Candidate> {
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    let of_command = |one: &Command| Candidate {
        text: one.get_name().to_owned(),
        help: one.get_about().map(|about| first_line(&about.to_string())),
    };
    shown.map(of_command).collect()
}

fn options(command: &Command, typed: &str) -> Vec<Candidate> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let of_option = |arg: &Arg| {
        let long = arg.get_long().map(|long| format!("--{long}"));
        let short = arg.get_short().map(|short| format!("-{short}"));
        Some(Candidate {
            // A short name that is typed is whole; otherwise the long one says more.
            text: short
                .filter(|short| typed == short)
                .or(long)
                .filter(|name| name.starts_with(typed))?,
            help: arg.get_help().map(|help| first_line(&help.to_string())),
        })
    };
    shown.filter_map(of_option).collect()
}

/// Returns the values of an argument.
fn values(
    arg: &Arg,
    typed: &str,
    place: &Place<'_>,
    recorded: &RecordedNames<'_>,
) -> CompletionAnswer {
    let texts = |texts: Vec<String>| texts.into_iter().map(Candidate::new).collect();
    let candidates: Vec<Candidate> = match arg.get_id().as_str() {
        "app" => texts(recorded.applications()),
        "host" => texts(recorded.hosts()),
        "profile" => texts(recorded.profiles()),
        "dir" => return CompletionAnswer::Directories,
        "localtel.level" => levels(typed),
        "localtel.event" => texts(recorded.events()),
        "localtel.target" => texts(recorded.targets()),
        "localtel.session" => sessions(recorded),
        "localtel.has" | "localtel.lacks" | "localtel.of" | "localtel.field" => {
            texts(keys(recorded))
        }
        "localtel.columns" | "localtel.by" => columns("", typed, recorded),
        "localtel.output" if typed.starts_with(FIELDS) => columns(FIELDS, typed, recorded),
        OPERANDS => return conditions(typed, recorded),
        "localtel.since" | "localtel.until" | "localtel.before" => times(),
        "page" => commands(place.root),
        "localtel.name" => match place.command.get_name() {
            "event" => texts(recorded.events()),
            "target" => texts(recorded.targets()),
            "property" => texts(recorded.keys()),
            _ => Vec::new(),
        },
        _ => match (arg.get_possible_values(), arg.get_value_hint()) {
            (_, ValueHint::AnyPath | ValueHint::FilePath | ValueHint::ExecutablePath) => {
                return CompletionAnswer::Files;
            }
            (_, ValueHint::DirPath) => return CompletionAnswer::Directories,
            (possible, _) => {
                let shown = possible.iter().filter(|value| !value.is_hide_set());
                shown.map(of_value).collect()
            }
        },
    };
    CompletionAnswer::Candidates(candidates)
}

fn of_value(value: &PossibleValue) -> Candidate {
    let text = match value.get_name() {
        // Columns follow.
        "fields" => FIELDS,
        name => name,
    };
    Candidate {
        text: text.to_owned(),
        help: value.get_help().map(|help| first_line(&help.to_string())),
    }
}

/// Returns lists of columns: what is typed up to the last comma, and one column more.
fn columns(before: &str, typed: &str, recorded: &RecordedNames<'_>) -> Vec<Candidate> {
    let list = typed.get(before.len()..).unwrap_or_default();
    let start = list.rfind(',').map_or(0, |comma| comma + 1);
    let before = typed.get(..before.len() + start).unwrap_or_default();
    let named: Vec<&str> = list.get(..start).unwrap_or_default().split(',').collect();
    let keys = keys(recorded).into_iter().chain(["time".to_owned()]);
    keys.filter(|key| !named.contains(&key.as_str()))
        .map(|key| Candidate::new(format!("{before}{key}")))
        .collect()
}

/// Returns the levels: one, or in a range the one that is typed.
fn levels(typed: &str) -> Vec<Candidate> {
    let before = match (typed.rfind(".."), typed.strip_prefix('=')) {
        (Some(dots), _) => typed.get(..dots + 2).unwrap_or_default(),
        (None, Some(_)) => "=",
        (None, None) => "",
    };
    let levels = ["error", "warn", "info", "debug", "trace"].into_iter();
    levels
        .map(|level| Candidate::new(format!("{before}{level}")))
        .collect()
}

fn sessions(recorded: &RecordedNames<'_>) -> Vec<Candidate> {
    let latest = recorded.sessions().into_iter().take(SESSIONS_MAX);
    let of_session = |(id, last)| Candidate {
        text: id,
        help: Some(format!("last record {}", Zone::Local.text(moment(last)))),
    };
    latest.map(of_session).collect()
}

/// Returns keys in the form of a condition: those of the properties, and then those that every
/// record has.
fn keys(recorded: &RecordedNames<'_>) -> Vec<String> {
    let own = [
        "level",
        "event",
        "target",
        "source",
        "message",
        "session",
        "span",
        "seq",
        "timestamp",
    ];
    // Other keys need quotes.
    let is_plain = |key: &String| {
        let is_letter = |letter: char| letter.is_alphanumeric() || "_-.:/@".contains(letter);
        !key.is_empty() && key.chars().all(is_letter)
    };
    let of_properties = recorded.keys().into_iter().filter(is_plain);
    let others = of_properties.filter(|key| !own.contains(&key.as_str()));
    others.chain(own.map(str::to_owned)).collect()
}

/// Returns conditions: keys and, behind a comparison, the values of its key.
fn conditions(typed: &str, recorded: &RecordedNames<'_>) -> CompletionAnswer {
    let operator = typed.find(['=', '!', '<', '>', '~']);
    let Some((key, rest)) = operator.and_then(|at| typed.split_at_checked(at)) else {
        if typed.starts_with(['/', '.', '~']) {
            return CompletionAnswer::Files;
        }
        let keys = keys(recorded).into_iter();
        let keys: Vec<Candidate> = keys
            .map(|key| Candidate::new(format!("{key}=")))
            .filter(|candidate| candidate.text.starts_with(typed))
            .collect();
        return if keys.is_empty() {
            CompletionAnswer::Files
        } else {
            CompletionAnswer::Candidates(keys)
        };
    };
    let Some(value) = ["!=", "="]
        .iter()
        .find_map(|operator| rest.strip_prefix(operator))
    else {
        return CompletionAnswer::Candidates(Vec::new());
    };
    let values = recorded.values(key);
    // Several values are separated by commas, unless a value contains the comma.
    let is_whole = values.iter().any(|known| known.starts_with(value));
    let before = match value.rfind(',') {
        Some(comma) if !is_whole => typed.len() - value.len() + comma + 1,
        Some(_) | None => typed.len() - value.len(),
    };
    let before = typed.get(..before).unwrap_or_default();
    let candidates = values
        .iter()
        .map(|value| Candidate::new(format!("{before}{value}")));
    CompletionAnswer::Candidates(candidates.collect())
}

fn times() -> Vec<Candidate> {
    let words = ["today", "yesterday", "monday", "-1h", "-1d", "now"].into_iter();
    words.map(Candidate::new).collect()
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|letter| !is_unsafe_to_show(*letter))
        .collect()
}

/// The start of a format with columns.
const FIELDS: &str = "fields:";

/// Number of candidates that are offered.
const CANDIDATES_MAX: usize = 200;

/// Number of sessions that are offered.
const SESSIONS_MAX: usize = 20;

/// Length of the longest value that is offered: longer ones are not chosen from a list.
const LETTERS_MAX: usize = 100;

/// The conditions and paths of commands that read records.
pub(super) const OPERANDS: &str = "localtel.operands";
