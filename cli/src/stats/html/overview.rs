//! The sections of an overview: figures, what is missing, applications, sessions, versions and the
//! disk. `timeline` and `rankings` have the others.

use super::super::super::quantity::{age, count, round_size, size};
use super::super::numbers::share;
use super::super::overview::{Missing, Overview, StorageRow};
use super::super::period::per_word;
use super::super::recorders::RecordSums;
use super::super::text::{self, TextStyle};
use super::escape::Markup;
use super::rankings::{durations, errors, events};
use super::section::{PageSection, draw_left_out};
use super::svg::grouped;
use super::table::{CellKind, PageCell, PageTable};
use super::timeline::over_time;
use localtel::read::Timestamp;
use localtel::read::tally::VersionSessions;

/// Returns the sections that have something to show.
pub(super) fn sections(overview: &Overview, style: TextStyle) -> Vec<PageSection<'_>> {
    let has_several = overview.applications.len() > 1;
    let mut sections = vec![PageSection::new(
        "missing",
        "What is missing",
        move |markup| {
            missing(overview.missing, markup);
        },
    )];
    if has_several {
        sections.push(PageSection::new(
            "applications",
            "Applications",
            move |markup| {
                let rows = overview.applications.iter();
                let rows = rows.map(|row| (&row.name, &row.sums));
                sums(("Application", "application"), rows, style, markup);
            },
        ));
    }
    if let Some(hosts) = overview.several_hosts() {
        let section = PageSection::new("hosts", "Machines", move |markup| {
            let rows = hosts.rows.iter().map(|row| (&row.host, &row.sums));
            sums(("Host", "machine"), rows, style, markup);
            draw_left_out(hosts.more_rows, hosts.uncounted_records, markup);
        });
        sections.push(section.made_by(["--by host".to_owned()]));
    }
    if let Some(rows) = &overview.over_time {
        let per = per_word(rows.bucket_seconds).map(|word| format!("--per {word}"));
        let section = PageSection::new("over-time", "Over time", move |markup| {
            over_time(rows, style, markup);
        });
        sections.push(match per {
            Some(per) => section.made_by([per]),
            None => section,
        });
    }
    if !overview.errors.rows.is_empty() {
        let section = PageSection::new("errors", "Errors", move |markup| {
            errors(&overview.errors, has_several, style, markup);
        });
        sections.push(section.made_by(["-l error".to_owned(), "--by message".to_owned()]));
    }
    if !overview.durations.rows.is_empty() {
        sections.push(PageSection::new("durations", "Slowest", move |markup| {
            durations(&overview.durations, has_several, markup);
        }));
    }
    if !overview.events.rows.is_empty() {
        let section = PageSection::new("events", "What happened", move |markup| {
            events(overview, has_several, style, markup);
        });
        sections.push(section.made_by(["--by event".to_owned()]));
    }
    if overview.sessions.count > 0 {
        let section = PageSection::new("sessions", "Sessions and versions", move |markup| {
            sessions_and_versions(overview, style, markup);
        });
        sections.push(section.made_by_command("sessions"));
    }
    if !overview.storage.is_empty() {
        sections.push(PageSection::new("storage", "On the disk", move |markup| {
            storage(&overview.storage, markup);
        }));
    }
    sections
}

/// Draws the most important figures.
pub(super) fn figures(overview: &Overview, markup: &mut Markup) {
    let levels = overview.levels;
    let sessions = overview.sessions;
    let missing = overview.missing;
    let lost = missing.dropped + missing.failed;
    let damage = missing.unreadable + missing.gaps;
    let mut figures = vec![
        (
            overview.records,
            noun(overview.records, "record"),
            String::new(),
        ),
        (
            levels.error,
            noun(levels.error, "error"),
            share(levels.error, overview.records),
        ),
        (
            levels.warn,
            noun(levels.warn, "warning"),
            share(levels.warn, overview.records),
        ),
    ];
    if sessions.count > 0 {
        let without_end = format!("{} without an end", grouped(sessions.without_end));
        figures.push((sessions.count, noun(sessions.count, "session"), without_end));
    }
    figures.push((lost, "lost".to_owned(), "no room, or failed".to_owned()));
    figures.push((damage, "damaged".to_owned(), "lines and gaps".to_owned()));
    markup.element("ul", &[("class", "figures")], |markup| {
        for (number, noun, more) in figures {
            markup.element("li", &[], |markup| {
                markup.leaf("b", &[], &grouped(number));
                markup.text(" ");
                markup.leaf("span", &[], &noun);
                if !more.is_empty() {
                    markup.text(" ");
                    markup.leaf("small", &[], &more);
                }
            });
        }
    });
}

fn noun(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{noun}{ending}")
}

