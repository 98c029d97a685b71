//! The parts of a selection, such as a flag or a condition, each as a filter of its own.

use localtel::admin::ShellWord;
use localtel::read::{Filter, Term, Timestamp};

use crate::reading::args::MatchArgs;

/// A part of a selection.
#[derive(Debug)]
pub(super) struct SelectionPart {
    pub(super) kind: PartKind,
    /// As it was typed.
    pub(super) typed: String,
    /// A filter with this part only.
    pub(super) filter: Filter,
}

/// What a part selects by.
#[derive(Debug)]
pub(super) enum PartKind {
    Level,
    /// Any of these targets.
    Target(Vec<String>),
    /// Any of these events.
    Event(Vec<String>),
    /// The start of the id.
    Session(String),
    Range {
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    },
    Grep(String),
    Condition(Term),
    Has(Term),
    Lacks(Term),
}

/// Returns the parts of a selection; `filter` is the whole of it.
pub(super) fn parts_of(args: &MatchArgs, filter: &Filter) -> Vec<SelectionPart> {
    let mut parts = Vec::new();
    let mut add = |kind, typed, filter| {
        parts.push(SelectionPart {
            kind,
            typed,
            filter,
        });
    };
    let flags = |flag: &str, values: &[String]| {
        let flags = values
            .iter()
            .map(|value| format!("{flag} {}", ShellWord(value)));
        flags.collect::<Vec<_>>().join(" ")
    };
    if let Some(levels) = args.level {
        let filter = Filter::new().levels(levels);
        add(PartKind::Level, format!("-l {levels}"), filter);
    }
    if !args.target.is_empty() {
        let filter = args.target.iter().fold(Filter::new(), Filter::target);
        let kind = PartKind::Target(args.target.clone());
        add(kind, flags("-t", &args.target), filter);
    }
    if !args.event.is_empty() {
        let filter = args.event.iter().fold(Filter::new(), Filter::event);
        let kind = PartKind::Event(args.event.clone());
        add(kind, flags("-e", &args.event), filter);
    }
    if let Some(session) = &args.session {
        let kind = PartKind::Session(session.to_lowercase());
        let typed = format!("--session {}", ShellWord(session));
        add(kind, typed, Filter::new().session(session));
    }
    let (since, until) = (filter.earliest(), filter.latest());
    if since.is_some() || until.is_some() {
        let only = since.map_or_else(Filter::new, |since| Filter::new().since(since));
        let only = match until {
            Some(until) => only.until(until),
            None => only,
        };
        let ends = [("-S", &args.since), ("-U", &args.until)];
        let typed = ends
            .into_iter()
            .filter_map(|(flag, time)| Some(format!("{flag} {}", ShellWord(time.as_ref()?))));
        let typed = typed.collect::<Vec<_>>().join(" ");
        add(PartKind::Range { since, until }, typed, only);
    }
    if let Some(pattern) = &args.grep
        && let Ok(filter) = Filter::new().grep(pattern)
    {
        let typed = format!("-g {}", ShellWord(pattern));
        add(PartKind::Grep(pattern.clone()), typed, filter);
    }
    for term in args.terms() {
        let filter = Filter::new().term(term.clone()).of_processes_in(filter);
        let kind = PartKind::Condition(term.clone());
        add(kind, term.to_string(), filter);
    }
    for term in args.has() {
        let typed = format!("--has {}", ShellWord(&term.to_string()));
        let filter = Filter::new().term(term.clone());
        add(PartKind::Has(term.clone()), typed, filter);
    }
    for term in args.lacks() {
        let typed = format!("--lacks {}", ShellWord(&term.to_string()));
        let filter = Filter::new().term(term.clone());
        add(PartKind::Lacks(term.clone()), typed, filter);
    }
    parts
}

/// Returns key and value of a condition of equality as they were typed.
pub(super) fn equality(term: &Term) -> Option<(String, String)> {
    let typed = term.to_string();
    let (key, value) = typed.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    // Of another comparison, the key ends in a part of the operator.
    let name = key.strip_prefix("properties.").unwrap_or(key);
    (name == term.key()).then(|| (key.to_owned(), value.to_owned()))
}
