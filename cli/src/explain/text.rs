//! The text of `explain`: short sections of plain sentences, then the recorded events (`tables`).
//! Values from data and paths are sanitized.

use std::io::{self, Write};

use localtel::admin::{LimitSource, OwnerState};
use localtel::consent::WhenUndecided;
use localtel::policy::Rule;
use localtel::{Consent, Level, Policy};

use super::Explanation;
use super::tables;
use crate::cells::paragraph;
use crate::quantity::{age, count, days, lasting, round_size, size};
use crate::rules::{SECRETS, sentences};
use crate::time::moment;

/// Prints all sections and the recorded events.
pub(super) fn print(facts: &Explanation<'_>, cells: usize, out: &mut dyn Write) -> io::Result<()> {
    for (heading, sentences) in sections(facts) {
        writeln!(out, "{heading}")?;
        for sentence in sentences {
            writeln!(out, "{}", paragraph(&sentence, 2, cells))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "What was recorded so far")?;
    match (&facts.status.storage, &facts.status.storage_problem) {
        (Some(storage), _) => tables::print(facts, storage, cells, out),
        (None, Some(problem)) => {
            let sentence = format!("It cannot be read: {problem}.");
            writeln!(out, "{}", paragraph(&sentence, 2, cells))
        }
        (None, None) => writeln!(out, "  Nothing."),
    }
}

/// Returns the sections before the recorded events: their headings and sentences.
pub(super) fn sections(facts: &Explanation<'_>) -> [(&'static str, Vec<String>); 7] {
    [
        ("What is recorded", recorded_now(facts)),
        ("What is never recorded", never_recorded(facts)),
        (
            "Where it is stored, how much and for how long",
            storage(facts),
        ),
        ("Who can read it", access(facts)),
        ("How to read it", how_to_read_it(facts)),
        ("How to stop it", how_to_stop(facts)),
        ("How to remove it", how_to_remove(facts)),
    ]
}

fn recorded_now(facts: &Explanation<'_>) -> Vec<String> {
    let answer = &facts.status.answer;
    let name = facts.status.source.as_deref();
    let application = name.unwrap_or("The application");
    let mut lines = nothing_known(facts);
    lines.extend([
        format!(
            "{application} records events: what it did, when, and the values that are listed at the end."
        ),
        "Each run records a random id of this installation, the id of its process, the operating \
         system, and the versions of application and recorder. The application decides on its \
         events, and a policy on what is recorded of them: see below, and the list at the end."
            .to_owned(),
        format!("Recording now: {}, because {}.", answer.recording, answer.because),
    ]);
    lines.extend(decided_by(facts));
    for overruled in &facts.status.overruled {
        let (by, wanted) = (&overruled.by, overruled.wanted);
        lines.push(format!("{by} ({wanted}) is overruled."));
    }
    for problem in &facts.status.problems {
        lines.push(format!("Invalid, so it counts as disabled: {problem}."));
    }
    lines
}

/// Returns a warning if an application was only named: it has neither records nor a choice.
fn nothing_known(facts: &Explanation<'_>) -> Vec<String> {
    let location = facts.location;
    let is_seen = || location.profiles().map_or(true, |all| !all.is_empty());
    match location.name() {
        Some(name)
            if location.command_name().is_none()
                && !facts.status.directory_exists
                && !is_seen() =>
        {
            vec![
                format!(
                    "Nothing is known of {name}: it has no records and no stored choice on this machine."
                ),
                "An application of that name that uses localtel does this:".to_owned(),
            ]
        }
        Some(_) | None => Vec::new(),
    }
}

