//! The formats of records. Values from records reach the output only through `sanitize`, except
//! where the output is not a terminal and its format has rules of its own: JSON (the line as
//! stored) and CSV.

use std::borrow::Cow;
use std::ops::Range;

use super::cells::{LongWords, Padded, wrapped};
use super::columns::{CellContext, Columns};
use super::days::ShownDay;
use super::palette::Styles;
use super::row::{RowStart, ValueLength, push_row};
use super::sanitize::{SafeJson, Sanitized, is_plain_in_line, push, push_json, push_sanitized};
use super::screen::{Colour, OutputKind};
use super::time::{Zone, moment};
use super::{csv, table, tsv};
use localtel::read::Timestamp;
use localtel::read::raw::{Object, RawRecord, RawText};

/// A format of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One line for each record.
    Short,
    /// A block for each record, with all of its values.
    Pretty,
    /// The line as it is stored.
    Json,
    /// Columns: a table on a terminal, else tab-separated values.
    Fields,
    /// Tab-separated values, with a row of headings.
    Tsv,
    /// Comma-separated values, with a row of headings.
    Csv,
}

/// What is shown of the input of a record.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowLabel<'a> {
    /// Names it in a row: the first column, and on a terminal the one behind the level.
    pub(crate) column: &'a [u8],
    /// The machine that recorded, in blocks and in columns of its own.
    pub(crate) host: Option<&'a str>,
}

/// The settings for writing records.
#[derive(Debug, Clone)]
pub(crate) struct View {
    format: Format,
    zone: Zone,
    sink: OutputKind,
    styles: Styles,
    rows: RowLayout,
    columns: Columns,
}

/// The layout of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowLayout {
    /// The time as stored, and whole values.
    Stored,
    /// The time of the day, whose date is on a line of its own, and values that are cut.
    Cut,
    /// The same with whole values, wrapped at that width.
    Wrapped(usize),
}

impl View {
    /// Returns a view for this kind of output.
    pub(crate) fn new(format: Format, zone: Zone, sink: OutputKind, colour: Colour) -> Self {
        Self {
            format,
            zone,
            sink,
            styles: Styles::new(colour),
            rows: match sink {
                OutputKind::Terminal => RowLayout::Cut,
                OutputKind::Pipe => RowLayout::Stored,
            },
            columns: Columns::default(),
        }
    }

    /// Shows these columns, if the format has columns.
    pub(crate) fn with_columns(mut self, columns: Columns) -> Self {
        self.columns = columns;
        self
    }

    /// Returns `true` if the output is a table, for [`TableWriter`](table::TableWriter).
    pub(crate) fn is_table(&self) -> bool {
        (self.format, self.sink) == (Format::Fields, OutputKind::Terminal)
    }

    /// Wraps the rows on a terminal of that width.
    pub(crate) fn wrapped_at(mut self, cells: usize) -> Self {
        self.rows = match self.rows {
            RowLayout::Stored => RowLayout::Stored,
            RowLayout::Cut | RowLayout::Wrapped(_) => RowLayout::Wrapped(cells),
        };
        self
    }

    /// Returns the day of a time, if rows have only the time of the day.
    pub(crate) fn day_of(&self, time: impl FnOnce() -> Timestamp) -> Option<ShownDay> {
        let has_clock = match self.format {
            Format::Short => self.rows != RowLayout::Stored,
            Format::Fields => self.is_table() && self.columns.has_time(),
            Format::Pretty | Format::Json | Format::Tsv | Format::Csv => false,
        };
        has_clock.then(|| ShownDay::of(self.zone.show(moment(time()))))
    }

