//! The overview as text: a screen of tables below each other.

use super::super::super::cells::{LongWords, wrapped};
use super::super::super::grid::{Grid, Side};
use super::super::super::quantity::{age, count, round_size, size};
use super::super::super::sanitize::Sanitized;
use super::super::numbers::{Quantiles, share, shown};
use super::super::overview::{
    DurationRow, ErrorRow, EventRow, LevelRow, Overview, RowsOf, TimeRows,
};
use super::super::recorders::{HostRow, RecordSums};
use super::{TextStyle, left_out, list_them, named, section};

/// Draws the overview.
pub(in super::super) fn overview(overview: &Overview, style: TextStyle) -> Vec<String> {
    let mut lines = vec![range_of(overview, style), missing(overview)];
    let has_several = overview.applications.len() > 1;
    if has_several && overview.records > 0 {
        section(&mut lines, &applications(overview, style), style);
    }
    if let Some(rows) = overview.several_hosts() {
        section(&mut lines, &hosts(rows, style), style);
        left_out(&mut lines, rows.more_rows, rows.uncounted_records);
    }
    if let Some(rows) = &overview.over_time {
        lines.push(String::new());
        lines.extend(histogram(rows, overview.levels, style));
    }
    if !overview.events.rows.is_empty() {
        section(
            &mut lines,
            &events(&overview.events, overview, style),
            style,
        );
        left_out(
            &mut lines,
            overview.events.more_rows,
            overview.events.uncounted_records,
        );
    }
    if !overview.errors.rows.is_empty() {
        section(
            &mut lines,
            &errors(&overview.errors, has_several, style),
            style,
        );
        left_out(
            &mut lines,
            overview.errors.more_rows,
            overview.errors.uncounted_records,
        );
    }
    if !overview.durations.rows.is_empty() {
        let durations = &overview.durations;
        section(&mut lines, &duration_table(durations, has_several), style);
        left_out(&mut lines, durations.more_rows, durations.uncounted_records);
    }
    if overview.records > 0 {
        lines.push(String::new());
        lines.extend(facts(overview, style));
        lines.push(list_them(&overview.show));
    }
    lines
}

/// Returns the lines about sessions, versions and the disk.
fn facts(overview: &Overview, style: TextStyle) -> Vec<String> {
    let mut lines = Vec::new();
    let sessions = overview.sessions;
    if sessions.count > 0 {
        let more = if sessions.is_cut_short {
            "more than "
        } else {
            ""
        };
        let kinds = [
            (sessions.orderly, "orderly"),
            (sessions.running, "running"),
            (sessions.withdrawn, "withdrawn"),
            (sessions.without_end, "without an end"),
        ];
        let kinds = kinds.into_iter().filter(|(number, _)| *number > 0);
        let kinds: Vec<String> = kinds
            .map(|(number, kind)| format!("{number} {kind}"))
            .collect();
        let median = sessions.median_seconds;
        let median = median.map(|median| format!("; median {}", length(median)));
        lines.push(format!(
            "sessions: {more}{}: {}{}",
            sessions.count,
            kinds.join(", "),
            median.unwrap_or_default()
        ));
    }
    let has_several = overview.applications.len() > 1;
    let versions = overview.versions.iter().filter_map(|row| {
        let name = named(&row.application, row.version.as_ref()?, has_several);
        Some(format!("{} ({})", Sanitized(&name), row.sessions))
    });
    let versions: Vec<String> = versions.collect();
    if !versions.is_empty() {
        let line = format!("versions: {}", versions.join(", "));
        let shown = wrapped(&line, style.cells, 10, LongWords::Kept);
        lines.extend(shown.lines().map(str::to_owned));
    }
    for row in &overview.storage {
        let of = if has_several {
            format!(" of {}", Sanitized(&row.name))
        } else {
            String::new()
        };
        lines.push(format!(
            "disk{of}: {} of {}, {}",
            size(row.bytes),
            round_size(row.total_bytes_max),
            age(row.age_seconds_max)
        ));
    }
    lines
}

