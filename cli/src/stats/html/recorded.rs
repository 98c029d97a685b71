//! What is recorded of an application, who allowed it and when, and under which rules: the facts of
//! `explain`, for the whole directory and not only for the records that are counted.

use super::super::super::explain::{ACTION_WORDS, EventReport, Explanation, ValuesReport};
use super::super::super::quantity::count;
use super::super::super::selection::name_of;
use super::escape::Markup;
use super::section::{PageSection, draw_command, draw_sentence};
use super::svg::grouped;
use super::table::{CellKind, PageTable};
use localtel::admin::{OwnerState, Status};
use localtel::read::OWN_TARGET;

/// Returns the section about these applications.
pub(super) fn section<'a>(accounts: &'a [Explanation<'a>]) -> PageSection<'a> {
    let title = "What is recorded, and who allowed it";
    PageSection::new("recorded", title, move |markup| {
        for account in accounts {
            draw(account, accounts.len() > 1, markup);
        }
    })
}

fn draw(account: &Explanation<'_>, has_several: bool, markup: &mut Markup) {
    if has_several {
        markup.leaf("h3", &[], &name_of(account.location()));
    }
    draw_command(&account.location().command("explain"), markup);
    decision(account.status(), markup);
    for (heading, sentences) in account.sections() {
        markup.element("details", &[], |markup| {
            markup.leaf("summary", &[], heading);
            draw_sentences(&sentences, markup);
        });
    }
    events(account, markup);
}

/// Draws who decided what, and when.
fn decision(status: &Status, markup: &mut Markup) {
    let mut rows = vec![
        (
            "Recording now",
            format!(
                "{}, because {}",
                status.answer.recording, status.answer.because
            ),
        ),
        ("Consent", status.status.to_string()),
        ("Decided by", status.decided_by.to_string()),
    ];
    if let Some(choice) = status.choice() {
        rows.extend(choice.by.iter().map(|by| ("With the command", by.clone())));
        rows.extend(choice.decided.iter().map(|time| ("At", time.clone())));
    }
    let owner = match status.policy.owner {
        OwnerState::Missing => "there is none",
        OwnerState::Open => "forbids nothing",
        OwnerState::Narrows => "narrows what is recorded",
        OwnerState::Damaged => "is invalid, so nothing is recorded",
    };
    rows.push(("Policy of the owner", owner.to_owned()));
    rows.push(("Directory", status.directory.clone()));
    markup.element("dl", &[("class", "facts")], |markup| {
        for (name, value) in &rows {
            markup.element("div", &[], |markup| {
                markup.leaf("dt", &[], name);
                draw_sentence("dd", &[], value, markup);
            });
        }
    });
}

/// Draws sentences; those with an indent are a list.
fn draw_sentences(sentences: &[String], markup: &mut Markup) {
    for group in sentences.chunk_by(|one, other| is_indented(one) == is_indented(other)) {
        if group.iter().any(|sentence| is_indented(sentence)) {
            markup.element("ul", &[], |markup| {
                for sentence in group {
                    draw_sentence("li", &[], sentence.trim_start(), markup);
                }
            });
        } else {
            for sentence in group {
                draw_sentence("p", &[], sentence, markup);
            }
        }
    }
}

fn is_indented(sentence: &str) -> bool {
    sentence.starts_with(' ')
}

/// Draws the recorded events, those of the application first.
fn events(account: &Explanation<'_>, markup: &mut Markup) {
    let (own, theirs): (Vec<_>, Vec<_>) = account
        .events()
        .into_iter()
        .partition(|event| event.target == OWN_TARGET);
    if own.is_empty() && theirs.is_empty() {
        return markup.leaf("p", &[], "Nothing is stored.");
    }
    let text = format!(
        "Each event that is stored, with its values, the action of the policy on them, and the latest \
         value as an example. {ACTION_WORDS}"
    );
    markup.leaf("p", &[("class", "note")], &text);
    for event in theirs.iter().chain(&own) {
        markup.element("details", &[("class", "event")], |markup| {
            markup.element("summary", &[], |markup| {
                markup.leaf("b", &[], event.event.unwrap_or("(no name)"));
                markup.text(&format!(" of {}: ", event.target));
                markup.text(&count(event.records, "record"));
            });
            values(event).draw(markup);
            if event.values_of_other_properties > 0 {
                let values = count(event.values_of_other_properties, "value");
                let text = format!("{values} of further properties are not listed.");
                markup.leaf("p", &[("class", "note")], &text);
            }
        });
    }
    if account.records_of_others() > 0 {
        let records = count(account.records_of_others(), "record");
        let text = format!("{records} of further events are not listed.");
        markup.leaf("p", &[("class", "note")], &text);
    }
}

fn values(event: &EventReport<'_>) -> PageTable {
    let name = event.event.unwrap_or("(no name)");
    let mut table = PageTable::new(
        format!("The values of {name}"),
        [
            ("Value", CellKind::Name),
            ("Records", CellKind::Number),
            ("Policy", CellKind::Short),
            ("Example", CellKind::Text),
        ],
    );
    let message = event.message.iter();
    let message = message.map(|values| ("(message)".to_owned(), values));
    let properties = event.properties.iter().map(|property| {
        let name = match property.in_span {
            Some(span) => format!("{span}.{}", property.name),
            None => property.name.to_owned(),
        };
        (name, &property.values)
    });
    let rows: Vec<(String, &ValuesReport)> = message.chain(properties).collect();
    for (name, values) in rows {
        table.push([
            name.into(),
            grouped(values.records).into(),
            values.verdict.to_owned().into(),
            values.example.text.clone().into(),
        ]);
    }
    table
}