    /// Returns the line for records that are left out, for formats that people read.
    pub(crate) fn separator(&self) -> &'static [u8] {
        match self.format {
            Format::Short | Format::Pretty => b"--\n",
            Format::Json | Format::Fields | Format::Tsv | Format::Csv => b"",
        }
    }

    /// Adds the line of a day.
    pub(crate) fn push_day(&self, out: &mut Vec<u8>, day: ShownDay) {
        self.styles.event.push(out, |out| push(out, day));
        out.push(b'\n');
    }

    /// Returns the row of headings before the first record.
    pub(crate) fn header(&self) -> Vec<u8> {
        let (mut out, headings) = (Vec::new(), self.columns.headings());
        match self.format {
            Format::Csv => csv::push_headings(&mut out, headings, self.sink),
            Format::Tsv => tsv::push_headings(&mut out, headings, self.sink),
            Format::Fields if self.is_table() => {
                table::push_headings(&mut out, headings, &self.styles);
            }
            Format::Short | Format::Pretty | Format::Json | Format::Fields => {}
        }
        out
    }

    /// Returns `true` if the line itself is shown.
    pub(crate) fn is_line(&self) -> bool {
        self.format == Format::Json
    }

    /// Adds one record; `line` has the stored bytes.
    pub(crate) fn push(
        &self,
        out: &mut Vec<u8>,
        label: RowLabel<'_>,
        line: &[u8],
        raw: &RawRecord<'_>,
    ) {
        match self.format {
            Format::Short => self.push_row(out, label.column, raw),
            Format::Pretty => self.push_pretty(out, label.host, raw),
            Format::Json => {
                match self.sink {
                    OutputKind::Pipe => out.extend_from_slice(line),
                    OutputKind::Terminal => push(out, SafeJson(&String::from_utf8_lossy(line))),
                }
                out.push(b'\n');
            }
            Format::Fields | Format::Tsv | Format::Csv => self.push_cells(out, label.host, raw),
        }
    }

    fn push_cells(&self, out: &mut Vec<u8>, host: Option<&str>, raw: &RawRecord<'_>) {
        let timestamp = self.time_of(raw);
        let clock;
        let time = if self.is_table() {
            clock = self.clock_of(raw);
            &clock
        } else {
            &timestamp
        };
        let context = CellContext {
            time,
            timestamp: &timestamp,
            host,
        };
        let cells = self.columns.cells(raw, context);
        match self.format {
            Format::Csv => csv::push_cells(out, &cells, self.sink),
            Format::Fields if self.is_table() => table::push_cells(out, &cells),
            Format::Short | Format::Pretty | Format::Json | Format::Fields | Format::Tsv => {
                tsv::push_cells(out, &cells, self.sink);
            }
        }
    }

    fn push_row(&self, out: &mut Vec<u8>, label: &[u8], raw: &RawRecord<'_>) {
        let styles = &self.styles;
        match self.rows {
            RowLayout::Stored => {
                out.extend_from_slice(label);
                push_row(out, raw, &self.row(raw, b""), styles);
            }
            RowLayout::Cut => push_row(out, raw, &self.row(raw, label), styles),
            RowLayout::Wrapped(cells) => {
                let mut row = Vec::new();
                push_row(&mut row, raw, &self.row(raw, label), styles);
                let row = String::from_utf8_lossy(&row);
                push(out, wrapped(&row, cells, ROW_INDENT, LongWords::Broken));
            }
        }
        out.push(b'\n');
    }

    /// Returns what the layout decides of a row.
    fn row<'a>(&self, raw: &RawRecord<'a>, label: &'a [u8]) -> RowStart<'a> {
        let (time, length) = match self.rows {
            RowLayout::Stored => (self.time_of(raw), ValueLength::Whole),
            RowLayout::Cut => (self.clock_of(raw), ValueLength::Cut),
            RowLayout::Wrapped(_) => (self.clock_of(raw), ValueLength::Whole),
        };
        RowStart {
            time,
            label,
            length,
        }
    }

    fn push_pretty(&self, out: &mut Vec<u8>, host: Option<&str>, raw: &RawRecord<'_>) {
        let styles = &self.styles;
        let time = self.time_of(raw);
        styles.time.push(out, |out| out.extend_from_slice(&time));
        out.push(b' ');
        let level = raw.level;
        styles.level(level).push(out, |out| push(out, level));
        out.push(b' ');
        styles
            .target
            .push(out, |out| push_sanitized(out, raw.target));
        out.push(b'\n');
        if let Some(host) = host {
            out.extend_from_slice(b"  ");
            styles.key.push(out, |out| push(out, "host"));
            push(out, format_args!("       {}\n", Sanitized(host)));
        }
        let parts = [
            ("event", raw.event),
            ("message", raw.message),
            ("source", Some(raw.source)),
            ("session", Some(raw.session)),
        ];
        for (name, part) in parts {
            let Some(part) = part else { continue };
            out.extend_from_slice(b"  ");
            styles.key.push(out, |out| push(out, name));
            push_marked_lines(out, part, PART_CELLS.saturating_sub(name.len()));
            if name == "session" {
                push(out, format_args!(" #{}", raw.seq));
            }
            out.push(b'\n');
        }
        if !raw.properties.is_empty() {
            out.extend_from_slice(b"  properties\n");
        }
        self.push_block(out, raw.properties);
        for (name, properties) in raw.spans.iter() {
            out.extend_from_slice(b"  span ");
            push_sanitized(out, name);
            out.push(b'\n');
            self.push_block(out, properties);
        }
        if raw.spans_left_out > 0 {
            push(
                out,
                format_args!("  spans left out: {}\n", raw.spans_left_out),
            );
        }
        out.push(b'\n');
    }

    fn push_block(&self, out: &mut Vec<u8>, properties: Object<'_>) {
        for (name, json) in properties.raw_members() {
            out.extend_from_slice(b"    ");
            self.styles.key.push(out, |out| push_sanitized(out, name));
            out.extend_from_slice(b" =");
            if let Some(text) = json.text() {
                push_marked_lines(out, text, 1);
            } else {
                out.push(b' ');
                push_json(out, json);
            }
            out.push(b'\n');
        }
    }

    /// Returns the time of the day of a record as shown, in milliseconds.
    fn clock_of<'a>(&self, raw: &RawRecord<'a>) -> Cow<'a, [u8]> {
        if self.zone == Zone::UTC {
            let clock = raw.timestamp.bytes().get(CLOCK);
            return Cow::Borrowed(clock.unwrap_or_default());
        }
        let time = self.zone.show(moment(raw.time()));
        let (hour, minute, second, milli) = time.to_hms_milli();
        let clock = format!("{hour:02}:{minute:02}:{second:02}.{milli:03}");
        Cow::Owned(clock.into_bytes())
    }

    /// Returns the time of a record as shown.
    fn time_of<'a>(&self, raw: &RawRecord<'a>) -> Cow<'a, [u8]> {
        if self.zone == Zone::UTC {
            return Cow::Borrowed(raw.timestamp.bytes());
        }
        let time = self.zone.text(moment(raw.time()));
        Cow::Owned(time.to_string().into_bytes())
    }
}