/// Returns a length of time in its two largest units.
pub(in crate::stats) fn length(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a length of a session is not negative"
    )]
    let whole = seconds as u64;
    match whole {
        0 => format!("{} ms", shown(Some((seconds * 1000.0).round()))),
        1..60 => format!("{} s", shown(Some(seconds))),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86_400, whole / 3600 % 24),
    }
}

/// Returns the range of time and the number of records.
pub(in super::super) fn range_of(overview: &Overview, style: TextStyle) -> String {
    if overview.records == 0 {
        return "no records".to_owned();
    }
    let records = count(overview.records, "record");
    let of = match overview.applications.as_slice() {
        [] | [_] => String::new(),
        several => format!(" of {} applications", several.len()),
    };
    let of = match overview.several_hosts() {
        Some(hosts) => {
            let machines = hosts.rows.len() + hosts.more_rows;
            format!("{of} on {}", count(machines as u64, "machine"))
        }
        None => of,
    };
    format!(
        "{} to {}  {records}{of}",
        style.minute(overview.first),
        style.minute(overview.last)
    )
}

/// Says what is not in the numbers.
pub(in super::super) fn missing(overview: &Overview) -> String {
    let missing = overview.missing;
    let parts = [
        (missing.dropped, format!("{} dropped", missing.dropped)),
        (missing.refused, format!("{} refused", missing.refused)),
        (missing.failed, format!("{} failed", missing.failed)),
        (
            missing.unreadable,
            count(missing.unreadable, "unreadable line"),
        ),
        (missing.gaps, count(missing.gaps, "gap")),
    ];
    let found = parts.into_iter().filter(|(number, _)| *number > 0);
    let found: Vec<String> = found.map(|(_, text)| text).collect();
    if found.is_empty() {
        return "missing: nothing".to_owned();
    }
    format!("missing: {}", found.join(", "))
}

fn applications(overview: &Overview, style: TextStyle) -> Grid {
    let rows = overview.applications.iter();
    sums_table("APPLICATION", rows.map(|row| (&row.name, &row.sums)), style)
}

fn hosts(hosts: &RowsOf<HostRow>, style: TextStyle) -> Grid {
    let rows = hosts.rows.iter();
    sums_table("HOST", rows.map(|row| (&row.host, &row.sums)), style)
}

fn sums_table<'a>(
    heading: &str,
    rows: impl Iterator<Item = (&'a String, &'a RecordSums)>,
    style: TextStyle,
) -> Grid {
    let mut grid = Grid::new([
        (heading, Side::LeftCut),
        ("RECORDS", Side::Right),
        ("ERROR", Side::Right),
        ("WARN", Side::Right),
        ("SESSIONS", Side::Right),
        ("NO END", Side::Right),
        ("LOST", Side::Right),
        ("LAST", Side::Left),
    ]);
    for (name, sums) in rows {
        let last = sums.last.map(|last| style.short(last));
        let mut cells = vec![name.clone()];
        let numbers = [
            sums.records,
            sums.errors,
            sums.warnings,
            sums.sessions,
            sums.without_end,
            sums.lost,
        ];
        cells.extend(numbers.iter().map(u64::to_string));
        cells.push(last.unwrap_or_else(|| "-".to_owned()));
        grid.push(cells);
    }
    grid
}

/// Draws the numbers of records over time: a row for each kind of level that occurs.
fn histogram(rows: &TimeRows, levels: LevelRow, style: TextStyle) -> Vec<String> {
    let mut lines = Vec::new();
    let first = rows.buckets.first().map(|row| row.start.text(style.zone));
    lines.push(format!(
        "OVER TIME, a column is {}, from {}",
        a(&rows.bucket),
        first.unwrap_or_default()
    ));
    let kinds: [(&str, u64, LevelCount); 3] = [
        ("ERROR", levels.error, |row| row.error),
        ("WARN", levels.warn, |row| row.warn),
        ("others", levels.others(), |row| row.others()),
    ];
    for (name, total, of) in kinds {
        let values: Vec<u64> = rows.buckets.iter().map(|row| of(&row.levels)).collect();
        let most = values.iter().copied().max().unwrap_or(0);
        let at = values.iter().position(|value| *value == most);
        let at = at.and_then(|at| rows.buckets.get(at));
        let most = match at.filter(|_| most > 0) {
            Some(row) => format!("most {most}, {}", row.start.text(style.zone)),
            None => String::new(),
        };
        let columns = style.letters.columns(&values);
        lines.push(
            format!("{name:6}  {columns}  {total}, {most}")
                .trim_end_matches([' ', ','])
                .to_owned(),
        );
    }
    lines
}

