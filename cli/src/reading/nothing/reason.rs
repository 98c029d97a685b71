//! The words for the reasons why no record matched.

use std::cmp::Reverse;

use super::NothingMatched;
use super::evidence::Evidence;
use super::parts::{PartKind, SelectionPart, equality};
use super::values::ValueListing;
use crate::near_names::NearNames;
use crate::quantity::count;
use crate::sanitize::{Quoted, Sanitized};
use crate::time::moment;
use localtel::admin::ShellWord;
use localtel::read::{Term, Timestamp};

/// A reason, and how useful it is: the least first.
type RankedReason = (ReasonRank, String);

/// The order in which reasons are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ReasonRank {
    Name,
    Value,
    Range,
    Text,
    Together,
}

/// Returns the reasons why no record matched, the most useful first.
pub(super) fn reasons(found: &NothingMatched<'_>) -> Vec<String> {
    let parts = &found.selection.parts;
    // A record that matches may have been written in the meantime.
    if found.passing > 0 || parts.is_empty() && found.records > 0 {
        return Vec::new();
    }
    if found.records == 0 {
        return vec!["there are no records".to_owned()];
    }
    let mut reasons: Vec<RankedReason> = Vec::new();
    for (part, evidence) in parts.iter().zip(&found.evidence) {
        if evidence.matching == 0 {
            reasons.extend(of_part(part, evidence, found));
        }
    }
    let exclusive = exclusive(parts);
    if reasons.is_empty() && exclusive.is_none() {
        reasons.push((ReasonRank::Together, together(found)));
    }
    reasons.extend(exclusive);
    reasons.sort_by_key(|(rank, _)| *rank);
    reasons.truncate(REASONS_MAX);
    reasons.into_iter().map(|(_, reason)| reason).collect()
}

/// Returns the reasons why a part matches no record.
fn of_part(
    part: &SelectionPart,
    evidence: &Evidence,
    found: &NothingMatched<'_>,
) -> Vec<RankedReason> {
    let typed = Sanitized(&part.typed);
    let reason = match &part.kind {
        PartKind::Level => {
            let levels = evidence.values.describe(ValueListing::MostFrequent);
            let text = format!("no record matches `{typed}`; levels of records: {levels}");
            (ReasonRank::Value, text)
        }
        PartKind::Target(_) => return without_names(["-t", "target"], evidence),
        PartKind::Event(_) => return without_names(["-e", "event"], evidence),
        PartKind::Session(start) => (ReasonRank::Name, without_session(start, evidence)),
        PartKind::Range { since, until } => {
            (ReasonRank::Range, outside_of_range(*since, *until, found))
        }
        PartKind::Grep(pattern) => {
            let hint = if pattern.chars().any(char::is_uppercase) {
                "; a pattern in lower case ignores case"
            } else {
                ""
            };
            (
                ReasonRank::Text,
                format!("no record matches `{typed}`{hint}"),
            )
        }
        PartKind::Condition(term) if evidence.present == 0 => {
            (ReasonRank::Name, without_key(term, evidence))
        }
        PartKind::Condition(term) => (ReasonRank::Value, without_value(term, evidence)),
        PartKind::Has(term) => (ReasonRank::Name, without_key(term, evidence)),
        PartKind::Lacks(term) => {
            let key = Sanitized(term.key());
            (
                ReasonRank::Name,
                format!("every record has the key `{key}`"),
            )
        }
    };
    vec![reason]
}

/// Returns the reasons if no record has any of some names; `flag` and `what` are of their kind.
fn without_names(kind: [&str; 2], evidence: &Evidence) -> Vec<RankedReason> {
    let names = evidence.near_values.iter();
    let reasons = names.map(|near| (ReasonRank::Name, without_name(kind, near, evidence)));
    reasons.collect()
}

fn without_name([flag, what]: [&str; 2], names: &NearNames, evidence: &Evidence) -> String {
    let typed = names.typed();
    let absent = format!("no record has the {what} `{}`", Sanitized(typed));
    let modules = typed.strip_suffix("::*").filter(|_| flag == "-t");
    if let Some(module) = modules {
        let flag = format!("{flag} {}", ShellWord(module));
        return format!(
            "{absent}; `{}` includes the modules below it",
            Sanitized(&flag)
        );
    }
    if typed.contains(['*', '?']) {
        let term = format!("{what}~{}", expression_of(typed));
        let term = ShellWord(&term).to_string();
        return format!(
            "{absent}; names are not patterns: write `{}`",
            Sanitized(&term)
        );
    }
    let near = names
        .iter()
        .map(|name| format!("{flag} {}", ShellWord(name)));
    match did_you_mean(near) {
        Some(question) => format!("{absent}; {question}"),
        None if evidence.values.is_empty() => absent,
        None => format!(
            "{absent}; {what}s: {}",
            evidence.values.describe(ValueListing::MostFrequent)
        ),
    }
}

/// Returns the regular expression for a pattern with `*` and `?`.
fn expression_of(pattern: &str) -> String {
    let mut expression = "^".to_owned();
    for letter in pattern.chars() {
        match letter {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            letter => {
                if r"\.+()|[]{}^$".contains(letter) {
                    expression.push('\\');
                }
                expression.push(letter);
            }
        }
    }
    expression.push('$');
    let expression = expression.strip_prefix("^.*").unwrap_or(&expression);
    expression
        .strip_suffix(".*$")
        .unwrap_or(expression)
        .to_owned()
}

