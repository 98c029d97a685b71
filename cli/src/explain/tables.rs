//! The recorded events in the text of `explain`: a table for each event, with its properties, the
//! action of the policy on each and an example, and the names that suggest secrets. Values from
//! data are sanitized.

use std::io::{self, Write};

use localtel::read::{OWN_TARGET, Summary};

use super::Explanation;
use super::inventory::{Inventory, ValueType};
use super::report::{EventReport, ExplainReport, ValuesReport};
use crate::cells::{Padded, cut, paragraph, width};
use crate::quantity::count;
use crate::sanitize::{Quoted, Sanitized};

/// Prints the recorded events: those of the application first, then localtel's own.
pub(super) fn print(
    facts: &Explanation<'_>,
    storage: &Summary,
    cells: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let inventory = &facts.inventory;
    if storage.records == 0 {
        writeln!(out, "  Nothing.")?;
    }
    if storage.damage > 0 {
        writeln!(
            out,
            "  {} could not be read; `{}` shows where.",
            count(storage.damage, "item"),
            Sanitized(&facts.location.command("show"))
        )?;
    }
    if inventory.records_of_others > 0 {
        writeln!(
            out,
            "  {} of further events, which are not listed.",
            count(inventory.records_of_others, "record")
        )?;
    }
    if storage.records > 0 {
        for sentence in about_rows(facts) {
            writeln!(out, "{}", paragraph(&sentence, 2, cells))?;
        }
    }
    let events = ExplainReport::new(facts).events.into_iter();
    let (own, theirs): (Vec<_>, Vec<_>) = events.partition(|event| event.target == OWN_TARGET);
    for event in theirs.iter().chain(&own) {
        print_event(event, cells, out)?;
    }
    print_secret_names(facts, inventory, cells, out)
}

/// Describes the rows of the tables, and which rules their actions follow.
fn about_rows(facts: &Explanation<'_>) -> Vec<String> {
    let of = match facts.location.application_policy() {
        Some(_) => "the policies",
        None => "your policy",
    };
    let mut lines = vec![format!(
        "For each property: its records, the action of {of} on it, and its latest value."
    )];
    if facts.location.application_policy().is_none() {
        lines.push(format!(
            "The rules of {} itself are not known here, and may be stricter.",
            facts.application()
        ));
    }
    lines.push(ACTION_WORDS.to_owned());
    lines
}

fn print_secret_names(
    facts: &Explanation<'_>,
    inventory: &Inventory,
    cells: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (index, (name, texts)) in inventory.secret_names.iter().enumerate() {
        if index == 0 {
            writeln!(out, "\n  Names of secrets")?;
        }
        let quoted = Quoted(name);
        let text = if texts.clear == 0 {
            format!("{quoted}: {} masked", count(texts.masked, "text"))
        } else {
            let command = facts.location.rule_command(name, "mask");
            let clear = count(texts.clear, "text");
            format!(
                "{quoted}: {clear} in clear, {} masked; `{command}` masks all from now on",
                texts.masked
            )
        };
        writeln!(out, "{}", paragraph(&text, 4, cells))?;
    }
    Ok(())
}

fn print_event(event: &EventReport<'_>, cells: usize, out: &mut dyn Write) -> io::Result<()> {
    let name = match event.event {
        Some(name) => Quoted(name).to_string(),
        None => "unnamed".to_owned(),
    };
    let times = count(event.records, "record");
    writeln!(out, "\n  {name} ({}): {times}", Sanitized(event.target))?;
    if event.target == OWN_TARGET {
        let about = about_own(event.event.unwrap_or_default());
        writeln!(out, "{}", paragraph(about, 4, cells))?;
    }
    let message = event.message.iter();
    let message = message.map(|values| TableRow::new("(message)".to_owned(), values));
    let properties = event.properties.iter().map(|property| {
        let name = Quoted(property.name);
        let name = match property.in_span {
            Some(span) => format!("{}.{name}", Quoted(span)),
            None => name.to_string(),
        };
        TableRow::new(name, &property.values)
    });
    let rows: Vec<TableRow> = message.chain(properties).collect();
    print_rows(&rows, cells, out)?;
    if event.values_of_other_properties > 0 {
        let values = count(event.values_of_other_properties, "value");
        writeln!(
            out,
            "    {values} of further properties, which are not listed"
        )?;
    }
    Ok(())
}

/// Prints the rows of a table, whose examples are cut at the width of the lines.
fn print_rows(rows: &[TableRow], cells: usize, out: &mut dyn Write) -> io::Result<()> {
    let widest = |column: fn(&TableRow) -> &str| {
        let widths = rows.iter().map(|row| width(column(row)));
        widths.max().unwrap_or(0).min(WIDTH_MAX)
    };
    let (names, verdicts) = (widest(|row| &row.name), widest(|row| row.verdict));
    let records = widest(|row| &row.records);
    for row in rows {
        let before = format!(
            "    {}  {:>records$}  {}  ",
            Padded(&row.name, names),
            row.records,
            Padded(row.verdict, verdicts),
        );
        let left = cells.saturating_sub(width(&before)).max(EXAMPLE_CELLS_MIN);
        writeln!(out, "{before}{}", cut(&row.example, left))?;
    }
    Ok(())
}

/// A line of a table: one property.
struct TableRow {
    name: String,
    records: String,
    verdict: &'static str,
    example: String,
}

impl TableRow {
    fn new(name: String, values: &ValuesReport) -> Self {
        let example = &values.example;
        Self {
            name,
            records: values.records.to_string(),
            verdict: values.verdict,
            example: match example.kind {
                ValueType::String => Quoted(&example.text).to_string(),
                ValueType::Number
                | ValueType::Boolean
                | ValueType::Array
                | ValueType::Object
                | ValueType::Null => Sanitized(&example.text).to_string(),
            },
        }
    }
}

/// Describes a record of localtel itself.
fn about_own(event: &str) -> &'static str {
    match event {
        "session" => {
            "A process began to record, or continued in a new file, with facts about the process."
        }
        "session.end" => {
            "A process ended: how many events it recorded, how many it lost, and its counters."
        }
        "dropped" => "Events were lost because the buffer was full: how many, and why.",
        "consent" => "Recording was allowed again while the application ran.",
        "report" => "A regular report of the application on itself, this machine and its counters.",
        "version" => "The application's version changed.",
        "command" => "A command of the application: which one, how long it took, how it ended.",
        _ => "A record of another version of localtel, unknown to this one.",
    }
}

/// The words for actions in the tables.
pub(crate) const ACTION_WORDS: &str = "keep: as it is. redact: secrets in its text are masked. hash: `p-` and 16 \
                       hexadecimal digits, equal for equal values. mask: [masked]. drop: left out. \
                       not recorded: the whole event is left out.";

/// The least width of an example.
const EXAMPLE_CELLS_MIN: usize = 20;

/// Widest column for names; longer names shift the columns after them.
const WIDTH_MAX: usize = 40;