/// Returns a number of records of a bucket.
type LevelCount = fn(&LevelRow) -> u64;

/// Returns the number of columns of a histogram that fit a screen beside its figures.
pub(in super::super) fn histogram_columns(cells: usize) -> i64 {
    i64::try_from(cells.saturating_sub(FIGURE_CELLS))
        .unwrap_or(0)
        .clamp(COLUMNS_MIN, COLUMNS_MAX)
}

/// The cells of what is written beside the columns.
const FIGURE_CELLS: usize = 46;

const COLUMNS_MIN: i64 = 10;
const COLUMNS_MAX: i64 = 60;

/// Returns a length of time with its article.
pub(in crate::stats) fn a(length: &str) -> String {
    match length.chars().next() {
        Some(first) if first.is_ascii_digit() => length.to_owned(),
        Some('h') => format!("an {length}"),
        Some(_) | None => format!("a {length}"),
    }
}

fn events(events: &RowsOf<EventRow>, overview: &Overview, style: TextStyle) -> Grid {
    let mut grid = Grid::new([
        ("EVENT", Side::LeftCut),
        ("N", Side::Right),
        ("SHARE", Side::Right),
        ("ERRORS", Side::Right),
        ("LAST", Side::Left),
    ]);
    for row in &events.rows {
        let name = match row.kind {
            "target" => format!("{} (no event)", row.name),
            _ => row.name.clone(),
        };
        grid.push([
            named(&row.application, &name, overview.applications.len() > 1),
            row.records.to_string(),
            share(row.records, overview.records),
            row.errors.to_string(),
            style.short(row.last),
        ]);
    }
    grid
}

fn errors(errors: &RowsOf<ErrorRow>, has_several: bool, style: TextStyle) -> Grid {
    let mut grid = Grid::new([
        ("ERRORS", Side::LeftCut),
        ("N", Side::Right),
        ("FIRST", Side::Left),
        ("LAST", Side::Left),
        ("LAST IS AT", Side::Left),
    ]);
    for row in &errors.rows {
        grid.push([
            named(&row.application, &row.message, has_several),
            row.records.to_string(),
            style.short(row.first),
            style.short(row.last),
            place(&row.example),
        ]);
    }
    grid
}

/// Returns the segment and the line of a place, without the application.
fn place(example: &str) -> String {
    let place = example.rsplit(": ").next().unwrap_or(example);
    place
        .strip_prefix("events.")
        .unwrap_or(place)
        .replace(".jsonl", "")
}

fn duration_table(durations: &RowsOf<DurationRow>, has_several: bool) -> Grid {
    let is_exact = durations
        .rows
        .iter()
        .all(|row| row.milliseconds.error == 0.0);
    let quantile = |name: &str| {
        if is_exact {
            name.to_owned()
        } else {
            format!("~{name}")
        }
    };
    let headings = ["P50 ms", "P95", "P99"].map(quantile);
    let [p50, p95, p99] = &headings;
    let mut grid = Grid::new([
        ("DURATION", Side::LeftCut),
        ("N", Side::Right),
        ("ERRORS", Side::Right),
        (p50, Side::Right),
        (p95, Side::Right),
        (p99, Side::Right),
        ("MAX", Side::Right),
    ]);
    for row in &durations.rows {
        let Quantiles {
            p50, p95, p99, max, ..
        } = row.milliseconds;
        let name = format!("{} {}", row.kind, row.name);
        grid.push([
            named(&row.application, &name, has_several),
            row.records.to_string(),
            share(row.errors, row.records),
            shown(p50),
            shown(p95),
            shown(p99),
            shown(max),
        ]);
    }
    grid
}