/// The time of the day in a stored time, up to its milliseconds.
const CLOCK: Range<usize> = 11..23;

/// The width of the names of parts in a block, with the space behind them.
const PART_CELLS: usize = 11;

/// The indent of a wrapped row after its first line.
const ROW_INDENT: usize = 4;

/// Adds a text of a block after that many spaces. If it has several lines, each is on a line of its
/// own after a mark, so that none resembles a line of localtel.
fn push_marked_lines(out: &mut Vec<u8>, text: RawText<'_>, spaces: usize) {
    if is_plain_in_line(text) {
        push(out, Padded("", spaces));
        return out.extend_from_slice(text.bytes());
    }
    let text = text.decoded();
    let text = text.strip_suffix('\n').unwrap_or(&text);
    if !text.contains('\n') {
        return push(out, format_args!("{:spaces$}{}", "", Sanitized(text)));
    }
    for line in text.split('\n') {
        push(out, format_args!("\n      | {}", Sanitized(line)));
    }
}

#[cfg(test)]
mod tests {
    use time::UtcOffset;

    use super::super::columns::HostKey;
    use super::super::sanitize::tests::{HOSTILE, is_safe};
    use super::*;
    use localtel::read::Record;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"project list","duration":871,"args":["a",1]},"spans":[{"name":"request","properties":{"id":7}},{"name":"inner"}]}"#;

    fn view(format: Format, sink: OutputKind, colour: Colour) -> View {
        View::new(format, Zone::UTC, sink, colour)
    }

    fn shown(view: &View, line: &str) -> String {
        let record = Record::parse(line.as_bytes()).unwrap();
        let rewritten = serde_json::to_vec(&record).unwrap();
        let raw = RawRecord::at(&rewritten).unwrap();
        let mut out = Vec::new();
        view.push(&mut out, RowLabel::default(), line.as_bytes(), &raw);
        String::from_utf8(out).unwrap()
    }

    fn hostile_line(text: &str) -> String {
        let value = serde_json::json!({
            "timestamp": "2026-11-21T08:15:30.123456Z", "level": "INFO", "source": text,
            "target": text, "event": text, "message": text,
            "session": "01936f0e-0000-7000-8000-000000000000", "seq": 1,
            "properties": { text: text, "list": [text, { text: text }] },
            "spans": [{ "name": text, "properties": { text: text } }],
        });
        value.to_string()
    }

    #[test]
    fn short_is_one_line_with_all_values() {
        let view = view(Format::Short, OutputKind::Pipe, Colour::Off);
        assert_eq!(
            shown(&view, LINE),
            "2026-11-21T08:15:30.123456Z INFO  ticloud::project command: listed projects \
             command=\"project list\" duration=871 args=[\"a\",1] request{id=7} inner\n"
        );
    }

    #[test]
    fn a_row_on_a_terminal_has_the_local_time_of_its_day() {
        let offset = UtcOffset::from_hms(-9, 0, 0).unwrap();
        for (zone, clock, day) in [
            (Zone::UTC, "08:15:30.123", "2026-11-21 Saturday UTC"),
            (
                Zone::Fixed(offset),
                "23:15:30.123",
                "2026-11-20 Friday UTC-09:00",
            ),
        ] {
            let view = View::new(Format::Short, zone, OutputKind::Terminal, Colour::Off);
            let row = shown(&view, LINE);
            assert!(row.starts_with(&format!("{clock} INFO  ticloud::project command: listed")));
            let time = "2026-11-21T08:15:30.123456Z".parse().unwrap();
            assert_eq!(view.day_of(|| time).unwrap().to_string(), day);
        }
    }

    #[test]
    fn a_wrapped_row_is_whole_and_as_wide_as_the_terminal() {
        let view = view(Format::Short, OutputKind::Terminal, Colour::Off).wrapped_at(60);
        let line = LINE.replace("project list", &"x".repeat(100));
        let row = shown(&view, &line);
        assert!(row.lines().count() > 3, "{row}");
        assert!(row.lines().all(|line| line.len() <= 60), "{row}");
        assert!(
            row.lines().skip(1).all(|line| line.starts_with("    ")),
            "{row}"
        );
        assert!(
            row.replace("\n    ", "").contains(&"x".repeat(100)),
            "{row}"
        );
    }

    #[test]
    fn the_message_of_an_error_is_bold() {
        let shown_as = |level| {
            let view = view(Format::Short, OutputKind::Terminal, Colour::On);
            shown(&view, &LINE.replace("INFO", level))
        };
        let bold = "\x1b[1mlisted projects\x1b[0m";
        assert!(shown_as("ERROR").contains(bold));
        assert!(!shown_as("INFO").contains(bold));
    }

    #[test]
    fn pretty_is_a_block_with_everything() {
        let view = view(Format::Pretty, OutputKind::Pipe, Colour::Off);
        let line = LINE.replace("listed projects", "one\\ntwo");
        assert_eq!(
            shown(&view, &line),
            "2026-11-21T08:15:30.123456Z INFO ticloud::project\n  \
             event      command\n  \
             message\n      | one\n      | two\n  \
             source     ticloud\n  \
             session    01936f0e-0000-7000-8000-000000000000 #12\n  \
             properties\n    command = project list\n    duration = 871\n    args = [\"a\",1]\n  \
             span request\n    id = 7\n  \
             span inner\n\n"
        );
    }

    #[test]
    fn each_format_shows_the_number_of_omitted_spans() {
        let line = LINE.replacen("\"inner\"}]", "\"inner\"}],\"spans_left_out\":36", 1);
        for (format, expected) in [
            (Format::Short, " inner spans_left_out=36\n"),
            (Format::Pretty, "  span inner\n  spans left out: 36\n\n"),
            (Format::Json, ",\"spans_left_out\":36}\n"),
        ] {
            let shown = shown(&view(format, OutputKind::Pipe, Colour::Off), &line);
            assert!(shown.ends_with(expected), "{shown}");
        }
    }

    #[test]
    fn json_to_a_pipe_is_the_line_as_stored() {
        let line = hostile_line("\u{9b}\u{202e}\x7f");
        let piped = shown(&view(Format::Json, OutputKind::Pipe, Colour::Off), &line);
        assert_eq!(piped, line + "\n");
    }

    #[test]
    fn a_hostile_record_stays_on_its_line_in_every_format() {
        for text in HOSTILE {
            let line = hostile_line(text);
            for format in [Format::Short, Format::Json] {
                let shown = shown(&view(format, OutputKind::Terminal, Colour::Off), &line);
                assert!(is_safe(&shown, 1), "{format:?} {shown:?}");
            }
            let keys = [text.to_owned(), "list".to_owned()];
            let all = Columns::with_keys(&keys, &["span"], HostKey::Property);
            for format in [Format::Csv, Format::Tsv, Format::Fields] {
                let view = view(format, OutputKind::Terminal, Colour::Off);
                let view = view.with_columns(all.clone());
                let cells = String::from_utf8(view.header()).unwrap() + &shown(&view, &line);
                let cells = cells.replace("\r\n", "\n").replace(['\t', '\x1f'], " ");
                assert!(is_safe(&cells, 2), "{format:?} {cells:?}");
            }
            let block = shown(
                &view(Format::Pretty, OutputKind::Terminal, Colour::Off),
                &line,
            );
            assert!(is_safe(&block, block.matches('\n').count()), "{block:?}");
            let is_ours = |line: &str| line.is_empty() || line.starts_with("  ");
            assert!(block.lines().skip(1).all(is_ours), "{block:?}");
        }
    }

    #[test]
    fn colour_changes_nothing_but_the_colour() {
        let escape = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
        for format in [Format::Short, Format::Pretty] {
            let coloured = shown(&view(format, OutputKind::Terminal, Colour::On), LINE);
            let plain = shown(&view(format, OutputKind::Terminal, Colour::Off), LINE);
            assert!(coloured.contains("\x1b["), "{coloured:?}");
            assert_eq!(escape.replace_all(&coloured, ""), plain);
        }
    }

    #[test]
    fn times_are_shown_in_the_zone_with_its_offset() {
        let offset = UtcOffset::from_hms(-3, -30, 0).unwrap();
        let view = View::new(
            Format::Short,
            Zone::Fixed(offset),
            OutputKind::Pipe,
            Colour::Off,
        );
        assert!(shown(&view, LINE).starts_with("2026-11-21T04:45:30.123456-03:30 INFO"));
    }
}