fn missing(missing: Missing, markup: &mut Markup) {
    let rows = [
        (
            missing.dropped,
            "Dropped",
            "Events for which the buffer had no room.",
        ),
        (
            missing.refused,
            "Refused",
            "Events that consent or policy did not allow.",
        ),
        (
            missing.failed,
            "Failed",
            "Events that could not be written.",
        ),
        (missing.unreadable, "Unreadable", "Lines that are damaged."),
        (
            missing.gaps,
            "Gaps",
            "Segments that are missing or cannot be read.",
        ),
    ];
    if rows.iter().all(|(number, ..)| *number == 0) {
        let text = "Nothing: no event was dropped, refused or failed, each line could be read, and \
                    no segment is missing.";
        return markup.leaf("p", &[], text);
    }
    let mut table = PageTable::new(
        "What the figures on this page do not contain",
        [
            ("Kind", CellKind::Name),
            ("N", CellKind::Number),
            ("Meaning", CellKind::Text),
        ],
    );
    for (number, kind, meaning) in rows {
        table.push([
            kind.to_owned().into(),
            grouped(number).into(),
            meaning.to_owned().into(),
        ]);
    }
    table.draw(markup);
}

fn sums<'a>(
    (heading, noun): (&'static str, &str),
    rows: impl Iterator<Item = (&'a String, &'a RecordSums)>,
    style: TextStyle,
    markup: &mut Markup,
) {
    let caption = format!("The records of each {noun}, and what is missing of them");
    let mut table = PageTable::new(
        &caption,
        [
            (heading, CellKind::Name),
            ("Records", CellKind::Number),
            ("Errors", CellKind::Number),
            ("Warnings", CellKind::Number),
            ("Sessions", CellKind::Number),
            ("No end", CellKind::Number),
            ("Lost", CellKind::Number),
            ("Damaged", CellKind::Number),
            ("Last record", CellKind::Short),
        ],
    );
    for (name, sums) in rows {
        let numbers = [
            sums.records,
            sums.errors,
            sums.warnings,
            sums.sessions,
            sums.without_end,
            sums.lost,
            sums.unreadable + sums.gaps,
        ];
        let numbers = numbers.into_iter().map(|number| grouped(number).into());
        let cells = [name.clone().into()].into_iter().chain(numbers);
        table.push(cells.chain([style.minute(sums.last).into()]));
    }
    table.draw(markup);
}

fn sessions_and_versions(overview: &Overview, style: TextStyle, markup: &mut Markup) {
    let sessions = overview.sessions;
    let more = if sessions.is_cut_short {
        "More than "
    } else {
        ""
    };
    let median = sessions.median_seconds.map(text::length);
    let median =
        median.map(|median| format!(" Half of those that are over took at most {median}."));
    let text = format!(
        "{more}{}.{}",
        count(sessions.count, "session"),
        median.unwrap_or_default()
    );
    markup.leaf("p", &[], &text);
    let kinds = [
        (
            sessions.orderly,
            "Orderly",
            "The session ended as it should.",
        ),
        (sessions.running, "Running", "Its process still exists."),
        (
            sessions.withdrawn,
            "Withdrawn",
            "Consent ended while it recorded.",
        ),
        (
            sessions.without_end,
            "Without an end",
            "The process was killed, or its last records are missing.",
        ),
    ];
    let mut table = PageTable::new(
        "How sessions ended",
        [
            ("End", CellKind::Name),
            ("N", CellKind::Number),
            ("", CellKind::Bar),
            ("Meaning", CellKind::Text),
        ],
    );
    for (number, kind, meaning) in kinds {
        table.push([
            kind.to_owned().into(),
            grouped(number).into(),
            PageCell::counts(number, sessions.count),
            meaning.to_owned().into(),
        ]);
    }
    table.draw(markup);
    if !overview.versions.is_empty() {
        versions(&overview.versions, style, markup);
    }
}

fn versions(rows: &[VersionSessions], style: TextStyle, markup: &mut Markup) {
    let mut table = PageTable::new(
        "Versions, by the start of their sessions",
        [
            ("Application and version", CellKind::Name),
            ("Sessions", CellKind::Number),
            ("Records", CellKind::Number),
            ("Errors", CellKind::Number),
            ("First start", CellKind::Short),
            ("Last start", CellKind::Short),
        ],
    );
    let time = |time: Timestamp| style.minute(Some(time)).into();
    for row in rows {
        let version = row.version.as_deref().unwrap_or("(no version)");
        table.push([
            format!("{} {version}", row.application).into(),
            grouped(row.sessions).into(),
            grouped(row.records).into(),
            grouped(row.errors).into(),
            time(row.first),
            time(row.last),
        ]);
    }
    table.draw(markup);
}

fn storage(rows: &[StorageRow], markup: &mut Markup) {
    let mut table = PageTable::new(
        "What is stored, and the limits at which the oldest records are removed",
        [
            ("Application", CellKind::Name),
            ("Stored", CellKind::Number),
            ("Of the limit", CellKind::Bar),
            ("Most", CellKind::Number),
            ("Kept for", CellKind::Number),
        ],
    );
    for row in rows {
        table.push([
            row.name.clone().into(),
            size(row.bytes).into(),
            PageCell::counts(row.bytes, row.total_bytes_max),
            round_size(row.total_bytes_max).into(),
            age(row.age_seconds_max).into(),
        ]);
    }
    table.draw(markup);
}
