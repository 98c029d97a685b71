//! The list of sessions as a table for people: on a terminal it has the width of the screen, the
//! time of the day, and a line for each day; elsewhere each row has the whole time.

use std::time::Duration;

use super::super::cells::{cut, width};
use super::super::days::ShownDay;
use super::super::palette::{Paint, Styles};
use super::super::quantity::length;
use super::super::sanitize::{Sanitized, push};
use super::super::screen::OutputKind;
use super::super::time::{Zone, moment};
use super::counting::Hosts;
use localtel::Level;
use localtel::read::tally::{RecordedSession, SessionEnding};

/// How a table is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableStyle {
    pub(super) zone: Zone,
    pub(super) sink: OutputKind,
    pub(super) styles: Styles,
    /// The width of the screen.
    pub(super) cells: usize,
}

/// A column.
#[derive(Debug)]
struct SessionColumn {
    heading: &'static str,
    alignment: CellAlignment,
    wide: usize,
    /// The cells of all rows, each with its style.
    cells: Vec<(String, Paint)>,
}

/// The side on which the cells of a column begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellAlignment {
    Left,
    Right,
}

impl SessionColumn {
    fn new(heading: &'static str, alignment: CellAlignment, cells: Vec<(String, Paint)>) -> Self {
        let widths = cells.iter().map(|(text, _)| width(text));
        Self {
            heading,
            alignment,
            wide: widths.max().unwrap_or(0).max(width(heading)),
            cells,
        }
    }

    /// Cuts the cells that are wider than that.
    fn cut(&mut self, cells: usize) {
        for (text, _) in &mut self.cells {
            *text = cut(text, cells).into_owned();
        }
        self.wide = cells;
    }
}

/// Returns the table of sessions, in their order.
pub(super) fn table(sessions: &[&RecordedSession], hosts: &Hosts, style: &TableStyle) -> Vec<u8> {
    let mut columns = columns(sessions, hosts, style);
    if style.sink == OutputKind::Terminal {
        fit(&mut columns, style.cells);
    }
    let mut out = Vec::new();
    let headings = columns
        .iter()
        .map(|column| (column.heading, style.styles.event));
    push_row(&mut out, &columns, headings);
    let mut last_day = None;
    for (index, session) in sessions.iter().enumerate() {
        if style.sink == OutputKind::Terminal {
            let day = ShownDay::of(style.zone.show(moment(session.start)));
            if last_day.replace(day) != Some(day) {
                style.styles.event.push(&mut out, |out| push(out, day));
                out.push(b'\n');
            }
        }
        let cells = columns.iter().filter_map(|column| {
            let (text, paint) = column.cells.get(index)?;
            Some((text.as_str(), *paint))
        });
        push_row(&mut out, &columns, cells);
    }
    out
}

/// Returns the columns, without those that have nothing to say.
fn columns(sessions: &[&RecordedSession], hosts: &Hosts, style: &TableStyle) -> Vec<SessionColumn> {
    use CellAlignment::{Left, Right};
    let plain = Paint::default();
    let column = |heading, alignment, cell: &dyn Fn(&RecordedSession) -> (String, Paint)| {
        let cells = sessions.iter().map(|session| cell(session)).collect();
        SessionColumn::new(heading, alignment, cells)
    };
    let text = |text: &str| (Sanitized(text).to_string(), plain);
    let number = |number: u64, level: Level| match number {
        0 => ("0".to_owned(), plain),
        number => (number.to_string(), style.styles.level(level)),
    };
    let mut columns = vec![
        column("START", Left, &|it| {
            (start_of(it, style), style.styles.time)
        }),
        column("LENGTH", Right, &|it| text(&shown_length(it.length()))),
    ];
    if hosts.number > 1 {
        columns.push(column("HOST", Left, &|it| {
            text(hosts.host(it).unwrap_or("-"))
        }));
    }
    let first = sessions.first().map(|first| &first.application);
    if sessions.iter().any(|it| Some(&it.application) != first) {
        columns.push(column("APP", Left, &|it| text(&it.application)));
    }
    if sessions.iter().any(|it| it.version.is_some()) {
        columns.push(column("VERSION", Left, &|it| {
            text(it.version.as_deref().unwrap_or("-"))
        }));
    }
    columns.push(column("PID", Right, &|it| {
        text(&it.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()))
    }));
    columns.push(column("RECORDS", Right, &|it| {
        text(&it.records.to_string())
    }));
    columns.push(column("ERRORS", Right, &|it| {
        number(it.errors, Level::Error)
    }));
    if sessions.iter().any(|it| it.losses.total() > 0) {
        columns.push(column("LOST", Right, &|it| {
            number(it.losses.total(), Level::Warn)
        }));
    }
    columns.push(column("END", Left, &|it| {
        let paint = match it.ending {
            SessionEnding::WithoutEnd => style.styles.level(Level::Warn),
            SessionEnding::Running => style.styles.event,
            SessionEnding::Orderly | SessionEnding::Withdrawn => plain,
        };
        (it.ending.to_string(), paint)
    }));
    columns
}

/// Returns the start of a session: on a terminal the time of its day.
fn start_of(session: &RecordedSession, style: &TableStyle) -> String {
    let start = moment(session.start);
    match style.sink {
        OutputKind::Terminal => {
            let (hour, minute, second) = style.zone.show(start).to_hms();
            format!("{hour:02}:{minute:02}:{second:02}")
        }
        OutputKind::Pipe => {
            let start = style.zone.text(start).to_string().replace('T', " ");
            // Up to the second; the zone is that of all times of this output.
            start.get(..SECOND_CHARACTERS).unwrap_or(&start).to_owned()
        }
    }
}

/// Number of characters of a date and a time up to the second.
const SECOND_CHARACTERS: usize = 19;

/// A session of one record has no length.
fn shown_length(spent: Duration) -> String {
    if spent.is_zero() {
        "-".to_owned()
    } else {
        length(spent)
    }
}

/// Cuts the names that make the rows wider than the screen.
fn fit(columns: &mut [SessionColumn], cells: usize) {
    for heading in ["HOST", "APP", "VERSION"] {
        let between = BETWEEN.len() * columns.len().saturating_sub(1);
        let used = columns.iter().map(|column| column.wide).sum::<usize>() + between;
        let named = columns.iter_mut().find(|column| column.heading == heading);
        if let Some(column) = named {
            let too_wide = used.saturating_sub(cells);
            let least = width(heading);
            column.cut(column.wide.saturating_sub(too_wide).max(least));
        }
    }
}

/// Adds a row of cells.
fn push_row<'a>(
    out: &mut Vec<u8>,
    columns: &[SessionColumn],
    cells: impl Iterator<Item = (&'a str, Paint)>,
) {
    let last = columns.len().saturating_sub(1);
    for (index, (column, (text, paint))) in columns.iter().zip(cells).enumerate() {
        let spaces = " ".repeat(column.wide.saturating_sub(width(text)));
        if index > 0 {
            push(out, BETWEEN);
        }
        if column.alignment == CellAlignment::Right {
            push(out, &spaces);
        }
        paint.push(out, |out| push(out, text));
        if column.alignment == CellAlignment::Left && index < last {
            push(out, &spaces);
        }
    }
    out.push(b'\n');
}

/// What is between two columns.
const BETWEEN: &str = "  ";