fn without_session(start: &str, evidence: &Evidence) -> String {
    let absent = format!("no session begins with `{}`", Sanitized(start));
    let near = evidence.near_values.iter().flat_map(NearNames::iter);
    match did_you_mean(near.map(|start| format!("--session {}", ShellWord(start)))) {
        Some(question) => format!("{absent}; {question}"),
        None => format!(
            "{absent}; the newest is `{}`",
            Sanitized(&evidence.greatest)
        ),
    }
}

fn without_key(term: &Term, evidence: &Evidence) -> String {
    let absent = format!("no record has the key `{}`", Sanitized(term.key()));
    let near = evidence.near_keys.iter();
    match did_you_mean(near.map(|key| ShellWord(&key_as_typed(key)).to_string())) {
        Some(question) => format!("{absent}; {question}"),
        None => absent,
    }
}

/// Returns the reason if records have the key of a condition, and no value that matches.
fn without_value(term: &Term, evidence: &Evidence) -> String {
    let key = Sanitized(term.key());
    let typed = term.to_string();
    let absent = format!("no record has `{}`", Sanitized(&typed));
    let listing = if typed.contains(['<', '>']) {
        ValueListing::Range
    } else {
        ValueListing::MostFrequent
    };
    let values = evidence.values.describe(listing);
    if let Some(expected) = evidence.expected
        && evidence.of_other_type == evidence.present
    {
        return format!(
            "{absent}: its values ({values}) are not {expected}s; to compare text, use = != ~ or !~"
        );
    }
    let near = evidence.near_values.iter().flat_map(NearNames::iter);
    let near = near.map(|value| {
        let key = equality(term).map_or_else(String::new, |(key, _)| key);
        ShellWord(&format!("{key}={}", value_as_typed(value))).to_string()
    });
    match did_you_mean(near) {
        Some(question) => format!("{absent}; {question}"),
        None => format!("{absent}; values of `{key}`: {values}"),
    }
}

fn outside_of_range(
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    found: &NothingMatched<'_>,
) -> String {
    let show = |time: Timestamp| found.selection.zone.text(moment(time)).to_string();
    let range = match (since.map(show), until.map(show)) {
        (Some(since), Some(until)) => format!("from {since} to {until}"),
        (Some(since), None) => format!("from {since} on"),
        (None, Some(until)) => format!("until {until}"),
        (None, None) => String::new(),
    };
    let there = found.times.map(|(first, last)| (show(first), show(last)));
    let there = there.map_or_else(String::new, |(first, last)| {
        format!("; there are records from {first} to {last}")
    });
    format!("no record is {range}{there}")
}

/// Returns the reason if each part matches records and none matches all of them.
fn together(found: &NothingMatched<'_>) -> String {
    let parts = &found.selection.parts;
    let with_evidence = || parts.iter().zip(&found.evidence);
    let counts = with_evidence()
        .map(|(part, evidence)| format!("`{}` {}", Sanitized(&part.typed), evidence.matching));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let obstacle = with_evidence()
        .filter(|(_, evidence)| evidence.failing_alone > 0)
        .min_by_key(|(_, evidence)| Reverse(evidence.failing_alone));
    let others = obstacle.map_or_else(String::new, |(part, evidence)| {
        let others = count(evidence.failing_alone, "record");
        format!(
            "; without `{}`, {others} would match",
            Sanitized(&part.typed)
        )
    });
    format!("each condition matches records, but no record matches all of them: {counts}{others}")
}

/// Returns the reasons for two conditions that demand different values of one key.
fn exclusive(parts: &[SelectionPart]) -> Option<RankedReason> {
    let equalities = parts.iter().filter_map(|part| match &part.kind {
        PartKind::Condition(term) => {
            let (key, value) = equality(term)?;
            Some((term, key, value))
        }
        PartKind::Level
        | PartKind::Target(_)
        | PartKind::Event(_)
        | PartKind::Session(_)
        | PartKind::Range { .. }
        | PartKind::Grep(_)
        | PartKind::Has(_)
        | PartKind::Lacks(_) => None,
    });
    let equalities: Vec<_> = equalities.collect();
    let of_one_key = equalities
        .iter()
        .enumerate()
        .find_map(|(at, (term, key, value))| {
            let mut later = equalities.get(at + 1..)?.iter();
            let (_, _, other) =
                later.find(|(later, _, other)| later.key() == term.key() && other != value)?;
            Some((key, value, other))
        });
    let (key, value, other) = of_one_key?;
    let either = ShellWord(&format!("{key}={value},{other}")).to_string();
    let text = format!(
        "all conditions must match, and a record has one value of `{}`; for either value, write `{}`",
        Sanitized(key),
        Sanitized(&either)
    );
    Some((ReasonRank::Together, text))
}

/// Returns the question that suggests these texts, if there are any.
fn did_you_mean(texts: impl Iterator<Item = String>) -> Option<String> {
    let texts = texts.map(|text| format!("`{}`", Sanitized(&text)));
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| format!("did you mean {}?", texts.join(" or ")))
}

/// Returns a key as it must be typed in a condition.
fn key_as_typed(key: &str) -> String {
    let is_plain = !key.is_empty()
        && key.trim() == key
        && !key.starts_with(['.', '"'])
        && !key.contains(['=', '!', '<', '>', '~']);
    if is_plain {
        key.to_owned()
    } else {
        Quoted(key).to_string()
    }
}

/// Returns a value as it must be typed in a condition.
fn value_as_typed(value: &str) -> String {
    let is_plain = value.trim() == value && !value.contains([',', '"']);
    if is_plain {
        value.to_owned()
    } else {
        Quoted(value).to_string()
    }
}

/// Number of reasons that are printed.
const REASONS_MAX: usize = 4;