/// Returns when and by which command the deciding choice was made, if a choice decided.
fn decided_by(facts: &Explanation<'_>) -> Option<String> {
    let choice = facts.status.choice()?;
    let parts = [choice.by.as_deref(), choice.decided.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    let made = parts.join(", ");
    (!made.is_empty()).then(|| format!("Decided by {} ({made}).", facts.status.decided_by))
}

fn never_recorded(facts: &Explanation<'_>) -> Vec<String> {
    let is_application = facts.location.command_name().is_some();
    let before = match facts.location.when_undecided() {
        WhenUndecided::Refuse if is_application => {
            "Before you agree there is no record, no id and no directory."
        }
        WhenUndecided::RecordAfter(_) if is_application => {
            "Before you agree, or the time to decide is over, there is no record and no id."
        }
        WhenUndecided::Record if is_application => "After you disagree nothing is recorded.",
        WhenUndecided::Refuse | WhenUndecided::RecordAfter(_) | WhenUndecided::Record | _ => {
            "Before you agree there is no record, no id and no directory, unless the application \
             decides otherwise; after you disagree nothing is recorded."
        }
    };
    let sentences = "\
Nothing leaves this machine: no code that records or reads it uses a network.
Where commands are measured, the names of their flags are recorded, never their values.
Texts under the name of a secret, such as password, token or api_key, are masked unless a rule keeps that name.";
    let lines = std::iter::once(before).chain(sentences.lines());
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.extend(rules_of_application(facts));
    lines.extend(rules_of_owner(facts));
    lines
}

fn rules_of_application(facts: &Explanation<'_>) -> Vec<String> {
    let test = facts.location.command("policy test TEXT");
    let test = format!("`{test}` shows what is masked in a text.");
    match facts.location.application_policy() {
        None => {
            let mut lines = vec![format!("Unless {} sets other rules:", facts.application())];
            lines.extend(below(USUAL_LEVEL).map(indented));
            lines.push(indented(SECRETS));
            lines.push(test);
            lines
        }
        Some(policy) => {
            let level = facts.status.level.unwrap_or(USUAL_LEVEL);
            let is_named_by_it_alone = Some(level) > level_of(policy);
            let mut rules = Vec::from_iter(below(level).filter(|_| is_named_by_it_alone));
            rules.extend(sentences(policy));
            if rules.is_empty() {
                return vec!["The application's rules leave nothing out.".to_owned()];
            }
            let mut lines = vec![format!("By the rules of {}:", facts.application())];
            lines.extend(rules.iter().map(indented));
            lines.push(test);
            lines
        }
    }
}

fn rules_of_owner(facts: &Explanation<'_>) -> Vec<String> {
    let policy = facts.location.command("policy");
    match (facts.status.policy.owner, &facts.owner) {
        (OwnerState::Damaged, _) => vec![format!(
            "policy.toml is invalid, so nothing at all is recorded until it is fixed; `{policy}` prints the error."
        )],
        (OwnerState::Narrows, Some(owner)) => {
            let mut lines = vec![format!("By your own rules, which `{policy}` shows:")];
            lines.extend(sentences(owner).iter().map(indented));
            lines
        }
        (OwnerState::Open, Some(_)) => {
            vec![format!(
                "Your own rules, which `{policy}` shows, forbid nothing."
            )]
        }
        (OwnerState::Missing | OwnerState::Open | OwnerState::Narrows, _) => {
            vec![format!("`{policy}` shows how to forbid more.")]
        }
    }
}

/// Returns the level of a policy.
fn level_of(policy: &Policy) -> Option<Level> {
    policy.rules().into_iter().find_map(|rule| match rule {
        Rule::Level(level) => Some(level),
        Rule::UnnamedDropped
        | Rule::SecretsMasked
        | Rule::Target(..)
        | Rule::Event(..)
        | Rule::Property(..) => None,
    })
}

/// Describes which events of `tracing` a level excludes; `None` if it excludes none.
fn below(level: Level) -> Option<String> {
    let text = || format!("Log events and spans below {level} are not recorded.");
    (level > Level::Trace).then(text)
}

fn indented(line: impl AsRef<str>) -> String {
    format!("  {}", line.as_ref())
}

fn storage(facts: &Explanation<'_>) -> Vec<String> {
    let missing = if facts.status.directory_exists || facts.status.storage_problem.is_some() {
        ""
    } else {
        " (does not exist yet)"
    };
    let mut lines = vec![format!(
        "In {}{missing}, as plain lines of text.",
        facts.status.directory
    )];
    lines.extend(limits(facts));
    lines.push("The oldest are removed first when new events are recorded.".to_owned());
    let others = facts.location.other_profiles();
    lines.extend(others.map(|others| format!("Other profiles have their own: {others}.")));
    if let Some(storage) = &facts.status.storage {
        let files = count(storage.segments.len() as u64, "file");
        let records = count(storage.records, "record");
        lines.push(format!(
            "Now: {records} in {files}, {}.",
            size(storage.bytes)
        ));
        if let (Some(first), Some(last)) = (storage.first, storage.last) {
            let [first, last] = [first, last].map(|time| facts.zone.text(moment(time)));
            lines.push(format!("The first is of {first}, the last of {last}."));
        }
    }
    lines
}

/// Describes the limits, who set each, and how many days they hold at today's rate.
fn limits(facts: &Explanation<'_>) -> Vec<String> {
    let limits = &facts.status.limits;
    let set_by = limits.set_by;
    let (most, oldest) = (
        round_size(limits.total_bytes_max),
        age(limits.age_seconds_max),
    );
    let application = facts.application();
    let source = |source| match source {
        LimitSource::Owner => "set by you in policy.toml".to_owned(),
        LimitSource::Application => format!("set by {application}"),
        LimitSource::Default => "the default, unless the application sets another".to_owned(),
    };
    let mut lines = match (set_by.total_bytes_max, set_by.age_max) {
        (LimitSource::Default, LimitSource::Default) => vec![format!(
            "Unless the application sets other limits, at most {most} and {oldest} are kept."
        )],
        (of_most, of_oldest) if of_most == of_oldest => vec![format!(
            "At most {most} and {oldest} are kept: {}.",
            source(of_most)
        )],
        (of_most, of_oldest) => vec![
            format!("At most {most} are kept: {}.", source(of_most)),
            format!(
                "Records are kept for at most {oldest}: {}.",
                source(of_oldest)
            ),
        ],
    };
    match (limits.compress, set_by.compress) {
        (true, by) => lines.push(format!("Closed files are compressed: {}.", source(by))),
        (false, LimitSource::Owner) => {
            lines.push("Closed files are not compressed: set by you in policy.toml.".to_owned());
        }
        (false, LimitSource::Application | LimitSource::Default) => {}
    }
    if let Some(rate) = &facts.status.rate {
        let lasting = lasting(limits.total_bytes_max, rate);
        let kept = days(rate.kept_days);
        lines.push(format!("{lasting}; records are kept for {kept}."));
    }
    lines
}

fn access(facts: &Explanation<'_>) -> Vec<String> {
    let mut lines = vec![
        "Only the user who ran the application, and administrators of this machine: the directory is \
         for its owner alone (0700), and so is each file (0600)."
            .to_owned(),
    ];
    match (
        facts.status.is_open_to_others,
        facts.status.directory_exists,
    ) {
        (Some(true), _) => lines.push(format!(
            "But other users may enter the directory: `chmod 700 {}`",
            facts.status.directory
        )),
        (None, true) => lines.push("Whether that is so now cannot be checked.".to_owned()),
        (Some(false), _) | (None, false) => {}
    }
    let finding = facts.location.finding_on_files();
    lines.extend(finding.map(|it| format!("But {}: `{}`", it.what, it.next)));
    lines
}

fn how_to_read_it(facts: &Explanation<'_>) -> Vec<String> {
    vec![
        format!("`{}` shows every record.", facts.location.command("show")),
        format!(
            "`{}` shows each new record as it is written.",
            facts.location.command("tail")
        ),
    ]
}

fn how_to_stop(facts: &Explanation<'_>) -> Vec<String> {
    let stored = [&facts.status.stored, &facts.status.stored_for_all];
    let mut choices = stored.into_iter().flatten().map(|choice| choice.consent);
    let choice = choices.find(|choice| *choice != Consent::Undecided);
    let is_disabled = choice == Some(Consent::Disabled);
    let mut lines = vec![if is_disabled {
        format!(
            "The stored choice already forbids it; `{}` would allow it again.",
            facts.location.command("enable")
        )
    } else {
        format!(
            "`{}` forbids it until you enable it; running programs apply that within a second.",
            facts.location.command("disable")
        )
    }];
    lines.push(match facts.location.name() {
        Some(source) => format!(
            "`{}=off` in the environment forbids it for one run, and {FOR_EVERY_APPLICATION}",
            source.variable()
        ),
        None => format!(
            "The directory does not name its application, so the name of the variable that forbids \
             it for one run is not known: `<APPLICATION>_TELEMETRY=off`. {FOR_EVERY_APPLICATION}"
        ),
    });
    lines
}

fn how_to_remove(facts: &Explanation<'_>) -> Vec<String> {
    vec![
        format!("`{}` removes all records.", facts.location.command("clear")),
        format!(
            "`{}` removes the random id; the next record creates a new one.",
            facts.location.command("reset")
        ),
    ]
}

/// The minimum level, unless the application sets one.
const USUAL_LEVEL: Level = Level::Info;

/// How to forbid recording by every application.
const FOR_EVERY_APPLICATION: &str = "`DO_NOT_TRACK=1` does so for every application that records \
                                     this way, and overrides every other choice.";
